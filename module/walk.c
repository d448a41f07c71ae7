// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page table walker. walk_page_range() is not exported to modules, so this
 * file walks the tables itself, by the rules of mm:
 *
 * - It holds the mmap lock for reading and looks only at addresses inside a VMA.
 *   That keeps the upper tables from being freed.
 * - khugepaged and others can still retract a PTE table. The table is freed after
 *   an RCU grace period, so the walker is inside rcu_read_lock() from reading the
 *   PMD to unlocking the table, and uses the table only if the PMD still points
 *   to it once the table's lock is held.
 * - Processes can share a PMD table of hugetlb, and another process can unshare
 *   it. Unsharing needs i_mmap_rwsem for writing; the walker holds it for reading.
 * - It reads an entry, and looks at the page in it, with the lock of the entry's
 *   table held: until then the entry is not zapped, and its reference keeps the
 *   page from being freed.
 *
 * Owns nothing. Locks: mmap lock, i_mmap_rwsem (hugetlb only), page table lock.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>

#include "pinscope.h"

/*
 * Leaf entries of every level are read as PTEs, as hugetlb does. That works only
 * where all levels have the same bits, as on x86-64 and arm64, or where only PTEs
 * are leaf entries, as on UML.
 */
#if !defined(CONFIG_X86_64) && !defined(CONFIG_ARM64) && !defined(CONFIG_UML)
#error "pinscope's page table walker knows x86-64, arm64 and UML only"
#endif

/* Tables per call of ps_walk(), so that writers get the mmap lock in between. */
#define MAX_TABLES	256

/* PTEs are passed on together if their struct pages are in one array for sure. */
#ifdef PAGES_PER_SUBSECTION
#define RUN_ALIGN	PAGES_PER_SUBSECTION
#else
#define RUN_ALIGN	1UL	/* each page alone */
#endif

/*
 * All of a PTE but its PFN. Without such a function, or without a bit that says that a
 * PTE is special, each PTE is decoded for itself.
 */
#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
#define pte_bits(pte)	pte_flags(pte)
#elif defined(CONFIG_ARM64)
#define pte_bits(pte)	pgprot_val(pte_pgprot(pte))
#endif

struct walk {
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	unsigned int huge_shift;	/* log2 of hugetlb's page size, else 0 */
	ps_entry_fn fn;
	void *arg;
	/* The last PTE of a page that was decoded in @vma. */
	struct ps_entry last;
	u64 last_bits;		/* its pte_bits(); 0: none */
};

/**
 * ps_walk_states() - which page states this kernel's page table entries have
 *
 * Context: any.
 * Return: all PINSCOPE_STATE_* bits, except the states of entries that this
 * kernel's entries do not have. States that are not of entries are set, too.
 */
u64 ps_walk_states(void)
{
	return ~((IS_ENABLED(CONFIG_MEM_SOFT_DIRTY) ?
		  0 : PINSCOPE_STATE_SOFT_DIRTY) |
		 (IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP) ?
		  0 : PINSCOPE_STATE_UFFD_WP) |
		 (IS_ENABLED(CONFIG_USERFAULTFD_RWP) ?
		  0 : PINSCOPE_STATE_UFFD_RWP) |
		 (IS_ENABLED(CONFIG_NUMA_BALANCING) ?
		  0 : PINSCOPE_STATE_NUMA_HINT) |
		 (IS_ENABLED(CONFIG_NUMA_BALANCING) || IS_ENABLED(CONFIG_USERFAULTFD_RWP) ?
		  0 : PINSCOPE_STATE_PROTNONE));
}

