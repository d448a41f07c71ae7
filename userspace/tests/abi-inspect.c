// SPDX-License-Identifier: GPL-2.0-only
/*
 * INSPECT: its records, and what /proc/self/pagemap and /proc/kpageflags say of
 * the same pages.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "abi.h"

/* ------------------------------------------------------ INSPECT's records */

static void test_inspect_sparse(void)
{
	/* A terabyte, or what a 32-bit process has. */
	const size_t len = 1UL << (sizeof(long) == 8 ? 40 : 30), step = len / 64;
	char *addr = map(len, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	struct pinscope_inspect cmd;
	struct pinscope_page *recs, rec;
	int fd = open_ctl(), ret;
	size_t nr, i;

	madvise(addr, len, MADV_NOHUGEPAGE);
	for (i = 0; i < 64; i++)
		addr[i * step] = 1;
	ret = pinscope_inspect(fd, pinscope_self(), pinscope_addr(addr), len, &recs, &nr);
	need(!ret, "%s", pinscope_errno(ret));
	expect(nr == 64, "%zu records", nr);
	for (i = 0; i < nr && i < 64; i++)
		expect(recs[i].addr == (uintptr_t)addr + i * step &&
		       recs[i].pages == 1, "record %zu at 0x%llx", i,
		       recs[i].addr);
	free(recs);

	/* The same with room for one record at a time. */
	cmd.next = (uintptr_t)addr;
	for (nr = 0; cmd.next < (uintptr_t)addr + len; nr += cmd.nr) {
		cmd = (struct pinscope_inspect) {
			.size = sizeof(cmd), .record_size = sizeof(rec),
			.addr = cmd.next,
			.len = (uintptr_t)addr + len - cmd.next,
			.records = (uintptr_t)&rec, .nr = 1,
		};
		ret = pinscope_ioctl(fd, PINSCOPE_IOC_INSPECT, &cmd);
		need(!ret, "%s", pinscope_errno(ret));
		need(cmd.next > cmd.addr, "no progress");
	}
	expect(nr == 64, "%zu records one by one", nr);
}

/* A huge page is one record and one pin of many pages, and cheap to keep. */
static void huge_page(const char *name)
{
	struct pinscope_page *recs;
	struct memory m;
	int fd = open_ctl(), ret;
	size_t nr, pages;
	uint32_t id;

	get_memory(&m, fd, name, true);
	pages = m.kind->len / page;
	ret = pinscope_pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_LONGTERM, m.addr,
			   m.kind->len, &id);
	need(!ret, "%s", pinscope_errno(ret));
	ret = pinscope_inspect(fd, pinscope_self(), pinscope_addr(m.addr), m.kind->len, &recs, &nr);
	need(!ret, "%s", pinscope_errno(ret));
	expect(nr == 1 && recs[0].pages == pages &&
	       1UL << recs[0].folio_order == pages, "%zu records, order %u",
	       nr, recs[0].folio_order);
	expect(recs[0].pincount == (int)pages, "pincount %d",
	       recs[0].pincount);
	expect(recs[0].mapcount == 1, "mapcount %d", recs[0].mapcount);
	/* A part of it: the record is cut to what was asked for. */
	free(recs);
	ret = pinscope_inspect(fd, pinscope_self(), pinscope_addr(m.addr + 3 * page), 5 * page, &recs, &nr);
	need(!ret, "%s", pinscope_errno(ret));
	expect(nr == 1 && recs[0].pages == 5 &&
	       recs[0].addr == (uintptr_t)m.addr + 3 * page &&
	       recs[0].pfn == recs[0].folio_pfn + 3, "%zu records", nr);
	free(recs);
}

static void test_huge_thp(void)
{
	huge_page("anon-thp");
}

static void test_huge_hugetlb(void)
{
	huge_page("anon-hugetlb[2M]");
}

static void test_huge_gigantic(void)
{
	huge_page("anon-hugetlb[1G]");
}

/* ------------------------------------------------- INSPECT's witnesses */

#define PM_SOFT_DIRTY		(1ULL << 55)
#define PM_UFFD_WP		(1ULL << 57)
#define PM_PRESENT		(1ULL << 63)
#define PM_PFN			((1ULL << 55) - 1)

