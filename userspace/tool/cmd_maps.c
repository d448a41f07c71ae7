// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope maps: what each VMA of a process has, and what a long-term pin of it would
 * do.
 */
#include <errno.h>
#include <string.h>

#include "live.h"

#define S(name)	PINSCOPE_STATE_##name

static bool json;

static const struct option_row options[] = {
	OPTION_JSON(&json),
	{}
};

/* What is counted, in pages. A row of items[] each. */
enum item {
	ITEM_RESIDENT, ITEM_EXCLUSIVE, ITEM_SHARED, ITEM_ZEROPAGE, ITEM_CACHE, ITEM_SWAPPED,
	ITEM_THP_PMD, ITEM_THP_PTE, ITEM_HUGETLB, ITEM_PINNED, ITEM_MAYBE_PINNED,
	ITEM_KSM, ITEM_MOVABLE, ITEM_CMA, ITEM_UFFD_WP, ITEM_GUARD,
	ITEMS
};

/* Orders of folios between a base page and a THP. */
enum { ORDERS = 16 };

struct counts {
	uint64_t items[ITEMS];
	uint64_t mthp[ORDERS];
	uint64_t fates[FATES];
};

static bool is_large(const struct pinscope_page *page)
{
	return page->folio_order && !(page->state & S(HUGETLB));
}

static bool is_pmd_order(const struct pinscope_page *page)
{
	static size_t thp;

	if (!thp)
		thp = sys_thp_size() ? sys_thp_size() : SIZE_MAX;
	return sys_page_size() << page->folio_order >= thp;
}

static bool by_pmd(const struct pinscope_page *page)
{
	return page->map_shift > sys_page_shift();
}

/* More entries than the process's own map the folio. */
static bool is_shared(const struct pinscope_page *page)
{
	int own = 1;

	if (!(page->state & S(PRESENT)) || !(page->state & S(HAS_FOLIO)))
		return false;
	if (is_large(page) && !by_pmd(page))
		own = page->pages;
	return page->mapcount > own;
}

static bool is_thp_by_pmd(const struct pinscope_page *page)
{
	return is_large(page) && by_pmd(page);
}

static bool is_thp_by_pte(const struct pinscope_page *page)
{
	return is_large(page) && !by_pmd(page) && is_pmd_order(page);
}

/* The pincount of a large folio is exact. */
static bool is_pinned(const struct pinscope_page *page)
{
	return is_large(page) && page->pincount > 0;
}

static bool is_only_maybe_pinned(const struct pinscope_page *page)
{
	return !is_pinned(page);
}

/* What an item is called, and which pages it has: by page states, and a function. */
static const struct {
	const char *name;	/* as people read it */
	const char *key;	/* in JSON */
	uint64_t all, any, none;
	bool (*also)(const struct pinscope_page *page);
} items[ITEMS] = {
	[ITEM_RESIDENT] = { "resident", "resident", .all = S(PRESENT) },
	[ITEM_EXCLUSIVE] = { "exclusive", "exclusive",
			     .all = S(PRESENT) | S(ANON) | S(EXCLUSIVE) },
	[ITEM_SHARED] = { "shared with others", "shared", .also = is_shared },
	[ITEM_ZEROPAGE] = { "zeropage", "zeropage", .any = S(ZEROPAGE) | S(HUGE_ZEROPAGE) },
	[ITEM_CACHE] = { "page cache", "page_cache", .all = S(PRESENT) | S(HAS_FOLIO),
			 .none = S(ANON) | S(HUGETLB) | S(HUGE_ZEROPAGE) },
	[ITEM_SWAPPED] = { "swapped", "swapped", .all = S(SWAP) },
	[ITEM_THP_PMD] = { "THP by PMD", "thp_by_pmd", .none = S(HUGE_ZEROPAGE),
			   .also = is_thp_by_pmd },
	[ITEM_THP_PTE] = { "THP by PTE", "thp_by_pte", .also = is_thp_by_pte },
	[ITEM_HUGETLB] = { "hugetlb", "hugetlb", .all = S(HUGETLB) },
	[ITEM_PINNED] = { "pinned", "pinned", .also = is_pinned },
	[ITEM_MAYBE_PINNED] = { "maybe pinned", "maybe_pinned", .all = S(MAYBE_PINNED),
				.also = is_only_maybe_pinned },
	[ITEM_KSM] = { "KSM", "ksm", .all = S(KSM) },
	[ITEM_MOVABLE] = { "in ZONE_MOVABLE", "zone_movable", .all = S(ZONE_MOVABLE) },
	[ITEM_CMA] = { "in CMA", "cma", .all = S(CMA) },
	[ITEM_UFFD_WP] = { "uffd-wp", "uffd_wp", .all = S(UFFD_WP) },
	[ITEM_GUARD] = { "guard", "guard", .all = S(GUARD) },
};

