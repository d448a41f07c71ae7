/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random sequences of operations by several processes on several kinds of memory,
 * compared with a model:
 *
 *	exercise.c		rounds, random sequences, shrinking
 *	exercise_ops.c		the table of operations
 *	exercise_io.c		operations of direct I/O, io_uring, and the administrator
 *	exercise_race.c		threads that do operations at once
 *	exercise_uffd.c		operations of userfaultfd, and who handles its faults
 *	exercise_model.c	what each byte must be, and what each pin promises
 *	exercise_world.c	the processes and their memory
 *
 * A round begins with one process that has a region of memory of each chosen kind. One
 * scheduler, the caller, chooses an operation, lets one process do it, changes the model
 * accordingly, and compares. What happens in a round therefore depends on its seed alone.
 * Not so where threads race: there the model is compared with what must hold in any order
 * of the operations, and then goes on with what it finds.
 */
#ifndef PINSCOPE_EXERCISE_H
#define PINSCOPE_EXERCISE_H

#include <setjmp.h>
#include <stdio.h>

#include "fixture.h"
#include "run.h"
#include "suite.h"

enum {
	EX_PROCESSES = 6,
	EX_REGIONS = 4,
	EX_PINS = 6,
	EX_PAGES = 512,		/* of a region */
	EX_WORDS = 4,		/* of a page that the model knows */
	EX_STEPS = 400,		/* of a round */
	EX_RACERS = 2,		/* processes that race */
	EX_THREADS = EX_PINS / EX_RACERS,	/* of each; each has a pin of its own */
	EX_RACE_OPS = 24,	/* of each thread, from one barrier to the next */
	EX_PIPE_VALUES = 32,	/* that what a pipe has may have got */
};

/* What a process may do with a page of a region. */
enum ex_access { EX_NONE, EX_READ, EX_WRITE };

/* What a process has registered with a userfaultfd. */
enum ex_uffd {
	EX_UFFD_NONE,
	EX_UFFD_MISSING,	/* a handler gives pages that are missing */
	EX_UFFD_WP,		/* a handler is told of writes to protected pages */
	EX_UFFD_WP_ASYNC,	/* a write takes the protection away */
};

/* What is known of the soft-dirty bit of a page. */
enum ex_soft {
	EX_SOFT_UNSURE,
	EX_SOFT_CLEARED,	/* by clear-refs; its mapping has no VM_SOFTDIRTY since */
	EX_SOFT_DIRTY,		/* and then the process's own page was written to: it is set */
};

/* What fork() does with a page. */
enum ex_at_fork {
	EX_FORK_COPY,		/* the child has it, too, by COW */
	EX_FORK_LEAVE,		/* MADV_DONTFORK: the child has nothing there */
	EX_FORK_WIPE,		/* MADV_WIPEONFORK: the child has zeroes there */
};

/**
 * struct ex_content - what a page has in it
 * @word: of equal parts of the page, the first four bytes each. Nothing else is written
 */
struct ex_content {
	uint32_t word[EX_WORDS];
};

/**
 * struct ex_page - a page of a region, as one process has it
 * @mapped: it is
 * @moved: it is at the second address of the region
 * @own: a private mapping has a page of its own here, and no longer what the file has
 * @locked: mlock()
 * @mergeable: MADV_MERGEABLE
 * @exclusive: the process wrote to it, and nobody else had it since: no fork, no merge
 * @given_up: MADV_FREE gave it up, and the process has not written to it since: mm may drop it
 * @protected: a userfaultfd protects it: its entry has the userfaultfd-wp bit
 * @guarded: it is in a guard region: @access is EX_NONE, whatever mprotect() says
 * @device: a device may have had it, where mm does not keep the soft-dirty bit
 * @access: enum ex_access
 * @beneath: of a page that is @guarded: what mprotect() says
 * @at_fork: enum ex_at_fork
 * @uffd: enum ex_uffd
 * @soft: enum ex_soft
 * @maybe: bit n: word n of @content may be 0 instead, since mm may have dropped the page
 * @content: of a page with @own
 */
struct ex_page {
	bool mapped, moved, own, locked, mergeable, exclusive, given_up, protected, guarded;
	bool device;
	uint8_t access, beneath, at_fork, uffd, soft, maybe;
	struct ex_content content;
};

