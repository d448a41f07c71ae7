/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of fuzz-test share. fuzz-world.c has the memory that a program works on,
 * fuzz-calls.c the calls that a program consists of, of which fuzz-helpers.h has
 * parts, fuzz-c.c prints programs as C, fuzz-guide.c tells by KCOV what is new,
 * fuzz-program.c makes, changes, prints and reads programs, and fuzz.c runs them.
 */
#ifndef PINSCOPE_TESTS_FUZZ_H
#define PINSCOPE_TESTS_FUZZ_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../lib/pinscope.h"
#include "../suite/sys.h"

enum {
	FUZZ_OPS = 24,		/* calls of a program */
	FUZZ_ARGS = 12,		/* arguments of a call */
	FUZZ_FDS = 6,		/* files of the module that a program has open */
	FUZZ_IDS = 8,		/* pins that it knows */
	FUZZ_THREADS = 3,	/* that run a program */
	FUZZ_KIDS = 2,		/* processes that a program has forked */
};

/* ---------------------------------------------------------------- programs */

/**
 * struct op - one call of a program
 * @call: index into fuzz_calls[]
 * @thread: which thread makes it; the threads of a program run at the same time
 * @arg: its arguments, in the order of the fields of the call
 */
struct op {
	uint8_t call;
	uint8_t thread;
	uint64_t arg[FUZZ_ARGS];
};

struct program {
	unsigned int nr;
	struct op op[FUZZ_OPS];
};

/**
 * struct maker - where the arguments of a new call come from
 * @random: the state of the random numbers, not 0
 * @area: the areas that the program is mostly about
 * @careful: without arguments that hardly any call takes
 */
struct maker {
	uint64_t random;
	bool careful;
	unsigned int area[2];
};

/* A random number, or one from 0 to @max - 1; 0 for 0. */
uint64_t fuzz_random(struct maker *m);
unsigned int fuzz_below(struct maker *m, unsigned int max);

/* Puts a new program into @p, or a changed copy of one; @other gives it some calls. */
void program_make(struct maker *m, struct program *p);
void program_mutate(struct maker *m, struct program *p, const struct program *other);
void program_remove(struct program *p, unsigned int i);
/* Adds the calls of another program, if all of them have room. */
void program_append(struct program *p, const struct program *other);

/* Which of its files a program uses: a bit for each. */
unsigned int program_files(const struct program *p);

/* Writes a program as text, a line for each call, which ends with @end. */
void program_print(FILE *to, const struct program *p, const char *end);

/*
 * Reads the next program from a file; an empty line ends it, and one that begins with '#'
 * is a comment. Returns 1, 0 at the end of the file, or -1 after a message.
 */
int program_read(FILE *from, const char *name, struct program *p);

/* ------------------------------------------------------------------- calls */

struct runner;

/**
 * struct field - an argument of a call
 * @name: in the text of a program
 * @make: a value for it
 */
struct field {
	const char *name;
	uint64_t (*make)(struct maker *m);
};

/**
 * struct call - a call that programs consist of
 * @name: in the text of a program
 * @weight: how often it is in a new program
 * @run: makes it; returns 0 or more, or a negative errno
 * @changes: it changes the memory of the process or of its files, and is none of the module
 * @no_faults: the kernel warns when it fails for want of memory
 * @field: its arguments; the first without a name ends them
 */
struct call {
	const char *name;
	unsigned int weight;
	long (*run)(struct runner *t, const uint64_t *a);
	bool changes;
	bool no_faults;
	struct field field[FUZZ_ARGS + 1];
};

/* Ends with an entry without a name. */
extern const struct call fuzz_calls[];
unsigned int fuzz_nr_calls(void);

