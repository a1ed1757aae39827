"""The living anchor: when an epoch begins and on what; kills and replays change nothing; only real rows count."""

from __future__ import annotations

import numpy as np
import pytest
from sample_texts import lessons

from synthdata import Candidate, Corpus, Settings
from synthdata.corpus.digest import digest
from synthdata.gate.epochs import calibrating, current_anchor, epoch_events, epochs_folder, load_stream
from synthdata.gate.living import RealContexts, allowed, calibrate_epoch, due, wealth
from synthdata.gate.martingale import begin
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.stream import recent_outside
from synthdata.records import Origin, Verdict
from synthdata.rounds.living import begin_epoch, next_epoch
from synthdata.rounds.replay import replay
from synthdata.rounds.restore import recheck
from synthdata.settings import AnchorSettings

SETTINGS = AnchorSettings()
HASHING = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 64}}})


def unit(rng: np.random.Generator, n: int, centres: np.ndarray) -> np.ndarray:
    x = centres[rng.integers(len(centres), size=n)] + 0.5 * rng.normal(size=(n, centres.shape[1]))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def contexts(vectors: np.ndarray, name: str) -> RealContexts:
    return RealContexts(vectors, tuple(f"{name} {i}" for i in range(len(vectors))))


@pytest.mark.parametrize(
    ("stands_on", "new", "grown", "begins"),
    [(400, 0, 1e9, False), (400, 19, 1, False), (400, 20, 1, True), (10_000, 49, 1, False), (10_000, 50, 1, True),
     (400, 3, 99, False), (400, 3, 101, True)],
)  # fmt: skip
def test_an_epoch_is_due_at_5_percent_50_rows_or_wealth(stands_on: int, new: int, grown: float, begins: bool) -> None:
    assert bool(due(stands_on, new, float(np.log(grown)), SETTINGS)) is begins


def test_shares_follow_the_stream_once_it_has_a_hundred_rows_and_then_its_latest() -> None:
    rng = np.random.default_rng(0)
    centres = 2 * rng.normal(size=(4, 16))
    known = contexts(unit(rng, 200, centres[:2]), "known")
    short, long = contexts(unit(rng, 60, centres[2:]), "s"), contexts(unit(rng, 140, centres[2:]), "l")
    half, stays = calibrate_epoch(known, short, 1, SETTINGS)
    assert half.share_counts.sum() == 260 and half.real_counts.sum() == 200 and len(stays) == 260
    half, _ = calibrate_epoch(known, short + long, 2, SETTINGS)
    assert half.share_counts.sum() == 200
    # Cells are of all real rows; the shares of those where the reference lies are the smoothed nought.
    old = np.bincount(half.nearest(known.vectors)[0], minlength=len(half.centroids)) > 0
    assert half.share_counts[old].sum() < 10 and (half.real_counts[old] > 0).all()
    recent, _ = calibrate_epoch(known, short + long, 2, SETTINGS.model_copy(update={"living_recent": 50}))
    assert recent.share_counts.sum() == 50


def test_only_the_first_row_of_a_new_task_bets() -> None:
    rng = np.random.default_rng(1)
    centres = 2 * rng.normal(size=(6, 16))
    known, mean = contexts(unit(rng, 60, centres[:3]), "known"), np.zeros(16)
    new = unit(rng, 30, centres[3:])
    many = wealth(known, contexts(new, "new"), mean, None, SETTINGS)[1]
    one = wealth(known, RealContexts(new, ("new",) * 30), mean, None, SETTINGS)
    again = wealth(known, RealContexts(new, ("known 1",) * 30), mean, None, SETTINGS)
    assert many >= np.log(100) > one[1]
    assert again[0].tolist() == begin().tolist()


