#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of scripts/results.py, as TAP; needs neither network nor VM.

usage: scripts/test_results.py [NAME]...

A test's name is the first line of its docstring, and NAME is a part of it.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import sys
import tempfile
import unittest
from pathlib import Path
from typing import List, Tuple

# For 'python3 -m unittest', which does not look beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from results import (bench, cli, coverage, errata, fuzz, gup_users, kunit, matrix, mutants, pinners,
                     selftests, tap)

BUGS = errata.parse("""\
# a comment
[stale-pin]
what = A pin is
	stale.
kernels = -6.2
effect = fail
suite = *zeropage.*/*[a-z]+LONGTERM:reliable hugetlb-private\\[*
	memfd-private.*
kunit = x86_64|module pinscope_gup\\.pin_(fast_)?longterm_read\\.zeropage
selftest =
	.* cow 2 ^R/O longterm GUP(-fast)? pin \\.\\.\\. with (shared zeropage|memfd):

[livelock]
what = A pin never ends.
kernels = 6.2-7.4
effect = hang
kunit = x86_64|module pinscope_unshare\\.unshare_page\\.memfd-private-thp
selftest = 6\\.12 gup_longterm - ^hang

[flaky]
what = A count is wrong at times.
effect = sometimes
selftest = .* ksm_functional_tests - updated after merging

[no-thp]
what = The kernel has no THP.
release = -rt
effect = skip
selftest = .* soft-dirty - Transparent Hugepages
""")


def ids(entries) -> List[str]:
    return [entry.ident for entry in entries]


def run(*argv: str) -> Tuple[int, str, str]:
    """Run a sub-command: exit status, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(argv)
        except SystemExit as stop:
            status = stop.code
    return status, out.getvalue(), err.getvalue()


class WithDirectory(unittest.TestCase):
    """Has a directory for files, self.dir."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.dir = Path(temporary.name)

    def file(self, name: str, text: str) -> str:
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)


class ErrataTest(unittest.TestCase):

    def test_fields(self):
        """errata: all keys are read, continued lines are joined"""
        bug = BUGS[0]
        self.assertEqual(ids(BUGS), ["stale-pin", "livelock", "flaky", "no-thp"])
        self.assertEqual(bug.what, "A pin is stale.")
        self.assertEqual(bug.effect, "fail")
        self.assertEqual((bug.first, bug.before), (None, (6, 2)))
        self.assertEqual(bug.suite, ["*zeropage.*/*[a-z]+LONGTERM:reliable",
                                     "hugetlb-private\\[*", "memfd-private.*"])
        self.assertEqual(bug.selftest[0].count, 2)
        self.assertIsNone(BUGS[1].selftest[0].count)

    def test_kernels(self):
        """errata: FROM is inclusive, BEFORE exclusive, minor numbers are numbers"""
        for name, expected in (("6.1", ["stale-pin", "flaky"]),
                               ("6.2", ["livelock", "flaky"]),
                               ("6.12-full", ["livelock", "flaky"]),
                               ("7.3", ["livelock", "flaky"]),
                               ("7.4", ["flaky"]),
                               ("6.12-rt", ["livelock", "flaky", "no-thp"])):
            with self.subTest(kernel=name):
                kernel = errata.Kernel.named(name)
                self.assertEqual(ids(errata.of_kernel(BUGS, kernel)), expected)

    def test_build_directory(self):
        """errata: a build directory is the kernel of its kernel.release"""
        with tempfile.TemporaryDirectory() as build:
            release = Path(build) / "include" / "config" / "kernel.release"
            release.parent.mkdir(parents=True)
            release.write_text("6.12.117-rt5\n")
            kernel = errata.Kernel.named(build)
        self.assertEqual(kernel.version, (6, 12))
        self.assertIn("no-thp", ids(errata.of_kernel(BUGS, kernel)))

    def test_no_kernel(self):
        """errata: what is no kernel is said to be none"""
        with self.assertRaisesRegex(ValueError, "expected the name of a kernel.*'foo'"):
            errata.Kernel.named("foo")

    def test_bad(self):
        """errata: a line that cannot be read is named, with what was expected"""
        head = "[a]\nwhat = X.\n"
        for text, message in (
                ("what = X.\n", "errata:1: expected '[id]' before the first key, found 'what'"),
                (head + "effect = fails\n", "errata:3: expected an effect (fail, hang, "
                 "sometimes, skip), found 'fails'"),
                (head, "errata:1: expected 'effect =' in [a], found none"),
                ("[a]\neffect = fail\n[b]\n", "errata:1: expected 'what =' in [a], found none"),
                (head + "kernels = 6.2\n", "errata:3: expected kernels as FROM-BEFORE, such "
                 "as 6.2-6.13, 6.2- or -6.2, found '6.2'"),
                (head + "kernels = -\n", "errata:3: expected kernels as FROM-BEFORE, such "
                 "as 6.2-6.13, 6.2- or -6.2, found '-'"),
                (head + "efect = fail\n", "errata:3: expected a key (what, why, kernels, "
                 "release, effect, introduced, fixed, report, suite, kunit, selftest), "
                 "found 'efect'"),
                (head + "what = Y.\n", "errata:3: expected 'what' once in [a], found it "
                 "again, after line 2"),
                (head + "effect = fail\n[a]\n", "errata:4: expected an id that is new, "
                 "found [a], which line 1 has"),
                (head + "kunit = x86_64\n", "errata:3: expected ARCH-REGEX CASE-REGEX, "
                 "found 'x86_64'"),
                (head + "selftest =\n\t.* cow many x\n", "errata:4: expected COUNT to be a "
                 "number or '-', found 'many'"),
                (head + "selftest =\n\t.* cow 1\n", "errata:4: expected SOURCE-REGEX "
                 "PROGRAM-REGEX COUNT TEXT-REGEX, found '.* cow 1'"),
                (head + "release = (\n", "errata:3: expected a regular expression, found "
                 "'(' (missing ), unterminated subpattern at position 0)"),
                (head + "suite = *\n\t@(thp|file\\[*).*\n", "errata:4: expected no backslash "
                 "between '(' and ')', which fnmatch() does not match, found "
                 "'@(thp|file\\[*).*'"),
                (head + "suite = hugetlb-anon[1G].*\n", "errata:3: expected '\\[' or a range "
                 "such as [a-z], found 'hugetlb-anon[1G].*'"),
                (head + "suite =\n", "errata:3: expected a value for 'suite', found nothing"),
                (head + "some words\n", "errata:3: expected 'key = value' or '[id]', found "
                 "'some words'"),
                ("\tsome words\n", "errata:1: expected 'key = value' or '[id]', found "
                 "'some words'"),
                ("[A b]\n", "errata:1: expected 'key = value' or '[id]', found '[A b]'")):
            with self.subTest(text=text):
                with self.assertRaises(errata.BadErrata) as caught:
                    errata.parse(text)
                self.assertEqual(str(caught.exception), message)

    def test_markdown(self):
        """errata: the page has bugs first, then what kernels lack"""
        page = errata.markdown(BUGS)
        self.assertLess(page.index("### flaky"), page.index("## What kernels lack"))
        self.assertLess(page.index("## What kernels lack"), page.index("### no-thp"))
        self.assertIn("- Kernels: from 6.2, before 7.4; its test cases never return\n", page)
        self.assertIn("- Kernels: all, release matches `-rt`; its test cases are skipped\n",
                      page)

    def test_own_list(self):
        """errata: the project's own list can be read, and its page is up to date"""
        self.assertTrue(errata.read())
        self.assertEqual(run("errata", "--check"), (0, "", ""))


class ErrataCommandTest(WithDirectory):

    def test_page(self):
        """errata --check: a page that is out of date is, until --write"""
        options = ("--errata", self.file("errata", "[a]\nwhat = X.\neffect = fail\n"),
                   "--page", self.file("PAGE.md", "old\n"))
        status, out, _ = run("errata", "--check", *options)
        self.assertEqual((status, out), (1, "PAGE.md: expected what suite/errata says, found "
                         "something else: run 'scripts/results.py errata --write'\n"))
        run("errata", "--write", *options)
        self.assertEqual(run("errata", "--check", *options)[0], 0)

    def test_bad(self):
        """errata: a bad file is an error of usage"""
        status, _, err = run("errata", "--errata", self.file("errata", "x\n"))
        self.assertEqual((status, err), (2, "results.py: errata:1: expected 'key = value' or "
                                         "'[id]', found 'x'\n"))


