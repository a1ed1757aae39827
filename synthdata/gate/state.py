"""Everything that a decision depends on, in one place; it changes only in `commit`.

Built from the anchor, the reference and the rows admitted before, so that a killed round starts from the same state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synthdata.errors import AnchorError
from synthdata.gate.ahead import LookAhead
from synthdata.gate.anchor import OUTSIDE, Anchor
from synthdata.gate.cells import centre
from synthdata.gate.collision import CollisionBudget
from synthdata.gate.duplicates import DuplicateIndex, Neighbours, among_themselves
from synthdata.gate.fluency import Likelihood
from synthdata.gate.heldout import HeldOut
from synthdata.gate.lexical import PhraseCounters, SkeletonCounts, wordings
from synthdata.gate.reference import Reference
from synthdata.protocols import Vectors
from synthdata.records import Candidate, Origin, Reason
from synthdata.settings import GateSettings
from synthdata.similarity.minhash import Sketch

# Items that are searched for among the vectors of the history at a time.
_SEARCHED_AT_ONCE = 1024
RESTORED_AT_ONCE = 2048


@dataclass(frozen=True, slots=True)
class Reject:
    """Why a stage refuses a candidate, with its evidence."""

    reason: Reason
    score: float | None = None
    threshold: float | None = None
    neighbour_id: str = ""
    neighbour_text: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the round's judges make of a candidate: a refusal or None, who judged, and the numbers they went by.

    `payload` is the candidate's own with the judges' labels in it, empty where they had nothing to add.
    """

    refusal: Reject | None
    judged: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    payload: str = ""


Judges = Callable[[Sequence[Candidate]], Mapping[str, Opinion]]


@dataclass(eq=False, slots=True)
class Text:
    """A candidate's text as the lexical stages read it: MinHash sketch, n-gram slots and skeleton."""

    sketch: Sketch
    slots: NDArray[np.int64]
    frame: str


@dataclass(eq=False, slots=True)
class Item:
    """A candidate with all that the stages read; `numbers` collects what they saw.

    A `real` one skips all stages but provenance, floor and exact duplication.

    `context` and `content` are centred unit vectors (d,), `norm` the content's length before scaling. `cell` is the
    nearest one; a row whose context is `outside` the reference counts in none. What stands
    around it in the history is found once, what stands around it in this round anew in each pass; `edits` are rows of
    the history over the Jaccard threshold, with it. In the loop `sketch` has the bands that others of the loop share.
    `place` is where it stands in the block that is under decision.
    """

    candidate: Candidate
    real: bool
    context: Vectors
    content: Vectors
    norm: float
    cell: int
    sketch: Sketch
    slots: NDArray[np.int64]
    frame: str
    outside: bool = False
    place: int = -1
    edits: list[tuple[int, float]] = field(default_factory=list)
    in_history: Neighbours = field(default_factory=Neighbours)
    in_round: Neighbours = field(default_factory=Neighbours)
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def counted(self) -> int:
        """The cell that the row counts in, `OUTSIDE` for none."""
        return OUTSIDE if self.outside else self.cell

    @property
    def key(self) -> bytes:
        """What two texts share exactly when they are the same text: the normal form."""
        return self.sketch.plain


