// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULT: what handle_mm_fault() returns and does; and the mappings of `map`,
 * which only a driver can make.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "abi.h"

#define PRESENT		PINSCOPE_STATE_PRESENT
#define WRITABLE	PINSCOPE_STATE_WRITABLE
#define DIRTY		PINSCOPE_STATE_DIRTY
#define ANON		PINSCOPE_STATE_ANON
#define EXCLUSIVE	PINSCOPE_STATE_EXCLUSIVE
#define ZEROPAGE	PINSCOPE_STATE_ZEROPAGE
#define SPECIAL		PINSCOPE_STATE_SPECIAL
#define HAS_FOLIO	PINSCOPE_STATE_HAS_FOLIO

/* What a file system or do_wp_page() said to mm may stay in the result. */
#define MAY_STAY	(PINSCOPE_VM_FAULT_LOCKED | PINSCOPE_VM_FAULT_WRITE)

/* A result that no fault returns: FAULT must leave it alone. */
#define NO_RESULT	77

/* Runs a fault on one page that returns just the bits of @want. */
#define fault(fd, addr, flags, want, ...)				\
	fault_at(TAP_HERE, fd, addr, flags, want, ": " __VA_ARGS__)
__attribute__((format(printf, 6, 7)))
static struct pinscope_fault fault_at(struct tap_place at, int fd,
				      const void *addr, uint64_t flags,
				      uint32_t want, const char *format, ...)
{
	struct pinscope_fault out = {};
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	tap_ret(at, "FAULT",
		pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page,
			       flags, NULL, &out), 0, "%s", what);
	tap_compare(at, "pages of FAULT", tap_value(out.pages), "==",
		    "1", tap_value(1), "%s", what);
	tap_bits(at, "results of FAULT", pinscope_vm_fault_names,
		 out.results_or, want, ~want & ~MAY_STAY, "%s", what);
	return out;
}

/* The errno of a fault on one page of the caller's. */
static int fault_ret(int fd, const void *addr, uint64_t flags)
{
	return pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page,
			      flags, NULL, NULL);
}

/* The series that this is about: does UNSHARE work for the shared zeropage? */
static bool has_fix(int fd)
{
	char *addr = map_anon(page, RW, 0);
	bool fixed;

	madvise(addr, page, MADV_NOHUGEPAGE);
	fault(fd, addr, 0, 0);
	fault(fd, addr, PINSCOPE_FAULT_UNSHARE, 0);
	fixed = state_of(fd, addr).state & ANON;
	munmap(addr, page);
	return fixed;
}

/* -------------------------------------------------------------- one fault */

static void test_basic(struct abi_fixture *f)
{
	const uint64_t unshare = PINSCOPE_FAULT_UNSHARE;
	uint64_t before, after;
	char *addr = f->mem;
	int fd = f->ctl;
	pid_t child;

	fault(fd, addr, 0, 0, "read");
	expect_state(fd, addr, PRESENT | ZEROPAGE, WRITABLE | ANON, "read");
	fault(fd, addr, PINSCOPE_FAULT_WRITE, 0, "write");
	expect_state(fd, addr, ANON | EXCLUSIVE | WRITABLE | DIRTY, ZEROPAGE,
		     "written");
	addr[0] = 'p';
	before = state_of(fd, addr).pfn;
	fault(fd, addr, unshare, 0, "unshare of an exclusive page");
	expect_eq(state_of(fd, addr).pfn, before, "the page stays");

	child = idle_child();
	expect_state(fd, addr, ANON, EXCLUSIVE | WRITABLE, "after fork");
	fault(fd, addr, unshare, 0, "unshare of a shared page");
	expect_state(fd, addr, ANON | EXCLUSIVE, WRITABLE, "unshared");
	after = state_of(fd, addr).pfn;
	expect_ne(after, before, "a copy");
	expect_eq(addr[0], 'p', "content of the copy");
	fault(fd, addr, unshare, 0, "unshare again");
	expect_eq(state_of(fd, addr).pfn, after, "the copy stays");
	fault(fd, addr, PINSCOPE_FAULT_WRITE, 0, "write after unshare");
	expect_eq(state_of(fd, addr).pfn, after, "the copy stays");
	expect_state(fd, addr, ANON | EXCLUSIVE | WRITABLE, 0, "written");
	child_end(child);
}

static void results_beyond_a_file(int fd)
{
	const uint32_t sigbus = PINSCOPE_VM_FAULT_SIGBUS;
	uint32_t results[4] = { NO_RESULT, NO_RESULT, NO_RESULT, NO_RESULT };
	int memfd = make_memfd(2 * page, 0);
	char *addr = map_file(4 * page, RW, MAP_SHARED, memfd);
	struct pinscope_fault out;
	int i;

	need_ok(pinscope_fault(fd, pinscope_self(), pinscope_addr(addr),
			       4 * page, 0, results, &out));
	for (i = 0; i < 4; i++)
		expect_bits(pinscope_vm_fault_names, results[i],
			    i < 2 ? 0 : sigbus, i < 2 ? sigbus : 0,
			    "page %d", i);
	expect_eq(out.pages, 4);
	expect_bits(pinscope_vm_fault_names, out.results_or, sigbus, 0);
	munmap(addr, 4 * page);
	close(memfd);
}

/* A hole in the range: what is before it is done, and told. */
static void results_before_a_hole(struct abi_fixture *f)
{
	uint32_t results[4] = { NO_RESULT, NO_RESULT, NO_RESULT, NO_RESULT };
	struct pinscope_fault out;

	munmap(f->mem + 2 * page, page);
	need_ok(pinscope_fault(f->ctl, pinscope_self(), pinscope_addr(f->mem),
			       f->len, PINSCOPE_FAULT_WRITE, results, &out));
	expect_eq(out.pages, 2);
	expect_eq(results[1], 0, "before the hole");
	expect_eq(results[2], NO_RESULT, "in the hole");
	expect_state(f->ctl, f->mem + page, ANON | WRITABLE, 0,
		     "before the hole");
	expect_state(f->ctl, f->mem + 3 * page, 0, PRESENT, "behind the hole");
}

