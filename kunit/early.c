// SPDX-License-Identifier: GPL-2.0-only
/*
 * What handle_mm_fault() checks before anything else, sanitize_fault_flags(),
 * and that FAULT_FLAG_UNSHARE means nothing to shared mappings.
 */
#include <trace/events/error_report.h>

#include "pk.h"

#define S(name)	PINSCOPE_STATE_##name

/*
 * Counts WARNs. Kernels that can suppress them do; elsewhere a backtrace in the
 * log is what is expected, and tracing tells of it.
 */
struct warnings {
#ifdef HAVE_KUNIT_SUPPRESSED
	struct kunit_suppressed_warning *suppressed;
#endif
	int count;
};

#ifdef HAVE_KUNIT_SUPPRESSED
static void warnings_begin(struct pk *p, struct warnings *w)
{
	/* Most of them are only given once. */
	pk_write_string(p, "debugfs", "clear_warn_once", "1");
	w->suppressed = kunit_start_suppress_warning(p->test);
}

static void warnings_end(struct pk *p, struct warnings *w)
{
	w->count = kunit_suppressed_warning_count(w->suppressed);
	kunit_end_suppress_warning(p->test, w->suppressed);
}
#else
static void count_warning(void *data, enum error_detector detector,
			  unsigned long id)
{
	struct warnings *w = data;

	if (detector == ERROR_DETECTOR_WARN)
		w->count++;
}

static void warnings_begin(struct pk *p, struct warnings *w)
{
	if (!ps_allow_warn)
		kunit_skip(p->test, "makes the kernel WARN: load pinscope with allow_warn=1");
	w->count = 0;
	pk_write_string(p, "debugfs", "clear_warn_once", "1");
	KUNIT_ASSERT_EQ(p->test,
			register_trace_error_report_end(count_warning, w), 0);
}

static void warnings_end(struct pk *p, struct warnings *w)
{
	unregister_trace_error_report_end(count_warning, w);
	tracepoint_synchronize_unregister();
}
#endif

/* A fault that is refused with one WARN, and changes nothing. */
static void expect_refused(struct pk *p, unsigned int flags)
{
	struct pinscope_page before = pk_look(p, "before"), after;
	struct warnings w;
	vm_fault_t result;

	warnings_begin(p, &w);
	result = pk_mm_fault(p, flags);
	warnings_end(p, &w);
	after = pk_look(p, "after");
	KUNIT_EXPECT_EQ(p->test, (__force unsigned int)result,
			(__force unsigned int)VM_FAULT_SIGSEGV);
	KUNIT_EXPECT_EQ_MSG(p->test, w.count, 1, "WARNs");
	KUNIT_EXPECT_EQ(p->test, after.pfn, before.pfn);
	KUNIT_EXPECT_EQ(p->test, after.state & ~PK_VOLATILE,
			before.state & ~PK_VOLATILE);
}

static void unshare_and_write(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_make(p, test->param_value);
	expect_refused(p, FAULT_FLAG_UNSHARE | FAULT_FLAG_WRITE);
}

static void write_without_maywrite(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_make(p, test->param_value);
	pk_vm_flags(p, 0, VM_WRITE | VM_MAYWRITE);
	expect_refused(p, FAULT_FLAG_WRITE);
}

/* No VMA is like that, but it is the one check that tells of it. */
static void write_with_write_without_maywrite(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_make(p, test->param_value);
	pk_vm_flags(p, VM_WRITE, VM_MAYWRITE);
	expect_refused(p, FAULT_FLAG_WRITE);
}

static void write_without_write_shared(struct kunit *test)
{
	struct pk *p = test->priv;

	pk_make(p, test->param_value);
	pk_vm_flags(p, 0, VM_WRITE);
	expect_refused(p, FAULT_FLAG_WRITE);
}

/*
 * What FOLL_FORCE is about: a copy, which the process still cannot write to.
 * Before some version hugetlb had none, and WARNed of it.
 */
static void write_without_write_private(struct kunit *test)
{
	const struct pk_kind *kind = test->param_value;
	struct pinscope_page before, after;
	struct pk *p = test->priv;
	int tries;
	u8 content;

	pk_make(p, kind);
	content = pk_load(p);
	before = pk_look(p, "before");
	pk_vm_flags(p, 0, VM_WRITE);
	/* A huge mapping of a file is split first, which empties it. */
	for (tries = 0; tries < 2; tries++) {
		vm_fault_t result = pk_mm_fault(p, FAULT_FLAG_WRITE);

		KUNIT_EXPECT_EQ(test, 0U, (__force unsigned int)
				(result & (VM_FAULT_ERROR & ~VM_FAULT_FALLBACK)));
	}
	after = pk_look(p, "after");
	pk_expect(p, &after, S(ANON) | S(EXCLUSIVE), 0, "after");
	if (kind->is & PK_COPIES)
		KUNIT_EXPECT_NE(test, after.pfn, before.pfn);
	if (kind->is & (PK_COPIES | PK_REUSES))
		pk_expect(p, &after, 0, S(WRITABLE), "not for the process");
	KUNIT_EXPECT_EQ(test, pk_load(p), content);
}

/* A read fault, then, which finds the page there. */
static void unshare_shared(struct kunit *test)
{
	struct pinscope_page before, after;
	struct pk *p = test->priv;

	pk_make(p, test->param_value);
	before = pk_look(p, "before");
	KUNIT_EXPECT_EQ(test, pk_fault(p, PINSCOPE_FAULT_UNSHARE), 0U);
	after = pk_look(p, "after");
	KUNIT_EXPECT_EQ(test, after.pfn, before.pfn);
	KUNIT_EXPECT_EQ(test, after.state & ~PK_VOLATILE,
			before.state & ~PK_VOLATILE);
	KUNIT_EXPECT_EQ(test, after.map_shift, before.map_shift);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(unshare_and_write, pk_all),
	KUNIT_CASE_PARAM(write_without_maywrite, pk_all),
	KUNIT_CASE_PARAM(write_with_write_without_maywrite, pk_all),
	KUNIT_CASE_PARAM(write_without_write_shared, pk_shared),
	KUNIT_CASE_PARAM(write_without_write_private, pk_private_not_hugetlb),
	KUNIT_CASE_PARAM(unshare_shared, pk_shared),
	{}
};

struct kunit_suite pk_early_suite = {
	.name = "pinscope_early",
	.init = pk_init,
	.exit = pk_exit,
	.test_cases = cases,
};
