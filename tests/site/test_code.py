"""Does the code on the pages run as a reader finds it: pasted into an empty file?"""

import hashlib
from pathlib import Path

import pytest

from litmus.labs import environment
from litmus.runs import RunError, Runner

ROOT = Path(__file__).parents[2]
SECONDS = 300  # a lab trains networks; on a busy machine that takes minutes


@pytest.fixture(scope="module")
def runner():
    """Runs files in an empty folder each, in forks of one process that has imported torch."""
    runner = Runner(ROOT, SECONDS)
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def paste(runner):
    """A function that runs code as a file of its own; a good run is kept for next time."""

    def run(code):
        name = hashlib.sha256(code.encode()).hexdigest()[:16]
        file = f"build/pasted/{environment(ROOT)}/{name}/pasted.py"
        (ROOT / file).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / file).write_text(code, encoding="utf-8")
        return runner.run(file)

    return run


def blocks(page):
    return [code.get_text() for code in page.article.select(".language-python code")]


def test_every_block_outside_labs_runs_alone(pages, paste):
    failed = {}
    found = {
        code: address
        for address, page in pages.items()
        if not address.startswith("labs/")
        for code in blocks(page)
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


def test_the_blocks_of_each_lab_run_one_after_another(pages, paste):
    labs = {a: page for a, page in pages.items() if a.startswith("labs/")}
    assert labs
    for page in labs.values():
        paste("\n".join(blocks(page)))
