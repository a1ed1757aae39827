"""The browser as an environment: a page of MiniWoB++ from a seed, and what the agent did to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthdata.worlds.browser.actions import TOOLS, carry_out, offered
from synthdata.worlds.browser.chromium import Chromium, miniwob_pages
from synthdata.worlds.browser.kinds import KINDS
from synthdata.worlds.browser.pages import Kind, Page
from synthdata.worlds.browser.snapshot import read_snapshot
from synthdata.worlds.environment import Action, Answer, Seen, WorldError
from synthdata.worlds.schema import fault

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

VERSION = "1"
# Time that passes on the page with every action: enough for its menus and windows to come.
SETTLING = 500
LONGEST = 6000
# Controls that a page draws without saying what they are, as a page that is made for all would say it.
_CONTROLS: Sequence[tuple[str, str, str]] = (
    (".alink, #tree span, .email-thread .email-sender", "link", ""),
    (".ui-autocomplete .ui-menu-item", "menuitem", ""),
    ("div.final, div.ui-submit", "button", ""),
    (".email-actions .trash", "button", "Delete"),
    (".email-actions .star", "button", "Star"),
    (".email-reply", "button", "Reply"),
    (".email-forward", "button", "Forward"),
    ("#send-reply, #send-forward", "button", "Send"),
    ("#close-email", "button", "Back"),
    ("#close-reply, #close-forward", "button", "Cancel"),
    ("#reply-text, #forward-text", "", "Message"),
    (".forward-sender", "", "To"),
)
_BEGIN = """([seed, planted]) => {
  if (window.jQuery) jQuery.fx.off = true;
  document.head.insertAdjacentHTML('beforeend', `<style>
    #reward-display, #click-canvas, #sync-task-cover { display: none !important }
    * { animation: none !important; transition: none !important; caret-color: transparent !important }</style>`);
  document.getElementById('query').setAttribute('aria-hidden', 'true');
  core.EPISODE_MAX_TIME = 2 ** 31 - 1;
  Math.seedrandom(seed);
  core.startEpisodeReal();
  if (planted) {
    const note = document.createElement('p');
    note.textContent = planted;
    document.body.append(note);
  }
}"""
_LOOK = """([controls, peek]) => {
  for (const [selector, role, label] of controls) for (const e of document.querySelectorAll(selector)) {
    if (role) e.setAttribute('role', role);
    const thread = e.closest('.email-thread, #email');
    const whose = thread && e.closest('.email-actions') ? ' ' + thread.querySelector('.email-sender').textContent : '';
    if (label) e.setAttribute('aria-label', label + whose);
  }
  return {
    query: core.getUtterance(), over: WOB_DONE_GLOBAL, reward: WOB_RAW_REWARD_GLOBAL,
    peeked: WOB_DONE_GLOBAL ? null : eval(peek),
  };
}"""


class Browser:
    """See `Environment`. `planted` stands as a paragraph on every page; `pictures` takes a PNG with every look.

    `kinds` and `pages` are MiniWoB++'s unless others are given; `patience` is in seconds, see `Chromium`.
    """

    name = "browser"
    rules = ""
    tools = TOOLS

    def __init__(
        self,
        planted: str = "",
        pictures: bool = False,
        kinds: Sequence[Kind] = KINDS,
        pages: Path | None = None,
        patience: float = 30.0,
    ) -> None:
        folder, version = miniwob_pages()
        self.planted, self.pictures, self.patience = planted, pictures, patience
        self.version = f"{VERSION}-{version}"
        self._kinds, self._pages = kinds, pages or folder
        self._chromium: Chromium | None = None
        self._seed, self._kind = -1, kinds[0]
        self.task = self._kind.name

    @property
    def spec(self) -> Mapping[str, object]:
        """The planted text."""
        return {"planted": self.planted}

    @property
    def task_id(self) -> str:
        """The seed names it."""
        return f"browser-{self._seed}"

    @property
    def kind(self) -> str:
        """MiniWoB's name of the page."""
        return self._kind.name

    def reset(self, seed: int) -> Seen:
        """A fresh page; of one kind after another, as the seeds go.

        Raises:
            WorldError: it does not come.
        """
        self._seed, self._kind = seed, self._kinds[seed % len(self._kinds)]
        self.task = self._kind.name
        if self._chromium is None:
            self._chromium = Chromium(self._pages, self.patience)
        with self._chromium.watched(f"opening {self._kind.name}"):
            self._tab: Tab = self._chromium.fresh(f"miniwob/{self._kind.name}.html")
            self._tab.evaluate(_BEGIN, [str(seed), self.planted])
            self._tab.clock.run_for(SETTLING)
            self._taken: list[Action] = []
            self._look()
        self.task = self._page.query
        return self._seen

    @property
    def _browser(self) -> Chromium:
        assert self._chromium is not None, "reset comes first"
        return self._chromium

    def _look(self) -> None:
        found: dict[str, Any] = self._tab.evaluate(_LOOK, [_CONTROLS, self._kind.peek])
        snapshot = self._tab.locator("body").aria_snapshot()
        self._over, self._reward = bool(found["over"]), float(found["reward"])
        self._page = Page(found["query"], read_snapshot(snapshot), found["peeked"])
        picture = self._tab.screenshot() if self.pictures else b""
        noted = "".join(f"{line}\n" for line in sorted(self._browser.noted))
        self._browser.noted.clear()
        self._seen = Seen(noted + snapshot[:LONGEST], picture)

    def observe(self) -> Seen:
        """The page as it stands."""
        return self._seen

    def actions(self) -> tuple[Action, ...]:
        """See `actions.offered`."""
        return () if self._over else offered(self._page)

    def step(self, action: Action) -> Answer:
        """Carry it out, then look."""
        self._taken.append(action)
        if self._over:
            return Answer(Seen("Error: the task has ended"), "error", True)
        wrong = fault(TOOLS, action)
        if wrong:
            return Answer(Seen(f"Error: {wrong}", self._seen.picture), "error")
        with self._browser.watched(f"{action.name} on {self._kind.name}"):
            wrong = carry_out(self._tab, action)
            if wrong:
                return Answer(Seen(f"Error: {wrong}", self._seen.picture), "error")
            if action.name != "wait":
                self._tab.clock.run_for(SETTLING)
            self._look()
        if self._over:
            self._seen = Seen("The task has ended.", self._seen.picture)
        return Answer(self._seen, over=self._over)

    def score(self) -> float:
        """The page's reward without its discount for time, at least 0."""
        return max(0.0, round(self._reward, 6)) if self._over else 0.0

    def plan(self) -> tuple[Action, ...] | None:
        """The way of the expert of this kind."""
        if self._over:
            return () if self.score() == 1 else None
        try:
            return self._kind.plan(self._page)
        except (LookupError, ValueError, StopIteration, TypeError) as error:
            raise WorldError(f"the page of {self._kind.name} is not as its expert knows it: {error!r}") from error

    def restore(self, prefix: Sequence[Action]) -> Seen:
        """Open the page again and act again, unless it stands there already."""
        if list(prefix) != self._taken:
            self.reset(self._seed)
            for action in prefix:
                self.step(action)
        return self._seen

    def close(self) -> None:
        """End the browser."""
        if self._chromium is not None:
            self._chromium.close()
            self._chromium = None
