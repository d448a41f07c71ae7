/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The RSS counters of a process.
 */
#ifndef PINSCOPE_RSS_H
#define PINSCOPE_RSS_H

#include <stddef.h>
#include <sys/types.h>

/**
 * rss_check() - compare a process's RSS counters with its page tables, as procfs counts these
 * @fd: from pinscope_open()
 * @pid: of the process, which should not do much meanwhile
 * @why: what does not add up, unless 0 is returned
 * @size: of @why
 *
 * Pages of DAX files must not be mapped: they are in no counter, but procfs of some kernels
 * counts them.
 *
 * Return: 0; -EUCLEAN if they differ; -ENOENT if the kernel has no smaps_rollup.
 */
int rss_check(int fd, pid_t pid, char *why, size_t size);

#endif
