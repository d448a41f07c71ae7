// SPDX-License-Identifier: GPL-2.0-only
/*
 * What FAULT_FLAG_UNSHARE does to each kind of private memory: do_wp_page(),
 * wp_page_copy(), do_huge_pmd_wp_page(), wp_huge_pmd() and hugetlb_wp().
 */
#include <linux/uaccess.h>

#include "pk.h"

#define UNSHARE	PINSCOPE_FAULT_UNSHARE
#define S(name)	PINSCOPE_STATE_##name

/*
 * Unshares the page. A huge mapping that is split for it is empty afterwards
 * where a file or a driver backs it: one fault reads it in, the next unshares,
 * which is how GUP comes by it, too.
 */
static struct pinscope_page unshare(struct pk *p)
{
	struct pinscope_page page;
	int tries;

	for (tries = 0; tries < 3; tries++) {
		KUNIT_EXPECT_EQ(p->test, pk_fault(p, UNSHARE) &
				~PINSCOPE_VM_FAULT_NOPAGE, 0U);
		page = pk_look(p, "unshared");
		if (page.state & S(EXCLUSIVE))
			break;
	}
	return page;
}

/* What read() finds in the file behind a private mapping; 0 without one. */
static u8 in_file(struct pk *p)
{
	/* The page that map_file() of kinds.c has under test. */
	loff_t pos = p->size == PAGE_SIZE ? 5 * PAGE_SIZE : 0;
	u8 byte = 0;

	if (p->file && p->file->f_op->read_iter)
		KUNIT_EXPECT_EQ(p->test, (ssize_t)1,
				kernel_read(p->file, &byte, 1, &pos));
	return byte;
}

/* The page itself, its entry, and its content. */
static void unshare_page(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u8 content;

	pk_make(p, kind);
	content = pk_load(p);
	before = pk_look(p, "before");
	after = unshare(p);
	pk_expect(p, &after, S(PRESENT) | S(HAS_FOLIO) | S(ANON) | S(EXCLUSIVE),
		  S(ZEROPAGE) | S(HUGE_ZEROPAGE) | S(SPECIAL), "after");
	KUNIT_EXPECT_EQ(test, pk_load(p), content);
	if (kind->is & (PK_COPIES | PK_REUSES))
		pk_expect(p, &after, 0, S(WRITABLE), "mapped read-only");
	if (kind->is & PK_COPIES) {
		KUNIT_EXPECT_NE(test, after.pfn, before.pfn);
		pk_expect(p, &after, 0, S(DIRTY), "not dirty");
	} else {
		KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
		KUNIT_EXPECT_EQ(test, after.state & S(DIRTY),
				before.state & S(DIRTY));
	}
}

static void unshare_twice(struct kunit *test)
{
	struct pinscope_page once, twice;
	struct pk *p = test->priv;

	pk_make(p, test->param_value);
	once = unshare(p);
	KUNIT_EXPECT_EQ(test, pk_fault(p, UNSHARE), 0U);
	twice = pk_look(p, "twice");
	KUNIT_EXPECT_EQ(test, twice.pfn, once.pfn);
	KUNIT_EXPECT_EQ(test, twice.state & ~PK_VOLATILE,
			once.state & ~PK_VOLATILE);
}

/* The copy is the process's: a write needs no other. */
static void unshare_then_write(struct kunit *test)
{
	struct pinscope_page once, written;
	struct pk *p = test->priv;
	u8 was;

	pk_make(p, test->param_value);
	was = in_file(p);
	once = unshare(p);
	pk_store(p, 0x77);
	written = pk_look(p, "written");
	KUNIT_EXPECT_EQ(test, written.pfn, once.pfn);
	pk_expect(p, &written, S(WRITABLE) | S(DIRTY) | S(EXCLUSIVE), 0, "written");
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x77);
	KUNIT_EXPECT_EQ_MSG(test, in_file(p), was, "the page cache has changed");
}

/* Nothing but a read: a process that may not write can be unshared. */
static void unshare_without_vm_write(struct kunit *test)
{
	struct pinscope_page after;
	struct pk *p = test->priv;
	u8 content;

	pk_make(p, test->param_value);
	content = pk_load(p);
	pk_vm_flags(p, 0, VM_WRITE);
	after = unshare(p);
	pk_expect(p, &after, S(ANON) | S(EXCLUSIVE), 0, "after");
	KUNIT_EXPECT_EQ(test, pk_load(p), content);
}

