// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins: what can be done through them, how long they live, and what is counted.
 */
#include <linux/memfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "abi.h"

#define MAX_PAGES	"/sys/module/pinscope/parameters/max_pages"

/* Different bytes in each page, and from page to page. */
static void fill(char *addr, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		addr[i] = i * 7 + i / page;
}

/* -------------------------------------------------------------------- READ */

static void test_read(struct abi_fixture *f)
{
	const size_t offsets[] = {
		0, 1, page - 1, page, page + 1, 2 * page + page / 2 - 1,
	};
	const size_t lens[] = {
		0, 1, 2, page - 1, page, page + 1, 2 * page + page / 2,
	};
	char *buf = map_anon(f->len, RW, 0);
	size_t i, k;
	uint32_t id;

	fill(f->mem, f->len);
	id = pin(f->ctl, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM, f->mem,
		 f->len);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (k = 0; k < ARRAY_SIZE(lens); k++) {
			tap_context("%zu bytes at %zu", lens[k], offsets[i]);
			memset(buf, 0, f->len);
			expect_ok(pinscope_read(f->ctl, id, offsets[i], buf,
						lens[k]));
			expect_mem(buf, f->mem + offsets[i], lens[k]);
			expect_eq(buf[lens[k]], 0, "READ goes on beyond the end");
		}
	}
	tap_context("all");
	expect_ok(pinscope_read(f->ctl, id, 0, buf, f->len));
	expect_mem(buf, f->mem, f->len);
}

static void test_read_limits(struct abi_fixture *f)
{
	uint32_t id = pin(f->ctl, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM,
			  f->mem, f->len);
	char *buf = map_anon(f->len, RW, 0);

	expect_ok(pinscope_read(f->ctl, id, f->len, buf, 0), "nothing at the end");
	expect_ret(pinscope_read(f->ctl, id, f->len, buf, 1), -ERANGE);
	expect_ret(pinscope_read(f->ctl, id, 1, buf, f->len), -ERANGE);
	expect_ret(pinscope_read(f->ctl, id, UINT64_MAX, buf, 1), -ERANGE);
	expect_ret(pinscope_read(f->ctl, id, UINT64_MAX, buf, 2), -ERANGE,
		   "the range wraps around");
	expect_ret(pinscope_read(f->ctl, id, 1, buf, SIZE_MAX), -ERANGE);
	expect_ret(pinscope_read(f->ctl, id, 0, UNMAPPED, 1), -EFAULT);
	expect_ret(pinscope_read(f->ctl, id, 0, (void *)(uintptr_t)KERNEL_ADDR, 1),
		   -EFAULT);
}

static void test_read_all(struct abi_fixture *f)
{
	test_read(f);
	tap_context("limits");
	test_read_limits(f);
}

/* -------------------------------------------------------- life of a pin */

/* PIN must not leave a pin when it cannot tell the caller its id. */
static void test_pin_unwritable_struct(struct abi_fixture *f)
{
	struct pinscope_pin *cmd = (void *)map_anon(page, RW, 0);

	*cmd = (struct pinscope_pin) {
		.size = sizeof(*cmd), .addr = pinscope_addr(f->mem),
		.len = page,
	};
	mprotect(cmd, page, PROT_READ);
	expect_ret(pinscope_ioctl(f->ctl, PINSCOPE_IOC_PIN, cmd), -EFAULT);
	expect_nothing_pinned();
}

static void test_partial(struct abi_fixture *f)
{
	struct pinscope_compare cmp;
	struct pinscope_pin cmd;
	unsigned int call;

	munmap(f->mem + 2 * page, f->len - 2 * page);
	for (call = PINSCOPE_CALL_PIN; call <= PINSCOPE_CALL_PIN_FAST; call++) {
		tap_context("%s", pinscope_name(pinscope_call_names, call));
		cmd = (struct pinscope_pin) {
			.call = call, .addr = pinscope_addr(f->mem),
			.len = f->len, .flags = PINSCOPE_PIN_PARTIAL,
		};
		need_ok(pinscope_pin_cmd(f->ctl, &cmd), "half is mapped");
		expect_eq(cmd.pages, 2);
		cmp = compare(f->ctl, cmd.id, f->mem);
		expect_eq(cmp.pages, 2);
		expect_eq(cmp.same, 2);
		expect_ok(pinscope_unpin(f->ctl, cmd.id));
		/* Nothing at all is no partial success. */
		cmd.addr += 2 * page;
		cmd.len = page;
		expect_ret(pinscope_pin_cmd(f->ctl, &cmd), -EFAULT,
			   "nothing is mapped");
	}
}

static void test_limit(struct abi_fixture *f)
{
	int other = open_another_ctl();
	char limit[32], was[32];
	uint32_t id, more;

	snprintf(was, sizeof(was), "%llu", get_info(f->ctl).max_pages);
	snprintf(limit, sizeof(limit), "%zu", f->len / page);
	need_write_file(MAX_PAGES, limit);
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, f->len);
	expect_ret(pinscope_pin(other, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page,
				&more), -ENOMEM, "one page over the limit");
	expect_ok(pinscope_unpin(f->ctl, id));
	pin(other, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	need_write_file(MAX_PAGES, was);
}

static void test_release_on_close(struct abi_fixture *f)
{
	int other = pinscope_open();

	need_ok(other < 0 ? other : 0);
	pin(other, PINSCOPE_CALL_PIN_FAST,
	    PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM, f->mem, f->len);
	expect_eq(pages_pinned(), f->len / page);
	close(other);
	expect_nothing_pinned("after close");
}

