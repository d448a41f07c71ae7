// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model of exercise, see exercise.h: what each page must have in it, what each pin
 * promises, and whether the kernel agrees. The promises are those of rules.c: a pin of an
 * anonymous page, a pin for writing and a long-term pin hold the page that the process
 * goes on to see; other pins of what a private mapping shares promise nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exercise.h"
#include "sys.h"

#define S(name)		PINSCOPE_STATE_##name

/* States of entries of which the page is the process's own, wherever it is. */
#define OF_PROCESS	(S(ANON) | S(SWAP) | S(DEVICE_PRIVATE) | S(DEVICE_EXCLUSIVE))

/* Pages of a pin that are read after each step; a check of all reads the others. */
enum { FEW_PAGES = 4 };

void world_fails(struct ex_world *w, const char *format, ...)
{
	va_list args;

	if (*w->why)
		return;
	va_start(args, format);
	vsnprintf(w->why, sizeof(w->why), format, args);
	va_end(args);
}

/* -------------------------------------------------------------- the model */

char *model_addr(const struct ex_world *w, unsigned int process, unsigned int region,
		 unsigned int page)
{
	const struct ex_region *r = &w->regions[region];

	return r->at[w->processes[process].pages[region][page].moved] + page * r->page;
}

const struct ex_content *model_view(const struct ex_world *w, unsigned int process,
				    unsigned int region, unsigned int page)
{
	const struct ex_page *p = &w->processes[process].pages[region][page];

	return p->own ? &p->content : &w->regions[region].file[page];
}

void model_own(struct ex_world *w, unsigned int process, unsigned int region,
	       unsigned int page, unsigned int nr)
{
	struct ex_page *p;

	for (; nr; page++, nr--) {
		p = &w->processes[process].pages[region][page];
		if (!w->regions[region].shared && !p->own) {
			p->content = w->regions[region].file[page];
			/* That was of the page before. */
			if (p->soft == EX_SOFT_DIRTY)
				p->soft = EX_SOFT_UNSURE;
		}
		p->own = !w->regions[region].shared;
	}
}

bool model_is_own(const struct ex_world *w, unsigned int process, unsigned int region,
		  unsigned int page)
{
	static const struct ex_content zeroes;
	const struct ex_region *r = &w->regions[region];
	const struct ex_page *p = &w->processes[process].pages[region][page];

	/* Since Linux 6.12 a THP that is split leaves zeropages where it has zeroes. */
	return p->own && !p->given_up && !p->maybe &&
	       (r->fd >= 0 || memcmp(&p->content, &zeroes, sizeof(zeroes)));
}

void model_write(struct ex_world *w, unsigned int process, unsigned int region,
		 unsigned int page, unsigned int word, uint32_t value)
{
	struct ex_page *p = &w->processes[process].pages[region][page];
	const struct ex_pipe *pipe = &w->processes[process].pipe;
	struct ex_content *content;
	unsigned int i;

	model_own(w, process, region, page, 1);
	content = (struct ex_content *)model_view(w, process, region, page);
	for (i = 0; i < EX_WORDS; i++)
		if (word == EX_WORDS || word == i) {
			content->word[i] = value;
			p->maybe &= ~(1U << i);
		}
	p->given_up = false;
	if (pipe->region == region && pipe->page == page &&
	    (word == EX_WORDS || word == pipe->word))
		model_pipe_gets(w, process, value);
}

/* While the pin is held mm does not drop it, and the release makes it dirty. */
static bool is_held_for_writing(const struct ex_world *w, unsigned int process,
				unsigned int region, unsigned int page)
{
	const struct ex_pin *pin;

	for (pin = w->pins; pin < w->pins + EX_PINS; pin++)
		if (pin->used && pin->process == process && pin->region == region &&
		    pin->gup_flags & PINSCOPE_FOLL_WRITE && page >= pin->page &&
		    page < pin->page + pin->nr && pin->held[page - pin->page] == EX_OF_PROCESS)
			return true;
	return false;
}

void model_keep(struct ex_world *w, unsigned int process, unsigned int region,
		unsigned int page, unsigned int nr)
{
	for (; nr; nr--, page++)
		w->processes[process].pages[region][page].given_up = false;
}

