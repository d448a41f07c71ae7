// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULT: what handle_mm_fault() returns and does; and the mappings of `map`,
 * which only a driver can make.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "abi.h"

#define PRESENT		PINSCOPE_STATE_PRESENT
#define WRITABLE	PINSCOPE_STATE_WRITABLE
#define DIRTY		PINSCOPE_STATE_DIRTY
#define ANON		PINSCOPE_STATE_ANON
#define EXCLUSIVE	PINSCOPE_STATE_EXCLUSIVE
#define ZERO		PINSCOPE_STATE_ZEROPAGE
#define SPECIAL		PINSCOPE_STATE_SPECIAL
#define PAGE		PINSCOPE_STATE_HAS_FOLIO

/* Runs a fault on one page and expects such a result. */
static struct pinscope_fault fault(int fd, const void *addr, uint64_t flags,
				   uint32_t want, const char *what)
{
	struct pinscope_fault out;
	char names[NAMES_MAX];
	int ret = pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page, flags, NULL,
				 &out);

	expect(!ret && out.pages == 1, "%s: %s, %llu pages", what,
	       pinscope_errno(ret), out.pages);
	/* What a file system or do_wp_page() said to mm may stay in the result. */
	expect((out.results_or & ~(PINSCOPE_VM_FAULT_LOCKED |
				   PINSCOPE_VM_FAULT_WRITE)) == want,
	       "%s: result %s", what,
	       pinscope_names(pinscope_vm_fault_names, out.results_or, names,
			      sizeof(names)));
	return out;
}

/* The series that this is about: does UNSHARE work for the shared zeropage? */
static bool has_fix(int fd)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	bool fixed;

	madvise(addr, page, MADV_NOHUGEPAGE);
	fault(fd, addr, 0, 0, "read");
	fault(fd, addr, PINSCOPE_FAULT_UNSHARE, 0, "unshare");
	fixed = state_of(fd, addr).state & ANON;
	munmap(addr, page);
	return fixed;
}

static void test_basic(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	struct pinscope_page before, after;
	int fd = open_ctl();
	pid_t child;

	madvise(addr, page, MADV_NOHUGEPAGE);
	fault(fd, addr, 0, 0, "read");
	expect_state(fd, addr, PRESENT | ZERO, WRITABLE | ANON, "read");
	fault(fd, addr, PINSCOPE_FAULT_WRITE, 0, "write");
	expect_state(fd, addr, ANON | EXCLUSIVE | WRITABLE | DIRTY, ZERO,
		     "write");
	addr[0] = 'p';
	before = state_of(fd, addr);
	fault(fd, addr, PINSCOPE_FAULT_UNSHARE, 0, "unshare of an exclusive page");
	expect(state_of(fd, addr).pfn == before.pfn, "copied for no reason");

	child = child_start();
	if (!child)
		child_wait();
	expect_state(fd, addr, ANON, EXCLUSIVE | WRITABLE, "after fork");
	fault(fd, addr, PINSCOPE_FAULT_UNSHARE, 0, "unshare of a shared page");
	expect_state(fd, addr, ANON | EXCLUSIVE, WRITABLE, "unshared");
	after = state_of(fd, addr);
	expect(after.pfn != before.pfn && addr[0] == 'p', "not a copy");
	fault(fd, addr, PINSCOPE_FAULT_UNSHARE, 0, "unshare again");
	expect(state_of(fd, addr).pfn == after.pfn, "copied again");
	fault(fd, addr, PINSCOPE_FAULT_WRITE, 0, "write after unshare");
	expect(state_of(fd, addr).pfn == after.pfn, "copied by the write");
	expect_state(fd, addr, ANON | EXCLUSIVE | WRITABLE, 0, "written");
	child_end(child);
}