/*
 * Is an entry special? For architectures without a bit for it: decides as
 * vm_normal_page() does, by the VMA and the PFN.
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

/* The page states of a present entry. */
static u64 present_states(struct walk *w, pte_t pte, unsigned long addr)
{
	u64 state = PINSCOPE_STATE_PRESENT |
		    PS_STATE_IF(pte_write(pte), WRITABLE) |
		    PS_STATE_IF(pte_dirty(pte), DIRTY) |
		    PS_STATE_IF(pte_young(pte), YOUNG) |
		    PS_STATE_IF(pte_soft_dirty(pte), SOFT_DIRTY) |
		    PS_STATE_IF(ps_pte_uffd_wp(w->vma, pte), UFFD_WP) |
		    PS_STATE_IF(pte_special(pte), SPECIAL);

	if (is_special_by_vma(w->vma, pte_pfn(pte), addr))
		state |= PINSCOPE_STATE_SPECIAL;
	/*
	 * NUMA balancing, mprotect(PROT_NONE) and userfaultfd make the same entry, but
	 * for userfaultfd's bit. Without that it is a NUMA hint if the VMA permits access.
	 */
	if (pte_protnone(pte)) {
		state |= PINSCOPE_STATE_PROTNONE |
			 PS_STATE_IF(ps_pte_uffd_rwp(w->vma, pte), UFFD_RWP);
		if (vma_is_accessible(w->vma) && !(state & PINSCOPE_STATE_UFFD_RWP))
			state |= PINSCOPE_STATE_NUMA_HINT;
	}
	return state;
}

/* The first page that a present entry maps; NULL when mm would not touch it. */
static struct page *entry_page(struct walk *w, u64 state, unsigned long pfn,
			       unsigned int shift)
{
	if (state & PINSCOPE_STATE_SPECIAL)
		return NULL;
	/* Some kernels do not mark the huge entries of such VMAs as special. */
	if (shift > PAGE_SHIFT && (w->vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)))
		return NULL;
	return pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
}

/*
 * Decodes an entry that is neither empty nor present: a swap or migration entry,
 * a marker, and so on. @skip is the number of pages from the first page of the
 * entry to @entry->addr.
 */
static void nonpresent_states(struct walk *w, struct ps_entry *entry, pte_t pte,
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
	entry->state |= PS_STATE_IF(pte_swp_soft_dirty(pte), SOFT_DIRTY) |
			PS_STATE_IF(ps_pte_swp_uffd_wp(w->vma, pte), UFFD_WP) |
			PS_STATE_IF(ps_pte_swp_uffd_rwp(w->vma, pte), UFFD_RWP);
	/* A bit of swap entries; for migration entries it is a type of its own. */
	if ((leaf.state & PINSCOPE_STATE_SWAP) && pte_swp_exclusive(pte))
		entry->state |= PINSCOPE_STATE_EXCLUSIVE;
}

/*
 * Calls the walk's function for a leaf entry, which maps 1 << @shift bytes, and
 * for [@addr, @next) in it. The lock of its table is held. Returns where to go on: in
 * front of @next when the walk is to end.
 */
static unsigned long emit_entry(struct walk *w, pte_t pte, unsigned int shift,
				unsigned long addr, unsigned long next)
{
	/* In a huge entry, the low bits of the PFN may be flags. */
	unsigned long pfn = ALIGN_DOWN(pte_pfn(pte), BIT(shift - PAGE_SHIFT));
	unsigned long skip = (addr & ((1UL << shift) - 1)) >> PAGE_SHIFT;
	struct ps_entry entry = {
		.addr = addr,
		.pages = (next - addr) >> PAGE_SHIFT,
		.shift = shift,
		.vma_start = w->vma->vm_start,
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
		/*
		 * Kernels that map the huge zeropage by a special PMD, like 7.3:
		 * in anonymous memory, and for a hole of a DAX file. For others
		 * inspect.c looks at the folio.
		 */
		else if (shift == PMD_SHIFT &&
			 (vma_is_anonymous(w->vma) || vma_is_dax(w->vma)))
			entry.state |= PINSCOPE_STATE_HUGE_ZEROPAGE;
	} else {
		nonpresent_states(w, &entry, pte, skip);
	}
	return addr + (w->fn(&entry, w->arg) << PAGE_SHIFT);
}

#ifdef pte_bits
/*
 * How many of @max PTEs from @first on, at @pte, are equal but for their PFNs, which
 * are consecutive. Compares whole entries: adding pages to the PFN changes only its
 * lowest bits here. On x86 an entry for PROT_NONE has an inverted PFN; that shows in
 * the last one.
 */
