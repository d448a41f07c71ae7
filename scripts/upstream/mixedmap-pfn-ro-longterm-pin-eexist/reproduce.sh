#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# With what does a R/O long-term pin of a PFN without a page in a private MIXEDMAP mapping
# fail, if it does? Exit status: 0 it does not fail, or with EFAULT; 1 with EEXIST;
# 4 it cannot be tried.
#
# A driver has to map such a PFN: pinscope's module does, for 'map mixed-pfn'. The first call
# only tells the address, which is the same in the second.

random=/proc/sys/kernel/randomize_va_space
if ! [ -e /sys/module/pinscope ]; then
	echo "cannot be tried: the module pinscope is not loaded"
	exit 4
fi
before=$(cat $random)
echo 0 >$random
addr=$(pinscope shell -c 'map mixed-pfn private' | sed -n 's/.*addr=\(0x[0-9a-f]*\).*/\1/p')
said=$(pinscope shell -c 'map mixed-pfn private' -c "pin $addr 4k LONGTERM pin" 2>&1)
echo "$before" >$random
echo "$said"
case $said in
*EEXIST*)
	echo "shown: the pin fails with EEXIST"
	exit 1 ;;
*EFAULT*)
	echo "not shown: the pin fails with EFAULT" ;;
*"pages=1 "*)
	echo "not shown: the pin succeeds" ;;
*)
	echo "cannot be tried: the pin fails otherwise"
	exit 4 ;;
esac
