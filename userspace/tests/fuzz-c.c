// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program of fuzz-test as one in C, which needs nothing but the headers of the ABI: to show
 * what a crash takes to somebody who has no fuzz-test. The calls of fuzz-calls.c print
 * themselves here instead of being made, so that what they pass is not said twice.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../../module/gup_test_abi.h"
#include "fuzz.h"

FILE *c_out;

/* fuzz-helpers.h, to print those of its functions that a program calls. */
__asm__(".pushsection .rodata\n"
	"fuzz_helpers: .incbin \"tests/fuzz-helpers.h\"\n"
	".byte 0\n"
	".popsection\n");

/* ------------------------------------------------------------------ the structs */

struct member {
	const char *name;
	size_t offset, size;
	const struct pinscope_name *bits, *numbers;	/* names of values, or NULL */
};

#define MEMBER(type, member, ...)							\
	{ .name = #member, .offset = offsetof(struct type, member),			\
	  .size = sizeof(((struct type *)0)->member), __VA_ARGS__ }

static const struct {
	unsigned long cmd;
	const char *name, *type;
	struct member members[13];
} structs[] = {
#define STRUCT(cmd, type, ...)	{ cmd, #cmd, "struct " #type, { __VA_ARGS__ } }
	STRUCT(PINSCOPE_IOC_INFO, pinscope_info, MEMBER(pinscope_info, size)),
	STRUCT(PINSCOPE_IOC_PIN, pinscope_pin, MEMBER(pinscope_pin, size),
	       MEMBER(pinscope_pin, call, .numbers = pinscope_call_names),
	       MEMBER(pinscope_pin, gup_flags, .bits = pinscope_gup_flags_names),
	       MEMBER(pinscope_pin, addr), MEMBER(pinscope_pin, len), MEMBER(pinscope_pin, flags),
	       MEMBER(pinscope_pin, target_type), MEMBER(pinscope_pin, target_nr),
	       MEMBER(pinscope_pin, batch)),
	STRUCT(PINSCOPE_IOC_UNPIN, pinscope_unpin, MEMBER(pinscope_unpin, size),
	       MEMBER(pinscope_unpin, id), MEMBER(pinscope_unpin, flags),
	       MEMBER(pinscope_unpin, reserved), MEMBER(pinscope_unpin, offset),
	       MEMBER(pinscope_unpin, len)),
	STRUCT(PINSCOPE_IOC_READ, pinscope_io, MEMBER(pinscope_io, size), MEMBER(pinscope_io, id),
	       MEMBER(pinscope_io, offset), MEMBER(pinscope_io, len), MEMBER(pinscope_io, buf)),
	STRUCT(PINSCOPE_IOC_WRITE, pinscope_io, MEMBER(pinscope_io, size), MEMBER(pinscope_io, id),
	       MEMBER(pinscope_io, offset), MEMBER(pinscope_io, len), MEMBER(pinscope_io, buf)),
	STRUCT(PINSCOPE_IOC_INSPECT, pinscope_inspect, MEMBER(pinscope_inspect, size),
	       MEMBER(pinscope_inspect, record_size), MEMBER(pinscope_inspect, addr),
	       MEMBER(pinscope_inspect, len), MEMBER(pinscope_inspect, records),
	       MEMBER(pinscope_inspect, nr), MEMBER(pinscope_inspect, reserved),
	       MEMBER(pinscope_inspect, target_type), MEMBER(pinscope_inspect, target_nr)),
	STRUCT(PINSCOPE_IOC_COMPARE, pinscope_compare, MEMBER(pinscope_compare, size),
	       MEMBER(pinscope_compare, id), MEMBER(pinscope_compare, addr),
	       MEMBER(pinscope_compare, target_type), MEMBER(pinscope_compare, target_nr),
	       MEMBER(pinscope_compare, bitmap), MEMBER(pinscope_compare, bitmap_size)),
	STRUCT(PINSCOPE_IOC_FAULT, pinscope_fault, MEMBER(pinscope_fault, size),
	       MEMBER(pinscope_fault, target_type), MEMBER(pinscope_fault, target_nr),
	       MEMBER(pinscope_fault, reserved),
	       MEMBER(pinscope_fault, flags, .bits = pinscope_fault_names),
	       MEMBER(pinscope_fault, addr), MEMBER(pinscope_fault, len),
	       MEMBER(pinscope_fault, results),
	       MEMBER(pinscope_fault, reserved2)),
	STRUCT(PINSCOPE_IOC_MAP_COUNTS, pinscope_map_counts, MEMBER(pinscope_map_counts, size),
	       MEMBER(pinscope_map_counts, reserved)),
	STRUCT(PINSCOPE_IOC_RSS, pinscope_rss, MEMBER(pinscope_rss, size),
	       MEMBER(pinscope_rss, target_type), MEMBER(pinscope_rss, target_nr),
	       MEMBER(pinscope_rss, reserved)),
	STRUCT(PINSCOPE_IOC_TRACK, pinscope_track, MEMBER(pinscope_track, size),
	       MEMBER(pinscope_track, op), MEMBER(pinscope_track, max_sites),
	       MEMBER(pinscope_track, flags)),
	STRUCT(PINSCOPE_IOC_HOLDERS, pinscope_holders, MEMBER(pinscope_holders, size),
	       MEMBER(pinscope_holders, record_size), MEMBER(pinscope_holders, records),
	       MEMBER(pinscope_holders, nr), MEMBER(pinscope_holders, next),
	       MEMBER(pinscope_holders, pfn), MEMBER(pinscope_holders, pfns),
	       MEMBER(pinscope_holders, reserved)),
#define GUP_TEST(cmd)									\
	STRUCT(cmd, gup_test, MEMBER(gup_test, addr), MEMBER(gup_test, size),		\
	       MEMBER(gup_test, nr_pages_per_call), MEMBER(gup_test, gup_flags),	\
	       MEMBER(gup_test, test_flags), MEMBER(gup_test, which_pages[0]),		\
	       MEMBER(gup_test, which_pages[1]))
	GUP_TEST(GUP_FAST_BENCHMARK), GUP_TEST(PIN_FAST_BENCHMARK),
	GUP_TEST(PIN_LONGTERM_BENCHMARK), GUP_TEST(GUP_BASIC_TEST), GUP_TEST(PIN_BASIC_TEST),
	GUP_TEST(DUMP_USER_PAGES_TEST),
	STRUCT(PIN_LONGTERM_TEST_START, pin_longterm_test, MEMBER(pin_longterm_test, addr),
	       MEMBER(pin_longterm_test, size), MEMBER(pin_longterm_test, flags)),
	{ PIN_LONGTERM_TEST_READ, "PIN_LONGTERM_TEST_READ", "unsigned long",
	  { { .name = "" } } },
};

