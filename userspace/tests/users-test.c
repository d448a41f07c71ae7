// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does tracking say of each pinner of the suite what the suite knows that it does: the
 * call, the FOLL flags, the page, and that nothing is held after? In TAP. The names of
 * the functions that pin are printed; some are compared.
 *
 * usage: users-test		all of that
 *        users-test hold [PINNER]...
 *				pin by these pinners together, or by io_uring, VFIO and direct
 *				I/O, for three seconds
 *        users-test hold-limited [PINNER]...
 *				likewise, without CAP_IPC_LOCK
 *        users-test hold-on NODE PINNER
 *				likewise by one pinner, a page of that node, until it is killed
 *        users-test hold-all	pin by all pinners that keep pins and are here, print a line
 *				when done, and keep them until it is killed
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../suite/fixture.h"
#include "../suite/sys.h"
#include "../tool/sites.h"

/* How long what a pinner held may stay pinned after it has let it go. */
#define RELEASE_MS	2000
/* Longer than what audit takes for long. */
#define HOLD_MS		3000

/* Exit statuses of a child. What this machine does not have is left out. */
enum { PASS, FAIL, LEFT_OUT };

/* What the functions are called that pin for a pinner, on all kernels. */
static const struct {
	const char *pinner, *function;
} functions[] = {
	{ "io-uring-buffer", "io_" },
	{ "io-uring-ring", "io_" },
	{ "vfio-read", "vaddr_get_pfn" },
	{ "vfio-write", "vaddr_get_pfn" },
	{ "iommufd-read", "[iommufd]" },
	{ "iommufd-write", "[iommufd]" },
	{ "iommufd-memfd", "[iommufd]" },
	{ "rdma-rxe-read", "[rdma_rxe]" },
	{ "rdma-siw-read", "[siw]" },
	{ "process-vm-readv", "process_vm_rw" },
	{ "direct-read", "blkdev_" },
	{ "direct-write", "blkdev_" },
	{ "xdp-umem", "xdp_umem_" },
	{ "udmabuf", "udmabuf_" },
	{ "vduse", "vduse_dev_" },
};

/* Three users at a time, of different drivers. */
static const struct pinner *const three[] = {
	&by_io_uring, &by_vfio_write, &by_direct_read,
};

/* At most so many hold pages together. */
#define TOGETHER_MAX	8

static struct kind *kinds;
static size_t nr_kinds;

/* The NUMA node that the page has to be on; -1: any. */
static int wanted_node = -1;

/* Anonymous memory, or the first kind that the pinner takes. */
static const struct kind *kind_for(const struct pinner *pinner)
{
	const struct kind *kind = kind_find(kinds, nr_kinds, "anon");
	size_t i;

	for (i = 0; i < nr_kinds; i++) {
		if (!kind || !pinner->takes || pinner->takes(kind))
			return kind;
		kind = &kinds[i];
	}
	return NULL;
}

/* Moves the page under test. Of the process's other memory, nothing goes there. */
static const char *move_to_node(struct fixture *f)
{
	unsigned long nodes = 1UL << wanted_node;

	if (wanted_node < 0 || !syscall(SYS_mbind, f->addr, sys_page_size(), MPOL_BIND, &nodes,
					8 * sizeof(nodes), MPOL_MF_MOVE | MPOL_MF_STRICT))
		return NULL;
	return "the page cannot be moved to that node";
}

/* Makes memory, and lets the pinner pin it. Unless it returns PASS, it has said why. */
static int hold(struct fixture *f, int fd, const struct pinner *pinner)
{
	struct scenario scenario = {
		.kind = kind_for(pinner), .condition = &conditions[0],
		.request = request_by(pinner),
	};
	const char *why = pinner_missing(pinner);
	int ret = -ENODEV;

	if (!why && (!scenario.request || !scenario.kind))
		why = "this kernel does not have it";
	if (!why) {
		fixture_begin(f, &scenario, fd);
		why = fixture_make(f);
		if (!why)
			why = move_to_node(f);
		ret = why ? -EIO : pinner_pin(f);
		if (ret && !why)
			why = ret == -ENODEV && *f->why ? f->why : pinscope_errno(ret);
	}
	if (why)
		printf("# %s: %s\n", pinner->name, why);
	return !ret ? PASS : ret == -ENODEV ? LEFT_OUT : FAIL;
}

