"""Everything that a decision depends on, in one place; a round changes it in `commit` alone.

Built from the anchor, the reference and the rows admitted before, so that a killed round starts from the same state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.ahead import LookAhead
from synthdata.gate.anchor import Anchor
from synthdata.gate.collision import CollisionBudget
from synthdata.gate.duplicates import DuplicateIndex, Neighbours
from synthdata.gate.fluency import Likelihood
from synthdata.gate.heldout import HeldOut
from synthdata.gate.lexical import PhraseCounters, SkeletonCounts
from synthdata.gate.ready import make_ready
from synthdata.gate.reference import Reference
from synthdata.protocols import Mapper, Vectors, in_line
from synthdata.records import OUTSIDE, Candidate, Origin, Reject
from synthdata.settings import GateSettings
from synthdata.similarity.minhash import Sketch

# Items that are searched for among the vectors of the history at a time.
_SEARCHED_AT_ONCE = 1024
RESTORED_AT_ONCE = 512


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


@dataclass(frozen=True)
class RoundInputs:
    """What a round brings besides its candidates; the gate keeps none of it.

    `refused` is what the rules refused, by candidate id. `judges` are asked once, about the candidates that all stages
    before them let through. `reference` are real contents for the canonical order; without any it is a seeded shuffle.
    At `max_admitted` admissions the round ends, and the rest stays undecided. `mapper` does the work on texts.
    """

    refused: Mapping[str, Reject] = field(default_factory=dict)
    judges: Judges | None = None
    reference: Sequence[str] = ()
    max_admitted: int | None = None
    mapper: Mapper = in_line


@dataclass(eq=False)
class Memory:
    """What rounds before this one left: all that `saved.py` keeps of a state.

    `history` holds the reference's contents and the admitted rows, `corpus` their collision budget, `counts` (m,) real
    and admitted rows a cell, `real_counts` (m,) the real rows that shares are taken from (of a living anchor those of
    its epoch), `rows` and `real_rows` the same in all, and `admitted` how many rows rounds have admitted.
    """

    history: DuplicateIndex
    corpus: CollisionBudget
    phrases: PhraseCounters
    skeletons: SkeletonCounts
    counts: NDArray[np.int64]
    real_counts: NDArray[np.int64]
    rows: int
    real_rows: int
    admitted: int = 0

    @classmethod
    def empty(cls, anchor: Anchor, settings: GateSettings) -> Memory:
        """Before the first round, without the reference's contents."""
        content, half = anchor.require_content(), anchor.context
        history, corpus = DuplicateIndex(content.window.shape[1], settings), CollisionBudget(content)
        counts, real = half.real_counts.copy(), half.share_counts.copy()
        rows = int(counts.sum()), int(real.sum())
        return cls(history, corpus, PhraseCounters(), SkeletonCounts(), counts, real, *rows)


