// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways to die: a call is stopped at each place where it touches memory of a process, by a
 * userfaultfd that its process does not serve, and then something goes: the process, its
 * program, the open file, the memory, or the other process that the call is about. And
 * pins are held while what they were made in goes: a thread, a cgroup, swap, a pool of
 * hugetlb pages, a memory block, the whole machine into suspend.
 */
#include <glob.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/swap.h>

#include "abi.h"

/* How long a call may take to come to its stop, and a process to die: what hangs, fails. */
#define SECONDS		60

/* ------------------------------------------------------- where a call stops */

/* The memory of a process that stops: which page it stops at, and how. */
enum {
	PAGE_CMD, PAGE_CMD_END, PAGE_BUFFER, PAGE_PINNED,
	PAGE_MEMORY, PAGE_MEMORY_END = PAGE_MEMORY + 2, PAGES = PAGE_MEMORY + 4
};

enum stop {
	STOP_SIZE,		/* the first field of the struct is read */
	STOP_STRUCT,		/* the rest of it is */
	STOP_ANSWER,		/* the struct is written */
	STOP_BUFFER,		/* what the struct points to is read or written */
	STOP_MEMORY,		/* the third page of the memory that the call is about faults */
	STOPS
};

#define AT(stop)	(1U << STOP_##stop)

static const struct {
	const char *name;
	unsigned int page;
	bool wp;		/* the page is write-protected; else it is missing */
} stops[STOPS] = {
	[STOP_SIZE] = { "the size of the struct is read", PAGE_CMD, false },
	[STOP_STRUCT] = { "the struct is read", PAGE_CMD_END, false },
	[STOP_ANSWER] = { "the struct is written", PAGE_CMD, true },
	[STOP_BUFFER] = { "the buffer", PAGE_BUFFER, false },
	[STOP_MEMORY] = { "the memory", PAGE_MEMORY_END, false },
};

/* --------------------------------------------------------- what is called */

union any_cmd {
	__u32 size;
	struct pinscope_info info;
	struct pinscope_pin pin;
	struct pinscope_unpin unpin;
	struct pinscope_io io;
	struct pinscope_inspect inspect;
	struct pinscope_compare compare;
	struct pinscope_fault fault;
	struct pinscope_map_counts map_counts;
	struct pinscope_rss rss;
	struct pinscope_track track;
	struct pinscope_holders holders;
};

/**
 * struct victim - the process whose call is stopped, as it sees itself
 * @row: what it calls
 * @stop: where that stops
 * @area: PAGES pages of memory
 * @ctl: an open ctl file, of its own unless the row is partial
 * @fd: the same, or the file that the row names
 * @id: of a pin of PAGE_PINNED
 * @target: pid of the process whose memory it is about, or 0
 * @uffd: inherited: the userfaultfd of that process
 * @ret: what the call returned
 */
struct victim {
	const struct row *row;
	enum stop stop;
	char *area;
	int ctl, fd;
	uint32_t id;
	pid_t target;
	int uffd;
	int ret;
};

/**
 * struct row - a call
 * @name: of it
 * @path: of the file that is read; NULL: an ioctl of ctl
 * @cmd: which ioctl
 * @size: of its struct
 * @fill: sets the fields of the struct that the call needs; or NULL
 * @at: where it is stopped: AT() bits
 * @call: for PIN
 * @remote: the memory is of another process
 * @partial: with PIN_PARTIAL, in a file that others have open as well: what was pinned until
 *	the caller is killed is released all the same, since nobody knows the id
 */
struct row {
	const char *name;
	const char *path;
	enum pinscope_cmd cmd;
	size_t size;
	void (*fill)(const struct victim *v, union any_cmd *cmd);
	unsigned int at;
	enum pinscope_call call;
	bool remote;
	bool partial;
};

static uint64_t addr_of(const struct victim *v, unsigned int nr)
{
	return pinscope_addr(v->area + nr * page);
}

static void fill_pin(const struct victim *v, union any_cmd *cmd)
{
	cmd->pin.call = v->row->call;
	cmd->pin.gup_flags = PINSCOPE_FOLL_WRITE;
	cmd->pin.addr = addr_of(v, PAGE_MEMORY);
	cmd->pin.len = (PAGES - PAGE_MEMORY) * page;
	cmd->pin.flags = v->row->partial ? PINSCOPE_PIN_PARTIAL : 0;
	if (v->target) {
		cmd->pin.target_type = PINSCOPE_TARGET_PID;
		cmd->pin.target_nr = v->target;
	}
}

