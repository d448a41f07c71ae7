// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad input changes nothing and gets the errno that fits.
 */
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "abi.h"

/* An id that no PIN of these tests returns: an error must leave it alone. */
#define NO_ID	77

/* ---------------------------------------------------------- bad structs */

/* The shortest struct is that of the version in which the command was new. */
#define END_OF(type, last)						\
	(offsetof(struct type, last) + sizeof(((struct type *)0)->last))
#define COMMAND(name, type, last)					\
	{ #name, PINSCOPE_IOC_##name, sizeof(struct type), END_OF(type, last) }

static const struct command {
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
	COMMAND(TRACK, pinscope_track, forgotten),
	COMMAND(HOLDERS, pinscope_holders, reserved),
};

/* The command with a struct of zeroes but for its size, and one byte. */
static int call_sized(int fd, const struct command *c, uint32_t size,
		      uint32_t nonzero)
{
	char buf[1024] = {};

	memcpy(buf, &size, sizeof(size));
	if (nonzero)
		buf[nonzero] = 1;
	return pinscope_ioctl(fd, c->cmd, buf);
}

static void command_sizes(int fd, const struct command *c)
{
	const uint32_t too_short[] = { 0, 1, c->min - 4, c->min - 1 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(too_short); i++)
		expect_ret(call_sized(fd, c, too_short[i], 0), -EINVAL,
			   "%u bytes", too_short[i]);
	/* A longer struct means the same while the rest is zero. */
	expect_ret(call_sized(fd, c, c->size + 64, 0),
		   call_sized(fd, c, c->size, 0), "longer, with zeroes");
	expect_ret(call_sized(fd, c, c->size + 64, c->size + 63), -E2BIG,
		   "longer, with a byte that the module does not know");
	expect_ret(call_sized(fd, c, page + 1, 0), -E2BIG);
	expect_ret(call_sized(fd, c, UINT32_MAX, 0), -E2BIG);
}

static void command_pointers(int fd, const struct command *c)
{
	char *end = map_anon(2 * page, RW, 0) + page;

	munmap(end, page);
	expect_ret(pinscope_ioctl(fd, c->cmd, NULL), -EFAULT);
	expect_ret(pinscope_ioctl(fd, c->cmd, UNMAPPED), -EFAULT);
	expect_ret(pinscope_ioctl(fd, c->cmd, (void *)-page), -EFAULT);
	/* The struct says that it goes on where nothing is mapped. */
	memcpy(end - 4, &c->size, sizeof(c->size));
	expect_ret(pinscope_ioctl(fd, c->cmd, end - 4), -EFAULT);
	munmap(end - page, page);
}

static void test_structs(struct abi_fixture *f)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		tap_context("%s", commands[i].name);
		command_sizes(f->ctl, &commands[i]);
		command_pointers(f->ctl, &commands[i]);
	}
}

/* A program that was built when the structs were shorter still works. */
static void test_first_version(struct abi_fixture *f)
{
	struct {
		uint32_t size, call;
		uint64_t gup_flags, addr, len;
		uint32_t flags, id;
		uint64_t pages, elapsed_ns, beyond;
	} pin1 = {
		.size = 56, .call = 1, .gup_flags = 1 << 7, .len = 2 * page,
		.addr = pinscope_addr(f->mem), .beyond = ~0ULL,
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
	} inspect1 = {
		.size = 48, .record_size = 56, .len = page, .nr = 1,
		.addr = pinscope_addr(f->mem), .records = pinscope_addr(&rec),
		.beyond = ~0ULL,
	};
	struct {
		uint32_t size, id;
		uint64_t addr, pages, same, absent, first_mismatch, beyond;
	} compare1 = {
		.size = 48, .addr = pinscope_addr(f->mem), .beyond = ~0ULL,
	};
	struct {
		uint32_t size, id, beyond;
	} unpin1 = { .size = 8, .beyond = ~0U };

	need_ok(pinscope_ioctl(f->ctl, PINSCOPE_IOC_PIN, &pin1));
	expect_ne(pin1.id, 0);
	expect_eq(pin1.pages, 2);
	expect_ok(pinscope_ioctl(f->ctl, PINSCOPE_IOC_INSPECT, &inspect1));
	expect_eq(inspect1.nr, 1);
	expect_eq(rec.pages, 1);
	expect_eq(rec.pincount, 1);
	compare1.id = pin1.id;
	expect_ok(pinscope_ioctl(f->ctl, PINSCOPE_IOC_COMPARE, &compare1));
	expect_eq(compare1.same, 2);
	unpin1.id = pin1.id;
	expect_ok(pinscope_ioctl(f->ctl, PINSCOPE_IOC_UNPIN, &unpin1));
	tap_context("the module wrote beyond the end of the struct");
	expect_eq(pin1.beyond, ~0ULL);
	expect_eq(rec.beyond, ~0ULL);
	expect_eq(inspect1.beyond, ~0ULL);
	expect_eq(compare1.beyond, ~0ULL);
	expect_eq(unpin1.beyond, ~0U);
}