static void test_results(void)
{
	const size_t len = 4 * page;
	int memfd = memfd_create("abi-test", MFD_CLOEXEC), fd = open_ctl(), i;
	uint32_t results[4] = { 77, 77, 77, 77 };
	struct pinscope_fault out;
	char *addr;

	need(memfd >= 0 && !ftruncate(memfd, 2 * page), "memfd: %s",
	     pinscope_errno(errno));
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	need(addr != MAP_FAILED, "mmap: %s", pinscope_errno(errno));
	expect_ret(pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), len, 0, results, &out),
		   0, "beyond the end of a file");
	for (i = 0; i < 4; i++)
		expect(!(results[i] & PINSCOPE_VM_FAULT_SIGBUS) == (i < 2),
		       "page %d: 0x%x", i, results[i]);
	expect(out.pages == 4 && out.results_or & PINSCOPE_VM_FAULT_SIGBUS,
	       "%llu pages", out.pages);
	munmap(addr, len);

	/* A hole in the range: what is before it is done, and told. */
	addr = map(len, PROT_READ | PROT_WRITE, 0);
	munmap(addr + 2 * page, page);
	results[1] = 77;
	results[2] = 77;
	expect_ret(pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), len,
				  PINSCOPE_FAULT_WRITE, results, &out), 0, "hole");
	expect(out.pages == 2 && !results[1] && results[2] == 77,
	       "%llu pages, results 0x%x 0x%x", out.pages, results[1],
	       results[2]);
	expect_state(fd, addr + page, ANON | WRITABLE, 0, "before the hole");
	expect_state(fd, addr + 3 * page, 0, PRESENT, "behind the hole");

	addr[0] = 's';
	if (madvise(addr, page, MADV_PAGEOUT) ||
	    !(state_of(fd, addr).state & PINSCOPE_STATE_SWAP))
		tap_skip("nothing is swapped out: is there swap?");
	pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page, 0, NULL, &out);
	expect_state(fd, addr, ANON | EXCLUSIVE, 0, "swapped in");
	expect(addr[0] == 's', "swapped in: content");
	munmap(addr, len);
}

static void test_major(void)
{
	char name[] = "/var/tmp/abi-test-XXXXXX", *addr;
	int file = mkstemp(name), fd = open_ctl();

	need(file >= 0 && write(file, "m", 1) == 1 && !fsync(file), "%s: %s",
	     name, pinscope_errno(errno));
	unlink(name);
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	addr = mmap(NULL, page, PROT_READ, MAP_SHARED, file, 0);
	fault(fd, addr, 0, PINSCOPE_VM_FAULT_MAJOR, "not in the page cache");
	fault(fd, addr, 0, 0, "in the page cache");
	expect(addr[0] == 'm', "content");
	close(file);
}

/* WRITE where mm would warn of it; the guest panics if it gets there. */
static void test_permissions(void)
{
	char name[] = "/tmp/abi-test-XXXXXX", *addr;
	const uint64_t write = PINSCOPE_FAULT_WRITE;
	int file = mkstemp(name), readonly = open(name, O_RDONLY | O_CLOEXEC);
	int fd = open_ctl();

	need(file >= 0 && readonly >= 0 && !ftruncate(file, page), "%s: %s",
	     name, pinscope_errno(errno));
	unlink(name);
	addr = mmap(NULL, page, PROT_READ, MAP_SHARED, readonly, 0);
	expect_ret(pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page, write, NULL,
				  NULL), -EACCES, "without VM_MAYWRITE");
	addr = mmap(NULL, page, PROT_READ, MAP_SHARED, file, 0);
	expect_ret(pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page, write, NULL,
				  NULL), -EACCES, "without VM_WRITE, not COW");
	fault(fd, addr, 0, 0, "read");
	fault(fd, addr, PINSCOPE_FAULT_UNSHARE, 0, "unshare of a shared mapping");
	expect_state(fd, addr, PRESENT, ANON | WRITABLE, "is a read fault");
	addr = mmap(NULL, page, PROT_READ, MAP_PRIVATE, readonly, 0);
	fault(fd, addr, write, 0, "without VM_WRITE, but COW");
	expect_state(fd, addr, ANON | EXCLUSIVE, WRITABLE, "a copy");
	addr = mmap(NULL, 2 << 20, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	need(addr != MAP_FAILED, "hugetlb: %s", pinscope_errno(errno));
	expect_ret(pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page, write, NULL,
				  NULL), -EACCES, "hugetlb without VM_WRITE");
	close(file);
	close(readonly);
}

