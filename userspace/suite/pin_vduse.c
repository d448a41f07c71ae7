// SPDX-License-Identifier: GPL-2.0-only
/*
 * VDUSE: a vDPA device that a process serves. Its driver copies all data through a bounce
 * buffer, for which the process may register memory of its own: that is pinned.
 *
 * The device is a disk of virtio-blk. Of the bounce buffer, which has 1 MiB at least, the
 * page under test is the first of the upper half. What is around it in the mapping under
 * test is pinned with it; the rest is plain anonymous memory, for which the suite has
 * reserved the room.
 *
 * The page is seen by a read of the disk that the server answers without a look at the
 * data: the driver then copies what the bounce buffer has. Nobody can say where in the
 * buffer a request has its data. But its allocator gives out multiples of pages from the
 * top, aligned to their size rounded up to a power of two. The header of a request comes
 * before the data, so that a quarter of the buffer in one piece is always the upper one of
 * those in the middle. The server sees whether that holds.
 *
 * A device belongs to no process. Each pin has one of its own, which the release removes;
 * that of a process that was killed is removed by the next pin.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <liburing.h>
#include <linux/genetlink.h>
#include <linux/vdpa.h>
#include <linux/vduse.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"

#define NAME		"pinscope"
#define CONTROL		"/dev/vduse/control"
#define DEVICE		"/dev/vduse/" NAME
#define DISKS		"/sys/bus/vdpa/devices/" NAME "/virtio*/block/*"

#define BOUNCE_SIZE	(1UL << 20)
#define HALF		(BOUNCE_SIZE / 2)

/* Bytes of the disk, and of each request to it. */
#define SPAN		(BOUNCE_SIZE / 4)

/*
 * Entries of the queue. A request takes three, and a read of SPAN bytes may be a request for
 * each page: there is room for that. 7.3 deadlocks when a request finds none, see
 * scripts/upstream/vduse-kick-deadlocks-with-interrupt; a second reader at once might do that.
 */
#define ENTRIES		256

/* How long anything may take, in milliseconds: on a busy machine several seconds. */
#define PATIENCE_MS	20000

/* A range of the device's addresses, mapped to this process. */
struct range {
	char *addr;
	uint64_t start;
	size_t len;
};

/**
 * struct vduse - a device, as its server has it
 * @control: what makes and removes devices
 * @dev: the device
 * @disk: the block device
 * @queue: where the parts of the queue are; num is 0 without a queue
 * @rings: these, mapped
 * @bounce: the kernel's bounce buffer, mapped; its length is 0 before
 * @umem: the bounce buffer that was registered, or NULL
 * @next: how many requests were served
 * @placed: the last request of SPAN bytes had them where the page under test is
 */
struct vduse {
	int control, dev, disk;
	struct vduse_vq_info queue;
	struct range rings, bounce;
	char *umem;
	uint16_t next;
	bool placed;
};

/* Of the process: what sends and does I/O, and what a request reads to or writes from. */
static struct io_uring uring;
static char *buffer;

/* The number of the family of netlink messages. */
static unsigned short family;

static const char *vduse_missing(void)
{
	if (access(CONTROL, F_OK))
		return "no " CONTROL ": modprobe vduse; the kernel needs CONFIG_VDPA_USER";
	if (access("/sys/bus/vdpa/drivers/virtio_vdpa", F_OK))
		return "nothing drives vDPA devices: modprobe virtio_vdpa";
	if (access(CONTROL, R_OK | W_OK))
		return "only root can open " CONTROL ": use sudo";
	/*
	 * Requests take iotlb_lock and bounce_lock of the device under virtio-blk's lock of
	 * the queue, which interrupts of another disk take, and VDUSE takes these two with
	 * interrupts enabled. Lockdep warns, and checks no lock from then on.
	 */
	if (!access("/proc/lockdep", F_OK))
		return "lockdep warns of VDUSE's locks: boot a kernel without CONFIG_LOCKDEP";
	return sys_thp_size() < SPAN ?
	       "the kernel is built without transparent huge pages: the I/O needs one" : NULL;
}

/* What a pin has besides the mapping under test comes from there. */
static bool vduse_takes(const struct kind *kind)
{
	return kind->mapping && !(kind->traits & KIND_DAX);
}

/* ------------------------------------------------------------------ the server */

