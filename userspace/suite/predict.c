// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a pin would do, see predict.h.
 *
 * The names of functions are those of the newest kernels. The table is in mm's order:
 * the arguments, the lockless walk, the VMA, the page table entry, the fault that GUP
 * asks for, and what that fault does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "predict.h"

#define S(name)		PINSCOPE_STATE_##name
#define F(name)		PINSCOPE_FOLL_##name

const char *const fate_names[FATES] = {
	"stays", "becomes exclusive", "is copied", "is moved", "is swapped in",
	"is faulted in", "fails", "hangs", "waits for a userfaultfd handler",
};

const char *const effect_texts[EFFECTS] = {
	"The PMD is split: PTEs map the range from then on, and a copy has one base page.",
	"The entry becomes writable and dirty, so that the page counts as written (soft-dirty, writeback) although nobody wrote.",
	"The userfaultfd-wp bit is cleared: the tracker of writes sees a write.",
	"The entry can be accessed again: userfaultfd, which wants to know of each access, sees one.",
	"The pin is not reliable: the next write of the process replaces the page, and the holder of the pin keeps the old one.",
	"Memory is allocated, and charged to the process that calls.",
	"NUMA balancing may migrate the page, and makes it soft-dirty.",
};

/* What the checks look at. */
struct glance {
	const struct pin_facts *f;
	const struct vma *vma;
	const struct pinscope_page *page;
	uint64_t state;
	uint64_t gup_flags;
	unsigned int call;
	bool pins, fast, fast_only, may_retry;
	bool write, longterm, force;
	bool present, empty, by_pmd, zeropage;
	bool write_fault;	/* GUP asks for a write fault */
	bool unshare;		/* GUP asks for an unshare fault */
	bool numa_fault;	/* ... which first handles the NUMA hint */
	bool rwp_fault;		/* ... of which userfaultfd is told first */
	bool needs_fault;
};

static bool since(const struct glance *l, unsigned int major, unsigned int minor)
{
	return l->f->release >= KERNEL(major, minor);
}

static bool is(const struct glance *l, uint64_t state)
{
	return l->state & state;
}

static bool has(const struct glance *l, unsigned int vma_flags)
{
	return l->vma->flags & vma_flags;
}

static bool is_exclusive(const struct glance *l)
{
	return is(l, S(ANON)) && is(l, S(EXCLUSIVE));
}

/* Is it known that FOLL_LONGTERM leaves the page where it is? */
static bool is_pinnable(const struct glance *l)
{
	if (is(l, S(LONGTERM_PINNABLE)) || !is(l, S(HAS_FOLIO)))
		return true;
	return (l->page->unknown & S(LONGTERM_PINNABLE)) && !is(l, S(ZONE_MOVABLE)) &&
	       !l->f->has_cma;
}

/* A PFN of DAX is special in kernels that mark it as devmap; yet GUP gets its page. */
static bool has_page(const struct glance *l)
{
	return l->zeropage || !is(l, S(SPECIAL)) || l->vma->backing == VMA_IS_DAX;
}

/* Since Linux 6.5: shared, writable, and the file system, as sysfs, wants to know of writes. */
static bool needs_dirty_tracking(const struct glance *l)
{
	return has(l, VMA_SHARED) && has(l, VMA_WRITE) &&
	       (l->vma->backing == VMA_IS_FILE || l->vma->backing == VMA_IS_DAX ||
		is(l, S(P2PDMA)));
}

static bool needs_soft_dirty_wp(const struct glance *l)
{
	return !has(l, VMA_SOFTDIRTY) && !is(l, S(SOFT_DIRTY)) &&
	       !(l->page->unknown & S(SOFT_DIRTY));
}

/* As can_follow_write_pte(). */
static bool can_follow_write(const struct glance *l)
{
	if (is(l, S(WRITABLE)))
		return true;
	return l->force && !has(l, VMA_MAYSHARE | VMA_WRITE) && has(l, VMA_MAYWRITE) &&
	       is_exclusive(l) && !needs_soft_dirty_wp(l) &&
	       !(has(l, VMA_UFFD_WP) && is(l, S(UFFD_WP)));
}

/* As gup_must_unshare(). */
static bool must_unshare(const struct glance *l, bool knows_vma)
{
	if (l->write || !l->pins || is(l, S(WRITABLE)))
		return false;
	if (is(l, S(ANON)))
		return !is(l, S(EXCLUSIVE));
	return l->longterm && since(l, 6, 2) && (!knows_vma || vma_is_cow(l->vma));
}

static struct glance look_at(const struct pin_facts *f, const struct pin_request *r)
{
	const unsigned int fast = 1U << PINSCOPE_CALL_PIN_FAST | 1U << PINSCOPE_CALL_GET_FAST |
				  1U << PINSCOPE_CALL_PIN_FAST_ONLY |
				  1U << PINSCOPE_CALL_GET_FAST_ONLY;
	const unsigned int only = 1U << PINSCOPE_CALL_PIN_FAST_ONLY |
				  1U << PINSCOPE_CALL_GET_FAST_ONLY;
	/* These pass no 'locked', so that a fault must not drop the mmap lock. */
	const unsigned int locked = 1U << PINSCOPE_CALL_PIN | 1U << PINSCOPE_CALL_GET;
	struct glance l = {
		.f = f, .vma = &f->vma, .page = &f->page, .state = f->page.state,
		.gup_flags = r->gup_flags, .call = r->call,
		.pins = calls[r->call].traits & CALL_TAKES_PINS,
		.fast = fast & 1U << r->call, .fast_only = only & 1U << r->call,
		.may_retry = !(locked & 1U << r->call),
		.write = r->gup_flags & F(WRITE), .longterm = r->gup_flags & F(LONGTERM),
		.force = r->gup_flags & F(FORCE),
	};
	bool honors;

	l.present = is(&l, S(PRESENT));
	l.empty = !l.page->pages || !l.state;
	l.zeropage = is(&l, S(ZEROPAGE) | S(HUGE_ZEROPAGE));
	l.by_pmd = l.present && l.vma->backing != VMA_IS_HUGETLB &&
		   l.page->map_shift > l.vma->page_shift;
	/* Until Linux 6.6 all calls without FOLL_FORCE did. */
	honors = since(&l, 6, 6) ? l.gup_flags & F(HONOR_NUMA_FAULT) : !l.force;
	l.write_fault = l.present && l.write && !can_follow_write(&l);
	l.unshare = l.present && has_page(&l) && must_unshare(&l, true);
	l.numa_fault = is(&l, S(NUMA_HINT)) && (honors || l.write_fault || l.unshare);
	/* Also of what has to be swapped in first. */
	l.rwp_fault = is(&l, S(UFFD_RWP)) && has(&l, VMA_READ | VMA_WRITE | VMA_EXEC);
	l.needs_fault = !l.present || l.write_fault || l.unshare || l.numa_fault || l.rwp_fault;
	return l;
}

/* ------------------------------------------------------------ the arguments */

static bool call_is_missing(const struct glance *l)
{
	return !(l->f->info.calls & 1ULL << l->call);
}

static bool flag_is_not_taken(const struct glance *l)
{
	return l->gup_flags & ~l->f->info.gup_flags[l->call];
}

/* -------------------------------------------------------- the lockless walk */

