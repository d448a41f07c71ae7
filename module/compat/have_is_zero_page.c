// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP takes no pins of the zeropage: c8070b787519 ("mm: Don't pin ZERO_PAGE in
 * pin_user_pages()"), 6.5, which added is_zero_page().
 */
#include <linux/mm.h>

bool probe(struct page *page);
bool probe(struct page *page)
{
	return is_zero_page(page);
}