static void test_unknown_commands(struct abi_fixture *f)
{
	struct pinscope_info info = { .size = sizeof(info) };
	const unsigned long unknown[] = {
		_IO(PINSCOPE_IOC_MAGIC, 63),
		_IO(PINSCOPE_IOC_MAGIC, 255),
		_IO('g', 0),				/* another magic */
		_IOWR(PINSCOPE_IOC_MAGIC, 0, struct pinscope_info),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		expect_ret(pinscope_ioctl(f->ctl, unknown[i], &info), -ENOTTY,
			   "command 0x%lx", unknown[i]);
}

/* ----------------------------------------------------------- bad ranges */

struct range {
	const char *name;
	uint64_t addr;
	uint64_t len;
	int want;		/* of every command that takes a range */
	int want_pin;		/* of PIN, when the others accept it */
	uint64_t faulted;	/* pages that FAULT handles before the error */
};

struct ranges {
	struct range range[20];
	size_t nr;
};

/* The last page of the fixture's memory is populated, and a hole is behind. */
static struct ranges get_ranges(struct abi_fixture *f)
{
	const uint64_t limit = get_info(f->ctl).max_pages * page;
	const uint64_t top = -(uint64_t)page;
	uint64_t good = pinscope_addr(f->mem + f->len / 2) - page;
	uint64_t sparse;

	munmap(f->mem + f->len / 2, f->len / 2);
	sparse = pinscope_addr(map_anon(limit + page, PROT_READ, MAP_NORESERVE));

	const struct range all[] = {
		{ "unaligned address", good + 1, page, -EINVAL, 0, 0 },
		{ "unaligned length", good, page - 1, -EINVAL, 0, 0 },
		{ "empty", good, 0, -EINVAL, 0, 0 },
		{ "wraps around", top, 2 * page, -EOVERFLOW, 0, 0 },
		{ "wraps to zero", top, page, -EOVERFLOW, 0, 0 },
		{ "whole address space", 0, top, -EFAULT, 0, 0 },
		{ "kernel", KERNEL_ADDR, page, -EFAULT, 0, 0 },
		{ "non-canonical", 1ULL << 60, page, -EFAULT, 0, 0 },
		{ "end of user memory", (1ULL << 56) - page, page, -EFAULT, 0, 0 },
		{ "longer than user memory", good, 1ULL << 62, -EFAULT, 0, 0 },
		{ "unmapped", pinscope_addr(UNMAPPED), page, 0, -EFAULT, 0 },
		{ "address 0", 0, page, 0, -EFAULT, 0 },
		{ "partly mapped", good, 2 * page, 0, -EFAULT, 1 },
		{ "over the limit", sparse, limit + page, 0, -ENOMEM, 0 },
	};
	struct ranges ranges = { .nr = ARRAY_SIZE(all) };

	memcpy(ranges.range, all, sizeof(all));
	return ranges;
}

static void test_pin_ranges(struct abi_fixture *f)
{
	const struct ranges ranges = get_ranges(f);
	const struct range *r;
	struct pinscope_pin cmd;
	unsigned int call;

	for (r = ranges.range; r < ranges.range + ranges.nr; r++) {
		for (call = PINSCOPE_CALL_PIN; call <= PINSCOPE_CALL_PIN_FAST; call++) {
			tap_context("%s, %s", r->name,
				    pinscope_name(pinscope_call_names, call));
			cmd = (struct pinscope_pin) {
				.call = call, .id = NO_ID, .addr = r->addr,
				.gup_flags = PINSCOPE_FOLL_LONGTERM,
				.len = r->len,
			};
			expect_ret(pinscope_pin_cmd(f->ctl, &cmd),
				   r->want ? r->want : r->want_pin);
			expect_eq(cmd.id, NO_ID);
			expect_eq(pages_pinned(), 0);
		}
	}
	tap_context("in the end");
	expect_nothing_pinned();
}

static void test_fault_ranges(struct abi_fixture *f)
{
	const struct ranges ranges = get_ranges(f);
	const struct range *r;
	struct pinscope_fault out;
	int want;

	for (r = ranges.range; r < ranges.range + ranges.nr; r++) {
		want = r->want ? r->want : r->want_pin;
		if (want == -ENOMEM)
			continue;	/* FAULT has no limit: it is only long */
		tap_context("%s", r->name);
		expect_ret(pinscope_fault(f->ctl, pinscope_self(), r->addr,
					  r->len, 0, NULL, &out),
			   r->faulted ? 0 : want);
		if (r->faulted)
			expect_eq(out.pages, r->faulted);
	}
}

static void test_inspect_ranges(struct abi_fixture *f)
{
	const struct ranges ranges = get_ranges(f);
	const struct range *r;
	struct pinscope_inspect cmd;
	struct pinscope_page rec[4];

	for (r = ranges.range; r < ranges.range + ranges.nr; r++) {
		cmd = (struct pinscope_inspect) {
			.size = sizeof(cmd), .record_size = sizeof(rec[0]),
			.addr = r->addr, .len = r->len,
			.records = pinscope_addr(rec), .nr = ARRAY_SIZE(rec),
		};
		expect_ret(pinscope_ioctl(f->ctl, PINSCOPE_IOC_INSPECT, &cmd),
			   r->want, "%s", r->name);
	}
}

static void test_compare_ranges(struct abi_fixture *f)
{
	const struct ranges ranges = get_ranges(f);
	const struct range *r;
	struct pinscope_compare cmp = {};
	uint32_t id = pin(f->ctl, PINSCOPE_CALL_PIN, 0, f->mem, page);
	int ret;

	for (r = ranges.range; r < ranges.range + ranges.nr; r++) {
		if (r->len != page)
			continue;	/* COMPARE has its length from the pin */
		tap_context("%s", r->name);
		ret = pinscope_compare(f->ctl, id, pinscope_self(), r->addr,
				       &cmp);
		expect_ret(ret, r->want);
		if (ret)
			continue;
		expect_eq(cmp.absent, 1);
		expect_eq(cmp.same, 0);
		expect_eq(cmp.first_mismatch, 0);
	}
}

static void test_inspect_fields(struct abi_fixture *f)
{
	struct { struct pinscope_page rec; uint64_t more; } longer;
	struct pinscope_page rec;
	const struct pinscope_inspect good = {
		.size = sizeof(good), .record_size = sizeof(rec),
		.addr = pinscope_addr(f->mem), .len = page,
		.records = pinscope_addr(&rec), .nr = 1,
	};
	struct pinscope_inspect bad[] = { good, good, good, good, good, good };
	struct pinscope_inspect cmd = good;
	size_t i;

	expect_ok(pinscope_ioctl(f->ctl, PINSCOPE_IOC_INSPECT, &cmd));
	expect_eq(cmd.nr, 1);
	expect_eq(cmd.next, good.addr + page);
	bad[0].nr = 0;
	bad[1].reserved = 1;
	bad[2].record_size = 55;	/* it was never that short */
	bad[3].record_size = page + 1;
	bad[4].records = pinscope_addr(UNMAPPED);
	bad[5].records = KERNEL_ADDR;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_ret(pinscope_ioctl(f->ctl, PINSCOPE_IOC_INSPECT, &bad[i]),
			   i < 4 ? -EINVAL : -EFAULT, "bad[%zu]", i);
	cmd = good;
	cmd.records = pinscope_addr(&longer);
	cmd.record_size = sizeof(longer);
	memset(&longer, 0xff, sizeof(longer));
	expect_ok(pinscope_ioctl(f->ctl, PINSCOPE_IOC_INSPECT, &cmd));
	expect_eq(longer.more, 0, "the module clears what it does not know");
	expect_eq(longer.rec.addr, good.addr);
}

/* ------------------------------------------------------------ bad gup_flags */

/* Every bit that a call does not take. */
static void refused_bits(int fd, unsigned int call, uint64_t taken,
			 const char *addr)
{
	uint32_t id;
	int bit;

	for (bit = 0; bit < 64; bit++)
		if (!(taken & 1ULL << bit))
			expect_ret(pinscope_pin(fd, call, 1ULL << bit, addr,
						page, &id), -EINVAL,
				   "gup_flags bit %d", bit);
	expect_ret(pinscope_pin(fd, call, PINSCOPE_FOLL_LONGTERM |
				PINSCOPE_FOLL_PCI_P2PDMA, addr, page, &id),
		   -EINVAL, "LONGTERM|PCI_P2PDMA");
}

static void test_refused_gup_flags(struct abi_fixture *f)
{
	const uint64_t until_6_2 = (1U << PINSCOPE_CALL_PIN_MEMFD) - 1;
	const uint64_t all = (1U << PINSCOPE_CALLS) - 1;
	struct pinscope_info info = get_info(f->ctl);
	struct pinscope_pin cmd = {
		.addr = pinscope_addr(f->mem), .len = page,
		.flags = ~(uint32_t)PINSCOPE_PIN_PARTIAL,
	};
	unsigned int call;
	uint32_t id;

	for (call = 0; call < PINSCOPE_CALLS; call++) {
		tap_context("%s", pinscope_name(pinscope_call_names, call));
		if (info.calls & 1ULL << call)
			refused_bits(f->ctl, call, info.gup_flags[call], f->mem);
		else
			expect_ret(pinscope_pin(f->ctl, call, 0, f->mem, page,
						&id), -EOPNOTSUPP);
	}
	tap_context("unknown call");
	for (; call < 70; call++)
		expect_ret(pinscope_pin(f->ctl, call, 0, f->mem, page, &id),
			   -EINVAL, "%u", call);
	expect_ret(pinscope_pin(f->ctl, UINT32_MAX, 0, f->mem, page, &id),
		   -EINVAL);
	/* A kernel with other calls than these is a gap in this test. */
	if (info.calls != until_6_2)
		expect_eq(info.calls,
			  all & ~(1ULL << PINSCOPE_CALL_PIN_FAST_ONLY));
	expect_ret(pinscope_pin_cmd(f->ctl, &cmd), -EINVAL, "flags of PIN");
}

/* Pins with every subset of @taken, and unpins. Returns how many. */
static unsigned int all_gup_flags(int fd, unsigned int call, uint64_t taken,
				  const char *addr)
{
	static const int allowed[] = {
		0, -EFAULT, -EINVAL, -EAGAIN, -EOPNOTSUPP, -ENOENT, -EEXIST,
	};
	uint64_t gup_flags = 0;
	unsigned int tried = 0;
	char names[200];
	size_t i;
	uint32_t id;
	int ret;

	do {
		ret = pinscope_pin(fd, call, gup_flags, addr, page, &id);
		if (!ret)
			ret = pinscope_unpin(fd, id);
		for (i = 0; i < ARRAY_SIZE(allowed) && ret != allowed[i]; i++)
			;
		expect(i < ARRAY_SIZE(allowed), "gup_flags %s: %s",
		       pinscope_names(pinscope_gup_flags_names, gup_flags,
				      names, sizeof(names)),
		       pinscope_errno(ret));
		gup_flags = (gup_flags - taken) & taken;
		tried++;
	} while (gup_flags);
	return tried;
}

/* GUP warns about what it does not take, and the guest panics on a warning. */
static void test_every_combination(struct abi_fixture *f)
{
	struct {
		const char *name;
		void *addr;
	} memory[] = {
		{ "populated", f->mem },
		{ "read-only", map_anon(page, PROT_READ, 0) },
		{ "PROT_NONE", map_anon(page, PROT_NONE, 0) },
		{ "unmapped", UNMAPPED },
		{ "pfnmap", NULL },
	};
	struct pinscope_info info = get_info(f->ctl);
	unsigned int call, m, tried = 0;
	int map_fd = open_map();

	need_ok(pinscope_map(map_fd, PINSCOPE_MAP_PFNMAP, page, PROT_READ,
			     MAP_PRIVATE, &memory[4].addr));
	for (call = 0; call < PINSCOPE_CALLS; call++) {
		for (m = 0; m < ARRAY_SIZE(memory); m++) {
			tap_context("%s, %s", memory[m].name,
				    pinscope_name(pinscope_call_names, call));
			/* The get calls imply GET. */
			tried += all_gup_flags(f->ctl, call, info.gup_flags[call] &
					       ~PINSCOPE_FOLL_GET,
					       memory[m].addr);
		}
	}
	tap_context("in the end");
	expect_gt(tried, 1000);
	close(map_fd);
}

/* --------------------------------------------------------------------- ids */

static void test_ids(struct abi_fixture *f)
{
	int a = f->ctl, b = open_another_ctl();
	struct pinscope_compare cmp = {};
	uint32_t id, other;
	char byte;

	id = pin(a, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	expect_eq(id, 1, "the first id of an open file");
	tap_context("of another open file");
	expect_ret(pinscope_unpin(b, id), -ENOENT);
	expect_ret(pinscope_read(b, id, 0, &byte, 1), -ENOENT);
	expect_ret(pinscope_compare(b, id, pinscope_self(),
				    pinscope_addr(f->mem), &cmp), -ENOENT);
	tap_context("unknown");
	expect_ret(pinscope_unpin(a, 0), -ENOENT);
	expect_ret(pinscope_unpin(a, UINT32_MAX), -ENOENT);
	expect_ret(pinscope_read(a, id + 1, 0, &byte, 1), -ENOENT);

	tap_context("the same id in two open files");
	other = pin(b, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	expect_eq(other, id);
	expect_ok(pinscope_unpin(a, id));
	expect_ret(pinscope_unpin(a, id), -ENOENT, "a second time");
	expect_ret(pinscope_read(a, id, 0, &byte, 1), -ENOENT, "after UNPIN");
	expect_ok(pinscope_read(b, other, 0, &byte, 1), "still pinned");
	expect_eq(pages_pinned(), 1);
}

/* ------------------------------------------------- fields of all commands */

/* Every field that has to be 0, or has values that it does not take. */
static void fields_of_pin(struct abi_fixture *f)
{
	const struct pinscope_pin pins[] = {
		{ .batch = 1U << 31 }, { .flags = 2 }, { .flags = 1U << 31 },
	};
	struct pinscope_pin cmd;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pins); i++) {
		cmd = pins[i];
		cmd.addr = pinscope_addr(f->mem);
		cmd.len = page;
		expect_ret(pinscope_pin_cmd(f->ctl, &cmd), -EINVAL,
			   "pins[%zu]", i);
	}
}

static void fields_of_unpin(struct abi_fixture *f, uint32_t id)
{
	const struct pinscope_unpin unpins[] = {
		{ .reserved = 1 }, { .flags = 2 }, { .offset = 1, .len = page },
		{ .len = 1 }, { .len = page + 1 }, { .offset = page },
	};
	struct pinscope_unpin cmd;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unpins); i++) {
		cmd = unpins[i];
		cmd.size = sizeof(cmd);
		cmd.id = id;
		expect_ret(pinscope_ioctl(f->ctl, PINSCOPE_IOC_UNPIN, &cmd),
			   -EINVAL, "unpins[%zu]", i);
	}
	expect_ret(pinscope_unpin_part(f->ctl, id, 0, 2 * page, 0, NULL),
		   -ERANGE, "beyond the end");
	expect_ret(pinscope_unpin_part(f->ctl, id, page, page, 0, NULL),
		   -ERANGE, "at the end");
	expect_ret(pinscope_unpin_part(f->ctl, id, -page, 2 * page, 0, NULL),
		   -ERANGE, "wraps around");
	expect_ret(pinscope_unpin_part(f->ctl, id, 0, 0, PINSCOPE_UNPIN_DIRTY,
				       NULL), -EACCES, "without FOLL_WRITE");
}

