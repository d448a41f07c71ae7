// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kind of memory of what somebody else has mapped, see classify.h.
 */
#include <stdio.h>
#include <string.h>

#include "classify.h"
#include "sys.h"

#define S(name)		PINSCOPE_STATE_##name

const char *size_text(uint64_t bytes, char *buf, size_t size)
{
	static const char units[] = "KMGTPE";
	unsigned int unit = 0;
	uint64_t tenths;

	/* In whole numbers: there may be one for each of 100000 VMAs. */
	while (bytes >> 10 >= 1024 && unit < sizeof(units) - 2) {
		bytes >>= 10;
		unit++;
	}
	tenths = ((bytes & 1023) * 10) >> 10;
	if (tenths)
		snprintf(buf, size, "%llu.%llu%c", (unsigned long long)bytes >> 10,
			 (unsigned long long)tenths, units[unit]);
	else
		snprintf(buf, size, "%llu%c", (unsigned long long)bytes >> 10, units[unit]);
	return buf;
}

static const char *sharing(const struct vma *vma)
{
	return vma->flags & VMA_MAYSHARE ? "shared" : "private";
}

static void name_file(const struct vma *vma, const char *detail, char *buf)
{
	bool memfd = !strncmp(vma->name, "/memfd:", 7);
	const char *what = vma->backing == VMA_IS_DAX ? "dax" :
			   vma->backing == VMA_IS_DEVICE ? "device" :
			   vma->backing != VMA_IS_SHMEM ? "file" :
			   memfd ? "memfd" : "tmpfs";

	if (vma->backing == VMA_IS_SHMEM || !*vma->fs)
		snprintf(buf, KIND_NAME_MAX, "%s-%s%s", what, sharing(vma), detail);
	else
		snprintf(buf, KIND_NAME_MAX, "%s-%s%s[%.15s]", what, sharing(vma), detail,
			 vma->fs);
}

static void name_hugetlb(const struct vma *vma, bool anon, char *buf)
{
	char size[12];

	size_text(1ULL << vma->page_shift, size, sizeof(size));
	snprintf(buf, KIND_NAME_MAX, "hugetlb-%s[%s]", anon ? "anon" : sharing(vma), size);
}

const char *kind_of_vma(const struct vma *vma, char buf[KIND_NAME_MAX])
{
	if (vma->flags & VMA_HUGETLB || vma->backing == VMA_IS_HUGETLB)
		name_hugetlb(vma, !(vma->flags & VMA_MAYSHARE) &&
			     !strncmp(vma->name, "/anon_hugepage", 14), buf);
	else if (vma->backing == VMA_IS_SPECIAL)
		snprintf(buf, KIND_NAME_MAX, "%.*s", (int)strcspn(vma->name + 1, "]"),
			 vma->name + 1);
	else if (vma->backing == VMA_IS_SECRETMEM)
		snprintf(buf, KIND_NAME_MAX, "secretmem-%s", sharing(vma));
	else if (vma->flags & (VMA_PFNMAP | VMA_IO))
		snprintf(buf, KIND_NAME_MAX, "pfnmap-%s", sharing(vma));
	else if (vma->flags & VMA_MIXEDMAP && vma->backing == VMA_IS_DEVICE)
		snprintf(buf, KIND_NAME_MAX, "mixedmap-%s", sharing(vma));
	else if (vma->backing != VMA_IS_ANON)
		name_file(vma, "", buf);
	else
		snprintf(buf, KIND_NAME_MAX, "%s", vma->flags & VMA_GROWSDOWN ? "stack" :
			 !strcmp(vma->name, "[heap]") ? "brk" : "anon");
	return buf;
}

/* What the entry alone decides; NULL: look at the folio. */
static const char *kind_of_entry(uint64_t state)
{
	static const struct {
		uint64_t state;
		const char *kind;
	} kinds[] = {
		{ S(GUARD), "anon-guard" },
		{ S(POISON), "anon-uffd-poison" },
		{ S(SWAP), "anon-swapped" },
		{ S(DEVICE_PRIVATE), "anon-device-private" },
		{ S(DEVICE_EXCLUSIVE), "anon-device-exclusive" },
		{ S(HUGE_ZEROPAGE), "huge-zeropage" },
		{ S(ZEROPAGE), "zeropage" },
		{ S(KSM), "ksm" },
		{ S(P2PDMA), "p2pdma-shared" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (state & kinds[i].state)
			return kinds[i].kind;
	return NULL;
}

static void name_anon(const struct vma *vma, const struct pinscope_page *page, char *buf)
{
	unsigned int base = sys_page_shift();
	uint64_t folio = 1ULL << (page->folio_order + base);

	if (page->map_shift > base)
		snprintf(buf, KIND_NAME_MAX, "thp");
	else if (page->folio_order && folio == sys_thp_size())
		snprintf(buf, KIND_NAME_MAX, "thp-pte-mapped");
	else if (page->folio_order)
		snprintf(buf, KIND_NAME_MAX, "mthp[%zuK]", (size_t)folio >> 10);
	else if (page->state & S(NUMA_HINT))
		snprintf(buf, KIND_NAME_MAX, "anon-numa-hint");
	else if (page->state & S(SWAPCACHE))
		snprintf(buf, KIND_NAME_MAX, "anon-swapcache");
	else if (vma && vma->backing == VMA_IS_ANON)
		kind_of_vma(vma, buf);
	else
		snprintf(buf, KIND_NAME_MAX, "anon");
}

/* Of a page that is not anonymous. */
static void name_other(const struct vma *vma, const struct pinscope_page *page, char *buf)
{
	bool huge = page->map_shift > sys_page_shift();

	if (!vma)
		snprintf(buf, KIND_NAME_MAX, "file");
	else if (vma->flags & VMA_MIXEDMAP && vma->backing == VMA_IS_DEVICE)
		snprintf(buf, KIND_NAME_MAX, "mixedmap-%s-%s",
			 page->state & S(SPECIAL) ? "pfn" : "page", sharing(vma));
	else if (vma->backing <= VMA_IS_SHMEM || vma->backing == VMA_IS_DAX ||
		 vma->backing == VMA_IS_FILE)
		name_file(vma, huge ? "-thp" :
			  page->folio_order && (1UL << (page->folio_order + sys_page_shift())) ==
			  sys_thp_size() ? "-thp-pte-mapped" : "", buf);
	else
		kind_of_vma(vma, buf);
}

const char *kind_of_page(const struct vma *vma, const struct pinscope_page *page,
			 char buf[KIND_NAME_MAX])
{
	const char *kind = page ? kind_of_entry(page->state) : NULL;

	if (kind && page->state & S(GUARD) && vma && vma->backing != VMA_IS_ANON)
		name_file(vma, "-guard", buf);
	else if (kind)
		snprintf(buf, KIND_NAME_MAX, "%s", kind);
	else if (!page)
		snprintf(buf, KIND_NAME_MAX, "nothing");
	else if (vma && (vma->flags & VMA_HUGETLB))
		name_hugetlb(vma, page->state & S(ANON), buf);
	else if (page->state & S(ANON))
		name_anon(vma, page, buf);
	else
		name_other(vma, page, buf);
	return buf;
}
