"""Exports that real consumers open: every kind, the same bytes for the same corpus, nothing that may not leave."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from export_corpus import game_corpus
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.errors import InputError, RefusedError
from synthdata.export.build import ExportReport, ExportRequest, export
from synthdata.export.choice import ExportLimits
from synthdata.export.conversation import count_tokens
from synthdata.export.kinds import ROWS_EACH
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate
from synthdata.reflection import unfaulted_moves
from synthdata.settings import Settings
from synthdata.text.redaction import run_texts


def corpus_at(path: Path, candidates: int = 60) -> Corpus:
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 64}}})
    rows = [ReferenceRow(text, f"about {i}", f"t{i}") for i, text in enumerate(lessons(200, 1))]
    corpus = Corpus.init(path, rows, settings=settings)
    if candidates:
        texts = lessons(candidates, 2)
        corpus.admit([Candidate(t, f"context | {i} <b>", source="a|b", licence="MIT") for i, t in enumerate(texts)])
    return corpus


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of plain texts to copy."""
    path = tmp_path_factory.mktemp("made") / "c"
    corpus_at(path)
    return path


@pytest.fixture
def corpus(made: Path, tmp_path: Path) -> Corpus:
    shutil.copytree(made, tmp_path / "c")
    return Corpus.open(tmp_path / "c")


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Path]:
    """A corpus of real runs with labels of two kinds, and its export."""
    folder = tmp_path_factory.mktemp("games")
    corpus = game_corpus(folder / "c")
    export(corpus, folder / "out")
    return corpus, folder / "out"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


def files_of(folder: Path) -> dict[str, str]:
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def loaded(out: Path, kind: str, cache: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datasets import load_dataset

        return load_dataset(str(out), kind, cache_dir=str(cache))


# datasets leaves the file that it read open until the garbage collector comes by.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_datasets_opens_every_kind_and_split_and_both_containers_agree(
    games: tuple[Corpus, Path], tmp_path: Path
) -> None:
    _, out = games
    kinds = manifest_of(out)["kinds"]
    assert set(kinds) >= {"sft", "messages", "preference", "kto", "stepwise", "self_distillation", "lesson"}
    for kind, splits in kinds.items():
        data = loaded(out, kind, tmp_path / "hf")
        assert {split: len(data[split]) for split in data} == splits
        assert "large" not in str(data["train"].features)
        told = lines(out / "jsonl" / f"{kind}.train.jsonl")
        assert [clear(row) for row in data["train"]] == [clear(row) for row in told]
        # Two runs of a game begin alike: what they have in common is one row.
        assert len({json.dumps(row, sort_keys=True) for row in told}) == len(told)


def clear(value: Any) -> Any:
    """A row without what is null: Parquet says absent so."""
    if isinstance(value, dict):
        return {key: clear(item) for key, item in value.items() if item is not None}
    return [clear(item) for item in value] if isinstance(value, list) else value


def test_bad_steps_are_never_imitated_and_carry_no_weight(games: tuple[Corpus, Path]) -> None:
    corpus, out = games
    optimal = {run.id: {step.idx: step.optimal for step in run.agent_steps} for run in corpus.store.trajectories()}
    runs = {run.id: run for run in corpus.store.trajectories()}
    where = pl.read_parquet(out / "provenance.parquet").filter(pl.col("split") == "train")
    seen = 0
    for row, place in paired(out, where, "messages"):
        run = runs[place["trajectory_id"]]
        weights = [m["weight"] for m in row["messages"] if m["role"] == "assistant"]
        assert {m.get("weight") for m in row["messages"] if m["role"] != "assistant"} == {None}
        if place["id"] != run.id:
            assert weights[:-1] == [0] * (len(weights) - 1) and weights[-1] == 1
            continue
        if not run.success:
            weighed = {step.idx for step, weight in zip(run.agent_steps, weights, strict=True) if weight}
            assert weighed <= unfaulted_moves(run)
        for step, weight in zip(run.agent_steps, weights, strict=True):
            # The fixture's reviews speak the truth, so a reviewed wasted move is masked.
            if not weight:
                seen += 1
                assert not optimal[run.id][step.idx] or "fail" in step.observation or weight == 0
    assert seen
    for row, place in paired(out, where, "sft"):
        if place["id"] in runs:
            deeds = Counter(step.action for step in runs[place["id"]].agent_steps)
            assert deeds[row["completion"][0]["content"]]
            assert runs[place["id"]].success or place["step"] in unfaulted_moves(runs[place["id"]])


