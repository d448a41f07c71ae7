// SPDX-License-Identifier: GPL-2.0-only
/*
 * One scenario: its memory is made, pinned and used, and what comes of it is
 * compared with the rules.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "events.h"
#include "fixture.h"
#include "make.h"
#include "predict.h"
#include "rss.h"
#include "rules.h"
#include "seen.h"
#include "sys.h"

#define S(name)		PINSCOPE_STATE_##name
#define F(name)		PINSCOPE_FOLL_##name

/* How long a pinner may take to release what it was told to. */
#define RELEASE_MS	1000
#define PAGEOUT_TRIES	4

/* What mm adds to the reference count of a small folio for a pin. */
#define PIN_BIAS	1024

__attribute__((format(printf, 4, 5)))
static void verdict(struct fixture *f, enum property property, bool good,
		    const char *format, ...)
{
	struct outcome_record *record = f->record;
	va_list args;

	/* Of several reasons the first is kept. */
	if (!rules_apply(&f->scenario, property) ||
	    record->verdicts[property] == VERDICT_FAIL)
		return;
	record->verdicts[property] = good ? VERDICT_PASS : VERDICT_FAIL;
	if (good)
		return;
	va_start(args, format);
	vsnprintf(record->reasons[property], REASON_MAX, format, args);
	va_end(args);
}

static void set_verdict(struct fixture *f, enum property property,
			enum verdict is, const char *reason)
{
	f->record->verdicts[property] = is;
	snprintf(f->record->reasons[property], REASON_MAX, "%s", reason);
}

static bool asks(const struct fixture *f, uint64_t gup_flags)
{
	return f->scenario.request->gup_flags & gup_flags;
}

static bool in(const struct fixture *f, unsigned int condition_traits)
{
	return f->scenario.condition->traits & condition_traits;
}

static bool applies(const struct fixture *f, enum property property)
{
	return rules_apply(&f->scenario, property);
}

static const struct pinner *pinner_of(const struct fixture *f)
{
	return f->scenario.request->pinner;
}

static char process_sees(struct fixture *f)
{
	return *(volatile char *)f->addr;
}

/* The byte that the pinned page has; -1 when the pinner cannot tell. */
static int pinner_sees(struct fixture *f)
{
	return pinner_of(f)->see ? pinner_of(f)->see(f) : -1;
}

static bool pinner_sees_byte(struct fixture *f, char byte)
{
	int seen = pinner_sees(f);

	return seen < 0 || seen == byte;
}

/*
 * Of others' pins nobody can ask which pages they hold. The page that the process has
 * mapped is one of them when it is pinned at all, as nobody else pins it; but a
 * condition may, and pins of a zeropage are not counted. Then yes is assumed, and the
 * content must tell.
 */
static bool pin_is_mapped(struct fixture *f)
{
	struct pinscope_page page;

	if (pinner_of(f)->is_mapped)
		return pinner_of(f)->is_mapped(f);
	if (!rules_takes_pins(&f->scenario) || f->other)
		return true;
	page = fixture_page(f);
	return page.pincount > 0 || (page.state & (S(ZEROPAGE) | S(HUGE_ZEROPAGE))) ||
	       !(page.state & S(HAS_FOLIO));
}

/*
 * mprotect() away and back: after that mm may map an exclusive page writable at
 * once, and no other.
 */
static void remap_and_write(struct fixture *f, char byte)
{
	if (f->readonly || mprotect(f->addr, f->len, PROT_READ))
		return;
	mprotect(f->addr, f->len, PROT_READ | PROT_WRITE);
	fixture_process_writes(f, byte);
}

/* Whatever the call was, and whatever the processes did since. */
static void check_sound(struct fixture *f, const struct pinscope_page *page)
{
	bool private = !(f->scenario.kind->traits & KIND_SHARED);
	uint64_t state = page->state;
	char names[NAMES_MAX];
	const char *wrong = NULL;

	/* Of what migrates, or is on a device, less is known. */
	if (!(state & S(PRESENT)))
		return;
	if (state & S(WRITABLE) && f->readonly)
		wrong = "the mapping is read-only, the entry is writable";
	else if (state & S(WRITABLE) && state & S(UFFD_WP))
		wrong = "userfaultfd protects the page, the entry is writable";
	else if (state & S(WRITABLE) && private && !(state & S(ANON)))
		wrong = "the private mapping has a writable entry of a page that is not anonymous";
	else if (state & S(WRITABLE) && private && !((state | page->unknown) & S(EXCLUSIVE)))
		wrong = "the private mapping has a writable entry of a page that is not exclusive";
	else if (state & S(EXCLUSIVE) && state & (S(KSM) | S(ZEROPAGE)))
		wrong = "what everybody may map is exclusive";
	verdict(f, PROP_ENTRY, !wrong, "%s: %s", wrong,
		pinscope_names(pinscope_state_names, state, names, sizeof(names)));
}

/* ----------------------------------------------- right after the call */

