# SPDX-License-Identifier: GPL-2.0-only
"""What fuzz-test and a panic say, for scripts/fuzz: programs, and the module's coverage."""

from __future__ import annotations

import posixpath
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, List, Sequence, Set, Tuple

# How many programs before a panic are kept: what they left may be what caused it.
LAST = 20

TRACE = "__sanitizer_cov_trace_pc"

# What the compiler adds for KASAN, which runs when the module is loaded and unloaded.
ADDED = "_sub_"

# A section of the module, and an offset in it.
Place = Tuple[str, int]


def found(lines: Iterable[str]) -> List[str]:
    """The programs that fuzz-test --print found, each as text without an empty line."""
    return ["\n".join(line[1:].rstrip().rstrip(";").split(";"))
            for line in lines if line.startswith("+")]


def last(console: Iterable[str]) -> List[str]:
    """The last programs before a panic, in the order in which they ran.

    They are in ftrace's dump, in parts: 'pinscope-fuzz PROGRAM.PART CALL;CALL;'.
    """
    parts: Dict[int, Dict[int, str]] = defaultdict(dict)
    for line in console:
        match = re.search(r"pinscope-fuzz (\d+)\.(\d+) (.*;)", line)
        if match:
            parts[int(match[1])][int(match[2])] = match[3]
    return ["".join(text for _, text in sorted(parts[nr].items())).strip(";").replace(";", "\n")
            for nr in sorted(parts)[-LAST:]]


def text(programs: Iterable[str]) -> str:
    """A file of programs: an empty line ends each."""
    return "".join(program + "\n\n" for program in programs)


def places(lines: Iterable[str]) -> Set[Place]:
    """What fuzz-test --places wrote, in lines SECTION+OFFSET that may begin with '@'."""
    matches = (re.match(r"@?(\.[\w.]+)\+0x([0-9a-f]+)\s*$", line) for line in lines)
    return {(match[1], int(match[2], 16)) for match in matches if match}


def traced(dump: Iterable[str]) -> Set[Place]:
    """The places that KCOV can report: where the calls of its function return to.

    dump  what objdump --disassemble --reloc wrote of the module
    """
    found_places: Set[Place] = set()
    section = ""
    called = False
    for line in dump:
        match = re.match(r"Disassembly of section (\S+):", line)
        if match:
            section = match[1]
        elif TRACE in line and "R_X86_64" in line:
            called = True
        elif called:
            match = re.match(r"\s*([0-9a-f]+):\t", line)
            if match:
                found_places.add((section, int(match[1], 16)))
                called = False
    return found_places


@dataclass
class Coverage:
    """How much of the module was reached: places, and lines of its functions."""

    reached: int = 0
    places: int = 0
    lines: int = 0
    lines_reached: int = 0
    # file: {line: function} of what was not reached
    missed: Dict[str, Dict[int, str]] = field(default_factory=lambda: defaultdict(dict))


def in_module(frames: Sequence[str]) -> Tuple[str, str, int]:
    """(function, file, line) of a place, in the module's own source.

    frames  what addr2line -f -i wrote of the place: a function, then where it is, for what
            was inlined before what it was inlined into
    """
    for function, where in zip(frames[::2], frames[1::2]):
        match = re.match(r".*/(module/[\w./]+):(\d+)", where)
        if match:
            return function, posixpath.normpath(match[1]), int(match[2])
    return "?", "?", 0


def _lines(module: Path, section: str, offsets: Sequence[int]) -> List[Tuple[str, str, int]]:
    """(function, file, line) of offsets in a section."""
    asked = "\n".join(hex(offset - 1) for offset in offsets)
    out = subprocess.run(["addr2line", "-a", "-f", "-i", "-e", str(module), "-j", section],
                         input=asked, capture_output=True, text=True, check=True).stdout
    return [in_module(frames.split("\n")[1:])
            for frames in re.split(r"^0x", out, flags=re.M)[1:]]


def coverage(module: Path, reached: Set[Place]) -> Coverage:
    """How much of a module with debug information was reached."""
    dump = subprocess.run(["objdump", "-d", "-r", str(module)], capture_output=True, text=True,
                          check=True).stdout.split("\n")
    # What runs when the module is loaded and unloaded no ioctl can reach.
    all_places = {place for place in traced(dump)
                  if place[0] not in (".init.text", ".exit.text")}
    lines: Dict[Tuple[str, int], bool] = {}
    functions: Dict[Tuple[str, int], str] = {}
    for section in sorted({place[0] for place in all_places}):
        offsets = sorted(offset for name, offset in all_places if name == section)
        for offset, (function, file, line) in zip(offsets, _lines(module, section, offsets)):
            if file == "?" or function.startswith(ADDED):
                continue
            hit = (section, offset) in reached
            lines[file, line] = lines.get((file, line), False) or hit
            functions[file, line] = function
    result = Coverage(len(reached & all_places), len(all_places), len(lines),
                      sum(lines.values()))
    for (file, line), hit in sorted(lines.items()):
        if not hit:
            result.missed[file][line] = functions[file, line]
    return result


def report(cov: Coverage) -> List[str]:
    """Lines for people."""
    def percent(part: int, whole: int) -> str:
        return f"{part} of {whole} ({100 * part / whole if whole else 0:.1f} %)"

    lines = [f"basic blocks of the module: {percent(cov.reached, cov.places)}",
             f"lines that begin one: {percent(cov.lines_reached, cov.lines)}"]
    for file, missed in cov.missed.items():
        lines += [f"  not reached: {file}:{line} {function}"
                  for line, function in missed.items()]
    return lines
