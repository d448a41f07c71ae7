// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope who: which pages are pinned, who maps them, and who holds the pins. Pages
 * that the same sites hold are told of together.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "who.h"

static bool json, all, cma;
static const char *pfn_text, *path, *zone, *block_text;

static const struct option_row options[] = {
	{ "pfn", 0, "N[+M]", false, "The M pages [1] from PFN N on.",
	  set_string, &pfn_text, 0, 0 },
	{ "file", 0, "PATH", false, "The pages of a file that are in memory.",
	  set_string, &path, 0, 0 },
	{ "zone", 0, "movable", false, "Pages in ZONE_MOVABLE, which pins keep there.",
	  set_string, &zone, 0, 0 },
	{ "cma", 0, NULL, false, "Pages in CMA areas.", set_true, &cma, 0, 0 },
	{ "block", 0, "N", false,
	  "Memory block N, /sys/devices/system/memory/memoryN, which does not go offline.",
	  set_string, &block_text, 0, 0 },
	{ "all", 0, NULL, false, "All memory.", set_true, &all, 0, 0 },
	OPTION_JSON(&json),
	{}
};

/* Runs of pages, and mappings of a process, that are printed of a group. */
#define RUNS_SHOWN	8

/* Pages that the same sites hold. */
struct group {
	bool sure;		/* they are pinned; else they may be */
	struct pinscope_site *sites;	/* what each holds of them */
	size_t nr_sites;
	uint64_t pages;
	uint64_t unknown;	/* pins of which no site is known */
};

struct groups {
	struct who who;
	struct group *groups;
	size_t nr;
	size_t *group_of;	/* of each of who.pages */
};

/* ----------------------------------------------------------------- grouping */

static bool same_sites(const struct group *g, const struct pinscope_site *sites, size_t nr,
		       bool sure)
{
	size_t i;

	if (g->nr_sites != nr || g->sure != sure)
		return false;
	for (i = 0; i < nr; i++)
		if (g->sites[i].id != sites[i].id)
			return false;
	return true;
}

/* Takes @sites over. Returns the number of the group, or -1 without memory. */
static long find_group(struct groups *g, struct pinscope_site *sites, size_t nr, bool sure)
{
	struct group *more;
	size_t i, k;

	for (i = 0; i < g->nr; i++) {
		if (!same_sites(&g->groups[i], sites, nr, sure))
			continue;
		for (k = 0; k < nr; k++) {
			struct pinscope_site *sum = &g->groups[i].sites[k];

			sum->held += sites[k].held;
			sum->held_surely += sites[k].held_surely;
			if (sites[k].oldest_ns > sum->oldest_ns)
				sum->oldest_ns = sites[k].oldest_ns;
		}
		free(sites);
		return i;
	}
	more = realloc(g->groups, (g->nr + 1) * sizeof(*more));
	if (!more) {
		free(sites);
		return -1;
	}
	g->groups = more;
	more[g->nr] = (struct group) { .sure = sure, .sites = sites, .nr_sites = nr };
	return g->nr++;
}

/* Is the pincount exact? Folios of one page have only a reference count. */
static bool is_counted(const struct pinscope_page *page)
{
	return page->folio_order > 1;
}

static int group_page(struct groups *g, size_t nr)
{
	const struct pinscope_page *page = &g->who.pages[nr], *last = nr ? page - 1 : NULL;
	uint64_t folios = page->folio_order ? 1 : page->pages, known = 0, pins;
	struct pinscope_site *sites = NULL;
	size_t nr_sites = 0, i;
	int ret = 0;
	long found;

	if (g->who.tracked)
		ret = pinscope_holders(g->who.fd, page->folio_pfn, folios, &sites, &nr_sites);
	if (ret)
		return ret;
	for (i = 0; i < nr_sites; i++)
		known += sites[i].held;
	found = find_group(g, sites, nr_sites, nr_sites || is_counted(page));
	if (found < 0)
		return -ENOMEM;
	g->group_of[nr] = found;
	g->groups[found].pages += page->pages;
	/* Of a large folio there may be several records. */
	pins = page->pincount > 0 ? page->pincount * folios : 0;
	if (pins > known &&
	    !(page->folio_order && last && last->folio_pfn == page->folio_pfn))
		g->groups[found].unknown += pins - known;
	return 0;
}

