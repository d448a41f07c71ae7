// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a page of a DAX file that somebody has a reference to, by
 * get_user_pages(), when the file's inode is evicted? vmsplice(2) holds the reference,
 * as direct I/O would that is in flight, and needs no privilege.
 *
 * usage: reproduce [DIRECTORY ON A FILE SYSTEM THAT IS MOUNTED WITH DAX]
 */
#include "../reproduce.h"

#define PATIENCE	5	/* seconds */
#define TAINT_WARN	(1UL << 9)

static unsigned long tainted(void)
{
	FILE *file = fopen("/proc/sys/kernel/tainted", "re");
	unsigned long taint = 0;

	need(file && fscanf(file, "%lu", &taint) == 1, "/proc/sys/kernel/tainted");
	fclose(file);
	return taint & TAINT_WARN;
}

/* The last close() evicts the inode. */
static void evict(const char *path, int pipe)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct iovec iov = { .iov_len = PAGE };

	need(fd >= 0 && !ftruncate(fd, PAGE), path);
	need_dax(fd);
	iov.iov_base = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, 0);
	need(iov.iov_base != MAP_FAILED, "mmap");
	unlink(path);
	memset(iov.iov_base, 'A', PAGE);
	need(vmsplice(pipe, &iov, 1, 0) == PAGE, "vmsplice");
	munmap(iov.iov_base, PAGE);
	close(fd);
	_exit(NO_BUG);
}

static void hangs(pid_t child, int pipe)
{
	char page[PAGE];
	bool killed, released;
	int status;

	kill(child, SIGKILL);
	killed = ended(child, PATIENCE, &status);
	if (!killed)
		show_stack(child);
	/* This gives up the reference. */
	need(read(pipe, page, sizeof(page)) == sizeof(page), "read of the pipe");
	released = killed || ended(child, PATIENCE, &status);
	conclude(BUG, "close() hangs for %d s; SIGKILL %s it, the end of the reference %s",
		 PATIENCE, killed ? "ends" : "does not end",
		 released ? "does" : "does not either");
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/mnt/dax";
	char path[200];
	int pipes[2], status;
	pid_t child;

	errno = 0;
	need(!tainted(), "the kernel has warned before, and may not do so again");
	snprintf(path, sizeof(path), "%s/evicted.%d", dir, getpid());
	need(!pipe(pipes), "pipe");
	child = fork();
	need(child >= 0, "fork");
	if (!child)
		evict(path, pipes[1]);
	if (!ended(child, PATIENCE, &status))
		hangs(child, pipes[0]);
	need(WIFEXITED(status), "the child was killed");
	if (WEXITSTATUS(status) != NO_BUG)
		return WEXITSTATUS(status);
	/* In dax_disassociate_entry(). */
	conclude(tainted() ? BUG : NO_BUG, "close() has returned, and the kernel has %swarned",
		 tainted() ? "" : "not ");
}
