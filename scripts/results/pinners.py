# SPDX-License-Identifier: GPL-2.0-only
"""The page about drivers that pin, from the recorded tables of scripts/gup-users."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from . import gup_users

LIST = gup_users.SCRIPTS / "gup-users.series"
PAGE = gup_users.SCRIPTS.parent / "userspace/PINNERS.md"

HEAD = """\
# Drivers that pin, as their source says

Made by `scripts/results.py pinners --write`, from the tables in `scripts/gup-users.tables`
and the list `scripts/gup-users.series`. A table has all calls of pin_user_pages*(),
get_user_pages*() and memfd_pin_folios() in a kernel's source package, but for those in
mm/gup.c itself. Coccinelle finds the calls and their gup_flags; this prints a table:

    scripts/gup-users 7.3                       # or a directory with a kernel's source
    scripts/gup-users --verdict held --file 'drivers/*' 6.1
    scripts/gup-users --json 6.12

`WRITE?` is FOLL_WRITE under a condition, which the table has; `...` stands for what is
not constant.

## The drivers of the series

To make R/O long-term pins reliable, ten drivers passed `FOLL_FORCE` before Linux 6.2:
together with `FOLL_WRITE` it broke COW by a write fault. Patches 10 to 19 of the series took
it from them, as patch 9 made GUP itself unshare the page. (ivtv passed `FOLL_FORCE`
without `FOLL_WRITE` and without `FOLL_LONGTERM`; it was no workaround there.)
"""

VERDICTS_HEAD = """
## All calls by verdict
"""

ODD_HEAD = """
## Calls that stand out
"""

CLEAN_HEAD = """
## Calls that may write, in a file that makes no page dirty

GUP's lockless walk takes a page that may be written and leaves it clean, so that whoever
writes through a pin or a reference has to make it dirty, at the latest at the release:
reclaim drops a clean page of a process, with what was written
([io_uring](../scripts/upstream/io-uring-buffer-released-clean/report.md),
[udmabuf](../scripts/upstream/udmabuf-folios-released-clean/report.md),
[AF_ALG](../scripts/upstream/af-alg-result-released-clean/report.md)). These files call
nothing that does. That is a place to look, and no finding: another file may release the pages
(of the frame vector videobuf2 does), or the device may only read. AF_ALG is not among them, since
iov_iter_extract_pages() pins for it.
"""

NO_ROW = """
## Pinners that the suite does not have

One can be had on the stock kernels, and yet is no pinner of the suite:

- uprobes, `kernel/events/uprobes.c`: to set a breakpoint takes a reference with `FOLL_FORCE`
  (6.1, 6.12: and `FOLL_SPLIT_PMD`; 7.3: and `FOLL_WRITE | FOLL_SPLIT_PMD`), and puts it before
  the call returns. valid_vma() admits only a private mapping of a file that is not hugetlb,
  may be executed, and is not writable: of what the suite makes, only private mappings of
  files in the condition `mprotect-read`. Nothing stays referenced that could be held or
  looked through: what is left is a copy with a breakpoint, which a write to `/proc/PID/mem`
  makes as well (`proc-mem-write`).
