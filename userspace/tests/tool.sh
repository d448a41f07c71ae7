#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The pinscope tool as a user meets it, in TAP. Runs in the guest as root with
# the module loaded and /pinscope.ko, /pinscope-abi-0 and -99 at hand.
#
# usage: tool.sh reliable|unreliable      what 'pinscope check' has to find

verdict=$1
# shellcheck source=userspace/tests/tap.sh
. /tap.sh

# From here on the kernel's log is this test's. What was before may go from it while
# the test runs, since the log keeps only so much.
echo "tool.sh begins" >/dev/kmsg
thp=/sys/kernel/mm/transparent_hugepage/enabled

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
run 0 pinscope --version && grep -qE '^pinscope [0-9]+\.[0-9]+\.[0-9]+, ABI [0-9]+$' $out
ok "--version"
for command in check info shell; do
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
explains 2 "did you mean matrix?" pinscope matrx
ok "an unknown command that is close to one"

run 0 pinscope info && grep -q '^pin-fast .*LONGTERM' $out
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
if [ -e $thp ]; then
	! grep -qE ' (skip|error|fail) ' $out && grep -q ' 0 skipped' $out
	ok "check skips nothing here"
else
	skip "check skips nothing here" "the kernel is built without THP"
fi
for kind in zeropage huge-zeropage memfd-private tmpfs-private \
	'file-private\[ext4\]' 'hugetlb-private\[2M\]' 'hugetlb-private\[1G\]'; do
	case $verdict in
	reliable)	row='ok  *ok  *ok  *ok' ;;
	*)		row='stale  *stale  *stale  *stale' ;;
	esac
	[ -e $thp ] || [ "$kind" != huge-zeropage ] || row='skip  *skip  *skip  *skip'
	grep -qE "^  $kind  *$row *\$" $out
	ok "check: $kind"
done
for kind in anon thp 'hugetlb-anon\[2M\]' 'hugetlb-anon\[1G\]' \
	memfd-shared; do
	row='ok  *ok  *ok  *ok'
	[ -e $thp ] || [ "$kind" != thp ] || row='skip  *skip  *skip  *skip'
	grep -qE "^  $kind  *$row *\$" $out
	ok "check: control $kind"
done
# Gigantic pages have been seen; the rest is quicker without them.
echo 0 >/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages

# What the fix and its absence make of the patterns.
case $verdict in
reliable)	row='yes  *yes  *no  *no  *no  *no' ;;
*)		row='no  *yes  *no  *no  *no  *no' ;;
esac
grep -qE "^  LONGTERM  *$row *\$" $out
ok "patterns: LONGTERM"
# Not of hugetlb, before it could be forced as well.
grep -qE '^  WRITE\|FORCE\|LONGTERM  *yes  *(partly|yes)  *yes  *(yes|fails)  *yes  *no *$' $out
ok "patterns: WRITE|FORCE|LONGTERM"
grep -qE '^  WRITE\|LONGTERM  *yes  *no  *yes  *(yes|fails)  *yes  *no *$' $out
ok "patterns: WRITE|LONGTERM"
grep -qE '^  \(none: short-term\)  *no  *yes  *no  *no  *no  *no *$' $out
ok "patterns: short-term"

run $expected pinscope check --json && [ ! -s $err ] &&
	grep -q "\"reliable\": $([ $expected = 0 ] && echo true || echo false)" $out &&
	[ "$(grep -c '"mapping": ' $out)" = 48 ]
ok "check --json says the same of 48 cells"

# What real users of GUP see; vfio-write was always right.
case $verdict in
reliable)	read=ok says='(vfio-read, vfio-write) see what the process wrote' ;;
*)		read=stale says='(vfio-read) see STALE data' ;;
esac
run $expected pinscope check --by vfio && [ ! -s $err ] &&
	tr -s '\n ' '  ' <$out | grep -qF "Real users of GUP $says"
ok "check --by vfio: what the device sees"
for kind in zeropage huge-zeropage memfd-private tmpfs-private \
	'file-private\[ext4\]' 'hugetlb-private\[2M\]'; do
	row="$read  *ok"
	[ -e $thp ] || [ "$kind" != huge-zeropage ] || row='skip  *skip'
	grep -qE "^  $kind  *$row *\$" $out
	ok "check --by vfio: $kind"
