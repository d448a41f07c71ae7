# SPDX-License-Identifier: GPL-2.0-only
"""scripts/mutants: its list of defects, how all of them are put into one source tree,
and which test cases notice.

A mutant is a copy of a function with a defect in it. Each function that has mutants
begins with a switch, which calls the copy while the number of its mutant is set. So
the kernel is the same as without mutants while the number is 0, and mutants cannot get
in each other's way.

scripts/mutants writes a file of results: lines 'NAME WHERE WHAT' with tabs between. For
WHERE see PROGRAMS and the list of others there.
"""

from __future__ import annotations

import os
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

LIST = Path(__file__).resolve().parents[1] / "mutants.list"
HEADER = "pinscope_mutant.h"

# What may notice a mutant, in the order of the table. Others in a file of results are:
# 'splat' (the kernel complains, or is dead), 'seed' (of the round in which exercise has noticed
# it), 'unsure' (a test case that fails without it, too), 'ran' (how often the change made a
# difference), 'took' (seconds) and 'end' (the results are whole).
PROGRAMS = ("kunit", "suite", "exercise", "abi", "upstream")

# What the guest writes to the kernel's log before a mutant, and what a kernel says that
# does not go on.
MARK = "pinscope-mutant: "
FATAL = r"BUG:|Oops|Kernel panic|WARNING:|general protection|stall|lockup|blocked for"


class BadMutant(Exception):
    """The list cannot be read, or a mutant does not fit the source."""


@dataclass
class Mutant:
    """One defect.

    origin        what made the rule: the number of a patch in the series, a commit or
                  a CVE number; '' for a mutant that was made of a condition
    file          in the source tree, with the function
    rule          what the kernel does without the mutant
    edits         text that is in the function once, and what replaces it
    span          instead: where the replaced text is in the function, and what replaces it
    equivalent    why it is no defect, if it is none
    hidden        why no process can tell by its pins
    unreached     why nothing here can tell
    """

    name: str
    origin: str
    file: str
    function: str
    rule: str = ""
    edits: List[List[str]] = field(default_factory=list)
    span: Optional[Tuple[int, int, str]] = None
    equivalent: str = ""
    hidden: str = ""
    unreached: str = ""

    @property
    def reason(self) -> str:
        """Why nothing notices it, or ''."""
        return self.equivalent or self.unreached or self.hidden

    def mutate(self, function: str) -> str:
        """The text of its function with the defect; raises BadMutant."""
        if self.span:
            start, end, new = self.span
            return function[:start] + new + function[end:]
        for old, new in self.edits:
            number = function.count(old)
            if number != 1:
                raise BadMutant(f"{self.name}: expected '{old}' once in "
                                f"{self.function}(), found it {number} times")
            function = function.replace(old, new)
        return function


_REASONS = {"=": "equivalent", "@": "hidden", "~": "unreached"}


@dataclass
class MutantList:
    """What scripts/mutants.list says.

    written     the mutants that somebody wrote
    functions   (file, function) whose conditions are changed, one at a time
    reasons     of mutants made of conditions, by name: attribute and text
    """

    written: List[Mutant] = field(default_factory=list)
    functions: List[Tuple[str, str]] = field(default_factory=list)
    reasons: Dict[str, Tuple[str, str]] = field(default_factory=dict)

    def files(self) -> List[str]:
        return list(dict.fromkeys([*(m.file for m in self.written),
                                   *(file for file, _ in self.functions)]))

    def all(self, tree: Path) -> List[Mutant]:
        """The mutants, those that are made of the conditions in a source tree as well.

        Their order gives them their numbers, from 1.
        """
        mutants = list(self.written)
        texts = {file: Source((tree / file).read_text(encoding="utf-8"))
                 for file in self.files()}
        for file, function in self.functions:
            mutants += of_conditions(texts[file], file, function)
        by_name = {mutant.name: mutant for mutant in mutants}
        if len(by_name) != len(mutants):
            raise BadMutant("expected each mutant's name once")
        for name, (attribute, why) in self.reasons.items():
            if name not in by_name:
                raise BadMutant(f"expected the name of a mutant, found '{name}'")
            setattr(by_name[name], attribute, why)
        return mutants


def _lines(text: str) -> str:
    """Text of several lines is written with \\n and \\t."""
    return text.replace("\\n", "\n").replace("\\t", "\t")