static bool map_range(const struct vduse *v, uint64_t iova, struct range *range)
{
	struct vduse_iotlb_entry entry = { .start = iova, .last = iova };
	int fd = ioctl(v->dev, VDUSE_IOTLB_GET_FD, &entry);
	void *addr;

	if (fd < 0)
		return false;
	addr = mmap(NULL, entry.last - entry.start + 1, PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, entry.offset);
	close(fd);
	if (addr == MAP_FAILED)
		return false;
	*range = (struct range) { addr, entry.start, entry.last - entry.start + 1 };
	return true;
}

static void unmap_range(struct range *range)
{
	if (range->len)
		munmap(range->addr, range->len);
	range->len = 0;
}

/* An address of the device. */
static void *at(const struct vduse *v, uint64_t iova)
{
	if (iova >= BOUNCE_SIZE)
		return v->rings.addr + (iova - v->rings.start);
	return (v->umem ? v->umem : v->bounce.addr) + iova;
}

/* A request is a header, data, and a byte for the status. */
static uint32_t serve_request(struct vduse *v, const struct vring_desc *descs, uint32_t head)
{
	const struct vring_desc *data = &descs[descs[head].next];
	const struct virtio_blk_outhdr *header = at(v, descs[head].addr);
	bool read = header->type == VIRTIO_BLK_T_IN;

	/* Who looks for partitions finds none. */
	if (!v->umem && read)
		memset(at(v, data->addr), 0, data->len);
	if (data->len == SPAN)
		v->placed = data->addr == HALF;
	*(uint8_t *)at(v, descs[data->next].addr) = VIRTIO_BLK_S_OK;
	return read ? data->len + 1 : 1;
}

static void serve_queue(struct vduse *v)
{
	struct vring_avail *avail = at(v, v->queue.driver_addr);
	struct vring_used *used = at(v, v->queue.device_addr);
	uint32_t head, index = 0;

	while (v->queue.num && v->next != __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE)) {
		if (!v->umem && !v->bounce.len && !map_range(v, 0, &v->bounce))
			return;
		head = avail->ring[v->next % v->queue.num];
		used->ring[v->next % v->queue.num] = (struct vring_used_elem) {
			head, serve_request(v, at(v, v->queue.desc_addr), head),
		};
		__atomic_store_n(&used->idx, ++v->next, __ATOMIC_RELEASE);
		ioctl(v->dev, VDUSE_VQ_INJECT_IRQ, &index);
	}
}

/* The driver is ready, or it is gone: then it sets the status 0. */
static bool set_status(struct vduse *v, uint8_t status)
{
	if (!status) {
		v->queue.num = 0;
		v->next = 0;
		unmap_range(&v->rings);
	}
	if (!(status & VIRTIO_CONFIG_S_DRIVER_OK) || v->rings.len)
		return true;
	return !ioctl(v->dev, VDUSE_VQ_GET_INFO, &v->queue) &&
	       map_range(v, v->queue.desc_addr, &v->rings);
}

static void serve_messages(struct vduse *v)
{
	struct vduse_dev_request request;
	struct vduse_dev_response response;

	while (read(v->dev, &request, sizeof(request)) == sizeof(request)) {
		response = (struct vduse_dev_response) { .request_id = request.request_id };
		if (request.type == VDUSE_GET_VQ_STATE)
			response.vq_state.split.avail_index = v->next;
		if (request.type == VDUSE_SET_STATUS && !set_status(v, request.s.status))
			response.result = VDUSE_REQ_RESULT_FAILED;
		if (write(v->dev, &response, sizeof(response)) != sizeof(response))
			return;
	}
}

/* Submits what was prepared, and serves the device until that has an end. */
static int do_served(struct vduse *v)
{
	struct pollfd messages = { .fd = v->dev, .events = POLLIN };
	long end = sys_now_ms() + PATIENCE_MS;
	struct io_uring_cqe *cqe;
	int ret = io_uring_submit(&uring);

	if (ret != 1)
		return ret < 0 ? ret : -EIO;
	while (io_uring_peek_cqe(&uring, &cqe)) {
		if (sys_now_ms() > end)
			return -ETIMEDOUT;
		serve_messages(v);
		serve_queue(v);
		poll(&messages, 1, 1);
	}
	ret = cqe->res;
	io_uring_cqe_seen(&uring, cqe);
	return ret;
}

/* ------------------------------------------------------------------ the device */

struct message {
	struct nlmsghdr nl;
	struct genlmsghdr genl;
	char room[512];
};

static void begin_message(struct message *m, unsigned short type, unsigned char command)
{
	*m = (struct message) {
		.nl.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN), .nl.nlmsg_type = type,
		.nl.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		.genl.cmd = command, .genl.version = 1,
	};
}

