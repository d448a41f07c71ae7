// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that the programs of fuzz-test consist of: those of the module, which are mostly
 * valid but for one thing or two, and those of mm that change the memory under them.
 *
 * Each argument has a function that makes a value for it. What an argument means is up to the
 * call, and any value has a meaning, so that programs can be changed blindly: a number of a
 * file, pin or process is an index into those that the program has, see fd_of() and the
 * like; RAW with a number is that number.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../module/gup_test_abi.h"
#include "fuzz.h"
#include "fuzz-helpers.h"

#define RAW	(1ULL << 63)

static long sys_result(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* Makes a call, or prints it as C: see fuzz-c.c. Values of C's variables are in c_int(). */
#define DO(call, ...)	(c_out ? c_statement(__VA_ARGS__) : sys_result(call))

/* ------------------------------------------------------ values of arguments */

/* What is to happen once in ten times or less is an error, mostly. */
static bool one_in(struct maker *m, unsigned int n)
{
	return !fuzz_below(m, n) && !(m->careful && n >= 10);
}

/* Any number, more often a small one or one near a power of 2. */
static uint64_t any_number(struct maker *m)
{
	switch (fuzz_below(m, 4)) {
	case 0:
		return fuzz_random(m);
	case 1:
		return (1ULL << fuzz_below(m, 64)) + (int)fuzz_below(m, 3) - 1;
	case 2:
		return -(uint64_t)fuzz_below(m, 9);
	}
	return fuzz_below(m, 20);
}

static uint64_t any_raw(struct maker *m)
{
	return RAW | any_number(m);
}

/* 0, mostly. */
static uint64_t rarely(struct maker *m)
{
	return one_in(m, 25) ? any_number(m) : 0;
}

static uint64_t any_fd(struct maker *m)
{
	static const uint8_t often[] = { 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5 };

	if (one_in(m, 20))
		return fuzz_below(m, 20);
	return often[fuzz_below(m, ARRAY_SIZE(often))];
}

static uint64_t gup_test_fd(struct maker *m)
{
	return one_in(m, 15) ? any_fd(m) : 2;
}

static uint64_t map_fd(struct maker *m)
{
	return one_in(m, 15) ? any_fd(m) : 1;
}

static uint64_t any_slot(struct maker *m)
{
	return fuzz_below(m, one_in(m, 4) ? FUZZ_FDS : 2);
}

/* How the struct of an ioctl is passed, see issue(). */
static uint64_t any_how(struct maker *m)
{
	return one_in(m, 10) ? fuzz_random(m) & 0xffffff : 0;
}

static uint64_t any_call(struct maker *m)
{
	return one_in(m, 30) ? any_number(m) : fuzz_below(m, PINSCOPE_CALLS);
}

/* Some bits of the lowest @nr. */
static uint64_t some_bits(struct maker *m, unsigned int nr)
{
	uint64_t bits = 0;
	unsigned int n = fuzz_below(m, 4);

	while (n--)
		bits |= 1ULL << fuzz_below(m, nr);
	return one_in(m, 30) ? bits | any_number(m) : bits;
}

static uint64_t gup_flags(struct maker *m)
{
	static const uint64_t often[] = {
		0, PINSCOPE_FOLL_WRITE, PINSCOPE_FOLL_LONGTERM,
		PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM,
		PINSCOPE_FOLL_FORCE | PINSCOPE_FOLL_WRITE, PINSCOPE_FOLL_FORCE,
	};

	return one_in(m, 3) ? some_bits(m, 13) : often[fuzz_below(m, ARRAY_SIZE(often))];
}

static uint64_t fault_flags(struct maker *m)
{
	static const uint64_t often[] = {
		0, PINSCOPE_FAULT_WRITE, PINSCOPE_FAULT_UNSHARE, PINSCOPE_FAULT_USER,
		PINSCOPE_FAULT_WRITE | PINSCOPE_FAULT_ALLOW_RETRY | PINSCOPE_FAULT_KILLABLE,
		PINSCOPE_FAULT_UNSHARE | PINSCOPE_FAULT_REMOTE,
		PINSCOPE_FAULT_WRITE | PINSCOPE_FAULT_REMOTE,
	};

	return one_in(m, 3) ? some_bits(m, 10) : often[fuzz_below(m, ARRAY_SIZE(often))];
}

/* The kernel's own bits, which differ between kernels. */
static uint64_t kernel_gup_flags(struct maker *m)
{
	return one_in(m, 2) ? fuzz_below(m, 2) : some_bits(m, 20);
}

static uint64_t any_addr(struct maker *m)
{
	unsigned int area = one_in(m, 6) ? world_pick_area(m) : m->area[fuzz_below(m, 2)];
	const struct area *a = world_area(area);
	uint64_t offset = 0;

	if (one_in(m, 25))	/* nowhere */
		area = world_areas() + fuzz_below(m, 64);
	if (a->len && !one_in(m, 3))
		offset = fuzz_below(m, one_in(m, 2) ? 8 : a->len / 0x1000) * 0x1000ULL;
	if (one_in(m, 20))
		offset += (int)fuzz_below(m, 0x2000) - 0x1000;
	return (uint64_t)area << 32 | (uint32_t)offset;
}

/* A few pages, mostly: a call for each page of all areas would take most of the time. */
static uint64_t any_len(struct maker *m)
{
	if (one_in(m, 12))
		return any_number(m);
	if (one_in(m, 12))
		return fuzz_below(m, 0x4000);
	if (!fuzz_below(m, 40))
		return (1 + fuzz_below(m, 1100)) * 0x1000ULL;
	if (one_in(m, 6))
		return 0x1000ULL << fuzz_below(m, 8);
	if (!fuzz_below(m, 20))
		return 0x200000;
	return (1 + fuzz_below(m, 5)) * 0x1000ULL;
}

/* Of a copy, or an offset in a pin. */
static uint64_t any_bytes(struct maker *m)
{
	return one_in(m, 5) ? any_len(m) : fuzz_below(m, 0x1400);
}

static uint64_t any_offset(struct maker *m)
{
	if (one_in(m, 2))
		return 0;
	return one_in(m, 10) ? any_bytes(m) : fuzz_below(m, 5) * 0x1000ULL;
}

static uint64_t any_id(struct maker *m)
{
	return one_in(m, 25) ? any_raw(m) : fuzz_below(m, one_in(m, 4) ? FUZZ_IDS : 2);
}

static uint64_t id_slot(struct maker *m)
{
	return fuzz_below(m, one_in(m, 4) ? FUZZ_IDS : 2);
}

static uint64_t any_target(struct maker *m)
{
	if (one_in(m, 40))
		return any_number(m);
	return one_in(m, m->careful ? 4 : 2) ? fuzz_below(m, 6) : PINSCOPE_TARGET_CALLER;
}

static uint64_t target_nr(struct maker *m)
{
	return one_in(m, 20) ? any_raw(m) : fuzz_below(m, 9);
}

static uint64_t any_batch(struct maker *m)
{
	return one_in(m, 4) ? fuzz_below(m, 700) : rarely(m);
}

static uint64_t one_bit(struct maker *m)
{
	return one_in(m, 40) ? any_number(m) : fuzz_below(m, 2);
}

static uint64_t below_4(struct maker *m)
{
	return fuzz_below(m, 4);
}

static uint64_t below_6(struct maker *m)
{
	return fuzz_below(m, 6);
}

static uint64_t below_32(struct maker *m)
{
	return fuzz_below(m, 32);
}

static uint64_t below_256(struct maker *m)
{
	return fuzz_below(m, 256);
}

static uint64_t record_size(struct maker *m)
{
	return one_in(m, 6) ? fuzz_below(m, 5000) : 0;
}

static uint64_t nr_records(struct maker *m)
{
	return one_in(m, 12) ? any_number(m) : fuzz_below(m, 40);
}

/* ------------------------------------------------- what a value stands for */

static int fd_of(uint64_t value)
{
	const int others[] = {
		-1, world.files[FILE_MEMFD], world.files[FILE_ZERO], world.peer_fd,
		world.files[FILE_DISK], 1000000, world.files[FILE_MAP],
	};

	if (value < FUZZ_FDS)
		return world.fds[value];
	return others[value % ARRAY_SIZE(others)];
}

static uint32_t id_of(uint64_t value)
{
	return value & RAW ? (uint32_t)value : world.ids[value % FUZZ_IDS];
}

/* A file descriptor or process id, for a type of target. */
static int32_t target_of(uint64_t type, uint64_t value)
{
	const int pids[] = {
		world.self, world.peer, world.kids[0], world.kids[1], 2, 1, world.parent, 0,
	};
	const int pidfds[] = {
		world.peer_fd, world.self_fd, world.gone_fd, world.files[FILE_MEMFD],
		world.fds[0], -1,
	};
	const int memfds[] = {
		world.files[FILE_MEMFD], world.files[FILE_HUGETLB], world.files[FILE_MEMFD],
		world.files[FILE_DISK], world.files[FILE_SECRET], world.files[FILE_DAX],
		world.fds[0], -1,
	};

	if (value & RAW)
		return value;
	switch (type) {
	case PINSCOPE_TARGET_PID:
		return pids[value % ARRAY_SIZE(pids)];
	case PINSCOPE_TARGET_PIDFD:
		return pidfds[value % ARRAY_SIZE(pidfds)];
	case PINSCOPE_TARGET_PIN:
		return world.ids[value % FUZZ_IDS];
	case PINSCOPE_TARGET_MEMFD:
		return memfds[value % ARRAY_SIZE(memfds)];
	}
	return 0;
}

/* An address of the target: what is no process's begins at 0. */
static uint64_t addr_in(uint64_t type, uint64_t value)
{
	switch (type) {
	case PINSCOPE_TARGET_PIN:
	case PINSCOPE_TARGET_MEMFD:
		return value & 0x3fffffff;
	case PINSCOPE_TARGET_PHYSICAL:
		return (value & 0x3fffffff) << 3;
	}
	return world_addr(value);
}

/* Of all memory there is too much. */
static uint64_t len_in(uint64_t type, uint64_t value)
{
	return type == PINSCOPE_TARGET_PHYSICAL ? value & 0x7ffffff : value;
}

/* ------------------------------------------------------- ioctls of the module */

/* The struct at a place where the kernel can read only some of it, or cannot write it. */
static void *at_the_edge(struct runner *t, const void *arg, uint32_t size, uint64_t how)
{
	size_t room = how % (size + 1);
	char *p = t->buf + 2 * world.page - room;

	if (c_out)
		return c_place("memcpy(buf + 2 * sysconf(_SC_PAGESIZE) - %zu, &arg, %zu)", room,
			       room);
	memcpy(p, arg, room);
	return p;
}

static void *read_only(struct runner *t, const void *arg, uint32_t size, uint64_t how)
{
	(void)how;
	if (c_out)
		return c_place("memcpy(writable, &arg, sizeof(arg)) ? readonly : NULL");
	memcpy(t->writable, arg, size);
	return t->readonly;
}

static void *nowhere(struct runner *t, const void *arg, uint32_t size, uint64_t how)
{
	uint64_t addr = world_addr((world_areas() + how % 8) << 32);

	(void)t;
	(void)arg;
	(void)size;
	return c_out ? c_place("((void)arg, (void *)0x%lx)", addr) : (void *)(uintptr_t)addr;
}

/* In memory that other calls change. */
static void *in_area(struct runner *t, const void *arg, uint32_t size, uint64_t how)
{
	uint64_t addr = world_addr((how & 31) % world_areas() << 32 | (how >> 5 & 0xff8));

	(void)t;
	if (c_out)
		return c_place("write_to(0x%lx, &arg, sizeof(arg)) ? (void *)0x%lx : (void *)0x%lx",
			       addr, addr, addr);
	write_to(addr, arg, size);
	return (void *)(uintptr_t)addr;
}

int fuzz_gone_fd(void)
{
	return pidfd_of_dead();
}

static void *with_size(struct runner *t, const void *arg, uint32_t size, uint32_t claimed)
{
	if (c_out)
		return c_place("claim(buf, &arg, sizeof(arg), 0x%x)", claimed);
	return claim(t->buf, arg, size, claimed);
}

static void *shorter(struct runner *t, const void *arg, uint32_t size, uint64_t how)
{
	return with_size(t, arg, size, how % (size + 1));
}

static void *longer(struct runner *t, const void *arg, uint32_t size, uint64_t how)
{
	return with_size(t, arg, size, size + how % 64);
}

static void *not_zero_behind(struct runner *t, const void *arg, uint32_t size, uint64_t how)
{
	char *p = with_size(t, arg, size, size + 64);

	if (c_out)
		c_text("((char *)at)[0x%x] = 1", (unsigned int)(size + how % 64));
	else
		p[size + how % 64] = 1;
	return p;
}

static void *much_longer(struct runner *t, const void *arg, uint32_t size, uint64_t how)
{
	return with_size(t, arg, size, world.page + how % 3);
}

/*
 * Issues an ioctl. @how is 0 for one as it should be; else its lowest 8 bits choose what is
 * wrong with the struct, and the others say how. All structs of ctl begin with their size.
 */
static long issue(struct runner *t, uint64_t fd, uint64_t how, unsigned long cmd, void *arg,
		  uint32_t size)
{
	static void *(*const ways[])(struct runner *t, const void *arg, uint32_t size,
				     uint64_t how) = {
		at_the_edge, read_only, nowhere, in_area, shorter, longer, not_zero_behind,
		much_longer,
	};
	void *p = arg;

	if (c_out)
		c_struct(cmd, arg);
	if (how & 0xff)
		p = ways[how % ARRAY_SIZE(ways)](t, arg, size, how >> 8);
	return DO(ioctl(fd_of(fd), cmd, p), "ioctl(%s, %s, %s)", c_int(fd_of(fd)), c_command(cmd),
		  p == arg ? "&arg" : "at");
}

#define ISSUE(t, a, name, cmd)	issue(t, a[0], a[1], PINSCOPE_IOC_##name, &(cmd), sizeof(cmd))

static long run_info(struct runner *t, const uint64_t *a)
{
	struct pinscope_info cmd = { .size = sizeof(cmd) };

	return ISSUE(t, a, INFO, cmd);
}

static long run_pin(struct runner *t, const uint64_t *a)
{
	struct pinscope_pin cmd = {
		.size = sizeof(cmd), .call = a[3], .gup_flags = a[4],
		.addr = addr_in(a[8], a[5]), .len = a[6], .flags = a[7],
		.target_type = a[8], .target_nr = target_of(a[8], a[9]), .batch = a[10],
	};
	long ret;

	/* That call wants this target, and no other. */
	if (cmd.call == PINSCOPE_CALL_PIN_MEMFD && !(a[9] & RAW)) {
		cmd.target_type = PINSCOPE_TARGET_MEMFD;
		cmd.target_nr = target_of(PINSCOPE_TARGET_MEMFD, a[9]);
		cmd.addr = addr_in(PINSCOPE_TARGET_MEMFD, a[5]);
	}
	ret = ISSUE(t, a, PIN, cmd);
	if (c_out)
		c_text("if (!ret && arg.id)\n\t\t\tw.ids[%u] = arg.id",
		       (unsigned int)(a[2] % FUZZ_IDS));
	else if (!ret && cmd.id)
		world.ids[a[2] % FUZZ_IDS] = cmd.id;
	return ret;
}

static long run_unpin(struct runner *t, const uint64_t *a)
{
	struct pinscope_unpin cmd = {
		.size = sizeof(cmd), .id = id_of(a[2]), .flags = a[3], .reserved = a[4],
		.offset = a[5], .len = a[6],
	};

	return ISSUE(t, a, UNPIN, cmd);
}

static struct pinscope_io io_of(const uint64_t *a)
{
	return (struct pinscope_io) {
		.size = sizeof(struct pinscope_io), .id = id_of(a[2]), .offset = a[3],
		.len = a[4], .buf = world_addr(a[5]),
	};
}

static long run_read(struct runner *t, const uint64_t *a)
{
	struct pinscope_io cmd = io_of(a);

	return ISSUE(t, a, READ, cmd);
}

static long run_write(struct runner *t, const uint64_t *a)
{
	struct pinscope_io cmd = io_of(a);

	return ISSUE(t, a, WRITE, cmd);
}

static long run_inspect(struct runner *t, const uint64_t *a)
{
	struct pinscope_inspect cmd = {
		.size = sizeof(cmd), .addr = addr_in(a[2], a[4]), .len = len_in(a[2], a[5]),
		.records = world_addr(a[6]), .nr = a[7],
		.record_size = a[8] ? a[8] : sizeof(struct pinscope_page), .reserved = a[9],
		.target_type = a[2], .target_nr = target_of(a[2], a[3]),
	};

	return ISSUE(t, a, INSPECT, cmd);
}

static long run_compare(struct runner *t, const uint64_t *a)
{
	struct pinscope_compare cmd = {
		.size = sizeof(cmd), .id = id_of(a[2]), .addr = world_addr(a[5]),
		.target_type = a[3], .target_nr = target_of(a[3], a[4]),
		.bitmap = a[7] ? world_addr(a[6]) : 0, .bitmap_size = a[7],
	};

	return ISSUE(t, a, COMPARE, cmd);
}

static long run_fault(struct runner *t, const uint64_t *a)
{
	struct pinscope_fault cmd = {
		.size = sizeof(cmd), .target_type = a[2], .target_nr = target_of(a[2], a[3]),
		.flags = a[4], .addr = world_addr(a[5]), .len = a[6],
		.results = a[7] ? world_addr(a[7]) : 0, .reserved = a[8], .reserved2 = a[9],
	};

	return ISSUE(t, a, FAULT, cmd);
}

static long run_map_counts(struct runner *t, const uint64_t *a)
{
	struct pinscope_map_counts cmd = { .size = sizeof(cmd), .reserved = a[2] };

	return ISSUE(t, a, MAP_COUNTS, cmd);
}

static long run_rss(struct runner *t, const uint64_t *a)
{
	struct pinscope_rss cmd = {
		.size = sizeof(cmd), .target_type = a[2], .target_nr = target_of(a[2], a[3]),
		.reserved = a[4],
	};

	return ISSUE(t, a, RSS, cmd);
}

static long run_track(struct runner *t, const uint64_t *a)
{
	struct pinscope_track cmd = {
		.size = sizeof(cmd), .op = a[2], .max_sites = a[3], .flags = a[4],
	};

	if (cmd.op == PINSCOPE_TRACK_START && !world.may_track)
		return -EBUSY;
	return ISSUE(t, a, TRACK, cmd);
}

static long run_holders(struct runner *t, const uint64_t *a)
{
	struct pinscope_holders cmd = {
		.size = sizeof(cmd), .records = world_addr(a[2]), .nr = a[3], .next = a[4],
		.record_size = a[5] ? a[5] : sizeof(struct pinscope_site),
		.pfn = a[6], .pfns = a[7], .reserved = a[8],
	};

	return ISSUE(t, a, HOLDERS, cmd);
}

/* Any number of an ioctl, with the address of anything. */
static long run_ioctl(struct runner *t, const uint64_t *a)
{
	unsigned long cmd = a[1] & RAW ? a[1] : _IO(PINSCOPE_IOC_MAGIC, a[1] % 16);

	(void)t;
	return DO(ioctl(fd_of(a[0]), cmd, world_addr(a[2])), "ioctl(%s, 0x%lx, 0x%lx)",
		  c_int(fd_of(a[0])), cmd, world_addr(a[2]));
}

/* -------------------------------------------------------- files of the module */

static const char *const paths[] = {
	PINSCOPE_CTL_PATH, PINSCOPE_MAP_PATH, PINSCOPE_DEBUGFS "/gup_test",
	PINSCOPE_PINS_PATH, PINSCOPE_DEBUGFS "/pinscope/holders",
	PINSCOPE_DEBUGFS "/pinscope/tracking",
};

static long run_open(struct runner *t, const uint64_t *a)
{
	static const int flags[] = { O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_NONBLOCK };
	const char *path = paths[a[0] % ARRAY_SIZE(paths)];
	int how = flags[a[2] % ARRAY_SIZE(flags)];
	unsigned int slot = a[1] % FUZZ_FDS;

	(void)t;
	return DO(open_file(&world.fds[slot], path, how), "open_file(&w.fds[%u], \"%s\", 0x%x)",
		  slot, path, how);
}

static long run_close(struct runner *t, const uint64_t *a)
{
	unsigned int slot = a[0] % FUZZ_FDS;

	(void)t;
	return DO(close_file(&world.fds[slot]), "close_file(&w.fds[%u])", slot);
}

static long run_read_file(struct runner *t, const uint64_t *a)
{
	const char *path = paths[3 + a[0] % 3];
	uint64_t addr = world_addr(a[1]);

	(void)t;
	return DO(read_text(path, addr, a[2], a[3]), "read_text(\"%s\", 0x%lx, 0x%lx, 0x%lx)", path,
		  addr, a[2], a[3]);
}

static long run_write_tracking(struct runner *t, const uint64_t *a)
{
	static const struct {
		const char *text, *in_c;
	} texts[] = {
		{ "0\n", "0\\n" }, { "1\n", "1\\n" }, { "0", "0" }, { "", "" }, { "x", "x" },
		{ "of", "of" },
	};
	const unsigned int i = a[0] % ARRAY_SIZE(texts);

	(void)t;
	if (i == 1 && !world.may_track)
		return -EBUSY;
	return DO(write_text(paths[5], texts[i].text), "write_text(\"%s\", \"%s\")", paths[5],
		  texts[i].in_c);
}

/* How much of an area there is behind an address: @len, or less. */
static uint64_t within(uint64_t addr, uint64_t len, const struct area **area)
{
	uint64_t room;

	*area = world_room(addr, &room);
	return len < room ? len : room;
}

static int prot_of(uint64_t value)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE, PROT_WRITE,
		PROT_READ | PROT_WRITE | PROT_EXEC,
	};

	return prots[value % ARRAY_SIZE(prots)];
}

