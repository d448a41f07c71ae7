// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope check: is read-only long-term pinning reliable on this kernel?
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../suite/sys.h"
#include "check.h"

static const char *dir = "/var/tmp";
static const char *by;
static bool json;

static const struct option_row options[] = {
	{ "dir", 'd', "DIR", false, "A directory on a disk, for a file [/var/tmp].",
	  set_string, &dir, 0, 0 },
	{ "by", 'b', "PINNER,...", false,
	  "Which real users of GUP are tried, such as vfio,io-uring-buffer [those that the machine has and that pin for long]; 'pinscope test --list=pinners' lists all.",
	  set_string, &by, 0, 0 },
	OPTION_JSON(&json),
	{}
};

static void show_progress(const char *what)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[Kchecking %s ...", what);
}

static void end_progress(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}

static void check_kind(struct check *check, const struct kind *kind,
		       struct check_cell *cells)
{
	struct memory m;
	bool open;
	int i;

	show_progress(kind->name);
	open = memory_open(&m, kind);
	for (i = 0; i < CELLS_PER_KIND; i++) {
		cells[i] = (struct check_cell) {
			.kind = kind,
			.writable = i < 2,
			.call = i % 2 ? PINSCOPE_CALL_PIN_FAST : PINSCOPE_CALL_PIN,
			.result = RESULT_SKIP,
		};
		if (open)
			check_cell(check, &m, PINSCOPE_FOLL_LONGTERM,
				   &cells[i]);
		else
			snprintf(cells[i].reason, sizeof(cells[i].reason),
				 "%s", m.why);
	}
	memory_close(&m);
}

static struct check_totals count(const struct check *check)
{
	struct check_totals t = {};
	size_t i;

	for (i = 0; i < CELLS_PER_KIND * check->nr_kinds; i++) {
		const struct check_cell *cell = &check->cells[i];

		t.of[cell->result]++;
		if ((cell->kind->traits & KIND_CONTROL) && cell->result != RESULT_OK &&
		    cell->result != RESULT_SKIP)
			t.controls_bad++;
	}
	return t;
}

/* The exit status; the kernel is reliable when it is EXIT_GOOD. */
int check_status(const struct check *check, const struct check_totals *t)
{
	if (t->of[RESULT_ERROR])
		return EXIT_CANNOT;
	if (t->of[RESULT_STALE] || t->of[RESULT_FAIL] || check->stale_users)
		return EXIT_BAD;
	return t->of[RESULT_OK] || check->good_users ? EXIT_GOOD : EXIT_CANNOT;
}

/* The kinds with a result like that, comma separated. */
static void list_kinds(const struct check *check, enum check_result result,
		       char *buf, size_t size)
{
	size_t used = 0, i, k;

	buf[0] = '\0';
	for (i = 0; i < check->nr_kinds; i++) {
		for (k = 0; k < CELLS_PER_KIND; k++)
			if (check->cells[CELLS_PER_KIND * i + k].result == result)
				break;
		if (k < CELLS_PER_KIND && used < size)
			used += snprintf(buf + used, size - used, "%s%s",
					 used ? ", " : "",
					 check->kinds[i].name);
	}
}

