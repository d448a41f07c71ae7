// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another process's memory: who may, and what is seen; and what remains when it
 * forks, executes, exits, or is killed.
 */
#include <sys/stat.h>
#include <sys/mount.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "abi.h"

static int pidfd_of(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	need(fd >= 0, "pidfd_open: %s", pinscope_errno(errno));
	return fd;
}

static int inspect_one(int fd, struct pinscope_target target_nr, const void *addr,
		       struct pinscope_page *rec)
{
	struct pinscope_page *recs;
	size_t nr;
	int ret = pinscope_inspect(fd, target_nr, pinscope_addr(addr), page, &recs, &nr);

	if (ret)
		return ret;
	if (nr)
		*rec = recs[0];
	free(recs);
	return nr ? 0 : -ENODATA;
}

static int pin_one(int fd, struct pinscope_target target_nr, unsigned int call, uint64_t gup_flags,
		   const void *addr, uint32_t *id)
{
	struct pinscope_pin cmd = {
		.call = call, .gup_flags = gup_flags, .addr = pinscope_addr(addr), .len = page,
		.target_type = target_nr.target_type, .target_nr = target_nr.target_nr,
	};
	int ret = pinscope_pin_cmd(fd, &cmd);

	*id = cmd.id;
	return ret;
}

static int compare_one(int fd, struct pinscope_target target_nr, uint32_t id, const void *addr)
{
	struct pinscope_compare cmp = {};
	int ret = pinscope_compare(fd, id, target_nr, pinscope_addr(addr), &cmp);

	return ret ? ret : (int)cmp.same;
}

/* Everything, on memory that only the child has; it answers through @shared. */
static void look_at(int fd, struct pinscope_target target_nr, volatile char *shared,
		    const char *addr, unsigned int call, const char *what)
{
	uint64_t gup_flags = PINSCOPE_FOLL_WRITE;
	struct pinscope_fault out;
	struct pinscope_page rec;
	char byte = 0;
	uint32_t id;

	expect_ret(inspect_one(fd, target_nr, addr, &rec), 0, what);
	expect(rec.state & PINSCOPE_STATE_ANON && rec.addr == pinscope_addr(addr),
	       "%s: state 0x%llx", what, rec.state);
	expect_ret(inspect_one(fd, pinscope_self(), addr, &rec), -ENODATA,
		   "the parent has it too");
	expect_ret(pin_one(fd, target_nr, call, gup_flags, addr, &id), 0, what);
	expect_ret(pinscope_read(fd, id, 7, &byte, 1), 0, what);
	expect(byte == 'c', "%s: read %d", what, byte);
	expect(compare_one(fd, target_nr, id, addr) == 1, "%s: not the same", what);
	expect(compare_one(fd, pinscope_self(), id, addr) == 0,
	       "%s: the same in the parent", what);
	expect_ret(pinscope_write(fd, id, 8, "w", 1), 0, what);
	shared[0] = 'r';		/* the child reads it back */
	while (shared[0] == 'r')
		usleep(1000);
	expect(shared[0] == 'w', "%s: the child sees %d", what, shared[0]);
	expect_ret(pinscope_unpin(fd, id), 0, what);

	expect_ret(pinscope_fault(fd, target_nr, pinscope_addr(addr), page, 0, NULL, NULL),
		   -EINVAL, "FAULT without REMOTE");
	expect_ret(pinscope_fault(fd, target_nr, pinscope_addr(addr), page,
				  PINSCOPE_FAULT_REMOTE | PINSCOPE_FAULT_WRITE, NULL,
				  &out), 0, "FAULT with REMOTE");
	expect(out.pages == 1, "%llu pages", out.pages);
}

