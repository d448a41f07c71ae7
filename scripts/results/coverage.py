# SPDX-License-Identifier: GPL-2.0-only
"""Counts of gcov, for scripts/coverage: which outcomes of branches came to pass."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Sequence, Tuple

KNOWN = Path(__file__).resolve().parents[1] / "coverage.known"
KNOWN_OF_MODULE = KNOWN.with_name("coverage-module.known")

# (function, file, line, number of the outcome): how many times
Outcomes = Dict[Tuple[str, str, int, int], int]


class BadCoverage(Exception):
    """Something that was to be counted is not there."""


def extract(lines: Iterable[str]) -> Tuple[Dict[str, bytes], List[str]]:
    """Data files of gcov in a log, and the lines after the last of them.

    A line '@@ OBJECT' begins one, in base64; '@@ end' ends the last.
    """
    files: Dict[str, List[str]] = {}
    rest: List[str] = []
    to = None
    for line in lines:
        line = line.rstrip("\r\n")
        if line.startswith("@@ "):
            name = line.split()[1]
            to = rest if name == "end" else files.setdefault(name, [])
        elif to is not None:
            to.append(line)
    try:
        return {name: base64.b64decode("".join(text)) for name, text in files.items()}, rest
    except binascii.Error as error:
        raise BadCoverage(f"expected counts of {', '.join(files)} in base64, found other "
                          "text: the log says why") from error


def _documents(text: str) -> Iterator[dict]:
    """JSON documents that follow each other, as gcov writes them."""
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        document, at = decoder.raw_decode(text, at)
        yield document


def outcomes(text: str, tree: str) -> Outcomes:
    """Counts in what gcov --json-format wrote.

    tree  the source tree, which is left out of the names of files

    What the compiler has put into several functions adds up.
    """
    found: Outcomes = {}
    for document in _documents(text):
        for file in document["files"]:
            name = file["file"]
            for prefix in (tree.rstrip("/") + "/", "./"):
                if name.startswith(prefix):
                    name = name[len(prefix):]
            for line in file["lines"]:
                if "function_name" not in line:
                    continue
                for nr, branch in enumerate(line["branches"]):
                    key = (line["function_name"], name, line["line_number"], nr)
                    found[key] = found.get(key, 0) + branch["count"]
    return dict(sorted(found.items()))


def lines(text: str, tree: str) -> Outcomes:
    """How many times each line ran, in what gcov --json-format wrote.

    tree  as in outcomes(); files that are not below it, such as headers, are left out
    """
    runs: Dict[Tuple[str, int], Tuple[int, str]] = {}
    for document in _documents(text):
        for file in document["files"]:
            name = file["file"]
            if not name.startswith(tree.rstrip("/") + "/"):
                continue
            name = name[len(tree.rstrip("/")) + 1:]
            for line in file["lines"]:
                # Of several functions that the compiler has made of it, one that ran.
                key = (name, line["line_number"])
                runs[key] = max(runs.get(key, (0, "")),
                                (line["count"], line.get("function_name", "")))
    return {(function, name, nr, 0): count
            for (name, nr), (count, function) in sorted(runs.items())}


def table_of_files(found: Outcomes) -> List[str]:
    """Lines by file: all, and those that ran; in Markdown."""
    files = sorted({file for _, file, _, _ in found})
    if not files:
        raise BadCoverage("expected lines of the module, found none in gcov's JSON")
    rows = [(file, [n for key, n in found.items() if key[1] == file]) for file in files]
    rows.append(("all", list(found.values())))
    return ["| file | lines | run |", "|---|---|---|"] + [
        f"| {file} | {len(counts)} | {sum(map(bool, counts))} "
        f"({100 * sum(map(bool, counts)) / len(counts):.1f}%) |" for file, counts in rows]


def of_functions(found: Outcomes, functions: Sequence[str]) -> Outcomes:
    """Only those of some functions."""
    return {key: count for key, count in found.items() if key[0] in functions}


def table(ours: Outcomes, theirs: Outcomes, functions: Sequence[str],
          files: Sequence[str] = ()) -> List[str]:
    """Outcomes by function: all, and those that came to pass; in Markdown.

    files  each has a row for all of its functions
    """
    lines = ["| function | outcomes of branches | pinscope | cow and gup_longterm |",
             "|---|---|---|---|"]

    def row(field: int, names: Sequence[str]) -> Tuple[int, int, int]:
        return (sum(key[field] in names for key in ours),
                *(sum(count > 0 for key, count in of.items() if key[field] in names)
                  for of in (ours, theirs)))

    def total(title: str, n: int, o: int, t: int) -> str:
        if not n:
            raise BadCoverage(f"expected branches of {title}, found none in gcov's JSON")
        return f"| {title} | {n} | {o} ({100 * o // n}%) | {t} ({100 * t // n}%) |"

    lines += ["| {} | {} | {} | {} |".format(f, *row(0, [f])) for f in functions]
    lines.append(total("all of these", *row(0, functions)))
    lines += [total(f"all of {file}", *row(1, [file])) for file in files]
    return lines


@dataclass(frozen=True)
class Reason:
    """Why outcomes do not come to pass: in a function, in lines with text ('*': any)."""

    function: str
    text: str
    why: str


def reasons(text: str, name: str = "coverage.known") -> List[Reason]:
    """Read lines 'FUNCTION ; TEXT ; WHY'; raises BadCoverage."""
    found = []
    for nr, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(" ; ", 2)
        if len(parts) != 3:
            raise BadCoverage(f"{name}:{nr}: expected 'FUNCTION ; TEXT ; WHY', found "
                              f"'{line}'")
        found.append(Reason(*parts))
    return found


@dataclass(frozen=True)
class Missed:
    """A line with outcomes that did not come to pass: how many, and why."""

    function: str
    file: str
    line: int
    number: int
    text: str
    why: str

    def __str__(self) -> str:
        return (f"{self.function}, {self.file}:{self.line}, {self.number}: {self.text}\n"
                f"    {self.why or 'NO REASON IS GIVEN'}")


def missed(ours: Outcomes, tree: Path, known: Sequence[Reason]) -> List[Missed]:
    """Lines with outcomes that did not come to pass; the first reason that fits."""
    sources: Dict[str, List[str]] = {}
    found = []
    zero = [key[:3] for key, count in ours.items() if not count]
    for (function, file, line), group in groupby(zero):
        if file not in sources:
            sources[file] = (tree / file).read_text(errors="replace").splitlines()
        text = sources[file][line - 1].strip(" \t")
        why = next((r.why for r in known
                    if r.function in (function, "*") and (r.text == "*" or r.text in text)), "")
        found.append(Missed(function, file, line, len(list(group)), text, why))
    return found
