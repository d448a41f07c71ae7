// SPDX-License-Identifier: GPL-2.0-only
/*
 * FOLL flags: pinscope's stable bits to the running kernel's, and which way
 * takes which. GUP warns about flags that it does not take, so what is not in
 * this table never reaches it.
 */
#include "pinscope.h"

#define SLOW	BIT(PINSCOPE_WAY_SLOW)
#define FAST	BIT(PINSCOPE_WAY_FAST)

#define FOLL(name, ways)	{ PINSCOPE_FOLL_##name, FOLL_##name, ways }

/* The ways are those of mm/gup.c: is_valid_gup_args() and gup_fast_fallback() */
static const struct {
	u64 abi;
	unsigned int kernel;	/* 0: this kernel does not have it */
	unsigned int ways;
} folls[] = {
	FOLL(WRITE,		SLOW | FAST),
	FOLL(FORCE,		SLOW | FAST),
	FOLL(DUMP,		SLOW),
	FOLL(NOWAIT,		SLOW),
	FOLL(NOFAULT,		SLOW | FAST),
	FOLL(HWPOISON,		SLOW),
	FOLL(ANON,		SLOW),
	FOLL(LONGTERM,		SLOW | FAST),
	FOLL(SPLIT_PMD,		SLOW),
	FOLL(PCI_P2PDMA,	SLOW | FAST),
	FOLL(INTERRUPTIBLE,	SLOW),
	FOLL(HONOR_NUMA_FAULT,	SLOW | FAST),
};

/**
 * ps_foll_taken() - which FOLL flags a way takes on this kernel
 * @way: enum pinscope_way
 *
 * Return: PINSCOPE_FOLL_* bits; 0 for an unknown way.
 */
u64 ps_foll_taken(unsigned int way)
{
	u64 taken = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(folls); i++)
		if (folls[i].kernel && way < PINSCOPE_WAYS_MAX &&
		    (folls[i].ways & BIT(way)))
			taken |= folls[i].abi;
	return taken;
}

/**
 * ps_foll_to_kernel() - translate FOLL flags
 * @way: enum pinscope_way
 * @foll: PINSCOPE_FOLL_*
 * @kernel: out: the kernel's FOLL_*
 *
 * Return: 0; -EINVAL for a flag that @way does not take on this kernel, and
 * for LONGTERM with PCI_P2PDMA, which GUP refuses with a warning.
 */
int ps_foll_to_kernel(unsigned int way, u64 foll, unsigned int *kernel)
{
	int i;

	if (foll & ~ps_foll_taken(way))
		return -EINVAL;
	if ((foll & PINSCOPE_FOLL_LONGTERM) &&
	    (foll & PINSCOPE_FOLL_PCI_P2PDMA))
		return -EINVAL;

	*kernel = 0;
	for (i = 0; i < ARRAY_SIZE(folls); i++)
		if (foll & folls[i].abi)
			*kernel |= folls[i].kernel;
	return 0;
}
