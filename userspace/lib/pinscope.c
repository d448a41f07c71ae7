// SPDX-License-Identifier: GPL-2.0-only
/*
 * libpinscope: issues the ioctls, and names what they take and return. The
 * functions are described in pinscope.h.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
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

/* Does the kernel's lockdown forbid to open files of debugfs? */
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
			 "the kernel is locked down, so files of debugfs cannot be opened: boot it without lockdown=, or with Secure Boot off");
	else if (geteuid())
		snprintf(buf, size,
			 "only root can open %s, and the user id is %u: run the program with sudo, or as root",
			 PINSCOPE_CTL_PATH, geteuid());
	else if (err == -ENOENT && (statfs(PINSCOPE_DEBUGFS, &fs) ||
				    fs.f_type != DEBUGFS_MAGIC))
		snprintf(buf, size,
			 "debugfs is not mounted on %s: run 'mount -t debugfs debugfs %s'",
			 PINSCOPE_DEBUGFS, PINSCOPE_DEBUGFS);
	else if (err == -ENOENT)
		snprintf(buf, size,
			 "there is no %s, since the module is not loaded: run 'insmod pinscope.ko' as root",
			 PINSCOPE_CTL_PATH);
	else
		snprintf(buf, size, "cannot open %s: %s (%s)", PINSCOPE_CTL_PATH,
			 pinscope_errno(err), strerror(-err));
}

const char *pinscope_abi_mismatch(const struct pinscope_info *info)
{
	static __thread char text[200];
	const char *problem, *what_to_do;

	if (info->abi_version < PINSCOPE_ABI_VERSION) {
		problem = "the module is older than the program";
		what_to_do = "build pinscope.ko again and reload it with rmmod and insmod";
	} else if (info->abi_oldest > PINSCOPE_ABI_VERSION) {
		problem = "the program is older than the module";
		what_to_do = "build the program again";
	} else {
		return NULL;
	}
	snprintf(text, sizeof(text),
		 "%s: the program has ABI version %u, and the module serves %u to %u; %s",
		 problem, PINSCOPE_ABI_VERSION, info->abi_oldest,
		 info->abi_version, what_to_do);
	return text;
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

static int read_or_write(int fd, unsigned long ioc, uint32_t id,
			 uint64_t offset, const void *buf, size_t len)
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
	return read_or_write(fd, PINSCOPE_IOC_READ, id, offset, buf, len);
}

int pinscope_write(int fd, uint32_t id, uint64_t offset, const void *buf,
		   size_t len)
{
	return read_or_write(fd, PINSCOPE_IOC_WRITE, id, offset, buf, len);
}

/* One INSPECT, for as many records as there is room for. */
static int inspect(int fd, struct pinscope_inspect *cmd,
		   struct pinscope_page *records, size_t nr)
{
	cmd->size = sizeof(*cmd);
	cmd->record_size = sizeof(*records);
	cmd->records = pinscope_addr(records);
	cmd->nr = nr < UINT32_MAX ? nr : UINT32_MAX;
	return pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, cmd);
}

