// SPDX-License-Identifier: GPL-2.0-only
/*
 * TRACK and HOLDERS: who is said to hold which pins, what is not known, and that
 * tracking may begin and end at any time.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "abi.h"

#define LONGTERM	PINSCOPE_FOLL_LONGTERM
#define WRITE		PINSCOPE_FOLL_WRITE

static void start(int fd, unsigned int flags, unsigned int max_sites)
{
	/* A test that fails leaves it to the next one. */
	stop_tracking(fd);
	need_ok(pinscope_track(fd, PINSCOPE_TRACK_START, flags, max_sites, NULL));
}

/* The site of this process with a call and flags; all 0 when there is none. */
static struct pinscope_site site_of(int fd, unsigned int call, uint64_t gup_flags)
{
	struct pinscope_site *sites, found = {};
	size_t nr, i;

	need_ok(pinscope_holders(fd, 0, 0, &sites, &nr));
	for (i = 0; i < nr; i++)
		if (sites[i].pid == getpid() && sites[i].call == call &&
		    sites[i].gup_flags == gup_flags)
			found = sites[i];
	free(sites);
	return found;
}

static void expect_held(int fd, unsigned int call, uint64_t gup_flags,
			uint64_t most, uint64_t least)
{
	struct pinscope_site site = site_of(fd, call, gup_flags);

	expect_eq(site.held, most);
	expect_eq(site.held_surely, least);
}

static void test_input(struct abi_fixture *f)
{
	struct pinscope_track track;
	struct pinscope_site *sites;
	size_t nr;
	struct pinscope_holders cmd = { .size = sizeof(cmd), .nr = 1,
		.record_size = sizeof(struct pinscope_site) };

	stop_tracking(f->ctl);
	expect_ret(pinscope_track(f->ctl, PINSCOPE_TRACK_CLEAR + 1, 0, 0, NULL), -EINVAL);
	expect_ret(pinscope_track(f->ctl, PINSCOPE_TRACK_START, 1U << 31, 0, NULL), -EINVAL);
	expect_ret(pinscope_track(f->ctl, PINSCOPE_TRACK_START, 0, 16385, NULL), -EINVAL);
	expect_ret(pinscope_track(f->ctl, PINSCOPE_TRACK_STOP, 1, 0, NULL), -EINVAL);
	expect_ret(pinscope_holders(f->ctl, 0, 0, &sites, &nr), -ENODATA);

	start(f->ctl, 0, 0);
	expect_ret(pinscope_track(f->ctl, PINSCOPE_TRACK_START, 0, 0, NULL), -EBUSY);
	expect_ret(pinscope_track(f->ctl, PINSCOPE_TRACK_CLEAR, 0, 0, NULL), -EBUSY);
	expect_ok(pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, &track));
	expect_eq(track.on, 1);
	expect_eq(track.max_sites, PINSCOPE_SITES_DEFAULT);
	expect_ret(pinscope_holders(f->ctl, 1, 0, &sites, &nr), -EINVAL);
	expect_ret(pinscope_holders(f->ctl, 1, UINT64_MAX, &sites, &nr), -EINVAL);
	/* A site there, so that something has to be copied. */
	pin(f->ctl, PINSCOPE_CALL_PIN, 0, f->mem, page);
	expect_ret(ioctl(f->ctl, PINSCOPE_IOC_HOLDERS, &cmd) ? -errno : 0, -EFAULT);
	cmd.record_size--;
	expect_ret(ioctl(f->ctl, PINSCOPE_IOC_HOLDERS, &cmd) ? -errno : 0, -EINVAL);
	stop_tracking(f->ctl);
}

static void test_permission(struct abi_fixture *f)
{
	struct pinscope_site *sites;
	size_t nr;

	stop_tracking(f->ctl);
	need_sys(!seteuid(NOBODY));
	expect_ret(pinscope_track(f->ctl, PINSCOPE_TRACK_START, 0, 0, NULL), -EPERM);
	expect_ret(pinscope_holders(f->ctl, 0, 0, &sites, &nr), -EPERM);
	need_sys(!seteuid(0));
}

