# SPDX-License-Identifier: GPL-2.0-only
"""Results of the kernel's kunit.py, and what they say with the errata.

A line of a result file is 'SOURCE ARCH CASE VERDICT REASON' with tabs between; the
verdict is 'pass', 'fail', 'skip', 'xfail' (an erratum names it, which is the reason)
or 'xpass': then the case is the text of an erratum that nothing showed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Tuple

from . import errata as known
from .errata import Erratum, Kernel


@dataclass(frozen=True)
class Verdict:
    """One case; its name is SUITE.FUNCTION or SUITE.FUNCTION.PARAMETER."""

    source: str
    arch: str
    case: str
    verdict: str
    reason: str = ""

    def line(self) -> str:
        return "\t".join((self.source, self.arch, self.case, self.verdict, self.reason))

    @classmethod
    def of_line(cls, line: str) -> Verdict:
        return cls(*line.rstrip("\n").split("\t"))


def cases(group: dict, path: str = "") -> Iterator[Tuple[str, str]]:
    """Names and statuses of the cases in what kunit.py --json wrote."""
    for case in group.get("test_cases", []):
        yield path + case["name"], case["status"]
    for sub in group.get("sub_groups", []):
        yield from cases(sub, f"{path}{sub['name']}.")


def judge(group: dict, source: str, arch: str, errata: Iterable[Erratum],
          whole: bool) -> List[Verdict]:
    """Compare what kunit.py wrote with the errata of the kernel.

    source  the kernel, as scripts/kernels names it
    arch    'um', 'x86_64' or 'module'
    whole   all suites ran; only then can an erratum that nothing shows be told
    """
    errata = known.of_kernel(errata, Kernel.named(source))
    passed: Dict[str, int] = {}
    failed: Dict[str, int] = {}
    verdicts = []
    for name, status in cases(group):
        verdict = {"PASS": "pass", "SKIP": "skip"}.get(status, "fail")
        reason = ""
        for erratum in errata:
            if erratum.effect == "skip" or not erratum.names_kunit(arch, name):
                continue
            if verdict == "pass":
                passed[erratum.ident] = passed.get(erratum.ident, 0) + 1
            elif verdict == "fail":
                failed[erratum.ident] = failed.get(erratum.ident, 0) + 1
                verdict, reason = "xfail", erratum.reason()
                break
        verdicts.append(Verdict(source, arch, name, verdict, reason))
    for erratum in errata:
        if whole and erratum.effect in known.ALWAYS and passed.get(erratum.ident) \
                and not failed.get(erratum.ident):
            text = known.unexpected_pass(erratum, passed[erratum.ident])
            verdicts.append(Verdict(source, arch, text, "xpass"))
    return verdicts


def summary(verdicts: List[Verdict]) -> Tuple[List[str], bool]:
    """Of one source and architecture: lines for people, and whether it is good."""
    lines = [f"not as expected: {v.case}" for v in verdicts
             if v.verdict in ("fail", "xpass")]
    number = {kind: sum(v.verdict == kind for v in verdicts)
              for kind in ("pass", "fail", "xfail", "skip")}
    if verdicts:
        lines.append(f"{verdicts[0].source} on {verdicts[0].arch}: "
                     f"{number['pass']} passed, {number['fail']} failed, "
                     f"{number['xfail']} expected failures, {number['skip']} skipped")
    return lines, bool(number["pass"]) and not number["fail"]


def tap(verdicts: Iterable[Verdict]) -> List[str]:
    """TAP, without what is skipped because UML or a module has not all there is."""
    lines: List[str] = []
    left_out = nr = 0
    for v in verdicts:
        if v.verdict == "skip" and v.arch != "x86_64":
            left_out += 1
            continue
        nr += 1
        if v.verdict == "xpass":
            lines.append(f"ok {nr} {v.case}")
            continue
        mark = {"skip": " # SKIP", "xfail": f" # XFAIL {v.reason}"}.get(v.verdict, "")
        lines.append(f"{'not ' if v.verdict == 'fail' else ''}ok {nr} "
                     f"{v.source} {v.arch} {v.case}{mark}")
    lines.append(f"1..{nr}")
    if left_out:
        lines.append(f"# {left_out} cases need what UML or a module does not have")
    return lines
