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

int pinscope_ioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

int pinscope_open(void)
{
	int fd = open(PINSCOPE_CTL_PATH, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int pinscope_open_map(void)
{
	int fd = open(PINSCOPE_MAP_PATH, O_RDWR | O_CLOEXEC);

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

void pinscope_why_not(int err, char *buf, size_t size)
{
	struct statfs fs;

	if (err == -EPERM && locked_down())
		snprintf(buf, size,
			 "the kernel is locked down and keeps debugfs closed: boot with lockdown=none, or without Secure Boot");
	else if (geteuid())
		snprintf(buf, size,
			 "this needs root: run it with sudo, or as root");
	else if (err == -ENOENT && (statfs(PINSCOPE_DEBUGFS, &fs) ||
				    fs.f_type != DEBUGFS_MAGIC))
		snprintf(buf, size,
			 "debugfs is not mounted: mount -t debugfs debugfs "
			 PINSCOPE_DEBUGFS);
	else if (err == -ENOENT)
		snprintf(buf, size,
			 "the module is not loaded: insmod pinscope.ko");
	else
		snprintf(buf, size, "cannot open " PINSCOPE_CTL_PATH ": %s",
			 strerror(-err));
}

const char *pinscope_abi_mismatch(const struct pinscope_info *info)
{
	if (info->abi_version < PINSCOPE_ABI_VERSION)
		return "the module is older than this program: rebuild and reload pinscope.ko";
	if (info->abi_oldest > PINSCOPE_ABI_VERSION)
		return "this program is older than the module: rebuild the program";
	return NULL;
}

int pinscope_info(int fd, struct pinscope_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return pinscope_ioctl(fd, PINSCOPE_IOC_INFO, info);
}

int pinscope_pin_cmd(int fd, struct pinscope_pin *cmd)
{
	cmd->size = sizeof(*cmd);
	return pinscope_ioctl(fd, PINSCOPE_IOC_PIN, cmd);
}

int pinscope_pin(int fd, unsigned int call, uint64_t gup_flags, const void *addr,
		 size_t len, uint32_t *id)
{
	struct pinscope_pin cmd = {
		.call = call,
		.gup_flags = gup_flags,
		.addr = pinscope_addr(addr),
		.len = len,
	};
	int ret = pinscope_pin_cmd(fd, &cmd);

	if (!ret)
		*id = cmd.id;
	return ret;
}

int pinscope_unpin(int fd, uint32_t id)
{
	return pinscope_unpin_part(fd, id, 0, 0, 0, NULL);
}

int pinscope_unpin_part(int fd, uint32_t id, uint64_t offset, uint64_t len,
			uint32_t flags, uint64_t *left)
{
	struct pinscope_unpin cmd = {
		.size = sizeof(cmd),
		.id = id,
		.flags = flags,
		.offset = offset,
		.len = len,
	};
	int ret = pinscope_ioctl(fd, PINSCOPE_IOC_UNPIN, &cmd);

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
		.buf = pinscope_addr(buf),
	};

	return pinscope_ioctl(fd, ioc, &cmd);
}

int pinscope_read(int fd, uint32_t id, uint64_t offset, void *buf, size_t len)
{
	return io(fd, PINSCOPE_IOC_READ, id, offset, buf, len);
}

int pinscope_write(int fd, uint32_t id, uint64_t offset, const void *buf, size_t len)
{
	return io(fd, PINSCOPE_IOC_WRITE, id, offset, buf, len);
}

static int inspect(int fd, struct pinscope_inspect *cmd,
		   struct pinscope_page *records, size_t nr)
{
	cmd->size = sizeof(*cmd);
	cmd->record_size = sizeof(*records);
	cmd->records = pinscope_addr(records);
	cmd->nr = nr < UINT32_MAX ? nr : UINT32_MAX;
	return pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, cmd);
}

int pinscope_inspect(int fd, struct pinscope_target target_nr, uint64_t addr, uint64_t len,
		     struct pinscope_page **records, size_t *nr)
{
	struct pinscope_inspect cmd = {
		.addr = addr,
		.len = len,
		.target_type = target_nr.target_type,
		.target_nr = target_nr.target_nr,
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

int pinscope_page(int fd, const void *addr, struct pinscope_page *page)
{
	struct pinscope_inspect cmd = {
		.addr = pinscope_addr(addr),
		.len = sysconf(_SC_PAGESIZE),
	};

	memset(page, 0, sizeof(*page));
	return inspect(fd, &cmd, page, 1);
}

int pinscope_compare(int fd, uint32_t id, struct pinscope_target target_nr, uint64_t addr,
		     struct pinscope_compare *out)
{
	out->size = sizeof(*out);
	out->id = id;
	out->addr = addr;
	out->target_type = target_nr.target_type;
	out->target_nr = target_nr.target_nr;
	return pinscope_ioctl(fd, PINSCOPE_IOC_COMPARE, out);
}

int pinscope_fault(int fd, struct pinscope_target target_nr, uint64_t addr, uint64_t len,
		   uint64_t flags, uint32_t *results, struct pinscope_fault *out)
{
	struct pinscope_fault cmd = {
		.size = sizeof(cmd),
		.target_type = target_nr.target_type,
		.target_nr = target_nr.target_nr,
		.flags = flags,
		.addr = addr,
		.len = len,
		.results = pinscope_addr(results),
	};
	int ret = pinscope_ioctl(fd, PINSCOPE_IOC_FAULT, &cmd);

	if (out)
		*out = cmd;
	return ret;
}

int pinscope_map(int fd, unsigned int map, size_t len, int prot, int flags,
		 void **addr)
{
	*addr = mmap(NULL, len, prot, flags, fd, PINSCOPE_MAP_OFFSET(map));
	return *addr == MAP_FAILED ? -errno : 0;
}

int pinscope_map_counts(int fd, struct pinscope_map_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->size = sizeof(*counts);
	return pinscope_ioctl(fd, PINSCOPE_IOC_MAP_COUNTS, counts);
}

int pinscope_rss(int fd, struct pinscope_target target_nr, struct pinscope_rss *rss)
{
	*rss = (struct pinscope_rss) {
		.size = sizeof(*rss), .target_type = target_nr.target_type, .target_nr = target_nr.target_nr,
	};
	return pinscope_ioctl(fd, PINSCOPE_IOC_RSS, rss);
}

#define FOLL(name)	{ PINSCOPE_FOLL_##name, #name },
const struct pinscope_name pinscope_gup_flags_names[] = {
	PINSCOPE_FOLL_NAMES(FOLL)
	/* What the fix's last patch would have called FORCE; reading only. */
	{ PINSCOPE_FOLL_FORCE, "PTRACE" },
	{ 0, NULL }
};

#define FAULT(name)	{ PINSCOPE_FAULT_##name, #name },
const struct pinscope_name pinscope_fault_names[] = {
	PINSCOPE_FAULT_NAMES(FAULT)
	{ 0, NULL }
};

#define VM_FAULT(name)	{ PINSCOPE_VM_FAULT_##name, #name },
const struct pinscope_name pinscope_vm_fault_names[] = {
	PINSCOPE_VM_FAULT_NAMES(VM_FAULT)
	{ PINSCOPE_VM_FAULT_OTHER, "OTHER" },
	{ 0, NULL }
};

#define STATE(name)	{ PINSCOPE_STATE_##name, #name },
const struct pinscope_name pinscope_state_names[] = {
	PINSCOPE_STATE_NAMES(STATE)
	{ 0, NULL }
};

#define CALL(call, name)	{ PINSCOPE_CALL_##call, name },
const struct pinscope_name pinscope_call_names[] = {
	PINSCOPE_CALL_NAMES(CALL)
	{ 0, NULL }
};

#define MAP(map, name)	{ PINSCOPE_MAP_##map, name },
const struct pinscope_name pinscope_map_names[] = {
	PINSCOPE_MAP_NAMES(MAP)
	{ 0, NULL }
};

char *pinscope_names(const struct pinscope_name *names, uint64_t bits, char *buf,
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

static const char *without_prefix(const struct pinscope_name *names, const char *text)
{
	static const struct {
		const struct pinscope_name *names;
		const char *prefix;
	} prefixes[] = {
		{ pinscope_gup_flags_names, "FOLL_" },
		{ pinscope_fault_names, "FAULT_FLAG_" },
		{ pinscope_vm_fault_names, "VM_FAULT_" },
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

int pinscope_parse(const struct pinscope_name *names, const char *text, uint64_t *bits)
{
	const struct pinscope_name *n;
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

const char *pinscope_name(const struct pinscope_name *names, uint64_t number)
{
	for (; names->name; names++)
		if (names->bit == number)
			return names->name;
	return NULL;
}

int pinscope_number(const struct pinscope_name *names, const char *name)
{
	for (; names->name; names++)
		if (!strcasecmp(names->name, name))
			return names->bit;
	return -EINVAL;
}

const char *pinscope_errno(int err)
{
	const char *name = strerrorname_np(err < 0 ? -err : err);

	return name ? name : "unknown error";
}
