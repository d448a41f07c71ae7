// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suite's kinds of memory. Most begin as a row of memory.c's table, on which
 * something is then done; a new kind is a line at the end of this file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "suite.h"

#define THP_DIR		"/sys/kernel/mm/transparent_hugepage"
#define KSM_DIR		"/sys/kernel/mm/ksm/"

/* Newer than some libc. */
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT		21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif
#ifndef UFFDIO_POISON
struct uffdio_poison {
	struct uffdio_range range;
	__u64 mode;
	__s64 updated;
};

#define UFFDIO_POISON		_IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON	(1 << 14)
#endif

/* What somebody waits for at most, in steps of a millisecond. */
#define PATIENCE_MS	5000

const char *scene_fails(struct scene *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->why, sizeof(s->why), format, args);
	va_end(args);
	return s->why;
}

struct pinscope_page scene_page(struct scene *s)
{
	struct pinscope_page page;

	if (pinscope_page(s->fd, s->addr, &page))
		memset(&page, 0, sizeof(page));
	return page;
}

static void sleep_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

static const char *write_file(struct scene *s, const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != len) {
		scene_fails(s, "cannot write '%s' to %s: %s", text, path,
			    pinscope_errno(errno));
		if (fd >= 0)
			close(fd);
		return s->why;
	}
	close(fd);
	return NULL;
}

/* Mapped by PTEs, all of it. */
static const char *split(struct scene *s)
{
	uint32_t id;
	int ret = pinscope_pin(s->fd, PINSCOPE_CALL_GET, PINSCOPE_FOLL_SPLIT_PMD,
			       s->addr, base_size(), &id);

	if (ret)
		return scene_fails(s, "cannot split a THP: %s", pinscope_errno(ret));
	pinscope_unpin(s->fd, id);
	return NULL;
}

/* All but the first page is gone; splits what is mapped by a PMD. */
static const char *single_pte(struct scene *s)
{
	size_t base = base_size();

	if (madvise(s->addr + base, s->len - base, MADV_DONTNEED))
		return scene_fails(s, "MADV_DONTNEED: %s", pinscope_errno(errno));
	s->len = base;
	return NULL;
}

