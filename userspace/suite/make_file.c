// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makers of the page cache and of DAX, see make.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "make.h"
#include "sys.h"

#ifndef STATX_ATTR_DAX
#define STATX_ATTR_DAX	0x00200000
#endif

/* Maps a file where the fixture's memory is, and reads it. */
static const char *map_over(struct fixture *f, int fd, size_t len, int flags)
{
	if (mmap(f->addr, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd,
		 0) == MAP_FAILED)
		return fixture_fails(f, "mmap: %s", pinscope_errno(errno));
	(void)*(volatile char *)f->addr;
	return NULL;
}

const char *make_shared(struct fixture *f)
{
	return map_over(f, f->m.fd, f->len, MAP_SHARED);
}

/* The file cannot be written; its private mapping can. */
const char *make_file_rdonly(struct fixture *f)
{
	int fd = sys_reopen(f->m.fd, O_RDONLY);
	const char *why;

	if (fd < 0)
		return fixture_fails(f, "cannot open the file again, read-only: %s",
				     pinscope_errno(fd));
	why = map_over(f, fd, f->len, MAP_PRIVATE);
	close(fd);
	return why;
}

static const char *check_pmd_mapped(struct fixture *f, size_t size)
{
	size_t mapped = 1UL << fixture_page(f).map_shift;

	if (mapped == size)
		return NULL;
	return fixture_fails(f,
			     "expected one PMD to map it, found entries of %zu KiB: is there memory for a huge page?",
			     mapped >> 10);
}

/* @len: of the file */
static const char *map_memfd_thp(struct fixture *f, size_t len)
{
	size_t size = f->scenario.kind->folio_size;
	int ret = sys_write_file(SYS_THP_DIR "shmem_enabled", "advise");

	if (ret)
		return fixture_fails(f, SYS_THP_DIR "shmem_enabled: %s",
				     pinscope_errno(ret));
	f->m.fd = memfd_create("pinscope", MFD_CLOEXEC);
	if (f->m.fd < 0 || ftruncate(f->m.fd, len))
		return fixture_fails(f, "memfd: %s", pinscope_errno(errno));
	if (fixture_map(f, f->m.fd, size, size, MAP_SHARED))
		return f->why;
	madvise(f->addr, size, MADV_HUGEPAGE);
	*f->addr = 'f';
	if (mmap(f->addr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
		 f->m.fd, 0) == MAP_FAILED)
		return fixture_fails(f, "mmap: %s", pinscope_errno(errno));
	madvise(f->addr, size, MADV_HUGEPAGE);
	(void)*(volatile char *)f->addr;
	f->len = size;
	return check_pmd_mapped(f, size);
}

const char *make_memfd_thp(struct fixture *f)
{
	return map_memfd_thp(f, f->scenario.kind->folio_size);
}

/* The page under test is the file's last. */
const char *make_memfd_thp_tail(struct fixture *f)
{
	size_t base = sys_page_size(), half = f->scenario.kind->folio_size / 2;

	if (map_memfd_thp(f, half))
		return f->why;
	f->addr += half - base;
	f->len = base;
	return NULL;
}

/* What each byte of a large file is. */
#define FILL	'f'

static char block[1 << 16];