static void test_results(struct abi_fixture *f)
{
	tap_context("beyond the end of a file");
	results_beyond_a_file(f->ctl);
	tap_context("hole");
	results_before_a_hole(f);
	tap_context("swapped out");
	f->mem[0] = 's';
	if (madvise(f->mem, page, MADV_PAGEOUT) ||
	    !(state_of(f->ctl, f->mem).state & PINSCOPE_STATE_SWAP))
		tap_skip("nothing is swapped out: is there swap?");
	/* Whether it is a major fault depends on the swap cache. */
	expect_ok(fault_ret(f->ctl, f->mem, 0));
	expect_state(f->ctl, f->mem, ANON | EXCLUSIVE, 0, "swapped in");
	expect_eq(f->mem[0], 's', "swapped in");
}

/* A page that was shared, is swapped in by a read, and is written to: is it still the same? */
static bool is_reused(struct abi_fixture *f, unsigned int wait_ms)
{
	pid_t pid;
	uint64_t pfn;

	f->mem[0] = 's';
	pid = fork();
	need_sys(pid >= 0);
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	if (madvise(f->mem, page, MADV_PAGEOUT) ||
	    !(state_of(f->ctl, f->mem).state & PINSCOPE_STATE_SWAP))
		tap_skip("nothing is swapped out: is there swap?");
	expect_eq(f->mem[0], 's', "swapped in");
	expect_state(f->ctl, f->mem, ANON, EXCLUSIVE | WRITABLE, "swapped in");
	pfn = state_of(f->ctl, f->mem).pfn;
	sys_sleep_ms(wait_ms);
	f->mem[0] = 'w';
	expect_state(f->ctl, f->mem, ANON | EXCLUSIVE | WRITABLE, 0, "written");
	return state_of(f->ctl, f->mem).pfn == pfn;
}

/*
 * A write makes no copy when nobody else has the page any more, not even its place in swap. But
 * while it is being written there, it does.
 */
static void test_reuse(struct abi_fixture *f)
{
	unsigned int times = 1;

	/* Another processor's batch of new pages would have a reference. */
	sys_stay_on_cpu(0);
	while (!is_reused(f, times) && times < 50)
		times++;
	expect(times < 50, "copied each time");
}

/* ------------------------------------------------------------- UFFDIO_MOVE */

/* Memory with a PMD of its own at each end, and nothing between: neither shares what is below. */
struct move {
	char *from, *to;
	int uffd;
};

static bool begin_move(struct move *m)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MOVE };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	m->from = map_anon_aligned(4 * pmd_size);
	m->to = m->from + 2 * pmd_size;
	munmap(m->from + pmd_size, pmd_size);
	munmap(m->to + pmd_size, pmd_size);
	m->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	need_sys(m->uffd >= 0, "userfaultfd");
	reg.range = (struct uffdio_range){ pinscope_addr(m->to), pmd_size };
	return !ioctl(m->uffd, UFFDIO_API, &api) && !ioctl(m->uffd, UFFDIO_REGISTER, &reg);
}

static void end_move(struct move *m)
{
	close(m->uffd);
	munmap(m->from, pmd_size);
	munmap(m->to, pmd_size);
}

/* Moves @len bytes to the begin of the other end. */
static int move_from(struct move *m, char *from, size_t len)
{
	struct uffdio_move move = {
		.dst = pinscope_addr(m->to), .src = pinscope_addr(from), .len = len,
	};

	return ioctl(m->uffd, UFFDIO_MOVE, &move) ? -errno : 0;
}

static void test_move(struct abi_fixture *f)
{
	struct move m;

	if (!begin_move(&m)) {
		expect(running_kernel() < KERNEL(6, 8), "UFFDIO_MOVE is missing");
		end_move(&m);
		return;
	}
	/* Of a batch of another processor the page could not be reclaimed. */
	sys_stay_on_cpu(0);
	m.from[0] = 'm';
	m.from[page] = 'n';
	expect_ok(move_from(&m, m.from, page));
	expect_state(f->ctl, m.from, 0, PRESENT, "moved away");
	expect_state(f->ctl, m.to, ANON | EXCLUSIVE | PINSCOPE_STATE_DIRTY, 0, "moved");
	expect_eq(m.to[0], 'm', "moved");
	expect_ret(move_from(&m, m.from + page, page), -EEXIST, "onto a page");
	expect_eq(m.to[0], 'm', "after a page that did not get there");
	expect_eq(m.from[page], 'n', "did not move");
	/* Reclaim finds it where it is now. */
	need_sys(!madvise(m.to, page, MADV_PAGEOUT));
	expect_state(f->ctl, m.to, PINSCOPE_STATE_SWAP, PRESENT, "swapped out");
	expect_eq(m.to[0], 'm', "swapped in");
	end_move(&m);
}

static void test_move_huge(struct abi_fixture *f)
{
	struct move m;
	uint32_t id;
	pid_t pid;

	if (!begin_move(&m)) {
		expect(running_kernel() < KERNEL(6, 8), "UFFDIO_MOVE is missing");
		end_move(&m);
		return;
	}
	madvise(m.from, pmd_size, MADV_HUGEPAGE);
	m.from[0] = 'h';
	if (state_of(f->ctl, m.from).map_shift != pmd_shift)
		tap_skip("no transparent huge page");
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, m.from, pmd_size);
	expect_ret(move_from(&m, m.from, pmd_size), -EBUSY, "pinned");
	expect_eq(compare(f->ctl, id, m.from).same, pmd_size / page, "pinned");
	expect_ok(pinscope_unpin(f->ctl, id));
	pid = fork();
	need_sys(pid >= 0);
	if (!pid)
		for (;;)
			pause();
	expect_ret(move_from(&m, m.from, pmd_size), -EBUSY, "a child has it, too");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	m.from[0] = 'i';
	expect_ok(move_from(&m, m.from, pmd_size));
	expect_eq(m.to[0], 'i', "moved");
	expect_eq(state_of(f->ctl, m.to).map_shift, pmd_shift, "moved");
	end_move(&m);
}

