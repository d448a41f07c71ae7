// SPDX-License-Identifier: GPL-2.0-only
/*
 * INSPECT: its records, and what /proc/self/pagemap and /proc/kpageflags say of
 * the same pages.
 */
#include <linux/mempolicy.h>
#include <poll.h>
#include <sched.h>

#include "abi.h"

/* Newer than some headers. */
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM	(1 << 12)
#endif
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON		(1 << 14)
#endif

#define PRESENT		PINSCOPE_STATE_PRESENT
#define WRITABLE	PINSCOPE_STATE_WRITABLE
#define SOFT_DIRTY	PINSCOPE_STATE_SOFT_DIRTY
#define UFFD_WP		PINSCOPE_STATE_UFFD_WP
#define UFFD_RWP	PINSCOPE_STATE_UFFD_RWP
#define ANON		PINSCOPE_STATE_ANON
#define EXCLUSIVE	PINSCOPE_STATE_EXCLUSIVE
#define HAS_FOLIO	PINSCOPE_STATE_HAS_FOLIO

/* ------------------------------------------------------ INSPECT's records */

enum { SPARSE = 64 };

/* With room for one record at a time. Returns how many there are. */
static size_t inspect_one_by_one(int fd, const char *addr, size_t len)
{
	const uint64_t end = pinscope_addr(addr) + len;
	struct pinscope_inspect cmd = { .next = pinscope_addr(addr) };
	struct pinscope_page rec;
	size_t nr;

	for (nr = 0; cmd.next < end; nr += cmd.nr) {
		cmd = (struct pinscope_inspect) {
			.size = sizeof(cmd), .record_size = sizeof(rec),
			.addr = cmd.next, .len = end - cmd.next,
			.records = pinscope_addr(&rec), .nr = 1,
		};
		need_ok(pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd));
		tap_need(expect_gt(cmd.next, cmd.addr, "INSPECT makes no progress"));
	}
	return nr;
}

static void test_inspect_sparse(struct abi_fixture *f)
{
	/* A terabyte, or what a 32-bit process has. */
	const size_t len = 1UL << (sizeof(long) == 8 ? 40 : 30);
	const size_t step = len / SPARSE;
	char *addr = map_anon(len, RW, MAP_NORESERVE);
	struct records r;
	size_t i;

	madvise(addr, len, MADV_NOHUGEPAGE);
	for (i = 0; i < SPARSE; i++)
		addr[i * step] = 1;
	r = inspect(f->ctl, pinscope_self(), pinscope_addr(addr), len);
	need_eq(r.nr, SPARSE);
	for (i = 0; i < r.nr; i++) {
		tap_context("record %zu", i);
		expect_eq(r.rec[i].addr, pinscope_addr(addr) + i * step);
		expect_eq(r.rec[i].pages, 1);
	}
	free(r.rec);
	tap_context("one by one");
	expect_eq(inspect_one_by_one(f->ctl, addr, len), SPARSE);
	munmap(addr, len);
}

/* A huge page is one record and one pin of many pages. */
static void huge_page(int fd, const char *kind)
{
	struct kind_memory *m = get_memory(fd, kind);
	const size_t pages = m->len / page;
	struct records r;

	pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, m->addr,
	    m->len);
	r = inspect(fd, pinscope_self(), pinscope_addr(m->addr), m->len);
	need_eq(r.nr, 1);
	expect_eq(r.rec[0].pages, pages);
	expect_eq(1UL << r.rec[0].folio_order, pages);
	expect_eq(r.rec[0].pincount, pages);
	expect_eq(r.rec[0].mapcount, 1);
	free(r.rec);

	tap_context("a part of it: the record is cut");
	r = inspect(fd, pinscope_self(), pinscope_addr(m->addr + 3 * page),
		    5 * page);
	need_eq(r.nr, 1);
	expect_eq(r.rec[0].pages, 5);
	expect_eq(r.rec[0].addr, pinscope_addr(m->addr) + 3 * page);
	expect_eq(r.rec[0].pfn, r.rec[0].folio_pfn + 3);
	free(r.rec);
}

/*
 * A folio of two pages (Linux 6.9): whether mm counts its pins apart from its references depends
 * on the kernel.
 */
static void test_order_1(struct abi_fixture *f)
{
	int file = open(XFS_DIR, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	char *buffer = map_anon(2 * page, RW, MAP_POPULATE), *addr;
	struct pinscope_page before, with;
	uint32_t first, second;

	if (file < 0 || pwrite(file, buffer, 2 * page, 0) != (ssize_t)(2 * page)) {
		tap_leave_out("a folio of two pages: nothing can be written to " XFS_DIR);
		return;
	}
	addr = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, file, 0);
	need(addr != MAP_FAILED, "mmap");
	(void)*(volatile char *)addr;
	before = state_of(f->ctl, addr);
	if (before.folio_order != 1) {
		tap_leave_out("no folio of two pages: files on xfs have them since Linux 6.9");
		return;
	}
	expect_eq(before.pincount, 0);
	first = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, addr, page);
	expect_eq(state_of(f->ctl, addr).pincount, 1);
	second = pin(f->ctl, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM, addr + page, page);
	with = state_of(f->ctl, addr);
	expect_eq(with.pincount, 2);
	expect_bits(pinscope_state_names, with.state, PINSCOPE_STATE_MAYBE_PINNED, 0);
	expect_ok(pinscope_unpin(f->ctl, first));
	expect_eq(state_of(f->ctl, addr).pincount, 1);
	expect_ok(pinscope_unpin(f->ctl, second));
	expect_eq(state_of(f->ctl, addr).pincount, 0);
	expect_bits(pinscope_state_names, state_of(f->ctl, addr).state, 0,
		    PINSCOPE_STATE_MAYBE_PINNED);
	munmap(addr, 2 * page);
	munmap(buffer, 2 * page);
	close(file);
}

static void test_huge_thp(struct abi_fixture *f)
{
	huge_page(f->ctl, "thp");
}

static void test_huge_hugetlb(struct abi_fixture *f)
{
	huge_page(f->ctl, hugetlb_kind("hugetlb-anon", pmd_size));
}

/* A PUD maps as many PMDs as a page has room for. */
static void test_huge_gigantic(struct abi_fixture *f)
{
	huge_page(f->ctl, hugetlb_kind("hugetlb-anon", pmd_size * (page / 8)));
}

/* ------------------------------------- one record for several small folios */

/*
 * Memory of folios of one page that are contiguous: a THP that was split. All are
 * populated and exclusive, and nothing was written since soft-dirty was cleared.
 */
