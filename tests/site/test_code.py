"""Does the code on the pages run as a reader finds it: pasted into an empty file?"""

import hashlib
from pathlib import Path

import jupytext
import pytest

from litmus.python import lab_runs
from litmus.python.quotes import docstring
from litmus.python.runs import RunError
from litmus.python.uses import use
from tests.forks import SharedRunner

ROOT = Path(__file__).parents[2]
# For a reader's own model: tests/snippets/test_uses.py runs each of them on one.
USES = [use(docstring(path.read_text("utf-8"))) for path in ROOT.glob("snippets/*.py")]
CALLS = {found.call.strip() for found in USES if found}
PASTED = ROOT / "build/pasted"  # as if each block were a snippet of a project with nothing else
SECONDS = 300  # on a busy machine a snippet can take long


@pytest.fixture(scope="module")
def runner():
    """Runs files in an empty folder each, in forks of one process that has imported torch."""
    return SharedRunner(PASTED, SECONDS)


@pytest.fixture(scope="module")
def paste(runner):
    """A function that runs code as a file of its own; a good run is kept for next time."""

    def run(code):
        name = hashlib.sha256(code.encode()).hexdigest()[:16]
        file = f"snippets/{name}/pasted.py"
        (PASTED / file).parent.mkdir(parents=True, exist_ok=True)
        (PASTED / file).write_text(code, encoding="utf-8")
        return runner.run(file)

    return run


def blocks(page):
    return [code.text() for code in page.css("article .language-python code")]


def test_every_block_outside_labs_runs_alone(pages, paste):
    failed = {}
    found = {
        code: address
        for address, page in pages.items()
        # The example for programs needs notes to read: test_public_face runs it among some.
        if not address.startswith("labs/") and address != "building-on-litmus/"
        for code in blocks(page)
        if code.strip() not in CALLS
    }
    for code, address in found.items():
        try:
            paste(code)
        except RunError as error:
            failed[address, code.partition("\n")[0]] = str(error)
    assert len(found) > 5  # files and quotes
    assert failed == {}


@pytest.mark.parametrize(
    "code", ["import snippets.scale_invariance", "undefined", "import litmus_is_not_there"]
)
def test_control_code_that_needs_more_than_the_page_shows_fails(paste, code):
    with pytest.raises(RunError):
        paste(code)


def test_the_blocks_of_each_lab_are_what_ran_in_an_empty_folder_one_after_another(pages):
    labs = {file.stem: file for file in sorted((ROOT / "docs/labs").glob("*.py"))}
    assert labs
    for name, file in labs.items():
        cells = [c.source for c in jupytext.read(file).cells if c.cell_type == "code"]
        assert [block.strip() for block in blocks(pages[f"labs/{name}/"])] == cells


def test_control_a_lab_that_needs_something_of_ours_does_not_run(tmp_path):
    lab = tmp_path / "lab.py"
    lab.write_text("# %%\nimport snippets.scale_invariance\n", encoding="utf-8")
    with pytest.raises(RunError, match="No module named 'snippets'"):
        lab_runs.executed(lab, tmp_path, tmp_path)
