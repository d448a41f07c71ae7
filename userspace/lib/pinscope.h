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

#define PINSCOPE_DEBUGFS	"/sys/kernel/debug"
#define PINSCOPE_CTL_PATH		PINSCOPE_DEBUGFS "/pinscope/ctl"
#define PINSCOPE_MAP_PATH		PINSCOPE_DEBUGFS "/pinscope/map"
#define PINSCOPE_PINS_PATH		PINSCOPE_DEBUGFS "/pinscope/pins"

/**
 * struct pinscope_target - whose memory a call is about
 * @target_type: enum pinscope_target_type
 * @target_nr: see there
 */
struct pinscope_target {
	uint32_t target_type;
	int32_t target_nr;
};

/* The calling process; another by pid or pidfd; a pin; a memfd. */
static inline struct pinscope_target pinscope_self(void)
{
	struct pinscope_target target_nr = { PINSCOPE_TARGET_CALLER, 0 };

	return target_nr;
}

static inline struct pinscope_target pinscope_pid(int pid)
{
	struct pinscope_target target_nr = { PINSCOPE_TARGET_PID, pid };

	return target_nr;
}

static inline struct pinscope_target pinscope_pidfd(int fd)
{
	struct pinscope_target target_nr = { PINSCOPE_TARGET_PIDFD, fd };

	return target_nr;
}

static inline struct pinscope_target pinscope_pinned(uint32_t id)
{
	struct pinscope_target target_nr = { PINSCOPE_TARGET_PIN, (int32_t)id };

	return target_nr;
}

static inline struct pinscope_target pinscope_memfd(int fd)
{
	struct pinscope_target target_nr = { PINSCOPE_TARGET_MEMFD, fd };

	return target_nr;
}

/* An address in the calling process, as the calls below take it. */
static inline uint64_t pinscope_addr(const void *addr)
{
	return (uintptr_t)addr;
}

/**
 * pinscope_open() - open the module's control file
 *
 * Pins belong to the open file: closing it, or dying, releases them.
 *
 * Return: a file descriptor for close(), or a negative errno; pinscope_why_not()
 * knows what it means.
 */
int pinscope_open(void);

/**
 * pinscope_why_not() - what keeps pinscope_open() from working
 * @err: the negative errno that it returned
 * @buf: gets a sentence that says what to do about it
 * @size: bytes in @buf
 */
void pinscope_why_not(int err, char *buf, size_t size);

/**
 * pinscope_abi_mismatch() - can this program talk to this module?
 * @info: what pinscope_info() said
 *
 * Return: NULL, or a sentence that says what to rebuild.
 */
const char *pinscope_abi_mismatch(const struct pinscope_info *info);

/**
 * pinscope_info() - what the module and the kernel can do
 * @fd: from pinscope_open()
 * @info: out
 */
int pinscope_info(int fd, struct pinscope_info *info);

/**
 * pinscope_ioctl() - issue an ioctl, for what the functions below do not do
 * @fd: from pinscope_open()
 * @cmd: PINSCOPE_IOC_*
 * @arg: its struct
 */
int pinscope_ioctl(int fd, unsigned long cmd, void *arg);

/**
 * pinscope_pin() - pin a range of the calling process, all or nothing
 * @fd: from pinscope_open()
 * @call: enum pinscope_call
 * @gup_flags: PINSCOPE_FOLL_*
 * @addr: page aligned
 * @len: bytes, a multiple of the page size
 * @id: out: for the calls below; released by pinscope_unpin()
 */
int pinscope_pin(int fd, unsigned int call, uint64_t gup_flags, const void *addr,
		 size_t len, uint32_t *id);

/**
 * pinscope_pin_cmd() - pin with all that the ABI offers
 * @fd: from pinscope_open()
 * @cmd: filled in but for the size; gets what the kernel says
 */
int pinscope_pin_cmd(int fd, struct pinscope_pin *cmd);

/**
 * pinscope_unpin() - release a pin
 * @fd: from pinscope_open()
 * @id: from pinscope_pin()
 */
int pinscope_unpin(int fd, uint32_t id);

/**
 * pinscope_unpin_part() - release some pages of a pin
 * @fd: from pinscope_open()
 * @id: from pinscope_pin()
 * @offset: bytes from the pin's start, a multiple of the page size
 * @len: bytes, likewise; 0 with @offset 0 for all
 * @flags: PINSCOPE_UNPIN_*
 * @left: out: base pages still pinned, or NULL
 */
int pinscope_unpin_part(int fd, uint32_t id, uint64_t offset, uint64_t len,
			uint32_t flags, uint64_t *left);

/**
 * pinscope_read() - read through a pin, as a device would
 * @fd: from pinscope_open()
 * @id: from pinscope_pin()
 * @offset: bytes from the pin's start
 * @buf: out
 * @len: bytes
 */
int pinscope_read(int fd, uint32_t id, uint64_t offset, void *buf, size_t len);

/**
 * pinscope_write() - write through a pin, as a device would
 * @fd: from pinscope_open()
 * @id: from pinscope_pin() with PINSCOPE_FOLL_WRITE
 * @offset: bytes from the pin's start
 * @buf: what to write
 * @len: bytes
 */
int pinscope_write(int fd, uint32_t id, uint64_t offset, const void *buf, size_t len);

