// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is new about a run of a program. By KCOV, where the kernel has it: only the module is
 * instrumented (Kbuild), so all that a thread's system calls do in the module is recorded,
 * and nothing else. An edge is a place of the module's code after another one. Without KCOV
 * an edge is only that a call returned an errno.
 *
 * The bitmaps are shared between threads and processes, and only ever gain bits.
 */
#include <fcntl.h>
#include <linux/kcov.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define KCOV_PATH	PINSCOPE_DEBUGFS "/kcov"
#define SECTIONS	"/sys/module/pinscope/sections/"
#define COVER_SIZE	(1U << 15)	/* words for each thread */

/* Sections of the module's code, which are near each other. */
static const char *const section_names[] = { ".text", ".text.unlikely", ".exit.text" };
static uint64_t section_at[ARRAY_SIZE(section_names)];
static uint64_t code;		/* where the first one begins */

static struct guide *guide;
static bool has_kcov;

static uint64_t read_address(const char *name)
{
	char path[100];
	unsigned long long addr = 0;
	FILE *file;

	snprintf(path, sizeof(path), SECTIONS "%s", name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%llx", &addr) != 1)
		addr = 0;
	fclose(file);
	return addr;
}

bool guide_init(struct guide *shared)
{
	unsigned int i;

	guide = shared;
	code = UINT64_MAX;
	for (i = 0; i < ARRAY_SIZE(section_names); i++) {
		section_at[i] = read_address(section_names[i]);
		if (section_at[i] && section_at[i] < code)
			code = section_at[i];
	}
	has_kcov = !access(KCOV_PATH, R_OK | W_OK);
	return has_kcov;
}

void guide_start(struct runner *t)
{
	int fd;

	t->cover = NULL;
	if (!has_kcov)
		return;
	fd = open(KCOV_PATH, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, (unsigned long)COVER_SIZE)) {
		perror("# " KCOV_PATH);
		return;
	}
	t->cover = mmap(NULL, COVER_SIZE * sizeof(*t->cover), PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
	if (t->cover == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC)) {
		perror("# " KCOV_PATH);
		t->cover = NULL;
	}
	/* The file stays open: when it is closed, recording ends. */
}

/* Sets a bit. Returns whether it was not set before. */
static bool set_bit(uint64_t *bits, uint32_t n)
{
	uint64_t bit = 1ULL << (n % 64);

	return !(__atomic_load_n(&bits[n / 64], __ATOMIC_RELAXED) & bit) &&
	       !(__atomic_fetch_or(&bits[n / 64], bit, __ATOMIC_RELAXED) & bit);
}

static bool test_bit(const uint64_t *bits, uint32_t n)
{
	return bits[n / 64] >> (n % 64) & 1;
}

static void note_edge(uint32_t edge)
{
	unsigned int n;

	if (guide->probing && test_bit(guide->target, edge))
		set_bit(guide->hit, edge);
	if (!set_bit(guide->edges, edge))
		return;
	__atomic_fetch_add(&guide->nr_edges, 1, __ATOMIC_RELAXED);
	n = __atomic_fetch_add(&guide->nr_fresh, 1, __ATOMIC_RELAXED);
	if (n < GUIDE_FRESH)
		guide->fresh[n] = edge;
}

static uint32_t hash(uint64_t a, uint64_t b)
{
	return (a * 0x9e3779b97f4a7c15 ^ b * 0xc2b2ae3d27d4eb4f) >> 40 & (GUIDE_BITS - 1);
}

void guide_begin_call(struct runner *t)
{
	if (t->cover)
		__atomic_store_n(&t->cover[0], 0, __ATOMIC_RELAXED);
}

void guide_end_call(struct runner *t, unsigned int call, long ret)
{
	uint64_t n, i, pc, last = 0;

	note_edge(hash(call + 1, ret < 0 ? ret : 1));
	if (!t->cover)
		return;
	n = __atomic_load_n(&t->cover[0], __ATOMIC_RELAXED);
	for (i = 1; i <= n && i < COVER_SIZE; i++) {
		pc = t->cover[i] - code;
		if (pc < GUIDE_BITS && set_bit(guide->pcs, pc))
			__atomic_fetch_add(&guide->nr_pcs, 1, __ATOMIC_RELAXED);
		note_edge(hash(last, pc));
		last = pc;
	}
	__atomic_store_n(&t->cover[0], 0, __ATOMIC_RELAXED);
}

void guide_probe(const uint32_t *edges, unsigned int nr)
{
	unsigned int i;

	memset(guide->hit, 0, sizeof(guide->hit));
	if (!guide->probing) {
		memset(guide->target, 0, sizeof(guide->target));
		for (i = 0; i < nr; i++)
			set_bit(guide->target, edges[i]);
	}
	guide->probing = true;
}

bool guide_probed(const uint32_t *edges, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr && test_bit(guide->hit, edges[i]); i++)
		;
	return i == nr;
}

void guide_print(FILE *to)
{
	unsigned int pc, i, in;

	for (pc = 0; pc < GUIDE_BITS; pc++) {
		if (!test_bit(guide->pcs, pc))
			continue;
		in = 0;
		for (i = 1; i < ARRAY_SIZE(section_at); i++)
			if (section_at[i] && section_at[i] <= code + pc &&
			    (section_at[i] > section_at[in] || section_at[in] > code + pc))
				in = i;
		fprintf(to, "%s+0x%llx\n", section_names[in],
			(unsigned long long)(code + pc - section_at[in]));
	}
}
