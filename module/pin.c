// SPDX-License-Identifier: GPL-2.0-only
/*
 * PIN and UNPIN, and the life of a pin.
 *
 * A pin is built by its maker alone and published under its id only when the
 * caller has been told the id; from then on it is reached through the file's
 * xarray, or through the list of all pins, and its reference count. The list
 * holds no reference: a pin leaves it when its last one goes. Locks: see
 * pinscope.h.
 */
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "pinscope.h"
#include "trace.h"

/* Pages per GUP call unless told: one page of struct page pointers. */
#define BATCH	(PAGE_SIZE / sizeof(struct page *))

atomic_long_t ps_pinned_pages;

/* 0644: it bounds new pins only, so it may change at any time. */
unsigned long ps_max_pages;
module_param_named(max_pages, ps_max_pages, ulong, 0644);
MODULE_PARM_DESC(max_pages,
		 "base pages that may be pinned, over all users (default: a quarter of RAM)");

/* All pins by serial number, in the order in which they were made. */
static DEFINE_XARRAY_ALLOC1(all_pins);
static u32 next_serial;

static bool charge(unsigned long pages)
{
	if (atomic_long_add_return(pages, &ps_pinned_pages) <=
	    READ_ONCE(ps_max_pages))
		return true;
	atomic_long_sub(pages, &ps_pinned_pages);
	return false;
}

static void uncharge(unsigned long pages)
{
	atomic_long_sub(pages, &ps_pinned_pages);
}

/* Makes room for @more ranges, exactly when @trim and by doubling otherwise. */
static int resize(struct ps_pin *pin, unsigned long more, bool trim)
{
	unsigned long max = pin->nr_ranges + more;
	ps_range_t *ranges;

	if (!trim) {
		if (max <= pin->max_ranges)
			return 0;
		max = max(max, 2 * pin->max_ranges);
	}
	ranges = kvmalloc_array(max, sizeof(*ranges),
				GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!ranges)
		return -ENOMEM;
	if (pin->nr_ranges)
		memcpy(ranges, pin->ranges, pin->nr_ranges * sizeof(*ranges));
	kvfree(pin->ranges);
	pin->ranges = ranges;
	pin->max_ranges = max;
	return 0;
}

/*
 * Room for a range was made. Only pages of one folio share a range, and only
 * when each has a pin of its own.
 */
static void append(struct ps_pin *pin, struct page *page, unsigned long pages)
{
	unsigned long pfn = page_to_pfn(page);

	pin->pages += pages;
	pin->held += pages;
	if (pin->nr_ranges && !ps_gup_by_folio(pin->call)) {
		ps_range_t *last = &pin->ranges[pin->nr_ranges - 1];
		unsigned long first = ps_range_pfn(*last);
		unsigned long n = ps_range_pages(*last);

		if (pfn == first + n && n < PS_RANGE_MAX_PAGES &&
		    page_folio(page) == page_folio(pfn_to_page(first))) {
			*last = ps_range(first, n + 1);
			return;
		}
	}
	pin->ranges[pin->nr_ranges++] = ps_range(pfn, pages);
}

/* How many of the @left pages to go one pointer from GUP stands for. */
static unsigned long pages_of(struct ps_pin *pin, struct page *page,
			      unsigned long left)
{
	struct folio *folio = page_folio(page);
	unsigned long nr = folio_nr_pages(folio) - folio_page_idx(folio, page);

	return ps_gup_by_folio(pin->call) ? min(left, nr) : 1;
}

/**
 * ps_pin_seek() - find a place in a pin
 * @pin: the pin
 * @first: index of a page in it, or their number
 * @pages: how many to go through from there, all in the pin
 *
 * Context: the pin's lock held.
 * Return: where to start with ps_pin_next().
 */
struct ps_pos ps_pin_seek(const struct ps_pin *pin, unsigned long first,
			  unsigned long pages)
{
	struct ps_pos pos = { .skip = first, .pages = pages };

	while (pos.i < pin->nr_ranges &&
	       pos.skip >= ps_range_pages(pin->ranges[pos.i]))
		pos.skip -= ps_range_pages(pin->ranges[pos.i++]);
	return pos;
}

