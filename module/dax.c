// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files whose DAX pages a pin has.
 *
 * A pin of a page of the page cache outlives the file. DAX pages are the file's own
 * blocks: when the inode is evicted, Linux 7.3 waits until nobody has them pinned, and
 * 6.12 warns and frees the blocks. Whoever closes the file last would wait, unkillable; a
 * process that ends would, before it closes the ctl file that has the pin. So a pin keeps
 * open the files whose DAX pages it has. Truncation waits for pins as well, but can be
 * interrupted.
 *
 * Owns the list of files of each pin. Takes the mmap lock of the target for reading.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include "pinscope.h"

/* With these bits ->mapping is none: PAGE_MAPPING_FLAGS, later FOLIO_MAPPING_FLAGS. */
#define NO_MAPPING	3UL

/* Files of a pin, in the order of addresses; the same file may be there again. */
struct ps_dax {
	size_t nr, max;
	struct file *files[];
};

/* Keeps a file open, unless it is the one that was added last. */
static int add_file(struct ps_pin *pin, struct file *file)
{
	size_t nr = pin->dax ? pin->dax->nr : 0, max;
	struct ps_dax *more;

	if (nr && pin->dax->files[nr - 1] == file)
		return 0;
	if (!nr || nr == pin->dax->max) {
		max = nr ? 2 * nr : 2;
		more = krealloc(pin->dax, struct_size(more, files, max),
				GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!more)
			return -ENOMEM;
		more->max = max;
		pin->dax = more;
	}
	pin->dax->files[nr] = get_file(file);
	pin->dax->nr = nr + 1;
	return 0;
}

/*
 * Finds the file of a DAX page in the VMA at its address. Since the VMA has it open, the
 * inode is not being evicted. The mapping is not known of a page that files share.
 */
static int add_file_at(struct ps_pin *pin, unsigned long addr, struct folio *folio)
{
	struct address_space *mapping = READ_ONCE(folio->mapping);
	struct vm_area_struct *vma = vma_lookup(pin->mm, addr);

	if (!vma || !vma_is_dax(vma))
		return -EAGAIN;
	if (mapping && !((unsigned long)mapping & NO_MAPPING) &&
	    mapping != vma->vm_file->f_mapping)
		return -EAGAIN;
	return add_file(pin, vma->vm_file);
}

/**
 * ps_dax_get_files() - keep open the files whose DAX pages a pin has
 * @pin: a new pin with all of its pages, which nobody else can reach
 *
 * Context: may sleep; takes and drops the mmap lock of @pin->mm.
 * Return: 0, with files that ps_dax_put_files() closes; -EAGAIN when the mapping has changed
 * since the pages were pinned, -EINTR when killed, -ENOMEM. After an error the files that
 * were found are still to be closed.
 */
int ps_dax_get_files(struct ps_pin *pin)
{
	struct ps_pos pos = ps_pin_seek(pin, 0, pin->pages);
	unsigned long addr = pin->addr, pfn, pages, n;
	int ret = 0;

	if (mmap_read_lock_killable(pin->mm))
		return -EINTR;
	while (!ret && ps_pin_next(pin, &pos, &pfn, &pages)) {
		for (; !ret && pages; pfn += n, pages -= n) {
			struct page *page = pfn_to_page(pfn);

			n = min(pages, ps_rest_of_folio(page));
			if (ps_folio_is_fsdax(page_folio(page)))
				ret = add_file_at(pin, addr, page_folio(page));
			addr += n << PAGE_SHIFT;
			cond_resched();
		}
	}
	mmap_read_unlock(pin->mm);
	return ret;
}

/**
 * ps_dax_put_files() - undo ps_dax_get_files()
 * @pin: a pin that holds no pages any more
 *
 * Context: may sleep.
 */
void ps_dax_put_files(struct ps_pin *pin)
{
	while (pin->dax->nr)
		fput(pin->dax->files[--pin->dax->nr]);
	kfree(pin->dax);
}
