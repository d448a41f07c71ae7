// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a write reported as soft-dirty when clear_refs met the page while it was migrated?
 *
 * Needs two NUMA nodes with memory, and CONFIG_MEM_SOFT_DIRTY; no privilege.
 */
#include "../reproduce.h"

#define MPOL_MF_MOVE	2
#define PAGES		512
#define SECONDS		30

static char *memory;
static volatile bool stop;
static unsigned int moved;

/* Moves all pages from one node to the other, and back. */
static void *move(void *unused)
{
	static int nodes[PAGES], status[PAGES];
	static void *pages[PAGES];
	int node, i;

	for (node = 0; !stop; node ^= 1) {
		for (i = 0; i < PAGES; i++) {
			pages[i] = memory + i * PAGE;
			nodes[i] = node;
			status[i] = -1;
		}
		if (syscall(SYS_move_pages, 0, (unsigned long)PAGES, pages, nodes, status,
			    MPOL_MF_MOVE))
			continue;
		for (i = 0; i < PAGES; i++)
			moved += status[i] == node;
	}
	return unused;
}

/* Writes to all pages, and counts those that are not soft-dirty then. */
static int missed(char byte)
{
	static uint64_t entries[PAGES];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), nr = 0, i;

	for (i = 0; i < PAGES; i++)
		*(volatile char *)(memory + i * PAGE) = byte;
	need(fd >= 0 && pread(fd, entries, sizeof(entries),
			      (uintptr_t)memory / PAGE * sizeof(*entries)) == sizeof(entries),
	     "/proc/self/pagemap");
	close(fd);
	for (i = 0; i < PAGES; i++)
		nr += !(entries[i] & PM_SOFT_DIRTY);
	return nr;
}

int main(void)
{
	time_t end = time(NULL) + SECONDS;
	unsigned int rounds = 0;
	pthread_t thread;
	int nr = 0;

	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	need(memory != MAP_FAILED, "mmap");
	madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE);
	clear_soft_dirty();
	errno = 0;
	need(!missed(1), "this kernel does not track writes");
	need(!pthread_create(&thread, NULL, move, NULL), "pthread_create");
	for (; !nr && time(NULL) < end; rounds++) {
		clear_soft_dirty();
		nr = missed(rounds);
	}
	stop = true;
	pthread_join(thread, NULL);
	errno = 0;
	need(moved, "no page was moved");
	if (nr)
		conclude(BUG, "in round %u, %d of %d pages are not soft-dirty after a write",
			 rounds, nr, PAGES);
	conclude(NO_BUG, "all pages were soft-dirty in %u rounds, while pages were moved %u times",
		 rounds, moved);
}
