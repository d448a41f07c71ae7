// SPDX-License-Identifier: GPL-2.0-only
/*
 * That a page block is isolated is a bit of its own, and no migrate type:
 * "mm/page_isolation: make page isolation a standalone bit", 6.17
 */
#include <linux/mmzone.h>

enum pageblock_bits probe(void);
enum pageblock_bits probe(void)
{
	return PB_migrate_isolate;
}
