// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a write fault of DAX, which maps a PMD, meet the page table that GUP installs after
 * it has split a PMD (FOLL_SPLIT_PMD)? A child asks lib/test_hmm.c for exclusive access to
 * the parent's memory while the parent writes to a hole that the huge zeropage maps.
 *
 * Needs root, CONFIG_TEST_HMM, and a kernel that goes on when it has warned.
 *
 * usage: reproduce [DIRECTORY ON A FILE SYSTEM THAT IS MOUNTED WITH DAX]
 */
#include "../reproduce.h"

#define SECONDS		60
#define DELAYS		200

/* What parent and child share. */
struct race {
	volatile unsigned int round, calls;
};

/*
 * The call fails, for a page of a file is not given to a device. Before that GUP has split
 * the PMD in the page table of whoever opened the device, which is the parent.
 */
static int split(int device, char *mem)
{
	struct hmm_cmd cmd = { .addr = (uintptr_t)mem, .buf = (uintptr_t)mem, .pages = 1 };

	return ioctl(device, HMM_EXCLUSIVE, &cmd) ? errno : 0;
}

/* A different while after each round has begun. */
static void split_each_round(int device, char *mem, struct race *race)
{
	unsigned int round = 0, now;
	volatile int wait;

	while (1) {
		now = race->round;
		if (now == round)
			continue;
		round = now;
		for (wait = 0; wait < (int)(round % DELAYS) * 40; wait++)
			;
		race->calls++;
		split(device, mem);
	}
}

/* A hole that the huge zeropage maps, where there is no page table of an earlier round. */
static void map_hole(char *mem, int fd)
{
	need(mmap(mem, THP, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == mem,
	     "mmap");
	need(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, THP), "fallocate");
	errno = 0;
	need(!*(volatile char *)mem, "a hole has data");
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/mnt/dax";
	int device = open(HMM_DEVICE, O_RDWR | O_CLOEXEC), fd, ret;
	struct race *race;
	time_t end;
	pid_t child;
	char *mem;

	need(device >= 0, HMM_DEVICE " (CONFIG_TEST_HMM)");
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	need(fd >= 0 && !ftruncate(fd, THP), dir);
	need_dax(fd);
	race = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(race != MAP_FAILED, "mmap");
	mem = map_thp(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	map_hole(mem, fd);
	need(kpageflags(mem) & KPF_THP, "no PMD maps a hole");
	need(!is_tainted(TAINT_WARN), "the kernel has warned before, and may not do so again");
	ret = split(device, mem);
	errno = ret;
	need(ret == EBUSY || ret == EOPNOTSUPP, HMM_DEVICE " did not refuse a file");
	child = fork();
	need(child >= 0, "fork");
	if (!child)
		split_each_round(device, mem, race);
	for (end = time(NULL) + SECONDS; time(NULL) < end && !is_tainted(TAINT_WARN);) {
		map_hole(mem, fd);
		race->round++;
		*(volatile char *)mem = 1;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	/* In vmf_insert_pfn_pmd(), or insert_pmd(). */
	conclude(is_tainted(TAINT_WARN) ? BUG : NO_BUG,
		 "the kernel has %swarned (write faults: %u, calls for exclusive access: %u)",
		 is_tainted(TAINT_WARN) ? "" : "not ", race->round, race->calls);
}
