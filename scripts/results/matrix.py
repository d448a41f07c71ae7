# SPDX-License-Identifier: GPL-2.0-only
"""The table of scripts/matrix: programs by kernels, from lines of selftests.tsv()."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Sequence, Set, Tuple

KINDS = ("ok", "fail", "xfail", "skip", "known-fail")


@dataclass
class Cell:
    """One program on one kernel.

    texts    of its results, by kind; see selftests.Case
    good     nothing is there that no erratum names; None when it did not end
    seconds  of the guest
    """

    texts: Dict[str, List[str]] = field(
        default_factory=lambda: {kind: [] for kind in KINDS})
    good: Optional[bool] = None
    seconds: int = 0

    def number(self, *kinds: str) -> int:
        return sum(len(self.texts[kind]) for kind in kinds)

    def __str__(self) -> str:
        return (f"{self.number('ok')}/{self.number('fail', 'known-fail')}/"
                f"{self.number('xfail')}/{self.number('skip')}, {self.seconds} s"
                f"{'' if self.good else ' !'}")


@dataclass
class Matrix:
    """Cells by (kernel, source, program); errata that nothing shows, by kernel."""

    cells: Dict[Tuple[str, str, str], Cell] = field(default_factory=dict)
    unexpected: List[Tuple[str, str]] = field(default_factory=list)

    @property
    def programs(self) -> List[Tuple[str, str]]:
        """(source, program), each once, in the order that they came in."""
        return list(dict.fromkeys(key[1:] for key in self.cells))

    @property
    def not_as_expected(self) -> int:
        return sum(not cell.good for cell in self.cells.values()) + len(self.unexpected)


def parse(lines: Iterable[str]) -> Matrix:
    """Read lines of selftests.tsv(), of any number of kernels and sources."""
    matrix = Matrix()
    shown: Set[Tuple[str, str]] = set()     # (kernel, erratum)
    for line in lines:
        kernel, source, program, kind, text, seconds = line.rstrip("\n").split("\t")
        if kind == "xpass":
            matrix.unexpected.append((kernel, text))
            continue
        cell = matrix.cells.setdefault((kernel, source, program), Cell())
        if kind == "end":
            cell.good = text == "ok"
            cell.seconds += int(seconds)
            continue
        cell.texts[kind].append(text)
        erratum = re.search(r" # XFAIL ([^ ]+): ", text)
        if kind == "known-fail" and erratum:
            shown.add((kernel, erratum[1]))
    # What one source does not show, another may.
    matrix.unexpected = list(dict.fromkeys(
        (kernel, text) for kernel, text in matrix.unexpected
        if (kernel, text.split()[1]) not in shown))
    return matrix


def table(matrix: Matrix, kernels: Sequence[str], rule: bool) -> List[str]:
    """Rows '| program | cell of each kernel |'; rule: with Markdown's second line."""
    def row(first: str, cells: Iterable[str]) -> str:
        return "| " + " | ".join([f"{first:<27}", *(f"{c:<16}" for c in cells)]) + " |"

    lines = [row("", kernels)]
    if rule:
        lines.append(row("---", ["---"] * len(kernels)))
    for source, program in matrix.programs:
        cells = [matrix.cells.get((kernel, source, program)) for kernel in kernels]
        lines.append(row(f"{source} {program}", ["" if c is None else str(c)
                                                 for c in cells]))
    return lines


def notes(matrix: Matrix) -> List[str]:
    """What failed or was skipped, the same of several kernels in one line."""
    kernels: Dict[str, List[str]] = {}
    for (kernel, source, program), cell in matrix.cells.items():
        for kind in ("fail", "known-fail", "skip"):
            for text in cell.texts[kind]:
                on = kernels.setdefault(f"{kind}: {source} {program}: {text}", [])
                if kernel not in on:
                    on.append(kernel)
    for kernel, text in matrix.unexpected:
        kernels.setdefault(text, []).append(kernel)
    return [f"- {text} [{' '.join(on)}]" for text, on in kernels.items()]


def as_json(matrix: Matrix) -> List[dict]:
    """An object for each kernel and program."""
    return [{
        "kernel": kernel, "source": source, "program": program,
        "ok": cell.number("ok"),
        "not_ok": cell.number("fail", "known-fail"),
        "xfail": cell.number("xfail"),
        "skip": cell.number("skip"),
        "failures": cell.texts["fail"],
        "known_failures": cell.texts["known-fail"],
        "skipped": cell.texts["skip"],
        "seconds": cell.seconds,
        "as_expected": bool(cell.good),
    } for (kernel, source, program), cell in sorted(matrix.cells.items())]