static char *map_contiguous(int fd)
{
	char *addr = map_anon_aligned(pmd_size), command[100];

	madvise(addr, pmd_size, MADV_HUGEPAGE);
	memset(addr, 'c', pmd_size);
	if (state_of(fd, addr).folio_order != pmd_shift - page_shift)
		tap_skip("there is no THP to split");
	snprintf(command, sizeof(command), "%d,0x%llx,0x%llx", getpid(),
		 (unsigned long long)pinscope_addr(addr),
		 (unsigned long long)pinscope_addr(addr) + pmd_size);
	drain_lru();
	if (sys_write_file("/sys/kernel/debug/split_huge_pages", command) ||
	    state_of(fd, addr).folio_order)
		tap_skip("the kernel does not split a THP on request");
	drain_lru();
	need_sys(!sys_clear_soft_dirty());
	return addr;
}

/* The records of [@addr, @addr + a PMD), each with its first page and length. */
struct run {
	size_t first, pages;
};

static void expect_runs_at(int line, int fd, const char *addr,
			   const struct run *runs, size_t nr)
{
	struct records r = inspect(fd, pinscope_self(), pinscope_addr(addr),
				   pmd_size);
	const uint64_t pfn = r.nr ? r.rec[0].pfn - (r.rec[0].addr -
					pinscope_addr(addr)) / page : 0;
	size_t i;

	need_eq(r.nr, nr, "records, line %d", line);
	for (i = 0; i < nr; i++) {
		expect_eq(r.rec[i].addr, pinscope_addr(addr) + runs[i].first * page,
			  "record %zu, line %d", i, line);
		expect_eq(r.rec[i].pages, runs[i].pages,
			  "record %zu, line %d", i, line);
		expect_eq(r.rec[i].pfn, pfn + runs[i].first,
			  "record %zu, line %d", i, line);
		expect_eq(r.rec[i].folio_pfn, r.rec[i].pfn, "the first folio's");
		expect_eq(r.rec[i].folio_order, 0);
	}
	free(r.rec);
}

/* @n pages from @first on differ from those in front of them and behind. */
#define expect_differ(fd, addr, first, n)				\
	do {								\
		const size_t pages_ = pmd_size / page;			\
		const struct run runs_[] = {				\
			{ 0, first }, { first, n },			\
			{ (first) + (n), pages_ - (first) - (n) },	\
		};							\
									\
		expect_runs_at(__LINE__, fd, addr, runs_, 3);		\
	} while (0)

#define expect_alike(fd, addr)						\
	do {								\
		const struct run all_ = { 0, pmd_size / page };		\
									\
		expect_runs_at(__LINE__, fd, addr, &all_, 1);		\
	} while (0)

static void differing_states(int fd, char *addr)
{
	uint32_t id;

	tap_context("soft-dirty");
	addr[100 * page] = 'd';
	expect_differ(fd, addr, 100, 1);
	need_sys(!sys_clear_soft_dirty());
	expect_alike(fd, addr);

	tap_context("pinned");
	id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr + 200 * page, 3 * page);
	expect_differ(fd, addr, 200, 3);
	expect_ok(pinscope_unpin(fd, id));
	expect_alike(fd, addr);

	tap_context("one pin more");
	id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, pmd_size);
	expect_alike(fd, addr);
	pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr + 300 * page, page);
	expect_differ(fd, addr, 300, 1);
	expect_ok(pinscope_unpin(fd, id));
	expect_ok(pinscope_unpin(fd, id + 1));

	tap_context("one reference more");
	id = pin(fd, PINSCOPE_CALL_GET_FAST, 0, addr + 7 * page, 2 * page);
	expect_differ(fd, addr, 7, 2);
	expect_ok(pinscope_unpin(fd, id));
	expect_alike(fd, addr);
}

/* A child that maps only some of the pages. */
static void differing_mapcounts(int fd, char *addr)
{
	pid_t child = child_start();

	tap_context("mapcount");
	if (!child) {
		munmap(addr, 50 * page);
		munmap(addr + 60 * page, pmd_size - 60 * page);
		child_wait();
	}
	expect_differ(fd, addr, 50, 10);
	child_end(child);
	expect_alike(fd, addr);
	/* Unshare finds no other user: it sets a flag, and leaves the entry alone. */
	tap_context("exclusive");
	expect_ok(pinscope_fault(fd, pinscope_self(),
				 pinscope_addr(addr + 400 * page), page,
				 PINSCOPE_FAULT_UNSHARE, NULL, NULL));
	expect_differ(fd, addr, 400, 1);
	expect_ok(pinscope_fault(fd, pinscope_self(), pinscope_addr(addr),
				 pmd_size, PINSCOPE_FAULT_UNSHARE, NULL, NULL));
	expect_alike(fd, addr);
}

/* A VMA of its own for some of the pages, whose entries stay as they are. */
static void differing_vmas(int fd, char *addr)
{
	tap_context("VMAs");
	need_sys(!madvise(addr + 20 * page, 30 * page, MADV_DONTDUMP));
	expect_differ(fd, addr, 20, 30);
	need_sys(!madvise(addr + 20 * page, 30 * page, MADV_DODUMP));
	expect_alike(fd, addr);
}

static void test_small_folios(struct abi_fixture *f)
{
	char *addr = map_contiguous(f->ctl);
	const size_t pages = pmd_size / page;
	uint64_t pfn = state_of(f->ctl, addr).pfn;
	struct run halves[2] = { { 0, pages / 2 } };
	size_t i;

	expect_alike(f->ctl, addr);
	for (i = 0; i < pages; i += pages / 8)
		expect_eq(state_of(f->ctl, addr + i * page).pfn, pfn + i,
			  "page %zu", i);
	differing_states(f->ctl, addr);
	differing_vmas(f->ctl, addr);
	differing_mapcounts(f->ctl, addr);
	tap_context("without a page in the middle");
	madvise(addr + pages / 2 * page, page, MADV_DONTNEED);
	halves[1] = (struct run) { pages / 2 + 1, pages - pages / 2 - 1 };
	expect_runs_at(__LINE__, f->ctl, addr, halves, 2);
	munmap(addr, pmd_size);
}

/* However few records there is room for, the same records come in the end. */
static void test_record_limits(struct abi_fixture *f)
{
	char *addr = map_contiguous(f->ctl);
	struct pinscope_page rec[3];
	struct pinscope_inspect cmd;
	struct records all;
	size_t i, room, nr;
	uint64_t at;

	for (i = 3; i < 40; i += 5)
		addr[i * page] = 'd';		/* soft-dirty */
	all = inspect(f->ctl, pinscope_self(), pinscope_addr(addr), pmd_size);
	expect_eq(all.nr, 17);
	for (room = 1; room <= ARRAY_SIZE(rec); room++) {
		tap_context("room for %zu", room);
		nr = 0;
		for (at = pinscope_addr(addr); nr < all.nr; at = cmd.next) {
			cmd = (struct pinscope_inspect) {
				.size = sizeof(cmd), .record_size = sizeof(rec[0]),
				.addr = at, .records = pinscope_addr(rec),
				.len = pinscope_addr(addr) + pmd_size - at,
				.nr = room,
			};
			need_ok(pinscope_ioctl(f->ctl, PINSCOPE_IOC_INSPECT, &cmd));
			need(cmd.nr >= 1 && cmd.nr <= room && nr + cmd.nr <= all.nr,
			     "%u records", cmd.nr);
			expect_mem(rec, &all.rec[nr], cmd.nr * sizeof(rec[0]),
				   "records from %zu on", nr);
			nr += cmd.nr;
		}
		expect_eq(at, pinscope_addr(addr) + pmd_size, "next");
	}
	free(all.rec);
	munmap(addr, pmd_size);
}

