// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `audit` and `who` say of a site: the kernel's symbols of its callers, and
 * who it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sites.h"

/* A function of the kernel, from /proc/kallsyms: "function" or "function [module]". */
struct symbol {
	uint64_t addr;
	size_t name;		/* in @names */
};

static struct symbol *symbols;
static size_t nr_symbols, max_symbols;
static char *names;
static size_t names_len, names_room;

static int by_addr(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Returns an array with room for @nr elements, and sets *@room; NULL: no memory. */
static void *with_room(void *array, size_t nr, size_t *room, size_t element)
{
	size_t more = nr > 2 * *room ? nr : 2 * *room;
	void *grown;

	if (nr <= *room)
		return array;
	grown = realloc(array, more * element);
	if (grown)
		*room = more;
	return grown;
}

static bool add_symbol(uint64_t addr, const char *name)
{
	size_t len = strlen(name) + 1;
	struct symbol *grown = with_room(symbols, nr_symbols + 1, &max_symbols,
					 sizeof(*symbols));
	char *text;

	if (!grown)
		return false;
	symbols = grown;
	text = with_room(names, names_len + len, &names_room, 1);
	if (!text)
		return false;
	names = text;
	memcpy(names + names_len, name, len);
	symbols[nr_symbols++] = (struct symbol) { .addr = addr, .name = names_len };
	names_len += len;
	return true;
}

static void read_symbols(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512], name[256], module[128], text[400], type;
	unsigned long long addr;
	int fields;

	while (file && fgets(line, sizeof(line), file)) {
		fields = sscanf(line, "%llx %c %255s [%127[^]]", &addr, &type, name, module);
		/* All addresses are 0 for who may not see them. */
		if (fields < 3 || !strchr("tTwW", type) || !addr)
			continue;
		if (fields == 4)
			snprintf(text, sizeof(text), "%s [%s]", name, module);
		else
			snprintf(text, sizeof(text), "%s", name);
		if (!add_symbol(addr, text))
			break;
	}
	if (file)
		fclose(file);
	if (nr_symbols)
		qsort(symbols, nr_symbols, sizeof(*symbols), by_addr);
}

