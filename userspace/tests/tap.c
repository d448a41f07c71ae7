// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running tests and printing what failed, see tap.h.
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tap.h"

#define SKIPPED		4	/* exit status, as in kselftest */
#define LEFT_OUT	5	/* exit status */
#define SECONDS_EACH	500	/* what hangs ends before its guest does, see scripts/check */
#define TEXT_SIZE	600	/* the names of all bits of a page state fit */

static unsigned int failures;
static char context[160];

void tap_context(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(context, sizeof(context), format, args);
	va_end(args);
}

/* One line: place, context, @finding, and the words of the expectation. */
static void failed(struct tap_place at, const char *finding,
		   const char *format, va_list args)
{
	failures++;
	printf("# %s:%d: ", at.file, at.line);
	if (*context)
		printf("[%s] ", context);
	printf("%s", finding);
	if (strcmp(format, ": "))
		vprintf(format, args);
	printf("\n");
	fflush(stdout);
}

/* Between va_start() and va_end(), once for all of the functions below. */
#define FAILED(at, finding, format)				\
	do {								\
		va_list args;						\
									\
		va_start(args, format);					\
		failed(at, finding, format, args);		\
		va_end(args);						\
	} while (0)

bool tap_failed(struct tap_place at, const char *finding,
		const char *format, ...)
{
	FAILED(at, finding, format);
	return false;
}

/* Decimal, and hexadecimal from where that is easier to read. */
static void number(char *buf, size_t size, struct tap_value value)
{
	long long n = (long long)value.bits;

	if (value.is_signed && n < 0)
		snprintf(buf, size, "%lld", n);
	else if (value.bits < 10000)
		snprintf(buf, size, "%llu", value.bits);
	else
		snprintf(buf, size, "%llu (0x%llx)", value.bits, value.bits);
}

static bool less(struct tap_value a, struct tap_value b)
{
	if (a.is_signed || b.is_signed)
		return (long long)a.bits < (long long)b.bits;
	return a.bits < b.bits;
}

static bool compares(struct tap_value a, const char *op, struct tap_value b)
{
	if (!strcmp(op, "=="))
		return a.bits == b.bits;
	if (!strcmp(op, "!="))
		return a.bits != b.bits;
	if (!strcmp(op, ">"))
		return less(b, a);
	if (!strcmp(op, ">="))
		return !less(a, b);
	return !less(b, a);
}

bool tap_compare(struct tap_place at, const char *text,
		 struct tap_value found, const char *op, const char *want_text,
		 struct tap_value want, const char *format, ...)
{
	char finding[TEXT_SIZE], is[64], should[64];
	bool literal = isdigit(want_text[0]) || want_text[0] == '\'';

	if (compares(found, op, want))
		return true;
	number(is, sizeof(is), found);
	number(should, sizeof(should), want);
	snprintf(finding, sizeof(finding), "%s: expected %s%s%s%s%s, found %s",
		 text, strcmp(op, "==") ? op : "", strcmp(op, "==") ? " " : "",
		 should, literal ? "" : " = ", literal ? "" : want_text, is);
	FAILED(at, finding, format);
	return false;
}

static const char *outcome(int ret, char *buf, size_t size)
{
	if (ret > 0)
		snprintf(buf, size, "%d", ret);
	else
		snprintf(buf, size, "%s", ret ? pinscope_errno(ret) : "success");
	return buf;
}

bool tap_ret(struct tap_place at, const char *text, int found, int want,
	     const char *format, ...)
{
	char finding[TEXT_SIZE], is[32], should[32];

	if (found == want)
		return true;
	snprintf(finding, sizeof(finding), "%s: expected %s, found %s", text,
		 outcome(want, should, sizeof(should)),
		 outcome(found, is, sizeof(is)));
	FAILED(at, finding, format);
	return false;
}

