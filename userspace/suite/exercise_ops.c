// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of operations of exercise, see exercise.h. An operation is a row: when the
 * model allows it, how a process does it, and what it does to the model.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "exercise.h"
#include "make.h"
#include "rss.h"
#include "sys.h"

#define F(name)		PINSCOPE_FOLL_##name
#define S(name)		PINSCOPE_STATE_##name

/* The variants of file-fill. */
enum { EX_FILL_WRITE, EX_FILL_ANEW, EX_FILL_DIRECT };

/* The variants of mremap. */
enum { EX_MOVE, EX_MOVE_DONTUNMAP };

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif

/* What ksmd may take to merge all that it can. */
#define MERGE_MS	2000

static struct ex_page *page_of(struct ex_world *w, const struct ex_step *s, unsigned int i)
{
	return &w->processes[s->process].pages[s->region][s->page + i];
}

static const struct ex_region *region_of(const struct ex_world *w, const struct ex_step *s)
{
	return &w->regions[s->region];
}

/* What a fault may have done, of which nobody told. */
static void learn(struct ex_world *w, const struct ex_step *s)
{
	bool any = false;
	unsigned int i;

	model_learn(w, s->process, s->region, s->page, s->nr);
	for (i = 0; i < s->nr; i++)
		if (page_of(w, s, i)->uffd == EX_UFFD_WP_ASYNC) {
			page_of(w, s, i)->protected = false;
			any = true;
		}
	/* Of writes that a handler has to be told of the model knows. */
	if (any)
		model_learn_protected(w, s->process, s->region, s->page, s->nr);
}

static size_t word_offset(const struct ex_world *w, const struct ex_step *s,
			  unsigned int page, unsigned int word)
{
	size_t size = region_of(w, s)->page;

	return page * size + word * (size / EX_WORDS);
}

/* --------------------------------------------------------------- possible */

/* All pages are mapped, and the process may do at least that. */
static bool may(const struct ex_world *w, const struct ex_step *s, enum ex_access access)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (!p[i].mapped || p[i].access < access)
			return false;
	return true;
}

static bool is_mapped(const struct ex_world *w, const struct ex_step *s)
{
	return may(w, s, EX_NONE);
}

static bool is_readable(const struct ex_world *w, const struct ex_step *s)
{
	return may(w, s, EX_READ);
}

static bool is_writable(const struct ex_world *w, const struct ex_step *s)
{
	return may(w, s, EX_WRITE);
}

static bool is_unmapped(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (p[i].mapped)
			return false;
	return true;
}

static bool is_unlocked(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (p[i].locked)
			return false;
	return is_mapped(w, s);
}

/*
 * One VMA of mremap(): what splits it is the same for all pages. An erratum is avoided: what stays
 * of a private hugetlb VMA must not lose its reservations.
 */
static bool is_movable(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];
	const struct ex_region *region = region_of(w, s);
	unsigned int i;

	if (w->move_loses_reserved && region->kind.hugetlb_shift && !region->shared &&
	    s->nr != region->nr)
		return false;
	for (i = 0; i < s->nr; i++)
		if (p[i].locked != p->locked || p[i].access != p->access ||
		    p[i].uffd != p->uffd || p[i].at_fork != p->at_fork)
			return false;
	return is_mapped(w, s);
}

/* Not hugetlb, to which this does not apply. */
static bool is_ordinary(const struct ex_world *w, const struct ex_step *s)
{
	return is_mapped(w, s) && !region_of(w, s)->kind.hugetlb_shift;
}

static bool is_unlocked_ordinary(const struct ex_world *w, const struct ex_step *s)
{
	return is_unlocked(w, s) && !region_of(w, s)->kind.hugetlb_shift;
}

/* KSM takes no other mapping. An erratum is avoided: its pages must not go to a device. */
static bool may_become_mergeable(const struct ex_world *w, const struct ex_step *s)
{
	return is_ordinary(w, s) && !region_of(w, s)->shared && !w->device_breaks_ksm;
}

static bool is_anonymous(const struct ex_world *w, const struct ex_step *s)
{
	return is_ordinary(w, s) && region_of(w, s)->fd < 0;
}

static bool is_readable_ordinary(const struct ex_world *w, const struct ex_step *s)
{
	return is_readable(w, s) && is_ordinary(w, s);
}

static bool is_writable_ordinary(const struct ex_world *w, const struct ex_step *s)
{
	return is_writable(w, s) && is_ordinary(w, s);
}

/* Hugetlb files take no write(), and their holes take private copies away as well. */
static bool has_file(const struct ex_world *w, const struct ex_step *s)
{
	return region_of(w, s)->fd >= 0 && !region_of(w, s)->kind.hugetlb_shift;
}

/* Of the region; with all of @gup_flags. */
static bool is_pinned(const struct ex_world *w, const struct ex_step *s, uint64_t gup_flags)
{
	const struct ex_pin *pin;

	for (pin = w->pins; pin < w->pins + EX_PINS; pin++)
		if (pin->used && pin->region == s->region && !(gup_flags & ~pin->gup_flags))
			return true;
	return false;
}

/*
 * Errata: a hole takes pages beside it away, with what was written through a pin and is
 * not marked dirty yet.
 */
static bool may_make_hole(const struct ex_world *w, const struct ex_step *s)
{
	return has_file(w, s) && !(w->hole_takes_folio && region_of(w, s)->shared &&
				   is_pinned(w, s, F(WRITE)));
}

/*
 * Errata: a split that fails has released the buffers of ext4's folio, and ext4 warns when the
 * folio gets dirty by the pin.
 */
bool may_split(const struct ex_world *w, const struct ex_step *s)
{
	return is_ordinary(w, s) &&
	       !(w->split_takes_buffers && region_of(w, s)->shared &&
		 region_of(w, s)->kind.dir && is_pinned(w, s, F(WRITE)));
}

static bool may_reclaim(const struct ex_world *w, const struct ex_step *s)
{
	return is_unlocked_ordinary(w, s) && may_split(w, s);
}

static bool may_fill_file(const struct ex_world *w, const struct ex_step *s)
{
	return s->arg == EX_FILL_WRITE ? has_file(w, s) : may_make_hole(w, s);
}

/* Without memory to scan, ksmd never ends a scan. */
static bool has_mergeable(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[0][0];
	unsigned int i;

	for (i = 0; i < EX_REGIONS * EX_PAGES; i++)
		if (p[i].mergeable)
			return true;
	return false;
}

/* An erratum is avoided: a page that is merged is not protected by userfaultfd any more. */
static bool may_merge(const struct ex_world *w, const struct ex_step *s)
{
	return has_mergeable(w, s) && !(w->merge_unprotects && uffd_merge_loses(w));
}

static bool is_other_process(const struct ex_world *w, const struct ex_step *s)
{
	return s->other < EX_PROCESSES && s->other != s->process &&
	       w->processes[s->other].pid;
}

static bool is_free_process(const struct ex_world *w, const struct ex_step *s)
{
	return s->other < w->max_processes && !w->processes[s->other].pid;
}

/* An erratum is avoided: fork of pinned pages that are mapped read-only. */
static bool may_fork(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_pin *pin;
	const struct ex_page *p;
	unsigned int i;

	for (pin = w->pins; pin < w->pins + EX_PINS; pin++) {
		if (!pin->used || pin->process != s->process ||
		    !w->regions[pin->region].no_fork_readonly)
			continue;
		for (i = 0; i < pin->nr; i++) {
			p = &w->processes[s->process].pages[pin->region][pin->page + i];
			if (pin->held[i] != EX_RELEASED && p->access != EX_WRITE)
				return false;
		}
	}
	return is_free_process(w, s);
}

/* Somebody must stay. */
static bool is_not_alone(const struct ex_world *w, const struct ex_step *s)
{
	unsigned int i;

	for (i = 0; i < EX_PROCESSES; i++)
		if (i != s->process && w->processes[i].pid)
			return true;
	return false;
}

/* ----------------------------------------------------- reading and writing */

static int act_read(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	unsigned int i, k;

	(void)a;
	for (i = 0; i < r->step.nr; i++)
		for (k = 0; k < EX_WORDS; k++)
			w->board->window[i].word[k] = *(volatile uint32_t *)
				(r->addr + word_offset(w, &r->step, i, k));
	return 0;
}

static void effect_read(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	(void)a;
	model_compare_window(w, s);
}

static int act_read_file(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	unsigned int i, k;
	size_t at;

	(void)a;
	for (i = 0; i < r->step.nr; i++)
		for (k = 0; k < EX_WORDS; k++) {
			at = word_offset(w, &r->step, r->step.page + i, k);
			if (pread(region_of(w, &r->step)->fd, &w->board->window[i].word[k],
				  sizeof(uint32_t), at) != sizeof(uint32_t))
				return errno ? -errno : -EIO;
		}
	return 0;
}

/* A file changes only by what is written to it, or through shared mappings. */
static void effect_read_file(struct ex_world *w, const struct ex_step *s,
			     const struct ex_request *r, const struct ex_answer *a)
{
	const struct ex_region *region = region_of(w, s);
	unsigned int i, k;

	(void)r;
	if (a->ret)
		world_fails(w, "read of the file of region %u (%s): %s", s->region,
			    region->kind.name, pinscope_errno(a->ret));
	for (i = 0; i < s->nr; i++)
		for (k = 0; k < EX_WORDS; k++)
			if (w->board->window[i].word[k] != region->file[s->page + i].word[k])
				world_fails(w,
					    "region %u (%s), page %u: word %u is %u in the file, expected %u",
					    s->region, region->kind.name, s->page + i, k,
					    w->board->window[i].word[k],
					    region->file[s->page + i].word[k]);
}

/*
 * Has nobody else the first page, which is not exclusive? The swap cache may have a reference. So
 * may a processor's batch of new pages, which others than the process may have filled.
 */
