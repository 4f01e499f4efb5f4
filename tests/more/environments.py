"""Environments that hold the wheel of Litmus and what it requires, and nothing else.

Nothing is downloaded: the wheel is built from this checkout, and each distribution that it requires
is linked, file by file, from the environment that runs the tests. What is not required cannot be
imported there, although it is installed here.
"""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.metadata import PathDistribution as Installed
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME: str = PROJECT["name"]  # of the distribution
# Of a checkout, what is no source of it: what was built, and where Litmus keeps what it has made.
BUILT = {"build", "dist", "site", "mutants"}
SCRIPT = """#!{python}
import sys
from {module} import {function}
sys.exit({function}())
"""


class NotInstalledError(Exception):
    """What an environment requires is not installed here, or not as it is required."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment: where it is, and what is in it."""

    folder: Path
    linked: Mapping[str, Distribution]  # by their names

    @property
    def python(self) -> Path:
        """The interpreter, which imports what this environment holds."""
        return self.folder / "bin/python"

    @property
    def packages(self) -> Path:
        """The folder that modules are imported from."""
        return _packages(self.folder)

    def files_of(self, name: str) -> Iterator[Path]:
        """Yield the files of one of its distributions."""
        files = (self.packages / file for file in self.linked[name].files or [])
        return (file for file in files if file.exists())

    def variables(self, **more: str) -> dict[str, str]:
        """Return the variables of a process in it, without those that lead Python elsewhere."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        path = os.pathsep.join([str(self.folder / "bin"), os.environ.get("PATH", os.defpath)])
        home = {"HOME": str(self.folder / "home"), "XDG_CACHE_HOME": str(self.folder / "cache")}
        here = {"PATH": path, "VIRTUAL_ENV": str(self.folder), "PYTHONNOUSERSITE": "1", **home}
        return {**kept, **here, "NO_MKDOCS_2_WARNING": "1", **more}

    def run(
        self, *command: str | Path, cwd: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs; what it said, and how it ended, is for the caller to judge."""
        program = self.folder / "bin" / command[0]
        return subprocess.run(
            [program, *command[1:]],
            cwd=cwd or self.folder / "home",
            env=self.variables(**more),
            capture_output=True,
            text=True,
        )


def megabytes(paths: Iterable[Path]) -> float:
    """Return what files and folders take on a disk, in millions of bytes."""
    return sum(path.lstat().st_blocks for path in paths) * 512 / 1e6


def wheel(folder: Path) -> Path:
    """Build the wheel of this checkout from a copy of it, in an empty folder; return the file."""
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=_no_sources, symlinks=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--no-index", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if built.returncode:
        raise RuntimeError(f"the wheel is not built:\n{built.stdout}{built.stderr}")
    shutil.rmtree(source)
    (file,) = folder.glob("*.whl")
    return file


def environment(folder: Path, wheel: Path, *extras: str, also: Iterable[str] = ()) -> Environment:
    """Make an environment of the wheel with some of its extras, and of what they require.

    `also` are requirements beyond those, as in `properdocs>=1.6`. Raises NotInstalledError with
    what is not installed here.
    """
    venv = [getattr(sys, "_base_executable", sys.executable), "-m", "venv", "--without-pip"]
    subprocess.run([*venv, str(folder)], check=True)
    (folder / "home").mkdir()
    packages = _packages(folder)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (metadata,) = packages.glob("*.dist-info")
    ours = Installed(metadata)
    linked = closure([*_required(ours, extras), *map(Requirement, also)])
    for one in linked.values():
        _link(one, packages)
    for one in (ours, *linked.values()):
        _write_scripts(one, folder)
    return Environment(folder, linked)


def closure(requirements: Iterable[Requirement]) -> dict[str, Distribution]:
    """Return the installed distributions that some requirements need, directly or through others.

    Raises NotInstalledError for one that is missing, or whose version is not among those required.
    """
    found: dict[str, Distribution] = {}
    waiting, seen = list(requirements), set[str]()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        try:
            one = distribution(requirement.name)
        except PackageNotFoundError:
            raise NotInstalledError(f"{requirement} is not installed") from None
        if not requirement.specifier.contains(one.version, prereleases=True):
            raise NotInstalledError(f"{requirement} is required, and {one.version} is installed")
        found[canonicalize_name(one.name)] = one
        waiting += _required(one, requirement.extras)
    return found


def _no_sources(folder: str, names: list[str]) -> set[str]:
    hidden = {name for name in names if name.startswith(".")}
    at_the_top = hidden | BUILT if Path(folder) == ROOT else set[str]()  # a new project has hidden
    made = {"__pycache__", *(name for name in names if name.endswith(".egg-info"))}
    return at_the_top | made


def _required(one: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    """Yield what a distribution requires here, with some of its extras."""
    for requirement in map(Requirement, one.requires or []):
        marker = requirement.marker
        if not marker or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def _packages(folder: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return folder / "lib" / version / "site-packages"


def _link(one: Distribution, packages: Path) -> None:
    """Link the files of a distribution, those beside its modules, too, but for its programs."""
    programs = (packages / "../../../bin").resolve()
    for file in one.files or []:
        there, here = Path(str(one.locate_file(file))), Path(os.path.normpath(packages / file))
        if here.parent == programs or not there.exists():  # compiled for another Python, perhaps
            continue
        here.parent.mkdir(parents=True, exist_ok=True)
        try:
            here.hardlink_to(there.resolve())
        except OSError:  # it lies on another disk
            here.symlink_to(there)


def _write_scripts(one: Distribution, folder: Path) -> None:
    """Write the programs of a distribution, which begin with the environment's interpreter."""
    for entry in one.entry_points.select(group="console_scripts"):
        script = folder / "bin" / entry.name
        text = SCRIPT.format(python=folder / "bin/python", module=entry.module, function=entry.attr)
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
