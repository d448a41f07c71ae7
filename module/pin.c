// SPDX-License-Identifier: GPL-2.0-only
/*
 * PIN and UNPIN, and the lifetime of a struct ps_pin.
 *
 * Owns the list of open files, the count of pinned pages, and the module parameter
 * max_pages.
 *
 * PIN fills a new struct ps_pin that nothing else can reach, and adds it to the open
 * file's table, which holds a reference. A lookup finds it once the caller has the id.
 * Whoever wants to see all pins goes through the open files.
 *
 * The ranges of a pin never change after PIN. UNPIN of a part marks the pages in a
 * bitmap.
 *
 * Locks: ps_pin.lock, then the mmap lock. files_lock, of the list of files, then the
 * lock of a file's table, which can be taken with ps_pin.lock held as well; no lock is
 * taken inside that.
 */
#include <linux/bitmap.h>
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/hugetlb.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "pinscope.h"
#include "trace.h"

/* The least number of ranges to allocate room for. */
#define MIN_RANGES	128UL

/* Base pages to release at a time, so that others can run in between. */
#define RELEASE_BATCH	8192UL

/*
 * How many pointers to pages are kept on the stack, instead of in allocated memory when
 * pinned, and for one call when released. A kernel that clears the stack clears them.
 */
#define FEW_PAGES	4
#define RELEASE_PAGES	16

/* Base pages per call of GUP by default: their pointers fill one page. */
#define DEFAULT_BATCH	(PAGE_SIZE / sizeof(struct page *))

atomic_long_t ps_pinned_pages;

/* Writable at any time: it limits new pins, and leaves those that exist alone. */
unsigned long ps_max_pages;
module_param_named(max_pages, ps_max_pages, ulong, 0644);
MODULE_PARM_DESC(max_pages,
		 "how many base pages may be pinned by all users together (default: a quarter of RAM)");

/* The least number of slots in the table of a file's pins. */
#define MIN_SLOTS	64U

/*
 * A slot of that table has a pin, or is free and has the id of the next free slot, which
 * is marked by the lowest bit. Ids start at 1, so that an id that was never set names no
 * pin: slot 0 has the first free id, and 0 ends the list.
 */
#define FREE_SLOT(next)	((unsigned long)(next) << 1 | 1)
#define NEXT_FREE(slot)	((u32)((slot) >> 1))

/* The open files by serial number: in the order of their opening. */
static DEFINE_XARRAY_ALLOC1(all_files);
static DEFINE_MUTEX(files_lock);
static u32 next_serial;

/* Of pins. It has a constructor, so a kernel that clears memory on allocation does not. */
static struct kmem_cache *pin_cache;

/* Counts pages as pinned. Returns false, counting nothing, above the limit. */
static bool charge_pages(unsigned long pages)
{
	if (atomic_long_add_return(pages, &ps_pinned_pages) <=
	    READ_ONCE(ps_max_pages))
		return true;
	atomic_long_sub(pages, &ps_pinned_pages);
	return false;
}

static void uncharge_pages(unsigned long pages)
{
	atomic_long_sub(pages, &ps_pinned_pages);
}

/* Moves the ranges to an array that has room for @max of them, and @more bytes. */
static int realloc_ranges(struct ps_pin *pin, unsigned long max, size_t more)
{
	ps_range_t *ranges;

	ranges = kvmalloc(size_add(array_size(max, sizeof(*ranges)), more),
			  GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!ranges)
		return -ENOMEM;
	memcpy(ranges, pin->ranges, pin->nr_ranges * sizeof(*ranges));
	if (pin->ranges != pin->few)
		kvfree(pin->ranges);
	pin->ranges = ranges;
	pin->max_ranges = max;
	return 0;
}

/*
 * Gives back room that is not used, and makes the index of many ranges. Without
 * memory for that, keeps the room, and ps_pin_seek() starts at the first range.
 */
static void index_ranges(struct ps_pin *pin)
{
	unsigned long *index, i, first = 0, nr = pin->nr_ranges;

	if (nr <= PS_INDEX_STRIDE) {
		if (nr < pin->max_ranges && pin->ranges != pin->few)
			realloc_ranges(pin, nr, 0);
		return;
	}
	if (realloc_ranges(pin, nr, DIV_ROUND_UP(nr, PS_INDEX_STRIDE) *
				    sizeof(*index)))
		return;
	index = (unsigned long *)(pin->ranges + nr);
	for (i = 0; i < nr; i++) {
		if (i % PS_INDEX_STRIDE == 0)
			index[i / PS_INDEX_STRIDE] = first;
		first += ps_range_pages(pin->ranges[i]);
	}
	pin->index = index;
}