void model_give_up(struct ex_world *w, unsigned int process, unsigned int region,
		   unsigned int page, unsigned int nr)
{
	struct ex_page *p = &w->processes[process].pages[region][page];

	for (; nr; nr--, p++, page++) {
		if (is_held_for_writing(w, process, region, page))
			continue;
		p->given_up = true;
		p->maybe = p->own ? (1U << EX_WORDS) - 1 : 0;
		/* The next page that is there may not be this one. */
		p->soft = EX_SOFT_UNSURE;
	}
}

bool model_sees(struct ex_world *w, unsigned int process, unsigned int region,
		unsigned int page, unsigned int word, uint32_t value)
{
	struct ex_page *p = &w->processes[process].pages[region][page];
	bool dropped = !value && p->maybe & 1U << word;

	if (dropped)
		p->content.word[word] = 0;
	/* Nobody drops it any more. */
	if (!p->given_up)
		p->maybe &= ~(1U << word);
	return dropped || value == model_view(w, process, region, page)->word[word];
}

void model_pipe_gets(struct ex_world *w, unsigned int process, uint32_t value)
{
	struct ex_pipe *pipe = &w->processes[process].pipe;

	if (pipe->nr < EX_PIPE_VALUES)
		pipe->value[pipe->nr] = value;
	pipe->nr++;
}

void model_written(struct ex_world *w, unsigned int process, unsigned int region,
		   unsigned int page, unsigned int nr)
{
	struct ex_page *p = &w->processes[process].pages[region][page];

	uffd_written(w, process, region, page, nr);
	for (; nr; nr--, p++) {
		if (p->own && p->soft == EX_SOFT_CLEARED)
			p->soft = EX_SOFT_DIRTY;
		p->exclusive = p->own && w->keeps_exclusive;
	}
}

/* Writable entries of pinned pages stay as they are; and hugetlb has no such bit. */
void model_clear_soft_dirty(struct ex_world *w, unsigned int process)
{
	const struct ex_pin *pin;
	struct ex_page *pages;
	unsigned int region, i;
	bool cleared;

	for (region = 0; region < EX_REGIONS; region++) {
		cleared = !w->regions[region].kind.hugetlb_shift;
		for (pin = w->pins; pin < w->pins + EX_PINS; pin++)
			if (pin->used && pin->process == process && pin->region == region)
				cleared = false;
		pages = w->processes[process].pages[region];
		for (i = 0; i < EX_PAGES; i++)
			pages[i].soft = cleared && pages[i].mapped && !pages[i].device ?
					EX_SOFT_CLEARED : EX_SOFT_UNSURE;
	}
}

void model_new_mapping(struct ex_world *w, unsigned int process)
{
	struct ex_page *p = w->processes[process].pages[0];
	unsigned int i;

	for (i = 0; i < EX_REGIONS * EX_PAGES; i++)
		if (p[i].soft == EX_SOFT_CLEARED)
			p[i].soft = EX_SOFT_UNSURE;
}

void model_let_go(struct ex_world *w, unsigned int process, unsigned int region,
		  unsigned int page, unsigned int nr)
{
	struct ex_pin *pin;
	unsigned int i, at;

	for (pin = w->pins; pin < w->pins + EX_PINS; pin++) {
		if (!pin->used || pin->process != process || pin->region != region)
			continue;
		for (i = 0; i < pin->nr; i++) {
			at = pin->page + i;
			if (pin->held[i] != EX_OF_PROCESS || at < page || at >= page + nr)
				continue;
			if (w->processes[process].pages[region][at].maybe) {
				pin->held[i] = EX_UNKNOWN;
				continue;
			}
			pin->held[i] = EX_ALONE;
			pin->alone[i] = w->last_alone + 1 + at - page;
			pin->content[i] = *model_view(w, process, region, at);
		}
	}
	w->last_alone += nr;
}

void model_write_alone(struct ex_world *w, uint32_t alone, unsigned int word, uint32_t value)
{
	struct ex_pin *pin;
	unsigned int i;

	for (pin = w->pins; pin < w->pins + EX_PINS; pin++)
		for (i = 0; i < pin->nr && pin->used; i++)
			if (pin->held[i] == EX_ALONE && pin->alone[i] == alone)
				pin->content[i].word[word] = value;
	/* A pipe may have that page. */
	for (i = 0; i < EX_PROCESSES; i++)
		model_pipe_gets(w, i, value);
}

