// SPDX-License-Identifier: GPL-2.0-only
/*
 * CUDA: the driver of NVIDIA's GPUs pins registered host memory, and a program on the
 * GPU reads and writes it. Nothing of CUDA is needed to build this: the library is
 * loaded at run time, which takes a program that is linked dynamically, and what is used
 * of its interface is declared here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef PINSCOPE_DYNAMIC
#include <dlfcn.h>
#endif

#include "fixture.h"
#include "sys.h"

#define LIBRARY		"libcuda.so.1"
#define DEVICE		"/dev/nvidiactl"

/* Of the interface: a result of 0 is success. */
#define REGISTER_MAPPED		0x02
#define REGISTER_READ_ONLY	0x08

/* Contexts, modules and functions are pointers; an address of the GPU is a number. */

static struct {
	int (*init)(unsigned int flags);
	int (*device_get)(int *device, int nr);
	int (*context)(void **context, unsigned int flags, int device);
	int (*module)(void **module, const void *image);
	int (*function)(void **function, void *module, const char *name);
	int (*alloc)(uint64_t *ptr, size_t size);
	int (*to_host)(void *to, uint64_t from, size_t size);
	int (*reg)(void *addr, size_t size, unsigned int flags);
	int (*unreg)(void *addr);
	int (*device_ptr)(uint64_t *ptr, void *addr, unsigned int flags);
	int (*launch)(void *function, unsigned int x, unsigned int y, unsigned int z,
		      unsigned int threads_x, unsigned int threads_y,
		      unsigned int threads_z, unsigned int shared, void *stream,
		      void **arguments, void **more);
	int (*wait)(void);
} cuda;

static const struct {
	const char *name;
	void **function;
} functions[] = {
	{ "cuInit", (void **)&cuda.init },
	{ "cuDeviceGet", (void **)&cuda.device_get },
	{ "cuCtxCreate_v2", (void **)&cuda.context },
	{ "cuModuleLoadData", (void **)&cuda.module },
	{ "cuModuleGetFunction", (void **)&cuda.function },
	{ "cuMemAlloc_v2", (void **)&cuda.alloc },
	{ "cuMemcpyDtoH_v2", (void **)&cuda.to_host },
	{ "cuMemHostRegister_v2", (void **)&cuda.reg },
	{ "cuMemHostUnregister", (void **)&cuda.unreg },
	{ "cuMemHostGetDevicePointer_v2", (void **)&cuda.device_ptr },
	{ "cuLaunchKernel", (void **)&cuda.launch },
	{ "cuCtxSynchronize", (void **)&cuda.wait },
};

/* What the GPU runs: it moves a byte, or puts one. A copy engine may be bypassed. */
static const char program[] =
	".version 6.0\n"
	".target sm_50\n"
	".address_size 64\n"
	".visible .entry move(.param .u64 to, .param .u64 from) {\n"
	"	.reg .u64 %a, %b;\n"
	"	.reg .u16 %c;\n"
	"	ld.param.u64 %a, [to];\n"
	"	ld.param.u64 %b, [from];\n"
	"	ld.volatile.global.u8 %c, [%b];\n"
	"	st.volatile.global.u8 [%a], %c;\n"
	"	ret;\n"
	"}\n"
	".visible .entry put(.param .u64 to, .param .u32 byte) {\n"
	"	.reg .u64 %a;\n"
	"	.reg .u32 %c;\n"
	"	ld.param.u64 %a, [to];\n"
	"	ld.param.u32 %c, [byte];\n"
	"	st.volatile.global.u8 [%a], %c;\n"
	"	ret;\n"
	"}\n";

/* What a process has open. */
static struct {
	void *move, *put;
	uint64_t seen;	/* a byte of the GPU's memory */
} gpu;

static const char *cuda_missing(void)
{
#ifndef PINSCOPE_DYNAMIC
	return "a static program cannot load " LIBRARY ": use userspace/pinscope-dynamic";
#else
	return access(DEVICE, F_OK) ?
	       "no NVIDIA GPU: there is no " DEVICE ", which its driver makes" : NULL;
#endif
}

static bool load_library(void)
{
#ifdef PINSCOPE_DYNAMIC
	void *library = dlopen(LIBRARY, RTLD_NOW);
	size_t i;

	for (i = 0; library && i < ARRAY_SIZE(functions); i++) {
		*functions[i].function = dlsym(library, functions[i].name);
		if (!*functions[i].function)
			return false;
	}
	return library;
#else
	return ARRAY_SIZE(functions) == 0;
#endif
}

static const char *cuda_open(void)
{
	void *context;
	void *module;
	int device;

	if (!load_library())
		return LIBRARY " cannot be loaded: install the driver's user part";
	if (cuda.init(0) || cuda.device_get(&device, 0) ||
	    cuda.context(&context, 0, device))
		return "CUDA finds no GPU that it can use: see nvidia-smi";
	if (cuda.module(&module, program) || cuda.function(&gpu.move, module, "move") ||
	    cuda.function(&gpu.put, module, "put") || cuda.alloc(&gpu.seen, 1))
		return "CUDA does not take the program for the GPU";
	return NULL;
}

/* The errors of CUDA tell less than those of GUP. */
static int cuda_pin(struct fixture *f)
{
	bool write = f->scenario.request->gup_flags & PINSCOPE_FOLL_WRITE;

	return cuda.reg(f->addr, sys_page_size(),
			REGISTER_MAPPED | (write ? 0 : REGISTER_READ_ONLY)) ? -EFAULT : 0;
}

static bool run_program(void *function, void **arguments)
{
	return !cuda.launch(function, 1, 1, 1, 1, 1, 1, 0, NULL, arguments, NULL) &&
	       !cuda.wait();
}

static int cuda_see(struct fixture *f)
{
	uint64_t page;
	void *arguments[] = { &gpu.seen, &page };
	char byte = 0;

	if (cuda.device_ptr(&page, f->addr, 0) || !run_program(gpu.move, arguments) ||
	    cuda.to_host(&byte, gpu.seen, 1))
		return 0;
	return byte;
}

static void cuda_put(struct fixture *f, char byte)
{
	unsigned int value = (unsigned char)byte;
	uint64_t page;
	void *arguments[] = { &page, &value };

	if (!cuda.device_ptr(&page, f->addr, 0))
		run_program(gpu.put, arguments);
}

static int cuda_unpin(struct fixture *f)
{
	return cuda.unreg(f->addr) ? -EIO : 0;
}

const struct pinner by_cuda_read = {
	.name = "cuda-read",
	.what =
		"CUDA, whose driver pins host memory that is registered read-only (CU_MEMHOSTREGISTER_READ_ONLY) by pin_user_pages() with FOLL_LONGTERM. The page is seen by a program on the GPU.",
	.missing = cuda_missing,
	.open = cuda_open,
	.pin = cuda_pin,
	.see = cuda_see,
	.unpin = cuda_unpin,
};

const struct pinner by_cuda_write = {
	.name = "cuda-write",
	.what =
		"CUDA, whose driver pins registered host memory by pin_user_pages() with FOLL_WRITE | FOLL_LONGTERM. The page is seen and written by a program on the GPU.",
	.missing = cuda_missing,
	.open = cuda_open,
	.pin = cuda_pin,
	.see = cuda_see,
	.put = cuda_put,
	.unpin = cuda_unpin,
};
