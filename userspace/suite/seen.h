/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a process passes to GUP, as kprobes on its functions see it. That needs neither
 * the module's word nor the pinner's.
 */
#ifndef PINSCOPE_SEEN_H
#define PINSCOPE_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "suite.h"

/**
 * struct seen_call - a call of GUP
 * @call: enum pinscope_call
 * @gup_flags: PINSCOPE_FOLL_*
 * @unknown: bits of the kernel that stand for none of these
 */
struct seen_call {
	unsigned int call;
	uint64_t gup_flags;
	uint32_t unknown;
};

/**
 * seen_want() - say whether the scenario that follows is watched
 * @on: whether; not before the first call
 * @fd: from pinscope_open(), to find out the numbers of the flags by
 *
 * Before any memory of the scenario is made, since it may fork.
 */
void seen_want(bool on, int fd);

/* What seen_want() was told. */
bool seen_is_wanted(void);

/**
 * seen_start() - watch GUP in this process from now on, after seen_want()
 *
 * Return: NULL, or why it is not possible here.
 */
const char *seen_start(void);

/**
 * seen_stop() - stop watching
 * @f: from seen_start()
 * @call: out: the first call since then for the page under test
 *
 * Return: whether there was one.
 */
bool seen_stop(struct fixture *f, struct seen_call *call);

/**
 * seen_clear() - remove what processes that have ended left in tracefs
 *
 * Nothing happens unless a process used seen_start().
 */
void seen_clear(void);

#endif
