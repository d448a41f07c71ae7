// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every ioctl handler needs: giving the struct back to the caller, checking a
 * range of addresses, and whether the caller may see PFNs.
 *
 * Owns nothing and takes no locks.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>

#include "pinscope.h"

/**
 * ps_respond() - copy an ioctl's struct back to the caller
 * @ucmd: the ioctl; @ucmd->cmd is the struct as the caller is to see it
 *
 * Copies as much as the caller's struct and the module's have in common. Copies
 * nothing when @ucmd->user_size is 0: gup_test.c calls the handlers so, and
 * reads the struct itself.
 *
 * Context: may sleep (it can fault); the caller holds no mmap lock.
 * Return: 0, or -EFAULT when the caller's struct cannot be written.
 */
int ps_respond(struct ps_ucmd *ucmd)
{
	if (copy_to_user(ucmd->uptr, ucmd->cmd,
			 min(ucmd->user_size, ucmd->kernel_size)))
		return -EFAULT;
	return 0;
}

/**
 * ps_check_range() - check that a range consists of pages below a limit
 * @addr: first address, in bytes
 * @len: length, in bytes
 * @limit: end of the address space: task_size of an mm, or U64_MAX for offsets
 *
 * Does not look at VMAs: the range may be unmapped.
 *
 * Context: any.
 * Return: 0; -EINVAL when the range is empty or not page aligned, -EOVERFLOW
 * when it wraps around, -EFAULT when it ends above @limit.
 */
int ps_check_range(u64 addr, u64 len, u64 limit)
{
	u64 end;

	if (!len || !PAGE_ALIGNED(addr) || !PAGE_ALIGNED(len))
		return -EINVAL;
	if (check_add_overflow(addr, len, &end))
		return -EOVERFLOW;
	if (end > limit)
		return -EFAULT;
	return 0;
}
EXPORT_SYMBOL_FOR_KUNIT(ps_check_range);

/**
 * ps_may_see_pfns() - whether the caller of an ioctl may learn PFNs
 * @file: the open file
 *
 * As for /proc/PID/pagemap, who opened the file must have had CAP_SYS_ADMIN in the
 * initial user namespace; and the caller must have it, too, since the open file may
 * have been passed on.
 *
 * Context: process context.
 * Return: true if so.
 */
bool ps_may_see_pfns(const struct ps_file *file)
{
	return file->show_pfns && ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
}
