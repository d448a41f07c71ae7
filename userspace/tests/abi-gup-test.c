// SPDX-License-Identifier: GPL-2.0-only
/*
 * gup_test, which the kernel's selftests use: what they do not try.
 */
#include "../../module/gup_test_abi.h"
#include "abi.h"

static const struct {
	const char *name;
	unsigned long cmd;
} tests[] = {
	{ "GUP_FAST_BENCHMARK", GUP_FAST_BENCHMARK },
	{ "PIN_FAST_BENCHMARK", PIN_FAST_BENCHMARK },
	{ "PIN_LONGTERM_BENCHMARK", PIN_LONGTERM_BENCHMARK },
	{ "GUP_BASIC_TEST", GUP_BASIC_TEST },
	{ "PIN_BASIC_TEST", PIN_BASIC_TEST },
	{ "DUMP_USER_PAGES_TEST", DUMP_USER_PAGES_TEST },
};

static int open_gup_test(void)
{
	int fd = open("/sys/module/pinscope/parameters/gup_test",
		      O_RDONLY | O_CLOEXEC);
	char enabled = 0;

	if (fd >= 0 && read(fd, &enabled, 1) == 1 && enabled == 'N')
		tap_skip("needs a kernel without CONFIG_GUP_TEST, and gup_test=1");
	close(fd);
	fd = open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC);
	need_sys(fd >= 0, "gup_test");
	return fd;
}

static int gup_test_ioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

static struct gup_test arg_for(const void *addr, size_t size)
{
	return (struct gup_test) {
		.addr = pinscope_addr(addr), .size = size,
		.nr_pages_per_call = 3,
	};
}

static void good_ranges(int fd, unsigned long cmd, const char *edge)
{
	struct gup_test arg = arg_for(edge - 8 * page, 8 * page);

	expect_ok(gup_test_ioctl(fd, cmd, &arg), "all is mapped");
	expect_eq(arg.size, 8 * page);
	arg = arg_for(edge - 8 * page, 12 * page);
	expect_ok(gup_test_ioctl(fd, cmd, &arg), "a part is mapped");
	expect_eq(arg.size, 8 * page);
	arg.nr_pages_per_call = UINT32_MAX;
	expect_ok(gup_test_ioctl(fd, cmd, &arg), "all in one call");
}

static void bad_ranges(int fd, unsigned long cmd, const char *edge)
{
	const struct gup_test good = arg_for(edge - page, page);
	struct {
		const char *what;
		struct gup_test arg;
		int want;
	} bad[] = {
		{ "nothing is mapped", arg_for(edge, page), -EFAULT },
		{ "size 0", arg_for(edge - page, 0), -EINVAL },
		{ "unaligned address", arg_for(edge - page + 1, page), -EINVAL },
		{ "unaligned size", arg_for(edge - page, page + 1), -EINVAL },
		{ "wraps around", good, -EOVERFLOW },
		{ "half of all addresses", good, -EFAULT },
		{ "nr_pages_per_call 0", good, -EINVAL },
		{ "unknown test_flags", good, -EINVAL },
	};
	size_t i;

	bad[4].arg.size = -(uint64_t)page;
	bad[5].arg.size = 1ULL << 63;
	bad[6].arg.nr_pages_per_call = 0;
	bad[7].arg.test_flags = 2;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_ret(gup_test_ioctl(fd, cmd, &bad[i].arg), bad[i].want,
			   "%s", bad[i].what);
	expect_ret(gup_test_ioctl(fd, cmd, UNMAPPED), -EFAULT, "no struct");
}

static void test_ranges(struct abi_fixture *f)
{
	const char *edge = f->mem + f->len / 2;
	int fd = open_gup_test();
	size_t i;

	munmap(f->mem + f->len / 2, f->len / 2);
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		tap_context("%s", tests[i].name);
		good_ranges(fd, tests[i].cmd, edge);
		bad_ranges(fd, tests[i].cmd, edge);
	}
	tap_context("unknown commands");
	expect_ret(gup_test_ioctl(fd, _IO('g', 0), NULL), -EINVAL);
	expect_ret(gup_test_ioctl(fd, _IO('g', 10), NULL), -EINVAL);
	expect_ret(gup_test_ioctl(fd, _IO('g', 1), NULL), -EINVAL,
		   "another size");
	expect_nothing_pinned("in the end");
}

