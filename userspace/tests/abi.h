/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the ABI share. Each file has a table of tests; abi-test.c
 * runs them all.
 */
#ifndef PINSCOPE_TESTS_ABI_H
#define PINSCOPE_TESTS_ABI_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tool/memory.h"
#include "../tool/tool.h"
#include "tap.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Nothing puts anything there, and a 32-bit process has it too. */
#define UNMAPPED	((void *)0x10000)

extern const size_t page;

/* Each ends with an entry without a name. */
extern const struct test input_tests[];
extern const struct test pin_tests[];
extern const struct test inspect_tests[];
extern const struct test fault_tests[];
extern const struct test remote_tests[];
extern const struct test gup_test_tests[];
extern const struct test stress_tests[];

int open_ctl(void);
struct pinscope_info get_info(int fd);

/* Anonymous private memory. */
char *map(size_t len, int prot, int more_flags);

/* Success is 0; a negative errno otherwise. */
void expect_ret(int ret, int want, const char *what);

/* PIN that has to work. Returns the id. */
uint32_t pin(int fd, unsigned int call, uint64_t gup_flags, const void *addr,
	     size_t len);

/* COMPARE with the caller's own page tables, that has to work. */
struct pinscope_compare compare(int fd, uint32_t id, const void *addr);

/* INSPECT of one page of the caller's, that has to work. */
struct pinscope_page state_of(int fd, const void *addr);

/* Of the bits in @mask, are just these set? Says what is there when not. */
bool state_is(int fd, const void *addr, uint64_t mask, uint64_t want);

void expect_state(int fd, const void *addr, uint64_t has, uint64_t hasnt,
		  const char *what);

/* A number from /proc/vmstat, exact; and pins that were not released. */
long vmstat(const char *name);
long pins_now(void);

/* Is nothing pinned, by pinscope's count and by the kernel's? */
bool nothing_left(void);

/* Pages on their way to an LRU list have a reference more; not after this. */
void drain_lru(void);

/* Memory of a kind, or the test is skipped. */
void get_memory(struct memory *m, int fd, const char *kind, bool writable);

/* Writes to a file of /proc or /sys, or says why not and returns false. */
bool write_file(const char *path, const char *text);

/* fork(), or the test ends: what comes of -1 is for kill() all processes. */
pid_t must_fork(void);

/*
 * A child that runs until its parent has done with it. In the child, returns
 * 0 and the child must end in child_wait(). In the parent, returns once the
 * child is there.
 */
pid_t child_start(void);
__attribute__((noreturn)) void child_wait(void);
void child_end(pid_t child);

#endif
