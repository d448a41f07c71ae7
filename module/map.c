// SPDX-License-Identifier: GPL-2.0-only
/*
 * map: mappings that only a driver can make, and how often mm calls the driver.
 *
 * The memory behind them belongs to the open file, which a mapping holds: one
 * block that is only mapped by PFN, and ordinary pages. Made when first needed.
 * GUP may get references to either, which outlive the file.
 */
#include <linux/slab.h>

#include "pinscope.h"

#define NR_PAGES	(PINSCOPE_MAP_SIZE / PAGE_SIZE)
#define BLOCK_ORDER	get_order(PINSCOPE_MAP_SIZE)

struct ps_map {
	struct mutex lock;	/* of making the memory */
	struct page *block;	/* NULL until it is needed */
	struct page *pages[NR_PAGES];
	atomic64_t fault;
	atomic64_t huge_fault;
	atomic64_t page_mkwrite;
	atomic64_t pfn_mkwrite;
};

static struct ps_map *map_of(struct vm_area_struct *vma)
{
	struct ps_file *file = vma->vm_file->private_data;

	return file->map;
}

static enum pinscope_map kind_of(struct vm_area_struct *vma)
{
	return (u64)vma->vm_pgoff << PAGE_SHIFT >> 40;
}

static unsigned long index_of(struct vm_fault *vmf)
{
	return vmf->pgoff & (NR_PAGES - 1);
}

static void fill(struct page *page, unsigned long index)
{
	memset(page_address(page), index + 1, PAGE_SIZE);
}

static int make_block(struct ps_map *map)
{
	struct page *block;
	unsigned long i;
	int ret = 0;

	mutex_lock(&map->lock);
	if (!map->block) {
		/* Compound: some kernels let GUP have parts of a mapped PMD. */
		block = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_NOWARN |
				    __GFP_COMP, BLOCK_ORDER);
		for (i = 0; block && i < NR_PAGES; i++)
			fill(block + i, i);
		map->block = block;
		if (!block)
			ret = -ENOMEM;
	}
	mutex_unlock(&map->lock);
	return ret;
}

static struct page *make_page(struct ps_map *map, unsigned long index)
{
	struct page *page;

	mutex_lock(&map->lock);
	page = map->pages[index];
	if (!page) {
		page = alloc_page(GFP_KERNEL_ACCOUNT);
		if (page)
			fill(page, index);
		map->pages[index] = page;
	}
	mutex_unlock(&map->lock);
	return page;
}

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct ps_map *map = map_of(vmf->vma);
	unsigned long index = index_of(vmf);
	unsigned long pfn;

	atomic64_inc(&map->fault);
	/* A private one was complete from the beginning; mm would BUG(). */
	if ((vmf->vma->vm_flags & (VM_PFNMAP | VM_SHARED)) == VM_PFNMAP)
		return VM_FAULT_SIGBUS;
	if (kind_of(vmf->vma) == PINSCOPE_MAP_MIXED_PAGE) {
		vmf->page = make_page(map, index);
		if (!vmf->page)
			return VM_FAULT_OOM;
		get_page(vmf->page);
		return 0;
	}
	/*
	 * A private mapping's write fault is served with the page to copy from.
	 * The block's have a struct page, but not one that mm may touch; the
	 * read fault that makes the entry comes first, then, and mm copies.
	 */
	pfn = page_to_pfn(map->block) + index;
	if (vmf->vma->vm_flags & VM_PFNMAP)
		return vmf_insert_pfn(vmf->vma, vmf->address, pfn);
	return ps_insert_mixed(vmf->vma, vmf->address, pfn);
}

static vm_fault_t map_huge_fault(struct vm_fault *vmf, PS_HUGE_FAULT_LEVEL level)
{
	struct vm_area_struct *vma = vmf->vma;
	struct ps_map *map = map_of(vma);
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	unsigned long start = vmf->address & PMD_MASK;

	atomic64_inc(&map->huge_fault);
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ||
	    level != PS_HUGE_FAULT_PMD || PMD_SIZE > PINSCOPE_MAP_SIZE ||
	    start < vma->vm_start || start + PMD_SIZE > vma->vm_end ||
	    linear_page_index(vma, start) & (NR_PAGES - 1))
		return VM_FAULT_FALLBACK;
	/* What a private mapping writes to is a copy, made of base pages. */
	if (write && !(vma->vm_flags & VM_SHARED))
		return VM_FAULT_FALLBACK;
	return ps_insert_pfn_pmd(vmf, page_to_pfn(map->block), write);
}

