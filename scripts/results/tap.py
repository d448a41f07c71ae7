# SPDX-License-Identifier: GPL-2.0-only
"""TAP and KTAP logs: what passed, failed and was skipped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Iterable, List, Optional

RESULT = re.compile(r"(?P<bad>not )?ok\b[ \t]*(?P<number>\d+)?[ \t]*(- )?(?P<name>.*)")
DIRECTIVE = re.compile(r"#\s*(skip|xfail|xpass|todo)\b", re.IGNORECASE)
PLAN = re.compile(r"1\.\.(\d+)")


@dataclass(frozen=True)
class Result:
    """One line of results.

    verdict  'pass', 'fail', 'skip', 'xfail' (an expected failure) or 'xpass'
    name     what follows the number, without a dash
    """

    verdict: str
    name: str


def result(line: str) -> Optional[Result]:
    """Read a line of results; None for any other line."""
    match = RESULT.match(line)
    if not match:
        return None
    directive = DIRECTIVE.search(match["name"])
    word = directive[1].lower() if directive else ""
    if word == "xpass":
        verdict = "xpass"
    elif word in ("xfail", "todo"):
        verdict = "xfail"
    elif match["bad"]:
        verdict = "fail"
    else:
        verdict = "skip" if word == "skip" else "pass"
    return Result(verdict, match["name"])


@dataclass
class Totals:
    """What is in a log, in test cases.

    passed   those that did, expected failures (XFAIL) among them
    xfailed  the expected failures
    failed   failures, unexpected passes (XPASS), and one for a log that is not whole
    details  what to show of the log: what failed or was skipped, each with the
             lines before it, and what comes after the last result
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    xfailed: int = 0
    details: List[str] = field(default_factory=list)


def count(lines: Iterable[str], name: str, status: int = 0) -> Totals:
    """Count the results in a log.

    name    what ran, for messages
    status  its exit status: other than 0, without a failure, is one
    """
    totals = Totals()
    said: List[str] = []        # since the last result
    planned: Optional[int] = None
    not_ok = 0
    for line in lines:
        line = line.rstrip("\n")
        found = result(line)
        plan = PLAN.match(line)
        if plan:
            planned = int(plan[1])
        elif not found:
            said.append(line)
        else:
            if found.verdict in ("pass", "xfail"):
                totals.passed += 1
                totals.xfailed += found.verdict == "xfail"
            elif found.verdict == "skip":
                totals.skipped += 1
            else:
                totals.failed += 1
                not_ok += found.verdict == "fail"
            if found.verdict not in ("pass", "xfail"):
                totals.details += said + [line]
            said = []
    if any(line.strip() for line in said):
        totals.details += said
    seen = totals.passed + totals.failed + totals.skipped
    problem = ""
    if status and not not_ok:
        problem = f"exit status {status}, expected 0 when nothing fails"
    elif planned is None:
        problem = f"expected a plan '1..N', found none beside {seen} results"
    elif seen != planned:
        problem = f"expected the {planned} results of the plan, found {seen}"
    if problem:
        totals.failed += 1
        totals.details.append(f"not ok - {name}: {problem}")
    return totals
