// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs scenarios in processes of their own, so that one that dies or hangs fails
 * alone, and the others go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "make.h"
#include "rules.h"
#include "run.h"
#include "seen.h"
#include "splat.h"
#include "sys.h"

/* Of what is known to hang, one scenario waits that long, and the rest is spared. */
#define HANG_MS		500

/* A process that has not ended so long after SIGKILL is left alone. */
#define KILLED_MS	30000

/*
 * To clear and copy a page of 1 GiB takes an emulator that has company half a minute. For as long
 * other hugetlb faults may have to wait: mm has few mutexes for them.
 */
#define GIGANTIC_TIMES	8

/* How often stderr is told how far the run is. */
#define BEAT_MS		60000

static const char lost_lock[] =
	"not run: it needs what a process has that hangs in the kernel; reboot";

/* These end a run, once what was changed of the machine is changed back. */
static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* What a worker is doing, for the parent. */
struct post {
	atomic_size_t scenario;	/* 1 + index of what it runs, or 0 */
	atomic_long began;	/* sys_now_ms(), or 0 */
	atomic_int child;	/* the process of its own that the scenario runs in, or 0 */
};

/* Shared with the workers. */
struct board {
	atomic_size_t next;	/* all before it are taken; at the number of all the run ends */
	atomic_size_t begun;	/* how many are taken */
	atomic_bool lost;	/* a process that cannot be killed may use what has a lock */
	struct post posts[MAX_JOBS];
	atomic_bool taken[];	/* by a worker */
};

/* The parent's view of a worker. */
struct worker {
	pid_t pid;		/* 0: there is none */
	bool timed_out;
	bool ended;
	int status;		/* if it has ended, of waitpid() */
	long killed;		/* sys_now_ms() of SIGKILL, or of its end; or 0 */
	char reason[REASON_MAX];
};

struct pool {
	struct suite_run *run;
	struct board *board;
	struct worker workers[MAX_JOBS];
	unsigned int alive;
	size_t shown;
	bool has_gigantic;	/* scenarios, among those to be run */
	int log;		/* from splat_open() */
};

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = sig;
}

static void fail_all(struct scenario_result *result, const char *reason)
{
	struct outcome_record *record = &result->record;
	int prop;

	for (prop = 0; prop < PROPS; prop++)
		if (rules_apply(&result->scenario, prop) && !record->verdicts[prop]) {
			record->verdicts[prop] = VERDICT_FAIL;
			snprintf(record->reasons[prop], REASON_MAX, "%s", reason);
		}
	atomic_store(&result->done, true);
}

/* ------------------------------------------------------------- in a worker */

/*
 * The suite samples known hangs: it runs only the fresh condition, and the one that few
 * requests have, by the module only with `pin`, and by each other pinner.
 */
static bool is_spared(const struct scenario_result *result)
{
	const struct scenario *s = &result->scenario;

	return result->hang && (!(s->condition->traits & (COND_FRESH | COND_NO_ACCESS)) ||
				(s->request->pinner == &by_module &&
				 s->request->call != PINSCOPE_CALL_PIN));
}

static void spare(struct scenario_result *result)
{
	int prop;

	for (prop = 0; prop < PROPS; prop++) {
		result->record.verdicts[prop] = VERDICT_XFAIL;
		snprintf(result->record.reasons[prop], REASON_MAX,
			 "not run: only conditions fresh and mprotect-none are, with pin_user_pages() or another pinner");
	}
}

/* It uses what the machine has once, such as ksmd. */
static bool is_one_at_a_time(const struct scenario *s)
{
	return s->kind->traits & KIND_ONE_AT_A_TIME || rules_apply(s, PROP_MERGE_AFTER);
}

/* Compaction moves what it finds. */
static bool is_alone(const struct scenario *s)
{
	return rules_apply(s, PROP_COMPACT_AFTER);
}

/* What the machine has once. */
enum lock {
	LOCK_ONCE,	/* what kinds and events use, such as ksmd */
	LOCK_GIGANTIC,	/* their pool, which is small */
	LOCK_POOL,	/* of other hugetlb pages: who takes all of it excludes the others */
	LOCK_MACHINE,	/* a scenario that must be alone excludes all others */
	LOCK_DEVICE,	/* and from here on, by enum pinner_device */
};

