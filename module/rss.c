// SPDX-License-Identifier: GPL-2.0-only
/*
 * RSS: what mm has counted of a process's pages. Faults that replace a page move
 * it from one counter to another, and what they get wrong shows for good.
 */
#include <linux/sched/mm.h>

#include "pinscope.h"

/**
 * ps_cmd_rss() - the counters, summed up over all processors
 * @ucmd: struct pinscope_rss
 *
 * Context: may sleep; takes no lock that faults take, so that they can go on.
 * Return: 0 or a negative errno: see struct pinscope_rss.
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
