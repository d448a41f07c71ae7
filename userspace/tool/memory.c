// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of kinds, and making memory of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "memory.h"
#include "tool.h"

#define THP_DIR		"/sys/kernel/mm/transparent_hugepage/"
#define HUGETLB_DIR	"/sys/kernel/mm/hugepages"

#define ANON_EXCLUSIVE	(PINSCOPE_STATE_ANON | PINSCOPE_STATE_EXCLUSIVE)

/* Without sizes: those are the machine's. Hugetlb kinds come once per size. */
static const struct kind kinds[] = {
	{ .name = "zeropage",
	  .has = PINSCOPE_STATE_ZEROPAGE },
	{ .name = "huge-zeropage", .thp = true,
	  .has = PINSCOPE_STATE_HUGE_ZEROPAGE },
	{ .name = "memfd", .backing = BACKING_MEMFD,
	  .has = PINSCOPE_STATE_HAS_FOLIO, .hasnt = PINSCOPE_STATE_ANON },
	{ .name = "tmpfs", .backing = BACKING_SHMEM_FILE,
	  .has = PINSCOPE_STATE_HAS_FOLIO, .hasnt = PINSCOPE_STATE_ANON },
	{ .name = "file", .backing = BACKING_DISK_FILE,
	  .has = PINSCOPE_STATE_HAS_FOLIO, .hasnt = PINSCOPE_STATE_ANON },
	{ .name = "hugetlb", .backing = BACKING_MEMFD, .hugetlb_shift = 1,
	  .has = PINSCOPE_STATE_HUGETLB, .hasnt = PINSCOPE_STATE_ANON },
	{ .name = "anon", .control = true, .write = true,
	  .has = ANON_EXCLUSIVE },
	{ .name = "anon-thp", .control = true, .write = true, .thp = true,
	  .has = ANON_EXCLUSIVE },
	{ .name = "anon-hugetlb", .control = true, .write = true,
	  .hugetlb_shift = 1,
	  .has = ANON_EXCLUSIVE | PINSCOPE_STATE_HUGETLB },
	{ .name = "memfd-shared", .control = true, .write = true,
	  .backing = BACKING_MEMFD, .shared = true,
	  .has = PINSCOPE_STATE_HAS_FOLIO, .hasnt = PINSCOPE_STATE_ANON },
};

static bool fails(struct memory *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(m->why, sizeof(m->why), format, args);
	va_end(args);
	return false;
}

static long number_in(const char *path)
{
	FILE *file = fopen(path, "re");
	long number = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%ld", &number) != 1)
		number = 0;
	fclose(file);
	return number;
}

/* Which sizes of hugetlb pages there are, smallest first, in log2 of bytes. */
static unsigned int hugetlb_shifts(unsigned int *shifts, unsigned int max)
{
	struct dirent *entry;
	unsigned int nr = 0, i;
	unsigned long kib;
	DIR *dir = opendir(HUGETLB_DIR);

	while (dir && (entry = readdir(dir)) && nr < max) {
		if (sscanf(entry->d_name, "hugepages-%lukB", &kib) != 1)
			continue;
		for (i = nr++; i && shifts[i - 1] > 10U + __builtin_ctzl(kib); i--)
			shifts[i] = shifts[i - 1];
		shifts[i] = 10 + __builtin_ctzl(kib);
	}
	if (dir)
		closedir(dir);
	return nr;
}

static void size_name(unsigned int shift, char *buf, size_t size)
{
	static const char units[] = "BKMGT";

	snprintf(buf, size, "%u%c", 1U << shift % 10, units[shift / 10]);
}

