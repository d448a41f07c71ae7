// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fuzzer for the module: runs programs of half-valid calls, on memory of all kinds that
 * changes meanwhile. What is new about a run, by KCOV, is kept and changed further. The
 * kernel must not complain, and after each batch of programs nothing may be left.
 *
 * usage: fuzz-test [OPTION]...
 *
 *   --seed N       random numbers; without it, by the clock. It is printed
 *   --calls N      end after so many calls of the module
 *   --time S       end after so many seconds [30 without --calls]
 *   --corpus FILE  programs to begin with, as text; what is new is added to the file
 *   --replay FILE  only run these programs, in their order, and print what each call returns
 *   --repeat N     do that so many times [1]
 *   --alone        the peer changes nothing
 *   --c FILE       print these programs as one in C that does what they do, without a peer that
 *                  changes anything. Needs no module
 *   --print        print new programs, in lines that begin with '+'
 *   --places FILE  in the end, write which places of the module's code were reached
 *
 * A process runs a batch of programs, and is killed in the middle of one. A program has up
 * to three threads; a peer changes the memory that the processes share, and its own, which
 * is a target. Since those race, only programs of one thread do the same each time.
 *
 * Each program is written to the buffer of ftrace before it runs, where a kernel with
 * ftrace_dump_on_oops=1 shows it when it panics. scripts/fuzz reads it there.
 *
 * Needs nothing; without KCOV (scripts/proof-kernel --debug) only errnos tell what is new, and
 * without fail-nth no call fails for want of memory.
 */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "fuzz.h"

#define MARKER		"/sys/kernel/tracing/trace_marker"
#define MARK		"pinscope-fuzz "
/* ftrace's dump cuts longer ones. */
#define MARK_SIZE	600
#define REFCNT		"/sys/module/pinscope/refcnt"
#define TRACKING	PINSCOPE_DEBUGFS "/pinscope/tracking"

enum {
	BATCH = 200,		/* programs of a process */
	CORPUS_MAX = 4096,
	HANG_MS = 60000,	/* without a call that ends */
	SETTLE_MS = 10000,	/* for what is released later: files, pages on their way */
	REPORT_MS = 10000,
};

/*
 * What the processes share. Of @corpus, the first @nr_first are from the file and are run
 * before others are made; @nr_run of them have been.
 */
static struct shared {
	struct guide guide;
	struct maker maker;
	unsigned long programs, calls, changes;
	/* By call: how many succeeded, and how long all of them took. Then what is around them. */
	unsigned long good[128], ns[128], ns_begin, ns_end;
	bool stop;
	struct program running;
	unsigned int nr_corpus, nr_first, nr_run;
	struct program corpus[CORPUS_MAX];
} *s;

static struct {
	uint64_t seed;
	unsigned long calls;
	long seconds;
	const char *corpus, *replay, *places, *c;
	unsigned int repeat;
	bool print, alone;
} options = { .repeat = 1 };

static unsigned int failures;

/* -------------------------------------------------------------- a program runs */

static pthread_barrier_t go, done;

static unsigned long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000UL + now.tv_nsec;
}

/* Adds the time since *@start, which is then now. */
static void spend(unsigned long *sum, unsigned long *start)
{
	unsigned long now = now_ns();

	__atomic_fetch_add(sum, now - *start, __ATOMIC_RELAXED);
	*start = now;
}

static void run_ops(struct runner *t)
{
	const struct program *p = &s->running;
	unsigned long start;
	unsigned int i;
	long ret;

	for (i = 0; i < p->nr; i++) {
		const struct op *op = &p->op[i];
		const struct call *call = &fuzz_calls[op->call];

		if (op->thread != t->nr)
			continue;
		start = now_ns();
		guide_begin_call(t);
		ret = fuzz_call(t, op);
		spend(&s->ns[op->call], &start);
		guide_end_call(t, op->call, ret);
		__atomic_fetch_add(call->changes ? &s->changes : &s->calls, 1, __ATOMIC_RELAXED);
		if (ret >= 0)
			__atomic_fetch_add(&s->good[op->call], 1, __ATOMIC_RELAXED);
		if (options.replay)
			printf("# %s: %s\n", call->name, ret < 0 ? strerrorname_np(-ret) : "ok");
	}
	t->fail = 0;
	fuzz_regain(t);
}

