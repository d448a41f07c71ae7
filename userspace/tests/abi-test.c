// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ABI, tested against the kernel that runs: bad input changes nothing and
 * gets the errno that fits, pins live as long as they should, and INSPECT says
 * what /proc/self/pagemap and /proc/kpageflags say.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tool/memory.h"
#include "../tool/tool.h"
#include "tap.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define UNMAPPED	((void *)0x10000000000)	/* nothing puts anything there */

static size_t page;

static int open_ctl(void)
{
	int fd = ps_open();

	need(fd >= 0, "open: %s", ps_errno(fd));
	return fd;
}

static int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

static char *map(size_t len, int prot, int more_flags)
{
	char *addr = mmap(NULL, len, prot,
			  MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0);

	need(addr != MAP_FAILED, "mmap: %s", ps_errno(errno));
	return addr;
}

static struct pinscope_info get_info(int fd)
{
	struct pinscope_info info;
	int ret = ps_info(fd, &info);

	need(!ret, "INFO: %s", ps_errno(ret));
	return info;
}

static void expect_ret(int ret, int want, const char *what)
{
	expect(ret == want, "%s: expected %s, got %s", what,
	       want ? ps_errno(want) : "success",
	       ret ? ps_errno(ret) : "success");
}

/* ------------------------------------------------ nothing is left behind */

static long vmstat(const char *name)
{
	char line[128];
	long value = -1;
	size_t len = strlen(name);
	FILE *file;
	int fd;

	/* What other processors have counted may not be in the sum yet. */
	fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			perror("# stat_refresh");
		close(fd);
	}
	file = fopen("/proc/vmstat", "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && line[len] == ' ')
			value = atol(line + len);
	fclose(file);
	return value;
}

static long pins_now(void)
{
	return vmstat("nr_foll_pin_acquired") - vmstat("nr_foll_pin_released");
}

static bool nothing_left(void)
{
	struct pinscope_info info;
	long pins = pins_now();
	int fd = ps_open();
	bool clean;

	if (fd < 0 || ps_info(fd, &info)) {
		printf("# the module does not answer\n");
		return false;
	}
	close(fd);
	clean = !info.pinned_pages && !pins;
	if (!clean)
		printf("# pages still pinned: %llu by pinscope's count, %ld by the kernel's\n",
		       info.pinned_pages, pins);
	return clean;
}

/* ---------------------------------------------------------- bad structs */

static const struct {
	const char *name;
	unsigned long cmd;
	uint32_t size;
} commands[] = {
	{ "INFO", PINSCOPE_IOC_INFO, sizeof(struct pinscope_info) },
	{ "PIN", PINSCOPE_IOC_PIN, sizeof(struct pinscope_pin) },
	{ "UNPIN", PINSCOPE_IOC_UNPIN, sizeof(struct pinscope_unpin) },
	{ "READ", PINSCOPE_IOC_READ, sizeof(struct pinscope_read) },
	{ "INSPECT", PINSCOPE_IOC_INSPECT, sizeof(struct pinscope_inspect) },
	{ "COMPARE", PINSCOPE_IOC_COMPARE, sizeof(struct pinscope_compare) },
};

static int call_sized(int fd, unsigned long cmd, void *buf, uint32_t size)
{
	memcpy(buf, &size, sizeof(size));
	return call(fd, cmd, buf);
}

static void test_struct_sizes(void)
{
	int fd = open_ctl(), zero, longer;
	uint32_t sizes[] = { 0, 1, 4, 0 };
	char buf[2 * 4096], *end;
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		const char *name = commands[i].name;
		uint32_t size = commands[i].size;

		sizes[3] = size - 1;
		for (k = 0; k < ARRAY_SIZE(sizes); k++) {
			memset(buf, 0, sizeof(buf));
			expect_ret(call_sized(fd, commands[i].cmd, buf, sizes[k]),
				   -EINVAL, name);
		}
		/* A longer struct means the same while the rest is zero. */
		memset(buf, 0, sizeof(buf));
		zero = call_sized(fd, commands[i].cmd, buf, size);
		memset(buf, 0, sizeof(buf));
		longer = call_sized(fd, commands[i].cmd, buf, size + 64);
		expect_ret(longer, zero, name);
		memset(buf, 0, sizeof(buf));
		buf[size + 63] = 1;
		expect_ret(call_sized(fd, commands[i].cmd, buf, size + 64),
			   -E2BIG, name);
		memset(buf, 0, sizeof(buf));
		expect_ret(call_sized(fd, commands[i].cmd, buf, page + 1),
			   -E2BIG, name);
		expect_ret(call_sized(fd, commands[i].cmd, buf, UINT32_MAX),
			   -E2BIG, name);

		expect_ret(call(fd, commands[i].cmd, NULL), -EFAULT, name);
		expect_ret(call(fd, commands[i].cmd, UNMAPPED), -EFAULT, name);
		expect_ret(call(fd, commands[i].cmd, (void *)-4096L), -EFAULT,
			   name);
		/* The struct says that it goes on where nothing is mapped. */
		end = map(2 * page, PROT_READ | PROT_WRITE, 0);
		munmap(end + page, page);
		memcpy(end + page - 4, &size, sizeof(size));
		expect_ret(call(fd, commands[i].cmd, end + page - 4), -EFAULT,
			   name);
		munmap(end, page);
	}
}

static void test_unknown_commands(void)
{
	int fd = open_ctl();
	struct pinscope_info info = { .size = sizeof(info) };

	expect_ret(call(fd, _IO(PINSCOPE_IOC_MAGIC, 63), &info), -ENOTTY,
		   "number 63");
	expect_ret(call(fd, _IO(PINSCOPE_IOC_MAGIC, 255), &info), -ENOTTY,
		   "number 255");
	expect_ret(call(fd, _IO('g', 0), &info), -ENOTTY, "another magic");
	expect_ret(call(fd, _IOWR(PINSCOPE_IOC_MAGIC, 0, struct pinscope_info),
			&info), -ENOTTY, "with a direction");
}

