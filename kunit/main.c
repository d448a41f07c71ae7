// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suites, in the order from what others rest on.
 */
#include <linux/module.h>

#include "pk.h"

kunit_test_suites(&pk_logic_suite, &pk_early_suite, &pk_unshare_suite,
		  &pk_huge_suite, &pk_hugetlb_suite, &pk_gup_suite,
		  &pk_around_suite);

MODULE_DESCRIPTION("KUnit suites for pinscope and the unshare fault paths");
MODULE_LICENSE("GPL");
