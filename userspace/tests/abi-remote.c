// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another process's memory: what may be done with it and what is seen; and what
 * remains when it forks, executes, exits, or is killed.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "abi.h"

static int pidfd_of(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	need_sys(fd >= 0, "pidfd_open");
	return fd;
}

static int inspect_one(int fd, struct pinscope_target target, const void *addr,
		       struct pinscope_page *rec)
{
	struct pinscope_page *recs;
	size_t nr;
	int ret = pinscope_inspect(fd, target, pinscope_addr(addr), page, &recs,
				   &nr);

	if (ret)
		return ret;
	if (nr)
		*rec = recs[0];
	free(recs);
	return nr ? 0 : -ENODATA;
}

static int pin_one(int fd, struct pinscope_target target, unsigned int call,
		   uint64_t gup_flags, const void *addr, uint32_t *id)
{
	struct pinscope_pin cmd = {
		.call = call, .gup_flags = gup_flags,
		.addr = pinscope_addr(addr), .len = page,
		.target_type = target.target_type,
		.target_nr = target.target_nr,
	};
	int ret = pinscope_pin_cmd(fd, &cmd);

	*id = cmd.id;
	return ret;
}

static int pin_remote(int fd, struct pinscope_target target, const void *addr,
		      uint32_t *id)
{
	return pin_one(fd, target, PINSCOPE_CALL_PIN_REMOTE, 0, addr, id);
}

/* Is the pinned page mapped there: 1 yes, 0 no, or a negative errno. */
static int compare_one(int fd, struct pinscope_target target, uint32_t id,
		       const void *addr)
{
	struct pinscope_compare cmp = {};
	int ret = pinscope_compare(fd, id, target, pinscope_addr(addr), &cmp);

	return ret ? ret : (int)cmp.same;
}

static int fault_one(int fd, struct pinscope_target target, const void *addr,
		     uint64_t flags, struct pinscope_fault *out)
{
	return pinscope_fault(fd, target, pinscope_addr(addr), page, flags,
			      NULL, out);
}

/* ------------------------------------------------------------ each command */

/* A child with memory of its own; it answers through @shared. */
struct peer {
	pid_t pid;
	char *addr;		/* in the child only, a page */
	volatile char *shared;	/* in both */
};

enum {
	REQUEST,		/* 'r' asks for the byte at 8, which replaces it */
	READY,
};

__attribute__((noreturn)) static void peer_main(const struct peer *p)
{
	char *addr;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	addr = mmap(p->addr, page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		    -1, 0);
	memset(addr, 'c', page);
	p->shared[READY] = 1;
	for (;;) {
		if (p->shared[REQUEST] == 'r') {
			p->shared[REQUEST] = addr[8];
			addr[8] = 'c';
		}
		usleep(1000);
	}
}

static struct peer peer_start(void)
{
	struct peer p = {
		.addr = map_anon(page, PROT_NONE, 0),
		.shared = mmap(NULL, page, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
	};