static void verdict(const struct check *check, const struct check_totals *t,
		    char *buf, size_t size)
{
	const char *release = check->uts.release;
	char list[300];

	if (check->fd < 0) {
		snprintf(buf, size,
			 "On Linux %s, without the module, only users of GUP were tried, by content; whether the pinned page is the mapped page was not looked at: insmod pinscope.ko.",
			 release);
	} else if (t->of[RESULT_ERROR]) {
		list_kinds(check, RESULT_ERROR, list, sizeof(list));
		snprintf(buf, size,
			 "pinscope contradicts itself, so that there is no verdict on Linux %s: see %s.",
			 release, list);
	} else if (t->controls_bad) {
		snprintf(buf, size,
			 "On Linux %s not even memory that needs no copy is pinned reliably: that is another defect than the one that Linux 6.2 mended.",
			 release);
	} else if (t->of[RESULT_STALE]) {
		list_kinds(check, RESULT_STALE, list, sizeof(list));
		snprintf(buf, size,
			 "On Linux %s read-only long-term pins of private mappings are UNRELIABLE: after the next write the device sees stale data (%s).",
			 release, list);
	} else if (t->of[RESULT_FAIL]) {
		list_kinds(check, RESULT_FAIL, list, sizeof(list));
		snprintf(buf, size,
			 "On Linux %s read-only long-term pins FAIL for %s.",
			 release, list);
	} else if (t->of[RESULT_OK]) {
		snprintf(buf, size,
			 "On Linux %s read-only long-term pinning is reliable: in all %u cases tried, what the process writes is what the device sees%s.",
			 release, t->of[RESULT_OK],
			 t->of[RESULT_SKIP] ? ", but not every kind of memory could be tried" : "");
	} else {
		snprintf(buf, size,
			 "Nothing could be tried on Linux %s.", release);
	}
}

/* The kinds of the first table, of all that the machine has. */
static bool get_kinds(struct check *check)
{
	size_t nr, i;

	check->kinds = kinds_expand(&dir, 1, &nr);
	if (!check->kinds)
		return false;
	for (i = 0; i < nr; i++)
		if (check->kinds[i].traits & KIND_CHECK)
			check->kinds[check->nr_kinds++] = check->kinds[i];
	check->cells = calloc(CELLS_PER_KIND * check->nr_kinds, sizeof(*check->cells));
	return check->cells;
}

static void check_by_module(struct check *check)
{
	size_t i;

	for (i = 0; i < check->nr_kinds; i++)
		check_kind(check, &check->kinds[i], &check->cells[CELLS_PER_KIND * i]);
	check_patterns(check);
}

/*
 * Without the module, which then is said on stderr, root can still see what users of
 * GUP do. A module of another version is no reason to.
 */
static int open_module(struct check *check)
{
	struct pinscope_info info;
	int fd = pinscope_open();

	if (fd >= 0)
		close(fd);
	check->fd = tool_open(&info);
	return check->fd >= 0 || (fd < 0 && !geteuid()) ? 0 : -1;
}

static int cmd_check(const struct command *command, int argc, char **argv)
{
	struct check check = { .progress = show_progress };
	struct check_totals t = {};
	char sentence[500];
	int status;

	if (options_parse(command, argc, argv, &status) < 0)
		return status;
	if (open_module(&check))
		return EXIT_CANNOT;
	if (!check_choose_users(&check, by)) {
		status = EXIT_USAGE;
		goto out;
	}
	/* A page in another processor's LRU batch has a reference more: it is copied. */
	sys_stay_on_cpu(0);
	if (get_kinds(&check) && check.fd >= 0)
		check_by_module(&check);
	if (!check.cells || !check_users(&check)) {
		fprintf(stderr, "pinscope check: out of memory\n");
		status = EXIT_CANNOT;
		goto out;
	}
	end_progress();

	uname(&check.uts);
	if (check.fd >= 0)
		t = count(&check);
	verdict(&check, &t, sentence, sizeof(sentence));
	(json ? check_print_json : check_print_text)(&check, &t, sentence);
	status = check_status(&check, &t);
out:
	free(check.user_cells);
	free(check.cells);
	free(check.kinds);
	if (check.fd >= 0)
		close(check.fd);
	return status;
}

const struct command command_check = {
	.name = "check",
	.args = "",
	.summary = "is read-only long-term pinning reliable on this kernel?",
	.about =
"For each kind of memory: take a read-only long-term pin, let the process write, and\n"
"see whether the pinned page is still the page that the process sees. Then show what\n"
"else the gup_flags that drivers use do, and what real users of GUP (VFIO with a device\n"
"that does DMA, io_uring, ...) see after the process wrote. Without the module only the\n"
"last is shown, and by content alone.\n",
	.options = options,
	.run = cmd_check,
};
