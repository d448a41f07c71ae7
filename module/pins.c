// SPDX-License-Identifier: GPL-2.0-only
/*
 * pins in debugfs: one line for each pin of all open files, with the process that
 * made it, the call, the flags, and how many of its pages are still mapped where
 * they were pinned.
 *
 * Process ids are those in the pid namespace of the process that reads the file. A
 * process that is not in that namespace is shown as 0; all pins are listed, whatever
 * the namespace. The id of a process that has ended is shown, too, for as long as
 * its pin exists.
 *
 * All but one of the numbers are kept with the pin. Whether a page is still mapped only
 * the page tables tell, so they are walked at each read: some 20 instructions for each
 * contiguous base page, next to none for huge ones. A counter would need an MMU notifier
 * for each pin, and those change what mm does with the memory under test.
 *
 * Pins may be made and released while the file is read. A pin that exists from
 * the first read to the last is listed exactly once.
 *
 * Owns nothing. Locks: ps_pin.lock for reading, then those of ps_compare().
 */
#include <linux/debugfs.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>

#include "pinscope.h"

/*
 * Position 0 is the heading. Another position is the serial number of an open file,
 * from 1 on, in the upper half, and the lowest index of a pin of it in the lower one.
 * Both are below 2^31.
 */
static void *get_pin_at(loff_t *pos)
{
	unsigned long serial = upper_32_bits(*pos), index = lower_32_bits(*pos);
	struct ps_pin *pin = ps_pin_get_next(&serial, &index);

	*pos = (loff_t)serial << 32 | index;
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

#define CALL_NAME(call, name)						\
	[PINSCOPE_CALL_##call] = name,
static const char *const call_names[PINSCOPE_CALLS] = {
	PINSCOPE_CALL_NAMES(CALL_NAME)
};

#define GUP_FLAG_NAME(name)	{ PINSCOPE_FOLL_##name, #name },
static const struct {
	u64 bit;
	const char *name;
} gup_flag_names[] = {
	PINSCOPE_FOLL_NAMES(GUP_FLAG_NAME)
};

/**
 * ps_show_call() - " CALL FLAG|FLAG"
 * @m: gets it
 * @call: enum pinscope_call, less than PINSCOPE_CALLS
 * @gup_flags: PINSCOPE_FOLL_* bits
 *
 * Context: any.
 */
void ps_show_call(struct seq_file *m, u32 call, u64 gup_flags)
{
	const char *separator = "";
	int i;

	seq_printf(m, " %s ", call_names[call]);
	for (i = 0; i < ARRAY_SIZE(gup_flag_names); i++) {
		if (!(gup_flags & gup_flag_names[i].bit))
			continue;
		seq_printf(m, "%s%s", separator, gup_flag_names[i].name);
		separator = "|";
	}
	if (!gup_flags)
		seq_putc(m, '0');
}

/* Shows how many pages are still mapped where they were pinned. */
static int show_same(struct seq_file *m, struct ps_pin *pin)
{
	struct pinscope_compare cmp = { .addr = pin->addr };
	int ret;

	if (!pin->mm) {
		/* Pages of a file were pinned, which no process need map. */
		seq_puts(m, " -");
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
	ps_show_call(m, pin->call, pin->gup_flags);
	seq_printf(m, " 0x%llx %lu %lu %lld", pin->addr, pin->pages, pin->held,
		   ktime_ms_delta(ktime_get(), pin->since));
	ret = show_same(m, pin);
	up_read(&pin->lock);
	if (ret)
		return ret;
	/*
	 * The name of a thread can contain anything: it comes last because of
	 * spaces, and newlines in it are escaped.
	 */
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
