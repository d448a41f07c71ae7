// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that somebody looks at, see process.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "process.h"
#include "sys.h"

#ifndef SECRETMEM_MAGIC
#define SECRETMEM_MAGIC	0x5345434d
#endif

/* Bytes of /proc/PID/status that are looked at. */
enum { STATUS_MAX = 4096 };

/* How long a process without memory is given to end. */
enum { ENDING_MS = 3000 };

__attribute__((format(printf, 3, 4)))
static int fails(struct process *p, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->why, sizeof(p->why), format, args);
	va_end(args);
	return err;
}

static size_t read_file(const struct process *p, const char *name, char *buf, size_t size)
{
	int fd = openat(p->proc, name, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	len = len < 0 ? 0 : len;
	buf[len] = '\0';
	return len;
}

/* The text behind "@key:" in status, or "". */
static const char *status_field(const char *status, const char *key)
{
	const char *line = strstr(status, key);

	if (!line)
		return "";
	line += strlen(key);
	return line + strspn(line, " \t");
}

/* Why there is no memory to look at; status tells. */
static int no_memory(struct process *p, const char *status)
{
	if (*status_field(status, "\nState:") == 'Z' || *status_field(status, "\nState:") == 'X')
		return fails(p, -ESRCH,
			     "process %d (%s) has ended, only its parent has not waited for it: its memory is gone",
			     p->pid, p->command);
	return fails(p, -ESRCH,
		     "process %d (%s) is a kernel thread, which has no memory of its own: give a process whose line in 'ps' has no brackets",
		     p->pid, p->command);
}

/* The ELF header says it: 1 is ELFCLASS32. */
static bool is_compat(const struct process *p)
{
	char ident[6] = "";

	return read_file(p, "exe", ident, sizeof(ident)) == 5 && !memcmp(ident, "\177ELF", 4) &&
	       ident[4] == 1;
}

static int open_pidfd(struct process *p)
{
	p->pidfd = syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd >= 0)
		return 0;
	return -errno;
}

int process_open(struct process *p, pid_t pid)
{
	char path[32], status[STATUS_MAX];
	size_t len;
	int ret, fd;

	*p = (struct process) { .pid = pid, .proc = -1, .pidfd = -1 };
	snprintf(path, sizeof(path), "/proc/%d", pid);
	p->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->proc < 0)
		return fails(p, -ESRCH,
			     "there is no process %d: 'ps -e' lists those that there are",
			     pid);
	read_file(p, "status", status, sizeof(status));
	len = strcspn(status_field(status, "Name:"), "\n");
	snprintf(p->command, sizeof(p->command), "%.*s", (int)len,
		 status_field(status, "Name:"));
	ret = atoi(status_field(status, "\nTgid:"));
	if (ret && ret != pid)
		return fails(p, -EINVAL,
			     "%d is a thread of process %d: all threads have the same memory, so give %d",
			     pid, ret, ret);
	ret = open_pidfd(p);
	if (ret)
		return process_fails(p, "pidfd_open", ret);
	if (!strstr(status, "\nVmSize:"))
		return no_memory(p, status);
	fd = openat(p->proc, "mem", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return process_fails(p, "open of mem", -errno);
	close(fd);
	p->compat = is_compat(p);
	return 0;
}

void process_close(struct process *p)
{
	if (p->proc >= 0)
		close(p->proc);
	if (p->pidfd >= 0)
		close(p->pidfd);
	p->proc = -1;
	p->pidfd = -1;
}

static bool ends_within(const struct process *p, int ms)
{
	struct pollfd poll_fd = { .fd = p->pidfd, .events = POLLIN };

	return p->pidfd >= 0 && poll(&poll_fd, 1, ms) == 1;
}

bool process_ended(const struct process *p)
{
	return ends_within(p, 0);
}

/* Its memory goes before the process does. */
static bool has_memory(const struct process *p)
{
	char status[STATUS_MAX];

	read_file(p, "status", status, sizeof(status));
	return strstr(status, "\nVmSize:");
}

