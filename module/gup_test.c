// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/gup_test: the ABI of the kernel's CONFIG_GUP_TEST, which no
 * distribution enables, so that the kernel's selftests run on any kernel.
 *
 * This file translates each ioctl to the ioctls of ctl and calls their handlers.
 * It differs from mm/gup_test.c where that is wrong or would warn:
 * - The long-term pin belongs to the open file.
 * - Flags that GUP does not accept, and ranges that wrap around, get an error.
 * - An ioctl ends when GUP makes no progress, and fails when nothing was pinned.
 *   @size is the number of bytes that were pinned.
 * - 32-bit programs can use it.
 * - The shared zeropage, whose pins mm does not count, passes as pinned.
 *
 * Owns a struct gup_file for each open, and the file in debugfs. Locks:
 * gup_file.lock is taken before all others.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "gup_test_abi.h"
#include "pinscope.h"

static bool gup_test = true;
module_param(gup_test, bool, 0444);
MODULE_PARM_DESC(gup_test,
		 "create gup_test in debugfs unless the kernel has it (default: yes)");

/*
 * The selftests up to 6.12 pass the number that FOLL_TOUCH had. It is ignored: GUP
 * marks pages as accessed without being asked. In today's kernels the number is
 * that of FOLL_GET, which the get calls set themselves.
 */
#define OLD_FOLL_TOUCH	0x02

struct gup_file {
	struct ps_file file;
	struct mutex lock;	/* for the fields below */
	u32 longterm;		/* id of the pin between START and STOP, or 0 */
	u64 longterm_len;	/* its length in bytes */
};

/* The caller of the ioctl never gets the id of the pin. */
static int pin_for_test(struct gup_file *f, struct pinscope_pin *cmd)
{
	struct ps_ucmd ucmd = { .file = &f->file, .cmd = cmd };

	return ps_cmd_pin(&ucmd);
}

static int unpin_for_test(struct gup_file *f, u32 id)
{
	struct pinscope_unpin cmd = { .id = id };
	struct ps_ucmd ucmd = { .file = &f->file, .cmd = &cmd };

	return ps_cmd_unpin(&ucmd);
}

/* Why a page must not be one of a pin; NULL if nothing is wrong. */
static const char *wrong_with_page(struct ps_pin *pin, struct page *page)
{
	struct folio *folio = page_folio(page);

	if (page == ZERO_PAGE(0))
		return NULL;
	if (!folio_maybe_dma_pinned(folio))
		return "gup_test: page is not pinned";
	if ((pin->gup_flags & PINSCOPE_FOLL_LONGTERM) &&
	    !ps_folio_longterm_pinnable(folio))
		return "gup_test: page has a long-term pin, but must not";
	return NULL;
}

/*
 * Checks that each folio is pinned and, with FOLL_LONGTERM, is long-term pinnable.
 * It is a kernel bug if not.
 */
static int check_folios(struct ps_pin *pin)
{
	struct ps_pos pos = ps_pin_seek(pin, 0, pin->pages);
	unsigned long pfn, pages, n;
	const char *why;

	while (ps_pin_next(pin, &pos, &pfn, &pages)) {
		for (; pages; pfn += n, pages -= n) {
			struct page *page = pfn_to_page(pfn);

			why = wrong_with_page(pin, page);
			if (why) {
				dump_page(page, why);
				return -EIO;
			}
			n = min(pages, ps_rest_of_folio(page));
			cond_resched();
		}
	}
	return 0;
}

/* Prints the pages that the caller wants to see to the kernel log. */
static void dump_pages(struct ps_pin *pin, struct gup_test *arg)
{
	unsigned long pfn, n;
	struct ps_pos pos;
	u32 nr;
	int i;

	for (i = 0; i < ARRAY_SIZE(arg->which_pages); i++) {
		nr = arg->which_pages[i];
		if (nr > pin->pages) {
			pr_notice("gup_test: cannot dump page #%u of %lu pages\n",
				  nr - 1, pin->pages);
			arg->which_pages[i] = 0;
		} else if (nr) {
			pos = ps_pin_seek(pin, nr - 1, 1);
			ps_pin_next(pin, &pos, &pfn, &n);
			pr_info("gup_test: page #%u behind 0x%llx\n", nr - 1,
				arg->addr);
			dump_page(pfn_to_page(pfn), "gup_test: dump of a page");
		}
	}
}

/* What to do with the pages before they are released. */
enum gup_test_use {
	ONLY_RELEASE,
	CHECK_FOLIOS,
	DUMP_PAGES,
};

