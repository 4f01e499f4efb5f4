"""What tests of the engine share: small projects on disk, and one process that runs snippets."""

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pytest
from mkdocs import utils

from litmus.material import compiled_templates
from litmus.material.reports import Reports
from litmus.python.runs import Runner
from litmus.render.library import Library
from litmus.render.page import NotePages
from litmus.site import stylesheets
from litmus.site.project import Project
from tests.forks import SharedRunner


def write_files(root, files):
    """Write texts and bytes below a folder, by path."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")


@dataclass
class SmallProject:
    """A project of a few files in a folder of its own."""

    root: Path
    runner: Runner

    def write(self, files):
        write_files(self.root, files)

    def read(self):
        return Project.ours(self.root, self.root / "docs")

    def pages(self):
        project = self.read()
        vault = project.vault, project.claims, project.references
        return NotePages(Library(self.root, *vault, self.runner, snippets=project.snippets))

    def render(self, path):
        """Return one note as it stands on its page, with its problems as lines of text."""
        pages = self.pages()
        rendered = pages.render(pages.library.notes[path])
        return rendered.html, [str(problem) for problem in rendered.problems]


@pytest.fixture(scope="session", autouse=True)
def _packages_are_searched_once():
    """MkDocs looks for themes among all that is installed, twice for each site."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "entry_points", cache(utils.entry_points))
        yield


@pytest.fixture(scope="session", autouse=True)
def _the_theme_is_compiled_once(tmp_path_factory):
    """All sites keep the compiled theme in one folder: that takes longer than a small site."""
    prepared, folder = compiled_templates.prepared, tmp_path_factory.mktemp("templates")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_templates, "prepared", lambda made, _: prepared(made, folder))
        yield


@pytest.fixture(scope="session")
def font(tmp_path_factory):
    """The text font as it is kept below a project, which takes longer to cut than a site to build.

    A project of which it is one file finds it there.
    """
    folder = tmp_path_factory.mktemp("fonts")
    stylesheets.files(folder)
    return {f"build/fonts/{file.name}": file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="session")
def runner_of():
    """A function that returns a runner for the project in a folder."""
    return lambda root: SharedRunner(root, seconds=1.0)  # only what is meant to hang takes as long


@pytest.fixture(scope="session")
def project_in(runner_of):
    """A function that writes files, by path from a folder, and returns the project they make."""

    def make(root, files):
        small = SmallProject(root, runner_of(root))
        small.write(files)
        return small

    return make


@pytest.fixture
def project(project_in, tmp_path):
    """The same for a folder of the test's own."""
    return partial(project_in, tmp_path)


@pytest.fixture
def warned():
    """What is warned of meanwhile, a text each. (For pytest's own, all tests would be slower.)"""
    reports = Reports()
    reports.begin(strict=False)
    yield reports.said
    reports.end()


@pytest.fixture
def claims_of(project):
    """A function that returns the claims of a vault, given the notes in docs/claims by name."""

    def make(notes):
        files = {f"docs/claims/{name}.md": text for name, text in notes.items()}
        return project(files).read().claims

    return make
