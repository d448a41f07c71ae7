// SPDX-License-Identifier: GPL-2.0-only
/*
 * What FAULT_FLAG_UNSHARE does to each kind of private memory: do_wp_page(),
 * wp_page_copy(), do_huge_pmd_wp_page(), wp_huge_pmd() and hugetlb_wp().
 */
#include <linux/uaccess.h>

#include "pk.h"

#define UNSHARE	PINSCOPE_FAULT_UNSHARE

/*
 * Unshares the page, with up to three faults. The first one splits the PMD of a
 * file or a driver, which empties it; the second one reads the page in; the
 * third one unshares it. GUP does the same.
 */
static struct pinscope_page unshare(struct pk *p)
{
	struct pinscope_page page;
	int i;

	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(p->test, pk_fault(p, UNSHARE) &
				~PINSCOPE_VM_FAULT_NOPAGE, 0U);
		page = pk_inspect(p, "unshared");
		if (page.state & S(EXCLUSIVE))
			break;
	}
	return page;
}

/* Reads the byte of the file that a private mapping maps; 0 without a file. */
static u8 in_file(struct pk *p)
{
	/* map_file() in kinds.c tests the sixth page. */
	loff_t pos = p->size == PAGE_SIZE ? 5 * PAGE_SIZE : 0;
	u8 byte = 0;

	if (p->file && p->file->f_op->read_iter)
		KUNIT_EXPECT_EQ(p->test, (ssize_t)1,
				kernel_read(p->file, &byte, 1, &pos));
	return byte;
}

/* Its page, its entry and its content. */
static void unshare_makes_page_exclusive(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	enum outcome outcome = pk_unshare_outcome(kind);
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u8 content;

	pk_setup(p, kind);
	content = pk_load(p);
	before = pk_inspect(p, "before");
	after = unshare(p);
	pk_expect_state(p, &after, S(PRESENT) | S(HAS_FOLIO) | S(ANON) | S(EXCLUSIVE),
			S(ZEROPAGE) | S(HUGE_ZEROPAGE) | S(SPECIAL), "unshared");
	KUNIT_EXPECT_EQ_MSG(test, pk_load(p), content,
			    "expected the content of before");
	if (outcome != OUTCOME_STAYS)
		pk_expect_state(p, &after, 0, S(WRITABLE), "unshare is no write");
	if (outcome == OUTCOME_OWN) {
		KUNIT_EXPECT_NE_MSG(test, after.pfn, before.pfn,
				    "expected a copy, found the same page");
		pk_expect_state(p, &after, 0, S(DIRTY), "unshare is no write");
	} else {
		KUNIT_EXPECT_EQ_MSG(test, after.pfn, before.pfn,
				    "expected the same page, found another one");
		KUNIT_EXPECT_EQ(test, after.state & S(DIRTY),
				before.state & S(DIRTY));
	}
}

static void second_unshare_changes_nothing(struct kunit *test)
{
	struct pinscope_page once, twice;
	struct pk *p = test->priv;

	pk_setup(p, test->param_value);
	once = unshare(p);
	KUNIT_EXPECT_EQ(test, pk_fault(p, UNSHARE), 0U);
	twice = pk_inspect(p, "unshared twice");
	pk_expect_unchanged(p, &once, &twice);
}

static void write_after_unshare_makes_no_copy(struct kunit *test)
{
	struct pinscope_page unshared, written;
	struct pk *p = test->priv;
	u8 in_file_before;

	pk_setup(p, test->param_value);
	in_file_before = in_file(p);
	unshared = unshare(p);
	pk_store(p, 0x77);
	written = pk_inspect(p, "written");
	KUNIT_EXPECT_EQ_MSG(test, written.pfn, unshared.pfn,
			    "expected the unshared page, found another one");
	pk_expect_state(p, &written, S(WRITABLE) | S(DIRTY) | S(EXCLUSIVE), 0,
			"written");
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x77);
	KUNIT_EXPECT_EQ_MSG(test, in_file(p), in_file_before,
			    "a write to a private mapping changed the file");
}

static void unshare_needs_no_vm_write(struct kunit *test)
{
	struct pinscope_page after;
	struct pk *p = test->priv;
	u8 content;

	pk_setup(p, test->param_value);
	content = pk_load(p);
	pk_vm_flags(p, 0, VM_WRITE);
	after = unshare(p);
	pk_expect_state(p, &after, S(ANON) | S(EXCLUSIVE), 0, "unshared");
	KUNIT_EXPECT_EQ(test, pk_load(p), content);
}