/* The answer of START cannot be written: tracking is as off as before. */
static void test_answer(struct abi_fixture *f)
{
	struct pinscope_track *cmd = (void *)f->mem, track;
	unsigned int op;

	start(f->ctl, 0, 0);
	stop_tracking(f->ctl);
	cmd->size = sizeof(*cmd);
	for (op = PINSCOPE_TRACK_QUERY; op <= PINSCOPE_TRACK_CLEAR; op++) {
		tap_context("operation %u", op);
		cmd->op = op;
		need_sys(!mprotect(f->mem, f->len, PROT_READ));
		expect_ret(ioctl(f->ctl, PINSCOPE_IOC_TRACK, cmd) ? -errno : 0, -EFAULT);
		need_sys(!mprotect(f->mem, f->len, RW));
		need_ok(pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, &track));
		expect_eq(track.on, 0);
	}
	tap_context("STOP while tracking is on");
	start(f->ctl, 0, 0);
	cmd->op = PINSCOPE_TRACK_STOP;
	need_sys(!mprotect(f->mem, f->len, PROT_READ));
	expect_ret(ioctl(f->ctl, PINSCOPE_IOC_TRACK, cmd) ? -errno : 0, -EFAULT);
	need_ok(pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, &track));
	expect_eq(track.on, 0, "STOP ends tracking, whatever becomes of its answer");
	stop_tracking(f->ctl);
}

/* Each call with its flags, what it holds, and how that ends in parts. */
static void test_calls(struct abi_fixture *f)
{
	struct pinscope_info info = get_info(f->ctl);
	unsigned int call;
	struct pinscope_site site;
	uint64_t left;
	uint32_t id;

	start(f->ctl, 0, 0);
	for (call = 0; call < PINSCOPE_CALL_GET; call++) {
		if (!(info.calls & 1ULL << call))
			continue;
		tap_context("%s", pinscope_name(pinscope_call_names, call));
		id = pin(f->ctl, call, WRITE, f->mem, f->len);
		site = site_of(f->ctl, call, WRITE);
		expect_eq(site.held, f->len / page);
		expect_eq(site.held_surely, f->len / page);
		expect_eq(site.pages, f->len / page);
		expect_eq(site.ages[0], f->len / page);
		expect_ne(site.calls, 0);
		expect_eq(site.failed, 0);
		expect_ne(site.stack[0], 0);
		expect_str(site.comm, program_invocation_short_name);

		need_ok(pinscope_unpin_part(f->ctl, id, page, 2 * page, 0, &left));
		expect_held(f->ctl, call, WRITE, f->len / page - 2, f->len / page - 2);
		need_ok(pinscope_unpin(f->ctl, id));
		expect_held(f->ctl, call, WRITE, 0, 0);
	}
	stop_tracking(f->ctl);
}

/* The file has a heading, and each site once. */
static void test_file(struct abi_fixture *f)
{
	FILE *file;
	char line[256], first[64];
	int headings = 0, sites = 0, found = 0;

	start(f->ctl, 0, 0);
	pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->mem, page);
	snprintf(first, sizeof(first), "site 1: pid %d %s pin WRITE\n", getpid(),
		 program_invocation_short_name);
	file = fopen("/sys/kernel/debug/pinscope/holders", "re");
	need_sys(file);
	while (fgets(line, sizeof(line), file)) {
		headings += !strncmp(line, "tracking is on", 14);
		sites += !strncmp(line, "site ", 5);
		found += !strcmp(line, first);
	}
	fclose(file);
	expect_eq(headings, 1);
	expect_eq(sites, 1);
	expect_eq(found, 1);
	stop_tracking(f->ctl);
}

static void test_failed_call(struct abi_fixture *f)
{
	struct pinscope_site site;
	uint32_t id;

	start(f->ctl, 0, 0);
	expect_ret(pinscope_pin(f->ctl, PINSCOPE_CALL_PIN_FAST, LONGTERM, UNMAPPED, page, &id),
		   -EFAULT);
	site = site_of(f->ctl, PINSCOPE_CALL_PIN_FAST, LONGTERM);
	expect_eq(site.calls, 1);
	expect_eq(site.failed, 1);
	expect_eq(site.pages, 0);
	stop_tracking(f->ctl);
}

