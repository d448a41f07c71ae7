// SPDX-License-Identifier: GPL-2.0-only
/* pte_uffd_wp() became pte_uffd() when userfaultfd learnt of RWP; 7.3 has it */
#include <linux/mm.h>

int probe(pte_t pte);
int probe(pte_t pte)
{
	return pte_uffd(pte) && pte_swp_uffd(pte);
}