static void test_release_on_kill(struct abi_fixture *f)
{
	pid_t child = child_start();

	if (!child) {
		pin(open_another_ctl(), PINSCOPE_CALL_PIN_FAST,
		    PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM, f->mem,
		    f->len);
		child_wait();
	}
	expect_eq(pages_pinned(), f->len / page);
	expect_eq(kernel_pins(), (long)(f->len / page));
	kill_child(child);
	expect_nothing_pinned("after SIGKILL");
}

static void test_munmap_under_pin(struct abi_fixture *f)
{
	struct pinscope_compare cmp;
	uint32_t id;

	f->mem[page] = 'x';
	id = pin(f->ctl, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM, f->mem,
		 4 * page);
	munmap(f->mem + page, page);
	cmp = compare(f->ctl, id, f->mem);
	expect_eq(cmp.pages, 4);
	expect_eq(cmp.same, 3);
	expect_eq(cmp.absent, 1);
	expect_eq(cmp.first_mismatch, 1);
	expect_read(f->ctl, id, page, 'x', "the pin lost its page");
}

/* Of a pin of @nr pages, only the first one and, with @last, the last are mapped. */
static void expect_gap(int fd, uint32_t id, const char *addr, size_t nr,
		       size_t released, bool last)
{
	uint64_t *bitmap = calloc((nr + 63) / 64, sizeof(*bitmap));
	struct pinscope_compare cmp = {
		.bitmap = pinscope_addr(bitmap),
		.bitmap_size = (nr + 63) / 64 * sizeof(*bitmap),
	};
	size_t i;

	need(bitmap);
	need_ok(pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr), &cmp));
	expect_eq(cmp.pages, nr);
	expect_eq(cmp.same, 1 + last);
	expect_eq(cmp.released, released);
	expect_eq(cmp.absent, nr - released - cmp.same);
	expect_eq(cmp.first_mismatch, 1);
	for (i = 0; i < nr; i++)
		expect_eq(bitmap[i / 64] >> i % 64 & 1, !i || (last && i == nr - 1),
			  "COMPARE's bit of page %zu", i);
	free(bitmap);
}

/* COMPARE counts a long gap in several steps, in front of a page and at the end. */
static void test_long_gap(struct abi_fixture *f)
{
	const size_t nr = f->len / page;
	uint32_t id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM,
			  f->mem, f->len);

	need_ok(pinscope_unpin_part(f->ctl, id, 100 * page, 100 * page, 0, NULL));
	munmap(f->mem + page, (nr - 2) * page);
	tap_context("a gap in front of a page");
	expect_gap(f->ctl, id, f->mem, nr, 100, true);
	munmap(f->mem + (nr - 1) * page, page);
	tap_context("a gap at the end");
	expect_gap(f->ctl, id, f->mem, nr, 100, false);
}

/* The ctl file is shared, but each process sees its own page tables. */
static void test_fork(struct abi_fixture *f)
{
	uint32_t id;
	pid_t child;

	f->mem[0] = 'p';
	id = pin(f->ctl, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM, f->mem,
		 page);
	child = must_fork();
	if (!child) {
		/* Pinned and exclusive: fork gave the child a copy. */
		bool same = compare(f->ctl, id, f->mem).same;

		_exit(same || f->mem[0] != 'p');
	}
	expect_eq(status_of(child), 0, "the child maps the pinned page");
	f->mem[0] = 'q';
	expect_eq(compare(f->ctl, id, f->mem).same, 1, "in the parent");
}

static void test_permissions(struct abi_fixture *f)
{
	struct stat st;

	(void)f;
	need_sys(!stat(PINSCOPE_CTL_PATH, &st));
	expect_eq(st.st_mode & 07777, 0600U, "mode 0%o of " PINSCOPE_CTL_PATH,
		  st.st_mode & 07777);
	need_sys(!seteuid(NOBODY));
	expect_ret(pinscope_open(), -EACCES, "without privileges");
	need_sys(!seteuid(0));
}

/* ------------------------------------------------------------------- calls */

static const struct {
	unsigned int call;
	bool pins;		/* instead of references */
	enum pinscope_lock lock;
} calls[] = {
	{ PINSCOPE_CALL_PIN, true, PINSCOPE_LOCK_KEPT },
	{ PINSCOPE_CALL_PIN_FAST, true, PINSCOPE_LOCK_UNKNOWN },
	{ PINSCOPE_CALL_PIN_FAST_ONLY, true, PINSCOPE_LOCK_NONE },
	{ PINSCOPE_CALL_PIN_UNLOCKED, true, PINSCOPE_LOCK_UNKNOWN },
	{ PINSCOPE_CALL_PIN_REMOTE, true, PINSCOPE_LOCK_KEPT },
	{ PINSCOPE_CALL_GET, false, PINSCOPE_LOCK_KEPT },
	{ PINSCOPE_CALL_GET_FAST, false, PINSCOPE_LOCK_UNKNOWN },
	{ PINSCOPE_CALL_GET_FAST_ONLY, false, PINSCOPE_LOCK_NONE },
	{ PINSCOPE_CALL_GET_UNLOCKED, false, PINSCOPE_LOCK_UNKNOWN },
	{ PINSCOPE_CALL_GET_REMOTE, false, PINSCOPE_LOCK_KEPT },
};

