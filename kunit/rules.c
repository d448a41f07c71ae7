// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules: what must happen to a page when it is unshared or pinned. They
 * follow from what the memory is and what is asked, not from what some kernel
 * does. 'pinscope test' has the same rules, with the same outcomes.
 */
#include "pk.h"

/**
 * pk_is_pin() - does a call take pins?
 * @call: enum pinscope_call
 *
 * Return: true for pins (FOLL_PIN), false for references (FOLL_GET).
 */
bool pk_is_pin(unsigned int call)
{
	switch (call) {
	case PINSCOPE_CALL_GET:
	case PINSCOPE_CALL_GET_FAST:
	case PINSCOPE_CALL_GET_FAST_ONLY:
	case PINSCOPE_CALL_GET_UNLOCKED:
	case PINSCOPE_CALL_GET_REMOTE:
		return false;
	default:
		return true;
	}
}

/**
 * pk_unshare_outcome() - what an unshare fault or a write fault does to the page
 * @kind: the memory
 *
 * After either fault the page of a private mapping is anonymous and exclusive.
 * Both leave the page of a shared mapping where it is.
 *
 * Return: OUTCOME_STAYS, OUTCOME_OWN or OUTCOME_REUSED.
 */
enum outcome pk_unshare_outcome(const struct pk_kind *kind)
{
	if (kind->traits & (PK_SHARED | PK_EXCLUSIVE))
		return OUTCOME_STAYS;
	/* A copy protects other owners of the page, and there are none. */
	if (kind->traits & PK_REUSABLE)
		return OUTCOME_REUSED;
	/* Another process, the page cache, KSM or a driver has it as well. */
	return OUTCOME_OWN;
}

/**
 * pk_gup_outcome() - what a call of GUP does to the page
 * @kind: the memory
 * @call: enum pinscope_call
 * @gup_flags: PINSCOPE_FOLL_*
 * @vm_write: the VMA has VM_WRITE, as far as the kind itself has it
 *
 * Return: the outcome.
 */
enum outcome pk_gup_outcome(const struct pk_kind *kind, unsigned int call,
			    u64 gup_flags, bool vm_write)
{
	bool write = gup_flags & F(WRITE);
	bool longterm = gup_flags & F(LONGTERM);

	if (kind->traits & PK_VMA_REFUSED)
		return OUTCOME_REFUSED;
	/* FOLL_FORCE is for ptrace: it writes to private mappings only. */
	if (write && (!vm_write || (kind->traits & PK_READONLY)) &&
	    (!(gup_flags & F(FORCE)) || (kind->traits & PK_SHARED)))
		return OUTCOME_REFUSED;
	if (kind->traits & PK_SHARED) {
		/* A device writes without write faults: refused since 6.5. */
		if (write && longterm && (kind->traits & PK_WRITE_NOTIFY))
			return OUTCOME_REFUSED;
		/* All who map it see the same page. */
		return OUTCOME_STAYS;
	}
	/* For a write the fault replaces what has no page by a copy. */
	if (!write && (kind->traits & PK_NO_PAGE))
		return OUTCOME_REFUSED;
	if (write)
		return pk_unshare_outcome(kind);
	/* FOLL_GET does not promise to be coherent with later writes. */
	if (!pk_is_pin(call))
		return OUTCOME_STAYS;
	/*
	 * gup_must_unshare(): GUP pins anonymous pages only when they are
	 * exclusive, and for the long term nothing but such pages. A short-term
	 * pin of a zeropage or of the page cache may become stale.
	 */
	if (longterm || (kind->set & S(ANON)))
		return pk_unshare_outcome(kind);
	return OUTCOME_STAYS;
}
