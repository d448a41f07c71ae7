// SPDX-License-Identifier: GPL-2.0-only
/* vmf_insert_mixed() takes a PFN: "mm: remove callers of pfn_t functionality", 6.17 */
#include <linux/mm.h>

vm_fault_t probe(struct vm_area_struct *vma, unsigned long pfn);
vm_fault_t probe(struct vm_area_struct *vma, unsigned long pfn)
{
	return vmf_insert_mixed(vma, 0, pfn);
}
