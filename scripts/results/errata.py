# SPDX-License-Identifier: GPL-2.0-only
"""The list of kernel bugs: userspace/suite/errata, which says what its format is.

pinscope's suite reads the same file with a reader of its own, in C.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, List, Optional, Tuple

TOP = Path(__file__).resolve().parents[2]
ERRATA = TOP / "userspace" / "suite" / "errata"
PAGE = TOP / "userspace" / "KERNEL-BUGS.md"

EFFECTS = ("fail", "hang", "sometimes", "skip")
# Effects of a bug that every one of its test cases shows, whenever it runs.
ALWAYS = ("fail", "hang")
KEYS = ("what", "why", "kernels", "release", "effect", "introduced", "fixed",
        "report", "suite", "kunit", "selftest")
PROSE = ("what", "why", "introduced", "fixed", "report")

Version = Tuple[int, int]


class BadErrata(Exception):
    """A line of the file that cannot be read; the text says what was expected."""


@dataclass(frozen=True)
class Kernel:
    """A kernel that tests ran on.

    version  (major, minor)
    names    what it is called: its name in scripts/kernels, or `uname -r`
    """

    version: Version
    names: Tuple[str, ...]

    @classmethod
    def named(cls, name: str) -> Kernel:
        """The kernel of that name in scripts/kernels, or of that build directory."""
        release = Path(name) / "include" / "config" / "kernel.release"
        names = (release.read_text().strip(),) if release.is_file() else (name,)
        number = re.match(r"(\d+)\.(\d+)", names[0])
        if not number:
            raise ValueError(f"expected the name of a kernel or its build directory, "
                             f"found '{name}'")
        return cls((int(number[1]), int(number[2])), names)


@dataclass(frozen=True)
class KunitPattern:
    """Cases of KUnit: regular expressions for all of an architecture and a case."""

    arch: re.Pattern
    case: re.Pattern


@dataclass(frozen=True)
class SelftestPattern:
    """Results of a selftest.

    source, program  regular expressions for the whole name
    count            how many results match on each kernel, or None for any number
    text             regular expression for a part of what the program prints
    """

    source: re.Pattern
    program: re.Pattern
    count: Optional[int]
    text: re.Pattern

    def names(self, source: str, program: str, text: str) -> bool:
        return bool(self.source.fullmatch(source) and self.program.fullmatch(program)
                    and self.text.search(text))


@dataclass
class Erratum:
    """One thing that kernels get wrong or lack; the fields are the file's keys."""

    ident: str
    line: int
    what: str = ""
    why: str = ""
    first: Optional[Version] = None     # of the kernels, inclusive
    before: Optional[Version] = None    # exclusive
    release: Optional[re.Pattern] = None
    effect: str = ""
    introduced: str = ""
    fixed: str = ""
    report: str = ""
    suite: List[str] = field(default_factory=list)
    kunit: List[KunitPattern] = field(default_factory=list)
    selftest: List[SelftestPattern] = field(default_factory=list)

    def concerns(self, kernel: Kernel) -> bool:
        """Is this kernel one of those that have the bug?"""
        if self.first and kernel.version < self.first:
            return False
        if self.before and kernel.version >= self.before:
            return False
        return not self.release or any(map(self.release.search, kernel.names))

    def names_kunit(self, arch: str, case: str) -> bool:
        return any(p.arch.fullmatch(arch) and p.case.fullmatch(case)
                   for p in self.kunit)

    def reason(self) -> str:
        """What goes behind '# XFAIL'."""
        return f"{self.ident}: {self.what}"


def unexpected_pass(erratum: Erratum, passed: int) -> str:
    """The name and directive of the result for an erratum that nothing shows."""
    return (f"erratum {erratum.ident} # XPASS expected failures, all {passed} of its "
            "test cases passed: is it mended here? narrow kernels= in errata")