/* The counters of the page and of the kernel, before, with, and after it. */
static void one_call(int fd, unsigned int i, const struct kind_memory *m)
{
	const uint64_t maybe_pinned = PINSCOPE_STATE_MAYBE_PINNED;
	const size_t pages = m->len / page;
	struct pinscope_pin cmd = {
		.call = calls[i].call, .gup_flags = PINSCOPE_FOLL_WRITE,
		.addr = pinscope_addr(m->addr), .len = m->len,
	};
	struct pinscope_page before, with, after;
	long pins = kernel_pins();

	drain_lru();
	before = state_of(fd, m->addr);
	need_ok(pinscope_pin_cmd(fd, &cmd));
	expect_eq(cmd.pages, pages);
	expect_eq(cmd.lock, calls[i].lock);
	expect_eq(compare(fd, cmd.id, m->addr).same, pages);
	with = state_of(fd, m->addr);
	pins = kernel_pins() - pins;
	if (calls[i].pins)
		expect_eq(pins, (long)pages);
	else
		expect_ne(pins, (long)pages);
	expect_bits(pinscope_state_names, before.state, 0, maybe_pinned);
	expect_bits(pinscope_state_names, with.state,
		    calls[i].pins ? maybe_pinned : 0,
		    calls[i].pins ? 0 : maybe_pinned);
	expect_gt(with.refcount, before.refcount);
	expect_ok(pinscope_unpin(fd, cmd.id));
	drain_lru();
	after = state_of(fd, m->addr);
	expect_eq(after.refcount, before.refcount);
	expect_eq(after.pincount, before.pincount);
	expect_eq(after.pfn, before.pfn);
}

static void test_calls(struct abi_fixture *f)
{
	const char *const kinds[] = {
		"anon", "thp", "memfd-shared", hugetlb_kind("hugetlb-anon", pmd_size),
	};
	struct kind_memory *m;
	size_t i, k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		m = get_memory(f->ctl, kinds[k]);
		for (i = 0; i < ARRAY_SIZE(calls); i++) {
			if (!(get_info(f->ctl).calls & 1ULL << calls[i].call))
				continue;
			tap_context("%s, %s", kinds[k],
				    pinscope_name(pinscope_call_names,
						  calls[i].call));
			one_call(f->ctl, i, m);
		}
		put_memory(m);
	}
}

/* GUP-fast without a fallback: it pins what is mapped, and nothing else. */
static void test_fast_only(struct abi_fixture *f)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_GET_FAST_ONLY,
		.addr = pinscope_addr(f->mem), .len = 2 * page,
	};

	expect_ret(pinscope_pin_cmd(f->ctl, &cmd), -EAGAIN,
		   "no page is mapped");
	f->mem[0] = 1;
	expect_ret(pinscope_pin_cmd(f->ctl, &cmd), -EAGAIN,
		   "one of two pages is mapped");
	cmd.flags = PINSCOPE_PIN_PARTIAL;
	need_ok(pinscope_pin_cmd(f->ctl, &cmd), "partial");
	expect_eq(cmd.pages, 1);
	expect_eq(compare(f->ctl, cmd.id, f->mem).same, 1);
}

/* --------------------------------------------------------------- pin-memfd */

static int make_filled_memfd(size_t len, unsigned int flags)
{
	int fd = make_memfd(len, flags);
	char *addr = map_file(len, RW, MAP_SHARED, fd);

	fill(addr, len);
	munmap(addr, len);
	return fd;
}

static void pin_memfd(int ctl, int memfd, size_t offset, size_t len,
		      const char *what)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_MEMFD,
		.target_type = PINSCOPE_TARGET_MEMFD, .target_nr = memfd,
		.addr = offset, .len = len,
	};
	char *addr = map_file(len + offset, PROT_READ, MAP_SHARED, memfd);
	char *buf = map_anon(len, RW, 0);

	tap_context("%s", what);
	need_ok(pinscope_pin_cmd(ctl, &cmd));
	expect_eq(cmd.pages, len / page);
	expect_eq(cmd.lock, (unsigned int)PINSCOPE_LOCK_NONE);
	expect_ok(pinscope_read(ctl, cmd.id, 0, buf, len));
	expect_mem(buf, addr + offset, len);
	expect_eq(compare(ctl, cmd.id, addr + offset).same, len / page);
	expect_ret(pinscope_write(ctl, cmd.id, 0, buf, 1), -EACCES);
	expect_ok(pinscope_unpin(ctl, cmd.id));
	munmap(addr, len + offset);
	munmap(buf, len);
	tap_context("%s", "");
}

static void pin_memfd_input(int fd, int memfd, int hugetlb)
{
	const struct pinscope_pin good = {
		.call = PINSCOPE_CALL_PIN_MEMFD,
		.target_type = PINSCOPE_TARGET_MEMFD, .target_nr = memfd,
		.len = 2 * page,
	};
	struct pinscope_pin cmd = good;

	cmd.target_nr = -1;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EBADF, "no file");
	cmd.target_nr = fd;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "not a memfd");
	cmd = good;
	cmd.addr = 99 * page;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "beyond the end");
	cmd.addr = 1ULL << 63;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "far beyond the end");
	cmd.addr = -(uint64_t)cmd.len;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EOVERFLOW, "wraps around");
	/* Where shmem has no page to give, hugetlb would make one. */
	cmd.target_nr = hugetlb;
	cmd.addr = 2 * pmd_size;
	cmd.len = pmd_size;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "beyond the end of hugetlb");
	cmd = good;
	cmd.target_type = PINSCOPE_TARGET_CALLER;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "target: the caller");
	cmd = good;
	cmd.call = PINSCOPE_CALL_PIN_FAST;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "call: pin-fast");
}

