/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The suite: kinds of memory x states x ways to pin, and what must hold in each.
 *
 * A scene is one kind in one state, pinned in one way. It is played once, and
 * gives a verdict for each property that is to hold there: a cell, whose name is
 *
 *	KIND.STATE/WAY[+FLAG...]:PROPERTY
 *
 * The tables say what there is; suite_rules.c what is expected, and why.
 */
#ifndef PINSCOPE_SUITE_H
#define PINSCOPE_SUITE_H

#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "memory.h"
#include "tool.h"

/* What is said when a property does not hold, and when a cell is skipped. */
#define WHY_MAX		240

struct scene;

static inline size_t base_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* What a kind is to the rules. */
enum {
	IS_SHARED	= 1 << 0,	/* MAP_SHARED */
	IS_REFUSED	= 1 << 1,	/* GUP has nothing to do with the mapping */
	IS_NO_PAGE	= 1 << 2,	/* nor, as it is, with the entry */
	IS_FILE		= 1 << 3,	/* what is in the file can be looked at */
	IS_TRACKED	= 1 << 4,	/* the file is told of writes */
	IS_LARGE	= 1 << 5,	/* part of a large folio, mapped by PTEs */
	IS_SLOW		= 1 << 6,	/* gigabytes: only the states that matter */
	IS_SWAPPED	= 1 << 7,	/* not there before somebody looks */
	IS_ALONE	= 1 << 8,	/* takes what the machine has once */
	IS_VARIANT	= 1 << 9,	/* of another kind: a few ways are enough */
	IS_HINTED	= 1 << 10,	/* to look at it may move it to another node */
	IS_DAX		= 1 << 11,	/* of a file whose pages are the device's */
	IS_PAGES	= 1 << 12,	/* base pages that could be a THP */
	IS_DRIVER	= 1 << 13,	/* belongs to a driver: mm does not move it */
};

/**
 * struct suite_kind - a row of the table of kinds
 * @name: of the kind; one that is there in sizes has it in brackets
 * @base: the row of memory.c's table that it is made of, or NULL
 * @make: what is done then, or instead; says why it cannot, or returns NULL
 * @is: IS_*
 * @has: PINSCOPE_STATE_* of the page under test, when it is made
 * @hasnt: and what it must not have
 * @exists: is there such a thing here at all, for files in @dir? NULL for yes
 * @memory: @base, on this machine
 * @dir: for files, on which disk
 * @size: for @make: bytes of one page, or 0
 */
struct suite_kind {
	char name[32];
	const char *base;
	const char *(*make)(struct scene *s);
	unsigned int is;
	uint64_t has;
	uint64_t hasnt;
	bool (*exists)(const char *dir);
	const struct kind *memory;
	const char *dir;
	size_t size;
};

/**
 * struct suite_state - a row of the table of states
 * @name: of the state
 * @enter: what makes it; says why it cannot, or returns NULL
 * @applies: to this kind, way and FOLL flags?
 * @exists: is there such a thing on this machine? NULL for yes
 * @takes_all: what other scenes of that kind would need, too
 */
struct suite_state {
	const char *name;
	const char *(*enter)(struct scene *s);
	bool (*applies)(const struct suite_kind *kind, unsigned int call,
			uint64_t gup_flags);
	bool (*exists)(void);
	bool takes_all;
};

/**
 * struct pinner - who pins
 * @name: in a cell's name; NULL for the module, by the way's name and flags
 * @pin: the page under test; returns 0 or a negative errno, of which ENODEV says
 *	that this machine does not have who pins; then the scene's why says more
 * @see: the byte that the pin holds
 * @put: write to what the pin holds, or NULL for one that cannot
 * @is_mapped: is what the pin holds what the process has? NULL when that cannot
 *	be told
 * @unpin: returns 0 or a negative errno
 */
struct pinner {
	const char *name;
	int (*pin)(struct scene *s);
	char (*see)(struct scene *s);
	void (*put)(struct scene *s, char byte);
	bool (*is_mapped)(struct scene *s);
	int (*unpin)(struct scene *s);
};

/**
 * struct suite_way - a row of the table of ways
 * @by: who pins
 * @call: by which call of GUP
 * @gup_flags: with which FOLL flags
 * @few: it comes to the code of another row: fresh memory is enough
 */
struct suite_way {
	const struct pinner *by;
	unsigned int call;
	uint64_t gup_flags;
	bool few;
};

/* What a pin does to the page of the process. */
enum outcome {
	OUTCOME_REFUSED,	/* an error */
	OUTCOME_STAYS,		/* it is pinned where it is */
	OUTCOME_OWN,		/* the process gets one of its own first */
	OUTCOME_REUSED,		/* it becomes the process's own where it is */
	OUTCOME_EITHER,		/* one or the other of the last two */
};

