// SPDX-License-Identifier: GPL-2.0-only
/*
 * pins: every pin that is held, by whom, how, and whether the process still
 * sees the same pages. For reading, while pins come and go: a pin that was
 * there all the time is listed once.
 */
#include <linux/debugfs.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>

#include "pinscope.h"

/* Position 0 is the heading, position n the first pin of a serial >= n. */
static void *get_pin_at(loff_t *pos)
{
	unsigned long serial = *pos;
	struct ps_pin *pin = ps_pin_get_next(&serial);

	*pos = serial;
	return pin;
}

static void *pins_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? get_pin_at(pos) : SEQ_START_TOKEN;
}

static void pins_stop(struct seq_file *m, void *v)
{
	if (v && v != SEQ_START_TOKEN)
		ps_pin_put(v);
}

static void *pins_next(struct seq_file *m, void *v, loff_t *pos)
{
	pins_stop(m, v);
	++*pos;
	return get_pin_at(pos);
}

static void show_names(struct seq_file *m, struct ps_pin *pin)
{
#define FOLL(name)	{ PINSCOPE_FOLL_##name, #name },
#define CALL(call, name)	name,	/* they are in order */
	static const struct {
		u64 bit;
		const char *name;
	} foll_flags[] = { PINSCOPE_FOLL_NAMES(FOLL) };
	static const char *const calls[] = { PINSCOPE_CALL_NAMES(CALL) };
	const char *separator = "";
	int i;

	static_assert(ARRAY_SIZE(calls) == PINSCOPE_CALLS);

	seq_printf(m, " %s ", calls[pin->call]);
	for (i = 0; i < ARRAY_SIZE(foll_flags); i++) {
		if (!(pin->gup_flags & foll_flags[i].bit))
			continue;
		seq_printf(m, "%s%s", separator, foll_flags[i].name);
		separator = "|";
	}
	if (!pin->gup_flags)
		seq_putc(m, '0');
}

/* How many pages the process that was pinned sees where they were pinned. */
static int show_same(struct seq_file *m, struct ps_pin *pin)
{
	struct pinscope_compare cmp = { .addr = pin->addr };
	int ret;

	if (!pin->mm) {
		seq_puts(m, " -");		/* a file: nobody has to map it */
		return 0;
	}
	if (!mmget_not_zero(pin->mm)) {
		seq_puts(m, " gone");
		return 0;
	}
	ret = ps_compare(pin, pin->mm, &cmp, NULL);
	mmput(pin->mm);
	if (ret)
		return ret;
	seq_printf(m, " %llu", cmp.same);
	return 0;
}

static int pins_show(struct seq_file *m, void *v)
{
	struct ps_pin *pin = v;
	int ret;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "pid id call gup_flags addr pages held age_ms same comm\n");
		return 0;
	}
	ret = ps_pin_lock_read(pin);
	if (ret)
		return ret == -ENOENT ? SEQ_SKIP : ret;
	seq_printf(m, "%d %u", pid_vnr(pin->pid), pin->id);
	show_names(m, pin);
	seq_printf(m, " 0x%llx %lu %lu %lld", pin->addr, pin->pages, pin->held,
		   ktime_ms_delta(ktime_get(), pin->since));
	ret = show_same(m, pin);
	up_read(&pin->lock);
	if (ret)
		return ret;
	/* Last on its line, since it can have spaces; escaped, since newlines. */
	seq_putc(m, ' ');
	seq_escape(m, pin->comm, "\n\\");
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations pins_ops = {
	.start = pins_start,
	.next = pins_next,
	.stop = pins_stop,
	.show = pins_show,
};

static int pins_open(struct inode *inode, struct file *filp)
{
	return seq_open(filp, &pins_ops);
}

const struct file_operations ps_pins_fops = {
	.owner = THIS_MODULE,
	.open = pins_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release,
};
