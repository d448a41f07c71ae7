/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of the kernel's own /sys/kernel/debug/gup_test, which its selftests use:
 * numbers, names and layouts are those of mm/gup_test.h. Unlike in pinscope_abi.h,
 * FOLL flags have the running kernel's numbers.
 */
#ifndef PINSCOPE_GUP_TEST_ABI_H
#define PINSCOPE_GUP_TEST_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* In @test_flags: DUMP_USER_PAGES_TEST pins, instead of getting references. */
#define GUP_TEST_FLAG_DUMP_PAGES_USE_PIN	0x1

#define GUP_TEST_MAX_PAGES_TO_DUMP		8

/**
 * struct gup_test - pin a range or get references, check or dump it, release it
 * @get_delta_usec: out: microseconds spent in GUP
 * @put_delta_usec: out: microseconds spent in the release
 * @addr: in: first address, page aligned
 * @size: in: bytes, a multiple of the page size; out: bytes that were pinned
 * @nr_pages_per_call: in: pages to ask GUP for at a time, not 0
 * @gup_flags: in: the running kernel's FOLL_* bits
 * @test_flags: in: GUP_TEST_FLAG_* bits
 * @which_pages: in: DUMP_USER_PAGES_TEST: which pages to dump, 1 for the first
 *	page, 0 for none; out: 0 for those beyond the end
 */
struct gup_test {
	__u64 get_delta_usec;
	__u64 put_delta_usec;
	__u64 addr;
	__u64 size;
	__u32 nr_pages_per_call;
	__u32 gup_flags;
	__u32 test_flags;
	__u32 which_pages[GUP_TEST_MAX_PAGES_TO_DUMP];
};

#define PIN_LONGTERM_TEST_FLAG_USE_WRITE	1
#define PIN_LONGTERM_TEST_FLAG_USE_FAST		2

/**
 * struct pin_longterm_test - pin a range until PIN_LONGTERM_TEST_STOP
 * @addr: in: first address, page aligned
 * @size: in: bytes, a multiple of the page size
 * @flags: in: PIN_LONGTERM_TEST_FLAG_* bits
 */
struct pin_longterm_test {
	__u64 addr;
	__u64 size;
	__u32 flags;
};

#define GUP_FAST_BENCHMARK	_IOWR('g', 1, struct gup_test)
#define PIN_FAST_BENCHMARK	_IOWR('g', 2, struct gup_test)
#define PIN_LONGTERM_BENCHMARK	_IOWR('g', 3, struct gup_test)
#define GUP_BASIC_TEST		_IOWR('g', 4, struct gup_test)
#define PIN_BASIC_TEST		_IOWR('g', 5, struct gup_test)
#define DUMP_USER_PAGES_TEST	_IOWR('g', 6, struct gup_test)
#define PIN_LONGTERM_TEST_START	_IOW('g', 7, struct pin_longterm_test)
#define PIN_LONGTERM_TEST_STOP	_IO('g', 8)
/* The argument points to a __u64: the address of a buffer as long as the pin. */
#define PIN_LONGTERM_TEST_READ	_IOW('g', 9, __u64)

#endif
