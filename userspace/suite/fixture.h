/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixture: the memory, the child and the files that one scenario needs while
 * it runs. It belongs to one thread; fixture_end() gives back all of it.
 */
#ifndef PINSCOPE_FIXTURE_H
#define PINSCOPE_FIXTURE_H

#include "memory.h"
#include "suite.h"

/* A forked process that answers requests; see fixture_fork(). */
struct child {
	pid_t pid;		/* 0: there is none */
	int to, from;
};

/**
 * struct fixture - what one scenario needs while it runs
 * @scenario: which
 * @fd: the module's ctl; -1: it is not loaded, and page states are not looked at
 * @m: the memory
 * @addr: the page under test
 * @len: bytes of the mapping that begins at @addr
 * @extra: another mapping that stays until the end, or NULL
 * @extra_len: its bytes
 * @map_fd: a driver's file that the memory needs, or -1
 * @uffd: a userfaultfd that the memory needs, or -1
 * @id: of the pin
 * @other: another pin of the page, or 0
 * @pinner_data: the pinner's own
 * @child: a child, or none
 * @content: the byte of the page under test, if it cannot be looked at before the call
 * @scans: passes of NUMA balancing that the process has had, for node_scan()
 * @readonly: the VMA has no VM_WRITE
 * @kernel_fault: @why is the kernel's fault, not the machine's
 * @why: why the last function that failed did
 * @record: what is found
 */
struct fixture {
	struct scenario scenario;
	int fd;
	struct memory m;
	char *addr;
	size_t len;
	void *extra;
	size_t extra_len;
	int map_fd;
	int uffd;
	uint32_t id;
	uint32_t other;
	void *pinner_data;
	struct child child;
	char content;
	long scans;
	bool readonly;
	bool kernel_fault;
	char why[REASON_MAX];
	struct outcome_record *record;
};

/**
 * fixture_begin() - an empty fixture
 * @f: out
 * @scenario: which; only its kind and its pinner, if any, are used by fixture_make()
 * @fd: from pinscope_open()
 */
void fixture_begin(struct fixture *f, const struct scenario *scenario, int fd);

/**
 * fixture_make() - make the memory, and see that it is what its kind says
 * @f: from fixture_begin()
 *
 * Return: NULL, or why it is not possible here.
 */
const char *fixture_make(struct fixture *f);

/**
 * fixture_end() - give back all that a fixture has
 * @f: from fixture_begin()
 */
void fixture_end(struct fixture *f);

/**
 * fixture_fails() - say why something is not possible
 * @f: gets the reason
 * @format: as printf() takes it
 *
 * Return: the reason, which is f->why.
 */
const char *fixture_fails(struct fixture *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * fixture_page() - what INSPECT says of the page under test
 * @f: the fixture
 *
 * Return: one record; all zero when the entry is empty.
 */
struct pinscope_page fixture_page(struct fixture *f);

/**
 * fixture_process_writes() - the process writes a byte to the page under test
 * @f: the fixture; without VM_WRITE it gets that for the moment
 * @byte: the byte
 */
void fixture_process_writes(struct fixture *f, char byte);

/**
 * fixture_map() - map a file, or anonymous memory
 * @f: has nothing mapped; fixture_end() unmaps it
 * @fd: the file, or -1
 * @len: bytes
 * @align: of the address, in bytes, a power of two
 * @flags: for mmap()
 *
 * Return: NULL, or why not.
 */
const char *fixture_map(struct fixture *f, int fd, size_t len, size_t align,
			int flags);

/**
 * fixture_fork() - have a child that stays, and answers
 * @f: has none
 *
 * Return: NULL, or why not.
 */
const char *fixture_fork(struct fixture *f);

/* Like fixture_fork(); the child forks in turn and exits: its child answers. */
const char *fixture_fork_grandchild(struct fixture *f);

/* Like fixture_fork(); the child takes a reference to the page and unmaps it. */
const char *fixture_fork_reference(struct fixture *f);

/**
 * fixture_join() - end the child
 * @f: may have one; when this returns, its memory is gone
 */
void fixture_join(struct fixture *f);

/**
 * fixture_child_execs() - let the child call execve(), and wait for its end
 * @f: has a child, and has none afterwards
 *
 * Return: what waitpid() says of it: 0 when it has run another program.
 */
int fixture_child_execs(struct fixture *f);

/**
 * fixture_child_forks() - let the child fork and exit
 * @f: has a child. Its child takes its place, and @f ends it like that
 *
 * Return: the byte that the child's child has at the page under test, or -1.
 */
int fixture_child_forks(struct fixture *f);

/**
 * fixture_child_sees() - the byte that the child has at the page under test
 * @f: has a child
 *
 * Return: the byte, or -1 when the child is gone.
 */
int fixture_child_sees(struct fixture *f);

/**
 * fixture_child_writes() - let the child write to the page, and wait for it
 * @f: has a child
 * @byte: not 0
 */
void fixture_child_writes(struct fixture *f, char byte);

#endif
