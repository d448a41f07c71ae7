// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope.ko: the files in debugfs, what opening and closing them does, and
 * the table of ioctls.
 *
 * Owns the debugfs directory, and a struct ps_file for each open of ctl or map.
 * Takes no locks; the handlers of the ioctls do, in the order that pinscope.h
 * gives.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pinscope.h"
#include "version.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* Room for the struct of any ioctl. */
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
	struct pinscope_track track;
	struct pinscope_holders holders;
};

/*
 * @last is the last field that the struct had in the version of the ABI that
 * introduced the ioctl: a caller of that version is still served.
 */
#define PS_IOCTL(nr, fn, type, last)					\
	[PINSCOPE_CMD_##nr] = {						\
		.size = sizeof(struct type) +				\
			BUILD_BUG_ON_ZERO(offsetof(struct type, size)) + \
			BUILD_BUG_ON_ZERO(sizeof(union ps_cmds) <	\
					  sizeof(struct type)),		\
		.min_size = offsetofend(struct type, last),		\
		.execute = fn,						\
	}

static const struct {
	u32 size;		/* of the struct, in bytes */
	u32 min_size;		/* the least that a caller's struct may have */
	int (*execute)(struct ps_ucmd *ucmd);
} ps_ioctls[] = {
	PS_IOCTL(INFO,	ps_cmd_info,	pinscope_info,	max_pages),
	PS_IOCTL(PIN,	ps_cmd_pin,	pinscope_pin,	elapsed_ns),
	PS_IOCTL(UNPIN,	ps_cmd_unpin,	pinscope_unpin,	id),
	PS_IOCTL(READ,	ps_cmd_read,	pinscope_io,	buf),
	PS_IOCTL(INSPECT, ps_cmd_inspect, pinscope_inspect, next),
	PS_IOCTL(COMPARE, ps_cmd_compare, pinscope_compare, first_mismatch),
	PS_IOCTL(WRITE,	ps_cmd_write,	pinscope_io,	buf),
	PS_IOCTL(FAULT,	ps_cmd_fault,	pinscope_fault,	retries),
	PS_IOCTL(MAP_COUNTS, ps_cmd_map_counts, pinscope_map_counts, pfn_mkwrite),
	PS_IOCTL(RSS,	ps_cmd_rss,	pinscope_rss,	shmem),
	PS_IOCTL(TRACK,	ps_cmd_track,	pinscope_track,	forgotten),
	PS_IOCTL(HOLDERS, ps_cmd_holders, pinscope_holders, reserved),
};

static_assert(ARRAY_SIZE(ps_ioctls) == PINSCOPE_CMDS);

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
	nr = array_index_nospec(nr, ARRAY_SIZE(ps_ioctls));
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

static int ps_open(struct inode *inode, struct file *filp)
{
	struct ps_file *file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!file)
		return -ENOMEM;
	ret = ps_init_pins(file);
	if (ret) {
		kfree(file);
		return ret;
	}
	filp->private_data = file;
	return nonseekable_open(inode, filp);
}

static int ps_open_map(struct inode *inode, struct file *filp)
{
	int ret = ps_open(inode, filp);

	if (ret)
		return ret;
	ret = ps_map_create(filp->private_data);
	if (ret) {
		ps_release_pins(filp->private_data);
		kfree(filp->private_data);
	}
	return ret;
}

/*
 * Called when the last reference to the open file is gone: after close(), exit
 * or a kill, and not while an ioctl runs or a mapping of map exists.
 */
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
	int ret;

	if (!ps_max_pages)
		ps_max_pages = totalram_pages() / 4;
	ret = ps_create_pin_cache();
	if (ret)
		return ret;
	ps_dir = debugfs_create_dir("pinscope", NULL);
	if (IS_ERR(ps_dir)) {
		ps_destroy_pin_cache();
		return PTR_ERR(ps_dir);
	}
	/*
	 * debugfs_create_file() puts its own file_operations in front of ours,
	 * and those have neither compat_ioctl nor mmap. What they add, files
	 * that stay valid when they are removed while open, is not needed: only
	 * ps_exit() removes them, and an open file keeps the module loaded.
	 */
	debugfs_create_file_unsafe("ctl", 0600, ps_dir, NULL, &ps_ctl_fops);
	debugfs_create_file_unsafe("map", 0600, ps_dir, NULL, &ps_map_fops);
	debugfs_create_file_unsafe("pins", 0400, ps_dir, NULL, &ps_pins_fops);
	debugfs_create_file_unsafe("holders", 0400, ps_dir, NULL, &ps_holders_fops);
	debugfs_create_file_unsafe("tracking", 0600, ps_dir, NULL, &ps_tracking_fops);
	ps_gup_test_init();
	return 0;
}
module_init(ps_init);

static void __exit ps_exit(void)
{
	ps_gup_test_exit();
	debugfs_remove(ps_dir);
	ps_holders_exit();
	ps_destroy_pin_cache();
}
module_exit(ps_exit);

MODULE_DESCRIPTION("Pin user pages, inspect them, compare them with what is mapped");
MODULE_VERSION(PINSCOPE_VERSION);
MODULE_LICENSE("GPL");