/* Finds the site that took pins or references as the request says. */
static bool find_site(int fd, const struct request *request, uint64_t pfn, uint64_t pfns,
		      struct pinscope_site *found)
{
	struct pinscope_site *sites;
	size_t nr, i;
	bool is = false;

	if (pinscope_holders(fd, pfn, pfns, &sites, &nr))
		return false;
	for (i = 0; i < nr && !is; i++) {
		/* memfd_pin_folios() has no flags; the suite says what it comes to. */
		is = sites[i].call == request->call && sites[i].pages &&
		     (sites[i].call == PINSCOPE_CALL_PIN_MEMFD ||
		      (sites[i].gup_flags & ~PINSCOPE_FOLL_GET) == request->gup_flags);
		*found = sites[i];
	}
	for (i = 0; i < nr && !is; i++)
		printf("# found %s, call %u, gup_flags 0x%llx\n", site_name(&sites[i]),
		       sites[i].call, sites[i].gup_flags);
	free(sites);
	return is;
}

static int failed(const char *what)
{
	printf("# %s\n", what);
	return FAIL;
}

static int check_function(const struct pinner *pinner, const struct pinscope_site *site)
{
	char flags[NAMES_MAX];
	size_t i;

	printf("# %s %s %s\n", site_name(site),
	       pinscope_name(pinscope_call_names, site->call),
	       site_flags(site, flags, sizeof(flags)));
	for (i = 0; i < ARRAY_SIZE(functions); i++)
		if (!strcmp(functions[i].pinner, pinner->name) &&
		    !strstr(site_name(site), functions[i].function)) {
			printf("# expected a function '%s'\n", functions[i].function);
			return FAIL;
		}
	return PASS;
}

/* Is nothing there held any more? Some release pages a while later. */
static bool is_released(int fd, const struct request *request, uint64_t pfn, uint64_t pfns)
{
	struct pinscope_site site = {};
	long end = sys_now_ms() + RELEASE_MS;

	do {
		if (!find_site(fd, request, pfn, pfns, &site) || !site.held)
			return true;
		sys_sleep_ms(20);
	} while (sys_now_ms() < end);
	return false;
}

static int check_pinner(int fd, const struct pinner *pinner)
{
	const struct request *request = request_by(pinner);
	struct pinscope_site site = {};
	struct pinscope_page page;
	struct fixture f;
	int ret = hold(&f, fd, pinner);

	if (ret)
		return ret;
	page = fixture_page(&f);
	if (!find_site(fd, request, 0, 0, &site))
		ret = failed("no site has the call and the FOLL flags of the pinner");
	else
		ret = check_function(pinner, &site);
	/* The pins of zeropages are not counted; neither are references. */
	if (!ret && request->call < PINSCOPE_CALL_GET && !(pinner->traits & PINNER_SHORT) &&
	    (!find_site(fd, request, page.folio_pfn, 1, &site) || !site.held))
		ret = failed("the site does not hold the page");
	pinner->unpin(&f);
	/* RDMA has another page pinned, until the process ends. */
	if (!ret && !is_released(fd, request, page.folio_pfn, 1))
		ret = failed("the pinner has let the page go, and the site holds it");
	fixture_end(&f);
	return ret;
}

/* In a child, which descends from who starts tracking. */
static int in_child(int fd, const struct pinner *pinner)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		status = check_pinner(fd, pinner);
		fflush(stdout);
		_exit(status);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return FAIL;
	status = WEXITSTATUS(status);
	if (status == PASS && !is_released(fd, request_by(pinner), 0, 0))
		return failed("the process of the pinner has ended, and the site holds pages");
	return status;
}