/*
 * Adds pages to the end of a pin. Extends the last range when they follow it, but not
 * with @apart: a pin of a folio is one range, which one unpin releases.
 */
static int append_run(struct ps_pin *pin, struct page *page, unsigned long pages,
		      bool apart)
{
	unsigned long pfn = page_to_pfn(page);

	if (pin->nr_ranges && !apart) {
		ps_range_t *last = &pin->ranges[pin->nr_ranges - 1];
		unsigned long first = ps_range_pfn(*last);
		unsigned long n = ps_range_pages(*last);

		if (pfn == first + n && n + pages <= PS_RANGE_MAX_PAGES &&
		    ps_page_follows(pfn_to_page(first), n, page)) {
			*last = ps_range(first, n + pages);
			goto count;
		}
	}
	/* Doubled, so that a long pin is not copied once for each batch. */
	if (pin->nr_ranges == pin->max_ranges &&
	    realloc_ranges(pin, max(2 * pin->max_ranges, MIN_RANGES), 0))
		return -ENOMEM;
	pin->ranges[pin->nr_ranges++] = ps_range(pfn, pages);
count:
	pin->pages += pages;
	pin->held += pages;
	return 0;
}

/* How many of @pages, @nr of them, are consecutive from the first one on. */
static unsigned long run_length(struct page **pages, unsigned long nr)
{
	struct page **end = pages + nr;
	long left = 1 - (long)nr;

	/* A sum that is 0 needs no comparison: it takes a sixth of the loop. */
	while (left && ps_page_follows(pages[0], nr + left, end[left]))
		left++;
	return nr + left;
}

/**
 * ps_pin_seek() - select a part of a pin for ps_pin_next()
 * @pin: the pin
 * @first: index of the first base page, from 0 to @pin->pages inclusive
 * @pages: number of base pages; @first + @pages is at most @pin->pages
 *
 * Takes O(log n) for a pin of n ranges.
 *
 * Context: the caller holds @pin->lock, or is the only user of @pin.
 * Return: the position of the first page; nothing to release.
 */
struct ps_pos ps_pin_seek(const struct ps_pin *pin, unsigned long first,
			  unsigned long pages)
{
	struct ps_pos pos = { .index = first, .skip = first, .pages = pages };
	unsigned long low = 0, high, mid;

	if (pin->index) {
		/* The last entry of the index that is not behind @first. */
		high = DIV_ROUND_UP(pin->nr_ranges, PS_INDEX_STRIDE);
		while (high - low > 1) {
			mid = low + (high - low) / 2;
			if (pin->index[mid] <= first)
				low = mid;
			else
				high = mid;
		}
		pos.i = low * PS_INDEX_STRIDE;
		pos.skip -= pin->index[low];
	}
	while (pos.i < pin->nr_ranges &&
	       pos.skip >= ps_range_pages(pin->ranges[pos.i]))
		pos.skip -= ps_range_pages(pin->ranges[pos.i++]);
	return pos;
}

/**
 * ps_pin_same_released() - find pages that are released, or not, as a first one is
 * @pin: a pin with @released
 * @index: index of the first page
 * @nr: how many pages to look at
 * @pfn: out: PS_HOLE if the first page is released, else it is not set
 *
 * Context: the caller holds @pin->lock, or is the only user of @pin.
 * Return: how many of the pages are as the first one.
 */
unsigned long ps_pin_same_released(const struct ps_pin *pin, unsigned long index,
				   unsigned long nr, unsigned long *pfn)
{
	const unsigned long *bits = pin->released;

	if (!test_bit(index, bits))
		return find_next_bit(bits, index + nr, index) - index;
	*pfn = PS_HOLE;
	return find_next_zero_bit(bits, index + nr, index) - index;
}

/* Releases pages that ps_gup() returned for a call, some at a time. */
static void release_run(unsigned int call, unsigned long pfn, unsigned long pages,
			bool dirty)
{
	unsigned long n;

	for (; pages; pfn += n, pages -= n) {
		n = ps_gup_by_folio(call) ? pages : min(pages, RELEASE_BATCH);
		ps_gup_release(call, pfn, n, dirty);
		cond_resched();
	}
}

/*
 * Releases the pages of a part of a pin; its ranges stay as they are. Pages without a
 * neighbour are released together.
 */
