// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makers of memory that belongs to a device or a driver, and of entries with
 * markers, see make.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "make.h"
#include "sys.h"

/* Newer than some headers. */
#ifndef UFFDIO_POISON
struct uffdio_poison {
	struct uffdio_range range;
	__u64 mode;
	__s64 updated;
};

#define UFFDIO_POISON		_IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif

/* The ABI of lib/test_hmm.c, whose driver migrates pages to a device's memory. */
#define HMM_DEVICE	"/dev/hmm_dmirror0"

struct hmm_cmd {
	__u64 addr, buf, pages, copied, faults;
};

static const unsigned long hmm_cmds[] = {
	[DEVICE_MIGRATES] = _IOWR('H', 0x02, struct hmm_cmd),
	[DEVICE_EXCLUDES] = _IOWR('H', 0x05, struct hmm_cmd),
};

bool has_device_private(const char *dir)
{
	(void)dir;
	return !access(HMM_DEVICE, F_OK);
}

/* Of Linux 6.19; older kernels split the THP, and migrate its pages. */
bool has_device_private_thp(const char *dir)
{
	return has_device_private(dir) && running_kernel() >= KERNEL(6, 19);
}

int device_open(void)
{
	int fd = open(HMM_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int device_take(int fd, enum device_take how, const char *addr, size_t len)
{
	char *copy = malloc(len);
	struct hmm_cmd cmd = {
		.addr = (uintptr_t)addr, .buf = (uintptr_t)copy,
		.pages = len / sys_page_size(),
	};
	int ret = copy ? 0 : -ENOMEM;

	if (!ret && ioctl(fd, hmm_cmds[how], &cmd))
		ret = -errno;
	free(copy);
	return ret;
}

/* What one entry maps. */
static const char *take_by_device(struct fixture *f, enum device_take how)
{
	const struct kind *kind = f->scenario.kind;
	size_t size = kind->page;
	struct pinscope_page page;
	int ms;

	f->map_fd = device_open();
	if (f->map_fd < 0)
		return fixture_fails(f, HMM_DEVICE ": %s", pinscope_errno(f->map_fd));
	/* A page on its way to an LRU list cannot be migrated yet. */
	for (ms = 0; ms < PATIENCE_MS; ms++) {
		page = (struct pinscope_page) {};
		if (!device_take(f->map_fd, how, f->addr, size))
			page = fixture_page(f);
		if ((page.state & kind->has) != kind->has) {
			sys_sleep_ms(1);
			continue;
		}
		if (1UL << page.map_shift == size)
			return NULL;
		return fixture_fails(f, "the THP was split on its way to " HMM_DEVICE);
	}
	return fixture_fails(f, HMM_DEVICE " did not take the page in %d ms", PATIENCE_MS);
}

const char *make_device_private(struct fixture *f)
{
	return take_by_device(f, DEVICE_MIGRATES);
}

const char *make_device_exclusive(struct fixture *f)
{
	return take_by_device(f, DEVICE_EXCLUDES);
}

/* Of some device that offers its memory; -1: none does. */
static int open_p2pdma(void)
{
	glob_t files;
	int fd = -1;
	size_t i;

	if (glob("/sys/bus/pci/devices/*/p2pmem/allocate", 0, NULL, &files))
		return -1;
	for (i = 0; i < files.gl_pathc && fd < 0; i++)
		fd = open(files.gl_pathv[i], O_RDWR | O_CLOEXEC);
	globfree(&files);
	return fd;
}

bool has_p2pdma(const char *dir)
{
	int fd = open_p2pdma();

	(void)dir;
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static const char *map_p2pdma(struct fixture *f)
{
	size_t base = sys_page_size();

	f->m.fd = open_p2pdma();
	if (f->m.fd < 0)
		return fixture_fails(f, "p2pmem/allocate: %s", pinscope_errno(errno));
	return fixture_map(f, f->m.fd, base, base, MAP_SHARED);
}

const char *make_p2pdma(struct fixture *f)
{
	if (map_p2pdma(f))
		return f->why;
	*f->addr = 'p';
	return NULL;
}

const char *make_p2pdma_readonly(struct fixture *f)
{
	if (map_p2pdma(f))
		return f->why;
	if (mprotect(f->addr, f->len, PROT_READ) ||
	    mprotect(f->addr, f->len, PROT_READ | PROT_WRITE))
		return fixture_fails(f, "mprotect: %s", pinscope_errno(errno));
	return NULL;
}

const char *make_secretmem(struct fixture *f)
{
#ifdef SYS_memfd_secret
	size_t base = sys_page_size();

	f->m.fd = syscall(SYS_memfd_secret, O_CLOEXEC);
	if (f->m.fd < 0)
		return fixture_fails(f, "memfd_secret: %s: boot with secretmem.enable=1",
				     pinscope_errno(errno));
	if (ftruncate(f->m.fd, base))
		return fixture_fails(f, "ftruncate: %s", pinscope_errno(errno));
	if (fixture_map(f, f->m.fd, base, base, MAP_SHARED))
		return f->why;
	*f->addr = 's';
	return NULL;
#else
	return fixture_fails(f, "this architecture has no memfd_secret()");
#endif
}

static bool takes_guard(int fd)
{
	size_t base = sys_page_size();
	void *addr = mmap(NULL, base, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	bool has;

	if (addr == MAP_FAILED)
		return true;
	has = !madvise(addr, base, MADV_GUARD_INSTALL) || errno != EINVAL;
	munmap(addr, base);
	return has;
}

/* Of Linux 6.13. */
bool has_guard(const char *dir)
{
	(void)dir;
	return takes_guard(-1);
}

/* Of Linux 6.15, whatever the file. */
bool has_file_guard(const char *dir)
{
	int fd = memfd_create("pinscope", MFD_CLOEXEC);
	bool has = fd < 0 || takes_guard(fd);

	(void)dir;
	if (fd >= 0)
		close(fd);
	return has;
}

const char *make_guard(struct fixture *f)
{
	if (madvise(f->addr, sys_page_size(), MADV_GUARD_INSTALL))
		return fixture_fails(f, "MADV_GUARD_INSTALL: %s", pinscope_errno(errno));
	return NULL;
}

/* Of Linux 6.6. */
bool has_uffd_poison(const char *dir)
{
	(void)dir;
	return sys_has_uffd_feature(UFFD_FEATURE_POISON);
}

const char *make_uffd_poison(struct fixture *f)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_POISON };
	struct uffdio_range range = {
		.start = (uintptr_t)f->addr, .len = sys_page_size(),
	};
	struct uffdio_register reg = {
		.range = range, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_poison poison = { .range = range };

	f->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (f->uffd < 0 || ioctl(f->uffd, UFFDIO_API, &api))
		return fixture_fails(f, "userfaultfd: %s", pinscope_errno(errno));
	madvise(f->addr, range.len, MADV_DONTNEED);
	if (ioctl(f->uffd, UFFDIO_REGISTER, &reg) ||
	    ioctl(f->uffd, UFFDIO_POISON, &poison))
		return fixture_fails(f, "UFFDIO_POISON: %s", pinscope_errno(errno));
	return NULL;
}

static const char *map_driver(struct fixture *f, unsigned int map)
{
	size_t base = sys_page_size();
	void *addr;
	int ret;

	f->map_fd = pinscope_open_map();
	if (f->map_fd < 0)
		return fixture_fails(f, "open of map: %s", pinscope_errno(f->map_fd));
	ret = pinscope_map(f->map_fd, map, base, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE, &addr);
	if (ret)
		return fixture_fails(f, "mmap of map: %s", pinscope_errno(ret));
	f->m.area = addr;
	f->m.area_len = base;
	f->addr = addr;
	(void)*(volatile char *)f->addr;
	return NULL;
}

const char *make_pfnmap(struct fixture *f)
{
	return map_driver(f, PINSCOPE_MAP_PFNMAP);
}

const char *make_mixedmap_pfn(struct fixture *f)
{
	return map_driver(f, PINSCOPE_MAP_MIXED_PFN);
}

const char *make_mixedmap_page(struct fixture *f)
{
	return map_driver(f, PINSCOPE_MAP_MIXED_PAGE);
}
