// SPDX-License-Identifier: GPL-2.0-only
/* 4003f107fa2e ("mm: introduce FOLL_PCI_P2PDMA to gate getting PCI P2PDMA pages"), 6.2 */
#include <linux/mm.h>

unsigned int probe(void);
unsigned int probe(void)
{
	return FOLL_PCI_P2PDMA;
}
