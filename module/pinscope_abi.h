/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of /sys/kernel/debug/pinscope/ctl, and of map next to it, which
 * takes the same ioctls and can be mapped.
 *
 * One ABI for every kernel: the flag bits below are pinscope's own and never
 * change; the module translates them to what the running kernel calls them.
 * INFO tells what the running kernel has.
 *
 * Every struct starts with its own size and grows at the end only. A caller
 * with a shorter struct gets zeroes for what it does not know; a caller with a
 * longer one gets E2BIG unless the bytes that the module does not know are
 * zero. All structs have the same layout for 32-bit and 64-bit callers.
 *
 * Common errors: ENOTTY unknown command; EINVAL size below the minimum, or a
 * field with a value it does not take; E2BIG see above; EFAULT bad pointer, or
 * an address range that is not (wholly) user memory; EOVERFLOW a range that
 * wraps around; EINTR killed.
 */
#ifndef PINSCOPE_ABI_H
#define PINSCOPE_ABI_H

#include <linux/const.h>
#include <linux/ioctl.h>
#include <linux/types.h>

#ifndef PINSCOPE_ABI_VERSION
/* Goes up whenever something is added. */
#define PINSCOPE_ABI_VERSION	4U
#endif
/* The oldest caller that the module still serves. */
#define PINSCOPE_ABI_OLDEST	1U

#define PINSCOPE_IOC_MAGIC	0xB1

enum pinscope_cmd {
	PINSCOPE_CMD_INFO,
	PINSCOPE_CMD_PIN,
	PINSCOPE_CMD_UNPIN,
	PINSCOPE_CMD_READ,
	PINSCOPE_CMD_INSPECT,
	PINSCOPE_CMD_COMPARE,
	PINSCOPE_CMD_WRITE,		/* from version 2 on, like what follows */
	PINSCOPE_CMD_FAULT,
	PINSCOPE_CMD_MAP_COUNTS,
	PINSCOPE_CMD_RSS,		/* from version 4 on */
};

/* Like iommufd's, the numbers do not encode the size: the structs carry it. */
#define PINSCOPE_IOC_INFO	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_INFO)
#define PINSCOPE_IOC_PIN	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_PIN)
#define PINSCOPE_IOC_UNPIN	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_UNPIN)
#define PINSCOPE_IOC_READ	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_READ)
#define PINSCOPE_IOC_INSPECT	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_INSPECT)
#define PINSCOPE_IOC_COMPARE	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_COMPARE)
#define PINSCOPE_IOC_WRITE	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_WRITE)
#define PINSCOPE_IOC_FAULT	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_FAULT)
#define PINSCOPE_IOC_MAP_COUNTS	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_MAP_COUNTS)
#define PINSCOPE_IOC_RSS	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_RSS)

/*
 * Whose memory, in the fields @target_type and @target_nr of the structs below.
 *
 * Another process is one that the caller could attach a debugger to; who may
 * is asked of procfs, so /proc must be mounted. Errors: EPERM or EACCES not
 * permitted; ESRCH no such process, or one without memory (a kernel thread, a
 * zombie); EBADF not a pidfd; ENOENT also when /proc is not mounted.
 */
enum pinscope_target_type {
	PINSCOPE_TARGET_CALLER,	/* the calling process's; @target_nr is 0 */
	PINSCOPE_TARGET_PID,	/* of the process @target_nr, in the caller's pid namespace */
	PINSCOPE_TARGET_PIDFD,	/* of the process that the pidfd @target_nr stands for */
	PINSCOPE_TARGET_PIN,	/* INSPECT: what the pin @target_nr of this open file holds */
	PINSCOPE_TARGET_MEMFD,	/* PIN with CALL_PIN_MEMFD: of the memfd or hugetlbfs
				 * file @target_nr; addresses are file offsets
				 */
};

