// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope explain: would this pin work, why, and what to do instead?
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "explain.h"

#define F(name)	PINSCOPE_FOLL_##name

static bool json, list;

static const struct option_row options[] = {
	{ "list", 'l', NULL, false,
	  "Only list the FOLL flags; 'pinscope test --list=calls' lists the calls.",
	  set_true, &list, 0, 0 },
	OPTION_JSON(&json),
	{}
};

/* What drivers ask for; the first one is explained at length. */
static const struct {
	uint64_t gup_flags;
	const char *why;
} patterns[] = {
	{ F(LONGTERM), "read for long: RDMA, VFIO, GPUs" },
	{ F(LONGTERM) | F(WRITE), "written for long: io_uring, RDMA" },
	{ 0, "direct I/O, a write to disk" },
	{ F(WRITE), "direct I/O, a read from disk" },
	{ F(LONGTERM) | F(WRITE) | F(FORCE), "drivers before Linux 6.2" },
};

enum { PATTERNS = ARRAY_SIZE(patterns) };

/* RLIMIT_MEMLOCK, which GUP does not look at, but drivers do. */
struct memlock {
	bool known, unlimited, exempt;
	uint64_t limit, used;	/* bytes */
};

static size_t read_text(const struct process *p, const char *name, char *buf, size_t size)
{
	char path[48];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/%s", p->pid, name);
	file = fopen(path, "re");
	len = file ? fread(buf, 1, size - 1, file) : 0;
	if (file)
		fclose(file);
	buf[len] = '\0';
	return len;
}

static uint64_t kib_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) << 10 : 0;
}

static struct memlock find_memlock(const struct process *p)
{
	const unsigned int cap_ipc_lock = 14;
	struct memlock m = {};
	char text[4096], *at;

	read_text(p, "limits", text, sizeof(text));
	at = strstr(text, "Max locked memory");
	if (!at)
		return m;
	m.known = true;
	at += strlen("Max locked memory");
	at += strspn(at, " ");
	m.unlimited = !strncmp(at, "unlimited", 9);
	m.limit = strtoull(at, NULL, 10);
	read_text(p, "status", text, sizeof(text));
	m.used = kib_of(text, "\nVmLck:") + kib_of(text, "\nVmPin:");
	at = strstr(text, "\nCapEff:");
	m.exempt = at && strtoull(at + 8, NULL, 16) & 1ULL << cap_ipc_lock;
	return m;
}

/* A sentence, or "" where the limit does not matter. */
static const char *memlock_text(const struct memlock *m, const struct range *range, char *buf,
				size_t size)
{
	char limit[12], used[12], len[12];

	*buf = '\0';
	if (!m->known || m->unlimited || m->exempt || m->used + range->len <= m->limit)
		return buf;
	snprintf(buf, size,
		 "RLIMIT_MEMLOCK of the process is %s, and %s of that are used: GUP does not look at it, but drivers that charge pinned pages (RDMA, VFIO, io_uring, AF_XDP) refuse %s with ENOMEM. Raise it (ulimit -l, prlimit, LimitMEMLOCK=), or give the process CAP_IPC_LOCK.",
		 size_text(m->limit, limit, sizeof(limit)),
		 size_text(m->used, used, sizeof(used)),
		 size_text(range->len, len, sizeof(len)));
	return buf;
}

/* ---------------------------------------------------------------- arguments */

static bool parse_flags(const char *text, uint64_t *flags)
{
	const char *names[65] = {};
	char unknown[64];
	size_t i;

	if (!pinscope_parse(pinscope_gup_flags_names, text, flags))
		return true;
	for (i = 0; i < 64 && pinscope_gup_flags_names[i].name; i++)
		names[i] = pinscope_gup_flags_names[i].name;
	unknown_name("explain", "FOLL flag",
		     pinscope_unknown_name(pinscope_gup_flags_names, text, unknown,
					   sizeof(unknown)) ? unknown : text, names,
		     "pinscope explain --list");
	return false;
}

