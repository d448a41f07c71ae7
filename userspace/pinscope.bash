# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of pinscope's commands and arguments for bash. The tool says what there is
# when a word is completed: by --help, and by what lists names. That needs neither root nor
# the module.

# option COMMAND OPTION: what --help says about it, as one line; OPTION may be a letter
_pinscope_option()
{
	"$pinscope" "$1" --help | awk -v option="$2" '
		/^  (-[a-z],|   ) --/ {
			split($0, word, /[],[ =]+/)
			inside = word[2] == option || word[3] == option
		}
		/^$/ { inside = 0 }
		inside { printf "%s ", $0 }' | tr -s ' '
}

# table WHAT: the names in a table of the suite
_pinscope_table()
{
	"$pinscope" test "--list=$1" | sed -n 's/^\([^ ]\{1,\}\).*/\1/p'
}

# kinds: a glob for those of which there are several, by size or file system
_pinscope_kinds()
{
	_pinscope_table kinds | sed 's/\[.*\]/*/'
}

# value COMMAND OPTION: complete the value of an option
_pinscope_value()
{
	local about

	about=$(_pinscope_option "$1" "$2")
	case $about in
	*' --dir '*)	mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
	*' --diff '*)	mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	*' --by '*)	_pinscope_reply "${word%"${word##*,}"}" '' "$(_pinscope_table pinners)" ;;
	*' --pid '*)	_pinscope_processes ;;
	*' --replay '*)	mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	*' --kinds '*)	_pinscope_reply "${word%"${word##*,}"}" '' "$(_pinscope_kinds)" ;;
	*' --only '* | *' --without '*)
		_pinscope_reply "${word%"${word##*,}"}" '' "$("$pinscope" exercise --list |
			sed -n 's/^\([a-z-]\{1,\}\).*/\1/p')" ;;
	*' --filter '*)
		_pinscope_reply "${word%"${word##*[,!]}"}" '' "$("$pinscope" inspect --legend |
			tr ' ' '\n' | sed 's/^.://')" ;;
	# A list of words in the description.
	*)	_pinscope_reply '' '' "$(grep -oE '([a-z-]+, )+[a-z-]+ or [a-z-]+' <<<"$about" |
			sed 's/, \| or /\n/g')" ;;
	esac
}

# reply BEFORE AFTER WORDS: complete what is behind BEFORE in the word
_pinscope_reply()
{
	mapfile -t COMPREPLY < <(compgen -P "$1" -S "$2" -W "$3" -- "${word#"$1"}")
	[ -z "$2" ] || compopt -o nospace 2>/dev/null || :
}

_pinscope_processes()
{
	_pinscope_reply '' '' "$(printf '%s\n' /proc/[0-9]* | sed 's|/proc/||')"
}

_pinscope_flags()
{
	_pinscope_reply "${word%"${word##*+}"}" '' "$("$pinscope" explain --list)"
}

# test_case: KIND.CONDITION/CALL+FLAG; a colon begins another word
_pinscope_test_case()
{
	case $word in
	*/*+*)	_pinscope_flags ;;
	*/*)	_pinscope_reply "${word%/*}/" '' "$(_pinscope_table calls; _pinscope_table pinners)" ;;
	*.*)	_pinscope_reply "${word%%.*}." / "$(_pinscope_table conditions)" ;;
	*)	_pinscope_reply '' . "$(_pinscope_kinds)" ;;
	esac
}

# argument COMMAND N: complete what is neither an option nor its value, the Nth of them
_pinscope_argument()
{
	case $1,$2 in
	maps,1 | inspect,1 | explain,1 | watch,1)
		_pinscope_processes ;;
	explain,3)	_pinscope_flags ;;
	explain,4)	_pinscope_reply '' '' "$(_pinscope_table calls)" ;;
	test,*)		_pinscope_test_case ;;
	matrix,*)	_pinscope_reply '' '' "$(_pinscope_kinds)" ;;
	bench,*)	_pinscope_reply '' '' "$("$pinscope" bench --list |
				sed -n 's/^\([^ ]*\/[^ ]*\).*/\1/p')" ;;
	shell,1)	mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	esac
}

# takes_value COMMAND OPTION
_pinscope_takes_value()
{
	[[ $1 == -* && $(_pinscope_option "$command" "$1") =~ ^' '.*--[a-z-]+' '[A-Z]+[,.\ ] ]]
}

_pinscope()
{
	local pinscope=$1 word=$2 before=$3 command=${COMP_WORDS[1]-} i n=1

	COMPREPLY=()
	[ "$word" != = ] || word=
	if [ "$COMP_CWORD" = 1 ]; then
		_pinscope_reply '' '' "--help --version $("$pinscope" --help |
			sed -n 's/^  \([a-z]*\)  .*/\1/p')"
	elif [ "${COMP_WORDS[COMP_CWORD - 1]}" = = ]; then
		_pinscope_value "$command" "${COMP_WORDS[COMP_CWORD - 2]}"
	elif [ "${COMP_WORDS[COMP_CWORD]}" = = ]; then
		_pinscope_value "$command" "$before"
	elif [[ $word == -* ]]; then
		_pinscope_reply '' '' "$("$pinscope" "$command" --help |
			sed -n 's/^  \(-[a-z],\|   \) \(--[a-z-]*\).*/\2/p')"
	elif _pinscope_takes_value "$before"; then
		_pinscope_value "$command" "$before"
	else
		for ((i = 2; i < COMP_CWORD; i++)); do
			if _pinscope_takes_value "${COMP_WORDS[i]}"; then
				i=$((i + 1))
			elif [[ ${COMP_WORDS[i]} != -* ]]; then
				n=$((n + 1))
			fi
		done
		_pinscope_argument "$command" "$n"
	fi
} 2>/dev/null

complete -F _pinscope pinscope
