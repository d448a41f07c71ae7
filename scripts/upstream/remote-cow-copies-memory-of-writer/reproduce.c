// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process writes one byte to another one's private mapping of a DAX file, as a debugger does.
 * Has the rest of the page what the file has, or what the writer has at that address?
 *
 * usage: reproduce [DIRECTORY ON A FILE SYSTEM THAT IS MOUNTED WITH DAX]
 */
#include "../reproduce.h"

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/mnt/dax";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), ready[2];
	char page[PAGE], byte = 'w', *addr;
	struct iovec from = { &byte, 1 }, to;
	pid_t child;

	memset(page, 'f', PAGE);
	need(fd >= 0 && write(fd, page, PAGE) == PAGE && !pipe(ready), dir);
	need_dax(fd);
	addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	need(addr != MAP_FAILED, "mmap");
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		/* The entry is read-only from now on. */
		byte = *(volatile char *)addr;
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	need(read(ready[0], page, 1) == 1, "read");

	/* What the writer has at the same address is its own. */
	addr = mmap(addr, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	need(addr != MAP_FAILED, "mmap");
	memset(addr, 'S', PAGE);

	to = (struct iovec) { addr, 1 };
	need(process_vm_writev(child, &from, 1, &to, 1, 0) == 1, "process_vm_writev");
	from = (struct iovec) { page, PAGE };
	to.iov_len = PAGE;
	need(process_vm_readv(child, &from, 1, &to, 1, 0) == PAGE, "process_vm_readv");
	kill(child, SIGKILL);
	conclude(page[PAGE - 1] == 'f' ? NO_BUG : BUG,
		 "the page that was copied has '%c%c', the file 'ff', the writer 'SS'", page[0],
		 page[PAGE - 1]);
}