/* The upper half moves away, and nothing else may come to where it was. */
static const char *mremapped(struct scene *s)
{
	size_t half = s->len / 2;
	char *upper = s->addr + half;

	s->extra = mmap(NULL, half, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->extra == MAP_FAILED) {
		s->extra = NULL;
		return scene_fails(s, "mmap: %s", pinscope_errno(errno));
	}
	s->extra_len = half;
	if (mremap(upper, half, half, MREMAP_MAYMOVE | MREMAP_FIXED,
		   s->extra) != s->extra ||
	    mmap(upper, half, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != upper)
		return scene_fails(s, "mremap: %s", pinscope_errno(errno));
	s->len = half;
	return NULL;
}

/* Only the lower half is a child's, too. */
static const char *half_forked(struct scene *s)
{
	size_t half = s->len / 2;

	if (madvise(s->addr + half, half, MADV_DONTFORK))
		return scene_fails(s, "MADV_DONTFORK: %s", pinscope_errno(errno));
	s->len = half;
	return NULL;
}

static const char *page_out(struct scene *s)
{
	int ms;

	for (ms = 0; ms < PATIENCE_MS; ms++) {
		if (madvise(s->addr, s->len, MADV_PAGEOUT))
			return scene_fails(s, "MADV_PAGEOUT: %s", pinscope_errno(errno));
		if (scene_page(s).state & PINSCOPE_STATE_SWAP)
			return NULL;
		sleep_ms(1);
	}
	return scene_fails(s, "it is not swapped out: is there swap? (swapon)");
}

/* A read leaves it in the swap cache. */
static const char *swap_in(struct scene *s)
{
	if (page_out(s))
		return s->why;
	(void)*(volatile char *)s->addr;
	return NULL;
}

static const char *page_out_split(struct scene *s)
{
	return split(s) ? s->why : page_out(s);
}

static const char *page_out_single(struct scene *s)
{
	return page_out(s) ? s->why : single_pte(s);
}

/* All pages of the mapping are equal: ksmd merges them when it comes to them. */
static const char *merge(struct scene *s, char byte, uint64_t state)
{
	int ms;

	memset(s->addr, byte, s->m.kind->len);
	if (madvise(s->addr, s->m.kind->len, MADV_MERGEABLE))
		return scene_fails(s, "MADV_MERGEABLE: %s", pinscope_errno(errno));
	if (write_file(s, KSM_DIR "use_zero_pages", byte ? "0" : "1") ||
	    write_file(s, KSM_DIR "sleep_millisecs", "0") ||
	    write_file(s, KSM_DIR "run", "1"))
		return s->why;
	for (ms = 0; ms < PATIENCE_MS; ms++) {
		if (scene_page(s).state & state)
			break;
		sleep_ms(1);
	}
	if (write_file(s, KSM_DIR "run", "0"))
		return s->why;
	return ms < PATIENCE_MS ? NULL : scene_fails(s, "ksmd does not merge it");
}

static const char *make_ksm(struct scene *s)
{
	return merge(s, 'p', PINSCOPE_STATE_KSM);
}

static const char *make_ksm_zero(struct scene *s)
{
	return merge(s, 0, PINSCOPE_STATE_ZEROPAGE);
}

/**
 * scene_map() - map a file, or anonymous memory
 * @s: has nothing mapped; memory_close() unmaps it
 * @fd: the file, or -1
 * @len: bytes
 * @align: at a multiple of that
 * @flags: for mmap()
 *
 * Return: NULL or why not.
 */
const char *scene_map(struct scene *s, int fd, size_t len, size_t align, int flags)
{
	char *room = mmap(NULL, len + align, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return scene_fails(s, "mmap: %s", pinscope_errno(errno));
	s->m.area = room;
	s->m.area_len = len + align;
	s->addr = room + (-(uintptr_t)room & (align - 1));
	if (mmap(s->addr, len, PROT_READ | PROT_WRITE,
		 flags | MAP_FIXED | (fd < 0 ? MAP_ANONYMOUS : 0), fd,
		 0) == MAP_FAILED)
		return scene_fails(s, "mmap: %s", pinscope_errno(errno));
	return NULL;
}

/* One folio of @size of the place's kind, of the page cache of tmpfs. */
static const char *make_shmem_thp(struct scene *s)
{
	size_t size = s->place.kind->size;

	if (write_file(s, THP_DIR "/shmem_enabled", "advise"))
		return s->why;
	s->m.fd = memfd_create("pinscope", MFD_CLOEXEC);
	if (s->m.fd < 0 || ftruncate(s->m.fd, size))
		return scene_fails(s, "memfd: %s", pinscope_errno(errno));
	if (scene_map(s, s->m.fd, size, size, MAP_SHARED))
		return s->why;
	madvise(s->addr, size, MADV_HUGEPAGE);
	*s->addr = 'f';
	if (mmap(s->addr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
		 s->m.fd, 0) == MAP_FAILED)
		return scene_fails(s, "mmap: %s", pinscope_errno(errno));
	madvise(s->addr, size, MADV_HUGEPAGE);
	(void)*(volatile char *)s->addr;
	s->len = size;
	if (1UL << scene_page(s).map_shift != size)
		return scene_fails(s, "no huge page was given: is there memory for it?");
	return NULL;
}

static const char *make_mthp(struct scene *s)
{
	size_t size = s->place.kind->size;
	char path[120];

	snprintf(path, sizeof(path), THP_DIR "/hugepages-%zukB/enabled", size >> 10);
	if (write_file(s, path, "madvise"))
		return s->why;
	if (scene_map(s, -1, size, size, MAP_PRIVATE))
		return s->why;
	s->len = size;
	madvise(s->addr, size, MADV_HUGEPAGE);
	*s->addr = 'p';
	if (base_size() << scene_page(s).folio_order != size)
		return scene_fails(s, "no folio of %zu KiB was given: is there memory for it?",
				   size >> 10);
	return NULL;
}

static const char *page_out_mthp(struct scene *s)
{
	return make_mthp(s) ? s->why : page_out(s);
}

static const char *single_pte_of_mthp(struct scene *s)
{
	return make_mthp(s) ? s->why : single_pte(s);
}

static const char *mremapped_mthp(struct scene *s)
{
	return make_mthp(s) ? s->why : mremapped(s);
}

static const char *half_forked_mthp(struct scene *s)
{
	return make_mthp(s) ? s->why : half_forked(s);
}

/* Base pages, where a THP would fit. */
static const char *make_pages(struct scene *s)
{
	size_t size = s->place.kind->size, at;

	if (scene_map(s, -1, size, size, MAP_PRIVATE))
		return s->why;
	s->len = size;
	madvise(s->addr, size, MADV_NOHUGEPAGE);
	for (at = 0; at < size; at += base_size())
		s->addr[at] = 'p';
	madvise(s->addr, size, MADV_HUGEPAGE);
	return NULL;
}

static const char *make_collapsed(struct scene *s)
{
	if (make_pages(s))
		return s->why;
	if (madvise(s->addr, s->len, MADV_COLLAPSE))
		return scene_fails(s, "MADV_COLLAPSE: %s", pinscope_errno(errno));
	return NULL;
}

static const char *make_stack(struct scene *s)
{
	size_t base = base_size();
	char *stack = mmap(NULL, 16 * base, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_GROWSDOWN,
			   -1, 0);

	if (stack == MAP_FAILED)
		return scene_fails(s, "mmap: %s", pinscope_errno(errno));
	s->m.area = stack;
	s->m.area_len = 16 * base;
	s->addr = stack + 12 * base;
	*s->addr = 'p';
	return NULL;
}

static const char *make_brk(struct scene *s)
{
	size_t base = base_size();
	char *end = sbrk(3 * base);

	if (end == (void *)-1)
		return scene_fails(s, "sbrk: %s", pinscope_errno(errno));
	s->addr = (char *)(((uintptr_t)end + base - 1) & -base);
	*s->addr = 'p';
	return NULL;
}

static const char *make_secret(struct scene *s)
{
#ifdef SYS_memfd_secret
	s->m.fd = syscall(SYS_memfd_secret, O_CLOEXEC);
	if (s->m.fd < 0)
		return scene_fails(s, "memfd_secret: %s: boot with secretmem.enable=1",
				   pinscope_errno(errno));
	if (ftruncate(s->m.fd, base_size()))
		return scene_fails(s, "ftruncate: %s", pinscope_errno(errno));
	if (scene_map(s, s->m.fd, base_size(), base_size(), MAP_SHARED))
		return s->why;
	*s->addr = 's';
	return NULL;
#else
	return scene_fails(s, "this architecture has no memfd_secret()");
#endif
}

static const char *make_guard(struct scene *s)
{
	if (madvise(s->addr, base_size(), MADV_GUARD_INSTALL))
		return scene_fails(s, "MADV_GUARD_INSTALL: %s", pinscope_errno(errno));
	return NULL;
}

/* By the kernel's own test of HMM: to a device's memory. Its ABI is a fact. */
#define HMM_DEVICE	"/dev/hmm_dmirror0"

struct hmm_cmd {
	__u64 addr, buf, pages, copied, faults;
};

#define HMM_MIGRATE_TO_DEV	_IOWR('H', 0x02, struct hmm_cmd)

static bool has_device(const char *dir)
{
	(void)dir;
	return !access(HMM_DEVICE, F_OK);
}

/* The device is the scene's only for as long as it is open. */
static const char *make_device_private(struct scene *s)
{
	char page[base_size()];
	struct hmm_cmd cmd = {
		.addr = (uintptr_t)s->addr, .buf = (uintptr_t)page, .pages = 1,
	};

	int ms;

	s->map_fd = open(HMM_DEVICE, O_RDWR | O_CLOEXEC);
	if (s->map_fd < 0)
		return scene_fails(s, HMM_DEVICE ": %s", pinscope_errno(errno));
	/* A page that is on its way to a list of the LRU stays where it is. */
	for (ms = 0; ms < PATIENCE_MS; ms++) {
		if (!ioctl(s->map_fd, HMM_MIGRATE_TO_DEV, &cmd) &&
		    (scene_page(s).state & PINSCOPE_STATE_DEVICE_PRIVATE))
			return NULL;
		sleep_ms(1);
	}
	return scene_fails(s, "it does not get to " HMM_DEVICE);
}

/* Of Linux 6.13. */
static bool has_guards(const char *dir)
{
	void *addr = mmap(NULL, base_size(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has;

	(void)dir;
	if (addr == MAP_FAILED)
		return true;
	has = !madvise(addr, base_size(), MADV_GUARD_INSTALL) || errno != EINVAL;
	munmap(addr, base_size());
	return has;
}

/* Of Linux 6.6. */
static bool has_poison(const char *dir)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_POISON };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	bool has = fd < 0 || !ioctl(fd, UFFDIO_API, &api);

	(void)dir;
	if (fd >= 0)
		close(fd);
	return has;
}

static const char *make_poison(struct scene *s)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_POISON };
	struct uffdio_range range = {
		.start = (uintptr_t)s->addr, .len = base_size(),
	};
	struct uffdio_register reg = {
		.range = range, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_poison poison = { .range = range };

	s->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (s->uffd < 0 || ioctl(s->uffd, UFFDIO_API, &api))
		return scene_fails(s, "userfaultfd: %s", pinscope_errno(errno));
	madvise(s->addr, base_size(), MADV_DONTNEED);
	if (ioctl(s->uffd, UFFDIO_REGISTER, &reg) ||
	    ioctl(s->uffd, UFFDIO_POISON, &poison))
		return scene_fails(s, "UFFDIO_POISON: %s", pinscope_errno(errno));
	return NULL;
}

static const char *map_driver(struct scene *s, unsigned int map)
{
	void *addr;
	int ret;

	s->map_fd = pinscope_open_map();
	if (s->map_fd < 0)
		return scene_fails(s, "map: %s", pinscope_errno(s->map_fd));
	ret = pinscope_map(s->map_fd, map, base_size(), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE, &addr);
	if (ret)
		return scene_fails(s, "map: %s", pinscope_errno(ret));
	s->m.area = addr;
	s->m.area_len = base_size();
	s->addr = addr;
	(void)*(volatile char *)s->addr;
	return NULL;
}

static const char *make_pfnmap(struct scene *s)
{
	return map_driver(s, PINSCOPE_MAP_PFNMAP);
}

static const char *make_mixed_pfn(struct scene *s)
{
	return map_driver(s, PINSCOPE_MAP_MIXED_PFN);
}

static const char *make_mixed_page(struct scene *s)
{
	return map_driver(s, PINSCOPE_MAP_MIXED_PAGE);
}

#define S(name)		PINSCOPE_STATE_##name
#define OWN		.has = S(ANON) | S(EXCLUSIVE)
#define CACHE		.has = S(HAS_FOLIO), .hasnt = S(ANON)

/* A name that ends in '[' comes once for each size of what it is about. */
static const struct suite_kind kinds[] = {
	{ "zeropage", "zeropage", .has = S(ZEROPAGE) },
	{ "huge-zeropage", "huge-zeropage", .has = S(HUGE_ZEROPAGE) },
	{ "anon", "anon", OWN },
	{ "stack", NULL, make_stack, OWN },
	{ "brk", NULL, make_brk, OWN },
	{ "thp", "anon-thp", OWN },
	{ "pte-thp", "anon-thp", split, IS_LARGE, OWN },
	{ "single-pte-of-thp", "anon-thp", single_pte, IS_LARGE, OWN },
	{ "mremapped-thp", "anon-thp", mremapped, IS_LARGE, OWN },
	{ "half-forked-thp", "anon-thp", half_forked, IS_LARGE, OWN },
	{ "pages", NULL, make_pages, IS_PAGES, OWN },
	{ "collapsed-thp", NULL, make_collapsed, OWN },
	{ "mthp[", NULL, make_mthp, IS_LARGE, OWN },
	{ "single-pte-of-mthp[", NULL, single_pte_of_mthp, IS_LARGE | IS_VARIANT,
	  OWN },
	{ "mremapped-mthp[", NULL, mremapped_mthp, IS_LARGE | IS_VARIANT, OWN },
	{ "half-forked-mthp[", NULL, half_forked_mthp, IS_LARGE | IS_VARIANT, OWN },
	{ "swapped-mthp[", NULL, page_out_mthp,
	  IS_SWAPPED | IS_LARGE | IS_VARIANT, .has = S(SWAP) },
	{ "swapped", "anon", page_out, IS_SWAPPED, .has = S(SWAP) },
	{ "swapped-thp", "anon-thp", page_out, IS_SWAPPED | IS_LARGE,
	  .has = S(SWAP) },
	{ "swapped-pte-thp", "anon-thp", page_out_split, IS_SWAPPED | IS_LARGE,
	  .has = S(SWAP) },
	{ "swapped-single-pte-of-thp", "anon-thp", page_out_single,
	  IS_SWAPPED | IS_LARGE, .has = S(SWAP) },
	{ "swapcache", "anon", swap_in, .has = S(ANON) | S(SWAPCACHE) },
	{ "numa-hint", "anon", make_numa_hint, IS_HINTED, OWN,
	  .exists = has_numa_hints },
	{ "device-private", "anon", make_device_private, IS_SWAPPED,
	  .has = S(DEVICE_PRIVATE), .exists = has_device },
	{ "ksm", "anon", make_ksm, IS_ALONE, .has = S(ANON) | S(KSM), .hasnt = S(EXCLUSIVE) },
	{ "ksm-zeropage", "anon", make_ksm_zero, IS_ALONE, .has = S(ZEROPAGE) },
	{ "memfd", "memfd", NULL, IS_FILE, CACHE },
	{ "tmpfs", "tmpfs", NULL, IS_FILE, CACHE },
	{ "shmem-thp", NULL, make_shmem_thp, IS_FILE, CACHE },
	{ "memfd-map-shared", "memfd-shared", NULL, IS_SHARED, CACHE },
	{ "hugetlb[", "hugetlb", .has = S(HUGETLB), .hasnt = S(ANON) },
	{ "hugetlb-anon[", "anon-hugetlb", .has = S(HUGETLB) | S(ANON) | S(EXCLUSIVE) },
	{ "hugetlb-map-shared[", "hugetlb", scene_share, IS_SHARED,
	  .has = S(HUGETLB), .hasnt = S(ANON) },
	{ "memfd-secret", NULL, make_secret, IS_REFUSED | IS_SHARED, .has = 0 },
	{ "pfnmap", NULL, make_pfnmap, IS_REFUSED, .has = S(SPECIAL) },
	{ "mixedmap-pfn", NULL, make_mixed_pfn, IS_NO_PAGE, .has = S(SPECIAL) },
	{ "mixedmap-page", NULL, make_mixed_page, IS_DRIVER, .has = S(HAS_FOLIO), .hasnt = S(ANON) },
	{ "guard", "anon", make_guard, IS_REFUSED, .has = S(GUARD),
	  .exists = has_guards },
	{ "uffd-poison", "anon", make_poison, IS_REFUSED, .has = S(POISON),
	  .exists = has_poison },
};

/* Orders of folios that there could be. */
#define MAX_SIZES	16

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))