enum verdict {
	VERDICT_NONE,		/* has no say here */
	VERDICT_PASS,
	VERDICT_FAIL,
	VERDICT_SKIP,
	VERDICT_KNOWN,		/* fails, as this kernel is known to */
};

extern const char *const verdict_names[];

/* In the order in which a scene comes to them. */
enum property {
	PROP_MADE,		/* the memory is what it was meant to be */
	PROP_ERRNO,		/* PIN succeeds, or fails as it must */
	PROP_PINNED,		/* what is pinned is what is mapped */
	PROP_PLACE,		/* the page stays, or is replaced, as it must */
	PROP_EXCLUSIVE,		/* anonymous pages are pinned only when exclusive */
	PROP_CONTENT,		/* the process sees what it saw */
	PROP_READONLY,		/* a pin for reading makes nothing writable, dirty */
	PROP_TRACKING,		/* nor soft-dirty, nor is userfaultfd-wp lost */
	PROP_RELIABLE,		/* the process's writes are seen through the pin */
	PROP_DEVICE,		/* the pin's writes are seen by the process */
	PROP_CHILD,		/* a child from before sees neither */
	PROP_FORK,		/* a child from after does not take the page away */
	PROP_LEAK,		/* nor does the pin see what that child writes */
	PROP_FILE,		/* the file does not change */
	PROP_RSS,		/* mm has counted what is mapped */
	PROP_COUNTS,		/* pins and references are what they were */
	PROPS
};

extern const char *const prop_names[PROPS];

/* A scene's place in the tables. */
struct place {
	const struct suite_kind *kind;
	const struct suite_state *state;
	const struct suite_way *call;
};

/* A process that was forked, and does what it is told. */
struct child {
	pid_t pid;
	int to, from;
};

/* What came of a pin, right or wrong. */
struct seen {
	bool pinned;
	int error;		/* errno, when it was not */
	bool replaced;		/* the process has another page now */
	bool stale;		/* and, after a write, another one than the pin */
	uint64_t gained;	/* PINSCOPE_STATE_* of its entry */
	struct pinscope_page before, after;	/* of its page */
};

/* Being played. */
struct scene {
	struct place place;
	int fd;			/* the module */
	struct memory m;
	char *addr;		/* the page under test */
	size_t len;		/* of the mapping that begins with it */
	void *extra;		/* what else is mapped until the end, or NULL */
	size_t extra_len;
	int map_fd;		/* of the module's map, or -1 */
	int uffd;		/* or -1 */
	uint32_t id;		/* of the pin */
	uint32_t other;		/* another pin of the page, or 0 */
	void *user;		/* of the pinner */
	struct child child;
	bool readonly;		/* the process may not write */
	char why[WHY_MAX];
	struct seen seen;
	enum verdict verdicts[PROPS];
	char whys[PROPS][WHY_MAX];
};

/* suite_kinds.c */
struct suite_kind *suite_kinds(const char *const *dirs, size_t nr_dirs, size_t *nr);
size_t thp_size(void);
const char *scene_map(struct scene *s, int fd, size_t len, size_t align, int flags);

/* suite_files.c */
extern const struct suite_kind suite_files[];
extern const size_t suite_nr_files;
bool is_dax(const char *dir);
const char *scene_share(struct scene *s);

/* suite_nodes.c */
const char *make_numa_hint(struct scene *s);
bool has_numa_hints(const char *dir);
void hint_only_asked(void);
const char *enter_movable(struct scene *s);
bool has_movable_node(void);
const char *enter_cma(struct scene *s);
bool has_cma(void);

/* suite_states.c */
extern const struct suite_state suite_states[];
extern const size_t suite_nr_states;
const char *scene_fork(struct scene *s);
void scene_join(struct scene *s);
int scene_child_sees(struct scene *s);
void scene_child_writes(struct scene *s, char byte);

/* suite_pinners.c */
extern const struct pinner by_module, by_io_uring, by_vmsplice;

/* suite_rules.c */
extern const struct suite_way suite_ways[];
extern const size_t suite_nr_ways;
const char *place_name(const struct place *p, enum property prop, char *buf,
		       size_t size);
bool place_exists(const struct place *p, const struct pinscope_info *info);
bool prop_applies(const struct place *p, enum property prop);
void scene_play(struct scene *s);

/* Says in s->why what is wrong, and returns it. */
const char *scene_fails(struct scene *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The page of a pin, or of the process; all zero when it cannot be had. */
struct pinscope_page scene_page(struct scene *s);

#endif
