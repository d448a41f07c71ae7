// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a hole that is punched into a file find pages that a mapping still has? One thread
 * writes to the mapping of a memfd and drops it by MADV_DONTNEED, the other punches.
 *
 * Needs two processors, and no privileges. The message is no WARN(): panic_on_warn does not
 * matter.
 */
#include "../reproduce.h"
#include <linux/falloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#define TAINT_BAD_PAGE	(1L << 5)
#define SECONDS		100

static char *mem;
static volatile bool stop;
static unsigned int writes;

static bool has_complained(void)
{
	char text[24] = "";
	int fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);

	need(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "/proc/sys/kernel/tainted");
	close(fd);
	return strtol(text, NULL, 10) & TAINT_BAD_PAGE;
}

/* All that a page table maps, so that the kernel may free the table. */
static void *write_and_drop(void *arg)
{
	for (; !stop; writes++) {
		*(volatile char *)mem = 1;
		if (madvise(mem, THP, MADV_DONTNEED))
			break;
	}
	return arg;
}

int main(void)
{
	int fd = memfd_create("hole", MFD_CLOEXEC);
	unsigned int holes = 0;
	pthread_t thread;
	time_t end;

	need(fd >= 0 && !ftruncate(fd, THP), "memfd_create");
	need(!has_complained(), "the kernel has complained of a page before");
	mem = map_thp(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	need(!pthread_create(&thread, NULL, write_and_drop, NULL), "pthread_create");
	for (end = time(NULL) + SECONDS; time(NULL) < end; holes++) {
		need(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, THP),
		     "fallocate");
		if (holes % 64 == 0 && has_complained())
			break;
	}
	stop = true;
	pthread_join(thread, NULL);
	conclude(has_complained() ? BUG : NO_BUG,
		 "the kernel has %scomplained of a page that was \"still mapped when deleted\" (writes: %u, holes: %u)",
		 has_complained() ? "" : "not ", writes, holes);
}