/* Whoever looks for changed pages by address has to find it at the new one. */
static void test_mremap(struct abi_fixture *f)
{
	char *to = map_anon(page, RW, 0);

	f->mem[0] = 'm';
	need_ok(sys_clear_soft_dirty());
	expect_state(f->ctl, f->mem, PRESENT, PINSCOPE_STATE_SOFT_DIRTY, "cleared");
	need_sys(mremap(f->mem, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	expect_state(f->ctl, to, ANON | PINSCOPE_STATE_SOFT_DIRTY, 0, "moved");
	munmap(to, page);
}

static void test_major(struct abi_fixture *f)
{
	int file = make_file(DISK_DIR, 0);
	char *addr;

	need_sys(write(file, "m", 1) == 1);
	need_sys(!fsync(file));
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	addr = map_file(page, PROT_READ, MAP_SHARED, file);
	fault(f->ctl, addr, 0, PINSCOPE_VM_FAULT_MAJOR,
	      "not in the page cache");
	fault(f->ctl, addr, 0, 0, "in the page cache");
	expect_eq(addr[0], 'm');
	munmap(addr, page);
	close(file);
}

/* WRITE where mm would warn of it; the guest panics if it gets there. */
static void test_permissions(struct abi_fixture *f)
{
	const uint64_t write_flag = PINSCOPE_FAULT_WRITE;
	int file = make_file("/tmp", page), fd = f->ctl, rdonly = sys_reopen(file, O_RDONLY);
	char *addr;

	need_ok(rdonly < 0 ? rdonly : 0, "open, read-only");
	addr = map_file(page, PROT_READ, MAP_SHARED, rdonly);
	expect_ret(fault_ret(fd, addr, write_flag), -EACCES,
		   "without VM_MAYWRITE");
	addr = map_file(page, PROT_READ, MAP_SHARED, file);
	expect_ret(fault_ret(fd, addr, write_flag), -EACCES,
		   "without VM_WRITE, not a COW mapping");
	fault(fd, addr, 0, 0, "read");
	fault(fd, addr, PINSCOPE_FAULT_UNSHARE, 0,
	      "unshare of a shared mapping is a read fault");
	expect_state(fd, addr, PRESENT, ANON | WRITABLE);
	addr = map_file(page, PROT_READ, MAP_PRIVATE, rdonly);
	fault(fd, addr, write_flag, 0, "without VM_WRITE, a COW mapping");
	expect_state(fd, addr, ANON | EXCLUSIVE, WRITABLE, "a copy");
	addr = mmap(NULL, pmd_size, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	need_sys(addr != MAP_FAILED, "hugetlb");
	expect_ret(fault_ret(fd, addr, write_flag), -EACCES,
		   "hugetlb without VM_WRITE");
	close(file);
	close(rdonly);
}

/* With allow_warn=1, which needs a guest that does not panic, WARN is wanted. */
static void test_allow_warn(struct abi_fixture *f)
{
	const uint64_t bad = PINSCOPE_FAULT_UNSHARE | PINSCOPE_FAULT_WRITE;
	FILE *param = fopen("/sys/module/pinscope/parameters/allow_warn", "re");
	bool allowed;

	need_sys(param, "allow_warn");
	allowed = fgetc(param) == 'Y';
	fclose(param);
	if (allowed)
		fault(f->ctl, f->mem, bad, PINSCOPE_VM_FAULT_SIGSEGV,
		      "allow_warn=1");
	else
		expect_ret(fault_ret(f->ctl, f->mem, bad), -EINVAL,
			   "allow_warn=0");
}

static void test_every_combination(struct abi_fixture *f)
{
	const char *const kinds[] = {
		"anon", "zeropage", "memfd-private", "memfd-shared", "thp",
		"huge-zeropage", hugetlb_kind("hugetlb-private", pmd_size),
		"file-private[ext4]",
	};
	struct kind_memory *m;
	char names[200];
	uint64_t flags;
	size_t k;
	int ret;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		tap_context("%s", kinds[k]);
		m = get_memory(f->ctl, kinds[k]);
		for (flags = 0; flags < 1 << 10; flags++) {
			ret = fault_ret(f->ctl, m->addr, flags);
			if (ret != -EINVAL)
				expect_ok(ret, "flags %s",
					  pinscope_names(pinscope_fault_names,
							 flags, names,
							 sizeof(names)));
			if (flags % 64 == 63)
				madvise(m->addr, page, MADV_DONTNEED);
		}
		put_memory(m);
	}
}

/* ----------------------------------------------- the limit of a memory cgroup */

#define MEMCG		MEMCG_V1 "/limited"

/* How many memory cgroups there are, those included that cannot be freed yet. */
static int memory_cgroups(void)
{
	FILE *file = fopen("/proc/cgroups", "re");
	char line[200];
	int nr = -1;

	need_sys(file, "/proc/cgroups");
	while (nr < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "memory %*d %d", &nr) != 1)
			nr = -1;
	fclose(file);
	need(nr >= 0, "no memory cgroups in /proc/cgroups");
	return nr;
}

/*
 * FAULT on more memory than the cgroup may have. Outside of FAULT this process
 * must not need more memory of the cgroup: it would wait for it for ever.
 */
__attribute__((noreturn)) static void fault_at_limit(int fd, char *addr, size_t len)
{
	const uint64_t flags = PINSCOPE_FAULT_WRITE | PINSCOPE_FAULT_USER;
	struct pinscope_fault out = {};
	cpu_set_t cpus;
	int ret;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	need_sys(!sched_setaffinity(0, sizeof(cpus), &cpus));
	/* Has this process a stack of its own, and so on? */
	need_ok(pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), page,
			       flags, NULL, &out));
	need_write_file(MEMCG "/cgroup.procs", "0");
	ret = pinscope_fault(fd, pinscope_self(), pinscope_addr(addr), len,
			     flags, NULL, &out);
	/*
	 * A processor charges some pages in advance. When they are used up, it
	 * keeps the cgroup, even when that is removed: let it charge some more.
	 */
	madvise(addr, len, MADV_DONTNEED);
	if (ret || out.pages != len / page ||
	    fault_ret(fd, addr, PINSCOPE_FAULT_WRITE))
		_exit(1);
	_exit(out.results_or & PINSCOPE_VM_FAULT_OOM ? 0 : 2);
}

/* Does the kernel's command line have an option of that name? */
static bool booted_with(const char *option)
{
	FILE *file = fopen("/proc/cmdline", "re");
	char line[4096] = "";

	need_sys(file, "/proc/cmdline");
	need_sys(fgets(line, sizeof(line), file), "/proc/cmdline");
	fclose(file);
	return strstr(line, option);
}

/* Mounts the memory controller as version 1, or the test ends. */
static void need_memcg_v1(void)
{
	const char *const options[] = { "cgroup_no_v1=", "cgroup_disable=" };
	int error = -mount_memcg_v1();
	size_t i;

	if (error == EBUSY)
		tap_skip("cgroup2 has the memory controller: write -memory to its %s",
			 "cgroup.subtree_control");
	for (i = 0; error && i < ARRAY_SIZE(options); i++)
		if (booted_with(options[i]))
			tap_skip("memory cgroups of version 1 cannot be mounted: boot without %s",
				 options[i]);
	if (error == EINVAL || error == ENODEV)
		tap_leave_out("the kernel is built without CONFIG_MEMCG_V1");
	need_ok(-error, "mount of memory cgroups of version 1");
}

