// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options and help of all commands, from their tables.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../suite/run.h"
#include "tool.h"

enum { MAX_OPTIONS = 16, LONG_ONLY = 256 };

const char exit_statuses[] =
"Exit status: 0 good; 1 the kernel fails; 2 wrong usage; 4 nothing could be run.\n";

bool set_true(const struct option_row *row, const char *value)
{
	(void)value;
	*(bool *)row->to = true;
	return true;
}

bool set_string(const struct option_row *row, const char *value)
{
	*(const char **)row->to = value ? value : "";
	return true;
}

bool set_number(const struct option_row *row, const char *value)
{
	char *end;
	unsigned long number = strtoul(value, &end, 10);

	if (*value && !*end && number >= row->min && number <= row->max) {
		*(unsigned int *)row->to = number;
		return true;
	}
	fprintf(stderr, "pinscope: --%s: expected a number from %u to %u, found '%s'\n",
		row->name, row->min, row->max, value);
	return false;
}

bool set_dir(const struct option_row *row, const char *value)
{
	struct dirs *dirs = row->to;

	if (dirs->nr == MAX_DIRS) {
		fprintf(stderr, "pinscope: --dir: expected at most %d directories, found more\n",
			MAX_DIRS);
		return false;
	}
	dirs->dirs[dirs->nr++] = value;
	return true;
}

void print_wrapped(FILE *out, const char *first, const char *text, int indent)
{
	int column = fprintf(out, "%s", first), len;
	bool begin = true;

	while (*text) {
		len = strcspn(text, "\n ");
		if (!begin && column + 1 + len > 78) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
			begin = true;
		}
		column += fprintf(out, "%s%.*s", begin ? "" : " ", len, text);
		begin = false;
		text += len;
		if (*text == '\n') {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
			begin = true;
		}
		text += *text != '\0';
	}
	fprintf(out, "\n");
}

static void print_option(const struct option_row *row)
{
	char left[40], letter[8] = "    ";
	const char *before = row->optional ? "[=" : " ";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(left, sizeof(left), "  %s--%s%s%s%s", letter, row->name,
		 row->arg ? before : "", row->arg ? row->arg : "",
		 row->arg && row->optional ? "]" : "");
	if (strlen(left) < 24)
		snprintf(left + strlen(left), sizeof(left) - strlen(left), "%*s",
			 24 - (int)strlen(left), "");
	else
		strncat(left, " ", sizeof(left) - strlen(left) - 1);
	print_wrapped(stdout, left, row->help, 24);
}

static void print_help(const struct command *command)
{
	static const struct option_row help = {
		.name = "help", .letter = 'h', .help = "This text.",
	};
	const struct option_row *row;

	printf("usage: pinscope %s [OPTION]...%s%s\n", command->name,
	       *command->args ? " " : "", command->args);
	printf("\n%s\n", command->about);
	for (row = command->options; row->name; row++)
		print_option(row);
	print_option(&help);
	printf("\n%s", exit_statuses);
}

static void make_getopt(const struct command *command, struct option *options,
			char *letters)
{
	const struct option_row *row;

	for (row = command->options; row->name; row++) {
		*options++ = (struct option) {
			.name = row->name,
			.has_arg = !row->arg ? no_argument :
				   row->optional ? optional_argument : required_argument,
			.val = LONG_ONLY + (row - command->options),
		};
		if (!row->letter)
			continue;
		*letters++ = row->letter;
		if (row->arg)
			*letters++ = ':';
	}
	*options++ = (struct option) { .name = "help", .val = 'h' };
	*options = (struct option) {};
	*letters++ = 'h';
	*letters = '\0';
}

static const struct option_row *row_of(const struct command *command, int opt)
{
	const struct option_row *row = command->options;

	if (opt >= LONG_ONLY)
		return &row[opt - LONG_ONLY];
	while (row->name && row->letter != opt)
		row++;
	return row;
}

int options_parse(const struct command *command, int argc, char **argv, int *status)
{
	struct option options[MAX_OPTIONS + 2];
	char letters[2 * MAX_OPTIONS + 2];
	const struct option_row *row;
	int opt;

	make_getopt(command, options, letters);
	*status = EXIT_USAGE;
	while ((opt = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (opt == 'h') {
			print_help(command);
			*status = EXIT_GOOD;
			return -1;
		}
		row = opt == '?' ? NULL : row_of(command, opt);
		if (!row || !row->name) {
			fprintf(stderr, "See 'pinscope %s --help'.\n", command->name);
			return -1;
		}
		if (!row->set(row, optarg))
			return -1;
	}
	if (argc - optind > command->max_args) {
		fprintf(stderr,
			"pinscope %s: expected no argument, found '%s'; see 'pinscope %s --help'\n",
			command->name, argv[optind + command->max_args], command->name);
		return -1;
	}
	return optind;
}