/* Unshare replaces a page of a file by an anonymous one, and RSS follows. */
static void unshare_updates_rss(struct kunit *test)
{
#ifdef HAVE_RSS_SUM
	const struct pk_kind *kind = test->param_value;
	struct mm_struct *mm = current->mm;
	struct pinscope_page after;
	struct pk *p = test->priv;
	long file, anon, shmem;
	long pages;

	pk_setup(p, kind);
	file = percpu_counter_sum(&mm->rss_stat[MM_FILEPAGES]);
	anon = percpu_counter_sum(&mm->rss_stat[MM_ANONPAGES]);
	shmem = percpu_counter_sum(&mm->rss_stat[MM_SHMEMPAGES]);
	after = unshare(p);
	file = percpu_counter_sum(&mm->rss_stat[MM_FILEPAGES]) - file;
	anon = percpu_counter_sum(&mm->rss_stat[MM_ANONPAGES]) - anon;
	shmem = percpu_counter_sum(&mm->rss_stat[MM_SHMEMPAGES]) - shmem;
	pages = 1L << (after.map_shift - PAGE_SHIFT);
	/* RSS does not count hugetlb. */
	if ((kind->traits & PK_HUGETLB) || (kind->set & S(ANON)) ||
	    pk_unshare_outcome(kind) != OUTCOME_OWN) {
		KUNIT_EXPECT_EQ(test, anon, 0L);
		KUNIT_EXPECT_EQ(test, file, 0L);
		KUNIT_EXPECT_EQ(test, shmem, 0L);
		return;
	}
	KUNIT_EXPECT_EQ(test, anon, pages);
	/* RSS does not count zeropages and PFNs. */
	if (kind->set & (S(ZEROPAGE) | S(HUGE_ZEROPAGE) | S(SPECIAL)))
		KUNIT_EXPECT_EQ(test, file + shmem, 0L);
	else
		KUNIT_EXPECT_LE(test, file + shmem, -1L);
#else
	kunit_skip(test, "needs RSS in percpu counters, since 6.2");
#endif
}

static pte_t clear_soft_dirty(pte_t pte)
{
	return pte_clear_soft_dirty(pte);
}

static void unshare_does_not_set_soft_dirty(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;

	if (!IS_ENABLED(CONFIG_MEM_SOFT_DIRTY))
		kunit_skip(test, "needs CONFIG_MEM_SOFT_DIRTY");
	pk_setup(p, test->param_value);
	pk_vm_flags(p, 0, VM_SOFTDIRTY);
	pk_edit_entry(p, clear_soft_dirty);
	before = pk_inspect(p, "soft-dirty cleared");
	after = unshare(p);
	/* Splitting a dirty PMD calls pte_mkdirty(), which sets it; mm knows. */
	if (before.map_shift == after.map_shift || !(before.state & S(DIRTY)))
		pk_expect_state(p, &after, 0, S(SOFT_DIRTY), "unshared");
}

static void unshare_keeps_soft_dirty(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	struct pinscope_page before, after;
	struct pk *p = test->priv;

	if (!IS_ENABLED(CONFIG_MEM_SOFT_DIRTY))
		kunit_skip(test, "needs CONFIG_MEM_SOFT_DIRTY");
	pk_setup(p, kind);
	before = pk_inspect(p, "before");
	after = unshare(p);
	KUNIT_EXPECT_EQ(test, after.state & before.state & S(SOFT_DIRTY),
			before.state & S(SOFT_DIRTY));
}

static pte_t write_protect(pte_t pte)
{
	return ps_pte_mkuffd_wp(pte_wrprotect(pte));
}

/*
 * A write to the protected page raises an event of userfaultfd, unshare does not.
 * No userfaultfd is registered, so that an event ends in SIGBUS.
 */
static void unshare_keeps_uffd_wp(struct kunit *test)
{
	struct pinscope_page after;
	struct pk *p = test->priv;

	if (!IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP) ||
	    !IS_ENABLED(CONFIG_USERFAULTFD))
		kunit_skip(test, "needs CONFIG_USERFAULTFD with write protection");
	pk_setup(p, test->param_value);
	pk_vm_flags(p, VM_UFFD_WP, 0);
	pk_edit_entry(p, write_protect);
	pk_inspect(p, "write-protected");
	after = unshare(p);
	pk_expect_state(p, &after, S(UFFD_WP) | S(EXCLUSIVE), S(WRITABLE), "unshared");
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_WRITE),
			(u32)PINSCOPE_VM_FAULT_SIGBUS);
	/* At exit mm takes a VMA with the flag for a registered one. */
	pk_vm_flags(p, 0, VM_UFFD_WP);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(unshare_makes_page_exclusive, pk_private_gen_params),
	KUNIT_CASE_PARAM(second_unshare_changes_nothing, pk_private_gen_params),
	KUNIT_CASE_PARAM(write_after_unshare_makes_no_copy, pk_private_gen_params),
	KUNIT_CASE_PARAM(unshare_needs_no_vm_write, pk_private_gen_params),
	KUNIT_CASE_PARAM(unshare_updates_rss, pk_private_gen_params),
	KUNIT_CASE_PARAM(unshare_does_not_set_soft_dirty,
			 pk_private_editable_gen_params),
	KUNIT_CASE_PARAM(unshare_keeps_soft_dirty, pk_private_editable_gen_params),
	KUNIT_CASE_PARAM(unshare_keeps_uffd_wp, pk_private_editable_gen_params),
	{}
};

struct kunit_suite pk_unshare_suite = {
	.name = "pinscope_unshare",
	.suite_init = pk_suite_init,
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