/* Holds pages by some pinners together while a function runs. */
static int with(int fd, const struct pinner *const *together, size_t wanted, int (*run)(void))
{
	struct fixture f[TOGETHER_MAX];
	size_t i, nr;
	int ret = PASS;

	for (nr = 0; !ret && nr < wanted; nr++)
		ret = hold(&f[nr], fd, together[nr]);
	if (!ret)
		ret = run();
	else
		nr--;
	for (i = 0; i < nr; i++) {
		together[i]->unpin(&f[i]);
		fixture_end(&f[i]);
	}
	return ret;
}

static int hold_all(int fd)
{
	static struct fixture f[64];
	size_t i, nr = 0;

	for (i = 0; pinners[i] && nr < ARRAY_SIZE(f); i++)
		if (pinners[i]->name && !(pinners[i]->traits & PINNER_SHORT) &&
		    !hold(&f[nr], fd, pinners[i])) {
			printf("holds %s\n", pinners[i]->name);
			nr++;
		}
	printf("all %zu\n", nr);
	fflush(stdout);
	pause();
	return PASS;
}

static int wait_for_ever(void)
{
	printf("holds\n");
	fflush(stdout);
	pause();
	return PASS;
}

static int wait_a_while(void)
{
	sys_sleep_ms(HOLD_MS);
	return PASS;
}

/* As a process to which RLIMIT_MEMLOCK applies. */
static bool drop_ipc_lock(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &header, caps))
		return false;
	caps[0].effective &= ~(1U << CAP_IPC_LOCK);
	return !syscall(SYS_capset, &header, caps);
}

/* Holds pages by the pinners with these names, or by three, while a function runs. */
static int with_named(int fd, char **names, size_t nr, int (*run)(void))
{
	const struct pinner *together[TOGETHER_MAX];
	size_t i, k;

	if (!nr)
		return with(fd, three, ARRAY_SIZE(three), run);
	if (nr > ARRAY_SIZE(together))
		return failed("too many pinners");
	for (i = 0; i < nr; i++) {
		for (k = 0; pinners[k]; k++)
			if (pinners[k]->name && !strcmp(pinners[k]->name, names[i]))
				break;
		if (!pinners[k])
			return failed("no such pinner");
		together[i] = pinners[k];
	}
	return with(fd, together, nr, run);
}

/* How many memory regions, and of how many bytes, does `pinscope who` find here? */
static int count_regions(unsigned int *nr, unsigned long long *bytes)
{
	char line[512], command[40], text[80];
	const char *found;
	FILE *who;

	*nr = 0;
	*bytes = 0;
	snprintf(command, sizeof(command), "pinscope who %d", getpid());
	snprintf(text, sizeof(text), "perhaps held by %d %s: ", getpid(),
		 program_invocation_short_name);
	who = popen(command, "re");
	while (who && fgets(line, sizeof(line), who)) {
		printf("# %s", line);
		found = strstr(line, text);
		if (found && strstr(found, "memory region"))
			sscanf(found + strlen(text),
			       "%u memory regions of RDMA device rxe_dummy0, %llu bytes", nr,
			       bytes);
	}
	return who && !pclose(who) ? PASS : failed("pinscope who failed");
}

/* The page under test, and the page that the pinner copies to. */
static int expect_regions(void)
{
	unsigned long long bytes;
	unsigned int nr;

	if (count_regions(&nr, &bytes))
		return FAIL;
	return nr == 2 && bytes == 2 * sys_page_size() ? PASS :
	       failed("expected two memory regions of a page each");
}

static int expect_no_regions(void)
{
	unsigned long long bytes;
	unsigned int nr;

	if (count_regions(&nr, &bytes))
		return FAIL;
	return nr ? failed("expected no memory region") : PASS;
}

