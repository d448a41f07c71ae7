// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope inspect: the pages of a process, or of a pin, as runs of equal pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "picture.h"

static bool all, json, raw, map, legend;
static const char *filter_text;
static unsigned int pin_id;

static const struct option_row options[] = {
	{ "all", 'a', NULL, false, "All that the process has mapped.", set_true, &all, 0, 0 },
	{ "pin", 'p', "ID", false,
	  "The pages of a pin of the module that the process has made; addresses are offsets in the pin.",
	  set_number, &pin_id, 1, UINT32_MAX },
	{ "filter", 'f', "STATES", false,
	  "Only pages that have all of these page states, by commas; '!' before one that they must not have: 'pinned,!exclusive'.",
	  set_string, &filter_text, 0, 0 },
	{ "map", 'm', NULL, false,
	  "Draw the range: a character for each page, or for several.", set_true, &map, 0, 0 },
	{ "raw", 'r', NULL, false, "All fields, as the module reports them.", set_true, &raw,
	  0, 0 },
	{ "legend", 'l', NULL, false, "Only say what the letters of page states are.", set_true,
	  &legend, 0, 0 },
	OPTION_JSON(&json),
	{}
};

/* What the visitors share. */
struct view {
	const struct filter *filter;
	bool colours;
	uint64_t states;	/* that were shown */
	uint64_t runs, pages;
	struct picture picture;
	bool drawn;		/* the picture has a VMA that is not printed yet */
	bool by_vma;		/* a picture for each VMA */
	unsigned int used;
};

static bool is_filtered_out(const struct view *view, const struct pinscope_page *page)
{
	return (page->state & view->filter->with) != view->filter->with ||
	       (page->state & view->filter->without);
}

/* ------------------------------------------------------------------ formats */

static void print_heading(void)
{
	printf("%-12s %8s %4s  %-22s %9s %3s %5s %6s %5s  %s\n", "ADDRESS", "PAGES", "MAP",
	       "KIND", "PFN", "ORD", "MAPS", "REFS", "PINS", "STATE");
}

static void print_run(const struct vma *vma, const struct pinscope_page *page)
{
	char kind[KIND_NAME_MAX], letters[LETTERS_MAX], size[12] = "-", pfn[24] = "-";

	if (page->map_shift)
		size_text(1ULL << page->map_shift, size, sizeof(size));
	if (page->state & PINSCOPE_STATE_SWAP)
		snprintf(pfn, sizeof(pfn), "%u:%llx", page->swap_type, page->swap_offset);
	else if (page->pfn)
		snprintf(pfn, sizeof(pfn), "%llx", page->pfn);
	printf("%-12llx %8llu %4s  %-22s %9s ", page->addr, page->pages, size,
	       kind_of_page(vma, page, kind), pfn);
	if (page->state & PINSCOPE_STATE_HAS_FOLIO)
		printf("%3u %5d %6d %5d", page->folio_order, page->mapcount, page->refcount,
		       page->pincount);
	else
		printf("%3s %5s %6s %5s", "-", "-", "-", "-");
	printf("  %s\n", state_letters(page->state, letters));
}

static void print_raw(const struct pinscope_page *page)
{
	char names[NAMES_MAX], unknown[NAMES_MAX];

	printf("addr=0x%llx pages=%llu state=%s unknown=%s pfn=0x%llx folio_pfn=0x%llx",
	       page->addr, page->pages,
	       pinscope_names(pinscope_state_names, page->state, names, sizeof(names)),
	       pinscope_names(pinscope_state_names, page->unknown, unknown, sizeof(unknown)),
	       page->pfn, page->folio_pfn);
	printf(" refcount=%d mapcount=%d pincount=%d folio_order=%u map_shift=%u node=%d",
	       page->refcount, page->mapcount, page->pincount, page->folio_order,
	       page->map_shift, page->node - 1);
	printf(" swap_type=%u swap_offset=0x%llx sites=%u tracked=%d\n", page->swap_type,
	       page->swap_offset, page->sites, page->tracked);
}

