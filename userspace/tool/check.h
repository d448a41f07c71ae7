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

/* More than the suite has pinners. */
enum { MAX_USERS = 48 };

/**
 * struct user - a real user of GUP: a column of the third table
 * @pinner: of the suite; not the module
 * @request: what it comes to on this kernel, or NULL
 * @missing: why it could not be tried, or NULL
 */
struct user {
	const struct pinner *pinner;
	const struct request *request;
	const char *missing;
};

/**
 * struct user_cell - what a user of GUP sees after the process wrote
 * @kind: of memory
 * @result: RESULT_OK, RESULT_STALE, RESULT_FAIL: it refused, or RESULT_SKIP
 * @error: errno of RESULT_FAIL
 * @reason: of a result other than RESULT_OK, for people
 */
struct user_cell {
	const struct kind *kind;
	enum check_result result;
	int error;
	char reason[200];
};

/**
 * struct check - all that is measured
 * @fd: from tool_open(); -1: without the module there is only the third table
 * @kinds: rows of the first table
 * @nr_kinds: how many
 * @cells: CELLS_PER_KIND for each kind, in its order
 * @patterns: rows of the second table
 * @users: columns of the third table
 * @nr_users: how many
 * @user_cells: @nr_kinds for each user, in its order
 * @good_users: how many of them are RESULT_OK
 * @stale_users: how many are RESULT_STALE where the user promises better
 * @progress: called before each step with what it is about
 * @uts: the kernel
 */
struct check {
	int fd;
	struct kind *kinds;
	size_t nr_kinds;
	struct check_cell *cells;
	struct pattern patterns[PATTERNS];
	struct user users[MAX_USERS];
	size_t nr_users;
	struct user_cell *user_cells;
	unsigned int good_users, stale_users;
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
 * check_choose_users() - fill in @check->users
 * @check: fd is there
 * @by: names of pinners with commas between; NULL: those that this machine has
 *
 * Return: false: a name is none, which was said on stderr.
 */
bool check_choose_users(struct check *check, const char *by);

/**
 * check_users() - fill in @check->user_cells, and count
 * @check: kinds and users are there
 *
 * Return: false without memory.
 */
bool check_users(struct check *check);

/**
 * check_user_sees() - is a cell of the third table tried at all?
 * @user: the column
 * @kind: the row
 *
 * Return: whether it is.
 */
bool check_user_sees(const struct user *user, const struct kind *kind);

/**
 * check_users_sentence() - what the third table says, as a sentence
 * @check: after check_users()
 * @buf: gets it
 * @size: bytes in @buf
 */
void check_users_sentence(const struct check *check, char *buf, size_t size);

/**
 * check_status() - the exit status
 * @check: all that was measured
 * @t: the totals
 *
 * Return: EXIT_GOOD: the kernel is reliable; EXIT_BAD: it is not; EXIT_CANNOT.
 */
int check_status(const struct check *check, const struct check_totals *t);

/* check_print.c: the tables and the verdict, which is @sentence */
void check_print_text(const struct check *check, const struct check_totals *t,
		      const char *sentence);
void check_print_json(const struct check *check, const struct check_totals *t,
		      const char *sentence);

#endif