int process_fails(struct process *p, const char *what, int err)
{
	/* To free a large memory takes a while, and only then it has ended. */
	if (ends_within(p, err == -ESRCH ? ENDING_MS : 0))
		return fails(p, -ESRCH, "process %d (%s) ended while it was looked at",
			     p->pid, p->command);
	switch (-err) {
	case EPERM:
	case EACCES:
		return fails(p, err,
			     "process %d (%s) may not be looked at (%s: %s): it takes the permission to attach a debugger, so run this as root with CAP_SYS_PTRACE, and see /proc/sys/kernel/yama/ptrace_scope",
			     p->pid, p->command, what, pinscope_errno(err));
	case ESRCH:
		return fails(p, err,
			     "process %d (%s) has no memory any more (%s: ESRCH): it is ending, or has just called exec; try again",
			     p->pid, p->command, what);
	}
	return fails(p, err, "process %d (%s): %s: %s", p->pid, p->command, what,
		     pinscope_errno(err));
}

struct pinscope_target process_target(const struct process *p)
{
	return pinscope_pidfd(p->pidfd);
}

/* ------------------------------------------------------------------- VMAs */

int vma_open(struct vma_reader *r, struct process *p, bool smaps)
{
	*r = (struct vma_reader) { .process = p, .smaps = smaps };
	r->fd = openat(p->proc, smaps ? "smaps" : "maps", O_RDONLY | O_CLOEXEC);
	if (r->fd >= 0)
		return 0;
	if (errno != ENOENT || !smaps)
		return process_fails(p, smaps ? "open of smaps" : "open of maps", -errno);
	return fails(p, -ENOENT,
		     "there is no /proc/%d/smaps: the kernel needs CONFIG_PROC_PAGE_MONITOR",
		     p->pid);
}