/* It knows no VMA, and takes what is certain to be right. */
static bool fast_takes_it(const struct glance *l)
{
	bool reject_file = l->write && l->longterm && l->pins && since(l, 6, 5) &&
			   !is(l, S(ANON)) && !is(l, S(HUGETLB)) &&
			   l->vma->backing != VMA_IS_SHMEM;

	/* Not each kernel tells PROTNONE. */
	if (!l->fast || !l->present || is(l, S(PROTNONE)) ||
	    !has(l, VMA_READ | VMA_WRITE | VMA_EXEC) ||
	    (l->write && !is(l, S(WRITABLE))) || is(l, S(ZEROPAGE)))
		return false;
	if (l->vma->backing == VMA_IS_DAX ? l->longterm : is(l, S(SPECIAL)))
		return false;
	if (is(l, S(P2PDMA)) && !(l->gup_flags & F(PCI_P2PDMA)))
		return false;
	return !(l->longterm && !is_pinnable(l)) && !reject_file &&
	       l->vma->backing != VMA_IS_SECRETMEM && !must_unshare(l, false);
}

static bool fast_takes_pte(const struct glance *l)
{
	return fast_takes_it(l) && l->page->map_shift == l->f->page_shift;
}

static bool is_fast_only(const struct glance *l)
{
	return l->fast_only;
}

/* ------------------------------------------------------------------ the VMA */

static bool grows_stack(const struct glance *l)
{
	return !l->f->is_mapped && l->f->stack_below;
}

static bool has_no_vma(const struct glance *l)
{
	return !l->f->is_mapped;
}

static bool is_io_or_pfnmap(const struct glance *l)
{
	return has(l, VMA_IO | VMA_PFNMAP);
}

static bool wants_anon_vma(const struct glance *l)
{
	return (l->gup_flags & F(ANON)) && l->vma->backing != VMA_IS_ANON;
}

static bool is_longterm_dax(const struct glance *l)
{
	return l->longterm && l->vma->backing == VMA_IS_DAX;
}

static bool splits_shared_dax(const struct glance *l)
{
	return (l->gup_flags & F(SPLIT_PMD)) && l->vma->backing == VMA_IS_DAX &&
	       has(l, VMA_SHARED);
}

static bool splits_hugetlb(const struct glance *l)
{
	return (l->gup_flags & F(SPLIT_PMD)) && l->vma->backing == VMA_IS_HUGETLB;
}

static bool is_secretmem(const struct glance *l)
{
	return l->vma->backing == VMA_IS_SECRETMEM;
}

static bool writes_tracked_file(const struct glance *l)
{
	return l->write && l->longterm && l->pins && needs_dirty_tracking(l);
}

static bool writes_readonly(const struct glance *l)
{
	return l->write && (!has(l, VMA_WRITE) || has(l, VMA_SHADOW_STACK));
}

static bool writes_readonly_unforced(const struct glance *l)
{
	return writes_readonly(l) && !l->force && !has(l, VMA_SHADOW_STACK);
}

static bool writes_shadow_stack(const struct glance *l)
{
	return writes_readonly(l) && !l->force;
}

static bool forces_hugetlb(const struct glance *l)
{
	return writes_readonly(l) && l->vma->backing == VMA_IS_HUGETLB;
}

static bool forces_shared(const struct glance *l)
{
	return writes_readonly(l) && !vma_is_cow(l->vma);
}

static bool reads_unreadable(const struct glance *l)
{
	return !l->write && !has(l, VMA_READ) && (!l->force || !has(l, VMA_MAYREAD));
}

/* ------------------------------------------------- the page table entry */

static bool dumps_hole(const struct glance *l)
{
	return (l->gup_flags & F(DUMP)) && l->empty && l->vma->backing == VMA_IS_ANON;
}

/* A PMD that is not followed, but by way of a fault. A page table has entries of 8 bytes. */
static bool may_dump_pmd(const struct glance *l)
{
	const unsigned int pmd_shift = 2 * l->f->page_shift - 3;

	return (l->gup_flags & F(DUMP)) && l->page->map_shift >= pmd_shift &&
	       (l->rwp_fault || is(l, S(MIGRATION) | S(DEVICE_PRIVATE))) &&
	       (l->vma->backing == VMA_IS_ANON ||
		(l->vma->backing == VMA_IS_HUGETLB && is(l, S(ANON))));
}

static bool dumps_pmd(const struct glance *l)
{
	return may_dump_pmd(l) && !is(l, S(MIGRATION)) && l->vma->backing == VMA_IS_ANON;
}

static bool dumps_zeropage(const struct glance *l)
{
	return (l->gup_flags & F(DUMP)) && l->zeropage && !l->write_fault;
}

static bool dumps_pfn(const struct glance *l)
{
	return (l->gup_flags & F(DUMP)) && l->present && !l->write_fault && !has_page(l);
}

static bool has_pfn_only(const struct glance *l)
{
	return l->present && !l->write_fault && !has_page(l);
}

static bool must_not_fault(const struct glance *l)
{
	return (l->gup_flags & F(NOFAULT)) && l->needs_fault;
}

static bool writes_p2pdma(const struct glance *l)
{
	return l->write_fault && is(l, S(P2PDMA));
}

static bool is_unexpected_p2pdma(const struct glance *l)
{
	return l->present && is(l, S(P2PDMA)) && !(l->gup_flags & F(PCI_P2PDMA));
}

/* x86's pud_present(), unlike pmd_present(), is not true of an entry without access. */
static bool is_gigantic_without_access(const struct glance *l)
{
#ifdef __x86_64__
	const unsigned int pud_shift = 3 * l->f->page_shift - 6;

	return l->present && is(l, S(PROTNONE)) && !l->rwp_fault &&
	       l->page->map_shift >= pud_shift;
#else
	(void)l;
	return false;
#endif
}

static bool dumps_gigantic(const struct glance *l)
{
	return (l->gup_flags & F(DUMP)) && is_gigantic_without_access(l);
}

/* ------------------------------------------- faults, of what is not present */

static bool is_guard(const struct glance *l)
{
	return is(l, S(GUARD));
}

static bool is_poison(const struct glance *l)
{
	return !l->present && is(l, S(POISON) | S(HWPOISON));
}

static bool is_poison_reported(const struct glance *l)
{
	return is_poison(l) && (l->gup_flags & F(HWPOISON));
}

/* A write fault in a VMA in which userfaultfd has write-protected the page. */
static bool hits_uffd_wp(const struct glance *l)
{
	return (l->write_fault || (l->write && is(l, S(SWAP)))) && has(l, VMA_UFFD_WP) &&
	       is(l, S(UFFD_WP));
}

static bool hits_uffd_wp_locked(const struct glance *l)
{
	return hits_uffd_wp(l) && !l->may_retry && l->f->uffd_async == 0;
}

static bool hits_uffd_wp_sync(const struct glance *l)
{
	return hits_uffd_wp(l) && l->f->uffd_async == 0;
}

static bool hits_uffd_wp_unknown(const struct glance *l)
{
	return hits_uffd_wp(l) && l->f->uffd_async < 0;
}

/* Any fault in a VMA in which userfaultfd wants to know of each access. */
static bool hits_uffd_rwp_locked(const struct glance *l)
{
	return l->rwp_fault && !l->may_retry && l->f->uffd_async == 0;
}