/* What a user calls a file there. */
static const char *fs_name(const char *dir)
{
	static const struct {
		long magic;
		const char *name;
	} known[] = {
		{ EXT4_SUPER_MAGIC, "ext4" },
		{ XFS_SUPER_MAGIC, "xfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },
		{ F2FS_SUPER_MAGIC, "f2fs" },
	};
	struct statfs fs;
	unsigned int i;

	if (!statfs(dir, &fs))
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (fs.f_type == known[i].magic)
				return known[i].name;
	return "file";
}

struct kind *kinds_get(const char *dir, size_t *nr)
{
	size_t base = sysconf(_SC_PAGESIZE);
	unsigned int shifts[8], sizes = hugetlb_shifts(shifts, 8), i, k;
	size_t max = sizeof(kinds) / sizeof(kinds[0]) + 2 * sizes;
	struct kind *all, *kind;
	char size[8];

	all = calloc(max, sizeof(*all));
	if (!all)
		return NULL;
	kind = all;
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (i = 0; i < (kinds[k].hugetlb_shift ? sizes : 1); i++) {
			*kind = kinds[k];
			if (kind->hugetlb_shift) {
				kind->hugetlb_shift = shifts[i];
				kind->page = 1UL << shifts[i];
				kind->len = kind->page;
				size_name(shifts[i], size, sizeof(size));
				snprintf(kind->name, sizeof(kind->name),
					 "%.20s[%.7s]", kinds[k].name, size);
			} else if (kind->thp) {
				kind->page = number_in(THP_DIR "hpage_pmd_size");
				kind->len = kind->page;
			} else {
				kind->page = base;
				kind->len = 4 * base;
			}
			if (kind->backing == BACKING_DISK_FILE)
				snprintf(kind->name, sizeof(kind->name), "%s",
					 fs_name(dir));
			kind++;
		}
	}
	*nr = kind - all;
	return all;
}

static bool open_file(struct memory *m, const char *dir, const char *option)
{
	m->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (m->fd < 0)
		return fails(m, "no file can be made in %s (%s)%s", dir,
			     pinscope_errno(errno), option);
	return true;
}

/* Page cache of memory file systems is what the other kinds are for. */
static bool on_disk(struct memory *m, const char *dir)
{
	static const long not_disk[] = {
		TMPFS_MAGIC, RAMFS_MAGIC, OVERLAYFS_SUPER_MAGIC,
		HUGETLBFS_MAGIC, NFS_SUPER_MAGIC,
	};
	struct statfs fs;
	unsigned int i;

	if (fstatfs(m->fd, &fs))
		return fails(m, "statfs of %s: %s", dir, pinscope_errno(errno));
	for (i = 0; i < sizeof(not_disk) / sizeof(not_disk[0]); i++)
		if (fs.f_type == not_disk[i])
			return fails(m, "%s is not on a disk: name a directory that is with --dir",
				     dir);
	return true;
}

bool memory_open(struct memory *m, const struct kind *kind, const char *dir)
{
	unsigned int flags = MFD_CLOEXEC;
	char byte = 'f';
	size_t at;

	*m = (struct memory) { .kind = kind, .fd = -1 };
	if (kind->thp && !kind->page)
		return fails(m, "the kernel is built without transparent huge pages");

	switch (kind->backing) {
	case BACKING_NONE:
		return true;
	case BACKING_MEMFD:
		if (kind->hugetlb_shift)
			flags |= MFD_HUGETLB |
				 kind->hugetlb_shift << MFD_HUGE_SHIFT;
		m->fd = memfd_create("pinscope", flags);
		if (m->fd < 0)
			return fails(m, "memfd_create: %s", pinscope_errno(errno));
		break;
	case BACKING_SHMEM_FILE:
		if (!open_file(m, "/dev/shm", ": mount a tmpfs there"))
			return false;
		break;
	case BACKING_DISK_FILE:
		if (!open_file(m, dir, ": name another directory with --dir") ||
		    !on_disk(m, dir))
			return false;
		break;
	}
	if (ftruncate(m->fd, kind->len))
		return fails(m, "ftruncate: %s", pinscope_errno(errno));
	/* Content that no fresh page has. Hugetlb files take no write(). */
	for (at = 0; at < kind->len && !kind->hugetlb_shift; at += kind->page)
		if (pwrite(m->fd, &byte, 1, at) != 1)
			return fails(m, "write: %s", pinscope_errno(errno));
	return true;
}

static bool no_huge_page(struct memory *m)
{
	char size[8];
	unsigned long kib = m->kind->page >> 10;

	size_name(m->kind->hugetlb_shift, size, sizeof(size));
	return fails(m, "too few free %s pages: echo 2 > %s/hugepages-%lukB/nr_hugepages",
		     size, HUGETLB_DIR, kib);
}