/* ----------------------------------------------------------- bad ranges */

struct range {
	const char *name;
	uint64_t addr;
	uint64_t len;
	int want;		/* of every command that takes a range */
	int want_pin;		/* of PIN, when the others do not mind */
};

/* Half of the range around @edge is mapped, the other half is not. */
static char *edge;

static size_t get_ranges(struct range *ranges)
{
	uint64_t limit = get_info(open_ctl()).max_pages * page;
	uint64_t good, sparse;

	edge = map(4 * page, PROT_READ | PROT_WRITE, MAP_POPULATE) + 2 * page;
	munmap(edge, 2 * page);
	good = (uintptr_t)edge - page;
	sparse = (uintptr_t)map(limit + page, PROT_READ, MAP_NORESERVE);

	const struct range all[] = {
		{ "unaligned address", good + 1, page, -EINVAL, 0 },
		{ "unaligned length", good, page - 1, -EINVAL, 0 },
		{ "empty", good, 0, -EINVAL, 0 },
		{ "wraps around", -(uint64_t)page, 2 * page, -EOVERFLOW, 0 },
		{ "wraps to zero", -(uint64_t)page, page, -EOVERFLOW, 0 },
		{ "whole address space", 0, -(uint64_t)page, -EFAULT, 0 },
		{ "kernel", 0xffff888000000000, page, -EFAULT, 0 },
		{ "non-canonical", 1ULL << 60, page, -EFAULT, 0 },
		{ "end of user memory", (1ULL << 56) - page, page, -EFAULT, 0 },
		{ "longer than user memory", good, 1ULL << 62, -EFAULT, 0 },
		{ "unmapped", (uintptr_t)UNMAPPED, page, 0, -EFAULT },
		{ "address 0", 0, page, 0, -EFAULT },
		{ "partly mapped", good, 2 * page, 0, -EFAULT },
		{ "over the limit", sparse, limit + page, 0, -ENOMEM },
	};
	memcpy(ranges, all, sizeof(all));
	return ARRAY_SIZE(all);
}

static void test_pin_ranges(void)
{
	struct range ranges[20];
	size_t nr = get_ranges(ranges), i;
	unsigned int way;
	int fd = open_ctl(), want;
	struct pinscope_pin cmd;

	for (i = 0; i < nr; i++) {
		want = ranges[i].want ? ranges[i].want : ranges[i].want_pin;
		for (way = PINSCOPE_WAY_SLOW; way <= PINSCOPE_WAY_FAST; way++) {
			cmd = (struct pinscope_pin) {
				.size = sizeof(cmd), .way = way,
				.foll = PINSCOPE_FOLL_LONGTERM,
				.addr = ranges[i].addr, .len = ranges[i].len,
				.id = 77,
			};
			expect_ret(call(fd, PINSCOPE_IOC_PIN, &cmd), want,
				   ranges[i].name);
			expect(cmd.id == 77 && !get_info(fd).pinned_pages,
			       "%s: id %u, %llu pages pinned", ranges[i].name,
			       cmd.id, get_info(fd).pinned_pages);
		}
	}
	expect(!pins_now(), "%ld", pins_now());
}

static void test_inspect_ranges(void)
{
	struct range ranges[20];
	size_t nr = get_ranges(ranges), i;
	struct pinscope_inspect cmd;
	struct pinscope_page rec[4];
	int fd = open_ctl();

	for (i = 0; i < nr; i++) {
		cmd = (struct pinscope_inspect) {
			.size = sizeof(cmd), .record_size = sizeof(rec[0]),
			.addr = ranges[i].addr, .len = ranges[i].len,
			.records = (uintptr_t)rec, .nr = ARRAY_SIZE(rec),
		};
		expect_ret(call(fd, PINSCOPE_IOC_INSPECT, &cmd),
			   ranges[i].want, ranges[i].name);
	}
}

static void test_compare_ranges(void)
{
	struct range ranges[20];
	size_t nr = get_ranges(ranges), i;
	struct pinscope_compare cmd;
	int fd = open_ctl(), ret;
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	uint32_t id;

	ret = ps_pin(fd, PINSCOPE_WAY_SLOW, 0, addr, page, &id);
	need(!ret, "%s", ps_errno(ret));
	for (i = 0; i < nr; i++) {
		if (ranges[i].len != page)
			continue;	/* COMPARE has its length from the pin */
		ret = ps_compare(fd, id, (void *)ranges[i].addr, &cmd);
		expect_ret(ret, ranges[i].want, ranges[i].name);
		if (!ret)
			expect(cmd.absent == 1 && !cmd.same &&
			       !cmd.first_mismatch, "%s: absent %llu, same %llu",
			       ranges[i].name, cmd.absent, cmd.same);
	}
}

