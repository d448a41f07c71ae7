/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of /sys/kernel/debug/pinscope/ctl and /sys/kernel/debug/pinscope/map.
 * Both files take the same ioctls; map also supports mmap().
 *
 * The ABI is the same on every kernel. The numbers of the flags below are
 * pinscope's own and never change; the module translates them to the numbers of
 * the running kernel. INFO reports what the running kernel supports.
 *
 * Every struct begins with its own size in bytes, and later versions only add
 * fields at the end. A caller with a shorter struct than the module's gets the
 * fields that it has, and the module takes the others as 0. A caller with a
 * longer struct gets E2BIG unless all bytes beyond the module's struct are 0.
 * All structs have the same layout for 32-bit and for 64-bit callers.
 *
 * In the descriptions, "in" is a field that the caller sets and "out" one that
 * the module sets. "Page" is a base page where nothing else is said. Fields
 * described as "0" are reserved: EINVAL when they are not 0.
 *
 * Errors that every ioctl can return:
 *	ENOTTY	there is no such ioctl
 *	EINVAL	@size is less than the struct had when the ioctl was introduced;
 *		or a field has a value that it cannot have
 *	E2BIG	the struct is longer than the module's and not 0 there, or it is
 *		longer than a page
 *	EFAULT	a pointer is not valid; or a range of addresses is not in user
 *		memory
 *	EOVERFLOW a range of addresses wraps around
 *	ENOMEM	the kernel has no memory for the ioctl's own buffers
 *	EINTR	the process was killed
 *
 * Versions:
 *	1	INFO, PIN, UNPIN, READ, INSPECT, COMPARE; the calls PIN and PIN_FAST;
 *		FOLL_WRITE to FOLL_HONOR_NUMA_FAULT; STATE_PRESENT to
 *		STATE_SWAPBACKED; memory of the calling process only
 *	2	WRITE, FAULT, MAP_COUNTS, and the file map with mmap();
 *		all other calls, and FOLL_GET;
 *		targets: PID, PIDFD, PIN, MEMFD;
 *		page states from STATE_PROTNONE on;
 *		INFO: @fault, @vm_fault, @maps;
 *		PIN: @target_type, @target_nr, @lock;
 *		UNPIN: everything after @id;
 *		INSPECT: @target_type, @target_nr; struct pinscope_page: @node, which
 *		was reserved, and everything after it;
 *		COMPARE: everything after @first_mismatch
 *	3	PIN: @batch, which was reserved
 *	4	RSS
 *	5	struct pinscope_page: one record for several folios of one page each;
 *		PFNs and swap offsets only for callers with CAP_SYS_ADMIN
 *	6	TRACK, HOLDERS, TARGET_PHYSICAL; struct pinscope_page: @sites, which was
 *		reserved, and everything after it
 */
#ifndef PINSCOPE_ABI_H
#define PINSCOPE_ABI_H

#include <linux/const.h>
#include <linux/ioctl.h>
#include <linux/types.h>

#ifndef PINSCOPE_ABI_VERSION
/* The version of this header: goes up whenever something is added. */
#define PINSCOPE_ABI_VERSION	6U
#endif
/* The oldest version that a caller of the module may have been built for. */
#define PINSCOPE_ABI_OLDEST	1U

#define PINSCOPE_IOC_MAGIC	0xB1

enum pinscope_cmd {
	PINSCOPE_CMD_INFO,		/* struct pinscope_info */
	PINSCOPE_CMD_PIN,		/* struct pinscope_pin */
	PINSCOPE_CMD_UNPIN,		/* struct pinscope_unpin */
	PINSCOPE_CMD_READ,		/* struct pinscope_io */
	PINSCOPE_CMD_INSPECT,		/* struct pinscope_inspect */
	PINSCOPE_CMD_COMPARE,		/* struct pinscope_compare */
	PINSCOPE_CMD_WRITE,		/* struct pinscope_io */
	PINSCOPE_CMD_FAULT,		/* struct pinscope_fault */
	PINSCOPE_CMD_MAP_COUNTS,	/* struct pinscope_map_counts */
	PINSCOPE_CMD_RSS,		/* struct pinscope_rss */
	PINSCOPE_CMD_TRACK,		/* struct pinscope_track */
	PINSCOPE_CMD_HOLDERS,		/* struct pinscope_holders */
	PINSCOPE_CMDS,			/* how many this header has */
};

/* The numbers do not encode the size of the struct: the struct contains it. */
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
#define PINSCOPE_IOC_TRACK	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_TRACK)
#define PINSCOPE_IOC_HOLDERS	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_HOLDERS)

/*
 * The memory that an ioctl works on: the type and the number of the target, in
 * the fields @target_type and @target_nr of the structs below.
 *
 * PID and PIDFD need the permission that PTRACE_ATTACH needs. Procfs checks it,
 * so procfs must be mounted on /proc.
 *
 * Errors: EINVAL the ioctl does not take this type; EPERM or EACCES the caller
 * may not attach to the process; ESRCH there is no such process, or it has no
 * memory (a kernel thread, a zombie), or it called exec at the same time; EBADF the
 * file descriptor is not open, or is not a pidfd; ENOENT the process is not in
 * /proc, or /proc is not procfs, or something else is mounted on /proc/PID/mem.
 */
