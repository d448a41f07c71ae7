// SPDX-License-Identifier: GPL-2.0-only
/*
 * sanitize_fault_flags(): handle_mm_fault() refuses combinations of flags and
 * VMAs that no caller may ask for, with a WARN, and makes FAULT_FLAG_UNSHARE of
 * shared mappings a read fault.
 */
#include <trace/events/error_report.h>

#include "pk.h"

/*
 * Counts the WARNs of this process. KUnit of 7.3 suppresses and counts them. In
 * older kernels their backtraces are in the log, and a tracepoint counts them.
 */
struct pk_warnings {
#ifdef HAVE_KUNIT_SUPPRESSED
	struct kunit_suppressed_warning *suppressed;
#endif
	struct task_struct *task;
	int count;
};

#ifdef HAVE_KUNIT_SUPPRESSED
static void start_counting(struct pk *p, struct pk_warnings *w)
{
	w->suppressed = kunit_start_suppress_warning(p->test);
	KUNIT_ASSERT_NOT_NULL(p->test, w->suppressed);
}

static void stop_counting(struct pk *p, struct pk_warnings *w)
{
	w->count = kunit_suppressed_warning_count(w->suppressed);
	kunit_end_suppress_warning(p->test, w->suppressed);
}
#else
static void count_warning(void *data, enum error_detector detector,
			  unsigned long id)
{
	struct pk_warnings *w = data;

	if (detector == ERROR_DETECTOR_WARN && current == w->task)
		w->count++;
}

static void unregister_count_warning(void *data)
{
	unregister_trace_error_report_end(count_warning, data);
	tracepoint_synchronize_unregister();
}

static void start_counting(struct pk *p, struct pk_warnings *w)
{
	KUNIT_ASSERT_EQ(p->test, 0,
			register_trace_error_report_end(count_warning, w));
	KUNIT_ASSERT_EQ(p->test, 0,
			kunit_add_action_or_reset(p->test,
						  unregister_count_warning, w));
}

static void stop_counting(struct pk *p, struct pk_warnings *w)
{
	kunit_release_action(p->test, unregister_count_warning, w);
}
#endif

/* Skips the test case where it would leave WARNs in the log unasked. */
static void need_warnings(struct pk *p)
{
#ifndef HAVE_KUNIT_SUPPRESSED
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(p->test, "needs CONFIG_TRACEPOINTS to count WARNs");
	if (!ps_allow_warn)
		kunit_skip(p->test, "makes the kernel WARN: load pinscope with allow_warn=1");
#endif
}

/* Expects a fault to be refused with one WARN, and to change nothing. */
static void expect_refused(struct pk *p, unsigned int flags)
{
	struct pinscope_page before, after;
	struct pk_warnings *w;
	vm_fault_t result;

	need_warnings(p);
	/* Not on the stack, which an assertion that fails takes away. */
	w = kunit_kzalloc(p->test, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(p->test, w);
	w->task = current;
	before = pk_inspect(p, "before");
	/* WARN_ON_ONCE() warns again after this. */
	pk_write_string(p, "debugfs", "clear_warn_once", "1");
	start_counting(p, w);
	result = pk_mm_fault(p, flags);
	stop_counting(p, w);
	after = pk_inspect(p, "after");
	KUNIT_EXPECT_EQ(p->test, (__force unsigned int)result,
			(__force unsigned int)VM_FAULT_SIGSEGV);
	KUNIT_EXPECT_EQ_MSG(p->test, w->count, 1,
			    "expected one WARN, found %d", w->count);
	pk_expect_unchanged(p, &before, &after);
}

static void unshare_with_write_is_refused(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_setup(p, test->param_value);
	expect_refused(p, FAULT_FLAG_UNSHARE | FAULT_FLAG_WRITE);
}

static void write_without_vm_maywrite_is_refused(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_setup(p, test->param_value);
	pk_vm_flags(p, 0, VM_WRITE | VM_MAYWRITE);
	expect_refused(p, FAULT_FLAG_WRITE);
}

/* No VMA has these flags, but only they reach the check of VM_MAYWRITE alone. */
static void write_with_vm_write_without_vm_maywrite_is_refused(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_setup(p, test->param_value);
	pk_vm_flags(p, VM_WRITE, VM_MAYWRITE);
	expect_refused(p, FAULT_FLAG_WRITE);
}

static void write_to_shared_without_vm_write_is_refused(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_setup(p, test->param_value);
	pk_vm_flags(p, 0, VM_WRITE);
	expect_refused(p, FAULT_FLAG_WRITE);
}

/*
 * FOLL_FORCE needs such faults: they make the page exclusive, but not writable
 * for the process. hugetlb_wp() of older kernels, 6.12 for one, WARNs of them.
 */
static void write_to_private_without_vm_write_is_not_refused(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	enum outcome outcome = pk_unshare_outcome(kind);
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	int i;
	u8 content;

	pk_setup(p, kind);
	content = pk_load(p);
	before = pk_inspect(p, "before");
	pk_vm_flags(p, 0, VM_WRITE);
	/* The first fault on the PMD of a file only splits and empties it. */
	for (i = 0; i < 2; i++) {
		vm_fault_t result = pk_mm_fault(p, FAULT_FLAG_WRITE);

		KUNIT_EXPECT_EQ(test, 0U, (__force unsigned int)
				(result & (VM_FAULT_ERROR & ~VM_FAULT_FALLBACK)));
	}
	after = pk_inspect(p, "after");
	pk_expect_state(p, &after, S(ANON) | S(EXCLUSIVE), 0, "after");
	if (outcome == OUTCOME_OWN)
		KUNIT_EXPECT_NE_MSG(test, after.pfn, before.pfn,
				    "expected a copy, found the same page");
	if (outcome != OUTCOME_STAYS)
		pk_expect_state(p, &after, 0, S(WRITABLE),
				"after a write fault without VM_WRITE");
	KUNIT_EXPECT_EQ(test, pk_load(p), content);
}

static void unshare_of_shared_is_read_fault(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;

	pk_setup(p, test->param_value);
	before = pk_inspect(p, "before");
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_UNSHARE), 0U);
	after = pk_inspect(p, "after");
	pk_expect_unchanged(p, &before, &after);
	KUNIT_EXPECT_EQ(test, after.map_shift, before.map_shift);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(unshare_with_write_is_refused, pk_all_gen_params),
	KUNIT_CASE_PARAM(write_without_vm_maywrite_is_refused, pk_all_gen_params),
	KUNIT_CASE_PARAM(write_with_vm_write_without_vm_maywrite_is_refused,
			 pk_all_gen_params),
	KUNIT_CASE_PARAM(write_to_shared_without_vm_write_is_refused,
			 pk_shared_gen_params),
	KUNIT_CASE_PARAM(write_to_private_without_vm_write_is_not_refused,
			 pk_private_not_hugetlb_gen_params),
	KUNIT_CASE_PARAM(unshare_of_shared_is_read_fault, pk_shared_gen_params),
	{}
};

struct kunit_suite pk_sanitize_fault_flags_suite = {
	.name = "pinscope_sanitize_fault_flags",
	.suite_init = pk_suite_init,
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
