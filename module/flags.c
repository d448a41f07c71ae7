// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flags: pinscope's stable bits to the running kernel's and back, a table for
 * each kind. GUP and the fault path warn about flags that they do not take, so
 * what is not in these tables never reaches them.
 */
#include <linux/moduleparam.h>

#include "pinscope.h"

/* Read-only: what a test relies on does not change under it. */
bool ps_allow_warn;
EXPORT_SYMBOL_FOR_KUNIT(ps_allow_warn);
module_param_named(allow_warn, ps_allow_warn, bool, 0444);
MODULE_PARM_DESC(allow_warn,
		 "let FAULT through with flags that mm warns of (default: no)");

#define CALL(name)	BIT(PINSCOPE_CALL_##name)
#define PIN_FAST	(CALL(PIN_FAST) | CALL(PIN_FAST_ONLY))
#define PIN_SLOW	(CALL(PIN) | CALL(PIN_UNLOCKED) | CALL(PIN_REMOTE))
#define GET_FAST	(CALL(GET_FAST) | CALL(GET_FAST_ONLY))
#define GET_SLOW	(CALL(GET) | CALL(GET_UNLOCKED) | CALL(GET_REMOTE))
#define ALL_SLOW	(PIN_SLOW | GET_SLOW)
#define ALL		(ALL_SLOW | PIN_FAST | GET_FAST)

#ifdef HAVE_LONGTERM_UNLOCKED
#define PIN_LONGTERM	(PIN_FAST | PIN_SLOW)
#else
#define PIN_LONGTERM	(PIN_FAST | CALL(PIN) | CALL(PIN_REMOTE))
#endif

struct flag {
	u64 abi;
	unsigned int kernel;	/* 0: this kernel does not have it */
	unsigned int calls;	/* FOLL: which of them take it */
};

#define FOLL(name, calls)	{ PINSCOPE_FOLL_##name, FOLL_##name, calls }

/* Which calls take a flag: see mm/gup.c: is_valid_gup_args() and gup_fast_fallback() */
static const struct flag foll_flags[] = {
	FOLL(WRITE,		ALL),
	FOLL(FORCE,		ALL),
	FOLL(DUMP,		ALL_SLOW),
	FOLL(NOWAIT,		ALL_SLOW),
	FOLL(NOFAULT,		ALL),
	FOLL(HWPOISON,		ALL_SLOW),
	FOLL(ANON,		ALL_SLOW),
	FOLL(LONGTERM,		PIN_LONGTERM),
	FOLL(SPLIT_PMD,		ALL_SLOW),
	FOLL(PCI_P2PDMA,	ALL),
	FOLL(INTERRUPTIBLE,	ALL_SLOW),
	FOLL(HONOR_NUMA_FAULT,	ALL),
	FOLL(GET,		GET_FAST | GET_SLOW),
};

#define FAULT(name)	{ PINSCOPE_FAULT_##name, FAULT_FLAG_##name }

static const struct flag faults[] = {
	FAULT(WRITE), FAULT(ALLOW_RETRY), FAULT(RETRY_NOWAIT), FAULT(KILLABLE),
	FAULT(TRIED), FAULT(USER), FAULT(REMOTE), FAULT(INSTRUCTION),
	FAULT(INTERRUPTIBLE), FAULT(UNSHARE),
};

