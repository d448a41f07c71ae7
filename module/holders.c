// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracking: which callers of GUP hold the pins that exist, and since when.
 *
 * While it is on, a kretprobe on each call of mm/gup.c that takes pins records, when
 * the call returns, what it pinned; and ftrace calls handlers at the beginning of
 * each function that unpins. (Kprobes would lose unpins: one that an interrupt hits
 * while a handler runs on the same CPU is not called.) Kernels without tracking pay
 * nothing, and neither does one where it is off.
 *
 * A site is what takes pins: the stack of the caller, the call, its gup_flags, and
 * the process. Pins belong to folios, as in mm: drivers pin pages and unpin folios,
 * so that a pin of a tail page is counted for its folio. A folio cannot be split,
 * freed or migrated while it is pinned, so the PFN of its first page names it.
 *
 * An unpin does not say which pin it ends. When one site alone has pinned the folio,
 * and nobody else has, it is clear. Otherwise the unpin is counted as undecided, and of
 * each site it is known only that it holds at most what it pinned. When the last pin of
 * the folio goes, all is clear again.
 *
 * Whether anybody else has pinned the folio is read from its count of pins. That is too
 * high while another call pins or unpins the folio at the same time (its pins are counted
 * in the folio, and not recorded yet, or no longer), and for a small folio with 1024
 * references or more. It is never too low. So once it is not higher than what is recorded,
 * all pins of the folio are recorded, and it need not be read again: the folio is complete.
 * That ends when folio_add_pin() or folio_add_pins() add pins, whose takers are not known.
 *
 * Calls that have begun before tracking are not seen. What such a call pins after a folio
 * became complete is taken for pins of the sites that are recorded, and so is its unpin.
 *
 * Owns the table of sites and the leaves, which have the folios. Locks: track_mutex for
 * starting, stopping and reading; inside it the xa_lock of the leaves, which the handlers
 * take, in any context and with interrupts off. It protects the leaves, the folios, and
 * what is in the sites.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/ftrace.h>
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/memory_hotplug.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/uaccess.h>

#include "pinscope.h"

#if defined(CONFIG_KRETPROBES) && defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) && \
	!defined(CONFIG_PREEMPT_RT)

/* A folio's word has so many bits for the number of its site. */
#define SITE_BITS	14
#define COUNT_BITS	19
#define TIME_BITS	29
#define MAX_SITES	((unsigned int)BIT(SITE_BITS))
#define MAX_COUNT	((1UL << COUNT_BITS) - 1)
#define MAX_TIME	((1UL << TIME_BITS) - 1)

/* The unit of the times in folios: 2^24 ns, 17 ms; they end after 104 days. */
#define TIME_SHIFT	24

/* Functions call ftrace at their beginning; there may be some instructions before. */
#define FTRACE_OFFSET	32

/* Frames of the handlers themselves come first on the stack, some 10 of them. */
#define STACK_MAX	32

struct site {
	struct pinscope_site is;	/* gup_flags are the kernel's; calls 0: free */
	struct pid *pid;		/* NULL: an interrupt */
	bool ended;			/* the process has, as recycle_sites() found */
	u32 hash;
	u32 next;			/* in the chain of its hash value, or NO_SITE */
};

#define PINSCOPE_SITE_MIN_SIZE	sizeof(struct pinscope_site)

#define NO_SITE		U32_MAX
#define MAX_DEPTH	64	/* of the tree of processes; further up is not looked */
#define SITE_CHAINS	1024

/* Sites that are recorded of one folio. */
#define MAX_HOLDERS	256

/*
 * What is pinned of a folio is its entry. Almost always one site has pinned it, and the
 * entry is a value of the kind that xarrays have: from bit 0 on the number of the site, how
 * many pins, whether the folio is complete, and the time of the first pin. Otherwise the
 * entry points to a struct holders.
 */
struct holder {
	u32 site;
	u32 time;
	u64 count;
};

struct holders {
	u64 total;		/* of the counts of all */
	u64 undecided;		/* unpins; each is of one of the sites or of others */
	bool complete;		/* all pins of the folio are recorded */
	u32 nr;
	u32 max;
	struct holder holder[] __counted_by(max);
};

/*
 * The entries of PFNs that follow each other, one for each; NULL: nothing is recorded. Pages
 * that a call pins often are neighbours. To find the leaf once for several of them saves
 * some 150 instructions for each page, against one xas_load() and one xas_store().
 */
#define LEAF_SHIFT	6
#define LEAF_PFNS	BIT(LEAF_SHIFT)

struct leaf {
	unsigned long nr;	/* entries that are not NULL */
	void *entry[LEAF_PFNS];
};

static DEFINE_XARRAY_FLAGS(leaves, XA_FLAGS_LOCK_IRQ);	/* by PFN >> LEAF_SHIFT */
static struct kmem_cache *leaf_cache;
static struct site *sites;
static u32 *chains;		/* heads, by hash value */
static u32 nr_sites, max_sites;	/* free ones included */
static u32 free_sites;		/* a chain of them, or NO_SITE */
static struct pinscope_track totals;	/* its counters */
static u64 started;		/* ktime_get_ns() when tracking began */
static bool tracking;		/* the probes are registered */
static bool references;		/* those of the get calls, too */
static bool stuck;		/* a probe could not be removed; see remove_probes() */
static struct pid *starter;	/* the process that started it */
static DEFINE_MUTEX(track_mutex);

static u32 folio_time(u64 now)
{
	return min_t(u64, (now - started) >> TIME_SHIFT, MAX_TIME);
}

#define COMPLETE_BIT	(SITE_BITS + COUNT_BITS)
#define TIME_BIT	(COMPLETE_BIT + 1)
static_assert(TIME_BIT + TIME_BITS == 63);

static void *pack(const struct holder *one, bool complete)
{
	return xa_mk_value(one->site | (unsigned long)one->count << SITE_BITS |
			   (unsigned long)complete << COMPLETE_BIT |
			   (unsigned long)one->time << TIME_BIT);
}

static struct holder unpack(void *entry)
{
	unsigned long value = xa_to_value(entry);

	return (struct holder) {
		.site = value & (MAX_SITES - 1),
		.count = value >> SITE_BITS & MAX_COUNT,
		.time = value >> TIME_BIT,
	};
}

static bool is_complete(void *entry)
{
	const struct holders *h = entry;

	return xa_is_value(entry) ? xa_to_value(entry) & BIT(COMPLETE_BIT) : h->complete;
}

/* How many sites have pinned the folio. */
static u32 nr_holders(void *entry)
{
	const struct holders *h = entry;

	return xa_is_value(entry) ? 1 : h->nr;
}

/* Pins of a folio that are held for all that is known: recorded, and not released. */
static u64 known_pins(void *entry)
{
	const struct holders *h = entry;

	return xa_is_value(entry) ? unpack(entry).count :
	       h->total - min(h->total, h->undecided);
}

/* -------------------------------------------------------------- the leaves */

/* Where the entry of a PFN is. */
struct place {
	unsigned long pfn;
	struct leaf *leaf;	/* NULL: there is none */
};

static void **slot_of(const struct place *at)
{
	return &at->leaf->entry[at->pfn % LEAF_PFNS];
}