static void check_replaced(struct fixture *f, enum outcome outcome,
			   const struct pinscope_page *before,
			   const struct pinscope_page *after)
{
	bool same = after->pfn == before->pfn;
	/* Compaction may have moved it between the two looks; a copy is made elsewhere. */
	bool compacted = !same && before->state & after->state & S(ZONE_MOVABLE);

	/* Out of ZONE_MOVABLE and CMA a migration is due, which is no copy. */
	if (asks(f, F(LONGTERM)) && (before->state & S(HAS_FOLIO)) &&
	    !(before->state & S(LONGTERM_PINNABLE)))
		verdict(f, PROP_REPLACED, after->state & S(LONGTERM_PINNABLE),
			"expected a page that may stay where it is, found the pinned page in ZONE_MOVABLE or CMA");
	else
		verdict(f, PROP_REPLACED, outcome == OUTCOME_REUSED_OR_COPIED ||
			compacted || same == (outcome != OUTCOME_COPIED),
			"expected %s, found PFN 0x%llx before and 0x%llx after",
			same ? "another page" : "the same page", before->pfn, after->pfn);
}

static void check_tracking(struct fixture *f, uint64_t before, uint64_t after)
{
	if (in(f, COND_UFFD_RWP)) {
		verdict(f, PROP_TRACKING, before & S(UFFD_RWP),
			"expected an entry that waits for an access, found another before the pin");
		verdict(f, PROP_TRACKING, !(after & S(UFFD_RWP)),
			"expected that userfaultfd is told of the pin, found that the entry still waits for an access");
	}
	/* Fork and migration make entries anew. */
	if (!in(f, COND_UFFD_WP))
		verdict(f, PROP_TRACKING, !((before | after) & S(UFFD_WP)),
			"expected no userfaultfd-wp, found it %s",
			before & S(UFFD_WP) ? "before the pin" : "after the pin");
	/* Where a write would be reported, nobody handles that: here it only clears the bit. */
	if (asks(f, F(WRITE))) {
		verdict(f, PROP_TRACKING, after & S(SOFT_DIRTY) || !in(f, COND_SOFT_DIRTY_CLEARED),
			"the pin for writing did not set soft-dirty");
		verdict(f, PROP_TRACKING, !(after & S(UFFD_WP)),
			"the pin for writing did not clear userfaultfd-wp");
		return;
	}
	if (in(f, COND_UFFD_WP))
		verdict(f, PROP_TRACKING, after & S(UFFD_WP) || !(before & S(UFFD_WP)),
			"the pin for reading cleared userfaultfd-wp");
	else if (in(f, COND_SOFT_DIRTY_CLEARED))
		verdict(f, PROP_TRACKING, !(after & ~before & S(SOFT_DIRTY)),
			"the pin for reading set soft-dirty");
	/* hugetlb has the bit, and nobody minds it. */
	verdict(f, PROP_TRACKING, after & S(SOFT_DIRTY) || !(before & S(SOFT_DIRTY)) ||
		f->scenario.kind->hugetlb_shift,
		"the pin for reading cleared soft-dirty");
}

static void check_entry(struct fixture *f, enum outcome outcome,
			const struct pinscope_page *after)
{
	struct observation *seen = &f->record->seen;
	const struct pinscope_page *before = &seen->before;
	uint64_t gained = after->state & ~before->state;
	char names[NAMES_MAX];

	seen->pinned = true;
	seen->replaced = after->pfn != before->pfn;
	seen->gained = gained;
	seen->after = *after;
	verdict(f, PROP_SAME_PAGE, pin_is_mapped(f),
		"the pinned page is not the page that the process has mapped");
	check_replaced(f, outcome, before, after);
	verdict(f, PROP_EXCLUSIVE, !(after->state & S(ANON)) ||
		(after->state & S(EXCLUSIVE)),
		"the pinned anonymous page is not exclusive");
	if (outcome != OUTCOME_STAYS)
		verdict(f, PROP_EXCLUSIVE, (after->state & S(ANON)) &&
			(after->state & S(EXCLUSIVE)),
			"expected an exclusive anonymous page, found %s",
			pinscope_names(pinscope_state_names, after->state, names,
				       sizeof(names)));
	verdict(f, PROP_NO_WRITE, !(gained & (S(WRITABLE) | S(DIRTY))),
		"the pin for reading made the entry %s",
		pinscope_names(pinscope_state_names, gained & (S(WRITABLE) | S(DIRTY)),
			       names, sizeof(names)));
	check_tracking(f, before->state, after->state);
	verdict(f, PROP_NUMA_HINT, !(after->state & S(NUMA_HINT)) ==
		asks(f, F(HONOR_NUMA_FAULT)),
		"expected %s NUMA hint in the entry, found %s",
		asks(f, F(HONOR_NUMA_FAULT)) ? "no" : "the",
		after->state & S(NUMA_HINT) ? "one" : "none");
}

/* --------------------------------------------------- while it is held */

static void check_reliable(struct fixture *f)
{
	int seen;

	if (!applies(f, PROP_RELIABLE))
		return;
	fixture_process_writes(f, 'w');
	f->record->seen.stale = !pin_is_mapped(f);
	verdict(f, PROP_RELIABLE, pin_is_mapped(f),
		"the process wrote, and now has another page than the pin");
	seen = pinner_sees(f);
	f->record->seen.stale |= seen >= 0 && seen != 'w';
	verdict(f, PROP_RELIABLE, seen < 0 || seen == 'w',
		"the process wrote 0x%x, the pinned page has 0x%x", 'w', seen);
	remap_and_write(f, 'v');
	verdict(f, PROP_RELIABLE, pin_is_mapped(f) &&
		pinner_sees_byte(f, process_sees(f)),
		"after mprotect() the process wrote, and now has another page than the pin");
}