static void fill_unpin(const struct victim *v, union any_cmd *cmd)
{
	cmd->unpin.id = v->id;
}

static void fill_io(const struct victim *v, union any_cmd *cmd)
{
	cmd->io.id = v->id;
	cmd->io.len = page;
	cmd->io.buf = addr_of(v, PAGE_BUFFER);
}

static void fill_inspect(const struct victim *v, union any_cmd *cmd)
{
	cmd->inspect.record_size = sizeof(struct pinscope_page);
	cmd->inspect.addr = addr_of(v, PAGE_PINNED);
	cmd->inspect.len = page;
	cmd->inspect.records = addr_of(v, PAGE_BUFFER);
	cmd->inspect.nr = 1;
}

static void fill_compare(const struct victim *v, union any_cmd *cmd)
{
	cmd->compare.id = v->id;
	cmd->compare.addr = addr_of(v, PAGE_PINNED);
	cmd->compare.bitmap = addr_of(v, PAGE_BUFFER);
	cmd->compare.bitmap_size = sizeof(uint64_t);
}

static void fill_fault(const struct victim *v, union any_cmd *cmd)
{
	cmd->fault.flags = PINSCOPE_FAULT_WRITE | PINSCOPE_FAULT_ALLOW_RETRY |
			   PINSCOPE_FAULT_KILLABLE;
	cmd->fault.addr = addr_of(v, PAGE_MEMORY);
	cmd->fault.len = (PAGES - PAGE_MEMORY) * page;
	if (v->stop == STOP_BUFFER)
		cmd->fault.results = addr_of(v, PAGE_BUFFER);
	if (v->target) {
		cmd->fault.flags |= PINSCOPE_FAULT_REMOTE;
		cmd->fault.target_type = PINSCOPE_TARGET_PID;
		cmd->fault.target_nr = v->target;
	}
}

static void fill_track(const struct victim *v, union any_cmd *cmd)
{
	(void)v;
	cmd->track.op = PINSCOPE_TRACK_QUERY;
}

static void fill_holders(const struct victim *v, union any_cmd *cmd)
{
	cmd->holders.record_size = sizeof(struct pinscope_site);
	cmd->holders.records = addr_of(v, PAGE_BUFFER);
	cmd->holders.nr = 1;
}

