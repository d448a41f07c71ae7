// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge mappings of a driver: wp_huge_pmd() and wp_huge_pud() ask it for shared
 * mappings and leave it alone for private ones, which get a copy.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>

#include "pk.h"

#define S(name)	PINSCOPE_STATE_##name

static u64 huge_faults(struct pk *p)
{
	struct pinscope_map_counts counts = { .size = sizeof(counts) };

	KUNIT_ASSERT_EQ(p->test, 0L,
			pk_ioctl(p, p->file, PINSCOPE_IOC_MAP_COUNTS, &counts,
				 sizeof(counts)));
	return counts.huge_fault;
}

/*
 * Mapped by a PMD, read-only, by the huge_fault of the module's own map.
 * Returns how often that was called.
 */
static u64 make_pmd(struct pk *p, unsigned long flags)
{
	struct pinscope_page page;

	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		kunit_skip(p->test, "no transparent huge pages in this kernel");
	p->file = pk_open(p, "debugfs", NULL, "pinscope/map", O_RDWR);
	p->addr = pk_map_aligned(p, PMD_SIZE, p->file, PROT_READ | PROT_WRITE,
				 flags, PINSCOPE_MAP_OFFSET(PINSCOPE_MAP_PMD)) +
		  3 * PAGE_SIZE;
	pk_load(p);
	page = pk_look(p, "mapped");
	if (page.map_shift == PAGE_SHIFT)
		kunit_skip(p->test, "huge_fault is for DAX only before 6.7");
	KUNIT_ASSERT_EQ(p->test, 1UL << page.map_shift, PMD_SIZE);
	pk_expect(p, &page, S(PRESENT), S(WRITABLE), "mapped");
	/* For a PUD as well, where the architecture has them. */
	return huge_faults(p);
}

static void pmd_shared_write(struct kunit *test)
{
	struct pinscope_page page;
	struct pk *p = test->priv;
	u64 before;

	before = make_pmd(p, MAP_SHARED);
	pk_store(p, 9);
	page = pk_look(p, "written");
	KUNIT_EXPECT_GT(test, huge_faults(p), before);
	KUNIT_EXPECT_EQ(test, 1UL << page.map_shift, PMD_SIZE);
	pk_expect(p, &page, S(WRITABLE), S(ANON), "written");
}

static void pmd_shared_unshare(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u64 calls;

	calls = make_pmd(p, MAP_SHARED);
	before = pk_look(p, "before");
	pk_fault(p, PINSCOPE_FAULT_UNSHARE);
	after = pk_look(p, "after");
	KUNIT_EXPECT_EQ(test, huge_faults(p), calls);
	KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
	KUNIT_EXPECT_EQ(test, after.map_shift, before.map_shift);
	pk_expect(p, &after, 0, S(WRITABLE), "after");
}

static void pmd_private(struct pk *p, u64 flags)
{
	struct pinscope_page before, after;
	u64 calls;
	int tries;
	u8 byte;

	calls = make_pmd(p, MAP_PRIVATE);
	byte = pk_load(p);
	before = pk_look(p, "before");
	/* The PMD is split, which empties it; a read fault comes in between. */
	for (tries = 0; tries < 3; tries++)
		pk_fault(p, flags);
	after = pk_look(p, "after");
	KUNIT_EXPECT_EQ_MSG(p->test, huge_faults(p), calls,
			    "the driver was asked for a private mapping");
	KUNIT_EXPECT_EQ(p->test, after.map_shift, PAGE_SHIFT);
	KUNIT_EXPECT_NE(p->test, after.pfn, before.pfn);
	pk_expect(p, &after, S(ANON) | S(EXCLUSIVE), 0, "after");
	KUNIT_EXPECT_EQ(p->test, pk_load(p), byte);
}

static void pmd_private_write(struct kunit *test)
{
	pmd_private(test->priv, PINSCOPE_FAULT_WRITE);
}

