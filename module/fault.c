// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULT: handle_mm_fault() with chosen flags, and what it returns, page by page.
 * What GUP would look at before it calls it is looked at here only as far as mm
 * would warn otherwise.
 */
#include <linux/hugetlb.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pinscope.h"
#include "trace.h"

/* Results gathered before they are copied out, with no lock held. */
#define BATCH	(PAGE_SIZE / sizeof(u32))

struct faults {
	struct mm_struct *mm;
	struct pinscope_fault *cmd;
	unsigned int flags;	/* the kernel's bits */
	bool locked;		/* do we hold the mmap lock? */
	u32 *results;
};

/*
 * What sanitize_fault_flags() of mm/memory.c warns of, from 6.2 on, and
 * hugetlb_wp() up to some version; and a copy that cannot be made.
 */
static bool would_warn(struct vm_area_struct *vma, unsigned int flags)
{
	if ((flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) &&
	    ps_cannot_copy(vma))
		return true;
	if (!(flags & FAULT_FLAG_WRITE))
		return false;
	return !(vma->vm_flags & VM_MAYWRITE) ||
	       (!(vma->vm_flags & VM_WRITE) &&
		(!ps_is_cow(vma) || is_vm_hugetlb_page(vma)));
}

static bool interrupted(unsigned int flags)
{
	return fatal_signal_pending(current) ||
	       ((flags & FAULT_FLAG_INTERRUPTIBLE) && signal_pending(current));
}

/* One page, to its end. Returns 0 or what keeps it from being dealt with. */
static int fault_page(struct faults *f, unsigned long addr, vm_fault_t *result)
{
	unsigned int flags = f->flags;
	struct vm_area_struct *vma;

	for (;;) {
		if (interrupted(flags))
			return -EINTR;
		if (!f->locked) {
			if (mmap_read_lock_killable(f->mm))
				return -EINTR;
			f->locked = true;
		}
		vma = find_vma(f->mm, addr);
		if (!vma || addr < vma->vm_start)
			return -EFAULT;
		if (would_warn(vma, flags) && !ps_allow_warn)
			return -EACCES;

		*result = handle_mm_fault(vma, addr, flags, NULL);
		if (*result & VM_FAULT_COMPLETED) {
			f->locked = false;
			f->cmd->dropped++;
			return 0;
		}
		/* With RETRY_NOWAIT it kept the lock, and there is no retry. */
		if (!(*result & VM_FAULT_RETRY) ||
		    (flags & FAULT_FLAG_RETRY_NOWAIT))
			return 0;
		f->locked = false;
		f->cmd->dropped++;
		f->cmd->retries++;
		flags |= FAULT_FLAG_TRIED;
		cond_resched();
	}
}

/* Up to a batch of pages. Returns how many, or an error when it is none. */
static long fault_batch(struct faults *f, unsigned long addr, unsigned long nr)
{
	unsigned long i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++, addr += PAGE_SIZE) {
		vm_fault_t result = 0;

		ret = fault_page(f, addr, &result);
		if (ret)
			break;
		f->results[i] = ps_vm_fault_from_kernel(result);
		f->cmd->results_or |= f->results[i];
		if (need_resched() && f->locked) {
			mmap_read_unlock(f->mm);
			f->locked = false;
		}
		cond_resched();
	}
	if (f->locked)
		mmap_read_unlock(f->mm);
	f->locked = false;
	return i ? i : ret;
}

static int fault_range(struct faults *f)
{
	struct pinscope_fault *cmd = f->cmd;
	unsigned long pages = cmd->len >> PAGE_SHIFT;
	u32 __user *to = u64_to_user_ptr(cmd->results);
	long nr;

	while (cmd->pages < pages) {
		nr = fault_batch(f, cmd->addr + (cmd->pages << PAGE_SHIFT),
				 min_t(u64, pages - cmd->pages, BATCH));
		if (nr <= 0)
			return cmd->pages ? 0 : nr;
		if (to && copy_to_user(to + cmd->pages, f->results,
				       nr * sizeof(*to)))
			return -EFAULT;
		cmd->pages += nr;
	}
	return 0;
}

/**
 * ps_cmd_fault() - PINSCOPE_IOC_FAULT, see struct pinscope_fault
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes and drops the mmap lock, killable.
 * Return: 0 or a negative errno; some pages may have been dealt with then.
 */
int ps_cmd_fault(struct ps_ucmd *ucmd)
{
	struct pinscope_fault *cmd = ucmd->cmd;
	struct faults f = { .cmd = cmd };
	int ret;

	if (cmd->reserved || cmd->reserved2)
		return -EINVAL;
	ret = ps_fault_to_kernel(cmd->flags, &f.flags);
	if (ret)
		return ret;
	/* A wait that a signal cannot end could be one for the caller itself. */
	if ((f.flags & FAULT_FLAG_ALLOW_RETRY) &&
	    !(f.flags & FAULT_FLAG_RETRY_NOWAIT))
		f.flags |= FAULT_FLAG_KILLABLE;
	f.mm = ps_get_mm(cmd->target_type, cmd->target_nr);
	if (IS_ERR(f.mm))
		return PTR_ERR(f.mm);
	ret = ps_check_range(cmd->addr, cmd->len, f.mm->task_size);
	if (ret)
		goto put;
	/* The caller's protection keys say nothing of another's memory. */
	if (f.mm != current->mm && !(f.flags & FAULT_FLAG_REMOTE)) {
		ret = -EINVAL;
		goto put;
	}
	f.results = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!f.results) {
		ret = -ENOMEM;
		goto put;
	}
	cmd->pages = 0;
	cmd->results_or = 0;
	cmd->dropped = 0;
	cmd->retries = 0;
	ret = fault_range(&f);
	kfree(f.results);
	trace_pinscope_fault(cmd, ret);
put:
	mmput(f.mm);
	return ret ? ret : ps_respond(ucmd);
}
