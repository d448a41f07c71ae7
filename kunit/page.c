// SPDX-License-Identifier: GPL-2.0-only
/*
 * What test cases do with the page under test: inspect, fault, read, write and
 * pin it. All but pk_mm_fault() and pk_edit_entry() use pinscope's ioctls or the
 * process's own mapping.
 */
#include <linux/hugetlb.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "pk.h"

/* Offsets in p->args of the ioctl's struct, and of what it points to. */
#define STRUCT	0
#define BUFFER	PAGE_SIZE

/**
 * pk_ioctl() - make an ioctl
 * @p: the test case; its child may call it as well
 * @file: ctl or map
 * @cmd: PINSCOPE_IOC_*
 * @arg: the struct of @cmd, in and out
 * @size: bytes of @arg
 *
 * Return: what the ioctl returns.
 */
long pk_ioctl(struct pk *p, struct file *file, unsigned int cmd, void *arg,
	      size_t size)
{
	void __user *uptr = (void __user *)(p->args + STRUCT);
	long ret;

	if (copy_to_user(uptr, arg, size))
		return -EFAULT;
	ret = file->f_op->unlocked_ioctl(file, cmd, (unsigned long)uptr);
	if (copy_from_user(arg, uptr, size))
		return -EFAULT;
	return ret;
}

/**
 * pk_inspect_at() - inspect a page without recording the observation
 * @p: the test case; its child may call it as well
 * @addr: user address
 *
 * Return: what INSPECT reports; all zero for an empty entry.
 */
struct pinscope_page pk_inspect_at(struct pk *p, unsigned long addr)
{
	struct pinscope_page page = {};
	struct pinscope_inspect cmd = {
		.size = sizeof(cmd),
		.record_size = sizeof(page),
		.addr = addr,
		.len = PAGE_SIZE,
		.records = p->args + BUFFER,
		.nr = 1,
	};

	if (pk_ioctl(p, p->ctl, PINSCOPE_IOC_INSPECT, &cmd, sizeof(cmd)))
		KUNIT_FAIL(p->test, "INSPECT failed for address 0x%lx", addr);
	else if (cmd.nr && copy_from_user(&page, (void __user *)(p->args + BUFFER),
					  sizeof(page)))
		KUNIT_FAIL(p->test, "the record of INSPECT cannot be read");
	return page;
}

/**
 * pk_inspect() - inspect the page under test
 * @p: the test case
 * @when: printed with the observation if the test case fails
 *
 * Return: what INSPECT reports; all zero for an empty entry.
 */
struct pinscope_page pk_inspect(struct pk *p, const char *when)
{
	struct pinscope_page page = pk_inspect_at(p, p->addr);

	if (p->nr_observations < PK_OBSERVATIONS)
		p->observations[p->nr_observations++] =
			(struct pk_observation) { when, page };
	return page;
}

#define NAME(name)	{ #name, PINSCOPE_STATE_##name },

static const struct {
	const char *name;
	u64 bit;
} states[] = {
	PINSCOPE_STATE_NAMES(NAME)
};

static void state_names(u64 bits, char *to, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < ARRAY_SIZE(states); i++)
		if (bits & states[i].bit)
			n += scnprintf(to + n, size - n, "%s%s", n ? "|" : "",
				       states[i].name);
	if (!n)
		strscpy(to, "none", size);
}

/**
 * pk_print_observations() - print what the test case observed of its page
 * @p: the test case
 */
void pk_print_observations(struct pk *p)
{
	char buf[360];
	unsigned int i;

	for (i = 0; i < p->nr_observations; i++) {
		const struct pinscope_page *page = &p->observations[i].page;

		state_names(page->state, buf, sizeof(buf));
		kunit_info(p->test,
			   "%s: PFN 0x%llx, folio order %u, entry of 2^%u bytes, refcount %d, mapcount %d, pincount %d, %s",
			   p->observations[i].when, page->pfn, page->folio_order,
			   page->map_shift, page->refcount, page->mapcount,
			   page->pincount, buf);
	}
}

/**
 * pk_expect_state() - expect a page to be in a state
 * @p: the test case
 * @page: what INSPECT reported
 * @set: PINSCOPE_STATE_* bits that it must have
 * @clear: PINSCOPE_STATE_* bits that it must not have
 * @when: where in the test case
 */
void pk_expect_state(struct pk *p, const struct pinscope_page *page, u64 set,
		     u64 clear, const char *when)
{
	char missing[200], excess[200];

	state_names(set & ~page->state, missing, sizeof(missing));
	state_names(clear & page->state, excess, sizeof(excess));
	KUNIT_EXPECT_EQ_MSG(p->test, page->state & (set | clear), set,
			    "%s: expected but not set: %s; set but not expected: %s",
			    when, missing, excess);
}

