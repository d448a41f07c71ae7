// SPDX-License-Identifier: GPL-2.0-only
/*
 * gup_must_unshare(): whether GUP unshares a page before it pins it, by kind of
 * memory, call and flags. rules.c says what is expected.
 */
#include "pk.h"

static void expect_outcome(struct pk *p, enum outcome expected,
			   const struct pinscope_page *before,
			   const struct pinscope_page *after)
{
	if (expected == OUTCOME_OWN)
		KUNIT_EXPECT_NE_MSG(p->test, after->pfn, before->pfn,
				    "expected a copy, found the same page");
	else
		KUNIT_EXPECT_EQ_MSG(p->test, after->pfn, before->pfn,
				    "expected the same page, found another one");
	switch (expected) {
	case OUTCOME_OWN:
	case OUTCOME_REUSED:
		pk_expect_state(p, after, S(ANON) | S(EXCLUSIVE), 0, "pinned");
		break;
	case OUTCOME_STAYS:
		KUNIT_EXPECT_EQ(p->test, after->state & S(EXCLUSIVE),
				before->state & S(EXCLUSIVE));
		break;
	case OUTCOME_REFUSED:
		break;
	}
}

/* A pin without FOLL_WRITE must neither map the page writable nor dirty it. */
static void expect_no_write(struct pk *p, const struct pinscope_page *before,
			    const struct pinscope_page *after)
{
	pk_expect_state(p, after, 0, (S(WRITABLE) | S(DIRTY)) & ~before->state,
			"a pin without FOLL_WRITE is no write");
}

/* What the process writes to its page, the pin must see. */
static void expect_pin_sees_writes(struct pk *p, u32 id)
{
	pk_store(p, 0x33);
	KUNIT_EXPECT_EQ_MSG(p->test, pk_load_by_pin(p, id), 0x33,
			    "the pin reads stale data");
	KUNIT_EXPECT_TRUE_MSG(p->test, pk_pin_is_mapped(p, id),
			      "a write replaced the pinned page");
}

/* A write to a private mapping must not reach the page that others have. */
static void expect_write_makes_copy(struct pk *p, u32 id, u8 content)
{
	pk_store(p, 0x33);
	KUNIT_EXPECT_EQ_MSG(p->test, pk_load_by_pin(p, id), content,
			    "a write to a private mapping changed a page that others have");
	KUNIT_EXPECT_FALSE_MSG(p->test, pk_pin_is_mapped(p, id),
			       "expected a copy, found the same page");
}

static void check_call(struct kunit *test, unsigned int call, u64 gup_flags)
{
	const struct pk_kind *kind = test->param_value;
	enum outcome outcome = pk_gup_outcome(kind, call, gup_flags, true);
	struct pinscope_page before, after, released;
	struct pk *p = test->priv;
	bool own;
	u8 content;
	u32 id;
	int ret;

	pk_setup(p, kind);
	content = pk_load(p);
	before = pk_inspect(p, "before");
	ret = pk_pin(p, call, gup_flags, &id);
	after = pk_inspect(p, "pinned");
	if (outcome == OUTCOME_REFUSED) {
		KUNIT_EXPECT_TRUE_MSG(test, ret == -EFAULT || ret == -EEXIST,
				      "expected -EFAULT or -EEXIST, found %d", ret);
		expect_outcome(p, outcome, &before, &after);
		return;
	}
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_TRUE_MSG(test, pk_pin_is_mapped(p, id),
			      "the process does not map the pinned page");
	KUNIT_EXPECT_EQ(test, pk_load(p), content);
	expect_outcome(p, outcome, &before, &after);
	if (!(gup_flags & F(WRITE)))
		expect_no_write(p, &before, &after);
	/* Pins of a zeropage are not counted. */
	if (pk_is_pin(call) && !(after.state & (S(ZEROPAGE) | S(HUGE_ZEROPAGE))))
		KUNIT_EXPECT_GT(test, after.pincount, 0);

	own = outcome != OUTCOME_STAYS || (kind->traits & PK_EXCLUSIVE);
	if (own || ((kind->traits & PK_SHARED) && !(kind->traits & PK_READONLY)))
		expect_pin_sees_writes(p, id);
	else if (!(kind->traits & (PK_SHARED | PK_REUSABLE)))
		expect_write_makes_copy(p, id, content);
	pk_unpin(p, id);
	released = pk_inspect(p, "released");
	KUNIT_EXPECT_EQ(test, released.pincount, 0);
}