	need_sys(p.shared != MAP_FAILED);
	munmap(p.addr, page);
	p.pid = must_fork();
	if (!p.pid)
		peer_main(&p);
	while (!p.shared[READY])
		usleep(1000);
	return p;
}

/* The byte at 8, as the child sees it. */
static char peer_reads(const struct peer *p)
{
	p->shared[REQUEST] = 'r';
	while (p->shared[REQUEST] == 'r')
		usleep(1000);
	return p->shared[REQUEST];
}

/* Each command, on memory that only the child has. */
static void each_command(int fd, struct pinscope_target target,
			 const struct peer *p, unsigned int call)
{
	struct pinscope_fault out;
	struct pinscope_page rec;
	uint32_t id;

	need_ok(inspect_one(fd, target, p->addr, &rec));
	expect_bits(pinscope_state_names, rec.state, PINSCOPE_STATE_ANON, 0);
	expect_eq(rec.addr, pinscope_addr(p->addr));
	expect_ret(inspect_one(fd, pinscope_self(), p->addr, &rec), -ENODATA,
		   "the parent does not have it");
	need_ok(pin_one(fd, target, call, PINSCOPE_FOLL_WRITE, p->addr, &id));
	expect_read(fd, id, 7, 'c');
	expect_ret(compare_one(fd, target, id, p->addr), 1);
	expect_ret(compare_one(fd, pinscope_self(), id, p->addr), 0,
		   "the parent does not have it");
	expect_ok(pinscope_write(fd, id, 8, "w", 1));
	expect_eq(peer_reads(p), 'w', "the child sees what was written");
	expect_ok(pinscope_unpin(fd, id));

	expect_ret(fault_one(fd, target, p->addr, 0, NULL), -EINVAL,
		   "without REMOTE");
	need_ok(fault_one(fd, target, p->addr, PINSCOPE_FAULT_REMOTE |
			  PINSCOPE_FAULT_WRITE, &out));
	expect_eq(out.pages, 1);
}

/* A pin outlives the process that it pins memory of; nothing else does. */
static void outlives(int fd, const struct peer *p, int pidfd)
{
	const struct pinscope_target by_pid = pinscope_pid(p->pid);
	const struct pinscope_target by_pidfd = pinscope_pidfd(pidfd);
	uint32_t id;

	need_ok(pin_remote(fd, by_pidfd, p->addr, &id));
	kill(p->pid, SIGKILL);
	waitid(P_PID, p->pid, NULL, WEXITED | WNOWAIT);
	expect_ret(compare_one(fd, by_pid, id, p->addr), -ESRCH, "a zombie");
	expect_ret(compare_one(fd, by_pidfd, id, p->addr), -ESRCH, "a zombie");
	waitpid(p->pid, NULL, 0);
	expect_ret(compare_one(fd, by_pid, id, p->addr), -ESRCH, "reaped");
	expect_ret(compare_one(fd, by_pidfd, id, p->addr), -ESRCH, "reaped");
	expect_read(fd, id, 100, 'c', "through the pin");
}

static void test_other_process(struct abi_fixture *f)
{
	const struct peer p = peer_start();
	const struct pinscope_target by_pid = pinscope_pid(p.pid);
	int pidfd = pidfd_of(p.pid);
	uint32_t id;

	tap_context("pid, pin-remote");
	each_command(f->ctl, by_pid, &p, PINSCOPE_CALL_PIN_REMOTE);
	tap_context("pidfd, pin-remote");
	each_command(f->ctl, pinscope_pidfd(pidfd), &p, PINSCOPE_CALL_PIN_REMOTE);
	tap_context("pid, get-remote");
	each_command(f->ctl, by_pid, &p, PINSCOPE_CALL_GET_REMOTE);
	tap_context("pid");
	need_ok(pin_one(f->ctl, by_pid, PINSCOPE_CALL_PIN_REMOTE,
			PINSCOPE_FOLL_LONGTERM, p.addr, &id), "LONGTERM");
	expect_ok(pinscope_unpin(f->ctl, id));
	expect_ret(pin_one(f->ctl, by_pid, PINSCOPE_CALL_PIN, 0, p.addr, &id),
		   -EINVAL, "a call that pins memory of the caller only");
	expect_ret(pin_remote(f->ctl, pinscope_self(), p.addr + 1, &id),
		   -EINVAL, "unaligned");
	tap_context("the process ends");
	outlives(f->ctl, &p, pidfd);
}

/* --------------------------------------------------- bad and denied targets */

static void test_bad_targets(struct abi_fixture *f)
{
	int fd = f->ctl, file = open("/proc/self/maps", O_RDONLY), p[2];
	const struct {
		const char *name;
		struct pinscope_target target;
		int want;
	} bad[] = {
		{ "caller with a number", { PINSCOPE_TARGET_CALLER, 1 }, -EINVAL },
		{ "pid 0", pinscope_pid(0), -ESRCH },
		{ "pid -1", pinscope_pid(-1), -ESRCH },
		{ "pid of no process", pinscope_pid(0x7fffffff), -ESRCH },
		{ "kernel thread", pinscope_pid(2), -ESRCH },
		{ "pidfd -1", pinscope_pidfd(-1), -EBADF },
		{ "pidfd that is ctl", pinscope_pidfd(fd), -EBADF },
		{ "pidfd that is a file", pinscope_pidfd(file), -EBADF },
		{ "pidfd that is a pipe", pinscope_pidfd(pipe(p) ? -1 : p[0]), -EBADF },
		{ "target type 99", { 99, 0 }, -EINVAL },
		{ "memfd", pinscope_memfd(fd), -EINVAL },
	};
	uint32_t id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page), none;
	struct pinscope_page rec;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct pinscope_target target = bad[i].target;

