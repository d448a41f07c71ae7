// SPDX-License-Identifier: GPL-2.0-only
/*
 * One cell of the check: is the page that a pin holds still the page that the
 * process sees, after the process wrote? Decided twice, by identity and by
 * content; the two must agree.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

const char *const check_result_names[] = {
	[RESULT_OK] = "ok",
	[RESULT_STALE] = "stale",
	[RESULT_FAIL] = "fail",
	[RESULT_SKIP] = "skip",
	[RESULT_ERROR] = "error",
};

static void result(struct check_cell *cell, enum check_result result, const char *what,
		   const char *why)
{
	cell->result = result;
	snprintf(cell->reason, sizeof(cell->reason), "%s%s", what, why);
}

/* Writes at both ends and in the middle, then compares what is seen there. */
static void look(struct check *check, struct memory *m, uint32_t id,
		 struct check_cell *cell)
{
	size_t base = sysconf(_SC_PAGESIZE), len = m->kind->len;
	const size_t at[] = { 0, len / 2 & -base, len - base };
	struct pinscope_compare cmp = {};
	char seen[base];
	size_t stale = 0, i;
	bool identical;
	int ret;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		if (!memory_write(m, at[i], 'w')) {
			result(cell, RESULT_ERROR, "cannot write: ", m->why);
			return;
		}
	}
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		ret = pinscope_read(check->fd, id, at[i], seen, base);
		if (ret) {
			result(cell, RESULT_ERROR, "READ: ", pinscope_errno(ret));
			return;
		}
		if (memcmp(seen, m->addr + at[i], base))
			stale++;
	}
	ret = pinscope_compare(check->fd, id, pinscope_self(), pinscope_addr(m->addr), &cmp);
	if (ret) {
		result(cell, RESULT_ERROR, "COMPARE: ", pinscope_errno(ret));
		return;
	}
	identical = cmp.same == cmp.pages;
	if (identical != !stale) {
		cell->result = RESULT_ERROR;
		snprintf(cell->reason, sizeof(cell->reason),
			 "pinscope is at fault: %llu of %llu pinned pages are mapped, but %zu of %zu have another content",
			 cmp.same, cmp.pages, stale, sizeof(at) / sizeof(at[0]));
		return;
	}
	if (stale) {
		cell->result = RESULT_STALE;
		snprintf(cell->reason, sizeof(cell->reason),
			 "%llu of %llu pinned pages are no longer mapped, and do not have what the process wrote",
			 cmp.pages - cmp.same, cmp.pages);
		return;
	}
	cell->result = RESULT_OK;
}

void check_cell(struct check *check, struct memory *m, uint64_t gup_flags,
		struct check_cell *cell)
{
	uint32_t id;
	int ret;

	cell->reason[0] = '\0';
	if (!memory_map(m, check->fd, cell->writable)) {
		result(cell, RESULT_SKIP, "", m->why);
		goto unmap;
	}
	ret = pinscope_pin(check->fd, cell->call, gup_flags, m->addr, m->kind->len, &id);
	if (ret == -ENOMEM) {
		/* The module's limit, most likely: nothing that the kernel did. */
		result(cell, RESULT_SKIP, "PIN: ENOMEM: let more be pinned with ",
		       "/sys/module/pinscope/parameters/max_pages");
		goto unmap;
	}
	if (ret) {
		result(cell, RESULT_FAIL, "PIN: ", pinscope_errno(ret));
		goto unmap;
	}
	look(check, m, id, cell);
	ret = pinscope_unpin(check->fd, id);
	if (ret)
		result(cell, RESULT_ERROR, "UNPIN: ", pinscope_errno(ret));
unmap:
	memory_unmap(m);
}
