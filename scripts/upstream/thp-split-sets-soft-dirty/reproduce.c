// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the split of a PMD leave the soft-dirty bit alone? One page of a THP is given back,
 * which splits the PMD, and nothing is written.
 *
 * Needs root, for /proc/kpageflags.
 */
#include "../reproduce.h"

static unsigned int count_soft_dirty(const char *thp)
{
	unsigned int nr = 0;
	size_t offset;

	for (offset = 0; offset < THP; offset += PAGE)
		nr += !!(pagemap(thp + offset) & PM_SOFT_DIRTY);
	return nr;
}

int main(void)
{
	char *thp = map_thp(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned int nr;

	need(!madvise(thp, THP, MADV_HUGEPAGE), "MADV_HUGEPAGE");
	*thp = 1;
	errno = 0;
	need(kpageflags(thp) & KPF_THP, "no THP");
	clear_soft_dirty();
	need(!count_soft_dirty(thp), "clear_refs has not cleared the soft-dirty bits");
	need(!madvise(thp + THP - PAGE, PAGE, MADV_DONTNEED), "MADV_DONTNEED");
	nr = count_soft_dirty(thp);
	conclude(nr ? BUG : NO_BUG, "after a page was given back, %u of 511 pages are soft-dirty",
		 nr);
}