#define IN_STRUCT	(AT(SIZE) | AT(STRUCT) | AT(ANSWER))
#define ROW(nr, type, fill, at)						\
	{ #nr, NULL, PINSCOPE_CMD_##nr, sizeof(struct type), fill, at, 0, false, false }
#define PIN_ROW(name, call)						\
	{ "PIN " name, NULL, PINSCOPE_CMD_PIN, sizeof(struct pinscope_pin), fill_pin, \
	  AT(MEMORY), PINSCOPE_CALL_##call, false, false }
#define PARTIAL_ROW(name, call)						\
	{ "PIN " name ", PIN_PARTIAL", NULL, PINSCOPE_CMD_PIN, sizeof(struct pinscope_pin), \
	  fill_pin, AT(MEMORY), PINSCOPE_CALL_##call, false, true }
#define REMOTE_ROW(name, nr, type, fill, call)				\
	{ name " of another process", NULL, PINSCOPE_CMD_##nr, sizeof(struct type), fill, \
	  AT(MEMORY), PINSCOPE_CALL_##call, true, false }
#define READ_ROW(path)	{ "read of " path, path, 0, 0, NULL, AT(BUFFER), 0, false, false }

/*
 * HOLDERS has something to answer: the test tracks. pin_user_pages() and get_user_pages()
 * never stop at the memory: they keep the mmap lock, and then userfaultfd does not wait.
 */
static const struct row rows[] = {
	ROW(INFO, pinscope_info, NULL, IN_STRUCT),
	ROW(PIN, pinscope_pin, fill_pin, IN_STRUCT),
	ROW(UNPIN, pinscope_unpin, fill_unpin, IN_STRUCT),
	ROW(READ, pinscope_io, fill_io, AT(SIZE) | AT(STRUCT) | AT(BUFFER)),
	ROW(WRITE, pinscope_io, fill_io, AT(SIZE) | AT(STRUCT) | AT(BUFFER)),
	ROW(INSPECT, pinscope_inspect, fill_inspect, IN_STRUCT | AT(BUFFER)),
	ROW(COMPARE, pinscope_compare, fill_compare, IN_STRUCT | AT(BUFFER)),
	ROW(FAULT, pinscope_fault, fill_fault, IN_STRUCT | AT(BUFFER) | AT(MEMORY)),
	ROW(RSS, pinscope_rss, NULL, IN_STRUCT),
	ROW(TRACK, pinscope_track, fill_track, IN_STRUCT),
	ROW(HOLDERS, pinscope_holders, fill_holders, IN_STRUCT | AT(BUFFER)),
	PIN_ROW("pin-fast", PIN_FAST),
	PIN_ROW("pin-unlocked", PIN_UNLOCKED),
	PIN_ROW("pin-remote", PIN_REMOTE),
	PARTIAL_ROW("pin-fast", PIN_FAST),
	PARTIAL_ROW("get-remote", GET_REMOTE),
	PIN_ROW("get-fast", GET_FAST),
	PIN_ROW("get-unlocked", GET_UNLOCKED),
	PIN_ROW("get-remote", GET_REMOTE),
	REMOTE_ROW("PIN pin-remote", PIN, pinscope_pin, fill_pin, PIN_REMOTE),
	REMOTE_ROW("PIN get-remote", PIN, pinscope_pin, fill_pin, GET_REMOTE),
	REMOTE_ROW("FAULT", FAULT, pinscope_fault, fill_fault, PIN),
	READ_ROW("/sys/kernel/debug/pinscope/pins"),
	READ_ROW("/sys/kernel/debug/pinscope/holders"),
	READ_ROW("/sys/kernel/debug/pinscope/tracking"),
};

/* ----------------------------------------------------------- what goes then */

/**
 * struct death - what happens to a call that has stopped
 * @name: of it
 * @order: what the main thread of the victim does: see obey(); 0: nothing
 * @signal: to the victim; 0: none
 * @oom: the OOM killer takes the victim
 * @target_dies: so does the process whose memory it is about
 * @served: the userfaultfd is closed, and so the call goes on
 * @exits: status of the victim, as of waitpid(); a victim that goes on exits with 0
 * @rare: only for one row, since it takes long
 */
static const struct death {
	const char *name;
	char order;
	int signal;
	bool oom;
	bool target_dies;
	bool served;
	int exits;
	bool rare;
} deaths[] = {
	{ "SIGKILL", .signal = SIGKILL, .exits = SIGKILL },
	{ "another thread exits the process", .order = 'q' },
	{ "another thread executes a program", .order = 'x' },
	{ "the file is closed", .order = 'c', .served = true },
	{ "the page is unmapped", .order = 'u', .served = true },
	{ "the userfaultfd is closed", .order = 'j', .served = true },
	{ "the OOM killer", .oom = true, .exits = SIGKILL, .rare = true },
	{ "the other process is killed, and the caller", .target_dies = true,
	  .signal = SIGKILL, .exits = SIGKILL },
	{ "the other process is killed", .target_dies = true, .order = 'j', .served = true },
};

/* ------------------------------------------------------------- the victim */

/* A process that is told what to do: bytes to it, and answers of any kind from it. */
struct child {
	pid_t pid;
	int to, from;
};

static struct child start(void (*run)(struct victim *v, int in, int out), struct victim *v)
{
	int to[2], from[2];
	struct child c;

	need_sys(!pipe2(to, O_CLOEXEC));
	need_sys(!pipe2(from, O_CLOEXEC));
	c.pid = must_fork();
	if (!c.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(to[1]);
		close(from[0]);
		run(v, to[0], from[1]);
		_exit(1);
	}
	close(to[0]);
	close(from[1]);
	c.to = to[1];
	c.from = from[0];
	return c;
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, SECONDS * 1000) == 1 && p.revents & POLLIN;
}

static char next_order(int in)
{
	char order = 0;

	return read(in, &order, 1) == 1 ? order : 0;
}

/* Prepares the stop, hands the userfaultfd to the parent, and closes it once it has it. */
static void arm(struct victim *v, int in, int out)
{
	char *at = v->area + stops[v->stop].page * page;
	int uffd;

	if (stops[v->stop].wp) {
		uffd = sys_uffd_wp(at, page, 0);
		need_ok(uffd < 0 ? uffd : 0, "write-protect by userfaultfd");
	} else {
		madvise(at, page, MADV_DONTNEED);
		uffd = uffd_missing(at, page);
	}
	need_sys(write(out, &uffd, sizeof(uffd)) == sizeof(uffd));
	if (!next_order(in))
		_exit(1);
	close(uffd);
}

static void be_target(struct victim *v, int in, int out)
{
	arm(v, in, out);
	next_order(in);
	_exit(0);
}

/* The struct is filled in elsewhere: the page where it goes may stop who touches it. */
static void *make_call(void *arg)
{
	struct victim *v = arg;
	char *at = v->area + PAGE_CMD * page;
	int ret;

	if (v->row->path) {
		ret = read(v->fd, v->area + PAGE_BUFFER * page, page);
	} else {
		if (v->stop == STOP_STRUCT)
			at += page - sizeof(__u32);
		ret = ioctl(v->fd, _IO(PINSCOPE_IOC_MAGIC, v->row->cmd), at);
	}
	v->ret = ret < 0 ? -errno : ret;
	return NULL;
}

static void put_struct(struct victim *v)
{
	char *at = v->area + PAGE_CMD * page;
	union any_cmd cmd = {};

	cmd.size = v->row->size;
	if (v->row->fill)
		v->row->fill(v, &cmd);
	if (v->stop == STOP_STRUCT)
		memcpy(at + page - sizeof(cmd.size), &cmd.size, sizeof(cmd.size));
	else
		memcpy(at, &cmd, v->row->size);
}

/* What a death has the main thread of the victim do, while the other is in the call. */
static void obey(struct victim *v, char order)
{
	switch (order) {
	case 'q':
		_exit(0);
	case 'x':
		execl("/bin/true", "true", NULL);
		_exit(1);
	case 'c':
		close(v->fd);
		if (v->fd != v->ctl)
			close(v->ctl);
		break;
	case 'u':
		munmap(v->area + stops[v->stop].page * page, page);
		break;
	}
}

static void be_victim(struct victim *v, int in, int out)
{
	pthread_t thread;
	char order;

	if (!v->row->partial)
		v->ctl = pinscope_open();
	need_ok(v->ctl < 0 ? v->ctl : 0, "open of " PINSCOPE_CTL_PATH);
	v->fd = v->row->path ? open(v->row->path, O_RDONLY | O_CLOEXEC) : v->ctl;
	need_sys(v->fd >= 0, "%s", v->row->path);
	memset(v->area, 'v', PAGES * page);
	if (!v->row->partial)
		v->id = pin(v->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE,
			    v->area + PAGE_PINNED * page, page);
	put_struct(v);
	if (v->target)
		close(v->uffd);
	else
		arm(v, in, out);
	need_ok(-pthread_create(&thread, NULL, make_call, v));
	order = next_order(in);
	obey(v, order);
	/* Tell that it is done; the call goes on when the parent lets it. */
	need_sys(write(out, &order, 1) == 1);
	pthread_join(thread, NULL);
	need_sys(write(out, &v->ret, sizeof(v->ret)) == sizeof(v->ret));
	next_order(in);
	_exit(0);
}

/* ------------------------------------------------------------ the parent */

/* The parent's own reference to a file of a child. */
static int take_file(const struct child *c)
{
	int pidfd = syscall(SYS_pidfd_open, c->pid, 0), nr, fd;

	need_sys(pidfd >= 0, "pidfd_open");
	need(readable(c->from) && read(c->from, &nr, sizeof(nr)) == sizeof(nr),
	     "the child failed before the call");
	fd = syscall(SYS_pidfd_getfd, pidfd, nr, 0);
	need_sys(fd >= 0, "pidfd_getfd");
	close(pidfd);
	/* Without this a userfaultfd cannot be polled. */
	need_sys(!fcntl(fd, F_SETFL, O_NONBLOCK));
	need_sys(write(c->to, "g", 1) == 1);
	return fd;
}

static int status_in_time(const struct child *c)
{
	int pidfd = syscall(SYS_pidfd_open, c->pid, 0);

	/* A pidfd is readable when the process is gone. */
	need(pidfd >= 0 && readable(pidfd), "process %d is not gone after %d s", c->pid, SECONDS);
	close(pidfd);
	return status_of(c->pid);
}

static void put_child(struct child *c)
{
	close(c->to);
	close(c->from);
}

#define SYSRQ		"/proc/sysrq-trigger"
#define OOM_DUMP_TASKS	"/proc/sys/vm/oom_dump_tasks"

static void kill_by_oom(pid_t pid)
{
	char path[50];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	need_write_file(path, "1000");
	need_write_file(SYSRQ, "f");
}

/* The call was let go on: it has to come back. */
static void expect_return(const struct row *row, enum stop stop, const struct death *death,
			  const struct child *c)
{
	int ret;

	need(readable(c->from) && read(c->from, &ret, sizeof(ret)) == sizeof(ret),
	     "the call does not return");
	/* A struct or a buffer that is gone is a bad pointer; a range may be pinned in part. */
	if (death->order != 'u' || stop == STOP_MEMORY)
		return;
	expect_ret(ret, -EFAULT);
	/* Nobody could know the id. */
	if (row->cmd == PINSCOPE_CMD_PIN && !row->path)
		expect_eq(pages_pinned(), 1, "pages that the victim has");
}

static void run(struct abi_fixture *f, const struct row *row, enum stop stop,
		const struct death *death)
{
	struct victim v = { .row = row, .stop = stop, .area = f->mem, .ctl = f->ctl };
	struct child target = {}, c;
	struct uffd_msg msg;
	int uffd = -1;
	char done;

	tap_context("%s, %s, stopped at: %s", row->name, death->name, stops[stop].name);
	if (row->remote) {
		target = start(be_target, &v);
		v.target = target.pid;
		uffd = take_file(&target);
		v.uffd = uffd;
	}
	c = start(be_victim, &v);
	if (!row->remote)
		uffd = take_file(&c);
	need(readable(uffd) && read(uffd, &msg, sizeof(msg)) == sizeof(msg),
	     "the call does not stop there");
	if (death->target_dies) {
		kill(target.pid, SIGKILL);
		expect_eq(status_in_time(&target), SIGKILL);
	}
	if (death->oom)
		kill_by_oom(c.pid);
	if (death->signal)
		kill(c.pid, death->signal);
	if (death->order)
		need_sys(write(c.to, &death->order, 1) == 1);
	if (death->served) {
		need(readable(c.from) && read(c.from, &done, 1) == 1, "the victim is gone");
		close(uffd);
		expect_return(row, stop, death, &c);
		if (death->order == 'c')
			expect(nothing_left(), "the file was closed");
		need_sys(write(c.to, "q", 1) == 1);
	}
	expect_eq(status_in_time(&c), death->exits, "status of the victim");
	if (!death->served)
		close(uffd);
	put_child(&c);
	if (row->remote) {
		if (!death->target_dies) {
			kill(target.pid, SIGKILL);
			status_in_time(&target);
		}
		put_child(&target);
	}
	expect(nothing_left(), "the victim is gone");
}

/* Of the rare deaths one call, which stops with pages in its hands. */
static bool takes(const struct row *row, const struct death *death)
{
	if (death->target_dies && !row->remote)
		return false;
	if (death->served && row->partial)
		return false;
	/* The page is the other's. */
	if (death->order == 'u' && row->remote)
		return false;
	/* Not every kernel has sysrq. */
	if (death->oom && access(SYSRQ, F_OK))
		return false;
	return !death->rare || row->call == PINSCOPE_CALL_PIN_FAST;
}

static void test_stopped_calls(struct abi_fixture *f)
{
	uint64_t calls = get_info(f->ctl).calls;
	bool tracks, dumps = sys_read_number(OOM_DUMP_TASKS);
	size_t r, d;
	int stop;

	sys_write_file(OOM_DUMP_TASKS, "0");
	/* Not every kernel can track; then HOLDERS fails before it writes. */
	tracks = !pinscope_track(f->ctl, PINSCOPE_TRACK_START, 0, 0, NULL);
	for (r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		if (!(calls & 1ULL << rows[r].call) ||
		    (rows[r].cmd == PINSCOPE_CMD_HOLDERS && !tracks))
			continue;
		for (stop = 0; stop < STOPS; stop++)
			for (d = 0; rows[r].at & 1U << stop &&
			     d < sizeof(deaths) / sizeof(deaths[0]); d++)
				if (takes(&rows[r], &deaths[d]))
					run(f, &rows[r], stop, &deaths[d]);
	}
	if (tracks)
		stop_tracking(f->ctl);
	sys_write_file(OOM_DUMP_TASKS, dumps ? "1" : "0");
}

/* ------------------------------------------------- what a pin was made in goes */

static void *pin_and_end(void *arg)
{
	struct abi_fixture *f = arg;

	return (void *)(uintptr_t)pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM,
				      f->mem, f->len);
}

/* A pin belongs to the open file: the thread that made it may end. */
static void test_thread_ends(struct abi_fixture *f)
{
	pthread_t thread;
	void *id;

	need_ok(-pthread_create(&thread, NULL, pin_and_end, f));
	pthread_join(thread, &id);
	expect_eq(compare(f->ctl, (uintptr_t)id, f->mem).same, f->len / page);
	expect_ok(pinscope_unpin(f->ctl, (uintptr_t)id));
}

/* Each process makes two, until there are 2^@depth; each writes to its memory. */
static void fork_all(struct abi_fixture *f, unsigned int depth)
{
	pid_t pids[2];
	int i;

	f->mem[0] = depth;
	for (i = 0; depth && i < 2; i++) {
		pids[i] = must_fork();
		if (!pids[i]) {
			fork_all(f, depth - 1);
			_exit(0);
		}
	}
	for (i = 0; depth && i < 2; i++)
		if (status_of(pids[i]))
			_exit(1);
}

/* All of them have the file, and one of the last closes it. */
static void test_many_forks(struct abi_fixture *f)
{
	int fd = pinscope_open();
	pid_t child, last;
	uint32_t id;

	need_ok(fd < 0 ? fd : 0);
	id = pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, f->mem, f->len);
	child = must_fork();
	if (!child) {
		fork_all(f, 6);
		_exit(0);
	}
	expect_eq(status_of(child), 0, "status of the processes");
	f->mem[0] = 'p';
	expect_eq(compare(fd, id, f->mem).same, f->len / page, "after 127 processes");
	expect_read(fd, id, 0, 'p');
	last = idle_child();
	close(fd);
	expect_eq(pages_pinned(), f->len / page, "a child has the file open");
	child_end(last);
	expect(nothing_left(), "nobody has the file open");
}

/* A process with the number @pid, which nobody has, and with another byte at @addr. */
static pid_t start_as(pid_t pid, char *addr)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = pinscope_addr(&pid), .set_tid_size = 1,
	};
	pid_t child;

	fflush(stdout);
	child = syscall(SYS_clone3, &args, sizeof(args));
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		*addr = 'n';
		for (;;)
			pause();
	}
	need_sys(child == pid, "clone3 with the process id %d", pid);
	return child;
}

