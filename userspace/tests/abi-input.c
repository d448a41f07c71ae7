// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad input changes nothing and gets the errno that fits.
 */
#include <stdint.h>
#include <sys/ioctl.h>

#include "abi.h"

/* ---------------------------------------------------------- bad structs */

/* The shortest struct is that of the version in which the command was new. */
#define END_OF(type, last)						\
	(offsetof(struct type, last) + sizeof(((struct type *)0)->last))
#define COMMAND(name, type, last)					\
	{ #name, PINSCOPE_IOC_##name, sizeof(struct type), END_OF(type, last) }

static const struct {
	const char *name;
	unsigned long cmd;
	uint32_t size;
	uint32_t min;
} commands[] = {
	COMMAND(INFO, pinscope_info, max_pages),
	COMMAND(PIN, pinscope_pin, elapsed_ns),
	COMMAND(UNPIN, pinscope_unpin, id),
	COMMAND(READ, pinscope_io, buf),
	COMMAND(INSPECT, pinscope_inspect, next),
	COMMAND(COMPARE, pinscope_compare, first_mismatch),
	COMMAND(WRITE, pinscope_io, buf),
	COMMAND(FAULT, pinscope_fault, retries),
	COMMAND(MAP_COUNTS, pinscope_map_counts, pfn_mkwrite),
	COMMAND(RSS, pinscope_rss, shmem),
};

static int call_sized(int fd, unsigned long cmd, void *buf, uint32_t size)
{
	memcpy(buf, &size, sizeof(size));
	return pinscope_ioctl(fd, cmd, buf);
}

static void test_struct_sizes(void)
{
	int fd = open_ctl(), zero, longer;
	uint32_t sizes[4] = { 0, 1 };
	char buf[2 * 4096], *end;
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		const char *name = commands[i].name;
		uint32_t size = commands[i].size;

		sizes[2] = commands[i].min - 4;
		sizes[3] = commands[i].min - 1;
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

		expect_ret(pinscope_ioctl(fd, commands[i].cmd, NULL), -EFAULT, name);
		expect_ret(pinscope_ioctl(fd, commands[i].cmd, UNMAPPED), -EFAULT, name);
		expect_ret(pinscope_ioctl(fd, commands[i].cmd, (void *)-4096L), -EFAULT,
			   name);
		/* The struct says that it goes on where nothing is mapped. */
		end = map(2 * page, PROT_READ | PROT_WRITE, 0);
		munmap(end + page, page);
		memcpy(end + page - 4, &size, sizeof(size));
		expect_ret(pinscope_ioctl(fd, commands[i].cmd, end + page - 4), -EFAULT,
			   name);
		munmap(end, page);
	}
}

/* A program that was built when the structs were shorter still works. */
static void test_first_version(void)
{
	struct {
		uint32_t size, call;
		uint64_t gup_flags, addr, len;
		uint32_t flags, id;
		uint64_t pages, elapsed_ns, beyond;
	} pin = {
		.size = 56, .call = 1, .gup_flags = 1 << 7, .len = 2 * page,
		.beyond = ~0ULL,
	};
	struct {
		uint64_t addr, pages, state, pfn, folio_pfn;
		int32_t refcount, mapcount, pincount;
		uint8_t order, shift;
		uint16_t reserved;
		uint64_t beyond;
	} rec = { .beyond = ~0ULL };
	struct {
		uint32_t size, record_size;
		uint64_t addr, len, records;
		uint32_t nr, reserved;
		uint64_t next, beyond;
	} inspect = {
		.size = 48, .record_size = 56, .len = page, .nr = 1,
		.beyond = ~0ULL,
	};
	struct {
		uint32_t size, id;
		uint64_t addr, pages, same, absent, first_mismatch, beyond;
	} cmp = { .size = 48, .beyond = ~0ULL };
	struct {
		uint32_t size, id, beyond;
	} unpin = { .size = 8, .beyond = ~0U };
	char *addr = map(2 * page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_ctl();

	pin.addr = pinscope_addr(addr);
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_PIN, &pin), 0, "PIN");
	expect(pin.id && pin.pages == 2, "id %u, %llu pages", pin.id,
	       (unsigned long long)pin.pages);
	inspect.addr = pinscope_addr(addr);
	inspect.records = pinscope_addr(&rec);
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &inspect), 0, "INSPECT");
	expect(inspect.nr == 1 && rec.pages == 1 && rec.pincount == 1,
	       "%u records", inspect.nr);
	cmp.id = pin.id;
	cmp.addr = pinscope_addr(addr);
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_COMPARE, &cmp), 0, "COMPARE");
	expect(cmp.same == 2, "%llu the same", (unsigned long long)cmp.same);
	unpin.id = pin.id;
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_UNPIN, &unpin), 0, "UNPIN");
	expect(!~pin.beyond && !~rec.beyond && !~inspect.beyond &&
	       !~cmp.beyond && !~unpin.beyond, "written beyond the end");
}

