/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit suites share.
 *
 * Each test case runs as a process: pk_init() gives KUnit's thread an mm and
 * opens pinscope's ctl, and the test case uses the ABI of pinscope_abi.h as a
 * process would. Everything that has to be undone (files, a child, settings of
 * the kernel) is a deferred action of KUnit, which runs however the test case
 * ends.
 *
 * The suites can be built in or be a module. A module cannot fork, make system
 * calls or edit page table entries: test cases that need this are skipped there.
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

/* Short names for bits of the ABI. */
#define S(name)	PINSCOPE_STATE_##name
#define F(name)	PINSCOPE_FOLL_##name

/* The state bits that reclaim changes at any time. */
#define PK_VOLATILE	((u64)(S(YOUNG) | S(LRU)))

/* What INSPECT reported about the page under test, printed on failure. */
struct pk_observation {
	const char *when;
	struct pinscope_page page;
};

#define PK_OBSERVATIONS	12

struct pk;

/* A forked process: it runs @body and exits in pk_join(). */
struct pk_child {
	void (*body)(struct pk *p);
	struct completion body_done;
	struct completion may_exit;
	struct pid *pid;		/* NULL: there is no child */
};

/* A running test case. */
struct pk {
	struct kunit *test;
	struct file *ctl;
	unsigned long args;		/* user memory for arguments of calls */
	unsigned long addr;		/* the page under test */
	unsigned long size;		/* bytes that one entry maps there */
	struct file *file;		/* the mapped file, or NULL */
	struct pk_child child;
	struct pinscope_page child_page;	/* set by the child's body */
	long child_result;			/* set by the child's body */
	struct delayed_work watchdog;	/* kills @pinning when it runs */
	struct task_struct *pinning;
	bool pin_timed_out;
	struct pk_observation observations[PK_OBSERVATIONS];
	unsigned int nr_observations;
};

/* A setting of the kernel, and the value that it gets back. */
struct pk_setting {
	struct kunit *test;
	const char *fs;
	const char *name;
	char value[24];
};

/* UML has no header that declares it. */
#if defined(CONFIG_UML) && !defined(MODULE)
typedef long pk_syscall_fn(unsigned long a, unsigned long b, unsigned long c,
			   unsigned long d, unsigned long e, unsigned long f);
extern pk_syscall_fn *const sys_call_table[];
#endif

/* process.c */
int pk_skip_suite(struct kunit_suite *suite, const char *reason);
int pk_suite_init(struct kunit_suite *suite);
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
struct pk_setting *pk_set(struct pk *p, const char *fs, const char *name,
			  const char *value);
void pk_restore(struct pk *p, struct pk_setting *setting);
unsigned long pk_map(struct pk *p, struct file *file, unsigned long len,
		     unsigned long prot, unsigned long flags, u64 offset);
unsigned long pk_map_at(struct pk *p, unsigned long addr, struct file *file,
			unsigned long len, unsigned long prot,
			unsigned long flags, u64 offset);
unsigned long pk_map_aligned(struct pk *p, unsigned long size,
			     struct file *file, unsigned long prot,
			     unsigned long flags, u64 offset);
void pk_vm_flags(struct pk *p, vm_flags_t set, vm_flags_t clear);
#ifndef MODULE
long pk_syscall(struct pk *p, int nr, unsigned long a, unsigned long b,
		unsigned long c, unsigned long d, unsigned long e);
void pk_fork(struct pk *p, void (*body)(struct pk *p));
void pk_join(struct pk *p);
void pk_need_fork(struct pk *p);
void pk_need_swap(struct pk *p);
#else
/*
 * In a module these skip the test case and never return. They are inline since objtool
 * cannot know that of a function in another file.
 */
static inline void pk_need_swap(struct pk *p)
{
	kunit_skip(p->test, "a module cannot make system calls: build the suites in");
}

static inline long pk_syscall(struct pk *p, int nr, unsigned long a, unsigned long b,
			      unsigned long c, unsigned long d, unsigned long e)
{
	kunit_skip(p->test, "a module cannot make system calls: build the suites in");
}

static inline void pk_need_fork(struct pk *p)
{
	kunit_skip(p->test, "a module cannot fork: build the suites in");
}

static inline void pk_fork(struct pk *p, void (*body)(struct pk *p))
{
	pk_need_fork(p);
}

static inline void pk_join(struct pk *p)
{
}
#endif

/* page.c */
long pk_ioctl(struct pk *p, struct file *file, unsigned int cmd, void *arg,
	      size_t size);
struct pinscope_page pk_inspect(struct pk *p, const char *when);
struct pinscope_page pk_inspect_at(struct pk *p, unsigned long addr);
void pk_print_observations(struct pk *p);
void pk_expect_state(struct pk *p, const struct pinscope_page *page, u64 set,
		     u64 clear, const char *when);