static void test_references(struct abi_fixture *f)
{
	struct pinscope_site site;

	start(f->ctl, 0, 0);
	pin(f->ctl, PINSCOPE_CALL_GET_FAST, 0, f->mem, f->len);
	expect_eq(site_of(f->ctl, PINSCOPE_CALL_GET_FAST, 0).calls, 0);
	start(f->ctl, PINSCOPE_TRACK_REFERENCES, 0);
	pin(f->ctl, PINSCOPE_CALL_GET_FAST, 0, f->mem, f->len);
	site = site_of(f->ctl, PINSCOPE_CALL_GET_FAST, 0);
	expect_eq(site.pages, f->len / page);
	expect_eq(site.held, 0);
	stop_tracking(f->ctl);
}

/* An unpin does not tell whose it is: until the last, each holds at most its own. */
static void test_two_holders(struct abi_fixture *f)
{
	uint32_t a, b;

	start(f->ctl, 0, 0);
	a = pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->mem, page);
	b = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE | LONGTERM, f->mem, page);
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 1, 1);
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE | LONGTERM, 1, 1);
	need_ok(pinscope_unpin(f->ctl, a));
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 1, 0);
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE | LONGTERM, 1, 0);
	need_ok(pinscope_unpin(f->ctl, b));
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 0, 0);
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE | LONGTERM, 0, 0);
	stop_tracking(f->ctl);
}

/* More than a folio has room for at first, so that it gets more, twice. */
static void test_many_holders(struct abi_fixture *f)
{
	static const unsigned int calls[] = {
		PINSCOPE_CALL_PIN, PINSCOPE_CALL_PIN_FAST, PINSCOPE_CALL_PIN_UNLOCKED,
	};
	static const uint64_t flags[] = { 0, WRITE, LONGTERM, WRITE | LONGTERM };
	/* pin_user_pages_unlocked() of 6.1 refuses FOLL_LONGTERM. */
	enum { NR = 2 * ARRAY_SIZE(flags) + 2 };
	uint32_t ids[NR];
	unsigned int i;

	start(f->ctl, 0, 0);
	for (i = 0; i < NR; i++)
		ids[i] = pin(f->ctl, calls[i / ARRAY_SIZE(flags)],
			     flags[i % ARRAY_SIZE(flags)], f->mem, page);
	expect_eq(state_of(f->ctl, f->mem).sites, NR);
	for (i = 0; i < NR; i++)
		expect_held(f->ctl, calls[i / ARRAY_SIZE(flags)], flags[i % ARRAY_SIZE(flags)],
			    1, 1);
	for (i = 0; i < NR; i++)
		need_ok(pinscope_unpin(f->ctl, ids[i]));
	for (i = 0; i < NR; i++)
		expect_held(f->ctl, calls[i / ARRAY_SIZE(flags)], flags[i % ARRAY_SIZE(flags)],
			    0, 0);
	stop_tracking(f->ctl);
}

/* INSPECT says of each folio how many sites hold it, and how many pins are known. */
static void test_inspect(struct abi_fixture *f)
{
	struct pinscope_page one, other;
	uint32_t before;

	stop_tracking(f->ctl);
	before = pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->mem, page);
	one = state_of(f->ctl, f->mem);
	expect_eq(one.sites, 0, "tracking is off");
	start(f->ctl, 0, 0);
	pin(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, f->mem, page);
	pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->mem, page);
	pin(f->ctl, PINSCOPE_CALL_PIN, WRITE | LONGTERM, f->mem + page, page);
	one = state_of(f->ctl, f->mem);
	expect_eq(one.pincount, 3);
	expect_eq(one.sites, 2);
	expect_eq(one.tracked, 2, "of one pin it is not known who holds it");
	other = state_of(f->ctl, f->mem + page);
	expect_eq(other.pincount, 1);
	expect_eq(other.sites, 1);
	expect_eq(other.tracked, 1);
	need_ok(pinscope_unpin(f->ctl, before));
	one = state_of(f->ctl, f->mem);
	expect_eq(one.sites, 2);
	expect_eq(one.tracked, 1, "an unpin does not tell whose it is");
	need_sys(!seteuid(NOBODY));
	expect_eq(state_of(f->ctl, f->mem).sites, 0, "without CAP_SYS_ADMIN");
	need_sys(!seteuid(0));
	stop_tracking(f->ctl);
}

