// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are pins accounted? Drivers charge what they pin to the process (VmPin or VmLck), to the
 * user, or not at all. What is charged does not say what for, so that only one comparison
 * is certain: a process that holds more than all of these together holds pins that nobody
 * charged.
 *
 * Pins count if they are long-term, since nothing has to be charged for others, and once
 * they are older than a second, since some drivers charge after they have pinned.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../suite/sys.h"
#include "accounts.h"
#include "sites.h"

bool charged_to(pid_t pid, struct charged *charged)
{
	char path[64], line[128];
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };
	unsigned long long kib;
	bool found = false;
	FILE *file;

	*charged = (struct charged) {};
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmLck: %llu", &kib) == 1)
			charged->locked = kib;
		else if (sscanf(line, "VmPin: %llu", &kib) == 1)
			charged->pinned = kib;
		else
			continue;
		found = true;
	}
	if (file)
		fclose(file);
	prlimit(pid, RLIMIT_MEMLOCK, NULL, &limit);
	charged->limit = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur >> 10;
	return found;
}

const char *limit_text(const struct charged *charged, char *buf, size_t size)
{
	if (charged->limit == UINT64_MAX)
		snprintf(buf, size, "RLIMIT_MEMLOCK is unlimited");
	else
		snprintf(buf, size, "RLIMIT_MEMLOCK is %llu KiB",
			 (unsigned long long)charged->limit);
	return buf;
}

uint64_t uncharged(const struct account *account)
{
	uint64_t charged = account->charged.pinned + account->charged.locked + account->user;

	return account->held > charged ? account->held - charged : 0;
}

/* Pins of a site that are older than the first class of ages, and surely held. */
static uint64_t old_pins(const struct pinscope_site *site)
{
	return site->held_surely > site->ages[0] ? site->held_surely - site->ages[0] : 0;
}

static struct account *find_account(struct accounts *a, pid_t pid)
{
	struct account *more;
	size_t i;

	for (i = 0; i < a->nr; i++)
		if (a->account[i].pid == pid)
			return &a->account[i];
	more = realloc(a->account, (a->nr + 1) * sizeof(*more));
	if (!more)
		return NULL;
	a->account = more;
	more[a->nr] = (struct account) { .pid = pid };
	return &more[a->nr++];
}

/* Adds what a site holds to the account of its process. */
static int add_site(struct accounts *a, const struct pinscope_site *site)
{
	struct account *account = find_account(a, site->pid);

	if (!account)
		return -ENOMEM;
	memcpy(account->comm, site->comm, sizeof(account->comm));
	account->held += old_pins(site) << sys_page_shift() >> 10;
	account->user = site->user_locked << sys_page_shift() >> 10;
	return 0;
}

/* Keeps the moment at which the least was charged for what was held, and of these the most. */
static int keep_worst(struct accounts *worst, const struct account *now)
{
	struct account *account = find_account(worst, now->pid);

	if (!account)
		return -ENOMEM;
	if (uncharged(now) > uncharged(account) ||
	    (uncharged(now) == uncharged(account) && now->held > account->held))
		*account = *now;
	return 0;
}

/* Adds up what each process holds now. */
static int add_sites(struct accounts *now, int fd, bool all)
{
	struct pinscope_site *sites = NULL;
	size_t nr = 0, i;
	int ret = pinscope_holders(fd, 0, 0, &sites, &nr);

	for (i = 0; !ret && i < nr; i++)
		if (sites[i].pid && site_is_longterm(&sites[i]) && old_pins(&sites[i]) &&
		    (all || sites[i].flags & PINSCOPE_SITE_DESCENDANT))
			ret = add_site(now, &sites[i]);
	free(sites);
	return ret;
}

int accounts_look(struct accounts *accounts, int fd, bool all)
{
	struct accounts before = {}, after = {};
	size_t i;
	int ret = add_sites(&before, fd, all);

	for (i = 0; i < before.nr; i++)
		/* What has ended meanwhile, or has no memory, is charged nothing. */
		if (!charged_to(before.account[i].pid, &before.account[i].charged))
			before.account[i].pid = 0;
	if (!ret)
		ret = add_sites(&after, fd, all);
	for (i = 0; !ret && i < before.nr; i++) {
		struct account *now = &before.account[i], *then;

		if (!now->pid)
			continue;
		/* What was released before the charges were read does not count. */
		then = find_account(&after, now->pid);
		if (!then)
			ret = -ENOMEM;
		else if (then->held < now->held)
			now->held = then->held;
		if (!ret && now->held)
			ret = keep_worst(accounts, now);
	}
	free(before.account);
	free(after.account);
	return ret;
}
