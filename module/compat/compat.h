/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels, hidden: code above this header reads as if
 * there were one kernel. have.h says which of the probes in this directory
 * compiled.
 */
#ifndef PINSCOPE_COMPAT_H
#define PINSCOPE_COMPAT_H

#include "compat/have.h"

#include <linux/mm.h>
#include <linux/hugetlb.h>
#include <linux/swap.h>
#ifdef HAVE_LEAFOPS
#include <linux/leafops.h>
#else
#include <linux/swapops.h>
#endif
#ifndef HAVE_INSERT_PFN_LONG
#include <linux/pfn_t.h>
#endif

#include "pinscope_abi.h"

/* A flag that the kernel does not have is 0; flags.c knows. */
#ifndef HAVE_FOLL_PCI_P2PDMA
#define FOLL_PCI_P2PDMA		0
#endif
#ifndef HAVE_FOLL_INTERRUPTIBLE
#define FOLL_INTERRUPTIBLE	0
#endif
#ifndef HAVE_FOLL_HONOR_NUMA_FAULT
#define FOLL_HONOR_NUMA_FAULT	0
#endif

#ifndef HAVE_VM_FAULT_WRITE
#define VM_FAULT_WRITE		((__force vm_fault_t)0)
#endif

/* Where there is one, the array of VMAs comes behind that of pages. */
#ifdef HAVE_GUP_WITHOUT_VMAS
#define PS_PAGES(pages)	pages
#else
#define PS_PAGES(pages)	pages, NULL
#endif

static inline long ps_pin_user_pages(unsigned long start, unsigned long nr,
				     unsigned int gup_flags, struct page **pages)
{
	return pin_user_pages(start, nr, gup_flags, PS_PAGES(pages));
}

static inline long ps_get_user_pages(unsigned long start, unsigned long nr,
				     unsigned int gup_flags, struct page **pages)
{
	return get_user_pages(start, nr, gup_flags, PS_PAGES(pages));
}

static inline long ps_get_user_pages_remote(struct mm_struct *mm,
					    unsigned long start,
					    unsigned long nr, unsigned int gup_flags,
					    struct page **pages, int *locked)
{
	return get_user_pages_remote(mm, start, nr, gup_flags, PS_PAGES(pages),
				     locked);
}

/* Before GUP could drop the lock for FOLL_LONGTERM, it warned of @locked. */
static inline long ps_pin_user_pages_remote(struct mm_struct *mm,
					    unsigned long start,
					    unsigned long nr, unsigned int gup_flags,
					    struct page **pages, int *locked)
{
#ifndef HAVE_LONGTERM_UNLOCKED
	if (gup_flags & FOLL_LONGTERM)
		locked = NULL;
#endif
	return pin_user_pages_remote(mm, start, nr, gup_flags, PS_PAGES(pages),
				     locked);
}

/*
 * How many page table entries map the folio or a part of it. The caller keeps
 * the folio mapped or has a reference.
 */
static inline int ps_folio_mapcount(struct folio *folio)
{
#ifdef HAVE_INLINE_FOLIO_MAPCOUNT
	return folio_mapcount(folio);
#else
	int entire, sum;
	long i, nr = folio_nr_pages(folio);

	if (!folio_test_large(folio))
		return atomic_read(&folio->_mapcount) + 1;
	entire = folio_entire_mapcount(folio);
	if (PageHuge(&folio->page))
		return entire;
	sum = entire;
	for (i = 0; i < nr; i++)
		sum += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
	/*
	 * A PMD mapping of a file THP also counts in each of its pages; that
	 * of an anonymous THP does so once when PTEs map it as well.
	 */
	if (!folio_test_anon(folio))
		return sum - entire * nr;
	if (PageDoubleMap(&folio->page))
		sum -= nr;
	return sum;
#endif
}

/* Does each page of a large folio count its own mappings? */
static inline bool ps_has_page_mapcount(void)
{
	return !IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT);
}

/* A counter of MM_*, exact but for what other threads still keep to themselves. */
static inline long ps_rss(struct mm_struct *mm, int member)
{
#ifdef HAVE_RSS_SUM
	return percpu_counter_sum(&mm->rss_stat[member]);
#else
	long count = atomic_long_read(&mm->rss_stat.count[member]);

#ifdef SPLIT_RSS_COUNTING
	if (mm == current->mm)
		count += current->rss_stat.count[member];
#endif
	return count;
#endif
}