/* The last symbol that begins at @addr or before. */
static const struct symbol *find_symbol(uint64_t addr)
{
	static bool was_read;
	size_t low = 0, high, mid;

	if (!was_read)
		read_symbols();
	was_read = true;
	for (high = nr_symbols; low < high;) {
		mid = low + (high - low) / 2;
		if (symbols[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &symbols[low - 1] : NULL;
}

const char *symbol_of(uint64_t addr)
{
	const struct symbol *symbol = find_symbol(addr);

	return symbol ? names + symbol->name : NULL;
}

const char *symbol_at(uint64_t addr, char *buf, size_t size)
{
	const struct symbol *symbol = find_symbol(addr);
	const char *name, *module;

	if (!symbol) {
		snprintf(buf, size, "0x%llx", (unsigned long long)addr);
		return buf;
	}
	name = names + symbol->name;
	module = strchr(name, ' ');
	snprintf(buf, size, "%.*s+0x%llx%s", module ? (int)(module - name) : 200, name,
		 (unsigned long long)(addr - symbol->addr), module ? module : "");
	return buf;
}

/* Functions that pin for others: whoever called them is the one to name. */
static const char *const helpers[] = {
	"iov_iter_", "__iov_iter_", "bio_iov_iter_", "io_pin_pages", "__bio_",
	"frame_vector_", "get_vaddr_frames", "ib_umem_get",
	"__ib_umem_get",
};

uint64_t site_caller(const struct pinscope_site *site)
{
	const char *name;
	size_t i, k;

	for (i = 0; i < PINSCOPE_SITE_STACK && site->stack[i]; i++) {
		name = symbol_of(site->stack[i]);
		if (!name)
			continue;
		for (k = 0; k < ARRAY_SIZE(helpers); k++)
			if (!strncmp(name, helpers[k], strlen(helpers[k])))
				break;
		if (k == ARRAY_SIZE(helpers))
			return site->stack[i];
	}
	return site->stack[0];
}

const char *site_name(const struct pinscope_site *site)
{
	const char *name = symbol_of(site_caller(site));

	return name ? name : "?";
}

bool site_is_longterm(const struct pinscope_site *site)
{
	return site->gup_flags & PINSCOPE_FOLL_LONGTERM ||
	       site->call == PINSCOPE_CALL_PIN_MEMFD;
}

const char *site_flags(const struct pinscope_site *site, char *buf, size_t size)
{
	if (site->gup_flags)
		pinscope_names(pinscope_gup_flags_names, site->gup_flags, buf, size);
	else
		snprintf(buf, size, "0");
	return buf;
}

void print_holder(const struct pinscope_site *site)
{
	char flags[NAMES_MAX], where[NAMES_MAX], age[24];

	printf("    held by %s, %s %s,\n        process %d %.16s: ",
	       symbol_at(site_caller(site), where, sizeof(where)),
	       pinscope_name(pinscope_call_names, site->call),
	       site_flags(site, flags, sizeof(flags)), site->pid, site->comm);
	if (site->held != site->held_surely)
		printf("%llu to ", site->held_surely);
	printf("%llu pin%s, for %s\n", site->held, site->held == 1 ? "" : "s",
	       duration(site->oldest_ns, age, sizeof(age)));
}

json_t *site_json(const struct pinscope_site *site)
{
	json_t *stack = json_array(), *comm;
	char text[NAMES_MAX];
	size_t i;

	for (i = 0; i < PINSCOPE_SITE_STACK && site->stack[i]; i++)
		json_array_append_new(stack, json_string(symbol_at(site->stack[i], text,
								   sizeof(text))));
	site_flags(site, text, sizeof(text));
	/* A name need not be UTF-8. */
	comm = json_stringn(site->comm, strnlen(site->comm, sizeof(site->comm)));
	return json_pack("{s:s, s:o, s:s, s:s, s:i, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "caller", site_name(site), "stack", stack,
			 "call", pinscope_name(pinscope_call_names, site->call),
			 "gup_flags", text, "pid", site->pid,
			 "comm", comm ? comm : json_string(""),
			 "calls", (json_int_t)site->calls, "failed", (json_int_t)site->failed,
			 "pages", (json_int_t)site->pages,
			 "held_at_most", (json_int_t)site->held,
			 "held_at_least", (json_int_t)site->held_surely,
			 "oldest_ns", (json_int_t)site->oldest_ns,
			 "longest_ns", (json_int_t)site->longest_ns,
			 "slowest_call_ns", (json_int_t)site->slowest_ns);
}

const char *track_advice(int err)
{
	static const struct {
		int err;
		const char *text;
	} advice[] = {
		{
			-EBUSY,
			": it is on already; echo 0 >/sys/kernel/debug/pinscope/tracking stops it"
		}, {
			-EOPNOTSUPP,
			": the kernel lacks CONFIG_KRETPROBES or CONFIG_DYNAMIC_FTRACE_WITH_REGS, or has CONFIG_PREEMPT_RT"
		}, {
			-ENODEV,
			": ftrace or kprobes are off; see /proc/sys/kernel/ftrace_enabled and /sys/kernel/debug/kprobes/enabled"
		}, {
			-ENOTRECOVERABLE,
			": the kernel did not remove its probes when it was stopped; the machine has to boot"
		}, {
			-EPERM, ": it needs CAP_SYS_ADMIN"
		},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(advice); i++)
		if (advice[i].err == err)
			return advice[i].text;
	return "";
}

const char *duration(uint64_t ns, char *buf, size_t size)
{
	if (ns < 1000000)
		snprintf(buf, size, "%u us", (unsigned int)(ns / 1000));
	else if (ns < 10000000000ULL)
		snprintf(buf, size, "%u ms", (unsigned int)(ns / 1000000));
	else if (ns < 7200000000000ULL)
		snprintf(buf, size, "%u s", (unsigned int)(ns / 1000000000));
	else
		snprintf(buf, size, "%u h", (unsigned int)(ns / 3600000000000ULL));
	return buf;
}
