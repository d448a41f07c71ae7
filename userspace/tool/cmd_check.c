// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope check: is read-only long-term pinning reliable on this kernel?
 */
#include <getopt.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"

static const char help[] =
"usage: pinscope check [OPTION]...\n"
"\n"
"For each kind of memory: take a read-only long-term pin, let the process\n"
"write, and see whether the pinned page is still the page that the process\n"
"sees. Then show what else the flags that drivers use do.\n"
"\n"
"  -d, --dir DIR   a directory on a disk, for a file [/var/tmp]\n"
"  -j, --json      one JSON object on stdout\n"
"  -h, --help      this text\n"
"\n"
"Exit status: 0 reliable, 1 not reliable, 2 wrong usage, 4 could not run.\n";

struct totals {
	unsigned int of[RESULT_ERROR + 1];
	unsigned int controls_bad;
};

static void show_progress(const char *what)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[Kchecking %s ...", what);
}

static void end_progress(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}

static void check_kind(struct check *check, const struct kind *kind,
		       struct cell *cells)
{
	struct memory m;
	bool open;
	int i;

	show_progress(kind->name);
	open = memory_open(&m, kind, check->dir);
	for (i = 0; i < CELLS_PER_KIND; i++) {
		cells[i] = (struct cell) {
			.kind = kind,
			.writable = i < 2,
			.call = i % 2 ? PINSCOPE_CALL_PIN_FAST : PINSCOPE_CALL_PIN,
			.result = RESULT_SKIP,
		};
		if (open)
			check_cell(check, &m, PINSCOPE_FOLL_LONGTERM,
				   &cells[i]);
		else
			snprintf(cells[i].reason, sizeof(cells[i].reason),
				 "%s", m.why);
	}
	memory_close(&m);
}

static struct totals count(const struct check *check)
{
	struct totals t = {};
	size_t i;

	for (i = 0; i < CELLS_PER_KIND * check->nr_kinds; i++) {
		const struct cell *cell = &check->cells[i];

		t.of[cell->result]++;
		if (cell->kind->control && cell->result != RESULT_OK &&
		    cell->result != RESULT_SKIP)
			t.controls_bad++;
	}
	return t;
}

static int status(const struct totals *t)
{
	if (t->of[RESULT_ERROR])
		return EXIT_CANNOT;
	if (t->of[RESULT_STALE] || t->of[RESULT_FAIL])
		return EXIT_BAD;
	return t->of[RESULT_OK] ? EXIT_GOOD : EXIT_CANNOT;
}

/* The kinds with a result like that, comma separated. */
static void list_kinds(const struct check *check, enum result result,
		       char *buf, size_t size)
{
	size_t used = 0, i, k;

	buf[0] = '\0';
	for (i = 0; i < check->nr_kinds; i++) {
		for (k = 0; k < CELLS_PER_KIND; k++)
			if (check->cells[CELLS_PER_KIND * i + k].result == result)
				break;
		if (k < CELLS_PER_KIND && used < size)
			used += snprintf(buf + used, size - used, "%s%s",
					 used ? ", " : "",
					 check->kinds[i].name);
	}
}

static void verdict(const struct check *check, const struct totals *t,
		    const char *release, char *buf, size_t size)
{
	char list[300];

	if (t->of[RESULT_ERROR]) {
		list_kinds(check, RESULT_ERROR, list, sizeof(list));
		snprintf(buf, size,
			 "pinscope is at fault and says nothing of Linux %s: see %s.",
			 release, list);
	} else if (t->controls_bad) {
		snprintf(buf, size,
			 "On Linux %s even memory that needs no copy is not pinned reliably: this is another defect than the one that is looked for.",
			 release);
	} else if (t->of[RESULT_STALE]) {
		list_kinds(check, RESULT_STALE, list, sizeof(list));
		snprintf(buf, size,
			 "On Linux %s read-only long-term pins of private mappings are UNRELIABLE: after the next write the device sees stale data (%s).",
			 release, list);
	} else if (t->of[RESULT_FAIL]) {
		list_kinds(check, RESULT_FAIL, list, sizeof(list));
		snprintf(buf, size,
			 "On Linux %s read-only long-term pins FAIL for %s.",
			 release, list);
	} else if (t->of[RESULT_OK]) {
		snprintf(buf, size,
			 "On Linux %s read-only long-term pinning is reliable: in all %u cases tried, what the process writes is what the device sees%s.",
			 release, t->of[RESULT_OK],
			 t->of[RESULT_SKIP] ? ", but not every kind of memory could be tried" : "");
	} else {
		snprintf(buf, size,
			 "Nothing could be tried on Linux %s.", release);
	}
}

