// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a R/O long-term pin of a file THP that a private mapping maps by a PMD return?
 *
 * Needs root, to mount a tmpfs, and a device that is bound to vfio-pci, or CONFIG_GUP_TEST.
 */
#include "../reproduce.h"
#include <sys/mount.h>

#define PATIENCE	5	/* seconds */

static int tmpfs_file(void)
{
	char dir[] = "/tmp/tmpfs.XXXXXX", path[40];
	int fd;

	need(mkdtemp(dir), "mkdtemp");
	need(!mount("tmpfs", dir, "tmpfs", 0, "huge=always"), "mount of a tmpfs");
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	unlink(path);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	need(fd >= 0, "a file on a tmpfs");
	return fd;
}

static void pin_once(void)
{
	int fd = tmpfs_file(), ret;
	char *addr;

	need(!ftruncate(fd, THP) && pwrite(fd, "x", 1, 0) == 1, "write to the tmpfs");
	addr = map_thp(PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	need(*(volatile char *)addr == 'x', "read of the mapping");
	errno = 0;
	need(kpageflags(addr) & KPF_THP, "the tmpfs has given no THP");
	ret = pin_read(addr);
	if (ret)
		conclude(CANNOT_TRY, "the pin failed: %s", strerror(-ret));
	_exit(NO_BUG);
}

static unsigned long minor_faults(pid_t pid)
{
	unsigned long faults = 0;
	char path[40];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %lu", &faults) != 1)
			faults = 0;
		fclose(file);
	}
	return faults;
}

int main(void)
{
	unsigned long faults;
	int status;
	pid_t child = fork();

	need(child >= 0, "fork");
	if (!child)
		pin_once();
	if (ended(child, PATIENCE, &status)) {
		need(WIFEXITED(status), "the child was killed");
		if (WEXITSTATUS(status) == NO_BUG)
			conclude(NO_BUG, "the pin returned");
		return WEXITSTATUS(status);
	}
	faults = minor_faults(child);
	sleep(PATIENCE);
	faults = minor_faults(child) - faults;
	kill(child, SIGKILL);
	conclude(BUG, "the pin has not returned after %d s, with %lu faults a second; SIGKILL %s",
		 2 * PATIENCE, faults / PATIENCE,
		 ended(child, PATIENCE, &status) ? "ends it" : "does not end it");
}