/* Neighbours that one site holds and another does not are two records. */
static void test_inspect_apart(struct abi_fixture *f)
{
	struct pinscope_page rec[8];
	struct pinscope_inspect cmd = {
		.size = sizeof(cmd), .record_size = sizeof(rec[0]),
		.addr = pinscope_addr(f->mem), .len = f->len,
		.records = pinscope_addr(rec), .nr = ARRAY_SIZE(rec),
	};
	size_t i;

	start(f->ctl, 0, 0);
	pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->mem, f->len);
	need_sys(!ioctl(f->ctl, PINSCOPE_IOC_INSPECT, &cmd));
	need(cmd.nr == f->len / page, "expected a record for each page, found %u", cmd.nr);
	for (i = 0; i < cmd.nr; i++) {
		expect_eq(rec[i].pages, 1);
		expect_eq(rec[i].sites, 1);
	}
	stop_tracking(f->ctl);
}

/* The same site twice is no question. */
static void test_twice(struct abi_fixture *f)
{
	uint32_t ids[2];
	int i;

	start(f->ctl, 0, 0);
	for (i = 0; i < 2; i++)
		ids[i] = pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->mem, f->len);
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 2 * f->len / page,
		    2 * f->len / page);
	need_ok(pinscope_unpin(f->ctl, ids[0]));
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->len / page, f->len / page);
	need_ok(pinscope_unpin(f->ctl, ids[1]));
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 0, 0);
	stop_tracking(f->ctl);
}

/* More than what is handled, counted and forgotten at a time, and holes in it. */
static void test_many(struct abi_fixture *f)
{
	uint64_t pages = f->len / page, i, left;
	struct pinscope_track track;
	uint32_t id;

	start(f->ctl, 0, 0);
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, f->mem, f->len);
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, pages, pages);
	for (i = 0; i < pages; i += 256)
		need_ok(pinscope_unpin_part(f->ctl, id, i * page, 128 * page, 0, &left));
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, pages / 2, pages / 2);
	need_ok(pinscope_unpin(f->ctl, id));
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, 0, 0);

	/* CLEAR while they are pinned: what it forgets, an unpin does not miss. */
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, f->mem, f->len);
	need_ok(pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, &track));
	expect_eq(track.missed, 0);
	stop_tracking(f->ctl);
	need_ok(pinscope_unpin(f->ctl, id));
}

/* Pins from before are not guessed at, and their unpins do not end those of now. */
static void test_from_before(struct abi_fixture *f)
{
	struct pinscope_track track;
	uint32_t before, now;

	stop_tracking(f->ctl);
	before = pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->mem, 2 * page);
	start(f->ctl, 0, 0);
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 0, 0);
	now = pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->mem, page);
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 1, 1);
	need_ok(pinscope_unpin(f->ctl, before));
	need_ok(pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, &track));
	expect_ge(track.unknown, 1);
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 1, 0);
	need_ok(pinscope_unpin(f->ctl, now));
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 0, 0);
	stop_tracking(f->ctl);
}

/* Pins of a THP are pins of one folio; a range of PFNs selects it. */
static void test_thp(struct abi_fixture *f)
{
	struct kind_memory *m = get_memory(f->ctl, "thp");
	struct pinscope_page first = state_of(f->ctl, m->addr);
	struct pinscope_site *sites;
	size_t nr;
	uint64_t left;
	uint32_t id;

	start(f->ctl, 0, 0);
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, LONGTERM, m->addr, pmd_size);
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, LONGTERM, pmd_size / page,
		    pmd_size / page);
	need_ok(pinscope_holders(f->ctl, first.folio_pfn, 1, &sites, &nr));
	expect_eq(nr, 1);
	free(sites);
	need_ok(pinscope_holders(f->ctl, first.folio_pfn + 1, 1, &sites, &nr));
	expect_eq(nr, 0);
	free(sites);
	need_ok(pinscope_unpin_part(f->ctl, id, 5 * page, 3 * page, 0, &left));
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, LONGTERM, pmd_size / page - 3,
		    pmd_size / page - 3);
	need_ok(pinscope_unpin(f->ctl, id));
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, LONGTERM, 0, 0);
	stop_tracking(f->ctl);
}

