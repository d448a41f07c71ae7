// SPDX-License-Identifier: GPL-2.0-only
/* The generators of parameters are told of the test; 7.3 does it, 6.12 not. */
#include <kunit/test.h>

const void *probe(struct kunit_case *test_case, struct kunit *test);
const void *probe(struct kunit_case *test_case, struct kunit *test)
{
	return test_case->generate_params(test, NULL, NULL);
}
