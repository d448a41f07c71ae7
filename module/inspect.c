// SPDX-License-Identifier: GPL-2.0-only
/*
 * INSPECT: reports the page table entries of a range and the folios in them, or
 * the folios of the pages that a pin holds, or the pinned folios of physical memory.
 *
 * Records are collected in a kernel buffer, with the page table lock held or with
 * the pins of the pages, and copied out with no lock held. The contents of one
 * record were read at one time; two records may have been read at two times.
 *
 * Most memory consists of folios of one page that differ in nothing but their PFNs.
 * What a record tells of such a folio is derived once from a few of its words; the next
 * folios only have to have the same words.
 *
 * Owns nothing. Locks: those of ps_walk(), or ps_pin.lock for reading.
 */
#include <linux/memory_hotplug.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/uaccess.h>

#include "pinscope.h"

/* Page states that are read from the folio, and not from the entry. */
#define FOLIO_STATES							\
	(PINSCOPE_STATE_HAS_FOLIO | PINSCOPE_STATE_ANON |		\
	 PINSCOPE_STATE_EXCLUSIVE | PINSCOPE_STATE_KSM |		\
	 PINSCOPE_STATE_HUGE_ZEROPAGE | PINSCOPE_STATE_HUGETLB |	\
	 PINSCOPE_STATE_SWAPBACKED | PINSCOPE_STATE_HWPOISON |		\
	 PINSCOPE_STATE_SWAPCACHE | PINSCOPE_STATE_LRU |		\
	 PINSCOPE_STATE_MLOCKED | PINSCOPE_STATE_FOLIO_DIRTY |		\
	 PINSCOPE_STATE_WRITEBACK | PINSCOPE_STATE_MEMCG |		\
	 PINSCOPE_STATE_PARTIALLY_MAPPED | PINSCOPE_STATE_MAYBE_PINNED |	\
	 PINSCOPE_STATE_ZONE_MOVABLE | PINSCOPE_STATE_CMA |		\
	 PINSCOPE_STATE_LONGTERM_PINNABLE | PINSCOPE_STATE_P2PDMA)

/* Those that each page of the folio has for itself. */
#define PAGE_STATES	(PINSCOPE_STATE_EXCLUSIVE | PINSCOPE_STATE_HWPOISON)

/*
 * Page states that are read from the page table entry; EXCLUSIVE and HWPOISON are
 * read from the page instead when there is one.
 */
#define ENTRY_STATES							\
	((2 * PINSCOPE_STATE_UFFD_RWP - 1) & ~(FOLIO_STATES & ~PAGE_STATES))

/* Those of them that cannot be read of a pin. */
#define OF_ENTRIES	(~(PAGE_STATES | PINSCOPE_STATE_ZEROPAGE))

/* Pages of a pin to look at together. */
#define PINNED_BATCH	512UL

/* The size of a record in the first version of the ABI. */
#define PINSCOPE_PAGE_MIN_SIZE	offsetofend(struct pinscope_page, node)

/* Records to collect before they are copied out: those of a full PTE table. */
#define MAX_RECORDS	(PAGE_SIZE / sizeof(u64))

/* The lowest bits of ->mapping say whose it is: anonymous memory's, KSM's. */
#define MAPPING_FLAGS	3UL
/* Beside them in struct small_folio: the memory of a PCI device. */
#define IS_P2PDMA	4UL

/* What decides all that a record tells of a folio of one page, but for its PFN. */
struct small_folio {
	unsigned long flags;
	unsigned long mapping;	/* the flags in ->mapping: anonymous, KSM; or IS_P2PDMA */
	unsigned long charged;	/* to a memory cgroup? */
	int refcount;
	int mapcount;		/* as in struct page */
};