/* By number of the ioctl: the call, and the FOLL flags that it adds. */
static const struct {
	u8 call;
	u8 use;
	u64 gup_flags;
} gup_tests[] = {
	[_IOC_NR(GUP_FAST_BENCHMARK)] = { PINSCOPE_CALL_GET_FAST, ONLY_RELEASE },
	[_IOC_NR(PIN_FAST_BENCHMARK)] = { PINSCOPE_CALL_PIN_FAST, CHECK_FOLIOS },
	[_IOC_NR(PIN_LONGTERM_BENCHMARK)] = { PINSCOPE_CALL_PIN, CHECK_FOLIOS,
					      PINSCOPE_FOLL_LONGTERM },
	[_IOC_NR(GUP_BASIC_TEST)] = { PINSCOPE_CALL_GET, ONLY_RELEASE },
	[_IOC_NR(PIN_BASIC_TEST)] = { PINSCOPE_CALL_PIN, CHECK_FOLIOS },
	[_IOC_NR(DUMP_USER_PAGES_TEST)] = { PINSCOPE_CALL_GET, DUMP_PAGES },
};

static int check_or_dump(struct gup_file *f, u32 id, unsigned int nr,
			 struct gup_test *arg)
{
	struct ps_pin *pin = ps_pin_get_read(&f->file, id);
	int ret = 0;

	if (IS_ERR(pin))
		return PTR_ERR(pin);
	if (gup_tests[nr].use == CHECK_FOLIOS)
		ret = check_folios(pin);
	else if (gup_tests[nr].use == DUMP_PAGES)
		dump_pages(pin, arg);
	ps_pin_put_read(pin);
	return ret;
}

/* Pins, checks or dumps, and releases: the ioctls with a struct gup_test. */
static int run_test(struct gup_file *f, unsigned int nr, void __user *uarg)
{
	struct pinscope_pin cmd = { .flags = PINSCOPE_PIN_PARTIAL };
	struct gup_test arg;
	int ret, err;
	ktime_t start;

	nr = array_index_nospec(nr, ARRAY_SIZE(gup_tests));
	if (copy_from_user(&arg, uarg, offsetofend(struct gup_test, which_pages)))
		return -EFAULT;
	if (!arg.nr_pages_per_call ||
	    arg.test_flags & ~GUP_TEST_FLAG_DUMP_PAGES_USE_PIN)
		return -EINVAL;
	/* The kernel log shows PFNs. */
	if (gup_tests[nr].use == DUMP_PAGES && !ps_may_see_pfns(&f->file))
		return -EPERM;
	ret = ps_gup_flags_from_kernel(arg.gup_flags & ~OLD_FOLL_TOUCH, &cmd.gup_flags);
	if (ret)
		return ret;
	cmd.call = gup_tests[nr].call;
	if (gup_tests[nr].use == DUMP_PAGES && arg.test_flags)
		cmd.call = PINSCOPE_CALL_PIN;
	cmd.gup_flags |= gup_tests[nr].gup_flags;
	cmd.addr = arg.addr;
	cmd.len = arg.size;
	cmd.batch = min(arg.nr_pages_per_call, PINSCOPE_BATCH_MAX);
	ret = pin_for_test(f, &cmd);
	if (ret)
		return ret;

	ret = check_or_dump(f, cmd.id, nr, &arg);
	start = ktime_get();
	err = unpin_for_test(f, cmd.id);
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
	ret = pin_for_test(f, &cmd);
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
		ret = unpin_for_test(f, f->longterm);
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

static int call_locked(struct gup_file *f, void __user *uarg,
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
 * The number of an ioctl without the padding at the end of its struct. The number
 * contains the size of the struct, and 32-bit x86 does not pad it.
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
		return call_locked(f, arg, longterm_start);
	case PIN_LONGTERM_TEST_STOP:
		return call_locked(f, arg, longterm_stop);
	case PIN_LONGTERM_TEST_READ:
		return call_locked(f, arg, longterm_read);
	}
	return -EINVAL;
}

static int gup_test_open(struct inode *inode, struct file *filp)
{
	struct gup_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!f)
		return -ENOMEM;
	ret = ps_init_pins(&f->file);
	if (ret) {
		kfree(f);
		return ret;
	}
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
 * ps_gup_test_init() - create gup_test in debugfs
 *
 * Does nothing if the kernel has a gup_test of its own, or if the module parameter
 * gup_test is 0. The parameter then reads as N.
 *
 * Context: module init. ps_gup_test_exit() undoes it.
 */
void ps_gup_test_init(void)
{
	struct dentry *theirs;

	if (!gup_test)
		return;
	theirs = debugfs_lookup("gup_test", NULL);
	if (theirs) {
		dput(theirs);
		gup_test = false;	/* so that sysfs shows it */
		pr_info("gup_test: the kernel has its own, so the module creates none\n");
		return;
	}
	/* ps_init() says why not debugfs_create_file(). */
	gup_test_file = debugfs_create_file_unsafe("gup_test", 0600, NULL, NULL,
						   &gup_test_fops);
}

/**
 * ps_gup_test_exit() - remove gup_test if ps_gup_test_init() created it
 *
 * Context: module exit.
 */
void ps_gup_test_exit(void)
{
	debugfs_remove(gup_test_file);
}
