// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory that the programs of fuzz-test work on: an area of each kind, at an address of
 * its own. A program may do with an area what it likes; the next one that uses it finds it
 * as it was at first.
 *
 * No area is accessed by an instruction of this process, only by system calls, since it may
 * not be mapped: a system call then returns EFAULT.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define RW		(PROT_READ | PROT_WRITE)
#define HUGE_SIZE	0x200000UL
#define SMALL		0x40000UL	/* 64 base pages */

struct world world;

/* How an area is mapped at first. Without a file, or where the machine lacks it: anonymous. */
struct row {
	struct area area;
	int prot, flags;
	int file;		/* enum world_file, or -1 */
	uint64_t offset;
	int advice;		/* of madvise(), or -1 */
};

/* What only a driver can map. */
#define DRIVER(name, len, map, shared)					\
	{ { name, len, 2, 0 }, RW, shared, FILE_MAP, PINSCOPE_MAP_OFFSET(PINSCOPE_MAP_##map), -1 }

static const struct row rows[] = {
	{ { "anon", SMALL, 12, AREA_ANON }, RW, MAP_PRIVATE, -1, 0, -1 },
	{ { "thp", 2 * HUGE_SIZE, 4, AREA_ANON }, RW, MAP_PRIVATE, -1, 0, MADV_HUGEPAGE },
	{ { "anon-rdonly", SMALL, 4, AREA_ANON }, PROT_READ, MAP_PRIVATE, -1, 0, -1 },
	{ { "anon-shared", SMALL, 3, 0 }, RW, MAP_SHARED, -1, 0, -1 },
	{ { "memfd-shared", SMALL, 6, 0 }, RW, MAP_SHARED, FILE_MEMFD, 0, -1 },
	{ { "memfd-private", SMALL, 6, 0 }, RW, MAP_PRIVATE, FILE_MEMFD, 0, -1 },
	{ { "hugetlb-anon", 2 * HUGE_SIZE, 3, 0 }, RW, MAP_PRIVATE | MAP_HUGETLB, -1, 0, -1 },
	{ { "hugetlb-shared", 2 * HUGE_SIZE, 2, 0 }, RW, MAP_SHARED, FILE_HUGETLB, 0, -1 },
	{ { "hugetlb-private", 2 * HUGE_SIZE, 2, 0 }, RW, MAP_PRIVATE, FILE_HUGETLB, 0, -1 },
	{ { "file-shared", SMALL, 3, 0 }, RW, MAP_SHARED, FILE_DISK, 0, -1 },
	{ { "file-private", SMALL, 3, 0 }, RW, MAP_PRIVATE, FILE_DISK, 0, -1 },
	{ { "dax-shared", 2 * HUGE_SIZE, 3, AREA_DAX }, RW, MAP_SHARED, FILE_DAX, 0, -1 },
	{ { "dax-private", 2 * HUGE_SIZE, 2, AREA_DAX }, RW, MAP_PRIVATE, FILE_DAX, 0, -1 },
	{ { "secretmem", SMALL, 1, 0 }, RW, MAP_SHARED, FILE_SECRET, 0, -1 },
	DRIVER("pfnmap-shared", SMALL, PFNMAP, MAP_SHARED),
	DRIVER("pfnmap-private", SMALL, PFNMAP, MAP_PRIVATE),
	DRIVER("mixedmap-pfn-shared", SMALL, MIXED_PFN, MAP_SHARED),
	DRIVER("mixedmap-pfn-private", SMALL, MIXED_PFN, MAP_PRIVATE),
	DRIVER("mixedmap-page-shared", SMALL, MIXED_PAGE, MAP_SHARED),
	DRIVER("mixedmap-page-private", SMALL, MIXED_PAGE, MAP_PRIVATE),
	DRIVER("pmd-shared", HUGE_SIZE, PMD, MAP_SHARED),
	DRIVER("pmd-private", HUGE_SIZE, PMD, MAP_PRIVATE),
	/* Nothing is mapped there, but programs may do so. */
	{ { "empty", 0, 2, 0 }, PROT_NONE, MAP_PRIVATE, -1, 0, -1 },
};

/* Bit n: area n is not as it was at first. */
static atomic_uint dirty;

unsigned int world_areas(void)
{
	return ARRAY_SIZE(rows);
}

const struct area *world_area(unsigned int nr)
{
	return &rows[nr % ARRAY_SIZE(rows)].area;
}

unsigned int world_pick_area(struct maker *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		n += rows[i].area.weight;
	n = fuzz_below(m, n);
	for (i = 0; n >= rows[i].area.weight; i++)
		n -= rows[i].area.weight;
	return i;
}

static void *base_of(unsigned int nr)
{
	return (void *)(uintptr_t)(AREA_BASE + nr * AREA_ROOM);
}

uint64_t world_addr(uint64_t value)
{
	static const uint64_t nowhere[] = {
		0, 1, 0x1000, 0x7ffffffff000, 0x800000000000, 0xffff888000000000,
		0xfffffffffffff000, UINT64_MAX,
	};
	unsigned int nr = value >> 32;

	if (nr >= ARRAY_SIZE(rows))
		return nowhere[nr % ARRAY_SIZE(nowhere)];
	atomic_fetch_or(&dirty, 1U << nr);
	return AREA_BASE + nr * AREA_ROOM + (int64_t)(int32_t)value % (int64_t)(AREA_ROOM / 2);
}

const struct area *world_room(uint64_t addr, uint64_t *room)
{
	uint64_t nr = (addr - AREA_BASE) / AREA_ROOM;

	*room = 0;
	if (addr < AREA_BASE || nr >= ARRAY_SIZE(rows))
		return NULL;
	*room = AREA_BASE + (nr + 1) * AREA_ROOM - addr;
	return &rows[nr].area;
}

int world_write(uint64_t addr, const void *from, size_t len)
{
	struct {
		const void *base;
		size_t len;
	} local = { from, len }, remote = { (void *)(uintptr_t)addr, len };

	return syscall(SYS_process_vm_writev, getpid(), &local, 1, &remote, 1, 0) ==
	       (ssize_t)len ? 0 : -EFAULT;
}

static void map_area(unsigned int nr)
{
	const struct row *row = &rows[nr];
	int fd = row->file < 0 ? -1 : world.files[row->file];
	int flags = row->flags | MAP_FIXED | (fd < 0 ? MAP_ANONYMOUS : 0);
	void *addr = base_of(nr);

	munmap(addr, AREA_ROOM);
	if (!row->area.len)
		return;
	if (mmap(addr, row->area.len, row->prot, flags, fd, fd < 0 ? 0 : row->offset) ==
	    MAP_FAILED)
		mmap(addr, row->area.len, row->prot,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (row->advice >= 0)
		madvise(addr, row->area.len, row->advice);
}

static void add_file(enum world_file nr, int fd, size_t len)
{
	if (fd >= 0 && len && ftruncate(fd, len)) {
		close(fd);
		fd = -1;
	}
	world.files[nr] = fd;
	world.file_len[nr] = len;
}

/* A file without a name: it is gone when nobody has it open any more. */
static int unnamed_file(const char *dir)
{
	return open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
}

static int pidfd_of_dead(void)
{
	pid_t pid = fork();
	int fd;

	if (!pid)
		_exit(0);
	fd = syscall(SYS_pidfd_open, pid, 0);
	waitpid(pid, NULL, 0);
	return fd;
}

void world_create(void)
{
	unsigned int i;

	memset(&world, 0, sizeof(world));
	world.page = sys_page_size();
	add_file(FILE_MEMFD, memfd_create("fuzz", MFD_CLOEXEC), SMALL);
	add_file(FILE_HUGETLB, memfd_create("fuzz", MFD_CLOEXEC | MFD_HUGETLB), 2 * HUGE_SIZE);
	add_file(FILE_DISK, unnamed_file("/var/tmp"), SMALL);
	add_file(FILE_DAX, unnamed_file("/mnt/dax"), 2 * HUGE_SIZE);
	add_file(FILE_SECRET, syscall(SYS_memfd_secret, O_CLOEXEC), SMALL);
	add_file(FILE_MAP, open(PINSCOPE_MAP_PATH, O_RDWR | O_CLOEXEC), 0);
	add_file(FILE_ZERO, open("/dev/zero", O_RDWR | O_CLOEXEC), 0);
	world.self_fd = syscall(SYS_pidfd_open, getpid(), 0);
	world.gone_fd = pidfd_of_dead();
	world.peer_fd = -1;
	for (i = 0; i < FUZZ_FDS; i++)
		world.fds[i] = -1;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		map_area(i);
}

void world_init_runner(struct runner *t, unsigned int nr)
{
	size_t page = world.page;
	int fd = memfd_create("fuzz-arg", MFD_CLOEXEC);

	t->nr = nr;
	t->tid = syscall(SYS_gettid);
	t->fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	t->fail = 0;
	t->buf = mmap(NULL, 3 * page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(t->buf + 2 * page, page, PROT_NONE);
	if (fd < 0 || ftruncate(fd, page))
		abort();
	t->writable = mmap(NULL, page, RW, MAP_SHARED, fd, 0);
	t->readonly = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
}

static void restore_files(void)
{
	unsigned int i;

	if (!atomic_exchange(&world.truncated, false))
		return;
	for (i = FILE_MEMFD; i <= FILE_DISK; i++)
		if (world.files[i] >= 0 && ftruncate(world.files[i], world.file_len[i]))
			perror("# ftruncate");
}

void world_restore(void)
{
	unsigned int i, changed = atomic_exchange(&dirty, 0);

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (changed & 1U << i)
			map_area(i);
	restore_files();
}

void world_begin(unsigned int files)
{
	static const char *const paths[] = {
		PINSCOPE_CTL_PATH, PINSCOPE_MAP_PATH, PINSCOPE_DEBUGFS "/gup_test",
	};
	unsigned int i;

	world_restore();
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		if (files & 1U << i)
			world.fds[i] = open(paths[i], O_RDWR | O_CLOEXEC);
	memset(world.ids, 0, sizeof(world.ids));
}

void world_end(void)
{
	unsigned int i;

	for (i = 0; i < FUZZ_FDS; i++) {
		if (world.fds[i] >= 0)
			close(world.fds[i]);
		world.fds[i] = -1;
	}
	for (i = 0; i < FUZZ_KIDS; i++) {
		if (world.kids[i]) {
			kill(world.kids[i], SIGKILL);
			waitpid(world.kids[i], NULL, 0);
		}
		world.kids[i] = 0;
	}
}