/* Faults that reach the limit leave no references to the cgroup. */
static void test_memcg_limit(struct abi_fixture *f)
{
	int before, tries;
	pid_t child;

	need_memcg_v1();
	before = memory_cgroups();
	need_sys(!mkdir(MEMCG, 0700));
	need_write_file(MEMCG "/memory.limit_in_bytes", "1048576");
	need_write_file(MEMCG "/memory.swappiness", "0");
	need_write_file(MEMCG "/memory.oom_control", "1");
	child = must_fork();
	if (!child)
		fault_at_limit(f->ctl, f->mem, f->len);
	expect_eq(status_of(child), 0, "status of the child");
	need_sys(!rmdir(MEMCG));
	/* Pages that were freed may wait for an LRU list, still charged. */
	drain_lru();
	for (tries = 0; tries < 600 && memory_cgroups() > before; tries++)
		usleep(100000);
	/* That of another test may go meanwhile. */
	expect_le(memory_cgroups(), before, "cgroups after rmdir");
	need_sys(!umount(MEMCG_V1));
}

/* ------------------------------------------- faults that wait for a handler */

/* Resolves each fault with a zeropage; ends when the process does. */
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

static void test_retry(struct abi_fixture *f)
{
	const uint64_t retry = PINSCOPE_FAULT_ALLOW_RETRY;
	int uffd = uffd_missing(f->mem, f->len);
	struct pinscope_fault out;
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_REMOTE,
		.addr = pinscope_addr(f->mem + 4 * page), .len = 2 * page,
	};
	pthread_t thread;

	tap_context("without ALLOW_RETRY");
	out = fault(f->ctl, f->mem, 0, PINSCOPE_VM_FAULT_SIGBUS);
	expect_eq(out.dropped, 0);
	tap_context("RETRY_NOWAIT");
	out = fault(f->ctl, f->mem, retry | PINSCOPE_FAULT_RETRY_NOWAIT,
		    PINSCOPE_VM_FAULT_RETRY);
	expect_eq(out.dropped, 0);
	expect_eq(out.retries, 0);
	tap_context("with a handler");
	need_ok(-pthread_create(&thread, NULL, uffd_handler, &uffd));
	out = fault(f->ctl, f->mem, retry | PINSCOPE_FAULT_KILLABLE, 0);
	expect_eq(out.dropped, 1);
	expect_eq(out.retries, 1);
	expect_state(f->ctl, f->mem, PRESENT | ZEROPAGE, 0);
	/* GUP does the same, and tells it. */
	expect_ok(pinscope_pin_cmd(f->ctl, &cmd));
	expect_eq(cmd.lock, (unsigned int)PINSCOPE_LOCK_DROPPED);
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

	w->ret = fault_ret(w->fd, w->addr, w->flags);
	return NULL;
}

/* Nobody handles this fault: a signal has to end it. */
static void test_interrupted(struct abi_fixture *f)
{
	struct waiter w = {
		.fd = f->ctl, .addr = f->mem,
		.flags = PINSCOPE_FAULT_ALLOW_RETRY |
			 PINSCOPE_FAULT_INTERRUPTIBLE | PINSCOPE_FAULT_KILLABLE,
	};
	int uffd = uffd_missing(f->mem, page), status;
	struct uffd_msg msg;
	pthread_t thread;
	pid_t child;

	tap_context("INTERRUPTIBLE");
	signal(SIGUSR1, ignore_signal);
	need_ok(-pthread_create(&thread, NULL, wait_in_fault, &w));
	need_sys(read(uffd, &msg, sizeof(msg)) == sizeof(msg), "no uffd event");
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	expect_ret(w.ret, -EINTR);

	tap_context("SIGKILL");
	child = must_fork();
	if (!child) {
		/* Not inherited, so one of its own. */
		uffd_missing(f->mem, page);
		/* Killable without the flag: it is the caller's own uffd. */
		w.flags = PINSCOPE_FAULT_ALLOW_RETRY;
		wait_in_fault(&w);
		_exit(0);
	}
	usleep(300000);		/* or it is killed before: no harm */
	kill(child, SIGKILL);
	status = status_of(child);
	need(WIFSIGNALED(status), "status 0x%x", status);
	expect_eq(WTERMSIG(status), SIGKILL);
}

/* A pin of both pages, in a thread. */
static void *wait_in_pin(void *arg)
{
	struct waiter *w = arg;
	uint32_t id;

	w->ret = pinscope_pin(w->fd, PINSCOPE_CALL_PIN_UNLOCKED, w->flags, w->addr, 2 * page,
			      &id);
	if (!w->ret)
		pinscope_unpin(w->fd, id);
	return NULL;
}