def test_preference_sets_a_verified_move_against_the_bad_one(games: tuple[Corpus, Path]) -> None:
    corpus, out = games
    reviews = {row["id"]: json.loads(row["payload"]) for row in corpus.store.admitted().iter_rows(named=True)}
    where = pl.read_parquet(out / "provenance.parquet").filter(pl.col("split") == "train")
    runs = {run.id: run for run in corpus.store.trajectories()}
    pairs = paired(out, where, "preference")
    assert len(pairs) > 10
    for row, place in pairs:
        review, run = reviews[place["id"]], runs[place["trajectory_id"]]
        assert review["counterfactual"]["verified"] == "replay"
        assert row["chosen"][0]["content"] == review["counterfactual"]["action"]
        assert row["rejected"][0]["content"] == run.steps[review["focus"]].action
        assert place["step"] == review["focus"]
        assert row["prompt"][-1]["role"] == "user"
    for row, place in paired(out, where, "kto"):
        truth = {step.action: step.optimal for step in runs[place["trajectory_id"]].agent_steps}
        review = reviews[place["id"]]
        if row["completion"][0]["content"] != (review["counterfactual"] or {}).get("action"):
            assert truth[row["completion"][0]["content"]] == row["label"]


def paired(out: Path, where: pl.DataFrame, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    places = where.filter(pl.col("kind") == kind).sort("row").to_dicts()
    return list(zip(lines(out / "jsonl" / f"{kind}.train.jsonl"), places, strict=True))


def test_splits_are_by_task_and_set_aside_tasks_are_never_trained_on(games: tuple[Corpus, Path]) -> None:
    corpus, out = games
    where = pl.read_parquet(out / "provenance.parquet")
    assert where.group_by("task_id").agg(pl.col("split").n_unique())["split"].max() == 1
    reference = corpus.reference
    aside = {row.task_id for row, held in zip(reference.rows, reference.heldout, strict=True) if held}
    assert aside & set(where["task_id"])
    assert set(where.filter(pl.col("task_id").is_in(sorted(aside)))["split"]) == {"test"}


def test_no_candidate_makes_more_than_four_rows_of_a_kind(games: tuple[Corpus, Path]) -> None:
    counts = pl.read_parquet(games[1] / "provenance.parquet").group_by("id", "kind").len()
    assert 1 < counts["len"].max() <= ROWS_EACH  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.4, 0.6])
def test_the_real_share_holds_in_the_files_by_rows_and_tokens(
    games: tuple[Corpus, Path], tmp_path: Path, share: float
) -> None:
    corpus, _ = games
    settings = corpus.settings.with_value("recipe.export.real_share", share).recipe.export
    report = export(corpus, tmp_path / "out", settings=settings)
    assert any("largest set" in note for note in report.notes)
    played = {run.id for run in corpus.store.trajectories()}
    where = pl.read_parquet(tmp_path / "out" / "provenance.parquet").filter(pl.col("split") == "train")
    for name in ("sft", "messages"):
        rows, tokens = Counter[bool](), Counter[bool]()
        for kind in (name, "lesson"):
            for row, place in paired(tmp_path / "out", where, kind):
                real = place["id"] in played
                rows[real] += 1
                tokens[real] += count_tokens(trained(row))
        assert rows[True] >= share * rows.total() and tokens[True] >= share * tokens.total()
        told = report.real_share[name]
        assert told["rows"] == pytest.approx(rows[True] / rows.total())
        assert told["tokens"] == pytest.approx(tokens[True] / tokens.total())
    with pytest.raises(RefusedError, match="--exact forbids"):
        export(corpus, tmp_path / "exact", ExportRequest(wishes=ExportLimits(exact=True)), settings=settings)
    with pytest.raises(RefusedError, match="an export needs 10000"):
        export(corpus, tmp_path / "few", settings=settings.model_copy(update={"min_rows": 10_000}))
    assert not (tmp_path / "exact").exists() and not (tmp_path / "few").exists()


def trained(row: dict[str, Any]) -> list[dict[str, Any]]:
    return row["completion"] if "completion" in row else [m for m in row["messages"] if m.get("weight")]


def test_manifest_names_every_file_with_its_hash(corpus: Corpus, tmp_path: Path) -> None:
    export(corpus, tmp_path / "out")
    manifest = manifest_of(tmp_path / "out")
    found = files_of(tmp_path / "out")
    found.pop("manifest.json")
    assert {name: entry["sha256"] for name, entry in manifest["files"].items()} == found
    counts = manifest["counts"]
    assert counts["candidates"] == counts["admitted"] + sum(counts["rejected"].values()) + counts["quarantined"]
    assert manifest["judged"] == "none"
    assert "relative to real data" in manifest["floor"]
    assert manifest["release"]["number"] == 1


