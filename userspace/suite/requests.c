// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of calls and of requests.
 */
#include <stdio.h>

#include "suite.h"
#include "sys.h"

#define F(name)		PINSCOPE_FOLL_##name
#define PIN		PINSCOPE_CALL_PIN
#define PIN_FAST	PINSCOPE_CALL_PIN_FAST

const struct call calls[PINSCOPE_CALLS] = {
	[PINSCOPE_CALL_PIN] = {
		"pin_user_pages(): walks the page tables under the mmap lock, and faults what is missing.",
		CALL_TAKES_PINS | CALL_BASIC,
	},
	[PINSCOPE_CALL_PIN_FAST] = {
		"pin_user_pages_fast(): walks the page tables with interrupts off and without the mmap lock; where that does not do, it goes on like pin_user_pages_unlocked().",
		CALL_TAKES_PINS | CALL_BASIC,
	},
	[PINSCOPE_CALL_PIN_FAST_ONLY] = {
		"pin_user_pages_fast_only(): the lockless walk alone; gone in Linux 6.3.",
		CALL_TAKES_PINS | CALL_FAST_ONLY,
	},
	[PINSCOPE_CALL_PIN_UNLOCKED] = {
		"pin_user_pages_unlocked(): takes the mmap lock itself, and may drop it in a fault.",
		CALL_TAKES_PINS,
	},
	[PINSCOPE_CALL_PIN_REMOTE] = {
		"pin_user_pages_remote(): of any mm, as VFIO does; protection keys do not count.",
		CALL_TAKES_PINS,
	},
	[PINSCOPE_CALL_GET] = {
		"get_user_pages(): takes references instead of pins; references promise nothing about COW.",
		0,
	},
	[PINSCOPE_CALL_GET_FAST] = {
		"get_user_pages_fast(): references by the lockless walk.",
		0,
	},
	[PINSCOPE_CALL_GET_FAST_ONLY] = {
		"get_user_pages_fast_only(): references by the lockless walk alone.",
		CALL_FAST_ONLY,
	},
	[PINSCOPE_CALL_GET_UNLOCKED] = {
		"get_user_pages_unlocked(): references; takes the mmap lock itself.",
		0,
	},
	[PINSCOPE_CALL_GET_REMOTE] = {
		"get_user_pages_remote(): references to pages of any mm, as ptrace takes them.",
		0,
	},
	[PINSCOPE_CALL_PIN_MEMFD] = {
		"memfd_pin_folios(): pins folios of a memfd by file offset, without a mapping; Linux 6.11.",
		CALL_TAKES_PINS,
	},
};

#define MODULE(call, flags)		{ &by_module, call, flags, SCOPE_ALL, 0, 0 }
#define MODULE_BASIC(call, flags)	{ &by_module, call, flags, SCOPE_BASIC, 0, 0 }
#define MODULE_FRESH(call, flags)	{ &by_module, call, flags, SCOPE_FRESH, 0, 0 }

