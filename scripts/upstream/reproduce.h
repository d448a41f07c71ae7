/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the reproducers share. Each is one file beside this header, and is built by
 *
 *	cc -static -Wall -Wextra -Werror -o reproduce NAME/reproduce.c
 *
 * Exit status: NO_BUG, BUG or CANNOT_TRY. The last line that a reproducer prints
 * says why.
 */
#ifndef REPRODUCE_H
#define REPRODUCE_H

#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fuse.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NO_BUG = 0, BUG = 1, CANNOT_TRY = 4 };

#define PAGE		4096UL
#define THP		(2UL << 20)

/* /proc/PID/pagemap */
#define PM_SOFT_DIRTY	(1ULL << 55)
#define PM_UFFD_WP	(1ULL << 57)
#define PM_PRESENT	(1ULL << 63)
#define PM_PFN		((1ULL << 55) - 1)

/* /proc/kpageflags */
#define KPF_COMPOUND_TAIL	(1ULL << 16)
#define KPF_THP		(1ULL << 22)
#define KPF_ZERO_PAGE	(1ULL << 24)

#ifndef UFFD_FEATURE_MOVE
#define UFFD_FEATURE_MOVE	(1ULL << 16)
#define UFFDIO_MOVE		_IOWR(UFFDIO, 0x05, struct uffdio_move)
struct uffdio_move {
	uint64_t dst, src, len, mode;
	int64_t move;
};
#endif

/* conclude(): say why, and end with a status */
__attribute__((noreturn, format(printf, 2, 3)))
static inline void conclude(int status, const char *why, ...)
{
	static const char *const verdicts[] = {
		[NO_BUG] = "not shown", [BUG] = "shown", [CANNOT_TRY] = "cannot be tried",
	};
	va_list args;

	printf("%s: ", verdicts[status]);
	va_start(args, why);
	vprintf(why, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(status);
}

/* need(): what must work before anything can be said */
static inline void need(bool works, const char *what)
{
	if (!works)
		conclude(CANNOT_TRY, "%s%s%s", what, errno ? ": " : "",
			 errno ? strerror(errno) : "");
}

static inline uint64_t read_entry(const char *file, uint64_t index)
{
	uint64_t entry;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	need(fd >= 0, file);
	need(pread(fd, &entry, sizeof(entry), index * sizeof(entry)) == sizeof(entry), file);
	close(fd);
	return entry;
}

static inline uint64_t pagemap(const void *addr)
{
	return read_entry("/proc/self/pagemap", (uintptr_t)addr / PAGE);
}

/* Needs root, without which the PFN is 0. */
static inline uint64_t kpageflags(const void *addr)
{
	return read_entry("/proc/kpageflags", pagemap(addr) & PM_PFN);
}

static inline void clear_soft_dirty(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	need(fd >= 0 && write(fd, "4", 1) == 1, "/proc/self/clear_refs");
	close(fd);
}

/* map_thp(): a mapping of 2 MiB that a PMD can map */
static inline char *map_thp(int prot, int flags, int fd)
{
	char *addr = mmap(NULL, 2 * THP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(addr != MAP_FAILED, "mmap");
	addr = (char *)(((uintptr_t)addr + THP - 1) & ~(THP - 1));
	addr = mmap(addr, THP, prot, flags | MAP_FIXED, fd, 0);
	need(addr != MAP_FAILED, "mmap of 2 MiB");
	return addr;
}

/* A container that has the group of a device bound to vfio-pci, or -1. */
static inline int vfio_open(void)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), group = -1;
	DIR *dir = opendir("/dev/vfio");
	struct dirent *entry;

	while (dir && group < 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			group = openat(dirfd(dir), entry->d_name, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	if (container < 0 || group < 0 ||
	    ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -1;
	return container;
}

/* Of mm/gup_test.h. */
struct pin_longterm_test {
	uint64_t addr, size;
	uint32_t flags;
};

#define PIN_LONGTERM_TEST_START	_IOW('g', 7, struct pin_longterm_test)

/*
 * pin_read(): a R/O long-term pin of a page, until the process ends. VFIO takes it, for a
 * device that only reads; or gup_test, where no device is bound to vfio-pci.
 */
static inline int pin_read(const void *addr)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = (uintptr_t)addr, .iova = 0x100000, .size = PAGE,
	};
	struct pin_longterm_test test = { .addr = (uintptr_t)addr, .size = PAGE };
	int fd = vfio_open();

	if (fd >= 0)
		return ioctl(fd, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
	fd = open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC);
	need(fd >= 0, "neither a device that is bound to vfio-pci nor CONFIG_GUP_TEST");
	return ioctl(fd, PIN_LONGTERM_TEST_START, &test) ? -errno : 0;
}

/*
 * lost_pages(): have pages reclaimed, as memory pressure would, and count those that do not have
 * their data any more
 */
static inline int lost_pages(char *addr, const char *data, int pages)
{
	int nr = 0, i;

	/* What was just put on the LRU lists is reclaimed by the second one, at the latest. */
	for (i = 0; i < 4; i++)
		madvise(addr, pages * PAGE, MADV_PAGEOUT);
	for (i = 0; i < pages; i++)
		nr += !!memcmp(addr + i * PAGE, data + i * PAGE, PAGE);
	return nr;
}

/* pin_buffer(): io_uring pins a page for long, for writing, until the process ends */
static inline void pin_buffer(void *addr)
{
	struct iovec iov = { .iov_base = addr, .iov_len = PAGE };
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	need(fd >= 0, "io_uring_setup");
	need(!syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov, 1),
	     "IORING_REGISTER_BUFFERS");
}

