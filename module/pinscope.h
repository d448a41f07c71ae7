/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pinscope.ko share: the objects, and the functions that one
 * file offers to others. The functions are described where they are defined.
 *
 * Objects and their lifetime:
 * - struct ps_file: one for each open of ctl, map or gup_test. It owns a table
 *   of pins by id, and for map the memory behind its mappings. It is freed when
 *   the file is released.
 * - struct ps_pin: reference counted. Its file's table holds one reference
 *   until UNPIN or the file's release; a running ioctl holds another one. The
 *   pages are released by UNPIN, or with the last reference.
 *
 * Lock order: ps_pin.lock, mmap lock, i_mmap_rwsem (hugetlb only), page table
 * lock. The locks of pin.c's tables, and those of gup_test.c and map.c,
 * are described there.
 *
 * Dependencies point one way: main.c calls the handlers, the handlers call the
 * files that pin, walk and translate, all of them may call ucmd.c.
 */
#ifndef PINSCOPE_H
#define PINSCOPE_H

#include <linux/export.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>

#include "compat/compat.h"
#include "pinscope_abi.h"

/* The suites in kunit/ can be built as a module, which needs exports. */
#if IS_ENABLED(CONFIG_KUNIT)
#define EXPORT_SYMBOL_FOR_KUNIT(symbol)	EXPORT_SYMBOL_GPL(symbol)
#else
#define EXPORT_SYMBOL_FOR_KUNIT(symbol)
#endif

struct ps_map;

/* The state of one open of ctl, map or gup_test. */
struct ps_file {
	struct mutex lock;	/* of the next two */
	unsigned long *slots;	/* of pins, by id, see pin.c */
	u32 nr_slots;
	u32 serial;		/* in the list of open files, see pin.c */
	bool show_pfns;		/* had who opened it CAP_SYS_ADMIN? */
	struct page **batch;	/* of PIN, while none runs; or NULL */
	struct ps_map *map;	/* the memory of an open map, else NULL */
};

/*
 * A run of pages that a pin holds, with consecutive PFNs and struct pages: the PFN of
 * the first page and the number of pages in one word. A list of scattered base pages
 * costs as much as an array of page pointers, and contiguous pages cost next to
 * nothing.
 */
typedef u64 ps_range_t;

#define PS_RANGE_PAGES_BITS	20
#define PS_RANGE_MAX_PAGES	BIT(PS_RANGE_PAGES_BITS)

/* In place of a PFN: UNPIN has released the pages. */
#define PS_HOLE			(U64_MAX >> PS_RANGE_PAGES_BITS)

/* How many ranges a struct ps_pin has room for. */
#define PS_FEW_RANGES		4
/* Ranges for each entry of the index of a pin with more than that. */
#define PS_INDEX_STRIDE		64

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

/*
 * A part of a pin, as ps_pin_next() goes through it: @pages pages, beginning
 * with the page @index of the pin, which is the page @skip of the range @i.
 */
struct ps_pos {
	unsigned long i;	/* index into ps_pin.ranges */
	unsigned long skip;	/* pages */
	unsigned long index;
	unsigned long pages;
};

/*
 * A pin: the pages that one PIN has pinned. Once the pin can be looked up, only two
 * ioctls change it: WRITE sets @written, and UNPIN changes @held and @released with
 * @lock held for writing.
 */
struct ps_pin {
	struct kref ref;
	/*
	 * Held for reading while the pages are used, for writing by UNPIN: the
	 * pages are released when UNPIN returns, and not some time later when
	 * the last user drops its reference.
	 */
	struct rw_semaphore lock;
	u32 id;			/* in the open file */
	u32 call;		/* enum pinscope_call */
	u64 gup_flags;		/* PINSCOPE_FOLL_* */
	u64 addr;		/* address, or file offset with CALL_PIN_MEMFD */
	struct mm_struct *mm;	/* mmgrab()bed; NULL with CALL_PIN_MEMFD */
	struct pid *pid;	/* of the process that called PIN */
	char comm[TASK_COMM_LEN];	/* of the thread that called PIN */
	ktime_t since;		/* when the pages were pinned */
	bool published;		/* has the caller of PIN been told the id? */
	bool written;		/* by WRITE: mark pages dirty on release */
	bool has_device_pages;	/* are there pages in ZONE_DEVICE? */
	unsigned long pages;	/* released ones included */
	unsigned long held;	/* released ones not included */
	unsigned long *released;	/* bit n: page n is; NULL when none is */
	unsigned long nr_ranges;
	unsigned long max_ranges;
	ps_range_t *ranges;	/* @few, or allocated */
	/*
	 * Entry n is the index of the first page of range n * PS_INDEX_STRIDE; in
	 * the memory behind @ranges. NULL when there are few ranges.
	 */
	unsigned long *index;
	struct ps_dax *dax;	/* files that it keeps open, see dax.c; or NULL */
	ps_range_t few[PS_FEW_RANGES];
};