class CountTest(WithDirectory):

    def count(self, text: str, status: int = 0) -> tap.Totals:
        return tap.count(text.splitlines(), "suite-6.12", status)

    def test_verdicts(self):
        """count: passed, failed, skipped, XFAIL is a pass, XPASS a failure"""
        totals = self.count("""\
KTAP version 1
1..5
ok 1 anon.fresh/pin:setup
not ok 2 anon.fresh/pin:replaced # PFN 0x1234 became 0x1235
ok 3 thp.cma/pin:setup # SKIP no CMA
ok 4 zeropage.fresh/pin+LONGTERM:reliable # XFAIL stale-pin: A pin is stale.
ok 5 erratum livelock # XPASS expected failures, all 3 of its test cases passed
""")
        self.assertEqual((totals.passed, totals.failed, totals.skipped, totals.xfailed),
                         (2, 2, 1, 1))

    def test_details(self):
        """count: what failed or was skipped is shown with the lines before it"""
        totals = self.count("""\
# about the first
ok 1 - PIN: a page
# before: PFN 0x12
not ok 2 - PIN: two pages
ok 3 - PIN: THP # SKIP no THP
# about all
1..3
""")
        self.assertEqual(totals.details, ["# before: PFN 0x12", "not ok 2 - PIN: two pages",
                                          "ok 3 - PIN: THP # SKIP no THP", "# about all"])

    def test_plan(self):
        """count: fewer results than planned are a failure"""
        totals = self.count("1..3\nok 1 a\nok 2 b\n")
        self.assertEqual((totals.passed, totals.failed), (2, 1))
        self.assertEqual(totals.details, ["not ok - suite-6.12: expected the 3 results of the "
                                          "plan, found 2"])

    def test_no_plan(self):
        """count: an empty log is a failure"""
        totals = self.count("")
        self.assertEqual(totals.failed, 1)
        self.assertEqual(totals.details, ["not ok - suite-6.12: expected a plan '1..N', found "
                                          "none beside 0 results"])

    def test_status(self):
        """count: an exit status is a failure unless there is one already"""
        good, bad = "ok 1 a\n1..1\n", "not ok 1 a\n1..1\n"
        self.assertEqual(self.count(good, 125).details,
                         ["not ok - suite-6.12: exit status 125, expected 0 when nothing fails"])
        self.assertEqual(self.count(bad, 1).failed, 1)
        self.assertEqual(self.count("ok 1 erratum x # XPASS\n1..1\n", 125).failed, 2)

    def test_no_result(self):
        """count: words that only begin with ok are no result"""
        self.assertEqual(self.count("okay\nnot okay\nok 1\n1..1\n").passed, 1)

    def test_command(self):
        """count: totals go to stdout, details to stderr"""
        log = self.file("tool-6.1.tap", "not ok 1 - info\nok 2 - shell\n1..2\n")
        self.assertEqual(run("count", log), (1, "1 1 0 0\n", "not ok 1 - info\n"))
        self.assertEqual(run("count", self.file("a.tap", "ok 1 - a\n1..1\n")),
                         (0, "1 0 0 0\n", ""))


COW = """\
@@ begin cow
# [INFO] detected THP size: 2048 KiB
TAP version 13
1..4
# [INFO] Anonymous memory tests in private mappings
# [RUN] Basic COW after fork() ... with base page
ok 1 No leak from parent into child
# [RUN] vmsplice() + unmap in child ... with hugetlb (2048 kB)
ok 2 # XFAIL Leak from parent into child
# [RUN] R/O longterm GUP pin ... with shared zeropage
not ok 3 Longterm R/O pin is reliable
# [RUN] R/O longterm GUP-fast pin ... with memfd
not ok 4 Longterm R/O pin is reliable
# 2 out of 4 tests failed
# Totals: pass:1 fail:2 xfail:1 xpass:0 skip:0 error:0

@@ end cow 1 14
"""


class SelftestsTest(WithDirectory):

    def judge(self, log: str, kernel: str, *programs: str, source: str = "6.12",
              whole: bool = True) -> selftests.Judgement:
        found = selftests.parse(log.splitlines(), source, programs)
        return selftests.judge(found, BUGS, errata.Kernel.named(kernel), whole)

    def kinds(self, judgement: selftests.Judgement) -> List[Tuple[str, str]]:
        return [(c.kind, c.text) for p in judgement.programs for c in p.cases]

    def test_tap(self):
        """selftests: TAP, each result with the test that it is of"""
        judgement = self.judge(COW, "6.12", "cow")
        self.assertEqual(self.kinds(judgement), [
            ("ok", "Basic COW after fork() ... with base page: No leak from parent into child"),
            ("xfail", "vmsplice() + unmap in child ... with hugetlb (2048 kB): # XFAIL Leak "
             "from parent into child"),
            ("fail", "R/O longterm GUP pin ... with shared zeropage: Longterm R/O pin is "
             "reliable"),
            ("fail", "R/O longterm GUP-fast pin ... with memfd: Longterm R/O pin is reliable")])
        self.assertFalse(selftests.is_good(judgement))
        self.assertEqual(judgement.programs[0].seconds, 14)

    def test_known(self):
        """selftests: failures of an erratum are XFAIL, and the program passes"""
        judgement = self.judge(COW, "6.1", "cow")
        self.assertTrue(selftests.is_good(judgement))
        self.assertEqual(selftests.tap(judgement), [
            "ok 1 6.12 cow: R/O longterm GUP pin ... with shared zeropage: Longterm R/O pin is "
            "reliable # XFAIL stale-pin: A pin is stale.",
            "ok 2 6.12 cow: R/O longterm GUP-fast pin ... with memfd: Longterm R/O pin is "
            "reliable # XFAIL stale-pin: A pin is stale.",
            "ok 3 6.12 cow: 1 ok, 2 expected failures, 1 xfail, 14 s",
            "1..3"])

    def test_number(self):
        """selftests: another number of failures than the erratum's is a failure"""
        log = COW.replace("not ok 4", "ok 4")
        judgement = self.judge(log, "6.1", "cow")
        self.assertIn(("fail", "erratum stale-pin: expected 2 results that match '^R/O longterm "
                       "GUP(-fast)? pin \\.\\.\\. with (shared zeropage|memfd):', found 1"),
                      self.kinds(judgement))
        self.assertEqual(judgement.unexpected, [])

    def test_unexpected_pass(self):
        """selftests: an erratum that nothing shows is XPASS, but not of a part"""
        log = COW.replace("not ok", "ok").replace("end cow 1", "end cow 0")
        judgement = self.judge(log, "6.1", "cow")
        self.assertTrue(selftests.is_good(judgement))
        self.assertEqual(selftests.tap(judgement)[-2:], [
            "ok 2 erratum stale-pin # XPASS expected failures, all 2 of its test cases passed: "
            "is it mended here? narrow kernels= in errata", "1..2"])
        self.assertEqual(selftests.tsv(judgement, "6.1")[-1].split("\t")[:4],
                         ["6.1", "-", "-", "xpass"])
        part = self.judge(log, "6.1", "cow", whole=False)
        self.assertEqual(part.unexpected, [])
        self.assertFalse(selftests.is_good(part))

    def test_sometimes(self):
        """selftests: an erratum of effect sometimes may show or not"""
        log = ("@@ begin ksm_functional_tests\nTAP version 13\n1..1\n# [RUN] test_unmerge\n"
               "{}ok 1 'ksm_zero_pages' updated after merging\n"
               "@@ end ksm_functional_tests {} 3\n")
        for bad, status in (("not ", 1), ("", 0)):
            judgement = self.judge(log.format(bad, status), "7.3", "ksm_functional_tests")
            self.assertTrue(selftests.is_good(judgement))
            self.assertEqual(judgement.unexpected, [])

    def test_skip(self):
        """selftests: a skip is bad, but for what the kernel lacks"""
        log = ("@@ begin soft-dirty\nTAP version 13\n1..2\nok 1 Test test_simple\n"
               "ok 2 # SKIP Transparent Hugepages not available\n@@ end soft-dirty 0 1\n")
        judgement = self.judge(log, "6.12", "soft-dirty")
        self.assertFalse(selftests.is_good(judgement))
        self.assertEqual(selftests.tap(judgement)[0],
                         "# 6.12 soft-dirty: skip: # SKIP Transparent Hugepages not available")
        judgement = self.judge(log, "6.12-rt", "soft-dirty")
        self.assertTrue(selftests.is_good(judgement))
        self.assertEqual(selftests.tap(judgement)[0],
                         "# 6.12 soft-dirty: skip: # SKIP Transparent Hugepages not available "
                         "(no-thp)")

    def test_own_text(self):
        """selftests: text of uffd-unit-tests and of programs with a status only"""
        log = ("@@ begin uffd-unit-tests\n"
               "Testing UFFDIO_API (with syscall)... done\n"
               "Testing register-ioctls on anon... done\n"
               "Testing minor-collapse on shmem... skipped [reason: feature missing]\n"
               "Testing wp-fork on hugetlb-private... failed [reason: pagemap]\n"
               "Testing sigbus on anon... ERROR: pthread_create\n"
               "Userfaults unit tests: pass=2, skip=1, fail=1 (total=4)\n"
               "@@ end uffd-unit-tests 1 20\n"
               "@@ begin hugetlb-madvise\n\n@@ end hugetlb-madvise 0 1\n"
               "@@ begin mkdirty\nno memory\n\n@@ end mkdirty 4 0\n"
               "@@ begin migration\nSegmentation fault\n\n@@ end migration 139 0\n")
        judgement = self.judge(log, "6.12", "uffd-unit-tests", "hugetlb-madvise", "mkdirty",
                               "migration")
        self.assertEqual([kind for kind, _ in self.kinds(judgement)],
                         ["ok", "ok", "skip", "fail", "fail", "ok", "skip", "fail"])
        self.assertEqual(self.kinds(judgement)[-3:],
                         [("ok", "hugetlb-madvise"), ("skip", "no memory"),
                          ("fail", "exit status 139: Segmentation fault")])

    def test_never_ends(self):
        """selftests: a program that never ends, or never begins, is a failure"""
        log = "@@ begin cow\n# [RUN] Basic COW after fork() ... with base page\nok 1 No leak\n"
        judgement = self.judge(log, "6.12", "cow", "gup_longterm")
        self.assertEqual(self.kinds(judgement), [
            ("ok", "Basic COW after fork() ... with base page: No leak"),
            ("fail", "did not finish"), ("fail", "did not finish")])
        self.assertFalse(selftests.is_good(judgement))

    def test_status(self):
        """selftests: a status that no result explains is a failure"""
        for status, expected in ((0, True), (1, False), (4, False), (143, False)):
            log = f"@@ begin mkdirty\nTAP version 13\n1..1\nok 1 a\n@@ end mkdirty {status} 0\n"
            self.assertEqual(selftests.is_good(self.judge(log, "6.12", "mkdirty")), expected)

    def test_command(self):
        """selftests: TSV has a line for each result and an end for each program"""
        log = self.file("log", COW)
        bugs = self.file("errata", "")
        status, out, _ = run("selftests", "--errata", bugs, "--kernel", "6.1", "--tsv",
                             "--run", "6.12", log, "cow,gup_test")
        lines = [line.split("\t") for line in out.splitlines()]
        self.assertEqual(status, 1)
        self.assertTrue(all(len(line) == 6 for line in lines))
        self.assertEqual([line for line in lines if line[3] == "end"],
                         [["6.1", "6.12", "cow", "end", "not ok", "14"],
                          ["6.1", "6.12", "gup_test", "end", "not ok", "0"]])


