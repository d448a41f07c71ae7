// SPDX-License-Identifier: GPL-2.0-only
/*
 * INSPECT: what the page tables say, and what the pages in them are; or what
 * the pages are that a pin holds.
 *
 * Records are gathered under the page table lock, or with the pin's references,
 * into a kernel buffer and copied out with no lock held. Each is the state of
 * one moment; two records may be of two moments.
 */
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/uaccess.h>

#include "pinscope.h"

/* Told of the folio. */
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

/* Of these, what each page has for itself. */
#define PAGE_STATES	(PINSCOPE_STATE_EXCLUSIVE | PINSCOPE_STATE_HWPOISON)

/* Told of a page table entry; some of them of the page instead, if there is. */
#define ENTRY_STATES							\
	((2 * PINSCOPE_STATE_LONGTERM_PINNABLE - 1) & ~(FOLIO_STATES & ~PAGE_STATES))

/* What the first version of the ABI ended with. */
#define PINSCOPE_PAGE_MIN_SIZE	offsetofend(struct pinscope_page, node)

struct gather {
	struct pinscope_page *records;
	unsigned int nr;
	unsigned int max;
	struct ps_pos pos;	/* of a pin: where to go on */
};

/* Cannot be told of any page on this kernel. */
static u64 never_known(void)
{
	return (ps_has_cma() ? 0 : PINSCOPE_STATE_CMA | PINSCOPE_STATE_LONGTERM_PINNABLE) |
	       (ps_has_page_mapcount() ? 0 : PINSCOPE_STATE_PARTIALLY_MAPPED);
}

/**
 * ps_inspect_states() - which states INSPECT can tell on this kernel
 *
 * Return: PINSCOPE_STATE_* bits.
 */
u64 ps_inspect_states(void)
{
	return (ENTRY_STATES & ps_walk_states()) |
	       (FOLIO_STATES & ~never_known());
}

static int pincount(struct folio *folio)
{
	if (folio_test_large(folio))
		return atomic_read(&folio->_pincount);
	return folio_ref_count(folio) / GUP_PIN_COUNTING_BIAS;
}

/*
 * The kernel's own test is not exported. Nothing else is mapped by a read-only
 * PMD, is a folio of that size and belongs neither to a file nor to anonymous
 * memory: page cache is unmapped before it loses its mapping.
 */
static bool is_huge_zero(struct folio *folio, const struct ps_entry *entry)
{
	return entry->shift == PMD_SHIFT &&
	       !(entry->state & PINSCOPE_STATE_WRITABLE) &&
	       folio_order(folio) == PMD_SHIFT - PAGE_SHIFT &&
	       !folio_test_hugetlb(folio) && !READ_ONCE(folio->mapping);
}

/* Some of its pages are mapped by themselves, and others not at all. */
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

#define IF(condition, name)	((condition) ? PINSCOPE_STATE_##name : 0)

/* What is the same for all pages of a folio. */
static u64 folio_states(struct folio *folio)
{
	bool cma = ps_folio_is_cma(folio);
	bool movable = page_zonenum(&folio->page) == ZONE_MOVABLE;

	return PINSCOPE_STATE_HAS_FOLIO |
	       IF(folio_test_hugetlb(folio), HUGETLB) |
	       IF(folio_test_swapbacked(folio), SWAPBACKED) |
	       IF(folio_test_ksm(folio), KSM) |
	       IF(folio_test_anon(folio), ANON) |
	       IF(folio_test_swapcache(folio), SWAPCACHE) |
	       IF(folio_test_lru(folio), LRU) |
	       IF(folio_test_mlocked(folio), MLOCKED) |
	       IF(folio_test_dirty(folio), FOLIO_DIRTY) |
	       IF(folio_test_writeback(folio), WRITEBACK) |
	       IF(ps_folio_charged(folio), MEMCG) |
	       IF(partially_mapped(folio), PARTIALLY_MAPPED) |
	       IF(folio_maybe_dma_pinned(folio), MAYBE_PINNED) |
	       IF(movable, ZONE_MOVABLE) |
	       IF(cma, CMA) |
	       IF(!movable && !cma, LONGTERM_PINNABLE);
}

/*
 * What each page has for itself; huge mappings have it on their first page.
 * Without a mapping to look at, one of the whole folio is assumed if there is.
 */
static u64 page_states(struct folio *folio, struct page *page,
		       unsigned int shift)
{
	u64 state = IF(is_page_hwpoison(page), HWPOISON);

	if (!folio_test_anon(folio))
		return state;
	if (folio_test_hugetlb(folio) ||
	    (!shift && folio_test_large(folio) && folio_entire_mapcount(folio)))
		page = &folio->page;
	else if (shift > PAGE_SHIFT)
		page -= (page_to_pfn(page) & (BIT(shift - PAGE_SHIFT) - 1));
	return state | IF(PageAnonExclusive(page), EXCLUSIVE);
}

