// SPDX-License-Identifier: GPL-2.0-only
/*
 * kprobe events on the functions of GUP, through tracefs, see seen.h.
 *
 * The events are the machine's. Each process that watches has an instance of tracing
 * of its own, which records nothing but this process and its children. The numbers of
 * FOLL_* depend on the kernel: the module, which was compiled with them, passes each flag
 * once, and the kprobes see which bit that is.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "seen.h"
#include "sys.h"

#define GROUP	"pinscope_seen"

/*
 * Which arguments are the address, or a file's offset, and gup_flags; 0: there is none.
 * The number of pages comes after the address.
 */
static const struct watched {
	const char *symbol;
	unsigned char start, flags;
} watched[PINSCOPE_CALLS] = {
	[PINSCOPE_CALL_PIN]		= { "pin_user_pages", 1, 3 },
	[PINSCOPE_CALL_PIN_FAST]	= { "pin_user_pages_fast", 1, 3 },
	[PINSCOPE_CALL_PIN_FAST_ONLY]	= { "pin_user_pages_fast_only", 1, 3 },
	[PINSCOPE_CALL_PIN_UNLOCKED]	= { "pin_user_pages_unlocked", 1, 4 },
	[PINSCOPE_CALL_PIN_REMOTE]	= { "pin_user_pages_remote", 2, 4 },
	[PINSCOPE_CALL_GET]		= { "get_user_pages", 1, 3 },
	[PINSCOPE_CALL_GET_FAST]	= { "get_user_pages_fast", 1, 3 },
	[PINSCOPE_CALL_GET_FAST_ONLY]	= { "get_user_pages_fast_only", 1, 3 },
	[PINSCOPE_CALL_GET_UNLOCKED]	= { "get_user_pages_unlocked", 1, 4 },
	[PINSCOPE_CALL_GET_REMOTE]	= { "get_user_pages_remote", 2, 4 },
	[PINSCOPE_CALL_PIN_MEMFD]	= { "memfd_pin_folios", 2, 0 },
};

static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

static bool wanted;

/* Of this process. */
static struct {
	pid_t pid;			/* 0: not tried yet */
	char why[REASON_MAX];		/* "" when it can watch */
	char dir[80];			/* the instance */
	FILE *pipe;			/* its trace_pipe: what is read is gone */
	uint32_t bits[64];		/* of the kernel, by number of the ABI's bit */
} self;

bool seen_is_wanted(void)
{
	return wanted;
}

static const char *find_root(void)
{
	char path[80];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, sizeof(path), "%s/kprobe_events", roots[i]);
		if (!access(path, F_OK))
			return roots[i];
	}
	return NULL;
}

