// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kinds of memory, each in a state that the fault path tells from others:
 * how it is made, and what unshare and GUP are to make of it. A new kind is one
 * line of the table, and is tested by every case that takes kinds.
 */
#include <linux/delay.h>
#include <asm/unistd.h>

#include "pk.h"

#define BYTE	0x5a		/* what is in it, but for a zeropage */

/* Anonymous memory, one base page of it, with something else around. */
static void map_anon(struct pk *p)
{
	p->addr = pk_map(p, NULL, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE, 0) + 5 * PAGE_SIZE;
	p->size = PAGE_SIZE;
}

static void make_zero(struct pk *p)
{
	map_anon(p);
	pk_load(p);
}

static void make_anon(struct pk *p)
{
	map_anon(p);
	pk_store(p, BYTE);
}

static void make_anon_shared(struct pk *p)
{
	pk_need_fork(p);
	make_anon(p);
	pk_fork(p, NULL);
}

static void make_anon_again(struct pk *p)
{
	make_anon_shared(p);
	pk_join(p);
}

#define KSM(name)	"kernel/mm/ksm/" name

/*
 * Lets ksmd merge the page with the one behind it. That it finds two pages
 * equal takes it some rounds; what others have set of it, it gets back.
 */
static void make_merged(struct pk *p, u8 byte, u64 state)
{
	unsigned long end = jiffies + 60 * HZ;
	char zero_pages[8], sleep[24];

	if (!IS_ENABLED(CONFIG_KSM))
		kunit_skip(p->test, "no KSM in this kernel");
	map_anon(p);
	p->addr += PAGE_SIZE;
	pk_fill(p, byte);
	p->addr -= PAGE_SIZE;
	pk_fill(p, byte);
	KUNIT_ASSERT_EQ(p->test, 0L,
			pk_syscall(p, __NR_madvise, p->addr, 2 * PAGE_SIZE,
				   MADV_MERGEABLE, 0, 0));
	snprintf(zero_pages, sizeof(zero_pages), "%ld",
		 pk_read_number(p, "sysfs", KSM("use_zero_pages")));
	snprintf(sleep, sizeof(sleep), "%ld",
		 pk_read_number(p, "sysfs", KSM("sleep_millisecs")));
	pk_write_string(p, "sysfs", KSM("use_zero_pages"), byte ? "0" : "1");
	pk_write_string(p, "sysfs", KSM("sleep_millisecs"), "0");
	pk_write_string(p, "sysfs", KSM("run"), "1");
	while (!(pk_look_at(p, p->addr).state & state) &&
	       time_before(jiffies, end))
		usleep_range(500, 1000);
	pk_write_string(p, "sysfs", KSM("run"), "0");
	pk_write_string(p, "sysfs", KSM("sleep_millisecs"), sleep);
	pk_write_string(p, "sysfs", KSM("use_zero_pages"), zero_pages);
}

static void make_ksm(struct pk *p)
{
	make_merged(p, BYTE, PINSCOPE_STATE_KSM);
}

static void make_ksm_zero(struct pk *p)
{
	make_merged(p, 0, PINSCOPE_STATE_ZEROPAGE);
}

static void map_thp(struct pk *p)
{
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		kunit_skip(p->test, "no transparent huge pages in this kernel");
	p->size = PMD_SIZE;
	p->addr = pk_map_aligned(p, p->size, NULL, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE, 0);
	pk_vm_flags(p, VM_HUGEPAGE, 0);
}

static void make_huge_zero(struct pk *p)
{
	map_thp(p);
	pk_load(p);
}

static void make_thp(struct pk *p)
{
	map_thp(p);
	pk_store(p, BYTE);
}

static void make_thp_shared(struct pk *p)
{
	pk_need_fork(p);
	make_thp(p);
	pk_fork(p, NULL);
}

static void make_thp_again(struct pk *p)
{
	make_thp_shared(p);
	pk_join(p);
}

/* Mapped by PTEs, all of it. */
static void split_thp(struct pk *p)
{
	u32 id;

	KUNIT_ASSERT_EQ(p->test,
			pk_pin(p, PINSCOPE_CALL_GET,
			       PINSCOPE_FOLL_SPLIT_PMD, &id), 0);
	pk_unpin(p, id);
	p->size = PAGE_SIZE;
}

static void make_pte_thp(struct pk *p)
{
	make_thp(p);
	split_thp(p);
}

static void make_pte_thp_shared(struct pk *p)
{
	pk_need_fork(p);
	make_pte_thp(p);
	pk_fork(p, NULL);
}

