// SPDX-License-Identifier: GPL-2.0-only
/*
 * The formats of `pinscope test`, see report.h.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "tool.h"

/* Bytes for page_text(). */
enum { PAGE_TEXT_MAX = NAMES_MAX + 200 };

/* "PFN 0x1234, 4 KiB mapped, order 0, ...": a page, in one line. */
static const char *page_text(const struct pinscope_page *page, char *buf, size_t size)
{
	char names[NAMES_MAX];

	pinscope_names(pinscope_state_names, page->state, names, sizeof(names));
	if (page->addr)
		snprintf(buf, size,
			 "PFN 0x%llx, %lu KiB mapped, order %u, mapcount %d, refcount %d, pincount %d, %s",
			 page->pfn, (1UL << page->map_shift) >> 10,
			 page->folio_order, page->mapcount, page->refcount,
			 page->pincount, names);
	else
		snprintf(buf, size, "nothing mapped");
	return buf;
}

/* What a person needs to go on with a failure: the page, and the command. */
static void print_details(FILE *out, const char *indent, const struct test_case *c)
{
	const struct observation *seen = &c->result->record.seen;
	char text[PAGE_TEXT_MAX];
	size_t i;

	if (c->verdict != VERDICT_FAIL)
		return;
	fprintf(out, "%sbefore: %s\n", indent,
		page_text(&seen->before, text, sizeof(text)));
	if (seen->pinned)
		fprintf(out, "%safter:  %s\n", indent,
			page_text(&seen->after, text, sizeof(text)));
	fprintf(out, "%sagain:  pinscope test", indent);
	for (i = 0; i < c->run->dirs.nr && c->result->scenario.kind->dir; i++)
		fprintf(out, " --dir '%s'", c->run->dirs.dirs[i]);
	fprintf(out, " '%s'\n", c->name);
}

static bool to_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

static const char *clear_line(void)
{
	return to_terminal() ? "\r\033[K" : "";
}

/* Calls @show for each erratum whose test cases should have failed, and passed. */
static void for_unexpected_passes(const struct summary *s,
				  void (*show)(const struct erratum *erratum, const char *text))
{
	struct erratum *e = NULL;
	char text[200];

	while (s->whole && (e = errata_next(e))) {
		if (!erratum_is_unexpected_pass(e))
			continue;
		snprintf(text, sizeof(text),
			 "expected failures, all %u of its test cases passed: is it mended here? narrow kernels= in errata",
			 e->passed);
		show(e, text);
	}
}

/* The test case of the run as a whole, which is there when it fails. */
static const char run_splat[] = "no-splat-outside-of-scenarios";

/* ------------------------------------------------------------------- text */

static void text_case(const struct test_case *c)
{
	if (c->verdict != VERDICT_FAIL && c->verdict != VERDICT_SKIP)
		return;
	printf("%s%s: %s: %s\n", clear_line(), verdict_names[c->verdict], c->name,
	       c->reason);
	print_details(stdout, "    ", c);
}

static void text_progress(const struct suite_run *run, const struct scenario_result *result)
{
	size_t nr = result - run->results + 1;
	char name[CASE_NAME_MAX];

	if (!to_terminal())
		return;
	printf("%s%zu of %zu: %s", clear_line(), nr, run->nr,
	       scenario_name(&result->scenario, PROPS, name, sizeof(name)));
	fflush(stdout);
}

static void text_unexpected_pass(const struct erratum *e, const char *text)
{
	printf("%sunexpected pass: erratum %s: %s\n", clear_line(), e->id, text);
}

static void text_end(const struct summary *s)
{
	for_unexpected_passes(s, text_unexpected_pass);
	if (*s->splat)
		printf("%s%s: %s: %s\n", clear_line(), verdict_names[VERDICT_FAIL], run_splat,
		       s->splat);
	printf("%s%u passed, %u failed, %u failed as errata says, %u skipped, on Linux %s",
	       clear_line(), s->totals[VERDICT_PASS], s->totals[VERDICT_FAIL],
	       s->totals[VERDICT_XFAIL], s->totals[VERDICT_SKIP], s->release);
	if (s->seed)
		printf(", --shuffle %u", s->seed);
	printf("\n");
}

const struct report report_text = {
	.name = "text", .test_case = text_case, .progress = text_progress,
	.end = text_end,
};

/* ------------------------------------------------------------------- KTAP */

/* Kept until the plan is known, which kunit.py wants to read first. */
static FILE *ktap;
static char *ktap_text;
static size_t ktap_size;
static unsigned int ktap_nr;

static void ktap_begin(void)
{
	ktap_nr = 0;
	ktap = open_memstream(&ktap_text, &ktap_size);
	if (!ktap) {
		perror("pinscope test");
		exit(EXIT_CANNOT);
	}
}

