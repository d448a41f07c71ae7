// SPDX-License-Identifier: GPL-2.0-only
/*
 * A long-term pin over its whole lifetime: fork(), mremap(), mprotect(),
 * munmap(), exit, madvise(), swap and migration, before and during the pin. The
 * pinned page keeps its content, and as long as the process maps it, the page
 * stays exclusive.
 */
#include <linux/delay.h>
#include <linux/mempolicy.h>
#include <linux/uaccess.h>
#include <asm/unistd.h>

#include "pk.h"

/* An exclusive anonymous page. */
static void map_exclusive(struct pk *p, u8 byte)
{
	pk_setup(p, p->test->param_value);
	pk_store(p, byte);
}

static u32 pin(struct pk *p)
{
	u32 id;

	KUNIT_ASSERT_EQ(p->test, 0,
			pk_pin(p, PINSCOPE_CALL_PIN, F(LONGTERM), &id));
	return id;
}

/* The process still maps the pinned page, and it is exclusive. */
static void expect_still_mapped(struct pk *p, u32 id,
				const struct pinscope_page *before,
				const char *when)
{
	struct pinscope_page now = pk_inspect(p, when);

	KUNIT_EXPECT_EQ_MSG(p->test, now.pfn, before->pfn,
			    "%s: expected the same page, found another one", when);
	KUNIT_EXPECT_TRUE_MSG(p->test, pk_pin_is_mapped(p, id),
			      "%s: the process does not map the pinned page", when);
	pk_expect_state(p, &now, S(PRESENT) | S(EXCLUSIVE), 0, when);
}

static void inspect_in_child(struct pk *p)
{
	p->child_page = pk_inspect_at(p, p->addr);
	p->child_result = pk_load(p);
}

/* Sharing the page would make the next write of the parent replace it. */
static void fork_copies_pinned_page_for_child(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	struct pinscope_page before;
	struct pk *p = test->priv;
	u8 content;
	u32 id;

	pk_need_fork(p);
	pk_setup(p, kind);
	content = pk_load(p);
	/* The child of cow-shared makes room for another one. */
	pk_join(p);
	id = pin(p);
	before = pk_inspect(p, "pinned");
	pk_fork(p, inspect_in_child);
	expect_still_mapped(p, id, &before, "forked");
	KUNIT_EXPECT_EQ(test, p->child_result, (long)content);
	KUNIT_EXPECT_NE_MSG(test, p->child_page.pfn, before.pfn,
			    "expected a copy for the child, found the pinned page");
	pk_store(p, 0x11);
	expect_still_mapped(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x11);
}

static void mremap_moves_pinned_page(struct kunit *test)
{
	struct pinscope_page before;
	struct pk *p = test->priv;
	unsigned long room;
	long addr;
	u32 id;

	map_exclusive(p, 1);
	room = pk_map_aligned(p, p->size, NULL, PROT_NONE,
			      MAP_PRIVATE | MAP_NORESERVE, 0);
	id = pin(p);
	before = pk_inspect(p, "pinned");
	addr = pk_syscall(p, __NR_mremap, p->addr, p->size, p->size,
			  MREMAP_MAYMOVE | MREMAP_FIXED, room);
	KUNIT_ASSERT_EQ(test, addr, (long)room);
	p->addr = addr;
	expect_still_mapped(p, id, &before, "moved");
	pk_store(p, 2);
	expect_still_mapped(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 2);
}

static void mprotect_keeps_pinned_page(struct kunit *test)
{
	struct pinscope_page before;
	struct pk *p = test->priv;
	u32 id;

	map_exclusive(p, 1);
	id = pin(p);
	before = pk_inspect(p, "pinned");
	KUNIT_ASSERT_EQ(test, 0L, pk_syscall(p, __NR_mprotect, p->addr, p->size,
					     PROT_NONE, 0, 0));
	pk_inspect(p, "no access");
	KUNIT_ASSERT_EQ(test, 0L, pk_syscall(p, __NR_mprotect, p->addr, p->size,
					     PROT_READ | PROT_WRITE, 0, 0));
	expect_still_mapped(p, id, &before, "access again");
	pk_store(p, 2);
	expect_still_mapped(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 2);
}

