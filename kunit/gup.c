// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP's decision, gup_must_unshare(), for each kind of memory, by the slow and
 * the fast call: what is pinned, and whether the process's page is replaced
 * first. The rules, and not what some kernel does, say what is expected.
 */
#include "pk.h"

#define S(name)	PINSCOPE_STATE_##name
#define F(name)	PINSCOPE_FOLL_##name

enum outcome { REFUSED, AS_IT_IS, ITS_OWN };

/* A process that may not write to a page can still be about to. */
static void pin_readonly(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u32 id;

	pk_make(p, kind);
	before = pk_look(p, "before");
	pk_vm_flags(p, 0, VM_WRITE);
	KUNIT_ASSERT_EQ(test, 0,
			pk_pin(p, PINSCOPE_CALL_PIN, F(LONGTERM), &id));
	after = pk_look(p, "pinned");
	KUNIT_EXPECT_TRUE(test, pk_pin_is_mapped(p, id));
	pk_expect(p, &after, S(ANON) | S(EXCLUSIVE), 0, "pinned");
	if (kind->is & (PK_COPIES | PK_REUSES))
		pk_expect(p, &after, 0, (S(WRITABLE) | S(DIRTY)) & ~before.state,
			  "a read does not write");
	pk_vm_flags(p, VM_WRITE, 0);
	pk_store(p, 0x33);
	KUNIT_EXPECT_EQ_MSG(test, pk_load_by_pin(p, id), 0x33,
			    "the pin has stale data");
	pk_unpin(p, id);
}

/* Is there a page at all, that GUP would have? */
static bool refused(const struct pk_kind *kind, u64 gup_flags)
{
	if (kind->is & PK_PFNMAP)
		return true;
	if (!(gup_flags & F(WRITE)))
		return kind->is & PK_NO_PAGE;
	/* Who is to be told of writes is not told of a device's, since 6.5. */
	if ((gup_flags & F(LONGTERM)) && (kind->is & PK_TRACKED))
		return true;
	if (kind->is & PK_NO_WRITE)
		return !(gup_flags & F(FORCE)) || (kind->is & PK_NO_FORCE);
	return false;
}

static enum outcome expected(const struct pk_kind *kind, bool pin, u64 gup_flags)
{
	if (refused(kind, gup_flags))
		return REFUSED;
	/* Everybody who maps a shared mapping sees its one page. */
	if (kind->is & PK_SHARED)
		return AS_IT_IS;
	/* A write fault has made the page the process's own. */
	if (gup_flags & F(WRITE))
		return ITS_OWN;
	/* References are not for those who care about COW. */
	if (!pin)
		return AS_IT_IS;
	/*
	 * Anonymous pages are only pinned when they are exclusive; others for
	 * as long as they are sure to be replaced by the next write.
	 */
	if ((kind->set & S(ANON)) || (gup_flags & F(LONGTERM)))
		return ITS_OWN;
	return AS_IT_IS;
}

static void pin_page(struct kunit *test, unsigned int call, u64 gup_flags)
{
	const struct pk_kind *kind = test->param_value;
	bool pin = call == PINSCOPE_CALL_PIN || call == PINSCOPE_CALL_PIN_FAST;
	enum outcome outcome = expected(kind, pin, gup_flags);
	struct pinscope_page before, after, released;
	struct pk *p = test->priv;
	u8 content;
	u32 id;
	int ret;

	pk_make(p, kind);
	content = pk_load(p);
	before = pk_look(p, "before");
	ret = pk_pin(p, call, gup_flags, &id);
	after = pk_look(p, "pinned");
	if (outcome == REFUSED) {
		KUNIT_EXPECT_TRUE_MSG(test, ret == -EFAULT || ret == -EEXIST,
				      "PIN returned %d", ret);
		KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
		return;
	}
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_TRUE_MSG(test, pk_pin_is_mapped(p, id),
			      "the pinned page is not the one that is mapped");
	KUNIT_EXPECT_EQ(test, pk_load(p), content);
	if (outcome == AS_IT_IS) {
		KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
		KUNIT_EXPECT_EQ(test, after.state & S(EXCLUSIVE),
				before.state & S(EXCLUSIVE));
	} else {
		pk_expect(p, &after, S(ANON) | S(EXCLUSIVE), 0, "pinned");
		/* What is exclusive, or can be, is pinned where it is. */
		if (kind->is & PK_COPIES)
			KUNIT_EXPECT_NE(test, after.pfn, before.pfn);
		else
			KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
	}
	if (!(gup_flags & F(WRITE)))
		pk_expect(p, &after, 0,
			  (S(WRITABLE) | S(DIRTY)) & ~before.state,
			  "a read does not write");
	/* A zeropage is not counted. */
	if (pin && !(after.state & (S(ZEROPAGE) | S(HUGE_ZEROPAGE))))
		KUNIT_EXPECT_GT(test, after.pincount, 0);

	/* What the process writes now, the pin sees, if it is to see it. */
	if (outcome == ITS_OWN && !(kind->is & PK_NO_WRITE)) {
		pk_store(p, 0x33);
		KUNIT_EXPECT_EQ_MSG(test, pk_load_by_pin(p, id), 0x33,
				    "the pin has stale data");
		KUNIT_EXPECT_TRUE(test, pk_pin_is_mapped(p, id));
	}
	/* A short-term reader of something else breaks no COW, nor stops it. */
	if (outcome == AS_IT_IS && (kind->is & PK_COPIES)) {
		pk_store(p, 0x33);
		KUNIT_EXPECT_EQ_MSG(test, pk_load_by_pin(p, id), content,
				    "a write went to what is not the process's");
		KUNIT_EXPECT_FALSE(test, pk_pin_is_mapped(p, id));
	}
	pk_unpin(p, id);
	released = pk_look(p, "released");
	KUNIT_EXPECT_EQ(test, released.pincount, 0);
}

