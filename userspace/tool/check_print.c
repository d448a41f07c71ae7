// SPDX-License-Identifier: GPL-2.0-only
/*
 * How `pinscope check` prints what it measured.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"
#include "version.h"

static void print_result(enum check_result result, bool colour)
{
	static const char *const colours[] = {
		[RESULT_OK] = "32", [RESULT_STALE] = "1;31",
		[RESULT_FAIL] = "1;31", [RESULT_SKIP] = "33",
		[RESULT_ERROR] = "1;35",
	};

	if (colour)
		printf("\033[%sm%-9s\033[0m", colours[result],
		       check_result_names[result]);
	else
		printf("%-9s", check_result_names[result]);
}

static void print_kinds(const struct check *check, bool control, bool colour)
{
	size_t i, k;

	for (i = 0; i < check->nr_kinds; i++) {
		if (!(check->kinds[i].traits & KIND_CONTROL) == control)
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
		const struct check_cell *cell = &check->cells[i];

		if (!(i % CELLS_PER_KIND))
			last = "";
		if (cell->result == RESULT_OK || !strcmp(last, cell->reason))
			continue;
		last = cell->reason;
		snprintf(line, sizeof(line), "%s: %s: %s", cell->kind->name,
			 check_result_names[cell->result], cell->reason);
		print_wrapped(stdout, "  ", line, 4);
	}
}

static const char *flags_name(const struct pattern *p, const char *none, char *buf,
			      size_t size)
{
	return p->gup_flags ? pinscope_names(pinscope_gup_flags_names, p->gup_flags, buf,
					     size) : none;
}

static void print_patterns(const struct check *check)
{
	static const char *const keys[COLUMNS] = {
		"", "on a read-only mapping", "soft-dirty", "userfaultfd-wp",
		"page table entry", "needless COW",
	};
	char names[NAMES_MAX], line[300];
	size_t i, k;

	printf("\nThe gup_flags that drivers pass, and their side effects:\n\n"
	       "                       reliable works   marks    triggers leaves   breaks\n"
	       "                                on a    the page uffd-wp  the PTE  COW\n"
	       "                                r/o     soft-             writable need-\n"
	       "  FOLL flags                    mapping dirty             or dirty lessly\n");
	for (i = 0; i < PATTERNS; i++) {
		const struct pattern *p = &check->patterns[i];

		printf("  %-21s", flags_name(p, "(none: short-term)", names, sizeof(names)));
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
				 flags_name(p, "(none)", names, sizeof(names)),
				 keys[k], p->notes[k]);
			print_wrapped(stdout, "  ", line, 4);
		}
	}
}

void check_print_text(const struct check *check, const struct check_totals *t,
		      const char *sentence)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	printf("Read-only long-term pins (FOLL_LONGTERM) on Linux %s:\n"
	       "after the process writes, does the pin hold the page that it sees?\n\n",
	       check->uts.release);
	printf("                            mapped writable   mapped read-only\n"
	       "  private mapping of        pin      pin-fast pin      pin-fast\n");
	print_kinds(check, false, colour);
	printf("\n  controls: exclusive anonymous memory, or a shared mapping\n");
	print_kinds(check, true, colour);
	if (t->of[RESULT_OK] != CELLS_PER_KIND * check->nr_kinds) {
		printf("\n");
		print_reasons(check);
	}
	print_patterns(check);
	printf("\n%u ok, %u stale, %u failed, %u skipped, %u errors\n\n",
	       t->of[RESULT_OK], t->of[RESULT_STALE], t->of[RESULT_FAIL],
	       t->of[RESULT_SKIP], t->of[RESULT_ERROR]);
	print_wrapped(stdout, "", sentence, 0);
}

static void set_text(json_t *object, const char *key, const char *value)
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

		row = json_pack("{s:s}", "gup_flags",
				pinscope_names(pinscope_gup_flags_names, p->gup_flags, names,
					       sizeof(names)));
		notes = json_object();
		for (k = 0; k < COLUMNS; k++) {
			set_text(row, column_keys[k], answer_names[p->answers[k]]);
			if (p->notes[k][0])
				set_text(notes, column_keys[k], p->notes[k]);
		}
		json_object_set_new(row, "notes", notes);
		json_array_append_new(array, row);
	}
	return array;
}

void check_print_json(const struct check *check, const struct check_totals *t,
		      const char *sentence)
{
	json_t *cells = json_array(), *root;
	size_t i;

	for (i = 0; i < CELLS_PER_KIND * check->nr_kinds; i++) {
		const struct check_cell *cell = &check->cells[i];

		json_t *row = json_pack("{s:s, s:b, s:s, s:s, s:s, s:s, s:s}",
					"kind", cell->kind->name,
					"control", !!(cell->kind->traits & KIND_CONTROL),
					"mapping", cell->writable ? "rw" : "ro",
					"call", pinscope_name(pinscope_call_names,
							      cell->call),
					"gup_flags", "LONGTERM",
					"result", check_result_names[cell->result],
					"reason", cell->reason);

		json_array_append_new(cells, row);
	}
	root = json_pack("{s:s, s:s, s:s, s:i, s:b, s:s, s:o, s:o}",
			 "version", PINSCOPE_VERSION,
			 "kernel", check->uts.release,
			 "machine", check->uts.machine,
			 "abi", PINSCOPE_ABI_VERSION,
			 "reliable", check_status(t) == EXIT_GOOD,
			 "verdict", sentence,
			 "cells", cells, "patterns", json_patterns(check));
	json_dumpf(root, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(root);
}

