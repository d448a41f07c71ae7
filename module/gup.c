// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways to pin: one table of what is called to pin, and how it is undone.
 */
#include <linux/sched/signal.h>

#include "pinscope.h"

static long slow(struct ps_gup *g, struct page **pages,
		 long (*fn)(unsigned long start, unsigned long nr,
			    unsigned int gup_flags, struct page **pages))
{
	long ret;

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	ret = fn(g->addr, g->nr, g->gup_flags, pages);
	mmap_read_unlock(current->mm);
	g->lock = PINSCOPE_LOCK_KEPT;
	return ret;
}

static long pin_slow(struct ps_gup *g, struct page **pages)
{
	return slow(g, pages, ps_pin_user_pages);
}

static long get_slow(struct ps_gup *g, struct page **pages)
{
	return slow(g, pages, ps_get_user_pages);
}

static long pin_fast(struct ps_gup *g, struct page **pages)
{
	return pin_user_pages_fast(g->addr, g->nr, g->gup_flags, pages);
}

static long get_fast(struct ps_gup *g, struct page **pages)
{
	return get_user_pages_fast(g->addr, g->nr, g->gup_flags, pages);
}

#ifdef HAVE_PIN_USER_PAGES_FAST_ONLY
static long pin_fast_only(struct ps_gup *g, struct page **pages)
{
	g->lock = PINSCOPE_LOCK_NONE;
	return pin_user_pages_fast_only(g->addr, g->nr, g->gup_flags, pages);
}
#else
#define pin_fast_only	NULL
#endif

static long get_fast_only(struct ps_gup *g, struct page **pages)
{
	g->lock = PINSCOPE_LOCK_NONE;
	return get_user_pages_fast_only(g->addr, g->nr, g->gup_flags, pages);
}

static long pin_unlocked(struct ps_gup *g, struct page **pages)
{
	return pin_user_pages_unlocked(g->addr, g->nr, pages, g->gup_flags);
}

static long get_unlocked(struct ps_gup *g, struct page **pages)
{
	return get_user_pages_unlocked(g->addr, g->nr, pages, g->gup_flags);
}

/* The call clears @locked also when it dropped the lock and took it again. */
static long remote(struct ps_gup *g, struct page **pages,
		   long (*fn)(struct mm_struct *mm, unsigned long start,
			      unsigned long nr, unsigned int gup_flags,
			      struct page **pages, int *locked))
{
	int locked = 1;
	long ret;

	if (mmap_read_lock_killable(g->mm))
		return -EINTR;
	ret = fn(g->mm, g->addr, g->nr, g->gup_flags, pages, &locked);
	if (locked)
		mmap_read_unlock(g->mm);
	g->lock = locked ? PINSCOPE_LOCK_KEPT : PINSCOPE_LOCK_DROPPED;
	return ret;
}

static long pin_remote(struct ps_gup *g, struct page **pages)
{
	return remote(g, pages, ps_pin_user_pages_remote);
}

static long get_remote(struct ps_gup *g, struct page **pages)
{
	return remote(g, pages, ps_get_user_pages_remote);
}

#ifdef HAVE_MEMFD_PIN_FOLIOS
/* The first page that is asked for in each folio, and one pin a folio. */
static long pin_memfd(struct ps_gup *g, struct page **pages)
{
	struct folio **folios = (struct folio **)pages;
	pgoff_t offset = 0;
	long nr, i;

	g->lock = PINSCOPE_LOCK_NONE;
	if (g->addr + ((u64)g->nr << PAGE_SHIFT) > MAX_LFS_FILESIZE)
		return -EINVAL;
	nr = memfd_pin_folios(g->file, g->addr,
			      g->addr + ((u64)g->nr << PAGE_SHIFT) - 1, folios,
			      min_t(unsigned long, g->nr,
				    PAGE_SIZE / sizeof(*pages)), &offset);
	for (i = 0; i < nr; i++) {
		/* The file may have got other folios while it was gone through. */
		if (i && folios[i]->index !=
			 folios[i - 1]->index + folio_nr_pages(folios[i - 1]))
			break;
		pages[i] = folio_page(folios[i], i ? 0 : offset >> PAGE_SHIFT);
	}
	while (nr > i)
		unpin_user_folio(folios[--nr], 1);
	return nr;
}