/**
 * pk_expect_unchanged() - expect the same page, in the same state
 * @p: the test case
 * @before: what INSPECT reported before
 * @after: what INSPECT reports now
 */
void pk_expect_unchanged(struct pk *p, const struct pinscope_page *before,
			 const struct pinscope_page *after)
{
	char lost[200], gained[200];

	state_names(before->state & ~after->state & ~PK_VOLATILE, lost,
		    sizeof(lost));
	state_names(after->state & ~before->state & ~PK_VOLATILE, gained,
		    sizeof(gained));
	KUNIT_EXPECT_EQ_MSG(p->test, after->pfn, before->pfn,
			    "expected the same page, found another one");
	KUNIT_EXPECT_EQ_MSG(p->test, after->state & ~PK_VOLATILE,
			    before->state & ~PK_VOLATILE,
			    "expected the same state; lost: %s; gained: %s",
			    lost, gained);
}

/**
 * pk_fault() - have FAULT call handle_mm_fault() on the page under test
 * @p: the test case
 * @flags: PINSCOPE_FAULT_*
 *
 * Return: PINSCOPE_VM_FAULT_* but for MAJOR and WRITE, which no test case
 * expects anything of.
 */
u32 pk_fault(struct pk *p, u64 flags)
{
	struct pinscope_fault cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.addr = p->addr,
		.len = PAGE_SIZE,
	};

	KUNIT_ASSERT_EQ(p->test, pk_ioctl(p, p->ctl, PINSCOPE_IOC_FAULT, &cmd, sizeof(cmd)),
			0L);
	return cmd.results_or & ~(PINSCOPE_VM_FAULT_MAJOR |
				  PINSCOPE_VM_FAULT_WRITE);
}

/**
 * pk_mm_fault() - call handle_mm_fault() on the page under test
 * @p: the test case; its child may call it as well
 * @flags: the kernel's FAULT_FLAG_*, without ALLOW_RETRY; unlike FAULT, this
 *	function passes on flags that make the kernel WARN
 *
 * Return: what handle_mm_fault() returns.
 */
vm_fault_t pk_mm_fault(struct pk *p, unsigned int flags)
{
	vm_fault_t result = VM_FAULT_SIGSEGV;
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	vma = find_vma(current->mm, p->addr);
	if (vma)
		result = handle_mm_fault(vma, p->addr, flags, NULL);
	mmap_read_unlock(current->mm);
	KUNIT_EXPECT_NOT_NULL(p->test, vma);
	return result;
}

/**
 * pk_store() - have the process write to the page under test
 * @p: the test case; its child may call it as well
 * @byte: the new first and last byte of the base page
 */
void pk_store(struct pk *p, u8 byte)
{
	if (copy_to_user((void __user *)p->addr, &byte, 1) ||
	    copy_to_user((void __user *)(p->addr + PAGE_SIZE - 1), &byte, 1))
		KUNIT_FAIL(p->test, "the process cannot write to 0x%lx", p->addr);
}

/**
 * pk_fill() - have the process fill the base page under test
 * @p: the test case
 * @byte: the new content
 */
