// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of events, which is at the end: what mm does to memory while a pin is held.
 *
 * Most of them may not take the pinned page away from the process: reclaim, migration, split
 * and collapse leave a pinned page alone, and what moves or protects entries carries it
 * over. Whether mm refuses the event or does it without harm is up to mm, so their return
 * values are not looked at. What does take it away, since the process asks for that, leaves
 * the pinned page to its holder.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "make.h"
#include "sys.h"

/* Of a processor, for a call that takes some ms at most. */
#define MOVE_MS		300

/* And to get that. */
#define MOVE_WAIT_MS	10000

/* For ksmd to merge what is equal. */
#define MERGE_MS	10000

#define NODE1	"/sys/devices/system/node/node1"

/* Bytes of the mapping from the page under test on that its entry maps. */
static size_t entry_size(struct fixture *f)
{
	struct pinscope_page page = fixture_page(f);
	size_t size = page.map_shift ? 1UL << page.map_shift : sys_page_size();

	return size <= f->len && !((uintptr_t)f->addr & (size - 1)) ? size : sys_page_size();
}

static void protect(struct fixture *f, char *addr, size_t len)
{
	if (!mprotect(addr, len, PROT_NONE))
		mprotect(addr, len, f->readonly ? PROT_READ : PROT_READ | PROT_WRITE);
}

static enum verdict by_mprotect(struct fixture *f)
{
	protect(f, f->addr, entry_size(f));
	return VERDICT_PASS;
}

