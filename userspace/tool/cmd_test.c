// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope test: the suite.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "describe.h"
#include "report.h"
#include "tool.h"

const char *const verdict_names[VERDICTS] = {
	[VERDICT_NONE] = "none", [VERDICT_PASS] = "pass", [VERDICT_FAIL] = "fail",
	[VERDICT_SKIP] = "skip", [VERDICT_XFAIL] = "xfail",
};

static struct suite_run run = { .timeout = 30 };
static const struct report *report;
static const char *list, *explain, *order;
static unsigned int repeat = 1;
static bool quick;

static bool set_report(const struct option_row *row, const char *value)
{
	(void)value;
	report = row->to;
	return true;
}

static const struct option_row options[] = {
	OPTION_DIR(&run.dirs),
	OPTION_JOBS(&run.jobs),
	{ "ktap", 'k', NULL, false, "KTAP, as `kunit.py parse` reads it [unless on a terminal].",
	  set_report, (void *)&report_ktap, 0, 0 },
	{ "json", 0, NULL, false, "One JSON object on stdout.",
	  set_report, (void *)&report_json, 0, 0 },
	{ "junit", 0, NULL, false, "JUnit XML on stdout.",
	  set_report, (void *)&report_junit, 0, 0 },
	{ "list", 'l', "WHAT", true,
	  "Only list: the names of test cases; or the kinds, conditions, calls, pinners or properties, with a sentence each.",
	  set_string, &list, 0, 0 },
	{ "explain", 0, "NAME", false,
	  "Only explain a name: of a test case, or of a part of one.",
	  set_string, &explain, 0, 0 },
	{ "pairs", 'p', NULL, false,
	  "Two conditions, one after the other, instead of one: KIND.FIRST+THEN/CALL:PROPERTY; of anonymous base pages also three.",
	  set_true, &run.pairs, 0, 0 },
	{ "quick", 'q', NULL, false,
	  "Only as many scenarios as it takes to have each kind in each condition and with each request, and each condition with each request, where kinds that differ in the size of a folio count as one; others with another --shuffle.",
	  set_true, &quick, 0, 0 },
	{ "repeat", 'r', "N", false, "Run all N times, until a test case fails.",
	  set_number, &repeat, 1, 1000000 },
	{ "shuffle", 's', "SEED", false,
	  "A random order; 'random' takes a new seed and prints it. Equal seeds give equal orders.",
	  set_string, &order, 0, 0 },
	{ "timeout", 't', "S", false, "Seconds that a scenario may take [30].",
	  set_number, &run.timeout, 1, 3600 },
	{ "fail-fast", 'x', NULL, false, "Begin no scenario after a failure.",
	  set_true, &run.fail_fast, 0, 0 },
	{}
};

static bool wanted(const struct scenario *scenario, const char *name,
		   const struct globs *globs)
{
	(void)scenario;
	return globs_match(globs, name);
}

/* A test case has failed for a splat. */
static bool splat_is_told;

/* The verdict of a property, errata considered; counts it for both. */
static void report_property(struct scenario_result *result, enum property prop)
{
	const struct outcome_record *record = &result->record;
	enum property decides = record->verdicts[PROP_SETUP] == VERDICT_SKIP ?
				PROP_SETUP : prop;
	char name[CASE_NAME_MAX];
	struct test_case c = {
		.run = &run, .result = result, .name = name,
		.verdict = record->verdicts[decides],
		.reason = record->reasons[decides],
	};
	struct erratum *erratum;

	if (!result->wanted[prop] || c.verdict == VERDICT_NONE)
		return;
	scenario_name(&result->scenario, prop, name, sizeof(name));
	erratum = errata_find(name);
	/* What is spared belongs to the erratum that it is spared for. */
	if (!erratum && c.verdict == VERDICT_XFAIL)
		erratum = result->hang;
	if (erratum && c.verdict == VERDICT_FAIL)
		c.verdict = VERDICT_XFAIL;
	splat_is_told |= record->splat && prop == PROP_NO_SPLAT && c.verdict == VERDICT_FAIL;
	if (erratum && c.verdict == VERDICT_XFAIL) {
		erratum->failed++;
		c.erratum = erratum;
	} else if (erratum && c.verdict == VERDICT_PASS) {
		erratum->passed++;
	}
	run.totals[c.verdict]++;
	report->test_case(&c);
}