#define RESULT(name)							\
	{ PINSCOPE_VM_FAULT_##name, (__force unsigned int)VM_FAULT_##name }

static const struct flag results[] = {
	RESULT(OOM), RESULT(SIGBUS), RESULT(MAJOR), RESULT(HWPOISON),
	RESULT(HWPOISON_LARGE), RESULT(SIGSEGV), RESULT(NOPAGE),
	RESULT(LOCKED), RESULT(RETRY), RESULT(FALLBACK), RESULT(DONE_COW),
	RESULT(NEEDDSYNC), RESULT(COMPLETED), RESULT(WRITE),
};

/* All ABI bits of a table that the kernel has. */
static u64 known(const struct flag *flags, size_t nr)
{
	u64 bits = 0;

	for (; nr--; flags++)
		if (flags->kernel)
			bits |= flags->abi;
	return bits;
}

static unsigned int to_kernel(const struct flag *flags, size_t nr, u64 bits)
{
	unsigned int kernel = 0;

	for (; nr--; flags++)
		if (bits & flags->abi)
			kernel |= flags->kernel;
	return kernel;
}

/**
 * ps_gup_flags_taken() - which FOLL flags a way takes on this kernel
 * @call: enum pinscope_call
 *
 * Return: PINSCOPE_FOLL_* bits; 0 for an unknown way.
 */
u64 ps_gup_flags_taken(unsigned int call)
{
	u64 taken = 0;
	int i;

	if (call >= PINSCOPE_CALLS)
		return 0;
	for (i = 0; i < ARRAY_SIZE(foll_flags); i++)
		if (foll_flags[i].calls & BIT(call))
			taken |= known(&foll_flags[i], 1);
	return taken;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_gup_flags_taken);

/**
 * ps_gup_flags_to_kernel() - translate FOLL flags
 * @call: enum pinscope_call
 * @gup_flags: PINSCOPE_FOLL_*
 * @kernel: out: the kernel's FOLL_*
 *
 * Return: 0; -EINVAL for a flag that @call does not take on this kernel, and
 * for LONGTERM with PCI_P2PDMA, which GUP refuses with a warning.
 */
int ps_gup_flags_to_kernel(unsigned int call, u64 gup_flags, unsigned int *kernel)
{
	if (gup_flags & ~ps_gup_flags_taken(call))
		return -EINVAL;
	if ((gup_flags & PINSCOPE_FOLL_LONGTERM) &&
	    (gup_flags & PINSCOPE_FOLL_PCI_P2PDMA))
		return -EINVAL;
	*kernel = to_kernel(foll_flags, ARRAY_SIZE(foll_flags), gup_flags);
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_gup_flags_to_kernel);

/**
 * ps_gup_flags_from_kernel() - translate FOLL flags back
 * @kernel: the running kernel's FOLL_*
 * @gup_flags: out: PINSCOPE_FOLL_*
 *
 * Return: 0; -EINVAL for a flag that is not in the table.
 */
int ps_gup_flags_from_kernel(unsigned int kernel, u64 *gup_flags)
{
	int i;

	*gup_flags = 0;
	for (i = 0; i < ARRAY_SIZE(foll_flags); i++) {
		if (kernel & foll_flags[i].kernel)
			*gup_flags |= foll_flags[i].abi;
		kernel &= ~foll_flags[i].kernel;
	}
	return kernel ? -EINVAL : 0;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_gup_flags_from_kernel);

/**
 * ps_fault_taken() - which fault flags FAULT takes on this kernel
 *
 * Return: PINSCOPE_FAULT_* bits.
 */
u64 ps_fault_taken(void)
{
	return known(faults, ARRAY_SIZE(faults));
}
EXPORT_SYMBOL_FOR_KUNIT(ps_fault_taken);

/**
 * ps_fault_to_kernel() - translate fault flags
 * @fault: PINSCOPE_FAULT_*
 * @kernel: out: the kernel's FAULT_FLAG_*
 *
 * Return: 0; -EINVAL for an unknown flag, and for combinations that mm forbids
 * (enum fault_flag in linux/mm_types.h) whatever the VMA.
 */
int ps_fault_to_kernel(u64 fault, unsigned int *kernel)
{
	if (fault & ~ps_fault_taken())
		return -EINVAL;
	/* handle_userfault() has a BUG_ON() for the first of these. */
	if (!(fault & PINSCOPE_FAULT_ALLOW_RETRY) &&
	    (fault & (PINSCOPE_FAULT_RETRY_NOWAIT | PINSCOPE_FAULT_TRIED)))
		return -EINVAL;
	/* Then mm does wait, and whether it still has the lock is not told. */
	if ((fault & PINSCOPE_FAULT_RETRY_NOWAIT) &&
	    (fault & PINSCOPE_FAULT_TRIED))
		return -EINVAL;
	if ((fault & PINSCOPE_FAULT_UNSHARE) &&
	    (fault & PINSCOPE_FAULT_WRITE) && !ps_allow_warn)
		return -EINVAL;
	*kernel = to_kernel(faults, ARRAY_SIZE(faults), fault);
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_fault_to_kernel);

/**
 * ps_vm_fault_known() - which results FAULT can tell on this kernel
 *
 * Return: PINSCOPE_VM_FAULT_* bits.
 */
u32 ps_vm_fault_known(void)
{
	return known(results, ARRAY_SIZE(results));
}
EXPORT_SYMBOL_FOR_KUNIT(ps_vm_fault_known);

/**
 * ps_vm_fault_from_kernel() - translate what handle_mm_fault() returned
 * @result: the kernel's VM_FAULT_* bits
 *
 * Return: PINSCOPE_VM_FAULT_* bits.
 */
u32 ps_vm_fault_from_kernel(vm_fault_t result)
{
	unsigned int left;
	u32 abi = 0;
	int i;

	left = (__force unsigned int)(result & ~VM_FAULT_HINDEX_MASK);
	for (i = 0; i < ARRAY_SIZE(results); i++) {
		if (left & results[i].kernel)
			abi |= results[i].abi;
		left &= ~results[i].kernel;
	}
	return left ? abi | PINSCOPE_VM_FAULT_OTHER : abi;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_vm_fault_from_kernel);
