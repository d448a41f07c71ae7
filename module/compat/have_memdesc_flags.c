// SPDX-License-Identifier: GPL-2.0-only
/*
 * Since 53fbef56e07d ("mm: introduce memdesc_flags_t") (6.18), the flags of a page are
 * a struct.
 */
#include <linux/mm.h>

unsigned long probe(struct page *page);
unsigned long probe(struct page *page)
{
	return page->flags.f;
}