/* The records of a pin, and what UNPIN of a part makes of them. */
static void test_small_folios_pinned(struct abi_fixture *f)
{
	char *addr = map_contiguous(f->ctl);
	const size_t pages = pmd_size / page;
	struct records r;
	uint32_t id;

	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, addr, pmd_size);
	r = inspect(f->ctl, pinscope_pinned(id), 0, pmd_size);
	need_eq(r.nr, 1);
	expect_eq(r.rec[0].pages, pages);
	expect_eq(r.rec[0].pincount, 1);
	expect_eq(r.rec[0].folio_order, 0);
	free(r.rec);
	expect_ok(pinscope_unpin_part(f->ctl, id, 50 * page, 2 * page, 0, NULL));
	r = inspect(f->ctl, pinscope_pinned(id), 0, pmd_size);
	need_eq(r.nr, 2);
	expect_eq(r.rec[0].pages, 50);
	expect_eq(r.rec[1].addr, 52 * page);
	expect_eq(r.rec[1].pages, pages - 52);
	expect_eq(r.rec[1].pfn, r.rec[0].pfn + 52);
	free(r.rec);
	/* Who may not see PFNs is not told which pages are neighbours, either. */
	need_sys(!seteuid(NOBODY));
	r = inspect(f->ctl, pinscope_pinned(id), 0, pmd_size);
	expect_eq(r.nr, pages - 2, "of the pin, without privileges");
	free(r.rec);
	r = inspect(f->ctl, pinscope_self(), pinscope_addr(addr), pmd_size);
	expect_eq(r.nr, pages, "without privileges");
	free(r.rec);
	need_sys(!seteuid(0));
	expect_ok(pinscope_unpin(f->ctl, id));
	munmap(addr, pmd_size);
}

/* ------------------------------------------- INSPECT and /proc must agree */

#define PM_SOFT_DIRTY		(1ULL << 55)
#define PM_UFFD_WP		(1ULL << 57)
#define PM_SWAP			(1ULL << 62)
#define PM_PRESENT		(1ULL << 63)
#define PM_PFN			((1ULL << 55) - 1)
#define PM_SWAP_TYPE(pm)	((pm) & 31)
#define PM_SWAP_OFFSET(pm)	((pm) >> 5 & ((1ULL << 50) - 1))

#define KPF_DIRTY		(1ULL << 4)
#define KPF_LRU			(1ULL << 5)
#define KPF_WRITEBACK		(1ULL << 8)
#define KPF_ANON		(1ULL << 12)
#define KPF_SWAPCACHE		(1ULL << 13)
#define KPF_SWAPBACKED		(1ULL << 14)
#define KPF_COMPOUND		(3ULL << 15)	/* head or tail; never both */
#define KPF_HUGE		(1ULL << 17)
#define KPF_ZERO_PAGE		(1ULL << 24)
#define KPF_MLOCKED		(1ULL << 33)
#define KPF_ANON_EXCLUSIVE	(1ULL << 34)	/* with KPF_ANON */

static uint64_t word_of(const char *path, uint64_t index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t word = 0;

	need_sys(fd >= 0, "%s", path);
	need_sys(pread(fd, &word, sizeof(word), index * sizeof(word)) ==
		 sizeof(word), "%s", path);
	close(fd);
	return word;
}

static uint64_t pagemap(const void *addr)
{
	return word_of("/proc/self/pagemap", (uintptr_t)addr / page);
}

/*
 * Page states that /proc shows too. Not KSM: some kernels, 6.12 for one, set
 * KPF_KSM for every anonymous page.
 */
static const struct {
	uint64_t state;		/* any of these */
	uint64_t kpf;
} flags[] = {
	{ ANON, KPF_ANON },
	{ PINSCOPE_STATE_HUGETLB, KPF_HUGE },
	{ PINSCOPE_STATE_ZEROPAGE | PINSCOPE_STATE_HUGE_ZEROPAGE,
	  KPF_ZERO_PAGE },
	{ PINSCOPE_STATE_FOLIO_DIRTY, KPF_DIRTY },
	{ PINSCOPE_STATE_LRU, KPF_LRU },
	{ PINSCOPE_STATE_WRITEBACK, KPF_WRITEBACK },
	{ PINSCOPE_STATE_SWAPCACHE, KPF_SWAPCACHE },
	{ PINSCOPE_STATE_SWAPBACKED, KPF_SWAPBACKED },
	{ PINSCOPE_STATE_MLOCKED, KPF_MLOCKED },
};

/* What /proc says of a base page, and of the head page of its folio. */
struct proc_page {
	uint64_t pm, kpf, head, count;
};

static void read_proc(const char *addr, const struct pinscope_page *rec,
		      struct proc_page *proc)
{
	*proc = (struct proc_page) { .pm = pagemap(addr) };
	if (proc->pm & PM_PRESENT && proc->pm & PM_PFN) {
		proc->kpf = word_of("/proc/kpageflags", proc->pm & PM_PFN);
		proc->count = word_of("/proc/kpagecount", proc->pm & PM_PFN);
	}
	if (rec->state & HAS_FOLIO)
		proc->head = word_of("/proc/kpageflags", rec->folio_pfn);
}

/* Some bits change by themselves: only what stands still can be compared. */
static struct pinscope_page stable_page(int fd, const char *addr,
					struct proc_page *proc)
{
	struct pinscope_page rec, again;
	int tries;

	for (tries = 0; tries < 100; tries++) {
		rec = state_of(fd, addr);
		read_proc(addr, &rec, proc);
		again = state_of(fd, addr);
		if (!memcmp(&rec, &again, sizeof(rec)))
			return rec;
	}
	need(false, "the page state is never the same twice");
	return rec;
}

/* INSPECT has one of @state if, and only if, /proc has @bit. */
static void same_bit(const struct pinscope_page *rec, uint64_t state,
		     const char *file, uint64_t word, uint64_t bit)
{
	char name[100], all[600];

	if (!(rec->state & state) == !(word & bit))
		return;
	fail("INSPECT and /proc differ", "%s is %s in INSPECT only: found %s, %s 0x%llx",
	     pinscope_names(pinscope_state_names, state, name, sizeof(name)),
	     rec->state & state ? "set" : "clear",
	     pinscope_names(pinscope_state_names, rec->state, all, sizeof(all)),
	     file, (unsigned long long)word);
}

