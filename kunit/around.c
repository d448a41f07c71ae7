// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens around a pin: fork, mremap(), mprotect(), munmap(), exit,
 * madvise(), swap and migration. The pin's page stays what it was, and where the
 * process still has it, it stays the process's own.
 */
#include <linux/delay.h>
#include <linux/mempolicy.h>
#include <linux/uaccess.h>
#include <asm/unistd.h>

#include "pk.h"

#define S(name)	PINSCOPE_STATE_##name
#define LONGTERM	PINSCOPE_FOLL_LONGTERM

/* Memory of the process's own, with something in it. */
static void map_own(struct pk *p, u8 byte)
{
	pk_make(p, p->test->param_value);
	pk_store(p, byte);
}

static u32 pin(struct pk *p)
{
	u32 id;

	KUNIT_ASSERT_EQ(p->test, 0,
			pk_pin(p, PINSCOPE_CALL_PIN, LONGTERM, &id));
	return id;
}

/* The pin's page is mapped, exclusive, and the one that it was. */
static void expect_same(struct pk *p, u32 id, const struct pinscope_page *before,
			const char *what)
{
	struct pinscope_page now = pk_look(p, what);

	KUNIT_EXPECT_EQ_MSG(p->test, now.pfn, before->pfn, "%s", what);
	KUNIT_EXPECT_TRUE_MSG(p->test, pk_pin_is_mapped(p, id), "%s", what);
	pk_expect(p, &now, S(PRESENT) | S(EXCLUSIVE), 0, what);
}

static void see(struct pk *p)
{
	p->seen = pk_look_at(p, p->addr);
	p->result = pk_load(p);
}

/* The child gets a copy at once: later it would be the parent that did. */
static void fork_after_pin(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	struct pinscope_page before;
	struct pk *p = test->priv;
	u8 content;
	u32 id;

	pk_need_fork(p);
	pk_make(p, kind);
	content = pk_load(p);
	pk_join(p);
	id = pin(p);
	before = pk_look(p, "pinned");
	pk_fork(p, see);
	expect_same(p, id, &before, "forked");
	KUNIT_EXPECT_EQ(test, p->result, (long)content);
	KUNIT_EXPECT_NE_MSG(test, p->seen.pfn, before.pfn,
			    "the child has the pinned page");
	pk_store(p, 0x11);
	expect_same(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x11);
}

static void mremap_under_pin(struct kunit *test)
{
	struct pinscope_page before;
	struct pk *p = test->priv;
	unsigned long room;
	long addr;
	u32 id;

	map_own(p, 1);
	room = pk_map_aligned(p, p->size, NULL, PROT_NONE,
			      MAP_PRIVATE | MAP_NORESERVE, 0);
	id = pin(p);
	before = pk_look(p, "pinned");
	addr = pk_syscall(p, __NR_mremap, p->addr, p->size, p->size,
			  3 /* MREMAP_MAYMOVE | MREMAP_FIXED */, room);
	KUNIT_ASSERT_EQ(test, addr, (long)room);
	p->addr = addr;
	expect_same(p, id, &before, "moved");
	pk_store(p, 2);
	expect_same(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 2);
}

static void mprotect_under_pin(struct kunit *test)
{
	struct pinscope_page before;
	struct pk *p = test->priv;
	u32 id;

	map_own(p, 1);
	id = pin(p);
	before = pk_look(p, "pinned");
	KUNIT_ASSERT_EQ(test, 0L, pk_syscall(p, __NR_mprotect, p->addr, p->size,
					     PROT_NONE, 0, 0));
	pk_look(p, "no access");
	KUNIT_ASSERT_EQ(test, 0L, pk_syscall(p, __NR_mprotect, p->addr, p->size,
					     PROT_READ | PROT_WRITE, 0, 0));
	expect_same(p, id, &before, "access again");
	pk_store(p, 2);
	expect_same(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 2);
}

static void munmap_under_pin(struct kunit *test)
{
	struct pk *p = test->priv;
	u32 id;

	map_own(p, 0x21);
	id = pin(p);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(p->addr, p->size));
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x21);
	pk_unpin(p, id);
}

static void pin_in_child(struct pk *p)
{
	u32 id;

	pk_store(p, 0x42);
	p->result = pk_pin(p, PINSCOPE_CALL_PIN, LONGTERM, &id) ?: id;
}

static void exit_under_pin(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_need_fork(p);
	map_own(p, 0x41);
	pk_fork(p, pin_in_child);
	KUNIT_ASSERT_GT(test, p->result, 0L);
	pk_join(p);
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, p->result), 0x42);
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x41);
	pk_unpin(p, p->result);
}

static void dontneed_under_pin(struct kunit *test)
{
	struct pk *p = test->priv;
	u32 id;

	map_own(p, 0x21);
	id = pin(p);
	KUNIT_ASSERT_EQ(test, 0L, pk_syscall(p, __NR_madvise, p->addr, p->size,
					     MADV_DONTNEED, 0, 0));
	KUNIT_EXPECT_EQ(test, pk_load(p), 0);
	pk_store(p, 0x22);
	KUNIT_EXPECT_FALSE(test, pk_pin_is_mapped(p, id));
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x21);
}

/* Fork between the fault and the pin: it is for the pin to unshare, then. */
static void fork_before_pin(struct kunit *test)
{
	struct pinscope_page before;
	struct pk *p = test->priv;
	u8 content;
	u32 id;

	pk_need_fork(p);
	pk_make(p, test->param_value);
	content = pk_load(p);
	pk_join(p);
	pk_fork(p, NULL);
	id = pin(p);
	before = pk_look(p, "pinned");
	pk_store(p, 0x11);
	expect_same(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x11);
	/* And another one, which gets what is now, and cannot take it away. */
	pk_join(p);
	pk_fork(p, see);
	KUNIT_EXPECT_EQ(test, p->result, 0x11L);
	KUNIT_EXPECT_NE(test, p->seen.pfn, before.pfn);
	pk_store(p, content);
	expect_same(p, id, &before, "written again");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), content);
}