/* Writes to a file of the instance, or of tracing itself. */
static int put(const char *dir, const char *name, int flags, const char *text)
{
	char path[128];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	if (fd < 0)
		return -errno;
	if (*text && write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int define(const char *root, const struct watched *w)
{
	char text[200], flags[40] = "";
	int ret;

	if (w->flags)
		snprintf(flags, sizeof(flags), " flags=$arg%u:x32", w->flags);
	snprintf(text, sizeof(text), "p:" GROUP "/%s %s start=$arg%u:x64 nr=$arg%u:u32%s",
		 w->symbol, w->symbol, w->start, w->start + 1U, flags);
	ret = put(root, "kprobe_events", O_APPEND, text);
	return ret == -EEXIST ? 0 : ret;	/* another process was here */
}

static int open_instance(const char *root)
{
	char path[128], text[20];
	int fd, ret;

	snprintf(self.dir, sizeof(self.dir), "%s/instances/" GROUP "-%d", root, self.pid);
	if (mkdir(self.dir, 0700) && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/trace_pipe", self.dir);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	self.pipe = fd < 0 ? NULL : fdopen(fd, "r");
	if (!self.pipe)
		return -errno;
	snprintf(text, sizeof(text), "%d", self.pid);
	ret = put(self.dir, "tracing_on", 0, "0");
	if (!ret)
		ret = put(self.dir, "buffer_size_kb", 0, "64");
	/* A pinner may let a child pin, which it starts later. */
	if (!ret)
		ret = put(self.dir, "options/event-fork", 0, "1");
	if (!ret)
		ret = put(self.dir, "set_event_pid", 0, text);
	if (!ret)
		ret = put(self.dir, "events/" GROUP "/enable", 0, "1");
	return ret;
}

/* Returns a line, or NULL when there is no more. */
static const char *next_line(char *line, int size)
{
	clearerr(self.pipe);
	return fgets(line, size, self.pipe);
}

/* To empty "trace" instead waits for an RCU grace period each time. */
static void start(void)
{
	char line[LINE_MAX];

	while (next_line(line, sizeof(line)))
		;
	put(self.dir, "tracing_on", 0, "1");
}

/*
 * A line is "TASK-PID [CPU] FLAGS TIME: EVENT: (PLACE) start=0x... nr=... flags=0x...". Some
 * functions of GUP call others: the first is what was called.
 */
static bool parse(const char *line, unsigned int *call, uint64_t *at, uint64_t *nr,
		  uint32_t *flags)
{
	const char *values = strstr(line, " start=0x");
	const char *pages = strstr(line, " nr=");
	const char *raw = strstr(line, " flags=0x");
	char event[48];
	unsigned int i;

	if (!values || !pages)
		return false;
	for (i = 0; i < PINSCOPE_CALLS; i++) {
		snprintf(event, sizeof(event), ": %s: (", watched[i].symbol);
		if (!strstr(line, event))
			continue;
		*call = i;
		*at = strtoull(values + strlen(" start="), NULL, 16);
		*nr = strtoul(pages + strlen(" nr="), NULL, 10);
		*flags = raw ? strtoul(raw + strlen(" flags="), NULL, 16) : 0;
		return true;
	}
	return false;
}

/* The first call for a page, among others or not. Offsets of a file stand for any page. */
static bool stop(const char *page, unsigned int *call, uint32_t *flags)
{
	char line[LINE_MAX];
	bool found = false;
	uint64_t at, nr;

	put(self.dir, "tracing_on", 0, "0");
	while (!found && next_line(line, sizeof(line)))
		found = parse(line, call, &at, &nr, flags) &&
			(*call == PINSCOPE_CALL_PIN_MEMFD ||
			 (uintptr_t)page - (at & -sys_page_size()) < nr * sys_page_size());
	return found;
}

/* Lets the module pass each flag that it has, and sees which bit it is. */
static bool try_flags(int fd, const struct pinscope_info *info)
{
	static const unsigned int by[] = { PINSCOPE_CALL_PIN, PINSCOPE_CALL_GET };
	unsigned int bit, i, call;
	bool all = true;
	uint32_t id;
	char *page;

	page = mmap(NULL, sys_page_size(), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (page == MAP_FAILED)
		return false;
	for (i = 0; i < ARRAY_SIZE(by); i++)
		for (bit = 0; bit < ARRAY_SIZE(self.bits); bit++) {
			if (!(info->gup_flags[by[i]] & 1ULL << bit) || self.bits[bit])
				continue;
			start();
			/* Whether it succeeds does not matter. */
			if (!pinscope_pin(fd, by[i], 1ULL << bit, page, sys_page_size(),
					  &id))
				pinscope_unpin(fd, id);
			all &= stop(page, &call, &self.bits[bit]) && call == by[i] &&
			       self.bits[bit];
		}
	munmap(page, sys_page_size());
	return all;
}

/*
 * A child does it: fork treats the memory of a process that has ever pinned in another way
 * (MMF_HAS_PINNED), and this is the process under test.
 */
static bool learn_bits(int fd, const struct pinscope_info *info)
{
	bool done = false;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid)
		_exit(!try_flags(fd, info) ||
		      write(ends[1], self.bits, sizeof(self.bits)) != sizeof(self.bits));
	close(ends[1]);
	if (pid > 0) {
		done = read(ends[0], self.bits, sizeof(self.bits)) == sizeof(self.bits);
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
	return done;
}

static void prepare(int fd)
{
	const char *root = find_root();
	struct pinscope_info info;
	unsigned int call;
	int ret;

	if (!root) {
		snprintf(self.why, sizeof(self.why),
			 "no kprobe_events in %s: mount tracefs there; the kernel needs CONFIG_KPROBE_EVENTS",
			 roots[0]);
		return;
	}
	ret = pinscope_info(fd, &info);
	for (call = 0; call < PINSCOPE_CALLS && !ret; call++)
		if (info.calls & 1ULL << call)
			ret = define(root, &watched[call]);
	if (!ret)
		ret = open_instance(root);
	if (ret)
		snprintf(self.why, sizeof(self.why),
			 "kprobes on GUP by %s: %s: needs root, and a kernel that is not locked down",
			 root, pinscope_errno(ret));
	else if (!learn_bits(fd, &info))
		snprintf(self.why, sizeof(self.why),
			 "kprobes on GUP do not see what the module passes: see %s",
			 self.dir);
}

void seen_want(bool on, int fd)
{
	wanted = on;
	if (!on || self.pid == getpid())
		return;
	if (self.pipe)
		fclose(self.pipe);	/* a parent's */
	memset(&self, 0, sizeof(self));
	self.pid = getpid();
	prepare(fd);
}

const char *seen_start(void)
{
	if (*self.why)
		return self.why;
	start();
	return NULL;
}

bool seen_stop(struct fixture *f, struct seen_call *call)
{
	unsigned int bit;
	uint32_t raw = 0;

	*call = (struct seen_call) {};
	if (!stop(f->addr, &call->call, &raw))
		return false;
	for (bit = 0; bit < ARRAY_SIZE(self.bits); bit++)
		if (raw & self.bits[bit]) {
			call->gup_flags |= 1ULL << bit;
			raw &= ~self.bits[bit];
		}
	call->unknown = raw;
	return true;
}

/* Instances of processes that have ended. */
static void clear_instances(const char *root)
{
	char path[400];
	struct dirent *entry;
	unsigned int tries;
	const char *pid;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/instances", root);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, GROUP "-", strlen(GROUP "-")))
			continue;
		pid = entry->d_name + strlen(GROUP "-");
		if (isdigit(*pid) && kill(atoi(pid), 0) && errno == ESRCH) {
			snprintf(path, sizeof(path), "%s/instances/%s/events/" GROUP "/enable",
				 root, entry->d_name);
			sys_write_file(path, "0");
			snprintf(path, sizeof(path), "%s/instances/%s", root, entry->d_name);
			/* A child that is ending may still have its trace_pipe. */
			for (tries = 100; rmdir(path) && errno == EBUSY && tries; tries--)
				sys_sleep_ms(10);
		}
	}
	if (dir)
		closedir(dir);
}

void seen_clear(void)
{
	const char *root = find_root();
	char text[80];
	size_t i;

	if (!root)
		return;
	clear_instances(root);
	/* The kernel refuses while another process watches. */
	for (i = 0; i < PINSCOPE_CALLS; i++) {
		snprintf(text, sizeof(text), "-:" GROUP "/%s", watched[i].symbol);
		put(root, "kprobe_events", O_APPEND, text);
	}
}
