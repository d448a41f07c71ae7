// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many calls at a time, on memory that changes and on processes that come and
 * go. A call may succeed or fail: the kernel must not complain, and nothing may
 * be left behind.
 */
#include <glob.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "abi.h"

enum { WORKERS = 5, FDS = 4, IDS = 32 };

/* The memory that changes; and what all threads share. */
static struct {
	char *anon;			/* room for two THPs */
	size_t anon_len;
	char *shared, *private;		/* mappings of the memfd */
	size_t file_len;
	int memfd;
	atomic_int fds[FDS];		/* opens of ctl, which change too */
	atomic_int pid;			/* of another process, or 0 */
	atomic_bool stop;
	bool once;			/* each change just once */
	atomic_uint good[PINSCOPE_CMD_FAULT + 1];	/* calls that succeeded */
} s;

/* Counts a call; returns what it returned. */
static int did(enum pinscope_cmd cmd, int ret)
{
	s.good[cmd] += !ret;
	return ret;
}

/* ------------------------------------------------------------------ workers */

struct worker {
	unsigned int seed;
	uint32_t ids[IDS];	/* of any fd: most calls find something */
};

static unsigned int pick(struct worker *w, unsigned int max)
{
	return rand_r(&w->seed) % max;
}

static uint64_t pick_range(struct worker *w, __u64 *len)
{
	char *const bases[] = { s.anon, s.shared, s.private };
	unsigned int base = pick(w, 3);
	unsigned int pages = (base ? s.file_len : s.anon_len) / page;
	unsigned int first = pick(w, pages);

	*len = (1 + pick(w, pick(w, 2) ? 4 : pages - first)) * page;
	if (*len > (pages - first) * page)
		*len = (pages - first) * page;
	return pinscope_addr(bases[base] + first * page);
}

static struct pinscope_target pick_target(struct worker *w)
{
	int pid = s.pid;

	return pid && pick(w, 2) ? pinscope_pid(pid) : pinscope_self();
}

static void do_pin(struct worker *w, int fd)
{
	static const uint64_t gup_flags[] = {
		0, PINSCOPE_FOLL_WRITE, PINSCOPE_FOLL_LONGTERM,
		PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM,
		PINSCOPE_FOLL_FORCE, PINSCOPE_FOLL_NOFAULT,
		PINSCOPE_FOLL_SPLIT_PMD, PINSCOPE_FOLL_NOWAIT,
	};
	struct pinscope_pin cmd = {
		.call = pick(w, PINSCOPE_CALLS), .flags = pick(w, 2),
		.gup_flags = gup_flags[pick(w, ARRAY_SIZE(gup_flags))],
	};
	struct pinscope_target target = pick_target(w);

	cmd.addr = pick_range(w, &cmd.len);
	if (cmd.call == PINSCOPE_CALL_PIN_MEMFD) {
		target = pinscope_memfd(s.memfd);
		cmd.addr = pick(w, 64) * page;
		cmd.gup_flags = 0;
	} else if (cmd.call != PINSCOPE_CALL_PIN_REMOTE &&
		   cmd.call != PINSCOPE_CALL_GET_REMOTE) {
		target = pinscope_self();
	}
	cmd.target_type = target.target_type;
	cmd.target_nr = target.target_nr;
	if (!did(PINSCOPE_CMD_PIN, pinscope_pin_cmd(fd, &cmd)))
		w->ids[pick(w, IDS)] = cmd.id;
}

static void do_inspect(struct worker *w, int fd)
{
	struct pinscope_page *recs;
	__u64 addr, len;
	size_t nr;

	addr = pick_range(w, &len);
	if (!did(PINSCOPE_CMD_INSPECT,
		 pinscope_inspect(fd, pick_target(w), addr, len, &recs, &nr)))
		free(recs);
	if (!pinscope_inspect(fd, pinscope_pinned(w->ids[pick(w, IDS)]), 0,
			      page, &recs, &nr))
		free(recs);
}

