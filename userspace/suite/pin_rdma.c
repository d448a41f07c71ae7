// SPDX-License-Identifier: GPL-2.0-only
/*
 * RDMA: a memory region pins the page under test, and a queue pair that is connected to
 * another one of this process reads and writes it as a remote machine would.
 *
 * The devices are the kernel's two in software: RoCE (rdma_rxe) on the interface dummy0,
 * and iWARP (siw) on dummy1: the connection manager finds a device by the interface's
 * address, and siw makes its GID of the hardware address, which lo does not have. What
 * connects is the RDMA connection manager, since iWARP has nothing else. The library of
 * verbs is linked with the providers of these two devices, so that no other file is
 * needed.
 */
#include <errno.h>
#include <infiniband/verbs.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"

/* How long a device may take to answer: on a busy machine several seconds. */
#define PATIENCE_MS	20000

/**
 * struct rdma - one of the two devices, and what a process has open of it
 * @type: as NEWLINK names it
 * @module: the kernel module
 * @ndev: the network interface
 * @dev: the name of the RDMA device
 * @why: why open failed
 * @events: of the connection manager
 * @listens, @accepts, @connects: the ends: one waits, and makes the second; the third
 *	is the initiator
 * @bounce: a registered page of the initiator, to which it reads
 * @page: that page
 */
struct rdma {
	const char *type, *module, *ndev, *dev;
	char why[REASON_MAX];
	struct rdma_event_channel *events;
	struct rdma_cm_id *listens, *accepts, *connects;
	struct ibv_mr *bounce;
	char *page;
};

static struct rdma rxe = {
	.type = "rxe", .module = "rdma_rxe", .ndev = "dummy0", .dev = "rxe_dummy0",
};

static struct rdma siw = {
	.type = "siw", .module = "siw", .ndev = "dummy1", .dev = "siw_dummy1",
};

static const char *says(struct rdma *rdma, const char *what, int error)
{
	snprintf(rdma->why, sizeof(rdma->why), "%s: %s of RDMA device %s failed",
		 pinscope_errno(error), what, rdma->dev);
	return rdma->why;
}

/* --------------------------------------------------------------- the device */

/* As `rdma link add` does. */
static int add_device(const struct rdma *rdma)
{
	union {
		struct nlmsghdr msg;
		char room[512];
	} out = {}, in = {};
	const struct nlmsgerr *answer = NLMSG_DATA(&in.msg);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_RDMA), ret = 0;

	if (fd < 0)
		return -errno;
	out.msg = (struct nlmsghdr) {
		.nlmsg_len = NLMSG_HDRLEN,
		.nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_NEWLINK),
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
	};
	sys_netlink_string(&out.msg, RDMA_NLDEV_ATTR_DEV_NAME, rdma->dev);
	sys_netlink_string(&out.msg, RDMA_NLDEV_ATTR_LINK_TYPE, rdma->type);
	sys_netlink_string(&out.msg, RDMA_NLDEV_ATTR_NDEV_NAME, rdma->ndev);
	if (send(fd, &out, out.msg.nlmsg_len, 0) < 0 || recv(fd, &in, sizeof(in), 0) < 0)
		ret = -errno;
	else if (in.msg.nlmsg_type == NLMSG_ERROR)
		ret = answer->error;
	close(fd);
	return ret;
}

/* Does the library of verbs know the device? */
static bool has_device(const struct rdma *rdma)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	bool has = false;
	size_t i;

	for (i = 0; list && list[i]; i++)
		has |= !strcmp(ibv_get_device_name(list[i]), rdma->dev);
	if (list)
		ibv_free_device_list(list);
	return has;
}

/* Several processes may try at a time: all but one fail, and wait for the device. */
static int make_device(const struct rdma *rdma)
{
	long end = sys_now_ms() + PATIENCE_MS;
	int ret = 0;

	while (!has_device(rdma)) {
		ret = add_device(rdma);
		if (ret && sys_now_ms() > end)
			return ret;
		sys_sleep_ms(10);
	}
	return 0;
}

/* The address of the interface, and any port. */
static int address_of(const char *ndev, struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;
	struct ifreq ifreq = {};

	if (fd < 0)
		return -errno;
	snprintf(ifreq.ifr_name, sizeof(ifreq.ifr_name), "%s", ndev);
	if (ioctl(fd, SIOCGIFADDR, &ifreq))
		ret = -errno;
	memcpy(addr, &ifreq.ifr_addr, sizeof(*addr));
	close(fd);
	return ret;
}

static const char *missing(const struct rdma *rdma)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/module/%s", rdma->module);
	if (access(path, F_OK) || access("/dev/infiniband/rdma_cm", F_OK))
		return rdma == &rxe ? "no RoCE in software: modprobe -a rdma_rxe rdma_ucm" :
				      "no iWARP in software: modprobe -a siw rdma_ucm";
	snprintf(path, sizeof(path), "/sys/class/net/%s", rdma->ndev);
	if (access(path, F_OK))
		return rdma == &rxe ?
			"no interface dummy0: make it (type dummy), with an IPv4 address, and up" :
			"no interface dummy1: make it (type dummy), with an IPv4 address, and up";
	return NULL;
}