#define KPF_DIRTY		(1ULL << 4)
#define KPF_LRU			(1ULL << 5)
#define KPF_WRITEBACK		(1ULL << 8)
#define KPF_ANON		(1ULL << 12)
#define KPF_SWAPCACHE		(1ULL << 13)
#define KPF_SWAPBACKED		(1ULL << 14)
#define KPF_COMPOUND		(3ULL << 15)
#define KPF_HUGE		(1ULL << 17)
#define KPF_ZERO_PAGE		(1ULL << 24)
#define KPF_MLOCKED		(1ULL << 33)
#define KPF_ANON_EXCLUSIVE	(1ULL << 34)	/* with KPF_ANON */

static uint64_t word_of(const char *path, uint64_t index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t word;

	need(fd >= 0, "%s: %s", path, pinscope_errno(errno));
	need(pread(fd, &word, sizeof(word), index * sizeof(word)) ==
	     sizeof(word), "%s: %s", path, pinscope_errno(errno));
	close(fd);
	return word;
}

static uint64_t pagemap(const void *addr)
{
	return word_of("/proc/self/pagemap", (uintptr_t)addr / page);
}

/*
 * States that the kernel also tells otherwise. Not KSM: some kernels, 6.12 for
 * one, set KPF_KSM for every anonymous page.
 */
static const struct {
	const char *name;
	uint64_t state;		/* any of these */
	uint64_t kpf;
} flags[] = {
	{ "anonymous", PINSCOPE_STATE_ANON, KPF_ANON },
	{ "hugetlb", PINSCOPE_STATE_HUGETLB, KPF_HUGE },
	{ "zeropage", PINSCOPE_STATE_ZEROPAGE | PINSCOPE_STATE_HUGE_ZEROPAGE,
	  KPF_ZERO_PAGE },
	{ "dirty", PINSCOPE_STATE_FOLIO_DIRTY, KPF_DIRTY },
	{ "LRU", PINSCOPE_STATE_LRU, KPF_LRU },
	{ "writeback", PINSCOPE_STATE_WRITEBACK, KPF_WRITEBACK },
	{ "swapcache", PINSCOPE_STATE_SWAPCACHE, KPF_SWAPCACHE },
	{ "swapbacked", PINSCOPE_STATE_SWAPBACKED, KPF_SWAPBACKED },
	{ "mlocked", PINSCOPE_STATE_MLOCKED, KPF_MLOCKED },
};

/* What /proc says of a base page, and of the head page of its folio. */
struct proc_page {
	uint64_t pm, kpf, head, count;
};

static void read_proc(const char *addr, const struct pinscope_page *rec,
		      struct proc_page *proc)
{
	proc->pm = pagemap(addr);
	proc->kpf = 0;
	proc->head = 0;
	proc->count = 0;
	if (proc->pm & PM_PRESENT && proc->pm & PM_PFN) {
		proc->kpf = word_of("/proc/kpageflags", proc->pm & PM_PFN);
		proc->count = word_of("/proc/kpagecount", proc->pm & PM_PFN);
	}
	if (rec->state & PINSCOPE_STATE_HAS_FOLIO)
		proc->head = word_of("/proc/kpageflags", rec->folio_pfn);
}

