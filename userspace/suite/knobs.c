// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings of the machine that kinds of memory need changed, see run.h.
 */
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "run.h"
#include "sys.h"

#define NUMA_DIR	"/sys/kernel/debug/sched/numa_balancing/"
#define KHUGEPAGED	SYS_THP_DIR "khugepaged/scan_sleep_millisecs"
#define KHUGEPAGED_PASS_MS	50
#define PAGES_TO_SCAN	SYS_THP_DIR "khugepaged/pages_to_scan"

static const char *const patterns[] = {
	"/sys/kernel/mm/ksm/run",
	"/sys/kernel/mm/ksm/sleep_millisecs",
	"/sys/kernel/mm/ksm/use_zero_pages",
	KHUGEPAGED,
	PAGES_TO_SCAN,
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

	if (!file || nr_knobs == ARRAY_SIZE(knobs))
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

void knobs_save(void)
{
	size_t i, k;
	glob_t found;

	nr_knobs = 0;
	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		if (glob(patterns[i], 0, NULL, &found))
			continue;
		for (k = 0; k < found.gl_pathc; k++)
			save(found.gl_pathv[k]);
		globfree(&found);
	}
}

void knobs_balance(void)
{
	sys_write_file(NUMA_DIR "scan_delay_ms", "1");
	sys_write_file(NUMA_DIR "scan_period_min_ms", "1");
	sys_write_file(NUMA_DIR "scan_period_max_ms", "1");
	/* The period is limited by how often that fits in a second. */
	sys_write_file(NUMA_DIR "scan_size_mb", "1");
	sys_write_file("/proc/sys/kernel/numa_balancing", "1");
}

void knobs_stop_khugepaged(void)
{
	size_t len = 2 * sys_thp_size();
	void *addr;

	if (!len)
		return;
	/*
	 * The pause begins when khugepaged has looked at a process. While there is none
	 * that it may look at, it waits for one, and then looks at once: give it this
	 * one. The memory stays mapped, and none of it is there to be replaced.
	 */
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr != MAP_FAILED)
		madvise(addr, len, MADV_HUGEPAGE);
	/* Setting the pause wakes khugepaged up for a pass, which must not reach a scenario. */
	sys_write_file(PAGES_TO_SCAN, "1");
	/* In ms; the kernel takes what is above INT_MAX as for ever. */
	sys_write_file(KHUGEPAGED, "4000000000");
	/* On a machine with other work the pass has come as late as to the first scenario. */
	sys_sleep_ms(KHUGEPAGED_PASS_MS);
}

void knobs_restore(void)
{
	size_t i;

	for (i = 0; i < nr_knobs; i++)
		sys_write_file(knobs[i].path, knobs[i].value);
}
