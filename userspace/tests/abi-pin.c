// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins: what can be done through them, how long they live, and what is counted.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "abi.h"

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
	ret = pinscope_pin(fd, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM, addr, len,
			   &id);
	need(!ret, "%s", pinscope_errno(ret));
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (k = 0; k < ARRAY_SIZE(lens); k++) {
			memset(buf, 0, len);
			expect_ret(pinscope_read(fd, id, offsets[i], buf, lens[k]), 0,
				   "READ");
			expect(!memcmp(buf, addr + offsets[i], lens[k]) &&
			       !buf[lens[k]], "content at %zu, %zu bytes",
			       offsets[i], lens[k]);
		}
	}
	expect_ret(pinscope_read(fd, id, 0, buf, len), 0, "all");
	expect(!memcmp(buf, addr, len), "content of all");
	expect_ret(pinscope_read(fd, id, len, buf, 0), 0, "nothing at the end");
	expect_ret(pinscope_read(fd, id, len, buf, 1), -ERANGE, "one beyond");
	expect_ret(pinscope_read(fd, id, 1, buf, len), -ERANGE, "long by one");
	expect_ret(pinscope_read(fd, id, UINT64_MAX, buf, 1), -ERANGE, "far off");
	expect_ret(pinscope_read(fd, id, UINT64_MAX, buf, 2), -ERANGE, "wraps");
	expect_ret(pinscope_read(fd, id, 1, buf, SIZE_MAX), -ERANGE, "wraps");
	expect_ret(pinscope_read(fd, id, 0, UNMAPPED, 1), -EFAULT, "buffer");
	expect_ret(pinscope_read(fd, id, 0, (void *)0xffff888000000000, 1), -EFAULT,
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
	expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_PIN, cmd), -EFAULT, "PIN");
	expect(!get_info(fd).pinned_pages && !pins_now(), "still pinned");
}

static void test_partial(void)
{
	struct pinscope_compare cmp = {};
	struct pinscope_pin cmd;
	int fd = open_ctl(), ret;
	unsigned int call;
	char *edge;

	edge = map(4 * page, PROT_READ | PROT_WRITE, MAP_POPULATE) + 2 * page;
	munmap(edge, 2 * page);
	for (call = PINSCOPE_CALL_PIN; call <= PINSCOPE_CALL_PIN_FAST; call++) {
		cmd = (struct pinscope_pin) {
			.size = sizeof(cmd), .call = call,
			.addr = (uintptr_t)edge - 2 * page, .len = 4 * page,
			.flags = PINSCOPE_PIN_PARTIAL,
		};
		ret = pinscope_ioctl(fd, PINSCOPE_IOC_PIN, &cmd);
		need(!ret, "%s", pinscope_errno(ret));
		expect(cmd.pages == 2, "%llu pages", cmd.pages);
		ret = pinscope_compare(fd, cmd.id, pinscope_self(), pinscope_addr(edge - 2 * page), &cmp);
		expect(!ret && cmp.pages == 2 && cmp.same == 2,
		       "%s, %llu pages, %llu same", pinscope_errno(ret), cmp.pages,
		       cmp.same);
		expect_ret(pinscope_unpin(fd, cmd.id), 0, "UNPIN");
		/* Nothing at all is no partial success. */
		cmd.addr = (uintptr_t)edge;
		cmd.len = page;
		expect_ret(pinscope_ioctl(fd, PINSCOPE_IOC_PIN, &cmd), -EFAULT,
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
	need(file, "%s: %s", param, pinscope_errno(errno));
	fprintf(file, "1100\n");
	fclose(file);
	ret = pinscope_pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, 1100 * page, &id);
	expect_ret(ret, 0, "as many as the limit");
	expect_ret(pinscope_pin(open_ctl(), PINSCOPE_CALL_PIN_FAST, 0, addr, page, &more),
		   -ENOMEM, "another user's one more");
	expect_ret(pinscope_unpin(fd, id), 0, "UNPIN");
	expect_ret(pinscope_pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, page, &more), 0,
		   "now there is room");
	file = fopen(param, "we");
	need(file, "%s: %s", param, pinscope_errno(errno));
	fprintf(file, "%llu\n", (unsigned long long)was);
	fclose(file);
}