static void do_fault(struct worker *w, int fd)
{
	static const uint64_t fault_flags[] = {
		0, PINSCOPE_FAULT_WRITE, PINSCOPE_FAULT_UNSHARE,
		PINSCOPE_FAULT_WRITE | PINSCOPE_FAULT_USER,
	};
	struct pinscope_target target = pick_target(w);
	uint64_t flags = fault_flags[pick(w, ARRAY_SIZE(fault_flags))];
	__u64 addr, len;

	if (pick(w, 2))
		flags |= PINSCOPE_FAULT_ALLOW_RETRY | PINSCOPE_FAULT_KILLABLE;
	if (target.target_type != PINSCOPE_TARGET_CALLER)
		flags |= PINSCOPE_FAULT_REMOTE;
	addr = pick_range(w, &len);
	did(PINSCOPE_CMD_FAULT,
	    pinscope_fault(fd, target, addr, len, flags, NULL, NULL));
}

static void do_unpin(struct worker *w, int fd)
{
	did(PINSCOPE_CMD_UNPIN, pinscope_unpin(fd, w->ids[pick(w, IDS)]));
}

static void do_unpin_part(struct worker *w, int fd)
{
	pinscope_unpin_part(fd, w->ids[pick(w, IDS)], pick(w, 8) * page,
			    pick(w, 4) * page, pick(w, 2), NULL);
}

/* READ and WRITE of up to somewhat more than a page, over page borders. */
static void do_read(struct worker *w, int fd)
{
	char buf[page + page / 4];

	did(PINSCOPE_CMD_READ,
	    pinscope_read(fd, w->ids[pick(w, IDS)], pick(w, 2 * page + page / 4),
			  buf, pick(w, sizeof(buf))));
}

static void do_write(struct worker *w, int fd)
{
	char buf[page + page / 4];

	memset(buf, 'w', sizeof(buf));
	did(PINSCOPE_CMD_WRITE,
	    pinscope_write(fd, w->ids[pick(w, IDS)], pick(w, 2 * page + page / 4),
			   buf, pick(w, sizeof(buf))));
}

static void do_compare(struct worker *w, int fd)
{
	uint64_t bitmap[16];
	struct pinscope_compare cmp = {
		.bitmap = pinscope_addr(bitmap), .bitmap_size = sizeof(bitmap),
	};
	__u64 len;

	did(PINSCOPE_CMD_COMPARE,
	    pinscope_compare(fd, w->ids[pick(w, IDS)], pick_target(w),
			     pick_range(w, &len), &cmp));
}

/* Other threads may be in the middle of a call on it. */
static void do_reopen(struct worker *w, int fd)
{
	(void)fd;
	if (!pick(w, 50))
		close(atomic_exchange(&s.fds[pick(w, FDS)], pinscope_open()));
}

static void (*const work_steps[])(struct worker *w, int fd) = {
	do_pin, do_pin, do_unpin, do_unpin_part, do_read, do_write, do_inspect,
	do_compare, do_fault, do_reopen,
};

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!s.stop)
		work_steps[pick(w, ARRAY_SIZE(work_steps))](w, s.fds[pick(w, FDS)]);
	return NULL;
}