static const char *find_family(void)
{
	const char *why = "no netlink messages of vDPA: modprobe vdpa";
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	const struct nlattr *attr;
	struct message m;
	ssize_t len, i;

	begin_message(&m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	sys_netlink_string(&m.nl, CTRL_ATTR_FAMILY_NAME, VDPA_GENL_NAME);
	len = fd < 0 || send(fd, &m, m.nl.nlmsg_len, 0) < 0 ? -1 : recv(fd, &m, sizeof(m), 0);
	for (i = NLMSG_LENGTH(GENL_HDRLEN); m.nl.nlmsg_type == GENL_ID_CTRL && i < len;
	     i += NLA_ALIGN(attr->nla_len)) {
		attr = (const struct nlattr *)((const char *)&m + i);
		if (attr->nla_type != CTRL_ATTR_FAMILY_ID)
			continue;
		memcpy(&family, attr + 1, sizeof(family));
		why = NULL;
		break;
	}
	if (fd >= 0)
		close(fd);
	return why;
}

/* As `vdpa dev add` and `vdpa dev del` do: the kernel returns when the driver has done. */
static int command(struct vduse *v, unsigned char what)
{
	static struct message m;	/* in case that it has no end */
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), ret;
	const struct nlmsgerr *answer = NLMSG_DATA(&m.nl);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring);

	if (fd < 0 || !sqe)
		return fd < 0 ? -errno : -EBUSY;
	begin_message(&m, family, what);
	sys_netlink_string(&m.nl, VDPA_ATTR_DEV_NAME, NAME);
	if (what == VDPA_CMD_DEV_NEW)
		sys_netlink_string(&m.nl, VDPA_ATTR_MGMTDEV_DEV_NAME, "vduse");
	io_uring_prep_send(sqe, fd, &m, m.nl.nlmsg_len, 0);
	/* A worker waits for the driver, and this process serves that. */
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	ret = do_served(v);
	if (ret >= 0)
		ret = recv(fd, &m, sizeof(m), MSG_DONTWAIT) < 0 ? -errno : answer->error;
	close(fd);
	return ret;
}

static int create(struct vduse *v)
{
	struct {
		struct vduse_dev_config config;
		struct virtio_blk_config disk;
	} made = {
		.config = {
			.name = NAME, .device_id = VIRTIO_ID_BLOCK, .vq_num = 1,
			.vq_align = sys_page_size(), .config_size = sizeof(made.disk),
			.features = 1ULL << VIRTIO_F_VERSION_1 |
				    1ULL << VIRTIO_F_ACCESS_PLATFORM,
		},
		.disk.capacity = SPAN >> 9,
	};

	return ioctl(v->control, VDUSE_CREATE_DEV, &made) ? -errno : 0;
}

/* Also of a device that somebody else has left. */
static int open_device(struct vduse *v)
{
	v->dev = open(DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return v->dev < 0 ? -errno : 0;
}

static int remove_device(struct vduse *v)
{
	static const char name[VDUSE_NAME_MAX] = NAME;
	int ret = command(v, VDPA_CMD_DEV_DEL);

	unmap_range(&v->rings);
	unmap_range(&v->bounce);
	close(v->dev);
	v->dev = -1;
	/* The command fails for a device that never was on the bus. */
	return ioctl(v->control, VDUSE_DESTROY_DEV, name) ? -errno : ret == -ENODEV ? 0 : ret;
}

static int open_disk(struct vduse *v)
{
	char path[300];
	glob_t found;

	if (glob(DISKS, 0, NULL, &found))
		return -ENXIO;
	snprintf(path, sizeof(path), "/dev/%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	v->disk = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	return v->disk < 0 ? -errno : 0;
}

/* Reads or writes the whole disk. */
static int transfer(struct vduse *v, bool write)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring);
	int ret;

	if (!sqe)
		return -EBUSY;
	if (write)
		io_uring_prep_write(sqe, v->disk, buffer, SPAN, 0);
	else
		io_uring_prep_read(sqe, v->disk, buffer, SPAN, 0);
	v->placed = false;
	ret = do_served(v);
	if (ret < 0)
		return ret;
	return ret == SPAN && v->placed ? 0 : -ENOTSUP;
}