static void test_memfd(struct abi_fixture *f)
{
	struct pinscope_pin cmd = { .call = PINSCOPE_CALL_PIN_MEMFD, .len = 4 * page };
	struct pinscope_target target = pinscope_memfd(make_memfd(4 * page, 0));

	if (!(get_info(f->ctl).calls & 1ULL << PINSCOPE_CALL_PIN_MEMFD))
		tap_leave_out("the kernel has no memfd_pin_folios(): Linux 6.11 has it");
	cmd.target_type = target.target_type;
	cmd.target_nr = target.target_nr;
	start(f->ctl, 0, 0);
	need_ok(pinscope_pin_cmd(f->ctl, &cmd));
	expect_held(f->ctl, PINSCOPE_CALL_PIN_MEMFD, 0, 4, 4);
	need_ok(pinscope_unpin(f->ctl, cmd.id));
	expect_held(f->ctl, PINSCOPE_CALL_PIN_MEMFD, 0, 0, 0);
	stop_tracking(f->ctl);
}

/* Pages that GUP migrates are pinned and unpinned inside of the call. */
static void test_migrated(struct abi_fixture *f)
{
	const uint64_t movable = PINSCOPE_STATE_ZONE_MOVABLE;
	struct pinscope_track track;
	char *mem = map_anon(page, RW, 0);
	unsigned long node = 1UL << 2;
	uint32_t id;

	need_sys(!syscall(SYS_mbind, mem, page, 2 /* MPOL_BIND */, &node, 8, 0));
	mem[0] = 1;
	need(state_of(f->ctl, mem).state & movable, "node 2 is ZONE_MOVABLE");
	start(f->ctl, 0, 0);
	id = pin(f->ctl, PINSCOPE_CALL_PIN, WRITE | LONGTERM, mem, page);
	expect_state(f->ctl, mem, 0, movable);
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE | LONGTERM, 1, 1);
	need_ok(pinscope_unpin(f->ctl, id));
	need_ok(pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, &track));
	expect_eq(track.unknown, 0);
	expect_eq(track.missed, 0);
	stop_tracking(f->ctl);
}

/* An interrupt unpins what direct I/O has pinned. */
static void test_direct_io(struct abi_fixture *f)
{
	int fd = open("/dev/vda", O_RDONLY | O_DIRECT | O_CLOEXEC), i;
	struct pinscope_site site;

	if (fd < 0)
		tap_skip("there is no disk /dev/vda: run it by scripts/vm");
	start(f->ctl, 0, 0);
	for (i = 0; i < 100; i++)
		need_sys(pread(fd, f->mem, f->len, 0) == (ssize_t)f->len);
	site = site_of(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE);
	if (!site.calls)
		tap_leave_out("direct I/O takes references before Linux 6.5, no pins");
	expect_eq(site.calls, 100);
	expect_eq(site.pages, 100 * f->len / page);
	expect_eq(site.held, 0);
	stop_tracking(f->ctl);
	close(fd);
}

/* What a process held is not said to be held when the process is gone. */
static void test_exit(struct abi_fixture *f)
{
	struct pinscope_site *sites;
	size_t nr, i;
	pid_t child;

	start(f->ctl, 0, 0);
	child = must_fork();
	if (!child) {
		int fd = pinscope_open();

		pin(fd, PINSCOPE_CALL_PIN, WRITE, f->mem, f->len);
		_exit(0);
	}
	expect_eq(status_of(child), 0);
	need_ok(pinscope_holders(f->ctl, 0, 0, &sites, &nr));
	expect_eq(nr, 1);
	for (i = 0; i < nr; i++) {
		expect_eq(sites[i].pid, child);
		expect_eq(sites[i].pages, f->len / page);
		expect_eq(sites[i].held, 0);
	}
	free(sites);
	stop_tracking(f->ctl);
}

/* ------------------------------------- the process whose page somebody else pins */

/* A child, which has a page of its own. */
struct life {
	char *mem;
	atomic_bool ready, go;
};

static void forks(char *mem)
{
	pid_t child = must_fork();

	if (!child) {
		mem[0] = 'x';
		_exit(0);
	}
	mem[0] = 'y';
	status_of(child);
}

static void executes(char *mem)
{
	(void)mem;
	execl("/bin/sleep", "sleep", "1000", NULL);
}

static void exits(char *mem)
{
	(void)mem;
	_exit(0);
}

static void is_killed(char *mem)
{
	(void)mem;
	raise(SIGKILL);
}

static void unmaps(char *mem)
{
	need_sys(!munmap(mem, page));
}