		tap_context("%s", bad[i].name);
		expect_ret(pin_remote(fd, target, f->mem, &none), bad[i].want);
		expect_ret(inspect_one(fd, target, f->mem, &rec), bad[i].want);
		expect_ret(compare_one(fd, target, id, f->mem), bad[i].want);
		expect_ret(fault_one(fd, target, f->mem, PINSCOPE_FAULT_REMOTE,
				     NULL), bad[i].want);
	}
	tap_context("a pin");
	expect_ret(inspect_one(fd, pinscope_pinned(id + 1), NULL, &rec),
		   -ENOENT, "unknown id");
	expect_ret(inspect_one(fd, pinscope_pinned(id), (char *)page, &rec),
		   -ERANGE, "beyond its end");
	expect_ret(pin_remote(fd, pinscope_pinned(id), f->mem, &none), -EINVAL);
	expect_eq(pages_pinned(), 1);
}

/* Root opened the file, but the caller's own permissions count. */
static void test_not_permitted(struct abi_fixture *f)
{
	pid_t child = idle_child();
	const struct pinscope_target target = pinscope_pid(child);
	int fd = f->ctl, pidfd = pidfd_of(child);
	struct pinscope_page rec;
	uint32_t id;

	tap_context("as root");
	expect_ok(inspect_one(fd, target, f->mem, &rec));
	tap_context("without privileges");
	need_sys(!setresuid(NOBODY, NOBODY, NOBODY));
	expect_ret(inspect_one(fd, target, f->mem, &rec), -EACCES);
	expect_ret(inspect_one(fd, pinscope_pidfd(pidfd), f->mem, &rec),
		   -EACCES, "pidfd");
	expect_ret(inspect_one(fd, pinscope_pid(1), f->mem, &rec), -EACCES,
		   "init");
	expect_ret(pin_remote(fd, target, f->mem, &id), -EACCES);
	expect_ret(fault_one(fd, target, f->mem, PINSCOPE_FAULT_REMOTE, NULL),
		   -EACCES);
	expect_ok(inspect_one(fd, pinscope_self(), f->mem, &rec),
		  "the caller's own memory");
	child_end(child);
}

/*
 * In a pid namespace with the outer /proc, a number means one process to the
 * kernel and another to procfs, which decides on the permission. The module
 * accepts neither.
 */
static void test_pid_namespace(struct abi_fixture *f)
{
	struct pinscope_page rec;
	pid_t child;

	need_sys(!unshare(CLONE_NEWPID));
	child = must_fork();
	if (!child) {
		bool met = expect_eq(getpid(), 1);

		met &= expect_ret(inspect_one(f->ctl, pinscope_pid(1), f->mem,
					      &rec), -ESRCH, "pid 1 of the namespace");
		_exit(!met);
	}
	expect_eq(status_of(child), 0, "status of the child");
}

/* Yama may forbid even root to attach. */
static void test_debugger(struct abi_fixture *f)
{
	int file = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	pid_t child = idle_child();
	struct pinscope_page rec;
	char scope = '0';
	int want;

	/* A kernel without Yama has no such file. */
	if (file >= 0) {
		need_sys(read(file, &scope, 1) == 1, "ptrace_scope");
		close(file);
	}
	tap_context("ptrace_scope %c", scope);
	want = scope == '3' ? -EACCES : 0;
	expect_ret(inspect_one(f->ctl, pinscope_pid(child), f->mem, &rec), want);
	expect_ret(inspect_one(f->ctl, pinscope_pidfd(pidfd_of(child)), f->mem,
			       &rec), want);
	child_end(child);
}

/* ------------------------------------------------------------ exec and procfs */

