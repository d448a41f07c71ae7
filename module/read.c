// SPDX-License-Identifier: GPL-2.0-only
/*
 * READ: read through a pin, as the device that holds it would.
 */
#include <linux/highmem.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "pinscope.h"

static int read_page(struct page *page, size_t offset, size_t len,
		     void __user *to)
{
	void *from;
	int ret;

	if (PageHWPoison(page))
		return -EHWPOISON;
	/* Local mappings, unlike atomic ones, allow copy_to_user() to fault. */
	from = kmap_local_page(page);
	ret = copy_to_user(to, from + offset, len) ? -EFAULT : 0;
	kunmap_local(from);
	return ret;
}

static int read_pin(struct ps_pin *pin, u64 offset, u64 len, u64 buf)
{
	unsigned long skip = offset >> PAGE_SHIFT;
	unsigned long i, n;
	int ret;

	offset = offset_in_page(offset);
	for (i = 0; i < pin->nr_ranges && len; i++) {
		n = ps_range_pages(pin->ranges[i]);
		if (skip >= n) {
			skip -= n;
			continue;
		}
		for (; skip < n && len; skip++) {
			size_t chunk = min_t(u64, len, PAGE_SIZE - offset);

			ret = read_page(pfn_to_page(ps_range_pfn(pin->ranges[i]) + skip),
					offset, chunk, u64_to_user_ptr(buf));
			if (ret)
				return ret;
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			buf += chunk;
			len -= chunk;
			offset = 0;
		}
		skip = 0;
	}
	return 0;
}

/**
 * ps_cmd_read() - PINSCOPE_IOC_READ, see struct pinscope_read
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes the pin's lock for reading.
 * Return: 0 or a negative errno; part of the buffer may be written then.
 */
int ps_cmd_read(struct ps_ucmd *ucmd)
{
	struct pinscope_read *cmd = ucmd->cmd;
	struct ps_pin *pin;
	u64 size;
	int ret;

	pin = ps_pin_get_read(ucmd->file, cmd->id);
	if (IS_ERR(pin))
		return PTR_ERR(pin);

	size = (u64)pin->pages << PAGE_SHIFT;
	if (cmd->offset > size || cmd->len > size - cmd->offset)
		ret = -ERANGE;
	else
		ret = read_pin(pin, cmd->offset, cmd->len, cmd->buf);
	ps_pin_put_read(pin);
	return ret;
}
