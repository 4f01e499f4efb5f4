"""Is a file whole whoever reads it, however many write, and whatever stops one of them?"""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from litmus.files import writing
from litmus.files.writing import remove, write_whole, writer
from litmus.site import stylesheets

THREADS, FILES = 8, 100


def text_of(number):
    return f"{number}\n" * 5_000


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def in_threads(write):
    """Let each thread write each file; return those that it then found torn."""

    def write_all(_):
        return [n for n in range(FILES) if write(n) not in map(text_of, range(FILES))]

    with ThreadPoolExecutor(THREADS) as pool:
        return [name for torn in pool.map(write_all, range(THREADS)) for name in torn]


@pytest.mark.parametrize("kind", ["many files", "one file"])
@pytest.mark.parametrize("how", ["write_whole", "writer"])
def test_what_many_threads_write_into_one_folder_is_whole(tmp_path, kind, how):
    put = writer(tmp_path, is_read=True)

    def write(number):
        file = tmp_path / (f"{number}.txt" if kind == "many files" else "0.txt")
        if how == "writer":
            put(file.name, text_of(number).encode())
        else:
            write_whole(file, text_of(number))
        return file.read_text()

    assert in_threads(write) == []
    expected = range(FILES) if kind == "many files" else [0]
    assert names_in(tmp_path) == sorted(f"{number}.txt" for number in expected)


def test_control_writers_that_share_a_name_are_in_each_other_s_way(tmp_path, monkeypatch):
    monkeypatch.setattr(writing.secrets, "token_hex", lambda _: "same")
    with pytest.raises(OSError, match="same"):
        in_threads(lambda n: write_whole(tmp_path / f"{n}.txt", text_of(n)) or text_of(n))


WRITE_MANY = """
import sys
from pathlib import Path
from threading import Barrier
from litmus.files.writing import write_whole
for number in range(100):
    write_whole(Path(sys.argv[1]) / f"{number}.txt", f"{sys.argv[2]}\\n" * 5_000)
"""


def test_what_several_processes_write_is_whole(tmp_path):
    commands = [[sys.executable, "-c", WRITE_MANY, str(tmp_path), str(n)] for n in range(3)]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert names_in(tmp_path) == sorted(f"{number}.txt" for number in range(100))
    assert {path.read_text() for path in tmp_path.iterdir()} <= {text_of(n) for n in range(3)}


def test_the_text_font_is_whole_however_many_cut_it_at_once(tmp_path, monkeypatch):
    all_have_begun = Barrier(THREADS, timeout=60)

    def cut(arguments):
        with open(arguments[-1].removeprefix("--output-file="), "wb") as font:
            font.write(b"x" * 50_000)
            all_have_begun.wait()
            font.write(b"x" * 50_000)

    monkeypatch.setattr("fontTools.subset.main", cut)
    with ThreadPoolExecutor(THREADS) as pool:
        made = pool.map(lambda _: stylesheets.files(tmp_path)[stylesheets.FONT], range(THREADS))
        assert set(made) == {b"x" * 100_000}
    assert names_in(tmp_path) == ["Geist.woff2"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["_fill", "Path.replace"])
def test_a_write_that_fails_leaves_the_file_as_it_was_and_nothing_beside_it(
    tmp_path, monkeypatch, error, step
):
    file = tmp_path / "a.txt"
    file.write_text("before")

    def fail(beside, _):
        Path(beside).write_text("hal")
        raise error

    monkeypatch.setattr(f"litmus.files.writing.{step}", fail)
    with pytest.raises(type(error)):
        write_whole(file, "after")
    assert names_in(tmp_path) == ["a.txt"]
    assert file.read_text() == "before"


def test_a_copy_of_nothing_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        writer(tmp_path, is_read=True)("a/b.txt", tmp_path / "nowhere")
    assert names_in(tmp_path / "a") == []


def test_a_file_has_the_mode_of_any_other(tmp_path):
    (tmp_path / "usual").write_text("")
    write_whole(tmp_path / "whole", "")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_the_longest_of_names_is_not_too_long(tmp_path):
    name = "n" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 4) + ".txt"
    write_whole(tmp_path / name, "x")
    assert names_in(tmp_path) == [name]


def test_a_file_of_another_program_is_never_taken_for_our_own(tmp_path, monkeypatch):
    monkeypatch.setattr(writing.secrets, "token_hex", lambda _: "same")
    other = tmp_path / f"{writing.BESIDE}same"
    other.write_text("theirs")
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a.txt", "x")
    assert names_in(tmp_path) == [other.name]
    assert other.read_text() == "theirs"


def test_what_is_removed_takes_the_folders_with_it_that_it_leaves_empty(tmp_path):
    for path in ["a/b/c/d.txt", "a/e.txt"]:
        write_whole(tmp_path / path, "x")
    remove(tmp_path, ["a/b/c/d.txt"])
    assert names_in(tmp_path / "a") == ["e.txt"]
    remove(tmp_path, ["a/e.txt"])
    remove(tmp_path, ["a/e.txt"])
    assert names_in(tmp_path) == []


def test_many_are_removed_at_once_and_what_is_beside_them_or_behind_a_link_stays(tmp_path):
    ours = [f"a{n}/b{m}/{name}" for n in range(9) for m in range(9) for name in ("x", "y")]
    for path in [*ours, "a0/b0/theirs", "a1/theirs", "elsewhere/x"]:
        write_whole(tmp_path / path, "x")
    (tmp_path / "link").symlink_to("elsewhere")
    remove(tmp_path, [*ours, "link/x", "gone/x"])
    left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")]
    theirs = ["a0", "a0/b0", "a0/b0/theirs", "a1", "a1/theirs"]
    assert sorted(left) == [*theirs, "elsewhere", "elsewhere/x", "link"]


def test_what_is_being_written_is_hidden():
    assert writing.BESIDE.startswith(".")
