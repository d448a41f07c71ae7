// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races in exercise, see exercise.h. In a race one or two processes have some threads,
 * each of which does a program of random operations: all at once, on the same memory.
 * Then the processes make all of it accessible again, and this must hold, in whatever
 * order the operations were done:
 *
 * - A word of a page is what it was before, or what an operation of the race wrote just
 *   there; or what the file has, or 0, where pages were taken away.
 * - Page states are as always; a pin that promises it holds the page that the process
 *   sees, unless the race has taken pages away there.
 * - The memory of a child that was forked in the race does not change by itself.
 *
 * What is found becomes the model of the next race.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exercise.h"
#include "sys.h"

enum {
	DRAWS = 300,		/* for an operation that is possible */
	HUGE_COPIES = 8,	/* of hugetlb pages: for children and copies */
	LOOK_MS = 2,		/* between a child's two looks */
};

__thread sigjmp_buf *race_escape;

/* ------------------------------------------------------------ in a process */

struct racer {
	pthread_t thread;
	pthread_barrier_t *start;
	struct ex_world *w;
	struct ex_program *program;
};

/* The pin that the thread has, or a free place for one; false: not this time. */
static bool prepare_pin(struct ex_world *w, struct ex_program *program, struct ex_request *r)
{
	const struct ex_operation *op = &ex_operations[r->step.op];
	struct ex_step *s = &r->step;
	unsigned int i;

	if (op->uses & EX_MAKES_PIN) {
		/* It keeps every second one. */
		if (program->id && (r->word & 1))
			return false;
		if (program->id)
			ex_release(w->fd, program->id, 0, 0, NULL);
		program->id = 0;
		return true;
	}
	if (!program->id || ((op->uses & EX_WRITES) && !program->may_put))
		return false;
	i = s->page % program->has.nr;
	s->region = program->has.region;
	s->page = program->has.page + i;
	s->nr = 1;
	r->id = program->id;
	r->offset = i * w->regions[s->region].page;
	return true;
}

static void do_operation(struct ex_world *w, struct ex_program *program, unsigned int i)
{
	struct ex_request *r = &program->ops[i];
	const struct ex_operation *op = &ex_operations[r->step.op];
	struct ex_answer a = {};

	if ((op->uses & (EX_MAKES_PIN | EX_USES_PIN)) && !prepare_pin(w, program, r))
		return;
	if (op->act(w, r, &a))
		return;
	program->done[i] = true;
	if (op->uses & EX_MAKES_PIN) {
		program->id = a.id;
		program->has = r->step;
		program->is_new = true;
		program->may_put = ex_pin_flags[r->step.arg] & PINSCOPE_FOLL_WRITE;
	} else if ((op->uses & EX_USES_PIN) && !(op->uses & EX_WRITES)) {
		program->id = 0;
	}
}

