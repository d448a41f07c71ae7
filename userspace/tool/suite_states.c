// SPDX-License-Identifier: GPL-2.0-only
/*
 * The states that memory can be in when it is pinned, and the child that some of
 * them take.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

/* Newer than some libc. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	(1 << 15)
#endif

/*
 * Writes a request that is not 0 to the page, answers with the byte that it has
 * there, and ends with who could ask. With @holds it has no more than a reference
 * to the page, by now.
 */
static void child_main(struct scene *s, int from, int to, bool holds)
{
	char request, byte;
	uint32_t id;
	int fd = -1;

	if (holds) {
		fd = pinscope_open();
		if (fd < 0 || pinscope_pin(fd, PINSCOPE_CALL_GET_FAST, 0, s->addr,
					   base_size(), &id) ||
		    munmap(s->addr, s->len))
			_exit(1);
	}
	while (read(from, &request, 1) == 1) {
		if (request)
			*(volatile char *)s->addr = request;
		if (!holds)
			byte = *(volatile char *)s->addr;
		else if (pinscope_read(fd, id, 0, &byte, 1))
			break;
		if (write(to, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

/* With @orphan the child has a child that stays, and ends itself. */
static const char *have_child(struct scene *s, bool holds, bool orphan)
{
	int down[2], up[2];
	pid_t pid;

	if (pipe2(down, O_CLOEXEC))
		return scene_fails(s, "pipe: %s", pinscope_errno(errno));
	if (pipe2(up, O_CLOEXEC)) {
		scene_fails(s, "pipe: %s", pinscope_errno(errno));
		close(down[0]);
		close(down[1]);
		return s->why;
	}
	pid = fork();
	if (!pid) {
		close(down[1]);
		if (orphan && fork())
			_exit(0);
		child_main(s, down[0], up[1], holds);
	}
	if (pid < 0)
		scene_fails(s, "fork: %s", pinscope_errno(errno));
	close(down[0]);
	close(up[1]);
	if (pid < 0) {
		close(down[1]);
		close(up[0]);
		return s->why;
	}
	s->child = (struct child) { pid, down[1], up[0] };
	if (orphan)
		waitpid(pid, NULL, 0);
	return NULL;
}

/**
 * scene_fork() - have a child that stays
 * @s: has none
 *
 * Return: NULL or why not.
 */
const char *scene_fork(struct scene *s)
{
	return have_child(s, false, false);
}

static int ask_child(struct scene *s, unsigned char byte)
{
	if (s->child.pid <= 0 || write(s->child.to, &byte, 1) != 1 ||
	    read(s->child.from, &byte, 1) != 1)
		return -1;
	return byte;
}

/**
 * scene_child_sees() - what the child has at the page
 * @s: has a child
 *
 * Return: the byte, or -1 when the child is gone.
 */
int scene_child_sees(struct scene *s)
{
	return ask_child(s, 0);
}

/**
 * scene_child_writes() - let the child write to the page, and wait for it
 * @s: has a child
 * @byte: what it writes; not 0
 */
void scene_child_writes(struct scene *s, char byte)
{
	ask_child(s, byte);
}

/**
 * scene_join() - end the child
 * @s: may have one
 */
void scene_join(struct scene *s)
{
	char byte;

	if (s->child.pid <= 0)
		return;
	close(s->child.to);
	/* At its end the memory is gone, of a grandchild as well. */
	while (read(s->child.from, &byte, 1) > 0)
		;
	close(s->child.from);
	waitpid(s->child.pid, NULL, 0);
	s->child.pid = 0;
}

/* Of hugetlb it may leave out a page: README, 'Known of kernels'. */
static const char *shared(struct scene *s)
{
	struct pinscope_page page;

	if (scene_fork(s))
		return s->why;
	page = scene_page(s);
	if ((page.state & PINSCOPE_STATE_HUGETLB) &&
	    (page.state & PINSCOPE_STATE_ANON) && page.mapcount < 2)
		return scene_fails(s, "this kernel's fork has left out the page");
	return NULL;
}

static const char *previously_shared(struct scene *s)
{
	if (scene_fork(s))
		return s->why;
	scene_join(s);
	return NULL;
}

static const char *grandchild(struct scene *s)
{
	return have_child(s, false, true);
}

/* A child took a reference, and has unmapped the page. */
static const char *held_by_child(struct scene *s)
{
	if (have_child(s, true, false))
		return s->why;
	/* Its answer says that it has got that far. */
	if (scene_child_sees(s) < 0)
		return scene_fails(s, "the child cannot take a reference");
	return NULL;
}

static const char *readonly(struct scene *s)
{
	s->readonly = true;
	if (mprotect(s->addr, s->len, PROT_READ))
		return scene_fails(s, "mprotect: %s", pinscope_errno(errno));
	return NULL;
}

static const char *write_protect(struct scene *s, uint64_t features)
{
	struct uffdio_range range = {
		.start = (uintptr_t)s->addr, .len = s->len,
	};
	struct uffdio_api api = {
		.api = UFFD_API, .features = features,
	};
	struct uffdio_register reg = {
		.range = range, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect wp = {
		.range = range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	s->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (s->uffd < 0 || ioctl(s->uffd, UFFDIO_API, &api) ||
	    ioctl(s->uffd, UFFDIO_REGISTER, &reg) ||
	    ioctl(s->uffd, UFFDIO_WRITEPROTECT, &wp))
		return scene_fails(s, "userfaultfd-wp: %s", pinscope_errno(errno));
	return NULL;
}

static const char *uffd_wp(struct scene *s)
{
	return write_protect(s, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
}

/* A write only takes the mark away, and nobody is asked. */
static const char *uffd_wp_async(struct scene *s)
{
	return write_protect(s, UFFD_FEATURE_WP_ASYNC);
}

/* Of Linux 6.7. */
static bool has_wp_async(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	static int has = -1;
	int fd;

	if (has >= 0)
		return has;
	fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	has = fd >= 0 && !ioctl(fd, UFFDIO_API, &api);
	if (fd >= 0)
		close(fd);
	return has;
}

static const char *soft_dirty(struct scene *s)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "4", 1) != 1) {
		scene_fails(s, "clear_refs: %s: needs CONFIG_MEM_SOFT_DIRTY",
			    pinscope_errno(errno));
		if (fd >= 0)
			close(fd);
		return s->why;
	}
	close(fd);
	return NULL;
}

static const char *pinned(struct scene *s, uint64_t gup_flags)
{
	int ret = pinscope_pin(s->fd, PINSCOPE_CALL_PIN, gup_flags, s->addr,
			       base_size(), &s->other);

	return ret ? scene_fails(s, "the first pin: %s", pinscope_errno(ret)) : NULL;
}

static const char *pinned_readonly(struct scene *s)
{
	return pinned(s, PINSCOPE_FOLL_LONGTERM);
}

static const char *pinned_writable(struct scene *s)
{
	return pinned(s, PINSCOPE_FOLL_LONGTERM | PINSCOPE_FOLL_WRITE);
}

static const char *mlocked(struct scene *s)
{
	if (mlock(s->addr, s->len))
		return scene_fails(s, "mlock: %s", pinscope_errno(errno));
	return NULL;
}

/*
 * A child has some of the pages, or all, when the process gets a THP instead. What
 * a VMA of its own is for fork cannot be collapsed together.
 */
static const char *collapse(struct scene *s, size_t alone, size_t len)
{
	if (len && madvise(s->addr + alone, len, MADV_DONTFORK))
		return scene_fails(s, "MADV_DONTFORK: %s", pinscope_errno(errno));
	if (scene_fork(s))
		return s->why;
	if (len && madvise(s->addr + alone, len, MADV_DOFORK))
		return scene_fails(s, "MADV_DOFORK: %s", pinscope_errno(errno));
	/* Some kernels want one at least that is writable. */
	if (!len)
		s->addr[s->len - 1] = 'p';
	if (madvise(s->addr, s->len, MADV_COLLAPSE))
		return scene_fails(s, "MADV_COLLAPSE: %s", pinscope_errno(errno));
	return NULL;
}

static const char *collapse_all(struct scene *s)
{
	return collapse(s, 0, 0);
}

static const char *collapse_lower(struct scene *s)
{
	return collapse(s, s->len / 2, s->len / 2);
}

static const char *collapse_upper(struct scene *s)
{
	if (collapse(s, 0, s->len / 2))
		return s->why;
	s->len /= 2;
	s->addr += s->len;
	return NULL;
}

static unsigned long pool(unsigned long kib, const char *name)
{
	unsigned long nr = 0;
	char path[100];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%lukB/%s",
		 kib, name);
	file = fopen(path, "re");
	if (file && fscanf(file, "%lu", &nr) != 1)
		nr = 0;
	if (file)
		fclose(file);
	return nr;
}

/* Reserves all that is neither in use nor reserved, which takes no memory. */
static const char *empty_pool(struct scene *s)
{
	const struct kind *kind = s->place.kind->memory;
	unsigned long kib = kind->page >> 10;

	if (pool(kib, "nr_overcommit_hugepages"))
		return scene_fails(s, "the pool can grow: echo 0 >nr_overcommit_hugepages");
	s->extra_len = (pool(kib, "free_hugepages") - pool(kib, "resv_hugepages")) *
		       kind->page;
	if (!s->extra_len)
		return NULL;
	s->extra = mmap(NULL, s->extra_len, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB |
			kind->hugetlb_shift << MAP_HUGE_SHIFT, -1, 0);
	if (s->extra == MAP_FAILED) {
		s->extra = NULL;
		return scene_fails(s, "mmap of all huge pages: %s", pinscope_errno(errno));
	}
	return NULL;
}

static const char *shared_empty_pool(struct scene *s)
{
	return scene_fork(s) ? s->why : empty_pool(s);
}

static bool always(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	(void)kind;
	(void)call;
	(void)gup_flags;
	return true;
}

/* What has a page at all, and does not take seconds to copy. */
static bool pinnable(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	(void)call;
	(void)gup_flags;
	return !(kind->is & (IS_REFUSED | IS_NO_PAGE | IS_SLOW));
}

static bool forkable(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	/* Two copies of a gigantic page are enough. */
	if ((kind->is & IS_SLOW) && (gup_flags != PINSCOPE_FOLL_LONGTERM ||
				     call > PINSCOPE_CALL_PIN_FAST))
		return false;
	return !(kind->is & (IS_REFUSED | IS_NO_PAGE));
}

/*
 * Hugetlb goes by who maps a page, not by who has references to it, on purpose:
 * see hugetlb_wp().
 */
static bool holdable(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	return pinnable(kind, call, gup_flags) && !(kind->is & (IS_SHARED | IS_SWAPPED)) &&
	       !(kind->memory && kind->memory->hugetlb_shift);
}

/* What userfaultfd takes, and can be made of it without a fault. */
static bool markable(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	return pinnable(kind, call, gup_flags) && kind->memory &&
	       !(kind->is & (IS_SHARED | IS_SWAPPED)) &&
	       kind->memory->backing != BACKING_DISK_FILE;
}

/* A write is an event, which nobody here serves: only pins for reading. */
static bool trackable(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	return markable(kind, call, gup_flags) && !(gup_flags & PINSCOPE_FOLL_WRITE);
}

static bool soft_trackable(const struct suite_kind *kind, unsigned int call,
			   uint64_t gup_flags)
{
	/* Neither hugetlb nor shared mappings have the bit. */
	return trackable(kind, call, gup_flags) && !kind->memory->hugetlb_shift;
}

/* Nothing holds DAX for long; mlock() would make it anonymous. */
static bool lockable(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	return pinnable(kind, call, gup_flags) && !(kind->is & IS_DAX);
}

static bool writable(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	return lockable(kind, call, gup_flags) && !(kind->is & IS_TRACKED);
}

static bool collapsible(const struct suite_kind *kind, unsigned int call,
			uint64_t gup_flags)
{
	(void)call;
	(void)gup_flags;
	return kind->is & IS_PAGES;
}

/* A page that has a reservation, or that a child has as well. */
static bool poolable(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	return pinnable(kind, call, gup_flags) && kind->memory &&
	       kind->memory->hugetlb_shift && !(kind->is & IS_SHARED);
}

/* What mm moves to another node: no zeropages, nor what belongs to a driver. */
static bool movable(const struct suite_kind *kind, unsigned int call, uint64_t gup_flags)
{
	const unsigned int stays = IS_SWAPPED | IS_HINTED | IS_DAX | IS_DRIVER;

	return pinnable(kind, call, gup_flags) && !(kind->is & stays) &&
	       (kind->has & (PINSCOPE_STATE_ANON | PINSCOPE_STATE_HAS_FOLIO)) &&
	       !(kind->has & PINSCOPE_STATE_HUGETLB);
}

const struct suite_state suite_states[] = {
	{ .name = "fresh", .applies = always },
	{ .name = "shared", .enter = shared, .applies = forkable },
	{ .name = "previously-shared", .enter = previously_shared,
	  .applies = pinnable },
	{ .name = "grandchild", .enter = grandchild, .applies = pinnable },
	{ .name = "held-by-child", .enter = held_by_child, .applies = holdable },
	{ .name = "readonly", .enter = readonly, .applies = forkable },
	{ .name = "uffd-wp", .enter = uffd_wp, .applies = trackable },
	{ .name = "uffd-wp-async", .enter = uffd_wp_async, .applies = markable,
	  .exists = has_wp_async },
	{ .name = "soft-dirty", .enter = soft_dirty, .applies = soft_trackable },
	{ .name = "pinned", .enter = pinned_readonly, .applies = lockable },
	{ .name = "pinned-writable", .enter = pinned_writable,
	  .applies = writable },
	{ .name = "mlocked", .enter = mlocked, .applies = lockable },
	{ .name = "movable", .enter = enter_movable, .applies = movable,
	  .exists = has_movable_node },
	{ .name = "cma", .enter = enter_cma, .applies = movable,
	  .exists = has_cma },
	{ .name = "collapsed-shared", .enter = collapse_all,
	  .applies = collapsible },
	{ .name = "collapsed-lower-shared", .enter = collapse_lower,
	  .applies = collapsible },
	{ .name = "collapsed-upper-shared", .enter = collapse_upper,
	  .applies = collapsible },
	{ .name = "pool-empty", .enter = empty_pool, .applies = poolable,
	  .takes_all = true },
	{ .name = "shared-pool-empty", .enter = shared_empty_pool, .applies = poolable,
	  .takes_all = true },
};

const size_t suite_nr_states = sizeof(suite_states) / sizeof(suite_states[0]);
