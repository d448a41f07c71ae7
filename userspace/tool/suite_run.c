// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays scenes in processes of their own, so that one that dies or hangs fails
 * for itself and the others go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "suite_run.h"

/* What ends a run, but not before what it has changed is undone. */
static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* What a worker is about, for who watches it. */
struct post {
	atomic_size_t scene;	/* 1 + what is being played, or 0 */
	atomic_long began;	/* ms of CLOCK_MONOTONIC; 0 while it waits */
};

/* Shared with the workers. */
struct board {
	atomic_size_t next;	/* scene that nobody has begun */
	struct post posts[MAX_JOBS];
};

/*
 * What kernels are known to get wrong, by release; where a distribution has
 * mended one, its cells just pass. Of what is known to hang only fresh scenes are
 * played, pinned in one way.
 */
#define DEFECT	"@(place|exclusive|reliable|fork)"

static const struct {
	unsigned int from, before;	/* major * 1000 + minor */
	bool hangs;
	const char *cells;
} known[] = {
	/* What pinscope is about. */
	{ 0, 6002, false, "*zeropage.*/*[a-z]+LONGTERM:" DEFECT },
	{ 0, 6002, false, "@(memfd|tmpfs|shmem-thp|file*).*/*[a-z]+LONGTERM:" DEFECT },
	{ 0, 6002, false, "hugetlb\\[*.*/*[a-z]+LONGTERM:" DEFECT },
	{ 0, 6002, false, "mixedmap-page.*/*[a-z]+LONGTERM:" DEFECT },
	/* Whose file system wants to know of writes can be written to for long. */
	{ 0, 6005, false, "file-map-shared*+WRITE*LONGTERM:errno" },
	/* io_uring had nothing to do with files, nor with drivers' memory. */
	{ 0, 6005, false, "@(file*|mixedmap*).*/io-uring-buffer:errno" },
	/* GUP heeded hints, by which a page moves, which made it soft-dirty. */
	{ 0, 6006, false, "numa-hint.soft-dirty/*:tracking" },
	/* Unshare empties the PMD, and a read fault maps it by one again. */
	{ 6002, 99000, true, "@(shmem|file)-thp*.*/*[a-z]+LONGTERM:*" },
	{ 6002, 99000, true, "@(shmem|file)-thp*.pinned/*" },
	/*
	 * Unshare of the huge zeropage maps the copy as a write would: seen in
	 * 7.2 and 7.3, not in 6.12.
	 */
	{ 6013, 99000, false,
	  "huge-zeropage.*/*[a-z]+LONGTERM:@(readonly|tracking)" },
};

/* Which of them a cell belongs to: an index, or -1. */
static int known_as(const char *name)
{
	static unsigned int release;
	unsigned int major, minor;
	struct utsname uts;
	size_t i;

	if (!release && !uname(&uts) &&
	    sscanf(uts.release, "%u.%u", &major, &minor) == 2)
		release = major * 1000 + minor;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (release >= known[i].from && release < known[i].before &&
		    !fnmatch(known[i].cells, name, FNM_EXTMATCH))
			return i;
	return -1;
}

bool suite_matches(const struct globs *globs, const char *name)
{
	int i;

	/* Names have brackets, which a glob takes for something else. */
	for (i = 0; i < globs->nr; i++)
		if (!strcmp(globs->globs[i], name) ||
		    !fnmatch(globs->globs[i], name, 0))
			return true;
	return !globs->nr;
}

bool suite_known(const char *name)
{
	return known_as(name) >= 0;
}

bool suite_number(const char *text, unsigned int min, unsigned int max,
		  unsigned int *to)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value < min || value > max) {
		fprintf(stderr, "pinscope: '%s' is not a number from %u to %u\n",
			text, min, max);
		return false;
	}
	*to = value;
	return true;
}

bool suite_add_dir(struct suite_run *run, const char *dir)
{
	if (run->nr_dirs == MAX_DIRS) {
		fprintf(stderr, "pinscope: more than %d directories\n", MAX_DIRS);
		return false;
	}
	run->dirs[run->nr_dirs++] = dir;
	return true;
}

