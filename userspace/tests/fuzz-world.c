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

/* The files, in the order of enum world_file; without a path a memfd with these flags. */
static const struct file {
	const char *path;
	int flags;
	size_t len;
} file_rows[WORLD_FILES] = {
	{ NULL, MFD_CLOEXEC, SMALL },
	{ NULL, MFD_CLOEXEC | MFD_HUGETLB, 2 * HUGE_SIZE },
	/* Without a name: it is gone when nobody has it open any more. */
	{ "/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, SMALL },
	{ "/mnt/dax", O_RDWR | O_TMPFILE | O_CLOEXEC, 2 * HUGE_SIZE },
	{ "secret", O_CLOEXEC, SMALL },
	{ PINSCOPE_MAP_PATH, O_RDWR | O_CLOEXEC, 0 },
	{ "/dev/zero", O_RDWR | O_CLOEXEC, 0 },
};

/* Opens a file, or prints how that is done. */
static int open_or_print(unsigned int nr, FILE *to)
{
	const struct file *f = &file_rows[nr];

	if (nr == FILE_SECRET)
		return to ? fprintf(to, "syscall(SYS_memfd_secret, 0x%x)", f->flags) :
			    (int)syscall(SYS_memfd_secret, f->flags);
	if (!f->path)
		return to ? fprintf(to, "memfd_create(\"fuzz\", 0x%x)", f->flags) :
			    memfd_create("fuzz", f->flags);
	return to ? fprintf(to, "open(\"%s\", 0x%x, 0600)", f->path, f->flags) :
		    open(f->path, f->flags, 0600);
}

static void add_file(enum world_file nr)
{
	int fd = open_or_print(nr, NULL);
	size_t len = file_rows[nr].len;

	if (fd >= 0 && len && ftruncate(fd, len)) {
		close(fd);
		fd = -1;
	}
	world.files[nr] = fd;
	world.file_len[nr] = len;
}

static void init_world(void)
{
	memset(&world, 0, sizeof(world));
	world.page = sys_page_size();
}

void world_create(void)
{
	unsigned int i;

	init_world();
	for (i = 0; i < WORLD_FILES; i++)
		add_file(i);
	world.self = getpid();
	world.parent = getppid();
	world.self_fd = syscall(SYS_pidfd_open, world.self, 0);
	world.gone_fd = fuzz_gone_fd();
	world.peer_fd = -1;
	for (i = 0; i < FUZZ_FDS; i++)
		world.fds[i] = -1;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		map_area(i);
}

/* ---------------------------------------------------------------- the same as C */

/* The variables of the C program that have the file descriptors, ids and so on. */
void world_imagine(void)
{
	unsigned int i;

	init_world();
	for (i = 0; i < WORLD_FILES; i++) {
		world.files[i] = C_FILE + i;
		world.file_len[i] = file_rows[i].len;
	}
	world.self = C_SELF;
	world.parent = C_PARENT;
	world.peer = C_PEER;
	world.self_fd = C_SELF_FD;
	world.gone_fd = C_GONE_FD;
	world.peer_fd = C_PEER_FD;
	world.may_track = true;
	for (i = 0; i < FUZZ_FDS; i++)
		world.fds[i] = C_FD + i;
	for (i = 0; i < FUZZ_IDS; i++)
		world.ids[i] = C_ID + i;
	for (i = 0; i < FUZZ_KIDS; i++)
		world.kids[i] = C_KID + i;
	for (i = 0; i < FUZZ_THREADS; i++)
		world.runners[i] = (struct runner) { .nr = i, .tid = C_TID + i };
}

static void print_area(FILE *to, unsigned int nr)
{
	const struct row *row = &rows[nr];
	int flags = row->flags | MAP_FIXED | (row->file < 0 ? MAP_ANONYMOUS : 0);
	unsigned long addr = (uintptr_t)base_of(nr);

	fprintf(to, "\t/* %s */\n\tmunmap((void *)0x%lx, 0x%llx);\n", row->area.name, addr,
		AREA_ROOM);
	if (!row->area.len)
		return;
	fprintf(to, "\tmmap((void *)0x%lx, 0x%zx, 0x%x, %s, ", addr, row->area.len, row->prot,
		c_map_flags(flags));
	if (row->file < 0)
		fprintf(to, "-1, 0);\n");
	else
		fprintf(to, "w.files[%d], 0x%lx);\n", row->file, row->offset);
	if (row->advice >= 0)
		fprintf(to, "\tmadvise((void *)0x%lx, 0x%zx, %d);\n", addr, row->area.len,
			row->advice);
}

void world_print(FILE *to, const char *calls)
{
	unsigned int i, changed = atomic_exchange(&dirty, 0), opened = 0;
	char name[30];

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (changed & 1U << i && rows[i].file >= 0)
			opened |= 1U << rows[i].file;
	fprintf(to, "/* Memory and files as they are at first. */\nstatic void create(void)\n{\n");
	for (i = 0; i < WORLD_FILES; i++) {
		snprintf(name, sizeof(name), "w.files[%u]", i);
		if (!(opened & 1U << i) && !strstr(calls, name))
			continue;
		fprintf(to, "\tif (!%s)\n\t\t%s = ", name, name);
		open_or_print(i, to);
		fprintf(to, ";\n");
		/* Of secret memory only once; nothing is lost. */
		if (file_rows[i].len)
			fprintf(to, "\tif (ftruncate(%s, 0x%zx))\n\t\tw.failed++;\n", name,
				file_rows[i].len);
	}
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (changed & 1U << i)
			print_area(to, i);
	fprintf(to, "}\n\n");
}

/* ------------------------------------------------------------------------------- */

void world_init_runner(struct runner *t, unsigned int nr)
{
	size_t page = world.page;
	int fd = memfd_create("fuzz-arg", MFD_CLOEXEC);

	t->nr = nr;
	t->tid = syscall(SYS_gettid);
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