/* How to pin: which call of mm/gup.c. */
enum pinscope_call {
	PINSCOPE_CALL_PIN,		/* pin_user_pages() */
	PINSCOPE_CALL_PIN_FAST,		/* pin_user_pages_fast() */
	PINSCOPE_CALL_PIN_FAST_ONLY,		/* pin_user_pages_fast_only(); gone in 6.3 */
	PINSCOPE_CALL_PIN_UNLOCKED,		/* pin_user_pages_unlocked() */
	PINSCOPE_CALL_PIN_REMOTE,		/* pin_user_pages_remote() */
	/* References instead of pins, dropped with put_page(). */
	PINSCOPE_CALL_GET,		/* get_user_pages() */
	PINSCOPE_CALL_GET_FAST,		/* get_user_pages_fast() */
	PINSCOPE_CALL_GET_FAST_ONLY,	/* get_user_pages_fast_only() */
	PINSCOPE_CALL_GET_UNLOCKED,	/* get_user_pages_unlocked() */
	PINSCOPE_CALL_GET_REMOTE,	/* get_user_pages_remote() */
	PINSCOPE_CALL_PIN_MEMFD,		/* memfd_pin_folios(), from 6.11 on */
	PINSCOPE_CALLS,			/* how many this header knows */
	PINSCOPE_CALLS_MAX = 16,
};

/* F(CALL, name) for each of them. */
#define PINSCOPE_CALL_NAMES(F)						\
	F(PIN, "pin") F(PIN_FAST, "pin-fast")				\
	F(PIN_FAST_ONLY, "pin-fast-only")				\
	F(PIN_UNLOCKED, "pin-unlocked") F(PIN_REMOTE, "pin-remote")	\
	F(GET, "get") F(GET_FAST, "get-fast")				\
	F(GET_FAST_ONLY, "get-fast-only")				\
	F(GET_UNLOCKED, "get-unlocked") F(GET_REMOTE, "get-remote")	\
	F(PIN_MEMFD, "pin-memfd")

/* FOLL flags, in pinscope's own stable numbers. */
#define PINSCOPE_FOLL_WRITE		_BITULL(0)
#define PINSCOPE_FOLL_FORCE		_BITULL(1)
#define PINSCOPE_FOLL_DUMP		_BITULL(2)
#define PINSCOPE_FOLL_NOWAIT		_BITULL(3)
#define PINSCOPE_FOLL_NOFAULT		_BITULL(4)
#define PINSCOPE_FOLL_HWPOISON		_BITULL(5)
#define PINSCOPE_FOLL_ANON		_BITULL(6)
#define PINSCOPE_FOLL_LONGTERM		_BITULL(7)
#define PINSCOPE_FOLL_SPLIT_PMD		_BITULL(8)
#define PINSCOPE_FOLL_PCI_P2PDMA	_BITULL(9)
#define PINSCOPE_FOLL_INTERRUPTIBLE	_BITULL(10)
#define PINSCOPE_FOLL_HONOR_NUMA_FAULT	_BITULL(11)
#define PINSCOPE_FOLL_GET		_BITULL(12)	/* the get ways imply it */

/* F(NAME) for each of them. */
#define PINSCOPE_FOLL_NAMES(F)						\
	F(WRITE) F(FORCE) F(DUMP) F(NOWAIT) F(NOFAULT) F(HWPOISON)	\
	F(ANON) F(LONGTERM) F(SPLIT_PMD) F(PCI_P2PDMA) F(INTERRUPTIBLE)	\
	F(HONOR_NUMA_FAULT) F(GET)

/**
 * struct pinscope_info - what the module and the running kernel can do
 * @size: in: sizeof(struct pinscope_info)
 * @abi_version: out: PINSCOPE_ABI_VERSION of the module
 * @abi_oldest: out: the oldest version that the module still serves
 * @page_shift: out: log2 of the base page size in bytes
 * @commands: out: bit n is set when command n exists
 * @states: out: PINSCOPE_STATE_* bits that INSPECT can tell on this kernel
 * @gup_flags: out: per way the PINSCOPE_FOLL_* bits that it takes; meaningful only
 *	where @calls has the way's bit
 * @calls: out: bit n is set when way n exists
 * @pinned_pages: out: base pages pinned now, over all users
 * @max_pages: out: limit on @pinned_pages
 * @fault: out: PINSCOPE_FAULT_* bits that FAULT takes
 * @vm_fault: out: PINSCOPE_VM_FAULT_* bits that this kernel has
 * @maps: out: bit n is set when map n exists
 */
