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

static void print_coloured(const char *text, enum check_result result, bool colour)
{
	static const char *const colours[] = {
		[RESULT_OK] = "32", [RESULT_STALE] = "1;31",
		[RESULT_FAIL] = "1;31", [RESULT_SKIP] = "33",
		[RESULT_ERROR] = "1;35",
	};

	if (colour)
		printf("\033[%sm%-9s\033[0m", colours[result], text);
	else
		printf("%-9s", text);
}

static void print_kinds(const struct check *check, bool control, bool colour)
{
	size_t i, k;

	for (i = 0; i < check->nr_kinds; i++) {
		if (!(check->kinds[i].traits & KIND_CONTROL) == control)
			continue;
		printf("  %-24s", check->kinds[i].name);
		for (k = 0; k < CELLS_PER_KIND; k++) {
			enum check_result result =
				check->cells[CELLS_PER_KIND * i + k].result;

			print_coloured(check_result_names[result], result, colour);
		}
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

static const char *flags_name(uint64_t gup_flags, const char *none, char *buf, size_t size)
{
	return gup_flags ? pinscope_names(pinscope_gup_flags_names, gup_flags, buf, size) :
			   none;
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

		printf("  %-21s", flags_name(p->gup_flags, "(none: short-term)", names,
					     sizeof(names)));
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
				 flags_name(p->gup_flags, "(none)", names, sizeof(names)),
				 keys[k], p->notes[k]);
			print_wrapped(stdout, "  ", line, 4);
		}
	}
}

/* What a user of GUP sees, in a column. */
static const char *user_cell_text(const struct user *user, const struct user_cell *cell)
{
	if (!check_user_sees(user, cell->kind))
		return "-";
	return cell->result == RESULT_FAIL ? pinscope_errno(cell->error) :
	       check_result_names[cell->result];
}

/* Which number is whose; returns how many can be tried. */
static size_t print_legend(const struct check *check)
{
	char line[400], names[NAMES_MAX];
	size_t u, here = 0;

	for (u = 0; u < check->nr_users; u++) {
		const struct user *user = &check->users[u];

		if (user->missing)
			snprintf(line, sizeof(line), "%s: not here: %s", user->pinner->name,
				 user->missing);
		else
			snprintf(line, sizeof(line), "%s: %s, %.100s", user->pinner->name,
				 pinscope_name(pinscope_call_names, user->request->call),
				 flags_name(user->request->gup_flags, "no flags", names,
					    sizeof(names)));
		if (user->missing)
			snprintf(names, sizeof(names), "  [-] ");
		else
			snprintf(names, sizeof(names), "  [%zu] ", ++here);
		print_wrapped(stdout, names, line, 8);
	}
	return here;
}

/* Columns @first to @last, of those that can be tried. */
static void print_user_block(const struct check *check, size_t first, size_t last,
			     bool colour)
{
	size_t k, u, nr;

	printf("\n  %-24s", "mapping of");
	for (nr = first; nr <= last; nr++)
		printf("[%zu]%*s", nr, nr < 10 ? 6 : 5, "");
	printf("\n");
	for (k = 0; k < check->nr_kinds; k++) {
		if (check->kinds[k].traits & KIND_GIGANTIC)
			continue;
		printf("  %-24s", check->kinds[k].name);
		for (u = 0, nr = 0; u < check->nr_users; u++) {
			const struct user *user = &check->users[u];
			const struct user_cell *cell =
				&check->user_cells[u * check->nr_kinds + k];

			if (user->missing || ++nr < first || nr > last)
				continue;
			print_coloured(user_cell_text(user, cell), cell->result, colour);
		}
		printf("\n");
	}
}

static void print_user_reasons(const struct check *check)
{
	char line[400];
	size_t u, k;

	for (u = 0; u < check->nr_users; u++) {
		const char *last = "";

		for (k = 0; k < check->nr_kinds; k++) {
			const struct user_cell *cell =
				&check->user_cells[u * check->nr_kinds + k];

			if (!cell->reason[0] || cell->result == RESULT_FAIL ||
			    !strcmp(last, cell->reason))
				continue;
			last = cell->reason;
			snprintf(line, sizeof(line), "%s, %s: %s: %s",
				 check->users[u].pinner->name, cell->kind->name,
				 check_result_names[cell->result], cell->reason);
			print_wrapped(stdout, "  ", line, 4);
		}
	}
}

