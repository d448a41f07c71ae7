# SPDX-License-Identifier: GPL-2.0-only
"""The sub-commands of scripts/results.py."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence

from . import (bench, coverage, errata, fuzz, gup_users, kunit, matrix, mutants, pinners,
               selftests, tap)

GOOD, BAD, USAGE = 0, 1, 2


def _lines(path: Path) -> List[str]:
    """Lines of a log, whatever bytes are in it."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n")


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _known(args: argparse.Namespace) -> List[errata.Erratum]:
    return errata.read(args.errata)


def do_count(args: argparse.Namespace) -> int:
    totals = tap.count(_lines(args.log), args.name or args.log.stem, args.status)
    for line in totals.details:
        print(line, file=sys.stderr)
    print(totals.passed, totals.failed, totals.skipped, totals.xfailed)
    return BAD if totals.failed else GOOD


def _page(args: argparse.Namespace, text: str, source: str) -> int:
    """Write a page that is made from something else, or see whether it is up to date."""
    if args.write:
        args.page.write_text(text, encoding="utf-8")
    elif text != (args.page.read_text(encoding="utf-8") if args.page.exists() else ""):
        print(f"{args.page.name}: expected what {source}, found something else: "
              f"run 'scripts/results.py {args.command} --write'")
        return BAD
    return GOOD


def do_errata(args: argparse.Namespace) -> int:
    text = errata.markdown(_known(args))
    if args.write or args.check:
        return _page(args, text, "suite/errata says")
    if args.markdown:
        sys.stdout.write(text)
    else:
        kernel = errata.Kernel.named(args.kernel) if args.kernel else None
        for erratum in _known(args):
            if not kernel or erratum.concerns(kernel):
                print(f"{erratum.ident}\t{erratum.effect}\t{erratum.what}")
    return GOOD


def do_selftests(args: argparse.Namespace) -> int:
    programs: List[selftests.Program] = []
    for source, log, names in args.run:
        programs += selftests.parse(_lines(Path(log)), source, names.split(","))
    judgement = selftests.judge(programs, _known(args), errata.Kernel.named(args.kernel),
                                not args.part)
    _print(selftests.tsv(judgement, args.kernel) if args.tsv
           else selftests.tap(judgement))
    return GOOD if selftests.is_good(judgement) else BAD


def do_kunit(args: argparse.Namespace) -> int:
    with open(args.json, encoding="utf-8") as file:
        verdicts = kunit.judge(json.load(file), args.source, args.arch, _known(args),
                               not args.part)
    lines, good = kunit.summary(verdicts)
    _print(lines)
    with open(args.results, "a", encoding="utf-8") as file:
        file.writelines(v.line() + "\n" for v in verdicts)
    return GOOD if good else BAD


def do_kunit_tap(args: argparse.Namespace) -> int:
    with open(args.results, encoding="utf-8") as file:
        _print(kunit.tap(map(kunit.Verdict.of_line, file)))
    return GOOD


def do_matrix(args: argparse.Namespace) -> int:
    with open(args.results, encoding="utf-8") as file:
        found = matrix.parse(file)
    kernels = args.kernel
    notes = matrix.notes(found)
    if args.json:
        args.json.write_text(json.dumps(matrix.as_json(found), indent=2) + "\n",
                             encoding="utf-8")
    if args.markdown:
        lines = [*matrix.table(found, kernels, True), "", *notes]
        args.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _print([*matrix.table(found, kernels, False), "", *notes, "",
            f"{len(found.cells)} programs on kernels, "
            f"{found.not_as_expected} not as expected"])
    return BAD if not found.cells or found.not_as_expected else GOOD


def do_fuzz_programs(args: argparse.Namespace) -> int:
    lines = _lines(args.log)
    programs = fuzz.last(lines) if args.last else fuzz.found(lines)
    sys.stdout.write(fuzz.text(programs))
    return GOOD if programs else BAD


def do_fuzz_coverage(args: argparse.Namespace) -> int:
    _print(fuzz.report(fuzz.coverage(args.module, fuzz.places(_lines(args.log)))))
    return GOOD


def _all_mutants(args: argparse.Namespace) -> List[mutants.Mutant]:
    known = mutants.read(args.list)
    return known.all(args.source) if args.source else known.written


