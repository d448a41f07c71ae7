// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO and iommufd: a device that is bound to vfio-pci, behind an IOMMU, has the page
 * under test mapped for DMA. The device must be bound by somebody else: pinscope takes
 * none away from its driver.
 *
 * A group of VFIO takes /dev/iommu as its container, with the same ioctls. The pages are
 * then pinned by iommufd, which in addition maps memfds without any mapping.
 *
 * What the pinned page has is known when the device can copy memory by itself. One can
 * that every QEMU has: the SCSI controller LSI 53C895A, whose SCRIPTS processor has an
 * instruction for that. (QEMU's edu can as well, but waits 100 ms for each copy.) With
 * any other device the suite goes by the pincount alone.
 *
 * A group has one user at a time, so that each scenario opens it anew, and closes it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"
#include "sys.h"

#define DRIVER_DIR	"/sys/bus/pci/drivers/vfio-pci/"

#define VFIO_CONTAINER	"/dev/vfio/vfio"
#define IOMMUFD		"/dev/iommu"

/* How long another scenario's use of the group may last. */
#define FREE_MS		2000

/* Where the device finds the page under test, and the window, in its addresses. */
#define IOVA_PAGE	0x100000
#define IOVA_WINDOW	0x200000

/* PCI configuration space */
#define PCI_COMMAND	4
#define PCI_MASTER_MEM	0x6	/* the device may access memory, and has its own */

/* LSI 53C895A: registers, by BAR 1, and the instruction that moves memory */
#define LSI_ID		0x00121000	/* device and vendor */
#define LSI_DSP		0x2c	/* address of the script; writing it starts that */
#define LSI_MOVE	0xc0000000
#define LSI_INTERRUPT	0x98080000	/* the end of a script */

/* From linux/iommufd.h, which is newer than the headers of some build machines. */
#define IOMMU_VFIO_IOAS			_IO(';', 0x88)
#define IOMMU_VFIO_IOAS_GET		0
#define IOMMU_IOAS_MAP_FILE		_IO(';', 0x8f)
#define IOMMU_IOAS_MAP_FIXED_IOVA	(1 << 0)
#define IOMMU_IOAS_MAP_WRITEABLE	(1 << 1)
#define IOMMU_IOAS_MAP_READABLE		(1 << 2)

struct iommu_vfio_ioas {
	uint32_t size, ioas_id;
	uint16_t op, reserved;
};

struct iommu_ioas_map_file {
	uint32_t size, flags, ioas_id;
	int32_t fd;
	uint64_t start, length, iova;
};

/* The device of a process. */
struct vfio {
	int container, group, device;	/* @device is -1 when it cannot copy */
	off_t config, registers;	/* where @device has them */
	/* A page that the device copies to and from; the script is at its end. */
	char *window;
};

/* A device that vfio-pci has. */
struct bound {
	char name[16];
	unsigned int group;
	bool copies;
};

static bool is_lsi(const char *name)
{
	unsigned int vendor = 0, device = 0;
	char path[80];
	FILE *file;

	snprintf(path, sizeof(path), DRIVER_DIR "%s/vendor", name);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%x", &vendor) != 1)
			vendor = 0;
		fclose(file);
	}
	snprintf(path, sizeof(path), DRIVER_DIR "%s/device", name);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%x", &device) != 1)
			device = 0;
		fclose(file);
	}
	return (device << 16 | vendor) == LSI_ID;
}