static void same_folio(const struct pinscope_page *rec,
		       const struct proc_page *proc)
{
	/* A huge mapping has EXCLUSIVE on its first page. */
	uint64_t kpf = rec->map_shift > page_shift ? proc->head : proc->kpf;

	expect_eq(!rec->folio_order, !(proc->kpf & KPF_COMPOUND),
		  "order %u", rec->folio_order);
	expect_ne(proc->head & KPF_COMPOUND, KPF_COMPOUND,
		  "folio_pfn is no head page");
	same_bit(rec, EXCLUSIVE, "kpageflags",
		 kpf & KPF_ANON ? kpf : 0, KPF_ANON_EXCLUSIVE);
	if (!rec->folio_order)
		expect_eq(rec->mapcount, proc->count, "/proc/kpagecount");
}

/* INSPECT says what /proc says. */
static void agree(int fd, const char *addr)
{
	struct proc_page proc;
	struct pinscope_page rec = stable_page(fd, addr, &proc);
	uint64_t kpf;
	size_t i;

	same_bit(&rec, PRESENT, "pagemap", proc.pm, PM_PRESENT);
	/* One bit of the entry is both. */
	same_bit(&rec, UFFD_WP | UFFD_RWP, "pagemap", proc.pm, PM_UFFD_WP);
	if (!(proc.pm & PM_PRESENT))
		return;
	expect_eq(rec.pfn, proc.pm & PM_PFN, "pagemap 0x%llx",
		  (unsigned long long)proc.pm);
	/* Pagemap does not tell it of hugetlb. */
	if (!(rec.state & PINSCOPE_STATE_HUGETLB))
		same_bit(&rec, SOFT_DIRTY, "pagemap", proc.pm, PM_SOFT_DIRTY);

	/* Some kernels show those of the folio with its head page only. */
	kpf = rec.state & HAS_FOLIO ? proc.head : proc.kpf;
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		same_bit(&rec, flags[i].state, "kpageflags", kpf, flags[i].kpf);
	if (rec.state & HAS_FOLIO)
		same_folio(&rec, &proc);
}

/* First, last, and some in between: enough of a huge page. */
static void agree_all(int fd, const struct kind_memory *m, const char *what)
{
	const size_t pages = m->len / page, samples = pages < 8 ? pages : 8;
	size_t i;

	tap_context("%s, %s", m->name, what);
	for (i = 0; i < samples; i++)
		agree(fd, m->addr + i * (pages / samples) * page);
	agree(fd, m->addr + m->len - page);
}

static void agree_written(int fd, const struct kind_memory *m)
{
	/* Until then a new VMA counts as soft-dirty, whatever its entries say. */
	need_sys(!sys_clear_soft_dirty());
	agree_all(fd, m, "populated");
	if (!m->hugetlb)
		expect_state(fd, m->addr, 0, SOFT_DIRTY);
	m->addr[0] = 'w';
	agree_all(fd, m, "written");
	expect_state(fd, m->addr, WRITABLE | PINSCOPE_STATE_DIRTY, 0);
	if (!m->hugetlb)
		expect_state(fd, m->addr, SOFT_DIRTY, 0);
	if (!m->shared)
		expect_state(fd, m->addr, EXCLUSIVE, 0);
}

static void agree_forked(int fd, const struct kind_memory *m)
{
	pid_t child = idle_child();

	agree_all(fd, m, "shared with a child");
	/*
	 * Fork takes what is left in the struct page of a PUD table for the
	 * share count of a PMD table (copy_hugetlb_page_range(), up to 7.3 at
	 * least), and may then leave gigantic pages out.
	 */
	if (!m->shared && (m->entry_size <= pmd_size ||
			   state_of(fd, m->addr).mapcount > 1))
		expect_state(fd, m->addr, 0, EXCLUSIVE | WRITABLE);
	child_end(child);
}

static void agree_protected(int fd, const struct kind_memory *m)
{
	int uffd;

	mprotect(m->addr, m->len, PROT_READ);
	agree_all(fd, m, "PROT_READ");
	expect_state(fd, m->addr, 0, WRITABLE);
	mprotect(m->addr, m->len, PROT_NONE);
	agree_all(fd, m, "PROT_NONE");
	mprotect(m->addr, m->len, RW);
	if (!m->anon)
		return;
	uffd = sys_uffd_wp(m->addr, m->len, 0);
	need_ok(uffd < 0 ? uffd : 0, "userfaultfd-wp");
	agree_all(fd, m, "userfaultfd-wp");
	expect_state(fd, m->addr, UFFD_WP, WRITABLE);
	close(uffd);
	if (!sys_has_uffd_feature(UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC))
		return;
	uffd = sys_uffd_rwp(m->addr, m->len, UFFD_FEATURE_RWP_ASYNC);
	need_ok(uffd < 0 ? uffd : 0, "userfaultfd-rwp");
	agree_all(fd, m, "userfaultfd-rwp");
	expect_state(fd, m->addr, UFFD_RWP | PINSCOPE_STATE_PROTNONE,
		     UFFD_WP | WRITABLE | PINSCOPE_STATE_NUMA_HINT);
	/* What is swapped out waits for the access, too; hugetlb is not swapped. */
	madvise(m->addr, m->len, MADV_PAGEOUT);
	expect_state(fd, m->addr, UFFD_RWP, UFFD_WP);
	(void)*(volatile char *)m->addr;
	expect_state(fd, m->addr, PRESENT, UFFD_RWP, "accessed");
	close(uffd);
}

/* In the same memory and with the same files; otherwise its own fork would wait for it. */
static int answer_fork(void *arg)
{
	struct pollfd fork_event = { .fd = *(int *)arg, .events = POLLIN };
	struct uffd_msg msg;

	return poll(&fork_event, 1, -1) != 1 ||
	       read(fork_event.fd, &msg, sizeof(msg)) != sizeof(msg);
}