/* What a number means is looked up by each call; a pidfd never means another process. */
static void test_number_is_reused(struct abi_fixture *f)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_REMOTE, .addr = pinscope_addr(f->mem), .len = page,
	};
	pid_t old = idle_child(), new;
	int pidfd = syscall(SYS_pidfd_open, old, 0), tries;
	struct pinscope_compare cmp = {};
	struct pinscope_page *recs;
	size_t nr;

	need_sys(pidfd >= 0, "pidfd_open");
	cmd.target_type = PINSCOPE_TARGET_PIDFD;
	cmd.target_nr = pidfd;
	need_ok(pinscope_pin_cmd(f->ctl, &cmd));
	child_end(old);
	new = start_as(old, f->mem);
	expect_ret(pinscope_compare(f->ctl, cmd.id, pinscope_pidfd(pidfd), cmd.addr, &cmp),
		   -ESRCH, "COMPARE by the pidfd");
	expect_ret(pinscope_inspect(f->ctl, pinscope_pidfd(pidfd), cmd.addr, page, &recs, &nr),
		   -ESRCH, "INSPECT by the pidfd");
	/* It may not have come to write yet. */
	for (tries = 0; tries < SECONDS * 100; tries++) {
		cmp = (struct pinscope_compare) {};
		need_ok(pinscope_compare(f->ctl, cmd.id, pinscope_pid(new), cmd.addr, &cmp));
		if (!cmp.same)
			break;
		usleep(10000);
	}
	expect_eq(cmp.same, 0, "the new process has a page of its own");
	expect_ok(pinscope_unpin(f->ctl, cmd.id));
	kill_child(new);
	close(pidfd);
}

