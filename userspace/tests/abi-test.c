// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ABI, tested against the kernel that runs: bad input changes nothing and
 * gets the errno that fits, pins live as long as they should, and INSPECT says
 * what /proc/self/pagemap and /proc/kpageflags say.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include "abi.h"

const size_t page = 4096;

int open_ctl(void)
{
	int fd = pinscope_open();

	need(fd >= 0, "open: %s", pinscope_errno(fd));
	return fd;
}

char *map(size_t len, int prot, int more_flags)
{
	char *addr = mmap(NULL, len, prot,
			  MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0);

	need(addr != MAP_FAILED, "mmap: %s", pinscope_errno(errno));
	return addr;
}

struct pinscope_info get_info(int fd)
{
	struct pinscope_info info;
	int ret = pinscope_info(fd, &info);

	need(!ret, "INFO: %s", pinscope_errno(ret));
	return info;
}

void expect_ret(int ret, int want, const char *what)
{
	expect(ret == want, "%s: expected %s, got %s", what,
	       want ? pinscope_errno(want) : "success",
	       ret ? pinscope_errno(ret) : "success");
}

long vmstat(const char *name)
{
	char line[128];
	long value = -1;
	size_t len = strlen(name);
	FILE *file;
	int fd;

	/* What other processors have counted may not be in the sum yet. */
	fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			perror("# stat_refresh");
		close(fd);
	}
	file = fopen("/proc/vmstat", "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && line[len] == ' ')
			value = atol(line + len);
	fclose(file);
	return value;
}

long pins_now(void)
{
	return vmstat("nr_foll_pin_acquired") - vmstat("nr_foll_pin_released");
}

bool nothing_left(void)
{
	struct pinscope_info info;
	long pins;
	int fd, tries;

	/* Orphans of what was killed may still hold a file for a moment. */
	for (tries = 0; tries < 500; tries++) {
		fd = pinscope_open();
		if (fd < 0 || pinscope_info(fd, &info)) {
			printf("# the module does not answer\n");
			return false;
		}
		close(fd);
		pins = pins_now();
		if (!info.pinned_pages && !pins)
			return true;
		usleep(10000);
	}
	printf("# pages still pinned: %llu by pinscope's count, %ld by the kernel's\n",
	       info.pinned_pages, pins);
	return false;
}

uint32_t pin(int fd, unsigned int call, uint64_t gup_flags, const void *addr,
	     size_t len)
{
	uint32_t id = 0;
	int ret = pinscope_pin(fd, call, gup_flags, addr, len, &id);

	need(!ret, "PIN %s: %s", pinscope_name(pinscope_call_names, call), pinscope_errno(ret));
	return id;
}

struct pinscope_compare compare(int fd, uint32_t id, const void *addr)
{
	struct pinscope_compare cmp = {};
	int ret = pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr), &cmp);

	need(!ret, "COMPARE: %s", pinscope_errno(ret));
	return cmp;
}

struct pinscope_page state_of(int fd, const void *addr)
{
	struct pinscope_page rec;
	int ret = pinscope_page(fd, addr, &rec);

	need(!ret, "INSPECT: %s", pinscope_errno(ret));
	return rec;
}

bool state_is(int fd, const void *addr, uint64_t mask, uint64_t want)
{
	struct pinscope_page rec = state_of(fd, addr);
	char names[NAMES_MAX];

	if ((rec.state & mask) == want)
		return true;
	printf("# %p: %s, PFN 0x%llx, mapcount %d, refcount %d, pincount %d\n",
	       addr, pinscope_names(pinscope_state_names, rec.state, names, sizeof(names)),
	       rec.pfn, rec.mapcount, rec.refcount, rec.pincount);
	return false;
}

void expect_state(int fd, const void *addr, uint64_t has, uint64_t hasnt,
		  const char *what)
{
	expect(state_is(fd, addr, has | hasnt, has), "%s", what);
}

static const struct kind *find_kind(const char *name)
{
	static struct kind *kinds;
	static size_t nr;
	size_t i;

	if (!kinds)
		kinds = kinds_get("/var/tmp", &nr);
	for (i = 0; kinds && i < nr; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	need(false, "no kind %s", name);
	return NULL;
}

void get_memory(struct memory *m, int fd, const char *kind, bool writable)
{
	if (!memory_open(m, find_kind(kind), "/var/tmp") ||
	    !memory_map(m, fd, writable))
		tap_skip("%s: %s", kind, m->why);
}

void drain_lru(void)
{
	void *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int node = 0, status;

	/* Whatever it does with this page, it empties the batches first. */
	syscall(SYS_move_pages, 0, 1UL, &addr, &node, &status, 0);
	munmap(addr, page);
}

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = strlen(text);
	bool good = fd >= 0 && write(fd, text, len) == len;

	if (!good)
		printf("# %s: %s\n", path, pinscope_errno(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

pid_t must_fork(void)
{
	pid_t pid = fork();

	need(pid >= 0, "fork: %s", pinscope_errno(errno));
	return pid;
}

static int child_ready[2], child_go[2];

pid_t child_start(void)
{
	pid_t child;
	char byte;

	need(!pipe2(child_ready, O_CLOEXEC) && !pipe2(child_go, O_CLOEXEC),
	     "pipe: %s", pinscope_errno(errno));
	fflush(stdout);
	child = must_fork();
	if (!child) {
		close(child_go[1]);
		return 0;
	}
	close(child_ready[1]);
	close(child_go[0]);
	need(read(child_ready[0], &byte, 1) == 1, "the child failed");
	close(child_ready[0]);
	return child;
}

void child_wait(void)
{
	char byte = 'r';

	if (write(child_ready[1], &byte, 1) != 1)
		_exit(1);
	/* Ends also when the parent dies. */
	_exit(read(child_go[0], &byte, 1) != 0);
}

void child_end(pid_t child)
{
	int status;

	close(child_go[1]);
	waitpid(child, &status, 0);
	expect(!status, "the child failed: status 0x%x", status);
}

int main(int argc, char **argv)
{
	static const struct test *const tables[] = {
		input_tests, pin_tests, inspect_tests, fault_tests,
		remote_tests, gup_test_tests, stress_tests,
	};

	return tap_run(tables, ARRAY_SIZE(tables), argc, argv, nothing_left);
}
