"""Pictures in a corpus: from `init` and `admit` to `verify`, through kills, damage and `maintain`."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from drawn import data_url, drawn
from PIL import Image
from sample_texts import lessons
from starlette.testclient import TestClient
from typer.testing import CliRunner

from synthdata.api import Corpus
from synthdata.cli import app
from synthdata.corpus.maintain import maintain
from synthdata.corpus.pictures import named_pictures
from synthdata.corpus.verify import verify
from synthdata.dashboard.app import make_app
from synthdata.dashboard.folder import write_folder
from synthdata.dashboard.reading import Reader
from synthdata.monitor.screens import screen_rows
from synthdata.monitor.status import explain
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
    picture_store = store.pictures
    assert len(named_pictures(store)) == 150 and set(picture_store.names()) == named_pictures(store)
    assert verify(store) == []
    first, second = sorted(named_pictures(store))[:2]
    whole = {name: picture_store.path(name).read_bytes() for name in (first, second)}
    picture_store.path(first).write_bytes(whole[first][:-1] + b"\0")
    picture_store.path(second).unlink()
    (picture_store.folder / "note.txt").write_text("mine")
    found = {(v.check, v.where): v.detail for v in verify(store)}
    for name, data in whole.items():
        picture_store.path(name).write_bytes(data)
    (picture_store.folder / "note.txt").unlink()
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


def test_a_round_measures_its_pictures_and_decides_nothing_by_them(made):
    store = Corpus.open(made).store
    frame = store.snapshots().filter((pl.col("view") == "screen") & (pl.col("round") == 1))
    values = dict(frame.select("metric", "value").iter_rows())
    assert values["pictures"] == values["pictures_distinct"] == 30
    assert 0 < values["pictures_near"] <= 30
    assert values["picture_repeats"] == pytest.approx(1 - values["pictures_near"] / 30)
    (store.derived_dir / "likeness.json").write_text("{broken")
    with warnings_of("synthdata.monitor.screens") as said:
        again = {row["metric"]: row["value"] for row in screen_rows(store, 1)}
    assert again == values and "it is made again" in said[0]


@contextmanager
def warnings_of(name: str) -> Iterator[list[str]]:
    """The messages that a logger gets within the block."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger(name).addHandler(handler)
    try:
        yield messages
    finally:
        logging.getLogger(name).removeHandler(handler)


def test_explain_names_the_pictures_of_a_row_and_pages_show_them_small(made, tmp_path):
    store = Corpus.open(made).store
    name = store.decisions(["id"])["id"][0]
    (picture,) = explain(store, name)["pictures"]
    assert (picture["width"], picture["height"], picture["alt"]) == (64, 48, "")
    assert Path(picture["file"]).read_bytes() == store.pictures.read(picture["name"])
    done = CliRunner().invoke(app, ["explain", str(made), name])
    assert f"picture 64x48, {made}" in " ".join(done.output.split())
    client = TestClient(make_app(made), base_url="http://127.0.0.1")
    page = client.get(f"/decision/{name}")
    assert f'<img src="/picture/{picture["name"]}"' in page.text and page.status_code == 200
    shown = client.get(f"/picture/{picture['name']}")
    assert shown.headers["content-type"] == "image/png" and shown.headers["x-content-type-options"] == "nosniff"
    assert Image.open(io.BytesIO(shown.content)).size == (64, 48)
    for wrong in ("0" * 64 + ".png", "..%2F..%2Fcorpus.json", "corpus.json"):
        assert client.get(f"/picture/{wrong}").status_code == 404
    write_folder(Reader(made).current(), tmp_path / "pages")
    files = list((tmp_path / "pages" / "pictures").iterdir())
    html = (tmp_path / "pages" / f"decision-{name}.html").read_text(encoding="utf-8") if files else ""
    assert files and (f'src="pictures/{picture["name"][:64]}.png"' in html or "pictures/" in html)


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
