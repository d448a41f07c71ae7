// SPDX-License-Identifier: GPL-2.0-only
/*
 * Says what the names of the suite's tables mean, see describe.h.
 */
#include <fnmatch.h>
#include <string.h>

#include "describe.h"
#include "tool.h"

enum { MAX_ROWS = 100 };

/* A row of any of the tables. */
struct row {
	const char *name;
	const char *what;
};

static bool kind_row(size_t i, struct row *row)
{
	if (i >= nr_kind_table)
		return false;
	*row = (struct row) { kind_table[i].name, kind_table[i].what };
	return true;
}

static bool condition_row(size_t i, struct row *row)
{
	if (i >= nr_conditions)
		return false;
	*row = (struct row) { conditions[i].name, conditions[i].what };
	return true;
}

static bool call_row(size_t i, struct row *row)
{
	if (i >= PINSCOPE_CALLS)
		return false;
	*row = (struct row) { pinscope_name(pinscope_call_names, i), calls[i].what };
	return true;
}

static bool pinner_row(size_t i, struct row *row)
{
	if (!pinners[i])
		return false;
	*row = (struct row) {
		pinners[i]->name ? pinners[i]->name : "CALL", pinners[i]->what,
	};
	return true;
}

static bool property_row(size_t i, struct row *row)
{
	if (i >= PROPS)
		return false;
	*row = (struct row) { properties[i].name, properties[i].what };
	return true;
}

static const struct table {
	const char *name, *one;
	bool (*row)(size_t i, struct row *row);
} tables[] = {
	{ "kinds", "kind", kind_row },
	{ "conditions", "condition", condition_row },
	{ "calls", "call", call_row },
	{ "pinners", "pinner", pinner_row },
	{ "properties", "property", property_row },
};

static void print_row(const struct row *row, int width)
{
	char first[64];

	snprintf(first, sizeof(first), "%-*s ", width, row->name);
	print_wrapped(stdout, first, row->what, width + 1);
}

int describe_table(const char *what)
{
	const char *names[ARRAY_SIZE(tables) + 2] = { "cases" };
	size_t t, i, len;
	struct row row;
	int width = 0;

	for (t = 0; t < ARRAY_SIZE(tables); t++) {
		names[t + 1] = tables[t].name;
		if (!strcmp(tables[t].name, what))
			break;
	}
	if (t == ARRAY_SIZE(tables)) {
		unknown_name("test", "table", what, names, "pinscope test --help");
		return EXIT_USAGE;
	}
	for (i = 0; tables[t].row(i, &row); i++) {
		len = strlen(row.name);
		width = (int)len > width ? (int)len : width;
	}
	for (i = 0; tables[t].row(i, &row); i++)
		print_row(&row, width);
	return EXIT_GOOD;
}

/* The parts of KIND.CONDITION[+THEN]/CALL+FLAG:PROPERTY, and the tables that they are of. */
enum { PART_KIND, PART_CONDITION, PART_THEN, PART_REQUEST, PART_PROPERTY, PARTS };

static const char *const part_table[PARTS] = {
	"kind", "condition", "condition", "call", "property",
};

/* What is missing is "". */
static void split_name(const char *name, char parts[PARTS][64])
{
	size_t len = strcspn(name, "[./:"), part = PART_KIND;

	memset(parts, 0, PARTS * sizeof(parts[0]));
	for (;;) {
		/* Brackets belong to the kind, whatever is in them. */
		if (name[len] == '[') {
			len += strcspn(name + len, "]");
			len += strcspn(name + len, "./:");
		}
		snprintf(parts[part], sizeof(parts[0]), "%.*s", (int)len, name);
		name += len;
		if (!*name)
			return;
		part = *name == '.' ? PART_CONDITION : *name == '+' ? PART_THEN :
		       *name == '/' ? PART_REQUEST : PART_PROPERTY;
		name++;
		/* Behind a call it begins a flag. */
		len = strcspn(name, part == PART_CONDITION ? "+./:" : "./:");
	}
}

/* Is @name this row, or one of the kinds that the machine makes of it? */
static bool is_row(const struct row *row, const char *name)
{
	size_t len = strcspn(row->name, "[");

	if (!row->name[len])
		return !strcmp(row->name, name);
	return !strncmp(row->name, name, len) && (!name[len] || name[len] == '[');
}