static bool choose(struct suite_run *run, const struct pinscope_info *info,
		   bool (*wanted)(const struct place *place, const char *name,
				  const struct globs *globs),
		   const struct globs *globs)
{
	size_t nr_kinds, k, s, w;
	struct suite_kind *kinds = suite_kinds(run->dirs, run->nr_dirs, &nr_kinds);
	struct result *result;
	char name[160];
	int prop, i;

	if (!kinds)
		return false;
	/* Memory that is not touched does not count. */
	result = mmap(NULL, (nr_kinds * suite_nr_states * suite_nr_ways + 1) *
		      sizeof(*result), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (result == MAP_FAILED)
		return false;
	run->results = result;
	for (k = 0; k < nr_kinds; k++)
		for (s = 0; s < suite_nr_states; s++)
			for (w = 0; w < suite_nr_ways; w++) {
				bool any = false;

				result->place = (struct place) {
					&kinds[k], &suite_states[s], &suite_ways[w],
				};
				if (!place_exists(&result->place, info))
					continue;
				for (prop = 0; prop < PROPS; prop++) {
					place_name(&result->place, prop, name, sizeof(name));
					result->wanted[prop] =
						prop_applies(&result->place, prop) &&
						wanted(&result->place, name, globs);
					any |= result->wanted[prop];
				}
				i = known_as(place_name(&result->place, PROP_MADE,
							name, sizeof(name)));
				result->hangs = i >= 0 && known[i].hangs;
				result += any;
			}
	run->nr = result - run->results;
	return true;
}

int suite_open(struct suite_run *run,
	       bool (*wanted)(const struct place *place, const char *name,
			      const struct globs *globs),
	       const struct globs *globs, const char *command)
{
	struct pinscope_info info;
	int fd = tool_open(&info);

	if (fd < 0)
		return EXIT_CANNOT;
	close(fd);
	if (!run->nr_dirs)
		suite_add_dir(run, "/var/tmp");
	if (!choose(run, &info, wanted, globs)) {
		fprintf(stderr, "pinscope %s: out of memory\n", command);
		return EXIT_CANNOT;
	}
	if (run->nr)
		return EXIT_GOOD;
	fprintf(stderr, "pinscope %s: nothing matches; see 'pinscope test --list'\n",
		command);
	return EXIT_USAGE;
}

static long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000L + time.tv_nsec / 1000000;
}

/* What is in another processor's batch for the LRU lists is not reused. */
static void stay_on_cpu(unsigned int nr)
{
	cpu_set_t all, one;
	unsigned int cpu;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	nr %= CPU_COUNT(&all);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && !nr--)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* One of those that hang is enough to see that they still do. */
static bool is_spared(const struct result *result)
{
	return result->hangs && (strcmp(result->place.state->name, "fresh") ||
				 result->place.call->call != PINSCOPE_CALL_PIN);
}

static void spare(struct result *result)
{
	int prop;

	for (prop = 0; prop < PROPS; prop++) {
		result->verdicts[prop] = VERDICT_KNOWN;
		snprintf(result->whys[prop], WHY_MAX, "not played: it is known to hang");
	}
}

/*
 * Scenes that would be in each other's way: those of IS_ALONE, and of hugetlb one
 * that takes all pages and any other. The locks end with who has them.
 */
static void lock(struct suite_run *run, const struct result *result, bool on)
{
	const struct place *place = &result->place;
	struct flock alone = {
		.l_type = on ? F_WRLCK : F_UNLCK, .l_start = 0, .l_len = 1,
	};
	struct flock pool = {
		.l_type = !on ? F_UNLCK : place->state->takes_all ? F_WRLCK : F_RDLCK,
		.l_start = 1, .l_len = 1,
	};

	if (place->kind->is & IS_ALONE)
		fcntl(run->alone, F_SETLKW, &alone);
	if (place->kind->memory && place->kind->memory->hugetlb_shift)
		fcntl(run->alone, F_SETLKW, &pool);
}

static void play(struct suite_run *run, struct result *result, struct post *post)
{
	struct scene s = {
		.place = result->place,
	};

	if (is_spared(result)) {
		spare(result);
		return;
	}
	s.fd = pinscope_open();
	if (s.fd < 0) {
		result->verdicts[PROP_MADE] = VERDICT_SKIP;
		snprintf(result->whys[PROP_MADE], WHY_MAX, "ctl: %s", pinscope_errno(s.fd));
		return;
	}
	lock(run, result, true);
	/* Not from when it began to wait for that. */
	atomic_store(&post->began, now_ms());
	scene_play(&s);
	lock(run, result, false);
	result->seen = s.seen;
	memcpy(result->verdicts, s.verdicts, sizeof(s.verdicts));
	memcpy(result->whys, s.whys, sizeof(s.whys));
	close(s.fd);
}

static void worker(struct suite_run *run, struct board *board, unsigned int nr)
{
	struct post *post = &board->posts[nr];
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	stay_on_cpu(nr);
	hint_only_asked();
	while ((i = atomic_fetch_add(&board->next, 1)) < run->nr) {
		atomic_store(&post->began, 0);
		atomic_store(&post->scene, i + 1);
		play(run, &run->results[i], post);
		atomic_store(&run->results[i].done, true);
		atomic_store(&post->scene, 0);
	}
	_exit(0);
}

