/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The version of the project: of the module, the tool and the library alike.
 * The version of the ABI is PINSCOPE_ABI_VERSION in pinscope_abi.h.
 */
#ifndef PINSCOPE_VERSION_H
#define PINSCOPE_VERSION_H

/*
 * MAJOR.MINOR.PATCH. MAJOR is the number in the library's SONAME: it goes up
 * when a program that was linked with the library has to be built again.
 */
#define PINSCOPE_VERSION	"2.0.0"

#endif