done
grep -qE '^  anon  *ok  *ok *$' $out && grep -qE '^  memfd-shared  *ok  *ok *$' $out
ok "check --by vfio: controls"
run $expected pinscope check --by vfio-read,vmsplice --json && [ ! -s $err ] &&
	[ "$(grep -c '"pinner": ' $out)" = 2 ] && grep -q '"gup_flags": "LONGTERM"' $out &&
	grep -q "\"users_verdict\": \"Real users of GUP (vfio-read) see" $out
ok "check --by --json"
run $expected pinscope check --by xdp-umem && ! grep -q EBUSY $out
ok "check --by xdp-umem: a pin soon after the last one"
explains 2 "no pinner 'nonsense'" pinscope check --by nonsense
ok "check --by: no such pinner"
explains 2 'did you mean io-uring-buffer' pinscope check --by vfio,io-uring-bufer
ok "check --by: a pinner that is close to one"
vfio=/sys/bus/pci/drivers/vfio-pci
device=$(cd $vfio && echo 0000:*)
echo "$device" >$vfio/unbind
run $expected pinscope check --by vfio &&
	tr -s '\n ' '  ' <$out | grep -qF 'vfio-read: not here: no device is bound to vfio-pci'
ok "check --by: a pinner that the machine lacks: says what to do"
run 2 pinscope test 'anon.fresh/vfio-read:*' && grep -q 'vfio-read is not here: no device' $err
ok "test: a pinner that the machine lacks: says what to do"
echo "$device" >$vfio/bind

# Memory that is not there is a skip with its cure, and no verdict is bent.
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
if [ -e $thp ]; then
	echo never >$thp
	run $expected pinscope check && grep -q 'transparent_hugepage/enabled' $out
	ok "no THP: says how to have it"
	echo madvise >$thp
else
	run $expected pinscope check && grep -q 'built without transparent' $out
	ok "no THP: says that there is none to have"
fi

# The defect or its absence, as a script would find it.
case $verdict in
reliable)	same=1 ;;
*)		same=0 ;;
esac
run 0 pinscope shell -e -c 'mem zeropage' -c 'pin m0 4k longterm pin' \
	-c 'store m0 hello' -c 'compare 1 m0' -c 'read 1 0 2' -c 'pins' &&
	grep -q "^id=1 pages=1 asked=1 .*lock=kept" $out &&
	grep -q "^pages=1 same=$same " $out &&
	if [ $same = 1 ]; then grep -q '^00000000: 68 65$' $out
	else grep -q '^00000000: 00 00$' $out; fi &&
	grep -q ' 1 pin LONGTERM ' $out
ok "shell: pin, store, compare, read, pins"
run 0 pinscope shell -e -c 'mem anon' -c 'pin m0 16k write|longterm' -c fork \
	-c 'inspect m0 16k' -c 'target child' -c 'inspect m0+4k 4k' \
	-c 'compare 1 m0' -c 'fault m0 4k write' -c reap -c 'write 1 1 xyz' \
	-c 'unpin 1 4k 4k' -c 'inspect 0 16k 1' -c 'unpin 1' &&
	grep -q '^pages=4 same=0 ' $out && grep -q '^left=3$' $out &&
	grep -q '^addr=0x2000 pages=.* state=.* unknown=PRESENT' $out &&
	! grep -q '^addr=0x1000 ' $out
ok "shell: a child, parts, a pin's pages"
run 0 pinscope shell -e -c 'map mixed-page' -c counts &&
	grep -q '^fault=0 huge_fault=0' $out
ok "shell: map"
printf 'mem anon\nadvise m0 16k pageout\ninspect m0 16k\nprotect m0 16k none\nquit\n' >/tmp/in
run 0 sh -c 'pinscope shell -e </tmp/in' && grep -q 'state=.*SWAP' $out
ok "shell: from standard input"
run 1 pinscope shell -c 'pin 0 4k' && grep -q 'pin: EFAULT' $err
ok "shell: a command that fails"
run 1 pinscope shell -e -c 'read 1 0 1' -c 'help' && grep -q ENOENT $err && [ ! -s $out ]
ok "shell: stops on error"
for line in nonsense pin 'pin x 4k' 'pin 0 4k nonsense' 'mem nonsense' \
	'pin 0 4k write nonsense' 'inspect 0' 'inspect m5 4k' 'unpin -1' \
	'mem anon rw' 'read 1 0 99g' 'store 0 x' 'help me' \
	'fault 0 4k nonsense' 'target nobody' 'advise 0 4k nonsense' \
	'protect 0 4k x' 'map nonsense' 'pin 0 4kk'; do
	explains 1 'pinscope shell:' pinscope shell -c "$line"
	ok "shell: '$line' is explained"
