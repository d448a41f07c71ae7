// SPDX-License-Identifier: GPL-2.0-only
/*
 * ublk with shared memory for zero copy: a server in userspace registers memory with the
 * block device that it serves. The device need not be started for that. As a device keeps
 * its pins whatever becomes of the server, each pin has a device of its own, and the
 * release removes it.
 */
#include <errno.h>

#include "fixture.h"
#include "sys.h"
#include "ublk.h"

/* As the headers of Linux 7.3 have it. */
struct shmem_buf {
	uint64_t addr, len;
	uint32_t flags, reserved;
};

#define BUF_READ_ONLY	(1U << 0)

static const char *shmem_missing(void)
{
	return ublk_lacks(UBLK_SHMEM_ZC,
			  "ublk has no shared memory for zero copy, which Linux 7.3 has");
}

static int shmem_pin(struct fixture *f)
{
	bool write = f->scenario.request->gup_flags & PINSCOPE_FOLL_WRITE;
	const struct shmem_buf buf = {
		.addr = (uintptr_t)f->addr, .len = sys_page_size(),
		.flags = write ? 0 : BUF_READ_ONLY,
	};
	int dev = ublk_add(UBLK_SHMEM_ZC), ret;

	if (dev < 0)
		return dev;
	f->pinner_data = (void *)(intptr_t)dev;
	/* The first buffer of a device has the number 0. */
	ret = ublk_command(UBLK_REG_BUF, dev, (uintptr_t)&buf, sizeof(buf));
	if (ret)
		ublk_remove(dev);
	return ret;
}

static int shmem_unpin(struct fixture *f)
{
	int dev = (intptr_t)f->pinner_data;
	int ret = ublk_command(UBLK_UNREG_BUF, dev, 0, 0);
	int removed = ublk_remove(dev);

	return ret ? ret : removed;
}

const struct pinner by_ublk_read = {
	.name = "ublk-shmem-read",
	.what =
		"ublk, which pins memory that a server registers for zero copy (UBLK_F_SHMEM_ZC, in Linux 7.3) with UBLK_SHMEM_BUF_READ_ONLY, by pin_user_pages_fast() with FOLL_LONGTERM. No I/O is done with it.",
	.traits = PINNER_BY_WORKER,
	.missing = shmem_missing,
	.open = ublk_open,
	.pin = shmem_pin,
	.unpin = shmem_unpin,
};

const struct pinner by_ublk_write = {
	.name = "ublk-shmem-write",
	.what =
		"ublk, which pins memory that a server registers for zero copy (UBLK_F_SHMEM_ZC, in Linux 7.3), by pin_user_pages_fast() with FOLL_WRITE | FOLL_LONGTERM. No I/O is done with it.",
	.traits = PINNER_BY_WORKER,
	.missing = shmem_missing,
	.open = ublk_open,
	.pin = shmem_pin,
	.unpin = shmem_unpin,
};