static void *run_thread(void *arg)
{
	struct runner *t = arg;

	world_init_runner(t, t->nr);
	guide_start(t);
	for (;;) {
		pthread_barrier_wait(&go);
		run_ops(t);
		pthread_barrier_wait(&done);
	}
	return NULL;
}

static int marker = -1;

/* Writes the program to where it is found after a panic. */
static void mark(void)
{
	static char text[FUZZ_OPS * 400];
	FILE *to = fmemopen(text, sizeof(text), "w");
	char line[MARK_SIZE + 60], *from;
	unsigned int part = 0;
	int len, n;

	program_print(to, &s->running, ";");
	fclose(to);
	for (from = text; *from; from += len) {
		len = strnlen(from, MARK_SIZE);
		/* Between two calls. */
		while (len == MARK_SIZE || (from[len] && from[len - 1] != ';'))
			len--;
		n = snprintf(line, sizeof(line), MARK "%lu.%u %.*s\n", s->programs, part++, len,
			     from);
		if (write(marker, line, n) < 0)
			return;
	}
}

static void run_program(const struct program *p)
{
	bool threads = false;
	unsigned long start;
	unsigned int i;

	s->running = *p;
	s->guide.nr_fresh = 0;
	if (marker >= 0)
		mark();
	for (i = 0; i < p->nr; i++)
		threads |= p->op[i].thread > 0;
	start = now_ns();
	world_begin(program_files(p));
	spend(&s->ns_begin, &start);
	if (threads)
		pthread_barrier_wait(&go);
	run_ops(&world.runners[0]);
	if (threads)
		pthread_barrier_wait(&done);
	start = now_ns();
	world_end();
	spend(&s->ns_end, &start);
	s->programs++;
}

/* ------------------------------------------------------------------ what is new */

static void add_to_corpus(const struct program *p)
{
	unsigned int i = s->nr_corpus;

	if (i < CORPUS_MAX) {
		s->corpus[i] = *p;
		__atomic_store_n(&s->nr_corpus, i + 1, __ATOMIC_RELEASE);
	}
}

/* Takes away the calls without which the program still does what was new about it. */
static void learn(const struct program *found)
{
	struct program p = *found, less;
	uint32_t edges[GUIDE_FRESH];
	unsigned int n, i, nr = s->guide.nr_fresh;

	nr = nr < GUIDE_FRESH ? nr : GUIDE_FRESH;
	memcpy(edges, s->guide.fresh, sizeof(edges));
	/* What does not happen again was the luck of a race. */
	guide_probe(edges, nr);
	run_program(&p);
	for (i = n = 0; i < nr; i++)
		if (guide_probed(&edges[i], 1))
			edges[n++] = edges[i];
	for (i = p.nr; n && i-- && p.nr > 1;) {
		less = p;
		program_remove(&less, i);
		guide_probe(edges, n);
		run_program(&less);
		if (guide_probed(edges, n))
			p = less;
	}
	s->guide.probing = false;
	add_to_corpus(&p);
}

static void next_program(struct maker *m, struct program *p)
{
	unsigned int nr = s->nr_corpus, i, n;

	if (!nr || !fuzz_below(m, 8)) {
		program_make(m, p);
		return;
	}
	/* The newest ones more often. */
	i = fuzz_below(m, nr);
	if (!fuzz_below(m, 3))
		i = nr - 1 - fuzz_below(m, nr < 32 ? nr : 32);
	*p = s->corpus[i];
	/* What is before and after a program takes as long as some calls. */
	for (n = fuzz_below(m, 12); n--;)
		program_append(p, &s->corpus[fuzz_below(m, nr)]);
	program_mutate(m, p, &s->corpus[fuzz_below(m, nr)]);
}

/* -------------------------------------------------------------------- processes */

static void no_action(int sig)
{
	(void)sig;
}

/*
 * fail-nth hits what copies a signal's frame, too: the kernel sends SIGSEGV then. Where a
 * handler's return failed, by mov $15, %rax and syscall, it is tried again; where the signal
 * did not come, the program goes on. All else ends the process, after it was said where.
 */
