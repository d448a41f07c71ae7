/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kind of memory, in the suite's words, of what somebody else has mapped: by the
 * VMA and the page alone.
 */
#ifndef PINSCOPE_CLASSIFY_H
#define PINSCOPE_CLASSIFY_H

#include "process.h"

enum { KIND_NAME_MAX = 48 };

/**
 * size_text() - write a size as the names of kinds do
 * @bytes: the size
 * @buf: out: "4K", "64K", "2M", "1G", "1.5G"
 * @size: bytes at @buf; 12 are enough
 *
 * Return: @buf.
 */
const char *size_text(uint64_t bytes, char *buf, size_t size);

/**
 * kind_of_vma() - the kind of memory that a mapping is for
 * @vma: with its backing
 * @buf: out: "anon", "memfd-private", "hugetlb-shared[2M]"
 *
 * Return: @buf.
 */
const char *kind_of_vma(const struct vma *vma, char buf[KIND_NAME_MAX]);

/**
 * kind_of_page() - the kind of memory that a page is
 * @vma: the VMA of the page; NULL: of a pin, whose VMA is not known
 * @page: the record of INSPECT; NULL: nothing is there
 * @buf: out: "thp", "anon-swapped", "memfd-private-thp"
 *
 * Return: @buf.
 */
const char *kind_of_page(const struct vma *vma, const struct pinscope_page *page,
			 char buf[KIND_NAME_MAX]);

#endif
