# SPDX-License-Identifier: GPL-2.0-only
"""Results of tests: parsed, compared with the known kernel bugs, tabulated.

errata      the list of kernel bugs, userspace/suite/errata, and its page
tap         TAP logs: how many test cases passed, failed, were skipped
selftests   logs of scripts/selftests
kunit       JSON of the kernel's kunit.py, for scripts/kunit
matrix      the table of scripts/matrix
mutants     scripts/mutants.list, the defects it describes, and their table
coverage    JSON of gcov, for scripts/coverage
gup_users   calls of GUP in a kernel's source, for scripts/gup-users
pinners     the page about drivers that pin, from the tables of scripts/gup-users
bench       the table of scripts/bench, and what was recorded of it
cli         the sub-commands of scripts/results.py

Only the standard library of Python 3.9 is used.
"""
