# SPDX-License-Identifier: GPL-2.0-only
"""Calls of GUP in a kernel's source: rows for scripts/gup-users.

Coccinelle finds the calls and what is assigned to the variables in them, by
scripts/gup-users.cocci. The text itself is searched as well, so that a call which
Coccinelle does not see is a row all the same; such a row says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

SCRIPTS = Path(__file__).resolve().parents[1]
NOTES = SCRIPTS / "gup-users.notes"
TABLES = SCRIPTS / "gup-users.tables"

# The index of the argument gup_flags; None: there is none.
FLAGS_AT: Dict[str, Optional[int]] = {
    "get_user_page_fast_only": 1,
    **dict.fromkeys((
        "pin_user_pages", "get_user_pages", "pin_user_pages_fast", "get_user_pages_fast",
        "pin_user_pages_fast_only", "get_user_pages_fast_only", "get_user_pages_locked",
        "pin_user_pages_locked", "get_user_page_vma_remote"), 2),
    **dict.fromkeys((
        "pin_user_pages_unlocked", "get_user_pages_unlocked", "pin_user_pages_remote",
        "get_user_pages_remote"), 3),
    "memfd_pin_folios": None,
}
NAME = re.compile(r"\b(" + "|".join(FLAGS_AT) + r")\b")
# A declaration of a function that may belong to GUP.
_DECLARED = re.compile(r"^[a-z][\w *]*\b((?:pin|get)_user_pages?\w*|memfd_pin_folios\w*)\b",
                       re.MULTILINE)

VERDICTS = {
    "force-pin": "FOLL_FORCE with a pin: the workaround that Linux 6.2 made needless",
    "not-flags": "a truth value or a number in the place of gup_flags",
    "get-flag": "FOLL_GET from a caller, which get_user_pages() sets itself",
    "held": "held for long without FOLL_LONGTERM",
    "longterm": "FOLL_LONGTERM",
    "force": "FOLL_FORCE with a reference: access of a debugger",
    "short": "given back soon",
    "caller": "the function's caller chooses gup_flags",
    "unread": "without FOLL_LONGTERM; nobody has read for how long it is held",
}


# What a pinner that writes has to call when it releases, or at the latest then.
_MAKES_DIRTY = re.compile(r"\b(?:unpin_\w*dirty|set_page_dirty|SetPageDirty|folio_mark_dirty|"
                          r"bio_\w*dirty)\w*\s*\(")
CLEAN = "May write, and nothing in the file makes a page dirty"


class BadUsers(ValueError):
    """Input that cannot be used; the text says what was expected and found."""


# ---------------------------------------------------------------- the text

# Comments, strings and characters.
_NOT_CODE = re.compile(
    r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)
_DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(\w+)(?:[^\n\\]|\\.)*", re.DOTALL)
_KEYWORDS = ("if", "for", "while", "switch", "return", "sizeof", "do", "else")


def _blank(match: re.Match) -> str:
    """As many characters, with the line breaks."""
    return re.sub(r"[^\n]", " ", match[0])


@dataclass(frozen=True)
class Hit:
    """A name of GUP in the code of a file.

    line, column  as Coccinelle counts them: from 1, and from 0
    function      that it is in; of a macro, the macro's name
    args          of the call; None: it is no call
    """

    line: int
    column: int
    name: str
    function: str
    args: Optional[Tuple[str, ...]]


def _split(text: str) -> Tuple[str, ...]:
    """Split arguments at the commas that are in no parentheses."""
    parts, depth, begin = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth:
            parts.append(text[begin:i])
            begin = i + 1
    return tuple(" ".join(part.split()) for part in (*parts, text[begin:]))


def _call_args(code: str, at: int) -> Optional[Tuple[str, ...]]:
    """The arguments in the parentheses that follow at; None: none follow."""
    match = re.compile(r"[\s\\]*\(").match(code, at)
    if not match:
        return None
    depth = 1
    for i in range(match.end(), len(code)):
        depth += (code[i] == "(") - (code[i] == ")")
        if not depth:
            return _split(code[match.end():i].replace("\\\n", " "))
    return None


class _Blocks:
    """Follows braces, to say which function a place is in."""

    def __init__(self) -> None:
        self.depth = 0
        self.function = ""
        self._ifs: List[int] = []

    def code(self, text: str) -> None:
        for match in re.finditer(r"[{}]|(\w+)\s*\((?=[^;{}]*?\)[^;{}()=]*\{)", text):
            if match[0] == "{":
                self.depth += 1
            elif match[0] == "}":
                self.depth = max(0, self.depth - 1)
            elif not self.depth and match[1] not in _KEYWORDS:
                self.function = match[1]

    def directive(self, word: str) -> None:
        """Of alternatives, each begins as deep as the first."""
        if word in ("if", "ifdef", "ifndef"):
            self._ifs.append(self.depth)
        elif word in ("else", "elif") and self._ifs:
            self.depth = self._ifs[-1]
        elif word == "endif" and self._ifs:
            self._ifs.pop()


def hits(text: str) -> List[Hit]:
    """All names of GUP in the code: neither in comments, strings nor declarations."""
    code = _NOT_CODE.sub(_blank, text)
    found: List[Hit] = []
    blocks, at = _Blocks(), 0

    def look(begin: int, end: int, macro: Optional[str]) -> None:
        """In a directive there are only uses; elsewhere depth 0 has declarations."""
        done = begin
        for match in NAME.finditer(code, begin, end):
            blocks.code(code[done:match.start()] if macro is None else "")
            done = match.start()
            args = _call_args(code, match.end())
            if macro is None and not blocks.depth:
                continue
            line = code.count("\n", 0, match.start()) + 1
            column = match.start() - (code.rfind("\n", 0, match.start()) + 1)
            found.append(Hit(line, column, match[1], macro or blocks.function, args))
        if macro is None:
            blocks.code(code[done:end])

    for match in _DIRECTIVE.finditer(code):
        if code[code.rfind("\n", 0, match.start()) + 1:match.start()].strip():
            continue
        look(at, match.start(), None)
        name = re.match(r"\s*#\s*define\s+(\w+)", match[0])
        if name:
            # The name itself may be one of GUP's.
            look(match.start() + name.end(), match.end(), name[1])
        blocks.directive(match[1])
        at = match.end()
    look(at, len(code), None)
    return found


def check_prototypes(tree: Path) -> None:
    """Is gup_flags where FLAGS_AT has it?"""
    path = tree / "include/linux/mm.h"
    if not path.exists():
        raise BadUsers(f"expected the source of a kernel in {tree}, found no "
                       "include/linux/mm.h there")
    code = _NOT_CODE.sub(_blank, path.read_text(encoding="utf-8", errors="replace"))
    for match in _DECLARED.finditer(code):
        name, args = match[1], _call_args(code, match.end()) or ()
        if name not in FLAGS_AT:
            raise BadUsers(f"{path} declares {name}(), which is not known here: add it to "
                           "FLAGS_AT in results/gup_users.py, and to gup-users.cocci")
        at = [i for i, arg in enumerate(args) if re.search(r"\b(gup_)?flags$", arg)]
        want = FLAGS_AT[name]
        if want is not None and at != [want]:
            raise BadUsers(f"expected gup_flags as argument {want + 1} of {name}() in "
                           f"{path}, found {', '.join(args)}: this is for Linux 6.1 and "
                           "later")


# ---------------------------------------------------------------- facts

Place = Tuple[int, int]     # line, column


@dataclass
class Facts:
    """What Coccinelle found in one file; see gup-users.cocci."""

    calls: Dict[Place, Tuple[str, str, str]] = field(default_factory=dict)
    sets: Dict[Tuple[str, str], Dict[Place, Tuple[str, str]]] = field(default_factory=dict)
    types: Dict[Tuple[str, str], Dict[Place, str]] = field(default_factory=dict)
    ifs: Dict[Place, List[str]] = field(default_factory=dict)
    params: Dict[Tuple[str, str], Tuple[int, str]] = field(default_factory=dict)
    callers: Dict[str, Dict[Place, Tuple[str, str]]] = field(default_factory=dict)

    def add(self, what: str, place: Place, function: str, rest: Sequence[str]) -> None:
        if what == "call":
            self.calls[place] = (function, rest[0], rest[1])
        elif what == "set":
            # A field is the same one in all functions.
            scope = "" if rest[0].startswith("->") else function
            self.sets.setdefault((scope, rest[0]), {})[place] = (rest[1], rest[2])
        elif what == "type":
            self.types.setdefault((function, rest[0]), {})[place] = rest[1]
        elif what == "if":
            conditions = self.ifs.setdefault(place, [])
            text = _plain_condition(rest[1])
            if text not in conditions:
                conditions.append(text)
        elif what == "param":
            self.params[function, rest[0]] = (int(rest[1]), rest[2])
        elif what == "caller":
            self.callers.setdefault(rest[0], {})[place] = (function, rest[1])
        else:
            raise BadUsers(f"expected a fact of gup-users.cocci, found '{what}'")


def _tidy(expression: str) -> str:
    """Coccinelle puts a blank around every token."""
    text = " ".join(expression.split())
    text = re.sub(r" ?(->|\.(?=\s*[a-zA-Z_])) ?", r"\1", text)
    text = re.sub(r"([(\[!~]) ", r"\1", text)
    text = re.sub(r" ([)\],])", r"\1", text)
    text = re.sub(r"(\w) ([(\[])", r"\1\2", text)
    return re.sub(r"([(=,?:|&] ?)([-&*]) (?=\w)", r"\1\2", text)


def _outer_removed(text: str) -> str:
    """Without parentheses around all of it."""
    while text.startswith("(") and text.endswith(")"):
        depth = 0
        for i, c in enumerate(text):
            depth += (c == "(") - (c == ")")
            if not depth and i < len(text) - 1:
                return text
        text = text[1:-1].strip()
    return text


def _negation(text: str) -> Optional[str]:
    """What a text negates as a whole; None: it does not."""
    if not text.startswith("!") or text.startswith("!="):
        return None
    rest = text[1:].strip()
    inner = _outer_removed(rest)
    if inner != rest or re.fullmatch(r"[\w.>-]+(\(.*\)|\[.*\])?", rest):
        return inner
    return None


def _plain_condition(text: str) -> str:
    """One spelling of a condition and of its negation."""
    text, negative = _outer_removed(_tidy(text)), False
    while True:
        inner = _negation(text)
        if inner is None:
            break
        text, negative = inner, not negative
    if not negative:
        return text
    return f"!{text}" if re.fullmatch(r"[\w.>-]+(\([^()]*\))?", text) else f"!({text})"


def read_facts(lines: Iterable[str]) -> Dict[str, Facts]:
    """Read what gup-users.cocci prints; by file."""
    found: Dict[str, Facts] = {}
    for line in lines:
        what, path, row, column, function, *rest = line.rstrip("\n").split("\t")
        path = path[2:] if path.startswith("./") else path
        found.setdefault(path, Facts()).add(what, (int(row), int(column)), function, rest)
    return found


# ---------------------------------------------------------------- flags

@dataclass
class Flags:
    """gup_flags of a call, as far as they are constant.

    always     names without FOLL_
    sometimes  by name: the condition
    unknown    what they depend on otherwise, in words
    odd        why they are no flags; or None
    """

    always: List[str] = field(default_factory=list)
    sometimes: Dict[str, str] = field(default_factory=dict)
    unknown: List[str] = field(default_factory=list)
    odd: Optional[str] = None

    def has(self, name: str) -> bool:
        return name in self.always or name in self.sometimes

    def add(self, more: Flags, condition: str = "") -> None:
        """Also these, under a condition or always."""
        for name in more.always:
            if condition and name not in self.always:
                self.sometimes.setdefault(name, condition)
            elif name not in self.always:
                self.always.append(name)
                self.sometimes.pop(name, None)
        for name, inner in more.sometimes.items():
            if name not in self.always:
                self.sometimes.setdefault(
                    name, f"{condition} && {inner}" if condition else inner)
        self.unknown += [text for text in more.unknown if text not in self.unknown]
        self.odd = self.odd or more.odd

    def __str__(self) -> str:
        order = ("FORCE", "LONGTERM", "WRITE")
        names = sorted({*self.always, *self.sometimes},
                       key=lambda n: (n not in order, n))
        parts = [n if n in self.always else n + "?" for n in names]
        if self.unknown or self.odd:
            parts.append("...")
        return "|".join(parts) or "0"

    def words(self) -> str:
        """The conditions, in words."""
        parts = [f"{name} if {condition}" for name, condition in self.sometimes.items()]
        return "; ".join([*parts, *self.unknown])


def _either(condition: str, yes: Flags, no: Flags) -> Flags:
    """Of condition ? yes : no."""
    flags = Flags(always=[n for n in yes.always if n in no.always])
    flags.add(yes, condition)
    flags.add(no, _plain_condition(f"!({condition})"))
    return flags


def _top(text: str, wanted: str) -> Optional[int]:
    """Where a character is first, outside of all parentheses."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if not depth and c in wanted:
            return i
    return None


