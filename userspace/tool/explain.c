// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pins of a range would do, see explain.h.
 */
#include <errno.h>
#include <string.h>

#include "explain.h"

/* A walk that is under way. */
struct explainer {
	struct live *live;
	struct range range;
	struct pin_facts facts;
	struct answer_to *answers;
	size_t nr;
	uint64_t at;		/* everything below it is done */
};

static bool same_reason(const struct prediction *a, const struct prediction *b)
{
	return a->check == b->check && a->then == b->then && a->fates == b->fates &&
	       a->effects == b->effects;
}

static void add_group(struct answer_to *answer, const struct prediction *p,
		      const struct explainer *e, uint64_t pages)
{
	const struct pinscope_page *page = e->facts.page.pages ? &e->facts.page : NULL;
	struct group *g;
	size_t i;

	for (i = 0; i < answer->nr; i++)
		if (same_reason(&answer->groups[i].prediction, p))
			break;
	/* There are fewer reasons than groups; what a range may have is not known. */
	if (i == MAX_GROUPS)
		i--;
	g = &answer->groups[i];
	if (i == answer->nr) {
		answer->nr++;
		*g = (struct group) { .prediction = *p, .addr = e->facts.addr };
		if (e->facts.is_mapped && page)
			kind_of_page(&e->facts.vma, page, g->kind);
		else if (e->facts.is_mapped)
			kind_of_vma(&e->facts.vma, g->kind);
		else
			snprintf(g->kind, sizeof(g->kind), "nothing mapped");
	}
	g->pages += pages;
	/* GUP ends with the first page that it cannot have. */
	if (answer->bad < 0 && !prediction_works(p))
		answer->bad = i;
	if (answer->bad < 0)
		answer->pages += pages;
}

/* All of @pages are like the one that the facts are about. */
static void add_pages(struct explainer *e, uint64_t pages)
{
	struct prediction p;
	size_t i;

	for (i = 0; i < e->nr; i++) {
		p = predict(&e->facts, &e->answers[i].request);
		add_group(&e->answers[i], &p, e, pages);
	}
	e->at += pages << e->facts.page_shift;
}

/* Nothing is mapped up to @end. */
static void add_unmapped(struct explainer *e, uint64_t end, bool stack_above)
{
	if (end > e->range.addr + e->range.len)
		end = e->range.addr + e->range.len;
	if (e->at >= end)
		return;
	e->facts.is_mapped = false;
	e->facts.stack_below = stack_above;
	e->facts.vma = (struct vma) {};
	facts_set_page(&e->facts, &e->live->process, e->at, NULL);
	add_pages(e, (end - e->at) >> e->facts.page_shift);
}

/* There are no entries up to @end, in the VMA of the facts. */
static void add_hole(struct explainer *e, uint64_t end)
{
	const struct vma *vma = &e->facts.vma;
	uint64_t eof = vma->end;

	if (end > vma->end)
		end = vma->end;
	if (end > e->range.addr + e->range.len)
		end = e->range.addr + e->range.len;
	/* What is beyond the end of the file has a reason of its own. */
	if (vma->file_size < vma->offset + (vma->end - vma->start))
		eof = vma->file_size < vma->offset ? vma->start :
		      vma->start + ((vma->file_size - vma->offset + sys_page_size() - 1) &
				    -sys_page_size());
	while (e->at < end) {
		uint64_t to = e->at < eof && eof < end ? eof : end;

		facts_set_page(&e->facts, &e->live->process, e->at, NULL);
		add_pages(e, (to - e->at) >> e->facts.page_shift);
	}
}

static int explain_vma(void *arg, const struct vma *vma)
{
	struct explainer *e = arg;

	if (e->facts.is_mapped)
		add_hole(e, e->facts.vma.end);
	add_unmapped(e, vma->start, vma->flags & VMA_GROWSDOWN);
	facts_set_vma(&e->facts, &e->live->process, vma);
	return 0;
}

static int explain_page(void *arg, const struct vma *vma, const struct pinscope_page *page)
{
	struct explainer *e = arg;

	(void)vma;
	add_hole(e, page->addr);
	facts_set_page(&e->facts, &e->live->process, page->addr, page);
	add_pages(e, page->pages);
	return 0;
}

int explain_range(struct live *l, const struct range *range, struct answer_to *answers,
		  size_t nr)
{
	struct explainer e = {
		.live = l, .range = *range, .answers = answers, .nr = nr, .at = range->addr,
	};
	const struct visitor visitor = { explain_vma, explain_page, &e };
	size_t i;
	int ret;

	for (i = 0; i < nr; i++)
		answers[i].bad = -1;
	ret = facts_begin(&e.facts, &l->process, l->fd);
	if (ret)
		return ret;
	ret = live_walk(l, range, true, &visitor);
	if (ret)
		return ret;
	if (e.facts.is_mapped)
		add_hole(&e, e.facts.vma.end);
	add_unmapped(&e, range->addr + range->len, false);
	return 0;
}

const char *verdict_text(const struct answer_to *answer, char *buf, size_t size)
{
	const struct prediction *p;
	const char *may = "";

	if (answer->bad < 0) {
		snprintf(buf, size, "works");
		return buf;
	}
	p = &answer->groups[answer->bad].prediction;
	if (p->fates & ~(unsigned int)(FATE_REFUSED | FATE_HANGS | FATE_WAITS))
		may = "may work, or ";
	if (p->fates & FATE_REFUSED)
		snprintf(buf, size, "%s%s with %s", may, *may ? "fail" : "fails",
			 pinscope_errno(p->error));
	else if (p->fates & FATE_HANGS)
		snprintf(buf, size, "%s%s", may, *may ? "hang" : "hangs");
	else
		snprintf(buf, size, "%s%s for a userfaultfd handler", may,
			 *may ? "wait" : "waits");
	return buf;
}
