"""Pages as HTML: one list of them, one way to render each, the same for the server and for a folder of files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from synthdata.dashboard.reading import Reading
from synthdata.dashboard.text import SHORT, number, percent, points, signed
from synthdata.drawing import Drawing, bars, bullet, columns, pair_of_histograms, scatter, trend
from synthdata.monitor.running import running
from synthdata.text.display import LONG, printable
from synthdata.text.names import alarm_name, plain, reason_name, reason_says, seen_name, sentence, verdict_name

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
# Name and title of the pages in the order of the navigation; the first is the start.
PAGES = {
    "overview": "Overview",
    "rounds": "Rounds",
    "compare": "Compare",
    "coverage": "Coverage",
    "explorer": "Explorer",
    "judges": "Judges",
    "releases": "Releases",
}
# What templates draw with: each takes a key that is unique on its page before its own parameters.
CHARTS = (bars, bullet, columns, pair_of_histograms, scatter, trend)
# Address of a page with its parameters, empty where there is no such page.
Link = Callable[..., str]


def _inline(draw: Callable[..., Drawing | None]) -> Callable[..., Markup]:
    def drawn(key: str, *given: Any) -> Markup:  # noqa: ANN401 - the parameters of any drawing
        drawing = draw(*given)
        return Markup("" if drawing is None else drawing.inline(key))

    return drawn


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates; everything that is not markup of ours is escaped, and a name that is not there is an error."""
    env = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)
    env.trim_blocks = env.lstrip_blocks = True
    env.globals.update(charts={each.__name__: _inline(each) for each in CHARTS}, LONG=LONG, SHORT=SHORT, pages=PAGES)
    env.filters.update(
        number=number,
        percent=percent,
        points=points,
        signed=signed,
        shown=printable,
        words=plain,
        sentence=sentence,
        seen=seen_name,
    )
    env.filters.update(verdict=verdict_name, reason=reason_name, meaning=reason_says, alarm=alarm_name)
    return env


def render(template: str, reading: Reading, link: Link, live: bool, context: Mapping[str, Any]) -> str:
    """A page of a corpus; `live` pages ask for news, those of a folder do not."""
    frame = {
        "corpus": reading.store.path.resolve().name,
        "version": reading.version,
        "as_of": reading.as_of,
        "link": link,
        "live": live,
        "under_way": str(running(reading.store) or "") if live else "",
    }
    return environment().get_template(f"{template}.html").render(**frame, **context)


def problem(headline: str, says: str, link: Link) -> str:
    """The page that says what went wrong, where a corpus cannot be shown."""
    return (
        environment()
        .get_template("problem.html")
        .render(
            corpus="", version="", as_of=None, link=link, live=True, page="", under_way="", headline=headline, says=says
        )
    )
