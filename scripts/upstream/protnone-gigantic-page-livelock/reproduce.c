// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a debugger's read of a hugetlb page of 1 GiB return, where the process has made the mapping
 * PROT_NONE?
 *
 * Needs a free page of 1 GiB; no privilege but that, and root to show the stack.
 */
#include "../reproduce.h"
#include <sys/ptrace.h>

#define GIB		(1UL << 30)
#define SECONDS		5

#ifndef MAP_HUGE_1GB
#define MAP_HUGE_1GB	(30 << 26)
#endif

/* Reads a word of a process that it has stopped. */
static void debug(char *addr)
{
	pid_t pid = fork();
	long word;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(2);
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, addr, NULL);
	kill(pid, SIGKILL);
	_exit(errno || word != 'h');
}

int main(void)
{
	char *addr = mmap(NULL, GIB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);
	pid_t child;
	int status;

	need(addr != MAP_FAILED, "mmap of a page of 1 GiB");
	*addr = 'h';
	need(!mprotect(addr, GIB, PROT_NONE), "mprotect");
	child = fork();
	need(child >= 0, "fork");
	if (!child)
		debug(addr);
	if (!ended(child, SECONDS, &status)) {
		show_stack(child);
		kill(child, SIGKILL);
		conclude(BUG, "the debugger has not read the word in %d s", SECONDS);
	}
	errno = 0;
	need(!status, "the debugger has not read the word, but something else is wrong");
	conclude(NO_BUG, "the debugger has read the word");
}
