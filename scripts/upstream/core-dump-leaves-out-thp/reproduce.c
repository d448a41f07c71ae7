// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a core dump have the content of THPs that are moved to another NUMA node while it is
 * written?
 *
 * Needs two NUMA nodes with memory, and root, for /proc/sys/kernel/core_pattern, which it puts
 * back. The dump takes some 40 MiB in /tmp for a moment.
 */
#include "../reproduce.h"
#include <sys/resource.h>

#define PATTERN		"/proc/sys/kernel/core_pattern"
#define DUMP		"/tmp/reproduce-core"
#define MPOL_MF_MOVE_ALL	4
#define THPS		16
#define TRIES		5

static char pattern[256];

static void set_pattern(const char *to)
{
	int fd = open(PATTERN, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, to, strlen(to)) < 0)
		perror(PATTERN);
	close(fd);
}

static void restore(void)
{
	set_pattern(pattern);
	unlink(DUMP);
}

/* need(), once the pattern is changed */
static void need_and_restore(bool works, const char *what)
{
	int error = errno;

	if (!works)
		restore();
	errno = error;
	need(works, what);
}

__attribute__((noreturn))
static void crash(void)
{
	const struct rlimit no_limit = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &no_limit);
	abort();
}

/* Moves the child's THPs from one node to the other until it has ended. Returns how often. */
static unsigned int move_until_end(pid_t child, char *addr)
{
	int nodes[THPS], status[THPS], node, i, end;
	unsigned int moved = 0;
	void *pages[THPS];

	for (node = 0; waitpid(child, &end, WNOHANG) != child; node ^= 1) {
		for (i = 0; i < THPS; i++) {
			pages[i] = addr + i * THP;
			nodes[i] = node;
			status[i] = -1;
		}
		if (syscall(SYS_move_pages, child, (unsigned long)THPS, pages, nodes, status,
			    MPOL_MF_MOVE_ALL))
			continue;
		for (i = 0; i < THPS; i++)
			moved += status[i] == node;
	}
	return moved;
}

/* How many of the pages that the process has filled are not in the dump. */
static int missing(void)
{
	int fd = open(DUMP, O_RDONLY | O_CLOEXEC), nr = THPS * THP / PAGE;
	char page[PAGE], as_it_was[PAGE];

	memset(as_it_was, 'x', PAGE);
	need_and_restore(fd >= 0, DUMP);
	while (read(fd, page, PAGE) == PAGE)
		nr -= !memcmp(page, as_it_was, PAGE);
	close(fd);
	return nr;
}

int main(void)
{
	int fd = open(PATTERN, O_RDONLY | O_CLOEXEC), tries, nr;
	unsigned int moved = 0;
	ssize_t len;
	char *addr;
	pid_t child;

	len = read(fd, pattern, sizeof(pattern) - 1);
	need(len > 0, PATTERN);
	addr = mmap(NULL, (THPS + 1) * THP, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	need(addr != MAP_FAILED, "mmap");
	addr = (char *)(((uintptr_t)addr + THP - 1) & ~(THP - 1));
	need(!madvise(addr, THPS * THP, MADV_HUGEPAGE), "MADV_HUGEPAGE");
	set_pattern(DUMP);
	for (tries = 0; tries < TRIES; tries++) {
		unlink(DUMP);
		child = fork();
		need_and_restore(child >= 0, "fork");
		if (!child) {
			memset(addr, 'x', THPS * THP);
			crash();
		}
		moved += move_until_end(child, addr);
		nr = missing();
		if (nr <= 0)
			continue;
		restore();
		conclude(BUG, "%d of %lu pages are not in the dump; %u THPs were moved meanwhile",
			 nr, THPS * THP / PAGE, moved);
	}
	restore();
	errno = 0;
	need(moved, "no THP was moved");
	conclude(NO_BUG, "%d dumps have all pages, while THPs were moved %u times", TRIES, moved);
}
