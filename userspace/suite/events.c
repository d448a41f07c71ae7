// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of events, which is at the end: what mm does to memory while a pin is held.
 *
 * None of them may take the pinned page away from the process: reclaim, migration, split
 * and collapse leave a pinned page alone, and what moves or protects entries carries it
 * over. Whether mm refuses the event or does it without harm is up to mm, so their return
 * values are not looked at.
 */
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "events.h"
#include "sys.h"

#define NODE1	"/sys/devices/system/node/node1"

/* Bytes of the mapping from the page under test on that its entry maps. */
static size_t entry_size(struct fixture *f)
{
	struct pinscope_page page = fixture_page(f);
	size_t size = page.map_shift ? 1UL << page.map_shift : sys_page_size();

	return size <= f->len && !((uintptr_t)f->addr & (size - 1)) ? size : sys_page_size();
}

static void protect(struct fixture *f, char *addr, size_t len)
{
	if (!mprotect(addr, len, PROT_NONE))
		mprotect(addr, len, f->readonly ? PROT_READ : PROT_READ | PROT_WRITE);
}

static const char *by_mprotect(struct fixture *f)
{
	protect(f, f->addr, entry_size(f));
	return NULL;
}

static const char *by_mremap(struct fixture *f)
{
	size_t len = entry_size(f);
	char *room = mmap(NULL, 2 * len, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *to = room + (-(uintptr_t)room & (len - 1));

	if (room == MAP_FAILED)
		return NULL;
	if (mremap(f->addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to &&
	    mremap(to, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, f->addr) != f->addr)
		return "mremap: the memory cannot be moved back";
	munmap(room, 2 * len);
	return NULL;
}

static const char *by_pageout(struct fixture *f)
{
	madvise(f->addr, entry_size(f), MADV_PAGEOUT);
	return NULL;
}

static const char *by_move(struct fixture *f)
{
	void *addr = f->addr;
	int node = 0, status = 0;

	if (access(NODE1, F_OK))
		return "one NUMA node: boot with numa=fake=2";
	/* Where it is now, and from there to the other one. */
	syscall(SYS_move_pages, 0, 1UL, &addr, NULL, &status, 0);
	node = !status;
	syscall(SYS_move_pages, 0, 1UL, &addr, &node, &status, MPOL_MF_MOVE_ALL);
	return NULL;
}

/* The PMD by a change of the next page's protection, then the folio. */
static const char *by_split(struct fixture *f)
{
	size_t page = sys_page_size();
	char text[80];

	if (entry_size(f) >= 2 * page)
		protect(f, f->addr + page, page);
	snprintf(text, sizeof(text), "%d,%p,%p", getpid(), (void *)f->addr,
		 (void *)(f->addr + page));
	sys_write_file("/sys/kernel/debug/split_huge_pages", text);
	return NULL;
}

static const char *by_collapse(struct fixture *f)
{
	size_t thp = sys_thp_size();

	madvise((void *)((uintptr_t)f->addr & -thp), thp, MADV_COLLAPSE);
	return NULL;
}

static const char *by_writeback(struct fixture *f)
{
	fsync(f->m.fd);
	return NULL;
}

const struct event events[] = {
	{ PROP_MPROTECT_AFTER, by_mprotect },
	{ PROP_MREMAP_AFTER, by_mremap },
	{ PROP_PAGEOUT_AFTER, by_pageout },
	{ PROP_MOVE_AFTER, by_move },
	{ PROP_SPLIT_AFTER, by_split },
	{ PROP_COLLAPSE_AFTER, by_collapse },
	{ PROP_WRITEBACK_AFTER, by_writeback },
};

const size_t nr_events = ARRAY_SIZE(events);