static void witness(int fd, const char *addr, const char *what)
{
	struct pinscope_page rec, again;
	struct proc_page proc;
	char names[NAMES_MAX];
	uint64_t pm, kpf;
	int ret, tries = 0;
	size_t i;

	/* Some change by themselves: only what stood still can be compared. */
	do {
		ret = pinscope_page(fd, addr, &rec);
		need(!ret, "%s", pinscope_errno(ret));
		read_proc(addr, &rec, &proc);
		ret = pinscope_page(fd, addr, &again);
		need(!ret, "%s", pinscope_errno(ret));
	} while (memcmp(&rec, &again, sizeof(rec)) && ++tries < 100);
	need(tries < 100, "%s: never the same twice", what);

	pm = proc.pm;
	pinscope_names(pinscope_state_names, rec.state, names, sizeof(names));
	expect(!(rec.state & PINSCOPE_STATE_PRESENT) == !(pm & PM_PRESENT),
	       "%s: present in one only: %s, pagemap 0x%llx", what, names,
	       (unsigned long long)pm);
	expect(!(rec.state & PINSCOPE_STATE_UFFD_WP) == !(pm & PM_UFFD_WP),
	       "%s: %s, pagemap's uffd-wp %d", what, names,
	       !!(pm & PM_UFFD_WP));
	if (!(pm & PM_PRESENT))
		return;
	expect(rec.pfn == (pm & PM_PFN), "%s: PFN 0x%llx, pagemap 0x%llx",
	       what, rec.pfn, (unsigned long long)pm);
	/* Pagemap does not tell it of hugetlb. */
	if (!(rec.state & PINSCOPE_STATE_HUGETLB))
		expect(!(rec.state & PINSCOPE_STATE_SOFT_DIRTY) ==
		       !(pm & PM_SOFT_DIRTY), "%s: %s, pagemap's soft-dirty %d",
		       what, names, !!(pm & PM_SOFT_DIRTY));

	/* Some kernels show those of the folio with its head page only. */
	kpf = rec.state & PINSCOPE_STATE_HAS_FOLIO ? proc.head : proc.kpf;
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		expect(!(rec.state & flags[i].state) == !(kpf & flags[i].kpf),
		       "%s: %s: %s, kpageflags 0x%llx", what, flags[i].name,
		       names, (unsigned long long)kpf);
	if (!(rec.state & PINSCOPE_STATE_HAS_FOLIO))
		return;
	expect(!rec.folio_order == !(proc.kpf & KPF_COMPOUND),
	       "%s: order %u, kpageflags 0x%llx", what, rec.folio_order,
	       (unsigned long long)proc.kpf);
	expect((proc.head & KPF_COMPOUND) != KPF_COMPOUND,
	       "%s: not a head page", what);
	/* Huge mappings have it on their first page. */
	kpf = rec.map_shift > 12 ? proc.head : proc.kpf;
	expect(!(rec.state & PINSCOPE_STATE_EXCLUSIVE) ==
	       !((kpf & KPF_ANON) && (kpf & KPF_ANON_EXCLUSIVE)),
	       "%s: exclusive: %s, kpageflags 0x%llx", what, names,
	       (unsigned long long)kpf);
	if (!rec.folio_order)
		expect(rec.mapcount == (int)proc.count,
		       "%s: mapcount %d, kpagecount %llu", what, rec.mapcount,
		       (unsigned long long)proc.count);
}

/* First, last, and some in between: enough of a huge page. */
static void witness_all(int fd, const struct memory *m, const char *what)
{
	size_t pages = m->kind->len / page, i;
	char text[100];

	snprintf(text, sizeof(text), "%s %s", m->kind->name, what);
	for (i = 0; i < 8 && i < pages; i++)
		witness(fd, m->addr + i * (pages / (pages < 8 ? pages : 8)) * page,
			text);
	witness(fd, m->addr + m->kind->len - page, text);
}

static void clear_soft_dirty(void)
{
	need(write_file("/proc/self/clear_refs", "4"), "soft-dirty");
}