/* One pin for all pages of a folio cannot be given back in parts. */
static void pin_memfd_parts(int fd, int memfd)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_MEMFD,
		.target_type = PINSCOPE_TARGET_MEMFD, .target_nr = memfd,
		.len = 2 * pmd_size,
	};
	uint64_t left = 0;

	need_ok(pinscope_pin_cmd(fd, &cmd), "two huge pages");
	expect_eq(kernel_pins(), 2);
	expect_ret(pinscope_unpin_part(fd, cmd.id, page, page, 0, &left),
		   -EINVAL, "in the middle of a huge page");
	expect_ret(pinscope_unpin_part(fd, cmd.id, 0, page, 0, &left), -EINVAL,
		   "the start of a huge page");
	expect_ok(pinscope_unpin_part(fd, cmd.id, 0, pmd_size, 0, &left),
		  "a huge page");
	expect_eq(left, pmd_size / page);
	expect_eq(kernel_pins(), 1);
	expect_ok(pinscope_unpin_part(fd, cmd.id, page, page, 0, &left),
		  "inside of what was released");
	expect_eq(left, pmd_size / page);
	expect_ret(pinscope_unpin_part(fd, cmd.id, page, pmd_size, 0, &left),
		   -EINVAL, "from there into a huge page");
	expect_eq(kernel_pins(), 1);
	expect_ok(pinscope_unpin_part(fd, cmd.id, page, 2 * pmd_size - page, 0,
				      &left), "from there on, all that is left");
	expect_eq(left, 0);
	expect_eq(kernel_pins(), 0);
}

static void test_memfd(struct abi_fixture *f)
{
	int small = make_filled_memfd(100 * page, 0), big;
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_MEMFD,
		.target_type = PINSCOPE_TARGET_MEMFD, .target_nr = small,
		.len = page,
	};

	if (!(get_info(f->ctl).calls & 1ULL << PINSCOPE_CALL_PIN_MEMFD)) {
		expect_ret(pinscope_pin_cmd(f->ctl, &cmd), -EOPNOTSUPP,
			   "the kernel does not have pin-memfd");
		return;
	}
	big = make_filled_memfd(2 * pmd_size,
				MFD_HUGETLB | pmd_shift << MFD_HUGE_SHIFT);
	pin_memfd(f->ctl, small, 0, 100 * page, "all");
	pin_memfd(f->ctl, small, 3 * page, 5 * page, "a part");
	pin_memfd(f->ctl, big, 0, page, "the start of a huge page");
	pin_memfd(f->ctl, big, 7 * page, 9 * page, "inside of a huge page");
	pin_memfd(f->ctl, big, pmd_size - page, 2 * page,
		  "across the border of two huge pages");
	pin_memfd_input(f->ctl, small, big);
	pin_memfd_parts(f->ctl, big);
}

/* -------------------------------------------------------- parts of a pin */

/* A pin, and a model of it: the pages that are still held. */
struct parts {
	int fd;
	uint32_t id;
	char *addr;
	size_t nr;		/* base pages */
	bool *held;		/* for each of them */
};

static void check_compare(const struct parts *p)
{
	size_t words = (p->nr + 63) / 64, i, released = 0;
	uint64_t *bitmap = calloc(words, sizeof(*bitmap));
	struct pinscope_compare cmp = {
		.bitmap = pinscope_addr(bitmap),
		.bitmap_size = words * sizeof(*bitmap),
	};

	need_ok(pinscope_compare(p->fd, p->id, pinscope_self(),
				 pinscope_addr(p->addr), &cmp));
	for (i = 0; i < p->nr; i++) {
		released += !p->held[i];
		expect_eq(bitmap[i / 64] >> i % 64 & 1, p->held[i],
			  "COMPARE's bit of page %zu", i);
	}
	expect_eq(cmp.pages, p->nr);
	expect_eq(cmp.released, released);
	expect_eq(cmp.same, p->nr - released);
	expect_eq(cmp.absent, 0);
	expect_eq(cmp.first_mismatch, p->nr);
	free(bitmap);
}

static void check_inspect(const struct parts *p)
{
	struct records r = inspect(p->fd, pinscope_pinned(p->id), 0,
				   p->nr * page);
	bool *seen = calloc(p->nr, sizeof(*seen));
	size_t i, k;

	for (i = 0; i < r.nr; i++) {
		tap_need(expect_le(r.rec[i].addr / page + r.rec[i].pages, p->nr,
				   "end of record %zu of %zu", i, r.nr));
		for (k = 0; k < r.rec[i].pages; k++)
			seen[r.rec[i].addr / page + k] = true;
	}
	expect_mem(seen, p->held, p->nr, "pages in the records of INSPECT");
	free(seen);
	free(r.rec);
}

/* The module and the model agree on what is left of the pin. */
static void check_parts(const struct parts *p)
{
	size_t i = rand() % p->nr;
	char byte;

	check_compare(p);
	check_inspect(p);
	if (p->held[i])
		expect_read(p->fd, p->id, i * page + 5, p->addr[i * page + 5],
			    "page %zu is held", i);
	else
		expect_ret(pinscope_read(p->fd, p->id, i * page + 5, &byte, 1),
			   -ENXIO, "page %zu is released", i);
}

/* A pin over a THP and base pages that are scattered in memory. */
static struct parts pin_parts(int fd)
{
	struct parts p = { .fd = fd, .nr = pmd_size / page + 188 };
	size_t first, i;

