"""The sleep: which rows, which rule, the adapter's form, and a whole one on a tiny model with and without poison."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_corpus import game_corpus
from hypothesis import given
from hypothesis import strategies as st
from test_cli import synthdata
from tiny_model import tiny_model
from typer.testing import CliRunner

from synthdata import Corpus
from synthdata.consolidation.gguf import rotated
from synthdata.consolidation.keep_rule import (
    CONTEXT_BESIDE,
    FORGETTING,
    GAIN,
    LOSS_BESIDE,
    RED,
    Paired,
    beside_control,
    decide,
    half_samples,
    paired,
)
from synthdata.consolidation.rows import TrainingRow, check_release, choose_rows
from synthdata.errors import CorruptStoreError, InputError
from synthdata.records import Origin
from synthdata.settings import Settings, TrainingSettings

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import consolidate as bench

PLAIN = TrainingSettings()


def row(key: str, text: str, *, real: bool = False, kind: str = "sft") -> TrainingRow:
    asked = ({"role": "user", "content": f"{key}?"},)
    return TrainingRow(key, kind, key, real, asked, ({"role": "assistant", "content": text},))


def one(name: str, low: float, high: float, good: int = -1) -> Paired:
    return Paired(name, 10, 1.0, 1.0 + (low + high) / 2, (low + high) / 2, low, high, 1 if good > 0 else -1)


rows_of = st.lists(
    st.builds(row, st.sampled_from("abcdef"), st.text(min_size=1, max_size=4), real=st.booleans()), max_size=24
)


@given(rows_of, st.integers(1, 5), st.sampled_from([0.0, 0.5, 2.0]), st.sets(st.sampled_from("abcdef")))
def test_rows_keep_cap_rehearsal_and_budget_in_any_order(rows, cap, rehearsal, known):
    settings = PLAIN.model_copy(update={"rows_per_lesson": cap, "rehearsal": rehearsal, "max_steps": 5})
    chosen = choose_rows(rows, known, settings)
    made = [one for one in chosen.rows if not one.real]
    assert len(chosen.rows) <= 20
    assert max((sum(one.key == key for one in chosen.rows) for key in "abcdef"), default=0) <= cap
    assert not any(one.key in known for one in made)
    if rehearsal:
        assert len(made) * rehearsal <= max(len(chosen.rows) - len(made), rehearsal)
    assert choose_rows(rows[::-1], known, settings) == chosen


def test_one_wording_of_many_sources_is_one_lesson():
    lessons = [
        row(f"source {i}", "Look  before you LEAP." if i % 2 else "look before you leap.", kind="lesson")
        for i in range(40)
    ]
    chosen = choose_rows(lessons, (), PLAIN.model_copy(update={"rehearsal": 0.0}))
    assert (len(chosen.rows), chosen.over_cap) == (10, 30)


def test_the_interval_of_a_paired_difference_is_of_tasks_not_rows():
    rng = np.random.default_rng(0)
    tasks = [f"task {i}" for i in range(40)]
    before = rng.normal(3, 1, 40)
    after = before - 0.1 + rng.normal(0, 0.1, 40)
    found = paired("x", tasks, list(before), list(after), PLAIN)
    error = np.std(after - before) / np.sqrt(40)
    assert found.better and found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    # Each row ten times is no new evidence.
    again = paired("x", tasks * 10, list(before) * 10, list(after) * 10, PLAIN)
    assert (again.low, again.high) == pytest.approx((found.low, found.high))


def test_half_samples_of_a_mean_have_the_error_of_the_whole():
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 1, 200), rng.normal(0.5, 1, 200)
    halves = [rng.permutation(200)[:100] for _ in range(400)]
    found = half_samples("x", 200, [x[h].mean() for h in halves], [y[h].mean() for h in halves], PLAIN, 1)
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(y - x) / np.sqrt(200), rel=0.15)


GOOD = {
    GAIN: one(GAIN, -0.2, -0.1),
    FORGETTING: one(FORGETTING, -0.01, 0.05),
    LOSS_BESIDE: one(LOSS_BESIDE, -0.1, -0.01),
}


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, True),
        ({GAIN: one(GAIN, -0.2, 0.01)}, False),
        ({FORGETTING: one(FORGETTING, -0.3, 0.11)}, False),
        ({"game_score": one("game_score", -0.3, -0.1, 1)}, False),
        ({"game_score": one("game_score", -0.3, 0.1, 1)}, True),
        ({"context_gain": one("context_gain", -0.3, -0.1, 1)}, False),
        ({LOSS_BESIDE: one(LOSS_BESIDE, -0.1, 0.01)}, False),
        ({CONTEXT_BESIDE: one(CONTEXT_BESIDE, -0.1, 0.01, 1)}, True),
        ({CONTEXT_BESIDE: one(CONTEXT_BESIDE, -0.1, -0.01, 1)}, False),
        ({"n2": one("n2", -3, -1, 1)}, True),
        ({"n2": one("n2", -3, -1, 1), "mmd2": one("mmd2", 0.1, 0.2)}, False),
        ({"n2": one("n2", -3, -1, 1), "distinct_3": one("distinct_3", -0.3, -0.2, 1)}, True),
    ],
)
def test_the_rule(change, kept):
    verdict = decide(GOOD | change, 30, PLAIN)
    assert verdict.kept is kept and verdict.reasons


@given(st.dictionaries(st.sampled_from(sorted(RED)), st.floats(-1, 1)), st.floats(-1, 1), st.floats(0, 1))
def test_no_tile_saves_an_adapter_that_did_not_help(tiles, low, width):
    measured = GOOD | {GAIN: one(GAIN, low, low + width)} | {n: one(n, v, v + 0.1, RED[n]) for n, v in tiles.items()}
    assert decide(measured, 30, PLAIN).kept <= (low + width < 0)


@pytest.mark.parametrize(("steps", "kept"), [(9, False), (10, True)])
def test_few_steps_keep_nothing_with_a_control_or_without(steps, kept):
    alone = {name: one for name, one in GOOD.items() if name != LOSS_BESIDE}
    assert decide(alone, steps, PLAIN).kept is decide(GOOD, steps, PLAIN).kept is kept


numbers = st.lists(st.floats(0, 9), min_size=4, max_size=12)


@given(numbers, st.floats(0.01, 0.9), st.floats(0.1, 3))
def test_the_share_of_the_controls_gain_is_what_is_asked(before, share, gain):
    settings = PLAIN.model_copy(update={"control_share": share, "resamples": 100})
    tasks, control = [str(i) for i in range(len(before))], [one - gain for one in before]

    def beside(part):
        return beside_control(LOSS_BESIDE, tasks, (before, [one - part * gain for one in before], control), settings)

    # As good as the control is enough, any share below the one asked is not; the same gain everywhere has no interval.
    assert beside(1.0).better and not beside(share * 0.9).better and beside(share * 0.9).worse
    assert beside(1.0).difference == pytest.approx(-(1 - share) * gain)


@given(st.sampled_from([1, 3, 9]), st.sampled_from([2, 4, 64]), st.integers(1, 3))
def test_rotation_of_projection_rows_interleaves_the_halves_of_each_head(heads, d, rank):
    rows = np.arange(heads * d * rank, dtype=np.float32).reshape(heads * d, rank)
    for head, part in enumerate(np.split(rotated(rows, heads), heads)):
        own = rows[head * d : (head + 1) * d]
        assert np.array_equal(part[0::2], own[: d // 2]) and np.array_equal(part[1::2], own[d // 2 :])


# A whole sleep, on a model that learns nothing but the wording of a few commands.


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from synthdata.export.build import export

    folder = tmp_path_factory.mktemp("sleep")
    export(game_corpus(folder / "corpus", 60), folder / "out")
    lines = (folder / "out" / "jsonl" / "sft.train.jsonl").read_text(encoding="utf-8").splitlines()[:30]
    tiny_model(folder / "base", lines)
    return folder


def settings_of(folder: Path, **more: Any) -> TrainingSettings:
    small = {"max_tokens": 512, "games": 1, "heldout_rows": 20, "max_steps": 8, "min_steps": 1, "learning_rate": 1e-2}
    values = {"base": str(folder / "base"), "sample_tokens": 4, **small} | more
    return TrainingSettings(**values)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_sleep_is_kept_repeated_continued_and_served(made, tmp_path):
    from synthdata.consolidation.registry import weights_of
    from synthdata.consolidation.serving import with_adapter
    from synthdata.consolidation.sleep import consolidate, known_adapters
    from synthdata.generation import make_generator
    from synthdata.protocols import Message, Request

    shutil.copytree(made / "corpus", tmp_path / "corpus")
    corpus, settings = Corpus.open(tmp_path / "corpus"), settings_of(made)
    report = consolidate(corpus, "1", settings=settings)
    assert report.number == 1 and report.kept, report.reasons
    assert consolidate(corpus, str(made / "out"), settings=settings) == replace(report, repeated=True)
    (adapter,) = known_adapters(corpus)
    assert (adapter.kept, adapter.parent, len(adapter.trained) > 20) == (True, None, True)
    losses = [json.loads(line)["loss"] for line in (Path(report.folder) / "loss.jsonl").read_text().splitlines()]
    assert len(losses) == report.rows["steps"] and losses[-1] < losses[0]
    # The kept adapter answers, under a name of its own.
    served = with_adapter(corpus, Settings.from_dict({"recipe": {"training": settings.model_dump()}}))
    generator = make_generator(served, tmp_path / "responses")
    (answer,) = generator.generate([Request((Message("user", "Well?"),), max_tokens=3)])
    assert "adapter-1@" in generator.model and not answer.error
    # Weights that were changed are not served.
    path = weights_of(corpus.store.path, adapter) / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptStoreError, match="not what was written"):
        with_adapter(corpus, served)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_same_sleep_gives_the_same_adapter_and_step_credit_trains_too(made):
    from synthdata.consolidation.lora import adapt
    from synthdata.consolidation.rows import read_rows
    from synthdata.generation.local import load

    settings = settings_of(made, max_steps=2)

    def weights(method: str, kind: str) -> dict[str, Any]:
        loaded = load(settings.base)
        chosen_settings = settings.model_copy(update={"method": method})
        chosen = choose_rows(read_rows(made / "out", (kind,), "train"), (), chosen_settings)
        network, curve = adapt(
            loaded.network,
            loaded.tokenizer,
            chosen.rows,
            chosen_settings,
            lambda n: None,
        )
        assert len(curve.losses) == 2
        return {name: value.numpy().tobytes() for name, value in network.state_dict().items() if "lora" in name}

    assert weights("sft", "sft") == weights("sft", "sft") != weights("kto", "kto")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_three_steps_on_two_texts_fool_the_old_rule_and_not_the_control(made, tmp_path):
    """A tiny model gains from any text; what as many steps on real rows bring is the measure."""
    from synthdata.consolidation.registry import current, trained_keys
    from synthdata.consolidation.sleep import consolidate, known_adapters

    def slept(name: str, release: str, **more: Any) -> Any:
        few = settings_of(made, **{"max_steps": 3, "min_new": 1, "games": 0} | more)
        return consolidate(Corpus.open(tmp_path / name), release, settings=few)

    shutil.copytree(made / "corpus", tmp_path / "sound")
    shutil.copytree(made / "corpus", tmp_path / "poisoned")
    key = bench.poison(Corpus.open(tmp_path / "poisoned"), made / "out", tmp_path / "collapsed", bench.collapsed)
    fooled = slept("poisoned", key, control_share=0.0)
    assert fooled.kept and not any("control" in one["name"] for one in fooled.measured)
    # Kept, it would be what the next sleep goes on from.
    shutil.rmtree(tmp_path / "poisoned")
    shutil.copytree(made / "corpus", tmp_path / "poisoned")
    bench.poison(Corpus.open(tmp_path / "poisoned"), made / "out", tmp_path / "collapsed", bench.collapsed)
    caught = slept("poisoned", key)
    assert not caught.kept and LOSS_BESIDE in caught.reasons[0]
    sound = slept("sound", "1")
    assert sound.kept, sound.reasons
    manifest = json.loads((Path(sound.folder) / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"]["control_share"] == 0.67
    beside = next(one for one in sound.measured if one["name"] == LOSS_BESIDE)
    assert beside["high"] < 0 and "real rows alone" in sound.reasons[0]
    # The next sleep goes on from what was kept, and what is rolled back changes nothing but the record.
    key = bench.poison(Corpus.open(tmp_path / "sound"), made / "out", tmp_path / "next", bench.collapsed)
    following = slept("sound", key)
    assert (following.parent, following.kept) == (1, False)
    adapters = known_adapters(Corpus.open(tmp_path / "sound"))
    assert [(one.number, one.parent, one.kept) for one in adapters] == [(1, None, True), (2, 1, False)]
    assert current(adapters, settings_of(made).base) == adapters[0]
    assert trained_keys(adapters, adapters[1]) > trained_keys(adapters, adapters[0]) == set(adapters[0].trained)
    assert not (Path(following.folder) / "weights").exists()
    # By default so few steps are not believed at all.
    shutil.rmtree(tmp_path / "sound")
    shutil.copytree(made / "corpus", tmp_path / "sound")
    assert "so few tell nothing" in slept("sound", "1", control_share=0.0, min_steps=10).reasons[-1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_whole_sleep_on_step_credit_has_no_control(made, tmp_path):
    from synthdata.consolidation.sleep import consolidate

    shutil.copytree(made / "corpus", tmp_path / "corpus")
    settings = settings_of(made, method="kto", max_steps=10, games=0)
    report = consolidate(Corpus.open(tmp_path / "corpus"), "1", settings=settings)
    losses = [json.loads(line)["loss"] for line in (Path(report.folder) / "loss.jsonl").read_text().splitlines()]
    # Policy and reference agree before the first step: half of each row is lost.
    assert losses[0] == pytest.approx(0.5, abs=0.01) and len(losses) == report.rows["steps"] > 5
    assert {one["name"] for one in report.measured} >= {GAIN, FORGETTING}
    assert not any("control" in one["name"] for one in report.measured)
    assert report.number == 1 and report.reasons


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_control_is_trained_on_real_rows_of_the_corpus_that_the_exam_does_not_ask(made):
    from synthdata.consolidation.control import control_rows
    from synthdata.consolidation.exam import make_exam
    from synthdata.consolidation.lora import fit
    from synthdata.generation.local import load

    settings = settings_of(made)
    tokenizer = load(settings.base).tokenizer
    corpus, exam = Corpus.open(made / "corpus"), make_exam(made / "out", tokenizer, settings)
    rows = control_rows(corpus, exam, (), tokenizer, 30)
    assert len(rows) == 30 and rows == control_rows(corpus, exam, (), tokenizer, 30)
    real = {run.id: run for run in corpus.store.trajectories() if run.origin is Origin.REAL}
    assert {row.key for row in rows} <= set(real)
    assert not {row.key for row in rows} & {row.key for row in exam.rows}
    assert not {real[row.key].task for row in rows} & {real[row.key].task for row in exam.rows}
    assert all(fit(row, tokenizer, settings.max_tokens) for row in rows)
    # As many as are asked for, from the start again where there are fewer.
    many = control_rows(corpus, exam, (), tokenizer, 500)
    assert len(many) == 500 and len(set(map(id, many))) < 500


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_release_that_was_changed_or_is_unknown_is_refused(made, tmp_path):
    from synthdata.consolidation.sleep import consolidate

    corpus = Corpus.open(made / "corpus")
    with pytest.raises(InputError, match="not a release"):
        consolidate(corpus, "7", settings=settings_of(made))
    shutil.copytree(made / "out", tmp_path / "out")
    path = tmp_path / "out" / "jsonl" / "sft.train.jsonl"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    with pytest.raises(InputError, match="changed after the release"):
        check_release(tmp_path / "out")


@pytest.mark.slow
def test_a_frozen_corpus_and_an_overlap_with_the_held_out_list_are_refused_with_exit_code_1(made, tmp_path):
    shutil.copytree(made / "corpus", tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    row = corpus.store.admitted().row(0, named=True)
    corpus.hold_out([{"text": row["content"]}])
    overlap = synthdata("export", tmp_path / "corpus", tmp_path / "out")
    assert overlap.returncode == 1 and "1 admitted rows overlap" in " ".join(overlap.stderr.split())
    with corpus.store.writing():
        corpus.store.append_event("freeze", "f1", {"reason": "two red tiles crossed"}, 1)
    for verb, *more in (("export", tmp_path / "out"), ("consolidate", "--release=1", "--plain")):
        refused = synthdata(verb, tmp_path / "corpus", *more)
        assert refused.returncode == 1 and "two red tiles crossed" in " ".join(refused.stderr.split())
    assert not (tmp_path / "out").exists() and not (tmp_path / "corpus" / "adapters").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_too_little_new_trains_nothing_and_says_so(made):
    from synthdata.cli import app

    arguments = ["consolidate", str(made / "corpus"), "--release", "1", "--plain", "--json"]
    done = CliRunner().invoke(app, [*arguments, "--set", "recipe.training.min_new=5000"])
    said = json.loads(done.stdout)
    assert done.exit_code == 0 and said["number"] is None and "nothing was trained" in said["reasons"][0]