/**
 * struct ex_region - memory of one kind, which the processes have from the first one
 * @kind: which
 * @shared: MAP_SHARED
 * @fd: of the file; -1: anonymous memory
 * @at: its two addresses
 * @page: bytes of a page: of a huge page for hugetlb
 * @nr: how many pages; 0: there is no region
 * @stale: an erratum says that R/O long-term pins of what is not a process's own get
 *	stale on this kernel, and known bugs are avoided
 * @no_fork_readonly: likewise, that fork maps its copy of a pinned page writable where the
 *	mapping is not
 * @file: what the file has; zeroes for anonymous memory
 */
struct ex_region {
	struct kind kind;
	bool shared;
	int fd;
	char *at[2];
	size_t page;
	unsigned int nr;
	bool stale, no_fork_readonly;
	struct ex_content file[EX_PAGES];
};

/**
 * struct ex_pipe - a word of a page that a process has given to a pipe by vmsplice()
 * @full: it has
 * @region: of the page
 * @page: which page. The pipe refers to the one that the process had then
 * @word: which word
 * @nr: how many @values; too many to be told apart above EX_PIPE_VALUES
 * @value: what the word was then, and what was written to it as the process's own since
 */
struct ex_pipe {
	bool full;
	unsigned int region, page, word, nr;
	uint32_t value[EX_PIPE_VALUES];
};

struct ex_process {
	pid_t pid;		/* 0: there is none */
	int pidfd;
	int uffd;		/* a copy of the one that waits for a handler; -1: none */
	bool uffd_events;	/* which is told of fork() and mremap(): these unregister nothing */
	struct ex_pipe pipe;
	struct ex_page pages[EX_REGIONS][EX_PAGES];
};

/* What a pinned page must be. */
enum ex_held {
	EX_RELEASED,		/* UNPIN has released it */
	EX_UNKNOWN,		/* nothing was promised */
	EX_OF_PROCESS,		/* the page of the process, exclusive */
	EX_OF_FILE,		/* the page of the file */
	EX_ALONE,		/* a page that was taken away: only the pin has it */
};

struct ex_pin {
	bool used;
	bool uring;				/* it is a registered buffer of io_uring */
	char *addr;				/* of that */
	uint32_t id;
	uint64_t gup_flags;
	unsigned int process, region, page, nr;
	uint8_t held[EX_PAGES];			/* enum ex_held */
	uint32_t alone[EX_PAGES];		/* which page; others may have pinned it, too */
	struct ex_content content[EX_PAGES];	/* of what is EX_ALONE */
};

/**
 * struct ex_step - an operation with its operands
 * @op: index in ex_operations[]
 * @process: who does it, or whose memory it is
 * @region: on which memory
 * @page: the first page
 * @nr: how many pages
 * @arg: what the operation makes of it, below its @args
 * @other: another process, or a pin
 */
struct ex_step {
	unsigned int op, process, region, page, nr, arg, other;
};

/* What a process is told to do; the scheduler knows the addresses. */
struct ex_request {
	struct ex_step step;
	char *addr, *to;	/* of the first page, and where a move leads to */
	size_t len;
	uint32_t word;		/* to be written */
	uint32_t id;		/* of a pin */
	size_t offset;		/* in the pin, in bytes */
	pid_t pid;		/* of the other process */
	uint8_t uffd;		/* enum ex_uffd, of the first page */
};

enum ex_wrong {
	EX_RIGHT, EX_MOVED_SHARED, EX_MOVED_AS_CLEAN, EX_MOVED_ONTO, EX_LEFT_BEHIND,
	EX_COPIED_ALONE, EX_COPIED_SWAPCACHE,
};

struct ex_answer {
	int ret;		/* 0, a negative errno, or EX_DIED */
	int signal;
	void *addr;		/* that got the signal */
	uint32_t id;		/* of a pin; or how many pages */
	pid_t pid;
	int uffd;		/* the process's userfaultfd; 0: it was not used */
	enum ex_wrong wrong;	/* what was done to a page, against the operation's own rules */
};

#define EX_DIED	(-1000)
#define EX_CHILD	(-1001)	/* of act(): this is a child, which has nothing to answer */

/* How a process ends. */
enum ex_end { EX_END_KILL, EX_END_EXIT, EX_END_EXEC };

/**
 * struct ex_program - what one thread does in a race
 * @ops: its operations, one after the other. Those with its pin get the pages while it runs
 * @done: of each, whether it returned 0
 * @id: of the thread's pin; 0: it has none
 * @has: the step that made the pin
 * @is_new: it was made in this race
 * @may_put: the thread may write through it
 */