enum pinscope_target_type {
	PINSCOPE_TARGET_CALLER,	/* the calling process; @target_nr is 0 */
	PINSCOPE_TARGET_PID,	/* process id in the caller's pid namespace */
	PINSCOPE_TARGET_PIDFD,	/* a pidfd */
	PINSCOPE_TARGET_PIN,	/* INSPECT only: the pages of a pin, by its id */
	PINSCOPE_TARGET_MEMFD,	/* PIN with CALL_PIN_MEMFD only: a file descriptor
				 * of a memfd or of a file on hugetlbfs; addresses
				 * are offsets in the file
				 */
	PINSCOPE_TARGET_PHYSICAL, /* INSPECT only: the pinned folios of online memory;
				   * addresses are physical, @target_nr is 0;
				   * version 6
				   */
};

/*
 * The functions of mm/gup.c that PIN can call. The pin calls take pins, the get
 * calls take references, which put_page() drops.
 */
enum pinscope_call {
	PINSCOPE_CALL_PIN,		/* pin_user_pages() */
	PINSCOPE_CALL_PIN_FAST,		/* pin_user_pages_fast() */
	PINSCOPE_CALL_PIN_FAST_ONLY,	/* pin_user_pages_fast_only(), before 6.3 */
	PINSCOPE_CALL_PIN_UNLOCKED,	/* pin_user_pages_unlocked() */
	PINSCOPE_CALL_PIN_REMOTE,	/* pin_user_pages_remote() */
	PINSCOPE_CALL_GET,		/* get_user_pages() */
	PINSCOPE_CALL_GET_FAST,		/* get_user_pages_fast() */
	PINSCOPE_CALL_GET_FAST_ONLY,	/* get_user_pages_fast_only() */
	PINSCOPE_CALL_GET_UNLOCKED,	/* get_user_pages_unlocked() */
	PINSCOPE_CALL_GET_REMOTE,	/* get_user_pages_remote() */
	PINSCOPE_CALL_PIN_MEMFD,	/* memfd_pin_folios(), since 6.11 */
	PINSCOPE_CALLS,			/* how many this header has */
	PINSCOPE_CALLS_MAX = 16,	/* how many there may ever be */
};

/* F(CALL, name) for each call. */
#define PINSCOPE_CALL_NAMES(F)						\
	F(PIN, "pin") F(PIN_FAST, "pin-fast")				\
	F(PIN_FAST_ONLY, "pin-fast-only")				\
	F(PIN_UNLOCKED, "pin-unlocked") F(PIN_REMOTE, "pin-remote")	\
	F(GET, "get") F(GET_FAST, "get-fast")				\
	F(GET_FAST_ONLY, "get-fast-only")				\
	F(GET_UNLOCKED, "get-unlocked") F(GET_REMOTE, "get-remote")	\
	F(PIN_MEMFD, "pin-memfd")

/*
 * The kernel's FOLL_* flags, in pinscope's own numbers. INFO reports which of them
 * each call takes on this kernel.
 */
#define PINSCOPE_FOLL_WRITE		_BITULL(0)	/* for writing */
#define PINSCOPE_FOLL_FORCE		_BITULL(1)	/* despite VMA permissions */
#define PINSCOPE_FOLL_DUMP		_BITULL(2)	/* fail on the zeropage */
#define PINSCOPE_FOLL_NOWAIT		_BITULL(3)	/* do not wait for I/O */
#define PINSCOPE_FOLL_NOFAULT		_BITULL(4)	/* do not fault pages in */
#define PINSCOPE_FOLL_HWPOISON		_BITULL(5)	/* report EHWPOISON */
#define PINSCOPE_FOLL_ANON		_BITULL(6)	/* only anonymous VMAs */
#define PINSCOPE_FOLL_LONGTERM		_BITULL(7)	/* held indefinitely */
#define PINSCOPE_FOLL_SPLIT_PMD		_BITULL(8)	/* split huge PMDs first */
#define PINSCOPE_FOLL_PCI_P2PDMA	_BITULL(9)	/* allow PCI P2PDMA pages */
#define PINSCOPE_FOLL_INTERRUPTIBLE	_BITULL(10)	/* any signal ends it */
#define PINSCOPE_FOLL_HONOR_NUMA_FAULT	_BITULL(11)	/* fault on NUMA hints */
#define PINSCOPE_FOLL_GET		_BITULL(12)	/* implied by get calls */

/* F(NAME) for each of them. */
#define PINSCOPE_FOLL_NAMES(F)						\
	F(WRITE) F(FORCE) F(DUMP) F(NOWAIT) F(NOFAULT) F(HWPOISON)	\
	F(ANON) F(LONGTERM) F(SPLIT_PMD) F(PCI_P2PDMA) F(INTERRUPTIBLE)	\
	F(HONOR_NUMA_FAULT) F(GET)

/**
 * struct pinscope_info - INFO: what the module and the running kernel support
 * @size: in: sizeof(struct pinscope_info)
 * @abi_version: out: PINSCOPE_ABI_VERSION of the module
 * @abi_oldest: out: the oldest version whose callers the module serves
 * @page_shift: out: log2 of the page size in bytes
 * @commands: out: bit n is set when the module has enum pinscope_cmd n
 * @states: out: the PINSCOPE_STATE_* bits that INSPECT can report
 * @gup_flags: out: by enum pinscope_call, the PINSCOPE_FOLL_* bits that the call
 *	takes; 0 for a call that this kernel does not have
 * @calls: out: bit n is set when this kernel has enum pinscope_call n
 * @pinned_pages: out: pages pinned now, by all users together
 * @max_pages: out: the highest value that @pinned_pages may have
 * @fault: out: the PINSCOPE_FAULT_* bits that FAULT takes; version 2
 * @vm_fault: out: the PINSCOPE_VM_FAULT_* bits that this kernel has; version 2
 * @maps: out: bit n is set when this kernel can have enum pinscope_map n; version 2
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

/* In @flags of PIN: keep the pages that were pinned before an error. */
#define PINSCOPE_PIN_PARTIAL	_BITUL(0)

