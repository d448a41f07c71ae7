/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `pinscope check` measures, apart from how it is printed.
 */
#ifndef PINSCOPE_CHECK_H
#define PINSCOPE_CHECK_H

#include <sys/utsname.h>

#include "../suite/memory.h"
#include "tool.h"

enum check_result {
	RESULT_OK,
	RESULT_STALE,	/* the pin held another page than the process wrote to */
	RESULT_FAIL,	/* could not be pinned */
	RESULT_SKIP,	/* this machine has no such memory at the moment */
	RESULT_ERROR,	/* pinscope contradicts itself */
};

extern const char *const check_result_names[];

/**
 * struct check_cell - one thing that was tried
 * @kind: of memory
 * @writable: how it was mapped
 * @call: how it was pinned
 * @result: what came of it
 * @reason: of a result other than RESULT_OK, for people
 */
struct check_cell {
	const struct kind *kind;
	bool writable;
	unsigned int call;
	enum check_result result;
	char reason[200];
};

enum { CELLS_PER_KIND = 4 };	/* writable or not, pin or pin-fast */

/* What a driver does, and what comes of it; each column yes, no or unknown. */
enum column {
	COLUMN_RELIABLE,
	COLUMN_READONLY,
	COLUMN_SOFT_DIRTY,
	COLUMN_UFFD_WP,
	COLUMN_PTE,
	COLUMN_COPIES,
	COLUMNS
};

enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_SOME,
	ANSWER_FAILS,		/* the pin does, because of it */
	ANSWER_UNKNOWN,
};

extern const char *const answer_names[];
extern const char *const column_keys[COLUMNS];	/* in JSON */

struct pattern {
	uint64_t gup_flags;
	enum answer answers[COLUMNS];
	char notes[COLUMNS][120];	/* what lies behind an answer */
};

enum { PATTERNS = 4 };

/**
 * struct check - all that is measured
 * @fd: from tool_open()
 * @kinds: rows of the first table
 * @nr_kinds: how many
 * @cells: CELLS_PER_KIND for each kind, in its order
 * @patterns: rows of the second table
 * @progress: called before each step with what it is about
 * @uts: the kernel
 */
struct check {
	int fd;
	struct kind *kinds;
	size_t nr_kinds;
	struct check_cell *cells;
	struct pattern patterns[PATTERNS];
	void (*progress)(const char *what);
	struct utsname uts;
};

struct check_totals {
	unsigned int of[RESULT_ERROR + 1];	/* cells with each result */
	unsigned int controls_bad;
};

/**
 * check_cell() - pin, let the process write, look at both sides
 * @check: fd is used
 * @m: opened, not mapped
 * @gup_flags: PINSCOPE_FOLL_*
 * @cell: in: kind, writable, call; out: result and reason
 */
void check_cell(struct check *check, struct memory *m, uint64_t gup_flags,
		struct check_cell *cell);

/**
 * check_patterns() - fill in @check->patterns
 * @check: kinds are there
 */
void check_patterns(struct check *check);

/**
 * check_status() - the exit status
 * @t: the totals
 *
 * Return: EXIT_GOOD: the kernel is reliable; EXIT_BAD: it is not; EXIT_CANNOT.
 */
int check_status(const struct check_totals *t);

/* check_print.c: the tables and the verdict, which is @sentence */
void check_print_text(const struct check *check, const struct check_totals *t,
		      const char *sentence);
void check_print_json(const struct check *check, const struct check_totals *t,
		      const char *sentence);

#endif
