#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The commands for a live process, in TAP. Runs in the guest as root with the module
# loaded, and with /subject and /subject32 at hand.
#
# usage: live.sh reliable|unreliable	what 'pinscope check' has to find

verdict=$1
# shellcheck source=userspace/tests/tap.sh
. /tap.sh

# says STATUS PATTERN COMMAND...: fails with one line that says what to do
says()
{
	want=$1
	pattern=$2
	shift 2
	run "$want" "$@" && grep -q "$pattern" $err && [ "$(wc -l <$err)" = 1 ]
}

# Hundredths of a second.
now()
{
	sed 's/\.\(..\).*/\1/' /proc/uptime
}

# -------------------------------------------- a process that does as it is told

# shell_begin: sets shell to the process id
shell_begin()
{
	rm -f /tmp/told
	: >/tmp/said
	mkfifo /tmp/told
	exec 7<>/tmp/told
	pinscope shell </tmp/told >/tmp/said 2>&1 7<&- &
	shell=$!
}

# tell LINE: waits until the shell has done it
tell()
{
	marks=$(grep -c '^fault=' /tmp/said)
	echo "$1" >&7
	echo counts >&7
	wait_for sh -c "[ \$(grep -c '^fault=' /tmp/said) -gt $marks ]"
}

# where NUMBER: the address of the memory with that number, without 0x
where()
{
	sed -n "s/^m$1 addr=0x\([^ ]*\) .*/\1/p" /tmp/said
}

# It puts back what its kinds have changed of the machine.
shell_end()
{
	echo quit >&7
	exec 7<&-
	wait "$shell" 2>/dev/null
}

# subject_begin COMMAND...: sets subject to its process id and addr to its address
subject_begin()
{
	rm -f /tmp/wait /tmp/where
	mkfifo /tmp/wait
	exec 8<>/tmp/wait
	"$@" </tmp/wait >/tmp/where 2>&1 8<&- &
	subject=$!
	wait_for test -s /tmp/where
	addr=$(cut -d' ' -f2 /tmp/where)
}

subject_end()
{
	exec 8<&-
	kill -9 "$subject" 2>/dev/null
	wait "$subject" 2>/dev/null
}

for command in maps inspect explain watch pins who; do
	run 0 pinscope $command --help && has 'usage:' '\-\-json'
	ok "$command --help"
done

# ------------------------------------------------------- real users of GUP

# A process that VFIO, io_uring, AF_XDP, udmabuf, and RDMA and V4L2 where the kernel has
# them, hold pages of.
users-test hold-all >/tmp/users 2>&1 &
users=$!
wait_for grep -q '^all ' /tmp/users
sed 's/^/# /' /tmp/users
grep -q '^holds io-uring-buffer' /tmp/users && grep -q '^holds vfio-' /tmp/users
ok "a process with pins of real users of GUP"
run 0 pinscope maps $users && has ' anon '
ok "maps: of real users"
run 0 pinscope inspect $users --all --filter maybe_pinned && has ' anon ' '^[1-9][0-9]* pages \('
ok "inspect: pages that real users have pinned"
pinned=$(awk '$4 == "anon" { print $1; exit }' $out)
run 0 pinscope explain $users "$pinned" LONGTERM && has 'stays'
ok "explain: of a page that a real user has pinned"
run 0 pinscope watch $users "$pinned" -t 1
ok "watch: of a page that a real user has pinned"
run 0 pinscope who $users && has "mapped by $users users-test" "perhaps held by $users users-test: .*VFIO" \
	"perhaps held by $users users-test: .*io_uring"
ok "who: without tracking, VFIO and io_uring are candidates"
kill $users
wait $users 2>/dev/null

# ------------------------------------------------------------------ every kind

# A page has a kind by what can be seen of it; how it came to be so cannot.
seen_kind()
{
	echo "$1" | sed -E '
		s/^(thp|mthp)-(single-pte|mremapped|half-forked)/\1/
		s/^thp$/thp-pte-mapped/
		s/^.*-swapped.*/anon-swapped/
		s/^thp-collapsed/thp/
		s/^base-pages/anon/
		s/^file-private-rdonly/file-private/
		s/^ksm-single/ksm/
		s/^memfd-private-thp-tail/memfd-private-thp/
		s/^thp-device-private/anon-device-private/
		s/^p2pdma-shared-readonly/p2pdma-shared/
		s/^ksm-zeropage/zeropage/'
}

