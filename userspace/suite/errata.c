// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the file `errata`, see errata.h. Only what is about the running kernel and
 * about the suite is kept; scripts/ read the same file for the rest.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "errata.h"

__asm__(".section .rodata\n"
	".global errata_text\n"
	"errata_text:\n"
	"	.incbin \"errata\"\n"
	"	.byte 0\n"
	".previous\n");

struct section {
	struct erratum erratum;
	char *globs;		/* white space between */
	bool applies;		/* to the running kernel */
};

/* The text of the file; the strings of all sections point into it. */
static char *copy;

static struct section *sections;
static size_t nr_sections;

/* "6.1" is 6001; nothing is @none. */
static unsigned int version(const char *text, unsigned int none)
{
	unsigned int major, minor;

	/* %u takes a sign, too: "-6.2" begins with no version. */
	return isdigit((unsigned char)*text) &&
	       sscanf(text, "%u.%u", &major, &minor) == 2 ?
	       major * 1000 + minor : none;
}

static bool in_range(const char *range, const char *release)
{
	unsigned int here = version(release, 0);
	const char *dash = strchr(range, '-');

	return here >= version(range, 0) &&
	       here < version(dash ? dash + 1 : "", 1000000);
}

static bool regex_matches(const char *pattern, const char *text)
{
	regex_t regex;
	bool matches;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	matches = !regexec(&regex, text, 0, NULL, 0);
	regfree(&regex);
	return matches;
}

static void set_key(struct section *s, const char *key, char *value,
		    const char *release)
{
	if (!strcmp(key, "what"))
		s->erratum.what = value;
	else if (!strcmp(key, "kernels"))
		s->applies &= in_range(value, release);
	else if (!strcmp(key, "release"))
		s->applies &= regex_matches(value, release);
	else if (!strcmp(key, "suite"))
		s->globs = value;
	else if (!strcmp(key, "effect"))
		s->erratum.effect = !strcmp(value, "hang") ? EFFECT_HANG :
				    !strcmp(value, "sometimes") ? EFFECT_SOMETIMES :
				    EFFECT_FAIL;
}

/* Joins continuation lines, which begin with white space, to the line before. */
static char *next_line(char **text)
{
	char *line = *text, *end = line;

	if (!*line)
		return NULL;
	for (;;) {
		end = strchr(end, '\n');
		if (!end) {
			*text = line + strlen(line);
			return line;
		}
		if (end[1] != ' ' && end[1] != '\t')
			break;
		*end = ' ';
	}
	*end = '\0';
	*text = end + 1;
	return line;
}

/* What is kept stays until the program ends. */
static void parse(const char *release)
{
	struct section *s = NULL;
	char *text, *line;

	copy = strdup(errata_text);
	if (!copy)
		return;
	text = copy;
	while ((line = next_line(&text))) {
		char *value = strchr(line, '=');
		char *end;

		if (*line == '[') {
			s = realloc(sections, (nr_sections + 1) * sizeof(*s));
			if (!s)
				return;
			sections = s;
			s = &sections[nr_sections++];
			line[strcspn(line, "]")] = '\0';
			*s = (struct section) {
				.erratum = { .id = line + 1, .what = "" },
				.applies = true,
			};
			continue;
		}
		if (!s || *line == '#' || !value)
			continue;
		end = value;
		while (end > line && isspace((unsigned char)end[-1]))
			end--;
		*end = '\0';
		value += 1 + strspn(value + 1, " \t");
		set_key(s, line, value, release);
	}
}

static bool names(const struct section *s, const char *name)
{
	const char *at = s->globs;
	char glob[300];
	size_t len;

	while (at && *(at += strspn(at, " \t"))) {
		len = strcspn(at, " \t");
		snprintf(glob, sizeof(glob), "%.*s", (int)len, at);
		if (!fnmatch(glob, name, FNM_EXTMATCH))
			return true;
		at += len;
	}
	return false;
}

static void parse_once(void)
{
	struct utsname uts;

	if (!copy && !uname(&uts))
		parse(uts.release);
}

struct erratum *errata_find(const char *name)
{
	size_t i;

	parse_once();
	for (i = 0; i < nr_sections; i++)
		if (sections[i].applies && names(&sections[i], name))
			return &sections[i].erratum;
	return NULL;
}

struct erratum *errata_next(struct erratum *last)
{
	size_t i = 0;

	parse_once();
	if (last)
		while (i < nr_sections && &sections[i++].erratum != last)
			;
	for (; i < nr_sections; i++)
		if (sections[i].applies && sections[i].globs)
			return &sections[i].erratum;
	return NULL;
}

bool erratum_is_unexpected_pass(const struct erratum *e)
{
	return e->effect != EFFECT_SOMETIMES && e->passed && !e->failed;
}
