"""Does a record tell elsewhere what a run found, until what it rests on changes, and only then?"""

import json
import math

import pytest

from litmus.claims.evidence import due, read_ledger
from litmus.claims.records import read_record, read_records
from litmus.files.digest import digest
from litmus.problems import Problem
from litmus.site.claims_json import claims_json
from litmus.site.project import Project
from tests.litmus.conftest import write_files
from tests.litmus.test_evidence import DOCS, OPTIONS
from tests.litmus.test_session import Command

FILE = "tests/on-a-gpu.record.json"
# With the plugin that has `record_property`.
WITH_PROPERTIES = ["no:nose" if part == "no:junitxml" else part for part in OPTIONS]
HERE = """
import pytest

@pytest.mark.claim("other", by="exact")
def test_here(measured):
    measured(0, allowed=0)
"""
ELSEWHERE = """
import pytest
import yaml
from snippets.used import ONE

pytestmark = pytest.mark.travels

@pytest.mark.claim("c", by="experiment")
@pytest.mark.parametrize("i", [1, 2])
def test_it_holds(measured, i):
    measured(i * abs(ONE - 1.5), allowed=2)

@pytest.mark.control("c", drops="d")
def test_control(measured, record_property):
    record_property("losses", [3.5, ONE])
    measured(ONE, allowed=0.5)

def test_of_no_claim(measured):
    measured(abs(ONE - 1), allowed=0)

def test_not_here():
    pytest.skip("no such thing")
"""
FILES = {
    **DOCS,
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "snippets/used.py": "ONE = 1\n",
    "snippets/unused.py": "TWO = 2\n",
    "tests/conftest.py": "",
    "tests/test_here.py": HERE,
    "tests/test_elsewhere.py": ELSEWHERE,
}
NAMES = ["test_control", "test_it_holds", "test_of_no_claim"]


class Elsewhere:
    """A small project with a record, as its run has left it."""

    def __init__(self, pytester):
        self.root, self.run_inprocess = pytester.path, pytester.runpytest_inprocess

    def run(self, *arguments):
        result = self.run_inprocess(*WITH_PROPERTIES, *arguments)
        return result.ret, "\n".join([*result.outlines, *result.errlines])

    def record(self, *arguments, file=FILE):
        return self.run(*(arguments or ["tests/test_elsewhere.py"]), "--litmus-record", file)

    def project(self):
        return Project.ours(self.root, self.root / "docs")

    def replace(self, file, old, new):
        text = (self.root / file).read_text("utf-8")
        assert old in text
        (self.root / file).write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def elsewhere(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    write_files(pytester.path, FILES)
    return Elsewhere(pytester)


@pytest.fixture(scope="module")
def kept():
    """What the first record says, for those who ask for it again."""
    return {}


@pytest.fixture
def recorded(elsewhere, kept):
    """The same with its record: it depends on what the files say, and on nothing else."""
    if kept:
        (elsewhere.root / FILE).write_text(kept["text"], "utf-8")
    else:
        code, said = elsewhere.record()
        assert code == 0, said
        kept["text"] = (elsewhere.root / FILE).read_text("utf-8")
    return elsewhere


def test_a_record_says_what_was_found_and_under_what(recorded):
    record = read_record(recorded.root, FILE)
    assert [outcome.name for outcome in record.outcomes] == NAMES  # what was skipped found nothing
    control, check, unmarked = record.outcomes
    assert (check.passed, check.measured, check.allowed) == (2, 1.0, 2.0)
    assert (control.measured, control.allowed) == (1.0, 0.5)
    assert (unmarked.marks, unmarked.measured) == ((), 0.0)
    assert {outcome.record for outcome in record.outcomes} == {FILE}
    assert record.properties[control.test] == {"losses": [3.5, 1]}
    assert {"Python", "pytest", "pyyaml"} == {*record.versions}
    assert record.command.endswith(f"tests/test_elsewhere.py --litmus-record {FILE}")
    assert {*record.digests} == {
        "tests/test_elsewhere.py",
        "tests/conftest.py",
        "snippets/used.py",
    }
    assert record.device
    assert record.date > "2026"


def test_what_travels_is_evidence_with_its_date_and_neither_in_the_ledger_nor_due(recorded):
    recorded.run()
    assert [outcome.name for outcome in read_ledger(recorded.root)] == ["test_here"]
    project = recorded.project()
    assert due(recorded.root, project.claims.statements) == []
    assert {n: c.evidence for n, c in project.claims.items()} == {
        "c": "checked with control",
        "d": "none",
        "other": "checked",
    }
    entries = {claim["name"]: claim for claim in json.loads(claims_json(project.claims))["claims"]}
    assert {test["record"] for test in entries["c"]["tests"]} == {FILE}
    assert "record" not in entries["other"]["tests"][0]
    assert project.problems == []


def test_a_run_that_leaves_a_record_leaves_the_ledger_as_it_is(elsewhere):
    here = ["tests/test_here.py"]
    code, said = elsewhere.record(*here)
    assert code == 0, said
    assert [outcome.name for outcome in read_record(elsewhere.root, FILE).outcomes] == ["test_here"]
    assert read_ledger(elsewhere.root) == []
    elsewhere.run(*here)  # a control
    assert [outcome.name for outcome in read_ledger(elsewhere.root)] == ["test_here"]


def test_control_without_the_record_there_is_no_evidence(recorded):
    (recorded.root / FILE).unlink()
    assert recorded.project().claims["c"].evidence == "none"


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("tests/test_elsewhere.py", "no such thing", "no such", NAMES),
        ("snippets/used.py", "ONE = 1", "ONE = 1.0", NAMES),
        ("tests/conftest.py", "", "# all", NAMES),
        ("docs/claims/c.md", "Let [[d]].", "Let it be [[d]].", NAMES[:2]),
        ("docs/claims/c.md", "## Proof\n\nx", "## Proof\n\ny", []),
        ("snippets/unused.py", "TWO = 2", "TWO = 3", []),
        ("tests/test_here.py", "0)", "0.0)", []),
        ("snippets/used.py", "\n", "\r\n", []),  # as git may write it
        ("tests/conftest.py", None, None, NAMES),
        ("snippets/used.py", None, None, NAMES),
        ("tests/test_elsewhere.py", None, None, NAMES),
        ("snippets/unused.py", None, None, []),
    ],
)
def test_it_is_stale_when_what_it_rests_on_has_changed_and_only_then(
    recorded, file, old, new, stale
):
    if old is None:
        (recorded.root / file).unlink()
    else:
        recorded.replace(file, old, new)
    project = recorded.project()
    (record,) = project.records
    found = record.stale(project.claims.statements, recorded.root)
    assert sorted(test.partition("::")[2] for test in found) == stale
    assert (project.claims["c"].evidence == "stale") is bool(stale)