/* Makes a call, with a fault if the thread is to have one. Returns what the call does. */
long fuzz_call(struct runner *t, const struct op *op);
/* A pidfd of a process that has ended. */
int fuzz_gone_fd(void);
/* Files in debugfs and what to write there: faults of all kinds, and no word of them. */
extern const char *const fuzz_fault_knobs[][2];
extern const unsigned int fuzz_nr_fault_knobs;
/* Gives a thread back what it may do as root. */
void fuzz_regain(struct runner *t);

/* ------------------------------------------------------------------- world */

/*
 * Each area begins at an address of its own, which is the same in each run, and has so
 * much room. What is not of an area is never mapped or unmapped by a program.
 */
#define AREA_BASE	0x100000000000ULL
#define AREA_ROOM	0x40000000ULL

/**
 * struct area - memory of a kind
 * @name: what the kind is called
 * @len: bytes that are mapped at first
 * @weight: how often programs use it
 * @traits: AREA_* bits
 */
struct area {
	const char *name;
	size_t len;
	unsigned int weight;
	unsigned int traits;
};

/* It can be collapsed to THPs: a R/O long-term pin of a THP of a file never ends (errata). */
#define AREA_ANON	1U
/* Nothing may wait there for the end of pins, since the process has them itself. */
#define AREA_DAX	2U

/* Files of the world that are no files of the module. */
enum world_file {
	FILE_MEMFD, FILE_HUGETLB, FILE_DISK, FILE_DAX, FILE_SECRET, FILE_MAP, FILE_ZERO,
	WORLD_FILES,
};

/**
 * struct runner - a thread that runs calls
 * @nr: of the thread; the peer has FUZZ_THREADS
 * @buf: two pages, and behind them nothing is mapped
 * @writable: a page
 * @readonly: the same page, without PROT_WRITE
 * @cover: what KCOV has written; NULL without KCOV
 * @tid: thread id
 * @dropped: it has no capabilities in effect
 * @fail: 0, or at which of its points the next call of the module fails: an allocation, or a
 *	copy from or to user space
 */
struct runner {
	unsigned int nr;
	char *buf;
	char *writable, *readonly;
	uint64_t *cover;
	pid_t tid;
	bool dropped;
	unsigned int fail;
};

/**
 * struct world - what a process that runs programs has
 * @files: FILE_*; -1: this machine does not have it
 * @file_len: their length
 * @fds: of the program: open files of the module, or -1
 * @ids: of the program: of pins
 * @kids: of the program: processes, or 0
 * @peer: the process that changes memory meanwhile; 0 in the peer itself
 * @peer_fd: a pidfd of it
 * @self: the process
 * @parent: its parent
 * @self_fd: a pidfd of the process
 * @gone_fd: a pidfd of a process that has ended
 * @truncated: a file has not its length any more; never the one with DAX
 * @may_track: tracking may be started, which takes as long as a hundred other calls
 * @runners: the threads
 * @page: bytes of a base page
 */
struct world {
	int files[WORLD_FILES];
	size_t file_len[WORLD_FILES];
	int fds[FUZZ_FDS];
	uint32_t ids[FUZZ_IDS];
	pid_t kids[FUZZ_KIDS];
	pid_t self, parent, peer;
	int peer_fd, self_fd, gone_fd;
	atomic_bool truncated;
	bool may_track;
	struct runner runners[FUZZ_THREADS];
	size_t page;
};

extern struct world world;

unsigned int world_areas(void);
const struct area *world_area(unsigned int nr);
unsigned int world_pick_area(struct maker *m);

/* Makes all memory and files, once in a process. */
void world_create(void);
/* The memory of a thread. */
void world_init_runner(struct runner *t, unsigned int nr);
/* Makes areas and files as they were at first, where calls have changed them. */
void world_restore(void);
/* Before a program: that, and opens those files of the module that it uses. */
void world_begin(unsigned int files);
/* After it: closes files, ends processes. */
void world_end(void);

/*
 * An address of a program: the area in the upper half, and an offset in it that is signed
 * in the lower one. Others are addresses where nothing can be. world_addr() returns the
 * address, and notes that the area is not as it was at first.
 */
