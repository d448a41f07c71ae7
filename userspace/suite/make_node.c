// SPDX-License-Identifier: GPL-2.0-only
/*
 * What takes NUMA nodes: memory that waits for a hinting fault, and memory that
 * must be free to be taken away, which no pin may keep for long.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "make.h"
#include "sys.h"

#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING	(1 << 13)
#endif

#define NODE_DIR	"/sys/devices/system/node/"

/* Nodes of a list such as "0-1,4", as bits, as many as there is room for. */
static unsigned long nodes_in(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned int first, last;
	unsigned long nodes = 0;
	char sep;

	while (file && fscanf(file, "%u", &first) == 1) {
		last = first;
		if (fscanf(file, "%c", &sep) == 1 && sep == '-' &&
		    fscanf(file, "%u%c", &last, &sep) < 1)
			break;
		for (; first <= last && first < 8 * sizeof(nodes); first++)
			nodes |= 1UL << first;
		if (sep != ',')
			break;
	}
	if (file)
		fclose(file);
	return nodes;
}

static unsigned long normal_nodes(void)
{
	return nodes_in(NODE_DIR "has_normal_memory");
}

/* Asked for often. */
static unsigned long movable_nodes(void)
{
	static unsigned long nodes;
	static bool known;

	if (!known)
		nodes = nodes_in(NODE_DIR "has_memory") & ~normal_nodes();
	known = true;
	return nodes;
}

/* Returns the node where the page then is, or a negative errno. */
static int move_once(void *addr, int node)
{
	int status = -ENODEV;
	long ret = syscall(SYS_move_pages, 0, 1UL, &addr, &node, &status, MPOL_MF_MOVE_ALL);

	if (ret)	/* above 0 it is a number of pages */
		return ret < 0 ? -errno : -EBUSY;
	return status;
}

/*
 * Moves the page under test to one of @nodes. mm takes all pages from the LRU batches
 * first, and tries ten times: what stays busy has a reference too many, or migration does
 * not work.
 */
static const char *move_to(struct fixture *f, unsigned long nodes)
{
	int node, tries, status = -ENODEV;

	f->kernel_fault = false;
	for (node = 0; nodes; node++, nodes >>= 1) {
		for (tries = 3; nodes & 1 && tries; tries--) {
			status = move_once(f->addr, node);
			if (status == node)
				return NULL;
			/* Compaction for somebody's THP may have just taken the page. */
			sys_sleep_ms(20);
		}
	}
	f->kernel_fault = status == -EBUSY;
	return fixture_fails(f, "expected that it can be moved to another node, found %s",
			     pinscope_errno(status));
}

const char *node_move(struct fixture *f)
{
	unsigned long nodes = normal_nodes();
	void *addr = f->addr;
	int here = 0;

	f->kernel_fault = false;
	if (!(nodes & (nodes - 1)))
		return fixture_fails(f, "one NUMA node: boot with numa=fake=2");
	syscall(SYS_move_pages, 0, 1UL, &addr, NULL, &here, 0);
	return move_to(f, here < 0 ? nodes : nodes & ~(1UL << here));
}

bool has_movable_node(void)
{
	return movable_nodes();
}

const char *enter_movable(struct fixture *f)
{
	if (move_to(f, movable_nodes()))
		return f->why;
	if (fixture_page(f).state & PINSCOPE_STATE_ZONE_MOVABLE)
		return NULL;
	return fixture_fails(f, "it is on a movable node, but not in ZONE_MOVABLE");
}

/* Asked for often. */
bool has_cma(void)
{
	static int has = -1;
	char line[100];
	FILE *file;
	long kib;

	if (has >= 0)
		return has;
	has = 0;
	file = fopen("/proc/meminfo", "re");
	while (file && fgets(line, sizeof(line), file))
		has |= sscanf(line, "CmaTotal: %ld", &kib) == 1 && kib > 0;
	if (file)
		fclose(file);
	return has;
}

/* Where more of what is free is in CMA than not, what can be moved goes there. */
const char *enter_cma(struct fixture *f)
{
	unsigned long nodes = normal_nodes(), node;

	for (node = 1; node && node <= nodes; node <<= 1)
		if ((nodes & node) && !move_to(f, node) &&
		    (fixture_page(f).state & PINSCOPE_STATE_CMA))
			return NULL;
	if (f->kernel_fault)
		return f->why;
	return fixture_fails(f, "not moved to CMA, of which another node needs more: cma= at boot");
}

bool has_numa_hints(const char *dir)
{
	unsigned long nodes = normal_nodes();

	(void)dir;
	return (nodes & (nodes - 1)) &&
	       !access("/proc/sys/kernel/numa_balancing", W_OK);
}