static void pmd_private_unshare(struct kunit *test)
{
	pmd_private(test->priv, PINSCOPE_FAULT_UNSHARE);
}

#ifdef CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD
/* Calls of the huge_fault below for a whole PUD. */
static atomic_t pud_calls;

/* What is mapped is never touched, so any memory does: that from 0 on. */
static vm_fault_t pud_huge_fault(struct vm_fault *vmf, PS_HUGE_FAULT_LEVEL level)
{
	if (level != PS_HUGE_FAULT_PUD)
		return VM_FAULT_FALLBACK;
	atomic_inc(&pud_calls);
	return ps_insert_pfn_pud(vmf, 0, vmf->flags & FAULT_FLAG_WRITE);
}

/* After a split. Nobody reads it, nor is it for a private mapping's copy. */
static vm_fault_t pud_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

/* That there is one has shared mappings be read-only until a write fault. */
static vm_fault_t pud_pfn_mkwrite(struct vm_fault *vmf)
{
	return 0;
}

static const struct vm_operations_struct pud_vm_ops = {
	.fault = pud_fault,
	.huge_fault = pud_huge_fault,
	.pfn_mkwrite = pud_pfn_mkwrite,
};

static int pud_mmap(struct file *file, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_MIXEDMAP | VM_HUGEPAGE);
	vma->vm_ops = &pud_vm_ops;
	return 0;
}

static const struct file_operations pud_fops = {
	.owner = THIS_MODULE,
	.mmap = pud_mmap,
};

static void make_pud(struct pk *p, unsigned long flags)
{
	struct pinscope_page page;
	struct file *file;

	atomic_set(&pud_calls, 0);
	file = anon_inode_getfile("[pinscope-pud]", &pud_fops, NULL, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(p->test, file);
	p->addr = pk_map_aligned(p, PUD_SIZE, file, PROT_READ | PROT_WRITE,
				 flags, 0);
	fput(file);
	pk_fault(p, 0);
	page = pk_look(p, "read");
	if (!(page.state & S(PRESENT)))
		kunit_skip(p->test, "no huge pages of this size here");
	KUNIT_ASSERT_EQ(p->test, 1UL << page.map_shift, PUD_SIZE);
	pk_expect(p, &page, 0, S(WRITABLE), "read");
}

static void pud_shared_write(struct kunit *test)
{
	struct pinscope_page page;
	struct pk *p = test->priv;

	make_pud(p, MAP_SHARED);
	pk_fault(p, PINSCOPE_FAULT_WRITE);
	page = pk_look(p, "written");
	KUNIT_EXPECT_EQ(test, atomic_read(&pud_calls), 2);
	pk_expect(p, &page, S(PRESENT) | S(WRITABLE), 0, "written");
}

/*
 * A write splits it, unshare leaves it as it is ("TODO", says mm): what counts
 * is that the driver is asked for neither.
 */
static void pud_private(struct pk *p, u64 flags)
{
	make_pud(p, MAP_PRIVATE);
	pk_fault(p, flags);
	pk_look(p, "after");
	KUNIT_EXPECT_EQ_MSG(p->test, atomic_read(&pud_calls), 1,
			    "the driver was asked for a private mapping");
}

static void pud_private_write(struct kunit *test)
{
	pud_private(test->priv, PINSCOPE_FAULT_WRITE);
}

static void pud_private_unshare(struct kunit *test)
{
	pud_private(test->priv, PINSCOPE_FAULT_UNSHARE);
}
#endif

static struct kunit_case cases[] = {
	KUNIT_CASE(pmd_shared_write),
	KUNIT_CASE(pmd_shared_unshare),
	KUNIT_CASE(pmd_private_write),
	KUNIT_CASE(pmd_private_unshare),
#ifdef CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD
	KUNIT_CASE(pud_shared_write),
	KUNIT_CASE(pud_private_write),
	KUNIT_CASE(pud_private_unshare),
#endif
	{}
};

struct kunit_suite pk_huge_suite = {
	.name = "pinscope_huge",
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
