// SPDX-License-Identifier: GPL-2.0-only
/*
 * Userfaultfd in exercise, see exercise.h. A process opens a userfaultfd of its own when
 * it first needs one, and the scheduler gets a copy: it is the handler. While a process
 * does an operation, the scheduler answers the faults of all processes.
 *
 * There are two for each process. One reports writes to protected pages, and pages that
 * are missing; with the other (UFFD_FEATURE_WP_ASYNC) a write takes the protection away
 * by itself, and nothing is reported. The first may have been opened for events: then what is
 * registered stays so for a child, and at another address, and the one that forks or moves
 * waits until the event was read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "errata.h"
#include "exercise.h"
#include "sys.h"

#define S(name)		PINSCOPE_STATE_##name

/* ------------------------------------------------------------ in a process */

/* By "is it the asynchronous one?" */
static int my_uffds[2] = { -1, -1 };

void uffd_forget(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (my_uffds[i] >= 0)
			close(my_uffds[i]);
		my_uffds[i] = -1;
	}
}

/* Returns the file, of which the scheduler is told, or a negative errno. */
static int open_uffd(bool async, bool events, struct ex_answer *a)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = (async ? UFFD_FEATURE_WP_ASYNC : UFFD_FEATURE_PAGEFAULT_FLAG_WP) |
			    (events ? UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP : 0),
	};
	int fd = my_uffds[async], ret;

	if (fd < 0) {
		fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			return -errno;
		if (ioctl(fd, UFFDIO_API, &api)) {
			ret = -errno;
			close(fd);
			return ret;
		}
		my_uffds[async] = fd;
	}
	if (!async)
		a->uffd = fd;
	return fd;
}

/* The scheduler has it. */
int act_take_uffd(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	int pidfd = syscall(SYS_pidfd_open, r->pid, 0);

	(void)w;
	(void)a;
	if (pidfd < 0)
		return -errno;
	my_uffds[0] = syscall(SYS_pidfd_getfd, pidfd, r->id, 0);
	close(pidfd);
	return my_uffds[0] < 0 ? -errno : 0;
}

static int register_range(int fd, void *addr, size_t len, uint64_t mode)
{
	struct uffdio_register reg = { .range = { (uintptr_t)addr, len }, .mode = mode };

	return ioctl(fd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

static int unregister_range(int fd, void *addr, size_t len)
{
	struct uffdio_range range = { (uintptr_t)addr, len };

	return ioctl(fd, UFFDIO_UNREGISTER, &range) ? -errno : 0;
}

static int write_protect(int fd, void *addr, size_t len, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)addr, len },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

/* --------------------------------------------------------------- the model */

static struct ex_page *page_of(struct ex_world *w, const struct ex_step *s, unsigned int i)
{
	return &w->processes[s->process].pages[s->region][s->page + i];
}

static const struct ex_page *pages_of_step(const struct ex_world *w, const struct ex_step *s)
{
	return &w->processes[s->process].pages[s->region][s->page];
}

void uffd_lose(struct ex_world *w, unsigned int process, unsigned int region,
	       unsigned int page, unsigned int nr)
{
	struct ex_page *p = &w->processes[process].pages[region][page];

	for (; nr; nr--, p++) {
		p->uffd = EX_UFFD_NONE;
		p->protected = false;
	}
}

/* Does fork() or mremap() leave a page registered? */
static bool stays(const struct ex_process *of, const struct ex_page *p)
{
	return of->uffd_events && (p->uffd == EX_UFFD_MISSING || p->uffd == EX_UFFD_WP);
}

void uffd_forked(struct ex_world *w, unsigned int process, unsigned int child)
{
	const struct ex_process *parent = &w->processes[process];
	struct ex_process *c = &w->processes[child];
	struct ex_request request = {
		.step.process = child, .pid = getpid(), .id = w->child_uffd,
	};
	bool any = false, has = w->child_uffd >= 0;
	unsigned int region, page;
	struct ex_page *p;
	struct ex_answer a;

	for (region = 0; region < EX_REGIONS; region++)
		for (page = 0; page < EX_PAGES; page++) {
			p = &c->pages[region][page];
			if (!stays(parent, p))
				uffd_lose(w, child, region, page, 1);
			else if (p->at_fork != EX_FORK_LEAVE)
				any = true;
		}
	if (any != has)
		world_fails(w,
			    "process %u forked: expected %s event of userfaultfd for its pages, found %s",
			    process, any ? "an" : "no", has ? "one" : "none");
	if (!has)
		return;
	c->uffd = w->child_uffd;
	c->uffd_events = true;
	w->child_uffd = -1;
	world_ask(w, &request, EX_OP_TAKE_UFFD, &a);
	if (a.ret)
		world_fails(w, "pidfd_getfd: %s", pinscope_errno(a.ret));
}

void uffd_moved(struct ex_world *w, unsigned int process, unsigned int region,
		unsigned int page, unsigned int nr)
{
	struct ex_process *of = &w->processes[process];

	for (; nr; page++, nr--)
		if (!stays(of, &of->pages[region][page]))
			uffd_lose(w, process, region, page, 1);
}

void uffd_dropped(struct ex_world *w, unsigned int process, unsigned int region,
		  unsigned int page, unsigned int nr)
{
	const struct ex_region *r = &w->regions[region];
	struct ex_page *p = &w->processes[process].pages[region][page];
	bool any = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		any |= p[i].protected;
		p[i].protected = false;
	}
	if (any && (r->fd >= 0 || r->kind.hugetlb_shift))
		model_learn_protected(w, process, region, page, nr);
}