/* None of these may warn, which panics here; each may succeed or fail. */
static void test_gup_flags(struct abi_fixture *f)
{
	int fd = open_gup_test(), ret, bit, other;
	struct gup_test arg;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		tap_context("%s", tests[i].name);
		for (bit = 0; bit < 32; bit++) {
			for (other = bit; other < 32; other++) {
				arg = arg_for(f->mem, f->len);
				arg.gup_flags = 1U << bit | 1U << other;
				arg.test_flags = tests[i].cmd == DUMP_USER_PAGES_TEST;
				ret = gup_test_ioctl(fd, tests[i].cmd, &arg);
				if (!ret)
					expect_gt(arg.size, 0, "gup_flags 0x%x",
						  arg.gup_flags);
			}
		}
		arg = arg_for(f->mem, f->len);
		arg.gup_flags = 3;		/* WRITE, and TOUCH of old */
		expect_ok(gup_test_ioctl(fd, tests[i].cmd, &arg), "gup_test -z");
	}
	expect_nothing_pinned("in the end");
}

/* Not counted, but not an unpinned page either. */
static void test_zeropage(struct abi_fixture *f)
{
	int fd = open_gup_test();
	struct gup_test arg;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		tap_context("%s", tests[i].name);
		madvise(f->mem, f->len, MADV_DONTNEED);
		arg = arg_for(f->mem, f->len);
		expect_ok(gup_test_ioctl(fd, tests[i].cmd, &arg));
		expect_eq(arg.size, f->len);
	}
	expect_nothing_pinned("in the end");
}

/* Pages to dump, counted from 1; what is beyond the end is set to 0. */
static void test_dump(struct abi_fixture *f)
{
	static const uint32_t which[] = { 1, 4, 5, UINT32_MAX, 0, 2, 0, 0x1001 };
	static const uint32_t want[] = { 1, 4, 0, 0, 0, 2, 0, 0 };
	struct gup_test arg = arg_for(f->mem, f->len);
	int fd = open_gup_test();
	size_t i;

	memcpy(arg.which_pages, which, sizeof(which));
	expect_ok(gup_test_ioctl(fd, DUMP_USER_PAGES_TEST, &arg));
	for (i = 0; i < ARRAY_SIZE(want); i++)
		expect_eq(arg.which_pages[i], want[i], "which_pages[%zu]", i);
	/* The kernel log shows PFNs. */
	need_sys(!seteuid(NOBODY));
	expect_ret(gup_test_ioctl(fd, DUMP_USER_PAGES_TEST, &arg), -EPERM,
		   "without privileges");
	need_sys(!seteuid(0));
}

/* Another user's pin comes and goes, and this one's stays. */
static void another_user(struct pin_longterm_test *arg, __u64 *to)
{
	int other = open_gup_test();

	expect_ok(gup_test_ioctl(other, PIN_LONGTERM_TEST_START, arg));
	close(other);
	other = open_gup_test();
	expect_ret(gup_test_ioctl(other, PIN_LONGTERM_TEST_READ, to), -EINVAL,
		   "another open file has no pin");
	close(other);
}

static void read_longterm(int fd, const char *addr, char *buf, size_t len)
{
	__u64 to = pinscope_addr(buf), nowhere = pinscope_addr(UNMAPPED);

	memset(buf, 0, len);
	expect_ok(gup_test_ioctl(fd, PIN_LONGTERM_TEST_READ, &to));
	expect_mem(buf, addr, len);
	expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_READ, UNMAPPED), -EFAULT,
		   "without an address");
	expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_READ, &nowhere), -EFAULT,
		   "to what is not mapped");
}