const struct request requests[] = {
	MODULE(PIN, 0),
	MODULE(PIN_FAST, 0),
	MODULE(PIN, F(LONGTERM)),
	MODULE(PIN_FAST, F(LONGTERM)),
	MODULE(PINSCOPE_CALL_PIN_UNLOCKED, F(LONGTERM)),
	MODULE(PINSCOPE_CALL_PIN_REMOTE, F(LONGTERM)),
	MODULE(PIN, F(WRITE)),
	MODULE(PIN_FAST, F(WRITE)),
	MODULE(PIN, F(WRITE) | F(LONGTERM)),
	MODULE(PIN_FAST, F(WRITE) | F(LONGTERM)),
	MODULE(PIN, F(WRITE) | F(FORCE) | F(LONGTERM)),
	MODULE(PINSCOPE_CALL_GET, 0),
	MODULE(PINSCOPE_CALL_GET_FAST, 0),
	MODULE(PINSCOPE_CALL_GET, F(DUMP)),
	MODULE_BASIC(PINSCOPE_CALL_PIN_FAST_ONLY, 0),
	MODULE_BASIC(PINSCOPE_CALL_PIN_FAST_ONLY, F(LONGTERM)),
	MODULE_BASIC(PINSCOPE_CALL_PIN_FAST_ONLY, F(WRITE) | F(LONGTERM)),
	MODULE_BASIC(PINSCOPE_CALL_GET_FAST_ONLY, 0),
	MODULE_BASIC(PINSCOPE_CALL_GET_FAST_ONLY, F(WRITE)),
	{ &by_module_memfd, PINSCOPE_CALL_PIN_MEMFD, F(WRITE) | F(LONGTERM), SCOPE_ALL,
	  KERNEL(6, 11), 0 },
	MODULE_FRESH(PINSCOPE_CALL_PIN_UNLOCKED, 0),
	MODULE_FRESH(PINSCOPE_CALL_PIN_REMOTE, 0),
	MODULE_FRESH(PINSCOPE_CALL_GET_UNLOCKED, 0),
	MODULE_FRESH(PINSCOPE_CALL_GET_REMOTE, 0),
	MODULE_FRESH(PIN, F(HWPOISON)),
	MODULE_FRESH(PIN_FAST, F(PCI_P2PDMA)),
	MODULE_FRESH(PIN, F(WRITE) | F(PCI_P2PDMA)),
	MODULE_FRESH(PIN, F(INTERRUPTIBLE)),
	MODULE_FRESH(PIN, F(HONOR_NUMA_FAULT)),
	MODULE_FRESH(PIN, F(ANON)),
	MODULE_FRESH(PIN, F(NOFAULT)),
	MODULE_FRESH(PIN, F(NOWAIT)),
	MODULE_FRESH(PIN, F(SPLIT_PMD)),
	{ &by_io_uring, PIN_FAST, F(WRITE) | F(LONGTERM), SCOPE_ALL, KERNEL(6, 5), 0 },
	{ &by_io_uring, PIN, F(WRITE) | F(LONGTERM), SCOPE_ALL, 0, KERNEL(6, 5) },
	{ &by_vmsplice, PINSCOPE_CALL_GET_FAST, 0, SCOPE_ALL, 0, 0 },
	{ &by_vfio_read, PINSCOPE_CALL_PIN_REMOTE, F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_vfio_write, PINSCOPE_CALL_PIN_REMOTE, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_iommufd_read, PIN_FAST, F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_iommufd_write, PIN_FAST, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_iommufd_memfd, PINSCOPE_CALL_PIN_MEMFD, F(WRITE) | F(LONGTERM), SCOPE_FRESH,
	  KERNEL(6, 13), 0 },
	{ &by_uring_ring, PIN_FAST, F(WRITE) | F(LONGTERM), SCOPE_BASIC, KERNEL(6, 5), 0 },
	{ &by_uring_ring, PIN, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, KERNEL(6, 5) },
	{ &by_rdma_rxe_read, PIN_FAST, F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_rdma_rxe_write, PIN_FAST, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_rdma_siw_read, PIN_FAST, F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_rdma_siw_write, PIN_FAST, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_vm_readv, PINSCOPE_CALL_PIN_REMOTE, 0, SCOPE_BASIC, 0, 0 },
	{ &by_vm_writev, PINSCOPE_CALL_PIN_REMOTE, F(WRITE), SCOPE_BASIC, 0, 0 },
	{ &by_mem_read, PINSCOPE_CALL_GET_REMOTE, F(FORCE), SCOPE_BASIC, 0, 0 },
	{ &by_mem_write, PINSCOPE_CALL_GET_REMOTE, F(WRITE) | F(FORCE), SCOPE_BASIC, 0, 0 },
	/* Between them ublk looks for partitions when the server does not expect it. */
	{ &by_direct_read, PIN_FAST, F(WRITE), SCOPE_BASIC, 0, KERNEL(6, 19) },
	{ &by_direct_read, PIN_FAST, F(WRITE), SCOPE_BASIC, KERNEL(7, 3), 0 },
	{ &by_direct_write, PIN_FAST, 0, SCOPE_BASIC, 0, KERNEL(6, 19) },
	{ &by_direct_write, PIN_FAST, 0, SCOPE_BASIC, KERNEL(7, 3), 0 },
	{ &by_zerocopy, PINSCOPE_CALL_GET_FAST, 0, SCOPE_BASIC, 0, 0 },
	{ &by_xsk, PIN, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_udmabuf, PINSCOPE_CALL_PIN_MEMFD, F(WRITE) | F(LONGTERM), SCOPE_FRESH,
	  KERNEL(6, 11), 0 },
	{ &by_ublk_read, PIN_FAST, F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_ublk_write, PIN_FAST, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_v4l2_output, PIN_FAST, F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_v4l2_capture, PIN_FAST, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_vduse, PIN, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_cuda_read, PIN, F(LONGTERM), SCOPE_BASIC, 0, 0 },
	{ &by_cuda_write, PIN, F(WRITE) | F(LONGTERM), SCOPE_BASIC, 0, 0 },
};

const size_t nr_requests = ARRAY_SIZE(requests);

static bool is_of_this_kernel(const struct request *request)
{
	unsigned int kernel = running_kernel();

	return kernel >= request->since && (!request->before || kernel < request->before);
}

bool request_exists(const struct request *request)
{
	return is_of_this_kernel(request) && !pinner_missing(request->pinner);
}

const struct request *request_by(const struct pinner *pinner)
{
	size_t i;

	for (i = 0; i < nr_requests; i++)
		if (requests[i].pinner == pinner && is_of_this_kernel(&requests[i]))
			return &requests[i];
	return NULL;
}

const char *request_name(const struct request *request, char *buf, size_t size)
{
	char flags[NAMES_MAX] = "", *c;

	if (request->pinner->name) {
		snprintf(buf, size, "%s", request->pinner->name);
		return buf;
	}
	if (request->gup_flags)
		pinscope_names(pinscope_gup_flags_names, request->gup_flags, flags,
			       sizeof(flags));
	for (c = flags; *c; c++)
		if (*c == '|')
			*c = '+';
	snprintf(buf, size, "%s%s%.90s",
		 pinscope_name(pinscope_call_names, request->call),
		 *flags ? "+" : "", flags);
	return buf;
}

const char *scenario_name(const struct scenario *s, enum property property,
			  char *buf, size_t size)
{
	char request[120];

	snprintf(buf, size, "%s.%s/%s%s%s", s->kind->name, s->condition->name,
		 request_name(s->request, request, sizeof(request)),
		 property < PROPS ? ":" : "",
		 property < PROPS ? properties[property].name : "");
	return buf;
}
