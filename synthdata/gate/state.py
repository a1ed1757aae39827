"""Everything that a decision depends on, in one place; it changes only in `commit`.

Built from the anchor, the reference and the rows admitted before, so that a killed round starts from the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metrics.spectrum import SecondMoment
from synthdata.errors import AnchorError
from synthdata.gate.anchor import Anchor, ContentHalf
from synthdata.gate.cells import assign, centre
from synthdata.gate.fluency import Likelihood
from synthdata.gate.heldout import HeldOut
from synthdata.gate.lexical import PhraseCounters, SkeletonCounts, ngram_slots, skeleton
from synthdata.gate.library import Library, LookAhead
from synthdata.gate.reference import Reference
from synthdata.protocols import Vectors
from synthdata.records import Candidate, Origin, Reason
from synthdata.settings import GateSettings
from synthdata.similarity.exact import exact_key
from synthdata.similarity.minhash import Sketch

OUTSIDE = -1
Row = tuple[Library, int]


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


@dataclass(eq=False)
class Item:
    """A candidate with all that the stages read; `numbers` collects what they saw.

    `context` and `content` are centred unit vectors (d,), `norm` the content's length before scaling. The neighbours
    are rows of other cells within tau: those of the history are found once, those of this round anew in each pass.
    `place` is where it stands in the block that is under decision.
    """

    candidate: Candidate
    context: Vectors
    content: Vectors
    norm: float
    cell: int
    key: str
    sketch: Sketch
    slots: NDArray[np.int64]
    frame: str
    nearest: tuple[float, int] = (-1, -1)
    place: int = -1
    history_neighbours: list[Row] = field(default_factory=list)
    round_neighbours: list[Row] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def real(self) -> bool:
        """Real rows skip all stages but provenance, floor and exact duplication."""
        return self.candidate.origin is Origin.REAL


class Scope:
    """A set of contents whose collision is held under a budget: the window W plus admitted rows."""

    def __init__(self, content: ContentHalf) -> None:
        self._moment = SecondMoment(content.window.shape[1])
        self._moment.add(content.window)

    def add(self, vectors: Vectors) -> None:
        """Add admitted rows (n, d)."""
        if len(vectors):
            self._moment.add(vectors)

    def add_one(self, vector: Vectors) -> None:
        """Add one admitted row (d,), much cheaper than as a batch of one; its redundancy has just been asked."""
        self._moment.add(vector)

    def collision(self) -> float:
        """Collision probability of the scope now."""
        return self._moment.collision_probability()

    def with_row(self, vector: Vectors) -> tuple[float, float, float]:
        """(p, m, p'): collision now, redundancy of the row, and collision with it: ((n-1)p + 2m)/(n+1)."""
        n, p, m = self._moment.n, self._moment.collision_probability(), self._moment.redundancy(vector)
        return p, m, ((n - 1) * p + 2 * m) / (n + 1)


class GateState:
    """The gate's memory. `floor` holds what the rules refused in this round, by candidate id.

    `likelihood` is the language model of the fluency band, None where the recipe names none.

    `judges` are asked once a round, about the candidates that all stages before them let through; None where there are
    no judges. `opinions` holds their answers. A round ends at `most` admissions, None for no end.
    """

    def __init__(self, anchor: Anchor, reference: Reference, settings: GateSettings) -> None:
        if anchor.content is None:
            raise AnchorError(f"anchor {anchor.number} has no content half yet; the first round must fill it")
        self.anchor, self.content, self.settings = anchor, anchor.content, settings
        self.tau = self.content.tau if settings.tau is None else settings.tau
        self.collision_max = self.content.collision_max if settings.collision_max is None else settings.collision_max
        dim = self.content.window.shape[1]
        self.history, self.this_round = Library(dim, settings), Library(dim, settings)
        self.corpus_scope, self.round_scope = Scope(self.content), Scope(self.content)
        self.phrases, self.skeletons = PhraseCounters(), SkeletonCounts()
        self.real_counts = anchor.context.real_counts.copy()
        self.counts = anchor.context.real_counts.copy()
        self.rows = int(self.counts.sum())
        self.admitted = self.round_admitted = self.round_dreams = 0
        self.heldout = HeldOut(settings=settings)
        self.floor: Mapping[str, Reject] = {}
        self.likelihood: Likelihood | None = None
        self.judges: Judges | None = None
        self.opinions: Mapping[str, Opinion] = {}
        self.most: int | None = None
        self.ahead = LookAhead(self.this_round, np.empty((0, dim), dtype=np.float32))
        self._window = frozenset(self.content.window_ids)
        self._add_reference(reference)

    def _add_reference(self, reference: Reference) -> None:
        """A copy of a real content teaches nothing new; the vectors of a generator-filled anchor are not real."""
        chosen = [i for i, row in enumerate(reference.rows) if row.content]
        if not chosen:
            return
        items = self.items(
            [_as_candidate(reference, i) for i in chosen], reference.context[chosen], reference.content[chosen]
        )
        self._extend(self.history, items)

    def items(self, candidates: Sequence[Candidate], context: Vectors, content: Vectors) -> list[Item]:
        """Candidates with raw encoder vectors (n, d) made ready for the stages."""
        half = self.anchor.context
        x, _ = centre(context if self.anchor.views == "two" else content, half.mean)
        y, norms = centre(content, self.content.mean)
        cells, cosines = assign(x, half.centroids)
        cells = np.where(cosines < half.outside_cosine, OUTSIDE, cells)
        sketches = self.history.sketches([c.content for c in candidates])
        ready = []
        for i, candidate in enumerate(candidates):
            own = candidate.context if self.anchor.views == "two" else ""
            item = Item(
                candidate=candidate,
                context=x[i],
                content=y[i],
                norm=float(norms[i]),
                cell=int(cells[i]),
                key=exact_key(candidate.content),
                sketch=sketches[i],
                slots=ngram_slots(candidate.content, self.settings.lexical_ngram),
                frame=skeleton(candidate.content, own),
            )
            item.numbers |= {"cell_cosine": float(cosines[i]), "content_norm": float(norms[i])}
            ready.append(item)
        return ready

    def restore(self, candidates: Sequence[Candidate], context: Vectors, content: Vectors) -> None:
        """Enter rows admitted in earlier rounds, in their order of admission."""
        if not candidates:
            return
        items = self.items(candidates, context, content)
        self._extend(self.history, items)
        outside = [item for item in items if not self.in_window(item)]
        self.corpus_scope.add(np.array([item.content for item in outside], dtype=np.float32))
        for item in items:
            self._count(item)

    def look_ahead(self, block: Sequence[Item]) -> None:
        """Make the next items of the loop ready: their neighbours in this round are then looked up and not searched."""
        for place, item in enumerate(block):
            item.place = place
        self.ahead = LookAhead(self.this_round, np.array([item.content for item in block], dtype=np.float32))

    def commit(self, item: Item) -> None:
        """Admit the item: the only place where a decision changes what later decisions see."""
        self._extend(self.this_round, [item])
        self.ahead.enter(item.place)
        if not self.in_window(item):
            self.corpus_scope.add_one(item.content)
            self.round_scope.add_one(item.content)
        self._count(item)
        self.round_admitted += 1
        self.round_dreams += item.cell == OUTSIDE and not item.real

    def in_window(self, item: Item) -> bool:
        """True where W already holds the row: an anchor filled by the first round has that round's rows as W."""
        return item.candidate.id in self._window

    def rows_near(self, row: Row) -> int:
        """Other rows within tau of a library's row, over the history and this round."""
        vector = row[0].vector(row[1])
        return sum(len(library.within(vector, self.tau)) for library in (self.history, self.this_round)) - 1

    def _count(self, item: Item) -> None:
        self.phrases.add(item.slots)
        self.skeletons.add(item.frame)
        self.admitted += 1
        self.rows += 1
        if item.cell != OUTSIDE:
            self.counts[item.cell] += 1
            self.real_counts[item.cell] += item.real

    @staticmethod
    def _extend(library: Library, items: Sequence[Item]) -> None:
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
