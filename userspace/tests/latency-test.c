// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the calls of the ABI keep a processor to themselves: in TAP.
 *
 * Each row of a table is a call about 2 MiB of memory, or about the entries of 2 MiB. The
 * tracer preemptirqsoff measures, while it is made, the longest time for which interrupts or
 * preemption are off: for so long no other task can run there. It may be LIMIT_US at most.
 * Each call is made twice, and the second counts: the first may fault in the test's own pages.
 *
 * Needs a kernel with CONFIG_PREEMPT, CONFIG_IRQSOFF_TRACER and CONFIG_PREEMPT_TRACER, and a
 * guest whose clock counts instructions, so that a figure says nothing of the machine that it
 * is made on: see scripts/latency.
 *
 * usage: latency-test [GLOB]...
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../module/gup_test_abi.h"
#include "../suite/sys.h"
#include "tap.h"

#define TRACING		"/sys/kernel/tracing/"
#define GUP_TEST_PATH	PINSCOPE_DEBUGFS "/gup_test"
#define PINS_PATH	PINSCOPE_DEBUGFS "/pinscope/pins"
#define HOLDERS_PATH	PINSCOPE_DEBUGFS "/pinscope/holders"

#define RW		(PROT_READ | PROT_WRITE)
#define WRITE		PINSCOPE_FOLL_WRITE
#define LONGTERM	PINSCOPE_FOLL_LONGTERM

#define STATE(name)	PINSCOPE_STATE_##name

#define LIMIT_US	1000
#define LEN		(2UL << 20)
#define SPARSE_LEN	(64UL << 30)
/* The node with movable memory, in the guest of scripts/vm. */
#define MOVABLE_NODE	2

enum memory_kind {
	NO_MEMORY, BASE, ABSENT, ZEROPAGE, THP, HUGETLB, SWAPPED, MOVABLE, PAGECACHE, SPARSE,
	KINDS
};

static const char *const kind_names[KINDS] = {
	[NO_MEMORY] = "",
	[BASE] = "base pages",		/* that do not follow each other */
	[ABSENT] = "no pages",
	[ZEROPAGE] = "zeropages",
	[THP] = "a THP",
	[HUGETLB] = "hugetlb",
	[SWAPPED] = "swapped",
	[MOVABLE] = "movable",		/* a long-term pin has to migrate it */
	[PAGECACHE] = "page cache",	/* of a memfd, in a private mapping */
	[SPARSE] = "a page in 64 GiB",
};

struct world;

/**
 * struct row - a call, and how it is made
 * @name: of its tests, before the memory's
 * @memories: what it is made about: bits of enum memory_kind
 * @prepare: makes what the call needs, or NULL
 * @call: makes it; returns 0 or a negative errno
 * @number: enum pinscope_call, enum pinscope_map or an ioctl, as @call wants
 * @flags: PINSCOPE_FOLL_*, PINSCOPE_FAULT_*, PINSCOPE_UNPIN_* or MAP_* bits, as @call wants
 * @path: of a file
 * @tracked: tracking is on
 */
struct row {
	const char *name;
	unsigned int memories;
	int (*prepare)(struct world *w);
	int (*call)(struct world *w);
	unsigned long number;
	uint64_t flags;
	const char *path;
	bool tracked;
};

/**
 * struct world - what one call has
 * @row: the call
 * @ctl: open file of the module
 * @mem: the memory
 * @len: its bytes
 * @area: what is to be unmapped, of @area_len bytes
 * @file: the memfd or the file of gup_test, or -1
 * @id: a pin, or 0
 * @buf: a buffer of LEN bytes
 */
struct world {
	const struct row *row;
	int ctl;
	char *mem;
	size_t len;
	void *area;
	size_t area_len;
	int file;
	uint32_t id;
	char *buf;
};

static size_t page;