uint64_t world_addr(uint64_t value);
/* How far an area reaches behind an address of it, and its kind; NULL when it has none. */
const struct area *world_room(uint64_t addr, uint64_t *room);

/* -------------------------------------------------------------------- as C */

/*
 * Where calls are printed instead of made, or NULL. What is known only when they are made
 * has these values meanwhile, for variables of the C program; up to 16 of each.
 */
extern FILE *c_out;
enum {
	C_FILE = 0x5eaf0000, C_FD = C_FILE + 0x10, C_ID = C_FILE + 0x20, C_KID = C_FILE + 0x30,
	C_TID = C_FILE + 0x40, C_PEER = C_FILE + 0x50, C_PEER_FD = C_FILE + 0x60,
	C_SELF = C_FILE + 0x70, C_SELF_FD = C_FILE + 0x80, C_PARENT = C_FILE + 0x90,
	C_GONE_FD = C_FILE + 0xa0, C_END = C_FILE + 0xb0,
};

/* The text of fuzz-helpers.h. */
extern const char fuzz_helpers[];
/* Prints a statement that sets ret; returns 0. */
__attribute__((format(printf, 1, 2)))
long c_statement(const char *format, ...);
/* Prints another one. */
__attribute__((format(printf, 1, 2)))
void c_text(const char *format, ...);
/* Prints where the struct of an ioctl is; returns what is no address of anything. */
__attribute__((format(printf, 1, 2)))
void *c_place(const char *format, ...);
/* Prints the struct of an ioctl. */
void c_struct(unsigned long cmd, const void *arg);
/* A number, or a variable; valid for three more calls. */
const char *c_int(int value);
const char *c_command(unsigned long cmd);
/* The flags of mmap() that fuzz-test passes. */
const char *c_map_flags(int flags);
/* Prints programs as one in C that does the same. */
void c_print(FILE *to, const struct program *programs, unsigned int nr, const char *name);

/* What of the world depends on a process gets values for C's variables. */
void world_imagine(void);
/* Prints the function that makes the memory that calls are about, and what these name. */
void world_print(FILE *to, const char *calls);

/* ------------------------------------------------------------------- guide */

#define GUIDE_BITS	(1U << 20)
#define GUIDE_FRESH	64U

/**
 * struct guide - what is known of all runs; shared between processes
 * @pcs: bit n: the module's code has been at the n-th byte
 * @edges: bits by hash of what follows what
 * @nr_pcs: how many bits of @pcs are set
 * @nr_edges: and of @edges
 * @fresh: edges that the program that runs was the first to have
 * @nr_fresh: how many
 * @target: edges that a program is looked at for, while it gets shorter
 * @hit: those that it had
 * @probing: whether @target and @hit are used
 */
struct guide {
	uint64_t pcs[GUIDE_BITS / 64];
	uint64_t edges[GUIDE_BITS / 64];
	uint64_t target[GUIDE_BITS / 64];
	uint64_t hit[GUIDE_BITS / 64];
	unsigned int nr_pcs, nr_edges;
	uint32_t fresh[GUIDE_FRESH];
	unsigned int nr_fresh;
	bool probing;
};

/* Finds the module's code and KCOV. Returns false without KCOV. */
bool guide_init(struct guide *shared);
/* Begins to record what the calling thread does in the module. */
void guide_start(struct runner *t);
void guide_begin_call(struct runner *t);
/* Notes what the call has done that was new, and what it returned. */
void guide_end_call(struct runner *t, unsigned int call, long ret);
/* Begins and ends to look whether programs have all of some edges. */
void guide_probe(const uint32_t *edges, unsigned int nr);
bool guide_probed(const uint32_t *edges, unsigned int nr);
/* Prints the places of the module's code that were reached: SECTION+OFFSET, a line each. */
void guide_print(FILE *to);

#endif
