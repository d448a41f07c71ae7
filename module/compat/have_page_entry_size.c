// SPDX-License-Identifier: GPL-2.0-only
/*
 * huge_fault() gets an enum page_entry_size, until it gets an order:
 * 1d024e7a8dab ("mm: remove enum page_entry_size"), 6.6. The types are compatible, so
 * the probe uses the name of a value.
 */
#include <linux/mm.h>

enum page_entry_size probe = PE_SIZE_PMD;
