// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page under test: looked at, faulted, written, pinned. All but
 * pk_mm_fault() and pk_edit_entry() go through pinscope's ioctls.
 */
#include <linux/hugetlb.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "pk.h"

/* Where in p->args what lies: the ioctl's struct, and what it points to. */
#define STRUCT	0
#define BUFFER	PAGE_SIZE

/**
 * pk_ioctl() - make an ioctl
 * @p: the case; can be called by its child as well
 * @file: ctl or map
 * @cmd: PINSCOPE_IOC_*
 * @arg: its struct, in and out
 * @size: of that
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
 * pk_look_at() - look at a page without keeping what was seen
 * @p: the case; can be called by its child as well
 * @addr: user address
 *
 * Return: what INSPECT says; all zero for an empty entry.
 */
struct pinscope_page pk_look_at(struct pk *p, unsigned long addr)
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
		KUNIT_FAIL(p->test, "INSPECT failed");
	else if (cmd.nr && copy_from_user(&page, (void __user *)(p->args + BUFFER),
					  sizeof(page)))
		KUNIT_FAIL(p->test, "the record of INSPECT is not there");
	return page;
}

/**
 * pk_look() - look at the page under test
 * @p: the case
 * @when: what is printed with it if the case fails
 *
 * Return: what INSPECT says; all zero for an empty entry.
 */
struct pinscope_page pk_look(struct pk *p, const char *when)
{
	struct pinscope_page page = pk_look_at(p, p->addr);

	if (p->nr_looks < PK_LOOKS)
		p->looks[p->nr_looks++] = (struct pk_look) { when, page };
	return page;
}

#define NAME(name)	{ #name, PINSCOPE_STATE_##name },

static const struct {
	const char *name;
	u64 bit;
} states[] = {
	PINSCOPE_STATE_NAMES(NAME)
};

static void names(u64 bits, char *to, size_t size)
{
	size_t i, n = 0;

	to[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(states); i++)
		if (bits & states[i].bit)
			n += scnprintf(to + n, size - n, "%s%s", n ? "|" : "",
				       states[i].name);
}

/**
 * pk_print_looks() - print what was seen in the course of a case
 * @p: the case
 */
void pk_print_looks(struct pk *p)
{
	char buf[360];
	unsigned int i;

	for (i = 0; i < p->nr_looks; i++) {
		const struct pinscope_page *page = &p->looks[i].page;

		names(page->state, buf, sizeof(buf));
		kunit_info(p->test,
			   "%s: PFN 0x%llx, order %u, mapped by 2^%u bytes, refs %d, maps %d, pins %d, %s",
			   p->looks[i].when, page->pfn, page->folio_order,
			   page->map_shift, page->refcount, page->mapcount,
			   page->pincount, buf[0] ? buf : "nothing");
	}
}

/**
 * pk_expect() - expect a page to be in a state
 * @p: the case
 * @page: what was seen
 * @set: PINSCOPE_STATE_* that it has
 * @clear: PINSCOPE_STATE_* that it has not
 * @what: where in the case
 */
void pk_expect(struct pk *p, const struct pinscope_page *page, u64 set,
	       u64 clear, const char *what)
{
	char missing[200], wrong[200];

	names(set & ~page->state, missing, sizeof(missing));
	names(clear & page->state, wrong, sizeof(wrong));
	KUNIT_EXPECT_EQ_MSG(p->test, page->state & (set | clear), set,
			    "%s: missing: %s; not to be there: %s", what,
			    missing, wrong);
}

/**
 * pk_fault() - handle_mm_fault() on the page under test, by FAULT
 * @p: the case
 * @flags: PINSCOPE_FAULT_*
 *
 * Return: PINSCOPE_VM_FAULT_*, without MAJOR and WRITE, which say nothing here.
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
 * pk_mm_fault() - handle_mm_fault() on the page under test, whatever the flags
 * @p: the case
 * @flags: the kernel's FAULT_FLAG_*, without ALLOW_RETRY
 *
 * Return: what it returned.
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
	KUNIT_ASSERT_NOT_NULL(p->test, vma);
	return result;
}

/**
 * pk_store() - write to the page under test, as the process
 * @p: the case; can be called by its child as well
 * @byte: for the first and the last byte of a base page
 */
void pk_store(struct pk *p, u8 byte)
{
	if (copy_to_user((void __user *)p->addr, &byte, 1) ||
	    copy_to_user((void __user *)(p->addr + PAGE_SIZE - 1), &byte, 1))
		KUNIT_FAIL(p->test, "the process cannot write");
}

/**
 * pk_fill() - fill the base page under test, as the process
 * @p: the case
 * @byte: with what
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
 * pk_load() - read the page under test, as the process
 * @p: the case; can be called by its child as well
 *
 * Return: the byte that is first and last of the base page.
 */
u8 pk_load(struct pk *p)
{
	u8 first = 0, last = 0;

	if (copy_from_user(&first, (void __user *)p->addr, 1) ||
	    copy_from_user(&last, (void __user *)(p->addr + PAGE_SIZE - 1), 1))
		KUNIT_FAIL(p->test, "the process cannot read");
	KUNIT_EXPECT_EQ(p->test, first, last);
	return first;
}

/*
 * GUP retries for as long as faults say that they helped. An emulated machine
 * copies a gigabyte in many seconds.
 */
static unsigned long patience(const struct pk *p)
{
	return p->size < PUD_SIZE ? 10 * HZ : 120 * HZ;
}

/**
 * pk_bark() - end a PIN that does not end by itself
 * @work: @dog of the case
 */
void pk_bark(struct work_struct *work)
{
	struct pk *p = container_of(to_delayed_work(work), struct pk, dog);

	p->hung = true;
	send_sig(SIGKILL, p->pinning, 1);
}

/**
 * pk_pin() - pin the base page under test
 * @p: the case, which fails when GUP does not come to an end; can be called by
 *     its child as well
 * @call: enum pinscope_call
 * @gup_flags: PINSCOPE_FOLL_*
 * @id: out: the pin
 *
 * Return: 0 or what PIN returned.
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
	schedule_delayed_work(&p->dog, patience(p));
	ret = pk_ioctl(p, p->ctl, PINSCOPE_IOC_PIN, &cmd, sizeof(cmd));
	cancel_delayed_work_sync(&p->dog);
	if (p->hung) {
		flush_signals(current);
		pk_look(p, "GUP was ended");
		KUNIT_FAIL(p->test,
			   "GUP faults and faults, and does not come to an end");
	}
	*id = cmd.id;
	return ret;
}

/**
 * pk_unpin() - release a pin
 * @p: the case
 * @id: the pin
 */
void pk_unpin(struct pk *p, u32 id)
{
	struct pinscope_unpin cmd = { .size = sizeof(cmd), .id = id };

	KUNIT_EXPECT_EQ(p->test, pk_ioctl(p, p->ctl, PINSCOPE_IOC_UNPIN, &cmd, sizeof(cmd)),
			0L);
}

/**
 * pk_pin_is_mapped() - is what a pin holds what the process sees?
 * @p: the case
 * @id: the pin, of the page under test
 *
 * Return: what COMPARE says.
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
 * pk_load_by_pin() - read through a pin, as a device
 * @p: the case
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

#ifdef MODULE
void pk_edit_entry(struct pk *p, pte_t (*edit)(pte_t pte))
{
	kunit_skip(p->test, "a module cannot edit page tables: build it in");
}
#else
/**
 * pk_edit_entry() - change bits of the entry of the page under test
 * @p: the case; skipped in a module
 * @edit: gets and returns the entry; a PMD's as if it was a PTE
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
