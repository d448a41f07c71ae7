// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a DAX mapping survive MADV_PAGEOUT? The advice is for memory that can be reclaimed,
 * which DAX is not, so that nothing is to happen. The page table is asked by
 * /proc/self/pagemap.
 *
 * usage: reproduce [DIRECTORY ON A FILE SYSTEM THAT IS MOUNTED WITH DAX]
 */
#include "../reproduce.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/mnt/dax";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *addr;

	need(fd >= 0 && !fallocate(fd, 0, 0, THP), dir);
	addr = map_thp(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	need_dax(fd);
	/* Where blocks and alignment allow it, the first fault maps all by a PMD. */
	*addr = 'A';
	need(!madvise(addr, THP, MADV_PAGEOUT), "MADV_PAGEOUT");
	conclude(pagemap(addr) & PM_PRESENT ? NO_BUG : BUG,
		 "after MADV_PAGEOUT the page table has %s entry for the memory",
		 pagemap(addr) & PM_PRESENT ? "an" : "no");
}