	p.addr = map_anon_aligned(2 * pmd_size);
	madvise(p.addr, pmd_size, MADV_HUGEPAGE);
	/* In another order than that of their addresses. */
	for (first = 0; first < 37; first++)
		for (i = pmd_size / page + first; i < p.nr; i += 37)
			p.addr[i * page] = 1;
	fill(p.addr, p.nr * page);
	p.id = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, p.addr,
		   p.nr * page);
	p.held = malloc(p.nr * sizeof(*p.held));
	need(p.held, "memory");
	memset(p.held, true, p.nr * sizeof(*p.held));
	return p;
}

/* Random parts are released, against a model. */
static void test_unpin_parts(struct abi_fixture *f)
{
	struct parts p = pin_parts(f->ctl);
	size_t first, nr, i, round, count = p.nr;
	uint64_t left = 0;

	srand(1);
	for (round = 0; count && round < 6 * p.nr; round++) {
		first = rand() % p.nr;
		nr = 1 + rand() % (round % 8 ? 3 : 60);
		if (nr > p.nr - first)
			nr = p.nr - first;
		for (i = first; i < first + nr; i++) {
			count -= p.held[i];
			p.held[i] = false;
		}
		tap_context("pages %zu to %zu", first, first + nr - 1);
		expect_ok(pinscope_unpin_part(f->ctl, p.id, first * page,
					      nr * page, 0, &left));
		expect_eq(left, count);
		expect_eq(kernel_pins(), (long)count);
		if (count && round % 16 < 2)
			check_parts(&p);
	}
	tap_context("after %zu rounds", round);
	expect_eq(count, 0, "pages that are still held");
	expect_ret(pinscope_unpin(f->ctl, p.id), -ENOENT,
		   "the id is gone with the last part");
	munmap(p.addr, 2 * pmd_size);
	free(p.held);
}

/* ------------------------------------------------------------------- WRITE */

static void test_write(struct abi_fixture *f)
{
	const size_t at = page - page / 8, len = 3 * page;
	char *addr = f->mem, *buf = map_anon(len, RW, 0);
	uint32_t id;

	memset(addr, 'p', f->len);
	fill(buf, len);
	id = pin(f->ctl, PINSCOPE_CALL_PIN,
		 PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM, addr, f->len);
	expect_ok(pinscope_write(f->ctl, id, at, buf, len));
	expect_mem(addr + at, buf, len, "what the process sees");
	expect_eq(addr[at - 1], 'p', "before what was written");
	expect_eq(addr[at + len], 'p', "behind what was written");
	/* What was copied before an error stays, up to the page that fails. */
	mprotect(addr + 4 * page, page, PROT_NONE);
	memset(addr, 'q', page);
	expect_ret(pinscope_write(f->ctl, id, 0, addr + 3 * page, 2 * page),
		   -EFAULT, "half of the buffer is accessible");
	expect_mem(addr, addr + 3 * page, page, "the accessible half");
}

static const struct {
	const char *what;
	bool write;
	uint32_t unpin_flags;
	bool dirty;
} releases[] = {
	{ "UNPIN", false, 0, false },
	{ "WRITE, UNPIN", true, 0, true },
	{ "UNPIN with UNPIN_DIRTY", false, PINSCOPE_UNPIN_DIRTY, true },
};

/* Like a driver: after WRITE, or when told so, released pages are dirty. */
static void test_dirty(struct abi_fixture *f)
{
	const uint64_t dirty = PINSCOPE_STATE_FOLIO_DIRTY;
	int file = make_file(DISK_DIR, page);
	char *addr = map_file(page, RW, MAP_SHARED, file);
	uint32_t id;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(releases); i++) {
		tap_context("%s", releases[i].what);
		addr[0] = 'd';
		id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE,
			 addr, page);
		need_sys(!fsync(file));
		expect_state(f->ctl, addr, 0, dirty, "after fsync");
		if (releases[i].write)
			expect_ok(pinscope_write(f->ctl, id, 0, "w", 1));
		expect_ok(pinscope_unpin_part(f->ctl, id, 0, 0,
					      releases[i].unpin_flags, NULL));
		expect_state(f->ctl, addr, releases[i].dirty ? dirty : 0,
			     releases[i].dirty ? 0 : dirty, "after UNPIN");
	}
	munmap(addr, page);
	close(file);
}

/* The same of a run of pages, which the module releases in another way. */
static void test_dirty_run(struct abi_fixture *f)
{
	const uint64_t dirty = PINSCOPE_STATE_FOLIO_DIRTY;
	char *addr = map_anon_aligned(pmd_size);
	uint32_t id;

	madvise(addr, pmd_size, MADV_HUGEPAGE);
	addr[0] = 'd';
	if (state_of(f->ctl, addr).folio_order < 1)
		tap_skip("no transparent huge page");
	expect_state(f->ctl, addr, 0, dirty, "new");
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE, addr, 2 * page);
	expect_ok(pinscope_unpin(f->ctl, id));
	expect_state(f->ctl, addr, 0, dirty, "after UNPIN");
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE, addr, 2 * page);
	expect_ok(pinscope_unpin_part(f->ctl, id, 0, 0, PINSCOPE_UNPIN_DIRTY, NULL));
	expect_state(f->ctl, addr, dirty, 0, "after UNPIN with UNPIN_DIRTY");
	munmap(addr, pmd_size);
}

/* ----------------------------------------------------------------- scale */

