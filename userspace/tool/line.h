/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of input: from a file; or from a terminal, with history and completion where
 * the program was built with libedit.
 */
#ifndef PINSCOPE_LINE_H
#define PINSCOPE_LINE_H

#include <stdbool.h>
#include <stdio.h>

/**
 * struct line_input - where lines come from
 * @file: the file
 * @prompt: what to print before each line, when @file is a terminal
 * @complete: the words that can be in the place of the last word of @line, one by one;
 *	NULL behind the last. Those that do not begin like it are left out by the caller
 */
struct line_input {
	FILE *file;
	const char *prompt;
	const char *(*complete)(const char *line, size_t nr);
};

/**
 * line_read() - read the next line
 * @input: where from
 *
 * Return: the line without its newline, for free(); NULL at the end.
 */
char *line_read(const struct line_input *input);

#endif