static bool is_alone(struct ex_world *w, const struct ex_request *r, struct pinscope_page *page)
{
	const uint64_t has = S(PRESENT) | S(ANON) | S(LRU);
	const uint64_t hasnt = S(EXCLUSIVE) | S(KSM) | S(WRITEBACK) | S(PROTNONE);

	return !race_escape && !pinscope_page(w->fd, r->addr, page) &&
	       (page->state & (has | hasnt)) == has && !page->folio_order &&
	       page->mapcount == 1 && page->refcount <= 1 + !!(page->state & S(SWAPCACHE));
}

/* Then a write needs no copy. */
static enum ex_wrong judge_write(struct ex_world *w, const struct ex_request *r,
				 const struct pinscope_page *before)
{
	struct pinscope_page after;

	if (pinscope_page(w->fd, r->addr, &after) || after.pfn == before->pfn)
		return EX_RIGHT;
	return before->state & S(SWAPCACHE) ? EX_COPIED_SWAPCACHE : EX_COPIED_ALONE;
}

static void check_reuse(struct ex_world *w, const struct ex_step *s,
			const struct ex_answer *a)
{
	/* What others have in swap is theirs, too; and of a pipe nobody asks. */
	if (!a->wrong || model_is_referred_to(w, s->region) ||
	    (a->wrong == EX_COPIED_SWAPCACHE && is_not_alone(w, s)))
		return;
	world_fails(w,
		    "process %u, region %u (%s), page %u: nobody else had it%s, and a write made a copy",
		    s->process, s->region, region_of(w, s)->kind.name, s->page,
		    a->wrong == EX_COPIED_SWAPCACHE ? " but the swap cache" : "");
}

static int act_write(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	struct pinscope_page page;
	bool alone = is_alone(w, r, &page);
	unsigned int i;

	for (i = 0; i < r->step.nr; i++)
		*(volatile uint32_t *)(r->addr + word_offset(w, &r->step, i, r->step.arg)) =
			r->word;
	if (alone)
		a->wrong = judge_write(w, r, &page);
	return 0;
}

static void effect_write(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	check_reuse(w, s, a);
	for (i = 0; i < s->nr; i++)
		model_write(w, s->process, s->region, s->page + i, s->arg, r->word);
	model_written(w, s->process, s->region, s->page, s->nr);
}

void ex_fill_page(char *to, size_t page, uint32_t word)
{
	unsigned int k;

	for (k = 0; k < EX_WORDS; k++)
		memcpy(to + k * (page / EX_WORDS), &word, sizeof(word));
}

/* All words of all pages get one value, so that KSM finds equal pages. */
static int act_fill(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	unsigned int i, k;

	(void)a;
	for (i = 0; i < r->step.nr; i++)
		for (k = 0; k < EX_WORDS; k++)
			*(volatile uint32_t *)(r->addr + word_offset(w, &r->step, i, k)) =
				r->word;
	return 0;
}

static void effect_fill(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	(void)a;
	for (i = 0; i < s->nr; i++)
		model_write(w, s->process, s->region, s->page + i, EX_WORDS, r->word);
	model_written(w, s->process, s->region, s->page, s->nr);
}

static int act_vm_write(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	uint32_t word = r->word;
	struct iovec from = { &word, sizeof(word) };
	struct iovec to = { r->addr + word_offset(w, &r->step, 0, r->step.arg), sizeof(word) };

	(void)a;
	return process_vm_writev(r->pid, &from, 1, &to, 1, 0) == sizeof(word) ? 0 : -errno;
}

/* The first page alone; the other process has it at the same address. */
static bool may_vm_write(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *from = &w->processes[s->process].pages[s->region][s->page];
	const struct ex_page *to = &w->processes[s->other].pages[s->region][s->page];

	return is_other_process(w, s) && to->mapped && to->moved == from->moved;
}

/* The other process's page, through its mapping. */
static void write_other(struct ex_world *w, const struct ex_step *s, uint32_t word)
{
	model_write(w, s->other, s->region, s->page, s->arg, word);
	model_written(w, s->other, s->region, s->page, 1);
}

static void effect_vm_write(struct ex_world *w, const struct ex_step *s,
			    const struct ex_request *r, const struct ex_answer *a)
{
	bool allowed = w->processes[s->other].pages[s->region][s->page].access == EX_WRITE;

	if (!a->ret)
		write_other(w, s, r->word);
	if (!a->ret != allowed)
		world_fails(w,
			    "process_vm_writev() to process %u, region %u, page %u: expected %s, found %s",
			    s->other, s->region, s->page, allowed ? "success" : "EFAULT",
			    a->ret ? pinscope_errno(a->ret) : "success");
}

/* FOLL_FORCE writes to what is mapped read-only, but not to shared mappings. */
static bool may_mem_write(const struct ex_world *w, const struct ex_step *s)
{
	return may_vm_write(w, s) && !region_of(w, s)->kind.hugetlb_shift &&
	       !uffd_would_wait(w, s, s->other, true);
}

static int act_mem_write(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	uintptr_t at = (uintptr_t)r->addr + word_offset(w, &r->step, 0, r->step.arg);
	int fd, ret = 0;
	char path[40];

	(void)a;
	snprintf(path, sizeof(path), "/proc/%d/mem", r->pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, &r->word, sizeof(r->word), at) != sizeof(r->word))
		ret = -errno;
	close(fd);
	return ret;
}

/* The administrator may forbid FOLL_FORCE here (proc_mem.force_override=). */
static void effect_mem_write(struct ex_world *w, const struct ex_step *s,
			     const struct ex_request *r, const struct ex_answer *a)
{
	const struct ex_page *to = &w->processes[s->other].pages[s->region][s->page];
	bool writable = to->access == EX_WRITE;

	if (!a->ret)
		write_other(w, s, r->word);
	if (!a->ret && !writable && (region_of(w, s)->shared || to->guarded))
		world_fails(w,
			    "write to /proc/PID/mem of process %u, region %u, page %u: expected an error, found success",
			    s->other, s->region, s->page);
	if (a->ret && writable)
		world_fails(w,
			    "write to /proc/PID/mem of process %u, region %u, page %u: expected success, found %s",
			    s->other, s->region, s->page, pinscope_errno(a->ret));
}

/* ---------------------------------------------------------------- processes */

static int act_fork(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	a->pid = fork();
	if (a->pid)
		return a->pid < 0 ? -errno : 0;
	/* The child's answer is to its first request. */
	world_become(w, r->step.other);
	return EX_CHILD;
}

static int act_reserve(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	ex_reserve(r->addr, r->len);
	return 0;
}

/* What a child does not get of a page. */
static void forget_at_fork(struct ex_world *w, unsigned int process, unsigned int region,
			   unsigned int page)
{
	struct ex_page *p = &w->processes[process].pages[region][page];
	const struct ex_request request = {
		.step = { .process = process, .region = region, .page = page, .nr = 1 },
		.addr = model_addr(w, process, region, page), .len = w->regions[region].page,
	};
	struct ex_answer a;

	p->locked = false;
	if (p->at_fork == EX_FORK_WIPE) {
		*p = (struct ex_page) {
			.mapped = true, .moved = p->moved, .mergeable = p->mergeable,
			.at_fork = p->at_fork, .access = p->guarded ? p->beneath : p->access,
			.uffd = p->uffd,
		};
	} else if (p->at_fork == EX_FORK_LEAVE) {
		*p = (struct ex_page) { .moved = p->moved };
		world_ask(w, &request, EX_OP_RESERVE, &a);
	}
}

static void effect_fork(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	struct ex_process *child = &w->processes[s->other];
	struct ex_page *p = w->processes[s->process].pages[0];
	unsigned int region, i;

	(void)r;
	/* One that fails has shared some pages before. */
	for (i = 0; i < EX_REGIONS * EX_PAGES; i++)
		if (p[i].at_fork == EX_FORK_COPY)
			p[i].exclusive = false;
	if (a->ret) {
		uffd_drop_child(w);
		return;
	}
	memcpy(child->pages, w->processes[s->process].pages, sizeof(child->pages));
	child->pipe.full = false;
	world_adopt(w, s->other, a->pid);
	uffd_forked(w, s->process, s->other);
	for (region = 0; region < EX_REGIONS && !*w->why; region++)
		for (i = 0; i < w->regions[region].nr; i++)
			forget_at_fork(w, s->other, region, i);
}

/* Of itself: until Linux 6.2 a thread has counters of its own, which others do not see. */
static int act_rss(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)r;
	(void)a;
	return rss_check(w->fd, getpid(), w->board->rss_why, sizeof(w->board->rss_why));
}

/* After a fault that has counted wrongly a counter stays wrong. */
static void effect_rss(struct ex_world *w, const struct ex_step *s,
		       const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	if (a->ret == -EUCLEAN)
		world_fails(w, "process %u: %s", s->process, w->board->rss_why);
}

static int act_nothing(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)r;
	(void)a;
	return 0;
}

/* In the order of enum ex_end. */
static const char *const exit_args[] = { "kill", "exit", "exec", NULL };

static int act_exit(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	world_leave(r->step.arg);
	return 0;
}

/* Its memory goes, also by exec; what is pinned stays. */
static void effect_exit(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int region;

	(void)r;
	(void)a;
	for (region = 0; region < EX_REGIONS; region++)
		model_let_go(w, s->process, region, 0, w->regions[region].nr);
	if (s->arg == EX_END_KILL)
		world_kill(w, s->process);
	else
		world_bury(w, s->process);
	/* Its pipe and its ring end with it. */
	w->processes[s->process].pipe.full = false;
	for (region = 0; region < EX_PINS; region++)
		if (w->pins[region].uring && w->pins[region].process == s->process)
			w->pins[region].used = false;
}

/* ----------------------------------------------------------------- mappings */

/* Where that faults pages in, since they are locked, it waits for no handler. */
static bool may_protect(const struct ex_world *w, const struct ex_step *s)
{
	return is_mapped(w, s) &&
	       (is_unlocked(w, s) || !uffd_would_wait(w, s, s->process, true));
}