/* The page cache forgets clean pages, and reads them again as a large folio. */
static bool drop_page_cache(int fd)
{
	return !fsync(fd) && !posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static bool fill(int fd, size_t len)
{
	size_t at;

	memset(block, FILL, sizeof(block));
	/* At once, so that the blocks are together; where that can be had. */
	posix_fallocate(fd, 0, len);
	for (at = 0; at < len; at += sizeof(block))
		if (write(fd, block, sizeof(block)) != sizeof(block))
			return false;
	return drop_page_cache(fd);
}

static bool is_as_filled(int fd, size_t len)
{
	size_t at;

	for (at = 0; at < len; at += sizeof(block))
		/* All bytes are the first one. */
		if (pread(fd, block, sizeof(block), at) != sizeof(block) ||
		    *block != FILL || memcmp(block, block + 1, sizeof(block) - 1))
			return false;
	return true;
}

/*
 * A file that scenarios with private mappings use one after the other, since to make
 * one takes longer than a scenario. Each finds it as it was made: with its content,
 * which is checked, and without page cache.
 */
static struct {
	const char *dir;
	pid_t owner;
	int fd;
} kept = { .fd = -1 };

static bool take_kept_file(const char *dir, size_t len)
{
	if (kept.fd < 0)
		return false;
	if (kept.owner == getpid() && !strcmp(kept.dir, dir) &&
	    is_as_filled(kept.fd, len) && drop_page_cache(kept.fd))
		return true;
	close(kept.fd);
	kept.fd = -1;
	return false;
}

/*
 * A file of whose first @size bytes readahead makes one folio in the page cache, if the
 * file system can, as it does for MADV_HUGEPAGE.
 */
static const char *open_large_file(struct fixture *f, size_t size)
{
	const struct kind *kind = f->scenario.kind;
	bool keep = !(kind->traits & KIND_SHARED);

	if (keep && take_kept_file(kind->dir, size)) {
		f->m.fd = dup(kept.fd);
		if (f->m.fd < 0)
			return fixture_fails(f, "dup: %s", pinscope_errno(errno));
		return NULL;
	}
	f->m.fd = open(kind->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (f->m.fd < 0 || !fill(f->m.fd, 2 * size))
		return fixture_fails(f, "no file of %zu bytes in %s (%s): is there room?",
				     2 * size, kind->dir, pinscope_errno(errno));
	if (keep) {
		kept.dir = kind->dir;
		kept.owner = getpid();
		kept.fd = dup(f->m.fd);
	}
	return NULL;
}

static const char *map_large_file(struct fixture *f, int flags)
{
	size_t size = f->scenario.kind->folio_size;

	if (open_large_file(f, size) ||
	    fixture_map(f, f->m.fd, size, size, flags))
		return f->why;
	f->len = size;
	madvise(f->addr, size, MADV_HUGEPAGE);
	(void)*(volatile char *)f->addr;
	return NULL;
}

const char *make_file_thp(struct fixture *f)
{
	return map_large_file(f, MAP_PRIVATE) ? f->why : check_pmd_mapped(f, f->len);
}

const char *make_file_thp_shared(struct fixture *f)
{
	return map_large_file(f, MAP_SHARED) ? f->why : check_pmd_mapped(f, f->len);
}

/* The folio is in the page cache; then it is mapped where no PMD fits. */
static const char *map_by_ptes(struct fixture *f, int flags)
{
	size_t base = sys_page_size();
	char *addr;

	if (map_large_file(f, flags))
		return f->why;
	addr = f->addr;
	if (mmap(addr, f->len, PROT_NONE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
		 -1, 0) == MAP_FAILED)
		return fixture_fails(f, "mmap: %s", pinscope_errno(errno));
	f->len -= base;
	f->addr += base;
	if (map_over(f, f->m.fd, f->len, flags))
		return f->why;
	if (!fixture_page(f).folio_order)
		return fixture_fails(f,
				     "expected a large folio, readahead made a base page: is there memory for it?");
	return NULL;
}

const char *make_file_thp_pte_mapped(struct fixture *f)
{
	return map_by_ptes(f, MAP_PRIVATE);
}

const char *make_file_thp_shared_pte_mapped(struct fixture *f)
{
	return map_by_ptes(f, MAP_SHARED);
}

/* Makes such memory once, to see whether the file system can. */
static bool can_make(const char *dir, const char *(*make)(struct fixture *f))
{
	const struct kind kind = { .dir = dir, .folio_size = sys_thp_size() };
	const struct scenario scenario = { .kind = &kind };
	struct fixture f;
	int fd;
	bool can;

	/* A file of more takes too long to write. */
	if (!kind.folio_size || kind.folio_size > 64 << 20)
		return false;
	fd = pinscope_open();
	if (fd < 0)
		return false;
	fixture_begin(&f, &scenario, fd);
	can = !make(&f);
	fixture_end(&f);
	close(fd);
	return can;
}

bool has_file_thp(const char *dir)
{
	return can_make(dir, make_file_thp_pte_mapped);
}

/* It takes a file whose blocks are together, where a PMD can map them. */
bool has_dax_thp(const char *dir)
{
	return can_make(dir, make_file_thp);
}

bool is_dax(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct statx st;
	bool is;

	if (fd < 0)
		return false;
	is = !statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) &&
	     (st.stx_attributes & STATX_ATTR_DAX);
	close(fd);
	return is;
}

static const char *map_dax(struct fixture *f, int flags)
{
	if (fixture_map(f, f->m.fd, f->m.kind->len, sys_page_size(), flags))
		return f->why;
	(void)*(volatile char *)f->addr;
	return NULL;
}

const char *make_dax(struct fixture *f)
{
	return map_dax(f, MAP_PRIVATE);
}

const char *make_dax_shared(struct fixture *f)
{
	return map_dax(f, MAP_SHARED);
}
