// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of exercise that others do with the memory, see exercise.h: direct I/O,
 * io_uring, pipes, and what the administrator may do.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <liburing.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "exercise.h"
#include "sys.h"

enum {
	DIRECT_PAGES = 16,	/* at most, in one go */
	MORE_HUGE_PAGES = 2,
};

const char *const direct_args[] = { "in", "out", NULL };

/* -------------------------------------------------------------- direct I/O */

/* In memory that nobody else has: what the file gets, or has got. */
static char *direct_buffer(void)
{
	static char *buffer;
	size_t page = sys_page_size();

	if (!buffer)
		buffer = aligned_alloc(page, DIRECT_PAGES * page);
	return buffer;
}

bool may_direct(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (!p[i].mapped || p[i].access < (s->arg ? EX_READ : EX_WRITE))
			return false;
	return w->scratch >= 0 && s->nr <= DIRECT_PAGES &&
	       !w->regions[s->region].kind.hugetlb_shift;
}

static bool moves(ssize_t (*move)(int fd, void *buf, size_t len, off_t at), int fd, void *buf,
		  size_t len)
{
	return move(fd, buf, len, 0) == (ssize_t)len;
}

static ssize_t write_at(int fd, void *buf, size_t len, off_t at)
{
	return pwrite(fd, buf, len, at);
}

/* "in": the device writes to the memory; "out": it reads it, and the window gets that. */
int act_direct(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	size_t page = r->len / r->step.nr, i, k;
	char *buffer = direct_buffer(), *at;

	(void)a;
	if (!buffer)
		return -ENOMEM;
	memset(buffer, 0, r->len);
	for (i = 0; i < r->step.nr; i++)
		ex_fill_page(buffer + i * page, page, r->word);
	if (!moves(write_at, w->scratch, r->step.arg ? r->addr : buffer, r->len) ||
	    !moves(pread, w->scratch, r->step.arg ? buffer : r->addr, r->len))
		return errno ? -errno : -EIO;
	for (i = 0; i < r->step.nr && r->step.arg; i++)
		for (k = 0; k < EX_WORDS; k++) {
			at = buffer + i * page + k * (page / EX_WORDS);
			memcpy(&w->board->window[i].word[k], at, sizeof(uint32_t));
		}
	return 0;
}

void effect_direct(struct ex_world *w, const struct ex_step *s, const struct ex_request *r,
		   const struct ex_answer *a)
{
	unsigned int i;

	if (a->ret) {
		world_fails(w, "process %u, region %u (%s), page %u+%u: direct I/O: %s",
			    s->process, s->region, w->regions[s->region].kind.name, s->page,
			    s->nr, pinscope_errno(a->ret));
		return;
	}
	if (s->arg) {
		model_compare_window(w, s);
		return;
	}
	for (i = 0; i < s->nr; i++)
		model_write(w, s->process, s->region, s->page + i, EX_WORDS, r->word);
	model_written(w, s->process, s->region, s->page, s->nr);
}

/* ---------------------------------------------------------------- io_uring */

/* Each process has a ring when it first needs one, and a file that the ring moves data by. */
static struct io_uring ring;
static int ring_file = -1;

static void uring_forget(void)
{
	if (ring_file < 0)
		return;
	io_uring_queue_exit(&ring);
	close(ring_file);
	ring_file = -1;
}

static int open_ring(void)
{
	int ret;

	if (ring_file >= 0)
		return 0;
	ret = io_uring_queue_init(2, &ring, 0);
	if (ret)
		return ret;
	ring_file = memfd_create("ring", MFD_CLOEXEC);
	if (ring_file >= 0)
		return 0;
	ret = -errno;
	io_uring_queue_exit(&ring);
	return ret;
}

/*
 * Before Linux 6.5 io_uring refuses files; and a process has one registered buffer. An erratum is
 * avoided: hugetlb pages may be in movable memory.
 */
bool may_uring_pin(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];
	unsigned int i;

	if (w->longterm_moves_no_hugetlb && w->regions[s->region].kind.hugetlb_shift)
		return false;
	for (i = 0; i < s->nr; i++)
		if (!p[i].mapped || p[i].access < EX_WRITE ||
		    (w->uring_releases_clean && p[i].given_up))
			return false;
	for (i = 0; i < EX_PINS; i++)
		if (w->pins[i].used && w->pins[i].uring && w->pins[i].process == s->process)
			return false;
	return w->regions[s->region].fd < 0 &&
	       !uffd_would_wait(w, s, s->process, true);
}

