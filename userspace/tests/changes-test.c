// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares snapshot_compare(), which goes from record to record, with what is found by
 * looking at each page, for random snapshots. Needs no module.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../tool/changes.h"

enum { PAGES = 40, ROUNDS = 20000, MAX_RUN = 5 };

#define OWN	(PINSCOPE_STATE_PRESENT | PINSCOPE_STATE_ANON | PINSCOPE_STATE_EXCLUSIVE)

/* What a page can be. */
enum is { IS_NOTHING, IS_COW_SHARED, IS_EXCLUSIVE, IS_SWAPPED, IS_NR };

static const uint64_t states[IS_NR] = {
	[IS_COW_SHARED] = PINSCOPE_STATE_PRESENT | PINSCOPE_STATE_ANON,
	[IS_EXCLUSIVE] = OWN,
	[IS_SWAPPED] = PINSCOPE_STATE_SWAP,
};

/* A snapshot, and what each of its pages is. */
struct pages {
	struct snapshot snapshot;
	struct pinscope_page records[PAGES];
	enum is is[PAGES];
	uint64_t pfn[PAGES];
};

static enum event found[PAGES];
static bool bad;

static void fill(struct pages *p)
{
	size_t page = sys_page_size(), i, j, len;

	p->snapshot = (struct snapshot) { p->records, 0, PAGES };
	for (i = 0; i < PAGES; i += len) {
		enum is is = rand() % IS_NR;
		uint64_t pfn = is == IS_NOTHING || is == IS_SWAPPED ? 0 :
			       1000 + rand() % 3 * 100 + i;

		len = 1 + rand() % MAX_RUN;
		if (i + len > PAGES)
			len = PAGES - i;
		for (j = i; j < i + len; j++) {
			p->is[j] = is;
			p->pfn[j] = pfn ? pfn + j - i : 0;
		}
		if (is != IS_NOTHING)
			p->records[p->snapshot.nr++] = (struct pinscope_page) {
				.addr = i * page, .pages = len, .state = states[is],
				.pfn = pfn, .map_shift = sys_page_shift(),
			};
	}
}

/* A page can change once, and changes come in order. */
static void note(void *arg, const struct change *c)
{
	uint64_t first = c->addr / sys_page_size(), i;
	uint64_t *next = arg;

	bad |= first < *next || first + c->pages > PAGES;
	*next = first + c->pages;
	for (i = first; i < *next && i < PAGES; i++)
		found[i] = c->event;
}

static enum event expect(const struct pages *a, const struct pages *b, size_t i)
{
	bool was = a->pfn[i], is = b->pfn[i];

	if (b->is[i] == IS_SWAPPED)
		return a->is[i] == IS_SWAPPED ? NR_EVENTS : EVENT_SWAPPED_OUT;
	if (a->is[i] == IS_SWAPPED)
		return is ? EVENT_SWAPPED_IN : EVENT_UNMAPPED;
	if (!was || !is)
		return was ? EVENT_UNMAPPED : is ? EVENT_FAULTED_IN : NR_EVENTS;
	if (a->pfn[i] != b->pfn[i])
		return a->is[i] == IS_EXCLUSIVE ? EVENT_MIGRATED : EVENT_REPLACED;
	if (a->is[i] == b->is[i])
		return NR_EVENTS;
	return b->is[i] == IS_EXCLUSIVE ? EVENT_EXCLUSIVE : EVENT_SHARED;
}

int main(void)
{
	static struct pages before, after;
	uint64_t next;
	size_t round, i;

	for (round = 0; round < ROUNDS; round++) {
		srand(round);
		fill(&before);
		fill(&after);
		for (i = 0; i < PAGES; i++)
			found[i] = NR_EVENTS;
		next = 0;
		snapshot_compare(&before.snapshot, &after.snapshot, note, &next);
		for (i = 0; i < PAGES; i++)
			if (bad || found[i] != expect(&before, &after, i)) {
				printf("seed %zu, page %zu: expected event %d, found %d\n", round,
				       i, expect(&before, &after, i), found[i]);
				return 1;
			}
	}
	return 0;
}
