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
#include <string.h>
#include <sys/prctl.h>
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

	return f->scenario.kind->traits & untouched ||
	       f->scenario.condition->traits & (COND_UFFD_RWP | COND_NO_ACCESS | COND_SWAPPED) ?
	       f->content : *(volatile char *)f->addr;
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
 * share the page under test as well; and the files, so that the locks of the suite, which
 * belong to these, last as long as the memory does. It lives for one access: before Linux 6.2
 * a task keeps its last changes of the RSS counters to itself until it ends.
 */
struct access {
	pid_t pid;		/* whose memory */
	bool write;
	char byte;
	uintptr_t addr;
	int ret;
};

/* The file says EIO where GUP says EFAULT. */
static int mem_result(ssize_t moved)
{
	return moved == 1 ? 0 : moved < 0 && errno != EIO ? -errno : -EFAULT;
}

static int tracer_main(void *arg)
{
	struct access *a = arg;
	char path[40];
	int mem;

	/* GUP may never return, by a known bug of kernels. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "/proc/%d/mem", a->pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	/*
	 * Not PTRACE_ATTACH: its SIGSTOP may still be on its way when another signal has
	 * stopped the process, which then stops for good.
	 */
	if (mem >= 0 && !ptrace(PTRACE_SEIZE, a->pid, 0, 0) &&
	    !ptrace(PTRACE_INTERRUPT, a->pid, 0, 0) &&
	    waitpid(a->pid, NULL, __WALL) == a->pid)
		a->ret = mem_result(a->write ? pwrite(mem, &a->byte, 1, a->addr) :
				    pread(mem, &a->byte, 1, a->addr));
	ptrace(PTRACE_DETACH, a->pid, 0, 0);
	if (mem >= 0)
		close(mem);
	_exit(0);
}

static int mem_access(struct fixture *f, bool writes, char *byte)
{
	static char stack[1 << 16];
	struct access access = {
		.pid = getpid(), .write = writes, .byte = *byte,
		.addr = (uintptr_t)f->addr, .ret = -EPERM,
	};
	pid_t tracer = clone(tracer_main, stack + sizeof(stack),
			     CLONE_VM | CLONE_FILES | SIGCHLD, &access);

	if (tracer < 0)
		return -errno;
	while (waitpid(tracer, NULL, 0) < 0 && errno == EINTR)
		;
	*byte = access.byte;
	return access.ret;
}

static int mem_read_pin(struct fixture *f)
{
	char byte = 0;

	return mem_access(f, false, &byte);
}

static int mem_write_pin(struct fixture *f)
{
	char byte = present_byte(f);

	return mem_access(f, true, &byte);
}

static int mem_see(struct fixture *f)
{
	char byte = 0;

	return mem_access(f, false, &byte) ? 0 : byte;
}

const struct pinner by_mem_read = {
	.name = "proc-mem-read",
	.what =
		"A tracer that reads /proc/PID/mem, which takes a reference by get_user_pages_remote() with FOLL_FORCE while it copies; ptrace() itself comes to the same code (PTRACE_PEEKDATA).",
	.traits = PINNER_SHORT,
	.pin = mem_read_pin,
	.see = mem_see,
	.unpin = nothing_to_release,
};

const struct pinner by_mem_write = {
	.name = "proc-mem-write",
	.what =
		"A tracer that writes /proc/PID/mem, which takes a reference by get_user_pages_remote() with FOLL_WRITE | FOLL_FORCE while it copies; ptrace() itself comes to the same code (PTRACE_POKEDATA). It breaks COW even in a mapping without VM_WRITE, as a breakpoint must.",
	.traits = PINNER_SHORT,
	.pin = mem_write_pin,
	.see = mem_see,
	.unpin = nothing_to_release,
};
