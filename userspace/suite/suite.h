/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The suite's words, and the tables that are made of them:
 *
 *	kind		what backs a mapping, and how it is mapped	kinds.c
 *	condition	what is true of the memory when it is pinned	conditions.c
 *	request		who pins, by which call, with which gup_flags	requests.c
 *	property	what must hold					properties.c
 *
 * A scenario is a kind in a condition with a request. It runs once, in a
 * fixture, and gives a verdict for each property that applies to it: a test
 * case, whose name is
 *
 *	KIND.CONDITION/CALL[+FLAG...]:PROPERTY
 *
 * What must happen is decided in rules.c alone; execute.c makes it happen and
 * compares.
 */
#ifndef PINSCOPE_SUITE_H
#define PINSCOPE_SUITE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/pinscope.h"
#include "sys.h"

/* Bytes for the name of any test case. */
#define CASE_NAME_MAX	192

/* Bytes for the reason of a verdict. */
#define REASON_MAX	240

/* Bytes for the names of all page state bits that a page can have. */
#define NAMES_MAX	640

struct fixture;
struct scenario;

/* ------------------------------------------------------------------ kinds */

enum backing {
	BACKING_NONE,		/* anonymous memory */
	BACKING_MEMFD,
	BACKING_SHMEM_FILE,	/* a file in /dev/shm */
	BACKING_DISK_FILE,	/* a file in a directory that the user names */
};

/**
 * struct mapping - how memory_map() makes memory
 * @backing: where the pages come from
 * @shared: MAP_SHARED instead of MAP_PRIVATE
 * @written: populated by writing instead of reading
 * @thp: the range is aligned, and one PMD must map it
 * @hugetlb: from the pool of one of the machine's hugetlb sizes
 * @has: page state bits of the first page when it is populated
 * @hasnt: page state bits that it must not have then
 */
struct mapping {
	enum backing backing;
	bool shared;
	bool written;
	bool thp;
	bool hugetlb;
	uint64_t has;
	uint64_t hasnt;
};

/* What the rules and the conditions must know of a kind. */
enum kind_trait {
	KIND_SHARED		= 1 << 0,	/* MAP_SHARED */
	KIND_VMA_REFUSED	= 1 << 1,	/* GUP refuses the VMA or its marker */
	KIND_NO_PAGE		= 1 << 2,	/* the entry holds a PFN without a page */
	KIND_FILE		= 1 << 3,	/* the file's content can be read back */
	KIND_WRITE_NOTIFY	= 1 << 4,	/* the file system tracks writes */
	KIND_LARGE_FOLIO	= 1 << 5,	/* part of a large folio, mapped by PTEs */
	KIND_GIGANTIC		= 1 << 6,	/* a copy takes seconds: few scenarios */
	KIND_NOT_PRESENT	= 1 << 7,	/* the entry is not present: any access faults */
	KIND_ONE_AT_A_TIME	= 1 << 8,	/* uses what the machine has once */
	KIND_VARIANT		= 1 << 9,	/* of another kind, or size: few requests */
	KIND_NUMA_HINT		= 1 << 10,	/* an access may move it to another node */
	KIND_DAX		= 1 << 11,	/* the pages are the storage */
	KIND_BASE_PAGES		= 1 << 12,	/* can be collapsed to a THP */
	KIND_DRIVER		= 1 << 13,	/* a driver's pages: mm does not migrate them */
	KIND_CHECK		= 1 << 14,	/* a row of `pinscope check` */
	KIND_CONTROL		= 1 << 15,	/* pinning it was always reliable */
	KIND_PMD		= 1 << 16,	/* one PMD maps it */
	KIND_P2PDMA		= 1 << 17,	/* GUP takes it with FOLL_PCI_P2PDMA only */
};

/**
 * struct kind - a kind of memory
 * @name: a row's name ends in [SIZE] or [FS] when there are several of it;
 *	on this machine that is a size, or a file system
 * @what: a sentence: what it is, and why it matters
 * @mapping: how it is mapped at first; NULL: @make maps it
 * @make: what is done after that; NULL: nothing. Returns NULL, or why it is
 *	not possible here
 * @traits: enum kind_trait
 * @has: page state bits of the page under test, once it is made
 * @hasnt: page state bits that it must not have
 * @exists: whether this kernel and machine have it, for files in @dir;
 *	NULL: always
 * @dir: for files: the directory
 * @len: bytes of @mapping, a multiple of @page
 * @page: bytes that one page table entry of @mapping maps
 * @hugetlb_shift: log2 of the hugetlb page size, or 0
 * @folio_size: bytes of the folio that @make has to get
 *
 * The table's rows have no @dir and what follows; kinds_expand() sets them.
 */
