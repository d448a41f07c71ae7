// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope test: the suite.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "suite_run.h"

static const char help[] =
"usage: pinscope test [OPTION]... [GLOB]...\n"
"\n"
"Each kind of memory, in each state, pinned in each way: does what must hold\n"
"hold? A cell is KIND.STATE/WAY[+FLAG...]:PROPERTY; globs choose cells.\n"
"\n"
"  -d, --dir DIR        a directory on a disk, for files; may be repeated, for\n"
"                       other file systems [/var/tmp]\n"
"  -j, --jobs N         cells at a time [one]\n"
"  -k, --ktap           KTAP, as kunit.py parse reads it [unless on a terminal]\n"
"      --json           one JSON object on stdout\n"
"      --junit          JUnit XML on stdout\n"
"  -l, --list           only print the names\n"
"  -r, --repeat N       N times, until something fails\n"
"  -s, --shuffle SEED   in another order\n"
"  -t, --timeout S      seconds that a cell may take [30]\n"
"  -x, --fail-fast      no more after a cell that fails\n"
"  -h, --help           this text\n"
"\n"
"Exit status: 0 good, 1 something failed, 2 wrong usage, 4 nothing could be run.\n";

enum format { FORMAT_AUTO, FORMAT_TEXT, FORMAT_KTAP, FORMAT_JSON, FORMAT_JUNIT };

static bool wanted(const struct place *place, const char *name,
		   const struct globs *globs)
{
	(void)place;
	return suite_matches(globs, name);
}

/* A cell's verdict: of which scene, and why. */
struct cell {
	const struct suite_run *run;
	const struct result *result;
	const char *name, *why;
	enum verdict verdict;
};

/* Calls @show for each verdict of a scene, and counts them. */
static void for_cells(struct suite_run *run, struct result *result,
		      void (*show)(const struct cell *cell))
{
	enum verdict verdict, all = VERDICT_NONE;
	char name[160];
	int prop;

	if (result->verdicts[PROP_MADE] == VERDICT_SKIP)
		all = VERDICT_SKIP;
	for (prop = 0; prop < PROPS; prop++) {
		if (!result->wanted[prop])
			continue;
		verdict = all ? all : result->verdicts[prop];
		if (verdict == VERDICT_NONE)
			continue;
		place_name(&result->place, prop, name, sizeof(name));
		if (verdict == VERDICT_FAIL && suite_known(name))
			verdict = VERDICT_KNOWN;
		run->totals[verdict]++;
		show(&(struct cell) {
			run, result, name, result->whys[all ? PROP_MADE : prop],
			verdict,
		});
	}
}

/* "PFN 0x1234, 4 KiB mapped, order 0, ...": a page, in one line. */
static const char *page_text(const struct pinscope_page *page, char *buf, size_t size)
{
	char names[NAMES_MAX];

	pinscope_names(pinscope_state_names, page->state, names, sizeof(names));
	if (page->addr)
		snprintf(buf, size,
			 "PFN 0x%llx, %lu KiB mapped, order %u, mapcount %d, refcount %d, pins %d, %s",
			 page->pfn, (1UL << page->map_shift) >> 10,
			 page->folio_order, page->mapcount, page->refcount,
			 page->pincount, names);
	else
		snprintf(buf, size, "unknown");
	return buf;
}

/* What one needs to go on with a failure: the page, and how to see it again. */
static void print_failure(FILE *out, const char *indent, const struct cell *cell)
{
	const struct seen *seen = &cell->result->seen;
	char text[NAMES_MAX + 160];
	size_t i;

	if (cell->verdict != VERDICT_FAIL)
		return;
	fprintf(out, "%sbefore: %s\n", indent,
		page_text(&seen->before, text, sizeof(text)));
	if (seen->pinned)
		fprintf(out, "%safter:  %s\n", indent,
			page_text(&seen->after, text, sizeof(text)));
	fprintf(out, "%sagain:  pinscope test", indent);
	for (i = 0; i < cell->run->nr_dirs && cell->result->place.kind->dir; i++)
		fprintf(out, " --dir '%s'", cell->run->dirs[i]);
	fprintf(out, " '%s'\n", cell->name);
}