static void make_file(struct pk *p, const char *fs, const char *options,
		      int flags, size_t size)
{
	struct file *file = pk_open(p, fs, options, "file", O_RDWR | O_CREAT);
	loff_t pos = 0;
	char *buf = kunit_kzalloc(p->test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(p->test, buf);
	memset(buf, BYTE, PAGE_SIZE);
	while (pos < size)
		KUNIT_ASSERT_EQ(p->test, (ssize_t)PAGE_SIZE,
				kernel_write(file, buf, PAGE_SIZE, &pos));
	p->file = flags == O_RDWR ? file : pk_reopen(p, file, flags);
}

/* What a mapping of a base page of a file is before anything is written. */
static void map_file(struct pk *p, const char *fs, int flags,
		     unsigned long map)
{
	make_file(p, fs, NULL, flags, 16 * PAGE_SIZE);
	p->size = PAGE_SIZE;
	p->addr = pk_map(p, p->file, 16 * PAGE_SIZE,
			 flags == O_RDONLY && map == MAP_SHARED ?
			 PROT_READ : PROT_READ | PROT_WRITE, map, 0) +
		  5 * PAGE_SIZE;
	pk_load(p);
}

static void make_ramfs(struct pk *p)
{
	map_file(p, "ramfs", O_RDWR, MAP_PRIVATE);
}

/* The file cannot be written, its private mapping can. */
static void make_ramfs_rdonly(struct pk *p)
{
	map_file(p, "ramfs", O_RDONLY, MAP_PRIVATE);
}

static void make_tmpfs(struct pk *p)
{
	map_file(p, "tmpfs", O_RDWR, MAP_PRIVATE);
}

static void make_ramfs_shared(struct pk *p)
{
	map_file(p, "ramfs", O_RDWR, MAP_SHARED);
}

static void make_tmpfs_shared(struct pk *p)
{
	map_file(p, "tmpfs", O_RDWR, MAP_SHARED);
}

static void make_tmpfs_shared_rdonly(struct pk *p)
{
	map_file(p, "tmpfs", O_RDONLY, MAP_SHARED);
}

static void map_tmpfs_thp(struct pk *p, unsigned long map)
{
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		kunit_skip(p->test, "no transparent huge pages in this kernel");
	make_file(p, "tmpfs", "huge=always", O_RDWR, PMD_SIZE);
	p->size = PMD_SIZE;
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ | PROT_WRITE,
				 map, 0);
	pk_load(p);
}

static void make_tmpfs_thp(struct pk *p)
{
	map_tmpfs_thp(p, MAP_PRIVATE);
}

static void make_tmpfs_thp_shared(struct pk *p)
{
	map_tmpfs_thp(p, MAP_SHARED);
}

static void map_hugetlb(struct pk *p, unsigned long map)
{
	char options[32];

	snprintf(options, sizeof(options), "pagesize=%luK", PMD_SIZE >> 10);
	p->file = pk_open(p, "hugetlbfs", options, "file", O_RDWR | O_CREAT);
	p->size = PMD_SIZE;
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ | PROT_WRITE,
				 map, 0);
}

static void make_hugetlb(struct pk *p)
{
	map_hugetlb(p, MAP_PRIVATE);
	pk_store(p, BYTE);
}

static void make_hugetlb_shared(struct pk *p)
{
	pk_need_fork(p);
	make_hugetlb(p);
	pk_fork(p, NULL);
}

static void make_hugetlb_again(struct pk *p)
{
	make_hugetlb_shared(p);
	pk_join(p);
}

static void make_hugetlb_map_shared(struct pk *p)
{
	map_hugetlb(p, MAP_SHARED);
	pk_store(p, BYTE);
}

static void make_hugetlb_map_shared_rdonly(struct pk *p)
{
	make_hugetlb_map_shared(p);
	p->file = pk_reopen(p, p->file, O_RDONLY);
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ, MAP_SHARED, 0);
	pk_load(p);
}

/* What is in the file is the page cache's. */
static void make_hugetlb_file(struct pk *p)
{
	make_hugetlb_map_shared(p);
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE, 0);
	pk_load(p);
}

static void map_driver(struct pk *p, enum pinscope_map map, unsigned long flags)
{
	p->file = pk_open(p, "debugfs", NULL, "pinscope/map", O_RDWR);
	p->size = PAGE_SIZE;
	p->addr = pk_map(p, p->file, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 flags, PINSCOPE_MAP_OFFSET(map)) + 5 * PAGE_SIZE;
	pk_load(p);
}

