/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Settings of the kernel and of the calling process that several tests need.
 */
#ifndef PINSCOPE_TESTS_ABI_SYS_H
#define PINSCOPE_TESTS_ABI_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25	/* from 6.1 on; older headers lack it */
#endif

/* Writes to a file of /proc or /sys; errno says why it failed. */
static inline bool sys_write_file(const char *path, const char *text)
{
	ssize_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC), err;
	bool good;

	if (fd < 0)
		return false;
	good = write(fd, text, len) == len;
	err = errno;
	close(fd);
	errno = err;
	return good;
}

/* Clears the soft-dirty bits of the calling process. */
static inline bool sys_clear_soft_dirty(void)
{
	return sys_write_file("/proc/self/clear_refs", "4");
}

/*
 * Arms userfaultfd-wp with these UFFD_FEATURE_* on a range. Returns the
 * userfaultfd, or a negative errno; closing it ends the write protection.
 */
static inline int sys_uffd_wp(void *addr, size_t len, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)addr, .len = len },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect wp = {
		.range = reg.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0)
		return -errno;
	if (!ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg) &&
	    !ioctl(fd, UFFDIO_WRITEPROTECT, &wp))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Collapses a range to THPs. Returns 0 or a negative errno. */
static inline int sys_madvise_collapse(void *addr, size_t len)
{
	return madvise(addr, len, MADV_COLLAPSE) ? -errno : 0;
}

#endif
