// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of mm/gup.c: one table says of each how it is made, whether it takes
 * pins or references, and which targets and FOLL flags it accepts.
 *
 * Owns nothing. Takes the mmap lock of the target for reading where the call
 * wants it held, and drops it again before it returns.
 */
#include <linux/sched/signal.h>

#include "pinscope.h"

/* Calls one of the functions that want current's mmap lock held. */
static long gup_current(struct ps_gup *g, struct page **pages,
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

static long call_pin(struct ps_gup *g, struct page **pages)
{
	return gup_current(g, pages, ps_pin_user_pages);
}

static long call_get(struct ps_gup *g, struct page **pages)
{
	return gup_current(g, pages, ps_get_user_pages);
}

static long call_pin_fast(struct ps_gup *g, struct page **pages)
{
	return pin_user_pages_fast(g->addr, g->nr, g->gup_flags, pages);
}

static long call_get_fast(struct ps_gup *g, struct page **pages)
{
	return get_user_pages_fast(g->addr, g->nr, g->gup_flags, pages);
}

#ifdef HAVE_PIN_USER_PAGES_FAST_ONLY
static long call_pin_fast_only(struct ps_gup *g, struct page **pages)
{
	g->lock = PINSCOPE_LOCK_NONE;
	return pin_user_pages_fast_only(g->addr, g->nr, g->gup_flags, pages);
}
#else
#define call_pin_fast_only	NULL
#endif

static long call_get_fast_only(struct ps_gup *g, struct page **pages)
{
	g->lock = PINSCOPE_LOCK_NONE;
	return get_user_pages_fast_only(g->addr, g->nr, g->gup_flags, pages);
}

static long call_pin_unlocked(struct ps_gup *g, struct page **pages)
{
	return pin_user_pages_unlocked(g->addr, g->nr, pages, g->gup_flags);
}

static long call_get_unlocked(struct ps_gup *g, struct page **pages)
{
	return get_user_pages_unlocked(g->addr, g->nr, pages, g->gup_flags);
}

/*
 * Calls one of the functions that take an mm and want its mmap lock held. GUP
 * may drop the lock, and then clears @locked, even if it took the lock again
 * in between.
 */
static long gup_remote(struct ps_gup *g, struct page **pages,
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

static long call_pin_remote(struct ps_gup *g, struct page **pages)
{
	return gup_remote(g, pages, ps_pin_user_pages_remote);
}

static long call_get_remote(struct ps_gup *g, struct page **pages)
{
	return gup_remote(g, pages, ps_get_user_pages_remote);
}

#ifdef HAVE_MEMFD_PIN_FOLIOS
/*
 * memfd_pin_folios() returns folios, each with one pin. Fills @pages with the
 * first page of each folio that is inside the range.
 */
static long call_pin_memfd(struct ps_gup *g, struct page **pages)
{
	struct folio **folios = (struct folio **)pages;
	struct folio *folio, *last = NULL;
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
		folio = folios[i];
		/*
		 * The page cache may have changed between two lookups, so that
		 * this folio does not follow the one before: end in front of it.
		 * The one before is not folios[i - 1] any more: @pages is the
		 * same array.
		 */
		if (last && folio->index != last->index + folio_nr_pages(last))
			break;
		pages[i] = folio_page(folio, i ? 0 : offset >> PAGE_SHIFT);
		last = folio;
	}
	while (nr > i)
		unpin_user_folio(folios[--nr], 1);
	return nr;
}

static void release_folio_pin(unsigned long pfn, unsigned long pages, bool dirty)
{
	unpin_user_folio(page_folio(pfn_to_page(pfn)), 1);
}
#else
#define call_pin_memfd		NULL
#define release_folio_pin	NULL
#endif

static void release_page_pins(unsigned long pfn, unsigned long pages, bool dirty)
{
	unpin_user_page_range_dirty_lock(pfn_to_page(pfn), pages, dirty);
}

/* Drops references to pages of one folio. */
static void release_folio_refs(struct page *page, unsigned long refs, bool dirty)
{
	/* A folio has one dirty flag. */
	if (dirty)
		set_page_dirty_lock(page);
	/*
	 * When one reference to a DAX page is left, put_page() wakes those who
	 * wait for that; folio_put_refs() does not.
	 */
	if (is_zone_device_page(page))
		while (refs--)
			put_page(page);
	else
		folio_put_refs(page_folio(page), refs);
}

static void release_page_refs(unsigned long pfn, unsigned long pages, bool dirty)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long n;

	for (; pages; page += n, pages -= n) {
		n = min(pages, ps_rest_of_folio(page));
		release_folio_refs(page, n, dirty);
	}
}

