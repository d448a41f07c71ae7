// SPDX-License-Identifier: GPL-2.0-only
/*
 * Targets: from a pid or a pidfd to an mm, with the permission check that
 * PTRACE_ATTACH makes.
 *
 * That check, ptrace_may_access(), is not exported to modules. Procfs makes it
 * when /proc/PID/mem is opened, with the caller's credentials and with the hooks
 * of the security modules, so this file opens /proc/PID/mem. The function from a
 * pidfd to its process is not exported either, so this file reads the process id
 * that the pidfd's show_fdinfo() prints.
 *
 * The caller may be the root of a container, in a mount namespace of its own:
 * anything can be mounted on /proc, and on a single file in it.
 *
 * Owns nothing. Takes no locks of its own.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "pinscope.h"

/* Defined since 6.9. */
#ifndef PID_FS_MAGIC
#define PID_FS_MAGIC	0x50494446
#endif

/*
 * Is it a file `mem` of procfs? Opening another file has not checked what is to be
 * checked: `environ`, `auxv` and `pagemap` also have an mm in ->private_data, but
 * they ask for less. Procfs does not rename its files.
 */
static bool is_proc_mem(struct file *file)
{
	return file_inode(file)->i_sb->s_magic == PROC_SUPER_MAGIC &&
	       !strcmp(file->f_path.dentry->d_name.name, "mem");
}

/* Opens /proc/PID/mem of the process @nr, or of current when @nr is 0. */
static struct file *open_proc_mem(int nr)
{
	char path[32];
	struct file *file;

	if (nr)
		snprintf(path, sizeof(path), "/proc/%d/mem", nr);
	else
		strscpy(path, "/proc/self/mem", sizeof(path));
	file = filp_open(path, O_RDONLY, 0);
	if (!IS_ERR(file) && !is_proc_mem(file)) {
		fput(file);
		return ERR_PTR(-ENOENT);
	}
	return file;
}

/*
 * Returns the mm of a process if the caller may attach to it, for mmput().
 *
 * The process may exec between the lookup of its mm and the check. The mm that
 * it has both before and after opening the file is the one that was checked,
 * since a process never gets back an mm that it gave up. The file must be of the
 * same mm, too: /proc may belong to another pid namespace than the caller, where
 * @nr is another process.
 */
static struct mm_struct *get_mm_checked(struct pid *pid, int nr)
{
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm, *after;
	struct file *file;
	int ret = 0;

	if (!task)
		return ERR_PTR(-ESRCH);
	mm = get_task_mm(task);
	if (!mm) {
		put_task_struct(task);
		return ERR_PTR(-ESRCH);
	}
	file = open_proc_mem(nr);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
	} else {
		after = get_task_mm(task);
		if (after != mm || file->private_data != mm)
			ret = -ESRCH;
		if (after)
			mmput(after);
		fput(file);
	}
	put_task_struct(task);
	if (ret) {
		mmput(mm);
		return ERR_PTR(ret);
	}
	return mm;
}

static struct mm_struct *get_mm_by_pid(s32 nr)
{
	struct mm_struct *mm;
	struct pid *pid;

	if (nr <= 0)
		return ERR_PTR(-ESRCH);
	pid = find_get_pid(nr);
	if (!pid)
		return ERR_PTR(-ESRCH);
	mm = get_mm_checked(pid, nr);
	put_pid(pid);
	return mm;
}

/*
 * Is it a pidfd? From 6.9 on, pidfds are files of a pseudo file system of their own,
 * if the kernel is built with it; else they are anonymous inodes, which have the
 * name that the kernel gave them.
 */
static bool is_pidfd(struct file *file)
{
	switch (file_inode(file)->i_sb->s_magic) {
	case PID_FS_MAGIC:
		return true;
	case ANON_INODE_FS_MAGIC:
		return !strcmp(file->f_path.dentry->d_name.name, "[pidfd]");
	}
	return false;
}

/*
 * Returns the process id that a pidfd's fdinfo shows, or -ESRCH, or -EBADF when
 * the file is not a pidfd. The id is the one in the pid namespace of the procfs
 * that @proc is a file of.
 */
static int pidfd_to_nr(struct file *pidfd, struct file *proc)
{
	struct seq_file m = { .size = 512, .file = proc };
	int nr = -EBADF;

	/* Another file's show_fdinfo() may need what @m does not have. */
	if (!is_pidfd(pidfd) || !pidfd->f_op->show_fdinfo)
		return -EBADF;
	m.buf = kzalloc(m.size, GFP_KERNEL);
	if (!m.buf)
		return -ENOMEM;
	mutex_init(&m.lock);
	pidfd->f_op->show_fdinfo(&m, pidfd);
	m.buf[min(m.count, m.size - 1)] = '\0';
	if (sscanf(m.buf, "Pid:\t%d", &nr) != 1)
		nr = -EBADF;
	else if (nr <= 0)
		nr = -ESRCH;	/* it has exited, or is in another namespace */
	kfree(m.buf);
	return nr;
}

static struct mm_struct *get_mm_by_pidfd(s32 fd)
{
	struct file *pidfd = fget(fd), *proc;
	struct mm_struct *mm;
	int nr, again;

	if (!pidfd)
		return ERR_PTR(-EBADF);
	proc = open_proc_mem(0);
	if (IS_ERR(proc)) {
		fput(pidfd);
		return ERR_CAST(proc);
	}
	nr = pidfd_to_nr(pidfd, proc);
	if (nr < 0) {
		mm = ERR_PTR(nr);
	} else {
		mm = get_mm_by_pid(nr);
		/*
		 * If the process still has this id, the id cannot have been
		 * given to another process before the lookup.
		 */
		again = IS_ERR(mm) ? nr : pidfd_to_nr(pidfd, proc);
		if (again != nr) {
			mmput(mm);
			mm = ERR_PTR(again < 0 ? again : -ESRCH);
		}
	}
	fput(proc);
	fput(pidfd);
	return mm;
}

/**
 * ps_get_mm() - get the mm of a target
 * @target_type: enum pinscope_target_type: CALLER, PID or PIDFD
 * @target_nr: 0, the process id, or the pidfd
 *
 * Context: process context; may sleep.
 * Return: the mm, which the caller drops with mmput(); or ERR_PTR: -EINVAL for
 * another @target_type or CALLER with another @target_nr than 0; the others are
 * described at enum pinscope_target_type.
 */
struct mm_struct *ps_get_mm(u32 target_type, s32 target_nr)
{
	switch (target_type) {
	case PINSCOPE_TARGET_CALLER:
		if (target_nr)
			return ERR_PTR(-EINVAL);
		mmget(current->mm);
		return current->mm;
	case PINSCOPE_TARGET_PID:
		return get_mm_by_pid(target_nr);
	case PINSCOPE_TARGET_PIDFD:
		return get_mm_by_pidfd(target_nr);
	}
	return ERR_PTR(-EINVAL);
}
