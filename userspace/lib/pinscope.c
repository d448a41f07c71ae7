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
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "pinscope.h"

int ps_call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

int ps_open(void)
{
	int fd = open(PS_CTL, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int ps_open_map(void)
{
	int fd = open(PS_MAP, O_RDWR | O_CLOEXEC);

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
	return ps_call(fd, PINSCOPE_IOC_INFO, info);
}

int ps_pin_cmd(int fd, struct pinscope_pin *cmd)
{
	cmd->size = sizeof(*cmd);
	return ps_call(fd, PINSCOPE_IOC_PIN, cmd);
}

int ps_pin(int fd, unsigned int way, uint64_t foll, const void *addr,
	   size_t len, uint32_t *id)
{
	struct pinscope_pin cmd = {
		.way = way,
		.foll = foll,
		.addr = ps_addr(addr),
		.len = len,
	};
	int ret = ps_pin_cmd(fd, &cmd);

	if (!ret)
		*id = cmd.id;
	return ret;
}

int ps_unpin(int fd, uint32_t id)
{
	return ps_unpin_part(fd, id, 0, 0, 0, NULL);
}

int ps_unpin_part(int fd, uint32_t id, uint64_t offset, uint64_t len,
		  uint32_t flags, uint64_t *left)
{
	struct pinscope_unpin cmd = {
		.size = sizeof(cmd),
		.id = id,
		.flags = flags,
		.offset = offset,
		.len = len,
	};
	int ret = ps_call(fd, PINSCOPE_IOC_UNPIN, &cmd);

	if (!ret && left)
		*left = cmd.left;
	return ret;
}

static int io(int fd, unsigned long ioc, uint32_t id, uint64_t offset,
	      const void *buf, size_t len)
{
	struct pinscope_io cmd = {
		.size = sizeof(cmd),
		.id = id,
		.offset = offset,
		.len = len,
		.buf = ps_addr(buf),
	};

	return ps_call(fd, ioc, &cmd);
}

int ps_read(int fd, uint32_t id, uint64_t offset, void *buf, size_t len)
{
	return io(fd, PINSCOPE_IOC_READ, id, offset, buf, len);
}

int ps_write(int fd, uint32_t id, uint64_t offset, const void *buf, size_t len)
{
	return io(fd, PINSCOPE_IOC_WRITE, id, offset, buf, len);
}

static int inspect(int fd, struct pinscope_inspect *cmd,
		   struct pinscope_page *records, size_t nr)
{
	cmd->size = sizeof(*cmd);
	cmd->record_size = sizeof(*records);
	cmd->records = ps_addr(records);
	cmd->nr = nr < UINT32_MAX ? nr : UINT32_MAX;
	return ps_call(fd, PINSCOPE_IOC_INSPECT, cmd);
}

int ps_inspect(int fd, struct ps_who who, uint64_t addr, uint64_t len,
	       struct pinscope_page **records, size_t *nr)
{
	struct pinscope_inspect cmd = {
		.addr = addr,
		.len = len,
		.whose = who.whose,
		.who = who.who,
	};
	struct pinscope_page *array = NULL, *more;
	size_t used = 0, room = 0;
	int ret;

	do {
		if (used == room) {
			room = room ? 2 * room : 16;
			more = realloc(array, room * sizeof(*array));
			if (!more) {
				ret = -ENOMEM;
				goto fail;
			}
			array = more;
		}
		ret = inspect(fd, &cmd, array + used, room - used);
		if (ret)
			goto fail;
		used += cmd.nr;
		cmd.len -= cmd.next - cmd.addr;
		cmd.addr = cmd.next;
	} while (cmd.len);
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
		.addr = ps_addr(addr),
		.len = sysconf(_SC_PAGESIZE),
	};

	memset(page, 0, sizeof(*page));
	return inspect(fd, &cmd, page, 1);
}

int ps_compare(int fd, uint32_t id, struct ps_who who, uint64_t addr,
	       struct pinscope_compare *out)
{
	out->size = sizeof(*out);
	out->id = id;
	out->addr = addr;
	out->whose = who.whose;
	out->who = who.who;
	return ps_call(fd, PINSCOPE_IOC_COMPARE, out);
}

int ps_fault(int fd, struct ps_who who, uint64_t addr, uint64_t len,
	     uint64_t flags, uint32_t *results, struct pinscope_fault *out)
{
	struct pinscope_fault cmd = {
		.size = sizeof(cmd),
		.whose = who.whose,
		.who = who.who,
		.flags = flags,
		.addr = addr,
		.len = len,
		.results = ps_addr(results),
	};
	int ret = ps_call(fd, PINSCOPE_IOC_FAULT, &cmd);

	if (out)
		*out = cmd;
	return ret;
}

int ps_map(int fd, unsigned int map, size_t len, int prot, int flags,
	   void **addr)
{
	*addr = mmap(NULL, len, prot, flags, fd, PINSCOPE_MAP_OFFSET(map));
	return *addr == MAP_FAILED ? -errno : 0;
}

int ps_map_counts(int fd, struct pinscope_map_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->size = sizeof(*counts);
	return ps_call(fd, PINSCOPE_IOC_MAP_COUNTS, counts);
}

int ps_rss(int fd, struct ps_who who, struct pinscope_rss *rss)
{
	*rss = (struct pinscope_rss) {
		.size = sizeof(*rss), .whose = who.whose, .who = who.who,
	};
	return ps_call(fd, PINSCOPE_IOC_RSS, rss);
}

#define FOLL(name)	{ PINSCOPE_FOLL_##name, #name },
const struct ps_name ps_foll_names[] = {
	PINSCOPE_FOLL_NAMES(FOLL)
	/* What the fix's last patch would have called FORCE; reading only. */
	{ PINSCOPE_FOLL_FORCE, "PTRACE" },
	{ 0, NULL }
};

#define FAULT(name)	{ PINSCOPE_FAULT_##name, #name },
const struct ps_name ps_fault_names[] = {
	PINSCOPE_FAULT_NAMES(FAULT)
	{ 0, NULL }
};

#define VM_FAULT(name)	{ PINSCOPE_VM_FAULT_##name, #name },
const struct ps_name ps_vm_fault_names[] = {
	PINSCOPE_VM_FAULT_NAMES(VM_FAULT)
	{ PINSCOPE_VM_FAULT_OTHER, "OTHER" },
	{ 0, NULL }
};

#define STATE(name)	{ PINSCOPE_STATE_##name, #name },
const struct ps_name ps_state_names[] = {
	PINSCOPE_STATE_NAMES(STATE)
	{ 0, NULL }
};

#define WAY(way, name)	{ PINSCOPE_WAY_##way, name },
const struct ps_name ps_way_names[] = {
	PINSCOPE_WAY_NAMES(WAY)
	{ 0, NULL }
};

#define MAP(map, name)	{ PINSCOPE_MAP_##map, name },
const struct ps_name ps_map_names[] = {
	PINSCOPE_MAP_NAMES(MAP)
	{ 0, NULL }
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

static const char *without_prefix(const struct ps_name *names, const char *text)
{
	static const struct {
		const struct ps_name *names;
		const char *prefix;
	} prefixes[] = {
		{ ps_foll_names, "FOLL_" },
		{ ps_fault_names, "FAULT_FLAG_" },
		{ ps_vm_fault_names, "VM_FAULT_" },
	};
	size_t i, len;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		len = strlen(prefixes[i].prefix);
		if (names == prefixes[i].names &&
		    !strncasecmp(text, prefixes[i].prefix, len))
			return text + len;
	}
	return text;
}

int ps_parse(const struct ps_name *names, const char *text, uint64_t *bits)
{
	const struct ps_name *n;
	size_t len;

	*bits = 0;
	if (!strcmp(text, "0"))
		return 0;
	while (*text) {
		text = without_prefix(names, text);
		len = strcspn(text, "|,+");
		for (n = names; n->name; n++)
			if (strlen(n->name) == len &&
			    !strncasecmp(n->name, text, len))
				break;
		if (!n->name)
			return -EINVAL;
		*bits |= n->bit;
		text += len;
		if (*text && !*++text)
			return -EINVAL;	/* ends in a separator */
	}
	return 0;
}

const char *ps_name(const struct ps_name *names, uint64_t number)
{
	for (; names->name; names++)
		if (names->bit == number)
			return names->name;
	return NULL;
}

int ps_number(const struct ps_name *names, const char *name)
{
	for (; names->name; names++)
		if (!strcasecmp(names->name, name))
			return names->bit;
	return -EINVAL;
}

const char *ps_errno(int err)
{
	const char *name = strerrorname_np(err < 0 ? -err : err);

	return name ? name : "unknown error";
}
