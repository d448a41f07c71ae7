// SPDX-License-Identifier: GPL-2.0-only
/* 89c1905d9c14 ("mm/gup: introduce memfd_pin_folios() for pinning memfd folios"), 6.11 */
#include <linux/mm.h>

long probe(struct file *memfd, struct folio **folios, pgoff_t *offset);
long probe(struct file *memfd, struct folio **folios, pgoff_t *offset)
{
	return memfd_pin_folios(memfd, 0, 0, folios, 1, offset);
}