/*
 * A pin of a page is 1024 references to it, and mm warns when the counter
 * overflows: 2^31 of them is no more than two million pins of one page.
 */
static void test_too_many_pins_of_a_page(struct abi_fixture *f)
{
	const size_t nr = 512;
	char *addr = map_anon(nr * page, PROT_NONE, 0), was[32];
	int memfd = make_memfd(page, 0), other = pinscope_open(), ret = 0;
	size_t i;
	uint32_t id;

	need_ok(other < 0 ? other : 0);
	snprintf(was, sizeof(was), "%llu", get_info(f->ctl).max_pages);
	need_write_file(MAX_PAGES, "100000000");
	for (i = 0; i < nr; i++)
		need_sys(mmap(addr + i * page, page, RW,
			      MAP_SHARED | MAP_FIXED | MAP_POPULATE, memfd,
			      0) != MAP_FAILED);
	for (i = 0; !ret && i < 8192; i++)
		ret = pinscope_pin(other, PINSCOPE_CALL_PIN_FAST, 0, addr,
				   nr * page, &id);
	expect_ret(ret, -ENOMEM, "after %zu pins", i);
	expect_gt(i, 1000, "pins of %zu pages each", nr);
	/* Release them first: the limit is below two million pins. */
	close(other);
	need_write_file(MAX_PAGES, was);
}

/**
 * struct memcg - what differs between the versions of memory cgroups
 * @root: where the hierarchy is mounted
 * @group: the cgroup of the test in it
 * @kernel: its file that says how much memory of the kernel is charged
 * @key: the line of that file, NULL when it has only the number
 * @limit: the name of the file with the most memory that the cgroup may have
 * @no_swap: and of the one that allows no swap, when it says 0
 */
struct memcg {
	const char *root;
	const char *group;
	const char *kernel;
	const char *key;
	const char *limit;
	const char *no_swap;
};

#define MEMCG_V2	"/tmp/pinscope-cgroup2"

static const struct memcg memcg_v1 = {
	.root = MEMCG_V1,
	.group = MEMCG_V1 "/cost",
	.kernel = MEMCG_V1 "/cost/memory.kmem.usage_in_bytes",
	.limit = "memory.limit_in_bytes",
	.no_swap = "memory.swappiness",
};

static const struct memcg memcg_v2 = {
	.root = MEMCG_V2,
	.group = MEMCG_V2 "/cost",
	.kernel = MEMCG_V2 "/cost/memory.stat",
	.key = "kernel",
	.limit = "memory.max",
	.no_swap = "memory.swap.max",
};

/*
 * memory.stat may leave out the latest 64 changes of each processor. Pages that come and
 * go are changes enough; their page table stays.
 */
static void update_memory_stat(void)
{
	static char *scratch;
	const size_t len = 128 * page;
	int i;

	if (!scratch)
		scratch = map_anon(len, RW, 0);
	for (i = 0; i < sysconf(_SC_NPROCESSORS_ONLN); i++)
		need_sys(!madvise(scratch, len, MADV_POPULATE_WRITE) &&
			 !madvise(scratch, len, MADV_DONTNEED));
}

static long kernel_memory(const struct memcg *memcg)
{
	long value, found = -1;
	char key[64];
	FILE *file;

	update_memory_stat();
	file = fopen(memcg->kernel, "re");
	need_sys(file, "%s", memcg->kernel);
	if (!memcg->key && fscanf(file, "%ld", &value) == 1)
		found = value;
	while (memcg->key && fscanf(file, "%63s %ld", key, &value) == 2)
		if (!strcmp(key, memcg->key))
			found = value;
	fclose(file);
	need(found >= 0, "no number in %s", memcg->kernel);
	return found;
}

/* What it costs to keep 1 GiB pinned, as charged to a cgroup of our own. */
static void cost(int fd, const struct memcg *memcg, bool huge, long limit)
{
	const size_t len = 1UL << 30;
	char *addr = map_anon_aligned(len);
	long before, with;
	uint32_t id;

	if (huge)
		madvise(addr, len, MADV_HUGEPAGE);
	need_sys(!madvise(addr, len, MADV_POPULATE_WRITE));
	before = kernel_memory(memcg);
	id = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, addr, len);
	with = kernel_memory(memcg);
	printf("# 1 GiB with %s pages: %ld bytes kept\n", huge ? "huge" : "small",
	       with - before);
	/*
	 * There is no lower limit: a charge in advance may be enough, and what was
	 * freed before may be uncharged meanwhile, by RCU or from KASAN's quarantine.
	 */
	expect_le(with - before, limit);
	expect_ok(pinscope_unpin(fd, id));
	munmap(addr, len);
}

/* A file of a cgroup, that has to take @text. */
static void write_memcg(const char *group, const char *name, const char *text)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	need_write_file(path, text);
}

static const struct memcg *mount_memcg(void)
{
	if (!mount_memcg_v1())
		return &memcg_v1;
	if ((mkdir(MEMCG_V2, 0700) && errno != EEXIST) ||
	    mount("cgroup2", MEMCG_V2, "cgroup2", 0, NULL))
		tap_skip("cgroup2 cannot be mounted on " MEMCG_V2 ": %s",
			 pinscope_errno(errno));
	write_memcg(MEMCG_V2, "cgroup.subtree_control", "+memory");
	return &memcg_v2;
}

/* Mounts a hierarchy, with the cgroup of the test in it. */
static const struct memcg *make_memcg(void)
{
	const struct memcg *memcg = mount_memcg();

	need_sys(!mkdir(memcg->group, 0700) || errno == EEXIST);
	return memcg;
}

