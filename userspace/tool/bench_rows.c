// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of pinscope bench. A new row is one line of bench_rows[].
 */
#include "bench.h"

/* Base pages: some MiB, more than a second-level TLB maps by PTEs. */
enum { PAGES = 4096, FRESH_PAGES = 1024 };

#define KEPT(memory_name, ...)	{ .name = (memory_name), .pages = PAGES, __VA_ARGS__ }
/* Those that works change. */
#define FRESH(memory_name, ...)						\
	{ .name = (memory_name), .pages = FRESH_PAGES, .fresh = true, __VA_ARGS__ }
#define SHARED(of)							\
	FRESH(of ".cow-shared", .kind = (of), .make = bench_cow_shared)

static const struct bench_memory
	anon = KEPT("anon", .kind = "anon"),
	mthp = KEPT("mthp[64K]", .make = bench_mthp),
	thp = KEPT("thp", .kind = "thp"),
	hugetlb = KEPT("hugetlb-anon[2M]", .kind = "hugetlb-anon[2M]"),
	contiguous = KEPT("anon.contiguous", .make = bench_contiguous),
	scattered = KEPT("anon.scattered", .make = bench_scattered),
	sparse = KEPT("anon.sparse-1T", .make = bench_sparse),
	zeropage = FRESH("zeropage", .kind = "zeropage"),
	huge_zeropage = FRESH("huge-zeropage", .kind = "huge-zeropage"),
	memfd = FRESH("memfd-private", .kind = "memfd-private"),
	anon_shared = SHARED("anon"),
	mthp_shared = FRESH("mthp[64K].cow-shared", .make = bench_mthp_shared),
	thp_shared = SHARED("thp"),
	hugetlb_shared = SHARED("hugetlb-anon[2M]"),
	anon_fork = FRESH("anon", .kind = "anon"),
	thp_fork = FRESH("thp", .kind = "thp"),
	hugetlb_fork = FRESH("hugetlb-anon[2M]", .kind = "hugetlb-anon[2M]");

#define CALL(name)	.call = PINSCOPE_CALL_##name
#define FLAGS(bits)	.gup_flags = (bits)
#define PEERS(...)	.peers = { __VA_ARGS__ }
#define LONGTERM	PINSCOPE_FOLL_LONGTERM
#define WRITE		PINSCOPE_FOLL_WRITE

/* What drivers do with the kinds of memory that they meet most. */
#define PIN_FAST(memory)						\
	{ &(memory), "pin-fast", "A short-term pin for reading, 512 pages a call.", \
	  work_pin, PER_PAGE, PEERS(&peer_gup, &peer_gup_test_pin),	\
	  CALL(PIN_FAST), .batch = 512 }

#define UNPIN(memory)							\
	{ &(memory), "unpin", "Release what pin-fast has pinned.",	\
	  work_unpin, PER_PAGE, PEERS(&peer_gup_test_unpin, &peer_io_uring_unregister), \
	  CALL(PIN_FAST), .batch = 512 }

#define PIN_FAST_LONGTERM(memory)					\
	{ &(memory), "pin-fast+LONGTERM",				\
	  "A long-term pin for reading, 512 pages a call.",		\
	  work_pin, PER_PAGE, PEERS(&peer_gup),				\
	  CALL(PIN_FAST), FLAGS(LONGTERM), .batch = 512 }

#define PIN_FAST_LONGTERM_WRITE(memory)					\
	{ &(memory), "pin-fast+LONGTERM+WRITE",				\
	  "A long-term pin for writing, as io_uring takes it.",		\
	  work_pin, PER_PAGE, PEERS(&peer_gup, &peer_io_uring_register), \
	  CALL(PIN_FAST), FLAGS(LONGTERM | WRITE), .batch = 512 }

#define PIN_LONGTERM(memory)						\
	{ &(memory), "pin+LONGTERM",					\
	  "A long-term pin by pin_user_pages(), which needs the mmap lock.", \
	  work_pin, PER_PAGE, PEERS(&peer_gup, &peer_gup_test_pin),	\
	  CALL(PIN), FLAGS(LONGTERM), .batch = 512 }

#define INSPECT(memory, sentence)					\
	{ &(memory), "inspect", sentence,				\
	  work_inspect, PER_PAGE, PEERS(&peer_procfs, &peer_pagemap_scan) }

#define UNSHARE(memory)						\
	{ &(memory), "fault+UNSHARE", "FAULT with UNSHARE: the copy that a reliable pin needs.", \
	  work_unshare, PER_PAGE, PEERS(&peer_write_fault) }

#define FORK(memory)						\
	{ &(memory), "fork+pinned", "fork() with pinned pages, which it must copy.", \
	  work_fork, PER_PAGE, PEERS(&peer_fork),			\
	  CALL(PIN_FAST), FLAGS(LONGTERM | WRITE), .batch = 512 }