static int arm_uffd_wp(const struct memory *m)
{
	struct uffdio_range range = {
		.start = (uintptr_t)m->addr, .len = m->kind->len,
	};
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = range, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect wp = {
		.range = range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	need(fd >= 0 && !ioctl(fd, UFFDIO_API, &api), "userfaultfd: %s",
	     pinscope_errno(errno));
	need(!ioctl(fd, UFFDIO_REGISTER, &reg) &&
	     !ioctl(fd, UFFDIO_WRITEPROTECT, &wp), "userfaultfd-wp: %s",
	     pinscope_errno(errno));
	return fd;
}

/* One kind through the states that change what a page table entry says. */
static void witness_kind(const struct kind *kind)
{
	const uint64_t write = PINSCOPE_STATE_WRITABLE;
	const uint64_t soft = PINSCOPE_STATE_SOFT_DIRTY;
	const uint64_t exclusive = PINSCOPE_STATE_EXCLUSIVE;
	int fd = open_ctl(), go[2], uffd, status;
	struct pinscope_page rec;
	struct memory m;
	pid_t child;
	char byte;

	if (kind->len > 1UL << 21 && !kind->control)
		return;	/* one kind of gigantic page is enough, and slow */
	get_memory(&m, fd, kind->name, true);
	/* Until then a new VMA counts as soft-dirty, whatever its entries say. */
	clear_soft_dirty();
	witness_all(fd, &m, "populated");
	if (!kind->hugetlb_shift)
		expect(state_is(fd, m.addr, soft, 0), "%s: still soft-dirty",
		       kind->name);
	m.addr[0] = 'w';
	witness_all(fd, &m, "written");
	expect(state_is(fd, m.addr, write | PINSCOPE_STATE_DIRTY,
			write | PINSCOPE_STATE_DIRTY), "%s: not writable and dirty",
	       kind->name);
	if (!kind->hugetlb_shift)
		expect(state_is(fd, m.addr, soft, soft), "%s: not soft-dirty",
		       kind->name);
	if (!kind->shared)
		expect(state_is(fd, m.addr, exclusive, exclusive),
		       "%s: not exclusive", kind->name);

	need(!pipe(go), "pipe");
	child = must_fork();
	if (!child) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) != 0);
	}
	close(go[0]);
	witness_all(fd, &m, "shared with a child");
	/*
	 * Fork takes what is left in the struct page of a PUD table for the
	 * share count of a PMD table (copy_hugetlb_page_range(), up to 7.3 at
	 * least), and may then leave gigantic pages out.
	 */
	pinscope_page(fd, m.addr, &rec);
	if (!kind->shared && (kind->page <= 1UL << 21 || rec.mapcount > 1))
		expect(state_is(fd, m.addr, exclusive | write, 0),
		       "%s: exclusive or writable with a child", kind->name);
	close(go[1]);
	waitpid(child, &status, 0);

	mprotect(m.addr, kind->len, PROT_READ);
	witness_all(fd, &m, "read-only");
	expect(state_is(fd, m.addr, write, 0), "%s: writable", kind->name);
	mprotect(m.addr, kind->len, PROT_NONE);
	witness_all(fd, &m, "without permissions");
	mprotect(m.addr, kind->len, PROT_READ | PROT_WRITE);

	if (kind->backing == BACKING_NONE) {
		uffd = arm_uffd_wp(&m);
		witness_all(fd, &m, "userfaultfd-wp");
		expect(state_is(fd, m.addr, PINSCOPE_STATE_UFFD_WP | write,
				PINSCOPE_STATE_UFFD_WP), "%s: no uffd-wp",
		       kind->name);
		close(uffd);
	}
	madvise(m.addr, kind->len, MADV_DONTNEED);
	witness_all(fd, &m, "empty");
	memory_close(&m);
}

static void test_witness(void)
{
	size_t nr, i;
	struct kind *kinds = kinds_get("/var/tmp", &nr);

	need(kinds && nr >= 10, "%zu kinds", nr);
	for (i = 0; i < nr; i++)
		witness_kind(&kinds[i]);
	free(kinds);
}

/* One THP, mapped by PTEs, with holes and single pages that are not exclusive. */
static void test_witness_pte_mapped_thp(void)
{
	struct pinscope_page *recs;
	struct memory m;
	int fd = open_ctl(), ret;
	size_t nr, i, pages = 0;

	get_memory(&m, fd, "anon-thp", true);
	munmap(m.addr + 5 * page, page);
	madvise(m.addr + 100 * page, 2 * page, MADV_DONTNEED);
	for (i = 0; i < m.kind->len / page; i++)
		witness(fd, m.addr + i * page, "PTE-mapped THP");
	ret = pinscope_inspect(fd, pinscope_self(), pinscope_addr(m.addr), m.kind->len, &recs, &nr);
	need(!ret, "%s", pinscope_errno(ret));
	for (i = 0; i < nr; i++)
		pages += recs[i].pages;
	/* Three runs: the VMA ends at the hole, the entries at the other. */
	expect(nr == 3 && pages == m.kind->len / page - 3,
	       "%zu records, %zu pages", nr, pages);
	for (i = 0; i < nr; i++)
		expect(recs[i].state & PINSCOPE_STATE_PARTIALLY_MAPPED &&
		       recs[i].mapcount == (int)pages, "state 0x%llx, mapcount %d",
		       recs[i].state, recs[i].mapcount);
	free(recs);
}