static void munmap_leaves_page_to_pin(struct kunit *test)
{
	struct pk *p = test->priv;
	u32 id;

	map_exclusive(p, 0x21);
	id = pin(p);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(p->addr, p->size));
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x21);
	pk_unpin(p, id);
}

static void pin_in_child(struct pk *p)
{
	u32 id;

	pk_store(p, 0x42);
	p->child_result = pk_pin(p, PINSCOPE_CALL_PIN, F(LONGTERM), &id) ?: id;
}

static void exit_leaves_page_to_pin(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_need_fork(p);
	map_exclusive(p, 0x41);
	pk_fork(p, pin_in_child);
	KUNIT_ASSERT_GT(test, p->child_result, 0L);
	pk_join(p);
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, p->child_result), 0x42);
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x41);
	pk_unpin(p, p->child_result);
}

static void dontneed_leaves_page_to_pin(struct kunit *test)
{
	struct pk *p = test->priv;
	u32 id;

	map_exclusive(p, 0x21);
	id = pin(p);
	KUNIT_ASSERT_EQ(test, 0L, pk_syscall(p, __NR_madvise, p->addr, p->size,
					     MADV_DONTNEED, 0, 0));
	KUNIT_EXPECT_EQ(test, pk_load(p), 0);
	pk_store(p, 0x22);
	KUNIT_EXPECT_FALSE(test, pk_pin_is_mapped(p, id));
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x21);
}

static void pin_after_fork_unshares_page(struct kunit *test)
{
	struct pinscope_page before;
	struct pk *p = test->priv;
	u8 content;
	u32 id;

	pk_need_fork(p);
	pk_setup(p, test->param_value);
	content = pk_load(p);
	/* The child of cow-shared makes room for another one. */
	pk_join(p);
	pk_fork(p, NULL);
	id = pin(p);
	before = pk_inspect(p, "pinned");
	pk_store(p, 0x11);
	expect_still_mapped(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x11);
	/* A second fork copies the page for the child. */
	pk_join(p);
	pk_fork(p, inspect_in_child);
	KUNIT_EXPECT_EQ(test, p->child_result, 0x11L);
	KUNIT_EXPECT_NE(test, p->child_page.pfn, before.pfn);
	pk_store(p, content);
	expect_still_mapped(p, id, &before, "written again");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), content);
}

static void page_out(struct pk *p)
{
	KUNIT_ASSERT_EQ(p->test, 0L,
			pk_syscall(p, __NR_madvise, p->addr, p->size,
				   MADV_PAGEOUT, 0, 0));
}

static void pageout_keeps_pinned_page(struct kunit *test)
{
	struct pinscope_page before;
	struct pk *p = test->priv;
	u32 id;

	pk_need_swap(p);
	map_exclusive(p, 0x21);
	id = pin(p);
	before = pk_inspect(p, "pinned");
	page_out(p);
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x21);
	pk_store(p, 0x22);
	expect_still_mapped(p, id, &before, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x22);
}

/* Swaps out the page. MADV_PAGEOUT does so only for exclusive pages. */
static void map_swapped(struct pk *p)
{
	struct pinscope_page out;
	int i;

	pk_need_swap(p);
	map_exclusive(p, 0x21);
	/* Reclaim does not isolate a page that is in the LRU cache of a CPU. */
	for (i = 0; i < 100; i++) {
		page_out(p);
		out = pk_inspect_at(p, p->addr);
		if (out.state & S(SWAP))
			break;
		usleep_range(5000, 10000);
	}
	out = pk_inspect(p, "paged out");
	pk_expect_state(p, &out, S(SWAP) | S(EXCLUSIVE), S(PRESENT), "paged out");
	KUNIT_ASSERT_NE_MSG(p->test, p->test->status, KUNIT_FAILURE,
			    "the page could not be swapped out");
}