/**
 * thp_size() - what a PMD maps
 *
 * Return: bytes, or 0 without transparent huge pages.
 */
size_t thp_size(void)
{
	FILE *file = fopen(THP_DIR "/hpage_pmd_size", "re");
	size_t size = 0;

	if (file && fscanf(file, "%zu", &size) != 1)
		size = 0;
	if (file)
		fclose(file);
	return size;
}

/* Folio sizes that anonymous memory can have, smallest first; not the PMD's. */
static size_t mthp_sizes(size_t *sizes, size_t max)
{
	size_t kib, nr = 0, i, pmd = thp_size();
	struct dirent *entry;
	DIR *dir = opendir(THP_DIR);

	while (dir && (entry = readdir(dir)) && nr < max) {
		char path[120];

		if (sscanf(entry->d_name, "hugepages-%zukB", &kib) != 1 ||
		    kib << 10 == pmd)
			continue;
		/* Some sizes are for shmem only. */
		snprintf(path, sizeof(path), THP_DIR "/hugepages-%zukB/enabled", kib);
		if (access(path, F_OK))
			continue;
		for (i = nr++; i && sizes[i - 1] > kib << 10; i--)
			sizes[i] = sizes[i - 1];
		sizes[i] = kib << 10;
	}
	if (dir)
		closedir(dir);
	return nr;
}

