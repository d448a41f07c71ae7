// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why drivers should use plain FOLL_LONGTERM: what the flags that they used,
 * and use, do besides pinning. All of it is measured here and now.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../suite/sys.h"
#include "check.h"

const char *const answer_names[] = {
	[ANSWER_NO] = "no",
	[ANSWER_YES] = "yes",
	[ANSWER_SOME] = "partly",
	[ANSWER_FAILS] = "fails",
	[ANSWER_UNKNOWN] = "n/a",
};

const char *const column_keys[COLUMNS] = {
	[COLUMN_RELIABLE] = "reliable",
	[COLUMN_READONLY] = "works_readonly",
	[COLUMN_SOFT_DIRTY] = "soft_dirty",
	[COLUMN_UFFD_WP] = "uffd_wp",
	[COLUMN_PTE] = "pte_writable_or_dirty",
	[COLUMN_COPIES] = "needless_cow",
};

static const uint64_t foll_flags[PATTERNS] = {
	PINSCOPE_FOLL_LONGTERM,
	PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_FORCE | PINSCOPE_FOLL_LONGTERM,
	PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM,
	0,
};

static void note(struct pattern *p, enum column column, const char *format, ...)
{
	char *note = p->notes[column];
	size_t used = strlen(note), size = sizeof(p->notes[column]);
	va_list args;

	if (used && used < size)
		used += snprintf(note + used, size - used, ", ");
	if (used >= size)
		return;
	va_start(args, format);
	vsnprintf(note + used, size - used, format, args);
	va_end(args);
}

static const struct kind *kind_named(struct check *check, const char *name)
{
	return kind_find(check->kinds, check->nr_kinds, name);
}

/* Gigantic pages would tell nothing new, but take seconds. */
static bool too_big(const struct kind *kind)
{
	return kind->len > 64 << 20;
}

/* Tries all COW kinds, notes those that fail, or just why when all do. */
static void try_kinds(struct check *check, struct pattern *p, bool writable,
		      enum column column)
{
	unsigned int good = 0, bad = 0, call;
	const char *why = NULL;
	struct check_cell cell;
	struct memory m;
	size_t i;

	for (i = 0; i < check->nr_kinds; i++) {
		bool noted = false;

		cell.kind = &check->kinds[i];
		cell.writable = writable;
		if ((cell.kind->traits & KIND_CONTROL) || too_big(cell.kind))
			continue;
		if (!memory_open(&m, cell.kind)) {
			memory_close(&m);
			continue;
		}
		for (call = PINSCOPE_CALL_PIN; call <= PINSCOPE_CALL_PIN_FAST; call++) {
			cell.call = call;
			check_cell(check, &m, p->gup_flags, &cell);
			if (cell.result == RESULT_SKIP)
				continue;
			/* Read-only: whether it works, not whether it is good. */
			if (cell.result == RESULT_OK ||
			    (column == COLUMN_READONLY &&
			     cell.result == RESULT_STALE)) {
				good++;
				continue;
			}
			bad++;
			why = cell.result == RESULT_STALE ? "stale" :
							    cell.reason;
			if (!noted)
				note(p, column, "%s: %s", cell.kind->name, why);
			noted = true;
		}
		memory_close(&m);
	}
	if (!good && why) {
		p->notes[column][0] = '\0';
		note(p, column, "%s", why);
	}
	p->answers[column] = !good && !bad ? ANSWER_UNKNOWN :
			     !bad ? ANSWER_YES :
			     !good || column == COLUMN_RELIABLE ? ANSWER_NO :
			     ANSWER_SOME;
}

/* One finding: "yes" stays, "no" only counts while nothing is known. */
static void answer(struct pattern *p, enum column column, bool yes)
{
	if (yes)
		p->answers[column] = ANSWER_YES;
	else if (p->answers[column] == ANSWER_UNKNOWN)
		p->answers[column] = ANSWER_NO;
}

/* What the pin of a page of @kind changes in its entry, and in which page. */
static void side_effects(struct check *check, struct pattern *p,
			 const char *name)
{
	const uint64_t rights = PINSCOPE_STATE_WRITABLE | PINSCOPE_STATE_DIRTY;
	const struct kind *kind = kind_named(check, name);
	struct pinscope_page before, after;
	char names[NAMES_MAX];
	struct memory m;
	uint64_t new;
	uint32_t id;

	if (!kind)
		return;
	if (!memory_open(&m, kind) ||
	    !memory_map(&m, check->fd, true) || sys_clear_soft_dirty() ||
	    pinscope_page(check->fd, m.addr, &before) ||
	    pinscope_pin(check->fd, PINSCOPE_CALL_PIN, p->gup_flags, m.addr, kind->page,
			 &id))
		goto out;
	if (pinscope_page(check->fd, m.addr, &after))
		goto unpin;

	new = after.state & ~before.state;
	answer(p, COLUMN_SOFT_DIRTY, new & PINSCOPE_STATE_SOFT_DIRTY);
	answer(p, COLUMN_PTE, new & rights);
	if (new & rights)
		note(p, COLUMN_PTE, "%s: %s", name,
		     pinscope_names(pinscope_state_names, new & rights, names,
				    sizeof(names)));
	/*
	 * A long-term pin of a page that the next write replaces needs a copy
	 * first; an exclusive or shared page does not, and a short-term reader
	 * never does.
	 */
	if ((kind->traits & KIND_CONTROL) || !p->gup_flags) {
		answer(p, COLUMN_COPIES, before.pfn != after.pfn);
		if (before.pfn != after.pfn)
			note(p, COLUMN_COPIES, "%s", name);
	}
unpin:
	pinscope_unpin(check->fd, id);
out:
	memory_close(&m);
}

