/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels, hidden: code above this header reads as if
 * there were one kernel. have.h says which of the probes in this directory
 * compiled.
 */
#ifndef PINSCOPE_COMPAT_H
#define PINSCOPE_COMPAT_H

#include <linux/hugetlb.h>
#include <linux/mm.h>

#include "compat/have.h"

/* A flag that the kernel does not have is 0; foll.c then refuses it. */
#ifndef HAVE_FOLL_PCI_P2PDMA
#define FOLL_PCI_P2PDMA		0
#endif
#ifndef HAVE_FOLL_INTERRUPTIBLE
#define FOLL_INTERRUPTIBLE	0
#endif
#ifndef HAVE_FOLL_HONOR_NUMA_FAULT
#define FOLL_HONOR_NUMA_FAULT	0
#endif

static inline long ps_pin_user_pages(unsigned long start, unsigned long nr,
				     unsigned int foll, struct page **pages)
{
#ifdef HAVE_GUP_WITHOUT_VMAS
	return pin_user_pages(start, nr, foll, pages);
#else
	return pin_user_pages(start, nr, foll, pages, NULL);
#endif
}

/*
 * How many page table entries map the folio or a part of it. The caller keeps
 * the folio mapped or has a reference.
 */
static inline int ps_folio_mapcount(struct folio *folio)
{
#ifdef HAVE_INLINE_FOLIO_MAPCOUNT
	return folio_mapcount(folio);
#else
	int entire, sum;
	long i, nr = folio_nr_pages(folio);

	if (!folio_test_large(folio))
		return atomic_read(&folio->_mapcount) + 1;
	entire = folio_entire_mapcount(folio);
	if (PageHuge(&folio->page))
		return entire;
	sum = entire;
	for (i = 0; i < nr; i++)
		sum += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
	/*
	 * A PMD mapping of a file THP also counts in each of its pages; that
	 * of an anonymous THP does so once when PTEs map it as well.
	 */
	if (!folio_test_anon(folio))
		return sum - entire * nr;
	if (PageDoubleMap(&folio->page))
		sum -= nr;
	return sum;
#endif
}

#endif
