// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinscope pins: the pins that the module holds, from its file pins in debugfs.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static bool json;
static const char *watch_text;

static const struct option_row options[] = {
	{ "watch", 'w', "S", true, "Again every S seconds [1], until it is interrupted.",
	  set_string, &watch_text, 0, 0 },
	OPTION_JSON(&json),
	{}
};

/* The columns of the file by their names, since later modules may have more. */
enum column {
	COL_PID, COL_ID, COL_CALL, COL_GUP_FLAGS, COL_ADDR, COL_PAGES, COL_HELD, COL_AGE_MS,
	COL_SAME, COL_COMM,
	COLS
};

static const char *const columns[COLS] = {
	"pid", "id", "call", "gup_flags", "addr", "pages", "held", "age_ms", "same", "comm",
};

enum { MAX_FIELDS = 24 };

/* Where in a line of the file each column is. */
struct layout {
	int field[COLS];
	int nr;		/* fields of a line; the last one has blanks */
};

static bool read_layout(char *line, struct layout *layout)
{
	char *save, *word;
	int i, nr = 0;

	for (i = 0; i < COLS; i++)
		layout->field[i] = -1;
	for (word = strtok_r(line, "\n ", &save); word && nr < MAX_FIELDS;
	     word = strtok_r(NULL, "\n ", &save), nr++)
		for (i = 0; i < COLS; i++)
			if (!strcmp(columns[i], word))
				layout->field[i] = nr;
	layout->nr = nr;
	for (i = 0; i < COLS; i++)
		if (layout->field[i] < 0) {
			fprintf(stderr,
				"pinscope pins: expected a column '%s' in %s, found none: the program and the module are of different versions\n",
				columns[i], PINSCOPE_PINS_PATH);
			return false;
		}
	return true;
}

static void split_line(char *line, const struct layout *layout, const char *values[COLS])
{
	const char *fields[MAX_FIELDS] = {};
	int nr, i;

	line[strcspn(line, "\n")] = '\0';
	for (nr = 0; nr < layout->nr; nr++) {
		fields[nr] = line;
		if (nr + 1 < layout->nr) {
			line += strcspn(line, " ");
			if (*line)
				*line++ = '\0';
		}
	}
	for (i = 0; i < COLS; i++)
		values[i] = fields[layout->field[i]] ? fields[layout->field[i]] : "";
}

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

/* "all 4", "3 of 4", "gone": what part is still the page that is mapped. */
static void same_text(const char *const *values, char *buf, size_t size)
{
	const char *same = values[COL_SAME], *held = values[COL_HELD];

	if (!strcmp(same, "gone"))
		snprintf(buf, size, "process ended");
	else if (!is_number(same))
		snprintf(buf, size, "not mapped");
	else if (!strcmp(same, held))
		snprintf(buf, size, "all %s", held);
	else
		snprintf(buf, size, "%s of %s", same, held);
}

static void print_text_pin(const char *const *values)
{
	unsigned long long age = strtoull(values[COL_AGE_MS], NULL, 10);
	char same[60];

	same_text(values, same, sizeof(same));
	printf("%7s %4s %-12s %-18s %14s %8s %-14s %6llu.%llu s  %s\n", values[COL_PID],
	       values[COL_ID], values[COL_CALL], values[COL_GUP_FLAGS], values[COL_ADDR],
	       values[COL_PAGES], same, age / 1000, age % 1000 / 100, values[COL_COMM]);
}

static json_t *json_pin(const char *const *values)
{
	static const bool is_text[COLS] = {
		[COL_CALL] = true, [COL_GUP_FLAGS] = true, [COL_ADDR] = true,
		[COL_COMM] = true,
	};
	json_t *object = json_object(), *value;
	int i;

	for (i = 0; i < COLS; i++) {
		value = !is_text[i] && is_number(values[i]) ?
			json_integer(strtoll(values[i], NULL, 10)) : json_string(values[i]);
		/* A name need not be UTF-8. */
		json_object_set_new(object, columns[i], value ? value : json_string(""));
	}
	return object;
}

static int show_pins(void)
{
	FILE *file = fopen(PINSCOPE_PINS_PATH, "re");
	const char *values[COLS];
	json_t *pins = json_array();
	struct layout layout;
	char line[512];
	int status = EXIT_CANNOT, nr = 0;

	if (!file) {
		fprintf(stderr, "pinscope pins: " PINSCOPE_PINS_PATH ": %s\n",
			pinscope_errno(errno));
		goto out;
	}
	if (!fgets(line, sizeof(line), file) || !read_layout(line, &layout))
		goto out;
	if (!json)
		printf("%7s %4s %-12s %-18s %14s %8s %-14s %10s  %s\n", "PID", "ID", "CALL",
		       "FLAGS", "ADDRESS", "PAGES", "STILL MAPPED", "AGE", "COMMAND");
	for (; fgets(line, sizeof(line), file); nr++) {
		split_line(line, &layout, values);
		if (json)
			json_array_append_new(pins, json_pin(values));
		else
			print_text_pin(values);
	}
	if (json) {
		json_dumpf(pins, stdout, JSON_INDENT(1));
		printf("\n");
	} else if (!nr) {
		printf("the module holds no pin\n");
	}
	status = EXIT_GOOD;
out:
	json_decref(pins);
	if (file)
		fclose(file);
	return status;
}

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = sig;
}

static int watch_pins(unsigned int seconds)
{
	const struct sigaction stops = { .sa_handler = stop };
	bool terminal = isatty(STDOUT_FILENO);
	int status = EXIT_GOOD;

	sigaction(SIGINT, &stops, NULL);
	sigaction(SIGTERM, &stops, NULL);
	while (!stopped && !status && !ferror(stdout)) {
		if (terminal)
			printf("\033[H\033[J");
		status = show_pins();
		fflush(stdout);
		/* A signal ends the sleep, too. */
		if (!stopped && !status)
			sys_sleep_ms(seconds * 1000);
	}
	return status;
}

static int cmd_pins(const struct command *command, int argc, char **argv)
{
	unsigned int seconds = 1;
	const struct option_row row = {
		.name = "watch", .to = &seconds, .min = 1, .max = 86400,
	};
	struct pinscope_info info;
	int fd, status;

	if (options_parse(command, argc, argv, &status) < 0)
		return status;
	if (watch_text && *watch_text && !set_number(&row, watch_text))
		return EXIT_USAGE;
	/* It says what is wrong when there is no module. */
	fd = tool_open(&info);
	if (fd < 0)
		return EXIT_CANNOT;
	close(fd);
	return watch_text ? watch_pins(seconds) : show_pins();
}

const struct command command_pins = {
	.name = "pins",
	.args = "",
	.summary = "the pins that the module holds",
	.about =
"A line for each pin of the module: the process that made it, its number there, the call\n"
"and FOLL flags, address and pages, how many of them are still the pages that the process\n"
"has mapped there, and how old it is.\n",
	.options = options,
	.run = cmd_pins,
};