/*
 * A private mapping of a hugetlb file may only be read once the file has the
 * page. Reserving through a shared mapping fails where a fault would kill.
 */
static bool fill_hugetlb_file(struct memory *m)
{
	char *addr = mmap(NULL, m->kind->len, PROT_READ | PROT_WRITE,
			  MAP_SHARED, m->fd, 0);

	if (addr == MAP_FAILED)
		return no_huge_page(m);
	addr[0] = 'f';
	munmap(addr, m->kind->len);
	return true;
}

static bool check_state(struct memory *m, int fd)
{
	const struct kind *kind = m->kind;
	struct pinscope_page page;
	char names[NAMES_MAX];
	int ret = pinscope_page(fd, m->addr, &page);

	if (ret)
		return fails(m, "INSPECT: %s", pinscope_errno(ret));
	if ((page.state & kind->has) == kind->has &&
	    !(page.state & kind->hasnt) &&
	    (kind->backing || 1UL << page.map_shift == kind->page))
		return true;
	if (kind->thp)
		return fails(m, "no huge page was given: echo madvise > "
			     THP_DIR "enabled, echo 1 > "
			     THP_DIR "use_zero_page");
	return fails(m, "this memory was to be had, but is: %s, %lu KiB mapped",
		     pinscope_names(pinscope_state_names, page.state, names, sizeof(names)),
		     (1UL << page.map_shift) >> 10);
}

bool memory_map(struct memory *m, int fd, bool writable)
{
	const struct kind *kind = m->kind;
	int prot = PROT_READ | (writable || kind->write ? PROT_WRITE : 0);
	int flags = kind->shared ? MAP_SHARED : MAP_PRIVATE;
	volatile char *byte;
	size_t at, skip = 0;

	m->writable = writable;
	m->area_len = kind->len;
	if (kind->backing == BACKING_NONE)
		flags |= MAP_ANONYMOUS;
	if (kind->hugetlb_shift && kind->backing == BACKING_NONE)
		flags |= MAP_HUGETLB | kind->hugetlb_shift << MAP_HUGE_SHIFT;
	if (kind->hugetlb_shift && kind->backing && !fill_hugetlb_file(m))
		return false;
	if (kind->thp)
		m->area_len += kind->page;

	m->area = mmap(NULL, m->area_len, prot, flags, m->fd, 0);
	if (m->area == MAP_FAILED) {
		m->area = NULL;
		if (kind->hugetlb_shift)
			return no_huge_page(m);
		return fails(m, "mmap: %s", pinscope_errno(errno));
	}
	if (kind->thp)
		skip = -(uintptr_t)m->area & (kind->page - 1);
	m->addr = (char *)m->area + skip;
	/* Best effort: what came of it is what check_state() is for. */
	if (!kind->hugetlb_shift)
		madvise(m->addr, kind->len,
			kind->thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);

	for (at = 0; at < kind->len; at += kind->page) {
		byte = m->addr + at;
		if (kind->write)
			*byte = 'p';
		else
			(void)*byte;
	}
	if (kind->write && !writable &&
	    mprotect(m->addr, kind->len, PROT_READ))
		return fails(m, "mprotect: %s", pinscope_errno(errno));
	return check_state(m, fd);
}

bool memory_write(struct memory *m, size_t offset, char value)
{
	volatile char *byte = m->addr + offset;

	if (!m->writable &&
	    mprotect(m->addr, m->kind->len, PROT_READ | PROT_WRITE))
		return fails(m, "mprotect: %s", pinscope_errno(errno));
	*byte = value;
	if (!m->writable && mprotect(m->addr, m->kind->len, PROT_READ))
		return fails(m, "mprotect: %s", pinscope_errno(errno));
	return true;
}

void memory_unmap(struct memory *m)
{
	if (m->area)
		munmap(m->area, m->area_len);
	m->area = NULL;
	m->addr = NULL;
}

void memory_close(struct memory *m)
{
	memory_unmap(m);
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}
