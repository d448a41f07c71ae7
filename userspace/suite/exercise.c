// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of operations, see exercise.h: rounds of them, what makes a failing
 * one shorter, and scripts.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "errata.h"
#include "exercise.h"
#include "make.h"
#include "splat.h"
#include "sys.h"

enum {
	ROUND_STEPS = 120,
	ROUND_RACES = 6,
	BASE_PAGES = 16,	/* of kinds that can have any length */
	HUGETLB_PAGES = 2,
	SHRINK_TRIES = 500,
	SHRINK_MS = 60000,
	RETURN_MS = 60000,	/* for an operation; under emulation nothing is fast */
	HUNG_MS = 5000,		/* for those that may be what does not return */
	PROGRESS_MS = 1000,
	DRAWS = 300,		/* for a step that is possible */
	RELEASE_MS = 2000,
	LOST_KIB = 32 << 10,	/* what is compressed in zram, and the like */
};

static struct ex_world world;
static struct ex_board *board;
static volatile sig_atomic_t stopped;
static int kernel_log;
static int scratch = -1;	/* a file for direct I/O */

static void stop(int sig)
{
	stopped = sig;
}

/* ----------------------------------------------------------------- numbers */

static uint64_t state;

/* splitmix64: any seed is as good as any other. */
static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

unsigned int ex_draw_below(unsigned int n)
{
	return n ? draw() % n : 0;
}

/* ------------------------------------------------------------------- kinds */

/*
 * Of the suite's kinds, those that a process can do with as it likes; mTHPs of three sizes.
 * Not those that operations make of others (KSM, the swap cache, parts of folios), that an
 * erratum forbids pins of (THPs of files), whose truncation waits for pins (DAX), that belong to a
 * driver, or that take seconds (1 GiB).
 */
static bool is_usable(const char *name)
{
	static const char *const globs[] = {
		"anon", "zeropage", "huge-zeropage", "thp", "thp-pte-mapped", "base-pages",
		"mthp\\[16K\\]", "mthp\\[64K\\]", "mthp\\[1024K\\]", "anon-swapped",
		"memfd-private", "memfd-shared", "tmpfs-private", "hugetlb-*\\[2M\\]",
		"file-private\\[*", "file-shared\\[*",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(globs); i++)
		if (!fnmatch(globs[i], name, 0))
			return true;
	return false;
}

struct kind *exercise_kinds(const struct dirs *dirs, size_t *nr)
{
	struct kind *all = kinds_expand(dirs->dirs, dirs->nr, nr), *kind;
	size_t i, kept = 0;

	for (i = 0; all && i < *nr; i++) {
		kind = &all[i];
		if (!is_usable(kind->name))
			continue;
		if (kind->hugetlb_shift)
			kind->len = HUGETLB_PAGES * kind->page;
		else if (kind->mapping && !kind->mapping->thp)
			kind->len = BASE_PAGES * kind->page;
		all[kept++] = *kind;
	}
	*nr = kept;
	return all;
}

/* Do R/O long-term pins of what is not a process's own get stale on this kernel? */
static bool is_stale(const struct kind *kind)
{
	const char *name = kind->mapping && kind->mapping->backing ? kind->name : "zeropage";
	char test_case[CASE_NAME_MAX];

	snprintf(test_case, sizeof(test_case), "%s.fresh/pin+LONGTERM:reliable", name);
	return errata_find(test_case);
}

static void set_regions(const struct exercise *e, const struct kind *kinds, size_t nr)
{
	const struct kind *kind;
	unsigned int i;

	for (i = 0; i < EX_REGIONS; i++) {
		kind = kind_find(kinds, nr, e->regions[i]);
		if (!kind)
			continue;
		world.regions[i].kind = *kind;
		world.regions[i].stale = !e->known && is_stale(kind);
		world.regions[i].no_fork_readonly = !e->known && kind->hugetlb_shift &&
						    errata_find("exercise/hugetlb-fork");
	}
}