/* The first area of swap, as /proc/swaps names it. */
static bool swap_area(char *path)
{
	FILE *file = fopen("/proc/swaps", "re");
	bool has;

	if (!file)
		return false;
	has = fscanf(file, "%*[^\n] %199s", path) == 1;
	fclose(file);
	return has;
}

/* Pages that were swapped, half of them pinned: swapoff(2) brings the others back. */
static void test_swapoff(struct abi_fixture *f)
{
	size_t i, swapped = 0, nr = f->len / page;
	char path[200];
	uint32_t id;

	if (!swap_area(path))
		tap_skip("no swap: see swapon(8)");
	for (i = 0; i < nr; i++)
		f->mem[i * page] = i;
	need_sys(!madvise(f->mem, f->len, MADV_PAGEOUT));
	for (i = 0; i < nr; i++)
		swapped += !!(state_of(f->ctl, f->mem + i * page).state & PINSCOPE_STATE_SWAP);
	need(swapped > nr / 2, "%zu of %zu pages were swapped", swapped, nr);
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, f->mem, f->len / 2);
	need_sys(!swapoff(path), "swapoff of %s", path);
	need_sys(!swapon(path, 0), "swapon of %s", path);
	expect_eq(compare(f->ctl, id, f->mem).same, nr / 2);
	for (i = 0; i < nr; i++) {
		expect_state(f->ctl, f->mem + i * page, PINSCOPE_STATE_PRESENT, 0, "page %zu", i);
		expect_eq(f->mem[i * page], (char)i, "page %zu", i);
	}
	expect_ok(pinscope_unpin(f->ctl, id));
}