const struct ex_content *model_pin_view(const struct ex_world *w, const struct ex_pin *pin,
					unsigned int i)
{
	switch (pin->held[i]) {
	case EX_OF_PROCESS:
		return model_view(w, pin->process, pin->region, pin->page + i);
	case EX_OF_FILE:
		return &w->regions[pin->region].file[pin->page + i];
	case EX_ALONE:
		return &pin->content[i];
	default:
		return NULL;
	}
}

bool model_pin_sees(struct ex_world *w, const struct ex_pin *pin, unsigned int i,
		    unsigned int word, uint32_t value)
{
	const struct ex_content *want = model_pin_view(w, pin, i);

	if (pin->held[i] == EX_OF_PROCESS)
		return model_sees(w, pin->process, pin->region, pin->page + i, word, value);
	return !want || value == want->word[word];
}

bool model_is_referred_to(const struct ex_world *w, unsigned int region)
{
	unsigned int i;

	for (i = 0; i < EX_PINS; i++)
		if (w->pins[i].used && w->pins[i].region == region)
			return true;
	for (i = 0; i < EX_PROCESSES; i++)
		if (w->processes[i].pipe.full && w->processes[i].pipe.region == region)
			return true;
	return false;
}

/* ------------------------------------------------------------ page states */

/* The page of a region that a record begins with, and how many of it follow. */
static unsigned int pages_of(const struct ex_region *region, const char *base,
			     const struct pinscope_page *rec, unsigned int *nr)
{
	uint64_t bytes = rec->pages * sys_page_size();

	*nr = (bytes + region->page - 1) / region->page;
	return (rec->addr - pinscope_addr(base)) / region->page;
}

/* Calls @each for each record of a region, at both of its addresses. */
static void inspect(struct ex_world *w, unsigned int process, unsigned int region,
		    void (*each)(struct ex_world *w, unsigned int process,
				 unsigned int region, const char *base,
				 const struct pinscope_page *rec))
{
	const struct ex_region *r = &w->regions[region];
	struct pinscope_page *recs;
	size_t nr, i;
	int moved, ret;

	for (moved = 0; moved < 2; moved++) {
		ret = pinscope_inspect(w->fd, pinscope_pid(w->processes[process].pid),
				       pinscope_addr(r->at[moved]), r->nr * r->page, &recs,
				       &nr);
		if (ret) {
			world_fails(w, "INSPECT: %s", pinscope_errno(ret));
			return;
		}
		for (i = 0; i < nr && !*w->why; i++)
			each(w, process, region, r->at[moved], &recs[i]);
		free(recs);
	}
}

static unsigned int learn_first, learn_end;

static void learn_record(struct ex_world *w, unsigned int process, unsigned int region,
			 const char *base, const struct pinscope_page *rec)
{
	const struct ex_region *r = &w->regions[region];
	unsigned int nr, page = pages_of(r, base, rec, &nr);

	for (; nr; page++, nr--)
		if (page >= learn_first && page < learn_end && !r->shared &&
		    base == r->at[w->processes[process].pages[region][page].moved] &&
		    (rec->state & OF_PROCESS))
			model_own(w, process, region, page, 1);
}

void model_learn(struct ex_world *w, unsigned int process, unsigned int region,
		 unsigned int page, unsigned int nr)
{
	learn_first = page;
	learn_end = page + nr;
	inspect(w, process, region, learn_record);
}

static void learn_protected_record(struct ex_world *w, unsigned int process,
				   unsigned int region, const char *base,
				   const struct pinscope_page *rec)
{
	const struct ex_region *r = &w->regions[region];
	unsigned int nr, page = pages_of(r, base, rec, &nr);
	struct ex_page *p;

	for (; nr; page++, nr--) {
		p = &w->processes[process].pages[region][page];
		if (page >= learn_first && page < learn_end && base == r->at[p->moved] &&
		    (rec->state & S(UFFD_WP)))
			p->protected = true;
	}
}

void model_learn_protected(struct ex_world *w, unsigned int process, unsigned int region,
			   unsigned int page, unsigned int nr)
{
	learn_first = page;
	learn_end = page + nr;
	inspect(w, process, region, learn_protected_record);
}

static void fail_state(struct ex_world *w, unsigned int process, unsigned int region,
		       unsigned int page, const struct pinscope_page *rec, const char *what)
{
	char names[NAMES_MAX];

	world_fails(w, "process %u, region %u (%s), page %u: %s: %s", process, region,
		    w->regions[region].kind.name, page, what,
		    pinscope_names(pinscope_state_names, rec->state, names, sizeof(names)));
}