static void fields_of_compare(struct abi_fixture *f, uint32_t id)
{
	uint64_t bitmap[2];
	const struct {
		const char *what;
		struct pinscope_compare cmd;
		int want;
	} compares[] = {
		{ "size without a bitmap", { .bitmap_size = 8 }, -EINVAL },
		{ "size that is no multiple of 8",
		  { .bitmap = pinscope_addr(bitmap), .bitmap_size = 12 }, -EINVAL },
		{ "bitmap that is too small",
		  { .bitmap = pinscope_addr(bitmap) }, -ERANGE },
		{ "bitmap that is not mapped",
		  { .bitmap = pinscope_addr(UNMAPPED), .bitmap_size = 8 }, -EFAULT },
	};
	struct pinscope_compare cmd;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(compares); i++) {
		cmd = compares[i].cmd;
		expect_ret(pinscope_compare(f->ctl, id, pinscope_self(),
					    pinscope_addr(f->mem), &cmd),
			   compares[i].want, "%s", compares[i].what);
	}
}

static void fields_of_fault(struct abi_fixture *f)
{
	const struct pinscope_fault faults[] = {
		{ .reserved = 1 }, { .reserved2 = 1 }, { .flags = 1ULL << 63 },
		{ .flags = PINSCOPE_FAULT_UNSHARE | PINSCOPE_FAULT_WRITE },
		{ .flags = PINSCOPE_FAULT_RETRY_NOWAIT },
		{ .flags = PINSCOPE_FAULT_TRIED },
	};
	struct pinscope_fault cmd;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		cmd = faults[i];
		cmd.size = sizeof(cmd);
		cmd.addr = pinscope_addr(f->mem);
		cmd.len = page;
		expect_ret(pinscope_ioctl(f->ctl, PINSCOPE_IOC_FAULT, &cmd),
			   -EINVAL, "faults[%zu]", i);
	}
	expect_ret(pinscope_fault(f->ctl, pinscope_self(),
				  pinscope_addr(f->mem), page, 0, UNMAPPED,
				  NULL), -EFAULT, "results");
}