void uffd_written(struct ex_world *w, unsigned int process, unsigned int region,
		  unsigned int page, unsigned int nr)
{
	struct ex_page *p = &w->processes[process].pages[region][page];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (p[i].uffd == EX_UFFD_WP && p[i].protected)
			world_fails(w,
				    "process %u, region %u (%s), page %u: it was written to, and userfaultfd, which protects it, was not told",
				    process, region, w->regions[region].kind.name, page + i);
		p[i].protected = false;
	}
}

bool uffd_would_wait(const struct ex_world *w, const struct ex_step *s, unsigned int process,
		     bool write)
{
	const struct ex_page *p = &w->processes[process].pages[s->region][s->page];
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if ((p[i].uffd == EX_UFFD_WP && p[i].protected && write) ||
		    (p[i].uffd == EX_UFFD_MISSING && !p[i].own))
			return true;
	return false;
}

bool uffd_merge_loses(const struct ex_world *w)
{
	const struct ex_page *p;
	unsigned int process, i;

	for (process = 0; process < EX_PROCESSES; process++) {
		p = w->processes[process].pages[0];
		for (i = 0; i < EX_REGIONS * EX_PAGES && w->processes[process].pid; i++)
			if (p[i].mergeable && p[i].protected)
				return true;
	}
	return false;
}

/* ------------------------------------------------------------- the handler */

void uffd_drop_child(struct ex_world *w)
{
	if (w->child_uffd >= 0)
		close(w->child_uffd);
	w->child_uffd = -1;
}

/* The page that an address is in, if the model has one there. */
static bool find_page(const struct ex_world *w, unsigned int process, uintptr_t addr,
		      unsigned int *region, unsigned int *page)
{
	const struct ex_region *r;
	uintptr_t at;

	for (*region = 0; *region < EX_REGIONS; (*region)++) {
		r = &w->regions[*region];
		for (*page = 0; *page < r->nr; (*page)++) {
			at = pinscope_addr(model_addr(w, process, *region, *page));
			if (addr >= at && addr < at + r->page)
				return true;
		}
	}
	return false;
}

