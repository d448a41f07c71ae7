// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suites. Each comes after those that test what it relies on.
 */
#include <linux/module.h>

#include "pk.h"

kunit_test_suites(&pk_logic_suite, &pk_sanitize_fault_flags_suite,
		  &pk_unshare_suite, &pk_huge_fault_suite, &pk_hugetlb_suite,
		  &pk_gup_suite, &pk_lifetime_suite);

MODULE_DESCRIPTION("KUnit suites for pinscope and the unshare fault paths");
MODULE_LICENSE("GPL");
