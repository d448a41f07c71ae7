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

#define SIZE		(64 << 10)	/* of the file: 16 pages */
#define TARGET		PAGE		/* where the child reads to */

static char data[SIZE] __attribute__((aligned(PAGE)));

/* Fills the page cache: a system call gets large folios, if the file system has them. */
static void by_write(int file)
{
	need(pwrite(file, data, SIZE, 0) == SIZE, "write");
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
	struct late_read late;
	enum outcome outcome;
	char path[40], now;
	int file, direct;
	char *map;

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

	late = read_late(map + TARGET, map);
	way->touch(file, direct);
	memset(data, 'n', PAGE);
	answer_read(&late, data);

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
