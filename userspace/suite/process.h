/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that somebody looks at: its VMAs, by /proc/PID/smaps or maps, and runs
 * of its pages, by INSPECT. Both come in order of address and one at a time, so that
 * neither 100000 VMAs nor 100 GiB of pages have to fit in memory.
 *
 * The process goes on meanwhile. It may end at any time, and what is read of two
 * VMAs may be of two moments.
 */
#ifndef PINSCOPE_PROCESS_H
#define PINSCOPE_PROCESS_H

#include "suite.h"

/* Flags of a VMA, as VmFlags of /proc/PID/smaps has them. */
enum vma_flag {
	VMA_READ		= 1 << 0,
	VMA_WRITE		= 1 << 1,
	VMA_EXEC		= 1 << 2,
	VMA_SHARED		= 1 << 3,
	VMA_MAYREAD		= 1 << 4,
	VMA_MAYWRITE		= 1 << 5,
	VMA_MAYSHARE		= 1 << 6,
	VMA_GROWSDOWN		= 1 << 7,
	VMA_PFNMAP		= 1 << 8,
	VMA_LOCKED		= 1 << 9,
	VMA_IO			= 1 << 10,
	VMA_HUGETLB		= 1 << 11,
	VMA_HUGEPAGE		= 1 << 12,
	VMA_NOHUGEPAGE		= 1 << 13,
	VMA_MERGEABLE		= 1 << 14,
	VMA_MIXEDMAP		= 1 << 15,
	VMA_UFFD_MISSING	= 1 << 16,
	VMA_UFFD_WP		= 1 << 17,
	VMA_UFFD_MINOR		= 1 << 18,
	VMA_SHADOW_STACK	= 1 << 19,
	VMA_SOFTDIRTY		= 1 << 20,
	VMA_UFFD_RWP		= 1 << 21,
};

/* What backs a VMA. */
enum vma_backing {
	VMA_IS_ANON,		/* vma_is_anonymous() */
	VMA_IS_SHMEM,		/* memfd, tmpfs, shared anonymous memory */
	VMA_IS_HUGETLB,
	VMA_IS_SECRETMEM,
	VMA_IS_DAX,		/* a file whose pages are the storage */
	VMA_IS_FILE,		/* any other file system */
	VMA_IS_DEVICE,		/* a driver's mmap() */
	VMA_IS_SPECIAL,		/* the kernel's own: vdso and the like */
};

/**
 * struct vma - a virtual memory area
 * @start: first address
 * @end: address behind the last byte
 * @offset: in the file, in bytes
 * @dev: of the file
 * @inode: of the file, or 0
 * @flags: enum vma_flag; only those of the permissions without smaps
 * @page_shift: log2 of the page size: another than of base pages with hugetlb
 * @name: what maps says at the end of the line: a path, "[heap]", or ""
 * @backing: from vma_find_backing()
 * @fs: the name of the file system, such as "ext4", with the same
 * @file_size: bytes of the file, or UINT64_MAX, with the same
 */
struct vma {
	uint64_t start, end;
	uint64_t offset;
	uint64_t dev, inode;
	unsigned int flags;
	unsigned int page_shift;
	char name[256];
	enum vma_backing backing;
	char fs[16];
	uint64_t file_size;
};

/**
 * struct process - a process that somebody looks at
 * @pid: its process id
 * @proc: its directory in /proc, which stays this process's
 * @pidfd: likewise
 * @compat: it is a 32-bit process
 * @command: its name
 * @why: why the last function that failed did, and what to do
 */
struct process {
	pid_t pid;
	int proc;
	int pidfd;
	bool compat;
	char command[32];
	char why[320];
};

/**
 * process_open() - begin to look at a process
 * @p: out; process_close() it, whatever this returns
 * @pid: the process
 *
 * Return: 0, or a negative errno, with the sentence in p->why: ESRCH there is no such
 * process, or it has no memory; EPERM, EACCES it is not permitted; EINVAL @pid is a
 * thread.
 */
int process_open(struct process *p, pid_t pid);

void process_close(struct process *p);

/**
 * process_ended() - has it ended meanwhile?
 * @p: from process_open()
 *
 * Return: whether it has.
 */
bool process_ended(const struct process *p);

/**
 * process_fails() - say why something about a process failed
 * @p: gets the sentence in @why
 * @what: what was tried: "INSPECT", "read of maps"
 * @err: the negative errno
 *
 * Return: @err, or -ESRCH when the process has ended meanwhile.
 */
int process_fails(struct process *p, const char *what, int err);

/* The target of ioctls that work on the process. */
struct pinscope_target process_target(const struct process *p);

/* ------------------------------------------------------------------- VMAs */

/* Reads maps or smaps, line by line. */
struct vma_reader {
	struct process *process;
	int fd;
	bool smaps;
	size_t begin, end;	/* of what is in @buf and not yet used */
	char buf[1 << 16];
};

/**
 * vma_open() - begin to read the VMAs of a process
 * @r: out; vma_close() it, whatever this returns
 * @p: the process
 * @smaps: with all flags and the page size, for which the kernel walks all page tables
 *
 * Return: 0, or a negative errno with p->why.
 */
int vma_open(struct vma_reader *r, struct process *p, bool smaps);

/**
 * vma_next() - read the next VMA
 * @r: from vma_open()
 * @vma: out: all but @backing, @fs and @file_size
 *
 * Return: 1; 0 when there are no more; or a negative errno with p->why.
 */
int vma_next(struct vma_reader *r, struct vma *vma);

void vma_close(struct vma_reader *r);

/**
 * vma_find_backing() - find out what backs a VMA
 * @p: the process
 * @vma: from vma_next(); out: @backing, @fs, @file_size
 * @last: the VMA before, with its backing, which is copied if the file is the same;
 *	or NULL
 */
void vma_find_backing(const struct process *p, struct vma *vma, const struct vma *last);

/**
 * vma_lookup() - find the VMA at an address
 * @p: the process
 * @addr: the address
 * @smaps: with all flags, see vma_open()
 * @vma: out: all of it; or the next VMA above, with -EFAULT
 *
 * Return: 0; -EFAULT when nothing is mapped there, with p->why; or another errno.
 */
int vma_lookup(struct process *p, uint64_t addr, bool smaps, struct vma *vma);

/* Is it a private mapping that could become writable? As is_cow_mapping(). */
static inline bool vma_is_cow(const struct vma *vma)
{
	return (vma->flags & (VMA_SHARED | VMA_MAYWRITE)) == VMA_MAYWRITE;
}

/* ------------------------------------------------------------------ pages */

enum { PAGE_BATCH = 1024 };

/* Reads the records of INSPECT for a range. */
struct page_reader {
	struct process *process;	/* or NULL, for a pin */
	int fd;
	struct pinscope_target target;
	uint64_t addr, end;
	size_t at, nr;
	struct pinscope_page pages[PAGE_BATCH];
};

/**
 * pages_open() - begin to read runs of pages
 * @r: out; needs no end
 * @fd: from pinscope_open()
 * @target: the process, or a pin
 * @addr: first address, page aligned
 * @len: bytes, a multiple of the page size
 */
void pages_open(struct page_reader *r, int fd, struct pinscope_target target,
		uint64_t addr, uint64_t len);

/**
 * pages_next() - read the next run of equal pages
 * @r: from pages_open()
 * @page: out: points to the run, until the next call
 *
 * Return: 1; 0 when there are no more; or a negative errno.
 */
int pages_next(struct page_reader *r, const struct pinscope_page **page);

#endif
