// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makers of anonymous memory, see make.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "make.h"
#include "sys.h"

static const char *write_file(struct fixture *f, const char *path, const char *text)
{
	int ret = sys_write_file(path, text);

	return ret ? fixture_fails(f, "cannot write '%s' to %s: %s", text, path,
				   pinscope_errno(ret)) : NULL;
}

const char *make_stack(struct fixture *f)
{
	size_t base = sys_page_size();
	char *stack = mmap(NULL, 16 * base, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_GROWSDOWN,
			   -1, 0);

	if (stack == MAP_FAILED)
		return fixture_fails(f, "mmap: %s", pinscope_errno(errno));
	f->m.area = stack;
	f->m.area_len = 16 * base;
	f->addr = stack + 12 * base;
	*f->addr = 'p';
	return NULL;
}

const char *make_brk(struct fixture *f)
{
	size_t base = sys_page_size();
	char *end = sbrk(3 * base);

	if (end == (void *)-1)
		return fixture_fails(f, "sbrk: %s", pinscope_errno(errno));
	f->addr = (char *)(((uintptr_t)end + base - 1) & -base);
	*f->addr = 'p';
	return NULL;
}

/* PTEs map all of it. */
const char *make_thp_pte_mapped(struct fixture *f)
{
	uint32_t id;
	int ret = pinscope_pin(f->fd, PINSCOPE_CALL_GET, PINSCOPE_FOLL_SPLIT_PMD,
			       f->addr, sys_page_size(), &id);

	if (ret)
		return fixture_fails(f, "cannot split the PMD of a THP: %s",
				     pinscope_errno(ret));
	pinscope_unpin(f->fd, id);
	return NULL;
}

/* Only the first page stays mapped. */
const char *make_thp_single_pte(struct fixture *f)
{
	size_t base = sys_page_size();

	if (madvise(f->addr + base, f->len - base, MADV_DONTNEED))
		return fixture_fails(f, "MADV_DONTNEED: %s", pinscope_errno(errno));
	f->len = base;
	return NULL;
}