/* The kernel buffer that records are collected in. */
struct record_buf {
	struct pinscope_page *records;
	unsigned int nr;
	unsigned int max;
	bool show_pfns;		/* may the caller see PFNs? */
	bool show_holders;	/* a record for each pinned folio, since tracking knows more */
	u64 unknown;		/* states of entries that cannot be read */
	/*
	 * The last folio of one page, in an entry with the states @entry_state, and
	 * what a record tells of it: all but @addr, @pages, the PFNs, and the states
	 * of its page block. Valid if @like.state is not 0.
	 */
	struct small_folio small;
	u64 entry_state;
	struct pinscope_page like;
};

/* Page states of folios that cannot be read on this kernel. */
static u64 unreadable_states(void)
{
	return (ps_has_cma() ? 0 : PINSCOPE_STATE_CMA |
				   PINSCOPE_STATE_LONGTERM_PINNABLE) |
	       (ps_has_page_mapcount() ? 0 : PINSCOPE_STATE_PARTIALLY_MAPPED);
}

/**
 * ps_inspect_states() - which page states INSPECT can report on this kernel
 *
 * Context: any.
 * Return: PINSCOPE_STATE_* bits.
 */
u64 ps_inspect_states(void)
{
	return (ENTRY_STATES & ps_walk_states()) |
	       (FOLIO_STATES & ~unreadable_states());
}

/*
 * is_huge_zero_folio() is not exported to modules. The huge zeropage is a folio of
 * PMD size in ordinary memory that is neither anonymous nor of a file. Of DAX, a
 * folio that several files share has no ->mapping either.
 */
static bool may_be_huge_zero(struct folio *folio)
{
	return folio_order(folio) == PMD_SHIFT - PAGE_SHIFT &&
	       !folio_test_hugetlb(folio) && !folio_is_zone_device(folio) &&
	       !READ_ONCE(folio->mapping);
}

/*
 * The huge zeropage is mapped by a read-only PMD. Nothing else is all of that: a
 * truncated folio of the page cache is unmapped before its ->mapping is cleared.
 */
static bool is_huge_zero(struct folio *folio, const struct ps_entry *entry)
{
	return entry->shift == PMD_SHIFT &&
	       !(entry->state & PINSCOPE_STATE_WRITABLE) &&
	       may_be_huge_zero(folio);
}

/* Is a large folio mapped by PTEs, but not all of its pages? */
static bool partially_mapped(struct folio *folio)
{
	long i, mapped = 0, nr = folio_nr_pages(folio);

	if (!ps_has_page_mapcount() || !folio_test_large(folio) ||
	    folio_test_hugetlb(folio) || folio_entire_mapcount(folio))
		return false;
	for (i = 0; i < nr; i++)
		if (atomic_read(&folio_page(folio, i)->_mapcount) >= 0)
			mapped++;
	return mapped && mapped < nr;
}

/*
 * The page states that all pages of a folio have in common, except those that its
 * reference count and its page block decide.
 */
static u64 flag_states(struct folio *folio)
{
	bool movable = page_zonenum(&folio->page) == ZONE_MOVABLE;

	return PINSCOPE_STATE_HAS_FOLIO |
	       PS_STATE_IF(folio_test_hugetlb(folio), HUGETLB) |
	       PS_STATE_IF(folio_test_swapbacked(folio), SWAPBACKED) |
	       PS_STATE_IF(folio_test_ksm(folio), KSM) |
	       PS_STATE_IF(folio_test_anon(folio), ANON) |
	       PS_STATE_IF(folio_test_swapcache(folio), SWAPCACHE) |
	       PS_STATE_IF(folio_test_lru(folio), LRU) |
	       PS_STATE_IF(folio_test_mlocked(folio), MLOCKED) |
	       PS_STATE_IF(folio_test_dirty(folio), FOLIO_DIRTY) |
	       PS_STATE_IF(folio_test_writeback(folio), WRITEBACK) |
	       PS_STATE_IF(ps_folio_charged(folio), MEMCG) |
	       PS_STATE_IF(partially_mapped(folio), PARTIALLY_MAPPED) |
	       PS_STATE_IF(movable, ZONE_MOVABLE) |
	       PS_STATE_IF(is_pci_p2pdma_page(&folio->page), P2PDMA) |
	       PS_STATE_IF(ps_zone_pinnable(folio), LONGTERM_PINNABLE);
}