/* What a call returns, for ps_gup_release() to release. */
enum gup_result {
	PAGE_PINS,	/* a pin for each base page */
	PAGE_REFS,	/* a reference for each base page */
	FOLIO_PINS,	/* a pin for each folio */
};

static void (*const release_fns[])(unsigned long pfn, unsigned long pages,
				   bool dirty) = {
	[PAGE_PINS]	= release_page_pins,
	[PAGE_REFS]	= release_page_refs,
	[FOLIO_PINS]	= release_folio_pin,
};

#define FOLL(name)	PINSCOPE_FOLL_##name

/*
 * The flags that is_valid_gup_args() of mm/gup.c accepts from callers; the fast
 * calls accept fewer, see gup_fast_fallback() there.
 */
#define FAST_FLAGS	(FOLL(WRITE) | FOLL(FORCE) | FOLL(NOFAULT) |	\
			 FOLL(PCI_P2PDMA) | FOLL(HONOR_NUMA_FAULT))
#define ALL_FLAGS	(FAST_FLAGS | FOLL(DUMP) | FOLL(NOWAIT) |	\
			 FOLL(HWPOISON) | FOLL(ANON) | FOLL(SPLIT_PMD) | \
			 FOLL(INTERRUPTIBLE))
#ifdef HAVE_LONGTERM_UNLOCKED
#define UNLOCKED_LONGTERM	FOLL(LONGTERM)
#else
#define UNLOCKED_LONGTERM	0
#endif

/* Which values of enum pinscope_target_type a call takes. */
#define CALLER		BIT(PINSCOPE_TARGET_CALLER)
#define PROCESS		(CALLER | BIT(PINSCOPE_TARGET_PID) |		\
			 BIT(PINSCOPE_TARGET_PIDFD))
#define MEMFD		BIT(PINSCOPE_TARGET_MEMFD)