static void fields_of_map_counts(struct abi_fixture *f)
{
	struct pinscope_map_counts counts = {
		.size = sizeof(counts), .reserved = 1,
	};
	int fd = open_map();

	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_MAP_COUNTS, &counts), -EINVAL);
	expect_ret(pinscope_map_counts(f->ctl, &counts), -ENXIO, "of ctl");
	close(fd);
}

static void fields_of_rss(struct abi_fixture *f, uint32_t id)
{
	struct pinscope_rss rss = { .size = sizeof(rss), .reserved = 1 };

	expect_ret(pinscope_ioctl(f->ctl, PINSCOPE_IOC_RSS, &rss), -EINVAL);
	expect_ret(pinscope_rss(f->ctl, pinscope_pinned(id), &rss), -EINVAL,
		   "target: a pin");
}

static void test_fields(struct abi_fixture *f)
{
	uint32_t id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);

	tap_context("PIN");
	fields_of_pin(f);
	tap_context("UNPIN");
	fields_of_unpin(f, id);
	tap_context("COMPARE");
	fields_of_compare(f, id);
	tap_context("FAULT");
	fields_of_fault(f);
	tap_context("MAP_COUNTS");
	fields_of_map_counts(f);
	tap_context("RSS");
	fields_of_rss(f, id);
	tap_context("in the end");
	expect_eq(pages_pinned(), 1);
}

