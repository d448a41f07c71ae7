/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ublk, block devices that a process serves: what the pinners that use it share.
 */
#ifndef PINSCOPE_UBLK_H
#define PINSCOPE_UBLK_H

#include <liburing.h>
#include <linux/ublk_cmd.h>
#include <stdbool.h>
#include <stdint.h>

/* Commands as later headers number them. */
#define UBLK_COMMAND(dir, nr)	_IOC(dir, 'u', nr, sizeof(struct ublksrv_ctrl_cmd))
#define UBLK_BOTH		(_IOC_READ | _IOC_WRITE)
#define UBLK_ADD_DEV		UBLK_COMMAND(UBLK_BOTH, 0x04)
#define UBLK_DEL_DEV		UBLK_COMMAND(UBLK_BOTH, 0x05)
#define UBLK_START_DEV		UBLK_COMMAND(UBLK_BOTH, 0x06)
#define UBLK_STOP_DEV		UBLK_COMMAND(UBLK_BOTH, 0x07)
#define UBLK_SET_PARAMS		UBLK_COMMAND(UBLK_BOTH, 0x08)
#define UBLK_GET_FEATURES	UBLK_COMMAND(_IOC_READ, 0x13)
#define UBLK_REG_BUF		UBLK_COMMAND(UBLK_BOTH, 0x18)
#define UBLK_UNREG_BUF		UBLK_COMMAND(UBLK_BOTH, 0x19)

/* Features, as later headers have them. */
#define UBLK_CMD_ENCODE		(1ULL << 6)	/* UBLK_F_CMD_IOCTL_ENCODE */
#define UBLK_USER_COPY		(1ULL << 7)	/* UBLK_F_USER_COPY */
#define UBLK_NO_SCAN		(1ULL << 18)	/* UBLK_F_NO_AUTO_PART_SCAN */
#define UBLK_SHMEM_ZC		(1ULL << 19)	/* UBLK_F_SHMEM_ZC */

/**
 * ublk_lacks() - has the kernel ublk with a feature?
 * @feature: the feature
 * @why: what to say when ublk is there without it
 *
 * Return: NULL when it has; else why not, and what to do.
 */
const char *ublk_lacks(uint64_t feature, const char *why);

/**
 * ublk_open() - open what sends commands, for the process
 *
 * Return: NULL, or why it is not possible.
 */
const char *ublk_open(void);

/**
 * ublk_send() - send a command to a device, but do not wait
 * @op: UBLK_*
 * @dev: the device; -1 for none yet
 * @data: of the command; its address and length, or a number with @len 0
 * @len: bytes of @data
 *
 * Return: 0 or a negative errno.
 */
int ublk_send(uint32_t op, int dev, uint64_t data, uint16_t len);

/* Has the last command an answer? */
bool ublk_answered(void);

/* Wait for the answer of the last command, which is what the device returned. */
int ublk_answer(void);

/* ublk_send() and ublk_answer(). */
int ublk_command(uint32_t op, int dev, uint64_t data, uint16_t len);

/**
 * ublk_add() - make a device with one queue of depth 1 and a page a request
 * @features: what it needs
 *
 * A device belongs to no process: ublk_remove() must follow.
 *
 * Return: its number, or a negative errno.
 */
int ublk_add(uint64_t features);

/* Remove a device, which waits until nobody has it open any more. */
int ublk_remove(int dev);

#endif