# What kunit.py of 6.12 writes, without the keys that nobody reads.
KUNIT = {
    "name": "KUnit Test Group", "test_cases": [], "arch": "", "git_branch": "kselftest",
    "sub_groups": [{
        "name": "pinscope_unshare", "arch": "",
        "sub_groups": [{
            "name": "unshare_page", "sub_groups": [], "arch": "",
            "test_cases": [{"name": "zeropage", "status": "PASS"},
                           {"name": "anon.cow-shared", "status": "PASS"},
                           {"name": "memfd-private-thp", "status": "FAIL"},
                           {"name": "hugetlb-anon[2M]", "status": "SKIP"}],
        }],
        "test_cases": [{"name": "gigantic", "status": "ERROR"}],
    }],
}


class KunitTest(WithDirectory):

    def judge(self, arch: str, whole: bool = True, **statuses: str) -> List[kunit.Verdict]:
        group = json.loads(json.dumps(KUNIT))
        for case in group["sub_groups"][0]["sub_groups"][0]["test_cases"]:
            case["status"] = statuses.get(case["name"].replace("-", "_"), case["status"])
        return kunit.judge(group, "6.12", arch, BUGS, whole)

    def test_verdicts(self):
        """kunit: verdicts by the path of a case, an erratum's failure is xfail"""
        self.assertEqual([(v.case, v.verdict, v.reason) for v in self.judge("x86_64")], [
            ("pinscope_unshare.gigantic", "fail", ""),
            ("pinscope_unshare.unshare_page.zeropage", "pass", ""),
            ("pinscope_unshare.unshare_page.anon.cow-shared", "pass", ""),
            ("pinscope_unshare.unshare_page.memfd-private-thp", "xfail",
             "livelock: A pin never ends."),
            ("pinscope_unshare.unshare_page.hugetlb-anon[2M]", "skip", "")])

    def test_architecture(self):
        """kunit: an erratum is of the architectures that it names"""
        self.assertIn(("pinscope_unshare.unshare_page.memfd-private-thp", "fail"),
                      [(v.case, v.verdict) for v in self.judge("um")])

    def test_summary(self):
        """kunit: the summary lists what is not as expected"""
        lines, good = kunit.summary(self.judge("x86_64"))
        self.assertEqual(lines, ["not as expected: pinscope_unshare.gigantic",
                                 "6.12 on x86_64: 2 passed, 1 failed, 1 expected failures, 1 "
                                 "skipped"])
        self.assertFalse(good)
        self.assertFalse(kunit.summary([])[1])

    def test_unexpected_pass(self):
        """kunit: an erratum that nothing shows is XPASS, which fails nothing itself"""
        verdicts = self.judge("x86_64", memfd_private_thp="PASS")[1:]
        self.assertEqual(verdicts[-1].verdict, "xpass")
        self.assertTrue(kunit.summary(verdicts)[1])
        self.assertEqual(kunit.tap(verdicts)[-2:], [
            "ok 5 erratum livelock # XPASS expected failures, all 1 of its test cases passed: "
            "is it mended here? narrow kernels= in errata", "1..5"])
        verdicts = self.judge("x86_64", whole=False, memfd_private_thp="PASS")
        self.assertNotIn("xpass", [v.verdict for v in verdicts])

    def test_tap(self):
        """kunit: TAP leaves out what is skipped, but on x86_64"""
        self.assertEqual(kunit.tap(self.judge("x86_64")), [
            "not ok 1 6.12 x86_64 pinscope_unshare.gigantic",
            "ok 2 6.12 x86_64 pinscope_unshare.unshare_page.zeropage",
            "ok 3 6.12 x86_64 pinscope_unshare.unshare_page.anon.cow-shared",
            "ok 4 6.12 x86_64 pinscope_unshare.unshare_page.memfd-private-thp # XFAIL livelock: "
            "A pin never ends.",
            "ok 5 6.12 x86_64 pinscope_unshare.unshare_page.hugetlb-anon[2M] # SKIP",
            "1..5"])
        self.assertEqual(kunit.tap(self.judge("um"))[-2:],
                         ["1..4", "# 1 cases need what UML or a module does not have"])

    def test_commands(self):
        """kunit: results of several runs are appended, and printed as one TAP"""
        group, bugs = self.file("k.json", json.dumps(KUNIT)), self.file("errata", "")
        lines = str(self.dir / "results")
        for arch in ("um", "x86_64"):
            self.assertEqual(run("kunit", "--source", "6.12", "--arch", arch, "--errata", bugs,
                                 "--results", lines, group)[0], 1)
        status, out, _ = run("kunit-tap", lines)
        self.assertEqual(status, 0)
        self.assertIn("\nok 6 6.12 x86_64 pinscope_unshare.unshare_page.zeropage\n", out)
        self.assertIn("\n1..9\n", out)


MATRIX = """\
6.1\t6.12\tcow\tok\tBasic COW: No leak\t0
6.1\t6.12\tcow\tknown-fail\tR/O pin: reliable # XFAIL stale-pin: A pin is stale.\t0
6.1\t6.12\tcow\tend\tok\t14
6.12\t6.12\tcow\tok\tBasic COW: No leak\t0
6.12\t6.12\tcow\tskip\tcollapsing: # SKIP no THP\t0
6.12\t6.12\tcow\tend\tnot ok\t15
6.1\t7.3\tcow\tskip\tcollapsing: # SKIP no THP\t0
6.1\t7.3\tcow\tend\tok\t4
"""
XPASS = "6.1\t-\t-\txpass\terratum {} # XPASS expected failures, all 2 of ...\t0\n"


class MatrixTest(WithDirectory):

    def parse(self, text: str) -> matrix.Matrix:
        return matrix.parse(text.splitlines(True))

    def test_table(self):
        """matrix: a cell has numbers and seconds, '!' when not as expected"""
        rows = matrix.table(self.parse(MATRIX), ["6.12", "6.1"], True)
        self.assertEqual([re.sub(" +", " ", row) for row in rows], [
            "| | 6.12 | 6.1 |", "| --- | --- | --- |",
            "| 6.12 cow | 1/0/0/1, 15 s ! | 1/1/0/0, 14 s |",
            "| 7.3 cow | | 0/0/0/1, 4 s |"])

    def test_notes(self):
        """matrix: a note names the kernels that it is about"""
        self.assertEqual(matrix.notes(self.parse(MATRIX + MATRIX.replace("6.1\t", "7.2\t"))), [
            "- known-fail: 6.12 cow: R/O pin: reliable # XFAIL stale-pin: A pin is stale. "
            "[6.1 7.2]",
            "- skip: 6.12 cow: collapsing: # SKIP no THP [6.12]",
            "- skip: 7.3 cow: collapsing: # SKIP no THP [6.1 7.2]"])

    def test_unexpected_pass(self):
        """matrix: an erratum that one source shows is no unexpected pass"""
        found = self.parse(MATRIX + XPASS.format("stale-pin") + XPASS.format("other") * 2)
        self.assertEqual([text.split()[1] for _, text in found.unexpected], ["other"])
        self.assertEqual(found.not_as_expected, 2)

    def test_command(self):
        """matrix: JSON, Markdown and the table"""
        outputs = [str(self.dir / name) for name in ("a.json", "a.md")]
        status, out, _ = run("matrix", "--json", outputs[0], "--markdown", outputs[1],
                             self.file("all", MATRIX), "6.12", "6.1")
        self.assertEqual(status, 1)
        self.assertTrue(out.endswith("\n3 programs on kernels, 1 not as expected\n"))
        first = json.loads(Path(outputs[0]).read_text())[0]
        self.assertEqual(first, {
            "kernel": "6.1", "source": "6.12", "program": "cow", "ok": 1, "not_ok": 1,
            "xfail": 0, "skip": 0, "failures": [], "skipped": [], "seconds": 14,
            "known_failures": ["R/O pin: reliable # XFAIL stale-pin: A pin is stale."],
            "as_expected": True})
        self.assertIn("| --- ", Path(outputs[1]).read_text())

    def test_nothing(self):
        """matrix: no results are not as expected"""
        self.assertEqual(run("matrix", self.file("all", ""), "6.12")[0], 1)