def test_a_stale_record_takes_nothing_from_what_was_found_here(recorded):
    here = HERE.replace('"other"', '"c"')
    write_files(recorded.root, {"tests/test_here.py": here})
    recorded.run("tests/test_here.py")
    recorded.replace("snippets/used.py", "ONE = 1", "ONE = 1.0")
    claim = recorded.project().claims["c"]
    assert claim.evidence == "checked"
    assert claim.stale == {f"tests/test_elsewhere.py::{name}" for name in NAMES[:2]}


def test_a_stale_record_takes_nothing_from_another_of_the_same_tests(recorded):
    recorded.replace("snippets/used.py", "ONE = 1", "ONE = 1.0")
    assert recorded.project().claims["c"].evidence == "stale"
    assert recorded.record(file="tests/newest.record.json")[0] == 0
    claim = recorded.project().claims["c"]
    assert (claim.evidence, claim.stale) == ("checked with control", set())
    assert {outcome.record for outcome in claim.outcomes} == {"tests/newest.record.json"}
    recorded.replace("snippets/used.py", "ONE = 1.0", "ONE = 1.00")
    assert recorded.project().claims["c"].evidence == "stale"


def test_a_record_tells_of_a_test_that_is_only_skipped_here(elsewhere, monkeypatch):
    skips = "    os.environ.get('HAS_IT') or pytest.skip()\n    measured("
    write_files(
        elsewhere.root, {"tests/test_here.py": f"import os{HERE}".replace("    measured(", skips)}
    )
    monkeypatch.setenv("HAS_IT", "1")
    assert elsewhere.record("tests/test_here.py")[0] == 0
    monkeypatch.delenv("HAS_IT")
    elsewhere.run("tests/test_here.py")
    assert [outcome.skipped for outcome in read_ledger(elsewhere.root)] == [1]
    claim = elsewhere.project().claims["other"]
    assert (claim.evidence, [outcome.record for outcome in claim.outcomes]) == ("checked", [FILE])


def test_a_test_that_ran_here_needs_no_record(recorded):
    """As where the same tests run with another version of a package."""
    recorded.run("tests/test_here.py")
    code, said = recorded.record("tests/test_here.py", file="tests/newest.record.json")
    assert code == 0, said
    project = recorded.project()
    assert len(project.records) == 2
    assert [outcome.record for outcome in project.claims["other"].outcomes] == [""]


