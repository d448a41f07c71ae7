// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a page of KSM survive its migration to a device, and another scan of ksmd?
 *
 * Needs CONFIG_TEST_HMM, CONFIG_KSM, and root. The kernel may oops. A process that cannot be killed
 * may be left.
 */
#include "../reproduce.h"

#define KSM		"/sys/kernel/mm/ksm/"
#define PAGES		8
#define SECONDS		20
#define TRIES		200

static long number(const char *path)
{
	FILE *file = fopen(path, "re");
	long value = -1;

	need(file && fscanf(file, "%ld", &value) == 1, path);
	fclose(file);
	return value;
}

static void set(const char *path, const char *to)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	need(fd >= 0 && write(fd, to, strlen(to)) == (ssize_t)strlen(to), path);
	close(fd);
}

/*
 * Three scans: a page that two of them found unchanged is merged. Then ksmd stops, since it keeps
 * its pages busy.
 */
static void scan(void)
{
	long scans = number(KSM "full_scans") + 3;
	time_t end = time(NULL) + SECONDS;

	set(KSM "run", "1");
	while (number(KSM "full_scans") < scans) {
		if (time(NULL) > end)
			conclude(BUG, "ksmd does not end a scan in %d s", SECONDS);
		usleep(1000);
	}
	set(KSM "run", "0");
}

/* A child, for a process may hang in the end. What is not migrated in time is not meant to be. */
static void use(char *addr)
{
	int i;

	memset(addr, 'k', PAGES * PAGE);
	scan();
	for (i = 0; i < TRIES && pagemap(addr) & PM_PRESENT; i++) {
		to_device(addr, PAGES / 2);
		usleep(1000);
	}
	scan();
	memset(addr + PAGES / 2 * PAGE, 'l', PAGES / 2 * PAGE);
	scan();
	for (i = 0; i < PAGES; i++)
		if (addr[i * PAGE] != (i < PAGES / 2 ? 'k' : 'l'))
			_exit(1);
	_exit(0);
}

int main(void)
{
	char *addr = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child;

	need(addr != MAP_FAILED && !madvise(addr, PAGES * PAGE, MADV_MERGEABLE),
	     "MADV_MERGEABLE");
	need(!access(HMM_DEVICE, F_OK), HMM_DEVICE);
	set(KSM "sleep_millisecs", "0");
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		madvise(addr, PAGES * PAGE, MADV_MERGEABLE);
		use(addr);
	}
	if (!ended(child, 4 * SECONDS, &status)) {
		show_stack(child);
		kill(child, SIGKILL);
		conclude(BUG, "a process that reads its page hangs");
	}
	set(KSM "run", "2");
	if (status)
		conclude(BUG, "a process that reads its pages ends with status 0x%x", status);
	conclude(NO_BUG, "the process has its pages as they were");
}