/**
 * ps_pin_next() - go through what a pin holds
 * @pin: the pin
 * @pos: from ps_pin_seek(); is moved on
 * @pfn: out: of the next page, or PS_HOLE when it was released
 * @pages: out: how many consecutive ones
 *
 * Context: the pin's lock held.
 * Return: false at the end.
 */
bool ps_pin_next(const struct ps_pin *pin, struct ps_pos *pos,
		 unsigned long *pfn, unsigned long *pages)
{
	unsigned long n;

	if (!pos->pages)
		return false;
	n = ps_range_pages(pin->ranges[pos->i]) - pos->skip;
	*pages = min(pos->pages, n);
	*pfn = ps_range_pfn(pin->ranges[pos->i]);
	if (*pfn != PS_HOLE)
		*pfn += pos->skip;
	pos->pages -= *pages;
	pos->skip += *pages;
	if (*pages == n) {
		pos->i++;
		pos->skip = 0;
	}
	return true;
}

/* Releases pages that ps_pin_next() would give; the ranges stay. */
static void release(struct ps_pin *pin, struct ps_pos pos, bool dirty)
{
	unsigned long pfn, pages;

	dirty |= READ_ONCE(pin->written);
	while (ps_pin_next(pin, &pos, &pfn, &pages)) {
		if (pfn == PS_HOLE)
			continue;
		ps_gup_release(pin->call, pfn, pages, dirty);
		pin->held -= pages;
		uncharge(pages);
		cond_resched();
	}
}

static void free_pin(struct kref *ref)
{
	struct ps_pin *pin = container_of(ref, struct ps_pin, ref);

	if (pin->serial)
		xa_erase(&all_pins, pin->serial);
	release(pin, ps_pin_seek(pin, 0, pin->pages), false);
	kvfree(pin->ranges);
	if (pin->mm)
		mmdrop(pin->mm);
	put_pid(pin->pid);
	kfree(pin);
}

/**
 * ps_pin_put() - drop a reference to a pin
 * @pin: the pin
 *
 * Context: may sleep: the last one releases the pages.
 */
void ps_pin_put(struct ps_pin *pin)
{
	kref_put(&pin->ref, free_pin);
}

static struct ps_pin *get_pin(struct ps_file *file, u32 id)
{
	struct ps_pin *pin;

	xa_lock(&file->pins);
	pin = xa_load(&file->pins, id);
	if (pin)
		kref_get(&pin->ref);
	xa_unlock(&file->pins);
	return pin;
}

/**
 * ps_pin_get_next() - go through the pins of all open files
 * @serial: in: where to start; out: the serial number of what is returned
 *
 * Context: may sleep. The caller drops the reference with ps_pin_put().
 * Return: the first pin at or after @serial, or NULL.
 */
struct ps_pin *ps_pin_get_next(unsigned long *serial)
{
	struct ps_pin *pin;

	/* The lock keeps free_pin() from going on; a dead pin is passed over. */
	xa_lock(&all_pins);
	xa_for_each_start(&all_pins, *serial, pin, *serial)
		if (kref_get_unless_zero(&pin->ref))
			break;
	xa_unlock(&all_pins);
	return pin;
}

/**
 * ps_pin_lock_read() - keep a pin's pages from being released
 * @pin: the pin, with a reference
 *
 * Context: may sleep. The caller ends it with up_read() of @pin->lock.
 * Return: 0; -ENOENT it holds nothing any more, -EINTR killed.
 */
int ps_pin_lock_read(struct ps_pin *pin)
{
	if (down_read_killable(&pin->lock))
		return -EINTR;
	if (pin->held)
		return 0;
	up_read(&pin->lock);	/* lost the race with UNPIN */
	return -ENOENT;
}

/**
 * ps_pin_get_read() - look up a pin and keep its pages from being released
 * @file: the open file that the pin belongs to
 * @id: the pin's id
 *
 * Context: may sleep. The caller releases the pin with ps_pin_put_read().
 * Return: the pin, or ERR_PTR: -ENOENT no such pin, -EINTR killed.
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
 */
