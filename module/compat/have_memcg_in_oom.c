// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task has the memory cgroup whose limit its fault reached: with CONFIG_MEMCG, and
 * from e93d4166b40a ("mm: memcg: put cgroup v1-specific code under a config option"),
 * 6.11, on with CONFIG_MEMCG_V1 only.
 */
#include <linux/sched.h>

struct mem_cgroup *probe(void);
struct mem_cgroup *probe(void)
{
	return current->memcg_in_oom;
}
