// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page table walker. The kernel's own is not exported to modules, so this
 * one follows mm's rules by itself:
 *
 * - The mmap lock is held for reading and only ranges inside a VMA are looked
 *   at, so that the upper tables cannot be freed.
 * - A PTE table can still be retracted, by khugepaged for one: it is freed
 *   after an RCU grace period, so it is looked at under rcu_read_lock() and
 *   only believed when the PMD still points to it once its lock is held.
 * - A PMD table of hugetlb can be shared between processes and unshared by
 *   somebody without our mmap lock, but not without i_mmap_rwsem for writing.
 * - An entry is read, and its page looked at, with the page table lock held:
 *   the entry's own reference then keeps the page.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>

#include "pinscope.h"

/*
 * Leaf entries of every level are read as PTEs, as hugetlb does; that their
 * bits are at the same place is known of these two. UML has only PTEs.
 */
#if !defined(CONFIG_X86_64) && !defined(CONFIG_ARM64) && !defined(CONFIG_UML)
#error "pinscope's page table walker knows x86-64, arm64 and UML only"
#endif

/* Tables looked at before the mmap lock is dropped for others. */
#define BATCH	256

struct walk {
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	unsigned int huge_shift;	/* of a hugetlb VMA's pages, else 0 */
	ps_entry_fn fn;
	void *arg;
};

/**
 * ps_walk_states() - what page table entries tell on this kernel
 *
 * Return: PINSCOPE_STATE_* bits; all but those that entries have, but which
 * this kernel's do not show.
 */
u64 ps_walk_states(void)
{
	return ~((IS_ENABLED(CONFIG_MEM_SOFT_DIRTY) ?
		  0 : PINSCOPE_STATE_SOFT_DIRTY) |
		 (IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP) ?
		  0 : PINSCOPE_STATE_UFFD_WP) |
		 (IS_ENABLED(CONFIG_NUMA_BALANCING) ?
		  0 : PINSCOPE_STATE_PROTNONE | PINSCOPE_STATE_NUMA_HINT));
}

/*
 * Where entries have no bit to say so, it is the rule of vm_normal_page() that
 * tells which are special.
 */
static bool is_special_by_vma(struct vm_area_struct *vma, unsigned long pfn,
			      unsigned long addr)
{
	if (IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		return false;
	if (pfn == page_to_pfn(ZERO_PAGE(addr)))
		return true;
	return (vma->vm_flags & VM_PFNMAP) &&
	       (!ps_is_cow(vma) ||
		pfn == vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT));
}

static u64 present_states(struct walk *w, pte_t pte, unsigned long addr)
{
	u64 state = PINSCOPE_STATE_PRESENT |
		    (pte_write(pte) ? PINSCOPE_STATE_WRITABLE : 0) |
		    (pte_dirty(pte) ? PINSCOPE_STATE_DIRTY : 0) |
		    (pte_young(pte) ? PINSCOPE_STATE_YOUNG : 0) |
		    (pte_soft_dirty(pte) ? PINSCOPE_STATE_SOFT_DIRTY : 0) |
		    (ps_pte_uffd_wp(w->vma, pte) ? PINSCOPE_STATE_UFFD_WP : 0) |
		    (pte_special(pte) ? PINSCOPE_STATE_SPECIAL : 0);

	if (is_special_by_vma(w->vma, pte_pfn(pte), addr))
		state |= PINSCOPE_STATE_SPECIAL;
	/* mprotect(PROT_NONE) makes the same entry as NUMA balancing. */
	if (pte_protnone(pte)) {
		state |= PINSCOPE_STATE_PROTNONE;
		if (vma_is_accessible(w->vma))
			state |= PINSCOPE_STATE_NUMA_HINT;
	}
	return state;
}

/* The page that an entry maps first, or NULL when there is none to touch. */
static struct page *entry_page(struct walk *w, u64 state, unsigned long pfn,
			       unsigned int shift)
{
	if (state & PINSCOPE_STATE_SPECIAL)
		return NULL;
	/* Not every kernel marks huge entries of such VMAs as special. */
	if (shift > PAGE_SHIFT && (w->vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)))
		return NULL;
	return pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
}