/* What the page block decides, added to what flag_states() says. */
static u64 add_block_states(u64 state, struct folio *folio)
{
	u64 block = ps_block_states(folio);

	state |= block & PINSCOPE_STATE_CMA;
	if (!IS_ENABLED(CONFIG_MIGRATION))
		return state | PINSCOPE_STATE_LONGTERM_PINNABLE;
	if (!(block & PINSCOPE_STATE_LONGTERM_PINNABLE))
		state &= ~PINSCOPE_STATE_LONGTERM_PINNABLE;
	return state;
}

/* The page states that all pages of a folio have in common. */
static u64 folio_states(struct folio *folio)
{
	return add_block_states(flag_states(folio), folio) |
	       PS_STATE_IF(folio_maybe_dma_pinned(folio), MAYBE_PINNED);
}

/*
 * The page states that each page has for itself. PageAnonExclusive is set on the
 * first page that a huge entry maps. @shift is log2 of the bytes that the entry
 * maps; 0 for a pin, where no entry is known: then a folio that some PMD maps is
 * taken to be mapped by a PMD here.
 */
static u64 page_states(struct folio *folio, struct page *page,
		       unsigned int shift)
{
	u64 state = PS_STATE_IF(is_page_hwpoison(page), HWPOISON);

	if (!folio_test_anon(folio))
		return state;
	if (folio_test_hugetlb(folio) ||
	    (!shift && folio_test_large(folio) && folio_entire_mapcount(folio)))
		page = &folio->page;
	else if (shift > PAGE_SHIFT)
		page -= (page_to_pfn(page) & (BIT(shift - PAGE_SHIFT) - 1));
	return state | PS_STATE_IF(PageAnonExclusive(page), EXCLUSIVE);
}

/* Fills @small for a page that is a folio of its own; returns false for others. */
static __always_inline bool read_small_folio(struct page *page, struct small_folio *small)
{
	if (PageCompound(page))
		return false;
	small->flags = ps_page_flags(page);
	small->mapping = (unsigned long)READ_ONCE(page->mapping) & MAPPING_FLAGS;
	/* ->flags do not tell the memory of one device from that of another. */
	if (is_pci_p2pdma_page(page))
		small->mapping |= IS_P2PDMA;
	small->charged = ps_folio_charged((struct folio *)page);	/* no tail page */
	small->refcount = page_ref_count(page);
	small->mapcount = atomic_read(&page->_mapcount);
	return true;
}

static __always_inline bool same_small(const struct small_folio *a,
				       const struct small_folio *b)
{
	return a->flags == b->flags && a->mapping == b->mapping &&
	       a->charged == b->charged && a->refcount == b->refcount &&
	       a->mapcount == b->mapcount;
}

/*
 * Of @nr pages from @page on: how many are folios of one page that a record tells the
 * same of as of the first one, which is @small.
 */
static unsigned long count_small(struct page *page, unsigned long nr,
				 const struct small_folio *small)
{
	struct small_folio next;
	unsigned long n = 1;

	/* All of one page block. */
	nr = min(nr, pageblock_nr_pages -
		     (page_to_pfn(page) & (pageblock_nr_pages - 1)));
	while (n < nr && read_small_folio(page + n, &next) &&
	       same_small(&next, small))
		n++;
	return n;
}

/* Derives what a record tells of a folio of one page from its words. */
static void set_like(struct record_buf *buf, const struct ps_entry *entry,
		     struct page *page, const struct small_folio *small)
{
	struct folio *folio = page_folio(page);