/* A file of the pool of hugetlb pages of a PMD's size. */
static const char *pool_file(const char *name)
{
	static char path[100];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/%s",
		 pmd_size >> 10, name);
	return path;
}

static void set_pool(const char *file, long pages)
{
	char text[20];

	snprintf(text, sizeof(text), "%ld", pages);
	need_write_file(file, text);
}

/*
 * What is in use when the pool shrinks is surplus until nobody has it. Each node gets back what
 * it had: a pool that grows takes pages of all nodes, also of one that is all ZONE_MOVABLE.
 */
static void test_pool_shrinks(struct abi_fixture *f)
{
	struct kind_memory *m = get_memory(f->ctl, hugetlb_kind("hugetlb-anon", pmd_size));
	long size = sys_read_number(pool_file("nr_hugepages")), of_node[64];
	char pattern[100];
	glob_t nodes;
	uint32_t id;
	size_t i;

	snprintf(pattern, sizeof(pattern),
		 "/sys/devices/system/node/node*/hugepages/hugepages-%zukB/nr_hugepages",
		 pmd_size >> 10);
	/* Kernels without NUMA have no nodes here. */
	if (glob(pattern, 0, NULL, &nodes))
		nodes = (glob_t) {};
	need_sys(nodes.gl_pathc <= ARRAY_SIZE(of_node), "at most 64 nodes");
	for (i = 0; i < nodes.gl_pathc; i++)
		of_node[i] = sys_read_number(nodes.gl_pathv[i]);
	m->addr[0] = 'h';
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, m->addr, pmd_size);
	set_pool(pool_file("nr_hugepages"), 0);
	expect_eq(sys_read_number(pool_file("surplus_hugepages")), m->len / pmd_size);
	put_memory(m);
	expect_eq(sys_read_number(pool_file("nr_hugepages")), 1, "what is pinned");
	expect_read(f->ctl, id, 0, 'h', "unmapped, and not in the pool");
	expect_ok(pinscope_unpin(f->ctl, id));
	expect_eq(sys_read_number(pool_file("nr_hugepages")), 0, "after the unpin");
	if (!nodes.gl_pathc)
		set_pool(pool_file("nr_hugepages"), size);
	for (i = 0; i < nodes.gl_pathc; i++)
		set_pool(nodes.gl_pathv[i], of_node[i]);
	globfree(&nodes);
	expect_eq(sys_read_number(pool_file("nr_hugepages")), size, "as before");
}

