// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is expected of a pin, and whether it came so. Expectations follow from
 * what the memory is and from the flags, by the rules below; what some kernel
 * does is no source of them.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"

#define S(name)		PINSCOPE_STATE_##name
#define F(name)		PINSCOPE_FOLL_##name

const char *const verdict_names[] = {
	[VERDICT_NONE] = "none", [VERDICT_PASS] = "pass",
	[VERDICT_FAIL] = "fail", [VERDICT_SKIP] = "skip",
	[VERDICT_KNOWN] = "known",
};

const char *const prop_names[PROPS] = {
	[PROP_MADE] = "made", [PROP_ERRNO] = "errno", [PROP_PINNED] = "pinned",
	[PROP_PLACE] = "place", [PROP_EXCLUSIVE] = "exclusive",
	[PROP_CONTENT] = "content", [PROP_READONLY] = "readonly",
	[PROP_TRACKING] = "tracking", [PROP_RELIABLE] = "reliable",
	[PROP_DEVICE] = "device", [PROP_CHILD] = "child", [PROP_FORK] = "fork",
	[PROP_LEAK] = "leak",
	[PROP_FILE] = "file", [PROP_RSS] = "rss", [PROP_COUNTS] = "counts",
};

const struct suite_way suite_ways[] = {
	{ &by_module, PINSCOPE_CALL_PIN, 0, false },
	{ &by_module, PINSCOPE_CALL_PIN_FAST, 0, false },
	{ &by_module, PINSCOPE_CALL_PIN, F(LONGTERM), false },
	{ &by_module, PINSCOPE_CALL_PIN_FAST, F(LONGTERM), false },
	{ &by_module, PINSCOPE_CALL_PIN_UNLOCKED, F(LONGTERM), false },
	{ &by_module, PINSCOPE_CALL_PIN_REMOTE, F(LONGTERM), false },
	{ &by_module, PINSCOPE_CALL_PIN, F(WRITE), false },
	{ &by_module, PINSCOPE_CALL_PIN_FAST, F(WRITE), false },
	{ &by_module, PINSCOPE_CALL_PIN, F(WRITE) | F(LONGTERM), false },
	{ &by_module, PINSCOPE_CALL_PIN_FAST, F(WRITE) | F(LONGTERM), false },
	{ &by_module, PINSCOPE_CALL_PIN, F(WRITE) | F(FORCE) | F(LONGTERM), false },
	{ &by_module, PINSCOPE_CALL_GET, 0, false },
	{ &by_module, PINSCOPE_CALL_GET_FAST, 0, false },
	{ &by_module, PINSCOPE_CALL_GET, F(DUMP), false },
	{ &by_module, PINSCOPE_CALL_PIN_UNLOCKED, 0, true },
	{ &by_module, PINSCOPE_CALL_PIN_REMOTE, 0, true },
	{ &by_module, PINSCOPE_CALL_GET_UNLOCKED, 0, true },
	{ &by_module, PINSCOPE_CALL_GET_REMOTE, 0, true },
	{ &by_module, PINSCOPE_CALL_PIN, F(HWPOISON), true },
	{ &by_module, PINSCOPE_CALL_PIN, F(PCI_P2PDMA), true },
	{ &by_module, PINSCOPE_CALL_PIN, F(INTERRUPTIBLE), true },
	{ &by_module, PINSCOPE_CALL_PIN, F(HONOR_NUMA_FAULT), true },
	{ &by_module, PINSCOPE_CALL_PIN, F(ANON), true },
	{ &by_module, PINSCOPE_CALL_PIN, F(NOFAULT), true },
	/* As they call GUP. */
	{ &by_io_uring, PINSCOPE_CALL_PIN_FAST, F(WRITE) | F(LONGTERM), false },
	{ &by_vmsplice, PINSCOPE_CALL_GET_FAST, 0, false },
};

const size_t suite_nr_ways = sizeof(suite_ways) / sizeof(suite_ways[0]);