/* Several kinds, but hugetlb once, since there may be few huge pages. */
static void choose_regions(struct exercise *e, const struct kind *kinds, size_t nr)
{
	unsigned int i, want = 1 + ex_draw_below(EX_REGIONS);
	const struct kind *kind;
	bool hugetlb = false;

	memset(e->regions, 0, sizeof(e->regions));
	for (i = 0; i < want; i++) {
		kind = &kinds[ex_draw_below(nr)];
		if (kind->hugetlb_shift && hugetlb)
			continue;
		hugetlb |= kind->hugetlb_shift;
		snprintf(e->regions[i], sizeof(e->regions[i]), "%s", kind->name);
	}
}

/* ------------------------------------------------------------------- steps */

static unsigned int nr_args(const struct ex_operation *op)
{
	unsigned int nr = 0;

	while (op->args && op->args[nr])
		nr++;
	return nr ? nr : 1;
}

/* Often one page, and often all. */
static unsigned int draw_length(unsigned int most)
{
	switch (ex_draw_below(6)) {
	case 0:
	case 1:
		return 1;
	case 2:
		return 1 + ex_draw_below(most < 4 ? most : 4);
	case 3:
	case 4:
		return most;
	default:
		return 1 + ex_draw_below(most);
	}
}

static void draw_range(struct ex_step *s, unsigned int first, unsigned int nr)
{
	s->page = first + (ex_draw_below(2) ? ex_draw_below(nr) : 0);
	s->nr = draw_length(first + nr - s->page);
}

static unsigned int draw_operation(const unsigned int *weights)
{
	unsigned int sum = 0, i, at;

	for (i = 0; i < nr_ex_operations; i++)
		sum += weights[i];
	at = ex_draw_below(sum);
	for (i = 0; i + 1 < nr_ex_operations && at >= weights[i]; i++)
		at -= weights[i];
	return i;
}

void ex_draw_step(struct ex_step *s, const unsigned int *weights)
{
	const struct ex_operation *op;
	const struct ex_region *region;
	const struct ex_pin *pin;

	*s = (struct ex_step) { .op = draw_operation(weights) };
	op = &ex_operations[s->op];
	s->process = ex_draw_below(EX_PROCESSES);
	s->region = ex_draw_below(EX_REGIONS);
	region = &world.regions[s->region];
	s->arg = ex_draw_below(nr_args(op));
	if (op->uses & EX_USES_PIN) {
		s->other = ex_draw_below(EX_PINS);
		pin = &world.pins[s->other];
		s->region = pin->region;
		if (pin->used)
			draw_range(s, pin->page, pin->nr);
	} else if (op->uses & EX_USES_RANGE) {
		/* What is for a part of what a PMD maps splits the PMD. */
		if ((op->uses & EX_WHOLE) || ((region->kind.traits & KIND_PMD) && ex_draw_below(2)))
			s->nr = region->nr;
		else if (region->nr)
			draw_range(s, 0, region->nr);
		if (op->uses & EX_MAKES_PIN)
			s->other = ex_draw_below(EX_PINS);
	}
	if (op->uses & EX_USES_PROCESS)
		s->other = ex_draw_below(EX_PROCESSES);
}

static bool is_wanted(const struct exercise *e, unsigned int op)
{
	const char *name = ex_operations[op].name;

	return globs_match(e->only, name) && !(e->without->nr && globs_match(e->without, name));
}

static void set_weights(const struct exercise *e, unsigned int *weights)
{
	unsigned int i;

	for (i = 0; i < nr_ex_operations; i++)
		weights[i] = is_wanted(e, i) && (!e->race || ex_operations[i].uses & EX_RACES) ?
			     ex_operations[i].weight : 0;
	/* In a race it is the child that looks at what a fork did. */
	if (e->race && is_wanted(e, EX_OP_FORK))
		weights[EX_OP_LOOK] = ex_operations[EX_OP_FORK].weight;
}

/* ------------------------------------------------------------------ rounds */