static int list_flags(void)
{
	size_t i;

	for (i = 0; pinscope_gup_flags_names[i].name; i++)
		puts(pinscope_gup_flags_names[i].name);
	return EXIT_GOOD;
}

static bool parse_call(const char *text, unsigned int *call)
{
	const char *names[PINSCOPE_CALLS + 1] = {};
	int number = pinscope_number(pinscope_call_names, text), i;

	if (number == PINSCOPE_CALL_PIN_MEMFD) {
		fprintf(stderr,
			"pinscope explain: pin-memfd pins a part of a file, not of a process: it works for memfds and hugetlbfs, whoever maps them\n");
		return false;
	}
	if (number >= 0) {
		*call = number;
		return true;
	}
	for (i = 0; i < PINSCOPE_CALLS; i++)
		names[i] = pinscope_name(pinscope_call_names, i);
	unknown_name("explain", "call", text, names, "pinscope test --list=calls");
	return false;
}

/* --------------------------------------------------------------------- text */

static const char *request_text(const struct pin_request *request, char *buf, size_t size)
{
	char flags[NAMES_MAX], *c;

	pinscope_names(pinscope_gup_flags_names, request->gup_flags, flags, sizeof(flags));
	for (c = flags; *c; c++)
		if (*c == '|')
			*c = '+';
	snprintf(buf, size, "%s%s%.90s", pinscope_name(pinscope_call_names, request->call),
		 request->gup_flags ? "+" : "", request->gup_flags ? flags : "");
	return buf;
}

static const char *release_text(const struct check *check, char *buf, size_t size)
{
	*buf = '\0';
	if (check->since)
		snprintf(buf, size, ", since Linux %u.%u", KERNEL_MAJOR(check->since),
			 KERNEL_MINOR(check->since));
	else if (check->before)
		snprintf(buf, size, ", before Linux %u.%u", KERNEL_MAJOR(check->before),
			 KERNEL_MINOR(check->before));
	return buf;
}

static void print_check(const struct check *check)
{
	char release[40], first[120];

	snprintf(first, sizeof(first), "    %s()%s: ", check->function,
		 release_text(check, release, sizeof(release)));
	print_wrapped(stdout, first, check->why, 4);
}

static void print_group(const struct group *g)
{
	const struct prediction *p = &g->prediction;
	char text[120], size[12];
	unsigned int i;

	printf("  %s of %s from 0x%llx: %s\n",
	       size_text(g->pages * sys_page_size(), size, sizeof(size)), g->kind,
	       (unsigned long long)g->addr, prediction_text(p, text, sizeof(text)));
	print_check(p->check);
	if (p->then)
		print_check(p->then);
	for (i = 0; i < EFFECTS; i++)
		if ((p->effects | p->may) & 1U << i)
			print_wrapped(stdout, p->may & 1U << i ? "    Perhaps: " :
				      "    Side effect: ", effect_texts[i], 4);
	if (p->check->instead)
		print_wrapped(stdout, "    Instead: ", p->check->instead, 4);
}

static void print_answer(const struct answer_to *a)
{
	char name[120], verdict[80], first[240];
	size_t i;

	snprintf(first, sizeof(first), "%s: %s", request_text(&a->request, name, sizeof(name)),
		 verdict_text(a, verdict, sizeof(verdict)));
	printf("%s", first);
	if (a->bad >= 0)
		printf(" at 0x%llx, after %llu pages",
		       (unsigned long long)a->groups[a->bad].addr,
		       (unsigned long long)a->pages);
	printf("\n");
	for (i = 0; i < a->nr; i++)
		print_group(&a->groups[i]);
}