static bool hits_uffd_rwp_sync(const struct glance *l)
{
	return l->rwp_fault && l->f->uffd_async == 0;
}

static bool hits_uffd_rwp_unknown(const struct glance *l)
{
	return l->rwp_fault && l->f->uffd_async < 0;
}

static bool is_swapped(const struct glance *l)
{
	return is(l, S(SWAP));
}

static bool is_migrating(const struct glance *l)
{
	return is(l, S(MIGRATION));
}

static bool is_on_device(const struct glance *l)
{
	return is(l, S(DEVICE_PRIVATE));
}

/* A THP that a PMD stands for which is not present: it migrates, or is on a device. */
static bool is_thp_away(const struct glance *l)
{
	return (is_migrating(l) || is_on_device(l)) && l->vma->backing != VMA_IS_HUGETLB &&
	       l->page->map_shift > l->vma->page_shift;
}

static bool is_device_exclusive(const struct glance *l)
{
	return is(l, S(DEVICE_EXCLUSIVE));
}

static bool is_thp_on_device(const struct glance *l)
{
	return is_thp_away(l) && is_on_device(l);
}

static bool is_hole(const struct glance *l)
{
	return !l->present;
}

static bool is_missing_hole(const struct glance *l)
{
	return is_hole(l) && has(l, VMA_UFFD_MISSING);
}

static bool is_missing_hole_locked(const struct glance *l)
{
	return is_missing_hole(l) && !l->may_retry;
}

static bool is_beyond_file(const struct glance *l)
{
	uint64_t page = 1ULL << l->vma->page_shift;
	uint64_t offset = l->vma->offset + (l->f->addr - l->vma->start);

	return is_hole(l) && l->vma->file_size != UINT64_MAX &&
	       (l->vma->backing == VMA_IS_FILE || l->vma->backing == VMA_IS_SHMEM ||
		l->vma->backing == VMA_IS_DAX) &&
	       offset >= (l->vma->file_size + page - 1) / page * page;
}

static bool is_hugetlb_hole_without_pool(const struct glance *l)
{
	return is_hole(l) && l->vma->backing == VMA_IS_HUGETLB && !l->f->pool_free;
}

static bool is_driver_hole(const struct glance *l)
{
	return is_hole(l) && l->vma->backing == VMA_IS_DEVICE;
}

static bool is_hole_written(const struct glance *l)
{
	return is_hole(l) && (l->write || l->vma->backing == VMA_IS_HUGETLB);
}

static bool is_hole_shared(const struct glance *l)
{
	return is_hole(l) && has(l, VMA_MAYSHARE);
}

static bool is_hole_unshared(const struct glance *l)
{
	return is_hole(l) && l->longterm && vma_is_cow(l->vma) && since(l, 6, 2);
}

/* ------------------------------------------------- faults, of present pages */

static bool breaks_cow(const struct glance *l)
{
	return l->write_fault || l->unshare;
}

static bool writes_shared_pmd(const struct glance *l)
{
	return l->write_fault && has(l, VMA_MAYSHARE) && l->by_pmd &&
	       l->vma->backing != VMA_IS_DAX;
}

static bool writes_shared(const struct glance *l)
{
	return l->write_fault && has(l, VMA_MAYSHARE);
}

/* A PMD is split to clear the bit. */
static bool writes_exclusive_uffd_pmd(const struct glance *l)
{
	return l->write_fault && is_exclusive(l) && l->by_pmd && hits_uffd_wp(l);
}

static bool writes_exclusive_forced(const struct glance *l)
{
	return l->write_fault && is_exclusive(l) && !has(l, VMA_WRITE);
}

static bool writes_exclusive(const struct glance *l)
{
	return l->write_fault && is_exclusive(l);
}

static bool is_hugetlb(const struct glance *l)
{
	return breaks_cow(l) && l->vma->backing == VMA_IS_HUGETLB;
}

static bool is_hugetlb_alone(const struct glance *l)
{
	return is_hugetlb(l) && is(l, S(ANON)) && l->page->mapcount == 1;
}

static bool is_hugetlb_shared_without_pool(const struct glance *l)
{
	return is_hugetlb(l) && is(l, S(ANON)) && !l->f->pool_free;
}

static bool is_hugetlb_without_pool(const struct glance *l)
{
	return is_hugetlb(l) && !l->f->pool_free;
}

static bool is_huge_zeropage(const struct glance *l)
{
	return breaks_cow(l) && is(l, S(HUGE_ZEROPAGE)) && l->by_pmd;
}

/* References that are neither the PMD's nor the swap cache's. */
static bool is_thp(const struct glance *l)
{
	return breaks_cow(l) && l->by_pmd && is(l, S(ANON));
}

static bool is_thp_swapcache(const struct glance *l)
{
	return is_thp(l) && is(l, S(SWAPCACHE));
}

static bool is_thp_uffd(const struct glance *l)
{
	return is_thp(l) && l->write_fault && hits_uffd_wp(l);
}

static bool is_thp_alone(const struct glance *l)
{
	return is_thp(l) && l->page->refcount <= 1;
}

/* The read fault that follows the split maps the same PMD again. */
static bool is_file_pmd_unshared(const struct glance *l)
{
	return l->unshare && l->by_pmd && !is(l, S(ANON)) && !has(l, VMA_NOHUGEPAGE) &&
	       !l->f->thp_disabled && l->vma->backing != VMA_IS_DAX;
}

static bool is_file_pmd(const struct glance *l)
{
	return breaks_cow(l) && l->by_pmd;
}

static bool is_ksm(const struct glance *l)
{
	return breaks_cow(l) && is(l, S(KSM));
}

static bool is_anon(const struct glance *l)
{
	return breaks_cow(l) && is(l, S(ANON));
}

static bool is_small(const struct glance *l)
{
	return is_anon(l) && !l->page->folio_order;
}

/* Kept in an LRU batch of some processor, which has a reference. */
static bool is_small_batched(const struct glance *l)
{
	return is_small(l) && !is(l, S(LRU)) && l->page->refcount == 2 + is(l, S(SWAPCACHE));
}

/* Whoever reads beside it from swap looks it up, and has a reference for that long. */
static bool is_small_swapcache(const struct glance *l)
{
	return is_small(l) && is(l, S(SWAPCACHE)) && l->page->mapcount <= 1 &&
	       l->page->refcount <= 3;
}

static bool is_small_alone(const struct glance *l)
{
	return is_small(l) && l->page->refcount <= 1;
}

static bool is_large_alone_by_refs(const struct glance *l)
{
	return is_anon(l) && l->page->folio_order && l->page->refcount <= 1;
}

static int swapcache_refs(const struct glance *l)
{
	return is(l, S(SWAPCACHE)) ? 1 << l->page->folio_order : 0;
}

static bool is_large_by_mapcount(const struct glance *l)
{
	return is_anon(l) && l->page->folio_order && l->page->mapcount > 1 &&
	       !l->f->mapped_by_others;
}

static bool is_large_uncertain(const struct glance *l)
{
	int others = l->page->refcount - l->page->mapcount - swapcache_refs(l);

	return is_large_by_mapcount(l) && others <= 1 &&
	       (is(l, S(SWAPCACHE)) || (others == 1 && !is(l, S(LRU))));
}

