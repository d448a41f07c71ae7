// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kinds of memory change of the machine, and what it was before.
 */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "suite_run.h"

#define NUMA_DIR	"/sys/kernel/debug/sched/numa_balancing/"

static const char *const patterns[] = {
	"/sys/kernel/mm/ksm/run",
	"/sys/kernel/mm/ksm/sleep_millisecs",
	"/sys/kernel/mm/ksm/use_zero_pages",
	"/sys/kernel/mm/transparent_hugepage/shmem_enabled",
	"/sys/kernel/mm/transparent_hugepage/hugepages-*kB/enabled",
	"/proc/sys/kernel/numa_balancing",
	NUMA_DIR "*",
};

static struct {
	char path[100];
	char value[40];
} knobs[40];

static size_t nr_knobs;

static void save(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[100] = "", *chosen;

	if (!file || nr_knobs == sizeof(knobs) / sizeof(knobs[0]))
		goto out;
	if (!fgets(line, sizeof(line), file))
		goto out;
	/* "always [madvise] never" */
	chosen = strchr(line, '[');
	chosen = chosen ? chosen + 1 : line;
	chosen[strcspn(chosen, "]\n")] = '\0';
	snprintf(knobs[nr_knobs].path, sizeof(knobs[0].path), "%s", path);
	snprintf(knobs[nr_knobs].value, sizeof(knobs[0].value), "%.39s", chosen);
	nr_knobs++;
out:
	if (file)
		fclose(file);
}

/**
 * knobs_save() - remember what kinds may change
 */
void knobs_save(void)
{
	size_t i, k;
	glob_t found;

	nr_knobs = 0;
	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (glob(patterns[i], 0, NULL, &found))
			continue;
		for (k = 0; k < found.gl_pathc; k++)
			save(found.gl_pathv[k]);
		globfree(&found);
	}
}

static void set(const char *path, const char *value)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return;
	fputs(value, file);
	fclose(file);
}

/**
 * knobs_balance() - let NUMA balancing give hints at once
 */
void knobs_balance(void)
{
	set(NUMA_DIR "scan_delay_ms", "1");
	set(NUMA_DIR "scan_period_min_ms", "1");
	set(NUMA_DIR "scan_period_max_ms", "1");
	/* By how often that fits in a second the period is limited. */
	set(NUMA_DIR "scan_size_mb", "1");
	set("/proc/sys/kernel/numa_balancing", "1");
}

/**
 * knobs_restore() - undo what kinds have changed
 */
void knobs_restore(void)
{
	size_t i;

	for (i = 0; i < nr_knobs; i++)
		set(knobs[i].path, knobs[i].value);
}
