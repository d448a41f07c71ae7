// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP can drop the mmap lock for FOLL_LONGTERM since the series around
 * "mm/gup: remove the restriction on locked with FOLL_LONGTERM", 6.3, which
 * ends with making the internal flags private, and so no names here.
 */
#include <linux/mm.h>

enum { FOLL_TOUCH, FOLL_FAST_ONLY };