static void release_pages_at(struct ps_pin *pin, struct ps_pos pos, bool dirty)
{
	unsigned long pfn, pages, released = 0;
	bool by_folio = ps_gup_by_folio(pin->call);
	struct page *few[RELEASE_PAGES];
	unsigned int nr = 0;

	dirty |= READ_ONCE(pin->written);
	while (ps_pin_next(pin, &pos, &pfn, &pages)) {
		if (pfn == PS_HOLE)
			continue;
		released += pages;
		if (pages > 1 || by_folio) {
			release_run(pin->call, pfn, pages, dirty);
			continue;
		}
		few[nr++] = pfn_to_page(pfn);
		if (nr == RELEASE_PAGES) {
			ps_gup_release_pages(pin->call, few, nr, dirty);
			nr = 0;
			cond_resched();
		}
	}
	if (nr)
		ps_gup_release_pages(pin->call, few, nr, dirty);
	pin->held -= released;
	uncharge_pages(released);
}

static void free_pin(struct kref *ref)
{
	struct ps_pin *pin = container_of(ref, struct ps_pin, ref);

	if (pin->held)
		release_pages_at(pin, ps_pin_seek(pin, 0, pin->pages), false);
	if (pin->dax)
		ps_dax_put_files(pin);
	if (pin->ranges != pin->few)
		kvfree(pin->ranges);
	/* The call alone is some 7 % of what closing a pin of one page costs. */
	if (pin->released)
		kvfree(pin->released);
	if (pin->mm)
		mmdrop(pin->mm);
	put_pid(pin->pid);
	kmem_cache_free(pin_cache, pin);
}

/**
 * ps_pin_put() - drop a reference to a pin
 * @pin: the pin, which the caller must not use any more
 *
 * The last reference releases the pages that are still pinned and frees @pin.
 *
 * Context: may sleep; the caller does not hold @pin->lock unless another
 * reference remains.
 */
void ps_pin_put(struct ps_pin *pin)
{
	kref_put(&pin->ref, free_pin);
}

/* The pin in a slot of @file's table, whose lock is held; or NULL. */
static struct ps_pin *pin_in_slot(const struct ps_file *file, unsigned long id)
{
	unsigned long slot;

	if (id >= file->nr_slots)
		return NULL;
	slot = file->slots[array_index_nospec(id, file->nr_slots)];
	return slot & 1 ? NULL : (struct ps_pin *)slot;
}

/*
 * Takes a reference to a pin, for ps_pin_put() to drop. Returns NULL if there is none, or
 * if it does not exist for others yet.
 */
static struct ps_pin *get_published(const struct ps_file *file, unsigned long id)
{
	struct ps_pin *pin = pin_in_slot(file, id);

	/* Pairs with publish_pin(): the id is set. */
	if (!pin || !smp_load_acquire(&pin->published))
		return NULL;
	kref_get(&pin->ref);
	return pin;
}

/* Looks up a pin and takes a reference, for ps_pin_put() to drop. */
static struct ps_pin *get_pin(struct ps_file *file, u32 id)
{
	struct ps_pin *pin;

	mutex_lock(&file->lock);
	pin = get_published(file, id);
	mutex_unlock(&file->lock);
	return pin;
}

/* Whether the table of a file, whose lock is held, has no room for another pin. */
static bool table_is_full(const struct ps_file *file)
{
	return !file->nr_slots || file->slots[0] == FREE_SLOT(0);
}

/*
 * Doubles the table, which had @old slots and was full, unless that has changed meanwhile.
 * It keeps its size until the file is released. The lock is not held while there may be no
 * memory: whoever closes any file may wait for it.
 */
static int add_slots(struct ps_file *file, unsigned int old)
{
	unsigned int nr = max(2 * old, MIN_SLOTS), id;
	unsigned long *slots;

	slots = kvmalloc_array(nr, sizeof(*slots), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!slots)
		return -ENOMEM;
	mutex_lock(&file->lock);
	if (file->nr_slots == old && table_is_full(file)) {
		if (old)
			memcpy(slots, file->slots, old * sizeof(*slots));
		/* The lowest new id is the first to be given out. */
		for (id = nr - 1; id >= max(old, 1U); id--)
			slots[id] = id < nr - 1 ? FREE_SLOT(id + 1) : FREE_SLOT(0);
		slots[0] = FREE_SLOT(id + 1);
		swap(slots, file->slots);
		file->nr_slots = nr;
	}
	mutex_unlock(&file->lock);
	kvfree(slots);
	return 0;
}

/* Gives a pin an id, and the caller's reference to the table. */
static int add_pin(struct ps_file *file, struct ps_pin *pin)
{
	unsigned int nr;
	int ret;

	mutex_lock(&file->lock);
	while (table_is_full(file)) {
		nr = file->nr_slots;
		mutex_unlock(&file->lock);
		ret = add_slots(file, nr);
		if (ret)
			return ret;
		/* It is full again only when others have got the slots. */
		mutex_lock(&file->lock);
	}
	pin->id = NEXT_FREE(file->slots[0]);
	file->slots[0] = file->slots[pin->id];
	file->slots[pin->id] = (unsigned long)pin;
	mutex_unlock(&file->lock);
	return 0;
}

