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

#ifdef __cplusplus
extern "C" {
#endif

#define PS_DEBUGFS	"/sys/kernel/debug"
#define PS_CTL		PS_DEBUGFS "/pinscope/ctl"
#define PS_MAP		PS_DEBUGFS "/pinscope/map"
#define PS_PINS		PS_DEBUGFS "/pinscope/pins"

/**
 * struct ps_who - whose memory a call is about
 * @whose: enum pinscope_whose
 * @who: see there
 */
struct ps_who {
	uint32_t whose;
	int32_t who;
};

/* The calling process; another by pid or pidfd; a pin; a memfd. */
static inline struct ps_who ps_self(void)
{
	struct ps_who who = { PINSCOPE_WHOSE_CALLER, 0 };

	return who;
}

static inline struct ps_who ps_pid(int pid)
{
	struct ps_who who = { PINSCOPE_WHOSE_PID, pid };

	return who;
}

static inline struct ps_who ps_pidfd(int fd)
{
	struct ps_who who = { PINSCOPE_WHOSE_PIDFD, fd };

	return who;
}

static inline struct ps_who ps_pinned(uint32_t id)
{
	struct ps_who who = { PINSCOPE_WHOSE_PIN, (int32_t)id };

	return who;
}

static inline struct ps_who ps_memfd(int fd)
{
	struct ps_who who = { PINSCOPE_WHOSE_MEMFD, fd };

	return who;
}

/* An address in the calling process, as the calls below take it. */
static inline uint64_t ps_addr(const void *addr)
{
	return (uintptr_t)addr;
}

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
 * ps_call() - issue an ioctl, for what the functions below do not do
 * @fd: from ps_open()
 * @cmd: PINSCOPE_IOC_*
 * @arg: its struct
 */
int ps_call(int fd, unsigned long cmd, void *arg);

/**
 * ps_pin() - pin a range of the calling process, all or nothing
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
 * ps_pin_cmd() - pin with all that the ABI offers
 * @fd: from ps_open()
 * @cmd: filled in but for the size; gets what the kernel says
 */
int ps_pin_cmd(int fd, struct pinscope_pin *cmd);

/**
 * ps_unpin() - release a pin
 * @fd: from ps_open()
 * @id: from ps_pin()
 */
int ps_unpin(int fd, uint32_t id);

/**
 * ps_unpin_part() - release some pages of a pin
 * @fd: from ps_open()
 * @id: from ps_pin()
 * @offset: bytes from the pin's start, a multiple of the page size
 * @len: bytes, likewise; 0 with @offset 0 for all
 * @flags: PINSCOPE_UNPIN_*
 * @left: out: base pages still pinned, or NULL
 */
int ps_unpin_part(int fd, uint32_t id, uint64_t offset, uint64_t len,
		  uint32_t flags, uint64_t *left);

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
 * ps_write() - write through a pin, as a device would
 * @fd: from ps_open()
 * @id: from ps_pin() with PINSCOPE_FOLL_WRITE
 * @offset: bytes from the pin's start
 * @buf: what to write
 * @len: bytes
 */
int ps_write(int fd, uint32_t id, uint64_t offset, const void *buf, size_t len);

/**
 * ps_inspect() - page table entries of a range, or pages of a pin
 * @fd: from ps_open()
 * @who: whose
 * @addr: page aligned; an offset when @who is ps_pinned()
 * @len: bytes, a multiple of the page size
 * @records: out: an array for free(), in order of address
 * @nr: out: records in it, however many there are
 */
int ps_inspect(int fd, struct ps_who who, uint64_t addr, uint64_t len,
	       struct pinscope_page **records, size_t *nr);

/**
 * ps_page() - what the calling process has mapped at one address
 * @fd: from ps_open()
 * @addr: page aligned
 * @page: out: one base page; all zero when the entry is empty
 */
int ps_page(int fd, const void *addr, struct pinscope_page *page);

/**
 * ps_compare() - is the pinned page the page that is mapped?
 * @fd: from ps_open()
 * @id: from ps_pin()
 * @who: in whose page tables
 * @addr: where the pin's first page should be mapped
 * @out: out; but in: the bitmap and its size, or 0
 */
int ps_compare(int fd, uint32_t id, struct ps_who who, uint64_t addr,
	       struct pinscope_compare *out);

/**
 * ps_fault() - run handle_mm_fault() on each page of a range
 * @fd: from ps_open()
 * @who: whose
 * @addr: page aligned
 * @len: bytes, a multiple of the page size
 * @flags: PINSCOPE_FAULT_*
 * @results: out: PINSCOPE_VM_FAULT_* for each page, or NULL
 * @out: out: what came of it, or NULL
 */
int ps_fault(int fd, struct ps_who who, uint64_t addr, uint64_t len,
	     uint64_t flags, uint32_t *results, struct pinscope_fault *out);

/**
 * ps_open_map() - open the file for mappings that only a driver can make
 *
 * Return: a file descriptor, which takes all other calls too, or a negative
 * errno.
 */
int ps_open_map(void);

/**
 * ps_map() - make a mapping of that file
 * @fd: from ps_open_map()
 * @map: enum pinscope_map
 * @len: bytes, at most PINSCOPE_MAP_SIZE
 * @prot: as mmap() takes it
 * @flags: as mmap() takes them: MAP_SHARED or MAP_PRIVATE
 * @addr: out: for munmap()
 */
int ps_map(int fd, unsigned int map, size_t len, int prot, int flags,
	   void **addr);

/**
 * ps_map_counts() - how often mm called the driver of that file
 * @fd: from ps_open_map()
 * @counts: out
 */
int ps_map_counts(int fd, struct pinscope_map_counts *counts);

/**
 * ps_rss() - what mm has counted of a process's pages
 * @fd: from ps_open()
 * @who: whose process
 * @rss: out
 *
 * Return: 0 or a negative errno: see struct pinscope_rss.
 */
int ps_rss(int fd, struct ps_who who, struct pinscope_rss *rss);

/**
 * ps_errno() - what an error is called
 * @err: errno, of either sign
 *
 * Return: "EFAULT" and the like.
 */
const char *ps_errno(int err);

/**
 * struct ps_name - a value and what it is called
 * @bit: a bit, or the number of a way or map
 * @name: without a prefix
 */
struct ps_name {
	uint64_t bit;
	const char *name;
};

/* Ended by an entry without a name. */
extern const struct ps_name ps_foll_names[];
extern const struct ps_name ps_fault_names[];
extern const struct ps_name ps_vm_fault_names[];
extern const struct ps_name ps_state_names[];
extern const struct ps_name ps_way_names[];
extern const struct ps_name ps_map_names[];

/**
 * ps_names() - write bits as names
 * @names: one of the tables above that have bits
 * @bits: the bits
 * @buf: gets NAME|NAME, a hexadecimal number for unknown bits, "0" for none
 * @size: bytes in @buf; what does not fit is cut
 *
 * Return: @buf.
 */
char *ps_names(const struct ps_name *names, uint64_t bits, char *buf,
	       size_t size);

/**
 * ps_parse() - read bits
 * @names: one of the tables above that have bits
 * @text: names joined by '|', ',' or '+', in any case, with or without their
 *	prefix in the kernel (FOLL_, FAULT_FLAG_, VM_FAULT_); FOLL_PTRACE is
 *	FOLL_FORCE; "" and "0" are none
 * @bits: out
 *
 * Return: 0, or -EINVAL for a name that is not known.
 */
int ps_parse(const struct ps_name *names, const char *text, uint64_t *bits);

/**
 * ps_name() - what a way or map is called
 * @names: ps_way_names or ps_map_names
 * @number: which
 *
 * Return: its name, or NULL.
 */
const char *ps_name(const struct ps_name *names, uint64_t number);

/**
 * ps_number() - which way or map is called so
 * @names: ps_way_names or ps_map_names
 * @name: in any case
 *
 * Return: its number, or -EINVAL.
 */
int ps_number(const struct ps_name *names, const char *name);

#ifdef __cplusplus
}
#endif

#endif
