// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network on lo: AF_XDP, and send() with MSG_ZEROCOPY.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"

/* How long a packet may take, in milliseconds. */
#define PATIENCE_MS	1000

/* ------------------------------------------------------------------- AF_XDP */

/* Entries of each ring. Nobody empties that of what was sent: a pin is seen less often. */
#define ENTRIES		64

/* Of a packet: no other on lo has that length. */
#define PACKET_LEN	333

/**
 * struct xsk - a socket with a umem, and what receives
 * @fd: the socket: the umem lives as long as that is open in any process
 * @packet: gets all packets on lo
 * @tx: the ring of what is to be sent
 * @tx_len: its bytes
 * @offsets: where its parts are
 */
struct xsk {
	int fd, packet;
	char *tx;
	size_t tx_len;
	struct xdp_ring_offset offsets;
};

static const char *xsk_missing(void)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return "no AF_XDP: the kernel needs CONFIG_XDP_SOCKETS";
	close(fd);
	/* What is sent is received by it. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 && errno == EAFNOSUPPORT)
		return "no packet sockets: modprobe af_packet; the kernel needs CONFIG_PACKET";
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* A child from after the pin has the socket as well. */
static int xsk_unpin(struct fixture *f)
{
	struct xsk *xsk = f->pinner_data;

	fixture_join(f);
	if (xsk->tx != MAP_FAILED)
		munmap(xsk->tx, xsk->tx_len);
	if (xsk->packet >= 0)
		close(xsk->packet);
	if (xsk->fd >= 0)
		close(xsk->fd);
	free(xsk);
	return 0;
}

static int set_option(const struct xsk *xsk, int option, const void *value, size_t size)
{
	return setsockopt(xsk->fd, SOL_XDP, option, value, size) ? -errno : 0;
}

static int make_rings(struct xsk *xsk)
{
	static const int rings[] = {
		XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_TX_RING,
	};
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	int entries = ENTRIES, ret;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rings); i++) {
		ret = set_option(xsk, rings[i], &entries, sizeof(entries));
		if (ret)
			return ret;
	}
	if (getsockopt(xsk->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size))
		return -errno;
	xsk->offsets = offsets.tx;
	xsk->tx_len = offsets.tx.desc + ENTRIES * sizeof(struct xdp_desc);
	xsk->tx = mmap(NULL, xsk->tx_len, PROT_READ | PROT_WRITE, MAP_SHARED, xsk->fd,
		       XDP_PGOFF_TX_RING);
	return xsk->tx == MAP_FAILED ? -errno : 0;
}

static int attach(struct xsk *xsk)
{
	const struct sockaddr_xdp queue = {
		.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY,
		.sxdp_ifindex = if_nametoindex("lo"),
	};
	const struct sockaddr_ll lo = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex("lo"),
	};
	int ms = 0;

	/* The queue is free some time after the last socket on it was closed. */
	while (bind(xsk->fd, (const struct sockaddr *)&queue, sizeof(queue))) {
		if (errno != EBUSY || ms++ == PATIENCE_MS)
			return -errno;
		sys_sleep_ms(1);
	}
	return bind(xsk->packet, (const struct sockaddr *)&lo, sizeof(lo)) ? -errno : 0;
}

static int xsk_pin(struct fixture *f)
{
	const struct xdp_umem_reg umem = {
		.addr = (uintptr_t)f->addr, .len = sys_page_size(),
		.chunk_size = sys_page_size(),
	};
	struct xsk *xsk = malloc(sizeof(*xsk));
	int ret;

	if (!xsk)
		return -ENOMEM;
	*xsk = (struct xsk) {
		.fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0),
		.packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0),
		.tx = MAP_FAILED,
	};
	f->pinner_data = xsk;
	ret = xsk->fd < 0 || xsk->packet < 0 ? -errno : 0;
	if (!ret)
		ret = set_option(xsk, XDP_UMEM_REG, &umem, sizeof(umem));
	if (!ret)
		ret = make_rings(xsk);
	if (!ret)
		ret = attach(xsk);
	if (ret)
		xsk_unpin(f);
	return ret;
}

/* The packet that was sent, among others. */
static int receive(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char packet[PACKET_LEN + 1];

	while (poll(&ready, 1, PATIENCE_MS) == 1)
		if (recv(fd, packet, sizeof(packet), 0) == PACKET_LEN)
			return packet[0];
	return 0;
}

