// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULT: calls handle_mm_fault() with the caller's flags on each page of a range,
 * and reports what it returns.
 *
 * GUP checks VMA flags and page table entries before it faults. FAULT does not:
 * it refuses only what would make mm warn.
 *
 * Owns nothing. Takes the mmap lock of the target for reading; handle_mm_fault()
 * may drop it.
 */
#include <linux/hugetlb.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pinscope.h"
#include "trace.h"

/* Pages per batch; the results are copied out after each, with no lock held. */
#define FAULT_BATCH	(PAGE_SIZE / sizeof(u32))

/* One FAULT while it is served. */
struct faults {
	struct mm_struct *mm;
	struct pinscope_fault *cmd;
	unsigned int flags;	/* the running kernel's FAULT_FLAG_* */
	bool locked;		/* is the mmap lock of @mm held? */
	u32 *results;		/* of the batch, FAULT_BATCH of them */
};

/*
 * Would mm warn? It does for a write fault without VM_MAYWRITE, and for one
 * without VM_WRITE in a mapping that is not COW (sanitize_fault_flags() in
 * mm/memory.c, from 6.2 on) or is hugetlb (hugetlb_wp(), while FOLL_FORCE does
 * not work on hugetlb); and for some copies, see ps_cannot_copy().
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

/* Does a signal end the faults? Only a fatal one does without INTERRUPTIBLE. */
static bool signal_ends_faults(unsigned int flags)
{
	return fatal_signal_pending(current) ||
	       ((flags & FAULT_FLAG_INTERRUPTIBLE) && signal_pending(current));
}

/*
 * Faults on one page and retries as GUP does, until mm asks for no more retries.
 * Returns 0 with the last result, or the reason for not faulting.
 */
static int fault_page(struct faults *f, unsigned long addr, vm_fault_t *result)
{
	unsigned int flags = f->flags;
	struct vm_area_struct *vma;

	for (;;) {
		if (signal_ends_faults(flags))
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
		/* The architecture's fault handler would wait for memory. */
		if (*result & VM_FAULT_OOM)
			ps_forget_memcg_oom();
		if (*result & VM_FAULT_COMPLETED) {
			f->locked = false;
			f->cmd->dropped++;
			return 0;
		}
		/* With RETRY_NOWAIT, mm has kept the lock: do not retry. */
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

/* Faults on up to @nr pages. Returns how many, or an error when on none. */
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

/* Faults on the whole range, in batches. */
static int fault_range(struct faults *f)
{
	struct pinscope_fault *cmd = f->cmd;
	unsigned long pages = cmd->len >> PAGE_SHIFT;
	u32 __user *to = u64_to_user_ptr(cmd->results);
	long nr;

	while (cmd->pages < pages) {
		nr = fault_batch(f, cmd->addr + (cmd->pages << PAGE_SHIFT),
				 min_t(u64, pages - cmd->pages, FAULT_BATCH));
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
 * Context: may sleep; takes and drops the mmap lock; ends early when killed.
 * Return: 0 or a negative errno; -EFAULT for @results may come after faults.
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
	/*
	 * mm may wait for userfaultfd, and the caller may be the one to serve
	 * it. A fatal signal must be able to end that wait.
	 */
	if ((f.flags & FAULT_FLAG_ALLOW_RETRY) &&
	    !(f.flags & FAULT_FLAG_RETRY_NOWAIT))
		f.flags |= FAULT_FLAG_KILLABLE;
	f.mm = ps_get_mm(cmd->target_type, cmd->target_nr);
	if (IS_ERR(f.mm))
		return PTR_ERR(f.mm);
	ret = ps_check_range(cmd->addr, cmd->len, f.mm->task_size);
	if (ret)
		goto put;
	/*
	 * Without REMOTE mm checks the protection keys of current, which do not
	 * apply to the mm of another process.
	 */
	if (f.mm != current->mm && !(f.flags & FAULT_FLAG_REMOTE)) {
		ret = -EINVAL;
		goto put;
	}
	f.results = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
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