static const struct ex_pin *dirty_pin;
static uint64_t dirty_states;
static const char *not_dirty;

static void check_dirty_record(struct ex_world *w, unsigned int process, unsigned int region,
			       const char *base, const struct pinscope_page *rec)
{
	const struct ex_region *r = &w->regions[region];
	unsigned int nr, page = pages_of(r, base, rec, &nr);

	if (!(rec->state & S(PRESENT)) || (rec->state | rec->unknown) & dirty_states)
		return;
	for (; nr; page++, nr--)
		if (page >= learn_first && page < learn_end &&
		    base == r->at[w->processes[process].pages[region][page].moved] &&
		    dirty_pin->held[page - dirty_pin->page] == EX_OF_PROCESS)
			fail_state(w, process, region, page, rec, not_dirty);
}

static void check_dirty(struct ex_world *w, const struct ex_pin *pin, unsigned int page,
			unsigned int nr, uint64_t states, const char *what)
{
	if (!(pin->gup_flags & PINSCOPE_FOLL_WRITE) || !w->processes[pin->process].pid)
		return;
	dirty_pin = pin;
	dirty_states = states;
	not_dirty = what;
	learn_first = page;
	learn_end = page + nr;
	inspect(w, pin->process, pin->region, check_dirty_record);
}

void model_check_released(struct ex_world *w, const struct ex_pin *pin, unsigned int page,
			  unsigned int nr)
{
	check_dirty(w, pin, page, nr, S(FOLIO_DIRTY), "it was released as dirty, and is not");
}

void model_check_touched(struct ex_world *w, const struct ex_pin *pin)
{
	if (!w->regions[pin->region].kind.hugetlb_shift)
		check_dirty(w, pin, pin->page, pin->nr, S(DIRTY) | S(FOLIO_DIRTY),
			    "it was pinned for writing, and neither entry nor page is dirty");
}

/* Only what is registered with a userfaultfd has the bit. */
static void check_protection(struct ex_world *w, unsigned int process, unsigned int region,
			     unsigned int page, const struct pinscope_page *rec)
{
	const struct ex_page *p = &w->processes[process].pages[region][page];

	if ((rec->state & S(UFFD_WP)) && (rec->state & S(WRITABLE)))
		fail_state(w, process, region, page, rec,
			   "userfaultfd protects it, and the entry is writable");
	if (p->protected && !(rec->state & S(UFFD_WP)))
		fail_state(w, process, region, page, rec,
			   "userfaultfd protected it, nobody wrote, and the entry has no userfaultfd-wp");
	if (!p->protected && (rec->state & S(UFFD_WP)))
		fail_state(w, process, region, page, rec,
			   "expected that userfaultfd does not protect it");
}

/* In a mapping without VM_SOFTDIRTY each write finds the bit set, or sets it by a fault. */
static void check_soft_dirty(struct ex_world *w, unsigned int process, unsigned int region,
			     unsigned int page, const struct pinscope_page *rec)
{
	const struct ex_page *p = &w->processes[process].pages[region][page];

	if (p->soft == EX_SOFT_DIRTY && model_is_own(w, process, region, page) &&
	    (rec->state & OF_PROCESS) && !((rec->state | rec->unknown) & S(SOFT_DIRTY)))
		fail_state(w, process, region, page, rec,
			   "it was written to after clear-refs, and is not soft-dirty");
}

static unsigned int guards_seen;

