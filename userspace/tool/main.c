// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pinscope tool: one table of commands.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static const struct {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "check", "is read-only long-term pinning reliable on this kernel?",
	  cmd_check },
	{ "test", "every kind of memory, in every state, pinned in every way",
	  cmd_test },
	{ "matrix", "what a pin does to each kind of memory, as a table",
	  cmd_matrix },
	{ "info", "what the loaded module and the running kernel can do",
	  cmd_info },
	{ "shell", "pin, look, fault and more, from a script",
	  cmd_shell },
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

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
		fprintf(stderr, "pinscope: %s (module %u, program %u)\n",
			mismatch, info->abi_version, PINSCOPE_ABI_VERSION);
		close(fd);
		return -1;
	}
	return fd;
}

static void usage(FILE *out)
{
	size_t i;

	fprintf(out,
		"usage: pinscope COMMAND [OPTION]...\n"
		"\n"
		"The truth about pinned user pages. Needs root and pinscope.ko.\n"
		"\n");
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(out,
		"\n"
		"'pinscope COMMAND --help' says more; so does pinscope(1).\n"
		"Exit status: 0 good, 1 the kernel fails, 2 wrong usage, 4 could not run.\n");
}

int main(int argc, char **argv)
{
	size_t i;
	int ret;

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
		printf("pinscope, ABI %u\n", PINSCOPE_ABI_VERSION);
		return EXIT_GOOD;
	}
	for (i = 0; i < NR_COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		ret = commands[i].run(argc - 1, argv + 1);
		if (fflush(stdout) || ferror(stdout)) {
			perror("pinscope: stdout");
			return EXIT_CANNOT;
		}
		return ret;
	}
	fprintf(stderr, "pinscope: no command '%s'; see 'pinscope --help'\n",
		argv[1]);
	return EXIT_USAGE;
}
