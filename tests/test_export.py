"""Exports that real consumers open, the same bytes for the same corpus."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.errors import InputError, RefusedError
from synthdata.export import ExportReport, export
from synthdata.gate.reference import ReferenceRow
from synthdata.overview import floor_note, status
from synthdata.records import Candidate
from synthdata.settings import ExportSettings, Settings


def corpus_at(path: Path, candidates: int = 60) -> Corpus:
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 64}}})
    rows = [ReferenceRow(text, f"about {i}", f"t{i}") for i, text in enumerate(lessons(200, 1))]
    corpus = Corpus.init(path, rows, settings=settings)
    if candidates:
        texts = lessons(candidates, 2)
        corpus.admit([Candidate(t, f"context | {i} <b>", source="a|b", licence="MIT") for i, t in enumerate(texts)])
    return corpus


def write(corpus: Corpus, out: Path, **limits: Any) -> ExportReport:
    facts = status(corpus.store)
    return export(corpus.store, out, facts=facts, note=floor_note(facts["anchor"]), settings=ExportSettings(**limits))


def files_of(folder: Path) -> dict[str, str]:
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


# datasets leaves the file that it read open until the garbage collector comes by.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_datasets_opens_the_folder_and_rows_agree(tmp_path: Path) -> None:
    corpus = corpus_at(tmp_path / "c")
    report = write(corpus, tmp_path / "out")
    admitted = corpus.store.admitted()
    assert report.rows == admitted.height > 10
    lines = [json.loads(line) for line in (tmp_path / "out" / "messages.jsonl").read_text().splitlines()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datasets import load_dataset

        loaded = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "hf"))["train"]
    assert [row["messages"] for row in loaded] == [line["messages"] for line in lines]
    assert [line["messages"][1]["content"] for line in lines] == admitted["content"].to_list()
    assert str(loaded.features["messages"]).count("large") == 0


def test_manifest_names_every_file_with_its_hash(tmp_path: Path) -> None:
    corpus = corpus_at(tmp_path / "c")
    write(corpus, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    found = files_of(tmp_path / "out")
    found.pop("manifest.json")
    assert {name: entry["sha256"] for name, entry in manifest["files"].items()} == found
    counts = manifest["counts"]
    assert counts["candidates"] == counts["admitted"] + sum(counts["rejected"].values()) + counts["quarantined"]
    assert manifest["judged"] == "none"
    assert "relative to real data" in manifest["floor"]


def test_same_corpus_same_bytes_and_an_earlier_export_is_replaced(tmp_path: Path) -> None:
    corpus = corpus_at(tmp_path / "c")
    write(corpus, tmp_path / "out")
    first = files_of(tmp_path / "out")
    write(corpus, tmp_path / "out")
    write(corpus, tmp_path / "other")
    assert files_of(tmp_path / "out") == first == files_of(tmp_path / "other")


def test_an_old_round_is_exported_alike_whatever_came_after(tmp_path: Path) -> None:
    corpus = corpus_at(tmp_path / "c")
    write(corpus, tmp_path / "first")
    assert corpus.admit([Candidate(text, f"later {i}") for i, text in enumerate(lessons(60, 3))]).round == 2
    write(corpus, tmp_path / "second")
    facts = status(corpus.store, 1)
    note = floor_note(facts["anchor"])
    export(corpus.store, tmp_path / "old", facts=facts, note=note, settings=ExportSettings(), as_of=1)
    assert files_of(tmp_path / "old") == files_of(tmp_path / "first") != files_of(tmp_path / "second")


def test_provenance_stands_beside_the_rows_in_their_order(tmp_path: Path) -> None:
    corpus = corpus_at(tmp_path / "c")
    write(corpus, tmp_path / "out")
    provenance = pl.read_parquet(tmp_path / "out" / "provenance.parquet")
    admitted = corpus.store.admitted()
    assert provenance["id"].to_list() == admitted["id"].to_list()
    assert {"origin", "trajectory_id", "generator", "prompt_sha256", "round", "lineage_depth"} <= set(
        provenance.columns
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    expected = [{"source": "a|b", "licence": "MIT", "origin": "synthetic", "rows": admitted.height}]
    assert manifest["sources"] == expected


def test_what_an_interrupted_export_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    corpus = corpus_at(tmp_path / "c")
    for name in (".out.part", ".out.old"):
        (tmp_path / name / "sft").mkdir(parents=True)
        (tmp_path / name / "sft" / "half.parquet").write_bytes(b"PAR1")
    write(corpus, tmp_path / "out")
    write(corpus, tmp_path / "whole")
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "out", "whole"]


def test_refuses_foreign_folders_and_empty_corpora(tmp_path: Path) -> None:
    corpus = corpus_at(tmp_path / "c")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep me")
    with pytest.raises(InputError, match="not an earlier export"):
        write(corpus, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "keep me"
    # Many tools write a manifest.json; only one that names this project marks a folder that may be replaced.
    for text in ("{}", "[]", "{", '{"made_by": "somebody"}'):
        (tmp_path / "mine" / "manifest.json").write_text(text)
        with pytest.raises(InputError, match="not an earlier export"):
            write(corpus, tmp_path / "mine")
    with pytest.raises(InputError, match="is a file"):
        write(corpus, tmp_path / "mine" / "thesis.txt")
    with pytest.raises(RefusedError, match="0 admitted rows"):
        write(corpus_at(tmp_path / "empty", candidates=0), tmp_path / "out")
    with pytest.raises(RefusedError, match="needs 10000"):
        write(corpus, tmp_path / "out", min_rows=10_000)


def test_card_escapes_what_logs_say(tmp_path: Path) -> None:
    write(corpus_at(tmp_path / "c"), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "a\\|b" in card
    assert "config_name: sft" in card