static void *entry_of(const struct place *at)
{
	return at->leaf ? *slot_of(at) : NULL;
}

/* Frees the leaf of a place if it has become empty. */
static void leave(struct place *at)
{
	if (!at->leaf || at->leaf->nr)
		return;
	__xa_erase(&leaves, at->pfn >> LEAF_SHIFT);
	kmem_cache_free(leaf_cache, at->leaf);
	at->leaf = NULL;
}

/* Here and in replace(), inline saves some 40 instructions for each page. */
static inline void move_to(struct place *at, unsigned long pfn)
{
	if (!at->leaf || (at->pfn ^ pfn) >= LEAF_PFNS) {
		leave(at);
		at->leaf = xa_load(&leaves, pfn >> LEAF_SHIFT);
	}
	at->pfn = pfn;
}

static bool add_leaf(struct place *at)
{
	struct leaf *leaf = kmem_cache_zalloc(leaf_cache, GFP_NOWAIT | __GFP_NOWARN);

	if (!leaf)
		return false;
	if (xa_is_err(__xa_store(&leaves, at->pfn >> LEAF_SHIFT, leaf,
				 GFP_NOWAIT | __GFP_NOWARN))) {
		kmem_cache_free(leaf_cache, leaf);
		return false;
	}
	at->leaf = leaf;
	return true;
}

/*
 * Makes @new the entry of a place in the stead of @old. The leaf stays when it becomes
 * empty, until leave(). Returns false without memory, which only a new leaf needs.
 */
static inline bool replace(struct place *at, void *old, void *new)
{
	if (new == old)
		return true;
	if (!at->leaf && !add_leaf(at))
		return false;
	*slot_of(at) = new;
	at->leaf->nr += !!new - !!old;
	if (old && !xa_is_value(old))
		kfree(old);
	return true;
}

/* ------------------------------------------------------ calls under way */

/*
 * GUP unpins pages of its own calls, for example when it has to migrate them first.
 * Nothing was recorded of those yet. So unpins by a task that is inside a call do not
 * count, unless an interrupt makes them.
 *
 * Each call puts its task into one of the slots that the task's hash value selects. The
 * kretprobes have memory for each call, but they free it when they are removed, with
 * calls still under way.
 */
#define CALL_BITS	12
#define CALL_TRIES	16

static const struct task_struct *inside[(1 << CALL_BITS) + CALL_TRIES];
static atomic_long_t slots_missed;	/* calls that found none */

struct call {
	const struct task_struct **slot;
	u64 start;		/* ktime_get_ns() */
	void **pages;		/* the array that GUP fills, of pages or of folios */
	unsigned int gup_flags;
	unsigned int nr_stack;
	unsigned long stack[PINSCOPE_SITE_STACK];
};

/* Makes @task of @old in one of the slots of current; NULL: there is no @old. */
static const struct task_struct **find_slot(const struct task_struct *old,
					    const struct task_struct *task)
{
	const struct task_struct **slot = &inside[hash_ptr(current, CALL_BITS)];
	int i;

	for (i = 0; i < CALL_TRIES; i++, slot++)
		if (READ_ONCE(*slot) == old && cmpxchg(slot, old, task) == old)
			return slot;
	return NULL;
}

static bool inside_call(void)
{
	return in_task() && find_slot(current, current);
}

/* ------------------------------------------------------- sites and folios */

static void recycle_sites(struct work_struct *work);
static DECLARE_DELAYED_WORK(recycle_work, recycle_sites);

/* Does a task descend from the process that started tracking? */
static bool is_descendant(struct task_struct *task)
{
	int depth;
	bool found = false;

	rcu_read_lock();
	for (depth = 0; !found && depth < MAX_DEPTH && task->pid > 1; depth++) {
		task = rcu_dereference(task->real_parent);
		found = task_tgid(task) == starter;
	}
	rcu_read_unlock();
	return found;
}

static bool same_site(const struct site *site, const struct site *key)
{
	return site->hash == key->hash && site->pid == key->pid &&
	       site->is.call == key->is.call &&
	       site->is.gup_flags == key->is.gup_flags &&
	       !memcmp(site->is.stack, key->is.stack, sizeof(key->is.stack));
}

/* Returns the number of a site, which is added when it is new; NO_SITE: no room. */
static u32 find_site(struct site *key, u64 now)
{
	u32 *chain = &chains[key->hash % SITE_CHAINS], i;

	for (i = *chain; i != NO_SITE; i = sites[i].next)
		if (same_site(&sites[i], key))
			return i;
	if (free_sites != NO_SITE) {
		i = free_sites;
		free_sites = sites[i].next;
	} else if (nr_sites < max_sites) {
		i = nr_sites;
		/* Readers that have track_mutex alone see more sites come. */
		WRITE_ONCE(nr_sites, i + 1);
	} else {
		/* Not for each call that finds no room: it looks at all folios. */
		schedule_delayed_work(&recycle_work, HZ);
		return NO_SITE;
	}
	sites[i] = *key;
	sites[i].pid = get_pid(key->pid);
	sites[i].is.flags = in_task() && is_descendant(current) ?
			    PINSCOPE_SITE_DESCENDANT : 0;
	strscpy(sites[i].is.comm, current->comm, sizeof(sites[i].is.comm));
	sites[i].is.first_ns = now;
	sites[i].next = *chain;
	*chain = i;
	return i;
}

/*
 * Returns the entry of a folio in the long form, with room for another site;
 * it is @entry itself if that has room. NULL without memory.
 */
static struct holders *with_room(void *entry)
{
	struct holders *old = xa_is_value(entry) ? NULL : entry, *new;
	u32 max = old ? 2 * old->max : 4;

	if (old && old->nr < old->max)
		return old;
	if (max > MAX_HOLDERS)
		return NULL;
	new = kmalloc(struct_size(new, holder, max), GFP_NOWAIT | __GFP_NOWARN);
	if (!new)
		return NULL;
	*new = (struct holders) { .max = max, .complete = is_complete(entry) };
	if (old) {
		new->total = old->total;
		new->undecided = old->undecided;
		new->nr = old->nr;
		memcpy(new->holder, old->holder, old->nr * sizeof(*old->holder));
	} else {
		new->holder[new->nr++] = unpack(entry);
		new->total = new->holder[0].count;
	}
	return new;
}

/* Returns which of the holders a site is; nr_holders(): none. */
static u32 find_holder(void *entry, u32 site)
{
	const struct holders *h = entry;
	u32 i;

	if (xa_is_value(entry))
		return unpack(entry).site != site;
	for (i = 0; i < h->nr && h->holder[i].site != site; i++)
		;
	return i;
}

