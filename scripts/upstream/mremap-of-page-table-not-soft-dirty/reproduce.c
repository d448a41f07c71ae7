// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are pages soft-dirty after mremap() has moved them, when it moves a whole page table?
 *
 * Needs CONFIG_MEM_SOFT_DIRTY, and page tables that mremap() moves (CONFIG_HAVE_MOVE_PMD, as on
 * x86-64); no privilege.
 */
#include "../reproduce.h"

#define PAGES	(THP / PAGE)

/* Of pages at an address, those that are not soft-dirty. */
static unsigned int clean(const char *at, unsigned int pages)
{
	static uint64_t entries[PAGES];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned int nr = 0, i;

	need(fd >= 0 && pread(fd, entries, pages * sizeof(*entries),
			      (uintptr_t)at / PAGE * sizeof(*entries)) ==
	     (ssize_t)(pages * sizeof(*entries)), "/proc/self/pagemap");
	close(fd);
	for (i = 0; i < pages; i++)
		nr += !(entries[i] & PM_SOFT_DIRTY);
	return nr;
}

/* Of so many pages from the beginning of a page table, those that are not soft-dirty later. */
static unsigned int move(char *from, char *to, unsigned int pages)
{
	need(mmap(from, pages * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == from, "mmap");
	madvise(from, pages * PAGE, MADV_NOHUGEPAGE);
	memset(from, 1, pages * PAGE);
	clear_soft_dirty();
	errno = 0;
	need(clean(from, pages) == pages, "this kernel does not track writes");
	need(mremap(from, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to,
	     "mremap");
	return clean(to, pages);
}

int main(void)
{
	char *all = mmap(NULL, 5 * THP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
	unsigned int nr;

	need(all != MAP_FAILED, "mmap");
	all += -(uintptr_t)all & (THP - 1);
	errno = 0;
	need(!move(all, all + THP, PAGES - 1), "not even single entries become soft-dirty");
	nr = move(all + 2 * THP, all + 3 * THP, PAGES);
	if (nr)
		conclude(BUG, "%u of %lu pages are not soft-dirty after mremap()", nr, PAGES);
	conclude(NO_BUG, "all %lu pages are soft-dirty after mremap()", PAGES);
}
