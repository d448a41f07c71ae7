# SPDX-License-Identifier: GPL-2.0-only
"""scripts/mutants: its list of defects, how one is put into a source tree, and which
test cases notice.

scripts/mutants runs the tests, and leaves in one directory a file of results for each
mutant, and 'none' for the kernel without one: lines 'SOURCE WHERE CASE VERDICT' with
tabs between. With the suite there is 'NAME.upstream' as well, of the kernel's own.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from . import tap

LIST = Path(__file__).resolve().parents[1] / "mutants.list"
MANY_KINDS = 4      # more of them are only counted in a table


class BadMutant(Exception):
    """The list cannot be read, or a mutant does not fit the source."""


@dataclass
class Mutant:
    """One defect.

    patch         number in the series that added the rule
    file          in the source tree, with the function
    rule          what the kernel does without the mutant
    old, new      text that is in the function once, and what replaces it
    equivalent    why it is no defect, if it is none
    hidden        why no process can tell by its pins
    """

    name: str
    patch: str
    file: str
    function: str
    rule: str = ""
    old: str = ""
    new: str = ""
    equivalent: str = ""
    hidden: str = ""

    def why_not(self, by: str) -> str:
        """Why tests of this sort ('kunit' or 'suite') cannot notice, or ''."""
        return self.equivalent or (self.hidden if by == "suite" else "")


_MARKS = {"-": "old", "+": "new", "=": "equivalent", "@": "hidden"}


def parse(text: str, name: str = "mutants.list") -> List[Mutant]:
    """Read a list of mutants; raises BadMutant."""
    mutants: List[Mutant] = []

    def bad(nr: int, expected: str, found: str) -> BadMutant:
        return BadMutant(f"{name}:{nr}: expected {expected}, found '{found}'")

    for nr, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith("\t"):
            parts = line.split()
            if len(parts) != 4:
                raise bad(nr, "NAME PATCH FILE FUNCTION", line)
            mutants.append(Mutant(*parts))
        elif not mutants:
            raise bad(nr, "NAME PATCH FILE FUNCTION before this", line.strip())
        elif line[1] in _MARKS and line[2:3] == " ":
            setattr(mutants[-1], _MARKS[line[1]], line[3:])
        elif not mutants[-1].rule:
            mutants[-1].rule = line[1:]
        else:
            raise bad(nr, f"one of {' '.join(_MARKS)} after the tab", line.strip())
    for mutant in mutants:
        if not (mutant.rule and mutant.old and mutant.new):
            raise BadMutant(f"{name}: expected a rule, '-' and '+' for {mutant.name}")
    return mutants


def read(path: Path = LIST) -> List[Mutant]:
    return parse(path.read_text(encoding="utf-8"), path.name)


def named(mutants: Iterable[Mutant], name: str) -> Mutant:
    for mutant in mutants:
        if mutant.name == name:
            return mutant
    raise BadMutant(f"expected the name of a mutant, found '{name}'")


def mutate(source: str, function: str, old: str, new: str) -> str:
    """C source with old replaced by new in one function; raises BadMutant."""
    body = re.compile(r"^[a-z][^;{}]*?\b" + re.escape(function) +
                      r"\([^;]*?\)\s*(?:__releases\([^)]*\)\s*)?\{.*?^\}",
                      re.MULTILINE | re.DOTALL)
    found = list(body.finditer(source))
    if len(found) != 1:
        raise BadMutant(f"expected 1 definition of {function}(), found {len(found)}")
    start, end = found[0].span()
    number = source.count(old, start, end)
    if number != 1:
        raise BadMutant(f"expected '{old}' once in {function}(), found it "
                        f"{number} times")
    return source[:start] + source[start:end].replace(old, new) + source[end:]


def apply(mutant: Mutant, tree: Path) -> None:
    """Put a mutant into a tree. The file is replaced: it may be a hard link."""
    path = tree / mutant.file
    text = mutate(path.read_text(encoding="utf-8"), mutant.function, mutant.old,
                  mutant.new)
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.chmod(path.stat().st_mode)
    os.replace(new, path)


def of_suite(lines: Iterable[str]) -> Iterator[str]:
    """Results of 'pinscope test --ktap' as a file of results."""
    for line in lines:
        result = tap.result(line.rstrip("\n"))
        if result and result.verdict in ("pass", "fail"):
            verdict = "pass" if result.verdict == "pass" else "fail"
            yield f"-\tsuite\t{result.name.split()[0]}\t{verdict}"


def of_selftests(lines: Iterable[str]) -> Iterator[str]:
    """Lines of selftests.tsv() as a file of results."""
    for line in lines:
        _, source, program, kind, text, _ = line.rstrip("\n").split("\t")
        if kind in ("ok", "fail"):
            yield f"{source}\t{program}\t{text}\t{'pass' if kind == 'ok' else 'fail'}"


Results = Dict[Tuple[str, str], str]    # (where, case): verdict


def results(path: Path) -> Results:
    """Read a file of results; one that is not there is empty."""
    if not path.exists():
        return {}
    found: Results = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        _, where, case, verdict = line.split("\t")[:4]
        if verdict != "xpass":      # is about an erratum, not a case
            found[where, case] = verdict
    return found


def new_failures(before: Results, after: Results) -> List[Tuple[str, str]]:
    """What fails with the mutant, and does not without it."""
    return [key for key, verdict in after.items()
            if verdict == "fail" and before.get(key) != "fail"]


@dataclass
class Run:
    """What became of one mutant.

    killers   what noticed: 'SUITE.FUNCTION' with its parameters, or a test case
    upstream  what failed of the kernel's own, in one line, or ''
    crashed   there are fewer results than without a mutant
    """

    mutant: Mutant
    by: str
    killers: Dict[str, List[str]] = field(default_factory=dict)
    upstream: str = ""
    crashed: bool = False

    @property
    def is_good(self) -> bool:
        """It was noticed, or nothing can notice it."""
        return not self.crashed and bool(self.killers) != bool(
            self.mutant.why_not(self.by))

    def report(self) -> List[str]:
        why = self.mutant.why_not(self.by)
        lines = [f"{self.mutant.name} (patch {self.mutant.patch}): {self.mutant.rule}"]
        killers = [f"  {test}" + (f": {', '.join(kinds)}" if kinds else "")
                   for test, kinds in self.killers.items()]
        if self.crashed:
            lines.append("  NOT KILLED by a verdict: expected as many results as without "
                         f"the mutant, see .cache/mutants/{self.mutant.name}*")
        elif why and not killers:
            lines.append(f"  cannot be noticed: {why}")
        elif why:
            lines += [*killers, "  KILLED, but mutants.list says that nothing notices it"]
        elif not killers:
            lines.append("  NOT KILLED")
        else:
            lines += killers
        if self.upstream:
            lines.append(f"  {self.upstream}")
        return lines

    def row(self) -> str:
        """Its row of the table."""
        if not self.killers:
            why = self.mutant.why_not(self.by)
            cell = f"none: {why}" if why else "none"
        elif self.by == "suite":
            cell = f"`{next(iter(self.killers))}`"
        else:
            cell = "; ".join(
                test + (f": {len(kinds)} kinds" if len(kinds) > MANY_KINDS else
                        f": {', '.join(kinds)}" if kinds else "")
                for test, kinds in self.killers.items())
        cells = [self.mutant.patch, self.mutant.name, self.mutant.rule, cell]
        if self.by == "suite":
            cells.append(self.upstream or "none")
        return "| " + " | ".join(cells) + " |"


def _kunit_killers(failures: Iterable[Tuple[str, str]]) -> Dict[str, List[str]]:
    """By test, the parameters that it fails for; these may have dots of their own."""
    killers: Dict[str, List[str]] = {}
    for _, case in failures:
        suite, function, *parameter = case.split(".", 2)
        kinds = killers.setdefault(f"{suite.replace('pinscope_', '', 1)}.{function}", [])
        kinds += parameter
    return killers


def _upstream(failures: List[Tuple[str, str]]) -> str:
    if not failures:
        return ""
    program, text = failures[0]
    text = re.sub(r"exit status 143: Terminated|did not finish", "hangs", text)
    more = f"; and {len(failures) - 1} more" if len(failures) > 1 else ""
    return f"{program}: {text}{more}"


def run(mutant: Mutant, by: str, where: Path) -> Run:
    """What the files of results in a directory say of a mutant."""
    before, after = results(where / "none"), results(where / mutant.name)
    failures = new_failures(before, after)
    found = Run(mutant, by)
    if by == "kunit":
        found.killers = _kunit_killers(failures)
        found.crashed = len(after) != len(before)
    else:
        # The suite ends at the first failure.
        found.killers = {case: [] for _, case in failures[:1]}
        found.crashed = not after
        found.upstream = _upstream(new_failures(
            results(where / "none.upstream"),
            results(where / f"{mutant.name}.upstream")))
    return found


def table(runs: Iterable[Run], by: str) -> List[str]:
    """The table, in Markdown."""
    heads = ["patch", "mutant", "rule that it breaks"]
    heads += (["test case that fails", "cow and gup_longterm"] if by == "suite"
              else ["test cases that fail"])
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads),
            *(run.row() for run in runs)]


def totals(runs: List[Run], by: str) -> List[str]:
    lines = [f"{sum(bool(r.killers) for r in runs)} of {len(runs)} mutants killed"]
    if by == "suite":
        lines.append(f"{sum(bool(r.upstream) for r in runs)} of {len(runs)} killed by "
                     "the kernel's own cow and gup_longterm")
    return lines


def baseline(by: str, where: Path) -> Optional[str]:
    """What is wrong with the results without a mutant, or None."""
    before = results(where / "none")
    if not before or (by == "suite" and not results(where / "none.upstream")):
        return "expected results without a mutant, found none: see .cache/mutants/none*"
    failing = [case for (_, case), verdict in before.items() if verdict == "fail"]
    if failing:
        return (f"expected no failure without a mutant, found {len(failing)}, such as "
                f"{failing[0]}: see .cache/mutants/none*")
    return None