static int group_pages(struct groups *g)
{
	size_t i;
	int ret = 0;

	if (!g->who.nr_pages)
		return 0;
	g->group_of = calloc(g->who.nr_pages, sizeof(*g->group_of));
	if (!g->group_of)
		return -ENOMEM;
	for (i = 0; !ret && i < g->who.nr_pages; i++)
		ret = group_page(g, i);
	return ret;
}

/* ----------------------------------------------------------------- mappings */

static int by_process(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Joins mappings that follow each other in a process; returns how many are left. */
static size_t join_mappings(struct place *m, size_t nr)
{
	size_t i, left = 0;

	for (i = 0; i < nr; i++) {
		if (left && m[left - 1].pid == m[i].pid &&
		    m[left - 1].addr + (m[left - 1].pages << sys_page_shift()) >= m[i].addr)
			m[left - 1].pages = ((m[i].addr - m[left - 1].addr) >>
					     sys_page_shift()) + m[i].pages;
		else
			m[left++] = m[i];
	}
	return left;
}

/* Who maps the pages of a group, by process and address; for free(). NULL: nobody. */
static struct place *mappings_of(const struct groups *g, size_t group, size_t *nr)
{
	struct place *array = NULL, *more, one;
	size_t i, at;

	*nr = 0;
	for (i = 0; i < g->who.nr_pages; i++) {
		const struct pinscope_page *page = &g->who.pages[i];

		if (g->group_of[i] != group)
			continue;
		for (at = 0; who_mappings_of(&g->who, page->pfn, page->pages, &at, &one);) {
			more = *nr & (*nr - 1) ? array :
			       realloc(array, (*nr ? 2 * *nr : 1) * sizeof(*more));
			if (!more)
				return array;
			array = more;
			array[(*nr)++] = one;
		}
	}
	if (*nr) {
		qsort(array, *nr, sizeof(*array), by_process);
		*nr = join_mappings(array, *nr);
	}
	return array;
}

/* A run of PFNs of a group, from record *@at on. */
static bool next_run(const struct groups *g, size_t group, size_t *at, uint64_t *pfn,
		     uint64_t *pages)
{
	const struct pinscope_page *page;

	for (*pages = 0; *at < g->who.nr_pages; ++*at) {
		page = &g->who.pages[*at];
		if (g->group_of[*at] != group)
			continue;
		if (*pages && page->pfn != *pfn + *pages)
			break;
		if (!*pages)
			*pfn = page->pfn;
		*pages += page->pages;
	}
	return *pages;
}

/* --------------------------------------------------------------------- text */

static const char *plural(uint64_t nr)
{
	return nr == 1 ? "" : "s";
}

static void print_runs(const struct groups *g, size_t group)
{
	const struct group *is = &g->groups[group];
	uint64_t pfn, pages;
	size_t at = 0, n;

	printf("%llu page%s %s pinned, PFN", (unsigned long long)is->pages, plural(is->pages),
	       !is->sure ? "may be" : is->pages == 1 ? "is" : "are");
	for (n = 0; next_run(g, group, &at, &pfn, &pages); n++) {
		if (n >= RUNS_SHOWN)
			continue;
		printf("%s 0x%llx", n ? "," : "", (unsigned long long)pfn);
		if (pages > 1)
			printf("+%llu", (unsigned long long)pages);
	}
	if (n > RUNS_SHOWN)
		printf(", and %zu other runs", n - RUNS_SHOWN);
	printf("\n");
}

static void print_candidate(void *arg, const char *what)
{
	const struct place *m = arg;

	printf("    perhaps held by %d %s: %s\n", m->pid, m->comm, what);
}

static void print_places(const struct place *m, size_t nr, bool with_candidates)
{
	size_t i, k, shown;

	if (!nr)
		printf("    mapped by no process\n");
	for (i = 0; i < nr; i = k) {
		printf("    mapped by %d %s at", m[i].pid, m[i].comm);
		for (k = i, shown = 0; k < nr && m[k].pid == m[i].pid; k++, shown++)
			if (shown < RUNS_SHOWN)
				printf("%s %llx+%lluk", shown ? "," : "",
				       (unsigned long long)m[k].addr,
				       (unsigned long long)m[k].pages << sys_page_shift() >> 10);
		if (shown > RUNS_SHOWN)
			printf(", and at %zu other places", shown - RUNS_SHOWN);
		printf("\n");
		if (with_candidates)
			who_candidates(m[i].pid, print_candidate, (void *)&m[i]);
	}
}

static void print_group(const struct groups *g, size_t nr)
{
	const struct group *group = &g->groups[nr];
	struct place *mappings;
	size_t nr_mappings, i;

	print_runs(g, nr);
	for (i = 0; i < group->nr_sites; i++)
		print_holder(&group->sites[i]);
	if (group->unknown && g->who.tracked)
		printf("    held by pins that tracking has not seen: %llu\n",
		       (unsigned long long)group->unknown);
	mappings = mappings_of(g, nr, &nr_mappings);
	print_places(mappings, nr_mappings, group->unknown);
	free(mappings);
}

static void print_groups(const struct groups *g, const struct pinscope_track *track)
{
	size_t i;

	for (i = 0; i < g->nr; i++)
		print_group(g, i);
	if (!g->nr)
		printf("no page there is pinned\n");
	else if (!g->who.tracked)
		print_wrapped(stdout, "",
			      "Nothing was tracked, so that only candidates are known. Who takes pins from now on is known after 'echo 1 >/sys/kernel/debug/pinscope/tracking'.",
			      0);
	else if (track->missed)
		printf("%llu pins or unpins were missed: the numbers are not exact.\n",
		       track->missed);
}

/* --------------------------------------------------------------------- JSON */

static void add_candidate(void *arg, const char *what)
{
	json_array_append_new(arg, json_string(what));
}

static json_t *json_mappings(const struct place *m, size_t nr, bool with_candidates)
{
	json_t *list = json_array(), *places, *candidates, *comm;
	size_t i, k;

	for (i = 0; i < nr; i = k) {
		places = json_array();
		candidates = json_array();
		for (k = i; k < nr && m[k].pid == m[i].pid; k++)
			json_array_append_new(places,
					      json_pack("{s:o, s:I}", "addr",
							json_address(m[k].addr), "pages",
							(json_int_t)m[k].pages));
		if (with_candidates)
			who_candidates(m[i].pid, add_candidate, candidates);
		/* A name need not be UTF-8. */
		comm = json_string(m[i].comm);
		json_array_append_new(list, json_pack("{s:i, s:o, s:o, s:o}", "pid", m[i].pid,
						      "comm", comm ? comm : json_string(""),
						      "places", places,
						      "candidates", candidates));
	}
	return list;
}

static json_t *json_group(const struct groups *g, size_t nr)
{
	json_t *runs = json_array(), *holders = json_array();
	const struct group *group = &g->groups[nr];
	struct place *mappings;
	size_t nr_mappings, at = 0, i;
	uint64_t pfn, pages;
	json_t *object;

	while (next_run(g, nr, &at, &pfn, &pages))
		json_array_append_new(runs, json_pack("{s:I, s:I}", "pfn", (json_int_t)pfn,
						      "pages", (json_int_t)pages));
	for (i = 0; i < group->nr_sites; i++)
		json_array_append_new(holders, site_json(&group->sites[i]));
	mappings = mappings_of(g, nr, &nr_mappings);
	object = json_pack("{s:I, s:b, s:o, s:o, s:I, s:o}", "pages", (json_int_t)group->pages,
			   "sure", group->sure, "runs", runs, "holders", holders,
			   "unknown_pins", (json_int_t)group->unknown, "mapped",
			   json_mappings(mappings, nr_mappings, group->unknown));
	free(mappings);
	return object;
}

static void dump_groups(const struct groups *g, const struct pinscope_track *track)
{
	json_t *list = json_array(), *root;
	size_t i;

	for (i = 0; i < g->nr; i++)
		json_array_append_new(list, json_group(g, i));
	root = json_pack("{s:b, s:I, s:o}", "tracked", g->who.tracked, "missed",
			 (json_int_t)track->missed, "pinned", list);
	json_dumpf(root, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(root);
}

/* ------------------------------------------------------------------ targets */

static int usage(const char *text)
{
	fprintf(stderr, "pinscope who: %s; 'pinscope who --help' says more\n", text);
	return EXIT_USAGE;
}

static int failed(const char *what, int ret)
{
	if (!ret)
		return EXIT_GOOD;
	fprintf(stderr, "pinscope who: %s: %s\n", what, pinscope_errno(ret));
	return EXIT_CANNOT;
}

static bool parse_number(const char *text, char **end, uint64_t *number)
{
	errno = 0;
	*number = strtoull(text, end, 0);
	return *end != text && !errno && *text != '-';
}

static int add_pfns(struct who *w)
{
	uint64_t pfn, pages = 1;
	char *end;

	if (!parse_number(pfn_text, &end, &pfn) ||
	    (*end == '+' && !parse_number(end + 1, &end, &pages)) || *end || !pages ||
	    pfn >> 40 || pages >> 40)
		return usage("expected --pfn N or N+M, two numbers");
	return failed("INSPECT of physical memory",
		      who_add_physical(w, pfn << sys_page_shift(), pages << sys_page_shift()));
}

static int add_block(struct who *w)
{
	unsigned long long size = 0;
	char name[80], *end;
	uint64_t block;
	FILE *file;

	if (!parse_number(block_text, &end, &block) || *end)
		return usage("expected --block N, the number of a memory block");
	snprintf(name, sizeof(name), "/sys/devices/system/memory/memory%llu",
		 (unsigned long long)block);
	if (access(name, F_OK)) {
		fprintf(stderr,
			"pinscope who: expected %s, found none: there is no such memory block, or the kernel lacks CONFIG_MEMORY_HOTPLUG\n",
			name);
		return EXIT_CANNOT;
	}
	file = fopen("/sys/devices/system/memory/block_size_bytes", "re");
	if (file && fscanf(file, "%llx", &size) != 1)
		size = 0;
	if (file)
		fclose(file);
	return failed("INSPECT of physical memory", !size ? -ENOENT :
		      who_add_physical(w, block * size, size));
}

static int add_process(struct who *w, char **argv)
{
	struct range range;

	if (argv[1] && !parse_range("who", argv[1], &range))
		return EXIT_USAGE;
	return who_add_process(w, argv[0], argv[1] ? &range : NULL);
}

/* Finds the pages that the user has asked for. */
static int add_pages(struct who *w, char **argv)
{
	int status;

	if (*argv)
		return add_process(w, argv);
	if (zone)
		w->filter.with |= PINSCOPE_STATE_ZONE_MOVABLE;
	if (cma)
		w->filter.with |= PINSCOPE_STATE_CMA;
	status = pfn_text ? add_pfns(w) :
		 block_text ? add_block(w) :
		 path ? failed(path, who_add_file(w, path)) :
			failed("INSPECT of physical memory", who_add_memory(w));
	w->filter = (struct filter) {};
	return status ? status : failed("search for mappings", who_find_mappings(w));
}

static int who(struct groups *g, char **argv)
{
	struct pinscope_track track = {};
	int status, ret;

	g->who.fd = tool_open(&g->who.info);
	if (g->who.fd < 0)
		return EXIT_CANNOT;
	ret = pinscope_track(g->who.fd, PINSCOPE_TRACK_QUERY, 0, 0, &track);
	if (ret && ret != -EOPNOTSUPP)
		return failed("TRACK", ret);
	g->who.tracked = !ret && (track.on || track.sites);
	status = add_pages(&g->who, argv);
	if (status)
		return status;
	ret = group_pages(g);
	if (ret)
		return failed("HOLDERS", ret);
	if (json)
		dump_groups(g, &track);
	else
		print_groups(g, &track);
	return EXIT_GOOD;
}

static int cmd_who(const struct command *command, int argc, char **argv)
{
	int status, first = options_parse(command, argc, argv, &status), targets;
	struct groups g = { .who.fd = -1 };
	size_t i;

	if (first < 0)
		return status;
	targets = !!argv[first] + !!pfn_text + !!path + !!zone + cma + !!block_text + all;
	if (targets != 1)
		return usage("expected a process, --pfn, --file, --zone, --cma, --block or --all");
	if (zone && strcmp(zone, "movable"))
		return usage("expected --zone movable, the only zone that pins matter to");
	status = who(&g, argv + first);
	for (i = 0; i < g.nr; i++)
		free(g.groups[i].sites);
	free(g.groups);
	free(g.group_of);
	free(g.who.pages);
	free(g.who.mappings);
	if (g.who.fd >= 0)
		close(g.who.fd);
	return status;
}

const struct command command_who = {
	.name = "who",
	.args = "[PID [ADDR[+LEN]]]",
	.summary = "which pages are pinned, and who holds the pins?",
	.about =
"Prints the pages of a process, of a file or of physical memory that are pinned, who maps\n"
"them, and who holds the pins: the function of the kernel that took them, the call, its\n"
"FOLL flags, and the process. That is known of pins that were taken while tracking was on\n"
"(echo 1 >/sys/kernel/debug/pinscope/tracking). Of others it lists candidates: what the\n"
"processes that map the pages have open that can pin.\n",
	.options = options,
	.max_args = 2,
	.run = cmd_who,
};
