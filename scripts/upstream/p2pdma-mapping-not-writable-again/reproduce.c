// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a write to the memory of a PCI device that sysfs has mapped (p2pmem/allocate) come to an
 * end, once mprotect() has taken write access away and given it back?
 *
 * Needs root, Linux 6.2 with CONFIG_PCI_P2PDMA, and a device that offers such memory, as an NVMe
 * controller with a memory buffer does: QEMU's has one with cmb_size_mb=4.
 */
#include "../reproduce.h"
#include <glob.h>

#define SECONDS		3

static char *map(size_t len)
{
	glob_t files;
	char *addr;
	int fd;

	need(!glob("/sys/bus/pci/devices/*/p2pmem/allocate", 0, NULL, &files),
	     "a PCI device with p2pmem/allocate in sysfs");
	fd = open(files.gl_pathv[0], O_RDWR);
	need(fd >= 0, "open of p2pmem/allocate");
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(addr != MAP_FAILED, "mmap of p2pmem/allocate");
	return addr;
}

/* In a child: how does its write to @addr end? */
static bool write_ends(char *addr)
{
	pid_t child = fork();
	int status;

	need(child >= 0, "fork");
	if (!child) {
		*(volatile char *)addr = 'w';
		_exit(0);
	}
	if (ended(child, SECONDS, &status)) {
		errno = 0;
		need(!status, "the write failed");
		return true;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return false;
}

int main(void)
{
	size_t len = sysconf(_SC_PAGESIZE);
	char *addr = map(len);

	errno = 0;
	need(write_ends(map(len)), "a write before mprotect() did not end");
	need(!mprotect(addr, len, PROT_READ) && !mprotect(addr, len, PROT_READ | PROT_WRITE),
	     "mprotect");
	if (!write_ends(addr))
		conclude(BUG, "the process has not written in %d s", SECONDS);
	conclude(NO_BUG, "the process has written");
}