/* The upper half moves; nothing else may be mapped in its old place. */
const char *make_thp_mremapped(struct fixture *f)
{
	size_t half = f->len / 2;
	char *upper = f->addr + half;

	f->extra = mmap(NULL, half, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->extra == MAP_FAILED) {
		f->extra = NULL;
		return fixture_fails(f, "mmap: %s", pinscope_errno(errno));
	}
	f->extra_len = half;
	if (mremap(upper, half, half, MREMAP_MAYMOVE | MREMAP_FIXED,
		   f->extra) != f->extra ||
	    mmap(upper, half, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != upper)
		return fixture_fails(f, "mremap: %s", pinscope_errno(errno));
	f->len = half;
	return NULL;
}

/* A later fork copies only the entries of the lower half. */
const char *make_thp_half_forked(struct fixture *f)
{
	size_t half = f->len / 2;

	if (madvise(f->addr + half, half, MADV_DONTFORK))
		return fixture_fails(f, "MADV_DONTFORK: %s", pinscope_errno(errno));
	f->len = half;
	return NULL;
}

/* Base pages, in a range that a THP could replace. */
const char *make_base_pages(struct fixture *f)
{
	size_t size = f->scenario.kind->folio_size, at;

	if (fixture_map(f, -1, size, size, MAP_PRIVATE))
		return f->why;
	f->len = size;
	madvise(f->addr, size, MADV_NOHUGEPAGE);
	for (at = 0; at < size; at += sys_page_size())
		f->addr[at] = 'p';
	madvise(f->addr, size, MADV_HUGEPAGE);
	return NULL;
}

const char *make_thp_collapsed(struct fixture *f)
{
	if (make_base_pages(f))
		return f->why;
	if (madvise(f->addr, f->len, MADV_COLLAPSE))
		return fixture_fails(f, "MADV_COLLAPSE: %s", pinscope_errno(errno));
	return NULL;
}

const char *make_mthp(struct fixture *f)
{
	size_t size = f->scenario.kind->folio_size;
	char path[120];

	snprintf(path, sizeof(path), SYS_THP_DIR "hugepages-%zukB/enabled", size >> 10);
	if (write_file(f, path, "madvise"))
		return f->why;
	if (fixture_map(f, -1, size, size, MAP_PRIVATE))
		return f->why;
	f->len = size;
	madvise(f->addr, size, MADV_HUGEPAGE);
	*f->addr = 'p';
	if (sys_page_size() << fixture_page(f).folio_order != size)
		return fixture_fails(f,
				     "expected a folio of %zu KiB, found order %u: is there memory for it?",
				     size >> 10, fixture_page(f).folio_order);
	return NULL;
}

const char *make_mthp_single_pte(struct fixture *f)
{
	return make_mthp(f) ? f->why : make_thp_single_pte(f);
}

const char *make_mthp_mremapped(struct fixture *f)
{
	return make_mthp(f) ? f->why : make_thp_mremapped(f);
}

const char *make_mthp_half_forked(struct fixture *f)
{
	return make_mthp(f) ? f->why : make_thp_half_forked(f);
}

const char *make_mthp_swapped(struct fixture *f)
{
	return make_mthp(f) ? f->why : make_swapped(f);
}

const char *make_swapped(struct fixture *f)
{
	int ms;

	for (ms = 0; ms < PATIENCE_MS; ms++) {
		if (madvise(f->addr, f->len, MADV_PAGEOUT))
			return fixture_fails(f, "MADV_PAGEOUT: %s", pinscope_errno(errno));
		if (fixture_page(f).state & PINSCOPE_STATE_SWAP)
			return NULL;
		sys_sleep_ms(1);
	}
	return fixture_fails(f, "MADV_PAGEOUT does not swap it out: is there swap? (swapon)");
}

const char *make_thp_pte_mapped_swapped(struct fixture *f)
{
	return make_thp_pte_mapped(f) ? f->why : make_swapped(f);
}

const char *make_thp_single_pte_swapped(struct fixture *f)
{
	return make_swapped(f) ? f->why : make_thp_single_pte(f);
}

/* A read swaps it in and leaves it in the swap cache. */
const char *make_swapcache(struct fixture *f)
{
	if (make_swapped(f))
		return f->why;
	(void)*(volatile char *)f->addr;
	return NULL;
}

/* All pages of the mapping are equal, so that ksmd merges them. */
static const char *merge(struct fixture *f, char byte, uint64_t state)
{
	int ms;

	memset(f->addr, byte, f->len);
	if (madvise(f->addr, f->len, MADV_MERGEABLE))
		return fixture_fails(f, "MADV_MERGEABLE: %s", pinscope_errno(errno));
	if (write_file(f, SYS_KSM_DIR "use_zero_pages", byte ? "0" : "1") ||
	    write_file(f, SYS_KSM_DIR "sleep_millisecs", "0") ||
	    write_file(f, SYS_KSM_DIR "run", "1"))
		return f->why;
	for (ms = 0; ms < PATIENCE_MS; ms++) {
		if (fixture_page(f).state & state)
			break;
		sys_sleep_ms(1);
	}
	if (write_file(f, SYS_KSM_DIR "run", "0"))
		return f->why;
	return ms < PATIENCE_MS ? NULL : fixture_fails(f, "ksmd did not merge it in %d ms",
						       PATIENCE_MS);
}

const char *make_ksm(struct fixture *f)
{
	return merge(f, 'p', PINSCOPE_STATE_KSM);
}

/* The other pages are written to, and get copies. KSM holds no reference to its page. */
const char *make_ksm_single(struct fixture *f)
{
	struct pinscope_page page;
	size_t offset;

	/* Not the byte of make_ksm(), or another process might have the page as well. */
	if (merge(f, 's', PINSCOPE_STATE_KSM))
		return f->why;
	for (offset = sys_page_size(); offset < f->len; offset += sys_page_size())
		f->addr[offset] = 0;
	if (f->fd < 0)
		return NULL;
	page = fixture_page(f);
	return page.mapcount == 1 ? NULL :
	       fixture_fails(f, "expected one mapping of the page, found %d", page.mapcount);
}

const char *make_ksm_zeropage(struct fixture *f)
{
	if (merge(f, 0, PINSCOPE_STATE_ZEROPAGE))
		return f->why;
	/* By that KSM knows its own, to count them and to take them back: commit 79271476b336. */
	if (f->fd < 0 || running_kernel() < KERNEL(6, 6) ||
	    fixture_page(f).state & PINSCOPE_STATE_DIRTY)
		return NULL;
	f->kernel_fault = true;
	return fixture_fails(f, "expected KSM to map the zeropage dirty, found it clean");
}