/* A pin that waits for page @nr gets a signal; then it gets what is missing if @give. */
static int signal_pin(struct abi_fixture *f, uint64_t flags, int uffd, size_t nr, bool give)
{
	struct waiter w = { .fd = f->ctl, .addr = f->mem, .flags = flags };
	struct uffdio_zeropage zero = {
		.range = { pinscope_addr(f->mem + nr * page), (2 - nr) * page },
	};
	struct uffd_msg msg;
	pthread_t thread;

	need_ok(-pthread_create(&thread, NULL, wait_in_pin, &w));
	need_sys(read(uffd, &msg, sizeof(msg)) == sizeof(msg), "no uffd event");
	expect_eq(msg.arg.pagefault.address & -page, zero.range.start);
	pthread_kill(thread, SIGUSR1);
	/* A pin that ends by the signal has time to do so. */
	usleep(50000);
	if (give)
		need_sys(!ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	return w.ret;
}

/* Nobody but who asks for it is told of a signal; and what was pinned until then is released. */
static void test_interrupted_pin(struct abi_fixture *f)
{
	const uint64_t interruptible = PINSCOPE_FOLL_INTERRUPTIBLE;
	int uffd = uffd_missing(f->mem, 2 * page);

	signal(SIGUSR1, ignore_signal);
	if (get_info(f->ctl).gup_flags[PINSCOPE_CALL_PIN_UNLOCKED] & interruptible) {
		expect_ret(signal_pin(f, interruptible, uffd, 0, false), -EINTR, "no page");
		expect_ok(signal_pin(f, 0, uffd, 0, true), "without the flag");
		/* The first page stays. */
		f->mem[0] = 's';
		need_sys(!madvise(f->mem + page, page, MADV_DONTNEED));
		expect_ret(signal_pin(f, interruptible, uffd, 1, false), -EINTR, "one page");
		expect_eq(state_of(f->ctl, f->mem).pincount, 0, "after EINTR");
	} else {
		expect_ok(signal_pin(f, 0, uffd, 0, true), "without the flag");
	}
	close(uffd);
}

/* ------------------------------------------------------------------- map */

/* The mapping has this byte in all of page @nr. */
static char map_byte(size_t nr)
{
	return nr + 1;
}

static struct pinscope_map_counts counts_of(int fd)
{
	struct pinscope_map_counts counts;

	need_ok(pinscope_map_counts(fd, &counts));
	return counts;
}

/* A map that takes transparent huge pages is not in a kernel without them. */
static bool has_map(int ctl, unsigned int map)
{
	return get_info(ctl).maps >> map & 1;
}

static const char *map_name(unsigned int map)
{
	return pinscope_name(pinscope_map_names, map);
}

static char *must_map(int fd, unsigned int map, size_t len, int flags)
{
	void *addr;

	need_ok(pinscope_map(fd, map, len, RW, flags, &addr), "mmap of %s",
		map_name(map));
	if (len < PINSCOPE_MAP_SIZE || !(pinscope_addr(addr) & (len - 1)))
		return addr;
	/* A 32-bit process has to align by itself what is to get a PMD. */
	munmap(addr, len);
	addr = map_anon(2 * len, PROT_NONE, 0);
	addr = (char *)addr + (-pinscope_addr(addr) & (len - 1));
	need_sys(mmap(addr, len, RW, flags | MAP_FIXED, fd,
		      PINSCOPE_MAP_OFFSET(map)) != MAP_FAILED);
	return addr;
}

/* Each map, read and then written: page state, and mm's calls of the driver. */
static const struct map_row {
	unsigned int map;
	int flags;
	uint64_t read_has, read_hasnt;
	uint64_t fault;				/* calls for a read */
	uint64_t page_mkwrite, pfn_mkwrite;	/* calls for the first write */
} maps[] = {
	{ PINSCOPE_MAP_PFNMAP, MAP_SHARED, SPECIAL, HAS_FOLIO | WRITABLE,
	  1, 0, 1 },
	{ PINSCOPE_MAP_PFNMAP, MAP_PRIVATE, SPECIAL, HAS_FOLIO | WRITABLE,
	  0, 0, 0 },
	{ PINSCOPE_MAP_MIXED_PFN, MAP_SHARED, SPECIAL, HAS_FOLIO | WRITABLE,
	  1, 0, 1 },
	{ PINSCOPE_MAP_MIXED_PFN, MAP_PRIVATE, SPECIAL, HAS_FOLIO | WRITABLE,
	  1, 0, 0 },
	{ PINSCOPE_MAP_MIXED_PAGE, MAP_SHARED, HAS_FOLIO,
	  SPECIAL | ANON | WRITABLE, 1, 1, 0 },
	{ PINSCOPE_MAP_MIXED_PAGE, MAP_PRIVATE, HAS_FOLIO,
	  SPECIAL | ANON | WRITABLE, 1, 0, 0 },
	/* Too small for its PMD: as the ones above. */
	{ PINSCOPE_MAP_PMD, MAP_SHARED, SPECIAL, HAS_FOLIO | WRITABLE,
	  1, 0, 1 },
	{ PINSCOPE_MAP_PMD, MAP_PRIVATE, SPECIAL, HAS_FOLIO | WRITABLE,
	  1, 0, 0 },
};

static void map_context(const struct map_row *row)
{
	tap_context("%s %s", row->flags == MAP_SHARED ? "shared" : "private",
		    map_name(row->map));
}

static void read_map(int ctl, int fd, const struct map_row *row,
		     const char *third)
{
	struct pinscope_map_counts is;

	expect_eq(third[0], map_byte(3));
	expect_eq(third[page - 1], map_byte(3));
	is = counts_of(fd);
	expect_eq(is.fault, row->fault, "calls for a read");
	/*
	 * A huge page that does not fit is for the driver to refuse, if there
	 * is no page table yet: depends on the neighbours.
	 */
	if (row->map != PINSCOPE_MAP_PMD)
		expect_eq(is.huge_fault, 0, "calls for a read");
	expect_eq(is.page_mkwrite, 0, "calls for a read");
	expect_eq(is.pfn_mkwrite, 0, "calls for a read");
	expect_state(ctl, third, PRESENT | row->read_has, row->read_hasnt,
		     "read");
}

static void write_map(int ctl, int fd, const struct map_row *row, char *third)
{
	struct pinscope_map_counts was = counts_of(fd), is;

	third[0] = 'w';
	is = counts_of(fd);
	expect_eq(is.page_mkwrite - was.page_mkwrite, row->page_mkwrite,
		  "calls for a write");
	expect_eq(is.pfn_mkwrite - was.pfn_mkwrite, row->pfn_mkwrite,
		  "calls for a write");
	expect_state(ctl, third, PRESENT | WRITABLE |
		     (row->flags == MAP_SHARED ? row->read_has :
		      ANON | EXCLUSIVE), 0, "written");
}

/* The memory stays with the file, and private copies do not. */
static void map_again(int fd, const struct map_row *row)
{
	char *addr = must_map(fd, row->map, 8 * page, row->flags);

	expect_eq(addr[3 * page], row->flags == MAP_SHARED ? 'w' : map_byte(3),
		  "mapped again");
	expect_eq(addr[3 * page + 1], map_byte(3), "mapped again");
	munmap(addr, 8 * page);
}

static void test_maps(struct abi_fixture *f)
{
	const struct map_row *row;
	char *addr;
	int fd;

	for (row = maps; row < maps + ARRAY_SIZE(maps); row++) {
		if (!has_map(f->ctl, row->map))
			continue;
		map_context(row);
		fd = open_map();
		addr = must_map(fd, row->map, 8 * page, row->flags);
		read_map(f->ctl, fd, row, addr + 3 * page);
		/* The entry stays as it is: a write of a clean page is for the driver to know. */
		mprotect(addr, 8 * page, PROT_READ);
		mprotect(addr, 8 * page, RW);
		write_map(f->ctl, fd, row, addr + 3 * page);
		munmap(addr, 8 * page);
		map_again(fd, row);
		close(fd);
	}
}

/* Populates @addr by a read; is it mapped by a PMD, as it should be? */
static bool got_pmd(int ctl, int fd, const char *addr)
{
	struct pinscope_map_counts counts;

	expect_eq(addr[3 * page], map_byte(3));
	counts = counts_of(fd);
	if (!counts.huge_fault) {
		/* Until 6.7, that was for DAX only. */
		expect(!has_fix(ctl), "mm does not call huge_fault");
		expect_eq(state_of(ctl, addr + 3 * page).map_shift, page_shift);
		return false;
	}
	/* mm asks for a PUD first where the PUD has no table yet: by chance of the address. */
	expect(counts.huge_fault <= 2, "calls for a read");
	expect_eq(counts.fault, 0);
	expect_eq(state_of(ctl, addr).map_shift, pmd_shift);
	return true;
}

static void map_pmd_shared(int ctl)
{
	int fd = open_map();
	char *addr = must_map(fd, PINSCOPE_MAP_PMD, PINSCOPE_MAP_SIZE, MAP_SHARED);
	uint64_t was;

	if (got_pmd(ctl, fd, addr)) {
		expect_state(ctl, addr, PRESENT, WRITABLE, "read");
		was = counts_of(fd).huge_fault;
		addr[0] = 'w';
		expect_gt(counts_of(fd).huge_fault, was, "calls for a write");
		expect_state(ctl, addr, PRESENT | WRITABLE, 0, "written");
		expect_eq(state_of(ctl, addr).map_shift, pmd_shift, "written");
	}
	munmap(addr, PINSCOPE_MAP_SIZE);
	close(fd);
}

/* A private mapping's write or unshare does not call the driver's huge_fault. */
static void map_pmd_private(int ctl)
{
	const uint64_t unshare = PINSCOPE_FAULT_UNSHARE;
	int fd = open_map();
	char *addr = must_map(fd, PINSCOPE_MAP_PMD, PINSCOPE_MAP_SIZE, MAP_PRIVATE);
	struct pinscope_map_counts was, is;

	if (got_pmd(ctl, fd, addr)) {
		was = counts_of(fd);
		fault(ctl, addr + 5 * page, unshare, PINSCOPE_VM_FAULT_NOPAGE,
		      "unshare");
		is = counts_of(fd);
		/* The PMD is split, which empties it; then it is a read fault. */
		expect_eq(is.huge_fault, was.huge_fault, "unshare");
		expect_eq(is.fault, was.fault + 1, "unshare");
		fault(ctl, addr + 5 * page, unshare, 0, "unshare again");
		expect_state(ctl, addr + 5 * page, ANON | EXCLUSIVE, WRITABLE,
			     "unshared");
		addr[6 * page] = 'w';
		expect_state(ctl, addr + 6 * page, ANON | EXCLUSIVE | WRITABLE,
			     0, "written");
		expect_eq(addr[5 * page], map_byte(5), "unshared");
		expect_eq(addr[6 * page + 1], map_byte(6), "written");
		expect_eq(counts_of(fd).huge_fault, was.huge_fault, "written");
	}
	munmap(addr, PINSCOPE_MAP_SIZE);
	close(fd);
}

/* A private mapping that is written to first does not change the file. */
static void map_pmd_private_write(int ctl)
{
	int fd = open_map();
	char *addr = must_map(fd, PINSCOPE_MAP_PMD, PINSCOPE_MAP_SIZE, MAP_PRIVATE);

	addr[7 * page] = 'w';
	expect_state(ctl, addr + 7 * page, ANON | EXCLUSIVE | WRITABLE,
		     SPECIAL);
	munmap(addr, PINSCOPE_MAP_SIZE);
	addr = must_map(fd, PINSCOPE_MAP_PMD, 8 * page, MAP_SHARED);
	expect_eq(addr[7 * page], map_byte(7), "in the file");
	munmap(addr, 8 * page);
	close(fd);
}

static void test_map_pmd(struct abi_fixture *f)
{
	if (!has_map(f->ctl, PINSCOPE_MAP_PMD))
		tap_skip("the kernel is built without transparent huge pages");
	tap_context("shared");
	map_pmd_shared(f->ctl);
	tap_context("private, read first");
	map_pmd_private(f->ctl);
	tap_context("private, written first");
	map_pmd_private_write(f->ctl);
}

/* A thread that reads a page of the PMD while the other one writes another page. */
static struct {
	pthread_barrier_t barrier;
	int ctl;
	char *addr;
	bool stop;
	uint32_t results;
} race;

static void *read_in_race(void *arg)
{
	(void)arg;
	for (;;) {
		pthread_barrier_wait(&race.barrier);
		if (race.stop)
			return NULL;
		pinscope_fault(race.ctl, pinscope_self(), pinscope_addr(race.addr + 5 * page),
			       page, 0, &race.results, NULL);
		pthread_barrier_wait(&race.barrier);
	}
}

/* The read maps a PMD where the write is about to have a PTE. */
static void race_once(int fd)
{
	uint32_t results = 0;

	race.results = 0;
	race.addr = must_map(fd, PINSCOPE_MAP_PMD, PINSCOPE_MAP_SIZE, MAP_PRIVATE);
	pthread_barrier_wait(&race.barrier);
	pinscope_fault(race.ctl, pinscope_self(), pinscope_addr(race.addr + 3 * page), page,
		       PINSCOPE_FAULT_WRITE, &results, NULL);
	pthread_barrier_wait(&race.barrier);
	expect_bits(pinscope_vm_fault_names, results, 0, PINSCOPE_VM_FAULT_OOM, "write");
	expect_bits(pinscope_vm_fault_names, race.results, 0, PINSCOPE_VM_FAULT_OOM, "read");
	race.addr[3 * page] = 'w';
	expect_eq(race.addr[3 * page], 'w', "written");
	expect_eq(race.addr[5 * page], map_byte(5), "read");
	munmap(race.addr, PINSCOPE_MAP_SIZE);
}

static void test_map_pmd_race(struct abi_fixture *f)
{
	long start = sys_now_ms();
	pthread_t thread;
	int fd;

	if (!has_map(f->ctl, PINSCOPE_MAP_PMD))
		tap_skip("the kernel is built without transparent huge pages");
	fd = open_map();
	race.ctl = f->ctl;
	pthread_barrier_init(&race.barrier, NULL, 2);
	need_ok(-pthread_create(&thread, NULL, read_in_race, NULL));
	while (sys_now_ms() - start < 3000)
		race_once(fd);
	race.stop = true;
	pthread_barrier_wait(&race.barrier);
	pthread_join(thread, NULL);
	close(fd);
}

/* A kernel without the fix treats UNSHARE as a read fault: nothing to do. */
static void test_map_unshare(struct abi_fixture *f)
{
	bool fixed = has_fix(f->ctl);
	unsigned int map;
	uint64_t before;
	char *addr;
	int fd;

	for (map = 0; map < PINSCOPE_MAP_PMD; map++) {
		tap_context("%s", map_name(map));
		fd = open_map();
		addr = must_map(fd, map, 4 * page, MAP_PRIVATE);
		expect_eq(addr[page], map_byte(1), "read");
		before = state_of(f->ctl, addr + page).pfn;
		fault(f->ctl, addr + page, PINSCOPE_FAULT_UNSHARE, 0);
		if (fixed) {
			expect_state(f->ctl, addr + page, ANON | EXCLUSIVE,
				     WRITABLE, "unshared");
			expect_ne(state_of(f->ctl, addr + page).pfn, before,
				  "unshared");
		} else {
			expect_eq(state_of(f->ctl, addr + page).pfn, before,
				  "not unshared");
		}
		expect_eq(addr[page], map_byte(1), "unshared");
		munmap(addr, 4 * page);
		close(fd);
	}
}

/* Pages can be pinned, PFNs cannot; a pin outlives the mapping and the file. */
static void test_map_pin(struct abi_fixture *f)
{
	const struct map_row *row;
	int fd, ret;
	char *addr;
	uint32_t id;

	for (row = maps; row < maps + ARRAY_SIZE(maps); row++) {
		if (!has_map(f->ctl, row->map))
			continue;
		map_context(row);
		fd = open_map();
		addr = must_map(fd, row->map, 4 * page, row->flags);
		(void)*(volatile char *)addr;
		ret = pinscope_pin(f->ctl, PINSCOPE_CALL_PIN,
				   PINSCOPE_FOLL_LONGTERM, addr, page, &id);
		munmap(addr, 4 * page);
		close(fd);
		if (row->map == PINSCOPE_MAP_MIXED_PAGE) {
			need_ok(ret);
			expect_read(f->ctl, id, 0, map_byte(0));
			expect_ok(pinscope_unpin(f->ctl, id));
		} else if (ret != -EEXIST) {
			/* Without a page there is nothing to unshare for GUP. */
			expect_ret(ret, -EFAULT);
		}
	}
}

/* A write that mm would copy through the page tables of another process. */
static void map_copy_remote(int ctl, unsigned int map)
{
	int fd = open_map();
	char *addr = must_map(fd, map, 4 * page, MAP_PRIVATE);
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_REMOTE,
		.gup_flags = PINSCOPE_FOLL_WRITE,
		.addr = pinscope_addr(addr), .len = page,
		.target_type = PINSCOPE_TARGET_PID,
	};
	pid_t child;

	(void)*(volatile char *)addr;
	child = idle_child();
	munmap(addr, 4 * page);
	expect_ret(pinscope_fault(ctl, pinscope_pid(child), pinscope_addr(addr),
				  page, PINSCOPE_FAULT_WRITE |
				  PINSCOPE_FAULT_REMOTE, NULL, NULL), -EACCES);
	cmd.target_nr = child;
	expect_ret(pinscope_pin_cmd(ctl, &cmd), -EFAULT);
	child_end(child);
	close(fd);
}

