// SPDX-License-Identifier: GPL-2.0-only
/*
 * PIN and UNPIN, and the life of a pin.
 *
 * A pin is built by its maker alone and published under its id only when the
 * caller has been told the id; from then on it is reached through the xarray
 * and its reference count. Locks: see pinscope.h.
 */
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "pinscope.h"

/* Pages per GUP call: one page of struct page pointers. */
#define BATCH	(PAGE_SIZE / sizeof(struct page *))

atomic_long_t ps_pinned_pages;

/* 0644: it bounds new pins only, so it may change at any time. */
unsigned long ps_max_pages;
module_param_named(max_pages, ps_max_pages, ulong, 0644);
MODULE_PARM_DESC(max_pages,
		 "base pages that may be pinned, over all users (default: a quarter of RAM)");

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

static long gup(unsigned int way, unsigned long addr, unsigned long nr,
		unsigned int foll, struct page **pages)
{
	long ret;

	switch (way) {
	case PINSCOPE_WAY_FAST:
		return pin_user_pages_fast(addr, nr, foll, pages);
	case PINSCOPE_WAY_SLOW:
		if (mmap_read_lock_killable(current->mm))
			return -EINTR;
		ret = ps_pin_user_pages(addr, nr, foll, pages);
		mmap_read_unlock(current->mm);
		return ret;
	}
	return -EINVAL;
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

/* Room for @nr more ranges was made. Only pages of one folio share a range. */
static void append_pages(struct ps_pin *pin, struct page **pages, long nr)
{
	long i;

	for (i = 0; i < nr; i++) {
		unsigned long pfn = page_to_pfn(pages[i]);

		if (pin->nr_ranges) {
			ps_range_t *last = &pin->ranges[pin->nr_ranges - 1];
			unsigned long first = ps_range_pfn(*last);
			unsigned long n = ps_range_pages(*last);

			if (pfn == first + n && n < PS_RANGE_MAX_PAGES &&
			    page_folio(pages[i]) ==
			    page_folio(pfn_to_page(first))) {
				*last = ps_range(first, n + 1);
				continue;
			}
		}
		pin->ranges[pin->nr_ranges++] = ps_range(pfn, 1);
	}
	pin->pages += nr;
}

static void unpin_all(struct ps_pin *pin)
{
	unsigned long i;

	for (i = 0; i < pin->nr_ranges; i++) {
		unpin_user_page_range_dirty_lock(pfn_to_page(ps_range_pfn(pin->ranges[i])),
						 ps_range_pages(pin->ranges[i]),
						 pin->dirty);
		cond_resched();
	}
	uncharge(pin->pages);
	kvfree(pin->ranges);
	pin->ranges = NULL;
	pin->nr_ranges = 0;
	pin->pages = 0;
}

static void free_pin(struct kref *ref)
{
	struct ps_pin *pin = container_of(ref, struct ps_pin, ref);

	unpin_all(pin);
	kfree(pin);
}

static void put_pin(struct ps_pin *pin)
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

	if (!pin)
		return ERR_PTR(-ENOENT);
	if (down_read_killable(&pin->lock)) {
		put_pin(pin);
		return ERR_PTR(-EINTR);
	}
	if (!pin->pages) {	/* lost the race with UNPIN */
		ps_pin_put_read(pin);
		return ERR_PTR(-ENOENT);
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
	put_pin(pin);
}

/* Fills an empty pin. What it did get is in @pin whatever it returns. */
static int pin_range(struct ps_pin *pin, struct pinscope_pin *cmd,
		     unsigned int foll)
{
	unsigned long left = cmd->len >> PAGE_SHIFT;
	unsigned long addr = cmd->addr;
	struct page **pages;
	int ret = 0;

	pages = kmalloc_array(BATCH, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;

	while (left) {
		unsigned long nr = min(left, BATCH);
		u64 start;
		long got;

		/* Before GUP: with the pages in hand there is no way to fail. */
		ret = resize(pin, nr, false);
		if (ret)
			break;
		if (!charge(nr)) {
			ret = -ENOMEM;
			break;
		}
		start = ktime_get_ns();
		got = gup(cmd->way, addr, nr, foll, pages);
		cmd->elapsed_ns += ktime_get_ns() - start;
		uncharge(nr - max(got, 0L));
		if (got <= 0) {
			/* 0: no progress and no reason; trying again may spin */
			ret = got ? got : -EAGAIN;
			break;
		}
		append_pages(pin, pages, got);
		left -= got;
		addr += (unsigned long)got << PAGE_SHIFT;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	kfree(pages);
	/* The array was grown for the worst case; failing to trim is harmless. */
	if (pin->nr_ranges)
		resize(pin, 0, true);
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
	struct ps_pin *pin;
	unsigned int foll;
	int ret;

	if (cmd->way > PINSCOPE_WAY_FAST || cmd->flags & ~PINSCOPE_PIN_PARTIAL)
		return -EINVAL;
	ret = ps_foll_to_kernel(cmd->way, cmd->foll, &foll);
	if (ret)
		return ret;
	ret = ps_check_range(cmd->addr, cmd->len);
	if (ret)
		return ret;
	/* Early, so that a hopeless request does not fault in what it can get. */
	if (cmd->len >> PAGE_SHIFT > READ_ONCE(ps_max_pages))
		return -ENOMEM;

	pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	if (!pin)
		return -ENOMEM;
	kref_init(&pin->ref);
	init_rwsem(&pin->lock);

	cmd->elapsed_ns = 0;
	ret = pin_range(pin, cmd, foll);
	if (ret && !((cmd->flags & PINSCOPE_PIN_PARTIAL) && pin->pages))
		goto put;
	cmd->pages = pin->pages;

	/* Reserve the id; nobody finds the pin until the caller knows of it. */
	ret = xa_alloc(&ucmd->file->pins, &cmd->id, NULL, xa_limit_31b,
		       GFP_KERNEL_ACCOUNT);
	if (ret)
		goto put;
	ret = ps_respond(ucmd);
	if (ret) {
		xa_release(&ucmd->file->pins, cmd->id);
		goto put;
	}
	/* The slot is reserved: this allocates nothing and cannot fail. */
	xa_store(&ucmd->file->pins, cmd->id, pin, GFP_KERNEL_ACCOUNT);
	return 0;
put:
	put_pin(pin);
	return ret;
}

/**
 * ps_cmd_unpin() - PINSCOPE_IOC_UNPIN, see struct pinscope_unpin
 * @ucmd: the ioctl
 *
 * Context: may sleep; waits for those who use the pin.
 * Return: 0 with the pages released, -ENOENT, or -EINTR with nothing changed.
 */
int ps_cmd_unpin(struct ps_ucmd *ucmd)
{
	struct pinscope_unpin *cmd = ucmd->cmd;
	struct ps_pin *pin = get_pin(ucmd->file, cmd->id);
	int ret = 0;

	if (!pin)
		return -ENOENT;
	if (down_write_killable(&pin->lock)) {
		ret = -EINTR;
	} else if (xa_cmpxchg(&ucmd->file->pins, cmd->id, pin, NULL, 0) == pin) {
		unpin_all(pin);
		up_write(&pin->lock);
		put_pin(pin);		/* the table's reference */
	} else {
		up_write(&pin->lock);
		ret = -ENOENT;		/* somebody else was first */
	}
	put_pin(pin);
	return ret;
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
		put_pin(pin);
		cond_resched();
	}
	xa_destroy(&file->pins);
}