# make KIND: sets at to its address; in another process when there is no room in this one
make()
{
	for _ in 1 2; do
		if [ $nr = 12 ]; then
			shell_end
			shell_begin
			nr=0
		fi
		tell "mem $1"
		at=$(where $nr)
		if [ -n "$at" ]; then
			nr=$((nr + 1))
			return
		fi
		nr=12
	done
	echo "# not made: $(tail -n 2 /tmp/said | head -n 1)"
	return 1
}

kinds=$(echo kinds | pinscope shell | sed -n 's/^\([^ ][^ ]*\) .*/\1/p')
missed=
made=0
nr=0
shell_begin
for kind in $kinds; do
	make "$kind" || continue
	made=$((made + 1))
	expected=$(seen_kind "$kind")
	[ "$kind" = thp ] && expected=thp
	if ! run 0 pinscope inspect "$shell" "$at" ||
	   ! [ "$(awk 'NR == 2 { print $4 }' $out)" = "$expected" ]; then
		missed="$missed $expected:$(awk 'NR == 2 { print $4 }' $out)"
	fi
	pinscope explain "$shell" "$at" >$out 2>$err
	[ $? -le 1 ] && has "^pin-fast\+LONGTERM: " "^    [a-z_.]+\(\)" "^Other pins:" ||
		missed="$missed explain-$kind"
done
echo "# $made kinds"
run 0 pinscope maps "$shell" && has '; pin: ' ' VMAs$'
ok "maps: a process with many kinds of memory"
shell_end
[ -z "$missed" ] || echo "kinds that look different:$missed" >$err
[ -z "$missed" ]
ok "inspect and explain: each kind of memory is what it looks like"

# -------------------------------------------------------------- children, pins

shell_begin
tell 'mem anon'
tell 'mem zeropage'
tell 'mem thp'
tell 'mem pfnmap-private'
m0=$(where 0) m1=$(where 1) m2=$(where 2) m3=$(where 3)
run 0 pinscope inspect "$shell" "$m0+16k" && has 'anon +[0-9a-f]+ ' 'd:anon_exclusive'
ok "inspect: a range"
run 0 pinscope inspect "$shell" "$m0" --raw && has 'state=PRESENT\|'
ok "inspect: --raw"
run 0 pinscope inspect "$shell" "$m0" --json && has '"kind": "anon"' '"anon_exclusive"'
ok "inspect: --json"
run 0 pinscope inspect "$shell" --all && has 'stack ' 'file-private|tmpfs-private'
ok "inspect: --all"
run 0 pinscope inspect "$shell" --all -f '!anon,!present' && ! grep -q ' anon ' $out
ok "inspect: --filter"
says 2 'did you mean' pinscope inspect "$shell" --all -f exclusve
ok "inspect: --filter with a typing error"
run 0 pinscope inspect "$shell" "$m2+2m" --map && has '^ *[0-9a-f]+  T{64}$' 'T mapped by a PMD'
ok "inspect: a picture of a THP"
tell 'pin m0 4k LONGTERM pin'
run 0 pinscope inspect "$shell" "$m0+16k" --map && has '  Paaa$' 'P pinned'
ok "inspect: a picture with a pinned page"
run 0 pinscope inspect "$shell" --pin 1 && has ' anon ' ' 1 +1025 +1 '
ok "inspect: the pages of a pin of another process"
says 4 'has no pin 7' pinscope inspect "$shell" --pin 7
ok "inspect: no such pin"
run 0 pinscope inspect --legend && has 'maybe_pinned'
ok "inspect: --legend"
run 0 pinscope pins && has "^ *$shell +1 pin +LONGTERM +0x$m0 +1 all 1 .* pinscope$"
ok "pins"
run 0 pinscope who "$shell" && has "pinned, PFN 0x" "mapped by $shell pinscope at .*$m0\+4k" \
	"perhaps held by $shell pinscope: 1 pin of pinscope itself" 'Nothing was tracked'