int act_uring_pin(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	const struct iovec buffer = { r->addr, r->len };
	size_t page = r->len / r->step.nr, at;
	volatile char *byte;
	int ret = open_ring();
	char had;

	(void)a;
	if (!ret)
		ret = io_uring_register_buffers(&ring, &buffer, 1);
	/* Errata: a page that is clean now would be clean after the release, too. */
	for (at = 0; !ret && w->uring_releases_clean && at < r->len; at += page) {
		byte = r->addr + at;
		had = *byte;
		*byte = had;
	}
	return ret;
}

/* A pin of what must move first fails when that is pinned, say; then GUP pins fewer pages. */
static bool some_must_move(struct ex_world *w, const struct ex_step *s,
			   const struct ex_request *r)
{
	struct pinscope_page *pages;
	bool found = false;
	size_t nr, i;

	if (pinscope_inspect(w->fd, pinscope_pid(w->processes[s->process].pid),
			     pinscope_addr(r->addr), r->len, &pages, &nr))
		return false;
	for (i = 0; i < nr; i++)
		found |= pages[i].state & PINSCOPE_STATE_HAS_FOLIO &&
			 !(pages[i].state & PINSCOPE_STATE_LONGTERM_PINNABLE);
	free(pages);
	return found;
}

void effect_uring_pin(struct ex_world *w, const struct ex_step *s, const struct ex_request *r,
		      const struct ex_answer *a)
{
	struct ex_pin *pin = &w->pins[s->other];

	/* Memory may be short; and the kernel may not have io_uring. */
	if (a->ret) {
		model_learn(w, s->process, s->region, s->page, s->nr);
		if (a->ret == -EFAULT && !some_must_move(w, s, r))
			world_fails(w,
				    "process %u, region %u (%s), page %u+%u: io_uring: expected success, found EFAULT",
				    s->process, s->region, w->regions[s->region].kind.name,
				    s->page, s->nr);
		return;
	}
	*pin = (struct ex_pin) {
		.used = true, .uring = true, .process = s->process, .region = s->region,
		.gup_flags = PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM, .page = s->page,
		.nr = s->nr, .addr = r->addr,
	};
	memset(pin->held, EX_OF_PROCESS, s->nr);
	model_own(w, s->process, s->region, s->page, s->nr);
	model_written(w, s->process, s->region, s->page, s->nr);
	model_keep(w, s->process, s->region, s->page, s->nr);
}

static bool is_held_by_ring(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_pin *pin = &w->pins[s->other];

	return pin->uring && pin->process == s->process;
}

bool may_uring_move(const struct ex_world *w, const struct ex_step *s)
{
	return is_held_by_ring(w, s);
}

/* Moves a word between the page that the buffer has and the file. */
static int move_word(char *addr, bool to_file)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct io_uring_cqe *cqe;
	int ret;

	if (to_file)
		io_uring_prep_write_fixed(sqe, ring_file, addr, sizeof(uint32_t), 0, 0);
	else
		io_uring_prep_read_fixed(sqe, ring_file, addr, sizeof(uint32_t), 0, 0);
	ret = io_uring_submit(&ring);
	if (ret == 1)
		ret = io_uring_wait_cqe(&ring, &cqe);
	if (ret)
		return ret < 0 ? ret : -EIO;
	ret = cqe->res == sizeof(uint32_t) ? 0 : cqe->res < 0 ? cqe->res : -EIO;
	io_uring_cqe_seen(&ring, cqe);
	return ret;
}

/* The buffer is still known by the address that it was registered with. */
int act_uring_write(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	return pwrite(ring_file, &r->word, sizeof(r->word), 0) == sizeof(r->word) ?
	       move_word(r->addr, false) : -errno;
}

void effect_uring_write(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	if (a->ret)
		world_fails(w, "io_uring, READ_FIXED to pin %u: %s", s->other,
			    pinscope_errno(a->ret));
	else
		ex_write_through_pin(w, s, r->word);
}

int act_uring_read(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	int ret = move_word(r->addr, true);

	(void)w;
	return ret ? ret : pread(ring_file, &a->id, sizeof(a->id), 0) == sizeof(a->id) ?
			   0 : -errno;
}