static void *read_pins(void *arg)
{
	char buf[3000];
	int fd;

	(void)arg;
	while (!s.stop) {
		fd = open(PINSCOPE_PINS_PATH, O_RDONLY | O_CLOEXEC);
		while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
	return NULL;
}

/* ------------------------------------------------------ changes of the memory */

static void write_all(void)
{
	memset(s.anon, rand(), s.anon_len);
}

static void map_anew(void)
{
	mmap(s.anon, s.anon_len, PROT_READ | PROT_WRITE,
	     MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(s.anon, s.anon_len, MADV_HUGEPAGE);
}

static void unmap_some(void)
{
	munmap(s.anon + s.anon_len / 4, s.anon_len / 8);
	map_anew();
}

/* There and back: in between nothing is mapped in its place. */
static void move(void)
{
	char *elsewhere = mmap(NULL, s.anon_len / 2, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mremap(s.anon, s.anon_len / 2, s.anon_len / 2, MREMAP_MAYMOVE | MREMAP_FIXED,
	       elsewhere);
	mremap(elsewhere, s.anon_len / 2, s.anon_len / 2, MREMAP_MAYMOVE | MREMAP_FIXED,
	       s.anon);
}

static void protect(void)
{
	mprotect(s.anon, s.anon_len / 2, PROT_READ);
	mprotect(s.anon + page, page, PROT_NONE);
	mprotect(s.shared, s.file_len / 2, PROT_NONE);
	mprotect(s.shared, s.file_len / 2, PROT_READ | PROT_WRITE);
	mprotect(s.anon, s.anon_len / 2, PROT_READ | PROT_WRITE);
}

static void split(void)
{
	char *one = s.anon + rand() % (s.anon_len / page) * page;

	mprotect(one, page, PROT_READ);
	mprotect(one, page, PROT_READ | PROT_WRITE);
}

static void drop(void)
{
	madvise(s.anon + page, pmd_size / 8 * 5, MADV_DONTNEED);
	madvise(s.private, s.file_len, MADV_DONTNEED);
}

static void swap(void)
{
	madvise(s.anon, s.anon_len, MADV_PAGEOUT);
	madvise(s.shared, s.file_len, MADV_PAGEOUT);
}

static void collapse(void)
{
	madvise(s.anon, s.anon_len, MADV_COLLAPSE);
}

static void migrate(void)
{
	unsigned long node = 1 + (rand() & 1);

	syscall(SYS_mbind, s.anon, s.anon_len, MPOL_BIND, &node, 3UL, MPOL_MF_MOVE);
	syscall(SYS_mbind, s.shared, s.file_len, MPOL_BIND, &node, 3UL,
		MPOL_MF_MOVE);
}

static void truncate_file(void)
{
	if (ftruncate(s.memfd, s.file_len / 3) || ftruncate(s.memfd, s.file_len))
		perror("# ftruncate");
}

static void punch_hole(void)
{
	fallocate(s.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		  rand() % (s.file_len / 2), s.file_len / 4);
}

static void fork_off(void)
{
	pid_t child = must_fork();

	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

static void (*const changes[])(void) = {
	write_all, map_anew, write_all, unmap_some, write_all, move, protect,
	write_all, split, drop, swap, write_all, collapse, migrate, write_all,
	truncate_file, punch_hole, fork_off,
};

/* ---------------------------------------------------------------- the tests */

static void set_up(void)
{
	int i;

	memset(&s, 0, sizeof(s));
	s.anon_len = 2 * pmd_size;
	s.anon = map_anon_aligned(s.anon_len);
	madvise(s.anon, s.anon_len, MADV_HUGEPAGE);
	s.file_len = 256 * page;
	s.memfd = make_memfd(s.file_len, 0);
	s.shared = map_file(s.file_len, RW, MAP_SHARED, s.memfd);
	s.private = map_file(s.file_len, RW, MAP_PRIVATE, s.memfd);
	for (i = 0; i < FDS; i++) {
		s.fds[i] = pinscope_open();
		need_ok(s.fds[i] < 0 ? s.fds[i] : 0);
	}
}

static void take_down(void)
{
	int i;

	for (i = 0; i < FDS; i++)
		close(s.fds[i]);
	close(s.memfd);
	munmap(s.anon, s.anon_len);
	munmap(s.shared, s.file_len);
	munmap(s.private, s.file_len);
}

static void with_workers(void (*run)(void))
{
	static struct worker workers[WORKERS];
	pthread_t threads[WORKERS + 1];
	int i;

	for (i = 0; i < WORKERS; i++) {
		workers[i].seed = i + 1;
		need_ok(-pthread_create(&threads[i], NULL, work, &workers[i]));
	}
	need_ok(-pthread_create(&threads[i], NULL, read_pins, NULL));
	run();
	s.stop = true;
	for (i = 0; i <= WORKERS; i++)
		pthread_join(threads[i], NULL);
	/* Calls that all fail would test nothing. */
	for (i = PINSCOPE_CMD_PIN; i <= PINSCOPE_CMD_FAULT; i++)
		expect_gt(s.good[i], 0, "command %d", i);
}

/* Each change some times, or as often as 8 seconds allow; at least once. */
static void change_memory(void)
{
	const int nr = ARRAY_SIZE(changes);
	time_t end = time(NULL) + 8;
	int i;

	for (i = 0; i < nr || (!s.once && i < 40 * nr && time(NULL) < end); i++)
		changes[i % nr]();
	printf("# %d changes\n", i);
}

#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"

/* Writes a time in ms, and returns what there was. */
static long khugepaged(const char *what, long ms)
{
	char path[120], text[24];
	long was;

	/* A kernel without THP has no khugepaged. */
	snprintf(path, sizeof(path), KHUGEPAGED "%s", what);
	snprintf(text, sizeof(text), "%ld", ms);
	was = sys_read_number(path);
	sys_write_file(path, text);
	return was;
}

static void test_changing_memory(struct abi_fixture *f)
{
	long scan, alloc;

	(void)f;
	set_up();
	scan = khugepaged("scan_sleep_millisecs", 1);
	alloc = khugepaged("alloc_sleep_millisecs", 1);
	with_workers(change_memory);
	khugepaged("scan_sleep_millisecs", scan);
	khugepaged("alloc_sleep_millisecs", alloc);
	take_down();
}

/* A target does one of these until it is killed or ends by itself. */
static void target_main(int nr)
{
	for (;;) {
		switch (nr) {
		case 0:
			fork_off();
			break;
		case 1:
			write_all();
			drop();
			break;
		case 2:
			execl("/bin/sleep", "sleep", "1000", NULL);
			_exit(127);
		case 3:
			_exit(0);
		}
	}
}

static void change_targets(void)
{
	pid_t pid;
	int i;

	for (i = 0; i < 60; i++) {
		pid = must_fork();
		if (!pid)
			target_main(i % 4);
		s.pid = pid;
		usleep(i % 7 * 4000);
		kill_child(pid);
	}
	s.pid = 0;
}

static void test_changing_targets(struct abi_fixture *f)
{
	(void)f;
	set_up();
	write_all();
	with_workers(change_targets);
	take_down();
}

/* SIGKILL in the middle of it: threads, pins and mappings go at once. */
static void test_killed(struct abi_fixture *f)
{
	pid_t pid;
	int i;

	(void)f;
	for (i = 0; i < 15; i++) {
		pid = must_fork();
		if (!pid) {
			set_up();
			with_workers(change_memory);
			_exit(0);
		}
		usleep(20000 + i * 10000);
		kill_child(pid);
	}
}

/* ------------------------------------------------------- files that are read */

enum { READERS = 16, ROUNDS = 400 };

/*
 * In pieces, so that the file has to find out each time where it was. A line may be gone or
 * new; without tracking there are none of `holders`.
 */
static void *read_files(void *failed)
{
	static const char *const paths[] = {
		PINSCOPE_PINS_PATH, PINSCOPE_DEBUGFS "/pinscope/holders",
		PINSCOPE_DEBUGFS "/pinscope/tracking",
	};
	char piece[200];
	unsigned int i;
	ssize_t got;
	int fd;

	for (i = 0; !s.stop; i++) {
		fd = open(paths[i % ARRAY_SIZE(paths)], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return failed;
		do {
			got = read(fd, piece, sizeof(piece));
		} while (got > 0);
		close(fd);
		if (got)
			return failed;
	}
	return NULL;
}

/* Pins come and go, and tracking too where the kernel has it. */
static void test_readers(struct abi_fixture *f)
{
	pthread_t threads[READERS];
	uint32_t ids[64] = {};
	unsigned int i, round;
	void *ret;

	for (i = 0; i < READERS; i++)
		need_ok(-pthread_create(&threads[i], NULL, read_files, f));
	for (round = 0; round < ROUNDS; round++) {
		if (!(round % 50))
			pinscope_track(f->ctl, PINSCOPE_TRACK_START, 0, 0, NULL);
		else if (round % 50 == 40)
			stop_tracking(f->ctl);
		i = round % ARRAY_SIZE(ids);
		if (ids[i])
			expect_ok(pinscope_unpin(f->ctl, ids[i]));
		ids[i] = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, f->len);
	}
	s.stop = true;
	for (i = 0; i < READERS; i++) {
		pthread_join(threads[i], &ret);
		expect(!ret, "reader %u", i);
	}
	stop_tracking(f->ctl);
}

struct holes {
	char *addr;
	size_t len;
	atomic_bool stop;
};

/* Pages and page tables come and go, all over the range. */
static void *change_holes(void *arg)
{
	struct holes *h = arg;
	size_t at = 0;

	while (!h->stop) {
		/* Odd steps of some GiB meet each part of it sooner or later. */
		at = (at + 5 * (1UL << 30) + 3 * pmd_size + page) & (h->len - 1) & -page;
		h->addr[at] = 1;
		if (at / page % 3 == 0) {
			madvise(h->addr + (at & -pmd_size), pmd_size, MADV_DONTNEED);
		} else if (at / page % 3 == 1) {
			/* A VMA of its own, and none. */
			mprotect(h->addr + at, page, PROT_READ);
			mprotect(h->addr + at, page, RW);
		}
	}
	return NULL;
}

/* Records in order, within the range, whatever happens to it. */
static void test_large_range(struct abi_fixture *f)
{
	struct holes h = { .len = (size_t)(64ULL << 30) };
	uint64_t end;
	pthread_t thread;
	struct records r;
	size_t i;
	int n;

	if (sizeof(long) < 8)
		tap_leave_out("a process of 32 bits has no 64 GiB");
	h.addr = map_anon(h.len, RW, MAP_NORESERVE);
	need_ok(-pthread_create(&thread, NULL, change_holes, &h));
	for (n = 0; n < 20; n++) {
		r = inspect(f->ctl, pinscope_self(), pinscope_addr(h.addr), h.len);
		end = pinscope_addr(h.addr);
		for (i = 0; i < r.nr; i++) {
			if (!expect_ge(r.rec[i].addr, end, "record %zu of %zu", i, r.nr))
				break;
			end = r.rec[i].addr + r.rec[i].pages * page;
		}
		expect_le(end, pinscope_addr(h.addr) + h.len);
		free(r.rec);
	}
	h.stop = true;
	pthread_join(thread, NULL);
	munmap(h.addr, h.len);
}

struct dax_race {
	char *mem;
	int ctl;
	atomic_uint round;
};

/* GET with FOLL_SPLIT_PMD, a different while after each round has begun. */
static void *split_dax(void *arg)
{
	struct dax_race *r = arg;
	unsigned int round = 0, now;
	volatile int wait;
	uint32_t id;

	while ((now = r->round) != UINT_MAX) {
		if (now == round)
			continue;
		round = now;
		for (wait = 0; wait < (int)(round % 200) * 40; wait++)
			;
		if (!pinscope_pin(r->ctl, PINSCOPE_CALL_GET, PINSCOPE_FOLL_SPLIT_PMD,
				  r->mem, page, &id))
			pinscope_unpin(r->ctl, id);
	}
	return NULL;
}

/*
 * After it has split a PMD, GUP installs a page table without the lock of DAX's entry. A write
 * fault on a hole, which maps a PMD, warns when it meets that. The module refuses to ask GUP
 * for it; without that the rounds below make the kernel warn, sooner or later.
 */
static void test_split_of_dax(struct abi_fixture *f)
{
	const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct dax_race r = { .ctl = f->ctl };
	pthread_t thread;
	uint32_t id;
	int fd, i, ret;

	if (access(DAX_DIR, W_OK))
		tap_skip("no file system with DAX on " DAX_DIR);
	fd = make_file(DAX_DIR, pmd_size);
	r.mem = map_anon_aligned(pmd_size);
	need_sys(mmap(r.mem, pmd_size, RW, MAP_SHARED | MAP_FIXED, fd, 0) == r.mem);
	(void)*(volatile char *)r.mem;
	if (state_of(f->ctl, r.mem).map_shift != pmd_shift)
		tap_skip("no PMD maps a file of " DAX_DIR);
	ret = pinscope_pin(f->ctl, PINSCOPE_CALL_GET, PINSCOPE_FOLL_SPLIT_PMD, r.mem,
			   page, &id);
	expect_eq(ret, -EOPNOTSUPP);
	/* The hole waits for what is pinned. */
	if (!ret)
		expect_ok(pinscope_unpin(f->ctl, id));
	need_ok(-pthread_create(&thread, NULL, split_dax, &r));
	for (i = 0; i < 600; i++) {
		need_sys(!fallocate(fd, hole, 0, pmd_size));
		expect_eq(*(volatile char *)r.mem, 0);
		r.round++;
		*(volatile char *)r.mem = 1;
	}
	r.round = UINT_MAX;
	pthread_join(thread, NULL);
	munmap(r.mem, pmd_size);
	close(fd);
}

/* ------------------------------------------------------------ memory lost */

/*
 * Has the slab caches give back what they do not use. With KASAN that includes what was
 * freed: it stays in a quarantine, which grows.
 */
static void shrink_slabs(void)
{
	glob_t found = {};
	size_t i;

	if (!glob("/sys/kernel/slab/*/shrink", 0, NULL, &found))
		for (i = 0; i < found.gl_pathc; i++)
			sys_write_file(found.gl_pathv[i], "1");
	globfree(&found);
}

/* Free pages, those on the lists of each processor included, which grow. */
static long free_kib(void)
{
	char line[200];
	long value, pages = 0;
	FILE *file;

	drain_lru();
	need_write_file("/proc/sys/vm/drop_caches", "3");
	shrink_slabs();
	file = fopen("/proc/zoneinfo", "re");
	need_sys(file, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %ld", &value) == 1 ||
		    sscanf(line, " count: %ld", &value) == 1)
			pages += value;
	fclose(file);
	return pages * (page >> 10);
}

enum release { BY_UNPIN, BY_UNPIN_OF_HALF, BY_CLOSE, BY_EXIT, RELEASES };

/* Pins some MiB by one call and releases them; a call may fail. Or only maps them. */
static void pin_and_release_once(unsigned int call, enum release release, bool pins)
{
	const size_t len = 8 * pmd_size;
	char *addr = map_anon(len, RW, MAP_POPULATE);
	struct pinscope_pin cmd = {
		.call = call, .gup_flags = PINSCOPE_FOLL_WRITE,
		.addr = pinscope_addr(addr), .len = len,
	};
	int fd = pins ? pinscope_open() : -1;

	if (fd < 0 || pinscope_pin_cmd(fd, &cmd))
		return;
	if (release == BY_UNPIN)
		pinscope_unpin(fd, cmd.id);
	else if (release == BY_UNPIN_OF_HALF)
		pinscope_unpin_part(fd, cmd.id, page, len / 2, 0, NULL);
	else if (release == BY_CLOSE)
		close(fd);
	munmap(addr, len);
}

static void pin_or_not(bool pins)
{
	unsigned int call, release;
	pid_t pid;

	for (call = 0; call < PINSCOPE_CALL_PIN_MEMFD; call++) {
		for (release = 0; release < RELEASES; release++) {
			pid = must_fork();
			if (!pid) {
				pin_and_release_once(call, release, pins);
				_exit(0);
			}
			expect_eq(status_of(pid), 0, "status of the child");
		}
	}
}

static void pin_and_release(void)
{
	pin_or_not(true);
}

static void map_and_release(void)
{
	pin_or_not(false);
}

static void stress_and_exit(void)
{
	pid_t pid = must_fork();

	if (!pid) {
		set_up();
		s.once = true;
		with_workers(change_memory);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/*
 * A leak loses memory each time. What the kernel keeps, such as the stacks that KASAN
 * knows, it keeps once: so what counts is the least of some rounds.
 */
static long least_lost(void (*run)(void), const char *what, long limit)
{
	long before, after, least = LONG_MAX;
	int i;

	for (i = 0; i < 4 && least > limit; i++) {
		before = free_kib();
		run();
		after = free_kib();
		printf("# free before %s: %ld KiB, after: %ld KiB\n", what, before,
		       after);
		if (before - after < least)
			least = before - after;
	}
	return least;
}

static void test_memory_lost(struct abi_fixture *f)
{
	/* One page of each pin would be more: nine calls, released in four ways. */
	const long limit = 143;
	long lost, without;

	(void)f;
	/* What is pinned at a time, and so could be lost, is some megabytes. */
	expect_le(least_lost(stress_and_exit, "stress", 1023), 1023, "KiB lost by stress");
	/*
	 * With KASAN each process costs a page for a time: its stack gets a new address as
	 * long as mm has not flushed the old ones, and each address has a shadow.
	 */
	lost = least_lost(pin_and_release, "pins", limit);
	if (lost > limit) {
		without = least_lost(map_and_release, "processes without pins", 0);
		if (without > 0)
			lost -= without;
	}
	expect_le(lost, limit, "KiB lost by pins");
}

const struct test stress_tests[] = {
	TEST("stress: changing memory", test_changing_memory),
	TEST("stress: changing targets", test_changing_targets),
	TEST("stress: SIGKILL", test_killed),
	TEST_POPULATED("stress: 16 readers of the files", test_readers, 2),
	TEST("stress: a range of 64 GiB that changes", test_large_range),
	TEST("stress: FOLL_SPLIT_PMD and writes of DAX", test_split_of_dax),
	TEST("stress: no memory lost", test_memory_lost),
	{}
};
