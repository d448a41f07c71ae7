/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makers of kinds of memory: what is done after the kind's struct mapping was
 * mapped, or instead of that. Each returns NULL, or why it is not possible here,
 * which is f->why.
 */
#ifndef PINSCOPE_MAKE_H
#define PINSCOPE_MAKE_H

#include "fixture.h"

/* make_anon.c: THP, mTHP, swap, KSM, stack and heap */
const char *make_stack(struct fixture *f);
const char *make_brk(struct fixture *f);
const char *make_thp_pte_mapped(struct fixture *f);
const char *make_thp_single_pte(struct fixture *f);
const char *make_thp_mremapped(struct fixture *f);
const char *make_thp_half_forked(struct fixture *f);
const char *make_base_pages(struct fixture *f);
const char *make_thp_collapsed(struct fixture *f);
const char *make_mthp(struct fixture *f);
const char *make_mthp_single_pte(struct fixture *f);
const char *make_mthp_mremapped(struct fixture *f);
const char *make_mthp_half_forked(struct fixture *f);
const char *make_mthp_swapped(struct fixture *f);
const char *make_swapped(struct fixture *f);
const char *make_thp_pte_mapped_swapped(struct fixture *f);
const char *make_thp_single_pte_swapped(struct fixture *f);
const char *make_swapcache(struct fixture *f);
const char *make_ksm(struct fixture *f);
const char *make_ksm_single(struct fixture *f);
const char *make_ksm_zeropage(struct fixture *f);

/* make_node.c: what takes NUMA nodes */
const char *make_numa_hint(struct fixture *f);
bool has_numa_hints(const char *dir);
/*
 * NUMA balancing scans the memory under test while the process runs on another node than the
 * page's, and the process reads.
 */
const char *node_scan(struct fixture *f);
/*
 * Moves the page under test to another node. If @f->kernel_fault is set, it is busy though
 * nobody is to have it.
 */
const char *node_move(struct fixture *f);
const char *enter_movable(struct fixture *f);
bool has_movable_node(void);
const char *enter_cma(struct fixture *f);
bool has_cma(void);

/**
 * node_bind() - give the caller a memory policy
 *
 * While NUMA balancing is on, memory with a policy of its own is left alone, and
 * so is memory that falls back to the process's. Only make_numa_hint() asks for
 * hints.
 */
void node_bind(void);

/* make_device.c: what belongs to a device or a driver, and entries with markers */
const char *make_device_private(struct fixture *f);
const char *make_device_exclusive(struct fixture *f);
bool has_device_private(const char *dir);
const char *make_p2pdma(struct fixture *f);
const char *make_p2pdma_readonly(struct fixture *f);
bool has_p2pdma(const char *dir);
bool has_device_private_thp(const char *dir);
/* Returns a file, as long as which is open what was migrated by it may be used; or -errno. */
int device_open(void);
enum device_take {
	DEVICE_MIGRATES,	/* pages to its memory */
	DEVICE_EXCLUDES,	/* everybody else from the pages */
};

/* What can be done with pages of this process is done. Returns 0 or -errno. */
int device_take(int fd, enum device_take how, const char *addr, size_t len);
const char *make_secretmem(struct fixture *f);
const char *make_guard(struct fixture *f);
bool has_guard(const char *dir);
bool has_file_guard(const char *dir);
const char *make_uffd_poison(struct fixture *f);
bool has_uffd_poison(const char *dir);
const char *make_pfnmap(struct fixture *f);
const char *make_mixedmap_pfn(struct fixture *f);
const char *make_mixedmap_page(struct fixture *f);

/* make_file.c: the page cache, and DAX */
const char *make_shared(struct fixture *f);
const char *make_memfd_thp(struct fixture *f);
const char *make_memfd_thp_tail(struct fixture *f);
const char *make_file_rdonly(struct fixture *f);
const char *make_file_thp(struct fixture *f);
const char *make_file_thp_shared(struct fixture *f);
const char *make_file_thp_shared_pte_mapped(struct fixture *f);
const char *make_file_thp_pte_mapped(struct fixture *f);
bool has_file_thp(const char *dir);
const char *make_dax(struct fixture *f);
const char *make_dax_shared(struct fixture *f);
bool has_dax_thp(const char *dir);

/* Do files in a directory use DAX? */
bool is_dax(const char *dir);

/* What a maker waits for at most, in steps of a millisecond. */
#define PATIENCE_MS	5000

#endif
