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
	size_t k, c, r;
	bool exists[nr_requests];

	if (!run->dirs.nr)
		run->dirs = (struct dirs) { { "/var/tmp" }, 1 };
	run->kinds = kinds_expand(run->dirs.dirs, run->dirs.nr, &run->nr_kinds);
	run->conditions = conditions;
	run->nr_conditions = nr_conditions;
	if (run->pairs)
		run->conditions = conditions_sequences(&run->nr_conditions);
	if (!run->kinds || !run->conditions)
		return -ENOMEM;
	/* Memory that is not touched does not count. */
	result = mmap(NULL, (run->nr_kinds * run->nr_conditions * nr_requests + 1) *
		      sizeof(*result), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (result == MAP_FAILED)
		return -ENOMEM;
	run->results = result;
	for (r = 0; r < nr_requests; r++)
		exists[r] = request_exists(&requests[r]);
	for (c = 0; c < run->nr_conditions; c++) {
		if (run->conditions[c].exists && !run->conditions[c].exists())
			continue;
		for (k = 0; k < run->nr_kinds; k++)
			for (r = 0; r < nr_requests; r++) {
				result->scenario = (struct scenario) {
					&run->kinds[k], &run->conditions[c], &requests[r],
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

static void swap_results(struct suite_run *run, size_t a, size_t b)
{
	struct scenario_result swap;

	memcpy(&swap, &run->results[a], sizeof(swap));
	memcpy(&run->results[a], &run->results[b], sizeof(swap));
	memcpy(&run->results[b], &swap, sizeof(swap));
}

void suite_shuffle(struct suite_run *run, unsigned int seed)
{
	size_t i, first = 0;

	srandom(seed);
	for (i = run->nr; i > 1; i--)
		swap_results(run, random() % i, i - 1);
	/* What takes long, and one at a time, would be left in the end. */
	for (i = 0; i < run->nr; i++)
		if (run->results[i].scenario.kind->traits & KIND_GIGANTIC)
			swap_results(run, i, first++);
}

/* Which two of kind, condition and request have met. */
struct met {
	size_t nr_conditions;
	bool *kind_condition;
	bool *kind_request;
	bool *condition_request;
};

/*
 * Kinds of one row that differ in the size of their folios count as one, and so do all of huge
 * pages larger than a PMD's, which take long to be cleared and copied.
 */
static bool count_as_one(const struct kind *a, const struct kind *b)
{
	return a == b || (a->traits & b->traits & KIND_GIGANTIC) ||
	       (a->what == b->what && a->dir == b->dir && !a->hugetlb_shift);
}

/* The three pairs of a scenario. */
static void pairs_of(const struct suite_run *run, const struct met *met, size_t i, bool *pairs[3])
{
	const struct scenario *s = &run->results[i].scenario;
	size_t c = s->condition - run->conditions, r = s->request - requests, k;

	for (k = 0; !count_as_one(&run->kinds[k], s->kind); k++)
		continue;
	pairs[0] = &met->kind_condition[k * met->nr_conditions + c];
	pairs[1] = &met->kind_request[k * nr_requests + r];
	pairs[2] = &met->condition_request[c * nr_requests + r];
}

int suite_cover(struct suite_run *run)
{
	size_t nr_kinds = run->nr_kinds, nr = run->nr_conditions, i, kept = 0;
	struct met met = { .nr_conditions = nr };
	bool *memory, *taken, *pairs[3];
	int want;

	memory = calloc(nr_kinds * nr + nr_kinds * nr_requests + nr * nr_requests + run->nr,
			sizeof(*memory));
	if (!memory)
		return -ENOMEM;
	met.kind_condition = memory;
	met.kind_request = met.kind_condition + nr_kinds * nr;
	met.condition_request = met.kind_request + nr_kinds * nr_requests;
	taken = met.condition_request + nr * nr_requests;
	/* First those with three new pairs: so there are fewer in all. */
	for (want = 3; want; want--)
		for (i = 0; i < run->nr; i++) {
			pairs_of(run, &met, i, pairs);
			if (!*pairs[0] + !*pairs[1] + !*pairs[2] < want)
				continue;
			*pairs[0] = *pairs[1] = *pairs[2] = true;
			taken[i] = true;
		}
	for (i = 0; i < run->nr; i++)
		if (taken[i])
			memmove(&run->results[kept++], &run->results[i],
				sizeof(run->results[i]));
	run->nr = kept;
	free(memory);
	return 0;
}
