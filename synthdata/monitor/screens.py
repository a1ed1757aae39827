"""The view `screen`: how many pictures a round brought, how many differ, and which are like one; it decides nothing.

Hashes of likeness are kept in `derived/likeness.json`, by the name of the file, and made again where they are lost.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from synthdata.corpus import CorpusStore
from synthdata.corpus.pictures import round_pictures
from synthdata.errors import SynthdataError
from synthdata.io.files import atomic_write, parsed_json
from synthdata.monitor.measure import Row, row
from synthdata.pictures.likeness import CODE_BYTES, NEAR_BITS, Codes, code, distances, groups
from synthdata.records import Chat
from synthdata.records.picture import Picture, pictures_in

_LOG = logging.getLogger(__name__)
_FILE = "likeness.json"


def screen_rows(store: CorpusStore, number: int) -> list[Row]:
    """Snapshot rows of the view `screen` of a round; none where no row of it names a picture.

    `pictures` counts how often a row of the round, or the run that it speaks of, shows one; `pictures_distinct` how
    many contents these are, `pictures_near` how many are left when near copies count as one. `picture_repeats` is the
    share of showings, in [0, 1), that show what the round showed before.
    """
    picture_store = store.pictures
    named = [name for name in round_pictures(store, number) if picture_store.has(name)]
    if not named:
        return []
    distinct = list(dict.fromkeys(named))
    known = likeness(store, distinct)
    heads = len(set(groups([known[name] for name in distinct])))
    values = {"pictures": len(named), "pictures_distinct": len(distinct), "pictures_near": heads}
    rows = [row("screen", name, value) for name, value in values.items()]
    return [*rows, row("screen", "picture_repeats", 1 - heads / len(named))]


def likeness(store: CorpusStore, names: Iterable[str]) -> dict[str, Codes]:
    """The hash of each of these pictures and of all that were asked for before, by name."""
    path = store.derived_dir / _FILE
    known = _read(path)
    new = {name: code(store.pictures.read(name)) for name in names if name not in known}
    if new:
        known |= new
        atomic_write(path, json.dumps({name: item.tobytes().hex() for name, item in sorted(known.items())}))
    return known


def row_pictures(store: CorpusStore, decision: dict[str, Any]) -> list[dict[str, Any]]:
    """The pictures of a decided row: name, width, height, words, file, and how many others of the corpus are like it.

    Those of its chat, or of the run's step that its reflection speaks of with the step before.
    """
    shown = [*_of_chat(decision["chat"]), *_of_focus(store, decision)]
    known = _read(store.derived_dir / _FILE)
    table = np.stack(list(known.values())) if known else np.zeros((0, CODE_BYTES), dtype=np.uint8)
    made = []
    for picture in dict.fromkeys(shown):
        own = known.get(picture.name)
        near = 0 if own is None else int((distances(own, table) <= NEAR_BITS).sum()) - 1
        size = {"width": picture.width, "height": picture.height}
        file = str(store.pictures.path(picture.name)) if store.pictures.has(picture.name) else ""
        made.append({"name": picture.name, **size, "alt": picture.alt, "file": file, "near": near})
    return made


def _of_chat(chat: str | None) -> list[Picture]:
    turns = Chat.from_json(chat).messages if chat else ()
    return [picture for turn in turns for picture in pictures_in(turn.get("content"))]


def _of_focus(store: CorpusStore, decision: dict[str, Any]) -> list[Picture]:
    payload = json.loads(decision["payload"]) if decision["payload"] else None
    focus = payload.get("focus") if isinstance(payload, dict) else None
    if not decision["trajectory_id"] or not isinstance(focus, int):
        return []
    try:
        (run,) = store.trajectories([decision["trajectory_id"]])
    except SynthdataError:
        # Candidates from a file may name runs that this corpus has never read.
        return []
    media = [item for step in run.steps[max(0, focus - 1) : focus + 1] for item in step.media if item.picture]
    return [Picture(item.picture, item.width, item.height) for item in media]


def _read(path: Path) -> dict[str, Codes]:
    try:
        stored = parsed_json(path.read_text(encoding="utf-8")) if path.exists() else {}
        codes = {str(name): np.frombuffer(bytes.fromhex(text), dtype=np.uint8) for name, text in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _LOG.warning("%s: cannot be read (%s); it is made again", path, error)
        return {}
    return {name: item for name, item in codes.items() if item.shape == (CODE_BYTES,)}