struct pinscope_info {
	__u32 size;
	__u32 abi_version;
	__u32 abi_oldest;
	__u32 page_shift;
	__u64 commands;
	__u64 states;
	__u64 gup_flags[PINSCOPE_CALLS_MAX];
	__u64 calls;
	__u64 pinned_pages;
	__u64 max_pages;
	__u64 fault;
	__u64 vm_fault;
	__u64 maps;
};

/* Keep what was pinned when fewer pages than asked for could be. */
#define PINSCOPE_PIN_PARTIAL	_BITUL(0)

#define PINSCOPE_BATCH_MAX	0x40000U

/* Whether GUP dropped the mmap lock on its way. */
enum pinscope_lock {
	PINSCOPE_LOCK_UNKNOWN,	/* the call takes and drops it by itself */
	PINSCOPE_LOCK_KEPT,
	PINSCOPE_LOCK_DROPPED,
	PINSCOPE_LOCK_NONE,	/* the call never takes it */
};

/**
 * struct pinscope_pin - pin pages
 * @size: in: sizeof(struct pinscope_pin)
 * @call: in: enum pinscope_call
 * @gup_flags: in: PINSCOPE_FOLL_*
 * @addr: in: first address, page aligned
 * @len: in: bytes, a multiple of the page size, not 0
 * @flags: in: PINSCOPE_PIN_*
 * @id: out: names the pin in later calls on the same open file; never 0
 * @pages: out: base pages pinned; fewer than @len asked for is a partial pin
 * @elapsed_ns: out: time spent in GUP
 * @target_type: in: enum pinscope_target_type; other processes only with the remote ways
 * @target_nr: in: see there
 * @lock: out: enum pinscope_lock
 * @batch: in: base pages that GUP is asked for at a time, at most
 *	PINSCOPE_BATCH_MAX; 0 for what suits, as also with CALL_PIN_MEMFD; from
 *	version 3 on
 *
 * Without PINSCOPE_PIN_PARTIAL it is all or nothing. Errors: those of GUP;
 * EINVAL for a flag that the way does not take on this kernel or a combination
 * that GUP refuses with a warning; EOPNOTSUPP for a way that this kernel does
 * not have; EAGAIN when GUP made no progress and gave no reason; ENOMEM also
 * when the module's limit on pinned pages is reached.
 */
struct pinscope_pin {
	__u32 size;
	__u32 call;
	__u64 gup_flags;
	__u64 addr;
	__u64 len;
	__u32 flags;
	__u32 id;
	__u64 pages;
	__u64 elapsed_ns;
	__u32 target_type;
	__s32 target_nr;
	__u32 lock;
	__u32 batch;
};

/* Mark the pages dirty first. EACCES unless pinned with FOLL_WRITE. */
#define PINSCOPE_UNPIN_DIRTY	_BITUL(0)

/**
 * struct pinscope_unpin - release a pin, or a part of it
 * @size: in: sizeof(struct pinscope_unpin)
 * @id: in: the pin; ENOENT when this open file has none of that id
 * @flags: in: PINSCOPE_UNPIN_*
 * @reserved: 0
 * @offset: in: bytes from the start of the pin, a multiple of the page size
 * @len: in: bytes, likewise; 0 with @offset 0 releases all of it; ERANGE
 *	unless @offset + @len is inside the pin
 * @left: out: base pages that are still pinned; with 0 the id is gone
 *
 * Offsets into the rest of the pin stay what they were, and releasing what is
 * released already does nothing. What CALL_PIN_MEMFD pinned is released by whole
 * folios: EINVAL for a part of one.
 */
struct pinscope_unpin {
	__u32 size;
	__u32 id;
	__u32 flags;
	__u32 reserved;
	__u64 offset;
	__u64 len;
	__u64 left;
};

/**
 * struct pinscope_io - READ or WRITE through a pin, as a device would
 * @size: in: sizeof(struct pinscope_io)
 * @id: in: the pin; ENOENT when this open file has none of that id
 * @offset: in: bytes from the start of the pin, any alignment
 * @len: in: bytes; ERANGE unless @offset + @len is inside the pin
 * @buf: in: user pointer to @len bytes
 *
 * Other errors: EACCES WRITE through a pin without FOLL_WRITE; ENXIO a part
 * that was released; EHWPOISON a page that is broken. What was copied before
 * an error stays copied.
 */