/* Fork copies a pinned page; with the event the child's memory is protected, too. */
static void test_forked_uffd_wp(struct abi_fixture *f)
{
	static char stack[65536] __attribute__((aligned(16)));
	int uffd = sys_uffd_wp(f->mem, page, UFFD_FEATURE_EVENT_FORK |
					     UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	pid_t handler, child;

	need_ok(uffd < 0 ? uffd : 0, "userfaultfd-wp");
	pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	expect_state(f->ctl, f->mem, PINSCOPE_STATE_UFFD_WP, 0);
	handler = clone(answer_fork, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD,
			&uffd);
	need_sys(handler > 0);
	child = must_fork();
	if (!child)
		_exit(!expect_state(f->ctl, f->mem, PINSCOPE_STATE_UFFD_WP, 0, "in the child"));
	expect_eq(status_of(child), 0, "status of the child");
	expect_eq(status_of(handler), 0, "status of who reads the event");
	close(uffd);
}

/* Each kind through the conditions that change its page table entries. */
static void test_agree(struct abi_fixture *f)
{
	struct kind_memory *m;
	const char *kind;
	size_t nr;

	for (nr = 0; (kind = kind_name(nr)); nr++) {
		tap_context("%s", kind);
		m = get_memory(f->ctl, kind);
		agree_written(f->ctl, m);
		agree_forked(f->ctl, m);
		agree_protected(f->ctl, m);
		madvise(m->addr, m->len, MADV_DONTNEED);
		agree_all(f->ctl, m, "empty");
		put_memory(m);
	}
	tap_context("in the end");
	expect_ge(nr, 10, "kinds");
}

/* One THP, mapped by PTEs, with holes and single pages that are not exclusive. */
static void test_agree_pte_mapped_thp(struct abi_fixture *f)
{
	struct kind_memory *m = get_memory(f->ctl, "thp");
	const size_t mapped = m->len / page - 3;
	struct pinscope_info info = get_info(f->ctl);
	struct records r;
	size_t i, pages = 0;

	munmap(m->addr + 5 * page, page);
	madvise(m->addr + 100 * page, 2 * page, MADV_DONTNEED);
	for (i = 0; i < m->len / page; i++) {
		tap_context("page %zu", i);
		agree(f->ctl, m->addr + i * page);
	}
	tap_context("records");
	r = inspect(f->ctl, pinscope_self(), pinscope_addr(m->addr), m->len);
	/* Three runs: the VMA ends at the hole, the entries at the other. */
	expect_eq(r.nr, 3);
	for (i = 0; i < r.nr; i++) {
		pages += r.rec[i].pages;
		/* With CONFIG_NO_PAGE_MAPCOUNT nobody can tell. */
		expect_eq(r.rec[i].state & PINSCOPE_STATE_PARTIALLY_MAPPED,
			  info.states & PINSCOPE_STATE_PARTIALLY_MAPPED);
		expect_eq(r.rec[i].mapcount, mapped);
	}
	expect_eq(pages, mapped);
	free(r.rec);
}

static void test_agree_swapped(struct abi_fixture *f)
{
	struct records r;
	size_t i, pages = 0;
	uint64_t pm;

	memset(f->mem, 's', f->len);
	if (madvise(f->mem, f->len, MADV_PAGEOUT) ||
	    pagemap(f->mem) & PM_PRESENT)
		tap_skip("nothing is swapped out: is there swap?");
	for (i = 0; i < f->len; i += page)
		agree(f->ctl, f->mem + i);
	r = inspect(f->ctl, pinscope_self(), pinscope_addr(f->mem), f->len);
	for (i = 0; i < r.nr; i++) {
		tap_context("record %zu", i);
		pm = pagemap((void *)(uintptr_t)r.rec[i].addr);
		expect_bits(pinscope_state_names, r.rec[i].state,
			    PINSCOPE_STATE_SWAP | EXCLUSIVE, 0);
		expect_ne(pm & PM_SWAP, 0);
		expect_eq(r.rec[i].swap_type, PM_SWAP_TYPE(pm));
		expect_eq(r.rec[i].swap_offset, PM_SWAP_OFFSET(pm));
		pages += r.rec[i].pages;
	}
	tap_context("%zu records", r.nr);
	expect_eq(pages, f->len / page);
	free(r.rec);
}

/* ------------------------------------------------------ single page states */

/*
 * NUMA balancing comes around in its own time, and only to what is on another
 * node than the one that runs the process. The page must not be touched meanwhile:
 * a hint that is not seen before that brings it to this node for good.
 */
static void wait_for_numa_hint(int fd, char *addr)
{
	const uint64_t hint = PINSCOPE_STATE_NUMA_HINT;
	int i, node = 1, status = 0;
	cpu_set_t cpu0;

	CPU_ZERO(&cpu0);
	CPU_SET(0, &cpu0);
	sched_setaffinity(0, sizeof(cpu0), &cpu0);
	syscall(SYS_move_pages, 0, 1UL, &addr, &node, &status, 0);
	expect_eq(status, 1, "move_pages");
	need_write_file("/proc/sys/kernel/numa_balancing", "1");
	sys_write_file("/sys/kernel/debug/sched/numa_balancing/scan_delay_ms", "1");
	sys_write_file("/sys/kernel/debug/sched/numa_balancing/scan_period_min_ms", "1");
	for (i = 0; !(state_of(fd, addr).state & hint) && i < 1000000; i++)
		;
}

static void test_protnone(struct abi_fixture *f)
{
	const uint64_t protnone = PINSCOPE_STATE_PROTNONE;
	const uint64_t hint = PINSCOPE_STATE_NUMA_HINT;
	struct pinscope_info info = get_info(f->ctl);

	if ((info.states & (protnone | hint)) != (protnone | hint))
		tap_skip("the kernel is built without NUMA balancing");
	expect_state(f->ctl, f->mem, 0, protnone | hint, "accessible");
	mprotect(f->mem, page, PROT_NONE);
	expect_state(f->ctl, f->mem, protnone | PRESENT, hint, "PROT_NONE");
	mprotect(f->mem, page, RW);
	wait_for_numa_hint(f->ctl, f->mem);
	expect_state(f->ctl, f->mem, protnone | hint | PRESENT, 0,
		     "NUMA hinting");
	need_write_file("/proc/sys/kernel/numa_balancing", "0");
}

static void test_mlocked(struct abi_fixture *f)
{
	expect_state(f->ctl, f->mem, 0, PINSCOPE_STATE_MLOCKED);
	need_sys(!mlock(f->mem, page));
	expect_state(f->ctl, f->mem, PINSCOPE_STATE_MLOCKED, 0);
	agree(f->ctl, f->mem);
	munlock(f->mem, page);
}

static void test_young(struct abi_fixture *f)
{
	f->mem[0] = 1;
	expect_state(f->ctl, f->mem, PINSCOPE_STATE_YOUNG, 0, "written");
	need_write_file("/proc/self/clear_refs", "1");
	expect_state(f->ctl, f->mem, 0, PINSCOPE_STATE_YOUNG, "cleared");
}

#define KSM	"/sys/kernel/mm/ksm/"

static void test_ksm(struct abi_fixture *f)
{
	char *first = f->mem, *second = f->mem + page;
	int i;

	/* Until then a new VMA counts as soft-dirty, whatever its entries say. */
	need_sys(!sys_clear_soft_dirty());
	memset(first, 'k', 2 * page);
	expect_state(f->ctl, first, 0, PINSCOPE_STATE_KSM, "before");
	need_sys(!madvise(first, 2 * page, MADV_MERGEABLE));
	need_write_file(KSM "sleep_millisecs", "1");
	need_write_file(KSM "pages_to_scan", "10000");
	need_write_file(KSM "run", "1");
	for (i = 0; i < 1000; i++) {
		if (state_of(f->ctl, first).pfn == state_of(f->ctl, second).pfn)
			break;
		usleep(10000);
	}
	expect_state(f->ctl, first, PINSCOPE_STATE_KSM | ANON,
		     EXCLUSIVE | WRITABLE, "merged");
	expect_eq(state_of(f->ctl, first).mapcount, 2);
	agree(f->ctl, first);
	need_write_file(KSM "run", "2");
	expect_state(f->ctl, first, ANON, PINSCOPE_STATE_KSM, "unmerged");
	need_write_file(KSM "run", "0");
}

static void test_node(struct abi_fixture *f)
{
	unsigned int i, node;
	unsigned long mask;

	for (i = 0; i < 4; i++) {
		node = i & 1;
		mask = 1UL << node;
		tap_context("node %u", node);
		need_sys(!syscall(SYS_mbind, f->mem, page, MPOL_BIND, &mask,
				  3UL, MPOL_MF_MOVE));
		f->mem[0] = i;
		expect_eq(state_of(f->ctl, f->mem).node, node + 1);
	}
}

/* Zapped file memory with userfaultfd-wp leaves a marker. */
static void test_marker_uffd_wp(struct abi_fixture *f)
{
	const uint64_t marker = PINSCOPE_STATE_MARKER;
	int memfd = make_memfd(page, 0), uffd;
	char *addr = map_file(page, RW, MAP_SHARED, memfd);

	addr[0] = 1;
	uffd = sys_uffd_wp(addr, page, UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
	need_ok(uffd < 0 ? uffd : 0, "userfaultfd-wp of shmem");
	expect_state(f->ctl, addr, UFFD_WP | PRESENT, marker, "armed");
	madvise(addr, page, MADV_DONTNEED);
	expect_state(f->ctl, addr, UFFD_WP | marker,
		     PRESENT | PINSCOPE_STATE_SWAP, "zapped");
	agree(f->ctl, addr);
	close(uffd);
	munmap(addr, page);
	close(memfd);
}

/* struct uffdio_poison and its ioctl: newer than some headers. */
#define POISON_IOCTL	_IOWR(UFFDIO, 8, struct uffdio_range[2])

static void test_marker_poison(struct abi_fixture *f)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_POISON,
	};
	struct uffdio_register reg = {
		.range = { pinscope_addr(f->mem), page },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_range poison[2] = { reg.range };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	need_sys(uffd >= 0);
	if (ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);	/* the kernel does not have UFFDIO_POISON */
		return;
	}
	need_sys(!ioctl(uffd, UFFDIO_REGISTER, &reg));
	need_sys(!ioctl(uffd, POISON_IOCTL, poison));
	expect_state(f->ctl, f->mem,
		     PINSCOPE_STATE_POISON | PINSCOPE_STATE_MARKER,
		     PRESENT | PINSCOPE_STATE_HWPOISON, "poisoned");
	close(uffd);
}