void pk_fill(struct pk *p, u8 byte)
{
	char *buf = kunit_kmalloc(p->test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(p->test, buf);
	memset(buf, byte, PAGE_SIZE);
	KUNIT_ASSERT_EQ(p->test, 0UL,
			copy_to_user((void __user *)p->addr, buf, PAGE_SIZE));
}

/**
 * pk_load() - have the process read the page under test
 * @p: the test case; its child may call it as well
 *
 * Return: the first byte of the base page; the last one must be the same.
 */
u8 pk_load(struct pk *p)
{
	u8 first = 0, last = 0;

	if (copy_from_user(&first, (void __user *)p->addr, 1) ||
	    copy_from_user(&last, (void __user *)(p->addr + PAGE_SIZE - 1), 1))
		KUNIT_FAIL(p->test, "the process cannot read 0x%lx", p->addr);
	KUNIT_EXPECT_EQ_MSG(p->test, first, last, "expected one byte all over the page, found two");
	return first;
}

/*
 * GUP repeats faults as long as handle_mm_fault() reports no error. An emulated
 * machine takes many seconds to copy a gigabyte.
 */
static unsigned long pin_timeout(const struct pk *p)
{
	return p->size < PUD_SIZE ? 5 * HZ : 120 * HZ;
}

/**
 * pk_kill_pinning() - interrupt a PIN that does not return
 * @work: @watchdog of the test case
 */
void pk_kill_pinning(struct work_struct *work)
{
	struct pk *p = container_of(to_delayed_work(work), struct pk, watchdog);

	p->pin_timed_out = true;
	send_sig(SIGKILL, p->pinning, 1);
}

/**
 * pk_pin() - pin the base page under test
 * @p: the test case, which fails when GUP does not return; its child may
 *     call it as well
 * @call: enum pinscope_call
 * @gup_flags: PINSCOPE_FOLL_*
 * @id: out: the pin, which the end of the test case releases
 *
 * Return: what PIN returns: 0 or a negative errno.
 */
int pk_pin(struct pk *p, unsigned int call, u64 gup_flags, u32 *id)
{
	struct pinscope_pin cmd = {
		.size = sizeof(cmd),
		.call = call,
		.gup_flags = gup_flags,
		.addr = p->addr,
		.len = PAGE_SIZE,
	};
	long ret;

	p->pinning = current;
	p->pin_timed_out = false;
	schedule_delayed_work(&p->watchdog, pin_timeout(p));
	ret = pk_ioctl(p, p->ctl, PINSCOPE_IOC_PIN, &cmd, sizeof(cmd));
	cancel_delayed_work_sync(&p->watchdog);
	if (p->pin_timed_out) {
		flush_signals(current);
		pk_inspect(p, "PIN was killed");
		KUNIT_FAIL(p->test,
			   "GUP has not returned after %lu s, expected: at once; it repeats a fault for ever",
			   pin_timeout(p) / HZ);
	}
	*id = cmd.id;
	return ret;
}

/**
 * pk_unpin() - release a pin
 * @p: the test case
 * @id: the pin
 */
void pk_unpin(struct pk *p, u32 id)
{
	struct pinscope_unpin cmd = { .size = sizeof(cmd), .id = id };

	KUNIT_EXPECT_EQ(p->test, pk_ioctl(p, p->ctl, PINSCOPE_IOC_UNPIN, &cmd, sizeof(cmd)),
			0L);
}

/**
 * pk_pin_is_mapped() - does the process still map the pinned page?
 * @p: the test case
 * @id: a pin of the page under test
 *
 * Return: what COMPARE reports.
 */
bool pk_pin_is_mapped(struct pk *p, u32 id)
{
	struct pinscope_compare cmd = {
		.size = sizeof(cmd),
		.id = id,
		.addr = p->addr,
	};

	KUNIT_ASSERT_EQ(p->test, pk_ioctl(p, p->ctl, PINSCOPE_IOC_COMPARE, &cmd, sizeof(cmd)),
			0L);
	return cmd.same == cmd.pages;
}

/**
 * pk_load_by_pin() - read through a pin, as a device does
 * @p: the test case
 * @id: the pin
 *
 * Return: the first byte.
 */
u8 pk_load_by_pin(struct pk *p, u32 id)
{
	struct pinscope_io cmd = {
		.size = sizeof(cmd),
		.id = id,
		.len = 1,
		.buf = p->args + BUFFER,
	};
	u8 byte = 0;

	KUNIT_ASSERT_EQ(p->test, pk_ioctl(p, p->ctl, PINSCOPE_IOC_READ, &cmd, sizeof(cmd)),
			0L);
	KUNIT_ASSERT_EQ(p->test,
			copy_from_user(&byte, (void __user *)(p->args + BUFFER), 1),
			0UL);
	return byte;
}

#ifndef MODULE
/**
 * pk_edit_entry() - change bits of the entry of the page under test
 * @p: the test case; skipped in a module
 * @edit: gets the entry and returns the new one; a PMD comes as a pte_t
 *
 * Not for hugetlb.
 */
void pk_edit_entry(struct pk *p, pte_t (*edit)(pte_t pte))
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	spinlock_t *ptl;	/* of the table that has the entry */
	pte_t *pte;
	pmd_t *pmd;

	mmap_write_lock(mm);
	vma = find_vma(mm, p->addr);
	pmd = pmd_off(mm, p->addr);
	if (pmd_trans_huge(*pmd)) {
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
		ptl = pmd_lock(mm, pmd);
		set_pmd_at(mm, p->addr & PMD_MASK, pmd,
			   __pmd(pte_val(edit(__pte(pmd_val(*pmd))))));
		spin_unlock(ptl);
#endif
	} else {
		pte = get_locked_pte(mm, p->addr, &ptl);
		if (pte) {
			set_pte_at(mm, p->addr, pte, edit(ptep_get(pte)));
			pte_unmap_unlock(pte, ptl);
		}
	}
	flush_tlb_range(vma, p->addr & PMD_MASK, (p->addr & PMD_MASK) + PMD_SIZE);
	mmap_write_unlock(mm);
}
#endif