struct pinscope_io {
	__u32 size;
	__u32 id;
	__u64 offset;
	__u64 len;
	__u64 buf;
};

/* What INSPECT says of a page table entry and of the page in it. */
#define PINSCOPE_STATE_PRESENT		_BITULL(0)
#define PINSCOPE_STATE_WRITABLE		_BITULL(1)	/* entry is writable */
#define PINSCOPE_STATE_DIRTY		_BITULL(2)	/* entry is dirty */
#define PINSCOPE_STATE_YOUNG		_BITULL(3)	/* entry is accessed */
#define PINSCOPE_STATE_SOFT_DIRTY	_BITULL(4)
#define PINSCOPE_STATE_UFFD_WP		_BITULL(5)
#define PINSCOPE_STATE_SPECIAL		_BITULL(6)	/* no struct page to touch */
#define PINSCOPE_STATE_HAS_FOLIO		_BITULL(7)	/* folio fields are valid */
#define PINSCOPE_STATE_ANON		_BITULL(8)
#define PINSCOPE_STATE_EXCLUSIVE	_BITULL(9)	/* PageAnonExclusive() */
#define PINSCOPE_STATE_KSM		_BITULL(10)
#define PINSCOPE_STATE_ZEROPAGE		_BITULL(11)	/* shared zeropage */
#define PINSCOPE_STATE_HUGE_ZEROPAGE	_BITULL(12)	/* huge zeropage */
#define PINSCOPE_STATE_HUGETLB		_BITULL(13)
#define PINSCOPE_STATE_SWAPBACKED	_BITULL(14)
/* Entries that are not present but for PROTNONE and NUMA_HINT. */
#define PINSCOPE_STATE_PROTNONE		_BITULL(15)	/* present, no access */
#define PINSCOPE_STATE_NUMA_HINT	_BITULL(16)	/* and only for hinting */
#define PINSCOPE_STATE_SWAP		_BITULL(17)	/* @swap_* are valid */
#define PINSCOPE_STATE_MIGRATION	_BITULL(18)	/* @pfn is valid */
#define PINSCOPE_STATE_HWPOISON		_BITULL(19)	/* of a page, or an entry
							 * with a valid @pfn
							 */
#define PINSCOPE_STATE_DEVICE_PRIVATE	_BITULL(20)	/* @pfn is valid */
#define PINSCOPE_STATE_DEVICE_EXCLUSIVE	_BITULL(21)	/* @pfn is valid */
#define PINSCOPE_STATE_MARKER		_BITULL(22)	/* with UFFD_WP, POISON or GUARD */
#define PINSCOPE_STATE_POISON		_BITULL(23)	/* access gives SIGBUS */
#define PINSCOPE_STATE_GUARD		_BITULL(24)	/* access gives SIGSEGV */
/* Of the folio. */
#define PINSCOPE_STATE_SWAPCACHE	_BITULL(25)
#define PINSCOPE_STATE_LRU		_BITULL(26)
#define PINSCOPE_STATE_MLOCKED		_BITULL(27)
#define PINSCOPE_STATE_FOLIO_DIRTY	_BITULL(28)
#define PINSCOPE_STATE_WRITEBACK	_BITULL(29)
#define PINSCOPE_STATE_MEMCG		_BITULL(30)	/* charged to one */
#define PINSCOPE_STATE_PARTIALLY_MAPPED	_BITULL(31)	/* some of its pages are nowhere */
#define PINSCOPE_STATE_MAYBE_PINNED	_BITULL(32)	/* as mm decides it */
#define PINSCOPE_STATE_ZONE_MOVABLE	_BITULL(33)
#define PINSCOPE_STATE_CMA		_BITULL(34)
#define PINSCOPE_STATE_LONGTERM_PINNABLE		_BITULL(35)	/* stays where it is when pinned
							 * for long
							 */