ok "who: without tracking, a candidate"
tracking=/sys/kernel/debug/pinscope/tracking
echo 1 >$tracking
tell "pin m0+4k 8k longterm|write pin-fast"
run 0 pinscope who "$shell" "$m0+16k" &&
	has '^2 pages are pinned' "held by .*\[pinscope\], pin-fast WRITE\|LONGTERM,$" "^ +process $shell pinscope: 2 pins"
ok "who: by tracking"
run 0 pinscope who --all && has "process $shell pinscope: 2 pins" "mapped by $shell pinscope at"
ok "who: --all"
run 0 pinscope who --all --json && has '"tracked": true' '"gup_flags": "WRITE\|LONGTERM"' "\"pid\": $shell"
ok "who: --json"
run 0 pinscope inspect "$shell" "$m0+16k" --raw && [ "$(grep -c ' sites=1 tracked=1$' $out)" = 2 ] &&
	[ "$(grep -c ' pincount=1 .* sites=0 ' $out)" = 1 ]
ok "inspect: how many sites hold a page, as tracking knows"
run 0 pinscope inspect "$shell" "$m0+16k" --json && has '"sites": 1, "tracked_pins": 1'
ok "inspect: the same by --json"
tell "unpin 2"
run 0 pinscope who "$shell" "$m0+16k" && ! has 'held by .*\[pinscope\]'
ok "who: unpinned"
echo 0 >$tracking
run 0 pinscope who --zone movable && has 'no page there is pinned'
ok "who: --zone"
says 4 'no such memory block' pinscope who --block 99999
ok "who: --block of none"
says 2 'expected a process, --pfn' pinscope who
ok "who: of nothing"
says 2 'two numbers' pinscope who --pfn 1+x
ok "who: --pfn of no number"
says 4 'ENOENT' pinscope who --file /nonsense
ok "who: --file that does not exist"
run 0 pinscope pins --json && has '"call": "pin"' '"same": 1'
ok "pins: --json"
run 124 timeout 2 pinscope pins --watch=1 || [ "$got" = 0 ] || [ "$got" = 143 ]
[ "$(grep -c PID $out)" -ge 2 ]
ok "pins: --watch"
run 0 pinscope maps "$shell" && has 'anon .*exclusive .*maybe pinned 4K.*; pin: stays ' \
	'pfnmap-private 4K: .*; pin: refused 4K' 'THP by PMD 2M'
ok "maps: pinned, refused, THP"
run 0 pinscope maps --json "$shell" && has '"totals"' '"longterm_pin": \{' '"kind": "pfnmap-private"'
ok "maps: --json"

case $verdict in
reliable)	long='is copied' by='wp_page_copy\(\)' ;;
*)		long='stays' by='follow_page_pte\(\), before Linux 6.2' ;;
esac
run 0 pinscope explain "$shell" "$m1" && has '^pin-fast\+LONGTERM: works$' "of zeropage.*$long" "$by" \
	'^pin-fast \(direct I/O'
ok "explain: the zeropage"
run 1 pinscope explain "$shell" "$m3" && has 'fails with EFAULT' 'check_vma_flags\(\): .*VM_PFNMAP|check_vma_flags' 'Instead: '
ok "explain: what is refused, and what to do instead"
run 1 pinscope explain "$shell" "$m1" NOFAULT+WRITE pin && has 'faultin_page\(\)' 'EFAULT'
ok "explain: flags and a call"
run 1 pinscope explain "$shell" 1000 && has 'gup_vma_lookup'
ok "explain: nothing is mapped"
run 1 pinscope explain "$shell" "$m1" ANON pin-fast && has 'EINVAL'
ok "explain: a flag that the call does not take"
run 0 pinscope explain --json "$shell" "$m1" LONGTERM && has '"function": ' '"works": true'
ok "explain: --json"
says 2 'did you mean LONGTERM' pinscope explain "$shell" "$m1" LONGTEM
ok "explain: no such flag"
says 2 'did you mean' pinscope explain "$shell" "$m1" LONGTERM pinfast
ok "explain: no such call"
says 2 'a part of a file' pinscope explain "$shell" "$m1" 0 pin-memfd
ok "explain: pin-memfd"
run 0 pinscope explain "$shell" "$m0+40k" LONGTERM || [ "$got" = 1 ]
ok "explain: a range of several VMAs"

