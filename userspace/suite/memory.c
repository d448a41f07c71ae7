// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the kinds that have a struct mapping, see memory.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "memory.h"
#include "sys.h"

/* How often a huge page is asked for again. */
#define THP_TRIES	3

__attribute__((format(printf, 2, 3)))
static bool fails(struct memory *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(m->why, sizeof(m->why), format, args);
	va_end(args);
	return false;
}

static bool open_file(struct memory *m, const char *dir, const char *cure)
{
	m->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (m->fd < 0)
		return fails(m, "no file can be made in %s (%s): %s", dir,
			     pinscope_errno(errno), cure);
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
	for (i = 0; i < ARRAY_SIZE(not_disk); i++)
		if (fs.f_type == not_disk[i])
			return fails(m, "%s is not on a disk: name a directory that is with --dir",
				     dir);
	return true;
}

static bool open_backing(struct memory *m)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	switch (m->kind->mapping->backing) {
	case BACKING_NONE:
		return true;
	case BACKING_MEMFD:
		if (m->kind->hugetlb_shift)
			flags |= MFD_HUGETLB |
				 m->kind->hugetlb_shift << MFD_HUGE_SHIFT;
		m->fd = memfd_create("pinscope", flags);
		if (m->fd < 0)
			return fails(m, "memfd_create: %s", pinscope_errno(errno));
		return true;
	case BACKING_SHMEM_FILE:
		return open_file(m, "/dev/shm", "mount a tmpfs there");
	case BACKING_DISK_FILE:
		return open_file(m, m->kind->dir,
				 "name another directory with --dir") &&
		       on_disk(m, m->kind->dir);
	}
	return fails(m, "unknown backing");
}

bool memory_open(struct memory *m, const struct kind *kind)
{
	char byte = 'f';
	size_t at;

	*m = (struct memory) { .kind = kind, .fd = -1 };
	if (kind->mapping->thp && !kind->page)
		return fails(m, "the kernel is built without transparent huge pages");
	if (!open_backing(m))
		return false;
	if (m->fd < 0)
		return true;
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
	unsigned long kib = m->kind->page >> 10;

	return fails(m, "too few free huge pages of %lu MiB: echo 2 > "
		     SYS_HUGETLB_DIR "hugepages-%lukB/nr_hugepages", kib >> 10,
		     kib);
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

static bool check_page_state(struct memory *m, int fd)
{
	const struct mapping *mapping = m->kind->mapping;
	struct pinscope_page page;
	char has[NAMES_MAX], must[NAMES_MAX];
	int ret = pinscope_page(fd, m->addr, &page);

	if (ret)
		return fails(m, "INSPECT: %s", pinscope_errno(ret));
	if ((page.state & mapping->has) == mapping->has &&
	    !(page.state & mapping->hasnt) &&
	    (mapping->backing || 1UL << page.map_shift == m->kind->page))
		return true;
	if (mapping->thp)
		return fails(m, "no huge page was given: echo madvise > "
			     SYS_THP_DIR "enabled, echo 1 > "
			     SYS_THP_DIR "use_zero_page");
	pinscope_names(pinscope_state_names, mapping->has, must, sizeof(must));
	pinscope_names(pinscope_state_names, page.state, has, sizeof(has));
	return fails(m, "expected page state %s, found %.80s with %lu KiB mapped by an entry",
		     must, has, (1UL << page.map_shift) >> 10);
}

static void populate(struct memory *m)
{
	size_t at;

	for (at = 0; at < m->kind->len; at += m->kind->page) {
		volatile char *byte = m->addr + at;

		if (m->kind->mapping->written)
			*byte = 'p';
		else
			(void)*byte;
	}
}

/* Maps the backing, by itself or between two parts of a reserved area. */
static bool map_area(struct memory *m, int prot, int flags)
{
	const struct kind *kind = m->kind;
	size_t align = kind->mapping->thp || m->room ? kind->page : 0;

	m->area_len = kind->len + align + 2 * m->room;
	m->area = m->room ?
		  mmap(NULL, m->area_len, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) :
		  mmap(NULL, m->area_len, prot, flags, m->fd, 0);
	if (m->area == MAP_FAILED) {
		m->area = NULL;
		return false;
	}
	m->addr = (char *)m->area + m->room;
	if (align)
		m->addr += -(uintptr_t)m->addr & (align - 1);
	return !m->room ||
	       mmap(m->addr, kind->len, prot, flags | MAP_FIXED, m->fd, 0) != MAP_FAILED;
}

bool memory_map(struct memory *m, int fd, bool writable)
{
	const struct kind *kind = m->kind;
	const struct mapping *mapping = kind->mapping;
	int prot = PROT_READ | (writable || mapping->written ? PROT_WRITE : 0);
	int flags = mapping->shared ? MAP_SHARED : MAP_PRIVATE;
	unsigned int tries;

	m->writable = writable;
	if (!mapping->backing)
		flags |= MAP_ANONYMOUS;
	if (kind->hugetlb_shift && !mapping->backing)
		flags |= MAP_HUGETLB | kind->hugetlb_shift << MAP_HUGE_SHIFT;
	if (kind->hugetlb_shift && mapping->backing && !fill_hugetlb_file(m))
		return false;
	if (!map_area(m, prot, flags)) {
		if (kind->hugetlb_shift)
			return no_huge_page(m);
		return fails(m, "mmap: %s", pinscope_errno(errno));
	}
	/* Best effort: check_page_state() sees what came of it. */
	if (!kind->hugetlb_shift)
		madvise(m->addr, kind->len,
			mapping->thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	populate(m);
	/* Compaction fails while others hold pages in its way. */
	for (tries = 0; mapping->thp && fd >= 0 && tries < THP_TRIES; tries++) {
		if (check_page_state(m, fd))
			break;
		sys_sleep_ms(20);
		madvise(m->addr, kind->len, MADV_DONTNEED);
		populate(m);
	}
	if (mapping->written && !writable &&
	    mprotect(m->addr, kind->len, PROT_READ))
		return fails(m, "mprotect: %s", pinscope_errno(errno));
	return fd < 0 || check_page_state(m, fd);
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