/* And through page tables that the process may not read by. */
static void map_copy_no_access(int ctl, unsigned int map)
{
	int fd = open_map();
	char *addr = must_map(fd, map, 4 * page, MAP_PRIVATE);
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN, .addr = pinscope_addr(addr),
		.gup_flags = PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_FORCE,
		.len = page,
	};

	(void)*(volatile char *)addr;
	mprotect(addr, 4 * page, PROT_NONE);
	expect_ret(fault_ret(ctl, addr, PINSCOPE_FAULT_WRITE), -EACCES);
	expect_ret(pinscope_pin_cmd(ctl, &cmd), -EFAULT);
	munmap(addr, 4 * page);
	close(fd);
}

/* And with a protection key that forbids to read. The remote calls ignore it. */
static void map_copy_no_key(int ctl, unsigned int map)
{
	const uint64_t remote = PINSCOPE_FAULT_REMOTE;
	int fd = open_map(), key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	char *addr = must_map(fd, map, 4 * page, MAP_PRIVATE);
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_REMOTE, .addr = pinscope_addr(addr),
		.gup_flags = PINSCOPE_FOLL_WRITE, .len = page,
	};

	if (key >= 0) {	/* else the processor or the kernel has no keys */
		(void)*(volatile char *)addr;
		need_sys(!pkey_mprotect(addr, 4 * page, RW, key));
		expect_ret(fault_ret(ctl, addr, PINSCOPE_FAULT_WRITE | remote),
			   -EACCES);
		expect_ret(fault_ret(ctl, addr, PINSCOPE_FAULT_UNSHARE | remote),
			   -EACCES);
		expect_ret(pinscope_pin_cmd(ctl, &cmd), -EFAULT);
		cmd.call = PINSCOPE_CALL_PIN;
		expect_ret(pinscope_pin_cmd(ctl, &cmd), -EFAULT);
		pkey_free(key);
	}
	munmap(addr, 4 * page);
	close(fd);
}

