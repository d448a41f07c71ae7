// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a hole that is punched into a file find pages that a mapping still has? One thread
 * writes to the mapping of a memfd and drops it by MADV_DONTNEED, the other punches.
 *
 * Needs two processors, and no privileges. The message is no WARN(): panic_on_warn does not
 * matter. With CONFIG_DEBUG_VM it is a BUG(), and the machine may stop.
 */
#include "../reproduce.h"

int main(void)
{
	int fd = memfd_create("hole", MFD_CLOEXEC);
	struct hole_race race;
	bool complained;

	need(fd >= 0 && !ftruncate(fd, THP), "memfd_create");
	errno = 0;
	need(sysconf(_SC_NPROCESSORS_ONLN) > 1, "one processor only");
	race = drop_beside_holes(fd, TAINT_BAD_PAGE, 100);
	complained = is_tainted(TAINT_BAD_PAGE);
	conclude(complained ? BUG : NO_BUG,
		 "the kernel has %scomplained of a page, see its log (writes: %u, holes: %u)",
		 complained ? "" : "not ", race.writes, race.holes);
}
