// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/gup_test: the kernel's own test interface for GUP, which no
 * distribution builds, so that its selftests run on any kernel.
 *
 * Everything is done by the primitives of ctl; this file only translates. It
 * differs from mm/gup_test.c where that is wrong or would WARN: the long-term
 * pin belongs to the open file; flags that GUP does not take and ranges that
 * wrap around are refused; GUP making no progress ends a call; nothing pinned
 * at all is an error, and 'size' is what was pinned; 32-bit programs can use
 * it; the shared zeropage, which is not counted, is no unpinned page.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "gup_test_abi.h"
#include "pinscope.h"

static bool gup_test = true;
module_param(gup_test, bool, 0444);
MODULE_PARM_DESC(gup_test,
		 "offer gup_test in debugfs if the kernel does not (default: yes)");

/*
 * FOLL_TOUCH of the selftests up to 6.12, to whom GUP is what touches the
 * pages. It always does; today the number is that of FOLL_GET, which GUP
 * also knows without being told.
 */
#define OLD_FOLL_TOUCH	0x02

struct gup_file {
	struct ps_file file;
	struct mutex lock;	/* of what follows */
	u32 longterm;		/* id of the pin between START and STOP, or 0 */
	u64 longterm_len;
};

/* Nobody but us is told the id. */
static int pin(struct gup_file *f, struct pinscope_pin *cmd)
{
	struct ps_ucmd ucmd = { .file = &f->file, .cmd = cmd };

	return ps_cmd_pin(&ucmd);
}

static int unpin(struct gup_file *f, u32 id)
{
	struct pinscope_unpin cmd = { .id = id };
	struct ps_ucmd ucmd = { .file = &f->file, .cmd = &cmd };

	return ps_cmd_unpin(&ucmd);
}

/* Is each folio one that @gup_flags allows? A bug in mm is what says no. */
static int check_folios(struct ps_pin *pin)
{
	struct ps_pos pos = ps_pin_seek(pin, 0, pin->pages);
	unsigned long pfn, pages;
	const char *why;

	while (ps_pin_next(pin, &pos, &pfn, &pages)) {
		struct page *page = pfn_to_page(pfn);
		struct folio *folio = page_folio(page);

		if (page == ZERO_PAGE(0))
			continue;
		if (!folio_maybe_dma_pinned(folio))
			why = "gup_test: a page that is not pinned";
		else if ((pin->gup_flags & PINSCOPE_FOLL_LONGTERM) &&
			 (ps_folio_is_cma(folio) ||
			  page_zonenum(page) == ZONE_MOVABLE))
			why = "gup_test: a movable page with a long-term pin";
		else
			continue;
		dump_page(page, why);
		return -EIO;
	}
	return 0;
}

static void dump_pages(struct ps_pin *pin, struct gup_test *arg)
{
	unsigned long pfn, n;
	struct ps_pos pos;
	u32 nr;
	int i;

	for (i = 0; i < ARRAY_SIZE(arg->which_pages); i++) {
		nr = arg->which_pages[i];
		if (nr > pin->pages) {
			pr_notice("gup_test: page #%u is not one of %lu\n",
				  nr - 1, pin->pages);
			arg->which_pages[i] = 0;
		} else if (nr) {
			pos = ps_pin_seek(pin, nr - 1, 1);
			ps_pin_next(pin, &pos, &pfn, &n);
			pr_info("gup_test: page #%u from 0x%llx on\n", nr - 1,
				arg->addr);
			dump_page(pfn_to_page(pfn), "gup_test: asked for");
		}
	}
}

enum look { LOOK_AWAY, LOOK_CHECK, LOOK_DUMP };

static const struct {
	u8 call;
	u8 look;
	u64 gup_flags;
} tests[] = {
	[_IOC_NR(GUP_FAST_BENCHMARK)] = { PINSCOPE_CALL_GET_FAST, LOOK_AWAY },
	[_IOC_NR(PIN_FAST_BENCHMARK)] = { PINSCOPE_CALL_PIN_FAST, LOOK_CHECK },
	[_IOC_NR(PIN_LONGTERM_BENCHMARK)] = { PINSCOPE_CALL_PIN, LOOK_CHECK,
					      PINSCOPE_FOLL_LONGTERM },
	[_IOC_NR(GUP_BASIC_TEST)] = { PINSCOPE_CALL_GET, LOOK_AWAY },
	[_IOC_NR(PIN_BASIC_TEST)] = { PINSCOPE_CALL_PIN, LOOK_CHECK },
	[_IOC_NR(DUMP_USER_PAGES_TEST)] = { PINSCOPE_CALL_GET, LOOK_DUMP },
};

