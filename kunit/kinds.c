// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kinds of memory, each in a condition that the fault path or GUP tells from
 * others: how a test case sets it up, what INSPECT reports then, and the traits
 * that decide the outcome. A new kind or condition is one row of the table; all
 * test cases with a matching set of parameters then test it.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <asm/unistd.h>

#include "pk.h"

#define BYTE	0x5a		/* the content, except of a zeropage */

/* One base page of anonymous memory in the middle of a larger VMA. */
static void map_anon(struct pk *p)
{
	p->addr = pk_map(p, NULL, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE, 0) + 5 * PAGE_SIZE;
	p->size = PAGE_SIZE;
}

static void setup_zeropage(struct pk *p)
{
	map_anon(p);
	pk_load(p);
}

static void setup_anon(struct pk *p)
{
	map_anon(p);
	pk_store(p, BYTE);
}

static void setup_anon_cow_shared(struct pk *p)
{
	pk_need_fork(p);
	setup_anon(p);
	pk_fork(p, NULL);
}

static void setup_anon_previously_shared(struct pk *p)
{
	setup_anon_cow_shared(p);
	pk_join(p);
}

static void run_elsewhere(struct pk *p)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());

	if (cpu < nr_cpu_ids)
		set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

/*
 * The page is new, and still in this CPU's LRU batch, which has a reference to it:
 * reuse takes lru_add_drain(). MADV_DONTNEED drains the batch, so that the page does
 * not fill it. The child drains one when it exits, that of another CPU.
 */
static void setup_anon_lru_batch(struct pk *p)
{
	pk_need_fork(p);
	map_anon(p);
	KUNIT_ASSERT_EQ(p->test, 0L,
			pk_syscall(p, __NR_madvise, p->addr, p->size, MADV_DONTNEED,
				   0, 0));
	pk_store(p, BYTE);
	pk_fork(p, run_elsewhere);
	pk_join(p);
}

#define KSM(name)	"kernel/mm/ksm/" name

/*
 * Lets ksmd merge the page with the next one, and stops ksmd afterwards, which
 * would merge the copy again. ksmd needs some rounds to find two equal pages.
 */
static void setup_merged(struct pk *p, u8 byte, u64 state)
{
	unsigned long end = jiffies + 60 * HZ;
	struct pk_setting *zero_pages, *sleep;

	if (!IS_ENABLED(CONFIG_KSM))
		kunit_skip(p->test, "needs CONFIG_KSM");
	map_anon(p);
	p->addr += PAGE_SIZE;
	pk_fill(p, byte);
	p->addr -= PAGE_SIZE;
	pk_fill(p, byte);
	KUNIT_ASSERT_EQ(p->test, 0L,
			pk_syscall(p, __NR_madvise, p->addr, 2 * PAGE_SIZE,
				   MADV_MERGEABLE, 0, 0));
	zero_pages = pk_set(p, "sysfs", KSM("use_zero_pages"), byte ? "0" : "1");
	sleep = pk_set(p, "sysfs", KSM("sleep_millisecs"), "0");
	pk_set(p, "sysfs", KSM("run"), "1");
	while (!(pk_inspect_at(p, p->addr).state & state) &&
	       time_before(jiffies, end))
		usleep_range(500, 1000);
	pk_write_string(p, "sysfs", KSM("run"), "0");
	pk_restore(p, sleep);
	pk_restore(p, zero_pages);
}

static void setup_ksm(struct pk *p)
{
	setup_merged(p, BYTE, S(KSM));
}

static void setup_ksm_zeropage(struct pk *p)
{
	setup_merged(p, 0, S(ZEROPAGE));
}