static void check_device_write(struct fixture *f)
{
	if (!applies(f, PROP_DEVICE_WRITE))
		return;
	pinner_of(f)->put(f, 'd');
	verdict(f, PROP_DEVICE_WRITE, process_sees(f) == 'd',
		"the pinner wrote 0x%x, the process sees 0x%x", 'd', process_sees(f));
}

static void check_fork_after(struct fixture *f)
{
	char now = process_sees(f);

	if (!applies(f, PROP_FORK_AFTER))
		return;
	fixture_join(f);
	if (fixture_fork(f)) {
		verdict(f, PROP_FORK_AFTER, false, "%s", f->why);
		return;
	}
	fixture_process_writes(f, 'x');
	verdict(f, PROP_FORK_AFTER, pin_is_mapped(f) && pinner_sees_byte(f, 'x'),
		"after a fork the process wrote, and now has another page than the pin");
	verdict(f, PROP_FORK_AFTER, fixture_child_sees(f) == now,
		"the child sees what the process wrote after the fork");
}

static void check_child_untracked(struct fixture *f)
{
	struct pinscope_page *pages = NULL;
	size_t nr = 0;
	int ret;

	if (!applies(f, PROP_CHILD_UNTRACKED))
		return;
	if (fixture_fork(f)) {
		verdict(f, PROP_CHILD_UNTRACKED, false, "%s", f->why);
		return;
	}
	ret = pinscope_inspect(f->fd, pinscope_pid(f->child.pid), pinscope_addr(f->addr),
			       sys_page_size(), &pages, &nr);
	/* Fork copies no entry that a fault can make as well. */
	verdict(f, PROP_CHILD_UNTRACKED, !ret && !(nr && pages->state & S(UFFD_WP)),
		"expected no userfaultfd-wp in the child's entry, found %s",
		ret ? pinscope_errno(ret) : "it");
	free(pages);
	fixture_join(f);
}

/* @content is what the child had when the pin was taken. */
static void check_both_sides(struct fixture *f, char content)
{
	bool isolated = applies(f, PROP_CHILD_ISOLATED);
	int child = isolated ? fixture_child_sees(f) : -1;

	check_reliable(f);
	/* Without a lasting pin this is what COW has to do anyway. */
	if (isolated && !applies(f, PROP_RELIABLE) && !in(f, COND_WRITE_BLOCKS))
		remap_and_write(f, 'v');
	check_device_write(f);
	if (isolated)
		verdict(f, PROP_CHILD_ISOLATED, child == content &&
			fixture_child_sees(f) == content,
			"the child had 0x%x, sees 0x%x after the call and 0x%x after writes",
			content, child, fixture_child_sees(f));
}

/*
 * A child from after the call writes. Where the request only took a reference, the
 * process unmaps the page first, so that the child alone maps it.
 */
static void check_no_leak(struct fixture *f)
{
	int held, seen;

	if (!applies(f, PROP_NO_LEAK))
		return;
	held = pinner_sees(f);
	if (held < 0)
		return;
	if (f->child.pid <= 0 && fixture_fork(f)) {
		verdict(f, PROP_NO_LEAK, false, "%s", f->why);
		return;
	}
	if (!rules_takes_pins(&f->scenario))
		munmap(f->addr, sys_page_size());
	fixture_child_writes(f, 'c');
	seen = pinner_sees(f);
	verdict(f, PROP_NO_LEAK, seen == held,
		"a child wrote 0x%x, and the pinned page changed from 0x%x to 0x%x", 'c',
		held, seen);
}

/* Pins the page of a child by its process id, and returns the pin; 0: it cannot. */
static uint32_t pin_child(struct fixture *f, enum property property, int *sees)
{
	struct pinscope_pin cmd = {
		.call = f->scenario.request->call, .gup_flags = f->scenario.request->gup_flags,
		.addr = pinscope_addr(f->addr), .len = sys_page_size(),
	};
	int ret;

	if (f->child.pid <= 0 && fixture_fork(f)) {
		verdict(f, property, false, "%s", f->why);
		return 0;
	}
	*sees = fixture_child_sees(f);
	cmd.target_type = PINSCOPE_TARGET_PID;
	cmd.target_nr = f->child.pid;
	ret = pinscope_pin_cmd(f->fd, &cmd);
	verdict(f, property, !ret, "pin of the child's page: expected success, found %s",
		pinscope_errno(ret));
	return ret ? 0 : cmd.id;
}

