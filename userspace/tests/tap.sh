# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
# What the scripts that test the tool in a guest share: TAP, and running a command. They
# read it by '. /tap.sh', with the guest's root as the place of both.

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

# skip CASE REASON
skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# run STATUS COMMAND...: succeeds when the command exits with STATUS
run()
{
	want=$1
	shift
	"$@" >$out 2>$err </dev/null
	got=$?
	[ $got = "$want" ] && return
	echo "exit status $got instead of $want: $*" >>$err
	return 1
}

# has PATTERN...: each is in the output
has()
{
	for pattern; do
		grep -qE -e "$pattern" $out && continue
		echo "not in the output: $pattern" >>$err
		return 1
	done
}

# wait_for COMMAND...: until it succeeds, but not for ever
wait_for()
{
	for _ in $(seq 300); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	echo "it did not come to this: $*" >>$err
	return 1
}