/* Index into structs[]; each command that programs consist of has one. */
static unsigned int struct_of(unsigned long cmd)
{
	unsigned int i = 0;

	while (structs[i].cmd != cmd)
		if (++i == ARRAY_SIZE(structs))
			abort();
	return i;
}

const char *c_command(unsigned long cmd)
{
	return structs[struct_of(cmd)].name;
}

const char *c_int(int value)
{
	static const char *const names[] = {
		"w.files[%u]", "w.fds[%u]", "w.ids[%u]", "w.kids[%u]", "w.tids[%u]", "w.peer",
		"w.peer_fd", "getpid()", "w.self_fd", "getppid()", "w.gone_fd",
	};
	static char texts[4][30];
	static unsigned int last;
	char *text = texts[last++ % ARRAY_SIZE(texts)];

	if (value >= C_FILE && value < C_END)
		snprintf(text, sizeof(texts[0]), names[(value - C_FILE) / 0x10],
			 (value - C_FILE) % 0x10);
	else
		snprintf(text, sizeof(texts[0]), "%d", value);
	return text;
}

const char *c_map_flags(int flags)
{
	static char text[80];

	snprintf(text, sizeof(text), "%s%s%s%s",
		 flags & MAP_SHARED ? "MAP_SHARED" : "MAP_PRIVATE",
		 flags & MAP_FIXED ? " | MAP_FIXED" : "",
		 flags & MAP_ANONYMOUS ? " | MAP_ANONYMOUS" : "",
		 flags & MAP_HUGETLB ? " | MAP_HUGETLB" : "");
	return text;
}

/* What a reader knows a value by, or NULL. */
static const char *name_of(const struct member *m, uint64_t value)
{
	static char text[300];

	if (m->numbers)
		return pinscope_name(m->numbers, value);
	return m->bits && value ? pinscope_names(m->bits, value, text, sizeof(text)) : NULL;
}