/* The memory of the child is gone. */
static void check_survives(struct fixture *f, enum property property, uint32_t id, int sees)
{
	struct pinscope_page *pages = NULL;
	char byte = 0;
	size_t nr = 0;
	int ret = pinscope_read(f->fd, id, 0, &byte, 1);

	verdict(f, property, !ret && byte == (char)sees,
		"the child had 0x%x, and the pinned page has 0x%x (%s)", sees, byte,
		ret ? pinscope_errno(ret) : "success");
	ret = pinscope_inspect(f->fd, pinscope_pinned(id), 0, sys_page_size(), &pages, &nr);
	verdict(f, property, !ret && nr == 1 && !pages->mapcount,
		"expected that nobody maps the pinned page, found %d (%s)",
		nr ? (int)pages->mapcount : -1, ret ? pinscope_errno(ret) : "success");
	free(pages);
}

/* A page of the child, which mm has for this pin alone when the child's memory is gone. */
static void check_exec(struct fixture *f)
{
	int sees, status;
	uint32_t id;

	if (!applies(f, PROP_EXEC_AFTER))
		return;
	id = pin_child(f, PROP_EXEC_AFTER, &sees);
	if (f->child.pid <= 0)
		return;
	status = fixture_child_execs(f);
	verdict(f, PROP_EXEC_AFTER, !status, "execve() in the child: found status 0x%x", status);
	if (!id)
		return;
	check_survives(f, PROP_EXEC_AFTER, id, sees);
	pinscope_unpin(f->fd, id);
}

/* Here the child's child has what fork made of the pinned page. */
static void check_exit(struct fixture *f)
{
	uint32_t id;
	int sees, copy;

	if (!applies(f, PROP_EXIT_AFTER))
		return;
	id = pin_child(f, PROP_EXIT_AFTER, &sees);
	if (!id)
		return;
	copy = fixture_child_forks(f);
	verdict(f, PROP_EXIT_AFTER, copy == sees,
		"the child had 0x%x, and its child sees 0x%x", sees, copy);
	check_survives(f, PROP_EXIT_AFTER, id, sees);
	fixture_child_writes(f, 'e');
	check_survives(f, PROP_EXIT_AFTER, id, sees);
	pinscope_unpin(f->fd, id);
	fixture_join(f);
}

static void check_file_unchanged(struct fixture *f)
{
	char byte = 0;

	if (!applies(f, PROP_FILE_UNCHANGED))
		return;
	verdict(f, PROP_FILE_UNCHANGED, pread(f->m.fd, &byte, 1, 0) == 1 && byte == 'f',
		"expected 0x%x in the file, found 0x%x: a write to the private mapping reached it",
		'f', byte);
}

/* A counter that a fault left wrong stays wrong. */
static void check_rss(struct fixture *f)
{
	char why[REASON_MAX];
	int ret;

	if (!applies(f, PROP_RSS))
		return;
	ret = rss_check(f->fd, getpid(), why, sizeof(why));
	if (ret == -ENOENT)
		set_verdict(f, PROP_RSS, VERDICT_SKIP, why);
	else
		verdict(f, PROP_RSS, !ret, "%s", why);
}

static bool is_shared(const struct fixture *f)
{
	return f->scenario.kind->traits & KIND_SHARED;
}

/* The process has no longer what the pin holds: neither sees what the other does. */
static void check_taken(struct fixture *f, enum property property, char byte)
{
	verdict(f, property, process_sees(f) != byte,
		"the process had 0x%x, and still sees it", byte);
	fixture_process_writes(f, byte + 1);
	/* Of others' pins nobody knows while a condition has pinned the page as well. */
	verdict(f, property, (f->other && !pinner_of(f)->is_mapped) || !pin_is_mapped(f),
		"expected that the process has another page than the pin");
	verdict(f, property, pinner_sees_byte(f, byte),
		"the process wrote 0x%x to its new page, and the pinned page changed from 0x%x to 0x%x",
		byte + 1, byte, pinner_sees(f));
}

/*
 * What mm does to the memory meanwhile must leave the pinned page with the process. Returns whether
 * the pin has its page still, or had it not before.
 */
static bool check_events(struct fixture *f, bool before_fork)
{
	bool writes = !in(f, COND_WRITE_BLOCKS), had = pin_is_mapped(f), lost = false;
	const struct event *event;
	enum verdict happened;
	char byte = 'A';

	for (event = events; event < events + nr_events; event++, byte++) {
		if (!(event->traits & EVENT_BEFORE_FORK) == before_fork ||
		    !applies(f, event->property))
			continue;
		/* Of a pin that has lost its page by an event nothing more can be asked. */
		if (lost)
			break;
		if (writes)
			fixture_process_writes(f, byte);
		else
			byte = process_sees(f);
		happened = event->happen(f);
		if (happened != VERDICT_PASS) {
			set_verdict(f, event->property, happened, f->why);
			continue;
		}
		if (event->traits & (is_shared(f) ? EVENT_TAKES_SHARED : EVENT_TAKES_PRIVATE)) {
			check_taken(f, event->property, byte);
			continue;
		}
		verdict(f, event->property, process_sees(f) == byte,
			"the process had 0x%x, and now sees 0x%x", byte, process_sees(f));
		if (writes)
			fixture_process_writes(f, byte + 1);
		lost = !pin_is_mapped(f);
		verdict(f, event->property, !lost && pinner_sees_byte(f, process_sees(f)),
			"%s, and now has another page than the pin",
			writes ? "the process wrote" : "the process read");
	}
	return !(had && lost);
}