/* With a first request, as the bounce buffer is there from then on. */
static int make_device(struct vduse *v)
{
	struct vduse_vq_config queue = { .max_size = ENTRIES };
	uint64_t version = VDUSE_API_VERSION;
	char size[20];
	int ret;

	v->control = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (v->control < 0 || ioctl(v->control, VDUSE_SET_API_VERSION, &version))
		return -errno;
	ret = create(v);
	if (ret == -EEXIST) {
		ret = open_device(v);
		if (!ret)
			ret = remove_device(v);
		if (!ret)
			ret = create(v);
	}
	if (!ret)
		ret = open_device(v);
	if (ret)
		return ret;
	if (ioctl(v->dev, VDUSE_VQ_SETUP, &queue))
		return -errno;
	snprintf(size, sizeof(size), "%lu", BOUNCE_SIZE);
	ret = sys_write_file("/sys/class/vduse/" NAME "/bounce_size", size);
	if (!ret)
		ret = command(v, VDPA_CMD_DEV_NEW);
	if (!ret)
		ret = open_disk(v);
	return ret ? ret : transfer(v, false);
}

/* ------------------------------------------------------------------ the pinner */

static const char *vduse_open(void)
{
	size_t thp = sys_thp_size();
	char *room = mmap(NULL, 2 * thp, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return "no memory for I/O";
	/* A request has one piece of memory: what is read must be contiguous. */
	buffer = room + (-(uintptr_t)room & (thp - 1));
	madvise(buffer, thp, MADV_HUGEPAGE);
	madvise(buffer, thp, MADV_DONTFORK);
	*buffer = 'b';
	if (io_uring_queue_init(2, &uring, 0))
		return "no io_uring could be made: sysctl kernel.io_uring_disabled=0";
	return find_family();
}

/* Nobody waits for a device that a child has open: it ends before. */
static int end(struct fixture *f)
{
	struct vduse *v = f->pinner_data;
	int ret = 0;

	fixture_join(f);
	if (v->disk >= 0)
		close(v->disk);
	if (v->dev >= 0)
		ret = remove_device(v);
	if (v->control >= 0)
		close(v->control);
	free(v);
	return ret;
}

/* Anonymous memory in the part of the bounce buffer that is outside of the mapping. */
static int fill(char *from, char *to)
{
	return from < to && mmap(from, to - from, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				 0) == MAP_FAILED ? -errno : 0;
}

static int register_umem(struct vduse *v, struct fixture *f)
{
	char *umem = f->addr - HALF;
	struct vduse_iova_umem all = { .uaddr = (uintptr_t)umem, .size = BOUNCE_SIZE };
	int ret = fill(umem, f->m.addr);

	if (!ret)
		ret = fill(f->m.addr + f->m.kind->len, umem + BOUNCE_SIZE);
	if (ret)
		return ret;
	if (ioctl(v->dev, VDUSE_IOTLB_REG_UMEM, &all))
		return -errno;
	v->umem = umem;
	return 0;
}

static int vduse_pin(struct fixture *f)
{
	struct vduse *v = malloc(sizeof(*v));
	int ret;

	if (!v)
		return -ENOMEM;
	*v = (struct vduse) { .control = -1, .dev = -1, .disk = -1 };
	f->pinner_data = v;
	ret = make_device(v);
	if (ret) {
		fixture_fails(f,
			      "VDUSE: %s: no disk can be made (EOPNOTSUPP: no huge page was given for its I/O)",
			      pinscope_errno(ret));
		ret = -ENODEV;
	} else {
		ret = register_umem(v, f);
	}
	if (ret)
		end(f);
	return ret;
}

static int vduse_see(struct fixture *f)
{
	return transfer(f->pinner_data, false) ? 0 : *buffer;
}

/* All other bytes stay what they are. */
static void vduse_put(struct fixture *f, char byte)
{
	if (transfer(f->pinner_data, false))
		return;
	*buffer = byte;
	transfer(f->pinner_data, true);
}

static int vduse_unpin(struct fixture *f)
{
	struct vduse *v = f->pinner_data;
	struct vduse_iova_umem all = { .size = BOUNCE_SIZE };
	int ret = ioctl(v->dev, VDUSE_IOTLB_DEREG_UMEM, &all) ? -errno : 0;
	int removed = end(f);

	return ret ? ret : removed;
}

const struct pinner by_vduse = {
	.name = "vduse",
	.what =
		"VDUSE, a vDPA device in userspace: VDUSE_IOTLB_REG_UMEM pins the whole bounce buffer by pin_user_pages() with FOLL_WRITE | FOLL_LONGTERM; the page under test is in its middle. The page is seen and written by requests to a disk that this process serves.",
	.device = DEVICE_VDUSE,
	.room = HALF,
	.missing = vduse_missing,
	.takes = vduse_takes,
	.open = vduse_open,
	.pin = vduse_pin,
	.see = vduse_see,
	.put = vduse_put,
	.unpin = vduse_unpin,
};
