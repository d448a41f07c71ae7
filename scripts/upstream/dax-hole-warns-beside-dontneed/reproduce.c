// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a hole that is punched into a DAX file find pages that a mapping still has? One
 * thread writes to the file's mapping and drops it by MADV_DONTNEED, the other punches.
 *
 * Needs a file system with DAX: the argument, or /mnt/dax; and no panic_on_warn.
 */
#include "../reproduce.h"
#include <linux/falloc.h>
#include <pthread.h>
#include <time.h>

#define TAINT_WARN	(1L << 9)
#define SECONDS		60

static char *mem;
static volatile bool stop;
static unsigned int writes;

static bool has_warned(void)
{
	char text[24] = "";
	int fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);

	need(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "/proc/sys/kernel/tainted");
	close(fd);
	return strtol(text, NULL, 10) & TAINT_WARN;
}

static void *write_and_drop(void *arg)
{
	for (; !stop; writes++) {
		*(volatile char *)mem = 1;
		if (madvise(mem, THP, MADV_DONTNEED))
			break;
	}
	return arg;
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/mnt/dax";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	unsigned int holes = 0;
	pthread_t thread;
	time_t end;

	need(fd >= 0 && !ftruncate(fd, THP), dir);
	need(!has_warned(), "the kernel has warned before, and may not do so again");
	mem = map_thp(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	need(!pthread_create(&thread, NULL, write_and_drop, NULL), "pthread_create");
	for (end = time(NULL) + SECONDS; time(NULL) < end && !has_warned(); holes++)
		need(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, THP),
		     "fallocate");
	stop = true;
	pthread_join(thread, NULL);
	conclude(has_warned() ? BUG : NO_BUG, "the kernel has %swarned (writes: %u, holes: %u)",
		 has_warned() ? "" : "not ", writes, holes);
}
