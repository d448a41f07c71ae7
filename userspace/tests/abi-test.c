// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ABI, tested against the kernel that runs: bad input changes nothing and
 * gets the errno that fits, pins live as long as they should, and INSPECT says
 * what /proc/self/pagemap and /proc/kpageflags say.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "../suite/memory.h"
#include "abi.h"

/* How long to wait for pins to be released. */
#define SECONDS_TO_END	60

size_t page, pmd_size;
unsigned int page_shift, pmd_shift;

/* An open ctl file for INFO alone: it is there before and after each test. */
static int info_fd;

/* ------------------------------------------------------------- the fixture */

static int others[16];
static unsigned int nr_others;

static struct {
	struct kind_memory pub;
	struct memory memory;
	bool used;
} memories[4];

static int open_ctl(void)
{
	int fd = pinscope_open();

	need_ok(fd < 0 ? fd : 0, "open of " PINSCOPE_CTL_PATH);
	return fd;
}

int open_another_ctl(void)
{
	need(nr_others < ARRAY_SIZE(others), "too many open ctl files");
	others[nr_others] = open_ctl();
	return others[nr_others++];
}

int open_map(void)
{
	int fd = pinscope_open_map();

	need_ok(fd < 0 ? fd : 0, "open of " PINSCOPE_MAP_PATH);
	return fd;
}

static void populate(char *addr, size_t len)
{
	size_t at;

	for (at = 0; at < len; at += page)
		*(volatile char *)(addr + at) = 0;
}

static void fixture_set_up(struct abi_fixture *f, const struct test *test)
{
	*f = (struct abi_fixture) {
		.ctl = open_ctl(), .len = test->pages * page,
	};
	if (!test->pages)
		return;
	f->mem = map_anon(f->len, RW, 0);
	madvise(f->mem, f->len, MADV_NOHUGEPAGE);
	if (test->populated)
		populate(f->mem, f->len);
}

void fixture_tear_down(struct abi_fixture *f)
{
	size_t i;

	while (nr_others)
		close(others[--nr_others]);
	for (i = 0; i < ARRAY_SIZE(memories); i++)
		if (memories[i].used)
			put_memory(&memories[i].pub);
	if (f->mem)
		munmap(f->mem, f->len);
	close(f->ctl);
}

/* Is nothing pinned, by pinscope's count and by the kernel's? */
bool nothing_left(void)
{
	int tries;

	/*
	 * Orphans of what was killed may still hold a file: for a moment, but in a
	 * slow guest and with a debug kernel that is long.
	 */
	for (tries = 0; tries < 100 * SECONDS_TO_END; tries++) {
		if (!pages_pinned() && !kernel_pins())
			return true;
		usleep(10000);
	}
	printf("# expected no pinned pages, found %llu of pinscope's\n",
	       (unsigned long long)pages_pinned());
	printf("# expected no pins in /proc/vmstat, found %ld\n", kernel_pins());
	return false;
}

static void run_with_fixture(const struct test *test)
{
	struct abi_fixture f;

	fixture_set_up(&f, test);
	test->run(&f);
	fixture_tear_down(&f);
	tap_context("after the test");
	expect(nothing_left());
}

/* ------------------------------------------------------------------ counters */

struct pinscope_info get_info(int fd)
{
	struct pinscope_info info;

	need_ok(pinscope_info(fd, &info));
	return info;
}

uint64_t pages_pinned(void)
{
	return get_info(info_fd).pinned_pages;
}

/*
 * What the counts differed by at the start. folio_add_pin(), which direct I/O uses for pages
 * that it has pinned already, does not count as acquired what is counted as released.
 */
static long pins_before;

long kernel_pins(void)
{
	return sys_pins_held() - pins_before;
}

/* -------------------------------------------------- calls that have to work */

void stop_tracking(int fd)
{
	int ret = pinscope_track(fd, PINSCOPE_TRACK_STOP, 0, 0, NULL);

	if (ret == -EOPNOTSUPP)
		tap_leave_out("tracking: the kernel lacks CONFIG_KRETPROBES or %s, or has %s",
			      "CONFIG_DYNAMIC_FTRACE_WITH_REGS", "CONFIG_PREEMPT_RT");
	need_ok(ret);
	need_ok(pinscope_track(fd, PINSCOPE_TRACK_CLEAR, 0, 0, NULL));
}

uint32_t pin_at(struct tap_place at, int fd, unsigned int call,
		uint64_t gup_flags, const void *addr, size_t len)
{
	char names[200];
	uint32_t id = 0;

	tap_need(tap_ret(at, "PIN",
			 pinscope_pin(fd, call, gup_flags, addr, len, &id), 0,
			 ": %s, gup_flags %s, %zu pages",
			 pinscope_name(pinscope_call_names, call),
			 pinscope_names(pinscope_gup_flags_names, gup_flags,
					names, sizeof(names)), len / page));
	return id;
}