def do_mutants(args: argparse.Namespace) -> int:
    numbered = list(enumerate(_all_mutants(args), 1))
    chosen = [m for m in numbered
              if (not args.name or any(fnmatch.fnmatch(m[1].name, name) for name in args.name))
              and (not args.written or not m[1].span)
              and (not args.series or m[1].origin.isdigit())
              and (not args.conditions or m[1].span)]
    for name in args.name:
        if not any(fnmatch.fnmatch(mutant.name, name) for _, mutant in numbered):
            raise mutants.BadMutant(f"expected the name of a mutant, found '{name}'; "
                                    "--list prints them")
    if args.survivors:
        found = mutants.results(_lines(args.survivors))
        chosen = [m for m in chosen if "end" in found.get(m[1].name, {}) and not
                  mutants.run(m[1], found[m[1].name], found.get("none", {})).is_killed]
    if args.sample:
        able = [m for m in chosen if not (m[1].equivalent or m[1].unreached)]
        chosen = mutants.sample(able, args.sample, args.seed)
    _print(f"{number} {mutant.name}" for number, mutant in chosen)
    return GOOD


def do_mutate(args: argparse.Namespace) -> int:
    mutants.apply(_all_mutants(args), args.source, args.tree)
    return GOOD


def do_mutant_log(args: argparse.Namespace) -> int:
    _print(mutants.unfinished(_lines(args.log), _lines(args.console)))
    return GOOD


def do_mutant_baseline(args: argparse.Namespace) -> int:
    problem = mutants.baseline(mutants.results(_lines(args.results)).get("none", {}))
    if problem:
        print(f"mutants: {problem}", file=sys.stderr)
    return BAD if problem else GOOD


def do_mutant_noticed(args: argparse.Namespace) -> int:
    found = mutants.results(_lines(args.results))
    about = [line for line in _lines(args.noticed) if line.startswith("#")]
    _print([line.rstrip("\n") for line in about])
    _print(mutants.noticed(mutants.read(args.list).written, found, _lines(args.noticed)))
    return GOOD


def do_mutant_report(args: argparse.Namespace) -> int:
    known = {mutant.name: mutant for mutant in _all_mutants(args)}
    found = mutants.results(_lines(args.results))
    tried = [mutants.run(known[name], found[name], found.get("none", {}))
             for name in (line.split()[1] for line in _lines(args.chosen) if line.strip())
             if "end" in found.get(name, {})]
    if args.tap:
        _print([f"1..{sum(1 for line in _lines(args.chosen) if line.strip())}",
                *(one.tap(nr) for nr, one in enumerate(tried, 1))])
        return GOOD if tried and all(one.is_good for one in tried) else BAD
    written = [r for r in tried if not r.mutant.span]
    conditions = [r for r in tried if r.mutant.span]
    if args.table:
        lines = mutants.table(written) if written else []
        if conditions:
            lines += ["", *mutants.by_function(conditions)]
        args.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for one in tried:
        _print(one.report())
    for what, group in (("written", written), ("made of conditions", conditions)):
        if group:
            _print([f"{len(group)} mutants, {what}:", *mutants.totals(group)])
    return GOOD if tried and all(one.is_good for one in tried) else BAD


def do_gcda(args: argparse.Namespace) -> int:
    files, rest = coverage.extract(_lines(args.log))
    for name in args.object:
        if not files.get(name):
            raise coverage.BadCoverage(f"expected counts of {name} in {args.log}, "
                                       "found none")
        (args.dir / f"{name}.gcda").write_bytes(files[name])
    _print(line for line in rest if line)
    return GOOD


def do_coverage(args: argparse.Namespace) -> int:
    tree = str(args.tree)
    ours, theirs = (coverage.outcomes(path.read_text(encoding="utf-8"), tree)
                    for path in (args.ours, args.theirs))
    lines = coverage.table(ours, theirs, args.function, args.file)
    if args.table:
        args.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    known = coverage.reasons(args.known.read_text(encoding="utf-8"), args.known.name)
    missed = coverage.missed(coverage.of_functions(ours, args.function), args.tree, known)
    _print([*lines, "", *map(str, missed)])
    return GOOD if all(m.why for m in missed) else BAD


def do_module_coverage(args: argparse.Namespace) -> int:
    counts = coverage.lines(args.counts.read_text(encoding="utf-8"), str(args.tree))
    lines = coverage.table_of_files(counts)
    if args.table:
        args.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    known = coverage.reasons(args.known.read_text(encoding="utf-8"), args.known.name)
    missed = coverage.missed(counts, args.tree, known)
    _print([*lines, "", *map(str, missed)])
    return GOOD if all(m.why for m in missed) else BAD