/* With allow_warn=1, which needs a guest that does not panic, WARN is wanted. */
static void test_allow_warn(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	FILE *param = fopen("/sys/module/pinscope/parameters/allow_warn", "re");
	int fd = open_ctl(), ret;
	struct pinscope_fault out;

	need(param, "%s", pinscope_errno(errno));
	ret = pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page,
			     PINSCOPE_FAULT_UNSHARE | PINSCOPE_FAULT_WRITE, NULL, &out);
	if (fgetc(param) == 'Y')
		expect(!ret && out.results_or & PINSCOPE_VM_FAULT_SIGSEGV,
		       "%s, 0x%x", pinscope_errno(ret), out.results_or);
	else
		expect_ret(ret, -EINVAL, "UNSHARE|WRITE");
	fclose(param);
}

static void test_every_flag(void)
{
	static const char *const kinds[] = {
		"anon", "zeropage", "memfd", "memfd-shared", "anon-thp",
		"huge-zeropage", "hugetlb[2M]", "ext4",
	};
	int fd = open_ctl(), ret;
	struct memory m;
	uint64_t flags;
	size_t k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		get_memory(&m, fd, kinds[k], true);
		for (flags = 0; flags < 1 << 10; flags++) {
			ret = pinscope_fault(fd, pinscope_self(), pinscope_addr(m.addr), page,
					     flags, NULL, NULL);
			expect(!ret || ret == -EINVAL, "%s, flags 0x%llx: %s",
			       kinds[k], (unsigned long long)flags,
			       pinscope_errno(ret));
			if (flags % 64 == 63)
				madvise(m.addr, page, MADV_DONTNEED);
		}
		memory_close(&m);
	}
}

/* --------------------------------------------- what waits for somebody else */

static int uffd_missing(char *addr, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = pinscope_addr(addr), .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	need(fd >= 0 && !ioctl(fd, UFFDIO_API, &api) &&
	     !ioctl(fd, UFFDIO_REGISTER, &reg), "userfaultfd: %s",
	     pinscope_errno(errno));
	return fd;
}

/* Gives a zeropage to everyone who asks; ends when the process does. */
static void *uffd_handler(void *arg)
{
	int fd = *(int *)arg;
	struct uffd_msg msg;

	while (read(fd, &msg, sizeof(msg)) == sizeof(msg)) {
		struct uffdio_zeropage zero = {
			.range = { .start = msg.arg.pagefault.address & -page,
				   .len = page },
		};

		ioctl(fd, UFFDIO_ZEROPAGE, &zero);
	}
	return NULL;
}

static void test_retry(void)
{
	const uint64_t retry = PINSCOPE_FAULT_ALLOW_RETRY;
	char *addr = map(8 * page, PROT_READ | PROT_WRITE, 0);
	int fd = open_ctl(), uffd = uffd_missing(addr, 8 * page);
	struct pinscope_fault out;
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_REMOTE, .addr = pinscope_addr(addr + 4 * page),
		.len = 2 * page,
	};
	pthread_t thread;

	out = fault(fd, addr, 0, PINSCOPE_VM_FAULT_SIGBUS, "without ALLOW_RETRY");
	expect(!out.dropped, "the lock was dropped");
	out = fault(fd, addr, retry | PINSCOPE_FAULT_RETRY_NOWAIT,
		    PINSCOPE_VM_FAULT_RETRY, "RETRY_NOWAIT");
	expect(!out.dropped && !out.retries, "dropped %llu, retries %llu",
	       out.dropped, out.retries);
	need(!pthread_create(&thread, NULL, uffd_handler, &uffd), "thread");
	out = fault(fd, addr, retry | PINSCOPE_FAULT_KILLABLE, 0, "with a handler");
	expect(out.dropped == 1 && out.retries == 1, "dropped %llu, retries %llu",
	       out.dropped, out.retries);
	expect_state(fd, addr, PRESENT | ZERO, 0, "with a handler");
	/* GUP does the same, and tells it. */
	expect_ret(pinscope_pin_cmd(fd, &cmd), 0, "PIN remote");
	expect(cmd.lock == PINSCOPE_LOCK_DROPPED, "lock %u", cmd.lock);
}