static void remove_memcg(const struct memcg *memcg)
{
	expect_sys(!rmdir(memcg->group), "the cgroup has no process");
	need_sys(!umount(memcg->root));
}

static void test_cost(struct abi_fixture *f)
{
	const struct memcg *memcg = make_memcg();
	const size_t pages = (1UL << 30) / page;

	write_memcg(memcg->group, "cgroup.procs", "0");
	if (!access("/sys/kernel/mm/transparent_hugepage", F_OK))
		cost(f->ctl, memcg, true, 32 << 10);
	/* Eight bytes a page, and what an accounting by pages adds to it. */
	cost(f->ctl, memcg, false, 8 * pages + 4 * page);
	write_memcg(memcg->root, "cgroup.procs", "0");
	remove_memcg(memcg);
}

/* Pins of pages that a cgroup has paid for do not keep it, but their memory. */
static void test_cgroup_removed(struct abi_fixture *f)
{
	const struct memcg *memcg = make_memcg();
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_REMOTE, .gup_flags = PINSCOPE_FOLL_LONGTERM,
		.addr = pinscope_addr(f->mem), .len = f->len,
		.target_type = PINSCOPE_TARGET_PID,
	};
	char byte;

	cmd.target_nr = child_start();
	if (!cmd.target_nr) {
		write_memcg(memcg->group, "cgroup.procs", "0");
		memset(f->mem, 'c', f->len);
		child_wait();
	}
	need_ok(pinscope_pin_cmd(f->ctl, &cmd));
	child_end(cmd.target_nr);
	remove_memcg(memcg);
	need_ok(pinscope_read(f->ctl, cmd.id, f->len - 1, &byte, 1));
	expect_eq(byte, 'c');
	expect_ok(pinscope_unpin(f->ctl, cmd.id));
}

/*
 * The OOM killer takes a process for what its own PIN needs, in the middle of it. What it had
 * pinned until then is released, although the file stays open.
 */
static void test_cgroup_limit(struct abi_fixture *f)
{
	const struct memcg *memcg = make_memcg();
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_FAST,
		.gup_flags = PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM, .len = 64UL << 20,
	};
	void *addr = map_anon(cmd.len, RW, 0);
	pid_t child;
	int status;

	cmd.addr = pinscope_addr(addr);
	madvise(addr, cmd.len, MADV_NOHUGEPAGE);
	write_memcg(memcg->group, memcg->limit, "16777216");
	write_memcg(memcg->group, memcg->no_swap, "0");
	child = must_fork();
	if (!child) {
		write_memcg(memcg->group, "cgroup.procs", "0");
		pinscope_pin_cmd(f->ctl, &cmd);
		_exit(0);
	}
	status = status_of(child);
	need(WIFSIGNALED(status), "status 0x%x", status);
	expect_eq(WTERMSIG(status), SIGKILL);
	expect(nothing_left());
	remove_memcg(memcg);
}

static unsigned int lines_of_pins(void)
{
	FILE *file = fopen(PINSCOPE_PINS_PATH, "re");
	char line[300];
	unsigned int nr = 0;

	need_sys(file, PINSCOPE_PINS_PATH);
	while (fgets(line, sizeof(line), file))
		nr++;
	fclose(file);
	return nr - 1;		/* the heading */
}

static void test_many_pins(struct abi_fixture *f)
{
	const unsigned int nr = 100000;
	uint32_t id = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	expect_eq(id, nr);
	expect_eq(pages_pinned(), nr);
	expect_eq(lines_of_pins(), nr);
	expect_ok(pinscope_unpin(f->ctl, nr / 2));
	expect_eq(pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page), nr / 2,
		  "the id that is free again");
}

/* -------------------------------------------------------------------- pins */

struct pins_line {
	int pid;
	unsigned int id;
	char call[32], gup_flags[128], same[32], comm[32];
	unsigned long long addr, pages, held;
	long long age;
};

static bool find_pins_line(unsigned int id, struct pins_line *line)
{
	FILE *file = fopen(PINSCOPE_PINS_PATH, "re");
	bool found = false;
	char text[400];

	need_sys(file, PINSCOPE_PINS_PATH);
	while (!found && fgets(text, sizeof(text), file))
		found = sscanf(text, "%d %u %31s %127s %llx %llu %llu %lld %31s %31[^\n]",
			       &line->pid, &line->id, line->call, line->gup_flags,
			       &line->addr, &line->pages, &line->held, &line->age,
			       line->same, line->comm) == 10 &&
			line->id == id && line->pid == getpid();
	fclose(file);
	return found;
}

static void test_pins_file(struct abi_fixture *f)
{
	struct pins_line line;
	uint32_t id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE |
			  PINSCOPE_FOLL_LONGTERM, f->mem, 4 * page);

	need(find_pins_line(id, &line), "no line for pin %u", id);
	expect_str(line.call, "pin-fast");
	expect_str(line.gup_flags, "WRITE|LONGTERM");
	expect_eq(line.addr, pinscope_addr(f->mem));
	expect_eq(line.pages, 4);
	expect_eq(line.held, 4);
	expect_str(line.same, "4");
	expect_str(line.comm, program_invocation_short_name);
	expect_ge(line.age, 0);
	munmap(f->mem, page);
	expect_ok(pinscope_unpin_part(f->ctl, id, page, page, 0, NULL));
	need(find_pins_line(id, &line), "no line for pin %u", id);
	expect_eq(line.held, 3, "one page of four was released");
	expect_str(line.same, "2", "one more is not mapped");
	expect_ok(pinscope_unpin(f->ctl, id));
	expect(!find_pins_line(id, &line), "still listed after UNPIN");
}

