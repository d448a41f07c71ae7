// SPDX-License-Identifier: GPL-2.0-only
/*
 * A private mapping reserves two hugetlb pages, and mremap() moves one of them. Does the other
 * keep its reservation, and is it given back when all is unmapped?
 *
 * Needs two or more free 2 MiB hugetlb pages, which nobody else uses or reserves meanwhile; no
 * privilege. The reservation that the bug loses is lost until the next boot.
 */
#include "../reproduce.h"

#define POOL	"/sys/kernel/mm/hugepages/hugepages-2048kB/"

static long reserved(void)
{
	FILE *file = fopen(POOL "resv_hugepages", "re");
	long nr = -1;

	need(file && fscanf(file, "%ld", &nr) == 1, POOL);
	fclose(file);
	return nr;
}

/* When all pages of the pool are reserved, there is none for whoever lost its reservation. */
static void no_page(int sig)
{
	(void)sig;
	conclude(BUG,
		 "expected that the page that stayed is reserved, found SIGBUS at a write to it");
}

int main(void)
{
	long before = reserved(), used, left;
	char *addr, *to;

	to = mmap(NULL, 2 * THP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	need(to != MAP_FAILED, "mmap");
	to += -(uintptr_t)to & (THP - 1);
	addr = mmap(NULL, 2 * THP, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);
	need(addr != MAP_FAILED, "mmap of two huge pages");
	need(mremap(addr, THP, THP, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to, "mremap");
	used = reserved();
	signal(SIGBUS, no_page);
	*(volatile char *)(addr + THP) = 1;
	used -= reserved();
	munmap(to, THP);
	munmap(addr + THP, THP);
	left = reserved() - before;
	if (used != 1 || left)
		conclude(BUG,
			 "expected that the page that stayed uses 1 reservation and 0 are left, found %ld and %ld",
			 used, left);
	conclude(NO_BUG, "the page that stayed uses its reservation, and none is left");
}
