// SPDX-License-Identifier: GPL-2.0-only
/*
 * Of large folios, those of order 1 have no counter of pins any more where there is
 * folio_has_pincount(), which says so. 6.12 does not have it; 7.3 does.
 */
#include <linux/mm.h>

bool probe(const struct folio *folio);
bool probe(const struct folio *folio)
{
	return folio_has_pincount(folio);
}