const struct bench_row bench_rows[] = {
	PIN_FAST(anon), UNPIN(anon), PIN_FAST_LONGTERM(anon),
	PIN_FAST_LONGTERM_WRITE(anon), PIN_LONGTERM(anon),
	{ &anon, "pin", "A short-term pin by pin_user_pages().",
	  work_pin, PER_PAGE, PEERS(&peer_gup, &peer_gup_test_pin), CALL(PIN), .batch = 512 },
	{ &anon, "pin-one", "pin-fast of one page a call.",
	  work_pin, PER_CALL, PEERS(&peer_gup, &peer_vmsplice), CALL(PIN_FAST), .batch = 1 },
	{ &anon, "unpin-one", "Release a pin of one page.",
	  work_unpin, PER_CALL, PEERS(&peer_splice), CALL(PIN_FAST), .batch = 1 },
	{ &anon, "gup_test-pin", "The module's /sys/kernel/debug/gup_test: pin-fast.",
	  work_gup_test_pin, PER_PAGE, PEERS(&peer_gup), CALL(PIN_FAST), .batch = 512 },
	{ &anon, "gup_test-unpin", "The module's /sys/kernel/debug/gup_test: release.",
	  work_gup_test_unpin, PER_PAGE, PEERS(&peer_io_uring_unregister),
	  CALL(PIN_FAST), .batch = 512 },
	{ &anon, "read", "READ of 1 MiB through a pin.",
	  work_read, PER_PAGE, PEERS(&peer_vm_readv, &peer_memcpy_from), CALL(PIN_FAST) },
	{ &anon, "write", "WRITE of 1 MiB through a pin.",
	  work_write, PER_PAGE, PEERS(&peer_vm_writev, &peer_memcpy_to),
	  CALL(PIN_FAST), FLAGS(WRITE) },
	{ &anon, "compare", "COMPARE of a pin with what is mapped.",
	  work_compare, PER_PAGE, PEERS(&peer_pagemap), CALL(PIN_FAST) },
	{ &anon, "close", "close() of ctl with 20000 pins of a page each.",
	  work_close, PER_PIN, PEERS(&peer_io_uring_unregister), CALL(PIN_FAST), .batch = 1 },
	{ &anon, "pin-fast-tracked", "pin-fast while tracking is on, 512 pages a call.",
	  work_pin_tracked, PER_PAGE, PEERS(&peer_untracked_pin), CALL(PIN_FAST), .batch = 512 },
	{ &anon, "unpin-tracked", "Release what pin-fast has pinned while tracking is on.",
	  work_unpin_tracked, PER_PAGE, PEERS(&peer_untracked_unpin),
	  CALL(PIN_FAST), .batch = 512 },
	PIN_FAST(mthp), UNPIN(mthp), PIN_FAST_LONGTERM(mthp),
	PIN_FAST_LONGTERM_WRITE(mthp), PIN_LONGTERM(mthp),
	PIN_FAST(thp), UNPIN(thp), PIN_FAST_LONGTERM(thp),
	PIN_FAST_LONGTERM_WRITE(thp), PIN_LONGTERM(thp),
	PIN_FAST(hugetlb), UNPIN(hugetlb), PIN_FAST_LONGTERM(hugetlb),
	PIN_FAST_LONGTERM_WRITE(hugetlb), PIN_LONGTERM(hugetlb),
	INSPECT(contiguous, "INSPECT of base pages with consecutive PFNs."),
	INSPECT(scattered, "INSPECT of base pages in a random order."),
	INSPECT(mthp, "INSPECT of mTHPs."),
	INSPECT(thp, "INSPECT of THPs that PMDs map."),
	{ &sparse, "inspect", "INSPECT of 1 TiB that has 100 pages.",
	  work_inspect, PER_RANGE, PEERS(&peer_pagemap_scan) },
	UNSHARE(zeropage),
	UNSHARE(huge_zeropage),
	UNSHARE(memfd),
	UNSHARE(anon_shared),
	UNSHARE(mthp_shared),
	UNSHARE(thp_shared),
	UNSHARE(hugetlb_shared),
	{ &zeropage, "pin+LONGTERM", "A long-term pin that unshares zeropages.",
	  work_pin, PER_PAGE, PEERS(&peer_gup, &peer_write_fault),
	  CALL(PIN), FLAGS(LONGTERM), .batch = 512 },
	{ &memfd, "pin+LONGTERM", "A long-term pin that unshares page cache.",
	  work_pin, PER_PAGE, PEERS(&peer_gup, &peer_write_fault),
	  CALL(PIN), FLAGS(LONGTERM), .batch = 512 },
	FORK(anon_fork),
	FORK(thp_fork),
	FORK(hugetlb_fork),
};

const size_t nr_bench_rows = sizeof(bench_rows) / sizeof(bench_rows[0]);
