"""The anchor: what the reference says is normal, frozen at `init`, immutable and fingerprinted.

Values and their files; the calibration that makes them is in calibrate.py. An anchor without a content half is *open*:
the first round fills it from its own candidates and everything then says `calibrated_from: generator`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synthdata.errors import AnchorError, CorruptStoreError
from synthdata.gate.cells import assign, centre, smoothed_shares
from synthdata.gate.fluency import LMPerplexityRange
from synthdata.gate.novelty import Novelty, Scale, SplitNovelty
from synthdata.gate.perplexity import NgramModel, PerplexityRange
from synthdata.gate.wording import WordingCalibration
from synthdata.io.files import atomic_file, atomic_write
from synthdata.io.refusals import unless_refused
from synthdata.protocols import Encoder, Vectors
from synthdata.records import OUTSIDE, canonical_json
from synthdata.similarity.preamble import CuttingEncoder, Preamble


@dataclass(frozen=True)
class ContextCalibration:
    """What real contexts are about: cells with their real shares, and the test of what lies outside all of them.

    `mean` (d,), `centroids` (m, d) unit, `real_counts` (m,) reference rows a cell. `novelty` tests a context against
    the real ones. Anchors of older versions have none; for them a context is outside under `outside_cosine` to its
    centroid. `others` are the same tests of silos that pooled their anchors: a context is outside only where all say
    so. A living anchor is of an `epoch` above 0, and `stream_counts` (m,) are the real rows that its shares follow.
    """

    mean: Vectors | NDArray[np.float64]
    centroids: Vectors
    real_counts: NDArray[np.int64]
    outside_cosine: float | None = None
    novelty: Novelty | None = None
    others: tuple[SplitNovelty, ...] = ()
    epoch: int = 0
    stream_counts: NDArray[np.int64] | None = None

    def centred(self, raw: Vectors) -> Vectors:
        """Raw encoder vectors of contexts (n, d) as unit rows about the mean of the real ones."""
        return centre(raw, self.mean)[0]

    def nearest(self, raw: Vectors) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The cell whose centroid is nearest to each raw context (n, d), (n,), and the cosine to it, (n,)."""
        return assign(self.centred(raw), self.centroids)

    def locate(self, raw: Vectors, alpha: float) -> Located:
        """Where raw encoder vectors of contexts (n, d) lie; outside is what the test refuses at level `alpha`."""
        x = self.centred(raw)
        cells, cosines = assign(x, self.centroids)
        if self.novelty is None:
            least = -1 if self.outside_cosine is None else self.outside_cosine
            return Located(x, cells, cosines, None, cosines < least)
        p_values = self.novelty.p_values(x)
        for other in self.others:
            p_values = np.maximum(p_values, other.p_values(x))
        return Located(x, cells, cosines, p_values, p_values <= alpha)

    @property
    def share_counts(self) -> NDArray[np.int64]:
        """The real rows of each cell (m,) that shares are taken from: the recent stream's in a living anchor."""
        return self.real_counts if self.stream_counts is None else self.stream_counts

    def real_shares(self, more: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """The smoothed real share of each cell (m,), adding up to 1; `more` (m,) are real rows that came since.

        Within an epoch of a living anchor shares stay, so that more rows change nothing.
        """
        return smoothed_shares(self.share_counts if more is None or self.epoch else self.share_counts + more)


@dataclass(frozen=True)
class Located:
    """Contexts among the real ones, (n,) each: the nearest cell, the cosine to its centroid, the p-value, the verdict.

    `rows` (n, d) are the contexts as unit rows about the mean of the real ones. A row always has a nearest cell; one
    that is `outside` counts in none. `p_values` is None for older anchors.
    """

    rows: Vectors
    nearest: NDArray[np.int64]
    cosines: NDArray[np.float64]
    p_values: NDArray[np.float64] | None
    outside: NDArray[np.bool_]

    @property
    def cells(self) -> NDArray[np.int64]:
        """The cell that each row counts in, `OUTSIDE` for none."""
        return np.where(self.outside, OUTSIDE, self.nearest)


@dataclass(frozen=True)
class Partners:
    """What the other silos of a pool add, as sums: their windows' second moment, and the counts of the order.

    `upper` (d, d) and `numbers` (3,) are those of `SecondMoment.sums`, `order` (8192,) counts of n-grams of real texts.
    """

    upper: NDArray[np.float64]
    numbers: NDArray[np.float64]
    order: NDArray[np.int64]


@dataclass(frozen=True)
class ContentCalibration:
    """What real contents teach: how much they repeat themselves, and the fixed window W that the floor is held on.

    `mean` (d,), `window` (w, d) centred unit rows with their ids, `collision` the U-statistic of the calibrating rows
    with its jackknife error, `collision_max` the budget, `tau` the cosine of a semantic duplicate, `norms` the
    lengths after centring, against which a content that says nothing of its own is short (anchors of older versions
    have one threshold, `generic_norm`), `language` how predictable contents are, and `fluency` the same by a language
    model, None where the recipe named none. `partners` is there where the anchor was
    pooled. `wording` tests how a content is worded; older anchors have none.
    """

    mean: Vectors | NDArray[np.float64]
    window: Vectors
    window_ids: tuple[str, ...]
    rows: int
    collision: float
    collision_error: float
    collision_max: float
    tau: float
    generic_norm: float | None
    calibrated_from: Literal["reference", "generator"]
    language: PerplexityRange
    fluency: LMPerplexityRange | None = None
    norms: Scale | None = None
    partners: Partners | None = None
    wording: WordingCalibration | None = None

    def centred(self, raw: Vectors) -> tuple[Vectors, NDArray[np.float32]]:
        """Raw encoder vectors of contents (n, d) as unit rows about the mean, and their lengths before scaling (n,)."""
        return centre(raw, self.mean)


@dataclass(frozen=True)
class AnchorHeader:
    """What an anchor is before it is calibrated: its number, the corpus' views and the encoder's fingerprint."""

    number: int
    views: Literal["one", "two"]
    encoder: str
    preamble: Preamble | None = None


@dataclass(frozen=True)
class Anchor:
    """One calibration. `views` is fixed for the corpus; `encoder` is the fingerprint of the vectors it is made of.

    `preamble` is what most reference rows begin with: it is cut for looking, and `encoder` knows of it.
    """

    number: int
    views: Literal["one", "two"]
    encoder: str
    context: ContextCalibration
    content: ContentCalibration | None
    heldout_rows: int
    cleaned: dict[str, int]
    preamble: Preamble | None = None

    def cut(self, text: str) -> str:
        """The text without the preamble, which is what all stages look at."""
        return text if self.preamble is None else self.preamble.cut(text)

    def encoder_of(self, encoder: Encoder) -> Encoder:
        """The encoder that this anchor's vectors come from, over one that knows no preamble."""
        return encoder if self.preamble is None else CuttingEncoder(encoder, self.preamble)

    @property
    def fingerprint(self) -> str:
        """16 hex characters over all values of both halves."""
        digest = hashlib.sha256(canonical_json([self.number, self.views, self.encoder]).encode())
        for half in (self.context, self.content):
            for value in _values(half) if half else ():
                digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        return digest.hexdigest()[:16]

    def require_content(self) -> ContentCalibration:
        """The content half.

        Raises:
            AnchorError: the anchor is open still; its first round must fill it.
        """
        if self.content is None:
            raise AnchorError(f"anchor {self.number} has no content half yet; the first round must fill it")
        return self.content

    def cell_vectors(self, context: Vectors, content: Vectors) -> Vectors:
        """Those raw vectors whose cells are meant: of the contexts, or of the contents in a one-view corpus."""
        return context if self.views == "two" else content

    def check_encoder(self, fingerprint: str) -> None:
        """Refuse vectors of another encoder.

        Raises:
            AnchorError: the fingerprints differ; says both and what to do.
        """
        if fingerprint != self.encoder:
            raise AnchorError(
                f"anchor {self.number} was calibrated with encoder {self.encoder}, the settings name {fingerprint}; "
                "vectors of two encoders cannot be compared. Set recipe.encoder back, where the anchor's name ends in "
                "`single` also recipe.encoder.windows = 1, or use `reanchor`"
            )


def _values(half: object) -> Iterator[object]:
    """All values of nested dataclasses and of tuples of arrays, in the order of their fields.

    What stands at its default is left out, so that a field that is new does not change the fingerprints of old anchors.
    """
    for field in fields(half):  # type: ignore[arg-type]
        value = getattr(half, field.name)
        if isinstance(value, int | None) and value == field.default:
            continue
        if is_dataclass(value):
            yield from _values(value)
        elif isinstance(value, tuple):
            for item in value:
                yield from _values(item) if is_dataclass(item) else (item,)
        else:
            yield value


def save_context(folder: Path, anchor: Anchor) -> None:
    """Write all but the content half; the folder must not hold an anchor yet."""
    facts = {
        "number": anchor.number,
        "views": anchor.views,
        "encoder": anchor.encoder,
        "outside_cosine": anchor.context.outside_cosine,
        "heldout_rows": anchor.heldout_rows,
        "cleaned": anchor.cleaned,
    }
    if anchor.preamble is not None:
        facts["preamble"] = vars(anchor.preamble) | {"beginnings": sorted(anchor.preamble.beginnings)}
    half = anchor.context
    arrays = {"mean": half.mean, "centroids": half.centroids, "real_counts": half.real_counts}
    if half.novelty is not None:
        arrays |= {f"novelty_{name}": value for name, value in _fields(half.novelty).items()}
    for number, other in enumerate(half.others):
        arrays |= {f"other_{number}_centroids": other.centroids, f"other_{number}_scores": other.scale.scores}
        arrays |= {f"other_{number}_below": other.scale.below, f"other_{number}_tasks": np.array(other.scale.tasks)}
    if half.stream_counts is not None:
        arrays |= {"stream_counts": half.stream_counts}
        facts |= {"epoch": half.epoch}
    _write(folder, "context", arrays, facts)


def save_content(folder: Path, half: ContentCalibration) -> None:
    """Write the content half, once; the JSON file is written last and so is the proof that the half is complete."""
    facts = {
        k: v
        for k, v in vars(half).items()
        if k not in ("mean", "window", "language", "fluency", "norms", "partners", "wording")
    }
    facts |= {"language_low": half.language.low, "language_high": half.language.high}
    facts["language_segmented"] = half.language.segmented
    facts |= {"fluency": vars(half.fluency)} if half.fluency else {}
    arrays = {"mean": half.mean, "window": half.window}
    if half.norms is not None:
        arrays |= {"norms_scores": half.norms.scores, "norms_below": half.norms.below}
        facts["norms_tasks"] = half.norms.tasks
    if half.partners is not None:
        arrays |= {f"partners_{name}": value for name, value in _fields(half.partners).items()}
    if half.wording is not None:
        arrays |= {f"wording_{name}": value for name, value in half.wording.arrays().items()}
    for number, model in enumerate(half.language.halves):
        for name, part in vars(model).items():
            arrays |= {f"{name}_{number}_{k}": level for k, level in enumerate(part)}
    _write(folder, "content", arrays, facts)


def load_anchor(folder: Path) -> Anchor:
    """Read an anchor.

    Raises:
        CorruptStoreError: files are missing or unreadable.
    """
    arrays, facts = _read(folder, "context")
    context = _context_half(arrays, facts)
    content = None
    if (folder / "content.json").exists():
        try:
            content = _content_half(*_read(folder, "content"))
        except (KeyError, TypeError) as error:
            raise CorruptStoreError(
                f"{folder}: the anchor's content half lacks {error}: it is damaged, or of a version before 0.1.0"
            ) from error
    names = ("number", "views", "encoder")
    preamble = facts.get("preamble")
    if preamble is not None:
        preamble = Preamble(**preamble | {"beginnings": frozenset(preamble["beginnings"])})
    return Anchor(
        **{name: facts[name] for name in names},
        context=context,
        content=content,
        heldout_rows=facts["heldout_rows"],
        cleaned=facts["cleaned"],
        preamble=preamble,
    )


def _context_half(arrays: dict[str, Any], facts: dict[str, Any]) -> ContextCalibration:
    novelty = None
    if "novelty_rows" in arrays:
        novelty = Novelty(**{field.name: arrays[f"novelty_{field.name}"] for field in fields(Novelty)})
    parts = (arrays["mean"], arrays["centroids"], arrays["real_counts"])
    others: list[SplitNovelty] = []
    while f"other_{len(others)}_tasks" in arrays:
        name = f"other_{len(others)}"
        scale = Scale(arrays[f"{name}_scores"], arrays[f"{name}_below"], int(arrays[f"{name}_tasks"]))
        others.append(SplitNovelty(arrays[f"{name}_centroids"], scale))
    return ContextCalibration(
        *parts,
        outside_cosine=facts["outside_cosine"],
        novelty=novelty,
        others=tuple(others),
        epoch=facts.get("epoch", 0),
        stream_counts=arrays.get("stream_counts"),
    )


def _fields(value: object) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]