# watches EVENT LINE WHERE...: the event comes after the shell was told the line
watches()
{
	event=$1
	line=$2
	shift 2
	pinscope watch "$shell" "$@" -i 20 -t 60 --until "$event" >$out 2>$err &
	watcher=$!
	sleep 0.7
	tell "$line"
	wait $watcher
}
watches replaced 'store m1 x' "$m1" && has '^[0-9:.]+ [0-9a-f]+ 1 page replaced: '
ok "watch: a zeropage is replaced"
watches pinned 'pin m1 4k LONGTERM pin' "$m1"
ok "watch: a page is pinned"
! has 'held by'
ok "watch: without tracking, nobody is named"
watches unpinned 'unpin 2' "$m1"
ok "watch: a page is unpinned"
echo 1 >$tracking
watches pinned 'pin m1 4k LONGTERM pin' "$m1" &&
	has '^    held by .*\[pinscope\], pin LONGTERM,$' "^ +process $shell pinscope: 1 pin, for "
ok "watch: with tracking, who has pinned the page"
echo 0 >$tracking
watches unpinned 'unpin 2' "$m1"
ok "watch: it is unpinned without tracking"
watches shared fork "$m1"
ok "watch: a page is shared with a child"
run 0 pinscope explain "$shell" "$m1" LONGTERM && has 'is copied'
ok "explain: a page that a child has"
run 0 pinscope maps "$shell" && has 'shared with others'
ok "maps: pages that a child has"
tell reap
watches exclusive 'pin m1 4k LONGTERM pin' "$m1"
ok "watch: a page becomes exclusive again"
tell "unpin $(sed -n 's/^id=\([0-9]*\).*/\1/p' /tmp/said | tail -n 1)"
watches swapped-out 'advise m1 4k pageout' "$m1"
ok "watch: a page is swapped out"
watches swapped-in 'store m1 y' "$m1"
ok "watch: a page is swapped in"
watches split 'pin m2 4k SPLIT_PMD get' "$m2+2m"
ok "watch: a THP is split"
watches unmapped 'advise m1 4k dontneed' "$m1"
ok "watch: a page is dropped"
tell 'mem zeropage'
tell 'pin m4 4k 0 pin'
id=$(sed -n 's/^id=\([0-9]*\).*/\1/p' /tmp/said | tail -n 1)
watches parted 'store m4 z' --pin "$id" && has "pin $id, 1 page parted"
ok "watch: a pin and the page table part"
run 0 pinscope pins && has "^ *$shell +$id .* 0 of 1 "
ok "pins: a pin that is not what is mapped"
watches released "unpin $id" --pin "$id"
ok "watch: a pin is released"
run 1 pinscope watch "$shell" "$m0" -t 1 --until split
ok "watch: a time out"
run 0 pinscope watch "$shell" "$m0" -t 1 --json
ok "watch: a time out of what has no --until"
says 2 'did you mean replaced' pinscope watch "$shell" "$m0" --until replacd
ok "watch: no such event"
pinscope watch "$shell" "$m0" -t 30 --until ended >$out 2>$err &
watcher=$!
sleep 0.7
shell_end
wait $watcher && has 'ended$'
ok "watch: the process ends"

# ------------------------------------------------------------ large and strange

subject_begin /subject sparse
begin=$(now)
run 0 pinscope inspect "$subject" "$addr+1t" && has '^3 pages'
ok "inspect: 1 TiB with three pages"
took=$(($(now) - begin))
[ $took -lt 100 ] || echo "it took $took hundredths of a second" >$err
[ $took -lt 100 ]
ok "inspect: 1 TiB in less than a second"
run 0 pinscope inspect "$subject" "$addr+1t" --map && has '^ *[0-9a-f]+  a\.'
ok "inspect: a picture of 1 TiB"
run 0 pinscope maps "$subject" && has ' anon 1T: resident 12K'
ok "maps: 1 TiB"
run 0 pinscope explain "$subject" "$addr+1t" LONGTERM && has 'stays' 'faulted in'
ok "explain: 1 TiB"
subject_end

