"""Vectors of pictures: what endpoints are asked and may answer, what a round says by them, and that none is lost."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from drawn import data_url, drawn
from drawn import written as drawn_words
from embedding_server import endpoint
from PIL import Image
from sample_texts import lessons
from test_pictures_corpus import HASHED, warnings_of
from typer.testing import CliRunner

from synthdata.api import Corpus
from synthdata.cli import app
from synthdata.corpus.digest import digest
from synthdata.errors import EndpointError, SettingsError
from synthdata.monitor.status import status
from synthdata.pictures.gradients import GradientEncoder
from synthdata.pictures.likeness import code
from synthdata.protocols import ImageEncoder, Vectors
from synthdata.settings import ImageEncoderSettings, RuntimeSettings
from synthdata.similarity.images import HTTPImageEncoder, make_image_encoder
from synthdata.similarity.vectors import CachedImageEncoder

DIM = 8
# Four groups about a mean of zero: two opposite pairs, orthogonal to one another.
DIRECTIONS = np.vstack([np.eye(DIM)[:2], -np.eye(DIM)[:2]])
QUICK = ["--set", "runtime.retries=0", "--set", "runtime.timeout_seconds=5"]


def tinted(group: int, number: int) -> bytes:
    """A picture of a group, whose first pixel says which, unlike all others of it."""
    image = Image.open(io.BytesIO(drawn(number)))
    image.putpixel((0, 0), (10 + group, 0, 0))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def vector(picture: bytes, spread: float, common: float) -> list[float]:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    rng = np.random.default_rng(list(image.tobytes()[:4000]))
    raw = DIRECTIONS[image.getpixel((0, 0))[0] - 10] + spread * rng.normal(size=DIM) + common * np.eye(DIM)[-1]
    return [float(number) for number in 3 * raw]


def pictures_of(body: dict) -> list[bytes]:
    if "input" in body:
        urls = [item["image"] for item in body["input"]]
    else:
        urls = [part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]
    return [base64.b64decode(url.partition("base64,")[2], validate=True) for url in urls]


def encoded(body: dict, spread: float = 0.0, common: float = 0.0) -> dict:
    pictures = pictures_of(body)
    rows = [{"index": i, "embedding": vector(picture, spread, common)} for i, picture in enumerate(pictures)]
    return {"data": rows[::-1]}


def encoder(url: str, form: str = "input", **more: object) -> HTTPImageEncoder:
    settings = ImageEncoderSettings(form=form, url=url, model="m", dim=DIM, **more)
    return HTTPImageEncoder(settings, RuntimeSettings(retries=0, timeout_seconds=5))


def test_objects_go_in_batches_and_come_back_in_order_and_of_length_one(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key-from-environment")
    pictures = [tinted(i % 4, i) for i in range(35)]
    with endpoint(lambda count, body: (200, {}, encoded(body))) as (url, seen):
        made = encoder(url).encode(pictures)
    np.testing.assert_array_equal(made, DIRECTIONS[np.arange(35) % 4].astype(np.float32))
    assert made.dtype == np.float32 and isinstance(encoder(url), ImageEncoder)
    assert [len(body["input"]) for _, _, body in seen] == [16, 16, 3]
    assert {path for path, _, _ in seen} == {"/v1/embeddings"} and seen[0][2]["model"] == "m"
    assert seen[0][1]["Authorization"] == "Bearer key-from-environment"
    assert encoder(url).encode([]).shape == (0, DIM)


def test_a_chat_brings_one_picture_with_its_type_and_the_prompt():
    with endpoint(lambda count, body: (200, {}, encoded(body))) as (url, seen):
        encoder(url, "messages").encode([tinted(0, 1), tinted(1, 2)])
        encoder(url, "messages", prompt="Represent it.").encode([tinted(0, 1)])
    contents = [body["messages"][0]["content"] for _, _, body in seen]
    assert [len(content) for content in contents] == [1, 1, 2]
    assert contents[2][1] == {"type": "text", "text": "Represent it."}
    assert contents[0][0]["image_url"]["url"].startswith("data:image/png;base64,")
    names = {encoder(url, "messages").fingerprint, encoder(url, "messages", prompt="a").fingerprint}
    assert len(names | {encoder(url).fingerprint}) == 3


def test_a_jpeg_is_sent_as_one():
    def answers(count, body):
        return 200, {}, {"data": [{"index": 0, "embedding": [1.0] * DIM}]}

    with endpoint(answers) as (url, seen):
        encoder(url).encode([drawn(2, form="JPEG")])
    assert seen[0][2]["input"][0]["image"].startswith("data:image/jpeg;base64,")


def test_a_request_is_bounded_and_a_large_picture_is_sent_alone(monkeypatch):
    monkeypatch.setattr("synthdata.similarity.images._MOST_BYTES", 2000)
    sizes = [len(tinted(0, i)) for i in range(3)]
    large = tinted(0, 7) + bytes(3000)
    assert max(sizes) < 1000 < 2000 < len(large)
    with endpoint(lambda count, body: (200, {}, encoded(body))) as (url, seen):
        encoder(url).encode([large, *(tinted(0, i) for i in range(3)), large])
    sent = [[len(picture) for picture in pictures_of(body)] for _, _, body in seen]
    assert [size for batch in sent for size in batch] == [len(large), *sizes, len(large)]
    assert all(len(batch) == 1 or sum(batch) <= 2000 for batch in sent)


GOOD = [1.0] + [0.0] * (DIM - 1)


@pytest.mark.parametrize(
    ("status", "answer", "message"),
    [
        (401, {"error": "no such key"}, "401.*check url, model, form and key of runtime.image_encoder"),
        (503, {"error": "busy"}, "503"),
        (200, b"<html>", "not JSON"),
        (200, {"error": "text only"}, "not a list of embeddings"),
        (200, {"data": [{"index": 0, "embedding": "AACAPw=="}] * 2}, "not a list of embeddings"),
        (200, {"data": [{"index": 0, "embedding": GOOD}]}, "asked for 2 vectors.*set runtime.image_encoder.dim"),
        (200, {"data": [{"index": i, "embedding": GOOD} for i in range(3)]}, "asked for 2 vectors"),
        (200, {"data": [{"index": i, "embedding": GOOD[1:]} for i in range(2)]}, "set runtime.image_encoder.dim"),
        (200, {"data": [{"index": i, "embedding": [GOOD]} for i in range(2)]}, "several vectors"),
        (200, {"data": [{"index": i, "embedding": [GOOD] * 3} for i in range(2)]}, "several vectors"),
        (200, {"data": [{"index": i, "embedding": [GOOD] * (i + 2)} for i in range(2)]}, "several vectors"),
        (200, {"data": [{"index": i, "embedding": "AACAPw=="} for i in range(2)]}, "not a list of embeddings"),
        (200, {"data": [{"index": i, "embedding": [str(x) for x in GOOD]} for i in range(2)]}, "not a list of"),
        (200, {"data": [{"index": i, "embedding": [x > 0 for x in GOOD]} for i in range(2)]}, "not a list of"),
        (200, {"data": [{"index": i + 0.5, "embedding": GOOD} for i in range(2)]}, "numbered"),
        (200, {"data": [{"index": 0, "embedding": GOOD}] * 2}, "numbered"),
        (200, {"data": [{"index": i, "embedding": [float("nan")] * DIM} for i in range(2)]}, "number that is none"),
        (200, {"data": [{"index": i, "embedding": [0.0] * DIM} for i in range(2)]}, "is zero, so it says nothing"),
    ],
)
def test_answers_that_are_none_are_refused_in_a_sentence(status, answer, message):
    with endpoint(lambda count, body: (status, {}, answer)) as (url, _), pytest.raises(EndpointError, match=message):
        encoder(url).encode([tinted(0, 1), tinted(1, 2)])


def test_what_was_answered_is_not_asked_again_even_where_the_call_broke_off(tmp_path):
    pictures = [tinted(i % 4, i) for i in range(40)]

    def answers(count, body):
        return (500, {}, {}) if count == 3 else (200, {}, encoded(body))

    with endpoint(answers) as (url, seen):
        cached = CachedImageEncoder(encoder(url), tmp_path)
        with pytest.raises(EndpointError, match="500"):
            cached.encode(pictures)
        first = CachedImageEncoder(encoder(url), tmp_path).encode([*pictures, pictures[0]])
        assert [len(body["input"]) for _, _, body in seen] == [16, 16, 8, 8]
        np.testing.assert_array_equal(cached.encode(pictures), first[:-1])
        np.testing.assert_array_equal(first[0], first[-1])
        assert len(seen) == 4
        # Another model's are others.
        CachedImageEncoder(encoder(url, "messages"), tmp_path).encode(pictures[:1])
        assert len(seen) == 5


class Careless:
    """A class of a user's whose vectors are none."""

    fingerprint, dim = "careless", DIM

    def __init__(self, made: Vectors) -> None:
        self.made = made

    def encode(self, pictures: Sequence[bytes]) -> Vectors:
        return self.made


