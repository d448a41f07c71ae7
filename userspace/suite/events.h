/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mm does to memory while a pin is held, see events.c.
 */
#ifndef PINSCOPE_EVENTS_H
#define PINSCOPE_EVENTS_H

#include "fixture.h"

/**
 * struct event - something that happens to pinned memory
 * @property: what is asked afterwards; rules_apply() says to which scenarios it happens
 * @happen: makes it happen to the page under test. Returns VERDICT_PASS, also if mm
 *	refuses it and that makes no difference; VERDICT_NONE if it does; VERDICT_SKIP if it is
 *	not possible here, and VERDICT_FAIL if it has failed in itself, with the reason in the
 *	fixture
 * @takes_private: it takes the page away from private mappings
 * @takes_shared: likewise from shared ones, and from the file. What takes anything comes last
 * @before_fork: it leaves a PMD whole, and happens before the process forks: that splits the PMD
 *	of a pinned THP
 */
struct event {
	enum property property;
	enum verdict (*happen)(struct fixture *f);
	bool takes_private, takes_shared, before_fork;
};

extern const struct event events[];
extern const size_t nr_events;

#endif