static void test_inspect_fields(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	struct pinscope_page rec;
	const struct pinscope_inspect good = {
		.size = sizeof(good), .record_size = sizeof(rec),
		.addr = (uintptr_t)addr, .len = page,
		.records = (uintptr_t)&rec, .nr = 1,
	};
	struct pinscope_inspect cmd = good;
	struct { struct pinscope_page rec; uint64_t more; } longer;
	int fd = open_ctl();

	expect_ret(call(fd, PINSCOPE_IOC_INSPECT, &cmd), 0, "good");
	expect(cmd.nr == 1 && cmd.next == good.addr + page, "nr %u", cmd.nr);
	cmd = good;
	cmd.nr = 0;
	expect_ret(call(fd, PINSCOPE_IOC_INSPECT, &cmd), -EINVAL, "nr 0");
	cmd = good;
	cmd.reserved = 1;
	expect_ret(call(fd, PINSCOPE_IOC_INSPECT, &cmd), -EINVAL, "reserved");
	cmd = good;
	cmd.record_size--;
	expect_ret(call(fd, PINSCOPE_IOC_INSPECT, &cmd), -EINVAL, "short record");
	cmd = good;
	cmd.record_size = page + 1;
	expect_ret(call(fd, PINSCOPE_IOC_INSPECT, &cmd), -EINVAL, "long record");
	cmd = good;
	cmd.records = (uintptr_t)UNMAPPED;
	expect_ret(call(fd, PINSCOPE_IOC_INSPECT, &cmd), -EFAULT, "records");
	cmd = good;
	cmd.records = 0xffff888000000000;
	expect_ret(call(fd, PINSCOPE_IOC_INSPECT, &cmd), -EFAULT,
		   "records in the kernel");
	cmd = good;
	cmd.records = (uintptr_t)&longer;
	cmd.record_size = sizeof(longer);
	memset(&longer, 0xff, sizeof(longer));
	expect_ret(call(fd, PINSCOPE_IOC_INSPECT, &cmd), 0, "longer record");
	expect(!longer.more, "what the module does not know is not cleared");
	expect(longer.rec.addr == good.addr, "0x%llx", longer.rec.addr);
}

/* ------------------------------------------------------------ bad flags */

static void test_flags_not_taken(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	struct pinscope_info info;
	int fd = open_ctl(), bit;
	unsigned int way;
	uint32_t id;

	info = get_info(fd);
	for (way = PINSCOPE_WAY_SLOW; way <= PINSCOPE_WAY_FAST; way++) {
		expect(info.ways & 1ULL << way, "way %u is missing", way);
		for (bit = 0; bit < 64; bit++)
			if (!(info.foll[way] & 1ULL << bit))
				expect_ret(ps_pin(fd, way, 1ULL << bit, addr,
						  page, &id), -EINVAL,
					   "a flag that is not taken");
		expect_ret(ps_pin(fd, way, PINSCOPE_FOLL_LONGTERM |
				  PINSCOPE_FOLL_PCI_P2PDMA, addr, page, &id),
			   -EINVAL, "LONGTERM|PCI_P2PDMA");
	}
	for (way = PINSCOPE_WAY_FAST + 1; way < 70; way++)
		expect_ret(ps_pin(fd, way, 0, addr, page, &id), -EINVAL,
			   "unknown way");
	expect_ret(ps_pin(fd, UINT32_MAX, 0, addr, page, &id), -EINVAL,
		   "unknown way");

	struct pinscope_pin cmd = {
		.size = sizeof(cmd), .addr = (uintptr_t)addr, .len = page,
		.flags = ~(uint32_t)PINSCOPE_PIN_PARTIAL,
	};
	expect_ret(call(fd, PINSCOPE_IOC_PIN, &cmd), -EINVAL, "PIN's flags");
}

/* GUP warns about what it does not take, and the guest panics on a warning. */
static void test_every_combination(void)
{
	char *const memory[] = {
		map(page, PROT_READ | PROT_WRITE, MAP_POPULATE),
		map(page, PROT_READ, 0),
		map(page, PROT_NONE, 0),
		UNMAPPED,
	};
	struct pinscope_info info;
	int fd = open_ctl(), ret;
	unsigned int way, m, tried = 0;
	uint64_t foll, taken;
	uint32_t id;

	info = get_info(fd);
	for (way = PINSCOPE_WAY_SLOW; way <= PINSCOPE_WAY_FAST; way++) {
		taken = info.foll[way];
		/* All subsets of the bits in taken. */
		foll = 0;
		do {
			for (m = 0; m < ARRAY_SIZE(memory); m++) {
				ret = ps_pin(fd, way, foll, memory[m], page,
					     &id);
				if (!ret)
					ret = ps_unpin(fd, id);
				expect(!ret || ret == -EFAULT ||
				       ret == -EINVAL || ret == -EAGAIN ||
				       ret == -EOPNOTSUPP || ret == -ENOENT,
				       "way %u foll 0x%llx memory %u: %s", way,
				       (unsigned long long)foll, m,
				       ps_errno(ret));
				tried++;
			}
			foll = (foll - taken) & taken;
		} while (foll);
	}
	expect(tried > 1000, "only %u", tried);
}

/* ---------------------------------------------------------- ids and READ */

static void test_ids(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	int a = open_ctl(), b = open_ctl(), ret;
	struct pinscope_compare cmp;
	uint32_t id, other;
	char byte;

	ret = ps_pin(a, PINSCOPE_WAY_FAST, 0, addr, page, &id);
	need(!ret, "%s", ps_errno(ret));
	expect(id, "ids start at 1");
	expect_ret(ps_unpin(b, id), -ENOENT, "UNPIN another's id");
	expect_ret(ps_read(b, id, 0, &byte, 1), -ENOENT, "READ another's id");
	expect_ret(ps_compare(b, id, addr, &cmp), -ENOENT,
		   "COMPARE another's id");
	expect_ret(ps_unpin(a, 0), -ENOENT, "id 0");
	expect_ret(ps_unpin(a, UINT32_MAX), -ENOENT, "id of all ones");
	expect_ret(ps_read(a, id + 1, 0, &byte, 1), -ENOENT, "unknown id");

	ret = ps_pin(b, PINSCOPE_WAY_FAST, 0, addr, page, &other);
	need(!ret, "%s", ps_errno(ret));
	expect(other == id, "two opens count alike: %u and %u", id, other);
	expect_ret(ps_unpin(a, id), 0, "UNPIN");
	expect_ret(ps_unpin(a, id), -ENOENT, "UNPIN twice");
	expect_ret(ps_read(a, id, 0, &byte, 1), -ENOENT, "READ after UNPIN");
	expect_ret(ps_read(b, other, 0, &byte, 1), 0, "the other's is there");
	expect(get_info(a).pinned_pages == 1, "%llu",
	       get_info(a).pinned_pages);
}