#define GUP_CALL(name, fn, result, targets, gup_flags)			\
	[PINSCOPE_CALL_##name] = { fn, result, targets, gup_flags }

/* @fn is NULL when this kernel does not have the call. */
static const struct {
	long (*fn)(struct ps_gup *g, struct page **pages);
	enum gup_result result;
	u32 targets;
	u64 gup_flags;	/* PINSCOPE_FOLL_*; the kernel may not have all of them */
} gup_calls[] = {
	GUP_CALL(PIN,		call_pin,	PAGE_PINS, CALLER,
		 ALL_FLAGS | FOLL(LONGTERM)),
	GUP_CALL(PIN_FAST,	call_pin_fast,	PAGE_PINS, CALLER,
		 FAST_FLAGS | FOLL(LONGTERM)),
	GUP_CALL(PIN_FAST_ONLY,	call_pin_fast_only, PAGE_PINS, CALLER,
		 FAST_FLAGS | FOLL(LONGTERM)),
	GUP_CALL(PIN_UNLOCKED,	call_pin_unlocked, PAGE_PINS, CALLER,
		 ALL_FLAGS | UNLOCKED_LONGTERM),
	GUP_CALL(PIN_REMOTE,	call_pin_remote, PAGE_PINS, PROCESS,
		 ALL_FLAGS | FOLL(LONGTERM)),
	GUP_CALL(GET,		call_get,	PAGE_REFS, CALLER,
		 ALL_FLAGS | FOLL(GET)),
	GUP_CALL(GET_FAST,	call_get_fast,	PAGE_REFS, CALLER,
		 FAST_FLAGS | FOLL(GET)),
	GUP_CALL(GET_FAST_ONLY,	call_get_fast_only, PAGE_REFS, CALLER,
		 FAST_FLAGS | FOLL(GET)),
	GUP_CALL(GET_UNLOCKED,	call_get_unlocked, PAGE_REFS, CALLER,
		 ALL_FLAGS | FOLL(GET)),
	GUP_CALL(GET_REMOTE,	call_get_remote, PAGE_REFS, PROCESS,
		 ALL_FLAGS | FOLL(GET)),
	GUP_CALL(PIN_MEMFD,	call_pin_memfd,	FOLIO_PINS, MEMFD, 0),
};

static_assert(ARRAY_SIZE(gup_calls) == PINSCOPE_CALLS);

/**
 * ps_gup_has_call() - whether this kernel has a call
 * @call: enum pinscope_call, less than PINSCOPE_CALLS
 *
 * Context: any.
 * Return: true if so.
 */
bool ps_gup_has_call(unsigned int call)
{
	return gup_calls[call].fn;
}

/**
 * ps_gup_calls() - which calls this kernel has
 *
 * Context: any.
 * Return: bit n is set for enum pinscope_call n.
 */
u32 ps_gup_calls(void)
{
	u32 known = 0;
	int call;

	for (call = 0; call < ARRAY_SIZE(gup_calls); call++)
		if (ps_gup_has_call(call))
			known |= BIT(call);
	return known;
}

/**
 * ps_gup_takes_target() - whether a call takes memory of a type of target
 * @call: enum pinscope_call, less than PINSCOPE_CALLS
 * @target_type: enum pinscope_target_type, or any other number
 *
 * Context: any.
 * Return: true when it does; false also when there is no such type.
 */
bool ps_gup_takes_target(unsigned int call, u32 target_type)
{
	return target_type <= PINSCOPE_TARGET_MEMFD &&
	       gup_calls[call].targets & BIT(target_type);
}

/**
 * ps_gup_by_folio() - whether a call pins folios instead of pages
 * @call: enum pinscope_call, less than PINSCOPE_CALLS
 *
 * Context: any.
 * Return: true when each page that ps_gup() returns stands for one pin of a
 * folio, and for all pages of that folio from this one on.
 */
bool ps_gup_by_folio(unsigned int call)
{
	return gup_calls[call].result == FOLIO_PINS;
}

/**
 * ps_gup_takes_pins() - whether a call takes pins
 * @call: enum pinscope_call, less than PINSCOPE_CALLS
 *
 * Context: any.
 * Return: true for pins, false for references.
 */
bool ps_gup_takes_pins(unsigned int call)
{
	return gup_calls[call].result != PAGE_REFS;
}

/**
 * ps_gup_flags_taken() - which FOLL flags a call takes on this kernel
 * @call: enum pinscope_call, or any other number
 *
 * Context: any.
 * Return: PINSCOPE_FOLL_* bits; 0 when there is no such call.
 */
u64 ps_gup_flags_taken(unsigned int call)
{
	if (call >= PINSCOPE_CALLS)
		return 0;
	return gup_calls[call].gup_flags & ps_gup_flags_known();
}
EXPORT_SYMBOL_FOR_KUNIT(ps_gup_flags_taken);

/**
 * ps_gup_flags_to_kernel() - check and translate FOLL flags for a call
 * @call: enum pinscope_call, or any other number
 * @gup_flags: PINSCOPE_FOLL_* bits
 * @kernel: out: the running kernel's FOLL_* bits
 *
 * Context: any.
 * Return: 0; -EINVAL for a flag that @call does not take on this kernel, and
 * for LONGTERM with PCI_P2PDMA, which makes GUP warn and fail.
 */
int ps_gup_flags_to_kernel(unsigned int call, u64 gup_flags, unsigned int *kernel)
{
	if (gup_flags & ~ps_gup_flags_taken(call))
		return -EINVAL;
	if ((gup_flags & PINSCOPE_FOLL_LONGTERM) &&
	    (gup_flags & PINSCOPE_FOLL_PCI_P2PDMA))
		return -EINVAL;
	*kernel = ps_gup_flags_translate(gup_flags);
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_gup_flags_to_kernel);

/**
 * ps_gup() - pin pages, or get references to them
 * @call: enum pinscope_call that ps_gup_calls() has
 * @gup: what to pin, with flags from ps_gup_flags_to_kernel(); @gup->lock is set
 * @pages: out: array of @gup->nr pages; a call by folio fills in the first page
 *	of each folio, PAGE_SIZE / sizeof(struct page *) of them at most
 *
 * Context: may sleep; takes and drops the mmap lock.
 * Return: how many of @pages are filled in, for the caller to release with
 * ps_gup_release(); 0 or a negative errno of GUP when none are.
 */
long ps_gup(unsigned int call, struct ps_gup *gup, struct page **pages)
{
	gup->lock = PINSCOPE_LOCK_UNKNOWN;
	return gup_calls[call].fn(gup, pages);
}

/**
 * ps_gup_release() - release what ps_gup() pinned or got
 * @call: the same call
 * @pfn: PFN of the first page
 * @pages: number of base pages, with consecutive PFNs and struct pages; for a call by
 *	folio all that one folio's pin stands for
 * @dirty: mark the pages dirty first (not for a call by folio)
 *
 * Context: may sleep.
 */
void ps_gup_release(unsigned int call, unsigned long pfn, unsigned long pages,
		    bool dirty)
{
	release_fns[gup_calls[call].result](pfn, pages, dirty);
}

/**
 * ps_gup_release_pages() - ps_gup_release() for an array of pages
 * @call: the call, which is not by folio
 * @pages: the pages
 * @nr: how many
 * @dirty: mark the pages dirty first
 *
 * Context: may sleep.
 */
void ps_gup_release_pages(unsigned int call, struct page **pages, unsigned long nr,
			  bool dirty)
{
	unsigned long i;

	if (gup_calls[call].result == PAGE_PINS)
		unpin_user_pages_dirty_lock(pages, nr, dirty);
	else
		for (i = 0; i < nr; i++)
			release_folio_refs(pages[i], 1, dirty);
}
