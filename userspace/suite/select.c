// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which scenarios a run has, and in which order: see run.h.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rules.h"
#include "run.h"

bool globs_match(const struct globs *globs, const char *name)
{
	int i;

	for (i = 0; i < globs->nr; i++)
		if (!strcmp(globs->globs[i], name) ||
		    !fnmatch(globs->globs[i], name, 0))
			return true;
	return !globs->nr;
}

/* Sets what is wanted of a scenario; returns whether anything is. */
static bool choose(struct scenario_result *result,
		   bool (*wanted)(const struct scenario *scenario, const char *name,
				  const struct globs *globs),
		   const struct globs *globs)
{
	const struct scenario *s = &result->scenario;
	char name[CASE_NAME_MAX];
	size_t len = strlen(scenario_name(s, PROPS, name, sizeof(name)));
	bool any = false;
	int prop;

	/* The names of all test cases: what takes long is done once for each scenario. */
	for (prop = 0; prop < PROPS; prop++) {
		if (!rules_apply(s, prop))
			continue;
		snprintf(name + len, sizeof(name) - len, ":%s", properties[prop].name);
		result->wanted[prop] = wanted(s, name, globs);
		any |= result->wanted[prop];
	}
	return any;
}

static struct erratum *known_hang(const struct scenario *s)
{
	char name[CASE_NAME_MAX];
	struct erratum *e;

	e = errata_find(scenario_name(s, PROP_ERRNO, name, sizeof(name)));
	return e && e->effect == EFFECT_HANG ? e : NULL;
}

int suite_select(struct suite_run *run, const struct pinscope_info *info,
		 bool (*wanted)(const struct scenario *scenario, const char *name,
				const struct globs *globs),
		 const struct globs *globs)
{
	struct scenario_result *result;
	size_t nr_kinds, k, c, r;
	bool exists[nr_requests];

	if (!run->dirs.nr)
		run->dirs = (struct dirs) { { "/var/tmp" }, 1 };
	run->kinds = kinds_expand(run->dirs.dirs, run->dirs.nr, &nr_kinds);
	if (!run->kinds)
		return -ENOMEM;
	/* Memory that is not touched does not count. */
	result = mmap(NULL, (nr_kinds * nr_conditions * nr_requests + 1) *
		      sizeof(*result), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (result == MAP_FAILED)
		return -ENOMEM;
	run->results = result;
	for (r = 0; r < nr_requests; r++)
		exists[r] = request_exists(&requests[r]);
	for (c = 0; c < nr_conditions; c++) {
		if (conditions[c].exists && !conditions[c].exists())
			continue;
		for (k = 0; k < nr_kinds; k++)
			for (r = 0; r < nr_requests; r++) {
				result->scenario = (struct scenario) {
					&run->kinds[k], &conditions[c], &requests[r],
				};
				if (!exists[r] || !rules_exist(&result->scenario, info) ||
				    !choose(result, wanted, globs))
					continue;
				result->hang = known_hang(&result->scenario);
				result++;
			}
	}
	run->nr = result - run->results;
	return 0;
}

void suite_shuffle(struct suite_run *run, unsigned int seed)
{
	struct scenario_result swap;
	size_t i, k;

	srandom(seed);
	for (i = run->nr; i > 1; i--) {
		k = random() % i;
		memcpy(&swap, &run->results[k], sizeof(swap));
		memcpy(&run->results[k], &run->results[i - 1], sizeof(swap));
		memcpy(&run->results[i - 1], &swap, sizeof(swap));
	}
}
