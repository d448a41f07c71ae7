// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope exercise: random sequences of operations, compared with a model.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../suite/exercise.h"
#include "tool.h"

enum { MAX_GLOBS = 32, DEFAULT_SECONDS = 30 };

struct pattern_list {
	char *globs[MAX_GLOBS];
	struct globs found;
};

static struct pattern_list kinds, only, without;
static struct dirs dirs;
static unsigned int seed, max_ops, seconds, processes = 4;
static const char *replay;
static bool known, race, list, json;
static char *script;
static long begun;

/* Patterns with commas between; repeated options add to each other. */
static bool add_patterns(const struct option_row *row, const char *value)
{
	struct pattern_list *to = row->to;
	char *copy = strdup(value), *save, *one;

	to->found.globs = to->globs;
	for (one = copy ? strtok_r(copy, ",", &save) : NULL; one;
	     one = strtok_r(NULL, ",", &save)) {
		if (to->found.nr == MAX_GLOBS) {
			fprintf(stderr,
				"pinscope exercise: --%s: expected at most %d patterns, found more\n",
				row->name, MAX_GLOBS);
			return false;
		}
		to->globs[to->found.nr++] = one;
	}
	return copy;
}

static const struct option_row options[] = {
	{ "seed", 's', "N", false,
	  "Of the first round [a new one]. The same seed, options and kernel give the same operations.",
	  set_number, &seed, 1, UINT32_MAX },
	{ "ops", 'n', "N", false, "End after N operations.", set_number, &max_ops, 1, UINT32_MAX },
	{ "time", 't', "S", false, "End after S seconds [30].", set_number, &seconds, 1,
	  1000000 },
	{ "kinds", 0, "PATTERN", false,
	  "Only these kinds of memory; several patterns have commas between.", add_patterns,
	  &kinds, 0, 0 },
	{ "only", 0, "PATTERN", false, "Only these operations.", add_patterns, &only, 0, 0 },
	{ "without", 0, "PATTERN", false, "Without these operations.", add_patterns, &without,
	  0, 0 },
	{ "processes", 0, "N", false, "At most N processes at a time [4].", set_number,
	  &processes, 1, EX_PROCESSES },
	{ "known", 0, NULL, false, "Do not avoid what triggers known kernel bugs.", set_true,
	  &known, 0, 0 },
	{ "race", 0, NULL, false,
	  "Threads do operations at once; between the races what must hold in any order is checked.",
	  set_true, &race, 0, 0 },
	{ "replay", 'r', "FILE", false, "Do what a script says; - is standard input.",
	  set_string, &replay, 0, 0 },
	{ "list", 'l', NULL, false, "Only list the operations, with a sentence each.", set_true,
	  &list, 0, 0 },
	OPTION_DIR(&dirs),
	OPTION_JSON(&json),
	{}
};

static int list_operations(void)
{
	char first[40];
	size_t i;

	for (i = 0; i < nr_ex_operations; i++) {
		if (!ex_operations[i].weight)
			continue;
		snprintf(first, sizeof(first), "%-16s ", ex_operations[i].name);
		print_wrapped(stdout, first, ex_operations[i].what, 17);
	}
	return EXIT_GOOD;
}

static unsigned int new_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ((unsigned int)now.tv_sec * 1000003 ^ now.tv_nsec) | 1;
}

static double per_second(const struct exercise *e)
{
	long ms = sys_now_ms() - begun;

	return ms ? e->ops * 1000.0 / ms : 0;
}

static void progress(const struct exercise *e)
{
	fprintf(stderr, "\r%lu operations in %lu rounds, %.0f per second ", e->ops, e->rounds,
		per_second(e));
}

/* How many pairs of operations followed each other, of those that could. */
static void count_pairs(const struct exercise *e, unsigned int *seen, unsigned int *all)
{
	unsigned int used = 0, i;

	*seen = 0;
	for (i = 0; i < nr_ex_operations; i++)
		used += e->done[i] > 0;
	for (i = 0; i < nr_ex_operations * nr_ex_operations; i++)
		*seen += e->pairs[i] > 0;
	*all = used * used;
}

static void print_summary(const struct exercise *e)
{
	unsigned int seen, all, i, column = 0;
	const char *line;
	int len;

	count_pairs(e, &seen, &all);
	for (line = e->unmade; *line; line += len + (line[len] != 0)) {
		len = strcspn(line, "\n");
		printf("# not used: %.*s\n", len, line);
	}
	printf("# %lu operations in %lu rounds, %.0f per second:\n", e->ops, e->rounds,
	       per_second(e));
	for (i = 0; i < nr_ex_operations; i++) {
		if (!e->done[i])
			continue;
		column += printf("%s%s %lu", column ? ", " : "#   ", ex_operations[i].name,
				 e->done[i]);
		if (column > 70) {
			printf("\n");
			column = 0;
		}
	}
	printf("%s", column ? "\n" : "");
	if (!race)
		printf("# %u of %u pairs of these operations followed each other.\n", seen, all);
}