struct ex_program {
	struct ex_request ops[EX_RACE_OPS];
	bool done[EX_RACE_OPS];
	uint32_t id;
	struct ex_step has;
	bool is_new, may_put;
};

/* What all processes and the scheduler share. */
struct ex_board {
	struct ex_program programs[EX_RACERS][EX_THREADS];
	char child_why[REASON_MAX];	/* what is wrong with a child's memory in a race */
	char rss_why[REASON_MAX];	/* what is wrong with a process's counters */
	struct {
		char *at[2];
		size_t len;
		int fd;
		char why[REASON_MAX];
	} made[EX_REGIONS];
	struct ex_content window[EX_PAGES];	/* what was read */
};

struct ex_world {
	struct ex_board *board;
	int fd;				/* the module's, for this round */
	int log;			/* from splat_open() */
	int socks[EX_PROCESSES][2];	/* the scheduler's end and the process's */
	unsigned int max_processes;
	uint32_t last_word;		/* each write has another one */
	uint32_t last_alone;		/* each page that only pins have has another one */
	/* Errata are avoided. */
	bool move_may_not_end, merge_unprotects, hugetlb_fork_protects, hole_takes_folio;
	bool split_takes_buffers, uring_releases_clean, free_takes_shared;
	bool device_breaks_ksm, device_hides_writes, longterm_moves_no_hugetlb;
	bool move_hides_writes, move_loses_reserved, unshare_unprotects;
	bool has_device;		/* that of lib/test_hmm.c */
	int patience_ms;		/* for an operation */
	bool hung;			/* an operation did not return */
	bool undead;			/* a process did not end */
	int scratch;			/* a file for direct I/O; -1: there is none */
	int child_uffd;			/* that came with the event of a fork(); -1: none */
	bool keeps_exclusive;		/* mm does what it should for ex_page's @exclusive */
	bool offlined;			/* a page was taken from the system in this round */
	long reserved;			/* hugetlb pages, before there was any memory */
	struct ex_region regions[EX_REGIONS];
	struct ex_process processes[EX_PROCESSES];
	struct ex_pin pins[EX_PINS];
	char why[800];			/* what is wrong; "" while nothing is */
};

/* Which operands an operation uses, besides the process. */
enum ex_uses {
	EX_USES_RANGE	= 1 << 0,	/* region, pages */
	EX_USES_PROCESS	= 1 << 1,	/* another process, or a free place for one */
	EX_USES_PIN	= 1 << 2,	/* a pin and pages of it */
	EX_MAKES_PIN	= 1 << 3,	/* a free place for a pin */
	/* And what it does in a race; without EX_RACES it is not done there. */
	EX_RACES	= 1 << 4,
	EX_WRITES	= 1 << 5,	/* its word, to the word of a page that @arg says */
	EX_FILLS	= 1 << 6,	/* its word, to all words of a page */
	EX_TAKES	= 1 << 7,	/* takes the process's pages away */
	EX_ON_FILE	= 1 << 8,	/* does that to the file, for all processes */
	EX_TO_THE_END	= 1 << 9,	/* of the region, from the first page */
	EX_WHOLE	= 1 << 10,	/* on all pages: mm does nothing to a part of a THP */
	/* And who does it, outside a race, to the memory of the step's process. */
	EX_BY_ANOTHER	= 1 << 11,	/* another process, if there is one */
};

/**
 * struct ex_operation - an operation
 * @name: of it
 * @what: a sentence
 * @weight: how often it is chosen, relative to the others
 * @uses: enum ex_uses
 * @args: the names of its variants, ended by NULL; NULL: there is one
 * @possible: whether the model allows it; NULL: always
 * @act: does it, in the process; returns 0 or a negative errno
 * @effect: what it does to the model, and what must be true of its result; NULL: nothing
 */
struct ex_operation {
	const char *name;
	const char *what;
	unsigned int weight;
	unsigned int uses;
	const char *const *args;
	bool (*possible)(const struct ex_world *w, const struct ex_step *s);
	int (*act)(struct ex_world *w, const struct ex_request *r, struct ex_answer *a);
	void (*effect)(struct ex_world *w, const struct ex_step *s,
		       const struct ex_request *r, const struct ex_answer *a);
};

