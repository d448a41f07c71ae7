// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the commands for a live process share, see live.h.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "live.h"

static const char *const no_pid =
	"pinscope %s: expected a process id, found %s%s%s; 'pinscope %s --help' says more\n";

int live_open(struct live *l, const char *command, const char *pid)
{
	unsigned long number;
	char *end;

	*l = (struct live) { .command = command, .fd = -1 };
	l->process = (struct process) { .proc = -1, .pidfd = -1 };
	number = pid ? strtoul(pid, &end, 10) : 0;
	if (!number || *end || number > INT32_MAX || !isdigit((unsigned char)*pid)) {
		fprintf(stderr, no_pid, command, pid ? "'" : "nothing", pid ? pid : "",
			pid ? "'" : "", command);
		return EXIT_USAGE;
	}
	l->fd = tool_open(&l->info);
	if (l->fd < 0)
		return EXIT_CANNOT;
	return process_open(&l->process, number) ? live_said(l) : EXIT_GOOD;
}

void live_close(struct live *l)
{
	process_close(&l->process);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

int live_said(const struct live *l)
{
	fprintf(stderr, "pinscope %s: %s\n", l->command, l->process.why);
	return EXIT_CANNOT;
}

/* --------------------------------------------------------------- arguments */

/* Sets *@text behind the number. */
static bool take_address(const char **text, uint64_t *addr)
{
	char *end;

	errno = 0;
	*addr = strtoull(*text, &end, 16);
	if (end == *text || errno || !isxdigit((unsigned char)**text))
		return false;
	*text = end;
	return true;
}

static bool take_length(const char **text, uint64_t *len)
{
	static const char units[] = "kmgt";
	const char *unit;
	unsigned int shift = 0;
	char *end;

	errno = 0;
	*len = strtoull(*text, &end, 0);
	if (end == *text || errno || !isdigit((unsigned char)**text))
		return false;
	unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		end++;
	}
	*text = end;
	if (*len << shift >> shift != *len)
		return false;
	*len <<= shift;
	return true;
}

bool parse_range(const char *command, const char *text, struct range *range)
{
	uint64_t page = sys_page_size(), addr, end;
	const char *rest = text;
	bool good = take_address(&rest, &addr);

	end = addr + 1;
	if (good && *rest == '+') {
		rest++;
		good = take_length(&rest, &end) && end && addr + end > addr;
		end += addr;
	} else if (good && *rest == '-') {
		rest++;
		good = take_address(&rest, &end) && end > addr;
	}
	if (!good || *rest || end > UINT64_MAX - page) {
		fprintf(stderr,
			"pinscope %s: expected ADDR, ADDR+LEN or START-END, found '%s': addresses are hexadecimal, LEN is like 4096, 0x1000, 64k or 1t\n",
			command, text);
		return false;
	}
	range->addr = addr & -page;
	range->len = ((end + page - 1) & -page) - range->addr;
	return true;
}

/* -------------------------------------------------------------------- walk */

/* First and last address of all VMAs that INSPECT can look at, into @range. */
static int find_bounds(struct live *l, struct vma_reader *r, struct range *range)
{
	struct vma vma;
	uint64_t end = 0;
	int ret = vma_open(r, &l->process, false);

	range->addr = UINT64_MAX;
	while (!ret && (ret = vma_next(r, &vma)) > 0) {
		ret = 0;
		/* vsyscall is the kernel's. */
		if (vma.end >> 63)
			continue;
		if (vma.start < range->addr)
			range->addr = vma.start;
		end = vma.end;
	}
	vma_close(r);
	if (!end)
		range->addr = 0;
	range->len = end - range->addr;
	return ret;
}

/* A walk that is under way. */
struct walk {
	const struct visitor *visitor;
	struct page_reader pages;
	struct vma_reader vmas;
	const struct pinscope_page *next;	/* not yet visited; NULL: there is none */
	struct pinscope_page rest;		/* what is left of it behind a VMA */
};

static int next_page(struct walk *w)
{
	int ret = pages_next(&w->pages, &w->next);

	if (ret <= 0)
		w->next = NULL;
	return ret < 0 ? ret : 0;
}

/* Two VMAs can have equal pages beside each other: one record then spans both. */
static struct pinscope_page split_record(struct walk *w, uint64_t end)
{
	unsigned int shift = sys_page_shift();
	struct pinscope_page first = *w->next;