"""

# In the list of calls that stand out.
ODD = ("not-flags", "get-flag", "held")


@dataclass
class Driver:
    """A section of the list; see there."""

    patch: str
    name: str
    files: List[str]
    since: Dict[str, str]
    by: str

    def rows(self, rows: Sequence[gup_users.Recorded]) -> List[gup_users.Recorded]:
        return [row for row in rows if any(fnmatch(row.file, f) for f in self.files)]

    def cell(self, kernel: str, rows: Sequence[gup_users.Recorded]) -> str:
        """Its calls in a kernel, each once."""
        calls = dict.fromkeys(f"{row.call}() {row.gup_flags.replace('|', chr(92) + '|')}"
                              for row in self.rows(rows))
        return "<br>".join(calls) or self.since[kernel]


def read(path: Path) -> List[Driver]:
    """Read the list of drivers."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(path.read_text(encoding="utf-8"), path.name)
    drivers = []
    for patch in parser.sections():
        section = parser[patch]
        try:
            since = dict(line.split(None, 1)
                         for line in section.get("since", "").split("\n") if line)
            drivers.append(Driver(patch.split()[1], section["driver"],
                                  section["files"].split(), since, section["by"]))
        except (KeyError, ValueError, IndexError) as err:
            raise gup_users.BadUsers(f"{path.name}: [{patch}]: expected 'driver', 'files' "
                                     f"and 'by', found none or another form: {err}")
    return drivers


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> List[str]:
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def _without_clean(reason: str) -> str:
    return reason.removesuffix(gup_users.CLEAN).removesuffix(". ")


def _clean_calls(tables: Dict[str, List[gup_users.Recorded]]) -> List[str]:
    """A line for each file whose calls may write, and that makes no page dirty."""
    found: Dict[str, Dict[str, None]] = {}
    kernels: Dict[str, Dict[str, None]] = {}
    for kernel, rows in tables.items():
        for row in rows:
            if row.reason.endswith(gup_users.CLEAN):
                found.setdefault(row.file, {})[f"{row.function}(): `{row.call}()`"] = None
                kernels.setdefault(row.file, {})[kernel] = None
    return ["", *(f"- `{file}`, {', '.join(found[file])}. [{', '.join(kernels[file])}]"
                  for file in sorted(found))]


def _odd_calls(tables: Dict[str, List[gup_users.Recorded]]) -> List[str]:
    """A line for all calls in a file that have the same note, with the kernels."""
    found: Dict[Tuple[str, str, str], Dict[str, None]] = {}
    kernels: Dict[Tuple[str, str, str], Dict[str, None]] = {}
    for kernel, rows in tables.items():
        for row in rows:
            # The conditions are in the tables.
            note = _without_clean(row.reason)
            note = note.split(". ")[-1] if row.verdict == "held" else note
            key = (row.verdict, row.file, note)
            found.setdefault(key, {})[f"{row.function}(): `{row.call}()`"] = None
            kernels.setdefault(key, {})[kernel] = None
    lines = []
    for verdict in ODD:
        lines += ["", f"`{verdict}`: {gup_users.VERDICTS[verdict]}.", ""]
        for key in sorted(key for key in found if key[0] == verdict):
            lines.append(f"- `{key[1]}`, {', '.join(found[key])}. {key[2]}. "
                         f"[{', '.join(kernels[key])}]")
    return lines


def markdown(drivers: Sequence[Driver], directory: Path) -> str:
    """The page."""
    tables, versions = {}, {}
    for path in sorted(directory.iterdir(), key=lambda p: [*map(int, p.name.split("."))]):
        versions[path.name], tables[path.name] = gup_users.read_recorded(
            path.read_text(encoding="utf-8"), path.name)
    kernels = list(tables)
    counts = [[f"`{verdict}`", text,
               *(str(sum(row.verdict == verdict for row in tables[k])) for k in kernels)]
              for verdict, text in gup_users.VERDICTS.items()]
    counts.append(["all", "", *(str(len(tables[k])) for k in kernels)])
    lines = [
        HEAD,
        *_markdown_table(
            ["patch", "driver", *(versions[k] for k in kernels), "verified by"],
            [[d.patch, d.name, *(d.cell(k, tables[k]) for k in kernels), d.by]
             for d in drivers]),
        VERDICTS_HEAD,
        *_markdown_table(["verdict", "", *kernels], counts),
        ODD_HEAD.rstrip("\n"), *_odd_calls(tables),
        CLEAN_HEAD.rstrip("\n"), *_clean_calls(tables),
        NO_ROW.rstrip("\n")]
    return "\n".join(lines) + "\n"