/* A site has taken @n pins of the folio at @at, which has @pins now, whoever has them. */
static void add_pins(struct place *at, u32 site, u64 n, u64 pins, u32 time)
{
	void *entry = entry_of(at);
	struct holder one = { .site = site, .time = time };
	struct holders *h;
	bool complete;
	u32 i;

	if (entry && pins <= n) {
		/* Those that are recorded have gone, some without being seen. */
		totals.missed += known_pins(entry);
		replace(at, entry, NULL);
		entry = NULL;
	}
	complete = entry ? is_complete(entry) || pins <= known_pins(entry) + n : pins <= n;
	if (entry && xa_is_value(entry))
		one = unpack(entry);
	if ((!entry || xa_is_value(entry)) && one.site == site &&
	    one.count + n <= MAX_COUNT) {
		one.count += n;
		if (!replace(at, entry, pack(&one, complete)))
			totals.missed += n;
		return;
	}
	/* An entry whose count is full takes the long form, and no other holder. */
	i = entry ? find_holder(entry, site) : 0;
	h = entry && (xa_is_value(entry) || i == nr_holders(entry)) ? with_room(entry) : entry;
	if (!h) {
		totals.missed += n;
		return;
	}
	if (i == h->nr)
		h->holder[h->nr++] = (struct holder) { .site = site, .time = time };
	h->holder[i].count += n;
	h->total += n;
	h->complete = complete;
	replace(at, entry, h);
}

static void note_end(const struct holder *one, u32 time)
{
	u64 *longest = &sites[one->site].is.longest_ns;

	/* Another processor may have recorded the pin after @time was read. */
	if (time > one->time)
		*longest = max(*longest, (u64)(time - one->time) << TIME_SHIFT);
}

/* The last pin of the folio at @at is released. */
static void end_all(struct place *at, void *entry, u32 time)
{
	struct holders *h = entry;
	struct holder one;
	u32 i;

	if (xa_is_value(entry)) {
		one = unpack(entry);
		note_end(&one, time);
	} else {
		for (i = 0; i < h->nr; i++)
			note_end(&h->holder[i], time);
	}
	replace(at, entry, NULL);
}

/* Of the folio at @at @n pins are released, of @pins that it has until then. */
static void del_pins(struct place *at, u64 n, u64 pins, u32 time)
{
	void *entry = entry_of(at);
	struct holder one;
	struct holders *h;
	bool complete;
	u64 known;

	if (!entry) {
		totals.unknown += n;
		return;
	}
	known = known_pins(entry);
	complete = is_complete(entry) || pins <= known;
	if (pins <= n || (complete && known <= n)) {
		/* More than are recorded, or fewer: there were pins nobody saw. */
		totals.unknown += n > known ? n - known : 0;
		totals.missed += known > n ? known - n : 0;
		end_all(at, entry, time);
		return;
	}
	if (complete && xa_is_value(entry)) {
		one = unpack(entry);
		one.count -= n;
		replace(at, entry, pack(&one, true));
		return;
	}
	h = xa_is_value(entry) ? with_room(entry) : entry;
	if (!h) {
		totals.missed += n;
		return;
	}
	h->undecided += n;
	h->complete = complete;
	/* With one site, nobody else can have released them. */
	if (h->nr == 1 && complete) {
		h->total -= h->undecided;
		h->holder[0].count = h->total;
		h->undecided = 0;
	}
	replace(at, entry, h);
}

/* -------------------------------------------------------------- handlers */

/* Folios that are handled with the lock held once, so that interrupts wait little. */
#define BATCH	32

/* One array of pages or folios, or a run of pages, and what became of it. */
struct change {
	void **array;		/* NULL: a run of pages from @page on */
	struct page *page;
	bool by_folio;		/* each element of the array has one pin; or all @nr
				 * pins are of the folio of @page
				 */
	unsigned long nr;
	unsigned long i;	/* what was handled of it */
	u32 site;		/* that took the pins, or NO_SITE: they are released */
};

static struct page *page_at(const struct change *c, unsigned long i)
{
	if (!c->array)
		return pfn_to_page(page_to_pfn(c->page) + i);
	return c->array[i];	/* a folio begins with its first page */
}

/*
 * The next folio of a change, and how many of its pages follow each other there; NULL:
 * nothing.
 */
static struct folio *next_folio(struct change *c, unsigned long *n)
{
	struct page *page = page_at(c, c->i);
	unsigned long first = c->i++;
	struct folio *folio;

	/* unpin_user_pages() skips what its callers have left out. */
	*n = 1;
	if (!page)
		return NULL;
	folio = page_folio(page);
	if (c->by_folio && !c->array) {
		c->i = c->nr;
	} else if (!c->by_folio && folio_test_large(folio)) {
		if (!c->array)
			c->i = first + min_t(unsigned long, c->nr - first,
					     folio_nr_pages(folio) -
					     folio_page_idx(folio, page));
		while (c->i < c->nr && page_at(c, c->i) &&
		       page_folio(page_at(c, c->i)) == folio)
			c->i++;
	}
	*n = c->i - first;
	return folio;
}

/* Neighbouring pages of one folio. */
struct run {
	struct folio *folio;
	unsigned long n;
};

/* The next folios of a change, up to BATCH. Looks at all their pages. */
static int next_runs(struct change *c, struct run *runs)
{
	int nr = 0;

	while (nr < BATCH && c->i < c->nr) {
		runs[nr].folio = next_folio(c, &runs[nr].n);
		if (runs[nr].folio && ps_folio_takes_pins(runs[nr].folio))
			nr++;
	}
	return nr;
}

static void handle_runs(const struct change *c, const struct run *runs, int nr, u32 time)
{
	struct place at = {};
	int i, pins;

	for (i = 0; i < nr; i++) {
		move_to(&at, folio_pfn(runs[i].folio));
		pins = max(0, ps_folio_pincount(runs[i].folio));
		if (c->site != NO_SITE)
			add_pins(&at, c->site, runs[i].n, pins, time);
		else
			del_pins(&at, runs[i].n, pins, time);
	}
	leave(&at);
}

/* Runs in the caller of GUP, with preemption off: 1 GiB of base pages takes some 100 ms. */
static void handle(struct change *c, u64 now)
{
	u32 time = folio_time(now);
	struct run runs[BATCH];
	unsigned long flags;
	int nr;

	while ((nr = next_runs(c, runs))) {
		xa_lock_irqsave(&leaves, flags);
		handle_runs(c, runs, nr, time);
		xa_unlock_irqrestore(&leaves, flags);
	}
}

/*
 * Pins are about to be added to a folio that is pinned, by a function that takes them
 * for the holder of other pins. Whose they are is not recorded.
 */
static void expect_more_pins(struct folio *folio)
{
	struct place at = {};
	struct holder one;
	unsigned long flags;
	void *entry;

	xa_lock_irqsave(&leaves, flags);
	move_to(&at, folio_pfn(folio));
	entry = entry_of(&at);
	if (entry && xa_is_value(entry)) {
		one = unpack(entry);
		replace(&at, entry, pack(&one, false));
	} else if (entry) {
		((struct holders *)entry)->complete = false;
	}
	xa_unlock_irqrestore(&leaves, flags);
}

/*
 * START makes a call and an unpin of no pages. They show whether the handlers are called,
 * which sysctl and debugfs can prevent, and whether unpin_user_pages_dirty_lock() calls
 * unpin_user_pages() for clean pages, or the compiler has put a copy into it.
 */
static const struct task_struct *trier;
/* Written by the trier alone, while it is one. */
static bool seen_gup, seen_unpin, seen_nested;
/* What the last trier has seen of unpin_user_pages_dirty_lock(). */
static bool dirty_lock_nests;