static bool is_large_alone(const struct glance *l)
{
	return is_large_by_mapcount(l) && l->page->refcount == l->page->mapcount;
}

static bool is_zeropage(const struct glance *l)
{
	return breaks_cow(l) && l->zeropage;
}

static bool is_pfn(const struct glance *l)
{
	return breaks_cow(l) && !has_page(l);
}

/* ---------------------------------------------------------- without a fault */

static bool stays_shared(const struct glance *l)
{
	return has(l, VMA_MAYSHARE);
}

static bool stays_exclusive(const struct glance *l)
{
	return is_exclusive(l);
}

static bool stays_by_reference(const struct glance *l)
{
	return !l->pins;
}

static bool stays_longterm(const struct glance *l)
{
	return l->longterm;
}

static bool always(const struct glance *l)
{
	(void)l;
	return true;
}

struct row {
	bool (*holds)(const struct glance *l);
	struct check check;
};

#define NONE	0
#define ERR	FATE_REFUSED
#define REUSE_OR_COPY	(FATE_EXCLUSIVE | FATE_COPIED)
#define COPY_EFFECTS	EFFECT_ALLOCATES

static const struct row rows[] = {
	{ call_is_missing, { "pinscope.ko", NONE, NONE, ERR, EOPNOTSUPP, NONE,
	  "This kernel does not have the call.",
	  "'pinscope info' lists the calls that it has."
	} },
	{ flag_is_not_taken, { "is_valid_gup_args", NONE, NONE, ERR, EINVAL, NONE,
	  "The call does not take this combination of FOLL flags on this kernel; mm would warn of it.",
	  "'pinscope info' lists the flags that each call takes."
	} },
	{ fast_takes_pte, { "gup_fast_pte_range", NONE, NONE, FATE_STAYS, 0, NONE,
	  "The lockless walk finds a page that it may pin where it is, without a look at the VMA.",
	  NULL } },
	{ fast_takes_it, { "gup_fast_pmd_leaf", NONE, NONE, FATE_STAYS, 0, NONE,
	  "The lockless walk finds a huge entry whose page it may pin where it is, without a look at the VMA.",
	  NULL } },
	{ is_fast_only, { "gup_fast_fallback", NONE, NONE, ERR, EAGAIN, NONE,
	  "The lockless walk does not take this page, and the call never goes on to the slow one.",
	  "pin_user_pages_fast() goes on."
	} },
	{ grows_stack, { "find_extend_vma", NONE, KERNEL(6, 5), FATE_FAULTED_IN, 0,
	  EFFECT_ALLOCATES,
	  "Nothing is mapped there, but a stack that grows down begins above: GUP extends it.",
	  NULL } },
	{ has_no_vma, { "gup_vma_lookup", NONE, NONE, ERR, EFAULT, NONE,
	  "Nothing is mapped at the address. A stack is not extended either, since Linux 6.5.",
	  "Map memory there before the pin; a stack grows when the process itself touches it."
	} },
	{ splits_shared_dax, { "pinscope.ko", NONE, NONE, ERR, EOPNOTSUPP, NONE,
	  "GUP could install a page table where the write fault of another thread maps a PMD, and mm would warn: pinscope does not ask GUP for that.",
	  "Leave FOLL_SPLIT_PMD out, or map the file with MAP_PRIVATE."
	} },
	{ is_io_or_pfnmap, { "check_vma_flags", NONE, NONE, ERR, EFAULT, NONE,
	  "The mapping is a driver's, of PFNs without pages that mm may pin (VM_IO or VM_PFNMAP).",
	  "Hand the memory to the other driver as a dma-buf, or let the driver map pages with vm_insert_page()."
	} },
	{ wants_anon_vma, { "check_vma_flags", NONE, NONE, ERR, EFAULT, NONE,
	  "FOLL_ANON takes anonymous mappings only, whatever the page is.",
	  "Leave FOLL_ANON out, or use anonymous memory."
	} },
	{ is_longterm_dax, { "check_vma_flags", NONE, NONE, ERR, EOPNOTSUPP, NONE,
	  "The file is on persistent memory (DAX), whose truncation waits for pins: none may last.",
	  "Leave FOLL_LONGTERM out, copy the content to anonymous memory, or use device DAX (/dev/dax)."
	} },
	{ splits_hugetlb, { "check_vma_flags", KERNEL(6, 10), NONE, ERR, EOPNOTSUPP, NONE,
	  "FOLL_SPLIT_PMD cannot split hugetlb.",
	  "Leave FOLL_SPLIT_PMD out."
	} },
	{ is_secretmem, { "check_vma_flags", KERNEL(5, 14), NONE, ERR, EFAULT, NONE,
	  "The memory is of memfd_secret(), which the kernel itself must not reach.",
	  "Use memfd_create() for memory that devices share."
	} },
	{ writes_tracked_file, { "writable_file_mapping_allowed", KERNEL(6, 5), NONE, ERR, EFAULT,
	  NONE,
	  "The file system tracks writes (page_mkwrite or writeback) and would miss those of the device: it writes the page back and protects it while the device goes on to write.",
	  "Use a memfd, tmpfs or hugetlbfs; or MAP_PRIVATE, and write the file later; or pin for reading."
	} },
	{ writes_readonly_unforced, { "check_vma_flags", NONE, NONE, ERR, EFAULT, NONE,
	  "FOLL_WRITE in a mapping without write permission (no VM_WRITE).",
	  "mprotect() the range to PROT_WRITE before the pin, or pin for reading: since Linux 6.2 FOLL_LONGTERM alone is reliable."
	} },
	{ writes_shadow_stack, { "check_vma_flags", KERNEL(6, 6), NONE, ERR, EFAULT, NONE,
	  "FOLL_WRITE of a shadow stack, which only the processor writes.",
	  "Leave shadow stacks alone."
	} },
	{ forces_hugetlb, { "check_vma_flags", NONE, KERNEL(6, 14), ERR, EFAULT, NONE,
	  "FOLL_FORCE|FOLL_WRITE is not supported for hugetlb.",
	  "mprotect() the range to PROT_WRITE before the pin, or pin for reading."
	} },
	{ forces_shared, { "check_vma_flags", NONE, NONE, ERR, EFAULT, NONE,
	  "FOLL_FORCE|FOLL_WRITE works in private mappings only, where the page is copied.",
	  "mprotect() the range to PROT_WRITE before the pin, or map the file with MAP_PRIVATE."
	} },
	{ reads_unreadable, { "check_vma_flags", NONE, NONE, ERR, EFAULT, NONE,
	  "The mapping has no read permission (no VM_READ).",
	  "mprotect() the range to PROT_READ before the pin."
	} },
	{ dumps_hole, { "no_page_table", NONE, NONE, ERR, EFAULT, NONE,
	  "FOLL_DUMP leaves out what has no page yet, since a dump has a hole there.",
	  "Leave FOLL_DUMP out: it is for core dumps."
	} },
	{ dumps_pmd, { "follow_pmd_mask", NONE, NONE, ERR, EFAULT, NONE,
	  "A known bug: with FOLL_DUMP GUP takes a PMD for empty where a fault has to come first, of a THP in a device's memory or one that UFFDIO_RWPROTECT protects: a core dump has a hole there.",
	  "Have the process touch the page before; or leave FOLL_DUMP out."
	} },
	{ may_dump_pmd, { "follow_pmd_mask", NONE, NONE, FATE_FAULTED_IN | FATE_STAYS | ERR,
	  EFAULT, NONE,
	  "A known bug: with FOLL_DUMP GUP takes a PMD for empty where a fault has to come first: a core dump has a hole there, unless the migration ends before, or the page cache has a hugetlb page.",
	  "Leave FOLL_DUMP out: it is for core dumps."
	} },
	{ dumps_zeropage, { "follow_page_pte", NONE, NONE, ERR, EFAULT, NONE,
	  "FOLL_DUMP fails on a zeropage, since a dump has a hole there.",
	  "Leave FOLL_DUMP out: it is for core dumps."
	} },
	{ dumps_pfn, { "follow_page_pte", NONE, NONE, ERR, EFAULT, NONE,
	  "FOLL_DUMP leaves out what has no page that mm may use.",
	  "Leave FOLL_DUMP out: it is for core dumps."
	} },
	{ has_pfn_only, { "follow_pfn_pte", NONE, NONE, ERR, EEXIST, NONE,
	  "The entry has a PFN without a page that mm may use. GUP looks for the page before it asks whether to unshare.",
	  "Pin with FOLL_WRITE, which copies it; or let the driver map pages."
	} },
	{ must_not_fault, { "faultin_page", NONE, NONE, ERR, EFAULT, NONE,
	  "FOLL_NOFAULT, and the pin needs a fault: the page is not present, or must become exclusive or writable first.",
	  "Touch the memory before the pin (MADV_POPULATE_WRITE), or leave FOLL_NOFAULT out."
	} },
	{ writes_p2pdma, { "do_page_mkwrite", KERNEL(6, 2), NONE, FATE_HANGS, 0, NONE,
	  "A known bug: a write fault of a PCI device's memory (P2PDMA) that sysfs has mapped does nothing and says so, and GUP begins anew for ever. SIGKILL ends it.",
	  "Map the memory again; mprotect() leaves entries writable that the process has written by."
	} },
	{ is_unexpected_p2pdma, { "try_grab_folio", KERNEL(6, 2), NONE, ERR, EREMOTEIO, NONE,
	  "The page is memory of a PCI device (P2PDMA), which not every device can reach: the caller has to say FOLL_PCI_P2PDMA, as direct I/O does to disks that can.",
	  "Copy the content to ordinary memory."
	} },
	{ dumps_gigantic, { "follow_pud_mask", KERNEL(6, 10), NONE, ERR | FATE_HANGS, EFAULT, NONE,
	  "A known bug: for GUP a page of 1 GiB without access is not present. With FOLL_DUMP it is left out, or, if the page cache has it, GUP begins anew for ever.",
	  "mprotect() the range to PROT_READ before."
	} },
	{ is_gigantic_without_access, { "follow_pud_mask", KERNEL(6, 10), NONE, FATE_HANGS, 0, NONE,
	  "A known bug: for GUP a page of 1 GiB without access is not present, for the fault handler it is, and GUP begins anew for ever. SIGKILL ends it.",
	  "mprotect() the range to PROT_READ before."
	} },
	{ is_guard, { "handle_pte_marker", KERNEL(6, 13), NONE, ERR, EFAULT, NONE,
	  "The page is a guard region (MADV_GUARD_INSTALL): any access gives SIGSEGV.",
	  "Pin what is beside it, or take the guard away with MADV_GUARD_REMOVE."
	} },
	{ is_poison_reported, { "vm_fault_to_errno", NONE, NONE, ERR, EHWPOISON, NONE,
	  "The page has a memory error, or UFFDIO_POISON says so; FOLL_HWPOISON reports that.",
	  "Map new memory there (MADV_DONTNEED, mmap), and write the content again."
	} },
	{ is_poison, { "handle_pte_marker", NONE, NONE, ERR, EFAULT, NONE,
	  "The page has a memory error, or UFFDIO_POISON says so: any access gives SIGBUS.",
	  "Map new memory there (MADV_DONTNEED, mmap), and write the content again."
	} },
	{ hits_uffd_rwp_locked, { "do_uffd_rwp", NONE, NONE, ERR, EFAULT, NONE,
	  "userfaultfd wants to know of each access to the page (UFFDIO_RWPROTECT), and this call must not drop the mmap lock to wait for the handler.",
	  "Use pin_user_pages_unlocked() or pin_user_pages_fast(); or have the process touch the page before."
	} },
	{ hits_uffd_rwp_sync, { "do_uffd_rwp", NONE, NONE, FATE_WAITS, 0, NONE,
	  "userfaultfd wants to know of each access to the page (UFFDIO_RWPROTECT): the pin waits until a handler resolves it.",
	  "Have the process touch the page before the pin; or register with UFFD_FEATURE_RWP_ASYNC."
	} },
	{ hits_uffd_rwp_unknown, { "do_uffd_rwp", NONE, NONE,
	  FATE_WAITS | FATE_STAYS | REUSE_OR_COPY | FATE_SWAPPED_IN, 0, NONE,
	  "userfaultfd wants to know of each access to the page (UFFDIO_RWPROTECT). The userfaultfd belongs to another process, so that it cannot be seen whether UFFD_FEATURE_RWP_ASYNC makes the pin go on, or a handler must resolve it.",
	  "Have the process touch the page before the pin."
	} },
	{ hits_uffd_wp_locked, { "handle_userfault", NONE, NONE, ERR, EFAULT, NONE,
	  "userfaultfd has write-protected the page, and this call must not drop the mmap lock to wait for the handler.",
	  "Use pin_user_pages_unlocked() or pin_user_pages_fast(), or pin for reading."
	} },
	{ hits_uffd_wp_sync, { "handle_userfault", NONE, NONE, FATE_WAITS, 0, NONE,
	  "userfaultfd has write-protected the page: the write fault waits until a handler resolves it.",
	  "Pin for reading, which reports no write; or register with UFFD_FEATURE_WP_ASYNC."
	} },
	{ hits_uffd_wp_unknown, { "handle_userfault", NONE, NONE,
	  FATE_WAITS | FATE_STAYS | REUSE_OR_COPY | FATE_SWAPPED_IN, 0, EFFECT_LOSES_UFFD_WP,
	  "userfaultfd has write-protected the page. The userfaultfd belongs to another process, so that it cannot be seen whether UFFD_FEATURE_WP_ASYNC makes the write go on, or a handler must resolve it.",
	  "Pin for reading, which reports no write."
	} },
	{ is_swapped, { "do_swap_page", NONE, NONE, FATE_SWAPPED_IN, 0, EFFECT_ALLOCATES,
	  "The page is swapped out: the pin reads it back, and makes it exclusive if it is not.",
	  "mlock() keeps it in memory; MADV_POPULATE_WRITE reads it back before the pin."
	} },
	{ is_migrating, { "migration_entry_wait", NONE, NONE, FATE_FAULTED_IN, 0, NONE,
	  "The page is being migrated: the pin waits for the end of that.",
	  NULL } },
	{ is_thp_on_device, { "do_huge_pmd_device_private", KERNEL(6, 19), NONE, FATE_FAULTED_IN, 0,
	  EFFECT_ALLOCATES,
	  "The THP is in a device's memory (ZONE_DEVICE): the pin migrates it back to RAM.",
	  NULL } },
	{ is_on_device, { "do_swap_page", NONE, NONE, FATE_FAULTED_IN, 0, EFFECT_ALLOCATES,
	  "The page is in a device's memory (ZONE_DEVICE): the pin migrates it back to RAM.",
	  NULL } },
	{ is_device_exclusive, { "do_swap_page", NONE, NONE, FATE_FAULTED_IN, 0, NONE,
	  "A device has exclusive access to the page: the pin ends that, and the page stays where it is.",
	  NULL } },
	{ is_missing_hole_locked, { "handle_userfault", NONE, NONE,
	  ERR | FATE_FAULTED_IN, EFAULT, NONE,
	  "userfaultfd handles missing pages here, and this call must not drop the mmap lock to wait for the handler; it works only if the page cache has the page.",
	  "Use pin_user_pages_unlocked() or pin_user_pages_fast(), or touch the memory before."
	} },
	{ is_missing_hole, { "handle_userfault", NONE, NONE, FATE_WAITS | FATE_FAULTED_IN, 0, NONE,
	  "userfaultfd handles missing pages here: the pin waits for the handler, unless the page cache has the page.",
	  "Touch the memory before the pin (MADV_POPULATE_WRITE)."
	} },
	{ is_beyond_file, { "filemap_fault", NONE, NONE, ERR, EFAULT, NONE,
	  "The address is beyond the end of the file: an access gives SIGBUS.",
	  "ftruncate() the file to its new size before the pin."
	} },
	{ is_hugetlb_hole_without_pool, { "hugetlb_no_page", NONE, NONE,
	  FATE_FAULTED_IN | ERR, EFAULT, NONE,
	  "There is no page yet, and no hugetlb page is free that nobody has reserved: it works only if the mapping has a reservation, or the file the page.",
	  "Give the pool more pages: echo N >/proc/sys/vm/nr_hugepages."
	} },
	{ is_driver_hole, { "do_fault", NONE, NONE, FATE_FAULTED_IN | ERR, EFAULT, NONE,
	  "There is no entry yet: the driver's fault() decides.",
	  "Touch the memory before."
	} },
	{ is_hole_written, { "handle_mm_fault", NONE, NONE, FATE_FAULTED_IN, 0, EFFECT_ALLOCATES,
	  "There is no page yet: a fault makes one, as when the process writes.",
	  NULL } },
	{ is_hole_shared, { "do_read_fault", NONE, NONE, FATE_FAULTED_IN, 0, NONE,
	  "There is no entry yet: a fault maps the page of the file, which all who map it see.",
	  NULL } },
	{ is_hole_unshared, { "gup_must_unshare", KERNEL(6, 2), NONE, FATE_FAULTED_IN, 0,
	  EFFECT_ALLOCATES,
	  "There is no entry yet: a fault maps the zeropage or a page of the file, and an unshare fault then replaces it by an exclusive page.",
	  "MADV_POPULATE_WRITE before the pin makes the page in one step."
	} },
	{ is_hole, { "do_anonymous_page", NONE, NONE, FATE_FAULTED_IN, 0, EFFECT_STALE,
	  "There is no entry yet: a fault maps the zeropage or a page of the file, and the pin takes that.",
	  "MADV_POPULATE_WRITE before the pin; or FOLL_LONGTERM, since Linux 6.2."
	} },
	{ writes_shared_pmd, { "wp_huge_pmd", NONE, NONE, FATE_STAYS, 0,
	  EFFECT_SPLITS | EFFECT_WRITABLE,
	  "A write fault in a shared mapping: the PMD is split so that the file system hears of the write, and the page stays.",
	  NULL } },
	{ writes_shared, { "do_wp_page", NONE, NONE, FATE_STAYS, 0, EFFECT_WRITABLE,
	  "A write fault in a shared mapping: the file system hears of the write, and the page stays.",
	  NULL } },
	{ writes_exclusive_uffd_pmd, { "wp_huge_pmd", KERNEL(6, 7), NONE, FATE_STAYS, 0,
	  EFFECT_SPLITS | EFFECT_WRITABLE,
	  "A write fault of an exclusive anonymous page that userfaultfd has write-protected: the PMD is split to clear the bit.",
	  NULL } },
	{ writes_exclusive_forced, { "do_wp_page", NONE, NONE, FATE_STAYS, 0, NONE,
	  "A write fault, by FOLL_FORCE, of an anonymous page that is exclusive to the process: it stays.",
	  NULL } },
	{ writes_exclusive, { "do_wp_page", NONE, NONE, FATE_STAYS, 0, EFFECT_WRITABLE,
	  "A write fault of an anonymous page that is exclusive to the process: it stays.",
	  NULL } },
	{ is_hugetlb_alone, { "hugetlb_wp", NONE, NONE, FATE_EXCLUSIVE, 0, NONE,
	  "A hugetlb page that only this process maps any more: no copy is needed.",
	  NULL } },
	{ is_hugetlb_shared_without_pool, { "hugetlb_wp", NONE, NONE,
	  FATE_EXCLUSIVE | ERR, EFAULT, NONE,
	  "Another process maps the hugetlb page, and none is free for a copy: if this process has made the mapping, mm unmaps the page from its children, who get SIGBUS; else the call fails.",
	  "Give the pool more pages: echo N >/proc/sys/vm/nr_hugepages; or MADV_DONTFORK."
	} },
	{ is_hugetlb_without_pool, { "hugetlb_wp", NONE, NONE, FATE_COPIED | ERR, EFAULT, NONE,
	  "The page is to be copied, and no hugetlb page is free that nobody has reserved: it works only if the mapping has a reservation.",
	  "Give the pool more pages: echo N >/proc/sys/vm/nr_hugepages."
	} },
	{ is_hugetlb, { "hugetlb_wp", NONE, NONE, FATE_COPIED, 0, COPY_EFFECTS,
	  "The hugetlb page is not exclusive to the process, and the next write would replace it: it is copied now, to a page of the pool.",
	  "MAP_SHARED needs no copy; MADV_DONTFORK keeps children away from it."
	} },
	{ is_huge_zeropage, { "do_huge_zero_wp_pmd", KERNEL(6, 13), NONE, FATE_COPIED, 0,
	  EFFECT_WRITABLE | COPY_EFFECTS,
	  "The huge zeropage is replaced by a whole THP, writable and dirty even when the pin is for reading.",
	  "Write to the memory before the pin, or MADV_NOHUGEPAGE if the memory is to stay small."
	} },
	{ is_huge_zeropage, { "do_huge_pmd_wp_page", NONE, KERNEL(6, 13), FATE_COPIED, 0,
	  EFFECT_SPLITS | COPY_EFFECTS,
	  "The PMD of the huge zeropage is split, and one zeropage is replaced by an exclusive page.",
	  "Write to the memory before the pin: a write fault gives a THP."
	} },
	{ is_thp_uffd, { "wp_huge_pmd", KERNEL(6, 7), NONE, REUSE_OR_COPY, 0,
	  EFFECT_SPLITS | EFFECT_WRITABLE,
	  "A write fault of a THP that userfaultfd has write-protected: the PMD is split to clear the bit; then the base page becomes exclusive or is copied.",
	  NULL } },
	{ is_thp_swapcache, { "do_huge_pmd_wp_page", NONE, NONE, REUSE_OR_COPY, 0, NONE,
	  "A THP in the swap cache: it becomes exclusive if swap can let go of it, else the PMD is split and a base page copied.",
	  NULL } },
	{ is_thp_alone, { "do_huge_pmd_wp_page", NONE, NONE, FATE_EXCLUSIVE, 0, NONE,
	  "A THP to which nobody else has a reference any more: no copy is needed.",
	  NULL } },
	{ is_thp, { "do_huge_pmd_wp_page", NONE, NONE, FATE_COPIED, 0,
	  EFFECT_SPLITS | COPY_EFFECTS,
	  "The THP is not exclusive to the process, a child after fork for example maps it too: the PMD is split, and the base page copied.",
	  "Write to all of the range before the pin; MADV_DONTFORK keeps children away from it."
	} },
	{ is_file_pmd_unshared, { "do_set_pmd", KERNEL(6, 2), NONE, FATE_HANGS, 0, NONE,
	  "A known bug: the unshare fault splits the PMD of the file THP, the read fault that follows maps the same PMD again, and GUP begins anew for ever. SIGKILL ends it.",
	  "MADV_NOHUGEPAGE on the range before the pin; or MADV_POPULATE_WRITE, which copies the pages; or MAP_SHARED."
	} },
	{ is_file_pmd, { "wp_huge_pmd", NONE, NONE, FATE_COPIED, 0,
	  EFFECT_SPLITS | COPY_EFFECTS,
	  "A huge page of the file in a private mapping: the PMD is split, and a base page copied.",
	  "MAP_SHARED needs no copy."
	} },
	{ is_ksm, { "wp_can_reuse_anon_folio", NONE, NONE, FATE_COPIED, 0, COPY_EFFECTS,
	  "A page that KSM has merged is never exclusive: it is copied.",
	  "MADV_UNMERGEABLE on the range before the pin."
	} },
	{ is_small_batched, { "wp_can_reuse_anon_folio", NONE, NONE, REUSE_OR_COPY, 0, NONE,
	  "The page was shared, and has one reference more than this process's: if that is of this processor's LRU batch, the page becomes exclusive where it is; else it is copied.",
	  NULL } },
	{ is_small_swapcache, { "wp_can_reuse_anon_folio", NONE, NONE, REUSE_OR_COPY, 0, NONE,
	  "The page is in the swap cache: it becomes exclusive if swap can let go of it and nobody else has a reference, else it is copied.",
	  NULL } },
	{ is_small_alone, { "wp_can_reuse_anon_folio", NONE, NONE, FATE_EXCLUSIVE, 0, NONE,
	  "The page was shared, and nobody else has a reference to it any more: it becomes exclusive where it is.",
	  NULL } },
	{ is_large_alone_by_refs, { "do_wp_page", NONE, KERNEL(6, 8), FATE_EXCLUSIVE, 0, NONE,
	  "A large folio of which nobody has another reference: it becomes exclusive where it is.",
	  NULL } },
	{ is_large_uncertain, { "wp_can_reuse_anon_folio", KERNEL(6, 15), NONE, REUSE_OR_COPY, 0,
	  NONE,
	  "A large folio that only this process maps, with references that can go away (LRU batch, swap cache): it becomes exclusive where it is, or the page is copied.",
	  NULL } },
	{ is_large_alone, { "wp_can_reuse_anon_folio", KERNEL(6, 15), NONE, FATE_EXCLUSIVE, 0,
	  NONE,
	  "A large folio that only this process maps, and to which nobody else has a reference: it becomes exclusive where it is.",
	  NULL } },
	{ is_anon, { "wp_page_copy", NONE, NONE, FATE_COPIED, 0, COPY_EFFECTS,
	  "The anonymous page is not exclusive to the process, a child after fork for example has it too: it is copied.",
	  "Write to the memory before the pin; MADV_DONTFORK keeps children away from it."
	} },
	{ is_zeropage, { "wp_page_copy", NONE, NONE, FATE_COPIED, 0, COPY_EFFECTS,
	  "The zeropage, which the next write would replace: it is replaced by an exclusive page now.",
	  "MADV_POPULATE_WRITE before the pin makes the page in one step."
	} },
	{ is_pfn, { "wp_page_copy", NONE, NONE, FATE_COPIED, 0, COPY_EFFECTS,
	  "A PFN without a page in a private mapping of a driver: its content is copied to an anonymous page.",
	  "MAP_SHARED, if the driver can."
	} },
	{ breaks_cow, { "wp_page_copy", NONE, NONE, FATE_COPIED, 0, COPY_EFFECTS,
	  "A page of the file (or driver) in a private mapping, which the next write would replace: it is copied now.",
	  "MAP_SHARED needs no copy."
	} },
	{ stays_shared, { "follow_page_pte", NONE, NONE, FATE_STAYS, 0, NONE,
	  "The page of a shared mapping is the page for all who map it.",
	  NULL } },
	{ stays_exclusive, { "follow_page_pte", NONE, NONE, FATE_STAYS, 0, NONE,
	  "The anonymous page is exclusive to the process: it is pinned where it is.",
	  NULL } },
	{ stays_by_reference, { "follow_page_pte", NONE, NONE, FATE_STAYS, 0, NONE,
	  "The call takes a reference, which promises nothing about later writes: nothing is unshared.",
	  "Use pin_user_pages() with FOLL_PIN semantics for memory that a device reads or writes."
	} },
	{ stays_longterm, { "follow_page_pte", NONE, KERNEL(6, 2), FATE_STAYS, 0, NONE,
	  "Before Linux 6.2 GUP unshares anonymous pages only.",
	  "FOLL_WRITE|FOLL_FORCE breaks COW, as drivers did; or MADV_POPULATE_WRITE before the pin; or Linux 6.2."
	} },
	{ always, { "follow_page_pte", NONE, NONE, FATE_STAYS, 0, NONE,
	  "The zeropage or a page of the file: a short-term pin for reading takes it as it is.",
	  "FOLL_LONGTERM, if the pin is to see later writes of the process."
	} },
};