struct kind {
	char name[48];
	const char *what;
	const struct mapping *mapping;
	const char *(*make)(struct fixture *f);
	unsigned int traits;
	uint64_t has;
	uint64_t hasnt;
	bool (*exists)(const char *dir);
	const char *dir;
	size_t len;
	size_t page;
	unsigned int hugetlb_shift;
	size_t folio_size;
};

extern const struct kind kind_table[];
extern const size_t nr_kind_table;

/* Directories that the user names, for files on disks. */
enum { MAX_DIRS = 8 };

/**
 * kinds_expand() - all kinds that this machine could have
 * @dirs: directories on disks; without one there are no kinds of files
 * @nr_dirs: how many
 * @nr: out: how many kinds
 *
 * Return: an array for free(), in the table's order; NULL without memory.
 */
struct kind *kinds_expand(const char *const *dirs, size_t nr_dirs, size_t *nr);

/**
 * kind_find() - a kind by its name
 * @kinds: from kinds_expand()
 * @nr: how many
 * @name: the name
 *
 * Return: it, or NULL.
 */
const struct kind *kind_find(const struct kind *kinds, size_t nr, const char *name);

/* ------------------------------------------------------------- conditions */

struct request;

/* What the rules must know of a condition. */
enum condition_trait {
	COND_FRESH		= 1 << 0,	/* nothing was done after the kind was made */
	COND_CHILD		= 1 << 1,	/* a child has the page */
	COND_CHILD_MAPS		= 1 << 2,	/* ... and maps it */
	COND_CHILD_REFERENCES	= 1 << 3,	/* ... by a reference alone */
	COND_SHARED_BEFORE	= 1 << 4,	/* a child mapped it, and is gone */
	COND_READONLY		= 1 << 5,	/* the VMA has no VM_WRITE */
	COND_UFFD_WP		= 1 << 6,	/* userfaultfd has write-protected it */
	COND_WRITE_BLOCKS	= 1 << 7,	/* a write waits for a userfaultfd handler */
	COND_SOFT_DIRTY_CLEARED	= 1 << 8,
	COND_POOL_EMPTY		= 1 << 9,	/* no hugetlb page is free, for anybody */
	COND_TAKEN_FROM_CHILD	= 1 << 10,	/* so mm unmaps the child's instead of copying */
	COND_BASIC		= 1 << 11,	/* for requests with SCOPE_BASIC as well */
	COND_FORKS		= 1 << 12,	/* entering it takes a fork */
	COND_WRITES		= 1 << 13,	/* entering it writes, or faults as a write does */
	COND_PINS		= 1 << 14,	/* somebody else has pinned the page */
	COND_MOVES		= 1 << 15,	/* entering it migrates the page */
	COND_ALONE		= 1 << 16,	/* for kinds and rules that no sequence has */
	COND_UFFD_RWP		= 1 << 17,	/* userfaultfd is told of the next access */
	COND_NO_ACCESS		= 1 << 18,	/* the VMA has no VM_READ either */
	COND_LOCKED		= 1 << 19,	/* mlock() */
	COND_SWAPPED		= 1 << 20,	/* it is swapped out, after another condition */
};

/* Conditions of a sequence. */
#define MAX_PARTS	3

/**
 * struct condition - what is true of the memory when it is pinned
 * @name: of the condition
 * @what: a sentence: what it is, and why it matters
 * @enter: makes it so; NULL: nothing to do. Returns NULL, or why it cannot
 * @applies: whether a kind can be in it, for a request; NULL: any
 * @traits: enum condition_trait
 * @exists: whether this kernel and machine have it; NULL: always
 * @parts: the conditions that are entered one after the other; NULL: there are no more
 */