static void pin_16m(int fd)
{
	char *addr = map(16 << 20, PROT_READ | PROT_WRITE, 0);
	uint32_t id;
	int ret = pinscope_pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE |
			       PINSCOPE_FOLL_LONGTERM, addr, 16 << 20, &id);

	need(!ret, "%s", pinscope_errno(ret));
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
	child = must_fork();
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
	struct pinscope_compare cmp = {};
	int fd = open_ctl(), ret;
	uint32_t id;

	addr[page] = 'x';
	ret = pinscope_pin(fd, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM, addr,
			   4 * page, &id);
	need(!ret, "%s", pinscope_errno(ret));
	munmap(addr + page, page);
	ret = pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr), &cmp);
	expect(!ret && cmp.pages == 4 && cmp.same == 3 && cmp.absent == 1 &&
	       cmp.first_mismatch == 1, "%s: same %llu, absent %llu, first %llu",
	       pinscope_errno(ret), cmp.same, cmp.absent, cmp.first_mismatch);
	ret = pinscope_read(fd, id, page, &byte, 1);
	expect(!ret && byte == 'x', "the pin lost its page");
}

/* The file is shared, but each process sees its own page tables. */
static void test_fork(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	struct pinscope_compare cmp = {};
	int fd = open_ctl(), ret, status;
	uint32_t id;
	pid_t child;

	addr[0] = 'p';
	ret = pinscope_pin(fd, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM, addr, page,
			   &id);
	need(!ret, "%s", pinscope_errno(ret));
	child = must_fork();
	if (!child) {
		ret = pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr), &cmp);
		/* Pinned and exclusive: fork gave the child a copy. */
		_exit(ret || cmp.same || addr[0] != 'p');
	}
	waitpid(child, &status, 0);
	expect(!status, "the child maps the pinned page");
	addr[0] = 'q';
	ret = pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr), &cmp);
	expect(!ret && cmp.same == 1, "the parent lost the pinned page");
}

static void test_permissions(void)
{
	struct stat st;

	expect(!stat(PINSCOPE_CTL_PATH, &st) && (st.st_mode & 07777) == 0600, "mode %o",
	       st.st_mode & 07777);
	need(!seteuid(65534), "seteuid");
	expect_ret(pinscope_open(), -EACCES, "open by somebody else");
	need(!seteuid(0), "seteuid");
}

/* ------------------------------------------------------------ ways to pin */

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
static void one_way(int fd, unsigned int i, char *addr, size_t len)
{
	const char *name = pinscope_name(pinscope_call_names, calls[i].call);
	struct pinscope_pin cmd = {
		.call = calls[i].call, .gup_flags = PINSCOPE_FOLL_WRITE,
		.addr = pinscope_addr(addr), .len = len,
	};
	struct pinscope_page before, with, after;
	uint64_t maybe = PINSCOPE_STATE_MAYBE_PINNED;
	long pins = pins_now();

	drain_lru();
	expect_ret(pinscope_page(fd, addr, &before), 0, name);
	expect_ret(pinscope_pin_cmd(fd, &cmd), 0, name);
	expect(cmd.pages == len / page && cmd.lock == calls[i].lock,
	       "%s: %llu pages, lock %u", name, cmd.pages, cmd.lock);
	expect(compare(fd, cmd.id, addr).same == len / page, "%s", name);
	expect_ret(pinscope_page(fd, addr, &with), 0, name);
	expect((pins_now() - pins == (long)(len / page)) == calls[i].pins,
	       "%s: %ld pins", name, pins_now() - pins);
	expect(!(before.state & maybe) && !(with.state & maybe) == !calls[i].pins,
	       "%s: maybe pinned before %d, with %d", name,
	       !!(before.state & maybe), !!(with.state & maybe));
	expect(with.refcount > before.refcount, "%s: refcount %d, %d", name,
	       before.refcount, with.refcount);
	expect_ret(pinscope_unpin(fd, cmd.id), 0, name);
	drain_lru();
	expect_ret(pinscope_page(fd, addr, &after), 0, name);
	expect(after.refcount == before.refcount &&
	       after.pincount == before.pincount && after.pfn == before.pfn,
	       "%s: refcount %d, %d, pincount %d, %d", name, before.refcount,
	       after.refcount, before.pincount, after.pincount);
}