/* A kind of a row that is there in sizes, or once for each file system. */
static void name_kind(struct suite_kind *kind, const char *in_brackets)
{
	size_t len = strlen(kind->name);

	if (kind->name[len - 1] == '[')
		snprintf(kind->name + len, sizeof(kind->name) - len, "%.10s]",
			 in_brackets);
}

/* What takes seconds to copy, and may be all that there is of such pages. */
static void mark_slow(struct suite_kind *kind, size_t len)
{
	if (len > 64 << 20 || kind->size > 64 << 20)
		kind->is |= IS_SLOW | IS_ALONE;
}

/* Is @memory what the row is made of? Hugetlb has its size in brackets. */
static bool is_made_of(const struct suite_kind *row, const struct kind *memory)
{
	size_t len = strcspn(memory->name, "[");

	return strlen(row->base) == len && !strncmp(memory->name, row->base, len);
}

static struct suite_kind *add_sizes(struct suite_kind *kind,
				    const struct suite_kind *row)
{
	size_t sizes[MAX_SIZES], nr = mthp_sizes(sizes, MAX_SIZES), i;
	bool sized = row->name[strlen(row->name) - 1] == '[';
	char size[24];

	for (i = 0; i < (sized ? nr : 1); i++) {
		*kind = *row;
		kind->size = sized ? sizes[i] : thp_size();
		snprintf(size, sizeof(size), "%zuK", kind->size >> 10);
		name_kind(kind, size);
		mark_slow(kind++, 0);
	}
	return kind;
}

