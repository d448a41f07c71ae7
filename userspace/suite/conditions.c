// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of conditions, which is at the end, and what makes memory so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <linux/mman.h>
#include <unistd.h>

#include "make.h"
#include "sys.h"

/* ------------------------------------------------------------------ enter */

/*
 * fork of some kernels leaves a 1 GiB page out: errata, hugetlb-1g-lost-by-fork. The
 * child then has no such page, which is the kernel's fault.
 */
static const char *enter_cow_shared(struct fixture *f)
{
	struct pinscope_page page;

	if (fixture_fork(f))
		return f->why;
	/* A pinned page is copied for the child. */
	page = fixture_page(f);
	if (f->other || !(page.state & PINSCOPE_STATE_HUGETLB) ||
	    !(page.state & PINSCOPE_STATE_ANON) || page.mapcount > 1)
		return NULL;
	f->kernel_fault = true;
	return fixture_fails(f,
			     "expected fork to map the page in the child as well, found a mapcount of %d",
			     page.mapcount);
}

static const char *enter_previously_shared(struct fixture *f)
{
	const char *why;
	cpu_set_t mine;

	/* A child that exits empties its processor's LRU batch, which may have the page. */
	sys_leave_cpu(&mine);
	why = fixture_fork(f);
	sched_setaffinity(0, sizeof(mine), &mine);
	if (!why)
		fixture_join(f);
	return why;
}

static const char *enter_mprotect_read(struct fixture *f)
{
	f->readonly = true;
	if (mprotect(f->addr, f->len, PROT_READ))
		return fixture_fails(f, "mprotect: %s", pinscope_errno(errno));
	/* That may split the VMA, and the PMD of a file's THP: its page is then not mapped. */
	if (f->scenario.kind->traits & KIND_FILE && !fixture_page(f).state)
		(void)*(volatile char *)f->addr;
	return NULL;
}

static const char *enter_mprotect_none(struct fixture *f)
{
	if (enter_mprotect_read(f))
		return f->why;
	if (!(f->scenario.kind->traits & (KIND_NOT_PRESENT | KIND_NUMA_HINT)))
		f->content = *(volatile char *)f->addr;
	if (mprotect(f->addr, f->len, PROT_NONE))
		return fixture_fails(f, "mprotect: %s", pinscope_errno(errno));
	return NULL;
}

static const char *write_protect(struct fixture *f, uint64_t features)
{
	f->uffd = sys_uffd_wp(f->addr, f->len, features);
	if (f->uffd < 0)
		return fixture_fails(f, "userfaultfd-wp: %s", pinscope_errno(f->uffd));
	return NULL;
}