	buf->small = *small;
	buf->entry_state = entry->state;
	buf->like = (struct pinscope_page) {
		.state = entry->state | flag_states(folio) |
			 page_states(folio, page, PAGE_SHIFT),
		.refcount = small->refcount,
		.mapcount = ps_folio_mapcount(folio),
		.pincount = small->refcount / GUP_PIN_COUNTING_BIAS,
		.map_shift = entry->shift,
		/* Others change flags in the same word; the bits of the node stay. */
		.node = data_race(page_to_nid(page)) + 1,
		.unknown = buf->unknown | unreadable_states(),
	};
	/* As folio_maybe_dma_pinned(): the count may have overflowed. */
	if ((unsigned int)small->refcount >= GUP_PIN_COUNTING_BIAS)
		buf->like.state |= PINSCOPE_STATE_MAYBE_PINNED;
}

/* Does @rec, in @buf, continue the record in front of it? For folios of one page. */
static __always_inline bool extends_small(const struct record_buf *buf,
					  const struct pinscope_page *rec)
{
	const struct pinscope_page *last = rec - 1;

	return buf->nr && buf->show_pfns && !(buf->show_holders && rec->pincount) &&
	       rec->pfn == last->pfn + last->pages &&
	       rec->addr == last->addr + (last->pages << PAGE_SHIFT) &&
	       rec->state == last->state && rec->map_shift == last->map_shift &&
	       !last->folio_order && rec->refcount == last->refcount &&
	       rec->mapcount == last->mapcount && rec->node == last->node;
}

/*
 * Adds a record for folios of one page from the page @done of an entry on, the first of
 * which is @small, or adds them to the last record. At most @left pages. Returns how many,
 * or 0 when the buffer is full.
 */
static __always_inline unsigned long
record_small(struct record_buf *buf, const struct ps_entry *entry, unsigned long done,
	     unsigned long left, const struct small_folio *small)
{
	struct pinscope_page *rec = &buf->records[buf->nr];
	struct page *page = entry->page + done;

	if (!buf->like.state || entry->state != buf->entry_state ||
	    !same_small(small, &buf->small))
		set_like(buf, entry, page, small);
	*rec = buf->like;
	rec->state = add_block_states(rec->state, (struct folio *)page);
	rec->addr = entry->addr + (done << PAGE_SHIFT);
	rec->pages = 1;
	if (left > 1 && buf->show_pfns && !(buf->show_holders && rec->pincount))
		rec->pages = count_small(page, left, small);
	rec->pfn = entry->pfn + done;
	rec->folio_pfn = rec->pfn;
	if (extends_small(buf, rec) && rec->addr != entry->vma_start) {
		rec[-1].pages += rec->pages;
		return rec->pages;
	}
	if (buf->nr == buf->max)
		return 0;
	buf->nr++;
	return rec->pages;
}

/* Does @rec, in @buf, continue the record in front of it? For all others. */
static bool extends_other(const struct record_buf *buf,
			  const struct pinscope_page *rec)
{
	const u64 has_pfn = PINSCOPE_STATE_PRESENT | PINSCOPE_STATE_MIGRATION |
			    PINSCOPE_STATE_HWPOISON | PINSCOPE_STATE_DEVICE_PRIVATE |
			    PINSCOPE_STATE_DEVICE_EXCLUSIVE;
	const struct pinscope_page *last = rec - 1;

	if (!buf->nr || rec->addr != last->addr + (last->pages << PAGE_SHIFT) ||
	    rec->state != last->state || rec->map_shift != last->map_shift)
		return false;
	if (rec->state & PINSCOPE_STATE_HAS_FOLIO)
		return rec->folio_order && rec->folio_pfn == last->folio_pfn &&
		       rec->pfn == last->pfn + last->pages;
	if (rec->state & PINSCOPE_STATE_SWAP)
		return buf->show_pfns && rec->swap_type == last->swap_type &&
		       rec->swap_offset == last->swap_offset + last->pages;
	return !(rec->state & has_pfn) ||
	       (buf->show_pfns && rec->pfn == last->pfn + last->pages);
}

/* Adds to a record the page states of the large folio that has its first page. */
static void add_large_folio(const struct record_buf *buf, struct pinscope_page *rec,
			    struct page *page)
{
	const struct pinscope_page *last = rec - 1;
	struct folio *folio = page_folio(page);