/* The handler gives a page with something in it, or the zeropage, by turns. */
static int give_page(struct ex_world *w, unsigned int process, unsigned int region,
		     unsigned int page)
{
	size_t size = w->regions[region].page;
	struct uffdio_range range = {
		pinscope_addr(model_addr(w, process, region, page)), size,
	};
	struct uffdio_zeropage zero = { .range = range };
	struct uffdio_copy copy = { .dst = range.start, .len = size };
	uint32_t word = ++w->last_word;
	char *buffer;
	int ret;

	/* There is no zeropage in hugetlb. */
	if ((word & 1) && !w->regions[region].kind.hugetlb_shift)
		return ioctl(w->processes[process].uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
	buffer = calloc(1, size);
	if (!buffer)
		return -ENOMEM;
	ex_fill_page(buffer, size, word);
	copy.src = (uintptr_t)buffer;
	ret = ioctl(w->processes[process].uffd, UFFDIO_COPY, &copy) ? -errno : 0;
	free(buffer);
	if (!ret)
		model_write(w, process, region, page, EX_WORDS, word);
	return ret;
}

void uffd_answer(struct ex_world *w, unsigned int process)
{
	unsigned int region, page;
	struct ex_page *p;
	struct uffd_msg msg;
	uintptr_t addr;
	bool write;
	int ret;

	if (read(w->processes[process].uffd, &msg, sizeof(msg)) != sizeof(msg))
		return;
	if (msg.event == UFFD_EVENT_FORK) {
		uffd_drop_child(w);
		w->child_uffd = msg.arg.fork.ufd;
	}
	if (msg.event != UFFD_EVENT_PAGEFAULT)
		return;
	addr = msg.arg.pagefault.address;
	write = msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP;
	if (!find_page(w, process, addr, &region, &page)) {
		world_fails(w,
			    "process %u: userfaultfd reports %#lx, where nothing is mapped",
			    process, (unsigned long)addr);
		return;
	}
	p = &w->processes[process].pages[region][page];
	if (write && (p->uffd != EX_UFFD_WP || !p->protected))
		world_fails(w,
			    "process %u, region %u (%s), page %u: userfaultfd reports a write to a protected page, and it is not protected",
			    process, region, w->regions[region].kind.name, page);
	if (!write && (p->uffd != EX_UFFD_MISSING || p->own))
		world_fails(w,
			    "process %u, region %u (%s), page %u: userfaultfd reports a missing page, expected that %s",
			    process, region, w->regions[region].kind.name, page,
			    p->own ? "the process has one" : "nobody asked for that");
	if (write)
		ret = write_protect(w->processes[process].uffd,
				    model_addr(w, process, region, page),
				    w->regions[region].page, false);
	else
		ret = give_page(w, process, region, page);
	p->protected = false;
	if (ret)
		world_fails(w, "process %u, region %u (%s), page %u: answer of a %s: %s",
			    process, region, w->regions[region].kind.name, page,
			    write ? "write" : "missing page", pinscope_errno(ret));
}

void uffd_adopt(struct ex_world *w, unsigned int process, const struct ex_answer *a)
{
	struct ex_process *p = &w->processes[process];

	if (!a->uffd || p->uffd >= 0)
		return;
	p->uffd = syscall(SYS_pidfd_getfd, p->pidfd, a->uffd, 0);
	if (p->uffd < 0)
		world_fails(w, "pidfd_getfd: %s", pinscope_errno(errno));
}

/* ----------------------------------------------------- register, unregister */

const char *const uffd_register_args[] = {
	"missing", "wp", "wp-async", "missing-events", "wp-events", NULL
};

const char *const uffd_protect_args[] = { "on", "off", NULL };
const char *const uffd_copy_args[] = { "copy", "zeropage", NULL };
const char *const uffd_move_args[] = { "strict", "holes", "onto", NULL };

/* Their numbers. */
enum { MOVE_STRICT, MOVE_HOLES, MOVE_ONTO };

/* What uffd-register does, and how its userfaultfd is opened: by the first that is asked for. */
static const struct {
	enum ex_uffd mode;
	bool events;
} registers[] = {
	{ EX_UFFD_MISSING, false }, { EX_UFFD_WP, false }, { EX_UFFD_WP_ASYNC, false },
	{ EX_UFFD_MISSING, true }, { EX_UFFD_WP, true },
};

/* All pages are mapped, and are in one of the modes. */
static bool are_in(const struct ex_world *w, const struct ex_step *s, unsigned int modes)
{
	const struct ex_page *p = pages_of_step(w, s);
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (!p[i].mapped || p[i].uffd != p[0].uffd || !(modes & 1U << p[i].uffd))
			return false;
	return true;
}

static bool is_anonymous(const struct ex_region *region)
{
	return region->fd < 0 && !region->kind.hugetlb_shift;
}

static bool is_shmem_or_hugetlb(const struct ex_region *region)
{
	const struct mapping *mapping = region->kind.mapping;

	return region->kind.hugetlb_shift ||
	       (mapping && (mapping->backing == BACKING_MEMFD ||
			    mapping->backing == BACKING_SHMEM_FILE));
}

/* Of a file the model does not know what is missing. */
bool may_uffd_register(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_region *region = &w->regions[s->region];
	const struct ex_process *p = &w->processes[s->process];
	enum ex_uffd mode = registers[s->arg].mode;
	static int has_async = -1, has_shmem;
	unsigned int i;

	if (has_async < 0) {
		has_async = sys_has_uffd_feature(UFFD_FEATURE_WP_ASYNC);
		has_shmem = sys_has_uffd_feature(UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	}
	if (!are_in(w, s, 1U << EX_UFFD_NONE))
		return false;
	for (i = 0; i < s->nr; i++)
		if (pages_of_step(w, s)[i].given_up || pages_of_step(w, s)[i].maybe ||
		    pages_of_step(w, s)[i].guarded)
			return false;
	if (mode != EX_UFFD_WP_ASYNC && p->uffd >= 0 &&
	    p->uffd_events != registers[s->arg].events)
		return false;
	if (mode == EX_UFFD_MISSING)
		return region->fd < 0;
	if ((mode == EX_UFFD_WP_ASYNC && !has_async) ||
	    (region->kind.hugetlb_shift && w->hugetlb_fork_protects))
		return false;
	return is_anonymous(region) || (has_shmem && is_shmem_or_hugetlb(region));
}

int act_uffd_register(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	enum ex_uffd mode = registers[r->step.arg].mode;
	int fd = open_uffd(mode == EX_UFFD_WP_ASYNC, registers[r->step.arg].events, a);

	(void)w;
	return fd < 0 ? fd :
	       register_range(fd, r->addr, r->len, mode == EX_UFFD_MISSING ?
			      UFFDIO_REGISTER_MODE_MISSING : UFFDIO_REGISTER_MODE_WP);
}

static void learn_protected(struct ex_world *w, const struct ex_step *s)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		page_of(w, s, i)->protected = false;
	model_learn_protected(w, s->process, s->region, s->page, s->nr);
}

void effect_uffd_register(struct ex_world *w, const struct ex_step *s,
			  const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	(void)r;
	if (a->ret) {
		world_fails(w, "UFFDIO_REGISTER: %s", pinscope_errno(a->ret));
		return;
	}
	if (registers[s->arg].events)
		w->processes[s->process].uffd_events = true;
	for (i = 0; i < s->nr; i++)
		page_of(w, s, i)->uffd = registers[s->arg].mode;
	/* What a protected page was moved from left the bit, before Linux 6.13. */
	if (registers[s->arg].mode != EX_UFFD_MISSING)
		learn_protected(w, s);
}

bool may_uffd_unregister(const struct ex_world *w, const struct ex_step *s)
{
	return are_in(w, s, ~(1U << EX_UFFD_NONE));
}

int act_uffd_unregister(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	return unregister_range(my_uffds[r->uffd == EX_UFFD_WP_ASYNC], r->addr, r->len);
}

void effect_uffd_unregister(struct ex_world *w, const struct ex_step *s,
			    const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	if (a->ret)
		world_fails(w, "UFFDIO_UNREGISTER: %s", pinscope_errno(a->ret));
	uffd_lose(w, s->process, s->region, s->page, s->nr);
}

/* ------------------------------------------------------------------ protect */

bool may_uffd_protect(const struct ex_world *w, const struct ex_step *s)
{
	return are_in(w, s, 1U << EX_UFFD_WP | 1U << EX_UFFD_WP_ASYNC);
}

int act_uffd_protect(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	return write_protect(my_uffds[r->uffd == EX_UFFD_WP_ASYNC], r->addr, r->len,
			     !r->step.arg);
}

/*
 * Empty entries of anonymous memory are protected by some kernels only, and those of files by
 * all that can protect these. And some kernels refuse several VMAs.
 */
void effect_uffd_protect(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	bool on = !s->arg, has_markers = !is_anonymous(&w->regions[s->region]);
	unsigned int i;

	(void)r;
	learn_protected(w, s);
	for (i = 0; i < s->nr && !a->ret; i++)
		if (on ? (has_markers || page_of(w, s, i)->own) && !page_of(w, s, i)->protected :
			 page_of(w, s, i)->protected)
			world_fails(w,
				    "process %u, region %u (%s), page %u: UFFDIO_WRITEPROTECT %s, and the entry has %suserfaultfd-wp",
				    s->process, s->region, w->regions[s->region].kind.name,
				    s->page + i, uffd_protect_args[s->arg], on ? "no " : "");
}

/* ----------------------------------------------------------- copy, zeropage */

bool may_uffd_copy(const struct ex_world *w, const struct ex_step *s)
{
	return are_in(w, s, 1U << EX_UFFD_MISSING);
}

int act_uffd_copy(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)r->addr, .len = r->len };
	struct uffdio_zeropage zero = { .range = { (uintptr_t)r->addr, r->len } };
	size_t page = r->len / r->step.nr, at;
	char *buffer = NULL;
	int64_t done;
	int ret;

	(void)w;
	if (r->step.arg) {
		ret = ioctl(my_uffds[0], UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
		done = zero.zeropage;
	} else {
		buffer = calloc(1, r->len);
		if (!buffer)
			return -ENOMEM;
		for (at = 0; at < r->len; at += page)
			ex_fill_page(buffer + at, page, r->word);
		copy.src = (uintptr_t)buffer;
		ret = ioctl(my_uffds[0], UFFDIO_COPY, &copy) ? -errno : 0;
		done = copy.copy;
		free(buffer);
	}
	a->id = done > 0 ? done / page : 0;
	return ret;
}