struct waiter {
	int fd;
	char *addr;
	uint64_t flags;
	int ret;
};

static void *wait_in_fault(void *arg)
{
	struct waiter *w = arg;

	w->ret = pinscope_fault(w->fd, pinscope_self(), pinscope_addr(w->addr), page, w->flags,
				NULL, NULL);
	return NULL;
}

static void nothing(int sig)
{
	(void)sig;
}

/* Nobody handles this fault: a signal has to end it. */
static void test_interrupted(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	struct waiter w = {
		.fd = open_ctl(), .addr = addr,
		.flags = PINSCOPE_FAULT_ALLOW_RETRY |
			 PINSCOPE_FAULT_INTERRUPTIBLE | PINSCOPE_FAULT_KILLABLE,
	};
	int uffd = uffd_missing(addr, page), status;
	struct uffd_msg msg;
	pthread_t thread;
	pid_t child;

	signal(SIGUSR1, nothing);
	need(!pthread_create(&thread, NULL, wait_in_fault, &w), "thread");
	need(read(uffd, &msg, sizeof(msg)) == sizeof(msg), "no event");
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	expect_ret(w.ret, -EINTR, "INTERRUPTIBLE and a signal");

	child = must_fork();
	if (!child) {
		/* Not inherited, so one of its own. */
		uffd_missing(addr, page);
		/* Killable unasked: it is the caller's own uffd. */
		w.flags = PINSCOPE_FAULT_ALLOW_RETRY;
		wait_in_fault(&w);
		_exit(0);
	}
	usleep(300000);		/* or it is killed before: no harm */
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	       "status 0x%x", status);
}

/* ------------------------------------------------------------------- map */

static struct pinscope_map_counts counts_of(int fd)
{
	struct pinscope_map_counts counts;
	int ret = pinscope_map_counts(fd, &counts);

	need(!ret, "MAP_COUNTS: %s", pinscope_errno(ret));
	return counts;
}

/* What takes a kernel with transparent huge pages is not there without. */
static bool has_map(unsigned int kind)
{
	struct pinscope_info info;
	int fd = open_ctl();

	need(!pinscope_info(fd, &info), "INFO");
	close(fd);
	return info.maps >> kind & 1;
}

static char *get_map(int *fd, unsigned int kind, size_t len, int flags)
{
	void *addr;
	int ret;

	*fd = pinscope_open_map();
	need(*fd >= 0, "open map: %s", pinscope_errno(*fd));
	ret = pinscope_map(*fd, kind, len, PROT_READ | PROT_WRITE, flags, &addr);
	need(!ret, "mmap %s: %s", pinscope_name(pinscope_map_names, kind), pinscope_errno(ret));
	if (len < PINSCOPE_MAP_SIZE || !(pinscope_addr(addr) & (len - 1)))
		return addr;
	/* A 32-bit process has to align what is for a PMD by itself. */
	munmap(addr, len);
	addr = map(2 * len, PROT_NONE, 0);
	addr = (char *)addr + (-pinscope_addr(addr) & (len - 1));
	need(mmap(addr, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED, *fd,
		  PINSCOPE_MAP_OFFSET(kind)) != MAP_FAILED, "mmap: %s",
	     pinscope_errno(errno));
	return addr;
}

/* What each of them is, read and written, and who is called for that. */
static const struct {
	unsigned int map;
	int flags;
	uint64_t read_has, read_hasnt;
	uint64_t fault;				/* calls for a read */
	uint64_t page_mkwrite, pfn_mkwrite;	/* calls for the first write */
} maps[] = {
	{ PINSCOPE_MAP_PFNMAP, MAP_SHARED, SPECIAL, PAGE | WRITABLE,
	  1, 0, 1 },
	{ PINSCOPE_MAP_PFNMAP, MAP_PRIVATE, SPECIAL, PAGE | WRITABLE,
	  0, 0, 0 },
	{ PINSCOPE_MAP_MIXED_PFN, MAP_SHARED, SPECIAL, PAGE | WRITABLE,
	  1, 0, 1 },
	{ PINSCOPE_MAP_MIXED_PFN, MAP_PRIVATE, SPECIAL, PAGE | WRITABLE,
	  1, 0, 0 },
	{ PINSCOPE_MAP_MIXED_PAGE, MAP_SHARED, PAGE, SPECIAL | ANON | WRITABLE,
	  1, 1, 0 },
	{ PINSCOPE_MAP_MIXED_PAGE, MAP_PRIVATE, PAGE, SPECIAL | ANON | WRITABLE,
	  1, 0, 0 },
	/* Too small for its PMD: as the ones above. */
	{ PINSCOPE_MAP_PMD, MAP_SHARED, SPECIAL, PAGE | WRITABLE, 1, 0, 1 },
	{ PINSCOPE_MAP_PMD, MAP_PRIVATE, SPECIAL, PAGE | WRITABLE, 1, 0, 0 },
};

