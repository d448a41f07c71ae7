/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mm offers by system calls and files, each in one place: for the suite, the
 * tool and the tests. Functions return 0 or a negative errno unless they say
 * otherwise.
 */
#ifndef PINSCOPE_SYS_H
#define PINSCOPE_SYS_H

#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define SYS_THP_DIR	"/sys/kernel/mm/transparent_hugepage/"
#define SYS_HUGETLB_DIR	"/sys/kernel/mm/hugepages/"
#define SYS_KSM_DIR	"/sys/kernel/mm/ksm/"

/* Newer than some libc. */
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT		21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON	(1 << 14)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	(1 << 15)
#endif
/* Since Linux 7.3. */
#ifndef UFFDIO_RWPROTECT
#define UFFD_FEATURE_RWP	(1ULL << 17)
#define UFFD_FEATURE_RWP_ASYNC	(1ULL << 18)
#define UFFDIO_REGISTER_MODE_RWP	(1ULL << 3)
#define UFFDIO_RWPROTECT	_IOWR(UFFDIO, 0x09, struct uffdio_rwprotect)
#define UFFDIO_RWPROTECT_MODE_RWP	(1ULL << 0)
struct uffdio_rwprotect {
	struct uffdio_range range;
	uint64_t mode;
};
#endif
/* Since Linux 6.8. */
#ifndef UFFDIO_MOVE
#define UFFD_FEATURE_MOVE	(1ULL << 16)
#define UFFDIO_MOVE		_IOWR(UFFDIO, 0x05, struct uffdio_move)
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES	(1ULL << 1)
struct uffdio_move {
	uint64_t dst;
	uint64_t src;
	uint64_t len;
	uint64_t mode;
	int64_t move;
};
#endif

/* Bytes of a base page. */
size_t sys_page_size(void);

/* log2 of the bytes of a base page. */
unsigned int sys_page_shift(void);

/* Bytes that a PMD maps, or 0 without transparent huge pages. */
size_t sys_thp_size(void);

/* The number at the start of a file, or 0 when there is none. */
long sys_read_number(const char *path);

/* The number in a file of the pool of hugetlb pages of @size bytes, or 0 without such pages. */
long sys_hugetlb_pool(size_t size, const char *file);

/* Pages in that pool that are neither used nor reserved. */
long sys_hugetlb_unreserved(size_t size);

/*
 * Pages that the whole system has pinned, as /proc/vmstat counts: acquired less released.
 * The kernel may count wrongly (folio_add_pin()), so only the change says something.
 */
long sys_pins_held(void);

/* What /proc/PID/stat says a process does, as 'S' that it sleeps; 0 if there is none. */
char sys_process_state(int pid);

/* Write @text to a file that exists. */
int sys_write_file(const char *path, const char *text);

/* Open an open file anew. Returns the other file, or a negative errno. */
int sys_reopen(int fd, int flags);

/* Clear the soft-dirty bits of all the caller's memory. */
int sys_clear_soft_dirty(void);

/*
 * Write-protect a range by a userfaultfd with @features. Returns the userfaultfd,
 * for close(), or a negative errno.
 */
int sys_uffd_wp(void *addr, size_t len, uint64_t features);

/* Likewise, so that userfaultfd is told of reads as well (UFFDIO_RWPROTECT, Linux 7.3). */
int sys_uffd_rwp(void *addr, size_t len, uint64_t features);

/* Take the write protection of a range away, and wake who waits for it. */
int sys_uffd_wp_resolve(int uffd, void *addr, size_t len);

/* Does userfaultfd know a feature? True also when it cannot be asked. */
bool sys_has_uffd_feature(uint64_t feature);

struct nlmsghdr;

/* Append an attribute to a message of netlink, which has room for it. */
void sys_netlink_string(struct nlmsghdr *msg, unsigned short type, const char *text);

/* Bind the caller to one of the processors that it may use: the @nr-th. */
void sys_stay_on_cpu(unsigned int nr);

/**
 * sys_leave_cpu() - run on any other processor, if there is one
 * @mine: the processors that the caller may have, to be set again
 */
void sys_leave_cpu(cpu_set_t *mine);

void sys_sleep_ms(unsigned int ms);

/* Milliseconds of CLOCK_MONOTONIC. */
long sys_now_ms(void);

/* Linux @major.@minor. */
#define KERNEL(major, minor)	((major) * 1000U + (minor))
#define KERNEL_MAJOR(kernel)	((kernel) / 1000)
#define KERNEL_MINOR(kernel)	((kernel) % 1000)

/* The running kernel, as KERNEL() has it; 0 when that cannot be told. */
unsigned int running_kernel(void);

#endif