void vma_close(struct vma_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* The next line without its newline; NULL at the end; *@ret is a negative errno. */
static char *next_line(struct vma_reader *r, int *ret)
{
	char *newline, *line;
	ssize_t len;

	*ret = 0;
	for (;;) {
		line = r->buf + r->begin;
		newline = memchr(line, '\n', r->end - r->begin);
		if (newline) {
			*newline = '\0';
			r->begin = newline + 1 - r->buf;
			return line;
		}
		memmove(r->buf, line, r->end - r->begin);
		r->end -= r->begin;
		r->begin = 0;
		/* A line is a path of 4096 bytes, escaped, at most. */
		if (r->end == sizeof(r->buf))
			return NULL;
		len = read(r->fd, r->buf + r->end, sizeof(r->buf) - r->end);
		if (len <= 0) {
			*ret = len ? -errno : 0;
			return NULL;
		}
		r->end += len;
	}
}

static unsigned int parse_permissions(const char *perms)
{
	unsigned int flags = 0;

	flags |= perms[0] == 'r' ? VMA_READ : 0;
	flags |= perms[1] == 'w' ? VMA_WRITE : 0;
	flags |= perms[2] == 'x' ? VMA_EXEC : 0;
	/* VM_MAYSHARE is what the letter stands for. */
	flags |= perms[3] == 's' ? VMA_MAYSHARE : VMA_MAYWRITE;
	return flags;
}

/* A hexadecimal number that @end must follow; moves *@text behind that. */
static bool take_hex(const char **text, char end, uint64_t *number)
{
	const char *c = *text;

	for (*number = 0; *c != end; c++) {
		unsigned int digit = *c >= '0' && *c <= '9' ? *c - '0' :
				     *c >= 'a' && *c <= 'f' ? *c - 'a' + 10 : 16;

		if (digit > 15)
			return false;
		*number = *number << 4 | digit;
	}
	*text = c + 1;
	return true;
}

/* By hand, since there may be 100000 of them. */
static bool parse_header(const char *line, struct vma *vma)
{
	uint64_t major_nr, minor_nr;
	char *rest;
	size_t len;

	vma->page_shift = sys_page_shift();
	vma->backing = VMA_IS_ANON;
	vma->file_size = 0;
	vma->fs[0] = '\0';
	if (!take_hex(&line, '-', &vma->start) || !take_hex(&line, ' ', &vma->end) ||
	    strcspn(line, " ") != 4)
		return false;
	vma->flags = parse_permissions(line);
	line += 5;
	if (!take_hex(&line, ' ', &vma->offset) || !take_hex(&line, ':', &major_nr) ||
	    !take_hex(&line, ' ', &minor_nr))
		return false;
	vma->dev = makedev(major_nr, minor_nr);
	vma->inode = strtoull(line, &rest, 10);
	rest += strspn(rest, " ");
	len = strlen(rest);
	if (len >= sizeof(vma->name))
		len = sizeof(vma->name) - 1;
	memcpy(vma->name, rest, len);
	vma->name[len] = '\0';
	return true;
}

static unsigned int parse_vm_flags(const char *text)
{
	static const struct {
		const char *letters;
		unsigned int flag;
	} all[] = {
		{ "rd", VMA_READ },
		{ "wr", VMA_WRITE },
		{ "ex", VMA_EXEC },
		{ "sh", VMA_SHARED },
		{ "mr", VMA_MAYREAD },
		{ "mw", VMA_MAYWRITE },
		{ "ms", VMA_MAYSHARE },
		{ "gd", VMA_GROWSDOWN },
		{ "pf", VMA_PFNMAP },
		{ "lo", VMA_LOCKED },
		{ "io", VMA_IO },
		{ "ht", VMA_HUGETLB },
		{ "hg", VMA_HUGEPAGE },
		{ "nh", VMA_NOHUGEPAGE },
		{ "mg", VMA_MERGEABLE },
		{ "mm", VMA_MIXEDMAP },
		{ "um", VMA_UFFD_MISSING },
		{ "uw", VMA_UFFD_WP },
		{ "ui", VMA_UFFD_MINOR },
		{ "ur", VMA_UFFD_RWP },
		{ "ss", VMA_SHADOW_STACK },
		{ "sd", VMA_SOFTDIRTY },
	};
	unsigned int flags = 0;
	size_t i;

	for (text += strspn(text, " \t"); *text; text += strcspn(text, " "),
	     text += strspn(text, " "))
		for (i = 0; i < ARRAY_SIZE(all); i++)
			if (text[0] == all[i].letters[0] && text[1] == all[i].letters[1])
				flags |= all[i].flag;
	return flags;
}

/* The lines of smaps behind the first one; VmFlags is the last. */
static int parse_details(struct vma_reader *r, struct vma *vma)
{
	char *line;
	long kib;
	int ret;

	while ((line = next_line(r, &ret))) {
		if (*line == 'K' && sscanf(line, "KernelPageSize: %ld", &kib) == 1 && kib > 0)
			vma->page_shift = __builtin_ctzl(kib << 10);
		if (*line == 'V' && !strncmp(line, "VmFlags:", 8)) {
			vma->flags = parse_vm_flags(line + 8);
			return 1;
		}
	}
	return ret ? ret : -ESRCH;
}

int vma_next(struct vma_reader *r, struct vma *vma)
{
	struct process *p = r->process;
	int ret = 0;
	char *line = next_line(r, &ret);

	if (!line && !ret && !has_memory(p))
		ret = -ESRCH;
	if (!line)
		return ret ? process_fails(p, "read of maps", ret) : 0;
	if (!parse_header(line, vma))
		return fails(p, -EPROTO,
			     "/proc/%d/maps: expected a line that begins with a range of addresses, found '%.60s'",
			     p->pid, line);
	if (!r->smaps)
		return 1;
	ret = parse_details(r, vma);
	return ret < 0 ? process_fails(p, "read of smaps", ret) : 1;
}

/* The kernel's own VMAs, which have no file and yet are not anonymous. */
static bool is_special(const char *name)
{
	static const char *const names[] = {
		"[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]", "[uprobes]",
		"[sigpage]", "[vectors]",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static const struct {
	long magic;
	const char *name;
	enum vma_backing backing;
} file_systems[] = {
	{ TMPFS_MAGIC, "tmpfs", VMA_IS_SHMEM },
	{ HUGETLBFS_MAGIC, "hugetlbfs", VMA_IS_HUGETLB },
	{ SECRETMEM_MAGIC, "secretmem", VMA_IS_SECRETMEM },
	{ DEBUGFS_MAGIC, "debugfs", VMA_IS_DEVICE },
	{ SYSFS_MAGIC, "sysfs", VMA_IS_DEVICE },
	{ PROC_SUPER_MAGIC, "proc", VMA_IS_DEVICE },
	{ ANON_INODE_FS_MAGIC, "anon_inode", VMA_IS_DEVICE },
	{ EXT4_SUPER_MAGIC, "ext4", VMA_IS_FILE },
	{ XFS_SUPER_MAGIC, "xfs", VMA_IS_FILE },
	{ BTRFS_SUPER_MAGIC, "btrfs", VMA_IS_FILE },
	{ F2FS_SUPER_MAGIC, "f2fs", VMA_IS_FILE },
	{ RAMFS_MAGIC, "ramfs", VMA_IS_FILE },
	{ OVERLAYFS_SUPER_MAGIC, "overlay", VMA_IS_FILE },
	{ NFS_SUPER_MAGIC, "nfs", VMA_IS_FILE },
	{ SQUASHFS_MAGIC, "squashfs", VMA_IS_FILE },
};

/* By name, where map_files cannot be read. */
static void guess_backing(struct vma *vma)
{
	static const struct {
		const char *begins;
		enum vma_backing backing;
		const char *fs;
	} names[] = {
		{ "/memfd:", VMA_IS_SHMEM, "tmpfs" },
		{ "/dev/zero (deleted)", VMA_IS_SHMEM, "tmpfs" },
		{ "/SYSV", VMA_IS_SHMEM, "tmpfs" },
		{ "/dev/shm/", VMA_IS_SHMEM, "tmpfs" },
		{ "/secretmem", VMA_IS_SECRETMEM, "secretmem" },
		{ "/dev/zero", VMA_IS_ANON, "" },
		{ "/dev/", VMA_IS_DEVICE, "device" },
		{ "/", VMA_IS_FILE, "other" },
		{ "", VMA_IS_DEVICE, "other" },
	};
	size_t i = 0;

	while (strncmp(vma->name, names[i].begins, strlen(names[i].begins)))
		i++;
	vma->backing = names[i].backing;
	/* Not known: no address is taken to be beyond its end. */
	vma->file_size = UINT64_MAX;
	snprintf(vma->fs, sizeof(vma->fs), "%s", names[i].fs);
}

static void backing_of_file(struct vma *vma, int fd)
{
	struct statx st;
	struct statfs fs;
	size_t i;

	if (fstatfs(fd, &fs) ||
	    statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st)) {
		guess_backing(vma);
		return;
	}
	vma->file_size = st.stx_size;
	if (S_ISCHR(st.stx_mode)) {
		/* A private mapping of /dev/zero is anonymous memory. */
		vma->backing = st.stx_rdev_major == 1 && st.stx_rdev_minor == 5 &&
			       !(vma->flags & VMA_MAYSHARE) ? VMA_IS_ANON : VMA_IS_DEVICE;
		snprintf(vma->fs, sizeof(vma->fs), "device");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(file_systems); i++)
		if (file_systems[i].magic == fs.f_type)
			break;
	vma->backing = i < ARRAY_SIZE(file_systems) ? file_systems[i].backing : VMA_IS_FILE;
	snprintf(vma->fs, sizeof(vma->fs), "%s",
		 i < ARRAY_SIZE(file_systems) ? file_systems[i].name : "other");
	if (vma->backing == VMA_IS_FILE && (st.stx_attributes & STATX_ATTR_DAX))
		vma->backing = VMA_IS_DAX;
}

void vma_find_backing(const struct process *p, struct vma *vma, const struct vma *last)
{
	char path[64];
	int fd;

	if (!vma->inode && !(vma->flags & (VMA_PFNMAP | VMA_IO | VMA_MIXEDMAP))) {
		vma->backing = is_special(vma->name) ? VMA_IS_SPECIAL : VMA_IS_ANON;
		return;
	}
	if (!vma->inode) {
		vma->backing = is_special(vma->name) ? VMA_IS_SPECIAL : VMA_IS_DEVICE;
		return;
	}
	if (last && last->inode == vma->inode && last->dev == vma->dev &&
	    !((last->flags ^ vma->flags) & VMA_MAYSHARE)) {
		vma->backing = last->backing;
		vma->file_size = last->file_size;
		memcpy(vma->fs, last->fs, sizeof(vma->fs));
		return;
	}
	snprintf(path, sizeof(path), "map_files/%llx-%llx", (unsigned long long)vma->start,
		 (unsigned long long)vma->end);
	fd = openat(p->proc, path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		guess_backing(vma);
	} else {
		backing_of_file(vma, fd);
		close(fd);
	}
	if (vma->flags & VMA_HUGETLB)
		vma->backing = VMA_IS_HUGETLB;
}

/* "0x1000-0x2000", or "none". */
static void range_text(const struct vma *vma, char *buf, size_t size)
{
	if (!vma->end)
		snprintf(buf, size, "nothing");
	else
		snprintf(buf, size, "0x%llx-0x%llx", (unsigned long long)vma->start,
			 (unsigned long long)vma->end);
}

int vma_lookup(struct process *p, uint64_t addr, bool smaps, struct vma *vma)
{
	struct vma_reader *r = malloc(sizeof(*r));
	char below[48], above[48];
	struct vma last = {};
	int ret;

	if (!r)
		return fails(p, -ENOMEM, "out of memory");
	ret = vma_open(r, p, smaps);
	while (!ret && (ret = vma_next(r, vma)) > 0 && vma->end <= addr) {
		last = *vma;
		ret = 0;
	}
	vma_close(r);
	free(r);
	if (ret < 0)
		return ret;
	if (ret && vma->start <= addr) {
		vma_find_backing(p, vma, NULL);
		return 0;
	}
	if (!ret)
		*vma = (struct vma) {};
	if (p->compat && addr >> 32)
		return fails(p, -EFAULT,
			     "process %d (%s) is a 32-bit process: its addresses have 32 bits, and 0x%llx has more",
			     p->pid, p->command, (unsigned long long)addr);
	range_text(&last, below, sizeof(below));
	range_text(vma, above, sizeof(above));
	return fails(p, -EFAULT,
		     "process %d (%s) has nothing mapped at 0x%llx: below it is %s, above it %s; 'pinscope maps %d' lists all",
		     p->pid, p->command, (unsigned long long)addr, below, above, p->pid);
}

/* ------------------------------------------------------------------ pages */

void pages_open(struct page_reader *r, int fd, struct pinscope_target target,
		uint64_t addr, uint64_t len)
{
	r->process = NULL;
	r->fd = fd;
	r->target = target;
	r->addr = addr;
	r->end = addr + len;
	r->at = 0;
	r->nr = 0;
}

static int fill_pages(struct page_reader *r)
{
	struct pinscope_inspect cmd = {
		.size = sizeof(cmd),
		.record_size = sizeof(r->pages[0]),
		.addr = r->addr, .len = r->end - r->addr,
		.records = pinscope_addr(r->pages), .nr = PAGE_BATCH,
		.target_type = r->target.target_type, .target_nr = r->target.target_nr,
	};
	int ret = pinscope_ioctl(r->fd, PINSCOPE_IOC_INSPECT, &cmd);

	if (ret)
		return ret;
	/* Each call gets on, or it would not end. */
	if (cmd.next <= r->addr)
		return -EPROTO;
	r->addr = cmd.next;
	r->at = 0;
	r->nr = cmd.nr;
	return 0;
}

int pages_next(struct page_reader *r, const struct pinscope_page **page)
{
	int ret;

	while (r->at == r->nr) {
		if (r->addr >= r->end)
			return 0;
		ret = fill_pages(r);
		if (ret)
			return ret;
	}
	*page = &r->pages[r->at++];
	return 1;
}