/* It ends at the first page that is there already. */
void effect_uffd_copy(struct ex_world *w, const struct ex_step *s, const struct ex_request *r,
		      const struct ex_answer *a)
{
	unsigned int i;

	/* Its buffer may be one. */
	model_new_mapping(w, s->process);
	for (i = 0; i < a->id && i < s->nr; i++) {
		if (page_of(w, s, i)->own)
			world_fails(w,
				    "process %u, region %u (%s), page %u: userfaultfd %s: expected EEXIST for a page that the process has, found success",
				    s->process, s->region, w->regions[s->region].kind.name,
				    s->page + i, uffd_copy_args[s->arg]);
		if (!s->arg)
			model_write(w, s->process, s->region, s->page + i, EX_WORDS, r->word);
	}
}

/* --------------------------------------------------------------------- move */

/*
 * Errata: 6.12 tries for ever to split a THP that is pinned, or that a pipe has; and what is
 * a THP nobody knows, so that no page of the region may be.
 */
static bool may_not_end(const struct ex_world *w, const struct ex_step *s)
{
	return w->move_may_not_end && model_is_referred_to(w, s->region);
}

bool may_uffd_move(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = pages_of_step(w, s);
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (p[i].locked || p[i].access != EX_WRITE)
			return false;
	return are_in(w, s, 1U << EX_UFFD_NONE) && is_anonymous(&w->regions[s->region]) &&
	       !may_not_end(w, s);
}