/* What comes after GUP has a page. */
static const struct check migrates = {
	"check_and_migrate_movable_pages", NONE, NONE, FATE_MOVED, 0, EFFECT_ALLOCATES,
	"The page is in ZONE_MOVABLE or CMA, which must be free to be taken away: a long-term pin migrates it out of there first.",
	NULL,
};

static const struct check migrates_pinned = {
	"check_and_migrate_movable_pages", NONE, NONE, FATE_MOVED | ERR, ENOMEM, EFFECT_ALLOCATES,
	"The page is in ZONE_MOVABLE or CMA, and seems to be pinned already, for a short time: the migration works only once that pin is gone.",
	"Try again, or allocate the memory elsewhere (movable_node, cma=).",
};

static const struct check refuses_hugetlb = {
	"follow_hugetlb_page", NONE, KERNEL(6, 6), ERR, ENOMEM, NONE,
	"The hugetlb page is in ZONE_MOVABLE or CMA, and before Linux 6.6 a long-term pin does not migrate it: the kernel warns. pinscope itself refuses with EOPNOTSUPP.",
	"Take hugetlb pages of other nodes (mbind()), or Linux 6.6.",
};

static const struct check io_uring_refuses = {
	"io_pin_pages", NONE, KERNEL(6, 5), ERR, EOPNOTSUPP, NONE,
	"io_uring itself refuses files and drivers' memory, except of shmem and hugetlb.",
	"Use anonymous memory or a memfd; or Linux 6.5.",
};

