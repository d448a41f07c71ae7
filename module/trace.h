/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints pinscope:pinscope_pin, pinscope:pinscope_unpin and
 * pinscope:pinscope_fault. Each reports one ioctl when it is done, with flags and
 * calls by name. @id of pinscope_pin is 0 when the ioctl failed with @ret.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pinscope

#if !defined(PINSCOPE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PINSCOPE_TRACE_H

#include <linux/tracepoint.h>

#include "pinscope_abi.h"

/* Elements of the name lists, which follow other arguments: comma in front. */
#define PS_GUP_FLAG(name)	, { PINSCOPE_FOLL_##name, "FOLL_" #name }
#define PS_FAULT(name)		, { PINSCOPE_FAULT_##name, "FAULT_FLAG_" #name }
#define PS_VM_FAULT(name)	, { PINSCOPE_VM_FAULT_##name, "VM_FAULT_" #name }
#define PS_CALL(call, name)	, { PINSCOPE_CALL_##call, name }
/* One more macro, so that the lists are expanded to arguments beforehand. */
#define ps_print_flags(...)	__print_flags(__VA_ARGS__)
#define ps_print_symbolic(...)	__print_symbolic(__VA_ARGS__)

#define ps_show_call(call)						\
	ps_print_symbolic(call PINSCOPE_CALL_NAMES(PS_CALL))
#define ps_show_gup_flags(gup_flags)					\
	ps_print_flags(gup_flags, "|" PINSCOPE_FOLL_NAMES(PS_GUP_FLAG))
#define ps_show_fault(flags)						\
	ps_print_flags(flags, "|" PINSCOPE_FAULT_NAMES(PS_FAULT))
#define ps_show_vm_fault(result)					\
	ps_print_flags(result, "|" PINSCOPE_VM_FAULT_NAMES(PS_VM_FAULT))

/* Tools that read the binary trace need the values of the enum in the format. */
#define PS_CALL_ENUM(call, name)	TRACE_DEFINE_ENUM(PINSCOPE_CALL_##call);
PINSCOPE_CALL_NAMES(PS_CALL_ENUM)

TRACE_EVENT(pinscope_pin,
	TP_PROTO(const struct pinscope_pin *cmd, u32 id, int ret),
	TP_ARGS(cmd, id, ret),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u32, call)
		__field(unsigned long, gup_flags)
		__field(u64, addr)
		__field(u64, len)
		__field(u64, pages)
		__field(u64, elapsed_ns)
		__field(u32, target_type)
		__field(s32, target_nr)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->call = cmd->call;
		__entry->gup_flags = cmd->gup_flags;
		__entry->addr = cmd->addr;
		__entry->len = cmd->len;
		__entry->pages = cmd->pages;
		__entry->elapsed_ns = cmd->elapsed_ns;
		__entry->target_type = cmd->target_type;
		__entry->target_nr = cmd->target_nr;
		__entry->ret = ret;
	),
	TP_printk("id=%u call=%s gup_flags=%s addr=0x%llx len=0x%llx target=%u:%d pages=%llu ns=%llu ret=%d",
		  __entry->id, ps_show_call(__entry->call),
		  ps_show_gup_flags(__entry->gup_flags), __entry->addr, __entry->len,
		  __entry->target_type, __entry->target_nr, __entry->pages,
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
		__field(u32, target_type)
		__field(s32, target_nr)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->flags = cmd->flags;
		__entry->addr = cmd->addr;
		__entry->len = cmd->len;
		__entry->pages = cmd->pages;
		__entry->retries = cmd->retries;
		__entry->results = cmd->results_or;
		__entry->target_type = cmd->target_type;
		__entry->target_nr = cmd->target_nr;
		__entry->ret = ret;
	),
	TP_printk("flags=%s addr=0x%llx len=0x%llx target=%u:%d pages=%llu results=%s retries=%llu ret=%d",
		  ps_show_fault(__entry->flags), __entry->addr, __entry->len,
		  __entry->target_type, __entry->target_nr, __entry->pages,
		  ps_show_vm_fault(__entry->results), __entry->retries,
		  __entry->ret)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
