// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope matrix: what a pin does to which memory, by the engine of the suite.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "suite_run.h"

static const char help[] =
"usage: pinscope matrix [OPTION]... [KIND]...\n"
"\n"
"A table for those who pin: for each kind of memory (globs choose some) and each\n"
"call with its flags, what happens.\n"
"\n"
"  copies   the process gets a page of its own, which is pinned\n"
"  stays    the page is pinned where it is\n"
"  swaps in it is there again, and pinned\n"
"  EFAULT   and the like: the call fails\n"
"  hangs    it does not come to an end, unless it is killed\n"
"  n/a      this machine has no such memory at the moment\n"
"  ... !    the pin does not see what the process writes afterwards\n"
"  ... w, d a pin for reading has made the entry writable, dirty\n"
"\n"
"  -d, --dir DIR        a directory on a disk, for files; may be repeated, for\n"
"                       other file systems [/var/tmp]\n"
"  -f, --format FORMAT  text, markdown, csv or json [text]\n"
"      --diff FILE      only what is different from that run, which was in json\n"
"  -j, --jobs N         cells at a time [one]\n"
"  -h, --help           this text\n"
"\n"
"Exit status: 0 done, 1 --diff has found something, 2 wrong usage, 4 could not run.\n";

enum { HAPPENS_MAX = 24 };

static bool wanted(const struct place *place, const char *name,
		   const struct globs *globs)
{
	(void)name;
	return !strcmp(place->state->name, "fresh") &&
	       suite_matches(globs, place->kind->name);
}

static const char *happens(const struct result *result, char *buf)
{
	const struct seen *seen = &result->seen;
	bool reads = !(result->place.call->gup_flags & PINSCOPE_FOLL_WRITE);

	if (result->verdicts[PROP_MADE] == VERDICT_SKIP)
		return "n/a";
	if (result->verdicts[PROP_MADE] != VERDICT_PASS)
		return "hangs";
	if (!seen->pinned)
		return pinscope_errno(seen->error);
	if (result->place.kind->is & IS_SWAPPED)
		return seen->stale ? "swaps in!" : "swaps in";
	snprintf(buf, HAPPENS_MAX, "%s%s%s%s", seen->replaced ? "copies" : "stays",
		 seen->stale ? "!" : "",
		 reads && (seen->gained & PINSCOPE_STATE_WRITABLE) ? " w" : "",
		 reads && (seen->gained & PINSCOPE_STATE_DIRTY) ? " d" : "");
	return buf;
}

/* "slow+LONGTERM": of a place that is all there is of a name but for the way. */
static const char *way_name(struct place place, const struct suite_way *call,
			    char *buf, size_t size)
{
	place.call = call;
	return strchr(place_name(&place, PROPS, buf, size), '/') + 1;
}

static struct result *find(struct suite_run *run, const struct suite_kind *kind,
			   const struct suite_way *call)
{
	size_t i;

	for (i = 0; i < run->nr; i++)
		if (run->results[i].place.kind == kind &&
		    run->results[i].place.call == call)
			return &run->results[i];
	return NULL;
}

/* A table by what begins, separates and ends a line; @width of a column. */
struct layout {
	const char *begin, *between, *end;
	int first, width;
	bool rule;
};

static void print_table(struct suite_run *run, const struct layout *l)
{
	char name[160], buf[HAPPENS_MAX];
	const struct suite_kind *kind = NULL;
	struct result *result;
	size_t i, w;

	printf("%s%-*s", l->begin, l->first, "kind");
	for (w = 0; w < suite_nr_ways; w++) {
		if (l->width)
			snprintf(name, sizeof(name), "[%zu]", w + 1);
		printf("%s%-*s", l->between, l->width, l->width ? name :
		       way_name(run->results->place, &suite_ways[w], name,
				sizeof(name)));
	}
	printf("%s\n", l->end);
	for (w = 0; l->rule && w <= suite_nr_ways; w++)
		printf("%s---", w ? l->between : l->begin);
	if (l->rule)
		printf("%s\n", l->end);
	for (i = 0; i < run->nr; i++) {
		if (run->results[i].place.kind == kind)
			continue;
		kind = run->results[i].place.kind;
		printf("%s%-*s", l->begin, l->first, kind->name);
		for (w = 0; w < suite_nr_ways; w++) {
			result = find(run, kind, &suite_ways[w]);
			printf("%s%-*s", l->between, l->width,
			       result ? happens(result, buf) : "");
		}
		printf("%s\n", l->end);
	}
}

static void print_text(struct suite_run *run)
{
	static const struct layout text = {
		.begin = "", .between = " ", .end = "", .first = 27, .width = 9,
	};
	char name[160];
	size_t w;

	for (w = 0; w < suite_nr_ways; w++)
		printf("[%zu] %s\n", w + 1,
		       way_name(run->results->place, &suite_ways[w], name,
				sizeof(name)));
	printf("\n");
	print_table(run, &text);
}

