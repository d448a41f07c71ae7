// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope audit: who pins while a command runs, by which call and flags, what it holds
 * for how long, and what to think of that.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../suite/sys.h"
#include "accounts.h"
#include "sites.h"

static bool json, with_references;
static unsigned int seconds, long_ms = 1000;

static const struct option_row options[] = {
	{ "for", 0, "S", false, "Without a COMMAND: watch all processes for S seconds [10].",
	  set_number, &seconds, 1, 86400 },
	{ "long", 0, "MS", false,
	  "A pin without FOLL_LONGTERM is held for long when it is held longer than this [1000].",
	  set_number, &long_ms, 1, 3600000 },
	{ "references", 0, NULL, false,
	  "Show the calls that take references, too. How long those are held cannot be seen.",
	  set_true, &with_references, 0, 0 },
	OPTION_JSON(&json),
	{}
};

/* Longer than that, a call is slow. */
#define SLOW_NS		1000000000ULL
/* What a process holds may be released some time after its end. */
#define SETTLE_MS	2000
/* How often it looks at what is held; less often where that takes long. */
#define LOOK_MS		250

#define F(name)	PINSCOPE_FOLL_##name

static bool takes_pins(const struct pinscope_site *site)
{
	return site->call < PINSCOPE_CALLS && calls[site->call].traits & CALL_TAKES_PINS;
}

static uint64_t held_for(const struct pinscope_site *site)
{
	uint64_t oldest = site->held_surely ? site->oldest_ns : 0;

	return oldest > site->longest_ns ? oldest : site->longest_ns;
}

static bool is_force_pin(const struct pinscope_site *site)
{
	return takes_pins(site) && site->gup_flags & F(FORCE);
}

static bool is_held(const struct pinscope_site *site)
{
	return takes_pins(site) && held_for(site) > long_ms * 1000000ULL;
}

static bool is_force(const struct pinscope_site *site)
{
	return !takes_pins(site) && site->gup_flags & F(FORCE);
}

static bool is_short(const struct pinscope_site *site)
{
	return takes_pins(site);
}

static bool is_reference(const struct pinscope_site *site)
{
	return !takes_pins(site);
}

/* The first that is true of a site is its verdict; the words are those of gup-users. */
static const struct finding {
	const char *name;
	bool (*is)(const struct pinscope_site *site);
	const char *wrong;	/* why it is wrong; NULL: it is not */
} verdicts[] = {
	{ "force-pin", is_force_pin,
	  "FOLL_FORCE with a pin: the workaround that Linux 6.2 made needless. It copies pages that are only read, makes them dirty, and ignores write protection."
	},
	{ "longterm", site_is_longterm, NULL },
	{ "held", is_held,
	  "The pins were held for long without FOLL_LONGTERM: meanwhile memory of ZONE_MOVABLE and CMA cannot be migrated, and a write may replace the page in the process."
	},
	{ "short", is_short, NULL },
	{ "force", is_force, NULL },
	{ "reference", is_reference, NULL },
};

static const struct finding *verdict_of(const struct pinscope_site *site)
{
	size_t i;

	for (i = 0; i + 1 < ARRAY_SIZE(verdicts) && !verdicts[i].is(site); i++)
		;
	return &verdicts[i];
}

static bool is_left(const struct pinscope_site *site)
{
	return site->pid && site->held_surely && kill(site->pid, 0) && errno == ESRCH;
}

static bool is_slow(const struct pinscope_site *site)
{
	return site->slowest_ns > SLOW_NS;
}

/* What can be wrong besides, whatever the verdict is. */
static const struct finding faults[] = {
	{ "left", is_left, "The process has ended, and its pages are still pinned." },
	{ "slow", is_slow, "One call took longer than a second." },
};

static bool is_wrong(const struct pinscope_site *site)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (faults[i].is(site))
			return true;
	return verdict_of(site)->wrong;
}

/* ----------------------------------------------------------------- output */

static void print_heading(void)
{
	printf("%-9s %-33s %-12s %-20s %6s %7s %9s %9s %8s  %s\n", "VERDICT", "CALLER",
	       "CALL", "FLAGS", "PID", "CALLS", "PAGES", "HELD", "LONGEST", "COMMAND");
}

static void print_site(const struct pinscope_site *site)
{
	const struct finding *verdict = verdict_of(site);
	char flags[NAMES_MAX], longest[24];
	size_t i;

	printf("%-9s %-33s %-12s %-20s %6d %7llu %9llu %8llu%c %8s  %.16s\n", verdict->name,
	       site_name(site), pinscope_name(pinscope_call_names, site->call),
	       site_flags(site, flags, sizeof(flags)), site->pid, site->calls, site->pages,
	       site->held, site->held == site->held_surely ? ' ' : '?',
	       takes_pins(site) ? duration(held_for(site), longest, sizeof(longest)) : "-",
	       site->comm);
	if (verdict->wrong)
		print_wrapped(stdout, "    ", verdict->wrong, 4);
	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (faults[i].is(site))
			print_wrapped(stdout, "    ", faults[i].wrong, 4);
}

