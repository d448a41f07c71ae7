/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: pinscope:pinscope_pin, pinscope_unpin and pinscope_fault, with
 * the flags by name.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pinscope

#if !defined(PINSCOPE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PINSCOPE_TRACE_H

#include <linux/tracepoint.h>

#include "pinscope_abi.h"

/* With a comma in front, to follow the other arguments. */
#define PS_FOLL(name)		, { PINSCOPE_FOLL_##name, "FOLL_" #name }
#define PS_FAULT(name)		, { PINSCOPE_FAULT_##name, "FAULT_FLAG_" #name }
#define PS_VM_FAULT(name)	, { PINSCOPE_VM_FAULT_##name, "VM_FAULT_" #name }
#define PS_WAY(way, name)	, { PINSCOPE_WAY_##way, name }
/* Once more through a macro, which only then sees the arguments apart. */
#define ps_print_flags(...)	__print_flags(__VA_ARGS__)
#define ps_print_symbolic(...)	__print_symbolic(__VA_ARGS__)

#define ps_show_way(way)						\
	ps_print_symbolic(way PINSCOPE_WAY_NAMES(PS_WAY))
#define ps_show_foll(foll)						\
	ps_print_flags(foll, "|" PINSCOPE_FOLL_NAMES(PS_FOLL))
#define ps_show_fault(flags)						\
	ps_print_flags(flags, "|" PINSCOPE_FAULT_NAMES(PS_FAULT))
#define ps_show_vm_fault(result)					\
	ps_print_flags(result, "|" PINSCOPE_VM_FAULT_NAMES(PS_VM_FAULT))

/* Tools that read the binary trace know no enums but those that are told. */
#define PS_WAY_ENUM(way, name)	TRACE_DEFINE_ENUM(PINSCOPE_WAY_##way);
PINSCOPE_WAY_NAMES(PS_WAY_ENUM)

TRACE_EVENT(pinscope_pin,
	TP_PROTO(const struct pinscope_pin *cmd, u32 id, int ret),
	TP_ARGS(cmd, id, ret),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u32, way)
		__field(unsigned long, foll)
		__field(u64, addr)
		__field(u64, len)
		__field(u64, pages)
		__field(u64, elapsed_ns)
		__field(u32, whose)
		__field(s32, who)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->way = cmd->way;
		__entry->foll = cmd->foll;
		__entry->addr = cmd->addr;
		__entry->len = cmd->len;
		__entry->pages = cmd->pages;
		__entry->elapsed_ns = cmd->elapsed_ns;
		__entry->whose = cmd->whose;
		__entry->who = cmd->who;
		__entry->ret = ret;
	),
	TP_printk("id=%u way=%s foll=%s addr=0x%llx len=0x%llx whose=%u who=%d pages=%llu ns=%llu ret=%d",
		  __entry->id, ps_show_way(__entry->way),
		  ps_show_foll(__entry->foll), __entry->addr, __entry->len,
		  __entry->whose, __entry->who, __entry->pages,
		  __entry->elapsed_ns, __entry->ret)
);

TRACE_EVENT(pinscope_unpin,
	TP_PROTO(const struct pinscope_unpin *cmd),
	TP_ARGS(cmd),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u32, flags)
		__field(u64, offset)
		__field(u64, len)
		__field(u64, left)
	),
	TP_fast_assign(
		__entry->id = cmd->id;
		__entry->flags = cmd->flags;
		__entry->offset = cmd->offset;
		__entry->len = cmd->len;
		__entry->left = cmd->left;
	),
	TP_printk("id=%u flags=%s offset=0x%llx len=0x%llx left=%llu",
		  __entry->id,
		  __print_flags(__entry->flags, "|",
				{ PINSCOPE_UNPIN_DIRTY, "DIRTY" }),
		  __entry->offset, __entry->len, __entry->left)
);

TRACE_EVENT(pinscope_fault,
	TP_PROTO(const struct pinscope_fault *cmd, int ret),
	TP_ARGS(cmd, ret),
	TP_STRUCT__entry(
		__field(unsigned long, flags)
		__field(u64, addr)
		__field(u64, len)
		__field(u64, pages)
		__field(u64, retries)
		__field(u32, results)
		__field(u32, whose)
		__field(s32, who)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->flags = cmd->flags;
		__entry->addr = cmd->addr;
		__entry->len = cmd->len;
		__entry->pages = cmd->pages;
		__entry->retries = cmd->retries;
		__entry->results = cmd->results_or;
		__entry->whose = cmd->whose;
		__entry->who = cmd->who;
		__entry->ret = ret;
	),
	TP_printk("flags=%s addr=0x%llx len=0x%llx whose=%u who=%d pages=%llu results=%s retries=%llu ret=%d",
		  ps_show_fault(__entry->flags), __entry->addr, __entry->len,
		  __entry->whose, __entry->who, __entry->pages,
		  ps_show_vm_fault(__entry->results), __entry->retries,
		  __entry->ret)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
