/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run of the suite: select.c chooses scenarios, workers.c runs them in processes
 * of their own, and whoever called is shown each as it is done.
 */
#ifndef PINSCOPE_RUN_H
#define PINSCOPE_RUN_H

#include <stdatomic.h>

#include "errata.h"
#include "suite.h"

enum { MAX_JOBS = 64 };

/* Directories on disks, for files. */
struct dirs {
	const char *dirs[MAX_DIRS];
	size_t nr;
};

/* A scenario of a run, in memory that the workers share. */
struct scenario_result {
	struct scenario scenario;
	struct erratum *hang;	/* known to hang here; or NULL */
	bool wanted[PROPS];
	atomic_bool done;
	struct outcome_record record;
};

/**
 * struct suite_run - a run
 * @results: one for each scenario
 * @nr: how many
 * @pairs: choose among pairs of conditions, instead of single ones
 * @kinds: of this machine; the scenarios point there
 * @nr_kinds: how many
 * @conditions: those of the table, or pairs; the scenarios point there
 * @nr_conditions: how many
 * @jobs: how many scenarios run at a time, at most MAX_JOBS; 0: two for each processor
 * @timeout: seconds that one may take
 * @fail_fast: begin no scenario once a test case has failed
 * @dirs: directories for files; without one it is /var/tmp
 * @lock_fd: a file whose bytes scenarios lock against each other
 * @show: called for each scenario, in order, when it is done
 * @totals: how many test cases have each verdict; @show counts
 * @splat: out: the first splat that the kernel logged, whoever provoked it; or ""
 */
struct suite_run {
	struct scenario_result *results;
	size_t nr;
	bool pairs;
	struct kind *kinds;
	size_t nr_kinds;
	const struct condition *conditions;
	size_t nr_conditions;
	unsigned int jobs;
	unsigned int timeout;
	bool fail_fast;
	struct dirs dirs;
	int lock_fd;
	void (*show)(struct suite_run *run, struct scenario_result *result);
	unsigned int totals[VERDICTS];
	char splat[REASON_MAX];
};

/* Names and globs that the user gave; none stands for all. */
struct globs {
	char **globs;
	int nr;
};

/**
 * globs_match() - is a name asked for?
 * @globs: what is asked for
 * @name: a name; as it has brackets, it is also compared as a string
 *
 * Return: whether it is.
 */
bool globs_match(const struct globs *globs, const char *name);

/**
 * suite_select() - choose scenarios
 * @run: in: @dirs, @pairs; out: @kinds, @conditions, @results, and how many
 * @info: what the kernel has
 * @wanted: is a test case asked for? Gets its scenario, its name, and @globs
 * @globs: for @wanted
 *
 * Return: 0, or -ENOMEM. @nr may be 0.
 */
int suite_select(struct suite_run *run, const struct pinscope_info *info,
		 bool (*wanted)(const struct scenario *scenario, const char *name,
				const struct globs *globs),
		 const struct globs *globs);

/**
 * suite_shuffle() - put the scenarios into a random order, those of gigantic pages first
 * @run: from suite_select()
 * @seed: the same seed gives the same order
 */
void suite_shuffle(struct suite_run *run, unsigned int seed);

/**
 * suite_cover() - leave out scenarios that bring nothing together for the first time
 * @run: from suite_select(), in the order in which they are to be kept
 *
 * Of kind, condition and request, each two that some scenario has are in one that is kept;
 * kinds of huge pages larger than a PMD's are taken for one.
 *
 * Return: 0, or -ENOMEM.
 */
int suite_cover(struct suite_run *run);

/**
 * suite_run() - run all scenarios
 * @run: from suite_select(); gets verdicts
 *
 * What the kinds change of the machine is changed back, also after SIGINT and the
 * like.
 *
 * Return: 0 or a negative errno; -EINTR when a signal ended it.
 */
int suite_run(struct suite_run *run);

/* knobs.c: remember what kinds may change of the machine, and put it back */
void knobs_save(void);
void knobs_restore(void);

/* knobs.c: no page is replaced by khugepaged until knobs_restore() */
void knobs_stop_khugepaged(void);

/* knobs.c: let NUMA balancing give hints at once */
void knobs_balance(void);

#endif
