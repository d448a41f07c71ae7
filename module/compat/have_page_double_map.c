// SPDX-License-Identifier: GPL-2.0-only
/*
 * PMDs that map a THP are also counted in the mapcounts of its pages, in the way of
 * PageDoubleMap(). It went with "mm,thp,rmap: simplify compound page mapcount
 * handling", 6.2.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>

int probe(struct page *page);
int probe(struct page *page)
{
	return PageDoubleMap(page);
}