/* Takes a pin out of the table, for the caller to drop the table's reference. */
static void remove_pin(struct ps_file *file, u32 id)
{
	mutex_lock(&file->lock);
	file->slots[id] = file->slots[0];
	file->slots[0] = FREE_SLOT(id);
	mutex_unlock(&file->lock);
}

/**
 * ps_pin_get_next() - go through the pins of all open files
 * @serial: in: the lowest serial number of a file to look at; out: that of the file
 * @index: in: the lowest index to return, in the file with the number that was in
 *	@serial; out: that of the pin
 *
 * Context: may sleep; takes no lock for longer than the lookup.
 * Return: the pin with the lowest such number and index, with a reference that the
 * caller drops with ps_pin_put(); NULL when there is none.
 */
struct ps_pin *ps_pin_get_next(unsigned long *serial, unsigned long *index)
{
	unsigned long wanted = *serial;
	struct ps_pin *pin = NULL;
	struct ps_file *file;

	/* A file leaves the list before its pins are released. */
	mutex_lock(&files_lock);
	xa_for_each_start(&all_files, *serial, file, wanted) {
		if (*serial != wanted)
			*index = 0;
		mutex_lock(&file->lock);
		while (!pin && *index < file->nr_slots) {
			pin = get_published(file, (*index)++);
			if (!(*index % 1024))
				cond_resched();
		}
		mutex_unlock(&file->lock);
		if (pin)
			break;
		cond_resched();
	}
	mutex_unlock(&files_lock);
	if (pin)
		--*index;
	return pin;
}

/**
 * ps_pin_lock_read() - lock a pin, so that its pages are not released
 * @pin: the pin, to which the caller has a reference
 *
 * Context: may sleep. With 0, the caller unlocks @pin->lock with up_read().
 * Return: 0; -ENOENT when UNPIN has released all of it, -EINTR when killed.
 */
int ps_pin_lock_read(struct ps_pin *pin)
{
	if (down_read_killable(&pin->lock))
		return -EINTR;
	if (pin->held)
		return 0;
	/* UNPIN released all pages between the lookup and the lock. */
	up_read(&pin->lock);
	return -ENOENT;
}

/**
 * ps_pin_get_read() - look up a pin and lock it, so that its pages stay pinned
 * @file: the open file that the pin belongs to
 * @id: the pin's id
 *
 * Context: may sleep; takes the pin's lock for reading.
 * Return: the pin, which the caller gives back with ps_pin_put_read(); or
 * ERR_PTR: -ENOENT when @file has no such pin, -EINTR when killed.
 */
struct ps_pin *ps_pin_get_read(struct ps_file *file, u32 id)
{
	struct ps_pin *pin = get_pin(file, id);
	int ret;

	if (!pin)
		return ERR_PTR(-ENOENT);
	ret = ps_pin_lock_read(pin);
	if (ret) {
		ps_pin_put(pin);
		return ERR_PTR(ret);
	}
	return pin;
}

/**
 * ps_pin_put_read() - undo ps_pin_get_read()
 * @pin: the pin
 *
 * Context: may sleep; drops the pin's lock and the reference.
 */
void ps_pin_put_read(struct ps_pin *pin)
{
	up_read(&pin->lock);
	ps_pin_put(pin);
}

/*
 * A pin of a small folio is 1024 references, and mm warns when the reference
 * count overflows. Stopping at half of the maximum, 2^30, leaves room for the
 * batches that are under way when the limit is reached: for 2048 of the default
 * size, which are 2^19 references each when all of their pages are the same one.
 * Four batches of PINSCOPE_BATCH_MAX would fill it, but only with the page mapped
 * 2^18 times in a row, by KSM for example.
 */
static bool too_many_refs(struct page *page, unsigned long pages)
{
	struct page *end = page + pages;

	for (; page < end; page += ps_rest_of_folio(page))
		if (folio_ref_count(page_folio(page)) > INT_MAX / 2)
			return true;
	return false;
}