static void test_map_copy(struct abi_fixture *f)
{
	static const unsigned int pfn_maps[] = {
		PINSCOPE_MAP_PFNMAP, PINSCOPE_MAP_MIXED_PFN,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pfn_maps); i++) {
		tap_context("%s, another process", map_name(pfn_maps[i]));
		map_copy_remote(f->ctl, pfn_maps[i]);
		tap_context("%s, PROT_NONE", map_name(pfn_maps[i]));
		map_copy_no_access(f->ctl, pfn_maps[i]);
		tap_context("%s, protection key", map_name(pfn_maps[i]));
		map_copy_no_key(f->ctl, pfn_maps[i]);
	}
}

/* Userfaultfd protects a page of a file that nothing is mapped of; so it is when it comes. */
static void test_uffd_wp_of_nothing(struct abi_fixture *f)
{
	int fd = memfd_create("uffd-wp", MFD_CLOEXEC), uffd;
	char *addr;

	need_sys(fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && !ftruncate(fd, page));
	addr = mmap(NULL, page, RW, MAP_SHARED, fd, 0);
	need_sys(addr != MAP_FAILED);
	uffd = sys_uffd_wp(addr, page, UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	need_ok(uffd < 0 ? uffd : 0, "write-protect by userfaultfd");
	expect_eq(*(volatile char *)addr, 'x');
	expect_state(f->ctl, addr, PINSCOPE_STATE_UFFD_WP, WRITABLE);
	close(uffd);
	munmap(addr, page);
	close(fd);
}

#define DAX_DIR		"/mnt/dax"

/* A private mapping of a page of a DAX file, full of 'f', that is mapped read-only. */
static char *map_dax(void)
{
	int fd = make_file(DAX_DIR, page);
	char content[page], *addr;

	memset(content, 'f', page);
	need_sys(pwrite(fd, content, page, 0) == (ssize_t)page);
	addr = mmap(NULL, page, RW, MAP_PRIVATE, fd, 0);
	need_sys(addr != MAP_FAILED);
	(void)*(volatile char *)addr;
	close(fd);
	return addr;
}

/* Breaks COW of a page of another process, or of this one. */
static int cow_by_write(int ctl, struct pinscope_target target, void *addr)
{
	return pinscope_fault(ctl, target, pinscope_addr(addr), page,
			      PINSCOPE_FAULT_WRITE | PINSCOPE_FAULT_REMOTE, NULL, NULL);
}

static int cow_by_unshare(int ctl, struct pinscope_target target, void *addr)
{
	return pinscope_fault(ctl, target, pinscope_addr(addr), page,
			      PINSCOPE_FAULT_UNSHARE | PINSCOPE_FAULT_REMOTE, NULL, NULL);
}

static int cow_by_pin(int ctl, struct pinscope_target target, void *addr)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_REMOTE, .addr = pinscope_addr(addr), .len = page,
		.gup_flags = PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_FORCE,
		.target_type = target.target_type, .target_nr = target.target_nr,
	};
	int ret = pinscope_pin_cmd(ctl, &cmd);

	if (!ret)
		expect_ok(pinscope_unpin(ctl, cmd.id));
	return ret;
}

