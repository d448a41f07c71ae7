// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peers of pinscope bench: what does the same as a work of the module, or a part
 * of it, and needs no module.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench.h"

/* PAGEMAP_SCAN of linux/fs.h, which not every libc has: names and layout. */
#define SCAN_PRESENT	(1 << 3)
#define SCAN_ALL	0x7f

struct scan_region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, all_of, any_of, report;
};

#define SCAN_IOC	_IOWR('f', 16, struct scan)

/* ------------------------------------------------------------ pin and unpin */

static int run_gup(struct bench *b)
{
	int ret = bench_pin(b);

	if (ret)
		return ret;
	b->ns = b->gup_ns;
	b->units = bench_calls(b) * (b->row->unit == PER_PAGE ? b->row->batch : 1);
	return bench_unpin(b);
}

const struct bench_work peer_gup = {
	"GUP", "The time in the call of mm/gup.c alone, without the module's work.", run_gup,
};

const struct bench_work peer_untracked_pin = {
	"untracked", "The same PIN while tracking is off.", work_pin,
};

const struct bench_work peer_untracked_unpin = {
	"untracked", "The same UNPIN while tracking is off.", work_unpin,
};

static int run_gup_test_pin(struct bench *b)
{
	return b->gup_test < 0 ? -EOPNOTSUPP : bench_gup_test(b, false);
}

const struct bench_work peer_gup_test_pin = {
	"gup_test", "The pin of /sys/kernel/debug/gup_test, the kernel's own or the module's.",
	run_gup_test_pin,
};

static int run_gup_test_unpin(struct bench *b)
{
	return b->own_gup_test ? bench_gup_test(b, true) : -EOPNOTSUPP;
}

const struct bench_work peer_gup_test_unpin = {
	"gup_test", "The release of /sys/kernel/debug/gup_test, if the kernel has its own.",
	run_gup_test_unpin,
};

/* The same pages as a row, in buffers of row->batch pages. */
static int io_uring(struct bench *b, bool unregister)
{
	size_t nr = bench_calls(b), len = b->row->batch * b->base, i;
	struct iovec *iov = calloc(nr, sizeof(*iov));
	struct io_uring ring;
	int ret;

	if (!iov)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		iov[i] = (struct iovec) { b->m.addr + i * len, len };
	ret = io_uring_queue_init(1, &ring, 0);
	if (ret)
		goto out;
	if (!unregister)
		bench_start(b);
	ret = io_uring_register_buffers(&ring, iov, nr);
	if (!unregister)
		bench_stop(b);
	if (!ret) {
		if (unregister)
			bench_start(b);
		ret = io_uring_unregister_buffers(&ring);
		if (unregister)
			bench_stop(b);
	}
	b->units = b->row->unit == PER_PAGE ? nr * b->row->batch : nr;
	io_uring_queue_exit(&ring);
out:
	free(iov);
	return ret;
}

static int run_io_uring_register(struct bench *b)
{
	return io_uring(b, false);
}

const struct bench_work peer_io_uring_register = {
	"io_uring-register", "Registration of buffers: pin+LONGTERM+WRITE, and accounting.",
	run_io_uring_register,
};

static int run_io_uring_unregister(struct bench *b)
{
	return io_uring(b, true);
}

const struct bench_work peer_io_uring_unregister = {
	"io_uring-unregister", "The end of the registration of buffers.",
	run_io_uring_unregister,
};

/* A pipe that has room for a page of each call, and where pages go from it. */
static int vmsplice_pages(struct bench *b, bool release)
{
	size_t nr = bench_calls(b), i;
	struct iovec iov = { .iov_len = b->base };
	int fds[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC), ret = 0;

	if (null < 0 || pipe2(fds, O_CLOEXEC)) {
		ret = -errno;
		goto out;
	}
	if (fcntl(fds[1], F_SETPIPE_SZ, nr * b->base) < 0)
		ret = -errno;
	if (!release)
		bench_start(b);
	for (i = 0; i < nr && !ret; i++) {
		iov.iov_base = b->m.addr + i * b->base;
		if (vmsplice(fds[1], &iov, 1, 0) != (ssize_t)b->base)
			ret = -errno;
	}
	if (!release)
		bench_stop(b);
	else
		bench_start(b);
	for (i = 0; i < nr && !ret; i++)
		if (splice(fds[0], NULL, null, NULL, b->base, 0) != (ssize_t)b->base)
			ret = -errno;
	if (release)
		bench_stop(b);
	b->units = nr;
	close(fds[0]);
	close(fds[1]);
out:
	if (null >= 0)
		close(null);
	return ret;
}

static int run_vmsplice(struct bench *b)
{
	return vmsplice_pages(b, false);
}

const struct bench_work peer_vmsplice = {
	"vmsplice", "vmsplice() of a page to a pipe: get-fast.", run_vmsplice,
};

static int run_splice(struct bench *b)
{
	return vmsplice_pages(b, true);
}

const struct bench_work peer_splice = {
	"splice", "splice() of that page from the pipe to /dev/null, which drops it.", run_splice,
};

/* ------------------------------------------------------------------ inspect */

static bool reads(int fd, void *buf, size_t nr, uint64_t index)
{
	return pread(fd, buf, nr * 8, index * 8) == (ssize_t)(nr * 8);
}

