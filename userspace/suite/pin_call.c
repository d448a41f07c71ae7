// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls that reach memory by GUP and hold it only while they run. To see or to
 * put a byte is to make the call again.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"

/*
 * What a call that writes may write and change nothing. Where an access of the process
 * would do what the call has to do, the content is known: see the makers of kinds.
 */
static char present_byte(struct fixture *f)
{
	const unsigned int untouched = KIND_VMA_REFUSED | KIND_NOT_PRESENT | KIND_NUMA_HINT;

	return f->scenario.kind->traits & untouched ? 'p' : *(volatile char *)f->addr;
}

static int nothing_to_release(struct fixture *f)
{
	(void)f;
	return 0;
}

/* ------------------------------------------- process_vm_readv() and writev() */

static int vm_read(struct fixture *f, char *byte)
{
	const struct iovec to = { byte, 1 }, from = { f->addr, 1 };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1 ? 0 : -errno;
}

static int vm_write(struct fixture *f, char byte)
{
	const struct iovec from = { &byte, 1 }, to = { f->addr, 1 };

	return process_vm_writev(getpid(), &from, 1, &to, 1, 0) == 1 ? 0 : -errno;
}

static int vm_read_pin(struct fixture *f)
{
	char byte = 0;

	return vm_read(f, &byte);
}

static int vm_write_pin(struct fixture *f)
{
	return vm_write(f, present_byte(f));
}

static int vm_see(struct fixture *f)
{
	char byte = 0;

	return vm_read(f, &byte) ? 0 : byte;
}

static void vm_put(struct fixture *f, char byte)
{
	vm_write(f, byte);
}

const struct pinner by_vm_readv = {
	.name = "process-vm-readv",
	.what =
		"process_vm_readv(), which pins the pages of the other process by pin_user_pages_remote() without flags while it copies.",
	.traits = PINNER_SHORT,
	.pin = vm_read_pin,
	.see = vm_see,
	.unpin = nothing_to_release,
};

const struct pinner by_vm_writev = {
	.name = "process-vm-writev",
	.what =
		"process_vm_writev(), which pins the pages of the other process by pin_user_pages_remote() with FOLL_WRITE while it copies.",
	.traits = PINNER_SHORT,
	.pin = vm_write_pin,
	.see = vm_see,
	.put = vm_put,
	.unpin = nothing_to_release,
};

/* ------------------------------------------------------------ /proc/PID/mem */

/*
 * A child that traces this process and uses its file: some kernels allow FOLL_FORCE only
 * to a tracer (CONFIG_PROC_MEM_FORCE_PTRACE). It shares all memory, since to fork would
 * share the page under test as well.
 */
static struct tracer {
	pid_t pid;		/* which it traces */
	int down[2], up[2];	/* wishes, and answers */
	char stack[1 << 16];
} tracer;

struct wish {
	bool write;
	char byte;
	uintptr_t addr;
};

struct answer {
	int ret;
	char byte;
};

/* The file says EIO where GUP says EFAULT. */
static int mem_result(ssize_t moved)
{
	return moved == 1 ? 0 : moved < 0 && errno != EIO ? -errno : -EFAULT;
}

static struct answer mem_move(int mem, const struct wish *wish)
{
	struct answer answer = { .byte = wish->byte };

	answer.ret = mem_result(wish->write ? pwrite(mem, &wish->byte, 1, wish->addr) :
				pread(mem, &answer.byte, 1, wish->addr));
	return answer;
}

/* Ends of other pipes must not stay open here: who reads them waits for their end. */
static void keep_only(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	close_range(STDERR_FILENO + 1, low - 1, 0);
	if (low + 1 < high)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

/* Ends when nobody is left to ask. */
static int tracer_main(void *arg)
{
	const struct tracer *t = arg;
	struct answer answer = {};
	struct wish wish;
	char path[40];
	int mem;

	keep_only(t->down[0], t->up[1]);
	snprintf(path, sizeof(path), "/proc/%d/mem", t->pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	while (read(t->down[0], &wish, sizeof(wish)) == sizeof(wish)) {
		answer.ret = -EPERM;
		/*
		 * Not PTRACE_ATTACH: its SIGSTOP may still be on its way when another
		 * signal has stopped the process, which then stops for good.
		 */
		if (!ptrace(PTRACE_SEIZE, t->pid, 0, 0) &&
		    !ptrace(PTRACE_INTERRUPT, t->pid, 0, 0) &&
		    waitpid(t->pid, NULL, __WALL) == t->pid) {
			answer = mem_move(mem, &wish);
			ptrace(PTRACE_DETACH, t->pid, 0, 0);
		}
		if (write(t->up[1], &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

static const char *mem_open(void)
{
	/* Two pinners share it. */
	if (tracer.pid == getpid())
		return NULL;
	tracer.pid = getpid();
	if (pipe2(tracer.down, O_CLOEXEC) || pipe2(tracer.up, O_CLOEXEC) ||
	    clone(tracer_main, tracer.stack + sizeof(tracer.stack), CLONE_VM | SIGCHLD,
		  &tracer) < 0) {
		tracer.pid = 0;
		return "no tracer could be started: too many files or processes";
	}
	close(tracer.down[0]);
	close(tracer.up[1]);
	return NULL;
}

static int mem_ask(struct fixture *f, bool writes, char *byte)
{
	const struct wish wish = {
		.write = writes, .byte = *byte, .addr = (uintptr_t)f->addr,
	};
	struct answer answer;

	if (write(tracer.down[1], &wish, sizeof(wish)) != sizeof(wish) ||
	    read(tracer.up[0], &answer, sizeof(answer)) != sizeof(answer))
		return -ESRCH;
	*byte = answer.byte;
	return answer.ret;
}

static int mem_read_pin(struct fixture *f)
{
	char byte = 0;

	return mem_ask(f, false, &byte);
}

static int mem_write_pin(struct fixture *f)
{
	char byte = present_byte(f);

	return mem_ask(f, true, &byte);
}

static int mem_see(struct fixture *f)
{
	char byte = 0;

	return mem_ask(f, false, &byte) ? 0 : byte;
}

const struct pinner by_mem_read = {
	.name = "proc-mem-read",
	.what =
		"A tracer that reads /proc/PID/mem, which takes a reference by get_user_pages_remote() with FOLL_FORCE while it copies; ptrace() itself comes to the same code (PTRACE_PEEKDATA).",
	.traits = PINNER_SHORT,
	.open = mem_open,
	.pin = mem_read_pin,
	.see = mem_see,
	.unpin = nothing_to_release,
};

const struct pinner by_mem_write = {
	.name = "proc-mem-write",
	.what =
		"A tracer that writes /proc/PID/mem, which takes a reference by get_user_pages_remote() with FOLL_WRITE | FOLL_FORCE while it copies; ptrace() itself comes to the same code (PTRACE_POKEDATA). It breaks COW even in a mapping without VM_WRITE, as a breakpoint must.",
	.traits = PINNER_SHORT,
	.open = mem_open,
	.pin = mem_write_pin,
	.see = mem_see,
	.unpin = nothing_to_release,
};
