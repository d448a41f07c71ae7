/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How `pinscope test` tells what came of a run.
 */
#ifndef PINSCOPE_REPORT_H
#define PINSCOPE_REPORT_H

#include "../suite/run.h"

/* The verdict of a test case. */
struct test_case {
	const struct suite_run *run;
	const struct scenario_result *result;
	const char *name;
	const char *reason;
	enum verdict verdict;
	const struct erratum *erratum;	/* with VERDICT_XFAIL */
};

/* The end of a run. */
struct summary {
	const unsigned int *totals;	/* by enum verdict */
	const char *release;		/* of the kernel */
	unsigned int seed;		/* of the order; 0: the table's */
	bool whole;			/* no test case was left out by name */
	const char *splat;		/* of the kernel, of which no test case tells; or "" */
};

/**
 * struct report - a format
 * @name: its name
 * @begin: before the first scenario; NULL: nothing to do
 * @test_case: each test case that has a verdict
 * @progress: after each scenario; NULL: nothing to do
 * @end: after the last
 */
struct report {
	const char *name;
	void (*begin)(void);
	void (*test_case)(const struct test_case *c);
	void (*progress)(const struct suite_run *run, const struct scenario_result *result);
	void (*end)(const struct summary *summary);
};

extern const struct report report_text, report_ktap, report_json, report_junit;

#endif