/* A call of GUP that is watched: where its arguments are. */
struct gup_probe {
	const char *function;
	u32 call;		/* enum pinscope_call */
	u8 gup_flags;		/* number of the argument; NO_ARG: it takes none */
	u8 pages;
	struct kretprobe probe;
};

#define NO_ARG	0xff
#define GUP_PROBE(fn, call, gup_flags, pages)				\
	{ #fn, PINSCOPE_CALL_##call, gup_flags, pages }

/*
 * Not get_user_pages_fast_only(): perf calls it with the lock of a run queue held, where
 * nothing may be allocated.
 */
static struct gup_probe gup_probes[] = {
	GUP_PROBE(pin_user_pages,		PIN,		2, 3),
	GUP_PROBE(pin_user_pages_fast,		PIN_FAST,	2, 3),
	GUP_PROBE(pin_user_pages_fast_only,	PIN_FAST_ONLY,	2, 3),
	GUP_PROBE(pin_user_pages_unlocked,	PIN_UNLOCKED,	3, 2),
	GUP_PROBE(pin_user_pages_remote,	PIN_REMOTE,	3, 4),
	GUP_PROBE(get_user_pages,		GET,		2, 3),
	GUP_PROBE(get_user_pages_fast,		GET_FAST,	2, 3),
	GUP_PROBE(get_user_pages_unlocked,	GET_UNLOCKED,	3, 2),
	GUP_PROBE(get_user_pages_remote,	GET_REMOTE,	3, 4),
	GUP_PROBE(memfd_pin_folios,		PIN_MEMFD,	NO_ARG, 3),
};

static bool takes_pins(const struct gup_probe *gup)
{
	return ps_gup_takes_pins(gup->call);
}

/* The frames above the one of the watched function. */
static void save_stack(struct call *call, unsigned long function)
{
	unsigned long stack[STACK_MAX];
	unsigned int nr = stack_trace_save(stack, ARRAY_SIZE(stack), 0), i;

	/* It is where ftrace or the kprobe left the function, at its beginning. */
	for (i = 0; i < nr && stack[i] - function > FTRACE_OFFSET; i++)
		;
	call->nr_stack = 0;
	while (++i < nr && call->nr_stack < ARRAY_SIZE(call->stack))
		call->stack[call->nr_stack++] = stack[i];
}

static int enter_gup(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct kretprobe *probe = get_kretprobe(ri);
	struct gup_probe *gup = container_of(probe, struct gup_probe, probe);
	struct call *call = (void *)ri->data;

	/* perf takes references in an NMI, where no lock can be taken. No probe: STOP runs. */
	if (in_nmi() || !probe)
		return 1;
	call->slot = find_slot(NULL, current);
	if (!call->slot) {
		atomic_long_inc(&slots_missed);
		return 1;
	}
	call->start = ktime_get_ns();
	call->pages = (void **)regs_get_kernel_argument(regs, gup->pages);
	call->gup_flags = gup->gup_flags == NO_ARG ? 0 :
			  regs_get_kernel_argument(regs, gup->gup_flags);
	save_stack(call, (unsigned long)probe->kp.addr);
	return 0;
}

NOKPROBE_SYMBOL(enter_gup);

static void note_call(struct site *site, const struct call *call, int ret, u64 now)
{
	site->is.calls++;
	site->is.last_ns = now;
	site->is.slowest_ns = max(site->is.slowest_ns, now - call->start);
	if (ret > 0)
		site->is.pages += ret;
	else
		site->is.failed++;
}

static int leave_gup(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct kretprobe *probe = get_kretprobe(ri);
	struct gup_probe *gup = container_of(probe, struct gup_probe, probe);
	struct call *call = (void *)ri->data;
	/* Some return an int, which leaves the upper half of the register undefined. */
	int ret = regs_return_value(regs);
	u64 now = ktime_get_ns(), abi_flags;
	struct change c = { .array = call->pages, .nr = max(ret, 0) };
	struct site key = {};
	unsigned long flags;
	unsigned int i;

	if (!probe)
		return 0;
	WRITE_ONCE(*call->slot, NULL);
	if (READ_ONCE(trier) == current) {
		seen_gup = true;
		return 0;
	}
	c.by_folio = ps_gup_by_folio(gup->call);
	key.is.call = gup->call;
	key.is.gup_flags = call->gup_flags;
	/* Before 6.3 some calls came to others, with a flag of GUP's own. */
	if (ps_gup_flags_from_kernel(call->gup_flags, &abi_flags) && !takes_pins(gup))
		return 0;
	for (i = 0; i < call->nr_stack; i++)
		key.is.stack[i] = call->stack[i];
	key.pid = in_task() ? task_tgid(current) : NULL;
	key.hash = jhash2((const u32 *)key.is.stack, sizeof(key.is.stack) / 4,
			  gup->call ^ call->gup_flags ^ hash_ptr(key.pid, 31));
	xa_lock_irqsave(&leaves, flags);
	c.site = find_site(&key, now);
	if (c.site != NO_SITE)
		note_call(&sites[c.site], call, ret, now);
	else
		totals.missed += c.nr;
	xa_unlock_irqrestore(&leaves, flags);
	if (c.site != NO_SITE && takes_pins(gup) && call->pages)
		handle(&c, now);
	return 0;
}

NOKPROBE_SYMBOL(leave_gup);

/* A function that unpins: what its arguments are. */
enum unpin_arguments {
	ONE_PAGE,		/* a page */
	ONE_FOLIO,		/* a folio, which has one pin */
	FOLIO_PAGES,		/* a folio, and how many pins */
	PAGE_RUN,		/* the first page, and how many follow each other */
	PAGE_ARRAY,		/* an array of pages, and how many */
	DIRTY_PAGE_ARRAY,	/* likewise, and whether they are dirty */
	FOLIO_ARRAY,		/* an array of folios, and how many */
};

struct unpin_function {
	void *function;
	enum unpin_arguments arguments;
};

#define UNPIN(fn, args)		{ .function = fn, .arguments = args }

static const struct unpin_function unpin_functions[] = {
	UNPIN(unpin_user_pages_dirty_lock,	DIRTY_PAGE_ARRAY),
	UNPIN(unpin_user_pages,			PAGE_ARRAY),
	UNPIN(unpin_user_page,			ONE_PAGE),
	UNPIN(unpin_user_page_range_dirty_lock,	PAGE_RUN),
#ifdef HAVE_MEMFD_PIN_FOLIOS
	UNPIN(unpin_user_folio,			FOLIO_PAGES),
	UNPIN(unpin_folio,			ONE_FOLIO),
	UNPIN(unpin_folios,			FOLIO_ARRAY),
#endif
};

/* Functions that add pins to a folio, their first argument, which has some. */
static struct adder {
	const char *name;
	unsigned long addr;	/* NO_ADDR: there is none; 0: it was not looked up yet */
} adders[] = {
	{ "folio_add_pin" },
	{ "folio_add_pins" },
};

#define NO_ADDR		1UL

/* Modules cannot take the address of a function that is not exported; kprobes know it. */
static int find_adder(struct adder *adder)
{
	/* Disabled: to disarm a kprobe takes memory, and this one is on the stack. */
	struct kprobe probe = {
		.symbol_name = adder->name,
		.flags = KPROBE_FLAG_DISABLED,
	};
	int ret;

	if (adder->addr)
		return 0;
	ret = register_kprobe(&probe);
	if (ret == -ENOENT)
		adder->addr = NO_ADDR;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	adder->addr = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

static const struct unpin_function *unpin_function(unsigned long ip)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unpin_functions); i++)
		if (ip - (unsigned long)unpin_functions[i].function < FTRACE_OFFSET)
			return &unpin_functions[i];
	return NULL;
}