static bool is_in_release(const struct glance *l, const struct check *check)
{
	return l->f->release >= check->since &&
	       (!check->before || l->f->release < check->before);
}

static void take(struct prediction *p, const struct check *check)
{
	p->fates = check->fates;
	p->error = check->error;
	p->effects |= check->effects;
}

/* Side effects that go with several checks. */
static void add_effects(const struct glance *l, struct prediction *p)
{
	if (l->write_fault && has(l, VMA_WRITE))
		p->effects |= EFFECT_WRITABLE;
	if (hits_uffd_wp(l))
		p->effects |= EFFECT_LOSES_UFFD_WP;
	if (l->rwp_fault)
		p->effects |= EFFECT_LOSES_UFFD_RWP;
	/* What is marked as devmap was taken before GUP asks for that. */
	if ((l->gup_flags & F(SPLIT_PMD)) && l->by_pmd && l->vma->backing == VMA_IS_DAX)
		p->may |= EFFECT_SPLITS;
	else if ((l->gup_flags & F(SPLIT_PMD)) && (l->by_pmd || is_thp_away(l)))
		p->effects |= EFFECT_SPLITS;
	/* Of one that is shared a page has to be copied, once it is back. */
	else if (is_thp_away(l) && !is(l, S(WRITABLE)))
		p->may |= EFFECT_SPLITS;
	if (p->fates & (FATE_EXCLUSIVE | FATE_COPIED) && is_thp_swapcache(l))
		p->may |= EFFECT_SPLITS;
	/* Without a free THP the PMD is split. */
	if (is_huge_zeropage(l))
		p->may |= EFFECT_SPLITS;
	if (l->by_pmd && p->then == &migrates)
		p->may |= EFFECT_SPLITS;
	if ((p->fates & FATE_STAYS) && vma_is_cow(l->vma) && !is_exclusive(l) && l->present)
		p->effects |= EFFECT_STALE;
	if (l->numa_fault)
		p->effects |= EFFECT_MAY_MIGRATE;
	if (l->numa_fault && (p->fates & (FATE_STAYS | FATE_EXCLUSIVE)))
		p->fates |= FATE_MOVED;
}

