// SPDX-License-Identifier: GPL-2.0-only
/*
 * A large folio has a counter of all of its mappings, and folio_mapcount() consists
 * of inline functions: 05c5323b2a34 ("mm: track mapcount of large folios in single
 * value"), 6.10. From 6.2 to 6.9 folio_mapcount() was inline as well, but called a
 * function that is not exported to modules.
 */
#include <linux/mm.h>

int probe(struct folio *folio);
int probe(struct folio *folio)
{
	return atomic_read(&folio->_large_mapcount);
}