/* Operations that others know: checks and races are made of them. */
enum {
	EX_OP_READ, EX_OP_READ_FILE, EX_OP_RACE, EX_OP_SETTLE, EX_OP_LOOK,
	EX_OP_FORK, EX_OP_EXIT, EX_OP_MMAP, EX_OP_MERGEABLE, EX_OP_RESERVE, EX_OP_TAKE_UFFD,
	EX_OP_RSS,
};

extern const struct ex_operation ex_operations[];
extern const size_t nr_ex_operations;

/* ------------------------------------------------------- exercise_world.c */

/**
 * world_begin() - make the regions, and the first process
 * @w: @board, @max_processes and the kinds of @regions are set; the rest is 0
 *
 * A region whose memory cannot be made gets no pages, and the board says why.
 *
 * Return: whether there is a world; otherwise w->why says why not. world_end() it in
 * either case.
 */
bool world_begin(struct ex_world *w);

/* End all processes, and release all pins. */
void world_end(struct ex_world *w);

/**
 * world_ask() - let a process do something, and wait for it
 * @w: the world
 * @r: what
 * @act: index of the operation whose act() does it
 * @a: out
 */
void world_ask(struct ex_world *w, const struct ex_request *r, unsigned int act,
	       struct ex_answer *a);

/* A process that another one has forked joins. */
void world_adopt(struct ex_world *w, unsigned int process, pid_t pid);

/* End a process; when this returns, its memory is gone. */
void world_kill(struct ex_world *w, unsigned int process);

/* Likewise, of a process that ends by itself. */
void world_bury(struct ex_world *w, unsigned int process);

/* In a process: once it has answered, it ends. */
void world_leave(enum ex_end how);

/* A process goes on as another one, in the child of a fork(). */
void world_become(struct ex_world *w, unsigned int process);

/**
 * world_race() - let several processes do the same at once
 * @w: the world
 * @nr: how many: the first ones that there are
 * @act: index of the operation whose act() does it
 */
void world_race(struct ex_world *w, unsigned int nr, unsigned int act);

/* Fail if the kernel has logged a splat, which explains what else is wrong. */
void world_read_log(struct ex_world *w);

/* The request of a step, as the model has its operands. */
void world_request(struct ex_world *w, const struct ex_step *s, struct ex_request *r);

/* Are there huge pages for copies in all processes, so that nobody is killed? */
bool world_has_pool(const struct ex_region *region, unsigned int copies);

/**
 * world_step() - do a step, change the model, and compare
 * @w: the world; w->why says what is wrong after it
 * @s: the step
 *
 * Return: whether the step was possible.
 */
bool world_step(struct ex_world *w, const struct ex_step *s);

/* ------------------------------------------------------- exercise_model.c */