/* Would mm warn? Returns the errno to refuse a VMA with, or 0. */
static int refuse_vma(unsigned int call, const struct ps_gup *gup,
		      struct vm_area_struct *vma)
{
	/* GUP itself refuses most, but not without a look at VMA permissions or keys. */
	if ((gup->gup_flags & FOLL_FORCE || ps_gup_takes_target(call, PINSCOPE_TARGET_PID)) &&
	    ps_cannot_copy(vma))
		return -EFAULT;
	/*
	 * After it has split a PMD, GUP installs an empty page table, without the lock of
	 * DAX's entry. A write fault of DAX that maps a PMD has looked for a table under
	 * that lock, and mm warns when it meets one in vmf_insert_pfn_pmd() (insert_pmd()
	 * in newer kernels). DAX writes through a PMD only in VM_SHARED mappings.
	 */
	if (gup->gup_flags & FOLL_SPLIT_PMD && vma_is_dax(vma) && vma->vm_flags & VM_SHARED)
		return -EOPNOTSUPP;
	return 0;
}

/* A ps_entry_fn that ends the walk at a hugetlb page that a long-term pin must move. */
static unsigned long find_movable_hugetlb(const struct ps_entry *entry, void *found)
{
	struct folio *folio = entry->page ? page_folio(entry->page) : NULL;

	if (!folio || !folio_test_hugetlb(folio) || ps_folio_longterm_pinnable(folio))
		return entry->pages;
	*(bool *)found = true;
	return 0;
}

/*
 * follow_hugetlb_page(), until Linux 6.6, takes hugetlb pages by a function of GUP-fast,
 * which leaves alone what a long-term pin must move first; it warns when that happens.
 */
static int refuse_movable_hugetlb(const struct ps_gup *gup, unsigned long addr,
				  unsigned long end)
{
	bool found = false;
	int ret = 0;

	while (!ret && !found && addr < end)
		ret = ps_walk(gup->mm, &addr, end, find_movable_hugetlb, &found);
	return found ? -EOPNOTSUPP : ret;
}

/*
 * Refuses VMAs where GUP would do what makes mm warn. They may change before GUP looks
 * at them, so this prevents accidents and not a caller that tries to provoke the warning.
 */
static int check_vmas(unsigned int call, struct ps_gup *gup)
{
	unsigned long end = gup->addr + (gup->nr << PAGE_SHIFT), addr = gup->addr;
	bool longterm = gup->gup_flags & FOLL_LONGTERM &&
			__is_defined(HAVE_FOLLOW_HUGETLB_PAGE);
	bool has_hugetlb = false;
	struct vm_area_struct *vma;
	int ret = 0;

	if (!(gup->gup_flags & (FOLL_FORCE | FOLL_SPLIT_PMD)) && !longterm &&
	    !ps_gup_takes_target(call, PINSCOPE_TARGET_PID))
		return 0;
	if (mmap_read_lock_killable(gup->mm))
		return -EINTR;
	while (!ret && addr < end) {
		vma = find_vma(gup->mm, addr);
		if (!vma)
			break;
		if (vma->vm_start < end) {
			ret = refuse_vma(call, gup, vma);
			has_hugetlb |= is_vm_hugetlb_page(vma);
		}
		addr = vma->vm_end;
	}
	mmap_read_unlock(gup->mm);
	if (ret || !longterm || !has_hugetlb)
		return ret;
	return refuse_movable_hugetlb(gup, gup->addr, end);
}

/*
 * Adds what one call of GUP returned, and releases what there is no memory for.
 * Returns -ENOMEM to end with this batch.
 */
static int append_batch(struct ps_pin *pin, struct page **pages, long nr,
			unsigned long wanted)
{
	bool by_folio = ps_gup_by_folio(pin->call), failed = false;
	unsigned long n;
	int ret = 0;
	long i;

	for (i = 0; i < nr; i += by_folio ? 1 : n) {
		n = by_folio ? min(ps_rest_of_folio(pages[i]), wanted - pin->pages) :
			       run_length(pages + i, nr - i);
		/* A run may begin or end in the memory of a device, not have it inside. */
		pin->has_device_pages |= is_zone_device_page(pages[i]) ||
					 is_zone_device_page(pages[i] + n - 1);
		/* What follows a failure must not be added either. */
		failed = failed || append_run(pin, pages[i], n, by_folio);
		if (failed)
			release_run(pin->call, page_to_pfn(pages[i]), n, false);
		if (failed || too_many_refs(pages[i], n))
			ret = -ENOMEM;
	}
	return ret;
}

/* Calls GUP once for the next pages of a pin, @batch of them at most. */
static int pin_batch(struct ps_pin *pin, struct pinscope_pin *cmd,
		     struct ps_gup *gup, struct page **pages, unsigned long batch)
{
	unsigned long wanted = cmd->len >> PAGE_SHIFT, before = pin->pages;
	unsigned long left = wanted - before;
	ktime_t start;
	long got;
	int ret;

