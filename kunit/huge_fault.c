// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_ops->huge_fault() of a driver: wp_huge_pmd() and wp_huge_pud() call it for
 * shared mappings, and not for private ones, which get a copy.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>

#include "pk.h"

/* How often huge_fault() of the mapping was called. */
static u64 huge_faults(struct pk *p)
{
	struct pinscope_map_counts counts = { .size = sizeof(counts) };

	KUNIT_ASSERT_EQ(p->test, 0L,
			pk_ioctl(p, p->file, PINSCOPE_IOC_MAP_COUNTS, &counts,
				 sizeof(counts)));
	return counts.huge_fault;
}

/*
 * Maps a PMD read-only, by huge_fault() of pinscope/map. Returns how often that
 * was called.
 */
static u64 map_pmd(struct pk *p, unsigned long flags)
{
	struct pinscope_page page;

	p->file = pk_open(p, "debugfs", NULL, "pinscope/map", O_RDWR);
	p->addr = pk_map_aligned(p, PMD_SIZE, p->file, PROT_READ | PROT_WRITE,
				 flags, PINSCOPE_MAP_OFFSET(PINSCOPE_MAP_PMD)) +
		  3 * PAGE_SIZE;
	pk_load(p);
	page = pk_inspect(p, "mapped");
	if (page.map_shift == PAGE_SHIFT)
		kunit_skip(p->test, "huge_fault() is for DAX only before 6.7");
	KUNIT_ASSERT_EQ(p->test, 1UL << page.map_shift, PMD_SIZE);
	pk_expect_state(p, &page, S(PRESENT), S(WRITABLE), "mapped");
	/* It was called for a PUD as well, where the architecture has them. */
	return huge_faults(p);
}

static void write_to_shared_pmd_calls_huge_fault(struct kunit *test)
{
	struct pinscope_page page;
	struct pk *p = test->priv;
	u64 before;

	before = map_pmd(p, MAP_SHARED);
	pk_store(p, 9);
	page = pk_inspect(p, "written");
	KUNIT_EXPECT_GT(test, huge_faults(p), before);
	KUNIT_EXPECT_EQ(test, 1UL << page.map_shift, PMD_SIZE);
	pk_expect_state(p, &page, S(WRITABLE), S(ANON), "written");
}

static void unshare_of_shared_pmd_changes_nothing(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u64 calls;

	calls = map_pmd(p, MAP_SHARED);
	before = pk_inspect(p, "before");
	pk_fault(p, PINSCOPE_FAULT_UNSHARE);
	after = pk_inspect(p, "after");
	KUNIT_EXPECT_EQ(test, huge_faults(p), calls);
	KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
	KUNIT_EXPECT_EQ(test, after.map_shift, before.map_shift);
	pk_expect_state(p, &after, 0, S(WRITABLE), "after");
}

/* The driver is not called, and the process gets a copy of one base page. */
static void expect_copy_of_pmd(struct pk *p, u64 flags)
{
	struct pinscope_page before, after;
	u64 calls;
	int i;
	u8 byte;

	calls = map_pmd(p, MAP_PRIVATE);
	byte = pk_load(p);
	before = pk_inspect(p, "before");
	/*
	 * The first fault splits the PMD, which empties it; the second one may
	 * only read the page in.
	 */
	for (i = 0; i < 3; i++)
		pk_fault(p, flags);
	after = pk_inspect(p, "after");
	KUNIT_EXPECT_EQ_MSG(p->test, huge_faults(p), calls,
			    "huge_fault() was called for a private mapping");
	KUNIT_EXPECT_EQ(p->test, after.map_shift, PAGE_SHIFT);
	KUNIT_EXPECT_NE(p->test, after.pfn, before.pfn);
	pk_expect_state(p, &after, S(ANON) | S(EXCLUSIVE), 0, "after");
	KUNIT_EXPECT_EQ(p->test, pk_load(p), byte);
}

static void write_to_private_pmd_copies_page(struct kunit *test)
{
	expect_copy_of_pmd(test->priv, PINSCOPE_FAULT_WRITE);
}

static void unshare_of_private_pmd_copies_page(struct kunit *test)
{
	expect_copy_of_pmd(test->priv, PINSCOPE_FAULT_UNSHARE);
}

#ifdef CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD
/* Calls of pud_huge_fault() for a PUD. */
static atomic_t pud_calls;

/* Nothing reads or writes the mapping, so that any PFN does. */
static vm_fault_t pud_huge_fault(struct vm_fault *vmf, PS_HUGE_FAULT_LEVEL level)
{
	if (level != PS_HUGE_FAULT_PUD)
		return VM_FAULT_FALLBACK;
	atomic_inc(&pud_calls);
	return ps_insert_pfn_pud(vmf, 0, vmf->flags & FAULT_FLAG_WRITE);
}

/* For PTEs after a split of the PUD: no test case gets there. */
static vm_fault_t pud_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

/* A pfn_mkwrite() makes entries of shared mappings read-only at first. */
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

static void map_pud(struct pk *p, unsigned long flags)
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
	page = pk_inspect(p, "read");
	if (!(page.state & S(PRESENT)))
		kunit_skip(p->test, "the architecture has no entries of this size");
	KUNIT_ASSERT_EQ(p->test, 1UL << page.map_shift, PUD_SIZE);
	pk_expect_state(p, &page, 0, S(WRITABLE), "read");
}

static void write_to_shared_pud_calls_huge_fault(struct kunit *test)
{
	struct pinscope_page page;
	struct pk *p = test->priv;

	map_pud(p, MAP_SHARED);
	pk_fault(p, PINSCOPE_FAULT_WRITE);
	page = pk_inspect(p, "written");
	KUNIT_EXPECT_EQ(test, atomic_read(&pud_calls), 2);
	pk_expect_state(p, &page, S(PRESENT) | S(WRITABLE), 0, "written");
}

/*
 * A write splits the PUD, unshare leaves it as it is, which mm has a TODO for.
 * Neither calls the driver.
 */
static void expect_no_huge_fault(struct pk *p, u64 flags)
{
	map_pud(p, MAP_PRIVATE);
	pk_fault(p, flags);
	pk_inspect(p, "after");
	KUNIT_EXPECT_EQ_MSG(p->test, atomic_read(&pud_calls), 1,
			    "huge_fault() was called for a private mapping");
}

static void write_to_private_pud_calls_no_huge_fault(struct kunit *test)
{
	expect_no_huge_fault(test->priv, PINSCOPE_FAULT_WRITE);
}

static void unshare_of_private_pud_calls_no_huge_fault(struct kunit *test)
{
	expect_no_huge_fault(test->priv, PINSCOPE_FAULT_UNSHARE);
}
#endif

static int huge_fault_suite_init(struct kunit_suite *suite)
{
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		return pk_skip_suite(suite, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	return pk_suite_init(suite);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(write_to_shared_pmd_calls_huge_fault),
	KUNIT_CASE(unshare_of_shared_pmd_changes_nothing),
	KUNIT_CASE(write_to_private_pmd_copies_page),
	KUNIT_CASE(unshare_of_private_pmd_copies_page),
#ifdef CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD
	KUNIT_CASE(write_to_shared_pud_calls_huge_fault),
	KUNIT_CASE(write_to_private_pud_calls_no_huge_fault),
	KUNIT_CASE(unshare_of_private_pud_calls_no_huge_fault),
#endif
	{}
};

struct kunit_suite pk_huge_fault_suite = {
	.name = "pinscope_huge_fault",
	.suite_init = huge_fault_suite_init,
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