static void test_read(void)
{
	const size_t len = 5 * page;
	char *addr = map(len, PROT_READ | PROT_WRITE, 0);
	char *buf = map(len, PROT_READ | PROT_WRITE, 0);
	static const size_t offsets[] = { 0, 1, 4095, 4096, 4097, 9999 };
	static const size_t lens[] = { 0, 1, 2, 4095, 4096, 4097, 10000 };
	int fd = open_ctl(), ret;
	size_t i, k;
	uint32_t id;

	for (i = 0; i < len; i++)
		addr[i] = i * 7 + i / 4096;
	ret = ps_pin(fd, PINSCOPE_WAY_SLOW, PINSCOPE_FOLL_LONGTERM, addr, len,
		     &id);
	need(!ret, "%s", ps_errno(ret));
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (k = 0; k < ARRAY_SIZE(lens); k++) {
			memset(buf, 0, len);
			expect_ret(ps_read(fd, id, offsets[i], buf, lens[k]), 0,
				   "READ");
			expect(!memcmp(buf, addr + offsets[i], lens[k]) &&
			       !buf[lens[k]], "content at %zu, %zu bytes",
			       offsets[i], lens[k]);
		}
	}
	expect_ret(ps_read(fd, id, 0, buf, len), 0, "all");
	expect(!memcmp(buf, addr, len), "content of all");
	expect_ret(ps_read(fd, id, len, buf, 0), 0, "nothing at the end");
	expect_ret(ps_read(fd, id, len, buf, 1), -ERANGE, "one beyond");
	expect_ret(ps_read(fd, id, 1, buf, len), -ERANGE, "long by one");
	expect_ret(ps_read(fd, id, UINT64_MAX, buf, 1), -ERANGE, "far off");
	expect_ret(ps_read(fd, id, UINT64_MAX, buf, 2), -ERANGE, "wraps");
	expect_ret(ps_read(fd, id, 1, buf, SIZE_MAX), -ERANGE, "wraps");
	expect_ret(ps_read(fd, id, 0, UNMAPPED, 1), -EFAULT, "buffer");
	expect_ret(ps_read(fd, id, 0, (void *)0xffff888000000000, 1), -EFAULT,
		   "buffer in the kernel");
}

/* -------------------------------------------------------- life of a pin */

/* The caller can never learn of a pin whose id cannot be written. */
static void test_pin_unwritable_struct(void)
{
	struct pinscope_pin *cmd = (void *)map(page, PROT_READ | PROT_WRITE, 0);
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	int fd = open_ctl();

	*cmd = (struct pinscope_pin) {
		.size = sizeof(*cmd), .addr = (uintptr_t)addr, .len = page,
	};
	mprotect(cmd, page, PROT_READ);
	expect_ret(call(fd, PINSCOPE_IOC_PIN, cmd), -EFAULT, "PIN");
	expect(!get_info(fd).pinned_pages && !pins_now(), "still pinned");
}

static void test_partial(void)
{
	struct pinscope_compare cmp;
	struct pinscope_pin cmd;
	int fd = open_ctl(), ret;
	struct range ranges[20];
	unsigned int way;

	get_ranges(ranges);	/* for the edge */
	for (way = PINSCOPE_WAY_SLOW; way <= PINSCOPE_WAY_FAST; way++) {
		cmd = (struct pinscope_pin) {
			.size = sizeof(cmd), .way = way,
			.addr = (uintptr_t)edge - 2 * page, .len = 4 * page,
			.flags = PINSCOPE_PIN_PARTIAL,
		};
		ret = call(fd, PINSCOPE_IOC_PIN, &cmd);
		need(!ret, "%s", ps_errno(ret));
		expect(cmd.pages == 2, "%llu pages", cmd.pages);
		ret = ps_compare(fd, cmd.id, edge - 2 * page, &cmp);
		expect(!ret && cmp.pages == 2 && cmp.same == 2,
		       "%s, %llu pages, %llu same", ps_errno(ret), cmp.pages,
		       cmp.same);
		expect_ret(ps_unpin(fd, cmd.id), 0, "UNPIN");
		/* Nothing at all is no partial success. */
		cmd.addr = (uintptr_t)edge;
		cmd.len = page;
		expect_ret(call(fd, PINSCOPE_IOC_PIN, &cmd), -EFAULT,
			   "nothing mapped");
	}
}