static bool is_pin(const struct place *p)
{
	return p->call->call < PINSCOPE_CALL_GET;
}

static bool in_state(const struct place *p, const char *name)
{
	return !strcmp(p->state->name, name);
}

/* By userfaultfd-wp, with events or without. */
static bool is_marked(const struct place *p)
{
	return in_state(p, "uffd-wp") || in_state(p, "uffd-wp-async");
}

static bool is_hugetlb(const struct place *p)
{
	return p->kind->memory && p->kind->memory->hugetlb_shift;
}

static bool has_child(const struct place *p)
{
	return in_state(p, "shared") || in_state(p, "grandchild") ||
	       in_state(p, "held-by-child") || in_state(p, "shared-pool-empty") ||
	       (p->kind->is & IS_PAGES &&
	       !strncmp(p->state->name, "collapsed", 9));
}

/**
 * place_name() - a cell's name
 * @p: the place
 * @prop: or PROPS for the place alone
 * @buf: gets it
 * @size: bytes in @buf
 *
 * Return: @buf.
 */
const char *place_name(const struct place *p, enum property prop, char *buf,
		       size_t size)
{
	char call[24], flags[NAMES_MAX] = "", *c;

	snprintf(call, sizeof(call), "%s", p->call->by->name ?:
		 pinscope_name(pinscope_call_names, p->call->call));
	for (c = call; *c; c++)
		*c = *c == '_' ? '-' : tolower(*c);
	if (p->call->gup_flags && !p->call->by->name)
		pinscope_names(pinscope_gup_flags_names, p->call->gup_flags, flags, sizeof(flags));
	for (c = flags; *c; c++)
		if (*c == '|')
			*c = '+';
	snprintf(buf, size, "%s.%s/%s%s%.60s%s%s", p->kind->name, p->state->name,
		 call, *flags ? "+" : "", flags, prop < PROPS ? ":" : "",
		 prop < PROPS ? prop_names[prop] : "");
	return buf;
}

/**
 * place_exists() - is there something to be tried?
 * @p: the place
 * @info: what this kernel can do
 *
 * Return: whether there is.
 */
bool place_exists(const struct place *p, const struct pinscope_info *info)
{
	uint64_t gup_flags = p->call->gup_flags;

	if (p->state->exists && !p->state->exists())
		return false;
	if (!(info->calls & 1ULL << p->call->call) ||
	    (gup_flags & ~info->gup_flags[p->call->call]))
		return false;
	if (p->call->few && (!in_state(p, "fresh") || (p->kind->is & IS_VARIANT)))
		return false;
	/* Until 6.6 GUP heeded hints, which takes a fault. */
	if ((gup_flags & F(NOFAULT)) && (p->kind->is & IS_HINTED))
		return false;
	/* For hugetlb FOLL_FORCE means something in some kernels only. */
	if ((gup_flags & F(FORCE)) && is_hugetlb(p))
		return false;
	if ((p->kind->is & IS_VARIANT) &&
	    (p->call->by != &by_module || p->call->call > PINSCOPE_CALL_PIN_FAST ||
	     (gup_flags & F(FORCE))))
		return false;
	if ((p->kind->is & IS_SLOW) &&
	    (!(gup_flags & F(LONGTERM)) || p->call->call > PINSCOPE_CALL_PIN_FAST))
		return false;
	return p->state->applies(p->kind, p->call->call, gup_flags);
}

/* Truncation waits for pins of DAX, so none may be for long. */
static bool never_for_long(const struct place *p)
{
	return (p->kind->is & IS_DAX) && (p->call->gup_flags & F(LONGTERM));
}

/* Others may have references to the folio, for other pages of it. */
static bool is_large(const struct scene *s)
{
	return (s->place.kind->is & IS_LARGE) ||
	       (s->seen.before.folio_order &&
		1UL << s->seen.before.map_shift == base_size());
}

/*
 * What a pin does. The one argument of the series that all of it follows from:
 * what is pinned to be seen for long, or anonymous, has to be what the process
 * will go on to see; an anonymous page is that when it is exclusive, and
 * anything else in a private mapping is not.
 */