void ps_pin_put_read(struct ps_pin *pin)
{
	up_read(&pin->lock);
	ps_pin_put(pin);
}

/*
 * Each pin of a page counts 1024 references and mm warns of a counter that
 * overflows, so keep to half of it: no batches of others fill the rest.
 */
static bool too_many_refs(struct page *page)
{
	return folio_ref_count(page_folio(page)) > INT_MAX / 2;
}

/*
 * GUP refuses none of these and mm would warn. That it is looked at before is
 * no more than a guard against accidents: the mapping may change.
 */
static int check_copies(struct ps_gup *gup)
{
	unsigned long end = gup->addr + (gup->nr << PAGE_SHIFT), addr = gup->addr;
	struct vm_area_struct *vma;
	int ret = 0;

	if (!(gup->gup_flags & FOLL_FORCE) && gup->mm == current->mm)
		return 0;
	if (mmap_read_lock_killable(gup->mm))
		return -EINTR;
	while (!ret && addr < end) {
		vma = find_vma(gup->mm, addr);
		if (!vma)
			break;
		if (vma->vm_start < end && ps_cannot_copy(vma))
			ret = -EFAULT;
		addr = vma->vm_end;
	}
	mmap_read_unlock(gup->mm);
	return ret;
}

/* Fills an empty pin. What it did get is in @pin whatever it returns. */
static int pin_range(struct ps_pin *pin, struct pinscope_pin *cmd,
		     struct ps_gup *gup)
{
	unsigned long left = cmd->len >> PAGE_SHIFT;
	unsigned long batch = min(left, cmd->batch ? cmd->batch : BATCH);
	struct page **pages;
	int ret = 0;

	pages = kvmalloc_array(batch, sizeof(*pages),
			       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!pages)
		return -ENOMEM;

	while (left) {
		unsigned long was = pin->pages;
		u64 start;
		long got, i;

		gup->addr = cmd->addr + ((u64)pin->pages << PAGE_SHIFT);
		gup->nr = ps_gup_by_folio(cmd->call) ? left : min(left, batch);
		ret = gup->file ? 0 : check_copies(gup);
		if (ret)
			break;
		/* Before GUP: with the pages in hand there is no way to fail. */
		ret = resize(pin, min(left, batch), false);
		if (ret)
			break;
		if (!charge(gup->nr)) {
			ret = -ENOMEM;
			break;
		}
		start = ktime_get_ns();
		got = ps_gup(cmd->call, gup, pages);
		cmd->elapsed_ns += ktime_get_ns() - start;
		if (gup->lock == PINSCOPE_LOCK_DROPPED ||
		    cmd->lock != PINSCOPE_LOCK_DROPPED)
			cmd->lock = gup->lock;
		for (i = 0; i < got; i++) {
			append(pin, pages[i], pages_of(pin, pages[i], left));
			left = (cmd->len >> PAGE_SHIFT) - pin->pages;
			if (too_many_refs(pages[i]))
				ret = -ENOMEM;
		}
		uncharge(gup->nr - (pin->pages - was));
		/* 0: no progress and no reason; trying again may spin. */
		if (got <= 0)
			ret = got ? got : -EAGAIN;
		else if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (ret)
			break;
		cond_resched();
	}
	kvfree(pages);
	/* The array was grown for the worst case; failing to trim is harmless. */
	if (pin->nr_ranges)
		resize(pin, 0, true);
	return ret;
}

static struct ps_pin *new_pin(const struct pinscope_pin *cmd,
			      struct mm_struct *mm)
{
	struct ps_pin *pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);

	if (!pin)
		return NULL;
	kref_init(&pin->ref);
	init_rwsem(&pin->lock);
	pin->call = cmd->call;
	pin->gup_flags = cmd->gup_flags;
	pin->addr = cmd->addr;
	if (mm)
		mmgrab(mm);
	pin->mm = mm;
	pin->pid = get_task_pid(current, PIDTYPE_TGID);
	get_task_comm(pin->comm, current);
	return pin;
}

