// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope bench: what pinscope and mm cost, beside what does the same without
 * the module.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "../../module/gup_test_abi.h"
#include "../suite/run.h"
#include "bench.h"
#include "tool.h"
#include "version.h"

#define GUP_TEST_PATH	PINSCOPE_DEBUGFS "/gup_test"

/* A row ends after so many measurements, however short they are. */
enum { MAX_REPEATS = 1000 };

static unsigned int repeats = 9, min_time = 20;
static bool json, list;

static const struct option_row options[] = {
	OPTION_JSON(&json),
	{ "list", 'l', NULL, false, "Only list the rows, with a sentence each.",
	  set_true, &list, 0, 0 },
	{ "min-time", 't', "MS", false,
	  "Measure each figure for at least so many milliseconds [20].",
	  set_number, &min_time, 0, 10000 },
	{ "repeat", 'r', "N", false,
	  "Measure each figure at least N times, after one time that does not count [9].",
	  set_number, &repeats, 1, MAX_REPEATS },
	{}
};

const char *const bench_unit_names[UNITS] = {
	[PER_PAGE] = "page", [PER_CALL] = "call", [PER_PIN] = "pin", [PER_RANGE] = "range",
};

/* Nanoseconds for one unit. */
struct figure {
	double median, min, max;
	unsigned int repeats;
};

uint64_t bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

const char *bench_row_name(const struct bench_row *row, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", row->memory->name, row->name);
	return buf;
}

/* ------------------------------------------------------------------ measure */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* A measurement; false: b->why says why not. */
static bool measure_once(struct bench *b, const struct bench_work *work, double *sample)
{
	int ret;

	if (bench_make(b))
		return false;
	b->ns = 0;
	b->units = 0;
	ret = work->run(b);
	if (!ret && b->units) {
		*sample = (double)b->ns / b->units;
		return true;
	}
	snprintf(b->why, sizeof(b->why), "%s", ret == -EOPNOTSUPP ?
		 "this kernel or machine does not have it" : pinscope_errno(ret));
	return false;
}

static bool measure(struct bench *b, const struct bench_work *work, struct figure *figure)
{
	static double samples[MAX_REPEATS];
	uint64_t spent = 0;
	unsigned int n = 0;

	if (!measure_once(b, work, &samples[0]))	/* warm up */
		return false;
	while (n < repeats || (spent < min_time * 1000000ULL && n < MAX_REPEATS)) {
		if (!measure_once(b, work, &samples[n++]))
			return false;
		spent += b->ns;
	}
	qsort(samples, n, sizeof(samples[0]), compare_doubles);
	*figure = (struct figure) {
		.median = (samples[(n - 1) / 2] + samples[n / 2]) / 2,
		.min = samples[0], .max = samples[n - 1], .repeats = n,
	};
	return true;
}

/* ------------------------------------------------------------------- print */

static json_t *as_json(const char *name, const struct figure *f)
{
	return json_pack("{s:s, s:f, s:f, s:f, s:i}", "name", name, "ns", f->median,
			 "min", f->min, "max", f->max, "repeats", (int)f->repeats);
}

/* The median, and how far the others are from it in percent. */
static void print_figure(const char *name, const struct figure *f, const char *unit)
{
	printf("%-42s%10.1f  %-5s %5.1f %5.1f", name, f->median, unit,
	       100 * (f->min / f->median - 1), 100 * (f->max / f->median - 1));
}

/* One row and its peers; returns whether the row could be measured. */
static bool run_row(struct bench *b, const struct bench_row *row, json_t *rows)
{
	const struct bench_work own = { row->name, row->what, row->run };
	const char *unit = bench_unit_names[row->unit];
	struct figure figure, peer;
	json_t *object, *peers = json_array(), *one;
	char name[80], indented[80];
	size_t i;
	bool good;

	b->row = row;
	bench_row_name(row, name, sizeof(name));
	good = measure(b, &own, &figure);
	if (good)
		object = as_json(name, &figure);
	else
		object = json_pack("{s:s, s:s}", "name", name, "reason", b->why);
	json_object_set_new(object, "what", json_string(row->what));
	json_object_set_new(object, "unit", json_string(unit));
	if (!json && good)
		print_figure(name, &figure, unit);
	else if (!json)
		printf("%-42s %s", name, b->why);
	if (!json)
		putchar('\n');
	for (i = 0; good && row->peers[i]; i++) {
		if (!measure(b, row->peers[i], &peer))
			continue;
		one = as_json(row->peers[i]->name, &peer);
		json_object_set_new(one, "ratio", json_real(figure.median / peer.median));
		json_array_append_new(peers, one);
		if (json)
			continue;
		snprintf(indented, sizeof(indented), "  %s", row->peers[i]->name);
		print_figure(indented, &peer, unit);
		printf(" %7.2f\n", figure.median / peer.median);
	}
	json_object_set_new(object, "peers", peers);
	json_array_append_new(rows, object);
	fflush(stdout);
	return good;
}

static void print_json(const struct bench *b, json_t *rows)
{
	struct utsname uts;
	json_t *root;

	uname(&uts);
	root = json_pack("{s:s, s:s, s:s, s:b, s:O}", "version", PINSCOPE_VERSION,
			 "kernel", uts.release, "machine", uts.machine,
			 "own_gup_test", b->own_gup_test, "rows", rows);
	json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	printf("\n");
	json_decref(root);
}