/* What must be true of each entry, whatever has happened. */
static void check_record(struct ex_world *w, unsigned int process, unsigned int region,
			 const char *base, const struct pinscope_page *rec)
{
	const struct ex_region *r = &w->regions[region];
	unsigned int nr, page = pages_of(r, base, rec, &nr);
	const uint64_t zero = S(ZEROPAGE) | S(HUGE_ZEROPAGE);
	const struct ex_page *p;
	uint64_t state = rec->state;

	if ((state & S(WRITABLE)) && (state & zero))
		fail_state(w, process, region, page, rec, "the zeropage is writable");
	if ((state & S(WRITABLE)) && (state & S(ANON)) && !(state & S(EXCLUSIVE)))
		fail_state(w, process, region, page, rec,
			   "an anonymous page that is not exclusive is writable");
	/* Of a large folio all entries are counted together. */
	if ((state & S(PRESENT)) && (state & S(EXCLUSIVE)) && rec->mapcount > 1 &&
	    (!rec->folio_order || state & S(HUGETLB)))
		fail_state(w, process, region, page, rec,
			   "it is exclusive, and has several entries");
	if ((state & S(WRITABLE)) && (state & S(KSM)))
		fail_state(w, process, region, page, rec, "a page of KSM is writable");
	if ((state & S(WRITABLE)) && !(state & OF_PROCESS) && !r->shared)
		fail_state(w, process, region, page, rec,
			   "a private mapping may write to a page that is not its own");
	if ((state & (OF_PROCESS | zero)) && r->shared)
		fail_state(w, process, region, page, rec,
			   "a shared mapping has a page that is not the file's");
	for (; nr; page++, nr--) {
		p = &w->processes[process].pages[region][page];
		guards_seen += !!(state & S(GUARD));
		if (!p->guarded != !(state & S(GUARD)))
			fail_state(w, process, region, page, rec, p->guarded ?
				   "expected a guard" : "expected no guard");
		if (!p->mapped || base != r->at[p->moved])
			fail_state(w, process, region, page, rec,
				   "nothing is mapped here, and yet there is an entry");
		if ((state & S(WRITABLE)) && p->access != EX_WRITE)
			fail_state(w, process, region, page, rec,
				   "the mapping is read-only, the entry is writable");
		if (model_is_own(w, process, region, page) && (state & S(PRESENT)) &&
		    !(state & S(ANON)))
			fail_state(w, process, region, page, rec,
				   "expected a page of the process's own");
		if (p->exclusive && (state & (S(ANON) | S(SWAP))) &&
		    !((state | rec->unknown) & S(EXCLUSIVE)))
			fail_state(w, process, region, page, rec,
				   "nobody else had the page since the process wrote to it, and it is not exclusive");
		check_protection(w, process, region, page, rec);
		check_soft_dirty(w, process, region, page, rec);
	}
}

/* ------------------------------------------------------------------- pins */

static bool is_thorough;

static void fail_pin(struct ex_world *w, const struct ex_pin *pin, unsigned int i,
		     const char *what)
{
	char flags[NAMES_MAX];

	world_fails(w, "pin %u (%s) of process %u, region %u (%s), page %u: %s",
		    (unsigned int)(pin - w->pins),
		    pinscope_names(pinscope_gup_flags_names, pin->gup_flags, flags,
				   sizeof(flags)), pin->process, pin->region,
		    w->regions[pin->region].kind.name, pin->page + i, what);
}

static void check_pin_content(struct ex_world *w, const struct ex_pin *pin, unsigned int i)
{
	const struct ex_region *r = &w->regions[pin->region];
	const struct ex_content *want = model_pin_view(w, pin, i);
	char what[120];
	uint32_t word;
	unsigned int k;
	int ret;

	for (k = 0; want && k < EX_WORDS; k++) {
		ret = pinscope_read(w->fd, pin->id, i * r->page + k * r->page / EX_WORDS,
				    &word, sizeof(word));
		if (!ret && model_pin_sees(w, pin, i, k, word))
			continue;
		if (ret)
			snprintf(what, sizeof(what), "READ: %s", pinscope_errno(ret));
		else
			snprintf(what, sizeof(what),
				 "word %u is %u in the pinned page, expected %u", k, word,
				 want->word[k]);
		fail_pin(w, pin, i, what);
	}
}

static void read_run(struct ex_world *w, const struct ex_step *s, unsigned int act)
{
	const struct ex_region *r = &w->regions[s->region];
	const struct ex_request request = {
		.step = *s, .len = s->nr * r->page,
		.addr = model_addr(w, s->process, s->region, s->page),
	};
	struct ex_answer a;

	world_ask(w, &request, act, &a);
	if (!*w->why && ex_operations[act].effect)
		ex_operations[act].effect(w, s, &request, &a);
}

/* Of COMPARE: a bit for each page of sys_page_size(). */
typedef uint64_t ex_bitmap[EX_PAGES * 512 / 64];