/* ----------------------------------------------------------- the connection */

/* Waits for an event; returns the id that a request to connect comes with. */
static int wait_for(struct rdma *rdma, enum rdma_cm_event_type type,
		    struct rdma_cm_id **id)
{
	struct pollfd fd = { .fd = rdma->events->fd, .events = POLLIN };
	struct rdma_cm_event *event;
	int ret = poll(&fd, 1, PATIENCE_MS);

	if (ret <= 0)
		return ret ? -errno : -ETIMEDOUT;
	if (rdma_get_cm_event(rdma->events, &event))
		return -errno;
	if (id)
		*id = event->id;
	ret = event->event == type ? 0 : event->status < 0 ? event->status : -EPROTO;
	rdma_ack_cm_event(event);
	return ret;
}

static int make_queues(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
		.cap = {
			.max_send_wr = 4, .max_recv_wr = 1,
			.max_send_sge = 1, .max_recv_sge = 1,
		},
	};

	return rdma_create_qp(id, NULL, &attr) ? -errno : 0;
}

static int make_ends(struct rdma *rdma, struct sockaddr_in addr)
{
	struct rdma_cm_id **listens = &rdma->listens, **connects = &rdma->connects;
	struct sockaddr *to = (struct sockaddr *)&addr;
	int ret;

	rdma->events = rdma_create_event_channel();
	if (!rdma->events ||
	    rdma_create_id(rdma->events, listens, NULL, RDMA_PS_TCP) ||
	    rdma_create_id(rdma->events, connects, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(*listens, to) || rdma_listen(*listens, 1))
		return -errno;
	addr.sin_port = rdma_get_src_port(*listens);
	if (rdma_resolve_addr(*connects, NULL, to, PATIENCE_MS))
		return -errno;
	ret = wait_for(rdma, RDMA_CM_EVENT_ADDR_RESOLVED, NULL);
	if (ret)
		return ret;
	if (rdma_resolve_route(*connects, PATIENCE_MS))
		return -errno;
	return wait_for(rdma, RDMA_CM_EVENT_ROUTE_RESOLVED, NULL);
}

/* The connection manager comes to know a new device a while after others see it. */
static int make_ends_soon(struct rdma *rdma, const struct sockaddr_in *addr)
{
	long end = sys_now_ms() + PATIENCE_MS;
	int ret;

	while ((ret = make_ends(rdma, *addr)) == -ENODEV && sys_now_ms() < end) {
		if (rdma->connects)
			rdma_destroy_id(rdma->connects);
		if (rdma->listens)
			rdma_destroy_id(rdma->listens);
		if (rdma->events)
			rdma_destroy_event_channel(rdma->events);
		rdma->connects = NULL;
		rdma->listens = NULL;
		rdma->events = NULL;
		sys_sleep_ms(10);
	}
	return ret;
}

/* One read or write at a time, in one direction. */
static int connect_ends(struct rdma *rdma)
{
	struct rdma_conn_param param = {
		.responder_resources = 1, .initiator_depth = 1,
		.retry_count = 7, .rnr_retry_count = 7,
	};
	int ret = make_queues(rdma->connects);

	if (ret)
		return ret;
	if (rdma_connect(rdma->connects, &param))
		return -errno;
	ret = wait_for(rdma, RDMA_CM_EVENT_CONNECT_REQUEST, &rdma->accepts);
	if (!ret)
		ret = make_queues(rdma->accepts);
	if (ret)
		return ret;
	if (rdma_accept(rdma->accepts, &param))
		return -errno;
	/* Of both ends. */
	ret = wait_for(rdma, RDMA_CM_EVENT_ESTABLISHED, NULL);
	return ret ? ret : wait_for(rdma, RDMA_CM_EVENT_ESTABLISHED, NULL);
}

static const char *rdma_open(struct rdma *rdma)
{
	const int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
	struct sockaddr_in addr = {};
	int ret;

	ret = make_device(rdma);
	if (ret)
		return says(rdma, "making", ret);
	ret = address_of(rdma->ndev, &addr);
	if (ret)
		return says(rdma, "the address", ret);
	ret = make_ends_soon(rdma, &addr);
	if (ret)
		return says(rdma, "finding", ret);
	ret = connect_ends(rdma);
	if (ret)
		return says(rdma, "connecting", ret);
	rdma->page = aligned_alloc(sys_page_size(), sys_page_size());
	rdma->bounce = rdma->page ? ibv_reg_mr(rdma->connects->pd, rdma->page,
					       sys_page_size(), access) : NULL;
	return rdma->bounce ? NULL : says(rdma, "registering", errno);
}

/* --------------------------------------------------------------- the pinner */

static int rdma_pin(struct rdma *rdma, struct fixture *f)
{
	bool write = f->scenario.request->gup_flags & PINSCOPE_FOLL_WRITE;
	int access = IBV_ACCESS_REMOTE_READ;

	if (write)
		access |= IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_LOCAL_WRITE;
	f->pinner_data = ibv_reg_mr(rdma->accepts->pd, f->addr, sys_page_size(), access);
	return f->pinner_data ? 0 : -errno;
}

/* Moves the first byte of the page to the bounce page, or from there. */
static bool rdma_move(struct rdma *rdma, struct fixture *f, enum ibv_wr_opcode opcode)
{
	const struct ibv_mr *mr = f->pinner_data;
	struct ibv_sge to = {
		.addr = (uintptr_t)rdma->page, .length = 1, .lkey = rdma->bounce->lkey,
	};
	struct ibv_send_wr wr = {
		.opcode = opcode, .sg_list = &to, .num_sge = 1,
		.wr.rdma = { .remote_addr = (uintptr_t)f->addr, .rkey = mr->rkey },
	}, *bad;
	long end = sys_now_ms() + PATIENCE_MS;
	struct ibv_wc wc;
	int done;

	if (ibv_post_send(rdma->connects->qp, &wr, &bad))
		return false;
	do {
		done = ibv_poll_cq(rdma->connects->send_cq, 1, &wc);
		if (!done)
			sched_yield();
	} while (!done && sys_now_ms() < end);
	return done == 1 && wc.status == IBV_WC_SUCCESS;
}

static int rdma_see(struct rdma *rdma, struct fixture *f)
{
	return rdma_move(rdma, f, IBV_WR_RDMA_READ) ? *(volatile char *)rdma->page : 0;
}

/* A read that follows a write finds it done: the initiator may be told too early. */
static void rdma_put(struct rdma *rdma, struct fixture *f, char byte)
{
	*(volatile char *)rdma->page = byte;
	if (rdma_move(rdma, f, IBV_WR_RDMA_WRITE))
		rdma_see(rdma, f);
}

static int rdma_unpin(struct fixture *f)
{
	return -ibv_dereg_mr(f->pinner_data);
}

/* The functions and the rows of one device. */
#define DEVICE(dev, sentence)						\
static const char *dev##_missing(void)					\
{									\
	return missing(&(dev));						\
}									\
									\
static const char *dev##_open(void)					\
{									\
	return rdma_open(&(dev));					\
}									\
									\
static int dev##_pin(struct fixture *f)				\
{									\
	return rdma_pin(&dev, f);					\
}									\
									\
static int dev##_see(struct fixture *f)				\
{									\
	return rdma_see(&dev, f);					\
}									\
									\
static void dev##_put(struct fixture *f, char byte)			\
{									\
	rdma_put(&dev, f, byte);					\
}									\
									\
const struct pinner by_rdma_##dev##_read = {				\
	.name = "rdma-" #dev "-read",					\
	.what = sentence READS,						\
	.missing = dev##_missing,					\
	.open = dev##_open,						\
	.pin = dev##_pin,						\
	.see = dev##_see,						\
	.unpin = rdma_unpin,						\
};									\
									\