static int publish(struct ps_pin *pin, struct ps_ucmd *ucmd)
{
	struct pinscope_pin *cmd = ucmd->cmd;
	int ret;

	/* Reserve the id; nobody uses the pin until the caller knows of it. */
	ret = xa_alloc(&ucmd->file->pins, &cmd->id, NULL, xa_limit_31b,
		       GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	pin->id = cmd->id;
	ret = xa_alloc_cyclic(&all_pins, &pin->serial, pin, xa_limit_31b,
			      &next_serial, GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		pin->serial = 0;	/* it may have been set all the same */
	else
		ret = ps_respond(ucmd);
	if (ret) {
		xa_release(&ucmd->file->pins, cmd->id);
		return ret;
	}
	/* The slot is reserved: this allocates nothing and cannot fail. */
	xa_store(&ucmd->file->pins, cmd->id, pin, GFP_KERNEL_ACCOUNT);
	return 0;
}

static int pin(struct ps_ucmd *ucmd, struct ps_gup *gup)
{
	struct pinscope_pin *cmd = ucmd->cmd;
	struct mm_struct *mm = gup->file ? NULL : gup->mm;
	struct ps_pin *pin;
	int ret;

	ret = ps_check_range(cmd->addr, cmd->len, mm ? mm->task_size : U64_MAX);
	if (ret)
		return ret;
	/* Early, so that a hopeless request does not fault in what it can get. */
	if (cmd->len >> PAGE_SHIFT > READ_ONCE(ps_max_pages))
		return -ENOMEM;

	pin = new_pin(cmd, mm);
	if (!pin)
		return -ENOMEM;
	cmd->elapsed_ns = 0;
	cmd->lock = PINSCOPE_LOCK_UNKNOWN;
	ret = pin_range(pin, cmd, gup);
	cmd->pages = pin->pages;
	if ((cmd->flags & PINSCOPE_PIN_PARTIAL) && pin->pages)
		ret = 0;
	if (!ret) {
		pin->since = ktime_get();
		ret = publish(pin, ucmd);
	}
	/* Once it is published, somebody may have released it already. */
	trace_pinscope_pin(cmd, ret ? 0 : cmd->id, ret);
	if (ret)
		ps_pin_put(pin);
	return ret;
}

/**
 * ps_cmd_pin() - PINSCOPE_IOC_PIN, see struct pinscope_pin
 * @ucmd: the ioctl
 *
 * Context: may sleep, takes and drops the mmap lock, killable.
 * Return: 0 or a negative errno, and then nothing is pinned.
 */
int ps_cmd_pin(struct ps_ucmd *ucmd)
{
	struct pinscope_pin *cmd = ucmd->cmd;
	struct ps_gup gup = {};
	int ret;

	if (cmd->call >= PINSCOPE_CALLS || cmd->flags & ~PINSCOPE_PIN_PARTIAL ||
	    cmd->batch > PINSCOPE_BATCH_MAX || (cmd->batch && ps_gup_by_folio(cmd->call)))
		return -EINVAL;
	if (!(ps_gup_calls() & BIT(cmd->call)))
		return -EOPNOTSUPP;
	if (cmd->target_type != PINSCOPE_TARGET_CALLER &&
	    !ps_gup_is_remote(cmd->call) && !ps_gup_by_folio(cmd->call))
		return -EINVAL;
	ret = ps_gup_flags_to_kernel(cmd->call, cmd->gup_flags, &gup.gup_flags);
	if (ret)
		return ret;

	if (ps_gup_by_folio(cmd->call)) {
		if (cmd->target_type != PINSCOPE_TARGET_MEMFD)
			return -EINVAL;
		gup.file = fget(cmd->target_nr);
		if (!gup.file)
			return -EBADF;
		ret = pin(ucmd, &gup);
		fput(gup.file);
		return ret;
	}
	gup.mm = ps_get_mm(cmd->target_type, cmd->target_nr);
	if (IS_ERR(gup.mm))
		return PTR_ERR(gup.mm);
	ret = pin(ucmd, &gup);
	mmput(gup.mm);
	return ret;
}

/* One pin of a folio cannot be given back for some of its pages. */
static bool cuts_folio(struct ps_pin *pin, unsigned long first,
		       unsigned long pages)
{
	return ps_gup_by_folio(pin->call) &&
	       (ps_pin_seek(pin, first, 0).skip ||
		ps_pin_seek(pin, first + pages, 0).skip);
}

/* Releases pages in the middle and puts a hole there. */
static int unpin_part(struct ps_pin *pin, unsigned long first,
		      unsigned long pages, bool dirty)
{
	struct ps_pos from = ps_pin_seek(pin, first, pages);
	struct ps_pos to = ps_pin_seek(pin, first + pages, 0);
	unsigned long tail, n, more = 0;
	ps_range_t more_ranges[2], *at;

	/*
	 * What is left of the first and the last range, and no more ranges for
	 * the hole than there were: at most two more.
	 */
	if (resize(pin, 2, false))
		return -ENOMEM;
	release(pin, from, dirty);

	if (to.skip) {
		ps_range_t last = pin->ranges[to.i];

		n = ps_range_pages(last) - to.skip;
		more_ranges[more++] = ps_range(ps_range_pfn(last) == PS_HOLE ?
					       PS_HOLE :
					       ps_range_pfn(last) + to.skip, n);
		to.i++;
	}
	if (from.skip) {
		at = &pin->ranges[from.i++];
		*at = ps_range(ps_range_pfn(*at), from.skip);
	}
	/* The hole, then what is left of the last range, then the others. */
	n = DIV_ROUND_UP(pages, PS_RANGE_MAX_PAGES);
	tail = pin->nr_ranges - to.i;
	memmove(&pin->ranges[from.i + n + more], &pin->ranges[to.i],
		tail * sizeof(*pin->ranges));
	memcpy(&pin->ranges[from.i + n], more_ranges,
	       more * sizeof(*pin->ranges));
	pin->nr_ranges = from.i + n + more + tail;
	for (at = &pin->ranges[from.i]; pages; at++) {
		n = min(pages, PS_RANGE_MAX_PAGES);
		*at = ps_range(PS_HOLE, n);
		pages -= n;
	}
	return 0;
}

static int unpin(struct ps_file *file, struct ps_pin *pin,
		 struct pinscope_unpin *cmd)
{
	u64 size = (u64)pin->pages << PAGE_SHIFT;
	u64 offset = cmd->offset, len = cmd->len;
	unsigned long first, pages;
	bool dirty = cmd->flags & PINSCOPE_UNPIN_DIRTY;

	if (!pin->held)
		return -ENOENT;		/* somebody else was first */
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
		int ret = unpin_part(pin, first, pages, dirty);

		if (ret)
			return ret;
	} else {
		release(pin, ps_pin_seek(pin, 0, pages), dirty);
	}
	cmd->left = pin->held;
	trace_pinscope_unpin(cmd);
	if (pin->held)
		return 0;
	kvfree(pin->ranges);
	pin->ranges = NULL;
	pin->nr_ranges = 0;
	pin->pages = 0;
	xa_erase(&file->pins, pin->id);
	ps_pin_put(pin);		/* the table's reference, not the last */
	return 0;
}

/**
 * ps_cmd_unpin() - PINSCOPE_IOC_UNPIN, see struct pinscope_unpin
 * @ucmd: the ioctl
 *
 * Context: may sleep; waits for those who use the pin.
 * Return: 0 with the pages released, or a negative errno with nothing changed,
 * but -EFAULT when the caller's struct cannot be written.
 */
int ps_cmd_unpin(struct ps_ucmd *ucmd)
{
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
		ret = unpin(ucmd->file, pin, cmd);
		up_write(&pin->lock);
	}
	ps_pin_put(pin);
	return ret ? ret : ps_respond(ucmd);
}

/**
 * ps_release_pins() - release all pins of an open file
 * @file: the file, which nobody else uses any more
 */
void ps_release_pins(struct ps_file *file)
{
	struct ps_pin *pin;
	unsigned long id;

	xa_for_each(&file->pins, id, pin) {
		ps_pin_put(pin);
		cond_resched();
	}
	xa_destroy(&file->pins);
}