#define MEMORY	"/sys/devices/system/memory/"

/* The file that says whether the memory block of a page is online. */
static const char *block_file(uint64_t pfn)
{
	static char path[100];
	FILE *file = fopen(MEMORY "block_size_bytes", "re");
	unsigned long long size;

	if (!file)
		tap_leave_out("the kernel is built without CONFIG_MEMORY_HOTPLUG");
	need_sys(fscanf(file, "%llx", &size) == 1, MEMORY "block_size_bytes");
	fclose(file);
	snprintf(path, sizeof(path), MEMORY "memory%llu/state",
		 (unsigned long long)pfn * page / size);
	return path;
}

/* Offlining tries until it is told to stop: a child, which an alarm ends. */
static bool goes_offline(const char *path, unsigned int seconds)
{
	pid_t child = must_fork();

	if (!child) {
		alarm(seconds);
		_exit(!!sys_write_file(path, "offline"));
	}
	return !status_of(child);
}

/* A pin that is not for long may be in ZONE_MOVABLE, and keeps its memory online. */
static void test_offline(struct abi_fixture *f)
{
	unsigned long mask = 1UL << 2;
	struct pinscope_page rec;
	const char *path;
	uint32_t id;
	int tries;

	need_sys(!syscall(SYS_mbind, f->mem, page, MPOL_BIND, &mask, 9UL, 0));
	f->mem[0] = 'o';
	rec = state_of(f->ctl, f->mem);
	need(rec.state & PINSCOPE_STATE_ZONE_MOVABLE, "node 2 is ZONE_MOVABLE");
	path = block_file(rec.pfn);
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE, f->mem, page);
	expect(!goes_offline(path, 2), "%s, with a pinned page", path);
	expect_eq(compare(f->ctl, id, f->mem).same, 1);
	expect_read(f->ctl, id, 0, 'o');
	expect_ok(pinscope_unpin(f->ctl, id));
	/* Pages of others may be in use for a moment. */
	for (tries = 0; tries < 10 && !goes_offline(path, SECONDS); tries++)
		;
	expect_le(tries, 9, "%s, without a pin", path);
	expect_ne(state_of(f->ctl, f->mem).pfn, rec.pfn, "the page that was pinned");
	expect_eq(f->mem[0], 'o');
	need_write_file(path, "online_movable");
}