unsigned long ps_pin_same_released(const struct ps_pin *pin, unsigned long index,
				   unsigned long nr, unsigned long *pfn);

/**
 * ps_pin_next() - get the next run of pages of a pin
 * @pin: the pin
 * @pos: in: from ps_pin_seek(), or as the last call left it; out: behind the run
 * @pfn: out: PFN of the first page, or PS_HOLE when the pages were released
 * @pages: out: number of base pages, with consecutive PFNs and struct pages; they may
 *	be of several folios, unless the call of the pin is by folio
 *
 * Inline, since a pin of scattered pages has a run for each page.
 *
 * Context: the caller holds @pin->lock, or is the only user of @pin.
 * Return: true, or false when there are no more pages and the output is not set.
 */
static inline bool ps_pin_next(const struct ps_pin *pin, struct ps_pos *pos,
			       unsigned long *pfn, unsigned long *pages)
{
	ps_range_t range;
	unsigned long n;

	if (!pos->pages)
		return false;
	range = pin->ranges[pos->i];
	n = min(pos->pages, ps_range_pages(range) - pos->skip);
	*pfn = ps_range_pfn(range) + pos->skip;
	if (unlikely(pin->released))
		n = ps_pin_same_released(pin, pos->index, n, pfn);
	*pages = n;
	pos->pages -= n;
	pos->index += n;
	pos->skip += n;
	if (pos->skip == ps_range_pages(range)) {
		pos->i++;
		pos->skip = 0;
	}
	return true;
}

/* One ioctl while it is served. */
struct ps_ucmd {
	struct ps_file *file;
	void __user *uptr;	/* the caller's struct */
	u32 user_size;		/* its size; 0: the module is the caller */
	u32 kernel_size;	/* size of the module's struct */
	void *cmd;		/* the module's struct, kernel memory */
};

/* A page state bit, if the condition for it holds. */
#define PS_STATE_IF(condition, name)	((condition) ? PINSCOPE_STATE_##name : 0)

/* ucmd.c */
int ps_respond(struct ps_ucmd *ucmd);
int ps_check_range(u64 addr, u64 len, u64 limit);
bool ps_may_see_pfns(const struct ps_file *file);

/* target.c */
struct mm_struct *ps_get_mm(u32 target_type, s32 target_nr);

/* flags.c */
extern bool ps_allow_warn;
u64 ps_gup_flags_known(void);
unsigned int ps_gup_flags_translate(u64 gup_flags);
int ps_gup_flags_from_kernel(unsigned int kernel, u64 *gup_flags);
u64 ps_fault_taken(void);
int ps_fault_to_kernel(u64 fault, unsigned int *kernel);
u32 ps_vm_fault_known(void);
u32 ps_vm_fault_from_kernel(vm_fault_t result);

/* Is this a private mapping that can become writable? As is_cow_mapping(). */
static inline bool ps_is_cow(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}

/*
 * Would mm warn, or copy something else, when it breaks COW in this VMA? What has
 * no struct page is copied through the user address, in the page tables of
 * current. For another process's mm that is the memory of current; where it cannot
 * be read, which is so without VM_READ and for a protection key that keeps current
 * out, too, mm warns.
 */
static inline bool ps_cannot_copy(struct vm_area_struct *vma)
{
	return ps_is_cow(vma) &&
	       (vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP) || ps_dax_is_special(vma)) &&
	       (vma->vm_mm != current->mm || !(vma->vm_flags & VM_READ) ||
		!arch_vma_access_permitted(vma, false, false, false));
}

/* gup.c */

/**
 * struct ps_gup - the arguments of one call of ps_gup()
 * @mm: the mm of the target, with a reference to its users; NULL with
 *	CALL_PIN_MEMFD. Only the remote calls use it: for others it is current's
 * @file: the file to pin pages of, with CALL_PIN_MEMFD; else NULL
 * @addr: page aligned address; an offset in @file, in bytes, with CALL_PIN_MEMFD
 * @nr: how many base pages to pin, not 0
 * @gup_flags: the running kernel's FOLL_* bits, from ps_gup_flags_to_kernel()
 * @lock: out: what became of the mmap lock
 */
