"""Does the server find a port, and say on the last good page why the build stopped?"""

import signal
import socket
import threading
from pathlib import Path
from queue import Queue

import pytest
from watchdog.events import FileSystemEventHandler

from litmus.material.server import ErrorBanner, Observer, free_port, interrupt_when_told_to_end


def test_the_wanted_port_is_taken_if_it_is_free_else_the_next_one():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        taken = listening.getsockname()[1]
        assert free_port("127.0.0.1", taken) > taken
    assert free_port("127.0.0.1", taken) == taken


def test_no_port_at_all_is_an_error(monkeypatch):
    def bind(self, where):
        raise OSError("taken")

    monkeypatch.setattr("litmus.material.server.socket.socket.bind", bind)
    with pytest.raises(OSError, match="no port from 65535 on is free"):
        free_port("127.0.0.1", 65535)


def ask(banner, path, body=b"<html><body>x</body></html>"):
    """Return status, headers and body of a page behind the banner."""
    said = []

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(body))), ("X-Kept", "1")])
        return [body]

    parts = banner.around(app)({"PATH_INFO": path}, lambda *a: said.extend(a))
    return said[0], dict(said[1]), b"".join(parts)


def test_a_good_build_has_no_banner():
    assert ask(ErrorBanner(), "/a/")[2] == b"<html><body>x</body></html>"


def test_a_broken_build_is_explained_on_every_page_and_on_nothing_else():
    banner = ErrorBanner()
    banner.error = "a.md:1: <what>"
    status, headers, body = ask(banner, "/a/")
    assert status == "200 OK"
    assert b"<html><body>x<div" in body
    assert b"a.md:1: &lt;what&gt;" in body
    assert headers == {"Content-Length": str(len(body)), "X-Kept": "1"}
    assert ask(banner, "/style.css")[2] == b"<html><body>x</body></html>"
    banner.error = ""
    assert ask(banner, "/a/")[2] == b"<html><body>x</body></html>"


class Heard(FileSystemEventHandler):
    """Remembers the files that a watcher speaks of, in order."""

    def __init__(self):
        self.files = Queue()

    def on_any_event(self, event):
        if not event.is_directory:
            self.files.put(Path(event.src_path).name)

    def until(self, name):
        """Return the files that are spoken of up to one of them."""
        heard = []
        while name not in heard:
            heard.append(self.files.get(timeout=60))
        return heard


@pytest.fixture
def watched(tmp_path):
    """A folder of a few files, and what a watcher says of it."""
    for name in ["read.md", "written.md", "gone.md", "moved.md"]:
        (tmp_path / name).write_text("before")
    heard, observer = Heard(), Observer()
    observer.schedule(heard, str(tmp_path), recursive=True)
    observer.start()
    yield tmp_path, heard
    observer.stop()
    observer.join()


def change(folder):
    (folder / "written.md").write_text("after")
    yield "written.md"
    (folder / "gone.md").unlink()
    yield "gone.md"
    (folder / "moved.md").rename(folder / "here.md")
    yield "moved.md"
    (folder / "new.md").write_text("new")
    yield "new.md"


def test_the_watcher_hears_of_what_is_written_and_not_of_what_is_read(watched):
    folder, heard = watched
    for changed in change(folder):
        for _ in range(3):  # a build reads every file that it hears of
            (folder / "read.md").read_text()
            list(folder.iterdir())
        assert "read.md" not in heard.until(changed)


def test_a_server_in_a_thread_leaves_signals_to_the_process():
    before = signal.getsignal(signal.SIGTERM)
    raised = []
    hook, threading.excepthook = threading.excepthook, raised.append
    thread = threading.Thread(target=interrupt_when_told_to_end)
    thread.start()
    thread.join()
    threading.excepthook = hook
    assert not raised
    assert signal.getsignal(signal.SIGTERM) is before
