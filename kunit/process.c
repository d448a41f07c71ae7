// SPDX-License-Identifier: GPL-2.0-only
/*
 * The process that a test case is: its mm, files, mappings, system calls and
 * child.
 *
 * File systems are mounted for the test case alone, in no namespace: KUnit runs
 * before there is a root file system, and a module should not depend on where
 * somebody mounted what.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/kdev_t.h>
#include <linux/major.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include <asm/unistd.h>

#include "pk.h"

#define ARGS_SIZE	(4 * PAGE_SIZE)

/* Any fork or exit takes less time, also in an emulated machine. */
#define CHILD_TIMEOUT	(60 * HZ)

/**
 * pk_skip_suite() - skip all test cases of a suite
 * @suite: the suite; for its suite_init
 * @reason: what the kernel lacks
 *
 * KUnit of 6.12 cannot skip a suite, and that of 7.3 leaves its test cases out
 * of the report. Both report a test case that is marked before it runs as
 * skipped, and do not run it.
 *
 * Return: 0.
 */
int pk_skip_suite(struct kunit_suite *suite, const char *reason)
{
	struct kunit_case *test_case;

	kunit_suite_for_each_test_case(suite, test_case)
		test_case->status = KUNIT_SKIPPED;
	strscpy(suite->status_comment, reason, sizeof(suite->status_comment));
	return 0;
}

/**
 * pk_suite_init() - skip a suite where pk_init() cannot make a process
 * @suite: the suite
 *
 * Return: 0.
 */
int pk_suite_init(struct kunit_suite *suite)
{
#ifdef HAVE_KUNIT_VM_MMAP
	return 0;
#else
	return pk_skip_suite(suite, "needs kunit_vm_mmap(), which KUnit has since 6.11");
#endif
}