/* A lock ends with its process. */
static bool lock(struct suite_run *run, enum lock lock, bool exclusive)
{
	struct flock byte = {
		.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_start = lock, .l_len = 1,
	};

	return !fcntl(run->lock_fd, F_SETLK, &byte);
}

static void drop_locks(struct suite_run *run)
{
	struct flock all = { .l_type = F_UNLCK };

	fcntl(run->lock_fd, F_SETLK, &all);
}

static bool take_locks(struct suite_run *run, const struct scenario *s)
{
	bool gigantic = s->kind->traits & KIND_GIGANTIC;
	enum pinner_device device = s->request->pinner->device;

	if ((!is_one_at_a_time(s) || lock(run, LOCK_ONCE, true)) &&
	    (!gigantic || lock(run, LOCK_GIGANTIC, true)) &&
	    (!s->kind->hugetlb_shift || gigantic ||
	     lock(run, LOCK_POOL, s->condition->traits & COND_POOL_EMPTY)) &&
	    (!device || lock(run, LOCK_DEVICE + device, true)) &&
	    lock(run, LOCK_MACHINE, is_alone(s)))
		return true;
	drop_locks(run);
	return false;
}

static bool is_idle(struct board *board)
{
	struct post *post;

	for (post = board->posts; post < board->posts + MAX_JOBS; post++)
		if (atomic_load(&post->scenario))
			return false;
	return true;
}

/* Does a worker have a gigantic page? That takes seconds. */
static bool is_gigantic_run(struct suite_run *run)
{
	bool is = !lock(run, LOCK_GIGANTIC, false);

	drop_locks(run);
	return is;
}

/*
 * The first whose locks are free, but none behind one that must be alone, unless that would wait
 * for long. Once a lock is lost, it may never be free: *@locked tells.
 */
static size_t take_from(struct suite_run *run, struct board *board, size_t next, bool *locked)
{
	bool by_force = atomic_load(&board->lost) && is_idle(board);
	const struct scenario *s;

	/* While one is alone there is no need to ask for each. */
	if (!lock(run, LOCK_MACHINE, false) && !by_force)
		return run->nr;
	drop_locks(run);
	for (; next < run->nr; next++) {
		if (atomic_load(&board->taken[next]))
			continue;
		s = &run->results[next].scenario;
		*locked = take_locks(run, s);
		if (!*locked && !by_force) {
			if (is_alone(s) && !is_gigantic_run(run))
				return run->nr;
			continue;
		}
		if (!atomic_exchange(&board->taken[next], true))
			break;
		drop_locks(run);
	}
	return next;
}

/* Takes a scenario, and its locks. Returns run->nr if none is left. */
static size_t take(struct suite_run *run, struct board *board, bool *locked)
{
	size_t next, i;

	for (;;) {
		next = atomic_load(&board->next);
		while (next < run->nr && atomic_load(&board->taken[next]))
			if (atomic_compare_exchange_strong(&board->next, &next, next + 1))
				next++;
		i = next == run->nr ? next : take_from(run, board, next, locked);
		if (i < run->nr)
			atomic_fetch_add(&board->begun, 1);
		if (i < run->nr || next == run->nr)
			return i;
		sys_sleep_ms(5);
	}
}

static void check_log(struct outcome_record *record, int log)
{
	char text[REASON_MAX - 60];

	if (log < 0)
		return;
	record->splat = splat_find(log, text, sizeof(text));
	record->verdicts[PROP_NO_SPLAT] = record->splat ? VERDICT_FAIL : VERDICT_PASS;
	if (record->splat)
		snprintf(record->reasons[PROP_NO_SPLAT], REASON_MAX,
			 "expected no splat, found '%s'; 'dmesg' has it all", text);
}

