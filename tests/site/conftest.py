"""What tests of the site share: the real site, built once, served, and a browser to look at it."""

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.html import parsed
from tests.site.browser import browser as launched
from tests.site.browser import served

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    """The folder of the project's own site, built from what is there now.

    It is where every build of it is, and so begins from the last one. Processes that run tests side
    by side share it: who comes first builds it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    said = (base if worker_id == "master" else base.parent) / "said"
    with FileLock(said.with_name("lock")):
        if not said.exists():
            command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
            build = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            error = f"the site does not build:\n{build.stderr}" if build.returncode else ""
            said.write_text(error, encoding="utf-8")
    if error := said.read_text("utf-8"):
        pytest.fail(error, pytrace=False)
    return ROOT / "site"


@pytest.fixture(scope="session")
def pages(site):
    """Every page of the site, parsed, by its address."""
    return {
        file.relative_to(site).as_posix().removesuffix("index.html"): parsed(
            file.read_text(encoding="utf-8")
        )
        for file in sorted(site.rglob("*.html"))
    }


@pytest.fixture(scope="session")
def url(site):
    """Where the site is served, with a slash at the end."""
    with served(site) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """A Chromium: one of the system, else Playwright's own.

    It ends with the file: while Playwright runs, V8 takes no formula to set.
    """
    with launched() as chromium:
        yield chromium
