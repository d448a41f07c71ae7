// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does advice about another page take a file's page out of writeback?
 *
 * usage: reproduce [DIRECTORY]	of ext4 with large folios [/var/tmp]
 *
 * A child reads from a file of FUSE with O_DIRECT, into a shared mapping of a file of
 * DIRECTORY: that pins a page of a folio until the read is answered. Meanwhile the file is
 * written back, and MADV_COLD of another page of the folio asks for a split. Only the child maps
 * the folio then, since one that is mapped by several processes is not split. What the read has
 * got must be on the disk after fsync(). Needs root.
 */
#include "../reproduce.h"

#define SIZE		(64 << 10)	/* of the file: 16 pages */
#define TARGET		PAGE		/* where the child reads to */
#define COLD		(8 * PAGE)	/* what the advice is for */

static char data[SIZE] __attribute__((aligned(PAGE)));

/* MADV_COLD for a page of another process */
static void cool(pid_t pid, void *addr)
{
	struct iovec page = { addr, PAGE };
	int fd = syscall(SYS_pidfd_open, pid, 0);

	need(fd >= 0, "pidfd_open");
	need(syscall(SYS_process_madvise, fd, &page, 1, MADV_COLD, 0) == PAGE, "process_madvise");
	close(fd);
}

static char first_byte(int file)
{
	char now;

	need(pread(file, &now, 1, TARGET) == 1, "read");
	return now;
}

/* Is what the child has read on the disk in the end? */
static bool on_disk(const char *dir, bool advise)
{
	struct late_read late;
	char *map, now;
	int file;

	file = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	need(file >= 0, dir);
	memset(data, 'o', SIZE);
	need(pwrite(file, data, SIZE, 0) == SIZE, "write");
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	need(map != MAP_FAILED, "mmap");
	(void)*(volatile char *)(map + TARGET);
	errno = 0;
	need(kpageflags(map + TARGET) & KPF_COMPOUND_TAIL,
	     "the file system has made no large folio");

	late = read_late(map + TARGET, map + COLD);
	need(!fsync(file), "fsync");
	munmap(map, SIZE);
	if (advise)
		cool(late.child, map + COLD);
	memset(data, 'n', PAGE);
	answer_read(&late, data);

	errno = 0;
	need(first_byte(file) == 'n', "what the child has read is not in the file");
	forget(file);
	now = first_byte(file);
	errno = 0;
	need(now == 'o' || now == 'n', "something else is in the file");
	close(file);
	return now == 'n';
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/var/tmp";
	bool warned = is_tainted(TAINT_WARN);

	need(on_disk(dir, false), "without advice, what was read is not on the disk");
	if (!on_disk(dir, true))
		conclude(BUG,
			 "what a read has put into a mapping is not on the disk after fsync()%s",
			 !warned && is_tainted(TAINT_WARN) ? ", and the kernel has warned" : "");
	conclude(NO_BUG, "what a read has put into a mapping is on the disk after fsync()");
}
