// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control of the probes in this directory: unlike them it must compile. If it
 * does not, the compiler, its flags or the kernel's headers are broken, and a probe
 * that fails would say nothing about the kernel.
 *
 * It includes what the probes include, so that Kbuild compiles them again when one of
 * these headers changes.
 */
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page-flags.h>
#include <linux/percpu_counter.h>
#include <linux/sched.h>
#include <linux/swap.h>
#if IS_ENABLED(CONFIG_KUNIT)
#include <kunit/test.h>
#endif

struct page *probe(struct folio *folio);
struct page *probe(struct folio *folio)
{
	return folio_page(folio, 0);
}