/* F(NAME) for each of them. */
#define PINSCOPE_STATE_NAMES(F)						\
	F(PRESENT) F(WRITABLE) F(DIRTY) F(YOUNG) F(SOFT_DIRTY)		\
	F(UFFD_WP) F(SPECIAL) F(HAS_FOLIO) F(ANON) F(EXCLUSIVE) F(KSM)	\
	F(ZEROPAGE) F(HUGE_ZEROPAGE) F(HUGETLB) F(SWAPBACKED)		\
	F(PROTNONE) F(NUMA_HINT)					\
	F(SWAP) F(MIGRATION) F(HWPOISON) F(DEVICE_PRIVATE)		\
	F(DEVICE_EXCLUSIVE) F(MARKER) F(POISON) F(GUARD) F(SWAPCACHE)	\
	F(LRU) F(MLOCKED) F(FOLIO_DIRTY) F(WRITEBACK) F(MEMCG)		\
	F(PARTIALLY_MAPPED) F(MAYBE_PINNED) F(ZONE_MOVABLE) F(CMA)	\
	F(LONGTERM_PINNABLE)

/**
 * struct pinscope_page - one record of INSPECT: a run of equal pages
 * @addr: first address
 * @pages: base pages in the run
 * @state: PINSCOPE_STATE_*; EXCLUSIVE, WRITE, SOFT_DIRTY and UFFD_WP are told
 *	of swap and migration entries too
 * @pfn: of the first page, the others follow; valid with STATE_PRESENT and
 *	where it is said above
 * @folio_pfn: of the folio's head page; the folio fields are valid with
 *	STATE_HAS_FOLIO
 * @refcount: of the folio
 * @mapcount: of the folio: how many entries map it or a part of it
 * @pincount: of the folio. Exact for large folios; for a small one it is
 *	@refcount / 1024, as mm itself estimates it
 * @folio_order: log2 of the folio's base pages
 * @map_shift: log2 of the bytes that one page table entry maps here; 0 when
 *	a pin is looked at, which has no entries
 * @node: NUMA node of the folio, plus 1; 0 when there is none to tell
 * @unknown: PINSCOPE_STATE_* bits that cannot be told of these pages
 * @swap_offset: of the first page in its swap area, the others follow
 * @swap_type: number of the swap area
 * @reserved: 0
 *
 * The page table entry's bits are unknown when a pin is looked at.
 */
struct pinscope_page {
	__u64 addr;
	__u64 pages;
	__u64 state;
	__u64 pfn;
	__u64 folio_pfn;
	__s32 refcount;
	__s32 mapcount;
	__s32 pincount;
	__u8 folio_order;
	__u8 map_shift;
	__u16 node;
	__u64 unknown;
	__u64 swap_offset;
	__u32 swap_type;
	__u32 reserved;
};

/**
 * struct pinscope_inspect - look at page table entries, or at pinned pages
 * @size: in: sizeof(struct pinscope_inspect)
 * @record_size: in: sizeof(struct pinscope_page), so that it can grow too
 * @addr: in: first address, page aligned; an offset into the pin with
 *	TARGET_PIN
 * @len: in: bytes, a multiple of the page size, not 0; ERANGE beyond a pin's
 *	end
 * @records: in: user pointer to an array of struct pinscope_page
 * @nr: in: records that fit, not 0; out: records written
 * @reserved: 0
 * @next: out: where to go on; @addr + @len when all was looked at
 * @target_type: in: enum pinscope_target_type
 * @target_nr: in: see there
 *
 * Empty entries, holes, and what was released of a pin have no record. A
 * record is cut at the ends of the range. The state of one record is
 * consistent: it was read under the lock of its page table, or with a
 * reference to the pages held.
 */
struct pinscope_inspect {
	__u32 size;
	__u32 record_size;
	__u64 addr;
	__u64 len;
	__u64 records;
	__u32 nr;
	__u32 reserved;
	__u64 next;
	__u32 target_type;
	__s32 target_nr;
};

/**
 * struct pinscope_compare - is the pinned page the page that is mapped?
 * @size: in: sizeof(struct pinscope_compare)
 * @id: in: the pin; ENOENT when this open file has none of that id
 * @addr: in: where the process maps what is to be the pin's first page, page
 *	aligned
 * @pages: out: base pages of the pin, released ones included
 * @same: out: how many of them are mapped at their place
 * @absent: out: how many places have no present entry
 * @first_mismatch: out: index of the first page that is not the same, @pages
 *	when all are; released ones do not count
 * @target_type: in: enum pinscope_target_type
 * @target_nr: in: see there
 * @released: out: how many pages were released and so not compared
 * @bitmap: in: user pointer to 64-bit words, or 0: bit n % 64 of word n / 64
 *	becomes 1 when page n is the same, else 0
 * @bitmap_size: in: bytes at @bitmap, a multiple of 8; ERANGE when too few for
 *	@pages
 */