struct condition {
	const char *name;
	const char *what;
	const char *(*enter)(struct fixture *f);
	bool (*applies)(const struct kind *kind, const struct request *request);
	unsigned int traits;
	bool (*exists)(void);
	const struct condition *parts[MAX_PARTS];
};

extern const struct condition conditions[];
extern const size_t nr_conditions;

/**
 * conditions_sequences() - all conditions that are some of the table, one after the other
 * @nr: out: how many
 *
 * Which of them exist goes by what entering them takes: there is one child, one
 * userfaultfd and one other pin; a write would wait for the handler of a userfaultfd; and
 * mm does not migrate what somebody holds. Of three, all pairs must exist.
 *
 * Return: an array that stays; NULL without memory.
 */
const struct condition *conditions_sequences(size_t *nr);

/* --------------------------------------------------------------- requests */

/* What the rules must know of a call of mm/gup.c. */
enum call_trait {
	CALL_TAKES_PINS		= 1 << 0,	/* pins, not references */
	CALL_BASIC		= 1 << 1,	/* the other pin calls come to its code */
	CALL_FAST_ONLY		= 1 << 2,	/* fails where the lockless walk does not do */
};

/**
 * struct call - a call of mm/gup.c
 * @what: a sentence: which function it is, and how it differs
 * @traits: enum call_trait
 *
 * Its name is libpinscope's; the index is enum pinscope_call.
 */
struct call {
	const char *what;
	unsigned int traits;
};

extern const struct call calls[PINSCOPE_CALLS];

/* What the rules and the runner must know of a pinner. */
enum pinner_trait {
	PINNER_SHORT		= 1 << 0,	/* holds nothing any more when @pin returns */
	PINNER_MODULE		= 1 << 1,	/* cannot do without pinscope.ko */
	PINNER_BY_WORKER	= 1 << 2,	/* a worker thread of the kernel calls GUP */
};

/* What a pinner uses, and the machine has once. */
enum pinner_device {
	DEVICE_NONE, DEVICE_VFIO, DEVICE_VETH, DEVICE_VDUSE, DEVICE_VIVID,
};

/**
 * struct pinner - who pins
 * @name: in the name of a test case, in the place of the call; NULL for the
 *	module, whose test cases name the call and the gup_flags
 * @what: a sentence: what it is, and which call and gup_flags it comes to
 * @traits: enum pinner_trait
 * @device: one scenario at a time has it
 * @room: bytes before the page under test that it pins as well, and after it as many with
 *	the page: the suite reserves that much around what struct mapping makes, and what is
 *	not mapped there is up to @pin. GUP then returns that it has pinned what comes before
 *	a page that it refuses, and the pinner fails with ENOMEM. 0: it pins the page alone
 * @missing: NULL when the kernel and the machine have it, else why not and what to do;
 *	leaves nothing open, and takes no time. The string stays. Without the
 *	function they always have it
 * @takes: whether a kind of memory can be given to it at all; NULL: every kind.
 *	What it is given and refuses is for @refuses
 * @refuses: the negative errno with which it refuses a scenario by itself, before or
 *	instead of GUP; 0: it goes by the rules of GUP. NULL: it always does
 * @open: opens what it needs, once in each process and before the first pin there;
 *	the process keeps it. NULL: nothing. Returns NULL, or why it is not possible
 * @pin: pins the page under test, f->addr; keeps what it needs in f->pinner_data.
 *	Returns 0 or a negative errno; ENODEV: the machine does not have it, and f->why
 *	says what to do
 * @see: the byte that the pinned page begins with, by the pinner's own means (a device
 *	reads it); -1: it cannot be seen. NULL: it never can
 * @put: writes a byte to the beginning of the pinned page; NULL: it cannot
 * @is_mapped: is the pinned page the one that the process has mapped? NULL: the suite
 *	goes by the pincount of the page that the process has mapped
 * @unpin: returns 0 or a negative errno
 *
 * Only @open and @pin may fail for want of something; @unpin undoes all of @pin. None
 * of them may need f->fd, the module's file, unless PINNER_MODULE is set.
 */
struct pinner {
	const char *name;
	const char *what;
	unsigned int traits;
	enum pinner_device device;
	size_t room;
	const char *(*missing)(void);
	bool (*takes)(const struct kind *kind);
	int (*refuses)(const struct scenario *s);
	const char *(*open)(void);
	int (*pin)(struct fixture *f);
	int (*see)(struct fixture *f);
	void (*put)(struct fixture *f, char byte);
	bool (*is_mapped)(struct fixture *f);
	int (*unpin)(struct fixture *f);
};