static int look(struct gup_file *f, u32 id, unsigned int nr,
		struct gup_test *arg)
{
	struct ps_pin *pin = ps_pin_get_read(&f->file, id);
	int ret = 0;

	if (IS_ERR(pin))
		return PTR_ERR(pin);
	if (tests[nr].look == LOOK_CHECK)
		ret = check_folios(pin);
	else if (tests[nr].look == LOOK_DUMP)
		dump_pages(pin, arg);
	ps_pin_put_read(pin);
	return ret;
}

/* Pins, looks and releases. */
static int run_test(struct gup_file *f, unsigned int nr, void __user *uarg)
{
	struct pinscope_pin cmd = { .flags = PINSCOPE_PIN_PARTIAL };
	struct gup_test arg;
	int ret, err;
	ktime_t start;

	if (copy_from_user(&arg, uarg, offsetofend(struct gup_test, which_pages)))
		return -EFAULT;
	if (!arg.nr_pages_per_call ||
	    arg.test_flags & ~GUP_TEST_FLAG_DUMP_PAGES_USE_PIN)
		return -EINVAL;
	ret = ps_gup_flags_from_kernel(arg.gup_flags & ~OLD_FOLL_TOUCH, &cmd.gup_flags);
	if (ret)
		return ret;
	cmd.call = tests[nr].call;
	if (tests[nr].look == LOOK_DUMP && arg.test_flags)
		cmd.call = PINSCOPE_CALL_PIN;
	cmd.gup_flags |= tests[nr].gup_flags;
	cmd.addr = arg.addr;
	cmd.len = arg.size;
	cmd.batch = min(arg.nr_pages_per_call, PINSCOPE_BATCH_MAX);
	ret = pin(f, &cmd);
	if (ret)
		return ret;

	ret = look(f, cmd.id, nr, &arg);
	start = ktime_get();
	err = unpin(f, cmd.id);
	arg.put_delta_usec = ktime_us_delta(ktime_get(), start);
	arg.get_delta_usec = div_u64(cmd.elapsed_ns, NSEC_PER_USEC);
	arg.size = cmd.pages << PAGE_SHIFT;
	if (ret || err)
		return ret ? ret : err;
	if (copy_to_user(uarg, &arg, offsetofend(struct gup_test, which_pages)))
		return -EFAULT;
	return 0;
}

static int longterm_start(struct gup_file *f, void __user *uarg)
{
	struct pinscope_pin cmd = { .gup_flags = PINSCOPE_FOLL_LONGTERM };
	struct pin_longterm_test arg;
	int ret;

	if (f->longterm)
		return -EINVAL;
	if (copy_from_user(&arg, uarg,
			   offsetofend(struct pin_longterm_test, flags)))
		return -EFAULT;
	if (arg.flags & ~(PIN_LONGTERM_TEST_FLAG_USE_WRITE |
			  PIN_LONGTERM_TEST_FLAG_USE_FAST))
		return -EINVAL;
	if (arg.flags & PIN_LONGTERM_TEST_FLAG_USE_WRITE)
		cmd.gup_flags |= PINSCOPE_FOLL_WRITE;
	cmd.call = arg.flags & PIN_LONGTERM_TEST_FLAG_USE_FAST ?
		  PINSCOPE_CALL_PIN_FAST : PINSCOPE_CALL_PIN;
	cmd.addr = arg.addr;
	cmd.len = arg.size;
	ret = pin(f, &cmd);
	if (ret)
		return ret;
	f->longterm = cmd.id;
	f->longterm_len = arg.size;
	return 0;
}

static int longterm_stop(struct gup_file *f, void __user *uarg)
{
	int ret = 0;

	if (f->longterm)
		ret = unpin(f, f->longterm);
	if (!ret)
		f->longterm = 0;
	return ret;
}

