// SPDX-License-Identifier: GPL-2.0-only
/*
 * RSS counters are a percpu_counter: "mm: convert mm's rss stats into
 * percpu_counter", 6.2
 */
#include <linux/mm.h>
#include <linux/percpu_counter.h>

long probe(struct mm_struct *mm);
long probe(struct mm_struct *mm)
{
	return percpu_counter_sum(&mm->rss_stat[MM_ANONPAGES]);
}
