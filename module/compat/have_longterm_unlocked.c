// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP can drop the mmap lock with FOLL_LONGTERM since the series with "mm/gup:
 * remove the restriction on locked with FOLL_LONGTERM", 6.3. The series also moved
 * FOLL_TOUCH and FOLL_FAST_ONLY out of the headers, so that these names are free.
 */
#include <linux/mm.h>

enum { FOLL_TOUCH, FOLL_FAST_ONLY };