	rec->folio_pfn = folio_pfn(folio);
	rec->folio_order = folio_order(folio);
	/*
	 * partially_mapped() looks at all pages of the folio. To do so once for
	 * each folio is enough, while the lock of one page table is held.
	 */
	if (buf->nr && !((last->addr ^ rec->addr) >> PMD_SHIFT) &&
	    (last->state & PINSCOPE_STATE_HAS_FOLIO) &&
	    last->folio_pfn == rec->folio_pfn)
		rec->state |= last->state & FOLIO_STATES & ~PAGE_STATES;
	else
		rec->state |= folio_states(folio);
	rec->state |= page_states(folio, page, rec->map_shift);
	rec->unknown |= unreadable_states();
}

/* How many pages of an entry, from @page of a large folio on, have equal states. */
static unsigned long alike_in_folio(const struct ps_entry *entry, struct page *page,
				    unsigned long pages)
{
	/* A huge entry has one state. */
	if (entry->shift > PAGE_SHIFT)
		return pages;
	/* With a pin no entry is known. All pages of a hugetlb folio are alike. */
	if (!entry->shift && folio_test_hugetlb(page_folio(page)))
		return min(pages, ps_rest_of_folio(page));
	return 1;
}

/*
 * Adds a record for what an entry has from page @done on, of a large folio or of none,
 * or adds it to the last record. Returns for how many pages, or 0 when the buffer is
 * full.
 */
static unsigned long record_other(struct record_buf *buf,
				  const struct ps_entry *entry, unsigned long done)
{
	struct page *page = entry->page ? entry->page + done : NULL;
	struct folio *folio = page ? page_folio(page) : NULL;
	struct pinscope_page *rec = &buf->records[buf->nr];

	*rec = (struct pinscope_page) {
		.addr = entry->addr + (done << PAGE_SHIFT),
		.pages = entry->pages - done,
		.state = entry->state,
		.pfn = entry->pfn + done,
		.map_shift = entry->shift,
		.unknown = buf->unknown,
		.swap_type = entry->swap_type,
		.swap_offset = entry->swap_offset,
	};
	/* The lookup in the swap cache is not exported to modules. */
	if (entry->state & PINSCOPE_STATE_SWAP)
		rec->unknown |= PINSCOPE_STATE_SWAPCACHE;
	if (folio) {
		rec->pages = alike_in_folio(entry, page, rec->pages);
		if (is_huge_zero(folio, entry))
			rec->state |= PINSCOPE_STATE_HUGE_ZEROPAGE;
		/* Of a pin: that, or a page of a file that was truncated. */
		else if (!entry->shift && may_be_huge_zero(folio))
			rec->unknown |= PINSCOPE_STATE_HUGE_ZEROPAGE;
		add_large_folio(buf, rec, page);
	}
	if (rec->addr != entry->vma_start && extends_other(buf, rec)) {
		rec[-1].pages += rec->pages;
		return rec->pages;
	}
	if (buf->nr == buf->max)
		return 0;
	if (folio) {
		rec->refcount = folio_ref_count(folio);
		rec->mapcount = ps_folio_mapcount(folio);
		rec->pincount = ps_folio_pincount(folio);
		/* As in set_like(). */
		rec->node = data_race(folio_nid(folio)) + 1;
	}
	buf->nr++;
	return rec->pages;
}

/*
 * Adds records for the pages of an entry that are consecutive. Each is made behind the
 * last one of the buffer, where there is room for it even if the buffer is full. Returns
 * for how many pages.
 */
static unsigned long record_consecutive(struct record_buf *buf,
					const struct ps_entry *entry)
{
	struct small_folio small;
	unsigned long done, n;

	for (done = 0; done < entry->pages; done += n) {
		if (entry->page && read_small_folio(entry->page + done, &small))
			n = record_small(buf, entry, done, entry->pages - done, &small);
		else
			n = record_other(buf, entry, done);
		if (!n)
			break;
	}
	return done;
}