static void test_limit(void)
{
	static const char param[] = "/sys/module/pinscope/parameters/max_pages";
	char *addr = map(1100 * page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	uint64_t was = get_info(open_ctl()).max_pages;
	int fd = open_ctl(), ret;
	uint32_t id, more;
	FILE *file;

	file = fopen(param, "we");
	need(file, "%s: %s", param, ps_errno(errno));
	fprintf(file, "1100\n");
	fclose(file);
	ret = ps_pin(fd, PINSCOPE_WAY_FAST, 0, addr, 1100 * page, &id);
	expect_ret(ret, 0, "as many as the limit");
	expect_ret(ps_pin(open_ctl(), PINSCOPE_WAY_FAST, 0, addr, page, &more),
		   -ENOMEM, "another user's one more");
	expect_ret(ps_unpin(fd, id), 0, "UNPIN");
	expect_ret(ps_pin(fd, PINSCOPE_WAY_FAST, 0, addr, page, &more), 0,
		   "now there is room");
	file = fopen(param, "we");
	need(file, "%s: %s", param, ps_errno(errno));
	fprintf(file, "%llu\n", (unsigned long long)was);
	fclose(file);
}

static void pin_16m(int fd)
{
	char *addr = map(16 << 20, PROT_READ | PROT_WRITE, 0);
	uint32_t id;
	int ret = ps_pin(fd, PINSCOPE_WAY_FAST, PINSCOPE_FOLL_WRITE |
			 PINSCOPE_FOLL_LONGTERM, addr, 16 << 20, &id);

	need(!ret, "%s", ps_errno(ret));
}

static void test_release_on_close(void)
{
	int fd = open_ctl();

	pin_16m(fd);
	expect(get_info(fd).pinned_pages == (16 << 20) / page, "%llu",
	       get_info(fd).pinned_pages);
	close(fd);
	expect(!get_info(open_ctl()).pinned_pages && !pins_now(),
	       "still pinned");
}

static void test_release_on_kill(void)
{
	int ready[2], status;
	pid_t child;
	char byte;

	need(!pipe(ready), "pipe");
	child = fork();
	if (!child) {
		pin_16m(open_ctl());
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	need(read(ready[0], &byte, 1) == 1, "the child failed");
	expect(pins_now() > 0, "%ld", pins_now());
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	expect(!get_info(open_ctl()).pinned_pages && !pins_now(),
	       "still pinned");
}

static void test_munmap_under_pin(void)
{
	char *addr = map(4 * page, PROT_READ | PROT_WRITE, MAP_POPULATE), byte;
	struct pinscope_compare cmp;
	int fd = open_ctl(), ret;
	uint32_t id;

	addr[page] = 'x';
	ret = ps_pin(fd, PINSCOPE_WAY_SLOW, PINSCOPE_FOLL_LONGTERM, addr,
		     4 * page, &id);
	need(!ret, "%s", ps_errno(ret));
	munmap(addr + page, page);
	ret = ps_compare(fd, id, addr, &cmp);
	expect(!ret && cmp.pages == 4 && cmp.same == 3 && cmp.absent == 1 &&
	       cmp.first_mismatch == 1, "%s: same %llu, absent %llu, first %llu",
	       ps_errno(ret), cmp.same, cmp.absent, cmp.first_mismatch);
	ret = ps_read(fd, id, page, &byte, 1);
	expect(!ret && byte == 'x', "the pin lost its page");
}

/* The file is shared, but each process sees its own page tables. */
static void test_fork(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	struct pinscope_compare cmp;
	int fd = open_ctl(), ret, status;
	uint32_t id;
	pid_t child;

	addr[0] = 'p';
	ret = ps_pin(fd, PINSCOPE_WAY_SLOW, PINSCOPE_FOLL_LONGTERM, addr, page,
		     &id);
	need(!ret, "%s", ps_errno(ret));
	child = fork();
	if (!child) {
		ret = ps_compare(fd, id, addr, &cmp);
		/* Pinned and exclusive: fork gave the child a copy. */
		_exit(ret || cmp.same || addr[0] != 'p');
	}
	waitpid(child, &status, 0);
	expect(!status, "the child maps the pinned page");
	addr[0] = 'q';
	ret = ps_compare(fd, id, addr, &cmp);
	expect(!ret && cmp.same == 1, "the parent lost the pinned page");
}

static void test_permissions(void)
{
	struct stat st;

	expect(!stat(PS_CTL, &st) && (st.st_mode & 07777) == 0600, "mode %o",
	       st.st_mode & 07777);
	need(!seteuid(65534), "seteuid");
	expect_ret(ps_open(), -EACCES, "open by somebody else");
	need(!seteuid(0), "seteuid");
}

/* ------------------------------------------------------ INSPECT's records */

static void test_inspect_sparse(void)
{
	const size_t len = 1UL << 40, step = len / 64;
	char *addr = map(len, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	struct pinscope_inspect cmd;
	struct pinscope_page *recs, rec;
	int fd = open_ctl(), ret;
	size_t nr, i;

	madvise(addr, len, MADV_NOHUGEPAGE);
	for (i = 0; i < 64; i++)
		addr[i * step] = 1;
	ret = ps_inspect(fd, addr, len, &recs, &nr);
	need(!ret, "%s", ps_errno(ret));
	expect(nr == 64, "%zu records", nr);
	for (i = 0; i < nr && i < 64; i++)
		expect(recs[i].addr == (uintptr_t)addr + i * step &&
		       recs[i].pages == 1, "record %zu at 0x%llx", i,
		       recs[i].addr);
	free(recs);

	/* The same with room for one record at a time. */
	cmd.next = (uintptr_t)addr;
	for (nr = 0; cmd.next < (uintptr_t)addr + len; nr += cmd.nr) {
		cmd = (struct pinscope_inspect) {
			.size = sizeof(cmd), .record_size = sizeof(rec),
			.addr = cmd.next,
			.len = (uintptr_t)addr + len - cmd.next,
			.records = (uintptr_t)&rec, .nr = 1,
		};
		ret = call(fd, PINSCOPE_IOC_INSPECT, &cmd);
		need(!ret, "%s", ps_errno(ret));
		need(cmd.next > cmd.addr, "no progress");
	}
	expect(nr == 64, "%zu records one by one", nr);
}

static const struct kind *find_kind(const char *name)
{
	size_t nr, i;
	struct kind *kinds = kinds_get("/var/tmp", &nr);

	for (i = 0; kinds && i < nr; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	need(false, "no kind %s", name);
	return NULL;
}

static void get_memory(struct memory *m, int fd, const struct kind *kind,
		       bool writable)
{
	if (!memory_open(m, kind, "/var/tmp") || !memory_map(m, fd, writable))
		tap_skip("%s: %s", kind->name, m->why);
}

/* A huge page is one record and one pin of many pages, and cheap to keep. */
static void huge_page(const char *name)
{
	struct pinscope_page *recs;
	struct memory m;
	int fd = open_ctl(), ret;
	size_t nr, pages;
	uint32_t id;

	get_memory(&m, fd, find_kind(name), true);
	pages = m.kind->len / page;
	ret = ps_pin(fd, PINSCOPE_WAY_FAST, PINSCOPE_FOLL_LONGTERM, m.addr,
		     m.kind->len, &id);
	need(!ret, "%s", ps_errno(ret));
	ret = ps_inspect(fd, m.addr, m.kind->len, &recs, &nr);
	need(!ret, "%s", ps_errno(ret));
	expect(nr == 1 && recs[0].pages == pages &&
	       1UL << recs[0].folio_order == pages, "%zu records, order %u",
	       nr, recs[0].folio_order);
	expect(recs[0].pincount == (int)pages, "pincount %d",
	       recs[0].pincount);
	expect(recs[0].mapcount == 1, "mapcount %d", recs[0].mapcount);
	/* A part of it: the record is cut to what was asked for. */
	free(recs);
	ret = ps_inspect(fd, m.addr + 3 * page, 5 * page, &recs, &nr);
	need(!ret, "%s", ps_errno(ret));
	expect(nr == 1 && recs[0].pages == 5 &&
	       recs[0].addr == (uintptr_t)m.addr + 3 * page &&
	       recs[0].pfn == recs[0].folio_pfn + 3, "%zu records", nr);
	free(recs);
}

static void test_huge_thp(void)
{
	huge_page("anon-thp");
}

static void test_huge_hugetlb(void)
{
	huge_page("anon-hugetlb[2M]");
}

static void test_huge_gigantic(void)
{
	huge_page("anon-hugetlb[1G]");
}

/* ------------------------------------------------- INSPECT's witnesses */

#define PM_SOFT_DIRTY		(1ULL << 55)
#define PM_UFFD_WP		(1ULL << 57)
#define PM_PRESENT		(1ULL << 63)
#define PM_PFN			((1ULL << 55) - 1)

#define KPF_ANON		(1ULL << 12)
#define KPF_COMPOUND		(3ULL << 15)
#define KPF_HUGE		(1ULL << 17)
#define KPF_THP			(1ULL << 22)
#define KPF_ZERO_PAGE		(1ULL << 24)
#define KPF_ANON_EXCLUSIVE	(1ULL << 34)	/* with KPF_ANON */

static uint64_t word_of(const char *path, uint64_t index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t word;

	need(fd >= 0, "%s: %s", path, ps_errno(errno));
	need(pread(fd, &word, sizeof(word), index * sizeof(word)) ==
	     sizeof(word), "%s: %s", path, ps_errno(errno));
	close(fd);
	return word;
}

static uint64_t pagemap(const void *addr)
{
	return word_of("/proc/self/pagemap", (uintptr_t)addr / page);
}

/*
 * Every state that the kernel also tells otherwise, one base page. Not KSM:
 * some kernels, 6.12 for one, set KPF_KSM for every anonymous page.
 */
static void witness(int fd, const char *addr, const char *what)
{
	static const struct {
		const char *name;
		uint64_t state;		/* any of these */
		uint64_t kpf;
	} flags[] = {
		{ "anonymous", PINSCOPE_STATE_ANON, KPF_ANON },
		{ "hugetlb", PINSCOPE_STATE_HUGETLB, KPF_HUGE },
		{ "zeropage", PINSCOPE_STATE_ZERO | PINSCOPE_STATE_HUGE_ZERO,
		  KPF_ZERO_PAGE },
	};
	struct pinscope_page rec;
	uint64_t pm, kpf, head;
	char names[NAMES_MAX];
	size_t i;
	int ret = ps_page(fd, addr, &rec);

	need(!ret, "%s", ps_errno(ret));
	pm = pagemap(addr);
	ps_names(ps_state_names, rec.state, names, sizeof(names));
	expect(!(rec.state & PINSCOPE_STATE_PRESENT) == !(pm & PM_PRESENT),
	       "%s: present in one only: %s, pagemap 0x%llx", what, names,
	       (unsigned long long)pm);
	if (!(pm & PM_PRESENT))
		return;
	expect(rec.pfn == (pm & PM_PFN), "%s: PFN 0x%llx, pagemap 0x%llx",
	       what, rec.pfn, (unsigned long long)pm);
	expect(!(rec.state & PINSCOPE_STATE_UFFD_WP) == !(pm & PM_UFFD_WP),
	       "%s: %s, pagemap's uffd-wp %d", what, names,
	       !!(pm & PM_UFFD_WP));
	/* Pagemap does not tell it of hugetlb. */
	if (!(rec.state & PINSCOPE_STATE_HUGETLB))
		expect(!(rec.state & PINSCOPE_STATE_SOFT_DIRTY) ==
		       !(pm & PM_SOFT_DIRTY), "%s: %s, pagemap's soft-dirty %d",
		       what, names, !!(pm & PM_SOFT_DIRTY));

	kpf = word_of("/proc/kpageflags", rec.pfn);
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		expect(!(rec.state & flags[i].state) == !(kpf & flags[i].kpf),
		       "%s: %s: %s, kpageflags 0x%llx", what, flags[i].name,
		       names, (unsigned long long)kpf);
	if (!(rec.state & PINSCOPE_STATE_PAGE))
		return;
	expect(!rec.folio_order == !(kpf & KPF_COMPOUND),
	       "%s: order %u, kpageflags 0x%llx", what, rec.folio_order,
	       (unsigned long long)kpf);
	head = word_of("/proc/kpageflags", rec.folio_pfn);
	expect((head & KPF_COMPOUND) != KPF_COMPOUND,
	       "%s: not a head page", what);
	/* Huge mappings have it on their first page. */
	kpf = rec.map_shift > 12 ? head : kpf;
	expect(!(rec.state & PINSCOPE_STATE_EXCLUSIVE) ==
	       !((kpf & KPF_ANON) && (kpf & KPF_ANON_EXCLUSIVE)),
	       "%s: exclusive: %s, kpageflags 0x%llx", what, names,
	       (unsigned long long)kpf);
	if (!rec.folio_order)
		expect(rec.mapcount ==
		       (int)word_of("/proc/kpagecount", rec.pfn),
		       "%s: mapcount %d, kpagecount %llu", what, rec.mapcount,
		       (unsigned long long)word_of("/proc/kpagecount", rec.pfn));
}

/* First, last, and some in between: enough of a huge page. */
static void witness_all(int fd, const struct memory *m, const char *what)
{
	size_t pages = m->kind->len / page, i;
	char text[100];

	snprintf(text, sizeof(text), "%s %s", m->kind->name, what);
	for (i = 0; i < 8 && i < pages; i++)
		witness(fd, m->addr + i * (pages / (pages < 8 ? pages : 8)) * page,
			text);
	witness(fd, m->addr + m->kind->len - page, text);
}

static void clear_soft_dirty(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	need(fd >= 0 && write(fd, "4", 1) == 1, "clear_refs: %s",
	     ps_errno(errno));
	close(fd);
}

static int arm_uffd_wp(const struct memory *m)
{
	struct uffdio_range range = {
		.start = (uintptr_t)m->addr, .len = m->kind->len,
	};
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = range, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect wp = {
		.range = range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	need(fd >= 0 && !ioctl(fd, UFFDIO_API, &api), "userfaultfd: %s",
	     ps_errno(errno));
	need(!ioctl(fd, UFFDIO_REGISTER, &reg) &&
	     !ioctl(fd, UFFDIO_WRITEPROTECT, &wp), "userfaultfd-wp: %s",
	     ps_errno(errno));
	return fd;
}

static bool state_is(int fd, const void *addr, uint64_t mask, uint64_t want)
{
	struct pinscope_page rec;
	int ret = ps_page(fd, addr, &rec);

	need(!ret, "%s", ps_errno(ret));
	return (rec.state & mask) == want;
}

/* One kind through the states that change what a page table entry says. */
static void witness_kind(const struct kind *kind)
{
	const uint64_t write = PINSCOPE_STATE_WRITE;
	const uint64_t soft = PINSCOPE_STATE_SOFT_DIRTY;
	const uint64_t exclusive = PINSCOPE_STATE_EXCLUSIVE;
	int fd = open_ctl(), go[2], uffd, status;
	struct memory m;
	pid_t child;
	char byte;

	if (kind->len > 1UL << 21 && !kind->control)
		return;	/* one kind of gigantic page is enough, and slow */
	get_memory(&m, fd, kind, true);
	/* Until then a new VMA counts as soft-dirty, whatever its entries say. */
	clear_soft_dirty();
	witness_all(fd, &m, "populated");
	if (!kind->hugetlb_shift)
		expect(state_is(fd, m.addr, soft, 0), "%s: still soft-dirty",
		       kind->name);
	m.addr[0] = 'w';
	witness_all(fd, &m, "written");
	expect(state_is(fd, m.addr, write | PINSCOPE_STATE_DIRTY,
			write | PINSCOPE_STATE_DIRTY), "%s: not writable and dirty",
	       kind->name);
	if (!kind->hugetlb_shift)
		expect(state_is(fd, m.addr, soft, soft), "%s: not soft-dirty",
		       kind->name);
	if (!kind->shared)
		expect(state_is(fd, m.addr, exclusive, exclusive),
		       "%s: not exclusive", kind->name);

	need(!pipe(go), "pipe");
	child = fork();
	if (!child) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) != 0);
	}
	close(go[0]);
	witness_all(fd, &m, "shared with a child");
	if (!kind->shared)
		expect(state_is(fd, m.addr, exclusive | write, 0),
		       "%s: exclusive or writable with a child", kind->name);
	close(go[1]);
	waitpid(child, &status, 0);

	mprotect(m.addr, kind->len, PROT_READ);
	witness_all(fd, &m, "read-only");
	expect(state_is(fd, m.addr, write, 0), "%s: writable", kind->name);
	mprotect(m.addr, kind->len, PROT_NONE);
	witness_all(fd, &m, "without permissions");
	mprotect(m.addr, kind->len, PROT_READ | PROT_WRITE);

	if (kind->backing == BACKING_NONE) {
		uffd = arm_uffd_wp(&m);
		witness_all(fd, &m, "userfaultfd-wp");
		expect(state_is(fd, m.addr, PINSCOPE_STATE_UFFD_WP | write,
				PINSCOPE_STATE_UFFD_WP), "%s: no uffd-wp",
		       kind->name);
		close(uffd);
	}
	madvise(m.addr, kind->len, MADV_DONTNEED);
	witness_all(fd, &m, "empty");
	memory_close(&m);
}

static void test_witness(void)
{
	size_t nr, i;
	struct kind *kinds = kinds_get("/var/tmp", &nr);

	need(kinds && nr >= 10, "%zu kinds", nr);
	for (i = 0; i < nr; i++)
		witness_kind(&kinds[i]);
	free(kinds);
}

/* One THP, mapped by PTEs, with holes and single pages that are not exclusive. */
static void test_witness_pte_mapped_thp(void)
{
	struct pinscope_page *recs;
	struct memory m;
	int fd = open_ctl(), ret;
	size_t nr, i, pages = 0;

	get_memory(&m, fd, find_kind("anon-thp"), true);
	munmap(m.addr + 5 * page, page);
	madvise(m.addr + 100 * page, 2 * page, MADV_DONTNEED);
	for (i = 0; i < m.kind->len / page; i++)
		witness(fd, m.addr + i * page, "PTE-mapped THP");
	ret = ps_inspect(fd, m.addr, m.kind->len, &recs, &nr);
	need(!ret, "%s", ps_errno(ret));
	for (i = 0; i < nr; i++)
		pages += recs[i].pages;
	/* Three runs: the VMA ends at the hole, the entries at the other. */
	expect(nr == 3 && pages == m.kind->len / page - 3,
	       "%zu records, %zu pages", nr, pages);
	free(recs);
}

static void test_witness_swapped(void)
{
	const size_t len = 16 * page;
	char *addr = map(len, PROT_READ | PROT_WRITE, 0);
	struct pinscope_page *recs;
	int fd = open_ctl(), ret;
	size_t nr, i;

	memset(addr, 's', len);
	if (madvise(addr, len, MADV_PAGEOUT) || pagemap(addr) & PM_PRESENT)
		tap_skip("nothing is swapped out: is there swap?");
	for (i = 0; i < len; i += page)
		witness(fd, addr + i, "swapped");
	ret = ps_inspect(fd, addr, len, &recs, &nr);
	need(!ret, "%s", ps_errno(ret));
	/* Not empty, but with nothing to say yet: one run. */
	expect(nr == 1 && !recs[0].state && recs[0].pages == 16,
	       "%zu records", nr);
	free(recs);
}

/* --------------------------------------------------------- many at a time */

struct crowd {
	int fd;
	char *addr;
	volatile bool stop;
	uint32_t ids[8];
};

static void *crowd_member(void *arg)
{
	struct crowd *c = arg;
	struct pinscope_compare cmp;
	struct pinscope_page *recs;
	unsigned int seed = (uintptr_t)&seed, r;
	char byte;
	size_t nr;

	while (!c->stop) {
		r = rand_r(&seed);
		/* Others unpin these: any of the calls may find nothing. */
		if (r & 1)
			ps_pin(c->fd, r >> 1 & 1, PINSCOPE_FOLL_LONGTERM,
			       c->addr, 16 * page, &c->ids[r >> 4 & 7]);
		else
			ps_unpin(c->fd, c->ids[r >> 4 & 7]);
		ps_read(c->fd, c->ids[r >> 8 & 7], 5 * page + 1, &byte, 1);
		ps_compare(c->fd, c->ids[r >> 12 & 7], c->addr, &cmp);
		if (!ps_inspect(c->fd, c->addr, 1024 * page, &recs, &nr))
			free(recs);
	}
	return NULL;
}

/* Pin, use and unpin the same pins while the memory under them changes. */
static void test_crowd(void)
{
	struct crowd c = { .fd = open_ctl() };
	const size_t len = 1024 * page;
	pthread_t threads[4];
	pid_t child;
	int i;

	c.addr = map(len, PROT_READ | PROT_WRITE, 0);
	madvise(c.addr, len, MADV_HUGEPAGE);
	for (i = 0; i < 4; i++)
		need(!pthread_create(&threads[i], NULL, crowd_member, &c),
		     "pthread_create");
	for (i = 0; i < 300; i++) {
		switch (i % 6) {
		case 0:
			memset(c.addr, i, len);
			break;
		case 1:
			mprotect(c.addr, len / 2, PROT_READ);
			break;
		case 2:
			mprotect(c.addr, len / 2, PROT_READ | PROT_WRITE);
			break;
		case 3:
			madvise(c.addr + page, 100 * page, MADV_DONTNEED);
			break;
		case 4:
			child = fork();
			if (!child)
				_exit(0);
			waitpid(child, NULL, 0);
			break;
		case 5:
			mmap(c.addr, len, PROT_READ | PROT_WRITE, MAP_FIXED |
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			break;
		}
	}
	c.stop = true;
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static const struct test tests[] = {
	{ "struct sizes and pointers", test_struct_sizes },
	{ "unknown commands", test_unknown_commands },
	{ "PIN: bad ranges", test_pin_ranges },
	{ "INSPECT: bad ranges", test_inspect_ranges },
	{ "COMPARE: bad ranges", test_compare_ranges },
	{ "INSPECT: fields", test_inspect_fields },
	{ "PIN: flags that are not taken", test_flags_not_taken },
	{ "PIN: every combination of flags", test_every_combination },
	{ "ids: others', unknown, used up", test_ids },
	{ "READ: content and limits", test_read },
	{ "PIN: struct that cannot be written", test_pin_unwritable_struct },
	{ "PIN: partial", test_partial },
	{ "PIN: limit over all users", test_limit },
	{ "released on close", test_release_on_close },
	{ "released on SIGKILL", test_release_on_kill },
	{ "munmap under a pin", test_munmap_under_pin },
	{ "fork: each sees its own tables", test_fork },
	{ "permissions", test_permissions },
	{ "INSPECT: sparse terabyte", test_inspect_sparse },
	{ "huge: THP", test_huge_thp },
	{ "huge: hugetlb 2M", test_huge_hugetlb },
	{ "huge: hugetlb 1G", test_huge_gigantic },
	{ "INSPECT agrees with /proc: kinds and states", test_witness },
	{ "INSPECT agrees with /proc: PTE-mapped THP",
	  test_witness_pte_mapped_thp },
	{ "INSPECT agrees with /proc: swapped out", test_witness_swapped },
	{ "many threads on one file", test_crowd },
};

int main(int argc, char **argv)
{
	page = sysconf(_SC_PAGESIZE);
	return tap_run(tests, ARRAY_SIZE(tests), argc, argv, nothing_left);
}