static bool find_row(const struct table *table, const char *name, struct row *row)
{
	size_t i;

	for (i = 0; table->row(i, row); i++)
		if (is_row(row, name))
			return true;
	return false;
}

static bool explain_part(const struct table *table, const char *name)
{
	char first[140];
	struct row row;

	if (!find_row(table, name, &row))
		return false;
	snprintf(first, sizeof(first), "%s %s: ", table->one, row.name);
	print_wrapped(stdout, first, row.what, 4);
	return true;
}

static const struct table *table_named(const char *one)
{
	size_t t;

	for (t = 0; t < ARRAY_SIZE(tables) - 1; t++)
		if (!strcmp(tables[t].one, one))
			break;
	return &tables[t];
}

/* A call without its flags, or a pinner. */
static bool explain_request(const char *name)
{
	const char *first;
	char call[64];
	size_t len;

	snprintf(call, sizeof(call), "%.*s", (int)strcspn(name, "+"), name);
	if (!explain_part(table_named("call"), call) &&
	    !explain_part(table_named("pinner"), call))
		return false;
	/* "+WRITE+LONGTERM" */
	for (name += strlen(call), first = "gup_flags: "; *name; first = " | ") {
		len = strcspn(++name, "+");
		printf("%sFOLL_%.*s", first, (int)len, name);
		name += len;
	}
	if (*first == ' ')
		printf("\n");
	return true;
}

static void not_found(const char *command, const struct table *table, const char *name)
{
	const char *names[MAX_ROWS + 1] = {};
	char list[60];
	struct row row;
	size_t i;

	for (i = 0; i < MAX_ROWS && table->row(i, &row); i++)
		names[i] = row.name;
	snprintf(list, sizeof(list), "pinscope test --list=%s", table->name);
	unknown_name(command, table->one, name, names, list);
}

/* One word can be a row of any table. */
static bool explain_word(const char *name)
{
	bool found = false;
	size_t t;

	for (t = 0; t < ARRAY_SIZE(tables); t++)
		found |= explain_part(&tables[t], name);
	return found || explain_request(name);
}

int describe_name(const char *name)
{
	char parts[PARTS][64];
	int status = EXIT_GOOD, i;

	if (!strpbrk(name, "./:") && explain_word(name))
		return EXIT_GOOD;
	split_name(name, parts);
	for (i = 0; i < PARTS; i++) {
		const struct table *table = table_named(part_table[i]);

		if (!*parts[i] || (i == PART_REQUEST ? explain_request(parts[i]) :
				   explain_part(table, parts[i])))
			continue;
		not_found("test", table, parts[i]);
		status = EXIT_USAGE;
	}
	return status;
}

/* Names the first part of a glob that no row has; returns whether there is one. */
static bool explain_mismatch(const char *command, const char *glob)
{
	char parts[PARTS][64];
	struct row row;
	int i;

	split_name(glob, parts);
	for (i = 0; i < PARTS; i++) {
		const struct table *table = table_named(part_table[i]);

		if (!*parts[i] || i == PART_REQUEST || strpbrk(parts[i], "*?") ||
		    find_row(table, parts[i], &row))
			continue;
		not_found(command, table, parts[i]);
		return true;
	}
	return false;
}

/* Names the pinners that a glob asks for and the machine lacks; were there any? */
static bool explain_missing(const char *command, const char *glob)
{
	const char *slash = strchr(glob, '/');
	bool found = false;
	char name[64];
	size_t i;

	if (!slash)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(slash + 1, ":"), slash + 1);
	for (i = 0; pinners[i]; i++) {
		const char *why = pinners[i]->name && !fnmatch(name, pinners[i]->name, 0) ?
				  pinner_missing(pinners[i]) : NULL;

		if (why)
			fprintf(stderr, "pinscope %s: %s is not here: %s\n", command,
				pinners[i]->name, why);
		found |= !!why;
	}
	return found;
}

void describe_no_match(const char *command, const struct globs *globs)
{
	int i;

	for (i = 0; i < globs->nr; i++)
		if (!explain_mismatch(command, globs->globs[i]) &&
		    !explain_missing(command, globs->globs[i]))
			fprintf(stderr,
				"pinscope %s: '%s' matches nothing that this machine has: 'pinscope test --list' lists all.\n",
				command, globs->globs[i]);
}
