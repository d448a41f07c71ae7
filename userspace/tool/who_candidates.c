// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process has that can pin its pages, for pins that tracking knows nothing of.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accounts.h"
#include "who.h"

#ifndef AF_XDP
#define AF_XDP	44
#endif

/* An open file of a process, while it is looked at. */
struct file {
	pid_t pid;
	int number;
};

/* io_uring pins the buffers that were registered; its fdinfo counts them. */
static bool has_buffers(const struct file *f)
{
	char path[64], line[128];
	unsigned int nr = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", f->pid, f->number);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "UserBufs: %u", &nr) == 1)
			break;
	if (file)
		fclose(file);
	return nr;
}

/* Sockets of AF_XDP pin their umem. */
static bool is_xdp(const struct file *f)
{
	int pidfd = syscall(SYS_pidfd_open, f->pid, 0), fd, domain = 0;
	socklen_t len = sizeof(domain);

	if (pidfd < 0)
		return false;
	fd = syscall(SYS_pidfd_getfd, pidfd, f->number, 0);
	close(pidfd);
	if (fd < 0)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len))
		domain = 0;
	close(fd);
	return domain == AF_XDP;
}

/* What the links of /proc/PID/fd begin with, and who then may pin. */
static const struct {
	const char *link;
	bool (*pins)(const struct file *f);	/* NULL: it may */
	const char *what;
} openings[] = {
	{ "anon_inode:[io_uring]", has_buffers, "io_uring with registered buffers" },
	{ "socket:", is_xdp, "an AF_XDP socket, which pins its umem" },
	{ "/dev/vfio/", NULL, "VFIO, which pins what is mapped for DMA" },
	{ "/dev/iommu", NULL, "iommufd, which pins what is mapped for DMA" },
	{ "/dev/infiniband/uverbs", NULL, "RDMA, which pins memory regions" },
	{ "anon_inode:kvm-vm", NULL, "KVM, which pins pages of nested and encrypted guests" },
	{ "/dev/vhost-", NULL, "vhost" },
	{ "/dev/ublkc", NULL, "ublk, which pins buffers of requests" },
	{ "/dmabuf:", NULL, "a dma-buf, whose exporter may have pinned user pages" },
	{ "/dev/udmabuf", NULL, "udmabuf, which pins pages of memfds" },
	{ "/dev/vduse/", NULL, "VDUSE, which pins bounce buffers" },
	{ "/dev/dri/", NULL, "a GPU driver" },
	{ "/dev/accel/", NULL, "a driver of an accelerator" },
	{ "/dev/nvidia", NULL, "the driver of a GPU, which pins registered memory" },
	{ "/dev/video", NULL, "V4L2, which pins user pointers" },
};

static void look_at_file(const struct file *f, const char *link,
			 bool told[ARRAY_SIZE(openings)],
			 void (*tell)(void *arg, const char *what), void *arg)
{
	char text[160];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(openings); i++) {
		if (told[i] || strncmp(link, openings[i].link, strlen(openings[i].link)) ||
		    (openings[i].pins && !openings[i].pins(f)))
			continue;
		told[i] = true;
		snprintf(text, sizeof(text), "file %d: %s", f->number, openings[i].what);
		tell(arg, text);
	}
}

static void look_at_files(pid_t pid, void (*tell)(void *arg, const char *what), void *arg)
{
	bool told[ARRAY_SIZE(openings)] = {};
	struct file f = { .pid = pid };
	char path[64], link[128];
	struct dirent *entry;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (len < 0)
			continue;
		link[len] = '\0';
		f.number = atoi(entry->d_name);
		look_at_file(&f, link, told, tell, arg);
	}
	if (dir)
		closedir(dir);
}

static void tell_charge(uint64_t kib, const char *what, const struct charged *charged,
			void (*tell)(void *arg, const char *what), void *arg)
{
	char text[160], limit[60];

	if (!kib)
		return;
	snprintf(text, sizeof(text), "%llu KiB are accounted as %s; %s",
		 (unsigned long long)kib, what, limit_text(charged, limit, sizeof(limit)));
	tell(arg, text);
}

/* What drivers account: RDMA and others in VmPin, VFIO in VmLck. */
static void look_at_charges(pid_t pid, void (*tell)(void *arg, const char *what), void *arg)
{
	struct charged charged;

	if (!charged_to(pid, &charged))
		return;
	tell_charge(charged.pinned, "pinned (VmPin)", &charged, tell, arg);
	tell_charge(charged.locked, "locked (VmLck)", &charged, tell, arg);
}

static void look_at_pins(pid_t pid, void (*tell)(void *arg, const char *what), void *arg)
{
	FILE *file = fopen(PINSCOPE_PINS_PATH, "re");
	char line[512], text[160];
	unsigned int nr = 0;

	while (file && fgets(line, sizeof(line), file))
		nr += isdigit((unsigned char)line[0]) && atoi(line) == pid;
	if (file)
		fclose(file);
	if (!nr)
		return;
	snprintf(text, sizeof(text), "%u pin%s of pinscope itself, see 'pinscope pins'", nr,
		 nr == 1 ? "" : "s");
	tell(arg, text);
}

void who_candidates(pid_t pid, void (*tell)(void *arg, const char *what), void *arg)
{
	look_at_pins(pid, tell, arg);
	look_at_files(pid, tell, arg);
	who_rdma(pid, tell, arg);
	look_at_charges(pid, tell, arg);
}
