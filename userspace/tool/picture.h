/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A range of addresses, drawn with a character for each page or for several.
 */
#ifndef PINSCOPE_PICTURE_H
#define PINSCOPE_PICTURE_H

#include "live.h"

enum { PICTURE_WIDTH = 64, PICTURE_CELLS = 64 * 32 };

/**
 * struct picture - a picture that is being drawn
 * @range: what it shows
 * @unit: bytes that a character stands for, a power of two
 * @cells: for each character, which row of the table of characters it is
 */
struct picture {
	struct range range;
	uint64_t unit;
	unsigned char cells[PICTURE_CELLS];
};

/**
 * picture_begin() - an empty picture
 * @p: out
 * @range: what it shows
 * @cells: how many characters it may have, at most PICTURE_CELLS
 */
void picture_begin(struct picture *p, const struct range *range, size_t cells);

/* Add a VMA, or a run of pages: where several fall on a character, one of them shows. */
void picture_add_vma(struct picture *p, const struct vma *vma);
void picture_add_page(struct picture *p, const struct pinscope_page *page);

/**
 * picture_print() - print it
 * @p: the picture
 * @colours: with colours, for a terminal
 * @used: in, out: a bit for each character that was printed
 */
void picture_print(const struct picture *p, bool colours, unsigned int *used);

/* Say what the characters are. */
void picture_print_legend(unsigned int used, bool colours);

#endif