static enum outcome expected_with_faults(const struct scene *s)
{
	const struct place *p = &s->place;
	uint64_t gup_flags = p->call->gup_flags, state = s->seen.before.state;
	bool write = gup_flags & F(WRITE);

	if ((p->kind->is & IS_REFUSED) || never_for_long(p))
		return OUTCOME_REFUSED;
	/* Without permission only debuggers write, and to private mappings. */
	if (write && s->readonly &&
	    (!(gup_flags & F(FORCE)) || (p->kind->is & IS_SHARED)))
		return OUTCOME_REFUSED;
	if (p->kind->is & IS_SHARED) {
		/* Who wants to be told of writes is not told of a device's. */
		if (write && (gup_flags & F(LONGTERM)) && (p->kind->is & IS_TRACKED))
			return OUTCOME_REFUSED;
		return OUTCOME_STAYS;
	}
	/* GUP looks for a page before it thinks of unsharing. */
	if (!write && (p->kind->is & IS_NO_PAGE))
		return OUTCOME_REFUSED;
	/* Who dumps core has no use for zeroes. */
	if ((gup_flags & F(DUMP)) && (state & (S(ZEROPAGE) | S(HUGE_ZEROPAGE))))
		return OUTCOME_REFUSED;
	/* A reference promises nothing. */
	if (!write && !is_pin(p))
		return OUTCOME_STAYS;
	if (state & (S(ANON) | S(SWAP) | S(DEVICE_PRIVATE))) {
		if (state & S(EXCLUSIVE))
			return OUTCOME_STAYS;
		/* With no page for a copy the parent takes it from its child. */
		if (in_state(p, "shared-pool-empty"))
			return OUTCOME_REUSED;
		/* Nobody else has it: then no copy is needed. */
		if (in_state(p, "previously-shared") && !(state & S(KSM)))
			return is_large(s) || (state & S(SWAPCACHE)) ?
			       OUTCOME_EITHER : OUTCOME_REUSED;
		return OUTCOME_OWN;
	}
	/* A page of the cache, a zeropage: not for long. */
	return write || (gup_flags & F(LONGTERM)) ? OUTCOME_OWN : OUTCOME_STAYS;
}

/* Is the mapping, and not only the page, anonymous? Hugetlb's never is. */
static bool is_anonymous(const struct place *p)
{
	return (p->kind->has & (S(ANON) | S(ZEROPAGE) | S(HUGE_ZEROPAGE) | S(SWAP) |
				S(DEVICE_PRIVATE))) && !is_hugetlb(p);
}

static enum outcome expected(const struct scene *s)
{
	enum outcome outcome = expected_with_faults(s);

	if ((s->place.call->gup_flags & F(ANON)) && !is_anonymous(&s->place))
		return OUTCOME_REFUSED;
	/* All but a page that stays takes a fault. */
	if ((s->place.call->gup_flags & F(NOFAULT)) &&
	    (outcome != OUTCOME_STAYS || (s->place.kind->is & IS_SWAPPED)))
		return OUTCOME_REFUSED;
	return outcome;
}

/* Does it last, so that both sides have to see what the other one does? */
static bool is_lasting(const struct place *p)
{
	return is_pin(p) && ((p->call->gup_flags & F(LONGTERM)) ||
			     (p->call->gup_flags & F(WRITE)));
}

/**
 * prop_applies() - can this be a question here?
 * @p: the place
 * @prop: the property
 *
 * It may turn out not to be one, as when there is no pin.
 *
 * Return: whether it can.
 */
