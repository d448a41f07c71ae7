// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may do what: processes with different credentials, all of which have a file that
 * root opened. pinscope.4 has the same tables in words.
 */
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>

#include "abi.h"

#define YAMA_SCOPE	"/proc/sys/kernel/yama/ptrace_scope"
#define HIDDEN		1	/* a result that is no errno: the PFN is 0 */
#define CAP(name)	(1ULL << CAP_##name)
#define ALL_CAPS	(~0ULL)

/* What is tried. */
enum deed {
	DEED_OPEN,		/* open ctl */
	DEED_PINS,		/* open pins */
	DEED_PIN,		/* pin one's own memory, and read and unpin it */
	DEED_PFN,		/* see one's own PFNs */
	DEED_PHYSICAL,		/* inspect a PFN */
	DEED_TRACK,		/* look at tracking */
	NR_DEEDS
};

static const char *const deed_names[NR_DEEDS] = {
	[DEED_OPEN] = "open ctl", [DEED_PINS] = "open pins",
	[DEED_PIN] = "pin", [DEED_PFN] = "PFNs",
	[DEED_PHYSICAL] = "TARGET_PHYSICAL", [DEED_TRACK] = "TRACK",
};

/* Whose memory is inspected. */
enum subject {
	SUBJECT_ROOT,
	SUBJECT_USER,
	SUBJECT_NOT_DUMPABLE,	/* of that user, as after exec of a setuid program */
	NR_SUBJECTS
};

static const char *const subject_names[NR_SUBJECTS] = {
	[SUBJECT_ROOT] = "root's process", [SUBJECT_USER] = "a user's process",
	[SUBJECT_NOT_DUMPABLE] = "a user's process that is not dumpable",
};

/* In the order of Yama's values; 3 cannot be taken back, and tool.sh has it. */
#define NR_SCOPES	3

/**
 * struct caller - a process and what it may do
 * @name: of it
 * @uid: its user
 * @caps: capabilities that it keeps
 * @userns: it is root of a user namespace of its own
 * @deeds: errnos (or HIDDEN), by enum deed
 * @inspects: errnos of INSPECT of another process, by Yama's scope and enum subject
 */
struct caller {
	const char *name;
	uid_t uid;
	uint64_t caps;
	bool userns;
	int deeds[NR_DEEDS];
	int inspects[NR_SCOPES][NR_SUBJECTS];
};

#define MAY_ALL		{ 0, 0, 0 }
#define MAY_NOTHING	{ -EACCES, -EACCES, -EACCES }
/* The file /proc/PID/mem belongs to the process's user, or to root if not dumpable. */
#define MAY_USER	{ -EACCES, 0, -EACCES }

static const struct caller callers[] = {
	{ "root", 0, ALL_CAPS, false, { 0 },
	  { MAY_ALL, MAY_ALL, MAY_ALL } },
	{ "root without CAP_SYS_ADMIN", 0, ALL_CAPS & ~CAP(SYS_ADMIN), false,
	  { 0, 0, 0, HIDDEN, -EPERM, -EPERM },
	  { MAY_ALL, MAY_ALL, MAY_ALL } },
	{ "root without CAP_SYS_PTRACE", 0, ALL_CAPS & ~CAP(SYS_PTRACE), false, { 0 },
	  { MAY_NOTHING, MAY_NOTHING, MAY_NOTHING } },
	{ "a user", NOBODY, 0, false,
	  { -EACCES, -EACCES, 0, HIDDEN, -EPERM, -EPERM },
	  { MAY_USER, MAY_NOTHING, MAY_NOTHING } },
	{ "a user with CAP_SYS_PTRACE", NOBODY, CAP(SYS_PTRACE), false,
	  { -EACCES, -EACCES, 0, HIDDEN, -EPERM, -EPERM },
	  { MAY_USER, MAY_USER, MAY_USER } },
	{ "a user with CAP_SYS_PTRACE and CAP_DAC_OVERRIDE", NOBODY,
	  CAP(SYS_PTRACE) | CAP(DAC_OVERRIDE), false,
	  { 0, 0, 0, HIDDEN, -EPERM, -EPERM },
	  { MAY_ALL, MAY_ALL, MAY_ALL } },
	{ "a user with CAP_SYS_ADMIN", NOBODY, CAP(SYS_ADMIN), false,
	  { -EACCES, -EACCES, 0, 0, 0, 0 },
	  { MAY_USER, MAY_NOTHING, MAY_NOTHING } },
	{ "a user with CAP_DAC_OVERRIDE", NOBODY, CAP(DAC_OVERRIDE), false,
	  { 0, 0, 0, HIDDEN, -EPERM, -EPERM },
	  { MAY_USER, MAY_NOTHING, MAY_NOTHING } },
	{ "root of a user namespace", NOBODY, 0, true,
	  { -EACCES, -EACCES, 0, HIDDEN, -EPERM, -EPERM },
	  { MAY_NOTHING, MAY_NOTHING, MAY_NOTHING } },
};

/* Capabilities can only be given up: in a child, once. */
static void become(uid_t uid, uint64_t keep, bool userns)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];
	int i;

	need_sys(!prctl(PR_SET_KEEPCAPS, 1));
	need_sys(!setresuid(uid, uid, uid));
	need_sys(!syscall(SYS_capget, &header, caps));
	for (i = 0; i < 2; i++) {
		caps[i].permitted &= keep >> (32 * i);
		caps[i].effective = caps[i].permitted;
		caps[i].inheritable = 0;
	}
	need_sys(!syscall(SYS_capset, &header, caps));
	if (userns)
		need_sys(!unshare(CLONE_NEWUSER));
}