@pytest.mark.parametrize("made", [np.ones((1, DIM)), np.eye(DIM)[:2], np.eye(4)[:1], np.full((1, DIM), np.nan)])
def test_vectors_of_any_encoder_are_looked_at_before_they_are_kept(tmp_path, made):
    with pytest.raises(EndpointError, match="careless"):
        CachedImageEncoder(Careless(made), tmp_path).encode([tinted(0, 1)])
    good = CachedImageEncoder(Careless(np.eye(DIM)[:1]), tmp_path).encode([tinted(0, 1)])
    np.testing.assert_array_equal(good, np.eye(DIM)[:1])


def test_settings_name_one_encoder_or_none(tmp_path):
    def made(**values: object) -> ImageEncoder | None:
        return make_image_encoder(RuntimeSettings(image_encoder=ImageEncoderSettings(**values)), tmp_path)

    assert made() is None
    assert made(form="gradients").fingerprint == GradientEncoder.fingerprint
    assert made(form="input", url="http://127.0.0.1:1/v1", model="m").dim == 1024
    for values, message in (
        ({"form": "input", "model": "m"}, "needs runtime.image_encoder.url"),
        ({"form": "messages", "url": "http://127.0.0.1:1"}, "needs runtime.image_encoder.url and .model"),
        ({"url": "http://127.0.0.1:1", "model": "m"}, "say how the endpoint takes pictures"),
    ):
        with pytest.raises(SettingsError, match=message):
            made(**values)
    with pytest.raises(EndpointError, match="cannot be asked"):
        made(form="input", url="127.0.0.1:1", model="m")


