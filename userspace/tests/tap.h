/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test is a function of expectations. Each test runs in a process of its own,
 * so that one that crashes or hangs fails alone, and is reported in TAP.
 *
 * A failed expectation prints the expression, the expected and the found value,
 * and the test goes on; need() and need_ok() end the test. The arguments after
 * the values are a format and what it takes: they may be left out.
 */
#ifndef PINSCOPE_TAP_H
#define PINSCOPE_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "../lib/pinscope.h"

struct abi_fixture;

/**
 * struct test - a row of a table of tests
 * @name: of the test; NULL ends a table
 * @run: the test
 * @pages: base pages of memory that the fixture has
 * @populated: the memory of the fixture has been written to
 */
struct test {
	const char *name;
	void (*run)(struct abi_fixture *f);
	unsigned int pages;
	bool populated;
};

#define TEST(name, run)				{ name, run, 0, false }
#define TEST_PAGES(name, run, pages)		{ name, run, pages, false }
#define TEST_POPULATED(name, run, pages)	{ name, run, pages, true }

/**
 * struct tap_hooks - what the program does around each test
 * @run: runs a test with its fixture, in the process of the test
 * @nothing_left: called after each test, in the parent: says whether nothing
 *	is left behind, and prints what is
 */
struct tap_hooks {
	void (*run)(const struct test *test);
	bool (*nothing_left)(void);
};

/**
 * tap_run() - run tests
 * @tables: of tests
 * @nr: how many tables
 * @argc: of main()
 * @argv: of main(): globs of the names of the tests to run, or none for all
 * @hooks: see there
 *
 * Return: exit status of the program: 0 when all tests passed.
 */
int tap_run(const struct test *const *tables, size_t nr, int argc, char **argv,
	    const struct tap_hooks *hooks);

/* End the test that runs: this machine or kernel lacks something; say what to do. */
__attribute__((noreturn, format(printf, 1, 2)))
void tap_skip(const char *format, ...);

/*
 * End the test that runs, and leave it out of the results: this kernel does not have
 * what is tested, and nothing that the user can set up changes that. What to say is
 * printed in a comment.
 */
__attribute__((noreturn, format(printf, 1, 2)))
void tap_leave_out(const char *format, ...);

/* Each failure from now on is printed with this text, for example in a loop. */
__attribute__((format(printf, 1, 2)))
void tap_context(const char *format, ...);

/* The place of an expectation, as the functions below take it. */
struct tap_place {
	const char *file;
	int line;
};

#define TAP_HERE	((struct tap_place) { __FILE__, __LINE__ })

/* What the macros below call. Each returns whether the expectation is met. */
struct tap_value {
	unsigned long long bits;
	bool is_signed;
};

#define tap_value(x)							\
	((struct tap_value) {						\
		(unsigned long long)(x),				\
		((__typeof__(x))-1) < (__typeof__(x))1 })

__attribute__((format(printf, 3, 4)))
bool tap_failed(struct tap_place at, const char *finding,
		const char *format, ...);
__attribute__((format(printf, 7, 8)))
bool tap_compare(struct tap_place at, const char *text,
		 struct tap_value found, const char *op, const char *want_text,
		 struct tap_value want, const char *format, ...);
__attribute__((format(printf, 5, 6)))
bool tap_ret(struct tap_place at, const char *text, int found, int want,
	     const char *format, ...);
__attribute__((format(printf, 4, 5)))
bool tap_sys(struct tap_place at, bool good, const char *text,
	     const char *format, ...);
__attribute__((format(printf, 5, 6)))
bool tap_str(struct tap_place at, const char *text, const char *found,
	     const char *want, const char *format, ...);
__attribute__((format(printf, 6, 7)))
bool tap_mem(struct tap_place at, const char *text, const void *found,
	     const void *want, size_t len, const char *format, ...);
__attribute__((format(printf, 7, 8)))
bool tap_bits(struct tap_place at, const char *text,
	      const struct pinscope_name *names, uint64_t found, uint64_t has,
	      uint64_t hasnt, const char *format, ...);

/* A condition that has no values to show. */
#define expect(cond, ...)						\
	((cond) ? true :						\
	 tap_failed(TAP_HERE, "not true: " #cond, ": " __VA_ARGS__))

/* A failure that the test has found by itself, in a few words. */
#define fail(finding, ...) tap_failed(TAP_HERE, finding, ": " __VA_ARGS__)

/* Compare integers, of any size and sign. */
#define tap_op(found, op, want, ...)					\
	tap_compare(TAP_HERE, #found, tap_value(found), op, #want,	\
		    tap_value(want), ": " __VA_ARGS__)
#define expect_eq(found, want, ...)	tap_op(found, "==", want, __VA_ARGS__)
#define expect_ne(found, want, ...)	tap_op(found, "!=", want, __VA_ARGS__)
#define expect_gt(found, want, ...)	tap_op(found, ">", want, __VA_ARGS__)
#define expect_ge(found, want, ...)	tap_op(found, ">=", want, __VA_ARGS__)
#define expect_le(found, want, ...)	tap_op(found, "<=", want, __VA_ARGS__)

/* 0 is success, a negative number is an errno and is printed by name. */
#define expect_ret(ret, want, ...)					\
	tap_ret(TAP_HERE, #ret, ret, want, ": " __VA_ARGS__)
#define expect_ok(ret, ...)	expect_ret(ret, 0, __VA_ARGS__)

/* A system call: errno explains why it failed. */
#define expect_sys(cond, ...)						\
	tap_sys(TAP_HERE, cond, #cond, ": " __VA_ARGS__)

/* Two strings are equal; so are two areas of memory. */
#define expect_str(found, want, ...)					\
	tap_str(TAP_HERE, #found, found, want, ": " __VA_ARGS__)
#define expect_mem(found, want, len, ...)				\
	tap_mem(TAP_HERE, #found, found, want, len, ": " __VA_ARGS__)

/* All bits of @has are set in @found, none of @hasnt; printed by name. */
#define expect_bits(names, found, has, hasnt, ...)			\
	tap_bits(TAP_HERE, #found, names, found, has, hasnt, ": " __VA_ARGS__)

/* Expectations without which the rest of the test makes no sense. */
#define tap_need(met)							\
	do {								\
		if (!(met))						\
			_exit(1);					\
	} while (0)
#define need(cond, ...)							\
	do {								\
		if (!(cond)) {						\
			fail("not true: " #cond, __VA_ARGS__);		\
			_exit(1);					\
		}							\
	} while (0)
#define need_eq(found, want, ...) tap_need(expect_eq(found, want, __VA_ARGS__))
#define need_ok(ret, ...)	tap_need(expect_ok(ret, __VA_ARGS__))
#define need_sys(cond, ...)	tap_need(expect_sys(cond, __VA_ARGS__))

#endif
