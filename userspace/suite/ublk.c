// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands to ublk, see ublk.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"
#include "ublk.h"

#define CONTROL		"/dev/ublk-control"

/* @sent counts the commands: the answer of one that nobody waited for is dropped. */
struct control {
	int fd;
	uint64_t sent;
	struct io_uring ring;
};

/* Of the process. */
static struct control control;

static const char *control_open(struct control *c)
{
	c->fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		return "no " CONTROL ": modprobe ublk_drv";
	if (!io_uring_queue_init(2, &c->ring, IORING_SETUP_SQE128))
		return NULL;
	close(c->fd);
	return "no io_uring could be made: sysctl kernel.io_uring_disabled=0";
}

static int control_send(struct control *c, uint32_t op, const struct ublksrv_ctrl_cmd *cmd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&c->ring);
	int ret;

	if (!sqe)
		return -EBUSY;
	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = c->fd;
	sqe->off = op;
	sqe->user_data = ++c->sent;
	/* The command begins in the last fields of the first half. */
	memcpy((char *)sqe + 48, cmd, sizeof(*cmd));
	ret = io_uring_submit(&c->ring);
	return ret == 1 ? 0 : ret < 0 ? ret : -EIO;
}

static int control_answer(struct control *c)
{
	struct io_uring_cqe *cqe;
	bool is_last;
	int ret;

	do {
		ret = io_uring_wait_cqe(&c->ring, &cqe);
		if (ret)
			return ret;
		is_last = cqe->user_data == c->sent;
		ret = cqe->res;
		io_uring_cqe_seen(&c->ring, cqe);
	} while (!is_last);
	return ret;
}

const char *ublk_lacks(uint64_t feature, const char *why)
{
	uint64_t features = 0;
	const struct ublksrv_ctrl_cmd cmd = {
		.addr = (uintptr_t)&features, .len = sizeof(features),
	};
	struct control c;
	const char *no_control = control_open(&c);
	bool has;

	if (no_control)
		return no_control;
	has = !control_send(&c, UBLK_GET_FEATURES, &cmd) && !control_answer(&c) &&
	      (features & feature);
	io_uring_queue_exit(&c.ring);
	close(c.fd);
	return has ? NULL : why;
}

const char *ublk_open(void)
{
	/* Several pinners of a process share it. */
	static pid_t opened_in;
	const char *why = NULL;

	if (opened_in != getpid())
		why = control_open(&control);
	if (!why)
		opened_in = getpid();
	return why;
}

int ublk_send(uint32_t op, int dev, uint64_t data, uint16_t len)
{
	const struct ublksrv_ctrl_cmd cmd = {
		.dev_id = dev, .queue_id = -1, .len = len,
		.addr = len ? data : 0, .data[0] = len ? 0 : data,
	};

	return control_send(&control, op, &cmd);
}

bool ublk_answered(void)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&control.ring, &cqe)) {
		if (cqe->user_data == control.sent)
			return true;
		io_uring_cqe_seen(&control.ring, cqe);
	}
	return false;
}

int ublk_answer(void)
{
	return control_answer(&control);
}

int ublk_command(uint32_t op, int dev, uint64_t data, uint16_t len)
{
	int ret = ublk_send(op, dev, data, len);

	return ret ? ret : ublk_answer();
}

int ublk_add(uint64_t features)
{
	struct ublksrv_ctrl_dev_info info = {
		.nr_hw_queues = 1, .queue_depth = 1, .max_io_buf_bytes = sys_page_size(),
		.dev_id = -1, .flags = features | UBLK_CMD_ENCODE,
	};
	int ret = ublk_command(UBLK_ADD_DEV, -1, (uintptr_t)&info, sizeof(info));

	return ret ? ret : (int)info.dev_id;
}

int ublk_remove(int dev)
{
	return ublk_command(UBLK_DEL_DEV, dev, 0, 0);
}
