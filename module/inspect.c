// SPDX-License-Identifier: GPL-2.0-only
/*
 * INSPECT: reports the page table entries of a range and the folios in them, or
 * the folios of the pages that a pin holds.
 *
 * Records are collected in a kernel buffer, with the page table lock held or with
 * the pins of the pages, and copied out with no lock held. The contents of one
 * record were read at one time; two records may have been read at two times.
 *
 * Owns nothing. Locks: those of ps_walk(), or ps_pin.lock for reading.
 */
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
	 PINSCOPE_STATE_LONGTERM_PINNABLE)

/* Those that each page of the folio has for itself. */
#define PAGE_STATES	(PINSCOPE_STATE_EXCLUSIVE | PINSCOPE_STATE_HWPOISON)

/*
 * Page states that are read from the page table entry; EXCLUSIVE and HWPOISON are
 * read from the page instead when there is one.
 */
#define ENTRY_STATES							\
	((2 * PINSCOPE_STATE_LONGTERM_PINNABLE - 1) & ~(FOLIO_STATES & ~PAGE_STATES))

/* The size of a record in the first version of the ABI. */
#define PINSCOPE_PAGE_MIN_SIZE	offsetofend(struct pinscope_page, node)

/* The kernel buffer that records are collected in. */
struct record_buf {
	struct pinscope_page *records;
	unsigned int nr;
	unsigned int max;
	struct ps_pos pos;	/* with a pin: the pages that are still to come */
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

/* For small folios, which have no counter for it, estimates as mm does. */
static int pincount(struct folio *folio)
{
	if (folio_test_large(folio))
		return atomic_read(&folio->_pincount);
	return folio_ref_count(folio) / GUP_PIN_COUNTING_BIAS;
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

/* The page states that all pages of a folio have in common. */
static u64 folio_states(struct folio *folio)
{
	bool cma = ps_folio_is_cma(folio);
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
	       PS_STATE_IF(folio_maybe_dma_pinned(folio), MAYBE_PINNED) |
	       PS_STATE_IF(movable, ZONE_MOVABLE) |
	       PS_STATE_IF(cma, CMA) |
	       PS_STATE_IF(ps_folio_longterm_pinnable(folio), LONGTERM_PINNABLE);
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

/* Is @rec the continuation of @last, with the same page states? */
static bool extends_run(const struct pinscope_page *last,
			const struct pinscope_page *rec)
{
	const u64 has_pfn = PINSCOPE_STATE_PRESENT | PINSCOPE_STATE_HAS_FOLIO |
			    PINSCOPE_STATE_MIGRATION | PINSCOPE_STATE_HWPOISON |
			    PINSCOPE_STATE_DEVICE_PRIVATE |
			    PINSCOPE_STATE_DEVICE_EXCLUSIVE;

	if (rec->addr != last->addr + (last->pages << PAGE_SHIFT) ||
	    rec->state != last->state || rec->map_shift != last->map_shift)
		return false;
	if (rec->state & PINSCOPE_STATE_SWAP)
		return rec->swap_type == last->swap_type &&
		       rec->swap_offset == last->swap_offset + last->pages;
	if (!(rec->state & has_pfn))
		return true;
	return rec->pfn == last->pfn + last->pages &&
	       rec->folio_pfn == last->folio_pfn;
}

/* Adds to a record the page states of the folio that has its first page. */
static void add_folio_states(const struct record_buf *buf,
			     struct pinscope_page *rec, struct folio *folio,
			     struct page *page)
{
	const struct pinscope_page *last = buf->nr ? &buf->records[buf->nr - 1] :
						     NULL;

	rec->folio_pfn = folio_pfn(folio);
	/*
	 * partially_mapped() looks at all pages of the folio. To do so once for
	 * each folio is enough, while the lock of one page table is held.
	 */
	if (last && !((last->addr ^ rec->addr) >> PMD_SHIFT) &&
	    (last->state & PINSCOPE_STATE_HAS_FOLIO) &&
	    last->folio_pfn == rec->folio_pfn)
		rec->state |= last->state & FOLIO_STATES & ~PAGE_STATES;
	else
		rec->state |= folio_states(folio);
	rec->state |= page_states(folio, page, rec->map_shift);
	rec->unknown |= unreadable_states();
}

/*
 * Completes @rec, for pages of @folio from @page on unless that is NULL, and adds
 * it to the buffer, to the last record if it extends that. Returns false when the
 * buffer is full.
 */
static bool add_record(struct record_buf *buf, struct pinscope_page *rec,
		       struct folio *folio, struct page *page)
{
	struct pinscope_page *last = buf->nr ? &buf->records[buf->nr - 1] : NULL;

	if (folio)
		add_folio_states(buf, rec, folio, page);
	if (last && extends_run(last, rec)) {
		last->pages += rec->pages;
		return true;
	}
	if (buf->nr == buf->max)
		return false;
	if (folio) {
		rec->folio_order = folio_order(folio);
		rec->refcount = folio_ref_count(folio);
		rec->mapcount = ps_folio_mapcount(folio);
		rec->pincount = pincount(folio);
		rec->node = folio_nid(folio) + 1;
	}
	buf->records[buf->nr++] = *rec;
	return true;
}

/* The function that ps_walk() calls for each entry. */
static bool record_entry(const struct ps_entry *entry, void *arg)
{
	struct folio *folio = entry->page ? page_folio(entry->page) : NULL;
	struct pinscope_page rec = {
		.addr = entry->addr,
		.pages = entry->pages,
		.state = entry->state,
		.pfn = entry->pfn,
		.map_shift = entry->shift,
		.unknown = ENTRY_STATES & ~ps_walk_states(),
		.swap_type = entry->swap_type,
		.swap_offset = entry->swap_offset,
	};

	if (folio)
		rec.state |= PS_STATE_IF(is_huge_zero(folio, entry), HUGE_ZEROPAGE);
	/* The lookup in the swap cache is not exported to modules. */
	if (entry->state & PINSCOPE_STATE_SWAP)
		rec.unknown |= PINSCOPE_STATE_SWAPCACHE;
	return add_record(arg, &rec, folio, entry->page);
}

/* Adds a record for @pages consecutive pages of a pin, with no entry to read. */
static bool record_pinned(struct record_buf *buf, unsigned long addr,
			  unsigned long pfn, unsigned long pages)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);
	struct pinscope_page rec = {
		.addr = addr,
		.pages = pages,
		.pfn = pfn,
		.state = PS_STATE_IF(page == ZERO_PAGE(0), ZEROPAGE),
		.unknown = ENTRY_STATES & ~PAGE_STATES & ~PINSCOPE_STATE_ZEROPAGE,
	};

	/* It is the huge zeropage, or a page of a file that was truncated. */
	if (may_be_huge_zero(folio))
		rec.unknown |= PINSCOPE_STATE_HUGE_ZEROPAGE;
	return add_record(buf, &rec, folio, page);
}

/*
 * Adds records for the pages of a pin at @buf->pos, until the buffer is full or a
 * limited amount of work is done, and moves @buf->pos and *@addr on as far.
 * Returns 0, or -EINTR when killed.
 */
static int record_pin(struct record_buf *buf, struct ps_pin *pin,
		      unsigned long *addr)
{
	unsigned long pfn, pages, n, budget = SZ_16K;
	struct ps_pos rest = buf->pos;	/* behind the last page recorded */
	bool full = false;

	for (; !full && budget && ps_pin_next(pin, &buf->pos, &pfn, &pages);
	     rest = buf->pos) {
		budget--;
		if (pfn == PS_HOLE) {
			*addr += pages << PAGE_SHIFT;
			continue;
		}
		for (; pages && budget; budget--) {
			/* All pages of a hugetlb folio have the same states. */
			n = folio_test_hugetlb(page_folio(pfn_to_page(pfn))) ?
			    min(pages, ps_rest_of_folio(pfn_to_page(pfn))) : 1;
			full = !record_pinned(buf, *addr, pfn, n);
			if (full)
				break;
			*addr += n << PAGE_SHIFT;
			pages -= n;
			pfn += n;
			rest.skip += n;
			rest.index += n;
			rest.pages -= n;
		}
		/* Not all of the run: go on with what is left of it. */
		if (pages)
			buf->pos = rest;
	}
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Copies the buffer to the caller, behind the @done records from before. */
static int copy_records(struct pinscope_inspect *cmd, unsigned int done,
			const struct record_buf *buf)
{
	char __user *to = u64_to_user_ptr(cmd->records);
	size_t known = min_t(size_t, cmd->record_size, sizeof(*buf->records));
	unsigned int i;

	to += (size_t)done * cmd->record_size;
	for (i = 0; i < buf->nr; i++, to += cmd->record_size) {
		if (copy_to_user(to, &buf->records[i], known) ||
		    clear_user(to + known, cmd->record_size - known))
			return -EFAULT;
	}
	return 0;
}

/* INSPECT of a checked range of @mm or, when that is NULL, of @pin. */
static int inspect_range(struct pinscope_inspect *cmd, struct mm_struct *mm,
			 struct ps_pin *pin)
{
	unsigned long addr = cmd->addr, end = addr + cmd->len;
	struct record_buf buf = {};
	unsigned int done = 0;
	int ret = 0;

	buf.records = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!buf.records)
		return -ENOMEM;
	if (pin)
		buf.pos = ps_pin_seek(pin, addr >> PAGE_SHIFT,
				      cmd->len >> PAGE_SHIFT);
	while (addr < end && done < cmd->nr) {
		buf.nr = 0;
		buf.max = min_t(size_t, cmd->nr - done,
				PAGE_SIZE / sizeof(*buf.records));
		ret = mm ? ps_walk(mm, &addr, end, record_entry, &buf) :
			   record_pin(&buf, pin, &addr);
		if (!ret)
			ret = copy_records(cmd, done, &buf);
		if (ret)
			break;
		done += buf.nr;
	}
	kfree(buf.records);
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
		ret = inspect_range(cmd, NULL, pin);
	ps_pin_put_read(pin);
	return ret;
}

static int inspect_mm(struct pinscope_inspect *cmd)
{
	struct mm_struct *mm = ps_get_mm(cmd->target_type, cmd->target_nr);
	int ret;

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	ret = ps_check_range(cmd->addr, cmd->len, mm->task_size);
	if (!ret)
		ret = inspect_range(cmd, mm, NULL);
	mmput(mm);
	return ret;
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
	ret = cmd->target_type == PINSCOPE_TARGET_PIN ?
	      inspect_pin(ucmd->file, cmd) : inspect_mm(cmd);
	return ret ? ret : ps_respond(ucmd);
}
