"""Pictures in a corpus: from `init` and `admit` to `verify`, through kills, damage and `maintain`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from drawn import data_url, drawn
from sample_texts import lessons
from typer.testing import CliRunner

from synthdata.api import Corpus
from synthdata.cli import app
from synthdata.corpus.maintain import maintain
from synthdata.corpus.pictures import named_pictures
from synthdata.corpus.verify import verify
from synthdata.operations.reflect import RunSelection, find_work, remember
from synthdata.records import Origin, Trajectory
from synthdata.rounds.steps import read_rows

HASHED = ["--set", "recipe.encoder.backend=hashing", "--set", "recipe.encoder.dim=64"]


def chat(number: int, text: str, picture: bytes) -> dict[str, object]:
    part = {"type": "image_url", "image_url": {"url": data_url(picture)}}
    asked = [part, {"type": "text", "text": f"What is there to know of case {number}?"}]
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": text}]}


def written(path: Path, first: int, count: int, seed: int) -> Path:
    rows = [chat(first + i, text, drawn(first + i)) for i, text in enumerate(lessons(count, seed))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 real chats with a picture each, then 30 to decide."""
    folder = tmp_path_factory.mktemp("pictures")
    reference, rows = written(folder / "real.jsonl", 0, 120, 1), written(folder / "new.jsonl", 500, 30, 2)
    for verb in (["init", "corpus", "--reference", str(reference), *HASHED], ["admit", "corpus", str(rows)]):
        done = CliRunner().invoke(app, [verb[0], str(folder / "corpus"), *verb[2:]])
        assert done.exit_code in (0, 1), done.output
    assert "pictures kept: 30" in done.output
    return folder / "corpus"


def test_every_row_names_a_picture_that_is_there_and_verify_holds_it_against_its_name(made):
    store = Corpus.open(made).store
    shelf = store.pictures
    assert len(named_pictures(store)) == 150 and set(shelf.names()) == named_pictures(store)
    assert verify(store) == []
    first, second = sorted(named_pictures(store))[:2]
    whole = {name: shelf.path(name).read_bytes() for name in (first, second)}
    shelf.path(first).write_bytes(whole[first][:-1] + b"\0")
    shelf.path(second).unlink()
    (shelf.folder / "note.txt").write_text("mine")
    found = {(v.check, v.where): v.detail for v in verify(store)}
    for name, data in whole.items():
        shelf.path(name).write_bytes(data)
    (shelf.folder / "note.txt").unlink()
    assert found == {
        ("picture", f"blobs/{first[:2]}/{first}"): "is not what its name says",
        ("picture", f"blobs/{second[:2]}/{second}"): "is named by a row and is missing",
        ("picture", "blobs/note.txt"): "is there, but is no picture of this corpus",
    }
    assert verify(store) == []


def test_the_same_rows_again_are_decided_already_even_where_notes_of_the_encoder_are_lost(made, tmp_path):
    corpus = Corpus.open(made)
    rows = written(tmp_path / "new.jsonl", 500, 30, 2)
    for note in (made / "cache" / "pictures").rglob("*.json"):
        note.unlink()
    candidates, broken = read_rows(rows, Origin.SYNTHETIC, corpus.settings, pictures=corpus.store.pictures)
    again = corpus.admit(candidates, quarantined=broken)
    assert (again.repeated, again.already_decided) == (True, 30)


def test_what_a_killed_round_left_is_swept_and_nothing_else(made):
    store = Corpus.open(made).store
    before = set(store.pictures.names())
    orphan, young = store.pictures.put(drawn(5001)).name, store.pictures.put(drawn(5002)).name
    (store.pictures.path(orphan).parent / f".{orphan}.0123abcd-1-1.part").write_bytes(b"cut off")
    os.utime(store.pictures.path(orphan), (0, 0))
    assert verify(store) == []
    report = maintain(store, keep_rounds=30, keep_hours=24)[-1]
    assert (report.table, report.removed) == ("blobs", 1)
    assert set(store.pictures.names()) == {*before, young}


def test_the_pictures_of_runs_are_kept_and_named_by_the_record(made, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.png").write_bytes(drawn(77))
    part = {"type": "image", "source": {"media_type": "image/png", "path": "a.png"}}
    steps = [
        {"step_id": 1, "source": "user", "message": "Look."},
        {"step_id": 2, "source": "agent", "message": "looking", "observation": {"results": [{"content": [part]}]}},
    ]
    run = {"schema_version": "ATIF-v1.7", "session_id": "s", "agent": {"name": "a", "version": "1"}, "steps": steps}
    (tmp_path / "logs" / "run.json").write_text(json.dumps(run))
    corpus = Corpus.open(made)
    work = find_work(corpus, tmp_path / "logs", RunSelection())
    remember(corpus, work)
    (stored,) = corpus.store.trajectories([work.runs[0].id])
    assert isinstance(stored, Trajectory) and stored == work.runs[0]
    assert stored.steps[1].media[0].picture in named_pictures(corpus.store)
    assert verify(corpus.store) == []