static int sys_result(long ret)
{
	return ret < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------ memory */

/* Each second page is freed again, so that what comes next is not one block. */
static void populate_scattered(char *mem)
{
	char *holes = mmap(NULL, LEN, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t at;

	need_sys(holes != MAP_FAILED, "mmap");
	madvise(mem, LEN, MADV_NOHUGEPAGE);
	madvise(holes, LEN, MADV_NOHUGEPAGE);
	for (at = 0; at < LEN; at += page) {
		mem[at] = 1;
		holes[at] = 1;
	}
	munmap(holes, LEN);
}

static void touch(const volatile char *mem)
{
	size_t at;

	for (at = 0; at < LEN; at += page)
		(void)mem[at];
}

static void make_movable(struct world *w)
{
	unsigned long node = 1UL << MOVABLE_NODE;

	if (syscall(SYS_mbind, w->mem, LEN, MPOL_BIND, &node, 8, 0))
		tap_skip("there is no node %d: run it by scripts/vm", MOVABLE_NODE);
	populate_scattered(w->mem);
}

/* Each entry of the memory has @state, and maps @size bytes. */
static void need_state(struct world *w, uint64_t state, size_t size)
{
	struct pinscope_page *recs;
	size_t nr, i, pages = 0;

	need_ok(pinscope_inspect(w->ctl, pinscope_self(), pinscope_addr(w->mem), LEN, &recs,
				 &nr));
	for (i = 0; i < nr; i++) {
		expect_bits(pinscope_state_names, recs[i].state, state, 0);
		if (state & PINSCOPE_STATE_PRESENT)
			expect_eq(1UL << recs[i].map_shift, size);
		pages += recs[i].pages;
	}
	free(recs);
	need_eq(pages, state ? LEN / page : 0);
}

static void make_memory(struct world *w, enum memory_kind kind)
{
	int flags = MAP_PRIVATE | (kind == PAGECACHE ? 0 : MAP_ANONYMOUS) | MAP_NORESERVE |
		    (kind == HUGETLB ? MAP_HUGETLB : 0);
	size_t align = kind == THP ? LEN : 0;

	if (kind == NO_MEMORY)
		return;
	w->len = kind == SPARSE ? SPARSE_LEN : LEN;
	w->area_len = w->len + align;
	if (kind == PAGECACHE) {
		w->file = memfd_create("latency-test", MFD_CLOEXEC);
		need_sys(w->file >= 0 && !ftruncate(w->file, LEN), "memfd");
		need_sys(pwrite(w->file, w->buf, LEN, 0) == (ssize_t)LEN, "memfd");
	}
	w->area = mmap(NULL, w->area_len, RW, flags, w->file, 0);
	need_sys(w->area != MAP_FAILED, "mmap");
	w->mem = align ? (char *)w->area + (-(uintptr_t)w->area & (align - 1)) : w->area;
	switch (kind) {
	case BASE:
		populate_scattered(w->mem);
		need_state(w, STATE(PRESENT) | STATE(EXCLUSIVE), page);
		break;
	case ABSENT:
		madvise(w->mem, LEN, MADV_NOHUGEPAGE);
		need_state(w, 0, 0);
		break;
	case ZEROPAGE:
		madvise(w->mem, LEN, MADV_NOHUGEPAGE);
		touch(w->mem);
		need_state(w, STATE(PRESENT) | STATE(ZEROPAGE), page);
		break;
	case PAGECACHE:
		touch(w->mem);
		need_state(w, STATE(PRESENT) | STATE(SWAPBACKED), page);
		break;
	case THP:
		madvise(w->mem, LEN, MADV_HUGEPAGE);
		memset(w->mem, 1, LEN);
		need_state(w, STATE(PRESENT) | STATE(ANON), LEN);
		break;
	case HUGETLB:
		memset(w->mem, 1, LEN);
		need_state(w, STATE(PRESENT) | STATE(HUGETLB), LEN);
		break;
	case SWAPPED:
		populate_scattered(w->mem);
		madvise(w->mem, LEN, MADV_PAGEOUT);
		need_state(w, STATE(SWAP), 0);
		break;
	case MOVABLE:
		make_movable(w);
		need_state(w, STATE(PRESENT) | STATE(ZONE_MOVABLE), page);
		break;
	case SPARSE:
		madvise(w->mem, w->len, MADV_NOHUGEPAGE);
		w->mem[w->len - 1] = 1;
		break;
	default:
		break;
	}
}

/* --------------------------------------------------------------- the calls */

static int call_pin(struct world *w)
{
	struct pinscope_info info;

	if (pinscope_info(w->ctl, &info) || !(info.calls & 1ULL << w->row->number))
		tap_leave_out("the kernel does not have this call");
	return pinscope_pin(w->ctl, w->row->number, w->row->flags, w->mem, w->len, &w->id);
}

static int call_pin_memfd(struct world *w)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_MEMFD, .len = w->len,
		.target_type = PINSCOPE_TARGET_MEMFD, .target_nr = w->file,
	};
	struct pinscope_info info;
	int ret;

	if (pinscope_info(w->ctl, &info) || !(info.calls & 1ULL << PINSCOPE_CALL_PIN_MEMFD))
		tap_leave_out("the kernel does not have memfd_pin_folios()");
	ret = pinscope_pin_cmd(w->ctl, &cmd);
	w->id = cmd.id;
	return ret;
}