static void text_cell(const struct cell *cell)
{
	if (cell->verdict != VERDICT_FAIL && cell->verdict != VERDICT_SKIP)
		return;
	printf("%s%s: %s: %s\n", isatty(STDOUT_FILENO) ? "\r\033[K" : "",
	       verdict_names[cell->verdict], cell->name, cell->why);
	print_failure(stdout, "    ", cell);
}

static void show_text(struct suite_run *run, struct result *result)
{
	size_t nr = result - run->results + 1;
	char name[160];

	for_cells(run, result, text_cell);
	if (isatty(STDOUT_FILENO)) {
		printf("\r\033[K%zu of %zu: %s", nr, run->nr,
		       place_name(&result->place, PROPS, name, sizeof(name)));
		fflush(stdout);
	}
}

/* Kept until the plan is known, which kunit.py wants to have first. */
static FILE *ktap;
static char *ktap_text;
static size_t ktap_size;
static unsigned int ktap_nr;

static void ktap_cell(const struct cell *cell)
{
	const char *mark = cell->verdict == VERDICT_SKIP ? " # SKIP " :
			   cell->verdict == VERDICT_KNOWN ? " # known to fail: " :
			   *cell->why ? " # " : "";

	print_failure(ktap, "# ", cell);
	fprintf(ktap, "%sok %u %s%s%s\n", cell->verdict == VERDICT_FAIL ? "not " : "",
		++ktap_nr, cell->name, mark, cell->why);
}

static void show_ktap(struct suite_run *run, struct result *result)
{
	for_cells(run, result, ktap_cell);
}

static json_t *json_cells;

static void json_cell(const struct cell *cell)
{
	const struct seen *seen = &cell->result->seen;
	char text[NAMES_MAX + 160];
	json_t *json = json_pack("{s:s, s:s, s:s}", "name", cell->name, "verdict",
				 verdict_names[cell->verdict], "why", cell->why);

	if (cell->verdict == VERDICT_FAIL || cell->verdict == VERDICT_KNOWN) {
		page_text(&seen->before, text, sizeof(text));
		json_object_set_new(json, "before", json_string(text));
		page_text(&seen->after, text, sizeof(text));
		json_object_set_new(json, "after", json_string(text));
	}
	json_array_append_new(json_cells, json);
}

static void show_json(struct suite_run *run, struct result *result)
{
	for_cells(run, result, json_cell);
}

static void xml(const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", stdout);
			break;
		case '&':
			fputs("&amp;", stdout);
			break;
		case '"':
			fputs("&quot;", stdout);
			break;
		default:
			putchar(*text);
		}
	}
}

static void junit_cell(const struct cell *cell)
{
	fputs("  <testcase classname=\"pinscope\" name=\"", stdout);
	xml(cell->name);
	if (cell->verdict == VERDICT_PASS) {
		fputs("\"/>\n", stdout);
		return;
	}
	printf("\"><%s message=\"", cell->verdict == VERDICT_FAIL ? "failure" : "skipped");
	xml(cell->why);
	fputs("\"/></testcase>\n", stdout);
}

static void show_junit(struct suite_run *run, struct result *result)
{
	for_cells(run, result, junit_cell);
}

static void show_nothing(struct suite_run *run, struct result *result)
{
	(void)run;
	(void)result;
}

static void (*const shows[])(struct suite_run *run, struct result *result) = {
	[FORMAT_AUTO] = show_nothing, [FORMAT_TEXT] = show_text,
	[FORMAT_KTAP] = show_ktap, [FORMAT_JSON] = show_json,
	[FORMAT_JUNIT] = show_junit,
};

static void shuffle(struct result *results, size_t nr, unsigned int seed)
{
	struct result swap;
	size_t i, k;

	srandom(seed);
	for (i = nr; i > 1; i--) {
		k = random() % i;
		memcpy(&swap, &results[k], sizeof(swap));
		memcpy(&results[k], &results[i - 1], sizeof(swap));
		memcpy(&results[i - 1], &swap, sizeof(swap));
	}
}

static void list(const struct suite_run *run)
{
	char name[160];
	size_t i;
	int prop;

	for (i = 0; i < run->nr; i++)
		for (prop = 0; prop < PROPS; prop++)
			if (run->results[i].wanted[prop])
				puts(place_name(&run->results[i].place, prop, name,
						sizeof(name)));
}