class _Reader:
    """Reads one file, and knows at which line it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def bad(self, line: int, expected: str, found: str) -> BadErrata:
        return BadErrata(f"{self.name}:{line}: expected {expected}, found {found}")

    def regex(self, line: int, text: str) -> re.Pattern:
        try:
            return re.compile(text)
        except re.error as err:
            raise self.bad(line, "a regular expression", f"'{text}' ({err})") from None

    def version(self, line: int, text: str) -> Optional[Version]:
        if not text:
            return None
        major, minor = text.split(".")
        return int(major), int(minor)

    def set_kernels(self, erratum: Erratum, line: int, text: str) -> None:
        if not re.fullmatch(r"(\d+\.\d+)?-(\d+\.\d+)?", text) or text == "-":
            raise self.bad(line, "kernels as FROM-BEFORE, such as 6.2-6.13, 6.2- or -6.2",
                           f"'{text}'")
        first, before = text.split("-")
        erratum.first = self.version(line, first)
        erratum.before = self.version(line, before)

    def glob(self, line: int, text: str) -> str:
        """Find what fnmatch() would silently take for something else."""
        if re.search(r"\([^)]*\\", text):
            raise self.bad(line, "no backslash between '(' and ')', which fnmatch() does "
                           "not match", f"'{text}'")
        if re.search(r"(?<!\\)\[(?![a-zA-Z0-9]-[a-zA-Z0-9]\])", text):
            raise self.bad(line, "'\\[' or a range such as [a-z]", f"'{text}'")
        return text

    def add_kunit(self, erratum: Erratum, line: int, text: str) -> None:
        parts = text.split()
        if len(parts) != 2:
            raise self.bad(line, "ARCH-REGEX CASE-REGEX", f"'{text}'")
        erratum.kunit.append(KunitPattern(self.regex(line, parts[0]),
                                          self.regex(line, parts[1])))

    def add_selftest(self, erratum: Erratum, line: int, text: str) -> None:
        parts = text.split(None, 3)
        if len(parts) != 4:
            raise self.bad(line, "SOURCE-REGEX PROGRAM-REGEX COUNT TEXT-REGEX",
                           f"'{text}'")
        source, program, count, regex = parts
        if count != "-" and not count.isdigit():
            raise self.bad(line, "COUNT to be a number or '-'", f"'{count}'")
        erratum.selftest.append(SelftestPattern(
            self.regex(line, source), self.regex(line, program),
            None if count == "-" else int(count), self.regex(line, regex)))

    def set(self, erratum: Erratum, key: str, lines: List[Tuple[int, str]]) -> None:
        """Give a key its value: the lines of it, with their numbers."""
        first, whole = lines[0][0], " ".join(text for _, text in lines if text)
        if not whole:
            raise self.bad(first, f"a value for '{key}'", "nothing")
        if key in PROSE:
            setattr(erratum, key, whole)
        elif key == "effect":
            if whole not in EFFECTS:
                raise self.bad(first, f"an effect ({', '.join(EFFECTS)})", f"'{whole}'")
            erratum.effect = whole
        elif key == "kernels":
            self.set_kernels(erratum, first, whole)
        elif key == "release":
            erratum.release = self.regex(first, whole)
        elif key == "suite":
            erratum.suite = [self.glob(line, glob) for line, text in lines
                             for glob in text.split()]
        else:
            add = self.add_kunit if key == "kunit" else self.add_selftest
            for line, text in lines:
                if text:
                    add(erratum, line, text)

    def check(self, erratum: Erratum) -> None:
        for key in ("what", "effect"):
            if not getattr(erratum, key):
                raise self.bad(erratum.line, f"'{key} =' in [{erratum.ident}]", "none")

    def read(self, text: str) -> List[Erratum]:
        errata: List[Erratum] = []
        seen: dict = {}             # keys of the section: where
        key, lines = "", []         # of the value that is being read

        def finish() -> None:
            if key:
                self.set(errata[-1], key, lines)

        for nr, line in enumerate(text.splitlines(), 1):
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace():
                if not key:
                    raise self.bad(nr, "'key = value' or '[id]'", f"'{line.strip()}'")
                lines.append((nr, line.strip()))
                continue
            finish()
            key, lines = "", []
            section = re.fullmatch(r"\[([a-z0-9][a-z0-9.-]*)\]\s*", line)
            if section:
                other = [e.line for e in errata if e.ident == section[1]]
                if other:
                    raise self.bad(nr, "an id that is new",
                                   f"[{section[1]}], which line {other[0]} has")
                if errata:
                    self.check(errata[-1])
                errata.append(Erratum(section[1], nr))
                seen = {}
                continue
            pair = re.fullmatch(r"([a-z]+)\s*=\s*(.*)", line)
            if not pair:
                raise self.bad(nr, "'key = value' or '[id]'", f"'{line.strip()}'")
            key = pair[1]
            if key not in KEYS:
                raise self.bad(nr, f"a key ({', '.join(KEYS)})", f"'{key}'")
            if not errata:
                raise self.bad(nr, "'[id]' before the first key", f"'{key}'")
            if key in seen:
                raise self.bad(nr, f"'{key}' once in [{errata[-1].ident}]",
                               f"it again, after line {seen[key]}")
            seen[key] = nr
            lines = [(nr, pair[2].strip())]
        finish()
        if errata:
            self.check(errata[-1])
        return errata


def parse(text: str, name: str = "errata") -> List[Erratum]:
    """Read the text of an errata file; raises BadErrata."""
    return _Reader(name).read(text)


def read(path: Path = ERRATA) -> List[Erratum]:
    """Read an errata file; raises BadErrata, OSError."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def of_kernel(errata: Iterable[Erratum], kernel: Kernel) -> List[Erratum]:
    """Those that concern a kernel, in the order of the file."""
    return [e for e in errata if e.concerns(kernel)]