static void remaps(char *mem)
{
	void *to = map_anon(page, PROT_NONE, 0);

	need_sys(mremap(mem, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
}

static const struct {
	const char *name;
	void (*does)(char *mem);
} lives[] = {
	{ "fork", forks }, { "exec", executes }, { "exit", exits }, { "kill", is_killed },
	{ "munmap", unmaps }, { "mremap", remaps },
};

/* The other end of the pipe is closed once the child has done it, or has ended. */
static pid_t life_start(struct life *life, void (*does)(char *mem), int *done)
{
	int ends[2];
	pid_t child;

	need_sys(!pipe2(ends, O_CLOEXEC));
	life->ready = false;
	life->go = false;
	child = must_fork();
	if (!child) {
		life->mem = map_anon(page, RW, 0);
		life->mem[0] = 'c';
		life->ready = true;
		while (!life->go)
			usleep(1000);
		does(life->mem);
		close(ends[1]);
		for (;;)
			pause();
	}
	close(ends[1]);
	*done = ends[0];
	while (!life->ready)
		usleep(1000);
	return child;
}

/* The pin is on record whatever becomes of the page in the process. */
static void pin_life(struct abi_fixture *f, struct life *life, pid_t child, int done)
{
	struct pinscope_pin cmd = {
		.call = PINSCOPE_CALL_PIN_REMOTE, .gup_flags = WRITE | LONGTERM,
		.addr = pinscope_addr(life->mem), .len = page,
		.target_type = PINSCOPE_TARGET_PID, .target_nr = child,
	};
	struct pinscope_site *sites;
	struct records r;
	size_t nr;
	char byte;

	need_ok(pinscope_pin_cmd(f->ctl, &cmd));
	life->go = true;
	expect_eq(read(done, &byte, 1), 0);
	r = inspect(f->ctl, pinscope_pinned(cmd.id), 0, page);
	need_eq(r.nr, 1);
	expect_eq(r.rec->pincount, 1);
	expect_eq(r.rec->sites, 1);
	expect_eq(r.rec->tracked, 1);
	need_ok(pinscope_holders(f->ctl, r.rec->folio_pfn, 1, &sites, &nr));
	need_eq(nr, 1);
	expect_eq(sites[0].pid, getpid(), "who has pinned, not whose page it is");
	expect_eq(sites[0].held_surely, 1);
	free(sites);
	free(r.rec);
	need_ok(pinscope_unpin(f->ctl, cmd.id));
	expect_held(f->ctl, PINSCOPE_CALL_PIN_REMOTE, WRITE | LONGTERM, 0, 0);
}

static void expect_exact(int fd)
{
	struct pinscope_track track;

	need_ok(pinscope_track(fd, PINSCOPE_TRACK_QUERY, 0, 0, &track));
	expect_eq(track.unknown, 0);
	expect_eq(track.missed, 0);
}

static void test_lives(struct abi_fixture *f)
{
	struct life *life = mmap(NULL, page, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;
	size_t i;
	int done;

	need_sys(life != MAP_FAILED);
	for (i = 0; i < ARRAY_SIZE(lives); i++) {
		tap_context("%s", lives[i].name);
		start(f->ctl, 0, 0);
		child = life_start(life, lives[i].does, &done);
		pin_life(f, life, child, done);
		expect_exact(f->ctl);
		kill_child(child);
		close(done);
	}
	stop_tracking(f->ctl);
}

/* Tries to migrate a page to a node; returns the one where it is then. */
static int move_page(void *addr, int node)
{
	int status = -EIO;

	drain_lru();
	/* Of what it could not migrate, the status means nothing. */
	need_sys(syscall(SYS_move_pages, 0, 1UL, &addr, &node, &status, 2 /* MPOL_MF_MOVE */) >=
		 0);
	need_sys(!syscall(SYS_move_pages, 0, 1UL, &addr, NULL, &status, 0));
	return status;
}

/* A page that is pinned is not migrated, and the attempt changes no record. */
static void test_migration_refused(struct abi_fixture *f)
{
	int node = state_of(f->ctl, f->mem).node - 1, other = !node;
	uint32_t id;

	start(f->ctl, 0, 0);
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, f->mem, page);
	expect_eq(move_page(f->mem, other), node);
	expect_eq(state_of(f->ctl, f->mem).node, node + 1);
	expect_eq(state_of(f->ctl, f->mem).sites, 1);
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, 1, 1);
	need_ok(pinscope_unpin(f->ctl, id));
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, 0, 0);
	expect_eq(move_page(f->mem, other), other, "it is not pinned any more");
	expect_eq(state_of(f->ctl, f->mem).sites, 0);
	expect_exact(f->ctl);
	stop_tracking(f->ctl);
}

