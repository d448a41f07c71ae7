// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of memory that are files on a disk: each comes once for each directory
 * that the user names, with the name of its file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

#ifndef STATX_ATTR_DAX
#define STATX_ATTR_DAX	0x00200000
#endif

static const char *map_again(struct scene *s, int fd, int flags)
{
	if (mmap(s->addr, s->m.kind->len, PROT_READ | PROT_WRITE,
		 flags | MAP_FIXED, fd, 0) == MAP_FAILED)
		return scene_fails(s, "mmap: %s", pinscope_errno(errno));
	(void)*(volatile char *)s->addr;
	return NULL;
}

/**
 * scene_share() - map the file again, shared
 * @s: has a file mapped
 *
 * Return: NULL or why not.
 */
const char *scene_share(struct scene *s)
{
	return map_again(s, s->m.fd, MAP_SHARED);
}

/* The file cannot be written to, its private mapping can. */
static const char *reopen(struct scene *s)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->m.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return scene_fails(s, "to open it again: %s", pinscope_errno(errno));
	map_again(s, fd, MAP_PRIVATE);
	close(fd);
	return *s->why ? s->why : NULL;
}

/*
 * A file with a folio of the size of a PMD in the page cache, if that file system
 * makes such: for MADV_HUGEPAGE readahead does. Nobody writes to it, so it is made
 * once for each directory and process.
 */
static int large_file(const char *dir, size_t size)
{
	static char block[1 << 16];
	static const char *of;
	static pid_t by;
	static int fd = -1;
	size_t at;

	if (of == dir && by == getpid())
		return fd;
	if (fd >= 0)
		close(fd);
	of = dir;
	by = getpid();
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	memset(block, 'f', sizeof(block));
	/* At once, so that the blocks are together; where that can be had. */
	if (fd >= 0)
		posix_fallocate(fd, 0, 2 * size);
	for (at = 0; fd >= 0 && at < 2 * size; at += sizeof(block)) {
		if (write(fd, block, sizeof(block)) == sizeof(block))
			continue;
		close(fd);
		fd = -1;
	}
	/* Only what is clean is dropped, to be read again. */
	if (fd >= 0 && (fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static size_t pmd_size(const struct scene *s)
{
	return s->place.kind->size;
}

/* The file's first folio; @skip bytes from a multiple of its size. */
static const char *make_large(struct scene *s, size_t skip, int flags)
{
	size_t size = pmd_size(s);
	int fd = large_file(s->place.kind->dir, size);
	char *addr;

	memory_close(&s->m);
	s->m.fd = fd < 0 ? -1 : dup(fd);
	if (s->m.fd < 0)
		return scene_fails(s, "no file of %zu bytes in %s: is there room?",
				   2 * size, s->place.kind->dir);
	if (scene_map(s, s->m.fd, size, size, flags))
		return s->why;
	addr = s->addr;
	s->len = size;
	madvise(addr, size, MADV_HUGEPAGE);
	(void)*(volatile char *)addr;
	if (!skip)
		return NULL;
	/* It is in the page cache now, and is mapped where no PMD fits. */
	s->len = size - skip;
	s->addr = addr + skip;
	if (mmap(addr, size, PROT_NONE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
		 -1, 0) == MAP_FAILED ||
	    mmap(s->addr, s->len, PROT_READ | PROT_WRITE, flags | MAP_FIXED,
		 s->m.fd, 0) == MAP_FAILED)
		return scene_fails(s, "mmap: %s", pinscope_errno(errno));
	(void)*(volatile char *)s->addr;
	return NULL;
}

static const char *map_thp(struct scene *s, int flags)
{
	if (make_large(s, 0, flags))
		return s->why;
	if (1UL << scene_page(s).map_shift != pmd_size(s))
		return scene_fails(s, "it is not mapped by a PMD: is there memory for it?");
	return NULL;
}

static const char *make_thp(struct scene *s)
{
	return map_thp(s, MAP_PRIVATE);
}

static const char *make_thp_shared(struct scene *s)
{
	return map_thp(s, MAP_SHARED);
}

static const char *make_pte_thp(struct scene *s)
{
	if (make_large(s, base_size(), MAP_PRIVATE))
		return s->why;
	if (!scene_page(s).folio_order)
		return scene_fails(s, "no large folio was read: is there memory for it?");
	return NULL;
}

static bool can_make(const char *dir, const char *(*make)(struct scene *s))
{
	const struct suite_kind kind = { .dir = dir, .size = thp_size() };
	struct scene s = { .place.kind = &kind, .m.fd = -1 };
	bool has;

	/* More takes too long to write. */
	if (!kind.size || kind.size > 64 << 20)
		return false;
	s.fd = pinscope_open();
	if (s.fd < 0)
		return false;
	has = !make(&s);
	memory_close(&s.m);
	close(s.fd);
	return has;
}

static bool has_large(const char *dir)
{
	return can_make(dir, make_pte_thp);
}

/* It takes a file whose blocks are together, where a PMD can map them. */
static bool has_dax_thp(const char *dir)
{
	return can_make(dir, make_thp);
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

static const char *map_dax(struct scene *s, int flags)
{
	if (scene_map(s, s->m.fd, s->m.kind->len, base_size(), flags))
		return s->why;
	(void)*(volatile char *)s->addr;
	return NULL;
}

static const char *make_dax(struct scene *s)
{
	return map_dax(s, MAP_PRIVATE);
}

static const char *make_dax_shared(struct scene *s)
{
	return map_dax(s, MAP_SHARED);
}

#define CACHE	.has = PINSCOPE_STATE_HAS_FOLIO, .hasnt = PINSCOPE_STATE_ANON

const struct suite_kind suite_files[] = {
	{ "file[", "file", NULL, IS_FILE, CACHE },
	{ "file-opened-readonly[", "file", reopen, IS_FILE, CACHE },
	{ "file-map-shared[", "file", scene_share, IS_SHARED | IS_TRACKED, CACHE },
	{ "file-thp[", "file", make_thp, IS_FILE, CACHE, .exists = has_large },
	{ "file-pte-thp[", "file", make_pte_thp, IS_FILE, CACHE,
	  .exists = has_large },
	{ "dax[", "file", make_dax, IS_FILE | IS_DAX, .hasnt = PINSCOPE_STATE_ANON },
	{ "dax-map-shared[", "file", make_dax_shared, IS_SHARED | IS_DAX,
	  .hasnt = PINSCOPE_STATE_ANON },
	{ "dax-thp[", "file", make_thp, IS_FILE | IS_DAX,
	  .hasnt = PINSCOPE_STATE_ANON, .exists = has_dax_thp },
	{ "dax-thp-map-shared[", "file", make_thp_shared, IS_SHARED | IS_DAX,
	  .hasnt = PINSCOPE_STATE_ANON, .exists = has_dax_thp },
};

const size_t suite_nr_files = sizeof(suite_files) / sizeof(suite_files[0]);
