"""All builds of one command: what is read again, made again, and put in the site's place.

It knows neither who asks nor what is put around a page.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from litmus.files.writing import remove, stamp, writer
from litmus.problems import Problem, file_of, words_of
from litmus.python.labs import IsLab
from litmus.python.runs import Runner
from litmus.site import collector, resume, search
from litmus.site.build import Build, Dress, Made, Write
from litmus.site.folder import SiteFolder
from litmus.site.project import Project
from litmus.vault import collisions
from litmus.vault.addresses import sitemap
from litmus.vault.vault import LeftOut

Report = Callable[[list[Problem]], None]  # raises where the build is to stop


class Session:
    """One build after another of the same project, into the same folder.

    A build is opened, withholds, makes and finishes; under `serve` it is then updated.
    """

    project: Project
    build: Build
    made: Made

    def __init__(self, dress: Dress, report: Report) -> None:
        self.dress = dress
        self.report = report
        self.read_before: Project | None = None  # by who asks for the build
        self.runner: Runner | None = None
        self.site: SiteFolder | None = None
        self._read_from: tuple[Path, Path, bool] | None = None  # what `project` was opened with
        self._taken: set[str] = set()
        self._whole_with: tuple[int, ...] = ()  # the stamp of the settings; none: not whole
        self._search: dict[str, Any] | None = None  # as the theme has begun it

    def open(
        self,
        docs: Path,
        settings: Path,
        site: SiteFolder,
        is_lab: IsLab | None,
        raw_html: bool,
        is_called_ours: bool = False,
        excludes: LeftOut | None = None,
        site_url: str | None = None,
    ) -> Path:
        """Read the project, with its settings in a file; return the folder to build in.

        Raises Problem where no site can go there.
        """
        self._whole_with = ()  # what a broken build has begun is begun anew
        self._settings, self._raw_html, self.site = settings, raw_html, site
        self._url = site_url or ""
        self._built = site.begin()
        with collector.at_rest():
            self.project = self._read(docs, settings.parent, is_lab, is_called_ours, excludes)
        self.runner = self.runner or Runner(self.project.root)
        self.report(self.project.problems)  # before what follows from them is reported, too
        self.build = self._build_of(self.project, writer(self._built))
        return self._built

    def withhold(self, taken: Iterable[str]) -> None:
        """Leave out what would take the place of a part of the site, whose files these are."""
        self._taken = {*taken}
        self.build = self._withheld(self.build)
        self.project = self.build.project

    def make(self, frame: Callable[[], str]) -> None:
        """Make what comes from the vault, but for what the last build has made in this frame."""
        if self._is_kept:
            self._frame = frame()
            made = resume.recall(self.project.cache_folder, self.folder, self._frame)
            self.build = self._build_of(self.project, self.build.write, made)
        with collector.at_rest():
            self.made = self.build.run()
        self.report(self.made.problems)
        for path in self.made.outputs:
            if not (self._built / path).exists():  # it is as it was
                self.build.write(path, self.folder / path)

    def finish(self, is_wanted: bool) -> None:
        """Put the site in its place, if it is wanted; raise Problem where that cannot be done."""
        index = self._built / search.INDEX
        self._search = json.loads(index.read_text("utf-8")) if index.exists() else None
        self._write_lists(self.build.write)
        self.project.save_cache()
        if is_wanted:
            assert self.site
            self.site.finish()
            if self._is_kept:
                resume.keep(self.project.cache_folder, self.folder, self._frame, self.made)
            self._whole_with = stamp(self._settings)

    def update(self, fits: Callable[[Build], bool]) -> bool:
        """Write what a change in the vault touches.

        Says False if it goes further: the site is not whole, its settings are others, or the frame
        around its pages does not fit a build any more.
        """
        if not self._whole_with or self._whole_with != stamp(self._settings):
            return False
        staged: dict[str, Any] = {}
        build = self._withheld(self._build_of(self.project.again(), staged.__setitem__, self.made))
        if not fits(build):
            return False
        made = build.run()
        self.report(made.problems)
        outdated, whole_with = self.made.outputs - made.outputs, self._whole_with
        self._whole_with = ()  # until all is written: else nobody would know what is
        self.project, self.build, self.made = build.project, build, made
        self._write_lists(staged.__setitem__)
        write = writer(self.folder, is_read=True)
        remove(self.folder, outdated)
        for path, content in staged.items():
            write(path, content)
        if self.site:
            self.site.has_changed(staged, outdated)
        self._whole_with = whole_with
        return True

    def abandon(self) -> None:
        """Leave nothing of a build that failed."""
        if self.site:
            self.site.abandon()

    def close(self) -> None:
        """Leave nothing at all; another command may follow."""
        self.abandon()
        if self.runner:
            self.runner.close()
        self.runner = self._read_from = self.read_before = None

    def words(self, error: BaseException) -> str:
        """Return what stopped a build, for who looks at the site: its place is on this machine."""
        if not isinstance(error, OSError):
            place = f"{self.site.asked}: " if self.site else ""
            return str(error).removeprefix(place) or type(error).__name__
        file, site = Path(file_of(error)), self.folder
        where = f"{file.relative_to(site).as_posix()}: " if file.is_relative_to(site) else ""
        return f"{where}{words_of(error)}"

    @property
    def folder(self) -> Path:
        """Where the site stands when it is built."""
        assert self.site
        return self.site.folder

    @property
    def _is_kept(self) -> bool:
        """Is this the project's site, rather than one that somebody looks at elsewhere?"""
        return self.project.is_ours and self.folder.is_relative_to(self.project.root.resolve())

    def _read(
        self,
        docs: Path,
        settings: Path,
        is_lab: IsLab | None,
        is_called_ours: bool,
        excludes: LeftOut | None,
    ) -> Project:
        """Read the project, or what has changed of it since this command has read it before."""
        before, place = self.read_before, (docs, settings, is_called_ours)
        if before and before.docs.resolve() == docs.resolve():  # MkDocs knows more of settings
            differs = is_lab or excludes
            return replace(before, is_lab=is_lab, excludes=excludes).again() if differs else before
        if self._read_from == place:
            return replace(self.project, is_lab=is_lab, excludes=excludes).again()
        project = Project.open(docs, settings, is_lab, is_called_ours, excludes)
        if self.runner:
            self.runner.close()
        self.runner, self._read_from = None, place
        return project

    def _build_of(self, project: Project, write: Write, previous: Made | None = None) -> Build:
        assert self.runner
        trusted = self._raw_html and project.is_ours
        return Build(project, self.runner, self.dress, write, previous, trusted, self._url)

    def _withheld(self, build: Build) -> Build:
        """Return a build without what would take the place of a part of the site."""
        others = {*self._taken, *build.project.snippets}
        notes = [*collisions.with_the_site(build.vault.notes, build.titles(), others)]
        if notes:
            build = self._build_of(build.project.without(notes), build.write, build.was)
        project = build.project
        files = project.vault.files - project.vault.withheld
        for problem in collisions.of_files(files, build.titles(), others):
            project.vault.withheld.add(problem.file)
            project.problems.append(problem)
        return build

    def _write_lists(self, write: Write) -> None:
        """Write what lists all pages: for the search, and for search engines."""
        if self._search:
            write(search.INDEX, search.index(self._search, self.made.search).encode())
        if self._url:
            write("sitemap.xml", sitemap(self._url, self.build.titles()))
