// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a disk on VDUSE whose queue is full stop two processors?
 *
 * Needs the modules vduse, virtio_vdpa and virtio_blk, root, and four processors. When the bug
 * is there, two of them spin with interrupts disabled, or three, when one runs the disk's queue.
 * Processor 0 says so: it is spared when the kernel is booted with isolcpus=0-2.
 */
#include "../reproduce.h"
#include <glob.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/vdpa.h>
#include <linux/vduse.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <sys/socket.h>

#define NAME		"reproduce"
#define SECTORS		2048
#define READERS		8
#define SECONDS		20	/* how long is tried */
#define PATIENCE	5	/* seconds; RCU's stall warning comes after 21 */

/* A request takes three entries: no more than two fit. */
#define ENTRIES		8

/* The processors of these, and how many there are. */
enum { OBSERVER_CPU, READERS_CPU, SERVER_CPU, CPUS = 4 };

struct range {
	char *addr;
	uint64_t start, last;
};

static int control, dev, family;
static char disk[300];
static struct vduse_vq_info queue;
static struct range rings, bounce;
static uint16_t served;
static pthread_t readers[READERS], server_thread;

/* Of all processes. */
static struct {
	volatile bool stop_readers, stop_server;
	volatile unsigned long nr_reads, nr_turns;
} *shared;

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static pthread_t start(void *(*thread)(void *))
{
	pthread_t id;

	need(!pthread_create(&id, NULL, thread, NULL), "pthread_create");
	return id;
}

static bool map_range(struct range *range, uint64_t iova)
{
	struct vduse_iotlb_entry entry = { .start = iova, .last = iova };
	int fd = ioctl(dev, VDUSE_IOTLB_GET_FD, &entry);

	if (fd < 0)
		return false;
	range->start = entry.start;
	range->last = entry.last;
	range->addr = mmap(NULL, entry.last - entry.start + 1, PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, entry.offset);
	close(fd);
	return range->addr != MAP_FAILED;
}

/* The bounce buffer begins at 0; the rings are above. */
static void *at(uint64_t iova)
{
	if (rings.addr && iova >= rings.start && iova <= rings.last)
		return rings.addr + (iova - rings.start);
	need(bounce.addr || map_range(&bounce, 0), "the bounce buffer");
	return bounce.addr + iova;
}

static void serve_queue(void)
{
	struct vring_desc *descs, *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint32_t head, index = 0;

	if (!queue.num)
		return;
	descs = at(queue.desc_addr);
	avail = at(queue.driver_addr);
	used = at(queue.device_addr);
	while (served != __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE)) {
		head = avail->ring[served % queue.num];
		for (desc = &descs[head]; desc->flags & VRING_DESC_F_NEXT;)
			desc = &descs[desc->next];
		*(uint8_t *)at(desc->addr) = VIRTIO_BLK_S_OK;
		used->ring[served % queue.num] = (struct vring_used_elem) { head, 1 };
		__atomic_store_n(&used->idx, ++served, __ATOMIC_RELEASE);
		ioctl(dev, VDUSE_VQ_INJECT_IRQ, &index);
		shared->nr_turns++;
	}
}

static void serve_messages(void)
{
	struct vduse_dev_request request;
	struct vduse_dev_response response;

	while (read(dev, &request, sizeof(request)) == sizeof(request)) {
		response = (struct vduse_dev_response) { .request_id = request.request_id };
		if (request.type == VDUSE_GET_VQ_STATE)
			response.vq_state.split.avail_index = served;
		if (request.type == VDUSE_SET_STATUS && !request.s.status) {
			queue.num = 0;
			served = 0;
		}
		if (request.type == VDUSE_SET_STATUS && !queue.num &&
		    request.s.status & VIRTIO_CONFIG_S_DRIVER_OK &&
		    (ioctl(dev, VDUSE_VQ_GET_INFO, &queue) || !map_range(&rings, queue.desc_addr)))
			response.result = VDUSE_REQ_RESULT_FAILED;
		if (write(dev, &response, sizeof(response)) != sizeof(response))
			return;
	}
}

static void *server(void *arg)
{
	pin_to(SERVER_CPU);
	for (; !shared->stop_server; shared->nr_turns++) {
		serve_messages();
		serve_queue();
	}
	return arg;
}

static void *reader(void *arg)
{
	char *buffer = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	int fd = open(disk, O_RDONLY | O_DIRECT | O_CLOEXEC);

	need(fd >= 0 && buffer != MAP_FAILED, disk);
	pin_to(READERS_CPU);
	while (!shared->stop_readers) {
		need(pread(fd, buffer, PAGE, 0) == (ssize_t)PAGE, "a read of the disk");
		__atomic_add_fetch(&shared->nr_reads, 1, __ATOMIC_RELAXED);
	}
	close(fd);
	return arg;
}

/* ------------------------------------------------------------------ vDPA's netlink */

struct message {
	struct nlmsghdr nl;
	struct genlmsghdr genl;
	char room[512];
};

static void add_string(struct message *m, int type, const char *string)
{
	struct nlattr *attr = (struct nlattr *)((char *)m + m->nl.nlmsg_len);

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + strlen(string) + 1;
	memcpy((char *)attr + NLA_HDRLEN, string, strlen(string) + 1);
	m->nl.nlmsg_len += NLA_ALIGN(attr->nla_len);
}

