// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a hole that is punched into a DAX file find pages that a mapping still has? One
 * thread writes to the file's mapping and drops it by MADV_DONTNEED, the other punches.
 *
 * Needs a file system with DAX: the argument, or /mnt/dax; and no panic_on_warn.
 */
#include "../reproduce.h"

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/mnt/dax";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct hole_race race;
	bool warned;

	need(fd >= 0 && !ftruncate(fd, THP), dir);
	need_dax(fd);
	race = drop_beside_holes(fd, TAINT_WARN, 60);
	warned = is_tainted(TAINT_WARN);
	conclude(warned ? BUG : NO_BUG, "the kernel has %swarned (writes: %u, holes: %u)",
		 warned ? "" : "not ", race.writes, race.holes);
}