static void print_markdown(struct suite_run *run)
{
	static const struct layout markdown = {
		.begin = "| ", .between = " | ", .end = " |", .rule = true,
	};

	print_table(run, &markdown);
}

static void print_csv(struct suite_run *run)
{
	static const struct layout csv = { .begin = "", .between = ",", .end = "" };

	print_table(run, &csv);
}

static json_t *as_json(struct suite_run *run)
{
	json_t *kinds = json_object(), *row;
	char name[160], buf[HAPPENS_MAX];
	struct utsname uts;
	size_t i;

	uname(&uts);
	for (i = 0; i < run->nr; i++) {
		const char *kind = run->results[i].place.kind->name;

		row = json_object_get(kinds, kind);
		if (!row) {
			row = json_object();
			json_object_set_new(kinds, kind, row);
		}
		json_object_set_new(row, way_name(run->results[i].place,
						  run->results[i].place.call, name,
						  sizeof(name)),
				    json_string(happens(&run->results[i], buf)));
	}
	return json_pack("{s:s, s:o}", "kernel", uts.release, "kinds", kinds);
}

static void print_json(struct suite_run *run)
{
	json_t *root = as_json(run);

	json_dumpf(root, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(root);
}

static const char *there(json_t *root, const char *kind, const char *call)
{
	json_t *row = json_object_get(json_object_get(root, "kinds"), kind);
	const char *text = json_string_value(json_object_get(row, call));

	return text ? text : "-";
}

/* Prints the places of @which that are not the same, or only in it if @only. */
static unsigned int print_changes(json_t *which, json_t *before, json_t *now,
				  bool only)
{
	json_t *kinds = json_object_get(which, "kinds");
	unsigned int nr = 0;
	void *k, *w;

	for (k = json_object_iter(kinds); k; k = json_object_iter_next(kinds, k)) {
		const char *kind = json_object_iter_key(k);
		json_t *row = json_object_iter_value(k);

		for (w = json_object_iter(row); w; w = json_object_iter_next(row, w)) {
			const char *call = json_object_iter_key(w);
			const char *was = there(before, kind, call);
			const char *is = there(now, kind, call);

			if (!strcmp(was, is) || (only && strcmp(is, "-")))
				continue;
			printf("%s/%s: %s, now %s\n", kind, call, was, is);
			nr++;
		}
	}
	return nr;
}

static int print_diff(struct suite_run *run, json_t *before)
{
	json_t *now = as_json(run);
	unsigned int nr = print_changes(now, before, now, false) +
			  print_changes(before, before, now, true);

	json_decref(now);
	return nr ? EXIT_BAD : EXIT_GOOD;
}

static const struct {
	const char *name;
	void (*print)(struct suite_run *run);
} formats[] = {
	{ "text", print_text },
	{ "markdown", print_markdown },
	{ "csv", print_csv },
	{ "json", print_json },
};

static void show(struct suite_run *run, struct result *result)
{
	char name[160];

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K%s", result + 1 < run->results + run->nr ?
		place_name(&result->place, PROPS, name, sizeof(name)) : "");
}

int cmd_matrix(int argc, char **argv)
{
	enum { OPT_DIFF = 256 };
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "format", required_argument, NULL, 'f' },
		{ "diff", required_argument, NULL, OPT_DIFF },
		{ "jobs", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	struct suite_run run = {
		.jobs = 1, .timeout = 30, .show = show,
	};
	const size_t nr_formats = sizeof(formats) / sizeof(formats[0]);
	struct globs globs;
	json_t *before = NULL;
	size_t format = 0;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "d:f:j:h", options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			if (!suite_add_dir(&run, optarg))
				return EXIT_USAGE;
			break;
		case 'f':
			for (format = 0; format < nr_formats; format++)
				if (!strcmp(formats[format].name, optarg))
					break;
			if (format == nr_formats) {
				fprintf(stderr,
					"pinscope matrix: no format '%s'; see '%s --help'\n",
					optarg, "pinscope matrix");
				return EXIT_USAGE;
			}
			break;
		case OPT_DIFF:
			before = json_load_file(optarg, 0, NULL);
			if (!json_object_get(before, "kinds")) {
				fprintf(stderr,
					"pinscope matrix: %s is not of '%s --format json'\n",
					optarg, "pinscope matrix");
				return EXIT_USAGE;
			}
			break;
		case 'j':
			if (!suite_number(optarg, 1, MAX_JOBS, &run.jobs))
				return EXIT_USAGE;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return EXIT_USAGE;
		}
	}
	globs = (struct globs) { argv + optind, argc - optind };
	ret = suite_open(&run, wanted, &globs, "matrix");
	if (ret)
		return ret;
	ret = suite_run(&run);
	if (ret) {
		fprintf(stderr, "pinscope matrix: %s\n", pinscope_errno(ret));
		return EXIT_CANNOT;
	}
	if (before) {
		ret = print_diff(&run, before);
		json_decref(before);
		return ret;
	}
	formats[format].print(&run);
	return EXIT_GOOD;
}
