/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the ABI share. Each file has a table of tests; abi-test.c
 * runs them all.
 */
#ifndef PINSCOPE_TESTS_ABI_H
#define PINSCOPE_TESTS_ABI_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/pinscope.h"
#include "../suite/sys.h"
#include "tap.h"

/* Nothing is mapped there, and a 32-bit process has such an address too. */
#define UNMAPPED	((void *)0x10000)
/* In the kernel's half of the address space; 0 in a 32-bit process. */
#define KERNEL_ADDR	0xffff888000000000ULL
/* A user without privileges. */
#define NOBODY		65534
/* Where the tests make files on a disk. */
#define DISK_DIR	"/var/tmp"
/* On a file system with large folios. */
#define XFS_DIR		"/mnt/xfs"
/* And on one with DAX. */
#define DAX_DIR		"/mnt/dax"

#define RW		(PROT_READ | PROT_WRITE)

/* Of the machine: a base page, and what a PMD maps; in bytes and as log2. */
extern size_t page, pmd_size;
extern unsigned int page_shift, pmd_shift;

/**
 * struct abi_fixture - what a test is given, and what is taken down after it
 * @ctl: an open ctl file that has no pins
 * @mem: anonymous private memory, of base pages; NULL unless the test's row
 *	in its table asks for some
 * @len: bytes of @mem
 */
struct abi_fixture {
	int ctl;
	char *mem;
	size_t len;
};

/* Each ends with an entry without a name. */
extern const struct test input_tests[];
extern const struct test pin_tests[];
extern const struct test inspect_tests[];
extern const struct test fault_tests[];
extern const struct test remote_tests[];
extern const struct test access_tests[];
extern const struct test gup_test_tests[];
extern const struct test track_tests[];
extern const struct test stress_tests[];
extern const struct test die_tests[];

/* A second open ctl file, beside the fixture's; it is closed with it. */
int open_another_ctl(void);
/* An open file of `map`; the test closes it. */
int open_map(void);

struct pinscope_info get_info(int fd);

/* Base pages that the module holds pinned, over all of its users. */
uint64_t pages_pinned(void);
/* And what the kernel itself counts: pins that were not released. */
long kernel_pins(void);
#define expect_nothing_pinned(...)					\
	do {								\
		expect_eq(pages_pinned(), 0, __VA_ARGS__);		\
		expect_eq(kernel_pins(), 0, __VA_ARGS__);		\
	} while (0)

/* Waits until both are 0: false, and printed, if they stay. */
bool nothing_left(void);

/* Anonymous private memory. */
char *map_anon(size_t len, int prot, int more_flags);
/* The same, aligned to a PMD, without huge pages until MADV_HUGEPAGE. */
char *map_anon_aligned(size_t len);
/* A mapping of a file that has to work. */
char *map_file(size_t len, int prot, int flags, int fd);

/* Files of that many bytes: a memfd, and a file without a name in @dir. */
int make_memfd(size_t len, unsigned int flags);
int make_file(const char *dir, size_t len);

/* Tracking is one for the machine: what was recorded is forgotten as well. */
void stop_tracking(int fd);

/* PIN that has to work. Returns the id. */
#define pin(fd, call, gup_flags, addr, len)				\
	pin_at(TAP_HERE, fd, call, gup_flags, addr, len)
uint32_t pin_at(struct tap_place at, int fd, unsigned int call,
		uint64_t gup_flags, const void *addr, size_t len);

/* COMPARE with the caller's own page tables, that has to work. */
#define compare(fd, id, addr)	compare_at(TAP_HERE, fd, id, addr)
struct pinscope_compare compare_at(struct tap_place at, int fd,
				   uint32_t id, const void *addr);

/* INSPECT of one page of the caller's, that has to work. */
#define state_of(fd, addr)	state_at(TAP_HERE, fd, addr)
struct pinscope_page state_at(struct tap_place at, int fd,
			      const void *addr);