/* Likewise for pages that are not consecutive: mostly folios of one page. */
static unsigned long record_scattered(struct record_buf *buf, const struct ps_entry *entry)
{
	struct ps_entry one = *entry;
	struct small_folio small;
	unsigned long done, n;

	one.pages = 1;
	one.ptes = NULL;
	for (done = 0; done < entry->pages; done++) {
		one.pfn = ps_entry_pfn(entry, done);
		one.page = pfn_to_page(one.pfn);
		if (read_small_folio(one.page, &small))
			n = record_small(buf, &one, 0, 1, &small);
		else
			n = record_consecutive(buf, &one);
		if (!n)
			break;
		one.addr += PAGE_SIZE;
	}
	return done;
}

/* Adds records for the pages of an entry; the function that ps_walk() calls. */
static unsigned long record_entry(const struct ps_entry *entry, void *arg)
{
	return entry->ptes ? record_scattered(arg, entry) : record_consecutive(arg, entry);
}

/*
 * Adds records for some of @pages consecutive pages of a pin, with no entry to read.
 * Returns for how many.
 */
static unsigned long record_pinned(struct record_buf *buf, unsigned long addr,
				   unsigned long pfn, unsigned long pages)
{
	struct page *page = pfn_to_page(pfn);
	struct ps_entry entry = {
		.addr = addr,
		.pages = min(pages, PINNED_BATCH),
		.pfn = pfn,
		.page = page,
		.vma_start = -1UL,	/* none */
	};

	/* Its neighbours are the kernel's: it is never behind another page. */
	if (page == ZERO_PAGE(0)) {
		entry.pages = 1;
		entry.state = PINSCOPE_STATE_ZEROPAGE;
	} else if (folio_test_hugetlb(page_folio(page))) {
		/* One record, however many pages that is. */
		entry.pages = min(pages, ps_rest_of_folio(page));
	}
	return record_entry(&entry, buf);
}

/*
 * Adds records for the pages of a pin from *@addr to @end, which are offsets in it,
 * until the buffer is full or a limited amount of work is done, and moves *@addr on as
 * far. Returns 0, or -EINTR when killed.
 */
