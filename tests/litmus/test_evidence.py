"""Does the ledger say what tests found when they last ran as a whole, and when that is stale?"""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from litmus import cli
from litmus.author import checks
from litmus.claims.evidence import (
    LEDGER,
    Mark,
    Outcome,
    due,
    read_ledger,
    stale_tests,
    write_ledger,
)
from litmus.python.fingerprint import fingerprint
from litmus.site.project import Project
from tests.litmus.conftest import write_files

DOCS = {
    "docs/claims/d.md": "---\nkind: definition\n---\n# D\n\nAn x.\n",
    "docs/claims/c.md": "---\nkind: lemma\n---\n# C\n\nLet [[d]].\n\nPart. ^part\n\n## Proof\n\nx",
    "docs/claims/other.md": "---\nkind: lemma\n---\n# O\n\nx\n",
    "docs/essay.md": "# Essay\n",
}
TESTS = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "snippets/used.py": "ONE = 1\n",
    "snippets/unused.py": "TWO = 2\n",
    "tests/conftest.py": "",
    "tests/test_c.py": """
import pytest
from snippets.used import ONE

@pytest.mark.claim("c", by="exact")
@pytest.mark.parametrize("i", range(3))
def test_it_holds(measured, i):
    measured(abs(ONE - 1), allowed=0)

@pytest.mark.control("c", drops="d")
def test_control_it_does_not_hold_without(measured):
    measured(abs(ONE - 3), allowed=0.5)

@pytest.mark.claim("c", by="float64")
def test_not_today():
    pytest.skip("no reason")

def test_of_no_claim():
    pass
""",
    "tests/test_other.py": """
import pytest

@pytest.mark.claim("other", by="experiment")
def test_other(measured):
    measured(0, allowed=0)
""",
}
HOLDS, OTHER_HOLDS = "    measured(abs(ONE - 1), allowed=0)", "    measured(0, allowed=0)"
ALL = [
    "tests/test_c.py::test_control_it_does_not_hold_without",
    "tests/test_c.py::test_it_holds",
    "tests/test_c.py::test_not_today",
    "tests/test_other.py::test_other",
]


# Without what no test here needs, since pytest begins some eighty times.
UNUSED = ["cacheprovider", "doctest", "faulthandler", "junitxml", "legacypath", "pastebin"]
UNUSED += ["recwarn", "setuponly", "setupplan", "stepwise", "tmpdir", "unittest"]
OPTIONS = ["-p", "litmus.claims.pytest_plugin", "--assert=plain"]
OPTIONS += [part for plugin in UNUSED for part in ["-p", f"no:{plugin}"]]


class ProjectWithTests:
    """A small project whose tests really run."""

    def __init__(self, pytester):
        self.pytester, self.root = pytester, pytester.path

    def write(self, file, text):
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, file, old, new):
        text = (self.root / file).read_text(encoding="utf-8")
        assert old in text
        self.write(file, text.replace(old, new))

    def run(self, *arguments):
        return self.pytester.runpytest_inprocess(*OPTIONS, *arguments)

    def run_in_processes(self, count):
        return self.run("-p", "xdist", "-n", str(count), "--dist", "loadfile")

    def ledger(self):
        return {outcome.test: outcome for outcome in read_ledger(self.root)}

    def say_of_a_test(self, words):
        """Write something else into the ledger of a test that has run."""
        entries = json.loads((self.root / LEDGER).read_text("utf-8"))
        (entry,) = [entry for entry in entries if entry["test"] == ALL[1]]
        entry |= words
        self.write(LEDGER, json.dumps(entries))

    def claims(self):
        return Project.ours(self.root, self.root / "docs").claims

    def stale(self):
        statements = self.claims().statements
        return sorted(stale_tests(read_ledger(self.root), statements, self.root))

    def due(self):
        return due(self.root, self.claims().statements)


@pytest.fixture(scope="module")
def first_ledger():
    """What the first run of the tests as they are has written, for those who ask for it again."""
    return {}