static void print_users(const struct check *check, bool colour)
{
	enum { COLUMNS_OF_A_BLOCK = 5 };
	char sentence[700];
	size_t first, here;

	if (!check->nr_users)
		return;
	printf("\nReal users of GUP: what do they see after the process wrote?\n\n");
	here = print_legend(check);
	for (first = 1; first <= here; first += COLUMNS_OF_A_BLOCK)
		print_user_block(check, first, first + COLUMNS_OF_A_BLOCK - 1 < here ?
				 first + COLUMNS_OF_A_BLOCK - 1 : here, colour);
	printf("\n");
	print_user_reasons(check);
	check_users_sentence(check, sentence, sizeof(sentence));
	print_wrapped(stdout, "  ", sentence, 2);
}

static void print_module(const struct check *check, const struct check_totals *t,
			 bool colour)
{
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
}

void check_print_text(const struct check *check, const struct check_totals *t,
		      const char *sentence)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	if (check->fd >= 0)
		print_module(check, t, colour);
	print_users(check, colour);
	if (check->fd >= 0)
		printf("\n%u ok, %u stale, %u failed, %u skipped, %u errors\n",
		       t->of[RESULT_OK], t->of[RESULT_STALE], t->of[RESULT_FAIL],
		       t->of[RESULT_SKIP], t->of[RESULT_ERROR]);
	printf("\n");
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

static json_t *json_users(const struct check *check)
{
	json_t *array = json_array(), *cells, *cell, *row;
	char names[NAMES_MAX];
	size_t u, k;

	for (u = 0; u < check->nr_users; u++) {
		const struct user *user = &check->users[u];

		cells = json_array();
		for (k = 0; k < check->nr_kinds; k++) {
			const struct user_cell *c =
				&check->user_cells[u * check->nr_kinds + k];

			if (!check_user_sees(user, c->kind))
				continue;
			cell = json_pack("{s:s, s:s, s:s}", "kind", c->kind->name, "result",
					 c->result == RESULT_FAIL ? "refused" :
					 check_result_names[c->result], "reason", c->reason);
			if (c->result == RESULT_FAIL)
				set_text(cell, "errno", pinscope_errno(c->error));
			json_array_append_new(cells, cell);
		}
		row = json_pack("{s:s, s:s, s:o}", "pinner", user->pinner->name, "missing",
				user->missing ? user->missing : "", "cells", cells);
		if (user->request) {
			set_text(row, "call", pinscope_name(pinscope_call_names,
							    user->request->call));
			set_text(row, "gup_flags",
				 flags_name(user->request->gup_flags, "0", names,
					    sizeof(names)));
		}
		json_array_append_new(array, row);
	}
	return array;
}

void check_print_json(const struct check *check, const struct check_totals *t,
		      const char *sentence)
{
	json_t *cells = json_array(), *root;
	char users[700];
	size_t i;

	for (i = 0; check->fd >= 0 && i < CELLS_PER_KIND * check->nr_kinds; i++) {
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
	check_users_sentence(check, users, sizeof(users));
	root = json_pack("{s:s, s:s, s:s, s:i, s:b, s:b, s:s, s:s, s:o, s:o, s:o}",
			 "version", PINSCOPE_VERSION,
			 "kernel", check->uts.release,
			 "machine", check->uts.machine,
			 "abi", PINSCOPE_ABI_VERSION,
			 "module", check->fd >= 0,
			 "reliable", check_status(check, t) == EXIT_GOOD,
			 "verdict", sentence, "users_verdict", users,
			 "cells", cells,
			 "patterns", check->fd >= 0 ? json_patterns(check) : json_array(),
			 "users", json_users(check));
	json_dumpf(root, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(root);
}