done
for line in 'mem tph thp' 'mem memfd-privat memfd-private' \
	'pin 0 4k longtrm LONGTERM' 'pin 0 4k write pinfast pin-fast' \
	'fault 0 4k unshar UNSHARE' 'map pfnmp pfnmap' 'inspct inspect'; do
	explains 1 "did you mean.* ${line##* }" pinscope shell -c "${line% *}"
	ok "shell: '${line% *}' is close to ${line##* }"
done
explains 2 "expected a process id" pinscope shell -p nobody
ok "shell: a pid that is none"
run 0 pinscope shell -p 1 -e -c 'inspect 0 128g' && grep -q 'state=PRESENT' $out
ok "shell: another process"

events=/sys/kernel/tracing/events/pinscope
# Before 6.7 the buffer stays tiny when an instance of tracing was there first.
echo 1408 >/sys/kernel/tracing/buffer_size_kb
echo 1 >$events/enable
run 0 abi-test 'FAULT: read, write, unshare' 'UNPIN: parts' &&
	grep -q 'pinscope_pin: id=1 call=pin-fast gup_flags=FOLL_LONGTERM ' /sys/kernel/tracing/trace &&
	grep -q 'pinscope_unpin: id=1 .* left=0$' /sys/kernel/tracing/trace &&
	grep -q 'pinscope_fault: flags=FAULT_FLAG_UNSHARE ' /sys/kernel/tracing/trace
ok "tracepoints: flags by name"
echo 0 >$events/enable
# Else those who read the binary trace have only numbers.
! grep -h 'print fmt' $events/*/format | grep -q PINSCOPE
ok "tracepoints: no names that only the compiler knows"

run 4 sh -c 'pinscope info >/dev/full'
ok "output that cannot be written is an error"
explains 4 'root' as_nobody pinscope check
ok "not root: says so"
explains 4 'program is older' /pinscope-abi-0 check
ok "an older program: says what to build"
explains 4 'module is older' /pinscope-abi-99 check
ok "an older module: says what to build"

# The suite; all of it has a run of its own.
run 0 pinscope test 'anon.*/pin:*'
ok "test: a kind"
[ "$(head -n 1 $out)" = 'KTAP version 1' ] &&
	[ "$(sed -n 2p $out)" = "1..$(grep -c '^ok ' $out)" ]
ok "test: KTAP with a plan first, when not on a terminal"
run 0 pinscope test --list 'anon.fresh/pin:*' && grep -qx 'anon.fresh/pin:replaced' $out
ok "test: --list prints what a glob matches"
run 0 pinscope test 'hugetlb-private[2M].fresh/pin:same-page' && [ "$(grep -c '^ok ' $out)" = 1 ]
ok "test: a name with brackets is a name, and a test case can be run alone"
for table in kinds conditions calls pinners properties; do
	run 0 pinscope test --list=$table && ! grep -qE '^[^ ]+ *$' $out && ! grep -q '(null)' $out &&
		awk 'length > 78 { bad = 1 } END { exit bad }' $out
	ok "test: --list=$table has a sentence for each row"
done
explains 2 'did you mean kinds?' pinscope test --list=kind
ok "test: --list of a table that is none"
run 0 pinscope test --explain 'memfd-private.cow-shared/pin-fast+LONGTERM:reliable' &&
	grep -q '^kind memfd-private: ' $out && grep -q '^condition cow-shared: ' $out &&
	grep -q '^call pin-fast: ' $out && grep -q '^property reliable: ' $out
