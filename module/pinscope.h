/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pinscope.ko share.
 *
 * State belongs to an open file: struct ps_file owns an xarray of pins by id.
 * A pin is reference counted; whoever looks it up holds a reference and its
 * rwsem. Lock order: ps_pin.lock, mmap lock, i_mmap_rwsem (hugetlb only),
 * page table lock.
 */
#ifndef PINSCOPE_H
#define PINSCOPE_H

#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "pinscope_abi.h"

/* One per open of ctl. */
struct ps_file {
	struct xarray pins;	/* id -> struct ps_pin */
};

/*
 * What a pin holds, as runs of pages of one folio: PFN of the first page and
 * number of pages packed into one word, so that 4 KiB pages cost what an array
 * of page pointers would and huge pages next to nothing.
 */
typedef u64 ps_range_t;

#define PS_RANGE_PAGES_BITS	20
#define PS_RANGE_MAX_PAGES	BIT(PS_RANGE_PAGES_BITS)

static inline ps_range_t ps_range(unsigned long pfn, unsigned long pages)
{
	return (u64)pfn << PS_RANGE_PAGES_BITS | (pages - 1);
}

static inline unsigned long ps_range_pfn(ps_range_t range)
{
	return range >> PS_RANGE_PAGES_BITS;
}

static inline unsigned long ps_range_pages(ps_range_t range)
{
	return (range & (PS_RANGE_MAX_PAGES - 1)) + 1;
}

struct ps_pin {
	struct kref ref;
	/*
	 * Readers use the pages; UNPIN takes it for writing, so that the pages
	 * are released when UNPIN returns and not at the last reader's whim.
	 */
	struct rw_semaphore lock;
	bool dirty;		/* written to: mark dirty on release */
	unsigned long pages;
	unsigned long nr_ranges;
	unsigned long max_ranges;
	ps_range_t *ranges;
};

/* One ioctl being served. */
struct ps_ucmd {
	struct ps_file *file;
	void __user *uptr;
	u32 user_size;
	u32 kernel_size;
	void *cmd;
};

int ps_respond(struct ps_ucmd *ucmd);
int ps_check_range(u64 addr, u64 len);

/* foll.c */
u64 ps_foll_taken(unsigned int way);
int ps_foll_to_kernel(unsigned int way, u64 foll, unsigned int *kernel);

/* pin.c */
extern atomic_long_t ps_pinned_pages;
extern unsigned long ps_max_pages;
int ps_cmd_pin(struct ps_ucmd *ucmd);
int ps_cmd_unpin(struct ps_ucmd *ucmd);
struct ps_pin *ps_pin_get_read(struct ps_file *file, u32 id);
void ps_pin_put_read(struct ps_pin *pin);
void ps_release_pins(struct ps_file *file);

/* walk.c */

/* One present or otherwise non-empty page table entry, as its table's lock
 * holder sees it.
 */
struct ps_entry {
	unsigned long addr;	/* cut to the range that is walked */
	unsigned long pages;
	unsigned long pfn;	/* of @addr, valid when STATE_PRESENT */
	u64 state;
	struct page *page;	/* of @addr; NULL when there is none to touch */
	unsigned int shift;	/* log2 of the bytes that the entry maps */
};

/*
 * Called for each entry with the page table lock held: must not sleep.
 * Returns false to stop in front of this entry.
 */
typedef bool (*ps_entry_fn)(const struct ps_entry *entry, void *arg);

long ps_walk(struct mm_struct *mm, unsigned long *addr, unsigned long end,
	     ps_entry_fn fn, void *arg);

/* The rest: one file per primitive. */
int ps_cmd_read(struct ps_ucmd *ucmd);
int ps_cmd_inspect(struct ps_ucmd *ucmd);
int ps_cmd_compare(struct ps_ucmd *ucmd);
u64 ps_inspect_states(void);

#endif