/*
 * While the machine balances, what has a policy of its own is left alone, and so
 * is what falls back to that of the process.
 */
void node_bind(void)
{
	unsigned long nodes = nodes_in(NODE_DIR "has_memory");

	syscall(SYS_set_mempolicy, MPOL_BIND, &nodes, 8 * sizeof(nodes));
}

static bool has_hint(struct fixture *f)
{
	return fixture_page(f).state & PINSCOPE_STATE_NUMA_HINT;
}

/* How often the scanner has come to the end of this process's memory; -1 if unknown. */
static long scans_done(void)
{
	FILE *file = fopen("/proc/self/sched", "re");
	char line[100];
	long nr = -1;

	while (file && nr < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "mm->numa_scan_seq : %ld", &nr);
	if (file)
		fclose(file);
	return nr;
}

/*
 * The first visit to a VMA may only note that it is there (Linux 6.4), and a pass may have
 * begun behind the page.
 */
static bool is_scanned(struct fixture *f)
{
	return scans_done() >= f->scans + 3;
}

/*
 * The scanner runs when a task that uses its processor is interrupted, and not
 * before the task has run for some time, however long others are in its way.
 */
static bool spin_until(bool (*is_so)(struct fixture *f), struct fixture *f)
{
	struct timespec begin, now;
	unsigned int spins;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	do {
		for (spins = 0; spins < 100000; spins++)
			__asm__ volatile("" : : "r"(f));
		if (is_so(f))
			return true;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (now.tv_sec - begin.tv_sec < 5);
	return false;
}

/* Only what has such a policy gets hints. */
static const char *ask_for_hints(struct fixture *f)
{
	unsigned long nodes = normal_nodes();

	if (!syscall(SYS_mbind, f->addr, f->len, MPOL_BIND | MPOL_F_NUMA_BALANCING, &nodes,
		     8 * sizeof(nodes), 0))
		return NULL;
	return fixture_fails(f, "mbind: %s", pinscope_errno(errno));
}

/*
 * Only what is on another node than who uses it gets hints, so that the process stays
 * where it is.
 */
static const char *wait_for_hints(struct fixture *f, unsigned int here)
{
	unsigned long nodes = normal_nodes();

	if (here >= 8 * sizeof(nodes) || move_to(f, nodes & ~(1UL << here)))
		return f->why;
	/* From here on: what has hints already is not moved by some kernels. */
	if (ask_for_hints(f))
		return f->why;
	return spin_until(has_hint, f) ? NULL : fixture_fails(f, "it gets no NUMA hints");
}

const char *make_numa_hint(struct fixture *f)
{
	unsigned int cpu = 0, here = 0;
	cpu_set_t before, one;
	const char *why;

	CPU_ZERO(&one);
	sched_getaffinity(0, sizeof(before), &before);
	getcpu(&cpu, &here);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	why = wait_for_hints(f, here);
	sched_setaffinity(0, sizeof(before), &before);
	return why;
}

/* Makes the process run on another node than the page is on. */
static bool go_away_from(void *addr)
{
	long cpu, nr = sysconf(_SC_NPROCESSORS_CONF);
	unsigned int here = 0;
	int status = -1;
	cpu_set_t one;

	syscall(SYS_move_pages, 0, 1UL, &addr, NULL, &status, 0);
	for (cpu = 0; status >= 0 && cpu < nr && cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!sched_setaffinity(0, sizeof(one), &one) && !getcpu(NULL, &here) &&
		    here != (unsigned int)status)
			return true;
	}
	return false;
}

/* Scans the page, and has it faulted in: twice, since mm migrates at the second fault. */
static const char *scan_and_fault(struct fixture *f)
{
	unsigned int i;

	if (ask_for_hints(f))
		return f->why;
	for (i = 0; i < 2; i++) {
		f->scans = scans_done();
		if (!spin_until(is_scanned, f))
			return fixture_fails(f, "NUMA balancing does not scan it");
		(void)*(volatile char *)f->addr;
	}
	return NULL;
}

const char *node_scan(struct fixture *f)
{
	cpu_set_t before;
	const char *why;

	sched_getaffinity(0, sizeof(before), &before);
	if (!has_numa_hints("") || scans_done() < 0 || !go_away_from(f->addr))
		why = fixture_fails(f, "no NUMA balancing: boot with numa=fake=2");
	else
		why = scan_and_fault(f);
	sched_setaffinity(0, sizeof(before), &before);
	syscall(SYS_mbind, f->addr, f->len, MPOL_DEFAULT, NULL, 0UL, 0);
	return why;
}