static void test_witness_swapped(void)
{
	const size_t len = 16 * page;
	char *addr = map(len, PROT_READ | PROT_WRITE, 0);
	struct pinscope_page *recs;
	int fd = open_ctl(), ret;
	size_t nr, i, pages = 0;

	memset(addr, 's', len);
	if (madvise(addr, len, MADV_PAGEOUT) || pagemap(addr) & PM_PRESENT)
		tap_skip("nothing is swapped out: is there swap?");
	for (i = 0; i < len; i += page)
		witness(fd, addr + i, "swapped");
	ret = pinscope_inspect(fd, pinscope_self(), pinscope_addr(addr), len, &recs, &nr);
	need(!ret, "%s", pinscope_errno(ret));
	for (i = 0; i < nr; i++) {
		uint64_t pm = pagemap((void *)(uintptr_t)recs[i].addr);

		expect(recs[i].state & PINSCOPE_STATE_SWAP &&
		       recs[i].state & PINSCOPE_STATE_EXCLUSIVE,
		       "state 0x%llx", recs[i].state);
		expect(pm >> 62 & 1 && (pm & 31) == recs[i].swap_type &&
		       (pm >> 5 & ((1ULL << 50) - 1)) == recs[i].swap_offset,
		       "type %u offset %llu, pagemap 0x%llx", recs[i].swap_type,
		       recs[i].swap_offset, (unsigned long long)pm);
		pages += recs[i].pages;
	}
	expect(pages == 16, "%zu records, %zu pages", nr, pages);
	free(recs);
}

/* -------------------------------------------- states that take some doing */

static void test_protnone(void)
{
	const uint64_t both = PINSCOPE_STATE_PROTNONE | PINSCOPE_STATE_NUMA_HINT;
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_ctl(), i, node = 1, status = 0;
	struct pinscope_info info;
	cpu_set_t cpu0;

	need(!pinscope_info(fd, &info), "INFO");
	if ((info.states & both) != both)
		tap_skip("the kernel is built without NUMA balancing");
	expect_state(fd, addr, 0, both, "accessible");
	mprotect(addr, page, PROT_NONE);
	expect_state(fd, addr, PINSCOPE_STATE_PROTNONE | PINSCOPE_STATE_PRESENT,
		     PINSCOPE_STATE_NUMA_HINT, "mprotect");
	mprotect(addr, page, PROT_READ | PROT_WRITE);

	/*
	 * And by NUMA balancing, which comes around in its own time, and only
	 * to what is on another node than the one that runs the process.
	 */
	CPU_ZERO(&cpu0);
	CPU_SET(0, &cpu0);
	sched_setaffinity(0, sizeof(cpu0), &cpu0);
	syscall(SYS_move_pages, 0, 1UL, &addr, &node, &status, 0);
	expect(status == 1, "move_pages: %d", status);
	need(write_file("/proc/sys/kernel/numa_balancing", "1"), "NUMA balancing");
	write_file("/sys/kernel/debug/sched/numa_balancing/scan_delay_ms", "1");
	write_file("/sys/kernel/debug/sched/numa_balancing/scan_period_min_ms", "1");
	for (i = 0; (state_of(fd, addr).state & both) != both && i < 1000000; i++)
		if (!(i % 1000))
			*(volatile char *)(addr + 1) = i;
	expect_state(fd, addr, both | PINSCOPE_STATE_PRESENT, 0, "NUMA hinting");
	write_file("/proc/sys/kernel/numa_balancing", "0");
}

static void test_mlocked(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_ctl();

	expect_state(fd, addr, 0, PINSCOPE_STATE_MLOCKED, "before");
	need(!mlock(addr, page), "mlock: %s", pinscope_errno(errno));
	expect_state(fd, addr, PINSCOPE_STATE_MLOCKED, 0, "mlocked");
	witness(fd, addr, "mlocked");
	munlock(addr, page);
}

static void test_young(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_ctl();

	addr[0] = 1;
	expect_state(fd, addr, PINSCOPE_STATE_YOUNG, 0, "written");
	need(write_file("/proc/self/clear_refs", "1"), "clear_refs");
	expect_state(fd, addr, 0, PINSCOPE_STATE_YOUNG, "cleared");
}

#define KSM	"/sys/kernel/mm/ksm/"

