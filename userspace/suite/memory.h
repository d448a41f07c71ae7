/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of the kinds that have a struct mapping: its backing is opened once,
 * and can be mapped and unmapped several times.
 */
#ifndef PINSCOPE_MEMORY_H
#define PINSCOPE_MEMORY_H

#include "suite.h"

/**
 * struct memory - an instance of a kind
 * @kind: which
 * @fd: of the backing, or -1
 * @addr: of the mapping, or NULL
 * @area: what mmap() returned: more than the mapping, to align it; or NULL
 * @area_len: its bytes
 * @room: bytes that memory_map() keeps free on either side of the mapping, in @area;
 *	set by the caller between memory_open() and that
 * @writable: the mapping stays writable
 * @why: why the last function that failed did, and what the user can do
 */
struct memory {
	const struct kind *kind;
	int fd;
	char *addr;
	void *area;
	size_t area_len;
	size_t room;
	bool writable;
	char why[180];
};

/**
 * memory_open() - make the backing
 * @m: out; memory_close() it, whatever this returns
 * @kind: which; has a mapping
 *
 * Return: whether it worked; otherwise m->why says what the user can do.
 */
bool memory_open(struct memory *m, const struct kind *kind);

/**
 * memory_map() - map and populate it, and see that it has the page state it must
 * @m: from memory_open(), not mapped
 * @fd: from pinscope_open()
 * @writable: whether the mapping stays writable
 *
 * Return: as memory_open(); memory_unmap() in either case.
 */
bool memory_map(struct memory *m, int fd, bool writable);

/**
 * memory_write() - the process writes a byte
 * @m: mapped; without VM_WRITE it gets that for the moment
 * @offset: bytes from the start of the mapping
 * @value: the byte
 *
 * Return: as memory_open().
 */
bool memory_write(struct memory *m, size_t offset, char value);

void memory_unmap(struct memory *m);
void memory_close(struct memory *m);

#endif
