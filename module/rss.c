// SPDX-License-Identifier: GPL-2.0-only
/*
 * RSS: the counters of an mm (MM_FILEPAGES and so on), summed up exactly.
 *
 * A fault that replaces a page of the page cache by an anonymous one, as unshare
 * does, has to move one page from a counter to another. A fault that forgets to
 * leaves the counters wrong for as long as the mm lives.
 *
 * Owns nothing and takes no locks.
 */
#include <linux/sched/mm.h>

#include "pinscope.h"

/**
 * ps_cmd_rss() - PINSCOPE_IOC_RSS, see struct pinscope_rss
 * @ucmd: the ioctl
 *
 * Context: may sleep. Takes no lock, so the process can fault meanwhile.
 * Return: 0 or a negative errno.
 */
int ps_cmd_rss(struct ps_ucmd *ucmd)
{
	struct pinscope_rss *cmd = ucmd->cmd;
	struct mm_struct *mm;

	if (cmd->reserved)
		return -EINVAL;
	mm = ps_get_mm(cmd->target_type, cmd->target_nr);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	cmd->file = ps_rss(mm, MM_FILEPAGES);
	cmd->anon = ps_rss(mm, MM_ANONPAGES);
	cmd->swap = ps_rss(mm, MM_SWAPENTS);
	cmd->shmem = ps_rss(mm, MM_SHMEMPAGES);
	mmput(mm);
	return ps_respond(ucmd);
}
