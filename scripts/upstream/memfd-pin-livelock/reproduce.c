// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processes make a dma-buf of the same memfd at the same time, on one processor. Does each
 * come to an end, or does it at least die by SIGKILL?
 *
 * usage: reproduce
 *
 * The memfd lies in ZONE_MOVABLE, which pages that are pinned for long have to leave. Each other
 * time it has huge pages, by MADV_COLLAPSE. Needs to be allowed to open /dev/udmabuf (group kvm,
 * or root), two processors, memory in ZONE_MOVABLE, and root to see that it is there. What is shown
 * keeps a processor busy until the machine is restarted.
 */
#include "../reproduce.h"

#include <linux/mempolicy.h>
#include <linux/udmabuf.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

enum { PROCESSES = 2, ROUNDS = 10, SECONDS = 8 };

static const size_t len = 32UL << 20;

static void run_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	need(!sched_setaffinity(0, sizeof(one), &one), "two processors");
}

/* The first PFN of a ZONE_MOVABLE with memory, from whose node this process takes its own. */
static unsigned long prefer_movable(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	unsigned long present = 0, start, from = -1UL, nodes;
	bool is_movable = false;
	unsigned int nr = 0;
	char line[200];

	need(file, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %u,", &nr) == 1)
			is_movable = strstr(line, "Movable");
		if (sscanf(line, " present %lu", &present) == 1)
			continue;
		if (is_movable && present && from == -1UL &&
		    sscanf(line, " start_pfn: %lu", &start) == 1) {
			from = start;
			nodes = 1UL << nr;
		}
	}
	fclose(file);
	errno = 0;
	need(from != -1UL, "no memory in ZONE_MOVABLE");
	need(!syscall(SYS_set_mempolicy, MPOL_PREFERRED, &nodes, 8 * sizeof(nodes)),
	     "set_mempolicy");
	errno = 0;
	return from;
}

/* A memfd, all of which has to move before it is pinned. */
static int movable_memfd(bool huge)
{
	int fd = memfd_create("reproduce", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	unsigned long from = prefer_movable();
	char *all, *addr;

	need(fd >= 0 && !ftruncate(fd, len), "memfd_create");
	need(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), "F_ADD_SEALS");
	/* Huge pages begin where the address does. */
	all = mmap(NULL, len + THP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(all != MAP_FAILED, "mmap");
	addr = (char *)(((uintptr_t)all + THP - 1) & ~(THP - 1));
	addr = mmap(addr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	need(addr != MAP_FAILED, "mmap of the memfd");
	memset(addr, 'm', len);
	if (huge)
		need(!madvise(addr, len, MADV_COLLAPSE), "MADV_COLLAPSE");
	errno = 0;
	need((pagemap(addr) & PM_PFN) >= from, "the memfd is not in ZONE_MOVABLE");
	munmap(all, len + THP);
	return fd;
}

static pid_t pin_in_child(int memfd, int go)
{
	const struct udmabuf_create create = {
		.memfd = memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = len,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	pid_t child = fork();
	char byte;

	need(device >= 0, "/dev/udmabuf");
	need(child >= 0, "fork");
	if (!child) {
		run_on(0);
		_exit(read(go, &byte, 1) != 1 || ioctl(device, UDMABUF_CREATE, &create) < 0);
	}
	close(device);
	return child;
}

static void race_once(bool huge)
{
	int memfd = movable_memfd(huge), go[2], status, i;
	pid_t child[PROCESSES];

	need(!pipe2(go, O_CLOEXEC), "pipe");
	for (i = 0; i < PROCESSES; i++)
		child[i] = pin_in_child(memfd, go[0]);
	need(write(go[1], "gogo", PROCESSES) == PROCESSES, "write");
	for (i = 0; i < PROCESSES; i++) {
		if (ended(child[i], SECONDS, &status))
			continue;
		show_stack(child[i]);
		kill(child[i], SIGKILL);
		if (!ended(child[i], SECONDS, &status))
			conclude(BUG,
				 "UDMABUF_CREATE, %s pages: no end after %d s, and not by SIGKILL",
				 huge ? "huge" : "base", 2 * SECONDS);
	}
	close(go[0]);
	close(go[1]);
	close(memfd);
}

int main(void)
{
	int i;

	run_on(1);
	for (i = 0; i < ROUNDS; i++)
		race_once(i % 2);
	conclude(NO_BUG, "%d processes have made dma-bufs of the same memfd, %d times", PROCESSES,
		 ROUNDS);
}