static int inspect_ret(int fd, struct pinscope_target target, uint64_t addr,
		       struct pinscope_page *rec)
{
	struct pinscope_page *recs;
	size_t nr;
	int ret = pinscope_inspect(fd, target, addr, page, &recs, &nr);

	if (ret)
		return ret;
	if (nr)
		*rec = recs[0];
	free(recs);
	return nr ? 0 : -ENODATA;
}

static int open_ret(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC), ret = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return ret;
}

static int pin_ret(int fd, char *addr)
{
	uint32_t id;
	char byte;
	int ret = pinscope_pin(fd, PINSCOPE_CALL_PIN_FAST, PINSCOPE_FOLL_WRITE,
			       addr, page, &id);

	if (!ret)
		ret = pinscope_read(fd, id, 0, &byte, 1);
	return ret ? ret : pinscope_unpin(fd, id);
}

static int try(enum deed deed, struct abi_fixture *f, uint64_t pfn)
{
	struct pinscope_page rec = {};
	int ret;

	switch (deed) {
	case DEED_OPEN:
		return open_ret(PINSCOPE_CTL_PATH, O_RDWR);
	case DEED_PINS:
		return open_ret(PINSCOPE_PINS_PATH, O_RDONLY);
	case DEED_PIN:
		return pin_ret(f->ctl, f->mem);
	case DEED_PFN:
		ret = inspect_ret(f->ctl, pinscope_self(), pinscope_addr(f->mem), &rec);
		return ret ? ret : rec.pfn ? 0 : HIDDEN;
	case DEED_PHYSICAL:
		ret = inspect_ret(f->ctl, pinscope_physical(), pfn * page, &rec);
		return ret == -ENODATA ? 0 : ret;	/* it is not pinned */
	case DEED_TRACK:
		return pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, NULL);
	case NR_DEEDS:
		break;
	}
	return -EINVAL;
}

/* Files that root opened are no more than the caller's own permissions. */
static void test_callers(struct abi_fixture *f)
{
	uint64_t pfn = state_of(f->ctl, f->mem).pfn;
	bool tracks = pinscope_track(f->ctl, PINSCOPE_TRACK_QUERY, 0, 0, NULL) != -EOPNOTSUPP;
	enum deed deed;
	pid_t child;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(callers); i++) {
		const struct caller *c = &callers[i];
		bool good = true;

		child = must_fork();
		if (child) {
			expect_eq(status_of(child), 0, "%s", c->name);
			continue;
		}
		become(c->uid, c->caps, c->userns);
		for (deed = 0; deed < NR_DEEDS; deed++)
			if (deed != DEED_TRACK || tracks)
				good &= expect_ret(try(deed, f, pfn), c->deeds[deed],
						   "%s: %s", c->name, deed_names[deed]);
		_exit(!good);
	}
}

static pid_t start_subject(enum subject subject)
{
	int ready[2];
	char byte;
	pid_t child;

	need_sys(!pipe2(ready, O_CLOEXEC));
	child = must_fork();
	if (!child) {
		if (subject != SUBJECT_ROOT)
			become(NOBODY, 0, false);
		/* A change of the user has made it 0. */
		need_sys(!prctl(PR_SET_DUMPABLE, subject != SUBJECT_NOT_DUMPABLE));
		need_sys(write(ready[1], "r", 1) == 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	need(read(ready[0], &byte, 1) == 1, "no %s", subject_names[subject]);
	close(ready[0]);
	return child;
}

/* One caller inspects each subject, in a child that returns whether all was expected. */
static bool inspect_all(struct abi_fixture *f, const struct caller *c, char scope,
			const pid_t *subjects)
{
	const int *want = c->inspects[scope - '0'];
	struct pinscope_page rec;
	enum subject i;
	bool good = true;

	become(c->uid, c->caps, c->userns);
	for (i = 0; i < NR_SUBJECTS; i++)
		good &= expect_ret(inspect_ret(f->ctl, pinscope_pid(subjects[i]),
					       pinscope_addr(f->mem), &rec), want[i],
				   "%s inspects %s", c->name, subject_names[i]);
	return good;
}

static void all_callers(struct abi_fixture *f, char scope, const pid_t *subjects)
{
	pid_t child;
	size_t i;

	tap_context("ptrace_scope %c", scope);
	for (i = 0; i < ARRAY_SIZE(callers); i++) {
		child = must_fork();
		if (!child)
			_exit(!inspect_all(f, &callers[i], scope, subjects));
		expect_eq(status_of(child), 0, "%s", callers[i].name);
	}
}

/* The memory of another process: as for a debugger, with all that Yama adds. */
static void test_subjects(struct abi_fixture *f)
{
	char was[4] = "0", scope[2] = "0";
	pid_t subjects[NR_SUBJECTS];
	FILE *file = fopen(YAMA_SCOPE, "re");
	enum subject i;

	if (file && !fgets(was, sizeof(was), file))
		tap_skip(YAMA_SCOPE " cannot be read: %s", pinscope_errno(errno));
	if (was[0] == '3')
		tap_skip(YAMA_SCOPE " is 3 until the next boot: boot again");
	for (i = 0; i < NR_SUBJECTS; i++)
		subjects[i] = start_subject(i);
	for (; scope[0] < '0' + (file ? NR_SCOPES : 1); scope[0]++) {
		if (file)
			need_write_file(YAMA_SCOPE, scope);
		all_callers(f, scope[0], subjects);
	}
	if (file) {
		need_write_file(YAMA_SCOPE, was);
		fclose(file);
	}
	for (i = 0; i < NR_SUBJECTS; i++)
		kill_child(subjects[i]);
}

const struct test access_tests[] = {
	TEST_POPULATED("access: who may do what", test_callers, 1),
	TEST_POPULATED("access: whose memory", test_subjects, 1),
	{}
};
