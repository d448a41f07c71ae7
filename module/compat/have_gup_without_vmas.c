// SPDX-License-Identifier: GPL-2.0-only
/* 4c630f307455 ("mm/gup: remove vmas parameter from pin_user_pages()"), 6.5 */
#include <linux/mm.h>

long probe(struct page **pages);
long probe(struct page **pages)
{
	return pin_user_pages(0, 1, 0, pages);
}