SOURCE = """\
static inline bool is_cow(vm_flags_t flags)
{
	return flags & VM_MAYWRITE;
}

#ifdef CONFIG_SMALL
static vm_fault_t do_wp_page(struct vm_fault *vmf) { return 0; }
#else
static vm_fault_t do_wp_page(struct vm_fault *vmf, int (*get)(int, int),
			     unsigned long long at[2])
	__releases(vmf->ptl)
{
	/* if (this) { is a comment; */
	if (unlikely(unshare && !is_cow(flags))) {
		return 0;
	}
	if (IS_ENABLED(CONFIG_NUMA) && at)
		x = "if (";
	if ((a == ')' || b) && ({ int x = c && d; x; }))
		return 1;
	return is_cow(flags) ||
	       get(1, a && b);
}
#endif

static void
__always_inline other(void)
{
	if (unlikely(unshare)) {
	}
}
"""
LIST = """\
# NAME ORIGIN FILE FUNCTION
wp-writable 6 mm/memory.c do_wp_page
	unshare does not make it writable
	- if (unlikely(unshare
	+ if ((0

wp-none 6 mm/memory.c do_wp_page
	nothing
	- return 0;\\n\\t}
	+ return 0 ;\\n\\t}
	- return 1;
	+ return 1 ;
	= It is the same.

other-never CVE-1 mm/memory.c other
	other() does something
	- unlikely(unshare)
	+ 0
	@ Only a driver sees it.

* mm/memory.c do_wp_page other

mm/memory.c:other:if1:negate
	~ Nobody calls it.
"""


