// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct I/O that is in flight: the pages are pinned until the device is done. The device
 * is one that this process serves by ublk, so that it is done when the test is, and the
 * server can look at the pages meanwhile.
 *
 * The I/O is io_uring's, not that of io_submit(2): a process that is killed waits for the
 * latter before its files are closed, and ublk gives up a request only when its server's
 * file is closed, so that this process would never end
 * (scripts/upstream/aio-on-own-ublk-device-unkillable).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"
#include "ublk.h"

#define FETCH		_IOWR('u', 0x20, struct ublksrv_io_cmd)
#define COMMIT_FETCH	_IOWR('u', 0x21, struct ublksrv_io_cmd)

/* Where the server finds the pages of a request: of the only queue, the only tag. */
#define PAGES_AT	0x80000000

/* How long anything may take, in milliseconds. */
#define PATIENCE_MS	5000

/**
 * struct disk - a device, and a request that is in flight
 * @dev: its number
 * @server: /dev/ublkcN
 * @client: /dev/ublkbN
 */
struct disk {
	int dev, server, client;
};

/* Of the process: what the server waits with, and what the client does I/O with. */
static struct io_uring server_ring, client_ring;

static const char *direct_missing(void)
{
	return ublk_lacks(UBLK_USER_COPY,
			  "ublk has no UBLK_F_USER_COPY, which is of Linux 6.5");
}

static const char *direct_open(void)
{
	const char *why = ublk_open();

	if (why)
		return why;
	return io_uring_queue_init(2, &server_ring, 0) || io_uring_queue_init(1, &client_ring, 0) ?
	       "no io_uring could be made: sysctl kernel.io_uring_disabled=0" : NULL;
}

/*
 * 1: *res is what became of a request of the ring; 0: none has an end in that time;
 * negative: an error.
 */
static int next_result(struct io_uring *ring, long ms, int *res)
{
	struct __kernel_timespec time = { .tv_nsec = ms % 1000 * 1000000L, .tv_sec = ms / 1000 };
	struct io_uring_cqe *cqe;
	int ret = io_uring_wait_cqe_timeout(ring, &cqe, &time);

	*res = 0;
	if (ret)
		return ret == -ETIME ? 0 : ret;
	*res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return 1;
}

static int submit_to(struct io_uring *ring)
{
	int ret = io_uring_submit(ring);

	return ret == 1 ? 0 : ret < 0 ? ret : -EIO;
}

/* ------------------------------------------------------------------ the server */

static int serve(const struct disk *disk, uint32_t op, int result)
{
	const struct ublksrv_io_cmd cmd = { .result = result };
	struct io_uring_sqe *sqe = io_uring_get_sqe(&server_ring);

	if (!sqe)
		return -EBUSY;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = disk->server;
	sqe->off = op;
	memcpy((char *)sqe + 48, &cmd, sizeof(cmd));
	return submit_to(&server_ring);
}

/* 1: there is a request; 0: not in that time; negative: the device is going away. */
static int next_request(long ms)
{
	int res, ret = next_result(&server_ring, ms, &res);

	return ret == 1 && res < 0 ? res : ret;
}

/*
 * Kernels before 6.19 look for partitions while the device starts: they read what there
 * is. Later ones do that at any time, unless they are told not to.
 */
static int start(const struct disk *disk)
{
	long end = sys_now_ms() + PATIENCE_MS;
	int ret = serve(disk, FETCH, 0);

	if (!ret)
		ret = ublk_send(UBLK_START_DEV, disk->dev, getpid(), 0);
	while (!ret && !ublk_answered()) {
		ret = next_request(1);
		if (ret > 0)
			ret = serve(disk, COMMIT_FETCH, sys_page_size());
		if (sys_now_ms() > end)
			return -ETIMEDOUT;
	}
	return ret ? ret : ublk_answer();
}

static int set_size(const struct disk *disk)
{
	const uint32_t sectors = sys_page_size() >> 9;
	struct ublk_params params = {
		.len = sizeof(params), .types = UBLK_PARAM_TYPE_BASIC,
		.basic = {
			.logical_bs_shift = 9, .physical_bs_shift = 9,
			.io_opt_shift = 9, .io_min_shift = 9,
			.max_sectors = sectors, .dev_sectors = sectors,
		},
	};

	return ublk_command(UBLK_SET_PARAMS, disk->dev, (uintptr_t)&params, sizeof(params));
}