static void test_unknown_commands(void)
{
	int fd = open_ctl();
	struct pinscope_info info = { .size = sizeof(info) };

	expect_ret(pinscope_ioctl(fd, _IO(PINSCOPE_IOC_MAGIC, 63), &info), -ENOTTY,
		   "number 63");
	expect_ret(pinscope_ioctl(fd, _IO(PINSCOPE_IOC_MAGIC, 255), &info), -ENOTTY,
		   "number 255");
	expect_ret(pinscope_ioctl(fd, _IO('g', 0), &info), -ENOTTY, "another magic");
	expect_ret(pinscope_ioctl(fd, _IOWR(PINSCOPE_IOC_MAGIC, 0,
					    struct pinscope_info), &info), -ENOTTY,
		   "with a direction");
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
	unsigned int call;
	int fd = open_ctl(), want;
	struct pinscope_pin cmd;

	for (i = 0; i < nr; i++) {
		want = ranges[i].want ? ranges[i].want : ranges[i].want_pin;
		for (call = PINSCOPE_CALL_PIN; call <= PINSCOPE_CALL_PIN_FAST; call++) {
			cmd = (struct pinscope_pin) {
				.size = sizeof(cmd), .call = call,
				.gup_flags = PINSCOPE_FOLL_LONGTERM,
				.addr = ranges[i].addr, .len = ranges[i].len,
				.id = 77,
			};
			expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_PIN, &cmd), want,
				   ranges[i].name);
			expect(cmd.id == 77 && !get_info(fd).pinned_pages,
			       "%s: id %u, %llu pages pinned", ranges[i].name,
			       cmd.id, get_info(fd).pinned_pages);
		}
	}
	expect(!pins_now(), "%ld", pins_now());
}

static void test_fault_ranges(void)
{
	struct range ranges[20];
	size_t nr = get_ranges(ranges), i;
	struct pinscope_fault out;
	int fd = open_ctl(), ret, want;

	for (i = 0; i < nr; i++) {
		want = ranges[i].want ? ranges[i].want : ranges[i].want_pin;
		if (want == -ENOMEM)
			continue;	/* to FAULT, it is just long */
		ret = pinscope_fault(fd, pinscope_self(), ranges[i].addr, ranges[i].len, 0,
				     NULL, &out);
		if (!strcmp(ranges[i].name, "partly mapped")) {
			expect_ret(ret, 0, ranges[i].name);
			expect(out.pages == 1, "%s: %llu pages", ranges[i].name,
			       out.pages);
		} else {
			expect_ret(ret, want, ranges[i].name);
		}
	}
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
		expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd),
			   ranges[i].want, ranges[i].name);
	}
}

static void test_compare_ranges(void)
{
	struct range ranges[20];
	size_t nr = get_ranges(ranges), i;
	struct pinscope_compare cmd = {};
	int fd = open_ctl(), ret;
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	uint32_t id;

	ret = pinscope_pin(fd, PINSCOPE_CALL_PIN, 0, addr, page, &id);
	need(!ret, "%s", pinscope_errno(ret));
	for (i = 0; i < nr; i++) {
		if (ranges[i].len != page)
			continue;	/* COMPARE has its length from the pin */
		ret = pinscope_compare(fd, id, pinscope_self(), ranges[i].addr, &cmd);
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

	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd), 0, "good");
	expect(cmd.nr == 1 && cmd.next == good.addr + page, "nr %u", cmd.nr);
	cmd = good;
	cmd.nr = 0;
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd), -EINVAL, "nr 0");
	cmd = good;
	cmd.reserved = 1;
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd), -EINVAL, "reserved");
	cmd = good;
	cmd.record_size = 55;	/* it was never that short */
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd), -EINVAL, "short record");
	cmd = good;
	cmd.record_size = page + 1;
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd), -EINVAL, "long record");
	cmd = good;
	cmd.records = (uintptr_t)UNMAPPED;
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd), -EFAULT, "records");
	cmd = good;
	cmd.records = 0xffff888000000000;
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd), -EFAULT,
		   "records in the kernel");
	cmd = good;
	cmd.records = (uintptr_t)&longer;
	cmd.record_size = sizeof(longer);
	memset(&longer, 0xff, sizeof(longer));
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd), 0, "longer record");
	expect(!longer.more, "what the module does not know is not cleared");
	expect(longer.rec.addr == good.addr, "0x%llx", longer.rec.addr);
}