static int act_protect(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	static const int prot[] = {
		[EX_NONE] = PROT_NONE, [EX_READ] = PROT_READ,
		[EX_WRITE] = PROT_READ | PROT_WRITE,
	};

	(void)w;
	(void)a;
	return mprotect(r->addr, r->len, prot[r->step.arg]) ? -errno : 0;
}

static void effect_protect(struct ex_world *w, const struct ex_step *s,
			   const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	(void)r;
	if (a->ret) {
		world_fails(w, "mprotect: %s", pinscope_errno(a->ret));
		return;
	}
	for (i = 0; i < s->nr; i++)
		if (page_of(w, s, i)->guarded)
			page_of(w, s, i)->beneath = s->arg;
		else
			page_of(w, s, i)->access = s->arg;
	/* mm breaks COW of locked pages as soon as they may be written. */
	learn(w, s);
}

void ex_reserve(void *addr, size_t len)
{
	mmap(addr, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
	     -1, 0);
}

static int act_move(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	struct pinscope_page page = {};
	size_t at;
	int ret;

	if (r->step.arg == EX_MOVE_DONTUNMAP)
		flags |= MREMAP_DONTUNMAP;
	ret = mremap(r->addr, r->len, r->len, flags, r->to) == MAP_FAILED ? -errno : 0;
	/* All entries move: the mapping that stays is as if it were new. */
	for (at = 0; at < r->len && !ret && (flags & MREMAP_DONTUNMAP); at += sys_page_size())
		if (!pinscope_page(w->fd, r->addr + at, &page) &&
		    page.state & (S(PRESENT) | S(SWAP) | S(MARKER)))
			a->wrong = EX_LEFT_BEHIND;
	ex_reserve(ret ? r->to : r->addr, r->len);
	return ret;
}

/* Since Linux 6.7 mremap() begins with the whole page table, if nothing else is mapped there. */
static bool has_end_of_table(const struct ex_request *r)
{
	size_t table = sys_page_size() / sizeof(uint64_t) * sys_page_size();
	uintptr_t at = (uintptr_t)r->addr;

	return at / table != (at + r->len) / table;
}

static void effect_move(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	if (a->wrong)
		world_fails(w,
			    "process %u, region %u (%s), pages %u+%u: mremap() with MREMAP_DONTUNMAP left entries behind",
			    s->process, s->region, region_of(w, s)->kind.name, s->page, s->nr);
	/* It fails when there are several VMAs. */
	for (i = 0; i < s->nr && !a->ret; i++) {
		page_of(w, s, i)->moved = !page_of(w, s, i)->moved;
		/* Who saves only what is soft-dirty finds it at the new address. */
		if (page_of(w, s, i)->own && page_of(w, s, i)->soft == EX_SOFT_CLEARED &&
		    !(w->move_hides_writes && has_end_of_table(r)))
			page_of(w, s, i)->soft = EX_SOFT_DIRTY;
	}
	model_new_mapping(w, s->process);
	if (!a->ret)
		uffd_moved(w, s->process, s->region, s->page, s->nr);
}

static int act_unmap(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	if (munmap(r->addr, r->len))
		return -errno;
	ex_reserve(r->addr, r->len);
	return 0;
}

static void effect_unmap(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	(void)r;
	if (a->ret) {
		world_fails(w, "munmap: %s", pinscope_errno(a->ret));
		return;
	}
	model_new_mapping(w, s->process);
	model_let_go(w, s->process, s->region, s->page, s->nr);
	for (i = 0; i < s->nr; i++)
		*page_of(w, s, i) = (struct ex_page) { .moved = page_of(w, s, i)->moved };
}

static int act_map(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	const struct ex_region *region = region_of(w, &r->step);
	int flags = (region->shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED;

	(void)a;
	if (region->fd < 0)
		flags |= MAP_ANONYMOUS;
	if (region->kind.hugetlb_shift && region->fd < 0)
		flags |= MAP_HUGETLB | region->kind.hugetlb_shift << MAP_HUGE_SHIFT;
	if (mmap(r->addr, r->len, PROT_READ | PROT_WRITE, flags, region->fd,
		 r->step.page * region->page) != MAP_FAILED)
		return 0;
	ex_reserve(r->addr, r->len);
	return -errno;
}

static void effect_map(struct ex_world *w, const struct ex_step *s,
		       const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	(void)r;
	model_new_mapping(w, s->process);
	for (i = 0; i < s->nr && !a->ret; i++)
		*page_of(w, s, i) = (struct ex_page) {
			.mapped = true, .access = EX_WRITE, .moved = page_of(w, s, i)->moved,
		};
}

/* The page before, at the same address of the region, is mapped. */
static const struct ex_page *page_before(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];

	return s->page && p[-1].mapped && p[-1].moved == p->moved ? p - 1 : NULL;
}

/* Hugetlb mappings do not grow. What is locked is faulted in, and waits for no handler. */
static bool may_grow(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *before = page_before(w, s);

	return before && !(before->locked && before->uffd) && is_unmapped(w, s) &&
	       !region_of(w, s)->kind.hugetlb_shift;
}

static int act_grow(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	size_t page = region_of(w, &r->step)->page;
	int ret;

	(void)a;
	if (munmap(r->addr, r->len))
		return -errno;
	if (mremap(r->addr - page, page, page + r->len, 0) != MAP_FAILED)
		return 0;
	ret = -errno;
	ex_reserve(r->addr, r->len);
	return ret;
}

/* What is new is as the page before: it is the same VMA. */
static void effect_grow(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	const struct ex_page *before = page_of(w, s, 0) - 1;
	unsigned int i;

	(void)r;
	if (a->ret) {
		world_fails(w, "mremap() that grows: %s", pinscope_errno(a->ret));
		return;
	}
	model_new_mapping(w, s->process);
	for (i = 0; i < s->nr; i++)
		*page_of(w, s, i) = (struct ex_page) {
			.mapped = true, .moved = before->moved, .locked = before->locked,
			.mergeable = before->mergeable, .at_fork = before->at_fork,
			.access = before->guarded ? before->beneath : before->access,
			.uffd = before->uffd,
		};
	learn(w, s);
}

static bool may_shrink(const struct ex_world *w, const struct ex_step *s)
{
	return page_before(w, s) && is_ordinary(w, s);
}

static int act_shrink(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	size_t page = region_of(w, &r->step)->page;

	(void)a;
	if (mremap(r->addr - page, page + r->len, page, 0) == MAP_FAILED)
		return -errno;
	ex_reserve(r->addr, r->len);
	return 0;
}

/* Whether the range may be of several VMAs depends on the kernel. */
static void effect_shrink(struct ex_world *w, const struct ex_step *s,
			  const struct ex_request *r, const struct ex_answer *a)
{
	if (!a->ret)
		effect_unmap(w, s, r, a);
}

/* ------------------------------------------------------------------- advice */

static int advise(const struct ex_request *r, int advice)
{
	return madvise(r->addr, r->len, advice) ? -errno : 0;
}

/* An operation that is one madvise() and changes no content. */
#define ADVICE(name, advice)							\
static int act_##name(struct ex_world *w, const struct ex_request *r,		\
		      struct ex_answer *a)					\
{										\
	(void)w;								\
	(void)a;								\
	return advise(r, advice);						\
}

/* The process loses its pages, and keeps the mapping. */
static void take_away(struct ex_world *w, const struct ex_step *s)
{
	unsigned int i;

	model_let_go(w, s->process, s->region, s->page, s->nr);
	for (i = 0; i < s->nr; i++) {
		page_of(w, s, i)->own = false;
		page_of(w, s, i)->exclusive = false;
		page_of(w, s, i)->given_up = false;
		page_of(w, s, i)->maybe = 0;
	}
	uffd_dropped(w, s->process, s->region, s->page, s->nr);
}

ADVICE(dontneed, MADV_DONTNEED)
ADVICE(free, MADV_FREE)
ADVICE(pageout, MADV_PAGEOUT)
ADVICE(cold, MADV_COLD)
ADVICE(collapse, MADV_COLLAPSE)
ADVICE(hugepage, MADV_HUGEPAGE)
ADVICE(nohugepage, MADV_NOHUGEPAGE)
ADVICE(mergeable, MADV_MERGEABLE)
ADVICE(populate_read, MADV_POPULATE_READ)
ADVICE(populate_write, MADV_POPULATE_WRITE)
ADVICE(remove, MADV_REMOVE)

/* In the order of enum ex_at_fork. */
static const char *const at_fork_args[] = { "copy", "dontfork", "wipeonfork", NULL };

/* Anonymous memory alone is wiped. */
static bool may_choose_at_fork(const struct ex_world *w, const struct ex_step *s)
{
	return s->arg == EX_FORK_WIPE ? is_anonymous(w, s) : is_mapped(w, s);
}

static int act_at_fork(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	int ret;

	(void)w;
	(void)a;
	if (r->step.arg == EX_FORK_LEAVE)
		return advise(r, MADV_DONTFORK);
	ret = advise(r, MADV_DOFORK);
	return ret ? ret : advise(r, r->step.arg == EX_FORK_WIPE ? MADV_WIPEONFORK :
						   MADV_KEEPONFORK);
}

static void effect_at_fork(struct ex_world *w, const struct ex_step *s,
			   const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	(void)r;
	if (a->ret) {
		/* Newer kernels do not take MADV_DONTFORK of hugetlb back. */
		if (!region_of(w, s)->kind.hugetlb_shift)
			world_fails(w, "madvise() for fork, %s: %s", at_fork_args[s->arg],
				    pinscope_errno(a->ret));
		return;
	}
	for (i = 0; i < s->nr; i++)
		page_of(w, s, i)->at_fork = s->arg;
}

/* The variants of guard. */
static const char *const guard_args[] = { "install", "remove", NULL };

/*
 * Of Linux 6.13, and of anonymous memory. Not where userfaultfd watches: what it is told of a page
 * that nobody may access is open.
 */
