// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope watch: a line when something changes, by polling.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "changes.h"
#include "sites.h"

static bool json;
static unsigned int pin_id, period = 100, timeout;
static const char *until_text;

static const struct option_row options[] = {
	{ "pin", 'p', "ID", false,
	  "Watch a pin of the module that the process has made, and what is mapped where it was made.",
	  set_number, &pin_id, 1, UINT32_MAX },
	{ "period", 'i', "MS", false, "Milliseconds from one look to the next [100].",
	  set_number, &period, 1, 3600000 },
	{ "until", 'u', "EVENT", false,
	  "End after this event: faulted-in, unmapped, swapped-out, swapped-in, migrated, replaced, split, collapsed, exclusive, shared, write-protected, writable, uffd-wp, pinned, unpinned, parted, rejoined, released or ended.",
	  set_string, &until_text, 0, 0 },
	{ "timeout", 't', "S", false, "End after so many seconds.", set_number, &timeout, 1,
	  31536000 },
	{ "json", 0, NULL, false, "A JSON object for each line.", set_true, &json, 0, 0 },
	{}
};

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = sig;
}

/* A watch that is under way. */
struct watch {
	struct live live;
	struct range range;
	enum event until;	/* NR_EVENTS: none */
	bool seen;		/* the event of --until came */
	int pin_fd;		/* the file of the pin, or -1 */
	struct pinscope_compare pin;
	unsigned long looks, events, ms;	/* ms: of the last look */
	bool progress;
};

static const char *clear_progress(const struct watch *w)
{
	return w->progress ? "\r\033[K" : "";
}

/* HH:MM:SS.mmm */
static void time_text(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	len = strftime(buf, size, "%H:%M:%S", &tm);
	snprintf(buf + len, size - len, ".%03ld", now.tv_nsec / 1000000);
}

static const char *page_text(const struct pinscope_page *page, char *buf, size_t size)
{
	char letters[LETTERS_MAX];

	if (!page->state)
		snprintf(buf, size, "nothing");
	else if (page->state & PINSCOPE_STATE_SWAP)
		snprintf(buf, size, "swap %u:%llx", page->swap_type, page->swap_offset);
	else
		snprintf(buf, size, "%llx %s %d pins", page->pfn,
			 state_letters(page->state, letters), page->pincount);
	return buf;
}

/* Who holds the pins of a change, for free(); none unless tracking is on. */
static struct pinscope_site *holders_of(const struct watch *w, const struct change *c,
					size_t *nr)
{
	const struct pinscope_page *page = &c->after;
	struct pinscope_site *sites = NULL;
	int tries;

	*nr = 0;
	if (c->event != EVENT_PINNED || !page->folio_pfn)
		return NULL;
	/* The call of GUP that has pinned the page may not have returned yet. */
	for (tries = 0; tries < 3 && !*nr; tries++) {
		sys_sleep_ms(tries * 5);
		free(sites);
		sites = NULL;
		if (pinscope_holders(w->live.fd, page->folio_pfn,
				     page->folio_order ? 1 : c->pages, &sites, nr))
			return NULL;
	}
	return sites;
}

static void print_json_change(const struct watch *w, const struct change *c,
			      const char *time_of)
{
	struct pinscope_site *sites;
	json_t *holders;
	size_t nr, i;
	json_t *object = json_pack("{s:s, s:s, s:o, s:I}", "time", time_of, "event",
				   event_rows[c->event].name, "addr", json_address(c->addr),
				   "pages", (json_int_t)c->pages);

	if (c->before.state)
		json_object_set_new(object, "before", json_page(NULL, &c->before));
	if (c->after.state)
		json_object_set_new(object, "after", json_page(NULL, &c->after));
	sites = holders_of(w, c, &nr);
	if (sites) {
		holders = json_array();
		for (i = 0; i < nr; i++)
			json_array_append_new(holders, site_json(&sites[i]));
		json_object_set_new(object, "holders", holders);
		free(sites);
	}
	json_dumpf(object, stdout, 0);
	printf("\n");
	json_decref(object);
}