@pytest.fixture
def tested(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others take most of the time
    project = ProjectWithTests(pytester)
    for file, text in {**DOCS, **TESTS}.items():
        project.write(file, text)
    return project


@pytest.fixture
def ran(tested, first_ledger):
    """The same after a run: what is in the ledger depends on what the files say alone."""
    ledger = tested.root / LEDGER
    if first_ledger:
        tested.write(LEDGER, first_ledger["text"])
    else:
        tested.run()
        first_ledger["text"] = ledger.read_text(encoding="utf-8")
    return tested


def test_each_marked_test_is_recorded_with_its_marks_and_all_its_parameters(tested):
    tested.run()
    ledger = tested.ledger()
    assert list(ledger) == ALL
    checked = ledger["tests/test_c.py::test_it_holds"]
    assert (checked.passed, checked.failed, checked.skipped) == (3, 0, 0)
    assert [(m.role, m.claim, m.by, m.drops) for m in checked.marks] == [
        ("claim", "c", "exact", "")
    ]
    assert checked.line == 5  # where its decorators begin
    assert checked.sentence == "it holds"
    control = ledger["tests/test_c.py::test_control_it_does_not_hold_without"]
    assert [(m.role, m.drops) for m in control.marks] == [("control", "d")]
    assert [(o.passed, o.skipped) for o in ledger.values() if o.name == "test_not_today"] == [
        (0, 1)
    ]


def test_the_outcomes_become_the_evidence_of_the_claims(tested):
    tested.run()
    assert {n: c.evidence for n, c in tested.claims().items()} == {
        "c": "checked with control",
        "d": "none",
        "other": "checked",
    }


def test_files_that_run_side_by_side_leave_the_same_evidence(tested):
    tested.run_in_processes(2)
    apart = tested.ledger()
    (tested.root / LEDGER).unlink()
    tested.run()
    together = tested.ledger()
    assert list(apart) == list(together) == ALL
    assert all(
        replace(apart[test], seconds=0) == replace(together[test], seconds=0) for test in ALL
    )


def test_in_another_process_too_a_wrong_marker_stops_the_run_and_names_the_test(tested):
    tested.replace("tests/test_c.py", 'drops="d"', 'drops="other"')
    result = tested.run_in_processes(1)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = "\n".join([*result.outlines, *result.errlines])
    assert "a control drops 'other', which 'c' does not assume." in said
    assert not tested.ledger()


def test_a_claim_whose_only_test_is_skipped_has_no_evidence(tested):
    tested.replace("tests/test_other.py", OTHER_HOLDS, "    pytest.skip('no reason')")
    tested.run()
    assert tested.claims()["other"].evidence == "none"


@pytest.mark.parametrize(
    "ending",
    [
        "    measured(i == 1, allowed=0)",
        "    raise ValueError",
        "    pytest.xfail('known')",
    ],
)
def test_one_parameter_that_fails_is_a_claim_that_fails(tested, ending):
    tested.replace("tests/test_c.py", HOLDS, ending)
    tested.run()
    project = Project.ours(tested.root, tested.root / "docs")
    assert project.claims["c"].evidence == "failing"
    (problem,) = project.problems
    assert str(problem).startswith("tests/test_c.py:5: the check test_it_holds fails.")


@pytest.mark.parametrize("phase", ["before", "after"])
def test_an_error_in_a_fixture_is_a_failure(tested, phase):
    body = "    1 / 0\n    yield" if phase == "before" else "    yield\n    1 / 0"
    fixture = f"@pytest.fixture\ndef broken():\n{body}\n\n@pytest.mark.claim"
    tested.replace("tests/test_other.py", "@pytest.mark.claim", fixture)
    tested.replace("tests/test_other.py", "test_other(", "test_other(broken, ")
    tested.run()
    assert tested.claims()["other"].evidence == "failing"


@pytest.mark.parametrize(
    ("selection", "recorded"),
    [
        (["-k", "holds"], {"tests/test_c.py::test_it_holds"}),
        (["-k", "test_it_holds and 1"], set()),
        (["tests/test_c.py::test_it_holds"], {"tests/test_c.py::test_it_holds"}),
        (["tests/test_c.py::test_it_holds[1]"], set()),
        (["tests/test_other.py"], {"tests/test_other.py::test_other"}),
        (["-m", "control"], {"tests/test_c.py::test_control_it_does_not_hold_without"}),
        (["--collect-only"], set()),
        (["-x", "--deselect", "tests/test_c.py::test_it_holds[0]"], set(ALL) - {ALL[1]}),
    ],
)
def test_a_run_of_some_tests_records_those_that_ran_whole_and_keeps_the_others(
    tested, selection, recorded
):
    tested.run(*selection)
    first = tested.ledger()
    # What -k picks by a word it may pick twice; no test is there that did not run as a whole.
    assert set(first) & set(ALL) >= recorded
    assert "tests/test_c.py::test_it_holds" in recorded or ALL[1] not in first
    tested.run()
    whole = tested.ledger()
    tested.run(*selection)
    assert tested.ledger() == {**whole, **{t: tested.ledger()[t] for t in recorded}}
    assert tested.ledger()[ALL[1]].passed == 3


def test_a_run_of_what_failed_takes_nothing_from_what_passed_before(tested):
    """Since pytest leaves out the others without a word."""
    tested.replace("tests/test_c.py", HOLDS, "    measured(i == 1, allowed=0)")
    cached = ["no:nose" if part == "no:cacheprovider" else part for part in OPTIONS]
    tested.pytester.runpytest_inprocess(*cached)
    before = tested.ledger()
    assert before[ALL[1]].failed == 1
    result = tested.pytester.runpytest_inprocess(*cached, "--lf")
    result.assert_outcomes(failed=1)
    assert tested.ledger() == before


PARTS = {
    "roles": ("pytest.param(0, marks=CHECK), pytest.param(5, marks=CONTROL)", True),
    "ways": ("pytest.param(0, marks=CHECK), pytest.param(0, marks=SEARCH)", True),
    "one without": ("pytest.param(0, marks=CHECK), 0", True),
    "the same": ("pytest.param(0, marks=CHECK), pytest.param(1, marks=CHECK)", False),
    "another of pytest's": (
        "pytest.param(0, marks=[CHECK, pytest.mark.skip]), pytest.param(0, marks=CHECK)",
        False,
    ),
}


@pytest.mark.parametrize(("parameters", "is_wrong"), PARTS.values(), ids=PARTS)
def test_parameters_that_mark_different_things_stop_the_collection(tested, parameters, is_wrong):
    """Since what a test found is told of all its parameters together."""
    tested.write(
        "tests/test_other.py",
        f"""
import pytest

CHECK, SEARCH = pytest.mark.claim("c", by="exact"), pytest.mark.claim("c", by="search")
CONTROL = pytest.mark.control("c", drops="d")

@pytest.mark.parametrize("i", [{parameters}])
def test_other(measured, i):
    measured(i, allowed=1)
""",
    )
    result = tested.run("tests/test_other.py")
    said = "\n".join([*result.outlines, *result.errlines])
    assert ("some parameters of this test mark what others do not" in said) is is_wrong
    assert bool(tested.ledger()) is not is_wrong


def test_a_test_that_is_deleted_or_loses_its_marker_leaves_the_ledger(tested):
    tested.run()
    tested.replace("tests/test_c.py", '@pytest.mark.control("c", drops="d")\n', "")
    tested.run("tests/test_c.py")
    assert list(tested.ledger()) == [test for test in ALL if "control" not in test]
    (tested.root / "tests/test_other.py").unlink()
    tested.run()
    assert list(tested.ledger()) == [t for t in ALL if "control" not in t and "other" not in t]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('claim("c", by="exact")', 'claim("cc", by="exact")', "'cc', which no note states. Did"),
        ('claim("c", by="exact")', 'claim("essay", by="exact")', "'essay', which no note states"),
        ('claim("c", by="exact")', 'claim("c", by="eye")', "needs by= one of formal, certificate"),
        ('claim("c", by="exact")', "claim(by='exact')", "the marker is claim(name, by)"),
        ('claim("c", by="exact")', "claim('c', way='exact')", "the marker is claim(name, by)"),
        ('claim("c", by="exact")', 'claim(["c"], by="exact")', "the marker is claim(name, by)"),
        ('by="exact")', 'by="exact", drops="d")', "the marker is claim(name, by)"),
        ('control("c", drops="d")', 'control("c", "d")', "the marker is control(name, drops, "),
        ('drops="d"', 'drops="other"', "a control drops 'other', which 'c' does not assume."),
        ('drops="d"', 'drops="^prt"', "It can drop: ^part, d."),
    ],
)
def test_a_marker_that_marks_nothing_stops_the_collection_and_names_the_test(
    tested, old, new, message
):
    tested.replace("tests/test_c.py", old, new)
    result = tested.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = "\n".join([*result.outlines, *result.errlines])
    assert message in said
    assert "tests/test_c.py:" in said
    assert not tested.ledger()


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("docs/claims/c.md", "Let [[d]].", "Let it be [[d]].", "test_c"),
        ("docs/claims/c.md", "## Proof", "Also.\n\n## Proof", "test_c"),
        ("docs/claims/other.md", "\nx\n", "\n$y$\n", "test_other"),
        ("tests/test_c.py", "ONE - 3", "ONE - 4", "test_c"),
        ("snippets/used.py", "ONE = 1", "ONE = 1.0", "test_c"),
        ("tests/conftest.py", "", "# all tests", "test_"),
        # What has nothing to do with a test leaves its outcome as it is.
        ("docs/claims/c.md", "## Proof\n\nx", "## Proof\n\nA better proof.", None),
        ("docs/claims/c.md", "# C", "# A better title", None),
        ("docs/claims/c.md", "kind: lemma", "kind: lemma\ntags: [a]", None),
        ("docs/claims/d.md", "An x.", "A y.", None),
        ("docs/essay.md", "# Essay", "# Another", None),
        ("snippets/unused.py", "TWO = 2", "TWO = 3", None),
    ],
)
def test_an_outcome_is_stale_when_what_it_rests_on_has_changed_and_only_then(
    ran, file, old, new, stale
):
    assert ran.stale() == []
    ran.replace(file, old, new)
    assert ran.stale() == [t for t in ALL if stale and t.startswith(f"tests/{stale}")]


