// SPDX-License-Identifier: GPL-2.0-only
/*
 * V4L2 with user pointers, by the virtual video device vivid: the smallest picture that
 * it has fits into the page under test. Nothing streams; a buffer is pinned when it is
 * prepared and until the buffers of its queue are freed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"

/* Minors of video devices. */
#define MAX_VIDEOS	64

/* A device with one queue, which nobody else uses meanwhile. */
struct queue {
	uint32_t type, capability;
	int fd;
};

static struct queue output = {
	.type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .capability = V4L2_CAP_VIDEO_OUTPUT,
};

static struct queue capture = {
	.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .capability = V4L2_CAP_VIDEO_CAPTURE,
};

static const char *vivid_missing(void)
{
	return access("/sys/bus/platform/drivers/vivid", F_OK) ||
	       access("/dev/video0", F_OK) ? "no virtual video device: modprobe vivid" : NULL;
}

static int find_video(const struct queue *queue)
{
	struct v4l2_capability cap;
	char path[40];
	int nr, fd;

	for (nr = 0; nr < MAX_VIDEOS; nr++) {
		snprintf(path, sizeof(path), "/dev/video%d", nr);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!ioctl(fd, VIDIOC_QUERYCAP, &cap) &&
		    !strcmp((char *)cap.driver, "vivid") &&
		    (cap.device_caps & queue->capability))
			return fd;
		close(fd);
	}
	return -1;
}

static bool fits_page(const struct queue *queue)
{
	struct v4l2_format format = {
		.type = queue->type,
		.fmt.pix = {
			.width = 1, .height = 1, .pixelformat = V4L2_PIX_FMT_GREY,
			.field = V4L2_FIELD_ANY,
		},
	};

	return !ioctl(queue->fd, VIDIOC_S_FMT, &format) &&
	       format.fmt.pix.sizeimage <= sys_page_size();
}

/* Some inputs scale to any size, which outputs do anyway. */
static const char *queue_open(struct queue *queue)
{
	bool fits;
	int input;

	queue->fd = find_video(queue);
	if (queue->fd < 0)
		return "vivid has no such device: modprobe vivid with its defaults";
	fits = fits_page(queue);
	for (input = 0; !fits && !ioctl(queue->fd, VIDIOC_S_INPUT, &input); input++)
		fits = fits_page(queue);
	if (fits)
		return NULL;
	close(queue->fd);
	return "vivid has no picture that fits into a page";
}

static int set_buffers(const struct queue *queue, unsigned int count)
{
	struct v4l2_requestbuffers buffers = {
		.type = queue->type, .memory = V4L2_MEMORY_USERPTR, .count = count,
	};

	return ioctl(queue->fd, VIDIOC_REQBUFS, &buffers) ? -errno : 0;
}

static int queue_pin(const struct queue *queue, struct fixture *f)
{
	struct v4l2_buffer buffer = {
		.type = queue->type, .memory = V4L2_MEMORY_USERPTR,
		.m.userptr = (uintptr_t)f->addr, .length = sys_page_size(),
		.bytesused = sys_page_size(), .field = V4L2_FIELD_NONE,
	};
	int ret = set_buffers(queue, 1);

	if (!ret && ioctl(queue->fd, VIDIOC_PREPARE_BUF, &buffer)) {
		ret = -errno;
		set_buffers(queue, 0);
	}
	return ret;
}

static const char *output_open(void)
{
	return queue_open(&output);
}

static int output_pin(struct fixture *f)
{
	return queue_pin(&output, f);
}

static int output_unpin(struct fixture *f)
{
	(void)f;
	return set_buffers(&output, 0);
}

static const char *capture_open(void)
{
	return queue_open(&capture);
}

static int capture_pin(struct fixture *f)
{
	return queue_pin(&capture, f);
}

static int capture_unpin(struct fixture *f)
{
	(void)f;
	return set_buffers(&capture, 0);
}

const struct pinner by_v4l2_output = {
	.name = "v4l2-output",
	.what =
		"V4L2 (vivid), which pins a user pointer to a picture that the device shows, by pin_user_pages_fast() with FOLL_LONGTERM; before Linux 6.2 with FOLL_WRITE | FOLL_FORCE as well. What the device sees is not looked at.",
	.device = DEVICE_VIVID,
	.missing = vivid_missing,
	.open = output_open,
	.pin = output_pin,
	.unpin = output_unpin,
};

const struct pinner by_v4l2_capture = {
	.name = "v4l2-capture",
	.what =
		"V4L2 (vivid), which pins a user pointer to a picture that the device takes, by pin_user_pages_fast() with FOLL_WRITE | FOLL_LONGTERM; before Linux 6.2 with FOLL_FORCE as well. What the device sees is not looked at.",
	.device = DEVICE_VIVID,
	.missing = vivid_missing,
	.open = capture_open,
	.pin = capture_pin,
	.unpin = capture_unpin,
};
