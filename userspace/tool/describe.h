/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Says what the names of the suite's tables mean.
 */
#ifndef PINSCOPE_DESCRIBE_H
#define PINSCOPE_DESCRIBE_H

#include "../suite/run.h"

/**
 * describe_table() - list a table, with a sentence for each row
 * @what: kinds, conditions, calls, pinners or properties
 *
 * Needs no module. Return: the exit status.
 */
int describe_table(const char *what);

/**
 * describe_name() - explain a name
 * @name: of a test case, with or without some of its parts, or of a row
 *
 * Needs no module. Return: the exit status.
 */
int describe_name(const char *name);

/**
 * describe_no_match() - say why globs match nothing
 * @command: the command of the tool
 * @globs: what the user gave
 *
 * Names the part that does not exist, and what was probably meant.
 */
void describe_no_match(const char *command, const struct globs *globs);

#endif