void pk_expect_unchanged(struct pk *p, const struct pinscope_page *before,
			 const struct pinscope_page *after);
u32 pk_fault(struct pk *p, u64 flags);
vm_fault_t pk_mm_fault(struct pk *p, unsigned int flags);
void pk_store(struct pk *p, u8 byte);
void pk_fill(struct pk *p, u8 byte);
u8 pk_load(struct pk *p);
void pk_kill_pinning(struct work_struct *work);
int pk_pin(struct pk *p, unsigned int call, u64 gup_flags, u32 *id);
void pk_unpin(struct pk *p, u32 id);
bool pk_pin_is_mapped(struct pk *p, u32 id);
u8 pk_load_by_pin(struct pk *p, u32 id);
#ifndef MODULE
void pk_edit_entry(struct pk *p, pte_t (*edit)(pte_t pte));
#else
static inline void pk_edit_entry(struct pk *p, pte_t (*edit)(pte_t pte))
{
	kunit_skip(p->test, "a module cannot edit page tables: build the suites in");
}
#endif

/* What of a kind of memory, in its condition, decides what mm does with it. */
enum pk_trait {
	PK_SHARED	= BIT(0),	/* MAP_SHARED */
	PK_EXCLUSIVE	= BIT(1),	/* an exclusive anonymous page */
	PK_REUSABLE	= BIT(2),	/* anonymous, not exclusive, but the
					 * process alone has it
					 */
	PK_HUGETLB	= BIT(3),
	PK_READONLY	= BIT(4),	/* the VMA has no VM_WRITE */
	PK_VMA_REFUSED	= BIT(5),	/* GUP refuses the VMA: VM_PFNMAP */
	PK_NO_PAGE	= BIT(6),	/* GUP refuses the entry: no struct page */
	PK_WRITE_NOTIFY	= BIT(7),	/* the file system tracks writes */
	PK_EDITABLE	= BIT(8),	/* pk_edit_entry() can change the entry */
};

/* A kind of memory in a condition: a row of the table in kinds.c. */
struct pk_kind {
	const char *name;		/* KIND or KIND.CONDITION */
	void (*setup)(struct pk *p);
	unsigned int traits;		/* enum pk_trait */
	u64 set;			/* PINSCOPE_STATE_* bits after @setup */
	u64 clear;			/* bits that the page does not have then */
};

/* kinds.c */
void pk_setup(struct pk *p, const struct pk_kind *kind);

/* The parameters of test cases are kinds; newer KUnit passes the test as well. */
#ifdef HAVE_KUNIT_GENERATOR_TEST
#define PK_GENERATOR_ARGS	struct kunit *test, const void *prev, char *desc
#else
#define PK_GENERATOR_ARGS	const void *prev, char *desc
#endif

const void *pk_all_gen_params(PK_GENERATOR_ARGS);
const void *pk_not_hugetlb_gen_params(PK_GENERATOR_ARGS);
const void *pk_shared_gen_params(PK_GENERATOR_ARGS);
const void *pk_private_gen_params(PK_GENERATOR_ARGS);
const void *pk_private_not_hugetlb_gen_params(PK_GENERATOR_ARGS);
const void *pk_private_pinnable_gen_params(PK_GENERATOR_ARGS);
const void *pk_private_editable_gen_params(PK_GENERATOR_ARGS);
const void *pk_exclusive_gen_params(PK_GENERATOR_ARGS);
const void *pk_exclusive_not_hugetlb_gen_params(PK_GENERATOR_ARGS);

/*
 * The expected outcome of a pin or a fault. 'pinscope test' has the same
 * outcomes, under the same names, for the same rules.
 */
enum outcome {
	OUTCOME_REFUSED,	/* an error; the page stays */
	OUTCOME_STAYS,		/* the page stays as it is */
	OUTCOME_OWN,		/* the process gets an exclusive copy */
	OUTCOME_REUSED,		/* the page becomes exclusive without a copy */
};

/* rules.c */
enum outcome pk_unshare_outcome(const struct pk_kind *kind);
enum outcome pk_gup_outcome(const struct pk_kind *kind, unsigned int call,
			    u64 gup_flags, bool vm_write);
bool pk_is_pin(unsigned int call);

extern struct kunit_suite pk_logic_suite;
extern struct kunit_suite pk_sanitize_fault_flags_suite;
extern struct kunit_suite pk_unshare_suite;
extern struct kunit_suite pk_huge_fault_suite;
extern struct kunit_suite pk_hugetlb_suite;
extern struct kunit_suite pk_gup_suite;
extern struct kunit_suite pk_lifetime_suite;

#endif