ok "test: --explain says what each part of a name means"
run 0 pinscope test --explain 'hugetlb-anon[2M].fresh/vmsplice:counts' && grep -q '^pinner vmsplice' $out
ok "test: --explain of a size and a pinner"
run 2 pinscope test --explain 'anon.fresh/pin:relable' && grep -q 'did you mean reliable?' $err
ok "test: --explain of a name with a typing error"
run 0 pinscope test --junit 'anon.fresh/pin:*' && grep -q '^</testsuite>' $out
ok "test: --junit"
run 0 pinscope test --json 'anon.fresh/pin:*' && grep -q '"fail": 0' $out
ok "test: --json"
run 0 pinscope test -r 3 -s 7 -j 2 -t 9 'anon.fresh/pin*' && ! grep -q '^not ok' $out &&
	grep -qx '# --shuffle 7' $out
ok "test: again, in another order, and two at a time"
run 0 pinscope test -s 7 --list 'anon.fresh/*' && mv $out /tmp/seven &&
	run 0 pinscope test -s 7 --list 'anon.fresh/*' && cmp -s $out /tmp/seven &&
	run 0 pinscope test -s 8 --list 'anon.fresh/*' && ! cmp -s $out /tmp/seven
ok "test: a seed gives one order"
run 0 pinscope test -s random 'anon.fresh/pin:*' && grep -qE '^# --shuffle [1-9]' $out
ok "test: a random order says its seed"
run 0 pinscope test -j 1 -s 7 -d /mnt/dax 'dax-*-thp*/pin+*:*' && ! grep -q '^not ok' $out
ok "test: no scenario sees what another has written"
run 0 pinscope test 'zeropage.fresh/*' && case $verdict in
reliable)	! grep -q 'pin+LONGTERM:reliable # ' $out ;;
*)		grep -q 'pin+LONGTERM:reliable # XFAIL ro-longterm' $out ;;
esac
ok "test: a failure that errata name is an XFAIL"
knobs() {
	cat /sys/kernel/mm/ksm/run /sys/kernel/mm/ksm/sleep_millisecs \
		/sys/kernel/mm/transparent_hugepage/shmem_enabled \
		/proc/sys/kernel/numa_balancing \
		/sys/kernel/debug/sched/numa_balancing/scan_delay_ms
}
echo 2 >/sys/kernel/mm/ksm/run
before=$(knobs)
run 0 pinscope test 'ksm.fresh/pin:*' 'memfd-private-thp.fresh/pin:*' 'anon-numa-hint.fresh/pin:*' && [ "$(knobs)" = "$before" ]
ok "test: what it changes of the machine is undone"
pinscope test >$out 2>$err &
# It has begun when it has changed something.
for _ in $(seq 600); do
	[ "$(knobs)" = "$before" ] || break
	sleep 0.1
done
kill -TERM $!
wait $!
[ $? = 4 ] && grep -q EINTR $err && [ "$(knobs)" = "$before" ]
ok "test: after SIGTERM as well"
explains 2 "no kind 'nonsense'" pinscope test nonsense
ok "test: no such test case"
explains 2 'did you mean cow-shared' pinscope test 'anon.cowshared/*'
ok "test: a condition that is close to one"
explains 2 'matches nothing' pinscope test 'anon.fresh/pin+FORCE:*'
ok "test: a glob that matches nothing"
run 0 pinscope test --dir /var/tmp --dir /mnt/xfs --dir /mnt/dax '*.fresh/pin:errno' &&
	grep -qF ' file-private[ext4].fresh' $out &&
	grep -qF ' file-private[xfs].fresh' $out && grep -qF ' dax-private[ext4].fresh' $out
ok "test: files of three file systems"
run 0 pinscope test --list --dir /var/tmp --dir /var/tmp '*.fresh/pin:errno' &&
	[ -z "$(sort $out | uniq -d)" ] && grep -qF 'file-private[ext4#2].' $out
ok "test: two directories of the same file system have names of their own"
run 4 pinscope test --dir /nowhere 'file*.fresh/pin:*' && grep -q 'SKIP.*--dir' $out
ok "test: a directory that is not there"
explains 2 'at most 8' pinscope test -d1 -d2 -d3 -d4 -d5 -d6 -d7 -d8 -d9
ok "test: too many directories"
run 0 pinscope test --fail-fast 'anon.fresh/*' && ! grep -q '^not ok' $out
ok "test: --fail-fast, and nothing does"
explains 2 'expected a number' pinscope test -j 0
ok "test: no such number of jobs"