/* A child that writes to the page, and executes sleep when told to. */
static pid_t child_to_exec(char *addr, int *go)
{
	int p[2];
	char byte;
	pid_t child;

	need_sys(!pipe(p));
	child = must_fork();
	if (!child) {
		addr[0] = 'E';
		while (read(p[0], &byte, 1) == 1 && byte != 'x')
			;
		execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(127);
	}
	*go = p[1];
	return child;
}

/* Pins the page of the child, once it has one of its own. */
static uint32_t pin_own_page(int fd, pid_t child, const char *addr)
{
	char byte = 0;
	uint32_t id;

	for (;;) {
		need_ok(pin_remote(fd, pinscope_pid(child), addr, &id));
		need_ok(pinscope_read(fd, id, 0, &byte, 1));
		if (byte == 'E')
			return id;
		need_ok(pinscope_unpin(fd, id));
	}
}

/* The child executes another program: its memory changes, the pin does not. */
static void test_exec(struct abi_fixture *f)
{
	uint32_t id;
	pid_t child;
	int go, ret;

	f->mem[0] = 'e';
	child = child_to_exec(f->mem, &go);
	id = pin_own_page(f->ctl, child, f->mem);
	expect_ret(compare_one(f->ctl, pinscope_pid(child), id, f->mem), 1,
		   "before exec");
	need_sys(write(go, "x", 1) == 1);
	do {
		usleep(1000);
		ret = compare_one(f->ctl, pinscope_pid(child), id, f->mem);
	} while (ret == 1);
	if (ret != -ESRCH)	/* in the middle of exec */
		expect_ret(ret, 0, "after exec");
	expect_read(f->ctl, id, 0, 'E', "after exec");
	kill_child(child);
}

/* In its own mount namespace, where /proc is anything but procfs. */
static void test_no_procfs(struct abi_fixture *f)
{
	int pidfd = pidfd_of(getpid()), file;
	struct pinscope_page rec;

	need_sys(!unshare(CLONE_NEWNS));
	need_sys(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	need_sys(!mount("t", "/proc", "tmpfs", 0, NULL));
	need_sys(!mkdir("/proc/self", 0755));
	file = open("/proc/self/mem", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	need_sys(file >= 0);
	close(file);
	expect_ret(inspect_one(f->ctl, pinscope_pidfd(pidfd), f->mem, &rec),
		   -ENOENT);
	expect_ret(inspect_one(f->ctl, pinscope_pid(getpid()), f->mem, &rec),
		   -ENOENT);
	need_sys(!umount("/proc"));
}

/* Files of procfs that have an mm as well, but can be opened with less permission. */
static void test_not_mem(struct abi_fixture *f)
{
	static const char *const names[] = { "environ", "auxv", "pagemap" };
	pid_t child = idle_child();
	char mem[64], other[64];
	struct pinscope_page rec;
	size_t i;

	need_sys(!unshare(CLONE_NEWNS));
	need_sys(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	snprintf(mem, sizeof(mem), "/proc/%d/mem", child);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		tap_context("%s mounted on mem", names[i]);
		snprintf(other, sizeof(other), "/proc/%d/%s", child, names[i]);
		need_sys(!mount(other, mem, NULL, MS_BIND, NULL));
		expect_ret(inspect_one(f->ctl, pinscope_pid(child), f->mem, &rec),
			   -ENOENT);
		need_sys(!umount(mem));
	}
	tap_context("nothing mounted on mem");
	expect_ok(inspect_one(f->ctl, pinscope_pid(child), f->mem, &rec));
	child_end(child);
}

const struct test remote_tests[] = {
	TEST("another process: each command", test_other_process),
	TEST_POPULATED("another process: bad targets", test_bad_targets, 1),
	TEST_POPULATED("another process: not permitted", test_not_permitted, 1),
	TEST_POPULATED("another process: in a pid namespace",
		       test_pid_namespace, 1),
	TEST_POPULATED("another process: as a debugger", test_debugger, 1),
	TEST_POPULATED("another process: exec", test_exec, 1),
	TEST_POPULATED("another process: no procfs", test_no_procfs, 1),
	TEST_POPULATED("another process: not the file mem", test_not_mem, 1),
	{}
};