static void test_write_input(struct abi_fixture *f)
{
	const size_t len = 2 * page;
	int fd = f->ctl;
	uint32_t ro = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM,
			  f->mem, page);
	uint32_t rw = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE,
			  f->mem, len);

	memset(f->mem, 'a', len);
	expect_ret(pinscope_write(fd, ro, 0, "x", 1), -EACCES,
		   "a pin without FOLL_WRITE");
	expect_ret(pinscope_write(fd, rw, len, "x", 1), -ERANGE);
	expect_ret(pinscope_write(fd, rw, len - 1, "xx", 2), -ERANGE);
	expect_ret(pinscope_write(fd, rw, -1ULL, "xx", 2), -ERANGE);
	expect_ret(pinscope_write(fd, rw, 0, UNMAPPED, 1), -EFAULT);
	expect_ret(pinscope_write(fd, rw + 1, 0, "x", 1), -ENOENT);
	expect_ok(pinscope_write(fd, rw, page, "x", 0), "no bytes");
	expect_eq(f->mem[0], 'a', "WRITE that failed");
	expect_eq(f->mem[len - 1], 'a', "WRITE that failed");
}

static int mmap_ret(int fd, size_t len, uint64_t offset)
{
	void *addr = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, offset);

	return addr == MAP_FAILED ? -errno : 0;
}

