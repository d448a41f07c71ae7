// SPDX-License-Identifier: GPL-2.0-only
/*
 * A range of addresses as a picture, see picture.h.
 */
#include <string.h>

#include "picture.h"

#define S(name)	PINSCOPE_STATE_##name

/* The later wins where several fall on one character. */
enum cell {
	CELL_UNMAPPED, CELL_HOLE, CELL_FILE, CELL_ANON, CELL_ZEROPAGE, CELL_SWAPPED, CELL_LARGE,
	CELL_THP, CELL_HUGETLB, CELL_SHARED, CELL_KSM, CELL_DRIVER, CELL_BROKEN, CELL_PINNED,
	CELLS
};

static const struct {
	char character;
	unsigned char colour;	/* of SGR: 31 is red */
	const char *what;
} cells[CELLS] = {
	[CELL_UNMAPPED] = { ' ', 0, "nothing mapped" },
	[CELL_HOLE] = { '.', 90, "no page yet" },
	[CELL_FILE] = { 'f', 34, "page of a file" },
	[CELL_ANON] = { 'a', 32, "anonymous, exclusive" },
	[CELL_ZEROPAGE] = { 'z', 90, "zeropage" },
	[CELL_SWAPPED] = { 'w', 35, "swapped or migrating" },
	[CELL_LARGE] = { 't', 36, "large folio, mapped by PTEs" },
	[CELL_THP] = { 'T', 36, "mapped by a PMD" },
	[CELL_HUGETLB] = { 'H', 36, "hugetlb" },
	[CELL_SHARED] = { 's', 33, "anonymous, not exclusive" },
	[CELL_KSM] = { 'x', 33, "merged by KSM" },
	[CELL_DRIVER] = { 'd', 35, "a driver's PFN" },
	[CELL_BROKEN] = { 'g', 31, "guard or poison" },
	[CELL_PINNED] = { 'P', 31, "pinned, maybe" },
};

void picture_begin(struct picture *p, const struct range *range, size_t nr)
{
	*p = (struct picture) { .range = *range, .unit = sys_page_size() };
	while ((range->len + p->unit - 1) / p->unit > nr)
		p->unit *= 2;
}

/* Sets the characters of [start, end) to @cell where that wins. */
static void add(struct picture *p, uint64_t start, uint64_t end, enum cell cell)
{
	uint64_t last = p->range.addr + p->range.len, i;

	if (start < p->range.addr)
		start = p->range.addr;
	if (end > last)
		end = last;
	if (start >= end)
		return;
	for (i = (start - p->range.addr) / p->unit; i <= (end - 1 - p->range.addr) / p->unit; i++)
		if (p->cells[i] < cell)
			p->cells[i] = cell;
}

void picture_add_vma(struct picture *p, const struct vma *vma)
{
	add(p, vma->start, vma->end, CELL_HOLE);
}

static enum cell cell_of(const struct pinscope_page *page)
{
	uint64_t state = page->state;
	static const struct {
		uint64_t state;
		enum cell cell;
	} first[] = {
		{ S(MAYBE_PINNED), CELL_PINNED },
		{ S(GUARD) | S(POISON) | S(HWPOISON), CELL_BROKEN },
		{ S(SWAP) | S(MIGRATION) | S(DEVICE_PRIVATE), CELL_SWAPPED },
		{ S(ZEROPAGE) | S(HUGE_ZEROPAGE), CELL_ZEROPAGE },
		{ S(KSM), CELL_KSM },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(first); i++)
		if (state & first[i].state)
			return first[i].cell;
	if (!(state & S(PRESENT)))
		return CELL_HOLE;
	if (!(state & S(HAS_FOLIO)))
		return CELL_DRIVER;
	if ((state & S(ANON)) && !(state & S(EXCLUSIVE)))
		return CELL_SHARED;
	if (state & S(HUGETLB))
		return CELL_HUGETLB;
	if (page->map_shift > sys_page_shift())
		return CELL_THP;
	if (page->folio_order)
		return CELL_LARGE;
	return state & S(ANON) ? CELL_ANON : CELL_FILE;
}

void picture_add_page(struct picture *p, const struct pinscope_page *page)
{
	add(p, page->addr, page->addr + (page->pages << sys_page_shift()), cell_of(page));
}

static void print_cell(enum cell cell, bool colours, int *last)
{
	if (colours && *last != cells[cell].colour)
		printf("\033[%dm", cells[cell].colour);
	*last = cells[cell].colour;
	putchar(cells[cell].character);
}

void picture_print(const struct picture *p, bool colours, unsigned int *used)
{
	size_t nr = (p->range.len + p->unit - 1) / p->unit, i, column;
	int last;

	for (i = 0; i < nr; i += PICTURE_WIDTH) {
		printf("%12llx  ", (unsigned long long)(p->range.addr + i * p->unit));
		last = 0;
		for (column = i; column < i + PICTURE_WIDTH && column < nr; column++) {
			*used |= 1U << p->cells[column];
			print_cell(p->cells[column], colours, &last);
		}
		printf("%s\n", colours ? "\033[m" : "");
	}
}

void picture_print_legend(unsigned int used, bool colours)
{
	int column = 0, last;
	enum cell cell;

	for (cell = CELL_HOLE; cell < CELLS; cell++) {
		if (!(used & 1U << cell))
			continue;
		if (column + (int)strlen(cells[cell].what) + 4 > 78) {
			printf("\n");
			column = 0;
		}
		last = 0;
		if (column)
			printf("  ");
		print_cell(cell, colours, &last);
		printf("%s %s", colours ? "\033[m" : "", cells[cell].what);
		column += strlen(cells[cell].what) + 4;
	}
	if (column)
		printf("\n");
}