static vm_fault_t map_page_mkwrite(struct vm_fault *vmf)
{
	atomic64_inc(&map_of(vmf->vma)->page_mkwrite);
	/* Without a mapping the page could be taken for a truncated one. */
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

static vm_fault_t map_pfn_mkwrite(struct vm_fault *vmf)
{
	atomic64_inc(&map_of(vmf->vma)->pfn_mkwrite);
	return 0;
}

static const struct vm_operations_struct map_vm_ops = {
	.fault = map_fault,
	.page_mkwrite = map_page_mkwrite,
	.pfn_mkwrite = map_pfn_mkwrite,
};

static const struct vm_operations_struct pmd_vm_ops = {
	.fault = map_fault,
	.huge_fault = map_huge_fault,
	.page_mkwrite = map_page_mkwrite,
	.pfn_mkwrite = map_pfn_mkwrite,
};

/**
 * ps_maps() - which maps this kernel can have
 *
 * Return: bit n is set for enum pinscope_map n.
 */
u64 ps_maps(void)
{
	u64 maps = BIT(PINSCOPE_MAPS) - 1;

	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		maps &= ~BIT(PINSCOPE_MAP_PMD);
	return maps;
}

/**
 * ps_map_mmap() - mmap() of map, see enum pinscope_map
 * @filp: the open file
 * @vma: the mapping to be
 *
 * Context: may sleep; the mmap lock is held for writing.
 * Return: 0; -EINVAL no such map, or more than there is behind it; -ENOMEM.
 */
int ps_map_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct ps_file *file = filp->private_data;
	enum pinscope_map kind = kind_of(vma);
	unsigned long first = vma->vm_pgoff & (BIT(40 - PAGE_SHIFT) - 1);
	bool shared = vma->vm_flags & VM_SHARED, pfnmap;
	int ret;

	if (kind >= PINSCOPE_MAPS || !(ps_maps() & BIT(kind)) ||
	    first >= NR_PAGES || vma_pages(vma) > NR_PAGES - first)
		return -EINVAL;
	if (kind != PINSCOPE_MAP_MIXED_PAGE) {
		ret = make_block(file->map);
		if (ret)
			return ret;
	}
	vm_flags_set(vma, VM_DONTEXPAND);
	if (kind == PINSCOPE_MAP_PFNMAP && !shared) {
		/* A private PFNMAP has to be complete from the beginning. */
		vma->vm_ops = &map_vm_ops;
		return remap_pfn_range(vma, vma->vm_start,
				       page_to_pfn(file->map->block) + first,
				       vma->vm_end - vma->vm_start,
				       vma->vm_page_prot);
	}
	/* A PMD of a private mapping cannot be PFNMAP either. */
	pfnmap = kind == PINSCOPE_MAP_PFNMAP ||
		 (kind == PINSCOPE_MAP_PMD && shared);
	vm_flags_set(vma, pfnmap ? VM_PFNMAP : VM_MIXEDMAP);
	vma->vm_ops = &map_vm_ops;
	if (kind == PINSCOPE_MAP_PMD) {
		/* Some kernels ask sysfs and madvise() unless it is PFNMAP. */
		vm_flags_set(vma, VM_HUGEPAGE);
		vma->vm_ops = &pmd_vm_ops;
	}
	return 0;
}

/**
 * ps_map_create() - what a new open file of map needs
 * @file: the file
 *
 * Return: 0 or -ENOMEM; ps_map_destroy() undoes it.
 */
int ps_map_create(struct ps_file *file)
{
	file->map = kzalloc(sizeof(*file->map), GFP_KERNEL_ACCOUNT);
	if (!file->map)
		return -ENOMEM;
	mutex_init(&file->map->lock);
	return 0;
}

/**
 * ps_map_destroy() - free the memory behind an open file's mappings
 * @file: the file, which nobody maps any more; of ctl or map
 */
void ps_map_destroy(struct ps_file *file)
{
	struct ps_map *map = file->map;
	int i;

	if (!map)
		return;
	if (map->block)
		__free_pages(map->block, BLOCK_ORDER);
	for (i = 0; i < NR_PAGES; i++)
		if (map->pages[i])
			put_page(map->pages[i]);
	kfree(map);
}

/**
 * ps_cmd_map_counts() - PINSCOPE_IOC_MAP_COUNTS
 * @ucmd: the ioctl, see struct pinscope_map_counts
 *
 * Return: 0 or a negative errno.
 */
int ps_cmd_map_counts(struct ps_ucmd *ucmd)
{
	struct pinscope_map_counts *cmd = ucmd->cmd;
	struct ps_map *map = ucmd->file->map;

	if (cmd->reserved)
		return -EINVAL;
	if (!map)
		return -ENXIO;
	cmd->fault = atomic64_read(&map->fault);
	cmd->huge_fault = atomic64_read(&map->huge_fault);
	cmd->page_mkwrite = atomic64_read(&map->page_mkwrite);
	cmd->pfn_mkwrite = atomic64_read(&map->pfn_mkwrite);
	return ps_respond(ucmd);
}
