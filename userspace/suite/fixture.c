// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fixtures, see fixture.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"

void fixture_begin(struct fixture *f, const struct scenario *scenario, int fd)
{
	*f = (struct fixture) {
		.scenario = *scenario,
		.fd = fd,
		.m.fd = -1,
		.map_fd = -1,
		.uffd = -1,
		.len = sys_page_size(),
		.content = 'p',		/* of what an access would swap in */
	};
}

const char *fixture_make(struct fixture *f)
{
	const struct request *request = f->scenario.request;
	const struct kind *kind = f->scenario.kind;
	char has[NAMES_MAX], must[NAMES_MAX];
	struct pinscope_page page;

	if (kind->mapping) {
		if (!memory_open(&f->m, kind))
			return fixture_fails(f, "%s", f->m.why);
		f->m.room = request ? request->pinner->room : 0;
		/* make_dax() maps by itself: an entry of DAX may have no page to look at. */
		if (!(kind->traits & KIND_DAX) && !memory_map(&f->m, f->fd, true))
			return fixture_fails(f, "%s", f->m.why);
		f->addr = f->m.addr;
		f->len = kind->len;
	}
	if (kind->make && kind->make(f))
		return f->why;
	/* Without the module nobody can look. */
	if (f->fd < 0 || (!kind->has && !kind->hasnt))
		return NULL;
	page = fixture_page(f);
	if ((page.state & kind->has) == kind->has && !(page.state & kind->hasnt))
		return NULL;
	pinscope_names(pinscope_state_names, kind->has, must, sizeof(must));
	pinscope_names(pinscope_state_names, page.state, has, sizeof(has));
	return fixture_fails(f, "expected page state %.80s, found %s", must, has);
}

/*
 * madvise-pageout-clears-dax-pmd leaves an entry in TLBs that outlives even the mapping: what
 * is mapped there next would be reached by it. When the entries that are unmapped lie this
 * far apart, mm flushes all.
 */
