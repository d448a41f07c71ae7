// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of input, see line.h. libedit has the functions of readline, whose own license
 * does not go with this program's.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "line.h"

static char *read_plain(FILE *file)
{
	char *line = NULL;
	size_t size = 0;

	if (getline(&line, &size, file) < 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

#ifdef HAVE_LIBEDIT
#include <editline/readline.h>

static const struct line_input *completing;

/* The next word that begins with @text, for rl_completion_matches(). */
static char *next_word(const char *text, int again)
{
	static size_t nr;
	const char *word;

	if (!again)
		nr = 0;
	while ((word = completing->complete(rl_line_buffer, nr++)))
		if (!strncmp(word, text, strlen(text)))
			return strdup(word);
	return NULL;
}

static char **complete_word(const char *text, int start, int end)
{
	(void)start;
	(void)end;
	/* No names of files instead. */
	rl_attempted_completion_over = 1;
	return rl_completion_matches(text, next_word);
}

static char *read_edited(const struct line_input *input)
{
	char *line;

	completing = input;
	rl_attempted_completion_function = complete_word;
	rl_basic_word_break_characters = " \t|,+";
	rl_completer_word_break_characters = (char *)rl_basic_word_break_characters;
	line = readline(input->prompt);
	if (line && *line)
		add_history(line);
	return line;
}
#else
static char *read_edited(const struct line_input *input)
{
	fputs(input->prompt, stdout);
	fflush(stdout);
	return read_plain(input->file);
}
#endif

char *line_read(const struct line_input *input)
{
	/* Editing takes a terminal on both sides. */
	if (isatty(fileno(input->file)) && isatty(STDOUT_FILENO))
		return read_edited(input);
	return read_plain(input->file);
}