	first.pages = (end - first.addr) >> shift;
	w->rest = *w->next;
	w->rest.addr = end;
	w->rest.pages -= first.pages;
	if (w->rest.pfn)
		w->rest.pfn += first.pages;
	w->rest.swap_offset += first.pages;
	w->next = &w->rest;
	return first;
}

static int walk_vma(struct walk *w, const struct vma *vma)
{
	unsigned int shift = sys_page_shift();
	int ret = w->visitor->vma ? w->visitor->vma(w->visitor->arg, vma) : 0;

	while (!ret && w->next && w->next->addr < vma->end) {
		/* Of a VMA that is gone, or was not there yet. */
		if (w->next->addr < vma->start) {
			ret = next_page(w);
			continue;
		}
		if (w->next->addr + (w->next->pages << shift) > vma->end) {
			struct pinscope_page first = split_record(w, vma->end);

			return w->visitor->page(w->visitor->arg, vma, &first);
		}
		ret = w->visitor->page(w->visitor->arg, vma, w->next);
		if (!ret)
			ret = next_page(w);
	}
	return ret;
}

static int walk_vmas(struct live *l, struct walk *w, const struct range *range)
{
	struct vma vma, last = {};
	int ret;

	while ((ret = vma_next(&w->vmas, &vma)) > 0) {
		if (vma.end <= range->addr)
			continue;
		if (vma.start >= range->addr + range->len)
			return 0;
		vma_find_backing(&l->process, &vma, last.end ? &last : NULL);
		last = vma;
		ret = walk_vma(w, &vma);
		if (ret)
			return ret;
	}
	return ret;
}

int live_walk(struct live *l, const struct range *range, bool smaps,
	      const struct visitor *visitor)
{
	struct process *p = &l->process;
	struct walk *w = malloc(sizeof(*w));
	struct range all;
	int ret = 0;

	if (!w)
		return process_fails(p, "malloc", -ENOMEM);
	w->visitor = visitor;
	if (!range) {
		ret = find_bounds(l, &w->vmas, &all);
		range = &all;
	}
	if (ret || !range->len)
		goto out;
	pages_open(&w->pages, l->fd, process_target(p), range->addr, range->len);
	ret = next_page(w);
	if (ret) {
		ret = process_fails(p, "INSPECT", ret);
		goto out;
	}
	ret = vma_open(&w->vmas, p, smaps);
	if (ret)
		goto out;
	*p->why = '\0';
	ret = walk_vmas(l, w, range);
	vma_close(&w->vmas);
	/* The visitor's errors are its own, and vma_next() says its. */
	if (ret < 0 && !*p->why)
		ret = process_fails(p, "INSPECT", ret);
out:
	free(w);
	return ret;
}

/* --------------------------------------------------------------------- pins */

/* Looks for the pin in pins, which is not by file but by process. */
static bool find_pin_line(pid_t pid, uint32_t id, uint64_t *pages, uint64_t *addr)
{
	FILE *file = fopen(PINSCOPE_PINS_PATH, "re");
	unsigned long long at, nr;
	char line[512];
	bool found = false;
	unsigned int n;
	int who;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%d %u %*s %*s %llx %llu", &who, &n, &at, &nr) != 4)
			continue;
		found = who == pid && n == id;
		*pages = nr;
		*addr = at;
	}
	if (file)
		fclose(file);
	return found;
}

/* Is a file of the process one of the module's, and has it the pin? */
static int take_file(const struct live *l, int number, uint32_t id)
{
	struct pinscope_compare cmp = {};
	int fd, ret;

	fd = syscall(SYS_pidfd_getfd, l->process.pidfd, number, 0);
	if (fd < 0)
		return -errno;
	ret = pinscope_compare(fd, id, pinscope_self(), 0, &cmp);
	if (!ret || (ret != -ENOENT && ret != -ENOTTY))
		return fd;
	close(fd);
	return ret;
}