/* Entries that stand for something without a page. */
static void test_markers(struct abi_fixture *f)
{
	tap_context("userfaultfd-wp");
	test_marker_uffd_wp(f);
	tap_context("UFFDIO_POISON");
	test_marker_poison(f);
}

static void test_hwpoison(struct abi_fixture *f)
{
	uint64_t pfn;
	uint32_t id;
	char byte;

	f->mem[0] = 'h';
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	pfn = state_of(f->ctl, f->mem).pfn;
	expect_read(f->ctl, id, 0, 'h', "before");
	signal(SIGBUS, ignore_signal);
	if (madvise(f->mem, page, MADV_HWPOISON)) {
		/* A kernel without CONFIG_MEMORY_FAILURE has no such pages. */
		expect_ret(-errno, -EINVAL, "MADV_HWPOISON");
		return;
	}
	expect_state(f->ctl, f->mem, PINSCOPE_STATE_HWPOISON,
		     PINSCOPE_STATE_MARKER, "poisoned");
	expect_eq(state_of(f->ctl, f->mem).pfn, pfn);
	expect_ret(pinscope_read(f->ctl, id, 0, &byte, 1), -EHWPOISON);
}

/* A page of the process is charged to a memory cgroup, if only to the root. */
static void test_memcg(struct abi_fixture *f)
{
	expect_state(f->ctl, f->mem, PINSCOPE_STATE_MEMCG, 0);
}

/* A node with free pages in a movable zone, or -1. */
static int movable_node(void)
{
	char line[200], zone[32] = "";
	int node = -1, found = -1;
	long nr;
	FILE *file = fopen("/proc/zoneinfo", "re");

	need_sys(file, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %d, zone %31s", &node, zone) == 2)
			continue;
		if (sscanf(line, " pages free %ld", &nr) == 1 && nr &&
		    !strcmp(zone, "Movable"))
			found = node;
	}
	fclose(file);
	return found;
}

/* A hole of a DAX file is mapped by the huge zeropage where a PMD fits. */
static void test_dax_hole(struct abi_fixture *f)
{
	const uint64_t huge_zeropage = PINSCOPE_STATE_HUGE_ZEROPAGE;
	char *addr;
	int file;

	if (access(DAX_DIR, W_OK))
		tap_skip("no file system with DAX on " DAX_DIR);
	file = make_file(DAX_DIR, pmd_size);
	/* mmap() of a 32-bit process does not align it by itself. */
	addr = map_anon_aligned(pmd_size);
	need_sys(mmap(addr, pmd_size, RW, MAP_SHARED | MAP_FIXED, file, 0) == addr);
	(void)*(volatile char *)addr;
	if (state_of(f->ctl, addr).map_shift != pmd_shift)
		tap_skip("no PMD maps a file of " DAX_DIR);
	expect_state(f->ctl, addr, huge_zeropage,
		     PINSCOPE_STATE_ANON | PINSCOPE_STATE_WRITABLE, "read");
	addr[0] = 'd';
	expect_state(f->ctl, addr, PINSCOPE_STATE_WRITABLE, huge_zeropage,
		     "written");
	munmap(addr, pmd_size);
	close(file);
}

/*
 * Whether there is a movable zone depends on the kernel's command line; the
 * test checks either case. A long-term pin leaves that zone: the page moves,
 * and that is not COW.
 */