def parse(text: str, name: str = "mutants.list") -> MutantList:
    """Read a list of mutants; raises BadMutant."""
    found = MutantList()
    mutant: Optional[Mutant] = None
    about = ""      # the mutant made of a condition that the next reason is for

    def bad(nr: int, expected: str, line: str) -> BadMutant:
        return BadMutant(f"{name}:{nr}: expected {expected}, found '{line}'")

    for nr, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        mark = line[1] if line.startswith("\t") and line[2:3] == " " else ""
        if line.startswith("* "):
            file, *functions = line.split()[1:]
            found.functions += [(file, function) for function in functions]
        elif not line.startswith("\t"):
            parts = line.split()
            if len(parts) not in (1, 4):
                raise bad(nr, "NAME ORIGIN FILE FUNCTION", line)
            mutant, about = None, parts[0]
            if len(parts) == 4:
                mutant = Mutant(*parts)
                found.written.append(mutant)
        elif mark in _REASONS and mutant:
            setattr(mutant, _REASONS[mark], line[3:])
        elif mark in _REASONS and about:
            found.reasons[about] = _REASONS[mark], line[3:]
        elif not mutant:
            raise bad(nr, "NAME ORIGIN FILE FUNCTION before this", line.strip())
        elif mark == "-":
            mutant.edits.append([_lines(line[3:]), ""])
        elif mark == "+" and mutant.edits and not mutant.edits[-1][1]:
            mutant.edits[-1][1] = _lines(line[3:])
        elif not mutant.rule:
            mutant.rule = line[1:]
        else:
            raise bad(nr, f"one of - + {' '.join(_REASONS)} after the tab", line.strip())
    for mutant in found.written:
        if not (mutant.rule and mutant.edits and all(new for _, new in mutant.edits)):
            raise BadMutant(f"{name}: expected a rule, '-' and '+' for {mutant.name}")
    return found


def read(path: Path = LIST) -> MutantList:
    return parse(path.read_text(encoding="utf-8"), path.name)


_BLANKED = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'|"
                      r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.DOTALL | re.MULTILINE)
_SPECIFIERS = re.compile(r"\b(static|inline|__always_inline|noinline\w*)\b\s*")


class Source:
    """The text of a C file.

    plain   the same text with blanks for comments and the preprocessor's lines, and with
            underscores for strings
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = _BLANKED.sub(
            lambda m: re.sub(r"[^\n]", "_" if m[0][0] in "\"'" else " ", m[0]), text)

    def function(self, name: str) -> Function:
        """The longest definition: others are for configurations without it."""
        head = re.compile(r"^[a-z][^;{}]*?\b" + re.escape(name) +
                          r"\([^;{}]*\)[^;{}()]*(?:__\w+\([^)]*\)\s*)*\{", re.MULTILINE)
        found = [(match.start(), matching(self.plain, match.end() - 1) + 1)
                 for match in head.finditer(self.plain)]
        if not found:
            raise BadMutant(f"expected a definition of {name}(), found none")
        return Function(self, name, *max(found, key=lambda span: span[1] - span[0]))


class Function:
    """A definition in a source, from the first character to behind the last brace."""

    def __init__(self, source: Source, name: str, start: int, end: int) -> None:
        self.name, self.start, self.end = name, start, end
        self.text, self.plain = source.text[start:end], source.plain[start:end]
        self.brace = self.plain.index("{")
        self._name = re.search(r"\b" + re.escape(name) + r"(?=\()", self.plain)
        assert self._name

    def parameters(self) -> List[str]:
        """Their names."""
        first = self._name.end() + 1
        names = []
        for part in split(self.plain[first:matching(self.plain, first - 1)], ","):
            part = re.sub(r"\[[^]]*\]", "", part).strip()
            pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)", part)
            if part not in ("", "void"):
                names.append(pointer[1] if pointer else re.findall(r"\w+", part)[-1])
        return names

    def is_void(self) -> bool:
        head = _SPECIFIERS.sub("", self.plain[:self._name.start()])
        return bool(re.search(r"\bvoid\s*$", head))

    def switch(self, numbers: Iterable[int]) -> str:
        """What is put behind the brace: calls the copy of the mutant that is on."""
        call = f"{self.name}__%d({', '.join(self.parameters())});"
        call = f"{{ {call} return; }} break;" if self.is_void() else f"return {call} break;"
        cases = "".join(f"\tcase {nr}: if (pinscope_mutant_here()) {call % nr}\n"
                        for nr in numbers)
        return ("\n\tif (PINSCOPE_MUTANT) switch (PINSCOPE_MUTANT) {\n"
                f"{cases}\t}}\n")

    def copy(self, mutated: str, number: int, counts: bool) -> str:
        """A copy with a defect, as a definition of its own.

        counts  the defect itself does not count how often it runs
        """
        head, body = mutated[:self.brace], mutated[self.brace + 1:]
        head = _SPECIFIERS.sub("", head)
        head = re.sub(r"\b" + re.escape(self.name) + r"(?=\()", f"{self.name}__{number}",
                      head)
        ran = "\n\tpinscope_mutant_ran();" if counts else ""
        return f"static noinline __maybe_unused {head}{{{ran}{body}\n\n"


def matching(text: str, at: int) -> int:
    """Where the parenthesis at a place is closed."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if not depth:
            return i
    raise BadMutant(f"expected the end of '{text[at:at + 40]}'")