/* A request in one line: what becomes of how much. */
static void print_short(const struct answer_to *a)
{
	char name[120], text[120], size[12], line[600] = "", first[240];
	const char *reliable = "";
	size_t i, len = 0;

	snprintf(first, sizeof(first), "%s (%s): ",
		 request_text(&a->request, name, sizeof(name)), a->why);
	for (i = 0; i < a->nr && len < sizeof(line); i++) {
		const struct prediction *p = &a->groups[i].prediction;

		len += snprintf(line + len, sizeof(line) - len, "%s%s %s, by %s()",
				i ? "; " : "",
				size_text(a->groups[i].pages * sys_page_size(), size,
					  sizeof(size)),
				prediction_text(p, text, sizeof(text)), p->check->function);
		if (p->effects & EFFECT_STALE)
			reliable = "; not reliable";
	}
	if (len < sizeof(line))
		snprintf(line + len, sizeof(line) - len, "%s", reliable);
	print_wrapped(stdout, first, line, 4);
}

static void print_text(const struct live *l, const struct range *range,
		       const struct answer_to *answers, size_t nr, const struct memlock *memlock)
{
	char size[12], text[400];
	struct utsname uts;
	size_t i;

	uname(&uts);
	printf("process %d (%s%s), 0x%llx-0x%llx, %s, Linux %s\n\n", l->process.pid,
	       l->process.command, l->process.compat ? ", 32 bits" : "",
	       (unsigned long long)range->addr, (unsigned long long)range->addr + range->len,
	       size_text(range->len, size, sizeof(size)), uts.release);
	print_answer(&answers[0]);
	if (*memlock_text(memlock, range, text, sizeof(text)))
		print_wrapped(stdout, "", text, 0);
	if (nr > 1)
		printf("\nOther pins:\n");
	for (i = 1; i < nr; i++)
		print_short(&answers[i]);
}

/* --------------------------------------------------------------------- JSON */

static json_t *json_bits(unsigned int bits, const char *const *names, unsigned int nr)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (bits & 1U << i)
			json_array_append_new(array, json_string(names[i]));
	return array;
}

static void set_release(json_t *object, const char *name, unsigned int release)
{
	char text[16];

	if (!release)
		return;
	snprintf(text, sizeof(text), "%u.%u", KERNEL_MAJOR(release), KERNEL_MINOR(release));
	json_object_set_new(object, name, json_string(text));
}

static json_t *json_check(const struct check *check)
{
	json_t *object = json_pack("{s:s, s:s}", "function", check->function, "why",
				   check->why);

	set_release(object, "since", check->since);
	set_release(object, "before", check->before);
	if (check->instead)
		json_object_set_new(object, "instead", json_string(check->instead));
	return object;
}

static json_t *json_group(const struct group *g)
{
	const struct prediction *p = &g->prediction;
	json_t *object = json_pack("{s:o, s:I, s:s, s:o, s:o, s:o, s:o}",
				   "addr", json_address(g->addr),
				   "pages", (json_int_t)g->pages, "kind", g->kind,
				   "outcomes", json_bits(p->fates, fate_names, FATES),
				   "side_effects", json_bits(p->effects, effect_texts, EFFECTS),
				   "possible_side_effects",
				   json_bits(p->may, effect_texts, EFFECTS),
				   "check", json_check(p->check));

	if (p->fates & FATE_REFUSED)
		json_object_set_new(object, "errno", json_string(pinscope_errno(p->error)));
	if (p->then)
		json_object_set_new(object, "then", json_check(p->then));
	return object;
}

static json_t *json_answer(const struct answer_to *a)
{
	json_t *groups = json_array();
	char name[120], verdict[80];
	size_t i;

	for (i = 0; i < a->nr; i++)
		json_array_append_new(groups, json_group(&a->groups[i]));
	return json_pack("{s:s, s:s, s:b, s:s, s:I, s:o}",
			 "pin", request_text(&a->request, name, sizeof(name)),
			 "when", a->why, "works", a->bad < 0,
			 "verdict", verdict_text(a, verdict, sizeof(verdict)),
			 "pages_before", (json_int_t)a->pages, "groups", groups);
}