/* ------------------------------------------------------------ bad flags */

static void test_flags_not_taken(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	struct pinscope_info info;
	int fd = open_ctl(), bit;
	unsigned int call;
	uint32_t id;

	info = get_info(fd);
	for (call = 0; call < 70; call++) {
		if (call >= PINSCOPE_CALLS) {
			expect_ret(pinscope_pin(fd, call, 0, addr, page, &id), -EINVAL,
				   "unknown way");
			continue;
		}
		if (!(info.calls & 1ULL << call)) {
			expect_ret(pinscope_pin(fd, call, 0, addr, page, &id),
				   -EOPNOTSUPP, pinscope_name(pinscope_call_names, call));
			continue;
		}
		for (bit = 0; bit < 64; bit++)
			if (!(info.gup_flags[call] & 1ULL << bit))
				expect_ret(pinscope_pin(fd, call, 1ULL << bit, addr,
							page, &id), -EINVAL,
					   "a flag that is not taken");
		expect_ret(pinscope_pin(fd, call, PINSCOPE_FOLL_LONGTERM |
					PINSCOPE_FOLL_PCI_P2PDMA, addr, page, &id),
			   -EINVAL, "LONGTERM|PCI_P2PDMA");
	}
	expect_ret(pinscope_pin(fd, UINT32_MAX, 0, addr, page, &id), -EINVAL,
		   "unknown way");
	/* What is not in one of the two is a gap in this test. */
	expect(info.calls == ((1U << PINSCOPE_CALLS) - 1 - (1U << PINSCOPE_CALL_PIN_FAST_ONLY)) ||
	       info.calls == (1U << PINSCOPE_CALL_PIN_MEMFD) - 1, "ways 0x%llx",
	       info.calls);

	struct pinscope_pin cmd = {
		.size = sizeof(cmd), .addr = (uintptr_t)addr, .len = page,
		.flags = ~(uint32_t)PINSCOPE_PIN_PARTIAL,
	};
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_PIN, &cmd), -EINVAL, "PIN's flags");
}

/* GUP warns about what it does not take, and the guest panics on a warning. */
static void test_every_combination(void)
{
	char *memory[5] = {
		map(page, PROT_READ | PROT_WRITE, MAP_POPULATE),
		map(page, PROT_READ, 0),
		map(page, PROT_NONE, 0),
		UNMAPPED,
	};
	struct pinscope_info info;
	int fd = open_ctl(), ret;
	unsigned int call, m, tried = 0;
	uint64_t gup_flags, taken;
	uint32_t id;

	expect_ret(pinscope_map(pinscope_open_map(), PINSCOPE_MAP_PFNMAP, page, PROT_READ,
				MAP_PRIVATE, (void **)&memory[4]), 0, "mmap of map");
	info = get_info(fd);
	for (call = 0; call < PINSCOPE_CALLS; call++) {
		/* GET is implied where it is taken. */
		taken = info.gup_flags[call] & ~PINSCOPE_FOLL_GET;
		/* All subsets of the bits in taken. */
		gup_flags = 0;
		do {
			for (m = 0; m < ARRAY_SIZE(memory); m++) {
				ret = pinscope_pin(fd, call, gup_flags, memory[m], page,
						   &id);
				if (!ret)
					ret = pinscope_unpin(fd, id);
				expect(!ret || ret == -EFAULT ||
				       ret == -EINVAL || ret == -EAGAIN ||
				       ret == -EOPNOTSUPP || ret == -ENOENT ||
				       ret == -EEXIST,
				       "way %u foll 0x%llx memory %u: %s", call,
				       (unsigned long long)gup_flags, m,
				       pinscope_errno(ret));
				tried++;
			}
			gup_flags = (gup_flags - taken) & taken;
		} while (gup_flags);
	}
	expect(tried > 1000, "only %u", tried);
}

/* ---------------------------------------------------------- ids and READ */