def do_gup_users(args: argparse.Namespace) -> int:
    if args.verdicts:
        width = max(map(len, gup_users.VERDICTS))
        _print(f"{v:<{width}}  {text}" for v, text in gup_users.VERDICTS.items())
        return GOOD
    if not args.tree or not args.files or not args.facts:
        raise gup_users.BadUsers("expected --files, --facts and a tree")
    gup_users.check_prototypes(args.tree)
    notes = gup_users.read_notes(args.notes.read_text(encoding="utf-8"), args.notes.name)
    with open(args.facts, encoding="utf-8") as file:
        facts = gup_users.read_facts(file)
    rows = gup_users.users(args.tree, args.files.read_text().split(), facts, notes)
    if args.how in ("record", "check"):
        return _recorded(args, rows)
    rows = gup_users.chosen(rows, args.verdict, args.file)
    if args.how == "json":
        print(json.dumps([row.as_json() for row in rows], indent=2))
    else:
        _print([*gup_users.table(rows), "", gup_users.totals(rows)])
    return GOOD


def _recorded(args: argparse.Namespace, rows: List[gup_users.Row]) -> int:
    """Write the recorded table of a kernel, or compare with it."""
    path = gup_users.TABLES / args.name
    of = gup_users.version(args.tree)
    if args.how == "record":
        path.write_text(gup_users.recorded(rows, of), encoding="utf-8")
        print(f"{path.name}: {gup_users.totals(rows)}")
        return GOOD
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = gup_users.tap(rows, of, there, args.name, args.count)
    _print(lines)
    return BAD if any(line.startswith("not ok") for line in lines) else GOOD


def do_pinners(args: argparse.Namespace) -> int:
    text = pinners.markdown(pinners.read(args.list), gup_users.TABLES)
    if args.write or args.check:
        return _page(args, text, "the recorded tables of gup-users say")
    sys.stdout.write(text)
    return GOOD


def _runs(args: argparse.Namespace) -> Dict[str, bench.Run]:
    return {kernel: bench.parse(Path(file).read_text(encoding="utf-8"), file)
            for kernel, file in args.run}


def do_bench(args: argparse.Namespace) -> int:
    _print(bench.table(_runs(args), bench.goals(args.goals.read_text(encoding="utf-8"))))
    return GOOD


def do_bench_check(args: argparse.Namespace) -> int:
    run, = _runs(args).values()
    lines, good = bench.check(run, bench.recorded(args.table.read_text(encoding="utf-8")),
                              bench.goals(args.goals.read_text(encoding="utf-8")))
    _print(lines)
    return GOOD if good else BAD


