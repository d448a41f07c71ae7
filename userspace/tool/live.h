/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the commands for a live process share: its arguments, the walk over its VMAs
 * and pages, and how pages are shown.
 */
#ifndef PINSCOPE_LIVE_H
#define PINSCOPE_LIVE_H

#include <jansson.h>

#include "../suite/classify.h"
#include "../suite/predict.h"
#include "tool.h"

/**
 * struct live - a process, and the module
 * @command: the command of the tool, for messages
 * @fd: of ctl
 * @info: INFO
 * @process: the process
 */
struct live {
	const char *command;
	int fd;
	struct pinscope_info info;
	struct process process;
};

/**
 * live_open() - open the module and begin to look at a process
 * @l: out; live_close() it, whatever this returns
 * @command: the command of the tool
 * @pid: what the user gave; NULL: an argument is missing
 *
 * Return: EXIT_GOOD; or the exit status, after it said on stderr what is wrong.
 */
int live_open(struct live *l, const char *command, const char *pid);

void live_close(struct live *l);

/**
 * live_said() - say on stderr what p->why says
 * @l: the process
 *
 * Return: EXIT_CANNOT.
 */
int live_said(const struct live *l);

/* A range of addresses, of whole pages. */
struct range {
	uint64_t addr, len;
};

/**
 * parse_range() - read ADDR, ADDR+LEN or START-END
 * @command: the command of the tool, for messages
 * @text: what the user gave; addresses are hexadecimal, as in /proc/PID/maps, with or
 *	without 0x; LEN is a number that may end in k, m, g or t
 * @range: out: extended to whole pages
 *
 * Return: whether it is one; if not, it said on stderr what is wrong.
 */
bool parse_range(const char *command, const char *text, struct range *range);

/**
 * struct visitor - what is called in a walk, in order of address
 * @vma: for each VMA that has a part in the range; NULL: nothing
 * @page: for each run of pages; @vma is NULL for a pin
 * @arg: for both
 *
 * A function that returns another value than 0 ends the walk.
 */
struct visitor {
	int (*vma)(void *arg, const struct vma *vma);
	int (*page)(void *arg, const struct vma *vma, const struct pinscope_page *page);
	void *arg;
};

/**
 * live_walk() - go through the VMAs of a range, and the pages in each
 * @l: the process
 * @range: the range; NULL: all that is mapped
 * @smaps: with all flags of the VMAs
 * @visitor: what is called
 *
 * Return: 0; or a negative errno with process.why; or what the visitor returned.
 */
int live_walk(struct live *l, const struct range *range, bool smaps,
	      const struct visitor *visitor);

/**
 * live_take_pin() - get the open file that a pin belongs to
 * @l: the process that has the file open, with permission to take it
 * @id: of the pin
 * @pages: out: pages of the pin
 * @addr: out: the address that it was made for
 *
 * Return: a file descriptor for close(), or -1 after it said on stderr what is wrong.
 */
int live_take_pin(struct live *l, uint32_t id, uint64_t *pages, uint64_t *addr);

/* -------------------------------------------------------------- page states */

/**
 * struct state_word - a page state as it is shown
 * @bit: PINSCOPE_STATE_*
 * @letter: in the column of states
 * @word: as page-types(1) of the kernel's tools spells it, where it has a word
 */
struct state_word {
	uint64_t bit;
	char letter;
	const char *word;
};

extern const struct state_word state_words[];
extern const size_t nr_state_words;

/* For letters of all page states. */
enum { LETTERS_MAX = 40 };

const char *state_letters(uint64_t state, char buf[LETTERS_MAX]);

/* The word of each letter that @states has, in lines of at most 78 columns. */
void print_state_legend(FILE *out, uint64_t states);

/**
 * struct filter - which pages are shown
 * @with: PINSCOPE_STATE_* that they must have
 * @without: PINSCOPE_STATE_* that they must not have
 */
struct filter {
	uint64_t with, without;
};

/**
 * parse_filter() - read a filter such as "pinned,!exclusive"
 * @command: the command of the tool, for messages
 * @text: names of page states, by commas; '!' before one that must not be there
 * @filter: out
 *
 * Return: whether it is one; if not, it said on stderr what is wrong.
 */
bool parse_filter(const char *command, const char *text, struct filter *filter);

/* A page run as one JSON object. */
json_t *json_page(const struct vma *vma, const struct pinscope_page *page);

json_t *json_address(uint64_t addr);

#endif
