// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's own logic: flags, ranges, and how structs grow.
 */
#include <linux/uaccess.h>

#include "pk.h"

/* Every way's every flag, there and back. */
static void foll_flags(struct kunit *test)
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

/* What the ABI calls WRITE is what the kernel calls so. */
static void names(struct kunit *test)
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

static void fault_flags(struct kunit *test)
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
	{ "up-to-the-limit", PAGE_SIZE, 2 * PAGE_SIZE, 3 * PAGE_SIZE, 0 },
	{ "nothing", PAGE_SIZE, 0, 3 * PAGE_SIZE, -EINVAL },
	{ "unaligned-address", 1, PAGE_SIZE, 3 * PAGE_SIZE, -EINVAL },
	{ "unaligned-length", 0, PAGE_SIZE + 1, 3 * PAGE_SIZE, -EINVAL },
	{ "beyond-the-limit", PAGE_SIZE, 3 * PAGE_SIZE, 3 * PAGE_SIZE, -EFAULT },
	{ "behind-the-limit", 4 * PAGE_SIZE, PAGE_SIZE, 3 * PAGE_SIZE, -EFAULT },
	{ "wraps", -PAGE_SIZE, 2 * PAGE_SIZE, U64_MAX, -EOVERFLOW },
	{ "wraps-to-the-start", PAGE_SIZE, -PAGE_SIZE, U64_MAX, -EOVERFLOW },
};

static void describe_range(const struct bounds *range, char *desc)
{
	strscpy(desc, range->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ranges, ranges, describe_range);

static void check_range(struct kunit *test)
{
	const struct bounds *range = test->param_value;

	KUNIT_EXPECT_EQ(test, range->ret,
			ps_check_range(range->addr, range->len, range->limit));
}

static void folio_ranges(struct kunit *test)
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

static long info(struct pk *p, size_t size, u8 behind)
{
	struct pinscope_info info = { .size = size };

	KUNIT_ASSERT_EQ(p->test, 0UL,
			clear_user((void __user *)p->args, PAGE_SIZE));
	KUNIT_ASSERT_EQ(p->test, 0UL,
			copy_to_user((void __user *)p->args, &info, sizeof(info)));
	KUNIT_ASSERT_EQ(p->test, 0UL,
			copy_to_user((void __user *)p->args + sizeof(info),
				     &behind, 1));
	return p->ctl->f_op->unlocked_ioctl(p->ctl, PINSCOPE_IOC_INFO, p->args);
}

/* Older and newer callers than the module. */
static void struct_growth(struct kunit *test)
{
	const size_t known = sizeof(struct pinscope_info);
	const size_t first = offsetofend(struct pinscope_info, max_pages);
	struct pk *p = test->priv;
	u64 beyond = 1;

	KUNIT_EXPECT_EQ(test, info(p, known, 0), 0L);
	KUNIT_EXPECT_EQ(test, info(p, first - 1, 0), (long)-EINVAL);
	KUNIT_EXPECT_EQ(test, info(p, first, 0), 0L);
	/* What the caller does not know is not written to. */
	KUNIT_ASSERT_EQ(test, 0UL,
			copy_from_user(&beyond, (void __user *)p->args + first,
				       sizeof(beyond)));
	KUNIT_EXPECT_EQ(test, beyond, 0ULL);
	KUNIT_EXPECT_EQ(test, info(p, known + 8, 0), 0L);
	KUNIT_EXPECT_EQ(test, info(p, known + 8, 1), (long)-E2BIG);
	KUNIT_EXPECT_EQ(test, info(p, PAGE_SIZE + 1, 0), (long)-E2BIG);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(foll_flags),
	KUNIT_CASE(names),
	KUNIT_CASE(fault_flags),
	KUNIT_CASE_PARAM(check_range, ranges_gen_params),
	KUNIT_CASE(folio_ranges),
	KUNIT_CASE(struct_growth),
	{}
};

struct kunit_suite pk_logic_suite = {
	.name = "pinscope_logic",
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
