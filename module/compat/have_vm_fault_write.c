// SPDX-License-Identifier: GPL-2.0-only
/* Until cb8d86313121 ("mm: remove VM_FAULT_WRITE"), 6.2 */
#include <linux/mm.h>

vm_fault_t probe(void);
vm_fault_t probe(void)
{
	return VM_FAULT_WRITE;
}