/* Nobody waits for a device that a child has open: it ends before. */
static void disk_remove(struct fixture *f, struct disk *disk)
{
	fixture_join(f);
	if (disk->client >= 0)
		close(disk->client);
	ublk_command(UBLK_STOP_DEV, disk->dev, 0, 0);
	/* What the server waited for has an end, too. */
	while (next_request(1) > 0)
		;
	if (disk->server >= 0)
		close(disk->server);
	ublk_remove(disk->dev);
	free(disk);
}

static int disk_make(struct disk *disk)
{
	char path[40];
	int ret;

	snprintf(path, sizeof(path), "/dev/ublkc%d", disk->dev);
	disk->server = open(path, O_RDWR | O_CLOEXEC);
	if (disk->server < 0)
		return -errno;
	ret = set_size(disk);
	if (!ret)
		ret = start(disk);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/ublkb%d", disk->dev);
	disk->client = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (disk->client < 0)
		return -errno;
	/*
	 * Where the look for partitions has left a page in the page cache, io_uring would
	 * have a worker do the write.
	 */
	return -posix_fadvise(disk->client, 0, 0, POSIX_FADV_DONTNEED);
}

/* ------------------------------------------------------------------ the client */

static int submit(const struct disk *disk, char *addr, bool read)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&client_ring);

	if (!sqe)
		return -EBUSY;
	if (read)
		io_uring_prep_read(sqe, disk->client, addr, sys_page_size(), 0);
	else
		io_uring_prep_write(sqe, disk->client, addr, sys_page_size(), 0);
	return submit_to(&client_ring);
}

/* What became of the I/O; ETIMEDOUT: it is still in flight. */
static int reap(long ms)
{
	int res, ret = next_result(&client_ring, ms, &res);

	if (ret != 1)
		return ret ? ret : -ETIMEDOUT;
	return res == (int)sys_page_size() ? 0 : res < 0 ? res : -EIO;
}

/* Waits until the server has the request. One that cannot be pinned has an end at once. */
static int wait_in_flight(void)
{
	long end = sys_now_ms() + PATIENCE_MS;
	int ret;

	do {
		ret = next_request(1);
		if (ret)
			return ret < 0 ? ret : 0;
		ret = reap(0);
	} while (ret == -ETIMEDOUT && sys_now_ms() < end);
	return ret ? ret : -EIO;
}

static int direct_unpin(struct fixture *f)
{
	struct disk *disk = f->pinner_data;
	int ret = serve(disk, COMMIT_FETCH, sys_page_size());

	if (!ret)
		ret = reap(PATIENCE_MS);
	disk_remove(f, disk);
	return ret;
}

static int direct_pin(struct fixture *f)
{
	bool read = f->scenario.request->gup_flags & PINSCOPE_FOLL_WRITE;
	struct disk *disk = malloc(sizeof(*disk));
	int dev, ret;

	if (!disk)
		return -ENOMEM;
	dev = ublk_add(UBLK_USER_COPY | UBLK_NO_SCAN);
	if (dev < 0) {
		free(disk);
		return dev;
	}
	*disk = (struct disk) { .dev = dev, .server = -1, .client = -1 };
	f->pinner_data = disk;
	ret = disk_make(disk);
	if (!ret)
		ret = submit(disk, f->addr, read);
	if (!ret)
		ret = wait_in_flight();
	if (ret)
		disk_remove(f, disk);
	return ret;
}

static int direct_see(struct fixture *f)
{
	const struct disk *disk = f->pinner_data;
	char byte = 0;

	return pread(disk->server, &byte, 1, PAGES_AT) == 1 ? byte : 0;
}

static void direct_put(struct fixture *f, char byte)
{
	const struct disk *disk = f->pinner_data;

	if (pwrite(disk->server, &byte, 1, PAGES_AT) != 1)
		fixture_fails(f, "the server cannot write to the page");
}

const struct pinner by_direct_read = {
	.name = "direct-read",
	.what =
		"A read with O_DIRECT that is in flight, which pins by pin_user_pages_fast() with FOLL_WRITE until it is done. The device is served by this process (ublk), which writes to the page meanwhile.",
	.missing = direct_missing,
	.open = direct_open,
	.pin = direct_pin,
	.put = direct_put,
	.unpin = direct_unpin,
};

const struct pinner by_direct_write = {
	.name = "direct-write",
	.what =
		"A write with O_DIRECT that is in flight, which pins by pin_user_pages_fast() without flags until it is done. The device is served by this process (ublk), which reads the page meanwhile.",
	.missing = direct_missing,
	.open = direct_open,
	.pin = direct_pin,
	.see = direct_see,
	.unpin = direct_unpin,
};