/* mmap() of map: what it does not have, and what a driver cannot give. */
static void test_map_input(struct abi_fixture *f)
{
	const struct {
		const char *name;
		uint64_t offset;
		size_t len;
	} bad[] = {
		{ "unknown map", PINSCOPE_MAP_OFFSET(PINSCOPE_MAPS), page },
		{ "far beyond all maps", 1ULL << 43, page },
		{ "too long", 0, PINSCOPE_MAP_SIZE + page },
		{ "over the end", PINSCOPE_MAP_SIZE - page, 2 * page },
		{ "beyond the end", PINSCOPE_MAP_SIZE, page },
	};
	int fd = open_map();
	void *addr;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_ret(mmap_ret(fd, bad[i].len, bad[i].offset), -EINVAL,
			   "%s", bad[i].name);
	expect_ret(mmap_ret(f->ctl, page, 0), -ENODEV, "ctl");
	need_ok(pinscope_map(fd, PINSCOPE_MAP_MIXED_PAGE, page, PROT_READ,
			     MAP_SHARED, &addr));
	addr = mremap(addr, page, 2 * page, MREMAP_MAYMOVE);
	expect(addr == MAP_FAILED, "mremap to a larger size");
	expect_ret(addr == MAP_FAILED ? -errno : 0, -EFAULT,
		   "mremap to a larger size");
	close(fd);
}

