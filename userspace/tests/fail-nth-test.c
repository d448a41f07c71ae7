// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ABI while the kernel's allocations and copies fail, one at a time: in TAP.
 *
 * /proc/thread-self/fail-nth makes the n-th point of a task fail at which the kernel can
 * inject a fault: an allocation of slab memory or of pages, or a copy from or to user space.
 * Each row of a table is a call. It is made with n = 1, 2, ... until it comes to its end
 * before its n-th point, so that each of its points has failed once. What each time is
 * expected:
 * - the call fails with an errno that its row allows, or it succeeds in spite of the fault,
 *   for example because a smaller allocation was enough; then its result is right;
 * - a call that failed has pinned and released nothing, by the module's count and by the
 *   kernel's;
 * - in the end pins, VmPin and VmLck are as before the call;
 * - the same call without a fault succeeds.
 * At times a call has a point more, where the kernel's allocator or its checks get memory for
 * themselves. Then the points after that have other numbers, so each call is tried twice.
 *
 * Needs a kernel with CONFIG_FAULT_INJECTION, like one of scripts/proof-kernel --debug.
 *
 * usage: fail-nth-test [GLOB]...
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../module/gup_test_abi.h"
#include "../suite/sys.h"
#include "tap.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define GUP_TEST_PATH	PINSCOPE_DEBUGFS "/gup_test"
#define HOLDERS_PATH	PINSCOPE_DEBUGFS "/pinscope/holders"
#define KMEMLEAK	PINSCOPE_DEBUGFS "/kmemleak"
#define PANIC_ON_WARN	"/proc/sys/kernel/panic_on_warn"

#define RW		(PROT_READ | PROT_WRITE)
#define WRITE		PINSCOPE_FOLL_WRITE
#define LONGTERM	PINSCOPE_FOLL_LONGTERM

/* A call with more points than this is not tried to its end. */
#define POINTS_MAX	400
/* How often all points of a call are tried, and after how many failures no others are. */
#define ROUNDS		2
#define FAILURES_MAX	5
/* Pages that need an array from the heap, several batches, and an index of ranges. */
#define MANY		1100
#define FEW		4
/* Slots of the table of pins that an open file has at first; one is not for a pin. */
#define FIRST_SLOTS	64
/* The node with movable memory, in the guest of scripts/vm. */
#define MOVABLE_NODE	2
/* How long pins may take to go: a page may be on its way to an LRU list. */
#define SETTLE_MS	2000
/* kmemleak reports only what is older. */
#define LEAK_AGE_MS	6000

/* --------------------------------------------------------------- the calls */

/* Which memory a call is about. */
enum memory_kind {
	NO_MEMORY,
	KEPT,		/* populated once: pages that do not follow each other */
	FRESH,		/* not populated */
	HUGE,		/* not populated, and a transparent huge page fits */
	HUGETLB,	/* not populated */
	MOVABLE,	/* populated, and a long-term pin has to migrate it */
};

struct world;

/**
 * struct call - a row of the table: a call to make, and how
 * @name: of the test
 * @prepare: makes what the call needs, without faults; or NULL
 * @call: makes it; returns 0 or a negative errno, -EBADMSG when what it got is wrong
 * @check: called after a call that succeeded; @hit: with a fault; or NULL
 * @errnos: the errnos that a fault may cause: ERRNO() bits
 * @memory: what it is about
 * @pages: base pages of that
 * @number: enum pinscope_call, enum pinscope_map or an ioctl, as @call wants
 * @flags: PINSCOPE_FOLL_*, PINSCOPE_FAULT_* or MAP_* bits, as @call wants
 * @path: of a file
 * @sites: tracking is on, with room for so many sites; 0: it is off
 * @most: how many points are tried; 0: up to POINTS_MAX
 * @kernel_warns: the kernel warns of some faults, see quiet_begin()
 */
struct call {
	const char *name;
	void (*prepare)(struct world *w);
	int (*call)(struct world *w);
	void (*check)(struct world *w, bool hit);
	uint64_t errnos;
	enum memory_kind memory;
	unsigned int pages;
	unsigned long number;
	uint64_t flags;
	const char *path;
	unsigned int sites;
	unsigned int most;
	bool kernel_warns;
};

#define ERRNO(e)	(1ULL << (e))
/* An allocation failed. */
#define MEMORY		ERRNO(ENOMEM)
/* A struct, a buffer or a path was not copied. */
#define COPY		ERRNO(EFAULT)

/**
 * struct counts - what is pinned and charged
 * @pinned: pages, by the module's count
 * @kernel: pages, by the kernel's
 * @charged: KiB of the process in VmPin and VmLck
 */
struct counts {
	uint64_t pinned;
	long kernel;
	long charged;
};

/**
 * struct world - what one test has
 * @row: the call
 * @fail_nth: open file of the knob
 * @ctl: open file of the module
 * @gup_test: open file, or -1
 * @kept: KEPT memory of MANY pages
 * @buf: a buffer of as many
 * @opened: for one attempt: an open file of the module, in place of @ctl; or -1
 * @file: for one attempt: a memfd or pidfd, or -1
 * @ids: for one attempt: pins, or 0
 * @mem: for one attempt: the memory of the call
 * @area: for one attempt: what is to be unmapped after it, or NULL
 * @area_len: its bytes
 * @pfn: for one attempt: of the first page
 * @missed: for one attempt: what tracking had missed before the call
 * @base: what is pinned and charged before and after each attempt
 */
struct world {
	const struct call *row;
	int fail_nth, ctl, gup_test;
	char *kept, *buf;
	int opened, file;
	uint32_t ids[2];
	char *mem;
	void *area;
	size_t area_len;
	uint64_t pfn;
	uint64_t missed;
	struct counts base;
};

static size_t page;

static int ctl_of(const struct world *w)
{
	return w->opened >= 0 ? w->opened : w->ctl;
}

static size_t bytes(const struct world *w)
{
	return w->row->pages * page;
}

