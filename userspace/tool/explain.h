/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What pins of a range of a process would do, added up over its pages.
 */
#ifndef PINSCOPE_EXPLAIN_H
#define PINSCOPE_EXPLAIN_H

#include "live.h"

enum { MAX_GROUPS = 24 };

/**
 * struct group - pages to which the same happens, for the same reason
 * @prediction: what
 * @addr: the first of them
 * @pages: how many
 * @kind: of the first
 */
struct group {
	struct prediction prediction;
	uint64_t addr;
	uint64_t pages;
	char kind[KIND_NAME_MAX];
};

/**
 * struct answer_to - what a request would do to a range
 * @request: the request
 * @why: when drivers ask for it
 * @groups: in the order in which they first come up; the last one has what is left
 * @nr: how many
 * @bad: index of the group that the call would end with, or -1
 * @pages: pages in front of that
 */
struct answer_to {
	struct pin_request request;
	const char *why;
	struct group groups[MAX_GROUPS];
	size_t nr;
	int bad;
	uint64_t pages;
};

/**
 * explain_range() - find out what requests would do
 * @l: the process
 * @range: the range
 * @answers: in: @request; out: the rest
 * @nr: how many
 *
 * Return: 0, or a negative errno with process.why.
 */
int explain_range(struct live *l, const struct range *range, struct answer_to *answers,
		  size_t nr);

/* "works", "fails with EFAULT", ... */
const char *verdict_text(const struct answer_to *answer, char *buf, size_t size);

#endif