/* ---------------------------------------------- PFNs and who may see them */

/* With CAP_SYS_ADMIN or without it, as root. */
static void set_sys_admin(bool effective)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];

	need_sys(!syscall(SYS_capget, &header, caps));
	if (effective)
		caps[0].effective |= 1U << CAP_SYS_ADMIN;
	else
		caps[0].effective &= ~(1U << CAP_SYS_ADMIN);
	need_sys(!syscall(SYS_capset, &header, caps));
}

/*
 * PFNs are in the records of some memory, and of a pin of it, or they are not. The
 * rest is there for everybody.
 */
static bool expect_pfns(int fd, const char *addr, uint32_t id, bool shown)
{
	const uint64_t state = PINSCOPE_STATE_HAS_FOLIO | PINSCOPE_STATE_ANON;
	struct pinscope_page rec = state_of(fd, addr);
	struct records r = inspect(fd, pinscope_pinned(id), 0, page);
	bool good = expect_eq(r.nr, 1, "records of the pin") &&
		    expect_eq(rec.pfn != 0, shown) &&
		    expect_eq(rec.folio_pfn != 0, shown) &&
		    expect_eq(r.rec[0].pfn != 0, shown, "of the pin") &&
		    expect_eq(r.rec[0].folio_pfn != 0, shown, "of the pin") &&
		    expect_eq(rec.addr, pinscope_addr(addr)) &&
		    expect_eq(rec.pages, 1) && expect_eq(rec.mapcount, 1) &&
		    expect_bits(pinscope_state_names, rec.state, state, 0);

	free(r.rec);
	return good;
}