#define GUP_CASE(name, call, gup_flags)					\
	static void name(struct kunit *test)				\
	{								\
		check_call(test, PINSCOPE_CALL_##call, gup_flags);	\
	}

GUP_CASE(pin_read, PIN, 0)
GUP_CASE(pin_fast_read, PIN_FAST, 0)
GUP_CASE(pin_longterm_read, PIN, F(LONGTERM))
GUP_CASE(pin_fast_longterm_read, PIN_FAST, F(LONGTERM))
GUP_CASE(pin_write, PIN, F(WRITE))
GUP_CASE(pin_fast_write, PIN_FAST, F(WRITE))
GUP_CASE(pin_longterm_write, PIN, F(WRITE) | F(LONGTERM))
GUP_CASE(pin_fast_longterm_write, PIN_FAST, F(WRITE) | F(LONGTERM))
GUP_CASE(get_read, GET, 0)
GUP_CASE(get_fast_read, GET_FAST, 0)

/* The process may get VM_WRITE back after the pin, and then writes. */
static void pin_longterm_read_needs_no_vm_write(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	enum outcome outcome = pk_gup_outcome(kind, PINSCOPE_CALL_PIN,
					      F(LONGTERM), false);
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u32 id;

	pk_setup(p, kind);
	before = pk_inspect(p, "before");
	pk_vm_flags(p, 0, VM_WRITE);
	KUNIT_ASSERT_EQ(test, 0,
			pk_pin(p, PINSCOPE_CALL_PIN, F(LONGTERM), &id));
	after = pk_inspect(p, "pinned");
	KUNIT_EXPECT_TRUE_MSG(test, pk_pin_is_mapped(p, id),
			      "the process does not map the pinned page");
	expect_outcome(p, outcome, &before, &after);
	expect_no_write(p, &before, &after);
	pk_vm_flags(p, VM_WRITE, 0);
	expect_pin_sees_writes(p, id);
	pk_unpin(p, id);
}

/* ptrace writes like this. Hugetlb supports it in newer kernels only. */
static void pin_write_without_vm_write_needs_force(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	enum outcome outcome = pk_gup_outcome(kind, PINSCOPE_CALL_PIN,
					      F(WRITE) | F(FORCE), false);
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u32 id;
	int ret;

	pk_setup(p, kind);
	before = pk_inspect(p, "before");
	pk_vm_flags(p, 0, VM_WRITE);
	KUNIT_EXPECT_EQ(test, pk_pin(p, PINSCOPE_CALL_PIN, F(WRITE), &id),
			-EFAULT);
	ret = pk_pin(p, PINSCOPE_CALL_PIN, F(WRITE) | F(FORCE), &id);
	after = pk_inspect(p, "pinned");
	if (outcome == OUTCOME_REFUSED) {
		KUNIT_EXPECT_EQ(test, ret, -EFAULT);
		expect_outcome(p, outcome, &before, &after);
		return;
	}
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_TRUE_MSG(test, pk_pin_is_mapped(p, id),
			      "the process does not map the pinned page");
	expect_outcome(p, outcome, &before, &after);
	if (outcome != OUTCOME_STAYS)
		pk_expect_state(p, &after, 0, S(WRITABLE), "the VMA has no VM_WRITE");
	pk_unpin(p, id);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(pin_read, pk_all_gen_params),
	KUNIT_CASE_PARAM(pin_fast_read, pk_all_gen_params),
	KUNIT_CASE_PARAM(pin_longterm_read, pk_all_gen_params),
	KUNIT_CASE_PARAM(pin_fast_longterm_read, pk_all_gen_params),
	KUNIT_CASE_PARAM(pin_write, pk_all_gen_params),
	KUNIT_CASE_PARAM(pin_fast_write, pk_all_gen_params),
	KUNIT_CASE_PARAM(pin_longterm_write, pk_all_gen_params),
	KUNIT_CASE_PARAM(pin_fast_longterm_write, pk_all_gen_params),
	KUNIT_CASE_PARAM(get_read, pk_all_gen_params),
	KUNIT_CASE_PARAM(get_fast_read, pk_all_gen_params),
	KUNIT_CASE_PARAM(pin_longterm_read_needs_no_vm_write,
			 pk_private_pinnable_gen_params),
	KUNIT_CASE_PARAM(pin_write_without_vm_write_needs_force,
			 pk_not_hugetlb_gen_params),
	{}
};

struct kunit_suite pk_gup_suite = {
	.name = "pinscope_gup",
	.suite_init = pk_suite_init,
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