static void ktap_case(const struct test_case *c)
{
	print_details(ktap, "# ", c);
	fprintf(ktap, "%sok %u %s", c->verdict == VERDICT_FAIL ? "not " : "",
		++ktap_nr, c->name);
	if (c->verdict == VERDICT_XFAIL)
		fprintf(ktap, " # XFAIL %s: %s\n", c->erratum->id, c->reason);
	else
		fprintf(ktap, "%s%s\n", c->verdict == VERDICT_SKIP ? " # SKIP " :
			*c->reason ? " # " : "", c->reason);
}

static void ktap_unexpected_pass(const struct erratum *e, const char *text)
{
	fprintf(ktap, "ok %u erratum %s # XPASS %s\n", ++ktap_nr, e->id, text);
}

static void ktap_end(const struct summary *s)
{
	for_unexpected_passes(s, ktap_unexpected_pass);
	if (*s->splat)
		fprintf(ktap, "not ok %u %s # %s\n", ++ktap_nr, run_splat, s->splat);
	fclose(ktap);
	printf("KTAP version 1\n");
	if (s->seed)
		printf("# --shuffle %u\n", s->seed);
	printf("1..%u\n%s", ktap_nr, ktap_text);
	free(ktap_text);
}

const struct report report_ktap = {
	.name = "ktap", .begin = ktap_begin, .test_case = ktap_case, .end = ktap_end,
};

/* ------------------------------------------------------------------- JSON */

static json_t *json_cases, *json_passes;

static void json_begin(void)
{
	json_cases = json_array();
	json_passes = json_array();
}

static void json_case(const struct test_case *c)
{
	const struct observation *seen = &c->result->record.seen;
	char text[PAGE_TEXT_MAX];
	json_t *json = json_pack("{s:s, s:s, s:s}", "name", c->name, "verdict",
				 verdict_names[c->verdict], "reason", c->reason);

	if (c->erratum)
		json_object_set_new(json, "erratum", json_string(c->erratum->id));
	if (c->verdict == VERDICT_FAIL || c->verdict == VERDICT_XFAIL) {
		page_text(&seen->before, text, sizeof(text));
		json_object_set_new(json, "before", json_string(text));
		page_text(&seen->after, text, sizeof(text));
		json_object_set_new(json, "after", json_string(text));
	}
	json_array_append_new(json_cases, json);
}

static void json_unexpected_pass(const struct erratum *e, const char *text)
{
	(void)text;
	json_array_append_new(json_passes, json_string(e->id));
}

static void json_end(const struct summary *s)
{
	json_t *root;

	for_unexpected_passes(s, json_unexpected_pass);
	if (*s->splat)
		json_array_append_new(json_cases,
				      json_pack("{s:s, s:s, s:s}", "name", run_splat, "verdict",
						verdict_names[VERDICT_FAIL], "reason", s->splat));
	root = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:o, s:o}", "kernel", s->release,
			 "pass", s->totals[VERDICT_PASS], "fail", s->totals[VERDICT_FAIL],
			 "xfail", s->totals[VERDICT_XFAIL], "skip",
			 s->totals[VERDICT_SKIP], "seed", s->seed,
			 "unexpected_passes", json_passes, "cases", json_cases);
	json_dumpf(root, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(root);
}

const struct report report_json = {
	.name = "json", .begin = json_begin, .test_case = json_case, .end = json_end,
};

/* ------------------------------------------------------------------ JUnit */

static void print_xml(const char *text)
{
	static const struct {
		char c;
		const char *entity;
	} entities[] = {
		{ '<', "&lt;" }, { '>', "&gt;" }, { '&', "&amp;" }, { '"', "&quot;" },
	};
	size_t i;

	for (; *text; text++) {
		for (i = 0; i < ARRAY_SIZE(entities); i++)
			if (*text == entities[i].c)
				break;
		if (i < ARRAY_SIZE(entities))
			fputs(entities[i].entity, stdout);
		else
			putchar(*text);
	}
}

static void junit_line(const char *name, const char *element, const char *message)
{
	fputs("  <testcase classname=\"pinscope\" name=\"", stdout);
	print_xml(name);
	if (!element) {
		fputs("\"/>\n", stdout);
		return;
	}
	printf("\"><%s message=\"", element);
	print_xml(message);
	fputs("\"/></testcase>\n", stdout);
}

static void junit_begin(void)
{
	printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	       "<testsuite name=\"pinscope\">\n");
}

static void junit_case(const struct test_case *c)
{
	junit_line(c->name, c->verdict == VERDICT_PASS ? NULL :
		   c->verdict == VERDICT_FAIL ? "failure" : "skipped", c->reason);
}

static void junit_unexpected_pass(const struct erratum *e, const char *text)
{
	char name[100];

	snprintf(name, sizeof(name), "erratum %s: unexpected pass", e->id);
	junit_line(name, "skipped", text);
}

static void junit_end(const struct summary *s)
{
	for_unexpected_passes(s, junit_unexpected_pass);
	if (*s->splat)
		junit_line(run_splat, "failure", s->splat);
	printf("</testsuite>\n");
}

const struct report report_junit = {
	.name = "junit", .begin = junit_begin, .test_case = junit_case, .end = junit_end,
};
