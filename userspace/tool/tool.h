/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the pinscope tool share.
 */
#ifndef PINSCOPE_TOOL_H
#define PINSCOPE_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/pinscope.h"

/* Exit statuses; 4 is what kselftest takes for a skip. */
enum {
	EXIT_GOOD = 0,
	EXIT_BAD = 1,		/* the kernel fails the check */
	EXIT_USAGE = 2,
	EXIT_CANNOT = 4,	/* nothing could be run */
};

/* A page's state in as many bytes as any combination needs. */
#define NAMES_MAX	512

int cmd_check(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_matrix(int argc, char **argv);
int cmd_shell(int argc, char **argv);
int cmd_test(int argc, char **argv);

/**
 * tool_open() - open the module and see that it speaks this tool's ABI
 * @info: out
 *
 * Says on stderr what to do when it cannot.
 *
 * Return: a file descriptor, or -1.
 */
int tool_open(struct pinscope_info *info);

#endif
