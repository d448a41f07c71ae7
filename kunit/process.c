// SPDX-License-Identifier: GPL-2.0-only
/*
 * A case's process: its mm, its files, its mappings, its system calls and its
 * child.
 *
 * File systems are mounted for the case alone, in no namespace: KUnit runs
 * before there is a root file system, and a module should not depend on what
 * somebody mounted where.
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

/* The last of it is for the results of calls. */
#define ARGS_SIZE	(4 * PAGE_SIZE)

/* Long enough for anything that gets done at all. */
#define PATIENCE	(60 * HZ)

/**
 * pk_init() - make the thread that runs a case a process
 * @test: the case; gets a struct pk
 *
 * Return: 0 or a negative errno.
 */
int pk_init(struct kunit *test)
{
	struct pk *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	p->test = test;
	test->priv = p;
#ifdef HAVE_KUNIT_VM_MMAP
	p->args = kunit_vm_mmap(test, NULL, 0, ARGS_SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, 0);
#else
	kunit_skip(test, "KUnit of this kernel has no kunit_vm_mmap() (6.12)");
#endif
	if (!p->args || IS_ERR_VALUE(p->args))
		return -ENOMEM;
	/* Pages in the LRU cache of another processor are not reused. */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	/* Only pk_bark() sends it, to a call that does not end. */
	allow_signal(SIGKILL);
	INIT_DELAYED_WORK(&p->dog, pk_bark);
	p->ctl = pk_open(p, "debugfs", NULL, "pinscope/ctl", O_RDWR);
	return 0;
}

/**
 * pk_exit() - clean up after a case
 * @test: the case
 *
 * Context: another thread than that of the case, whose mm may be gone.
 */
void pk_exit(struct kunit *test)
{
	struct pk *p = test->priv;
	int i;

	if (!p)
		return;
	pk_join(p);
	for (i = 0; i < PK_FILES && p->files[i]; i++)
		fput(p->files[i]);
	/* Pins are given back before the next case looks at anything. */
	flush_delayed_fput();
	if (test->status == KUNIT_FAILURE)
		pk_print_looks(p);
}

static struct file *keep(struct pk *p, struct file *file, const char *what)
{
	int i;

	if (IS_ERR(file)) {
		kunit_err(p->test, "cannot open %s: %ld", what, PTR_ERR(file));
		KUNIT_FAIL(p->test, "what the case needs is not there");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(p->test, file);
	}
	for (i = 0; i < PK_FILES - 1 && p->files[i]; i++)
		;
	KUNIT_ASSERT_NULL(p->test, p->files[i]);
	p->files[i] = file;
	return file;
}

static struct file *open_in(struct pk *p, const char *fs, const char *options,
			    const char *name, int flags)
{
	struct file_system_type *type = get_fs_type(fs);
	char *data = kunit_kzalloc(p->test, PAGE_SIZE, GFP_KERNEL);
	struct vfsmount *mnt;
	struct file *file;
	struct path root;

	if (!type)
		kunit_skip(p->test, "no %s in this kernel", fs);
	KUNIT_ASSERT_NOT_NULL(p->test, data);
	if (options)
		strscpy(data, options, PAGE_SIZE);
	mnt = vfs_kern_mount(type, 0, fs, data);
	module_put(type->owner);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(p->test, mnt);
	root.mnt = mnt;
	root.dentry = mnt->mnt_root;
	file = file_open_root(&root, name, flags, 0600);
	mntput(mnt);
	return file;
}

/**
 * pk_open() - open a file of a file system that is mounted for it
 * @p: the case
 * @fs: the type; the case is skipped when the kernel does not have it
 * @options: for mount, or NULL
 * @name: path in the file system; made with O_CREAT
 * @flags: O_*
 *
 * Return: the file, which the case's end closes.
 */
struct file *pk_open(struct pk *p, const char *fs, const char *options,
		     const char *name, int flags)
{
	return keep(p, open_in(p, fs, options, name, flags), name);
}

/**
 * pk_exists() - is there a file?
 * @p: the case
 * @fs: type of the file system
 * @name: path in it
 *
 * Return: whether there is.
 */
bool pk_exists(struct pk *p, const char *fs, const char *name)
{
	struct file *file = open_in(p, fs, NULL, name, O_RDONLY);

	if (IS_ERR(file))
		return false;
	fput(file);
	return true;
}

/**
 * pk_reopen() - open a file once more
 * @p: the case
 * @file: the file
 * @flags: O_*
 *
 * Return: the new file, which the case's end closes.
 */
struct file *pk_reopen(struct pk *p, struct file *file, int flags)
{
	return keep(p, dentry_open(&file->f_path, flags, current_cred()), "again");
}

