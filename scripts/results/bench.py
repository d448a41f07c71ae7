# SPDX-License-Identifier: GPL-2.0-only
"""What pinscope bench measures: its table, and the comparison with a recorded one.

Ratios of a row to its peer of the same run are compared, not nanoseconds, since the
compiler and the configuration of a kernel change both alike.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

SCRIPTS = Path(__file__).resolve().parents[1]
RECORDED = SCRIPTS / "bench.table"
GOALS = SCRIPTS / "bench.goals"
README = SCRIPTS.parent / "README.md"

# How much dearer a row may have become, of its ratio.
TOLERANCE = 0.05

# How far two runs of the same thing are apart, when other pages are free: seen were 650 and
# 657. A goal that is just reached stays reached.
REPEATS = 0.02

HEAD = """\
# SPDX-License-Identifier: GPL-2.0-only
# What pinscope bench measured with 'scripts/bench {kernel}': instructions for one unit,
# beside those of the peer. 'scripts/bench --record' writes this file, and
# 'scripts/bench --check' compares the ratios with it.
"""


class BadBench(Exception):
    """A file is not what it should be; says what was expected and found."""


@dataclass
class Row:
    """A row of a run; ns is None when it could not be measured.

    peers   (name, ns), the one to compare with first
    reason  why it could not be measured
    """

    name: str
    unit: str
    ns: Optional[float] = None
    peers: List[Tuple[str, float]] = field(default_factory=list)
    reason: str = ""

    def peer(self, name: str) -> Optional[float]:
        return dict(self.peers).get(name)


@dataclass
class Record:
    """A line of the recorded table."""

    name: str
    unit: str
    ns: float
    peer: str
    peer_ns: float

    @property
    def ratio(self) -> float:
        return self.ns / self.peer_ns


Run = Dict[str, Row]


def parse(text: str, name: str) -> Run:
    """Read the output of 'pinscope bench --json'; rows by name, in their order.

    The least of the measurements counts: what interrupts one adds instructions.
    """
    try:
        return {row["name"]: Row(row["name"], row["unit"], row.get("min"),
                                 [(peer["name"], peer["min"]) for peer in row["peers"]],
                                 row.get("reason", ""))
                for row in json.loads(text)["rows"]}
    except (ValueError, KeyError, TypeError) as err:
        raise BadBench(f"{name}: expected the output of 'pinscope bench --json', found "
                       f"something else ({err!r})") from err


def _fields(text: str, name: str, number: int) -> Iterable[Tuple[int, List[str]]]:
    """The words of each line that is no comment, with the number of the line."""
    for at, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if words and len(words) != number:
            raise BadBench(f"{name}:{at}: expected {number} words, found '{line}'")
        if words:
            yield at, words


def _number(word: str, name: str, at: int) -> float:
    try:
        number = float(word)
    except ValueError:
        number = 0
    if number <= 0:
        raise BadBench(f"{name}:{at}: expected a number above 0, found '{word}'")
    return number


def recorded(text: str, name: str = RECORDED.name) -> Dict[str, Record]:
    """Read the recorded table."""
    return {words[0]: Record(words[0], words[1], _number(words[2], name, at), words[3],
                             _number(words[4], name, at))
            for at, words in _fields(text, name, 6)}


def goals(text: str, name: str = GOALS.name) -> Dict[str, float]:
    """Read the goals: rows, and the nanoseconds that they may take."""
    return {words[0]: _number(words[1], name, at) for at, words in _fields(text, name, 2)}


def record(run: Run, kernel: str) -> str:
    """The text of the recorded table."""
    lines = [HEAD.format(kernel=kernel),
             f"#{'row':<40} {'unit':<6} {'ns':>10} {'peer':<20} {'ns':>10} {'ratio':>6}\n"]
    for row in run.values():
        if row.ns is not None and row.peers:
            peer, peer_ns = row.peers[0]
            lines.append(f"{row.name:<41} {row.unit:<6} {row.ns:>10.2f} {peer:<20} "
                         f"{peer_ns:>10.2f} {row.ns / peer_ns:>6.2f}\n")
    return "".join(lines)


def _gives_up(goal: float, was: float, now: float) -> bool:
    """Does a row exceed a goal that it had reached?"""
    most = goal * (1 + REPEATS)
    return was <= most < now


def lost(run: Run, table_of: Mapping[str, Record],
         goal_of: Mapping[str, float]) -> List[str]:
    """Rows that exceed a goal which the recorded table reaches, with their figures."""
    return [f"{name}: expected at most {_shown(goal)} ns (bench.goals), found "
            f"{_shown(run[name].ns or 0)}" for name, goal in goal_of.items()
            if name in run and name in table_of
            and _gives_up(goal, table_of[name].ns, run[name].ns or 0)]


def _shown(ns: float) -> str:
    return f"{ns:.1f}" if ns < 100 else f"{ns:.0f}"


def table(runs: Mapping[str, Run], goal_of: Mapping[str, float]) -> List[str]:
    """Rows with their peers below them, and a column for each kernel.

    With one kernel there are ratios and goals; with several the change since the
    first one, in percent.
    """
    kernels = list(runs)
    first = runs[kernels[0]]
    names = list(dict.fromkeys(name for run in runs.values() for name in run))
    one = len(kernels) == 1

    def line(name: str, unit: str, figures: Sequence[Optional[float]], end: str) -> str:
        text = f"{name:<42} {unit:<6}"
        for column, ns in enumerate(figures):
            text += f"{'-' if ns is None else _shown(ns):>10}"
            if column and ns and figures[0]:
                text += f" {100 * ns / figures[0] - 100:>+5.0f}%"
            elif column:
                text += " " * 7
        return (text + end).rstrip()

    head = f"{'':<42} {'per':<6}" + f"{kernels[0]:>10}" + "".join(
        f"{kernel:>10} {'':>6}" for kernel in kernels[1:])
    lines = [(head + (f"{'ratio':>8}{'goal':>9}" if one else "")).rstrip()]
    for name in names:
        rows = [run.get(name) for run in runs.values()]
        unit = next(row.unit for row in rows if row)
        goal = f"{'':>8}{_shown(goal_of[name]):>9}" if one and name in goal_of else ""
        lines.append(line(name, unit, [row.ns if row else None for row in rows], goal))
        peers = dict.fromkeys(peer for row in rows if row for peer, _ in row.peers)
        for peer in peers:
            figures = [row.peer(peer) if row else None for row in rows]
            ratio = ""
            if one:
                ratio = f"{first[name].ns / figures[0]:>8.2f}"
            lines.append(line(f"  {peer}", "", figures, ratio))
        lines += [f"  {kernel}: {row.reason}" for kernel, row in zip(kernels, rows)
                  if row and row.reason]
    return lines


def _problem(row: Optional[Row], was: Optional[Record], goal: Optional[float]) -> str:
    """What is wrong with a row; "" when nothing is."""
    if not row or row.ns is None:
        return f"expected a figure, found none: {row.reason if row else 'no such row'}"
    if goal and was and _gives_up(goal, was.ns, row.ns):
        return (f"expected at most {_shown(goal)} ns for a {row.unit} (bench.goals), found "
                f"{_shown(row.ns)}")
    if not was:
        return "" if not row.peers else \
            "expected a recorded ratio, found none: run 'scripts/bench --record'"
    peer_ns = row.peer(was.peer)
    if peer_ns is None:
        return f"expected the peer {was.peer}, found it not measured"
    ratio = row.ns / peer_ns
    if ratio > was.ratio * (1 + TOLERANCE):
        return (f"expected at most {was.ratio:.2f} times the {_shown(peer_ns)} ns of "
                f"{was.peer} and {100 * TOLERANCE:.0f} % more, found {ratio:.2f} times "
                f"({_shown(row.ns)} ns)")
    return ""


def check(run: Run, table_of: Mapping[str, Record],
          goal_of: Mapping[str, float]) -> Tuple[List[str], bool]:
    """Compare a run with the recorded table and the goals; TAP, and whether it is good.

    What has become cheaper passes, with a comment: the peer may have become dearer. So
    does what exceeds a goal that the recorded table does not reach either.
    """
    lines, good = [], True
    names = list(dict.fromkeys([*run, *table_of, *goal_of]))
    for number, name in enumerate(names, 1):
        row, was = run.get(name), table_of.get(name)
        problem = _problem(row, was, goal_of.get(name))
        good = good and not problem
        if problem:
            lines.append(f"# {problem}")
            lines.append(f"not ok {number} - {name}")
            continue
        if row and row.ns and row.ns > goal_of.get(name, row.ns) * (1 + REPEATS):
            lines.append(f"# {name}: {_shown(row.ns)}, while the goal is "
                         f"{_shown(goal_of[name])}, which was never reached")
        if row and row.ns and was and row.peer(was.peer):
            ratio = row.ns / (row.peer(was.peer) or 1)
            if ratio < was.ratio * (1 - TOLERANCE):
                lines.append(f"# {name}: {ratio:.2f} times {was.peer}, recorded "
                             f"{was.ratio:.2f}: 'scripts/bench --record' keeps it so")
        lines.append(f"ok {number} - {name}")
    return [*lines, f"1..{len(names)}"], good


def readme(text: str, table_of: Mapping[str, Record]) -> str:
    """README.md with the figures of the recorded table.

    They are in the lines '| ... `ROW` ... | ns | peer | ns | ratio |'.
    """
    def cells(match: re.Match) -> str:
        row = table_of.get(match[2])
        if not row:
            raise BadBench(f"README.md: expected a row of {RECORDED.name}, found "
                           f"'{match[2]}'")
        return (f"{match[1]} {_shown(row.ns)} | {row.peer} | {_shown(row.peer_ns)} | "
                f"{row.ratio:.2f} |")

    return re.sub(r"^(\| [^|\n]*`([\w.+\[\]-]+/[\w.+-]+)` \|)(?: [^|\n]* \|){4}$", cells,
                  text, flags=re.M)
