// SPDX-License-Identifier: GPL-2.0-only
/*
 * INFO: what the module and the running kernel can do.
 *
 * Collects what the other files say about themselves. Owns nothing and takes
 * no locks: @pinned_pages and @max_pages are each read once and may change at
 * any time.
 */
#include "pinscope.h"

/**
 * ps_cmd_info() - PINSCOPE_IOC_INFO, see struct pinscope_info
 * @ucmd: the ioctl
 *
 * Context: may sleep.
 * Return: 0 or -EFAULT.
 */
int ps_cmd_info(struct ps_ucmd *ucmd)
{
	struct pinscope_info *info = ucmd->cmd;
	unsigned int call;

	info->abi_version = PINSCOPE_ABI_VERSION;
	info->abi_oldest = PINSCOPE_ABI_OLDEST;
	info->page_shift = PAGE_SHIFT;
	info->commands = BIT_ULL(PINSCOPE_CMDS) - 1;
	info->states = ps_inspect_states();
	info->calls = ps_gup_calls();
	for (call = 0; call < PINSCOPE_CALLS_MAX; call++)
		info->gup_flags[call] = info->calls & BIT(call) ?
					ps_gup_flags_taken(call) : 0;
	info->fault = ps_fault_taken();
	info->vm_fault = ps_vm_fault_known();
	info->maps = ps_maps();
	info->pinned_pages = atomic_long_read(&ps_pinned_pages);
	info->max_pages = READ_ONCE(ps_max_pages);
	return ps_respond(ucmd);
}
