// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings of the machine that kinds of memory need changed, see run.h.
 */
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "run.h"
#include "sys.h"

#define NUMA_DIR	"/sys/kernel/debug/sched/numa_balancing/"
#define KHUGEPAGED	SYS_THP_DIR "khugepaged/scan_sleep_millisecs"
#define KHUGEPAGED_PASS_MS	10000
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

/* The process of khugepaged, or 0. */
static pid_t find_khugepaged(void)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	char path[300], comm[20];
	pid_t pid = 0;
	FILE *file;

	while (dir && !pid && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(comm, sizeof(comm), file) && !strcmp(comm, "khugepaged\n"))
			pid = atoi(entry->d_name);
		fclose(file);
	}
	if (dir)
		closedir(dir);
	return pid;
}

/* Waits until a kernel thread that was woken up sleeps again. */
static void wait_for_sleep(pid_t pid)
{
	long start = sys_now_ms();
	char state;

	do {
		state = sys_process_state(pid);
		if (!state || state == 'S')
			return;
		sys_sleep_ms(2);
	} while (sys_now_ms() - start < KHUGEPAGED_PASS_MS);
}

void knobs_stop_khugepaged(void)
{
	size_t len = 2 * sys_thp_size();
	unsigned int i;
	pid_t pid;
	void *addr;

	if (!len)
		return;
	/* For a pass. One that has begun may look at more. */
	sys_write_file(PAGES_TO_SCAN, "1");
	/*
	 * The pause begins when khugepaged has looked at a process. While there is none
	 * that it may look at, it waits for one, and then looks at once: give it this
	 * one. The memory stays mapped, and none of it is there to be replaced; but memory
	 * without an anon_vma, that nothing was ever in, does not count.
	 */
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr != MAP_FAILED) {
		*(volatile char *)addr = 1;
		madvise(addr, len, MADV_DONTNEED);
		madvise(addr, len, MADV_HUGEPAGE);
	}
	/*
	 * Setting the pause wakes khugepaged up for a pass, which must not reach a scenario: on
	 * a machine with other work it comes late. The second time is for one that had read the
	 * old pause and was about to sleep. In ms; the kernel takes what is above INT_MAX as for
	 * ever.
	 */
	pid = find_khugepaged();
	for (i = 0; i < 2; i++) {
		sys_write_file(KHUGEPAGED, "4000000000");
		if (pid)
			wait_for_sleep(pid);
	}
}

void knobs_restore(void)
{
	size_t i;

	for (i = 0; i < nr_knobs; i++)
		sys_write_file(knobs[i].path, knobs[i].value);
}