static json_t *json_site(const struct pinscope_site *site)
{
	json_t *object = site_json(site), *wrong = json_array();
	const struct finding *verdict = verdict_of(site);
	size_t i;

	if (verdict->wrong)
		json_array_append_new(wrong, json_string(verdict->name));
	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (faults[i].is(site))
			json_array_append_new(wrong, json_string(faults[i].name));
	json_object_set_new(object, "verdict", json_string(verdict->name));
	json_object_set_new(object, "wrong", wrong);
	return object;
}

static void print_account(const struct account *account)
{
	const struct charged *charged = &account->charged;
	char text[400], limit[60];

	snprintf(text, sizeof(text),
		 "process %d %.16s: %llu KiB were pinned with FOLL_LONGTERM for more than a second, and less is accounted: VmPin %llu KiB, VmLck %llu KiB, its user %llu KiB. No limit applies to the rest; %s.",
		 account->pid, account->comm, (unsigned long long)account->held,
		 (unsigned long long)charged->pinned, (unsigned long long)charged->locked,
		 (unsigned long long)account->user,
		 limit_text(charged, limit, sizeof(limit)));
	print_wrapped(stdout, "", text, 4);
}

static json_t *json_account(const struct account *account)
{
	json_t *comm = json_stringn(account->comm,
				    strnlen(account->comm, sizeof(account->comm)));

	return json_pack("{s:i, s:o, s:I, s:I, s:I, s:I, s:b}", "pid", account->pid,
			 "comm", comm ? comm : json_string(""),
			 "held_kib", (json_int_t)account->held,
			 "vm_pin_kib", (json_int_t)account->charged.pinned,
			 "vm_lck_kib", (json_int_t)account->charged.locked,
			 "user_kib", (json_int_t)account->user,
			 "accounted", !uncharged(account));
}

/* Prints the processes that hold more than is charged; returns how many. */
static size_t print_accounts(const struct accounts *accounts, json_t *list)
{
	size_t i, wrong = 0;

	for (i = 0; i < accounts->nr; i++) {
		const struct account *account = &accounts->account[i];

		wrong += !!uncharged(account);
		if (json)
			json_array_append_new(list, json_account(account));
		else if (uncharged(account))
			print_account(account);
	}
	return wrong;
}

static int by_pages(const void *a, const void *b)
{
	const struct pinscope_site *x = a, *y = b;

	return x->pages < y->pages ? 1 : x->pages > y->pages ? -1 : 0;
}

static void print_totals(const struct pinscope_track *track, size_t shown, size_t wrong,
			 size_t uncharged)
{
	if (track->missed)
		printf("%llu pins or unpins were missed: the numbers are not exact.\n",
		       track->missed);
	if (!shown) {
		printf("nothing was pinned\n");
		return;
	}
	printf("%zu site%s, ", shown, shown == 1 ? "" : "s");
	if (wrong)
		printf("%zu wrong", wrong);
	else
		printf("nothing wrong");
	if (uncharged)
		printf("; %zu process%s with pins that are not accounted", uncharged,
		       uncharged == 1 ? "" : "es");
	printf("\n");
}