/* The highest value of @batch of PIN. */
#define PINSCOPE_BATCH_MAX	0x40000U

/* What became of the mmap lock during a call. */
enum pinscope_lock {
	PINSCOPE_LOCK_UNKNOWN,	/* the call takes and drops the lock itself */
	PINSCOPE_LOCK_KEPT,	/* the call was made with it held, and kept it */
	PINSCOPE_LOCK_DROPPED,	/* likewise, but the call dropped it */
	PINSCOPE_LOCK_NONE,	/* the call does not use the lock */
};

/**
 * struct pinscope_pin - PIN: pin pages, or get references to them
 * @size: in: sizeof(struct pinscope_pin)
 * @call: in: enum pinscope_call
 * @gup_flags: in: PINSCOPE_FOLL_* bits
 * @addr: in: first address, page aligned; an offset in the file with
 *	TARGET_MEMFD
 * @len: in: bytes, a multiple of the page size, not 0
 * @flags: in: PINSCOPE_PIN_* bits
 * @id: out: the id of the pin in later ioctls on the same open file, from 1 on
 * @pages: out: pages that were pinned; less than @len only with PIN_PARTIAL
 * @elapsed_ns: out: nanoseconds spent in the call of GUP, over all batches
 * @target_type: in: enum pinscope_target_type: CALLER; PID and PIDFD only with
 *	CALL_PIN_REMOTE and CALL_GET_REMOTE; MEMFD only, and always, with
 *	CALL_PIN_MEMFD; version 2
 * @target_nr: in: the number for @target_type; version 2
 * @lock: out: enum pinscope_lock: DROPPED when any batch dropped the lock, else
 *	what the last batch did; version 2
 * @batch: in: pages to ask GUP for at a time, at most PINSCOPE_BATCH_MAX; 0 for
 *	the module's choice; 0 with CALL_PIN_MEMFD; version 3
 *
 * The pages are pinned until UNPIN releases them, or until the open file is
 * closed, be it by the end of the process. Without PIN_PARTIAL, PIN pins all pages
 * or none. With it, PIN succeeds when at least one page was pinned, unless the process was
 * killed meanwhile.
 *
 * The kernel does not let go of a DAX file while pages of it are pinned: whoever closes
 * the file last waits, or the kernel warns. So a pin keeps open the files whose DAX pages
 * it has: they cannot be unmounted until all of it is released.
 *
 * Pinned pages are not charged to anybody: neither to mm->pinned_vm or
 * mm->locked_vm nor against RLIMIT_MEMLOCK, as a driver's would be. Only the limit
 * for all users together, @max_pages of INFO, applies; the lists of pages are charged
 * to the memory cgroup. A pin keeps its pages when the process that it was made for
 * has ended, so there may be nobody to charge; and a test of a driver that does charge
 * must not find the counters changed by a pin that it is compared with. The files of
 * pinscope are for tests and belong to root, who could exceed RLIMIT_MEMLOCK anyway
 * (CAP_IPC_LOCK). A process without privileges to which root passes an open file can
 * pin up to @max_pages.
 *
 * Errors: those of GUP, EFAULT for example when nothing is mapped; EINVAL also for
 * a FOLL flag that the call does not take on this kernel, and for a combination
 * that makes GUP warn; EOPNOTSUPP the kernel does not have this call, and for
 * FOLL_SPLIT_PMD in a shared mapping of a DAX file, where a write by another thread
 * could make mm warn, and before Linux 6.6 for FOLL_LONGTERM of a hugetlb page in
 * ZONE_MOVABLE or CMA, where mm does warn; EFAULT also for a COW mapping of PFNs
 * where GUP would warn, since it could not copy; EAGAIN GUP pinned nothing and
 * returned no error, or a DAX file was unmapped meanwhile; ENOMEM also when more
 * pages would be pinned than the module allows (@max_pages of INFO), or when a page
 * has too many references; those of the target.
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

/* In @flags of UNPIN: mark the pages dirty before they are released. */
#define PINSCOPE_UNPIN_DIRTY	_BITUL(0)

/**
 * struct pinscope_unpin - UNPIN: release a pin, or some pages of it
 * @size: in: sizeof(struct pinscope_unpin)
 * @id: in: the pin
 * @flags: in: PINSCOPE_UNPIN_* bits; version 2
 * @reserved: 0
 * @offset: in: bytes from the start of the pin, a multiple of the page size;
 *	version 2
 * @len: in: bytes, a multiple of the page size; 0 together with @offset 0
 *	releases the whole pin; version 2
 * @left: out: pages of the pin that are still pinned; when it is 0, the pin no
 *	longer exists; version 2
 *
 * The pages that remain keep their offsets in the pin. Releasing a page that was
 * released before has no effect. UNPIN waits for ioctls of other threads that use
 * the pin.
 *
 * Errors: ENOENT the open file has no such pin; ERANGE @offset + @len is beyond
 * the end of the pin; EACCES UNPIN_DIRTY for a pin without FOLL_WRITE; EINVAL also
 * for a part of a folio that CALL_PIN_MEMFD pinned, since the folio has one pin.
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
 * struct pinscope_io - READ and WRITE: copy from or to the pages of a pin
 * @size: in: sizeof(struct pinscope_io)
 * @id: in: the pin
 * @offset: in: bytes from the start of the pin, with any alignment
 * @len: in: bytes; may be 0
 * @buf: in: address of @len bytes of the caller: READ writes them, WRITE reads
 *	them
 *
 * The access does not use page tables, like the DMA of a device. After WRITE, all
 * pages of the pin are marked dirty when they are released. What was copied
 * before an error stays copied.
 *
 * Errors: ENOENT the open file has no such pin; ERANGE @offset + @len is beyond
 * the end of the pin; EACCES WRITE to a pin without FOLL_WRITE; ENXIO a page was
 * released by UNPIN; EHWPOISON a page has a memory error.
 */