/* Each kind once. */
static void note_unmade(struct exercise *e)
{
	size_t len = strlen(e->unmade);
	char name[60];
	unsigned int i;

	for (i = 0; i < EX_REGIONS; i++) {
		snprintf(name, sizeof(name), "%s: ", e->regions[i]);
		if (!*board->made[i].why || strstr(e->unmade, name))
			continue;
		snprintf(e->unmade + len, sizeof(e->unmade) - len, "%s%.*s\n", name,
			 REASON_MAX, board->made[i].why);
		len = strlen(e->unmade);
	}
}

/* Pages under such writeback are not exclusive when they are swapped in. */
static bool has_stable_writes(void)
{
	bool found = false;
	glob_t glob_of;
	size_t i;

	if (glob("/sys/block/*/queue/stable_writes", 0, NULL, &glob_of))
		return false;
	for (i = 0; i < glob_of.gl_pathc; i++)
		found |= sys_read_number(glob_of.gl_pathv[i]) > 0;
	globfree(&glob_of);
	return found;
}

/* The first region of a size stands for all of it. */
static bool is_of_new_size(unsigned int region)
{
	unsigned int i;

	for (i = 0; i < region; i++)
		if (world.regions[i].kind.hugetlb_shift == world.regions[region].kind.hugetlb_shift)
			return false;
	return world.regions[region].kind.hugetlb_shift;
}

/* By all that is mapped, and by files, in hugetlb pages of each size of this round's kinds. */
static long reserved_huge_pages(void)
{
	long sum = 0;
	unsigned int i;

	for (i = 0; i < EX_REGIONS; i++)
		if (is_of_new_size(i))
			sum += sys_hugetlb_pool(world.regions[i].kind.page, "resv_hugepages");
	return sum;
}

static void begin_world(struct exercise *e, const struct kind *kinds, size_t nr)
{
	memset(&world, 0, sizeof(world));
	world.move_may_not_end = !e->known && errata_find("exercise/uffd-move-of-thp");
	world.merge_unprotects = !e->known && errata_find("exercise/merge-of-uffd-wp");
	world.hugetlb_fork_protects = !e->known &&
				      errata_find("exercise/hugetlb-fork-of-uffd-wp");
	world.hole_takes_folio = !e->known && errata_find("exercise/hole-beside-pin");
	world.split_takes_buffers = !e->known && errata_find("exercise/split-beside-pin");
	world.uring_releases_clean = !e->known && errata_find("exercise/uring-release");
	world.free_takes_shared = !e->known && errata_find("exercise/free-of-shared");
	world.longterm_moves_no_hugetlb = !e->known && errata_find("exercise/pin-beside-move");
	world.move_hides_writes = !e->known && errata_find("exercise/mremap-of-page-table");
	world.move_loses_reserved = !e->known &&
				    errata_find("exercise/mremap-of-hugetlb-part");
	world.unshare_unprotects = !e->known &&
				   errata_find("huge-zeropage.uffd-wp/pin+LONGTERM:tracking");
	world.has_device = has_device_private(NULL);
	world.device_breaks_ksm = !e->known && world.has_device &&
				  errata_find("exercise/ksm-to-device");
	world.device_hides_writes = !e->known && errata_find("exercise/to-device-of-hole");
	world.keeps_exclusive = !has_stable_writes();
	world.patience_ms = RETURN_MS;
	world.board = board;
	world.max_processes = e->race ? EX_RACERS : e->processes;
	world.scratch = scratch;
	world.child_uffd = -1;
	world.log = kernel_log;
	set_regions(e, kinds, nr);
	world.reserved = reserved_huge_pages();
	world_begin(&world);
	if (e->hung)
		world.patience_ms = HUNG_MS;
	note_unmade(e);
}

/*
 * What stays reserved nobody gets: without more pages, a repetition would soon empty the pool.
 * More than the operations can have lost is of somebody else.
 */
static void refill_pool(long pages)
{
	char path[120], text[30];
	unsigned int i;

	for (i = 0; i < EX_REGIONS && pages > 0; i++) {
		if (!is_of_new_size(i) || pages > (long)world.regions[i].nr * EX_STEPS)
			continue;
		snprintf(path, sizeof(path), SYS_HUGETLB_DIR "hugepages-%zukB/nr_hugepages",
			 world.regions[i].kind.page >> 10);
		snprintf(text, sizeof(text), "%ld", sys_read_number(path) + pages);
		sys_write_file(path, text);
		return;
	}
}