static void run_one(struct suite_run *run, struct scenario_result *result, struct post *post)
{
	int fd = pinscope_open(), log;

	if (fd < 0) {
		result->record.verdicts[PROP_SETUP] = VERDICT_SKIP;
		snprintf(result->record.reasons[PROP_SETUP], REASON_MAX, "open of ctl: %s",
			 pinscope_errno(fd));
		return;
	}
	/* The property rss looks at all that is mapped: other results would be most of it. */
	madvise(run->results, run->nr * sizeof(*run->results), MADV_DONTNEED);
	atomic_store(&post->began, sys_now_ms());
	log = splat_open();
	seen_want(result->wanted[PROP_AS_DECLARED] &&
		  rules_apply(&result->scenario, PROP_AS_DECLARED), fd);
	scenario_run(&result->scenario, fd, &result->record);
	close(fd);
	check_log(&result->record, log);
	if (log >= 0)
		close(log);
}

/*
 * Once any call has pinned, fork treats all of the process's memory in another way
 * (MMF_HAS_PINNED). So a worker, which may have pinned before, does not show whether GUP-fast
 * tells fork of the pin.
 */
static bool needs_new_process(const struct scenario *s)
{
	return s->request->pinner == &by_module && s->request->call == PINSCOPE_CALL_PIN_FAST &&
	       s->condition->traits & COND_FRESH && !(s->kind->traits & KIND_NUMA_HINT) &&
	       rules_apply(s, PROP_FORK_AFTER);
}

/*
 * Whatever ends the child ends the worker in the same way, and the other way round. The child
 * has the locks: it may outlive the worker.
 */
static void run_in_new_process(struct suite_run *run, struct board *board,
			       struct scenario_result *result, struct post *post)
{
	pid_t worker = getpid(), pid;
	int status = 0;

	drop_locks(run);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != worker)
			_exit(0);
		while (!take_locks(run, &result->scenario)) {
			if (atomic_load(&board->lost)) {
				fail_all(result, lost_lock);
				_exit(0);
			}
			sys_sleep_ms(1);
		}
		atomic_store(&post->child, getpid());
		run_one(run, result, post);
		_exit(0);
	}
	if (pid < 0) {
		fail_all(result, "fork failed");
		return;
	}
	atomic_store(&post->child, pid);
	waitpid(pid, &status, 0);
	atomic_store(&post->child, 0);
	if (WIFSIGNALED(status))
		kill(worker, WTERMSIG(status));
}

__attribute__((noreturn))
static void worker_main(struct pool *pool, unsigned int nr)
{
	struct suite_run *run = pool->run;
	struct board *board = pool->board;
	struct post *post = &board->posts[nr];
	struct scenario_result *result;
	bool locked = false;
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	/* A page in another processor's LRU batch has a reference more: not reused. */
	sys_stay_on_cpu(nr);
	node_bind();
	while ((i = take(run, board, &locked)) < run->nr) {
		result = &run->results[i];
		atomic_store(&post->began, 0);
		atomic_store(&post->scenario, i + 1);
		if (is_spared(result))
			spare(result);
		else if (!locked)
			fail_all(result, lost_lock);
		else if (needs_new_process(&result->scenario))
			run_in_new_process(run, board, result, post);
		else
			run_one(run, result, post);
		drop_locks(run);
		atomic_store(&result->done, true);
		atomic_store(&post->scenario, 0);
	}
	_exit(0);
}

/* ----------------------------------------------------------- in the parent */

/* Where a process is in the kernel that should have ended. */
static void describe_hang(pid_t pid, const char *found, char *reason)
{
	char path[40], stack[160] = "";
	size_t len = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	file = fopen(path, "re");
	if (file) {
		len = fread(stack, 1, sizeof(stack) - 1, file);
		fclose(file);
	}
	stack[len] = '\0';
	for (len = 0; stack[len]; len++)
		if (stack[len] == '\n')
			stack[len] = ' ';
	snprintf(reason, REASON_MAX, "expected an end, %s%s%s", found,
		 *stack ? "; the process is in " : "", stack);
}

/* The time for a scenario, where most have @ms; @i is 1 + its index, or 0. */
static long patience(const struct pool *pool, size_t i, long ms)
{
	return pool->has_gigantic && i && pool->run->results[i - 1].scenario.kind->hugetlb_shift ?
	       ms * GIGANTIC_TIMES : ms;
}

