// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory regions of RDMA by process, which the kernel lists by netlink, as for 'rdma
 * resource show mr'. A region pins its memory, unless its device handles page faults.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <rdma/rdma_netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "who.h"

/* Larger than the messages that the kernel makes for a dump. */
#define MESSAGE_MAX	65536

/* Attributes, one after the other, or what one contains. */
struct attrs {
	const char *at;
	size_t left;
};

/* The regions of a process, of one device. */
struct regions {
	pid_t pid;
	unsigned int nr;
	unsigned long long bytes;
};

/* Devices that are looked at. */
#define DEVICES_MAX	64

struct devices {
	size_t nr;
	struct {
		uint32_t index;
		char name[64];
	} device[DEVICES_MAX];
};

/* Returns the type of the next one and sets its content; -1: there is none. */
static int next_attr(struct attrs *attrs, struct attrs *content)
{
	const struct nlattr *attr = (const void *)attrs->at;
	size_t size;

	if (attrs->left < NLA_HDRLEN || attr->nla_len < NLA_HDRLEN ||
	    attr->nla_len > attrs->left)
		return -1;
	*content = (struct attrs) { attrs->at + NLA_HDRLEN, attr->nla_len - NLA_HDRLEN };
	size = NLA_ALIGN(attr->nla_len);
	if (size > attrs->left)
		size = attrs->left;
	attrs->at += size;
	attrs->left -= size;
	return attr->nla_type & NLA_TYPE_MASK;
}

static bool find_attr(struct attrs attrs, int type, struct attrs *content)
{
	int found;

	while ((found = next_attr(&attrs, content)) >= 0)
		if (found == type)
			return true;
	return false;
}

/* The number that an attribute contains; 0 when there is none. */
static uint64_t number_of(struct attrs attrs, int type)
{
	struct attrs content;
	uint32_t small;
	uint64_t large;

	if (!find_attr(attrs, type, &content))
		return 0;
	if (content.left == sizeof(large)) {
		memcpy(&large, content.at, sizeof(large));
		return large;
	}
	if (content.left != sizeof(small))
		return 0;
	memcpy(&small, content.at, sizeof(small));
	return small;
}

/* Calls @visit for each message that came; returns whether there are more to come. */
static bool read_messages(int fd, void (*visit)(void *arg, struct attrs attrs), void *arg)
{
	static char buf[MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *msg = (void *)buf;
	int left = recv(fd, buf, sizeof(buf), 0);

	if (left <= 0)
		return false;
	for (; NLMSG_OK(msg, (unsigned int)left); msg = NLMSG_NEXT(msg, left)) {
		if (msg->nlmsg_type == NLMSG_DONE || msg->nlmsg_type == NLMSG_ERROR)
			return false;
		visit(arg, (struct attrs) { NLMSG_DATA(msg), NLMSG_PAYLOAD(msg, 0) });
	}
	return true;
}

/* Asks for all of something; of one device unless @device is NULL. */
static void dump(unsigned int command, const uint32_t *device,
		 void (*visit)(void *arg, struct attrs attrs), void *arg)
{
	struct {
		struct nlmsghdr msg;
		struct nlattr attr;
		uint32_t index;
	} out = {
		.msg.nlmsg_len = sizeof(out.msg),
		.msg.nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, command),
		.msg.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		.attr.nla_len = sizeof(out.attr) + sizeof(out.index),
		.attr.nla_type = RDMA_NLDEV_ATTR_DEV_INDEX,
		.index = device ? *device : 0,
	};
	const struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_RDMA);

	if (fd < 0)
		return;
	if (device)
		out.msg.nlmsg_len = sizeof(out);
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
	    send(fd, &out, out.msg.nlmsg_len, 0) >= 0)
		while (read_messages(fd, visit, arg))
			;
	close(fd);
}

static void add_device(void *arg, struct attrs attrs)
{
	struct devices *devices = arg;
	struct attrs name;
	size_t nr = devices->nr;

	if (nr == DEVICES_MAX || !find_attr(attrs, RDMA_NLDEV_ATTR_DEV_NAME, &name))
		return;
	devices->device[nr].index = number_of(attrs, RDMA_NLDEV_ATTR_DEV_INDEX);
	snprintf(devices->device[nr].name, sizeof(devices->device[nr].name), "%.*s",
		 (int)name.left, name.at);
	devices->nr++;
}

static void add_regions(void *arg, struct attrs attrs)
{
	struct regions *regions = arg;
	struct attrs table, entry;

	if (!find_attr(attrs, RDMA_NLDEV_ATTR_RES_MR, &table))
		return;
	while (next_attr(&table, &entry) >= 0) {
		/* Those of the kernel have no process. */
		if (number_of(entry, RDMA_NLDEV_ATTR_RES_PID) != (uint64_t)regions->pid)
			continue;
		regions->nr++;
		regions->bytes += number_of(entry, RDMA_NLDEV_ATTR_RES_MRLEN);
	}
}

void who_rdma(pid_t pid, void (*tell)(void *arg, const char *what), void *arg)
{
	struct devices devices = {};
	char text[160];
	size_t i;

	/* The socket would load RDMA's modules. */
	if (access("/sys/class/infiniband", F_OK))
		return;
	dump(RDMA_NLDEV_CMD_GET, NULL, add_device, &devices);
	for (i = 0; i < devices.nr; i++) {
		struct regions regions = { .pid = pid };

		dump(RDMA_NLDEV_CMD_RES_MR_GET, &devices.device[i].index, add_regions,
		     &regions);
		if (!regions.nr)
			continue;
		snprintf(text, sizeof(text), "%u memory region%s of RDMA device %s, %llu bytes",
			 regions.nr, regions.nr == 1 ? "" : "s", devices.device[i].name,
			 regions.bytes);
		tell(arg, text);
	}
}