/* On any processor: the processes of exercise stay on one. */
static void go_anywhere(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

static void *race(void *arg)
{
	struct racer *racer = arg;
	sigjmp_buf escape;
	volatile unsigned int i;

	go_anywhere();
	pthread_barrier_wait(racer->start);
	race_escape = &escape;
	for (i = 0; i < EX_RACE_OPS; i++)
		if (!sigsetjmp(escape, 1))
			do_operation(racer->w, racer->program, i);
	race_escape = NULL;
	return NULL;
}

int act_race(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	struct racer racers[EX_THREADS];
	pthread_barrier_t start;
	unsigned int i, nr;
	int ret = 0;

	(void)a;
	pthread_barrier_init(&start, NULL, EX_THREADS);
	for (nr = 0; nr < EX_THREADS && !ret; nr++) {
		racers[nr] = (struct racer) {
			.start = &start, .w = w,
			.program = &w->board->programs[r->step.process][nr],
		};
		ret = -pthread_create(&racers[nr].thread, NULL, race, &racers[nr]);
	}
	/* Whoever has begun would wait for the others for ever. */
	if (ret)
		_exit(1);
	for (i = 0; i < nr; i++)
		pthread_join(racers[i].thread, NULL);
	pthread_barrier_destroy(&start);
	return 0;
}

int act_settle(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	const struct ex_region *region;

	(void)r;
	(void)a;
	for (region = w->regions; region < w->regions + EX_REGIONS; region++)
		if (region->nr && (munlock(region->at[0], region->nr * region->page) ||
				   mprotect(region->at[0], region->nr * region->page,
					    PROT_READ | PROT_WRITE)))
			return -errno;
	return 0;
}

/* A word of a page; 0 where it may not be accessed. */
static uint32_t peek(const struct ex_region *region, unsigned int page, unsigned int word)
{
	sigjmp_buf escape;
	uint32_t value = 0;

	race_escape = &escape;
	if (!sigsetjmp(escape, 1))
		value = *(volatile uint32_t *)(region->at[0] + page * region->page +
					       word * (region->page / EX_WORDS));
	race_escape = NULL;
	return value;
}

/* Returns whether it could be written. */
static bool poke(const struct ex_region *region, unsigned int page, uint32_t value)
{
	sigjmp_buf escape;
	volatile bool done = false;

	race_escape = &escape;
	if (!sigsetjmp(escape, 1)) {
		*(volatile uint32_t *)(region->at[0] + page * region->page) = value;
		done = true;
	}
	race_escape = NULL;
	return done;
}

/* Does memory keep what the child writes? Truncation takes private copies of a file, too. */
static bool keeps(const struct ex_region *region, unsigned int page, uint32_t word)
{
	unsigned int tries;

	for (tries = 0; tries < (region->fd < 0 ? 1 : 3); tries++)
		if (!poke(region, page, word) || peek(region, page, 0) == word)
			return true;
	return false;
}

/* Nobody else may write to what the child has by COW. A file changes for all. */
static void child_looks(struct ex_world *w, uint32_t word)
{
	static uint32_t seen[EX_REGIONS][EX_PAGES][EX_WORDS];
	const struct ex_region *region;
	unsigned int round, r, i, k;
	uint32_t now;

	for (round = 0; round < 2; round++) {
		for (r = 0; r < EX_REGIONS; r++) {
			region = &w->regions[r];
			for (i = 0; i < region->nr && region->fd < 0; i++)
				for (k = 0; k < EX_WORDS; k++) {
					now = peek(region, i, k);
					if (round && now != seen[r][i][k])
						snprintf(w->board->child_why, REASON_MAX,
							 "region %u (%s), page %u: a child that was forked in the race had %u in word %u, and has %u there now",
							 r, region->kind.name, i, seen[r][i][k],
							 k, now);
					seen[r][i][k] = now;
				}
		}
		sys_sleep_ms(LOOK_MS);
	}
	for (r = 0; r < EX_REGIONS; r++) {
		region = &w->regions[r];
		for (i = 0; i < region->nr && !region->shared && !region->kind.hugetlb_shift; i++)
			if (!keeps(region, i, word))
				snprintf(w->board->child_why, REASON_MAX,
					 "region %u (%s), page %u: a child that was forked in the race wrote %u to word 0, and sees %u",
					 r, region->kind.name, i, word, peek(region, i, 0));
	}
	_exit(0);
}

int act_look(struct ex_world *w, const struct ex_request *r, struct ex_answer *a)
{
	pid_t pid = fork();

	(void)a;
	if (pid < 0)
		return -errno;
	if (!pid)
		child_looks(w, r->word);
	/* Its status nobody gets: the scheduler ignores SIGCHLD. */
	waitpid(pid, NULL, 0);
	return 0;
}

/* ---------------------------------------------------------------- programs */

static bool is_possible(const struct ex_world *w, const struct ex_step *s)
{
	const struct ex_operation *op = &ex_operations[s->op];
	const struct ex_region *region = &w->regions[s->region];

	if ((op->uses & EX_USES_PIN) || s->op == EX_OP_LOOK)
		return true;
	if (!(op->uses & EX_USES_RANGE))
		return !op->possible || op->possible(w, s);
	if (!s->nr || s->page + s->nr > region->nr)
		return false;
	/* In the end there may be no page to map again. */
	if (region->kind.hugetlb_shift &&
	    ((op->uses & EX_TAKES) || !world_has_pool(region, HUGE_COPIES)))
		return false;
	/* Errata: whose page it is then nobody knows. */
	if ((op->uses & EX_MAKES_PIN) && region->stale &&
	    (ex_pin_flags[s->arg] & EX_LASTS) == PINSCOPE_FOLL_LONGTERM)
		return false;
	/* Errata: the module looks where a page is, but another thread may move it then. */
	if ((op->uses & EX_MAKES_PIN) && w->longterm_moves_no_hugetlb &&
	    region->kind.hugetlb_shift && ex_pin_flags[s->arg] & PINSCOPE_FOLL_LONGTERM)
		return false;
	/* Errata: what another thread splits meanwhile has no buffers. */
	if ((op->uses & EX_MAKES_PIN) && w->split_takes_buffers && region->shared &&
	    region->kind.dir && ex_pin_flags[s->arg] & PINSCOPE_FOLL_WRITE)
		return false;
	return s->op == EX_OP_MMAP || !op->possible || op->possible(w, s);
}

static bool draw_program(struct ex_world *w, unsigned int process, unsigned int thread,
			 const unsigned int *weights)
{
	struct ex_program *program = &w->board->programs[process][thread];
	const struct ex_pin *pin = &w->pins[process * EX_THREADS + thread];
	unsigned int i, draws;
	struct ex_step s;

	*program = (struct ex_program) { .id = pin->used ? pin->id : 0 };
	program->has = (struct ex_step) {
		.process = process, .region = pin->region, .page = pin->page, .nr = pin->nr,
	};
	program->may_put = pin->gup_flags & PINSCOPE_FOLL_WRITE;
	for (i = 0; i < pin->nr && pin->used; i++)
		if (pin->held[i] != EX_OF_PROCESS && pin->held[i] != EX_OF_FILE)
			program->may_put = false;
	for (i = 0; i < EX_RACE_OPS; i++) {
		for (draws = 0; draws < DRAWS; draws++) {
			ex_draw_step(&s, weights);
			s.process = process;
			if (is_possible(w, &s))
				break;
		}
		if (draws == DRAWS)
			return false;
		world_request(w, &s, &program->ops[i]);
	}
	return true;
}

/* -------------------------------------------------------------- what may be */

static struct ex_world before;

/* Calls @each for each operation, until it returns true. */
static bool any_operation(const struct ex_world *w,
			  bool (*each)(const struct ex_request *r, const void *arg),
			  const void *arg)
{
	unsigned int p, t, i;

	for (p = 0; p < EX_RACERS; p++)
		for (t = 0; t < EX_THREADS && w->processes[p].pid; t++)
			for (i = 0; i < EX_RACE_OPS; i++)
				if (each(&w->board->programs[p][t].ops[i], arg))
					return true;
	return false;
}

/* A word of a page of a process; of the file with @process EX_PROCESSES. */
struct place {
	const struct ex_world *w;
	unsigned int process, region, page, word;
	uint32_t value;
};

static bool is_at(const struct ex_request *r, const struct place *at)
{
	const struct ex_step *s = &r->step;

	return s->region == at->region && at->page >= s->page &&
	       (ex_operations[s->op].uses & EX_TO_THE_END || at->page < s->page + s->nr);
}

/* Did an operation write that value there? */
static bool writes(const struct ex_request *r, const void *arg)
{
	const struct place *at = arg;
	unsigned int uses = ex_operations[r->step.op].uses;
	unsigned int target = uses & EX_USES_PROCESS ? r->step.other : r->step.process;

	return r->word == at->value && is_at(r, at) &&
	       (uses & EX_FILLS || (uses & EX_WRITES && r->step.arg == at->word)) &&
	       (uses & EX_ON_FILE || target == at->process ||
		at->w->regions[at->region].shared);
}

/* Did one take the process's pages away there? */
static bool takes(const struct ex_request *r, const void *arg)
{
	const struct place *at = arg;
	unsigned int uses = ex_operations[r->step.op].uses;

	return uses & EX_TAKES && is_at(r, at) &&
	       (uses & EX_ON_FILE || r->step.process == at->process);
}

static bool takes_from_file(const struct ex_request *r, const void *arg)
{
	return ex_operations[r->step.op].uses & EX_ON_FILE && takes(r, arg);
}

static bool is_legitimate(const struct place *at)
{
	const struct ex_region *old = &before.regions[at->region];
	uint32_t file = old->file[at->page].word[at->word];
	bool own = at->process < EX_PROCESSES &&
		   before.processes[at->process].pages[at->region][at->page].own;

	if (at->process < EX_PROCESSES &&
	    at->value == model_view(&before, at->process, at->region, at->page)->word[at->word])
		return true;
	if (at->value == file && (!own || any_operation(at->w, takes, at)))
		return true;
	if (!at->value && any_operation(at->w, takes_from_file, at))
		return true;
	return any_operation(at->w, writes, at);
}

static void check_content(struct ex_world *w, unsigned int process, unsigned int region,
			  unsigned int page, const struct ex_content *content)
{
	struct place at = { w, process, region, page, 0, 0 };
	char whose[24] = "the file";

	if (process < EX_PROCESSES)
		snprintf(whose, sizeof(whose), "process %u", process);
	for (; at.word < EX_WORDS; at.word++) {
		at.value = content->word[at.word];
		if (!is_legitimate(&at))
			world_fails(w,
				    "region %u (%s), page %u: after a race %s has %u in word %u, which nobody wrote there",
				    region, w->regions[region].kind.name, page, whose,
				    at.value, at.word);
	}
}

/* ---------------------------------------------------------------- the model */

static void ask_all(struct ex_world *w, unsigned int process, unsigned int region,
		    unsigned int act)
{
	struct ex_request r = {
		.step = { .process = process, .region = region, .nr = w->regions[region].nr },
		.addr = w->regions[region].at[0],
	};
	struct ex_answer a;

	r.len = r.step.nr * w->regions[region].page;
	world_ask(w, &r, act, &a);
	if (!*w->why && a.ret)
		world_fails(w, "%s of region %u (%s): %s", ex_operations[act].name, region,
			    w->regions[region].kind.name, pinscope_errno(a.ret));
}

static void learn_file(struct ex_world *w, unsigned int region)
{
	struct ex_region *r = &w->regions[region];
	unsigned int i;

	ask_all(w, 0, region, EX_OP_READ_FILE);
	for (i = 0; i < r->nr && !*w->why; i++) {
		check_content(w, EX_PROCESSES, region, i, &w->board->window[i]);
		r->file[i] = w->board->window[i];
	}
}

static void learn_pages(struct ex_world *w, unsigned int process, unsigned int region)
{
	struct ex_page *pages = w->processes[process].pages[region];
	unsigned int nr = w->regions[region].nr, i;

	for (i = 0; i < nr; i++) {
		pages[i].own = false;
		pages[i].exclusive = false;
		pages[i].soft = EX_SOFT_UNSURE;
	}
	model_learn(w, process, region, 0, nr);
	ask_all(w, process, region, EX_OP_READ);
	for (i = 0; i < nr && !*w->why; i++) {
		check_content(w, process, region, i, &w->board->window[i]);
		pages[i].content = w->board->window[i];
	}
}

/* Did one take pages of the file away, by a known bug of kernels with the folio they are in? */
static bool takes_folio(const struct ex_request *r, const void *arg)
{
	const struct place *at = arg;
	unsigned int uses = ex_operations[r->step.op].uses;

	return at->w->hole_takes_folio && at->w->regions[at->region].shared &&
	       r->step.region == at->region && uses & EX_TAKES && uses & EX_ON_FILE;
}

/* Of what was taken away, a pin may hold what was there before, or what came then. */
static void take_from_pin(const struct ex_world *w, struct ex_pin *pin)
{
	struct place at = { .w = w, .process = pin->process, .region = pin->region };
	unsigned int i;

	for (i = 0; i < pin->nr && pin->used; i++) {
		at.page = pin->page + i;
		if (pin->held[i] != EX_ALONE &&
		    (any_operation(w, takes, &at) || any_operation(w, takes_folio, &at)))
			pin->held[i] = EX_UNKNOWN;
	}
}

static void learn_pin(struct ex_world *w, unsigned int process, unsigned int thread)
{
	const struct ex_program *program = &w->board->programs[process][thread];
	struct ex_pin *pin = &w->pins[process * EX_THREADS + thread];
	unsigned int i;

	if (program->is_new) {
		*pin = (struct ex_pin) {
			.gup_flags = ex_pin_flags[program->has.arg], .process = process,
			.region = program->has.region, .page = program->has.page,
			.nr = program->has.nr,
		};
		for (i = 0; i < pin->nr; i++)
			pin->held[i] = w->regions[pin->region].shared ? EX_OF_FILE :
				       pin->gup_flags & EX_LASTS ? EX_OF_PROCESS : EX_UNKNOWN;
	}
	pin->id = program->id;
	pin->used = program->id;
}

static void learn(struct ex_world *w)
{
	struct ex_request r = {};
	struct ex_answer a;
	unsigned int p, i;

	if (*w->board->child_why)
		world_fails(w, "%s", w->board->child_why);
	for (p = 0; p < EX_RACERS && !*w->why; p++) {
		r.step.process = p;
		if (!w->processes[p].pid)
			continue;
		world_ask(w, &r, EX_OP_SETTLE, &a);
		if (!*w->why && a.ret)
			world_fails(w, "mprotect after a race: %s", pinscope_errno(a.ret));
	}
	for (i = 0; i < EX_REGIONS && !*w->why; i++)
		if (w->regions[i].nr && w->regions[i].fd >= 0)
			learn_file(w, i);
	for (p = 0; p < EX_RACERS; p++) {
		for (i = 0; i < EX_REGIONS && w->processes[p].pid && !*w->why; i++)
			if (w->regions[i].nr)
				learn_pages(w, p, i);
		for (i = 0; i < EX_THREADS && w->processes[p].pid; i++)
			learn_pin(w, p, i);
	}
	/* Also from those of a process that has ended. */
	for (i = 0; i < EX_PINS; i++)
		take_from_pin(w, &w->pins[i]);
}

/* ---------------------------------------------------------------- the whole */

static bool is_mergeable(const struct ex_request *r, const void *arg)
{
	(void)arg;
	return r->step.op == EX_OP_MERGEABLE;
}

/* ksmd races, too, where there is something to merge. */
static void run_ksmd(bool runs)
{
	sys_write_file(SYS_KSM_DIR "sleep_millisecs", "0");
	sys_write_file(SYS_KSM_DIR "run", runs ? "1" : "0");
}

/* Between races a second process comes and goes. */
static void fork_or_exit(struct ex_world *w, const unsigned int *weights)
{
	const struct ex_step fork_step = { .op = EX_OP_FORK, .other = 1 };
	const struct ex_step exit_step = { .op = EX_OP_EXIT, .process = 1 };

	if (!weights[EX_OP_LOOK])
		return;
	if (!w->processes[1].pid && ex_draw_below(2))
		world_step(w, &fork_step);
	else if (w->processes[1].pid && !ex_draw_below(4))
		world_step(w, &exit_step);
}

static void count_done(const struct ex_program *program, unsigned long *done)
{
	unsigned int i;

	for (i = 0; i < EX_RACE_OPS; i++)
		done[program->ops[i].step.op] += program->done[i];
}

unsigned int race_run(struct ex_world *w, const unsigned int *weights, unsigned long *done)
{
	unsigned int p, t, threads = 0;
	bool merges;

	fork_or_exit(w, weights);
	for (p = 0; p < EX_RACERS && !*w->why; p++)
		for (t = 0; t < EX_THREADS && w->processes[p].pid; t++, threads++)
			if (!draw_program(w, p, t, weights))
				return 0;
	if (*w->why)
		return 0;
	memcpy(&before, w, sizeof(before));
	*w->board->child_why = '\0';
	merges = any_operation(w, is_mergeable, NULL);
	if (merges)
		run_ksmd(true);
	world_race(w, EX_RACERS, EX_OP_RACE);
	if (merges)
		run_ksmd(false);
	world_read_log(w);
	if (!*w->why)
		learn(w);
	if (!*w->why)
		model_check_all(w);
	for (p = 0; p < EX_RACERS; p++)
		for (t = 0; t < EX_THREADS && before.processes[p].pid; t++)
			count_done(&w->board->programs[p][t], done);
	return threads * EX_RACE_OPS;
}

void race_print(const struct ex_world *w, FILE *out)
{
	const struct ex_program *program;
	unsigned int p, t, i;

	for (i = 0; i < EX_REGIONS; i++)
		if (w->regions[i].nr)
			fprintf(out, "# region r%u %s\n", i, w->regions[i].kind.name);
	for (p = 0; p < EX_RACERS; p++)
		for (t = 0; t < EX_THREADS && before.processes[p].pid; t++) {
			program = &w->board->programs[p][t];
			fprintf(out, "# process %u, thread %u:\n", p, t);
			for (i = 0; i < EX_RACE_OPS; i++) {
				fprintf(out, "#   %s %u: ", program->done[i] ? "done" : "fails",
					program->ops[i].word);
				ex_print_step(&program->ops[i].step, out);
			}
		}
}
