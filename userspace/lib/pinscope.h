/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libpinscope: the ioctls of pinscope.ko as functions, and the names of what they
 * take and return. See libpinscope(3); pinscope_abi.h describes the structs.
 *
 * Unless said otherwise, a function returns 0, or a negative errno that
 * pinscope_abi.h describes. All functions are thread safe: the library has no
 * state of its own. Several threads may use one file descriptor.
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
#define PINSCOPE_CTL_PATH	PINSCOPE_DEBUGFS "/pinscope/ctl"
#define PINSCOPE_MAP_PATH	PINSCOPE_DEBUGFS "/pinscope/map"
#define PINSCOPE_PINS_PATH	PINSCOPE_DEBUGFS "/pinscope/pins"

/**
 * struct pinscope_target - the memory that a function works on
 * @target_type: enum pinscope_target_type
 * @target_nr: the number for @target_type
 */
struct pinscope_target {
	uint32_t target_type;
	int32_t target_nr;
};

/* The calling process. */
static inline struct pinscope_target pinscope_self(void)
{
	struct pinscope_target target = { PINSCOPE_TARGET_CALLER, 0 };

	return target;
}

/* The process with this process id. */
static inline struct pinscope_target pinscope_pid(int pid)
{
	struct pinscope_target target = { PINSCOPE_TARGET_PID, pid };

	return target;
}

/* The process that the pidfd refers to. */
static inline struct pinscope_target pinscope_pidfd(int fd)
{
	struct pinscope_target target = { PINSCOPE_TARGET_PIDFD, fd };

	return target;
}

/* The pages of a pin, for pinscope_inspect(). */
static inline struct pinscope_target pinscope_pinned(uint32_t id)
{
	struct pinscope_target target = { PINSCOPE_TARGET_PIN, (int32_t)id };

	return target;
}

/* A memfd or a file on hugetlbfs, for PINSCOPE_CALL_PIN_MEMFD. */
static inline struct pinscope_target pinscope_memfd(int fd)
{
	struct pinscope_target target = { PINSCOPE_TARGET_MEMFD, fd };

	return target;
}

/* Physical memory; only INSPECT takes it. */
static inline struct pinscope_target pinscope_physical(void)
{
	struct pinscope_target target = { PINSCOPE_TARGET_PHYSICAL, 0 };

	return target;
}

/* An address in the calling process, as the functions below take it. */
static inline uint64_t pinscope_addr(const void *addr)
{
	return (uintptr_t)addr;
}

/**
 * pinscope_open() - open the module's file ctl
 *
 * Pins belong to the open file: they are released when it is closed, also by the
 * end of the process.
 *
 * Return: a file descriptor, for the caller to close(); or a negative errno, which
 * pinscope_why_not() explains.
 */
int pinscope_open(void);

/**
 * pinscope_why_not() - explain why pinscope_open() failed
 * @err: the negative errno that it returned
 * @buf: out: a sentence that says what was expected, what was found, and what to do
 * @size: bytes at @buf; 200 are enough
 */
void pinscope_why_not(int err, char *buf, size_t size);

/**
 * pinscope_abi_mismatch() - check that this program and the module fit together
 * @info: from pinscope_info()
 *
 * Return: NULL when they do; else a sentence that says which versions the program
 * and the module have and which of them to build again. The thread's next call
 * overwrites it.
 */
const char *pinscope_abi_mismatch(const struct pinscope_info *info);

/**
 * pinscope_info() - INFO: what the module and the running kernel support
 * @fd: from pinscope_open()
 * @info: out
 */
int pinscope_info(int fd, struct pinscope_info *info);

/**
 * pinscope_ioctl() - issue an ioctl for which there is no other function here
 * @fd: from pinscope_open()
 * @cmd: PINSCOPE_IOC_*
 * @arg: in, out: its struct
 */
int pinscope_ioctl(int fd, unsigned long cmd, void *arg);

/**
 * pinscope_pin() - PIN: pin all pages of a range of the calling process, or none
 * @fd: from pinscope_open()
 * @call: enum pinscope_call
 * @gup_flags: PINSCOPE_FOLL_* bits
 * @addr: first address, page aligned
 * @len: bytes, a multiple of the page size, not 0
 * @id: out: the id of the pin, for pinscope_unpin() to release
 */
int pinscope_pin(int fd, unsigned int call, uint64_t gup_flags, const void *addr,
		 size_t len, uint32_t *id);

/**
 * pinscope_pin_cmd() - PIN with all fields of its struct
 * @fd: from pinscope_open()
 * @cmd: in, out: all fields but @size, which this function sets
 */
int pinscope_pin_cmd(int fd, struct pinscope_pin *cmd);

/**
 * pinscope_unpin() - UNPIN: release a pin
 * @fd: the file descriptor that was pinned with
 * @id: from pinscope_pin()
 */
int pinscope_unpin(int fd, uint32_t id);