class MutantsTest(WithDirectory):

    def list(self) -> List[mutants.Mutant]:
        self.file("source/mm/memory.c", SOURCE)
        return mutants.parse(LIST).all(self.dir / "source")

    def run_of(self, name: str, *lines: str) -> mutants.Run:
        found = mutants.results(f"{name}\t{line}\t0" for line in lines)
        return mutants.run({m.name: m for m in self.list()}[name], found[name],
                           {"kunit": ["pinscope_a.b.known"]})

    def test_list(self):
        """mutants: the list is read, with reasons and several edits"""
        first, none, hidden = mutants.parse(LIST).written
        self.assertEqual((first.name, first.origin, first.file, first.function),
                         ("wp-writable", "6", "mm/memory.c", "do_wp_page"))
        self.assertEqual((first.rule, first.edits),
                         ("unshare does not make it writable", [["if (unlikely(unshare",
                                                                 "if ((0"]]))
        self.assertEqual(none.edits, [["return 0;\n\t}", "return 0 ;\n\t}"],
                                      ["return 1;", "return 1 ;"]])
        self.assertEqual((none.equivalent, hidden.hidden, hidden.reason),
                         ("It is the same.", "Only a driver sees it.",
                          "Only a driver sees it."))

    def test_bad_list(self):
        """mutants: a line of the list that cannot be read is named"""
        for text, message in (
                ("a 1 b\n", "mutants.list:1: expected NAME ORIGIN FILE FUNCTION, found 'a 1 b'"),
                ("\trule\n", "mutants.list:1: expected NAME ORIGIN FILE FUNCTION before this, "
                 "found 'rule'"),
                ("a 1 b c\n\trule\n\t! x\n", "mutants.list:3: expected one of - + = @ ~ after "
                 "the tab, found '! x'"),
                ("a 1 b c\n\trule\n\t- x\n", "mutants.list: expected a rule, '-' and '+' for "
                 "a")):
            with self.assertRaises(mutants.BadMutant) as caught:
                mutants.parse(text)
            self.assertEqual(str(caught.exception), message)

    def test_own_list(self):
        """mutants: the project's own list can be read"""
        self.assertGreater(len(mutants.read().written), 150)

    def test_conditions(self):
        """mutants: each condition negated, each operand left out, but what is constant"""
        where = "mm/memory.c:do_wp_page:"
        made = {m.name: m for m in self.list()[3:]}
        self.assertEqual([name.replace(where, "") for name in made],
                         ["if1:negate", "if1:drop1", "if1:drop2",
                          "if3:negate", "if3:drop1", "if3:drop2", "if3:drop3", "if3:drop4",
                          "return1:drop1", "return1:drop2", "mm/memory.c:other:if1:negate"])
        function = mutants.Source(SOURCE).function("do_wp_page").text
        for name, text in (
                ("if1:negate", "if (pinscope_mutant_ran() && "
                 "!(unlikely(unshare && !is_cow(flags)))) {"),
                ("if1:drop1", "if (unlikely(((unshare) || pinscope_mutant_ran()) && "
                 "!is_cow(flags))) {"),
                ("if3:drop2", "if ((((a == ')') && !pinscope_mutant_ran()) || b) && ({"),
                ("if3:drop4", "|| b) && ((({ int x = c && d; x; })) || pinscope_mutant_ran()))\n"),
                ("return1:drop2", "return is_cow(flags) ||\n\t       "
                 "((get(1, a && b)) && !pinscope_mutant_ran());")):
            with self.subTest(mutant=name):
                self.assertIn(text, made[where + name].mutate(function))
        self.assertEqual(made[where + "if1:drop2"].rule, "!is_cow(flags) &&")
        self.assertEqual(made["mm/memory.c:other:if1:negate"].reason, "Nobody calls it.")

    def test_compose(self):
        """mutants: a copy of the function for each, that the function calls"""
        everything = self.list()
        text = mutants.compose(SOURCE, list(enumerate(everything, 1)))
        self.assertTrue(text.startswith("#include <linux/pinscope_mutant.h>\n"))
        self.assertIn("static noinline __maybe_unused vm_fault_t do_wp_page__1("
                      "struct vm_fault *vmf, int (*get)(int, int),\n", text)
        self.assertIn("\n\tpinscope_mutant_ran();\n\t/* if (this) { is a comment; */\n"
                      "\tif ((0 && !is_cow(flags))) {", text)
        self.assertIn("case 1: if (pinscope_mutant_here()) return do_wp_page__1(vmf, get, at);"
                      " break;", text)
        self.assertIn("static noinline __maybe_unused void\nother__3(void)\n", text)
        self.assertIn("case 3: if (pinscope_mutant_here()) { other__3(); return; } break;", text)
        # Without the copies and the switches it is what it was.
        text = re.sub(r"static noinline __maybe_unused .*?^}\n\n", "", text,
                      flags=re.DOTALL | re.MULTILINE)
        text = re.sub(r"\n\tif \(PINSCOPE_MUTANT\) .*?^\t}\n", "", text,
                      flags=re.DOTALL | re.MULTILINE)
        self.assertEqual(text, "#include <linux/pinscope_mutant.h>\n" + SOURCE)

    def test_bad_mutant(self):
        """mutants: a function or text that is not there once is an error"""
        for function, old, message in (
                ("do_wp", "x", "expected a definition of do_wp(), found none"),
                ("other", "VM", "m: expected 'VM' once in other(), found it 0 times"),
                ("do_wp_page", "return",
                 "m: expected 'return' once in do_wp_page(), found it 3 times")):
            with self.subTest(function=function):
                with self.assertRaises(mutants.BadMutant) as caught:
                    mutants.compose(SOURCE, [(1, mutants.Mutant(
                        "m", "", "f", function, edits=[[old, ""]]))])
                self.assertEqual(str(caught.exception), message)

    def test_apply(self):
        """mutate: files are replaced, another link stays as it was, the same is not written"""
        for name, text in (("mm/memory.c", SOURCE), ("mm/Makefile", "obj-y += gup.o\n"),
                           ("lib/kunit/test.c", "int kunit_run_tests(void)\n{\n}\n"),
                           ("include/linux/mm.h", "")):
            for tree in ("source", "tree"):
                path = self.file(f"{tree}/{name}", text)
        link = self.dir / "link.c"
        path = self.dir / "tree/mm/memory.c"
        os.link(path, link)
        command = ("mutate", "--list", self.file("list", LIST), str(self.dir / "source"),
                   str(self.dir / "tree"))
        self.assertEqual(run(*command), (0, "", ""))
        self.assertEqual(link.read_text(), SOURCE)
        self.assertIn("do_wp_page__1", path.read_text())
        self.assertIn("SYSTEM_RUNNING", (self.dir / "tree/lib/kunit/test.c").read_text())
        os.utime(path, (1, 1))
        self.assertEqual(run(*command), (0, "", ""))
        self.assertEqual(path.stat().st_mtime, 1)

    def test_choose(self):
        """mutants: chosen by name, by origin, and as a sample that the seed decides"""
        self.list()
        command = ("mutants", "--list", self.file("list", LIST))
        source = ("--source", str(self.dir / "source"))
        self.assertEqual(run(*command)[1], "1 wp-writable\n2 wp-none\n3 other-never\n")
        self.assertEqual(run(*command, *source, "--conditions", "*:return1:*")[1],
                         "12 mm/memory.c:do_wp_page:return1:drop1\n"
                         "13 mm/memory.c:do_wp_page:return1:drop2\n")
        self.assertEqual(run(*command, "--series")[1], "1 wp-writable\n2 wp-none\n")
        self.assertEqual(run(*command, "no-such")[0], 2)
        samples = [run(*command, *source, "--sample", "5", "--seed", seed)[1]
                   for seed in ("1", "1", "2")]
        self.assertEqual(samples[0], samples[1])
        self.assertNotEqual(samples[0], samples[2])
        self.assertEqual(samples[0].count("\n"), 5)
        everything = run(*command, *source, "--sample", "100")[1]
        self.assertIn("wp-writable", everything)
        self.assertNotIn("wp-none", everything)

    def test_unfinished(self):
        """mutant-log: a mutant that kills the guest is noticed by what the kernel says"""
        log = self.file("log", "@@ a\tend\t-\n@@ b\tbegin\t-\n@@ b\tsuite\tx\n")
        console = self.file("console", "pinscope-mutant: a\n[ 1.0] WARNING: a\n"
                            "pinscope-mutant: b\nx\n[ 2.0] BUG: b\n[ 2.1] Oops: c\n")
        self.assertEqual(run("mutant-log", log, console)[1],
                         "b\tsplat\tBUG: b\nb\tend\t-\n")
        self.assertEqual(run("mutant-log", log, self.file("console", ""))[1],
                         "b\tsplat\tthe guest hangs\nb\tend\t-\n")
        log = self.file("log", "@@ b\tend\t-\n@@ b\tunfit\tx\n")
        self.assertEqual(run("mutant-log", log, console)[1], "")

    def test_noticed(self):
        """mutant-noticed: the test case or seed that is the quickest to repeat, or the old one"""
        before = self.file("noticed", "# Why.\nother-never kunit x.y\nwp-none suite old\n"
                           "gone suite x\nmm/a.c:f:if1:negate suite x\n")
        found = self.file("results", "none\tkunit\tpinscope_c.d.e\t0\n"
                          "wp-writable\tkunit\tpinscope_c.d.e\t0\n"
                          "wp-writable\tseed\t17\t0\n"
                          "wp-writable\texercise\texercise # page 3\t0\n"
                          "wp-none\tsuite\ta.b/c[2M]:d # x\t0\n"
                          "wp-none\tkunit\tpinscope_a hangs\t0\n")
        self.assertEqual(run("mutant-noticed", "--list", self.file("list", LIST), found,
                             before)[1],
                         "# Why.\nwp-writable exercise 17\nwp-none suite a.b/c[2M]:d\n"
                         "other-never kunit x.y\nmm/a.c:f:if1:negate suite x\n")

    def test_noticed_by_list(self):
        """mutants.noticed: only of mutants of the list, by programs that guest-mutants knows"""
        known = mutants.read()
        names = {mutant.name for mutant in known.written}
        made = {f"{file}:{function}" for file, function in known.functions}
        noticed = (mutants.LIST.parent / "mutants.noticed").read_text(encoding="utf-8")
        for line in noticed.splitlines():
            if not line.startswith("#"):
                name, program, what = line.split(" ", 2)
                self.assertTrue(name in names or ":".join(name.split(":")[:2]) in made, name)
                self.assertIn(program, ("suite", "kunit", "exercise", "abi"))
                self.assertTrue(what)

    def test_killed(self):
        """mutants: the first test case of each program, without those that fail anyway"""
        found = self.run_of("wp-writable", "kunit\tpinscope_a.b.known",
                            "kunit\tpinscope_c.d.thp.x", "suite\tanon.fresh/pin:errno # x",
                            "exercise\texercise # page 3", "splat\tWARNING: x", "ran\t7")
        self.assertTrue(found.is_good)
        self.assertEqual(found.report(), [
            "wp-writable (6): unshare does not make it writable", "  kunit: c.d",
            "  suite: anon.fresh/pin:errno # x", "  exercise: exercise # page 3",
            "  splat: WARNING: x"])
        self.assertEqual(found.row(), "| 6 | wp-writable | unshare does not make it writable | "
                         "`c.d` | `anon.fresh/pin:errno` | page 3 |  |  | WARNING: x |")

    def test_attempts(self):
        """mutants: results add up, but not those of an attempt that was begun anew"""
        found = mutants.results("a\tbegin\tx\na\tsplat\tbad\na\tunfit\ty\na\tbegin\tx\n"
                                "a\tran\t3\na\tend\t-\na\tbegin\tx\na\tkunit\tc\n"
                                "a\tend\t-\n".splitlines())
        self.assertEqual(found["a"], {"begin": ["x", "x"], "ran": ["3"], "end": ["-", "-"],
                                      "kunit": ["c"]})

    def test_survivors(self):
        """mutants: not noticed is bad, but where the list says so"""
        known = self.run_of("wp-writable", "kunit\tpinscope_a.b.known", "ran\t7")
        self.assertFalse(known.is_good)
        self.assertEqual(known.report()[1:], ["  NOT KILLED; the changed code ran 7 times"])
        hidden = self.run_of("other-never", "ran\t0")
        self.assertTrue(hidden.is_good)
        self.assertEqual(hidden.report()[1:], ["  not noticed: Only a driver sees it."])
        same = self.run_of("wp-none", "suite\tx")
        self.assertIn("KILLED, but mutants.list says that it is no defect", same.report()[-1])

    def test_baseline(self):
        """mutants: without a mutant there are results, and no failures but of KUnit"""
        for lines, message in (("", "found none"), ("none\tend\t-\n", ""),
                               ("none\tkunit\tx\nnone\tend\t-\n", ""),
                               ("none\tsuite\ta\nnone\tend\t-\n",
                                "found 1 of suite, such as a")):
            with self.subTest(lines=lines):
                status, _, err = run("mutant-baseline", self.file("results", lines))
                self.assertEqual(status, 1 if message else 0)
                self.assertIn(message, err)

    def test_report(self):
        """mutant-report: what noticed each, a table, totals"""
        self.list()
        table = self.dir / "table.md"
        lines = self.file("results", "none\tend\t-\nwp-writable\tbegin\t-\n"
                          "wp-writable\tend\t-\nwp-writable\tbegin\t-\n"
                          "wp-writable\texercise\tx\nwp-writable\tend\t-\n"
                          "mm/memory.c:other:if1:negate\tend\t-\nwp-none\tbegin\t-\n")
        chosen = self.file("chosen", "1 wp-writable\n2 wp-none\n14 mm/memory.c:other:if1:negate\n")
        status, out, _ = run("mutant-report", "--list", self.file("list", LIST), "--source",
                             str(self.dir / "source"), "--table", str(table), lines, chosen)
        self.assertEqual(status, 0)
        self.assertIn("wp-writable (6): unshare does not make it writable\n  exercise: x\n", out)
        self.assertIn("1 mutants, written:\n1 of 1 defects noticed, 1 by a test case\n", out)
        self.assertIn("| other | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 1 | 0 |", table.read_text())
        status, out, _ = run("mutant-report", "--list", self.file("list", LIST), "--source",
                             str(self.dir / "source"), "--tap", lines, chosen)
        self.assertEqual((status, out), (
            0, "1..3\nok 1 - mutant wp-writable: exercise: x\n"
            "ok 2 - mutant mm/memory.c:other:if1:negate: Nobody calls it.\n"))


# What gcov 12 writes with --json-format, without the keys that nobody reads.
GCOV = {
    "gcc_version": "12.2.0", "format_version": "1", "data_file": "memory.gcda",
    "files": [{
        "file": "./mm/memory.c", "functions": [],
        "lines": [
            {"line_number": 2, "function_name": "do_wp_page", "count": 1,
             "branches": [{"fallthrough": True, "count": 3, "throw": False},
                          {"fallthrough": False, "count": 0, "throw": False}]},
            {"line_number": 1, "function_name": "do_wp_page", "count": 1,
             "branches": [{"fallthrough": True, "count": 0, "throw": False},
                          {"fallthrough": False, "count": 0, "throw": False}]},
            {"line_number": 3, "function_name": "other", "count": 1,
             "branches": [{"fallthrough": True, "count": 1, "throw": False}]},
            {"line_number": 4, "count": 0, "branches": []},
        ],
    }],
}


