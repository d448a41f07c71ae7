# SPDX-License-Identifier: GPL-2.0-only
"""Logs of scripts/selftests: what the programs said in the guest, as results.

A log has, for each program, what it wrote between a line '@@ begin PROGRAM' and a
line '@@ end PROGRAM STATUS SECONDS'. Most programs write TAP, some text of their
own, some only exit with a status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from . import errata as known
from .errata import Erratum, Kernel, SelftestPattern

SKIPPED = 4     # the exit status of a selftest that could not run

_TAP = re.compile(r"(not )?ok [0-9]+ ?(- )?")
_OWN = re.compile(r"Testing .*\.\.\. (\w*)")
_OWN_KINDS = {"done": "ok", "skipped": "skip"}


@dataclass
class Case:
    """One result.

    kind     'ok', 'fail', 'xfail' (so says the program), 'skip', or 'known-fail':
             a failure that an erratum names
    text     what the program printed of it
    erratum  that names it, also for a skip
    """

    kind: str
    text: str
    erratum: Optional[Erratum] = None


@dataclass
class Program:
    """What one program of a source did; seconds are of the guest."""

    source: str
    name: str
    cases: List[Case] = field(default_factory=list)
    seconds: int = 0

    @property
    def is_good(self) -> bool:
        """Nothing failed or was skipped that no erratum names."""
        return not any(c.kind == "fail" or (c.kind == "skip" and not c.erratum)
                       for c in self.cases)

    def number(self, kind: str) -> int:
        return sum(case.kind == kind for case in self.cases)


@dataclass
class Judgement:
    """All programs, and the errata that nothing showed, with their passes."""

    programs: List[Program]
    unexpected: List[Tuple[Erratum, int]]


def _line(line: str, about: str) -> Optional[Case]:
    """The result in a line, if there is one; about: what its text is put behind."""
    match = _TAP.match(line)
    if match:
        text = about + line[match.end():]
        lower = line.lower()
        if "# skip" in lower:
            return Case("skip", text)
        if "# xfail" in lower:
            return Case("xfail", text)
        return Case("fail" if match[1] else "ok", text)
    match = _OWN.match(line)
    if match:
        kind = _OWN_KINDS.get(match[1], "fail")
        # Something behind 'done' is no longer the end of the test.
        if kind == "ok" and not line.endswith("... done"):
            kind = "fail"
        return Case(kind, line)
    return None


def _end(program: Program, status: int, last: str) -> None:
    """Add what the exit status says beyond the results; last: of the output."""
    if not program.cases:
        if status == 0:
            program.cases.append(Case("ok", program.name))
        elif status == SKIPPED:
            program.cases.append(Case("skip", last))
        else:
            program.cases.append(Case("fail", f"exit status {status}: {last}"))
    elif status and (status not in (1, SKIPPED) or not program.number("fail")):
        program.cases.append(Case("fail", f"exit status {status}: {last}"))


def parse(lines: Iterable[str], source: str, programs: Sequence[str]) -> List[Program]:
    """Read a log; each of the programs that did not end has a failure for that."""
    found: List[Program] = []
    missing = list(programs)
    program: Optional[Program] = None
    about = last = ""
    for line in lines:
        line = line.rstrip("\r\n")
        words = line.split()
        if words[:2] == ["@@", "begin"] and len(words) == 3:
            program, about, last = Program(source, words[2]), "", ""
            found.append(program)
        elif words[:2] == ["@@", "end"] and len(words) == 5 and program:
            _end(program, int(words[3]), last)
            program.seconds = int(words[4])
            if program.name in missing:
                missing.remove(program.name)
            program = None
        elif program:
            if line.strip():
                last = line
            if line.startswith("# [RUN] "):
                about = line[len("# [RUN] "):] + ": "
                continue
            case = _line(line, about)
            if case:
                program.cases.append(case)
    for name in missing:
        begun = [p for p in found if p.name == name]
        if not begun:
            begun = [Program(source, name)]
            found += begun
        begun[-1].cases.append(Case("fail", "did not finish"))
    return found


def _patterns(errata: Iterable[Erratum], program: Program) \
        -> List[Tuple[Erratum, SelftestPattern]]:
    return [(erratum, pattern) for erratum in errata for pattern in erratum.selftest
            if pattern.source.fullmatch(program.source)
            and pattern.program.fullmatch(program.name)]


def judge(programs: List[Program], errata: Iterable[Erratum], kernel: Kernel,
          whole: bool) -> Judgement:
    """Compare results with the errata of the kernel.

    whole  everything ran; only then can an erratum that nothing shows be told
    """
    errata = known.of_kernel(errata, kernel)
    passed: Dict[str, int] = {}
    failed: Dict[str, int] = {}
    counts: List[Tuple[Program, Erratum, SelftestPattern, int]] = []
    for program in programs:
        patterns = _patterns(errata, program)
        met = [0] * len(patterns)
        for case in program.cases:
            for i, (erratum, pattern) in enumerate(patterns):
                wants = "skip" if erratum.effect == "skip" else "fail"
                if not pattern.text.search(case.text):
                    continue
                if case.kind == "ok":
                    passed[erratum.ident] = passed.get(erratum.ident, 0) + 1
                elif case.kind == wants:
                    met[i] += 1
                    failed[erratum.ident] = failed.get(erratum.ident, 0) + 1
                    case.erratum = erratum
                    if wants == "fail":
                        case.kind = "known-fail"
                    break
        counts += [(program, *pattern, met[i]) for i, pattern in enumerate(patterns)]
    unexpected = [(e, passed[e.ident]) for e in errata
                  if whole and e.effect in known.ALWAYS
                  and passed.get(e.ident) and not failed.get(e.ident)]
    gone = [e.ident for e, _ in unexpected]
    for program, erratum, pattern, number in counts:
        if pattern.count is not None and number != pattern.count and \
                erratum.ident not in gone:
            program.cases.append(Case(
                "fail", f"erratum {erratum.ident}: expected {pattern.count} results "
                f"that match '{pattern.text.pattern}', found {number}"))
    return Judgement(programs, unexpected)


def tsv(judgement: Judgement, kernel: str) -> List[str]:
    """Lines of 'KERNEL SOURCE PROGRAM kind text seconds', with tabs between.

    Errata that nothing shows are of kind xpass, with source and program '-'. Each
    program ends with a line of kind 'end', whose text is 'ok' or 'not ok'.
    """
    lines = []
    for program in judgement.programs:
        about = (kernel, program.source, program.name)
        for case in program.cases:
            text = case.text
            if case.erratum and case.kind == "skip":
                text += f" ({case.erratum.ident})"
            elif case.erratum:
                text += f" # XFAIL {case.erratum.reason()}"
            lines.append("\t".join((*about, case.kind, text.replace("\t", " "), "0")))
        lines.append("\t".join((*about, "end", "ok" if program.is_good else "not ok",
                                str(program.seconds))))
    for erratum, passed in judgement.unexpected:
        lines.append("\t".join((kernel, "-", "-", "xpass",
                                known.unexpected_pass(erratum, passed), "0")))
    return lines


def tap(judgement: Judgement) -> List[str]:
    """TAP: a result for each program, each expected failure and each erratum."""
    lines: List[str] = []
    nr = 0
    for program in judgement.programs:
        name = f"{program.source} {program.name}"
        for case in program.cases:
            if case.kind == "known-fail" and case.erratum:
                nr += 1
                lines.append(f"ok {nr} {name}: {case.text} "
                             f"# XFAIL {case.erratum.reason()}")
            elif case.kind == "skip" and case.erratum:
                lines.append(f"# {name}: skip: {case.text} ({case.erratum.ident})")
            elif case.kind in ("fail", "skip"):
                lines.append(f"# {name}: {case.kind}: {case.text}")
        totals = [f"{program.number('ok')} ok"]
        for kind, word in (("known-fail", "expected failures"), ("fail", "failures"),
                           ("xfail", "xfail"), ("skip", "skipped")):
            if program.number(kind):
                totals.append(f"{program.number(kind)} {word}")
        nr += 1
        lines.append(f"{'' if program.is_good else 'not '}ok {nr} {name}: "
                     f"{', '.join(totals)}, {program.seconds} s")
    for erratum, passed in judgement.unexpected:
        nr += 1
        lines.append(f"ok {nr} {known.unexpected_pass(erratum, passed)}")
    lines.append(f"1..{nr}")
    return lines


def is_good(judgement: Judgement) -> bool:
    """Did something run, and nothing fail that no erratum names?"""
    return bool(judgement.programs) and all(p.is_good for p in judgement.programs)