/* Compares the whole pin with what a process maps at one of the addresses of its region. */
static bool compare(struct ex_world *w, const struct ex_pin *pin, unsigned int process,
		    bool moved, ex_bitmap bitmap)
{
	const struct ex_region *r = &w->regions[pin->region];
	struct pinscope_compare c = {
		.bitmap = pinscope_addr(bitmap), .bitmap_size = sizeof(ex_bitmap),
	};
	int ret;

	memset(bitmap, 0, sizeof(ex_bitmap));
	ret = pinscope_compare(w->fd, pin->id, pinscope_pid(w->processes[process].pid),
			       pinscope_addr(r->at[moved]) + pin->page * r->page, &c);
	if (ret)
		fail_pin(w, pin, 0, pinscope_errno(ret));
	return !ret;
}

static bool is_same(const struct ex_world *w, const struct ex_pin *pin, const ex_bitmap bitmap,
		    unsigned int i)
{
	unsigned int bit = i * (w->regions[pin->region].page / sys_page_size());

	return bitmap[bit / 64] >> (bit % 64) & 1;
}

/* mm may have unmapped a page to reclaim it, which its reference forbids: it comes back. */
void model_check_pinned(struct ex_world *w, const struct ex_pin *pin)
{
	const struct ex_page *p = &w->processes[pin->process].pages[pin->region][pin->page];
	unsigned int i, tries;
	ex_bitmap bitmap;

	for (tries = 0; tries < 2; tries++) {
		if (!compare(w, pin, pin->process, p->moved, bitmap))
			return;
		for (i = 0; i < pin->nr && is_same(w, pin, bitmap, i); i++)
			;
		if (i == pin->nr)
			return;
		if (p[i].access && !tries)
			read_run(w, &(struct ex_step) {
				.process = pin->process, .region = pin->region,
				.page = pin->page + i, .nr = 1,
			}, EX_OP_READ);
	}
	fail_pin(w, pin, i, "expected the page that is mapped, found another one");
}

/* The page table of a process other than the pin's must never have its own pages. */
static void compare_pin(struct ex_world *w, const struct ex_pin *pin, unsigned int process,
			bool moved)
{
	const struct ex_page *pages = w->processes[process].pages[pin->region];
	ex_bitmap bitmap;
	unsigned int i;

	if (!compare(w, pin, process, moved, bitmap))
		return;
	for (i = 0; i < pin->nr; i++) {
		const struct ex_page *p = &pages[pin->page + i];
		bool own = pin->held[i] == EX_OF_PROCESS;
		bool same = is_same(w, pin, bitmap, i);

		if (p->moved != moved || !p->mapped)
			continue;
		if (own && process == pin->process && !same)
			fail_pin(w, pin, i, "the process has another page mapped now");
		if (own && process != pin->process && same)
			fail_pin(w, pin, i, "another process has the page mapped, too");
		if (pin->held[i] == EX_ALONE && same)
			fail_pin(w, pin, i, "expected that it is mapped no longer");
		if (pin->held[i] == EX_OF_FILE && is_thorough && p->access && !same)
			fail_pin(w, pin, i, "the mapping has another page of the file now");
	}
}

static void check_pin(struct ex_world *w, const struct ex_pin *pin)
{
	unsigned int i;

	/* What io_uring holds its process alone can read. */
	if (pin->uring)
		return;
	for (i = 0; i < pin->nr && !*w->why; i++)
		if (is_thorough || i < FEW_PAGES || i == pin->nr - 1)
			check_pin_content(w, pin, i);
	for (i = 0; i < EX_PROCESSES && !*w->why; i++)
		if (w->processes[i].pid && (is_thorough || i == pin->process)) {
			compare_pin(w, pin, i, false);
			compare_pin(w, pin, i, true);
		}
}

/* Records of pages that a pin holds: they are exclusive. */
static void check_pinned_record(struct ex_world *w, unsigned int process,
				unsigned int region, const char *base,
				const struct pinscope_page *rec)
{
	const struct ex_region *r = &w->regions[region];
	unsigned int nr, page = pages_of(r, base, rec, &nr);
	const struct ex_pin *pin;

	for (pin = w->pins; pin < w->pins + EX_PINS; pin++) {
		unsigned int i;

		if (!pin->used || pin->process != process || pin->region != region)
			continue;
		for (i = 0; i < pin->nr; i++) {
			if (pin->held[i] != EX_OF_PROCESS || pin->page + i < page ||
			    pin->page + i >= page + nr)
				continue;
			if (!(rec->state & S(EXCLUSIVE)))
				fail_state(w, process, region, pin->page + i, rec,
					   "the pinned page is not an exclusive anonymous page");
			if (pin->gup_flags & PINSCOPE_FOLL_LONGTERM &&
			    !((rec->state | rec->unknown) & S(LONGTERM_PINNABLE)))
				fail_state(w, process, region, pin->page + i, rec,
					   "the page is pinned for long in ZONE_MOVABLE or CMA");
		}
	}
}