static unsigned long count_run(pte_t *pte, pte_t first, unsigned long pfn,
			       unsigned long max)
{
	unsigned long n = 1;

	max = min(max, RUN_ALIGN - (pfn & (RUN_ALIGN - 1)));
	while (n < max &&
	       pte_val(ptep_get(pte + n)) == pte_val(first) + (n << PAGE_SHIFT))
		n++;
	return n == 1 || pte_pfn(ptep_get(pte + n - 1)) == pfn + n - 1 ? n : 1;
}

/*
 * How many of @max PTEs from @first on, at @pte, are equal but for their PFNs. Ends where
 * two are consecutive, for count_run() to go on.
 */
static unsigned long count_scattered(pte_t *pte, pte_t first, unsigned long max)
{
	u64 bits = pte_bits(first), last = pte_val(first), value;
	unsigned long n;
	pte_t next;

	for (n = 1; n < max; n++, last = value) {
		next = ptep_get(pte + n);
		value = pte_val(next);
		if (pte_bits(next) != bits || value == last + PAGE_SIZE)
			break;
	}
	return n;
}

/*
 * Calls the walk's function for a PTE, and for those behind it that are equal but for
 * their PFNs. @addr is the address of the first one. Returns where to go on;
 * *@next is where to go on if the walk does not end.
 */
static unsigned long emit_ptes(struct walk *w, pte_t *pte, pte_t entry,
			       unsigned long addr, unsigned long end,
			       unsigned long *next)
{
	unsigned long max = (end - addr) >> PAGE_SHIFT, pfn;

	*next = addr + PAGE_SIZE;
	if (!pte_present(entry) || pte_special(entry))
		return emit_entry(w, entry, PAGE_SHIFT, addr, *next);
	if (pte_bits(entry) != w->last_bits) {
		w->last_bits = pte_bits(entry);
		w->last = (struct ps_entry) {
			.state = present_states(w, entry, addr),
			.shift = PAGE_SHIFT,
			.vma_start = w->vma->vm_start,
		};
	}
	/* As in mm, a PTE that is not special is of a page. */
	pfn = pte_pfn(entry);
	w->last.addr = addr;
	w->last.pfn = pfn;
	w->last.page = pfn_to_page(pfn);
	w->last.pages = count_run(pte, entry, pfn, max);
	w->last.ptes = NULL;
	if (w->last.pages == 1) {
		w->last.pages = count_scattered(pte, entry, max);
		w->last.ptes = pte;
	}
	*next = addr + (w->last.pages << PAGE_SHIFT);
	return addr + (w->fn(&w->last, w->arg) << PAGE_SHIFT);
}
#else
static unsigned long emit_ptes(struct walk *w, pte_t *pte, pte_t entry,
			       unsigned long addr, unsigned long end,
			       unsigned long *next)
{
	*next = addr + PAGE_SIZE;
	return emit_entry(w, entry, PAGE_SHIFT, addr, *next);
}
#endif

/*
 * Is a PMD, which is not empty, something else than a pointer to a table?
 * pmd_leaf() alone is false for some: migration entries, for example.
 */
static bool pmd_is_leaf(struct walk *w, pmd_t pmd)
{
	return w->huge_shift >= PMD_SHIFT || pmd_leaf(pmd) ||
	       pmd_trans_huge(pmd) || !pmd_present(pmd);
}

static bool pud_is_leaf(struct walk *w, pud_t pud)
{
	return w->huge_shift >= PUD_SHIFT || pud_leaf(pud);
}

/* Does a PMD point to a PTE table? */
static bool pmd_is_table(struct walk *w, pmd_t pmd)
{
	return !pmd_none(pmd) && !pmd_is_leaf(w, pmd) && !pmd_bad(pmd);
}

/*
 * Walks the PTE table that @pmd points to. Returns where to go on: @addr itself
 * when there is no table any more, for the caller to look again.
 */