static int run_rows(struct bench *b, const struct globs *globs)
{
	json_t *rows = json_array();
	unsigned int good = 0;
	char name[80];
	size_t i;

	if (!json)
		printf("%-42s%10s  %-5s %5s %5s %7s\n", "", "ns", "per", "min %", "max %",
		       "ratio");
	for (i = 0; i < nr_bench_rows; i++)
		if (globs_match(globs, bench_row_name(&bench_rows[i], name, sizeof(name))))
			good += run_row(b, &bench_rows[i], rows);
	if (json)
		print_json(b, rows);
	json_decref(rows);
	return good ? EXIT_GOOD : EXIT_CANNOT;
}

/* ---------------------------------------------------------- files, buffers */

/* Only the module refuses a test flag that does not exist. */
static bool is_kernels_own(int gup_test, void *page)
{
	struct gup_test arg = {
		.addr = pinscope_addr(page), .size = sysconf(_SC_PAGESIZE),
		.nr_pages_per_call = 1, .test_flags = 1U << 31,
	};

	return gup_test >= 0 && !ioctl(gup_test, PIN_FAST_BENCHMARK, &arg);
}

static void *buffer(size_t size)
{
	void *buf = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return buf == MAP_FAILED ? NULL : buf;
}

static size_t most_pages(void)
{
	size_t pages = 0, i;

	for (i = 0; i < nr_bench_rows; i++)
		if (bench_rows[i].memory->pages > pages)
			pages = bench_rows[i].memory->pages;
	return pages;
}

int bench_open(struct bench *b, int fd)
{
	size_t pages = most_pages(), i;

	*b = (struct bench) {
		.fd = fd,
		.base = sys_page_size(),
		.gup_test = open(GUP_TEST_PATH, O_RDWR | O_CLOEXEC),
		.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
		.kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC),
		.kpagecount = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC),
		.ids = calloc(BENCH_PINS, sizeof(*b->ids)),
		.buffer = buffer(BENCH_BUFFER),
		.records = buffer(pages * sizeof(*b->records)),
	};
	b->kinds = kinds_expand(NULL, 0, &b->nr_kinds);
	if (!b->kinds || !b->ids || !b->buffer || !b->records)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(b->words); i++) {
		b->words[i] = buffer(pages * sizeof(*b->words[0]));
		if (!b->words[i])
			return -ENOMEM;
	}
	b->own_gup_test = is_kernels_own(b->gup_test, b->buffer);
	return 0;
}

/* What is mapped ends with the process. */
void bench_close(struct bench *b)
{
	const int fds[] = { b->gup_test, b->pagemap, b->kpageflags, b->kpagecount };
	size_t i;

	bench_unmake(b);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(b->kinds);
	free(b->ids);
}

/* ----------------------------------------------------------------- command */

static void list_rows(const struct globs *globs)
{
	char name[80], first[sizeof(name) + 40];
	size_t i;

	for (i = 0; i < nr_bench_rows; i++) {
		bench_row_name(&bench_rows[i], name, sizeof(name));
		if (!globs_match(globs, name))
			continue;
		snprintf(first, sizeof(first), "%-32s ", name);
		print_wrapped(stdout, first, bench_rows[i].what, 33);
	}
}

/* Each glob must match a row. */
static bool globs_are_good(const struct globs *globs)
{
	static char names_of[100][80];
	const char *names[ARRAY_SIZE(names_of) + 1] = {};
	bool good = true;
	size_t i;
	int g;

	for (i = 0; i < nr_bench_rows && i < ARRAY_SIZE(names_of); i++)
		names[i] = bench_row_name(&bench_rows[i], names_of[i], sizeof(names_of[0]));
	for (g = 0; g < globs->nr; g++) {
		const struct globs one = { globs->globs + g, 1 };

		for (i = 0; names[i] && !globs_match(&one, names[i]); i++)
			;
		if (names[i])
			continue;
		unknown_name("bench", "row", globs->globs[g], names, "pinscope bench --list");
		good = false;
	}
	return good;
}

static int cmd_bench(const struct command *command, int argc, char **argv)
{
	struct pinscope_info info;
	struct globs globs;
	struct bench b;
	int first, status, fd;

	first = options_parse(command, argc, argv, &status);
	if (first < 0)
		return status;
	globs = (struct globs) { argv + first, argc - first };
	if (!globs_are_good(&globs))
		return EXIT_USAGE;
	if (list) {
		list_rows(&globs);
		return EXIT_GOOD;
	}
	fd = tool_open(&info);
	if (fd < 0)
		return EXIT_CANNOT;
	sys_stay_on_cpu(0);
	if (!bench_open(&b, fd)) {
		status = run_rows(&b, &globs);
	} else {
		fprintf(stderr, "pinscope bench: out of memory\n");
		status = EXIT_CANNOT;
	}
	bench_close(&b);
	close(fd);
	return status;
}

const struct command command_bench = {
	.name = "bench",
	.args = "[ROW]...",
	.summary = "what pins, INSPECT, unsharing and fork cost, per page",
	.about =
"Measures what the calls of the module cost on this machine, in nanoseconds. Under each\n"
"row are its peers: what does the same, or a part of it, without the module, measured in\n"
"the same run; `ratio` is the row divided by the peer. Rows are called\n"
"\n"
"        KIND[.CONDITION]/WORK\n"
"\n"
"and globs choose some. A figure is the median of several measurements; `min %` and\n"
"`max %` say how far the others are from it.\n",
	.options = options,
	.max_args = 1 << 16,
	.run = cmd_bench,
};
