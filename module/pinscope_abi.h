/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of /sys/kernel/debug/pinscope/ctl.
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
#define PINSCOPE_ABI_VERSION	1U
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
};

/* Like iommufd's, the numbers do not encode the size: the structs carry it. */
#define PINSCOPE_IOC_INFO	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_INFO)
#define PINSCOPE_IOC_PIN	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_PIN)
#define PINSCOPE_IOC_UNPIN	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_UNPIN)
#define PINSCOPE_IOC_READ	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_READ)
#define PINSCOPE_IOC_INSPECT	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_INSPECT)
#define PINSCOPE_IOC_COMPARE	_IO(PINSCOPE_IOC_MAGIC, PINSCOPE_CMD_COMPARE)

/* How to pin. */
enum pinscope_way {
	PINSCOPE_WAY_SLOW,	/* pin_user_pages(), mmap lock held */
	PINSCOPE_WAY_FAST,	/* pin_user_pages_fast() */
	PINSCOPE_WAYS_MAX = 16,
};

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

/**
 * struct pinscope_info - what the module and the running kernel can do
 * @size: in: sizeof(struct pinscope_info)
 * @abi_version: out: PINSCOPE_ABI_VERSION of the module
 * @abi_oldest: out: the oldest version that the module still serves
 * @page_shift: out: log2 of the base page size in bytes
 * @commands: out: bit n is set when command n exists
 * @states: out: PINSCOPE_STATE_* bits that INSPECT can tell on this kernel
 * @foll: out: per way the PINSCOPE_FOLL_* bits that it takes; meaningful only
 *	where @ways has the way's bit
 * @ways: out: bit n is set when way n exists
 * @pinned_pages: out: base pages pinned now, over all users
 * @max_pages: out: limit on @pinned_pages
 */
struct pinscope_info {
	__u32 size;
	__u32 abi_version;
	__u32 abi_oldest;
	__u32 page_shift;
	__u64 commands;
	__u64 states;
	__u64 foll[PINSCOPE_WAYS_MAX];
	__u64 ways;
	__u64 pinned_pages;
	__u64 max_pages;
};

/* Keep what was pinned when fewer pages than asked for could be. */
#define PINSCOPE_PIN_PARTIAL	_BITUL(0)

/**
 * struct pinscope_pin - pin pages of the calling process
 * @size: in: sizeof(struct pinscope_pin)
 * @way: in: enum pinscope_way
 * @foll: in: PINSCOPE_FOLL_*
 * @addr: in: first address, page aligned
 * @len: in: bytes, a multiple of the page size, not 0
 * @flags: in: PINSCOPE_PIN_*
 * @id: out: names the pin in later calls on the same open file; never 0
 * @pages: out: base pages pinned
 * @elapsed_ns: out: time spent in GUP
 *
 * Without PINSCOPE_PIN_PARTIAL it is all or nothing. Errors: those of GUP;
 * EINVAL for a flag that the way does not take on this kernel or a combination
 * that GUP refuses with a warning; EAGAIN when GUP made no progress and gave no
 * reason; ENOMEM also when the module's limit on pinned pages is reached.
 */
struct pinscope_pin {
	__u32 size;
	__u32 way;
	__u64 foll;
	__u64 addr;
	__u64 len;
	__u32 flags;
	__u32 id;
	__u64 pages;
	__u64 elapsed_ns;
};

/**
 * struct pinscope_unpin - release a pin
 * @size: in: sizeof(struct pinscope_unpin)
 * @id: in: the pin; ENOENT when this open file has none of that id
 */
struct pinscope_unpin {
	__u32 size;
	__u32 id;
};

/**
 * struct pinscope_read - read through a pin, as a device would
 * @size: in: sizeof(struct pinscope_read)
 * @id: in: the pin; ENOENT when this open file has none of that id
 * @offset: in: bytes from the start of the pin, any alignment
 * @len: in: bytes; ERANGE unless @offset + @len is inside the pin
 * @buf: in: user pointer to @len bytes
 */
struct pinscope_read {
	__u32 size;
	__u32 id;
	__u64 offset;
	__u64 len;
	__u64 buf;
};

/* What INSPECT says of a page table entry and of the page in it. */
#define PINSCOPE_STATE_PRESENT		_BITULL(0)
#define PINSCOPE_STATE_WRITE		_BITULL(1)	/* entry is writable */
#define PINSCOPE_STATE_DIRTY		_BITULL(2)	/* entry is dirty */
#define PINSCOPE_STATE_YOUNG		_BITULL(3)	/* entry is accessed */
#define PINSCOPE_STATE_SOFT_DIRTY	_BITULL(4)
#define PINSCOPE_STATE_UFFD_WP		_BITULL(5)
#define PINSCOPE_STATE_SPECIAL		_BITULL(6)	/* no struct page to touch */
#define PINSCOPE_STATE_PAGE		_BITULL(7)	/* folio fields are valid */
#define PINSCOPE_STATE_ANON		_BITULL(8)
#define PINSCOPE_STATE_EXCLUSIVE	_BITULL(9)	/* PageAnonExclusive() */
#define PINSCOPE_STATE_KSM		_BITULL(10)
#define PINSCOPE_STATE_ZERO		_BITULL(11)	/* shared zeropage */
#define PINSCOPE_STATE_HUGE_ZERO	_BITULL(12)	/* huge zeropage */
#define PINSCOPE_STATE_HUGETLB		_BITULL(13)
#define PINSCOPE_STATE_SWAPBACKED	_BITULL(14)

/**
 * struct pinscope_page - one record of INSPECT: a run of equal pages
 * @addr: first address
 * @pages: base pages in the run
 * @state: PINSCOPE_STATE_*; 0 for an entry that is neither empty nor present
 * @pfn: of the first page, the others follow; valid with STATE_PRESENT
 * @folio_pfn: of the folio's head page; the folio fields are valid with
 *	STATE_PAGE
 * @refcount: of the folio
 * @mapcount: of the folio: how many entries map it or a part of it
 * @pincount: of the folio. Exact for large folios; for a small one it is
 *	@refcount / 1024, as mm itself estimates it
 * @folio_order: log2 of the folio's base pages
 * @map_shift: log2 of the bytes that one page table entry maps here
 * @reserved: 0
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
	__u16 reserved;
};

/**
 * struct pinscope_inspect - look at page table entries of the calling process
 * @size: in: sizeof(struct pinscope_inspect)
 * @record_size: in: sizeof(struct pinscope_page), so that it can grow too
 * @addr: in: first address, page aligned
 * @len: in: bytes, a multiple of the page size, not 0
 * @records: in: user pointer to an array of struct pinscope_page
 * @nr: in: records that fit, not 0; out: records written
 * @reserved: 0
 * @next: out: where to go on; @addr + @len when all was looked at
 *
 * Empty entries and holes have no record. A record is cut at the ends of the
 * range. The state of one record is consistent: it was read under the lock
 * of its page table.
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
};

/**
 * struct pinscope_compare - is the pinned page the page that is mapped?
 * @size: in: sizeof(struct pinscope_compare)
 * @id: in: the pin; ENOENT when this open file has none of that id
 * @addr: in: where the calling process maps what is to be the pin's first
 *	page, page aligned
 * @pages: out: base pages compared: all of the pin
 * @same: out: how many of them are mapped at their place
 * @absent: out: how many places have no present entry
 * @first_mismatch: out: index of the first page that is not the same, @pages
 *	when all are
 */
struct pinscope_compare {
	__u32 size;
	__u32 id;
	__u64 addr;
	__u64 pages;
	__u64 same;
	__u64 absent;
	__u64 first_mismatch;
};

#endif