static void handle_segv(int sig, siginfo_t *info, void *context)
{
	static const uint8_t sigreturn[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };
	greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	const uint8_t *at = (uint8_t *)*rip;
	char text[200];
	int len;

	/* Of a call that is made again, RIP is at the syscall. */
	if (info->si_code == SI_KERNEL && !memcmp(at, sigreturn + 7, 2))
		return;
	if (info->si_code == SI_KERNEL && !memcmp(at - 2, sigreturn + 7, 2)) {
		if (!memcmp(at - sizeof(sigreturn), sigreturn, sizeof(sigreturn)))
			*rip -= sizeof(sigreturn);
		return;
	}
	len = snprintf(text, sizeof(text), "# signal %d, code %d, for %p, at %p\n", sig,
		       info->si_code, info->si_addr, (void *)at);
	if (write(STDOUT_FILENO, text, len) < 0)
		_exit(1);
	signal(sig, SIG_DFL);
}

/* Changes its own memory and that which it shares, until it is killed. */
static void be_peer(uint64_t seed)
{
	struct maker m = { .random = seed | 1 };
	struct runner me = {};
	struct program p;
	unsigned int i, n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	world_init_runner(&me, FUZZ_THREADS);
	while (options.alone)
		pause();
	for (;;) {
		program_make(&m, &p);
		for (i = 0; i < p.nr; i++) {
			if (!fuzz_calls[p.op[i].call].changes)
				continue;
			fuzz_call(&me, &p.op[i]);
			fuzz_regain(&me);
			usleep(fuzz_below(&m, 5000));
		}
		if (++n % 8)
			continue;
		world_end();
		world_restore();
	}
}

static void start_world(void)
{
	static pthread_t threads[FUZZ_THREADS];
	struct sigaction ignore = { .sa_handler = no_action };
	struct sigaction segv = { .sa_sigaction = handle_segv, .sa_flags = SA_SIGINFO };
	unsigned int i;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGUSR1, &ignore, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	world_create();
	world.may_track = options.replay || s->nr_run < s->nr_first || !fuzz_below(&s->maker, 100);
	world_init_runner(&world.runners[0], 0);
	world.peer = fork();
	if (!world.peer)
		be_peer(s->maker.random);
	world.peer_fd = syscall(SYS_pidfd_open, world.peer, 0);
	guide_start(&world.runners[0]);
	pthread_barrier_init(&go, NULL, FUZZ_THREADS);
	pthread_barrier_init(&done, NULL, FUZZ_THREADS);
	for (i = 1; i < FUZZ_THREADS; i++) {
		world.runners[i].nr = i;
		pthread_create(&threads[i], NULL, run_thread, &world.runners[i]);
	}
}

/* Runs programs until SIGALRM ends the process, at any time. */
static void run_until_killed(void)
{
	struct maker m = s->maker;
	struct itimerval timer = {};
	struct program p;

	timer.it_value.tv_usec = 1000 + fuzz_below(&m, 50000);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (;;) {
		next_program(&m, &p);
		run_program(&p);
	}
}

static void run_batch(void)
{
	struct program p;
	unsigned int i;

	start_world();
	for (i = 0; i < BATCH && !s->stop; i++) {
		if (s->nr_run < s->nr_first) {
			run_program(&s->corpus[s->nr_run++]);
			continue;
		}
		next_program(&s->maker, &p);
		run_program(&p);
		if (s->guide.nr_fresh)
			learn(&p);
	}
	if (s->stop)
		_exit(0);
	fuzz_random(&s->maker);
	run_until_killed();
}

static void run_replay(void)
{
	unsigned int i, n;

	start_world();
	for (n = 0; n < options.repeat; n++) {
		for (i = 0; i < s->nr_first; i++) {
			printf("# program %u\n", i);
			run_program(&s->corpus[i]);
		}
	}
	_exit(0);
}

/* ------------------------------------------------------------------- supervision */

static void complain(const char *what)
{
	failures++;
	printf("# %s; program %lu:\n", what, s->programs);
	program_print(stdout, &s->running, "\n");
	fflush(stdout);
}

static uint64_t pinned_pages(void)
{
	struct pinscope_info info = {};
	int fd = pinscope_open();

	if (fd < 0)
		return 0;
	pinscope_info(fd, &info);
	close(fd);
	return info.pinned_pages;
}