static int pin_all(struct world *w)
{
	return pinscope_pin(w->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, w->mem, w->len, &w->id);
}

static int pin_each(struct world *w)
{
	uint32_t id;
	size_t at;
	int ret = 0;

	for (at = 0; at < w->len && !ret; at += page)
		ret = pinscope_pin(w->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, w->mem + at, page, &id);
	return ret;
}

static int call_unpin(struct world *w)
{
	uint32_t id = w->id;

	w->id = 0;
	return pinscope_unpin_part(w->ctl, id, 0, 0, w->row->flags, NULL);
}

static int call_close(struct world *w)
{
	int fd = w->ctl;

	w->id = 0;
	w->ctl = -1;
	return sys_result(close(fd));
}

static int call_read(struct world *w)
{
	return pinscope_read(w->ctl, w->id, 0, w->buf, w->len);
}

static int call_write(struct world *w)
{
	return pinscope_write(w->ctl, w->id, 0, w->buf, w->len);
}

/* All but the first page and the last. */
static int call_unpin_part(struct world *w)
{
	return pinscope_unpin_part(w->ctl, w->id, page, LEN - 2 * page, 0, NULL);
}

static int call_compare(struct world *w)
{
	static uint64_t bitmap[LEN / 4096 / 64];
	struct pinscope_compare cmp = {
		.bitmap = pinscope_addr(bitmap), .bitmap_size = sizeof(bitmap),
	};

	return pinscope_compare(w->ctl, w->id, pinscope_self(), pinscope_addr(w->mem), &cmp);
}

static int inspect(struct world *w, struct pinscope_target target, uint64_t addr)
{
	struct pinscope_page *recs = NULL;
	size_t nr;
	int ret = pinscope_inspect(w->ctl, target, addr, w->len, &recs, &nr);

	free(recs);
	return ret;
}

static int call_inspect(struct world *w)
{
	return inspect(w, pinscope_self(), pinscope_addr(w->mem));
}

static int call_inspect_pin(struct world *w)
{
	return inspect(w, pinscope_pinned(w->id), 0);
}

static int call_inspect_physical(struct world *w)
{
	struct pinscope_page rec;
	int ret = pinscope_page(w->ctl, w->mem, &rec);

	return ret ? ret : inspect(w, pinscope_physical(), rec.pfn * page & -LEN);
}

static int call_fault(struct world *w)
{
	static uint32_t results[LEN / 4096];
	struct pinscope_fault out;

	return pinscope_fault(w->ctl, pinscope_self(), pinscope_addr(w->mem), w->len,
			      w->row->flags, results, &out);
}

static int call_rss(struct world *w)
{
	struct pinscope_rss rss;

	return pinscope_rss(w->ctl, pinscope_self(), &rss);
}