def test_metrics_are_those_of_the_rows_written(corpus: Corpus, tmp_path: Path) -> None:
    from metrics.spectrum import collision_probability
    from synthdata.gate.cells import centre

    export(corpus, tmp_path / "out", ExportRequest(kinds=("sft",)))
    written = manifest_of(tmp_path / "out")["written"]
    texts = [row["completion"][0]["content"] for row in lines(tmp_path / "out" / "jsonl" / "sft.train.jsonl")]
    half = corpus.anchor.content
    assert half is not None and written["rows"] == len(texts)
    x, _ = centre(corpus.encoder.encode(texts), half.mean)
    assert written["collision"] == pytest.approx(collision_probability(x), rel=1e-5)
    assert written["n2"] == pytest.approx(1 / written["collision"])
    assert sum(written["cell_shares"]) == pytest.approx(1)


def test_same_corpus_same_bytes_and_an_earlier_export_is_replaced(corpus: Corpus, tmp_path: Path) -> None:
    assert export(corpus, tmp_path / "out").release["new"]
    first = files_of(tmp_path / "out")
    assert not export(corpus, tmp_path / "out").release["new"]
    export(corpus, tmp_path / "other")
    assert files_of(tmp_path / "out") == first == files_of(tmp_path / "other")


def test_an_old_round_is_exported_alike_whatever_came_after(corpus: Corpus, tmp_path: Path) -> None:
    export(corpus, tmp_path / "first")
    assert corpus.admit([Candidate(text, f"later {i}") for i, text in enumerate(lessons(60, 3))]).round == 2
    export(corpus, tmp_path / "second")
    export(corpus, tmp_path / "old", ExportRequest(as_of=1))
    first, old = files_of(tmp_path / "first"), files_of(tmp_path / "old")
    # The manifest says what was asked for; all else is equal, so it is the same release.
    assert first.pop("manifest.json") != old.pop("manifest.json")
    assert first == old != files_of(tmp_path / "second")
    assert manifest_of(tmp_path / "old")["release"]["number"] == 1


def test_provenance_speaks_of_each_row(corpus: Corpus, tmp_path: Path) -> None:
    report = export(corpus, tmp_path / "out")
    where = pl.read_parquet(tmp_path / "out" / "provenance.parquet")
    assert where.height == sum(sum(splits.values()) for splits in report.kinds.values())
    admitted = corpus.store.admitted()
    mine = where.filter((pl.col("kind") == "sft") & (pl.col("origin") == "synthetic"))
    assert set(mine["id"]) == set(admitted["id"]) and set(mine["round"]) == {1}
    texts = dict(admitted.select("id", "content").iter_rows())
    for row, place in paired(tmp_path / "out", where.filter(pl.col("split") == "train"), "sft"):
        assert place["origin"] == "real" or row["completion"][0]["content"] == texts[place["id"]]
    sources = {(s["source"], s["licence"], s["origin"]): s["pieces"] for s in manifest_of(tmp_path / "out")["sources"]}
    assert sources["a|b", "MIT", "synthetic"] == admitted.height and sources["", "", "real"] == len(
        corpus.reference.rows
    )


def test_what_an_interrupted_export_left_behind_is_no_obstacle(corpus: Corpus, tmp_path: Path) -> None:
    for name in (".out.part", ".out.old"):
        (tmp_path / name / "sft").mkdir(parents=True)
        (tmp_path / name / "sft" / "half.parquet").write_bytes(b"PAR1")
    export(corpus, tmp_path / "out")
    export(corpus, tmp_path / "whole")
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "out", "whole"]


