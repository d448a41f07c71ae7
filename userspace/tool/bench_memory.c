// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of pinscope bench: that of the suite's kinds, but longer, and what only
 * a measurement needs.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../suite/run.h"
#include "bench.h"

#define SPLIT_PATH	PINSCOPE_DEBUGFS "/split_huge_pages"

__attribute__((format(printf, 2, 3)))
static const char *fails(struct bench *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(b->why, sizeof(b->why), format, args);
	va_end(args);
	return b->why;
}

static const char *map(struct bench *b, size_t len, size_t align, int advice)
{
	size_t area_len = len + align;
	char *area = mmap(NULL, area_len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return fails(b, "mmap of %zu MiB: %s", area_len >> 20, pinscope_errno(errno));
	b->m.area = area;
	b->m.area_len = area_len;
	b->m.addr = area + (-(uintptr_t)area & (align - 1));
	b->len = len;
	madvise(b->m.addr, len, advice);
	return NULL;
}

static void populate(struct bench *b)
{
	size_t at;

	for (at = 0; at < b->len; at += b->base)
		b->m.addr[at] = 'p';
}

/* What is mapped stays; khugepaged would collapse it. */
static void keep_folios(struct bench *b)
{
	madvise(b->m.addr, b->len, MADV_NOHUGEPAGE);
}

/* Folios of 64 KiB, and no THP instead of them. */
static void choose_mthp(struct bench *b)
{
	char pmd[120];

	snprintf(pmd, sizeof(pmd), SYS_THP_DIR "hugepages-%zukB/enabled", sys_thp_size() >> 10);
	sys_write_file(pmd, "never");
	sys_write_file(SYS_THP_DIR "hugepages-64kB/enabled", "madvise");
	madvise(b->m.addr, b->len, MADV_HUGEPAGE);
}

const char *bench_mthp(struct bench *b)
{
	const size_t size = 64 << 10;
	struct pinscope_page page = {};
	size_t at;

	if (access(SYS_THP_DIR "hugepages-64kB/enabled", W_OK))
		return fails(b, "the kernel has no mTHP of 64 KiB (Linux 6.8)");
	if (map(b, b->made->pages * b->base, size, MADV_NOHUGEPAGE))
		return b->why;
	knobs_save();
	choose_mthp(b);
	populate(b);
	keep_folios(b);
	knobs_restore();
	for (at = 0; at < b->len; at += size)
		if (pinscope_page(b->fd, b->m.addr + at, &page) ||
		    b->base << page.folio_order != size)
			return fails(b, "expected 64 KiB, found order %u: is memory free?",
				     page.folio_order);
	return NULL;
}

/* Split THPs are base pages with consecutive PFNs, whatever memory is free. */
const char *bench_contiguous(struct bench *b)
{
	size_t thp = sys_thp_size();
	struct pinscope_page page;
	char text[80];
	int ret;

	if (!thp)
		return fails(b, "the kernel is built without transparent huge pages");
	if (map(b, b->made->pages * b->base, thp, MADV_HUGEPAGE))
		return b->why;
	populate(b);
	if (pinscope_page(b->fd, b->m.addr, &page) || page.map_shift != __builtin_ctzl(thp))
		return fails(b, "no huge page was given: echo madvise > " SYS_THP_DIR "enabled");
	snprintf(text, sizeof(text), "%d,%p,%p", getpid(), (void *)b->m.addr,
		 (void *)(b->m.addr + b->len));
	keep_folios(b);
	ret = sys_write_file(SPLIT_PATH, text);
	if (ret || pinscope_page(b->fd, b->m.addr, &page) || page.folio_order)
		return fails(b, "cannot split a THP by " SPLIT_PATH ": %s",
			     ret ? pinscope_errno(ret) : "it stays one");
	return NULL;
}

/* Faulted in in a random order, which is the same in each run. */
const char *bench_scattered(struct bench *b)
{
	size_t pages = b->made->pages, i, other;
	uint32_t random = 1;
	uint32_t *order = calloc(pages, sizeof(*order));

	if (!order)
		return fails(b, "out of memory");
	if (map(b, pages * b->base, b->base, MADV_NOHUGEPAGE)) {
		free(order);
		return b->why;
	}
	for (i = 0; i < pages; i++) {
		random = random * 1664525 + 1013904223;
		other = (random >> 8) % (i + 1);
		order[i] = order[other];
		order[other] = i;
	}
	for (i = 0; i < pages; i++)
		b->m.addr[order[i] * b->base] = 'p';
	free(order);
	return NULL;
}

/* A TiB with 100 pages that are far from each other. */
const char *bench_sparse(struct bench *b)
{
	const size_t len = 1UL << 40, pages = 100;
	size_t i;

	if (map(b, len, b->base, MADV_NOHUGEPAGE))
		return b->why;
	for (i = 0; i < pages; i++)
		b->m.addr[len / pages / b->base * b->base * i] = 'p';
	return NULL;
}

const char *bench_cow_shared(struct bench *b)
{
	pid_t parent = getpid();

	b->child = fork();
	if (b->child < 0) {
		b->child = 0;
		return fails(b, "fork: %s", pinscope_errno(errno));
	}
	if (b->child)
		return NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		pause();
	_exit(0);
}

const char *bench_mthp_shared(struct bench *b)
{
	return bench_mthp(b) ? b->why : bench_cow_shared(b);
}

void bench_unmake(struct bench *b)
{
	if (b->child) {
		kill(b->child, SIGKILL);
		waitpid(b->child, NULL, 0);
		b->child = 0;
	}
	if (b->made)
		memory_close(&b->m);
	b->made = NULL;
}

static const char *make_kind(struct bench *b)
{
	const struct kind *kind = kind_find(b->kinds, b->nr_kinds, b->made->kind);

	if (!kind)
		return fails(b, "this machine has no such memory");
	b->kind = *kind;
	if (b->kind.page)
		b->kind.len = b->made->pages * b->base;
	b->len = b->kind.len;
	if (!memory_open(&b->m, &b->kind) || !memory_map(&b->m, b->fd, true))
		return fails(b, "%s", b->m.why);
	return NULL;
}

const char *bench_make(struct bench *b)
{
	const struct bench_memory *memory = b->row->memory;

	if (b->made == memory && !memory->fresh)
		return NULL;
	bench_unmake(b);
	b->made = memory;
	b->m = (struct memory) { .fd = -1 };
	b->kind = (struct kind) { .page = b->base };
	if ((memory->kind && make_kind(b)) || (memory->make && memory->make(b))) {
		bench_unmake(b);
		return b->why;
	}
	return NULL;
}
