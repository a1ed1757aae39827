"""The reference as rows: real texts that calibrate an anchor, cleaned of their own repetition, some set aside.

Reading them from files is the sources room; turning them into thresholds is calibrate.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthdata.errors import AnchorError, CorruptStoreError
from synthdata.gate.cells import centre
from synthdata.gate.reference_copies import ReferenceCopies
from synthdata.io.refusals import unless_refused
from synthdata.protocols import Vectors
from synthdata.records import content_hash
from synthdata.settings import AnchorSettings, GateSettings
from synthdata.similarity.exact import exact_key
from synthdata.similarity.minhash import LexicalIndex
from synthdata.similarity.pairs import near_kept


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One real text: `content` is empty for a bare trajectory, `context` is empty in a one-view corpus.

    `chat` is the JSON text of the conversation that it came as, empty for plain texts (records/chat.py).
    """

    content: str
    context: str
    task_id: str
    source: str = ""
    chat: str = ""

    @property
    def text(self) -> str:
        """What the row is compared by: its content, or its context where it has none."""
        return self.content or self.context

    @property
    def id(self) -> str:
        """Hash of the row's own words and task."""
        return content_hash(self.task_id, self.context, self.content)


@dataclass(frozen=True)
class Reference:
    """Cleaned reference rows with the vectors of both views, (n, d) each; `heldout` (n,) marks the set-aside tasks.

    `content` vectors are zero rows where the rows have no content.
    """

    rows: list[ReferenceRow]
    context: Vectors
    content: Vectors
    heldout: NDArray[np.bool_]
    fell: dict[str, int]

    @property
    def has_content(self) -> bool:
        """False for bare trajectories, whose anchor stays half open."""
        return any(row.content for row in self.rows)


def clean(
    rows: list[ReferenceRow],
    context: Vectors,
    content: Vectors,
    settings: AnchorSettings,
    gate: GateSettings,
    cut: Callable[[str], str] = str,
) -> Reference:
    """Drop exact, near (MinHash) and semantic (cosine) copies, first one stays; then set tasks aside by seed.

    Of rows with context and content both must be alike, and a content with other numbers, negations or roles is
    another one, as the gate has it (reference_copies.py). `cut` takes a shared preamble off a text.

    Rows are taken in the order of their ids, so the result does not depend on the order of the file.

    Raises:
        AnchorError: fewer than `min_rows` distinct rows are left; says how many more are needed.
    """
    order = sorted(range(len(rows)), key=lambda i: rows[i].id)
    fell = {"exact": 0, "near": 0, "semantic": 0}
    kept: list[int] = []
    seen: set[str] = set()
    lexical = LexicalIndex(gate.model_copy(update={"near_jaccard": settings.clean_jaccard}))
    # The same answer to another question is another row: where there are two views both must be alike.
    views = [(cut(row.context), cut(row.content)) for row in rows]
    texts = [f"{about}\n{text}" if text and about else text or about for about, text in views]
    unit = _both_views(rows, context, content)
    signatures = lexical.signatures(texts)
    stays = np.zeros(len(rows), dtype=bool)
    copies = ReferenceCopies([views[i] for i in order], _centred(content)[order], settings, gate)
    repeats = near_kept(unit[order], settings.clean_cosine, stays, copies.alike)
    places: list[int] = []
    for place, (i, repeated) in enumerate(zip(order, repeats, strict=True)):
        key = exact_key(texts[i])
        if key in seen:
            fell["exact"] += 1
        elif any(copies.near(place, places[row]) for row, _ in lexical.query(texts[i], signatures[i])):
            fell["near"] += 1
        elif repeated:
            fell["semantic"] += 1
        else:
            seen.add(key)
            lexical.add([len(kept)], [texts[i]], signatures[i : i + 1])
            stays[place] = True
            kept.append(i)
            places.append(place)
    _check_enough(len(kept), len(rows), fell, settings.min_rows)
    chosen = [rows[i] for i in kept]
    return Reference(chosen, context[kept], content[kept], _set_aside(chosen, settings), fell)


def _both_views(rows: Sequence[ReferenceRow], context: Vectors, content: Vectors) -> Vectors:
    """Unit rows (n, d) of the view that rows have, or (n, 2 d) of both, so that cosines are the mean of both views'."""
    if not rows:
        return content
    has = np.array([bool(row.content) for row in rows], dtype=bool)
    if not all(row.content and row.context for row in rows):
        vectors = np.where(has[:, None], content, context)
        return _centred(vectors)
    halves = [_centred(view) for view in (context, content)]
    return np.asarray(np.concatenate(halves, axis=1) / np.sqrt(2), dtype=np.float32)


def _centred(vectors: Vectors) -> Vectors:
    return centre(vectors, vectors.mean(axis=0))[0] if len(vectors) else vectors


def _check_enough(kept: int, rows: int, fell: dict[str, int], needed: int) -> None:
    if kept < needed:
        raise AnchorError(
            f"the reference has {kept} distinct rows of {rows} (copies that fell: {fell['exact']} exact, "
            f"{fell['near']} near, {fell['semantic']} semantic); calibration needs {needed}: add "
            f"{needed - kept} more real rows that differ from these"
        )


def _set_aside(rows: list[ReferenceRow], settings: AnchorSettings) -> NDArray[np.bool_]:
    """Mark whole tasks, in a seeded order, until the share is reached: no threshold ever sees them."""
    tasks = sorted({row.task_id or row.id for row in rows}, key=lambda task: content_hash(str(settings.seed), task))
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.task_id or row.id] = sizes.get(row.task_id or row.id, 0) + 1
    target, taken, aside = settings.heldout_share * len(rows), 0, set()
    for task in tasks:
        if taken + sizes[task] <= target:
            aside.add(task)
            taken += sizes[task]
    return np.array([(row.task_id or row.id) in aside for row in rows])


def save_reference(folder: Path, reference: Reference) -> None:
    """Write rows and vectors beside the anchor; called before the anchor's own files, which prove completeness."""
    import polars as pl

    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(
        {
            "id": [row.id for row in reference.rows],
            "content": [row.content for row in reference.rows],
            "context": [row.context for row in reference.rows],
            "task_id": [row.task_id for row in reference.rows],
            "source": [row.source for row in reference.rows],
            "chat": [row.chat for row in reference.rows],
            "heldout": reference.heldout,
        }
    )
    frame.write_parquet(folder / "reference.parquet")
    with (folder / "vectors.npz").open("wb") as file:
        np.savez(file, allow_pickle=False, context=reference.context, content=reference.content)


def load_reference(folder: Path) -> Reference:
    """Read what `save_reference` wrote.

    Raises:
        CorruptStoreError: the files are missing or unreadable.
    """
    import polars as pl

    try:
        frame = pl.read_parquet(folder / "reference.parquet")
        with np.load(folder / "vectors.npz", allow_pickle=False) as file:
            context, content = file["context"], file["content"]
    except (OSError, ValueError, KeyError, pl.exceptions.PolarsError) as error:
        damage = CorruptStoreError(f"{folder}: the reference rows cannot be read: {error}")
        raise unless_refused(error, folder, damage) from error
    # An anchor that is older than the column has no conversations.
    names = tuple(name for name in ("content", "context", "task_id", "source", "chat") if name in frame.columns)
    rows = [ReferenceRow(**{name: record[name] for name in names}) for record in frame.iter_rows(named=True)]
    return Reference(rows, context, content, frame["heldout"].to_numpy(), {})
