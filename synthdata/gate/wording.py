"""How real contents are worded: how long they are, how predictable, how broken at worst, and what in them recurs.

Every test is conformal by task (novelty.py): a content that is exchangeable with the reference falls with at most the
share that the recipe gives to the test, and where the reference has too few tasks for that share nothing falls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthdata.gate.gibberish import Known, StretchModel, Tokens
from synthdata.gate.lexical import token_hash, wordings
from synthdata.gate.novelty import Scale, numbered
from synthdata.gate.perplexity import PerplexityRange, split_in_halves
from synthdata.gate.soup import learn
from synthdata.gate.stretches import TokenRuns, least_broken, stretch_scores
from synthdata.judging.floor import letter_measures
from synthdata.judging.grammar import most_loose_words
from synthdata.judging.neighbours import nats_of_disorder
from synthdata.settings import AnchorSettings
from synthdata.text.segments import count_words

Floats = NDArray[np.float64]
_SCALES = ("short", "long", "likely", "unlikely", "broken")
# Anchors of older versions lack these.
_SCANS = ("disordered", "loose")


@dataclass(frozen=True)
class TextScores:
    """What the tests say of one content: p-values, small where no real content is like it, and what they rest on.

    `nats` are a token to the model of real words; the worst window begins at the token `start` (stretches.py). The
    `disorder` is in nats (judging/neighbours.py), `loose_words` in words (judging/grammar.py); both know no reference.
    """

    words: float
    short_p: float
    long_p: float
    nats: float
    likely_p: float
    unlikely_p: float
    broken: float
    broken_p: float
    start: int
    disorder: float
    disorder_p: float
    loose_words: float
    loose_p: float


@dataclass(frozen=True)
class Recurrence:
    """How many of `rows` real contents hold each phrase and stand on each frame, for those of more than one row.

    `slots` of phrases of `ngram` units and `frames` as hashes, both sorted, with their rows.
    """

    rows: int
    ngram: int
    slots: NDArray[np.int64]
    slot_rows: NDArray[np.int64]
    frames: NDArray[np.uint64]
    frame_rows: NDArray[np.int64]

    @classmethod
    def of(cls, contents: Sequence[str], contexts: Sequence[str], ngram: int) -> Recurrence:
        """Count over contents, whose frames leave out the words of their contexts."""
        phrases = list(wordings(contents, contexts, ngram))
        slots, slot_rows = np.unique(np.concatenate([slots for slots, _ in phrases]), return_counts=True)
        hashes = np.array([token_hash(frame) for _, frame in phrases if frame], dtype=np.uint64)
        frames, frame_rows = np.unique(hashes, return_counts=True)
        again, often = slot_rows > 1, frame_rows > 1
        counts = (slot_rows[again].astype(np.int64), frame_rows[often].astype(np.int64))
        return cls(len(contents), ngram, slots[again].astype(np.int64), counts[0], frames[often], counts[1])

    def rows_with_phrases(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Real rows that hold each phrase, 1 for those that hardly any holds."""
        return _look_up(self.slots, self.slot_rows, slots)

    def rows_on_frame(self, frame: str) -> int:
        """Real rows on a frame, 1 where hardly any stands on it."""
        return int(_look_up(self.frames, self.frame_rows, np.array([token_hash(frame)], dtype=np.uint64))[0])


