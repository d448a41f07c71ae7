// SPDX-License-Identifier: GPL-2.0-only
/*
 * folio_mapcount() used to be a function that modules cannot call; it moved
 * into the header with the counter for large folios:
 * 05c5323b2a34 ("mm: track mapcount of large folios in single value"), 6.10.
 * A static redeclaration only compiles after a static definition.
 */
#include <linux/mm.h>

static typeof(folio_mapcount) folio_mapcount;