extern const struct pinner by_module, by_module_memfd, by_io_uring, by_vmsplice;
extern const struct pinner by_vfio_read, by_vfio_write;		/* pin_vfio.c */
extern const struct pinner by_iommufd_read, by_iommufd_write, by_iommufd_memfd;
extern const struct pinner by_rdma_rxe_read, by_rdma_rxe_write;	/* pin_rdma.c */
extern const struct pinner by_rdma_siw_read, by_rdma_siw_write;
extern const struct pinner by_vm_readv, by_vm_writev;		/* pin_call.c */
extern const struct pinner by_mem_read, by_mem_write;
extern const struct pinner by_uring_ring;			/* pin_uring.c */
extern const struct pinner by_xsk, by_zerocopy;			/* pin_net.c */
extern const struct pinner by_direct_read, by_direct_write;	/* pin_direct.c */
extern const struct pinner by_udmabuf;				/* pin_udmabuf.c */
extern const struct pinner by_ublk_read, by_ublk_write;		/* pin_ublk.c */
extern const struct pinner by_v4l2_output, by_v4l2_capture;	/* pin_vivid.c */
extern const struct pinner by_vduse;				/* pin_vduse.c */
extern const struct pinner by_cuda_read, by_cuda_write;		/* pin_cuda.c */

/* All of them, ended by NULL. */
extern const struct pinner *const pinners[];

/**
 * pinner_missing() - does the machine have a pinner?
 * @pinner: the pinner
 *
 * Return: NULL when it does; else why not, and what to do.
 */
const char *pinner_missing(const struct pinner *pinner);

/**
 * pinner_pin() - let the scenario's pinner pin the page under test
 * @f: the fixture
 *
 * Return: 0 or a negative errno; ENODEV: it cannot be asked, and f->why says why.
 */
int pinner_pin(struct fixture *f);

/* In which conditions a request runs. */
enum scope {
	SCOPE_ALL,
	SCOPE_BASIC,	/* those with COND_BASIC for kinds with KIND_CHECK, and fresh */
	SCOPE_FRESH,	/* it comes to the code of another row: fresh is enough */
};

/**
 * struct request - who pins, and how
 * @pinner: who
 * @call: enum pinscope_call that it comes to
 * @gup_flags: PINSCOPE_FOLL_* that it passes
 * @scope: in which conditions it runs
 * @since: the first kernel in which the pinner comes to this, KERNEL(); 0: all before,
 *	too
 * @before: the first kernel in which it no longer does; 0: there is none
 *
 * A pinner that came to another call in older kernels has several rows, with one name.
 */
struct request {
	const struct pinner *pinner;
	unsigned int call;
	uint64_t gup_flags;
	enum scope scope;
	unsigned int since, before;
};

extern const struct request requests[];
extern const size_t nr_requests;

/**
 * request_exists() - does this kernel and machine have a request's pinner, by this row?
 * @request: the row
 *
 * Return: whether it does.
 */
bool request_exists(const struct request *request);

/**
 * request_by() - what a pinner comes to on this kernel
 * @pinner: the pinner, which the machine need not have
 *
 * Return: its row, the first when it has several; NULL: none on this kernel.
 */
const struct request *request_by(const struct pinner *pinner);

/**
 * request_name() - CALL[+FLAG...], or the pinner's name
 * @request: the request
 * @buf: gets it
 * @size: bytes in @buf
 *
 * Return: @buf.
 */
const char *request_name(const struct request *request, char *buf, size_t size);

/* ------------------------------------------------------------- properties */