static void page_out(struct pk *p)
{
	KUNIT_ASSERT_EQ(p->test, 0L,
			pk_syscall(p, __NR_madvise, p->addr, p->size,
				   MADV_PAGEOUT, 0, 0));
}

static void pageout_under_pin(struct kunit *test)
{
	struct pinscope_page before;
	struct pk *p = test->priv;
	u32 id;

	pk_need_swap(p);
	map_own(p, 0x21);
	id = pin(p);
	before = pk_look(p, "pinned");
	page_out(p);
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x21);
	pk_store(p, 0x22);
	expect_same(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x22);
}

/* Swapped out by MADV_PAGEOUT, which leaves it where others have it, too. */
static void map_swapped(struct pk *p)
{
	struct pinscope_page out;
	int tries;

	pk_need_swap(p);
	map_own(p, 0x21);
	/* What is in some processor's LRU cache is not taken at once. */
	for (tries = 0; tries < 100; tries++) {
		page_out(p);
		out = pk_look_at(p, p->addr);
		if (out.state & S(SWAP))
			break;
		usleep_range(5000, 10000);
	}
	out = pk_look(p, "paged out");
	pk_expect(p, &out, S(SWAP) | S(EXCLUSIVE), S(PRESENT), "paged out");
	KUNIT_ASSERT_NE(p->test, p->test->status, KUNIT_FAILURE);
}

static void swap_in(struct kunit *test)
{
	struct pinscope_page in;
	struct pk *p = test->priv;

	map_swapped(p);
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x21);
	in = pk_look(p, "read");
	pk_expect(p, &in, S(PRESENT) | S(ANON) | S(EXCLUSIVE), 0, "read");
}

static void swap_in_by_unshare(struct kunit *test)
{
	struct pinscope_page in;
	struct pk *p = test->priv;

	map_swapped(p);
	KUNIT_EXPECT_EQ(test, 0U, pk_fault(p, PINSCOPE_FAULT_UNSHARE));
	in = pk_look(p, "unshared");
	pk_expect(p, &in, S(PRESENT) | S(ANON) | S(EXCLUSIVE), 0, "unshared");
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x21);
}

/* Both have the swap entry, and whoever pins gets a page of its own. */
static void swap_in_by_pin(struct kunit *test)
{
	struct pinscope_page out, pinned;
	struct pk *p = test->priv;
	u32 id;

	map_swapped(p);
	pk_fork(p, NULL);
	out = pk_look(p, "forked");
	pk_expect(p, &out, S(SWAP), S(EXCLUSIVE), "forked");
	id = pin(p);
	pinned = pk_look(p, "pinned");
	expect_same(p, id, &pinned, "pinned");
	pk_store(p, 0x22);
	expect_same(p, id, &pinned, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x22);
}

/* Moves the page to a node; returns what move_pages() says of it. */
static int move(struct pk *p, int node)
{
	struct {
		u64 page;
		s32 node;
		s32 status;
	} args = { p->addr, node, -EINVAL };
	unsigned long at = p->args;

	KUNIT_ASSERT_EQ(p->test, 0UL,
			copy_to_user((void __user *)at, &args, sizeof(args)));
	KUNIT_ASSERT_GE(p->test,
			pk_syscall(p, __NR_move_pages, 0, 1, at, at + 8, at + 12),
			0L);
	KUNIT_ASSERT_EQ(p->test, 0UL,
			copy_from_user(&args, (void __user *)at, sizeof(args)));
	return args.status;
}

static void migrate(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u32 id;

	if (num_online_nodes() < 2)
		kunit_skip(test, "needs two NUMA nodes: numa=fake=2");
	map_own(p, 0x21);
	before = pk_look(p, "before");
	/* Its flags are the sixth argument, so 0; that is MPOL_MF_MOVE too. */
	KUNIT_EXPECT_EQ(test, move(p, 2 - before.node), 2 - before.node);
	after = pk_look(p, "moved");
	KUNIT_EXPECT_NE(test, after.pfn, before.pfn);
	pk_expect(p, &after, S(PRESENT) | S(EXCLUSIVE), 0, "moved");
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x21);

	id = pin(p);
	KUNIT_EXPECT_NE(test, move(p, before.node - 1), before.node - 1);
	expect_same(p, id, &after, "not moved");
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(fork_after_pin, pk_private_pinnable),
	KUNIT_CASE_PARAM(fork_before_pin, pk_private_pinnable),
	KUNIT_CASE_PARAM(mremap_under_pin, pk_own),
	KUNIT_CASE_PARAM(mprotect_under_pin, pk_own),
	KUNIT_CASE_PARAM(munmap_under_pin, pk_own),
	KUNIT_CASE_PARAM(exit_under_pin, pk_own),
	KUNIT_CASE_PARAM(dontneed_under_pin, pk_own),
	KUNIT_CASE_PARAM(pageout_under_pin, pk_own_not_hugetlb),
	KUNIT_CASE_PARAM(swap_in, pk_own_not_hugetlb),
	KUNIT_CASE_PARAM(swap_in_by_unshare, pk_own_not_hugetlb),
	KUNIT_CASE_PARAM(swap_in_by_pin, pk_own_not_hugetlb),
	KUNIT_CASE_PARAM(migrate, pk_own),
	{}
};

struct kunit_suite pk_around_suite = {
	.name = "pinscope_around",
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
