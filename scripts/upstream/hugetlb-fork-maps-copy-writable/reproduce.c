// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a child write to its copy of a pinned hugetlb page, when the mapping is read-only?
 *
 * io_uring pins. Needs two free 2 MiB pages.
 */
#include "../reproduce.h"

static void on_sigsegv(int sig)
{
	(void)sig;
	_exit(NO_BUG);
}

int main(void)
{
	char *addr = mmap(NULL, THP, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	int status;
	pid_t child;

	need(addr != MAP_FAILED, "mmap of a 2 MiB page");
	*addr = 'P';
	pin_buffer(addr);
	need(!mprotect(addr, THP, PROT_READ), "mprotect");
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		signal(SIGSEGV, on_sigsegv);
		*(volatile char *)addr = 'C';
		_exit(BUG);
	}
	need(waitpid(child, &status, 0) == child && WIFEXITED(status), "waitpid");
	if (WEXITSTATUS(status) == BUG)
		conclude(BUG, "the child has written to a mapping with PROT_READ");
	conclude(NO_BUG, "the child got SIGSEGV");
}