static void enter_unpin(unsigned long ip, unsigned long parent_ip,
			struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct unpin_function *unpin = unpin_function(ip);
	struct pt_regs *regs = ftrace_get_regs(fregs);
	void *what;
	struct change c = { .site = NO_SITE };

	if (!regs || in_nmi() || inside_call())
		return;
	what = (void *)regs_get_kernel_argument(regs, 0);
	/* One of adders[]. */
	if (!unpin) {
		expect_more_pins(what);
		return;
	}
	c.nr = regs_get_kernel_argument(regs, 1);
	switch (unpin->arguments) {
	case DIRTY_PAGE_ARRAY:
		if (READ_ONCE(dirty_lock_nests) && !(regs_get_kernel_argument(regs, 2) & 0xff))
			return;
		fallthrough;
	case PAGE_ARRAY:
	case FOLIO_ARRAY:
		/* Some callers pass an error on, which mm refuses with a warning. */
		if (IS_ERR_VALUE(c.nr))
			return;
		if (in_task() && READ_ONCE(trier) == current) {
			seen_unpin = true;
			seen_nested = unpin->arguments == PAGE_ARRAY;
		}
		c.array = what;
		c.by_folio = unpin->arguments == FOLIO_ARRAY;
		break;
	case ONE_PAGE:
		c.page = what;
		c.nr = 1;
		break;
	case PAGE_RUN:
		c.page = what;
		break;
	case ONE_FOLIO:
		c.nr = 1;
		fallthrough;
	case FOLIO_PAGES:
		c.page = what;
		c.by_folio = true;
		break;
	}
	handle(&c, ktime_get_ns());
}

static struct ftrace_ops unpin_ops;

/* ----------------------------------------------------------- on and off */

/* Calls that may be in GUP at a time, for each function; others are missed. */
static unsigned int max_calls(void)
{
	return max(256U, 8 * num_possible_cpus());
}

static u64 missed_calls(void)
{
	u64 missed = atomic_long_read(&slots_missed);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gup_probes); i++)
		missed += gup_probes[i].probe.nmissed + gup_probes[i].probe.kp.nmissed;
	return missed;
}

/*
 * To disarm a kprobe, ftrace needs some memory. Without it the kernel warns, keeps the
 * kprobe in its table, and counts wrongly how many there are; unregister_kretprobes() only
 * sets the address of the kprobe to NULL. It is not called any more, but it must stay where
 * it is, and trying again makes the count worse. ftrace fails when it has found an error
 * of its own: then it still calls the handlers. In both cases tracking does not start
 * again, and the module stays until the machine boots. It cannot stay when it is being
 * unloaded already: STOP before rmmod tells.
 */
static int remove_probes(void)
{
	struct kretprobe *probes[ARRAY_SIZE(gup_probes)];
	int nr = 0, i;

	for (i = 0; i < ARRAY_SIZE(gup_probes); i++)
		if (gup_probes[i].probe.kp.addr)
			probes[nr++] = &gup_probes[i].probe;
	/* All together, since it waits until no handler runs any more. */
	unregister_kretprobes(probes, nr);
	totals.missed += missed_calls();
	atomic_long_set(&slots_missed, 0);
	for (i = 0; i < nr; i++) {
		probes[i]->nmissed = 0;
		probes[i]->kp.nmissed = 0;
		stuck |= !probes[i]->kp.addr;
		probes[i]->kp.addr = NULL;
	}
	if (unpin_ops.flags & FTRACE_OPS_FL_ENABLED &&
	    unregister_ftrace_function(&unpin_ops))
		stuck = true;
	else
		ftrace_free_filter(&unpin_ops);
	/* Calls that have not returned are not seen to: forget them. */
	memset(inside, 0, sizeof(inside));
	if (!stuck)
		return 0;
	pr_err("the kernel did not remove a probe of tracking; it cannot start again, and the module stays, until the machine boots\n");
	__module_get(THIS_MODULE);
	return -ENOTRECOVERABLE;
}

static int add_gup_probe(struct gup_probe *gup)
{
	int ret;

	gup->probe = (struct kretprobe) {
		.kp.symbol_name = gup->function,
		.entry_handler = enter_gup,
		.handler = leave_gup,
		.data_size = sizeof(struct call),
		.maxactive = max_calls(),
	};
	ret = register_kretprobe(&gup->probe);
	if (ret)
		gup->probe.kp.addr = NULL;
	/* This kernel does not have the call. */
	return ret == -ENOENT && !(ps_gup_calls() & BIT(gup->call)) ? 0 : ret;
}

static int add_unpin_functions(void)
{
	size_t i;
	int ret = 0;

	/* Anew: ftrace_free_filter() of 6.12 leaves pointers to what it has freed. */
	unpin_ops = (struct ftrace_ops) {
		.func = enter_unpin,
		/* PERMANENT: kernel.ftrace_enabled stays 1, or this cannot be registered. */
		.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_RECURSION |
			 FTRACE_OPS_FL_PERMANENT,
	};
	for (i = 0; !ret && i < ARRAY_SIZE(unpin_functions); i++)
		ret = ftrace_set_filter_ip(&unpin_ops,
					   (unsigned long)unpin_functions[i].function,
					   0, 0);
	for (i = 0; !ret && i < ARRAY_SIZE(adders); i++) {
		ret = find_adder(&adders[i]);
		if (!ret && adders[i].addr != NO_ADDR)
			ret = ftrace_set_filter_ip(&unpin_ops, adders[i].addr, 0, 0);
	}
	if (!ret)
		ret = register_ftrace_function(&unpin_ops);
	/* kernel.ftrace_enabled is 0. */
	return ret == -EBUSY ? -ENODEV : ret;
}

/* Is the handler of unpins called? See trier. */
static int try_unpin(void)
{
	struct page *none;

	seen_unpin = false;
	seen_nested = false;
	WRITE_ONCE(trier, current);
	unpin_user_pages_dirty_lock(&none, 0, false);
	WRITE_ONCE(trier, NULL);
	WRITE_ONCE(dirty_lock_nests, seen_nested);
	return seen_unpin ? 0 : -ENODEV;
}

/* Likewise, that of GUP? */
static int try_gup(void)
{
	struct page *none;

	seen_gup = false;
	WRITE_ONCE(trier, current);
	mmap_read_lock(current->mm);
	ps_pin_user_pages(0, 0, 0, &none);
	mmap_read_unlock(current->mm);
	WRITE_ONCE(trier, NULL);
	return seen_gup ? 0 : -ENODEV;
}

/*
 * Unpins first: a pin that is seen, and its unpin not, would stay. And before a pin is recorded
 * it has to be known which calls nest, or an unpin would count twice.
 */