static void print_member(const struct member *m, const char *arg)
{
	const char *name;
	uint64_t value = 0;

	memcpy(&value, arg + m->offset, m->size);
	if (!strcmp(m->name, "size") && !m->offset) {
		fprintf(c_out, "\t\t\t.size = sizeof(arg),\n");
		return;
	}
	name = name_of(m, value);
	if (!value && !m->numbers)
		return;
	fprintf(c_out, "\t\t\t.%s = ", m->name);
	if (m->size == 4 && value >= C_FILE && value < C_END)
		fprintf(c_out, "%s,", c_int(value));
	else
		fprintf(c_out, "0x%lx,", value);
	fprintf(c_out, name ? "\t/* %s */\n" : "\n", name);
}

void c_struct(unsigned long cmd, const void *arg)
{
	const unsigned int i = struct_of(cmd);
	const struct member *m = structs[i].members;

	if (!*m->name) {
		fprintf(c_out, "\t\t%s arg = 0x%lx;\n", structs[i].type, *(const uint64_t *)arg);
		return;
	}
	fprintf(c_out, "\t\t%s arg = {\n", structs[i].type);
	for (; m->name; m++)
		print_member(m, arg);
	fprintf(c_out, "\t\t};\n");
}

/* ------------------------------------------------------------------- statements */

static bool printed;	/* by the call: a statement that sets ret */

static void print(const char *before, const char *format, va_list ap)
{
	fprintf(c_out, "\t\t%s", before);
	vfprintf(c_out, format, ap);
	fprintf(c_out, ";\n");
}

long c_statement(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print("ret = ", format, ap);
	va_end(ap);
	printed = true;
	return 0;
}

void c_text(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print("", format, ap);
	va_end(ap);
}

void *c_place(const char *format, ...)
{
	static char place;
	va_list ap;

	va_start(ap, format);
	print("void *at = ", format, ap);
	va_end(ap);
	return &place;
}

/* A call, and what it has done, as --replay says it. */
static void print_call(struct runner *t, const struct op *op)
{
	const char *name = fuzz_calls[op->call].name;
	const struct program alone = { .nr = 1, .op = { *op } };
	long ret;

	fprintf(c_out, "\t/* ");
	program_print(c_out, &alone, " */\n");
	fprintf(c_out, "\t{\n");
	printed = false;
	ret = fuzz_call(t, op);
	if (!printed)
		fprintf(c_out, "\t\tret = %s;\n\t\terrno = %ld;\n", ret < 0 ? "-1" : "0",
			ret < 0 ? -ret : 0);
	fprintf(c_out, "\t\tsaid(\"%s\", ret);\n\t}\n", name);
}

static void print_thread(const struct program *p, unsigned int nr, unsigned int thread)
{
	struct runner *t = &world.runners[thread];
	unsigned int i;

	fprintf(c_out, "static void *program_%u_%u(void *arg)\n{\n\tlong ret;\n\n", nr, thread);
	fprintf(c_out, "\tbegin(%u);\n", thread);
	for (i = 0; i < p->nr; i++)
		if (p->op[i].thread == thread)
			print_call(t, &p->op[i]);
	t->fail = 0;
	fuzz_regain(t);
	fprintf(c_out, "\treturn arg;\n}\n\n");
}

static bool has_thread(const struct program *p, unsigned int thread)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++)
		if (p->op[i].thread == thread)
			return true;
	return !thread;
}

static void print_program(const struct program *p, unsigned int nr)
{
	static const char *const paths[] = {
		PINSCOPE_CTL_PATH, PINSCOPE_MAP_PATH, PINSCOPE_DEBUGFS "/gup_test",
	};
	unsigned int i, files = program_files(p);

	for (i = 0; i < FUZZ_THREADS; i++)
		if (has_thread(p, i))
			print_thread(p, nr, i);
	fprintf(c_out, "static void program_%u(void)\n{\n", nr);
	for (i = 1; i < FUZZ_THREADS; i++)
		if (has_thread(p, i))
			fprintf(c_out, "\tpthread_t thread_%u;\n", i);
	fprintf(c_out, "\tprintf(\"# program %u\\n\");\n\tcreate();\n", nr);
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		if (files & 1U << i)
			fprintf(c_out, "\tw.fds[%u] = open(\"%s\", O_RDWR | O_CLOEXEC);\n", i,
				paths[i]);
	fprintf(c_out, "\tpthread_barrier_init(&go, NULL, %d);\n",
		1 + has_thread(p, 1) + has_thread(p, 2));
	for (i = 1; i < FUZZ_THREADS; i++)
		if (has_thread(p, i))
			fprintf(c_out, "\tpthread_create(&thread_%u, NULL, program_%u_%u, NULL);\n",
				i, nr, i);
	fprintf(c_out, "\tprogram_%u_0(NULL);\n", nr);
	for (i = 1; i < FUZZ_THREADS; i++)
		if (has_thread(p, i))
			fprintf(c_out, "\tpthread_join(thread_%u, NULL);\n", i);
	fprintf(c_out, "\tend();\n}\n\n");
}

