// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gathers what predict() goes by, see predict.h: from procfs, sysfs and INSPECT.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "make.h"
#include "predict.h"
#include "sys.h"

/* In an entry of /proc/PID/pagemap: one process maps the page, once. */
#define PM_MMAP_EXCLUSIVE	(1ULL << 56)

/* 1, 0 or -1, see uffd_async of struct pin_facts. */
static int find_async(const struct process *p, uint64_t feature)
{
	int dir = openat(p->proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *fds = dir < 0 ? NULL : fdopendir(dir);
	int found = -1, fd;
	struct dirent *entry;

	if (!fds && dir >= 0)
		close(dir);
	while (fds && (entry = readdir(fds))) {
		char path[300], text[256], *api;
		unsigned int features;
		ssize_t len;

		len = readlinkat(dir, entry->d_name, text, sizeof(text) - 1);
		if (len < 0)
			continue;
		text[len] = '\0';
		if (!strstr(text, "[userfaultfd]"))
			continue;
		snprintf(path, sizeof(path), "fdinfo/%.200s", entry->d_name);
		fd = openat(p->proc, path, O_RDONLY | O_CLOEXEC);
		len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		text[len < 0 ? 0 : len] = '\0';
		api = strstr(text, "API:");
		if (!api || sscanf(api, "API: %*x:%x", &features) != 1)
			continue;
		/* Of several, the one that waits decides. */
		if (!(features & feature))
			found = 0;
		else if (found < 0)
			found = 1;
	}
	if (fds)
		closedir(fds);
	return found;
}

static bool has_thp_disabled(const struct process *p)
{
	int fd = openat(p->proc, "status", O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[len < 0 ? 0 : len] = '\0';
	return strstr(text, "THP_enabled:\t0");
}

int facts_begin(struct pin_facts *facts, struct process *p, int fd)
{
	int ret;

	*facts = (struct pin_facts) {
		.release = running_kernel(), .page_shift = sys_page_shift(),
		.has_cma = has_cma(), .thp_disabled = has_thp_disabled(p),
	};
	ret = pinscope_info(fd, &facts->info);
	return ret ? process_fails(p, "INFO", ret) : 0;
}

void facts_set_vma(struct pin_facts *facts, const struct process *p, const struct vma *vma)
{
	facts->vma = *vma;
	facts->is_mapped = true;
	facts->pool_free = -1;
	if (vma->backing == VMA_IS_HUGETLB &&
	    !sys_hugetlb_pool(1UL << vma->page_shift, "nr_overcommit_hugepages"))
		facts->pool_free = sys_hugetlb_unreserved(1UL << vma->page_shift);
	facts->uffd_async = 0;
	if (vma->flags & VMA_UFFD_RWP)
		facts->uffd_async = find_async(p, UFFD_FEATURE_RWP_ASYNC);
	else if ((vma->flags & VMA_UFFD_WP) && facts->release >= KERNEL(6, 7))
		facts->uffd_async = find_async(p, UFFD_FEATURE_WP_ASYNC);
}

void facts_set_page(struct pin_facts *facts, const struct process *p, uint64_t addr,
		    const struct pinscope_page *page)
{
	uint64_t entry = 0;
	int fd;

	facts->addr = addr;
	facts->page = (struct pinscope_page) {};
	facts->mapped_by_others = false;
	if (!page)
		return;
	facts->page = *page;
	/* It matters to large folios only, where the mapcount does not tell. */
	if (!page->folio_order)
		return;
	fd = openat(p->proc, "pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (pread(fd, &entry, sizeof(entry), (addr >> facts->page_shift) * sizeof(entry)) ==
	    sizeof(entry))
		facts->mapped_by_others = !(entry & PM_MMAP_EXCLUSIVE);
	close(fd);
}

int facts_gather(struct pin_facts *facts, struct process *p, int fd, uint64_t addr)
{
	const struct pinscope_page *page = NULL;
	struct page_reader *pages;
	struct vma vma;
	int ret = facts_begin(facts, p, fd);

	if (ret)
		return ret;
	ret = vma_lookup(p, addr, true, &vma);
	if (ret == -EFAULT) {
		/* GUP before Linux 6.5 extends a stack. */
		facts->stack_below = vma.flags & VMA_GROWSDOWN;
		facts->addr = addr;
		return 0;
	}
	if (ret)
		return ret;
	facts_set_vma(facts, p, &vma);
	pages = malloc(sizeof(*pages));
	if (!pages)
		return process_fails(p, "malloc", -ENOMEM);
	pages_open(pages, fd, process_target(p), addr, 1ULL << facts->page_shift);
	ret = pages_next(pages, &page);
	if (ret >= 0)
		facts_set_page(facts, p, addr, ret ? page : NULL);
	free(pages);
	return ret < 0 ? process_fails(p, "INSPECT", ret) : 0;
}