def test_gradients_are_unit_vectors_of_any_picture_and_hardly_change_with_the_format():
    blank = io.BytesIO()
    Image.new("RGB", (30, 20), "white").save(blank, "PNG")
    same = Image.open(io.BytesIO(drawn(1, (640, 480))))
    jpeg = io.BytesIO()
    same.save(jpeg, "JPEG", quality=90)
    made = GradientEncoder().encode([drawn(1, (640, 480)), jpeg.getvalue(), drawn(2, (640, 480)), blank.getvalue()])
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-6)
    assert made[0] @ made[1] > 0.95 > made[0] @ made[2]
    assert GradientEncoder().encode([]).shape == (0, GradientEncoder.dim)


def test_clear_pictures_are_told_apart_by_what_a_page_shows_of_them():
    one, other = (
        drawn_words(words, mode="RGBA") for words in ("Delivery to Lyon", "No parcel today, and none tomorrow")
    )
    made = GradientEncoder().encode([one, other, drawn_words("Delivery to Lyon")])
    np.testing.assert_allclose(made[0], made[2], atol=1e-6)
    assert made[0] @ made[1] < 0.95
    assert (code(one) == code(drawn_words("Delivery to Lyon"))).all() and (code(one) != code(other)).any()


def written(path: Path, groups: Sequence[int], seed: int, each: int = 1) -> Path:
    """Chats with `each` pictures; these are of the groups in turn, and of no other file."""
    rows = []
    for i, text in enumerate(lessons(len(groups) // each, seed)):
        numbers = range(each * i, each * (i + 1))
        urls = [data_url(tinted(groups[number], 1000 * seed + number)) for number in numbers]
        parts: list[dict] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        parts.append({"type": "text", "text": f"What is there to know of case {seed}, {i}?"})
        rows.append({"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": text}]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def ran(*arguments: object) -> str:
    # So wide that no cell of a table is broken into lines.
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "300"})
    assert done.exit_code in (0, 1), done.output
    return " ".join(done.output.split())


def asked(url: str) -> list[str]:
    values = {"form": "input", "url": url, "model": "m", "dim": DIM}
    return [part for name, value in values.items() for part in ("--set", f"runtime.image_encoder.{name}={value}")]


def screen(corpus: Path, number: int) -> dict[str, dict]:
    frame = Corpus.open(corpus).store.snapshots()
    rows = frame.filter((pl.col("view") == "screen") & (pl.col("round") == number)).iter_rows(named=True)
    return {row["metric"]: row for row in rows}


def test_two_orthogonal_groups_are_two_of_the_references_four(tmp_path):
    real = written(tmp_path / "real.jsonl", [i % 4 for i in range(120)], 1)
    # What all pictures share is most of each vector, and goes with the reference's mean.
    with endpoint(lambda count, body: (200, {}, encoded(body, spread=0.01, common=2.0))) as (url, _):
        ran("init", tmp_path / "corpus", "--reference", real, *HASHED, *QUICK, *asked(url))
        for number, groups in enumerate(([i % 2 for i in range(40)], [0] * 40, [i % 4 for i in range(40)]), start=1):
            rows = written(tmp_path / f"{number}.jsonl", groups, 1 + number, each=8)
            ran("admit", tmp_path / "corpus", rows)
        told = ran("status", tmp_path / "corpus")
    n2 = [screen(tmp_path / "corpus", number)["picture_n2"]["value"] for number in (1, 2, 3)]
    # Over pairs of different rows: 19 of the 39 others of a row are of its group. Four opposite groups are two axes.
    assert n2 == pytest.approx([39 / 19, 1, 39 / 19], rel=0.02)
    coverage = [screen(tmp_path / "corpus", number)["picture_coverage"] for number in (1, 2, 3)]
    assert [row["value"] for row in coverage] == pytest.approx([0.5, 0.25, 1], abs=0.15)
    assert coverage[1]["value"] < coverage[1]["low"] < coverage[2]["value"]
    assert "pictures of the round, which decide nothing" in told and "Unlike pictures (N2)" in told
    facts = status(Corpus.open(tmp_path / "corpus").store)
    assert facts["metrics"]["screen"]["picture_n2"] == pytest.approx(39 / 19, rel=0.02)
    assert not [alarm for alarm in facts["alarms"] if alarm["tile"].startswith("picture")]
    note = screen(tmp_path / "corpus", 1)["picture_n2"]["note"]
    assert note.startswith("http-image:input:m:8, about the mean of") and "of the reference" in note