def split(text: str, operator: str) -> List[str]:
    """Split text at an operator that is in no parentheses."""
    parts, depth, begin, i = [], 0, 0, 0
    while i < len(text):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if not depth and text.startswith(operator, i):
            parts.append(text[begin:i])
            begin = i = i + len(operator)
        else:
            i += 1
    return parts + [text[begin:]]


_WRAPPED = re.compile(r"\s*(?:!\s*|likely|unlikely|WARN_ON|WARN_ON_ONCE)?(?=\()")


def operands(text: str, at: int = 0) -> Iterator[Tuple[str, int, int]]:
    """The operands of && and || in a condition: operator, and where the operand is."""
    wrapped = _WRAPPED.match(text)
    if wrapped:
        inner = wrapped.end()
        close = matching(text, inner)
        if not text[close + 1:].strip():
            yield from operands(text[inner + 1:close], at + inner + 1)
            return
    if len(split(text, "?")) > 1:
        return
    for operator in ("||", "&&"):
        parts = split(text, operator)
        if len(parts) < 2:
            continue
        for part in parts:
            lead = len(part) - len(part.lstrip())
            yield operator, at + lead, at + len(part.rstrip())
            yield from operands(part, at)
            at += len(part) + len(operator)
        return


_CONDITION = re.compile(r"\b(if|return)\b(?=[ \t]*[(\w!])")
_CONSTANT = re.compile(r"\b(IS_ENABLED|IS_BUILTIN|IS_MODULE|__is_defined)\b")
# What an operand is replaced by. It is evaluated, for what else it does; counted is when that
# makes a difference.
_WITHOUT = {"&&": "((%s) || pinscope_mutant_ran())", "||": "((%s) && !pinscope_mutant_ran())"}


def of_conditions(source: Source, file: str, name: str) -> Iterator[Mutant]:
    """Mutants of a function: each condition of an 'if' is negated, and each operand of
    && and || is left out, of what is returned as well. Their names count conditions and
    operands from 1, in the order of the text."""
    function = source.function(name)
    count = {"if": 0, "return": 0}
    for match in _CONDITION.finditer(function.plain, function.brace):
        word = match[1]
        start = match.end()
        if word == "if":
            start = function.plain.index("(", start)
            end = matching(function.plain, start)
            start += 1
        else:
            end = function.plain.index(";", start)
        plain = function.plain[start:end]
        text = function.text[start:end]
        found = list(operands(plain))
        if word == "return" and not found:
            continue
        count[word] += 1
        if _CONSTANT.search(plain):
            continue
        where = f"{file}:{name}:{word}{count[word]}"

        def mutant(how: str, rule: str, span: Tuple[int, int, str]) -> Mutant:
            return Mutant(f"{where}:{how}", "", file, name, " ".join(rule.split()),
                          span=span)

        if word == "if":
            yield mutant("negate", f"if ({text})",
                         (start, end, f"pinscope_mutant_ran() && !({text})"))
        for nr, (operator, first, last) in enumerate(found, 1):
            yield mutant(f"drop{nr}", f"{text[first:last]} {operator}",
                         (start + first, start + last, _WITHOUT[operator] % text[first:last]))