/* Opens, reads and closes a file. */
static int call_file(struct world *w)
{
	int fd = open(w->row->path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	do {
		ret = read(fd, w->buf, LEN);
	} while (ret > 0);
	ret = sys_result(ret);
	close(fd);
	return ret;
}

/* Mapped, touched and unmapped. */
static int call_map(struct world *w)
{
	int fd = pinscope_open_map(), ret;
	struct pinscope_map_counts counts;
	void *addr;

	if (fd < 0)
		return fd;
	ret = pinscope_map(fd, w->row->number, PINSCOPE_MAP_SIZE, RW, w->row->flags, &addr);
	if (!ret) {
		touch(addr);
		ret = pinscope_map_counts(fd, &counts);
		munmap(addr, PINSCOPE_MAP_SIZE);
	}
	close(fd);
	return ret;
}

static int call_longterm(struct world *w)
{
	struct pin_longterm_test arg = { .addr = pinscope_addr(w->mem), .size = w->len };
	int ret;

	w->file = open(GUP_TEST_PATH, O_RDWR | O_CLOEXEC);
	if (w->file < 0)
		tap_skip("there is no " GUP_TEST_PATH ": load the module with gup_test=1");
	ret = sys_result(ioctl(w->file, PIN_LONGTERM_TEST_START, &arg));
	return ret ? ret : sys_result(ioctl(w->file, PIN_LONGTERM_TEST_STOP));
}

static int track(struct world *w, unsigned int op)
{
	int ret = pinscope_track(w->ctl, op, 0, 0, NULL);

	if (ret == -EOPNOTSUPP)
		tap_leave_out("the kernel lacks CONFIG_KRETPROBES or %s",
			      "CONFIG_DYNAMIC_FTRACE_WITH_REGS");
	return ret;
}

static int call_track(struct world *w)
{
	int ret = track(w, PINSCOPE_TRACK_START);

	return ret ? ret : track(w, PINSCOPE_TRACK_STOP);
}

static int call_forget(struct world *w)
{
	int ret = track(w, PINSCOPE_TRACK_STOP);

	return ret ? ret : track(w, PINSCOPE_TRACK_CLEAR);
}

/* Of all pages, and of some that are one block of page frames. */
static int call_holders(struct world *w)
{
	struct pinscope_site *sites = NULL;
	struct pinscope_page rec;
	size_t nr;
	int ret = pinscope_holders(w->ctl, 0, 0, &sites, &nr);

	free(sites);
	if (!ret)
		ret = pinscope_page(w->ctl, w->mem, &rec);
	if (ret)
		return ret;
	sites = NULL;
	ret = pinscope_holders(w->ctl, rec.pfn & -(LEN / page), LEN / page, &sites, &nr);
	free(sites);
	return ret;
}

/* --------------------------------------------------------------- the table */

#define M(kind)		(1U << (kind))
/* What a pin finds, and what it may be held of. */
#define TO_PIN		(M(BASE) | M(ABSENT) | M(THP) | M(HUGETLB) | M(SWAPPED) | M(MOVABLE) | \
			 M(PAGECACHE))
#define TO_HOLD		(M(BASE) | M(THP) | M(HUGETLB))
#define TO_INSPECT	(TO_HOLD | M(ABSENT) | M(ZEROPAGE) | M(SWAPPED) | M(SPARSE))

