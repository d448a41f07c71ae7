// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope.ko: the debugfs directory, open files, and the table of ioctls.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pinscope.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/**
 * ps_respond() - give the caller the struct back
 * @ucmd: the ioctl, its struct as it is to be seen by the caller
 *
 * A caller with a shorter struct gets what it has room for; one of size 0 is the
 * module itself, which has the struct already.
 *
 * Return: 0 or -EFAULT.
 */
int ps_respond(struct ps_ucmd *ucmd)
{
	if (copy_to_user(ucmd->uptr, ucmd->cmd,
			 min(ucmd->user_size, ucmd->kernel_size)))
		return -EFAULT;
	return 0;
}

/**
 * ps_check_range() - is this a range of pages below a limit?
 * @addr: first address
 * @len: bytes
 * @limit: task_size of the mm that it is about
 *
 * Says nothing of what is mapped there.
 *
 * Return: 0; -EINVAL not aligned to pages or empty, -EOVERFLOW wraps around,
 * -EFAULT beyond the limit.
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

static int ps_cmd_info(struct ps_ucmd *ucmd);

union ps_cmds {
	struct pinscope_info info;
	struct pinscope_pin pin;
	struct pinscope_unpin unpin;
	struct pinscope_io io;
	struct pinscope_inspect inspect;
	struct pinscope_compare compare;
	struct pinscope_fault fault;
	struct pinscope_map_counts map_counts;
	struct pinscope_rss rss;
};

/* The minimum is what the struct ended with when the ioctl was new. */
#define CMD(nr, fn, type, last)						\
	[PINSCOPE_CMD_##nr] = {						\
		.size = sizeof(struct type) +				\
			BUILD_BUG_ON_ZERO(offsetof(struct type, size)),	\
		.min_size = offsetofend(struct type, last),		\
		.execute = fn,						\
	}

static const struct {
	u32 size;
	u32 min_size;
	int (*execute)(struct ps_ucmd *ucmd);
} ps_ioctls[] = {
	CMD(INFO,	ps_cmd_info,	pinscope_info,		max_pages),
	CMD(PIN,	ps_cmd_pin,	pinscope_pin,		elapsed_ns),
	CMD(UNPIN,	ps_cmd_unpin,	pinscope_unpin,		id),
	CMD(READ,	ps_cmd_read,	pinscope_io,		buf),
	CMD(INSPECT,	ps_cmd_inspect,	pinscope_inspect,	next),
	CMD(COMPARE,	ps_cmd_compare,	pinscope_compare,	first_mismatch),
	CMD(WRITE,	ps_cmd_write,	pinscope_io,		buf),
	CMD(FAULT,	ps_cmd_fault,	pinscope_fault,		retries),
	CMD(MAP_COUNTS,	ps_cmd_map_counts, pinscope_map_counts,	pfn_mkwrite),
	CMD(RSS,	ps_cmd_rss,	pinscope_rss,		shmem),
};

static int ps_cmd_info(struct ps_ucmd *ucmd)
{
	struct pinscope_info *info = ucmd->cmd;
	unsigned int call;

	info->abi_version = PINSCOPE_ABI_VERSION;
	info->abi_oldest = PINSCOPE_ABI_OLDEST;
	info->page_shift = PAGE_SHIFT;
	info->commands = BIT_ULL(ARRAY_SIZE(ps_ioctls)) - 1;
	info->states = ps_inspect_states();
	info->calls = ps_gup_calls();
	for (call = 0; call < PINSCOPE_CALLS_MAX; call++)
		info->gup_flags[call] = info->calls & BIT(call) ? ps_gup_flags_taken(call) : 0;
	info->fault = ps_fault_taken();
	info->vm_fault = ps_vm_fault_known();
	info->maps = ps_maps();
	info->pinned_pages = atomic_long_read(&ps_pinned_pages);
	info->max_pages = READ_ONCE(ps_max_pages);
	return ps_respond(ucmd);
}

static long ps_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct ps_ucmd ucmd = {
		.file = filp->private_data,
		.uptr = (void __user *)arg,
	};
	unsigned int nr = _IOC_NR(cmd);
	union ps_cmds buf;
	int ret;

	if (nr >= ARRAY_SIZE(ps_ioctls) || cmd != _IO(PINSCOPE_IOC_MAGIC, nr))
		return -ENOTTY;
	if (get_user(ucmd.user_size, (u32 __user *)ucmd.uptr))
		return -EFAULT;
	if (ucmd.user_size < ps_ioctls[nr].min_size)
		return -EINVAL;
	if (ucmd.user_size > PAGE_SIZE)
		return -E2BIG;

	ucmd.kernel_size = ps_ioctls[nr].size;
	ucmd.cmd = &buf;
	ret = copy_struct_from_user(&buf, ucmd.kernel_size, ucmd.uptr,
				    ucmd.user_size);
	if (ret)
		return ret;
	return ps_ioctls[nr].execute(&ucmd);
}

/**
 * ps_file_init() - set up the state of an open file
 * @file: all zero; emptied again by ps_release_pins()
 */
void ps_file_init(struct ps_file *file)
{
	/* Ids start at 1: a forgotten id is not somebody's first pin. */
	xa_init_flags(&file->pins, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
}

static int ps_open(struct inode *inode, struct file *filp)
{
	struct ps_file *file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);

	if (!file)
		return -ENOMEM;
	ps_file_init(file);
	filp->private_data = file;
	return nonseekable_open(inode, filp);
}

static int ps_open_map(struct inode *inode, struct file *filp)
{
	int ret = ps_open(inode, filp);

	if (ret)
		return ret;
	ret = ps_map_create(filp->private_data);
	if (ret)
		kfree(filp->private_data);
	return ret;
}

/* The last reference is gone, however its holders died. */
static int ps_release(struct inode *inode, struct file *filp)
{
	struct ps_file *file = filp->private_data;

	ps_release_pins(file);
	ps_map_destroy(file);
	kfree(file);
	return 0;
}

static const struct file_operations ps_ctl_fops = {
	.owner = THIS_MODULE,
	.open = ps_open,
	.release = ps_release,
	.unlocked_ioctl = ps_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static const struct file_operations ps_map_fops = {
	.owner = THIS_MODULE,
	.open = ps_open_map,
	.release = ps_release,
	.unlocked_ioctl = ps_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = ps_map_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
};

static struct dentry *ps_dir;

static int __init ps_init(void)
{
	if (!ps_max_pages)
		ps_max_pages = totalram_pages() / 4;
	ps_dir = debugfs_create_dir("pinscope", NULL);
	if (IS_ERR(ps_dir))
		return PTR_ERR(ps_dir);
	/*
	 * The unsafe kind lacks debugfs's protection against removal of an open
	 * file, which cannot be: an open file holds the module, and only the
	 * module's exit removes. The safe kind has no compat_ioctl and no mmap.
	 */
	debugfs_create_file_unsafe("ctl", 0600, ps_dir, NULL, &ps_ctl_fops);
	debugfs_create_file_unsafe("map", 0600, ps_dir, NULL, &ps_map_fops);
	debugfs_create_file_unsafe("pins", 0400, ps_dir, NULL, &ps_pins_fops);
	ps_gup_test_init();
	return 0;
}
module_init(ps_init);

static void __exit ps_exit(void)
{
	ps_gup_test_exit();
	debugfs_remove(ps_dir);
}
module_exit(ps_exit);

MODULE_DESCRIPTION("The truth about pinned user pages");
MODULE_LICENSE("GPL");