/*
 * What is wrong with a process's memory may come out when it goes. io_uring releases after its
 * process has ended: the next world waits for that in any case.
 */
static void end_world(long patience_ms)
{
	long end = sys_now_ms() + patience_ms, now;

	world_end(&world);
	world_read_log(&world);
	while ((now = reserved_huge_pages()) != world.reserved && sys_now_ms() < end)
		sys_sleep_ms(1);
	if (now == world.reserved || world.undead)
		return;
	refill_pool(now - world.reserved);
	world_fails(&world,
		    "nothing is mapped any more: expected %ld reserved hugetlb pages as before, found %ld",
		    world.reserved, now);
}

static void record_step(struct exercise *e, const struct ex_step *s, int last)
{
	e->steps[e->nr_steps++] = *s;
	e->ops++;
	e->done[s->op]++;
	if (last >= 0)
		e->pairs[last * nr_ex_operations + s->op]++;
}

static void run_races(struct exercise *e, const unsigned int *weights)
{
	unsigned int races;

	for (races = 0; races < ROUND_RACES && !*world.why && !stopped; races++)
		if (!e->max_ops || e->ops < e->max_ops)
			e->ops += race_run(&world, weights, e->done);
}

static void run_steps(struct exercise *e, const unsigned int *weights)
{
	unsigned int draws;
	struct ex_step s;
	int last = -1;

	while (!*world.why && !stopped && e->nr_steps < ROUND_STEPS &&
	       (!e->max_ops || e->ops < e->max_ops)) {
		for (draws = 0; draws < DRAWS; draws++) {
			ex_draw_step(&s, weights);
			if (world_step(&world, &s))
				break;
		}
		if (draws == DRAWS)
			break;
		record_step(e, &s, last);
		last = s.op;
	}
}

static void run_round(struct exercise *e, const struct kind *kinds, size_t nr, uint64_t seed)
{
	unsigned int weights[nr_ex_operations];

	state = seed;
	e->nr_steps = 0;
	set_weights(e, weights);
	choose_regions(e, kinds, nr);
	begin_world(e, kinds, nr);
	if (e->race)
		run_races(e, weights);
	else
		run_steps(e, weights);
	if (!*world.why && !stopped)
		model_check_all(&world);
	end_world(RELEASE_MS);
	if (e->race && *world.why)
		race_print(&world, e->out);
	memcpy(e->why, world.why, sizeof(e->why));
	e->hung = world.hung;
	e->rounds++;
}

/* Does a sequence fail? @e gets it without what was not possible, or not reached. */
static bool fails(struct exercise *e, const struct kind *kinds, size_t nr,
		  const struct ex_step *steps, unsigned int nr_steps, bool print)
{
	unsigned int i, kept = 0;
	static struct ex_step done[EX_STEPS];
	bool failed;

	splat_rearm();
	begin_world(e, kinds, nr);
	for (i = 0; i < nr_steps && !*world.why; i++)
		if (world_step(&world, &steps[i]))
			done[kept++] = steps[i];
	if (!*world.why)
		model_check_all(&world);
	for (i = 0; i < EX_REGIONS && print; i++)
		model_print(&world, i, e->out);
	end_world(RELEASE_MS / 8);
	failed = *world.why;
	if (failed) {
		memcpy(e->why, world.why, sizeof(e->why));
		memcpy(e->steps, done, sizeof(done));
		e->nr_steps = kept;
		e->hung = world.hung;
	}
	e->tries++;
	return failed;
}

/* Why this kernel can repeat nothing; NULL: it can. */
static const char *why_not_again(void)
{
	if (splat_was_oops())
		return "This kernel has had an Oops";
	return world.undead ? "A process cannot be killed" : NULL;
}

static bool goes_on(long end)
{
	return !stopped && !why_not_again() && sys_now_ms() < end;
}