static void show(struct suite_run *r, struct scenario_result *result)
{
	int prop;

	for (prop = 0; prop < PROPS; prop++)
		report_property(result, prop);
	if (report->progress)
		report->progress(r, result);
}

static void list_cases(void)
{
	char name[CASE_NAME_MAX];
	size_t i;
	int prop;

	for (i = 0; i < run.nr; i++)
		for (prop = 0; prop < PROPS; prop++)
			if (run.results[i].wanted[prop])
				puts(scenario_name(&run.results[i].scenario, prop,
						   name, sizeof(name)));
}

/* Opens the module and chooses; returns EXIT_GOOD or the exit status. */
static int select_cases(const struct globs *globs)
{
	struct pinscope_info info;
	int fd = tool_open(&info);

	if (fd < 0)
		return EXIT_CANNOT;
	close(fd);
	if (suite_select(&run, &info, wanted, globs)) {
		fprintf(stderr, "pinscope test: out of memory\n");
		return EXIT_CANNOT;
	}
	if (run.nr)
		return EXIT_GOOD;
	describe_no_match("test", globs);
	return EXIT_USAGE;
}

static int run_and_report(struct summary *summary)
{
	struct utsname uts;
	int ret = 0;

	uname(&uts);
	summary->release = uts.release;
	summary->totals = run.totals;
	summary->splat = run.splat;
	if (report->begin)
		report->begin();
	while (repeat-- && !ret && !run.totals[VERDICT_FAIL] && !*run.splat)
		ret = suite_run(&run);
	if (splat_is_told)
		*run.splat = '\0';
	if (*run.splat)
		run.totals[VERDICT_FAIL]++;
	if (ret) {
		fprintf(stderr, "pinscope test: %s\n", pinscope_errno(ret));
		return EXIT_CANNOT;
	}
	report->end(summary);
	if (run.totals[VERDICT_FAIL])
		return EXIT_BAD;
	return run.totals[VERDICT_PASS] ? EXIT_GOOD : EXIT_CANNOT;
}

/* A number, or 'random'; 0 when it is neither. */
static unsigned int parse_seed(const char *text)
{
	unsigned int seed = 0;
	const struct option_row row = {
		.name = "shuffle", .to = &seed, .min = 1, .max = UINT32_MAX,
	};
	struct timespec now;

	if (!strcmp(text, "random")) {
		clock_gettime(CLOCK_REALTIME, &now);
		return ((unsigned int)now.tv_sec * 1000003 ^ now.tv_nsec) | 1;
	}
	return set_number(&row, text) ? seed : 0;
}

static int cmd_test(const struct command *command, int argc, char **argv)
{
	struct summary summary = {};
	struct globs globs;
	int first, status;

	first = options_parse(command, argc, argv, &status);
	if (first < 0)
		return status;
	if (explain)
		return describe_name(explain);
	if (list && *list && strcmp(list, "cases"))
		return describe_table(list);
	if (!report)
		report = isatty(STDOUT_FILENO) ? &report_text : &report_ktap;
	run.show = show;
	if (order) {
		summary.seed = parse_seed(order);
		if (!summary.seed)
			return EXIT_USAGE;
	}
	globs = (struct globs) { argv + first, argc - first };
	status = select_cases(&globs);
	if (status)
		return status;
	if (summary.seed)
		suite_shuffle(&run, summary.seed);
	if (quick && suite_cover(&run)) {
		fprintf(stderr, "pinscope test: out of memory\n");
		return EXIT_CANNOT;
	}
	if (list) {
		list_cases();
		return EXIT_GOOD;
	}
	summary.whole = !globs.nr && !run.fail_fast && !run.pairs && !quick;
	return run_and_report(&summary);
}

const struct command command_test = {
	.name = "test",
	.args = "[GLOB]...",
	.summary = "every kind of memory, in every condition, with every request",
	.about =
"For each kind of memory, each condition that it can be in, and each call with its\n"
"gup_flags: make the memory, pin it, let the process, the pinner and children use it,\n"
"and see whether each property holds. A test case is called\n"
"\n"
"        KIND.CONDITION/CALL[+FLAG...]:PROPERTY\n"
"\n"
"and globs choose test cases by name. Failures that are known of this kernel are shown\n"
"as XFAIL, with the erratum.\n",
	.options = options,
	.max_args = 1 << 16,
	.run = cmd_test,
};