static void test_ksm(void)
{
	char *addr = map(2 * page, PROT_READ | PROT_WRITE, MAP_POPULATE);
	int fd = open_ctl(), i;

	/* Until then a new VMA counts as soft-dirty, whatever its entries say. */
	clear_soft_dirty();
	memset(addr, 'k', 2 * page);
	expect_state(fd, addr, 0, PINSCOPE_STATE_KSM, "before");
	need(!madvise(addr, 2 * page, MADV_MERGEABLE), "MADV_MERGEABLE: %s",
	     pinscope_errno(errno));
	write_file(KSM "sleep_millisecs", "1");
	write_file(KSM "pages_to_scan", "10000");
	need(write_file(KSM "run", "1"), "KSM");
	for (i = 0; i < 1000; i++) {
		if (state_of(fd, addr).pfn == state_of(fd, addr + page).pfn)
			break;
		usleep(10000);
	}
	expect_state(fd, addr, PINSCOPE_STATE_KSM | PINSCOPE_STATE_ANON,
		     PINSCOPE_STATE_EXCLUSIVE | PINSCOPE_STATE_WRITABLE, "merged");
	expect(state_of(fd, addr).mapcount == 2, "mapcount %d",
	       state_of(fd, addr).mapcount);
	witness(fd, addr, "merged by KSM");
	write_file(KSM "run", "2");
	expect_state(fd, addr, PINSCOPE_STATE_ANON, PINSCOPE_STATE_KSM,
		     "unmerged");
	write_file(KSM "run", "0");
}

static void test_node(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	unsigned long node;
	int fd = open_ctl(), i;

	for (i = 0; i < 4; i++) {
		node = 1UL << (i & 1);
		need(!syscall(SYS_mbind, addr, page, MPOL_BIND, &node, 3UL,
			      MPOL_MF_MOVE), "mbind: %s", pinscope_errno(errno));
		addr[0] = i;
		expect(state_of(fd, addr).node == (i & 1) + 1, "%u on node %d",
		       state_of(fd, addr).node, i & 1);
	}
}

/* Entries that stand for something without a page. */
static void test_markers(void)
{
	int memfd = memfd_create("abi-test", MFD_CLOEXEC), fd = open_ctl(), uffd;
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	struct uffdio_range poison[2] = {};
	char *addr;

	need(memfd >= 0 && !ftruncate(memfd, page), "memfd: %s",
	     pinscope_errno(errno));
	addr = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	addr[0] = 1;
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	api.features = 1 << 12;		/* WP_HUGETLBFS_SHMEM */
	need(uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api), "userfaultfd: %s",
	     pinscope_errno(errno));
	reg.range = (struct uffdio_range) { pinscope_addr(addr), page };
	wp.range = reg.range;
	need(!ioctl(uffd, UFFDIO_REGISTER, &reg) &&
	     !ioctl(uffd, UFFDIO_WRITEPROTECT, &wp), "userfaultfd-wp: %s",
	     pinscope_errno(errno));
	expect_state(fd, addr, PINSCOPE_STATE_UFFD_WP | PINSCOPE_STATE_PRESENT,
		     PINSCOPE_STATE_MARKER, "armed");
	madvise(addr, page, MADV_DONTNEED);
	expect_state(fd, addr, PINSCOPE_STATE_UFFD_WP | PINSCOPE_STATE_MARKER,
		     PINSCOPE_STATE_PRESENT | PINSCOPE_STATE_SWAP, "zapped");
	witness(fd, addr, "zapped");
	close(uffd);

	addr = map(page, PROT_READ | PROT_WRITE, 0);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	api.features = 1 << 14;		/* POISON */
	if (ioctl(uffd, UFFDIO_API, &api))
		return;			/* not in this kernel */
	reg.range = (struct uffdio_range) { pinscope_addr(addr), page };
	reg.mode = UFFDIO_REGISTER_MODE_MISSING;
	poison[0] = reg.range;
	need(!ioctl(uffd, UFFDIO_REGISTER, &reg) &&
	     !ioctl(uffd, _IOWR(UFFDIO, 8, struct uffdio_range[2]), poison),
	     "UFFDIO_POISON: %s", pinscope_errno(errno));
	expect_state(fd, addr, PINSCOPE_STATE_POISON | PINSCOPE_STATE_MARKER,
		     PINSCOPE_STATE_PRESENT | PINSCOPE_STATE_HWPOISON,
		     "poisoned");
	close(uffd);
}

static void nothing(int sig)
{
	(void)sig;
}