ODD = {
    "no number": {"measured": math.nan},
    "no end": {"allowed": math.inf},
    "a word for a number": {"measured": "0"},
    "a negative number": {"measured": -1.0},
    "half of a pair": {"allowed": None},
    "no number at all": {"measured": None, "allowed": None},
    "a number that denies it": {"measured": 2.0, "allowed": 1.0},
    "no time": {"seconds": math.nan},
    "a truth for a count": {"passed": True},
    "half a test": {"passed": 0.5},
    "a word for a count": {"failed": "0"},
    "no day": {"date": "yesterday"},
    "no text": {"torch": None},
    "a file elsewhere": {"test": "../tests/test_c.py::test_it_holds"},
    "a file from the root": {"test": "/tests/test_c.py::test_it_holds"},
    "no file": {"test": "\0::test_it_holds"},
    "a very long name": {"test": "a" * 5000 + "::test_it_holds"},
    "half a letter": {"test": "\ud800::test_it_holds"},
    "a file alone": {"test": "tests/test_c.py"},
    "another way": {"marks": [{"role": "claim", "claim": "c", "by": "eye"}]},
    "another role": {"marks": [{"role": "proof", "claim": "c"}]},
    "no claim": {"marks": [{"role": "claim", "claim": None, "by": "exact"}]},
    "both sides": {
        "marks": [
            {"role": "claim", "claim": "c", "by": "exact"},
            {"role": "control", "claim": "c", "drops": "d"},
        ]
    },
    "no statement": {"statements": [["c"]]},
    "a confidence that is certain": {"confidence": 1.0},
    "a confidence that is none": {"confidence": math.nan},
    "a search of nothing": {"among": 0},
    "half a candidate": {"among": 2.5},
    "a check with something instead": {
        "marks": [{"role": "claim", "claim": "c", "by": "exact", "instead": "another"}]
    },
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_ledger_that_says_what_no_run_writes_is_none_and_all_is_due(ran, odd):
    ran.say_of_a_test(odd)
    assert ran.ledger() == {}
    assert ran.due() == ["tests/test_c.py", "tests/test_other.py"]
    assert ran.claims()["c"].evidence == "none"


@pytest.mark.parametrize(
    "fine",
    [
        {"measured": 0.5, "allowed": 0.5},
        {"measured": 1, "allowed": math.nextafter(1, 0)},  # as floats, and less before
        {"measured": 2.0, "allowed": 1.0, "failed": 1},
        {"passed": 0, "skipped": 1, "measured": None, "allowed": None},
        {"confidence": 0.999, "among": 12},
        {"marks": [{"role": "claim", "claim": "c", "by": "exact", "instead": ""}]},
    ],
)
def test_control_what_a_run_may_have_written_is_read(ran, fine):
    ran.say_of_a_test(fine)
    assert list(ran.ledger()) == ALL


def test_a_stale_failure_is_no_failure_but_stale(tested):
    tested.replace("tests/test_c.py", "ONE - 1", "ONE - 2")
    tested.run()
    tested.replace("tests/test_c.py", "ONE - 2", "ONE - 1")
    project = Project.ours(tested.root, tested.root / "docs")
    assert project.problems == []
    assert "tests/test_c.py::test_it_holds" in project.claims["c"].stale


def test_an_outcome_of_a_deleted_file_is_stale(ran):
    (ran.root / "tests/test_other.py").unlink()
    assert ran.stale() == ["tests/test_other.py::test_other"]


def test_due_is_what_is_missing_failing_or_stale(tested):
    assert tested.due() == ["tests/test_c.py", "tests/test_other.py"]
    tested.run("tests/test_other.py")
    assert tested.due() == ["tests/test_c.py"]
    tested.run()
    assert tested.due() == []
    tested.replace("tests/test_other.py", OTHER_HOLDS, "    assert False")
    assert tested.due() == ["tests/test_other.py"]
    tested.run()
    assert tested.due() == ["tests/test_other.py"]


def test_a_file_that_only_speaks_of_a_marker_is_never_due(tested):
    tested.write(
        "tests/test_speaks.py", 'TEXT = "pytest.mark.claim(1)"  # pytest.mark.control(2)\n'
    )
    assert "tests/test_speaks.py" not in tested.due()


@pytest.fixture
def check(tested, monkeypatch):
    """A function that checks the claims; it returns what ran, the exit code and the text."""
    ran = []

    def run(command, **options):
        ran.append([word for word in command if word.endswith(".py")])
        marks = command[command.index("-m", 3) :][:2]
        return type("Process", (), {"returncode": tested.run(*marks, *ran[-1]).ret})

    def check():
        ran.clear()
        result = CliRunner().invoke(cli.main, ["check"])
        return [file for files in ran for file in files], result.exit_code, result.output

    monkeypatch.setattr(checks.subprocess, "run", run)
    monkeypatch.chdir(tested.root)
    return check


def test_check_runs_only_what_is_due(tested, check):
    assert check()[:2] == (["tests/test_c.py", "tests/test_other.py"], 0)
    assert check() == ([], 0, "The evidence of every claim is up to date.\n")
    tested.replace("snippets/used.py", "ONE = 1", "ONE = 1 + 0")
    assert check()[:2] == (["tests/test_c.py"], 0)


OTHER = "tests/test_other.py"
INI, CONFTEST = "pytest.ini", "tests/conftest.py"
# By why no test of a claim runs in OTHER: what is written to which file to bring that about.
LEFT_OUT = {
    "it needs what is not installed": (OTHER, 'import pytest\npytest.importorskip("no_such")\n'),
    "it skips itself": (OTHER, 'import pytest\npytest.skip("x", allow_module_level=True)\n'),
    "it has no test": (OTHER, "__test__ = False\n"),
    "it is deselected": (INI, f"addopts = --deselect {OTHER}::test_other\n"),
    "a conftest takes it out": (
        CONFTEST,
        "def pytest_collection_modifyitems(items):\n"
        '    items[:] = [item for item in items if "other" not in item.nodeid]\n',
    ),
}


@pytest.mark.parametrize("ran", [False, True], ids=["never ran", "ran before"])
@pytest.mark.parametrize(("file", "text"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_file_without_anything_to_run_is_told_and_due_when_it_changes(
    tested, check, file, text, ran
):
    if ran:
        assert check()[1] == 0
    tested.write(file, TESTS[INI] + text if file == INI else text + TESTS.get(file, ""))
    tested.replace(OTHER, OTHER_HOLDS, "    assert 1")
    files, code, said = check()
    assert (OTHER in files, code) == (True, 0)
    assert f"No test of a claim ran in {OTHER}: it is" in said
    assert check() == ([], 0, "The evidence of every claim is up to date.\n")
    assert [t for t in tested.ledger() if t.startswith(OTHER)] == [OTHER]
    assert tested.claims()["other"].evidence == "none"
    assert tested.claims()["c"].evidence == "checked with control"
    tested.replace(OTHER, "    assert 1", "    assert 2")
    files, code, said = check()
    assert (files, code) == ([OTHER], 0)
    assert f"No test of a claim ran in {OTHER}: it is" in said


@pytest.mark.parametrize("how", ["--ignore", "--ignore-glob"])
def test_a_file_that_pytest_passes_over_runs_where_check_names_it(tested, check, how):
    tested.write(INI, f"{TESTS[INI]}addopts = {how} {OTHER}\n")
    assert check()[:2] == (["tests/test_c.py", OTHER], 0)
    assert (check()[0], tested.claims()["other"].evidence) == ([], "checked")


def test_control_what_runs_again_is_evidence_again(tested, check):
    tested.write(OTHER, LEFT_OUT["it skips itself"][1] + TESTS[OTHER])
    assert check()[1] == 0
    tested.write(OTHER, TESTS[OTHER])
    assert (check()[:2], check()[0]) == (([OTHER], 0), [])
    assert tested.claims()["other"].evidence == "checked"
    assert OTHER not in tested.ledger()


def test_a_test_that_failed_and_is_left_out_since_is_no_evidence(tested, check):
    tested.replace(OTHER, OTHER_HOLDS, "    assert 0")
    assert check()[1] == 1
    assert "No test of a claim ran" not in check()[2]
    tested.write(INI, TESTS[INI] + LEFT_OUT["it is deselected"][1])
    assert check()[1] == 0
    assert (check()[0], tested.claims()["other"].evidence) == ([], "none")


def test_a_check_that_cannot_run_leaves_the_ledger_as_it_was(tested, check):
    assert check()[1] == 0
    before = tested.ledger()
    tested.write("tests/conftest.py", "import not_there_at_all\n")
    assert check()[1] == 4
    assert tested.ledger() == before


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"test": "a"}]', json.dumps([[]])])
def test_a_ledger_that_cannot_be_read_is_none(tmp_path: Path, text):
    (tmp_path / "build").mkdir()
    (tmp_path / "build/evidence.json").write_text(text)
    assert read_ledger(tmp_path) == []


def test_a_ledger_is_written_whole_or_not_at_all(tested, monkeypatch):
    tested.run()
    before = tested.ledger()

    def pull_the_plug(*arguments):
        raise OSError("the disk is gone")

    monkeypatch.setattr(os, "replace", pull_the_plug)
    tested.replace("tests/test_other.py", OTHER_HOLDS, "    measured(0.0, allowed=0)")
    tested.run()
    assert tested.ledger() == before
    assert os.listdir(tested.root / "build") != []


def outcome(test, **more):
    ran = {"passed": 1, "failed": 0, "skipped": 0, "seconds": 0.5, "date": "2026-01-01"} | more
    marks = (Mark("claim", "c", by="exact"), Mark("claim", "c", by="search"))
    return Outcome(
        *(test, 3, marks),
        **ran,
        python="3",
        torch="2",
        fingerprint="f",
        statements=(("c", "s"),),
        measured=0.0,
        allowed=0.0,
    )


@pytest.mark.parametrize(
    ("test", "file", "name", "sentence"),
    [
        ("tests/test_a.py::test_it_holds", "tests/test_a.py", "test_it_holds", "it holds"),
        (
            "tests/test_a.py::test_control_it_fails_without",
            *("tests/test_a.py", "test_control_it_fails_without", "it fails without"),
        ),
        ("t/test_a.py::TestA::test_b", "t/test_a.py", "TestA::test_b", "TestA::test b"),
    ],
)
def test_a_test_is_named_by_its_file_and_its_sentence(test, file, name, sentence):
    named = outcome(test)
    assert (named.file, named.name, named.sentence) == (file, name, sentence)


def test_what_is_written_is_read_again(tmp_path):
    write_files(tmp_path, {"tests/test_a.py": "", "tests/test_b.py": "", "tests/test_c.py": ""})
    first = [outcome(f"tests/test_{file}.py::test_a_é") for file in "ab"]
    write_ledger(tmp_path, reversed(first), ran=set())
    assert read_ledger(tmp_path) == first
    assert "test_a_é" in (tmp_path / LEDGER).read_text(encoding="utf-8")  # for people, too
    later = outcome("tests/test_a.py::test_two", failed=1)
    write_ledger(tmp_path, [later], ran=set())
    assert read_ledger(tmp_path) == [first[0], later, first[1]]
    again = replace(first[0], failed=2)
    write_ledger(tmp_path, [again], ran={"tests/test_a.py"})
    assert read_ledger(tmp_path) == [again, first[1]]
    (tmp_path / "tests/test_b.py").unlink()
    write_ledger(tmp_path, [], ran={"tests/test_c.py"})
    assert read_ledger(tmp_path) == [again]


@pytest.mark.parametrize(
    ("source", "marks"),
    [
        ("@pytest.mark.claim('c', by='exact')\ndef test(): pass", True),
        ("@pytest.mark.control('c', drops='d')\ndef test(): pass", True),
        ("@pytest.mark.counterexample('c')\ndef test(): pass", True),
        ("pytestmark = [pytest.mark.claim('c', by='exact')]", True),
        ("@mark.claim('c', by='exact')\ndef test(): pass", True),
        ("from pytest import mark as m\n@m.claim('c', by='exact')\ndef test(): pass", True),
        ("import pytest as p\nm = p.mark\npytestmark = m.control('c', drops='d')", True),
        ("from pytest import mark\nm = mark\nm.claim('c', by='exact')", True),
        ("check = pytest.mark.claim('c', by='exact')\n@check\ndef test(): pass", True),
        ("from pytest import raises as m, mark as k\nm.claim('c')", False),
        ("from pytest import mark as m\nm.slow(other.claim)", False),
        ("@marks.claim('c', by='exact')\ndef test(): pass", False),
        ("@other.marked.claim('c', by='exact')\ndef test(): pass", False),
        ("@pytest.mark.slow\ndef test(): 'pytest.mark.claim'", False),
        ("mark.claims", False),
        ("pytest.mark.claim('c' def", True),  # pytest says what is wrong with it
        ("pytest.mark.claim\0", True),
        ("def (", False),
    ],
)
def test_a_file_is_due_that_uses_a_marker_and_never_ran(tmp_path, source, marks):
    write_files(tmp_path, {"tests/deep/test_a.py": source, "tests/a.py": source})
    assert due(tmp_path, {}) == ["tests/deep/test_a.py"] * marks


def test_a_file_that_ran_is_due_again_when_any_test_of_it_failed_or_is_stale(tmp_path):
    write_files(tmp_path, {"tests/test_a.py": "", "tests/test_b.py": "", "snippets/test_c.py": ""})
    now = {"fingerprint": fingerprint(tmp_path / "tests/test_a.py", tmp_path)}
    fine = [replace(outcome(f"tests/test_a.py::test_{name}"), **now) for name in ["one", "two"]]

    def due_after(*outcomes, statements):
        write_ledger(tmp_path, [], ran={"tests/test_a.py"})
        write_ledger(tmp_path, outcomes, ran=set())
        return due(tmp_path, statements)

    assert due_after(*fine, statements={"c": "s"}) == []
    assert due_after(*fine, statements={"c": "another"}) == ["tests/test_a.py"]
    assert due_after(*fine, statements={}) == ["tests/test_a.py"]
    failed = replace(fine[1], failed=1)
    assert due_after(fine[0], failed, statements={"c": "s"}) == ["tests/test_a.py"]
    changed = replace(fine[0], fingerprint="of another")
    assert due_after(changed, fine[1], statements={"c": "s"}) == ["tests/test_a.py"]
    assert stale_tests([changed, fine[1]], {"c": "s"}, tmp_path) == {changed.test}


MARKED = "@pytest.mark.claim('c', by='exact')\ndef test(): pass"
FOLDERS = ["build", "dist", "node_modules", "venv", "site", "mutants", "__pycache__", ".hidden"]


def test_tests_that_pytest_does_not_find_either_are_never_due(tmp_path):
    files = {f"{above}{name}/test_a.py": MARKED for name in FOLDERS for above in ["", "src/"]}
    installed = {"env/pyvenv.cfg": "", "conda/conda-meta/history": ""}
    packages = dict.fromkeys(["env/lib/test_a.py", "conda/lib/test_a.py"], MARKED)
    write_files(tmp_path, {**files, **installed, **packages})
    assert due(tmp_path, {}) == []
    others = ["builds/test_a.py", "other/lib/test_a.py", "test_a.py", "z/a_test.py"]
    write_files(tmp_path, dict.fromkeys(others, MARKED))
    assert due(tmp_path, {}) == others
