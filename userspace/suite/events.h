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
 *	refuses it; VERDICT_SKIP if it is not possible here, and VERDICT_FAIL if it has failed
 *	in itself, with the reason in the fixture
 */
struct event {
	enum property property;
	enum verdict (*happen)(struct fixture *f);
};

extern const struct event events[];
extern const size_t nr_events;

#endif