static unsigned long map_args(struct kunit *test)
{
#ifdef HAVE_KUNIT_VM_MMAP
	return kunit_vm_mmap(test, NULL, 0, ARGS_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
#else
	kunit_skip(test, "needs kunit_vm_mmap(), which KUnit has since 6.11");
	return 0;
#endif
}

static void flush_files(void *unused)
{
	flush_delayed_fput();
}

KUNIT_DEFINE_ACTION_WRAPPER(stop_watchdog, cancel_delayed_work_sync,
			    struct delayed_work *)

/**
 * pk_init() - make the thread that runs a test case a process
 * @test: the test case; its @priv becomes a struct pk
 *
 * Return: 0 or a negative errno.
 */
int pk_init(struct kunit *test)
{
	struct pk *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	int ret;

	if (!p)
		return -ENOMEM;
	p->test = test;
	test->priv = p;
	p->args = map_args(test);
	if (!p->args)
		return -ENOMEM;
	if (IS_ERR_VALUE(p->args))
		return p->args;
	/* do_wp_page() does not reuse pages in the LRU cache of another CPU. */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	/* pk_kill_pinning() sends it to a GUP call that does not return. */
	allow_signal(SIGKILL);
	INIT_DELAYED_WORK(&p->watchdog, pk_kill_pinning);
	/*
	 * Actions run in reverse order, so this one runs after all files were
	 * put: the next test case must not meet pins of this one.
	 */
	ret = kunit_add_action_or_reset(test, flush_files, NULL) ?:
	      kunit_add_action_or_reset(test, stop_watchdog, &p->watchdog);
	if (ret)
		return ret;
	p->ctl = pk_open(p, "debugfs", NULL, "pinscope/ctl", O_RDWR);
	return 0;
}

/**
 * pk_exit() - print what a failed test case observed
 * @test: the test case
 *
 * Context: another thread than that of the test case, whose mm may be gone.
 */
void pk_exit(struct kunit *test)
{
	if (test->priv && test->status == KUNIT_FAILURE)
		pk_print_observations(test->priv);
}

KUNIT_DEFINE_ACTION_WRAPPER(put_file, fput, struct file *)

/* Has the end of the test case close the file. */
static struct file *put_at_end(struct pk *p, struct file *file, const char *name)
{
	KUNIT_ASSERT_NOT_ERR_OR_NULL_MSG(p->test, file, "opening %s", name);
	KUNIT_ASSERT_EQ(p->test, 0,
			kunit_add_action_or_reset(p->test, put_file, file));
	return file;
}

/* Also for deferred actions: has no assertions and leaves nothing behind. */
static struct file *open_in(const char *fs, const char *options,
			    const char *name, int flags)
{
	struct file_system_type *type = get_fs_type(fs);
	struct vfsmount *mnt;
	struct file *file;
	struct path root;
	char *data;

	if (!type)
		return ERR_PTR(-ENODEV);
	data = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (data && options)
		strscpy(data, options, PAGE_SIZE);
	mnt = data ? vfs_kern_mount(type, 0, fs, data) : ERR_PTR(-ENOMEM);
	kfree(data);
	module_put(type->owner);
	if (IS_ERR(mnt))
		return ERR_CAST(mnt);
	root.mnt = mnt;
	root.dentry = mnt->mnt_root;
	file = file_open_root(&root, name, flags, 0600);
	mntput(mnt);
	return file;
}

static void skip_without_fs(struct pk *p, const char *fs)
{
	struct file_system_type *type = get_fs_type(fs);

	if (!type)
		kunit_skip(p->test, "needs the file system %s", fs);
	module_put(type->owner);
}

/**
 * pk_open() - open a file in a file system that is mounted for it
 * @p: the test case
 * @fs: the type; the test case is skipped when the kernel does not have it
 * @options: mount options, or NULL
 * @name: path in the file system; created with O_CREAT
 * @flags: O_*
 *
 * Return: the file, which the end of the test case closes.
 */
struct file *pk_open(struct pk *p, const char *fs, const char *options,
		     const char *name, int flags)
{
	skip_without_fs(p, fs);
	return put_at_end(p, open_in(fs, options, name, flags), name);
}

/**
 * pk_exists() - does a file exist?
 * @p: the test case
 * @fs: type of the file system; the test case is skipped without it
 * @name: path in it
 *
 * Return: whether it does.
 */
bool pk_exists(struct pk *p, const char *fs, const char *name)
{
	struct file *file;

	skip_without_fs(p, fs);
	file = open_in(fs, NULL, name, O_RDONLY);
	if (IS_ERR(file))
		return false;
	fput(file);
	return true;
}

/**
 * pk_reopen() - open an open file once more
 * @p: the test case
 * @file: the file
 * @flags: O_*
 *
 * Return: the new file, which the end of the test case closes.
 */
struct file *pk_reopen(struct pk *p, struct file *file, int flags)
{
	return put_at_end(p, dentry_open(&file->f_path, flags, current_cred()),
			  "the file again");
}

/**
 * pk_close() - close a file before the end of the test case
 * @p: the test case
 * @file: a file that pk_open() or pk_reopen() returned
 */
void pk_close(struct pk *p, struct file *file)
{
	kunit_release_action(p->test, put_file, file);
}

/**
 * pk_read_number() - read a file that holds a number
 * @p: the test case
 * @fs: type of the file system
 * @name: path in it
 *
 * Return: the number.
 */
long pk_read_number(struct pk *p, const char *fs, const char *name)
{
	struct file *file = pk_open(p, fs, NULL, name, O_RDONLY);
	char buf[24] = "";
	loff_t pos = 0;
	long number;

	KUNIT_ASSERT_GT_MSG(p->test,
			    kernel_read(file, buf, sizeof(buf) - 1, &pos), 0L,
			    "reading %s", name);
	KUNIT_ASSERT_EQ_MSG(p->test, kstrtol(strim(buf), 10, &number), 0,
			    "%s has no number, but: %s", name, buf);
	pk_close(p, file);
	return number;
}

/**
 * pk_write_string() - write to a file, as echo does
 * @p: the test case
 * @fs: type of the file system
 * @name: path in it
 * @string: what to write
 */
void pk_write_string(struct pk *p, const char *fs, const char *name,
		     const char *string)
{
	struct file *file = pk_open(p, fs, NULL, name, O_WRONLY);
	void __user *buf = (void __user *)p->args;
	size_t len = strlen(string);
	ssize_t written;
	loff_t pos = 0;

	KUNIT_ASSERT_EQ(p->test, 0UL, copy_to_user(buf, string, len));
	/* kernel_write() needs write_iter(), which files of debugfs lack. */
	if (file->f_op->write)
		written = file->f_op->write(file, buf, len, &pos);
	else
		written = kernel_write(file, string, len, &pos);
	KUNIT_ASSERT_EQ_MSG(p->test, (ssize_t)len, written, "writing %s to %s",
			    string, name);
	pk_close(p, file);
}

static void restore_setting(void *ctx)
{
	struct pk_setting *setting = ctx;
	size_t len = strlen(setting->value);
	struct file *file = open_in(setting->fs, NULL, setting->name, O_WRONLY);
	ssize_t written = PTR_ERR_OR_ZERO(file);
	loff_t pos = 0;

	if (!written) {
		written = kernel_write(file, setting->value, len, &pos);
		fput(file);
	}
	if (written != len)
		kunit_warn(setting->test, "%s could not be set to %s again: %zd",
			   setting->name, setting->value, written);
}

/**
 * pk_set() - change a setting of the kernel
 * @p: the test case
 * @fs: type of the file system, sysfs for one, but not debugfs
 * @name: path in it; its file holds a number
 * @value: the new value
 *
 * Return: the setting; the end of the test case restores it.
 */
struct pk_setting *pk_set(struct pk *p, const char *fs, const char *name,
			  const char *value)
{
	struct pk_setting *setting = kunit_kzalloc(p->test, sizeof(*setting),
						   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(p->test, setting);
	setting->test = p->test;
	setting->fs = fs;
	setting->name = name;
	snprintf(setting->value, sizeof(setting->value), "%ld",
		 pk_read_number(p, fs, name));
	KUNIT_ASSERT_EQ(p->test, 0,
			kunit_add_action_or_reset(p->test, restore_setting, setting));
	pk_write_string(p, fs, name, value);
	return setting;
}

/**
 * pk_restore() - restore a setting before the end of the test case
 * @p: the test case
 * @setting: what pk_set() returned
 */
void pk_restore(struct pk *p, struct pk_setting *setting)
{
	kunit_release_action(p->test, restore_setting, setting);
}

/**
 * pk_map_at() - mmap()
 * @p: the test case
 * @addr: where, with MAP_FIXED
 * @file: the file, or NULL
 * @len: bytes
 * @prot: PROT_*
 * @flags: MAP_*; MAP_ANONYMOUS is implied without a file
 * @offset: into the file
 *
 * Return: the address.
 */
unsigned long pk_map_at(struct pk *p, unsigned long addr, struct file *file,
			unsigned long len, unsigned long prot,
			unsigned long flags, u64 offset)
{
	addr = vm_mmap(file, addr, len, prot,
		       flags | (file ? 0 : MAP_ANONYMOUS), offset);
	KUNIT_ASSERT_FALSE_MSG(p->test, IS_ERR_VALUE(addr), "mmap: %ld",
			       (long)addr);
	return addr;
}

/**
 * pk_map() - mmap() anywhere
 * @p: the test case
 * @file: the file, or NULL
 * @len: bytes
 * @prot: PROT_*
 * @flags: MAP_*
 * @offset: into the file
 *
 * Return: the address.
 */
unsigned long pk_map(struct pk *p, struct file *file, unsigned long len,
		     unsigned long prot, unsigned long flags, u64 offset)
{
	return pk_map_at(p, 0, file, len, prot, flags, offset);
}

/**
 * pk_map_aligned() - mmap() of one huge page at an aligned address
 * @p: the test case
 * @size: bytes, a power of 2; of the mapping and its alignment
 * @file: the file, or NULL
 * @prot: PROT_*
 * @flags: MAP_*
 * @offset: into the file
 *
 * Return: the address.
 */
unsigned long pk_map_aligned(struct pk *p, unsigned long size,
			     struct file *file, unsigned long prot,
			     unsigned long flags, u64 offset)
{
	unsigned long room = pk_map(p, NULL, 2 * size, PROT_NONE,
				    MAP_PRIVATE | MAP_NORESERVE, 0);

	return pk_map_at(p, ALIGN(room, size), file, size, prot,
			 flags | MAP_FIXED, offset);
}

/**
 * pk_vm_flags() - change flags of the VMA of the page under test
 * @p: the test case
 * @set: VM_* to set
 * @clear: VM_* to clear
 *
 * For changes that no system call makes, and in modules, which make none.
 */
void pk_vm_flags(struct pk *p, vm_flags_t set, vm_flags_t clear)
{
	struct vm_area_struct *vma;

	mmap_write_lock(current->mm);
	vma = find_vma(current->mm, p->addr);
	if (vma) {
		vm_flags_set(vma, set);
		vm_flags_clear(vma, clear);
	}
	mmap_write_unlock(current->mm);
	KUNIT_ASSERT_NOT_NULL(p->test, vma);
}

#ifndef MODULE
/**
 * pk_syscall() - make a system call
 * @p: the test case; skipped in a module
 * @nr: __NR_*
 * @a: first argument
 * @b: second argument
 * @c: third argument
 * @d: fourth argument
 * @e: fifth argument
 *
 * Return: what the system call returns.
 */
long pk_syscall(struct pk *p, int nr, unsigned long a, unsigned long b,
		unsigned long c, unsigned long d, unsigned long e)
{
#if defined(CONFIG_UML)
	return sys_call_table[nr](a, b, c, d, e, 0);
#elif defined(CONFIG_X86_64)
	struct pt_regs regs = {
		.orig_ax = nr, .di = a, .si = b, .dx = c, .r10 = d, .r8 = e,
	};

	return sys_call_table[nr](&regs);
#else
	kunit_skip(p->test, "test cases make system calls on x86_64 and UML only");
#endif
}

#define SWAP_DISK	15		/* /dev/ram15, by default the last one */
#define SWAP_PATH	"swap"		/* in a ramfs for it alone */
#define SWAP_PAGES	(CONFIG_BLK_DEV_RAM_SIZE / (PAGE_SIZE / 1024))

/**
 * pk_need_swap() - use a RAM disk for swap, unless there is swap already
 * @p: the test case; skipped without CONFIG_PINSCOPE_KUNIT_TEST_SWAP
 *
 * It stays in use until the next boot: the option says that nothing else uses
 * that disk.
 */
void pk_need_swap(struct pk *p)
{
#ifdef CONFIG_PINSCOPE_KUNIT_TEST_SWAP
	static const char signature[] = "SWAPSPACE2";
	union swap_header *header;
	struct file *disk, *dir;
	loff_t pos = 0;

	if (total_swap_pages)
		return;
	/* The root of a kernel thread need not be writable. */
	dir = pk_open(p, "ramfs", NULL, ".", O_RDONLY | O_DIRECTORY);
	KUNIT_ASSERT_EQ(p->test, 0, unshare_fs_struct());
	set_fs_pwd(current->fs, &dir->f_path);
	KUNIT_ASSERT_EQ(p->test, 0UL,
			copy_to_user((void __user *)p->args, SWAP_PATH,
				     sizeof(SWAP_PATH)));
	KUNIT_ASSERT_EQ(p->test, 0L,
			pk_syscall(p, __NR_mknod, p->args, S_IFBLK | 0600,
				   new_encode_dev(MKDEV(RAMDISK_MAJOR, SWAP_DISK)),
				   0, 0));
	disk = put_at_end(p, filp_open(SWAP_PATH, O_RDWR, 0), SWAP_PATH);
	header = kunit_kzalloc(p->test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(p->test, header);
	header->info.version = 1;
	header->info.last_page = SWAP_PAGES - 1;
	memcpy(header->magic.magic, signature, sizeof(header->magic.magic));
	KUNIT_ASSERT_EQ(p->test, (ssize_t)PAGE_SIZE,
			kernel_write(disk, header, PAGE_SIZE, &pos));
	pk_close(p, disk);
	flush_delayed_fput();
	KUNIT_ASSERT_EQ(p->test, 0L,
			pk_syscall(p, __NR_swapon, p->args, 0, 0, 0, 0));
#else
	kunit_skip(p->test, "needs CONFIG_PINSCOPE_KUNIT_TEST_SWAP");
#endif
}

/**
 * pk_need_fork() - skip the test case where pk_fork() cannot work
 * @p: the test case
 */
void pk_need_fork(struct pk *p)
{
}

static int run_child(void *arg)
{
	struct pk *p = arg;

	if (p->child.body)
		p->child.body(p);
	complete(&p->child.body_done);
	wait_for_completion(&p->child.may_exit);
	do_exit(0);
}

/* A zombie has no mm any more, and its parent may reap it at any time. */
static bool is_alive(struct pid *pid)
{
	struct task_struct *task;
	bool alive;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	alive = task && !READ_ONCE(task->exit_state);
	rcu_read_unlock();
	return alive;
}

static void stop_child(void *ctx)
{
	unsigned long end = jiffies + CHILD_TIMEOUT;
	struct pk *p = ctx;

	complete(&p->child.may_exit);
	while (is_alive(p->child.pid) && time_before(jiffies, end))
		usleep_range(200, 1000);
	if (is_alive(p->child.pid))
		KUNIT_FAIL(p->test, "the child has not exited after %d s",
			   CHILD_TIMEOUT / HZ);
	put_pid(p->child.pid);
	p->child.pid = NULL;
}

/**
 * pk_fork() - fork, and wait until the child has run @body
 * @p: the test case; it can have one child at a time
 * @body: what the child does, or NULL; must not use KUNIT_ASSERT_*()
 *
 * The child has a copy of the mm, with p->args at the same address. It exits in
 * pk_join(), or at the end of the test case.
 */
void pk_fork(struct pk *p, void (*body)(struct pk *p))
{
	struct kernel_clone_args args = {
		.flags		= CLONE_FS | CLONE_FILES,
		.exit_signal	= SIGCHLD,
		.fn		= run_child,
		.fn_arg		= p,
	};
	pid_t nr;

	KUNIT_ASSERT_NULL(p->test, p->child.pid);
	p->child.body = body;
	init_completion(&p->child.body_done);
	init_completion(&p->child.may_exit);
	nr = kernel_clone(&args);
	KUNIT_ASSERT_GT_MSG(p->test, nr, 0, "fork: %d", nr);
	p->child.pid = find_get_pid(nr);
	KUNIT_ASSERT_EQ(p->test, 0,
			kunit_add_action_or_reset(p->test, stop_child, p));
	KUNIT_ASSERT_NE_MSG(p->test, 0UL,
			    wait_for_completion_timeout(&p->child.body_done,
							CHILD_TIMEOUT),
			    "the child has not finished its part after %d s",
			    CHILD_TIMEOUT / HZ);
}

/**
 * pk_join() - let the child exit, and wait until its mm is gone
 * @p: the test case; without a child nothing happens
 */
void pk_join(struct pk *p)
{
	if (p->child.pid)
		kunit_release_action(p->test, stop_child, p);
}
#endif