/* Something is wrong; of several reasons the first is kept. */
void world_fails(struct ex_world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What a process must see at a page, but for words that are @maybe. */
const struct ex_content *model_view(const struct ex_world *w, unsigned int process,
				    unsigned int region, unsigned int page);

/**
 * model_write() - a page that a process sees gets other content
 * @w: the world
 * @process: who writes; unless the mapping is shared, only it sees that
 * @region: where
 * @page: the page
 * @word: which word of the page; EX_WORDS: all of them
 * @value: of the word
 */
void model_write(struct ex_world *w, unsigned int process, unsigned int region,
		 unsigned int page, unsigned int word, uint32_t value);

/* MADV_FREE: until the process writes, mm may drop the page, and it reads zeroes then. */
void model_give_up(struct ex_world *w, unsigned int process, unsigned int region,
		   unsigned int page, unsigned int nr);

/* Pages were pinned for writing, and are dirty in the end: mm drops them no more. */
void model_keep(struct ex_world *w, unsigned int process, unsigned int region,
		unsigned int page, unsigned int nr);

/*
 * Is that what a process may see in a word of a page? Where mm may have dropped the page, and this
 * shows it, the model learns that.
 */
bool model_sees(struct ex_world *w, unsigned int process, unsigned int region,
		unsigned int page, unsigned int word, uint32_t value);

/* The page that a process has given to its pipe may have got a value. */
void model_pipe_gets(struct ex_world *w, unsigned int process, uint32_t value);

/* A page that only pins have gets a word; all pins of it have that. */
void model_write_alone(struct ex_world *w, uint32_t alone, unsigned int word, uint32_t value);

/* A process loses pages, or maps others there: pins keep what was there. */
void model_let_go(struct ex_world *w, unsigned int process, unsigned int region,
		  unsigned int page, unsigned int nr);

/* Pages that a private mapping has became the process's own, without a change. */
void model_own(struct ex_world *w, unsigned int process, unsigned int region,
	       unsigned int page, unsigned int nr);

/* Must a process have an anonymous page here, and no zeropage? */
bool model_is_own(const struct ex_world *w, unsigned int process, unsigned int region,
		  unsigned int page);

/* Pages were written to through the mapping, and the model has that they are the process's. */
void model_written(struct ex_world *w, unsigned int process, unsigned int region,
		   unsigned int page, unsigned int nr);

/* Has a region pages that a pin or a pipe has? mm leaves all of a large folio where it is. */
bool model_is_referred_to(const struct ex_world *w, unsigned int region);

/* A process has cleared its soft-dirty bits. */
void model_clear_soft_dirty(struct ex_world *w, unsigned int process);

/* A process has a new mapping, of which others may have got VM_SOFTDIRTY by a merge. */
void model_new_mapping(struct ex_world *w, unsigned int process);

/* See by INSPECT which pages of a private mapping are the process's own. */
void model_learn(struct ex_world *w, unsigned int process, unsigned int region,
		 unsigned int page, unsigned int nr);

/* See by INSPECT which pages userfaultfd protects besides those of which the model knows. */
void model_learn_protected(struct ex_world *w, unsigned int process, unsigned int region,
			   unsigned int page, unsigned int nr);

/*
 * UNPIN has released pages of a pin, as dirty where it was for writing: whoever reclaims those of
 * the process has to write them to swap.
 */
void model_check_released(struct ex_world *w, const struct ex_pin *pin, unsigned int page,
			  unsigned int nr);

/* The same of a new pin, by a call that touches what it takes as a write does (FOLL_TOUCH). */
void model_check_touched(struct ex_world *w, const struct ex_pin *pin);

/* What was pinned just now is what the process has mapped. */
void model_check_pinned(struct ex_world *w, const struct ex_pin *pin);

/* Compare page states and pins with the model, without touching the memory. */
void model_look(struct ex_world *w);

/* Likewise, after all processes have read all they may, and the files were read. */
void model_check_all(struct ex_world *w);

/* Compare what a process has read, in the window, with the model. */
void model_compare_window(struct ex_world *w, const struct ex_step *s);

/* What a page of a pin must have in it; NULL: anything. */
const struct ex_content *model_pin_view(const struct ex_world *w, const struct ex_pin *pin,
					unsigned int i);

/* Is that what a page of a pin may have in a word? Like model_sees(). */
bool model_pin_sees(struct ex_world *w, const struct ex_pin *pin, unsigned int i,
		    unsigned int word, uint32_t value);

/* The address of a page in a process that has it mapped. */
char *model_addr(const struct ex_world *w, unsigned int process, unsigned int region,
		 unsigned int page);

/* Print page states of a region, and the model beside them. */
void model_print(struct ex_world *w, unsigned int region, FILE *out);

/* -------------------------------------------------------- exercise_ops.c */

/* A pin with one of these holds a page of the process's own, if the mapping is private. */
#define EX_LASTS	(PINSCOPE_FOLL_WRITE | PINSCOPE_FOLL_LONGTERM)

/* The gup_flags of pins, by @arg of the step. */
extern const uint64_t ex_pin_flags[];

/* A page gets one value in all of its words. */
void ex_fill_page(char *to, size_t page, uint32_t word);

/*
 * ex_release() - release a pin, or a part of it, as dirty where it is for writing: whoever writes
 * through a pin has to, or mm may drop the page
 */
int ex_release(int fd, uint32_t id, size_t offset, size_t len, uint64_t *left);

/* The holder of a pin wrote a word to the first page of a step. */
void ex_write_through_pin(struct ex_world *w, const struct ex_step *s, uint32_t word);

/* Nothing else may be mapped where a page was or will be. */
void ex_reserve(void *addr, size_t len);

/* What a row of the table needs of an operation that is elsewhere. */
#define EX_MAY(op)	bool may_##op(const struct ex_world *w, const struct ex_step *s)
#define EX_ACT(op)	int act_##op(struct ex_world *w, const struct ex_request *r,	\
				     struct ex_answer *a)
