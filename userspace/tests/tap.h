/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test is a function. Each runs in a process of its own, so that one that
 * crashes or hangs fails alone, and is reported in TAP.
 */
#ifndef PINSCOPE_TAP_H
#define PINSCOPE_TAP_H

#include <stdbool.h>
#include <stddef.h>

struct test {
	const char *name;	/* NULL ends a table */
	void (*run)(void);
};

/**
 * tap_run() - run tests
 * @tables: which
 * @nr: how many tables
 * @argc: of main()
 * @argv: of main(): globs of the names of the tests to run, or none for all
 * @clean: called after each test in the parent: is nothing left behind?
 *
 * Return: exit status of the program: whether all passed.
 */
int tap_run(const struct test *const *tables, size_t nr, int argc, char **argv,
	    bool (*clean)(void));

/* End the test that runs: it cannot be had here, for this reason. */
__attribute__((noreturn, format(printf, 1, 2)))
void tap_skip(const char *format, ...);

/* Something is not as it should be; the test goes on. */
__attribute__((format(printf, 3, 4)))
void tap_fail(const char *file, int line, const char *format, ...);

#define expect(cond, format, ...)					\
	((cond) ? true :						\
	 (tap_fail(__FILE__, __LINE__, "%s: " format, #cond,		\
		   ##__VA_ARGS__), false))

/* Without which the rest of the test makes no sense. */
#define need(cond, format, ...)						\
	do {								\
		if (!expect(cond, format, ##__VA_ARGS__))		\
			_exit(1);					\
	} while (0)

#endif