static void test_zones(struct abi_fixture *f)
{
	const uint64_t movable = PINSCOPE_STATE_ZONE_MOVABLE;
	const uint64_t pinnable = PINSCOPE_STATE_LONGTERM_PINNABLE;
	int node = movable_node();
	bool zone = node >= 0;
	unsigned long mask = 1UL << (zone ? node : 0);
	struct pinscope_page before, after;
	uint32_t id;

	need_sys(!syscall(SYS_mbind, f->mem, page, MPOL_BIND, &mask, 9UL, 0));
	f->mem[0] = 'z';
	tap_context("the kernel has %s movable zone", zone ? "a" : "no");
	before = state_of(f->ctl, f->mem);
	expect_bits(pinscope_state_names, before.unknown, 0, movable | pinnable);
	expect_bits(pinscope_state_names, before.state,
		    zone ? movable : pinnable, zone ? pinnable : movable);
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	expect_eq(state_of(f->ctl, f->mem).pfn, before.pfn,
		  "a pin without LONGTERM moves nothing");
	expect_ok(pinscope_unpin(f->ctl, id));
	drain_lru();
	pin(f->ctl, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM, f->mem, page);
	after = state_of(f->ctl, f->mem);
	if (zone)
		expect_ne(after.pfn, before.pfn, "LONGTERM leaves the zone");
	else
		expect_eq(after.pfn, before.pfn, "LONGTERM moves nothing");
	expect_bits(pinscope_state_names, after.state, pinnable, movable);
	expect_eq(f->mem[0], 'z');
}

/* Gives a node so many huge pages more. */
static int add_to_pool_of_node(int node, long pages)
{
	char path[120], text[24];

	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%d/hugepages/hugepages-%zukB/nr_hugepages", node,
		 pmd_size >> 10);
	snprintf(text, sizeof(text), "%ld", sys_read_number(path) + pages);
	return sys_write_file(path, text);
}

/* Before Linux 6.6 GUP warned, so that the module refuses. */
static void test_movable_hugetlb(struct abi_fixture *f)
{
	const uint64_t movable = PINSCOPE_STATE_ZONE_MOVABLE;
	char *addr = map_anon(pmd_size, RW, MAP_HUGETLB | pmd_shift << MAP_HUGE_SHIFT);
	bool moves = running_kernel() >= KERNEL(6, 6);
	int node = movable_node(), status = -1, ret;
	void *at = addr;
	uint32_t id;

	addr[0] = 'h';
	need_sys(node >= 0, "a movable node");
	/* Without one there the page of the pool would go there, and stay. */
	need_ok(add_to_pool_of_node(node, 1));
	need_sys(!syscall(SYS_move_pages, 0, 1UL, &at, &node, &status, MPOL_MF_MOVE_ALL));
	expect_eq(status, node);
	expect_state(f->ctl, addr, movable, PINSCOPE_STATE_LONGTERM_PINNABLE, "moved");
	expect_ok(pinscope_unpin(f->ctl, pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, addr,
					     pmd_size)));
	ret = pinscope_pin(f->ctl, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, addr,
			   pmd_size, &id);
	expect_eq(ret, moves ? 0 : -EOPNOTSUPP);
	expect_state(f->ctl, addr, moves ? PINSCOPE_STATE_LONGTERM_PINNABLE : movable,
		     moves ? movable : PINSCOPE_STATE_LONGTERM_PINNABLE, "after the pin");
	expect_eq(addr[0], 'h');
	if (!ret)
		expect_ok(pinscope_unpin(f->ctl, id));
	munmap(addr, pmd_size);
	expect_ok(add_to_pool_of_node(node, -1));
}

/* --------------------------------------------------------------------- RSS */

static struct pinscope_rss rss_of_self(int fd)
{
	struct pinscope_rss rss;

	need_ok(pinscope_rss(fd, pinscope_self(), &rss));
	return rss;
}

/* Each kind adds its pages to one counter, and takes them away in the end. */
static void test_rss(struct abi_fixture *f)
{
	const struct {
		const char *kind;
		int file, anon, shmem;
	} kinds[] = {
		{ "file-private[ext4]", 1, 0, 0 }, { "anon", 0, 1, 0 },
		{ "thp", 0, 1, 0 }, { "memfd-private", 0, 0, 1 },
		{ "zeropage", 0, 0, 0 }, { "huge-zeropage", 0, 0, 0 },
		{ hugetlb_kind("hugetlb-private", pmd_size), 0, 0, 0 },
	};
	struct pinscope_rss before, with, after;
	struct kind_memory *m;
	int64_t pages;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		tap_context("%s", kinds[i].kind);
		/* What it takes to make one is mapped by then. */
		put_memory(get_memory(f->ctl, kinds[i].kind));
		before = rss_of_self(f->ctl);
		m = get_memory(f->ctl, kinds[i].kind);
		with = rss_of_self(f->ctl);
		pages = m->len / page;
		put_memory(m);
		after = rss_of_self(f->ctl);
		/* Not before: the code of this program is shmem, or a file. */
		expect_eq(with.anon - before.anon, kinds[i].anon * pages);
		expect_eq(with.file - before.file, kinds[i].file * pages);
		expect_eq(with.shmem - before.shmem, kinds[i].shmem * pages);
		expect_eq(after.anon, before.anon);
		expect_eq(after.file, before.file);
		expect_eq(after.shmem, before.shmem);
	}
}

/* ----------------------------------------------------------------- of a pin */

/* The bits of entries, which a pin does not have. */
#define OF_ENTRIES	(PRESENT | WRITABLE | SOFT_DIRTY | \
			 PINSCOPE_STATE_DIRTY | PINSCOPE_STATE_YOUNG)

/* A record of the pin and one of the mapping describe the same pages. */
static void same_pages(const struct pinscope_page *pinned,
		       const struct pinscope_page *mapped, uint64_t start)
{
	const uint64_t known = ~(OF_ENTRIES | mapped->unknown);

	expect_eq(pinned->addr, mapped->addr - start);
	expect_eq(pinned->pages, mapped->pages);
	expect_eq(pinned->pfn, mapped->pfn);
	expect_eq(pinned->folio_pfn, mapped->folio_pfn);
	expect_eq(pinned->folio_order, mapped->folio_order);
	expect_bits(pinscope_state_names, pinned->unknown, OF_ENTRIES,
		    EXCLUSIVE, "unknown bits");
	expect_bits(pinscope_state_names, pinned->state, mapped->state & known,
		    (~mapped->state & known) | OF_ENTRIES,
		    "expected as in the mapping");
}

static void inspect_pin(int fd, const char *kind)
{
	struct kind_memory *m = get_memory(fd, kind);
	uint32_t id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, m->addr, m->len);
	const uint64_t start = pinscope_addr(m->addr);
	struct records pinned = inspect(fd, pinscope_pinned(id), 0, m->len);
	struct records mapped = inspect(fd, pinscope_self(), start, m->len);
	size_t i;

	need_eq(pinned.nr, mapped.nr, "records");
	for (i = 0; i < pinned.nr; i++) {
		tap_context("%s, record %zu", kind, i);
		same_pages(&pinned.rec[i], &mapped.rec[i], start);
	}
	free(pinned.rec);
	free(mapped.rec);
	expect_ok(pinscope_unpin(fd, id));
	put_memory(m);
}