static unsigned long walk_ptes(struct walk *w, pmd_t *pmd, unsigned long addr,
			       unsigned long end)
{
	pte_t *pte, *last, entry;
	unsigned long next, to;
	spinlock_t *ptl;	/* of the table that has the entry */
	pmd_t pmdval;

	rcu_read_lock();
	/*
	 * The table that the caller saw may have been freed since, and with it
	 * its lock. The table that is read here is not freed before
	 * rcu_read_unlock().
	 */
	pmdval = READ_ONCE(*pmd);
	if (!pmd_is_table(w, pmdval))
		goto unlock_rcu;
	ptl = w->huge_shift ?
	      huge_pte_lockptr(hstate_vma(w->vma), w->mm,
			       pte_offset_kernel(&pmdval, addr)) :
	      pte_lockptr(w->mm, &pmdval);
	spin_lock(ptl);
	/* Was the table retracted before it was locked? */
	if (!pmd_same(pmdval, READ_ONCE(*pmd)))
		goto unlock_table;
	pte = pte_offset_kernel(&pmdval, addr);
	for (last = pte + ((end - addr) >> PAGE_SHIFT); pte < last; ) {
		entry = ptep_get(pte);
		if (pte_none(entry)) {
			pte++;
			continue;
		}
		addr = end - ((last - pte) << PAGE_SHIFT);
		to = emit_ptes(w, pte, entry, addr, end, &next);
		if (to != next) {
			addr = to;
			goto unlock_table;
		}
		pte += (next - addr) >> PAGE_SHIFT;
	}
	addr = end;
unlock_table:
	spin_unlock(ptl);
unlock_rcu:
	rcu_read_unlock();
	return addr;
}

/*
 * The lock of the table that has the leaf entry @pud. In kernels like 6.1, hugetlb
 * takes the lock of the mm instead, except for pages of PMD size: for the contiguous
 * entries of arm64, for example.
 */
static spinlock_t *pud_leaf_lockptr(struct walk *w, pud_t *pud)
{
	if (w->huge_shift)
		return huge_pte_lockptr(hstate_vma(w->vma), w->mm, (pte_t *)pud);
	return pud_lockptr(w->mm, pud);
}

/* Likewise for a PMD. */
static spinlock_t *pmd_leaf_lockptr(struct walk *w, pmd_t *pmd)
{
	if (w->huge_shift)
		return huge_pte_lockptr(hstate_vma(w->vma), w->mm, (pte_t *)pmd);
	return pmd_lockptr(w->mm, pmd);
}

/* Emits the leaf entry @pud, or does nothing when it is no leaf any more. */
static unsigned long walk_pud_leaf(struct walk *w, pud_t *pud,
				   unsigned long addr, unsigned long next)
{
	spinlock_t *ptl = pud_leaf_lockptr(w, pud);
	pud_t pudval;

	spin_lock(ptl);
	pudval = READ_ONCE(*pud);
	/* pud_none() is always false where the PMD is folded into the PUD. */
	if (pte_none(__pte(pud_val(pudval))))
		addr = next;
	else if (pud_is_leaf(w, pudval))
		addr = emit_entry(w, __pte(pud_val(pudval)), PUD_SHIFT, addr, next);
	spin_unlock(ptl);
	return addr;
}

/* Likewise for a PMD. */
static unsigned long walk_pmd_leaf(struct walk *w, pmd_t *pmd,
				   unsigned long addr, unsigned long next)
{
	spinlock_t *ptl = pmd_leaf_lockptr(w, pmd);
	pmd_t pmdval;

	spin_lock(ptl);
	pmdval = READ_ONCE(*pmd);
	if (pmd_none(pmdval))
		addr = next;
	else if (pmd_is_leaf(w, pmdval))
		addr = emit_entry(w, __pte(pmd_val(pmdval)), PMD_SHIFT, addr, next);
	spin_unlock(ptl);
	return addr;
}

/*
 * Goes on to the first PUD from *@addr on that is not empty, in the table that ends at
 * @end. Returns NULL, with *@addr at @end, when all are.
 */
static pud_t *skip_empty_puds(pud_t *pud, unsigned long *addr, unsigned long end)
{
	unsigned long at = *addr & PUD_MASK, last = (end - 1) & PUD_MASK;

	for (; pud_none(READ_ONCE(*pud)); pud++, at += PUD_SIZE)
		if (at == last) {
			*addr = end;
			return NULL;
		}
	*addr = max(*addr, at);
	return pud;
}

