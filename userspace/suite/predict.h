/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a pin would do, from what can be seen of a process that knows nothing of it:
 * its VMA, the page table entry and the page, and the release of the kernel.
 *
 * predict() is a pure function. It goes through the checks of mm in the order in
 * which mm makes them; the first that applies decides. What it says is what the
 * running kernel does, bugs included; rules.c says what a kernel must do.
 */
#ifndef PINSCOPE_PREDICT_H
#define PINSCOPE_PREDICT_H

#include "process.h"

/* What becomes of a page that is pinned. */
enum fate {
	FATE_STAYS	= 1 << 0,	/* it is pinned where it is */
	FATE_EXCLUSIVE	= 1 << 1,	/* mm marks it exclusive where it is, and pins it */
	FATE_COPIED	= 1 << 2,	/* mm replaces it by an exclusive copy, and pins that */
	FATE_MOVED	= 1 << 3,	/* mm migrates it, and pins it in its new place */
	FATE_SWAPPED_IN	= 1 << 4,	/* it was swapped out, and is pinned once it is back */
	FATE_FAULTED_IN	= 1 << 5,	/* there was no page, and a new one is pinned */
	FATE_REFUSED	= 1 << 6,	/* the call fails */
	FATE_HANGS	= 1 << 7,	/* the call does not return unless it is killed */
	FATE_WAITS	= 1 << 8,	/* the call waits for a userfaultfd handler */
};

enum { FATES = 9 };

/* Their names: "stays", "copied"; the index is the number of the bit. */
extern const char *const fate_names[FATES];

/* Side effects of a pin. */
enum effect {
	EFFECT_SPLITS		= 1 << 0,	/* PTEs map what a PMD mapped */
	EFFECT_WRITABLE		= 1 << 1,	/* the entry gets writable and dirty */
	EFFECT_LOSES_UFFD_WP	= 1 << 2,
	EFFECT_LOSES_UFFD_RWP	= 1 << 3,
	EFFECT_STALE		= 1 << 4,	/* the next write replaces the page */
	EFFECT_ALLOCATES	= 1 << 5,	/* it takes memory */
	EFFECT_MAY_MIGRATE	= 1 << 6,	/* a NUMA hint is honoured */
};

enum { EFFECTS = 7 };

/* A sentence for each; the index is the number of the bit. */
extern const char *const effect_texts[EFFECTS];

/**
 * struct pin_facts - what can be seen of an address of a process
 * @release: KERNEL() of the kernel
 * @info: INFO: which calls and FOLL flags there are
 * @is_mapped: there is a VMA at the address: @vma
 * @stack_below: there is none, but one that grows down begins above
 * @vma: the VMA
 * @addr: the address
 * @page: the record of INSPECT; all 0: the entry is empty
 * @page_shift: log2 of the bytes of a base page
 * @mapped_by_others: another process maps the page, by /proc/PID/pagemap
 * @thp_disabled: by prctl(PR_SET_THP_DISABLE)
 * @has_cma: the machine has CMA areas
 * @uffd_async: of a VMA with userfaultfd-wp or -rwp: 1: a userfaultfd of the process has
 *	WP_ASYNC or RWP_ASYNC; 0: none of its has; -1: it has none, so that another process
 *	handles faults
 * @pool_free: hugetlb pages of the VMA's size that are neither used nor reserved; -1: the
 *	pool can grow
 */
struct pin_facts {
	unsigned int release;
	struct pinscope_info info;
	bool is_mapped;
	bool stack_below;
	struct vma vma;
	uint64_t addr;
	struct pinscope_page page;
	unsigned int page_shift;
	bool mapped_by_others;
	bool thp_disabled;
	bool has_cma;
	int uffd_async;
	long pool_free;
};

/**
 * struct pin_request - what is asked for
 * @call: enum pinscope_call
 * @gup_flags: PINSCOPE_FOLL_*
 * @io_uring: io_uring asks, which looks at the VMAs itself before 6.5
 */