static void test_ways(void)
{
	static const char *const kinds[] = {
		"anon", "anon-thp", "anon-hugetlb[2M]",
	};
	int fd = open_ctl();
	struct memory m;
	size_t i, k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		get_memory(&m, fd, kinds[k], true);
		for (i = 0; i < ARRAY_SIZE(calls); i++)
			if (get_info(fd).calls & 1ULL << calls[i].call)
				one_way(fd, i, m.addr, m.kind->len);
		memory_close(&m);
	}
}

/* What GUP-fast finds, and what it does not, without falling back. */
static void test_fast_only(void)
{
	char *addr = map(2 * page, PROT_READ | PROT_WRITE, 0);
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_GET_FAST_ONLY, .addr = pinscope_addr(addr),
		.len = 2 * page,
	};
	int fd = open_ctl();

	madvise(addr, 2 * page, MADV_NOHUGEPAGE);
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EAGAIN, "nothing mapped");
	addr[0] = 1;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EAGAIN, "one of two");
	cmd.flags = PINSCOPE_PIN_PARTIAL;
	expect_ret(pinscope_pin_cmd(fd, &cmd), 0, "partial");
	expect(cmd.pages == 1, "%llu pages", cmd.pages);
	expect(compare(fd, cmd.id, addr).same == 1, "another page");
}

/* ----------------------------------------------------------------- memfd */

static int make_memfd(size_t len, unsigned int flags)
{
	int fd = memfd_create("abi-test", MFD_CLOEXEC | flags);
	size_t at;
	char *addr;

	need(fd >= 0 && !ftruncate(fd, len), "memfd: %s", pinscope_errno(errno));
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(addr != MAP_FAILED, "mmap: %s", pinscope_errno(errno));
	for (at = 0; at < len; at += page)
		memset(addr + at, 'a' + at / page % 26, page);
	munmap(addr, len);
	return fd;
}

static void pin_memfd(int memfd, size_t offset, size_t len, const char *what)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_MEMFD, .target_type = PINSCOPE_TARGET_MEMFD,
		.target_nr = memfd, .addr = offset, .len = len,
	};
	char buf[len], *addr;
	int fd = open_ctl();

	expect_ret(pinscope_pin_cmd(fd, &cmd), 0, what);
	expect(cmd.pages == len / page && cmd.lock == PINSCOPE_LOCK_NONE,
	       "%s: %llu pages, lock %u", what, cmd.pages, cmd.lock);
	addr = mmap(NULL, len + offset, PROT_READ, MAP_SHARED, memfd, 0);
	need(addr != MAP_FAILED, "mmap: %s", pinscope_errno(errno));
	expect_ret(pinscope_read(fd, cmd.id, 0, buf, len), 0, what);
	expect(!memcmp(buf, addr + offset, len), "%s: content", what);
	expect(compare(fd, cmd.id, addr + offset).same == len / page,
	       "%s: other pages", what);
	expect_ret(pinscope_write(fd, cmd.id, 0, buf, 1), -EACCES, "WRITE");
	munmap(addr, len + offset);
	expect_ret(pinscope_unpin(fd, cmd.id), 0, what);
	close(fd);
}