	gup->addr = cmd->addr + ((u64)before << PAGE_SHIFT);
	gup->nr = ps_gup_by_folio(cmd->call) ? left : min(left, batch);
	ret = gup->file ? 0 : check_vmas(cmd->call, gup);
	if (ret)
		return ret;
	if (!charge_pages(gup->nr))
		return -ENOMEM;

	start = ktime_get();
	got = ps_gup(cmd->call, gup, pages);
	pin->since = ktime_get();
	cmd->elapsed_ns += ktime_to_ns(ktime_sub(pin->since, start));
	/* Dropped once is dropped, whatever later batches do. */
	if (cmd->lock != PINSCOPE_LOCK_DROPPED)
		cmd->lock = gup->lock;
	if (got > 0)
		ret = append_batch(pin, pages, got, wanted);
	uncharge_pages(gup->nr - (pin->pages - before));

	/* 0 is no progress without a reason; trying again might never end. */
	if (got <= 0)
		return got ? got : -EAGAIN;
	if (!ret && fatal_signal_pending(current))
		return -EINTR;
	return ret;
}

/*
 * Gets an array for @nr pages. One of the default size stays with the open file, since
 * a kernel that clears memory on allocation takes longer for it than PIN for the rest.
 */
static struct page **get_batch(struct ps_file *file, unsigned long nr)
{
	struct page **pages = nr <= DEFAULT_BATCH ? xchg(&file->batch, NULL) : NULL;

	return pages ? pages : kvmalloc_array(max(nr, DEFAULT_BATCH), sizeof(*pages),
					      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}

static void put_batch(struct ps_file *file, struct page **pages, unsigned long nr)
{
	if (nr > DEFAULT_BATCH || cmpxchg(&file->batch, NULL, pages))
		kvfree(pages);
}

/* Fills an empty pin. With an error, @pin has what was pinned until then. */
static int pin_range(struct ps_file *file, struct ps_pin *pin,
		     struct pinscope_pin *cmd, struct ps_gup *gup)
{
	unsigned long wanted = cmd->len >> PAGE_SHIFT;
	unsigned long batch = min(wanted, cmd->batch ? cmd->batch : DEFAULT_BATCH);
	struct page *few[FEW_PAGES], **pages = few;
	int ret = 0;

	if (batch > FEW_PAGES)
		pages = get_batch(file, batch);
	if (!pages)
		return -ENOMEM;
	while (!ret && pin->pages < wanted) {
		ret = pin_batch(pin, cmd, gup, pages, batch);
		if (!ret)
			cond_resched();
	}
	if (pages != few)
		put_batch(file, pages, batch);
	index_ranges(pin);
	return ret;
}

/* What a pin has when the cache gets memory for it, and when it is freed. */
static void construct_pin(void *memory)
{
	struct ps_pin *pin = memory;

	init_rwsem(&pin->lock);
}

static struct ps_pin *alloc_pin(const struct pinscope_pin *cmd,
				struct mm_struct *mm)
{
	struct ps_pin *pin = kmem_cache_alloc(pin_cache, GFP_KERNEL);