class CoverageTest(WithDirectory):

    def test_outcomes(self):
        """coverage: counts of one branch in several documents add up"""
        text = json.dumps(GCOV) + "\n" + json.dumps(GCOV).replace("./mm", "/src/mm")
        self.assertEqual(coverage.of_functions(coverage.outcomes(text, "/src"), ["do_wp_page"]), {
            ("do_wp_page", "mm/memory.c", 1, 0): 0, ("do_wp_page", "mm/memory.c", 1, 1): 0,
            ("do_wp_page", "mm/memory.c", 2, 0): 6, ("do_wp_page", "mm/memory.c", 2, 1): 0})

    def test_command(self):
        """coverage: the table, and each line that was missed with its reason"""
        ours = self.file("ours.json", json.dumps(GCOV))
        theirs = self.file("theirs.json", json.dumps(GCOV).replace('"count": 3', '"count": 0'))
        self.file("src/mm/memory.c", "\tif (pte_same(a, b))\n\tif (unlikely(unshare))\n")
        known = self.file("known", "# comment\n* ; pte_same( ; a race\n")
        options = ("coverage", "--tree", str(self.dir / "src"), "--ours", ours, "--theirs",
                   theirs, "--known", known, "--file", "mm/memory.c")
        status, out, _ = run(*options, "do_wp_page")
        self.assertEqual((status, out), (1, """\
| function | outcomes of branches | pinscope | cow and gup_longterm |
|---|---|---|---|
| do_wp_page | 4 | 1 | 0 |
| all of these | 4 | 1 (25%) | 0 (0%) |
| all of mm/memory.c | 5 | 2 (40%) | 1 (20%) |

do_wp_page, mm/memory.c:1, 2: if (pte_same(a, b))
    a race
do_wp_page, mm/memory.c:2, 1: if (unlikely(unshare))
    NO REASON IS GIVEN
"""))
        self.file("known", "* ; pte_same( ; a race\ndo_wp_page ; unshare ; a reason\n")
        self.assertEqual(run(*options, "do_wp_page")[0], 0)
        status, _, err = run(*options, "no_such")
        self.assertEqual((status, err), (2, "results.py: expected branches of all of these, "
                                         "found none in gcov's JSON\n"))

    def test_module(self):
        """coverage: lines of the module by file, and those that did not run"""
        tree = str(self.dir / "src")

        def line(number, count):
            return {"line_number": number, "count": count, "function_name": "ps_pin",
                    "branches": []}

        counts = self.file("gcov.json", json.dumps({"files": [
            {"file": f"{tree}/module/pin.c", "lines": [line(1, 2), line(2, 0)]},
            {"file": "/usr/src/linux/include/linux/mm.h", "lines": [line(9, 0)]}]}))
        self.file("src/module/pin.c", "\tret = 0;\n\treturn -ENOMEM;\n")
        known = self.file("known", "")
        options = ("module-coverage", "--tree", tree, "--known", known, counts)
        self.assertEqual(run(*options)[:2], (1, """\
| file | lines | run |
|---|---|---|
| module/pin.c | 2 | 1 (50.0%) |
| all | 2 | 1 (50.0%) |

ps_pin, module/pin.c:2, 1: return -ENOMEM;
    NO REASON IS GIVEN
"""))
        self.file("known", "ps_pin ; return -ENOMEM ; memory has to run out\n")
        self.assertEqual(run(*options)[0], 0)

    def test_known(self):
        """coverage: a bad line of the reasons is named"""
        with self.assertRaisesRegex(coverage.BadCoverage, "coverage.known:2: expected "
                                    "'FUNCTION ; TEXT ; WHY', found 'x ; y'"):
            coverage.reasons("# c\nx ; y\n")

    def test_gcda(self):
        """gcda: data files come out of a log as they went in"""
        data = bytes(range(256))
        text = base64.encodebytes(data).decode()
        log = self.file("log", f"noise\n@@ gup\n{text}@@ memory\n{text}@@ end\nok 3 last\n")
        status, out, _ = run("gcda", log, str(self.dir), "gup", "memory")
        self.assertEqual((status, out), (0, "ok 3 last\n"))
        self.assertEqual((self.dir / "memory.gcda").read_bytes(), data)
        status, _, err = run("gcda", log, str(self.dir), "gup", "hugetlb")
        self.assertEqual(status, 2)
        self.assertIn("expected counts of hugetlb in", err)


def gup_rows(text: str, *facts: str, notes: str = "") -> List[gup_users.Row]:
    """Rows of a file a.c with that text; facts without path, with blanks for tabs."""
    lines = []
    for fact in facts:
        what, rest = fact.split(None, 1)
        lines.append("\t".join([what, "./a.c", *rest.split("  ")]))
    rows = gup_users.rows_of_file(
        "a.c", text, gup_users.read_facts(lines).get("a.c", gup_users.Facts()))
    for row in rows:
        gup_users.judge(row, gup_users.read_notes(notes, "notes"))
    return rows


PIN = "int f(void)\n{\n\treturn pin_user_pages(a, 1, gup_flags, p);\n}\n"
PIN_FACT = "call 3  8  f  pin_user_pages  a , 1 , gup_flags , p"


class FuzzTest(WithDirectory):
    """The output of fuzz-test, and the module's coverage."""

    def test_found(self) -> None:
        """fuzz: programs that fuzz-test has found"""
        self.assertEqual(fuzz.text(fuzz.found(["# seed 1", "+pin len=0x1000;unpin;", "ok 1"])),
                         "pin len=0x1000\nunpin\n\n")

    def test_last(self) -> None:
        """fuzz: the programs before a panic, from a console with other lines"""
        console = ["[ 1.0] KASAN: x", "[ 2.0] fuzz-tes-9 0d..1 5us : tracing_mark_write: "
                   "pinscope-fuzz 8.1 read;", "pinscope-fuzz 8.0 pin;unpin;",
                   "pinscope-fuzz 7.0 info;\r", "pinscope-fuzz 9.0 cut o"]
        self.assertEqual(fuzz.last(console), ["info", "pin\nunpin\nread"])

    def test_last_of_none(self) -> None:
        """fuzz: a console without programs"""
        log = self.file("console", "Kernel panic\n")
        self.assertEqual(run("fuzz-programs", "--last", log), (1, "", ""))

    def test_traced(self) -> None:
        """fuzz: the places that KCOV can report are behind the calls of its function"""
        dump = """\
Disassembly of section .text:
0000000000000000 <f>:
   0:\te8 00 00 00 00       \tcall   5 <f+0x5>
\t\t\t1: R_X86_64_PLT32\t__sanitizer_cov_trace_pc-0x4
   5:\t90                   \tnop
   6:\te8 00 00 00 00       \tcall   b <f+0xb>
\t\t\t7: R_X86_64_PLT32\tkfree-0x4
   b:\tc3                   \tret
""".split("\n")
        self.assertEqual(fuzz.traced(dump), {(".text", 5)})

    def test_places(self) -> None:
        """fuzz: places that were reached, between other lines"""
        self.assertEqual(fuzz.places(["@.text+0x5", "ok 1", ".text.unlikely+0x1f"]),
                         {(".text", 5), (".text.unlikely", 0x1f)})

    def test_in_module(self) -> None:
        """fuzz: what is inlined from a header counts as the line that called it"""
        self.assertEqual(fuzz.in_module(["get", "/linux/include/linux/mm.h:9",
                                         "pin", "/x/module/./pin.c:7 (discriminator 2)"]),
                         ("pin", "module/pin.c", 7))

    def test_report(self) -> None:
        """fuzz: what was not reached is told"""
        cov = fuzz.Coverage(1, 2, 4, 3)
        cov.missed["module/pin.c"][7] = "f"
        self.assertEqual(fuzz.report(cov), [
            "basic blocks of the module: 1 of 2 (50.0 %)",
            "lines that begin one: 3 of 4 (75.0 %)",
            "  not reached: module/pin.c:7 f"])


