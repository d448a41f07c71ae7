// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a long-term pin of a hugetlb page in ZONE_MOVABLE migrate the page, as it does with
 * others? io_uring pins it, as a registered buffer.
 *
 * Needs a NUMA node that has movable memory only (online_movable, movable_node), and a free
 * huge page of 2 MiB, which stays on that node.
 */
#include "../reproduce.h"

#define MPOL_MF_MOVE	2
#define NODES		8

/* Is the node in a list such as "0-1,3" of /sys/devices/system/node? */
static bool is_in(const char *list, int node)
{
	char path[80], text[200] = "", *at = text;
	long first, last;
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/node/%s", list);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	need(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, path);
	close(fd);
	while (*at >= '0' && *at <= '9') {
		first = strtol(at, &at, 10);
		last = first;
		if (*at == '-')
			last = strtol(at + 1, &at, 10);
		if (node >= first && node <= last)
			return true;
		if (*at == ',')
			at++;
	}
	return false;
}

static int movable_node(void)
{
	int node;

	for (node = 0; node < NODES; node++)
		if (is_in("has_memory", node) && !is_in("has_normal_memory", node))
			return node;
	return -1;
}

/* As a registered buffer. Returns 0 or the errno. */
static int pin_all(char *addr)
{
	struct iovec iov = { .iov_base = addr, .iov_len = THP };
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params), ret;

	need(fd >= 0, "io_uring_setup");
	ret = syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov, 1) ? errno : 0;
	close(fd);
	return ret;
}

int main(void)
{
	int node = movable_node(), status = -1, before, after;
	char *addr = mmap(NULL, THP, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << 26, -1, 0);
	void *page = addr;

	need(addr != MAP_FAILED, "mmap of a huge page");
	errno = 0;
	need(node >= 0, "no node has movable memory only");
	*addr = 1;
	before = pin_all(addr);
	need(!before, "a pin of the page where it was");
	/* The ring of that pin goes by a work queue. */
	usleep(200000);
	need(!syscall(SYS_move_pages, 0, 1UL, &page, &node, &status, MPOL_MF_MOVE) &&
	     status == node, "move_pages() to the movable node");
	after = pin_all(addr);
	conclude(after ? BUG : NO_BUG,
		 "io_uring takes a huge page as a buffer, and when it is in ZONE_MOVABLE: %s",
		 after ? strerror(after) : "too");
}
