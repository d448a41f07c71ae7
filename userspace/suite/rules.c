// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules, see rules.h.
 *
 * All of them follow from one argument. A pin that lasts, or that holds an
 * anonymous page, must hold the page that the process will go on to see. An
 * anonymous page is that when it is exclusive. Anything else in a private mapping
 * is not: the next write replaces it.
 */
#include <errno.h>

#include "rules.h"
#include "sys.h"

#define S(name)		PINSCOPE_STATE_##name
#define F(name)		PINSCOPE_FOLL_##name

static bool is(const struct scenario *s, unsigned int kind_traits)
{
	return s->kind->traits & kind_traits;
}

static bool in(const struct scenario *s, unsigned int condition_traits)
{
	return s->condition->traits & condition_traits;
}

static bool asks(const struct scenario *s, uint64_t gup_flags)
{
	return s->request->gup_flags & gup_flags;
}

static bool is_by(const struct scenario *s, unsigned int pinner_traits)
{
	return s->request->pinner->traits & pinner_traits;
}

/* Has the process no page there that GUP could find without a fault? */
static bool is_absent(const struct scenario *s)
{
	return is(s, KIND_NOT_PRESENT) || in(s, COND_SWAPPED);
}

/* The errno with which the pinner refuses the memory by itself, or 0. */
static int pinner_refuses(const struct scenario *s)
{
	const struct pinner *pinner = s->request->pinner;

	return pinner->refuses ? pinner->refuses(s) : 0;
}

static bool is_private(const struct scenario *s)
{
	return !is(s, KIND_SHARED);
}

static bool is_hugetlb(const struct scenario *s)
{
	return s->kind->hugetlb_shift;
}

bool rules_takes_pins(const struct scenario *s)
{
	return calls[s->request->call].traits & CALL_TAKES_PINS;
}

/*
 * Truncation of DAX waits for pins, so that mm grants none for long. And pinscope does not
 * have GUP split the PMD of a shared mapping of DAX: mm might warn. A hugetlb page is not split.
 */
static bool is_unsupported(const struct scenario *s)
{
	if (is_hugetlb(s))
		return asks(s, F(SPLIT_PMD));
	return is(s, KIND_DAX) &&
	       asks(s, F(LONGTERM) | (is_private(s) ? 0 : F(SPLIT_PMD)));
}

/* The caller must be ready for memory that only devices on the same bus may reach. */
static bool is_unexpected_p2pdma(const struct scenario *s)
{
	return is(s, KIND_P2PDMA) && !asks(s, F(PCI_P2PDMA));
}

/* Whatever the entry is and has been through. */
static bool is_refused(const struct scenario *s)
{
	return is(s, KIND_VMA_REFUSED) || is_unsupported(s) || is_unexpected_p2pdma(s) ||
	       pinner_refuses(s);
}

/* Is the VMA anonymous, and not only the page? Hugetlb VMAs never are. */
static bool is_anonymous_vma(const struct scenario *s)
{
	return (s->kind->has & (S(ANON) | S(ZEROPAGE) | S(HUGE_ZEROPAGE) | S(SWAP) |
				S(DEVICE_PRIVATE) | S(DEVICE_EXCLUSIVE))) && !is_hugetlb(s);
}

/* An anonymous page of a private mapping, wherever it is. */
static bool has_own_page(const struct scenario *s)
{
	return is_private(s) && s->kind->has & (S(ANON) | S(SWAP) | S(DEVICE_PRIVATE) |
						S(DEVICE_EXCLUSIVE));
}

/* Must each side see the other's later writes? */
bool rules_is_lasting(const struct scenario *s)
{
	return rules_takes_pins(s) && !is_by(s, PINNER_SHORT) &&
	       (asks(s, F(LONGTERM) | F(WRITE)) || has_own_page(s));
}

/*
 * Is a pin that lasts held while mm does something to a page? For gigantic ones it takes long.
 * After mprotect-none the memory is what it is after mprotect-read.
 */
static bool is_held(const struct scenario *s)
{
	return rules_is_lasting(s) && !is(s, KIND_GIGANTIC) && !in(s, COND_NO_ACCESS);
}