/* By itself, since a list of all runs might not fit in memory. */
static void print_json_run(const struct view *view, const struct vma *vma,
			   const struct pinscope_page *page)
{
	json_t *object = json_page(vma, page);

	fputs(view->runs ? ",\n  " : "\n  ", stdout);
	json_dumpf(object, stdout, 0);
	json_decref(object);
}

static void print_json_head(const struct live *l)
{
	json_t *name = json_string(l->process.command);

	printf("{\"pid\": %d, \"command\": ", l->process.pid);
	json_dumpf(name, stdout, JSON_ENCODE_ANY);
	printf(", \"page_size\": %zu, \"runs\": [", sys_page_size());
	json_decref(name);
}

/* ------------------------------------------------------------------ visitors */

static int show_page(void *arg, const struct vma *vma, const struct pinscope_page *page)
{
	struct view *view = arg;

	if (is_filtered_out(view, page))
		return 0;
	if (json)
		print_json_run(view, vma, page);
	else if (raw)
		print_raw(page);
	else
		print_run(vma, page);
	view->states |= page->state;
	view->runs++;
	view->pages += page->pages;
	/* Who reads it may have enough: "| head". */
	return ferror(stdout) ? -EPIPE : 0;
}

static void print_picture(struct view *view)
{
	if (view->drawn)
		picture_print(&view->picture, view->colours, &view->used);
	view->drawn = false;
}

static int draw_vma(void *arg, const struct vma *vma)
{
	const struct range range = { vma->start, vma->end - vma->start };
	char kind[KIND_NAME_MAX], unit[12], size[12];
	struct view *view = arg;

	if (view->by_vma) {
		print_picture(view);
		picture_begin(&view->picture, &range, PICTURE_WIDTH);
		printf("%s, %s, %s each%s%s\n", kind_of_vma(vma, kind),
		       size_text(range.len, size, sizeof(size)),
		       size_text(view->picture.unit, unit, sizeof(unit)),
		       *vma->name ? ": " : "", vma->name);
	}
	view->drawn = true;
	picture_add_vma(&view->picture, vma);
	return ferror(stdout) ? -EPIPE : 0;
}

static int draw_page(void *arg, const struct vma *vma, const struct pinscope_page *page)
{
	struct view *view = arg;

	(void)vma;
	if (!is_filtered_out(view, page))
		picture_add_page(&view->picture, page);
	return 0;
}

/* -------------------------------------------------------------------- whole */

static void begin(struct view *view, const struct live *l, const struct range *range)
{
	char unit[12];

	view->colours = isatty(STDOUT_FILENO);
	view->by_vma = !range;
	if (map && range) {
		picture_begin(&view->picture, range, PICTURE_CELLS);
		view->drawn = true;
		printf("process %d (%s), %s for each character:\n", l->process.pid,
		       l->process.command, size_text(view->picture.unit, unit, sizeof(unit)));
	} else if (json) {
		print_json_head(l);
	} else if (!map && !raw) {
		print_heading();
	}
}

static void end(struct view *view)
{
	char size[12];

	if (map) {
		print_picture(view);
		picture_print_legend(view->used, view->colours);
	} else if (json) {
		printf("%s]}\n", view->runs ? "\n" : "");
	} else if (!raw) {
		printf("%llu pages (%s) in %llu runs\n", (unsigned long long)view->pages,
		       size_text(view->pages * sys_page_size(), size, sizeof(size)),
		       (unsigned long long)view->runs);
		print_state_legend(stdout, view->states);
	}
}

/* Is anything mapped in the range? If not, says so. */
static int check_mapped(struct live *l, const struct range *range)
{
	struct vma vma;
	int ret = vma_lookup(&l->process, range->addr, false, &vma);

	/* What begins behind the first address is good enough. */
	if (ret == -EFAULT && vma.end && vma.start < range->addr + range->len)
		return 0;
	return ret;
}