case $verdict in
reliable)	long=copies ;;
*)		long='stays!' ;;
esac
run 0 pinscope matrix -f csv zeropage &&
	grep -q "^zeropage,stays,stays,$long,$long,.*,copies," $out
ok "matrix: the zeropage, by csv"
run 0 pinscope matrix -f markdown 'hugetlb-private[2M]' anon && [ "$(grep -c '^|' $out)" = 4 ]
ok "matrix: two kinds, by markdown"
run 0 pinscope matrix anon && grep -q '^anon  *stays' $out
ok "matrix: as text"
pinscope matrix --json zeropage >/tmp/before
run 0 pinscope matrix --diff /tmp/before zeropage && [ ! -s $out ]
ok "matrix: no difference from itself"
sed -i s/copies/EPERM/ /tmp/before
run 1 pinscope matrix --diff /tmp/before zeropage &&
	grep -q '^zeropage/.*: EPERM, now copies' $out
ok "matrix: --diff says what is different"
explains 2 'expected the output of' pinscope matrix --diff /init
ok "matrix: not a file for --diff"
explains 2 "no kind 'nonsense'" pinscope matrix nonsense
ok "matrix: no such kind"
explains 2 'no format' pinscope matrix -f nonsense
ok "matrix: no such format"

run 0 pinscope exercise --list && grep -q '^pin-fast ' $out && ! grep -q '^read-file' $out
ok "exercise: the list of operations"
run 0 pinscope exercise --seed 7 --ops 100 --without merge,compact && grep -q '^ok 1 ' $out
ok "exercise: some operations"
grep -v 'per second' $out >/tmp/before
run 0 pinscope exercise --seed 7 --ops 100 --without merge,compact &&
	grep -v 'per second' $out | diff - /tmp/before
ok "exercise: the same seed gives the same operations"
run 0 pinscope exercise --seed 5 --ops 50 --kinds anon --only 'write,pin*,mprotect' &&
	grep -q 'pin-fast' $out && ! grep -q 'fork' $out
ok "exercise: --kinds and --only"
run 0 pinscope exercise --race --seed 2 --ops 1000 && grep -q '^ok 1 ' $out
ok "exercise: races"
for option in kinds only; do
	explains 2 'expected patterns' pinscope exercise --ops 1 --$option nonsense
	ok "exercise: a pattern of --$option that matches nothing"
done
printf '%s\n' 'region r0 zeropage' 'pin p0 r0 0+1 LONGTERM pin0' 'write p0 r0 0+1 word0' >/tmp/script
stale=$([ "$verdict" = reliable ] || echo 1)
run ${stale:-0} pinscope exercise --known --replay /tmp/script &&
	{ [ -z "$stale" ] || grep -q 'is not an exclusive anonymous page' $out; }
ok "exercise: a script shows whether long-term pins of the zeropage get stale"
run ${stale:-0} pinscope shell /tmp/script && if [ -n "$stale" ]; then
	grep -q '/tmp/script:2: .*is not an exclusive anonymous page' $err &&
		grep -q '/tmp/script:3: not done' $err && grep -q 'entry: .*ZEROPAGE' $out
else
	[ ! -s $out ]
fi
ok "shell: a script of exercise, up to the line that fails"
run 0 pinscope shell -c 'region r0 anon' -c 'write p0 r0 0+1 word0' -c 'fork p0 p1' -c model \
	-c 'read p2 r0 0+1' && grep -q '^#   p1 r0 0+1: model: its own, rw, 1 ' $out &&
	grep -q 'entry: .*mapcount 2,' $out && grep -q '^left out' $out
ok "shell: line by line, with the model beside the entries"
for line in 'region r0 nonsense' 'write p0 r9 0+1 word0' 'fork p0 p1 word0'; do
	explains 1 'expected\|no kind' pinscope shell -c "$line"
	ok "shell: not a line of a script: $line"
done
run 1 pinscope shell -c 'region r0 anon' -c 'write p0 r0 0+1 word0' -c 'region r1 thp' &&
	grep -q 'regions come before' $err
