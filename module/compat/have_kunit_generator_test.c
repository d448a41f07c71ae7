// SPDX-License-Identifier: GPL-2.0-only
/* Generators of KUnit parameters get the test as an argument: in 7.3, not in 6.12 */
#include <kunit/test.h>

const void *probe(struct kunit_case *test_case, struct kunit *test);
const void *probe(struct kunit_case *test_case, struct kunit *test)
{
	return test_case->generate_params(test, NULL, NULL);
}