static int ask(int type, int command, int attr, const char *name, struct message *answer)
{
	struct message m = {
		.nl.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN), .nl.nlmsg_type = type,
		.nl.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		.genl.cmd = command, .genl.version = 1,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	ssize_t len;

	need(fd >= 0, "socket");
	add_string(&m, attr, name);
	if (command == VDPA_CMD_DEV_NEW && type == family)
		add_string(&m, VDPA_ATTR_MGMTDEV_DEV_NAME, "vduse");
	need(send(fd, &m, m.nl.nlmsg_len, 0) >= 0, "netlink: send");
	len = recv(fd, answer, sizeof(*answer), 0);
	need(len >= 0, "netlink: recv");
	close(fd);
	return len;
}

static void find_family(void)
{
	struct message m;
	int i, len = ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, VDPA_GENL_NAME,
			 &m);
	const struct nlattr *attr;

	for (i = NLMSG_LENGTH(GENL_HDRLEN); m.nl.nlmsg_type == GENL_ID_CTRL && i < len;
	     i += NLA_ALIGN(attr->nla_len)) {
		attr = (const struct nlattr *)((const char *)&m + i);
		if (attr->nla_type == CTRL_ATTR_FAMILY_ID)
			family = *(const uint16_t *)(attr + 1);
	}
	errno = 0;
	need(family, "no netlink messages of vDPA: modprobe vdpa");
}

/* These wait for the driver, which waits for the server. */
static int vdpa(int command)
{
	struct message m;

	ask(family, command, VDPA_ATTR_DEV_NAME, NAME, &m);
	return ((const struct nlmsgerr *)NLMSG_DATA(&m.nl))->error;
}

/* ------------------------------------------------------------------ the device */

static void write_sysfs(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	need(fd >= 0 && write(fd, text, strlen(text)) > 0, file);
	close(fd);
}

static void make_device(void)
{
	struct {
		struct vduse_dev_config config;
		struct virtio_blk_config disk;
	} made = {
		.config = {
			.name = NAME, .device_id = VIRTIO_ID_BLOCK, .vq_num = 1,
			.vq_align = PAGE, .config_size = sizeof(made.disk),
			.features = 1ULL << VIRTIO_F_VERSION_1 |
				    1ULL << VIRTIO_F_ACCESS_PLATFORM,
		},
		.disk.capacity = SECTORS,
	};
	struct vduse_vq_config vq = { .max_size = ENTRIES };
	uint64_t version = VDUSE_API_VERSION;

	control = open("/dev/vduse/control", O_RDWR | O_CLOEXEC);
	need(control >= 0, "/dev/vduse/control: modprobe vduse");
	need(!access("/sys/bus/vdpa/drivers/virtio_vdpa", F_OK), "modprobe virtio_vdpa");
	need(!ioctl(control, VDUSE_SET_API_VERSION, &version), "VDUSE_SET_API_VERSION");
	need(!ioctl(control, VDUSE_CREATE_DEV, &made),
	     "VDUSE_CREATE_DEV; EEXIST is of a device that an earlier run has left");
	dev = open("/dev/vduse/" NAME, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	need(dev >= 0, "/dev/vduse/" NAME);
	need(!ioctl(dev, VDUSE_VQ_SETUP, &vq), "VDUSE_VQ_SETUP");
}

static void find_disk(void)
{
	glob_t found;

	need(!glob("/sys/bus/vdpa/devices/" NAME "/virtio*/block/*", 0, NULL, &found),
	     "no disk of the device");
	snprintf(disk, sizeof(disk), "/dev/%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
}

static void remove_device(void)
{
	static const char name[VDUSE_NAME_MAX] = NAME;
	int i;

	shared->stop_readers = true;
	for (i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	vdpa(VDPA_CMD_DEV_DEL);
	shared->stop_server = true;
	pthread_join(server_thread, NULL);
	close(dev);
	ioctl(control, VDUSE_DESTROY_DEV, name);
}

/* The disk's own process, which does not end when the bug is there. */
static void read_disk(void)
{
	char mask[12];
	int i;

	find_family();
	make_device();
	server_thread = start(server);
	errno = -vdpa(VDPA_CMD_DEV_NEW);
	need(!errno, "VDPA_CMD_DEV_NEW");
	find_disk();
	/* Where interrupts are injected: the driver has made its own choice. */
	snprintf(mask, sizeof(mask), "%x", 1 << SERVER_CPU);
	write_sysfs("/sys/class/vduse/" NAME "/vq0/irq_cb_affinity", mask);
	for (i = 0; i < READERS; i++)
		readers[i] = start(reader);
	sleep(SECONDS);
	remove_device();
	_exit(NO_BUG);
}

int main(void)
{
	unsigned long was = 0;
	int still, seconds, status;
	pid_t child;

	errno = 0;
	need(sysconf(_SC_NPROCESSORS_ONLN) >= CPUS, "fewer than four processors");
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(shared != MAP_FAILED, "mmap");
	child = fork();
	need(child >= 0, "fork");
	if (!child)
		read_disk();
	pin_to(OBSERVER_CPU);
	for (still = 0, seconds = 0; still < PATIENCE; still++, seconds++) {
		errno = 0;
		need(seconds < SECONDS + 60, "the device cannot be made, or not be removed");
		if (ended(child, 1, &status)) {
			if (!WIFEXITED(status) || WEXITSTATUS(status))
				_exit(CANNOT_TRY);
			conclude(NO_BUG, "%lu reads in %d s", shared->nr_reads, SECONDS);
		}
		if (shared->nr_turns == 0 || shared->nr_turns != was || shared->stop_server)
			still = -1;
		was = shared->nr_turns;
	}
	conclude(BUG, "processor %d has run nothing for %d s, after %lu reads", SERVER_CPU,
		 PATIENCE, shared->nr_reads);
}