bool prop_applies(const struct place *p, enum property prop)
{
	bool refused = (p->kind->is & IS_REFUSED) || never_for_long(p);
	bool write = p->call->gup_flags & F(WRITE);
	bool private = !(p->kind->is & IS_SHARED);
	bool events = in_state(p, "uffd-wp");

	/* Without a page there is nothing else to ask. */
	if (refused || ((p->kind->is & IS_NO_PAGE) && !write))
		return prop == PROP_MADE || prop == PROP_ERRNO;
	switch (prop) {
	case PROP_PINNED:
		return p->call->by->is_mapped;
	case PROP_PLACE:
		/* Until 6.6 GUP heeded hints, which may move a page. */
		return !(p->kind->is & (IS_SWAPPED | IS_NO_PAGE | IS_HINTED));
	case PROP_EXCLUSIVE:
		return is_pin(p) && private;
	case PROP_CONTENT:
		return true;
	case PROP_READONLY:
		return !write && !(p->kind->is & IS_SWAPPED);
	case PROP_TRACKING:
		/* Neither hugetlb nor shared mappings have soft-dirty. */
		return !write && (is_marked(p) || (private && !is_hugetlb(p)));
	case PROP_RELIABLE:
		return is_lasting(p) && !events;
	case PROP_DEVICE:
		return write && is_pin(p);
	case PROP_CHILD:
		return private && (in_state(p, "shared") ||
		       (in_state(p, "held-by-child") && is_lasting(p)));
	case PROP_FORK:
		/* fork needs a page for the child, who may not have a pinned one. */
		return !p->state->takes_all && is_lasting(p) && private &&
		       !has_child(p) && !events && !(p->kind->is & IS_SLOW);
	case PROP_LEAK:
		/* Hugetlb reuses by who maps it: see holdable(). */
		return private && (!has_child(p) || in_state(p, "shared")) && !events &&
		       !p->state->takes_all && !in_state(p, "readonly") &&
		       !(p->kind->is & IS_SLOW) &&
		       (is_pin(p) || !is_hugetlb(p));
	case PROP_RSS:
		/* DAX is not counted, but some kernels' procfs has it all the same. */
		return !(p->kind->is & IS_DAX);
	case PROP_FILE:
		return (p->kind->is & IS_FILE) && private && is_lasting(p) && !events;
	default:
		return true;
	}
}