/* RSS goes from what the page was to anonymous memory, and only that. */
static void unshare_rss(struct kunit *test)
{
#ifdef HAVE_RSS_SUM
	const struct pk_kind *kind = test->param_value;
	struct mm_struct *mm = current->mm;
	struct pinscope_page after;
	struct pk *p = test->priv;
	long file, anon, shmem;
	long pages;

	pk_make(p, kind);
	file = percpu_counter_sum(&mm->rss_stat[MM_FILEPAGES]);
	anon = percpu_counter_sum(&mm->rss_stat[MM_ANONPAGES]);
	shmem = percpu_counter_sum(&mm->rss_stat[MM_SHMEMPAGES]);
	after = unshare(p);
	file = percpu_counter_sum(&mm->rss_stat[MM_FILEPAGES]) - file;
	anon = percpu_counter_sum(&mm->rss_stat[MM_ANONPAGES]) - anon;
	shmem = percpu_counter_sum(&mm->rss_stat[MM_SHMEMPAGES]) - shmem;
	pages = 1L << (after.map_shift - PAGE_SHIFT);
	if ((kind->is & PK_HUGETLB) || !(kind->is & PK_COPIES) ||
	    (kind->set & S(ANON))) {
		KUNIT_EXPECT_EQ(test, anon, 0L);
		KUNIT_EXPECT_EQ(test, file, 0L);
		KUNIT_EXPECT_EQ(test, shmem, 0L);
		return;
	}
	KUNIT_EXPECT_EQ(test, anon, pages);
	/* Neither a zeropage nor what has no page counts as a file's. */
	if (kind->set & (S(ZEROPAGE) | S(HUGE_ZEROPAGE) | S(SPECIAL)))
		KUNIT_EXPECT_EQ(test, file + shmem, 0L);
	else
		KUNIT_EXPECT_LE(test, file + shmem, -1L);
#else
	kunit_skip(test, "RSS is counted per thread before 6.2");
#endif
}

static pte_t clear_soft_dirty(pte_t pte)
{
	return pte_clear_soft_dirty(pte);
}

static void unshare_soft_dirty(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;

	if (!IS_ENABLED(CONFIG_MEM_SOFT_DIRTY))
		kunit_skip(test, "no soft-dirty bit in this kernel");
	pk_make(p, test->param_value);
	pk_vm_flags(p, 0, VM_SOFTDIRTY);
	pk_edit_entry(p, clear_soft_dirty);
	before = pk_look(p, "cleared");
	after = unshare(p);
	/* Where a dirty PMD is split, pte_mkdirty() sets it, says mm itself. */
	if (before.map_shift == after.map_shift || !(before.state & S(DIRTY)))
		pk_expect(p, &after, 0, S(SOFT_DIRTY), "unshared");
}

/* And what was soft-dirty stays it. */
static void unshare_keeps_soft_dirty(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	struct pinscope_page before, after;
	struct pk *p = test->priv;

	if (!IS_ENABLED(CONFIG_MEM_SOFT_DIRTY))
		kunit_skip(test, "no soft-dirty bit in this kernel");
	pk_make(p, kind);
	before = pk_look(p, "before");
	after = unshare(p);
	KUNIT_EXPECT_EQ(test, after.state & before.state & S(SOFT_DIRTY),
			before.state & S(SOFT_DIRTY));
}

static pte_t write_protect(pte_t pte)
{
	return ps_pte_mkuffd_wp(pte_wrprotect(pte));
}

/*
 * Without anybody who serves it, an event of userfaultfd would be a SIGBUS; the
 * bit stays, so that the next write is one.
 */
static void unshare_uffd_wp(struct kunit *test)
{
	struct pinscope_page after;
	struct pk *p = test->priv;

	if (!IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP) ||
	    !IS_ENABLED(CONFIG_USERFAULTFD))
		kunit_skip(test, "no userfaultfd-wp in this kernel");
	pk_make(p, test->param_value);
	pk_vm_flags(p, VM_UFFD_WP, 0);
	pk_edit_entry(p, write_protect);
	pk_look(p, "armed");
	after = unshare(p);
	pk_expect(p, &after, S(UFFD_WP) | S(EXCLUSIVE), S(WRITABLE), "unshared");
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_WRITE),
			(u32)PINSCOPE_VM_FAULT_SIGBUS);
	/* Nothing is registered that would be taken back at the end. */
	pk_vm_flags(p, 0, VM_UFFD_WP);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(unshare_page, pk_private),
	KUNIT_CASE_PARAM(unshare_twice, pk_private),
	KUNIT_CASE_PARAM(unshare_then_write, pk_private),
	KUNIT_CASE_PARAM(unshare_without_vm_write, pk_private),
	KUNIT_CASE_PARAM(unshare_rss, pk_private),
	KUNIT_CASE_PARAM(unshare_soft_dirty, pk_private_editable),
	KUNIT_CASE_PARAM(unshare_keeps_soft_dirty, pk_private_editable),
	KUNIT_CASE_PARAM(unshare_uffd_wp, pk_private_editable),
	{}
};

struct kunit_suite pk_unshare_suite = {
	.name = "pinscope_unshare",
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
