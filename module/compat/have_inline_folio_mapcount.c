// SPDX-License-Identifier: GPL-2.0-only
/*
 * folio_mapcount() is inline, and not a function that modules cannot call, since
 * 05c5323b2a34 ("mm: track mapcount of large folios in single value"), 6.10.
 * The redeclaration as static compiles only if the header defines it as static.
 */
#include <linux/mm.h>

static typeof(folio_mapcount) folio_mapcount;
