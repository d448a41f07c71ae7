// SPDX-License-Identifier: GPL-2.0-only
/*
 * The logic of the module itself: tables of flags, checks of ranges, structs of
 * older and newer callers.
 */
#include <linux/uaccess.h>

#include "pk.h"

/* For each call: a flag that it takes is one flag of the kernel, and no other. */
static void gup_flags_translate_there_and_back(struct kunit *test)
{
	unsigned int call, kernel, seen;
	u64 taken, back;
	int bit;

	for (call = 0; call < PINSCOPE_CALLS; call++) {
		taken = ps_gup_flags_taken(call);
		seen = 0;
		for (bit = 0; bit < 64; bit++) {
			if (!(taken & BIT_ULL(bit))) {
				KUNIT_EXPECT_EQ(test, -EINVAL,
						ps_gup_flags_to_kernel(call, BIT_ULL(bit),
								       &kernel));
				continue;
			}
			KUNIT_ASSERT_EQ(test, 0,
					ps_gup_flags_to_kernel(call, BIT_ULL(bit), &kernel));
			KUNIT_EXPECT_EQ(test, hweight32(kernel), 1U);
			KUNIT_EXPECT_EQ(test, seen & kernel, 0U);
			seen |= kernel;
			KUNIT_EXPECT_EQ(test, 0, ps_gup_flags_from_kernel(kernel, &back));
			KUNIT_EXPECT_EQ(test, back, BIT_ULL(bit));
		}
	}
	KUNIT_EXPECT_EQ(test, ps_gup_flags_taken(PINSCOPE_CALLS), 0ULL);
	KUNIT_EXPECT_EQ(test, ps_gup_flags_taken(U32_MAX), 0ULL);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			ps_gup_flags_to_kernel(PINSCOPE_CALL_PIN,
					       PINSCOPE_FOLL_LONGTERM |
					       PINSCOPE_FOLL_PCI_P2PDMA, &kernel));
}

#define FOLL(name)	{ PINSCOPE_FOLL_##name, FOLL_##name },
#define FAULT(name)	{ PINSCOPE_FAULT_##name, FAULT_FLAG_##name },
#define RESULT(name)							\
	{ PINSCOPE_VM_FAULT_##name, (__force unsigned int)VM_FAULT_##name },

static const struct {
	u64 abi;
	unsigned int kernel;	/* 0: this kernel does not have it */
} abi_gup_flags[] = {
	PINSCOPE_FOLL_NAMES(FOLL)
}, faults[] = {
	PINSCOPE_FAULT_NAMES(FAULT)
}, results[] = {
	PINSCOPE_VM_FAULT_NAMES(RESULT)
};

/* PINSCOPE_FOLL_WRITE is FOLL_WRITE, and so on. */
static void flags_have_the_names_of_the_kernel(struct kunit *test)
{
	unsigned int kernel;
	u64 back, flags;
	int i;

	for (i = 0; i < ARRAY_SIZE(abi_gup_flags); i++) {
		if (!abi_gup_flags[i].kernel)
			continue;
		KUNIT_EXPECT_EQ(test, 0,
				ps_gup_flags_from_kernel(abi_gup_flags[i].kernel, &back));
		KUNIT_EXPECT_EQ(test, back, abi_gup_flags[i].abi);
	}
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		flags = faults[i].abi;
		if (flags & (PINSCOPE_FAULT_RETRY_NOWAIT | PINSCOPE_FAULT_TRIED))
			flags |= PINSCOPE_FAULT_ALLOW_RETRY;
		KUNIT_EXPECT_EQ(test, 0, ps_fault_to_kernel(flags, &kernel));
		KUNIT_EXPECT_EQ(test, kernel & faults[i].kernel, faults[i].kernel);
		KUNIT_EXPECT_EQ(test, hweight64(flags), hweight32(kernel));
	}
	for (i = 0; i < ARRAY_SIZE(results); i++) {
		if (!results[i].kernel)
			continue;
		KUNIT_EXPECT_EQ(test, (u32)results[i].abi,
				ps_vm_fault_from_kernel((__force vm_fault_t)
							results[i].kernel));
	}
}

static void unknown_fault_flags_are_refused(struct kunit *test)
{
	unsigned int kernel;
	int bit;

	for (bit = 0; bit < 64; bit++)
		if (!(ps_fault_taken() & BIT_ULL(bit)))
			KUNIT_EXPECT_EQ(test, -EINVAL,
					ps_fault_to_kernel(BIT_ULL(bit), &kernel));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			ps_fault_to_kernel(PINSCOPE_FAULT_TRIED, &kernel));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			ps_fault_to_kernel(PINSCOPE_FAULT_RETRY_NOWAIT, &kernel));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			ps_fault_to_kernel(PINSCOPE_FAULT_RETRY_NOWAIT |
					   PINSCOPE_FAULT_TRIED |
					   PINSCOPE_FAULT_ALLOW_RETRY, &kernel));
}