static void test_memfd(void)
{
	const size_t huge = 2 << 20;
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_MEMFD, .target_type = PINSCOPE_TARGET_MEMFD,
		.len = huge,
	};
	int small = make_memfd(100 * page, 0);
	int big = make_memfd(2 * huge, MFD_HUGETLB | 21 << MFD_HUGE_SHIFT);
	int fd = open_ctl();
	uint64_t left;

	if (!(get_info(fd).calls & 1ULL << PINSCOPE_CALL_PIN_MEMFD)) {
		cmd.target_nr = small;
		expect_ret(pinscope_pin_cmd(fd, &cmd), -EOPNOTSUPP, "not there");
		return;
	}
	pin_memfd(small, 0, 100 * page, "all");
	pin_memfd(small, 3 * page, 5 * page, "some");
	pin_memfd(big, 0, page, "the start of a huge page");
	pin_memfd(big, 7 * page, 9 * page, "inside of a huge page");
	pin_memfd(big, huge - page, 2 * page, "over the edge of huge pages");

	cmd.target_nr = -1;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EBADF, "no file");
	cmd.target_nr = fd;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "not a memfd");
	cmd.target_nr = small;
	cmd.addr = 99 * page;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "beyond the end");
	cmd.addr = 1ULL << 63;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "far off");
	cmd.addr = -(uint64_t)huge;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EOVERFLOW, "wraps");
	cmd.addr = 0;
	cmd.len = page;
	cmd.target_type = PINSCOPE_TARGET_CALLER;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "of the caller");
	cmd.target_type = PINSCOPE_TARGET_MEMFD;
	cmd.call = PINSCOPE_CALL_PIN_FAST;
	expect_ret(pinscope_pin_cmd(fd, &cmd), -EINVAL, "another way");

	/* One pin for all pages of a folio cannot be given back in parts. */
	cmd.call = PINSCOPE_CALL_PIN_MEMFD;
	cmd.target_nr = big;
	cmd.len = 2 * huge;
	expect_ret(pinscope_pin_cmd(fd, &cmd), 0, "two huge pages");
	expect(pins_now() == 2, "%ld pins", pins_now());
	expect_ret(pinscope_unpin_part(fd, cmd.id, page, page, 0, &left), -EINVAL,
		   "in the middle of one");
	expect_ret(pinscope_unpin_part(fd, cmd.id, 0, page, 0, &left), -EINVAL,
		   "the start of one");
	expect_ret(pinscope_unpin_part(fd, cmd.id, 0, huge, 0, &left), 0, "one");
	expect(left == huge / page && pins_now() == 1, "%llu left, %ld pins",
	       (unsigned long long)left, pins_now());
}

/* -------------------------------------------------------- parts of a pin */

enum { PARTS = 700 };

/* What the module says of the pin is what the model has. */
static void check_parts(int fd, uint32_t id, char *addr, const bool *held)
{
	uint64_t bitmap[(PARTS + 63) / 64];
	struct pinscope_compare cmp = {
		.bitmap = pinscope_addr(bitmap), .bitmap_size = sizeof(bitmap),
	};
	struct pinscope_page *recs;
	size_t nr, i, k, released = 0;
	bool seen[PARTS] = {};
	char byte;
	int ret;

	expect_ret(pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr), &cmp), 0,
		   "COMPARE");
	for (i = 0; i < PARTS; i++) {
		released += !held[i];
		expect((bitmap[i / 64] >> i % 64 & 1) == held[i],
		       "page %zu: held %d, in the bitmap %d", i, held[i],
		       (int)(bitmap[i / 64] >> i % 64 & 1));
	}
	expect(cmp.pages == PARTS && cmp.released == released &&
	       cmp.same == PARTS - released && !cmp.absent &&
	       cmp.first_mismatch == PARTS, "%llu same, %llu released, first %llu",
	       cmp.same, cmp.released, cmp.first_mismatch);
	i = rand() % PARTS;
	expect_ret(pinscope_read(fd, id, i * page + 5, &byte, 1), held[i] ? 0 : -ENXIO,
		   "READ");
	if (held[i])
		expect(byte == addr[i * page + 5], "content of page %zu", i);

	ret = pinscope_inspect(fd, pinscope_pinned(id), 0, PARTS * page, &recs, &nr);
	need(!ret, "INSPECT: %s", pinscope_errno(ret));
	for (i = 0; i < nr; i++) {
		need(recs[i].addr / page + recs[i].pages <= PARTS,
		     "record %zu of %zu: offset 0x%llx, %llu pages", i, nr,
		     recs[i].addr, recs[i].pages);
		for (k = 0; k < recs[i].pages; k++)
			seen[recs[i].addr / page + k] = true;
	}
	free(recs);
	expect(!memcmp(seen, held, sizeof(seen)), "INSPECT sees other pages");
}

