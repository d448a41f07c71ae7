// SPDX-License-Identifier: GPL-2.0-only
/*
 * READ and WRITE: access to the pages of a pin, as a device with DMA would access
 * them. The page tables of the process that was pinned are not used.
 *
 * Owns nothing. Takes ps_pin.lock for reading; copying from and to the caller
 * can fault and so take the caller's mmap lock.
 */
#include <linux/highmem.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "pinscope.h"

/* Copies a part of a page to the caller. */
static int read_page(struct page *page, size_t offset, size_t len,
		     void __user *to)
{
	void *from;
	int ret;

	/* copy_to_user() may sleep, which a local mapping allows. */
	from = kmap_local_page(page);
	ret = copy_to_user(to, from + offset, len) ? -EFAULT : 0;
	kunmap_local(from);
	return ret;
}

/*
 * Copies from the caller to a part of a page. When that fails halfway, what was not
 * copied must not have changed: copy_from_user() would have cleared it.
 */
static int write_page(struct page *page, size_t offset, size_t len,
		      const void __user *from)
{
	void *to;
	int ret;

	if (!access_ok(from, len))
		return -EFAULT;
	to = kmap_local_page(page);
	ret = __copy_from_user(to + offset, from, len) ? -EFAULT : 0;
	flush_dcache_page(page);
	kunmap_local(to);
	return ret;
}

static int copy_pages(struct ps_pin *pin, const struct pinscope_io *cmd, bool write)
{
	size_t in_page = offset_in_page(cmd->offset);
	u64 pages = DIV_ROUND_UP_ULL(in_page + cmd->len, PAGE_SIZE);
	struct ps_pos pos = ps_pin_seek(pin, cmd->offset >> PAGE_SHIFT, pages);
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
			else if (write)
				ret = write_page(page, in_page, chunk, user);
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

static int read_or_write(struct ps_ucmd *ucmd, bool write)
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
	} else if (write && !(pin->gup_flags & PINSCOPE_FOLL_WRITE)) {
		/* The page could be the shared zeropage, or in the page cache. */
		ret = -EACCES;
	} else {
		if (write)
			WRITE_ONCE(pin->written, true);
		ret = cmd->len ? copy_pages(pin, cmd, write) : 0;
	}
	ps_pin_put_read(pin);
	return ret;
}

/**
 * ps_cmd_read() - PINSCOPE_IOC_READ, see struct pinscope_io
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes the pin's lock for reading.
 * Return: 0, or a negative errno with a part of the caller's buffer written.
 */
int ps_cmd_read(struct ps_ucmd *ucmd)
{
	return read_or_write(ucmd, false);
}

/**
 * ps_cmd_write() - PINSCOPE_IOC_WRITE, see struct pinscope_io
 * @ucmd: the ioctl
 *
 * All pages of the pin are marked dirty when they are released.
 *
 * Context: may sleep; takes the pin's lock for reading.
 * Return: 0, or a negative errno with a part of the pin written.
 */
int ps_cmd_write(struct ps_ucmd *ucmd)
{
	return read_or_write(ucmd, true);
}
