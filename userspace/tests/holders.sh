#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What 'audit' and 'who' say of real holders of pins, where that takes seconds: pins that are
# not accounted, pins that are added to pinned pages, and a memory block that does not go
# offline. In TAP. Runs in the guest as root with the module loaded.

# shellcheck source=userspace/tests/tap.sh
. /tap.sh

tracking=/sys/kernel/debug/pinscope/tracking

# ------------------------------------------------------------- what is accounted

# The VmPin and the VmLck of a process are those of these pinners.
run 0 pinscope audit --json -- users-test hold io-uring-buffer vfio-write &&
	has '"held_kib": 12' '"vm_pin_kib": 4' '"vm_lck_kib": 8' '"accounted": true'
ok "audit: the pins of io_uring and VFIO are accounted"
cat >/tmp/held <<'END'
{ echo 'mem anon'; echo 'pin m0 16k longterm pin'; sleep 4; } | pinscope shell
END
run 1 pinscope audit -- sh /tmp/held && has '^longterm ' '^process [0-9]+ pinscope: 16 KiB were pinned' \
	'VmPin 0 KiB' '^1 site, nothing wrong; 1 process'
ok "audit: pins of the module are not accounted"
run 1 pinscope audit --json -- sh /tmp/held && has '"held_kib": 16' '"accounted": false'
ok "audit --json: pins of the module are not accounted"
# AF_XDP charges only the user, and only without CAP_IPC_LOCK.
if users-test hold-limited xdp-umem 2>&1 | grep -q '^#'; then
	skip "audit: the pins of AF_XDP" "the kernel has no AF_XDP or no veth: modprobe veth"
else
	run 0 pinscope audit --json -- users-test hold-limited xdp-umem &&
		has '"vm_pin_kib": 0' '"user_kib": [1-9]' '"accounted": true'
	ok "audit: the pins of AF_XDP are accounted to the user"
	run 1 pinscope audit --json -- users-test hold xdp-umem && has '"user_kib": 0' '"accounted": false'
	ok "audit: with CAP_IPC_LOCK they are not accounted"
fi

# ------------------------------------- pins that are added to pages that are pinned

# The direct I/O of FAT does so, by folio_add_pin().
truncate -s 32M /var/tmp/fat
mkdir -p /mnt/fat
if mkdosfs /var/tmp/fat >/dev/null 2>&1 && mount -t vfat -o loop /var/tmp/fat /mnt/fat 2>/dev/null; then
	dd if=/dev/urandom of=/mnt/fat/file bs=64k count=16 2>/dev/null
	run 0 pinscope audit --json -- dd if=/mnt/fat/file of=/dev/null bs=64k iflag=direct
	if grep -q '"call": "pin-fast"' $out; then
		[ "$got" = 0 ] && has '"missed": 0' '"pages": 256' '"held_at_most": 0' \
			'"verdict": "short"' '"unknown": [1-9]'
		ok "audit: direct I/O that adds pins: nothing is held, and the added pins are nobody's"
		# The loop device cannot write to a file system that is frozen, so that the
		# direct I/O waits: the pins that it has taken are gone, those that it has
		# added are there, and nothing tells them apart.
		echo 1 >$tracking
		fsfreeze --freeze /var/tmp
		dd if=/dev/zero of=/mnt/fat/file bs=64k count=1 conv=notrunc oflag=direct 2>/dev/null &
		writer=$!
		wait_for sh -c "pinscope who $writer | grep -q 'held by'"
		run 0 pinscope who $writer && has '^16 pages are pinned' ', pin-fast 0,$' \
			"process $writer dd: 0 to 16 pins,"
		ok "who: pins that were added"
		fsfreeze --unfreeze /var/tmp
		wait $writer
		echo 0 >$tracking
	else
		skip "who: pins that were added" "direct I/O takes references before Linux 6.5, no pins"
	fi
	umount /mnt/fat
else
	skip "who: pins that were added" "no file system is FAT's: modprobe -a loop vfat"
fi
rm -f /var/tmp/fat

# ------------------------------------------ a memory block that does not go offline

# state_of BLOCK [NEW]
state_of()
{
	[ -z "$2" ] || echo "$2" >/sys/devices/system/memory/memory"$1"/state 2>/dev/null
	cat /sys/devices/system/memory/memory"$1"/state
}

# What is plugged in here is online as ZONE_MOVABLE, which long-term pins leave when they are
# taken: they keep no block of it online. A block of it that is online as ZONE_NORMAL is where
# pins stay, and where the kernel has no memory of its own that could not be migrated.
blocks=
for dir in /sys/devices/system/node/node2/memory[0-9]*; do
	block=${dir##*/memory}
	blocks="$blocks $block"
	state_of "$block" offline >/dev/null
done
if [ "$(state_of "$block" online_kernel)" = online ]; then
	echo 1 >$tracking
	users-test hold-on 2 vfio-write >/tmp/users 2>&1 &
	users=$!
	wait_for grep -q '^holds' /tmp/users
	# It tries until a signal comes.
	timeout 2 sh -c "echo offline >/sys/devices/system/memory/memory$block/state" 2>/dev/null
	[ "$(state_of "$block")" = online ]
	ok "a memory block with a page that VFIO has pinned does not go offline"
	run 0 pinscope who --block "$block" && has '^1 page is pinned' \
		'held by vaddr_get_pfn.*, pin-remote WRITE\|LONGTERM,' \
		"process $users users-test: 1 pin," "mapped by $users users-test at"
	ok "who: --block names VFIO"
	kill $users
	wait $users 2>/dev/null
	run 0 pinscope who --block "$block" && has 'no page there is pinned'
	ok "who: --block of what VFIO has unpinned"
	for _ in 1 2 3 4 5; do
		timeout 5 sh -c "echo offline >/sys/devices/system/memory/memory$block/state" && break
	done 2>/dev/null
	[ "$(state_of "$block")" = offline ]
	ok "the memory block goes offline"
	echo 0 >$tracking
else
	skip "who: --block" "no memory block of node 2 can be online as ZONE_NORMAL"
fi
for block in $blocks; do
	state_of "$block" online_movable >/dev/null
done

echo "1..$n"