/* A read with O_DIRECT from a file of FUSE, by a child, that is not answered yet. */
struct late_read {
	int fuse;
	uint64_t unique;
	pid_t child;
};

#define FUSE_AT		"/tmp/reproduce-fuse"

/* What is mounted on a file has a root that is one. */
static inline int mount_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), file;
	char options[80];

	need(fd >= 0, "/dev/fuse");
	file = open(FUSE_AT, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	need(file >= 0, FUSE_AT);
	close(file);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100600,user_id=0,group_id=0", fd);
	need(!mount("reproduce", FUSE_AT, "fuse", MS_NOSUID | MS_NODEV, options),
	     "mount of FUSE");
	return fd;
}

static inline void fuse_answer(int fd, uint64_t unique, const void *with, size_t len)
{
	struct fuse_out_header out = { .len = sizeof(out) + len, .unique = unique };
	struct iovec iov[] = { { &out, sizeof(out) }, { (void *)with, len } };

	need(writev(fd, iov, 2) == (ssize_t)out.len, "answer of FUSE");
}

/* The READ that is to be answered later. What a file needs to be opened is answered at once. */
static inline uint64_t fuse_next_read(int fd)
{
	const struct fuse_open_out opened = { .fh = 1, .open_flags = FOPEN_DIRECT_IO };
	const struct fuse_attr_out attr = {
		.attr = { .ino = 1, .size = PAGE, .mode = S_IFREG | 0600, .nlink = 1 },
	};
	const struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = PAGE,
	};
	static struct {
		struct fuse_in_header in;
		char rest[FUSE_MIN_READ_BUFFER];
	} r;

	while (read(fd, &r, sizeof(r)) >= (ssize_t)sizeof(r.in)) {
		switch (r.in.opcode) {
		case FUSE_INIT:
			fuse_answer(fd, r.in.unique, &init, sizeof(init));
			break;
		case FUSE_OPEN:
			fuse_answer(fd, r.in.unique, &opened, sizeof(opened));
			break;
		case FUSE_GETATTR:
			fuse_answer(fd, r.in.unique, &attr, sizeof(attr));
			break;
		case FUSE_READ:
			return r.in.unique;
		default:
			errno = 0;
			need(false, "FUSE asks for something unknown");
		}
	}
	need(false, "/dev/fuse");
	return 0;
}

/*
 * read_late(): start a read of a page into a shared mapping. The page stays pinned until
 * answer_read(). The child maps the page at beside, too. Needs root, and FUSE.
 */
static inline struct late_read read_late(void *addr, const volatile char *beside)
{
	struct late_read late = { .fuse = mount_fuse() };

	late.child = fork();
	need(late.child >= 0, "fork");
	if (!late.child) {
		int from;

		/* With the last one closed, what FUSE has not answered fails. */
		close(late.fuse);
		(void)*beside;
		from = open(FUSE_AT, O_RDONLY | O_DIRECT | O_CLOEXEC);
		_exit(from < 0 || read(from, addr, PAGE) != PAGE);
	}
	late.unique = fuse_next_read(late.fuse);
	need(!umount2(FUSE_AT, MNT_DETACH), "umount");
	unlink(FUSE_AT);
	return late;
}

