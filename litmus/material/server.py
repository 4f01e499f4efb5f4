"""MkDocs' server, as it serves ours: on a free port, at once, through a broken note, to an end."""

import html
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from mkdocs.livereload import LiveReloadServer
from watchdog.events import FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent
from watchdog.observers import Observer as NativeObserver

from litmus.material.reports import Reports, log
from litmus.site import collector
from litmus.site.build import Build
from litmus.site.session import Session

CHANGES = [FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent]
TO_END = ("SIGTERM", "SIGHUP")
WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def free_port(host: str, wanted: int) -> int:
    """Return the wanted port or the next one that nobody listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(wanted, 65536):
        with socket.socket(family) as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return port
    raise OSError(f"no port from {wanted} on is free on {host}")


def interrupt_when_told_to_end() -> None:
    """Let a request to end, or a closed terminal, be an interrupt, which leaves nothing behind.

    Who has told this process to ignore one of them, as nohup does, is obeyed.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # no other may say so
    for name in TO_END:
        number = getattr(signal, name, None)  # not every system has both
        if number and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(*_: object) -> None:
    for name in TO_END:  # a shell sends again what a terminal has sent, while we clear up
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


class Observer(NativeObserver):  # type: ignore[misc, valid-type]  # the class depends on the system
    """Hears of changed files from the system at once; that a file was read is no change."""

    def schedule(self, *arguments: Any, **options: Any) -> Any:
        """Watch a file or a folder."""
        return super().schedule(*arguments, event_filter=CHANGES, **options)


class ErrorBanner:
    """Shows on every page why the last build failed; the page below is the last good one."""

    def __init__(self) -> None:
        self.error = ""

    def around(self, app: WSGI) -> WSGI:
        """Return a web application that adds the banner to another one's pages."""

        def with_banner(
            environ: dict[str, Any], start_response: Callable[..., Any]
        ) -> Iterable[bytes]:
            if not self.error or not environ["PATH_INFO"].endswith("/"):
                return app(environ, start_response)
            started: list[Any] = []
            body = b"".join(app(environ, lambda *arguments: started.extend(arguments)))
            body = body.replace(b"</body>", self._html().encode() + b"</body>", 1)
            status, headers = started[:2]
            headers = [h for h in headers if h[0].lower() != "content-length"]
            start_response(status, [*headers, ("Content-Length", str(len(body)))])
            return [body]

        return with_banner

    def _html(self) -> str:
        return (
            '<div class="build-error" role="alert"><strong>This page is the last good one.</strong>'
            f" The build stopped:<pre>{html.escape(self.error)}</pre></div>"
        )


class Rebuilds:
    """What a server does when a file changes: it updates the site, or has all of it built anew."""

    def __init__(
        self,
        session: Session,
        reports: Reports,
        fits: Callable[[Build], bool],
        builder: Callable[..., Any],
    ) -> None:
        self.session = session
        self.reports = reports
        self.fits = fits
        self.builder = builder
        self.banner = ErrorBanner()

    def on(self, server: LiveReloadServer, without: str) -> LiveReloadServer:
        """Return a server that watches what notes are made of, and not one folder."""
        host, port = server.server_address[:2]
        free = free_port(str(host), int(port))
        if free != port:
            log.info(f"Port {port} is taken, using {free}.")
            server.url = server.url.replace(f":{port}/", f":{free}/")
            server.server_address = (str(host), free)
        project = self.session.project
        watched = {*server._watched_paths} - {without}
        watched |= {str(path) for path in (project.docs, *project.made_of)}
        server._watched_paths.clear()
        server.observer = Observer()  # MkDocs' own looks at every file twice a second
        for path in watched:
            server.watch(path)
        server.set_app(self.banner.around(server.serve_request))
        server.builder = self._build_or_explain
        return server

    def _build_or_explain(self) -> None:
        try:
            self.reports.said.clear()
            if not self.session.update(self.fits):
                self._build_anew()
            self.banner.error = ""
        except (Exception, SystemExit) as error:
            log.error(self.session.words(error))
            self.banner.error = "\n".join(self.reports.said)

    def _build_anew(self) -> None:
        try:
            self.builder()
        finally:
            collector.gather()