struct pinscope_io {
	__u32 size;
	__u32 id;
	__u64 offset;
	__u64 len;
	__u64 buf;
};

/*
 * Page states: what INSPECT reports of a page table entry, and of the folio of the
 * page in it.
 *
 * First, present entries. WRITABLE, SOFT_DIRTY, UFFD_WP and UFFD_RWP are also
 * reported of entries that are not present, if they have them.
 */
#define PINSCOPE_STATE_PRESENT		_BITULL(0)	/* the entry is present */
#define PINSCOPE_STATE_WRITABLE		_BITULL(1)	/* pte_write() */
#define PINSCOPE_STATE_DIRTY		_BITULL(2)	/* pte_dirty() */
#define PINSCOPE_STATE_YOUNG		_BITULL(3)	/* pte_young() */
#define PINSCOPE_STATE_SOFT_DIRTY	_BITULL(4)	/* pte_soft_dirty() */
#define PINSCOPE_STATE_UFFD_WP		_BITULL(5)	/* pte_uffd_wp() */
#define PINSCOPE_STATE_SPECIAL		_BITULL(6)	/* pte_special(): mm does
							 * not use a struct page
							 */
/* Of the folio and the page. */
#define PINSCOPE_STATE_HAS_FOLIO	_BITULL(7)	/* the folio's fields of the
							 * record are valid
							 */
#define PINSCOPE_STATE_ANON		_BITULL(8)	/* anonymous */
#define PINSCOPE_STATE_EXCLUSIVE	_BITULL(9)	/* PageAnonExclusive(); or of
							 * a swap or migration
							 * entry
							 */
#define PINSCOPE_STATE_KSM		_BITULL(10)	/* merged by KSM */
#define PINSCOPE_STATE_ZEROPAGE		_BITULL(11)	/* the shared zeropage */
#define PINSCOPE_STATE_HUGE_ZEROPAGE	_BITULL(12)	/* the huge zeropage */
#define PINSCOPE_STATE_HUGETLB		_BITULL(13)	/* a hugetlb folio */
#define PINSCOPE_STATE_SWAPBACKED	_BITULL(14)	/* anonymous or shmem */
/* Present entries without access. */
#define PINSCOPE_STATE_PROTNONE		_BITULL(15)	/* pte_protnone() */
#define PINSCOPE_STATE_NUMA_HINT	_BITULL(16)	/* PROTNONE, while the VMA
							 * permits access; and no
							 * UFFD_RWP
							 */
/* Entries that are neither empty nor present. */
#define PINSCOPE_STATE_SWAP		_BITULL(17)	/* swap entry: @swap_type and
							 * @swap_offset are valid
							 */
#define PINSCOPE_STATE_MIGRATION	_BITULL(18)	/* @pfn is valid */
#define PINSCOPE_STATE_HWPOISON		_BITULL(19)	/* entry with a valid @pfn;
							 * or a memory error in a
							 * page that is mapped
							 */
#define PINSCOPE_STATE_DEVICE_PRIVATE	_BITULL(20)	/* @pfn is valid */
#define PINSCOPE_STATE_DEVICE_EXCLUSIVE	_BITULL(21)	/* @pfn is valid */
#define PINSCOPE_STATE_MARKER		_BITULL(22)	/* PTE marker, with UFFD_WP,
							 * POISON or GUARD
							 */
#define PINSCOPE_STATE_POISON		_BITULL(23)	/* access gives SIGBUS */
#define PINSCOPE_STATE_GUARD		_BITULL(24)	/* access gives SIGSEGV */
/* Of the folio. */
#define PINSCOPE_STATE_SWAPCACHE	_BITULL(25)	/* in the swap cache */
#define PINSCOPE_STATE_LRU		_BITULL(26)	/* on an LRU list */
#define PINSCOPE_STATE_MLOCKED		_BITULL(27)	/* mlocked */
#define PINSCOPE_STATE_FOLIO_DIRTY	_BITULL(28)	/* the folio is dirty */
#define PINSCOPE_STATE_WRITEBACK	_BITULL(29)	/* under writeback */
#define PINSCOPE_STATE_MEMCG		_BITULL(30)	/* charged to a memory cgroup */
#define PINSCOPE_STATE_PARTIALLY_MAPPED	_BITULL(31)	/* mapped by PTEs, but not all
							 * of its pages
							 */