static void test_hwpoison(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE), byte;
	int fd = open_ctl();
	uint64_t pfn;
	uint32_t id;

	addr[0] = 'h';
	id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, page);
	pfn = state_of(fd, addr).pfn;
	expect_ret(pinscope_read(fd, id, 0, &byte, 1), 0, "READ before");
	signal(SIGBUS, nothing);
	if (madvise(addr, page, MADV_HWPOISON)) {
		/* A kernel without CONFIG_MEMORY_FAILURE has no such pages. */
		expect(errno == EINVAL, "MADV_HWPOISON: %s", pinscope_errno(errno));
		return;
	}
	expect_state(fd, addr, PINSCOPE_STATE_HWPOISON, PINSCOPE_STATE_MARKER,
		     "poisoned");
	expect(state_of(fd, addr).pfn == pfn, "PFN 0x%llx, not 0x%llx",
	       state_of(fd, addr).pfn, (unsigned long long)pfn);
	expect_ret(pinscope_read(fd, id, 0, &byte, 1), -EHWPOISON, "READ");
}

/* A memory cgroup is there or not, but a page of ours is always in one. */
static void test_memcg(void)
{
	char *addr = map(page, PROT_READ | PROT_WRITE, MAP_POPULATE);

	expect_state(open_ctl(), addr, PINSCOPE_STATE_MEMCG, 0, "charged");
}

/* A node with free pages in a movable zone, or -1. */
static int movable_node(void)
{
	char line[200], zone[32];
	int node, found = -1;
	long nr;
	FILE *file = fopen("/proc/zoneinfo", "re");

	need(file, "zoneinfo: %s", pinscope_errno(errno));
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

/*
 * Whether there is a movable zone depends on the kernel's command line; this
 * has something to say of either case. A long-term pin leaves that zone: the
 * page moves, and that is not COW.
 */
static void test_zones(void)
{
	const uint64_t movable = PINSCOPE_STATE_ZONE_MOVABLE;
	const uint64_t stays = PINSCOPE_STATE_LONGTERM_PINNABLE;
	char *addr = map(page, PROT_READ | PROT_WRITE, 0);
	int fd = open_ctl(), node = movable_node();
	unsigned long mask = 1UL << (node < 0 ? 0 : node);
	struct pinscope_page before, after;
	bool zone = node >= 0;
	uint32_t id;

	need(!syscall(SYS_mbind, addr, page, MPOL_BIND, &mask, 9UL, 0),
	     "mbind: %s", pinscope_errno(errno));
	addr[0] = 'z';
	before = state_of(fd, addr);
	expect(!(before.unknown & (movable | stays)), "unknown 0x%llx",
	       before.unknown);
	expect((before.state & (movable | stays)) == (zone ? movable : stays),
	       "zone %d, state 0x%llx", zone, before.state);
	id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, addr, page);
	expect(state_of(fd, addr).pfn == before.pfn, "a short pin moved it");
	pinscope_unpin(fd, id);
	drain_lru();
	pin(fd, PINSCOPE_CALL_PIN, PINSCOPE_FOLL_LONGTERM, addr, page);
	after = state_of(fd, addr);
	expect((after.pfn != before.pfn) == zone && after.state & stays &&
	       !(after.state & movable) && addr[0] == 'z', "state 0x%llx",
	       after.state);
}

/* What each kind adds to the counters, and takes from them when it goes. */
static void test_rss(void)
{
	static const struct {
		const char *kind;
		int file, anon, shmem;
	} kinds[] = {
		{ "ext4", 1, 0, 0 }, { "anon", 0, 1, 0 }, { "anon-thp", 0, 1, 0 },
		{ "memfd", 0, 0, 1 }, { "zeropage", 0, 0, 0 },
		{ "huge-zeropage", 0, 0, 0 }, { "hugetlb[2M]", 0, 0, 0 },
	};
	struct pinscope_rss before, with, after;
	int fd = open_ctl();
	struct memory m;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		int64_t pages;

		/* What it takes to make one is mapped by then. */
		get_memory(&m, fd, kinds[i].kind, true);
		memory_close(&m);
		need(!pinscope_rss(fd, pinscope_self(), &before), "RSS");
		get_memory(&m, fd, kinds[i].kind, true);
		need(!pinscope_rss(fd, pinscope_self(), &with), "RSS");
		pages = m.kind->len / page;
		expect(with.anon - before.anon == kinds[i].anon * pages,
		       "%s: anon %+lld", kinds[i].kind, with.anon - before.anon);
		expect(with.file - before.file == kinds[i].file * pages,
		       "%s: file %+lld", kinds[i].kind, with.file - before.file);
		expect(with.shmem - before.shmem == kinds[i].shmem * pages,
		       "%s: shmem %+lld", kinds[i].kind, with.shmem - before.shmem);
		memory_close(&m);
		need(!pinscope_rss(fd, pinscope_self(), &after), "RSS");
		expect(after.anon == before.anon && after.file == before.file &&
		       after.shmem == before.shmem, "%s: stays counted",
		       kinds[i].kind);
	}
}