/* A child gets a copy of the pinned page, which takes a free one. */
static bool may_fork(const struct scenario *s)
{
	return is_held(s) && is_private(s) &&
	       !in(s, COND_CHILD | COND_POOL_EMPTY | COND_WRITE_BLOCKS);
}

/* Its file is the scenario's alone; of DAX truncation would wait for the pin. */
static bool is_truncatable(const struct scenario *s)
{
	return s->kind->mapping && (!s->kind->make || is(s, KIND_WRITE_NOTIFY)) &&
	       !is(s, KIND_DAX) && !is_hugetlb(s) &&
	       s->kind->mapping->backing != BACKING_NONE;
}

/* A shared mapping of a file that is in memory alone. */
static bool is_shmem(const struct scenario *s)
{
	return !is_private(s) && is_truncatable(s) &&
	       (s->kind->mapping->backing == BACKING_MEMFD ||
		s->kind->mapping->backing == BACKING_SHMEM_FILE);
}

/* Others may have references to the folio, for other pages of it. */
static bool in_large_folio(const struct scenario *s, const struct pinscope_page *before,
			   unsigned int page_shift)
{
	return is(s, KIND_LARGE_FOLIO) ||
	       (before->folio_order && before->map_shift == page_shift);
}

/* The PMD is split to clear userfaultfd-wp: the folio is mapped by PTEs then. */
static bool writes_to_protected_pmd(const struct scenario *s,
				    const struct pinscope_page *before,
				    unsigned int page_shift)
{
	return asks(s, F(WRITE)) && (before->state & S(UFFD_WP)) &&
	       before->map_shift > page_shift && !is_hugetlb(s);
}

static enum outcome private_anon(const struct scenario *s,
				 const struct pinscope_page *before,
				 unsigned int page_shift)
{
	if (before->state & S(EXCLUSIVE))
		return OUTCOME_STAYS;
	if (in(s, COND_TAKEN_FROM_CHILD))
		return OUTCOME_REUSED;
	/* Nobody else has it any more: no copy is needed. */
	if (in(s, COND_SHARED_BEFORE) && !in(s, COND_CHILD) && !(before->state & S(KSM)))
		return in_large_folio(s, before, page_shift) ||
		       writes_to_protected_pmd(s, before, page_shift) ||
		       (before->state & S(SWAPCACHE)) ?
		       OUTCOME_REUSED_OR_COPIED : OUTCOME_REUSED;
	return OUTCOME_COPIED;
}

/* FOLL_FORCE writes without VM_WRITE, but only to private mappings. */
static bool forces(const struct scenario *s)
{
	return asks(s, F(FORCE)) && is_private(s) &&
	       (!is_hugetlb(s) || running_kernel() >= KERNEL(6, 14));
}

static bool is_fast_only(const struct scenario *s)
{
	return calls[s->request->call].traits & CALL_FAST_ONLY;
}

/* Of pages that stay, the lockless walk takes what it can decide by the entry alone. */
static bool walk_takes(const struct scenario *s, const struct pinscope_page *before)
{
	bool special = before->state & S(SPECIAL) && !is(s, KIND_DAX);

	return (before->state & S(PRESENT)) && !(before->state & (S(PROTNONE) | S(ZEROPAGE))) &&
	       !special && (!asks(s, F(WRITE)) || before->state & S(WRITABLE)) &&
	       (!asks(s, F(LONGTERM)) || before->state & S(LONGTERM_PINNABLE) ||
		!(before->state & S(HAS_FOLIO)));
}