static struct suite_kind *add_memory(struct suite_kind *kind,
				     const struct suite_kind *row,
				     const struct kind *memory, size_t nr)
{
	char size[16];
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!is_made_of(row, &memory[i]))
			continue;
		*kind = *row;
		kind->memory = &memory[i];
		if (sscanf(memory[i].name, "%*[^[][%15[^]]", size) == 1)
			name_kind(kind, size);
		mark_slow(kind++, memory[i].len);
	}
	return kind;
}

/* Files in @dir; @before are the kinds so far, whose names are taken. */
static struct suite_kind *add_files(struct suite_kind *kind,
				    const struct suite_kind *before,
				    const struct kind *memory, size_t nr,
				    const char *dir)
{
	const struct suite_kind *row, *other;
	bool dax = is_dax(dir);
	const char *first = dax ? "dax[" : "file[";
	char fs[16];
	size_t i, n = 1;

	for (i = 0; i < nr && memory[i].backing != BACKING_DISK_FILE; i++)
		;
	for (other = before; other < kind; other++)
		n += other->memory && !strcmp(other->memory->name, memory[i].name) &&
		     !strncmp(other->name, first, strlen(first));
	snprintf(fs, sizeof(fs), n > 1 ? "%.7s#%zu" : "%.7s", memory[i].name, n);
	for (row = suite_files; row < suite_files + suite_nr_files; row++) {
		if (!(row->is & IS_DAX) == dax || (row->exists && !row->exists(dir)))
			continue;
		*kind = *row;
		kind->memory = &memory[i];
		kind->dir = dir;
		kind->size = thp_size();
		name_kind(kind, fs);
		mark_slow(kind++, 0);
	}
	return kind;
}

