/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules: from what the memory is and what is asked, to what must happen.
 * Pure functions: they look at nothing but their arguments. What some kernel does
 * is no source of them.
 */
#ifndef PINSCOPE_RULES_H
#define PINSCOPE_RULES_H

#include "suite.h"

/* What a pin does to the page that the process has mapped. */
enum outcome {
	OUTCOME_REFUSED,	/* the call fails */
	OUTCOME_STAYS,		/* the page is pinned where it is */
	OUTCOME_COPIED,		/* mm replaces it by an exclusive copy, and pins that */
	OUTCOME_REUSED,		/* mm makes it exclusive where it is, and pins it */
	OUTCOME_REUSED_OR_COPIED, /* either, as mm finds references of others */
};

/**
 * rules_outcome() - what the call must do
 * @s: the scenario
 * @before: the page before it: @state, @folio_order and @map_shift are used
 * @page_shift: log2 of the bytes of a base page
 *
 * Return: the outcome.
 */
enum outcome rules_outcome(const struct scenario *s, const struct pinscope_page *before,
			   unsigned int page_shift);

/**
 * rules_errno() - what the call fails with when it must fail
 * @s: the scenario
 *
 * Return: a negative errno. Instead of EFAULT, EEXIST is as good: GUP finds a PFN
 * without a page, which is no error to callers that want no page.
 */
int rules_errno(const struct scenario *s);

/**
 * rules_apply() - does a property apply to a scenario?
 * @s: the scenario
 * @property: the property
 *
 * Return: whether a verdict is due, if the scenario comes as far as that.
 */
bool rules_apply(const struct scenario *s, enum property property);

/**
 * rules_exist() - does a scenario make sense?
 * @s: the scenario
 * @info: what the kernel has
 *
 * Return: whether it does.
 */
bool rules_exist(const struct scenario *s, const struct pinscope_info *info);

/**
 * rules_takes_pins() - does the request pin, or only take a reference?
 * @s: the scenario
 *
 * Return: whether it pins.
 */
bool rules_takes_pins(const struct scenario *s);

/**
 * rules_is_lasting() - must each side see the other's later writes?
 * @s: the scenario
 *
 * Return: whether a pin is held that promises so.
 */
bool rules_is_lasting(const struct scenario *s);

#endif
