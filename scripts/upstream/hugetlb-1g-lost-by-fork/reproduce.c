// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does fork() give the child the 1 GiB pages of a private hugetlb mapping?
 *
 * Needs two free 1 GiB pages (hugepagesz=1G hugepages=2), and memfd_secret(2) or the right
 * to mount a ramfs.
 */
#include "../reproduce.h"
#include <sys/mount.h>
#include <sys/syscall.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000
#endif
#define MAP_1G		(30 << 26)
#define GIB		(1UL << 30)
#define ROUNDS		20

/* Nothing else is near it, so that the PUD table is for this mapping alone. */
#define PLACE		((char *)(16UL << 40))

/* What the child says. */
enum { HAS_PAGE, READS_ZEROES, READS_ELSE, GETS_SIGBUS };

static void on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	need(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static int ramfs_file(void)
{
	char dir[] = "/tmp/ramfs.XXXXXX", path[40];
	int fd = -1;

	if (!mkdtemp(dir))
		return -1;
	if (!mount("ramfs", dir, "ramfs", 0, NULL)) {
		snprintf(path, sizeof(path), "%s/file", dir);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		unlink(path);
		umount2(dir, MNT_DETACH);
	}
	rmdir(dir);
	return fd;
}

/*
 * Frees pages that have been in the page cache, not at index 0: the field in which page
 * tables have pt_share_count then is not 0. Both file systems take pages that cannot be
 * moved, as page tables are, so that the next page tables are made of these.
 */
static void free_pages_that_had_an_index(void)
{
	const size_t len = 1024 * PAGE;
	int fd = syscall(SYS_memfd_secret, 0);
	char *addr;
	size_t at;

	if (fd < 0)
		fd = ramfs_file();
	need(fd >= 0, "neither memfd_secret (secretmem.enable=1) nor a ramfs");
	need(!ftruncate(fd, len), "ftruncate");
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(addr != MAP_FAILED, "mmap of 4 MiB");
	for (at = PAGE; at < len; at += PAGE)
		addr[at] = 1;
	munmap(addr, len);
	close(fd);
}

static void on_sigbus(int sig)
{
	(void)sig;
	_exit(GETS_SIGBUS);
}

static int child_finds(const char *addr)
{
	char byte;

	if (pagemap(addr) & PM_PRESENT)
		return HAS_PAGE;
	signal(SIGBUS, on_sigbus);
	byte = *(const volatile char *)addr;
	return byte == 'P' ? HAS_PAGE : byte ? READS_ELSE : READS_ZEROES;
}

int main(void)
{
	static const char *const found[] = {
		[READS_ZEROES] = "zeroes", [READS_ELSE] = "something else",
		[GETS_SIGBUS] = "SIGBUS",
	};
	int round, status;
	pid_t child;
	char *addr;

	on_one_cpu();
	addr = mmap(PLACE, GIB, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_1G | MAP_FIXED_NOREPLACE,
		    -1, 0);
	need(addr == PLACE, "mmap of a 1 GiB page");
	*addr = 'P';
	for (round = 1; round <= ROUNDS; round++) {
		free_pages_that_had_an_index();
		child = fork();
		need(child >= 0, "fork");
		if (!child)
			_exit(child_finds(addr));
		need(waitpid(child, &status, 0) == child && WIFEXITED(status), "waitpid");
		status = WEXITSTATUS(status);
		if (status == CANNOT_TRY)
			return CANNOT_TRY;
		if (status != HAS_PAGE)
			conclude(BUG, "fork %d left out the page: the child gets %s",
				 round, found[status]);
	}
	conclude(NO_BUG, "the child had the page after each of %d forks", ROUNDS);
}
