#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The pinscope tool as a user meets it, in TAP. Runs in the guest as root with
# the module loaded and /pinscope.ko, /pinscope-abi-0 and -99 at hand.
#
# usage: tool.sh reliable|unreliable      what 'pinscope check' has to find

verdict=$1
n=0
out=/tmp/out
err=/tmp/err

# ok NAME: the last command's status decides
ok()
{
	status=$?
	n=$((n + 1))
	if [ $status = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		head -n 60 $err $out | sed 's/^/# /'
	fi
}

# run STATUS COMMAND...: succeeds when the command exits with STATUS
run()
{
	want=$1
	shift
	"$@" >$out 2>$err </dev/null
	got=$?
	[ $got = "$want" ] && return
	echo "exit status $got instead of $want" >>$err
	return 1
}

# explains STATUS PATTERN COMMAND...: fails with one line that says what to do
explains()
{
	want=$1
	pattern=$2
	shift 2
	run "$want" "$@" && [ ! -s $out ] && grep -q "$pattern" $err &&
		[ "$(wc -l <$err)" = 1 ]
}

as_nobody()
{
	su -s /bin/sh nobody -c "$*"
}

run 0 pinscope --help && grep -q check $out
ok "--help lists the commands"
run 0 pinscope --version && grep -q 'ABI' $out
ok "--version"
for command in check info; do
	run 0 pinscope $command --help && grep -q "usage: pinscope $command" $out
	ok "$command --help"
	explains 2 "nonsense" pinscope $command nonsense
	ok "$command: an argument too many"
	run 2 pinscope $command --nonsense && [ ! -s $out ]
	ok "$command: an unknown option"
done
run 2 pinscope && [ ! -s $out ] && grep -q usage $err
ok "no command"
explains 2 "nonsense" pinscope nonsense
ok "an unknown command"

run 0 pinscope info && grep -q '^fast .*LONGTERM' $out
ok "info"
run 0 pinscope info --json && grep -q '"max_pages": [1-9]' $out
ok "info --json"

case $verdict in
reliable)	expected=0 word='is reliable' ;;
*)		expected=1 word='UNRELIABLE' ;;
esac
run $expected pinscope check && [ ! -s $err ]
ok "check exits with $expected and is silent on stderr"
tail -n 4 $out | tr '\n' ' ' | grep -q "$word"
ok "check ends with the verdict: $word"
awk 'length > 80 { bad = 1 } END { exit bad }' $out
ok "check fits in 80 columns"
! grep -q "$(printf '\033')" $out
ok "check writes no colours to a pipe"
! grep -qE ' (skip|error|fail) ' $out && grep -q ' 0 skipped' $out
ok "check skips nothing here"
for kind in zeropage huge-zeropage memfd tmpfs ext4 'hugetlb\[2M\]' \
	'hugetlb\[1G\]'; do
	case $verdict in
	reliable)	row='ok  *ok  *ok  *ok' ;;
	*)		row='stale  *stale  *stale  *stale' ;;
	esac
	grep -qE "^  $kind  *$row *\$" $out
	ok "check: $kind"
done
for kind in anon anon-thp 'anon-hugetlb\[2M\]' 'anon-hugetlb\[1G\]' \
	memfd-shared; do
	grep -qE "^  $kind  *ok  *ok  *ok  *ok *\$" $out
	ok "check: control $kind"
done
# What the fix and its absence make of the patterns.
case $verdict in
reliable)	row='yes  *yes  *no  *no  *no  *no' ;;
*)		row='no  *yes  *no  *no  *no  *no' ;;
esac
grep -qE "^  LONGTERM  *$row *\$" $out
ok "patterns: LONGTERM"
grep -qE '^  WRITE\|FORCE\|LONGTERM  *yes  *partly  *yes  *(yes|fails)  *yes  *no *$' $out
ok "patterns: WRITE|FORCE|LONGTERM"
grep -qE '^  WRITE\|LONGTERM  *yes  *no  *yes  *(yes|fails)  *yes  *no *$' $out
ok "patterns: WRITE|LONGTERM"
grep -qE '^  \(none: short-term\)  *no  *yes  *no  *no  *no  *no *$' $out
ok "patterns: short-term"

run $expected pinscope check --json && [ ! -s $err ] &&
	grep -q "\"reliable\": $([ $expected = 0 ] && echo true || echo false)" $out &&
	[ "$(grep -c '"result": ' $out)" = 48 ]
ok "check --json says the same of 48 cells"

# Memory that is not there is a skip with its cure, and no verdict is bent.
# Gigantic pages have been seen; the rest is quicker without them.
echo 0 >/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages
echo 0 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
run $expected pinscope check &&
	tr -s '\n ' '  ' <$out | grep -q 'echo 2 > [^ ]*2048kB/nr_hugepages'
ok "no huge pages: says how to have some"
echo 64 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
run $expected pinscope check --dir /dev/shm &&
	tr -s '\n ' '  ' <$out | grep -q 'with --dir'
ok "--dir that is not on a disk"
run $expected pinscope check --dir /nowhere &&
	tr -s '\n ' '  ' <$out | grep -q 'with --dir'
ok "--dir that does not exist"
echo never >/sys/kernel/mm/transparent_hugepage/enabled
run $expected pinscope check && grep -q 'transparent_hugepage/enabled' $out
ok "no THP: says how to have it"
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled

run 4 sh -c 'pinscope info >/dev/full'
ok "output that cannot be written is an error"
explains 4 'root' as_nobody pinscope check
ok "not root: says so"
explains 4 'program is older' /pinscope-abi-0 check
ok "an older program: says what to build"
explains 4 'module is older' /pinscope-abi-99 check
ok "an older module: says what to build"

(
	exec 9</sys/kernel/debug/pinscope/ctl
	rmmod pinscope 2>/dev/null
	[ -d /sys/module/pinscope ]
)
ok "the module cannot be unloaded while ctl is open"
rmmod pinscope
explains 4 'insmod' pinscope check
ok "module not loaded: says so"
umount /sys/kernel/debug/tracing 2>/dev/null
umount /sys/kernel/debug
explains 4 'mount -t debugfs' pinscope check
ok "debugfs not mounted: says so"
mount -t debugfs debugfs /sys/kernel/debug
insmod /pinscope.ko
run 0 pinscope info
ok "the module can be loaded again"
# But that it is not Debian's: every module that one builds gets these lines.
! dmesg | grep pinscope | grep -vq taint
ok "nothing of it in the kernel's log"

# Last: it cannot be undone. Debugfs is closed, insmod would be as well.
echo integrity >/sys/kernel/security/lockdown 2>/dev/null
if grep -q '\[integrity\]' /sys/kernel/security/lockdown 2>/dev/null; then
	explains 4 'locked down' pinscope check
	ok "lockdown: says so"
else
	n=$((n + 1))
	echo "ok $n - lockdown # SKIP this kernel is built without it"
fi
echo "1..$n"