def _range(erratum: Erratum) -> str:
    """Which kernels, in words."""
    def name(version: Version) -> str:
        return "%d.%d" % version

    if erratum.first and erratum.before:
        text = f"from {name(erratum.first)}, before {name(erratum.before)}"
    elif erratum.first:
        text = f"{name(erratum.first)} and newer"
    elif erratum.before:
        text = f"before {name(erratum.before)}"
    else:
        text = "all"
    if erratum.release:
        text += f", release matches `{erratum.release.pattern}`"
    return text


_EFFECT_TEXT = {
    "fail": "its test cases fail",
    "hang": "its test cases never return",
    "sometimes": "its test cases fail at times",
    "skip": "its test cases are skipped",
}


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 80, subsequent_indent=indent, break_long_words=False,
                         break_on_hyphens=False)


def _entry(erratum: Erratum) -> List[str]:
    lines = [f"### {erratum.ident}", "", _wrapped(erratum.what), ""]
    if erratum.why:
        lines += [_wrapped(erratum.why), ""]
    shown = erratum.suite or erratum.kunit or erratum.selftest
    lines.append(f"- Kernels: {_range(erratum)}; " + (
        _EFFECT_TEXT[erratum.effect] if shown else "no test case shows it"))
    ends = "Added by" if erratum.effect == "skip" else "Fixed by"
    for title, text in (("Introduced by", erratum.introduced),
                        (ends, erratum.fixed), ("Reported", erratum.report)):
        if text:
            lines.append(_wrapped(f"- {title}: {text}", "  "))
    if erratum.suite:
        lines.append("- Suite:")
        lines += [f"  - `{glob}`" for glob in erratum.suite]
    if erratum.kunit:
        lines.append("- KUnit (architecture, case):")
        lines += [f"  - `{p.arch.pattern}` `{p.case.pattern}`" for p in erratum.kunit]
    if erratum.selftest:
        lines.append("- Selftests (source, program, number of results, text):")
        lines += [f"  - `{p.source.pattern}` `{p.program.pattern}` "
                  f"{'any' if p.count is None else p.count} `{p.text.pattern}`"
                  for p in erratum.selftest]
    return lines + [""]


def markdown(errata: Iterable[Erratum]) -> str:
    """userspace/KERNEL-BUGS.md: the bugs, then what kernels lack."""
    errata = list(errata)
    bugs = [e for e in errata if e.effect != "skip"]
    lacks = [e for e in errata if e.effect == "skip"]
    lines = ["<!-- Made by 'scripts/results.py errata --write' from suite/errata. -->", "",
             "# Known kernel bugs", "",
             "What the suite, the KUnit suites and the kernel's selftests show to be",
             "wrong in some kernels. A failure that an entry names is an expected failure",
             "(XFAIL). When all test cases of an entry pass that always fail, that is an",
             "unexpected pass (XPASS). Sources, programs and test cases are given as the",
             "patterns of `suite/errata`.", ""]
    for title, entries in (("Bugs", bugs), ("What kernels lack", lacks)):
        if entries:
            lines += [f"## {title}", ""]
            for entry in entries:
                lines += _entry(entry)
    return "\n".join(lines).rstrip("\n") + "\n"