static bool may_guard(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];
	static int has = -1;
	unsigned int i;

	if (has < 0)
		has = has_guard(NULL);
	for (i = 0; i < s->nr; i++)
		if (p[i].uffd)
			return false;
	return has && is_anonymous(w, s) && is_unlocked(w, s);
}

static int act_guard(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	return advise(r, r->step.arg ? MADV_GUARD_REMOVE : MADV_GUARD_INSTALL);
}

/* A guard takes the page away; without it there is an empty entry. */
static void effect_guard(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	bool install = !s->arg;
	struct ex_page *p;
	unsigned int i;

	(void)r;
	if (a->ret) {
		world_fails(w, "madvise() of a guard, %s: %s", guard_args[s->arg],
			    pinscope_errno(a->ret));
		return;
	}
	if (install)
		take_away(w, s);
	for (i = 0; i < s->nr; i++) {
		p = page_of(w, s, i);
		if (install && !p->guarded)
			p->beneath = p->access;
		if (install)
			p->access = EX_NONE;
		else if (p->guarded)
			p->access = p->beneath;
		p->guarded = install;
	}
}

static void effect_dontneed(struct ex_world *w, const struct ex_step *s,
			    const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	if (a->ret)
		world_fails(w, "MADV_DONTNEED: %s", pinscope_errno(a->ret));
	else
		take_away(w, s);
}

/*
 * Not where userfaultfd watches: what it is told of a page that may be gone is open. Errata: nor
 * what others may have, too, since they would lose it; nor what io_uring has, where its release
 * does not tell that it wrote.
 */
static bool may_free(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];
	const struct ex_pin *pin;
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (p[i].uffd || (w->free_takes_shared && p[i].own && !p[i].exclusive))
			return false;
	for (pin = w->pins; pin < w->pins + EX_PINS; pin++)
		if (pin->used && pin->uring && pin->region == s->region &&
		    w->uring_releases_clean)
			return false;
	return is_anonymous(w, s) && is_unlocked(w, s);
}

static void effect_free(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	if (a->ret)
		world_fails(w, "MADV_FREE: %s", pinscope_errno(a->ret));
	model_give_up(w, s->process, s->region, s->page, s->nr);
}

/* A write fault, or what is as good: the pages are the process's own, if it worked. */
static void effect_own(struct ex_world *w, const struct ex_step *s,
		       const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	if (!a->ret) {
		model_own(w, s->process, s->region, s->page, s->nr);
		model_written(w, s->process, s->region, s->page, s->nr);
	} else {
		learn(w, s);
	}
}

/* Memory may be short; but the process may do what is asked for. */
static void effect_populate_read(struct ex_world *w, const struct ex_step *s,
				 const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	if (a->ret == -EINVAL || a->ret == -EFAULT)
		world_fails(w,
			    "process %u, region %u (%s), page %u+%u: MADV_POPULATE: expected success, found %s",
			    s->process, s->region, region_of(w, s)->kind.name, s->page, s->nr,
			    pinscope_errno(a->ret));
}

static void effect_populate_write(struct ex_world *w, const struct ex_step *s,
				  const struct ex_request *r, const struct ex_answer *a)
{
	effect_populate_read(w, s, r, a);
	effect_own(w, s, r, a);
}

static void effect_learn(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	(void)a;
	learn(w, s);
}

static int act_lock(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	return mlock(r->addr, r->len) ? -errno : 0;
}

/* mlock() breaks COW where the mapping may be written, and else may do so as well. */
static void effect_lock(struct ex_world *w, const struct ex_step *s,
			const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		page_of(w, s, i)->locked = true;
	effect_learn(w, s, r, a);
}

static int act_unlock(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	return munlock(r->addr, r->len) ? -errno : 0;
}

static void effect_unlock(struct ex_world *w, const struct ex_step *s,
			  const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	(void)r;
	for (i = 0; i < s->nr && !a->ret; i++)
		page_of(w, s, i)->locked = false;
}

/* ----------------------------------------------- what mm does by itself */

static int act_split(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	char text[80];

	(void)w;
	(void)a;
	snprintf(text, sizeof(text), "%d,0x%llx,0x%llx", getpid(),
		 (unsigned long long)pinscope_addr(r->addr),
		 (unsigned long long)pinscope_addr(r->addr + r->len));
	return sys_write_file(PINSCOPE_DEBUGFS "/split_huge_pages", text);
}

static int act_move_node(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	static __thread void *addrs[EX_PAGES];
	static __thread int nodes[EX_PAGES], status[EX_PAGES];
	unsigned long nr = r->step.nr, i;

	(void)a;
	for (i = 0; i < nr; i++) {
		addrs[i] = r->addr + word_offset(w, &r->step, i, 0);
		nodes[i] = r->step.arg;
	}
	if (syscall(SYS_move_pages, 0, nr, addrs, nodes, status, MPOL_MF_MOVE_ALL) < 0)
		return -errno;
	/* In a race nobody asks, and the window belongs to all. */
	if (race_escape)
		return 0;
	if (syscall(SYS_move_pages, 0, nr, addrs, NULL, status, 0))
		return -errno;
	for (i = 0; i < nr; i++)
		w->board->window[i].word[0] = status[i];
	return 0;
}

/*
 * What one process alone has mm finds, by the page's own idea of where it is mapped, and moves. It
 * gives up at the first page that it cannot move, and splits a large folio for which it gets no
 * other; then some of it may stay.
 */
static void effect_move_node(struct ex_world *w, const struct ex_step *s,
			     const struct ex_request *r, const struct ex_answer *a)
{
	const struct ex_region *region = region_of(w, s);
	unsigned int i;
	int node;

	(void)r;
	/* There may be no such node. */
	if (a->ret || region->kind.hugetlb_shift || model_is_referred_to(w, s->region) ||
	    region->kind.traits & (KIND_PMD | KIND_LARGE_FOLIO | KIND_BASE_PAGES))
		return;
	for (i = 0; i < s->nr; i++)
		if (!page_of(w, s, i)->exclusive)
			return;
	for (i = 0; i < s->nr; i++) {
		node = w->board->window[i].word[0];
		if (node >= 0 && node != (int)s->arg)
			world_fails(w,
				    "process %u, region %u (%s), page %u: nobody else has it, and move_pages() left it on node %d",
				    s->process, s->region, region->kind.name, s->page + i, node);
	}
}

static bool may_go_to_device(const struct ex_world *w, const struct ex_step *s)
{
	unsigned int i;

	if (!w->has_device || !is_anonymous(w, s))
		return false;
	for (i = 0; i < s->nr; i++)
		if (w->device_hides_writes &&
		    w->processes[s->process].pages[s->region][s->page + i].protected)
			return false;
	return true;
}

/* Each process has its own file. When one is closed, the pages of all come back. */
static int use_device(enum device_take how, const struct ex_request *r)
{
	static pid_t owner;
	static int fd;

	if (owner != getpid()) {
		fd = device_open();
		owner = getpid();
	}
	return fd < 0 ? fd : device_take(fd, how, r->addr, r->len);
}

static int act_to_device(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	return use_device(DEVICE_MIGRATES, r);
}

/* A folio is migrated, or split, for all who map a part of it. */
static void effect_to_device(struct ex_world *w, const struct ex_step *s,
			     const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int process, i;
	struct ex_page *p;

	(void)r;
	(void)a;
	for (process = 0; process < EX_PROCESSES; process++) {
		p = w->processes[process].pages[s->region];
		for (i = 0; i < EX_PAGES; i++) {
			p[i].device = true;
			p[i].soft = EX_SOFT_UNSURE;
		}
	}
}

/* For COMPARE the entry of such a page maps none. */
static bool may_exclude(const struct ex_world *w, const struct ex_step *s)
{
	return may_go_to_device(w, s) && is_writable(w, s) && !is_pinned(w, s, 0);
}

static int act_exclude(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)a;
	return use_device(DEVICE_EXCLUDES, r);
}

static int act_compact(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)r;
	(void)a;
	return sys_write_file("/proc/sys/vm/compact_memory", "1");
}

static int act_drop_caches(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)r;
	(void)a;
	return sys_write_file("/proc/sys/vm/drop_caches", "1");
}

static void effect_mergeable(struct ex_world *w, const struct ex_step *s,
			     const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i;

	(void)r;
	for (i = 0; i < s->nr && !a->ret; i++)
		page_of(w, s, i)->mergeable = true;
}

/* A page that was seen unchanged in two scans is merged in the second. */
static int act_merge(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	long scans = sys_read_number(SYS_KSM_DIR "full_scans"), begin = sys_now_ms();
	int ret = sys_write_file(SYS_KSM_DIR "sleep_millisecs", "0");

	(void)w;
	(void)r;
	(void)a;
	if (!ret)
		ret = sys_write_file(SYS_KSM_DIR "run", "1");
	while (!ret && sys_read_number(SYS_KSM_DIR "full_scans") < scans + 3 &&
	       sys_now_ms() - begin < MERGE_MS)
		sys_sleep_ms(1);
	sys_write_file(SYS_KSM_DIR "run", "0");
	return ret;
}

/*
 * KSM gives a page up as exclusive before it compares. And an erratum: a page that is merged
 * loses its soft-dirty bit.
 */
static void effect_merge(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	struct ex_page *p;
	unsigned int process, i;

	(void)s;
	(void)r;
	(void)a;
	for (process = 0; process < EX_PROCESSES; process++) {
		p = w->processes[process].pages[0];
		for (i = 0; i < EX_REGIONS * EX_PAGES; i++) {
			if (!p[i].mergeable)
				continue;
			p[i].exclusive = false;
			if (p[i].soft == EX_SOFT_DIRTY && w->merge_unprotects)
				p[i].soft = EX_SOFT_UNSURE;
		}
	}
}

static int act_clear_refs(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)w;
	(void)r;
	(void)a;
	return sys_clear_soft_dirty();
}

static void effect_clear_refs(struct ex_world *w, const struct ex_step *s,
			      const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	if (!a->ret)
		model_clear_soft_dirty(w, s->process);
}

/* -------------------------------------------------------------------- files */