/* All pins of all open files are listed, and those of a closed file are not. */
static void test_pins_of_files(struct abi_fixture *f)
{
	static const unsigned int nr[] = { 3, 0, 70, 1 };
	int fds[ARRAY_SIZE(nr)];
	struct pins_line line;
	unsigned int all = 0, k;
	uint32_t id = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(nr); i++) {
		fds[i] = open_another_ctl();
		for (k = 0; k < nr[i]; k++)
			id = pin(fds[i], PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
		if (nr[i])
			expect_eq(id, nr[i], "each file has ids of its own");
		all += nr[i];
		expect_eq(lines_of_pins(), all, "after file %zu", i);
	}
	/* One in the middle of a file, as if it were not there. */
	expect_ok(pinscope_unpin(fds[2], 35));
	expect(!find_pins_line(35, &line), "listed after UNPIN");
	expect(find_pins_line(36, &line), "the one behind it");
	expect_eq(lines_of_pins(), all - 1);
	for (k = 1; k <= nr[2]; k++)
		if (k != 35)
			expect_ok(pinscope_unpin(fds[2], k));
	expect_eq(lines_of_pins(), all - nr[2], "one file has none any more");
}

/* ------------------------------------------------------------------- DAX */

#define DAX_DIR		"/mnt/dax"

static unsigned long long free_inodes(void)
{
	struct statvfs st;

	need_sys(!statvfs(DAX_DIR, &st));
	return st.f_ffree;
}

/* Pins a file whose only name is the mapping that is returned. */
static char *pin_dax(int ctl, unsigned int call, uint32_t *id)
{
	int fd = make_file(DAX_DIR, 2 * page);
	char *mem = map_file(2 * page, RW, MAP_SHARED, fd);

	fill(mem, 2 * page);
	close(fd);
	*id = pin(ctl, call, PINSCOPE_FOLL_WRITE, mem, 2 * page);
	return mem;
}

/*
 * The kernel waits for pins of DAX pages when it evicts their inode, or warns. A pin must
 * not let it come to that, also when it is released by the same close or exit.
 */
static void test_dax(struct abi_fixture *f)
{
	static const unsigned int by[] = {
		PINSCOPE_CALL_PIN, PINSCOPE_CALL_PIN_FAST, PINSCOPE_CALL_PIN_REMOTE,
		PINSCOPE_CALL_GET_FAST,
	};
	unsigned long long inodes;
	uint32_t id;
	pid_t child;
	char *mem;
	size_t i;

	if (access(DAX_DIR, F_OK))
		tap_skip("no file system with DAX on " DAX_DIR);
	inodes = free_inodes();
	for (i = 0; i < ARRAY_SIZE(by); i++) {
		tap_context("%s", pinscope_name(pinscope_call_names, by[i]));
		mem = pin_dax(f->ctl, by[i], &id);
		munmap(mem, 2 * page);
		expect_eq(free_inodes(), inodes - 1, "the file is there");
		expect_read(f->ctl, id, page + 3, (char)((page + 3) * 7 + 1));
		expect_ok(pinscope_unpin(f->ctl, id));
		expect_eq(free_inodes(), inodes, "and is not, after UNPIN");
		child = must_fork();
		if (!child) {
			pin_dax(open_another_ctl(), by[i], &id);
			_exit(0);
		}
		expect_eq(status_of(child), 0);
		expect_eq(free_inodes(), inodes, "its process has ended");
	}
}

const struct test pin_tests[] = {
	TEST_PAGES("READ: content and limits", test_read_all, 5),
	TEST_PAGES("PIN: struct that cannot be written",
		   test_pin_unwritable_struct, 1),
	TEST_POPULATED("PIN: partial", test_partial, 4),
	TEST_POPULATED("PIN: limit over all users", test_limit, 1100),
	TEST_PAGES("released on close", test_release_on_close, 4000),
	TEST_PAGES("released on SIGKILL", test_release_on_kill, 4000),
	TEST_POPULATED("munmap under a pin", test_munmap_under_pin, 4),
	TEST_POPULATED("COMPARE: long gap", test_long_gap, 20000),
	TEST_PAGES("fork: each process sees its own page tables", test_fork, 1),
	TEST("permissions of ctl", test_permissions),
	TEST("PIN: every call", test_calls),
	TEST_PAGES("PIN: fast-only calls", test_fast_only, 2),
	TEST("PIN: pin-memfd", test_memfd),
	TEST("UNPIN: parts", test_unpin_parts),
	TEST_PAGES("WRITE: content", test_write, 5),
	TEST("UNPIN: dirty pages", test_dirty),
	TEST("UNPIN: a run of dirty pages", test_dirty_run),
	TEST("PIN: DAX files that nobody else has open", test_dax),
	TEST_POPULATED("pins: lines", test_pins_file, 4),
	TEST_POPULATED("pins: of several open files", test_pins_of_files, 1),
	TEST("scale: pins of one page", test_too_many_pins_of_a_page),
	TEST("scale: memory for a pin of 1 GiB", test_cost),
	TEST_PAGES("PIN: of a cgroup that is removed", test_cgroup_removed, 16),
	TEST("PIN: beyond the limit of a cgroup", test_cgroup_limit),
	TEST_POPULATED("scale: 100,000 pins", test_many_pins, 1),
	{}
};