/* Random parts, against a model; over a THP and base pages. */
static void test_unpin_parts(void)
{
	const size_t huge = 2 << 20;
	char *area = map(3 * huge, PROT_READ | PROT_WRITE, 0), *addr;
	size_t first, nr, i, round, count = PARTS, now;
	int fd = open_ctl(), ret;
	bool held[PARTS];
	uint64_t left;
	uint32_t id;

	addr = area + (-pinscope_addr(area) & (huge - 1));
	madvise(addr, huge, MADV_HUGEPAGE);
	madvise(addr + huge, huge / 2, MADV_NOHUGEPAGE);
	for (i = 0; i < PARTS * page; i++)
		addr[i] = i / page + i;
	id = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, addr,
		 PARTS * page);
	memset(held, true, sizeof(held));
	srand(1);
	for (round = 0; count && round < 4000; round++) {
		first = rand() % PARTS;
		nr = 1 + rand() % (round % 8 ? 3 : 60);
		if (nr > PARTS - first)
			nr = PARTS - first;
		for (now = count, i = first; i < first + nr; i++) {
			now -= held[i];
			held[i] = false;
		}
		ret = pinscope_unpin_part(fd, id, first * page, nr * page, 0, &left);
		expect(!ret && left == now, "pages %zu to %zu: %s, %llu left, not %zu",
		       first, first + nr, pinscope_errno(ret),
		       (unsigned long long)left, now);
		count = now;
		expect(pins_now() == (long)count, "%ld pins", pins_now());
		if (count && round % 16 < 2)
			check_parts(fd, id, addr, held);
	}
	expect(!count, "%zu pages are left after %zu rounds", count, round);
	expect_ret(pinscope_unpin(fd, id), -ENOENT, "all parts gone, and so the id");
	munmap(area, 3 * huge);
}

/* ----------------------------------------------------------------- WRITE */

static void test_write(void)
{
	const size_t len = 5 * page;
	char *addr = map(len, PROT_READ | PROT_WRITE, 0), buf[3 * 4096];
	int fd = open_ctl();
	uint32_t id;
	size_t i;

	memset(addr, 'p', len);
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = i * 5 + i / 4096;
	id = pin(fd, PINSCOPE_CALL_PIN,
		 PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM, addr, len);
	expect_ret(pinscope_write(fd, id, 4000, buf, sizeof(buf)), 0, "WRITE");
	expect(!memcmp(addr + 4000, buf, sizeof(buf)) && addr[3999] == 'p' &&
	       addr[4000 + sizeof(buf)] == 'p', "the process sees something else");
	/* What was copied before an error stays, whole pages at a time. */
	mprotect(addr + 4 * page, page, PROT_NONE);
	memset(addr, 'q', page);
	expect_ret(pinscope_write(fd, id, 0, addr + 3 * page, 2 * page), -EFAULT,
		   "WRITE from half a buffer");
	expect(!memcmp(addr, addr + 3 * page, page), "the first half is missing");
}

/* Like a driver: after WRITE, or when told so, released pages are dirty. */
static void test_dirty(void)
{
	char name[] = "/var/tmp/abi-test-XXXXXX", *addr;
	int file = mkstemp(name), fd = open_ctl(), how;
	struct pinscope_page rec;
	uint32_t id;

	need(file >= 0 && !ftruncate(file, page), "%s: %s", name,
	     pinscope_errno(errno));
	unlink(name);
	addr = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	need(addr != MAP_FAILED, "mmap: %s", pinscope_errno(errno));
	for (how = 0; how < 3; how++) {
		addr[0] = 'd';
		id = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE, addr, page);
		need(!fsync(file), "fsync: %s", pinscope_errno(errno));
		pinscope_page(fd, addr, &rec);
		expect(!(rec.state & PINSCOPE_STATE_FOLIO_DIRTY),
		       "still dirty after fsync");
		if (how == 1)
			expect_ret(pinscope_write(fd, id, 0, "w", 1), 0, "WRITE");
		expect_ret(pinscope_unpin_part(fd, id, 0, 0, how == 2 ?
					       PINSCOPE_UNPIN_DIRTY : 0, NULL), 0,
			   "UNPIN");
		pinscope_page(fd, addr, &rec);
		expect(!(rec.state & PINSCOPE_STATE_FOLIO_DIRTY) == !how,
		       "%s", how ? "not dirty" : "dirty for no reason");
	}
	munmap(addr, page);
	close(file);
}