def test_an_endpoint_that_fails_loses_no_round_and_is_asked_again(tmp_path):
    real = written(tmp_path / "real.jsonl", [i % 4 for i in range(120)], 1)
    rows = [written(tmp_path / f"{n}.jsonl", [i % 2 for i in range(30)], 1 + n, each=6) for n in (1, 2)]
    plain, corpus = tmp_path / "plain", tmp_path / "corpus"
    ran("init", plain, "--reference", real, *HASHED)
    ran("admit", plain, rows[0])
    down = [True]

    def answers(count, body):
        return (503, {}, {"error": "down"}) if down[0] else (200, {}, encoded(body))

    with endpoint(answers) as (url, seen):
        ran("init", corpus, "--reference", real, *HASHED, *QUICK, *asked(url))
        with warnings_of("synthdata.monitor.screen_vectors") as said:
            ran("admit", corpus, rows[0])
        assert len(said) == 1 and "pictures of 1 round are not measured yet" in said[0] and "503" in said[0]
        assert "picture_n2" not in screen(corpus, 1) and screen(corpus, 1)["pictures"]["value"] == 30
        assert "has not answered yet" in ran("status", corpus)
        # What does not ask, and what has nothing new to decide, sends nothing.
        before = len(seen)
        ran("admit", corpus, rows[0])
        assert len(seen) == before
        ran("monitor", corpus)
        assert len(seen) == before + 1 and "picture_n2" not in screen(corpus, 1)
        down[0] = False
        ran("admit", corpus, rows[1])
        values = [screen(corpus, number)["picture_n2"]["value"] for number in (1, 2)]
        assert values == pytest.approx([29 / 14] * 2)
        before = len(seen)
        ran("monitor", corpus)
        assert len(seen) == before and "has not answered" not in ran("status", corpus)
    assert digest(Corpus.open(corpus).store, 1) == digest(Corpus.open(plain).store, 1)
    assert set(screen(plain, 1)) == {"pictures", "pictures_distinct", "pictures_near", "picture_repeats"}
    assert "which decide nothing" not in ran("status", plain)


def test_settings_that_cannot_be_used_are_found_before_the_round(tmp_path):
    real = written(tmp_path / "real.jsonl", [i % 4 for i in range(120)], 1)
    ran("init", tmp_path / "corpus", "--reference", real, *HASHED)
    done = CliRunner().invoke(
        app, ["admit", str(tmp_path / "corpus"), str(real), "--set", "runtime.image_encoder.form=input"]
    )
    assert isinstance(done.exception, SettingsError) and Corpus.open(tmp_path / "corpus").store.latest_round() == 0


def test_without_pictures_in_the_reference_the_first_round_with_enough_is_the_centre(tmp_path):
    texts = tmp_path / "real.jsonl"
    texts.write_text("".join(json.dumps({"content": text}) + "\n" for text in lessons(120, 1)), encoding="utf-8")
    corpus = tmp_path / "corpus"
    ran("init", corpus, "--reference", texts, *HASHED, "--set", "runtime.image_encoder.form=gradients")
    groups = ([0] * 5, [i % 4 for i in range(40)], [i % 4 for i in range(20)])
    for number, some in enumerate(groups, start=1):
        # The first round comes before the setting.
        off = ["--set", "runtime.image_encoder.form=none"] if number == 1 else []
        ran("admit", corpus, written(tmp_path / f"{number}.jsonl", some, 1 + number, each=5), *off)
        assert ("picture_n2" in screen(corpus, 1)) == (number > 1)
    few, first, second = (screen(corpus, number) for number in (1, 2, 3))
    assert few["picture_n2"]["value"] is None and "fewer than the 10" in few["picture_n2"]["note"]
    assert first["picture_n2"]["value"] > 1 and "about the mean of round 2" in first["picture_n2"]["note"]
    assert second["picture_n2"]["value"] > 1 and "about the mean of round 2" in second["picture_n2"]["note"]
    assert second["picture_coverage"]["value"] is None and "0 of the reference" in second["picture_coverage"]["note"]