/*
 * What is not exclusive has to stay, and what is moved stays dirty. But for a page of zeroes
 * in a THP, which is split: the shared zeropage may be in its place, and that is moved.
 */
static enum ex_wrong judge_move(const struct pinscope_page *before,
				const struct pinscope_page *after)
{
	const uint64_t own = S(ANON) | S(SWAP);

	if (before->state & own && after->state & own && !(before->state & S(EXCLUSIVE)))
		return EX_MOVED_SHARED;
	if (before->state & S(DIRTY) && after->state & S(ANON) && !(after->state & S(DIRTY)))
		return EX_MOVED_AS_CLEAN;
	return EX_RIGHT;
}

/* To the other address of the region: as mremap() does, but by pages. */
int act_uffd_move(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	struct uffdio_move move = {
		.dst = (uintptr_t)r->to, .src = (uintptr_t)r->addr, .len = r->len,
		.mode = r->step.arg == MOVE_HOLES ? UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES : 0,
	};
	static struct pinscope_page before[EX_PAGES];
	struct pinscope_page after = {};
	size_t page = r->len / r->step.nr, moved;
	int fd = open_uffd(false, false, a), ret;
	unsigned int i;

	if (fd < 0)
		return fd;
	for (i = 0; i < r->step.nr; i++)
		pinscope_page(w->fd, r->addr + i * page, &before[i]);
	if (mmap(r->to, r->len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	if (r->step.arg == MOVE_ONTO)
		memset(r->to, 1, r->len);
	ret = register_range(fd, r->to, r->len, UFFDIO_REGISTER_MODE_MISSING);
	if (!ret && ioctl(fd, UFFDIO_MOVE, &move))
		ret = -errno;
	unregister_range(fd, r->to, r->len);
	a->id = move.move > 0 ? move.move / page : 0;
	if (r->step.arg == MOVE_ONTO && a->id)
		a->wrong = EX_MOVED_ONTO;
	for (i = 0; i < a->id && !a->wrong; i++) {
		pinscope_page(w->fd, r->to + i * page, &after);
		a->wrong = judge_move(&before[i], &after);
	}
	moved = a->id * page;
	if (moved)
		ex_reserve(r->addr, moved);
	if (moved < r->len)
		ex_reserve(r->to + moved, r->len - moved);
	return ret;
}

/* It ends at the first page that cannot be moved: one that is shared, or pinned. */
void effect_uffd_move(struct ex_world *w, const struct ex_step *s, const struct ex_request *r,
		      const struct ex_answer *a)
{
	static const char *const wrongs[] = {
		[EX_MOVED_SHARED] = "a page that was not exclusive",
		[EX_MOVED_AS_CLEAN] = "a dirty page, and its entry is clean now",
		[EX_MOVED_ONTO] = "a page to where another one was",
	};
	const struct ex_pin *pin;
	unsigned int i, at;

	(void)r;
	if (a->wrong)
		world_fails(w, "process %u, region %u (%s), pages %u+%u: UFFDIO_MOVE moved %s",
			    s->process, s->region, w->regions[s->region].kind.name, s->page,
			    s->nr, wrongs[a->wrong]);
	model_new_mapping(w, s->process);
	for (pin = w->pins; pin < w->pins + EX_PINS; pin++) {
		if (!pin->used || pin->process != s->process || pin->region != s->region)
			continue;
		for (i = 0; i < pin->nr; i++) {
			at = pin->page + i;
			if (pin->held[i] == EX_OF_PROCESS && at >= s->page &&
			    at < s->page + a->id)
				world_fails(w,
					    "process %u, region %u (%s), page %u: UFFDIO_MOVE moved a page that is pinned",
					    s->process, s->region,
					    w->regions[s->region].kind.name, at);
		}
	}
	for (i = 0; i < a->id && i < s->nr; i++) {
		page_of(w, s, i)->moved = !page_of(w, s, i)->moved;
		page_of(w, s, i)->mergeable = false;
		page_of(w, s, i)->at_fork = EX_FORK_COPY;
	}
}