static void longterm(int fd, char *addr, size_t len, unsigned int flags)
{
	struct pin_longterm_test arg = {
		.addr = pinscope_addr(addr), .size = len, .flags = flags,
	};
	const long pages = len / page;
	char *buf = map_anon(len, RW, 0);
	__u64 to = pinscope_addr(buf);

	memset(addr, 'a' + flags, len);
	expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_READ, &to), -EINVAL,
		   "without a pin");
	expect_ok(gup_test_ioctl(fd, PIN_LONGTERM_TEST_STOP, NULL),
		  "without a pin");
	need_ok(gup_test_ioctl(fd, PIN_LONGTERM_TEST_START, &arg));
	expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_START, &arg), -EINVAL,
		   "with a pin");
	expect_eq(kernel_pins(), pages);
	another_user(&arg, &to);
	expect_eq(kernel_pins(), pages);
	addr[5 * page] = '!';
	read_longterm(fd, addr, buf, len);
	expect_ok(gup_test_ioctl(fd, PIN_LONGTERM_TEST_STOP, NULL));
	expect_nothing_pinned("after STOP");
	munmap(buf, len);
}

static void test_longterm(struct abi_fixture *f)
{
	int fd = open_gup_test();
	unsigned int flags;

	for (flags = 0; flags < 4; flags++) {
		tap_context("flags 0x%x", flags);
		longterm(fd, f->mem, f->len, flags);
	}
}

static void test_longterm_bad(struct abi_fixture *f)
{
	const uint64_t good = pinscope_addr(f->mem) + page;
	int fd = open_gup_test();
	const struct {
		const char *what;
		struct pin_longterm_test arg;
		int want;
	} bad[] = {
		{ "unknown flags", { good, page, 4 }, -EINVAL },
		{ "size 0", { good, 0, 0 }, -EINVAL },
		{ "unaligned address", { good + 8, page, 0 }, -EINVAL },
		{ "unaligned size", { good, page / 2, 0 }, -EINVAL },
		{ "wraps around", { good, -(uint64_t)page, 0 }, -EOVERFLOW },
		{ "longer than user memory", { good, 1ULL << 62, 0 }, -EFAULT },
		{ "partly mapped", { good, 2 * page, 0 }, -EFAULT },
		{ "partly mapped, fast", { good, 2 * page,
		  PIN_LONGTERM_TEST_FLAG_USE_FAST }, -EFAULT },
	};
	size_t i;

	munmap(f->mem + 2 * page, f->len - 2 * page);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct pin_longterm_test arg = bad[i].arg;

		tap_context("%s", bad[i].what);
		expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_START, &arg),
			   bad[i].want);
		expect_nothing_pinned("after START that failed");
	}
	tap_context("no struct");
	expect_ret(gup_test_ioctl(fd, PIN_LONGTERM_TEST_START, UNMAPPED), -EFAULT);
}

/* The end of the process releases its pins. */
static void test_longterm_killed(struct abi_fixture *f)
{
	struct pin_longterm_test arg = {
		.addr = pinscope_addr(f->mem), .size = f->len,
	};
	int status;
	pid_t pid;

	/* The child's open file is one that no other process holds. */
	close(open_gup_test());
	pid = must_fork();
	if (!pid) {
		if (!gup_test_ioctl(open_gup_test(), PIN_LONGTERM_TEST_START, &arg))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	status = status_of(pid);
	expect(WIFSIGNALED(status), "START failed: status 0x%x", status);
	expect_nothing_pinned("after SIGKILL");
}

const struct test gup_test_tests[] = {
	TEST_POPULATED("gup_test: ranges", test_ranges, 16),
	TEST_POPULATED("gup_test: gup_flags", test_gup_flags, 4),
	TEST_PAGES("gup_test: shared zeropage", test_zeropage, 4),
	TEST_POPULATED("gup_test: pages to dump", test_dump, 4),
	TEST_PAGES("gup_test: long-term pins", test_longterm, 8),
	TEST_POPULATED("gup_test: long-term pins, bad input",
		       test_longterm_bad, 4),
	TEST_POPULATED("gup_test: long-term pins, killed",
		       test_longterm_killed, 8),
	{}
};
