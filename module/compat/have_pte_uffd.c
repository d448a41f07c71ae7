// SPDX-License-Identifier: GPL-2.0-only
/* pte_uffd_wp() became pte_uffd() with the RWP mode of userfaultfd: in 7.3 */
#include <linux/mm.h>

int probe(pte_t pte);
int probe(pte_t pte)
{
	return pte_uffd(pte) && pte_swp_uffd(pte);
}