	if (!pin)
		return NULL;
	kref_init(&pin->ref);
	pin->call = cmd->call;
	pin->gup_flags = cmd->gup_flags;
	pin->addr = cmd->addr;
	pin->published = false;
	pin->written = false;
	pin->has_device_pages = false;
	pin->pages = 0;
	pin->held = 0;
	pin->released = NULL;
	pin->nr_ranges = 0;
	pin->max_ranges = PS_FEW_RANGES;
	pin->ranges = pin->few;
	pin->index = NULL;
	pin->dax = NULL;
	if (mm)
		mmgrab(mm);
	pin->mm = mm;
	pin->pid = get_pid(task_tgid(current));
	/* Who changes it at the same time always leaves the last byte 0. */
	memcpy(pin->comm, current->comm, sizeof(pin->comm));
	return pin;
}

/*
 * Tells the caller the id of a pin, and makes the pin reachable by it: until then, it
 * only occupies the id. From then on another thread may release the pin.
 */
static int publish_pin(struct ps_pin *pin, struct ps_ucmd *ucmd)
{
	struct pinscope_pin *cmd = ucmd->cmd;
	int ret = add_pin(ucmd->file, pin);

	if (ret)
		return ret;
	cmd->id = pin->id;
	ret = ps_respond(ucmd);
	if (ret) {
		remove_pin(ucmd->file, pin->id);
		return ret;
	}
	/* Pairs with get_published(). */
	smp_store_release(&pin->published, true);
	return 0;
}

/* PIN of a target that has been looked up. */
static int pin_target(struct ps_ucmd *ucmd, struct ps_gup *gup)
{
	struct pinscope_pin *cmd = ucmd->cmd;
	struct mm_struct *mm = gup->file ? NULL : gup->mm;
	struct ps_pin *pin;
	int ret;

	ret = ps_check_range(cmd->addr, cmd->len, mm ? mm->task_size : U64_MAX);
	if (ret)
		return ret;
	/*
	 * Fail before GUP faults pages in: this range can never be charged. The
	 * functions for bitmaps take an unsigned int.
	 */
	if (cmd->len >> PAGE_SHIFT > min_t(unsigned long, READ_ONCE(ps_max_pages), UINT_MAX))
		return -ENOMEM;

	pin = alloc_pin(cmd, mm);
	if (!pin)
		return -ENOMEM;
	cmd->elapsed_ns = 0;
	cmd->lock = PINSCOPE_LOCK_UNKNOWN;
	ret = pin_range(ucmd->file, pin, cmd, gup);
	cmd->pages = pin->pages;
	/* Nobody would learn the id, and others may keep the file open. */
	if ((cmd->flags & PINSCOPE_PIN_PARTIAL) && pin->pages && !fatal_signal_pending(current))
		ret = 0;
	if (!ret && mm && pin->has_device_pages)
		ret = ps_dax_get_files(pin);
	if (!ret)
		ret = publish_pin(pin, ucmd);
	/* Uses @cmd and not @pin, which UNPIN may already have released. */
	trace_pinscope_pin(cmd, ret ? 0 : cmd->id, ret);
	if (ret)
		ps_pin_put(pin);
	return ret;
}

/**
 * ps_cmd_pin() - PINSCOPE_IOC_PIN, see struct pinscope_pin
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes and drops the mmap lock; ends early when killed.
 * Return: 0, with a pin that UNPIN or ps_release_pins() releases; or a negative
 * errno, with nothing pinned.
 */
int ps_cmd_pin(struct ps_ucmd *ucmd)
{
	struct pinscope_pin *cmd = ucmd->cmd;
	struct ps_gup gup = {};
	int ret;

	if (cmd->call >= PINSCOPE_CALLS || cmd->flags & ~PINSCOPE_PIN_PARTIAL ||
	    cmd->batch > PINSCOPE_BATCH_MAX)
		return -EINVAL;
	/* It is an index into the tables of gup.c from now on. */
	cmd->call = array_index_nospec(cmd->call, PINSCOPE_CALLS);
	if (cmd->batch && ps_gup_by_folio(cmd->call))
		return -EINVAL;
	if (!ps_gup_has_call(cmd->call))
		return -EOPNOTSUPP;
	if (!ps_gup_takes_target(cmd->call, cmd->target_type))
		return -EINVAL;
	ret = ps_gup_flags_to_kernel(cmd->call, cmd->gup_flags, &gup.gup_flags);
	if (ret)
		return ret;

	if (cmd->target_type == PINSCOPE_TARGET_MEMFD) {
		gup.file = fget(cmd->target_nr);
		if (!gup.file)
			return -EBADF;
		ret = pin_target(ucmd, &gup);
		fput(gup.file);
		return ret;
	}
	gup.mm = ps_get_mm(cmd->target_type, cmd->target_nr);
	if (IS_ERR(gup.mm))
		return PTR_ERR(gup.mm);
	ret = pin_target(ucmd, &gup);
	mmput(gup.mm);
	return ret;
}

/* Is the border in front of page @index inside a range that is still pinned? */
static bool inside_pinned_range(struct ps_pin *pin, unsigned long index)
{
	return ps_pin_seek(pin, index, 0).skip &&
	       !(pin->released && test_bit(index, pin->released));
}

/*
 * Does a part of a pin begin or end inside a folio that has one pin? That pin
 * cannot be released for some of the folio's pages. Where the pages were released
 * before, any border is good.
 */
static bool cuts_folio(struct ps_pin *pin, unsigned long first,
		       unsigned long pages)
{
	return ps_gup_by_folio(pin->call) &&
	       (inside_pinned_range(pin, first) ||
		inside_pinned_range(pin, first + pages));
}

/* Releases some pages of a pin, and marks them as released. */
static int release_part(struct ps_pin *pin, unsigned long first,
			unsigned long pages, bool dirty)
{
	if (!pin->released)
		pin->released = kvcalloc(BITS_TO_LONGS(pin->pages), sizeof(long),
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!pin->released)
		return -ENOMEM;
	release_pages_at(pin, ps_pin_seek(pin, first, pages), dirty);
	bitmap_set(pin->released, first, pages);
	return 0;
}

/* UNPIN of a pin whose lock is held for writing. */
static int unpin_locked(struct ps_file *file, struct ps_pin *pin,
			struct pinscope_unpin *cmd)
{
	u64 size = (u64)pin->pages << PAGE_SHIFT;
	u64 offset = cmd->offset, len = cmd->len;
	unsigned long first, pages;
	bool dirty = cmd->flags & PINSCOPE_UNPIN_DIRTY;

