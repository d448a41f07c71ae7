// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a memfd keep what was written to it through a dma-buf?
 *
 * usage: reproduce
 *
 * Pages of a memfd that nobody has written to become a dma-buf by udmabuf, which is written to by
 * its mapping, as a device or a display would. When the dma-buf is gone, MADV_PAGEOUT reclaims
 * the pages of the memfd, as memory pressure would. The same with a write to a mapping of the memfd
 * comes first. Needs to be allowed to open /dev/udmabuf (group kvm, or root); no swap.
 */
#include "../reproduce.h"

#include <linux/udmabuf.h>

enum { PAGES = 16, LEN = PAGES * PAGE };

static char data[LEN];

static void *map(int fd)
{
	void *addr = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	need(addr != MAP_FAILED, "mmap");
	return addr;
}

static int dmabuf_of(int memfd)
{
	const struct udmabuf_create create = {
		.memfd = memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = LEN,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;

	need(device >= 0, "/dev/udmabuf");
	fd = ioctl(device, UDMABUF_CREATE, &create);
	need(fd >= 0, "UDMABUF_CREATE");
	close(device);
	return fd;
}

/* How many pages of a new memfd do not have what was written, once they were reclaimed? */
static int lost(bool by_dmabuf)
{
	int memfd = memfd_create("reproduce", MFD_CLOEXEC | MFD_ALLOW_SEALING), fd, nr;
	char *addr;

	need(memfd >= 0, "memfd_create");
	need(!ftruncate(memfd, LEN), "ftruncate");
	need(!fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), "F_ADD_SEALS");
	fd = by_dmabuf ? dmabuf_of(memfd) : memfd;
	addr = map(fd);
	memcpy(addr, data, LEN);
	munmap(addr, LEN);
	if (by_dmabuf)
		close(fd);
	/* The dma-buf is released when the process has left the kernel, and then at the latest. */
	usleep(100000);
	addr = map(memfd);
	need(!memcmp(addr, data, LEN), "the memfd does not have what was written");
	nr = lost_pages(addr, data, PAGES);
	munmap(addr, LEN);
	close(memfd);
	return nr;
}

int main(void)
{
	int control, nr;

	memset(data, 'n', LEN);
	control = lost(false);
	nr = lost(true);
	printf("%d of %d pages are lost after a write to a dma-buf, %d after one to the memfd\n",
	       nr, PAGES, control);
	errno = 0;
	need(!control, "a write to the memfd is lost, too");
	if (nr)
		conclude(BUG, "a memfd has lost what was written through a dma-buf");
	conclude(NO_BUG, "nothing is lost");
}
