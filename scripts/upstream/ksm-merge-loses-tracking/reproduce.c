// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a merge by KSM keep what tracks writes to a page: the soft-dirty bit, and the write
 * protection of userfaultfd?
 *
 * Needs root, for /sys/kernel/mm/ksm and the PFNs of /proc/self/pagemap.
 */
#include <linux/userfaultfd.h>

#include "../reproduce.h"

#define PAGES	2

static void write_knob(const char *name, const char *text)
{
	char path[60];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/mm/ksm/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static void protect(char *addr)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_range range = { (uintptr_t)addr, PAGES * PAGE };
	struct uffdio_register reg = { .range = range, .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = {
		.range = range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	need(fd >= 0 && !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg) &&
	     !ioctl(fd, UFFDIO_WRITEPROTECT, &wp), "userfaultfd-wp");
}

/* kpageflags of some kernels takes any anonymous page for one of KSM. */
static bool is_merged(const char *addr)
{
	return !((pagemap(addr) ^ pagemap(addr + PAGE)) & PM_PFN);
}

static void merge(char *addr)
{
	int ms;

	need(!madvise(addr, PAGES * PAGE, MADV_MERGEABLE), "MADV_MERGEABLE");
	write_knob("sleep_millisecs", "0");
	write_knob("run", "1");
	for (ms = 0; ms < 10000 && !is_merged(addr); ms++)
		usleep(1000);
	write_knob("run", "0");
	errno = 0;
	need(is_merged(addr), "ksmd has not merged the pages");
}

int main(void)
{
	char *addr = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool dirty, protected;

	need(addr != MAP_FAILED, "mmap");
	memset(addr, 1, PAGES * PAGE);
	clear_soft_dirty();
	memset(addr, 'w', PAGES * PAGE);
	protect(addr);
	need(pagemap(addr) & PM_SOFT_DIRTY, "what was written is not soft-dirty");
	need(pagemap(addr) & PM_UFFD_WP, "what userfaultfd protects has no userfaultfd-wp");
	merge(addr);
	dirty = pagemap(addr) & pagemap(addr + PAGE) & PM_SOFT_DIRTY;
	protected = pagemap(addr) & pagemap(addr + PAGE) & PM_UFFD_WP;
	/* Nobody handles faults: a write to what is still protected would wait for ever. */
	if (!protected)
		addr[pagemap(addr) & PM_UFFD_WP ? PAGE : 0] = 'x';
	conclude(dirty && protected ? NO_BUG : BUG,
		 "after the merge, pages that were written are %ssoft-dirty; %s",
		 dirty ? "" : "not ", protected ? "they are protected" :
		 "they are not protected, and a write was not reported");
}
