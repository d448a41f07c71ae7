// SPDX-License-Identifier: GPL-2.0-only
/*
 * What changed between two looks at a range, see changes.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "changes.h"

#define S(name)	PINSCOPE_STATE_##name

const struct event_row event_rows[NR_EVENTS] = {
	[EVENT_FAULTED_IN] = { "faulted-in", "there is a page where none was" },
	[EVENT_UNMAPPED] = { "unmapped", "the page is gone: unmapped, or dropped" },
	[EVENT_SWAPPED_OUT] = { "swapped-out", "the page was swapped out" },
	[EVENT_SWAPPED_IN] = { "swapped-in", "the page was swapped in" },
	[EVENT_MIGRATED] = { "migrated",
			     "the same content is on another PFN, or on its way there" },
	[EVENT_REPLACED] = { "replaced", "another page: copied on a write or by unshare" },
	[EVENT_SPLIT] = { "split", "PTEs map what a PMD mapped" },
	[EVENT_COLLAPSED] = { "collapsed", "a PMD maps what PTEs mapped" },
	[EVENT_EXCLUSIVE] = { "exclusive", "the page became exclusive to the process" },
	[EVENT_SHARED] = { "shared", "the page is no longer exclusive: fork, or KSM" },
	[EVENT_PROTECTED] = { "write-protected", "the entry is no longer writable" },
	[EVENT_WRITABLE] = { "writable", "the entry became writable: the process wrote" },
	[EVENT_UFFD_WP] = { "uffd-wp", "userfaultfd-wp was set or cleared" },
	[EVENT_PINNED] = { "pinned", "somebody pinned the page, or pinned it once more" },
	[EVENT_UNPINNED] = { "unpinned", "a pin of the page was released" },
	[EVENT_PARTED] = { "parted", "the pin and the page table have different pages" },
	[EVENT_REJOINED] = { "rejoined", "they have the same page again" },
	[EVENT_RELEASED] = { "released", "pages of the pin were released" },
	[EVENT_ENDED] = { "ended", "the process ended" },
};

int snapshot_take(struct snapshot *s, struct page_reader *reader, int fd,
		  struct pinscope_target target, const struct range *range)
{
	const struct pinscope_page *page;
	int ret;

	s->nr = 0;
	pages_open(reader, fd, target, range->addr, range->len);
	while ((ret = pages_next(reader, &page)) > 0) {
		if (s->nr == s->room) {
			size_t room = s->room ? 2 * s->room : PAGE_BATCH;
			void *pages = realloc(s->pages, room * sizeof(*s->pages));

			if (!pages)
				return -ENOMEM;
			s->pages = pages;
			s->room = room;
		}
		s->pages[s->nr++] = *page;
	}
	return ret;
}

void snapshot_free(struct snapshot *s)
{
	free(s->pages);
	*s = (struct snapshot) {};
}

static bool has(const struct pinscope_page *page, uint64_t state)
{
	return page->state & state;
}

static bool gained(const struct pinscope_page *a, const struct pinscope_page *b,
		   uint64_t state)
{
	return !has(a, state) && has(b, state);
}

/* Neither COW nor unshare replaces an exclusive page, or one of a file by another. */
static bool is_migration(const struct pinscope_page *a, const struct pinscope_page *b)
{
	if (has(a, S(ANON)) != has(b, S(ANON)) ||
	    has(a, S(ZEROPAGE) | S(HUGE_ZEROPAGE)) != has(b, S(ZEROPAGE) | S(HUGE_ZEROPAGE)))
		return false;
	return !has(a, S(ANON)) || has(a, S(EXCLUSIVE));
}

/* Nothing that is told of it changed: NR_EVENTS. */
static enum event event_of(const struct pinscope_page *a, const struct pinscope_page *b)
{
	bool was = has(a, S(PRESENT)), is = has(b, S(PRESENT));