/* What stands for something that is not there. */
static void leaf_states(struct walk *w, struct ps_entry *entry, pte_t pte,
			unsigned long skip)
{
	struct ps_leaf leaf = ps_leaf(pte);

	entry->state = leaf.state;
	if (leaf.state & PINSCOPE_STATE_SWAP) {
		entry->swap_type = leaf.swap_type;
		entry->swap_offset = leaf.swap_offset + skip;
	} else {
		entry->pfn = leaf.pfn ? leaf.pfn + skip : 0;
	}
	if (leaf.state & PINSCOPE_STATE_MARKER)
		return;
	entry->state |= (pte_swp_soft_dirty(pte) ? PINSCOPE_STATE_SOFT_DIRTY : 0) |
			(ps_pte_swp_uffd_wp(w->vma, pte) ? PINSCOPE_STATE_UFFD_WP : 0);
	/* Only swap entries have this bit; others say it by their type. */
	if ((leaf.state & PINSCOPE_STATE_SWAP) && pte_swp_exclusive(pte))
		entry->state |= PINSCOPE_STATE_EXCLUSIVE;
}

/* Reports one leaf entry; its table's lock is held. */
static bool report(struct walk *w, pte_t pte, unsigned int shift,
		   unsigned long addr, unsigned long next)
{
	/* The low bits of a huge page's entry may be something else's. */
	unsigned long pfn = ALIGN_DOWN(pte_pfn(pte), BIT(shift - PAGE_SHIFT));
	unsigned long skip = (addr & ((1UL << shift) - 1)) >> PAGE_SHIFT;
	struct ps_entry entry = {
		.addr = addr,
		.pages = (next - addr) >> PAGE_SHIFT,
		.shift = shift,
	};

	if (pte_present(pte)) {
		entry.state = present_states(w, pte, addr);
		entry.pfn = pfn + skip;
		entry.page = entry_page(w, entry.state, pfn, shift);
		if (entry.page)
			entry.page += skip;
		else if (shift == PAGE_SHIFT &&
			 pfn == page_to_pfn(ZERO_PAGE(addr)))
			entry.state |= PINSCOPE_STATE_ZEROPAGE;
		/* Special in 7.3; elsewhere it takes a look at the folio. */
		else if (shift == PMD_SHIFT && vma_is_anonymous(w->vma))
			entry.state |= PINSCOPE_STATE_HUGE_ZEROPAGE;
	} else {
		leaf_states(w, &entry, pte, skip);
	}
	return w->fn(&entry, w->arg);
}

static unsigned long walk_ptes(struct walk *w, pmd_t *pmd, pmd_t pmdval,
			       unsigned long addr, unsigned long end)
{
	pte_t *pte, entry;
	spinlock_t *ptl;	/* of the table that has the entry */

	rcu_read_lock();
	ptl = pte_lockptr(w->mm, &pmdval);
	spin_lock(ptl);
	if (!pmd_same(pmdval, READ_ONCE(*pmd)))
		goto out;	/* try again from @addr */
	pte = pte_offset_kernel(&pmdval, addr);
	for (; addr < end; pte++, addr += PAGE_SIZE) {
		entry = ptep_get(pte);
		if (!pte_none(entry) &&
		    !report(w, entry, PAGE_SHIFT, addr, addr + PAGE_SIZE))
			break;
	}
out:
	spin_unlock(ptl);
	rcu_read_unlock();
	return addr;
}

/* A PMD that may change: what it was when it is not a table. */
static bool pmd_is_leaf(pmd_t pmd)
{
	return pmd_leaf(pmd) || pmd_trans_huge(pmd) || !pmd_present(pmd);
}

/*
 * Looks at what the tables have for @addr. Returns where to go on: @addr itself
 * when the callback stopped, or when the tables changed underfoot.
 */