struct pin_request {
	unsigned int call;
	uint64_t gup_flags;
	bool io_uring;
};

/**
 * struct check - a check of mm, and what follows when it applies
 * @function: the function of mm that makes it
 * @since: the release in which it came; 0: older than all that pinscope runs on
 * @before: the release in which it went; 0: it is there
 * @fates: enum fate; more than one: it depends on what cannot be seen
 * @error: errno, with FATE_REFUSED
 * @effects: enum effect
 * @why: a sentence: what mm sees, and does
 * @instead: what to do when that is not wanted; NULL: nothing
 */
struct check {
	const char *function;
	unsigned int since, before;
	unsigned int fates;
	int error;
	unsigned int effects;
	const char *why;
	const char *instead;
};

/**
 * struct prediction - what a pin would do
 * @fates: enum fate; more than one: it depends on what cannot be seen
 * @error: errno, when @fates has FATE_REFUSED
 * @effects: enum effect
 * @may: of @effects those that depend on what cannot be seen
 * @check: what decided
 * @then: what happens after that, such as a migration; or NULL
 */
struct prediction {
	unsigned int fates;
	int error;
	unsigned int effects;
	unsigned int may;
	const struct check *check;
	const struct check *then;
};

/**
 * predict() - say what a pin of one page would do
 * @facts: what can be seen
 * @request: what is asked for
 *
 * Return: the prediction.
 */
struct prediction predict(const struct pin_facts *facts, const struct pin_request *request);

/**
 * prediction_works() - would the call succeed?
 * @p: the prediction
 *
 * Return: whether it would, for certain.
 */
static inline bool prediction_works(const struct prediction *p)
{
	return !(p->fates & (FATE_REFUSED | FATE_HANGS | FATE_WAITS));
}

/**
 * prediction_text() - write the outcome in a few words
 * @p: the prediction
 * @buf: out: "copied", "fails with EFAULT", "exclusive or copied"
 * @size: bytes at @buf
 *
 * Return: @buf.
 */
const char *prediction_text(const struct prediction *p, char *buf, size_t size);

/**
 * prediction_mismatch() - compare a prediction with what happened
 * @p: the prediction
 * @before: the page before the call
 * @after: the page after it
 * @ret: 0 or the negative errno of the call
 * @buf: out: "predicted ..., found ..."
 * @size: bytes at @buf
 *
 * Return: @buf, or NULL when the prediction came true.
 */
const char *prediction_mismatch(const struct prediction *p, const struct pinscope_page *before,
				const struct pinscope_page *after, int ret, char *buf,
				size_t size);

/**
 * facts_begin() - find out what is the same for all addresses of a process
 * @facts: out: all but what the functions below set
 * @p: the process
 * @fd: from pinscope_open()
 *
 * Return: 0, or a negative errno with p->why.
 */
int facts_begin(struct pin_facts *facts, struct process *p, int fd);

/**
 * facts_set_vma() - go on to a VMA
 * @facts: out: what depends on the VMA
 * @p: the process
 * @vma: with its backing
 *
 * The process is not touched, by this or the following functions: nothing is faulted
 * in, and nothing changes.
 */
void facts_set_vma(struct pin_facts *facts, const struct process *p, const struct vma *vma);

/**
 * facts_set_page() - go on to a page of the VMA
 * @facts: out: what depends on the page
 * @p: the process
 * @addr: page aligned
 * @page: a record of INSPECT that has the address; NULL: the entry is empty
 */
void facts_set_page(struct pin_facts *facts, const struct process *p, uint64_t addr,
		    const struct pinscope_page *page);

/**
 * facts_gather() - look at one page of a process
 * @facts: out
 * @p: the process
 * @fd: from pinscope_open()
 * @addr: page aligned
 *
 * Return: 0, also when nothing is mapped there; or a negative errno with p->why.
 */
int facts_gather(struct pin_facts *facts, struct process *p, int fd, uint64_t addr);

#endif