def numbered(texts: list[str], name: str, origin: Origin = Origin.SYNTHETIC) -> list[Candidate]:
    depth = 0 if origin is Origin.REAL else 1
    return [
        Candidate(text, external_id=f"{name} {i}", task_id=f"{name} {i}", origin=origin, lineage_depth=depth)
        for i, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """Texts of the first twelve topics for the reference, of twelve others for the stream."""
    return {"reference": lessons(160, 1, topics=12), "stream": lessons(400, 5, topics=30)}


def begun(path: object, texts: dict[str, list[str]], **anchor: object) -> Corpus:
    settings = HASHING
    for name, value in anchor.items():
        settings = settings.with_value(f"recipe.anchor.{name}", value)
    rows = [ReferenceRow(text, "", f"t{i}") for i, text in enumerate(texts["reference"])]
    return Corpus.init(path, rows, settings=settings)  # type: ignore[arg-type]


@pytest.mark.slow
def test_rounds_of_a_living_anchor_are_kept_by_epoch_and_survive_a_kill(
    tmp_path: object, texts: dict[str, list[str]]
) -> None:
    stream = texts["stream"]
    digests = []
    for killed in (False, True):
        corpus = begun(tmp_path / f"c{killed}", texts)  # type: ignore[operator]
        for round_ in range(3):
            part = slice(50 * round_, 50 * round_ + 50)
            corpus.admit(numbered(stream[part], f"real {round_}", Origin.REAL))
            if killed:
                # A process that dies after its epoch was written and before its round was committed.
                corpus = Corpus.open(corpus.store.path)
                with corpus.store.writing():
                    recipe = corpus.settings.recipe
                    made = next_epoch(corpus.store, corpus.anchor, corpus.reference, corpus.encode, recipe.anchor, 0.01)
                    assert made is not None
                    begin_epoch(corpus.store, made)
                corpus = Corpus.open(corpus.store.path)
            corpus.admit(numbered(stream[200 + 40 * round_ : 240 + 40 * round_], f"made {round_}"))
        store = corpus.store
        events = epoch_events(store, 0)
        assert [event["epoch"] for event in events] == [1, 2, 3]
        assert all(event["drift"] > 0 and event["taken"] == 50 for event in events)
        # Every round is in the cells of its own epoch, and what it decided is what replay decides.
        assert recheck(store) == []
        assert not replay(store, corpus.settings).changes
        assert [current_anchor(store, as_of=n).context.epoch for n in range(7)] == [0, 1, 1, 2, 2, 3, 3]
        digests.append(digest(store))
    assert digests[0] == digests[1]


def test_what_is_synthetic_or_turned_off_moves_nothing(tmp_path: object, texts: dict[str, list[str]]) -> None:
    living, frozen = begun(tmp_path / "a", texts), begun(tmp_path / "b", texts, living=False)  # type: ignore[operator]
    for corpus, origin in ((living, Origin.SYNTHETIC), (frozen, Origin.REAL)):
        corpus.admit(numbered(texts["stream"][:120], "first", origin))
        corpus.admit(numbered(texts["stream"][120:160], "second"))
        assert not epoch_events(corpus.store, 0) and corpus.anchor.context.epoch == 0
    facts = recent_outside(frozen.store, frozen.anchor, frozen.settings.recipe)
    assert facts is not None and facts["tasks"] == 120 and facts["low"] <= facts["share"] <= facts["high"]


def test_a_flood_of_real_rows_is_taken_in_portions(tmp_path: object, texts: dict[str, list[str]]) -> None:
    corpus = begun(tmp_path / "c", texts)  # type: ignore[operator]
    stands_on = len(calibrating(corpus.reference, "one"))
    most = allowed(stands_on, SETTINGS)
    corpus.admit(numbered(texts["stream"][:300], "real", Origin.REAL))
    corpus.admit(numbered(texts["stream"][300:310], "made"))
    (event,) = epoch_events(corpus.store, 0)
    assert event["changed"] == ("has changed" in event["because"])
    assert event["taken"] == most and event["waiting"] == 300 - most
    ids, stream = load_stream(epochs_folder(corpus.store, 0), 1, 64)
    assert len(ids) == len(stream) == most
    corpus.admit(numbered(texts["stream"][310:320], "more"))
    assert epoch_events(corpus.store, 0)[-1]["taken"] == min(300 - most, allowed(stands_on + most, SETTINGS))


def test_a_round_begins_one_epoch_at_most_however_much_waits(tmp_path: object, texts: dict[str, list[str]]) -> None:
    corpus = begun(tmp_path / "c", texts)  # type: ignore[operator]
    corpus.admit(numbered(texts["stream"][:300], "real", Origin.REAL))
    alpha, anchor = 0.01, corpus.settings.recipe.anchor
    with corpus.store.writing():
        made = next_epoch(corpus.store, corpus.anchor, corpus.reference, corpus.encode, anchor, alpha)
        assert made is not None and made.facts["waiting"] > 50
        begin_epoch(corpus.store, made)
    # Killed here, before its round: what waits is enough for a second epoch, and the round run again begins none.
    again = Corpus.open(corpus.store.path)
    assert next_epoch(again.store, again.anchor, again.reference, again.encode, anchor, alpha) is None
    again.admit(numbered(texts["stream"][300:310], "made"))
    assert [event["epoch"] for event in epoch_events(again.store, 0)] == [1]
    assert next_epoch(again.store, again.anchor, again.reference, again.encode, anchor, alpha) is not None


def test_the_floor_does_not_move_and_a_real_row_always_enters(tmp_path: object, texts: dict[str, list[str]]) -> None:
    corpus = begun(tmp_path / "c", texts)  # type: ignore[operator]
    before = corpus.anchor.require_content()
    report = corpus.admit(numbered(texts["stream"][:150], "real", Origin.REAL))
    assert {d.verdict for d in report.decisions} == {Verdict.ADMIT}
    corpus.admit(numbered(texts["stream"][150:160], "made"))
    after = corpus.anchor.require_content()
    assert corpus.anchor.context.epoch == 1
    assert (after.collision_max, after.tau, after.window_ids) == (before.collision_max, before.tau, before.window_ids)