static int finish(struct suite_run *run, enum format format, const struct utsname *uts)
{
	const unsigned int *n = run->totals;
	json_t *root;

	fclose(ktap);
	switch (format) {
	case FORMAT_KTAP:
		printf("KTAP version 1\n1..%u\n%s", ktap_nr, ktap_text);
		break;
	case FORMAT_JUNIT:
		puts("</testsuite>");
		break;
	case FORMAT_JSON:
		root = json_pack("{s:s, s:i, s:i, s:i, s:i, s:o}", "kernel",
				 uts->release, "pass", n[VERDICT_PASS], "fail",
				 n[VERDICT_FAIL], "known", n[VERDICT_KNOWN], "skip",
				 n[VERDICT_SKIP], "cells", json_cells);
		json_dumpf(root, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(root);
		break;
	default:
		printf("%s%u passed, %u failed, %u known to fail, %u skipped, on Linux %s\n",
		       isatty(STDOUT_FILENO) ? "\r\033[K" : "", n[VERDICT_PASS],
		       n[VERDICT_FAIL], n[VERDICT_KNOWN], n[VERDICT_SKIP],
		       uts->release);
	}
	free(ktap_text);
	if (n[VERDICT_FAIL])
		return EXIT_BAD;
	return n[VERDICT_PASS] ? EXIT_GOOD : EXIT_CANNOT;
}

int cmd_test(int argc, char **argv)
{
	enum { OPT_JSON = 256, OPT_JUNIT };
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "ktap", no_argument, NULL, 'k' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "junit", no_argument, NULL, OPT_JUNIT },
		{ "list", no_argument, NULL, 'l' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "shuffle", required_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ "fail-fast", no_argument, NULL, 'x' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	unsigned int repeat = 1, seed = 0;
	struct suite_run run = { .jobs = 1, .timeout = 30 };
	enum format format = FORMAT_AUTO;
	struct utsname uts;
	struct globs globs;
	bool only_list = false;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "d:j:klr:s:t:xh", options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			if (!suite_add_dir(&run, optarg))
				return EXIT_USAGE;
			break;
		case 'j':
			if (!suite_number(optarg, 1, MAX_JOBS, &run.jobs))
				return EXIT_USAGE;
			break;
		case 'k':
			format = FORMAT_KTAP;
			break;
		case OPT_JSON:
			format = FORMAT_JSON;
			break;
		case OPT_JUNIT:
			format = FORMAT_JUNIT;
			break;
		case 'l':
			only_list = true;
			break;
		case 'r':
			if (!suite_number(optarg, 1, 1000000, &repeat))
				return EXIT_USAGE;
			break;
		case 's':
			if (!suite_number(optarg, 1, 4000000000U, &seed))
				return EXIT_USAGE;
			break;
		case 't':
			if (!suite_number(optarg, 1, 3600, &run.timeout))
				return EXIT_USAGE;
			break;
		case 'x':
			run.fail_fast = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return EXIT_USAGE;
		}
	}
	if (format == FORMAT_AUTO)
		format = isatty(STDOUT_FILENO) ? FORMAT_TEXT : FORMAT_KTAP;
	run.show = shows[format];

	uname(&uts);
	globs = (struct globs) { argv + optind, argc - optind };
	ret = suite_open(&run, wanted, &globs, "test");
	if (ret)
		return ret;
	if (only_list) {
		list(&run);
		return EXIT_GOOD;
	}
	if (seed)
		shuffle(run.results, run.nr, seed);

	ktap = open_memstream(&ktap_text, &ktap_size);
	if (!ktap) {
		fprintf(stderr, "pinscope test: out of memory\n");
		return EXIT_CANNOT;
	}
	if (format == FORMAT_JUNIT)
		printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		       "<testsuite name=\"pinscope\">\n");
	else if (format == FORMAT_JSON)
		json_cells = json_array();
	while (repeat-- && !ret && !run.totals[VERDICT_FAIL]) {
		size_t i;

		for (i = 0; i < run.nr; i++) {
			run.results[i].done = false;
			memset(run.results[i].verdicts, 0, sizeof(run.results[i].verdicts));
			memset(run.results[i].whys, 0, sizeof(run.results[i].whys));
		}
		ret = suite_run(&run);
	}
	if (ret) {
		fprintf(stderr, "pinscope test: %s\n", pinscope_errno(ret));
		return EXIT_CANNOT;
	}
	return finish(&run, format, &uts);
}
