// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running tests, see tap.h.
 */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define SKIPPED		4	/* exit status, as in kselftest */
#define SECONDS_EACH	120	/* what hangs must end; a slow guest must not */

static unsigned int failures;

void tap_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	failures++;
	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

void tap_skip(const char *format, ...)
{
	va_list args;

	printf("# SKIP ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(failures ? 1 : SKIPPED);
}

static const char *run_one(const struct test *test)
{
	static char why[64];
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(SECONDS_EACH);
		test->run();
		fflush(stdout);
		_exit(failures ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return "could not be run";
	if (WIFSIGNALED(status)) {
		snprintf(why, sizeof(why), "killed: %s",
			 strsignal(WTERMSIG(status)));
		return why;
	}
	if (WEXITSTATUS(status) == SKIPPED)
		return "SKIP";
	return WEXITSTATUS(status) ? "see above" : NULL;
}

static bool wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!fnmatch(argv[i], name, 0))
			return true;
	return argc < 2;
}

int tap_run(const struct test *const *tables, size_t nr, int argc, char **argv,
	    bool (*clean)(void))
{
	unsigned int n = 0, bad = 0;
	const struct test *test;
	const char *why;
	size_t i;

	for (i = 0; i < nr; i++) {
		for (test = tables[i]; test->name; test++) {
			if (!wanted(test->name, argc, argv))
				continue;
			why = run_one(test);
			if (!clean())
				why = "left something behind";
			n++;
			if (!why) {
				printf("ok %u - %s\n", n, test->name);
			} else if (!strcmp(why, "SKIP")) {
				printf("ok %u - %s # SKIP reason above\n", n,
				       test->name);
			} else {
				bad++;
				printf("not ok %u - %s\n# %s\n", n,
				       test->name, why);
			}
		}
	}
	printf("1..%u\n", n);
	return bad || !n;
}
