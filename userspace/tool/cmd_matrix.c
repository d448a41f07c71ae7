// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope matrix: what a pin does to each kind of memory, as a table.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../suite/run.h"
#include "describe.h"
#include "tool.h"

/* Bytes for what happens. */
enum { HAPPENS_MAX = 24 };

static struct suite_run run = { .timeout = 30 };
static const char *format = "text", *diff;
static bool json;

static const struct option_row options[] = {
	OPTION_DIR(&run.dirs),
	{ "format", 'f', "FORMAT", false, "text, markdown, csv or json [text].",
	  set_string, &format, 0, 0 },
	OPTION_JSON(&json),
	{ "diff", 0, "FILE", false,
	  "Print only what differs from FILE, which an earlier run wrote with --json.",
	  set_string, &diff, 0, 0 },
	OPTION_JOBS(&run.jobs),
	{}
};

static bool wanted(const struct scenario *scenario, const char *name,
		   const struct globs *globs)
{
	(void)name;
	return (scenario->condition->traits & COND_FRESH) &&
	       globs_match(globs, scenario->kind->name);
}

/* Did it end neither with a pin nor with an error? */
static bool hangs(const struct outcome_record *record)
{
	return !record->seen.pinned && !record->seen.error;
}

static const char *happens(const struct scenario_result *result, char *buf)
{
	const struct observation *seen = &result->record.seen;
	bool reads = !(result->scenario.request->gup_flags & PINSCOPE_FOLL_WRITE);

	if (result->record.verdicts[PROP_SETUP] == VERDICT_SKIP)
		return "n/a";
	if (hangs(&result->record))
		return "hangs";
	if (!seen->pinned)
		return pinscope_errno(seen->error);
	if (result->scenario.kind->traits & KIND_NOT_PRESENT)
		return seen->stale ? "swaps in!" : "swaps in";
	snprintf(buf, HAPPENS_MAX, "%s%s%s%s", seen->replaced ? "copies" : "stays",
		 seen->stale ? "!" : "",
		 reads && (seen->gained & PINSCOPE_STATE_WRITABLE) ? " w" : "",
		 reads && (seen->gained & PINSCOPE_STATE_DIRTY) ? " d" : "");
	return buf;
}

static struct scenario_result *find(const struct kind *kind, const struct request *request)
{
	size_t i;

	for (i = 0; i < run.nr; i++)
		if (run.results[i].scenario.kind == kind &&
		    run.results[i].scenario.request == request)
			return &run.results[i];
	return NULL;
}

/* The requests that this machine has: columns. One name comes once. */
static const struct request **columns;
static size_t nr_columns;

static bool choose_columns(void)
{
	size_t r;

	columns = calloc(nr_requests, sizeof(*columns));
	for (r = 0; columns && r < nr_requests; r++)
		if (request_exists(&requests[r]))
			columns[nr_columns++] = &requests[r];
	return columns;
}

/* A table by what begins, separates and ends a line; @width of a column. */
struct layout {
	const char *begin, *between, *end;
	int first, width;
	bool rule;
};

static void print_head(const struct layout *l)
{
	char name[120];
	size_t r;

	printf("%s%-*s", l->begin, l->first, "kind");
	for (r = 0; r < nr_columns; r++) {
		if (l->width)
			snprintf(name, sizeof(name), "[%zu]", r + 1);
		else
			request_name(columns[r], name, sizeof(name));
		printf("%s%-*s", l->between, l->width, name);
	}
	printf("%s\n", l->end);
	for (r = 0; l->rule && r <= nr_columns; r++)
		printf("%s---", r ? l->between : l->begin);
	if (l->rule)
		printf("%s\n", l->end);
}

static void print_table(const struct layout *l)
{
	const struct kind *kind = NULL;
	char buf[HAPPENS_MAX];
	size_t i, r;

	print_head(l);
	for (i = 0; i < run.nr; i++) {
		if (run.results[i].scenario.kind == kind)
			continue;
		kind = run.results[i].scenario.kind;
		printf("%s%-*s", l->begin, l->first, kind->name);
		for (r = 0; r < nr_columns; r++) {
			const struct scenario_result *result = find(kind, columns[r]);

			printf("%s%-*s", l->between, l->width,
			       result ? happens(result, buf) : "");
		}
		printf("%s\n", l->end);
	}
}

static void print_text(void)
{
	static const struct layout text = {
		.begin = "", .between = " ", .end = "", .first = 33, .width = 9,
	};
	char name[120];
	size_t r;

	for (r = 0; r < nr_columns; r++)
		printf("[%zu] %s\n", r + 1, request_name(columns[r], name, sizeof(name)));
	printf("\n");
	print_table(&text);
}

static void print_markdown(void)
{
	static const struct layout markdown = {
		.begin = "| ", .between = " | ", .end = " |", .rule = true,
	};

	print_table(&markdown);
}

static void print_csv(void)
{
	static const struct layout csv = { .begin = "", .between = ",", .end = "" };

	print_table(&csv);
}