int live_take_pin(struct live *l, uint32_t id, uint64_t *pages, uint64_t *addr)
{
	int dir = openat(l->process.proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *fds = dir < 0 ? NULL : fdopendir(dir);
	struct dirent *entry;
	char path[256];
	ssize_t len;
	int fd = -ENOENT;

	if (!fds) {
		process_fails(&l->process, "open of fd", -errno);
		live_said(l);
		if (dir >= 0)
			close(dir);
		return -1;
	}
	while (fd < 0 && (entry = readdir(fds))) {
		len = readlinkat(dir, entry->d_name, path, sizeof(path) - 1);
		path[len < 0 ? 0 : len] = '\0';
		if (!strcmp(path, PINSCOPE_CTL_PATH) || !strcmp(path, PINSCOPE_MAP_PATH) ||
		    strstr(path, "/pinscope/"))
			fd = take_file(l, atoi(entry->d_name), id);
	}
	closedir(fds);
	if (fd >= 0 && find_pin_line(l->process.pid, id, pages, addr))
		return fd;
	if (fd >= 0)
		close(fd);
	fprintf(stderr,
		"pinscope %s: process %d (%s) has no pin %u of the module: 'pinscope pins' lists all pins, with the process that made each\n",
		l->command, l->process.pid, l->process.command, id);
	return -1;
}

/* -------------------------------------------------------------- page states */

#define S(name)	PINSCOPE_STATE_##name

const struct state_word state_words[] = {
	{ S(WRITABLE), '+', "writable" },
	{ S(DIRTY), 'e', "entry_dirty" },
	{ S(YOUNG), 'y', "young" },
	{ S(SOFT_DIRTY), 'f', "softdirty" },
	{ S(UFFD_WP), 'u', "uffd_wp" },
	{ S(SPECIAL), 'n', "nopage" },
	{ S(PROTNONE), 'N', "protnone" },
	{ S(NUMA_HINT), 'h', "numa_hint" },
	{ S(UFFD_RWP), 'U', "uffd_rwp" },
	{ S(ANON), 'a', "anonymous" },
	{ S(EXCLUSIVE), 'd', "anon_exclusive" },
	{ S(KSM), 'x', "ksm" },
	{ S(ZEROPAGE), 'z', "zero_page" },
	{ S(HUGE_ZEROPAGE), 'Z', "huge_zero_page" },
	{ S(HUGETLB), 'G', "huge" },
	{ S(SWAPBACKED), 'b', "swapbacked" },
	{ S(SWAP), 'w', "swap" },
	{ S(MIGRATION), '>', "migration" },
	{ S(HWPOISON), 'X', "hwpoison" },
	{ S(DEVICE_PRIVATE), 'v', "device_private" },
	{ S(DEVICE_EXCLUSIVE), 'V', "device_exclusive" },
	{ S(POISON), 'O', "poison" },
	{ S(GUARD), 'g', "guard" },
	{ S(SWAPCACHE), 's', "swapcache" },
	{ S(LRU), 'l', "lru" },
	{ S(MLOCKED), 'm', "mlocked" },
	{ S(FOLIO_DIRTY), 'D', "dirty" },
	{ S(WRITEBACK), 'W', "writeback" },
	{ S(MEMCG), 'c', "memcg" },
	{ S(PARTIALLY_MAPPED), '%', "partially_mapped" },
	{ S(MAYBE_PINNED), 'P', "maybe_pinned" },
	{ S(ZONE_MOVABLE), 'M', "zone_movable" },
	{ S(CMA), 'C', "cma" },
	{ S(LONGTERM_PINNABLE), 'L', "longterm_pinnable" },
	{ S(P2PDMA), 'p', "p2pdma" },
};

const size_t nr_state_words = ARRAY_SIZE(state_words);

const char *state_letters(uint64_t state, char buf[LETTERS_MAX])
{
	char *to = buf;
	size_t i;

	for (i = 0; i < nr_state_words; i++)
		if (state & state_words[i].bit)
			*to++ = state_words[i].letter;
	if (to == buf)
		*to++ = '-';
	*to = '\0';
	return buf;
}

void print_state_legend(FILE *out, uint64_t states)
{
	char text[ARRAY_SIZE(state_words) * 24] = "";
	size_t i, len = 0;

	for (i = 0; i < nr_state_words; i++)
		if (states & state_words[i].bit)
			len += snprintf(text + len, sizeof(text) - len, "%s%c:%s",
					len ? " " : "", state_words[i].letter,
					state_words[i].word);
	if (len)
		print_wrapped(out, "", text, 0);
}

/* Other words for page states, which people use. */
static const struct state_word aliases[] = {
	{ S(MAYBE_PINNED), 0, "pinned" },
	{ S(EXCLUSIVE), 0, "exclusive" },
	{ S(ANON), 0, "anon" },
	{ S(SWAP), 0, "swapped" },
	{ S(ZEROPAGE), 0, "zeropage" },
	{ S(HUGE_ZEROPAGE), 0, "huge_zeropage" },
	{ S(ZONE_MOVABLE), 0, "movable" },
	{ S(HUGETLB), 0, "hugetlb" },
	{ S(SOFT_DIRTY), 0, "soft_dirty" },
	{ S(PRESENT), 0, "present" },
	{ S(HAS_FOLIO), 0, "has_folio" },
};

static bool same_word(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : tolower((unsigned char)*a)) !=
		    (*b == '-' ? '_' : tolower((unsigned char)*b)))
			return false;
	return *a == *b;
}