_HEADER = """\
/* SPDX-License-Identifier: GPL-2.0-only */
/* Which mutant is on; see scripts/mutants of pinscope. Includes nothing. */
#ifndef PINSCOPE_MUTANT_H
#define PINSCOPE_MUTANT_H
extern int pinscope_mutant_number, pinscope_mutant_runs;
int pinscope_mutant_here(void);
#define PINSCOPE_MUTANT __builtin_expect(*(volatile int *)&pinscope_mutant_number, 0)
/* Counts how often the change makes a difference: about, for it takes no lock. */
static inline int pinscope_mutant_ran(void)
{
	pinscope_mutant_runs++;
	return 1;
}
#endif
"""

_DEFINITIONS = """\
// SPDX-License-Identifier: GPL-2.0-only
/* Which mutant is on, and for whom; see scripts/mutants of pinscope. */
#include <linux/export.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/pinscope_mutant.h>

int pinscope_mutant_number, pinscope_mutant_runs;
EXPORT_SYMBOL_GPL(pinscope_mutant_number);
EXPORT_SYMBOL_GPL(pinscope_mutant_runs);
module_param_named(number, pinscope_mutant_number, int, 0644);
module_param_named(runs, pinscope_mutant_runs, int, 0644);

/* Not for a task that has to live: any but the tests. */
int pinscope_mutant_here(void)
{
	return current->flags & PF_KTHREAD || str_has_prefix(current->comm, "pinscope") ||
	       !strcmp(current->comm, "cow") || !strcmp(current->comm, "gup_longterm");
}
EXPORT_SYMBOL_GPL(pinscope_mutant_here);
"""


def compose(text: str, mutants: Sequence[Tuple[int, Mutant]]) -> str:
    """C source with all its mutants, which are given with their numbers."""
    source = Source(text)
    by_function: Dict[str, List[Tuple[int, Mutant]]] = {}
    for number, mutant in mutants:
        by_function.setdefault(mutant.function, []).append((number, mutant))
    functions = [source.function(name) for name in by_function]
    for function in sorted(functions, key=lambda f: f.start, reverse=True):
        here = by_function[function.name]
        copies = "".join(function.copy(mutant.mutate(function.text), number,
                                       not mutant.span) for number, mutant in here)
        body = function.start + function.brace + 1
        text = (text[:function.start] + copies + text[function.start:body] +
                function.switch(number for number, _ in here) + text[body:])
    return f"#include <linux/{HEADER}>\n{text}"