/* Does @rec go on where @last ends, with the same to say? */
static bool continues(const struct pinscope_page *last,
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

/*
 * Adds what @rec says so far, of a page of @folio unless that is NULL, to the
 * last record or as a new one. Returns false when there is no room for it.
 */
static bool gather(struct gather *g, struct pinscope_page *rec,
		   struct folio *folio, struct page *page)
{
	struct pinscope_page *last = g->nr ? &g->records[g->nr - 1] : NULL;

	if (folio) {
		rec->folio_pfn = folio_pfn(folio);
		/*
		 * To look at all pages of a folio once is enough, as long as
		 * the lock of one table is held.
		 */
		if (last && !((last->addr ^ rec->addr) >> PMD_SHIFT) &&
		    (last->state & PINSCOPE_STATE_HAS_FOLIO) &&
		    last->folio_pfn == rec->folio_pfn)
			rec->state |= last->state & FOLIO_STATES & ~PAGE_STATES;
		else
			rec->state |= folio_states(folio);
		rec->state |= page_states(folio, page, rec->map_shift);
		rec->unknown |= never_known();
	}
	if (last && continues(last, rec)) {
		last->pages += rec->pages;
		return true;
	}
	if (g->nr == g->max)
		return false;
	if (folio) {
		rec->folio_order = folio_order(folio);
		rec->refcount = folio_ref_count(folio);
		rec->mapcount = ps_folio_mapcount(folio);
		rec->pincount = pincount(folio);
		rec->node = folio_nid(folio) + 1;
	}
	g->records[g->nr++] = *rec;
	return true;
}

static bool gather_entry(const struct ps_entry *entry, void *arg)
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
		rec.state |= IF(is_huge_zero(folio, entry), HUGE_ZEROPAGE);
	/* There may be one, but there is no way to look it up. */
	if (entry->state & PINSCOPE_STATE_SWAP)
		rec.unknown |= PINSCOPE_STATE_SWAPCACHE;
	return gather(arg, &rec, folio, entry->page);
}

/*
 * Moves *@addr on. Returns 0 when there is more to do, or none is left; the
 * buffer may be full.
 */
static int gather_pin(struct gather *g, struct ps_pin *pin, unsigned long *addr,
		      unsigned long end)
{
	unsigned long pfn, pages, n, budget = SZ_16K;
	struct ps_pos was = g->pos;
	bool full = false;

	for (; !full && budget && ps_pin_next(pin, &g->pos, &pfn, &pages);
	     was = g->pos) {
		struct folio *folio;

		budget--;
		if (pfn == PS_HOLE) {
			*addr += pages << PAGE_SHIFT;
			continue;
		}
		folio = page_folio(pfn_to_page(pfn));
		for (; pages && budget; budget--) {
			struct page *page = pfn_to_page(pfn);
			struct pinscope_page rec = {
				.addr = *addr,
				.pfn = pfn,
				.state = IF(page == ZERO_PAGE(0), ZEROPAGE),
				.unknown = ENTRY_STATES & ~PAGE_STATES &
					   ~PINSCOPE_STATE_ZEROPAGE,
			};

			/* Or a page of a file that was truncated. */
			if (folio_order(folio) == PMD_SHIFT - PAGE_SHIFT &&
			    !READ_ONCE(folio->mapping))
				rec.unknown |= PINSCOPE_STATE_HUGE_ZEROPAGE;

			/* Pages of hugetlb are not told apart. */
			n = folio_test_hugetlb(folio) ? pages : 1;
			rec.pages = n;
			full = !gather(g, &rec, folio, page);
			if (full)
				break;
			*addr += n << PAGE_SHIFT;
			pages -= n;
			pfn += n;
			was.skip += n;
			was.pages -= n;
		}
		if (pages)
			g->pos = was;
	}
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static int copy_records(struct pinscope_inspect *cmd, unsigned int done,
			const struct gather *g)
{
	char __user *to = u64_to_user_ptr(cmd->records);
	size_t known = min_t(size_t, cmd->record_size, sizeof(*g->records));
	unsigned int i;

	to += (size_t)done * cmd->record_size;
	for (i = 0; i < g->nr; i++, to += cmd->record_size) {
		if (copy_to_user(to, &g->records[i], known) ||
		    clear_user(to + known, cmd->record_size - known))
			return -EFAULT;
	}
	return 0;
}

/* Of a process or, when @mm is NULL, of a pin. */
static int inspect(struct pinscope_inspect *cmd, struct mm_struct *mm,
		   struct ps_pin *pin)
{
	unsigned long addr = cmd->addr, end = addr + cmd->len;
	struct gather g = {};
	unsigned int done = 0;
	int ret = 0;

	g.records = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!g.records)
		return -ENOMEM;
	if (pin)
		g.pos = ps_pin_seek(pin, addr >> PAGE_SHIFT,
				    cmd->len >> PAGE_SHIFT);
	while (addr < end && done < cmd->nr) {
		g.nr = 0;
		g.max = min_t(size_t, cmd->nr - done,
			      PAGE_SIZE / sizeof(*g.records));
		ret = mm ? ps_walk(mm, &addr, end, gather_entry, &g) :
			   gather_pin(&g, pin, &addr, end);
		if (!ret)
			ret = copy_records(cmd, done, &g);
		if (ret)
			break;
		done += g.nr;
	}
	kfree(g.records);
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
		ret = inspect(cmd, NULL, pin);
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
		ret = inspect(cmd, mm, NULL);
	mmput(mm);
	return ret;
}

/**
 * ps_cmd_inspect() - PINSCOPE_IOC_INSPECT, see struct pinscope_inspect
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes and drops the mmap lock, or takes the pin's for
 * reading; killable.
 * Return: 0 or a negative errno; some records may be written then.
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