/* Leaves out steps, many at a time and then one, as long as it still fails. */
static void leave_out(struct exercise *e, const struct kind *kinds, size_t nr, long end)
{
	static struct ex_step some[EX_STEPS];
	unsigned int chunk, at, left;
	bool again = true;

	for (chunk = e->nr_steps / 2; chunk || again; chunk /= 2) {
		again = false;
		chunk = chunk ? chunk : 1;
		for (at = 0; at < e->nr_steps;) {
			if (e->tries > SHRINK_TRIES || !goes_on(end))
				return;
			left = e->nr_steps - at;
			left -= left < chunk ? left : chunk;
			memcpy(some, e->steps, at * sizeof(*some));
			memcpy(some + at, e->steps + e->nr_steps - left,
			       left * sizeof(*some));
			if (fails(e, kinds, nr, some, at + left, false))
				again = chunk == 1;
			else
				at += chunk;
		}
	}
}

/* Then fewer pages, and regions that no step uses are not made. */
static void simplify(struct exercise *e, const struct kind *kinds, size_t nr, long end)
{
	static struct ex_step some[EX_STEPS];
	char region[sizeof(e->regions[0])];
	unsigned int i;

	for (i = 0; i < EX_REGIONS && goes_on(end); i++) {
		memcpy(region, e->regions[i], sizeof(region));
		if (!*region)
			continue;
		*e->regions[i] = '\0';
		memcpy(some, e->steps, sizeof(some));
		if (!fails(e, kinds, nr, some, e->nr_steps, false))
			memcpy(e->regions[i], region, sizeof(region));
	}
	for (i = 0; i < e->nr_steps && goes_on(end); i++) {
		memcpy(some, e->steps, sizeof(some));
		if (some[i].nr < 2)
			continue;
		some[i].nr = 1;
		fails(e, kinds, nr, some, e->nr_steps, false);
	}
}

static void shrink(struct exercise *e, const struct kind *kinds, size_t nr)
{
	static struct ex_step some[EX_STEPS];
	long end = sys_now_ms() + SHRINK_MS;

	if (!fails(e, kinds, nr, memcpy(some, e->steps, sizeof(some)), e->nr_steps, false))
		return;
	leave_out(e, kinds, nr, end);
	simplify(e, kinds, nr, end + SHRINK_MS);
}

/* -------------------------------------------------------- before and after */