static int add_probes(void)
{
	size_t i;
	int ret = add_unpin_functions();

	if (!ret)
		ret = try_unpin();
	for (i = 0; !ret && i < ARRAY_SIZE(gup_probes); i++)
		if (references || takes_pins(&gup_probes[i]))
			ret = add_gup_probe(&gup_probes[i]);
	if (!ret)
		ret = try_gup();
	if (ret)
		remove_probes();
	return ret;
}

/* Frees the leaf at @xas with what it has. */
static void free_leaf(struct xa_state *xas, struct leaf *leaf)
{
	struct place at = { .leaf = leaf };

	for (at.pfn = 0; at.pfn < LEAF_PFNS; at.pfn++)
		replace(&at, entry_of(&at), NULL);
	xas_store(xas, NULL);
	kmem_cache_free(leaf_cache, leaf);
}

/*
 * Lets others have the lock. Not by xas_pause(), which steps over what the node of @xas has at
 * its place: that is more than a leaf when free_leaf() has freed the nodes below.
 */
static void pause_walk(struct xa_state *xas)
{
	xas_set(xas, xas->xa_index + 1);
	xas_unlock_irq(xas);
	cond_resched();
	xas_lock_irq(xas);
}

/* Forgets all that was recorded. The probes are off. */
static void forget(void)
{
	XA_STATE(xas, &leaves, 0);
	unsigned int batch = 0;
	struct leaf *leaf;
	u32 i;

	xas_lock_irq(&xas);
	xas_for_each(&xas, leaf, ULONG_MAX) {
		free_leaf(&xas, leaf);
		if (++batch % 4 == 0)
			pause_walk(&xas);
	}
	xas_unlock_irq(&xas);
	for (i = 0; i < nr_sites; i++)
		put_pid(sites[i].pid);
	put_pid(starter);
	starter = NULL;
	nr_sites = 0;
	totals = (struct pinscope_track) {};
	atomic_long_set(&slots_missed, 0);
	kvfree(sites);
	kvfree(chains);
	sites = NULL;
	chains = NULL;
}

static int start_tracking(u32 max, u32 flags)
{
	int ret;

	if (tracking)
		return -EBUSY;
	if (stuck)
		return -ENOTRECOVERABLE;
	forget();
	if (!leaf_cache)
		leaf_cache = kmem_cache_create("pinscope_leaf", sizeof(struct leaf), 0, 0,
					       NULL);
	max_sites = max ? max : PINSCOPE_SITES_DEFAULT;
	sites = kvcalloc(max_sites, sizeof(*sites), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	chains = kvmalloc_array(SITE_CHAINS, sizeof(*chains), GFP_KERNEL_ACCOUNT);
	if (!leaf_cache || !sites || !chains) {
		forget();
		return -ENOMEM;
	}
	memset32(chains, NO_SITE, SITE_CHAINS);
	free_sites = NO_SITE;
	starter = get_task_pid(current, PIDTYPE_TGID);
	references = flags & PINSCOPE_TRACK_REFERENCES;
	started = ktime_get_ns();
	ret = add_probes();
	if (ret)
		forget();
	else
		tracking = true;
	return ret;
}

static int stop_tracking(void)
{
	if (!tracking)
		return stuck ? -ENOTRECOVERABLE : 0;
	tracking = false;
	return remove_probes();
}

/* --------------------------------------------------------------- reading */

/* Upper ends of the classes of ages, in seconds. */
static const u32 age_ends[PINSCOPE_AGES] = { 1, 10, 60, 600, 3600, 86400, U32_MAX };

static void count_holder(const struct holder *holder, u64 undecided, u64 now)
{
	struct pinscope_site *site = &sites[holder->site].is;
	u64 since = (u64)holder->time << TIME_SHIFT, age;
	int i;

	age = now - started > since ? now - started - since : 0;
	site->held += holder->count;
	site->held_surely += holder->count - min(undecided, holder->count);
	site->oldest_ns = max(site->oldest_ns, age);
	for (i = 0; i < PINSCOPE_AGES - 1 && age >= age_ends[i] * (u64)NSEC_PER_SEC; i++)
		;
	site->ages[i] += holder->count;
}

static void count_entry(void *entry, u64 now)
{
	struct holders *h = entry;
	struct holder one;
	u32 i;

	if (xa_is_value(entry)) {
		one = unpack(entry);
		count_holder(&one, 0, now);
		return;
	}
	for (i = 0; i < h->nr; i++)
		count_holder(&h->holder[i], h->undecided, now);
}

/*
 * Has the folio of @pfn a pin? It is looked at without a reference to it: should it be
 * freed meanwhile, it has none.
 */
static bool has_pins(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	/* Memory of devices is not online; its pins are recorded all the same. */
	return !page || ps_page_may_be_pinned(page);
}

/* Counts what the leaf at @xas has from @pfn to @last. Returns how much work that was. */
static unsigned int count_leaf(struct xa_state *xas, struct leaf *leaf, unsigned long pfn,
			       unsigned long last, u64 now)
{
	unsigned long first = xas->xa_index << LEAF_SHIFT;
	struct place at = { .pfn = max(pfn, first), .leaf = leaf };
	unsigned int holders = 0;
	void *entry;

	last = min(last, first + LEAF_PFNS - 1);
	for (; at.pfn <= last; at.pfn++) {
		entry = entry_of(&at);
		if (!entry)
			continue;
		holders += nr_holders(entry);
		/* Its last unpins may have come at the same time, see at the top. */
		if (is_complete(entry) || has_pins(at.pfn))
			count_entry(entry, now);
		else
			end_all(&at, entry, folio_time(now));
	}
	if (!leaf->nr)
		free_leaf(xas, leaf);
	return holders + 1;
}

/* Sums up for each site what it holds of the folios that begin from @pfn to @last. */
static int count_held(unsigned long pfn, unsigned long last)
{
	XA_STATE(xas, &leaves, pfn >> LEAF_SHIFT);
	u64 now = ktime_get_ns();
	unsigned int batch = 0;
	struct leaf *leaf;
	int ret = 0;
	u32 i;

	/* Only readers, who have track_mutex, look at these. */
	for (i = 0; i < READ_ONCE(nr_sites); i++) {
		struct pinscope_site *site = &sites[i].is;

		site->held = 0;
		site->held_surely = 0;
		site->oldest_ns = 0;
		memset(site->ages, 0, sizeof(site->ages));
	}
	xas_lock_irq(&xas);
	xas_for_each(&xas, leaf, last >> LEAF_SHIFT) {
		batch += count_leaf(&xas, leaf, pfn, last, now);
		if (batch < 256)
			continue;
		batch = 0;
		pause_walk(&xas);
		ret = fatal_signal_pending(current) ? -EINTR : 0;
		if (ret)
			break;
	}
	xas_unlock_irq(&xas);
	return ret;
}

/* Takes a site out of the chain of its hash value. */
static void unchain(u32 nr)
{
	u32 *link = &chains[sites[nr].hash % SITE_CHAINS];

	while (*link != nr)
		link = &sites[*link].next;
	*link = sites[nr].next;
}

/*
 * Makes room: forgets sites that hold nothing and whose process has ended. The process
 * has to have ended before its pins are counted, so that it takes no others.
 */
static void recycle_sites(struct work_struct *work)
{
	struct pid *pid;
	u32 i;

	/* Whoever has it may be copying to memory that takes long to come. */
	if (!mutex_trylock(&track_mutex)) {
		schedule_delayed_work(&recycle_work, HZ);
		return;
	}
	if (!tracking)
		goto unlock;
	for (i = 0; i < READ_ONCE(nr_sites); i++) {
		xa_lock_irq(&leaves);
		sites[i].ended = sites[i].pid &&
				 !pid_has_task(sites[i].pid, PIDTYPE_TGID);
		xa_unlock_irq(&leaves);
		cond_resched();
	}
	if (count_held(0, ULONG_MAX))
		goto unlock;
	for (i = 0; i < READ_ONCE(nr_sites); i++) {
		struct site *site = &sites[i];

		if (!site->ended || site->is.held)
			continue;
		xa_lock_irq(&leaves);
		pid = site->pid;
		unchain(i);
		*site = (struct site) { .next = free_sites };
		free_sites = i;
		totals.forgotten++;
		xa_unlock_irq(&leaves);
		put_pid(pid);
		cond_resched();
	}
unlock:
	mutex_unlock(&track_mutex);
}

/*
 * Pages that are charged to the user of a process. The field is there if anything in the
 * kernel charges to it, and CONFIG_NET does, or io_uring.
 */
static u64 user_locked(struct pid *pid)
{
	u64 pages = 0;
#if IS_ENABLED(CONFIG_NET) || IS_ENABLED(CONFIG_IO_URING)
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_TGID);
	if (task)
		pages = atomic_long_read(&__task_cred(task)->user->locked_vm);
	rcu_read_unlock();
#endif
	return pages;
}