echo 300000 >/proc/sys/vm/max_map_count
subject_begin /subject vmas 100000
begin=$(now)
run 0 pinscope maps "$subject" && [ "$(grep -c '; pin: ' $out)" -ge 100000 ]
ok "maps: 100000 VMAs"
echo "# it took $(($(now) - begin)) hundredths of a second"
run 0 pinscope inspect "$subject" "$addr"
ok "inspect: one of them"
(sleep 1; kill -9 "$subject") &
says 4 'ended while it was looked at' pinscope maps "$subject"
ok "maps: a process that ends meanwhile"
subject_end

subject_begin /subject32 anon
run 0 pinscope maps "$subject" && has 'anon 16K: '
ok "maps: a 32-bit process"
run 0 pinscope explain "$subject" "$addr" && has '32 bits'
ok "explain: a 32-bit process"
for command in inspect explain watch; do
	says 4 'is a 32-bit process' pinscope $command "$subject" 7f0000000000
	ok "$command: an address that a 32-bit process cannot have"
done
subject_end

# ----------------------------------------------------------------------- shell

printf '#!/bin/pinscope shell\n# A comment.\nmem anon\npin m0 4k LONGTERM pin\n' >/tmp/script
chmod +x /tmp/script
run 0 /tmp/script && has '^id=1 pages=1 '
ok "shell: a file with #!"
printf 'mem anon\nmem nonsense\n' >/tmp/script
run 1 pinscope shell /tmp/script && grep -q "no kind 'nonsense'" $err
ok "shell: a file with an error"
printf 'mem anon\npin m0 none\npins\n' >/tmp/script
run 1 pinscope shell -e /tmp/script && grep -q '/tmp/script:2: usage: pin ' $err && ! grep -q '^pid ' $out
ok "shell: an error names the line, and -e stops there"
run 1 pinscope shell -c 'mem pfnmap-private' -c 'pin m0 4k' &&
	grep -q 'pin: EFAULT' $err && grep -q 'check_vma_flags(): .*VM_PFNMAP' $err && grep -q 'Instead: ' $err
ok "shell: a pin that fails is explained"
says 2 'expected a file of commands' pinscope shell /nowhere
ok "shell: no such file"

# --------------------------------------------------------------------- errors

for command in maps inspect explain watch; do
	case $command in
	maps)		set -- ;;
	inspect)	set -- --all ;;
	*)		set -- 1000 ;;
	esac
	says 4 'no process 123456.*ps -e' pinscope $command 123456 "$@"
	ok "$command: no such process"
	says 4 'kernel thread' pinscope $command 2 "$@"
	ok "$command: a kernel thread"
	# With the rights of root on files, and on no process outside of its namespace.
	says 4 'process 1 .*may not be looked at.*CAP_SYS_PTRACE' \
		unshare -U -r pinscope $command 1 "$@"
	ok "$command: not permitted"
	says 2 'process id' pinscope $command nonsense "$@"
	ok "$command: no process id"
done
says 4 'no process 123456.*ps -e' pinscope shell -p 123456 -c 'inspect 0 4k'
ok "shell --pid: no such process"
says 4 'kernel thread' pinscope shell -p 2 -c 'inspect 0 4k'
ok "shell --pid: a kernel thread"
for command in inspect watch; do
	says 4 'nothing mapped at 0x1000.*pinscope maps' pinscope $command 1 1000
	ok "$command: an address that is not mapped"
done
says 2 'ADDR+LEN' pinscope inspect 1 zz
ok "inspect: no address"
says 2 'ADDR+LEN' pinscope inspect 1 1000+0
ok "inspect: no length"
says 2 'ADDR+LEN' pinscope inspect 1 ffffffffffffffff+2
ok "inspect: beyond the last address"
says 2 'expected' pinscope inspect 1
ok "inspect: neither an address nor --all"
says 2 'expected' pinscope explain 1
ok "explain: no address"
says 2 'number from 1' pinscope watch 1 0 -i 0
ok "watch: no such period"

echo 65530 >/proc/sys/vm/max_map_count
echo "1..$n"
