// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who pins: the module, by whichever call, and two of those that a kernel has
 * without it: io_uring with registered buffers, and vmsplice().
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "suite.h"

static int module_pin(struct scene *s)
{
	return pinscope_pin(s->fd, s->place.call->call, s->place.call->gup_flags, s->addr,
			    base_size(), &s->id);
}

static char module_see(struct scene *s)
{
	char byte = 0;

	pinscope_read(s->fd, s->id, 0, &byte, 1);
	return byte;
}

static void module_put(struct scene *s, char byte)
{
	pinscope_write(s->fd, s->id, 0, &byte, 1);
}

static bool module_is_mapped(struct scene *s)
{
	struct pinscope_compare cmp = {};

	return !pinscope_compare(s->fd, s->id, pinscope_self(), pinscope_addr(s->addr), &cmp) &&
	       cmp.same == cmp.pages;
}

static int module_unpin(struct scene *s)
{
	return pinscope_unpin(s->fd, s->id);
}

const struct pinner by_module = {
	.pin = module_pin,
	.see = module_see,
	.put = module_put,
	.is_mapped = module_is_mapped,
	.unpin = module_unpin,
};

/*
 * A ring with one registered buffer, and a file to read and write by it. One is
 * enough for all scenes of a process: to end it takes longer than all the rest.
 */
struct ring {
	struct io_uring uring;
	int fd;
};

static struct ring *ring_of_process(struct scene *s)
{
	static struct ring ring;
	static pid_t by;
	int ret;

	if (by == getpid())
		return &ring;
	ring.fd = memfd_create("ring", MFD_CLOEXEC);
	ret = ring.fd < 0 ? -errno : io_uring_queue_init(2, &ring.uring, 0);
	if (ret) {
		scene_fails(s, "no io_uring: %s: sysctl kernel.io_uring_disabled=0",
			    pinscope_errno(ret));
		if (ring.fd >= 0)
			close(ring.fd);
		return NULL;
	}
	by = getpid();
	return &ring;
}

static int ring_pin(struct scene *s)
{
	const struct iovec page = { s->addr, base_size() };
	struct ring *ring = ring_of_process(s);

	s->user = ring;
	return ring ? io_uring_register_buffers(&ring->uring, &page, 1) : -ENODEV;
}

/* Moves the first byte of the page to the file, or from there. */
static bool ring_move(struct scene *s, bool to_file)
{
	struct ring *ring = s->user;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
	struct io_uring_cqe *cqe;
	bool moved;

	if (to_file)
		io_uring_prep_write_fixed(sqe, ring->fd, s->addr, 1, 0, 0);
	else
		io_uring_prep_read_fixed(sqe, ring->fd, s->addr, 1, 0, 0);
	if (io_uring_submit(&ring->uring) != 1 ||
	    io_uring_wait_cqe(&ring->uring, &cqe))
		return false;
	moved = cqe->res == 1;
	io_uring_cqe_seen(&ring->uring, cqe);
	return moved;
}

static char ring_see(struct scene *s)
{
	struct ring *ring = s->user;
	char byte = 0;

	return ring_move(s, true) && pread(ring->fd, &byte, 1, 0) == 1 ? byte : 0;
}

static void ring_put(struct scene *s, char byte)
{
	struct ring *ring = s->user;

	if (pwrite(ring->fd, &byte, 1, 0) == 1)
		ring_move(s, false);
}

static int ring_unpin(struct scene *s)
{
	struct ring *ring = s->user;

	return io_uring_unregister_buffers(&ring->uring);
}

const struct pinner by_io_uring = {
	.name = "io_uring-buffer",
	.pin = ring_pin,
	.see = ring_see,
	.put = ring_put,
	.unpin = ring_unpin,
};

struct pipes {
	int holds[2], shows[2];
};

static int pipe_unpin(struct scene *s)
{
	struct pipes *pipes = s->user;
	int i;

	for (i = 0; i < 2; i++) {
		close(pipes->holds[i]);
		close(pipes->shows[i]);
	}
	free(pipes);
	return 0;
}

static int pipe_pin(struct scene *s)
{
	const struct iovec page = { s->addr, base_size() };
	struct pipes *pipes = malloc(sizeof(*pipes));
	int ret = 0;

	if (!pipes)
		return -ENOMEM;
	*pipes = (struct pipes) { { -1, -1 }, { -1, -1 } };
	s->user = pipes;
	if (pipe2(pipes->holds, O_CLOEXEC) || pipe2(pipes->shows, O_CLOEXEC) ||
	    vmsplice(pipes->holds[1], &page, 1, 0) < 0) {
		ret = -errno;
		pipe_unpin(s);
	}
	return ret;
}

/* What is shown is a copy of what is held, of the same page. */
static char pipe_see(struct scene *s)
{
	struct pipes *pipes = s->user;
	char page[base_size()];
	ssize_t len = tee(pipes->holds[0], pipes->shows[1], sizeof(page), 0);

	return len > 0 && read(pipes->shows[0], page, len) == len ? page[0] : 0;
}

const struct pinner by_vmsplice = {
	.name = "vmsplice",
	.pin = pipe_pin,
	.see = pipe_see,
	.unpin = pipe_unpin,
};
