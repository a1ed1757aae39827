"""The dashboard in a real browser: no error, nothing from another host, no serious barrier, at 1,000 and 100,000 rows.

Needs Debian's chromium (`apt-get install chromium`, as `.ci/run` does) and skips where there is none.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from sample_texts import lessons

from synthdata import Candidate, Corpus, Settings
from synthdata.dashboard.app import link, make_app
from synthdata.dashboard.folder import write_folder
from synthdata.dashboard.reading import Reader
from synthdata.dashboard.site import PAGES
from synthdata.gate.reference import ReferenceRow

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import dashboard_corpus

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
# Tables that would have to be pushed sideways to be read.
CUT = (
    "[...document.querySelectorAll('.scroll')].filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1).length"
)
HOSTILE = (
    "<script>window.hit = 1</script><svg onload='window.hit = 2'></svg><img src=x onerror='window.hit = 3'> שלום \u202e"
)

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]


class Served:
    """A dashboard on a free port of the loopback."""

    def __init__(self, corpus: Path) -> None:
        self.server = uvicorn.Server(uvicorn.Config(make_app(corpus), port=0, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        deadline = time.monotonic() + 60
        while not self.server.started:
            assert self.thread.is_alive() and time.monotonic() < deadline
            time.sleep(0.05)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(30)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module", params=[1_000, 100_000])
def drawn(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "corpus"
    dashboard_corpus.corpus_of(path, request.param, rounds=12, dim=16)
    served = Served(path)
    yield served, path
    served.stop()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    settings = Settings.from_dict(
        {"recipe": {"encoder": {"backend": "hashing", "dim": 32}, "floor": {"max_words": 10**6}}}
    )
    rows = [ReferenceRow(text, "", f"task {i} {HOSTILE}") for i, text in enumerate(lessons(140))]
    corpus = Corpus.init(tmp_path_factory.mktemp("hostile") / "corpus", rows, settings=settings)
    texts = [f"{HOSTILE} {text}" for text in lessons(3, seed=5)] + [HOSTILE + "<script>" * 125_000]
    corpus.admit([Candidate(text, external_id=HOSTILE, source=HOSTILE, task_id=HOSTILE) for text in texts])
    served = Served(corpus.store.path)
    yield served, corpus
    served.stop()


class Watched:
    """A page that keeps what the browser complains of and every address it asks for."""

    def __init__(self, context) -> None:
        self.page = context.new_page()
        # A busy machine is slow, not wrong.
        self.page.set_default_timeout(120_000)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))


def barriers(page) -> list[str]:
    """Serious and critical violations that axe-core finds."""
    found = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {item['nodes'][0]['html'][:200]}" for item in found if item["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
def test_every_page_is_quiet_local_and_open_to_all(browser, drawn, size, scheme, tmp_path):
    served, path = drawn
    name = Reader(path).current().store.decisions(["id"])["id"][0]
    context = browser.new_context(viewport=size, color_scheme=scheme)
    for address in [*map(link, PAGES), link("decision", name=name), "/explorer?reason=cell_quota&page=2", "/nowhere"]:
        watched = Watched(context)
        watched.page.goto(served.address + address)
        # The browser itself reports the one page that is not there.
        assert [text for text in watched.complaints if address != "/nowhere"] == [], address
        assert all(asked.startswith(served.address + "/") for asked in watched.asked)
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= size["width"], address
        assert watched.page.evaluate(CUT) == 0, address
        assert barriers(watched.page) == [], address
        picture = tmp_path / "page.png"
        watched.page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 5_000
        watched.page.close()
    context.close()


def test_hostile_text_is_shown_and_never_run(browser, hostile):
    served, corpus = hostile
    context = browser.new_context(viewport=NARROW)
    ids = corpus.store.decisions(["id"])["id"].to_list()
    for address in [
        "/",
        "/coverage",
        "/explorer",
        "/explorer?words=%3Cscript%3E",
        *(link("decision", name=i) for i in ids),
    ]:
        watched = Watched(context)
        watched.page.goto(served.address + address)
        assert watched.complaints == [] and watched.page.evaluate("window.hit") is None
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert len(watched.page.content()) < 300_000
        assert barriers(watched.page) == []
        if "decision" in address:
            assert "<script>" in watched.page.inner_text("pre.text")
        watched.page.close()
    context.close()


def test_the_keyboard_reaches_the_content_first(browser, hostile):
    served, _ = hostile
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(served.address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    context.close()


def test_a_page_renews_itself_when_the_corpus_changes(browser, hostile):
    served, corpus = hostile
    context = browser.new_context()
    watched = Watched(context)
    watched.page.goto(served.address)
    assert watched.page.locator("text=Frozen").count() == 0
    with corpus.store.writing() as store:
        store.append_event("freeze", "by hand", {"reason": f"a test {HOSTILE}"}, 1)
    watched.page.wait_for_selector("text=Frozen: nothing is exported", timeout=120_000)
    assert "has changed" in watched.page.inner_text("#notice") and watched.page.evaluate("window.hit") is None
    pages = [asked for asked in watched.asked if asked.rstrip("/") == served.address]
    assert len(pages) == 2 and watched.complaints == []
    context.close()


def test_the_folder_needs_no_server(browser, hostile, tmp_path):
    _, corpus = hostile
    write_folder(Reader(corpus.store.path).current(), tmp_path / "out")
    context = browser.new_context(viewport=WIDE, offline=True)
    for name in ("index.html", "rounds.html", "coverage.html", "explorer.html", "judges.html", "releases.html"):
        watched = Watched(context)
        watched.page.goto((tmp_path / "out" / name).as_uri())
        assert watched.complaints == [] and all(asked.startswith("file:") for asked in watched.asked)
        # The style sheet has arrived.
        assert watched.page.evaluate("getComputedStyle(document.querySelector('.skip')).position") == "absolute"
        assert barriers(watched.page) == []
        watched.page.close()
    context.close()
