// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processes of exercise and their memory, see exercise.h. All processes descend from
 * one that makes the memory. Each waits for requests on a socket of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exercise.h"
#include "make.h"
#include "splat.h"
#include "sys.h"

/* What a process may take to end; under emulation nothing is fast. */
#define END_MS		60000

/* Huge pages that must be free for each of a region: else mm kills who wants one. */
enum { COPIES = 2 };

/* ------------------------------------------------------------ in a process */

/* The process that this is. */
static int my_sock = -1;
static enum ex_end my_end;

static void tell(const struct ex_answer *a)
{
	if (send(my_sock, a, sizeof(*a), MSG_NOSIGNAL) != sizeof(*a))
		_exit(0);
}

/* An access that the model allows must not end like this. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
	const struct ex_answer a = { .ret = EX_DIED, .signal = sig, .addr = info->si_addr };

	(void)context;
	/* Who races may find that another thread has taken the memory away. */
	if (race_escape)
		siglongjmp(*race_escape, sig);
	tell(&a);
	_exit(1);
}

void world_become(struct ex_world *w, unsigned int process)
{
	my_sock = w->socks[process][1];
	uffd_forget();
	io_forget();
}

void world_leave(enum ex_end how)
{
	my_end = how;
}

/* Another program takes the place of the process's memory, and ends at once. */
__attribute__((noreturn))
static void leave(void)
{
	char *const argv[] = { "pinscope", "--version", NULL };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (my_end == EX_END_EXEC && dup2(null, STDOUT_FILENO) >= 0)
		execv("/proc/self/exe", argv);
	_exit(0);
}

__attribute__((noreturn))
static void serve(struct ex_world *w)
{
	struct ex_request r;
	struct ex_answer a;

	while (recv(my_sock, &r, sizeof(r), 0) == sizeof(r)) {
		a = (struct ex_answer) {};
		a.ret = ex_operations[r.step.op].act(w, &r, &a);
		if (a.ret != EX_CHILD)
			tell(&a);
		if (my_end != EX_END_KILL)
			leave();
	}
	_exit(0);
}