/* INSPECT of a pin: the pages without the entries. */
static void test_inspect_pin(struct abi_fixture *f)
{
	const char *const kinds[] = {
		"anon", "thp", hugetlb_kind("hugetlb-private", pmd_size),
		"memfd-private",
	};
	struct kind_memory *m;
	struct records r;
	uint32_t id;
	size_t k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		tap_context("%s", kinds[k]);
		inspect_pin(f->ctl, kinds[k]);
	}
	tap_context("zeropage");
	m = get_memory(f->ctl, "zeropage");
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, m->addr, page);
	r = inspect(f->ctl, pinscope_pinned(id), 0, page);
	need_eq(r.nr, 1);
	expect_bits(pinscope_state_names, r.rec[0].state,
		    PINSCOPE_STATE_ZEROPAGE, 0);
	free(r.rec);
}

/* Pinned folios of physical memory, at @pfn of @nr pages. */
static struct records inspect_physical(int fd, uint64_t pfn, uint64_t nr)
{
	return inspect(fd, pinscope_physical(), pfn * page, nr * page);
}

/* INSPECT of physical memory: folios that are pinned, and no others. */
static void test_inspect_physical(struct abi_fixture *f)
{
	struct pinscope_page is = state_of(f->ctl, f->mem);
	uint32_t id;
	struct records r = inspect_physical(f->ctl, is.pfn, 1);

	expect_eq(r.nr, 0, "not pinned");
	free(r.rec);
	id = pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, f->mem, page);
	is = state_of(f->ctl, f->mem);
	r = inspect_physical(f->ctl, is.pfn, 1);
	need_eq(r.nr, 1, "pinned");
	expect_eq(r.rec[0].addr, is.pfn * page);
	expect_eq(r.rec[0].pfn, is.pfn);
	expect_eq(r.rec[0].pages, 1);
	expect_eq(r.rec[0].refcount, is.refcount);
	expect_eq(r.rec[0].mapcount, is.mapcount);
	expect_eq(r.rec[0].pincount, 1);
	expect_bits(pinscope_state_names, r.rec[0].state,
		    PINSCOPE_STATE_MAYBE_PINNED | ANON | HAS_FOLIO, OF_ENTRIES);
	free(r.rec);
	expect_ok(pinscope_unpin(f->ctl, id));
	r = inspect_physical(f->ctl, is.pfn, 1);
	expect_eq(r.nr, 0, "unpinned");
	free(r.rec);
}

/* The range may begin and end inside of a folio; one pin is enough for all of it. */
static void test_inspect_physical_thp(struct abi_fixture *f)
{
	struct kind_memory *m = get_memory(f->ctl, "thp");
	struct pinscope_page is = state_of(f->ctl, m->addr);
	struct records r;

	pin(f->ctl, PINSCOPE_CALL_PIN_FAST, 0, m->addr + 7 * page, page);
	r = inspect_physical(f->ctl, is.pfn + 3, 100);
	tap_need(expect_ge(r.nr, 1));
	expect_eq(r.rec[0].pfn, is.pfn + 3);
	expect_eq(r.rec[0].folio_pfn, is.pfn);
	expect_eq(r.rec[0].pincount, 1);
	expect_eq(r.rec[r.nr - 1].addr + r.rec[r.nr - 1].pages * page,
		  (is.pfn + 103) * page);
	free(r.rec);
}

static void test_inspect_physical_input(struct abi_fixture *f)
{
	struct pinscope_target target = pinscope_physical();
	struct pinscope_page *records;
	const uint64_t end = 1ULL << 52;
	size_t nr;

	expect_ret(pinscope_inspect(f->ctl, target, end, page, &records, &nr), -EFAULT);
	expect_ret(pinscope_inspect(f->ctl, target, 1, page, &records, &nr), -EINVAL);
	/* No machine has memory there. */
	need_ok(pinscope_inspect(f->ctl, target, end / 2, end / 2, &records, &nr));
	expect_eq(nr, 0);
	free(records);
	need_sys(!seteuid(NOBODY));
	expect_ret(pinscope_inspect(f->ctl, target, 0, page, &records, &nr), -EPERM);
	need_sys(!seteuid(0));
	target.target_nr = 1;
	expect_ret(pinscope_inspect(f->ctl, target, 0, page, &records, &nr), -EINVAL);
	target.target_nr = 0;
	expect_ret(pinscope_fault(f->ctl, target, 0, page, 0, NULL, NULL), -EINVAL);
}

const struct test inspect_tests[] = {
	TEST("INSPECT: sparse terabyte", test_inspect_sparse),
	TEST("INSPECT: small folios in one record", test_small_folios),
	TEST("INSPECT: small folios, room for few records", test_record_limits),
	TEST("INSPECT: small folios of a pin", test_small_folios_pinned),
	TEST("INSPECT: folio of two pages", test_order_1),
	TEST("INSPECT: huge page, THP", test_huge_thp),
	TEST("INSPECT: huge page, hugetlb of a PMD", test_huge_hugetlb),
	TEST("INSPECT: huge page, hugetlb of a PUD", test_huge_gigantic),
	TEST("INSPECT agrees with /proc: kinds and conditions", test_agree),
	TEST("INSPECT agrees with /proc: PTE-mapped THP",
	     test_agree_pte_mapped_thp),
	TEST_PAGES("INSPECT agrees with /proc: swapped out",
		   test_agree_swapped, 16),
	TEST_POPULATED("fork: a pinned page that userfaultfd protects", test_forked_uffd_wp, 1),
	TEST("INSPECT: of a pin", test_inspect_pin),
	TEST_POPULATED("INSPECT: physical memory", test_inspect_physical, 1),
	TEST("INSPECT: physical memory, a THP", test_inspect_physical_thp),
	TEST("INSPECT: physical memory, input", test_inspect_physical_input),
	TEST_POPULATED("INSPECT: PROT_NONE and NUMA hinting", test_protnone, 1),
	TEST_POPULATED("INSPECT: MLOCKED", test_mlocked, 1),
	TEST_POPULATED("INSPECT: YOUNG", test_young, 1),
	TEST_POPULATED("INSPECT: KSM", test_ksm, 2),
	TEST_PAGES("INSPECT: NUMA node", test_node, 1),
	TEST_PAGES("INSPECT: MARKER", test_markers, 1),
	TEST_POPULATED("INSPECT: HWPOISON", test_hwpoison, 1),
	TEST_POPULATED("INSPECT: MEMCG", test_memcg, 1),
	TEST("INSPECT: hole of a DAX file", test_dax_hole),
	TEST_PAGES("INSPECT: zones", test_zones, 1),
	TEST("PIN: a hugetlb page in movable memory", test_movable_hugetlb),
	TEST("RSS: kinds", test_rss),
	{}
};
