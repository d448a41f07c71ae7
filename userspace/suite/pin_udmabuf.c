// SPDX-License-Identifier: GPL-2.0-only
/*
 * udmabuf: a dma-buf of pages of a memfd, without any mapping.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"

static int udmabuf_fd;

struct dmabuf {
	int fd;
	char *addr;
};

static const char *udmabuf_missing(void)
{
	return access("/dev/udmabuf", F_OK) ?
	       "no /dev/udmabuf: the kernel needs CONFIG_UDMABUF" : NULL;
}

static const char *udmabuf_open(void)
{
	udmabuf_fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	return udmabuf_fd < 0 ? "/dev/udmabuf cannot be opened" : NULL;
}

/* It goes by file and offset: what a private mapping has does not matter to it. */
static bool udmabuf_takes(const struct kind *kind)
{
	return kind->mapping && kind->mapping->backing == BACKING_MEMFD &&
	       (kind->traits & KIND_SHARED);
}

static int udmabuf_unpin(struct fixture *f)
{
	struct dmabuf *dmabuf = f->pinner_data;

	if (dmabuf->addr != MAP_FAILED)
		munmap(dmabuf->addr, sys_page_size());
	close(dmabuf->fd);
	free(dmabuf);
	return 0;
}

static int udmabuf_pin(struct fixture *f)
{
	struct udmabuf_create page = {
		.memfd = f->m.fd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = sys_page_size(),
	};
	struct dmabuf *dmabuf = malloc(sizeof(*dmabuf));
	int ret;

	if (!dmabuf)
		return -ENOMEM;
	if (fcntl(f->m.fd, F_ADD_SEALS, F_SEAL_SHRINK))
		goto fail;
	dmabuf->fd = ioctl(udmabuf_fd, UDMABUF_CREATE, &page);
	if (dmabuf->fd < 0)
		goto fail;
	dmabuf->addr = mmap(NULL, sys_page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
			    dmabuf->fd, 0);
	f->pinner_data = dmabuf;
	if (dmabuf->addr != MAP_FAILED)
		return 0;
	ret = -errno;
	udmabuf_unpin(f);
	return ret;
fail:
	ret = -errno;
	free(dmabuf);
	return ret;
}

static int udmabuf_see(struct fixture *f)
{
	const struct dmabuf *dmabuf = f->pinner_data;

	return *(volatile char *)dmabuf->addr;
}

static void udmabuf_put(struct fixture *f, char byte)
{
	const struct dmabuf *dmabuf = f->pinner_data;

	*(volatile char *)dmabuf->addr = byte;
}

const struct pinner by_udmabuf = {
	.name = "udmabuf",
	.what =
		"udmabuf, which makes a dma-buf of a memfd that is sealed against shrinking, and pins by memfd_pin_folios() (Linux 6.11), for reading and writing and for long. The page is seen and written through a mapping of the dma-buf.",
	.missing = udmabuf_missing,
	.takes = udmabuf_takes,
	.open = udmabuf_open,
	.pin = udmabuf_pin,
	.see = udmabuf_see,
	.put = udmabuf_put,
	.unpin = udmabuf_unpin,
};
