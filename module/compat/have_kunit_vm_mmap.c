// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit can map memory in an mm of the test case: "kunit: test: Add vm_mmap()
 * allocation resource manager", 6.11
 */
#include <kunit/test.h>

unsigned long probe(struct kunit *test);
unsigned long probe(struct kunit *test)
{
	return kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, 0, 0, 0);
}