static void fails_all(struct result *result, const char *why)
{
	int prop;

	for (prop = 0; prop < PROPS; prop++)
		if (prop_applies(&result->place, prop) && !result->verdicts[prop]) {
			result->verdicts[prop] = VERDICT_FAIL;
			snprintf(result->whys[prop], WHY_MAX, "%s", why);
		}
	atomic_store(&result->done, true);
}

/* What a worker was about when it ended is what is wrong. */
static void lost(struct suite_run *run, struct post *post, const char *why)
{
	size_t i = atomic_exchange(&post->scene, 0);

	if (i)
		fails_all(&run->results[i - 1], why);
}

/* Where it hangs, before it is killed: what the kernel says of it. */
static void where(pid_t pid, char *why)
{
	char path[40], stack[200] = "";
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
	snprintf(why, WHY_MAX, "it does not come to an end%s%s",
		 *stack ? ", and is in " : "", stack);
}

/* Each is read once: the worker goes on meanwhile, and may begin another scene. */
static bool takes_too_long(struct suite_run *run, struct post *post)
{
	size_t i = atomic_load(&post->scene);
	long began = atomic_load(&post->began);

	/* What is known to hang need not be waited for. */
	return i && began &&
	       now_ms() - began > (run->results[i - 1].hangs ? 500L :
				   run->timeout * 1000L);
}

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = sig;
}

static int play_all(struct suite_run *run)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool timed_out[MAX_JOBS] = {};
	static char whys[MAX_JOBS][WHY_MAX];
	pid_t pids[MAX_JOBS] = {};
	unsigned int alive = 0, nr;
	int status, ret = 0;
	size_t shown = 0;

	if (board == MAP_FAILED)
		return -errno;
	run->alone = memfd_create("alone", MFD_CLOEXEC);
	if (run->alone < 0) {
		ret = -errno;
		munmap(board, sizeof(*board));
		return ret;
	}
	do {
		for (nr = 0; nr < run->jobs; nr++) {
			struct post *post = &board->posts[nr];

			if (!pids[nr] && !stopped && atomic_load(&board->next) < run->nr) {
				fflush(stdout);
				timed_out[nr] = false;
				pids[nr] = fork();
				if (!pids[nr])
					worker(run, board, nr);
				if (pids[nr] < 0) {
					ret = -errno;
					pids[nr] = 0;
					stopped = SIGTERM;
					continue;
				}
				alive++;
			}
			if (!pids[nr])
				continue;
			if (stopped)
				kill(pids[nr], SIGKILL);
			if (!timed_out[nr] && takes_too_long(run, post)) {
				timed_out[nr] = true;
				where(pids[nr], whys[nr]);
				kill(pids[nr], SIGKILL);
			}
			if (waitpid(pids[nr], &status, WNOHANG) != pids[nr])
				continue;
			if (timed_out[nr])
				lost(run, post, whys[nr]);
			else if (WIFSIGNALED(status))
				lost(run, post, strsignal(WTERMSIG(status)));
			pids[nr] = 0;
			alive--;
		}
		while (shown < run->nr && atomic_load(&run->results[shown].done))
			run->show(run, &run->results[shown++]);
		/* Those that are being played come to their end. */
		if (run->fail_fast && run->totals[VERDICT_FAIL])
			atomic_store(&board->next, run->nr);
		nanosleep(&pause, NULL);
	} while (alive || (atomic_load(&board->next) < run->nr && !stopped));
	/* A worker that was killed between two scenes has taken one with it. */
	for (; shown < run->nr && !stopped &&
	     !(run->fail_fast && run->totals[VERDICT_FAIL]); shown++) {
		if (!atomic_load(&run->results[shown].done))
			fails_all(&run->results[shown], "who was to play it is gone");
		run->show(run, &run->results[shown]);
	}
	close(run->alone);
	munmap(board, sizeof(*board));
	return ret ?: stopped ? -EINTR : 0;
}

/**
 * suite_run() - play all scenes
 * @run: results have their places; gets verdicts and whys
 *
 * What is changed of the machine for that is undone, after SIGINT and the like as
 * well.
 *
 * Return: 0 or a negative errno.
 */
int suite_run(struct suite_run *run)
{
	const struct sigaction stops = { .sa_handler = stop };
	size_t i;
	int ret;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &stops, NULL);
	signal(SIGPIPE, SIG_IGN);
	knobs_save();
	/* A process that is there before it gets hints late, if at all. */
	for (i = 0; i < run->nr; i++)
		if (run->results[i].place.kind->is & IS_HINTED) {
			knobs_balance();
			break;
		}
	ret = play_all(run);
	knobs_restore();
	return ret;
}