/*
 * The pinner writes to a clean page, and releases it as dirty: only the release tells of that. A
 * file is clean after writeback, and anonymous memory when MADV_FREE has given it up: what is
 * clean then, reclaim drops. Page cache that somebody maps stays.
 */
static void check_written_back(struct fixture *f)
{
	bool anon = !(f->scenario.kind->traits & KIND_WRITE_NOTIFY);
	size_t page = sys_page_size();
	unsigned char resident;
	char byte = 'D';
	uint32_t id;
	int ret;

	if (!applies(f, PROP_WRITTEN_BACK))
		return;
	fixture_process_writes(f, 'C');
	ret = pinscope_pin(f->fd, f->scenario.request->call, f->scenario.request->gup_flags,
			   f->addr, page, &id);
	verdict(f, PROP_WRITTEN_BACK, !ret, "expected a second pin, found %s",
		pinscope_errno(ret));
	if (ret)
		return;
	if (anon)
		madvise(f->addr, f->len, MADV_FREE);
	else
		fsync(f->m.fd);
	ret = pinscope_write(f->fd, id, 0, &byte, 1);
	if (!ret)
		ret = pinscope_unpin_part(f->fd, id, 0, 0, PINSCOPE_UNPIN_DIRTY, NULL);
	verdict(f, PROP_WRITTEN_BACK, !ret, "expected a write and a release, found %s",
		pinscope_errno(ret));
	if (ret)
		return;
	if (anon) {
		madvise(f->addr, f->len, MADV_PAGEOUT);
	} else {
		fsync(f->m.fd);
		madvise(f->addr, f->len, MADV_DONTNEED);
		posix_fadvise(f->m.fd, 0, 0, POSIX_FADV_DONTNEED);
		if (mincore(f->addr, page, &resident) || resident & 1) {
			set_verdict(f, PROP_WRITTEN_BACK, VERDICT_SKIP,
				    "the page stays in the page cache: try again with --jobs 1");
			return;
		}
	}
	verdict(f, PROP_WRITTEN_BACK, process_sees(f) == byte,
		"the pinner wrote 0x%x, and the %s has 0x%x", byte, anon ? "process" : "file",
		process_sees(f));
}

/* -------------------------------------------------------------- many pages */

static bool pin_of_many_is_mapped(struct fixture *f, uint32_t id, char *addr)
{
	struct pinscope_compare cmp = {};

	return !pinscope_compare(f->fd, id, pinscope_self(), pinscope_addr(addr), &cmp) &&
	       cmp.same == cmp.pages;
}

/* The process writes to the first, the middle and the last page; the pin must see it. */
static void write_to_many(struct fixture *f, uint32_t id, char *addr, size_t pages)
{
	const size_t at[] = { 0, pages / 2, pages - 1 };
	size_t page = sys_page_size(), i;
	char byte, seen;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		byte = 'a' + i;
		seen = 0;
		*(volatile char *)(addr + at[i] * page) = byte;
		pinscope_read(f->fd, id, at[i] * page, &seen, 1);
		verdict(f, PROP_MANY_PAGES, seen == byte,
			"page %zu of %zu: the process wrote 0x%x, the pinned page has 0x%x",
			at[i], pages, byte, seen);
	}
}

static void check_hole(struct fixture *f, char *addr, size_t pages, size_t hole)
{
	size_t page = sys_page_size();
	struct pinscope_pin cmd = {
		.call = f->scenario.request->call, .gup_flags = f->scenario.request->gup_flags,
		.addr = pinscope_addr(addr), .len = pages * page,
	};
	int ret;

	/* What is left of hugetlb would need a whole page. */
	if (f->scenario.kind->hugetlb_shift || munmap(addr + hole * page, page))
		return;
	ret = pinscope_pin_cmd(f->fd, &cmd);
	verdict(f, PROP_MANY_PAGES, ret == -EFAULT,
		"page %zu of %zu is not mapped: expected EFAULT, found %s", hole, pages,
		ret ? pinscope_errno(ret) : "success");
	if (!ret)
		pinscope_unpin(f->fd, cmd.id);
	cmd.flags = PINSCOPE_PIN_PARTIAL;
	ret = pinscope_pin_cmd(f->fd, &cmd);
	verdict(f, PROP_MANY_PAGES, !ret && cmd.pages == hole &&
		pin_of_many_is_mapped(f, cmd.id, addr),
		"page %zu of %zu is not mapped: expected a pin of those before it, found %s and %llu pages",
		hole, pages, ret ? pinscope_errno(ret) : "success",
		ret ? 0ULL : (unsigned long long)cmd.pages);
	if (!ret)
		pinscope_unpin(f->fd, cmd.id);
}