static void print_json(const struct exercise *e)
{
	json_t *done = json_object(), *all;
	unsigned int seen, of;
	size_t i;

	count_pairs(e, &seen, &of);
	for (i = 0; i < nr_ex_operations; i++)
		if (e->done[i])
			json_object_set_new(done, ex_operations[i].name,
					    json_integer(e->done[i]));
	all = json_pack("{s:s, s:I, s:I, s:I, s:o, s:i, s:i, s:s, s:s}", "result",
			*e->why ? "fail" : e->ops ? "pass" : "skip", "seed",
			(json_int_t)(*e->why ? e->fail_seed : e->seed), "operations",
			(json_int_t)e->ops, "rounds", (json_int_t)e->rounds, "done", done,
			"pairs_seen", seen, "pairs", of, "reason", e->why, "script",
			script ? script : "");
	json_dumpf(all, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(all);
}

static void print_tap(const struct exercise *e)
{
	if (!replay)
		print_summary(e);
	if (*e->why && !replay)
		printf("# found with %s--seed %llu\n", race ? "--race " : "",
		       (unsigned long long)e->fail_seed);
	if (*e->why)
		printf("not ok 1 exercise # %s\n", e->why);
	else
		printf("ok 1 exercise%s\n", e->ops ? "" : " # SKIP no memory could be made");
	printf("1..1\n");
}

static int report(struct exercise *e, int ret)
{
	if (e->progress)
		fprintf(stderr, "\r%*s\r", 60, "");
	if (ret == -ENOENT)
		fprintf(stderr,
			"pinscope exercise: expected patterns of kinds and operations that exist, found none; 'pinscope test --list=kinds' and 'pinscope exercise --list' list them\n");
	else if (ret == -EINVAL)
		fprintf(stderr, "pinscope exercise: %s: %s\n", replay, e->why);
	else if (ret)
		fprintf(stderr, "pinscope exercise: %s\n", pinscope_errno(ret));
	if (ret)
		return ret == -ENOMEM ? EXIT_CANNOT : EXIT_USAGE;
	if (json) {
		fclose(e->out);
		print_json(e);
		free(script);
	} else {
		print_tap(e);
	}
	return *e->why ? EXIT_BAD : e->ops ? EXIT_GOOD : EXIT_CANNOT;
}

static int run_script(struct exercise *e)
{
	FILE *file = strcmp(replay, "-") ? fopen(replay, "re") : stdin;
	int ret;

	if (!file) {
		fprintf(stderr, "pinscope exercise: %s: %s\n", replay, pinscope_errno(errno));
		return EXIT_USAGE;
	}
	ret = exercise_replay(e, file);
	fclose(file);
	return report(e, ret);
}

static int cmd_exercise(const struct command *command, int argc, char **argv)
{
	struct exercise e = {
		.kinds = &kinds.found, .only = &only.found, .without = &without.found,
		.dirs = &dirs,
	};
	struct pinscope_info info;
	size_t script_size;
	int status, fd;

	if (options_parse(command, argc, argv, &status) < 0)
		return status;
	if (list)
		return list_operations();
	fd = tool_open(&info);
	if (fd < 0)
		return EXIT_CANNOT;
	close(fd);
	e.out = json ? open_memstream(&script, &script_size) : stdout;
	if (!e.out)
		return EXIT_CANNOT;
	e.seed = seed ? seed : new_seed();
	e.max_ops = max_ops;
	e.seconds = seconds || max_ops ? seconds : DEFAULT_SECONDS;
	e.processes = processes;
	e.known = known;
	e.race = race && !replay;
	e.progress = isatty(STDERR_FILENO) ? progress : NULL;
	begun = sys_now_ms();
	if (replay)
		return run_script(&e);
	return report(&e, exercise_run(&e));
}

const struct command command_exercise = {
	.name = "exercise",
	.args = "",
	.summary = "random operations on pinned memory, compared with a model",
	.about =
"Several processes do random operations on several kinds of memory: they read, write,\n"
"fork, map, pin, unpin and so on. After each, a model of what each byte must be and of\n"
"what each pin promises is compared with the page tables and the pinned pages. A sequence\n"
"that fails is made as short as possible, and printed as a script for --replay, and for\n"
"'pinscope shell'.\n",
	.options = options,
	.max_args = 0,
	.run = cmd_exercise,
};
