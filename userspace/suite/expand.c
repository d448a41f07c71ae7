// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the table of kinds to the kinds of this machine: one for each size, and for
 * files one for each directory.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "make.h"
#include "suite.h"
#include "sys.h"

/* Sizes of hugetlb pages, or orders of folios, that there could be. */
#define MAX_SIZES	16

/* A copy of more takes seconds, and the machine may have only two such pages. */
#define GIGANTIC	(64UL << 20)

/* The sizes that a directory has as hugepages-NkB, smallest first, in bytes. */
static size_t sizes_in(const char *path, const char *file, size_t *sizes)
{
	size_t kib, nr = 0, i;
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir)) && nr < MAX_SIZES) {
		char control[160];

		if (sscanf(entry->d_name, "hugepages-%zukB", &kib) != 1)
			continue;
		snprintf(control, sizeof(control), "%shugepages-%zukB/%s", path,
			 kib, file);
		if (access(control, F_OK))
			continue;
		for (i = nr++; i && sizes[i - 1] > kib << 10; i--)
			sizes[i] = sizes[i - 1];
		sizes[i] = kib << 10;
	}
	if (dir)
		closedir(dir);
	return nr;
}

/* Folio sizes of anonymous memory but the PMD's, which has kinds of its own. */
static size_t mthp_sizes(size_t *sizes)
{
	size_t nr = sizes_in(SYS_THP_DIR, "enabled", sizes), i, kept = 0;
	size_t pmd = sys_thp_size();

	for (i = 0; i < nr; i++)
		if (sizes[i] != pmd)
			sizes[kept++] = sizes[i];
	return kept;
}

static size_t hugetlb_sizes(size_t *sizes)
{
	return sizes_in(SYS_HUGETLB_DIR, "nr_hugepages", sizes);
}

static const char *fs_name(const char *dir)
{
	static const struct {
		long magic;
		const char *name;
	} known[] = {
		{ EXT4_SUPER_MAGIC, "ext4" },
		{ XFS_SUPER_MAGIC, "xfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },
		{ F2FS_SUPER_MAGIC, "f2fs" },
	};
	struct statfs fs;
	unsigned int i;

	if (!statfs(dir, &fs))
		for (i = 0; i < ARRAY_SIZE(known); i++)
			if (fs.f_type == known[i].magic)
				return known[i].name;
	return "other";
}

static bool varies_by(const struct kind *row, const char *bracket)
{
	const char *found = strchr(row->name, '[');

	return found && !strcmp(found, bracket);
}

/* Where the kind's pages come from, and how long it is. */
static void set_sizes(struct kind *kind, size_t size)
{
	const struct mapping *mapping = kind->mapping;

	kind->folio_size = size ? size : sys_thp_size();
	if (mapping && mapping->hugetlb) {
		kind->hugetlb_shift = __builtin_ctzl(size);
		kind->page = size;
		kind->len = size;
	} else if (mapping && mapping->thp) {
		kind->page = sys_thp_size();
		kind->len = kind->page;
	} else if (mapping) {
		kind->page = sys_page_size();
		kind->len = 4 * kind->page;
	}
	if (kind->len > GIGANTIC || kind->folio_size > GIGANTIC)
		kind->traits |= KIND_GIGANTIC;
}

static struct kind *add(struct kind *kind, const struct kind *row,
			const char *in_brackets, size_t size, const char *dir)
{
	size_t len = strcspn(row->name, "[");

	*kind = *row;
	if (in_brackets)
		snprintf(kind->name + len, sizeof(kind->name) - len, "[%.16s]",
			 in_brackets);
	kind->dir = dir;
	set_sizes(kind, size);
	return kind + 1;
}

static struct kind *add_sizes(struct kind *kind, const struct kind *row)
{
	bool hugetlb = row->mapping && row->mapping->hugetlb;
	size_t sizes[MAX_SIZES], nr, i;
	char name[24];

	nr = hugetlb ? hugetlb_sizes(sizes) : mthp_sizes(sizes);
	for (i = 0; i < nr; i++) {
		size_t kib = sizes[i] >> 10;

		/* What differs by size differs most between these. */
		if ((row->traits & KIND_VARIANT) && i && i + 1 < nr)
			continue;
		/* As people say it: a hugetlb page of 2M or 1G, an mTHP of 64K. */
		if (hugetlb && !(kib & ((1 << 20) - 1)))
			snprintf(name, sizeof(name), "%zuG", kib >> 20);
		else if (hugetlb && !(kib & 1023))
			snprintf(name, sizeof(name), "%zuM", kib >> 10);
		else
			snprintf(name, sizeof(name), "%zuK", kib);
		kind = add(kind, row, name, sizes[i], NULL);
		if (!hugetlb && i && i + 1 < nr)
			kind[-1].traits |= KIND_VARIANT;
	}
	return kind;
}

/* The name of a directory's file system, with a number when another has it too. */
static void name_dir(const char *const *dirs, size_t d, char *name, size_t size)
{
	const char *fs = fs_name(dirs[d]);
	size_t i, n = 1;

	for (i = 0; i < d; i++)
		n += !strcmp(fs_name(dirs[i]), fs) &&
		     is_dax(dirs[i]) == is_dax(dirs[d]);
	snprintf(name, size, n > 1 ? "%s#%zu" : "%s", fs, n);
}

static struct kind *add_dirs(struct kind *kind, const struct kind *row,
			     const char *const *dirs, size_t nr_dirs)
{
	char name[24];
	size_t d;

	for (d = 0; d < nr_dirs; d++) {
		if (!(row->traits & KIND_DAX) == is_dax(dirs[d]) ||
		    (row->exists && !row->exists(dirs[d])))
			continue;
		name_dir(dirs, d, name, sizeof(name));
		kind = add(kind, row, name, 0, dirs[d]);
	}
	return kind;
}

struct kind *kinds_expand(const char *const *dirs, size_t nr_dirs, size_t *nr)
{
	struct kind *all, *kind;
	size_t i;

	all = calloc(nr_kind_table * (MAX_SIZES + nr_dirs), sizeof(*all));
	if (!all)
		return NULL;
	kind = all;
	for (i = 0; i < nr_kind_table; i++) {
		const struct kind *row = &kind_table[i];

		if (varies_by(row, "[FS]"))
			kind = add_dirs(kind, row, dirs, nr_dirs);
		else if (row->exists && !row->exists(NULL))
			continue;
		else if (varies_by(row, "[SIZE]"))
			kind = add_sizes(kind, row);
		else
			kind = add(kind, row, NULL, 0, NULL);
	}
	*nr = kind - all;
	return all;
}

const struct kind *kind_find(const struct kind *kinds, size_t nr, const char *name)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}
