// SPDX-License-Identifier: GPL-2.0-only
/*
 * swp_entry_t of page table entries became softleaf_t: "mm: introduce leaf entry type
 * and use to simplify leaf entry logic"; in 7.2
 */
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/leafops.h>

enum softleaf_type probe(pte_t pte);
enum softleaf_type probe(pte_t pte)
{
	return softleaf_type(softleaf_from_pte(pte));
}