/* A THP that is pinned is not split, and stays on record as one folio. */
static void test_split_refused(struct abi_fixture *f)
{
	struct kind_memory *m = get_memory(f->ctl, "thp");
	struct pinscope_page rec;
	char command[64];
	uint32_t id;

	snprintf(command, sizeof(command), "%d,0x%llx,0x%llx", getpid(),
		 (unsigned long long)pinscope_addr(m->addr),
		 (unsigned long long)(pinscope_addr(m->addr) + pmd_size));
	start(f->ctl, 0, 0);
	id = pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, m->addr + page, 2 * page);
	drain_lru();
	/* It succeeds whether or not it could split anything. */
	need_write_file("/sys/kernel/debug/split_huge_pages", command);
	rec = state_of(f->ctl, m->addr);
	expect_eq(rec.folio_order, pmd_shift - page_shift);
	expect_eq(rec.sites, 1);
	expect_eq(rec.tracked, 2);
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 2, 2);
	need_ok(pinscope_unpin(f->ctl, id));
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 0, 0);
	drain_lru();
	need_write_file("/sys/kernel/debug/split_huge_pages", command);
	rec = state_of(f->ctl, m->addr);
	expect_eq(rec.folio_order, 0, "it is not pinned any more");
	expect_eq(rec.sites, 0);
	/* A page of what was one folio, by its own number. */
	id = pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, m->addr + page, page);
	expect_eq(state_of(f->ctl, m->addr).sites, 0);
	expect_eq(state_of(f->ctl, m->addr + page).sites, 1);
	need_ok(pinscope_unpin(f->ctl, id));
	expect_exact(f->ctl);
	stop_tracking(f->ctl);
}

/* What finds no room for its site is missed, and counted; the others stay right. */
static void test_no_room(struct abi_fixture *f)
{
	struct pinscope_track track;
	uint32_t first, second;

	start(f->ctl, 0, 1);
	first = pin(f->ctl, PINSCOPE_CALL_PIN, WRITE, f->mem, page);
	second = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, f->mem + page, 2 * page);
	need_ok(pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, &track));
	expect_eq(track.missed, 2);
	expect_eq(track.sites, 1);
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 1, 1);
	expect_held(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE, 0, 0);
	need_ok(pinscope_unpin(f->ctl, second));
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 1, 1);
	need_ok(pinscope_unpin(f->ctl, first));
	expect_held(f->ctl, PINSCOPE_CALL_PIN, WRITE, 0, 0);
	stop_tracking(f->ctl);
}

/* Sites of processes that have ended make room. */
static void test_recycle(struct abi_fixture *f)
{
	struct pinscope_track track;
	int i, tries;

	start(f->ctl, 0, 4);
	for (i = 0; i < 20; i++) {
		pid_t child = must_fork();

		if (!child) {
			int fd = pinscope_open();

			pin(fd, PINSCOPE_CALL_PIN, WRITE, f->mem, page);
			_exit(0);
		}
		expect_eq(status_of(child), 0);
		/* A kernel thread makes the room. */
		usleep(20000);
	}
	for (tries = 0; tries < 100; tries++) {
		need_ok(pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, &track));
		if (track.forgotten)
			break;
		usleep(20000);
	}
	expect_ge(track.forgotten, 4);
	expect_le(track.sites, 4);
	stop_tracking(f->ctl);
}

static atomic_bool ended;

static void *pin_all_the_time(void *arg)
{
	struct abi_fixture *f = arg;
	int fd = pinscope_open();
	uint32_t id;

	while (!ended && !pinscope_pin(fd, PINSCOPE_CALL_PIN_FAST, WRITE, f->mem, f->len, &id))
		pinscope_unpin(fd, id);
	close(fd);
	return NULL;
}

static int compare_pfns(const void *a, const void *b)
{
	const struct pinscope_page *one = a, *other = b;

	return one->pfn < other->pfn ? -1 : one->pfn > other->pfn;
}

/*
 * Pins one huge page of each 16 MiB, in which one has them, but for the first @skip: mostly the
 * lowest one, and each fourth time the highest.
 */