/* Likewise for PMDs. */
static pmd_t *skip_empty_pmds(pmd_t *pmd, unsigned long *addr, unsigned long end)
{
	unsigned long at = *addr & PMD_MASK, last = (end - 1) & PMD_MASK;

	for (; pmd_none(READ_ONCE(*pmd)); pmd++, at += PMD_SIZE)
		if (at == last) {
			*addr = end;
			return NULL;
		}
	*addr = max(*addr, at);
	return pmd;
}

/* Walks what the first PMD from @addr on that is not empty maps. */
static unsigned long walk_pmd(struct walk *w, pmd_t *pmd, unsigned long addr,
			      unsigned long end)
{
	unsigned long next;
	pmd_t pmdval;

	pmd = skip_empty_pmds(pmd, &addr, end);
	if (!pmd)
		return end;
	next = pmd_addr_end(addr, end);
	pmdval = READ_ONCE(*pmd);
	if (pmd_none(pmdval))
		return next;
	if (pmd_is_leaf(w, pmdval))
		return walk_pmd_leaf(w, pmd, addr, next);
	if (pmd_bad(pmdval))
		return next;
	return walk_ptes(w, pmd, addr, next);
}

/*
 * Walks the entries that one table, of the lowest level there is, has from @addr
 * on, or from the first address behind it that has a table. Returns where to go on:
 * @addr itself when the function ended the walk, or when the tables changed between
 * reading and locking them.
 */
static unsigned long walk_table(struct walk *w, unsigned long addr,
				unsigned long end)
{
	unsigned long next;
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud, pudval;

	/* At a level that is folded into the one above, X_addr_end() returns @next. */
	next = pgd_addr_end(addr, end);
	pgd = pgd_offset(w->mm, addr);
	if (pgd_none(*pgd) || pgd_bad(*pgd))
		return next;
	next = p4d_addr_end(addr, next);
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d) || p4d_bad(*p4d))
		return next;

	pud = skip_empty_puds(pud_offset(p4d, addr), &addr, next);
	if (!pud)
		return next;
	next = pud_addr_end(addr, next);
	pudval = READ_ONCE(*pud);
	if (pud_none(pudval))
		return next;
	if (pud_is_leaf(w, pudval))
		return walk_pud_leaf(w, pud, addr, next);
	if (!pud_present(pudval) || pud_bad(pudval))
		return next;
	return walk_pmd(w, pmd_offset(&pudval, addr), addr, next);
}

/* Walks up to *@budget tables of one VMA. Returns where to go on. */
static unsigned long walk_vma(struct walk *w, unsigned long addr,
			      unsigned long end, int *budget)
{
	struct address_space *mapping = NULL;
	unsigned long next;

	w->last_bits = 0;
	w->huge_shift = 0;
	if (is_vm_hugetlb_page(w->vma)) {
		w->huge_shift = huge_page_shift(hstate_vma(w->vma));
		mapping = w->vma->vm_file->f_mapping;
		i_mmap_lock_read(mapping);
	}
	while (addr < end && (*budget)-- > 0) {
		next = walk_table(w, addr, end);
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
 * ps_walk() - call a function for each non-empty page table entry of a range
 * @mm: the mm with the page tables
 * @addr: in: page aligned address to start at; out: where to go on
 * @end: page aligned address to end at, at most the task_size of @mm
 * @fn: the function, see ps_entry_fn
 * @arg: passed to @fn
 *
 * Walks a limited number of tables, so that the mmap lock is not held for long.
 * The caller calls it again, until *@addr is @end or @fn has all that it wants.
 * A call may end without progress when the tables change under it.
 *
 * Context: may sleep; the caller holds a reference to the users of @mm, and no
 * mmap lock; takes and drops the mmap lock.
 * Return: 0, or -EINTR when killed.
 */
int ps_walk(struct mm_struct *mm, unsigned long *addr, unsigned long end,
	    ps_entry_fn fn, void *arg)
{
	struct walk w = { .mm = mm, .fn = fn, .arg = arg };
	unsigned long vma_end, to;
	int budget = MAX_TABLES;

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
			break;	/* @fn ended it, @budget, or no progress */
	}
	mmap_read_unlock(mm);
	cond_resched();
	return 0;
}
