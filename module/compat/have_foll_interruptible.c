// SPDX-License-Identifier: GPL-2.0-only
/* 93c5c61d9e58 ("mm/gup: Add FOLL_INTERRUPTIBLE"), 6.2 */
#include <linux/mm.h>

unsigned int probe(void);
unsigned int probe(void)
{
	return FOLL_INTERRUPTIBLE;
}
