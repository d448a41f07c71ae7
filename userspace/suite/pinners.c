// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of pinners, which is at the end; the module, by any call; and users of GUP
 * that every kernel has: io_uring with registered buffers, and vmsplice(). Others are in
 * files of their own, pin_*.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"

static int module_pin(struct fixture *f)
{
	const struct request *request = f->scenario.request;

	return pinscope_pin(f->fd, request->call, request->gup_flags, f->addr,
			    sys_page_size(), &f->id);
}

static int module_see(struct fixture *f)
{
	char byte = 0;

	pinscope_read(f->fd, f->id, 0, &byte, 1);
	return byte;
}

static void module_put(struct fixture *f, char byte)
{
	pinscope_write(f->fd, f->id, 0, &byte, 1);
}

static bool module_is_mapped(struct fixture *f)
{
	struct pinscope_compare cmp = {};

	return !pinscope_compare(f->fd, f->id, pinscope_self(), pinscope_addr(f->addr), &cmp) &&
	       cmp.same == cmp.pages;
}

static int module_unpin(struct fixture *f)
{
	return pinscope_unpin(f->fd, f->id);
}

const struct pinner by_module = {
	.what = "The module, by the call that the name says, with its gup_flags.",
	.traits = PINNER_MODULE,
	.pin = module_pin,
	.see = module_see,
	.put = module_put,
	.is_mapped = module_is_mapped,
	.unpin = module_unpin,
};

/* It goes by file and offset: what a private mapping has does not matter to it. */
static bool memfd_takes(const struct kind *kind)
{
	return kind->mapping && kind->mapping->backing == BACKING_MEMFD &&
	       (kind->traits & KIND_SHARED);
}

static int memfd_pin(struct fixture *f)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_MEMFD, .len = sys_page_size(),
		.target_type = PINSCOPE_TARGET_MEMFD, .target_nr = f->m.fd,
	};
	int ret = pinscope_pin_cmd(f->fd, &cmd);

	f->id = cmd.id;
	return ret;
}

const struct pinner by_module_memfd = {
	.name = "pin-memfd",
	.what =
		"The module, by memfd_pin_folios() (Linux 6.11), which goes by the file and takes no gup_flags: it pins for reading and writing, and for long.",
	.traits = PINNER_MODULE,
	.takes = memfd_takes,
	.pin = memfd_pin,
	.see = module_see,
	.is_mapped = module_is_mapped,
	.unpin = module_unpin,
};

/*
 * A ring with one registered buffer, and a file to read and write by it. A process
 * keeps its ring: to end one takes longer than a scenario. The file has only the
 * byte that was moved last.
 */
struct ring {
	struct io_uring uring;
	int fd;
};

static struct ring ring;

static const char *ring_open(void)
{
	int ret;

	ring.fd = memfd_create("ring", MFD_CLOEXEC);
	ret = ring.fd < 0 ? -errno : io_uring_queue_init(2, &ring.uring, 0);
	if (!ret)
		return NULL;
	if (ring.fd >= 0)
		close(ring.fd);
	return "no io_uring could be made: sysctl kernel.io_uring_disabled=0";
}

static int ring_pin(struct fixture *f)
{
	const struct iovec page = { f->addr, sys_page_size() };

	return io_uring_register_buffers(&ring.uring, &page, 1);
}

/* Moves the first byte of the page to the file, or from there. */
static bool ring_move(struct fixture *f, bool to_file)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring.uring);
	struct io_uring_cqe *cqe;
	bool moved;

	if (to_file)
		io_uring_prep_write_fixed(sqe, ring.fd, f->addr, 1, 0, 0);
	else
		io_uring_prep_read_fixed(sqe, ring.fd, f->addr, 1, 0, 0);
	if (io_uring_submit(&ring.uring) != 1 ||
	    io_uring_wait_cqe(&ring.uring, &cqe))
		return false;
	moved = cqe->res == 1;
	io_uring_cqe_seen(&ring.uring, cqe);
	return moved;
}

static int ring_see(struct fixture *f)
{
	char byte = 0;

	return ring_move(f, true) && pread(ring.fd, &byte, 1, 0) == 1 ? byte : 0;
}

