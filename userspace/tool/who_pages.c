// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pinned pages that `pinscope who` tells of: of a process, of physical memory, of a
 * file; and the processes that map them.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "who.h"

/* Pages of a file that are mapped at a time. */
#define FILE_PAGES	(1UL << 16)

static bool wanted(const struct who *w, const struct pinscope_page *page)
{
	uint64_t with = w->filter.with | PINSCOPE_STATE_HAS_FOLIO |
			PINSCOPE_STATE_MAYBE_PINNED;

	return (page->state & with) == with;
}

/* Makes room for one more; grows in powers of two. */
static void *one_more(void *array, size_t nr, size_t element)
{
	if (nr & (nr - 1))
		return array;
	return realloc(array, (nr ? 2 * nr : 1) * element);
}

static int add_page(struct who *w, const struct pinscope_page *page)
{
	struct pinscope_page *more;

	if (!wanted(w, page))
		return 0;
	more = one_more(w->pages, w->nr_pages, sizeof(*more));
	if (!more)
		return -ENOMEM;
	w->pages = more;
	w->pages[w->nr_pages++] = *page;
	return 0;
}

static int add_mapping(struct who *w, const struct process *p,
		       const struct pinscope_page *page)
{
	struct place *more = one_more(w->mappings, w->nr_mappings, sizeof(*more));

	if (!more)
		return -ENOMEM;
	w->mappings = more;
	more = &w->mappings[w->nr_mappings++];
	*more = (struct place) {
		.pid = p->pid, .addr = page->addr, .pfn = page->pfn, .pages = page->pages,
	};
	snprintf(more->comm, sizeof(more->comm), "%s", p->command);
	return 0;
}

/* ---------------------------------------------------------------- processes */

struct search {
	struct who *who;
	struct live live;
	bool with_pages;	/* not only the mappings */
};

static int look_at(void *arg, const struct vma *vma, const struct pinscope_page *page)
{
	struct search *s = arg;
	int ret;

	(void)vma;
	if (!wanted(s->who, page))
		return 0;
	ret = add_mapping(s->who, &s->live.process, page);
	if (!ret && s->with_pages)
		ret = add_page(s->who, page);
	return ret;
}

static int by_pfn(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->pfn != y->pfn)
		return x->pfn < y->pfn ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void sort_mappings(struct who *w)
{
	size_t i;

	if (w->nr_mappings)
		qsort(w->mappings, w->nr_mappings, sizeof(*w->mappings), by_pfn);
	for (i = 0; i < w->nr_mappings; i++)
		if (w->mappings[i].pages > w->longest)
			w->longest = w->mappings[i].pages;
}

int who_add_process(struct who *w, const char *pid, const struct range *range)
{
	struct search s = { .who = w, .with_pages = true };
	const struct visitor visitor = { .page = look_at, .arg = &s };
	int status = live_open(&s.live, "who", pid);

	if (status == EXIT_GOOD && live_walk(&s.live, range, false, &visitor))
		status = live_said(&s.live);
	live_close(&s.live);
	sort_mappings(w);
	return status;
}

int who_find_mappings(struct who *w)
{
	struct search s = { .who = w, .live = { .command = "who", .fd = w->fd } };
	const struct visitor visitor = { .page = look_at, .arg = &s };
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int ret = dir ? 0 : -errno;

	while (dir && ret != -ENOMEM && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		/* Kernel threads have no memory; others end meanwhile. */
		if (!process_open(&s.live.process, atoi(entry->d_name)))
			ret = live_walk(&s.live, NULL, false, &visitor);
		process_close(&s.live.process);
	}
	if (dir)
		closedir(dir);
	sort_mappings(w);
	return ret == -ENOMEM ? ret : 0;
}

/* The number of the first mapping that may have the page @pfn. */
static size_t first_mapping(const struct who *w, uint64_t pfn)
{
	size_t low = 0, high = w->nr_mappings, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (w->mappings[mid].pfn + w->longest <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool who_mappings_of(const struct who *w, uint64_t pfn, uint64_t pages, size_t *at,
		     struct place *found)
{
	size_t i = *at ? *at : first_mapping(w, pfn);
	uint64_t begin, end;

	for (; i < w->nr_mappings && w->mappings[i].pfn < pfn + pages; i++) {
		*found = w->mappings[i];
		begin = found->pfn > pfn ? found->pfn : pfn;
		end = found->pfn + found->pages;
		if (end > pfn + pages)
			end = pfn + pages;
		if (begin >= end)
			continue;
		found->addr += (begin - found->pfn) << sys_page_shift();
		found->pfn = begin;
		found->pages = end - begin;
		*at = i + 1;
		return true;
	}
	return false;
}

/* ---------------------------------------------------------- physical memory */

int who_add_physical(struct who *w, uint64_t addr, uint64_t len)
{
	struct page_reader *r = malloc(sizeof(*r));
	const struct pinscope_page *page;
	int ret;

	if (!r)
		return -ENOMEM;
	pages_open(r, w->fd, pinscope_physical(), addr, len);
	while ((ret = pages_next(r, &page)) > 0) {
		ret = add_page(w, page);
		if (ret)
			break;
	}
	free(r);
	return ret;
}

int who_add_memory(struct who *w)
{
	FILE *file = fopen("/proc/iomem", "re");
	uint64_t mask = -(uint64_t)sys_page_size(), begin, end;
	unsigned long long first, last;
	char line[256];
	int ret = file ? 0 : -errno;

	while (!ret && fgets(line, sizeof(line), file)) {
		/* Memory that a driver has added is inside of something else. */
		if (!strstr(line, ": System RAM") ||
		    sscanf(line, "%llx-%llx", &first, &last) != 2 || !last)
			continue;
		begin = (first + ~mask) & mask;
		end = (last + 1) & mask;
		if (begin < end)
			ret = who_add_physical(w, begin, end - begin);
	}
	if (file)
		fclose(file);
	return ret;
}

/* -------------------------------------------------------------------- files */

/* Maps those pages of a part of a file that are in memory, and inspects them. */
static int add_part(struct who *w, int fd, off_t offset, size_t pages)
{
	size_t size = sys_page_size(), len = pages * size, i;
	struct pinscope_page *records = NULL;
	unsigned char *there = malloc(pages);
	volatile char *mem;
	size_t nr = 0;
	int ret;

	if (!there)
		return -ENOMEM;
	mem = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, offset);
	if (mem == MAP_FAILED) {
		free(there);
		return -errno;
	}
	/* No read-ahead: what is not in memory is not pinned. */
	madvise((void *)mem, len, MADV_RANDOM);
	ret = mincore((void *)mem, len, there) ? -errno : 0;
	for (i = 0; !ret && i < pages; i++)
		if (there[i] & 1)
			(void)mem[i * size];
	if (!ret)
		ret = pinscope_inspect(w->fd, pinscope_self(), pinscope_addr((void *)mem),
				       len, &records, &nr);
	for (i = 0; !ret && i < nr; i++)
		ret = add_page(w, &records[i]);
	free(records);
	free(there);
	munmap((void *)mem, len);
	return ret;
}

int who_add_file(struct who *w, const char *path)
{
	size_t size = sys_page_size(), pages, n, done;
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -EINVAL;
	pages = ret ? 0 : (st.st_size + size - 1) / size;
	for (done = 0; !ret && done < pages; done += n) {
		n = pages - done < FILE_PAGES ? pages - done : FILE_PAGES;
		ret = add_part(w, fd, (off_t)(done * size), n);
	}
	close(fd);
	return ret;
}
