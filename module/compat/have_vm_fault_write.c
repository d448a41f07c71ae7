// SPDX-License-Identifier: GPL-2.0-only
/* Until "mm: remove VM_FAULT_WRITE", 6.2 */
#include <linux/mm.h>

vm_fault_t probe(void);
vm_fault_t probe(void)
{
	return VM_FAULT_WRITE;
}
