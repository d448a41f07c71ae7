/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of `pinscope who` share: the pinned pages that it has found, who maps
 * them, and which processes may hold them.
 */
#ifndef PINSCOPE_WHO_H
#define PINSCOPE_WHO_H

#include "live.h"
#include "sites.h"

/**
 * struct who - what `who` looks for, and what it has found
 * @fd: of ctl
 * @info: INFO
 * @filter: page states that the pages must have
 * @pages: records of INSPECT whose folio may be pinned, in the order they were found
 * @nr_pages: how many
 * @mappings: who maps pinned pages, sorted by PFN
 * @nr_mappings: how many
 * @longest: pages of the longest mapping
 * @tracked: tracking has recorded something
 */
struct who {
	int fd;
	struct pinscope_info info;
	struct filter filter;
	struct pinscope_page *pages;
	size_t nr_pages;
	struct place *mappings;
	size_t nr_mappings;
	uint64_t longest;
	bool tracked;
};

/**
 * struct place - consecutive pinned pages in a process
 * @pid: the process
 * @comm: its name
 * @addr: of the first page there
 * @pfn: of the first page
 * @pages: how many
 */
struct place {
	pid_t pid;
	char comm[32];
	uint64_t addr, pfn, pages;
};

/* -------------------------------------------------------------- who_pages.c */

/**
 * who_add_process() - find the pinned pages that a process maps
 * @w: gets them, and their mappings
 * @pid: the process id, as the user gave it
 * @range: the range; NULL: all of it
 *
 * Return: the exit status, after it said on stderr what is wrong.
 */
int who_add_process(struct who *w, const char *pid, const struct range *range);

/**
 * who_add_physical() - find pinned pages of physical memory
 * @w: gets them
 * @addr: first physical address
 * @len: bytes
 *
 * Return: 0, or a negative errno.
 */
int who_add_physical(struct who *w, uint64_t addr, uint64_t len);

/**
 * who_add_memory() - find the pinned pages of all memory
 * @w: gets them
 *
 * Return: 0, or a negative errno.
 */
int who_add_memory(struct who *w);

/**
 * who_add_file() - find the pinned pages of a file that are in the page cache
 * @w: gets them
 * @path: the file
 *
 * Return: 0, or a negative errno.
 */
int who_add_file(struct who *w, const char *path);

/**
 * who_find_mappings() - find the processes that map pinned pages
 * @w: gets the mappings of all processes that the caller may look at
 *
 * Return: 0, or a negative errno.
 */
int who_find_mappings(struct who *w);

/**
 * who_mappings_of() - look up who maps a run of pages
 * @w: with all mappings
 * @pfn: of the first page
 * @pages: how many
 * @at: in: 0 for the first; out: for the next call
 * @found: out: the part of the run that a process maps
 *
 * Return: whether there is one.
 */
bool who_mappings_of(const struct who *w, uint64_t pfn, uint64_t pages, size_t *at,
		     struct place *found);

/* --------------------------------------------------------- who_candidates.c */

/**
 * who_candidates() - say what a process has that can pin its pages
 * @pid: the process
 * @tell: is called for each thing with a sentence
 * @arg: for @tell
 */
void who_candidates(pid_t pid, void (*tell)(void *arg, const char *what), void *arg);

/* --------------------------------------------------------------- who_rdma.c */

/* Likewise: the memory regions that a process has of RDMA devices, a sentence a device. */
void who_rdma(pid_t pid, void (*tell)(void *arg, const char *what), void *arg);

#endif
