# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the scripts share: where things are, how they speak and fail.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$top/.cache
me=$(basename "$0")

# usage: print the comment block that opens the script
usage()
{
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0"
}

# say TEXT...: progress, with the seconds since the start, to stderr
say()
{
	printf '[%3ds] %s\n' "$SECONDS" "$*" >&2
}

# die TEXT...: what is wrong and what to do about it
die()
{
	printf '%s: %s\n' "$me" "$*" >&2
	exit 1
}

# bad_usage TEXT...
bad_usage()
{
	printf "%s: %s (see '%s --help')\n" "$me" "$*" "$me" >&2
	exit 2
}

# quietly LOG COMMAND...: run it, show LOG only if it fails
quietly()
{
	local log=$1 status=0

	shift
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 || status=$?
	[ "$status" = 0 ] || tail -n 40 "$log" >&2
	return "$status"
}

# locked NAME COMMAND...: one at a time, whoever else runs these scripts
locked()
{
	local lock=$cache/$1.lock

	shift
	mkdir -p "$cache"
	(
		flock 9
		"$@"
	) 9>"$lock"
}