static const struct row rows[] = {
	{ "PIN: pin", TO_PIN, NULL, call_pin, PINSCOPE_CALL_PIN, 0, NULL, false },
	{ "PIN: pin-fast", TO_PIN, NULL, call_pin, PINSCOPE_CALL_PIN_FAST, 0, NULL, false },
	{ "PIN: pin-fast, for writing, for long", TO_PIN, NULL, call_pin, PINSCOPE_CALL_PIN_FAST,
	  WRITE | LONGTERM, NULL, false },
	{ "PIN: pin-unlocked", TO_PIN, NULL, call_pin, PINSCOPE_CALL_PIN_UNLOCKED, 0, NULL, false },
	{ "PIN: pin-remote", TO_PIN, NULL, call_pin, PINSCOPE_CALL_PIN_REMOTE, 0, NULL, false },
	{ "PIN: get", TO_PIN, NULL, call_pin, PINSCOPE_CALL_GET, 0, NULL, false },
	{ "PIN: get-fast", TO_PIN, NULL, call_pin, PINSCOPE_CALL_GET_FAST, 0, NULL, false },
	{ "PIN: pin-memfd", M(PAGECACHE), NULL, call_pin_memfd, 0, 0, NULL, false },
	{ "UNPIN", TO_HOLD, pin_all, call_unpin, 0, 0, NULL, false },
	{ "UNPIN: dirty", TO_HOLD, pin_all, call_unpin, 0, PINSCOPE_UNPIN_DIRTY, NULL, false },
	{ "UNPIN: of a part", TO_HOLD, pin_all, call_unpin_part, 0, 0, NULL, false },
	{ "READ", TO_HOLD, pin_all, call_read, 0, 0, NULL, false },
	{ "WRITE", TO_HOLD, pin_all, call_write, 0, 0, NULL, false },
	{ "COMPARE", TO_HOLD, pin_all, call_compare, 0, 0, NULL, false },
	{ "close: one pin", TO_HOLD, pin_all, call_close, 0, 0, NULL, false },
	{ "close: a pin for each page", TO_HOLD, pin_each, call_close, 0, 0, NULL, false },
	{ "INSPECT", TO_INSPECT, NULL, call_inspect, 0, 0, NULL, false },
	{ "INSPECT: of a pin", TO_HOLD, pin_all, call_inspect_pin, 0, 0, NULL, false },
	{ "INSPECT: physical", TO_HOLD, pin_all, call_inspect_physical, 0, 0, NULL, false },
	{ "FAULT: write", M(ABSENT) | M(SWAPPED), NULL, call_fault, 0, PINSCOPE_FAULT_WRITE, NULL,
	  false },
	{ "FAULT: unshare", M(ZEROPAGE) | M(PAGECACHE), NULL, call_fault, 0,
	  PINSCOPE_FAULT_UNSHARE, NULL, false },
	{ "RSS", M(BASE), NULL, call_rss, 0, 0, NULL, false },
	{ "pins: many", M(BASE), pin_each, call_file, 0, 0, PINS_PATH, false },
	{ "map: PFNs", M(NO_MEMORY), NULL, call_map, PINSCOPE_MAP_PFNMAP, MAP_PRIVATE, NULL,
	  false },
	{ "map: pages", M(NO_MEMORY), NULL, call_map, PINSCOPE_MAP_MIXED_PAGE, MAP_SHARED, NULL,
	  false },
	{ "map: a PMD", M(NO_MEMORY), NULL, call_map, PINSCOPE_MAP_PMD, MAP_SHARED, NULL, false },
	{ "gup_test: PIN_LONGTERM_TEST", M(BASE), NULL, call_longterm, 0, 0, NULL, false },
	{ "TRACK: start and stop", M(NO_MEMORY), NULL, call_track, 0, 0, NULL, false },
	{ "tracked: PIN", TO_HOLD, NULL, call_pin, PINSCOPE_CALL_PIN_FAST, 0, NULL, true },
	{ "tracked: UNPIN", TO_HOLD, pin_all, call_unpin, 0, 0, NULL, true },
	{ "tracked: close, a pin for each page", TO_HOLD, pin_each, call_close, 0, 0, NULL, true },
	{ "tracked: INSPECT", TO_HOLD, pin_each, call_inspect, 0, 0, NULL, true },
	{ "tracked: HOLDERS", TO_HOLD, pin_each, call_holders, 0, 0, NULL, true },
	{ "tracked: holders", TO_HOLD, pin_each, call_file, 0, 0, HOLDERS_PATH, true },
	{ "tracked: stop and clear", TO_HOLD, pin_each, call_forget, 0, 0, NULL, true },
};

/* A row with one of its kinds of memory. */
struct variant {
	const struct row *row;
	enum memory_kind kind;
	char name[100];
};

static struct variant variants[ARRAY_SIZE(rows) * KINDS];
static struct test tests[ARRAY_SIZE(rows) * KINDS + 1];