static long do_mmap(uint64_t addr, uint64_t len, int prot, int flags, int fd, uint64_t offset)
{
	return DO((long)mmap((void *)(uintptr_t)addr, len, prot, flags, fd, offset),
		  "(long)mmap((void *)0x%lx, 0x%lx, 0x%x, %s, %s, 0x%lx)", addr, len, prot,
		  c_map_flags(flags), c_int(fd), offset);
}

static long run_mmap(struct runner *t, const uint64_t *a)
{
	uint64_t addr = world_addr(a[2]), offset = PINSCOPE_MAP_OFFSET(a[1]) + a[4];
	const struct area *area;
	uint64_t len = within(addr, a[3], &area);
	/* A fixed mapping never leaves the area. */
	int flags = MAP_FIXED | (a[6] & 1 ? MAP_PRIVATE : MAP_SHARED);

	(void)t;
	if (!area)
		return -EINVAL;
	return do_mmap(addr, len, prot_of(a[5]), flags, fd_of(a[0]), offset);
}

/* ------------------------------------------------------------------ gup_test */

static long run_gup_test(struct runner *t, const uint64_t *a)
{
	static const unsigned long cmds[] = {
		GUP_FAST_BENCHMARK, PIN_FAST_BENCHMARK, PIN_LONGTERM_BENCHMARK,
		GUP_BASIC_TEST, PIN_BASIC_TEST,
	};
	struct gup_test cmd = {
		.addr = world_addr(a[3]), .size = a[4], .nr_pages_per_call = a[5],
		.gup_flags = a[6], .test_flags = a[7],
	};
	unsigned long nr = cmds[a[2] % ARRAY_SIZE(cmds)];

	return issue(t, a[0], a[1], nr, &cmd, sizeof(cmd));
}

