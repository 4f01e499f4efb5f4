"""Does a site come about whatever threads and forks there are, and does a server stay as it was?"""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.litmus.conftest import write_files
from tests.systems import WITHOUT_FORKS, environment

SITE = """
import json, os, sys
from pathlib import Path
from litmus.material import commands

forks = []  # for each, how many threads there were in the process that was forked
if hasattr(os, "fork"):
    fork, os.sched_getaffinity = os.fork, lambda _: {0, 1}
    os.fork = lambda: forks.append(len(os.listdir("/proc/self/task"))) or fork()
vault, site = map(Path, sys.argv[1:3])
"""

BUILD = """
commands.build_folder(vault, site, False)
print(json.dumps(forks))
"""

# The server does not wait for changes and for readers; all else is as usual.
SERVE = """
import gc, shutil
from mkdocs.livereload import LiveReloadServer
from litmus.site.build import Build

said, first, run = [], len(forks), Build.run

def fail(*_):
    raise ValueError("broken")

def serve(server, **_):
    print(json.dumps(forks))
    server.observer.start()
    for text in sys.argv[3:]:
        (vault / "n0.md").write_text(text)
        Build.run = fail if "broken" in text else run
        server.builder()
        gc.collect()
        made = len(gc.get_objects()) + gc.get_freeze_count()
        print(json.dumps([len(forks), gc.isenabled(), made]))
    shutil.copytree(server.root, site)

LiveReloadServer.serve = serve
commands.serve_folder(vault)
"""

# One page cannot be written when another one has been.
SERVE_A_FULL_DISK = """
import logging
from mkdocs.livereload import LiveReloadServer

def serve(server, **_):
    def shown():
        server.builder()
        page = b"".join(server.get_app()({"PATH_INFO": "/n1/"}, lambda *_: None)).decode()
        return page.partition('role="alert"')[2].partition("</pre>")[0]

    server.observer.start()
    note, root = vault / "n0.md", Path(server.root)
    before, page = note.read_text(), root / "n0/index.html"
    note.write_text("# N0\\n\\nWords that came late.\\n")
    (vault / "new.md").write_text("# New\\n")
    (root / "new/index.html").mkdir(parents=True)
    print(json.dumps([shown(), server.root, "came late" in page.read_text()]))
    (root / "new/index.html").rmdir()
    note.write_text(before)
    after = shown()
    is_there = (root / "new/index.html").is_file()
    print(json.dumps([after, is_there, "came late" in page.read_text()]))

LiveReloadServer.serve = serve
logging.basicConfig()
commands.serve_folder(vault)
"""
FEW, MANY = 3, 220  # notes: few are not worth a fork
TAGGED, PLAIN = "# N0\n\n#first and $y$\n", "# N0\n\nNone.\n"  # the menu has a list of tags, or not

# A server that says when it has come so far, and waits there.
WAIT = """
import signal, sys, time
from pathlib import Path
from mkdocs.livereload import LiveReloadServer
from litmus.material import commands
from litmus.site.build import Build

def wait(*_, **__):
    print("ignored" if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else "obeyed", flush=True)
    time.sleep(600)

if "building" in sys.argv:
    Build.run = wait
else:
    LiveReloadServer._build_loop = wait
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
if "nohup" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
commands.serve_folder(Path(sys.argv[1]))
"""


@pytest.fixture
def said(tmp_path):
    """A function that runs a script on a vault of so many notes; return what it says of each."""

    def run(script, notes, *texts, **modules):
        note = "# N{0}\n\nA formula $x_{{{0}}}$ and [[n0]].\n"
        write_files(tmp_path / "vault", {f"n{n}.md": note.format(n) for n in range(notes)})
        done = subprocess.run(
            [sys.executable, "-c", SITE + script, tmp_path / "vault", tmp_path / "site", *texts],
            env=environment(tmp_path / "modules", **modules),
            stdout=subprocess.PIPE,
            stderr=(tmp_path / "told").open("w"),
            timeout=120,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def test_a_site_of_many_notes_is_built_without_forks(said, tmp_path):
    assert said(BUILD, MANY, sitecustomize=WITHOUT_FORKS) == [[]]
    assert "katex" in (tmp_path / f"site/n{MANY - 1}/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("modules", "forks"),
    [
        pytest.param({}, [1, 1], marks=pytest.mark.skipif(sys.platform != "linux", reason="alone")),
        ({"sitecustomize": WITHOUT_FORKS}, []),
    ],
    ids=["with forks", "without forks"],
)
def test_a_server_builds_all_again_when_the_menu_changes(said, tmp_path, modules, forks):
    at_first, (later, *_) = said(SERVE, MANY, TAGGED, **modules)
    assert at_first == forks  # to read the notes, and for the pages
    assert later == len(forks)  # V8 and the watcher have begun threads
    assert 'href="../tags/"' in (tmp_path / "site/n7/index.html").read_text(encoding="utf-8")


def test_a_server_has_no_more_to_remember_the_more_is_edited(said):
    edits = [f"{PLAIN}Edit {number} of [[n1]].\n" for number in range(10, 60)]
    texts = [TAGGED, PLAIN, TAGGED + "broken", TAGGED, *edits]
    _, *after = said(SERVE, FEW, *texts, *texts)
    assert all(is_on for _, is_on, _ in after)
    objects = [made for _, _, made in after]
    assert abs(objects[-1] - objects[len(texts) - 1]) < 50, objects


def test_after_a_build_that_failed_all_is_built_again(said, tmp_path):
    said(SERVE, FEW, TAGGED + "broken", TAGGED)
    assert 'href="../tags/"' in (tmp_path / "site/open-ends/index.html").read_text("utf-8")


def test_a_write_that_fails_is_told_without_where_the_site_is_and_made_good(said, tmp_path):
    (banner, root, is_late), after = said(SERVE_A_FULL_DISK, FEW)
    told = (tmp_path / "told").read_text(encoding="utf-8")
    assert "new/index.html: Is a directory" in banner
    assert "new/index.html: Is a directory" in told
    assert root not in banner
    assert is_late  # control: one of the two has been written
    assert after == ["", True, False]


@pytest.fixture
def server(tmp_path):
    """A function that runs a server on a vault until it is where it shall be."""
    begun = []
    write_files(tmp_path, {"vault/a.md": "# A\n", "passing/.keep": ""})

    def begin(*how):
        command = [sys.executable, "-c", WAIT, tmp_path / "vault", *how]
        about = {**os.environ, "TMPDIR": str(tmp_path / "passing")}
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=about))
        begun[0].hangup = begun[0].stdout.readline().decode().strip()
        assert os.listdir(tmp_path / "passing") != [".keep"]
        return begun[0]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signals")
@pytest.mark.parametrize("where", ["building", "serving"])
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_server_that_is_told_to_end_leaves_nothing_behind(server, tmp_path, where, number):
    process = server(where)
    assert process.hangup == "obeyed"
    for _ in range(2):  # a shell says again what a terminal has said
        process.send_signal(getattr(signal, number))
        if number == "SIGINT":
            break
    process.wait(60)
    assert os.listdir(tmp_path / "passing") == [".keep"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal")
def test_a_server_that_shall_outlive_its_terminal_does(server):
    assert server("serving", "nohup").hangup == "ignored"