static const char *enter_uffd_wp(struct fixture *f)
{
	return write_protect(f, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
}

static const char *enter_uffd_wp_async(struct fixture *f)
{
	return write_protect(f, UFFD_FEATURE_WP_ASYNC);
}

/* Of Linux 6.7. */
static bool has_wp_async(void)
{
	return sys_has_uffd_feature(UFFD_FEATURE_WP_ASYNC);
}

/* A fault that only reads takes the protection away as well: nothing may touch the page now. */
static const char *enter_uffd_rwp_async(struct fixture *f)
{
	f->content = *(volatile char *)f->addr;
	f->uffd = sys_uffd_rwp(f->addr, f->len, UFFD_FEATURE_RWP_ASYNC);
	if (f->uffd < 0)
		return fixture_fails(f, "userfaultfd-rwp: %s", pinscope_errno(f->uffd));
	return NULL;
}

/* Of Linux 7.3. */
static bool has_rwp_async(void)
{
	return sys_has_uffd_feature(UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC);
}

static const char *enter_soft_dirty_cleared(struct fixture *f)
{
	int ret = sys_clear_soft_dirty();

	if (ret)
		return fixture_fails(f,
				     "clear_refs: %s: the kernel needs CONFIG_MEM_SOFT_DIRTY",
				     pinscope_errno(ret));
	return NULL;
}

static const char *pin_first(struct fixture *f, uint64_t gup_flags)
{
	int ret = pinscope_pin(f->fd, PINSCOPE_CALL_PIN, gup_flags, f->addr,
			       sys_page_size(), &f->other);

	return ret ? fixture_fails(f, "the first pin: %s", pinscope_errno(ret)) : NULL;
}

static const char *enter_pinned_read(struct fixture *f)
{
	return pin_first(f, PINSCOPE_FOLL_LONGTERM);
}

static const char *enter_pinned_write(struct fixture *f)
{
	return pin_first(f, PINSCOPE_FOLL_LONGTERM | PINSCOPE_FOLL_WRITE);
}

static const char *enter_swapped_out(struct fixture *f)
{
	/* Nothing may touch the page later. */
	if (!(f->scenario.condition->traits & COND_NO_ACCESS))
		f->content = *(volatile char *)f->addr;
	return make_swapped(f);
}

static const char *enter_mlocked(struct fixture *f)
{
	if (mlock(f->addr, f->len))
		return fixture_fails(f, "mlock: %s", pinscope_errno(errno));
	return NULL;
}

/* Writeback makes the entry read-only again, at any time. */
static const char *enter_written(struct fixture *f)
{
	int tries;

	for (tries = 0; tries < 10; tries++) {
		fixture_process_writes(f, 'w');
		if (fixture_page(f).state & PINSCOPE_STATE_WRITABLE)
			return NULL;
	}
	return fixture_fails(f, "the process wrote, and its entry is not writable");
}

/*
 * A child has all of the pages but the @len bytes at @alone; then the process
 * collapses the whole range. A VMA with VM_DONTCOPY of its own cannot be collapsed
 * together with its neighbour, so that the flag is taken away again.
 */
static const char *collapse(struct fixture *f, size_t alone, size_t len)
{
	if (len && madvise(f->addr + alone, len, MADV_DONTFORK))
		return fixture_fails(f, "MADV_DONTFORK: %s", pinscope_errno(errno));
	if (fixture_fork(f))
		return f->why;
	if (len && madvise(f->addr + alone, len, MADV_DOFORK))
		return fixture_fails(f, "MADV_DOFORK: %s", pinscope_errno(errno));
	/* Some kernels collapse no range without a writable entry. */
	if (!len)
		f->addr[f->len - 1] = 'p';
	if (madvise(f->addr, f->len, MADV_COLLAPSE))
		return fixture_fails(f, "MADV_COLLAPSE: %s", pinscope_errno(errno));
	return NULL;
}

static const char *enter_collapsed_all(struct fixture *f)
{
	return collapse(f, 0, 0);
}

static const char *enter_collapsed_lower(struct fixture *f)
{
	return collapse(f, f->len / 2, f->len / 2);
}

static const char *enter_collapsed_upper(struct fixture *f)
{
	if (collapse(f, 0, f->len / 2))
		return f->why;
	f->len /= 2;
	f->addr += f->len;
	return NULL;
}

/* Reserves all pages that are neither used nor reserved, which takes no memory. */
static const char *enter_pool_empty(struct fixture *f)
{
	const struct kind *kind = f->scenario.kind;

	if (sys_hugetlb_pool(kind->page, "nr_overcommit_hugepages"))
		return fixture_fails(f,
				     "the hugetlb pool can grow: echo 0 >nr_overcommit_hugepages");
	f->extra_len = sys_hugetlb_unreserved(kind->page) * kind->page;
	if (!f->extra_len)
		return NULL;
	f->extra = mmap(NULL, f->extra_len, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB |
			kind->hugetlb_shift << MAP_HUGE_SHIFT, -1, 0);
	if (f->extra == MAP_FAILED) {
		f->extra = NULL;
		return fixture_fails(f, "mmap of all free huge pages: %s",
				     pinscope_errno(errno));
	}
	return NULL;
}

static const char *enter_shared_pool_empty(struct fixture *f)
{
	return fixture_fork(f) ? f->why : enter_pool_empty(f);
}

/* ---------------------------------------------------------------- applies */

/* GUP finds a page, and a copy does not take seconds. */
static bool pinnable(const struct kind *kind, const struct request *request)
{
	(void)request;
	return !(kind->traits &
		 (KIND_VMA_REFUSED | KIND_NO_PAGE | KIND_GIGANTIC | KIND_P2PDMA));
}

/* Of gigantic pages there may be two: one request for each of the basic calls. */
static bool forkable(const struct kind *kind, const struct request *request)
{
	if ((kind->traits & KIND_GIGANTIC) &&
	    (request->gup_flags != PINSCOPE_FOLL_LONGTERM ||
	     !(calls[request->call].traits & CALL_BASIC)))
		return false;
	return !(kind->traits & (KIND_VMA_REFUSED | KIND_NO_PAGE | KIND_P2PDMA));
}

/* In other shared mappings the entry of a fresh page is writable. */
static bool write_notified(const struct kind *kind, const struct request *request)
{
	(void)request;
	return kind->traits & KIND_WRITE_NOTIFY;
}

/* hugetlb_wp() goes by who maps a page, on purpose, not by references. */
static bool referenceable(const struct kind *kind, const struct request *request)
{
	return pinnable(kind, request) &&
	       !(kind->traits & (KIND_SHARED | KIND_NOT_PRESENT)) && !kind->hugetlb_shift;
}

/* userfaultfd takes the VMA, and the entry can be marked without a fault, also in swap. */
static bool uffd_markable(const struct kind *kind, const struct request *request)
{
	return pinnable(kind, request) && kind->mapping &&
	       (!(kind->traits & KIND_NOT_PRESENT) || kind->has & PINSCOPE_STATE_SWAP) &&
	       !(kind->traits & KIND_SHARED) && kind->mapping->backing != BACKING_DISK_FILE;
}

/* UFFDIO_RWPROTECT leaves entries alone that are not present. */
static bool uffd_rwp_markable(const struct kind *kind, const struct request *request)
{
	return uffd_markable(kind, request) && !(kind->traits & KIND_NOT_PRESENT);
}

/* Nobody handles events here, so that no request may write. */
static bool uffd_markable_for_read(const struct kind *kind, const struct request *request)
{
	return uffd_markable(kind, request) && !(request->gup_flags & PINSCOPE_FOLL_WRITE);
}

/* Neither hugetlb nor shared mappings have the bit. */
static bool soft_dirty_clearable(const struct kind *kind, const struct request *request)
{
	return uffd_markable(kind, request) && !kind->hugetlb_shift;
}

/* No long-term pin takes DAX; mlock() would replace its pages by anonymous ones. */
static bool lockable(const struct kind *kind, const struct request *request)
{
	return pinnable(kind, request) && !(kind->traits & KIND_DAX);
}

/*
 * Who forces the call gets the page, and of all others one is enough. Not of DAX and drivers:
 * what mm may copy by the address it cannot read there, and the module refuses that.
 */
static bool forced_or_fast(const struct kind *kind, const struct request *request)
{
	if (kind->traits & KIND_GIGANTIC)
		return request->pinner == &by_mem_read;
	return lockable(kind, request) && !(kind->traits & KIND_DRIVER) &&
	       request->call != PINSCOPE_CALL_PIN_MEMFD &&
	       (request->gup_flags & PINSCOPE_FOLL_FORCE ||
		(request->pinner == &by_module && !request->gup_flags &&
		 request->call == PINSCOPE_CALL_PIN_FAST));
}

static bool pinnable_for_write(const struct kind *kind, const struct request *request)
{
	return lockable(kind, request) && !(kind->traits & KIND_WRITE_NOTIFY);
}

static bool collapsible(const struct kind *kind, const struct request *request)
{
	(void)request;
	return kind->traits & KIND_BASE_PAGES;
}

/* A page that has a reservation, or that a child maps as well. */
static bool has_pool(const struct kind *kind, const struct request *request)
{
	return pinnable(kind, request) && kind->hugetlb_shift &&
	       !(kind->traits & KIND_SHARED);
}

/* mm migrates it: no zeropage, no driver's page. */
static bool migratable(const struct kind *kind, const struct request *request)
{
	const unsigned int stays = KIND_NOT_PRESENT | KIND_NUMA_HINT | KIND_DAX |
				   KIND_DRIVER;

	/* Of hugetlb the page of the pool would stay there, for others to get. */
	return pinnable(kind, request) && !(kind->traits & stays) && !kind->hugetlb_shift &&
	       (kind->has & (PINSCOPE_STATE_ANON | PINSCOPE_STATE_HAS_FOLIO));
}

/* Anonymous pages of one process. */
static bool swappable(const struct kind *kind, const struct request *request)
{
	return soft_dirty_clearable(kind, request) &&
	       kind->has & PINSCOPE_STATE_ANON && !(kind->has & PINSCOPE_STATE_KSM) &&
	       !(kind->traits & (KIND_NOT_PRESENT | KIND_NUMA_HINT | KIND_DAX | KIND_DRIVER));
}

/* ------------------------------------------------------------------ table */

const struct condition conditions[] = {
	{
		.name = "fresh", .traits = COND_FRESH | COND_BASIC,
		.what = "The memory is as its kind was made.",
	}, {
		.name = "cow-shared",
		.what =
			"A child maps the page too, read-only, until one of them writes: a pin must not let the two see each other's writes (CVE-2020-29374).",
		.enter = enter_cow_shared, .applies = forkable,
		.traits = COND_CHILD | COND_CHILD_MAPS | COND_BASIC | COND_FORKS,
	}, {
		.name = "previously-shared",
		.what =
			"A child mapped the page and has exited: the page can become exclusive where it is, without a copy.",
		.enter = enter_previously_shared, .applies = pinnable,
		.traits = COND_SHARED_BEFORE | COND_BASIC | COND_FORKS,
	}, {
		.name = "cow-shared-grandchild",
		.what =
			"Only a grandchild maps the page too; the child between them has exited. What looks only at direct children misses it.",
		.enter = fixture_fork_grandchild, .applies = pinnable,
		.traits = COND_CHILD | COND_FORKS,
	}, {
		.name = "child-holds-reference",
		.what =
			"A child took a reference by get_user_pages_fast() and unmapped the page, as with vmsplice(): the mapcount is 1, yet the page must not be reused (CVE-2020-29374).",
		.enter = fixture_fork_reference, .applies = referenceable,
		.traits = COND_CHILD | COND_CHILD_REFERENCES | COND_FORKS,
	}, {
		.name = "mprotect-read",
		.what =
			"mprotect() took VM_WRITE away; a later mprotect() may give it back, so that a read-only pin must be reliable all the same.",
		.enter = enter_mprotect_read, .applies = forkable,
		.traits = COND_READONLY | COND_BASIC,
	}, {
		.name = "mprotect-none",
		.what =
			"mprotect() took all access away: only FOLL_FORCE gets the page, as for a debugger, and a write by it breaks COW without making the entry accessible.",
		.enter = enter_mprotect_none, .applies = forced_or_fast,
		.traits = COND_READONLY | COND_NO_ACCESS | COND_BASIC,
	}, {
		.name = "uffd-wp",
		.what =
			"userfaultfd has write-protected the page and reports writes: a pin for reading must neither report a write nor lose the protection.",
		.enter = enter_uffd_wp, .applies = uffd_markable_for_read,
		.traits = COND_UFFD_WP | COND_WRITE_BLOCKS | COND_BASIC,
	}, {
		.name = "uffd-wp-async",
		.what =
			"userfaultfd has write-protected the page with UFFD_FEATURE_WP_ASYNC (Linux 6.7): a write only clears the bit and reports nothing.",
		.enter = enter_uffd_wp_async, .applies = uffd_markable,
		.exists = has_wp_async, .traits = COND_UFFD_WP,
	}, {
		.name = "uffd-rwp-async",
		.what =
			"userfaultfd has made the page inaccessible with UFFD_FEATURE_RWP_ASYNC (Linux 7.3), to learn whether it is used: a pin is a use, also one for reading.",
		.enter = enter_uffd_rwp_async, .applies = uffd_rwp_markable,
		.exists = has_rwp_async, .traits = COND_UFFD_RWP,
	}, {
		.name = "soft-dirty-cleared",
		.what =
			"clear_refs cleared the soft-dirty bits, as a checkpoint does: a pin for reading must not set the bit, and one for writing must.",
		.enter = enter_soft_dirty_cleared, .applies = soft_dirty_clearable,
		.traits = COND_SOFT_DIRTY_CLEARED | COND_BASIC,
	}, {
		.name = "pinned-read",
		.what = "A long-term pin for reading holds the page already.",
		.enter = enter_pinned_read, .applies = lockable, .traits = COND_PINS,
	}, {
		.name = "pinned-write",
		.what = "A long-term pin for writing holds the page already.",
		.enter = enter_pinned_write, .applies = pinnable_for_write,
		.traits = COND_PINS | COND_WRITES,
	}, {
		.name = "mlocked",
		.what =
			"mlock() was called: it keeps the page in memory, and first breaks COW of a writable private mapping by a write fault, so that a zeropage or a page of the page cache is replaced.",
		.enter = enter_mlocked, .applies = lockable,
		.traits = COND_WRITES | COND_LOCKED,
	}, {
		.name = "written",
		.what =
			"The process has written to the page of a file whose file system tracks writes, so that its entry is writable: GUP-fast, which looks at no VMA, must refuse a long-term pin for writing all the same (commit a6e79df92e4a).",
		.enter = enter_written, .applies = write_notified,
		.traits = COND_WRITES | COND_ALONE,
	}, {
		.name = "movable",
		.what =
			"The page is in ZONE_MOVABLE: a long-term pin must migrate it out of there first.",
		.enter = enter_movable, .applies = migratable,
		.exists = has_movable_node, .traits = COND_MOVES,
	}, {
		.name = "cma",
		.what =
			"The page is in a CMA area: a long-term pin must migrate it out of there first.",
		.enter = enter_cma, .applies = migratable, .exists = has_cma,
		.traits = COND_MOVES,
	}, {
		.name = "swapped-out",
		.what =
			"Only after another condition: the memory is swapped out then, and a pin brings it back.",
		.enter = enter_swapped_out, .applies = swappable, .traits = COND_SWAPPED,
	}, {
		.name = "collapsed-cow-shared",
		.what =
			"A child maps the base pages; MADV_COLLAPSE gave the process a THP instead, which must be its own.",
		.enter = enter_collapsed_all, .applies = collapsible,
		.traits = COND_CHILD | COND_ALONE,
	}, {
		.name = "collapsed-lower-cow-shared",
		.what =
			"A child maps the lower half of the base pages; MADV_COLLAPSE gave the process a THP instead, which must be its own.",
		.enter = enter_collapsed_lower, .applies = collapsible,
		.traits = COND_CHILD | COND_ALONE,
	}, {
		.name = "collapsed-upper-cow-shared",
		.what =
			"A child maps the upper half of the base pages; MADV_COLLAPSE gave the process a THP instead, which must be its own.",
		.enter = enter_collapsed_upper, .applies = collapsible,
		.traits = COND_CHILD | COND_ALONE,
	}, {
		.name = "pool-empty",
		.what =
			"Every free hugetlb page is reserved: a copy needs a page that is reserved for the mapping itself.",
		.enter = enter_pool_empty, .applies = has_pool,
		.traits = COND_POOL_EMPTY | COND_ALONE,
	}, {
		.name = "cow-shared-pool-empty",
		.what =
			"A child maps the hugetlb page too and none is free for a copy: mm unmaps the child's to keep its promise to the process that reserved.",
		.enter = enter_shared_pool_empty, .applies = has_pool,
		.traits = COND_CHILD | COND_POOL_EMPTY | COND_TAKEN_FROM_CHILD |
			  COND_ALONE,
	},
};

const size_t nr_conditions = ARRAY_SIZE(conditions);

/* -------------------------------------------------------------- sequences */

static const char *enter_parts(struct fixture *f)
{
	const struct condition *const *parts = f->scenario.condition->parts;
	unsigned int i;

	for (i = 0; i < MAX_PARTS && parts[i]; i++)
		if (parts[i]->enter(f))
			return f->why;
	return NULL;
}

static bool can_follow(const struct condition *first, const struct condition *then)
{
	unsigned int has = first->traits, gets = then->traits;

	return first != then && !((has | gets) & (COND_FRESH | COND_ALONE)) &&
	       /* Each access takes the protection away; and there is one userfaultfd. */
	       !(has & COND_UFFD_RWP &&
		 gets & (COND_WRITES | COND_PINS | COND_MOVES | COND_UFFD_WP)) &&
	       !(gets & COND_UFFD_RWP && has & COND_UFFD_WP) &&
	       !(has & COND_UFFD_RWP && gets & COND_NO_ACCESS) &&
	       /* What the process cannot access it can only track. */
	       !(has & COND_NO_ACCESS && gets & (COND_READONLY | COND_WRITES | COND_PINS |
						COND_FORKS | COND_MOVES | COND_UFFD_RWP)) &&
	       /* A fixture has one of each. */
	       !(has & gets & (COND_UFFD_WP | COND_PINS | COND_MOVES)) &&
	       !(has & COND_CHILD && gets & COND_FORKS) &&
	       /* Nobody handles the events. */
	       !(has & COND_WRITE_BLOCKS && gets & COND_WRITES) &&
	       /* GUP for writing fails. */
	       !(has & COND_READONLY && gets & COND_PINS && gets & COND_WRITES) &&
	       /* Memory that is swapped out before the other condition is a kind of its own. */
	       !(has & COND_SWAPPED) &&
	       /* mm reclaims what one process has, and nobody holds. */
	       !(gets & COND_SWAPPED && has & (COND_CHILD | COND_PINS | COND_LOCKED |
					       COND_MOVES | COND_UFFD_RWP)) &&
	       /* What is held is not migrated; a long-term pin migrates back. */
	       !(has & (COND_PINS | COND_CHILD_REFERENCES) && gets & COND_MOVES) &&
	       !(has & COND_MOVES && gets & COND_PINS);
}

static bool exists(const struct condition *condition)
{
	return !condition->exists || condition->exists();
}

/* Can it be entered after all the parts that there are? */
static bool can_be_next(const struct condition *const *parts, unsigned int nr,
			const struct condition *next)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!can_follow(parts[i], next))
			return false;
	return exists(next);
}