static int sys_result(long ret)
{
	return ret < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------ memory */

static void map_area(struct world *w, size_t len, int flags)
{
	w->area_len = len;
	w->area = mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (w->area == MAP_FAILED && flags & MAP_HUGETLB) {
		w->area = NULL;
		tap_skip("there are no free huge pages: set vm.nr_hugepages to 1");
	}
	need_sys(w->area != MAP_FAILED, "mmap of %zu bytes", len);
	w->mem = w->area;
}

static void map_huge(struct world *w)
{
	size_t size = sys_thp_size();

	if (!size)
		tap_leave_out("the kernel has no transparent huge pages");
	map_area(w, 2 * size, 0);
	w->mem += -(uintptr_t)w->mem & (size - 1);
	madvise(w->mem, size, MADV_HUGEPAGE);
}

static void map_movable(struct world *w)
{
	unsigned long node = 1UL << MOVABLE_NODE;
	struct pinscope_page rec;

	map_area(w, bytes(w), 0);
	if (syscall(SYS_mbind, w->area, bytes(w), 2 /* MPOL_BIND */, &node, 8, 0))
		tap_skip("there is no node %d: run it by scripts/vm", MOVABLE_NODE);
	memset(w->area, 1, bytes(w));
	need_ok(pinscope_page(w->ctl, w->area, &rec));
	if (!(rec.state & PINSCOPE_STATE_ZONE_MOVABLE))
		tap_skip("node %d has no movable memory: run it by scripts/vm", MOVABLE_NODE);
}

static void make_memory(struct world *w)
{
	switch (w->row->memory) {
	case NO_MEMORY:
		break;
	case KEPT:
		w->mem = w->kept;
		break;
	case FRESH:
		map_area(w, bytes(w), 0);
		break;
	case HUGE:
		map_huge(w);
		break;
	case HUGETLB:
		map_area(w, bytes(w), MAP_HUGETLB);
		break;
	case MOVABLE:
		map_movable(w);
		break;
	}
}

/* -------------------------------------------------------------- open, close */

static int call_open(struct world *w)
{
	w->opened = open(w->row->path, O_RDWR | O_CLOEXEC);
	return sys_result(w->opened);
}

/* The list of open files grows at times: once for each 64 of them. */
static int call_open_many(struct world *w)
{
	int fds[64], nr, ret = 0;

	for (nr = 0; !ret && nr < (int)ARRAY_SIZE(fds); nr++) {
		fds[nr] = open(w->row->path, O_RDWR | O_CLOEXEC);
		ret = sys_result(fds[nr]);
	}
	while (nr--)
		if (fds[nr] >= 0)
			close(fds[nr]);
	return ret;
}

static void open_ctl(struct world *w)
{
	w->opened = open(PINSCOPE_CTL_PATH, O_RDWR | O_CLOEXEC);
	need_sys(w->opened >= 0, "open of " PINSCOPE_CTL_PATH);
}

static int call_close(struct world *w)
{
	int fd = w->opened;

	/* Whatever it returns, the file is closed, and its pins are gone. */
	w->opened = -1;
	w->ids[0] = 0;
	return sys_result(close(fd));
}

/* -------------------------------------------------------------- PIN, UNPIN */

static int pin(struct world *w, unsigned int call, uint64_t gup_flags, uint32_t *id)
{
	return pinscope_pin(ctl_of(w), call, gup_flags, w->mem, bytes(w), id);
}

/* The kernel may lack it. */
static void need_call(struct world *w, unsigned int call)
{
	struct pinscope_info info;

	need_ok(pinscope_info(w->ctl, &info));
	if (!(info.calls & 1ULL << call))
		tap_leave_out("the kernel does not have %s",
			      pinscope_name(pinscope_call_names, call));
}

static void prepare_call(struct world *w)
{
	need_call(w, w->row->number);
}

static int call_pin(struct world *w)
{
	return pin(w, w->row->number, w->row->flags, &w->ids[0]);
}

static int pin_cmd(struct world *w, struct pinscope_pin cmd)
{
	int ret;

	cmd.call = w->row->number;
	cmd.gup_flags = w->row->flags;
	cmd.len = bytes(w);
	ret = pinscope_pin_cmd(ctl_of(w), &cmd);
	if (!ret)
		w->ids[0] = cmd.id;
	return ret || cmd.pages == w->row->pages ? ret : -EBADMSG;
}

static int call_pin_batch(struct world *w)
{
	return pin_cmd(w, (struct pinscope_pin) {
		.addr = pinscope_addr(w->mem), .batch = w->row->pages,
	});
}

/* With PARTIAL, the fault of a later batch leaves what the first ones have pinned. */
static int call_pin_partial(struct world *w)
{
	struct pinscope_pin cmd = {
		.call = w->row->number, .gup_flags = w->row->flags,
		.addr = pinscope_addr(w->mem), .len = bytes(w), .batch = 1,
		.flags = PINSCOPE_PIN_PARTIAL,
	};
	int ret = pinscope_pin_cmd(ctl_of(w), &cmd);

	if (!ret)
		w->ids[0] = cmd.id;
	return ret || cmd.pages ? ret : -EBADMSG;
}

static int call_pin_pid(struct world *w)
{
	return pin_cmd(w, (struct pinscope_pin) {
		.addr = pinscope_addr(w->mem), .target_type = PINSCOPE_TARGET_PID,
		.target_nr = getpid(),
	});
}

static void prepare_pidfd(struct world *w)
{
	w->file = syscall(SYS_pidfd_open, getpid(), 0);
	need_sys(w->file >= 0, "pidfd_open");
}

static int call_pin_pidfd(struct world *w)
{
	return pin_cmd(w, (struct pinscope_pin) {
		.addr = pinscope_addr(w->mem), .target_type = PINSCOPE_TARGET_PIDFD,
		.target_nr = w->file,
	});
}

/* Another each time, so that its pages have to be allocated. */
static void prepare_memfd(struct world *w)
{
	need_call(w, PINSCOPE_CALL_PIN_MEMFD);
	w->file = memfd_create("fail-nth-test", MFD_CLOEXEC |
			       (w->row->memory == HUGETLB ? MFD_HUGETLB : 0));
	need_sys(w->file >= 0 && !ftruncate(w->file, bytes(w)), "memfd");
}

static int call_pin_memfd(struct world *w)
{
	return pin_cmd(w, (struct pinscope_pin) {
		.target_type = PINSCOPE_TARGET_MEMFD, .target_nr = w->file,
	});
}

/* All slots of the table are in use: the next PIN makes a larger one. */
static void prepare_full_table(struct world *w)
{
	uint32_t id = 0;

	open_ctl(w);
	while (id < FIRST_SLOTS - 1)
		need_ok(pin(w, PINSCOPE_CALL_PIN_FAST, 0, &id));
}

static void prepare_pinned(struct world *w)
{
	need_ok(pin(w, PINSCOPE_CALL_PIN, w->row->flags, &w->ids[0]));
}

static void prepare_opened_pinned(struct world *w)
{
	open_ctl(w);
	prepare_pinned(w);
}

static int call_unpin(struct world *w)
{
	int ret = pinscope_unpin(ctl_of(w), w->ids[0]);

	if (!ret)
		w->ids[0] = 0;
	return ret;
}

/* All but the first page and the last. */
static int call_unpin_part(struct world *w)
{
	uint64_t left = 0;
	int ret = pinscope_unpin_part(ctl_of(w), w->ids[0], page, bytes(w) - 2 * page, 0,
				      &left);

	return ret || left == 2 ? ret : -EBADMSG;
}

/* ---------------------------------------------- what does not change a pin */

static int call_info(struct world *w)
{
	struct pinscope_info info;
	int ret = pinscope_info(w->ctl, &info);

	return ret || info.abi_version == PINSCOPE_ABI_VERSION ? ret : -EBADMSG;
}

static int call_rss(struct world *w)
{
	struct pinscope_rss rss;
	int ret = pinscope_rss(w->ctl, pinscope_self(), &rss);

	return ret || rss.anon > 0 ? ret : -EBADMSG;
}

static int call_read(struct world *w)
{
	int ret = pinscope_read(w->ctl, w->ids[0], 0, w->buf, bytes(w));

	return ret || !memcmp(w->buf, w->mem, bytes(w)) ? ret : -EBADMSG;
}

static int call_write(struct world *w)
{
	int ret;

	memset(w->buf, 'w', bytes(w));
	ret = pinscope_write(w->ctl, w->ids[0], 0, w->buf, bytes(w));
	return ret || !memcmp(w->buf, w->mem, bytes(w)) ? ret : -EBADMSG;
}

static int call_compare(struct world *w)
{
	static uint64_t bitmap[MANY / 64 + 1];
	struct pinscope_compare cmp = {
		.bitmap = pinscope_addr(bitmap), .bitmap_size = sizeof(bitmap),
	};
	int ret = pinscope_compare(w->ctl, w->ids[0], pinscope_self(), pinscope_addr(w->mem),
				   &cmp);

	return ret || cmp.same == w->row->pages ? ret : -EBADMSG;
}

/* The library would allocate memory for the records: another call that can fail. */
static int inspect(struct world *w, struct pinscope_target target, uint64_t addr)
{
	static struct pinscope_page recs[MANY];
	struct pinscope_inspect cmd = {
		.size = sizeof(cmd), .record_size = sizeof(recs[0]), .addr = addr,
		.len = bytes(w), .records = pinscope_addr(recs), .nr = MANY,
		.target_type = target.target_type, .target_nr = target.target_nr,
	};
	unsigned int pages = 0, i;
	int ret = pinscope_ioctl(w->ctl, PINSCOPE_IOC_INSPECT, &cmd);

	for (i = 0; !ret && i < cmd.nr; i++)
		pages += recs[i].pages;
	return ret || pages == w->row->pages ? ret : -EBADMSG;
}

static int call_inspect(struct world *w)
{
	return inspect(w, pinscope_self(), pinscope_addr(w->mem));
}

static int call_inspect_pid(struct world *w)
{
	return inspect(w, pinscope_pid(getpid()), pinscope_addr(w->mem));
}

static int call_inspect_pin(struct world *w)
{
	return inspect(w, pinscope_pinned(w->ids[0]), 0);
}

static void prepare_pfn(struct world *w)
{
	struct pinscope_page rec;

	prepare_pinned(w);
	need_ok(pinscope_page(w->ctl, w->mem, &rec));
	w->pfn = rec.pfn;
}

static int call_inspect_physical(struct world *w)
{
	return inspect(w, pinscope_physical(), w->pfn * page);
}

/* Some pages have no memory: their results say so, and the ioctl succeeds. */
static int call_fault(struct world *w)
{
	static uint32_t results[PINSCOPE_MAP_SIZE / 4096];
	struct pinscope_fault out;
	int ret = pinscope_fault(ctl_of(w), pinscope_self(), pinscope_addr(w->mem), bytes(w),
				 w->row->flags, results, &out);

	if (ret)
		return ret;
	if (out.results_or & PINSCOPE_VM_FAULT_OOM)
		return -ENOMEM;
	return out.pages == w->row->pages ? 0 : -EBADMSG;
}

/* --------------------------------------------------------------------- map */

static void open_map(struct world *w)
{
	w->opened = pinscope_open_map();
	need_ok(w->opened < 0 ? w->opened : 0, "open of " PINSCOPE_MAP_PATH);
}

static int map(struct world *w, int flags)
{
	void *addr;
	int ret = pinscope_map(w->opened, w->row->number, PINSCOPE_MAP_SIZE, RW, flags, &addr);

	if (ret == -EINVAL)
		tap_leave_out("the kernel cannot have the map");
	if (ret)
		return ret;
	w->area = addr;
	w->area_len = PINSCOPE_MAP_SIZE;
	w->mem = w->area;
	return 0;
}

static int call_map(struct world *w)
{
	return map(w, w->row->flags);
}

static void prepare_mapped(struct world *w)
{
	open_map(w);
	need_ok(map(w, MAP_SHARED));
}

static void prepare_mapped_private(struct world *w)
{
	open_map(w);
	need_ok(map(w, MAP_PRIVATE));
}

static int call_map_counts(struct world *w)
{
	struct pinscope_map_counts counts;

	return pinscope_map_counts(w->opened, &counts);
}

/* ---------------------------------------------------------------- gup_test */

static void prepare_gup_test(struct world *w)
{
	if (w->gup_test < 0)
		w->gup_test = open(GUP_TEST_PATH, O_RDWR | O_CLOEXEC);
	if (w->gup_test < 0)
		tap_skip("there is no " GUP_TEST_PATH ": load the module with gup_test=1");
}

static int call_gup_test(struct world *w)
{
	struct gup_test arg = {
		.addr = pinscope_addr(w->mem), .size = bytes(w), .gup_flags = 1,
		.nr_pages_per_call = w->row->pages,
	};
	int ret = sys_result(ioctl(w->gup_test, w->row->number, &arg));

	/* It may pin less than all, and says so. */
	return ret || (arg.size && arg.size <= bytes(w)) ? ret : -EBADMSG;
}

static int call_longterm_start(struct world *w)
{
	struct pin_longterm_test arg = { .addr = pinscope_addr(w->mem), .size = bytes(w) };

	return sys_result(ioctl(w->gup_test, PIN_LONGTERM_TEST_START, &arg));
}

static void prepare_longterm(struct world *w)
{
	prepare_gup_test(w);
	need_ok(call_longterm_start(w));
}

static int call_longterm_read(struct world *w)
{
	__u64 to = pinscope_addr(w->buf);
	int ret = sys_result(ioctl(w->gup_test, PIN_LONGTERM_TEST_READ, &to));

	return ret || !memcmp(w->buf, w->mem, bytes(w)) ? ret : -EBADMSG;
}

static int call_longterm_stop(struct world *w)
{
	return sys_result(ioctl(w->gup_test, PIN_LONGTERM_TEST_STOP));
}

/* ---------------------------------------------------------------- tracking */

static struct pinscope_track track_query(struct world *w)
{
	struct pinscope_track track;

	need_ok(pinscope_track(w->ctl, PINSCOPE_TRACK_QUERY, 0, 0, &track));
	return track;
}

static void track_off(struct world *w)
{
	int ret = pinscope_track(w->ctl, PINSCOPE_TRACK_STOP, 0, 0, NULL);

	if (ret == -EOPNOTSUPP)
		tap_leave_out("the kernel lacks CONFIG_KRETPROBES or %s",
			      "CONFIG_DYNAMIC_FTRACE_WITH_REGS");
	need_ok(ret);
	need_ok(pinscope_track(w->ctl, PINSCOPE_TRACK_CLEAR, 0, 0, NULL));
}

static void track_on(struct world *w, unsigned int sites)
{
	track_off(w);
	need_ok(pinscope_track(w->ctl, PINSCOPE_TRACK_START, 0, sites, NULL));
}

static void prepare_track(struct world *w)
{
	track_off(w);
}

static void prepare_tracking(struct world *w)
{
	track_on(w, 0);
}

static int call_track(struct world *w)
{
	return pinscope_track(w->ctl, w->row->number, 0, 0, NULL);
}

static int call_holders(struct world *w)
{
	static struct pinscope_site sites[4];
	struct pinscope_holders cmd = {
		.size = sizeof(cmd), .record_size = sizeof(sites[0]), .nr = ARRAY_SIZE(sites),
		.records = pinscope_addr(sites),
	};
	int ret = pinscope_ioctl(w->ctl, PINSCOPE_IOC_HOLDERS, &cmd);

	return ret || (cmd.nr && sites[0].pid == getpid()) ? ret : -EBADMSG;
}

/* Pins that tracking surely knows of. */
static uint64_t held_surely(struct world *w)
{
	struct pinscope_site *sites;
	uint64_t held = 0;
	size_t nr, i;

	need_ok(pinscope_holders(w->ctl, 0, 0, &sites, &nr));
	for (i = 0; i < nr; i++)
		held += sites[i].held_surely;
	free(sites);
	return held;
}

/* Everything is recorded, or is said to be missed; that only with a fault. */
static void expect_recorded(struct world *w, uint64_t pins, bool hit)
{
	uint64_t missed = track_query(w).missed - w->missed, held = held_surely(w);

	if (!hit)
		expect_eq(missed, 0, "no allocation has failed");
	if (!missed)
		expect_eq(held, pins, "tracking says that it has missed nothing");
}

static void check_pinned(struct world *w, bool hit)
{
	expect_recorded(w, w->row->pages, hit);
}

static void check_pinned_twice(struct world *w, bool hit)
{
	expect_recorded(w, 2 * w->row->pages, hit);
}

static void check_unpinned(struct world *w, bool hit)
{
	expect_recorded(w, 0, hit);
}

static int call_pin_again(struct world *w)
{
	return pin(w, w->row->number, w->row->flags, &w->ids[1]);
}

/*
 * The folios have pins that are not recorded, since the only site that there is room for is
 * that of the first PIN. So UNPIN of a recorded one is undecided, for which another record
 * has to be allocated.
 */
static void prepare_shared_pins(struct world *w)
{
	prepare_pinned(w);
	need_ok(call_unpin(w));
	need_ok(pin(w, PINSCOPE_CALL_PIN_FAST, w->row->flags, &w->ids[1]));
	prepare_pinned(w);
}

/* ------------------------------------------------------------- text files */

/* Opens, reads and closes a file; it has to tell of this process. */
static int call_file(struct world *w)
{
	char text[4096], pid[24];
	ssize_t len, all = 0;
	int fd = open(w->row->path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	do {
		len = read(fd, text + all, sizeof(text) - 1 - all);
		ret = sys_result(len);
		all += len > 0 ? len : 0;
	} while (len > 0);
	close(fd);
	text[all] = '\0';
	snprintf(pid, sizeof(pid), "%d ", getpid());
	return ret || strstr(text, pid) ? ret : -EBADMSG;
}

/* --------------------------------------------------------------- the table */

#define ANY		(MEMORY | COPY)

#define PIN_ROW(NAME, CALL, KIND, PAGES, FLAGS)				\
	{ .name = "PIN: " NAME, .prepare = prepare_call, .call = call_pin,	\
	  .errnos = ANY, .number = PINSCOPE_CALL_##CALL, .memory = KIND,	\
	  .pages = PAGES, .flags = FLAGS }

#define MMAP_ROW(NAME, MAP, HOW)						\
	{ .name = "map: mmap of " NAME, .prepare = open_map, .call = call_map,	\
	  .errnos = MEMORY, .flags = HOW, .number = PINSCOPE_MAP_##MAP }

#define MAP_SHARED_ROW(NAME, MAP, PAGES)					\
	{ .name = "map: FAULT of " NAME ", shared", .prepare = prepare_mapped,	\
	  .call = call_fault, .errnos = ANY, .flags = PINSCOPE_FAULT_WRITE,	\
	  .number = PINSCOPE_MAP_##MAP, .pages = PAGES }

#define MAP_PRIVATE_ROW(NAME, MAP, PAGES)					\
	{ .name = "map: FAULT of " NAME ", private",				\
	  .prepare = prepare_mapped_private, .call = call_fault, .errnos = ANY, \
	  .number = PINSCOPE_MAP_##MAP, .pages = PAGES }

#define GUP_TEST_ROW(CMD)						\
	{ .name = "gup_test: " #CMD, .prepare = prepare_gup_test,		\
	  .call = call_gup_test, .errnos = ANY, .number = CMD, .memory = FRESH, \
	  .pages = FEW }

/* INFO, RSS and the like allocate nothing: only their structs are copied. */
static const struct call calls[] = {
	{ "open: ctl", .call = call_open, .errnos = ANY, .path = PINSCOPE_CTL_PATH },
	{ "open: ctl, 64 times", .call = call_open_many, .errnos = ANY,
	  .path = PINSCOPE_CTL_PATH },
	{ "open: map", .call = call_open, .errnos = ANY, .path = PINSCOPE_MAP_PATH },
	{ "open: gup_test", .call = call_open, .errnos = ANY, .path = GUP_TEST_PATH },
	{ "close: with a pin", prepare_opened_pinned, call_close, .memory = KEPT,
	  .pages = MANY },
	{ "INFO", .call = call_info, .errnos = COPY },
	{ "RSS", .call = call_rss, .errnos = COPY },

	PIN_ROW("pin, 4 new pages", PIN, FRESH, FEW, WRITE),
	PIN_ROW("pin, long-term, 4 new pages", PIN, FRESH, FEW, LONGTERM),
	PIN_ROW("pin-fast, 4 new pages", PIN_FAST, FRESH, FEW, WRITE),
	PIN_ROW("pin-fast-only", PIN_FAST_ONLY, KEPT, FEW, WRITE),
	PIN_ROW("pin-unlocked, 4 new pages", PIN_UNLOCKED, FRESH, FEW, WRITE),
	PIN_ROW("pin-remote, 4 new pages", PIN_REMOTE, FRESH, FEW, WRITE),
	PIN_ROW("get, 4 new pages", GET, FRESH, FEW, WRITE),
	PIN_ROW("get-fast, 4 new pages", GET_FAST, FRESH, FEW, WRITE),
	PIN_ROW("get-fast-only", GET_FAST_ONLY, KEPT, FEW, WRITE),
	PIN_ROW("get-unlocked, 4 new pages", GET_UNLOCKED, FRESH, FEW, WRITE),
	PIN_ROW("get-remote, 4 new pages", GET_REMOTE, FRESH, FEW, WRITE),
	PIN_ROW("one page", PIN_FAST, KEPT, 1, WRITE),
	PIN_ROW("many pages", PIN_FAST, KEPT, MANY, WRITE | LONGTERM),
	PIN_ROW("a new THP", PIN_FAST, HUGE, 512, WRITE | LONGTERM),
	PIN_ROW("a new hugetlb page", PIN, HUGETLB, 512, WRITE | LONGTERM),
	PIN_ROW("pages that have to be migrated", PIN, MOVABLE, FEW, WRITE | LONGTERM),
	{ "PIN: many pages in one batch", .call = call_pin_batch, .errnos = ANY,
	  .memory = KEPT, .pages = MANY, .number = PINSCOPE_CALL_PIN, .flags = WRITE },
	{ "PIN: partial, 4 new pages", .call = call_pin_partial, .errnos = ANY,
	  .memory = FRESH, .pages = FEW, .number = PINSCOPE_CALL_PIN, .flags = WRITE },
	{ "PIN: of a process id", .call = call_pin_pid, .errnos = ANY, .memory = KEPT,
	  .pages = FEW, .number = PINSCOPE_CALL_PIN_REMOTE, .flags = WRITE },
	{ "PIN: of a pidfd", prepare_pidfd, call_pin_pidfd, .errnos = ANY,
	  .memory = KEPT, .pages = FEW, .number = PINSCOPE_CALL_PIN_REMOTE, .flags = WRITE },
	{ "PIN: pin-memfd, 4 new pages", prepare_memfd, call_pin_memfd, .errnos = ANY,
	  .pages = FEW, .number = PINSCOPE_CALL_PIN_MEMFD },
	{ "PIN: pin-memfd, a new hugetlb page", prepare_memfd, call_pin_memfd, .errnos = ANY,
	  .memory = HUGETLB, .pages = 512, .number = PINSCOPE_CALL_PIN_MEMFD },
	{ "PIN: a full table of pins", prepare_full_table, call_pin, .errnos = ANY,
	  .memory = KEPT, .pages = 1, .number = PINSCOPE_CALL_PIN },

	{ "UNPIN: one page", prepare_pinned, call_unpin, .errnos = COPY, .memory = KEPT,
	  .pages = 1 },
	{ "UNPIN: many pages", prepare_pinned, call_unpin, .errnos = COPY, .memory = KEPT,
	  .pages = MANY },
	{ "UNPIN: a part of many pages", prepare_pinned, call_unpin_part, .errnos = ANY,
	  .memory = KEPT, .pages = MANY },
	{ "READ", prepare_pinned, call_read, .errnos = COPY, .memory = KEPT, .pages = FEW },
	{ "WRITE", prepare_pinned, call_write, .errnos = COPY, .memory = KEPT, .pages = FEW,
	  .flags = WRITE },
	{ "COMPARE", prepare_pinned, call_compare, .errnos = ANY, .memory = KEPT,
	  .pages = MANY },
	{ "INSPECT: the caller", .call = call_inspect, .errnos = ANY, .memory = KEPT,
	  .pages = MANY },
	{ "INSPECT: a process id", .call = call_inspect_pid, .errnos = ANY,
	  .memory = KEPT, .pages = FEW },
	{ "INSPECT: a pin", prepare_pinned, call_inspect_pin, .errnos = ANY, .memory = KEPT,
	  .pages = MANY },
	{ "INSPECT: physical memory", prepare_pfn, call_inspect_physical, .errnos = ANY,
	  .memory = KEPT, .pages = 1 },
	{ "FAULT: write, 4 new pages", .call = call_fault, .errnos = ANY, .memory = FRESH,
	  .pages = FEW, .flags = PINSCOPE_FAULT_WRITE },
	{ "FAULT: unshare, 4 new pages", .call = call_fault, .errnos = ANY, .memory = FRESH,
	  .pages = FEW, .flags = PINSCOPE_FAULT_UNSHARE },

	MMAP_ROW("pfnmap, shared", PFNMAP, MAP_SHARED),
	MMAP_ROW("pfnmap, private", PFNMAP, MAP_PRIVATE),
	MAP_SHARED_ROW("pfnmap", PFNMAP, FEW),
	MAP_PRIVATE_ROW("pfnmap", PFNMAP, FEW),
	MMAP_ROW("mixed-pfn, shared", MIXED_PFN, MAP_SHARED),
	MMAP_ROW("mixed-pfn, private", MIXED_PFN, MAP_PRIVATE),
	MAP_SHARED_ROW("mixed-pfn", MIXED_PFN, FEW),
	MAP_PRIVATE_ROW("mixed-pfn", MIXED_PFN, FEW),
	MMAP_ROW("mixed-page, shared", MIXED_PAGE, MAP_SHARED),
	MMAP_ROW("mixed-page, private", MIXED_PAGE, MAP_PRIVATE),
	MAP_SHARED_ROW("mixed-page", MIXED_PAGE, FEW),
	MAP_PRIVATE_ROW("mixed-page", MIXED_PAGE, FEW),
	MMAP_ROW("pmd, shared", PMD, MAP_SHARED),
	MMAP_ROW("pmd, private", PMD, MAP_PRIVATE),
	MAP_SHARED_ROW("pmd", PMD, 512),
	MAP_PRIVATE_ROW("pmd", PMD, 512),
	{ "map: MAP_COUNTS", open_map, call_map_counts, .errnos = COPY },

	GUP_TEST_ROW(GUP_FAST_BENCHMARK),
	GUP_TEST_ROW(PIN_FAST_BENCHMARK),
	GUP_TEST_ROW(PIN_LONGTERM_BENCHMARK),
	GUP_TEST_ROW(GUP_BASIC_TEST),
	GUP_TEST_ROW(PIN_BASIC_TEST),
	GUP_TEST_ROW(DUMP_USER_PAGES_TEST),
	{ "gup_test: PIN_LONGTERM_TEST_START", prepare_gup_test, call_longterm_start,
	  .errnos = ANY, .memory = FRESH, .pages = FEW },
	{ "gup_test: PIN_LONGTERM_TEST_READ", prepare_longterm, call_longterm_read,
	  .errnos = COPY, .memory = KEPT, .pages = FEW },
	{ "gup_test: PIN_LONGTERM_TEST_STOP", prepare_longterm, call_longterm_stop,
	  .errnos = 0, .memory = KEPT, .pages = MANY },

	{ "pins", prepare_pinned, call_file, .errnos = ANY, .memory = KEPT, .pages = MANY,
	  .path = PINSCOPE_PINS_PATH },
	{ "holders", prepare_pinned, call_file, .errnos = ANY, .memory = KEPT, .pages = FEW,
	  .path = HOLDERS_PATH, .sites = 16 },
	{ "HOLDERS", prepare_pinned, call_holders, .errnos = COPY, .memory = KEPT,
	  .pages = FEW, .sites = 16 },
	{ "INSPECT: tracked pages", prepare_pinned, call_inspect, .errnos = ANY,
	  .memory = KEPT, .pages = FEW, .sites = 16 },
	{ "tracked: PIN of one page", .call = call_pin, check_pinned, ANY, KEPT, 1,
	  PINSCOPE_CALL_PIN, WRITE, .sites = 16 },
	{ "tracked: PIN of many pages", .call = call_pin, check_pinned, ANY, KEPT, MANY,
	  PINSCOPE_CALL_PIN_FAST, WRITE, .sites = 16 },
	{ "tracked: PIN of 4 new pages", .call = call_pin, check_pinned, ANY, FRESH, FEW,
	  PINSCOPE_CALL_PIN_FAST, WRITE, .sites = 16 },
	{ "tracked: PIN by a second site", prepare_pinned, call_pin_again, check_pinned_twice,
	  ANY, KEPT, FEW, PINSCOPE_CALL_PIN_FAST, WRITE, .sites = 16 },
	{ "tracked: UNPIN", prepare_pinned, call_unpin, check_unpinned, COPY, KEPT, FEW,
	  PINSCOPE_CALL_PIN, WRITE, .sites = 16 },
	{ "tracked: UNPIN of shared pages", prepare_shared_pins, call_unpin, check_unpinned,
	  COPY, KEPT, FEW, PINSCOPE_CALL_PIN, WRITE, .sites = 1 },
	{ "tracked: close", prepare_opened_pinned, call_close, check_unpinned, 0, KEPT, MANY,
	  PINSCOPE_CALL_PIN, WRITE, .sites = 16 },
	{ "TRACK: query", prepare_track, call_track, .errnos = COPY,
	  .number = PINSCOPE_TRACK_QUERY },
	{ "TRACK: clear", prepare_track, call_track, .errnos = COPY,
	  .number = PINSCOPE_TRACK_CLEAR },
	{ "TRACK: start", prepare_track, call_track, .errnos = ANY,
	  .number = PINSCOPE_TRACK_START, .kernel_warns = true },
	/*
	 * Only its struct: a kprobe that ftrace has no memory to disarm stays registered, the
	 * kernel warns, and tracking cannot start again (ENOTRECOVERABLE).
	 */
	{ "TRACK: stop", prepare_tracking, call_track, .errnos = COPY,
	  .number = PINSCOPE_TRACK_STOP, .most = 1 },
};

/* ------------------------------------------------- what must not have changed */

static long charged_kib(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	long value, sum = 0;
	char line[200];

	need_sys(file, "/proc/self/status");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmPin: %ld", &value) == 1 ||
		    sscanf(line, "VmLck: %ld", &value) == 1)
			sum += value;
	fclose(file);
	return sum;
}

static struct counts count(int ctl)
{
	struct pinscope_info info;

	need_ok(pinscope_info(ctl, &info));
	return (struct counts) { info.pinned_pages, sys_pins_held(), charged_kib() };
}

static bool same_counts(const struct counts *a, const struct counts *b)
{
	return a->pinned == b->pinned && a->kernel == b->kernel && a->charged == b->charged;
}

static bool expect_counts(int ctl, const struct counts *want, const char *when)
{
	long end = sys_now_ms() + SETTLE_MS;
	struct counts now = count(ctl);

	while (!same_counts(&now, want) && sys_now_ms() < end) {
		sys_sleep_ms(20);
		now = count(ctl);
	}
	return expect_eq(now.pinned, want->pinned, "pages pinned by INFO, %s", when) &
	       expect_eq(now.kernel, want->kernel, "pins in /proc/vmstat, %s", when) &
	       expect_eq(now.charged, want->charged, "VmPin and VmLck, %s", when);
}

/* ------------------------------------------------------------------ faults */

static void arm(struct world *w, unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	need_sys(pwrite(w->fail_nth, text, strlen(text), 0) > 0, "%s to " FAIL_NTH, text);
}

/* Has the fault been injected? If not, it will not be any more. */
static bool disarm(struct world *w)
{
	char text[16] = "";
	ssize_t len = pread(w->fail_nth, text, sizeof(text) - 1, 0);

	/* This copy was the next point: the call had come to its end. */
	if (len < 0)
		return false;
	if (!atoi(text))
		return true;
	/* If the copy of this fails, it was the next point. */
	len = pwrite(w->fail_nth, "0", 1, 0);
	return false;
}

static void clean(struct world *w)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(w->ids); i++)
		if (w->ids[i])
			expect_ok(pinscope_unpin(ctl_of(w), w->ids[i]),
				  "UNPIN after the call");
	if (w->gup_test >= 0)
		expect_ok(call_longterm_stop(w));
	if (w->opened >= 0)
		close(w->opened);
	if (w->file >= 0)
		close(w->file);
	if (w->area)
		munmap(w->area, w->area_len);
	w->ids[0] = 0;
	w->ids[1] = 0;
	w->opened = -1;
	w->file = -1;
	w->area = NULL;
}

/**
 * struct points - what became of the points of a call
 * @nr: how many it has
 * @faults: how many faults were injected, over all rounds
 * @succeeded: the call succeeded in spite of the fault
 * @memory: it failed with ENOMEM
 * @copy: with EFAULT
 */
struct points {
	unsigned int nr, faults, succeeded, memory, copy;
};

static void count_point(struct points *points, unsigned int n, int ret)
{
	if (points->nr < n)
		points->nr = n;
	points->faults++;
	points->succeeded += !ret;
	points->memory += ret == -ENOMEM;
	points->copy += ret == -EFAULT;
}

static bool expect_result(struct world *w, int ret, bool hit)
{
	if (!ret) {
		if (w->row->check)
			w->row->check(w, hit);
		return true;
	}
	if (!hit)
		return expect_ret(ret, 0, "without a fault");
	return expect(w->row->errnos & ERRNO(-ret),
		      "the call does not fail with %s for want of memory or of a copy",
		      pinscope_errno(ret));
}

/* Makes the call, with a fault at its point @n unless that is 0. Is all well? */
static bool attempt(struct world *w, unsigned int n, bool *hit, struct points *points)
{
	struct counts before = w->base;
	bool well;
	int ret;

	make_memory(w);
	if (w->row->prepare)
		w->row->prepare(w);
	if (w->row->sites)
		w->missed = track_query(w).missed;
	/* Counting takes longer than most calls. */
	if (n && w->row->prepare)
		before = count(w->ctl);
	if (n)
		arm(w, n);
	ret = w->row->call(w);
	*hit = n && disarm(w);
	well = expect_result(w, ret, *hit);
	if (ret)
		well &= expect_counts(w->ctl, &before, "after a call that failed");
	if (*hit)
		count_point(points, n, ret);
	clean(w);
	return well & expect_counts(w->ctl, &w->base, "in the end");
}

/* All points of a call, and that it works after each. Returns how often that went wrong. */
static unsigned int try_points(struct world *w, struct points *points)
{
	unsigned int most = w->row->most ? w->row->most : POINTS_MAX, n, bad = 0;
	bool hit;

	for (n = 1; n <= most && bad < FAILURES_MAX; n++) {
		tap_context("with a fault at point %u", n);
		bad += !attempt(w, n, &hit, points);
		if (!hit)
			return bad;
		tap_context("after a fault at point %u", n);
		bad += !attempt(w, 0, &hit, points);
	}
	if (bad < FAILURES_MAX)
		printf("# this call has more points than the %u that were tried\n", most);
	return bad;
}

/* ----------------------------------------------- what the kernel warns of */

/*
 * START registers probes, and the kernel warns when ftrace has no memory for that. Those
 * warnings, and no others, are expected: they must neither panic nor get to the console,
 * where scripts/vm looks for them.
 */
static long panic_on_warn, console_level;

static int quiet_begin(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	need_sys(log >= 0 && lseek(log, 0, SEEK_END) >= 0, "/dev/kmsg");
	need_ok(sys_write_file(PANIC_ON_WARN, "0"));
	klogctl(8 /* SYSLOG_ACTION_CONSOLE_LEVEL */, NULL, 1);
	return log;
}

/* In the parent, whatever has become of the test. */
static void quiet_end(void)
{
	sys_write_file(PANIC_ON_WARN, panic_on_warn ? "1" : "0");
	klogctl(8, NULL, console_level);
}

static bool is_report(const char *text)
{
	static const char *const words[] = {
		"WARNING: ", "BUG: ", "KASAN: ", "UBSAN: ", "INFO: ", "Oops: ",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

static void expect_warnings_of_probes(int log)
{
	char text[4096];
	ssize_t len;

	/* EPIPE: some lines were overwritten. */
	while ((len = read(log, text, sizeof(text) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		text[len > 0 ? len : 0] = '\0';
		if (is_report(text))
			expect(strstr(text, "kprobe") || strstr(text, "ftrace"),
			       "the kernel reports %s", text);
	}
	close(log);
}

/* ---------------------------------------------------------------- the tests */

static char *map_kept(void)
{
	char *mem = mmap(NULL, MANY * page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	need_sys(mem != MAP_FAILED, "mmap");
	madvise(mem, MANY * page, MADV_NOHUGEPAGE);
	/* Not one after the other, so that their PFNs are not either. */
	for (i = 0; i < MANY; i++)
		mem[i * 7 % MANY * page] = i;
	return mem;
}

static void run_call(const struct call *row)
{
	struct world w = { .row = row, .gup_test = -1, .opened = -1, .file = -1 };
	struct points points = {};
	unsigned int round, rounds, bad = 0;
	int log = -1;
	bool hit;

	w.ctl = pinscope_open();
	need_ok(w.ctl < 0 ? w.ctl : 0, "open of " PINSCOPE_CTL_PATH);
	w.fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	need_sys(w.fail_nth >= 0, FAIL_NTH);
	w.kept = map_kept();
	w.buf = map_kept();
	if (row->kernel_warns)
		log = quiet_begin();
	if (row->sites)
		track_on(&w, row->sites);
	w.base = count(w.ctl);
	tap_context("before the first fault");
	need(attempt(&w, 0, &hit, &points), "the call has to work without a fault");
	/* START takes long. */
	rounds = row->kernel_warns ? 1 : ROUNDS;
	for (round = 0; round < rounds && bad < FAILURES_MAX; round++)
		bad += try_points(&w, &points);
	if (row->sites || row->kernel_warns)
		track_off(&w);
	if (log >= 0)
		expect_warnings_of_probes(log);
	printf("# %s: %u points; of %u faults: %u ENOMEM, %u EFAULT, %u no failure\n",
	       row->name, points.nr, points.faults, points.memory, points.copy,
	       points.succeeded);
}

/* Is no memory of the module lost? */
static void run_kmemleak(void)
{
	char line[300];
	bool report = false;
	FILE *file;
	int i;

	for (i = 0; i < 2; i++) {
		if (sys_write_file(KMEMLEAK, "scan"))
			tap_leave_out("kmemleak is off: %s",
				      "boot a kernel that has it with kmemleak=on");
		sys_sleep_ms(LEAK_AGE_MS);
	}
	file = fopen(KMEMLEAK, "re");
	need_sys(file, KMEMLEAK);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strstr(line, "unreferenced object"))
			report = false;
		if (strstr(line, "pinscope") && !report) {
			report = true;
			fail("a leak", "%s", line);
		}
	}
	fclose(file);
}

/* A test for each call, and one more. */
static struct test tests[ARRAY_SIZE(calls) + 2];

static void run_test(const struct test *test)
{
	size_t i = test - tests;

	if (i < ARRAY_SIZE(calls))
		run_call(&calls[i]);
	else
		run_kmemleak();
}

static int info_fd;
static struct counts at_start;

static bool nothing_left(void)
{
	quiet_end();
	tap_context("after the test");
	return expect_counts(info_fd, &at_start, "after the test");
}

/* All kinds of faults, in whatever context the memory is wanted, and no word of them. */
static void set_knobs(void)
{
	static const char *const knobs[][2] = {
		{ "failslab/verbose", "0" },
		{ "failslab/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_usercopy/verbose", "0" },
	};
	char path[100];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		snprintf(path, sizeof(path), PINSCOPE_DEBUGFS "/%s", knobs[i][0]);
		if (sys_write_file(path, knobs[i][1]))
			printf("# %s cannot be set: its faults are left out, or not as wanted\n",
			       path);
	}
}

int main(int argc, char **argv)
{
	static const struct test *const tables[] = { tests };
	static const struct tap_hooks hooks = { .run = run_test, .nothing_left = nothing_left };
	char why[256];
	size_t i;

	if (access(FAIL_NTH, W_OK)) {
		printf("1..0 # SKIP the kernel has no " FAIL_NTH ": %s\n",
		       "scripts/proof-kernel --debug builds one with CONFIG_FAULT_INJECTION");
		return 4;
	}
	info_fd = pinscope_open();
	if (info_fd < 0) {
		pinscope_why_not(info_fd, why, sizeof(why));
		printf("Bail out! %s\n", why);
		return 1;
	}
	page = sys_page_size();
	panic_on_warn = sys_read_number(PANIC_ON_WARN);
	console_level = sys_read_number("/proc/sys/kernel/printk");
	set_knobs();
	at_start = count(info_fd);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		tests[i].name = calls[i].name;
	tests[i].name = "kmemleak";
	return tap_run(tables, ARRAY_SIZE(tables), argc, argv, &hooks);
}
