// SPDX-License-Identifier: GPL-2.0-only
/* KUnit can keep a WARN that a test case provokes out of the log: in 7.3 */
#include <kunit/test.h>

int probe(struct kunit *test);
int probe(struct kunit *test)
{
	return kunit_suppressed_warning_count(kunit_start_suppress_warning(test));
}