void effect_uring_read(struct ex_world *w, const struct ex_step *s, const struct ex_request *r,
		       const struct ex_answer *a)
{
	const struct ex_pin *pin = &w->pins[s->other];
	const struct ex_content *want = model_pin_view(w, pin, s->page - pin->page);

	(void)r;
	if (a->ret)
		world_fails(w, "io_uring, WRITE_FIXED of pin %u: %s", s->other,
			    pinscope_errno(a->ret));
	else if (!model_pin_sees(w, pin, s->page - pin->page, s->arg, a->id))
		world_fails(w,
			    "process %u, region %u (%s), page %u: io_uring has %u in word %u of its buffer, expected %u",
			    pin->process, pin->region, w->regions[pin->region].kind.name,
			    s->page, a->id, s->arg, want->word[s->arg]);
}

int act_uring_unpin(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)r;
	(void)a;
	return io_uring_unregister_buffers(&ring);
}

void effect_uring_unpin(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	if (a->ret)
		world_fails(w, "io_uring, release of pin %u: %s", s->other,
			    pinscope_errno(a->ret));
	w->pins[s->other].used = false;
}

/* -------------------------------------------------------------------- pipes */

static int my_pipe[2] = { -1, -1 };

void io_forget(void)
{
	uring_forget();
	if (my_pipe[0] < 0)
		return;
	close(my_pipe[0]);
	close(my_pipe[1]);
	my_pipe[0] = -1;
}

/*
 * The page must be an anonymous one: what others write to a file a pipe may see. So may it
 * in hugetlb, where a write copies no page that is mapped once.
 */
bool may_vmsplice(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];

	return p->mapped && p->access >= EX_READ && !w->processes[s->process].pipe.full &&
	       model_is_own(w, s->process, s->region, s->page) &&
	       !w->regions[s->region].kind.hugetlb_shift;
}

