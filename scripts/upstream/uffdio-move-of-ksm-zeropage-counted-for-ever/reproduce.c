// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does KSM forget the zeropages that it has mapped (use_zero_pages) when UFFDIO_MOVE has moved
 * them and they are unmapped? Needs root, and that nobody else uses KSM meanwhile.
 */
#include "../reproduce.h"

#define KSM	"/sys/kernel/mm/ksm/"
#define LEN	(16 * PAGE)

static long knob(const char *name, const char *value)
{
	int fd = open(name, (value ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	char text[30] = "";

	need(fd >= 0, name);
	need(value ? write(fd, value, strlen(value)) > 0 : read(fd, text, sizeof(text) - 1) > 0,
	     name);
	close(fd);
	return atol(text);
}

static char *map(void)
{
	char *addr = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(addr != MAP_FAILED, "mmap");
	return addr;
}

int main(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MOVE };
	char *src = map(), *dst = map();
	struct uffdio_register missing = {
		.range = { (uintptr_t)dst, LEN }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_move move = { .dst = (uintptr_t)dst, .src = (uintptr_t)src, .len = LEN };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC), i;
	long before, after;

	need(uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api), "UFFD_FEATURE_MOVE");
	before = knob(KSM "ksm_zero_pages", NULL);
	knob(KSM "use_zero_pages", "1");
	memset(src, 0, LEN);
	need(!madvise(src, LEN, MADV_MERGEABLE), "MADV_MERGEABLE");
	knob(KSM "sleep_millisecs", "10");
	knob(KSM "run", "1");
	for (i = 0; i < 100 && knob(KSM "ksm_zero_pages", NULL) < before + (long)(LEN / PAGE); i++)
		usleep(100000);
	knob(KSM "run", "0");
	knob(KSM "use_zero_pages", "0");
	errno = 0;
	need(knob(KSM "ksm_zero_pages", NULL) == before + (long)(LEN / PAGE),
	     "KSM has not mapped a zeropage for each page of zeroes");
	need(!ioctl(uffd, UFFDIO_REGISTER, &missing), "UFFDIO_REGISTER");
	need(!ioctl(uffd, UFFDIO_MOVE, &move), "UFFDIO_MOVE");
	munmap(src, LEN);
	munmap(dst, LEN);
	after = knob(KSM "ksm_zero_pages", NULL);
	conclude(after == before ? NO_BUG : BUG,
		 "%ld of %lu zeropages of KSM are counted when none is mapped any more",
		 after - before, LEN / PAGE);
}