static void print_json(const struct live *l, const struct range *range,
		       const struct answer_to *answers, size_t nr, const struct memlock *memlock)
{
	json_t *pins = json_array(), *root, *name = json_string(l->process.command);
	struct utsname uts;
	char text[400];
	size_t i;

	uname(&uts);
	for (i = 0; i < nr; i++)
		json_array_append_new(pins, json_answer(&answers[i]));
	root = json_pack("{s:i, s:o, s:s, s:o, s:I, s:s, s:o}", "pid", l->process.pid,
			 "command", name ? name : json_string(""), "kernel", uts.release,
			 "addr", json_address(range->addr), "len", (json_int_t)range->len,
			 "memlock", memlock_text(memlock, range, text, sizeof(text)),
			 "pins", pins);
	json_dumpf(root, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(root);
}

/* -------------------------------------------------------------------- whole */

static int explain(struct live *l, const struct range *range, struct answer_to *answers,
		   size_t nr)
{
	struct memlock memlock;
	struct vma vma;

	/* An address that INSPECT refuses, but cannot say why. */
	if (l->process.compat && range->addr >> 32 &&
	    vma_lookup(&l->process, range->addr, false, &vma))
		return live_said(l);
	if (explain_range(l, range, answers, nr))
		return live_said(l);
	memlock = find_memlock(&l->process);
	if (!(answers[0].request.gup_flags & F(LONGTERM)))
		memlock.known = false;
	if (json)
		print_json(l, range, answers, nr, &memlock);
	else
		print_text(l, range, answers, nr, &memlock);
	return answers[0].bad < 0 ? EXIT_GOOD : EXIT_BAD;
}

static int explain_args(struct live *l, int argc, char **argv)
{
	static struct answer_to answers[PATTERNS];
	unsigned int call = PINSCOPE_CALL_PIN_FAST;
	uint64_t flags;
	struct range range;
	size_t nr = PATTERNS, i;
	int status;

	if (argc < 2) {
		fprintf(stderr,
			"pinscope explain: expected PID ADDR[+LEN] [FLAGS [CALL]], found %s; 'pinscope explain --help' says more\n",
			argc ? "no address" : "nothing");
		return EXIT_USAGE;
	}
	if (!parse_range("explain", argv[1], &range) ||
	    (argc > 3 && !parse_call(argv[3], &call)))
		return EXIT_USAGE;
	for (i = 0; i < PATTERNS; i++) {
		answers[i].request = (struct pin_request) {
			.call = call, .gup_flags = patterns[i].gup_flags,
		};
		answers[i].why = patterns[i].why;
	}
	if (argc > 2) {
		if (!parse_flags(argv[2], &flags))
			return EXIT_USAGE;
		answers[0].request.gup_flags = flags;
		answers[0].why = "as asked for";
		nr = 1;
	}
	status = live_open(l, "explain", argv[0]);
	return status ? status : explain(l, &range, answers, nr);
}

static int cmd_explain(const struct command *command, int argc, char **argv)
{
	struct live l = { .fd = -1, .process = { .proc = -1, .pidfd = -1 } };
	int first, status;

	first = options_parse(command, argc, argv, &status);
	if (first < 0)
		return status;
	if (list)
		return list_flags();
	status = explain_args(&l, argc - first, argv + first);
	live_close(&l);
	return status;
}

const struct command command_explain = {
	.name = "explain",
	.args = "PID ADDR[+LEN] [FLAGS [CALL]]",
	.summary = "would this pin work, why, and what to do instead",
	.about =
"Says what a pin of this memory by the process would do, without touching anything:\n"
"which check of mm refuses it, or what becomes of the pages; side effects; and what to\n"
"do instead. FLAGS are FOLL flags, such as LONGTERM+WRITE, CALL is a call of mm/gup.c\n"
"[pin-fast]; without FLAGS it is LONGTERM, and then each usual pin in short. Addresses\n"
"are hexadecimal; LEN is like 4096, 64k or 1t. The exit status is 1 when the first pin\n"
"would not work for certain.\n",
	.options = options,
	.max_args = 4,
	.run = cmd_explain,
};