struct pinscope_compare {
	__u32 size;
	__u32 id;
	__u64 addr;
	__u64 pages;
	__u64 same;
	__u64 absent;
	__u64 first_mismatch;
	__u32 target_type;
	__s32 target_nr;
	__u64 released;
	__u64 bitmap;
	__u64 bitmap_size;
};

/* FAULT_FLAG_*, in pinscope's own stable numbers. */
#define PINSCOPE_FAULT_WRITE		_BITULL(0)
#define PINSCOPE_FAULT_ALLOW_RETRY	_BITULL(1)
#define PINSCOPE_FAULT_RETRY_NOWAIT	_BITULL(2)
#define PINSCOPE_FAULT_KILLABLE		_BITULL(3)
#define PINSCOPE_FAULT_TRIED		_BITULL(4)
#define PINSCOPE_FAULT_USER		_BITULL(5)
#define PINSCOPE_FAULT_REMOTE		_BITULL(6)
#define PINSCOPE_FAULT_INSTRUCTION	_BITULL(7)
#define PINSCOPE_FAULT_INTERRUPTIBLE	_BITULL(8)
#define PINSCOPE_FAULT_UNSHARE		_BITULL(9)

/* F(NAME) for each of them. */
#define PINSCOPE_FAULT_NAMES(F)						\
	F(WRITE) F(ALLOW_RETRY) F(RETRY_NOWAIT) F(KILLABLE) F(TRIED)	\
	F(USER) F(REMOTE) F(INSTRUCTION) F(INTERRUPTIBLE) F(UNSHARE)

/* VM_FAULT_*, likewise. The huge page index of HWPOISON_LARGE is not told. */
#define PINSCOPE_VM_FAULT_OOM		_BITUL(0)
#define PINSCOPE_VM_FAULT_SIGBUS	_BITUL(1)
#define PINSCOPE_VM_FAULT_MAJOR		_BITUL(2)
#define PINSCOPE_VM_FAULT_HWPOISON	_BITUL(3)
#define PINSCOPE_VM_FAULT_HWPOISON_LARGE _BITUL(4)
#define PINSCOPE_VM_FAULT_SIGSEGV	_BITUL(5)
#define PINSCOPE_VM_FAULT_NOPAGE	_BITUL(6)
#define PINSCOPE_VM_FAULT_LOCKED	_BITUL(7)
#define PINSCOPE_VM_FAULT_RETRY		_BITUL(8)
#define PINSCOPE_VM_FAULT_FALLBACK	_BITUL(9)
#define PINSCOPE_VM_FAULT_DONE_COW	_BITUL(10)
#define PINSCOPE_VM_FAULT_NEEDDSYNC	_BITUL(11)
#define PINSCOPE_VM_FAULT_COMPLETED	_BITUL(12)
#define PINSCOPE_VM_FAULT_WRITE		_BITUL(13)	/* gone in 6.2 */
/* Bits that this module has no name for. */
#define PINSCOPE_VM_FAULT_OTHER		_BITUL(31)

/* F(NAME) for each of them but OTHER. */
#define PINSCOPE_VM_FAULT_NAMES(F)					\
	F(OOM) F(SIGBUS) F(MAJOR) F(HWPOISON) F(HWPOISON_LARGE)		\
	F(SIGSEGV) F(NOPAGE) F(LOCKED) F(RETRY) F(FALLBACK) F(DONE_COW)	\
	F(NEEDDSYNC) F(COMPLETED) F(WRITE)