/* A site as the ABI has it. */
static struct pinscope_site site_record(u32 i)
{
	struct pinscope_site rec;
	u64 now, gup_flags = 0;

	xa_lock_irq(&leaves);
	now = ktime_get_ns();	/* not before a time that the site has */
	rec = sites[i].is;
	xa_unlock_irq(&leaves);
	rec.id = i + 1;
	rec.kernel_flags = rec.gup_flags;
	ps_gup_flags_from_kernel(rec.kernel_flags, &gup_flags);
	rec.gup_flags = gup_flags;
	rec.pid = pid_vnr(sites[i].pid);
	rec.user_locked = user_locked(sites[i].pid);
	rec.first_ns = now - rec.first_ns;
	rec.last_ns = now - rec.last_ns;
	return rec;
}

static void get_totals(struct pinscope_track *cmd)
{
	xa_lock_irq(&leaves);
	cmd->missed = totals.missed + missed_calls();
	cmd->unknown = totals.unknown;
	cmd->forgotten = totals.forgotten;
	cmd->sites = nr_sites;
	xa_unlock_irq(&leaves);
	cmd->max_sites = max_sites;
	cmd->on = tracking;
	cmd->since_ns = sites ? ktime_get_ns() - started : 0;
}

/*
 * Gives the caller of TRACK its struct. A START that its caller takes for failed is undone,
 * before anybody else can find tracking on. STOP and CLEAR are not: to do them again does
 * no harm.
 */
static int answer(struct ps_ucmd *ucmd)
{
	const struct pinscope_track *cmd = ucmd->cmd;
	int ret = ps_respond(ucmd);

	if (ret && cmd->op == PINSCOPE_TRACK_START) {
		stop_tracking();
		forget();
	}
	return ret;
}

/**
 * ps_cmd_track() - PINSCOPE_IOC_TRACK, see struct pinscope_track
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes track_mutex.
 * Return: 0 or a negative errno.
 */
int ps_cmd_track(struct ps_ucmd *ucmd)
{
	struct pinscope_track *cmd = ucmd->cmd;
	int ret = 0;

	if (cmd->op > PINSCOPE_TRACK_CLEAR || cmd->max_sites > MAX_SITES ||
	    cmd->flags & ~PINSCOPE_TRACK_REFERENCES ||
	    (cmd->op != PINSCOPE_TRACK_START && (cmd->flags || cmd->max_sites)))
		return -EINVAL;
	if (!ps_may_see_pfns(ucmd->file))
		return -EPERM;
	if (mutex_lock_killable(&track_mutex))
		return -EINTR;
	switch (cmd->op) {
	case PINSCOPE_TRACK_QUERY:
		break;
	case PINSCOPE_TRACK_START:
		ret = start_tracking(cmd->max_sites, cmd->flags);
		break;
	case PINSCOPE_TRACK_STOP:
		ret = stop_tracking();
		break;
	case PINSCOPE_TRACK_CLEAR:
		ret = tracking ? -EBUSY : 0;
		if (!ret)
			forget();
		break;
	}
	get_totals(cmd);
	if (!ret)
		ret = answer(ucmd);
	mutex_unlock(&track_mutex);
	return ret;
}

/*
 * May the caller know addresses of the kernel, which give away where it is? As in
 * /proc/kallsyms, and as %pK decides, which prints zeros or an error when it must not.
 */
static bool may_see_addresses(void)
{
	char text[2 * sizeof(long) + 1];

	if (!ns_capable_noaudit(&init_user_ns, CAP_SYSLOG))
		return false;
	snprintf(text, sizeof(text), "%pK", ERR_PTR(-1));
	return text[strspn(text, "0")];
}

static int copy_sites(struct pinscope_holders *cmd)
{
	char __user *to = u64_to_user_ptr(cmd->records);
	size_t known = min_t(size_t, cmd->record_size, sizeof(struct pinscope_site));
	bool show_stack = may_see_addresses();
	u32 done = 0, i;

	for (i = cmd->next; i < READ_ONCE(nr_sites) && done < cmd->nr; i++) {
		struct pinscope_site rec = site_record(array_index_nospec(i, READ_ONCE(nr_sites)));

		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		if (!rec.calls || (cmd->pfns && !rec.held))
			continue;
		if (!show_stack)
			memset(rec.stack, 0, sizeof(rec.stack));
		if (copy_to_user(to, &rec, known) ||
		    clear_user(to + known, cmd->record_size - known))
			return -EFAULT;
		to += cmd->record_size;
		done++;
	}
	cmd->nr = done;
	cmd->next = i < READ_ONCE(nr_sites) ? i : 0;
	return 0;
}

/**
 * ps_cmd_holders() - PINSCOPE_IOC_HOLDERS, see struct pinscope_holders
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes track_mutex; ends early when killed.
 * Return: 0 or a negative errno.
 */
int ps_cmd_holders(struct ps_ucmd *ucmd)
{
	struct pinscope_holders *cmd = ucmd->cmd;
	int ret;

	if (!cmd->nr || cmd->record_size < PINSCOPE_SITE_MIN_SIZE ||
	    cmd->record_size > PAGE_SIZE || cmd->reserved ||
	    (!cmd->pfns && cmd->pfn) || cmd->pfn + cmd->pfns < cmd->pfn)
		return -EINVAL;
	if (!ps_may_see_pfns(ucmd->file))
		return -EPERM;
	if (mutex_lock_killable(&track_mutex))
		return -EINTR;
	ret = !sites ? -ENODATA :
	      count_held(cmd->pfn, cmd->pfns ? cmd->pfn + cmd->pfns - 1 : ULONG_MAX);
	if (!ret)
		ret = copy_sites(cmd);
	mutex_unlock(&track_mutex);
	return ret ? ret : ps_respond(ucmd);
}

