// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does UFFDIO_MOVE of a page of a THP end when the THP is pinned?
 *
 * io_uring pins. Needs userfaultfd: root, or vm.unprivileged_userfaultfd.
 */
#include "../reproduce.h"

/* Where userfaultfd waits for pages. */
static char *map_destination(int fd)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MOVE };
	char *addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)addr, .len = PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	need(addr != MAP_FAILED, "mmap");
	need(fd >= 0, "userfaultfd");
	need(!ioctl(fd, UFFDIO_API, &api), "UFFD_FEATURE_MOVE (Linux 6.8)");
	need(!ioctl(fd, UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
	return addr;
}

__attribute__((noreturn)) static void move_pinned(void)
{
	char *thp = map_thp(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_move move = {
		.dst = (uintptr_t)map_destination(fd), .src = (uintptr_t)thp, .len = PAGE,
	};

	need(!madvise(thp, THP, MADV_HUGEPAGE), "MADV_HUGEPAGE");
	*thp = 1;
	errno = 0;
	need(kpageflags(thp) & KPF_THP, "no THP");
	pin_buffer(thp);
	if (!ioctl(fd, UFFDIO_MOVE, &move))
		conclude(BUG, "UFFDIO_MOVE has moved a pinned page");
	conclude(NO_BUG, "UFFDIO_MOVE of a pinned page has failed: %s", strerror(errno));
}

int main(void)
{
	int status;
	pid_t child = fork();

	need(child >= 0, "fork");
	if (!child)
		move_pinned();
	if (ended(child, 5, &status)) {
		need(WIFEXITED(status), "the child has died");
		return WEXITSTATUS(status);
	}
	show_stack(child);
	kill(child, SIGKILL);
	need(ended(child, 5, &status), "SIGKILL does not end the child");
	conclude(BUG, "UFFDIO_MOVE of a pinned page did not return within 5 s");
}