/* Finds a device that vfio-pci has, one that can copy if possible. */
static bool find_bound(struct bound *bound)
{
	DIR *dir = opendir(DRIVER_DIR);
	struct dirent *entry;
	char path[80], link[120];
	bool found = false;
	ssize_t len;

	while (dir && !(found && bound->copies) && (entry = readdir(dir))) {
		if (!strchr(entry->d_name, ':') || strlen(entry->d_name) >= sizeof(bound->name))
			continue;
		snprintf(path, sizeof(path), DRIVER_DIR "%.15s/iommu_group", entry->d_name);
		len = readlink(path, link, sizeof(link) - 1);
		if (len < 0)
			continue;
		link[len] = '\0';
		snprintf(bound->name, sizeof(bound->name), "%s", entry->d_name);
		bound->group = strtoul(strrchr(link, '/') + 1, NULL, 10);
		bound->copies = is_lsi(bound->name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

static const char *vfio_missing(void)
{
	struct bound bound;

	if (access(VFIO_CONTAINER, F_OK))
		return "there is no /dev/vfio/vfio: modprobe vfio-pci";
	if (access(VFIO_CONTAINER, R_OK | W_OK))
		return "only root can open /dev/vfio/vfio: use sudo";
	return find_bound(&bound) ? NULL :
		"no device is bound to vfio-pci: driverctl set-override DEVICE vfio-pci";
}

/* iommufd pins for a device that is open; the suite opens only one that can copy. */
static const char *iommufd_missing(void)
{
	struct bound bound;

	if (access(IOMMUFD, F_OK))
		return "there is no /dev/iommu: modprobe iommufd; the kernel needs CONFIG_IOMMUFD";
	if (access(IOMMUFD, R_OK | W_OK))
		return "only root can open /dev/iommu: use sudo";
	return find_bound(&bound) && bound.copies ? NULL :
		"no LSI 53C895A is bound to vfio-pci: driverctl set-override DEVICE vfio-pci";
}

static int map_dma(const struct vfio *vfio, void *addr, uint64_t iova, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags, .vaddr = (uintptr_t)addr,
		.iova = iova, .size = sys_page_size(),
	};

	return ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

static int unmap_dma(const struct vfio *vfio, uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = sys_page_size(),
	};

	if (ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return -errno;
	return unmap.size == sys_page_size() ? 0 : -ENOENT;
}

static void vfio_close(struct vfio *vfio)
{
	if (vfio->device >= 0)
		close(vfio->device);
	if (vfio->group >= 0)
		close(vfio->group);
	if (vfio->container >= 0)
		close(vfio->container);
	if (vfio->window != MAP_FAILED)
		munmap(vfio->window, sys_page_size());
	free(vfio);
}

/* Lets the device access memory, and finds its registers. */
static bool open_device(struct vfio *vfio, const char *name)
{
	struct vfio_region_info region = {
		.argsz = sizeof(region), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command = PCI_MASTER_MEM;

	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (vfio->device < 0 || ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &region))
		return false;
	vfio->config = region.offset;
	region.index = VFIO_PCI_BAR1_REGION_INDEX;
	if (ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &region))
		return false;
	vfio->registers = region.offset;
	return pwrite(vfio->device, &command, sizeof(command),
		      vfio->config + PCI_COMMAND) == sizeof(command);
}

/* A process that was killed may still be on its way out of the group. */
static int open_free(const char *path)
{
	int fd, ms;

	for (ms = 0; ms < FREE_MS; ms++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 || errno != EBUSY)
			return fd;
		sys_sleep_ms(1);
	}
	return -1;
}

static bool open_group(struct vfio *vfio, const struct bound *bound, const char *container)
{
	char path[40];

	snprintf(path, sizeof(path), "/dev/vfio/%u", bound->group);
	vfio->container = open(container, O_RDWR | O_CLOEXEC);
	vfio->group = open_free(path);
	if (vfio->container < 0 || vfio->group < 0 ||
	    ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container) ||
	    ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return false;
	if (!bound->copies)
		return true;
	vfio->window = mmap(NULL, sys_page_size(), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return vfio->window != MAP_FAILED && open_device(vfio, bound->name) &&
	       !map_dma(vfio, vfio->window, IOVA_WINDOW,
			VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

static struct vfio *vfio_open(struct fixture *f, const char *container)
{
	struct vfio *vfio = malloc(sizeof(*vfio));
	struct bound bound;

	if (!vfio || !find_bound(&bound)) {
		free(vfio);
		fixture_fails(f, "no device is bound to vfio-pci any more");
		return NULL;
	}
	*vfio = (struct vfio) { -1, -1, -1, .window = MAP_FAILED };
	if (open_group(vfio, &bound, container))
		return vfio;
	fixture_fails(f,
		      "VFIO: %s: is group %u (%s) in use? The IOMMU must remap interrupts, or: echo 1 >/sys/module/%s/parameters/allow_unsafe_interrupts",
		      pinscope_errno(errno), bound.group, bound.name,
		      strcmp(container, IOMMUFD) ? "vfio_iommu_type1" : "iommufd");
	vfio_close(vfio);
	return NULL;
}

/* Opens the device and maps the page by a function; that one's error is the pin's. */
static int vfio_pin(struct fixture *f, const char *container,
		    int (*map)(const struct vfio *vfio, struct fixture *f))
{
	struct vfio *vfio = vfio_open(f, container);
	int ret;

	if (!vfio)
		return -ENODEV;
	f->pinner_data = vfio;
	ret = map(vfio, f);
	if (ret)
		vfio_close(vfio);
	return ret;
}

/* As the scenario's request says: the device may write only with FOLL_WRITE. */
static int map_page(const struct vfio *vfio, struct fixture *f)
{
	uint32_t flags = VFIO_DMA_MAP_FLAG_READ;

	if (f->scenario.request->gup_flags & PINSCOPE_FOLL_WRITE)
		flags |= VFIO_DMA_MAP_FLAG_WRITE;
	return map_dma(vfio, f->addr, IOVA_PAGE, flags);
}

static int map_memfd(const struct vfio *vfio, struct fixture *f)
{
	struct iommu_vfio_ioas ioas = { .size = sizeof(ioas), .op = IOMMU_VFIO_IOAS_GET };
	struct iommu_ioas_map_file map = {
		.size = sizeof(map), .fd = f->m.fd, .length = sys_page_size(),
		.iova = IOVA_PAGE,
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_READABLE,
	};

	if (ioctl(vfio->container, IOMMU_VFIO_IOAS, &ioas))
		return -errno;
	map.ioas_id = ioas.ioas_id;
	return ioctl(vfio->container, IOMMU_IOAS_MAP_FILE, &map) ? -errno : 0;
}

static int type1_pin(struct fixture *f)
{
	return vfio_pin(f, VFIO_CONTAINER, map_page);
}

static int iommufd_pin(struct fixture *f)
{
	return vfio_pin(f, IOMMUFD, map_page);
}

static int memfd_pin(struct fixture *f)
{
	return vfio_pin(f, IOMMUFD, map_memfd);
}

/* It goes by file and offset: what a private mapping has does not matter to it. */
static bool memfd_takes(const struct kind *kind)
{
	return kind->mapping && kind->mapping->backing == BACKING_MEMFD &&
	       (kind->traits & KIND_SHARED);
}

/* Lets the device copy a byte; the write to LSI_DSP returns when that is done. */
static bool copy(struct vfio *vfio, uint32_t from, uint32_t to)
{
	const uint32_t script[] = { LSI_MOVE | 1, from, to, LSI_INTERRUPT, 0 };
	size_t at = sys_page_size() - sizeof(script);
	uint32_t start = IOVA_WINDOW + at;

	memcpy(vfio->window + at, script, sizeof(script));
	return pwrite(vfio->device, &start, sizeof(start),
		      vfio->registers + LSI_DSP) == sizeof(start);
}

static int vfio_see(struct fixture *f)
{
	struct vfio *vfio = f->pinner_data;

	if (vfio->device < 0)
		return -1;
	/* Not what any page has, in case that nothing comes. */
	vfio->window[0] = '?';
	return copy(vfio, IOVA_PAGE, IOVA_WINDOW) ? *(volatile char *)vfio->window : 0;
}

static void vfio_put(struct fixture *f, char byte)
{
	struct vfio *vfio = f->pinner_data;

	vfio->window[0] = byte;
	copy(vfio, IOVA_WINDOW, IOVA_PAGE);
}

static int vfio_unpin(struct fixture *f)
{
	struct vfio *vfio = f->pinner_data;
	int ret = unmap_dma(vfio, IOVA_PAGE);

	vfio_close(vfio);
	return ret;
}

const struct pinner by_vfio_read = {
	.name = "vfio-read",
	.what =
			"VFIO (type 1) with VFIO_DMA_MAP_FLAG_READ alone: the device may only read. VFIO pins by pin_user_pages_remote() with FOLL_LONGTERM; the page is seen through the device's DMA.",
	.device = DEVICE_VFIO,
	.missing = vfio_missing,
	.pin = type1_pin,
	.see = vfio_see,
	.unpin = vfio_unpin,
};

const struct pinner by_vfio_write = {
	.name = "vfio-write",
	.what =
			"VFIO (type 1) with VFIO_DMA_MAP_FLAG_READ and _WRITE: the device may write as well, and VFIO pins by pin_user_pages_remote() with FOLL_WRITE | FOLL_LONGTERM.",
	.device = DEVICE_VFIO,
	.missing = vfio_missing,
	.pin = type1_pin,
	.see = vfio_see,
	.put = vfio_put,
	.unpin = vfio_unpin,
};

const struct pinner by_iommufd_read = {
	.name = "iommufd-read",
	.what =
		"iommufd, mapping for a device that may only read: it pins by pin_user_pages_fast() with FOLL_LONGTERM; the page is seen through the device's DMA.",
	.device = DEVICE_VFIO,
	.missing = iommufd_missing,
	.pin = iommufd_pin,
	.see = vfio_see,
	.unpin = vfio_unpin,
};

const struct pinner by_iommufd_write = {
	.name = "iommufd-write",
	.what =
		"iommufd, mapping for a device that may write as well: it pins by pin_user_pages_fast() with FOLL_WRITE | FOLL_LONGTERM.",
	.device = DEVICE_VFIO,
	.missing = iommufd_missing,
	.pin = iommufd_pin,
	.see = vfio_see,
	.put = vfio_put,
	.unpin = vfio_unpin,
};

const struct pinner by_iommufd_memfd = {
	.name = "iommufd-memfd",
	.what =
		"iommufd with IOMMU_IOAS_MAP_FILE (Linux 6.13), which maps a memfd for a device and pins by memfd_pin_folios(), for reading and writing and for long.",
	.device = DEVICE_VFIO,
	.missing = iommufd_missing,
	.takes = memfd_takes,
	.pin = memfd_pin,
	.see = vfio_see,
	.put = vfio_put,
	.unpin = vfio_unpin,
};