/* INSPECT of a range, that has to work; free() @rec. */
struct records {
	struct pinscope_page *rec;
	size_t nr;
};

#define inspect(fd, target, addr, len)					\
	inspect_at(TAP_HERE, fd, target, addr, len)
struct records inspect_at(struct tap_place at, int fd,
			  struct pinscope_target target, uint64_t addr,
			  uint64_t len);

/* The page state at an address has all bits of @has and none of @hasnt. */
#define expect_state(fd, addr, has, hasnt, ...)				\
	expect_state_at(TAP_HERE, #addr, fd, addr, has, hasnt,		\
			": " __VA_ARGS__)
__attribute__((format(printf, 7, 8)))
bool expect_state_at(struct tap_place at, const char *text, int fd,
		     const void *addr, uint64_t has, uint64_t hasnt,
		     const char *format, ...);

/* The byte that a pin of @fd has at an offset is @want. */
#define expect_read(fd, id, offset, want, ...)				\
	do {								\
		char byte_read = 0;					\
									\
		expect_ok(pinscope_read(fd, id, offset, &byte_read, 1),	\
			  __VA_ARGS__);					\
		expect_eq(byte_read, want, __VA_ARGS__);		\
	} while (0)

/* Pages on their way to an LRU list have a reference more; not after this. */
void drain_lru(void);

/*
 * Mounts the memory controller of cgroups as version 1. Returns 0 or -errno, -ENODEV when
 * the kernel has none. A test that can do with both versions takes this one: what was
 * charged by version 2, which does not count memory and swap together, underflows that
 * count when it is uncharged under version 1 (page_counter_cancel() warns), and an object
 * of the kernel may be freed long after its cgroup is gone.
 */
#define MEMCG_V1	"/tmp/pinscope-memcg"
int mount_memcg_v1(void);

/* Sets a file of /proc or /sys, or the test ends. */
void need_write_file(const char *path, const char *text);

/**
 * struct kind_memory - populated memory of a kind
 * @name: of the kind
 * @addr: of the mapping
 * @len: bytes of the mapping
 * @entry_size: bytes that one page table entry maps
 * @shared: MAP_SHARED instead of MAP_PRIVATE
 * @hugetlb: of hugetlb pages
 * @anon: without a file
 */
struct kind_memory {
	const char *name;
	char *addr;
	size_t len;
	size_t entry_size;
	bool shared;
	bool hugetlb;
	bool anon;
};

/*
 * Writable memory of a kind, or the test is skipped. put_memory() may be left
 * to the end of the test.
 */
struct kind_memory *get_memory(int fd, const char *kind);
void put_memory(struct kind_memory *m);

/*
 * The name of kind number @nr, or NULL after the last. Of the kinds with huge
 * pages larger than a PMD's there is one: they take long.
 */
const char *kind_name(size_t nr);

/* "KIND[2M]": the name of a kind of hugetlb pages of that size. */
const char *hugetlb_kind(const char *kind, size_t size);

/* Closes what the fixture and the functions above have opened. */
void fixture_tear_down(struct abi_fixture *f);

/* A userfaultfd for missing pages, that has to work. */
int uffd_missing(void *addr, size_t len);

/* fork(), or the test ends: -1 must never reach kill(). */
pid_t must_fork(void);

/* Waits for a child. Returns its status: 0 when it exited with 0. */
int status_of(pid_t child);

/* SIGKILL, and waits for the child. */
void kill_child(pid_t child);

/*
 * A child that runs until its parent has done with it. In the child, returns
 * 0 and the child must end in child_wait(). In the parent, returns once the
 * child is there.
 */
pid_t child_start(void);
__attribute__((noreturn)) void child_wait(void);
void child_end(pid_t child);

/* A child of which nothing is expected but to share the memory. */
pid_t idle_child(void);

/* A signal handler that does nothing: the signal only interrupts. */
void ignore_signal(int sig);

#endif