static bool prepare(struct exercise *e)
{
	const struct sigaction stops = { .sa_handler = stop };

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	e->done = calloc(nr_ex_operations, sizeof(*e->done));
	e->pairs = calloc(nr_ex_operations * nr_ex_operations, sizeof(*e->pairs));
	if (board == MAP_FAILED || !e->done || !e->pairs)
		return false;
	if (!e->dirs->nr)
		*e->dirs = (struct dirs) { { "/var/tmp" }, 1 };
	scratch = open(e->dirs->dirs[0], O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	splat_rearm();
	kernel_log = splat_open();
	if (kernel_log < 0)
		fprintf(e->out, "# /dev/kmsg: %s: no splat of the kernel is noticed\n",
			pinscope_errno(kernel_log));
	sigaction(SIGINT, &stops, NULL);
	sigaction(SIGTERM, &stops, NULL);
	/* Whoever is left of a round is waited for by nobody else. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGCHLD, SIG_IGN);
	knobs_save();
	knobs_stop_khugepaged();
	return true;
}

static size_t filter_kinds(struct kind *kinds, size_t nr, const struct globs *globs)
{
	size_t i, kept = 0;

	for (i = 0; i < nr; i++)
		if (globs_match(globs, kinds[i].name))
			kinds[kept++] = kinds[i];
	return kept;
}

/* KiB that processors keep free for themselves; newer kernels let that grow. */
static long kept_by_processors(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	long pages, sum = 0;
	char line[120];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %ld", &pages) == 1)
			sum += pages;
	if (file)
		fclose(file);
	return sum * (sys_page_size() >> 10);
}

/* KiB of memory that is neither free nor used by anybody of whom the kernel tells. */
static long unaccounted(void)
{
	static const char *const used[] = {
		"MemFree:", "Buffers:", "Cached:", "SwapCached:", "AnonPages:", "Slab:",
		"KernelStack:", "PageTables:", "Percpu:", "Hugetlb:",
	};
	FILE *file = fopen("/proc/meminfo", "re");
	char line[100], name[40];
	long kib, left = -kept_by_processors();
	size_t i;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%39s %ld", name, &kib) != 2)
			continue;
		if (!strcmp(name, "MemTotal:"))
			left += kib;
		for (i = 0; i < ARRAY_SIZE(used); i++)
			if (!strcmp(name, used[i]))
				left -= kib;
	}
	if (file)
		fclose(file);
	return left;
}

static void run_rounds(struct exercise *e, const struct kind *kinds, size_t nr)
{
	long begin = sys_now_ms(), shown = begin, now = begin, held = sys_pins_held();
	long missing = unaccounted();

	while (!*e->why && !stopped && (!e->max_ops || e->ops < e->max_ops) &&
	       (!e->seconds || now - begin < e->seconds * 1000L)) {
		e->fail_seed = e->seed + e->rounds;
		run_round(e, kinds, nr, e->fail_seed);
		now = sys_now_ms();
		if (e->progress && now - shown >= PROGRESS_MS) {
			e->progress(e);
			shown = now;
		}
	}
	/* io_uring releases after its process has ended. */
	for (now = 0; now < RELEASE_MS && sys_pins_held() != held; now++)
		sys_sleep_ms(1);
	if (!*e->why && sys_pins_held() != held) {
		snprintf(e->why, sizeof(e->why),
			 "/proc/vmstat: %ld pins were acquired and not released",
			 sys_pins_held() - held);
		e->nr_steps = 0;
	}
	missing = unaccounted() - missing;
	if (!*e->why && missing > LOST_KIB) {
		snprintf(e->why, sizeof(e->why),
			 "/proc/meminfo: %ld KiB are neither free nor used by anybody",
			 missing);
		e->nr_steps = 0;
	}
}

int exercise_run(struct exercise *e)
{
	unsigned int weights[nr_ex_operations], i, any = 0;
	struct kind *kinds;
	size_t nr;

	set_weights(e, weights);
	for (i = 0; i < nr_ex_operations; i++)
		any += weights[i];
	if (!prepare(e))
		return -ENOMEM;
	kinds = exercise_kinds(e->dirs, &nr);
	nr = kinds ? filter_kinds(kinds, nr, e->kinds) : 0;
	if (nr && any) {
		/* At once: it is needed if the kernel does not survive. */
		fprintf(e->out, "# seed %llu\n", (unsigned long long)e->seed);
		fflush(e->out);
		run_rounds(e, kinds, nr);
		if (*e->why && e->nr_steps) {
			fprintf(e->out, "# %s\n", e->why);
			fflush(e->out);
			if (!why_not_again())
				shrink(e, kinds, nr);
			exercise_print(e, kinds, nr);
		}
	}
	knobs_restore();
	free(kinds);
	return nr && any ? 0 : -ENOENT;
}

/* ----------------------------------------------------------------- scripts */

void ex_print_step(const struct ex_step *s, FILE *out)
{
	const struct ex_operation *op = &ex_operations[s->op];

	fprintf(out, "%s p%u", op->name, s->process);
	if (op->uses & (EX_USES_RANGE | EX_USES_PIN))
		fprintf(out, " r%u %u+%u", s->region, s->page, s->nr);
	if (op->args)
		fprintf(out, " %s", op->args[s->arg]);
	if (op->uses & EX_USES_PROCESS)
		fprintf(out, " p%u", s->other);
	if (op->uses & (EX_USES_PIN | EX_MAKES_PIN))
		fprintf(out, " pin%u", s->other);
	fprintf(out, "\n");
}

void exercise_print(struct exercise *e, const struct kind *kinds, size_t nr)
{
	static struct ex_step steps[EX_STEPS];
	unsigned int i, nr_steps = e->nr_steps;

	memcpy(steps, e->steps, sizeof(steps));
	for (i = 0; i < EX_REGIONS; i++)
		if (*e->regions[i])
			fprintf(e->out, "region r%u %s\n", i, e->regions[i]);
	for (i = 0; i < nr_steps; i++)
		ex_print_step(&steps[i], e->out);
	fprintf(e->out, "# %s\n", e->why);
	if (why_not_again()) {
		fprintf(e->out,
			"# %s: not shrunk, and not done once more. Reboot, and use --replay.\n",
			why_not_again());
		return;
	}
	fprintf(e->out, "# The model and the page table entries, when it is done once more:\n");
	if (!fails(e, kinds, nr, steps, nr_steps, true))
		fprintf(e->out, "# This time it did not fail.\n");
}

/* "p1", "r0" and the like. */
static bool number_after(const char *word, const char *prefix, unsigned int below,
			 unsigned int *value)
{
	size_t len = strlen(prefix);
	char *end;

	if (strncmp(word, prefix, len) || word[len] < '0' || word[len] > '9')
		return false;
	*value = strtoul(word + len, &end, 10);
	return !*end && *value < below;
}

static bool parse_word(struct ex_step *s, const char *word, bool *has_process)
{
	const struct ex_operation *op = &ex_operations[s->op];
	char rest;

	if (number_after(word, "pin", EX_PINS, &s->other) ||
	    number_after(word, "r", EX_REGIONS, &s->region))
		return true;
	if (number_after(word, "p", EX_PROCESSES, *has_process ? &s->other : &s->process)) {
		*has_process = true;
		return true;
	}
	if (sscanf(word, "%u+%u%c", &s->page, &s->nr, &rest) == 2)
		return s->page < EX_PAGES && s->nr <= EX_PAGES;
	for (s->arg = 0; op->args && op->args[s->arg]; s->arg++)
		if (!strcmp(op->args[s->arg], word))
			return true;
	s->arg = 0;
	return false;
}

/* A line of a script; returns whether it is right. */
static bool parse_line(struct exercise *e, char *line)
{
	char *save, *word = strtok_r(line, " \t\n", &save);
	struct ex_step *s = &e->steps[e->nr_steps];
	bool has_process = false;
	unsigned int region;

	if (!word || *word == '#')
		return true;
	if (!strcmp(word, "region")) {
		word = strtok_r(NULL, " \t\n", &save);
		if (!word || !number_after(word, "r", EX_REGIONS, &region))
			return false;
		word = strtok_r(NULL, " \t\n", &save);
		snprintf(e->regions[region], sizeof(e->regions[region]), "%s",
			 word ? word : "");
		return word;
	}
	*s = (struct ex_step) {};
	while (s->op < nr_ex_operations && strcmp(ex_operations[s->op].name, word))
		s->op++;
	if (s->op == nr_ex_operations || e->nr_steps == EX_STEPS - 1)
		return false;
	while ((word = strtok_r(NULL, " \t\n", &save)))
		if (!parse_word(s, word, &has_process))
			return false;
	e->nr_steps++;
	return true;
}

static bool read_script(struct exercise *e, FILE *file, const struct kind *kinds, size_t nr)
{
	char line[200], copy[200];
	unsigned int number = 0, i;

	while (fgets(line, sizeof(line), file)) {
		number++;
		snprintf(copy, sizeof(copy), "%s", line);
		if (parse_line(e, copy))
			continue;
		snprintf(e->why, sizeof(e->why), "line %u: expected an operation, found '%.*s'",
			 number, (int)strcspn(line, "\n"), line);
		return false;
	}
	for (i = 0; i < EX_REGIONS; i++) {
		if (!*e->regions[i] || kind_find(kinds, nr, e->regions[i]))
			continue;
		snprintf(e->why, sizeof(e->why), "there is no kind '%s' here", e->regions[i]);
		return false;
	}
	return true;
}

int exercise_replay(struct exercise *e, FILE *file)
{
	struct ex_step steps[EX_STEPS];
	struct kind *kinds;
	int ret = -EINVAL;
	size_t nr;

	if (!prepare(e))
		return -ENOMEM;
	kinds = exercise_kinds(e->dirs, &nr);
	if (kinds && read_script(e, file, kinds, nr)) {
		memcpy(steps, e->steps, sizeof(steps));
		e->ops = e->nr_steps;
		if (fails(e, kinds, nr, steps, e->nr_steps, false))
			exercise_print(e, kinds, nr);
		ret = 0;
	}
	knobs_restore();
	free(kinds);
	return ret;
}

/* ------------------------------------------------------------ line by line */

/* What the lines of a script are about. */
static struct {
	struct kind *kinds;
	size_t nr;
	bool begun;		/* there is a world */
	bool failed;
} script;

bool exercise_is_line(const char *line)
{
	char word[20], operand[20];
	unsigned int process;

	return sscanf(line, "%19s %19s", word, operand) == 2 &&
	       (!strcmp(word, "region") || number_after(operand, "p", EX_PROCESSES, &process));
}

int exercise_begin(struct exercise *e)
{
	if (!prepare(e))
		return -ENOMEM;
	script.kinds = exercise_kinds(e->dirs, &script.nr);
	return script.kinds ? 0 : -ENOMEM;
}

/* Keeps what is wrong with the world, and shows it. */
static int world_state(struct exercise *e)
{
	if (!*world.why)
		return 0;
	memcpy(e->why, world.why, sizeof(e->why));
	script.failed = true;
	exercise_show(e);
	return -EUCLEAN;
}

/* The first operation: there will be no other regions. */
static int begin_script(struct exercise *e)
{
	unsigned int i;

	if (script.begun)
		return 0;
	script.begun = true;
	begin_world(e, script.kinds, script.nr);
	for (i = 0; i < EX_REGIONS; i++)
		if (*e->regions[i] && !world.regions[i].nr)
			fprintf(e->out, "# not used: %s: %s\n", e->regions[i],
				board->made[i].why);
	return world_state(e);
}

int exercise_line(struct exercise *e, char *line)
{
	unsigned int i;
	int ret;

	*e->why = '\0';
	if (script.failed) {
		snprintf(e->why, sizeof(e->why), "not done: it has failed before this line");
		return -EINVAL;
	}
	e->nr_steps = 0;
	if (!parse_line(e, line)) {
		snprintf(e->why, sizeof(e->why),
			 "expected 'region r0 KIND' or an operation, a process and its operands; 'pinscope exercise --list' lists the operations");
		return -EINVAL;
	}
	for (i = 0; i < EX_REGIONS; i++)
		if (*e->regions[i] && !kind_find(script.kinds, script.nr, e->regions[i])) {
			snprintf(e->why, sizeof(e->why), "there is no kind '%s' here",
				 e->regions[i]);
			*e->regions[i] = '\0';
			return -EINVAL;
		}
	/* It was a region. */
	if (!e->nr_steps) {
		if (!script.begun)
			return 0;
		snprintf(e->why, sizeof(e->why), "regions come before the first operation");
		return -EINVAL;
	}
	ret = begin_script(e);
	if (ret)
		return ret;
	if (!world_step(&world, &e->steps[0])) {
		snprintf(e->why, sizeof(e->why), "left out: it is not possible now");
		return -EAGAIN;
	}
	return world_state(e);
}

void exercise_show(struct exercise *e)
{
	unsigned int i;

	for (i = 0; i < EX_REGIONS && script.begun; i++)
		model_print(&world, i, e->out);
}

int exercise_end(struct exercise *e)
{
	int ret = 0;

	*e->why = '\0';
	if (script.begun && !script.failed) {
		model_check_all(&world);
		ret = world_state(e);
	}
	if (script.begun)
		end_world(RELEASE_MS);
	/* As in a round, only the first failure counts. */
	if (script.begun && !script.failed) {
		memcpy(e->why, world.why, sizeof(e->why));
		ret = *e->why ? -EUCLEAN : 0;
	}
	knobs_restore();
	free(script.kinds);
	return ret;
}