#define POWER	"/sys/power/"

/* Suspends to idle; the host, which is told, wakes the machine. Too early is EBUSY. */
static int sleep_and_wake(const char *waker)
{
	int tries, ret = -EBUSY;

	for (tries = 0; tries < 5 && ret == -EBUSY; tries++) {
		need_write_file(waker, "asleep\n");
		ret = sys_write_file(POWER "state", "freeze");
		need_write_file(waker, "awake\n");
	}
	return ret;
}

/* What to tell the host. */
static const char *need_waker(void)
{
	const char *waker = getenv("PINSCOPE_WAKER");

	if (!waker || access("/sys/module/button", F_OK))
		tap_leave_out("nothing wakes this machine: scripts/vm --modules button does");
	if (access(POWER "pm_freeze_timeout", F_OK))
		tap_leave_out("the kernel is built without CONFIG_SUSPEND");
	return waker;
}

static void test_suspend(struct abi_fixture *f)
{
	const char *waker = need_waker();
	uint32_t id;

	f->mem[0] = 's';
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM,
		 f->mem, f->len);
	expect_ok(sleep_and_wake(waker));
	expect_eq(compare(f->ctl, id, f->mem).same, f->len / page);
	expect_read(f->ctl, id, 0, 's');
	f->mem[0] = 'w';
	expect_read(f->ctl, id, 0, 'w');
	expect_ok(pinscope_unpin(f->ctl, id));
}

/* Some kernels' long-term pins do not wait for a userfaultfd. */
static void *pin_and_wait(void *arg)
{
	struct abi_fixture *f = arg;

	return (void *)(uintptr_t)pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE,
				      f->mem, f->len);
}

/* A call that waits for a fault cannot be frozen: the machine stays awake, and the call goes on. */
static void test_suspend_in_call(struct abi_fixture *f)
{
	char *at = f->mem + f->len - page, timeout[20];
	struct uffdio_zeropage zero = { .range = { (uintptr_t)at, page } };
	struct uffd_msg msg;
	pthread_t thread;
	int uffd;
	void *id;

	need_waker();
	snprintf(timeout, sizeof(timeout), "%ld", sys_read_number(POWER "pm_freeze_timeout"));
	madvise(at, page, MADV_DONTNEED);
	uffd = uffd_missing(at, page);
	need_ok(-pthread_create(&thread, NULL, pin_and_wait, f));
	need_sys(read(uffd, &msg, sizeof(msg)) == sizeof(msg), "a fault");
	need_write_file(POWER "pm_freeze_timeout", "1000");
	expect_ret(sys_write_file(POWER "state", "freeze"), -EBUSY);
	need_write_file(POWER "pm_freeze_timeout", timeout);
	need_sys(!ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, &id);
	close(uffd);
	expect_eq(compare(f->ctl, (uintptr_t)id, f->mem).same, f->len / page);
	expect_ok(pinscope_unpin(f->ctl, (uintptr_t)id));
}

const struct test die_tests[] = {
	TEST_PAGES("die: calls that are stopped", test_stopped_calls, PAGES),
	TEST_POPULATED("die: the thread that pinned", test_thread_ends, 4),
	TEST_POPULATED("die: 127 processes", test_many_forks, 4),
	TEST_POPULATED("die: the process id is another's", test_number_is_reused, 1),
	TEST_POPULATED("die: swapoff", test_swapoff, 64),
	TEST("die: the pool of hugetlb pages", test_pool_shrinks),
	TEST_PAGES("die: memory goes offline", test_offline, 1),
	TEST_POPULATED("die: suspend to idle", test_suspend, 4),
	TEST_POPULATED("die: suspend to idle in a call", test_suspend_in_call, 4),
	{}
};