#define PINSCOPE_STATE_MAYBE_PINNED	_BITULL(32)	/* folio_maybe_dma_pinned() */
#define PINSCOPE_STATE_ZONE_MOVABLE	_BITULL(33)	/* in ZONE_MOVABLE */
#define PINSCOPE_STATE_CMA		_BITULL(34)	/* in a CMA area */
#define PINSCOPE_STATE_LONGTERM_PINNABLE _BITULL(35)	/* FOLL_LONGTERM does not
							 * migrate or refuse it:
							 * folio_is_longterm_pinnable()
							 */
/* Of the entry, in an area registered with UFFDIO_REGISTER_MODE_RWP (Linux 7.3). */
#define PINSCOPE_STATE_UFFD_RWP		_BITULL(36)	/* PROTNONE, and userfaultfd is
							 * told of the next access
							 */
/* Of the folio. */
#define PINSCOPE_STATE_P2PDMA		_BITULL(37)	/* memory of a PCI device: GUP takes
							 * it with FOLL_PCI_P2PDMA only
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
	F(LONGTERM_PINNABLE) F(UFFD_RWP) F(P2PDMA)

/**
 * struct pinscope_page - one record of INSPECT: consecutive pages of equal state
 * @addr: out: address of the first page; with TARGET_PIN its offset in the pin,
 *	in bytes; with TARGET_PHYSICAL its physical address
 * @pages: out: number of pages, not 0
 * @state: out: PINSCOPE_STATE_* bits that all of these pages have
 * @pfn: out: PFN of the first page; the next page has the next PFN. Valid with
 *	PRESENT, HAS_FOLIO, and the states that say so above; see below
 * @folio_pfn: out: PFN of the folio's first page; with @folio_order 0 it is @pfn, and
 *	each page of the record is a folio of its own (before version 5 such a record
 *	had one page). This and the following fields of the folio are valid with
 *	HAS_FOLIO
 * @refcount: out: folio_ref_count()
 * @mapcount: out: how many page table entries map the folio or a part of it
 * @pincount: out: pins of the folio. Exact for a large folio. For a small one it is
 *	@refcount / 1024, since mm adds 1024 to the reference count for each pin
 * @folio_order: out: log2 of the number of pages of the folio
 * @map_shift: out: log2 of the bytes that one page table entry maps here; 0 with
 *	TARGET_PIN and TARGET_PHYSICAL
 * @node: out: NUMA node of the folio, plus 1; version 2, before that 0
 * @unknown: out: PINSCOPE_STATE_* bits that cannot be read for these pages;
 *	they are not set in @state. With TARGET_PIN and TARGET_PHYSICAL, all bits of
 *	page table entries;
 *	version 2
 * @swap_offset: out: offset of the first page in its swap area, in pages; the next
 *	page has the next offset. Valid with SWAP; version 2
 * @swap_type: out: number of the swap area. Valid with SWAP; version 2
 * @sites: out: how many sites hold pins of the folio, as far as tracking has recorded
 *	them, see HOLDERS; version 6
 * @tracked: out: pins of the folio that tracking has recorded. Who holds the others of
 *	@pincount is not known; version 6
 * @reserved: out: 0
 *
 * The pages of a record are of one VMA, and either of one folio, or of folios of one
 * page each that are equal in all that the record tells.
 *
 * @sites and @tracked are read after the other fields. They are 0 for a caller that gets
 * no PFNs.
 *
 * @pfn, @folio_pfn, @swap_offset and @swap_type are 0 for a caller without CAP_SYS_ADMIN
 * in the initial user namespace, and for all callers when the process that opened the
 * file did not have it; this is as in /proc/PID/pagemap, except that there only who
 * opened the file counts. Such a caller gets a record for each folio and for each swap
 * entry, so that it is not told which of them are neighbours. Version 5.
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
	__u32 sites;
	__s32 tracked;
	__u32 reserved;
};

/**
 * struct pinscope_inspect - INSPECT: report page table entries, or pinned pages
 * @size: in: sizeof(struct pinscope_inspect)
 * @record_size: in: sizeof(struct pinscope_page), which may grow like the structs
 *	of the ioctls; at most the page size
 * @addr: in: first address, page aligned; with TARGET_PIN an offset in the pin, in
 *	bytes
 * @len: in: bytes, a multiple of the page size, not 0
 * @records: in: address of an array of @nr records of @record_size bytes
 * @nr: in: number of records in the array, not 0; out: number of records written
 * @reserved: 0
 * @next: out: @addr for the next call; @addr + @len when the range is done
 * @target_type: in: enum pinscope_target_type: CALLER, PID, PIDFD, PIN or PHYSICAL;
 *	version 2
 * @target_nr: in: the number for @target_type; version 2
 *
 * Records come in order of their address. Addresses without a VMA, empty entries,
 * and pages of a pin that UNPIN has released have no record. A record does not
 * extend beyond the range, even if the page table entry does. The fields of one
 * record are consistent with each other: they are read with the lock of the page
 * table held, or while the pin keeps the pages.
 *
 * With TARGET_PHYSICAL only folios that may be pinned have a record: those with a
 * @pincount. Memory that is offline, or belongs to devices, has none.
 *
 * Errors: ENOENT the open file has no such pin; ERANGE the range extends beyond the
 * end of the pin; EPERM for TARGET_PHYSICAL, the caller does not have CAP_SYS_ADMIN;
 * EFAULT the range of physical memory extends beyond 2^52 bytes;
 * those of the target.
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
 * struct pinscope_compare - COMPARE: are the pages of a pin the pages mapped?
 * @size: in: sizeof(struct pinscope_compare)
 * @id: in: the pin
 * @addr: in: the address where the pin's first page should be mapped, page aligned
 * @pages: out: pages of the pin, including those that UNPIN has released
 * @same: out: how many pages are mapped at their address
 * @absent: out: for how many pages the address has no present entry
 * @first_mismatch: out: index of the first page that is not the same, @pages when
 *	there is none; pages that UNPIN has released are not compared
 * @target_type: in: enum pinscope_target_type: CALLER, PID or PIDFD; version 2
 * @target_nr: in: the number for @target_type; version 2
 * @released: out: how many pages UNPIN has released; version 2
 * @bitmap: in: address of an array of 64-bit words, or 0. Bit n % 64 of word n / 64
 *	becomes 1 when page n is mapped at its address, else 0; version 2
 * @bitmap_size: in: bytes at @bitmap, a multiple of 8; 0 when @bitmap is 0;
 *	version 2
 *
 * Errors: ENOENT the open file has no such pin; ERANGE the bitmap is too short for
 * @pages; those of the target.
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

/* The kernel's FAULT_FLAG_* flags, in pinscope's own numbers. */
#define PINSCOPE_FAULT_WRITE		_BITULL(0)	/* a write fault */
#define PINSCOPE_FAULT_ALLOW_RETRY	_BITULL(1)	/* the lock may be dropped */
#define PINSCOPE_FAULT_RETRY_NOWAIT	_BITULL(2)	/* but do not drop it to wait */
#define PINSCOPE_FAULT_KILLABLE		_BITULL(3)	/* a fatal signal ends a wait */
#define PINSCOPE_FAULT_TRIED		_BITULL(4)	/* not the first attempt */
#define PINSCOPE_FAULT_USER		_BITULL(5)	/* as if from user space */
#define PINSCOPE_FAULT_REMOTE		_BITULL(6)	/* not for the current mm */
#define PINSCOPE_FAULT_INSTRUCTION	_BITULL(7)	/* an instruction fetch */
#define PINSCOPE_FAULT_INTERRUPTIBLE	_BITULL(8)	/* any signal ends a wait */
#define PINSCOPE_FAULT_UNSHARE		_BITULL(9)	/* break COW, stay read-only */

