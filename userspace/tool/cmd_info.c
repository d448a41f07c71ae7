// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope info: what the loaded module and the running kernel can do.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tool.h"
#include "version.h"

static bool json;

static const struct option_row options[] = {
	OPTION_JSON(&json),
	{}
};

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
	json_t *call_flags = json_object(), *maps = json_array(), *root;
	int call, map;

	for (call = 0; call < PINSCOPE_CALLS; call++)
		if (info->calls & 1ULL << call)
			json_object_set_new(call_flags, pinscope_name(pinscope_call_names, call),
					    json_names(pinscope_gup_flags_names,
						       info->gup_flags[call]));
	for (map = 0; map < PINSCOPE_MAPS; map++)
		if (info->maps & 1ULL << map)
			json_array_append_new(maps, json_string(pinscope_name(pinscope_map_names,
									      map)));
	root = json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:o, s:o, s:o, s:o, s:o}",
			 "version", PINSCOPE_VERSION, "kernel", release, "abi", info->abi_version,
			 "abi_oldest", info->abi_oldest,
			 "page_size", 1 << info->page_shift,
			 "pinned_pages", (json_int_t)info->pinned_pages,
			 "max_pages", (json_int_t)info->max_pages,
			 "calls", call_flags,
			 "faults", json_names(pinscope_fault_names, info->fault),
			 "results", json_names(pinscope_vm_fault_names,
					       info->vm_fault),
			 "maps", maps,
			 "page_states", json_names(pinscope_state_names, info->states));
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
		if (column + 1 + (int)strlen(names->name) > 78)
			column = printf("\n%-14s", "") - 1;
		column += printf(" %s", names->name);
	}
	printf("\n");
}

static int cmd_info(const struct command *command, int argc, char **argv)
{
	struct pinscope_info info;
	struct utsname uts;
	int fd, call, status;

	if (options_parse(command, argc, argv, &status) < 0)
		return status;
	fd = tool_open(&info);
	if (fd < 0)
		return EXIT_CANNOT;
	close(fd);
	uname(&uts);
	if (json) {
		print_json(&info, uts.release);
		return EXIT_GOOD;
	}
	printf("%-14s %s\n", "pinscope", PINSCOPE_VERSION);
	printf("%-14s %s\n", "kernel", uts.release);
	printf("%-14s %u (serves programs of %u and later)\n", "ABI", info.abi_version,
	       info.abi_oldest);
	printf("%-14s %llu of at most %llu\n", "pinned pages",
	       info.pinned_pages, info.max_pages);
	for (call = 0; call < PINSCOPE_CALLS; call++)
		if (info.calls & 1ULL << call)
			print_names(pinscope_name(pinscope_call_names, call),
				    pinscope_gup_flags_names, info.gup_flags[call]);
	print_names("fault flags", pinscope_fault_names, info.fault);
	print_names("fault results", pinscope_vm_fault_names, info.vm_fault);
	print_names("page states", pinscope_state_names, info.states);
	return EXIT_GOOD;
}

const struct command command_info = {
	.name = "info",
	.args = "",
	.summary = "what the loaded module and the running kernel can do",
	.about =
"What the loaded module and the running kernel can do: ABI version, calls of mm/gup.c\n"
"with the gup_flags that each takes, fault flags, page states, limits.\n",
	.options = options,
	.run = cmd_info,
};