static void verdict(struct scene *s, enum property prop, bool good,
		    const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void verdict(struct scene *s, enum property prop, bool good,
		    const char *format, ...)
{
	va_list args;

	/* The first thing that is wrong is what is told. */
	if (!prop_applies(&s->place, prop) || s->verdicts[prop] == VERDICT_FAIL)
		return;
	s->verdicts[prop] = good ? VERDICT_PASS : VERDICT_FAIL;
	if (good)
		return;
	va_start(args, format);
	vsnprintf(s->whys[prop], WHY_MAX, format, args);
	va_end(args);
}

static const char *make(struct scene *s)
{
	const struct suite_kind *kind = s->place.kind;
	char names[NAMES_MAX];
	struct pinscope_page page;

	if (kind->memory) {
		/* DAX maps itself: there may be no page to look at. */
		if (!memory_open(&s->m, kind->memory, kind->dir) ||
		    (!(kind->is & IS_DAX) && !memory_map(&s->m, s->fd, true)))
			return scene_fails(s, "%s", s->m.why);
		s->addr = s->m.addr;
		s->len = s->m.kind->len;
	}
	if (kind->make && kind->make(s))
		return s->why;
	if (!kind->has && !kind->hasnt)
		return NULL;
	page = scene_page(s);
	if ((page.state & kind->has) != kind->has || (page.state & kind->hasnt))
		return scene_fails(s, "it was to be made, but is %s",
				   pinscope_names(pinscope_state_names, page.state, names,
						  sizeof(names)));
	return NULL;
}

/* The process writes, which it may have to be allowed for that. */
static void process_writes(struct scene *s, char byte)
{
	if (s->readonly)
		mprotect(s->addr, s->len, PROT_READ | PROT_WRITE);
	*(volatile char *)s->addr = byte;
	if (s->readonly)
		mprotect(s->addr, s->len, PROT_READ);
}

/* After that mm may map at once for writing what is exclusive, and only that. */
static void remap_and_write(struct scene *s, char byte)
{
	if (s->readonly || mprotect(s->addr, s->len, PROT_READ))
		return;
	mprotect(s->addr, s->len, PROT_READ | PROT_WRITE);
	process_writes(s, byte);
}

/* Does the pin hold what is mapped? Who cannot tell does not say no. */
static bool is_mapped(struct scene *s)
{
	const struct pinner *by = s->place.call->by;

	return !by->is_mapped || by->is_mapped(s);
}

static void check_page(struct scene *s, enum outcome outcome,
		       const struct pinscope_page *after)
{
	uint64_t before = s->seen.before.state, gained = after->state & ~before;
	bool same = after->pfn == s->seen.before.pfn;
	char names[NAMES_MAX];

	s->seen.pinned = true;
	s->seen.replaced = !same;
	s->seen.gained = gained;
	s->seen.after = *after;
	verdict(s, PROP_PINNED, is_mapped(s),
		"the pinned page is not the one that is mapped");
	/* Long-term pins leave what can be taken away, which is no copy. */
	if ((s->place.call->gup_flags & F(LONGTERM)) && (before & S(HAS_FOLIO)) &&
	    !(before & S(LONGTERM_PINNABLE)))
		verdict(s, PROP_PLACE, after->state & S(LONGTERM_PINNABLE),
			"it is pinned for long in a page that must stay movable");
	else
		verdict(s, PROP_PLACE, outcome == OUTCOME_EITHER ||
			same == (outcome != OUTCOME_OWN),
			"the page was %s: PFN 0x%llx, then 0x%llx",
			same ? "not replaced" : "replaced without need",
			s->seen.before.pfn, after->pfn);
	verdict(s, PROP_EXCLUSIVE, !(after->state & S(ANON)) ||
		(after->state & S(EXCLUSIVE)),
		"an anonymous page is pinned that others have as well");
	if (outcome != OUTCOME_STAYS)
		verdict(s, PROP_EXCLUSIVE, (after->state & S(ANON)) &&
			(after->state & S(EXCLUSIVE)),
			"the process has no page of its own");
	verdict(s, PROP_READONLY, !(gained & (S(WRITABLE) | S(DIRTY))),
		"a pin for reading made it %s",
		pinscope_names(pinscope_state_names, gained & (S(WRITABLE) | S(DIRTY)), names,
			       sizeof(names)));
	if (is_marked(&s->place))
		verdict(s, PROP_TRACKING, after->state & S(UFFD_WP) ||
			!(before & S(UFFD_WP)), "userfaultfd-wp is lost");
	else if (in_state(&s->place, "soft-dirty"))
		verdict(s, PROP_TRACKING, !(gained & S(SOFT_DIRTY)),
			"a pin for reading made it soft-dirty");
	/* What a checkpoint has to take stays marked. */
	verdict(s, PROP_TRACKING, after->state & S(SOFT_DIRTY) ||
		!(before & S(SOFT_DIRTY)), "a pin for reading made it soft-clean");
}

static void check_use(struct scene *s, char content)
{
	int child = -1;

	if (prop_applies(&s->place, PROP_CHILD))
		child = scene_child_sees(s);
	if (prop_applies(&s->place, PROP_RELIABLE)) {
		process_writes(s, 'w');
		s->seen.stale = !is_mapped(s);
		verdict(s, PROP_RELIABLE, is_mapped(s),
			"the process wrote, and has another page than the pin");
		verdict(s, PROP_RELIABLE, s->place.call->by->see(s) == 'w',
			"the pin does not see what the process wrote");
		/* Nor does it have to copy what was read-only for a while. */
		remap_and_write(s, 'v');
		verdict(s, PROP_RELIABLE, is_mapped(s) &&
			s->place.call->by->see(s) == *(volatile char *)s->addr,
			"after mprotect(), the process wrote, and has another page than the pin");
	}
	/* Without a pin that lasts it is what COW has to do anyway. */
	if (prop_applies(&s->place, PROP_CHILD) && !prop_applies(&s->place, PROP_RELIABLE))
		remap_and_write(s, 'v');
	if (prop_applies(&s->place, PROP_DEVICE)) {
		s->place.call->by->put(s, 'd');
		verdict(s, PROP_DEVICE, *(volatile char *)s->addr == 'd',
			"the process does not see what the pin wrote");
	}
	if (prop_applies(&s->place, PROP_CHILD))
		verdict(s, PROP_CHILD, child == content &&
			scene_child_sees(s) == content,
			"the child sees what is not its own: %d, then %d", child,
			scene_child_sees(s));
	if (prop_applies(&s->place, PROP_FORK)) {
		char now = *(volatile char *)s->addr;

		scene_join(s);
		if (scene_fork(s)) {
			verdict(s, PROP_FORK, false, "%s", s->why);
			return;
		}
		process_writes(s, 'x');
		verdict(s, PROP_FORK, is_mapped(s) && s->place.call->by->see(s) == 'x',
			"after a fork, the process wrote, and has another page than the pin");
		verdict(s, PROP_FORK, scene_child_sees(s) == now,
			"the child sees what was written after the fork");
	}
}

/*
 * A child from after the pin writes. Where there is no more than a reference,
 * the process unmaps the page first, and the child is the only one to map it.
 */
static void check_leak(struct scene *s)
{
	char held;

	if (!prop_applies(&s->place, PROP_LEAK))
		return;
	held = s->place.call->by->see(s);
	if (s->child.pid <= 0 && scene_fork(s)) {
		verdict(s, PROP_LEAK, false, "%s", s->why);
		return;
	}
	if (!is_pin(&s->place))
		munmap(s->addr, base_size());
	scene_child_writes(s, 'c');
	verdict(s, PROP_LEAK, s->place.call->by->see(s) == held,
		"the pin sees what a child wrote");
}

static void check_file(struct scene *s)
{
	char byte = 0;

	if (prop_applies(&s->place, PROP_FILE))
		verdict(s, PROP_FILE, pread(s->m.fd, &byte, 1, 0) == 1 && byte == 'f',
			"the file has what was written to the private mapping");
}

/* Pages of a line such as "Anonymous:   12 kB". */
static long pages_of(const char *text, const char *name)
{
	const char *line = strstr(text, name);
	long kib;

	if (!line || sscanf(line + strlen(name), " %ld", &kib) != 1)
		return -1;
	return kib / (base_size() >> 10);
}

/*
 * What mm has counted, against what is found in the page tables. To look may
 * bring in a page of the program itself; then once more.
 */
static void check_rss(struct scene *s)
{
	struct pinscope_rss rss, again = {};
	long all = -1, anon = -1, swap = -1;
	char text[1500];
	ssize_t len;
	int fd, i;

	if (!prop_applies(&s->place, PROP_RSS))
		return;
	for (i = 0; i < 5; i++) {
		if (pinscope_rss(s->fd, pinscope_self(), &rss))
			break;
		fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
		len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		text[len < 0 ? 0 : len] = '\0';
		all = pages_of(text, "\nRss:");
		anon = pages_of(text, "\nAnonymous:");
		swap = pages_of(text, "\nSwap:");
		if (!pinscope_rss(s->fd, pinscope_self(), &again) && !memcmp(&rss, &again, sizeof(rss)))
			break;
	}
	if (all < 0 || anon < 0 || swap < 0) {
		s->verdicts[PROP_RSS] = VERDICT_SKIP;
		snprintf(s->whys[PROP_RSS], WHY_MAX,
			 "no /proc/self/smaps_rollup: CONFIG_PROC_PAGE_MONITOR");
		return;
	}
	/* There also counts what is swapped out of shared memory. */
	verdict(s, PROP_RSS, rss.anon == anon && rss.file + rss.shmem == all - anon &&
		rss.swap <= swap,
		"counted %lld anonymous, %lld of files, %lld swapped; mapped are %ld, %ld, %ld",
		rss.anon, rss.file + rss.shmem, rss.swap, anon, all - anon, swap);
}

/* What a pin that is refused fails with. */
static int refusal(const struct place *p)
{
	if (never_for_long(p))
		return -EOPNOTSUPP;
	/* Who asks to be told of broken pages is. */
	if ((p->kind->has & S(POISON)) && (p->call->gup_flags & F(HWPOISON)))
		return -EHWPOISON;
	return -EFAULT;
}

static void pin_and_look(struct scene *s)
{
	const struct pinner *by = s->place.call->by;
	struct pinscope_page after, released;
	char content = 'p';	/* of what is swapped out */
	enum outcome outcome;
	int ret, ms;

	s->seen.before = scene_page(s);
	outcome = expected(s);
	if (!(s->place.kind->is & (IS_REFUSED | IS_SWAPPED | IS_HINTED)))
		content = *(volatile char *)s->addr;
	ret = by->pin(s);
	if (ret == -ENODEV) {
		s->verdicts[PROP_MADE] = VERDICT_SKIP;
		snprintf(s->whys[PROP_MADE], WHY_MAX, "%s", s->why);
		return;
	}
	s->seen.error = -ret;
	if (outcome == OUTCOME_REFUSED) {
		int error = refusal(&s->place);

		/* A PFN without a page is EEXIST for who wants no page. */
		verdict(s, PROP_ERRNO, ret == error ||
			(ret == -EEXIST && error == -EFAULT),
			"PIN was to fail with %s: %s", pinscope_errno(error),
			ret ? pinscope_errno(ret) : "success");
		if (!ret)
			by->unpin(s);
		return;
	}
	verdict(s, PROP_ERRNO, !ret, "PIN: %s", pinscope_errno(ret));
	if (ret)
		return;
	after = scene_page(s);
	check_page(s, outcome, &after);
	verdict(s, PROP_CONTENT, *(volatile char *)s->addr == content,
		"the process sees 0x%x, but had 0x%x", *(volatile char *)s->addr,
		content);
	verdict(s, PROP_COUNTS, !is_pin(&s->place) || after.pincount > 0 ||
		(after.state & (S(ZEROPAGE) | S(HUGE_ZEROPAGE))) || !(after.state & S(HAS_FOLIO)),
		"it is pinned, but has no pin");
	check_use(s, content);
	check_leak(s);
	check_file(s);
	check_rss(s);
	ret = by->unpin(s);
	released = scene_page(s);
	/* io_uring lets go when the last request is done with. */
	for (ms = 0; by != &by_module && !s->other && released.pincount && ms < 1000;
	     ms++) {
		usleep(1000);
		released = scene_page(s);
	}
	/* Others have the huge zeropage, too, and may have pinned it. */
	verdict(s, PROP_COUNTS, !ret && (s->other || !released.pincount ||
					 (released.state & S(HUGE_ZEROPAGE))),
		"%d pins are left behind", released.pincount);
}

/**
 * scene_play() - make memory, pin it, and see what came of it
 * @s: place and fd are set, the rest is zero; out: verdicts and whys
 */
void scene_play(struct scene *s)
{
	const struct suite_state *state = s->place.state;

	s->m.fd = -1;
	s->map_fd = -1;
	s->uffd = -1;
	s->len = base_size();
	if (make(s) || (state->enter && state->enter(s))) {
		s->verdicts[PROP_MADE] = VERDICT_SKIP;
		snprintf(s->whys[PROP_MADE], WHY_MAX, "%s", s->why);
	} else {
		s->verdicts[PROP_MADE] = VERDICT_PASS;
		pin_and_look(s);
	}
	scene_join(s);
	if (s->other)
		pinscope_unpin(s->fd, s->other);
	if (s->uffd >= 0)
		close(s->uffd);
	if (s->extra)
		munmap(s->extra, s->extra_len);
	memory_close(&s->m);
	if (s->map_fd >= 0)
		close(s->map_fd);
}
