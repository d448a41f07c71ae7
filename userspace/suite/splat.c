// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads /dev/kmsg, see splat.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "splat.h"
#include "sys.h"

/* A record is at most that long; a shorter buffer gets none of it. */
#define RECORD_MAX	8192

/* So many records at a time: the kernel may log as fast as they are read. */
#define RECORDS		100000

/* TAINT_DIE */
#define TAINTED_BY_OOPS	(1L << 7)

__asm__(".section .rodata\n"
	".global splats_text\n"
	"splats_text:\n"
	"	.incbin \"splats\"\n"
	"	.byte 0\n"
	".previous\n");

/* The expressions of all lines as one; NULL without memory. */
static const regex_t *splats(void)
{
	static regex_t regex;
	static bool compiled;
	char *pattern, *to;
	const char *line;
	size_t len;

	if (compiled)
		return &regex;
	pattern = malloc(strlen(splats_text) + 1);
	if (!pattern)
		return NULL;
	to = pattern;
	for (line = splats_text; *line; line += len + 1) {
		len = strcspn(line, "\n");
		if (*line == '#')
			continue;
		if (to > pattern)
			*to++ = '|';
		memcpy(to, line, len);
		to += len;
	}
	*to = '\0';
	compiled = !regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
	free(pattern);
	return compiled ? &regex : NULL;
}

int splat_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}

/*
 * "PRIORITY,NUMBER,TIME,FLAGS;LINE\n", and then what it is about. What processes write has
 * another facility than 0, the kernel's, in the upper bits of its priority.
 */
static const char *kernel_line(char *record)
{
	char *line = strchr(record, ';');

	if (!line || strtoul(record, NULL, 10) > 7)
		return NULL;
	line++;
	line[strcspn(line, "\n")] = '\0';
	return line;
}

bool splat_find(int fd, char *text, size_t size)
{
	static char record[RECORD_MAX];
	const regex_t *regex = splats();
	unsigned int records;
	const char *line;
	ssize_t len;

	*text = '\0';
	for (records = 0; records < RECORDS; records++) {
		len = read(fd, record, sizeof(record) - 1);
		/* EPIPE: what came first was overwritten meanwhile; EINVAL: one is too long. */
		if (len < 0 && errno != EPIPE && errno != EINVAL && errno != EINTR)
			break;
		record[len < 0 ? 0 : len] = '\0';
		line = kernel_line(record);
		if (line && !*text && regex && !regexec(regex, line, 0, NULL, 0))
			snprintf(text, size, "%s", line);
	}
	return *text;
}

void splat_rearm(void)
{
	sys_write_file("/sys/kernel/debug/clear_warn_once", "1");
}

bool splat_was_oops(void)
{
	return sys_read_number("/proc/sys/kernel/tainted") & TAINTED_BY_OOPS;
}