/* A guard without an entry has no record, and nobody tries to access it. */
static void check_guards(struct ex_world *w, unsigned int process, unsigned int region)
{
	const struct ex_page *p = w->processes[process].pages[region];
	unsigned int i, want = 0;

	for (i = 0; i < w->regions[region].nr; i++)
		want += p[i].guarded;
	if (guards_seen != want)
		world_fails(w, "process %u, region %u (%s): %u guards, expected %u", process,
			    region, w->regions[region].kind.name, guards_seen, want);
}

void model_look(struct ex_world *w)
{
	unsigned int p, r;

	for (p = 0; p < EX_PROCESSES; p++)
		for (r = 0; r < EX_REGIONS && w->processes[p].pid && !*w->why; r++) {
			if (!w->regions[r].nr)
				continue;
			guards_seen = 0;
			inspect(w, p, r, check_record);
			check_guards(w, p, r);
			inspect(w, p, r, check_pinned_record);
		}
	for (p = 0; p < EX_PINS && !*w->why; p++)
		if (w->pins[p].used)
			check_pin(w, &w->pins[p]);
}

/* -------------------------------------------------------------- check all */

void model_compare_window(struct ex_world *w, const struct ex_step *s)
{
	const struct ex_content *want, *seen;
	unsigned int i, k;

	for (i = 0; i < s->nr; i++) {
		want = model_view(w, s->process, s->region, s->page + i);
		seen = &w->board->window[i];
		for (k = 0; k < EX_WORDS; k++)
			if (!model_sees(w, s->process, s->region, s->page + i, k, seen->word[k]))
				world_fails(w,
					    "process %u, region %u (%s), page %u: the process sees %u in word %u, expected %u",
					    s->process, s->region,
					    w->regions[s->region].kind.name, s->page + i,
					    seen->word[k], k, want->word[k]);
	}
}

/* A process reads all that it may of a region, in runs of pages at one address. */
static void read_region(struct ex_world *w, unsigned int process, unsigned int region)
{
	const struct ex_page *p = w->processes[process].pages[region];
	struct ex_step s = { .process = process, .region = region };
	unsigned int nr = w->regions[region].nr;

	while (s.page < nr && !*w->why) {
		if (!p[s.page].mapped || !p[s.page].access) {
			s.page++;
			continue;
		}
		for (s.nr = 1; s.page + s.nr < nr; s.nr++)
			if (!p[s.page + s.nr].mapped || !p[s.page + s.nr].access ||
			    p[s.page + s.nr].moved != p[s.page].moved)
				break;
		read_run(w, &s, EX_OP_READ);
		s.page += s.nr;
	}
}

/* Entries of small anonymous pages, in all processes: how many of each page there are. */
static struct ex_mapped {
	uint64_t pfn;
	int mapcount;
	unsigned int process, region, page;
} mapped[EX_PROCESSES * EX_REGIONS * EX_PAGES];
static size_t nr_mapped;

/* KSM may have merged pages of others; and of a large folio all pages are counted together. */
static void note_mapped(struct ex_world *w, unsigned int process, unsigned int region,
			const char *base, const struct pinscope_page *rec)
{
	const uint64_t has = S(PRESENT) | S(ANON), hasnt = S(KSM) | S(HUGETLB);
	unsigned int nr, page = pages_of(&w->regions[region], base, rec, &nr), i;

	if ((rec->state & (has | hasnt)) != has || rec->folio_order)
		return;
	for (i = 0; i < nr && nr_mapped < ARRAY_SIZE(mapped); i++)
		mapped[nr_mapped++] = (struct ex_mapped) {
			rec->pfn + i, rec->mapcount, process, region, page + i,
		};
}