/**
 * struct pinscope_fault - run handle_mm_fault() on each page of a range
 * @size: in: sizeof(struct pinscope_fault)
 * @target_type: in: enum pinscope_target_type
 * @target_nr: in: see there
 * @reserved: 0
 * @flags: in: PINSCOPE_FAULT_*
 * @addr: in: first address, page aligned
 * @len: in: bytes, a multiple of the page size, not 0
 * @results: in: user pointer to a __u32 for each page, or 0: its
 *	PINSCOPE_VM_FAULT_* bits
 * @pages: out: base pages dealt with
 * @results_or: out: all results, or'ed
 * @reserved2: 0
 * @dropped: out: how often the mmap lock was dropped
 * @retries: out: how often that led to another try, as in GUP: with TRIED
 *	set, until it succeeds or a signal comes that the flags heed
 *
 * Stops early in front of a page where it cannot go on, which is an error when
 * it is the first: EFAULT nothing is mapped there; EACCES WRITE where mm warns
 * of it, without VM_MAYWRITE, or without VM_WRITE in a mapping that is not COW;
 * EINTR. Other errors: EINVAL for UNSHARE with WRITE, RETRY_NOWAIT or TRIED
 * without ALLOW_RETRY, another process without REMOTE. With the module's
 * parameter allow_warn=1 those that mm only warns of are let through.
 */
struct pinscope_fault {
	__u32 size;
	__u32 target_type;
	__s32 target_nr;
	__u32 reserved;
	__u64 flags;
	__u64 addr;
	__u64 len;
	__u64 results;
	__u64 pages;
	__u32 results_or;
	__u32 reserved2;
	__u64 dropped;
	__u64 retries;
};

/*
 * What mmap() of /sys/kernel/debug/pinscope/map makes: mappings that only a
 * driver can make. The map is chosen by the file offset. The memory belongs to
 * the open file; a base page n of it has n + 1 in each byte at first.
 */
enum pinscope_map {
	PINSCOPE_MAP_PFNMAP,		/* shared: by vmf_insert_pfn(); private: all
					 * of it, by remap_pfn_range()
					 */
	PINSCOPE_MAP_MIXED_PFN,		/* MIXEDMAP without a struct page to touch */
	PINSCOPE_MAP_MIXED_PAGE,	/* MIXEDMAP of ordinary pages */
	PINSCOPE_MAP_PMD,		/* by huge_fault, where it fits; 6.1 calls
					 * it for DAX only
					 */
	PINSCOPE_MAPS,
};

#define PINSCOPE_MAP_OFFSET(map)	((__u64)(map) << 40)
#define PINSCOPE_MAP_SIZE		0x200000U	/* bytes behind each */

/* F(MAP, name) for each of them. */
#define PINSCOPE_MAP_NAMES(F)						\
	F(PFNMAP, "pfnmap") F(MIXED_PFN, "mixed-pfn")			\
	F(MIXED_PAGE, "mixed-page") F(PMD, "pmd")

/**
 * struct pinscope_map_counts - how often mm called the driver of `map`
 * @size: in: sizeof(struct pinscope_map_counts)
 * @reserved: 0
 * @fault: out: calls of vm_operations_struct's fault
 * @huge_fault: out: of its huge_fault
 * @page_mkwrite: out: of its page_mkwrite
 * @pfn_mkwrite: out: of its pfn_mkwrite
 *
 * For all mappings of this open file since it was opened. ENXIO on `ctl`.
 */
struct pinscope_map_counts {
	__u32 size;
	__u32 reserved;
	__u64 fault;
	__u64 huge_fault;
	__u64 page_mkwrite;
	__u64 pfn_mkwrite;
};

/**
 * struct pinscope_rss - what mm has counted of a process's pages, exactly
 * @size: in: sizeof(struct pinscope_rss)
 * @target_type: in: enum pinscope_target_type: CALLER, PID or PIDFD
 * @target_nr: in: see there
 * @reserved: 0
 * @file: out: base pages of files
 * @anon: out: of anonymous memory, those that KSM has merged, too
 * @swap: out: entries that stand for what is swapped out
 * @shmem: out: base pages of shared memory and tmpfs
 *
 * What procfs says may be off by some pages for each processor. Neither
 * zeropages nor hugetlb pages count. Before 6.2 what other threads than the
 * caller have counted may not be in it yet. A number below zero is a defect of
 * the kernel.
 */
struct pinscope_rss {
	__u32 size;
	__u32 target_type;
	__s32 target_nr;
	__u32 reserved;
	__s64 file;
	__s64 anon;
	__s64 swap;
	__s64 shmem;
};

#endif