	if (has(b, S(SWAP)) || has(a, S(SWAP)))
		return gained(a, b, S(SWAP)) ? EVENT_SWAPPED_OUT :
		       !has(b, S(SWAP)) ? (is ? EVENT_SWAPPED_IN : EVENT_UNMAPPED) : NR_EVENTS;
	if (gained(a, b, S(MIGRATION)))
		return EVENT_MIGRATED;
	if (!was && !is)
		return NR_EVENTS;
	if (!was)
		return has(a, S(MIGRATION)) ? NR_EVENTS : EVENT_FAULTED_IN;
	if (!is)
		return EVENT_UNMAPPED;
	if (a->pfn != b->pfn)
		return is_migration(a, b) ? EVENT_MIGRATED : EVENT_REPLACED;
	if (a->map_shift != b->map_shift)
		return a->map_shift > b->map_shift ? EVENT_SPLIT : EVENT_COLLAPSED;
	if (has(a, S(ANON)) && has(b, S(ANON)) && has(a, S(EXCLUSIVE)) != has(b, S(EXCLUSIVE)))
		return has(b, S(EXCLUSIVE)) ? EVENT_EXCLUSIVE : EVENT_SHARED;
	if (a->pincount != b->pincount)
		return b->pincount > a->pincount ? EVENT_PINNED : EVENT_UNPINNED;
	if (has(a, S(WRITABLE)) != has(b, S(WRITABLE)))
		return has(b, S(WRITABLE)) ? EVENT_WRITABLE : EVENT_PROTECTED;
	if (has(a, S(UFFD_WP)) != has(b, S(UFFD_WP)))
		return EVENT_UFFD_WP;
	return NR_EVENTS;
}

/* The record as if it began at @addr; all 0 when there is none. */
static struct pinscope_page page_at(const struct pinscope_page *page, uint64_t addr)
{
	struct pinscope_page at = {};
	uint64_t skip;

	if (!page || page->addr > addr)
		return at;
	at = *page;
	skip = (addr - page->addr) >> sys_page_shift();
	at.addr = addr;
	at.pages -= skip;
	at.pfn += at.pfn ? skip : 0;
	at.swap_offset += skip;
	return at;
}

static uint64_t end_of(const struct pinscope_page *page)
{
	return page->addr + (page->pages << sys_page_shift());
}

/* Where the record ends at @addr or begins behind it: UINT64_MAX when there is none. */
static uint64_t next_border(const struct pinscope_page *page, uint64_t addr)
{
	if (!page)
		return UINT64_MAX;
	return page->addr > addr ? page->addr : end_of(page);
}

static uint64_t min_addr(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void snapshot_compare(const struct snapshot *before, const struct snapshot *after,
		      void (*tell)(void *arg, const struct change *change), void *arg)
{
	const struct pinscope_page *a = before->pages, *b = after->pages;
	const struct pinscope_page *a_end = a + before->nr, *b_end = b + after->nr;
	struct change change = { .event = NR_EVENTS };
	uint64_t addr, end;

	while (a < a_end || b < b_end) {
		struct pinscope_page was, is;
		enum event event;

		addr = min_addr(a < a_end ? a->addr : UINT64_MAX,
				b < b_end ? b->addr : UINT64_MAX);
		/* Behind what is done already, when one record goes on. */
		if (addr < change.addr + (change.pages << sys_page_shift()))
			addr = change.addr + (change.pages << sys_page_shift());
		while (a < a_end && end_of(a) <= addr)
			a++;
		while (b < b_end && end_of(b) <= addr)
			b++;
		if (a == a_end && b == b_end)
			break;
		if ((a == a_end || a->addr > addr) && (b == b_end || b->addr > addr)) {
			addr = min_addr(a < a_end ? a->addr : UINT64_MAX,
					b < b_end ? b->addr : UINT64_MAX);
		}
		end = min_addr(next_border(a < a_end ? a : NULL, addr),
			       next_border(b < b_end ? b : NULL, addr));
		was = page_at(a < a_end ? a : NULL, addr);
		is = page_at(b < b_end ? b : NULL, addr);
		event = event_of(&was, &is);
		if (event == change.event &&
		    addr == change.addr + (change.pages << sys_page_shift())) {
			change.pages += (end - addr) >> sys_page_shift();
			continue;
		}
		if (change.event != NR_EVENTS)
			tell(arg, &change);
		change = (struct change) {
			event, addr, (end - addr) >> sys_page_shift(), was, is,
		};
	}
	if (change.event != NR_EVENTS)
		tell(arg, &change);
}
