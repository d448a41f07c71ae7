/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's log, and what there tells that something is wrong with the kernel: the
 * file `splats`, which is compiled in.
 */
#ifndef PINSCOPE_SPLAT_H
#define PINSCOPE_SPLAT_H

#include <stdbool.h>
#include <stddef.h>

/* The file, as it was when this was compiled. */
extern const char splats_text[];

/**
 * splat_open() - watch the kernel's log from now on
 *
 * Return: a file, for splat_find() and close(); or a negative errno: -EPERM without
 * CAP_SYSLOG where kernel.dmesg_restrict is 1, -ENOENT without CONFIG_PRINTK.
 */
int splat_open(void);

/**
 * splat_find() - has the kernel logged a splat since the last call?
 * @fd: from splat_open(). All that was logged meanwhile is read
 * @text: out: the first such line; "" if there is none
 * @size: of @text
 *
 * Lines that processes have written to the log do not count.
 *
 * Return: whether there is one.
 */
bool splat_find(int fd, char *text, size_t size);

/* What the kernel warns of once, it warns of once more: needs debugfs. */
void splat_rearm(void);

/* Has the kernel had an Oops since it was booted? What it held is never released. */
bool splat_was_oops(void);

#endif