ok "shell: regions come first"
run 1 pinscope shell -c 'mem anon' -c 'region r0 anon' && grep -q 'before memory of mem' $err
ok "shell: memory of mem comes after a script of exercise"
run ${stale:-0} pinscope exercise --known --seed 3 --ops 300 --kinds zeropage \
	--only 'pin*,unpin,write,check,fork' &&
	{ [ -z "$stale" ] || grep -q '^region r. zeropage' $out; }
ok "exercise: --known finds that, too, and nothing else"
if [ -n "$stale" ]; then
	grep "^[a-z]" $out | sed "/^not ok/d" >/tmp/script
	run 1 pinscope exercise --known --replay /tmp/script && [ "$(wc -l </tmp/script)" -le 6 ]
	ok "exercise: what was shrunk is short, and fails again"
fi
for line in 'nonsense p0' 'write p0 r0 0+1 word9' 'write p9 r0 0+1' 'region r9 anon' \
	'write p0 r0 600+1'; do
	echo "$line" >/tmp/script
	explains 2 "line 1: expected an operation, found '$line'" pinscope exercise -r /tmp/script
	ok "exercise: not a line of a script: $line"
done
echo 'region r0 nonsense' >/tmp/script
explains 2 "no kind 'nonsense'" pinscope exercise --replay /tmp/script
ok "exercise: no such kind in a script"
explains 2 ENOENT pinscope exercise --replay /nonsense
ok "exercise: no such script"

run 0 pinscope bench --list && grep -qE '^anon/pin-fast  *[A-Z]' $out &&
	! grep -qE '^[^ ]+ *$' $out && [ -z "$(awk '{ print $1 }' $out | grep / | sort | uniq -d)" ] &&
	awk 'length > 78 { bad = 1 } END { exit bad }' $out
ok "bench: --list has each row once, with a sentence"
run 0 pinscope bench --list 'thp/*' && grep -q '^thp/unpin ' $out && ! grep -q anon $out
ok "bench: --list of a glob"
run 0 pinscope bench -r 2 -t 0 anon/pin-fast 'hugetlb-anon[2M]/unpin' && [ ! -s $err ] &&
	grep -qE '^anon/pin-fast  *[1-9][0-9.]*  page ' $out &&
	grep -qE '^  GUP  *[1-9][0-9.]*  page .* [0-9]+\.[0-9]{2}$' $out &&
	grep -qE '^hugetlb-anon\[2M\]/unpin  *[1-9]' $out && [ "$(grep -c / $out)" = 2 ]
ok "bench: two rows, and their peers"
before=$(knobs; cat /sys/kernel/mm/transparent_hugepage/hugepages-*/enabled 2>/dev/null)
run 0 pinscope bench -r 1 -t 0 && ! grep -qE 'EINVAL|EFAULT|EBADF|ENOTTY' $out &&
	[ "$(grep -c /fault+UNSHARE $out)" = 7 ]
ok "bench: each row runs, or says why not"
[ "$(knobs; cat /sys/kernel/mm/transparent_hugepage/hugepages-*/enabled 2>/dev/null)" = "$before" ] &&
	[ "$(wc -l </sys/kernel/debug/pinscope/pins)" = 1 ]
ok "bench: leaves neither pins nor other settings"
run 0 pinscope bench --json -r 1 -t 0 anon/compare && [ "$(head -n 1 $out)" = '{' ] &&
	grep -q '"name": "anon/compare"' $out && grep -q '"ratio": [0-9]' $out
ok "bench: --json"
echo 0 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
run 4 pinscope bench -r 1 -t 0 'hugetlb-anon[2M]/unpin' && grep -q '2048kB/nr_hugepages' $out
ok "bench: no huge pages: says how to have some"
echo 64 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
explains 2 'did you mean.* anon/pin-fast' pinscope bench anon/pinfast
ok "bench: a row that is close to one"
explains 2 'expected a number from 1' pinscope bench -r 0
ok "bench: no such number of measurements"
run 2 pinscope bench --nonsense && [ ! -s $out ]
ok "bench: an unknown option"

run 0 pinscope audit --json -- pinscope shell -e -c 'mem anon' -c 'pin m0 16k longterm pin' &&
	grep -q '"caller": ".* \[pinscope\]"' $out && grep -q '"gup_flags": "LONGTERM"' $out &&
	grep -q '"pages": 4' $out && grep -q '"verdict": "longterm"' $out