/* Apart, since it writes to the kernel's log. */
static long run_gup_dump(struct runner *t, const uint64_t *a)
{
	struct gup_test cmd = {
		.addr = world_addr(a[2]), .size = a[3], .nr_pages_per_call = 8,
		.test_flags = a[4], .which_pages = { a[5], a[6] },
	};

	return issue(t, a[0], a[1], DUMP_USER_PAGES_TEST, &cmd, sizeof(cmd));
}

static long run_longterm_start(struct runner *t, const uint64_t *a)
{
	struct pin_longterm_test cmd = {
		.addr = world_addr(a[2]), .size = a[3], .flags = a[4],
	};

	return issue(t, a[0], a[1], PIN_LONGTERM_TEST_START, &cmd, sizeof(cmd));
}

static long run_longterm_stop(struct runner *t, const uint64_t *a)
{
	(void)t;
	return DO(ioctl(fd_of(a[0]), PIN_LONGTERM_TEST_STOP, 0),
		  "ioctl(%s, PIN_LONGTERM_TEST_STOP, 0)", c_int(fd_of(a[0])));
}

static long run_longterm_read(struct runner *t, const uint64_t *a)
{
	uint64_t buf = world_addr(a[2]);

	return issue(t, a[0], a[1], PIN_LONGTERM_TEST_READ, &buf, sizeof(buf));
}

