/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run of the suite: which scenes, and what came of them.
 */
#ifndef PINSCOPE_SUITE_RUN_H
#define PINSCOPE_SUITE_RUN_H

#include <stdatomic.h>

#include "suite.h"

enum { MAX_JOBS = 64, MAX_DIRS = 8 };

/* In memory that the workers share. */
struct result {
	struct place place;
	atomic_bool done;
	bool hangs;		/* it is known to */
	bool wanted[PROPS];
	struct seen seen;
	enum verdict verdicts[PROPS];
	char whys[PROPS][WHY_MAX];
};

/**
 * struct suite_run - a run
 * @results: a scene each, in memory that is shared with children
 * @nr: how many
 * @jobs: how many at a time, at most MAX_JOBS
 * @timeout: seconds that one may take
 * @fail_fast: begin no more when @totals has a failure
 * @dirs: directories on disks; none is /var/tmp
 * @nr_dirs: how many, at most MAX_DIRS
 * @show: called for each, in order, when it is done
 * @alone: what IS_ALONE locks
 * @totals: by enum verdict, for @show
 */
struct suite_run {
	struct result *results;
	size_t nr;
	unsigned int jobs;
	unsigned int timeout;
	bool fail_fast;
	const char *dirs[MAX_DIRS];
	size_t nr_dirs;
	int alone;
	void (*show)(struct suite_run *run, struct result *result);
	unsigned int totals[VERDICT_KNOWN + 1];
};

/* What the user has asked for; nothing is all. */
struct globs {
	char **globs;
	int nr;
};

/**
 * suite_matches() - has the user asked for it?
 * @globs: what he has asked for
 * @name: a name
 *
 * Return: whether one of them is the name, or a glob that matches it.
 */
bool suite_matches(const struct globs *globs, const char *name);

/**
 * suite_open() - all scenes that have a cell that is wanted
 * @run: dirs are set; out: results and nr
 * @wanted: is it? Gets the place, the cell's name, and @globs
 * @globs: for @wanted
 * @command: who asks, for messages
 *
 * Says on stderr what is wrong.
 *
 * Return: EXIT_GOOD or what to exit with.
 */
int suite_open(struct suite_run *run,
	       bool (*wanted)(const struct place *place, const char *name,
			      const struct globs *globs),
	       const struct globs *globs, const char *command);

/**
 * suite_add_dir() - take another directory for files
 * @run: gets it
 * @dir: the directory
 *
 * Return: whether there was room; otherwise it says so on stderr.
 */
bool suite_add_dir(struct suite_run *run, const char *dir);

/**
 * suite_known() - is this release known to get a cell wrong?
 * @name: of the cell
 *
 * Return: whether it is.
 */
bool suite_known(const char *name);

/**
 * suite_number() - read the number that an option takes
 * @text: the argument
 * @min: the least
 * @max: the greatest
 * @to: out
 *
 * Says on stderr when it is none.
 *
 * Return: whether it is one.
 */
bool suite_number(const char *text, unsigned int min, unsigned int max,
		  unsigned int *to);

int suite_run(struct suite_run *run);

/* suite_knobs.c */
void knobs_save(void);
void knobs_restore(void);
void knobs_balance(void);

#endif