/* In the order in which a scenario comes to them. */
enum property {
	PROP_SETUP,
	PROP_PREDICTED,
	PROP_ERRNO,
	PROP_AS_DECLARED,
	PROP_SAME_PAGE,
	PROP_REPLACED,
	PROP_EXCLUSIVE,
	PROP_ENTRY,
	PROP_CONTENT,
	PROP_NO_WRITE,
	PROP_TRACKING,
	PROP_NUMA_HINT,
	PROP_CHILD_UNTRACKED,
	PROP_RELIABLE,
	PROP_DEVICE_WRITE,
	PROP_CHILD_ISOLATED,
	PROP_FORK_AFTER,
	PROP_NO_LEAK,
	PROP_EXEC_AFTER,
	PROP_EXIT_AFTER,
	PROP_FILE_UNCHANGED,
	PROP_RSS,
	PROP_MPROTECT_AFTER,
	PROP_MREMAP_AFTER,
	PROP_PAGEOUT_AFTER,
	PROP_FREE_AFTER,
	PROP_MOVE_AFTER,
	PROP_SPLIT_AFTER,
	PROP_COLLAPSE_AFTER,
	PROP_UFFD_MOVE_AFTER,
	PROP_WRITEBACK_AFTER,
	PROP_MLOCK_AFTER,
	PROP_MERGE_AFTER,
	PROP_SOFT_OFFLINE_AFTER,
	PROP_COMPACT_AFTER,
	PROP_NUMA_HINT_AFTER,
	PROP_PUNCH_BESIDE_AFTER,
	PROP_TRUNCATE_BESIDE_AFTER,
	PROP_DIRECT_BESIDE_AFTER,
	PROP_DONTNEED_AFTER,
	PROP_PUNCH_AFTER,
	PROP_TRUNCATE_AFTER,
	PROP_COUNTS,
	PROP_MIGRATES,
	PROP_WRITTEN_BACK,
	PROP_RELEASE_DIRTY,
	PROP_MANY_PAGES,
	PROP_NO_SPLAT,
	PROPS
};

struct property_row {
	const char *name;
	const char *what;
};

extern const struct property_row properties[PROPS];

/* -------------------------------------------------------------- scenarios */

struct scenario {
	const struct kind *kind;
	const struct condition *condition;
	const struct request *request;
};

/**
 * scenario_name() - the name of a test case
 * @scenario: the scenario
 * @property: or PROPS for the scenario alone
 * @buf: gets it
 * @size: bytes in @buf; CASE_NAME_MAX is enough
 *
 * Return: @buf.
 */
const char *scenario_name(const struct scenario *scenario, enum property property,
			  char *buf, size_t size);

enum verdict {
	VERDICT_NONE,		/* the property did not come up */
	VERDICT_PASS,
	VERDICT_FAIL,
	VERDICT_SKIP,
	VERDICT_XFAIL,		/* fails, and errata says that this kernel does */
	VERDICTS
};

extern const char *const verdict_names[VERDICTS];

/* What came of a pin, right or wrong; `pinscope matrix` shows it. */
struct observation {
	bool pinned;
	int error;		/* errno, when it was not */
	bool replaced;		/* the process has another page mapped now */
	bool stale;		/* the process wrote, and has another page than the pin */
	uint64_t gained;	/* page state bits that the entry got */
	struct pinscope_page before, after;
};

/* What a scenario leaves. Plain memory: workers share it with their parent. */
struct outcome_record {
	long made;		/* sys_now_ms() when the memory was there, or 0 */
	struct observation seen;
	enum verdict verdicts[PROPS];
	char reasons[PROPS][REASON_MAX];
	bool splat;		/* the kernel logged one meanwhile */
};

/**
 * scenario_run() - make memory, pin it, and compare what comes of it
 * @scenario: which
 * @fd: from pinscope_open(); nobody else uses it
 * @record: all zero; out: verdicts, reasons and what was seen
 */
void scenario_run(const struct scenario *scenario, int fd,
		  struct outcome_record *record);

/**
 * struct look - what scenario_look() saw
 * @made: the memory was made, and the pinner could be asked; else @why says why not
 * @error: errno, when the memory could not be pinned
 * @stale: the pin holds another page than the process wrote to
 * @seen: the byte that the pinner sees after that; -1: it cannot tell
 * @why: the reason, when the rest is not good
 */
struct look {
	bool made;
	int error;
	bool stale;
	int seen;
	char why[REASON_MAX];
};

/**
 * scenario_look() - pin memory, let the process write, and look through the pin
 * @scenario: which; its condition is ignored
 * @fd: from pinscope_open(); -1: without the module, by content alone
 * @look: out
 */
void scenario_look(const struct scenario *scenario, int fd, struct look *look);

#endif