static json_t *as_json(void)
{
	json_t *kinds = json_object(), *row;
	char name[120], buf[HAPPENS_MAX];
	struct utsname uts;
	size_t i;

	uname(&uts);
	for (i = 0; i < run.nr; i++) {
		const struct scenario *s = &run.results[i].scenario;

		row = json_object_get(kinds, s->kind->name);
		if (!row) {
			row = json_object();
			json_object_set_new(kinds, s->kind->name, row);
		}
		json_object_set_new(row, request_name(s->request, name, sizeof(name)),
				    json_string(happens(&run.results[i], buf)));
	}
	return json_pack("{s:s, s:o}", "kernel", uts.release, "kinds", kinds);
}

static void print_json(void)
{
	json_t *root = as_json();

	json_dumpf(root, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(root);
}

static const char *entry_of(json_t *root, const char *kind, const char *request)
{
	json_t *row = json_object_get(json_object_get(root, "kinds"), kind);
	const char *text = json_string_value(json_object_get(row, request));

	return text ? text : "-";
}

/* Prints the entries of @which that differ; with @only those that @now lacks. */
static unsigned int print_changes(json_t *which, json_t *before, json_t *now,
				  bool only)
{
	json_t *kinds = json_object_get(which, "kinds");
	unsigned int nr = 0;
	void *k, *r;

	for (k = json_object_iter(kinds); k; k = json_object_iter_next(kinds, k)) {
		const char *kind = json_object_iter_key(k);
		json_t *row = json_object_iter_value(k);

		for (r = json_object_iter(row); r; r = json_object_iter_next(row, r)) {
			const char *request = json_object_iter_key(r);
			const char *was = entry_of(before, kind, request);
			const char *is = entry_of(now, kind, request);

			if (!strcmp(was, is) || (only && strcmp(is, "-")))
				continue;
			printf("%s/%s: %s, now %s\n", kind, request, was, is);
			nr++;
		}
	}
	return nr;
}

static int print_diff(json_t *before)
{
	json_t *now = as_json();
	unsigned int nr = print_changes(now, before, now, false) +
			  print_changes(before, before, now, true);

	json_decref(now);
	return nr ? EXIT_BAD : EXIT_GOOD;
}

static const struct matrix_format {
	const char *name;
	void (*print)(void);
} formats[] = {
	{ "text", print_text },
	{ "markdown", print_markdown },
	{ "csv", print_csv },
	{ "json", print_json },
};

static const struct matrix_format *find_format(const char *name)
{
	const char *names[ARRAY_SIZE(formats) + 1] = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		names[i] = formats[i].name;
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	}
	unknown_name("matrix", "format", name, names, "pinscope matrix --help");
	return NULL;
}

static void show(struct suite_run *r, struct scenario_result *result)
{
	char name[CASE_NAME_MAX];

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K%s", result + 1 < r->results + r->nr ?
		scenario_name(&result->scenario, PROPS, name, sizeof(name)) : "");
}

static int run_fresh(const struct globs *globs)
{
	struct pinscope_info info;
	int fd = tool_open(&info), ret;

	if (fd < 0)
		return EXIT_CANNOT;
	close(fd);
	ret = choose_columns() ? suite_select(&run, &info, wanted, globs) : -ENOMEM;
	if (!ret && !run.nr) {
		describe_no_match("matrix", globs);
		return EXIT_USAGE;
	}
	if (!ret)
		ret = suite_run(&run);
	if (*run.splat)
		fprintf(stderr, "pinscope matrix: the kernel logged: %s\n", run.splat);
	if (!ret)
		return EXIT_GOOD;
	fprintf(stderr, "pinscope matrix: %s\n", pinscope_errno(ret));
	return EXIT_CANNOT;
}

static int cmd_matrix(const struct command *command, int argc, char **argv)
{
	const struct matrix_format *f;
	json_t *before = NULL;
	struct globs globs;
	int first, status;

	first = options_parse(command, argc, argv, &status);
	if (first < 0)
		return status;
	f = find_format(json ? "json" : format);
	if (!f)
		return EXIT_USAGE;
	if (diff) {
		before = json_load_file(diff, 0, NULL);
		if (!json_object_get(before, "kinds")) {
			fprintf(stderr,
				"pinscope matrix: --diff: expected the output of 'pinscope matrix --json', found something else in '%s'\n",
				diff);
			return EXIT_USAGE;
		}
	}
	run.show = show;
	globs = (struct globs) { argv + first, argc - first };
	status = run_fresh(&globs);
	if (!status && before)
		status = print_diff(before);
	else if (!status)
		f->print();
	json_decref(before);
	free(columns);
	return status;
}

const struct command command_matrix = {
	.name = "matrix",
	.args = "[KIND]...",
	.summary = "what a pin does to each kind of memory, as a table",
	.about =
"For each kind of memory (globs choose some) in the fresh condition, and each request:\n"
"what happens.\n"
"\n"
"  copies     mm replaces the page by an exclusive copy, and pins that\n"
"  stays      the page is pinned where it is\n"
"  swaps in   the page was not present; it is faulted in, and pinned\n"
"  EFAULT     or another errno: the call fails\n"
"  hangs      the call does not return unless it is killed\n"
"  n/a        this machine has no such memory at the moment\n"
"  ... !      the pinned page does not have what the process writes afterwards\n"
"  ... w, d   a pin for reading made the entry writable, dirty\n",
	.options = options,
	.max_args = 1 << 16,
	.run = cmd_matrix,
};
