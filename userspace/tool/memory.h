/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kinds of memory: how a mapping is made, what backs it, and what must be
 * mapped before anything is tried with it.
 */
#ifndef PINSCOPE_MEMORY_H
#define PINSCOPE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum backing {
	BACKING_NONE,		/* anonymous memory */
	BACKING_MEMFD,
	BACKING_SHMEM_FILE,	/* a file in /dev/shm */
	BACKING_DISK_FILE,	/* a file in the directory of --dir */
};

/**
 * struct kind - a row of the table
 * @name: as it is printed, hugetlb with its page size
 * @backing: where the pages come from
 * @control: pinning it was always reliable; it tests the test
 * @shared: MAP_SHARED instead of MAP_PRIVATE
 * @write: populated by writing instead of reading
 * @thp: wants a PMD-mapped huge page
 * @len: bytes of the mapping, a multiple of @page
 * @page: bytes that one page table entry maps
 * @hugetlb_shift: log2 of the hugetlb page size, or 0
 * @has: PINSCOPE_STATE_* bits that the page has before the pin
 * @hasnt: and those that it has not
 */
struct kind {
	char name[32];
	enum backing backing;
	bool control;
	bool shared;
	bool write;
	bool thp;
	size_t len;
	size_t page;
	unsigned int hugetlb_shift;
	uint64_t has;
	uint64_t hasnt;
};

/* An instance of a kind: the backing, and one mapping of it at a time. */
struct memory {
	const struct kind *kind;
	int fd;			/* of the backing, or -1 */
	char *addr;		/* of the mapping, or NULL */
	void *area;		/* what was really mapped, to get alignment */
	size_t area_len;
	bool writable;
	char why[160];		/* why the last call failed */
};

/**
 * kinds_get() - all kinds that this machine could have
 * @dir: directory for disk files; its file system gives that kind its name
 * @nr: out: how many
 *
 * Return: an array for free(), or NULL without memory.
 */
struct kind *kinds_get(const char *dir, size_t *nr);

/**
 * memory_open() - make the backing of a kind
 * @m: out; memory_close() it, whatever this returns
 * @kind: which
 * @dir: directory for disk files
 *
 * Return: whether it worked; otherwise m->why says what the user can do.
 */
bool memory_open(struct memory *m, const struct kind *kind, const char *dir);

/**
 * memory_map() - map and populate it, and see that it is what it should be
 * @m: from memory_open(), not mapped
 * @fd: from pinscope_open()
 * @writable: whether the mapping stays writable
 *
 * Return: as memory_open(); memory_unmap() in either case.
 */
bool memory_map(struct memory *m, int fd, bool writable);

/**
 * memory_write() - let the process write to a byte
 * @m: mapped
 * @offset: where
 * @value: what
 *
 * A mapping without write permission gets it for that moment only.
 *
 * Return: as memory_open().
 */
bool memory_write(struct memory *m, size_t offset, char value);

void memory_unmap(struct memory *m);
void memory_close(struct memory *m);

#endif
