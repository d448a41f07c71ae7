// SPDX-License-Identifier: GPL-2.0-only
/*
 * COMPARE: is the page that a pin holds still the page that the process sees?
 */
#include "pinscope.h"

struct comparison {
	struct pinscope_compare *cmd;
	struct ps_pin *pin;
	unsigned long next;	/* pages before this one are dealt with */
	/* Where the page @next is in the pin; entries come in order. */
	unsigned long range;
	unsigned long in_range;
};

static void mismatch(struct comparison *c, unsigned long index)
{
	c->cmd->first_mismatch = min_t(u64, c->cmd->first_mismatch, index);
}

/* The next @pages places map @pfn and what follows, or nothing. */
static void compare(struct comparison *c, bool present, unsigned long pfn,
		    unsigned long pages)
{
	while (pages) {
		ps_range_t range = c->pin->ranges[c->range];
		unsigned long left = ps_range_pages(range) - c->in_range;
		unsigned long n = min(pages, left);

		if (!present) {
			c->cmd->absent += n;
			mismatch(c, c->next);
		} else if (ps_range_pfn(range) + c->in_range == pfn) {
			c->cmd->same += n;
		} else {
			/*
			 * Two runs of consecutive pages are the same all
			 * through or nowhere.
			 */
			mismatch(c, c->next);
		}
		c->in_range += n;
		if (n == left) {
			c->range++;
			c->in_range = 0;
		}
		c->next += n;
		pfn += n;
		pages -= n;
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

	skip_to(c, entry->addr);
	compare(c, entry->state & PINSCOPE_STATE_PRESENT, entry->pfn,
		entry->pages);
	return true;
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
	struct comparison c = { .cmd = cmd };
	unsigned long addr = cmd->addr, end;
	int ret;

	c.pin = ps_pin_get_read(ucmd->file, cmd->id);
	if (IS_ERR(c.pin))
		return PTR_ERR(c.pin);
	ret = ps_check_range(cmd->addr, (u64)c.pin->pages << PAGE_SHIFT);
	if (ret)
		goto out;

	end = addr + (c.pin->pages << PAGE_SHIFT);
	cmd->pages = c.pin->pages;
	cmd->first_mismatch = cmd->pages;
	cmd->same = 0;
	cmd->absent = 0;
	while (addr < end) {
		ret = ps_walk(current->mm, &addr, end, compare_entry, &c);
		if (ret)
			goto out;
	}
	skip_to(&c, end);
out:
	ps_pin_put_read(c.pin);
	return ret ? ret : ps_respond(ucmd);
}