static void flush_tlbs(void)
{
	size_t len = 1 << 20;
	volatile char *addr = mmap(NULL, len, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (addr == MAP_FAILED)
		return;
	addr[0] = 1;
	addr[len - 1] = 1;
	munmap((void *)addr, len);
}

void fixture_end(struct fixture *f)
{
	const unsigned int dax_pmd = KIND_DAX | KIND_PMD;

	fixture_join(f);
	if (f->other)
		pinscope_unpin(f->fd, f->other);
	if (f->uffd >= 0)
		close(f->uffd);
	if ((f->scenario.kind->traits & dax_pmd) == dax_pmd)
		flush_tlbs();
	if (f->extra)
		munmap(f->extra, f->extra_len);
	memory_close(&f->m);
	if (f->map_fd >= 0)
		close(f->map_fd);
}

const char *fixture_fails(struct fixture *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(f->why, sizeof(f->why), format, args);
	va_end(args);
	return f->why;
}

struct pinscope_page fixture_page(struct fixture *f)
{
	struct pinscope_page page;

	if (pinscope_page(f->fd, f->addr, &page))
		memset(&page, 0, sizeof(page));
	return page;
}

void fixture_process_writes(struct fixture *f, char byte)
{
	if (f->readonly)
		mprotect(f->addr, f->len, PROT_READ | PROT_WRITE);
	*(volatile char *)f->addr = byte;
	if (f->readonly)
		mprotect(f->addr, f->len, PROT_READ);
}

const char *fixture_map(struct fixture *f, int fd, size_t len, size_t align,
			int flags)
{
	char *room = mmap(NULL, len + align, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return fixture_fails(f, "mmap: %s", pinscope_errno(errno));
	f->m.area = room;
	f->m.area_len = len + align;
	f->addr = room + (-(uintptr_t)room & (align - 1));
	if (mmap(f->addr, len, PROT_READ | PROT_WRITE,
		 flags | MAP_FIXED | (fd < 0 ? MAP_ANONYMOUS : 0), fd,
		 0) == MAP_FAILED)
		return fixture_fails(f, "mmap: %s", pinscope_errno(errno));
	return NULL;
}

/* ------------------------------------------------------------------ child */

enum child_role {
	CHILD_MAPS,		/* the page */
	CHILD_IS_GRANDCHILD,	/* its parent, our child, exits at once */
	CHILD_REFERENCES,	/* the page, which it has unmapped */
};

/* Requests that nobody writes: execve(); or fork() and exit. */
#define REQUEST_EXEC	((char)0xff)
#define REQUEST_FORK	((char)0xfe)

/* Runs the program that this process runs: it is there, whatever else is not. */
static void child_execs(void)
{
	dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
	execl("/proc/self/exe", "pinscope", "--version", NULL);
	_exit(1);
}

/*
 * Answers each request with the byte that it has at the page, after it wrote the
 * request there unless that is 0. Ends when nobody is left to ask.
 */
static void child_main(struct fixture *f, int from, int to, enum child_role role)
{
	bool references = role == CHILD_REFERENCES;
	char request, byte;
	uint32_t id;
	int fd = -1;

	if (references) {
		fd = pinscope_open();
		if (fd < 0 || pinscope_pin(fd, PINSCOPE_CALL_GET_FAST, 0, f->addr,
					   sys_page_size(), &id) ||
		    munmap(f->addr, f->len))
			_exit(1);
	}
	while (read(from, &request, 1) == 1) {
		if (request == REQUEST_EXEC)
			child_execs();
		if (request == REQUEST_FORK && fork())
			_exit(0);
		if (request && request != REQUEST_FORK)
			*(volatile char *)f->addr = request;
		if (!references)
			byte = *(volatile char *)f->addr;
		else if (pinscope_read(fd, id, 0, &byte, 1))
			break;
		if (write(to, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static const char *have_child(struct fixture *f, enum child_role role)
{
	int down[2], up[2];
	pid_t pid;

	if (pipe2(down, O_CLOEXEC))
		return fixture_fails(f, "pipe: %s", pinscope_errno(errno));
	if (pipe2(up, O_CLOEXEC)) {
		fixture_fails(f, "pipe: %s", pinscope_errno(errno));
		close(down[0]);
		close(down[1]);
		return f->why;
	}
	pid = fork();
	if (!pid) {
		close(down[1]);
		if (role == CHILD_IS_GRANDCHILD && fork())
			_exit(0);
		child_main(f, down[0], up[1], role);
	}
	if (pid < 0)
		fixture_fails(f, "fork: %s", pinscope_errno(errno));
	close(down[0]);
	close(up[1]);
	if (pid < 0) {
		close(down[1]);
		close(up[0]);
		return f->why;
	}
	f->child = (struct child) { pid, down[1], up[0] };
	if (role == CHILD_IS_GRANDCHILD)
		waitpid(pid, NULL, 0);
	return NULL;
}

const char *fixture_fork(struct fixture *f)
{
	return have_child(f, CHILD_MAPS);
}

const char *fixture_fork_grandchild(struct fixture *f)
{
	return have_child(f, CHILD_IS_GRANDCHILD);
}

const char *fixture_fork_reference(struct fixture *f)
{
	if (have_child(f, CHILD_REFERENCES))
		return f->why;
	/* The child answers once it has the reference. */
	if (fixture_child_sees(f) < 0)
		return fixture_fails(f, "the child cannot take a reference");
	return NULL;
}

static int join_child(struct fixture *f)
{
	int status = -1;
	char byte;

	close(f->child.to);
	/* The pipe ends when the child's memory is gone, a grandchild's as well. */
	while (read(f->child.from, &byte, 1) > 0)
		;
	close(f->child.from);
	waitpid(f->child.pid, &status, 0);
	f->child.pid = 0;
	return status;
}

void fixture_join(struct fixture *f)
{
	if (f->child.pid > 0)
		join_child(f);
}

int fixture_child_execs(struct fixture *f)
{
	const char request = REQUEST_EXEC;

	return write(f->child.to, &request, 1) == 1 ? join_child(f) : -1;
}

static int ask_child(struct fixture *f, unsigned char byte)
{
	if (f->child.pid <= 0 || write(f->child.to, &byte, 1) != 1 ||
	    read(f->child.from, &byte, 1) != 1)
		return -1;
	return byte;
}

int fixture_child_forks(struct fixture *f)
{
	int sees = ask_child(f, REQUEST_FORK);

	waitpid(f->child.pid, NULL, 0);
	return sees;
}

int fixture_child_sees(struct fixture *f)
{
	return ask_child(f, 0);
}

void fixture_child_writes(struct fixture *f, char byte)
{
	ask_child(f, byte);
}
