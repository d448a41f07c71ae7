// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flags: translation of pinscope's stable bits to the running kernel's and back,
 * with one table each for FOLL_*, FAULT_FLAG_* and VM_FAULT_*.
 *
 * GUP and the fault path warn about flags that they do not accept. A flag that
 * is in none of these tables cannot reach them.
 *
 * Owns the module parameter allow_warn. Takes no locks.
 */
#include <linux/moduleparam.h>

#include "pinscope.h"

/* Read-only, so that it cannot change while a test relies on it. */
bool ps_allow_warn;
EXPORT_SYMBOL_FOR_KUNIT(ps_allow_warn);
module_param_named(allow_warn, ps_allow_warn, bool, 0444);
MODULE_PARM_DESC(allow_warn,
		 "let FAULT use flags that make the kernel warn (default: no)");

struct flag {
	u64 abi;		/* PINSCOPE_* */
	unsigned int kernel;	/* 0: this kernel does not have the flag */
};

#define GUP_FLAG(name)	{ PINSCOPE_FOLL_##name, FOLL_##name },
static const struct flag gup_flag_table[] = {
	PINSCOPE_FOLL_NAMES(GUP_FLAG)
};

#define FAULT_FLAG(name) { PINSCOPE_FAULT_##name, FAULT_FLAG_##name },
static const struct flag fault_table[] = {
	PINSCOPE_FAULT_NAMES(FAULT_FLAG)
};

#define VM_FAULT(name)							\
	{ PINSCOPE_VM_FAULT_##name, (__force unsigned int)VM_FAULT_##name },
static const struct flag vm_fault_table[] = {
	PINSCOPE_VM_FAULT_NAMES(VM_FAULT)
};

/* The ABI bits of those flags in a table that this kernel has. */
static u64 known_bits(const struct flag *flags, size_t nr)
{
	u64 bits = 0;

	for (; nr--; flags++)
		if (flags->kernel)
			bits |= flags->abi;
	return bits;
}

static unsigned int bits_to_kernel(const struct flag *flags, size_t nr, u64 bits)
{
	unsigned int kernel = 0;

	for (; bits && nr--; flags++) {
		if (bits & flags->abi)
			kernel |= flags->kernel;
		bits &= ~flags->abi;
	}
	return kernel;
}

/**
 * ps_gup_flags_known() - which FOLL flags this kernel has
 *
 * Context: any.
 * Return: PINSCOPE_FOLL_* bits. Not every call takes each of them: see
 * ps_gup_flags_taken().
 */
u64 ps_gup_flags_known(void)
{
	/* A constant: PIN asks for it each time. */
#define GUP_FLAG_KNOWN(name)	(FOLL_##name ? PINSCOPE_FOLL_##name : 0) |
	return PINSCOPE_FOLL_NAMES(GUP_FLAG_KNOWN) 0;
}

/**
 * ps_gup_flags_translate() - translate FOLL flags to the running kernel's
 * @gup_flags: PINSCOPE_FOLL_* bits, all of them in ps_gup_flags_known()
 *
 * Checks nothing: ps_gup_flags_to_kernel() does.
 *
 * Context: any.
 * Return: the running kernel's FOLL_* bits.
 */
unsigned int ps_gup_flags_translate(u64 gup_flags)
{
	return bits_to_kernel(gup_flag_table, ARRAY_SIZE(gup_flag_table),
			      gup_flags);
}

/**
 * ps_gup_flags_from_kernel() - translate the running kernel's FOLL flags
 * @kernel: the running kernel's FOLL_* bits
 * @gup_flags: out: PINSCOPE_FOLL_* bits
 *
 * Context: any.
 * Return: 0, or -EINVAL when @kernel has a bit that the ABI has no name for.
 */
int ps_gup_flags_from_kernel(unsigned int kernel, u64 *gup_flags)
{
	int i;

	*gup_flags = 0;
	for (i = 0; i < ARRAY_SIZE(gup_flag_table); i++) {
		if (kernel & gup_flag_table[i].kernel)
			*gup_flags |= gup_flag_table[i].abi;
		kernel &= ~gup_flag_table[i].kernel;
	}
	return kernel ? -EINVAL : 0;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_gup_flags_from_kernel);

/**
 * ps_fault_taken() - which fault flags FAULT takes on this kernel
 *
 * Context: any.
 * Return: PINSCOPE_FAULT_* bits.
 */
u64 ps_fault_taken(void)
{
	return known_bits(fault_table, ARRAY_SIZE(fault_table));
}
EXPORT_SYMBOL_FOR_KUNIT(ps_fault_taken);

/**
 * ps_fault_to_kernel() - check and translate fault flags
 * @fault: PINSCOPE_FAULT_* bits
 * @kernel: out: the running kernel's FAULT_FLAG_* bits
 *
 * Context: any.
 * Return: 0; -EINVAL for an unknown flag, and for a combination that mm forbids
 * for every VMA (see enum fault_flag in linux/mm_types.h). The parameter
 * allow_warn permits UNSHARE with WRITE, which only makes mm warn.
 */
int ps_fault_to_kernel(u64 fault, unsigned int *kernel)
{
	if (fault & ~ps_fault_taken())
		return -EINVAL;
	/* RETRY_NOWAIT alone would hit a BUG_ON() in handle_userfault(). */
	if (!(fault & PINSCOPE_FAULT_ALLOW_RETRY) &&
	    (fault & (PINSCOPE_FAULT_RETRY_NOWAIT | PINSCOPE_FAULT_TRIED)))
		return -EINVAL;
	/*
	 * With both, mm waits although it was told not to, and its result does
	 * not say whether it dropped the mmap lock for that.
	 */
	if ((fault & PINSCOPE_FAULT_RETRY_NOWAIT) &&
	    (fault & PINSCOPE_FAULT_TRIED))
		return -EINVAL;
	if ((fault & PINSCOPE_FAULT_UNSHARE) &&
	    (fault & PINSCOPE_FAULT_WRITE) && !ps_allow_warn)
		return -EINVAL;
	*kernel = bits_to_kernel(fault_table, ARRAY_SIZE(fault_table), fault);
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_fault_to_kernel);

/**
 * ps_vm_fault_known() - which results of a fault this kernel has
 *
 * Context: any.
 * Return: PINSCOPE_VM_FAULT_* bits.
 */
u32 ps_vm_fault_known(void)
{
	return known_bits(vm_fault_table, ARRAY_SIZE(vm_fault_table));
}
EXPORT_SYMBOL_FOR_KUNIT(ps_vm_fault_known);

/**
 * ps_vm_fault_from_kernel() - translate the result of handle_mm_fault()
 * @result: the running kernel's VM_FAULT_* bits
 *
 * Leaves out the index of the huge page that HWPOISON_LARGE comes with.
 *
 * Context: any.
 * Return: PINSCOPE_VM_FAULT_* bits; OTHER stands for bits without a name.
 */
u32 ps_vm_fault_from_kernel(vm_fault_t result)
{
	unsigned int left;
	u32 abi = 0;
	int i;

	left = (__force unsigned int)(result & ~VM_FAULT_HINDEX_MASK);
	for (i = 0; i < ARRAY_SIZE(vm_fault_table); i++) {
		if (left & vm_fault_table[i].kernel)
			abi |= vm_fault_table[i].abi;
		left &= ~vm_fault_table[i].kernel;
	}
	return left ? abi | PINSCOPE_VM_FAULT_OTHER : abi;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_vm_fault_from_kernel);
