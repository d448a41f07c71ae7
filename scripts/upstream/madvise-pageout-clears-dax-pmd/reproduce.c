// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a DAX mapping survive MADV_PAGEOUT? The advice is for memory that can be reclaimed,
 * which DAX is not, so that nothing is to happen. The page table is asked by
 * /proc/self/pagemap. Where it has no entry any more, other memory is mapped at the same
 * address: a processor whose TLB has the entry still reads the file there.
 *
 * usage: reproduce [DIRECTORY ON A FILE SYSTEM THAT IS MOUNTED WITH DAX]
 */
#include "../reproduce.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define ROUNDS	200

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/mnt/dax";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	unsigned int i, stale = 0;

	need(fd >= 0 && !fallocate(fd, 0, 0, THP), dir);
	for (i = 0; i < ROUNDS; i++) {
		volatile char *addr = map_thp(PROT_READ | PROT_WRITE, MAP_SHARED, fd);

		need_dax(fd);
		/* Where blocks and alignment allow it, the first fault maps all by a PMD. */
		*addr = 'A';
		need(!madvise((void *)addr, THP, MADV_PAGEOUT), "MADV_PAGEOUT");
		if (pagemap((void *)addr) & PM_PRESENT)
			break;
		need(mmap((void *)addr, THP, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == addr, "mmap");
		stale += *addr == 'A';
		munmap((void *)addr, THP);
	}
	if (!i)
		conclude(NO_BUG, "after MADV_PAGEOUT the page table has an entry for the memory");
	conclude(BUG, "after MADV_PAGEOUT the page table has no entry for the memory; "
		 "%s new anonymous memory at its address, the file was read",
		 stale ? "in" : "but not in");
}