static void test_maps(void)
{
	struct pinscope_map_counts was, is;
	char what[64], *addr;
	int fd, again;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		bool shared = maps[i].flags == MAP_SHARED;

		if (!has_map(maps[i].map))
			continue;
		snprintf(what, sizeof(what), "%s %s",
			 shared ? "shared" : "private",
			 pinscope_name(pinscope_map_names, maps[i].map));
		addr = get_map(&fd, maps[i].map, 8 * page, maps[i].flags);
		expect(addr[3 * page] == 4 && addr[3 * page + 4095] == 4,
		       "%s: has %d", what, addr[3 * page]);
		is = counts_of(fd);
		/*
		 * A huge page that does not fit is for the driver to refuse,
		 * if there is no page table yet: depends on the neighbours.
		 */
		expect(is.fault == maps[i].fault &&
		       (!is.huge_fault || maps[i].map == PINSCOPE_MAP_PMD) &&
		       !is.page_mkwrite && !is.pfn_mkwrite, "%s: calls: %llu, %llu, %llu, %llu",
		       what, is.fault, is.huge_fault, is.page_mkwrite,
		       is.pfn_mkwrite);
		expect_state(fd, addr + 3 * page, PRESENT | maps[i].read_has,
			     maps[i].read_hasnt, what);

		was = is;
		addr[3 * page] = 'w';
		is = counts_of(fd);
		expect(is.page_mkwrite - was.page_mkwrite == maps[i].page_mkwrite &&
		       is.pfn_mkwrite - was.pfn_mkwrite == maps[i].pfn_mkwrite,
		       "%s: page_mkwrite %llu, pfn_mkwrite %llu", what,
		       is.page_mkwrite, is.pfn_mkwrite);
		expect_state(fd, addr + 3 * page, PRESENT | WRITABLE |
			     (shared ? maps[i].read_has : ANON | EXCLUSIVE), 0,
			     what);
		munmap(addr, 8 * page);
		/* The memory stays with the file, and private copies do not. */
		again = pinscope_map(fd, maps[i].map, 8 * page, PROT_READ,
				     maps[i].flags, (void **)&addr);
		expect(!again && addr[3 * page] == (shared ? 'w' : 4) &&
		       addr[3 * page + 1] == 4, "%s: again: %s", what,
		       pinscope_errno(again));
		munmap(addr, 8 * page);
		close(fd);
	}
}

/* Populates @addr by a read; is it mapped by a PMD, as it should be? */
static bool got_pmd(int fd, char *addr, const char *what)
{
	struct pinscope_map_counts counts;

	expect(addr[3 * page] == 4, "%s: has %d", what, addr[3 * page]);
	counts = counts_of(fd);
	if (!counts.huge_fault) {
		/* Until 6.7, that was for DAX only. */
		expect(!has_fix(fd) && state_of(fd, addr + 3 * page).map_shift == 12,
		       "%s: huge_fault is not called", what);
		return false;
	}
	expect(counts.huge_fault == 1 && !counts.fault,
	       "%s: huge_fault %llu, fault %llu", what, counts.huge_fault,
	       counts.fault);
	expect(state_of(fd, addr).map_shift == 21, "%s: shift %u", what,
	       state_of(fd, addr).map_shift);
	return true;
}