def _split_or(text: str) -> List[str]:
    parts, depth, begin = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "|" and not depth and "||" not in text[max(i - 1, 0):i + 2]:
            parts.append(text[begin:i].strip())
            begin = i + 1
    return [*parts, text[begin:].strip()]


class Resolver:
    """Resolves expressions of one file, by its facts."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def flags(self, text: str, function: str, line: int, depth: int = 0) -> Flags:
        """Of an expression at a line of a function."""
        text = _outer_removed(_tidy(text))
        mark = _top(text, "?")
        if mark is not None:
            return self._choice(text, mark, function, line, depth)
        parts = _split_or(text)
        if len(parts) > 1:
            flags = Flags()
            for part in parts:
                flags.add(self.flags(part, function, line, depth))
            return flags
        return self._term(text, function, line, depth)

    def _choice(self, text: str, mark: int, function: str, line: int,
                depth: int) -> Flags:
        colon, nested = None, 0
        for i in range(mark + 1, len(text)):
            nested += (text[i] in "([?") - (text[i] in ")]")
            if text[i] == ":":
                if not nested:
                    colon = i
                    break
                nested -= 1
        if colon is None:
            return Flags(unknown=[text])
        return _either(_plain_condition(text[:mark]),
                       self.flags(text[mark + 1:colon], function, line, depth),
                       self.flags(text[colon + 1:], function, line, depth))

    def _term(self, text: str, function: str, line: int, depth: int) -> Flags:
        if text.startswith("FOLL_") and text.isidentifier():
            return Flags(always=[text[len("FOLL_"):]])
        if re.fullmatch(r"0(x0+)?[uUlL]*", text):
            return Flags()
        if re.fullmatch(r"[0-9]\w*", text):
            return Flags(odd=f"passes the number {text}")
        if text in ("true", "false") or re.search(r"[=!<>]=|&&|\|\||^!| [<>] ", text):
            return Flags(odd=f"passes the truth value of {text}")
        if text.isidentifier():
            return self._variable(text, function, line, depth)
        member = re.fullmatch(r".*(?:->|\.)(\w+)", text)
        if member:
            return self._member(f"->{member[1]}", depth) or \
                Flags(unknown=[f"{text} is a field"])
        return Flags(unknown=[text])

    def _variable(self, name: str, function: str, line: int, depth: int) -> Flags:
        types = self.facts.types.get((function, name), {})
        param = self.facts.params.get((function, name))
        if "bool" in types.values() or (param and param[1] == "bool"):
            return Flags(odd=f"passes {name}, a bool")
        flags = self._assigned(function, name, line, depth)
        if param:
            given = self._given(function, param[0], depth)
            flags = flags or Flags()
            flags.add(given)
        return flags or Flags(unknown=[name])

    def _member(self, name: str, depth: int) -> Optional[Flags]:
        """What the assignments of the file to a field give."""
        sets = sorted(self.facts.sets.get(("", name), {}).items())
        values = [self.flags(value, "", place[0], depth + 1)
                  for place, (op, value) in sets if op == "="]
        if not values or depth > 2:
            return None
        flags = Flags()
        for value in values:
            for flag in value.always:
                if all(flag in v.always for v in values):
                    flags.add(Flags([flag]))
                else:
                    flags.add(Flags([flag]), f"{name[2:]} has it")
            flags.add(Flags(sometimes=value.sometimes, unknown=value.unknown,
                            odd=value.odd))
        for place, (op, value) in sets:
            if op != "=":
                flags.add(self.flags(value, "", place[0], depth + 1),
                          " && ".join(self.facts.ifs.get(place, [])) or
                          f"{name[2:]} has it")
        return flags

    def _assigned(self, function: str, name: str, before: int,
                  depth: int) -> Optional[Flags]:
        """What the assignments to a variable before a line give."""
        flags = None
        if depth > 2:
            return Flags(unknown=[name])
        declared = self.facts.types.get((function, name), {})
        sets = sorted(self.facts.sets.get((function, name), {}).items())
        around: List[str] = []
        for place, (op, value) in sets:
            if place[0] > before:
                continue
            conditions = self.facts.ifs.get(place, [])
            if place in declared or (flags is None and
                                     [o for _, (o, _) in sets].count("=") == 1):
                # The variable has no other value, so the call depends on it, too.
                around, conditions = conditions, []
            condition = " && ".join(c for c in conditions if c not in around)
            more = self.flags(value, function, place[0], depth + 1)
            if op == "=" and not condition:
                flags = more
            elif op in ("=", "|="):
                flags = flags or Flags()
                flags.add(more, condition)
            else:
                flags = flags or Flags()
                flags.unknown.append(f"{name} {op} {_tidy(value)}")
        return flags

    def _given(self, function: str, index: int, depth: int) -> Flags:
        """What callers in the file give for a parameter, one level up."""
        flags, values = Flags(), {}
        for place, (caller, args) in sorted(self.facts.callers.get(function, {}).items()):
            given = _split(args)
            if depth or caller == function or index >= len(given):
                continue
            value = self.flags(given[index], caller, place[0], depth + 2)
            if value.odd:
                return value
            values.setdefault(caller, Flags()).add(value)
        for name in dict.fromkeys(n for v in values.values() for n in v.always):
            by = [caller for caller, v in values.items() if name in v.always]
            if len(by) == len(values):
                flags.always.append(name)
            else:
                flags.sometimes[name] = f"called by {', '.join(f'{c}()' for c in by)}"
        for caller, value in values.items():
            flags.add(Flags(sometimes=value.sometimes))
            if value.unknown:
                flags.unknown.append(f"{caller}() passes {', '.join(value.unknown)}")
        if not values:
            flags.unknown.append("a parameter, which no caller in the file gives")
        return flags


# ---------------------------------------------------------------- rows

@dataclass(frozen=True)
class Note:
    """What somebody read of a call: 'held' or 'short', and a sentence."""

    file: str
    function: str
    verdict: str
    text: str


def read_notes(text: str, where: str) -> List[Note]:
    """Lines 'FILE FUNCTION held|short SENTENCE', in which FILE may be a glob."""
    notes = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 3)
        if len(words) < 4 or words[2] not in ("held", "short"):
            raise BadUsers(f"{where}:{number}: expected 'FILE FUNCTION held|short "
                           f"SENTENCE', found '{line}'")
        notes.append(Note(*words))
    return notes


@dataclass
class Row:
    """A call.

    expression  of gup_flags; '-' when the call has none
    problem     why Coccinelle did not see the call, or None
    """

    file: str
    line: int
    function: str
    call: str
    expression: str
    flags: Flags
    verdict: str = ""
    reason: str = ""
    problem: Optional[str] = None

    @property
    def pins(self) -> bool:
        return "pin" in self.call

    @property
    def writes(self) -> bool:
        """It may write to the pages."""
        return self.call == "memfd_pin_folios" or self.flags.has("WRITE")

    @property
    def longterm(self) -> str:
        """memfd_pin_folios() always pins for long."""
        if self.call == "memfd_pin_folios" or "LONGTERM" in self.flags.always:
            return "yes"
        if "LONGTERM" in self.flags.sometimes:
            return "sometimes"
        return "unknown" if self.flags.unknown else "no"

    @property
    def column(self) -> str:
        """gup_flags, in a table."""
        return self.expression if self.flags.odd or self.expression == "-" \
            else str(self.flags)

    def as_json(self) -> dict:
        return {
            "file": self.file, "line": self.line, "function": self.function,
            "call": self.call, "gup_flags": self.expression,
            "always": self.flags.always,
            "sometimes": [{"flag": name, "if": condition}
                          for name, condition in self.flags.sometimes.items()],
            "unknown": self.flags.unknown, "longterm": self.longterm,
            "verdict": self.verdict, "reason": self.reason,
            "seen_by": "text" if self.problem else "coccinelle",
        }


def _reasons(row: Row, note: Optional[Note]) -> Iterator[Tuple[str, str]]:
    """Verdicts with reasons; the first counts."""
    flags = row.flags
    if row.pins and flags.has("FORCE"):
        yield "force-pin", "a pin with FOLL_FORCE breaks COW by a write fault"
    if flags.odd:
        yield "not-flags", flags.odd + ", which means FOLL_WRITE only because that is 1"
    if flags.has("GET"):
        yield "get-flag", "get_user_pages() sets FOLL_GET itself"
    if note and note.verdict == "held" and row.longterm != "yes":
        yield "held", ""
    if row.longterm in ("yes", "sometimes"):
        yield "longterm", ""
    if flags.has("FORCE"):
        yield "force", ""
    if note:
        yield note.verdict, ""
    if flags.unknown:
        yield "caller", ""
    yield "unread", ""


def judge(row: Row, notes: Sequence[Note]) -> None:
    """Set the row's verdict and reason."""
    note = next((n for n in notes if fnmatch(row.file, n.file)
                 and fnmatch(row.function, n.function)), None)
    row.verdict, why = next(_reasons(row, note))
    if row.call == "memfd_pin_folios":
        why = "Pins for long; has no gup_flags"
    if note and note.verdict == "short" and row.verdict == "longterm":
        note = None
    parts = [why[:1].upper() + why[1:], row.flags.words(), note.text if note else "", row.problem or ""]
    row.reason = ". ".join(part.rstrip(".") for part in parts if part)


