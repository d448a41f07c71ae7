// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pinscope tool: one table of commands.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"
#include "version.h"

static const struct command *const commands[] = {
	&command_check, &command_test, &command_matrix, &command_exercise, &command_bench,
	&command_info, &command_maps, &command_inspect, &command_explain, &command_watch,
	&command_pins, &command_who, &command_audit, &command_shell,
};

int tool_open(struct pinscope_info *info)
{
	const char *mismatch;
	char why[200];
	int fd = pinscope_open();
	int ret;

	if (fd < 0) {
		pinscope_why_not(fd, why, sizeof(why));
		fprintf(stderr, "pinscope: %s\n", why);
		return -1;
	}
	ret = pinscope_info(fd, info);
	if (ret) {
		fprintf(stderr, "pinscope: INFO on " PINSCOPE_CTL_PATH ": %s\n",
			pinscope_errno(ret));
		close(fd);
		return -1;
	}
	mismatch = pinscope_abi_mismatch(info);
	if (mismatch) {
		fprintf(stderr, "pinscope: %s\n", mismatch);
		close(fd);
		return -1;
	}
	return fd;
}

void unknown_name(const char *command, const char *thing, const char *name,
		  const char *const *names, const char *list)
{
	char buf[200];
	const char *near;
	size_t nr = 0;

	while (names[nr])
		nr++;
	near = pinscope_nearest(names, nr, sizeof(*names), name, buf, sizeof(buf));
	fprintf(stderr, "pinscope%s%s: no %s '%s'%s%s%s '%s' lists all.\n",
		*command ? " " : "", command, thing, name,
		near ? "; did you mean " : ".", near ? near : "", near ? "?" : "", list);
}

static void usage(FILE *out)
{
	size_t i;

	fprintf(out,
		"usage: pinscope COMMAND [OPTION]...\n"
		"\n"
		"Tells whether pinned user pages are the pages that the process sees. Needs\n"
		"root, and the module pinscope.ko.\n"
		"\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out,
		"\n"
		"'pinscope COMMAND --help' describes a command; so does pinscope(1).\n"
		"%s", exit_statuses);
}

static int run(const struct command *command, int argc, char **argv)
{
	int ret = command->run(command, argc, argv);

	if (!fflush(stdout) && !ferror(stdout))
		return ret;
	perror("pinscope: stdout");
	return EXIT_CANNOT;
}

int main(int argc, char **argv)
{
	const char *names[ARRAY_SIZE(commands) + 1] = {};
	size_t i;

	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		usage(stdout);
		return EXIT_GOOD;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("pinscope " PINSCOPE_VERSION ", ABI %u\n", PINSCOPE_ABI_VERSION);
		return EXIT_GOOD;
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		names[i] = commands[i]->name;
		if (!strcmp(argv[1], commands[i]->name))
			return run(commands[i], argc - 1, argv + 1);
	}
	unknown_name("", "command", argv[1], names, "pinscope --help");
	return EXIT_USAGE;
}
