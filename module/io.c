// SPDX-License-Identifier: GPL-2.0-only
/*
 * READ and WRITE: through a pin, as the device that holds it would.
 */
#include <linux/highmem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pinscope.h"

static int read_page(struct page *page, size_t offset, size_t len,
		     void __user *to)
{
	void *from;
	int ret;

	/* Local mappings, unlike atomic ones, allow copy_to_user() to fault. */
	from = kmap_local_page(page);
	ret = copy_to_user(to, from + offset, len) ? -EFAULT : 0;
	kunmap_local(from);
	return ret;
}

/* By way of a buffer: what cannot be copied from there would become zeroes. */
static int write_page(struct page *page, size_t offset, size_t len,
		      const void __user *from, void *buf)
{
	if (copy_from_user(buf, from, len))
		return -EFAULT;
	memcpy_to_page(page, offset, buf, len);
	return 0;
}

/* Writes when there is a buffer to do it with, else reads. */
static int io_pin(struct ps_pin *pin, const struct pinscope_io *cmd,
		  void *write_buf)
{
	size_t in_page = offset_in_page(cmd->offset);
	struct ps_pos pos = ps_pin_seek(pin, cmd->offset >> PAGE_SHIFT,
					DIV_ROUND_UP_ULL(in_page + cmd->len,
							 PAGE_SIZE));
	void __user *user = u64_to_user_ptr(cmd->buf);
	unsigned long pfn, n;
	u64 len = cmd->len;
	int ret;

	while (ps_pin_next(pin, &pos, &pfn, &n)) {
		if (pfn == PS_HOLE)
			return -ENXIO;
		for (; n; n--, pfn++) {
			size_t chunk = min_t(u64, len, PAGE_SIZE - in_page);
			struct page *page = pfn_to_page(pfn);

			if (is_page_hwpoison(page))
				ret = -EHWPOISON;
			else if (write_buf)
				ret = write_page(page, in_page, chunk, user,
						 write_buf);
			else
				ret = read_page(page, in_page, chunk, user);
			if (ret)
				return ret;
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			user += chunk;
			len -= chunk;
			in_page = 0;
		}
	}
	return 0;
}

static int io(struct ps_ucmd *ucmd, void *write_buf)
{
	struct pinscope_io *cmd = ucmd->cmd;
	struct ps_pin *pin;
	u64 size;
	int ret;

	pin = ps_pin_get_read(ucmd->file, cmd->id);
	if (IS_ERR(pin))
		return PTR_ERR(pin);

	size = (u64)pin->pages << PAGE_SHIFT;
	if (cmd->offset > size || cmd->len > size - cmd->offset) {
		ret = -ERANGE;
	} else if (write_buf && !(pin->gup_flags & PINSCOPE_FOLL_WRITE)) {
		/* It could be the shared zeropage that is written to, or a file. */
		ret = -EACCES;
	} else {
		if (write_buf)
			WRITE_ONCE(pin->written, true);
		ret = cmd->len ? io_pin(pin, cmd, write_buf) : 0;
	}
	ps_pin_put_read(pin);
	return ret;
}

/**
 * ps_cmd_read() - PINSCOPE_IOC_READ, see struct pinscope_io
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes the pin's lock for reading.
 * Return: 0 or a negative errno; part of the buffer may be written then.
 */
int ps_cmd_read(struct ps_ucmd *ucmd)
{
	return io(ucmd, NULL);
}

/**
 * ps_cmd_write() - PINSCOPE_IOC_WRITE, see struct pinscope_io
 * @ucmd: the ioctl
 *
 * The pages are marked dirty when they are released.
 *
 * Context: may sleep; takes the pin's lock for reading.
 * Return: 0 or a negative errno; part of the pin may be written then.
 */
int ps_cmd_write(struct ps_ucmd *ucmd)
{
	void *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = io(ucmd, buf);
	kfree(buf);
	return ret;
}
