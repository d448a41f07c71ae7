// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unshare of hugetlb pages when there are no more: nothing is lost, and what
 * was reserved is there.
 */
#include <linux/delay.h>
#include <linux/hugetlb.h>
#include <linux/uaccess.h>

#include "pk.h"

#define S(name)	PINSCOPE_STATE_##name

/* What sysfs says of the pages of @size of the case. */
static long pool(struct pk *p, const char *what)
{
	char name[80];

	snprintf(name, sizeof(name), "kernel/mm/hugepages/hugepages-%lukB/%s",
		 p->size >> 10, what);
	return pk_read_number(p, "sysfs", name);
}

static long available(struct pk *p)
{
	return pool(p, "free_hugepages") - pool(p, "resv_hugepages");
}

static struct file *hugetlb_file(struct pk *p)
{
	char options[32];

	if (!IS_ENABLED(CONFIG_HUGETLBFS))
		kunit_skip(p->test, "no hugetlbfs in this kernel");
	snprintf(options, sizeof(options), "pagesize=%luK", p->size >> 10);
	return pk_open(p, "hugetlbfs", options, "file", O_RDWR | O_CREAT);
}

/* A page of @size of the page cache, in a private mapping. */
static void make_private(struct pk *p, unsigned long flags, long nr)
{
	int tries;

	p->file = hugetlb_file(p);
	/* The files of the case before are freed when their mount is. */
	for (tries = 0; tries < 500 && available(p) < nr; tries++)
		usleep_range(5000, 10000);
	if (available(p) < nr)
		kunit_skip(p->test, "needs %ld free huge pages of %lu kB: hugepages=",
			   nr, p->size >> 10);
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ | PROT_WRITE,
				 MAP_SHARED, 0);
	pk_store(p, 5);
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | flags, 0);
	pk_load(p);
}

/* Takes all that is free and not reserved. Returns the mapping. */
static unsigned long exhaust(struct pk *p, unsigned long *len)
{
	long nr = available(p);
	struct file *file = hugetlb_file(p);
	unsigned long addr;
	u8 byte = 1;
	long i;

	*len = nr * p->size;
	addr = pk_map(p, file, *len, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	for (i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ(p->test, 0UL,
				copy_to_user((void __user *)(addr + i * p->size),
					     &byte, 1));
	KUNIT_ASSERT_EQ(p->test, pool(p, "free_hugepages"),
			pool(p, "resv_hugepages"));
	return addr;
}

static void without_pages(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	unsigned long len;

	p->size = PMD_SIZE;
	make_private(p, MAP_NORESERVE, 3);
	exhaust(p, &len);
	before = pk_look(p, "before");
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_UNSHARE),
			(u32)PINSCOPE_VM_FAULT_SIGBUS);
	after = pk_look(p, "after");
	KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
	KUNIT_EXPECT_EQ(test, after.state, before.state);
	KUNIT_EXPECT_EQ(test, after.refcount, before.refcount);
	KUNIT_EXPECT_EQ(test, after.mapcount, before.mapcount);
	KUNIT_EXPECT_EQ(test, pool(p, "free_hugepages"), 0L);
	KUNIT_EXPECT_EQ(test, pool(p, "resv_hugepages"), 0L);
	KUNIT_EXPECT_EQ(test, pk_load(p), 5);
}

static void with_reserve(struct kunit *test)
{
	struct pinscope_page after;
	struct pk *p = test->priv;
	unsigned long len;

	p->size = PMD_SIZE;
	make_private(p, 0, 3);
	exhaust(p, &len);
	KUNIT_EXPECT_EQ(test, pool(p, "resv_hugepages"), 1L);
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_UNSHARE), 0U);
	after = pk_look(p, "after");
	pk_expect(p, &after, S(ANON) | S(EXCLUSIVE), S(WRITABLE), "after");
	KUNIT_EXPECT_EQ(test, pool(p, "resv_hugepages"), 0L);
	KUNIT_EXPECT_EQ(test, pool(p, "free_hugepages"), 0L);
	KUNIT_EXPECT_EQ(test, pk_load(p), 5);
}

static void unshare_in_child(struct pk *p)
{
	p->result = (__force long)pk_mm_fault(p, FAULT_FLAG_UNSHARE);
	p->seen = pk_look_at(p, p->addr);
}

/* The child has no reserve; its failure is not its parent's. */
static void child_without_pages(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	unsigned long len;

	pk_need_fork(p);
	p->size = PMD_SIZE;
	make_private(p, 0, 3);
	pk_store(p, 6);
	exhaust(p, &len);
	before = pk_look(p, "before");
	pk_fork(p, unshare_in_child);
	KUNIT_EXPECT_TRUE(test, p->result & (__force long)VM_FAULT_SIGBUS);
	KUNIT_EXPECT_EQ(test, p->seen.pfn, before.pfn);
	KUNIT_EXPECT_FALSE(test, p->seen.state & S(EXCLUSIVE));
	pk_join(p);
	/* And when it is gone, the page is all its own again. */
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_UNSHARE), 0U);
	after = pk_look(p, "after");
	KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
	pk_expect(p, &after, S(EXCLUSIVE), 0, "after");
	KUNIT_EXPECT_EQ(test, pk_load(p), 6);
}

/* GUP and unshare, for pages of a PUD. */
static void gigantic(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	char name[80];
	u32 id;

	p->size = PUD_SIZE;
	snprintf(name, sizeof(name), "kernel/mm/hugepages/hugepages-%lukB",
		 p->size >> 10);
	if (!IS_ENABLED(CONFIG_HUGETLBFS) || !pk_exists(p, "sysfs", name))
		kunit_skip(test, "no huge pages of %lu kB here", p->size >> 10);
	make_private(p, 0, 2);
	before = pk_look(p, "before");
	KUNIT_ASSERT_EQ(test, 0,
			pk_pin(p, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, &id));
	after = pk_look(p, "pinned");
	KUNIT_EXPECT_EQ(test, 1UL << after.map_shift, p->size);
	KUNIT_EXPECT_NE(test, after.pfn, before.pfn);
	pk_expect(p, &after, S(ANON) | S(EXCLUSIVE), S(WRITABLE) | S(DIRTY), "pinned");
	KUNIT_EXPECT_EQ(test, pk_load(p), 5);
	pk_store(p, 7);
	KUNIT_EXPECT_TRUE(test, pk_pin_is_mapped(p, id));
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 7);
	pk_unpin(p, id);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(gigantic),
	KUNIT_CASE(without_pages),
	KUNIT_CASE(with_reserve),
	KUNIT_CASE(child_without_pages),
	{}
};

struct kunit_suite pk_hugetlb_suite = {
	.name = "pinscope_hugetlb",
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
