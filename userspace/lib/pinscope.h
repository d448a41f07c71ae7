/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libpinscope: pinscope's ioctls as functions, and names for what they take
 * and say. Nothing else issues them.
 *
 * Unless said otherwise a function returns 0, or a negative errno as the ABI
 * header describes it. All are thread safe: the state is the module's.
 */
#ifndef LIBPINSCOPE_H
#define LIBPINSCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pinscope_abi.h"

#define PS_DEBUGFS	"/sys/kernel/debug"
#define PS_CTL		PS_DEBUGFS "/pinscope/ctl"

/**
 * ps_open() - open the module's control file
 *
 * Pins belong to the open file: closing it, or dying, releases them.
 *
 * Return: a file descriptor for close(), or a negative errno; ps_why_not()
 * knows what it means.
 */
int ps_open(void);

/**
 * ps_why_not() - what keeps ps_open() from working
 * @err: the negative errno that it returned
 * @buf: gets a sentence that says what to do about it
 * @size: bytes in @buf
 */
void ps_why_not(int err, char *buf, size_t size);

/**
 * ps_abi_mismatch() - can this program talk to this module?
 * @info: what ps_info() said
 *
 * Return: NULL, or a sentence that says what to rebuild.
 */
const char *ps_abi_mismatch(const struct pinscope_info *info);

/**
 * ps_info() - what the module and the kernel can do
 * @fd: from ps_open()
 * @info: out
 */
int ps_info(int fd, struct pinscope_info *info);

/**
 * ps_pin() - pin a range, all or nothing
 * @fd: from ps_open()
 * @way: enum pinscope_way
 * @foll: PINSCOPE_FOLL_*
 * @addr: page aligned
 * @len: bytes, a multiple of the page size
 * @id: out: for the calls below; released by ps_unpin()
 */
int ps_pin(int fd, unsigned int way, uint64_t foll, const void *addr,
	   size_t len, uint32_t *id);

/**
 * ps_unpin() - release a pin
 * @fd: from ps_open()
 * @id: from ps_pin()
 */
int ps_unpin(int fd, uint32_t id);

/**
 * ps_read() - read through a pin, as a device would
 * @fd: from ps_open()
 * @id: from ps_pin()
 * @offset: bytes from the pin's start
 * @buf: out
 * @len: bytes
 */
int ps_read(int fd, uint32_t id, uint64_t offset, void *buf, size_t len);

/**
 * ps_inspect() - page table entries of a range, however many there are
 * @fd: from ps_open()
 * @addr: page aligned
 * @len: bytes, a multiple of the page size
 * @records: out: an array for free(), in order of address
 * @nr: out: records in it
 */
int ps_inspect(int fd, const void *addr, size_t len,
	       struct pinscope_page **records, size_t *nr);

/**
 * ps_page() - what is mapped at one address
 * @fd: from ps_open()
 * @addr: page aligned
 * @page: out: one base page; all zero when the entry is empty
 */
int ps_page(int fd, const void *addr, struct pinscope_page *page);

/**
 * ps_compare() - is the pinned page the page that is mapped?
 * @fd: from ps_open()
 * @id: from ps_pin()
 * @addr: where the pin's first page should be mapped
 * @out: out
 */
int ps_compare(int fd, uint32_t id, const void *addr,
	       struct pinscope_compare *out);

/**
 * ps_errno() - what an error is called
 * @err: errno, of either sign
 *
 * Return: "EFAULT" and the like.
 */
const char *ps_errno(int err);

/** struct ps_name - a bit and what it is called */
struct ps_name {
	uint64_t bit;
	const char *name;
};

/* Ended by an entry without a name. FOLL names are without "FOLL_". */
extern const struct ps_name ps_foll_names[];
extern const struct ps_name ps_state_names[];
extern const char *const ps_way_names[PINSCOPE_WAYS_MAX];

/**
 * ps_names() - write bits as names
 * @names: one of the tables above
 * @bits: the bits
 * @buf: gets NAME|NAME, a hexadecimal number for unknown bits, "0" for none
 * @size: bytes in @buf; what does not fit is cut
 *
 * Return: @buf.
 */
char *ps_names(const struct ps_name *names, uint64_t bits, char *buf,
	       size_t size);

/**
 * ps_foll_parse() - read FOLL flags
 * @text: names joined by '|', ',' or '+', in any case, with or without
 *	"FOLL_"; PTRACE is FORCE; "" and "0" are none
 * @foll: out: PINSCOPE_FOLL_*
 *
 * Return: 0, or -EINVAL for a name that is not known.
 */
int ps_foll_parse(const char *text, uint64_t *foll);

#endif