/**
 * suite_kinds() - all kinds that this machine could have
 * @dirs: directories on disks
 * @nr_dirs: how many, at least one
 * @nr: out: how many
 *
 * Return: an array that stays, or NULL without memory.
 */
struct suite_kind *suite_kinds(const char *const *dirs, size_t nr_dirs, size_t *nr)
{
	struct suite_kind *all, *kind;
	struct kind *memory;
	size_t nr_memory, k, d;

	memory = kinds_get(dirs[0], &nr_memory);
	if (!memory)
		return NULL;
	all = calloc(NR_KINDS * (1 + nr_memory + MAX_SIZES) +
		     nr_dirs * suite_nr_files, sizeof(*all));
	if (!all)
		return NULL;
	kind = all;
	for (k = 0; k < NR_KINDS; k++) {
		if (kinds[k].exists && !kinds[k].exists(NULL))
			continue;
		kind = kinds[k].base ?
		       add_memory(kind, &kinds[k], memory, nr_memory) :
		       add_sizes(kind, &kinds[k]);
	}
	for (d = 0; d < nr_dirs; d++) {
		if (d)
			memory = kinds_get(dirs[d], &nr_memory);
		if (!memory)
			return NULL;
		kind = add_files(kind, all, memory, nr_memory, dirs[d]);
	}
	*nr = kind - all;
	return all;
}