/* Is the folio charged to a memory cgroup, or known to be owned by one? */
static inline bool ps_folio_charged(struct folio *folio)
{
#ifdef CONFIG_MEMCG
	return READ_ONCE(folio->memcg_data);
#else
	return false;
#endif
}

/* Can ps_folio_is_cma() tell? */
static inline bool ps_has_cma(void)
{
	return !IS_ENABLED(CONFIG_CMA) || IS_ENABLED(CONFIG_SPARSEMEM);
}

/*
 * The migrate type of the folio's page block, as get_pfnblock_migratetype(),
 * which is not exported, finds it: the lowest three bits of the block's.
 */
static inline bool ps_folio_is_cma(struct folio *folio)
{
#if defined(CONFIG_CMA) && defined(CONFIG_SPARSEMEM)
	unsigned long pfn = folio_pfn(folio), bit;
	const unsigned long *map = __pfn_to_section(pfn)->usage->pageblock_flags;

	bit = ((pfn & (PAGES_PER_SECTION - 1)) >> pageblock_order) *
	      NR_PAGEBLOCK_BITS;
	BUILD_BUG_ON(MIGRATE_CMA > 7);
	return (READ_ONCE(map[bit / BITS_PER_LONG]) >> bit % BITS_PER_LONG & 7) ==
	       MIGRATE_CMA;
#else
	return false;
#endif
}

/* An entry that is neither empty nor present. */
struct ps_leaf {
	u64 state;
	unsigned long pfn;		/* 0 when it has none */
	unsigned int swap_type;		/* with STATE_SWAP */
	unsigned long swap_offset;
};

static inline u64 ps_marker_states(pte_marker marker)
{
	u64 state = PINSCOPE_STATE_MARKER;

	if (marker & PTE_MARKER_UFFD_WP)
		state |= PINSCOPE_STATE_UFFD_WP;
#ifdef PTE_MARKER_POISONED
	if (marker & PTE_MARKER_POISONED)
		state |= PINSCOPE_STATE_POISON;
#endif
#ifdef PTE_MARKER_GUARD
	if (marker & PTE_MARKER_GUARD)
		state |= PINSCOPE_STATE_GUARD;
#endif
	return state;
}

#ifdef HAVE_LEAFOPS
static inline struct ps_leaf ps_leaf(pte_t pte)
{
	softleaf_t entry = softleaf_from_pte(pte);
	struct ps_leaf leaf = {};

	switch (softleaf_type(entry)) {
	case SOFTLEAF_NONE:
		break;
	case SOFTLEAF_SWAP:
		leaf.state = PINSCOPE_STATE_SWAP;
		leaf.swap_type = swp_type(entry);
		leaf.swap_offset = swp_offset(entry);
		break;
	case SOFTLEAF_MIGRATION_WRITE:
		leaf.state = PINSCOPE_STATE_MIGRATION | PINSCOPE_STATE_WRITABLE;
		break;
	case SOFTLEAF_MIGRATION_READ_EXCLUSIVE:
		leaf.state = PINSCOPE_STATE_MIGRATION | PINSCOPE_STATE_EXCLUSIVE;
		break;
	case SOFTLEAF_MIGRATION_READ:
		leaf.state = PINSCOPE_STATE_MIGRATION;
		break;
	case SOFTLEAF_DEVICE_PRIVATE_WRITE:
		leaf.state = PINSCOPE_STATE_DEVICE_PRIVATE | PINSCOPE_STATE_WRITABLE;
		break;
	case SOFTLEAF_DEVICE_PRIVATE_READ:
		leaf.state = PINSCOPE_STATE_DEVICE_PRIVATE;
		break;
	case SOFTLEAF_DEVICE_EXCLUSIVE:
		leaf.state = PINSCOPE_STATE_DEVICE_EXCLUSIVE;
		break;
	case SOFTLEAF_HWPOISON:
		leaf.state = PINSCOPE_STATE_HWPOISON;
		break;
	case SOFTLEAF_MARKER:
		leaf.state = ps_marker_states(softleaf_to_marker(entry));
		break;
	}
	if (softleaf_has_pfn(entry))
		leaf.pfn = softleaf_to_pfn(entry);
	return leaf;
}
#else
static inline struct ps_leaf ps_leaf(pte_t pte)
{
	swp_entry_t entry = pte_to_swp_entry(pte);
	struct ps_leaf leaf = {};

	if (!non_swap_entry(entry)) {
		leaf.state = PINSCOPE_STATE_SWAP;
		leaf.swap_type = swp_type(entry);
		leaf.swap_offset = swp_offset(entry);
	} else if (is_migration_entry(entry)) {
		leaf.state = PINSCOPE_STATE_MIGRATION;
		if (is_writable_migration_entry(entry))
			leaf.state |= PINSCOPE_STATE_WRITABLE;
		else if (is_readable_exclusive_migration_entry(entry))
			leaf.state |= PINSCOPE_STATE_EXCLUSIVE;
	} else if (is_hwpoison_entry(entry)) {
		leaf.state = PINSCOPE_STATE_HWPOISON;
	} else if (is_device_private_entry(entry)) {
		leaf.state = PINSCOPE_STATE_DEVICE_PRIVATE;
		if (is_writable_device_private_entry(entry))
			leaf.state |= PINSCOPE_STATE_WRITABLE;
	} else if (is_device_exclusive_entry(entry)) {
		leaf.state = PINSCOPE_STATE_DEVICE_EXCLUSIVE;
	} else if (is_pte_marker_entry(entry)) {
		leaf.state = ps_marker_states(pte_marker_get(entry));
#ifndef PTE_MARKER_POISONED
	} else if (is_swapin_error_entry(entry)) {
		leaf.state = PINSCOPE_STATE_MARKER | PINSCOPE_STATE_POISON;
#endif
	}
	if (is_pfn_swap_entry(entry))
		leaf.pfn = swp_offset_pfn(entry);
	return leaf;
}
#endif

