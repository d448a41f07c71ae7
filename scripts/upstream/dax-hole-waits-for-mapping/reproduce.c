// SPDX-License-Identifier: GPL-2.0-only
/*
 * Punching a hole into a DAX file waits for those who have references to its pages. Does it
 * wait as well for a mapping that came while it waited? vmsplice(2) holds the reference, as
 * direct I/O would that is in flight.
 *
 * usage: reproduce [DIRECTORY ON A FILE SYSTEM THAT IS MOUNTED WITH DAX]
 */
#include "../reproduce.h"

#define PATIENCE	10	/* seconds */

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/mnt/dax";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct iovec iov = { .iov_len = PAGE };
	int pipes[2], status;
	char page[PAGE];
	pid_t child;

	need(fd >= 0 && !ftruncate(fd, PAGE) && !pipe(pipes), dir);
	need_dax(fd);
	iov.iov_base = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(iov.iov_base != MAP_FAILED, "mmap");
	memset(iov.iov_base, 'A', PAGE);
	need(vmsplice(pipes[1], &iov, 1, 0) == PAGE, "vmsplice");
	/* The child, which punches, does not map it. */
	need(!madvise(iov.iov_base, PAGE, MADV_DONTFORK), "MADV_DONTFORK");
	child = fork();
	need(child >= 0, "fork");
	if (!child)
		_exit(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) ? 1 : 0);
	errno = 0;
	need(!ended(child, 1, &status), "punching a hole does not wait for the reference");

	/* It has unmapped the page, which comes back; then the reference goes. */
	need(*(volatile char *)iov.iov_base == 'A', "the page is not the file's any more");
	need(read(pipes[0], page, sizeof(page)) == sizeof(page), "read of the pipe");
	if (ended(child, PATIENCE, &status))
		conclude(NO_BUG, "the hole is there, with status %d, once the reference has gone",
			 WEXITSTATUS(status));
	show_stack(child);
	munmap(iov.iov_base, PAGE);
	conclude(BUG, "no hole %d s after the reference has gone; munmap() %s", PATIENCE,
		 ended(child, PATIENCE, &status) ? "ends that" : "does not end it either");
}