static int record_pin(struct record_buf *buf, struct ps_pin *pin,
		      unsigned long *addr, unsigned long end)
{
	struct ps_pos pos = ps_pin_seek(pin, *addr >> PAGE_SHIFT,
					(end - *addr) >> PAGE_SHIFT);
	unsigned long pfn, pages, n = 1;
	long budget = SZ_16K;

	while (n && budget > 0 && ps_pin_next(pin, &pos, &pfn, &pages)) {
		budget--;
		if (pfn == PS_HOLE) {
			*addr += pages << PAGE_SHIFT;
			continue;
		}
		for (; n && pages && budget > 0; pages -= n, pfn += n, budget -= n) {
			n = record_pinned(buf, *addr, pfn, pages);
			*addr += n << PAGE_SHIFT;
		}
	}
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* The next page frame after @pfn, of no online page, that may have one. */
static unsigned long next_online(unsigned long pfn)
{
#ifdef CONFIG_SPARSEMEM
	unsigned long section = pfn_to_section_nr(pfn);

	/* A section may have holes, and memory of devices. */
	return ALIGN(pfn + 1, section < NR_MEM_SECTIONS && online_section_nr(section) ?
			      PAGES_PER_SUBSECTION : PAGES_PER_SECTION);
#else
	return ALIGN(pfn + 1, pageblock_nr_pages);
#endif
}

/* No processor has more bits of physical addresses. */
#define PHYSICAL_BITS	52

/* How many pages to skip from @page on, which are of no pinned folio. */
static unsigned long not_pinned(struct page *page)
{
	unsigned int order = PageHead(page) ? compound_order(page) : 0;

	/* Without a reference, the order may be anything. */
	return order <= PUD_SHIFT - PAGE_SHIFT && IS_ALIGNED(page_to_pfn(page), BIT(order)) ?
	       BIT(order) : 1;
}

/*
 * Returns the folio of an online page, with a reference, if it may be pinned; else NULL.
 * Sets *@pages to how many pages to go on from @page. Other folios are left alone, since
 * even a short reference keeps others from freeing, migrating or splitting the folio.
 */
static struct folio *get_pinned_folio(struct page *page, unsigned long *pages)
{
	struct folio *folio = page_folio(page);

	*pages = not_pinned(page);
	if (!ps_page_may_be_pinned(&folio->page) || !folio_try_get(folio))
		return NULL;
	*pages = 1;
	/* Was it freed or split in between? */
	if (page_folio(page) == folio) {
		*pages = ps_rest_of_folio(page);
		if (ps_folio_pincount(folio) > 0)
			return folio;
	}
	folio_put(folio);
	return NULL;
}

/*
 * Adds records for pinned folios from the physical address *@addr to @end, as
 * record_pin() does for a pin. As in /proc/kpageflags, memory that goes offline
 * meanwhile may still be looked at.
 */
static int record_physical(struct record_buf *buf, unsigned long *addr,
			   unsigned long end)
{
	unsigned long pfn = *addr >> PAGE_SHIFT, last = end >> PAGE_SHIFT, pages, n = 1;
	long budget = SZ_64K;
	struct folio *folio;
	struct page *page;

	for (; n && pfn < last && budget > 0; budget--) {
		page = pfn_to_online_page(pfn);
		if (!page) {
			pfn = min(last, next_online(pfn));
			continue;
		}
		folio = get_pinned_folio(page, &pages);
		pages = min(pages, last - pfn);
		if (folio) {
			n = record_pinned(buf, pfn << PAGE_SHIFT, pfn, pages);
			folio_put(folio);
			pages = n;
		}
		pfn += pages;
	}
	*addr = pfn << PAGE_SHIFT;
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Takes the reference of get_pinned_folio() from the counts that records have. */
static void leave_out_reference(struct record_buf *buf)
{
	struct pinscope_page *rec;

	for (rec = buf->records; rec < buf->records + buf->nr; rec++) {
		rec->refcount--;
		if (!rec->folio_order)
			rec->pincount = rec->refcount / GUP_PIN_COUNTING_BIAS;
	}
}

/* Removes from the records what /proc/PID/pagemap would not show either. */
static void hide_pfns(struct record_buf *buf)
{
	unsigned int i;

	for (i = 0; i < buf->nr; i++) {
		buf->records[i].pfn = 0;
		buf->records[i].folio_pfn = 0;
		buf->records[i].swap_type = 0;
		buf->records[i].swap_offset = 0;
	}
}

/* Copies the buffer to the caller, behind the @done records from before. */
static int copy_records(struct pinscope_inspect *cmd, unsigned int done,
			const struct record_buf *buf)
{
	char __user *to = u64_to_user_ptr(cmd->records);
	size_t known = min_t(size_t, cmd->record_size, sizeof(*buf->records));
	unsigned int i;

	to += (size_t)done * cmd->record_size;
	if (cmd->record_size == sizeof(*buf->records))
		return copy_to_user(to, buf->records, buf->nr * known) ? -EFAULT : 0;
	for (i = 0; i < buf->nr; i++, to += cmd->record_size) {
		if (copy_to_user(to, &buf->records[i], known) ||
		    clear_user(to + known, cmd->record_size - known))
			return -EFAULT;
	}
	return 0;
}

/* Collects records from *@addr on and copies them to the caller. */
static int inspect_some(struct pinscope_inspect *cmd, struct mm_struct *mm,
			struct ps_pin *pin, struct record_buf *buf,
			unsigned long *addr, unsigned int done)
{
	unsigned long end = cmd->addr + cmd->len;
	int ret;

	buf->nr = 0;
	buf->like.state = 0;
	ret = mm ? ps_walk(mm, addr, end, record_entry, buf) :
	      pin ? record_pin(buf, pin, addr, end) :
		    record_physical(buf, addr, end);
	if (ret)
		return ret;
	if (!mm && !pin)
		leave_out_reference(buf);
	if (!buf->show_pfns)
		hide_pfns(buf);
	else if (buf->show_holders)
		ps_holders_fill(buf->records, buf->nr);
	return copy_records(cmd, done, buf);
}

/* INSPECT of a checked range of @mm or of @pin; both NULL: of physical memory. */
static int inspect_range(struct ps_file *file, struct pinscope_inspect *cmd,
			 struct mm_struct *mm, struct ps_pin *pin)
{
	unsigned long addr = cmd->addr, end = addr + cmd->len;
	struct record_buf buf = {
		.show_pfns = ps_may_see_pfns(file),
		.show_holders = ps_holders_known(),
		.unknown = ENTRY_STATES & (mm ? ~ps_walk_states() : OF_ENTRIES),
	};
	unsigned int done = 0, max;
	int ret = 0;

	max = min3((u64)cmd->nr, cmd->len >> PAGE_SHIFT, (u64)MAX_RECORDS);
	/* One more, which is made before it is known whether there is room for it. */
	buf.records = kvmalloc_array(max + 1, sizeof(*buf.records),
				     GFP_KERNEL_ACCOUNT);
	if (!buf.records)
		return -ENOMEM;
	while (!ret && addr < end && done < cmd->nr) {
		buf.max = min(cmd->nr - done, max);
		ret = inspect_some(cmd, mm, pin, &buf, &addr, done);
		if (!ret)
			done += buf.nr;
	}
	kvfree(buf.records);
	cmd->nr = done;
	cmd->next = addr;
	return ret;
}

static int inspect_pin(struct ps_file *file, struct pinscope_inspect *cmd)
{
	struct ps_pin *pin = ps_pin_get_read(file, cmd->target_nr);
	int ret;

	if (IS_ERR(pin))
		return PTR_ERR(pin);
	ret = ps_check_range(cmd->addr, cmd->len, U64_MAX);
	if (!ret && cmd->addr + cmd->len > (u64)pin->pages << PAGE_SHIFT)
		ret = -ERANGE;
	if (!ret)
		ret = inspect_range(file, cmd, NULL, pin);
	ps_pin_put_read(pin);
	return ret;
}

static int inspect_mm(struct ps_file *file, struct pinscope_inspect *cmd)
{
	struct mm_struct *mm = ps_get_mm(cmd->target_type, cmd->target_nr);
	int ret;

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	ret = ps_check_range(cmd->addr, cmd->len, mm->task_size);
	if (!ret)
		ret = inspect_range(file, cmd, mm, NULL);
	mmput(mm);
	return ret;
}

static int inspect_physical(struct ps_file *file, struct pinscope_inspect *cmd)
{
	int ret = ps_check_range(cmd->addr, cmd->len, BIT_ULL(PHYSICAL_BITS));

	if (cmd->target_nr)
		return -EINVAL;
	if (!ps_may_see_pfns(file))
		return -EPERM;
	return ret ? ret : inspect_range(file, cmd, NULL, NULL);
}

/**
 * ps_cmd_inspect() - PINSCOPE_IOC_INSPECT, see struct pinscope_inspect
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes and drops the mmap lock, or takes the pin's lock for
 * reading; ends early when killed.
 * Return: 0, or a negative errno with some of the records written.
 */
int ps_cmd_inspect(struct ps_ucmd *ucmd)
{
	struct pinscope_inspect *cmd = ucmd->cmd;
	int ret;

	if (!cmd->nr || cmd->reserved ||
	    cmd->record_size < PINSCOPE_PAGE_MIN_SIZE ||
	    cmd->record_size > PAGE_SIZE)
		return -EINVAL;
	switch (cmd->target_type) {
	case PINSCOPE_TARGET_PIN:
		ret = inspect_pin(ucmd->file, cmd);
		break;
	case PINSCOPE_TARGET_PHYSICAL:
		ret = inspect_physical(ucmd->file, cmd);
		break;
	default:
		ret = inspect_mm(ucmd->file, cmd);
	}
	return ret ? ret : ps_respond(ucmd);
}