/**
 * pk_read_number() - read a file that holds a number
 * @p: the case
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

	KUNIT_ASSERT_GT(p->test,
			kernel_read(file, buf, sizeof(buf) - 1, &pos), 0L);
	KUNIT_ASSERT_EQ(p->test, kstrtol(strim(buf), 10, &number), 0);
	pk_close(p, file);
	return number;
}

/**
 * pk_write_string() - write to a file, as echo does
 * @p: the case
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
	/* kernel_write() is not for files of the old kind, as in debugfs. */
	if (file->f_op->write)
		written = file->f_op->write(file, buf, len, &pos);
	else
		written = kernel_write(file, string, len, &pos);
	KUNIT_ASSERT_EQ(p->test, (ssize_t)len, written);
	pk_close(p, file);
}

/**
 * pk_close() - close a file before the case's end
 * @p: the case
 * @file: one that pk_open() or pk_reopen() returned
 */
void pk_close(struct pk *p, struct file *file)
{
	int i, last = 0;

	for (i = 0; i < PK_FILES && p->files[i]; i++)
		last = i;
	for (i = 0; i < last && p->files[i] != file; i++)
		;
	p->files[i] = p->files[last];
	p->files[last] = NULL;
	fput(file);
}

/**
 * pk_map_at() - mmap()
 * @p: the case
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
 * @p: the case
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
 * pk_map_aligned() - mmap() of one huge page, where it can be mapped as one
 * @p: the case
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
 * @p: the case
 * @set: VM_* to set
 * @clear: VM_* to clear
 *
 * For what system calls do not do, or to do without them.
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

#ifdef MODULE
void pk_need_swap(struct pk *p)
{
	kunit_skip(p->test, "a module cannot make system calls: build it in");
}

long pk_syscall(struct pk *p, int nr, unsigned long a, unsigned long b,
		unsigned long c, unsigned long d, unsigned long e)
{
	kunit_skip(p->test, "a module cannot make system calls: build it in");
}

void pk_need_fork(struct pk *p)
{
	kunit_skip(p->test, "a module cannot fork: build it in");
}

void pk_fork(struct pk *p, void (*body)(struct pk *p))
{
	pk_need_fork(p);
}

void pk_join(struct pk *p)
{
}
#else
/**
 * pk_syscall() - make a system call
 * @p: the case; skipped in a module
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
	kunit_skip(p->test, "system calls are known of x86-64 and UML only");
#endif
}

#define SWAP_DISK	15		/* of the RAM disks, the last of the usual */
#define SWAP_PATH	"swap"		/* in a file system of its own */
#define SWAP_PAGES	(CONFIG_BLK_DEV_RAM_SIZE / (PAGE_SIZE / 1024))

/**
 * pk_need_swap() - turn a RAM disk into swap, once
 * @p: the case; skipped where there is no RAM disk to be had for it
 *
 * It stays: where CONFIG_PINSCOPE_KUNIT_SWAP says so, nothing else is to use
 * that disk.
 */
void pk_need_swap(struct pk *p)
{
#ifdef CONFIG_PINSCOPE_KUNIT_SWAP
	static const char signature[] = "SWAPSPACE2";
	union swap_header *header;
	struct file *disk, *dir;
	loff_t pos = 0;

	if (total_swap_pages)
		return;
	/* Where a kernel thread's root is, files cannot always be made. */
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
	disk = keep(p, filp_open(SWAP_PATH, O_RDWR, 0), SWAP_PATH);
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
	kunit_skip(p->test, "needs CONFIG_PINSCOPE_KUNIT_SWAP");
#endif
}

/**
 * pk_need_fork() - skip the case unless pk_fork() works
 * @p: the case
 */
void pk_need_fork(struct pk *p)
{
}

static int run_child(void *arg)
{
	struct pk *p = arg;

	if (p->child.body)
		p->child.body(p);
	complete(&p->child.done);
	wait_for_completion(&p->child.leave);
	do_exit(0);
}

/**
 * pk_fork() - fork, and wait until the child has done what it is to do
 * @p: the case; it can have one child at a time
 * @body: what the child does first, or NULL; must not use KUNIT_ASSERT_*()
 *
 * The child has a copy of the mm, p->args is at the same place in it. It stays
 * until pk_join(), which the case's end calls.
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
	init_completion(&p->child.done);
	init_completion(&p->child.leave);
	nr = kernel_clone(&args);
	KUNIT_ASSERT_GT_MSG(p->test, nr, 0, "fork: %d", nr);
	p->child.pid = find_get_pid(nr);
	KUNIT_ASSERT_NE_MSG(p->test, 0UL,
			    wait_for_completion_timeout(&p->child.done, PATIENCE),
			    "the child hangs");
}

/* A zombie is not: its mm is gone, and who reaps it is not ours to say. */
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

/**
 * pk_join() - let the child exit, and wait until its mm is gone
 * @p: the case; without a child nothing happens
 */
void pk_join(struct pk *p)
{
	unsigned long end = jiffies + PATIENCE;

	if (!p->child.pid)
		return;
	complete(&p->child.leave);
	while (is_alive(p->child.pid) && time_before(jiffies, end))
		usleep_range(200, 1000);
	if (is_alive(p->child.pid))
		KUNIT_FAIL(p->test, "the child does not exit");
	put_pid(p->child.pid);
	p->child.pid = NULL;
}
#endif