int act_vmsplice(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	const struct iovec from = {
		r->addr + r->step.arg * (w->regions[r->step.region].page / EX_WORDS),
		sizeof(uint32_t),
	};

	(void)a;
	if (my_pipe[0] < 0 && pipe2(my_pipe, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	return vmsplice(my_pipe[1], &from, 1, 0) == sizeof(uint32_t) ? 0 : -errno;
}

void effect_vmsplice(struct ex_world *w, const struct ex_step *s, const struct ex_request *r,
		     const struct ex_answer *a)
{
	(void)r;
	if (a->ret) {
		world_fails(w, "process %u, region %u (%s), page %u: vmsplice: %s", s->process,
			    s->region, w->regions[s->region].kind.name, s->page,
			    pinscope_errno(a->ret));
		return;
	}
	w->processes[s->process].pipe = (struct ex_pipe) {
		.full = true, .region = s->region, .page = s->page, .word = s->arg, .nr = 1,
		.value = { model_view(w, s->process, s->region, s->page)->word[s->arg] },
	};
}

bool may_pipe_read(const struct ex_world *w, const struct ex_step *s)
{
	return w->processes[s->process].pipe.full;
}

int act_pipe_read(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)r;
	return read(my_pipe[0], &a->id, sizeof(a->id)) == sizeof(a->id) ? 0 : -errno;
}

/*
 * Whether the pipe has what the process has written since depends on whether it was given
 * another page for that. But what another process writes it never has (CVE-2020-29374).
 */
void effect_pipe_read(struct ex_world *w, const struct ex_step *s, const struct ex_request *r,
		      const struct ex_answer *a)
{
	struct ex_pipe *pipe = &w->processes[s->process].pipe;
	unsigned int i;

	(void)r;
	pipe->full = false;
	if (a->ret)
		world_fails(w, "process %u: read from its pipe: %s", s->process,
			    pinscope_errno(a->ret));
	if (pipe->nr > EX_PIPE_VALUES)
		return;
	for (i = 0; i < pipe->nr && pipe->value[i] != a->id; i++)
		;
	if (i == pipe->nr)
		world_fails(w,
			    "process %u, region %u (%s), page %u: the pipe has %u for word %u, which the process neither had when it called vmsplice() nor wrote since",
			    s->process, pipe->region, w->regions[pipe->region].kind.name,
			    pipe->page, a->id, pipe->word);
}

/* ------------------------------------------------- what the administrator does */

/* All that is swapped out comes back, and the swap space is used again. */
int act_swapoff(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	FILE *file = fopen("/proc/swaps", "re");
	char line[300], path[256] = "";
	int ret = 0;

	(void)w;
	(void)r;
	(void)a;
	/* The first line is a heading. */
	if (!file || !fgets(line, sizeof(line), file) || !fgets(line, sizeof(line), file) ||
	    sscanf(line, "%255s", path) != 1)
		ret = -ENOENT;
	if (file)
		fclose(file);
	if (!ret && swapoff(path))
		ret = -errno;
	else if (!ret && swapon(path, 0))
		ret = -errno;
	return ret;
}

#define POOL		"/proc/sys/vm/nr_hugepages"

static int set_pool(long pages)
{
	char text[30];

	snprintf(text, sizeof(text), "%ld", pages);
	return sys_write_file(POOL, text);
}

/* Its pages are made of free memory, which compaction provides. */
int act_hugetlb_pool(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	long pages = sys_read_number(POOL);
	int ret = set_pool(pages + MORE_HUGE_PAGES);

	(void)w;
	(void)r;
	(void)a;
	set_pool(pages);
	return ret;
}

#define MEMORY		"/sys/devices/system/memory/"
#define OFFLINE_MS	400

static bool is_movable(const char *path)
{
	FILE *file = fopen(path, "re");
	char zones[80] = "";
	bool is;

	is = file && fgets(zones, sizeof(zones), file) && !strcmp(zones, "Movable\n");
	if (file)
		fclose(file);
	return is;
}

/* Blocks of ZONE_MOVABLE that are online. Returns how many, at most @max. */
static size_t movable_blocks(char paths[][80], size_t max)
{
	size_t i, nr = 0;
	glob_t blocks;

	if (glob(MEMORY "memory*/valid_zones", 0, NULL, &blocks))
		return 0;
	for (i = 0; i < blocks.gl_pathc && nr < max; i++)
		if (is_movable(blocks.gl_pathv[i]))
			snprintf(paths[nr++], sizeof(paths[0]), "%.*sstate",
				 (int)(strlen(blocks.gl_pathv[i]) - strlen("valid_zones")),
				 blocks.gl_pathv[i]);
	globfree(&blocks);
	return nr;
}

bool may_offline(const struct ex_world *w, const struct ex_step *s)
{
	static int has = -1;
	char path[1][80];

	(void)w;
	(void)s;
	if (has < 0)
		has = movable_blocks(path, 1);
	return has;
}

static void interrupt(int sig)
{
	(void)sig;
}

/* While a page there is in use it tries again, until a signal comes. */
int act_offline(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	const struct itimerval soon = {
		.it_value.tv_usec = OFFLINE_MS * 1000, .it_interval.tv_usec = OFFLINE_MS * 1000,
	};
	const struct sigaction action = { .sa_handler = interrupt };
	const struct itimerval never = {};
	char paths[16][80];
	size_t nr = movable_blocks(paths, ARRAY_SIZE(paths));
	long pool = sys_read_number(POOL);
	const char *path;
	int ret = 0;

	(void)w;
	if (!nr)
		return -ENOENT;
	path = paths[r->word % nr];
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	a->id = !sys_write_file(path, "offline");
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	if (a->id)
		ret = sys_write_file(path, "online_movable");
	/* Free huge pages that were there are no more. */
	if (sys_read_number(POOL) < pool)
		set_pool(pool);
	return ret;
}

void effect_offline(struct ex_world *w, const struct ex_step *s, const struct ex_request *r,
		    const struct ex_answer *a)
{
	(void)s;
	(void)r;
	if (a->ret)
		world_fails(w, "a block of memory does not come online again: %s",
			    pinscope_errno(a->ret));
}

/* Each page that it takes is lost until the next boot: one in a round. */
bool may_soft_offline(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];

	return p->mapped && p->access >= EX_READ && !w->offlined && may_split(w, s) &&
	       !w->regions[s->region].kind.hugetlb_shift &&
	       !uffd_would_wait(w, s, s->process, false);
}

/* Not of movable memory: a block with such a page does not come online again (Linux 6.11). */
int act_soft_offline(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	struct pinscope_page page = {};

	(void)a;
	(void)*(volatile char *)r->addr;
	if (pinscope_page(w->fd, r->addr, &page) || page.state & PINSCOPE_STATE_ZONE_MOVABLE)
		return 0;
	return madvise(r->addr, r->len / r->step.nr, MADV_SOFT_OFFLINE) ? -errno : 0;
}

void effect_soft_offline(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	(void)s;
	(void)r;
	(void)a;
	w->offlined = true;
}