static int by_pfn(const void *a, const void *b)
{
	const struct ex_mapped *x = a, *y = b;

	return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

/* An entry whose page has another mapcount than there are entries; NULL: there is none. */
static const struct ex_mapped *find_miscounted(struct ex_world *w, size_t *entries)
{
	unsigned int p, r;
	size_t i;

	nr_mapped = 0;
	for (p = 0; p < EX_PROCESSES; p++)
		for (r = 0; r < EX_REGIONS && w->processes[p].pid; r++)
			if (w->regions[r].nr)
				inspect(w, p, r, note_mapped);
	qsort(mapped, nr_mapped, sizeof(*mapped), by_pfn);
	for (i = 0; i < nr_mapped; i += *entries) {
		for (*entries = 1; i + *entries < nr_mapped; ++*entries)
			if (mapped[i + *entries].pfn != mapped[i].pfn)
				break;
		if (mapped[i].mapcount != (int)*entries)
			return &mapped[i];
	}
	return NULL;
}

/* mm may move a page between two looks. */
static void check_mapcounts(struct ex_world *w)
{
	const struct ex_mapped *m = NULL;
	unsigned int tries;
	size_t entries;

	for (tries = 0; tries < 3; tries++) {
		m = find_miscounted(w, &entries);
		if (!m || *w->why)
			return;
	}
	world_fails(w,
		    "process %u, region %u (%s), page %u: its mapcount is %d, and %zu entries map it",
		    m->process, m->region, w->regions[m->region].kind.name, m->page,
		    m->mapcount, entries);
}

void model_check_all(struct ex_world *w)
{
	struct ex_step s = {};
	unsigned int p;

	for (p = 0; p < EX_PROCESSES; p++) {
		if (!w->processes[p].pid)
			continue;
		s.process = p;
		for (s.region = 0; s.region < EX_REGIONS && !*w->why; s.region++)
			read_region(w, p, s.region);
	}
	for (s.region = 0; s.region < EX_REGIONS && !*w->why; s.region++) {
		s.nr = w->regions[s.region].nr;
		if (s.nr && w->regions[s.region].fd >= 0)
			read_run(w, &s, EX_OP_READ_FILE);
	}
	is_thorough = true;
	if (!*w->why)
		model_look(w);
	is_thorough = false;
	if (!*w->why)
		check_mapcounts(w);
	s = (struct ex_step) {};
	for (; s.process < EX_PROCESSES && !*w->why; s.process++)
		if (w->processes[s.process].pid)
			read_run(w, &s, EX_OP_RSS);
}

/* ------------------------------------------------------------------ print */

static FILE *print_to;

/* What is shown of a page. */
static void model_text(struct ex_world *w, unsigned int process, unsigned int region,
		       unsigned int page, char *buf, size_t size)
{
	const struct ex_content *want = model_view(w, process, region, page);
	const struct ex_page *p = &w->processes[process].pages[region][page];

	snprintf(buf, size, "%s, %s, %u %u %u %u",
		 p->own ? "its own" : w->regions[region].shared ? "shared" : "not its own",
		 p->access == EX_WRITE ? "rw" : p->access ? "r" : "none", want->word[0],
		 want->word[1], want->word[2], want->word[3]);
}

/* The pages of a record are alike in the page table, and may differ in the model. */
static void print_record(struct ex_world *w, unsigned int process, unsigned int region,
			 const char *base, const struct pinscope_page *rec)
{
	unsigned int nr, page = pages_of(&w->regions[region], base, rec, &nr), end = page + nr;
	char names[NAMES_MAX], text[80], next[80];

	for (; page < end; page += nr) {
		model_text(w, process, region, page, text, sizeof(text));
		for (nr = 1; page + nr < end; nr++) {
			model_text(w, process, region, page + nr, next, sizeof(next));
			if (strcmp(next, text))
				break;
		}
		fprintf(print_to, "#   p%u r%u %u+%u: model: %s\n", process, region, page, nr,
			text);
	}
	fprintf(print_to, "#       entry: pfn 0x%llx, mapcount %d, pincount %d, %s\n", rec->pfn,
		rec->mapcount, rec->pincount,
		pinscope_names(pinscope_state_names, rec->state, names, sizeof(names)));
}

void model_print(struct ex_world *w, unsigned int region, FILE *out)
{
	char why[sizeof(w->why)];
	unsigned int p;

	/* Who hangs may have the lock that INSPECT needs. */
	if (w->hung)
		return;
	/* It is shown although something is wrong. */
	memcpy(why, w->why, sizeof(why));
	*w->why = '\0';
	print_to = out;
	for (p = 0; p < EX_PROCESSES; p++)
		if (w->processes[p].pid && w->regions[region].nr)
			inspect(w, p, region, print_record);
	memcpy(w->why, why, sizeof(why));
}