static void migrate(const struct glance *l, struct prediction *p)
{
	const unsigned int here = FATE_STAYS | FATE_EXCLUSIVE;

	if (!l->longterm || !(p->fates & here) || is_pinnable(l))
		return;
	if (is_hugetlb(l) && is_in_release(l, &refuses_hugetlb))
		p->then = &refuses_hugetlb;
	else
		p->then = is(l, S(MAYBE_PINNED)) ? &migrates_pinned : &migrates;
	p->effects |= p->then->effects;
	/* Where it is not known whether the page may stay, it may. */
	if (l->page->unknown & S(LONGTERM_PINNABLE) && !is(l, S(ZONE_MOVABLE)))
		p->fates |= p->then->fates;
	else
		p->fates = (p->fates & ~here) | p->then->fates;
	if (p->then->error)
		p->error = p->then->error;
}

struct prediction predict(const struct pin_facts *facts, const struct pin_request *request)
{
	const struct glance l = look_at(facts, request);
	const struct vma *vma = &facts->vma;
	const struct row *row = rows;
	struct prediction p = {};

	/* The last one always holds. */
	while (!is_in_release(&l, &row->check) || !row->holds(&l))
		row++;
	p.check = &row->check;
	take(&p, &row->check);
	migrate(&l, &p);
	add_effects(&l, &p);
	if (request->io_uring && is_in_release(&l, &io_uring_refuses) && vma->inode &&
	    vma->backing != VMA_IS_SHMEM && vma->backing != VMA_IS_HUGETLB &&
	    !(p.fates & FATE_REFUSED)) {
		p.then = &io_uring_refuses;
		take(&p, &io_uring_refuses);
	}
	return p;
}