def _row(file: str, line: int, function: str, call: str, args: Sequence[str],
         facts: Facts) -> Row:
    at = FLAGS_AT[call]
    if at is None:
        return Row(file, line, function, call, "-", Flags())
    if at >= len(args):
        return Row(file, line, function, call, "?", Flags(unknown=["arguments"]))
    return Row(file, line, function, call, _tidy(args[at]),
               Resolver(facts).flags(args[at], function, line))


def rows_of_file(file: str, text: str, facts: Facts) -> List[Row]:
    """The calls in a file: as Coccinelle sees them, and what is in the text alone."""
    rows, seen = [], set(facts.calls)
    for hit in hits(text):
        place = (hit.line, hit.column)
        if place in seen:
            function, name, args = facts.calls[place]
            rows.append(_row(file, hit.line, function, name, _split(args), facts))
            seen.discard(place)
        elif hit.args is None:
            rows.append(Row(file, hit.line, hit.function, hit.name, "?",
                            Flags(unknown=["no call: a pointer to the function"]),
                            problem="found in the text"))
        else:
            row = _row(file, hit.line, hit.function, hit.name, hit.args, facts)
            row.problem = "Coccinelle did not see this call: it is read from the text"
            rows.append(row)
    if seen:
        where = ", ".join(f"{file}:{line}" for line, _ in sorted(seen))
        raise BadUsers(f"expected each call that Coccinelle finds in the text, found "
                       f"none at {where}: see hits() in results/gup_users.py")
    return rows