/**
 * pinscope_inspect() - page table entries of a range, or pages of a pin
 * @fd: from pinscope_open()
 * @target_nr: whose
 * @addr: page aligned; an offset when @target_nr is pinscope_pinned()
 * @len: bytes, a multiple of the page size
 * @records: out: an array for free(), in order of address
 * @nr: out: records in it, however many there are
 */
int pinscope_inspect(int fd, struct pinscope_target target_nr, uint64_t addr, uint64_t len,
		     struct pinscope_page **records, size_t *nr);

/**
 * pinscope_page() - what the calling process has mapped at one address
 * @fd: from pinscope_open()
 * @addr: page aligned
 * @page: out: one base page; all zero when the entry is empty
 */
int pinscope_page(int fd, const void *addr, struct pinscope_page *page);

/**
 * pinscope_compare() - is the pinned page the page that is mapped?
 * @fd: from pinscope_open()
 * @id: from pinscope_pin()
 * @target_nr: in whose page tables
 * @addr: where the pin's first page should be mapped
 * @out: out; but in: the bitmap and its size, or 0
 */
int pinscope_compare(int fd, uint32_t id, struct pinscope_target target_nr, uint64_t addr,
		     struct pinscope_compare *out);

/**
 * pinscope_fault() - run handle_mm_fault() on each page of a range
 * @fd: from pinscope_open()
 * @target_nr: whose
 * @addr: page aligned
 * @len: bytes, a multiple of the page size
 * @flags: PINSCOPE_FAULT_*
 * @results: out: PINSCOPE_VM_FAULT_* for each page, or NULL
 * @out: out: what came of it, or NULL
 */
int pinscope_fault(int fd, struct pinscope_target target_nr, uint64_t addr, uint64_t len,
		   uint64_t flags, uint32_t *results, struct pinscope_fault *out);

/**
 * pinscope_open_map() - open the file for mappings that only a driver can make
 *
 * Return: a file descriptor, which takes all other calls too, or a negative
 * errno.
 */
int pinscope_open_map(void);

/**
 * pinscope_map() - make a mapping of that file
 * @fd: from pinscope_open_map()
 * @map: enum pinscope_map
 * @len: bytes, at most PINSCOPE_MAP_SIZE
 * @prot: as mmap() takes it
 * @flags: as mmap() takes them: MAP_SHARED or MAP_PRIVATE
 * @addr: out: for munmap()
 */
int pinscope_map(int fd, unsigned int map, size_t len, int prot, int flags,
		 void **addr);

/**
 * pinscope_map_counts() - how often mm called the driver of that file
 * @fd: from pinscope_open_map()
 * @counts: out
 */
int pinscope_map_counts(int fd, struct pinscope_map_counts *counts);

/**
 * pinscope_rss() - what mm has counted of a process's pages
 * @fd: from pinscope_open()
 * @target_nr: whose process
 * @rss: out
 *
 * Return: 0 or a negative errno: see struct pinscope_rss.
 */
int pinscope_rss(int fd, struct pinscope_target target_nr, struct pinscope_rss *rss);

/**
 * pinscope_errno() - what an error is called
 * @err: errno, of either sign
 *
 * Return: "EFAULT" and the like.
 */
const char *pinscope_errno(int err);

/**
 * struct pinscope_name - a value and what it is called
 * @bit: a bit, or the number of a way or map
 * @name: without a prefix
 */
struct pinscope_name {
	uint64_t bit;
	const char *name;
};

/* Ended by an entry without a name. */
extern const struct pinscope_name pinscope_gup_flags_names[];
extern const struct pinscope_name pinscope_fault_names[];
extern const struct pinscope_name pinscope_vm_fault_names[];
extern const struct pinscope_name pinscope_state_names[];
extern const struct pinscope_name pinscope_call_names[];
extern const struct pinscope_name pinscope_map_names[];

/**
 * pinscope_names() - write bits as names
 * @names: one of the tables above that have bits
 * @bits: the bits
 * @buf: gets NAME|NAME, a hexadecimal number for unknown bits, "0" for none
 * @size: bytes in @buf; what does not fit is cut
 *
 * Return: @buf.
 */
char *pinscope_names(const struct pinscope_name *names, uint64_t bits, char *buf,
		     size_t size);

/**
 * pinscope_parse() - read bits
 * @names: one of the tables above that have bits
 * @text: names joined by '|', ',' or '+', in any case, with or without their
 *	prefix in the kernel (FOLL_, FAULT_FLAG_, VM_FAULT_); FOLL_PTRACE is
 *	FOLL_FORCE; "" and "0" are none
 * @bits: out
 *
 * Return: 0, or -EINVAL for a name that is not known.
 */
int pinscope_parse(const struct pinscope_name *names, const char *text, uint64_t *bits);

/**
 * pinscope_name() - what a way or map is called
 * @names: pinscope_call_names or pinscope_map_names
 * @number: which
 *
 * Return: its name, or NULL.
 */
const char *pinscope_name(const struct pinscope_name *names, uint64_t number);

/**
 * pinscope_number() - which way or map is called so
 * @names: pinscope_call_names or pinscope_map_names
 * @name: in any case
 *
 * Return: its number, or -EINVAL.
 */
int pinscope_number(const struct pinscope_name *names, const char *name);

#ifdef __cplusplus
}
#endif

#endif
