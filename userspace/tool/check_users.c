// SPDX-License-Identifier: GPL-2.0-only
/*
 * The third table of the check: what real users of GUP, which are the suite's pinners
 * but the module, see after the process wrote. Decided by content, and with the module
 * also by identity.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../suite/rules.h"
#include "check.h"

/* Does a part of --by, @len bytes at @part, name a pinner? "vfio" names all vfio-*. */
static bool is_named(const struct pinner *pinner, const char *part, size_t len)
{
	return pinner->name && !strncmp(pinner->name, part, len) &&
	       (!pinner->name[len] || pinner->name[len] == '-');
}

/* Without --by: those that the machine has, and that promise to pin for long. */
static bool is_default(const struct pinner *pinner)
{
	const struct request *request = request_by(pinner);

	return pinner->name && request && (request->gup_flags & PINSCOPE_FOLL_LONGTERM) &&
	       !(pinner->traits & PINNER_SHORT) && !pinner_missing(pinner);
}

static void add(struct check *check, const struct pinner *pinner)
{
	struct user *user;
	size_t i;

	for (i = 0; i < check->nr_users; i++)
		if (check->users[i].pinner == pinner)
			return;
	if (check->nr_users == MAX_USERS)
		return;
	user = &check->users[check->nr_users++];
	*user = (struct user) {
		.pinner = pinner, .request = request_by(pinner),
		.missing = pinner_missing(pinner),
	};
	if (!user->missing && !user->request)
		user->missing = "this kernel does not have it";
	if (!user->missing && (pinner->traits & PINNER_MODULE) && check->fd < 0)
		user->missing = "it needs the module: insmod pinscope.ko";
}

static void no_such_user(const char *part, size_t len)
{
	const char *names[MAX_USERS + 1] = {};
	char name[64];
	size_t i, nr = 0;

	for (i = 0; pinners[i] && nr < MAX_USERS; i++)
		if (pinners[i]->name)
			names[nr++] = pinners[i]->name;
	snprintf(name, sizeof(name), "%.*s", (int)len, part);
	unknown_name("check", "pinner", name, names, "pinscope test --list=pinners");
}

bool check_choose_users(struct check *check, const char *by)
{
	size_t len, i;
	bool found;

	for (i = 0; !by && pinners[i]; i++)
		if (is_default(pinners[i]))
			add(check, pinners[i]);
	while (by && *by) {
		len = strcspn(by, ",");
		for (i = 0, found = false; pinners[i]; i++) {
			if (!is_named(pinners[i], by, len))
				continue;
			add(check, pinners[i]);
			found = true;
		}
		if (!found) {
			no_such_user(by, len);
			return false;
		}
		by += len + (by[len] == ',');
	}
	return true;
}

/* A copy of a gigantic page takes seconds, and tells nothing new. */
bool check_user_sees(const struct user *user, const struct kind *kind)
{
	return !user->missing && !(kind->traits & KIND_GIGANTIC) &&
	       (!user->pinner->takes || user->pinner->takes(kind));
}

/* Does it pin so that each side must see what the other writes later? */
static bool promises(const struct check *check, const struct user *user)
{
	const struct scenario scenario = {
		&check->kinds[0], &conditions[0], user->request,
	};

	return user->request && rules_is_lasting(&scenario);
}

static void try(struct check *check, const struct user *user, struct user_cell *cell)
{
	const struct scenario scenario = { cell->kind, &conditions[0], user->request };
	struct look look;

	scenario_look(&scenario, check->fd, &look);
	cell->error = look.error;
	if (!look.made)
		cell->result = RESULT_SKIP;
	else if (look.error)
		cell->result = RESULT_FAIL;
	else if (look.seen < 0 && check->fd < 0)
		cell->result = RESULT_SKIP;
	else
		cell->result = look.stale ? RESULT_STALE : RESULT_OK;
	if (look.made && !look.error && look.seen < 0 && check->fd < 0)
		snprintf(cell->reason, sizeof(cell->reason),
			 "%s cannot be looked through, so that the module is needed: insmod pinscope.ko",
			 user->pinner->name);
	else
		snprintf(cell->reason, sizeof(cell->reason), "%.150s", look.why);
	if (promises(check, user)) {
		check->stale_users += cell->result == RESULT_STALE;
		check->good_users += cell->result == RESULT_OK;
	}
}

bool check_users(struct check *check)
{
	struct user_cell *cell;
	size_t u, k;

	check->user_cells = calloc(check->nr_users * check->nr_kinds + 1, sizeof(*cell));
	if (!check->user_cells)
		return false;
	for (u = 0; u < check->nr_users; u++)
		for (k = 0; k < check->nr_kinds; k++) {
			cell = &check->user_cells[u * check->nr_kinds + k];
			cell->kind = &check->kinds[k];
			cell->result = RESULT_SKIP;
			check->progress(check->users[u].pinner->name);
			if (check_user_sees(&check->users[u], cell->kind))
				try(check, &check->users[u], cell);
		}
	return true;
}

/* Has a user a cell with that result? With @kind: of this kind. */
static bool has(const struct check *check, size_t u, const struct kind *kind,
		enum check_result result)
{
	const struct user_cell *cell = &check->user_cells[u * check->nr_kinds];
	size_t k;

	for (k = 0; k < check->nr_kinds; k++)
		if (cell[k].result == result && (!kind || cell[k].kind == kind) &&
		    check_user_sees(&check->users[u], cell[k].kind))
			return true;
	return false;
}

static void append(char *list, size_t size, const char *name)
{
	size_t used = strlen(list);

	snprintf(list + used, size - used, "%s%s", used ? ", " : "", name);
}

void check_users_sentence(const struct check *check, char *buf, size_t size)
{
	enum check_result result = check->stale_users ? RESULT_STALE : RESULT_OK;
	char users[200] = "", kinds[300] = "";
	size_t u, k;

	for (u = 0; u < check->nr_users; u++)
		if (promises(check, &check->users[u]) && has(check, u, NULL, result))
			append(users, sizeof(users), check->users[u].pinner->name);
	for (k = 0; k < check->nr_kinds; k++)
		for (u = 0; u < check->nr_users; u++)
			if (promises(check, &check->users[u]) &&
			    has(check, u, &check->kinds[k], RESULT_STALE)) {
				append(kinds, sizeof(kinds), check->kinds[k].name);
				break;
			}
	if (check->stale_users)
		snprintf(buf, size,
			 "Real users of GUP (%s) see STALE data after the process wrote (%s).",
			 users, kinds);
	else if (check->good_users)
		snprintf(buf, size,
			 "Real users of GUP (%s) see what the process wrote, in all %u cases tried.",
			 users, check->good_users);
	else
		snprintf(buf, size,
			 "No real user of GUP that promises to see later writes could be tried.");
}
