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

#include <linux/export.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "pinscope_abi.h"

/* kunit/ can be a module of its own. */
#if IS_ENABLED(CONFIG_KUNIT)
#define EXPORT_SYMBOL_FOR_KUNIT(symbol)	EXPORT_SYMBOL_GPL(symbol)
#else
#define EXPORT_SYMBOL_FOR_KUNIT(symbol)
#endif

struct ps_map;

/* One per open of ctl, map or gup_test. */
struct ps_file {
	struct xarray pins;	/* id -> struct ps_pin */
	struct ps_map *map;	/* of map; NULL for ctl */
};

/*
 * What a pin holds, as runs of pages of one folio: PFN of the first page and
 * number of pages packed into one word, so that 4 KiB pages cost what an array
 * of page pointers would and huge pages next to nothing. What was released
 * early has the PFN PS_HOLE.
 */
typedef u64 ps_range_t;

#define PS_RANGE_PAGES_BITS	20
#define PS_RANGE_MAX_PAGES	BIT(PS_RANGE_PAGES_BITS)
#define PS_HOLE			(U64_MAX >> PS_RANGE_PAGES_BITS)

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

/* A place in a pin: @pages, from the page @skip of the range @i on. */
struct ps_pos {
	unsigned long i;
	unsigned long skip;
	unsigned long pages;
};

/*
 * Everything but the ranges, which UNPIN changes, and @written is constant once
 * the pin can be found.
 */
struct ps_pin {
	struct kref ref;
	/*
	 * Readers use the pages; UNPIN takes it for writing, so that the pages
	 * are released when UNPIN returns and not at the last reader's whim.
	 */
	struct rw_semaphore lock;
	u32 id;
	u32 serial;		/* in the list of all pins */
	u32 call;
	u64 gup_flags;
	u64 addr;
	struct mm_struct *mm;	/* mmgrab()bed; NULL for a memfd */
	struct pid *pid;	/* of the maker */
	char comm[TASK_COMM_LEN];
	ktime_t since;
	bool written;		/* by WRITE: mark dirty on release */
	unsigned long pages;	/* from one end to the other */
	unsigned long held;	/* without those that were released */
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
void ps_file_init(struct ps_file *file);
int ps_check_range(u64 addr, u64 len, u64 limit);

/* target.c */
struct mm_struct *ps_get_mm(u32 target_type, s32 target_nr);

/* flags.c */
extern bool ps_allow_warn;
u64 ps_gup_flags_taken(unsigned int call);
int ps_gup_flags_from_kernel(unsigned int kernel, u64 *gup_flags);
int ps_gup_flags_to_kernel(unsigned int call, u64 gup_flags, unsigned int *kernel);
u64 ps_fault_taken(void);
int ps_fault_to_kernel(u64 fault, unsigned int *kernel);
u32 ps_vm_fault_known(void);
u32 ps_vm_fault_from_kernel(vm_fault_t result);

/* gup.c */

static inline bool ps_is_cow(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}

/*
 * mm copies what has no struct page through the user address, in current's page
 * tables, and warns when it is not mapped there.
 */
static inline bool ps_cannot_copy(const struct vm_area_struct *vma)
{
	return ps_is_cow(vma) && (vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)) &&
	       (vma->vm_mm != current->mm || !(vma->vm_flags & VM_READ));
}

/* One batch for GUP. */
struct ps_gup {
	struct mm_struct *mm;	/* of the remote ways */
	struct file *file;	/* of CALL_PIN_MEMFD */
	u64 addr;
	unsigned long nr;
	unsigned int gup_flags;	/* the kernel's bits */
	enum pinscope_lock lock; /* out, or'ed by the caller over batches */
};

u32 ps_gup_calls(void);
bool ps_gup_is_remote(unsigned int call);
long ps_gup(unsigned int call, struct ps_gup *gup, struct page **pages);
bool ps_gup_by_folio(unsigned int call);
void ps_gup_release(unsigned int call, unsigned long pfn, unsigned long pages,
		    bool dirty);

/* pin.c */
extern atomic_long_t ps_pinned_pages;
extern unsigned long ps_max_pages;
int ps_cmd_pin(struct ps_ucmd *ucmd);
int ps_cmd_unpin(struct ps_ucmd *ucmd);
struct ps_pin *ps_pin_get_read(struct ps_file *file, u32 id);
struct ps_pin *ps_pin_get_next(unsigned long *serial);
int ps_pin_lock_read(struct ps_pin *pin);
void ps_pin_put(struct ps_pin *pin);
void ps_pin_put_read(struct ps_pin *pin);
struct ps_pos ps_pin_seek(const struct ps_pin *pin, unsigned long first,
			  unsigned long pages);
bool ps_pin_next(const struct ps_pin *pin, struct ps_pos *pos,
		 unsigned long *pfn, unsigned long *pages);
void ps_release_pins(struct ps_file *file);

/* walk.c */

/* One non-empty page table entry, as its table's lock holder sees it. */
struct ps_entry {
	unsigned long addr;	/* cut to the range that is walked */
	unsigned long pages;
	unsigned long pfn;	/* of @addr, where STATE_* say that it is valid */
	u64 state;		/* what the entry itself tells */
	struct page *page;	/* of @addr; NULL when there is none to touch */
	unsigned int shift;	/* log2 of the bytes that the entry maps */
	unsigned int swap_type;
	unsigned long swap_offset;
};

/*
 * Called for each entry with the page table lock held: must not sleep.
 * Returns false to stop in front of this entry.
 */
typedef bool (*ps_entry_fn)(const struct ps_entry *entry, void *arg);

int ps_walk(struct mm_struct *mm, unsigned long *addr, unsigned long end,
	    ps_entry_fn fn, void *arg);
u64 ps_walk_states(void);

/* compare.c */
int ps_compare(struct ps_pin *pin, struct mm_struct *mm,
	       struct pinscope_compare *cmd, unsigned long *bitmap);
int ps_cmd_compare(struct ps_ucmd *ucmd);

/* map.c */
u64 ps_maps(void);
int ps_map_create(struct ps_file *file);
void ps_map_destroy(struct ps_file *file);
int ps_map_mmap(struct file *filp, struct vm_area_struct *vma);
int ps_cmd_map_counts(struct ps_ucmd *ucmd);

/* gup_test.c */
void ps_gup_test_init(void);
void ps_gup_test_exit(void);

/* pins.c */
extern const struct file_operations ps_pins_fops;

/* The rest: one file per primitive. */
int ps_cmd_read(struct ps_ucmd *ucmd);
int ps_cmd_write(struct ps_ucmd *ucmd);
int ps_cmd_inspect(struct ps_ucmd *ucmd);
u64 ps_inspect_states(void);
int ps_cmd_fault(struct ps_ucmd *ucmd);
int ps_cmd_rss(struct ps_ucmd *ucmd);

#endif