/* The bit has more than one meaning now, by the mode of the VMA. */
static inline bool ps_pte_uffd_wp(struct vm_area_struct *vma, pte_t pte)
{
#ifdef HAVE_PTE_UFFD
	return (vma->vm_flags & VM_UFFD_WP) && pte_uffd(pte);
#else
	return pte_uffd_wp(pte);
#endif
}

static inline bool ps_pte_swp_uffd_wp(struct vm_area_struct *vma, pte_t pte)
{
#ifdef HAVE_PTE_UFFD
	return (vma->vm_flags & VM_UFFD_WP) && pte_swp_uffd(pte);
#else
	return pte_swp_uffd_wp(pte);
#endif
}

/* With CONFIG_HAVE_ARCH_USERFAULTFD_WP. */
static inline pte_t ps_pte_mkuffd_wp(pte_t pte)
{
#ifdef HAVE_PTE_UFFD
	return pte_mkuffd(pte);
#else
	return pte_mkuffd_wp(pte);
#endif
}

/* The unsigned long replaced a type with flags, none of which is needed. */
static inline vm_fault_t ps_insert_mixed(struct vm_area_struct *vma,
					 unsigned long addr, unsigned long pfn)
{
#ifdef HAVE_INSERT_PFN_LONG
	return vmf_insert_mixed(vma, addr, pfn);
#else
	return vmf_insert_mixed(vma, addr, pfn_to_pfn_t(pfn));
#endif
}

static inline vm_fault_t ps_insert_pfn_pmd(struct vm_fault *vmf,
					   unsigned long pfn, bool write)
{
#ifdef HAVE_INSERT_PFN_LONG
	return vmf_insert_pfn_pmd(vmf, pfn, write);
#else
	return vmf_insert_pfn_pmd(vmf, pfn_to_pfn_t(pfn), write);
#endif
}

#ifdef CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD
static inline vm_fault_t ps_insert_pfn_pud(struct vm_fault *vmf,
					   unsigned long pfn, bool write)
{
#ifdef HAVE_INSERT_PFN_LONG
	return vmf_insert_pfn_pud(vmf, pfn, write);
#else
	return vmf_insert_pfn_pud(vmf, pfn_to_pfn_t(pfn), write);
#endif
}
#endif

/* How vm_ops->huge_fault is told of the level. */
#ifdef HAVE_PAGE_ENTRY_SIZE
#define PS_HUGE_FAULT_LEVEL	enum page_entry_size
#define PS_HUGE_FAULT_PMD	PE_SIZE_PMD
#define PS_HUGE_FAULT_PUD	PE_SIZE_PUD
#else
#define PS_HUGE_FAULT_LEVEL	unsigned int
#define PS_HUGE_FAULT_PMD	(PMD_SHIFT - PAGE_SHIFT)
#define PS_HUGE_FAULT_PUD	(PUD_SHIFT - PAGE_SHIFT)
#endif

#ifndef HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#endif