static void pin_far_apart(int fd, char *addr, unsigned int nr, unsigned int skip)
{
	struct pinscope_page rec[64] = {};
	unsigned int i, end, n = 0;

	for (i = 0; i < nr; i++)
		rec[i] = state_of(fd, addr + i * pmd_size);
	qsort(rec, nr, sizeof(rec[0]), compare_pfns);
	for (i = 0; i < nr; i = end) {
		for (end = i + 1; end < nr && rec[end].pfn >> 12 == rec[i].pfn >> 12; end++)
			;
		if (n++ < skip)
			continue;
		pin(fd, PINSCOPE_CALL_PIN, 0,
		    (void *)(uintptr_t)rec[n % 4 ? i : end - 1].addr, page);
	}
}

/* What is recorded of 16 MiB is in a node, which goes with it. No record stays without sites. */
static void test_forgotten(struct abi_fixture *f)
{
	const unsigned int nr = 48;
	int ctl, file = open(PINSCOPE_DEBUGFS "/pinscope/holders", O_RDONLY | O_CLOEXEC);
	char *addr = mmap(NULL, nr * pmd_size, RW,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	unsigned int skip;

	need_sys(file >= 0);
	if (addr == MAP_FAILED)
		tap_skip("fewer than 48 huge pages are free: raise vm.nr_hugepages");
	for (skip = 0; skip < 4; skip++) {
		start(f->ctl, 0, 0);
		ctl = open_another_ctl();
		pin_far_apart(ctl, addr, nr, skip);
		stop_tracking(f->ctl);
		expect_le(1, pread(file, f->mem, page, 0), "bytes of holders");
		close(ctl);
	}
	munmap(addr, nr * pmd_size);
	close(file);
}

static void test_start_and_stop(struct abi_fixture *f)
{
	pthread_t threads[3];
	int i;

	for (i = 0; i < 3; i++)
		need_sys(!pthread_create(&threads[i], NULL, pin_all_the_time, f));
	for (i = 0; i < 8; i++) {
		start(f->ctl, i % 2, i % 3);
		usleep(20000);
		site_of(f->ctl, PINSCOPE_CALL_PIN_FAST, WRITE);
	}
	ended = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	stop_tracking(f->ctl);
}

const struct test track_tests[] = {
	TEST_POPULATED("TRACK: input", test_input, 1),
	TEST("TRACK: permission", test_permission),
	TEST_POPULATED("TRACK: an answer that cannot be written", test_answer, 1),
	TEST_POPULATED("TRACK: every call, and parts", test_calls, 8),
	TEST_POPULATED("TRACK: the file holders", test_file, 1),
	TEST("TRACK: a call that fails", test_failed_call),
	TEST_POPULATED("TRACK: references", test_references, 4),
	TEST_POPULATED("TRACK: two holders of a page", test_two_holders, 1),
	TEST_POPULATED("TRACK: ten holders of a page", test_many_holders, 1),
	TEST_POPULATED("TRACK: INSPECT counts the sites", test_inspect, 2),
	TEST_POPULATED("TRACK: INSPECT has a record for each pinned page",
		       test_inspect_apart, 4),
	TEST_POPULATED("TRACK: twice by the same site", test_twice, 4),
	TEST_POPULATED("TRACK: 32768 pages", test_many, 32768),
	TEST_POPULATED("TRACK: pins from before", test_from_before, 2),
	TEST("TRACK: a THP", test_thp),
	TEST("TRACK: folios of a memfd", test_memfd),
	TEST("TRACK: pages that GUP migrates", test_migrated),
	TEST_POPULATED("TRACK: direct I/O, unpinned by an interrupt", test_direct_io, 16),
	TEST_POPULATED("TRACK: a process that exits", test_exit, 4),
	TEST("TRACK: fork, exec, exit, kill, munmap, mremap of another's page", test_lives),
	TEST_POPULATED("TRACK: migration is refused", test_migration_refused, 1),
	TEST("TRACK: a THP is not split", test_split_refused),
	TEST_POPULATED("TRACK: no room for a site", test_no_room, 3),
	TEST_POPULATED("TRACK: room for other sites", test_recycle, 1),
	TEST_POPULATED("TRACK: all is forgotten", test_forgotten, 1),
	TEST_POPULATED("TRACK: start and stop under load", test_start_and_stop, 16),
	{ },
};