/* Does `pinscope who --all` name all three? */
static int ask_who(void)
{
	bool named[ARRAY_SIZE(three)] = {}, mapped = false;
	FILE *who = popen("pinscope who --all", "re");
	char line[512], self[40];
	size_t i, k;

	snprintf(self, sizeof(self), "mapped by %d ", getpid());
	while (who && fgets(line, sizeof(line), who)) {
		printf("# %s", line);
		mapped |= !!strstr(line, self);
		for (i = 0; i < ARRAY_SIZE(three); i++)
			for (k = 0; k < ARRAY_SIZE(functions); k++)
				named[i] |= !strcmp(functions[k].pinner, three[i]->name) &&
					    strstr(line, "held by ") &&
					    strstr(line, functions[k].function);
	}
	if (!who || pclose(who))
		return failed("pinscope who --all failed");
	for (i = 0; i < ARRAY_SIZE(three); i++)
		if (!named[i])
			return failed("a holder is missing");
	return mapped ? PASS : failed("it is not said who maps the pages");
}

static unsigned int nr_results;

/* Returns 1 for a failure. */
static unsigned int result(const char *name, int status)
{
	if (status == LEFT_OUT)
		printf("# left out: users: %s\n", name);
	else
		printf("%s %u - users: %s\n", status == FAIL ? "not ok" : "ok", ++nr_results,
		       name);
	return status == FAIL;
}

/* Returns the exit status, LEFT_OUT for what the machine does not have. */
static int hold_as_told(int fd, int argc, char **argv)
{
	const char *how = argv[1];

	if (!strcmp(how, "hold"))
		return with_named(fd, argv + 2, argc - 2, wait_a_while);
	if (!strcmp(how, "hold-limited") && drop_ipc_lock())
		return with_named(fd, argv + 2, argc - 2, wait_a_while);
	if (!strcmp(how, "hold-on") && argc == 4) {
		wanted_node = atoi(argv[2]);
		return with_named(fd, argv + 3, 1, wait_for_ever);
	}
	if (!strcmp(how, "hold-all"))
		return hold_all(fd);
	return failed("wrong usage");
}

int main(int argc, char **argv)
{
	const struct pinner *const rdma = &by_rdma_rxe_read;
	unsigned int bad = 0;
	int fd = pinscope_open(), ret;
	size_t i;

	kinds = kinds_expand(NULL, 0, &nr_kinds);
	if (fd < 0 || !kinds)
		return 4;
	if (argc > 1)
		return hold_as_told(fd, argc, argv);
	for (i = 0; pinners[i]; i++) {
		if (!pinners[i]->name)
			continue;
		ret = pinscope_track(fd, PINSCOPE_TRACK_START, PINSCOPE_TRACK_REFERENCES, 0,
				     NULL);
		if (ret)
			printf("# TRACK: %s\n", pinscope_errno(ret));
		ret = ret == -EOPNOTSUPP ? LEFT_OUT : ret ? FAIL : in_child(fd, pinners[i]);
		bad += result(pinners[i]->name, ret);
		pinscope_track(fd, PINSCOPE_TRACK_STOP, 0, 0, NULL);
	}
	ret = pinscope_track(fd, PINSCOPE_TRACK_START, 0, 0, NULL);
	bad += result("three at a time", ret == -EOPNOTSUPP ? LEFT_OUT : ret ? FAIL :
		      with(fd, three, ARRAY_SIZE(three), ask_who));
	pinscope_track(fd, PINSCOPE_TRACK_STOP, 0, 0, NULL);
	pinscope_track(fd, PINSCOPE_TRACK_CLEAR, 0, 0, NULL);
	bad += result("no memory region of RDMA", with(fd, three, 1, expect_no_regions));
	bad += result("memory regions of RDMA without tracking",
		      with(fd, &rdma, 1, expect_regions));
	printf("1..%u\n", nr_results);
	return !!bad;
}
