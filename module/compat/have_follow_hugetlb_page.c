// SPDX-License-Identifier: GPL-2.0-only
/* Until Linux 6.6 GUP had a function of its own for hugetlb. */
#include <linux/hugetlb.h>

void *probe(void);

void *probe(void)
{
	return follow_hugetlb_page;
}