#define EX_EFFECT(op)	void effect_##op(struct ex_world *w, const struct ex_step *s,	\
					 const struct ex_request *r, const struct ex_answer *a)

/* --------------------------------------------------------- exercise_io.c */

/* In a child: the ring and the pipe of its parent are not its own. */
void io_forget(void);

EX_MAY(direct);
EX_ACT(direct);
EX_EFFECT(direct);
EX_MAY(uring_pin);
EX_ACT(uring_pin);
EX_EFFECT(uring_pin);
EX_MAY(soft_offline);
EX_MAY(split);
EX_ACT(soft_offline);
EX_EFFECT(soft_offline);
EX_MAY(uring_move);
EX_ACT(uring_read);
EX_EFFECT(uring_read);
EX_ACT(uring_write);
EX_EFFECT(uring_write);
EX_ACT(uring_unpin);
EX_EFFECT(uring_unpin);
EX_MAY(vmsplice);
EX_ACT(vmsplice);
EX_EFFECT(vmsplice);
EX_MAY(pipe_read);
EX_ACT(pipe_read);
EX_EFFECT(pipe_read);
EX_ACT(swapoff);
EX_ACT(hugetlb_pool);
EX_MAY(offline);
EX_ACT(offline);
EX_EFFECT(offline);

extern const char *const direct_args[];

/* ------------------------------------------------------- exercise_race.c */

/* In a thread that races: where it goes on after a signal. NULL: it does not race. */
extern __thread sigjmp_buf *race_escape;

/**
 * race_run() - one race: threads do operations at once, then what must hold is checked
 * @w: the world; w->why says what is wrong after it
 * @weights: of the operations
 * @done: of those that succeeded, by index, the numbers go up
 *
 * Return: how many operations were tried.
 */
unsigned int race_run(struct ex_world *w, const unsigned int *weights, unsigned long *done);

/* Print what the threads did in the last race. */
void race_print(const struct ex_world *w, FILE *out);

/* Operations that a race is made of. */
EX_ACT(race);
EX_ACT(settle);
EX_ACT(look);

/* ------------------------------------------------------- exercise_uffd.c */

/* In a child: what its parent has is not its own. */
void uffd_forget(void);

/* The scheduler gets a copy of the userfaultfd that a process has used. */
void uffd_adopt(struct ex_world *w, unsigned int process, const struct ex_answer *a);

/* Answer a fault, or read an event, that a userfaultfd of a process reports. */
void uffd_answer(struct ex_world *w, unsigned int process);

/* Pages are no longer registered. */
void uffd_lose(struct ex_world *w, unsigned int process, unsigned int region,
	       unsigned int page, unsigned int nr);

/* The event of a fork brought a userfaultfd, and nobody took it: the fork has failed. */
void uffd_drop_child(struct ex_world *w);

/* A child has got its copy of what is registered, or not: that depends on the userfaultfd. */
void uffd_forked(struct ex_world *w, unsigned int process, unsigned int child);

/* Pages are at another address, and registered there, or not. */
void uffd_moved(struct ex_world *w, unsigned int process, unsigned int region,
		unsigned int page, unsigned int nr);

/* Entries were dropped. Of hugetlb and files the kernel may keep what was protected. */
void uffd_dropped(struct ex_world *w, unsigned int process, unsigned int region,
		  unsigned int page, unsigned int nr);

/* Pages were written to through the mapping: a userfaultfd must have been told. */
void uffd_written(struct ex_world *w, unsigned int process, unsigned int region,
		  unsigned int page, unsigned int nr);

/* Would an access of a process wait for the handler? Not all of mm can wait. */
bool uffd_would_wait(const struct ex_world *w, const struct ex_step *s, unsigned int process,
		     bool write);

/* Are there protected pages that KSM may merge? */
bool uffd_merge_loses(const struct ex_world *w);

EX_ACT(take_uffd);
EX_MAY(uffd_register);
EX_ACT(uffd_register);
EX_EFFECT(uffd_register);
EX_MAY(uffd_unregister);
EX_ACT(uffd_unregister);
EX_EFFECT(uffd_unregister);
EX_MAY(uffd_protect);
EX_ACT(uffd_protect);
EX_EFFECT(uffd_protect);
EX_MAY(uffd_copy);
EX_ACT(uffd_copy);
EX_EFFECT(uffd_copy);
EX_MAY(uffd_move);
EX_ACT(uffd_move);
EX_EFFECT(uffd_move);

