// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope info: what the loaded module and the running kernel can do.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tool.h"

static const char help[] =
"usage: pinscope info [--json]\n"
"\n"
"What the loaded module and the running kernel can do: ABI version, ways to\n"
"pin with the FOLL flags that each takes, states that can be told, limits.\n";

static json_t *json_names(const struct pinscope_name *names, uint64_t bits)
{
	json_t *array = json_array();

	for (; names->name; names++) {
		if (bits & names->bit)
			json_array_append_new(array, json_string(names->name));
		bits &= ~names->bit;
	}
	return array;
}

static void print_json(const struct pinscope_info *info, const char *release)
{
	json_t *calls = json_object(), *maps = json_array(), *root;
	int call, map;

	for (call = 0; call < PINSCOPE_CALLS; call++)
		if (info->calls & 1ULL << call)
			json_object_set_new(calls, pinscope_name(pinscope_call_names, call),
					    json_names(pinscope_gup_flags_names,
						       info->gup_flags[call]));
	for (map = 0; map < PINSCOPE_MAPS; map++)
		if (info->maps & 1ULL << map)
			json_array_append_new(maps, json_string(pinscope_name(pinscope_map_names, map)));
	root = json_pack("{s:s, s:i, s:i, s:i, s:I, s:I, s:o, s:o, s:o, s:o, s:o}",
			 "kernel", release, "abi", info->abi_version,
			 "abi_oldest", info->abi_oldest,
			 "page_size", 1 << info->page_shift,
			 "pinned_pages", (json_int_t)info->pinned_pages,
			 "max_pages", (json_int_t)info->max_pages,
			 "ways", calls,
			 "faults", json_names(pinscope_fault_names, info->fault),
			 "results", json_names(pinscope_vm_fault_names,
					       info->vm_fault),
			 "maps", maps,
			 "states", json_names(pinscope_state_names, info->states));
	json_dumpf(root, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(root);
}

/* Names in lines of at most 78 columns. */
static void print_names(const char *what, const struct pinscope_name *names,
			uint64_t bits)
{
	int column = printf("%-14s", what);

	for (; names->name; names++) {
		if (!(bits & names->bit))
			continue;
		bits &= ~names->bit;
		if (column + 1 + (int)__builtin_strlen(names->name) > 78)
			column = printf("\n%-14s", "") - 1;
		column += printf(" %s", names->name);
	}
	printf("\n");
}

int cmd_info(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	struct pinscope_info info;
	struct utsname uts;
	bool json = false;
	int opt, fd, call;

	while ((opt = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pinscope info: what is '%s'? See 'pinscope info --help'\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	fd = tool_open(&info);
	if (fd < 0)
		return EXIT_CANNOT;
	close(fd);
	uname(&uts);
	if (json) {
		print_json(&info, uts.release);
		return EXIT_GOOD;
	}
	printf("%-14s %s\n", "kernel", uts.release);
	printf("%-14s %u (serves %u and up)\n", "ABI", info.abi_version,
	       info.abi_oldest);
	printf("%-14s %llu of at most %llu\n", "pinned pages",
	       info.pinned_pages, info.max_pages);
	for (call = 0; call < PINSCOPE_CALLS; call++)
		if (info.calls & 1ULL << call)
			print_names(pinscope_name(pinscope_call_names, call), pinscope_gup_flags_names,
				    info.gup_flags[call]);
	print_names("faults", pinscope_fault_names, info.fault);
	print_names("results", pinscope_vm_fault_names, info.vm_fault);
	print_names("states", pinscope_state_names, info.states);
	return EXIT_GOOD;
}