static int act_file_write(struct ex_world *w, const struct ex_request *r,
			  struct ex_answer *a)
{
	size_t at = word_offset(w, &r->step, r->step.page, r->step.arg);

	(void)a;
	return pwrite(region_of(w, &r->step)->fd, &r->word, sizeof(r->word), at) ==
	       sizeof(r->word) ? 0 : -errno;
}

static void effect_file_write(struct ex_world *w, const struct ex_step *s,
			      const struct ex_request *r, const struct ex_answer *a)
{
	if (!a->ret)
		w->regions[s->region].file[s->page].word[s->arg] = r->word;
}

static int act_sync(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)a;
	return fsync(region_of(w, &r->step)->fd) ? -errno : 0;
}

static int act_punch(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)a;
	return fallocate(region_of(w, &r->step)->fd,
			 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 word_offset(w, &r->step, r->step.page, 0), r->len) ? -errno : 0;
}

/*
 * The file has zeroes there. Whether a pin has another page than the file is open; by a known
 * bug of kernels also where the pin is of pages beside, in the same folio.
 */
static void file_loses(struct ex_world *w, unsigned int region, unsigned int page,
		       unsigned int nr)
{
	struct ex_pin *pin;
	unsigned int i;

	memset(&w->regions[region].file[page], 0, nr * sizeof(struct ex_content));
	for (pin = w->pins; pin < w->pins + EX_PINS; pin++)
		for (i = 0; i < pin->nr && pin->used && pin->region == region; i++)
			if (pin->held[i] == EX_OF_FILE &&
			    (w->hole_takes_folio ||
			     (pin->page + i >= page && pin->page + i < page + nr)))
				pin->held[i] = EX_UNKNOWN;
	for (i = 0; i < EX_PROCESSES; i++)
		if (w->processes[i].pid)
			uffd_dropped(w, i, region, page, nr);
}

/* MADV_REMOVE is a hole, too, that whoever may write to the mapping makes. */
static bool may_remove(const struct ex_world *w, const struct ex_step *s)
{
	return region_of(w, s)->shared && is_writable(w, s) && is_unlocked(w, s) &&
	       may_make_hole(w, s);
}

/* Private copies stay. */
static void effect_punch(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	if (!a->ret)
		file_loses(w, s->region, s->page, s->nr);
}

static const char *const file_fill_args[] = {
	[EX_FILL_WRITE] = "write", [EX_FILL_ANEW] = "anew", [EX_FILL_DIRECT] = "direct", NULL
};

/* Where there is a hole, write() makes large folios. What allows no direct I/O is left alone. */
static int act_file_fill(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	const struct ex_region *region = region_of(w, &r->step);
	bool direct = r->step.arg == EX_FILL_DIRECT;
	char *buffer;
	int fd = region->fd;
	ssize_t done;
	size_t i;
	int ret;

	if (r->step.arg == EX_FILL_ANEW && act_punch(w, r, a))
		return -errno;
	buffer = aligned_alloc(region->page, r->len);
	if (!buffer)
		return -ENOMEM;
	if (direct)
		fd = sys_reopen(fd, O_WRONLY | O_DIRECT);
	memset(buffer, 0, r->len);
	for (i = 0; i < r->step.nr; i++)
		ex_fill_page(buffer + i * region->page, region->page, r->word);
	done = fd < 0 ? 0 :
	       pwrite(fd, buffer, r->len, word_offset(w, &r->step, r->step.page, 0));
	ret = done < 0 ? -errno : 0;
	a->id = done < 0 ? 0 : done / region->page;
	free(buffer);
	if (direct && fd >= 0)
		close(fd);
	return ret;
}

static void effect_file_fill(struct ex_world *w, const struct ex_step *s,
			     const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int i, k;

	if (a->ret || (a->id && a->id < s->nr))
		world_fails(w, "region %u (%s), pages %u+%u: file-fill %s: %s, %u pages",
			    s->region, w->regions[s->region].kind.name, s->page, s->nr,
			    file_fill_args[s->arg], pinscope_errno(a->ret), a->id);
	/* Its buffer may be one. */
	model_new_mapping(w, s->process);
	if (s->arg != EX_FILL_WRITE)
		file_loses(w, s->region, s->page, a->id);
	for (i = 0; i < a->id; i++)
		for (k = 0; k < EX_WORDS; k++)
			w->regions[s->region].file[s->page + i].word[k] = r->word;
}

static int act_truncate(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	const struct ex_region *region = region_of(w, &r->step);

	(void)a;
	if (ftruncate(region->fd, word_offset(w, &r->step, r->step.page, 0)) ||
	    ftruncate(region->fd, region->nr * region->page))
		return -errno;
	return 0;
}

/* Private copies go, too, in all processes. */
static void effect_truncate(struct ex_world *w, const struct ex_step *s,
			    const struct ex_request *r, const struct ex_answer *a)
{
	unsigned int nr = region_of(w, s)->nr - s->page, p, i;
	struct ex_page *pages;

	(void)r;
	if (a->ret) {
		world_fails(w, "ftruncate: %s", pinscope_errno(a->ret));
		return;
	}
	for (p = 0; p < EX_PROCESSES; p++) {
		if (!w->processes[p].pid)
			continue;
		model_let_go(w, p, s->region, s->page, nr);
		pages = &w->processes[p].pages[s->region][s->page];
		for (i = 0; i < nr; i++) {
			pages[i].own = false;
			pages[i].exclusive = false;
		}
	}
	file_loses(w, s->region, s->page, nr);
}

/* --------------------------------------------------------------------- pins */

/* The first ones are for each call, the others for one. */
const uint64_t ex_pin_flags[] = {
	0, F(LONGTERM), F(WRITE), F(WRITE) | F(LONGTERM), F(WRITE) | F(LONGTERM) | F(FORCE),
	F(WRITE) | F(FORCE),
	F(FORCE), F(LONGTERM) | F(FORCE), F(NOFAULT), F(LONGTERM) | F(NOFAULT),
	F(WRITE) | F(NOFAULT), F(NOWAIT), F(WRITE) | F(NOWAIT), F(SPLIT_PMD),
	F(LONGTERM) | F(SPLIT_PMD), F(WRITE) | F(SPLIT_PMD), F(HONOR_NUMA_FAULT),
	F(LONGTERM) | F(INTERRUPTIBLE), F(ANON), F(DUMP),
};

#define PIN_ARGS	"0", "LONGTERM", "WRITE", "WRITE+LONGTERM", "WRITE+LONGTERM+FORCE", \
			"WRITE+FORCE"

static const char *const pin_args[] = { PIN_ARGS, NULL };

static const char *const pin_more_args[] = {
	PIN_ARGS, "FORCE", "LONGTERM+FORCE", "NOFAULT", "LONGTERM+NOFAULT", "WRITE+NOFAULT",
	"NOWAIT", "WRITE+NOWAIT", "SPLIT_PMD", "LONGTERM+SPLIT_PMD", "WRITE+SPLIT_PMD",
	"HONOR_NUMA_FAULT", "LONGTERM+INTERRUPTIBLE", "ANON", "DUMP", NULL,
};

/* With these a pin may fail of memory that the process may access. */
#define MAY_REFUSE	(F(NOFAULT) | F(NOWAIT) | F(ANON) | F(DUMP))

/* Would a pin that must not drop the mmap lock come to a page that a handler has to give? */
static bool pin_would_wait(const struct ex_world *w, const struct ex_step *s)
{
	return uffd_would_wait(w, s, s->process, ex_pin_flags[s->arg] & F(WRITE));
}

/*
 * An erratum is avoided: long-term pins of hugetlb pages in movable memory, which the module
 * refuses. But it cannot know where a page is that is not there before the pin.
 */
static bool may_get_movable_hugetlb(const struct ex_world *w, const struct ex_step *s)
{
	unsigned int i;

	if (!w->longterm_moves_no_hugetlb || !region_of(w, s)->kind.hugetlb_shift ||
	    !(ex_pin_flags[s->arg] & F(LONGTERM)))
		return false;
	for (i = 0; i < s->nr; i++)
		if (!w->processes[s->process].pages[s->region][s->page + i].exclusive)
			return true;
	return false;
}

/* An erratum is avoided: unshare of the huge zeropage takes a userfaultfd's protection away. */
static bool would_unprotect(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = w->processes[s->process].pages[s->region];
	const struct ex_region *region = region_of(w, s);
	bool protected = false, own = true;
	unsigned int i;

	if (!w->unshare_unprotects || region->fd >= 0 ||
	    region->nr * region->page < sys_thp_size())
		return false;
	for (i = 0; i < region->nr; i++)
		protected |= p[i].protected;
	for (i = s->page; i < s->page + s->nr; i++)
		own &= p[i].own;
	return protected && !own;
}

/* An erratum is avoided: long-term pins for reading of what is not the process's own. */
static bool may_pin(const struct ex_world *w, const struct ex_step *s)
{
	unsigned int i;

	if (may_get_movable_hugetlb(w, s) ||
	    ((ex_pin_flags[s->arg] & EX_LASTS) == F(LONGTERM) && would_unprotect(w, s)))
		return false;

	/* By the sources, a long-term pin may drop the lock since Linux 6.3. */
	if ((ex_pin_flags[s->arg] & F(LONGTERM)) && running_kernel() < KERNEL(6, 3) &&
	    pin_would_wait(w, s))
		return false;

	/*
	 * What FOLL_FORCE means for hugetlb depends on the kernel; and it takes what is
	 * reserved where a page was unmapped.
	 */
	if ((ex_pin_flags[s->arg] & F(FORCE)) &&
	    (region_of(w, s)->kind.hugetlb_shift || !is_mapped(w, s)))
		return false;
	for (i = 0; i < s->nr && region_of(w, s)->stale; i++)
		if (!model_is_own(w, s->process, s->region, s->page + i) &&
		    (ex_pin_flags[s->arg] & EX_LASTS) == F(LONGTERM))
			return false;
	return true;
}