@dataclass(eq=False, slots=True)
class Item:
    """A candidate with all that the stages read; `numbers` collects what they saw.

    A `real` one skips all stages but provenance, floor and exact duplication.

    `context` and `content` are centred unit vectors (d,), `norm` the content's length before scaling. `cell` is the
    nearest one; a row whose context is `outside` the reference counts in none. `same` are rows of the history with its
    normal form. What stands around it in the history is found once, what stands around it in this round anew in each
    pass; `edits` are rows of the history over the Jaccard threshold, with it. In the loop `sketch` has the bands that
    others of the loop share.
    `place` is where it stands in the block that is under decision. `refused` is what the rules say of it, `opinion`
    what the judges do.
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
    refused: Reject | None = None
    opinion: Opinion | None = None
    place: int = -1
    same: list[int] = field(default_factory=list)
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
    """The gate's memory and one round on top of it, complete when made.

    `heldout` is what must never be admitted, `likelihood` the language model of the fluency stage, None where the
    recipe names none. `restore` belongs to making it. In a round only `commit` changes what later decisions see;
    `look_up`, `look_back` and `look_ahead` find neighbours for many candidates at once and decide nothing.
    """

    def __init__(
        self,
        anchor: Anchor,
        reference: Reference,
        settings: GateSettings,
        heldout: HeldOut | None = None,
        likelihood: Likelihood | None = None,
    ) -> None:
        self._begin(anchor, settings, Memory.empty(anchor, settings), heldout, likelihood)
        self._add_reference(reference)

    @classmethod
    def from_parts(
        cls,
        anchor: Anchor,
        settings: GateSettings,
        memory: Memory,
        heldout: HeldOut | None = None,
        likelihood: Likelihood | None = None,
    ) -> GateState:
        """A state over a memory that holds the reference's contents and earlier rows already."""
        state = cls.__new__(cls)
        state._begin(anchor, settings, memory, heldout, likelihood)
        return state

    def _begin(
        self,
        anchor: Anchor,
        settings: GateSettings,
        memory: Memory,
        heldout: HeldOut | None,
        likelihood: Likelihood | None,
    ) -> None:
        self.anchor, self.content, self.settings = anchor, anchor.require_content(), settings
        self.heldout, self.likelihood = heldout or HeldOut(settings=settings), likelihood
        self.tau = self.content.tau if settings.tau is None else settings.tau
        self.collision_max = self.content.collision_max if settings.collision_max is None else settings.collision_max
        self.history, self.corpus_scope = memory.history, memory.corpus
        self.phrases, self.skeletons = memory.phrases, memory.skeletons
        self.counts, self.real_counts = memory.counts, memory.real_counts
        self.rows, self.real_rows, self.admitted = memory.rows, memory.real_rows, memory.admitted
        dim = self.content.window.shape[1]
        self.this_round, self.round_scope = DuplicateIndex(dim, settings), CollisionBudget(self.content)
        self.round_admitted = self.round_outside = 0
        self.ahead = LookAhead(self.this_round, np.empty((0, dim), dtype=np.float32), self.tau)
        # How many other rows stand within tau: of the history's rows as far as asked, what this round adds to them, and
        # of this round's rows.
        self._crowds: dict[int, int] = {}
        self._joined: Counter[int] = Counter()
        self._round_crowds: list[int] = []
        self._window = frozenset(self.content.window_ids)
        self.history.reference_rows = len(self.history) - self.admitted

    def _add_reference(self, reference: Reference) -> None:
        """A copy of a real content teaches nothing new; the vectors of a generator-filled anchor are not real."""
        chosen = [i for i, row in enumerate(reference.rows) if row.content]
        if not chosen:
            return
        rows = [_as_candidate(reference, i) for i in chosen]
        items = self.items(rows, reference.context[chosen], reference.content[chosen])
        self._extend(self.history, items)
        self.history.reference_rows = len(items)

    def memory(self) -> Memory:
        """What this state would be made of again, to be saved.

        Raises:
            ValueError: rows of a round have entered already.
        """
        if self.round_admitted:
            raise ValueError(f"{self.round_admitted} rows of a round have entered: a state is saved before its round")
        return Memory(
            self.history, self.corpus_scope, self.phrases, self.skeletons, self.counts, self.real_counts, self.rows,
            self.real_rows, self.admitted,
        )  # fmt: skip

    def items(
        self,
        candidates: Sequence[Candidate],
        context: Vectors,
        content: Vectors,
        refused: Mapping[str, Reject] | None = None,
        mapper: Mapper = in_line,
    ) -> list[Item]:
        """Candidates with raw encoder vectors (n, d) made ready for the stages; `refused` is what the rules say."""
        if not candidates:
            return []
        refused = refused or {}
        ready = make_ready([self.text_of(candidate) for candidate in candidates], self.settings, mapper)
        raw = self.anchor.cell_vectors(context, content)
        place = self.anchor.context.locate(raw, self.settings.alpha_outside)
        x, (y, norms) = place.rows, self.content.centred(content)
        columns = (place.nearest.tolist(), place.outside.tolist(), place.cosines.tolist(), norms.tolist())
        items = [
            Item(
                candidate, candidate.origin is Origin.REAL, x[i], y[i], norm, cell, sketch, slots, frame,
                outside=outside, refused=refused.get(candidate.id),
                numbers={"cell_cosine": cosine, "content_norm": norm},
            )
            for i, (candidate, (sketch, slots, frame), cell, outside, cosine, norm) in enumerate(
                zip(candidates, ready, *columns, strict=True)
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

    def look_up(self, items: Sequence[Item]) -> None:
        """Find the rows of the history that are these items over again, before any stage looks."""
        for item, same in zip(items, self.history.exact_many([item.key for item in items]), strict=True):
            item.same = same

    def look_back(self, items: Sequence[Item]) -> None:
        """Find what the history holds near these items, in one search, and how crowded it is around them."""
        limit = self.settings.lesson_quota
        items = [item for item in items if not item.real]
        for item, edits in zip(items, self.history.near_many([item.sketch for item in items]), strict=True):
            item.edits = edits
        for start in range(0, len(items), _SEARCHED_AT_ONCE):
            part = items[start : start + _SEARCHED_AT_ONCE]
            x = np.array([item.content for item in part], dtype=np.float32)
            near = self.history.around(x, [self.text_of(item.candidate) for item in part], self.tau, limit + 1)
            for item, neighbours in zip(part, near, strict=True):
                item.in_history = neighbours
            asked = {
                row
                for neighbours in near
                if neighbours.copy is None and neighbours.count <= limit
                for row in neighbours.others
            }
            rows = sorted(asked - self._crowds.keys())
            self._crowds |= zip(rows, self.history.crowds(rows, self.tau), strict=True)

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
            if not self.anchor.context.epoch:
                self.real_counts[item.cell] += item.real
                self.real_rows += item.real

    def text_of(self, candidate: Candidate) -> tuple[str, str]:
        """Content and context without a shared preamble; the context is the same for all in a corpus of one view."""
        cut = self.anchor.cut
        return cut(candidate.content), cut(candidate.context) if self.anchor.views == "two" else ""

    def _extend(self, library: DuplicateIndex, items: Sequence[Item]) -> None:
        texts = [self.text_of(item.candidate) for item in items]
        library.add(
            [item.candidate.id for item in items],
            [content for content, _ in texts],
            [context for _, context in texts],
            [item.cell for item in items],
            np.array([item.content for item in items], dtype=np.float32),
            [item.sketch for item in items],
            [item.key for item in items],
        )


def _as_candidate(reference: Reference, i: int) -> Candidate:
    row = reference.rows[i]
    return Candidate(row.content, row.context, external_id=row.id, origin=Origin.REAL, task_id=row.task_id)