static void print_page_change(const struct watch *w, const struct change *c,
			      const char *time_of)
{
	struct pinscope_site *sites;
	char was[100], is[100];
	size_t nr, i;

	printf("%s %llx %llu page%s %s: %s -> %s\n", time_of, (unsigned long long)c->addr,
	       (unsigned long long)c->pages, c->pages == 1 ? "" : "s",
	       event_rows[c->event].name, page_text(&c->before, was, sizeof(was)),
	       page_text(&c->after, is, sizeof(is)));
	sites = holders_of(w, c, &nr);
	for (i = 0; i < nr; i++)
		print_holder(&sites[i]);
	free(sites);
}

static void tell(void *arg, const struct change *c)
{
	struct watch *w = arg;
	char now[16];

	time_text(now, sizeof(now));
	w->events++;
	w->seen |= c->event == w->until;
	fputs(clear_progress(w), stderr);
	if (json)
		print_json_change(w, c, now);
	else if (c->event < EVENT_PARTED)
		print_page_change(w, c, now);
	else if (c->event == EVENT_ENDED)
		printf("%s process %d %s\n", now, w->live.process.pid,
		       event_rows[c->event].name);
	else
		printf("%s pin %u, %llu page%s %s\n", now, pin_id,
		       (unsigned long long)c->pages, c->pages == 1 ? "" : "s",
		       event_rows[c->event].name);
	fflush(stdout);
}

static void tell_of_pin(struct watch *w, enum event event, uint64_t pages)
{
	const struct change change = {
		.event = event, .addr = w->range.addr, .pages = pages,
	};

	tell(w, &change);
}

/* Pages of the pin that are not released, and are not what is mapped. */
static uint64_t apart(const struct pinscope_compare *c)
{
	return c->pages - c->released - c->same;
}