static int add_sequences(const struct condition **parts, unsigned int nr,
			 struct condition *to, size_t *count)
{
	const struct condition *next;
	struct condition *new;
	unsigned int i;
	char *name;

	for (next = conditions; next < conditions + nr_conditions; next++) {
		if (!can_be_next(parts, nr, next))
			continue;
		parts[nr] = next;
		if (nr) {
			new = &to[(*count)++];
			if (asprintf(&name, "%s+%s%s%s", parts[0]->name, parts[1]->name,
				     nr > 1 ? "+" : "", nr > 1 ? next->name : "") < 0)
				return -ENOMEM;
			*new = (struct condition) { .name = name, .enter = enter_parts };
			for (i = 0; i <= nr; i++) {
				new->parts[i] = parts[i];
				new->traits |= parts[i]->traits & ~COND_BASIC;
			}
		}
		if (nr + 1 < MAX_PARTS && add_sequences(parts, nr + 1, to, count))
			return -ENOMEM;
	}
	return 0;
}

const struct condition *conditions_sequences(size_t *nr)
{
	const struct condition *parts[MAX_PARTS];
	struct condition *all = calloc((nr_conditions + 1) * nr_conditions * nr_conditions,
				       sizeof(*all));

	*nr = 0;
	if (all && !add_sequences(parts, 0, all, nr))
		return all;
	free(all);
	return NULL;
}