static int inspect_range(struct live *l, struct view *view, const struct range *range)
{
	const struct visitor shows = { NULL, show_page, view };
	const struct visitor draws = { draw_vma, draw_page, view };
	int ret = range ? check_mapped(l, range) : 0;

	if (ret)
		return live_said(l);
	begin(view, l, range);
	ret = live_walk(l, range, true, map ? &draws : &shows);
	end(view);
	if (ret == -EPIPE)
		return EXIT_CANNOT;
	return ret ? live_said(l) : EXIT_GOOD;
}

static int inspect_pin(struct live *l, struct view *view, struct range *range)
{
	struct page_reader *r = malloc(sizeof(*r));
	const struct pinscope_page *page;
	uint64_t pages, addr;
	int fd, ret;

	fd = r ? live_take_pin(l, pin_id, &pages, &addr) : -1;
	if (fd < 0) {
		free(r);
		return EXIT_CANNOT;
	}
	if (!range->len)
		range->len = pages * sys_page_size();
	begin(view, l, range);
	pages_open(r, fd, pinscope_pinned(pin_id), range->addr, range->len);
	while ((ret = pages_next(r, &page)) > 0)
		(map ? draw_page : show_page)(view, NULL, page);
	end(view);
	if (ret)
		fprintf(stderr, "pinscope inspect: INSPECT of pin %u: %s\n", pin_id,
			pinscope_errno(ret));
	close(fd);
	free(r);
	return ret ? EXIT_CANNOT : EXIT_GOOD;
}

static int inspect(const char *pid, const char *where)
{
	struct filter filter = {};
	struct range range = {};
	struct view *view;
	struct live l;
	int status;

	if ((filter_text && !parse_filter("inspect", filter_text, &filter)) ||
	    (where && !parse_range("inspect", where, &range)))
		return EXIT_USAGE;
	status = live_open(&l, "inspect", pid);
	view = calloc(1, sizeof(*view));
	if (!view) {
		status = EXIT_CANNOT;
	} else if (!status) {
		view->filter = &filter;
		status = pin_id ? inspect_pin(&l, view, &range) :
			 inspect_range(&l, view, all ? NULL : &range);
	}
	free(view);
	live_close(&l);
	return status;
}

static int cmd_inspect(const struct command *command, int argc, char **argv)
{
	const char *where;
	int first, status;
	uint64_t states = 0;
	size_t i;

	first = options_parse(command, argc, argv, &status);
	if (first < 0)
		return status;
	if (legend) {
		for (i = 0; i < nr_state_words; i++)
			states |= state_words[i].bit;
		print_state_legend(stdout, states);
		return EXIT_GOOD;
	}
	where = argc - first > 1 ? argv[first + 1] : NULL;
	if (!!where + all + !!pin_id != 1) {
		fprintf(stderr,
			"pinscope inspect: expected %s; 'pinscope inspect --help' says more\n",
			where ? "an address, or --all, or --pin, and not two of them" :
			"PID ADDR[+LEN], or PID and --all, or PID and --pin");
		return EXIT_USAGE;
	}
	return inspect(argc > first ? argv[first] : NULL, where);
}

const struct command command_inspect = {
	.name = "inspect",
	.args = "PID [ADDR[+LEN]]",
	.summary = "the pages that a process has mapped, or that a pin holds",
	.about =
"A line for each run of equal pages: address, number of pages, how much one entry\n"
"maps, the kind of memory, PFN (or swap area and offset), the folio's order, how often\n"
"it is mapped, its references and pins, and the page states. Addresses are\n"
"hexadecimal; LEN is like 4096, 64k or 1t; START-END is as good. Nothing is faulted in.\n",
	.options = options,
	.max_args = 2,
	.run = cmd_inspect,
};