static void release_folio(unsigned long pfn, unsigned long pages, bool dirty)
{
	unpin_user_folio(page_folio(pfn_to_page(pfn)), 1);
}
#else
#define pin_memfd	NULL
#define release_folio	NULL
#endif

static void release_pins(unsigned long pfn, unsigned long pages, bool dirty)
{
	unpin_user_page_range_dirty_lock(pfn_to_page(pfn), pages, dirty);
}

static void release_refs(unsigned long pfn, unsigned long pages, bool dirty)
{
	struct page *page = pfn_to_page(pfn);

	/* A range is of one folio, which has one dirty flag. */
	if (dirty)
		set_page_dirty_lock(page);
	/* The last but one of these may have to wake somebody, each by itself. */
	if (is_zone_device_page(page))
		while (pages--)
			put_page(page);
	else
		folio_put_refs(page_folio(page), pages);
}

static const struct {
	long (*gup)(struct ps_gup *g, struct page **pages);
	void (*release)(unsigned long pfn, unsigned long pages, bool dirty);
} calls[] = {
	[PINSCOPE_CALL_PIN]		= { pin_slow, release_pins },
	[PINSCOPE_CALL_PIN_FAST]		= { pin_fast, release_pins },
	[PINSCOPE_CALL_PIN_FAST_ONLY]	= { pin_fast_only, release_pins },
	[PINSCOPE_CALL_PIN_UNLOCKED]		= { pin_unlocked, release_pins },
	[PINSCOPE_CALL_PIN_REMOTE]		= { pin_remote, release_pins },
	[PINSCOPE_CALL_GET]		= { get_slow, release_refs },
	[PINSCOPE_CALL_GET_FAST]		= { get_fast, release_refs },
	[PINSCOPE_CALL_GET_FAST_ONLY]	= { get_fast_only, release_refs },
	[PINSCOPE_CALL_GET_UNLOCKED]	= { get_unlocked, release_refs },
	[PINSCOPE_CALL_GET_REMOTE]	= { get_remote, release_refs },
	[PINSCOPE_CALL_PIN_MEMFD]		= { pin_memfd, release_folio },
};

/**
 * ps_gup_calls() - which ways this kernel has
 *
 * Return: bit n is set for enum pinscope_call n.
 */
u32 ps_gup_calls(void)
{
	u32 known = 0;
	int call;

	for (call = 0; call < ARRAY_SIZE(calls); call++)
		if (calls[call].gup)
			known |= BIT(call);
	return known;
}

/**
 * ps_gup_is_remote() - does a way take another process's memory?
 * @call: enum pinscope_call
 *
 * Return: whether it does.
 */
bool ps_gup_is_remote(unsigned int call)
{
	return call == PINSCOPE_CALL_PIN_REMOTE || call == PINSCOPE_CALL_GET_REMOTE;
}

/**
 * ps_gup_by_folio() - does a way pin folios instead of pages?
 * @call: enum pinscope_call
 *
 * Return: true when what ps_gup() returns is one pin, and one page pointer, for
 * all pages of a folio.
 */
bool ps_gup_by_folio(unsigned int call)
{
	return call == PINSCOPE_CALL_PIN_MEMFD;
}

/**
 * ps_gup() - pin a batch
 * @call: enum pinscope_call, one that ps_gup_calls() has
 * @gup: what to pin; @gup->lock is told
 * @pages: gets pages, or the first page of each folio: @gup->nr of them, or as
 *	many as fit into a page when the way is by folio and that is less
 *
 * Context: may sleep; takes and drops the mmap lock.
 * Return: how many of @pages are filled, to be released by ps_gup_release(); 0
 * or a negative errno when there are none.
 */
long ps_gup(unsigned int call, struct ps_gup *gup, struct page **pages)
{
	gup->lock = PINSCOPE_LOCK_UNKNOWN;
	return calls[call].gup(gup, pages);
}

/**
 * ps_gup_release() - undo ps_gup()
 * @call: the same
 * @pfn: first page
 * @pages: how many pages of one folio; all that one pin of a folio covers
 * @dirty: mark them dirty first
 *
 * Context: may sleep.
 */
void ps_gup_release(unsigned int call, unsigned long pfn, unsigned long pages,
		    bool dirty)
{
	calls[call].release(pfn, pages, dirty);
}
