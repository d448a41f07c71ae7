// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does SIGKILL end a process that has an io_submit(2) request in flight on the ublk
 * device that it serves itself?
 *
 * Needs the module ublk_drv, and root. When the bug is there, a process is left that
 * nothing ends, and a device with it.
 */
#include "../reproduce.h"
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <linux/ublk_cmd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define PATIENCE	10	/* seconds */
#define COMMAND(nr)	_IOC(_IOC_READ | _IOC_WRITE, 'u', nr, sizeof(struct ublksrv_ctrl_cmd))
#define ADD_DEV		COMMAND(0x04)
#define START_DEV	COMMAND(0x06)
#define SET_PARAMS	COMMAND(0x08)
#define FETCH		_IOWR('u', 0x20, struct ublksrv_io_cmd)
#define COMMIT_FETCH	_IOWR('u', 0x21, struct ublksrv_io_cmd)
#define ENCODE		(1ULL << 6)	/* UBLK_F_CMD_IOCTL_ENCODE */
#define USER_COPY	(1ULL << 7)	/* UBLK_F_USER_COPY */
#define NO_SCAN		(1ULL << 18)	/* UBLK_F_NO_AUTO_PART_SCAN */

/* An io_uring that one request after the other is sent to. */
struct ring {
	int fd;
	char *sqes;
	unsigned int *sq_tail, *sq_array, *cq_head, *cq_tail, cq_mask;
	struct io_uring_cqe *cqes;
};

static void ring_init(struct ring *ring)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQE128 };
	char *rings;

	ring->fd = syscall(SYS_io_uring_setup, 2, &p);
	need(ring->fd >= 0, "io_uring_setup");
	rings = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
		     IORING_OFF_SQ_RING);
	if (rings == MAP_FAILED)
		rings = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			     IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			  IORING_OFF_SQES);
	need(rings != MAP_FAILED && ring->sqes != MAP_FAILED, "mmap of io_uring");
	ring->sq_tail = (unsigned int *)(rings + p.sq_off.tail);
	ring->sq_array = (unsigned int *)(rings + p.sq_off.array);
	ring->cq_head = (unsigned int *)(rings + p.cq_off.head);
	ring->cq_tail = (unsigned int *)(rings + p.cq_off.tail);
	ring->cq_mask = *(unsigned int *)(rings + p.cq_off.ring_mask);
	ring->cqes = (struct io_uring_cqe *)(rings + p.cq_off.cqes);
}

static void ring_send(struct ring *ring, int fd, uint32_t op, const void *cmd, size_t len,
		      int tag)
{
	struct io_uring_sqe *sqe = (struct io_uring_sqe *)ring->sqes;

	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->off = op;
	sqe->user_data = tag;
	memcpy(ring->sqes + 48, cmd, len);
	/* The kernel has taken what was here before. */
	ring->sq_array[*ring->sq_tail & 1] = 0;
	__atomic_store_n(ring->sq_tail, *ring->sq_tail + 1, __ATOMIC_RELEASE);
	need(syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0) == 1, "io_uring_enter");
}