/*
 * Does a scenario take too long? Each is read once: the worker may begin another one
 * meanwhile. What is known to hang does so when its memory is there.
 */
static bool takes_too_long(const struct pool *pool, struct post *post)
{
	const struct suite_run *run = pool->run;
	size_t i = atomic_load(&post->scenario);
	long began = atomic_load(&post->began);
	const struct scenario_result *result = &run->results[i ? i - 1 : 0];

	if (!i || !began)
		return false;
	if (result->hang && result->record.made)
		return sys_now_ms() - result->record.made > HANG_MS;
	return sys_now_ms() - began > patience(pool, i, run->timeout * 1000L);
}

static int start_worker(struct pool *pool, unsigned int nr)
{
	struct worker *w = &pool->workers[nr];
	pid_t pid;

	fflush(stdout);
	atomic_store(&pool->board->posts[nr].child, 0);
	pid = fork();
	if (!pid)
		worker_main(pool, nr);
	if (pid < 0)
		return -errno;
	*w = (struct worker) { .pid = pid };
	pool->alive++;
	return 0;
}

/* Has a worker ended, and what its scenario ran in? The latter may outlive it. */
static bool has_ended(struct worker *w, const struct post *post)
{
	char state;

	if (!w->ended && waitpid(w->pid, &w->status, WNOHANG) == w->pid) {
		w->ended = true;
		if (!w->killed)
			w->killed = sys_now_ms();
	}
	if (!w->ended || !atomic_load(&post->child))
		return w->ended;
	state = sys_process_state(atomic_load(&post->child));
	return !state || state == 'Z';
}

/* Returns a splat since the last call, or "", and keeps the first of the run. */
static const char *read_log(struct pool *pool)
{
	static char splat[REASON_MAX - 80];
	struct suite_run *run = pool->run;

	if (splat_find(pool->log, splat, sizeof(splat)) && !*run->splat)
		snprintf(run->splat, sizeof(run->splat), "%s", splat);
	return splat;
}

static void watch_worker(struct pool *pool, unsigned int nr)
{
	struct worker *w = &pool->workers[nr];
	struct post *post = &pool->board->posts[nr];
	const char *splat;
	pid_t runs = atomic_load(&post->child);
	bool ended;
	size_t i;

	if (!runs)
		runs = w->pid;
	if (!w->killed && takes_too_long(pool, post)) {
		w->timed_out = true;
		describe_hang(runs, "found none in time", w->reason);
	}
	if (!w->killed && (stopped || w->timed_out)) {
		w->killed = sys_now_ms();
		kill(w->pid, SIGKILL);
	}
	ended = has_ended(w, post);
	if (!ended) {
		i = atomic_load(&post->scenario);
		if (!w->killed || sys_now_ms() - w->killed < patience(pool, i, KILLED_MS))
			return;
		/* The others go on, but for what needs a lock. */
		atomic_store(&pool->board->lost, true);
		describe_hang(runs, "found that it cannot be killed", w->reason);
	}
	if (!ended || WIFSIGNALED(w->status)) {
		splat = read_log(pool);
		if (ended && !w->timed_out)
			snprintf(w->reason, REASON_MAX, "the process was killed: %s%s%s",
				 strsignal(WTERMSIG(w->status)), *splat ?
				 ", and the kernel logged: " : "", splat);
		i = atomic_exchange(&post->scenario, 0);
		if (i) {
			/* The reason tells of it. */
			pool->run->results[i - 1].record.splat = ended && !w->timed_out && *splat;
			fail_all(&pool->run->results[i - 1], w->reason);
		}
	}
	w->pid = 0;
	pool->alive--;
}

static void show_done(struct pool *pool)
{
	struct suite_run *run = pool->run;

	while (pool->shown < run->nr &&
	       atomic_load(&run->results[pool->shown].done))
		run->show(run, &run->results[pool->shown++]);
}

/* Only while something goes on: scripts take a run that is quiet for hung. */
static void tell_progress(struct pool *pool)
{
	static long told;
	static size_t was;
	size_t begun = atomic_load(&pool->board->begun);
	long now = sys_now_ms();

	if (!told)
		told = now;
	if (now - told < BEAT_MS || begun == was || begun >= pool->run->nr)
		return;
	fprintf(stderr, "# %zu of %zu scenarios\n", begun, pool->run->nr);
	told = now;
	was = begun;
}