extern const char *const uffd_register_args[], *const uffd_protect_args[];
extern const char *const uffd_copy_args[], *const uffd_move_args[];

/* ------------------------------------------------------------- exercise.c */

/* A random number below @n, by the seed. */
unsigned int ex_draw_below(unsigned int n);

/* A random step; by @weights of the operations. */
void ex_draw_step(struct ex_step *s, const unsigned int *weights);

/* Print a step as scripts have it. */
void ex_print_step(const struct ex_step *s, FILE *out);

/**
 * struct exercise - a run
 * @seed: of the first round
 * @max_ops: how many operations; 0: until @seconds are over
 * @seconds: how long
 * @processes: at a time, at most
 * @kinds: which kinds
 * @only: which operations
 * @without: which operations not
 * @known: known kernel bugs are not avoided
 * @race: threads race; nothing is shrunk, since what happens depends on more than the seed
 * @hung: out: an operation did not return; in tries to shrink that they get less time
 * @dirs: directories for files
 * @out: where a script is printed to
 * @progress: called now and then; or NULL
 * @ops: out: operations done
 * @rounds: out: how many rounds
 * @done: out: operations by index
 * @pairs: out: how often an operation followed another
 * @unmade: out: a line for each kind that cannot be made here, with the reason
 * @why: out: what was wrong, or ""
 * @fail_seed: out: seed of the round that failed
 * @steps: out: the steps that matter, once it was shrunk
 * @nr_steps: out: how many
 * @tries: out: how often the failing round was repeated to shrink it
 * @regions: out: the kinds of the failing round
 */
struct exercise {
	uint64_t seed;
	unsigned int max_ops, seconds, processes;
	struct globs *kinds, *only, *without;
	bool known, race, hung;
	struct dirs *dirs;
	FILE *out;
	void (*progress)(const struct exercise *e);
	unsigned long ops, rounds;
	unsigned long *done, *pairs;
	char unmade[2000];
	char why[800];
	uint64_t fail_seed;
	struct ex_step steps[EX_STEPS];
	unsigned int nr_steps, tries;
	char regions[EX_REGIONS][48];
};

/**
 * exercise_run() - do random sequences of operations until one fails
 * @e: the run
 *
 * Return: 0, also when something was wrong; or a negative errno, and e->why says why:
 * -ENOENT nothing matches.
 */
int exercise_run(struct exercise *e);

/**
 * exercise_replay() - do the steps of a script
 * @e: the run; @why, @steps and @regions are set
 * @file: the script
 *
 * Return: as exercise_run(); -EINVAL the script is wrong.
 */
int exercise_replay(struct exercise *e, FILE *file);

/**
 * exercise_is_line() - is that a line of a script?
 * @line: "region r0 KIND", or an operation and a process, "write p0 r0 0+1 word0"
 *
 * Return: whether it begins like one.
 */
bool exercise_is_line(const char *line);

/**
 * exercise_begin() - get ready for lines of a script, one by one
 * @e: as for exercise_replay()
 *
 * The caller is a process of its own, with nothing else to do: signals and children are
 * exercise's, until exercise_end().
 *
 * Return: 0 or -ENOMEM.
 */
int exercise_begin(struct exercise *e);

/**
 * exercise_line() - do a line of a script
 * @e: from exercise_begin()
 * @line: one for which exercise_is_line() is true; regions come first
 *
 * Return: 0; or, and @e->why says why: -EAGAIN the operation is not possible now, and was not
 * done; -EINVAL the line is wrong, or comes after a failure; -EUCLEAN the comparison with the
 * model failed.
 */
int exercise_line(struct exercise *e, char *line);

/* Print the model, with the page table entries beside it. */
void exercise_show(struct exercise *e);

/**
 * exercise_end() - compare once more, and end all that exercise_line() has begun
 * @e: from exercise_begin()
 *
 * Return: 0, or -EUCLEAN, and @e->why says what is wrong.
 */
int exercise_end(struct exercise *e);

/* Print the failing sequence as a script, and page states beside the model at its end. */
void exercise_print(struct exercise *e, const struct kind *kinds, size_t nr);

/* The kinds of memory that exercise can use; for free(). */
struct kind *exercise_kinds(const struct dirs *dirs, size_t *nr);

#endif