/* ----------------------------------------------------------------- scale */

/*
 * A pin of a page is 1024 references to it, and mm warns when the counter
 * overflows: 2^31 of them is no more than two million pins of one page.
 */
static void test_too_many_pins_of_a_page(void)
{
	static const char param[] = "/sys/module/pinscope/parameters/max_pages";
	const size_t nr = 512;
	char *addr = map(nr * page, PROT_NONE, 0), was[32];
	int memfd = make_memfd(page, 0), fd = open_ctl(), ret = 0;
	size_t i;
	uint32_t id;

	snprintf(was, sizeof(was), "%llu", get_info(fd).max_pages);
	need(write_file(param, "100000000"), "max_pages");
	for (i = 0; i < nr; i++)
		need(mmap(addr + i * page, page, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED | MAP_POPULATE, memfd, 0) !=
		     MAP_FAILED, "mmap: %s", pinscope_errno(errno));
	for (i = 0; !ret && i < 8192; i++)
		ret = pinscope_pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, nr * page, &id);
	expect(ret == -ENOMEM && i > 1000, "%s after %zu pins of 512",
	       pinscope_errno(ret), i);
	close(fd);
	need(write_file(param, was), "max_pages");
}

static long memcg_stat(const char *group, const char *name)
{
	char path[100], key[64];
	long value, found = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.stat", group);
	file = fopen(path, "re");
	need(file, "%s: %s", path, pinscope_errno(errno));
	while (fscanf(file, "%63s %ld", key, &value) == 2)
		if (!strcmp(key, name))
			found = value;
	fclose(file);
	return found;
}

/* What it costs to keep 1 GiB pinned, as charged to a cgroup of our own. */
static void cost(bool huge, long limit)
{
	static const char group[] = "/tmp/cgroup/abi-test";
	const size_t len = 1UL << 30;
	char *area = map(len + (2 << 20), PROT_READ | PROT_WRITE, 0), *addr;
	long before, with;
	int fd;

	addr = area + (-pinscope_addr(area) & ((2 << 20) - 1));
	madvise(addr, len, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	need(!madvise(addr, len, MADV_POPULATE_WRITE), "populate: %s",
	     pinscope_errno(errno));
	fd = open_ctl();
	before = memcg_stat(group, "kernel");
	pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, addr, len);
	with = memcg_stat(group, "kernel");
	printf("# 1 GiB with %s pages: %ld bytes kept\n", huge ? "huge" : "small",
	       with - before);
	/* What was charged in advance may do: then it seems to cost nothing. */
	expect(with >= before && with - before <= limit, "limit %ld", limit);
	close(fd);
	munmap(area, len + (2 << 20));
}

static void test_cost(void)
{
	if ((mkdir("/tmp/cgroup", 0755) && errno != EEXIST) ||
	    (mount("cgroup2", "/tmp/cgroup", "cgroup2", 0, NULL) &&
	     errno != EBUSY))
		tap_skip("no cgroup2: %s", pinscope_errno(errno));
	write_file("/tmp/cgroup/cgroup.subtree_control", "+memory");
	need(!mkdir("/tmp/cgroup/abi-test", 0755) || errno == EEXIST, "mkdir: %s",
	     pinscope_errno(errno));
	need(write_file("/tmp/cgroup/abi-test/cgroup.procs", "0"), "cgroup");
	if (!access("/sys/kernel/mm/transparent_hugepage", F_OK))
		cost(true, 32 << 10);
	/* Eight bytes a page, and what an accounting by pages adds to it. */
	cost(false, (8 << 18) + (16 << 10));
	need(write_file("/tmp/cgroup/cgroup.procs", "0"), "cgroup");
}

