/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel has charged to a process for memory that cannot be swapped out.
 */
#ifndef PINSCOPE_ACCOUNTS_H
#define PINSCOPE_ACCOUNTS_H

#include <sys/types.h>

#include "tool.h"

/**
 * struct charged - memory that is charged to a process, in KiB
 * @pinned: VmPin of /proc/PID/status: RDMA, io_uring, vhost-vdpa
 * @locked: VmLck: mlock(), VFIO
 * @limit: RLIMIT_MEMLOCK; UINT64_MAX: there is none
 */
struct charged {
	uint64_t pinned, locked, limit;
};

/**
 * charged_to() - read what is charged to a process
 * @pid: the process
 * @charged: gets it
 *
 * Return: false when the process has ended, or has no memory.
 */
bool charged_to(pid_t pid, struct charged *charged);

/**
 * limit_text() - RLIMIT_MEMLOCK in words
 * @charged: with the limit
 * @buf: gets "RLIMIT_MEMLOCK is 8192 KiB"
 * @size: bytes in @buf
 *
 * Return: @buf.
 */
const char *limit_text(const struct charged *charged, char *buf, size_t size);

/**
 * struct account - pins of a process, and what is charged for them, in KiB
 * @pid: the process
 * @comm: its name; not terminated if it has 16 bytes
 * @held: long-term pins that it surely holds, and that are older than a second
 * @charged: what is charged to the process
 * @user: what is charged to its user, for whichever process
 */
struct account {
	pid_t pid;
	char comm[16];
	uint64_t held;
	struct charged charged;
	uint64_t user;
};

/**
 * struct accounts - the processes that hold long-term pins, each at its worst moment so far
 * @account: an array of them
 * @nr: how many
 */
struct accounts {
	struct account *account;
	size_t nr;
};

/**
 * uncharged() - pins for which nothing is charged
 * @account: of a process
 *
 * Return: KiB; 0: as far as can be seen, all is charged.
 */
uint64_t uncharged(const struct account *account);

/**
 * accounts_look() - look at the processes that hold pins now
 * @accounts: all 0 before the first time; the array is for free()
 * @fd: an open ctl file, tracking is on
 * @all: all processes; else only those that descend from who started tracking
 *
 * Return: 0 or a negative errno.
 */
int accounts_look(struct accounts *accounts, int fd, bool all);

#endif