static void test_map_pmd(void)
{
	struct pinscope_map_counts was, is;
	void *shared;
	char *addr;
	int fd;

	if (!has_map(PINSCOPE_MAP_PMD))
		tap_skip("the kernel is built without transparent huge pages");
	addr = get_map(&fd, PINSCOPE_MAP_PMD, PINSCOPE_MAP_SIZE, MAP_SHARED);
	if (got_pmd(fd, addr, "shared")) {
		expect_state(fd, addr, PRESENT, WRITABLE, "read");
		was = counts_of(fd);
		addr[0] = 'w';
		is = counts_of(fd);
		expect(is.huge_fault > was.huge_fault,
		       "not called for a shared write");
		expect_state(fd, addr, PRESENT | WRITABLE, 0, "written");
		expect(state_of(fd, addr).map_shift == 21, "split");
	}
	munmap(addr, PINSCOPE_MAP_SIZE);
	close(fd);

	/* A private mapping's write or unshare is nothing for the driver. */
	addr = get_map(&fd, PINSCOPE_MAP_PMD, PINSCOPE_MAP_SIZE, MAP_PRIVATE);
	if (got_pmd(fd, addr, "private")) {
		was = counts_of(fd);
		fault(fd, addr + 5 * page, PINSCOPE_FAULT_UNSHARE,
		      PINSCOPE_VM_FAULT_NOPAGE, "unshare");
		is = counts_of(fd);
		/* The PMD is split, which empties it; then it is a read fault. */
		expect(is.huge_fault == was.huge_fault && is.fault == was.fault + 1,
		       "unshare: huge_fault %llu and %llu, fault %llu and %llu",
		       was.huge_fault, is.huge_fault, was.fault, is.fault);
		fault(fd, addr + 5 * page, PINSCOPE_FAULT_UNSHARE, 0, "again");
		expect_state(fd, addr + 5 * page, ANON | EXCLUSIVE, WRITABLE,
			     "unshared");
		addr[6 * page] = 'w';
		expect_state(fd, addr + 6 * page, ANON | EXCLUSIVE | WRITABLE,
			     0, "written");
		expect(addr[5 * page] == 6 && addr[6 * page + 1] == 7,
		       "has %d and %d", addr[5 * page], addr[6 * page + 1]);
		is = counts_of(fd);
		expect(is.huge_fault == was.huge_fault, "huge_fault %llu, %llu",
		       was.huge_fault, is.huge_fault);
	}
	munmap(addr, PINSCOPE_MAP_SIZE);
	close(fd);

	/* Nor is its first write one to what others see. */
	addr = get_map(&fd, PINSCOPE_MAP_PMD, PINSCOPE_MAP_SIZE, MAP_PRIVATE);
	addr[7 * page] = 'w';
	expect_state(fd, addr + 7 * page, ANON | EXCLUSIVE | WRITABLE, SPECIAL,
		     "written first");
	munmap(addr, PINSCOPE_MAP_SIZE);
	expect(!pinscope_map(fd, PINSCOPE_MAP_PMD, 8 * page, PROT_READ, MAP_SHARED,
			     &shared) && ((char *)shared)[7 * page] == 8,
	       "a private write went to the file's memory");
	munmap(shared, 8 * page);
	close(fd);
}

/* Only where the fix is; elsewhere it is a read fault, which finds all well. */
static void test_map_unshare(void)
{
	bool fixed = has_fix(open_ctl());
	struct pinscope_page before, after;
	char *addr;
	int fd;
	unsigned int kind;

	for (kind = 0; kind < PINSCOPE_MAP_PMD; kind++) {
		addr = get_map(&fd, kind, 4 * page, MAP_PRIVATE);
		expect(addr[page] == 2, "has %d", addr[page]);
		before = state_of(fd, addr + page);
		fault(fd, addr + page, PINSCOPE_FAULT_UNSHARE, 0,
		      pinscope_name(pinscope_map_names, kind));
		after = state_of(fd, addr + page);
		if (fixed)
			expect((after.state & (ANON | EXCLUSIVE | WRITABLE)) ==
			       (ANON | EXCLUSIVE) && after.pfn != before.pfn,
			       "%s: state 0x%llx", pinscope_name(pinscope_map_names, kind),
			       after.state);
		else
			expect(after.pfn == before.pfn, "%s: copied",
			       pinscope_name(pinscope_map_names, kind));
		expect(addr[page] == 2, "has %d", addr[page]);
		munmap(addr, 4 * page);
		close(fd);
	}
}

