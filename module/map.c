// SPDX-License-Identifier: GPL-2.0-only
/*
 * map in debugfs: mmap() of it makes PFNMAP, MIXEDMAP and huge_fault mappings,
 * which only a driver can make; MAP_COUNTS tells how often mm called the driver.
 *
 * Owns the memory behind the mappings of an open file: one block of
 * PINSCOPE_MAP_SIZE bytes that is mapped by PFN, and ordinary pages. Both are
 * allocated when first needed and dropped with the open file, which every mapping
 * keeps open. Pages to which GUP took references stay allocated until those are
 * dropped.
 *
 * Locks: ps_map.lock inside the mmap lock; the locks of page tables inside it.
 */
#include <linux/slab.h>

#include "pinscope.h"

#define NR_PAGES	(PINSCOPE_MAP_SIZE / PAGE_SIZE)
#define BLOCK_ORDER	get_order(PINSCOPE_MAP_SIZE)

struct ps_map {
	/*
	 * For @block and @pages, while they are allocated. And in mappings with
	 * huge_fault, while an entry is made: mm does not look again whether
	 * another thread has mapped a PMD.
	 */
	struct mutex lock;
	struct page *block;	/* NULL until it is needed */
	struct page *pages[NR_PAGES];	/* likewise */
	/* How often mm called each vm_operation. */
	atomic64_t fault;
	atomic64_t huge_fault;
	atomic64_t page_mkwrite;
	atomic64_t pfn_mkwrite;
};

static struct ps_map *vma_ps_map(struct vm_area_struct *vma)
{
	struct ps_file *file = vma->vm_file->private_data;

	return file->map;
}

/* Which map a VMA is of: see PINSCOPE_MAP_OFFSET(). */
static enum pinscope_map vma_map_nr(struct vm_area_struct *vma)
{
	return (u64)vma->vm_pgoff << PAGE_SHIFT >> 40;
}

/* Index of the faulting page in the memory behind the map. */
static unsigned long fault_index(struct vm_fault *vmf)
{
	return vmf->pgoff & (NR_PAGES - 1);
}

/* Page n has (n + 1) % 256 in each byte, as the ABI says. */
static void fill_page(struct page *page, unsigned long index)
{
	memset(page_address(page), index + 1, PAGE_SIZE);
}

/* Allocates the block unless there is one. */
static int alloc_block(struct ps_map *map)
{
	struct page *block;
	unsigned long i;
	int ret = 0;

	mutex_lock(&map->lock);
	if (!map->block) {
		/*
		 * A compound page, since GUP of some kernels takes references
		 * to pages of a PMD that is mapped by PFN.
		 */
		block = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_NOWARN |
				    __GFP_COMP, BLOCK_ORDER);
		for (i = 0; block && i < NR_PAGES; i++)
			fill_page(block + i, i);
		map->block = block;
		if (!block)
			ret = -ENOMEM;
	}
	mutex_unlock(&map->lock);
	return ret;
}

/* Returns the ordinary page @index, which is allocated unless there is one. */
static struct page *get_map_page(struct ps_map *map, unsigned long index)
{
	struct page *page;

	mutex_lock(&map->lock);
	page = map->pages[index];
	if (!page) {
		page = alloc_page(GFP_KERNEL_ACCOUNT);
		if (page)
			fill_page(page, index);
		map->pages[index] = page;
	}
	mutex_unlock(&map->lock);
	return page;
}

static vm_fault_t insert_pfn(struct vm_fault *vmf, unsigned long pfn)
{
	if (vmf->vma->vm_flags & VM_PFNMAP)
		return vmf_insert_pfn(vmf->vma, vmf->address, pfn);
	return ps_insert_mixed(vmf->vma, vmf->address, pfn);
}

/*
 * Maps a PFN of the block by a PTE. In a mapping with huge_fault, another thread may
 * have mapped a PMD since mm found none: a read does so where a write to a private
 * mapping goes page by page. With a PMD there, mm has no PTE to insert: that is a
 * VM_BUG_ON(), and without DEBUG_VM the fault fails for want of memory. After NOPAGE,
 * mm faults again, and finds the PMD.
 */
static vm_fault_t map_pfn(struct ps_map *map, struct vm_fault *vmf, unsigned long pfn)
{
	vm_fault_t ret = VM_FAULT_NOPAGE;

	if (vma_map_nr(vmf->vma) != PINSCOPE_MAP_PMD)
		return insert_pfn(vmf, pfn);
	mutex_lock(&map->lock);
	if (!pmd_leaf(READ_ONCE(*vmf->pmd)))
		ret = insert_pfn(vmf, pfn);
	mutex_unlock(&map->lock);
	return ret;
}

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct ps_map *map = vma_ps_map(vmf->vma);
	unsigned long index = fault_index(vmf);

	atomic64_inc(&map->fault);
	/*
	 * mmap() mapped all of a private PFNMAP. vmf_insert_pfn() has a BUG_ON()
	 * for such a VMA, in case its pages were zapped.
	 */
	if ((vmf->vma->vm_flags & (VM_PFNMAP | VM_SHARED)) == VM_PFNMAP)
		return VM_FAULT_SIGBUS;
	if (vma_map_nr(vmf->vma) == PINSCOPE_MAP_MIXED_PAGE) {
		vmf->page = get_map_page(map, index);
		if (!vmf->page)
			return VM_FAULT_OOM;
		get_page(vmf->page);
		return 0;
	}
	/*
	 * For a write fault in a private mapping, mm wants a page to copy from.
	 * Pages of the block must not be given to mm. Map the PFN instead, as
	 * for a read fault: mm then takes a second fault and copies by address.
	 */
	return map_pfn(map, vmf, page_to_pfn(map->block) + index);
}