static void stop_tracking(void)
{
	struct pinscope_track track = { .size = sizeof(track), .op = PINSCOPE_TRACK_STOP };
	int fd = pinscope_open();

	if (fd < 0)
		return;
	ioctl(fd, PINSCOPE_IOC_TRACK, &track);
	track.op = PINSCOPE_TRACK_CLEAR;
	ioctl(fd, PINSCOPE_IOC_TRACK, &track);
	close(fd);
}

/* After the processes of a batch have ended: nothing is pinned, and nobody uses the module. */
static void check_nothing_left(long base)
{
	long start = sys_now_ms(), kernel, users;
	uint64_t pinned;

	stop_tracking();
	do {
		kernel = sys_pins_held() - base;
		pinned = pinned_pages();
		users = sys_read_number(REFCNT);
		if (!kernel && !pinned && !users)
			return;
		sys_sleep_ms(20);
	} while (sys_now_ms() - start < SETTLE_MS);
	printf("# pages pinned: %llu by the module's count, %ld by the kernel's; users: %ld\n",
	       (unsigned long long)pinned, kernel, users);
	complain("expected nothing left of the processes that have ended");
}

/* What is new goes where it outlives the guest. */
static void print_new(FILE *to)
{
	static unsigned int printed;
	unsigned int nr = __atomic_load_n(&s->nr_corpus, __ATOMIC_ACQUIRE);

	if (printed < s->nr_first)
		printed = s->nr_first;
	for (; printed < nr; printed++) {
		if (to) {
			program_print(to, &s->corpus[printed], "\n");
			fputc('\n', to);
			fflush(to);
		}
		if (options.print) {
			printf("+");
			program_print(stdout, &s->corpus[printed], ";");
			printf("\n");
		}
	}
	fflush(stdout);
}

static void report(long start)
{
	long ms = sys_now_ms() - start;

	printf("# %ld s: %lu programs, %lu calls of the module (%ld/s), %lu of mm; ", ms / 1000,
	       s->programs, s->calls, ms ? (long)(s->calls * 1000 / ms) : 0, s->changes);
	printf("corpus %u, places %u, edges %u\n", s->nr_corpus, s->guide.nr_pcs,
	       s->guide.nr_edges);
	fflush(stdout);
}

/* Waits for a process that runs programs; ends it when it hangs. Returns its status. */
static int watch(pid_t pid, long start, FILE *corpus)
{
	static long reported;
	unsigned long last = 0;
	long since = sys_now_ms(), now;
	bool killed = false;
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		sys_sleep_ms(20);
		now = sys_now_ms();
		if (s->calls + s->changes != last) {
			last = s->calls + s->changes;
			since = now;
		}
		if (now - since > HANG_MS && !killed) {
			complain("no call has ended for a minute; ending the process");
			kill(-pid, SIGKILL);
			killed = true;
		} else if (now - since > 3 * HANG_MS) {
			printf("not ok 1 - the process cannot be killed\n");
			fflush(stdout);
			_exit(1);
		}
		if (now - reported >= REPORT_MS) {
			reported = now;
			report(start);
			print_new(corpus);
		}
		if ((options.calls && s->calls >= options.calls) ||
		    (options.seconds && now - start >= options.seconds * 1000))
			s->stop = true;
	}
	return killed ? 0 : status;
}

static void run_all(FILE *corpus)
{
	long start = sys_now_ms(), base = sys_pins_held();
	int status;
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	do {
		pid = fork();
		if (pid < 0) {
			perror("fuzz-test: fork");
			exit(1);
		}
		if (!pid) {
			if (options.replay)
				run_replay();
			run_batch();
		}
		status = watch(pid, start, corpus);
		kill(-pid, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0)
			;
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM) {
			printf("# signal %d\n", WTERMSIG(status));
			complain("expected the process that runs programs to end by SIGALRM only");
		}
		check_nothing_left(base);
		print_new(corpus);
	} while (!s->stop && !options.replay && failures < 5);
	report(start);
}

/* ---------------------------------------------------------------------- the program */

static void set_fault_knobs(void)
{
	char path[100];
	size_t i;

	for (i = 0; i < fuzz_nr_fault_knobs; i++) {
		snprintf(path, sizeof(path), PINSCOPE_DEBUGFS "/%s", fuzz_fault_knobs[i][0]);
		sys_write_file(path, fuzz_fault_knobs[i][1]);
	}
}