static int run_pagemap(struct bench *b)
{
	size_t pages = b->len / b->base;
	bool good;

	b->units = pages;
	bench_start(b);
	good = reads(b->pagemap, b->words[0], pages, (uintptr_t)b->m.addr / b->base);
	bench_stop(b);
	return good ? 0 : -EOPNOTSUPP;
}

const struct bench_work peer_pagemap = {
	"pagemap", "/proc/self/pagemap of the same pages.", run_pagemap,
};

static uint64_t pfn_of(uint64_t entry)
{
	return entry & ((1ULL << 55) - 1);
}

/* A read for each run of consecutive PFNs. */
static int run_procfs(struct bench *b)
{
	size_t pages = b->len / b->base, i, nr;
	const uint64_t *entries = b->words[0];
	bool good;

	b->units = pages;
	bench_start(b);
	good = reads(b->pagemap, b->words[0], pages, (uintptr_t)b->m.addr / b->base);
	for (i = 0; i < pages && good; i += nr) {
		for (nr = 1; i + nr < pages; nr++)
			if (pfn_of(entries[i + nr]) != pfn_of(entries[i]) + nr)
				break;
		good = reads(b->kpageflags, b->words[1] + i, nr, pfn_of(entries[i])) &&
		       reads(b->kpagecount, b->words[2] + i, nr, pfn_of(entries[i]));
	}
	bench_stop(b);
	return good ? 0 : -EOPNOTSUPP;
}

const struct bench_work peer_procfs = {
	"procfs", "pagemap, and /proc/kpageflags and /proc/kpagecount of its PFNs.", run_procfs,
};

static int run_pagemap_scan(struct bench *b)
{
	struct scan scan = {
		.size = sizeof(scan),
		.start = pinscope_addr(b->m.addr),
		.end = pinscope_addr(b->m.addr) + b->len,
		.vec = pinscope_addr(b->records),
		.vec_len = b->row->memory->pages * sizeof(*b->records) /
			   sizeof(struct scan_region),
		.all_of = SCAN_PRESENT, .report = SCAN_ALL,
	};
	int ret = 0;

	b->units = b->row->unit == PER_PAGE ? b->len / b->base : 1;
	bench_start(b);
	while (scan.start < scan.end && !ret) {
		ret = ioctl(b->pagemap, SCAN_IOC, &scan) < 0 ? -errno : 0;
		if (!ret && scan.walk_end <= scan.start)
			break;
		scan.start = scan.walk_end;
	}
	bench_stop(b);
	return ret == -ENOTTY || ret == -EINVAL ? -EOPNOTSUPP : ret;
}

const struct bench_work peer_pagemap_scan = {
	"PAGEMAP_SCAN", "The ioctl of pagemap (Linux 6.7): ranges, without PFNs and folios.",
	run_pagemap_scan,
};

/* --------------------------------------------------------------------- copy */

static int run_memcpy(struct bench *b, void *to, const void *from)
{
	b->units = BENCH_BUFFER / b->base;
	bench_start(b);
	memcpy(to, from, BENCH_BUFFER);
	/* It must not be left out or moved. */
	__asm__ volatile("" : : "r"(to) : "memory");
	bench_stop(b);
	return 0;
}

static int run_memcpy_from(struct bench *b)
{
	return run_memcpy(b, b->buffer, b->m.addr);
}

const struct bench_work peer_memcpy_from = {
	"memcpy", "memcpy() of the process, from the memory.", run_memcpy_from,
};

static int run_memcpy_to(struct bench *b)
{
	return run_memcpy(b, b->m.addr, b->buffer);
}

const struct bench_work peer_memcpy_to = {
	"memcpy", "memcpy() of the process, to the memory.", run_memcpy_to,
};

static int process_vm(struct bench *b, bool to_memory)
{
	struct iovec local = { b->buffer, BENCH_BUFFER };
	struct iovec remote = { b->m.addr, BENCH_BUFFER };
	ssize_t copied;

	b->units = BENCH_BUFFER / b->base;
	bench_start(b);
	copied = to_memory ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0) :
			     process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	bench_stop(b);
	return copied < 0 ? -errno : 0;
}

static int run_vm_readv(struct bench *b)
{
	return process_vm(b, false);
}

const struct bench_work peer_vm_readv = {
	"process_vm_readv", "The same copy by a system call that pins, copies and unpins.",
	run_vm_readv,
};

static int run_vm_writev(struct bench *b)
{
	return process_vm(b, true);
}

const struct bench_work peer_vm_writev = {
	"process_vm_writev", "The same copy by a system call that pins, copies and unpins.",
	run_vm_writev,
};

/* ------------------------------------------------------------ unshare, fork */

/* A write to each page; of hugetlb to each huge page. */
static int run_write_fault(struct bench *b)
{
	size_t step = b->kind.hugetlb_shift ? b->kind.page : b->base, at;

	b->units = b->len / b->base;
	bench_start(b);
	for (at = 0; at < b->len; at += step)
		*(volatile char *)(b->m.addr + at) = 'w';
	bench_stop(b);
	return 0;
}

const struct bench_work peer_write_fault = {
	"write-fault", "The process writes to the pages, which breaks COW as well.",
	run_write_fault,
};

const struct bench_work peer_fork = {
	"fork", "fork() with the same memory, not pinned.", bench_fork,
};