static enum outcome outcome_with_faults(const struct scenario *s,
					const struct pinscope_page *before,
					unsigned int page_shift)
{
	bool write = asks(s, F(WRITE));

	if (is_refused(s))
		return OUTCOME_REFUSED;
	if (write && in(s, COND_READONLY) && !forces(s) &&
	    s->request->call != PINSCOPE_CALL_PIN_MEMFD)
		return OUTCOME_REFUSED;
	if (!write && in(s, COND_NO_ACCESS) && !asks(s, F(FORCE)))
		return OUTCOME_REFUSED;
	if (!is_private(s)) {
		/* A file system that tracks writes would miss the device's. */
		if (write && asks(s, F(LONGTERM)) && is(s, KIND_WRITE_NOTIFY))
			return OUTCOME_REFUSED;
		return OUTCOME_STAYS;
	}
	/* GUP looks for a page before it considers unsharing. */
	if (!write && is(s, KIND_NO_PAGE))
		return OUTCOME_REFUSED;
	/* A core dump leaves zeropages out. */
	if (asks(s, F(DUMP)) && (before->state & (S(ZEROPAGE) | S(HUGE_ZEROPAGE))))
		return OUTCOME_REFUSED;
	/* A reference promises nothing. */
	if (!write && !rules_takes_pins(s))
		return OUTCOME_STAYS;
	if (before->state & (S(ANON) | S(SWAP) | S(DEVICE_PRIVATE) | S(DEVICE_EXCLUSIVE)))
		return private_anon(s, before, page_shift);
	/* Page cache and zeropages: not for writing, and not for long. */
	return write || asks(s, F(LONGTERM)) ? OUTCOME_COPIED : OUTCOME_STAYS;
}

enum outcome rules_outcome(const struct scenario *s, const struct pinscope_page *before,
			   unsigned int page_shift)
{
	enum outcome outcome = outcome_with_faults(s, before, page_shift);

	if (asks(s, F(ANON)) && !is_anonymous_vma(s))
		return OUTCOME_REFUSED;
	if (is_fast_only(s))
		return outcome == OUTCOME_STAYS && walk_takes(s, before) ? OUTCOME_STAYS :
		       OUTCOME_REFUSED;
	/* Whatever needs a fault fails: all but a present page that stays. */
	if (asks(s, F(NOFAULT)) &&
	    (outcome != OUTCOME_STAYS || is_absent(s) || in(s, COND_UFFD_RWP)))
		return OUTCOME_REFUSED;
	return outcome;
}

int rules_errno(const struct scenario *s)
{
	int ret = pinner_refuses(s);

	if (ret)
		return ret;
	if (s->request->pinner->room)
		return -ENOMEM;
	if (is_fast_only(s))
		return -EAGAIN;
	if (is_unsupported(s))
		return -EOPNOTSUPP;
	if ((s->kind->has & S(POISON)) && asks(s, F(HWPOISON)))
		return -EHWPOISON;
	/* sysfs is asked before a write, as a file system that tracks writes. */
	if (is_unexpected_p2pdma(s) && !asks(s, F(ANON)) &&
	    !(asks(s, F(WRITE)) && asks(s, F(LONGTERM))))
		return -EREMOTEIO;
	return -EFAULT;
}

