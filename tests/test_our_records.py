"""Is there a whole record of every test that only travels, as its run has left it?"""

import ast
import re
from pathlib import Path

import pytest

from litmus.cache import Cache
from litmus.claims.evidence import TRAVELS, markers_in
from litmus.claims.records import read_record, read_records
from litmus.files.project_files import project_files
from litmus.python.fingerprint import imports, is_test, torch_version
from tests.litmus.conftest import write_files

ROOT = Path(__file__).parents[1]
CACHE = Cache()  # of what files import, which many tests ask for


def travelling(root):
    """The tests of a project that leave their outcome in a record, as pytest names them."""
    for file in project_files(root, is_test):
        if TRAVELS in markers_in(root / file):
            tree = ast.parse((root / file).read_text("utf-8"))
            yield from (f"{file}::{name}" for name in names_of_tests(tree))


def names_of_tests(tree):
    """The names of the tests in a module or a class, as pytest has them."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_":
            yield node.name
        elif isinstance(node, ast.ClassDef) and node.name[:4] == "Test":
            yield from (f"{node.name}::{name}" for name in names_of_tests(node))


def unrecorded(root):
    """The tests of which no record tells, and what is wrong with the records that there are."""
    records, problems = read_records(root)
    told = {outcome.test for record in records for outcome in record.outcomes}
    return [*map(str, problems), *(test for test in travelling(root) if test not in told)]


def test_each_test_that_travels_is_in_a_record_that_only_a_run_has_written():
    assert [*travelling(ROOT)]
    assert unrecorded(ROOT) == []


def engine_below(files):
    """What of the engine some tests rest on: a change of it makes their outcomes stale."""
    needs = {
        path.relative_to(ROOT.resolve()) for file in files for path in imports(file, ROOT, CACHE)
    }
    return {path for path in needs if path.parts[0] == "litmus"}


def test_no_record_goes_stale_with_the_engine():
    assert engine_below({ROOT / test.partition("::")[0] for test in travelling(ROOT)}) == set()


def test_control_a_test_of_a_lab_does_but_not_with_what_makes_pages():
    rooms = {path.parts[1] for path in engine_below(ROOT.glob("tests/labs/test_*.py"))}
    assert "python" in rooms  # which runs labs
    assert rooms <= {"__init__.py", "installed.py", "cache.py", "files", "python"}


TEST = "import pytest\npytestmark = pytest.mark.travels\ndef test_a(): pass\n"
IN_A_CLASS = TEST.replace("def", "class TestIt:\n    async def")


@pytest.mark.parametrize("change", ["gone", "edited", "another test", "one in a class"])
def test_control_a_record_that_is_gone_or_edited_is_missed(tmp_path, change):
    (record,) = [path for path in project_files(ROOT, lambda name: "full-width-on" in name)]
    (file,) = {test.partition("::")[0] for test in travelling(ROOT) if "full_width" in test}
    write_files(tmp_path, {path: (ROOT / path).read_text("utf-8") for path in [record, file]})
    assert unrecorded(tmp_path) == []
    if change == "gone":
        (tmp_path / record).unlink()
    elif change == "edited":
        text = (ROOT / record).read_text("utf-8")
        (tmp_path / record).write_text(text.replace('"allowed": 0.05', '"allowed": 0.06'), "utf-8")
    else:
        write_files(tmp_path, {"tests/test_new.py": IN_A_CLASS if "class" in change else TEST})
    assert len(unrecorded(tmp_path)) == {"gone": 2, "edited": 3}.get(change, 1)


NEWEST = ROOT / "tests/recorded/torch-newest.record.json"


def test_the_record_of_the_newest_torch_is_of_another_than_ours_and_rests_on_no_engine():
    record = read_record(ROOT, NEWEST.relative_to(ROOT).as_posix())
    assert record.versions["torch"] != torch_version()
    assert not [path for path in record.digests if path.startswith("litmus/")]
    assert not [outcome.test for outcome in record.outcomes if outcome.failed]
    assert {outcome.file for outcome in record.outcomes} <= {*of_snippets()}


def of_snippets():
    """The files of the tests of snippets that rest on nothing of the engine."""
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/snippets/test_*.py")]
    return [file for file in files if not engine_below([ROOT / file])]


def test_what_the_newest_torch_leaves_out_of_its_record_is_what_rests_on_the_engine():
    (said,) = re.findall(r"^WITH_ENGINE := (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    every = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/snippets/test_*.py")}
    assert {*said.split()} == every - {*of_snippets()}
