// SPDX-License-Identifier: GPL-2.0-only
/*
 * Folios of fsdax are not long-term pinnable: "mm/gup: don't allow FOLL_LONGTERM
 * pinning of FS DAX pages", 6.15. Before, GUP looked at the VMA.
 */
#include <linux/memremap.h>
#include <linux/mm.h>

bool probe(struct folio *folio);
bool probe(struct folio *folio)
{
	return folio_is_fsdax(folio);
}