/* Last, since it leaves a hole in the memory. */
static void check_many_pages(struct fixture *f)
{
	const struct request *request = f->scenario.request;
	size_t page = sys_page_size(), pages = f->len / page;
	char *addr = f->addr + page;
	uint32_t id;
	int ret;

	/* All but the first and the last; and the one in the middle has a VMA of its own. */
	if (!applies(f, PROP_MANY_PAGES) || pages < 6)
		return;
	pages -= 2;
	if (!f->scenario.kind->hugetlb_shift)
		madvise(addr + pages / 2 * page, page, MADV_DONTDUMP);
	ret = pinscope_pin(f->fd, request->call, request->gup_flags, addr, pages * page, &id);
	verdict(f, PROP_MANY_PAGES, !ret, "expected success for %zu pages, found %s", pages,
		pinscope_errno(ret));
	if (ret)
		return;
	verdict(f, PROP_MANY_PAGES, pin_of_many_is_mapped(f, id, addr),
		"a pinned page is not the page that the process has mapped");
	write_to_many(f, id, addr, pages);
	verdict(f, PROP_MANY_PAGES, pin_of_many_is_mapped(f, id, addr),
		"the process wrote, and now has another page than the pin");
	pinscope_unpin(f->fd, id);
	check_hole(f, addr, pages, pages / 2 + 1);
}

/* --------------------------------------------------------------- predicted */

/* Only of pinners whose call of GUP is all that they do. */
static bool can_predict(const struct fixture *f)
{
	return pinner_of(f) == &by_module || pinner_of(f) == &by_io_uring ||
	       pinner_of(f) == &by_vmsplice;
}

/* Asks before the pin, as a stranger would: by the process id. */
static struct prediction ask_prediction(struct fixture *f)
{
	const struct pin_request request = {
		.call = f->scenario.request->call,
		.gup_flags = f->scenario.request->gup_flags,
		.io_uring = pinner_of(f) == &by_io_uring,
	};
	struct prediction prediction = {};
	struct pin_facts facts;
	struct process self;
	int ret;

	if (!can_predict(f))
		return prediction;
	ret = process_open(&self, getpid());
	if (!ret)
		ret = facts_gather(&facts, &self, f->fd, pinscope_addr(f->addr));
	/* Before 6.5 io_uring refused files, after it had pinned their pages. */
	if (ret)
		verdict(f, PROP_PREDICTED, false, "expected facts, found: %s", self.why);
	else if (!request.io_uring || facts.release >= KERNEL(6, 5))
		prediction = predict(&facts, &request);
	process_close(&self);
	/* If it does not return, that is what was predicted. */
	if (prediction.fates & FATE_HANGS)
		verdict(f, PROP_PREDICTED, true, "it hangs");
	return prediction;
}

/* One that leaves two outcomes open passes with a remark, so that they can be counted. */
static void verdict_open(struct fixture *f, const struct prediction *prediction)
{
	char text[REASON_MAX] = "left open: ";
	size_t len = strlen(text);

	prediction_text(prediction, text + len, sizeof(text) - len);
	set_verdict(f, PROP_PREDICTED, VERDICT_PASS, text);
}

static void check_predicted(struct fixture *f, const struct prediction *prediction,
			    const struct pinscope_page *after, int ret)
{
	char text[REASON_MAX];
	const char *mismatch;

	if (!prediction->check)
		return;
	mismatch = prediction_mismatch(prediction, &f->record->seen.before, after, ret, text,
				       sizeof(text));
	/* NUMA balancing and compaction may move a page that stays at any time. */
	if (!ret && ((f->scenario.kind->traits & KIND_NUMA_HINT) ||
		     (f->record->seen.before.state & after->state & S(ZONE_MOVABLE))) &&
	    (prediction->fates & (FATE_STAYS | FATE_EXCLUSIVE)) &&
	    after->pfn != f->record->seen.before.pfn)
		mismatch = NULL;
	if (mismatch)
		set_verdict(f, PROP_PREDICTED, VERDICT_FAIL, mismatch);
	else if (prediction->fates & (prediction->fates - 1))
		verdict_open(f, prediction);
	else
		verdict(f, PROP_PREDICTED, true, "it came true");
}

/* --------------------------------------------------------------- the whole */

static void check_refused(struct fixture *f, int ret)
{
	int want = rules_errno(&f->scenario);

	verdict(f, PROP_ERRNO, ret == want || (ret == -EEXIST && want == -EFAULT),
		"expected %s, found %s", pinscope_errno(want),
		ret ? pinscope_errno(ret) : "success");
	if (!ret)
		pinner_of(f)->unpin(f);
}

/* While the call's pin or reference is held. Others may have pinned the zeropages. */
static void check_counts(struct fixture *f, const struct pinscope_page *after)
{
	const struct pinscope_page *before = &f->record->seen.before;
	int had = after->pfn == before->pfn ? before->pincount : 0;

	if (pinner_of(f)->traits & PINNER_SHORT || !(after->state & S(HAS_FOLIO)) ||
	    after->state & (S(ZEROPAGE) | S(HUGE_ZEROPAGE)))
		return;
	if (rules_takes_pins(&f->scenario))
		verdict(f, PROP_COUNTS, after->pincount > 0,
			"expected a pin, found a pincount of %d", after->pincount);
	else
		verdict(f, PROP_COUNTS, after->pincount == had,
			"expected a reference and a pincount of %d as before, found %d", had,
			after->pincount);
}

/* Releases the pin, and returns what is mapped when nothing pins it any more. */
static struct pinscope_page release(struct fixture *f, int *ret)
{
	struct pinscope_page page;
	int ms;