/* answer_read(): the device writes a page */
static inline void answer_read(const struct late_read *late, const void *page)
{
	int status;

	fuse_answer(late->fuse, late->unique, page, PAGE);
	close(late->fuse);
	need(waitpid(late->child, &status, 0) == late->child && !status, "the read from FUSE");
}

/* forget(): what is read next is what the disk has */
static inline void forget(int file)
{
	need(!fsync(file), "fsync");
	need(!posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), "POSIX_FADV_DONTNEED");
}

/* Of lib/test_hmm_uapi.h, for whose driver the kernel needs CONFIG_TEST_HMM. */
#define HMM_DEVICE	"/dev/hmm_dmirror0"

struct hmm_cmd {
	uint64_t addr, buf, pages, copied, faults;
};

#define HMM_MIGRATE_TO_DEV	_IOWR('H', 0x02, struct hmm_cmd)
#define HMM_EXCLUSIVE		_IOWR('H', 0x05, struct hmm_cmd)

/* to_device(): migrate pages to the driver's memory, those that can be */
static inline void to_device(void *addr, int pages)
{
	struct hmm_cmd cmd = { .addr = (uintptr_t)addr, .pages = pages };
	static int fd = -1;
	static char *copy;

	if (fd < 0)
		fd = open(HMM_DEVICE, O_RDWR | O_CLOEXEC);
	need(fd >= 0, HMM_DEVICE);
	copy = realloc(copy, pages * PAGE);
	need(copy, "memory");
	cmd.buf = (uintptr_t)copy;
	/* ENOENT: one was not migrated. */
	need(!ioctl(fd, HMM_MIGRATE_TO_DEV, &cmd) || errno == ENOENT, "migration to the device");
}

#ifndef STATX_ATTR_DAX
#define STATX_ATTR_DAX	0x00200000
#endif

static inline void need_dax(int fd)
{
	struct statx stat;

	need(!statx(fd, "", AT_EMPTY_PATH, 0, &stat), "statx");
	errno = 0;
	need(stat.stx_attributes & STATX_ATTR_DAX, "the file is not mapped by DAX");
}

/* ended(): has the child ended within some seconds? */
static inline bool ended(pid_t child, int seconds, int *status)
{
	int i;

	for (i = 0; i < 10 * seconds; i++) {
		if (waitpid(child, status, WNOHANG) == child)
			return true;
		usleep(100000);
	}
	return false;
}

/* show_stack(): where in the kernel a process is; needs root */
static inline void show_stack(pid_t pid)
{
	char path[40], text[2000];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (len > 0)
		printf("%s:\n%.*s", path, (int)len, text);
	if (fd >= 0)
		close(fd);
}

/* Of /proc/sys/kernel/tainted: the kernel has complained of a page; it has warned. */
#define TAINT_BAD_PAGE	(1UL << 5)
#define TAINT_WARN	(1UL << 9)

static inline bool is_tainted(unsigned long by)
{
	FILE *file = fopen("/proc/sys/kernel/tainted", "re");
	unsigned long taint = 0;

	need(file && fscanf(file, "%lu", &taint) == 1, "/proc/sys/kernel/tainted");
	fclose(file);
	return taint & by;
}

/* What two threads do to a file of 2 MiB, see drop_beside_holes(). */
struct hole_race {
	char *mem;
	volatile bool stop;
	unsigned int writes, holes;
	int error;
};

static inline void *write_and_drop(void *arg)
{
	struct hole_race *race = arg;

	for (; !race->stop; race->writes++) {
		*(volatile char *)race->mem = 1;
		if (madvise(race->mem, THP, MADV_DONTNEED)) {
			race->error = errno;
			break;
		}
	}
	return arg;
}

/*
 * drop_beside_holes(): one thread writes to a mapping of the file and drops it, all that a page
 * table maps, while the other punches holes; until the kernel is tainted, or for some seconds
 */
static inline struct hole_race drop_beside_holes(int fd, unsigned long taint, int seconds)
{
	struct hole_race race = { 0 };
	pthread_t thread;
	time_t end;

	need(!is_tainted(taint), "the kernel has complained before, and may not do so again");
	race.mem = map_thp(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	need(!pthread_create(&thread, NULL, write_and_drop, &race), "pthread_create");
	for (end = time(NULL) + seconds; time(NULL) < end; race.holes++) {
		need(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, THP),
		     "fallocate");
		if (race.holes % 64 == 0 && is_tainted(taint))
			break;
	}
	race.stop = true;
	pthread_join(thread, NULL);
	errno = race.error;
	need(!race.error, "MADV_DONTNEED");
	return race;
}

#endif