struct bounds {
	const char *name;
	u64 addr;
	u64 len;
	u64 limit;
	int ret;
};

static const struct bounds ranges[] = {
	{ "one-page", 0, PAGE_SIZE, PAGE_SIZE, 0 },
	{ "ends-at-limit", PAGE_SIZE, 2 * PAGE_SIZE, 3 * PAGE_SIZE, 0 },
	{ "empty", PAGE_SIZE, 0, 3 * PAGE_SIZE, -EINVAL },
	{ "unaligned-address", 1, PAGE_SIZE, 3 * PAGE_SIZE, -EINVAL },
	{ "unaligned-length", 0, PAGE_SIZE + 1, 3 * PAGE_SIZE, -EINVAL },
	{ "ends-beyond-limit", PAGE_SIZE, 3 * PAGE_SIZE, 3 * PAGE_SIZE, -EFAULT },
	{ "starts-beyond-limit", 4 * PAGE_SIZE, PAGE_SIZE, 3 * PAGE_SIZE, -EFAULT },
	{ "wraps-around", -PAGE_SIZE, 2 * PAGE_SIZE, U64_MAX, -EOVERFLOW },
	{ "wraps-around-to-start", PAGE_SIZE, -PAGE_SIZE, U64_MAX, -EOVERFLOW },
};

KUNIT_ARRAY_PARAM_DESC(ranges, ranges, name);

static void range_is_checked(struct kunit *test)
{
	const struct bounds *range = test->param_value;

	KUNIT_EXPECT_EQ(test, range->ret,
			ps_check_range(range->addr, range->len, range->limit));
}

static void folio_range_keeps_pfn_and_length(struct kunit *test)
{
	static const unsigned long pages[] = { 1, 2, 511, 512, PS_RANGE_MAX_PAGES };
	static const unsigned long pfns[] = { 0, 1, 0x12345, BIT(40), PS_HOLE };
	int i, k;

	for (i = 0; i < ARRAY_SIZE(pages); i++)
		for (k = 0; k < ARRAY_SIZE(pfns); k++) {
			ps_range_t range = ps_range(pfns[k], pages[i]);

			KUNIT_EXPECT_EQ(test, ps_range_pfn(range), pfns[k]);
			KUNIT_EXPECT_EQ(test, ps_range_pages(range), pages[i]);
		}
}

/* INFO with a struct of @size bytes, and the byte @next after the known ones. */
static long info(struct pk *p, size_t size, u8 next)
{
	struct pinscope_info info = { .size = size };

	KUNIT_ASSERT_EQ(p->test, 0UL,
			clear_user((void __user *)p->args, PAGE_SIZE));
	KUNIT_ASSERT_EQ(p->test, 0UL,
			copy_to_user((void __user *)p->args, &info, sizeof(info)));
	KUNIT_ASSERT_EQ(p->test, 0UL,
			copy_to_user((void __user *)p->args + sizeof(info),
				     &next, 1));
	return p->ctl->f_op->unlocked_ioctl(p->ctl, PINSCOPE_IOC_INFO, p->args);
}

static void callers_may_have_other_struct_sizes(struct kunit *test)
{
	const size_t known = sizeof(struct pinscope_info);
	const size_t first = offsetofend(struct pinscope_info, max_pages);
	struct pk *p;
	u64 beyond = 1;

	KUNIT_ASSERT_EQ(test, 0, pk_init(test));
	p = test->priv;
	KUNIT_EXPECT_EQ(test, info(p, known, 0), 0L);
	KUNIT_EXPECT_EQ(test, info(p, first - 1, 0), (long)-EINVAL);
	KUNIT_EXPECT_EQ(test, info(p, first, 0), 0L);
	/* Nothing is written beyond the size that the caller gives. */
	KUNIT_ASSERT_EQ(test, 0UL,
			copy_from_user(&beyond, (void __user *)p->args + first,
				       sizeof(beyond)));
	KUNIT_EXPECT_EQ(test, beyond, 0ULL);
	KUNIT_EXPECT_EQ(test, info(p, known + 8, 0), 0L);
	KUNIT_EXPECT_EQ(test, info(p, known + 8, 1), (long)-E2BIG);
	KUNIT_EXPECT_EQ(test, info(p, PAGE_SIZE + 1, 0), (long)-E2BIG);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(gup_flags_translate_there_and_back),
	KUNIT_CASE(flags_have_the_names_of_the_kernel),
	KUNIT_CASE(unknown_fault_flags_are_refused),
	KUNIT_CASE_PARAM(range_is_checked, ranges_gen_params),
	KUNIT_CASE(folio_range_keeps_pfn_and_length),
	KUNIT_CASE(callers_may_have_other_struct_sizes),
	{}
};

struct kunit_suite pk_logic_suite = {
	.name = "pinscope_logic",
	.test_cases = cases,
};
