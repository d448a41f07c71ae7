/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pinscope bench share: rows, the works that they measure, and
 * the memory that the works need.
 */
#ifndef PINSCOPE_BENCH_H
#define PINSCOPE_BENCH_H

#include "../suite/memory.h"

struct bench;

/* What a figure is for one of. */
enum bench_unit {
	PER_PAGE,	/* a base page */
	PER_CALL,	/* a system call */
	PER_PIN,
	PER_RANGE,	/* all of the memory */
	UNITS
};

extern const char *const bench_unit_names[UNITS];

/**
 * struct bench_work - what is measured: a row's own work, or that of a peer
 * @name: of a peer; a row has its own
 * @what: a sentence about a peer
 * @run: does it once; what lies between bench_start() and bench_stop() counts.
 *	Sets b->units. Returns 0 or a negative errno; -EOPNOTSUPP: this kernel or
 *	machine does not have it
 */
struct bench_work {
	const char *name;
	const char *what;
	int (*run)(struct bench *b);
};

/**
 * struct bench_memory - memory that a work works on
 * @name: KIND or KIND.CONDITION, for the names of rows
 * @kind: of the suite; NULL: @make makes all of it
 * @pages: base pages
 * @fresh: a work changes it, so that each measurement needs it made again
 * @make: what is done after the kind is mapped, or instead of that; NULL: nothing.
 *	Returns NULL, or why it is not possible here
 */
struct bench_memory {
	const char *name;
	const char *kind;
	size_t pages;
	bool fresh;
	const char *(*make)(struct bench *b);
};

enum { MAX_PEERS = 3 };

/**
 * struct bench_row - a row
 * @memory: the first part of its name
 * @name: the second part of its name
 * @what: a sentence
 * @run: see struct bench_work
 * @unit: what the figure is for one of
 * @peers: what does the same, or a part of it, without the module; the first one
 *	that works here is the one to compare with. Ended by NULL
 * @call: enum pinscope_call, for works that pin
 * @gup_flags: PINSCOPE_FOLL_*, for works that pin
 * @batch: pages that a call pins, for works that pin
 */
struct bench_row {
	const struct bench_memory *memory;
	const char *name;
	const char *what;
	int (*run)(struct bench *b);
	enum bench_unit unit;
	const struct bench_work *peers[MAX_PEERS + 1];
	unsigned int call;
	uint64_t gup_flags;
	size_t batch;
};

extern const struct bench_row bench_rows[];
extern const size_t nr_bench_rows;

/* The pins of `close`, the most that a work has. */
enum { BENCH_PINS = 20000 };

/* What READ and WRITE copy. */
enum { BENCH_BUFFER = 1 << 20 };

/**
 * struct bench - what is measured now
 * @row: the row
 * @fd: from pinscope_open()
 * @kinds: of this machine
 * @nr_kinds: how many
 * @base: bytes of a base page
 * @made: what @m is; or NULL
 * @kind: the suite's kind with the length that @made asks for
 * @m: the memory
 * @len: bytes of it
 * @child: a process that shares the memory, or 0
 * @gup_test: the file of that name in debugfs, or -1
 * @own_gup_test: it is the kernel's own, not the module's
 * @pagemap: /proc/self/pagemap, or -1
 * @kpageflags: /proc/kpageflags, or -1
 * @kpagecount: /proc/kpagecount, or -1
 * @ids: of pins, BENCH_PINS
 * @nr_ids: how many of them are pinned
 * @gup_ns: nanoseconds that they took in GUP
 * @buffer: BENCH_BUFFER bytes
 * @records: of INSPECT, one for each page of the longest memory
 * @words: for procfs, as many, of each of its three files
 * @began: when the clock was started
 * @ns: nanoseconds that count
 * @units: how many of row->unit they were for
 * @why: why the memory could not be made
 */
struct bench {
	const struct bench_row *row;
	int fd;
	struct kind *kinds;
	size_t nr_kinds;
	size_t base;
	const struct bench_memory *made;
	struct kind kind;
	struct memory m;
	size_t len;
	pid_t child;
	int gup_test;
	bool own_gup_test;
	int pagemap, kpageflags, kpagecount;
	uint32_t *ids;
	size_t nr_ids;
	uint64_t gup_ns;
	char *buffer;
	struct pinscope_page *records;
	uint64_t *words[3];
	uint64_t began, ns;
	size_t units;
	char why[180];
};

/* Nanoseconds of a clock that nobody sets. */
uint64_t bench_now(void);

static inline void bench_start(struct bench *b)
{
	b->began = bench_now();
}

static inline void bench_stop(struct bench *b)
{
	b->ns += bench_now() - b->began;
}

/**
 * bench_row_name() - MEMORY/WORK
 * @row: the row
 * @buf: gets it
 * @size: bytes in @buf
 *
 * Return: @buf.
 */
const char *bench_row_name(const struct bench_row *row, char *buf, size_t size);

/**
 * bench_open() - open the files and get the buffers that works need
 * @b: out; bench_close() it, whatever this returns
 * @fd: from pinscope_open(); stays the caller's
 *
 * Return: 0 or -ENOMEM.
 */
int bench_open(struct bench *b, int fd);
void bench_close(struct bench *b);

/**
 * bench_make() - have the memory of the row
 * @b: with @row; keeps memory that can be used again
 *
 * Return: NULL, or why it is not possible here, which is b->why.
 */
const char *bench_make(struct bench *b);

/* Unmap the memory, and end the child that shares it. */
void bench_unmake(struct bench *b);

/* How many pages each work that pins asks for, by calls of row->batch pages. */
size_t bench_calls(const struct bench *b);

/* Pin and release the memory as the row says. Return 0 or a negative errno. */
int bench_pin(struct bench *b);
int bench_unpin(struct bench *b);

/* bench_work.c: for peers as well */
int bench_fork(struct bench *b);
int bench_gup_test(struct bench *b, bool unpin);

/* bench_memory.c */
const char *bench_cow_shared(struct bench *b);
const char *bench_mthp(struct bench *b);
const char *bench_mthp_shared(struct bench *b);
const char *bench_contiguous(struct bench *b);
const char *bench_scattered(struct bench *b);
const char *bench_sparse(struct bench *b);

/* bench_work.c: what the module does */
int work_pin(struct bench *b);
int work_unpin(struct bench *b);
int work_pin_tracked(struct bench *b);
int work_unpin_tracked(struct bench *b);
int work_inspect(struct bench *b);
int work_read(struct bench *b);
int work_write(struct bench *b);
int work_compare(struct bench *b);
int work_close(struct bench *b);
int work_unshare(struct bench *b);
int work_fork(struct bench *b);
int work_gup_test_pin(struct bench *b);
int work_gup_test_unpin(struct bench *b);

/* bench_peers.c: what there is without it */
extern const struct bench_work peer_gup, peer_gup_test_pin, peer_gup_test_unpin,
	peer_untracked_pin, peer_untracked_unpin,
	peer_io_uring_register, peer_io_uring_unregister, peer_vmsplice,
	peer_splice, peer_procfs, peer_pagemap, peer_pagemap_scan, peer_memcpy_from,
	peer_memcpy_to, peer_vm_readv, peer_vm_writev, peer_write_fault, peer_fork;

#endif
