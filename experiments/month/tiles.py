"""The tiles of a round's raw view as `measure` takes them, from five draws instead of twenty and without intervals.

No alarm reads intervals; fewer draws make a tile noisier, in the healthy rounds too, which delays an alarm if anything.
"""

from __future__ import annotations

import numpy as np

from experiments.month.world import CONTENT_WORDS, Texts, World
from metrics.spectrum import effective_number
from synthdata.gate.anchor import Anchor, AnchorHeader
from synthdata.gate.calibrate import calibrate
from synthdata.gate.cells import centre
from synthdata.gate.reference import Reference as RealRows
from synthdata.gate.reference import ReferenceRow, clean
from synthdata.monitor.blocks import Blocks, numbers_against
from synthdata.monitor.measure import MOST_ROWS, REFERENCE_ROWS, View
from synthdata.monitor.samples import NEIGHBOURS, ReferenceSample
from synthdata.monitor.views import permutation
from synthdata.monitor.wording import Vocabulary, Wording, cells_of, own_wording, tail
from synthdata.settings import AnchorSettings, GateSettings

REAL_ROWS = 600
DRAWS = 5


class Gauge:
    """An anchor of a world's real texts, and the tiles of what a generator brings."""

    def __init__(self, world: World, seed: int) -> None:
        rng = np.random.default_rng([seed, 2])
        topics = world.topics(REAL_ROWS, 0, rng)
        contexts, contents = world.contexts(topics, rng), world.contents(topics, 0, 0.7, rng)
        spoken = zip(contexts.spoken(), contents.spoken(), strict=True)
        rows = [ReferenceRow(content, context, str(i)) for i, (context, content) in enumerate(spoken)]
        settings = AnchorSettings()
        self.real: RealRows = clean(rows, world.embed(contexts), world.embed(contents), settings, GateSettings())
        self.anchor: Anchor = calibrate(self.real, AnchorHeader(0, "two", "words"), settings)
        self._vocabulary = Vocabulary()
        held = np.flatnonzero(self.real.heldout)[:REFERENCE_ROWS]
        aside = [self.real.rows[i].content for i in held]
        view = self._view("reference", aside, self.real.context[held], self.real.content[held])
        self._reference = ReferenceSample(view, self._vocabulary, settings.seed)
        real = self.anchor.context.real_counts
        self.shares = (real + 1) / (real.sum() + len(real))
        self._seed = settings.seed
        self._size = min(MOST_ROWS, self._reference.n // 2)
        self._real = [real for _, real in self._reference.pairs(self._size)[:DRAWS]]

    def cells(self, contexts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The cell of each context vector, and the cosine to its centroid."""
        half = self.anchor.context
        located = half.locate(contexts, GateSettings().alpha_outside)
        return located.cells, located.cosines

    def tiles(self, world: World, contexts: Texts, contents: Texts) -> dict[str, float]:
        """The raw view's numbers by tile, as a snapshot would hold them."""
        view = self._view("raw", contents.spoken(), world.embed(contexts), world.embed(contents))
        wording, x = Wording(view.words, view.frames, self._vocabulary), view.content.astype(np.float64)
        found: dict[str, list[float]] = {}
        for k, real in enumerate(self._real):
            rows = np.sort(permutation(len(view), self._seed, f"raw {k}")[: self._size])
            numbers = self._draw(x[rows], real) | cells_of(view.cells[rows], self.shares)
            numbers |= own_wording(wording, rows, self._size * CONTENT_WORDS)
            numbers["tail_coverage"] = tail(self._reference.wording, real, wording, rows, self._size * CONTENT_WORDS)
            for name, value in numbers.items():
                found.setdefault(name, []).append(value)
        whole = {"rows": float(len(view)), "n2": effective_number(view.content)}
        return {name: sum(values) / DRAWS for name, values in found.items()} | whole

    def _draw(self, x: np.ndarray, real: np.ndarray) -> dict[str, float]:
        reference = self._reference
        blocks = Blocks(x @ x.T, reference.gram(real, real), reference.rows[real] @ x.T)
        return numbers_against(blocks, min(NEIGHBOURS, self._size - 1))

    def _view(self, name: str, texts: list[str], contexts: np.ndarray, contents: np.ndarray) -> View:
        assert self.anchor.content is not None
        cells, _ = self.cells(contexts)
        x, _ = centre(contents, self.anchor.content.mean)
        return View(name, x, cells, [text.split() for text in texts], texts)
