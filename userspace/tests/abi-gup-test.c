// SPDX-License-Identifier: GPL-2.0-only
/*
 * gup_test, which the kernel's selftests use: what they do not try.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "../../module/gup_test_abi.h"
#include "abi.h"

static const unsigned long tests[] = {
	GUP_FAST_BENCHMARK, PIN_FAST_BENCHMARK, PIN_LONGTERM_BENCHMARK,
	GUP_BASIC_TEST, PIN_BASIC_TEST, DUMP_USER_PAGES_TEST,
};

static int open_gup_test(void)
{
	int fd = open("/sys/module/pinscope/parameters/gup_test",
		      O_RDONLY | O_CLOEXEC);
	char ours = 0;

	if (fd >= 0 && read(fd, &ours, 1) == 1 && ours == 'N')
		tap_skip("needs a kernel without CONFIG_GUP_TEST, and gup_test=1");
	close(fd);
	fd = open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC);

	need(fd >= 0, "gup_test: %s", pinscope_errno(errno));
	return fd;
}

static int gup_test_ioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

static struct gup_test about(const void *addr, size_t size)
{
	struct gup_test arg = {
		.addr = pinscope_addr(addr), .size = size, .nr_pages_per_call = 3,
	};

	return arg;
}

static void expect_none_pinned(const char *when)
{
	long pins = pins_now();

	expect(!pins, "%s: %ld pages are pinned", when, pins);
}

static void test_ranges(void)
{
	char *edge = map(16 * page, PROT_READ | PROT_WRITE, MAP_POPULATE) + 8 * page;
	int fd = open_gup_test();
	struct gup_test arg;
	size_t i;

	munmap(edge, 8 * page);
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		arg = about(edge - 8 * page, 8 * page);
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), 0, "a good range");
		expect(arg.size == 8 * page, "size %llu", arg.size);
		arg = about(edge - 8 * page, 12 * page);
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), 0, "half of a range");
		expect(arg.size == 8 * page, "size %llu", arg.size);
		arg.nr_pages_per_call = UINT32_MAX;
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), 0, "all in one call");
		arg = about(edge, page);
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), -EFAULT, "nothing there");
		arg = about(edge - page, 0);
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), -EINVAL, "no size");
		arg = about(edge - page + 1, page);
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), -EINVAL, "address not aligned");
		arg = about(edge - page, page + 1);
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), -EINVAL, "size not aligned");
		arg = about(edge - page, page);
		arg.size = -(uint64_t)page;
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), -EOVERFLOW, "wraps around");
		arg.size = 1ULL << 63;
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), -EFAULT, "immense");
		arg = about(edge - page, page);
		arg.nr_pages_per_call = 0;
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), -EINVAL, "none at a time");
		arg = about(edge - page, page);
		arg.test_flags = 2;
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), -EINVAL, "test_flags");
		expect_ret(gup_test_ioctl(fd, tests[i], UNMAPPED), -EFAULT, "no struct");
	}
	expect_ret(gup_test_ioctl(fd, _IO('g', 0), NULL), -EINVAL, "no such command");
	expect_ret(gup_test_ioctl(fd, _IO('g', 10), NULL), -EINVAL, "no such command");
	expect_ret(gup_test_ioctl(fd, _IO('g', 1), NULL), -EINVAL, "another size");
	expect_none_pinned("in the end");
}

/* Whatever GUP makes of them: none may warn, which panics here. */
static void test_flags(void)
{
	char *addr = map(4 * page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_gup_test(), ret, bit, other;
	struct gup_test arg;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		for (bit = 0; bit < 32; bit++) {
			for (other = bit; other < 32; other++) {
				arg = about(addr, 4 * page);
				arg.gup_flags = 1U << bit | 1U << other;
				arg.test_flags = tests[i] == DUMP_USER_PAGES_TEST;
				ret = gup_test_ioctl(fd, tests[i], &arg);
				expect(ret || arg.size, "0x%x", arg.gup_flags);
			}
		}
		arg = about(addr, 4 * page);
		arg.gup_flags = 3;		/* WRITE, and TOUCH of old */
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), 0, "gup_test -z");
	}
	expect_none_pinned("in the end");
}

/* Not counted, but not an unpinned page either. */
static void test_zeropage(void)
{
	char *addr = map(4 * page, PROT_READ | PROT_WRITE, 0);
	int fd = open_gup_test();
	struct gup_test arg;
	size_t i;

	madvise(addr, 4 * page, MADV_NOHUGEPAGE);
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		madvise(addr, 4 * page, MADV_DONTNEED);
		arg = about(addr, 4 * page);
		expect_ret(gup_test_ioctl(fd, tests[i], &arg), 0, "untouched memory");
		expect(arg.size == 4 * page, "size %llu", arg.size);
	}
	expect_none_pinned("in the end");
}