static bool item_has(enum item item, const struct pinscope_page *page)
{
	return (page->state & items[item].all) == items[item].all &&
	       (!items[item].any || (page->state & items[item].any)) &&
	       !(page->state & items[item].none) &&
	       (!items[item].also || items[item].also(page));
}

/* Short words for the column of what a pin does; the index is the number of the bit. */
static const char *const fate_words[FATES] = {
	"stays", "stays", "copies", "moves", "swaps in", "makes", "refused", "hangs", "waits",
};

/* ----------------------------------------------------------------- counting */

struct maps {
	struct live live;
	struct pin_facts facts;
	struct pin_request request;
	struct vma vma;
	bool has_vma;
	uint64_t vmas;
	uint64_t covered;	/* pages of the VMA that have a record */
	struct counts counts, totals;
};

static void count_fates(struct maps *m, uint64_t pages)
{
	const struct prediction p = predict(&m->facts, &m->request);
	unsigned int i;

	/* Where it depends, the worst is counted: it is the last. */
	for (i = FATES; i-- > 0;)
		if (p.fates & 1U << i)
			break;
	m->counts.fates[i] += pages;
}

static int count_page(void *arg, const struct vma *vma, const struct pinscope_page *page)
{
	struct maps *m = arg;
	enum item item;

	(void)vma;
	for (item = 0; item < ITEMS; item++)
		if (item_has(item, page))
			m->counts.items[item] += page->pages;
	if (is_large(page) && (page->state & S(ANON)) && !is_pmd_order(page) &&
	    page->folio_order < ORDERS)
		m->counts.mthp[page->folio_order] += page->pages;
	m->covered += page->pages;
	m->facts.addr = page->addr;
	m->facts.page = *page;
	/* By the mapcount: pagemap would have to be read for each folio. */
	m->facts.mapped_by_others = is_shared(page);
	count_fates(m, page->pages);
	return 0;
}

static void count_holes(struct maps *m)
{
	uint64_t pages = (m->vma.end - m->vma.start) >> m->facts.page_shift;

	m->facts.page = (struct pinscope_page) {};
	m->facts.addr = m->vma.start;
	if (pages > m->covered)
		count_fates(m, pages - m->covered);
}

static void add_totals(struct maps *m)
{
	unsigned int i;

	for (i = 0; i < ITEMS; i++)
		m->totals.items[i] += m->counts.items[i];
	for (i = 0; i < ORDERS; i++)
		m->totals.mthp[i] += m->counts.mthp[i];
	for (i = 0; i < FATES; i++)
		m->totals.fates[i] += m->counts.fates[i];
}

/* ----------------------------------------------------------------- printing */

static const char *pages_text(uint64_t pages, char *buf, size_t size)
{
	return size_text(pages * sys_page_size(), buf, size);
}

static void print_items(const struct counts *c, const char *between)
{
	const char *before = "";
	char size[12], folio[12];
	unsigned int i;

	for (i = 0; i < ITEMS; i++) {
		if (!c->items[i])
			continue;
		printf("%s%s %s", before, items[i].name,
		       pages_text(c->items[i], size, sizeof(size)));
		before = between;
	}
	for (i = 0; i < ORDERS; i++) {
		if (!c->mthp[i])
			continue;
		printf("%smthp[%s] %s", before,
		       size_text(sys_page_size() << i, folio, sizeof(folio)),
		       pages_text(c->mthp[i], size, sizeof(size)));
		before = between;
	}
	if (!*before)
		printf("nothing resident");
}

/* Two fates have one word. */
static uint64_t fate_pages(const struct counts *c, unsigned int i)
{
	if (i && !strcmp(fate_words[i], fate_words[i - 1]))
		return 0;
	if (i + 1 < FATES && !strcmp(fate_words[i], fate_words[i + 1]))
		return c->fates[i] + c->fates[i + 1];
	return c->fates[i];
}

static void print_fates(const struct counts *c, const char *between)
{
	const char *before = "";
	char size[12];
	unsigned int i;

	for (i = 0; i < FATES; i++) {
		if (!fate_pages(c, i))
			continue;
		printf("%s%s %s", before, fate_words[i],
		       pages_text(fate_pages(c, i), size, sizeof(size)));
		before = between;
	}
}

static void print_vma(const struct maps *m)
{
	const struct vma *vma = &m->vma;
	char kind[KIND_NAME_MAX], size[12];

	printf("%llx-%llx %c%c%c%c %s %s: ", (unsigned long long)vma->start,
	       (unsigned long long)vma->end, vma->flags & VMA_READ ? 'r' : '-',
	       vma->flags & VMA_WRITE ? 'w' : '-', vma->flags & VMA_EXEC ? 'x' : '-',
	       vma->flags & VMA_MAYSHARE ? 's' : 'p', kind_of_vma(vma, kind),
	       size_text(vma->end - vma->start, size, sizeof(size)));
	print_items(&m->counts, ", ");
	printf("; pin: ");
	print_fates(&m->counts, ", ");
	printf("%s%s\n", *vma->name ? "; " : "", vma->name);
}