def _replace(path: Path, text: str) -> None:
    """Write a file if it changes: make looks at the time. It may be a hard link."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def apply(mutants: Sequence[Mutant], source: Path, tree: Path) -> None:
    """Put all mutants into a tree; source is the one without them."""
    numbered = list(enumerate(mutants, 1))
    for file in dict.fromkeys(mutant.file for mutant in mutants):
        here = [(nr, mutant) for nr, mutant in numbered if mutant.file == file]
        _replace(tree / file, compose((source / file).read_text(encoding="utf-8"), here))
    _replace(tree / "include/linux" / HEADER, _HEADER)
    _replace(tree / "mm/pinscope_mutant.c", _DEFINITIONS)
    _replace(tree / "mm/Makefile", (source / "mm/Makefile").read_text(encoding="utf-8") +
             "\nobj-y += pinscope_mutant.o\n")
    # The suites run when the guest asks for it, rather than when it boots.
    path = "lib/kunit/test.c"
    text = (source / path).read_text(encoding="utf-8")
    function = Source(text).function("kunit_run_tests")
    at = function.start + function.brace + 1
    _replace(tree / path, text[:at] + "\n\tif (system_state < SYSTEM_RUNNING)\n"
             "\t\treturn 0;\n" + text[at:])


def sample(mutants: Sequence[Mutant], number: int, seed: str) -> List[Mutant]:
    """Some of the mutants, in their order; equal seeds give equal samples."""
    chosen = random.Random(seed).sample(range(len(mutants)), min(number, len(mutants)))
    return [mutants[i] for i in sorted(chosen)]


Results = Dict[str, List[str]]      # by WHERE


def results(lines: Iterable[str]) -> Dict[str, Results]:
    """Read a file of results: by the mutant's name. What is tried again adds to it, but an
    attempt without an end does not count, once there is another one."""
    found: Dict[str, Results] = {}
    attempts: Dict[str, Results] = {}
    for line in lines:
        if not line:
            continue
        name, where, what = line.rstrip("\n").split("\t")[:3]
        if where == "begin":
            attempts[name] = {}
        attempts.setdefault(name, {}).setdefault(where, []).append(what)
        if where in ("end", "unfit") and "end" in attempts[name]:
            for key, values in attempts.pop(name).items():
                found.setdefault(name, {}).setdefault(key, []).extend(values)
    for name, attempt in attempts.items():
        for key, values in attempt.items():
            found.setdefault(name, {}).setdefault(key, []).extend(values)
    return found


def kunit_case(name: str) -> str:
    """The test of a test case, without its parameters, which have dots of their own."""
    return ".".join(name.replace("pinscope_", "", 1).split(".", 2)[:2])


def unfinished(log: Iterable[str], console: Iterable[str]) -> Iterator[str]:
    """Results of the mutant with which the guest has died or come to a halt, if any."""
    name, last = "", ""
    for line in log:
        if line.startswith("@@ "):
            name, last = line[3:].rstrip("\n").split("\t")[:2]
    if not name or last in ("end", "unfit"):
        return
    what = "the guest hangs"
    said: Optional[List[str]] = None
    for line in console:
        if MARK + name in line:
            said = []
        elif said is not None and re.search(FATAL, line):
            said.append(re.sub(r"^\[[^]]*\] *", "", line.strip()))
    yield f"{name}\tsplat\t{said[0] if said else what}"
    yield f"{name}\tend\t-"


@dataclass
class Run:
    """What became of one mutant.

    killers  by program: the first test case that fails, and how many more did
    splat    what the kernel said, or ''
    ran      how often the change made a difference, or for those that somebody wrote, how
             often the changed code ran
    took     seconds in the guest
    """

    mutant: Mutant
    killers: Dict[str, str] = field(default_factory=dict)
    splat: str = ""
    ran: int = 0
    took: int = 0

    def _ran(self) -> str:
        if self.mutant.span:
            return f"it made a difference {self.ran} times"
        return f"the changed code ran {self.ran} times"

    @property
    def is_killed(self) -> bool:
        return bool(self.killers or self.splat)

    @property
    def is_good(self) -> bool:
        """It was noticed, or nothing can notice it."""
        return self.is_killed or bool(self.mutant.reason)

    def report(self) -> List[str]:
        origin = f" ({self.mutant.origin})" if self.mutant.origin else ""
        lines = [f"{self.mutant.name}{origin}: {self.mutant.rule}"]
        lines += [f"  {program}: {what}" for program, what in self.killers.items()]
        if self.splat:
            lines.append(f"  splat: {self.splat}")
        if self.is_killed and self.mutant.equivalent:
            lines.append("  KILLED, but mutants.list says that it is no defect")
        elif not self.is_killed:
            lines.append(f"  not noticed: {self.mutant.reason}" if self.mutant.reason else
                         f"  NOT KILLED; {self._ran()}")
        return lines

    def tap(self, number: int) -> str:
        """Its line of TAP."""
        noticed = [f"{program}: {what}" for program, what in self.killers.items()]
        noticed += [f"splat: {self.splat}"] * bool(self.splat)
        result = "ok" if self.is_good else "not ok"
        why = (noticed[0] if noticed else
               self.mutant.reason or f"nothing has noticed it; {self._ran()}")
        return f"{result} {number} - mutant {self.mutant.name}: {why}".replace("#", "-")

    def _cell(self, program: str) -> str:
        what = self.killers.get(program, "")
        if program == "exercise":
            return re.sub(r"^exercise # ", "", what)
        if program == "suite":
            what = what.split(" # ")[0]
        return f"`{what}`" if what and program != "upstream" else what

    def row(self) -> str:
        """Its row of the table."""
        cells = [self.mutant.origin, self.mutant.name, self.mutant.rule]
        cells += [self._cell(program) for program in PROGRAMS]
        why = self.mutant.reason or f"not killed; {self._ran()}"
        cells.append(self.splat if self.is_killed else why)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def run(mutant: Mutant, found: Results, before: Results) -> Run:
    """What the results say of a mutant; before: the results without one."""
    result = Run(mutant)
    for program in PROGRAMS:
        new = [case for case in found.get(program, [])
               if case not in before.get(program, [])]
        if new and program == "kunit":
            new = list(dict.fromkeys(map(kunit_case, new)))
        if new:
            result.killers[program] = new[0]
    result.splat = next(iter(found.get("splat", [])), "")
    result.ran = sum(int(number) for number in found.get("ran", []))
    result.took = sum(int(seconds) for seconds in found.get("took", []))
    return result


# The quickest to repeat is the first.
_REPEATED = ("suite", "kunit", "seed", "abi")


def noticed(mutants: Iterable[Mutant], found: Dict[str, Results],
            before: Iterable[str]) -> Iterator[str]:
    """Lines 'NAME PROGRAM WHAT' of what has noticed each mutant: a test case, or a seed.

    before  such lines, for mutants that the results do not tell of
    """
    known = {line.split()[0]: line.rstrip("\n") for line in before
             if line.strip() and not line.startswith("#")}
    none = found.get("none", {})
    # Those that are made of conditions follow: the list does not name them.
    made = [name for name in (*known, *found) if ":" in name]
    names = dict.fromkeys([*(mutant.name for mutant in mutants), *made])
    for name in names:
        new = found.get(name, {})
        for where in _REPEATED:
            cases = [case for case in new.get(where, []) if case not in none.get(where, []) and
                     not re.search(r"exit status|hangs", case)]
            if cases:
                what = kunit_case(cases[-1]) if where == "kunit" else cases[-1].split(" # ")[0]
                program = "exercise" if where == "seed" else where
                known[name] = f"{name} {program} {what}"
                break
        if name in known:
            yield known[name]


def table(runs: Iterable[Run]) -> List[str]:
    """The table of mutants, in Markdown."""
    heads = ["from", "mutant", "rule that it breaks", "KUnit", "pinscope test",
             "exercise", "abi-test", "cow and gup_longterm", "splat, or why nothing notices"]
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads),
            *(run.row() for run in runs)]


def by_function(runs: Iterable[Run]) -> List[str]:
    """The table of mutants that were made of conditions: a row for each function."""
    groups: Dict[str, List[Run]] = {}
    for one in runs:
        groups.setdefault(one.mutant.function, []).append(one)
    heads = ["function", "mutants", "no defect", "killed", *PROGRAMS, "only a splat",
             "out of reach", "not killed"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    total = [0] * (len(heads) - 1)
    for function, group in groups.items():
        counts = [len(group), sum(bool(r.mutant.equivalent) for r in group),
                  sum(r.is_killed for r in group),
                  *(sum(p in r.killers for r in group) for p in PROGRAMS),
                  sum(bool(r.splat) and not r.killers for r in group),
                  sum(not r.is_killed and bool(r.mutant.hidden or r.mutant.unreached)
                      for r in group),
                  sum(not r.is_good for r in group)]
        total = [a + b for a, b in zip(total, counts)]
        lines.append(f"| {function} | " + " | ".join(map(str, counts)) + " |")
    return lines + ["| all | " + " | ".join(map(str, total)) + " |"]


def totals(runs: List[Run]) -> List[str]:
    defects = [r for r in runs if not r.mutant.equivalent]
    lines = [f"{sum(r.is_killed for r in defects)} of {len(defects)} defects noticed, "
             f"{sum(bool(r.killers) for r in defects)} by a test case"]
    lines += [f"  {sum(p in r.killers for r in defects)} by {p}" for p in PROGRAMS]
    lines.append(f"{len(runs) - len(defects)} mutants are no defects, "
                 f"{sum(not r.is_good for r in runs)} survive without a reason")
    took = sum(r.took for r in runs)
    if took:
        lines.append(f"{took // 60} minutes of a guest's time")
    return lines


def baseline(found: Results) -> Optional[str]:
    """What is wrong with the results without a mutant, or None."""
    if "end" not in found:
        return "expected results without a mutant, found none: see .cache/mutants/"
    for where in ("suite", "exercise", "abi", "upstream", "splat"):
        if found.get(where):
            return (f"expected no failure without a mutant, found {len(found[where])} of "
                    f"{where}, such as {found[where][0]}")
    return None
