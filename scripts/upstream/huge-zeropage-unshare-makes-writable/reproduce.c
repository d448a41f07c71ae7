// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a R/O long-term pin of the huge zeropage keep the entry as it was: write-protected
 * by userfaultfd, and not soft-dirty?
 *
 * Needs root, for /proc/kpageflags, and a device that is bound to vfio-pci, or
 * CONFIG_GUP_TEST.
 */
#include "../reproduce.h"
#include <linux/userfaultfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static char *huge_zeropage(void)
{
	char *addr = map_thp(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	need(!madvise(addr, THP, MADV_HUGEPAGE), "MADV_HUGEPAGE");
	need(!*(volatile char *)addr, "read of the mapping");
	errno = 0;
	need((~kpageflags(addr + PAGE) & (KPF_THP | KPF_ZERO_PAGE)) == 0,
	     "a read fault has not mapped the huge zeropage");
	return addr;
}

static void write_protect(char *addr)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register reg = {
		.range = { (uintptr_t)addr, THP }, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)addr, THP }, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	need(fd >= 0, "userfaultfd");
	need(!ioctl(fd, UFFDIO_API, &api), "UFFDIO_API");
	need(!ioctl(fd, UFFDIO_REGISTER, &reg), "UFFDIO_REGISTER");
	need(!ioctl(fd, UFFDIO_WRITEPROTECT, &wp), "UFFDIO_WRITEPROTECT");
}

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

int main(void)
{
	char *addr = huge_zeropage();
	uint64_t entry;
	long faults;
	int ret;

	write_protect(addr);
	clear_soft_dirty();
	entry = pagemap(addr);
	errno = 0;
	need(entry & PM_UFFD_WP, "UFFDIO_WRITEPROTECT has set no bit");
	need(!(entry & PM_SOFT_DIRTY), "clear_refs has not cleared the soft-dirty bit");
	ret = pin_read(addr);
	if (ret)
		conclude(CANNOT_TRY, "the pin failed: %s", strerror(-ret));
	entry = pagemap(addr);
	if (entry & PM_UFFD_WP) {
		if (entry & PM_SOFT_DIRTY)
			conclude(BUG, "a pin for reading set the soft-dirty bit");
		conclude(NO_BUG, "the entry has kept its bits");
	}
	/* Nobody answers userfaultfd: with the bit, this would not return. */
	faults = minor_faults();
	*(volatile char *)addr = 1;
	faults = minor_faults() - faults;
	conclude(BUG, "a pin for reading dropped uffd-wp%s; the next write took %ld faults",
		 entry & PM_SOFT_DIRTY ? " and set soft-dirty" : "", faults);
}