static void ring_put(struct fixture *f, char byte)
{
	if (pwrite(ring.fd, &byte, 1, 0) == 1)
		ring_move(f, false);
}

static int ring_unpin(struct fixture *f)
{
	(void)f;
	return io_uring_unregister_buffers(&ring.uring);
}

const struct pinner by_io_uring = {
	.name = "io-uring-buffer",
	.what =
			"io_uring, which pins registered buffers with FOLL_WRITE | FOLL_LONGTERM (by pin_user_pages_fast(); before Linux 6.5 by pin_user_pages(), and only of anonymous memory, shmem and hugetlb), and does I/O of files with them.",
	.open = ring_open,
	.pin = ring_pin,
	.see = ring_see,
	.put = ring_put,
	.unpin = ring_unpin,
};

struct pipes {
	int holds[2], shows[2];
};

static int pipe_unpin(struct fixture *f)
{
	struct pipes *pipes = f->pinner_data;
	int i;

	for (i = 0; i < 2; i++) {
		close(pipes->holds[i]);
		close(pipes->shows[i]);
	}
	free(pipes);
	return 0;
}

static int pipe_pin(struct fixture *f)
{
	const struct iovec page = { f->addr, sys_page_size() };
	struct pipes *pipes = malloc(sizeof(*pipes));
	int ret = 0;

	if (!pipes)
		return -ENOMEM;
	*pipes = (struct pipes) { { -1, -1 }, { -1, -1 } };
	f->pinner_data = pipes;
	if (pipe2(pipes->holds, O_CLOEXEC) || pipe2(pipes->shows, O_CLOEXEC) ||
	    vmsplice(pipes->holds[1], &page, 1, 0) < 0) {
		ret = -errno;
		pipe_unpin(f);
	}
	return ret;
}

/* tee() gives another reference to the page that the pipe holds. */
static int pipe_see(struct fixture *f)
{
	struct pipes *pipes = f->pinner_data;
	char page[sys_page_size()];
	ssize_t len = tee(pipes->holds[0], pipes->shows[1], sizeof(page), 0);

	return len > 0 && read(pipes->shows[0], page, len) == len ? page[0] : 0;
}

const struct pinner by_vmsplice = {
	.name = "vmsplice",
	.what =
			"vmsplice(), which takes references by get_user_pages_fast() without flags and keeps them in a pipe for as long as a reader likes (CVE-2020-29374).",
	.pin = pipe_pin,
	.see = pipe_see,
	.unpin = pipe_unpin,
};

const struct pinner *const pinners[] = {
	&by_module,
	&by_module_memfd,
	&by_io_uring,
	&by_vmsplice,
	&by_vfio_read,
	&by_vfio_write,
	&by_iommufd_read,
	&by_iommufd_write,
	&by_iommufd_memfd,
	&by_uring_ring,
	&by_rdma_rxe_read,
	&by_rdma_rxe_write,
	&by_rdma_siw_read,
	&by_rdma_siw_write,
	&by_vm_readv,
	&by_vm_writev,
	&by_mem_read,
	&by_mem_write,
	&by_direct_read,
	&by_direct_write,
	&by_zerocopy,
	&by_xsk,
	&by_udmabuf,
	&by_ublk_read,
	&by_ublk_write,
	&by_v4l2_output,
	&by_v4l2_capture,
	&by_vduse,
	&by_cuda_read,
	&by_cuda_write,
	NULL
};

const char *pinner_missing(const struct pinner *pinner)
{
	return pinner->missing ? pinner->missing() : NULL;
}

int pinner_pin(struct fixture *f)
{
	/* What was opened belongs to the process, and a fork is another one. */
	static pid_t opened_in[ARRAY_SIZE(pinners)];
	const struct pinner *pinner = f->scenario.request->pinner;
	const char *why;
	size_t i = 0;

	while (pinners[i] != pinner)
		i++;
	if (pinner->open && opened_in[i] != getpid()) {
		why = pinner->open();
		if (why) {
			fixture_fails(f, "%s", why);
			return -ENODEV;
		}
		opened_in[i] = getpid();
	}
	return pinner->pin(f);
}