/* pin_user_pages() is not told that it may drop the mmap lock, and so waits for nobody. */
static bool may_pin_locked(const struct ex_world *w, const struct ex_step *s)
{
	return may_pin(w, s) && !pin_would_wait(w, s);
}

/* There are no references for long. */
static bool may_get(const struct ex_world *w, const struct ex_step *s)
{
	return !(ex_pin_flags[s->arg] & F(LONGTERM)) && may_pin(w, s);
}

static bool may_get_locked(const struct ex_world *w, const struct ex_step *s)
{
	return may_get(w, s) && !pin_would_wait(w, s);
}

static int pin_by(struct ex_world *w, const struct ex_request *r, struct ex_answer *a,
		  unsigned int call)
{
	return pinscope_pin(w->fd, call, ex_pin_flags[r->step.arg], r->addr, r->len, &a->id);
}

static int act_pin(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	return pin_by(w, r, a, PINSCOPE_CALL_PIN);
}

static int act_pin_fast(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	return pin_by(w, r, a, PINSCOPE_CALL_PIN_FAST);
}

static int act_pin_unlocked(struct ex_world *w, const struct ex_request *r,
			    struct ex_answer *a)
{
	return pin_by(w, r, a, PINSCOPE_CALL_PIN_UNLOCKED);
}

/* Another process asks, if there is one. */
static int act_pin_remote(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_REMOTE, .gup_flags = ex_pin_flags[r->step.arg],
		.addr = pinscope_addr(r->addr), .len = r->len,
		.target_type = PINSCOPE_TARGET_PID, .target_nr = r->pid,
	};
	int ret = pinscope_pin_cmd(w->fd, &cmd);

	a->id = cmd.id;
	return ret;
}

static int act_get(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	return pin_by(w, r, a, PINSCOPE_CALL_GET);
}

static int act_get_fast(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	return pin_by(w, r, a, PINSCOPE_CALL_GET_FAST);
}

static int act_get_fast_only(struct ex_world *w, const struct ex_request *r,
			     struct ex_answer *a)
{
	return pin_by(w, r, a, PINSCOPE_CALL_GET_FAST_ONLY);
}

static bool is_pin_allowed(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_page *p = &w->processes[s->process].pages[s->region][s->page];
	uint64_t flags = ex_pin_flags[s->arg];
	bool forced = (flags & F(FORCE)) && !(region_of(w, s)->shared && flags & F(WRITE));
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (p[i].guarded)
			return false;
	return may(w, s, forced ? EX_NONE : flags & F(WRITE) ? EX_WRITE : EX_READ);
}

/* Memory may be short, above all where a page has to be moved: only EFAULT tells. */
static bool is_pin_good(const struct ex_world *w, const struct ex_step *s, int ret)
{
	const struct ex_region *region = region_of(w, s);
	uint64_t flags = ex_pin_flags[s->arg];

	if (!is_pin_allowed(w, s))
		return ret;
	if (flags & MAY_REFUSE)
		return true;
	/* File systems that track writes: since Linux 6.5. */
	if (region->shared && (region->kind.traits & KIND_WRITE_NOTIFY) &&
	    (flags & F(WRITE)) && (flags & F(LONGTERM)))
		return true;
	return ret != -EFAULT;
}

static void effect_call(struct ex_world *w, const struct ex_step *s,
			const struct ex_answer *a, bool is_pin)
{
	struct ex_pin *pin = &w->pins[s->other];
	uint64_t flags = ex_pin_flags[s->arg];
	char names[NAMES_MAX];
	unsigned int i;

	if (!is_pin_good(w, s, a->ret)) {
		world_fails(w,
			    "process %u, region %u (%s), page %u+%u: expected %s of a %s with %s, found %s",
			    s->process, s->region, region_of(w, s)->kind.name, s->page, s->nr,
			    is_pin_allowed(w, s) ? "success" : "EFAULT",
			    is_pin ? "pin" : "reference",
			    pinscope_names(pinscope_gup_flags_names, flags, names,
					   sizeof(names)),
			    a->ret ? pinscope_errno(a->ret) : "success");
		return;
	}
	if (a->ret) {
		learn(w, s);
		return;
	}
	*pin = (struct ex_pin) {
		.used = true, .id = a->id, .gup_flags = flags, .process = s->process,
		.region = s->region, .page = s->page, .nr = s->nr,
	};
	for (i = 0; i < s->nr; i++)
		pin->held[i] = region_of(w, s)->shared ? EX_OF_FILE :
			       is_pin && (flags & EX_LASTS ||
					  model_is_own(w, s->process, s->region, s->page + i)) ?
			       EX_OF_PROCESS : EX_UNKNOWN;
	if (is_pin ? flags & EX_LASTS : flags & F(WRITE))
		model_own(w, s->process, s->region, s->page, s->nr);
	if (flags & F(WRITE)) {
		model_written(w, s->process, s->region, s->page, s->nr);
		model_keep(w, s->process, s->region, s->page, s->nr);
	}
	if (flags & MAY_REFUSE)
		learn(w, s);
	model_check_pinned(w, pin);
}

static void effect_pin(struct ex_world *w, const struct ex_step *s,
		       const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	effect_call(w, s, a, true);
}

/* A reference promises no more than that it is of the page that is mapped now. */
static void effect_get(struct ex_world *w, const struct ex_step *s,
		       const struct ex_request *r, const struct ex_answer *a)
{
	(void)r;
	effect_call(w, s, a, false);
}

/* The lockless walk takes what is there, and waits for nobody. */
static void effect_get_fast_only(struct ex_world *w, const struct ex_step *s,
				 const struct ex_request *r, const struct ex_answer *a)
{
	if (!a->ret)
		effect_get(w, s, r, a);
}

/* Those with FOLL_TOUCH, which pin_user_pages() and GUP-fast do without. */
static void effect_pin_touching(struct ex_world *w, const struct ex_step *s,
				const struct ex_request *r, const struct ex_answer *a)
{
	effect_pin(w, s, r, a);
	if (!*w->why && !a->ret)
		model_check_touched(w, &w->pins[s->other]);
}

static bool is_of_module(const struct ex_world *w, const struct ex_step *s)
{
	return !w->pins[s->other].uring;
}

void ex_write_through_pin(struct ex_world *w, const struct ex_step *s, uint32_t word)
{
	struct ex_pin *pin = &w->pins[s->other];
	unsigned int i = s->page - pin->page;

	if (pin->held[i] == EX_UNKNOWN)
		return;
	if (pin->held[i] == EX_OF_PROCESS)
		model_write(w, pin->process, pin->region, s->page, s->arg, word);
	else if (pin->held[i] == EX_OF_FILE)
		w->regions[pin->region].file[s->page].word[s->arg] = word;
	else
		model_write_alone(w, pin->alone[i], s->arg, word);
}

static bool may_pin_write(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_pin *pin = &w->pins[s->other];

	/* What the pin has of a file after a hole was made may still be the file's. */
	return is_of_module(w, s) && (pin->gup_flags & F(WRITE)) &&
	       pin->held[s->page - pin->page] != EX_RELEASED &&
	       pin->held[s->page - pin->page] != EX_UNKNOWN;
}

static int act_pin_write(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	size_t offset = r->offset + word_offset(w, &r->step, 0, r->step.arg);

	(void)a;
	return pinscope_write(w->fd, r->id, offset, &r->word, sizeof(r->word));
}

static void effect_pin_write(struct ex_world *w, const struct ex_step *s,
			     const struct ex_request *r, const struct ex_answer *a)
{
	if (a->ret)
		world_fails(w, "WRITE through pin %u: %s", s->other, pinscope_errno(a->ret));
	else
		ex_write_through_pin(w, s, r->word);
}

int ex_release(int fd, uint32_t id, size_t offset, size_t len, uint64_t *left)
{
	int ret = pinscope_unpin_part(fd, id, offset, len, PINSCOPE_UNPIN_DIRTY, left);

	return ret == -EACCES ? pinscope_unpin_part(fd, id, offset, len, 0, left) : ret;
}

static int act_unpin(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)a;
	return ex_release(w->fd, r->id, 0, 0, NULL);
}

static void effect_unpin(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	struct ex_pin *pin = &w->pins[s->other];

	(void)r;
	if (a->ret)
		world_fails(w, "UNPIN of pin %u: %s", s->other, pinscope_errno(a->ret));
	model_check_released(w, pin, pin->page, pin->nr);
	pin->used = false;
}

static int act_unpin_part(struct ex_world *w, const struct ex_request *r,
			  struct ex_answer *a)
{
	uint64_t left;
	int ret = ex_release(w->fd, r->id, r->offset, r->len, &left);

	a->id = left;
	return ret;
}

static void effect_unpin_part(struct ex_world *w, const struct ex_step *s,
			      const struct ex_request *r, const struct ex_answer *a)
{
	struct ex_pin *pin = &w->pins[s->other];

	(void)r;
	if (a->ret)
		world_fails(w, "UNPIN of a part of pin %u: %s", s->other,
			    pinscope_errno(a->ret));
	model_check_released(w, pin, s->page, s->nr);
	memset(&pin->held[s->page - pin->page], EX_RELEASED, s->nr);
	pin->used = a->id;
}

/* By the file: whether and how the process maps it does not matter. */
static bool may_pin_memfd(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_region *region = region_of(w, s);

	return region->shared && region->kind.mapping &&
	       region->kind.mapping->backing == BACKING_MEMFD;
}

/* A part is in the middle of a page, and is released at once. */
enum { MEMFD_PAGES, MEMFD_PART, MEMFD_BEYOND };

static const char *const memfd_args[] = { "pages", "part", "beyond", NULL };