static void test_ids(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	int a = open_ctl(), b = open_ctl(), ret;
	struct pinscope_compare cmp = {};
	uint32_t id, other;
	char byte;

	ret = pinscope_pin(a, PINSCOPE_CALL_PIN_FAST, 0, addr, page, &id);
	need(!ret, "%s", pinscope_errno(ret));
	expect(id, "ids start at 1");
	expect_ret(pinscope_unpin(b, id), -ENOENT, "UNPIN another's id");
	expect_ret(pinscope_read(b, id, 0, &byte, 1), -ENOENT, "READ another's id");
	expect_ret(pinscope_compare(b, id, pinscope_self(), pinscope_addr(addr), &cmp), -ENOENT,
		   "COMPARE another's id");
	expect_ret(pinscope_unpin(a, 0), -ENOENT, "id 0");
	expect_ret(pinscope_unpin(a, UINT32_MAX), -ENOENT, "id of all ones");
	expect_ret(pinscope_read(a, id + 1, 0, &byte, 1), -ENOENT, "unknown id");

	ret = pinscope_pin(b, PINSCOPE_CALL_PIN_FAST, 0, addr, page, &other);
	need(!ret, "%s", pinscope_errno(ret));
	expect(other == id, "two opens count alike: %u and %u", id, other);
	expect_ret(pinscope_unpin(a, id), 0, "UNPIN");
	expect_ret(pinscope_unpin(a, id), -ENOENT, "UNPIN twice");
	expect_ret(pinscope_read(a, id, 0, &byte, 1), -ENOENT, "READ after UNPIN");
	expect_ret(pinscope_read(b, other, 0, &byte, 1), 0, "the other's is there");
	expect(get_info(a).pinned_pages == 1, "%llu",
	       get_info(a).pinned_pages);
}

/* ------------------------------------------------- fields of all commands */

/* Every field that has to be 0, or has values that it does not take. */
static void test_fields(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_ctl(), map_fd = pinscope_open_map();
	uint32_t id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, page);
	uint64_t bitmap[2];
	const struct pinscope_pin pins[] = {
		{ .batch = 1U << 31 }, { .flags = 2 }, { .flags = 1U << 31 },
	};
	const struct pinscope_unpin unpins[] = {
		{ .reserved = 1 }, { .flags = 2 }, { .offset = 1, .len = page },
		{ .len = 1 }, { .len = page + 1 }, { .offset = page },
	};
	const struct pinscope_compare compares[] = {
		{ .bitmap_size = 8 },
		{ .bitmap = pinscope_addr(bitmap), .bitmap_size = 12 },
	};
	const struct pinscope_fault faults[] = {
		{ .reserved = 1 }, { .reserved2 = 1 }, { .flags = 1ULL << 63 },
		{ .flags = PINSCOPE_FAULT_UNSHARE | PINSCOPE_FAULT_WRITE },
		{ .flags = PINSCOPE_FAULT_RETRY_NOWAIT },
		{ .flags = PINSCOPE_FAULT_TRIED },
	};
	struct pinscope_map_counts counts = {
		.size = sizeof(counts), .reserved = 1,
	};
	struct pinscope_rss rss = { .size = sizeof(rss), .reserved = 1 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pins); i++) {
		struct pinscope_pin cmd = pins[i];

		cmd.addr = pinscope_addr(addr);
		cmd.len = page;
		expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "PIN");
	}
	for (i = 0; i < ARRAY_SIZE(unpins); i++) {
		struct pinscope_unpin cmd = unpins[i];

		cmd.size = sizeof(cmd);
		cmd.id = id;
		expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_UNPIN, &cmd), -EINVAL,
			   "UNPIN");
	}
	expect_ret(pinscope_unpin_part(fd, id, 0, 2 * page, 0, NULL), -ERANGE,
		   "UNPIN beyond the end");
	expect_ret(pinscope_unpin_part(fd, id, page, page, 0, NULL), -ERANGE,
		   "UNPIN at the end");
	expect_ret(pinscope_unpin_part(fd, id, -page, 2 * page, 0, NULL), -ERANGE,
		   "UNPIN that wraps");
	expect_ret(pinscope_unpin_part(fd, id, 0, 0, PINSCOPE_UNPIN_DIRTY, NULL),
		   -EACCES, "dirty without FOLL_WRITE");
	for (i = 0; i < ARRAY_SIZE(compares); i++) {
		struct pinscope_compare cmd = compares[i];

		expect_ret(pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr), &cmd),
			   -EINVAL, "COMPARE");
	}
	struct pinscope_compare cmp = { .bitmap = pinscope_addr(bitmap) };

	expect_ret(pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr), &cmp), -ERANGE,
		   "COMPARE: bitmap too small");
	cmp.bitmap = pinscope_addr(UNMAPPED);
	cmp.bitmap_size = 8;
	expect_ret(pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr), &cmp), -EFAULT,
		   "COMPARE: bitmap that is not there");
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		struct pinscope_fault cmd = faults[i];

		cmd.size = sizeof(cmd);
		cmd.addr = pinscope_addr(addr);
		cmd.len = page;
		expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_FAULT, &cmd), -EINVAL,
			   "FAULT");
	}
	expect_ret(pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page, 0, UNMAPPED,
				  NULL), -EFAULT, "FAULT: results");
	expect_ret(pinscope_ioctl(map_fd, PINSCOPE_IOC_MAP_COUNTS, &counts), -EINVAL,
		   "MAP_COUNTS");
	expect_ret(pinscope_map_counts(fd, &counts), -ENXIO, "MAP_COUNTS of ctl");
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_RSS, &rss), -EINVAL, "RSS");
	expect_ret(pinscope_rss(fd, (struct pinscope_target) { PINSCOPE_TARGET_PIN, id }, &rss),
		   -EINVAL, "RSS of a pin");
	expect(get_info(fd).pinned_pages == 1, "%llu",
	       get_info(fd).pinned_pages);
	close(map_fd);
}