	*ret = pinner_of(f)->unpin(f);
	page = fixture_page(f);
	/* io_uring releases when its last request is done. */
	for (ms = 0; pinner_of(f) != &by_module && !f->other && page.pincount &&
	     ms < RELEASE_MS; ms++) {
		sys_sleep_ms(1);
		page = fixture_page(f);
	}
	return page;
}

/*
 * How many references the shared zeropage has, which the entries that map it do not say: by
 * one more. -1: none can be taken, as of a page with too few.
 */
static int zeropage_references(struct fixture *f)
{
	void *addr = mmap(NULL, sys_page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pinscope_page *pages = NULL;
	int references = -1;
	size_t nr = 0;
	uint32_t id;

	if (addr == MAP_FAILED)
		return -1;
	if (!pinscope_pin(f->fd, PINSCOPE_CALL_GET_FAST, 0, addr, sys_page_size(), &id)) {
		pinscope_inspect(f->fd, pinscope_pinned(id), 0, sys_page_size(), &pages, &nr);
		references = nr ? pages->refcount : -1;
		pinscope_unpin(f->fd, id);
	}
	munmap(addr, sys_page_size());
	free(pages);
	return references;
}

/*
 * Pins of the shared zeropage are not counted, so that their release must not be, either.
 * Others have references to it at any time, but no bias of a pin.
 */
static void check_zeropage_released(struct fixture *f, int before)
{
	int now;

	if (before < 0)
		return;
	now = zeropage_references(f);
	verdict(f, PROP_COUNTS, now >= 0 && abs(before - now) < PIN_BIAS / 2,
		"expected the zeropage's references as before, %d, found %d after the release",
		before, now);
}

static void check_released(struct fixture *f)
{
	int ret;
	struct pinscope_page page = release(f, &ret);

	/* Other processes map the huge zeropage, too, and may have pinned it. */
	verdict(f, PROP_COUNTS, !ret && (f->other || !page.pincount ||
					 (page.state & S(HUGE_ZEROPAGE))),
		"expected no pin after release (%s), found %d",
		ret ? pinscope_errno(ret) : "success", page.pincount);
	check_sound(f, &page);
}

static void check_migrates(struct fixture *f)
{
	const char *why;
	char byte;

	if (!applies(f, PROP_MIGRATES))
		return;
	byte = process_sees(f);
	why = node_move(f);
	if (why) {
		set_verdict(f, PROP_MIGRATES, f->kernel_fault ? VERDICT_FAIL : VERDICT_SKIP, why);
		return;
	}
	verdict(f, PROP_MIGRATES, process_sees(f) == byte,
		"the process had 0x%x before the move, and sees 0x%x", byte, process_sees(f));
}

/*
 * The page is clean when the pinner pins it. Reclaim then drops it, with or without swap, unless
 * the release, or the pin, has made it dirty.
 */
static void check_release_dirty(struct fixture *f)
{
	bool shmem = f->scenario.kind->traits & KIND_SHARED;
	char byte = 'K';
	int ret, i;

	if (!applies(f, PROP_RELEASE_DIRTY))
		return;
	/* It may have the pinner's files open, and the page mapped. */
	fixture_join(f);
	if (!shmem)
		fixture_process_writes(f, 'C');
	madvise(f->addr, f->len, shmem ? MADV_REMOVE : MADV_FREE);
	process_sees(f);
	ret = pinner_pin(f);
	verdict(f, PROP_RELEASE_DIRTY, !ret, "expected another pin, found %s",
		ret == -ENODEV ? f->why : pinscope_errno(ret));
	if (ret)
		return;
	pinner_of(f)->put(f, byte);
	verdict(f, PROP_RELEASE_DIRTY, process_sees(f) == byte,
		"the pinner wrote 0x%x, and the process sees 0x%x", byte, process_sees(f));
	release(f, &ret);
	verdict(f, PROP_RELEASE_DIRTY, !ret, "release: %s", pinscope_errno(ret));
	/* At first it may be on its way to the LRU lists. */
	for (i = 0; i < PAGEOUT_TRIES; i++)
		madvise(f->addr, f->len, MADV_PAGEOUT);
	verdict(f, PROP_RELEASE_DIRTY, process_sees(f) == byte,
		"the pinner wrote 0x%x and released, and the process sees 0x%x", byte,
		process_sees(f));
}

static void check_as_declared(struct fixture *f, const struct seen_call *found)
{
	const struct request *request = f->scenario.request;
	char want[NAMES_MAX], flags[NAMES_MAX];

	/* memfd_pin_folios() takes no flags: the row says what it comes to. */
	verdict(f, PROP_AS_DECLARED, found->call == request->call &&
		((found->gup_flags == request->gup_flags && !found->unknown) ||
		 request->call == PINSCOPE_CALL_PIN_MEMFD),
		"expected %s with %s, found %s with %s and 0x%x",
		pinscope_name(pinscope_call_names, request->call),
		pinscope_names(pinscope_gup_flags_names, request->gup_flags, want,
			       sizeof(want)),
		pinscope_name(pinscope_call_names, found->call),
		pinscope_names(pinscope_gup_flags_names, found->gup_flags, flags,
			       sizeof(flags)), found->unknown);
}

/* Pins, and compares what GUP is passed with what the row of the request says. */
static int pin_watched(struct fixture *f)
{
	struct seen_call found;
	const char *why;
	bool seen;
	int ret;

	if (!seen_is_wanted() || !applies(f, PROP_AS_DECLARED))
		return pinner_pin(f);
	why = seen_start();
	if (why)
		set_verdict(f, PROP_AS_DECLARED, VERDICT_SKIP, why);
	ret = pinner_pin(f);
	if (why)
		return ret;
	seen = seen_stop(f, &found);
	/* What fails may have failed before. */
	if (!ret && seen)
		check_as_declared(f, &found);
	else if (!ret)
		verdict(f, PROP_AS_DECLARED, false,
			"expected a call of %s for the page, found none of GUP in this process",
			pinscope_name(pinscope_call_names, f->scenario.request->call));
	return ret;
}

static void pin_and_compare(struct fixture *f)
{
	const struct kind *kind = f->scenario.kind;
	struct observation *seen = &f->record->seen;
	struct prediction prediction;
	struct pinscope_page after;
	char content = f->content;
	enum outcome outcome;
	int references = -1, ret;
	bool keeps;

	seen->before = fixture_page(f);
	if (seen->before.state & S(ZEROPAGE) && running_kernel() >= KERNEL(6, 5))
		references = zeropage_references(f);
	outcome = rules_outcome(&f->scenario, &seen->before, sys_page_shift());
	/* An access would change the entry that the call is to meet. */
	if (!(kind->traits & (KIND_VMA_REFUSED | KIND_NOT_PRESENT | KIND_NUMA_HINT)) &&
	    !in(f, COND_UFFD_RWP | COND_NO_ACCESS | COND_SWAPPED))
		content = process_sees(f);
	prediction = ask_prediction(f);
	ret = pin_watched(f);
	if (ret == -ENODEV) {
		set_verdict(f, PROP_SETUP, VERDICT_SKIP, f->why);
		return;
	}
	seen->error = -ret;
	after = fixture_page(f);
	check_predicted(f, &prediction, &after, ret);
	check_sound(f, &after);
	if (outcome == OUTCOME_REFUSED) {
		check_refused(f, ret);
		return;
	}
	verdict(f, PROP_ERRNO, !ret, "expected success, found %s", pinscope_errno(ret));
	if (ret)
		return;
	check_entry(f, outcome, &after);
	/* From here on the process looks at its memory. */
	if (in(f, COND_NO_ACCESS))
		mprotect(f->addr, f->len, PROT_READ);
	verdict(f, PROP_CONTENT, process_sees(f) == content,
		"the process had 0x%x before the call, and sees 0x%x", content,
		process_sees(f));
	check_counts(f, &after);
	check_both_sides(f, content);
	keeps = check_events(f, true);
	if (keeps) {
		check_fork_after(f);
		check_child_untracked(f);
		check_no_leak(f);
		check_exec(f);
		check_exit(f);
	}
	check_file_unchanged(f);
	check_rss(f);
	if (keeps)
		check_events(f, false);
	check_released(f);
	check_zeropage_released(f, references);
	check_migrates(f);
	check_written_back(f);
	check_release_dirty(f);
	check_many_pages(f);
}

void scenario_run(const struct scenario *scenario, int fd,
		  struct outcome_record *record)
{
	const struct condition *condition = scenario->condition;
	struct fixture f;

	fixture_begin(&f, scenario, fd);
	f.record = record;
	if (fixture_make(&f) || (condition->enter && condition->enter(&f))) {
		set_verdict(&f, PROP_SETUP,
			    f.kernel_fault ? VERDICT_FAIL : VERDICT_SKIP, f.why);
	} else {
		set_verdict(&f, PROP_SETUP, VERDICT_PASS, "");
		record->made = sys_now_ms();
		pin_and_compare(&f);
	}
	fixture_end(&f);
}

void scenario_look(const struct scenario *scenario, int fd, struct look *look)
{
	struct fixture f;
	int ret;

	*look = (struct look) { .seen = -1 };
	fixture_begin(&f, scenario, fd);
	ret = fixture_make(&f) ? -ENODEV : pinner_pin(&f);
	look->made = ret != -ENODEV;
	if (!look->made) {
		snprintf(look->why, sizeof(look->why), "%s", f.why);
	} else if (ret) {
		look->error = -ret;
		snprintf(look->why, sizeof(look->why), "%s", pinscope_errno(ret));
	} else {
		fixture_process_writes(&f, 'w');
		look->seen = pinner_sees(&f);
		look->stale = look->seen >= 0 && look->seen != 'w';
		if (look->stale)
			snprintf(look->why, sizeof(look->why),
				 "the process wrote 0x%x, the pinned page has 0x%x", 'w',
				 look->seen);
		if (fd >= 0 && !look->stale && !pin_is_mapped(&f)) {
			look->stale = true;
			snprintf(look->why, sizeof(look->why),
				 "the process wrote, and now has another page than the pin");
		}
		pinner_of(&f)->unpin(&f);
	}
	fixture_end(&f);
}
