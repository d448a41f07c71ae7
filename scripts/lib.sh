# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the scripts share: where things are, how they speak and fail.

set -euo pipefail

# One clock for a script and those that it calls.
export PINSCOPE_STARTED=${PINSCOPE_STARTED:-$EPOCHSECONDS}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$top/.cache
export PYTHONDONTWRITEBYTECODE=1	# not beside the sources
PATH=$PATH:/usr/sbin:/sbin	# which users do not have in theirs
me=$(basename "$0")

# What is built from the source of a kernel is compiled through ccache. The cache is the user's
# own, whose variables count; another clone finds in it what this one has compiled. No hard links:
# objtool changes objects where they are.
export CCACHE_BASEDIR=${CCACHE_BASEDIR-$top} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR-y}
export CCACHE_NOHARDLINK=y
[ -w "${HOME-}" ] || export CCACHE_DIR=${CCACHE_DIR-$cache/ccache}

# compile_by TREE BUILD [ARGUMENT]...: sets compiler to make's arguments. Where an ARGUMENT or the
# environment chooses a compiler, it is that. ccache makes names of files relative, which messages
# of the kernel have.
compile_by()
{
	# shellcheck disable=SC2034
	compiler=(KCFLAGS="-fmacro-prefix-map=$(realpath -m --relative-to="$2" "$1")/=")
	[[ -n "${LLVM-}${CROSS_COMPILE-}" ||
	   " ${*:3}" = *[\ =-]@(CC|LLVM|CROSS_COMPILE|cross_compile)=* ]] ||
		compiler+=(CC='ccache gcc')
}

# usage: print the comment block that opens the script
usage()
{
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0"
}

# say TEXT...: progress, with the seconds since the start, to stderr
say()
{
	printf '[%3ds] %s\n' $((EPOCHSECONDS - PINSCOPE_STARTED)) "$*" >&2
}

# die TEXT...: what is wrong and what to do about it
die()
{
	printf '%s: %s\n' "$me" "$*" >&2
	exit "${die_status:-1}"
}

# bad_usage TEXT...
bad_usage()
{
	printf "%s: %s (see '%s --help')\n" "$me" "$*" "$me" >&2
	exit 2
}

# at_exit COMMAND: run it when the script ends, by a signal as well. Another signal,
# which a process group may get twice, does not interrupt it.
at_exit()
{
	# Now.
	# shellcheck disable=SC2064
	trap "trap '' INT TERM; $1" EXIT
	trap 'trap "" INT TERM; exit 130' INT
	trap 'trap "" INT TERM; exit 143' TERM
}

# quietly LOG COMMAND...: run it, show LOG only if it fails; what takes long
# shows how far it is, after what about has, for there may be several at a time
about=
quietly()
{
	local log=$1 status=0 beat

	shift
	mkdir -p "$(dirname "$log")"
	# A read that nobody answers: unlike sleep, it leaves no process behind
	# that keeps a pipe of ours. Nor may it keep the lock of locked(), or
	# outlive what it is about.
	while kill -0 $$ && ! read -rt 8 _; do
		say "  ... $about$(tail -n 1 "$log" 2>/dev/null | tr -cd '[:print:]' | cut -c 1-66)"
	done <> <(:) 9>&- &
	beat=$!
	"$@" >"$log" 2>&1 || status=$?
	{ kill "$beat" && wait "$beat"; } 2>/dev/null || :
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

# need GROUP...: have scripts/setup install what is missing, which the scripts that
# this one calls need not look for again
need()
{
	local group groups=()

	for group; do
		case " ${PINSCOPE_READY-} " in
		*" $group "*)	;;
		*" "[a-z]*" ")	[ "$group" = run ] || groups+=("$group") ;;
		*)		groups+=("$group") ;;
		esac
	done
	[ ${#groups[@]} -gt 0 ] || return 0
	"$top/scripts/setup" "${groups[@]}"
	export PINSCOPE_READY="${PINSCOPE_READY-} ${groups[*]}"
}

# What a kernel prints when something is wrong with it.
# shellcheck disable=SC2034
splats=$(grep -v '^#' "$top/userspace/suite/splats" | paste -sd '|')

# mirror LABEL: the machine's own; only the suite may be another
mirror()
{
	local uri

	# apt's format, not the shell's.
	# shellcheck disable=SC2016
	uri=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' \
		'Created-By: Packages' | awk -v l="$1" '$1 == l { uri = $2 } END { print uri }')
	[ -n "$uri" ] || die "apt knows no mirror of $1: see /etc/apt/sources.list, then 'apt-get update'"
	echo "$uri"
}

# sources SUITE: lines for sources.list; a suite is not whole without its base
sources()
{
	local base=${1%%-*}

	echo "deb $(mirror Debian) $base main"
	case $1 in
	*-security)	echo "deb $(mirror Debian-Security) $1 main" ;;
	*-*)		echo "deb $(mirror Debian) $1 main" ;;
	esac
}