static int act_pin_memfd(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	const struct ex_region *region = region_of(w, &r->step);
	size_t part = region->page / EX_WORDS;
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_MEMFD, .len = r->len,
		.addr = r->step.page * region->page,
		.target_type = PINSCOPE_TARGET_MEMFD, .target_nr = region->fd,
	};
	int ret;

	if (r->step.arg == MEMFD_PART) {
		cmd.addr += part & -sys_page_size();
		cmd.len = sys_page_size();
	} else if (r->step.arg == MEMFD_BEYOND) {
		cmd.len = region->nr * region->page - cmd.addr + sys_page_size();
	}
	ret = pinscope_pin_cmd(w->fd, &cmd);
	a->id = cmd.id;
	if (ret || r->step.arg != MEMFD_PART)
		return ret;
	/* Of a pin that is not kept the number is of no use. */
	a->id = -pinscope_read(w->fd, cmd.id, 0, w->board->window, sizeof(uint32_t));
	pinscope_unpin(w->fd, cmd.id);
	return 0;
}

static void effect_pin_memfd(struct ex_world *w, const struct ex_step *s,
			     const struct ex_request *r, const struct ex_answer *a)
{
	const struct ex_region *region = region_of(w, s);
	/* Of a base page the first word, of a huge page the second. */
	unsigned int word = region->page > EX_WORDS * sys_page_size();
	struct ex_pin *pin = &w->pins[s->other];
	uint32_t seen = w->board->window->word[0];

	(void)r;
	if (a->ret == -EINVAL && s->arg != MEMFD_BEYOND)
		world_fails(w,
			    "region %u (%s), page %u+%u: pin-memfd %s: expected a pin, found %s",
			    s->region, region->kind.name, s->page, s->nr,
			    memfd_args[s->arg], pinscope_errno(a->ret));
	/* Since Linux 6.11; and memory may be short. */
	if (a->ret)
		return;
	if (s->arg == MEMFD_BEYOND)
		world_fails(w,
			    "region %u (%s): pin-memfd beyond the end of the file: expected an error, found success",
			    s->region, region->kind.name);
	if (s->arg == MEMFD_PART && a->id)
		world_fails(w,
			    "region %u (%s), page %u: READ of a pin of a part: expected success, found %s",
			    s->region, region->kind.name, s->page, pinscope_errno(a->id));
	if (s->arg == MEMFD_PART && seen != region->file[s->page].word[word])
		world_fails(w,
			    "region %u (%s), page %u: expected that a pin of a part of the file has %u, found %u",
			    s->region, region->kind.name, s->page,
			    region->file[s->page].word[word], seen);
	if (s->arg != MEMFD_PAGES)
		return;
	*pin = (struct ex_pin) {
		.used = true, .id = a->id, .process = s->process, .region = s->region,
		.page = s->page, .nr = s->nr,
	};
	memset(pin->held, EX_OF_FILE, s->nr);
}

/* ------------------------------------------------------------------- faults */

static const uint64_t fault_flags[] = {
	0, PINSCOPE_FAULT_UNSHARE, PINSCOPE_FAULT_WRITE,
	PINSCOPE_FAULT_UNSHARE | PINSCOPE_FAULT_RETRY_NOWAIT,
	PINSCOPE_FAULT_WRITE | PINSCOPE_FAULT_RETRY_NOWAIT,
	PINSCOPE_FAULT_UNSHARE | PINSCOPE_FAULT_TRIED,
	PINSCOPE_FAULT_WRITE | PINSCOPE_FAULT_USER,
	PINSCOPE_FAULT_UNSHARE | PINSCOPE_FAULT_INTERRUPTIBLE,
};

static const char *const fault_args[] = {
	"read", "UNSHARE", "WRITE", "UNSHARE+RETRY_NOWAIT", "WRITE+RETRY_NOWAIT",
	"UNSHARE+TRIED", "WRITE+USER", "UNSHARE+INTERRUPTIBLE", NULL,
};

static bool may_fault(const struct ex_world *w, const struct ex_step *s)
{
	if (fault_flags[s->arg] & PINSCOPE_FAULT_UNSHARE && would_unprotect(w, s))
		return false;
	return may(w, s, fault_flags[s->arg] & PINSCOPE_FAULT_WRITE ? EX_WRITE : EX_READ);
}

static int act_fault(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	(void)a;
	return pinscope_fault(w->fd, pinscope_self(), pinscope_addr(r->addr), r->len,
			      fault_flags[r->step.arg] | PINSCOPE_FAULT_ALLOW_RETRY, NULL,
			      NULL);
}

/* ---------------------------------------------------------------- the table */

static bool never(const struct ex_world *w, const struct ex_step *s)
{
	(void)w;
	(void)s;
	return false;
}

static void effect_check(struct ex_world *w, const struct ex_step *s,
			 const struct ex_request *r, const struct ex_answer *a)
{
	(void)s;
	(void)r;
	(void)a;
	model_check_all(w);
}

static const char *const word_args[] = { "word0", "word1", "word2", "word3", NULL };
static const char *const protect_args[] = { "none", "read", "write", NULL };
static const char *const move_args[] = {
	[EX_MOVE] = "move", [EX_MOVE_DONTUNMAP] = "dontunmap", NULL
};

static const char *const node_args[] = { "node0", "node1", "node2", NULL };

#define RANGE		EX_USES_RANGE