/* Prints text in lines of at most 78 columns, all but the first indented. */
static void wrapped(const char *first, const char *text, const char *indent)
{
	size_t column = printf("%s", first), len;

	while (*text) {
		len = strcspn(text, " ");
		if (column && column + 1 + len > 78) {
			printf("\n%s", indent);
			column = strlen(indent);
		} else if (column > strlen(first)) {
			column += printf(" ");
		}
		printf("%.*s", (int)len, text);
		column += len;
		text += len + (text[len] == ' ');
	}
	printf("\n");
}

static void print_result(enum result result, bool colour)
{
	static const char *const colours[] = {
		[RESULT_OK] = "32", [RESULT_STALE] = "1;31",
		[RESULT_FAIL] = "1;31", [RESULT_SKIP] = "33",
		[RESULT_ERROR] = "1;35",
	};

	if (colour)
		printf("\033[%sm%-9s\033[0m", colours[result],
		       result_names[result]);
	else
		printf("%-9s", result_names[result]);
}

static void print_kinds(const struct check *check, bool control, bool colour)
{
	size_t i, k;

	for (i = 0; i < check->nr_kinds; i++) {
		if (check->kinds[i].control != control)
			continue;
		printf("  %-24s", check->kinds[i].name);
		for (k = 0; k < CELLS_PER_KIND; k++)
			print_result(check->cells[CELLS_PER_KIND * i + k].result,
				     colour);
		printf("\n");
	}
}

/* One line per kind and reason. */
static void print_reasons(const struct check *check)
{
	const char *last = "";
	char line[300];
	size_t i;

	for (i = 0; i < CELLS_PER_KIND * check->nr_kinds; i++) {
		const struct cell *cell = &check->cells[i];

		if (!(i % CELLS_PER_KIND))
			last = "";
		if (cell->result == RESULT_OK || !strcmp(last, cell->reason))
			continue;
		last = cell->reason;
		snprintf(line, sizeof(line), "%s: %s: %s", cell->kind->name,
			 result_names[cell->result], cell->reason);
		wrapped("  ", line, "    ");
	}
}

static void print_patterns(const struct check *check)
{
	static const char *const keys[COLUMNS] = {
		"", "on a read-only mapping", "soft-dirty", "userfaultfd-wp",
		"page table entry", "needless COW",
	};
	char names[NAMES_MAX], line[300];
	size_t i, k;

	printf("\nWhat drivers pass, and what it does besides:\n\n"
	       "                       reliable works   marks    triggers leaves   breaks\n"
	       "                                on a    the page uffd-wp  the PTE  COW\n"
	       "                                r/o     soft-             writable need-\n"
	       "  FOLL flags                    mapping dirty             or dirty lessly\n");
	for (i = 0; i < PATTERNS; i++) {
		const struct pattern *p = &check->patterns[i];

		printf("  %-21s", p->gup_flags ? pinscope_names(pinscope_gup_flags_names, p->gup_flags,
								names, sizeof(names)) :
		       "(none: short-term)");
		for (k = 0; k < COLUMNS; k++)
			printf("%-*s", k == COLUMN_READONLY ? 8 : 9,
			       answer_names[p->answers[k]]);
		printf("\n");
	}
	printf("\n");
	for (i = 0; i < PATTERNS; i++) {
		const struct pattern *p = &check->patterns[i];

		for (k = COLUMN_READONLY; k < COLUMNS; k++) {
			if (!p->notes[k][0])
				continue;
			snprintf(line, sizeof(line), "%s %s: %s",
				 p->gup_flags ? pinscope_names(pinscope_gup_flags_names, p->gup_flags, names,
							       sizeof(names)) : "(none)",
				 keys[k], p->notes[k]);
			wrapped("  ", line, "    ");
		}
	}
}

