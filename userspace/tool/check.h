/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `pinscope check` measures, apart from how it is printed.
 */
#ifndef PINSCOPE_CHECK_H
#define PINSCOPE_CHECK_H

#include "memory.h"
#include "tool.h"

enum result {
	RESULT_OK,
	RESULT_STALE,	/* the pin held another page than the process wrote to */
	RESULT_FAIL,	/* could not be pinned */
	RESULT_SKIP,	/* this machine has no such memory at the moment */
	RESULT_ERROR,	/* pinscope contradicts itself */
};

extern const char *const result_names[];

/**
 * struct cell - one thing that was tried
 * @kind: of memory
 * @writable: how it was mapped
 * @call: how it was pinned
 * @result: what came of it
 * @reason: of a result other than RESULT_OK, for people
 */
struct cell {
	const struct kind *kind;
	bool writable;
	unsigned int call;
	enum result result;
	char reason[200];
};

enum { CELLS_PER_KIND = 4 };	/* writable or not, slow or fast */

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
 * @dir: directory for disk files
 * @kinds: rows of the first table
 * @nr_kinds: how many
 * @cells: CELLS_PER_KIND for each kind, in its order
 * @patterns: rows of the second table
 * @progress: called before each step with what it is about
 */
struct check {
	int fd;
	const char *dir;
	struct kind *kinds;
	size_t nr_kinds;
	struct cell *cells;
	struct pattern patterns[PATTERNS];
	void (*progress)(const char *what);
};

/**
 * check_cell() - pin, let the process write, look at both sides
 * @check: fd is used
 * @m: opened, not mapped
 * @gup_flags: PINSCOPE_FOLL_*
 * @cell: in: kind, writable, way; out: result and reason
 */
void check_cell(struct check *check, struct memory *m, uint64_t gup_flags,
		struct cell *cell);

/**
 * check_patterns() - fill in @check->patterns
 * @check: kinds are there
 */
void check_patterns(struct check *check);

#endif