/* A page that was shared with a child, which is gone. */
static void formerly_shared(struct check *check, struct pattern *p)
{
	struct pinscope_page before, after;
	struct memory m;
	uint32_t id;
	pid_t child;

	if (!memory_open(&m, kind_named(check, "anon")) ||
	    !memory_map(&m, check->fd, true))
		goto out;
	child = fork();
	if (child < 0)
		goto out;
	if (!child)
		_exit(0);
	if (waitpid(child, NULL, 0) != child ||
	    pinscope_page(check->fd, m.addr, &before) ||
	    pinscope_pin(check->fd, PINSCOPE_CALL_PIN, p->gup_flags, m.addr, m.kind->page,
			 &id))
		goto out;
	if (!pinscope_page(check->fd, m.addr, &after)) {
		answer(p, COLUMN_COPIES, before.pfn != after.pfn);
		if (before.pfn != after.pfn)
			note(p, COLUMN_COPIES, "formerly shared");
	}
	pinscope_unpin(check->fd, id);
out:
	memory_close(&m);
}

struct pin_thread {
	int fd;
	int done;	/* eventfd */
	uint64_t gup_flags;
	void *addr;
	size_t len;
	int ret;
};

static void *pin_in_thread(void *arg)
{
	struct pin_thread *pin = arg;
	uint32_t id;

	/* Only GUP-fast drops the mmap lock to wait for a userfaultfd. */
	pin->ret = pinscope_pin(pin->fd, PINSCOPE_CALL_PIN_FAST, pin->gup_flags,
				pin->addr, pin->len, &id);
	if (!pin->ret)
		pinscope_unpin(pin->fd, id);
	eventfd_write(pin->done, 1);
	return NULL;
}

/* Is somebody who write-protected the page told of a write when it is pinned? */
static void uffd_event(struct check *check, struct pattern *p)
{
	struct pin_thread pin = { .fd = check->fd, .gup_flags = p->gup_flags, .done = -1 };
	struct pollfd fds[2];
	struct uffd_msg msg;
	pthread_t thread;
	struct memory m;
	bool event = false;
	int uffd = -1;

	if (!memory_open(&m, kind_named(check, "anon")) ||
	    !memory_map(&m, check->fd, true))
		goto out;
	uffd = sys_uffd_wp(m.addr, m.kind->page, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	if (uffd < 0) {
		note(p, COLUMN_UFFD_WP, "userfaultfd-wp: %s", pinscope_errno(uffd));
		goto out;
	}
	pin.addr = m.addr;
	pin.len = m.kind->page;
	pin.done = eventfd(0, EFD_CLOEXEC);
	if (pin.done < 0 ||
	    pthread_create(&thread, NULL, pin_in_thread, &pin))
		goto out;
	/* The thread ends, or waits for this one: no time limit is needed. */
	fds[0] = (struct pollfd) { .fd = pin.done, .events = POLLIN };
	fds[1] = (struct pollfd) { .fd = uffd, .events = POLLIN };
	do {
		if (poll(fds, 2, -1) < 0)
			continue;
		if ((fds[1].revents & POLLIN) &&
		    read(uffd, &msg, sizeof(msg)) == sizeof(msg)) {
			event = true;
			sys_uffd_wp_resolve(uffd, m.addr, m.kind->page);
		}
	} while (!(fds[0].revents & POLLIN));
	pthread_join(thread, NULL);
	answer(p, COLUMN_UFFD_WP, event);
	/* GUP that cannot wait for the handler gives up instead. */
	if (pin.ret) {
		p->answers[COLUMN_UFFD_WP] = ANSWER_FAILS;
		note(p, COLUMN_UFFD_WP, "PIN: %s", pinscope_errno(pin.ret));
	}
out:
	if (pin.done >= 0)
		close(pin.done);
	if (uffd >= 0)
		close(uffd);
	memory_close(&m);
}

void check_patterns(struct check *check)
{
	static const char *const looked_at[] = {
		"zeropage", "memfd-private", "anon", "memfd-shared",
	};
	struct pattern *p;
	size_t i, k;

	for (i = 0; i < PATTERNS; i++) {
		p = &check->patterns[i];
		p->gup_flags = foll_flags[i];
		for (k = 0; k < COLUMNS; k++)
			p->answers[k] = ANSWER_UNKNOWN;
		check->progress("patterns of FOLL flags");
		try_kinds(check, p, true, COLUMN_RELIABLE);
		try_kinds(check, p, false, COLUMN_READONLY);
		for (k = 0; k < sizeof(looked_at) / sizeof(looked_at[0]); k++)
			side_effects(check, p, looked_at[k]);
		formerly_shared(check, p);
		uffd_event(check, p);
	}
}