static unsigned long step(struct walk *w, unsigned long addr, unsigned long end)
{
	unsigned long next;
	spinlock_t *ptl;	/* of the table that has the entry */
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud, pudval;
	pmd_t *pmd, pmdval;

	pgd = pgd_offset(w->mm, addr);
	if (pgd_none(*pgd) || pgd_bad(*pgd))
		return pgd_addr_end(addr, end);
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d) || p4d_bad(*p4d))
		return p4d_addr_end(addr, end);

	next = pud_addr_end(addr, end);
	pud = pud_offset(p4d, addr);
	pudval = READ_ONCE(*pud);
	if (pud_none(pudval))
		return next;
	if (w->huge_shift >= PUD_SHIFT || pud_leaf(pudval)) {
		ptl = pud_lock(w->mm, pud);
		pudval = READ_ONCE(*pud);
		if (pud_none(pudval))
			addr = next;
		else if ((w->huge_shift >= PUD_SHIFT || pud_leaf(pudval)) &&
			 report(w, __pte(pud_val(pudval)), PUD_SHIFT, addr,
				next))
			addr = next;
		spin_unlock(ptl);
		return addr;
	}
	if (!pud_present(pudval) || pud_bad(pudval))
		return next;

	next = pmd_addr_end(addr, end);
	pmd = pmd_offset(&pudval, addr);
	pmdval = READ_ONCE(*pmd);
	if (pmd_none(pmdval))
		return next;
	if (w->huge_shift >= PMD_SHIFT || pmd_is_leaf(pmdval)) {
		ptl = pmd_lock(w->mm, pmd);
		pmdval = READ_ONCE(*pmd);
		if (pmd_none(pmdval))
			addr = next;
		else if ((w->huge_shift >= PMD_SHIFT || pmd_is_leaf(pmdval)) &&
			 report(w, __pte(pmd_val(pmdval)), PMD_SHIFT, addr,
				next))
			addr = next;
		spin_unlock(ptl);
		return addr;
	}
	if (pmd_bad(pmdval))
		return next;
	return walk_ptes(w, pmd, pmdval, addr, next);
}

/* Walks up to @budget tables of one VMA. Returns where it got to. */
static unsigned long walk_vma(struct walk *w, unsigned long addr,
			      unsigned long end, int *budget)
{
	struct address_space *mapping = NULL;
	unsigned long next;

	w->huge_shift = 0;
	if (is_vm_hugetlb_page(w->vma)) {
		w->huge_shift = huge_page_shift(hstate_vma(w->vma));
		mapping = w->vma->vm_file->f_mapping;
		i_mmap_lock_read(mapping);
	}
	while (addr < end && (*budget)-- > 0) {
		next = step(w, addr, end);
		cond_resched();
		if (next == addr)
			break;
		addr = next;
	}
	if (mapping)
		i_mmap_unlock_read(mapping);
	return addr;
}

/**
 * ps_walk() - call a function for each non-empty entry of a range
 * @mm: whose page tables; the caller keeps it from going away
 * @addr: in: where to start; out: where to go on
 * @end: where to stop; the caller has bounded it by the task size
 * @fn: the function, see ps_entry_fn
 * @arg: passed to @fn
 *
 * Does a bounded part of the work: the caller calls again until *@addr is @end
 * or its own buffer is full.
 *
 * Context: may sleep; takes and drops the mmap lock.
 * Return: 0, or -EINTR when killed.
 */
int ps_walk(struct mm_struct *mm, unsigned long *addr, unsigned long end,
	    ps_entry_fn fn, void *arg)
{
	struct walk w = { .mm = mm, .fn = fn, .arg = arg };
	unsigned long vma_end, to;
	int budget = BATCH;

	if (fatal_signal_pending(current) || mmap_read_lock_killable(mm))
		return -EINTR;
	while (*addr < end && budget > 0) {
		w.vma = find_vma(mm, *addr);
		if (!w.vma || w.vma->vm_start >= end) {
			*addr = end;
			break;
		}
		*addr = max(*addr, w.vma->vm_start);
		vma_end = min(end, w.vma->vm_end);
		budget--;
		to = walk_vma(&w, *addr, vma_end, &budget);
		*addr = to;
		if (to < vma_end)
			break;	/* stopped, out of budget, or changed */
	}
	mmap_read_unlock(mm);
	cond_resched();
	return 0;
}