/* Where a move leads to: room with the same alignment, which nothing else can get. */
static char *reserve(const struct fixture *f, size_t align)
{
	char *room = mmap(NULL, f->len + 2 * align, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return NULL;
	room += -(uintptr_t)room & (align - 1);
	return room + ((uintptr_t)f->addr & (align - 1));
}

/* What the scheduler and the processes must know of a region that was made. */
static void describe_region(struct ex_world *w, unsigned int nr)
{
	struct ex_region *region = &w->regions[nr];

	region->page = region->kind.hugetlb_shift ? region->kind.page : sys_page_size();
	region->nr = w->board->made[nr].len / region->page;
	if (region->nr > EX_PAGES)
		region->nr = EX_PAGES;
	region->fd = w->board->made[nr].fd;
	memcpy(region->at, w->board->made[nr].at, sizeof(region->at));
	region->shared = region->kind.traits & KIND_SHARED;
}

static void make_region(struct ex_world *w, unsigned int nr)
{
	const struct ex_region *region = &w->regions[nr];
	const struct scenario scenario = { .kind = &region->kind };
	size_t align = region->kind.hugetlb_shift ? region->kind.page : sys_thp_size();
	static struct fixture fixtures[EX_REGIONS];
	struct fixture *f = &fixtures[nr];

	if (!region->kind.name[0])
		return;
	fixture_begin(f, &scenario, w->fd);
	if (!fixture_make(f)) {
		w->board->made[nr].at[0] = f->addr;
		w->board->made[nr].at[1] = reserve(f, align ? align : sys_page_size());
		w->board->made[nr].len = w->board->made[nr].at[1] ? f->len : 0;
		w->board->made[nr].fd = f->m.fd;
		describe_region(w, nr);
		return;
	}
	snprintf(w->board->made[nr].why, REASON_MAX, "%s", f->why);
	fixture_end(f);
}

__attribute__((noreturn))
static void first_process(struct ex_world *w)
{
	const struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	const struct ex_answer ready = {};
	unsigned int nr;

	/* Who has the other end of a socket is told when the scheduler ends. */
	for (nr = 0; nr < EX_PROCESSES; nr++)
		close(w->socks[nr][0]);
	world_become(w, 0);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	signal(SIGINT, SIG_IGN);
	/* A page in another processor's LRU batch has a reference more. */
	sys_stay_on_cpu(0);
	for (nr = 0; nr < EX_REGIONS; nr++)
		make_region(w, nr);
	tell(&ready);
	serve(w);
}

/* ----------------------------------------------------------- the scheduler */

void world_adopt(struct ex_world *w, unsigned int process, pid_t pid)
{
	w->processes[process].pid = pid;
	w->processes[process].pidfd = syscall(SYS_pidfd_open, pid, 0);
	w->processes[process].uffd = -1;
	w->processes[process].uffd_events = false;
}

/* Children of children are not ours to wait for, but a pidfd tells. */
void world_bury(struct ex_world *w, unsigned int process)
{
	struct ex_process *p = &w->processes[process];
	struct pollfd end = { .fd = p->pidfd, .events = POLLIN };

	if (!poll(&end, 1, END_MS)) {
		w->undead = true;
		world_fails(w, "process %u did not end in %d s", process, END_MS / 1000);
	}
	close(p->pidfd);
	if (p->uffd >= 0)
		close(p->uffd);
	p->uffd = -1;
	p->pid = 0;
	p->pidfd = -1;
}

void world_kill(struct ex_world *w, unsigned int process)
{
	kill(w->processes[process].pid, SIGKILL);
	world_bury(w, process);
}

/* Waits for what a process says, or its end, and answers faults; returns whether it came. */
static bool wait_for(struct ex_world *w, unsigned int process)
{
	struct pollfd polls[2 + EX_PROCESSES] = {
		{ .fd = w->socks[process][0], .events = POLLIN },
		{ .fd = w->processes[process].pidfd, .events = POLLIN },
	};
	long left, end = sys_now_ms() + w->patience_ms;
	unsigned int i;
	int nr;

	for (i = 0; i < EX_PROCESSES; i++)
		polls[2 + i] = (struct pollfd) {
			.fd = w->processes[i].pid ? w->processes[i].uffd : -1,
			.events = POLLIN,
		};
	/* Messages of a userfaultfd, or signals, make it no longer. */
	while ((left = end - sys_now_ms()) > 0) {
		nr = poll(polls, ARRAY_SIZE(polls), left);
		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			break;
		if (polls[0].revents || polls[1].revents)
			return true;
		for (i = 0; i < EX_PROCESSES; i++)
			if (polls[2 + i].revents & POLLIN)
				uffd_answer(w, i);
	}
	return false;
}

static void receive(struct ex_world *w, unsigned int process, struct ex_answer *a)
{
	*a = (struct ex_answer) { .ret = EX_DIED };
	if (!wait_for(w, process)) {
		w->hung = true;
		world_fails(w, "process %u did not return in %d s", process,
			    w->patience_ms / 1000);
		return;
	}
	/* What it said before it ended counts. */
	if (recv(w->socks[process][0], a, sizeof(*a), MSG_DONTWAIT) != sizeof(*a))
		a->ret = EX_DIED;
}

static bool tell_process(struct ex_world *w, const struct ex_request *r, unsigned int act)
{
	struct ex_request request = *r;

	request.step.op = act;
	return send(w->socks[r->step.process][0], &request, sizeof(request),
		    MSG_NOSIGNAL) == sizeof(request);
}

static void fail_if_dead(struct ex_world *w, unsigned int process, const struct ex_answer *a)
{
	if (a->ret != EX_DIED)
		return;
	if (a->signal)
		world_fails(w, "process %u may access %p, and got signal %d (%s) there",
			    process, a->addr, a->signal, strsignal(a->signal));
	else
		world_fails(w, "process %u was killed", process);
}

void world_ask(struct ex_world *w, const struct ex_request *r, unsigned int act,
	       struct ex_answer *a)
{
	*a = (struct ex_answer) { .ret = EX_DIED };
	if (tell_process(w, r, act))
		receive(w, r->step.process, a);
	fail_if_dead(w, r->step.process, a);
}

void world_race(struct ex_world *w, unsigned int nr, unsigned int act)
{
	struct ex_request r = {};
	struct ex_answer a;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		r.step.process = i;
		if (w->processes[i].pid)
			tell_process(w, &r, act);
	}
	for (i = 0; i < nr; i++) {
		if (!w->processes[i].pid)
			continue;
		receive(w, i, &a);
		fail_if_dead(w, i, &a);
	}
}

/* The model of a region begins as what was made. */
static void adopt_region(struct ex_world *w, unsigned int nr)
{
	struct ex_region *region = &w->regions[nr];
	struct ex_request r = { .step.region = nr };
	struct ex_answer a;
	unsigned int i;

	describe_region(w, nr);
	if (!region->nr)
		return;
	for (i = 0; i < region->nr; i++)
		w->processes[0].pages[nr][i] = (struct ex_page) {
			.mapped = true, .access = EX_WRITE,
		};
	model_learn(w, 0, nr, 0, region->nr);
	r.step.nr = region->nr;
	r.addr = region->at[0];
	r.len = region->nr * region->page;
	world_ask(w, &r, EX_OP_READ, &a);
	for (i = 0; i < region->nr; i++) {
		w->processes[0].pages[nr][i].content = w->board->window[i];
		if (!w->processes[0].pages[nr][i].own)
			region->file[i] = w->board->window[i];
	}
}