static void test_other_process(void)
{
	volatile char *shared = mmap(NULL, page, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *addr = map(page, PROT_NONE, 0);
	int fd = open_ctl(), pidfd;
	uint32_t id;
	pid_t child;

	munmap(addr, page);
	child = must_fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		addr = mmap(addr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			    MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		memset(addr, 'c', page);
		shared[1] = 1;
		for (;;) {
			if (shared[0] == 'r') {
				shared[0] = addr[8];
				addr[8] = 'c';
			}
			usleep(1000);
		}
	}
	while (!shared[1])
		usleep(1000);
	pidfd = pidfd_of(child);
	look_at(fd, pinscope_pid(child), shared, addr, PINSCOPE_CALL_PIN_REMOTE, "pid");
	look_at(fd, pinscope_pidfd(pidfd), shared, addr, PINSCOPE_CALL_PIN_REMOTE, "pidfd");
	look_at(fd, pinscope_pid(child), shared, addr, PINSCOPE_CALL_GET_REMOTE,
		"pid, get");
	expect_ret(pin_one(fd, pinscope_pid(child), PINSCOPE_CALL_PIN_REMOTE,
			   PINSCOPE_FOLL_LONGTERM, addr, &id), 0, "LONGTERM");
	expect_ret(pinscope_unpin(fd, id), 0, "UNPIN");
	expect_ret(pin_one(fd, pinscope_pid(child), PINSCOPE_CALL_PIN, 0, addr, &id),
		   -EINVAL, "a way that takes none but the caller's");
	expect_ret(pin_one(fd, pinscope_self(), PINSCOPE_CALL_PIN_REMOTE, 0, "x", &id),
		   -EINVAL, "unaligned");

	/* A pin outlives the process that it is of; the rest does not. */
	expect_ret(pin_one(fd, pinscope_pidfd(pidfd), PINSCOPE_CALL_PIN_REMOTE, 0, addr,
			   &id), 0, "PIN");
	kill(child, SIGKILL);
	waitid(P_PID, child, NULL, WEXITED | WNOWAIT);
	expect_ret(compare_one(fd, pinscope_pid(child), id, addr), -ESRCH, "a zombie");
	expect_ret(compare_one(fd, pinscope_pidfd(pidfd), id, addr), -ESRCH,
		   "a zombie's pidfd");
	waitpid(child, NULL, 0);
	expect_ret(compare_one(fd, pinscope_pid(child), id, addr), -ESRCH, "gone");
	expect_ret(compare_one(fd, pinscope_pidfd(pidfd), id, addr), -ESRCH,
		   "gone, by pidfd");
	char byte = 0;

	expect_ret(pinscope_read(fd, id, 100, &byte, 1), 0, "READ");
	expect(byte == 'c', "read %d", byte);
}

static void test_bad_targets(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_ctl(), file = open("/proc/self/maps", O_RDONLY), p[2];
	const struct {
		const char *name;
		struct pinscope_target target_nr;
		int want;
	} bad[] = {
		{ "caller with a number", { PINSCOPE_TARGET_CALLER, 1 }, -EINVAL },
		{ "pid 0", pinscope_pid(0), -ESRCH },
		{ "pid -1", pinscope_pid(-1), -ESRCH },
		{ "pid that is none", pinscope_pid(0x7fffffff), -ESRCH },
		{ "kernel thread", pinscope_pid(2), -ESRCH },
		{ "pidfd -1", pinscope_pidfd(-1), -EBADF },
		{ "pidfd that is ctl", pinscope_pidfd(fd), -EBADF },
		{ "pidfd that is a file", pinscope_pidfd(file), -EBADF },
		{ "pidfd that is a pipe", pinscope_pidfd(pipe(p) ? -1 : p[0]), -EBADF },
		{ "whose 99", { 99, 0 }, -EINVAL },
		{ "memfd", pinscope_memfd(fd), -EINVAL },
	};
	struct pinscope_page rec;
	uint32_t id, none;
	size_t i;

	id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, page);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		expect_ret(pin_one(fd, bad[i].target_nr, PINSCOPE_CALL_PIN_REMOTE, 0, addr,
				   &none), bad[i].want, bad[i].name);
		expect_ret(inspect_one(fd, bad[i].target_nr, addr, &rec), bad[i].want,
			   bad[i].name);
		expect_ret(compare_one(fd, bad[i].target_nr, id, addr), bad[i].want,
			   bad[i].name);
		expect_ret(pinscope_fault(fd, bad[i].target_nr, pinscope_addr(addr), page,
					  PINSCOPE_FAULT_REMOTE, NULL, NULL),
			   bad[i].want, bad[i].name);
	}
	expect_ret(inspect_one(fd, pinscope_pinned(id + 1), NULL, &rec), -ENOENT,
		   "unknown pin");
	expect_ret(inspect_one(fd, pinscope_pinned(id), (char *)page, &rec), -ERANGE,
		   "beyond a pin");
	expect_ret(pin_one(fd, pinscope_pinned(id), PINSCOPE_CALL_PIN_REMOTE, 0, addr,
			   &none), -EINVAL, "PIN of a pin");
	expect(get_info(fd).pinned_pages == 1, "%llu", get_info(fd).pinned_pages);
}

/* The file was opened by root, but it is the caller who is asked about. */
static void test_not_permitted(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	struct pinscope_page rec;
	int fd = open_ctl(), pidfd;
	pid_t child = child_start();
	uint32_t id;

	if (!child)
		child_wait();
	pidfd = pidfd_of(child);
	expect_ret(inspect_one(fd, pinscope_pid(child), addr, &rec), 0, "as root");
	need(!setresuid(65534, 65534, 65534), "setresuid");
	expect_ret(inspect_one(fd, pinscope_pid(child), addr, &rec), -EACCES,
		   "INSPECT as somebody else");
	expect_ret(inspect_one(fd, pinscope_pidfd(pidfd), addr, &rec), -EACCES,
		   "by pidfd");
	expect_ret(inspect_one(fd, pinscope_pid(1), addr, &rec), -EACCES, "init");
	expect_ret(pin_one(fd, pinscope_pid(child), PINSCOPE_CALL_PIN_REMOTE, 0, addr, &id),
		   -EACCES, "PIN as somebody else");
	expect_ret(pinscope_fault(fd, pinscope_pid(child), pinscope_addr(addr), page,
				  PINSCOPE_FAULT_REMOTE, NULL, NULL), -EACCES,
		   "FAULT as somebody else");
	expect_ret(inspect_one(fd, pinscope_self(), addr, &rec), 0, "the caller's own");
	child_end(child);
}

