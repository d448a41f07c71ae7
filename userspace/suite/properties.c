// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of properties, in the words of mm.
 */
#include "suite.h"

const struct property_row properties[PROPS] = {
	[PROP_SETUP] = {
		"setup",
		"Before the call, whatever it is, the memory has the page state that its kind promises, and the condition holds.",
	},
	[PROP_PREDICTED] = {
		"predicted",
		"The call of the module, io_uring or vmsplice does what 'pinscope explain' predicts from the page table entry, the VMA and the release alone.",
	},
	[PROP_ERRNO] = {
		"errno",
		"The call succeeds, or fails with the errno that mm's rules give for this memory and these flags.",
	},
	[PROP_AS_DECLARED] = {
		"as-declared",
		"The pinner calls the function of mm/gup.c that the suite names, with the gup_flags that it names, as kprobes see it.",
	},
	[PROP_SAME_PAGE] = {
		"same-page",
		"When the call returns, the pinned page is the page that the process has mapped.",
	},
	[PROP_REPLACED] = {
		"replaced",
		"The mapped page is replaced exactly when the rules require a copy, and stays otherwise; a long-term pin leaves nothing in ZONE_MOVABLE or CMA.",
	},
	[PROP_EXCLUSIVE] = {
		"exclusive",
		"An anonymous page is pinned only when it is exclusive to the process (PageAnonExclusive()), since COW replaces any other (commit a7f226604170).",
	},
	[PROP_ENTRY] = {
		"entry",
		"After the call, whether it fails or not, and again after the release, the entry is one that mm may make: writable only where mprotect() allows it, where userfaultfd does not protect it and, in a private mapping, where it maps an exclusive anonymous page; and neither a zeropage nor a page of KSM is exclusive.",
	},
	[PROP_CONTENT] = {
		"content",
		"The process reads the same byte after the call as before it.",
	},
	[PROP_NO_WRITE] = {
		"no-write",
		"A pin for reading does not set the writable or the dirty bit of an entry that was present: it breaks no COW without need, and costs no writeback.",
	},
	[PROP_TRACKING] = {
		"tracking",
		"A pin for reading keeps the userfaultfd-wp bit, and neither sets nor clears the soft-dirty bit; one for writing sets the soft-dirty bit, and clears userfaultfd-wp where that is asynchronous, also by FOLL_FORCE (commit 5535be309971); where userfaultfd protects nothing, no entry has its bit: no tracker of writes is misled.",
	},
	[PROP_NUMA_HINT] = {
		"numa-hint",
		"A pin for reading leaves a NUMA hint in the entry, and takes it as a fault only with FOLL_HONOR_NUMA_FAULT (Linux 6.6, commit d74943a2f3cd): who looks at memory from outside does not tell the scheduler where it is used.",
	},
	[PROP_CHILD_UNTRACKED] = {
		"child-untracked",
		"A child of the process has no userfaultfd-wp in its entry: it is not registered with the userfaultfd, and nobody would take the bit away.",
	},
	[PROP_RELIABLE] = {
		"reliable",
		"The process writes after the call; the pinned page is still its page and has the new content. Until Linux 6.2 that failed for R/O long-term pins of zeropages and of the page cache in private mappings.",
	},
	[PROP_DEVICE_WRITE] = {
		"device-write",
		"The pinner writes through the pin; the process reads the new content.",
	},
	[PROP_CHILD_ISOLATED] = {
		"child-isolated",
		"A child that was forked before the call sees neither what the process nor what the pinner writes after it.",
	},
	[PROP_FORK_AFTER] = {
		"fork-after",
		"The process forks while a pin is held, and writes: it keeps the pinned page, and the child has a copy.",
	},
	[PROP_NO_LEAK] = {
		"no-leak",
		"A child that maps the page, forked before the call or while the pin is held, writes: the pinned page does not change.",
	},
	[PROP_EXEC_AFTER] = {
		"exec-after",
		"A child has a page pinned by its process id, and calls execve(): its memory goes, and the pinned page keeps its content and is mapped no more.",
	},
	[PROP_EXIT_AFTER] = {
		"exit-after",
		"A child has a page pinned by its process id, forks, and exits: the pinned page keeps its content and is mapped no more, and the child's child has a copy, with writes to which nothing happens to the pinned page.",
	},
	[PROP_FILE_UNCHANGED] = {
		"file-unchanged",
		"Writes to a private mapping, by the process and, if the pin is for writing, through the pin, do not reach the file.",
	},
	[PROP_RSS] = {
		"rss",
		"mm's counters of anonymous, file, shmem and swapped pages agree with the page tables while the pin is held.",
	},
	[PROP_MPROTECT_AFTER] = {
		"mprotect-after",
		"mprotect() takes all access away while the pin is held, and gives it back; the process writes, and the pinned page is still its page and has the new content.",
	},
	[PROP_MREMAP_AFTER] = {
		"mremap-after",
		"mremap() moves the memory away while the pin is held, and back; the process writes, and the pinned page is still its page and has the new content.",
	},
	[PROP_PAGEOUT_AFTER] = {
		"pageout-after",
		"MADV_PAGEOUT wants the memory swapped out or written back while the pin is held; the process reads its content and writes, and the pinned page is still its page.",
	},
	[PROP_FREE_AFTER] = {
		"free-after",
		"MADV_FREE gives up what the memory has while the pin is held, and MADV_PAGEOUT wants it reclaimed; the process reads its content and writes, and the pinned page is still its page: a page with pins is not dropped.",
	},
	[PROP_MOVE_AFTER] = {
		"move-after",
		"move_pages() wants the page on another NUMA node while the pin is held; the process writes, and the pinned page is still its page: a page with pins is not migrated.",
	},
	[PROP_SPLIT_AFTER] = {
		"split-after",
		"The PMD is split while the pin is held, and debugfs' split_huge_pages wants the folio split; the process writes, and the pinned page is still its page.",
	},
	[PROP_COLLAPSE_AFTER] = {
		"collapse-after",
		"MADV_COLLAPSE wants a THP in the place of base pages while one of them is pinned; the process writes, and the pinned page is still its page.",
	},
	[PROP_UFFD_MOVE_AFTER] = {
		"uffd-move-after",
		"UFFDIO_MOVE (Linux 6.8) wants to move the page to another address while the pin is held; the process writes, and the pinned page is still its page.",
	},
	[PROP_WRITEBACK_AFTER] = {
		"writeback-after",
		"fsync() writes the file back while the pin is held, and protects its pages; the process writes, and the pinned page is still its page.",
	},
	[PROP_MLOCK_AFTER] = {
		"mlock-after",
		"mlock() wants the memory resident while the pin is held, and munlock() takes that back; the process writes, and the pinned page is still its page.",
	},
	[PROP_MERGE_AFTER] = {
		"merge-after",
		"KSM merges two pages with the same content while the pin is held; the process writes, and the pinned page is still its page: a page with pins is not merged.",
	},
	[PROP_SOFT_OFFLINE_AFTER] = {
		"soft-offline-after",
		"MADV_SOFT_OFFLINE wants to move the page elsewhere while the pin is held, to use its memory no longer; the process writes, and the pinned page is still its page.",
	},
	[PROP_COMPACT_AFTER] = {
		"compact-after",
		"All memory is compacted while the pin is held and nothing else runs; the process writes, and the pinned page is still its page: a page with pins is not migrated.",
	},
	[PROP_NUMA_HINT_AFTER] = {
		"numa-hint-after",
		"NUMA balancing scans the memory while the pin is held, from another node; the process reads, which is a hinting fault where there is a hint, and writes, and the pinned page is still its page.",
	},
	[PROP_PUNCH_BESIDE_AFTER] = {
		"punch-beside-after",
		"fallocate() punches a hole into the file, the next page of the folio, while the pin is held; the process reads its content and writes, and the pinned page is still its page.",
	},
	[PROP_TRUNCATE_BESIDE_AFTER] = {
		"truncate-beside-after",
		"ftruncate() takes the next page of the folio away from the file while the pin is held; the process reads its content and writes, and the pinned page is still its page.",
	},
	[PROP_DIRECT_BESIDE_AFTER] = {
		"direct-beside-after",
		"Direct I/O writes to the next page of the folio while the pin is held; the process reads its content and writes, and the pinned page is still its page.",
	},
	[PROP_DONTNEED_AFTER] = {
		"dontneed-after",
		"MADV_DONTNEED takes the page away from a private mapping, which ends the promise: the process gets other memory, and the pinned page keeps its content. A shared mapping gets the same page of the file again.",
	},
	[PROP_PUNCH_AFTER] = {
		"punch-after",
		"fallocate() punches a hole into the file while the pin is held. A private mapping keeps its copy, and the pin with it. A shared mapping gets other memory, which ends the promise, and the pinned page keeps its content.",
	},
	[PROP_TRUNCATE_AFTER] = {
		"truncate-after",
		"ftruncate() takes the page away from the file and its mappings, which ends the promise: the process gets other memory, and the pinned page keeps its content.",
	},
	[PROP_COUNTS] = {
		"counts",
		"While the pin is held the folio has a pincount, which a reference does not add to; after the release only pins of the condition are left. Since Linux 6.5 pins of the shared zeropage are not counted, and their release is not, either.",
	},
	[PROP_MIGRATES] = {
		"migrates",
		"After the release, move_pages() moves the page to another NUMA node, with its content: no pin or reference is left that migration would wait for.",
	},
	[PROP_WRITTEN_BACK] = {
		"written-back",
		"What the pinner has written to a page of a file that was clean, and has released as dirty, is in the file once the page is written back and is no longer in the page cache. Of anonymous memory that MADV_FREE has given up, reclaim does not drop what was written and released so.",
	},
	[PROP_RELEASE_DIRTY] = {
		"release-dirty",
		"The pinner pins a page that is clean, since MADV_FREE gave it up, or since a process has only read a hole of the file: it writes and releases. Reclaim, which drops what is clean, does not drop what was written: whoever has written through a pin says so when it releases.",
	},
	[PROP_MANY_PAGES] = {
		"many-pages",
		"The same call pins most of the memory at once, from the middle of a folio on and across three VMAs: it holds the pages that the process sees. Where a page is unmapped it pins those before the hole only.",
	},
	[PROP_NO_SPLAT] = {
		"no-splat",
		"Whether the call succeeds or fails, the kernel logs no warning, BUG, Oops or other splat from the begin of the scenario to its end. What another scenario provokes at the same time counts as well.",
	},
};