class GupUsers(unittest.TestCase):
    def flags(self, *facts: str) -> Tuple[str, str, str]:
        row, = gup_rows(PIN, PIN_FACT, *facts)
        return row.column, row.verdict, row.reason

    def test_assigned(self) -> None:
        """gup-users: flags that are assigned, under a condition or always"""
        self.assertEqual(
            self.flags("set 1  0  f  gup_flags  =  FOLL_WRITE",
                       "set 2  0  f  gup_flags  |=  FOLL_FORCE",
                       "if 2  0  f  gup_flags  ! x -> writable",
                       "if 2  0  f  gup_flags  !(x -> writable)"),
            ("FORCE?|WRITE", "force-pin", "A pin with FOLL_FORCE breaks COW by a write "
             "fault. FORCE if !x->writable"))
        # What is assigned after the call, or in another function, is not passed.
        self.assertEqual(self.flags("set 1  0  f  gup_flags  =  FOLL_LONGTERM",
                                    "set 4  0  f  gup_flags  |=  FOLL_FORCE",
                                    "set 2  0  g  gup_flags  |=  FOLL_FORCE"),
                         ("LONGTERM", "longterm", ""))
        self.assertEqual(self.flags("set 1  0  f  gup_flags  =  FOLL_FORCE",
                                    "set 2  0  f  gup_flags  =  0")[:2],
                         ("0", "unread"))

    def test_choice(self) -> None:
        """gup-users: flags of a conditional expression"""
        value = "FOLL_LONGTERM | ( rw == READ ? FOLL_WRITE : 0 )"
        self.assertEqual(self.flags(f"set 1  0  f  gup_flags  =  {value}"),
                         ("LONGTERM|WRITE?", "longterm", "WRITE if rw == READ"))
        value = "( ( w ) ? FOLL_WRITE | FOLL_LONGTERM : FOLL_LONGTERM )"
        self.assertEqual(self.flags(f"set 1  0  f  gup_flags  =  {value}")[0],
                         "LONGTERM|WRITE?")

    def test_parameter(self) -> None:
        """gup-users: flags that the callers in the file pass"""
        param = "param 3  8  f  gup_flags  1  unsigned int"
        self.assertEqual(self.flags(param)[:2], ("...", "caller"))
        self.assertEqual(
            self.flags(param, "caller 8  0  g  f  x , FOLL_WRITE",
                       "caller 9  0  h  f  x , FOLL_WRITE | FOLL_LONGTERM"),
            ("LONGTERM?|WRITE", "longterm", "LONGTERM if called by h()"))
        self.assertEqual(self.flags(param, "caller 8  0  g  f  x , flags")[2],
                         "g() passes flags")

    def test_not_flags(self) -> None:
        """gup-users: truth values and numbers are no flags"""
        for value in ("a == b", "1", "! a", "true"):
            self.assertEqual(self.flags(f"set 1  0  f  gup_flags  =  {value}")[1],
                             "not-flags", value)
        self.assertEqual(self.flags("type 1  0  f  gup_flags  bool")[1], "not-flags")
        self.assertEqual(self.flags("set 1  0  f  gup_flags  =  0x0")[1], "unread")

    def test_field(self) -> None:
        """gup-users: flags in a field, which the file assigns"""
        row, = gup_rows(PIN, "call 3  8  f  pin_user_pages  a , 1 , u -> flags , p",
                        "set 9  0  g  ->flags  =  FOLL_LONGTERM",
                        "set 10  0  g  ->flags  |=  FOLL_WRITE",
                        "if 10  0  g  ->flags  w")
        self.assertEqual((row.column, row.flags.words()), ("LONGTERM|WRITE?", "WRITE if w"))

    def test_notes(self) -> None:
        """gup-users: notes say for how long pages are held"""
        held = "a.c f held Until the end.\n"
        row, = gup_rows(PIN, PIN_FACT, "set 1  0  f  gup_flags  =  0", notes=held)
        self.assertEqual((row.verdict, row.reason), ("held", "Until the end"))
        row, = gup_rows(PIN, PIN_FACT, "set 1  0  f  gup_flags  =  FOLL_LONGTERM",
                        notes="*.c * short No.")
        self.assertEqual((row.verdict, row.reason), ("longterm", ""))
        with self.assertRaisesRegex(gup_users.BadUsers, "notes:1: expected"):
            gup_users.read_notes("a.c f long Until", "notes")

    def test_text(self) -> None:
        """gup-users: a call that Coccinelle does not see is a row all the same"""
        text = """\
long get_user_pages(int a);	/* get_user_pages(1, 1, 1) */
#define LONG(a) \\
	pin_user_pages_fast(a, 1, \\
			    FOLL_LONGTERM, p)
EXPORT_SYMBOL(get_user_pages);
#ifdef X
int f(int x) {
#else
int g(int x) {
#endif
	err("get_user_pages failed"); // get_user_pages(a)
	return call(get_user_pages_fast) + get_user_pages_unlocked(g(1, 2), 1, p, 0);
}
int get_user_pages_fast(int a) { return 0; }
"""
        rows = gup_rows(text)
        self.assertEqual([(r.line, r.function, r.call, r.column, r.verdict) for r in rows],
                         [(3, "LONG", "pin_user_pages_fast", "LONGTERM", "longterm"),
                          (12, "g", "get_user_pages_fast", "...", "caller"),
                          (12, "g", "get_user_pages_unlocked", "0", "unread")])
        self.assertIn("Coccinelle did not see this call", rows[0].reason)
        self.assertIn("a pointer to the function", rows[1].reason)
        with self.assertRaisesRegex(gup_users.BadUsers, "a.c:7"):
            gup_rows(PIN, "call 7  0  f  pin_user_pages  a , 1 , 0 , p")

    def test_clean(self) -> None:
        """gup-users: who may write in a file that makes no page dirty, comments apart"""
        pins = "int f(void)\n{\n\treturn pin_user_pages(a, 1, FOLL_%s, p);\n}\n%s"
        releases = "void g(void)\n{\n\t%s;\n}\n"
        with tempfile.TemporaryDirectory() as name:
            for flag, rest, clean in (
                    ("WRITE", "", True), ("LONGTERM", "", False),
                    ("WRITE", releases % "unpin_user_pages(p, 1)", True),
                    ("WRITE", "/* set_page_dirty(p) */\n", True),
                    ("WRITE", releases % "unpin_user_pages_dirty_lock(p, 1, true)", False),
                    ("WRITE", releases % "folio_mark_dirty_lock(p)", False)):
                (Path(name) / "a.c").write_text(pins % (flag, rest))
                row, = gup_users.users(Path(name), ["a.c"], {}, [])
                with self.subTest(flag=flag, rest=rest):
                    self.assertEqual(row.reason.endswith(gup_users.CLEAN), clean)

    def test_prototypes(self) -> None:
        """gup-users: another prototype, an unknown function and no kernel are errors"""
        with tempfile.TemporaryDirectory() as name:
            header = Path(name) / "include/linux/mm.h"
            with self.assertRaisesRegex(gup_users.BadUsers, "found no include/linux/mm.h"):
                gup_users.check_prototypes(Path(name))
            header.parent.mkdir(parents=True)
            for text, error in (
                    ("long pin_user_pages(int a, int gup_flags, int c);", "argument 3"),
                    ("long pin_user_pages_new(int a, int b, int gup_flags);",
                     "declares pin_user_pages_new")):
                header.write_text(text)
                with self.assertRaisesRegex(gup_users.BadUsers, error):
                    gup_users.check_prototypes(Path(name))
            header.write_text("long pin_user_pages(int a, int b, unsigned int gup_flags);")
            gup_users.check_prototypes(Path(name))

    def test_recorded(self) -> None:
        """gup-users: a table is read as it was recorded, and compared without the version"""
        rows = gup_rows(PIN, PIN_FACT, "set 1  0  f  gup_flags  =  FOLL_LONGTERM")
        text = gup_users.recorded(rows, "6.1.2")
        self.assertEqual(gup_users.read_recorded(text, "6.1"), ("6.1.2", [
            gup_users.Recorded("longterm", "pin_user_pages", "LONGTERM", "a.c", "f", "")]))
        self.assertEqual(gup_users.difference(rows, "6.1.9", text, "6.1"), [])
        found = gup_users.tap(gup_rows(PIN), "6.1.9", text, "6.1", 2)
        self.assertEqual([line for line in found if not line.startswith("#")], [
            "not ok 1 - 6.1: the calls of GUP are as recorded",
            "not ok 2 - 6.1: Coccinelle sees each of the 1 calls in the text",
            "not ok 3 - 6.1: there are as many calls as the compiler leaves", "1..3"])
        self.assertIn("scripts/gup-users --record 6.1", "\n".join(found))

    def test_series(self) -> None:
        """gup-users: the drivers of the series pass FOLL_FORCE on 6.1, nobody later"""
        drivers = pinners.read(pinners.LIST)
        self.assertEqual([int(d.patch) for d in drivers], [*range(10, 20)])
        for path in gup_users.TABLES.iterdir():
            _, rows = gup_users.read_recorded(path.read_text(), path.name)
            forced = [row for row in rows if row.verdict == "force-pin"]
            if path.name != "6.1":
                self.assertEqual(forced, [], path.name)
                continue
            for driver in drivers:
                self.assertTrue(driver.rows(forced), driver.name)
                self.assertEqual(driver.rows(forced), driver.rows(rows), driver.name)
            self.assertEqual([row for row in forced
                              if not any(d.rows([row]) for d in drivers)], [])

    def test_page(self) -> None:
        """gup-users: PINNERS.md is what the tables say"""
        self.assertEqual(run("pinners", "--check"), (0, "", ""))
        with tempfile.NamedTemporaryFile() as page:
            status, out, _ = run("pinners", "--check", "--page", page.name)
        self.assertEqual(status, 1)
        self.assertIn("run 'scripts/results.py pinners --write'", out)