bool rules_apply(const struct scenario *s, enum property property)
{
	const struct pinner *pinner = s->request->pinner;
	bool write = asks(s, F(WRITE));
	bool events = in(s, COND_WRITE_BLOCKS);

	/* Without a page there is nothing else to ask. */
	if (is_refused(s) || (is(s, KIND_NO_PAGE) && !write))
		return property == PROP_SETUP || property == PROP_PREDICTED ||
		       property == PROP_ERRNO || property == PROP_NO_SPLAT;
	switch (property) {
	case PROP_AS_DECLARED:
		/* Kprobes are told of the process alone, and not of io_uring's workers. */
		if (pinner->traits & PINNER_BY_WORKER)
			return false;
		/* The module does the same for any memory. */
		return pinner != &by_module || (in(s, COND_FRESH) && is(s, KIND_CONTROL));
	case PROP_SAME_PAGE:
		return pinner->is_mapped ||
		       (rules_takes_pins(s) && !(pinner->traits & PINNER_SHORT));
	case PROP_REPLACED:
		/* Until Linux 6.6 GUP honoured NUMA hints, which may migrate. */
		return !is_absent(s) && !is(s, KIND_NO_PAGE | KIND_NUMA_HINT);
	case PROP_EXCLUSIVE:
		return rules_takes_pins(s) && is_private(s);
	case PROP_NO_WRITE:
		/* An entry that may be accessed again is as writable as it was. */
		return !write && !is_absent(s) && !in(s, COND_UFFD_RWP);
	case PROP_TRACKING:
		/* Neither hugetlb nor shared mappings have soft-dirty. */
		return in(s, COND_UFFD_WP | COND_UFFD_RWP) ||
		       (is_private(s) && !is_hugetlb(s) &&
			(!write || in(s, COND_SOFT_DIRTY_CLEARED)));
	case PROP_NUMA_HINT:
		/* A write needs a fault. */
		return is(s, KIND_NUMA_HINT) && !write && pinner == &by_module &&
		       in(s, COND_FRESH) && running_kernel() >= KERNEL(6, 6);
	case PROP_CHILD_UNTRACKED:
		/* Of a page with pins fork makes a copy. */
		return in(s, COND_UFFD_WP) && !in(s, COND_CHILD) && pinner == &by_module &&
		       s->request->call == PINSCOPE_CALL_GET_FAST;
	case PROP_RELIABLE:
		return rules_is_lasting(s) && !events;
	case PROP_DEVICE_WRITE:
		return write && rules_takes_pins(s) && pinner->put;
	case PROP_CHILD_ISOLATED:
		return is_private(s) &&
		       (in(s, COND_CHILD_MAPS) ||
			(in(s, COND_CHILD_REFERENCES) && rules_is_lasting(s)));
	case PROP_FORK_AFTER:
		return may_fork(s);
	case PROP_EXEC_AFTER:
	case PROP_EXIT_AFTER:
		/* It takes its time: one request of each kind, without what the module refuses. */
		return may_fork(s) && in(s, COND_FRESH) && pinner == &by_module &&
		       !is(s, KIND_DRIVER) &&
		       s->request->call == PINSCOPE_CALL_PIN_REMOTE;
	case PROP_NO_LEAK:
		/* hugetlb_wp() goes by who maps a page, not by references. */
		return is_private(s) && !events && pinner->see &&
		       !(pinner->traits & PINNER_SHORT) &&
		       (!in(s, COND_CHILD) || in(s, COND_CHILD_MAPS)) &&
		       !in(s, COND_POOL_EMPTY | COND_READONLY) &&
		       !is(s, KIND_GIGANTIC) &&
		       (rules_takes_pins(s) || !is_hugetlb(s));
	case PROP_MPROTECT_AFTER:
	case PROP_MREMAP_AFTER:
	case PROP_MOVE_AFTER:
		return is_held(s);
	case PROP_PAGEOUT_AFTER:
		return is_held(s) && !is_hugetlb(s);
	case PROP_FREE_AFTER:
		/* Of a large folio that PTEs map mm wants to split the page off, and gives up. */
		return is_held(s) && is_anonymous_vma(s) && !is(s, KIND_LARGE_FOLIO);
	case PROP_SPLIT_AFTER:
		return is_held(s) && is(s, KIND_PMD | KIND_LARGE_FOLIO);
	case PROP_COLLAPSE_AFTER:
		/* It may compact the node, and move the pages of others there. */
		return is_held(s) && is(s, KIND_BASE_PAGES | KIND_LARGE_FOLIO) &&
		       !in(s, COND_MOVES);
	case PROP_UFFD_MOVE_AFTER:
		/* Of others, and of hugetlb, it takes nothing. */
		if (!is_held(s) || !is_anonymous_vma(s) || is_hugetlb(s))
			return false;
		/* Some kernels try to split a THP, or what is collapsed to one, for ever. */
		return !is(s, KIND_PMD | KIND_LARGE_FOLIO | KIND_BASE_PAGES) ||
		       (in(s, COND_FRESH) && pinner == &by_module && !write &&
			!is(s, KIND_VARIANT) &&
			s->request->call == PINSCOPE_CALL_PIN_FAST);
	case PROP_WRITEBACK_AFTER:
		return is_held(s) && is(s, KIND_WRITE_NOTIFY);
	case PROP_MLOCK_AFTER:
		/* It faults pages in for writing. */
		return is_held(s) && !events;
	case PROP_MERGE_AFTER:
		/* ksmd takes its time: one request of each kind. */
		return is_held(s) && is_anonymous_vma(s) && !is_hugetlb(s) && in(s, COND_FRESH) &&
		       pinner == &by_module && !write &&
		       s->request->call == PINSCOPE_CALL_PIN_FAST;
	case PROP_SOFT_OFFLINE_AFTER:
		/* mm logs each try. */
		return is_held(s) && !is_hugetlb(s) && in(s, COND_FRESH) &&
		       pinner == &by_module && s->request->call == PINSCOPE_CALL_PIN_FAST &&
		       write && !is(s, KIND_DAX | KIND_DRIVER);
	case PROP_COMPACT_AFTER:
	case PROP_NUMA_HINT_AFTER:
		/*
		 * They take their time: one request of each kind. Neither is about hugetlb, and
		 * compaction not about folios that fill a page block.
		 */
		return is_held(s) && !is_hugetlb(s) && in(s, COND_FRESH) &&
		       pinner == &by_module && !write && !is(s, KIND_DAX | KIND_DRIVER) &&
		       (property == PROP_NUMA_HINT_AFTER ?
			s->request->call == PINSCOPE_CALL_PIN_UNLOCKED :
			s->request->call == PINSCOPE_CALL_PIN && !is(s, KIND_PMD));
	case PROP_PUNCH_BESIDE_AFTER:
	case PROP_TRUNCATE_BESIDE_AFTER:
	case PROP_DIRECT_BESIDE_AFTER:
		/* Each may take the page, by a known bug of kernels: one for each request. */
		return is_held(s) && is(s, KIND_WRITE_NOTIFY) && is(s, KIND_LARGE_FOLIO) &&
		       property == (s->request->call != PINSCOPE_CALL_PIN_FAST ?
				    PROP_PUNCH_BESIDE_AFTER :
				    write ? PROP_DIRECT_BESIDE_AFTER : PROP_TRUNCATE_BESIDE_AFTER);
	case PROP_DONTNEED_AFTER:
		/* sysfs does not map a device's memory again. */
		return is_held(s) && !events && !is_hugetlb(s) && !is(s, KIND_P2PDMA) &&
		       !(is_private(s) && is_truncatable(s));
	case PROP_PUNCH_AFTER:
		/* Of a shared mapping only one event can take the page. */
		return is_held(s) && !events && is_truncatable(s) && (is_private(s) || !write);
	case PROP_TRUNCATE_AFTER:
		return is_held(s) && !events && is_truncatable(s) && (is_private(s) || write);
	case PROP_RSS:
		/* mm does not count DAX, but procfs of some kernels does. */
		return !is(s, KIND_DAX);
	case PROP_MIGRATES:
		/* One request. Mm moves neither what is storage nor what belongs to a driver. */
		return rules_is_lasting(s) && write && in(s, COND_FRESH) &&
		       pinner == &by_module && s->request->call == PINSCOPE_CALL_PIN_FAST &&
		       !is(s, KIND_DAX | KIND_DRIVER | KIND_GIGANTIC);
	case PROP_WRITTEN_BACK:
		/* It goes to the disk and back: one request. */
		return is_held(s) && write && in(s, COND_FRESH) &&
		       (is(s, KIND_WRITE_NOTIFY) || is_anonymous_vma(s)) &&
		       pinner == &by_module &&
		       s->request->call == PINSCOPE_CALL_PIN_FAST;
	case PROP_RELEASE_DIRTY:
		/* Of the module whoever calls UNPIN decides. */
		return is_held(s) && write && in(s, COND_FRESH) && pinner != &by_module &&
		       pinner->put && (is_anonymous_vma(s) || is_shmem(s));
	case PROP_MANY_PAGES:
		/* Of what was swapped out others may be zeropages. */
		return rules_is_lasting(s) && asks(s, F(LONGTERM) | F(WRITE)) &&
		       pinner == &by_module && in(s, COND_FRESH) && !is_fast_only(s) &&
		       !is(s, KIND_GIGANTIC | KIND_DAX) &&
		       (is(s, KIND_PMD | KIND_LARGE_FOLIO | KIND_BASE_PAGES) || is_hugetlb(s));
	case PROP_FILE_UNCHANGED:
		return is(s, KIND_FILE) && is_private(s) && rules_is_lasting(s) && !events;
	default:
		return true;
	}
}