# with_apt SUITE COMMAND...: run an apt command on SUITE's packages, without
# touching what the machine's own apt knows
with_apt()
{
	local apt=$cache/apt/$1

	shift
	# For several kernels of one suite at a time.
	fresh "$apt" || locked "apt-$(basename "$apt")" get_lists "$apt"
	APT_CONFIG=$apt/apt.conf "$@"
}

# fresh DIR: there are lists, and the configuration, which has paths, is for this place
fresh()
{
	[ -e "$1/fresh" ] && [ "$(<"$1/fresh")" = "$1" ]
}

# get_lists DIR: SUITE's package lists, and the configuration for apt to use them
get_lists()
{
	local apt=$1

	! fresh "$apt" || return 0
	mkdir -p "$apt"/lists/partial "$apt"/archives/partial "$apt"/none
	sources "$(basename "$apt")" >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-CONF
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "$apt/none";
		Dir::State "$apt";
		Dir::State::status "/dev/null";
		Dir::Cache "$apt";
		APT::Sandbox::User "";
		Acquire::Languages "none";
	CONF
	APT_CONFIG=$apt/apt.conf quietly "$apt/log" apt-get update ||
		die "cannot update the package lists of $(basename "$apt")"
	echo "$apt" >"$apt/fresh"
}

# QEMU and all that it needs, extracted but not installed.
get_qemu()
{
	local tmp=$cache/qemu.tmp about='QEMU: '

	# One that is not from backports is replaced.
	[ ! -e "$cache/qemu" ] || ! grep -qs backports "$cache/qemu/sources" || return 0
	say "fetching QEMU"
	rm -rf "$tmp"
	need run
	sources trixie-backports >"$cache/qemu.list"
	quietly "$cache/qemu.log" mmdebstrap --variant=extract --skip=check/empty \
		--aptopt='APT::Default-Release "trixie-backports"' \
		--include=qemu-system-x86 trixie "$tmp" "$cache/qemu.list" ||
		die "cannot fetch QEMU"
	cp "$cache/qemu.list" "$tmp/sources"
	rm -rf "$cache/qemu"
	mv "$tmp" "$cache/qemu"
}

# find_qemu: the command as the array qemu; $QEMU, or one of our own
find_qemu()
{
	local q=$cache/qemu/usr

	if [ -n "${QEMU-}" ]; then
		qemu=("$QEMU")
		return
	fi
	locked qemu get_qemu || return
	# Neither libraries nor firmware of this machine.
	# shellcheck disable=SC2034
	qemu=("$q/lib64/ld-linux-x86-64.so.2" --library-path "$q/lib/x86_64-linux-gnu"
		"$q/bin/qemu-system-x86_64" -L "$q/share/qemu" -L "$q/share/seabios")
}

# said_by GROUP LOG: what a group wrote, in a log of scripts/guest-groups
said_by()
{
	awk -v g="$1" '$1 == "@@" && $3 == g { inside = $2 == "begin"; next }
		inside && /[^ ]/' "$2"
}