/* F(NAME) for each of them. */
#define PINSCOPE_FAULT_NAMES(F)						\
	F(WRITE) F(ALLOW_RETRY) F(RETRY_NOWAIT) F(KILLABLE) F(TRIED)	\
	F(USER) F(REMOTE) F(INSTRUCTION) F(INTERRUPTIBLE) F(UNSHARE)

/* The kernel's VM_FAULT_* results of a fault, in pinscope's own numbers. */
#define PINSCOPE_VM_FAULT_OOM		_BITUL(0)	/* out of memory */
#define PINSCOPE_VM_FAULT_SIGBUS	_BITUL(1)	/* bad access */
#define PINSCOPE_VM_FAULT_MAJOR		_BITUL(2)	/* a major fault, with I/O */
#define PINSCOPE_VM_FAULT_HWPOISON	_BITUL(3)	/* memory error in a page */
#define PINSCOPE_VM_FAULT_HWPOISON_LARGE _BITUL(4)	/* in a huge page; its index
							 * is not reported
							 */
#define PINSCOPE_VM_FAULT_SIGSEGV	_BITUL(5)	/* segmentation fault */
#define PINSCOPE_VM_FAULT_NOPAGE	_BITUL(6)	/* the driver made the entry */
#define PINSCOPE_VM_FAULT_LOCKED	_BITUL(7)	/* the page is locked */
#define PINSCOPE_VM_FAULT_RETRY		_BITUL(8)	/* retry; lock dropped unless
							 * RETRY_NOWAIT
							 */
#define PINSCOPE_VM_FAULT_FALLBACK	_BITUL(9)	/* huge fault: use base pages */
#define PINSCOPE_VM_FAULT_DONE_COW	_BITUL(10)	/* page was copied (COW) */
#define PINSCOPE_VM_FAULT_NEEDDSYNC	_BITUL(11)	/* DAX: sync metadata first */
#define PINSCOPE_VM_FAULT_COMPLETED	_BITUL(12)	/* done, lock dropped */
#define PINSCOPE_VM_FAULT_WRITE		_BITUL(13)	/* COW broken; before 6.2 */
#define PINSCOPE_VM_FAULT_OTHER		_BITUL(31)	/* bits without a name here */

/* F(NAME) for each of them except OTHER. */
#define PINSCOPE_VM_FAULT_NAMES(F)					\
	F(OOM) F(SIGBUS) F(MAJOR) F(HWPOISON) F(HWPOISON_LARGE)		\
	F(SIGSEGV) F(NOPAGE) F(LOCKED) F(RETRY) F(FALLBACK) F(DONE_COW)	\
	F(NEEDDSYNC) F(COMPLETED) F(WRITE)