/*
 * In a pid namespace with the outer /proc, a number means one process to the
 * kernel and another to procfs, which is asked who may. Neither will do.
 */
static void test_pid_namespace(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	struct pinscope_page rec;
	int fd = open_ctl(), status, ret;
	pid_t child;

	need(!unshare(CLONE_NEWPID), "unshare: %s", pinscope_errno(errno));
	child = must_fork();
	if (!child) {
		expect(getpid() == 1, "pid %d", getpid());
		ret = inspect_one(fd, pinscope_pid(1), addr, &rec);
		expect_ret(ret, -ESRCH, "pid 1 of the namespace");
		fflush(stdout);
		_exit(ret != -ESRCH);
	}
	waitpid(child, &status, 0);
	expect(!status, "the child failed: status 0x%x", status);
}

/* Yama may forbid even root to attach. */
static void test_debugger(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE), scope = '0';
	int file = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	struct pinscope_page rec;
	int fd = open_ctl();
	pid_t child = child_start();

	if (!child)
		child_wait();
	need(file >= 0 && read(file, &scope, 1) == 1, "ptrace_scope: %s",
	     pinscope_errno(errno));
	expect_ret(inspect_one(fd, pinscope_pid(child), addr, &rec),
		   scope == '3' ? -EACCES : 0, "INSPECT of a child");
	expect_ret(inspect_one(fd, pinscope_pidfd(pidfd_of(child)), addr, &rec),
		   scope == '3' ? -EACCES : 0, "by pidfd");
	close(file);
	child_end(child);
}

/* The child executes something else: its memory is another, the pin is not. */
static void test_exec(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE), byte = 0;
	int fd = open_ctl(), go[2], ret;
	uint32_t id;
	pid_t child;

	addr[0] = 'e';
	need(!pipe(go), "pipe");
	child = must_fork();
	if (!child) {
		addr[0] = 'E';
		while (read(go[0], &byte, 1) == 1 && byte != 'x')
			;
		execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(127);
	}
	/* Until it has a page of its own. */
	do {
		expect_ret(pin_one(fd, pinscope_pid(child), PINSCOPE_CALL_PIN_REMOTE, 0,
				   addr, &id), 0, "PIN");
		pinscope_read(fd, id, 0, &byte, 1);
		if (byte != 'E')
			pinscope_unpin(fd, id);
	} while (byte != 'E');
	expect(compare_one(fd, pinscope_pid(child), id, addr) == 1, "not the same");
	need(write(go[1], "x", 1) == 1, "write");
	do {
		usleep(1000);
		ret = compare_one(fd, pinscope_pid(child), id, addr);
	} while (ret == 1);
	expect(ret == 0 || ret == -ESRCH, "after exec: %s", pinscope_errno(ret));
	expect_ret(pinscope_read(fd, id, 0, &byte, 1), 0, "READ");
	expect(byte == 'E', "read %d", byte);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* In its own mount namespace, where /proc is anything but procfs. */
static void test_no_procfs(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_ctl(), pidfd = pidfd_of(getpid()), file;
	struct pinscope_page rec;

	need(!unshare(CLONE_NEWNS) &&
	     !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	     !mount("t", "/proc", "tmpfs", 0, NULL), "mount: %s",
	     pinscope_errno(errno));
	need(!mkdir("/proc/self", 0755), "mkdir: %s", pinscope_errno(errno));
	file = open("/proc/self/mem", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	need(file >= 0, "open: %s", pinscope_errno(errno));
	close(file);
	expect_ret(inspect_one(fd, pinscope_pidfd(pidfd), addr, &rec), -ENOENT,
		   "by pidfd");
	expect_ret(inspect_one(fd, pinscope_pid(getpid()), addr, &rec), -ENOENT,
		   "by pid");
}

const struct test remote_tests[] = {
	{ "another process: all that there is", test_other_process },
	{ "another process: bad targets", test_bad_targets },
	{ "another process: not permitted", test_not_permitted },
	{ "another process: in a pid namespace", test_pid_namespace },
	{ "another process: as a debugger", test_debugger },
	{ "another process: exec", test_exec },
	{ "another process: no procfs", test_no_procfs },
	{}
};