def test_refuses_foreign_folders_and_corpora_without_anything_to_train_on(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep me")
    with pytest.raises(InputError, match="not an earlier export"):
        export(corpus, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "keep me"
    # Many tools write a manifest.json; only one that names this project marks a folder that may be replaced.
    for text in ("{}", "[]", "{", '{"made_by": "somebody"}'):
        (tmp_path / "mine" / "manifest.json").write_text(text)
        with pytest.raises(InputError, match="not an earlier export"):
            export(corpus, tmp_path / "mine")
    with pytest.raises(InputError, match="is a file"):
        export(corpus, tmp_path / "mine" / "thesis.txt")
    with pytest.raises(RefusedError, match="no admitted row"):
        export(corpus_at(tmp_path / "empty", candidates=0), tmp_path / "out")


def test_card_escapes_what_logs_say(corpus: Corpus, tmp_path: Path) -> None:
    export(corpus, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "a\\|b" in card and "config_name: sft" in card and "No judge has looked at them." in card
    for name in ("n2.svg", "cells.svg"):
        assert f"]({name})" in card
        figure = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert 'role="img"' in figure and "<script" not in figure and figure.count("http") == 1


def wanted_rows(report: ExportReport, kind: str = "sft") -> int:
    return sum(report.kinds[kind].values())


def test_licence_kinds_and_since_release_choose(corpus: Corpus, tmp_path: Path) -> None:
    corpus.admit([Candidate(t, f"other {i}", source="s", licence="CC0-1.0") for i, t in enumerate(lessons(60, 3))])
    only = export(corpus, tmp_path / "a", ExportRequest(kinds=("messages",)))
    assert set(only.kinds) == {"messages"}
    corpus.admit([Candidate(t, f"new {i}", source="s", licence="CC0-1.0") for i, t in enumerate(lessons(60, 4))])
    export(corpus, tmp_path / "b", ExportRequest(since_release=True))
    where = pl.read_parquet(tmp_path / "b" / "provenance.parquet").filter(pl.col("origin") == "synthetic")
    assert set(where["round"]) == {3}
    # Reference rows have no licence that anybody vouched for, so nothing real is left.
    with pytest.raises(RefusedError, match="0 rows can be trained on"):
        export(corpus, tmp_path / "d", ExportRequest(licences=("CC0-1.0",)))
    free = corpus.settings.with_value("recipe.export.real_share", 0.0).recipe.export
    export(corpus, tmp_path / "d", ExportRequest(licences=("CC0-1.0",)), settings=free)
    assert set(pl.read_parquet(tmp_path / "d" / "provenance.parquet")["licence"]) == {"CC0-1.0"}


def test_mix_and_tokens_draw_real_rows(corpus: Corpus, tmp_path: Path) -> None:
    every = export(corpus, tmp_path / "every", ExportRequest(kinds=("sft",)))
    half = export(corpus, tmp_path / "half", ExportRequest(kinds=("sft",), wishes=ExportLimits(mix=0.5)))
    assert every.real_share["sft"]["tokens"] > 0.55 > half.real_share["sft"]["tokens"] >= 0.5
    few = export(corpus, tmp_path / "few", ExportRequest(kinds=("sft",), wishes=ExportLimits(tokens=300)))
    told = lines(tmp_path / "few" / "jsonl" / "sft.train.jsonl")
    assert 150 < sum(count_tokens(row["completion"]) for row in told) <= 300
    assert few.real_share["sft"]["tokens"] >= 0.25


def test_nothing_leaves_a_frozen_corpus(corpus: Corpus, tmp_path: Path) -> None:
    with corpus.store.writing():
        corpus.store.append_event("freeze", "f1", {"reason": "two red tiles crossed"}, 1)
    with pytest.raises(RefusedError, match=r"frozen \(two red tiles crossed\)"):
        export(corpus, tmp_path / "out")
    with corpus.store.writing():
        corpus.store.append_event("unfreeze", "u1", {"because": "looked at"}, 1)
    export(corpus, tmp_path / "out")


def test_nothing_leaves_that_overlaps_with_the_held_out_list(corpus: Corpus, tmp_path: Path) -> None:
    row = corpus.store.admitted().row(3, named=True)
    corpus.hold_out([{"text": row["content"]}])
    with pytest.raises(RefusedError, match=rf"1 admitted rows overlap.*{row['id']}.*retract"):
        export(corpus, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert corpus.store.events("release").is_empty()


@pytest.mark.slow
def test_real_runs_of_held_out_tasks_are_left_out(tmp_path: Path) -> None:
    corpus = game_corpus(tmp_path / "c", 40)
    spoken = set(corpus.store.admitted()["trajectory_id"])
    runs = list(corpus.store.trajectories())
    known = " ".join(text for run in runs if run.id in spoken for text in run_texts(run))
    run, text = next(
        (run, step.observation)
        for run in runs
        for step in run.steps
        if run.success and run.id not in spoken and len(step.observation.split()) > 15
        if not any(part in known for part in step.observation.split("\n") if len(part) > 20)
    )
    corpus.hold_out([{"text": text}])
    report = export(corpus, tmp_path / "out")
    assert any("overlap with the held-out list" in note for note in report.notes)
    assert run.id not in set(pl.read_parquet(tmp_path / "out" / "provenance.parquet")["id"])
