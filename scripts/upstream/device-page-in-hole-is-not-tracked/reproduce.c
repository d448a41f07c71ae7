// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are writes tracked where a driver has put a page on its device for a hole, or for a zeropage
 * that userfaultfd protects?
 *
 * Needs CONFIG_TEST_HMM, and root for its device.
 */
#include "../reproduce.h"

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	(1 << 15)
#endif

static char *map_page(void)
{
	char *addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(addr != MAP_FAILED, "mmap");
	return addr;
}

/* Is a write to a new page on the device soft-dirty? */
static bool is_soft_dirty(void)
{
	char *addr = map_page();

	clear_soft_dirty();
	to_device(addr, 1);
	*(volatile char *)addr = 1;
	return pagemap(addr) & PM_SOFT_DIRTY;
}

/* Is a zeropage still protected, once there is a page on the device instead of it? */
static bool stays_protected(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	char *addr = map_page();
	struct uffdio_register reg = {
		.range = { (uintptr_t)addr, PAGE }, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect protect = {
		.range = reg.range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	need(fd >= 0 && !ioctl(fd, UFFDIO_API, &api), "userfaultfd");
	need(!ioctl(fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	(void)*(volatile char *)addr;
	need(!ioctl(fd, UFFDIO_WRITEPROTECT, &protect), "UFFDIO_WRITEPROTECT");
	errno = 0;
	need(pagemap(addr) & PM_UFFD_WP, "the zeropage is not protected");
	to_device(addr, 1);
	return pagemap(addr) & PM_UFFD_WP;
}

int main(void)
{
	char *addr = map_page();
	bool soft_dirty, protected;

	*addr = 1;
	clear_soft_dirty();
	*addr = 2;
	errno = 0;
	need(pagemap(addr) & PM_SOFT_DIRTY, "this kernel does not track writes");
	soft_dirty = is_soft_dirty();
	protected = stays_protected();
	conclude(soft_dirty && protected ? NO_BUG : BUG,
		 "a page on the device that was written to is %ssoft-dirty, and one that was a protected zeropage is %sprotected",
		 soft_dirty ? "" : "not ", protected ? "" : "not ");
}