bool world_begin(struct ex_world *w)
{
	struct ex_answer ready;
	unsigned int i;
	pid_t pid;

	memset(w->board, 0, sizeof(*w->board));
	for (i = 0; i < EX_PROCESSES; i++) {
		w->processes[i].pidfd = -1;
		w->processes[i].uffd = -1;
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->socks[i])) {
			world_fails(w, "socketpair: %s", pinscope_errno(errno));
			return false;
		}
	}
	w->fd = pinscope_open();
	if (w->fd < 0) {
		world_fails(w, "open of ctl: %s", pinscope_errno(w->fd));
		return false;
	}
	fflush(stdout);
	pid = fork();
	if (!pid)
		first_process(w);
	if (pid < 0) {
		world_fails(w, "fork: %s", pinscope_errno(errno));
		return false;
	}
	world_adopt(w, 0, pid);
	receive(w, 0, &ready);
	if (ready.ret == EX_DIED) {
		world_fails(w, "the first process ended while it made memory");
		return false;
	}
	for (i = 0; i < EX_REGIONS; i++)
		adopt_region(w, i);
	return !*w->why;
}

void world_read_log(struct ex_world *w)
{
	static const char logged[] = "the kernel logged: ";
	char splat[sizeof(w->why) - sizeof(logged)];

	if (splat_find(w->log, splat, sizeof(splat)))
		snprintf(w->why, sizeof(w->why), "%s%s", logged, splat);
}

void world_end(struct ex_world *w)
{
	unsigned int i;

	for (i = 0; i < EX_PROCESSES; i++) {
		if (w->processes[i].pid)
			world_kill(w, i);
		if (w->socks[i][0] > 0) {
			close(w->socks[i][0]);
			close(w->socks[i][1]);
		}
	}
	uffd_drop_child(w);
	if (w->fd > 0)
		close(w->fd);
}

void world_request(struct ex_world *w, const struct ex_step *s, struct ex_request *r)
{
	const struct ex_operation *op = &ex_operations[s->op];
	const struct ex_region *region = &w->regions[s->region];

	*r = (struct ex_request) { .step = *s, .word = ++w->last_word };
	if (op->uses & (EX_USES_RANGE | EX_USES_PIN)) {
		r->addr = model_addr(w, s->process, s->region, s->page);
		r->to = region->at[!w->processes[s->process].pages[s->region][s->page].moved] +
			s->page * region->page;
		r->len = s->nr * region->page;
		r->uffd = w->processes[s->process].pages[s->region][s->page].uffd;
	}
	if (op->uses & EX_USES_PIN) {
		r->id = w->pins[s->other].id;
		if (w->pins[s->other].uring)
			r->addr = w->pins[s->other].addr + (s->page - w->pins[s->other].page) *
				  region->page + s->arg * (region->page / EX_WORDS);
		r->offset = (s->page - w->pins[s->other].page) * region->page;
	}
	if (op->uses & EX_USES_PROCESS)
		r->pid = w->processes[s->other].pid;
	if (op->uses & EX_BY_ANOTHER)
		r->pid = w->processes[s->process].pid;
}

/* All pages are at the same one of the two addresses of the region. */
static bool is_uniform(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *pages = w->processes[s->process].pages[s->region];
	unsigned int i;

	for (i = s->page; i < s->page + s->nr; i++)
		if (pages[i].moved != pages[s->page].moved)
			return false;
	return true;
}

bool world_has_pool(const struct ex_region *region, unsigned int copies)
{
	return !region->kind.hugetlb_shift ||
	       sys_hugetlb_unreserved(region->page) >= copies * (long)region->nr;
}

static bool is_possible(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_operation *op = &ex_operations[s->op];
	const struct ex_region *region = &w->regions[s->region];
	const struct ex_pin *pin = &w->pins[s->other];
	unsigned int i;

	if (!w->processes[s->process].pid)
		return false;
	if ((op->uses & (EX_USES_RANGE | EX_USES_PIN)) &&
	    (!s->nr || s->page + s->nr > region->nr || !world_has_pool(region, COPIES)))
		return false;
	if ((op->uses & EX_USES_RANGE) && !is_uniform(w, s))
		return false;
	if (op->uses & EX_MAKES_PIN && pin->used)
		return false;
	if ((op->uses & EX_USES_PIN) &&
	    (!pin->used || pin->region != s->region || s->page < pin->page ||
	     s->page + s->nr > pin->page + pin->nr))
		return false;
	/* fork() copies all memory. */
	for (i = 0; i < EX_REGIONS && !(op->uses & (EX_USES_RANGE | EX_USES_PIN)); i++)
		if (!world_has_pool(&w->regions[i], COPIES))
			return false;
	return !op->possible || op->possible(w, s);
}

/* The next one that lives; the last one of all is @process itself. */
static unsigned int another(const struct ex_world *w, unsigned int process)
{
	unsigned int i = process;

	do
		i = (i + 1) % EX_PROCESSES;
	while (!w->processes[i].pid);
	return i;
}

bool world_step(struct ex_world *w, const struct ex_step *s)
{
	const struct ex_operation *op = &ex_operations[s->op];
	struct ex_request r;
	struct ex_answer a = {};

	if (!is_possible(w, s))
		return false;
	world_request(w, s, &r);
	if (op->uses & EX_BY_ANOTHER)
		r.step.process = another(w, s->process);
	world_ask(w, &r, s->op, &a);
	world_read_log(w);
	if (!*w->why)
		uffd_adopt(w, r.step.process, &a);
	if (!*w->why && op->effect)
		op->effect(w, s, &r, &a);
	if (!*w->why)
		model_look(w);
	return true;
}