static int longterm_read(struct gup_file *f, void __user *uarg)
{
	struct pinscope_io cmd = { .id = f->longterm, .len = f->longterm_len };
	struct ps_ucmd ucmd = { .file = &f->file, .cmd = &cmd };

	if (!f->longterm)
		return -EINVAL;
	if (get_user(cmd.buf, (u64 __user *)uarg))
		return -EFAULT;
	return ps_cmd_read(&ucmd);
}

static int longterm(struct gup_file *f, void __user *uarg,
		    int (*fn)(struct gup_file *f, void __user *uarg))
{
	int ret;

	if (mutex_lock_killable(&f->lock))
		return -EINTR;
	ret = fn(f, uarg);
	mutex_unlock(&f->lock);
	return ret;
}

/*
 * The size is part of the number, and the padding at the end part of the size:
 * on some 32-bit machines there is none.
 */
#define WITHOUT_PADDING(cmd, type, last)				\
	(((cmd) & ~IOCSIZE_MASK) |					\
	 (offsetofend(struct type, last) << IOCSIZE_SHIFT))

static long gup_test_ioctl(struct file *filp, unsigned int cmd,
			   unsigned long uarg)
{
	void __user *arg = (void __user *)uarg;
	struct gup_file *f = filp->private_data;

	switch (cmd) {
	case GUP_FAST_BENCHMARK:
	case PIN_FAST_BENCHMARK:
	case PIN_LONGTERM_BENCHMARK:
	case GUP_BASIC_TEST:
	case PIN_BASIC_TEST:
	case DUMP_USER_PAGES_TEST:
	case WITHOUT_PADDING(GUP_FAST_BENCHMARK, gup_test, which_pages):
	case WITHOUT_PADDING(PIN_FAST_BENCHMARK, gup_test, which_pages):
	case WITHOUT_PADDING(PIN_LONGTERM_BENCHMARK, gup_test, which_pages):
	case WITHOUT_PADDING(GUP_BASIC_TEST, gup_test, which_pages):
	case WITHOUT_PADDING(PIN_BASIC_TEST, gup_test, which_pages):
	case WITHOUT_PADDING(DUMP_USER_PAGES_TEST, gup_test, which_pages):
		return run_test(f, _IOC_NR(cmd), arg);
	case PIN_LONGTERM_TEST_START:
	case WITHOUT_PADDING(PIN_LONGTERM_TEST_START, pin_longterm_test, flags):
		return longterm(f, arg, longterm_start);
	case PIN_LONGTERM_TEST_STOP:
		return longterm(f, arg, longterm_stop);
	case PIN_LONGTERM_TEST_READ:
		return longterm(f, arg, longterm_read);
	}
	return -EINVAL;
}

static int gup_test_open(struct inode *inode, struct file *filp)
{
	struct gup_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	ps_file_init(&f->file);
	mutex_init(&f->lock);
	filp->private_data = f;
	return nonseekable_open(inode, filp);
}

static int gup_test_release(struct inode *inode, struct file *filp)
{
	struct gup_file *f = filp->private_data;

	ps_release_pins(&f->file);
	mutex_destroy(&f->lock);
	kfree(f);
	return 0;
}

static const struct file_operations gup_test_fops = {
	.owner = THIS_MODULE,
	.open = gup_test_open,
	.release = gup_test_release,
	.unlocked_ioctl = gup_test_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct dentry *gup_test_file;

/**
 * ps_gup_test_init() - offer gup_test, unless it is there or not wanted
 *
 * Context: module init; undone by ps_gup_test_exit().
 */
void ps_gup_test_init(void)
{
	struct dentry *theirs;

	if (!gup_test)
		return;
	theirs = debugfs_lookup("gup_test", NULL);
	if (theirs) {
		dput(theirs);
		gup_test = false;	/* to be read in sysfs */
		pr_info("the kernel has a gup_test of its own, which is left alone\n");
		return;
	}
	/* See ps_init() for why it is this call. */
	gup_test_file = debugfs_create_file_unsafe("gup_test", 0600, NULL, NULL,
						   &gup_test_fops);
}

/**
 * ps_gup_test_exit() - remove what ps_gup_test_init() made
 */
void ps_gup_test_exit(void)
{
	debugfs_remove(gup_test_file);
}