static void make_variants(void)
{
	struct variant *v = variants;
	const struct row *row;
	unsigned int kind;

	for (row = rows; row < rows + ARRAY_SIZE(rows); row++) {
		for (kind = 0; kind < KINDS; kind++) {
			if (!(row->memories & M(kind)))
				continue;
			*v = (struct variant) { .row = row, .kind = kind };
			snprintf(v->name, sizeof(v->name), "%s%s%s", row->name,
				 kind == NO_MEMORY ? "" : ", ", kind_names[kind]);
			tests[v - variants].name = v->name;
			v++;
		}
	}
}

/* ----------------------------------------------------------------- one test */

static void trace(const char *file, const char *text)
{
	char path[60];

	snprintf(path, sizeof(path), TRACING "%s", file);
	need_ok(sys_write_file(path, text), "%s", path);
}

/* Where the longest time begins and ends, in the header of the trace. */
static void print_where(const char *name, long us)
{
	FILE *file = fopen(TRACING "trace", "re");
	char line[200], from[100] = "?", to[100] = "?";

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "#  => started at: %99s", from) != 1)
			(void)sscanf(line, "#  => ended at: %99s", to);
	}
	if (file)
		fclose(file);
	printf("# %s: %ld us, from %s to %s\n", name, us, from, to);
}

static void measure(const struct variant *v, bool counts, char *buf)
{
	const struct row *row = v->row;
	struct world w = { .row = row, .file = -1, .buf = buf };
	long us;
	int ret;

	w.ctl = pinscope_open();
	need_ok(w.ctl < 0 ? w.ctl : 0);
	/* A test that failed may have left it on. */
	if (row->tracked && !track(&w, PINSCOPE_TRACK_STOP) && !track(&w, PINSCOPE_TRACK_CLEAR))
		need_ok(track(&w, PINSCOPE_TRACK_START));
	make_memory(&w, v->kind);
	if (row->prepare)
		need_ok(row->prepare(&w));
	trace("tracing_max_latency", "0");
	trace("tracing_on", "1");
	ret = row->call(&w);
	trace("tracing_on", "0");
	us = sys_read_number(TRACING "tracing_max_latency");
	expect_ok(ret);
	if (counts) {
		print_where(v->name, us);
		expect_gt(us, 0, "nothing was measured");
		expect_le(us, LIMIT_US, "microseconds");
	}
	if (w.ctl < 0)
		w.ctl = pinscope_open();
	if (row->tracked) {
		track(&w, PINSCOPE_TRACK_STOP);
		track(&w, PINSCOPE_TRACK_CLEAR);
	}
	close(w.ctl);
	if (w.area)
		munmap(w.area, w.area_len);
	if (w.file >= 0)
		close(w.file);
}

static void run_test(const struct test *test)
{
	char *buf = mmap(NULL, LEN, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	need_sys(buf != MAP_FAILED, "mmap");
	measure(&variants[test - tests], false, buf);
	measure(&variants[test - tests], true, buf);
}

static bool nothing_left(void)
{
	long left = sys_pins_held();

	if (left)
		printf("# expected no pins in the end, found %ld\n", left);
	return !left;
}

int main(int argc, char **argv)
{
	static const struct test *const tables[] = { tests };
	static const struct tap_hooks hooks = { .run = run_test, .nothing_left = nothing_left };
	int fd, status;
	char why[256];

	page = sys_page_size();
	if (sys_write_file(TRACING "current_tracer", "preemptirqsoff")) {
		printf("1..0 # SKIP the kernel has no tracer preemptirqsoff: %s\n",
		       "scripts/latency builds one that has");
		return 4;
	}
	fd = pinscope_open();
	if (fd < 0) {
		pinscope_why_not(fd, why, sizeof(why));
		printf("Bail out! %s\n", why);
		return 1;
	}
	close(fd);
	/* Of each function that is called meanwhile it would keep a record, which takes longer. */
	sys_write_file(TRACING "options/function-trace", "0");
	sys_write_file(TRACING "tracing_on", "0");
	make_variants();
	status = tap_run(tables, ARRAY_SIZE(tables), argc, argv, &hooks);
	sys_write_file(TRACING "current_tracer", "nop");
	sys_write_file(TRACING "options/function-trace", "1");
	sys_write_file(TRACING "tracing_on", "1");
	return status;
}
