/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel bugs that are known: the file `errata`, which is compiled in. It
 * describes its own format.
 */
#ifndef PINSCOPE_ERRATA_H
#define PINSCOPE_ERRATA_H

#include <stdbool.h>

/* The file, as it was when this was compiled. */
extern const char errata_text[];

enum erratum_effect {
	EFFECT_FAIL,		/* always */
	EFFECT_HANG,		/* always, by never returning */
	EFFECT_SOMETIMES,
};

/**
 * struct erratum - what the running kernel is known to get wrong
 * @id: its section in the file
 * @what: a sentence
 * @effect: what it does to the test cases that it names
 * @passed: how many of those have passed; counted by the caller
 * @failed: how many have failed
 */
struct erratum {
	const char *id;
	const char *what;
	enum erratum_effect effect;
	unsigned int passed;
	unsigned int failed;
};

/**
 * errata_find() - is a test case known to fail on the running kernel?
 * @name: of the test case
 *
 * Return: the first erratum that names it, or NULL.
 */
struct erratum *errata_find(const char *name);

/**
 * errata_next() - go through the errata of the running kernel
 * @last: the one before, or NULL
 *
 * Return: the next one, or NULL.
 */
struct erratum *errata_next(struct erratum *last);

/**
 * erratum_is_unexpected_pass() - did all pass that should have failed?
 * @erratum: with its counts; everything that it names has run
 *
 * Return: whether some test cases passed and none failed, of an erratum whose test
 * cases always fail.
 */
bool erratum_is_unexpected_pass(const struct erratum *erratum);

#endif