class GateState:
    """The gate's memory; where no reference is given the history is filled by others.

    `floor` holds what the rules refused in this round, by candidate id.

    `likelihood` is the language model of the fluency band, None where the recipe names none.

    `judges` are asked once a round, about the candidates that all stages before them let through; None where there are
    no judges. `opinions` holds their answers. A round ends at `most` admissions, None for no end.
    """

    def __init__(self, anchor: Anchor, reference: Reference | None, settings: GateSettings) -> None:
        if anchor.content is None:
            raise AnchorError(f"anchor {anchor.number} has no content half yet; the first round must fill it")
        self.anchor, self.content, self.settings = anchor, anchor.content, settings
        self.tau = self.content.tau if settings.tau is None else settings.tau
        self.collision_max = self.content.collision_max if settings.collision_max is None else settings.collision_max
        dim = self.content.window.shape[1]
        self.history, self.this_round = DuplicateIndex(dim, settings), DuplicateIndex(dim, settings)
        self.corpus_scope, self.round_scope = CollisionBudget(self.content), CollisionBudget(self.content)
        self.phrases, self.skeletons = PhraseCounters(), SkeletonCounts()
        self.real_counts = anchor.context.real_counts.copy()
        self.counts = anchor.context.real_counts.copy()
        self.rows = self.real_rows = int(self.counts.sum())
        self.admitted = self.round_admitted = self.round_outside = 0
        self.heldout = HeldOut(settings=settings)
        self.floor: Mapping[str, Reject] = {}
        self.likelihood: Likelihood | None = None
        self.judges: Judges | None = None
        self.opinions: Mapping[str, Opinion] = {}
        self.most: int | None = None
        self.ahead = LookAhead(self.this_round, np.empty((0, dim), dtype=np.float32), self.tau)
        # How many other rows stand within tau: of the history's rows as far as asked, what this round adds to them, and
        # of this round's rows.
        self._crowds: dict[int, int] = {}
        self._joined: Counter[int] = Counter()
        self._round_crowds: list[int] = []
        self._window = frozenset(self.content.window_ids)
        if reference is not None:
            self._add_reference(reference)

    def _add_reference(self, reference: Reference) -> None:
        """A copy of a real content teaches nothing new; the vectors of a generator-filled anchor are not real."""
        chosen = [i for i, row in enumerate(reference.rows) if row.content]
        if not chosen:
            return
        rows = [_as_candidate(reference, i) for i in chosen]
        items = self.items(rows, reference.context[chosen], reference.content[chosen])
        self._extend(self.history, items)

    def texts(self, candidates: Sequence[Candidate]) -> list[Text]:
        """All that the lexical stages need of the candidates' texts."""
        contents = [candidate.content for candidate in candidates]
        two = self.anchor.views == "two"
        contexts = [candidate.context if two else "" for candidate in candidates]
        words = wordings(contents, contexts, self.settings.lexical_ngram)
        return [
            Text(sketch, slots, frame)
            for sketch, (slots, frame) in zip(self.history.sketches(contents), words, strict=True)
        ]

    def items(
        self, candidates: Sequence[Candidate], context: Vectors, content: Vectors, texts: Sequence[Text] = ()
    ) -> list[Item]:
        """Candidates with raw encoder vectors (n, d) made ready for the stages; `texts` saves what made them before."""
        if not candidates:
            return []
        texts = texts or self.texts(candidates)
        half = self.anchor.context
        x, _ = centre(context if self.anchor.views == "two" else content, half.mean)
        y, norms = centre(content, self.content.mean)
        place = half.locate(x, self.settings.alpha_outside)
        columns = (place.nearest.tolist(), place.outside.tolist(), place.cosines.tolist(), norms.tolist())
        items = [
            Item(
                candidate, candidate.origin is Origin.REAL, x[i], y[i], norm, cell, text.sketch, text.slots, text.frame,
                outside=outside, numbers={"cell_cosine": cosine, "content_norm": norm},
            )
            for i, (candidate, text, cell, outside, cosine, norm) in enumerate(
                zip(candidates, texts, *columns, strict=True)
            )
        ]  # fmt: skip
        tests = {"novelty_p": place.p_values, "generic_p": None}
        if self.content.norms is not None:
            tests["generic_p"] = self.content.norms.p_values(norms.astype(np.float64))
        for name, values in tests.items():
            if values is not None:
                for item, p in zip(items, values.tolist(), strict=True):
                    item.numbers[name] = p
        return items

    def restore(self, candidates: Sequence[Candidate], context: Vectors, content: Vectors) -> None:
        """Enter rows admitted in earlier rounds, in their order of admission.

        Sums are the same to the bit if the rows come in several calls, all but the last of a multiple of
        `RESTORED_AT_ONCE` rows.
        """
        if not candidates:
            return
        items = self.items(candidates, context, content)
        self._extend(self.history, items)
        for start in range(0, len(items), RESTORED_AT_ONCE):
            part = [item for item in items[start : start + RESTORED_AT_ONCE] if not self.in_window(item)]
            self.corpus_scope.add(np.array([item.content for item in part], dtype=np.float32))
        for item in items:
            self._count(item)

    def look_back(self, items: Sequence[Item]) -> None:
        """Find what the history holds near these items, in one search, and how crowded it is around them."""
        limit = self.settings.lesson_quota
        items = [item for item in items if not item.real]
        for item, edits in zip(items, self.history.near_many([item.sketch for item in items]), strict=True):
            item.edits = edits
        for start in range(0, len(items), _SEARCHED_AT_ONCE):
            part = items[start : start + _SEARCHED_AT_ONCE]
            x = np.array([item.content for item in part], dtype=np.float32)
            near = self.history.around(x, [item.cell for item in part], self.tau, limit + 1)
            for item, found in zip(part, near, strict=True):
                item.in_history = found
            asked = {row for found in near if found.copy is None and found.count <= limit for row in found.others}
            rows = sorted(asked - self._crowds.keys())
            self._crowds |= zip(rows, self.history.crowds(rows, self.tau), strict=True)

    def sketch_round(self, items: Sequence[Item]) -> None:
        """Leave the items of the loop the bands by which they can be near each other."""
        for item, sketch in zip(items, among_themselves([item.sketch for item in items]), strict=True):
            item.sketch = sketch

    def look_ahead(self, block: Sequence[Item]) -> None:
        """Make the next items of the loop ready: what they need of each other and of this round is then looked up."""
        for place, item in enumerate(block):
            item.place = place
        x = np.array([item.content for item in block], dtype=np.float32)
        self.ahead = LookAhead(self.this_round, x, self.tau)
        real = [place for place, item in enumerate(block) if item.real]
        for place, (_, rows) in zip(real, self.history.within(x[real], self.tau), strict=True):
            block[place].in_history = Neighbours(others=rows.tolist(), count=len(rows))
        wide = x.astype(np.float64)
        squares = np.square(wide @ wide.T)
        for scope in (self.corpus_scope, self.round_scope):
            scope.look_ahead(wide, squares)

    def commit(self, item: Item) -> None:
        """Admit the item: the only place where a decision changes what later decisions see."""
        self._crowd_in(item)
        self._extend(self.this_round, [item])
        self.ahead.enter(item.place)
        if not self.in_window(item):
            self.corpus_scope.enter(item.place)
            self.round_scope.enter(item.place)
        self._count(item)
        self.round_admitted += 1
        self.round_outside += item.outside and not item.real

    def _crowd_in(self, item: Item) -> None:
        """Count the item among the neighbours of its neighbours: a cosine is the same from both sides, to the bit."""
        in_round = self.ahead.near(item.place, None, self.tau) if item.real else item.in_round
        self._joined.update(item.in_history.others)
        for row in in_round.others:
            self._round_crowds[row] += 1
        self._round_crowds.append(item.in_history.count + in_round.count)

    def in_window(self, item: Item) -> bool:
        """True where W already holds the row: an anchor filled by the first round has that round's rows as W."""
        return item.candidate.id in self._window

    def crowd(self, library: DuplicateIndex, row: int) -> int:
        """Other rows within tau of a library's row, over the history and this round.

        Of the history's rows `look_back` must have found the row around an item that it let through.
        """
        return self._round_crowds[row] if library is self.this_round else self._crowds[row] + self._joined[row]

    def _count(self, item: Item) -> None:
        self.phrases.add(item.slots)
        self.skeletons.add(item.frame)
        self.admitted += 1
        self.rows += 1
        if not item.outside:
            self.counts[item.cell] += 1
            self.real_counts[item.cell] += item.real
            self.real_rows += item.real

    @staticmethod
    def _extend(library: DuplicateIndex, items: Sequence[Item]) -> None:
        library.add(
            [item.candidate.id for item in items],
            [item.candidate.content for item in items],
            [item.cell for item in items],
            np.array([item.content for item in items], dtype=np.float32),
            [item.sketch for item in items],
            [item.key for item in items],
        )


def _as_candidate(reference: Reference, i: int) -> Candidate:
    row = reference.rows[i]
    return Candidate(row.content, row.context, external_id=row.id, origin=Origin.REAL, task_id=row.task_id)