/**
 * ps_holders_known() - has tracking recorded pins that are held?
 *
 * Context: any; takes no lock, so that the answer may be old.
 * Return: true if so.
 */
bool ps_holders_known(void)
{
	return !xa_empty(&leaves);
}

/**
 * ps_holders_fill() - add to records of INSPECT who has pinned their folios
 * @records: the records, with PFNs; @sites and @tracked are 0
 * @nr: how many; of the folios of a record, only the first one is looked at
 *
 * Context: any; takes the xa_lock of the leaves, with interrupts off, for some records at
 * a time.
 */
void ps_holders_fill(struct pinscope_page *records, unsigned int nr)
{
	struct pinscope_page *rec = records, *end = records + nr, *pause;
	struct place at;
	void *entry;

	while (rec < end) {
		xa_lock_irq(&leaves);
		at = (struct place) {};
		for (pause = min(end, rec + BATCH); rec < pause; rec++) {
			if (rec->pincount <= 0)
				continue;
			move_to(&at, rec->folio_pfn);
			entry = entry_of(&at);
			if (!entry)
				continue;
			rec->sites = nr_holders(entry);
			rec->tracked = min_t(u64, known_pins(entry), rec->pincount);
		}
		xa_unlock_irq(&leaves);
	}
}

/* ----------------------------------------------------------- text files */

/*
 * Position 0 is the heading, SEQ_START_TOKEN; position n is site n - 1. The iterator is
 * the position plus 1, since SEQ_START_TOKEN is 1.
 */
static void *site_at(loff_t pos)
{
	return pos <= READ_ONCE(nr_sites) ? (void *)(uintptr_t)(pos + 1) : NULL;
}

/* With an error the mutex is not held. */
static void *holders_start(struct seq_file *m, loff_t *pos)
{
	int ret;

	if (mutex_lock_killable(&track_mutex))
		return ERR_PTR(-EINTR);
	if (*pos)
		return site_at(*pos);
	ret = count_held(0, ULONG_MAX);
	if (!ret)
		return SEQ_START_TOKEN;
	mutex_unlock(&track_mutex);
	return ERR_PTR(ret);
}

static void *holders_next(struct seq_file *m, void *v, loff_t *pos)
{
	return site_at(++*pos);
}

static void holders_stop(struct seq_file *m, void *v)
{
	if (!IS_ERR(v))
		mutex_unlock(&track_mutex);
}

static void show_heading(struct seq_file *m)
{
	struct pinscope_track now = {};

	get_totals(&now);
	seq_printf(m, "tracking %s%s, for %llu ms; %u sites of at most %u\n",
		   now.on ? "is on" : "is off", sites ? "" : ", nothing was recorded",
		   now.since_ns / NSEC_PER_MSEC, now.sites, now.max_sites);
	seq_printf(m, "%llu pins were missed%s; %llu unpins were of pins from before\n",
		   now.missed, now.missed ? ", so the numbers are not exact" : "",
		   now.unknown);
}

static int holders_show(struct seq_file *m, void *v)
{
	struct pinscope_site site;
	int i;

	if (v == SEQ_START_TOKEN) {
		show_heading(m);
		return 0;
	}
	site = site_record((uintptr_t)v - 2);
	if (!site.calls)
		return SEQ_SKIP;
	seq_printf(m, "\nsite %u: pid %d ", site.id, site.pid);
	seq_escape_mem(m, site.comm, strnlen(site.comm, sizeof(site.comm)),
		       ESCAPE_SPECIAL, "\n\\");
	ps_show_call(m, site.call, site.gup_flags);
	seq_printf(m, "\n%llu calls, %llu failed, %llu pages; slowest %llu us\n",
		   site.calls, site.failed, site.pages,
		   site.slowest_ns / NSEC_PER_USEC);
	seq_printf(m, "%llu held%s, oldest %llu ms; longest released %llu ms\n",
		   site.held, site.held == site.held_surely ? "" : " at most",
		   site.oldest_ns / NSEC_PER_MSEC, site.longest_ns / NSEC_PER_MSEC);
	for (i = 0; i < PINSCOPE_SITE_STACK && site.stack[i]; i++)
		seq_printf(m, "  %pS\n", (void *)(unsigned long)site.stack[i]);
	return 0;
}

static const struct seq_operations holders_ops = {
	.start = holders_start,
	.next = holders_next,
	.stop = holders_stop,
	.show = holders_show,
};

/* As the ioctls: the opener's capability, and that of who writes. */
static bool may_track(struct file *filp)
{
	return file_ns_capable(filp, &init_user_ns, CAP_SYS_ADMIN) &&
	       ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
}

static int holders_open(struct inode *inode, struct file *filp)
{
	return may_track(filp) ? seq_open(filp, &holders_ops) : -EPERM;
}

const struct file_operations ps_holders_fops = {
	.owner = THIS_MODULE,
	.open = holders_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release,
};

static ssize_t tracking_read(struct file *filp, char __user *buf, size_t size,
			     loff_t *pos)
{
	const char *text = READ_ONCE(tracking) ? "1\n" : "0\n";

	return simple_read_from_buffer(buf, size, pos, text, 2);
}

static ssize_t tracking_write(struct file *filp, const char __user *buf, size_t size,
			      loff_t *pos)
{
	bool on;
	int ret = kstrtobool_from_user(buf, size, &on);

	if (ret)
		return ret;
	if (!may_track(filp))
		return -EPERM;
	if (mutex_lock_killable(&track_mutex))
		return -EINTR;
	if (on && !tracking)
		ret = start_tracking(0, 0);
	else if (!on)
		ret = stop_tracking();
	mutex_unlock(&track_mutex);
	return ret ? ret : size;
}

const struct file_operations ps_tracking_fops = {
	.owner = THIS_MODULE,
	.read = tracking_read,
	.write = tracking_write,
	.llseek = default_llseek,
};

/**
 * ps_holders_exit() - stop tracking and forget what was recorded
 *
 * Context: may sleep; nobody has a file of the module open.
 */
void ps_holders_exit(void)
{
	stop_tracking();
	cancel_delayed_work_sync(&recycle_work);
	forget();
	kmem_cache_destroy(leaf_cache);
}

#else /* the kernel has no probes that tracking needs */

int ps_cmd_track(struct ps_ucmd *ucmd)
{
	return -EOPNOTSUPP;
}

int ps_cmd_holders(struct ps_ucmd *ucmd)
{
	return -EOPNOTSUPP;
}

/* Nobody can open these. */
static int no_tracking(struct inode *inode, struct file *filp)
{
	return -EOPNOTSUPP;
}

const struct file_operations ps_holders_fops = {
	.owner = THIS_MODULE,
	.open = no_tracking,
};

const struct file_operations ps_tracking_fops = {
	.owner = THIS_MODULE,
	.open = no_tracking,
};

bool ps_holders_known(void)
{
	return false;
}

void ps_holders_fill(struct pinscope_page *records, unsigned int nr)
{
}

void ps_holders_exit(void)
{
}

#endif
