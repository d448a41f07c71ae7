// SPDX-License-Identifier: GPL-2.0-only
/*
 * What mm offers by system calls and files, see sys.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

size_t sys_page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

unsigned int sys_page_shift(void)
{
	return __builtin_ctzl(sys_page_size());
}

size_t sys_thp_size(void)
{
	return sys_read_number(SYS_THP_DIR "hpage_pmd_size");
}

long sys_read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long number = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%ld", &number) != 1)
		number = 0;
	fclose(file);
	return number;
}

long sys_hugetlb_pool(size_t size, const char *file)
{
	char path[120];

	snprintf(path, sizeof(path), SYS_HUGETLB_DIR "hugepages-%zukB/%s", size >> 10, file);
	return sys_read_number(path);
}

long sys_hugetlb_unreserved(size_t size)
{
	return sys_hugetlb_pool(size, "free_hugepages") - sys_hugetlb_pool(size, "resv_hugepages");
}

int sys_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;
	ssize_t len = strlen(text);

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != len)
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

long sys_pins_held(void)
{
	long held = 0, value;
	FILE *file;
	char line[100];

	/*
	 * Other processors may have counted what is not in the sums yet. A user without
	 * privileges cannot ask for that.
	 */
	sys_write_file("/proc/sys/vm/stat_refresh", "1");
	file = fopen("/proc/vmstat", "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "nr_foll_pin_acquired %ld", &value) == 1)
			held += value;
		else if (sscanf(line, "nr_foll_pin_released %ld", &value) == 1)
			held -= value;
	}
	if (file)
		fclose(file);
	return held;
}

int sys_reopen(int fd, int flags)
{
	char path[40];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

int sys_clear_soft_dirty(void)
{
	return sys_write_file("/proc/self/clear_refs", "4");
}

/* @arg is of @ioctl_nr, which protects the range. */
static int uffd_protects(const struct uffdio_range *range, uint64_t features, uint64_t mode,
			 unsigned long ioctl_nr, void *arg)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = { .range = *range, .mode = mode };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), ret;

	if (fd < 0)
		return -errno;
	if (!ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg) &&
	    !ioctl(fd, ioctl_nr, arg))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int sys_uffd_wp(void *addr, size_t len, uint64_t features)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)addr, .len = len },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	return uffd_protects(&wp.range, features, UFFDIO_REGISTER_MODE_WP,
			     UFFDIO_WRITEPROTECT, &wp);
}

int sys_uffd_rwp(void *addr, size_t len, uint64_t features)
{
	struct uffdio_rwprotect rwp = {
		.range = { .start = (uintptr_t)addr, .len = len },
		.mode = UFFDIO_RWPROTECT_MODE_RWP,
	};

	return uffd_protects(&rwp.range, features | UFFD_FEATURE_RWP, UFFDIO_REGISTER_MODE_RWP,
			     UFFDIO_RWPROTECT, &rwp);
}

int sys_uffd_wp_resolve(int uffd, void *addr, size_t len)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)addr, .len = len },
	};

	return ioctl(uffd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

bool sys_has_uffd_feature(uint64_t feature)
{
	struct uffdio_api api = { .api = UFFD_API, .features = feature };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	bool has = fd < 0 || !ioctl(fd, UFFDIO_API, &api);

	if (fd >= 0)
		close(fd);
	return has;
}

void sys_netlink_string(struct nlmsghdr *msg, unsigned short type, const char *text)
{
	struct nlattr *attr = (void *)((char *)msg + NLMSG_ALIGN(msg->nlmsg_len));

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + strlen(text) + 1;
	memcpy((char *)attr + NLA_HDRLEN, text, strlen(text) + 1);
	msg->nlmsg_len = NLMSG_ALIGN(msg->nlmsg_len) + NLA_ALIGN(attr->nla_len);
}

void sys_stay_on_cpu(unsigned int nr)
{
	cpu_set_t all, one;
	unsigned int cpu;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	nr %= CPU_COUNT(&all);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && !nr--)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

void sys_leave_cpu(cpu_set_t *mine)
{
	cpu_set_t others;

	CPU_ZERO(mine);
	if (sched_getaffinity(0, sizeof(*mine), mine))
		return;
	memset(&others, 0xff, sizeof(others));
	CPU_CLR(sched_getcpu(), &others);
	sched_setaffinity(0, sizeof(others), &others);
}

char sys_process_state(int pid)
{
	char path[40], state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state;
}

void sys_sleep_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

long sys_now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000L + time.tv_nsec / 1000000;
}

unsigned int running_kernel(void)
{
	static unsigned int kernel;
	unsigned int major, minor;
	struct utsname uts;

	if (!kernel && !uname(&uts) &&
	    sscanf(uts.release, "%u.%u", &major, &minor) == 2)
		kernel = KERNEL(major, minor);
	return kernel;
}