/* Looking through a pin: the pages without the entries. */
static void test_inspect_pin(void)
{
	const char *const kinds[] = { "anon", "anon-thp", "hugetlb[2M]", "memfd" };
	const uint64_t of_entries = PINSCOPE_STATE_PRESENT |
		PINSCOPE_STATE_WRITABLE | PINSCOPE_STATE_DIRTY |
		PINSCOPE_STATE_YOUNG | PINSCOPE_STATE_SOFT_DIRTY;
	struct pinscope_page *recs, *pages;
	int fd = open_ctl(), ret;
	struct memory m;
	size_t nr, nr_pages, i, k;
	uint32_t id;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		get_memory(&m, fd, kinds[k], true);
		id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, m.addr, m.kind->len);
		ret = pinscope_inspect(fd, pinscope_pinned(id), 0, m.kind->len, &recs, &nr);
		need(!ret, "INSPECT of a pin: %s", pinscope_errno(ret));
		ret = pinscope_inspect(fd, pinscope_self(), pinscope_addr(m.addr), m.kind->len,
				       &pages, &nr_pages);
		need(!ret && nr == nr_pages, "%s: %zu records and %zu", kinds[k],
		     nr, nr_pages);
		for (i = 0; i < nr; i++) {
			uint64_t seen = of_entries | pages[i].unknown;

			expect(recs[i].addr == pages[i].addr - pinscope_addr(m.addr) &&
			       recs[i].pages == pages[i].pages &&
			       recs[i].pfn == pages[i].pfn &&
			       recs[i].folio_pfn == pages[i].folio_pfn &&
			       recs[i].folio_order == pages[i].folio_order,
			       "%s: record %zu", kinds[k], i);
			expect((recs[i].unknown & of_entries) == of_entries &&
			       !(recs[i].unknown & PINSCOPE_STATE_EXCLUSIVE) &&
			       !(recs[i].state & of_entries) &&
			       !((recs[i].state ^ pages[i].state) & ~seen),
			       "%s: states 0x%llx and 0x%llx", kinds[k],
			       recs[i].state, pages[i].state);
		}
		free(recs);
		free(pages);
		pinscope_unpin(fd, id);
		memory_close(&m);
	}
	get_memory(&m, fd, "zeropage", true);
	id = pin(fd, PINSCOPE_CALL_PIN_FAST, 0, m.addr, page);
	ret = pinscope_inspect(fd, pinscope_pinned(id), 0, page, &recs, &nr);
	need(!ret && nr == 1, "%s, %zu records", pinscope_errno(ret), nr);
	expect(recs[0].state & PINSCOPE_STATE_ZEROPAGE, "state 0x%llx",
	       recs[0].state);
	free(recs);
}

const struct test inspect_tests[] = {
	{ "INSPECT: sparse terabyte", test_inspect_sparse },
	{ "huge: THP", test_huge_thp },
	{ "huge: hugetlb 2M", test_huge_hugetlb },
	{ "huge: hugetlb 1G", test_huge_gigantic },
	{ "INSPECT agrees with /proc: kinds and states", test_witness },
	{ "INSPECT agrees with /proc: PTE-mapped THP", test_witness_pte_mapped_thp },
	{ "INSPECT agrees with /proc: swapped out", test_witness_swapped },
	{ "INSPECT: of a pin", test_inspect_pin },
	{ "INSPECT: PROT_NONE and NUMA hinting", test_protnone },
	{ "INSPECT: mlocked", test_mlocked },
	{ "INSPECT: young", test_young },
	{ "INSPECT: KSM", test_ksm },
	{ "INSPECT: NUMA node", test_node },
	{ "INSPECT: markers", test_markers },
	{ "INSPECT: hwpoison", test_hwpoison },
	{ "INSPECT: memory cgroup", test_memcg },
	{ "INSPECT: zones", test_zones },
	{ "RSS", test_rss },
	{}
};
