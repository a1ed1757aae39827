"""A browser that reaches one folder of pages and nothing else, and that is ended when it does not answer.

Pages are served on a free port of the loopback under a name that no other machine has. The browser resolves this name
alone, asks for nothing but this origin, has no WebRTC, and opens no second page.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthdata.errors import InputError
from synthdata.worlds.environment import WorldError

if TYPE_CHECKING:
    from playwright.sync_api import Browser as ChromiumBrowser
    from playwright.sync_api import BrowserContext, Dialog, Download, Page, Route, ViewportSize, WebSocketRoute

# Of a reserved domain: it can be no other machine's.
HOST = "pages.test"
ORIGIN = f"http://{HOST}"
# The size that MiniWoB's pages are made for.
SIZE: ViewportSize = {"width": 160, "height": 210}
# Without partial raster a place is painted once: else its edges differ by a level with what was painted before.
_ARGUMENTS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-partial-raster",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
)  # fmt: skip
_NO_CHANNELS = "for (const n of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'WebTransport']) delete window[n]"
# Noted of each thing that a page asked for; a page that asks without end fills no memory, nor hides another request.
_NOTED = 20


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        """A browser that was ended waits for no answer any more."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *values: object) -> None:
        """No line for each request."""


class Chromium:
    """A browser with a page at a time, one browser in a thread.

    `patience` in seconds is how long it may take for one thing that is asked of it.

    Raises:
        InputError: there is no browser, or the extra is missing.
    """

    def __init__(self, pages: Path, patience: float = 30.0) -> None:
        program = os.environ.get("SYNTHDATA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            raise InputError("no chromium: `apt-get install chromium`, or name the program in SYNTHDATA_CHROMIUM")
        try:
            from playwright.sync_api import sync_playwright
        except ImportError as error:
            raise InputError("pip install 'synthdata-gate[browser]' brings what drives the browser") from error
        self.patience = patience
        self.noted: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(pages)))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._playwright = sync_playwright().start()
        self._browser = self._launched(program)
        listed = self._browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        self._pid = next(int(process["id"]) for process in listed if process["type"] == "browser")
        self._context: BrowserContext | None = None

    def _launched(self, program: str) -> ChromiumBrowser:
        from playwright.sync_api import Error

        rules = f"--host-resolver-rules=MAP {HOST}:80 127.0.0.1:{self._server.server_port}, MAP * ~NOTFOUND"
        # Root has no sandbox to be in.
        sandbox = os.geteuid() != 0
        try:
            return self._playwright.chromium.launch(
                executable_path=program, args=[*_ARGUMENTS, rules], chromium_sandbox=sandbox
            )
        except Error as error:
            self._playwright.stop()
            self._server.shutdown()
            self._server.server_close()
            raise InputError(f"{program} does not start: {error.message[:500]}") from error

    @contextmanager
    def watched(self, doing: str) -> Iterator[None]:
        """What is asked of the browser within takes at most `patience` seconds; then the browser is ended.

        Raises:
            WorldError: it took longer, or the browser or its page is gone.
        """
        from playwright.sync_api import Error

        late = threading.Event()
        timer = threading.Timer(self.patience, self._end, (late,))
        timer.start()
        try:
            yield
        except Error as error:
            if late.is_set():
                raise WorldError(f"{doing}: no answer within {self.patience:g} seconds") from error
            raise WorldError(f"{doing}: {error.message.splitlines()[0][:200]}") from error
        finally:
            timer.cancel()

    def _end(self, late: threading.Event) -> None:
        late.set()
        # A page in an endless loop hears nothing: only the end of its process ends the wait for it.
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def fresh(self, path: str) -> Page:
        """A new page with nothing kept from before, its clock standing still; it is at `path` of the folder."""
        if self._context is not None:
            self._context.close()
        self.noted.clear()
        context = self._context = self._browser.new_context(
            viewport=SIZE, locale="en-US", timezone_id="UTC", accept_downloads=False, service_workers="block",
            reduced_motion="reduce",
        )  # fmt: skip
        context.route("**/*", self._route)
        context.route_web_socket("**/*", self._socket)
        context.add_init_script(_NO_CHANNELS)
        page = context.new_page()
        context.on("page", self._shut)
        page.on("dialog", self._dismiss)
        page.on("download", self._unsaved)
        page.set_default_timeout(1000 * self.patience)
        page.clock.install(time=1_700_000_000)
        page.goto(f"{ORIGIN}/{path}")
        page.clock.pause_at(1_700_000_100)
        return page

    def _note(self, line: str) -> None:
        kind = line.partition(":")[0]
        if line not in self.noted and sum(other.startswith(kind) for other in self.noted) < _NOTED:
            self.noted.append(line)

    def _route(self, route: Route) -> None:
        if route.request.url.startswith(f"{ORIGIN}/"):
            route.continue_()
        else:
            self._note(f"The page was refused by rule origin: {route.request.url[:200]}")
            # A page that wants to go elsewhere stays where it is: any other error would put an empty page there.
            route.abort("aborted")

    def _socket(self, socket: WebSocketRoute) -> None:
        self._note(f"The page was refused by rule origin: {socket.url[:200]}")
        socket.close()

    def _shut(self, other: Page) -> None:
        self._note("A second window was closed")
        other.close()

    def _unsaved(self, download: Download) -> None:
        self._note(f"A download was not saved: {download.suggested_filename[:200]}")

    def _dismiss(self, dialog: Dialog) -> None:
        self._note(f"A dialog was dismissed: {dialog.message[:200]}")
        dialog.dismiss()

    def close(self) -> None:
        """End browser and server; whatever is gone already is left."""
        from playwright.sync_api import Error

        timer = threading.Timer(self.patience, self._end, (threading.Event(),))
        timer.start()
        for end in (self._browser.close, self._playwright.stop):
            with suppress(Error):
                end()
        timer.cancel()
        self._server.shutdown()
        self._server.server_close()


def miniwob_pages() -> tuple[Path, str]:
    """The folder of MiniWoB++'s pages and the package's version; the package itself is not imported.

    Raises:
        InputError: it is not installed.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        package: Any = distribution("miniwob")
    except PackageNotFoundError as error:
        raise InputError("pip install 'synthdata-gate[browser]' brings the pages of MiniWoB++") from error
    return Path(str(package.locate_file("miniwob/html"))), str(package.version)