int pinscope_inspect(int fd, struct pinscope_target target, uint64_t addr,
		     uint64_t len, struct pinscope_page **records, size_t *nr)
{
	struct pinscope_inspect cmd = {
		.addr = addr,
		.len = len,
		.target_type = target.target_type,
		.target_nr = target.target_nr,
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

int pinscope_compare(int fd, uint32_t id, struct pinscope_target target,
		     uint64_t addr, struct pinscope_compare *out)
{
	out->size = sizeof(*out);
	out->id = id;
	out->addr = addr;
	out->target_type = target.target_type;
	out->target_nr = target.target_nr;
	return pinscope_ioctl(fd, PINSCOPE_IOC_COMPARE, out);
}

int pinscope_fault(int fd, struct pinscope_target target, uint64_t addr,
		   uint64_t len, uint64_t flags, uint32_t *results,
		   struct pinscope_fault *out)
{
	struct pinscope_fault cmd = {
		.size = sizeof(cmd),
		.target_type = target.target_type,
		.target_nr = target.target_nr,
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

int pinscope_rss(int fd, struct pinscope_target target, struct pinscope_rss *rss)
{
	*rss = (struct pinscope_rss) {
		.size = sizeof(*rss),
		.target_type = target.target_type,
		.target_nr = target.target_nr,
	};
	return pinscope_ioctl(fd, PINSCOPE_IOC_RSS, rss);
}

int pinscope_track(int fd, unsigned int op, unsigned int flags,
		   unsigned int max_sites, struct pinscope_track *track)
{
	struct pinscope_track cmd = {
		.size = sizeof(cmd), .op = op, .flags = flags, .max_sites = max_sites,
	};
	int ret = pinscope_ioctl(fd, PINSCOPE_IOC_TRACK, &cmd);

	if (track)
		*track = cmd;
	return ret;
}

int pinscope_holders(int fd, uint64_t pfn, uint64_t pfns,
		     struct pinscope_site **sites, size_t *nr)
{
	struct pinscope_holders cmd = {
		.size = sizeof(cmd), .record_size = sizeof(**sites),
		.pfn = pfn, .pfns = pfns,
	};
	struct pinscope_site *array = NULL, *more;
	size_t used = 0;
	int ret;

	do {
		cmd.nr = used ? 2 * used : 64;
		more = realloc(array, (used + cmd.nr) * sizeof(*array));
		if (!more) {
			ret = -ENOMEM;
			goto fail;
		}
		array = more;
		cmd.records = pinscope_addr(array + used);
		ret = pinscope_ioctl(fd, PINSCOPE_IOC_HOLDERS, &cmd);
		if (ret)
			goto fail;
		used += cmd.nr;
	} while (cmd.next);
	*sites = array;
	*nr = used;
	return 0;
fail:
	free(array);
	return ret;
}

#define FOLL(name)	{ PINSCOPE_FOLL_##name, #name },
const struct pinscope_name pinscope_gup_flags_names[] = {
	PINSCOPE_FOLL_NAMES(FOLL)
	/*
	 * A patch that was not merged renames FOLL_FORCE to FOLL_PTRACE. Comes
	 * last, so that it is read, but never written.
	 */
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

/* Skips the prefix that the kernel's names have, if @text has it. */
static const char *without_prefix(const struct pinscope_name *names,
				  const char *text)
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

/*
 * Reads names up to the end of @text or to the first one that is unknown. Returns
 * NULL, or the unknown name with its length.
 */
static const char *parse(const struct pinscope_name *names, const char *text,
			 uint64_t *bits, size_t *len)
{
	const struct pinscope_name *n;

	*bits = 0;
	*len = 0;
	if (!strcmp(text, "0"))
		return NULL;
	while (*text) {
		text = without_prefix(names, text);
		*len = strcspn(text, "|,+");
		for (n = names; n->name; n++)
			if (strlen(n->name) == *len &&
			    !strncasecmp(n->name, text, *len))
				break;
		if (!n->name)
			return text;
		*bits |= n->bit;
		text += *len;
		*len = 0;
		if (*text && !*++text)
			return text;	/* nothing behind the last separator */
	}
	return NULL;
}

int pinscope_parse(const struct pinscope_name *names, const char *text,
		   uint64_t *bits)
{
	size_t len;

	return parse(names, text, bits, &len) ? -EINVAL : 0;
}

char *pinscope_unknown_name(const struct pinscope_name *names, const char *text,
			    char *buf, size_t size)
{
	const char *unknown;
	uint64_t bits;
	size_t len;

	unknown = parse(names, text, &bits, &len);
	if (!unknown)
		return NULL;
	snprintf(buf, size, "%.*s", (int)len, unknown);
	return buf;
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

#define NEAREST_MAX		4	/* names that are suggested */
#define NEAREST_MAX_LEN		64	/* longer texts are not compared */
#define NEAREST_MIN_PART	3	/* characters that count as a part */

/* How many rows and columns the table of edit_distance() has. */
#define DISTANCES	(NEAREST_MAX_LEN + 1)

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * How many characters to insert, delete, replace, or swap with their neighbour to
 * get from @a to @b. The strings have at most NEAREST_MAX_LEN characters.
 */
static size_t edit_distance(const char *a, const char *b)
{
	size_t d[DISTANCES][DISTANCES];	/* of the first i and k characters */
	size_t na = strlen(a), nb = strlen(b), i, k;

	for (i = 0; i <= na; i++)
		d[i][0] = i;
	for (k = 0; k <= nb; k++)
		d[0][k] = k;
	for (i = 1; i <= na; i++) {
		for (k = 1; k <= nb; k++) {
			bool same = same_letter(a[i - 1], b[k - 1]);

			d[i][k] = min_size(min_size(d[i - 1][k], d[i][k - 1]) + 1,
					   d[i - 1][k - 1] + !same);
			if (i > 1 && k > 1 && same_letter(a[i - 1], b[k - 2]) &&
			    same_letter(a[i - 2], b[k - 1]))
				d[i][k] = min_size(d[i][k], d[i - 2][k - 2] + 1);
		}
	}
	return d[na][nb];
}

/* Above all edit distances: one contains the other. */
#define CONTAINS_TEXT	(NEAREST_MAX_LEN + 1)
#define IN_TEXT		(NEAREST_MAX_LEN + 2)

/* How similar a name is to @text: 0 is most similar, SIZE_MAX is not similar. */
static size_t dissimilarity(const char *name, const char *text)
{
	size_t name_len = strlen(name), len = strlen(text), distance, limit;

	if (name_len <= NEAREST_MAX_LEN && len <= NEAREST_MAX_LEN) {
		limit = len / 3 > 2 ? len / 3 : 2;
		distance = edit_distance(name, text);
		if (distance <= limit && distance < len)
			return distance;
	}
	if (len >= NEAREST_MIN_PART && strcasestr(name, text))
		return CONTAINS_TEXT;
	if (name_len >= NEAREST_MIN_PART && strcasestr(text, name))
		return IN_TEXT;
	return SIZE_MAX;
}

/* Writes "A, B or C", leaving out names that do not fit. */
static void write_choices(const char *const *names, size_t nr, char *buf,
			  size_t size)
{
	const char *separator;
	size_t used = 0, i;

	buf[0] = '\0';
	for (i = 0; i < nr; i++) {
		separator = !used ? "" : i + 1 < nr ? ", " : " or ";
		if (used + strlen(separator) + strlen(names[i]) >= size)
			continue;
		used += snprintf(buf + used, size - used, "%s%s", separator,
				 names[i]);
	}
}

const char *pinscope_nearest(const char *const *first, size_t nr, size_t stride,
			     const char *text, char *buf, size_t size)
{
	const char *best[NEAREST_MAX], *name;
	size_t scores[NEAREST_MAX], score, nr_best = 0, i, k;

	for (i = 0; i < nr; i++) {
		name = *(const char *const *)((const char *)first + i * stride);
		if (!name || !*name)
			continue;
		score = dissimilarity(name, text);
		if (score == SIZE_MAX)
			continue;
		/* Insert it behind those that are as similar or more. */
		for (k = nr_best; k && scores[k - 1] > score; k--)
			if (k < NEAREST_MAX) {
				best[k] = best[k - 1];
				scores[k] = scores[k - 1];
			}
		if (k == NEAREST_MAX)
			continue;
		best[k] = name;
		scores[k] = score;
		if (nr_best < NEAREST_MAX)
			nr_best++;
	}
	/* With better ones, names that are only a part of @text do not help. */
	while (nr_best && scores[0] < IN_TEXT && scores[nr_best - 1] == IN_TEXT)
		nr_best--;
	write_choices(best, nr_best, buf, size);
	return *buf ? buf : NULL;
}

const char *pinscope_nearest_name(const struct pinscope_name *names,
				  const char *text, char *buf, size_t size)
{
	size_t nr = 0;

	while (names[nr].name)
		nr++;
	return pinscope_nearest(&names[0].name, nr, sizeof(names[0]),
				without_prefix(names, text), buf, size);
}

const char *pinscope_errno(int err)
{
	const char *name = strerrorname_np(err < 0 ? -err : err);

	return name ? name : "unknown error";
}