class BenchTest(WithDirectory):

    GOALS = "# a comment\nanon/unpin 200 # why\n"

    def run_of(self, name: str, pin: float = 380.0, gup: float = 250.0,
               unpin: float = 178.0, drop: str = "") -> str:
        """A file as 'pinscope bench --json' writes it."""
        rows = [
            {"name": "anon/pin-fast", "unit": "page", "ns": pin + 9, "min": pin, "what": "A pin.",
             "peers": [{"name": "GUP", "ns": gup + 9, "min": gup, "ratio": 1.0},
                       {"name": "gup_test", "ns": 264.0, "min": 255.0, "ratio": 1.0}]},
            {"name": "anon/unpin", "unit": "page", "ns": unpin + 9, "min": unpin, "what": "Release.",
             "peers": [{"name": "io_uring-unregister", "ns": 93.5, "min": 84.5, "ratio": 2.0}]},
            {"name": "mthp[64K]/unpin", "unit": "page", "what": "Release.", "peers": [],
             "reason": "no mTHP"}]
        return self.file(name, json.dumps({
            "rows": [row for row in rows if row["name"] != drop]}))

    def options(self, *runs: Tuple[str, str]) -> List[str]:
        """What the commands of bench get; the table is of the run of old.json."""
        old = bench.parse(Path(self.run_of("old.json")).read_text(), "old.json")
        return ["--table", self.file("bench.table", bench.record(old, "6.12")),
                "--goals", self.file("bench.goals", self.GOALS),
                *(word for run in runs for word in ("--run", *run))]

    def test_table(self):
        """bench: one kernel has ratios and goals"""
        status, out, _ = run("bench", *self.options(("6.12", self.run_of("a.json"))))
        self.assertEqual(status, 0)
        self.assertEqual([line.split() for line in out.splitlines()], [
            ["per", "6.12", "ratio", "goal"],
            ["anon/pin-fast", "page", "380"],
            ["GUP", "250", "1.52"],
            ["gup_test", "255", "1.49"],
            ["anon/unpin", "page", "178", "200"],
            ["io_uring-unregister", "84.5", "2.11"],
            ["mthp[64K]/unpin", "page", "-"],
            ["6.12:", "no", "mTHP"]])

    def test_side_by_side(self):
        """bench: several kernels have the change since the first, also of peers"""
        status, out, _ = run("bench", *self.options(
            ("6.1", self.run_of("a.json", drop="anon/unpin")),
            ("6.12", self.run_of("b.json", pin=399.0, gup=225.0))))
        self.assertEqual(status, 0)
        lines = [line.split() for line in out.splitlines()]
        self.assertEqual(lines[0], ["per", "6.1", "6.12"])
        self.assertIn(["anon/pin-fast", "page", "380", "399", "+5%"], lines)
        self.assertIn(["GUP", "250", "225", "-10%"], lines)
        self.assertIn(["anon/unpin", "page", "-", "178"], lines)

    def test_check(self):
        """bench-check: a ratio may change by 5 %, whatever the nanoseconds are"""
        for pin, gup, good in ((380, 250, True), (760, 500, True), (398, 250, True),
                               (400, 250, False), (380, 237, False), (200, 250, True)):
            with self.subTest(pin=pin, gup=gup):
                status, out, _ = run("bench-check", *self.options(
                    ("6.12", self.run_of("a.json", pin=pin, gup=gup, drop="mthp[64K]/unpin"))))
                self.assertEqual(status, 0 if good else 1)
                self.assertEqual("not ok 1 - anon/pin-fast" in out, not good)
                self.assertIn("\nok 2 - anon/unpin\n", "\n" + out)
                self.assertEqual("--record" in out, pin == 200)
                self.assertTrue(out.endswith("\n1..2\n"))

    def test_check_says_why(self):
        """bench-check: a failure says what was expected, and found"""
        status, out, _ = run("bench-check", *self.options(
            ("6.12", self.run_of("a.json", pin=500, unpin=205))))
        self.assertEqual(status, 1)
        self.assertEqual(out.splitlines(), [
            "# expected at most 1.52 times the 250 ns of GUP and 5 % more, found 2.00 times "
            "(500 ns)",
            "not ok 1 - anon/pin-fast",
            "# expected at most 200 ns for a page (bench.goals), found 205",
            "not ok 2 - anon/unpin",
            "# expected a figure, found none: no mTHP",
            "not ok 3 - mthp[64K]/unpin",
            "1..3"])

    def test_check_rows(self):
        """bench-check: rows that are gone, new or lost their peer fail"""
        options = self.options(("6.12", self.run_of("a.json", drop="anon/pin-fast")))
        status, out, _ = run("bench-check", *options)
        self.assertEqual(status, 1)
        self.assertIn("found none: no such row\nnot ok 3 - anon/pin-fast\n", out)
        options = self.options(("6.12", self.run_of("a.json", drop="mthp[64K]/unpin")))
        path = self.dir / "bench.table"
        text = path.read_text()
        path.write_text("".join(line for line in text.splitlines(True)
                                if "anon/pin-fast" not in line))
        status, out, _ = run("bench-check", *options)
        self.assertEqual(status, 1)
        self.assertIn("run 'scripts/bench --record'\nnot ok 1 - anon/pin-fast\n", out)
        path.write_text(text.replace(" GUP ", " other "))
        status, out, _ = run("bench-check", *options)
        self.assertEqual(status, 1)
        self.assertIn("# expected the peer other, found it not measured\nnot ok 1", out)

    def test_goals(self):
        """bench: a goal holds once it was reached, and --record does not give it up"""
        options = [*self.options(("6.12", self.run_of("a.json", unpin=184,
                                                      drop="mthp[64K]/unpin"))),
                   "--goals", self.file("goals", "anon/unpin 179")]
        status, out, _ = run("bench-check", *options)
        self.assertEqual(status, 1)
        self.assertIn("# expected at most 179 ns for a page (bench.goals), found 184\n"
                      "not ok 2 - anon/unpin\n", out)
        page = ["--readme", self.file("README.md", "")]
        self.assertEqual(run("bench-record", *options, *page), (
            1, "anon/unpin: expected at most 179 ns (bench.goals), found 184\n", ""))
        options += ["--goals", self.file("goals", "anon/unpin 170")]
        status, out, _ = run("bench-check", *options)
        self.assertEqual(status, 0)
        self.assertIn("# anon/unpin: 184, while the goal is 170, which was never reached\n"
                      "ok 2 - anon/unpin\n", out)
        self.assertEqual(run("bench-record", *options, *page)[0], 0)

    def test_record(self):
        """bench-record: writes the table, and figures into README.md"""
        page = self.file("README.md", "# X\n| pin, `anon/pin-fast` | 1 | x | 2 | 3 |\n"
                         "| `anon/pin-fast` | what it is |\n")
        options = [*self.options(("6.12", self.run_of("a.json", pin=500))),
                   "--readme", page]
        self.assertEqual(run("bench-record", *options), (0, "", ""))
        self.assertEqual(Path(page).read_text(), "# X\n"
                         "| pin, `anon/pin-fast` | 500 | GUP | 250 | 2.00 |\n"
                         "| `anon/pin-fast` | what it is |\n")
        status, _, _ = run("bench-check", *options[:-2])
        self.assertEqual(status, 1)     # the row without a figure
        table = bench.recorded((self.dir / "bench.table").read_text())
        self.assertEqual(list(table), ["anon/pin-fast", "anon/unpin"])
        self.assertEqual(table["anon/pin-fast"].ratio, 2)
        self.assertIn("SPDX", (self.dir / "bench.table").read_text())
        Path(page).write_text("| `anon/gone` | 1 | x | 2 | 3 |\n")
        status, _, err = run("bench-record", *options)
        self.assertEqual(status, 2)
        self.assertIn("found 'anon/gone'", err)

    def test_bad(self):
        """bench: what cannot be read is named, with what was expected"""
        for text, message in (("{}", "expected the output of 'pinscope bench --json'"),
                              ("[", "expected the output of 'pinscope bench --json'")):
            status, _, err = run("bench", *self.options(("6.12", self.file("a.json", text))))
            self.assertEqual(status, 2)
            self.assertIn(message, err)
        for text, message in (("anon/pin 3 4\n", "bench.goals:1: expected 2 words"),
                              ("\nanon/pin x\n", "bench.goals:2: expected a number above 0")):
            with self.assertRaisesRegex(bench.BadBench, message):
                bench.goals(text)

    def test_own_files(self):
        """bench: the project's own table and goals can be read, and the README has them"""
        table = bench.recorded(bench.RECORDED.read_text(encoding="utf-8"))
        self.assertTrue(table)
        self.assertLessEqual(set(bench.goals(bench.GOALS.read_text(encoding="utf-8"))),
                             set(table))
        page = bench.README.read_text(encoding="utf-8")
        self.assertTrue(bench.readme(page, table) == page,
                        "README.md has other figures: run 'scripts/bench --record'")


class TapResult(unittest.TestResult):
    """Prints a line of TAP for each test, with what went wrong before it."""

    def name(self, test: unittest.TestCase) -> str:
        return test.shortDescription() or test.id()

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        bad = [text for case, text in self.failures + self.errors
               if case is test or getattr(case, "test_case", None) is test]
        for text in bad:
            print("\n".join(f"# {line}" for line in text.splitlines()))
        print(f"{'not ' if bad else ''}ok {self.testsRun} - {self.name(test)}")


def main(wanted: List[str]) -> int:
    if wanted and wanted[0] in ("-h", "--help"):
        print(__doc__.split("\n\n", 1)[1].strip())
        return 0
    tests = [test for suite in unittest.defaultTestLoader.loadTestsFromModule(
             sys.modules["__main__"]) for test in suite
             if not wanted or any(part in str(test.shortDescription()) for part in wanted)]
    result = TapResult()
    unittest.TestSuite(tests).run(result)
    print(f"1..{result.testsRun}")
    return 0 if tests and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