/* Is there a result, and of which tag? */
static bool ring_result(struct ring *ring, int *res, int *tag)
{
	unsigned int head = *ring->cq_head;

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	*res = ring->cqes[head & ring->cq_mask].res;
	*tag = ring->cqes[head & ring->cq_mask].user_data;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

static int ring_wait(struct ring *ring, const char *what)
{
	int i, res, tag;

	for (i = 0; i < 1000 * PATIENCE; i++) {
		if (ring_result(ring, &res, &tag))
			return res;
		usleep(1000);
	}
	errno = ETIMEDOUT;
	need(false, what);
	return -1;
}

static void control(struct ring *ring, int fd, uint32_t op, int dev, void *data, size_t len)
{
	const struct ublksrv_ctrl_cmd cmd = {
		.dev_id = dev, .queue_id = -1, .len = len,
		.addr = len ? (uintptr_t)data : 0, .data[0] = len ? 0 : getpid(),
	};

	ring_send(ring, fd, op, &cmd, sizeof(cmd), 0);
}

static void command(struct ring *ring, int fd, uint32_t op, int dev, void *data, size_t len,
		    const char *what)
{
	int res;

	control(ring, fd, op, dev, data, len);
	res = ring_wait(ring, what);
	errno = res < 0 ? -res : 0;
	need(!res, what);
}

static void serve(struct ring *ring, int fd, uint32_t op, int result, int tag)
{
	const struct ublksrv_io_cmd cmd = { .result = result, .tag = tag };

	ring_send(ring, fd, op, &cmd, sizeof(cmd), tag);
}

/* Starts the device; what is read meanwhile, in a look for partitions, gets an answer. */
static void start(struct ring *controls, int control_fd, struct ring *requests, int server,
		  int dev, int depth)
{
	int i, res, tag;

	for (tag = 0; tag < depth; tag++)
		serve(requests, server, FETCH, 0, tag);
	control(controls, control_fd, START_DEV, dev, NULL, 0);
	for (i = 0; i < 1000 * PATIENCE; i++) {
		if (ring_result(requests, &res, &tag) && !res)
			serve(requests, server, COMMIT_FETCH, PAGE, tag);
		if (ring_result(controls, &res, &tag)) {
			errno = res < 0 ? -res : 0;
			need(!res, "UBLK_CMD_START_DEV");
			return;
		}
		usleep(1000);
	}
	errno = ETIMEDOUT;
	need(false, "UBLK_CMD_START_DEV");
}

static int add_device(struct ring *controls, int fd, int depth)
{
	struct ublksrv_ctrl_dev_info info = {
		.nr_hw_queues = 1, .queue_depth = depth, .max_io_buf_bytes = PAGE,
		.dev_id = -1, .flags = ENCODE | USER_COPY | NO_SCAN,
	};
	struct ublk_params params = {
		.len = sizeof(params), .types = UBLK_PARAM_TYPE_BASIC,
		.basic = {
			.logical_bs_shift = 9, .physical_bs_shift = 9, .io_opt_shift = 9,
			.io_min_shift = 9, .max_sectors = PAGE >> 9, .dev_sectors = PAGE >> 9,
		},
	};

	command(controls, fd, ADD_DEV, -1, &info, sizeof(info), "UBLK_CMD_ADD_DEV");
	command(controls, fd, SET_PARAMS, info.dev_id, &params, sizeof(params),
		"UBLK_CMD_SET_PARAMS");
	return info.dev_id;
}

static int open_device(const char *format, int dev, int flags)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), format, dev);
	fd = open(path, flags | O_CLOEXEC);
	need(fd >= 0, path);
	return fd;
}

/* Says on the pipe when its request is in flight. */
static void serve_and_submit(int ready, int depth)
{
	int fd = open("/dev/ublk-control", O_RDWR | O_CLOEXEC), dev, server, client;
	struct ring controls, requests;
	aio_context_t context = 0;
	char *buffer = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	struct iocb iocb = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_nbytes = PAGE };
	struct iocb *iocbs = &iocb;

	need(fd >= 0, "/dev/ublk-control: modprobe ublk_drv");
	need(buffer != MAP_FAILED, "mmap");
	ring_init(&controls);
	ring_init(&requests);
	dev = add_device(&controls, fd, depth);
	server = open_device("/dev/ublkc%d", dev, O_RDWR);
	start(&controls, fd, &requests, server, dev, depth);
	client = open_device("/dev/ublkb%d", dev, O_RDWR | O_DIRECT);
	need(!posix_fadvise(client, 0, 0, POSIX_FADV_DONTNEED), "posix_fadvise");
	iocb.aio_fildes = client;
	iocb.aio_buf = (uintptr_t)buffer;
	need(!syscall(SYS_io_setup, 1, &context), "io_setup");
	need(syscall(SYS_io_submit, context, 1, &iocbs) == 1, "io_submit");
	need(!ring_wait(&requests, "the device gets no request"), "a request");
	need(write(ready, "", 1) == 1, "pipe");
	pause();
}

/* Does SIGKILL end the process? */
static bool is_ended(int depth)
{
	int ready[2], status;
	char byte;
	pid_t child;

	need(!pipe(ready), "pipe");
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		close(ready[0]);
		serve_and_submit(ready[1], depth);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		need(waitpid(child, &status, 0) == child && WIFEXITED(status), "waitpid");
		_exit(WEXITSTATUS(status));
	}
	close(ready[0]);
	kill(child, SIGKILL);
	if (ended(child, PATIENCE, &status))
		return true;
	show_stack(child);
	return false;
}

int main(void)
{
	/* With a depth of 2, the server waits for another request meanwhile. */
	bool ended_2 = is_ended(2), ended_1 = is_ended(1);

	conclude(ended_2 && ended_1 ? NO_BUG : BUG,
		 "%d s after SIGKILL: queue depth 2, the process %s; 1, it %s", PATIENCE,
		 ended_2 ? "has ended" : "is there", ended_1 ? "has ended" : "is there");
}