static int compare_pin(struct watch *w, bool first)
{
	struct pinscope_compare now = {};
	int ret = pinscope_compare(w->pin_fd, pin_id, process_target(&w->live.process),
				   w->range.addr, &now);

	/* UNPIN of all of it. */
	if (ret == -ENOENT && !first) {
		tell_of_pin(w, EVENT_RELEASED, w->pin.pages - w->pin.released);
		stopped = 1;
		return 0;
	}
	if (ret)
		return process_fails(&w->live.process, "COMPARE", ret);
	if (first && apart(&now))
		tell_of_pin(w, EVENT_PARTED, apart(&now));
	if (!first && now.released > w->pin.released)
		tell_of_pin(w, EVENT_RELEASED, now.released - w->pin.released);
	if (!first && apart(&now) > apart(&w->pin))
		tell_of_pin(w, EVENT_PARTED, apart(&now) - apart(&w->pin));
	if (!first && now.same > w->pin.same)
		tell_of_pin(w, EVENT_REJOINED, now.same - w->pin.same);
	w->pin = now;
	return 0;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void print_progress(struct watch *w)
{
	if (!w->progress)
		return;
	fprintf(stderr, "\r\033[Kwatching %d (%s): %lu looks, %lu events, a look takes %lu ms",
		w->live.process.pid, w->live.process.command, w->looks, w->events, w->ms);
	fflush(stderr);
}

static int look(struct watch *w, struct snapshot *s, struct page_reader *reader)
{
	long began = now_ms();
	int ret = snapshot_take(s, reader, w->live.fd, process_target(&w->live.process),
				&w->range);

	w->ms = now_ms() - began;
	if (!ret && w->pin_fd >= 0)
		ret = compare_pin(w, !w->looks);
	else if (ret)
		ret = process_fails(&w->live.process, "INSPECT", ret);
	w->looks++;
	return ret;
}

/* Sleeps up to the next look; not longer than to the deadline, which is 0 or ms. */
static void sleep_until(long next, long deadline)
{
	long now = now_ms();

	if (deadline && deadline < next)
		next = deadline;
	if (next > now)
		sys_sleep_ms(next - now);
}

static int poll_range(struct watch *w, struct page_reader *reader)
{
	struct snapshot two[2] = {};
	long start = now_ms(), next = start;
	long deadline = timeout ? start + timeout * 1000L : 0;
	int ret = look(w, &two[0], reader), last = 0;

	while (!ret && !stopped && !w->seen && !(deadline && now_ms() >= deadline)) {
		print_progress(w);
		next += period;
		/* What takes longer than the period is not made up for. */
		if (next < now_ms())
			next = now_ms();
		sleep_until(next, deadline);
		ret = look(w, &two[!last], reader);
		if (ret)
			break;
		last = !last;
		snapshot_compare(&two[!last], &two[last], tell, w);
	}
	snapshot_free(&two[0]);
	snapshot_free(&two[1]);
	fputs(clear_progress(w), stderr);
	return ret;
}

static int status_of(struct watch *w, int ret)
{
	if (ret == -ESRCH && process_ended(&w->live.process)) {
		tell_of_pin(w, EVENT_ENDED, 0);
		/* Without --until, there was nothing else to wait for. */
		return w->until == NR_EVENTS || w->seen ? EXIT_GOOD : EXIT_BAD;
	}
	if (ret)
		return live_said(&w->live);
	return w->until == NR_EVENTS || w->seen ? EXIT_GOOD : EXIT_BAD;
}

static int watch(struct watch *w)
{
	const struct sigaction stops = { .sa_handler = stop };
	struct page_reader *reader = malloc(sizeof(*reader));
	struct vma vma;
	int ret;

	if (!reader)
		return EXIT_CANNOT;
	sigaction(SIGINT, &stops, NULL);
	sigaction(SIGTERM, &stops, NULL);
	w->progress = isatty(STDERR_FILENO);
	ret = w->pin_fd >= 0 ? 0 : vma_lookup(&w->live.process, w->range.addr, false, &vma);
	ret = ret ? live_said(&w->live) : status_of(w, poll_range(w, reader));
	free(reader);
	return ret;
}

static bool parse_until(enum event *until)
{
	const char *names[NR_EVENTS + 1] = {};
	int i;

	*until = NR_EVENTS;
	if (!until_text)
		return true;
	for (i = 0; i < NR_EVENTS; i++) {
		names[i] = event_rows[i].name;
		if (!strcmp(names[i], until_text))
			*until = i;
	}
	if (*until != NR_EVENTS)
		return true;
	unknown_name("watch", "event", until_text, names, "pinscope watch --help");
	return false;
}

static int watch_args(struct watch *w, const char *pid, const char *where)
{
	uint64_t pages, addr;
	int status;

	if (!parse_until(&w->until))
		return EXIT_USAGE;
	if (!where == !pin_id) {
		fprintf(stderr,
			"pinscope watch: expected PID and either ADDR[+LEN] or --pin ID; 'pinscope watch --help' says more\n");
		return EXIT_USAGE;
	}
	if (where && !parse_range("watch", where, &w->range))
		return EXIT_USAGE;
	status = live_open(&w->live, "watch", pid);
	if (status || where)
		return status ? status : watch(w);
	w->pin_fd = live_take_pin(&w->live, pin_id, &pages, &addr);
	if (w->pin_fd < 0)
		return EXIT_CANNOT;
	w->range = (struct range) { addr, pages * sys_page_size() };
	status = watch(w);
	close(w->pin_fd);
	return status;
}

static int cmd_watch(const struct command *command, int argc, char **argv)
{
	static struct watch w = {
		.pin_fd = -1, .live = { .fd = -1, .process = { .proc = -1, .pidfd = -1 } },
	};
	int first, status;

	first = options_parse(command, argc, argv, &status);
	if (first < 0)
		return status;
	status = watch_args(&w, argc > first ? argv[first] : NULL,
			    argc - first > 1 ? argv[first + 1] : NULL);
	live_close(&w.live);
	return status;
}

const struct command command_watch = {
	.name = "watch",
	.args = "PID [ADDR[+LEN]]",
	.summary = "a line when a page is replaced, shared, split, pinned, ...",
	.about =
"Looks at pages again and again, and prints a line when something changed: the time,\n"
"the address, how many pages, the event, and the first of them before and after (PFN,\n"
"letters of page states, pins). What comes and goes between two looks is not seen.\n"
"While tracking is on, those who hold the pins follow the event `pinned`.\n"
"With --until, the exit status is 0 when the event came, and 1 when it did not.\n",
	.options = options,
	.max_args = 2,
	.run = cmd_watch,
};
