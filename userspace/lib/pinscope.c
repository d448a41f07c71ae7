// SPDX-License-Identifier: GPL-2.0-only
/*
 * libpinscope, see pinscope.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "pinscope.h"

static uint64_t to_u64(const void *ptr)
{
	return (uintptr_t)ptr;
}

static int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

int ps_open(void)
{
	int fd = open(PS_CTL, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static bool locked_down(void)
{
	char text[128] = "";
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");

	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return *text && !strstr(text, "[none]");
}

void ps_why_not(int err, char *buf, size_t size)
{
	struct statfs fs;

	if (err == -EPERM && locked_down())
		snprintf(buf, size,
			 "the kernel is locked down and keeps debugfs closed: boot with lockdown=none, or without Secure Boot");
	else if (geteuid())
		snprintf(buf, size,
			 "this needs root: run it with sudo, or as root");
	else if (err == -ENOENT && (statfs(PS_DEBUGFS, &fs) ||
				    fs.f_type != DEBUGFS_MAGIC))
		snprintf(buf, size,
			 "debugfs is not mounted: mount -t debugfs debugfs "
			 PS_DEBUGFS);
	else if (err == -ENOENT)
		snprintf(buf, size,
			 "the module is not loaded: insmod pinscope.ko");
	else
		snprintf(buf, size, "cannot open " PS_CTL ": %s",
			 strerror(-err));
}

const char *ps_abi_mismatch(const struct pinscope_info *info)
{
	if (info->abi_version < PINSCOPE_ABI_VERSION)
		return "the module is older than this program: rebuild and reload pinscope.ko";
	if (info->abi_oldest > PINSCOPE_ABI_VERSION)
		return "this program is older than the module: rebuild the program";
	return NULL;
}

int ps_info(int fd, struct pinscope_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return call(fd, PINSCOPE_IOC_INFO, info);
}

int ps_pin(int fd, unsigned int way, uint64_t foll, const void *addr,
	   size_t len, uint32_t *id)
{
	struct pinscope_pin cmd = {
		.size = sizeof(cmd),
		.way = way,
		.foll = foll,
		.addr = to_u64(addr),
		.len = len,
	};
	int ret = call(fd, PINSCOPE_IOC_PIN, &cmd);

	if (!ret)
		*id = cmd.id;
	return ret;
}

int ps_unpin(int fd, uint32_t id)
{
	struct pinscope_unpin cmd = { .size = sizeof(cmd), .id = id };

	return call(fd, PINSCOPE_IOC_UNPIN, &cmd);
}

int ps_read(int fd, uint32_t id, uint64_t offset, void *buf, size_t len)
{
	struct pinscope_read cmd = {
		.size = sizeof(cmd),
		.id = id,
		.offset = offset,
		.len = len,
		.buf = to_u64(buf),
	};

	return call(fd, PINSCOPE_IOC_READ, &cmd);
}

int ps_inspect(int fd, const void *addr, size_t len,
	       struct pinscope_page **records, size_t *nr)
{
	struct pinscope_inspect cmd;
	uint64_t from = to_u64(addr), end = from + len;
	struct pinscope_page *array = NULL, *more;
	size_t used = 0, room = 0;
	int ret;

	while (from < end) {
		if (used == room) {
			room = room ? 2 * room : 16;
			more = realloc(array, room * sizeof(*array));
			if (!more) {
				ret = -ENOMEM;
				goto fail;
			}
			array = more;
		}
		cmd = (struct pinscope_inspect) {
			.size = sizeof(cmd),
			.record_size = sizeof(*array),
			.addr = from,
			.len = end - from,
			.records = to_u64(array + used),
			.nr = room - used,
		};
		ret = call(fd, PINSCOPE_IOC_INSPECT, &cmd);
		if (ret)
			goto fail;
		used += cmd.nr;
		from = cmd.next;
	}
	*records = array;
	*nr = used;
	return 0;
fail:
	free(array);
	return ret;
}

int ps_page(int fd, const void *addr, struct pinscope_page *page)
{
	struct pinscope_inspect cmd = {
		.size = sizeof(cmd),
		.record_size = sizeof(*page),
		.addr = to_u64(addr),
		.len = sysconf(_SC_PAGESIZE),
		.records = to_u64(page),
		.nr = 1,
	};

	memset(page, 0, sizeof(*page));
	return call(fd, PINSCOPE_IOC_INSPECT, &cmd);
}

int ps_compare(int fd, uint32_t id, const void *addr,
	       struct pinscope_compare *out)
{
	*out = (struct pinscope_compare) {
		.size = sizeof(*out),
		.id = id,
		.addr = to_u64(addr),
	};
	return call(fd, PINSCOPE_IOC_COMPARE, out);
}

#define FOLL(name)	{ PINSCOPE_FOLL_##name, #name }
const struct ps_name ps_foll_names[] = {
	FOLL(WRITE), FOLL(FORCE), FOLL(DUMP), FOLL(NOWAIT), FOLL(NOFAULT),
	FOLL(HWPOISON), FOLL(ANON), FOLL(LONGTERM), FOLL(SPLIT_PMD),
	FOLL(PCI_P2PDMA), FOLL(INTERRUPTIBLE), FOLL(HONOR_NUMA_FAULT),
	/* What the fix's last patch would have called FORCE; reading only. */
	{ PINSCOPE_FOLL_FORCE, "PTRACE" },
	{ 0, NULL }
};

#define STATE(name)	{ PINSCOPE_STATE_##name, #name }
const struct ps_name ps_state_names[] = {
	STATE(PRESENT), STATE(WRITE), STATE(DIRTY), STATE(YOUNG),
	STATE(SOFT_DIRTY), STATE(UFFD_WP), STATE(SPECIAL), STATE(PAGE),
	STATE(ANON), STATE(EXCLUSIVE), STATE(KSM), STATE(ZERO),
	STATE(HUGE_ZERO), STATE(HUGETLB), STATE(SWAPBACKED),
	{ 0, NULL }
};

const char *const ps_way_names[PINSCOPE_WAYS_MAX] = {
	[PINSCOPE_WAY_SLOW] = "slow",
	[PINSCOPE_WAY_FAST] = "fast",
};

char *ps_names(const struct ps_name *names, uint64_t bits, char *buf,
	       size_t size)
{
	size_t used = 0;

	snprintf(buf, size, "0");
	for (; names->name && used < size; names++) {
		if (!(bits & names->bit))
			continue;
		used += snprintf(buf + used, size - used, "%s%s",
				 used ? "|" : "", names->name);
		bits &= ~names->bit;
	}
	if (bits && used < size)
		snprintf(buf + used, size - used, "%s0x%llx", used ? "|" : "",
			 (unsigned long long)bits);
	return buf;
}

int ps_foll_parse(const char *text, uint64_t *foll)
{
	const struct ps_name *n;
	size_t len;

	*foll = 0;
	if (!strcmp(text, "0"))
		return 0;
	while (*text) {
		if (!strncasecmp(text, "FOLL_", 5))
			text += 5;
		len = strcspn(text, "|,+");
		for (n = ps_foll_names; n->name; n++)
			if (strlen(n->name) == len &&
			    !strncasecmp(n->name, text, len))
				break;
		if (!n->name)
			return -EINVAL;
		*foll |= n->bit;
		text += len;
		if (*text && !*++text)
			return -EINVAL;	/* ends in a separator */
	}
	return 0;
}

const char *ps_errno(int err)
{
	const char *name = strerrorname_np(err < 0 ? -err : err);

	return name ? name : "unknown error";
}
