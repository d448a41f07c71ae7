// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unshare of hugetlb pages when the pool has none left: it fails without
 * consequences, or takes the page that the mapping has reserved.
 */
#include <linux/delay.h>
#include <linux/hugetlb.h>
#include <linux/uaccess.h>

#include "pk.h"

#define CONTENT	5

/* A counter of the pool of the page size under test. */
static long pool(struct pk *p, const char *counter)
{
	char name[80];

	snprintf(name, sizeof(name), "kernel/mm/hugepages/hugepages-%lukB/%s",
		 p->size >> 10, counter);
	return pk_read_number(p, "sysfs", name);
}

static long available(struct pk *p)
{
	return pool(p, "free_hugepages") - pool(p, "resv_hugepages");
}

static struct file *hugetlb_file(struct pk *p)
{
	char options[32];

	snprintf(options, sizeof(options), "pagesize=%luK", p->size >> 10);
	return pk_open(p, "hugetlbfs", options, "file", O_RDWR | O_CREAT);
}

/*
 * Maps a page of the page cache privately, for reading. The test case needs
 * @needed pages of the pool.
 */
static void map_private(struct pk *p, unsigned long flags, long needed)
{
	int i;

	p->file = hugetlb_file(p);
	/* Unmounting frees the pages of the test case before, some time later. */
	for (i = 0; i < 500 && available(p) < needed; i++)
		usleep_range(5000, 10000);
	if (available(p) < needed)
		kunit_skip(p->test, "needs %ld free huge pages of %lu kB: boot with hugepages=",
			   needed, p->size >> 10);
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ | PROT_WRITE,
				 MAP_SHARED, 0);
	pk_store(p, CONTENT);
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | flags, 0);
	pk_load(p);
}

/* Takes all pages that are free and not reserved. */
static void empty_pool(struct pk *p)
{
	long nr = available(p);
	struct file *file = hugetlb_file(p);
	unsigned long addr;
	u8 byte = 1;
	long i;

	addr = pk_map(p, file, nr * p->size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	for (i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ(p->test, 0UL,
				copy_to_user((void __user *)(addr + i * p->size),
					     &byte, 1));
	KUNIT_ASSERT_EQ(p->test, pool(p, "free_hugepages"),
			pool(p, "resv_hugepages"));
}

/* The mapping has no reserve. */
static void unshare_with_empty_pool_is_sigbus(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;

	p->size = PMD_SIZE;
	map_private(p, MAP_NORESERVE, 3);
	empty_pool(p);
	before = pk_inspect(p, "before");
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_UNSHARE),
			(u32)PINSCOPE_VM_FAULT_SIGBUS);
	after = pk_inspect(p, "after");
	KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
	KUNIT_EXPECT_EQ(test, after.state, before.state);
	KUNIT_EXPECT_EQ(test, after.refcount, before.refcount);
	KUNIT_EXPECT_EQ(test, after.mapcount, before.mapcount);
	KUNIT_EXPECT_EQ(test, pool(p, "free_hugepages"), 0L);
	KUNIT_EXPECT_EQ(test, pool(p, "resv_hugepages"), 0L);
	KUNIT_EXPECT_EQ(test, pk_load(p), CONTENT);
}

static void unshare_takes_reserved_page(struct kunit *test)
{
	struct pinscope_page after;
	struct pk *p = test->priv;

	p->size = PMD_SIZE;
	map_private(p, 0, 3);
	empty_pool(p);
	KUNIT_EXPECT_EQ(test, pool(p, "resv_hugepages"), 1L);
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_UNSHARE), 0U);
	after = pk_inspect(p, "after");
	pk_expect_state(p, &after, S(ANON) | S(EXCLUSIVE), S(WRITABLE), "after");
	KUNIT_EXPECT_EQ(test, pool(p, "resv_hugepages"), 0L);
	KUNIT_EXPECT_EQ(test, pool(p, "free_hugepages"), 0L);
	KUNIT_EXPECT_EQ(test, pk_load(p), CONTENT);
}

static void unshare_in_child(struct pk *p)
{
	p->child_result = (__force long)pk_mm_fault(p, FAULT_FLAG_UNSHARE);
	p->child_page = pk_inspect_at(p, p->addr);
}

/* The parent has the reserve, and its child has none. */
static void unshare_in_child_with_empty_pool_spares_parent(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;

	pk_need_fork(p);
	p->size = PMD_SIZE;
	map_private(p, 0, 3);
	pk_store(p, 6);
	empty_pool(p);
	before = pk_inspect(p, "before");
	pk_fork(p, unshare_in_child);
	KUNIT_EXPECT_TRUE(test, p->child_result & (__force long)VM_FAULT_SIGBUS);
	KUNIT_EXPECT_EQ(test, p->child_page.pfn, before.pfn);
	KUNIT_EXPECT_FALSE(test, p->child_page.state & S(EXCLUSIVE));
	pk_join(p);
	/* Without the child unshare needs no copy. */
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_UNSHARE), 0U);
	after = pk_inspect(p, "after");
	KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
	pk_expect_state(p, &after, S(EXCLUSIVE), 0, "after");
	KUNIT_EXPECT_EQ(test, pk_load(p), 6);
}

static void longterm_pin_unshares_pud_size_page(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	char name[80];
	u32 id;

	p->size = PUD_SIZE;
	snprintf(name, sizeof(name), "kernel/mm/hugepages/hugepages-%lukB",
		 p->size >> 10);
	if (!pk_exists(p, "sysfs", name))
		kunit_skip(test, "the architecture has no huge pages of %lu kB",
			   p->size >> 10);
	map_private(p, 0, 2);
	before = pk_inspect(p, "before");
	KUNIT_ASSERT_EQ(test, 0,
			pk_pin(p, PINSCOPE_CALL_PIN_FAST, F(LONGTERM), &id));
	after = pk_inspect(p, "pinned");
	KUNIT_EXPECT_EQ(test, 1UL << after.map_shift, p->size);
	KUNIT_EXPECT_NE(test, after.pfn, before.pfn);
	pk_expect_state(p, &after, S(ANON) | S(EXCLUSIVE), S(WRITABLE) | S(DIRTY), "pinned");
	KUNIT_EXPECT_EQ(test, pk_load(p), CONTENT);
	pk_store(p, 7);
	KUNIT_EXPECT_TRUE(test, pk_pin_is_mapped(p, id));
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 7);
	pk_unpin(p, id);
}

static int hugetlb_suite_init(struct kunit_suite *suite)
{
	if (!IS_ENABLED(CONFIG_HUGETLBFS))
		return pk_skip_suite(suite, "needs CONFIG_HUGETLBFS");
	return pk_suite_init(suite);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(longterm_pin_unshares_pud_size_page),
	KUNIT_CASE(unshare_with_empty_pool_is_sigbus),
	KUNIT_CASE(unshare_takes_reserved_page),
	KUNIT_CASE(unshare_in_child_with_empty_pool_spares_parent),
	{}
};

struct kunit_suite pk_hugetlb_suite = {
	.name = "pinscope_hugetlb",
	.suite_init = hugetlb_suite_init,
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