static void test_write_input(void)
{
	char *addr = map(2 * page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_ctl();
	uint32_t ro = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, addr,
			  page);
	uint32_t rw = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE, addr,
			  2 * page);

	memset(addr, 'a', 2 * page);
	expect_ret(pinscope_write(fd, ro, 0, "x", 1), -EACCES, "without FOLL_WRITE");
	expect_ret(pinscope_write(fd, rw, 2 * page, "x", 1), -ERANGE, "at the end");
	expect_ret(pinscope_write(fd, rw, 2 * page - 1, "xx", 2), -ERANGE,
		   "over the end");
	expect_ret(pinscope_write(fd, rw, -1ULL, "xx", 2), -ERANGE, "wraps");
	expect_ret(pinscope_write(fd, rw, 0, UNMAPPED, 1), -EFAULT, "bad buffer");
	expect_ret(pinscope_write(fd, rw + 1, 0, "x", 1), -ENOENT, "unknown id");
	expect_ret(pinscope_write(fd, rw, page, "x", 0), 0, "nothing");
	expect(addr[0] == 'a' && addr[2 * page - 1] == 'a', "written all the same");
}

/* mmap() of map: what it does not have, and what a driver cannot give. */
static void test_map_input(void)
{
	int fd = pinscope_open_map(), ctl = open_ctl();
	static const struct {
		const char *name;
		uint64_t offset;
		size_t len;
	} bad[] = {
		{ "unknown map", PINSCOPE_MAP_OFFSET(PINSCOPE_MAPS), 4096 },
		{ "far off", 1ULL << 43, 4096 },
		{ "too long", 0, PINSCOPE_MAP_SIZE + 4096 },
		{ "over the end", PINSCOPE_MAP_SIZE - 4096, 8192 },
		{ "beyond the end", PINSCOPE_MAP_SIZE, 4096 },
	};
	void *addr;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		addr = mmap(NULL, bad[i].len, PROT_READ, MAP_PRIVATE, fd,
			    bad[i].offset);
		expect(addr == MAP_FAILED && errno == EINVAL, "%s: %s",
		       bad[i].name, addr == MAP_FAILED ? pinscope_errno(errno) :
		       "success");
	}
	addr = mmap(NULL, page, PROT_READ, MAP_PRIVATE, ctl, 0);
	expect(addr == MAP_FAILED && errno == ENODEV, "mmap of ctl");
	expect_ret(pinscope_map(fd, PINSCOPE_MAP_MIXED_PAGE, page, PROT_READ,
				MAP_SHARED, &addr), 0, "a good one");
	addr = mremap(addr, page, 2 * page, MREMAP_MAYMOVE);
	expect(addr == MAP_FAILED && errno == EFAULT, "grows");
	close(fd);
}

const struct test input_tests[] = {
	{ "struct sizes and pointers", test_struct_sizes },
	{ "callers of the first version", test_first_version },
	{ "unknown commands", test_unknown_commands },
	{ "PIN: bad ranges", test_pin_ranges },
	{ "FAULT: bad ranges", test_fault_ranges },
	{ "INSPECT: bad ranges", test_inspect_ranges },
	{ "COMPARE: bad ranges", test_compare_ranges },
	{ "INSPECT: fields", test_inspect_fields },
	{ "PIN: flags that are not taken", test_flags_not_taken },
	{ "PIN: every combination of flags", test_every_combination },
	{ "ids: others', unknown, used up", test_ids },
	{ "all commands: bad fields", test_fields },
	{ "WRITE: bad input", test_write_input },
	{ "map: bad input", test_map_input },
	{}
};