/* Prints the sites and the accounts; returns the exit status. */
static int report(const struct pinscope_track *track, struct pinscope_site *sites,
		  size_t nr, const struct accounts *accounts, bool all)
{
	json_t *list = json_array(), *processes = json_array(), *root;
	size_t i, shown = 0, wrong = 0, uncharged;

	qsort(sites, nr, sizeof(*sites), by_pages);
	for (i = 0; i < nr; i++) {
		if (!all && !(sites[i].flags & PINSCOPE_SITE_DESCENDANT))
			continue;
		wrong += is_wrong(&sites[i]);
		if (json)
			json_array_append_new(list, json_site(&sites[i]));
		else if (!shown)
			print_heading();
		if (!json)
			print_site(&sites[i]);
		shown++;
	}
	uncharged = print_accounts(accounts, processes);
	if (!json) {
		json_decref(list);
		json_decref(processes);
		print_totals(track, shown, wrong, uncharged);
		return wrong || uncharged ? EXIT_BAD : EXIT_GOOD;
	}
	root = json_pack("{s:o, s:o, s:I, s:I}", "sites", list, "processes", processes,
			 "missed", (json_int_t)track->missed,
			 "unknown", (json_int_t)track->unknown);
	json_dumpf(root, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(root);
	return wrong || uncharged ? EXIT_BAD : EXIT_GOOD;
}

/* ---------------------------------------------------------------- tracking */

/* Becomes the command. What goes wrong goes to @fd. */
static void become(char **argv, int fd)
{
	int err;

	execvp(argv[0], argv);
	err = errno;
	if (write(fd, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

/*
 * Looks at what is held again and again, in a tenth of the time at most: until @fd can be
 * read, or for @ms.
 */
static void look_until(struct accounts *accounts, int ctl, int fd, long ms, bool all)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	long now = sys_now_ms(), end = now + ms, begin, pause = LOOK_MS;

	while (fd >= 0 || now < end) {
		if (fd < 0 && end - now < pause)
			pause = end - now;
		if (poll(&poll_fd, 1, pause) > 0)
			break;
		begin = sys_now_ms();
		accounts_look(accounts, ctl, all);
		now = sys_now_ms();
		pause = 10 * (now - begin) > LOOK_MS ? 10 * (now - begin) : LOOK_MS;
	}
}

/* Runs the command. Returns its wait status, or -1 after it said what is wrong. */
static int run_command(char **argv, struct accounts *accounts, int ctl)
{
	int fds[2], status = -1, err = 0, pidfd;
	pid_t pid;

	/* Orphans of the command stay below this process, so that they are counted. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid)
		become(argv, fds[1]);
	close(fds[1]);
	if (pid < 0 || read(fds[0], &err, sizeof(err)) == sizeof(err)) {
		fprintf(stderr, "pinscope audit: %s: %s\n", argv[0],
			strerror(pid < 0 ? errno : err));
		err = err ? err : EAGAIN;
	}
	close(fds[0]);
	/* A signal that ends the command is for the command; the table is still wanted. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	pidfd = pid > 0 && !err ? syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pidfd >= 0) {
		look_until(accounts, ctl, pidfd, 0, false);
		close(pidfd);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return err ? -1 : status;
}

static bool any_left(const struct pinscope_site *sites, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (sites[i].flags & PINSCOPE_SITE_DESCENDANT && is_left(&sites[i]))
			return true;
	return false;
}

/* Reads the sites when what ended processes held is released. */
static int settled_sites(int fd, struct pinscope_site **sites, size_t *nr)
{
	int waited, ret;

	for (waited = 0;; waited += 100) {
		ret = pinscope_holders(fd, 0, 0, sites, nr);
		if (ret || waited >= SETTLE_MS || !any_left(*sites, *nr))
			return ret;
		free(*sites);
		sys_sleep_ms(100);
	}
}

static int start_tracking(int fd)
{
	int ret = pinscope_track(fd, PINSCOPE_TRACK_START,
				 with_references ? PINSCOPE_TRACK_REFERENCES : 0, 0, NULL);

	if (ret)
		fprintf(stderr, "pinscope audit: tracking does not start: %s%s\n",
			pinscope_errno(ret), track_advice(ret));
	return ret;
}

/* Tracks until the command ends or the time is over; returns the exit status. */
static int audit(int fd, char **argv)
{
	struct pinscope_site *sites = NULL;
	struct pinscope_track track = {};
	struct accounts accounts = {};
	int status = 0, ret;
	size_t nr;

	if (start_tracking(fd))
		return EXIT_CANNOT;
	if (*argv)
		status = run_command(argv, &accounts, fd);
	else
		look_until(&accounts, fd, -1, (seconds ? seconds : 10) * 1000L, true);
	ret = settled_sites(fd, &sites, &nr);
	pinscope_track(fd, PINSCOPE_TRACK_STOP, 0, 0, &track);
	pinscope_track(fd, PINSCOPE_TRACK_CLEAR, 0, 0, NULL);
	if (ret)
		fprintf(stderr, "pinscope audit: HOLDERS: %s\n", pinscope_errno(ret));
	if (ret || status == -1) {
		ret = EXIT_CANNOT;
		goto out;
	}
	if (status)
		fprintf(stderr, "pinscope audit: the command ended with %s %d\n",
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	ret = report(&track, sites, nr, &accounts, !*argv);
out:
	free(accounts.account);
	free(sites);
	return ret;
}

static int cmd_audit(const struct command *command, int argc, char **argv)
{
	int fd, status, first = options_parse(command, argc, argv, &status);
	struct pinscope_info info;

	if (first < 0)
		return status;
	if (first < argc && seconds) {
		fprintf(stderr, "pinscope audit: expected --for or a COMMAND, found both\n");
		return EXIT_USAGE;
	}
	fd = tool_open(&info);
	if (fd < 0)
		return EXIT_CANNOT;
	status = audit(fd, argv + first);
	close(fd);
	return status;
}

const struct command command_audit = {
	.name = "audit",
	.args = "[-- COMMAND [ARG]...]",
	.summary = "who pins while a command runs, how, and for how long",
	.about =
"Runs COMMAND and then prints which functions of the kernel took pins for it and its\n"
"children: the call, its FOLL flags, how many calls and pages, what is still held, and how\n"
"long the longest pin was held. Without COMMAND it watches all processes for a while.\n"
"'?' behind a number: at most so many are held, since others have pinned the same folio.\n"
"The exit status is 1 when something is wrong with a site, or a process has held\n"
"long-term pins for more than a second that are accounted neither to it nor to its user.\n",
	.options = options,
	.max_args = 100000,
	.run = cmd_audit,
};
