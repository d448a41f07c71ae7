/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit suites share.
 *
 * A case is a process: KUnit's thread for it gets an mm of its own, opens
 * pinscope's ctl and talks to it as a process would, with the ABI of
 * pinscope_abi.h. What the case leaves behind (files, pins, a child) pk_exit()
 * cleans up, however it ended.
 *
 * Cases can be built in or be a module. A module cannot fork, nor make system
 * calls, nor edit page table entries; cases that have to are skipped there.
 */
#ifndef PK_H
#define PK_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/workqueue.h>

#include "pinscope.h"

/* What INSPECT said of the page under test, to be printed if the case fails. */
struct pk_look {
	const char *when;
	struct pinscope_page page;
};

#define PK_LOOKS	12
#define PK_FILES	8

struct pk;

/* A forked process: runs @body and stays until pk_join(). */
struct pk_child {
	void (*body)(struct pk *p);
	struct completion done;
	struct completion leave;
	struct pid *pid;		/* NULL: there is none */
};

struct pk {
	struct kunit *test;
	struct file *ctl;
	unsigned long args;		/* user memory for arguments of calls */
	unsigned long addr;		/* the page under test */
	unsigned long size;		/* bytes that one entry maps there */
	struct file *file;		/* what is mapped, or NULL */
	struct pk_child child;
	struct delayed_work dog;	/* watches PIN */
	struct task_struct *pinning;	/* who it watches */
	bool hung;
	struct pinscope_page seen;	/* by the child's body */
	long result;			/* of the child's body */
	struct file *files[PK_FILES];	/* to be closed */
	struct pk_look looks[PK_LOOKS];
	unsigned int nr_looks;
};

/* Where no header of the architecture declares it. */
#if defined(CONFIG_UML) && !defined(MODULE)
typedef long pk_syscall_fn(unsigned long a, unsigned long b, unsigned long c,
			   unsigned long d, unsigned long e, unsigned long f);
extern pk_syscall_fn *const sys_call_table[];
#endif

/* What skips the case in a module never returns there; objtool wants to know. */
#ifdef MODULE
#define PK_BUILT_IN	__noreturn
#else
#define PK_BUILT_IN
#endif

/* process.c */
int pk_init(struct kunit *test);
void pk_exit(struct kunit *test);
struct file *pk_open(struct pk *p, const char *fs, const char *options,
		     const char *name, int flags);
bool pk_exists(struct pk *p, const char *fs, const char *name);
struct file *pk_reopen(struct pk *p, struct file *file, int flags);
void pk_close(struct pk *p, struct file *file);
long pk_read_number(struct pk *p, const char *fs, const char *name);
void pk_write_string(struct pk *p, const char *fs, const char *name,
		     const char *string);
unsigned long pk_map(struct pk *p, struct file *file, unsigned long len,
		     unsigned long prot, unsigned long flags, u64 offset);
unsigned long pk_map_at(struct pk *p, unsigned long addr, struct file *file,
			unsigned long len, unsigned long prot,
			unsigned long flags, u64 offset);
unsigned long pk_map_aligned(struct pk *p, unsigned long size,
			     struct file *file, unsigned long prot,
			     unsigned long flags, u64 offset);
void pk_vm_flags(struct pk *p, vm_flags_t set, vm_flags_t clear);
PK_BUILT_IN
long pk_syscall(struct pk *p, int nr, unsigned long a, unsigned long b,
		unsigned long c, unsigned long d, unsigned long e);
PK_BUILT_IN
void pk_fork(struct pk *p, void (*body)(struct pk *p));
void pk_join(struct pk *p);
PK_BUILT_IN
void pk_need_fork(struct pk *p);
PK_BUILT_IN
void pk_need_swap(struct pk *p);

/* page.c */
long pk_ioctl(struct pk *p, struct file *file, unsigned int cmd, void *arg,
	      size_t size);
struct pinscope_page pk_look(struct pk *p, const char *when);
struct pinscope_page pk_look_at(struct pk *p, unsigned long addr);
void pk_print_looks(struct pk *p);
void pk_expect(struct pk *p, const struct pinscope_page *page, u64 set,
	       u64 clear, const char *what);
u32 pk_fault(struct pk *p, u64 flags);
vm_fault_t pk_mm_fault(struct pk *p, unsigned int flags);
void pk_store(struct pk *p, u8 byte);
void pk_fill(struct pk *p, u8 byte);
u8 pk_load(struct pk *p);
void pk_bark(struct work_struct *work);
int pk_pin(struct pk *p, unsigned int call, u64 gup_flags, u32 *id);
void pk_unpin(struct pk *p, u32 id);
bool pk_pin_is_mapped(struct pk *p, u32 id);
u8 pk_load_by_pin(struct pk *p, u32 id);
PK_BUILT_IN
void pk_edit_entry(struct pk *p, pte_t (*edit)(pte_t pte));

/* What others change of a page at any time. */
#define PK_VOLATILE	((u64)(PINSCOPE_STATE_YOUNG | PINSCOPE_STATE_LRU))

/* What a memory kind is to the fault path: see kinds.c. */
enum pk_is {
	PK_COPIES	= BIT(0),	/* unshare makes a copy */
	PK_REUSES	= BIT(1),	/* unshare makes it exclusive where it is */
	PK_SHARED	= BIT(2),	/* MAP_SHARED */
	PK_NO_WRITE	= BIT(3),	/* the VMA has no VM_WRITE */
	PK_NO_FORCE	= BIT(4),	/* ... nor can FOLL_FORCE write */
	PK_PFNMAP	= BIT(5),	/* GUP refuses the VMA */
	PK_NO_PAGE	= BIT(6),	/* GUP refuses the entry as it is */
	PK_HUGETLB	= BIT(7),
	PK_EDITABLE	= BIT(8),	/* entries have soft-dirty and uffd-wp */
	PK_TRACKED	= BIT(9),	/* writes are: no long-term pin for them */
};

/* A kind of memory, and a state that it is in. */
struct pk_kind {
	const char *name;
	void (*make)(struct pk *p);
	unsigned int is;	/* enum pk_is */
	u64 set;		/* PINSCOPE_STATE_* that it has, when made */
	u64 clear;		/* and those that it has not */
};

void pk_make(struct pk *p, const struct pk_kind *kind);

/* Generators of parameters, which are of struct pk_kind. */
#ifdef HAVE_KUNIT_GENERATOR_TEST
#define PK_GENERATOR_ARGS	struct kunit *test, const void *prev, char *desc
#else
#define PK_GENERATOR_ARGS	const void *prev, char *desc
#endif

const void *pk_all(PK_GENERATOR_ARGS);
const void *pk_private(PK_GENERATOR_ARGS);
const void *pk_own(PK_GENERATOR_ARGS);
const void *pk_own_not_hugetlb(PK_GENERATOR_ARGS);
const void *pk_private_editable(PK_GENERATOR_ARGS);
const void *pk_private_pinnable(PK_GENERATOR_ARGS);
const void *pk_private_not_hugetlb(PK_GENERATOR_ARGS);
const void *pk_not_hugetlb(PK_GENERATOR_ARGS);
const void *pk_shared(PK_GENERATOR_ARGS);

extern struct kunit_suite pk_early_suite;
extern struct kunit_suite pk_unshare_suite;
extern struct kunit_suite pk_huge_suite;
extern struct kunit_suite pk_hugetlb_suite;
extern struct kunit_suite pk_gup_suite;
extern struct kunit_suite pk_around_suite;
extern struct kunit_suite pk_logic_suite;

#endif