const struct pinner by_rdma_##dev##_write = {				\
	.name = "rdma-" #dev "-write",					\
	.what = sentence WRITES,					\
	.missing = dev##_missing,					\
	.open = dev##_open,						\
	.pin = dev##_pin,						\
	.see = dev##_see,						\
	.put = dev##_put,						\
	.unpin = rdma_unpin,						\
}

#define READS	" ib_umem_get() pins a memory region that others may only read (IBV_ACCESS_REMOTE_READ) by pin_user_pages_fast() with FOLL_LONGTERM; before Linux 6.2 with FOLL_WRITE | FOLL_FORCE as well. The page is seen by RDMA READ."
#define WRITES	" ib_umem_get() pins a memory region that may be written (IBV_ACCESS_LOCAL_WRITE) by pin_user_pages_fast() with FOLL_WRITE | FOLL_LONGTERM. The page is seen and written by RDMA READ and WRITE."

DEVICE(rxe, "RDMA, by RoCE in software (rdma_rxe):");
DEVICE(siw, "RDMA, by iWARP in software (siw):");

/*
 * The libraries look up names of hosts and protocols, though nothing here does. Those
 * functions of a static libc would load its shared libraries, of which the linker warns;
 * these find nothing.
 */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **found)
{
	(void)node;
	(void)service;
	(void)hints;
	*found = NULL;
	return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *found)
{
	(void)found;
}

struct protoent *getprotobyname(const char *name)
{
	(void)name;
	return NULL;
}

struct protoent *getprotobynumber(int number)
{
	(void)number;
	return NULL;
}
