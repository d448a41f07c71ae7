#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Swap on zram, whose content is there at once: mm swaps in without the swap cache where it
# can, and since Linux 6.12 also large folios. In TAP. Runs in the guest as root with the
# module and zram loaded.
#
# usage: zram.sh SEED

# shellcheck source=userspace/tests/tap.sh
. /tap.sh

# What was swapped in as large folios so far; nothing where the kernel does not say.
large_swap_ins()
{
	cat /sys/kernel/mm/transparent_hugepage/hugepages-*/stats/swpin 2>/dev/null |
		awk '{ n += $1 } END { if (NR) print n }'
}

# Only what is not as it must be.
suite()
{
	pinscope test --jobs 4 --shuffle "$1" '*-swapped*' >/tmp/tap
	status=$?
	! grep -E '^not ok|# SKIP' /tmp/tap && return "$status"
}

use_zram()
{
	echo 512M >/sys/block/zram0/disksize && mkswap /dev/zram0 && swapoff /dev/vdb &&
		swapon /dev/zram0
}

run 0 use_zram
ok "zram is the swap"
before=$(large_swap_ins)
run 0 suite "$1"
ok "the suite, of memory that is swapped"
run 0 pinscope exercise --seed "$1" --ops 500 --kinds 'anon*' --kinds 'thp*' --kinds 'mthp*'
ok "exercise, on anonymous memory"
if [ -n "$before" ]; then
	run 0 test "$(large_swap_ins)" -gt "$before"
	ok "large folios were swapped in"
fi
echo "1..$n"
