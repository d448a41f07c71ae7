// SPDX-License-Identifier: GPL-2.0-only
/*
 * RSS counters of processes, see rss.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/pinscope.h"
#include "rss.h"
#include "sys.h"

/* Pages of a line such as "Anonymous:   12 kB", or -1. */
static long pages_of(const char *text, const char *name)
{
	const char *line = strstr(text, name);
	long kib;

	if (!line || sscanf(line + strlen(name), " %ld", &kib) != 1)
		return -1;
	return kib / (sys_page_size() >> 10);
}

/* What the page tables have, by procfs. */
struct mapped_pages {
	long all, anon, swap;
};

static bool read_mapped_pages(pid_t pid, struct mapped_pages *mapped)
{
	char path[60], text[1500];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[len < 0 ? 0 : len] = '\0';
	*mapped = (struct mapped_pages) {
		pages_of(text, "\nRss:"), pages_of(text, "\nAnonymous:"),
		pages_of(text, "\nSwap:"),
	};
	return mapped->all >= 0 && mapped->anon >= 0 && mapped->swap >= 0;
}

/* procfs also counts what is swapped out of shared memory. */
static bool adds_up(const struct pinscope_rss *rss, const struct mapped_pages *mapped)
{
	return rss->anon == mapped->anon &&
	       rss->file + rss->shmem == mapped->all - mapped->anon &&
	       rss->swap <= mapped->swap;
}

/*
 * Two looks at a running process may differ: looking faults in a page of the program itself,
 * and while somebody waits for the mmap lock, smaps_rollup of 6.1 leaves out a VMA. So look
 * again.
 */
int rss_check(int fd, pid_t pid, char *why, size_t size)
{
	struct mapped_pages mapped = { -1, -1, -1 };
	struct pinscope_rss rss = {};
	bool read = false;
	int tries;

	for (tries = 0; tries < 5; tries++) {
		if (pinscope_rss(fd, pinscope_pid(pid), &rss))
			break;
		read = read_mapped_pages(pid, &mapped);
		if (read && adds_up(&rss, &mapped))
			return 0;
	}
	if (!read) {
		snprintf(why, size,
			 "no smaps_rollup in /proc: the kernel needs CONFIG_PROC_PAGE_MONITOR");
		return -ENOENT;
	}
	snprintf(why, size,
		 "counted %lld anonymous, %lld file and shmem, %lld swapped pages; mapped are %ld, %ld, %ld",
		 (long long)rss.anon, (long long)(rss.file + rss.shmem), (long long)rss.swap,
		 mapped.anon, mapped.all - mapped.anon, mapped.swap);
	return -EUCLEAN;
}
