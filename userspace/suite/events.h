/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mm does to memory while a pin is held, see events.c.
 */
#ifndef PINSCOPE_EVENTS_H
#define PINSCOPE_EVENTS_H

#include "fixture.h"

enum event_trait {
	/* It leaves a PMD whole, and comes before the fork, which splits that of a pinned THP. */
	EVENT_BEFORE_FORK	= 1 << 0,
	/* It takes the page away from private mappings: such events come last. */
	EVENT_TAKES_PRIVATE	= 1 << 1,
	/* Likewise from shared ones, and from the file. */
	EVENT_TAKES_SHARED	= 1 << 2,
};

/**
 * struct event - something that happens to pinned memory
 * @property: what is asked afterwards; rules_apply() says to which scenarios it happens
 * @happen: makes it happen to the page under test. Returns VERDICT_PASS, also if mm
 *	refuses it and that makes no difference; VERDICT_NONE if it does; VERDICT_SKIP if it is
 *	not possible here, and VERDICT_FAIL if it has failed in itself, with the reason in the
 *	fixture
 * @traits: enum event_trait
 */
struct event {
	enum property property;
	enum verdict (*happen)(struct fixture *f);
	unsigned int traits;
};

extern const struct event events[];
extern const size_t nr_events;

#endif
