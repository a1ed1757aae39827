"""The nearest lessons for a task or a step: by vectors and by words, fused, and told apart from each other.

Both searches score every row; nothing is approximate. Their scores are mixed, each as a share of its best (a convex
combination, which Bruch et al. 2023 find better than reciprocal ranks, and so did we: docs/LOG.md), and
maximal marginal relevance (Carbonell and Goldstein 1998) keeps the answer from saying one thing five times.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthdata.corpus import CorpusStore
from synthdata.errors import InputError
from synthdata.memory.index import LessonIndex, build_index, open_index, present
from synthdata.memory.standing import Standing, standings
from synthdata.protocols import Advance, Encoder, Vectors, no_advance
from synthdata.settings import MemorySettings, Settings
from synthdata.similarity.encoder import make_encoder
from synthdata.text.redaction import redacted, without_secrets

_STANDS = Standing()
# More rows than asked for are scored again in float64, so that rounding of float32 decides nothing.
_SLACK = 32


@dataclass(frozen=True, slots=True)
class Scope:
    """Which lessons may answer; empty fields allow everything. `since` is the first round that counts.

    `standing` leaves out what was superseded or contradicted.
    """

    task: str = ""
    source: str = ""
    licence: str = ""
    since: int = 0
    standing: bool = False


@dataclass(frozen=True, slots=True)
class Recalled:
    """A lesson with where it comes from and how it stands.

    Its texts are without secrets and personal data, since an agent reads them. `lesson` and `when` are the review's own
    words where the row is one, else its content and nothing. `score` in (0, 1] is 1 for a row that leads both searches;
    `cosine` and `bm25` are what they saw.
    """

    id: str
    lesson: str
    when: str
    content: str
    context: str
    score: float
    cosine: float
    bm25: float
    task_id: str
    source: str
    licence: str
    trajectory_id: str
    step: int | None
    round: int
    judged: str
    standing: Standing


class Memory:
    """The lessons of a corpus as they stood when this was opened; readers take no lock and see no later change.

    `rows`, `vectors` (n, d) and `words` are every row ever admitted, `present` (n,) those that are in the corpus.
    """

    def __init__(
        self, store: CorpusStore, settings: Settings, index: LessonIndex, as_of: int | None, encoder: Encoder | None
    ) -> None:
        self.rows = index.rows
        self.settings: MemorySettings = settings.runtime.memory
        self.vectors, self.words = index.vectors, index.words
        self._encoder = encoder or make_encoder(settings.recipe.encoder, settings.runtime)
        self.present = present(index, store, as_of)
        self._standings = standings(store, self.rows.filter(self.present), as_of)
        self._fallen = np.zeros(len(self.present), dtype=bool)
        if self._standings:
            self._fallen = self.rows["id"].is_in(list(self._standings)).to_numpy()

    @classmethod
    def open(
        cls,
        corpus: Path | str | CorpusStore,
        *,
        as_of: int | None = None,
        encoder: Encoder | None = None,
        progress: Advance = no_advance,
    ) -> Memory:
        """Open the memory of a corpus; `progress` hears of rows where the index has to be made first.

        Raises:
            InputError: not a corpus, or no such round.
        """
        store = corpus if isinstance(corpus, CorpusStore) else CorpusStore.open(corpus)
        settings = Settings.from_dict(store.settings, where=str(store.path))
        return cls(store, settings, open_index(store) or build_index(store, progress), as_of, encoder)

    def __len__(self) -> int:
        return int(self.present.sum())

    def recall(self, query: str, limit: int = 5, scope: Scope | None = None) -> list[Recalled]:
        """The lessons nearest to a text, best first; none for a blank one.

        Raises:
            InputError: `limit` is not positive.
        """
        if not query.strip():
            return []
        return self.nearest(query, self._encoder.encode([query])[0], limit, scope)

    def nearest(self, query: str, vector: Vectors, limit: int = 5, scope: Scope | None = None) -> list[Recalled]:
        """As `recall`, for a query whose vector (d,) is known.

        Raises:
            InputError: `limit` is not positive, or the vector has another width than the corpus'.
        """
        if limit < 1:
            raise InputError(f"limit must be at least 1, got {limit}")
        allowed = self._allowed(scope or Scope())
        if not allowed.any():
            return []
        if vector.shape != self.vectors.shape[1:]:
            raise InputError(f"the query has {vector.shape} numbers, the corpus' vectors {self.vectors.shape[1:]}")
        bm25 = self.words.scores(query, self.settings)
        cosines = self.vectors @ vector
        fused = self._fused(cosines, bm25, vector, allowed)
        chosen = _diverse(fused, self.vectors, limit, self.settings.mmr_relevance)
        if not chosen:
            return []
        nearest_rows = self.rows[[row for row, _ in chosen]].iter_rows(named=True)
        return [
            self._recalled(row, score, (float(cosines[place]), float(bm25[place])))
            for row, (place, score) in zip(nearest_rows, chosen, strict=True)
        ]

    def _allowed(self, scope: Scope) -> NDArray[np.bool_]:
        allowed = self.present & ~self._fallen if scope.standing else self.present
        filters = {"task_id": scope.task, "source": scope.source, "licence": scope.licence}
        for column, value in filters.items():
            if value:
                allowed = allowed & (self.rows[column] == value).to_numpy()
        return allowed & (self.rows["round"] >= scope.since).to_numpy() if scope.since else allowed

    def _fused(
        self, cosines: Vectors, bm25: NDArray[np.float64], vector: Vectors, allowed: NDArray[np.bool_]
    ) -> list[tuple[int, float]]:
        """The best rows with their scores, best first, the later of two equals first; rows that share nothing are out.

        float32 finds them; one float64 sum a row scores them, so that rounding decides nothing.
        """
        best_bm25 = float(bm25.max(where=allowed, initial=0.0))
        nearest = int(np.argmax(np.where(allowed, cosines, -np.inf)))
        best_cosine = float(self._exact(np.array([nearest]), vector)[0])
        rough = self._mixed(cosines, bm25, best_cosine, best_bm25)
        rough[~allowed] = -np.inf
        count = min(self.settings.pool + _SLACK, int(allowed.sum()))
        candidates = np.argpartition(-rough, count - 1)[:count]
        scores = self._mixed(self._exact(candidates, vector), bm25[candidates], best_cosine, best_bm25)
        order = np.lexsort((-candidates, -scores))[: self.settings.pool]
        return [(int(candidates[i]), float(scores[i])) for i in order if scores[i] > 0.0]

    def _exact(self, rows: NDArray[np.int64], vector: Vectors) -> NDArray[np.float64]:
        """Cosines of a few rows, one float64 sum each."""
        return np.asarray((self.vectors[rows].astype(np.float64) * vector).sum(axis=1))

    def _mixed(
        self, cosines: NDArray[Any], bm25: NDArray[np.float64], best_cosine: float, best_bm25: float
    ) -> NDArray[np.float64]:
        """Both scores as shares of the best one, mixed; a cosine under 0 counts as 0."""
        share = self.settings.meaning_share
        meaning = np.maximum(cosines, 0.0) / (best_cosine if best_cosine > 0.0 else 1.0)
        return np.asarray(share * meaning + (1.0 - share) * bm25 / (best_bm25 if best_bm25 > 0.0 else 1.0))

    def _recalled(self, row: dict[str, Any], score: float, seen: tuple[float, float]) -> Recalled:
        lesson, when = _lesson(row["payload"])
        same = ("id", "trajectory_id", "step", "round", "judged")
        return Recalled(
            lesson=redacted(lesson or row["content"]),
            when=redacted(when),
            content=redacted(row["content"]),
            context=redacted(row["context"] or ""),
            score=score,
            cosine=seen[0],
            bm25=seen[1],
            standing=self._standings.get(row["id"], _STANDS),
            task_id=without_secrets(row["task_id"] or ""),
            source=without_secrets(row["source"] or ""),
            licence=without_secrets(row["licence"] or ""),
            **{name: row[name] for name in same},
        )


def recall(corpus: Path | str, query: str, limit: int = 5, scope: Scope | None = None) -> list[Recalled]:
    """The lessons of a corpus nearest to a text. An agent that asks often keeps a `Memory` open instead."""
    return Memory.open(corpus).recall(query, limit, scope)


def _diverse(fused: list[tuple[int, float]], vectors: Vectors, limit: int, relevance: float) -> list[tuple[int, float]]:
    """Maximal marginal relevance: each next row by its score less its cosine to the nearest row chosen already."""
    rows = np.array([row for row, _ in fused])
    scores = np.array([score for _, score in fused])
    own = np.asarray(vectors[rows], dtype=np.float64)
    nearest = np.zeros(len(rows))
    chosen: list[int] = []
    for _ in range(min(limit, len(rows))):
        gain = relevance * scores - (1.0 - relevance) * nearest
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        nearest = np.maximum(nearest, own @ own[best])
    return [fused[i] for i in chosen]


def _lesson(payload: str) -> tuple[str, str]:
    """Lesson and when it applies, of a review's payload; empty where it is none."""
    try:
        record = json.loads(payload) if payload else None
    except ValueError:
        return "", ""
    lesson = record.get("lesson") if isinstance(record, dict) else None
    if not isinstance(lesson, dict):
        return "", ""
    return str(lesson.get("text") or ""), str(lesson.get("when") or "")