def do_bench_record(args: argparse.Namespace) -> int:
    (kernel, run), = _runs(args).items()
    if args.table.exists():
        old = bench.recorded(args.table.read_text(encoding="utf-8"))
        lost = bench.lost(run, old, bench.goals(args.goals.read_text(encoding="utf-8")))
        _print(lost)
        if lost:
            return BAD
    text = bench.record(run, kernel)
    page = bench.readme(args.readme.read_text(encoding="utf-8"), bench.recorded(text))
    args.table.write_text(text, encoding="utf-8")
    args.readme.write_text(page, encoding="utf-8")
    return GOOD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="results.py", description="Count, compare and tabulate what tests print.",
        epilog="Exit status: 0 good, 1 something failed or is not as it should be, "
               "2 wrong usage or input that cannot be read.")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)

    def command(name: str, do, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(do=do)
        return sub

    def with_errata(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--errata", type=Path, default=errata.ERRATA, metavar="FILE",
                         help="the list of kernel bugs [userspace/suite/errata]")

    def with_part(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--part", action="store_true",
                         help="not all test cases ran: report no unexpected pass")

    sub = command("count", do_count, "count the results in a TAP log: prints 'PASSED "
                  "FAILED SKIPPED XFAILED', and on stderr what failed or was skipped")
    sub.add_argument("--name", help="what ran, for messages [the name of the log]")
    sub.add_argument("--status", type=int, default=0, help="its exit status [0]")
    sub.add_argument("log", type=Path)

    sub = command("errata", do_errata, "list the kernel bugs, or make their page")
    with_errata(sub)
    sub.add_argument("--page", type=Path, default=errata.PAGE, metavar="FILE",
                     help="the page [userspace/KERNEL-BUGS.md]")
    how = sub.add_mutually_exclusive_group()
    how.add_argument("--markdown", action="store_true", help="print the page")
    how.add_argument("--write", action="store_true", help="write the page")
    how.add_argument("--check", action="store_true",
                     help="is the page what the list says?")
    how.add_argument("--kernel", help="list only those of this kernel")

    sub = command("selftests", do_selftests, "judge logs of scripts/selftests, as TAP")
    with_errata(sub)
    with_part(sub)
    sub.add_argument("--kernel", required=True, help="its name, or build directory")
    sub.add_argument("--tsv", action="store_true", help="lines of 'KERNEL SOURCE "
                     "PROGRAM kind text seconds' with tabs between")
    sub.add_argument("--run", nargs=3, action="append", required=True,
                     metavar=("SOURCE", "LOG", "PROGRAMS"),
                     help="one log; PROGRAMS were started, with commas between")

    sub = command("kunit", do_kunit, "judge what kunit.py --json wrote")
    with_errata(sub)
    with_part(sub)
    sub.add_argument("--source", required=True, help="the kernel")
    sub.add_argument("--arch", required=True, help="um, x86_64 or module")
    sub.add_argument("--results", required=True, metavar="FILE",
                     help="append a line for each case there")
    sub.add_argument("json")

    sub = command("kunit-tap", do_kunit_tap, "print the results of 'kunit' as TAP")
    sub.add_argument("results")

    sub = command("matrix", do_matrix, "make the table of scripts/matrix")
    sub.add_argument("--json", type=Path, metavar="FILE")
    sub.add_argument("--markdown", type=Path, metavar="FILE")
    sub.add_argument("results", help="lines of scripts/selftests --tsv")
    sub.add_argument("kernel", nargs="+", help="columns of the table, in order")

    def with_list(sub: argparse.ArgumentParser, source: str = "--source") -> None:
        sub.add_argument("--list", type=Path, default=mutants.LIST, metavar="FILE",
                         help="the mutants [scripts/mutants.list]")
        sub.add_argument(source, type=Path, help="the kernel's source, which the mutants "
                         "of conditions are made of")

    sub = command("fuzz-programs", do_fuzz_programs,
                  "print the programs in the output of fuzz-test --print; status 1: none")
    sub.add_argument("--last", action="store_true",
                     help="the log is a console instead: those that ran last before a panic")
    sub.add_argument("log", type=Path)

    sub = command("fuzz-coverage", do_fuzz_coverage,
                  "tell how much of the module fuzz-test has reached")
    sub.add_argument("module", type=Path, help="pinscope.ko, with debug information")
    sub.add_argument("log", type=Path, help="with the lines of fuzz-test --places")

    sub = command("mutants", do_mutants, "print numbers and names of mutants")
    with_list(sub)
    sub.add_argument("--written", action="store_true", help="only those of the list")
    sub.add_argument("--series", action="store_true", help="only those of the series' rules")
    sub.add_argument("--conditions", action="store_true",
                     help="only those that are made of conditions")
    sub.add_argument("--survivors", type=Path, metavar="RESULTS",
                     help="only those that were tried and not noticed")
    sub.add_argument("--sample", type=int, metavar="N", help="only N of them")
    sub.add_argument("--seed", default="", help="of the sample")
    sub.add_argument("name", nargs="*", help="a name, or a pattern")
    sub = command("mutate", do_mutate, "put all mutants into a source tree")
    with_list(sub, "source")
    sub.add_argument("tree", type=Path, help="a copy of the source, which is changed")
    sub = command("mutant-log", do_mutant_log, "the results of the mutant that a guest did "
                  "not come to an end with")
    sub.add_argument("log", type=Path, help="what scripts/guest-mutants printed")
    sub.add_argument("console", type=Path, help="what the kernel printed")
    sub = command("mutant-baseline", do_mutant_baseline,
                  "are there results without a mutant, and no failures?")
    sub.add_argument("results", type=Path)
    sub = command("mutant-noticed", do_mutant_noticed,
                  "print which test case or seed has noticed each mutant of the list")
    with_list(sub)
    sub.add_argument("results", type=Path)
    sub.add_argument("noticed", type=Path, help="what was printed before")
    sub = command("mutant-report", do_mutant_report, "say what noticed the mutants")
    with_list(sub)
    sub.add_argument("--table", type=Path, metavar="FILE",
                     help="write a table of them there, in Markdown")
    sub.add_argument("--tap", action="store_true", help="print only TAP, a test for each")
    sub.add_argument("results", type=Path)
    sub.add_argument("chosen", type=Path, help="their numbers and names")

    sub = command("gcda", do_gcda, "write the data files of gcov that a log has, and "
                  "print what follows them")
    sub.add_argument("log", type=Path)
    sub.add_argument("dir", type=Path)
    sub.add_argument("object", nargs="+", help="names without .gcda")

    sub = command("coverage", do_coverage, "make the table of scripts/coverage, and list "
                  "the outcomes that did not come to pass")
    sub.add_argument("--tree", type=Path, required=True, help="the source")
    sub.add_argument("--ours", type=Path, required=True, help="JSON of pinscope test")
    sub.add_argument("--theirs", type=Path, required=True,
                     help="JSON of the kernel's selftests")
    sub.add_argument("--file", action="append", default=[], metavar="NAME",
                     help="a row for all of this source file, such as mm/gup.c")
    sub.add_argument("--known", type=Path, default=coverage.KNOWN, metavar="FILE",
                     help="the reasons [scripts/coverage.known]")
    sub.add_argument("--table", type=Path, metavar="FILE")
    sub.add_argument("function", nargs="+")

    sub = command("module-coverage", do_module_coverage, "make the table of scripts/coverage "
                  "--module, and list the lines that did not run")
    sub.add_argument("--tree", type=Path, required=True, help="where the module was built")
    sub.add_argument("--known", type=Path, default=coverage.KNOWN_OF_MODULE,
                     metavar="FILE", help="the reasons [scripts/coverage-module.known]")
    sub.add_argument("--table", type=Path, metavar="FILE")
    sub.add_argument("counts", type=Path, help="JSON of gcov")

    sub = command("gup-users", do_gup_users, "make the table of scripts/gup-users")
    sub.add_argument("--notes", type=Path, default=gup_users.NOTES, metavar="FILE",
                     help="for how long pages are held [scripts/gup-users.notes]")
    sub.add_argument("--files", type=Path, metavar="FILE", help="a path of each line")
    sub.add_argument("--facts", type=Path, metavar="FILE",
                     help="what scripts/gup-users.cocci prints")
    sub.add_argument("--name", help="of the kernel, for the recorded table")
    sub.add_argument("--count", type=int, help="of the calls outside <linux/mm.h>, "
                     "by other means, for --check")
    sub.add_argument("--verdict", action="append", default=[],
                     choices=list(gup_users.VERDICTS), help="only such calls")
    sub.add_argument("--file", action="append", default=[], metavar="GLOB",
                     help="only calls in such files")
    how = sub.add_mutually_exclusive_group()
    for name, text in (("table", "print a table [the default]"), ("json", "print JSON"),
                       ("record", "write the recorded table"),
                       ("check", "compare with the recorded table")):
        how.add_argument(f"--{name}", dest="how", action="store_const", const=name,
                         help=text)
    how.add_argument("--verdicts", action="store_true", help="explain the verdicts")
    sub.add_argument("tree", type=Path, nargs="?", help="the source")

    sub = command("pinners", do_pinners, "make the page about drivers that pin")
    sub.add_argument("--list", type=Path, default=pinners.LIST, metavar="FILE",
                     help="the drivers [scripts/gup-users.series]")
    sub.add_argument("--page", type=Path, default=pinners.PAGE, metavar="FILE",
                     help="the page [userspace/PINNERS.md]")
    how = sub.add_mutually_exclusive_group()
    how.add_argument("--write", action="store_true", help="write the page")
    how.add_argument("--check", action="store_true",
                     help="is the page what the tables say?")

    def with_bench(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--table", type=Path, default=bench.RECORDED, metavar="FILE",
                         help="the recorded table [scripts/bench.table]")
        sub.add_argument("--goals", type=Path, default=bench.GOALS, metavar="FILE",
                         help="the goals [scripts/bench.goals]")
        sub.add_argument("--run", nargs=2, action="append", required=True,
                         metavar=("KERNEL", "JSON"),
                         help="what 'pinscope bench --json' printed there")

    sub = command("bench", do_bench, "make the table of scripts/bench")
    with_bench(sub)
    sub = command("bench-check", do_bench_check, "compare a run with the recorded table "
                  "and the goals, as TAP")
    with_bench(sub)
    sub = command("bench-record", do_bench_record, "write the recorded table, and its "
                  "figures into README.md")
    with_bench(sub)
    sub.add_argument("--readme", type=Path, default=bench.README, metavar="FILE")
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a sub-command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        return args.do(args)
    except (errata.BadErrata, mutants.BadMutant, coverage.BadCoverage,
            bench.BadBench, gup_users.BadUsers, OSError, ValueError) as err:
        print(f"results.py: {err}", file=sys.stderr)
        return USAGE