ok "audit: the function, the flags, the pages"
run 1 pinscope audit -- pinscope shell -e -c 'mem anon' -c 'pin m0 4k force pin' &&
	grep -q '^force-pin .* FORCE ' $out
ok "audit: FOLL_FORCE"
cat >/tmp/held <<'END'
{
	echo 'mem anon'
	echo 'pin m0 4k write pin'
	# However long the shell takes to start; but not for ever.
	for try in $(seq 200); do
		grep -q WRITE /sys/kernel/debug/pinscope/pins && break
		sleep 0.1
	done
	sleep 1
} | pinscope shell
END
run 1 pinscope audit --long 500 sh /tmp/held && grep -q '^held .* WRITE .* 0 ' $out
ok "audit: held for long without FOLL_LONGTERM"
run 0 pinscope audit true && grep -q 'nothing was pinned' $out
ok "audit: nothing was pinned"
run 0 pinscope audit --for 1
ok "audit: --for"
run 4 pinscope audit /nonsense && grep -q '/nonsense: No such file' $err
ok "audit: a command that does not exist"
echo 1 >/sys/kernel/debug/pinscope/tracking
explains 4 'echo 0 >/sys' pinscope audit true
ok "audit: somebody else tracks"
echo 0 >/sys/kernel/debug/pinscope/tracking
explains 2 'found both' pinscope audit --for 1 true
ok "audit: --for and a command"

(
	exec 9</sys/kernel/debug/pinscope/ctl
	rmmod pinscope 2>/dev/null
	[ -d /sys/module/pinscope ]
)
ok "the module cannot be unloaded while ctl is open"
echo 1 >/sys/kernel/debug/pinscope/tracking
while dd if=/dev/vda of=/dev/null bs=64k count=256 iflag=direct 2>/dev/null; do :; done &
load=$!
sleep 1
rmmod pinscope && [ ! -d /sys/module/pinscope ]
ok "the module can be unloaded while it tracks, under load"
kill $load
wait $load 2>/dev/null
explains 4 'insmod' pinscope info
ok "module not loaded: says so"
run $expected pinscope check --by vfio && grep -q insmod $err && ! grep -q pin-fast $out &&
	tr -s '\n ' '  ' <$out | grep -qF "Real users of GUP $says" &&
	tr -s '\n ' '  ' <$out | grep -qF 'was not looked at'
ok "module not loaded: check --by vfio goes by content"
umount /sys/kernel/debug/tracing 2>/dev/null
umount /sys/kernel/debug
explains 4 'mount -t debugfs' pinscope info
ok "debugfs not mounted: says so"
mount -t debugfs debugfs /sys/kernel/debug
insmod /pinscope.ko
run 0 pinscope info
ok "the module can be loaded again"
# But that it is not Debian's, which every module that one builds gets, and what mm
# logs of exercise.
dmesg | tac | sed '/tool.sh begins/q' | grep pinscope | grep -v drop_caches | grep -v taint >$out
[ ! -s $out ]
ok "nothing of it in the kernel's log"

# Last, since they cannot be undone. Nobody may attach a debugger any more:
echo 3 >/proc/sys/kernel/yama/ptrace_scope
run 0 abi-test 'another process: as a debugger'
ok "another process: what keeps a debugger out keeps pinscope out"
if [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null)" = 3 ]; then
	explains 4 'CAP_SYS_PTRACE.*ptrace_scope' pinscope maps 1
	ok "maps: what keeps a debugger out is named"
else
	skip "maps: what keeps a debugger out is named" "this kernel has no Yama"
fi

# Debugfs is closed, insmod would be as well.
echo integrity >/sys/kernel/security/lockdown 2>/dev/null
if grep -q '\[integrity\]' /sys/kernel/security/lockdown 2>/dev/null; then
	explains 4 'locked down' pinscope info
	ok "lockdown: says so"
	echo confidentiality >/sys/kernel/security/lockdown
	explains 4 'locked down' pinscope info
	ok "lockdown, confidentiality: likewise"
else
	n=$((n + 1))
	echo "ok $n - lockdown # SKIP this kernel is built without it"
fi
echo "1..$n"