/* Sends the beginning of the page as a packet. */
static int xsk_see(struct fixture *f)
{
	struct xsk *xsk = f->pinner_data;
	uint32_t *producer = (uint32_t *)(xsk->tx + xsk->offsets.producer);
	struct xdp_desc *descs = (struct xdp_desc *)(xsk->tx + xsk->offsets.desc);

	descs[*producer % ENTRIES] = (struct xdp_desc) { .len = PACKET_LEN };
	__atomic_store_n(producer, *producer + 1, __ATOMIC_RELEASE);
	if (sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0)
		return 0;
	return receive(xsk->packet);
}

const struct pinner by_xsk = {
	.name = "xdp-umem",
	.what =
		"AF_XDP, which pins a umem by pin_user_pages() with FOLL_WRITE | FOLL_LONGTERM. The page is seen by sending it as a packet.",
	.device = DEVICE_VETH,
	.missing = xsk_missing,
	.pin = xsk_pin,
	.see = xsk_see,
	.unpin = xsk_unpin,
};

/* ------------------------------------------------------------- MSG_ZEROCOPY */

/* A packet can be looked at once, so that as many are held back. */
#define PACKETS		8

/**
 * struct zerocopy - UDP sockets, each with a datagram that MSG_MORE holds back
 * @fds: the sockets; from @seen on they hold a reference to the page
 * @seen: how many were sent
 * @in: gets the datagrams
 * @to: its address
 */
struct zerocopy {
	int fds[PACKETS];
	unsigned int seen;
	int in;
	struct sockaddr_in to;
};

static const char *zerocopy_missing(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		return "no UDP: the kernel needs CONFIG_INET";
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* A child from after the pin has the sockets as well. */
static int zerocopy_unpin(struct fixture *f)
{
	struct zerocopy *z = f->pinner_data;
	unsigned int i;

	fixture_join(f);
	for (i = 0; i < PACKETS; i++)
		if (z->fds[i] >= 0)
			close(z->fds[i]);
	if (z->in >= 0)
		close(z->in);
	free(z);
	return 0;
}

/* UDP copies what MSG_MORE holds back, unless it is to be segmented. */
static int hold_back(struct zerocopy *z, const char *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, segment = 1000;

	z->fds[z->seen++] = fd;
	return fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) ||
	       setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) ||
	       connect(fd, (struct sockaddr *)&z->to, sizeof(z->to)) ||
	       send(fd, addr, 1, MSG_ZEROCOPY | MSG_MORE) != 1 ? -errno : 0;
}

static int zerocopy_pin(struct fixture *f)
{
	struct zerocopy *z = malloc(sizeof(*z));
	socklen_t len = sizeof(z->to);
	int ret;

	if (!z)
		return -ENOMEM;
	*z = (struct zerocopy) {
		.fds = { -1, -1, -1, -1, -1, -1, -1, -1 },
		.in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		.to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
	};
	f->pinner_data = z;
	ret = z->in < 0 || bind(z->in, (struct sockaddr *)&z->to, len) ||
	      getsockname(z->in, (struct sockaddr *)&z->to, &len) ? -errno : 0;
	while (!ret && z->seen < PACKETS)
		ret = hold_back(z, f->addr);
	z->seen = 0;
	if (ret)
		zerocopy_unpin(f);
	return ret;
}

/* Lets one datagram go. */
static int zerocopy_see(struct fixture *f)
{
	struct zerocopy *z = f->pinner_data;
	struct pollfd ready = { .fd = z->in, .events = POLLIN };
	char byte = 0;

	if (z->seen == PACKETS || send(z->fds[z->seen++], "", 0, 0) < 0)
		return -1;
	return poll(&ready, 1, PATIENCE_MS) == 1 && recv(z->in, &byte, 1, 0) == 1 ? byte : 0;
}

const struct pinner by_zerocopy = {
	.name = "msg-zerocopy",
	.what =
		"send() with MSG_ZEROCOPY, which takes references by get_user_pages_fast() without flags until the data is sent, and for UDP with MSG_MORE that is for as long as the sender likes.",
	.missing = zerocopy_missing,
	.pin = zerocopy_pin,
	.see = zerocopy_see,
	.unpin = zerocopy_unpin,
};