/* ---------------------------------------------------------------- the C program */

static const char includes[] =
"#define _GNU_SOURCE\n"
"#include <errno.h>\n"
"#include <fcntl.h>\n"
"#include <linux/capability.h>\n"
"#include <pthread.h>\n"
"#include <signal.h>\n"
"#include <stdio.h>\n"
"#include <string.h>\n"
"#include <sys/ioctl.h>\n"
"#include <sys/mman.h>\n"
"#include <sys/prctl.h>\n"
"#include <sys/syscall.h>\n"
"#include <sys/uio.h>\n"
"#include <sys/wait.h>\n"
"#include <unistd.h>\n"
"\n"
"#include \"pinscope_abi.h\"\n"
"#include \"gup_test_abi.h\"\n"
"\n";

static const char world_of_c[] =
"/* Open files and what is known of the module's pins, processes and threads. */\n"
"static struct {\n"
"\tint files[16], fds[16];\n"
"\tunsigned int ids[16];\n"
"\tpid_t kids[16], tids[16], peer;\n"
"\tint peer_fd, self_fd, gone_fd, failed;\n"
"} w = { .fds = { -1, -1, -1, -1, -1, -1 } };\n"
"\n"
"static void said(const char *call, long ret)\n"
"{\n"
"\tprintf(\"# %s: %s\\n\", call, ret < 0 ? strerrorname_np(errno) : \"ok\");\n"
"\tfflush(stdout);\n"
"}\n"
"\n";

static const char buffers_of_c[] =
"/* Of a thread: two pages, and one that nothing can access, and a page with two addresses. */\n"
"static __thread char *buf, *writable, *readonly;\n"
"\n"
"static void make_buffers(void)\n"
"{\n"
"\tconst long page = sysconf(_SC_PAGESIZE);\n"
"\tint fd;\n"
"\n"
"\tif (buf)\n"
"\t\treturn;\n"
"\tfd = memfd_create(\"buffer\", MFD_CLOEXEC);\n"
"\tif (fd < 0 || ftruncate(fd, page))\n"
"\t\treturn;\n"
"\tbuf = mmap(NULL, 3 * page, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n"
"\tmprotect(buf + 2 * page, page, PROT_NONE);\n"
"\twritable = mmap(NULL, page, 3, MAP_SHARED, fd, 0);\n"
"\treadonly = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);\n"
"\tclose(fd);\n"
"}\n"
"\n";

static const char end_of_c[] =
"static void end(void)\n"
"{\n"
"\tunsigned int i;\n"
"\n"
"\tfor (i = 0; i < 6; i++) {\n"
"\t\tif (w.fds[i] >= 0)\n"
"\t\t\tclose(w.fds[i]);\n"
"\t\tw.fds[i] = -1;\n"
"\t}\n"
"\tfor (i = 0; i < 2; i++) {\n"
"\t\tif (w.kids[i] && !kill(w.kids[i], SIGKILL))\n"
"\t\t\twaitpid(w.kids[i], NULL, 0);\n"
"\t\tw.kids[i] = 0;\n"
"\t}\n"
"\tmemset(w.ids, 0, sizeof(w.ids));\n"
"}\n"
"\n";

static const char peer_of_c[] =
"/* Another process. */\n"
"static void start_peer(void)\n"
"{\n"
"\tcreate();\n"
"\tw.peer = fork();\n"
"\tif (!w.peer) {\n"
"\t\tprctl(PR_SET_PDEATHSIG, SIGKILL);\n"
"\t\tfor (;;)\n"
"\t\t\tpause();\n"
"\t}\n"
"\tw.peer_fd = syscall(SYS_pidfd_open, w.peer, 0);\n"
"}\n"
"\n";

