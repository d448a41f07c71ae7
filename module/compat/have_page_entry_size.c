// SPDX-License-Identifier: GPL-2.0-only
/*
 * How vm_ops->huge_fault is told of the level, until it became an order:
 * 1d024e7a8dab ("mm: remove enum page_entry_size"), 6.6. The types are
 * compatible, so only the name tells them apart.
 */
#include <linux/mm.h>

enum page_entry_size probe = PE_SIZE_PMD;