#define CASE(name, call, gup_flags)					\
	static void name(struct kunit *test)				\
	{								\
		pin_page(test, PINSCOPE_CALL_##call, gup_flags);		\
	}

CASE(pin_read, PIN, 0)
CASE(pin_fast_read, PIN_FAST, 0)
CASE(pin_longterm_read, PIN, F(LONGTERM))
CASE(pin_fast_longterm_read, PIN_FAST, F(LONGTERM))
CASE(pin_write, PIN, F(WRITE))
CASE(pin_fast_write, PIN_FAST, F(WRITE))
CASE(pin_longterm_write, PIN, F(WRITE) | F(LONGTERM))
CASE(pin_fast_longterm_write, PIN_FAST, F(WRITE) | F(LONGTERM))
CASE(get_read, GET, 0)
CASE(get_fast_read, GET_FAST, 0)

/*
 * Only FOLL_FORCE gets a page to write to where the process may not. That is
 * new to hugetlb.
 */
static void force(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	u32 id;
	int ret;

	pk_make(p, kind);
	before = pk_look(p, "before");
	pk_vm_flags(p, 0, VM_WRITE);
	KUNIT_EXPECT_EQ(test, pk_pin(p, PINSCOPE_CALL_PIN, F(WRITE), &id),
			-EFAULT);
	ret = pk_pin(p, PINSCOPE_CALL_PIN, F(WRITE) | F(FORCE), &id);
	after = pk_look(p, "forced");
	if (kind->is & (PK_SHARED | PK_PFNMAP)) {
		KUNIT_EXPECT_EQ(test, ret, -EFAULT);
		KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
		return;
	}
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_TRUE(test, pk_pin_is_mapped(p, id));
	pk_expect(p, &after, S(ANON) | S(EXCLUSIVE), 0, "forced");
	if (kind->is & (PK_COPIES | PK_REUSES))
		pk_expect(p, &after, 0, S(WRITABLE), "the process may not write");
	pk_unpin(p, id);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(pin_read, pk_all),
	KUNIT_CASE_PARAM(pin_fast_read, pk_all),
	KUNIT_CASE_PARAM(pin_longterm_read, pk_all),
	KUNIT_CASE_PARAM(pin_fast_longterm_read, pk_all),
	KUNIT_CASE_PARAM(pin_write, pk_all),
	KUNIT_CASE_PARAM(pin_fast_write, pk_all),
	KUNIT_CASE_PARAM(pin_longterm_write, pk_all),
	KUNIT_CASE_PARAM(pin_fast_longterm_write, pk_all),
	KUNIT_CASE_PARAM(get_read, pk_all),
	KUNIT_CASE_PARAM(get_fast_read, pk_all),
	KUNIT_CASE_PARAM(pin_readonly, pk_private_pinnable),
	KUNIT_CASE_PARAM(force, pk_not_hugetlb),
	{}
};

struct kunit_suite pk_gup_suite = {
	.name = "pinscope_gup",
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