@dataclass(frozen=True)
class WordingCalibration:
    """The tests of one anchor: a scale each, two models of stretches, and what recurs.

    `disordered` and `loose` are None in anchors of older versions, for which these two tests are silent. `letters` (5,)
    are the most that real contents reach of each letter measure (judging/floor.py).
    """

    short: Scale
    long: Scale
    likely: Scale
    unlikely: Scale
    broken: Scale
    halves: tuple[StretchModel, StretchModel]
    recurrence: Recurrence
    letters: Floats
    disordered: Scale | None = None
    loose: Scale | None = None

    def scores(self, contents: Sequence[str], language: PerplexityRange, settings: AnchorSettings) -> list[TextScores]:
        """What the tests say of contents; of two models that of the half which knows a text better counts."""
        low, high = language.scores(contents, settings.band_tokens)
        words = np.array([count_words(text) for text in contents], dtype=np.float64)
        badness, starts = least_broken(self.halves, contents)
        slack = settings.band_slack
        disorders, loose = _scans(contents)
        columns = (
            words, self.short.p_values(words), self.long.p_values(-words),
            low, self.likely.p_values(high + slack), self.unlikely.p_values(slack - low),
            badness, self.broken.p_values(-badness), starts,
            disorders, _p_values(self.disordered, disorders), loose, _p_values(self.loose, loose),
        )  # fmt: skip
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [TextScores(*row) for row in rows]

    def by_row(self, contents: Sequence[str], seed: int) -> WordingCalibration:
        """The same tests, those of gibberish by row in place of by task, from the contents that made them.

        For what a generator wrote, to which nothing is promised: its reviews are of too few tasks for them.
        """
        broken, rows = _broken(self.halves, contents, seed), np.arange(len(contents))
        disordered, loose = (Scale.of(-values, rows) for values in _scans(contents))
        return replace(self, broken=Scale.of(-broken, rows), disordered=disordered, loose=loose)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All values as named arrays, from which `of_arrays` makes the same calibration."""
        made: dict[str, NDArray[Any]] = {}
        for name in (*_SCALES, *_SCANS):
            if (scale := getattr(self, name)) is not None:
                made |= _named(name, scale)
        for number, model in enumerate(self.halves):
            made |= _named(f"known_{number}", model.known)
            made |= {f"weights_{number}": model.weights, f"scale_{number}": model.scale}
            made[f"evidence_{number}"] = np.asarray(model.evidence)
        return made | {"letters": self.letters} | _named("recurrence", self.recurrence)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> WordingCalibration:
        """The calibration that these arrays hold.

        Raises:
            KeyError: one is missing.
        """
        known = (*_SCALES, *(name for name in _SCANS if f"{name}_scores" in arrays))
        scales = {name: _unnamed(Scale, name, arrays) for name in known}
        models = [
            StretchModel(
                _unnamed(Known, f"known_{i}", arrays),
                arrays[f"weights_{i}"],
                arrays[f"scale_{i}"],
                float(arrays[f"evidence_{i}"]),
            )
            for i in (0, 1)
        ]
        recurrence = _unnamed(Recurrence, "recurrence", arrays)
        return cls(**scales, halves=(models[0], models[1]), recurrence=recurrence, letters=arrays["letters"])


def calibrate_wording(
    contents: Sequence[str],
    contexts: Sequence[str],
    tasks: Sequence[str],
    language: PerplexityRange,
    settings: AnchorSettings,
) -> WordingCalibration | None:
    """The tests from real contents, their contexts (empty in a one-view corpus) and tasks; None for too few texts.

    Each half of the contents is judged by what was learnt from the other.
    """
    halves = split_in_halves(contents, settings.seed)
    texts = [[text for text, half in zip(contents, halves, strict=True) if half == wanted] for wanted in (0, 1)]
    if min(sum(Tokens.of(text) is not None for text in part) for part in texts) < 2:
        return None
    models = (learn(texts[0], 0, settings), learn(texts[1], 1, settings))
    other = np.array([1 - half for half in halves])
    nats = np.stack([model.nll(contents, settings.band_tokens) for model in language.halves])[
        other, np.arange(len(other))
    ]
    broken = _broken(models, contents, settings.seed)
    words = np.array([count_words(text) for text in contents], dtype=np.float64)
    numbers = numbered(tasks)
    disordered, loose = (Scale.of(-values, numbers) for values in _scans(contents))
    return WordingCalibration(
        short=Scale.of(words, numbers),
        long=Scale.of(-words, numbers),
        likely=Scale.of(nats, numbers),
        unlikely=Scale.of(-nats, numbers),
        broken=Scale.of(-broken, numbers),
        halves=models,
        recurrence=Recurrence.of(contents, contexts, settings.phrase_words),
        letters=np.array([letter_measures(text) for text in contents]).max(axis=0),
        disordered=disordered,
        loose=loose,
    )


def _broken(models: Sequence[StretchModel], contents: Sequence[str], seed: int) -> Floats:
    """How broken contents are (n,), each to the model of the half that does not hold it."""
    other = np.array([1 - half for half in split_in_halves(contents, seed)])
    runs = TokenRuns.of(contents)
    return np.asarray(np.choose(other, [stretch_scores(model, runs)[0] for model in models]), dtype=np.float64)


def _scans(contents: Sequence[str]) -> tuple[Floats, Floats]:
    """The disorder and the loose words of contents, (n,) each."""
    disorders = np.array([nats_of_disorder(text) for text in contents], dtype=np.float64)
    return disorders, np.array([most_loose_words(text) for text in contents], dtype=np.float64)


def _p_values(scale: Scale | None, values: Floats) -> Floats:
    return np.ones(len(values)) if scale is None else scale.p_values(-values)


def _look_up(keys: NDArray[Any], rows: NDArray[np.int64], wanted: NDArray[Any]) -> NDArray[np.int64]:
    if not len(keys):
        return np.ones(len(wanted), dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, rows[place], 1)


def _named(prefix: str, value: Any) -> dict[str, NDArray[Any]]:  # noqa: ANN401 - a dataclass of arrays and integers
    return {f"{prefix}_{field.name}": np.asarray(getattr(value, field.name)) for field in fields(value)}


def _unnamed(kind: type[Any], prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Any:  # noqa: ANN401 - a `kind`
    values = {field.name: arrays[f"{prefix}_{field.name}"] for field in fields(kind)}
    return kind(**{name: value.item() if value.ndim == 0 else value for name, value in values.items()})
