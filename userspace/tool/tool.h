/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the pinscope tool share.
 */
#ifndef PINSCOPE_TOOL_H
#define PINSCOPE_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../suite/suite.h"

/* Exit statuses; 4 is kselftest's skip. */
enum {
	EXIT_GOOD = 0,
	EXIT_BAD = 1,		/* the kernel fails the check or a test */
	EXIT_USAGE = 2,
	EXIT_CANNOT = 4,	/* nothing could be run */
};

/**
 * struct option_row - an option of a command
 * @name: the long one, without dashes; NULL ends a table
 * @letter: the short one, or 0
 * @arg: what its argument is called; NULL: it takes none
 * @optional: the argument may be missing, and is NULL then
 * @help: a sentence; '\n' where a line must break
 * @set: takes the argument; says on stderr what is wrong, and returns false
 * @to: for @set
 * @min: for set_number()
 * @max: for set_number()
 */
struct option_row {
	const char *name;
	char letter;
	const char *arg;
	bool optional;
	const char *help;
	bool (*set)(const struct option_row *row, const char *value);
	void *to;
	unsigned int min, max;
};

bool set_true(const struct option_row *row, const char *value);
bool set_string(const struct option_row *row, const char *value);
bool set_number(const struct option_row *row, const char *value);
/* To a struct dirs. */
bool set_dir(const struct option_row *row, const char *value);

#define OPTION_DIR(dirs)						\
	{ "dir", 'd', "DIR", false,					\
	  "A directory on a disk, for files; may be repeated [/var/tmp].", \
	  set_dir, dirs, 0, 0 }
#define OPTION_JOBS(jobs)						\
	{ "jobs", 'j', "N", false, "Scenarios that run at a time [2 for each processor].", \
	  set_number, jobs, 1, 64 }
#define OPTION_JSON(json)						\
	{ "json", 0, NULL, false, "One JSON object on stdout.", set_true, json, 0, 0 }

/**
 * struct command - a command of the tool
 * @name: its name
 * @args: what follows the options, for the usage line
 * @summary: a line for the list of commands
 * @about: what --help says after the usage line
 * @options: its options, without --help
 * @max_args: how many arguments it takes after the options
 * @run: runs it; returns the exit status
 */
struct command {
	const char *name;
	const char *args;
	const char *summary;
	const char *about;
	const struct option_row *options;
	int max_args;
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_audit, command_bench, command_check, command_exercise,
			    command_explain, command_info, command_inspect, command_maps,
			    command_matrix, command_pins, command_shell, command_test,
			    command_watch, command_who;

/* What --help of each command ends with. */
extern const char exit_statuses[];

/**
 * options_parse() - read a command's options
 * @command: the command
 * @argc: of the command
 * @argv: of the command; argv[0] is its name
 * @status: out, with -1: the exit status
 *
 * Return: the index of the first argument that is no option; or -1: --help was
 * asked for and printed, or something is wrong, and was said on stderr.
 */
int options_parse(const struct command *command, int argc, char **argv, int *status);

/**
 * tool_open() - open the module and see that it speaks this tool's ABI
 * @info: out
 *
 * Says on stderr what to do when it cannot.
 *
 * Return: a file descriptor, or -1.
 */
int tool_open(struct pinscope_info *info);

/**
 * print_wrapped() - print text in lines of at most 78 columns
 * @out: where to
 * @first: what the first line begins with
 * @text: the text; words are separated by blanks
 * @indent: columns that the other lines begin with
 */
void print_wrapped(FILE *out, const char *first, const char *text, int indent);

/**
 * unknown_name() - say that there is no such thing, and what was probably meant
 * @command: the command of the tool that says it, or ""
 * @thing: what it is: "kind", "condition", ...
 * @name: what was asked for
 * @names: what there is, ended by NULL
 * @list: the command that lists all
 */
void unknown_name(const char *command, const char *thing, const char *name,
		  const char *const *names, const char *list);

#endif