/* Does process_vm_writev() do so? It is not refused. */
static int cow_by_system_call(int ctl, struct pinscope_target target, void *addr)
{
	struct iovec byte = { "f", 1 }, to = { addr, 1 };

	(void)ctl;
	need_sys(process_vm_writev(target.target_nr, &byte, 1, &to, 1, 0) == 1);
	return 0;
}

/*
 * Breaks COW of a page of DAX that another process has mapped, where this one has other memory.
 * Returns what @by returns; *@sound: is the page then what is in the file?
 */
static int dax_copy_remote(int ctl, int (*by)(int ctl, struct pinscope_target target, void *addr),
			   bool *sound)
{
	char content[page], found[page], *addr = map_dax();
	struct iovec to = { found, page }, from = { addr, page };
	pid_t child = child_start();
	int ret;

	if (!child) {
		(void)*(volatile char *)addr;
		child_wait();
	}
	need_sys(mmap(addr, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE,
		      -1, 0) == addr);
	ret = by(ctl, pinscope_pid(child), addr);
	need_sys(process_vm_readv(child, &to, 1, &from, 1, 0) == (ssize_t)page);
	memset(content, 'f', page);
	*sound = !memcmp(found, content, page);
	child_end(child);
	munmap(addr, page);
	return ret;
}

/*
 * Before 6.15, mm finds no page of DAX and copies by the address, in the page tables of current:
 * a system call shows it. Then the module refuses to break COW, and in no other kernel.
 */
static void test_dax_copy(struct abi_fixture *f)
{
	int (*const by[])(int ctl, struct pinscope_target target, void *addr) = {
		cow_by_write, cow_by_unshare, cow_by_pin,
	};
	bool sound, same;
	char *addr;
	size_t i;
	int ret;

	if (access(DAX_DIR, W_OK))
		tap_skip("no file system with DAX on " DAX_DIR);
	dax_copy_remote(f->ctl, cow_by_system_call, &sound);
	for (i = 0; i < ARRAY_SIZE(by); i++) {
		tap_context("another process, %zu", i);
		ret = dax_copy_remote(f->ctl, by[i], &same);
		expect_eq(same, 1, "as in the file");
		expect_ret(ret, sound ? 0 : by[i] == cow_by_pin ? -EFAULT : -EACCES);

		tap_context("PROT_NONE, %zu", i);
		addr = map_dax();
		mprotect(addr, page, PROT_NONE);
		by[i](f->ctl, pinscope_self(), addr);
		mprotect(addr, page, PROT_READ);
		for (ret = 0; ret < (int)page && addr[ret] == 'f'; ret++)
			;
		expect_eq(ret, page, "bytes as in the file");
		munmap(addr, page);
	}
}

const struct test fault_tests[] = {
	TEST_PAGES("FAULT: read, write, unshare", test_basic, 1),
	TEST_PAGES("FAULT: results", test_results, 4),
	TEST_PAGES("write: a page of the swap cache", test_reuse, 1),
	TEST("UFFDIO_MOVE: a page", test_move),
	TEST("UFFDIO_MOVE: a huge page", test_move_huge),
	TEST_PAGES("mremap: soft-dirty", test_mremap, 1),
	TEST("FAULT: major", test_major),
	TEST("FAULT: WRITE without permission", test_permissions),
	TEST_PAGES("FAULT: allow_warn", test_allow_warn, 1),
	TEST("FAULT: every combination of flags", test_every_combination),
	TEST_PAGES("FAULT: limit of a memory cgroup", test_memcg_limit, 320),
	TEST_PAGES("FAULT: retry", test_retry, 8),
	TEST_PAGES("FAULT: interrupted and killed", test_interrupted, 1),
	TEST_PAGES("PIN: interrupted", test_interrupted_pin, 2),
	TEST("map: content, page states and calls of the driver", test_maps),
	TEST("map: PMD", test_map_pmd),
	TEST("map: read and write of a PMD at the same time", test_map_pmd_race),
	TEST("map: unshare", test_map_unshare),
	TEST("map: pin", test_map_pin),
	TEST("userfaultfd-wp: where nothing is mapped", test_uffd_wp_of_nothing),
	TEST("map: copies", test_map_copy),
	TEST("DAX: copies", test_dax_copy),
	{}
};
