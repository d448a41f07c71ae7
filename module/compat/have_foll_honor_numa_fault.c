// SPDX-License-Identifier: GPL-2.0-only
/* d74943a2f3cd ("mm/gup: reintroduce FOLL_NUMA as FOLL_HONOR_NUMA_FAULT"), 6.6 */
#include <linux/mm.h>

unsigned int probe(void);
unsigned int probe(void)
{
	return FOLL_HONOR_NUMA_FAULT;
}
