"""What tests of the site share: the real site, built once, served, and a browser to look at it."""

import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.site.browser import browser as launched
from tests.site.browser import served

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the project's own site, built from what is there now."""
    folder = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    build = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if build.returncode:
        pytest.fail(f"the site does not build:\n{build.stderr}", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def pages(site):
    """Every page of the site, parsed, by its address."""
    return {
        file.relative_to(site).as_posix().removesuffix("index.html"): BeautifulSoup(
            file.read_text(encoding="utf-8"), "html.parser"
        )
        for file in sorted(site.rglob("*.html"))
    }


@pytest.fixture(scope="session")
def url(site):
    """Where the site is served, with a slash at the end."""
    with served(site) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """A Chromium: one of the system, else Playwright's own."""
    with launched() as chromium:
        yield chromium