static bool in_scope(const struct scenario *s)
{
	switch (s->request->scope) {
	case SCOPE_FRESH:
		return in(s, COND_FRESH) && !is(s, KIND_VARIANT);
	case SCOPE_BASIC:
		return in(s, COND_FRESH) || (in(s, COND_BASIC) && is(s, KIND_CHECK));
	default:
		return true;
	}
}

/*
 * Sequences of conditions are many: pairs for the rows of the check, longer ones for anonymous base
 * pages, by one call, and by force.
 */
static bool in_scope_of_sequences(const struct scenario *s)
{
	return s->request->pinner == &by_module && s->request->scope == SCOPE_ALL &&
	       (s->request->call == PINSCOPE_CALL_PIN_FAST || asks(s, F(FORCE))) &&
	       is(s, KIND_CHECK) && !is(s, KIND_GIGANTIC) &&
	       (!s->condition->parts[2] || (has_own_page(s) && !is(s, KIND_PMD) && !is_hugetlb(s)));
}

static bool condition_applies(const struct scenario *s, const struct condition *condition)
{
	return !condition->applies || condition->applies(s->kind, s->request);
}

static bool all_apply(const struct scenario *s)
{
	const struct condition *const *parts = s->condition->parts;
	unsigned int i;

	for (i = 0; i < MAX_PARTS && parts[i]; i++)
		if (!condition_applies(s, parts[i]))
			return false;
	return true;
}