static unsigned int lines_of_pins(void)
{
	FILE *file = fopen(PINSCOPE_PINS_PATH, "re");
	char line[300];
	unsigned int nr = 0;

	need(file, "%s: %s", PINSCOPE_PINS_PATH, pinscope_errno(errno));
	while (fgets(line, sizeof(line), file))
		nr++;
	fclose(file);
	return nr - 1;		/* the heading */
}

static void test_many_pins(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	const unsigned int nr = 100000;
	int fd = open_ctl();
	unsigned int i;
	uint32_t id;

	for (i = 0; i < nr; i++)
		id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, page);
	expect(id == nr && get_info(fd).pinned_pages == nr, "id %u", id);
	expect(lines_of_pins() == nr, "%u lines", lines_of_pins());
	expect_ret(pinscope_unpin(fd, nr / 2), 0, "one in the middle");
	expect(pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, page) == nr / 2,
	       "its id is not used again");
}

/* ------------------------------------------------------------------ pins */

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

	need(file, "%s: %s", PINSCOPE_PINS_PATH, pinscope_errno(errno));
	while (!found && fgets(text, sizeof(text), file))
		found = sscanf(text, "%d %u %31s %127s %llx %llu %llu %lld %31s %31[^\n]",
			       &line->pid, &line->id, line->call, line->gup_flags,
			       &line->addr, &line->pages, &line->held, &line->age,
			       line->same, line->comm) == 10 &&
			line->id == id && line->pid == getpid();
	fclose(file);
	return found;
}

static void test_pins_file(void)
{
	char *addr = map(4 * page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	struct pins_line line;
	int fd = open_ctl();
	uint32_t id = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE |
			  PINSCOPE_FOLL_LONGTERM, addr, 4 * page);

	need(find_pins_line(id, &line), "no line for it");
	expect(!strcmp(line.call, "fast") && !strcmp(line.gup_flags, "WRITE|LONGTERM") &&
	       line.addr == pinscope_addr(addr) && line.pages == 4 && line.held == 4 &&
	       !strcmp(line.same, "4") && !strcmp(line.comm, program_invocation_short_name) &&
	       line.age >= 0, "%s %s 0x%llx %llu %llu %lld %s '%s'", line.call,
	       line.gup_flags, line.addr, line.pages, line.held, line.age, line.same,
	       line.comm);
	munmap(addr, page);
	expect_ret(pinscope_unpin_part(fd, id, page, page, 0, NULL), 0, "UNPIN");
	need(find_pins_line(id, &line), "no line for it");
	expect(line.held == 3 && !strcmp(line.same, "2"), "%llu held, %s same",
	       line.held, line.same);
	expect_ret(pinscope_unpin(fd, id), 0, "UNPIN");
	expect(!find_pins_line(id, &line), "still listed");
}

const struct test pin_tests[] = {
	{ "READ: content and limits", test_read },
	{ "PIN: struct that cannot be written", test_pin_unwritable_struct },
	{ "PIN: partial", test_partial },
	{ "PIN: limit over all users", test_limit },
	{ "released on close", test_release_on_close },
	{ "released on SIGKILL", test_release_on_kill },
	{ "munmap under a pin", test_munmap_under_pin },
	{ "fork: each sees its own tables", test_fork },
	{ "permissions", test_permissions },
	{ "PIN: every way", test_ways },
	{ "PIN: fast only", test_fast_only },
	{ "PIN: memfd", test_memfd },
	{ "UNPIN: parts", test_unpin_parts },
	{ "WRITE: content", test_write },
	{ "released pages are dirty", test_dirty },
	{ "pins: what is listed", test_pins_file },
	{ "scale: pins of one page", test_too_many_pins_of_a_page },
	{ "scale: memory for 1 GiB", test_cost },
	{ "scale: 100,000 pins", test_many_pins },
	{}
};