static uint64_t find_state(const char *word)
{
	const struct pinscope_name *name;
	size_t i;

	for (i = 0; i < nr_state_words; i++)
		if (same_word(state_words[i].word, word))
			return state_words[i].bit;
	for (i = 0; i < ARRAY_SIZE(aliases); i++)
		if (same_word(aliases[i].word, word))
			return aliases[i].bit;
	for (name = pinscope_state_names; name->name; name++)
		if (same_word(name->name, word))
			return name->bit;
	return 0;
}

static void no_state(const char *command, const char *word)
{
	const char *names[ARRAY_SIZE(state_words) + ARRAY_SIZE(aliases) + 1] = {};
	size_t i, nr = 0;

	for (i = 0; i < nr_state_words; i++)
		names[nr++] = state_words[i].word;
	for (i = 0; i < ARRAY_SIZE(aliases); i++)
		names[nr++] = aliases[i].word;
	unknown_name(command, "page state", word, names, "pinscope inspect --legend");
}

bool parse_filter(const char *command, const char *text, struct filter *filter)
{
	char word[40];
	uint64_t bit;
	bool without;
	size_t len;

	*filter = (struct filter) {};
	for (;; text++) {
		without = *text == '!';
		text += without;
		len = strcspn(text, ",");
		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		bit = find_state(word);
		if (!bit) {
			no_state(command, word);
			return false;
		}
		if (without)
			filter->without |= bit;
		else
			filter->with |= bit;
		text += len;
		if (!*text)
			return true;
	}
}

/* --------------------------------------------------------------------- JSON */

json_t *json_address(uint64_t addr)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)addr);
	return json_string(text);
}

json_t *json_page(const struct vma *vma, const struct pinscope_page *page)
{
	json_t *states = json_array(), *json;
	char kind[KIND_NAME_MAX];
	size_t i;

	for (i = 0; i < nr_state_words; i++)
		if (page->state & state_words[i].bit)
			json_array_append_new(states, json_string(state_words[i].word));
	json = json_pack("{s:o, s:I, s:s, s:o}", "addr", json_address(page->addr), "pages",
			 (json_int_t)page->pages, "kind", kind_of_page(vma, page, kind),
			 "state", states);
	if (page->map_shift)
		json_object_set_new(json, "mapped_bytes",
				    json_integer(1LL << page->map_shift));
	if (page->pfn)
		json_object_set_new(json, "pfn", json_address(page->pfn));
	if (page->state & S(SWAP)) {
		json_object_set_new(json, "swap_type", json_integer(page->swap_type));
		json_object_set_new(json, "swap_offset", json_integer(page->swap_offset));
	}
	if (!(page->state & S(HAS_FOLIO)))
		return json;
	json_object_set_new(json, "folio_pfn", json_address(page->folio_pfn));
	json_object_set_new(json, "order", json_integer(page->folio_order));
	json_object_set_new(json, "mapcount", json_integer(page->mapcount));
	json_object_set_new(json, "refcount", json_integer(page->refcount));
	json_object_set_new(json, "pincount", json_integer(page->pincount));
	if (page->sites) {
		json_object_set_new(json, "sites", json_integer(page->sites));
		json_object_set_new(json, "tracked_pins", json_integer(page->tracked));
	}
	json_object_set_new(json, "node", json_integer(page->node - 1));
	return json;
}