def _content_half(arrays: dict[str, Any], facts: dict[str, Any]) -> ContentCalibration:
    low, high = facts.pop("language_low"), facts.pop("language_high")
    fluency = LMPerplexityRange(**facts.pop("fluency")) if "fluency" in facts else None
    facts["window_ids"] = tuple(facts["window_ids"])
    norms = None
    if "norms_tasks" in facts:
        norms = Scale(arrays["norms_scores"], arrays["norms_below"], facts.pop("norms_tasks"))
    partners = None
    if "partners_order" in arrays:
        partners = Partners(**{field.name: arrays[f"partners_{field.name}"] for field in fields(Partners)})
    segmented = facts.pop("language_segmented", False)
    language = PerplexityRange((_model(arrays, 0), _model(arrays, 1)), low, high, segmented)
    named = {name.removeprefix("wording_"): value for name, value in arrays.items() if name.startswith("wording_")}
    return ContentCalibration(
        arrays["mean"], arrays["window"], **facts, language=language, fluency=fluency, norms=norms, partners=partners,
        wording=WordingCalibration.of_arrays(named) if named else None,
    )  # fmt: skip


def _model(arrays: dict[str, Any], half: int) -> NgramModel:
    order = sum(name.startswith(f"grams_{half}_") for name in arrays)
    parts = (tuple(arrays[f"{field.name}_{half}_{k}"] for k in range(order)) for field in fields(NgramModel))
    return NgramModel(*parts)


def _write(folder: Path, name: str, arrays: dict[str, Any], facts: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / f"{name}.json").exists():
        raise AnchorError(f"{folder / name}.json: anchors are immutable; `reanchor` makes a new one")
    with atomic_file(folder / f"{name}.npz") as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    atomic_write(folder / f"{name}.json", json.dumps(facts, indent=1, sort_keys=True))


def _read(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
            return {key: file[key] for key in file.files}, facts
    except (OSError, ValueError, KeyError) as error:
        damage = CorruptStoreError(f"{folder}: the anchor's {name} half cannot be read: {error}")
        raise unless_refused(error, folder, damage) from error