def users(tree: Path, files: Iterable[str], facts: Dict[str, Facts],
          notes: Sequence[Note]) -> List[Row]:
    """All calls in those files of a tree, by path and line."""
    rows: List[Row] = []
    for file in sorted(set(files)):
        text = (tree / file).read_text(encoding="utf-8", errors="replace")
        found = rows_of_file(file, text, facts.get(file, Facts()))
        clean = not _MAKES_DIRTY.search(_NOT_CODE.sub(" ", text))
        for row in found:
            judge(row, notes)
            if clean and row.writes:
                row.reason = ". ".join(filter(None, (row.reason, CLEAN)))
        rows += found
    return rows


def chosen(rows: Sequence[Row], verdicts: Sequence[str],
           globs: Sequence[str]) -> List[Row]:
    """Those of the rows that have one of the verdicts and are in one of the files."""
    return [row for row in rows
            if (not verdicts or row.verdict in verdicts) and
            (not globs or any(fnmatch(row.file, glob) for glob in globs))]


# ---------------------------------------------------------------- tables

def table(rows: Sequence[Row], lines: bool = True) -> List[str]:
    """Aligned columns; lines: with line numbers."""
    cells = [("VERDICT", "CALL", "GUP_FLAGS", "FILE", "FUNCTION", "REASON")]
    cells += [(row.verdict, row.call, row.column,
               f"{row.file}:{row.line}" if lines else row.file, row.function, row.reason)
              for row in rows]
    widths = [max(len(cell[i]) for cell in cells) for i in range(len(cells[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(cell, widths)).rstrip()
            for cell in cells]


def totals(rows: Sequence[Row]) -> str:
    """How many calls have each verdict."""
    counts = {v: sum(row.verdict == v for row in rows) for v in VERDICTS}
    text = sum(bool(row.problem) for row in rows)
    return (f"{len(rows)} calls: " +
            ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n) +
            (f"; {text} read from the text" if text else ""))


def version(tree: Path) -> str:
    """Of a source tree, from its Makefile."""
    head = (tree / "Makefile").read_text(encoding="utf-8", errors="replace")[:2000]
    parts = dict(re.findall(r"^(\w+) = *(.*?) *$", head, re.MULTILINE))
    return (f"{parts.get('VERSION', '?')}.{parts.get('PATCHLEVEL', '?')}."
            f"{parts.get('SUBLEVEL', '0')}{parts.get('EXTRAVERSION', '')}")


def recorded(rows: Sequence[Row], of: str) -> str:
    """The text of a recorded table, without line numbers."""
    return "\n".join(["# SPDX-License-Identifier: GPL-2.0-only",
                      f"# Linux {of}, by scripts/gup-users --record", "",
                      *table(rows, False), "", totals(rows), ""])


@dataclass(frozen=True)
class Recorded:
    """A row of a recorded table."""

    verdict: str
    call: str
    gup_flags: str
    file: str
    function: str
    reason: str


def read_recorded(text: str, where: str) -> Tuple[str, List[Recorded]]:
    """A recorded table: the kernel's version, and the rows."""
    of = re.search(r"^# Linux (\S+),", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if not of or not lines or not lines[0].startswith("VERDICT "):
        raise BadUsers(f"{where}: expected a table of 'scripts/gup-users --record', "
                       "found something else")
    starts = [match.start() for match in re.finditer(r"\S+", lines[0])]
    ends = [*starts[1:], None]
    return of[1], [Recorded(*(line[a:b].strip() for a, b in zip(starts, ends)))
                   for line in lines[1:-1]]


def difference(rows: Sequence[Row], of: str, there: str, name: str) -> List[str]:
    """What is not as recorded; the version alone is no difference."""
    import difflib

    def body(text: str) -> List[str]:
        # The width of the columns says nothing.
        return [re.sub(r"  +", "  ", line) for line in text.splitlines()
                if not line.startswith("#")]

    then = re.search(r"^# Linux (\S+),", there, re.MULTILINE)
    lines = list(difflib.unified_diff(body(there), body(recorded(rows, of)),
                                      f"recorded, {then[1] if then else 'none'}",
                                      f"found, {of}", lineterm="", n=0))
    if lines:
        lines.append(f"expected the calls that are recorded, found others: read what "
                     f"changed, then run 'scripts/gup-users --record {name}'")
    return lines


def tap(rows: Sequence[Row], of: str, there: str, name: str,
        count: Optional[int]) -> List[str]:
    """Is the table as recorded, does Coccinelle see every call, and are there as many
    as were counted by other means, outside <linux/mm.h>?"""
    here = sum(row.file != "include/linux/mm.h" for row in rows)
    tests = [
        (f"{name}: the calls of GUP are as recorded", difference(rows, of, there, name)),
        (f"{name}: Coccinelle sees each of the {len(rows)} calls in the text",
         [f"{row.file}:{row.line}: {row.call}" for row in rows if row.problem]),
        (f"{name}: there are as many calls as the compiler leaves",
         [f"expected {count} outside <linux/mm.h>, found {here}"] if here != count else []),
    ]
    lines = []
    for number, (what, problems) in enumerate(tests, 1):
        lines += [f"{'not ok' if problems else 'ok'} {number} - {what}",
                  *(f"# {problem}" for problem in problems)]
    return [*lines, f"1..{len(tests)}"]