CHANGES = {
    "a number": lambda said: said["tests"][0].update(measured=1e-9),
    "the date": lambda said: said.update(date="2027-01-01"),
    "the digest of a file": lambda said: said["digests"].update({"snippets/used.py": "0"}),
    "its own digest": lambda said: said.update(digest="0" * 16),
    "a test less": lambda said: said["tests"].pop(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_record_that_somebody_has_changed_is_an_error_and_no_evidence(recorded, change):
    said = json.loads((recorded.root / FILE).read_text("utf-8"))
    change(said)
    (recorded.root / FILE).write_text(json.dumps(said), "utf-8")
    project = recorded.project()
    (problem,) = project.problems
    assert str(problem).startswith(f"{FILE}: somebody has changed the record, which only a run")
    assert "--litmus-record" in str(problem)
    assert project.claims["c"].evidence == "none"


def test_control_a_record_that_is_written_another_way_is_the_same(recorded):
    said = json.loads((recorded.root / FILE).read_text("utf-8"))
    (recorded.root / FILE).write_text(json.dumps(said), "utf-8")
    assert recorded.project().problems == []


ODD = {
    "no number": lambda said: said["tests"][0].update(measured=math.nan),
    "no number told": lambda said: said["tests"][0].update(properties={"loss": math.nan}),
    "another way": lambda said: said["tests"][1]["marks"][0].update(by="eye"),
    "a file elsewhere": lambda said: said["tests"][0].update(test="../../x.py::test_a"),
    "no device": lambda said: said.update(device=""),
    "no version": lambda said: said["versions"].update(Python=3),
    "no digests": lambda said: said.update(digests=[]),
    "a digest of nothing": lambda said: said["digests"].update({"a": None}),
    "another format": lambda said: said.update(format=2),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_a_record_that_says_what_no_run_writes_is_refused_whatever_its_digest(recorded, change):
    said = json.loads((recorded.root / FILE).read_text("utf-8"))
    del said["digest"]
    change(said)
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    (recorded.root / FILE).write_text(json.dumps({**said, "digest": digest(text)}), "utf-8")
    project = recorded.project()
    (problem,) = project.problems
    assert str(problem).startswith(f"{FILE}: this is no record that this version of Litmus can")
    assert project.claims["c"].evidence == "none"


def test_control_with_its_digest_alone_it_is_read(recorded):
    said = json.loads((recorded.root / FILE).read_text("utf-8"))
    del said["digest"]
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    (recorded.root / FILE).write_text(json.dumps({**said, "digest": digest(text)}), "utf-8")
    assert recorded.project().problems == []


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("float('nan')", "nan"),
        ("[1, float('inf')]", "[1, inf]"),
        ("{2: 'a', 10: 'b'}", {"2": "a", "10": "b"}),
        ("{2: 'a', 'x': 'b'}", {"2": "a", "x": "b"}),
        ("2 + 3j", "(2+3j)"),
        ("'\\ud800'", "'\\ud800'"),
        ("(1.5, None)", [1.5, None]),
    ],
)
def test_what_a_test_tells_is_kept_as_json_has_it_and_costs_no_run(elsewhere, value, kept):
    elsewhere.replace("tests/test_elsewhere.py", "[3.5, ONE]", value)
    assert elsewhere.record()[0] == 0
    record = read_record(elsewhere.root, FILE)
    assert {"losses": kept} in record.properties.values()


def test_tests_in_a_folder_that_is_a_link_leave_a_record_too(elsewhere, tmp_path_factory):
    folder = tmp_path_factory.mktemp("far")
    (elsewhere.root / "tests").rename(folder / "tests")
    (elsewhere.root / "tests").symlink_to(folder / "tests")
    assert elsewhere.record(file="records/on-a-gpu.record.json")[0] == 0
    assert elsewhere.project().claims["c"].evidence == "checked with control"
    elsewhere.replace("tests/test_elsewhere.py", "no such thing", "no such")
    assert elsewhere.project().claims["c"].evidence == "stale"


def test_a_file_travels_as_a_whole_or_not_at_all(elsewhere):
    """Since what is run here is asked file by file, and nobody would run the others."""
    elsewhere.replace("tests/test_elsewhere.py", "pytestmark = pytest.mark.travels\n", "")
    elsewhere.replace(
        "tests/test_elsewhere.py", "def test_control", "@pytest.mark.travels\ndef test_control"
    )
    code, said = elsewhere.run("tests/test_elsewhere.py")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "other tests of this file travel, so nobody would run this one. Write pytestmark" in said
    assert read_ledger(elsewhere.root) == []


NONE = ["", "{}", "[]", "[" * 100_000, '{"digest": "a", "command": "x"', "\0"]


@pytest.mark.parametrize("text", NONE, ids=range(len(NONE)))
def test_what_is_no_record_is_an_error(elsewhere, text):
    write_files(elsewhere.root, {FILE: text})
    records, (problem,) = read_records(elsewhere.root)
    assert records == []
    assert str(problem).startswith(f"{FILE}: this is no record that this version of Litmus can")
    with pytest.raises(Problem):
        read_record(elsewhere.root, FILE)


def test_a_failure_is_recorded_too_and_fails_the_claim(elsewhere):
    elsewhere.replace("snippets/used.py", "ONE = 1", "ONE = 3")
    code, _ = elsewhere.record()
    assert code == pytest.ExitCode.TESTS_FAILED
    project = elsewhere.project()
    assert project.claims["c"].evidence == "failing"
    assert any("the check test_it_holds fails." in str(problem) for problem in project.problems)


SKIPS = "import pytest\n\ndef test_a():\n    pytest.skip('not here')\n"


@pytest.mark.parametrize(
    ("arguments", "file", "said"),
    [
        (["tests/test_elsewhere.py::test_control"], FILE, "tests were named, and not files"),
        (["tests/test_elsewhere.py", "-k", "holds"], FILE, "3 tests were left out"),
        (["tests/test_fails.py", "-x"], FILE, "the run did not come to its end"),
        (["-p", "cacheprovider", "--lf"], FILE, "what passed before was left out"),
        (["tests/test_elsewhere.py"], ".kept/a.record.json", "a record lies beside the tests"),
        (["tests/test_elsewhere.py"], "build/a.record.json", "a record lies beside the tests"),
        (["tests/test_skips.py"], FILE, "none of the tests could run here"),
        (["tests/test_none.py"], FILE, "the run did not come to its end"),
        (["tests/test_elsewhere.py"], "tests/a.json", "is called NAME.record.json"),
        (["tests/test_elsewhere.py"], "../a.record.json", "a record lies beside the tests"),
        (["tests/test_elsewhere.py", "-p", "xdist", "-n", "1"], FILE, "leave out -n"),
    ],
)
def test_a_run_that_says_less_leaves_the_record_as_it_was(recorded, arguments, file, said):
    fails = "def test_a(): assert 0\n\ndef test_b(): pass\n"
    others = {"tests/test_none.py": "1 / 0", "tests/test_fails.py": fails}
    write_files(recorded.root, {"tests/test_skips.py": SKIPS, **others})
    before = (recorded.root / FILE).read_bytes()
    code, printed = recorded.record(*arguments, file=file)
    assert said in printed
    assert code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    assert (recorded.root / FILE).read_bytes() == before
    # Above it others have theirs, whose tests ran in the same process.
    assert not [*recorded.root.rglob("a.record.json"), *recorded.root.parent.glob("a.record.json")]


def test_without_claims_there_is_nothing_to_record(pytester):
    pytester.makepyfile("def test_a(): pass")
    result = pytester.runpytest_inprocess(*OPTIONS, "--litmus-record", FILE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "is for a project with claims" in "\n".join(result.errlines)


@pytest.mark.parametrize("change", [False, True], ids=["as it was", "changed"])
def test_the_site_shows_a_record_with_its_date_and_what_has_changed_since(recorded, change):
    if change:
        recorded.replace("snippets/used.py", "ONE = 1", "ONE = 1.0")
    write_files(recorded.root, {"mkdocs.yml": "site_name: V\n"})
    Command(recorded.root).build()
    record = read_record(recorded.root, FILE)
    when = f"ecorded {record.date}, {record.outcomes[0].ran_with}"
    pages = {
        name: (recorded.root / f"site/{name}/index.html").read_text("utf-8")
        for name in ["claims/c", "snippets/used", "snippets/unused", "open-ends"]
    }
    for name, told, tests in [
        *[("claims/c", 2, 2), ("snippets/used", 1, 3), ("snippets/unused", 0, 0)],
    ]:
        assert pages[name].count(when) == told
        assert pages[name].count("changed since it ran") == change * tests
    assert ("3 of them changed since" in pages["snippets/used"]) is change
    assert "3 passed" in pages["snippets/used"]
    said = f"{record.outcomes[0].ran_with}: snippets/used.py has changed since it was written by"
    assert (said in pages["open-ends"]) is change