static void map_thp(struct pk *p)
{
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		kunit_skip(p->test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	p->size = PMD_SIZE;
	p->addr = pk_map_aligned(p, p->size, NULL, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE, 0);
	pk_vm_flags(p, VM_HUGEPAGE, 0);
}

static void setup_huge_zeropage(struct pk *p)
{
	map_thp(p);
	pk_load(p);
}

static void setup_thp(struct pk *p)
{
	map_thp(p);
	pk_store(p, BYTE);
}

static void setup_thp_cow_shared(struct pk *p)
{
	pk_need_fork(p);
	setup_thp(p);
	pk_fork(p, NULL);
}

static void setup_thp_previously_shared(struct pk *p)
{
	setup_thp_cow_shared(p);
	pk_join(p);
}

/* Maps the whole THP by PTEs. */
static void split_thp(struct pk *p)
{
	u32 id;

	KUNIT_ASSERT_EQ(p->test,
			pk_pin(p, PINSCOPE_CALL_GET,
			       F(SPLIT_PMD), &id), 0);
	pk_unpin(p, id);
	p->size = PAGE_SIZE;
}

static void setup_thp_pte_mapped(struct pk *p)
{
	setup_thp(p);
	split_thp(p);
}

static void setup_thp_pte_mapped_cow_shared(struct pk *p)
{
	pk_need_fork(p);
	setup_thp_pte_mapped(p);
	pk_fork(p, NULL);
}

static void create_file(struct pk *p, const char *fs, const char *options,
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

/* One base page of the page cache, read but not written. */
static void map_file(struct pk *p, const char *fs, int flags,
		     unsigned long map)
{
	create_file(p, fs, NULL, flags, 16 * PAGE_SIZE);
	p->size = PAGE_SIZE;
	p->addr = pk_map(p, p->file, 16 * PAGE_SIZE,
			 flags == O_RDONLY && map == MAP_SHARED ?
			 PROT_READ : PROT_READ | PROT_WRITE, map, 0) +
		  5 * PAGE_SIZE;
	pk_load(p);
}

static void setup_file_private(struct pk *p)
{
	map_file(p, "ramfs", O_RDWR, MAP_PRIVATE);
}

/* The file is open for reading only, but its private mapping is writable. */
static void setup_file_private_rdonly(struct pk *p)
{
	map_file(p, "ramfs", O_RDONLY, MAP_PRIVATE);
}

static void setup_tmpfs_private(struct pk *p)
{
	map_file(p, "tmpfs", O_RDWR, MAP_PRIVATE);
}

static void setup_file_shared(struct pk *p)
{
	map_file(p, "ramfs", O_RDWR, MAP_SHARED);
}

static void setup_tmpfs_shared(struct pk *p)
{
	map_file(p, "tmpfs", O_RDWR, MAP_SHARED);
}

static void setup_tmpfs_shared_rdonly(struct pk *p)
{
	map_file(p, "tmpfs", O_RDONLY, MAP_SHARED);
}

static void map_tmpfs_thp(struct pk *p, unsigned long map)
{
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		kunit_skip(p->test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	create_file(p, "tmpfs", "huge=always", O_RDWR, PMD_SIZE);
	p->size = PMD_SIZE;
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ | PROT_WRITE,
				 map, 0);
	pk_load(p);
}

static void setup_tmpfs_private_thp(struct pk *p)
{
	map_tmpfs_thp(p, MAP_PRIVATE);
}

static void setup_tmpfs_shared_thp(struct pk *p)
{
	map_tmpfs_thp(p, MAP_SHARED);
}

static void map_hugetlb(struct pk *p, unsigned long map)
{
	if (PMD_SIZE != SZ_2M)
		kunit_skip(p->test, "needs huge pages of 2 MiB");
	p->file = pk_open(p, "hugetlbfs", "pagesize=2M", "file", O_RDWR | O_CREAT);
	p->size = PMD_SIZE;
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ | PROT_WRITE,
				 map, 0);
}

static void setup_hugetlb_anon(struct pk *p)
{
	map_hugetlb(p, MAP_PRIVATE);
	pk_store(p, BYTE);
}

static void setup_hugetlb_anon_cow_shared(struct pk *p)
{
	pk_need_fork(p);
	setup_hugetlb_anon(p);
	pk_fork(p, NULL);
}

static void setup_hugetlb_anon_previously_shared(struct pk *p)
{
	setup_hugetlb_anon_cow_shared(p);
	pk_join(p);
}

static void setup_hugetlb_shared(struct pk *p)
{
	map_hugetlb(p, MAP_SHARED);
	pk_store(p, BYTE);
}

static void setup_hugetlb_shared_rdonly(struct pk *p)
{
	setup_hugetlb_shared(p);
	p->file = pk_reopen(p, p->file, O_RDONLY);
	p->addr = pk_map_aligned(p, p->size, p->file, PROT_READ, MAP_SHARED, 0);
	pk_load(p);
}

/* A page of the page cache, unlike hugetlb-anon. */
static void setup_hugetlb_private(struct pk *p)
{
	setup_hugetlb_shared(p);
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

static void setup_pfnmap_private(struct pk *p)
{
	map_driver(p, PINSCOPE_MAP_PFNMAP, MAP_PRIVATE);
}

static void setup_pfnmap_shared(struct pk *p)
{
	map_driver(p, PINSCOPE_MAP_PFNMAP, MAP_SHARED);
}

/* Without special entries vm_insert_mixed() takes the struct page of a PFN. */
static void setup_mixedmap_pfn_private(struct pk *p)
{
	if (!IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		kunit_skip(p->test, "needs CONFIG_ARCH_HAS_PTE_SPECIAL");
	map_driver(p, PINSCOPE_MAP_MIXED_PFN, MAP_PRIVATE);
}

static void setup_mixedmap_page_private(struct pk *p)
{
	map_driver(p, PINSCOPE_MAP_MIXED_PAGE, MAP_PRIVATE);
}

static void setup_mixedmap_page_shared(struct pk *p)
{
	map_driver(p, PINSCOPE_MAP_MIXED_PAGE, MAP_SHARED);
}

/* Page states after setup: what is set, and what is not. */
#define ZEROPAGE	(S(PRESENT) | S(ZEROPAGE)), S(WRITABLE)
#define HUGE_ZEROPAGE	(S(PRESENT) | S(HUGE_ZEROPAGE)), S(WRITABLE)
#define EXCLUSIVE	(S(PRESENT) | S(HAS_FOLIO) | S(ANON) | S(EXCLUSIVE) | S(WRITABLE)), 0
#define COW_SHARED	(S(PRESENT) | S(HAS_FOLIO) | S(ANON)), (S(EXCLUSIVE) | S(WRITABLE))
#define KSM_PAGE	(S(PRESENT) | S(HAS_FOLIO) | S(ANON) | S(KSM)), (S(EXCLUSIVE) | S(WRITABLE))
#define PAGECACHE	(S(PRESENT) | S(HAS_FOLIO)), S(ANON)
#define PAGECACHE_RO	(S(PRESENT) | S(HAS_FOLIO)), (S(ANON) | S(SPECIAL) | S(WRITABLE))
#define PAGECACHE_RW	(S(PRESENT) | S(HAS_FOLIO) | S(WRITABLE)), S(ANON)
#define SPECIAL		(S(PRESENT) | S(SPECIAL)), S(HAS_FOLIO)
#define SPECIAL_RO	(S(PRESENT) | S(SPECIAL)), (S(HAS_FOLIO) | S(WRITABLE))

static const struct pk_kind kinds[] = {
	/* Private mappings of base pages. */
	{ "zeropage", setup_zeropage, PK_EDITABLE, ZEROPAGE },
	{ "anon", setup_anon, PK_EXCLUSIVE | PK_EDITABLE, EXCLUSIVE },
	{ "anon.cow-shared", setup_anon_cow_shared, PK_EDITABLE, COW_SHARED },
	{ "anon.previously-shared", setup_anon_previously_shared,
	  PK_REUSABLE | PK_EDITABLE, COW_SHARED },
	{ "anon.lru-batch", setup_anon_lru_batch, PK_REUSABLE, COW_SHARED },
	{ "ksm", setup_ksm, PK_EDITABLE, KSM_PAGE },
	{ "ksm-zeropage", setup_ksm_zeropage, PK_EDITABLE, ZEROPAGE },
	{ "file-private[ramfs]", setup_file_private, PK_EDITABLE, PAGECACHE_RO },
	{ "file-private-rdonly[ramfs]", setup_file_private_rdonly, PK_EDITABLE,
	  PAGECACHE_RO },
	{ "tmpfs-private", setup_tmpfs_private, PK_EDITABLE, PAGECACHE_RO },
	{ "pfnmap-private", setup_pfnmap_private, PK_VMA_REFUSED, SPECIAL_RO },
	{ "mixedmap-pfn-private", setup_mixedmap_pfn_private, PK_NO_PAGE,
	  SPECIAL_RO },
	{ "mixedmap-page-private", setup_mixedmap_page_private, 0, PAGECACHE_RO },

	/* Private mappings of huge pages. */
	{ "huge-zeropage", setup_huge_zeropage, PK_EDITABLE, HUGE_ZEROPAGE },
	{ "thp", setup_thp, PK_EXCLUSIVE | PK_EDITABLE, EXCLUSIVE },
	{ "thp.cow-shared", setup_thp_cow_shared, PK_EDITABLE, COW_SHARED },
	{ "thp.previously-shared", setup_thp_previously_shared,
	  PK_REUSABLE | PK_EDITABLE, COW_SHARED },
	{ "thp-pte-mapped", setup_thp_pte_mapped, PK_EXCLUSIVE | PK_EDITABLE,
	  EXCLUSIVE },
	{ "thp-pte-mapped.cow-shared", setup_thp_pte_mapped_cow_shared,
	  PK_EDITABLE, COW_SHARED },
	{ "tmpfs-private-thp", setup_tmpfs_private_thp, 0, PAGECACHE_RO },
	{ "hugetlb-anon[2M]", setup_hugetlb_anon, PK_EXCLUSIVE | PK_HUGETLB,
	  EXCLUSIVE },
	{ "hugetlb-anon[2M].cow-shared", setup_hugetlb_anon_cow_shared,
	  PK_HUGETLB, COW_SHARED },
	{ "hugetlb-anon[2M].previously-shared",
	  setup_hugetlb_anon_previously_shared, PK_REUSABLE | PK_HUGETLB,
	  COW_SHARED },
	{ "hugetlb-private[2M]", setup_hugetlb_private, PK_HUGETLB, PAGECACHE_RO },

	/* Shared mappings. */
	{ "file-shared[ramfs]", setup_file_shared, PK_SHARED | PK_WRITE_NOTIFY,
	  PAGECACHE },
	{ "tmpfs-shared", setup_tmpfs_shared, PK_SHARED, PAGECACHE },
	{ "tmpfs-shared-rdonly", setup_tmpfs_shared_rdonly,
	  PK_SHARED | PK_READONLY, PAGECACHE_RO },
	{ "tmpfs-shared-thp", setup_tmpfs_shared_thp, PK_SHARED, PAGECACHE },
	{ "hugetlb-shared[2M]", setup_hugetlb_shared, PK_SHARED | PK_HUGETLB,
	  PAGECACHE_RW },
	{ "hugetlb-shared-rdonly[2M]", setup_hugetlb_shared_rdonly,
	  PK_SHARED | PK_READONLY | PK_HUGETLB, PAGECACHE_RO },
	{ "pfnmap-shared", setup_pfnmap_shared, PK_SHARED | PK_VMA_REFUSED,
	  SPECIAL },
	{ "mixedmap-page-shared", setup_mixedmap_page_shared,
	  PK_SHARED | PK_WRITE_NOTIFY, PAGECACHE },
};

/**
 * pk_setup() - set up memory of a kind
 * @p: the test case; gets @addr and @size, and perhaps a file and a child
 * @kind: the kind
 *
 * Ends the test case when the page is not in the state that the kind says.
 */
void pk_setup(struct pk *p, const struct pk_kind *kind)
{
	struct pinscope_page page;

	kind->setup(p);
	page = pk_inspect(p, "set up");
	pk_expect_state(p, &page, kind->set, kind->clear, "set up");
	KUNIT_ASSERT_EQ_MSG(p->test, 1UL << page.map_shift, p->size,
			    "set up: the entry maps another size");
	KUNIT_ASSERT_NE_MSG(p->test, p->test->status, KUNIT_FAILURE,
			    "the memory could not be set up");
}

/* Finds the next kind with all traits of @all_of and no trait of @none_of. */
static const void *next_kind(const struct pk_kind *prev, char *desc,
			     unsigned int all_of, unsigned int none_of)
{
	const struct pk_kind *kind = prev ? prev + 1 : kinds;

	for (; kind < kinds + ARRAY_SIZE(kinds); kind++) {
		if ((kind->traits & all_of) != all_of ||
		    (kind->traits & none_of))
			continue;
		strscpy(desc, kind->name, KUNIT_PARAM_DESC_SIZE);
		return kind;
	}
	return NULL;
}

/* Like KUNIT_ARRAY_PARAM(), for the kinds with certain traits. */
#define PK_KIND_PARAM(name, all_of, none_of)				\
	const void *pk_##name##_gen_params(PK_GENERATOR_ARGS)		\
	{								\
		return next_kind(prev, desc, all_of, none_of);		\
	}

PK_KIND_PARAM(all, 0, 0)
PK_KIND_PARAM(not_hugetlb, 0, PK_HUGETLB)
PK_KIND_PARAM(shared, PK_SHARED, 0)
PK_KIND_PARAM(private, 0, PK_SHARED)
PK_KIND_PARAM(private_not_hugetlb, 0, PK_SHARED | PK_HUGETLB)
PK_KIND_PARAM(private_pinnable, 0, PK_SHARED | PK_VMA_REFUSED | PK_NO_PAGE)
PK_KIND_PARAM(private_editable, PK_EDITABLE, PK_SHARED)
PK_KIND_PARAM(exclusive, PK_EXCLUSIVE, 0)
PK_KIND_PARAM(exclusive_not_hugetlb, PK_EXCLUSIVE, PK_HUGETLB)