static enum verdict by_mremap(struct fixture *f)
{
	size_t len = entry_size(f);
	char *room = mmap(NULL, 2 * len, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *to = room + (-(uintptr_t)room & (len - 1));

	if (room == MAP_FAILED)
		return VERDICT_PASS;
	if (mremap(f->addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to &&
	    mremap(to, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, f->addr) != f->addr) {
		fixture_fails(f, "mremap: the memory cannot be moved back");
		return VERDICT_FAIL;
	}
	munmap(room, 2 * len);
	return VERDICT_PASS;
}

static enum verdict by_pageout(struct fixture *f)
{
	madvise(f->addr, entry_size(f), MADV_PAGEOUT);
	return VERDICT_PASS;
}

/* Without the pin, reclaim drops what the process has given up. */
static enum verdict by_free(struct fixture *f)
{
	madvise(f->addr, entry_size(f), MADV_FREE);
	return by_pageout(f);
}

static enum verdict by_move(struct fixture *f)
{
	void *addr = f->addr;
	int node = 0, status = 0;

	if (access(NODE1, F_OK)) {
		fixture_fails(f, "one NUMA node: boot with numa=fake=2");
		return VERDICT_SKIP;
	}
	/* Where it is now, and from there to the other one. */
	syscall(SYS_move_pages, 0, 1UL, &addr, NULL, &status, 0);
	node = !status;
	syscall(SYS_move_pages, 0, 1UL, &addr, &node, &status, MPOL_MF_MOVE_ALL);
	return VERDICT_PASS;
}

/* The PMD by a change of the next page's protection, then the folio. */
static enum verdict by_split(struct fixture *f)
{
	size_t page = sys_page_size();
	char text[80];

	if (entry_size(f) >= 2 * page)
		protect(f, f->addr + page, page);
	snprintf(text, sizeof(text), "%d,%p,%p", getpid(), (void *)f->addr,
		 (void *)(f->addr + page));
	sys_write_file("/sys/kernel/debug/split_huge_pages", text);
	return VERDICT_PASS;
}

static enum verdict by_collapse(struct fixture *f)
{
	size_t thp = sys_thp_size();

	madvise((void *)((uintptr_t)f->addr & -thp), thp, MADV_COLLAPSE);
	return VERDICT_PASS;
}

/* UFFDIO_MOVE by a process of its own, which shares the memory and can be killed. */
struct mover {
	int fd;
	struct uffdio_move move;
	char stack[16384] __attribute__((aligned(16)));
};

static int move_by_uffd(void *arg)
{
	struct mover *mover = arg;

	return ioctl(mover->fd, UFFDIO_MOVE, &mover->move) != 0;
}

/* Does it end, whether mm refuses to move or not? */
static bool mover_ends(struct mover *mover)
{
	struct pollfd ended = { .events = POLLIN };
	bool ends = false, loops = false;
	struct timespec ran = {};
	clockid_t clock;
	pid_t pid;
	int ms;

	pid = clone(move_by_uffd, mover->stack + sizeof(mover->stack), CLONE_VM | SIGCHLD,
		    mover);
	if (pid < 0)
		return true;
	ended.fd = syscall(SYS_pidfd_open, pid, 0);
	for (ms = 0; ms < MOVE_WAIT_MS && !ends && !loops; ms += MOVE_MS) {
		ends = ended.fd < 0 || poll(&ended, 1, MOVE_MS) == 1;
		loops = !clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &ran) &&
			(ran.tv_sec || ran.tv_nsec / 1000000 >= MOVE_MS);
	}
	if (!ends)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (ended.fd >= 0)
		close(ended.fd);
	return ends;
}

/* A fault handler takes the page for other memory of the process. */
static enum verdict by_uffd_move(struct fixture *f)
{
	static struct mover mover;
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MOVE };
	size_t len = entry_size(f);
	char *room = mmap(NULL, 2 * len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *to = room + (-(uintptr_t)room & (len - 1));
	struct uffdio_register dst = {
		.range = { (uintptr_t)to, len }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	enum verdict verdict = VERDICT_PASS;

	if (room == MAP_FAILED)
		return VERDICT_PASS;
	mover.fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	mover.move = (struct uffdio_move) {
		.dst = (uintptr_t)to, .src = (uintptr_t)f->addr, .len = len,
	};
	if (mover.fd >= 0 && !ioctl(mover.fd, UFFDIO_API, &api) &&
	    !ioctl(mover.fd, UFFDIO_REGISTER, &dst) && !mover_ends(&mover)) {
		fixture_fails(f,
			      "UFFDIO_MOVE does not return: it was killed when it had run for %d ms, or waited for %d",
			      MOVE_MS, MOVE_WAIT_MS);
		verdict = VERDICT_FAIL;
	}
	munmap(room, 2 * len);
	if (mover.fd >= 0)
		close(mover.fd);
	return verdict;
}

static enum verdict by_writeback(struct fixture *f)
{
	fsync(f->m.fd);
	return VERDICT_PASS;
}

static enum verdict by_mlock(struct fixture *f)
{
	size_t len = entry_size(f);

	if (!mlock(f->addr, len))
		munlock(f->addr, len);
	return VERDICT_PASS;
}

/* Two pages beside it have its content: when those are merged, it would have been, too. */
static enum verdict by_merge(struct fixture *f)
{
	size_t page = sys_page_size();
	char *twins = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	struct pinscope_page twin = {};
	long scans = 0, end = sys_now_ms() + MERGE_MS;
	bool merged = false;

	if (twins == MAP_FAILED)
		return VERDICT_NONE;
	memcpy(twins, f->addr, page);
	memcpy(twins + page, f->addr, page);
	madvise(f->addr, page, MADV_MERGEABLE);
	madvise(twins, 2 * page, MADV_MERGEABLE);
	sys_write_file(SYS_KSM_DIR "sleep_millisecs", "0");
	sys_write_file(SYS_KSM_DIR "run", "1");
	while (!merged && sys_now_ms() < end) {
		pinscope_page(f->fd, twins, &twin);
		if (!(twin.state & PINSCOPE_STATE_KSM))
			scans = sys_read_number(SYS_KSM_DIR "full_scans");
		else
			merged = sys_read_number(SYS_KSM_DIR "full_scans") > scans + 1;
		sys_sleep_ms(1);
	}
	sys_write_file(SYS_KSM_DIR "run", "0");
	madvise(f->addr, page, MADV_UNMERGEABLE);
	munmap(twins, 2 * page);
	if (merged)
		return VERDICT_PASS;
	fixture_fails(f, "ksmd did not merge two equal pages in %d ms: try again with --jobs 1",
		      MERGE_MS);
	return VERDICT_SKIP;
}

/* A pinned page stays in use. */
static enum verdict by_soft_offline(struct fixture *f)
{
	madvise(f->addr, sys_page_size(), MADV_SOFT_OFFLINE);
	return VERDICT_PASS;
}

static enum verdict by_compaction(struct fixture *f)
{
	int ret = sys_write_file("/proc/sys/vm/compact_memory", "1");

	if (!ret)
		return VERDICT_PASS;
	fixture_fails(f, "compact_memory: %s: the kernel needs CONFIG_COMPACTION",
		      pinscope_errno(ret));
	return VERDICT_SKIP;
}

/* What is dirty in the page cache is not scanned. */
static enum verdict by_numa_hint(struct fixture *f)
{
	if (f->m.fd >= 0)
		fsync(f->m.fd);
	return node_scan(f) ? VERDICT_SKIP : VERDICT_PASS;
}

/*
 * What happens to the second page of a large folio of a file. The first is the page under
 * test; where a write to it made it dirty, writeback comes before, so that the folio is clean.
 */
static enum verdict by_punch_beside(struct fixture *f)
{
	size_t page = sys_page_size();

	fsync(f->m.fd);
	return fallocate(f->m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page, page) ?
	       VERDICT_NONE : VERDICT_PASS;
}

static enum verdict by_truncate_beside(struct fixture *f)
{
	fsync(f->m.fd);
	return ftruncate(f->m.fd, sys_page_size()) ||
	       ftruncate(f->m.fd, 2 * f->scenario.kind->folio_size) ?
	       VERDICT_NONE : VERDICT_PASS;
}

static enum verdict by_direct_beside(struct fixture *f)
{
	size_t page = sys_page_size();
	int fd = sys_reopen(f->m.fd, O_WRONLY | O_DIRECT);
	enum verdict verdict = VERDICT_NONE;
	char *buffer;

	buffer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd >= 0 && buffer != MAP_FAILED && pwrite(fd, buffer, page, page) == (ssize_t)page)
		verdict = VERDICT_PASS;
	if (buffer != MAP_FAILED)
		munmap(buffer, page);
	if (fd >= 0)
		close(fd);
	return verdict;
}

/* Not of what is locked. */
static enum verdict by_dontneed(struct fixture *f)
{
	return madvise(f->addr, sys_page_size(), MADV_DONTNEED) ? VERDICT_NONE : VERDICT_PASS;
}

/* Not of what is sealed, and not by every file system. */
static enum verdict by_punch(struct fixture *f)
{
	return fallocate(f->m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 f->scenario.kind->len) ? VERDICT_NONE : VERDICT_PASS;
}

/* Not of what is sealed. */
static enum verdict by_truncate(struct fixture *f)
{
	return ftruncate(f->m.fd, 0) || ftruncate(f->m.fd, f->scenario.kind->len) ?
	       VERDICT_NONE : VERDICT_PASS;
}

const struct event events[] = {
	{ PROP_MPROTECT_AFTER, by_mprotect, EVENT_BEFORE_FORK },
	{ PROP_MREMAP_AFTER, by_mremap, EVENT_BEFORE_FORK },
	{ PROP_PAGEOUT_AFTER, by_pageout, EVENT_BEFORE_FORK },
	{ PROP_MOVE_AFTER, by_move, EVENT_BEFORE_FORK },
	{ PROP_UFFD_MOVE_AFTER, by_uffd_move, EVENT_BEFORE_FORK },
	{ PROP_FREE_AFTER, by_free, 0 },
	{ PROP_SPLIT_AFTER, by_split, 0 },
	{ PROP_COLLAPSE_AFTER, by_collapse, 0 },
	{ PROP_WRITEBACK_AFTER, by_writeback, 0 },
	{ PROP_MLOCK_AFTER, by_mlock, 0 },
	{ PROP_MERGE_AFTER, by_merge, 0 },
	{ PROP_SOFT_OFFLINE_AFTER, by_soft_offline, 0 },
	{ PROP_COMPACT_AFTER, by_compaction, 0 },
	{ PROP_NUMA_HINT_AFTER, by_numa_hint, 0 },
	{ PROP_PUNCH_BESIDE_AFTER, by_punch_beside, 0 },
	{ PROP_DIRECT_BESIDE_AFTER, by_direct_beside, 0 },
	{ PROP_TRUNCATE_BESIDE_AFTER, by_truncate_beside, 0 },
	{ PROP_DONTNEED_AFTER, by_dontneed, EVENT_TAKES_PRIVATE },
	{ PROP_PUNCH_AFTER, by_punch, EVENT_TAKES_SHARED },
	{ PROP_TRUNCATE_AFTER, by_truncate, EVENT_TAKES_PRIVATE | EVENT_TAKES_SHARED },
};

const size_t nr_events = ARRAY_SIZE(events);