	if (!pin->held)
		return -ENOENT;		/* another UNPIN released all of it */
	if (!offset && !len)
		len = size;
	if (!len || !PAGE_ALIGNED(offset) || !PAGE_ALIGNED(len))
		return -EINVAL;
	if (offset > size || len > size - offset)
		return -ERANGE;
	if (dirty && !(pin->gup_flags & PINSCOPE_FOLL_WRITE))
		return -EACCES;
	first = offset >> PAGE_SHIFT;
	pages = len >> PAGE_SHIFT;
	if (cuts_folio(pin, first, pages))
		return -EINVAL;

	if (len < size) {
		int ret = release_part(pin, first, pages, dirty);

		if (ret)
			return ret;
	} else {
		release_pages_at(pin, ps_pin_seek(pin, 0, pages), dirty);
	}
	cmd->left = pin->held;
	trace_pinscope_unpin(cmd);
	if (pin->held)
		return 0;
	remove_pin(file, pin->id);
	ps_pin_put(pin);	/* the table's; the caller has another one */
	return 0;
}

/**
 * ps_cmd_unpin() - PINSCOPE_IOC_UNPIN, see struct pinscope_unpin
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes the pin's lock for writing, so it waits for ioctls
 * that use the pin, unless killed.
 * Return: 0 with the pages released; a negative errno with nothing changed,
 * except -EFAULT, which means that the pages are released but the caller's
 * struct could not be written.
 */
int ps_cmd_unpin(struct ps_ucmd *ucmd)
{
	struct pinscope_unpin __user *to = ucmd->uptr;
	struct pinscope_unpin *cmd = ucmd->cmd;
	struct ps_pin *pin;
	int ret;

	if (cmd->flags & ~PINSCOPE_UNPIN_DIRTY || cmd->reserved)
		return -EINVAL;
	pin = get_pin(ucmd->file, cmd->id);
	if (!pin)
		return -ENOENT;
	if (down_write_killable(&pin->lock)) {
		ret = -EINTR;
	} else {
		ret = unpin_locked(ucmd->file, pin, cmd);
		up_write(&pin->lock);
	}
	ps_pin_put(pin);
	/* The only field that is out. */
	if (ret || ucmd->user_size < offsetofend(struct pinscope_unpin, left))
		return ret;
	return put_user(cmd->left, &to->left);
}

/**
 * ps_init_pins() - set up the table of pins of an open file
 * @file: the open file, for which it also notes who opened it
 *
 * Context: may sleep.
 * Return: 0, for ps_release_pins() to undo, or a negative errno.
 */
int ps_init_pins(struct ps_file *file)
{
	int ret;

	file->show_pfns = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	mutex_init(&file->lock);
	ret = xa_alloc_cyclic(&all_files, &file->serial, file, xa_limit_31b,
			      &next_serial, GFP_KERNEL_ACCOUNT);
	return ret < 0 ? ret : 0;
}

/**
 * ps_release_pins() - release all pins of an open file
 * @file: the open file, on which no ioctl runs any more
 *
 * Context: may sleep.
 */
void ps_release_pins(struct ps_file *file)
{
	struct ps_pin *pin;
	u32 id;

	mutex_lock(&files_lock);
	xa_erase(&all_files, file->serial);
	mutex_unlock(&files_lock);
	for (id = 0; id < file->nr_slots; id++) {
		pin = pin_in_slot(file, id);
		if (pin)
			ps_pin_put(pin);
		cond_resched();
	}
	mutex_destroy(&file->lock);
	kvfree(file->slots);
	kvfree(file->batch);
}

/**
 * ps_create_pin_cache() - do what PIN needs once
 *
 * Context: may sleep.
 * Return: 0, for ps_destroy_pin_cache() to undo, or -ENOMEM.
 */
int ps_create_pin_cache(void)
{
	pin_cache = kmem_cache_create("pinscope_pin", sizeof(struct ps_pin), 0,
				      SLAB_ACCOUNT, construct_pin);
	return pin_cache ? 0 : -ENOMEM;
}

/**
 * ps_destroy_pin_cache() - undo ps_create_pin_cache()
 *
 * Context: may sleep; there are no pins.
 */
void ps_destroy_pin_cache(void)
{
	kmem_cache_destroy(pin_cache);
}
