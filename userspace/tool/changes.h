/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What changed between two looks at a range: pure functions.
 */
#ifndef PINSCOPE_CHANGES_H
#define PINSCOPE_CHANGES_H

#include "live.h"

/* In the order in which a change of a page is told: the first that fits. */
enum event {
	EVENT_FAULTED_IN, EVENT_UNMAPPED, EVENT_SWAPPED_OUT, EVENT_SWAPPED_IN, EVENT_MIGRATED,
	EVENT_REPLACED, EVENT_SPLIT, EVENT_COLLAPSED, EVENT_EXCLUSIVE, EVENT_SHARED,
	EVENT_PROTECTED, EVENT_WRITABLE, EVENT_UFFD_WP, EVENT_PINNED, EVENT_UNPINNED,
	/* Of a pin, not of a page. */
	EVENT_PARTED, EVENT_REJOINED, EVENT_RELEASED,
	/* Of the process. */
	EVENT_ENDED,
	NR_EVENTS
};

struct event_row {
	const char *name;
	const char *what;	/* a sentence */
};

extern const struct event_row event_rows[NR_EVENTS];

/**
 * struct change - pages beside each other to which the same happened
 * @event: what
 * @addr: of the first
 * @pages: how many
 * @before: the first as it was; all 0: nothing was there
 * @after: the first as it is; likewise
 */
struct change {
	enum event event;
	uint64_t addr, pages;
	struct pinscope_page before, after;
};

/**
 * struct snapshot - the pages of a range at one time
 * @pages: records, in order of address
 * @nr: how many
 * @room: how many there is room for
 */
struct snapshot {
	struct pinscope_page *pages;
	size_t nr, room;
};

/**
 * snapshot_take() - look at a range
 * @s: out, in: its memory is used again
 * @reader: memory for reading
 * @fd: from pinscope_open(), or the file of the pin
 * @target: the process, or a pin
 * @range: the range
 *
 * Return: 0 or a negative errno.
 */
int snapshot_take(struct snapshot *s, struct page_reader *reader, int fd,
		  struct pinscope_target target, const struct range *range);

void snapshot_free(struct snapshot *s);

/**
 * snapshot_compare() - call a function for each change
 * @before: an older snapshot
 * @after: a newer one, of the same range
 * @tell: gets each change, those of pages beside each other as one
 * @arg: for it
 */
void snapshot_compare(const struct snapshot *before, const struct snapshot *after,
		      void (*tell)(void *arg, const struct change *change), void *arg);

#endif