static void make_pfnmap(struct pk *p)
{
	map_driver(p, PINSCOPE_MAP_PFNMAP, MAP_PRIVATE);
}

static void make_pfnmap_shared(struct pk *p)
{
	map_driver(p, PINSCOPE_MAP_PFNMAP, MAP_SHARED);
}

static void make_mixed_pfn(struct pk *p)
{
	if (!IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		kunit_skip(p->test, "no special entries: what has a page is a page here");
	map_driver(p, PINSCOPE_MAP_MIXED_PFN, MAP_PRIVATE);
}

static void make_mixed_page(struct pk *p)
{
	map_driver(p, PINSCOPE_MAP_MIXED_PAGE, MAP_PRIVATE);
}

static void make_mixed_page_shared(struct pk *p)
{
	map_driver(p, PINSCOPE_MAP_MIXED_PAGE, MAP_SHARED);
}

#define S(name)		PINSCOPE_STATE_##name
#define PAGECACHE	(S(PRESENT) | S(HAS_FOLIO)), (S(ANON) | S(SPECIAL) | S(WRITABLE))
#define EXCLUSIVE	(S(PRESENT) | S(HAS_FOLIO) | S(ANON) | S(EXCLUSIVE) | S(WRITABLE)), 0
#define SHARED		(S(PRESENT) | S(HAS_FOLIO) | S(ANON)), (S(EXCLUSIVE) | S(WRITABLE))
#define SPECIAL		(S(PRESENT) | S(SPECIAL)), (S(HAS_FOLIO) | S(WRITABLE))

static const struct pk_kind kinds[] = {
	{ "zeropage", make_zero, PK_COPIES | PK_EDITABLE,
	  S(PRESENT) | S(ZEROPAGE), S(WRITABLE) },
	{ "anon", make_anon, PK_EDITABLE, EXCLUSIVE },
	{ "anon.cow-shared", make_anon_shared, PK_COPIES | PK_EDITABLE, SHARED },
	{ "anon.previously-shared", make_anon_again, PK_REUSES | PK_EDITABLE, SHARED },
	{ "ksm", make_ksm, PK_COPIES | PK_EDITABLE,
	  S(PRESENT) | S(HAS_FOLIO) | S(ANON) | S(KSM), S(EXCLUSIVE) | S(WRITABLE) },
	{ "ksm-zeropage", make_ksm_zero, PK_COPIES | PK_EDITABLE,
	  S(PRESENT) | S(ZEROPAGE), S(WRITABLE) },
	{ "file-private[ramfs]", make_ramfs, PK_COPIES | PK_EDITABLE, PAGECACHE },
	{ "file-private-rdonly[ramfs]", make_ramfs_rdonly, PK_COPIES | PK_EDITABLE, PAGECACHE },
	{ "tmpfs-private", make_tmpfs, PK_COPIES | PK_EDITABLE, PAGECACHE },
	{ "pfnmap-private", make_pfnmap, PK_COPIES | PK_PFNMAP, SPECIAL },
	{ "mixedmap-pfn-private", make_mixed_pfn, PK_COPIES | PK_NO_PAGE, SPECIAL },
	{ "mixedmap-page-private", make_mixed_page, PK_COPIES, PAGECACHE },
	{ "huge-zeropage", make_huge_zero, PK_COPIES | PK_EDITABLE,
	  S(PRESENT) | S(HUGE_ZEROPAGE), S(WRITABLE) },
	{ "thp", make_thp, PK_EDITABLE, EXCLUSIVE },
	{ "thp.cow-shared", make_thp_shared, PK_COPIES | PK_EDITABLE, SHARED },
	{ "thp.previously-shared", make_thp_again, PK_REUSES | PK_EDITABLE, SHARED },
	{ "thp-pte-mapped", make_pte_thp, PK_EDITABLE, EXCLUSIVE },
	{ "thp-pte-mapped.cow-shared", make_pte_thp_shared, PK_COPIES | PK_EDITABLE,
	  SHARED },
	{ "tmpfs-private-thp", make_tmpfs_thp, PK_COPIES, PAGECACHE },
	{ "hugetlb-anon[2M]", make_hugetlb, PK_HUGETLB, EXCLUSIVE },
	{ "hugetlb-anon[2M].cow-shared", make_hugetlb_shared, PK_COPIES | PK_HUGETLB,
	  SHARED },
	{ "hugetlb-anon[2M].previously-shared", make_hugetlb_again, PK_REUSES | PK_HUGETLB, SHARED },
	{ "hugetlb-private[2M]", make_hugetlb_file, PK_COPIES | PK_HUGETLB, PAGECACHE },

	{ "file-shared[ramfs]", make_ramfs_shared, PK_SHARED | PK_TRACKED,
	  S(PRESENT) | S(HAS_FOLIO), S(ANON) },
	{ "tmpfs-shared", make_tmpfs_shared, PK_SHARED,
	  S(PRESENT) | S(HAS_FOLIO), S(ANON) },
	{ "tmpfs-shared-rdonly", make_tmpfs_shared_rdonly,
	  PK_SHARED | PK_NO_WRITE | PK_NO_FORCE, PAGECACHE },
	{ "tmpfs-shared-thp", make_tmpfs_thp_shared, PK_SHARED,
	  S(PRESENT) | S(HAS_FOLIO), S(ANON) },
	{ "hugetlb-shared[2M]", make_hugetlb_map_shared, PK_SHARED | PK_HUGETLB,
	  S(PRESENT) | S(HAS_FOLIO) | S(WRITABLE), S(ANON) },
	{ "hugetlb-shared-rdonly[2M]", make_hugetlb_map_shared_rdonly,
	  PK_SHARED | PK_NO_WRITE | PK_NO_FORCE | PK_HUGETLB, PAGECACHE },
	{ "pfnmap-shared", make_pfnmap_shared, PK_SHARED | PK_PFNMAP,
	  S(PRESENT) | S(SPECIAL), S(HAS_FOLIO) },
	{ "mixedmap-page-shared", make_mixed_page_shared,
	  PK_SHARED | PK_TRACKED,
	  S(PRESENT) | S(HAS_FOLIO), S(ANON) },
};

/**
 * pk_make() - make memory of a kind
 * @p: the case; gets @addr and @size, and maybe a file and a child
 * @kind: the kind
 */
void pk_make(struct pk *p, const struct pk_kind *kind)
{
	struct pinscope_page page;

	kind->make(p);
	page = pk_look(p, "made");
	pk_expect(p, &page, kind->set, kind->clear, "made");
	KUNIT_ASSERT_EQ_MSG(p->test, 1UL << page.map_shift, p->size,
			    "mapped by entries of another size");
	KUNIT_ASSERT_NE_MSG(p->test, p->test->status, KUNIT_FAILURE,
			    "not made as it was meant to be");
}

/* The next kind with all of @must and none of @mustnt. */
static const void *next(const struct pk_kind *prev, char *desc,
			unsigned int must, unsigned int mustnt)
{
	const struct pk_kind *kind = prev ? prev + 1 : kinds;

	for (; kind < kinds + ARRAY_SIZE(kinds); kind++) {
		if ((kind->is & must) != must || (kind->is & mustnt))
			continue;
		strscpy(desc, kind->name, KUNIT_PARAM_DESC_SIZE);
		return kind;
	}
	return NULL;
}

const void *pk_all(PK_GENERATOR_ARGS)
{
	return next(prev, desc, 0, 0);
}

const void *pk_private(PK_GENERATOR_ARGS)
{
	return next(prev, desc, 0, PK_SHARED);
}

/* What is the process's own from the start. */
static const void *next_own(const struct pk_kind *kind, char *desc,
			    unsigned int mustnt)
{
	do
		kind = next(kind, desc, 0, PK_SHARED | mustnt);
	while (kind && !(kind->set & S(EXCLUSIVE)));
	return kind;
}

const void *pk_own(PK_GENERATOR_ARGS)
{
	return next_own(prev, desc, 0);
}

const void *pk_own_not_hugetlb(PK_GENERATOR_ARGS)
{
	return next_own(prev, desc, PK_HUGETLB);
}

const void *pk_private_editable(PK_GENERATOR_ARGS)
{
	return next(prev, desc, PK_EDITABLE, PK_SHARED);
}

const void *pk_private_pinnable(PK_GENERATOR_ARGS)
{
	return next(prev, desc, 0, PK_SHARED | PK_PFNMAP | PK_NO_PAGE);
}

const void *pk_private_not_hugetlb(PK_GENERATOR_ARGS)
{
	return next(prev, desc, 0, PK_SHARED | PK_HUGETLB);
}

const void *pk_not_hugetlb(PK_GENERATOR_ARGS)
{
	return next(prev, desc, 0, PK_HUGETLB);
}

const void *pk_shared(PK_GENERATOR_ARGS)
{
	return next(prev, desc, PK_SHARED, 0);
}