static bool read_programs(const char *name, bool may_be_missing)
{
	FILE *file = fopen(name, "re");
	struct program p;
	int ret;

	if (!file && may_be_missing && errno == ENOENT)
		return true;
	if (!file) {
		fprintf(stderr, "fuzz-test: %s: %s\n", name, strerror(errno));
		return false;
	}
	while ((ret = program_read(file, name, &p)) > 0)
		add_to_corpus(&p);
	fclose(file);
	s->nr_first = s->nr_corpus;
	return !ret;
}

static void read_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "calls", required_argument, NULL, 'c' },
		{ "time", required_argument, NULL, 't' },
		{ "corpus", required_argument, NULL, 'C' },
		{ "replay", required_argument, NULL, 'r' },
		{ "repeat", required_argument, NULL, 'n' },
		{ "alone", no_argument, NULL, 'a' },
		{ "c", required_argument, NULL, 'l' },
		{ "print", no_argument, NULL, 'p' },
		{ "places", required_argument, NULL, 'P' },
		{}
	};
	int c;

	options.seed = time(NULL);
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			options.calls = strtoul(optarg, NULL, 0);
			break;
		case 't':
			options.seconds = strtol(optarg, NULL, 0);
			break;
		case 'C':
			options.corpus = optarg;
			break;
		case 'r':
			options.replay = optarg;
			break;
		case 'n':
			options.repeat = strtoul(optarg, NULL, 0);
			break;
		case 'a':
			options.alone = true;
			break;
		case 'l':
			options.c = optarg;
			break;
		case 'p':
			options.print = true;
			break;
		case 'P':
			options.places = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "fuzz-test: expected options, not '%s'\n", argv[optind]);
		exit(2);
	}
	if (!options.calls && !options.seconds)
		options.seconds = 30;
}

static void print_calls(void)
{
	unsigned int i;

	printf("# calls that succeeded, and ms that all took:");
	for (i = 0; fuzz_calls[i].name; i++)
		printf(" %s %lu %lu", fuzz_calls[i].name, s->good[i], s->ns[i] / 1000000);
	printf("\n# ms before programs: %lu, after: %lu\n", s->ns_begin / 1000000,
	       s->ns_end / 1000000);
}

static void print_places(void)
{
	FILE *file = options.places ? fopen(options.places, "we") : NULL;

	if (!file)
		return;
	guide_print(file);
	fclose(file);
}

int main(int argc, char **argv)
{
	FILE *corpus = NULL;
	char why[300];
	bool kcov;
	int fd;

	/* What a process has said that is killed, or that ends the machine, is not lost. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	read_options(argc, argv);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED) {
		perror("fuzz-test");
		return 1;
	}
	if (options.c) {
		if (!read_programs(options.c, false))
			return 2;
		c_print(stdout, s->corpus, s->nr_corpus, options.c);
		return 0;
	}
	fd = pinscope_open();
	if (fd < 0) {
		pinscope_why_not(fd, why, sizeof(why));
		fprintf(stderr, "fuzz-test: %s\n", why);
		return 4;
	}
	close(fd);
	/* A number that is not 0, and unlike that of the next seed. */
	s->maker.random = options.seed * 0x9e3779b97f4a7c15 + 0x1234567;
	fuzz_random(&s->maker);
	if ((options.replay && !read_programs(options.replay, false)) ||
	    (options.corpus && !read_programs(options.corpus, true)))
		return 2;
	if (options.corpus && !options.replay)
		corpus = fopen(options.corpus, "ae");
	marker = open(MARKER, O_WRONLY | O_CLOEXEC);
	set_fault_knobs();
	kcov = guide_init(&s->guide);
	printf("1..1\n# seed %llu, %s KCOV, %u programs to begin with\n",
	       (unsigned long long)options.seed, kcov ? "with" : "without", s->nr_first);
	fflush(stdout);
	run_all(corpus);
	print_calls();
	print_places();
	printf("%s 1 - %lu calls of the module, %u failures\n", failures ? "not ok" : "ok",
	       s->calls, failures);
	return failures > 0;
}
