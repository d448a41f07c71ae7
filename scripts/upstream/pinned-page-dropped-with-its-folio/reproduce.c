// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does what happens to one page of a file take away what a device writes to the next?
 *
 * usage: reproduce [DIRECTORY]	of a file system with large folios: XFS [/mnt/xfs]
 *
 * A child reads from a file of FUSE with O_DIRECT, into a mapping of a file of DIRECTORY:
 * that pins a page of the mapping until the read is answered. Its parent, which is FUSE,
 * punches a hole beside that page, or truncates the file there, or writes there with
 * O_DIRECT, and answers then. Needs root.
 */
#include "../reproduce.h"
#include <linux/fuse.h>
#include <sys/mount.h>

#define SIZE		(64 << 10)	/* of the file: 16 pages */
#define TARGET		PAGE		/* where the child reads to */
#define FUSE_AT		"/tmp/reproduce-fuse"

struct request {
	struct fuse_in_header in;
	char rest[FUSE_MIN_READ_BUFFER];
};

static char data[SIZE] __attribute__((aligned(PAGE)));

/* What is mounted on a file has a root that is one. */
static int mount_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), file;
	char options[80];

	need(fd >= 0, "/dev/fuse");
	file = open(FUSE_AT, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	need(file >= 0, FUSE_AT);
	close(file);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100600,user_id=0,group_id=0", fd);
	need(!mount("reproduce", FUSE_AT, "fuse", MS_NOSUID | MS_NODEV, options),
	     "mount of FUSE");
	return fd;
}

static void answer(int fd, uint64_t unique, const void *with, size_t len)
{
	struct fuse_out_header out = { .len = sizeof(out) + len, .unique = unique };
	struct iovec iov[] = { { &out, sizeof(out) }, { (void *)with, len } };

	need(writev(fd, iov, 2) == (ssize_t)out.len, "answer of FUSE");
}

/* The READ that is to be answered later. What a file needs to be opened is answered at once. */
static uint64_t next_read(int fd)
{
	const struct fuse_open_out opened = { .fh = 1, .open_flags = FOPEN_DIRECT_IO };
	const struct fuse_attr_out attr = {
		.attr = { .ino = 1, .size = PAGE, .mode = S_IFREG | 0600, .nlink = 1 },
	};
	const struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = PAGE,
	};
	static struct request r;

	while (read(fd, &r, sizeof(r)) >= (ssize_t)sizeof(r.in)) {
		switch (r.in.opcode) {
		case FUSE_INIT:
			answer(fd, r.in.unique, &init, sizeof(init));
			break;
		case FUSE_OPEN:
			answer(fd, r.in.unique, &opened, sizeof(opened));
			break;
		case FUSE_GETATTR:
			answer(fd, r.in.unique, &attr, sizeof(attr));
			break;
		case FUSE_READ:
			return r.in.unique;
		default:
			errno = 0;
			need(false, "FUSE asks for something unknown");
		}
	}
	need(false, "/dev/fuse");
	return 0;
}

/* Fills the page cache: a system call gets large folios, if the file system has them. */
static void by_write(int file)
{
	need(pwrite(file, data, SIZE, 0) == SIZE, "write");
}

/* What is read next is what the disk has. */
static void forget(int file)
{
	need(!fsync(file), "fsync");
	need(!posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), "POSIX_FADV_DONTNEED");
}

static void by_readahead(int file)
{
	by_write(file);
	forget(file);
	need(pread(file, data, SIZE, 0) == SIZE, "read");
}

/* What leaves the page at TARGET alone. */
static void punch(int file, int direct)
{
	(void)direct;
	/* Some file systems do that by themselves. What is dirty would be kept. */
	need(!fsync(file), "fsync");
	need(!fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, TARGET),
	     "fallocate");
}

static void cut(int file, int direct)
{
	(void)direct;
	need(!fsync(file), "fsync");
	need(!ftruncate(file, TARGET + PAGE), "ftruncate");
}

static void write_direct(int file, int direct)
{
	(void)file;
	need(pwrite(direct, data, PAGE, 0) == PAGE, "write with O_DIRECT");
}

static const struct way {
	const char *name;
	void (*fill)(int file);
	void (*touch)(int file, int direct);
} ways[] = {
	{ "a hole, after a write", by_write, punch },
	{ "a hole, after readahead", by_readahead, punch },
	{ "truncation, after a write", by_write, cut },
	{ "truncation, after readahead", by_readahead, cut },
	{ "direct I/O, after a write", by_write, write_direct },
	{ "direct I/O, after readahead", by_readahead, write_direct },
};

/* Are both pages, that which is read to and that before, of one folio? */
static bool in_one_folio(const char *map)
{
	(void)*(volatile const char *)map;
	(void)*(volatile const char *)(map + TARGET);
	return kpageflags(map + TARGET) & KPF_COMPOUND_TAIL;
}

enum outcome { THERE, LOST, SMALL, OUTCOMES };

/* What became of what the child has read? */
static enum outcome try_way(const struct way *way, const char *dir)
{
	int fuse, file, direct, status;
	enum outcome outcome;
	char path[40], now;
	uint64_t unique;
	char *map;
	pid_t child;

	file = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	need(file >= 0, dir);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	direct = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	need(direct >= 0, "O_DIRECT");
	memset(data, 'o', SIZE);
	way->fill(file);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	need(map != MAP_FAILED, "mmap");
	if (!in_one_folio(map)) {
		munmap(map, SIZE);
		outcome = SMALL;
		goto end;
	}

	fuse = mount_fuse();
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		int from;

		/* With the last one closed, what FUSE has not answered fails. */
		close(fuse);
		from = open(FUSE_AT, O_RDONLY | O_DIRECT | O_CLOEXEC);
		_exit(from < 0 || read(from, map + TARGET, PAGE) != PAGE);
	}
	unique = next_read(fuse);
	need(!umount2(FUSE_AT, MNT_DETACH), "umount");
	unlink(FUSE_AT);
	way->touch(file, direct);
	memset(data, 'n', PAGE);
	answer(fuse, unique, data, PAGE);
	close(fuse);
	need(waitpid(child, &status, 0) == child && !status, "the read from FUSE");

	need(pread(file, &now, 1, TARGET) == 1, "read");
	errno = 0;
	need(now == map[TARGET], "the file and the mapping differ");
	munmap(map, SIZE);
	forget(file);
	need(pread(file, &now, 1, TARGET) == 1, "read");
	errno = 0;
	need(now == 'o' || now == 'n', "something else is in the file");
	outcome = now == 'o' ? LOST : THERE;
end:
	close(direct);
	close(file);
	return outcome;
}

int main(int argc, char **argv)
{
	static const char *const says[] = {
		[THERE] = "there", [LOST] = "lost", [SMALL] = "no large folio",
	};
	const char *dir = argc > 1 ? argv[1] : "/mnt/xfs";
	unsigned int nr[OUTCOMES] = { 0 };
	const struct way *way;
	enum outcome outcome;

	for (way = ways; way < ways + sizeof(ways) / sizeof(*ways); way++) {
		outcome = try_way(way, dir);
		printf("%s: %s\n", way->name, says[outcome]);
		nr[outcome]++;
	}
	errno = 0;
	need(nr[THERE] + nr[LOST], "the file system has made no large folio");
	if (nr[LOST])
		conclude(BUG, "what a read has put into a mapping was lost in %u of %u ways",
			 nr[LOST], nr[THERE] + nr[LOST]);
	conclude(NO_BUG, "what a read has put into a mapping is there");
}