static vm_fault_t map_huge_fault(struct vm_fault *vmf, PS_HUGE_FAULT_LEVEL level)
{
	struct vm_area_struct *vma = vmf->vma;
	struct ps_map *map = vma_ps_map(vma);
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	unsigned long start = vmf->address & PMD_MASK;
	vm_fault_t ret;

	atomic64_inc(&map->huge_fault);
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ||
	    level != PS_HUGE_FAULT_PMD || PMD_SIZE > PINSCOPE_MAP_SIZE ||
	    start < vma->vm_start || start + PMD_SIZE > vma->vm_end ||
	    linear_page_index(vma, start) & (NR_PAGES - 1))
		return VM_FAULT_FALLBACK;
	/* A private mapping writes to a copy, which mm makes page by page. */
	if (write && !(vma->vm_flags & VM_SHARED))
		return VM_FAULT_FALLBACK;
	mutex_lock(&map->lock);
	ret = ps_insert_pfn_pmd(vmf, page_to_pfn(map->block), write);
	mutex_unlock(&map->lock);
	return ret;
}

static vm_fault_t map_page_mkwrite(struct vm_fault *vmf)
{
	atomic64_inc(&vma_ps_map(vmf->vma)->page_mkwrite);
	/*
	 * Return the page locked: with 0, mm would lock it, find that it has no
	 * address_space, and take it for a truncated page.
	 */
	lock_page(vmf->page);
	return VM_FAULT_LOCKED;
}

static vm_fault_t map_pfn_mkwrite(struct vm_fault *vmf)
{
	atomic64_inc(&vma_ps_map(vmf->vma)->pfn_mkwrite);
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
 * Context: any.
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
 * @vma: the new VMA; its file offset says which map, see PINSCOPE_MAP_OFFSET()
 *
 * Context: may sleep; the caller holds the mmap lock for writing.
 * Return: 0; -EINVAL when there is no such map on this kernel, or when the VMA
 * is longer than the memory behind it; -ENOMEM; an error of remap_pfn_range().
 */
int ps_map_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct ps_file *file = filp->private_data;
	enum pinscope_map map = vma_map_nr(vma);
	unsigned long first = vma->vm_pgoff & (BIT(40 - PAGE_SHIFT) - 1);
	bool shared = vma->vm_flags & VM_SHARED, pfnmap;
	int ret;

	if (map >= PINSCOPE_MAPS || !(ps_maps() & BIT(map)) ||
	    first >= NR_PAGES || vma_pages(vma) > NR_PAGES - first)
		return -EINVAL;
	if (map != PINSCOPE_MAP_MIXED_PAGE) {
		ret = alloc_block(file->map);
		if (ret)
			return ret;
	}
	vm_flags_set(vma, VM_DONTEXPAND);
	if (map == PINSCOPE_MAP_PFNMAP && !shared) {
		/* mm allows a private PFNMAP only if mmap() maps all of it. */
		vma->vm_ops = &map_vm_ops;
		return remap_pfn_range(vma, vma->vm_start,
				       page_to_pfn(file->map->block) + first,
				       vma->vm_end - vma->vm_start,
				       vma->vm_page_prot);
	}
	/* Nor can a private mapping of map PMD, which faults map, be PFNMAP. */
	pfnmap = map == PINSCOPE_MAP_PFNMAP ||
		 (map == PINSCOPE_MAP_PMD && shared);
	vm_flags_set(vma, pfnmap ? VM_PFNMAP : VM_MIXEDMAP);
	vma->vm_ops = &map_vm_ops;
	if (map == PINSCOPE_MAP_PMD) {
		/* Else some kernels call huge_fault only as sysfs allows THPs. */
		vm_flags_set(vma, VM_HUGEPAGE);
		vma->vm_ops = &pmd_vm_ops;
	}
	return 0;
}

/**
 * ps_map_create() - set up what a new open of map needs
 * @file: the open file
 *
 * Context: may sleep.
 * Return: 0, for ps_map_destroy() to undo, or -ENOMEM.
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
 * ps_map_destroy() - drop the memory behind the mappings of an open file
 * @file: the open file, of ctl or map; no mapping of it is left
 *
 * Context: may sleep. Does nothing for an open file of ctl.
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
 * ps_cmd_map_counts() - PINSCOPE_IOC_MAP_COUNTS, see struct pinscope_map_counts
 * @ucmd: the ioctl
 *
 * Context: may sleep.
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