static json_t *json_counts(const struct counts *c)
{
	json_t *object = json_object(), *mthp = json_object(), *pin = json_object();
	char folio[12];
	unsigned int i;

	for (i = 0; i < ITEMS; i++)
		if (c->items[i])
			json_object_set_new(object, items[i].key, json_integer(c->items[i]));
	for (i = 0; i < ORDERS; i++)
		if (c->mthp[i])
			json_object_set_new(mthp, size_text(sys_page_size() << i, folio,
							    sizeof(folio)),
					    json_integer(c->mthp[i]));
	for (i = 0; i < FATES; i++)
		if (fate_pages(c, i))
			json_object_set_new(pin, fate_words[i],
					    json_integer(fate_pages(c, i)));
	if (json_object_size(mthp))
		json_object_set_new(object, "mthp", mthp);
	else
		json_decref(mthp);
	json_object_set_new(object, "longterm_pin", pin);
	return object;
}

static void print_json_vma(const struct maps *m)
{
	const struct vma *vma = &m->vma;
	char kind[KIND_NAME_MAX];
	json_t *object = json_pack("{s:o, s:o, s:s, s:b, s:b, s:b, s:b, s:o}",
				   "start", json_address(vma->start),
				   "end", json_address(vma->end),
				   "kind", kind_of_vma(vma, kind),
				   "read", !!(vma->flags & VMA_READ),
				   "write", !!(vma->flags & VMA_WRITE),
				   "exec", !!(vma->flags & VMA_EXEC),
				   "shared", !!(vma->flags & VMA_MAYSHARE),
				   "pages", json_counts(&m->counts));
	json_t *name = json_string(vma->name);

	/* A path need not be UTF-8. */
	json_object_set_new(object, "name", name ? name : json_string(""));
	fputs(m->vmas > 1 ? ",\n  " : "\n  ", stdout);
	json_dumpf(object, stdout, 0);
	json_decref(object);
}

static void end_vma(struct maps *m)
{
	if (!m->has_vma)
		return;
	m->vmas++;
	count_holes(m);
	add_totals(m);
	if (json)
		print_json_vma(m);
	else
		print_vma(m);
	m->has_vma = false;
}

static int begin_vma(void *arg, const struct vma *vma)
{
	struct maps *m = arg;

	end_vma(m);
	m->vma = *vma;
	m->has_vma = true;
	m->covered = 0;
	m->counts = (struct counts) {};
	facts_set_vma(&m->facts, &m->live.process, vma);
	return ferror(stdout) ? -EPIPE : 0;
}

static void print_end(const struct maps *m)
{
	json_t *totals;

	if (json) {
		totals = json_counts(&m->totals);
		printf("%s],\n \"totals\": ", m->vmas ? "\n" : "");
		json_dumpf(totals, stdout, 0);
		printf("}\n");
		json_decref(totals);
		return;
	}
	printf("\nprocess %d (%s): %llu VMAs\n", m->live.process.pid, m->live.process.command,
	       (unsigned long long)m->vmas);
	printf("  ");
	print_items(&m->totals, "\n  ");
	printf("\na long-term pin for reading (pin-fast+LONGTERM) of all of it, page by page:\n  ");
	print_fates(&m->totals, "\n  ");
	printf("\n");
}

static int show_maps(struct maps *m)
{
	const struct visitor visitor = { begin_vma, count_page, m };
	int ret = facts_begin(&m->facts, &m->live.process, m->live.fd);

	if (ret)
		return live_said(&m->live);
	if (json)
		printf("{\"pid\": %d, \"page_size\": %zu, \"vmas\": [", m->live.process.pid,
		       sys_page_size());
	ret = live_walk(&m->live, NULL, true, &visitor);
	end_vma(m);
	print_end(m);
	if (ret == -EPIPE)
		return EXIT_CANNOT;
	return ret ? live_said(&m->live) : EXIT_GOOD;
}

static int cmd_maps(const struct command *command, int argc, char **argv)
{
	static struct maps maps = {
		.request = {
			.call = PINSCOPE_CALL_PIN_FAST, .gup_flags = PINSCOPE_FOLL_LONGTERM,
		},
	};
	int first, status;

	first = options_parse(command, argc, argv, &status);
	if (first < 0)
		return status;
	status = live_open(&maps.live, "maps", argc > first ? argv[first] : NULL);
	if (!status)
		status = show_maps(&maps);
	live_close(&maps.live);
	return status;
}

const struct command command_maps = {
	.name = "maps",
	.args = "PID",
	.summary = "what a process has mapped, and what a long-term pin would do to it",
	.about =
"A line for each VMA, as in /proc/PID/maps: the range, the permissions, the kind of\n"
"memory, its size, how much of it is what, what a long-term pin for reading would do to\n"
"it, and the file. At the end come totals. A pin 'makes' pages where there are none.\n",
	.options = options,
	.max_args = 1,
	.run = cmd_maps,
};