struct pinscope_compare compare_at(struct tap_place at, int fd,
				   uint32_t id, const void *addr)
{
	struct pinscope_compare cmp = {};
	int ret = pinscope_compare(fd, id, pinscope_self(), pinscope_addr(addr),
				   &cmp);

	tap_need(tap_ret(at, "COMPARE", ret, 0, ": pin %u", id));
	return cmp;
}

struct pinscope_page state_at(struct tap_place at, int fd,
			      const void *addr)
{
	struct pinscope_page rec;

	tap_need(tap_ret(at, "INSPECT", pinscope_page(fd, addr, &rec),
			 0, ": %p", addr));
	return rec;
}

struct records inspect_at(struct tap_place at, int fd,
			  struct pinscope_target target, uint64_t addr,
			  uint64_t len)
{
	struct records records = {};

	tap_need(tap_ret(at, "INSPECT",
			 pinscope_inspect(fd, target, addr, len, &records.rec,
					  &records.nr), 0,
			 ": 0x%llx, %llu pages", (unsigned long long)addr,
			 (unsigned long long)len / page));
	return records;
}

bool expect_state_at(struct tap_place at, const char *text, int fd,
		     const void *addr, uint64_t has, uint64_t hasnt,
		     const char *format, ...)
{
	struct pinscope_page rec = state_at(at, fd, addr);
	char what[200], expression[100];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(expression, sizeof(expression), "page state at %s", text);
	return tap_bits(at, expression, pinscope_state_names, rec.state,
			has, hasnt,
			" (PFN 0x%llx, mapcount %d, refcount %d, pincount %d)%s",
			rec.pfn, rec.mapcount, rec.refcount, rec.pincount,
			strcmp(what, ": ") ? what : "");
}

void need_write_file(const char *path, const char *text)
{
	need_sys(!sys_write_file(path, text), "\"%s\" to %s", text, path);
}

/* ------------------------------------------------------------------ memory */

char *map_anon(size_t len, int prot, int more_flags)
{
	char *addr = mmap(NULL, len, prot,
			  MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0);

	need_sys(addr != MAP_FAILED, "mmap of %zu bytes", len);
	return addr;
}

char *map_anon_aligned(size_t len)
{
	char *area = map_anon(len + pmd_size, RW, 0);
	char *addr = area + (-pinscope_addr(area) & (pmd_size - 1));

	munmap(area, addr - area);
	munmap(addr + len, area + pmd_size - addr);
	madvise(addr, len, MADV_NOHUGEPAGE);
	return addr;
}

char *map_file(size_t len, int prot, int flags, int fd)
{
	char *addr = mmap(NULL, len, prot, flags, fd, 0);

	need_sys(addr != MAP_FAILED, "mmap of %zu bytes of a file", len);
	return addr;
}

int make_memfd(size_t len, unsigned int flags)
{
	int fd = memfd_create("abi-test", MFD_CLOEXEC | flags);

	need_sys(fd >= 0, "memfd_create, flags 0x%x", flags);
	need_sys(!ftruncate(fd, len), "memfd, %zu bytes", len);
	return fd;
}

int make_file(const char *dir, size_t len)
{
	char name[100];
	int fd;

	snprintf(name, sizeof(name), "%s/abi-test-XXXXXX", dir);
	fd = mkstemp(name);
	need_sys(fd >= 0, "%s", name);
	unlink(name);
	need_sys(!ftruncate(fd, len), "%s, %zu bytes", name, len);
	return fd;
}

void drain_lru(void)
{
	void *addr = map_anon(page, RW, MAP_POPULATE);
	int node = 0, status;

	/* Whatever it does with this page, it empties the batches first. */
	syscall(SYS_move_pages, 0, 1UL, &addr, &node, &status, 0);
	munmap(addr, page);
}

int mount_memcg_v1(void)
{
	if ((mkdir(MEMCG_V1, 0700) && errno != EEXIST) ||
	    mount("memcg", MEMCG_V1, "cgroup", 0, "memory"))
		return -errno;
	/* Without CONFIG_MEMCG_V1 some kernels mount an empty hierarchy. */
	if (!access(MEMCG_V1 "/memory.oom_control", F_OK))
		return 0;
	need_sys(!umount(MEMCG_V1));
	return -ENODEV;
}