/* Which of them can be pinned; and such a pin outlives mapping and file. */
static void test_map_pin(void)
{
	int ctl = open_ctl(), fd, ret;
	char *addr, byte;
	unsigned int i;
	uint32_t id;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		bool pages = maps[i].map == PINSCOPE_MAP_MIXED_PAGE;

		if (!has_map(maps[i].map))
			continue;
		addr = get_map(&fd, maps[i].map, 4 * page, maps[i].flags);
		(void)*(volatile char *)addr;
		ret = pinscope_pin(ctl, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM,
				   addr, page, &id);
		/* Without a page there is nothing to unshare for GUP either. */
		expect(pages ? !ret : ret == -EFAULT || ret == -EEXIST,
		       "%s, flags %d: %s", pinscope_name(pinscope_map_names, maps[i].map),
		       maps[i].flags, pinscope_errno(ret));
		munmap(addr, 4 * page);
		close(fd);
		if (ret)
			continue;
		expect_ret(pinscope_read(ctl, id, 0, &byte, 1), 0, "READ");
		expect(byte == 1, "has %d", byte);
		expect_ret(pinscope_unpin(ctl, id), 0, "UNPIN");
	}
}

/* What mm would copy through the page tables of the wrong process, or none. */
static void test_map_copy(void)
{
	static const unsigned int kinds[] = {
		PINSCOPE_MAP_PFNMAP, PINSCOPE_MAP_MIXED_PFN,
	};
	const uint64_t write = PINSCOPE_FAULT_WRITE;
	struct pinscope_pin cmd;
	int ctl = open_ctl(), fd;
	unsigned int i;
	pid_t child;
	char *addr;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		addr = get_map(&fd, kinds[i], 4 * page, MAP_PRIVATE);
		(void)*(volatile char *)addr;
		child = child_start();
		if (!child)
			child_wait();
		munmap(addr, 4 * page);
		expect_ret(pinscope_fault(ctl, pinscope_pid(child), pinscope_addr(addr), page,
					  write | PINSCOPE_FAULT_REMOTE, NULL, NULL),
			   -EACCES, "FAULT of another's");
		cmd = (struct pinscope_pin) {
			.call = PINSCOPE_CALL_PIN_REMOTE, .gup_flags = PINSCOPE_FOLL_WRITE,
			.addr = pinscope_addr(addr), .len = page,
			.target_type = PINSCOPE_TARGET_PID, .target_nr = child,
		};
		expect_ret(pinscope_pin_cmd(ctl, &cmd), -EFAULT, "PIN of another's");
		child_end(child);
		close(fd);

		addr = get_map(&fd, kinds[i], 4 * page, MAP_PRIVATE);
		(void)*(volatile char *)addr;
		mprotect(addr, 4 * page, PROT_NONE);
		expect_ret(pinscope_fault(ctl, pinscope_self(), pinscope_addr(addr), page, write,
					  NULL, NULL), -EACCES, "FAULT, no access");
		cmd = (struct pinscope_pin) {
			.call = PINSCOPE_CALL_PIN, .addr = pinscope_addr(addr),
			.gup_flags = PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_FORCE,
			.len = page,
		};
		expect_ret(pinscope_pin_cmd(ctl, &cmd), -EFAULT, "FORCE, no access");
		munmap(addr, 4 * page);
		close(fd);
	}
}

const struct test fault_tests[] = {
	{ "FAULT: read, write, unshare", test_basic },
	{ "FAULT: results", test_results },
	{ "FAULT: major", test_major },
	{ "FAULT: WRITE without permission", test_permissions },
	{ "FAULT: allow_warn", test_allow_warn },
	{ "FAULT: every combination of flags", test_every_flag },
	{ "FAULT: retry", test_retry },
	{ "FAULT: interrupted and killed", test_interrupted },
	{ "map: content, states and calls", test_maps },
	{ "map: PMD", test_map_pmd },
	{ "map: unshare", test_map_unshare },
	{ "map: pin", test_map_pin },
	{ "map: copies", test_map_copy },
	{}
};
