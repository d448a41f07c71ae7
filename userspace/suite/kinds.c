// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of kinds. A new kind is one row; make.h has what makes it, and
 * expand.c what the machine makes of it.
 */
#include "make.h"
#include "suite.h"

#define S(name)		PINSCOPE_STATE_##name
#define OWN		(S(ANON) | S(EXCLUSIVE))

static const struct mapping zeropage = { .has = S(ZEROPAGE) };

static const struct mapping huge_zeropage = {
	.thp = true, .has = S(HUGE_ZEROPAGE),
};

static const struct mapping anon = { .written = true, .has = OWN };

static const struct mapping thp = { .written = true, .thp = true, .has = OWN };

static const struct mapping memfd = {
	.backing = BACKING_MEMFD, .has = S(HAS_FOLIO), .hasnt = S(ANON),
};

static const struct mapping memfd_shared = {
	.backing = BACKING_MEMFD, .shared = true, .written = true,
	.has = S(HAS_FOLIO), .hasnt = S(ANON),
};

static const struct mapping tmpfs = {
	.backing = BACKING_SHMEM_FILE, .has = S(HAS_FOLIO), .hasnt = S(ANON),
};

static const struct mapping file = {
	.backing = BACKING_DISK_FILE, .has = S(HAS_FOLIO), .hasnt = S(ANON),
};

static const struct mapping hugetlb = {
	.backing = BACKING_MEMFD, .hugetlb = true,
	.has = S(HUGETLB), .hasnt = S(ANON),
};

static const struct mapping hugetlb_anon = {
	.written = true, .hugetlb = true, .has = OWN | S(HUGETLB),
};

#define IS_OWN		.has = OWN
#define IS_PAGECACHE	.has = S(HAS_FOLIO), .hasnt = S(ANON)
#define IS_SWAPPED	.has = S(SWAP)

