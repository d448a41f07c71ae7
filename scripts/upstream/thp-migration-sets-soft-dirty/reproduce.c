// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does migration leave the soft-dirty bit of a THP alone? That of a base page is
 * looked at too, for comparison.
 *
 * Needs two NUMA nodes with memory, and root, for /proc/kpageflags.
 */
#include "../reproduce.h"
#include <sys/syscall.h>

#define MPOL_MF_MOVE	2
#define NODES		8

static int node_of(void *addr)
{
	int status = -1;

	need(!syscall(SYS_move_pages, 0, 1UL, &addr, NULL, &status, 0), "move_pages");
	return status;
}

static void move(void *addr)
{
	int from = node_of(addr), to, status;

	for (to = 0; to < NODES; to++) {
		if (to == from)
			continue;
		status = -1;
		if (!syscall(SYS_move_pages, 0, 1UL, &addr, &to, &status, MPOL_MF_MOVE) &&
		    status == to)
			return;
	}
	conclude(CANNOT_TRY, "no node takes a page of node %d", from);
}

/* Makes it dirty but not soft-dirty, moves it, and says whether it is soft-dirty then. */
static bool move_makes_soft_dirty(char *addr, bool huge)
{
	*addr = 1;
	errno = 0;
	need(!!(kpageflags(addr) & KPF_THP) == huge, "not the size of page that was asked for");
	clear_soft_dirty();
	need(!(pagemap(addr) & PM_SOFT_DIRTY), "clear_refs has not cleared the soft-dirty bit");
	move(addr);
	need(!!(kpageflags(addr) & KPF_THP) == huge, "the THP was split");
	return pagemap(addr) & PM_SOFT_DIRTY;
}

int main(void)
{
	char *base = map_thp(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *thp = map_thp(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	bool base_is, thp_is;

	need(!madvise(base, THP, MADV_NOHUGEPAGE), "MADV_NOHUGEPAGE");
	need(!madvise(thp, THP, MADV_HUGEPAGE), "MADV_HUGEPAGE");
	base_is = move_makes_soft_dirty(base, false);
	thp_is = move_makes_soft_dirty(thp, true);
	conclude(base_is || thp_is ? BUG : NO_BUG,
		 "after move_pages() a THP is %ssoft-dirty, and a base page is %ssoft-dirty",
		 thp_is ? "" : "not ", base_is ? "" : "not ");
}
