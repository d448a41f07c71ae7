// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many at a time, on memory that changes under them and processes that come and
 * go. What a call says does not matter here, only that the kernel does not
 * complain and nothing is left behind.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi.h"

#define ARENA		(4UL << 20)	/* anonymous memory: two THPs */
#define FILE_SIZE	(1UL << 20)	/* and a memfd, mapped twice */

enum { WORKERS = 5, FDS = 4, IDS = 32 };

static struct {
	char *anon;			/* ARENA bytes */
	char *shared, *private;		/* FILE_SIZE bytes each */
	int memfd;
	atomic_int fds[FDS];		/* opens of ctl, which change too */
	atomic_int pid;			/* of the target, or 0 */
	atomic_bool stop;
	bool once;			/* every change just once */
	atomic_uint good[PINSCOPE_CMD_FAULT + 1];	/* calls that succeeded */
} s;

/* Counts a call; returns what it returned. */
static int did(enum pinscope_cmd cmd, int ret)
{
	s.good[cmd] += !ret;
	return ret;
}

/* ---------------------------------------------------------- those who call */

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
	unsigned int which = pick(w, 3);
	unsigned int pages = (which ? FILE_SIZE : ARENA) / page;
	unsigned int first = pick(w, pages);

	*len = (1 + pick(w, pick(w, 2) ? 4 : pages - first)) * page;
	if (*len > (pages - first) * page)
		*len = (pages - first) * page;
	return pinscope_addr(bases[which] + first * page);
}

static struct pinscope_target pick_who(struct worker *w)
{
	int pid = s.pid;

	return pid && pick(w, 2) ? pinscope_pid(pid) : pinscope_self();
}

static void do_pin(struct worker *w, int fd)
{
	static const uint64_t foll_flags[] = {
		0, PINSCOPE_FOLL_WRITE, PINSCOPE_FOLL_LONGTERM,
		PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM,
		PINSCOPE_FOLL_FORCE, PINSCOPE_FOLL_NOFAULT,
		PINSCOPE_FOLL_SPLIT_PMD, PINSCOPE_FOLL_NOWAIT,
	};
	struct pinscope_pin cmd = {
		.call = pick(w, PINSCOPE_CALLS), .flags = pick(w, 2),
		.gup_flags = foll_flags[pick(w, ARRAY_SIZE(foll_flags))],
	};
	struct pinscope_target target_nr = pick_who(w);

	cmd.addr = pick_range(w, &cmd.len);
	if (cmd.call == PINSCOPE_CALL_PIN_MEMFD) {
		target_nr = pinscope_memfd(s.memfd);
		cmd.addr = pick(w, 64) * page;
		cmd.gup_flags = 0;
	} else if (cmd.call != PINSCOPE_CALL_PIN_REMOTE &&
		   cmd.call != PINSCOPE_CALL_GET_REMOTE) {
		target_nr = pinscope_self();
	}
	cmd.target_type = target_nr.target_type;
	cmd.target_nr = target_nr.target_nr;
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
		 pinscope_inspect(fd, pick_who(w), addr, len, &recs, &nr)))
		free(recs);
	if (!pinscope_inspect(fd, pinscope_pinned(w->ids[pick(w, IDS)]), 0, page, &recs, &nr))
		free(recs);
}