const char *prediction_text(const struct prediction *p, char *buf, size_t size)
{
	size_t len = 0, i;

	*buf = '\0';
	for (i = 0; i < FATES && len < size; i++) {
		if (!(p->fates & 1U << i))
			continue;
		len += snprintf(buf + len, size - len, "%s%s", len ? " or " : "",
				fate_names[i]);
		if (1U << i == FATE_REFUSED && len < size)
			len += snprintf(buf + len, size - len, " with %s",
					pinscope_errno(p->error));
	}
	return buf;
}

/* What happened, as fates; several where they cannot be told apart. */
static unsigned int observed(const struct pinscope_page *before,
			     const struct pinscope_page *after, int ret)
{
	if (ret)
		return FATE_REFUSED;
	if (before->state & S(SWAP))
		return FATE_SWAPPED_IN;
	if (!(before->state & S(PRESENT)))
		return FATE_FAULTED_IN;
	if (after->pfn == before->pfn)
		return (after->state & ~before->state & S(EXCLUSIVE)) &&
		       (before->state & S(ANON)) ? FATE_EXCLUSIVE : FATE_STAYS;
	/* An exclusive page is not copied, and a page of a file does not become anonymous. */
	if ((before->state & S(ANON)) == (after->state & S(ANON)) &&
	    (!(before->state & S(ANON)) || (before->state & S(EXCLUSIVE))))
		return FATE_MOVED;
	if (!(before->state & S(ANON)) ||
	    ((before->state & S(LONGTERM_PINNABLE)) && !(before->state & S(NUMA_HINT))))
		return FATE_COPIED;
	return FATE_COPIED | FATE_MOVED;
}

const char *prediction_mismatch(const struct prediction *p, const struct pinscope_page *before,
				const struct pinscope_page *after, int ret, char *buf,
				size_t size)
{
	bool split = !ret && after->map_shift < before->map_shift;
	bool collapsed = !ret && before->map_shift && after->map_shift > before->map_shift;
	struct prediction seen = { .fates = observed(before, after, ret), .error = -ret };
	char expected[120], found[120];

	/* By khugepaged, between the two looks: no call of GUP does that. */
	if (collapsed && !(before->state & (S(ZEROPAGE) | S(SWAP))))
		return NULL;
	if ((p->fates & seen.fates) && (!ret || p->error == -ret)) {
		if (split == !!(p->effects & EFFECT_SPLITS) || (p->may & EFFECT_SPLITS))
			return NULL;
		snprintf(buf, size, "%s() was expected to %s the PMD; it %s",
			 p->check->function, split ? "keep" : "split",
			 split ? "was split" : "was kept");
		return buf;
	}
	snprintf(buf, size, "expected that the page %s, by %s(); found that it %s",
		 prediction_text(p, expected, sizeof(expected)), p->check->function,
		 prediction_text(&seen, found, sizeof(found)));
	return buf;
}
