// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process to look at, for tests/live.sh: maps memory, prints "PID ADDRESS", and stays
 * until its standard input ends.
 *
 * usage: subject anon		four base pages, all written
 *	  subject sparse	1 TiB without reservation, of which three pages are written
 *	  subject vmas N	N VMAs of a page each, every other one written
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *map(size_t len)
{
	char *addr = mmap(NULL, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (addr == MAP_FAILED) {
		perror("subject: mmap");
		exit(1);
	}
	madvise(addr, len, MADV_NOHUGEPAGE);
	return addr;
}

static char *make_anon(size_t page)
{
	char *addr = map(4 * page);

	memset(addr, 'a', 4 * page);
	return addr;
}

static char *make_sparse(void)
{
	const size_t tib = (size_t)1 << (sizeof(size_t) < 8 ? 20 : 40);
	char *addr;

	if (sizeof(size_t) < 8) {
		fprintf(stderr, "subject: 1 TiB takes 64-bit addresses\n");
		exit(1);
	}
	addr = map(tib);
	addr[0] = 'a';
	addr[tib / 2] = 'a';
	addr[tib - 1] = 'a';
	return addr;
}

/* Neighbours differ in their permissions, so that they are not merged. */
static char *make_vmas(size_t page, size_t nr)
{
	char *addr = map(nr * page);
	size_t i;

	for (i = 0; i < nr; i += 2) {
		addr[i * page] = 'a';
		if (mprotect(addr + i * page, page, PROT_READ)) {
			perror("subject: mprotect: is vm.max_map_count higher?");
			exit(1);
		}
	}
	return addr;
}

int main(int argc, char **argv)
{
	size_t page = sysconf(_SC_PAGESIZE);
	const char *what = argc > 1 ? argv[1] : "";
	char *addr, byte;

	if (!strcmp(what, "anon")) {
		addr = make_anon(page);
	} else if (!strcmp(what, "sparse")) {
		addr = make_sparse();
	} else if (!strcmp(what, "vmas") && argc == 3) {
		addr = make_vmas(page, strtoul(argv[2], NULL, 10));
	} else {
		fprintf(stderr, "usage: subject anon|sparse|vmas N\n");
		return 2;
	}
	printf("%d %lx\n", getpid(), (unsigned long)addr);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