int uffd_missing(void *addr, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = pinscope_addr(addr), .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	need_sys(fd >= 0, "userfaultfd");
	need_sys(!ioctl(fd, UFFDIO_API, &api));
	need_sys(!ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

/* --------------------------------------------------------- kinds of memory */

/* All kinds of the machine that only have to be mapped. */
static const struct kind *kinds_all(size_t *nr)
{
	static const char *const dirs[] = { DISK_DIR };
	static struct kind *kinds;
	static size_t number;

	if (!kinds)
		kinds = kinds_expand(dirs, ARRAY_SIZE(dirs), &number);
	need(kinds, "the kinds of memory");
	*nr = number;
	return kinds;
}

static const struct kind *find_kind(const char *name)
{
	size_t nr;
	const struct kind *kinds = kinds_all(&nr);
	const struct kind *kind = kind_find(kinds, nr, name);

	if (!kind)
		tap_skip("this machine has no memory of kind %s", name);
	return kind;
}

const char *kind_name(size_t wanted)
{
	size_t nr, i;
	const struct kind *kinds = kinds_all(&nr);

	for (i = 0; i < nr; i++) {
		if (!(kinds[i].traits & KIND_CHECK) ||
		    (kinds[i].len > pmd_size && !(kinds[i].traits & KIND_CONTROL)))
			continue;
		if (!wanted--)
			return kinds[i].name;
	}
	return NULL;
}

const char *hugetlb_kind(const char *kind, size_t size)
{
	static const char units[] = "BKMGT";
	static char name[64];
	unsigned int unit = 0;

	for (; size >= 1024; size /= 1024)
		unit++;
	snprintf(name, sizeof(name), "%s[%zu%c]", kind, size, units[unit]);
	return name;
}

struct kind_memory *get_memory(int fd, const char *kind)
{
	const struct kind *k = find_kind(kind);
	struct memory *m;
	size_t i = 0;

	while (memories[i].used)
		i++;
	need(i < ARRAY_SIZE(memories), "too much memory is in use");
	m = &memories[i].memory;
	if (!memory_open(m, k) || !memory_map(m, fd, true))
		tap_skip("%s: %s", kind, m->why);
	memories[i].used = true;
	memories[i].pub = (struct kind_memory) {
		.name = kind, .addr = m->addr, .len = k->len,
		.entry_size = k->page, .shared = k->traits & KIND_SHARED,
		.hugetlb = k->hugetlb_shift, .anon = k->mapping->backing == BACKING_NONE,
	};
	return &memories[i].pub;
}

void put_memory(struct kind_memory *m)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(memories); i++) {
		if (m != &memories[i].pub)
			continue;
		memory_close(&memories[i].memory);
		memories[i].used = false;
	}
}

/* ---------------------------------------------------------------- children */

pid_t must_fork(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	need_sys(pid >= 0, "fork");
	return pid;
}

int status_of(pid_t child)
{
	int status = -1;

	need_sys(waitpid(child, &status, 0) == child, "waitpid");
	return status;
}

void kill_child(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static int child_ready[2], child_go[2];

pid_t child_start(void)
{
	pid_t child;
	char byte;

	need_sys(!pipe2(child_ready, O_CLOEXEC));
	need_sys(!pipe2(child_go, O_CLOEXEC));
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
	close(child_go[1]);
	expect_eq(status_of(child), 0, "status of the child");
}

pid_t idle_child(void)
{
	pid_t child = child_start();

	if (!child)
		child_wait();
	return child;
}

void ignore_signal(int sig)
{
	(void)sig;
}

/* -------------------------------------------------------------------- main */

/* Without THP mm does not tell what a PMD maps: a page of 8-byte entries. */
static void get_sizes(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
			   "re");

	page = sysconf(_SC_PAGESIZE);
	page_shift = get_info(info_fd).page_shift;
	if (!file || fscanf(file, "%zu", &pmd_size) != 1)
		pmd_size = page * (page / 8);
	if (file)
		fclose(file);
	pmd_shift = __builtin_ctzl(pmd_size);
}

int main(int argc, char **argv)
{
	static const struct test *const tables[] = {
		input_tests, pin_tests, inspect_tests, fault_tests,
		remote_tests, access_tests, gup_test_tests, track_tests, stress_tests,
		die_tests,
	};
	static const struct tap_hooks hooks = {
		.run = run_with_fixture, .nothing_left = nothing_left,
	};
	char why[256];

	info_fd = pinscope_open();
	if (info_fd < 0) {
		pinscope_why_not(info_fd, why, sizeof(why));
		printf("Bail out! %s\n", why);
		return 1;
	}
	get_sizes();
	pins_before = kernel_pins();
	return tap_run(tables, ARRAY_SIZE(tables), argc, argv, &hooks);
}