/* A child that was given the open files, and drops its privileges in one way. */
static void unprivileged_child(struct abi_fixture *f, const char *way)
{
	pid_t child = must_fork();
	uint32_t id;
	bool good;

	tap_context("child, %s", way);
	if (child) {
		expect_eq(status_of(child), 0, "status of the child");
		return;
	}
	if (!strcmp(way, "setuid"))
		need_sys(!setresuid(NOBODY, NOBODY, NOBODY));
	else if (!strcmp(way, "capset"))
		set_sys_admin(false);
	else if (unshare(CLONE_NEWUSER))
		_exit(0);	/* not possible here */
	f->mem[0] = 'c';	/* no longer the parent's page */
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	good = expect_pfns(f->ctl, f->mem, id, false);
	need_ok(pinscope_unpin(f->ctl, id));
	_exit(!good);
}

static void test_pfns(struct abi_fixture *f)
{
	int unprivileged;
	uint32_t id;

	unprivileged_child(f, "setuid");
	unprivileged_child(f, "capset");
	unprivileged_child(f, "user namespace");
	tap_context("opened and called with CAP_SYS_ADMIN");
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	expect_pfns(f->ctl, f->mem, id, true);
	tap_context("called without it");
	set_sys_admin(false);
	expect_pfns(f->ctl, f->mem, id, false);
	unprivileged = open_another_ctl();
	set_sys_admin(true);
	expect_pfns(f->ctl, f->mem, id, true);
	tap_context("opened without it");
	expect_ok(pinscope_unpin(f->ctl, id));
	id = pin(unprivileged, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	expect_pfns(unprivileged, f->mem, id, false);
}

/* Where a page was swapped to is hidden as well, as pagemap hides it. */
static void test_swap_offsets(struct abi_fixture *f)
{
	struct pinscope_page shown, hidden;

	memset(f->mem, 's', page);
	if (madvise(f->mem, f->len, MADV_PAGEOUT))
		tap_skip("MADV_PAGEOUT: %s", pinscope_errno(errno));
	shown = state_of(f->ctl, f->mem);
	if (!(shown.state & PINSCOPE_STATE_SWAP))
		tap_skip("nothing is swapped out: is there swap?");
	set_sys_admin(false);
	hidden = state_of(f->ctl, f->mem);
	set_sys_admin(true);
	expect_ne(shown.swap_offset, 0);
	expect_eq(hidden.swap_offset, 0);
	expect_eq(hidden.swap_type, 0);
	expect_bits(pinscope_state_names, hidden.state, PINSCOPE_STATE_SWAP, 0);
}

const struct test input_tests[] = {
	TEST("all commands: struct sizes and pointers", test_structs),
	TEST_POPULATED("all commands: structs of the first version",
		       test_first_version, 2),
	TEST("unknown commands", test_unknown_commands),
	TEST_POPULATED("PIN: bad ranges", test_pin_ranges, 4),
	TEST_POPULATED("FAULT: bad ranges", test_fault_ranges, 4),
	TEST_POPULATED("INSPECT: bad ranges", test_inspect_ranges, 4),
	TEST_POPULATED("COMPARE: bad ranges", test_compare_ranges, 4),
	TEST_POPULATED("INSPECT: bad fields", test_inspect_fields, 1),
	TEST_POPULATED("PIN: refused gup_flags", test_refused_gup_flags, 1),
	TEST_POPULATED("PIN: every combination of gup_flags",
		       test_every_combination, 1),
	TEST_PAGES("pin ids", test_ids, 1),
	TEST_POPULATED("all commands: bad fields", test_fields, 1),
	TEST_POPULATED("WRITE: bad input", test_write_input, 2),
	TEST("map: bad input", test_map_input),
	TEST_POPULATED("INSPECT: PFNs for CAP_SYS_ADMIN only", test_pfns, 1),
	TEST_POPULATED("INSPECT: swap offsets for CAP_SYS_ADMIN only",
		       test_swap_offsets, 8),
	{}
};