/**
 * pinscope_unpin_part() - UNPIN: release some pages of a pin
 * @fd: the file descriptor that was pinned with
 * @id: from pinscope_pin()
 * @offset: bytes from the start of the pin, a multiple of the page size
 * @len: bytes, a multiple of the page size; 0 with @offset 0 for the whole pin
 * @flags: PINSCOPE_UNPIN_* bits
 * @left: out: pages that are still pinned; or NULL
 */
int pinscope_unpin_part(int fd, uint32_t id, uint64_t offset, uint64_t len,
			uint32_t flags, uint64_t *left);

/**
 * pinscope_read() - READ: copy from the pages of a pin, as a device would
 * @fd: the file descriptor that was pinned with
 * @id: from pinscope_pin()
 * @offset: bytes from the start of the pin
 * @buf: out
 * @len: bytes
 */
int pinscope_read(int fd, uint32_t id, uint64_t offset, void *buf, size_t len);

/**
 * pinscope_write() - WRITE: copy to the pages of a pin, as a device would
 * @fd: the file descriptor that was pinned with
 * @id: from pinscope_pin() with PINSCOPE_FOLL_WRITE
 * @offset: bytes from the start of the pin
 * @buf: what to write
 * @len: bytes
 */
int pinscope_write(int fd, uint32_t id, uint64_t offset, const void *buf,
		   size_t len);

/**
 * pinscope_inspect() - INSPECT: report page table entries, or pages of a pin
 * @fd: from pinscope_open(); for a pin the file descriptor that was pinned with
 * @target: the process, or the pin
 * @addr: first address, page aligned; for a pin an offset in it, in bytes
 * @len: bytes, a multiple of the page size, not 0
 * @records: out: an array in order of address, for the caller to free()
 * @nr: out: how many records it has
 */
int pinscope_inspect(int fd, struct pinscope_target target, uint64_t addr,
		     uint64_t len, struct pinscope_page **records, size_t *nr);

/**
 * pinscope_page() - INSPECT of one page of the calling process
 * @fd: from pinscope_open()
 * @addr: page aligned
 * @page: out: one record; all 0 when the page table entry is empty
 */
int pinscope_page(int fd, const void *addr, struct pinscope_page *page);

/**
 * pinscope_compare() - COMPARE: are the pages of a pin the pages that are mapped?
 * @fd: the file descriptor that was pinned with
 * @id: from pinscope_pin()
 * @target: the process with the page tables
 * @addr: the address where the pin's first page should be mapped, page aligned
 * @out: in: @bitmap and @bitmap_size, which may be 0; out: the result
 */
int pinscope_compare(int fd, uint32_t id, struct pinscope_target target,
		     uint64_t addr, struct pinscope_compare *out);

/**
 * pinscope_fault() - FAULT: call handle_mm_fault() on each page of a range
 * @fd: from pinscope_open()
 * @target: the process
 * @addr: first address, page aligned
 * @len: bytes, a multiple of the page size, not 0
 * @flags: PINSCOPE_FAULT_* bits
 * @results: out: an array with PINSCOPE_VM_FAULT_* bits for each page; or NULL
 * @out: out: all that FAULT reports; or NULL
 */
int pinscope_fault(int fd, struct pinscope_target target, uint64_t addr,
		   uint64_t len, uint64_t flags, uint32_t *results,
		   struct pinscope_fault *out);

/**
 * pinscope_open_map() - open the module's file map
 *
 * Return: a file descriptor, which all other functions take, too, for the caller to
 * close(); or a negative errno.
 */
int pinscope_open_map(void);

/**
 * pinscope_map() - mmap() of map
 * @fd: from pinscope_open_map()
 * @map: enum pinscope_map
 * @len: bytes, at most PINSCOPE_MAP_SIZE
 * @prot: as mmap() takes it
 * @flags: MAP_SHARED or MAP_PRIVATE, and others that mmap() takes
 * @addr: out: the mapping, for the caller to munmap()
 */
int pinscope_map(int fd, unsigned int map, size_t len, int prot, int flags,
		 void **addr);

/**
 * pinscope_map_counts() - MAP_COUNTS: how often mm called the driver of map
 * @fd: from pinscope_open_map()
 * @counts: out
 */
int pinscope_map_counts(int fd, struct pinscope_map_counts *counts);

/**
 * pinscope_rss() - RSS: the exact values of a process's RSS counters
 * @fd: from pinscope_open()
 * @target: the process
 * @rss: out
 */
int pinscope_rss(int fd, struct pinscope_target target, struct pinscope_rss *rss);

/**
 * pinscope_track() - TRACK: record who pins, or end it
 * @fd: from pinscope_open()
 * @op: enum pinscope_track_op
 * @flags: for START, PINSCOPE_TRACK_* bits
 * @max_sites: for START, see struct pinscope_track; 0: the default
 * @track: out: everything the module says; or NULL
 */
int pinscope_track(int fd, unsigned int op, unsigned int flags,
		   unsigned int max_sites, struct pinscope_track *track);

/**
 * pinscope_holders() - HOLDERS: the sites that tracking has recorded
 * @fd: from pinscope_open()
 * @pfn: with @pfns: only sites that hold a folio that begins there
 * @pfns: how many; 0: all sites
 * @sites: out: array of records, for free()
 * @nr: out: number of records
 */