/**
 * struct pinscope_fault - FAULT: call handle_mm_fault() on each page of a range
 * @size: in: sizeof(struct pinscope_fault)
 * @target_type: in: enum pinscope_target_type: CALLER, PID or PIDFD
 * @target_nr: in: the number for @target_type
 * @reserved: 0
 * @flags: in: PINSCOPE_FAULT_* bits; ALLOW_RETRY without RETRY_NOWAIT implies
 *	KILLABLE
 * @addr: in: first address, page aligned
 * @len: in: bytes, a multiple of the page size, not 0
 * @results: in: address of an array of __u32, or 0. Element n gets the
 *	PINSCOPE_VM_FAULT_* bits of the last fault on page n
 * @pages: out: on how many pages FAULT faulted
 * @results_or: out: the bitwise or of all results
 * @reserved2: 0
 * @dropped: out: how often mm dropped the mmap lock
 * @retries: out: how often FAULT retried a fault. Like GUP, it retries after
 *	VM_FAULT_RETRY unless RETRY_NOWAIT is set, with TRIED set from then on
 *
 * FAULT ends in front of a page that it cannot fault on; that is an error only
 * when it is the first page: EFAULT there is no VMA; EACCES mm would warn of the
 * fault, which is WRITE without VM_MAYWRITE, WRITE without VM_WRITE in a mapping
 * that is not COW or is of hugetlb, or a copy of a PFN that mm cannot make; EINTR
 * the process was killed, or with INTERRUPTIBLE got a signal.
 *
 * Other errors: EINVAL for UNSHARE with WRITE; RETRY_NOWAIT or TRIED without
 * ALLOW_RETRY; RETRY_NOWAIT with TRIED; another process without REMOTE; those of
 * the target. The module parameter allow_warn=1 permits UNSHARE with WRITE, and
 * what otherwise is EACCES: mm then warns.
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
 * The mappings that mmap() of /sys/kernel/debug/pinscope/map makes, which only a
 * driver can make. The file offset says which: PINSCOPE_MAP_OFFSET() plus an offset
 * into the PINSCOPE_MAP_SIZE bytes of memory behind it. The memory belongs to the
 * open file. At first, each byte of page n of it is (n + 1) % 256.
 *
 * Errors of mmap(): EINVAL this kernel cannot have the map, or the mapping extends
 * beyond PINSCOPE_MAP_SIZE; ENOMEM.
 */
enum pinscope_map {
	PINSCOPE_MAP_PFNMAP,	/* VM_PFNMAP. MAP_SHARED: faults call
				 * vmf_insert_pfn(). MAP_PRIVATE: mmap() calls
				 * remap_pfn_range() for all of it
				 */
	PINSCOPE_MAP_MIXED_PFN,	/* VM_MIXEDMAP of PFNs without a struct page that mm
				 * may use
				 */
	PINSCOPE_MAP_MIXED_PAGE, /* VM_MIXEDMAP of ordinary pages */
	PINSCOPE_MAP_PMD,	/* huge_fault maps a PMD where one fits: VM_PFNMAP
				 * when MAP_SHARED, VM_MIXEDMAP when MAP_PRIVATE. 6.1
				 * calls huge_fault for DAX only
				 */
	PINSCOPE_MAPS,		/* how many this header has */
};

#define PINSCOPE_MAP_OFFSET(map)	((__u64)(map) << 40)
#define PINSCOPE_MAP_SIZE		0x200000U	/* bytes */

/* F(MAP, name) for each map. */
#define PINSCOPE_MAP_NAMES(F)						\
	F(PFNMAP, "pfnmap") F(MIXED_PFN, "mixed-pfn")			\
	F(MIXED_PAGE, "mixed-page") F(PMD, "pmd")

/**
 * struct pinscope_map_counts - MAP_COUNTS: how often mm called the driver of map
 * @size: in: sizeof(struct pinscope_map_counts)
 * @reserved: 0
 * @fault: out: calls of fault() of struct vm_operations_struct
 * @huge_fault: out: calls of huge_fault()
 * @page_mkwrite: out: calls of page_mkwrite()
 * @pfn_mkwrite: out: calls of pfn_mkwrite()
 *
 * Counts since the file was opened, for all mappings of the open file together.
 *
 * Errors: ENXIO the open file is not of map.
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
 * struct pinscope_rss - RSS: the exact values of a process's RSS counters
 * @size: in: sizeof(struct pinscope_rss)
 * @target_type: in: enum pinscope_target_type: CALLER, PID or PIDFD
 * @target_nr: in: the number for @target_type
 * @reserved: 0
 * @file: out: MM_FILEPAGES: mapped pages of files, except shmem
 * @anon: out: MM_ANONPAGES: mapped anonymous pages, including those of KSM
 * @swap: out: MM_SWAPENTS: swap entries
 * @shmem: out: MM_SHMEMPAGES: mapped pages of shmem and tmpfs
 *
 * All counters are in pages. /proc/PID/status shows values that may be off by some
 * pages for each processor. mm counts neither zeropages nor hugetlb pages. Before
 * 6.2, pages that threads other than the caller have counted may be missing. A
 * value below 0 is a kernel bug.
 *
 * Errors: those of the target.
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

/* What TRACK does. */
enum pinscope_track_op {
	PINSCOPE_TRACK_QUERY,	/* nothing, but fills in the fields */
	PINSCOPE_TRACK_START,	/* begins to record */
	PINSCOPE_TRACK_STOP,	/* ends that; what was recorded can still be read */
	PINSCOPE_TRACK_CLEAR,	/* forgets what was recorded; only when it is off */
};

/* In @flags of START: record the calls that take references, too. */
#define PINSCOPE_TRACK_REFERENCES	_BITUL(0)

#define PINSCOPE_SITES_DEFAULT	4096U