/* What gigantic pages are for: the walks of PUDs, and one other user of GUP. */
static bool may_take_long(const struct scenario *s)
{
	const struct request *r = s->request;

	if (in(s, COND_NO_ACCESS))
		return true;
	if (!asks(s, F(LONGTERM)) || asks(s, F(FORCE)) || !(calls[r->call].traits & CALL_BASIC))
		return false;
	if (r->pinner != &by_module)
		return r->pinner == &by_io_uring;
	return r->call == PINSCOPE_CALL_PIN_FAST || (!asks(s, F(WRITE)) && !in(s, COND_READONLY));
}

bool rules_exist(const struct scenario *s, const struct pinscope_info *info)
{
	const struct request *r = s->request;
	bool basic = calls[r->call].traits & CALL_BASIC;

	if (r->pinner == &by_module &&
	    (!(info->calls & 1ULL << r->call) ||
	     (r->gup_flags & ~info->gup_flags[r->call])))
		return false;
	if (!in_scope(s) || (r->pinner->takes && !r->pinner->takes(s->kind)))
		return false;
	/* Calls that hold nothing when they return have one errno for all that GUP says. */
	if (is(s, KIND_P2PDMA) && r->pinner != &by_module && !asks(s, F(LONGTERM)))
		return false;
	/* Until Linux 6.5 it may come to a write fault that never ends: errata, p2pdma-... */
	if (is(s, KIND_P2PDMA) && asks(s, F(WRITE)) && asks(s, F(LONGTERM)) &&
	    running_kernel() < KERNEL(6, 5))
		return false;
	/* To other memory the flag makes no difference, for which one request is enough. */
	if (asks(s, F(PCI_P2PDMA)) && asks(s, F(WRITE)) && !is(s, KIND_P2PDMA))
		return false;
	/* A refusal is the same in every condition. */
	if (pinner_refuses(s) && !in(s, COND_FRESH))
		return false;
	/* Some kernels' lockless walk takes no page without a mapping. */
	if (is_fast_only(s) && is(s, KIND_DRIVER))
		return false;
	/* Until Linux 6.6 GUP honoured NUMA hints, which takes a fault. */
	if (asks(s, F(NOFAULT)) && is(s, KIND_NUMA_HINT))
		return false;
	/* Until Linux 6.10 GUP took hugetlb pages before it looked at this. */
	if (asks(s, F(SPLIT_PMD)) && is_hugetlb(s) && running_kernel() < KERNEL(6, 10))
		return false;
	/* What is split is no longer the same page. */
	if (asks(s, F(SPLIT_PMD)) && (s->kind->has & S(HUGE_ZEROPAGE)))
		return false;
	if (is(s, KIND_VARIANT) &&
	    (r->pinner != &by_module || !basic || asks(s, F(FORCE))))
		return false;
	if (is(s, KIND_GIGANTIC) && !may_take_long(s))
		return false;
	if (!s->condition->parts[0])
		return !in(s, COND_SWAPPED) && condition_applies(s, s->condition);
	return in_scope_of_sequences(s) && all_apply(s);
}