const struct kind kind_table[] = {
	{ "zeropage",
	  "The shared zeropage: private anonymous memory that was only read. The next write replaces it, so that a reliable pin needs a copy first.",
	  &zeropage, NULL, KIND_CHECK, .has = S(ZEROPAGE) },
	{ "huge-zeropage",
	  "The huge zeropage, mapped by a PMD: private anonymous memory with MADV_HUGEPAGE that was only read.",
	  &huge_zeropage, NULL, KIND_CHECK | KIND_PMD, .has = S(HUGE_ZEROPAGE) },
	{ "anon",
	  "A base page of private anonymous memory, exclusive to the process.",
	  &anon, NULL, KIND_CHECK | KIND_CONTROL, IS_OWN },
	{ "stack",
	  "A page of a VMA that grows down, as stacks do.",
	  NULL, make_stack, 0, IS_OWN },
	{ "brk",
	  "A page of the heap that brk() extends.",
	  NULL, make_brk, 0, IS_OWN },
	{ "thp",
	  "A transparent huge page, mapped by a PMD.",
	  &thp, NULL, KIND_CHECK | KIND_CONTROL | KIND_PMD, IS_OWN },
	{ "thp-pte-mapped",
	  "A THP that PTEs map completely: its pages have PageAnonExclusive() one by one.",
	  &thp, make_thp_pte_mapped, KIND_LARGE_FOLIO, IS_OWN },
	{ "thp-single-pte",
	  "A THP of which one PTE is left: the others were unmapped by MADV_DONTNEED.",
	  &thp, make_thp_single_pte, KIND_LARGE_FOLIO, IS_OWN },
	{ "thp-mremapped",
	  "A THP whose upper half mremap() has moved: two VMAs of one process map it by PTEs. The page under test is in the lower half.",
	  &thp, make_thp_mremapped, KIND_LARGE_FOLIO, IS_OWN },
	{ "thp-half-forked",
	  "A THP with MADV_DONTFORK on its upper half: a child that is forked later maps only the lower half, in which the page under test is.",
	  &thp, make_thp_half_forked, KIND_LARGE_FOLIO, IS_OWN },
	{ "base-pages",
	  "As many base pages as a THP has, aligned so that MADV_COLLAPSE can replace them by a THP.",
	  NULL, make_base_pages, KIND_BASE_PAGES, IS_OWN },
	{ "thp-collapsed",
	  "A THP that MADV_COLLAPSE made of base pages.",
	  NULL, make_thp_collapsed, KIND_PMD, IS_OWN },
	{ "mthp[SIZE]",
	  "An anonymous large folio smaller than a PMD (mTHP, Linux 6.8), mapped by PTEs.",
	  NULL, make_mthp, KIND_LARGE_FOLIO, IS_OWN },
	{ "mthp-single-pte[SIZE]",
	  "An mTHP of which one PTE is left.",
	  NULL, make_mthp_single_pte, KIND_LARGE_FOLIO | KIND_VARIANT, IS_OWN },
	{ "mthp-mremapped[SIZE]",
	  "An mTHP whose upper half mremap() has moved; the page under test is in the lower half.",
	  NULL, make_mthp_mremapped, KIND_LARGE_FOLIO | KIND_VARIANT, IS_OWN },
	{ "mthp-half-forked[SIZE]",
	  "An mTHP with MADV_DONTFORK on its upper half: a child that is forked later maps only the lower half, in which the page under test is.",
	  NULL, make_mthp_half_forked, KIND_LARGE_FOLIO | KIND_VARIANT, IS_OWN },
	{ "mthp-swapped[SIZE]",
	  "An mTHP that was swapped out.",
	  NULL, make_mthp_swapped,
	  KIND_NOT_PRESENT | KIND_LARGE_FOLIO | KIND_VARIANT, IS_SWAPPED },
	{ "anon-swapped",
	  "A base page that was swapped out: the swap entry remembers whether it was exclusive.",
	  &anon, make_swapped, KIND_NOT_PRESENT, IS_SWAPPED },
	{ "thp-swapped",
	  "A THP that was swapped out.",
	  &thp, make_swapped, KIND_NOT_PRESENT | KIND_LARGE_FOLIO, IS_SWAPPED },
	{ "thp-pte-mapped-swapped",
	  "A THP that PTEs mapped and that was swapped out.",
	  &thp, make_thp_pte_mapped_swapped, KIND_NOT_PRESENT | KIND_LARGE_FOLIO,
	  IS_SWAPPED },
	{ "thp-single-pte-swapped",
	  "A THP that was swapped out, of which one entry is left.",
	  &thp, make_thp_single_pte_swapped, KIND_NOT_PRESENT | KIND_LARGE_FOLIO,
	  IS_SWAPPED },
	{ "anon-swapcache",
	  "A base page that a read swapped in: it is still in the swap cache, which holds a reference.",
	  &anon, make_swapcache, 0, .has = S(ANON) | S(SWAPCACHE) },
	{ "anon-numa-hint",
	  "A base page whose entry waits for a NUMA hinting fault (PROT_NONE): GUP without FOLL_HONOR_NUMA_FAULT must leave it alone.",
	  &anon, make_numa_hint, KIND_NUMA_HINT, IS_OWN, .exists = has_numa_hints },
	{ "anon-device-private",
	  "A page that was migrated to a device's memory (ZONE_DEVICE private, by lib/test_hmm.c): a pin migrates it back.",
	  &anon, make_device_private, KIND_NOT_PRESENT | KIND_ONE_AT_A_TIME,
	  .has = S(DEVICE_PRIVATE), .exists = has_device_private },
	{ "anon-device-exclusive",
	  "A page to which a device has exclusive access (by lib/test_hmm.c): it stays where it is, and its entry is not present until somebody else accesses it.",
	  &anon, make_device_exclusive, KIND_NOT_PRESENT | KIND_ONE_AT_A_TIME,
	  .has = S(DEVICE_EXCLUSIVE), .exists = has_device_private },
	{ "thp-device-private",
	  "A THP that was migrated whole to a device's memory (Linux 6.19): a PMD that is not present stands for it.",
	  &thp, make_device_private, KIND_NOT_PRESENT | KIND_PMD | KIND_ONE_AT_A_TIME,
	  .has = S(DEVICE_PRIVATE), .exists = has_device_private_thp },
	{ "ksm",
	  "A page that KSM has merged: read-only, and never exclusive, so that a pin needs a copy.",
	  &anon, make_ksm, KIND_ONE_AT_A_TIME, .has = S(ANON) | S(KSM),
	  .hasnt = S(EXCLUSIVE) },
	{ "ksm-single",
	  "A page that KSM has merged, and that no other entry maps any more: it is copied even so.",
	  &anon, make_ksm_single, KIND_ONE_AT_A_TIME, .has = S(ANON) | S(KSM),
	  .hasnt = S(EXCLUSIVE) },
	{ "ksm-zeropage",
	  "The shared zeropage, mapped by KSM in place of a page of zeroes (use_zero_pages).",
	  &anon, make_ksm_zeropage, KIND_ONE_AT_A_TIME, .has = S(ZEROPAGE) },
	{ "memfd-private",
	  "The page cache of a memfd in a private mapping: the next write replaces it.",
	  &memfd, NULL, KIND_FILE | KIND_CHECK, IS_PAGECACHE },
	{ "tmpfs-private",
	  "The page cache of a file in /dev/shm in a private mapping.",
	  &tmpfs, NULL, KIND_FILE | KIND_CHECK, IS_PAGECACHE },
	{ "memfd-private-thp",
	  "A THP in the page cache of a memfd, mapped by a PMD in a private mapping: unsharing splits the PMD.",
	  NULL, make_memfd_thp, KIND_FILE | KIND_PMD, IS_PAGECACHE },
	{ "memfd-private-thp-tail",
	  "A THP in the page cache of a memfd that ends in the middle of it: one PMD maps what is behind the end, too. The page under test is the file's last.",
	  NULL, make_memfd_thp_tail, KIND_FILE | KIND_PMD, IS_PAGECACHE },
	{ "memfd-shared",
	  "The page cache of a memfd in a shared mapping: all who map it see one page.",
	  &memfd_shared, NULL, KIND_SHARED | KIND_CHECK | KIND_CONTROL, IS_PAGECACHE },
	{ "hugetlb-private[SIZE]",
	  "The page cache of a hugetlb file in a private mapping.",
	  &hugetlb, NULL, KIND_CHECK, .has = S(HUGETLB), .hasnt = S(ANON) },
	{ "hugetlb-anon[SIZE]",
	  "A hugetlb page that belongs to a private mapping alone, exclusive to the process.",
	  &hugetlb_anon, NULL, KIND_CHECK | KIND_CONTROL, .has = OWN | S(HUGETLB) },
	{ "hugetlb-shared[SIZE]",
	  "The page cache of a hugetlb file in a shared mapping.",
	  &hugetlb, make_shared, KIND_SHARED, .has = S(HUGETLB), .hasnt = S(ANON) },
	{ "secretmem-shared",
	  "Memory of memfd_secret(), which is not in the kernel's direct map: GUP refuses it.",
	  NULL, make_secretmem, KIND_VMA_REFUSED | KIND_SHARED, .has = 0 },
	{ "pfnmap-private",
	  "A private VM_PFNMAP mapping of a driver: GUP refuses the VMA.",
	  NULL, make_pfnmap, KIND_VMA_REFUSED, .has = S(SPECIAL) },
	{ "mixedmap-pfn-private",
	  "A PFN without a page in a driver's private VM_MIXEDMAP mapping: a write copies it, a read finds no page.",
	  NULL, make_mixedmap_pfn, KIND_NO_PAGE, .has = S(SPECIAL) },
	{ "mixedmap-page-private",
	  "A driver's page in a private VM_MIXEDMAP mapping: neither anonymous nor page cache, and the next write replaces it.",
	  NULL, make_mixedmap_page, KIND_DRIVER, IS_PAGECACHE },
	{ "anon-guard",
	  "A guard region (MADV_GUARD_INSTALL, Linux 6.13): any access gives SIGSEGV, and GUP fails.",
	  &anon, make_guard, KIND_VMA_REFUSED, .has = S(GUARD), .exists = has_guard },
	{ "file-private-guard[FS]",
	  "A guard region in a private mapping of a disk file (Linux 6.15).",
	  &file, make_guard, KIND_VMA_REFUSED, .has = S(GUARD), .exists = has_file_guard },
	{ "memfd-private-guard",
	  "A guard region in a private mapping of a memfd (Linux 6.15).",
	  &memfd, make_guard, KIND_VMA_REFUSED, .has = S(GUARD), .exists = has_file_guard },
	{ "anon-uffd-poison",
	  "A page that UFFDIO_POISON (Linux 6.6) declared broken: any access gives SIGBUS, and GUP fails.",
	  &anon, make_uffd_poison, KIND_VMA_REFUSED, .has = S(POISON),
	  .exists = has_uffd_poison },
	{ "file-private[FS]",
	  "The page cache of a file on a disk in a private mapping.",
	  &file, NULL, KIND_FILE | KIND_CHECK, IS_PAGECACHE },
	{ "file-private-rdonly[FS]",
	  "The page cache of a disk file that was opened read-only, in a private mapping: the mapping can be written, the file cannot.",
	  &file, make_file_rdonly, KIND_FILE, IS_PAGECACHE },
	{ "file-shared[FS]",
	  "The page cache of a file on a disk in a shared mapping: the file system tracks writes, and GUP refuses long-term pins for writing (Linux 6.5).",
	  &file, make_shared, KIND_SHARED | KIND_WRITE_NOTIFY, IS_PAGECACHE },
	{ "file-shared-thp-pte-mapped[FS]",
	  "A page in a folio of PMD size in the page cache of a disk file, in a shared mapping whose address fits no PMD, so that PTEs map it.",
	  NULL, make_file_thp_shared_pte_mapped,
	  KIND_SHARED | KIND_WRITE_NOTIFY | KIND_LARGE_FOLIO | KIND_VARIANT, IS_PAGECACHE,
	  .exists = has_file_thp },
	{ "file-private-thp[FS]",
	  "A folio of PMD size in the page cache of a disk file, mapped by a PMD in a private mapping.",
	  NULL, make_file_thp, KIND_FILE | KIND_PMD, IS_PAGECACHE, .exists = has_file_thp },
	{ "file-private-thp-pte-mapped[FS]",
	  "A folio of PMD size in the page cache of a disk file, in a private mapping whose address fits no PMD, so that PTEs map it.",
	  NULL, make_file_thp_pte_mapped, KIND_FILE, IS_PAGECACHE,
	  .exists = has_file_thp },
	{ "dax-private[FS]",
	  "A file on persistent memory in a private mapping: the pages are the storage itself, and truncation waits for pins.",
	  &file, make_dax, KIND_FILE | KIND_DAX, .hasnt = S(ANON) },
	{ "dax-shared[FS]",
	  "A file on persistent memory in a shared mapping: the pages are the storage itself.",
	  &file, make_dax_shared, KIND_SHARED | KIND_DAX, .hasnt = S(ANON) },
	{ "dax-private-thp[FS]",
	  "A file on persistent memory whose blocks a PMD maps, in a private mapping.",
	  NULL, make_file_thp, KIND_FILE | KIND_DAX | KIND_PMD, .hasnt = S(ANON),
	  .exists = has_dax_thp },
	{ "dax-shared-thp[FS]",
	  "A file on persistent memory whose blocks a PMD maps, in a shared mapping.",
	  NULL, make_file_thp_shared, KIND_SHARED | KIND_DAX | KIND_PMD, .hasnt = S(ANON),
	  .exists = has_dax_thp },
};

const size_t nr_kind_table = ARRAY_SIZE(kind_table);
