// SPDX-License-Identifier: GPL-2.0-only
/*
 * COMPARE: is the page that a pin holds still the page that the process sees?
 */
#include <linux/bitmap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pinscope.h"

/* Pages that are gone through under the page table lock. */
#define MAX_SKIP	1024

struct comparison {
	struct pinscope_compare *cmd;
	struct ps_pin *pin;
	struct ps_pos pos;	/* of the page @next; entries come in order */
	unsigned long next;	/* pages before this one are dealt with */
	unsigned long *bitmap;	/* or NULL */
};

/* The next @pages places map @pfn and what follows, or nothing. */
static void compare(struct comparison *c, bool present, unsigned long pfn,
		    unsigned long pages)
{
	struct pinscope_compare *cmd = c->cmd;
	unsigned long pinned, n;

	c->pos.pages = pages;
	while (ps_pin_next(c->pin, &c->pos, &pinned, &n)) {
		/*
		 * Two runs of consecutive pages are the same all through or
		 * nowhere.
		 */
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

static void skip_to(struct comparison *c, unsigned long addr)
{
	unsigned long index = (addr - c->cmd->addr) >> PAGE_SHIFT;

	compare(c, false, 0, index - c->next);
}

static bool compare_entry(const struct ps_entry *entry, void *arg)
{
	struct comparison *c = arg;

	/* A long way is not gone with the lock held: ps_compare() does it. */
	if (entry->addr - c->cmd->addr > ((c->next + MAX_SKIP) << PAGE_SHIFT))
		return false;
	skip_to(c, entry->addr);
	compare(c, entry->state & PINSCOPE_STATE_PRESENT, entry->pfn,
		entry->pages);
	return true;
}

/**
 * ps_compare() - compare what a pin holds with what is mapped
 * @pin: the pin, its lock held
 * @mm: whose page tables
 * @cmd: in: @addr, in bounds; out: all that is said there to be
 * @bitmap: a bit for each page, all clear, or NULL
 *
 * Context: may sleep; takes and drops the mmap lock.
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
		if (ret)
			return ret;
		skip_to(&c, addr);
	}
	return 0;
}

static int compare_pin(struct ps_pin *pin, struct mm_struct *mm,
		       struct pinscope_compare *cmd)
{
	size_t size = BITS_TO_LONGS(pin->pages) * sizeof(long);
	unsigned long *bitmap = NULL;
	int ret;

	BUILD_BUG_ON(sizeof(long) != sizeof(u64));	/* as the ABI has it */
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