bool tap_sys(struct tap_place at, bool good, const char *text,
	     const char *format, ...)
{
	char finding[TEXT_SIZE];

	if (good)
		return true;
	snprintf(finding, sizeof(finding), "not true: %s, errno is %s", text,
		 pinscope_errno(errno));
	FAILED(at, finding, format);
	return false;
}

bool tap_str(struct tap_place at, const char *text, const char *found,
	     const char *want, const char *format, ...)
{
	char finding[TEXT_SIZE];

	if (!strcmp(found, want))
		return true;
	snprintf(finding, sizeof(finding), "%s: expected \"%s\", found \"%s\"",
		 text, want, found);
	FAILED(at, finding, format);
	return false;
}

bool tap_mem(struct tap_place at, const char *text, const void *found,
	     const void *want, size_t len, const char *format, ...)
{
	const unsigned char *is = found, *should = want;
	char finding[TEXT_SIZE];
	size_t i = 0;

	while (i < len && is[i] == should[i])
		i++;
	if (i == len)
		return true;
	snprintf(finding, sizeof(finding),
		 "%s: byte %zu of %zu: expected 0x%02x, found 0x%02x", text, i,
		 len, should[i], is[i]);
	FAILED(at, finding, format);
	return false;
}

bool tap_bits(struct tap_place at, const char *text,
	      const struct pinscope_name *names, uint64_t found, uint64_t has,
	      uint64_t hasnt, const char *format, ...)
{
	char finding[3 * TEXT_SIZE], missing[TEXT_SIZE], extra[TEXT_SIZE];
	char all[TEXT_SIZE];

	if ((found & (has | hasnt)) == has)
		return true;
	snprintf(finding, sizeof(finding),
		 "%s: missing %s, unexpected %s, found %s", text,
		 pinscope_names(names, has & ~found, missing, sizeof(missing)),
		 pinscope_names(names, hasnt & found, extra, sizeof(extra)),
		 pinscope_names(names, found, all, sizeof(all)));
	FAILED(at, finding, format);
	return false;
}

/* Prints why the test ends, in a comment. */
static void say_why(const char *word, const char *format, va_list args)
{
	printf("# %s ", word);
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
}

void tap_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_why("SKIP", format, args);
	va_end(args);
	_exit(failures ? 1 : SKIPPED);
}

void tap_leave_out(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_why("left out:", format, args);
	va_end(args);
	_exit(failures ? 1 : LEFT_OUT);
}

/* What run_one() returns of a test that has neither passed nor failed. */
static const char skipped[] = "SKIP", left_out[] = "left out";

/* Returns NULL when the test passed, or why it did not. */
static const char *run_one(const struct test *test,
			   const struct tap_hooks *hooks)
{
	static char why[64];
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(SECONDS_EACH);
		hooks->run(test);
		fflush(stdout);
		_exit(failures ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return "the test could not be run";
	if (WIFSIGNALED(status)) {
		snprintf(why, sizeof(why), "the test was killed: %s",
			 strsignal(WTERMSIG(status)));
		return why;
	}
	if (WEXITSTATUS(status) == SKIPPED)
		return skipped;
	if (WEXITSTATUS(status) == LEFT_OUT)
		return left_out;
	return WEXITSTATUS(status) ? "the lines above say what failed" : NULL;
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
	    const struct tap_hooks *hooks)
{
	unsigned int n = 0, bad = 0;
	const struct test *test;
	const char *why;
	size_t i;

	for (i = 0; i < nr; i++) {
		for (test = tables[i]; test->name; test++) {
			if (!wanted(test->name, argc, argv))
				continue;
			why = run_one(test, hooks);
			if (!hooks->nothing_left() &&
			    (!why || why == skipped || why == left_out))
				why = "the test left something behind";
			if (why == left_out) {
				printf("# left out: %s\n", test->name);
				continue;
			}
			n++;
			if (!why) {
				printf("ok %u - %s\n", n, test->name);
			} else if (why == skipped) {
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