int pinscope_holders(int fd, uint64_t pfn, uint64_t pfns,
		     struct pinscope_site **sites, size_t *nr);

/**
 * pinscope_errno() - get the name of an errno
 * @err: errno, of either sign
 *
 * Return: "EFAULT" and the like; "unknown error" when it has no name.
 */
const char *pinscope_errno(int err);

/**
 * struct pinscope_name - a value of the ABI and its name
 * @bit: a bit; or the number of a call or a map
 * @name: without the kernel's prefix
 */
struct pinscope_name {
	uint64_t bit;
	const char *name;
};

/* Tables of names. The last entry has no name. */
extern const struct pinscope_name pinscope_gup_flags_names[];
extern const struct pinscope_name pinscope_fault_names[];
extern const struct pinscope_name pinscope_vm_fault_names[];
extern const struct pinscope_name pinscope_state_names[];
extern const struct pinscope_name pinscope_call_names[];
extern const struct pinscope_name pinscope_map_names[];

/**
 * pinscope_names() - write bits as names
 * @names: a table of bits: gup_flags, fault, vm_fault or state
 * @bits: the bits
 * @buf: out: NAME|NAME; a hexadecimal number for bits without a name; "0" for none
 * @size: bytes at @buf; a text that is longer is cut
 *
 * Return: @buf.
 */
char *pinscope_names(const struct pinscope_name *names, uint64_t bits, char *buf,
		     size_t size);

/**
 * pinscope_parse() - read names of bits
 * @names: a table of bits: gup_flags, fault, vm_fault or state
 * @text: names with '|', ',' or '+' between them, in upper or lower case, with or
 *	without the kernel's prefix (FOLL_, FAULT_FLAG_, VM_FAULT_); "" and "0" are
 *	no bits. PTRACE is another name of FORCE
 * @bits: out
 *
 * Return: 0; -EINVAL when a name is not in the table, which
 * pinscope_unknown_name() then finds.
 */
int pinscope_parse(const struct pinscope_name *names, const char *text,
		   uint64_t *bits);

/**
 * pinscope_unknown_name() - find the first name that pinscope_parse() rejects
 * @names: as for pinscope_parse()
 * @text: as for pinscope_parse()
 * @buf: out: the name; "" when @text ends with a separator
 * @size: bytes at @buf; a name that is longer is cut
 *
 * Return: @buf, or NULL when pinscope_parse() accepts @text.
 */
char *pinscope_unknown_name(const struct pinscope_name *names, const char *text,
			    char *buf, size_t size);

/**
 * pinscope_name() - get the name of a call or a map
 * @names: pinscope_call_names or pinscope_map_names
 * @number: enum pinscope_call or enum pinscope_map
 *
 * Return: its name, or NULL when there is no such number.
 */
const char *pinscope_name(const struct pinscope_name *names, uint64_t number);

/**
 * pinscope_number() - get the number of a call or a map
 * @names: pinscope_call_names or pinscope_map_names
 * @name: its name, in upper or lower case
 *
 * Return: its number, or -EINVAL when there is no such name.
 */
int pinscope_number(const struct pinscope_name *names, const char *name);

/**
 * pinscope_nearest() - find the names that are similar to one that is unknown
 * @first: address of the first name, which is a const char *
 * @nr: number of names; NULL and "" among them are skipped
 * @stride: bytes from one name to the next: sizeof(const char *) for an array of
 *	strings, sizeof(struct row) for names in an array of struct row
 * @text: the unknown name, in upper or lower case
 * @buf: out: up to 4 names, the most similar first: "A", "A or B", "A, B or C"; ""
 *	when there are none
 * @size: bytes at @buf, not 0; names that do not fit are left out
 *
 * A name is similar when at most 2 characters, or a third of @text if that is
 * more, have to be inserted, deleted, replaced or swapped with their neighbour to
 * get from one to the other (but fewer than @text has); or when it contains @text,
 * which has at least 3 characters. When there is no such name, names of at least 3
 * characters that @text contains are similar.
 *
 * For messages like:
 *
 *	near = pinscope_nearest(&kinds[0].name, nr_kinds, sizeof(kinds[0]), word,
 *				buf, sizeof(buf));
 *	fprintf(stderr, "no kind '%s'%s%s%s; 'pinscope test --list' lists all\n",
 *		word, near ? "; did you mean " : "", near ? near : "",
 *		near ? "?" : "");
 *
 * Return: @buf, or NULL when no name is similar.
 */
const char *pinscope_nearest(const char *const *first, size_t nr, size_t stride,
			     const char *text, char *buf, size_t size);

/**
 * pinscope_nearest_name() - pinscope_nearest() for a table of names
 * @names: one of the tables above
 * @text: the unknown name, with or without the kernel's prefix
 * @buf: out: see pinscope_nearest()
 * @size: bytes at @buf, not 0
 *
 * Return: @buf, or NULL when no name is similar.
 */
const char *pinscope_nearest_name(const struct pinscope_name *names,
				  const char *text, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