static void do_fault(struct worker *w, int fd)
{
	static const uint64_t flags[] = {
		0, PINSCOPE_FAULT_WRITE, PINSCOPE_FAULT_UNSHARE,
		PINSCOPE_FAULT_WRITE | PINSCOPE_FAULT_USER,
	};
	struct pinscope_target target_nr = pick_who(w);
	__u64 addr, len;

	addr = pick_range(w, &len);
	did(PINSCOPE_CMD_FAULT,
	    pinscope_fault(fd, target_nr, addr, len, flags[pick(w, ARRAY_SIZE(flags))] |
			   (pick(w, 2) ? PINSCOPE_FAULT_ALLOW_RETRY |
					 PINSCOPE_FAULT_KILLABLE : 0) |
			   (target_nr.target_type ? PINSCOPE_FAULT_REMOTE : 0), NULL, NULL));
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pinscope_compare cmp;
	uint64_t bitmap[16];
	__u64 len;
	char buf[5000];
	uint32_t id;
	int fd;

	while (!s.stop) {
		fd = s.fds[pick(w, FDS)];
		id = w->ids[pick(w, IDS)];
		switch (pick(w, 10)) {
		case 0:
		case 1:
			do_pin(w, fd);
			break;
		case 2:
			did(PINSCOPE_CMD_UNPIN, pinscope_unpin(fd, id));
			break;
		case 3:
			pinscope_unpin_part(fd, id, pick(w, 8) * page,
					    pick(w, 4) * page, pick(w, 2), NULL);
			break;
		case 4:
			did(PINSCOPE_CMD_READ, pinscope_read(fd, id, pick(w, 9000),
							     buf, pick(w, 5000)));
			break;
		case 5:
			did(PINSCOPE_CMD_WRITE, pinscope_write(fd, id, pick(w, 9000),
							       buf, pick(w, 5000)));
			break;
		case 6:
			do_inspect(w, fd);
			break;
		case 7:
			cmp = (struct pinscope_compare) {
				.bitmap = pinscope_addr(bitmap),
				.bitmap_size = sizeof(bitmap),
			};
			did(PINSCOPE_CMD_COMPARE,
			    pinscope_compare(fd, id, pick_who(w),
					     pick_range(w, &len), &cmp));
			break;
		case 8:
			do_fault(w, fd);
			break;
		case 9:
			/* Others may be in the middle of a call on it. */
			if (!pick(w, 50))
				close(atomic_exchange(&s.fds[pick(w, FDS)],
						      pinscope_open()));
			break;
		}
	}
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

/* ------------------------------------------------ what happens to the memory */

static void write_all(void)
{
	memset(s.anon, rand(), ARENA);
}

static void map_anew(void)
{
	mmap(s.anon, ARENA, PROT_READ | PROT_WRITE,
	     MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(s.anon, ARENA, MADV_HUGEPAGE);
}

static void unmap_some(void)
{
	munmap(s.anon + ARENA / 4, ARENA / 8);
	map_anew();
}

/* There and back: in between there is nothing in its place. */
static void move(void)
{
	char *elsewhere = mmap(NULL, ARENA / 2, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mremap(s.anon, ARENA / 2, ARENA / 2, MREMAP_MAYMOVE | MREMAP_FIXED,
	       elsewhere);
	mremap(elsewhere, ARENA / 2, ARENA / 2, MREMAP_MAYMOVE | MREMAP_FIXED,
	       s.anon);
}

static void protect(void)
{
	mprotect(s.anon, ARENA / 2, PROT_READ);
	mprotect(s.anon + page, page, PROT_NONE);
	mprotect(s.shared, FILE_SIZE / 2, PROT_NONE);
	mprotect(s.shared, FILE_SIZE / 2, PROT_READ | PROT_WRITE);
	mprotect(s.anon, ARENA / 2, PROT_READ | PROT_WRITE);
}

static void split(void)
{
	char *one = s.anon + rand() % (ARENA / page) * page;

	mprotect(one, page, PROT_READ);
	mprotect(one, page, PROT_READ | PROT_WRITE);
}

static void drop(void)
{
	madvise(s.anon + page, 300 * page, MADV_DONTNEED);
	madvise(s.private, FILE_SIZE, MADV_DONTNEED);
}

static void swap(void)
{
	madvise(s.anon, ARENA, MADV_PAGEOUT);
	madvise(s.shared, FILE_SIZE, MADV_PAGEOUT);
}

static void collapse(void)
{
	madvise(s.anon, ARENA, 25 /* MADV_COLLAPSE */);
}

static void migrate(void)
{
	unsigned long node = 1 + (rand() & 1);

	syscall(SYS_mbind, s.anon, ARENA, MPOL_BIND, &node, 3UL, MPOL_MF_MOVE);
	syscall(SYS_mbind, s.shared, FILE_SIZE, MPOL_BIND, &node, 3UL,
		MPOL_MF_MOVE);
}

static void truncate_file(void)
{
	if (ftruncate(s.memfd, FILE_SIZE / 3) || ftruncate(s.memfd, FILE_SIZE))
		perror("# ftruncate");
}

static void punch_hole(void)
{
	fallocate(s.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		  rand() % (FILE_SIZE / 2), FILE_SIZE / 4);
}

static void fork_off(void)
{
	pid_t child = must_fork();

	if (!child)
		_exit(0);
	if (child > 0)
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
	s.anon = map(2 * ARENA, PROT_READ | PROT_WRITE, 0);
	s.anon += -pinscope_addr(s.anon) & (ARENA / 2 - 1);
	madvise(s.anon, ARENA, MADV_HUGEPAGE);
	s.memfd = memfd_create("abi-test", MFD_CLOEXEC);
	need(s.memfd >= 0 && !ftruncate(s.memfd, FILE_SIZE), "memfd: %s",
	     pinscope_errno(errno));
	s.shared = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			s.memfd, 0);
	s.private = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			 s.memfd, 0);
	need(s.shared != MAP_FAILED && s.private != MAP_FAILED, "mmap: %s",
	     pinscope_errno(errno));
	for (i = 0; i < FDS; i++)
		s.fds[i] = open_ctl();
}

static void with_workers(void (*run)(void))
{
	static struct worker workers[WORKERS];
	pthread_t threads[WORKERS + 1];
	int i;

	for (i = 0; i < WORKERS; i++) {
		workers[i].seed = i + 1;
		need(!pthread_create(&threads[i], NULL, work, &workers[i]),
		     "pthread_create");
	}
	need(!pthread_create(&threads[i], NULL, read_pins, NULL),
	     "pthread_create");
	run();
	s.stop = true;
	for (i = 0; i <= WORKERS; i++)
		pthread_join(threads[i], NULL);
	/* Or all of it was about nothing. */
	for (i = PINSCOPE_CMD_PIN; i <= PINSCOPE_CMD_FAULT; i++)
		expect(s.good[i], "command %d succeeded %u times", i,
		       s.good[i]);
}

/* Each change some times, or as often as half a minute allows; at least once. */
static void change_memory(void)
{
	const int nr = ARRAY_SIZE(changes);
	time_t end = time(NULL) + 30;
	int i;

	for (i = 0; i < nr || (!s.once && i < 40 * nr && time(NULL) < end); i++)
		changes[i % nr]();
	printf("# %d changes\n", i);
}

#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"

static void test_changing_memory(void)
{
	set_up();
	write_file(KHUGEPAGED "scan_sleep_millisecs", "1");
	write_file(KHUGEPAGED "alloc_sleep_millisecs", "1");
	with_workers(change_memory);
	write_file(KHUGEPAGED "scan_sleep_millisecs", "10000");
	write_file(KHUGEPAGED "alloc_sleep_millisecs", "60000");
}

/* What a target does until it is killed, if it does not end by itself. */
static void target(int what)
{
	for (;;) {
		switch (what) {
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

	for (i = 0; i < 150; i++) {
		pid = must_fork();
		if (!pid)
			target(i % 4);
		if (pid < 0)
			continue;
		s.pid = pid;
		usleep(i % 7 * 4000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	s.pid = 0;
}

static void test_changing_targets(void)
{
	set_up();
	write_all();
	with_workers(change_targets);
}

/* Killed in the middle of all that, threads, pins and mappings. */
static void test_killed(void)
{
	pid_t pid;
	int i;

	for (i = 0; i < 15; i++) {
		pid = must_fork();
		if (!pid) {
			set_up();
			with_workers(change_memory);
			_exit(0);
		}
		usleep(20000 + i * 10000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* ------------------------------------------------------------ memory lost */

/* Free pages, those on the lists of each processor included, which grow. */
static long free_kib(void)
{
	char line[200];
	long value, kib = 0;
	FILE *file;

	drain_lru();
	if (!write_file("/proc/sys/vm/drop_caches", "3"))
		return -1;
	file = fopen("/proc/zoneinfo", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %ld", &value) == 1 ||
		    sscanf(line, " count: %ld", &value) == 1)
			kib += value * 4;
	if (file)
		fclose(file);
	return kib;
}

/* 16 MiB pinned in every way and released in every way, some dozens of times. */
static void pin_and_release(void)
{
	const size_t len = 16 << 20;
	struct pinscope_pin cmd = { .len = len, .gup_flags = PINSCOPE_FOLL_WRITE };
	unsigned int call, how;
	char *addr;
	pid_t pid;
	int fd;

	for (call = 0; call < PINSCOPE_CALL_PIN_MEMFD; call++) {
		for (how = 0; how < 4; how++) {
			pid = must_fork();
			if (pid) {
				waitpid(pid, NULL, 0);
				continue;
			}
			fd = open_ctl();
			addr = map(len, PROT_READ | PROT_WRITE, MAP_POPULATE);
			cmd.call = call;
			cmd.addr = pinscope_addr(addr);
			if (pinscope_pin_cmd(fd, &cmd))
				_exit(0);
			if (how == 0)
				pinscope_unpin(fd, cmd.id);
			else if (how == 1)
				pinscope_unpin_part(fd, cmd.id, page, len / 2, 0, NULL);
			else if (how == 2)
				close(fd);
			munmap(addr, len);
			_exit(0);
		}
	}
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

static void test_memory_lost(void)
{
	long before, after;
	int i;

	stress_and_exit();
	pin_and_release();
	before = free_kib();
	for (i = 0; i < 3; i++)
		stress_and_exit();
	after = free_kib();
	printf("# free before stress: %ld KiB, after: %ld KiB\n", before, after);
	/* What is pinned at a time, and so could be lost, is some megabytes. */
	expect(before - after < 1 << 10, "%ld KiB lost", before - after);

	before = free_kib();
	pin_and_release();
	after = free_kib();
	printf("# free before: %ld KiB, after: %ld KiB\n", before, after);
	/* One page a pin that is lost would be this. */
	expect(before - after < 160, "%ld KiB lost", before - after);
}

const struct test stress_tests[] = {
	{ "stress: changing memory", test_changing_memory },
	{ "stress: changing targets", test_changing_targets },
	{ "stress: killed", test_killed },
	{ "stress: no memory lost", test_memory_lost },
	{}
};