/**
 * struct pinscope_track - TRACK: record who pins, or end it
 * @size: in: sizeof(struct pinscope_track)
 * @op: in: enum pinscope_track_op
 * @max_sites: in: for START, how many sites can be recorded, 16384 at most; 0:
 *	PINSCOPE_SITES_DEFAULT; out: how many
 * @sites: out: sites that have been recorded, those included that were forgotten
 * @on: out: 1 when tracking is on
 * @flags: in: for START, PINSCOPE_TRACK_* bits
 * @since_ns: out: nanoseconds since it was started
 * @missed: out: pins and unpins that could not be recorded: no memory, or no room for
 *	the site; and calls, when too many were under way. Unless it is 0, what HOLDERS
 *	tells is not exact
 * @unknown: out: unpins of pins that were taken before the start, or missed, or that
 *	folio_add_pin() or folio_add_pins() have added, whose callers are not known
 * @forgotten: out: sites that were forgotten to make room for others; their processes
 *	have ended, and they held nothing
 *
 * Tracking is one for the whole system: it belongs to no open file, and stays on when
 * the file is closed, until STOP or until the module is unloaded. START forgets what was
 * recorded before. While it is on, each call of GUP and each unpin takes longer.
 *
 * Errors: EPERM the caller does not have CAP_SYS_ADMIN; EBUSY for START tracking is
 * on, for CLEAR it is, too; ENODEV somebody has turned ftrace (kernel.ftrace_enabled) or
 * kprobes (/sys/kernel/debug/kprobes/enabled) off; EOPNOTSUPP the kernel has no kretprobes
 * or no ftrace with registers, or it is a PREEMPT_RT kernel; EFAULT the struct cannot be
 * written: then START has not started anything, but STOP and CLEAR are done;
 * ENOTRECOVERABLE for START and STOP: when tracking was stopped, the kernel did not remove
 * its probes, for want of memory or because ftrace has found an error of its own. Tracking
 * is off and cannot start again, and the module stays, until the machine boots.
 */
struct pinscope_track {
	__u32 size;
	__u32 op;
	__u32 max_sites;
	__u32 sites;
	__u32 on;
	__u32 flags;
	__u64 since_ns;
	__u64 missed;
	__u64 unknown;
	__u64 forgotten;
};

/* In @flags of a site: its process descends from the one that called START. */
#define PINSCOPE_SITE_DESCENDANT	_BITUL(0)

#define PINSCOPE_SITE_STACK	8
#define PINSCOPE_AGES		7

/**
 * struct pinscope_site - a site: who takes pins or references, and how
 * @id: of the site, from 1 on
 * @call: enum pinscope_call
 * @gup_flags: PINSCOPE_FOLL_* bits
 * @kernel_flags: the kernel's own bits
 * @flags: PINSCOPE_SITE_* bits
 * @reserved: 0
 * @pid: process id in the caller's pid namespace; 0: not in it, or an interrupt
 * @comm: name of the thread that called first; not terminated if it has 16 bytes
 * @stack: return addresses, the caller of GUP first; 0 where there are no more, and
 *	without CAP_SYSLOG, or as the sysctl kernel.kptr_restrict wants it
 * @calls: how many calls returned
 * @failed: how many of them pinned nothing
 * @pages: what all of them together pinned: pages, or folios with CALL_PIN_MEMFD
 * @held: pins that the site holds at most (always 0 for references: their end cannot
 *	be seen)
 * @held_surely: pins that it holds at least. It is less than @held when others have
 *	pinned the same folio, and an unpin does not tell whose pin it ends
 * @first_ns: nanoseconds since the first call
 * @last_ns: and since the last
 * @oldest_ns: age of the oldest pin held, in steps of 17 ms
 * @longest_ns: how long the longest pin was held that has been released
 * @slowest_ns: how long the slowest call took
 * @ages: pins held, by age: below 1 s, 10 s, 1 min, 10 min, 1 h, 1 d, and others
 * @user_locked: pages that are charged to the user of the process, over all processes of
 *	that user: what AF_XDP, io_uring and perf charge there unless they have
 *	CAP_IPC_LOCK. No file shows it. 0 also when the process has ended
 */
struct pinscope_site {
	__u32 id;
	__u32 call;
	__u64 gup_flags;
	__u32 kernel_flags;
	__s32 pid;
	__u32 flags;
	__u32 reserved;
	char comm[16];
	__u64 stack[PINSCOPE_SITE_STACK];
	__u64 calls;
	__u64 failed;
	__u64 pages;
	__u64 held;
	__u64 held_surely;
	__u64 first_ns;
	__u64 last_ns;
	__u64 oldest_ns;
	__u64 longest_ns;
	__u64 slowest_ns;
	__u64 ages[PINSCOPE_AGES];
	__u64 user_locked;
};

/**
 * struct pinscope_holders - HOLDERS: the sites that tracking has recorded
 * @size: in: sizeof(struct pinscope_holders)
 * @record_size: in: sizeof(struct pinscope_site)
 * @records: in: address of an array of struct pinscope_site
 * @nr: in: how many records fit there, not 0; out: how many were written
 * @next: in: 0, or what the last HOLDERS left there to go on; out: 0 when there are
 *	no more sites
 * @pfn: in: with @pfns: only sites that hold a folio that begins at one of these PFNs,
 *	and what they hold there
 * @pfns: in: how many; 0 together with @pfn 0: all sites
 * @reserved: 0
 *
 * Errors: EPERM the caller does not have CAP_SYS_ADMIN; ENODATA tracking was never
 * started, or CLEAR was called; EOPNOTSUPP as TRACK.
 */
struct pinscope_holders {
	__u32 size;
	__u32 record_size;
	__u64 records;
	__u32 nr;
	__u32 next;
	__u64 pfn;
	__u64 pfns;
	__u64 reserved;
};

#endif
