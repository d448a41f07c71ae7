// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring with a ring of provided buffers in the process's own memory: a page of entries.
 * No request takes a buffer from it.
 */
#include <liburing.h>

#include "fixture.h"
#include "sys.h"

static struct io_uring uring;

static const char *ring_open(void)
{
	return io_uring_queue_init(2, &uring, 0) ?
	       "no io_uring could be made: sysctl kernel.io_uring_disabled=0" : NULL;
}

static int ring_pin(struct fixture *f)
{
	struct io_uring_buf_reg ring = {
		.ring_addr = (uintptr_t)f->addr,
		.ring_entries = sys_page_size() / sizeof(struct io_uring_buf),
	};

	return io_uring_register_buf_ring(&uring, &ring, 0);
}

static int ring_unpin(struct fixture *f)
{
	(void)f;
	return io_uring_unregister_buf_ring(&uring, 0);
}

const struct pinner by_uring_ring = {
	.name = "io-uring-ring",
	.what =
		"io_uring, which pins a ring of provided buffers with FOLL_WRITE | FOLL_LONGTERM, by pin_user_pages_fast(); before Linux 6.5 by pin_user_pages(), and only in anonymous memory, shmem and hugetlb. What the kernel sees is not looked at.",
	.open = ring_open,
	.pin = ring_pin,
	.unpin = ring_unpin,
};