struct ps_gup {
	struct mm_struct *mm;
	struct file *file;
	u64 addr;
	unsigned long nr;
	unsigned int gup_flags;
	enum pinscope_lock lock;
};

u32 ps_gup_calls(void);
bool ps_gup_has_call(unsigned int call);
bool ps_gup_takes_target(unsigned int call, u32 target_type);
bool ps_gup_by_folio(unsigned int call);
bool ps_gup_takes_pins(unsigned int call);
u64 ps_gup_flags_taken(unsigned int call);
int ps_gup_flags_to_kernel(unsigned int call, u64 gup_flags, unsigned int *kernel);
long ps_gup(unsigned int call, struct ps_gup *gup, struct page **pages);
void ps_gup_release(unsigned int call, unsigned long pfn, unsigned long pages,
		    bool dirty);
void ps_gup_release_pages(unsigned int call, struct page **pages, unsigned long nr,
			  bool dirty);

/* pin.c */
extern atomic_long_t ps_pinned_pages;
extern unsigned long ps_max_pages;
int ps_cmd_pin(struct ps_ucmd *ucmd);
int ps_cmd_unpin(struct ps_ucmd *ucmd);
struct ps_pin *ps_pin_get_read(struct ps_file *file, u32 id);
struct ps_pin *ps_pin_get_next(unsigned long *serial, unsigned long *index);
int ps_pin_lock_read(struct ps_pin *pin);
void ps_pin_put(struct ps_pin *pin);
void ps_pin_put_read(struct ps_pin *pin);
struct ps_pos ps_pin_seek(const struct ps_pin *pin, unsigned long first,
			  unsigned long pages);
int ps_init_pins(struct ps_file *file);
void ps_release_pins(struct ps_file *file);
int ps_create_pin_cache(void);
void ps_destroy_pin_cache(void);

/* dax.c */
int ps_dax_get_files(struct ps_pin *pin);
void ps_dax_put_files(struct ps_pin *pin);

/* walk.c */

/*
 * One non-empty page table entry, or several PTEs of pages that are equal but for their
 * PFNs. Unless there are @ptes, the PFNs are consecutive, and the struct pages, too. Read
 * with the lock of their table held.
 */
struct ps_entry {
	unsigned long addr;	/* inside the range that is walked */
	unsigned long pages;	/* base pages, those inside the range */
	unsigned long pfn;	/* of @addr, where the ABI says it is valid */
	u64 state;		/* PINSCOPE_STATE_* of the entry alone */
	struct page *page;	/* of @addr; NULL: no struct page to look at */
	pte_t *ptes;		/* for ps_entry_pfn(): their PFNs; or NULL */
	unsigned int shift;	/* log2 of the bytes that one entry maps */
	unsigned int swap_type;
	unsigned long swap_offset;
	unsigned long vma_start;
};

/**
 * ps_entry_pfn() - get the PFN of a page of an entry
 * @entry: the entry, which has a PFN
 * @n: which of its pages, from 0
 *
 * Context: in a ps_entry_fn.
 * Return: the PFN.
 */
static inline unsigned long ps_entry_pfn(const struct ps_entry *entry, unsigned long n)
{
	return entry->ptes ? pte_pfn(ptep_get(entry->ptes + n)) : entry->pfn + n;
}

/*
 * Called for each such entry with the lock of its page table held: must not sleep.
 * Returns how many of the entry's pages it has dealt with. If that is not all of them,
 * the walk ends behind them.
 */
typedef unsigned long (*ps_entry_fn)(const struct ps_entry *entry, void *arg);

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
struct seq_file;
void ps_show_call(struct seq_file *m, u32 call, u64 gup_flags);

/* holders.c */
extern const struct file_operations ps_holders_fops, ps_tracking_fops;
int ps_cmd_track(struct ps_ucmd *ucmd);
int ps_cmd_holders(struct ps_ucmd *ucmd);
bool ps_holders_known(void);
void ps_holders_fill(struct pinscope_page *records, unsigned int nr);
void ps_holders_exit(void);

/* info.c, io.c, inspect.c, fault.c, rss.c */
int ps_cmd_info(struct ps_ucmd *ucmd);
int ps_cmd_read(struct ps_ucmd *ucmd);
int ps_cmd_write(struct ps_ucmd *ucmd);
int ps_cmd_inspect(struct ps_ucmd *ucmd);
u64 ps_inspect_states(void);
int ps_cmd_fault(struct ps_ucmd *ucmd);
int ps_cmd_rss(struct ps_ucmd *ucmd);

#endif
