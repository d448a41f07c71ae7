// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does MADV_FREE of a child drop pages of its parent?
 *
 * usage: reproduce
 *
 * A child shares the parent's pages by COW. process_vm_readv() of the parent's own memory pins
 * them for reading, for which they are unshared: the parent gets copies. Another child shares
 * those, gives them up by MADV_FREE, and ends. Then MADV_PAGEOUT of the parent reclaims its
 * pages, as memory pressure would: they have swap to go to, or stay. The same without
 * process_vm_readv() comes first. Needs no privilege.
 */
#include "../reproduce.h"

enum { PAGES = 16, LEN = PAGES * PAGE };

static char data[LEN], copy[LEN];

/* How many pages does the parent lose? */
static int lost(bool unshare)
{
	struct iovec to = { copy, LEN }, from = { NULL, LEN };
	pid_t sharer, child;
	int status, nr;
	char *addr;

	addr = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(addr != MAP_FAILED, "mmap");
	need(!madvise(addr, LEN, MADV_NOHUGEPAGE) || errno == EINVAL, "MADV_NOHUGEPAGE");
	memcpy(addr, data, LEN);
	sharer = fork();
	need(sharer >= 0, "fork");
	if (!sharer) {
		pause();
		_exit(0);
	}
	from.iov_base = addr;
	if (unshare)
		need(process_vm_readv(getpid(), &to, 1, &from, 1, 0) == LEN, "process_vm_readv");
	/* Nor does it find those in a full list that is not emptied yet. */
	madvise(addr, LEN, MADV_COLD);
	child = fork();
	need(child >= 0, "fork");
	if (!child)
		_exit(!!madvise(addr, LEN, MADV_FREE));
	need(waitpid(child, &status, 0) == child && !status, "MADV_FREE");
	nr = lost_pages(addr, data, PAGES);
	kill(sharer, SIGKILL);
	waitpid(sharer, NULL, 0);
	munmap(addr, LEN);
	return nr;
}

int main(void)
{
	int control, nr;
	cpu_set_t one;

	/* New pages are first in a list of the processor, where MADV_FREE finds its own alone. */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	need(!sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
	memset(data, 'p', LEN);
	control = lost(false);
	nr = lost(true);
	printf("%d of %d pages of the parent are lost, %d without process_vm_readv()\n", nr, PAGES,
	       control);
	if (nr || control)
		conclude(BUG, "what a child has given up its parent has lost");
	conclude(NO_BUG, "nothing is lost");
}
