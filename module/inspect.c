// SPDX-License-Identifier: GPL-2.0-only
/*
 * INSPECT: what the page tables say, and what the pages in them are.
 *
 * Records are gathered under the page table lock into a kernel buffer and
 * copied out with no lock held. Each is the state of one moment; two records
 * may be of two moments.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pinscope.h"

struct gather {
	struct pinscope_page *records;
	unsigned int nr;
	unsigned int max;
};

static int pincount(struct folio *folio)
{
	if (folio_test_large(folio))
		return atomic_read(&folio->_pincount);
	return folio_ref_count(folio) / GUP_PIN_COUNTING_BIAS;
}

/* Does the entry go on where the record ends, with the same to say? */
static bool continues(const struct pinscope_page *last,
		      const struct ps_entry *entry)
{
	if (entry->addr != last->addr + (last->pages << PAGE_SHIFT) ||
	    entry->state != last->state || entry->shift != last->map_shift)
		return false;
	if (!(entry->state & PINSCOPE_STATE_PRESENT))
		return true;
	return entry->pfn == last->pfn + last->pages && entry->page &&
	       folio_pfn(page_folio(entry->page)) == last->folio_pfn;
}

static bool gather_entry(const struct ps_entry *entry, void *arg)
{
	struct gather *g = arg;
	struct pinscope_page *rec;
	struct folio *folio;

	if (g->nr && continues(&g->records[g->nr - 1], entry)) {
		g->records[g->nr - 1].pages += entry->pages;
		return true;
	}
	if (g->nr == g->max)
		return false;

	rec = &g->records[g->nr++];
	*rec = (struct pinscope_page) {
		.addr = entry->addr,
		.pages = entry->pages,
		.state = entry->state,
		.pfn = entry->pfn,
		.map_shift = entry->shift,
	};
	if (entry->page) {
		folio = page_folio(entry->page);
		rec->folio_pfn = folio_pfn(folio);
		rec->folio_order = folio_order(folio);
		rec->refcount = folio_ref_count(folio);
		rec->mapcount = ps_folio_mapcount(folio);
		rec->pincount = pincount(folio);
	}
	return true;
}

/**
 * ps_inspect_states() - which states INSPECT can tell on this kernel
 *
 * Return: PINSCOPE_STATE_* bits.
 */
u64 ps_inspect_states(void)
{
	u64 states = 2 * PINSCOPE_STATE_SWAPBACKED - 1;

	if (!IS_ENABLED(CONFIG_MEM_SOFT_DIRTY))
		states &= ~PINSCOPE_STATE_SOFT_DIRTY;
	if (!IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP))
		states &= ~PINSCOPE_STATE_UFFD_WP;
	return states;
}

static int copy_records(struct pinscope_inspect *cmd, unsigned int done,
			const struct gather *g)
{
	char __user *to = u64_to_user_ptr(cmd->records);
	size_t known = min_t(size_t, cmd->record_size, sizeof(*g->records));
	unsigned int i;

	to += (size_t)done * cmd->record_size;
	for (i = 0; i < g->nr; i++, to += cmd->record_size) {
		if (copy_to_user(to, &g->records[i], known) ||
		    clear_user(to + known, cmd->record_size - known))
			return -EFAULT;
	}
	return 0;
}

/**
 * ps_cmd_inspect() - PINSCOPE_IOC_INSPECT, see struct pinscope_inspect
 * @ucmd: the ioctl
 *
 * Context: may sleep; takes and drops the mmap lock, killable.
 * Return: 0 or a negative errno; some records may be written then.
 */
int ps_cmd_inspect(struct ps_ucmd *ucmd)
{
	struct pinscope_inspect *cmd = ucmd->cmd;
	struct gather g = {};
	unsigned long addr, end;
	unsigned int done = 0;
	int ret;

	if (!cmd->nr || cmd->reserved ||
	    cmd->record_size < sizeof(struct pinscope_page) ||
	    cmd->record_size > PAGE_SIZE)
		return -EINVAL;
	ret = ps_check_range(cmd->addr, cmd->len);
	if (ret)
		return ret;

	g.records = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!g.records)
		return -ENOMEM;

	addr = cmd->addr;
	end = addr + cmd->len;
	while (addr < end && done < cmd->nr) {
		unsigned long from = addr;

		g.nr = 0;
		g.max = min_t(size_t, cmd->nr - done,
			      PAGE_SIZE / sizeof(*g.records));
		ret = ps_walk(current->mm, &addr, end, gather_entry, &g);
		if (!ret)
			ret = copy_records(cmd, done, &g);
		if (ret)
			break;
		done += g.nr;
		/* Nothing gathered and not moved: the tables changed; again. */
		if (addr == from && fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
	}
	kfree(g.records);
	if (ret)
		return ret;
	cmd->nr = done;
	cmd->next = addr;
	return ps_respond(ucmd);
}