const struct ex_operation ex_operations[] = {
	[EX_OP_READ] = { "read", "The process reads pages.",
	  12, RANGE | EX_RACES, NULL, is_readable, act_read, effect_read },
	[EX_OP_READ_FILE] = { "read-file", "The process reads the file of a region.",
	  0, RANGE, NULL, never, act_read_file, effect_read_file },
	[EX_OP_RACE] = { "race", "Threads of the process do operations at once.",
	  0, 0, NULL, never, act_race, NULL },
	[EX_OP_SETTLE] = { "settle", "After a race the process may access all pages again.",
	  0, 0, NULL, never, act_settle, NULL },
	[EX_OP_LOOK] = { "look", "In a race the process forks, and the child looks at its memory.",
	  0, EX_RACES, NULL, never, act_look, NULL },
	[EX_OP_FORK] = { "fork", "The process forks: the child has the same pages by COW.",
	  4, EX_USES_PROCESS, NULL, may_fork, act_fork, effect_fork },
	[EX_OP_EXIT] = { "exit",
	  "The process is killed, exits, or has its memory replaced by exec of another program.",
	  2, 0, exit_args, is_not_alone, act_exit, effect_exit },
	[EX_OP_MMAP] = { "mmap", "mmap() of pages that were unmapped.",
	  12, RANGE | EX_RACES | EX_TAKES, NULL, is_unmapped, act_map, effect_map },
	[EX_OP_MERGEABLE] = { "mergeable", "MADV_MERGEABLE lets KSM merge pages that are equal.",
	  6, RANGE | EX_RACES, NULL, may_become_mergeable, act_mergeable, effect_mergeable },
	[EX_OP_RESERVE] = { "reserve", "A child that has nothing somewhere keeps it so.",
	  0, RANGE, NULL, never, act_reserve, NULL },
	[EX_OP_TAKE_UFFD] = { "take-uffd",
	  "A child gets its userfaultfd, which came with the event of the fork.",
	  0, 0, NULL, never, act_take_uffd, NULL },
	[EX_OP_RSS] = { "rss", "The process compares its RSS counters with its page tables.",
	  0, 0, NULL, never, act_rss, effect_rss },
	{ "check",
	  "All processes read all that they may, all files are read, and all pins are compared with what is mapped.",
	  3, 0, NULL, NULL, act_nothing, effect_check },
	{ "write", "The process writes one word to each page.",
	  24, RANGE | EX_RACES | EX_WRITES, word_args, is_writable, act_write, effect_write },
	{ "fill", "The process writes all words of each page, the same everywhere.",
	  8, RANGE | EX_RACES | EX_FILLS, NULL, is_writable, act_fill, effect_fill },
	{ "vm-write",
	  "process_vm_writev(): the process writes a word to the memory of another one.",
	  8, RANGE | EX_USES_PROCESS | EX_RACES | EX_WRITES, word_args, may_vm_write,
	  act_vm_write, effect_vm_write },
	{ "mem-write", "The process writes a word to /proc/PID/mem of another one: FOLL_FORCE.",
	  8, RANGE | EX_USES_PROCESS, word_args, may_mem_write, act_mem_write,
	  effect_mem_write },
	{ "mprotect", "mprotect(): PROT_NONE, PROT_READ, or PROT_READ | PROT_WRITE.",
	  16, RANGE | EX_RACES, protect_args, may_protect, act_protect, effect_protect },
	{ "mremap", "mremap() moves pages to the other address of the region, or back.",
	  8, RANGE, move_args, is_movable, act_move, effect_move },
	{ "grow", "mremap() makes a mapping longer, over pages that were unmapped.",
	  24, RANGE, NULL, may_grow, act_grow, effect_grow },
	{ "shrink", "mremap() makes a mapping shorter: its last pages are unmapped.",
	  6, RANGE, NULL, may_shrink, act_shrink, effect_shrink },
	{ "munmap", "munmap() of pages.",
	  4, RANGE, NULL, is_mapped, act_unmap, effect_unmap },
	{ "dontneed", "MADV_DONTNEED drops pages.",
	  6, RANGE | EX_RACES | EX_TAKES, NULL, is_unlocked, act_dontneed, effect_dontneed },
	{ "guard",
	  "MADV_GUARD_INSTALL (Linux 6.13): who accesses the pages gets SIGSEGV; or MADV_GUARD_REMOVE.",
	  6, RANGE, guard_args, may_guard, act_guard, effect_guard },
	{ "at-fork",
	  "madvise(): by fork() a child gets the pages by COW (copy), not at all (dontfork), or zeroes there (wipeonfork).",
	  8, RANGE, at_fork_args, may_choose_at_fork, act_at_fork, effect_at_fork },
	{ "free",
	  "MADV_FREE gives pages up: until the process writes to one, it may have zeroes there.",
	  6, RANGE, NULL, may_free, act_free, effect_free },
	{ "pageout", "MADV_PAGEOUT reclaims pages: anonymous ones are swapped out.",
	  12, RANGE | EX_RACES, NULL, may_reclaim, act_pageout, NULL },
	{ "cold", "MADV_COLD deactivates pages.",
	  2, RANGE | EX_RACES, NULL, may_reclaim, act_cold, NULL },
	{ "collapse", "MADV_COLLAPSE replaces anonymous base pages by a THP.",
	  6, RANGE | EX_WHOLE | EX_RACES, NULL, is_anonymous, act_collapse, NULL },
	{ "hugepage", "MADV_HUGEPAGE allows THPs.",
	  2, RANGE | EX_WHOLE | EX_RACES, NULL, is_anonymous, act_hugepage, NULL },
	{ "nohugepage", "MADV_NOHUGEPAGE forbids THPs.",
	  2, RANGE | EX_WHOLE | EX_RACES, NULL, is_anonymous, act_nohugepage, NULL },
	{ "merge", "ksmd scans until it has merged all that it can.",
	  1, 0, NULL, may_merge, act_merge, effect_merge },
	{ "populate-read", "MADV_POPULATE_READ faults pages in for reading.",
	  4, RANGE | EX_RACES, NULL, is_readable_ordinary, act_populate_read,
	  effect_populate_read },
	{ "populate-write", "MADV_POPULATE_WRITE faults pages in for writing.",
	  4, RANGE | EX_RACES, NULL, is_writable_ordinary, act_populate_write,
	  effect_populate_write },
	{ "mlock", "mlock() of pages.",
	  4, RANGE | EX_RACES, NULL, is_ordinary, act_lock, effect_lock },
	{ "munlock", "munlock() of pages.",
	  4, RANGE | EX_RACES, NULL, is_ordinary, act_unlock, effect_unlock },
	{ "split", "debugfs' split_huge_pages splits THPs.",
	  6, RANGE | EX_RACES, NULL, may_split, act_split, NULL },
	{ "move-pages", "move_pages() migrates pages to a NUMA node.",
	  8, RANGE | EX_RACES, node_args, is_mapped, act_move_node,
	  effect_move_node },
	{ "to-device",
	  "Pages are migrated to the memory of a device, that of lib/test_hmm.c.",
	  12, RANGE | EX_RACES, NULL, may_go_to_device, act_to_device,
	  effect_to_device },
	{ "exclude", "The device gets exclusive access to pages: COW is broken as for a write.",
	  8, RANGE, NULL, may_exclude, act_exclude, effect_own },
	{ "compact", "Compaction of all memory.",
	  1, EX_RACES, NULL, NULL, act_compact, NULL },
	{ "drop-caches", "The page cache forgets what is clean and not mapped.",
	  1, EX_RACES, NULL, NULL, act_drop_caches, NULL },
	{ "clear-refs",
	  "The soft-dirty bits of the process are cleared: all its entries become read-only.",
	  4, EX_RACES, NULL, NULL, act_clear_refs, effect_clear_refs },
	{ "file-write", "write() of a word to a page of the file.",
	  8, RANGE | EX_RACES | EX_WRITES | EX_ON_FILE, word_args, has_file, act_file_write,
	  effect_file_write },
	{ "file-fill", "write() of whole pages of the file, also over a hole, or by direct I/O.",
	  6, RANGE | EX_ON_FILE, file_fill_args, may_fill_file, act_file_fill, effect_file_fill },
	{ "fsync", "The file is written back: entries of shared mappings become read-only.",
	  4, RANGE | EX_RACES, NULL, has_file, act_sync, NULL },
	{ "punch", "fallocate() punches a hole into the file; private copies stay.",
	  4, RANGE | EX_RACES | EX_ON_FILE | EX_TAKES, NULL, may_make_hole, act_punch,
	  effect_punch },
	{ "remove", "MADV_REMOVE punches a hole into the file that a shared mapping has.",
	  12, RANGE | EX_RACES | EX_ON_FILE | EX_TAKES, NULL, may_remove, act_remove,
	  effect_punch },
	{ "truncate", "The file is truncated at a page and extended again; private copies go, too.",
	  2, RANGE | EX_RACES | EX_ON_FILE | EX_TAKES | EX_TO_THE_END, NULL, may_make_hole,
	  act_truncate, effect_truncate },
	{ "pin", "pin_user_pages() of pages.",
	  16, RANGE | EX_MAKES_PIN | EX_RACES, pin_args, may_pin_locked, act_pin, effect_pin },
	{ "pin-fast", "pin_user_pages_fast() of pages.",
	  16, RANGE | EX_MAKES_PIN | EX_RACES, pin_args, may_pin, act_pin_fast, effect_pin },
	{ "pin-unlocked", "pin_user_pages_unlocked() of pages.",
	  6, RANGE | EX_MAKES_PIN | EX_RACES, pin_args, may_pin, act_pin_unlocked,
	  effect_pin_touching },
	{ "pin-remote", "pin_user_pages_remote() by another process, if there is one.",
	  6, RANGE | EX_MAKES_PIN | EX_RACES | EX_BY_ANOTHER, pin_args, may_pin,
	  act_pin_remote, effect_pin_touching },
	{ "pin-more", "pin_user_pages() with any flags.",
	  12, RANGE | EX_MAKES_PIN | EX_RACES, pin_more_args, may_pin_locked, act_pin,
	  effect_pin },
	{ "get", "get_user_pages() with any flags: references.",
	  6, RANGE | EX_MAKES_PIN, pin_more_args, may_get_locked, act_get, effect_get },
	{ "get-fast", "get_user_pages_fast() of pages.",
	  6, RANGE | EX_MAKES_PIN, pin_args, may_get, act_get_fast, effect_get },
	{ "get-fast-only", "get_user_pages_fast_only(): what needs no fault.",
	  4, RANGE | EX_MAKES_PIN, pin_args, may_get, act_get_fast_only,
	  effect_get_fast_only },
	{ "pin-memfd",
	  "memfd_pin_folios() (Linux 6.11) of pages of a memfd, of a part of one, or to behind its end.",
	  6, RANGE | EX_MAKES_PIN, memfd_args, may_pin_memfd, act_pin_memfd, effect_pin_memfd },
	{ "uring-pin", "io_uring registers pages of anonymous memory as a buffer.",
	  12, RANGE | EX_MAKES_PIN, NULL, may_uring_pin, act_uring_pin, effect_uring_pin },
	{ "uring-write", "io_uring reads a word of a file into its buffer, by READ_FIXED.",
	  24, EX_USES_PIN, word_args, may_uring_move, act_uring_write, effect_uring_write },
	{ "uring-read", "io_uring writes a word of its buffer to a file, by WRITE_FIXED.",
	  24, EX_USES_PIN, word_args, may_uring_move, act_uring_read, effect_uring_read },
	{ "uring-unpin", "io_uring gives its buffer up.",
	  4, EX_USES_PIN, NULL, may_uring_move, act_uring_unpin, effect_uring_unpin },
	{ "pin-write", "WRITE of a word through a pin, as a device would.",
	  16, EX_USES_PIN | EX_RACES | EX_WRITES, word_args, may_pin_write, act_pin_write,
	  effect_pin_write },
	{ "unpin", "UNPIN releases a pin, as dirty when it is for writing.",
	  8, EX_USES_PIN | EX_RACES, NULL, is_of_module, act_unpin, effect_unpin },
	{ "unpin-part", "UNPIN releases a part of a pin.",
	  6, EX_USES_PIN, NULL, is_of_module, act_unpin_part, effect_unpin_part },
	{ "fault", "FAULT calls handle_mm_fault() on each page: a read fault, UNSHARE, or WRITE.",
	  10, RANGE | EX_RACES, fault_args, may_fault, act_fault, effect_learn },
	{ "direct",
	  "Direct I/O of a file: it is read into pages (in), or written from there (out).",
	  10, RANGE, direct_args, may_direct, act_direct, effect_direct },
	{ "vmsplice", "vmsplice() gives a word of a page to a pipe of the process: FOLL_GET.",
	  12, RANGE, word_args, may_vmsplice, act_vmsplice, effect_vmsplice },
	{ "pipe-read", "The process reads from the pipe what it has given to it.",
	  8, 0, NULL, may_pipe_read, act_pipe_read, effect_pipe_read },
	{ "swapoff", "swapoff() brings back what is swapped out; then swapon().",
	  2, 0, NULL, NULL, act_swapoff, NULL },
	{ "hugetlb-pool", "The pool of huge pages grows by two pages, and shrinks again.",
	  1, 0, NULL, NULL, act_hugetlb_pool, NULL },
	{ "offline",
	  "Movable memory goes offline, a block of it: its pages are migrated. Then it comes back.",
	  1, 0, NULL, may_offline, act_offline, effect_offline },
	{ "soft-offline",
	  "MADV_SOFT_OFFLINE moves a page elsewhere and uses its memory no longer; once in a round.",
	  2, RANGE, NULL, may_soft_offline, act_soft_offline, effect_soft_offline },
	{ "uffd-register",
	  "Userfaultfd watches over pages: for missing ones, or for writes to protected ones, which a handler answers or (wp-async) nobody.",
	  12, RANGE, uffd_register_args, may_uffd_register, act_uffd_register,
	  effect_uffd_register },
	{ "uffd-unregister", "Userfaultfd watches no longer over pages.",
	  3, RANGE, NULL, may_uffd_unregister, act_uffd_unregister, effect_uffd_unregister },
	{ "uffd-protect", "UFFDIO_WRITEPROTECT protects pages, or takes that back.",
	  40, RANGE, uffd_protect_args, may_uffd_protect, act_uffd_protect,
	  effect_uffd_protect },
	{ "uffd-copy", "UFFDIO_COPY or UFFDIO_ZEROPAGE gives pages that are missing.",
	  40, RANGE, uffd_copy_args, may_uffd_copy, act_uffd_copy, effect_uffd_copy },
	{ "uffd-move",
	  "UFFDIO_MOVE (Linux 6.8) moves pages to the other address of the region, or back; and not onto others (onto).",
	  8, RANGE, uffd_move_args, may_uffd_move, act_uffd_move, effect_uffd_move },
};

const size_t nr_ex_operations = ARRAY_SIZE(ex_operations);
