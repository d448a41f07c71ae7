// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose memory: from a pid or a pidfd to an mm, with the permission checks that
 * a debugger faces.
 *
 * The kernel's own check, ptrace_may_access(), is not for modules. Procfs makes
 * it when /proc/PID/mem is opened, with the caller's credentials and whatever
 * security modules have to say, so that is what is done here. Nor is there a
 * way for modules from a pidfd to its process; what its fdinfo file would say
 * is asked of it instead.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "pinscope.h"

static struct file *open_proc(int nr)
{
	char path[32];
	struct file *file;

	if (nr)
		snprintf(path, sizeof(path), "/proc/%d/mem", nr);
	else
		strscpy(path, "/proc/self/mem", sizeof(path));
	file = filp_open(path, O_RDONLY, 0);
	/* Something else may be mounted there, which means nothing. */
	if (!IS_ERR(file) && file_inode(file)->i_sb->s_magic != PROC_SUPER_MAGIC) {
		fput(file);
		return ERR_PTR(-ENOENT);
	}
	return file;
}

/*
 * @mm is what the task had before the check and has after it, so it is what was
 * checked: a task never gets an mm back that exec or exit took from it. That
 * the file is about the same mm also says that this /proc counts processes like
 * the caller does.
 */
static struct mm_struct *mm_of_pid(struct pid *pid, int nr)
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
	file = open_proc(nr);
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
	mm = mm_of_pid(pid, nr);
	put_pid(pid);
	return mm;
}

/* The process id that a pidfd's fdinfo has; it tells it for a file of procfs. */
static int pidfd_to_nr(struct file *pidfd, struct file *proc)
{
	struct seq_file m = { .size = 512, .file = proc };
	int nr = -EBADF;

	if (!pidfd->f_op->show_fdinfo)
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
		nr = -ESRCH;	/* not in this namespace, or no more */
	kfree(m.buf);
	return nr;
}

static struct mm_struct *get_mm_by_pidfd(s32 fd)
{
	struct file *pidfd = fget(fd), *proc;
	struct mm_struct *mm;
	int nr;

	if (!pidfd)
		return ERR_PTR(-EBADF);
	proc = open_proc(0);
	if (IS_ERR(proc)) {
		fput(pidfd);
		return ERR_CAST(proc);
	}
	nr = pidfd_to_nr(pidfd, proc);
	if (nr < 0) {
		mm = ERR_PTR(nr);
	} else {
		mm = get_mm_by_pid(nr);
		/* Still there, so the number has not become another's. */
		if (!IS_ERR(mm) && pidfd_to_nr(pidfd, proc) != nr) {
			mmput(mm);
			mm = ERR_PTR(-ESRCH);
		}
	}
	fput(proc);
	fput(pidfd);
	return mm;
}

/**
 * ps_get_mm() - look up whose memory is meant
 * @target_type: enum pinscope_target_type: CALLER, PID or PIDFD
 * @target_nr: see there
 *
 * Context: may sleep.
 * Return: the mm, for the caller to mmput(); or ERR_PTR: -EINVAL another
 * @target_type, the others as described at enum pinscope_target_type.
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
