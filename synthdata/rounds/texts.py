"""The gate on a list of texts: no corpus on disk, no engine, five lines.

    from synthdata import admit_texts

    result = admit_texts(generated, reference=real)
    training_set = result.admitted
    print(result.summary())

The same rules, stages and order as `synthdata admit`; what a corpus adds is that it remembers, audits and exports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from synthdata.errors import AnchorError
from synthdata.gate.anchor import Anchor, AnchorHeader, ContentCalibration
from synthdata.gate.calibrate import calibrate
from synthdata.gate.fill import TooFewLessonsError
from synthdata.gate.fluency import Likelihood
from synthdata.gate.heldout import HeldOut
from synthdata.gate.reference import Reference, ReferenceRow, clean
from synthdata.gate.state import GateState
from synthdata.protocols import Encoder, Progress, Vectors, no_progress
from synthdata.records import Candidate, Decision, Verdict
from synthdata.rounds.coerce import ReferenceLike, TextLike, as_candidates, as_reference
from synthdata.rounds.decide import Batch, RoundOptions, RoundOutcome, decide_round
from synthdata.rounds.steps import encode_reference, reference_preamble, views_of
from synthdata.rounds.unreadable import check_readable, readable_rows
from synthdata.settings import Recipe, Settings
from synthdata.similarity.encoder import make_encoder
from synthdata.similarity.index import VectorIndex
from synthdata.similarity.preamble import CuttingEncoder, Preamble
from synthdata.similarity.vectors import encode_with_progress

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Rejection:
    """A text that was not admitted, with the evidence: its `score` missed the `threshold` of the rule.

    `neighbour` is the text that it repeats, empty where the reason is not a likeness.
    """

    text: str
    reason: str
    score: float | None
    threshold: float | None
    neighbour: str
    detail: str

    def __str__(self) -> str:
        numbers = "" if self.score is None else f" ({self.score:.3g} against {self.threshold:.3g})"
        like = f", like {self.neighbour[:80]!r}" if self.neighbour else ""
        why = f": {self.detail}" if self.detail else ""
        return f"{self.reason}{numbers}{like}{why}"


@dataclass(frozen=True, slots=True)
class ClosePair:
    """An admitted text and the one that it came nearest to before it was admitted, with their cosine in [-1, 1]."""

    text: str
    neighbour: str
    cosine: float


@dataclass(frozen=True)
class Admission:
    """What became of the texts of one call. Each is in `admitted`, in `rejected` or, past `max_admitted`, in neither.

    `tau` is the cosine from which two texts of one cell count as the same, `calibrated_from` says whether thresholds
    come from the reference or, where none was given, from the texts themselves (`generator`).
    """

    decisions: Sequence[Decision]
    pairs: Sequence[ClosePair]
    tau: float
    calibrated_from: str

    @property
    def admitted(self) -> list[str]:
        """The texts to train on, in order of admission."""
        return [d.candidate.content for d in self.decisions if d.verdict is Verdict.ADMIT]

    @property
    def rejected(self) -> list[Rejection]:
        """The others, each with its reason and evidence."""
        return [
            Rejection(d.candidate.content, str(d.reason), d.score, d.threshold, d.neighbour_text, d.detail)
            for d in self.decisions
            if d.verdict is not Verdict.ADMIT
        ]

    @property
    def reasons(self) -> dict[str, int]:
        """How many were rejected for each reason, most frequent first."""
        counted = Counter(rejection.reason for rejection in self.rejected)
        return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))

    def closest_pairs(self, n: int = 10) -> list[ClosePair]:
        """The `n` admitted texts that come nearest to another admitted or reference text: look here to set `tau`."""
        return list(self.pairs[:n])

    def summary(self) -> str:
        """One line."""
        reasons = ", ".join(f"{n} {reason}" for reason, n in self.reasons.items()) or "none"
        return f"{len(self.admitted)} of {len(self.decisions)} texts admitted; rejected: {reasons}"


@dataclass(frozen=True)
class _Known:
    """Rows admitted by earlier calls, with their raw vectors (n, d)."""

    candidates: tuple[Candidate, ...]
    context: Vectors
    content: Vectors

    def joined(self, later: _Known) -> _Known:
        """These rows and later ones."""
        context = np.vstack([self.context, later.context])
        return _Known(self.candidates + later.candidates, context, np.vstack([self.content, later.content]))


@dataclass(frozen=True)
class _MemoryGate:
    """A `Gate` that keeps nothing on disk."""

    anchor: Anchor
    reference: Reference
    recipe: Recipe
    heldout: HeldOut
    known: _Known | None = None
    likelihood: Likelihood | None = None

    def stream_contents(self) -> list[str]:
        """None: the anchor of a gate without a corpus stays as it was made."""
        return []

    def calibrated(self, content: ContentCalibration) -> _MemoryGate:
        """The same gate with the content half that its first batch made."""
        return replace(self, anchor=replace(self.anchor, content=content))

    def state(self, history: pl.DataFrame | None) -> GateState:
        """Made anew from the reference and what earlier calls admitted; there are no stored rows to count instead."""
        state = GateState(self.anchor, self.reference, self.recipe.gate, self.heldout, self.likelihood)
        if self.known is not None:
            state.restore(self.known.candidates, self.known.context, self.known.content)
        return state


class TextGate:
    """A gate in memory: calibrated once, asked in as many calls as there are batches; later ones know earlier ones.

    `reference` are real texts (str, dicts with `content` and, for two views, `context`, or reference rows), at least
    `recipe.anchor.min_rows` different ones. Without a reference the first call calibrates from its own texts, and what
    it admits is diverse relative to them, not to real data. `never` are texts that must not be admitted, such as a test
    set. `encoder` defaults to the one that the settings name.

    Raises:
        AnchorError: too few distinct reference rows.
        InputError: a row of another shape.
    """

    def __init__(
        self,
        reference: Sequence[ReferenceLike] | None = None,
        *,
        settings: Settings | None = None,
        encoder: Encoder | None = None,
        never: Iterable[str] = (),
        progress: Progress = no_progress,
    ) -> None:
        self._settings = settings or Settings()
        self._encoder = encoder or make_encoder(self._settings.recipe.encoder, self._settings.runtime)
        self._heldout = HeldOut(list(never), settings=self._settings.recipe.gate)
        self._gate: _MemoryGate | None = None
        if reference is not None:
            self._gate = self._calibrated(as_reference(reference), progress)

    def admit(
        self, texts: Sequence[TextLike], *, max_admitted: int | None = None, progress: Progress = no_progress
    ) -> Admission:
        """Decide a batch; what is admitted counts as known from then on. Equal input gives equal output in any order.

        Raises:
            AnchorError: without a reference, too few different texts to calibrate from.
            InputError: a row of another shape.
        """
        candidates, encoder = as_candidates(texts), self._encoder
        gate = self._gate or self._open(candidates)
        two = gate.anchor.views == "two"
        with progress("embedding", len(candidates)) as advance:
            content = encode_with_progress(self._encoder, [c.content for c in candidates], advance)
        context = self._encoder.encode([c.context for c in candidates]) if two else content
        with progress("deciding", len(candidates)) as advance:
            options = RoundOptions(max_admitted=max_admitted)
            unreadable = check_readable(candidates, self._encoder, self._settings.recipe.encoder, two)
            batch = Batch(candidates, context, content, unreadable=unreadable)
            try:
                return self._remember(gate, batch, decide_round(gate, batch, options, advance))
            except TooFewLessonsError as error:
                # Nothing was decided: a later call opens the gate with its own texts.
                self._encoder = encoder
                raise AnchorError(
                    f"without a reference the first texts calibrate: {error.needed} distinct ones of different tasks "
                    f"are needed past the floor (recipe.anchor.fill_trajectories), {error.distinct} are there; give "
                    "more, or real texts as `reference`"
                ) from None

    def _calibrated(self, rows: list[ReferenceRow], progress: Progress) -> _MemoryGate:
        recipe, views = self._settings.recipe, views_of(rows, "auto")
        rows = rows if views == "two" else [replace(row, context="") for row in rows]
        preamble = self._look_past_preamble(rows)
        rows = readable_rows(rows, self._encoder, recipe.encoder)
        with progress("embedding", 2 * len(rows)) as advance:
            vectors = encode_reference(rows, self._encoder, advance)
        cut = str if preamble is None else preamble.cut
        reference = clean(rows, *vectors, recipe.anchor, recipe.gate, cut)
        anchor = calibrate(reference, AnchorHeader(0, views, self._encoder.fingerprint, preamble), recipe.anchor)
        return _MemoryGate(anchor, reference, recipe, self._heldout)

    def _look_past_preamble(self, rows: Sequence[ReferenceRow]) -> Preamble | None:
        """Find what most of the calibrating rows begin with; from then on the encoder does not look at it."""
        preamble = reference_preamble(rows, self._settings.recipe.anchor)
        if preamble is not None:
            self._encoder = CuttingEncoder(self._encoder, preamble)
        return preamble

    def _open(self, candidates: Sequence[Candidate]) -> _MemoryGate:
        """A gate whose contexts are those of the first batch, and whose content half that batch will fill."""
        recipe, rows = self._settings.recipe, list({c.content: c for c in candidates}.values())
        if len(rows) < recipe.anchor.fill_trajectories:
            raise AnchorError(
                f"{len(rows)} different texts are too few to calibrate from ({recipe.anchor.fill_trajectories} are "
                "needed: recipe.anchor.fill_trajectories); give real texts as `reference`"
            )
        two = all(row.context for row in rows)
        bare = [ReferenceRow("", row.context or row.content, row.task_id or row.id) for row in rows]
        rows_of_reference = [ReferenceRow(row.content, row.context, row.id) for row in rows]
        preamble = self._look_past_preamble(rows_of_reference)
        readable_rows(rows_of_reference, self._encoder, recipe.encoder)
        content = self._encoder.encode([row.content for row in rows])
        vectors = self._encoder.encode([row.context for row in rows]) if two else content
        reference = Reference(bare, vectors, vectors, np.zeros(len(bare), dtype=bool), {})
        header = AnchorHeader(0, "two" if two else "one", self._encoder.fingerprint, preamble)
        return _MemoryGate(calibrate(reference, header, recipe.anchor), _no_rows(reference), recipe, self._heldout)

    def _remember(self, gate: _MemoryGate, batch: Batch, outcome: RoundOutcome) -> Admission:
        place = {candidate.id: i for i, candidate in enumerate(batch.candidates)}
        rows = [place[d.candidate.id] for d in outcome.decisions if d.verdict is Verdict.ADMIT]
        new = _Known(tuple(batch.candidates[i] for i in rows), batch.context[rows], batch.content[rows])
        before = gate.known
        self._gate = replace(gate, anchor=outcome.anchor, known=new if before is None else before.joined(new))
        pairs = _closest(self._gate, len(rows))
        return Admission(outcome.decisions, pairs, outcome.tau, outcome.anchor.require_content().calibrated_from)


def admit_texts(
    texts: Sequence[TextLike],
    reference: Sequence[ReferenceLike] | None = None,
    *,
    settings: Settings | None = None,
    encoder: Encoder | None = None,
    never: Iterable[str] = (),
    max_admitted: int | None = None,
    progress: Progress = no_progress,
) -> Admission:
    """Which of these texts keep a training set diverse, and why each of the others does not; see `TextGate`.

    Raises:
        AnchorError: too few distinct reference rows, or without a reference too few texts.
        InputError: a row of another shape.
    """
    gate = TextGate(reference, settings=settings, encoder=encoder, never=never, progress=progress)
    return gate.admit(texts, max_admitted=max_admitted, progress=progress)


def _no_rows(reference: Reference) -> Reference:
    """The texts that calibrate themselves are no known texts: each would be a copy of itself."""
    return replace(reference, rows=[], context=reference.context[:0], content=reference.content[:0])


def _closest(gate: _MemoryGate, new: int) -> list[ClosePair]:
    """The last `new` known rows with their nearest other row, known or of the reference; nearest pairs first."""
    if gate.known is None or not new:
        return []
    half = gate.anchor.require_content()
    real = [i for i, row in enumerate(gate.reference.rows) if row.content]
    texts = [gate.reference.rows[i].content for i in real] + [c.content for c in gate.known.candidates]
    raw = np.vstack([gate.reference.content[real], gate.known.content]) if real else gate.known.content
    if len(texts) < 2:
        return []
    vectors, _ = half.centred(raw)
    index = VectorIndex(vectors.shape[1])
    index.add(vectors)
    scores, ids = index.search(vectors[-new:], 2)
    pairs: dict[frozenset[int], ClosePair] = {}
    for own, (cosines, rows) in enumerate(zip(scores.tolist(), ids.tolist(), strict=True), len(texts) - new):
        # The nearest row is the text itself, unless another has the same vector.
        other = 1 if rows[0] == own else 0
        pair = ClosePair(texts[own], texts[rows[other]], min(1.0, cosines[other]))
        pairs.setdefault(frozenset((own, rows[other])), pair)
    return sorted(pairs.values(), key=lambda pair: (-pair.cosine, pair.text))
