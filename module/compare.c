// SPDX-License-Identifier: GPL-2.0-only
/*
 * COMPARE: is each page that a pin holds the page that a process has mapped at
 * that place?
 *
 * Pages are compared by PFN. A pin keeps its pages from being freed, so an equal
 * PFN is the same page.
 *
 * Owns nothing. Locks: ps_pin.lock for reading, then those of ps_walk().
 */
#include <linux/bitmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pinscope.h"

/* How many pages without an entry to count with the page table lock held. */
#define MAX_ABSENT_LOCKED	1024UL

/* And how many of them with no lock held, so that others can run in between. */
#define ABSENT_BATCH	8192UL

struct comparison {
	struct pinscope_compare *cmd;
	struct ps_pin *pin;
	unsigned long next;	/* index of the first page not compared yet */
	struct ps_pos pos;	/* of that page in the pin */
	unsigned long *bitmap;	/* bit n: page n is the same; or NULL */
};

/*
 * Compares the next @pages pages of the pin with the consecutive pages from @pfn
 * on, or with nothing when no entry is @present.
 */
static void compare_run(struct comparison *c, bool present, unsigned long pfn,
			unsigned long pages)
{
	struct pinscope_compare *cmd = c->cmd;
	unsigned long pinned, n;

	c->pos.pages = pages;
	while (ps_pin_next(c->pin, &c->pos, &pinned, &n)) {
		/* Both are consecutive: if the first is the same, all are. */
		if (pinned == PS_HOLE) {
			cmd->released += n;
		} else if (present && pinned == pfn) {
			cmd->same += n;
			if (c->bitmap)
				bitmap_set(c->bitmap, c->next, n);
		} else {
			if (!present)
				cmd->absent += n;
			cmd->first_mismatch = min_t(u64, cmd->first_mismatch,
						    c->next);
		}
		c->next += n;
		pfn += n;
	}
}

/* How many pages there are in front of @addr that are not compared yet. */
static unsigned long pages_before(const struct comparison *c, unsigned long addr)
{
	unsigned long index = (addr - c->cmd->addr) >> PAGE_SHIFT;

	return index > c->next ? index - c->next : 0;
}

static unsigned long compare_entry(const struct ps_entry *entry, void *arg)
{
	struct comparison *c = arg;
	unsigned long absent = pages_before(c, entry->addr), i, n;

	/* After a long gap, let ps_compare() count it with no lock held. */
	if (absent > MAX_ABSENT_LOCKED)
		return 0;
	compare_run(c, false, 0, absent);
	n = entry->ptes ? 1 : entry->pages;
	for (i = 0; i < entry->pages; i += n)
		compare_run(c, entry->state & PINSCOPE_STATE_PRESENT,
			    ps_entry_pfn(entry, i), n);
	return entry->pages;
}

/* Counts the pages in front of @addr, where no entry was found, as absent. */
static int compare_absent(struct comparison *c, unsigned long addr)
{
	unsigned long absent;

	while ((absent = pages_before(c, addr))) {
		if (fatal_signal_pending(current))
			return -EINTR;
		compare_run(c, false, 0, min(absent, ABSENT_BATCH));
		cond_resched();
	}
	return 0;
}

/**
 * ps_compare() - compare the pages of a pin with the pages that are mapped
 * @pin: the pin
 * @mm: the mm with the page tables
 * @cmd: in: @addr, where ps_check_range() accepts the length of the pin; out: the
 *	fields that struct pinscope_compare has as out
 * @bitmap: out: @pin->pages bits, all clear before; or NULL
 *
 * Context: may sleep; the caller holds @pin->lock for reading and a reference to
 * the users of @mm; takes and drops the mmap lock.
 * Return: 0, or -EINTR when killed.
 */
int ps_compare(struct ps_pin *pin, struct mm_struct *mm,
	       struct pinscope_compare *cmd, unsigned long *bitmap)
{
	struct comparison c = { .cmd = cmd, .pin = pin, .bitmap = bitmap };
	unsigned long addr = cmd->addr;
	unsigned long end = addr + (pin->pages << PAGE_SHIFT);
	int ret;

	cmd->pages = pin->pages;
	cmd->first_mismatch = cmd->pages;
	cmd->same = 0;
	cmd->absent = 0;
	cmd->released = 0;
	while (addr < end) {
		ret = ps_walk(mm, &addr, end, compare_entry, &c);
		if (!ret)
			ret = compare_absent(&c, addr);
		if (ret)
			return ret;
	}
	return 0;
}

/* Compares, and copies the bitmap to the caller. */
static int compare_pin(struct ps_pin *pin, struct mm_struct *mm,
		       struct pinscope_compare *cmd)
{
	size_t size = BITS_TO_LONGS(pin->pages) * sizeof(long);
	unsigned long *bitmap = NULL;
	int ret;

	/* The ABI's bitmap consists of 64-bit words, the kernel's of longs. */
	BUILD_BUG_ON(sizeof(long) != sizeof(u64));
	ret = ps_check_range(cmd->addr, (u64)pin->pages << PAGE_SHIFT,
			     mm->task_size);
	if (ret)
		return ret;
	if (cmd->bitmap) {
		if (cmd->bitmap_size < size)
			return -ERANGE;
		bitmap = kvzalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!bitmap)
			return -ENOMEM;
	}
	ret = ps_compare(pin, mm, cmd, bitmap);
	if (!ret && bitmap &&
	    copy_to_user(u64_to_user_ptr(cmd->bitmap), bitmap, size))
		ret = -EFAULT;
	kvfree(bitmap);
	return ret;
}

/**
 * ps_cmd_compare() - PINSCOPE_IOC_COMPARE, see struct pinscope_compare
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes the pin's lock for reading, then the mmap lock.
 * Return: 0 or a negative errno.
 */
int ps_cmd_compare(struct ps_ucmd *ucmd)
{
	struct pinscope_compare *cmd = ucmd->cmd;
	struct mm_struct *mm;
	struct ps_pin *pin;
	int ret;

	if (cmd->bitmap_size % sizeof(u64) || (!cmd->bitmap && cmd->bitmap_size))
		return -EINVAL;
	pin = ps_pin_get_read(ucmd->file, cmd->id);
	if (IS_ERR(pin))
		return PTR_ERR(pin);
	mm = ps_get_mm(cmd->target_type, cmd->target_nr);
	if (IS_ERR(mm)) {
		ret = PTR_ERR(mm);
		goto put_pin;
	}
	ret = compare_pin(pin, mm, cmd);
	mmput(mm);
put_pin:
	ps_pin_put_read(pin);
	return ret ? ret : ps_respond(ucmd);
}