static long run_gup_ioctl(struct runner *t, const uint64_t *a)
{
	(void)t;
	return DO(ioctl(fd_of(a[0]), a[1], world_addr(a[2])), "ioctl(%s, 0x%lx, 0x%lx)",
		  c_int(fd_of(a[0])), a[1], world_addr(a[2]));
}

/* -------------------------------------------------- what changes the memory */

static long run_touch(struct runner *t, const uint64_t *a)
{
	const struct area *area;
	uint64_t addr = world_addr(a[0]), len = within(addr, a[1], &area);
	int zero = world.files[FILE_ZERO], for_read = a[2] & 1;

	(void)t;
	return area ? DO(touch(zero, addr, len, for_read), "touch(%s, 0x%lx, 0x%lx, %d)",
			 c_int(zero), addr, len, for_read) : 0;
}

static long run_map_anew(struct runner *t, const uint64_t *a)
{
	const struct area *area;
	uint64_t addr = world_addr(a[0]), len = within(addr, a[1], &area);
	int fd = -1, flags = MAP_FIXED | (a[4] & 1 ? MAP_PRIVATE : MAP_SHARED);

	(void)t;
	if (!area)
		return -EINVAL;
	if (a[3] % 4 < FILE_DAX)
		fd = world.files[a[3] % 4];
	/* No more than what areas have at first: each page that is used takes time. */
	if (len > 0x400000)
		len = 0x400000;
	return do_mmap(addr, len, prot_of(a[2]), flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
}

static long run_munmap(struct runner *t, const uint64_t *a)
{
	const struct area *area;
	uint64_t addr = world_addr(a[0]), len = within(addr, a[1], &area);

	(void)t;
	return area ? DO(munmap((void *)(uintptr_t)addr, len), "munmap((void *)0x%lx, 0x%lx)", addr,
			 len) : -EINVAL;
}

static long run_mremap(struct runner *t, const uint64_t *a)
{
	static const int flags[] = {
		0, MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_FIXED | 4 /* MREMAP_DONTUNMAP */,
	};
	const struct area *from, *to;
	uint64_t addr = world_addr(a[0]), len = within(addr, a[1], &from);
	uint64_t there = world_addr(a[2]), new_len = within(there, a[3], &to);
	int how = flags[a[4] % ARRAY_SIZE(flags)];

	(void)t;
	if (!from || !to)
		return -EINVAL;
	return DO(syscall(SYS_mremap, addr, len, new_len, how, there),
		  "syscall(SYS_mremap, 0x%lx, 0x%lx, 0x%lx, 0x%x, 0x%lx)", addr, len, new_len, how,
		  there);
}

static long run_mprotect(struct runner *t, const uint64_t *a)
{
	const struct area *area;
	uint64_t addr = world_addr(a[0]), len = within(addr, a[1], &area);

	(void)t;
	return area ? DO(mprotect((void *)(uintptr_t)addr, len, prot_of(a[2])),
			 "mprotect((void *)0x%lx, 0x%lx, 0x%x)", addr, len, prot_of(a[2])) :
		      -EINVAL;
}

/*
 * With what an advice must not be given: it waits for pins that the process itself has, or
 * it makes what a kernel bug is about (errata).
 */
static const struct {
	int advice;
	unsigned int not_with;	/* AREA_* bits */
	bool only_anon;
} advices[] = {
	{ MADV_DONTNEED, 0, false }, { MADV_FREE, 0, false }, { MADV_PAGEOUT, AREA_DAX, false },
	{ MADV_COLD, AREA_DAX, false }, { MADV_HUGEPAGE, 0, true }, { MADV_NOHUGEPAGE, 0, false },
	{ MADV_COLLAPSE, 0, true }, { MADV_MERGEABLE, 0, false }, { MADV_UNMERGEABLE, 0, false },
	{ MADV_REMOVE, AREA_DAX, false }, { 22 /* MADV_POPULATE_READ */, 0, false },
	{ 23 /* MADV_POPULATE_WRITE */, 0, false }, { MADV_DONTFORK, 0, false },
	{ MADV_WIPEONFORK, 0, false }, { MADV_DOFORK, 0, false },
	{ MADV_GUARD_INSTALL, 0, false }, { 103 /* MADV_GUARD_REMOVE */, 0, false },
	{ MADV_WILLNEED, 0, false },
};

static long run_madvise(struct runner *t, const uint64_t *a)
{
	const unsigned int i = a[2] % ARRAY_SIZE(advices);
	const struct area *area;
	uint64_t addr = world_addr(a[0]), len = within(addr, a[1], &area);

	(void)t;
	if (!area || area->traits & advices[i].not_with ||
	    (advices[i].only_anon && !(area->traits & AREA_ANON)))
		return -EINVAL;
	/* Files that a program maps in place of an area are too small for THPs, and not of DAX. */
	return DO(madvise((void *)(uintptr_t)addr, len, advices[i].advice),
		  "madvise((void *)0x%lx, 0x%lx, %d)", addr, len, advices[i].advice);
}

static long run_mlock(struct runner *t, const uint64_t *a)
{
	const struct area *area;
	uint64_t addr = world_addr(a[0]), len = within(addr, a[1], &area);

	(void)t;
	if (!area)
		return -EINVAL;
	return DO(a[2] & 1 ? munlock((void *)(uintptr_t)addr, len) :
			     mlock((void *)(uintptr_t)addr, len),
		  "%s((void *)0x%lx, 0x%lx)", a[2] & 1 ? "munlock" : "mlock", addr, len);
}

static long run_migrate(struct runner *t, const uint64_t *a)
{
	const struct area *area;
	uint64_t addr = world_addr(a[0]), len = within(addr, a[1], &area);
	unsigned long nodes = a[2] & 7;

	(void)t;
	return area ? DO(syscall(SYS_mbind, addr, len, MPOL_BIND, &nodes, 8UL, MPOL_MF_MOVE),
			 "syscall(SYS_mbind, 0x%lx, 0x%lx, %d, &(unsigned long){ 0x%lx }, 8UL, %d)",
			 addr, len, MPOL_BIND, nodes, MPOL_MF_MOVE) : -EINVAL;
}

static long run_truncate(struct runner *t, const uint64_t *a)
{
	unsigned int nr = a[0] % FILE_DAX;
	uint64_t len = a[1] % (2 * world.file_len[nr] + 1);

	(void)t;
	world.truncated = true;
	return DO(ftruncate(world.files[nr], len), "ftruncate(%s, 0x%lx)", c_int(world.files[nr]),
		  len);
}

static long run_punch(struct runner *t, const uint64_t *a)
{
	unsigned int nr = a[0] % FILE_DAX;

	(void)t;
	return DO(fallocate(world.files[nr], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			    a[1] & 0x3fffff, a[2] & 0x3fffff),
		  "fallocate(%s, 0x%x, 0x%lx, 0x%lx)", c_int(world.files[nr]),
		  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a[1] & 0x3fffff, a[2] & 0x3fffff);
}

static long run_fork(struct runner *t, const uint64_t *a)
{
	unsigned int nr = a[0] % FUZZ_KIDS;

	(void)t;
	return DO(start_child(&world.kids[nr], a[1] & 1), "start_child(&w.kids[%u], %d)", nr,
		  (int)(a[1] & 1));
}

static long run_clear_soft_dirty(struct runner *t, const uint64_t *a)
{
	(void)t;
	(void)a;
	return DO(write_text("/proc/self/clear_refs", "4"),
		  "write_text(\"/proc/self/clear_refs\", \"4\")");
}

/* Another thread's call gets a signal, which its handler ignores. */
static long run_signal(struct runner *t, const uint64_t *a)
{
	pid_t tid = world.runners[a[0] % FUZZ_THREADS].tid;

	if (!tid || t->nr == FUZZ_THREADS)
		return -ESRCH;
	return DO(syscall(SYS_tgkill, world.self, tid, SIGUSR1),
		  "syscall(SYS_tgkill, getpid(), %s, SIGUSR1)", c_int(tid));
}

static long run_fail(struct runner *t, const uint64_t *a)
{
	t->fail = a[0] % 64;
	return 0;
}

const char *const fuzz_fault_knobs[][2] = {
	{ "failslab/verbose", "0" }, { "failslab/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/verbose", "0" }, { "fail_page_alloc/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/min-order", "0" }, { "fail_usercopy/verbose", "0" },
};

const unsigned int fuzz_nr_fault_knobs = ARRAY_SIZE(fuzz_fault_knobs);

/* Without effect where the kernel cannot. */
static void inject(unsigned int nth)
{
	if (c_out)
		c_text("fail_nth(%u)", nth);
	else
		fail_nth(nth);
}

long fuzz_call(struct runner *t, const struct op *op)
{
	const struct call *call = &fuzz_calls[op->call];
	bool fail = t->fail && !call->changes && !call->no_faults;
	long ret;

	if (fail) {
		inject(t->fail);
		t->fail = 0;
	}
	ret = call->run(t, op->arg);
	if (fail)
		inject(0);
	return ret;
}

void fuzz_regain(struct runner *t)
{
	if (!t->dropped)
		return;
	if (c_out)
		c_text("set_capable(1)");
	else
		set_capable(1);
	t->dropped = false;
}

/* The thread drops what it may do as root, or gets it back. */
static long run_capable(struct runner *t, const uint64_t *a)
{
	t->dropped = !(a[0] & 1);
	return DO(set_capable(a[0] & 1), "set_capable(%d)", (int)(a[0] & 1));
}

/* ----------------------------------------------------------------- the table */

#define FD	{ "fd", any_fd }
#define GUP_FD	{ "fd", gup_test_fd }
#define HOW	{ "how", any_how }
#define ADDR	{ "addr", any_addr }
#define LEN	{ "len", any_len }
#define BUF	{ "buf", any_addr }
#define TARGET	{ "target", any_target }
#define NR	{ "nr", target_nr }

const struct call fuzz_calls[] = {
	{ "info", 4, run_info, false, false, { FD, HOW } },
	{ "pin", 60, run_pin, false, false, {
		FD, HOW, { "slot", id_slot }, { "call", any_call }, { "gup_flags", gup_flags },
		ADDR, LEN, { "flags", one_bit }, TARGET, NR, { "batch", any_batch } } },
	{ "unpin", 22, run_unpin, false, false, {
		FD, HOW, { "id", any_id }, { "flags", one_bit }, { "reserved", rarely },
		{ "offset", any_offset }, { "len", any_offset } } },
	{ "read", 16, run_read, false, false, {
		FD, HOW, { "id", any_id }, { "offset", any_bytes }, { "len", any_bytes }, BUF } },
	{ "write", 16, run_write, false, false, {
		FD, HOW, { "id", any_id }, { "offset", any_bytes }, { "len", any_bytes }, BUF } },
	{ "inspect", 34, run_inspect, false, false, {
		FD, HOW, TARGET, NR, ADDR, LEN, BUF, { "records", nr_records },
		{ "record_size", record_size }, { "reserved", rarely } } },
	{ "compare", 20, run_compare, false, false, {
		FD, HOW, { "id", any_id }, TARGET, NR, ADDR, BUF, { "bitmap_size", any_offset } } },
	{ "fault", 26, run_fault, false, false, {
		FD, HOW, TARGET, NR, { "flags", fault_flags }, ADDR, LEN, { "results", any_addr },
		{ "reserved", rarely }, { "reserved2", rarely } } },
	{ "map-counts", 4, run_map_counts, false, false, {
		{ "fd", map_fd }, HOW, { "reserved", rarely } } },
	{ "rss", 6, run_rss, false, false, { FD, HOW, TARGET, NR, { "reserved", rarely } } },
	{ "track", 1, run_track, false, true, {
		FD, HOW, { "op", below_4 }, { "max_sites", any_batch }, { "flags", one_bit } } },
	{ "holders", 5, run_holders, false, false, {
		FD, HOW, BUF, { "records", nr_records }, { "next", rarely },
		{ "record_size", record_size }, { "pfn", rarely }, { "pfns", rarely },
		{ "reserved", rarely } } },
	{ "ioctl", 5, run_ioctl, false, false, { FD, { "cmd", any_number }, BUF } },
	{ "open", 8, run_open, false, false, {
		{ "path", below_6 }, { "slot", any_slot }, { "flags", below_4 } } },
	{ "close", 5, run_close, false, false, { { "slot", any_slot } } },
	{ "read-file", 8, run_read_file, false, false, {
		{ "path", below_6 }, BUF, { "len", any_bytes }, { "offset", rarely } } },
	{ "write-tracking", 1, run_write_tracking, false, true, { { "text", below_6 } } },
	{ "mmap", 10, run_mmap, false, false, {
		{ "fd", map_fd }, { "map", below_6 }, ADDR, LEN, { "offset", any_offset },
		{ "prot", below_6 }, { "private", one_bit } } },
	{ "gup-test", 16, run_gup_test, false, false, {
		GUP_FD, HOW, { "cmd", below_6 }, ADDR, LEN, { "per_call", any_batch },
		{ "gup_flags", kernel_gup_flags }, { "test_flags", one_bit } } },
	{ "gup-dump", 1, run_gup_dump, false, false, {
		GUP_FD, HOW, ADDR, LEN, { "test_flags", one_bit }, { "page", below_4 },
		{ "page2", rarely } } },
	{ "longterm-start", 6, run_longterm_start, false, false, {
		GUP_FD, HOW, ADDR, LEN, { "flags", below_4 } } },
	{ "longterm-stop", 3, run_longterm_stop, false, false, { GUP_FD } },
	{ "longterm-read", 5, run_longterm_read, false, false, { GUP_FD, HOW, BUF } },
	{ "gup-ioctl", 1, run_gup_ioctl, false, false, { GUP_FD, { "cmd", any_number }, BUF } },

	{ "touch", 14, run_touch, true, false, { ADDR, LEN, { "read", one_bit } } },
	{ "map-anew", 6, run_map_anew, true, false, {
		ADDR, LEN, { "prot", below_6 }, { "file", below_4 }, { "private", one_bit } } },
	{ "munmap", 5, run_munmap, true, false, { ADDR, LEN } },
	{ "mremap", 6, run_mremap, true, false, {
		ADDR, LEN, { "to", any_addr }, { "to_len", any_len }, { "flags", below_4 } } },
	{ "mprotect", 8, run_mprotect, true, false, { ADDR, LEN, { "prot", below_6 } } },
	{ "madvise", 12, run_madvise, true, false, { ADDR, LEN, { "advice", below_256 } } },
	{ "mlock", 2, run_mlock, true, false, { ADDR, LEN, { "unlock", one_bit } } },
	{ "migrate", 1, run_migrate, true, false, { ADDR, LEN, { "nodes", below_256 } } },
	{ "truncate", 2, run_truncate, true, false, { { "file", below_4 }, { "len", any_len } } },
	{ "punch", 4, run_punch, true, false, {
		{ "file", below_4 }, { "offset", any_offset }, { "len", any_len } } },
	{ "fork", 1, run_fork, true, false, { { "kid", below_4 }, { "stay", one_bit } } },
	{ "clear-soft-dirty", 1, run_clear_soft_dirty, true, false, {} },
	{ "signal", 3, run_signal, true, false, { { "thread", below_4 } } },
	{ "fail", 5, run_fail, true, false, { { "nth", below_32 } } },
	{ "capable", 2, run_capable, true, false, { { "all", one_bit } } },
	{}
};
