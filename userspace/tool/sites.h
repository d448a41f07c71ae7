/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `audit` and `who` say of a site.
 */
#ifndef PINSCOPE_SITES_H
#define PINSCOPE_SITES_H

#include <jansson.h>

#include "tool.h"

/**
 * symbol_of() - the kernel's function that has an address
 * @addr: the address
 *
 * Return: "function" or "function [module]"; NULL: /proc/kallsyms does not tell.
 */
const char *symbol_of(uint64_t addr);

/**
 * symbol_at() - an address in the kernel in words
 * @addr: the address
 * @buf: gets "function+0xOFFSET" or "function+0xOFFSET [module]"; or the address
 *	itself when /proc/kallsyms does not tell
 * @size: bytes in @buf
 *
 * Return: @buf.
 */
const char *symbol_at(uint64_t addr, char *buf, size_t size);

/**
 * site_caller() - where the function is that a site pins for
 * @site: the site
 *
 * Helpers that pin for many callers, such as iov_iter_extract_pages(), are skipped.
 *
 * Return: a return address in it; 0: the stack of the site is empty.
 */
uint64_t site_caller(const struct pinscope_site *site);

/* Its name, as symbol_of(); "?" when it is not known. */
const char *site_name(const struct pinscope_site *site);

/* Does it pin for long? memfd_pin_folios() does, without a flag that says so. */
bool site_is_longterm(const struct pinscope_site *site);

/* The FOLL flags of a site, "LONGTERM|WRITE", or "0". Returns @buf. */
const char *site_flags(const struct pinscope_site *site, char *buf, size_t size);

/* "held by ...", in two lines, for HOLDERS of some pages. */
void print_holder(const struct pinscope_site *site);

/* All of a site but its verdict, as a JSON object. */
json_t *site_json(const struct pinscope_site *site);

/**
 * track_advice() - what to do about an error of TRACK
 * @err: the negative errno
 *
 * Return: the end of a sentence, or "".
 */
const char *track_advice(int err);

/**
 * duration() - a time in words
 * @ns: nanoseconds
 * @buf: gets it
 * @size: bytes in @buf
 *
 * Return: @buf.
 */
const char *duration(uint64_t ns, char *buf, size_t size);

#endif