static void read_swaps_in_exclusive_page(struct kunit *test)
{
	struct pinscope_page in;
	struct pk *p = test->priv;

	map_swapped(p);
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x21);
	in = pk_inspect(p, "read");
	pk_expect_state(p, &in, S(PRESENT) | S(ANON) | S(EXCLUSIVE), 0, "read");
}

static void unshare_swaps_in_exclusive_page(struct kunit *test)
{
	struct pinscope_page in;
	struct pk *p = test->priv;

	map_swapped(p);
	KUNIT_EXPECT_EQ(test, 0U, pk_fault(p, PINSCOPE_FAULT_UNSHARE));
	in = pk_inspect(p, "unshared");
	pk_expect_state(p, &in, S(PRESENT) | S(ANON) | S(EXCLUSIVE), 0, "unshared");
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x21);
}

/* The child has the swap entry as well. */
static void pin_swaps_in_exclusive_page(struct kunit *test)
{
	struct pinscope_page out, pinned;
	struct pk *p = test->priv;
	u32 id;

	map_swapped(p);
	pk_fork(p, NULL);
	out = pk_inspect(p, "forked");
	pk_expect_state(p, &out, S(SWAP), S(EXCLUSIVE), "forked");
	id = pin(p);
	pinned = pk_inspect(p, "pinned");
	expect_still_mapped(p, id, &pinned, "pinned");
	pk_store(p, 0x22);
	expect_still_mapped(p, id, &pinned, "written");
	KUNIT_EXPECT_EQ(test, pk_load_by_pin(p, id), 0x22);
}

/* Moves the page to a node; returns its node after that, or a negative errno. */
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

static void pinned_page_does_not_migrate(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u32 id;

	if (num_online_nodes() < 2)
		kunit_skip(test, "needs two NUMA nodes: boot with numa=fake=2");
	map_exclusive(p, 0x21);
	before = pk_inspect(p, "before");
	/* pk_syscall() passes 0 for the flags, which moves as MPOL_MF_MOVE does. */
	KUNIT_EXPECT_EQ(test, move(p, 2 - before.node), 2 - before.node);
	after = pk_inspect(p, "moved");
	KUNIT_EXPECT_NE(test, after.pfn, before.pfn);
	pk_expect_state(p, &after, S(PRESENT) | S(EXCLUSIVE), 0, "moved");
	KUNIT_EXPECT_EQ(test, pk_load(p), 0x21);

	id = pin(p);
	KUNIT_EXPECT_NE(test, move(p, before.node - 1), before.node - 1);
	expect_still_mapped(p, id, &after, "not moved");
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(fork_copies_pinned_page_for_child,
			 pk_private_pinnable_gen_params),
	KUNIT_CASE_PARAM(pin_after_fork_unshares_page,
			 pk_private_pinnable_gen_params),
	KUNIT_CASE_PARAM(mremap_moves_pinned_page, pk_exclusive_gen_params),
	KUNIT_CASE_PARAM(mprotect_keeps_pinned_page, pk_exclusive_gen_params),
	KUNIT_CASE_PARAM(munmap_leaves_page_to_pin, pk_exclusive_gen_params),
	KUNIT_CASE_PARAM(exit_leaves_page_to_pin, pk_exclusive_gen_params),
	KUNIT_CASE_PARAM(dontneed_leaves_page_to_pin, pk_exclusive_gen_params),
	KUNIT_CASE_PARAM(pageout_keeps_pinned_page,
			 pk_exclusive_not_hugetlb_gen_params),
	KUNIT_CASE_PARAM(read_swaps_in_exclusive_page,
			 pk_exclusive_not_hugetlb_gen_params),
	KUNIT_CASE_PARAM(unshare_swaps_in_exclusive_page,
			 pk_exclusive_not_hugetlb_gen_params),
	KUNIT_CASE_PARAM(pin_swaps_in_exclusive_page,
			 pk_exclusive_not_hugetlb_gen_params),
	KUNIT_CASE_PARAM(pinned_page_does_not_migrate, pk_exclusive_gen_params),
	{}
};

struct kunit_suite pk_lifetime_suite = {
	.name = "pinscope_lifetime",
	.suite_init = pk_suite_init,
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