/* Those functions of fuzz-helpers.h whose names are followed by a '(' in @calls. */
static void print_helpers(FILE *to, const char *calls)
{
	/* Behind the first comment. */
	const char *from = strstr(fuzz_helpers, "\n\n"), *end, *name, *open;
	char call[40];

	for (; from && from[2]; from = end) {
		from += 2;
		end = strstr(from, "\n}\n\n");
		name = strstr(from, "\nstatic ");
		open = name ? strchr(name, '(') : NULL;
		if (!end || !open)
			abort();
		end += 2;
		for (name = open; isalnum(name[-1]) || name[-1] == '_';)
			name--;
		snprintf(call, sizeof(call), "%.*s(", (int)(open - name), name);
		if (strstr(calls, call))
			fwrite(from, 1, end + 2 - from, to);
	}
}

static void print_fault_knobs(FILE *to)
{
	size_t i;

	for (i = 0; i < fuzz_nr_fault_knobs; i++)
		fprintf(to, "\twrite_text(\"" PINSCOPE_DEBUGFS "/%s\", \"%s\");\n",
			fuzz_fault_knobs[i][0], fuzz_fault_knobs[i][1]);
}

static void print_main(FILE *to, const char *calls, bool peer, unsigned int nr)
{
	unsigned int i;

	if (strstr(calls, "SIGUSR1"))
		fprintf(to, "static void no_action(int sig)\n{\n\t(void)sig;\n}\n\n"
			"static const struct sigaction no_restart = { .sa_handler = no_action };\n\n");
	fprintf(to, "int main(void)\n{\n");
	/* Those of threads that a program has not. */
	if (strstr(calls, "w.tids"))
		fprintf(to, "\tw.tids[0] = w.tids[1] = w.tids[2] = getpid();\n");
	if (strstr(calls, "SIGUSR1"))
		fprintf(to, "\tsigaction(SIGUSR1, &no_restart, NULL);\n");
	if (strstr(calls, "fail_nth("))
		print_fault_knobs(to);
	if (strstr(calls, "w.self_fd"))
		fprintf(to, "\tw.self_fd = syscall(SYS_pidfd_open, getpid(), 0);\n");
	if (strstr(calls, "w.gone_fd"))
		fprintf(to, "\tw.gone_fd = pidfd_of_dead();\n");
	if (peer)
		fprintf(to, "\tstart_peer();\n");
	for (i = 0; i < nr; i++)
		fprintf(to, "\tprogram_%u();\n", i);
	fprintf(to, "\treturn 0;\n}\n");
}

void c_print(FILE *to, const struct program *programs, unsigned int nr, const char *name)
{
	bool peer, buffers;
	size_t size;
	char *calls;
	unsigned int i;

	world_imagine();
	c_out = open_memstream(&calls, &size);
	for (i = 0; i < nr; i++)
		print_program(&programs[i], i);
	fclose(c_out);
	c_out = NULL;
	peer = strstr(calls, "w.peer");
	buffers = strstr(calls, "(buf") || strstr(calls, "(writable");
	fprintf(to, "/*\n * What fuzz-test does with the programs of %s.\n"
		" * To build it: gcc -static -pthread -I module ...\n */\n%s%s", name, includes,
		world_of_c);
	if (buffers)
		fputs(buffers_of_c, to);
	print_helpers(to, calls);
	if (strstr(calls, "w.gone_fd"))
		print_helpers(to, "pidfd_of_dead(");
	if (strstr(calls, "fail_nth(") && !strstr(calls, "write_text("))
		print_helpers(to, "write_text(");
	world_print(to, calls);
	if (peer)
		fputs(peer_of_c, to);
	fprintf(to, "static pthread_barrier_t go;\n\nstatic void begin(unsigned int thread)\n{\n");
	fprintf(to, "\tw.tids[thread] = syscall(SYS_gettid);\n%s",
		buffers ? "\tmake_buffers();\n" : "");
	fprintf(to, "\tpthread_barrier_wait(&go);\n}\n\n");
	fputs(end_of_c, to);
	fputs(calls, to);
	print_main(to, calls, peer, nr);
	free(calls);
}