static bool is_over(const struct suite_run *run)
{
	return stopped || (run->fail_fast && run->totals[VERDICT_FAIL]);
}

static int run_workers(struct pool *pool)
{
	struct suite_run *run = pool->run;
	atomic_size_t *next = &pool->board->next;
	unsigned int nr;
	int ret = 0;

	do {
		for (nr = 0; nr < run->jobs; nr++) {
			if (!pool->workers[nr].pid && !ret && !stopped &&
			    atomic_load(next) < run->nr)
				ret = start_worker(pool, nr);
			if (pool->workers[nr].pid)
				watch_worker(pool, nr);
		}
		show_done(pool);
		tell_progress(pool);
		/* Scenarios that have begun come to their end. */
		if (ret || is_over(run))
			atomic_store(next, run->nr);
		sys_sleep_ms(20);
	} while (pool->alive || atomic_load(next) < run->nr);
	/* A worker that was killed between two scenarios has taken one with it. */
	for (; pool->shown < run->nr && !ret && !is_over(run); show_done(pool))
		if (!atomic_load(&run->results[pool->shown].done))
			fail_all(&run->results[pool->shown],
				 "the worker that took this scenario is gone");
	return ret ? ret : stopped ? -EINTR : 0;
}

static bool needs_numa_hints(const struct suite_run *run)
{
	const struct scenario *s;
	size_t i;

	for (i = 0; i < run->nr; i++) {
		s = &run->results[i].scenario;
		if (s->kind->traits & KIND_NUMA_HINT || rules_apply(s, PROP_NUMA_HINT_AFTER))
			return has_numa_hints("");
	}
	return false;
}

/* To set what a hanging kernel thread uses may take for ever, too. */
static void restore_knobs(bool lost)
{
	long end = sys_now_ms() + KILLED_MS;
	pid_t pid = lost ? fork() : -1;

	if (pid <= 0)
		knobs_restore();
	if (!pid)
		_exit(0);
	while (pid > 0 && !waitpid(pid, NULL, WNOHANG)) {
		if (sys_now_ms() > end) {
			fprintf(stderr, "# the machine's settings cannot be set back: reboot\n");
			return;
		}
		sys_sleep_ms(20);
	}
}

int suite_run(struct suite_run *run)
{
	const struct sigaction stops = { .sa_handler = stop };
	struct pool pool = { .run = run };
	size_t board_size = sizeof(*pool.board) + run->nr * sizeof(pool.board->taken[0]);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t i;
	int ret;

	/* For a quarter of its time a scenario waits, as for RCU when a driver's device goes. */
	if (!run->jobs)
		run->jobs = cpus < 1 ? 1 : 2 * cpus < MAX_JOBS ? 2 * cpus : MAX_JOBS;
	pool.board = mmap(NULL, board_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pool.board == MAP_FAILED)
		return -errno;
	run->lock_fd = memfd_create("locks", MFD_CLOEXEC);
	if (run->lock_fd < 0) {
		ret = -errno;
		goto unmap;
	}
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &stops, NULL);
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < run->nr; i++) {
		run->results[i].done = false;
		run->results[i].record = (struct outcome_record) {};
		if (run->results[i].scenario.kind->traits & KIND_GIGANTIC)
			pool.has_gigantic = true;
	}
	*run->splat = '\0';
	splat_rearm();
	pool.log = splat_open();
	if (pool.log < 0)
		fprintf(stderr, "# /dev/kmsg: %s: no splat of the kernel is noticed\n",
			pinscope_errno(pool.log));
	knobs_save();
	knobs_stop_khugepaged();
	/* Before the workers start: a process gets hints a while after it began. */
	if (needs_numa_hints(run))
		knobs_balance();
	ret = run_workers(&pool);
	restore_knobs(atomic_load(&pool.board->lost));
	seen_clear();
	read_log(&pool);
	if (pool.log >= 0)
		close(pool.log);
	close(run->lock_fd);
unmap:
	munmap(pool.board, board_size);
	return ret;
}