static void test_dump(void)
{
	char *addr = map(4 * page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	struct gup_test arg = about(addr, 4 * page);
	static const uint32_t which[] = { 1, 4, 5, UINT32_MAX, 0, 2, 0, 0x1001 };
	static const uint32_t want[] = { 1, 4, 0, 0, 0, 2, 0, 0 };
	int fd = open_gup_test();

	memcpy(arg.which_pages, which, sizeof(which));
	expect_ret(gup_test_ioctl(fd, DUMP_USER_PAGES_TEST, &arg), 0, "some of them");
	expect(!memcmp(arg.which_pages, want, sizeof(want)), "which_pages");
}

static void test_longterm(void)
{
	char *addr = map(8 * page, PROT_READ | PROT_WRITE, 0);
	char *buf = map(8 * page, PROT_READ | PROT_WRITE, 0);
	int fd = open_gup_test(), other = open_gup_test(), flags;
	struct pin_longterm_test arg;
	__u64 to = pinscope_addr(buf);

	for (flags = 0; flags < 4; flags++) {
		memset(addr, 'a' + flags, 8 * page);
		arg = (struct pin_longterm_test) {
			.addr = pinscope_addr(addr), .size = 8 * page, .flags = flags,
		};
		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_READ, &to), -EINVAL,
			   "READ of nothing");
		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_STOP, NULL), 0,
			   "STOP of nothing");
		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_START, &arg), 0, "START");
		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_START, &arg), -EINVAL,
			   "START again");
		expect(pins_now() == 8, "%ld pages", pins_now());

		/* Another user has a pin, and ends, and this one is no other. */
		expect_ret(gup_test_ioctl(other, PIN_LONGTERM_TEST_START, &arg), 0,
			   "another's START");
		close(other);
		other = open_gup_test();
		expect_ret(gup_test_ioctl(other, PIN_LONGTERM_TEST_READ, &to), -EINVAL,
			   "another's READ");
		expect(pins_now() == 8, "%ld pages", pins_now());

		addr[5 * page] = '!';
		memset(buf, 0, 8 * page);
		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_READ, &to), 0, "READ");
		expect(!memcmp(buf, addr, 8 * page), "what was read");
		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_READ, UNMAPPED), -EFAULT,
			   "READ without an address");
		to = pinscope_addr(UNMAPPED);
		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_READ, &to), -EFAULT,
			   "READ to nowhere");
		to = pinscope_addr(buf);
		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_STOP, NULL), 0, "STOP");
		expect_none_pinned("after STOP");
	}
}

static void test_longterm_bad(void)
{
	char *edge = map(4 * page, PROT_READ | PROT_WRITE, MAP_POPULATE) + 2 * page;
	int fd = open_gup_test();
	size_t i;
	const struct {
		struct pin_longterm_test arg;
		int want;
	} bad[] = {
		{ { pinscope_addr(edge) - page, page, 4 }, -EINVAL },
		{ { pinscope_addr(edge) - page, 0, 0 }, -EINVAL },
		{ { pinscope_addr(edge) - page + 8, page, 0 }, -EINVAL },
		{ { pinscope_addr(edge) - page, page / 2, 0 }, -EINVAL },
		{ { pinscope_addr(edge) - page, -(uint64_t)page, 0 }, -EOVERFLOW },
		{ { pinscope_addr(edge) - page, 1ULL << 62, 0 }, -EFAULT },
		{ { pinscope_addr(edge) - page, 2 * page, 0 }, -EFAULT },
		{ { pinscope_addr(edge) - page, 2 * page, 2 }, -EFAULT },
	};

	munmap(edge, 2 * page);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct pin_longterm_test arg = bad[i].arg;

		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_START, &arg), bad[i].want,
			   "START");
		expect_none_pinned("after a START that failed");
	}
	expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_START, UNMAPPED), -EFAULT,
		   "START of no struct");
}

/* Left to the end of the process, whose pins have to go with it. */
static void test_longterm_killed(void)
{
	char *addr = map(8 * page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	struct pin_longterm_test arg = { pinscope_addr(addr), 8 * page, 0 };
	int status, fd = open_gup_test();
	pid_t pid;

	/* The child's is another, which nobody else holds. */
	close(fd);
	pid = must_fork();

	if (!pid) {
		if (!gup_test_ioctl(open_gup_test(), PIN_LONGTERM_TEST_START, &arg))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	expect(WIFSIGNALED(status), "status 0x%x", status);
	expect_none_pinned("after its user was killed");
}

const struct test gup_test_tests[] = {
	{ "gup_test: ranges", test_ranges },
	{ "gup_test: any flags", test_flags },
	{ "gup_test: shared zeropage", test_zeropage },
	{ "gup_test: which pages to dump", test_dump },
	{ "gup_test: long-term pins", test_longterm },
	{ "gup_test: long-term pins, bad input", test_longterm_bad },
	{ "gup_test: long-term pins, killed", test_longterm_killed },
	{ NULL, NULL }
};
