// SPDX-License-Identifier: GPL-2.0-only
/* Until "mm/gup: remove pin_user_pages_fast_only()", 6.3 */
#include <linux/mm.h>

int probe(struct page **pages);
int probe(struct page **pages)
{
	return pin_user_pages_fast_only(0, 1, 0, pages);
}