static void print_text(const struct check *check, const struct totals *t,
		       const struct utsname *uts, const char *sentence)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	printf("Read-only long-term pins (FOLL_LONGTERM) on Linux %s:\n"
	       "after the process writes, does the pin hold the page that it sees?\n\n",
	       uts->release);
	printf("                            mapped writable   mapped read-only\n"
	       "  private mapping of        slow     fast     slow     fast\n");
	print_kinds(check, false, colour);
	printf("\n  controls: exclusive or shared\n");
	print_kinds(check, true, colour);
	if (t->of[RESULT_OK] != CELLS_PER_KIND * check->nr_kinds) {
		printf("\n");
		print_reasons(check);
	}
	print_patterns(check);
	printf("\n%u ok, %u stale, %u failed, %u skipped, %u errors\n\n",
	       t->of[RESULT_OK], t->of[RESULT_STALE], t->of[RESULT_FAIL],
	       t->of[RESULT_SKIP], t->of[RESULT_ERROR]);
	wrapped("", sentence, "");
}

static void set_string(json_t *object, const char *key, const char *value)
{
	json_object_set_new(object, key, json_string(value));
}

static json_t *json_patterns(const struct check *check)
{
	json_t *array = json_array(), *row, *notes;
	char names[NAMES_MAX];
	size_t i, k;

	for (i = 0; i < PATTERNS; i++) {
		const struct pattern *p = &check->patterns[i];

		row = json_pack("{s:s}", "flags",
				pinscope_names(pinscope_gup_flags_names, p->gup_flags, names,
					       sizeof(names)));
		notes = json_object();
		for (k = 0; k < COLUMNS; k++) {
			set_string(row, column_keys[k],
				   answer_names[p->answers[k]]);
			if (p->notes[k][0])
				set_string(notes, column_keys[k], p->notes[k]);
		}
		json_object_set_new(row, "notes", notes);
		json_array_append_new(array, row);
	}
	return array;
}

static void print_json(const struct check *check, const struct totals *t,
		       const struct utsname *uts, const char *sentence)
{
	json_t *cells = json_array(), *root;
	size_t i;

	for (i = 0; i < CELLS_PER_KIND * check->nr_kinds; i++) {
		const struct cell *cell = &check->cells[i];

		json_t *row = json_pack("{s:s, s:b, s:s, s:s, s:s, s:s, s:s}",
					"kind", cell->kind->name,
					"control", cell->kind->control,
					"mapping", cell->writable ? "rw" : "ro",
					"way", pinscope_name(pinscope_call_names,
							     cell->call),
					"flags", "LONGTERM",
					"result", result_names[cell->result],
					"reason", cell->reason);

		json_array_append_new(cells, row);
	}
	root = json_pack("{s:s, s:s, s:i, s:b, s:s, s:o, s:o}",
			 "kernel", uts->release, "machine", uts->machine,
			 "abi", PINSCOPE_ABI_VERSION,
			 "reliable", status(t) == EXIT_GOOD,
			 "verdict", sentence,
			 "cells", cells, "patterns", json_patterns(check));
	json_dumpf(root, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(root);
}

/*
 * A page that another processor still has in a batch for the LRU lists has a
 * reference that makes mm copy it: stay on one.
 */
static void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int cmd_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	struct check check = { .dir = "/var/tmp", .progress = show_progress };
	struct pinscope_info info;
	struct utsname uts;
	struct totals t;
	char sentence[500];
	bool json = false;
	size_t i;
	int opt;

	while ((opt = getopt_long(argc, argv, "d:jh", options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			check.dir = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pinscope check: what is '%s'? See 'pinscope check --help'\n",
			argv[optind]);
		return EXIT_USAGE;
	}

	check.fd = tool_open(&info);
	if (check.fd < 0)
		return EXIT_CANNOT;
	stay_on_this_cpu();
	uname(&uts);
	check.kinds = kinds_get(check.dir, &check.nr_kinds);
	if (check.kinds)
		check.cells = calloc(CELLS_PER_KIND * check.nr_kinds,
				     sizeof(*check.cells));
	if (!check.cells) {
		fprintf(stderr, "pinscope check: out of memory\n");
		free(check.kinds);
		close(check.fd);
		return EXIT_CANNOT;
	}
	for (i = 0; i < check.nr_kinds; i++)
		check_kind(&check, &check.kinds[i],
			   &check.cells[CELLS_PER_KIND * i]);
	check_patterns(&check);
	end_progress();

	t = count(&check);
	verdict(&check, &t, uts.release, sentence, sizeof(sentence));
	(json ? print_json : print_text)(&check, &t, &uts, sentence);
	free(check.cells);
	free(check.kinds);
	close(check.fd);
	return status(&t);
}
