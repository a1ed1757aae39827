"""Pictures from a file into the corpus: what is taken, what is refused, what stays of it, and that nothing is lost."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from drawn import data_url, drawn
from PIL import Image

from synthdata.errors import PictureError
from synthdata.pictures.encode import PictureBounds, encode
from synthdata.pictures.store import PictureStore
from synthdata.records import Candidate, Chat, Origin, QuarantinedRow, Trajectory
from synthdata.records.picture import Picture, alt_of, cut_at_marks, picture_of, pictures_in, without_codes
from synthdata.sources import Reading, read_candidates, read_trajectories

BOUNDS = PictureBounds()


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "corpus" / "blobs", tmp_path / "corpus" / "cache" / "pictures")


def pixels(data: bytes) -> tuple[tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size, image.convert("RGB").tobytes()


def lines(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def samples(path: Path, store: PictureStore, reading: Reading | None = None) -> list[Candidate | QuarantinedRow]:
    return list(read_candidates(path, origin=Origin.SYNTHETIC, pictures=store, reading=reading))


def runs(path: Path, store: PictureStore) -> list[Trajectory | QuarantinedRow]:
    return list(read_trajectories(path, origin=Origin.REAL, pictures=store))


def shown(row: Candidate | QuarantinedRow) -> list[list[str]]:
    """Of each message its parts: `text` or the name of a picture."""
    assert isinstance(row, Candidate)
    made = []
    for message in Chat.from_json(row.chat).messages:
        content = message["content"] if isinstance(message["content"], list) else [message["content"]]
        made.append([p.name if (p := picture_of(part)) else "text" for part in content])
    return made


# What is kept of a file.


@pytest.mark.parametrize(
    ("form", "ending"), [("PNG", "png"), ("GIF", "png"), ("BMP", "png"), ("JPEG", "jpg"), ("WEBP", "jpg")]
)
def test_a_picture_is_encoded_anew_and_shows_the_same(form, ending):
    made = encode(drawn(3, form=form), BOUNDS)
    assert (made.ending, made.width, made.height) == (ending, 64, 48)
    with Image.open(io.BytesIO(drawn(3, form=form))) as came, Image.open(io.BytesIO(made.data)) as kept:
        pairs = zip(came.convert("RGB").tobytes(), kept.convert("RGB").tobytes(), strict=True)
        apart = [abs(a - b) for a, b in pairs]
    assert max(apart) == 0 if ending == "png" else sum(apart) / len(apart) < 12


@pytest.mark.parametrize("brightest", [65535, 4000])
def test_greys_of_sixteen_bits_keep_their_shades(brightest):
    steep = np.linspace(0, brightest, 64).astype(np.uint16)
    out = io.BytesIO()
    Image.fromarray(np.tile(steep, (48, 1))).save(out, "PNG")
    made = encode(out.getvalue(), BOUNDS)
    with Image.open(io.BytesIO(made.data)) as image:
        assert image.mode == "L" and np.array_equal(np.asarray(image)[0], steep >> 8)


def test_what_rides_along_is_gone():
    secret = b"GPS 52.5200 N 13.4050 E"
    exif = Image.Exif()
    exif[0x010E] = secret.decode()
    photo = drawn(1, form="JPEG", exif=exif.tobytes(), comment=secret) + b"<script>" + secret
    text = zlib.crc32(b"tEXtComment\0" + secret)
    plain = drawn(1)
    chunk = struct.pack(">I", 8 + len(secret)) + b"tEXtComment\0" + secret + struct.pack(">I", text)
    screen = plain[:33] + chunk + plain[33:] + b"PK\x03\x04" + secret
    for data in (photo, screen):
        assert secret in data and secret not in encode(data, BOUNDS).data
    assert encode(screen, BOUNDS).data == encode(plain, BOUNDS).data


def test_a_photo_that_lies_on_its_side_is_put_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert (encode(drawn(1, form="JPEG", exif=exif.tobytes()), BOUNDS).width) == 48


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it holds 50,000 x 50,000 pixels."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(10_000))
    made = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", head), (b"IDAT", body), (b"IEND", b"")):
        made += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return made


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bomb(), "far more pixels, over 20000000"),
        (drawn(1, size=(6000, 4000)), "6000 x 4000 pixels, over 20000000"),
        (drawn(1)[:-40], "cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(90), "cannot be read"),
        (b"no picture at all", "no picture of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "no picture of a known format"),
        (b"", "no picture of a known format"),
        (drawn(1) + bytes(8_000_000), "of over 8000000 bytes"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_with_the_reason(data, reason):
    with pytest.raises(PictureError, match=reason):
        encode(data, BOUNDS)


def test_the_largest_allowed_picture_is_taken():
    made = encode(drawn(1, size=(400, 500)), PictureBounds(max_pixels=200_000))
    assert (made.width, made.height) == (400, 500)


# The store.


def test_a_store_keeps_equal_pictures_once_and_remembers_what_became_of_them(store):
    plain, other = drawn(1), drawn(1, compress_level=0)
    first, again, same = store.put(plain), store.put(plain), store.put(other)
    assert first == again and same.name == first.name and same.code != first.code
    assert list(store.names()) == [first.name] and store.sound(first.name)
    assert store.path(first.name).parent.name == first.name[:2]
    assert (os.stat(store.path(first.name)).st_mode & 0o077) == 0
    assert hashlib.sha256(store.path(first.name).read_bytes()).hexdigest() == first.name[:64]
    assert pixels(store.path(first.name).read_bytes()) == pixels(plain)


def test_a_note_that_was_lost_or_damaged_only_costs_the_work_again(store, tmp_path):
    first = store.put(drawn(1))
    (note,) = (tmp_path / "corpus" / "cache").rglob("*.json")
    for damage in (b"", b"{}", b'{"name": "../../x", "width": 1, "height": 1}'):
        note.write_bytes(damage)
        assert store.put(drawn(1)) == first
    store.path(first.name).unlink()
    assert store.put(drawn(1)) == first and store.has(first.name)


def test_a_sweep_takes_old_pictures_that_no_row_names(store):
    named, young, old = (store.put(drawn(i)).name for i in range(3))
    for name in (named, old):
        os.utime(store.path(name), (0, 0))
    assert store.sweep({named}, keep_hours=1) == [old]
    assert set(store.names()) == {named, young}


# Runs.


def atif(*parts: object, **more: object) -> dict[str, object]:
    """A run of one agent step whose answer has these parts."""
    call = {"tool_call_id": "c1", "function_name": "look", "arguments": {}}
    answer = {"results": [{"source_call_id": "c1", "content": list(parts)}]}
    steps = [
        {"step_id": 1, "source": "user", "message": "Find the dial."},
        {"step_id": 2, "source": "agent", "message": "", "tool_calls": [call], "observation": answer},
    ]
    return {
        "schema_version": "ATIF-v1.7",
        "session_id": "s",
        "agent": {"name": "a", "version": "1"},
        "steps": steps,
    } | more


B64 = base64.b64encode(drawn(5)).decode()
SPELLINGS = [
    {"type": "image_url", "image_url": {"url": data_url(drawn(5))}},
    {"type": "input_image", "image_url": data_url(drawn(5))},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": B64}},
    {"type": "image", "data": B64, "mimeType": "image/png"},
    {"inline_data": {"mime_type": "image/png", "data": B64}},
    {"image": {"format": "png", "source": {"bytes": B64}}},
    {"type": "image", "source": {"media_type": "image/png", "path": "shots/1.png"}},
    {"type": "image", "path": "shots/1.png"},
    {"type": "text", "text": f"see ![dial]({data_url(drawn(5))})"},
    {"type": "text", "text": json.dumps({"screenshot": B64})},
]


@pytest.mark.parametrize("part", SPELLINGS[:7] + SPELLINGS[8:], ids=lambda part: json.dumps(part)[:40])
def test_a_picture_of_a_run_is_kept_and_its_place_is_marked(part, store, tmp_path):
    path = lines(tmp_path / "logs" / "run.jsonl", atif({"type": "text", "text": "before"}, part))
    (tmp_path / "logs" / "shots").mkdir()
    (tmp_path / "logs" / "shots" / "1.png").write_bytes(drawn(5))
    (run,) = runs(path, store)
    (media,) = run.steps[1].media
    picture = Picture(media.picture, 64, 48, original=hashlib.sha256(drawn(5)).hexdigest())
    text = run.steps[1].observation
    assert text.startswith("before\n") and picture.mark in text and B64[:40] not in text
    assert [code for _, code in cut_at_marks(text, {picture.code})] == [picture.code, ""]
    assert "[picture 64x48]" in without_codes(text)
    assert pixels(store.path(media.picture).read_bytes()) == pixels(drawn(5))
    assert media.size == len(drawn(5)) and (media.width, media.height) == (64, 48)


@pytest.mark.parametrize(
    "names", [("functionResponse", "inlineData", "mimeType"), ("function_response", "inline_data", "mime_type")]
)
@pytest.mark.parametrize("shown", [0, 1, 2])
def test_what_a_function_of_gemini_shows_stands_behind_what_it_says(names, shown, store, tmp_path):
    answer, inline, kind = names
    parts = [{inline: {kind: "image/png", "data": B64}}] * shown
    row = {
        "contents": [
            {"role": "user", "parts": [{"text": "Open the shop"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "open", "args": {}}}]},
            {"role": "user", "parts": [{answer: {"name": "open", "response": {"url": "shop"}, "parts": parts}}]},
            {"role": "model", "parts": [{"text": "It is open."}]},
        ]
    }
    (run,) = runs(lines(tmp_path / "run.jsonl", row), store)
    said = ['{"url":"shop"}', *["[picture 64x48]"] * shown]
    assert without_codes(run.steps[1].observation) == "\n".join(said)
    assert len(run.steps[1].media) == shown


def test_the_words_of_a_picture_stand_in_its_mark(store, tmp_path):
    part = {"type": "image", "data": B64, "alt": "Login [page]\nwith a form"}
    (run,) = runs(lines(tmp_path / "run.jsonl", atif(part)), store)
    assert without_codes(run.steps[1].observation) == "[picture 64x48: Login (page) with a form]"


def test_two_readings_of_a_run_are_the_same_run(store, tmp_path):
    call = {"tool_call_id": "c", "function_name": "post", "arguments": {"body": data_url(drawn(6))}}
    row = atif(*SPELLINGS[:3])
    row["steps"].append({"step_id": 3, "source": "agent", "message": "", "tool_calls": [call]})  # type: ignore[attr-defined]
    path = lines(tmp_path / "run.jsonl", row)
    (first,), (again,) = runs(path, store), runs(path, PictureStore(tmp_path / "other", tmp_path / "known"))
    assert first == again and first.id == again.id
    assert "[picture 64x48 " in first.steps[2].tool_calls[0].arguments
    assert [media.picture for media in first.steps[2].media] == [store.put(drawn(6)).name]


def test_a_picture_that_cannot_be_used_is_quarantined_and_its_run_goes_on(store, tmp_path):
    bad = {"type": "image", "data": base64.b64encode(drawn(5)[:-40]).decode(), "mimeType": "image/png"}
    found = runs(lines(tmp_path / "run.jsonl", atif(SPELLINGS[0]), atif(bad, SPELLINGS[0])), store)
    refused = [row for row in found if isinstance(row, QuarantinedRow)]
    assert [(row.file, row.line, row.stage) for row in refused] == [("run.jsonl", 2, "picture")]
    assert "cannot be read" in refused[0].reason
    (good,) = {row.steps[1].media[-1].picture for row in found if isinstance(row, Trajectory)}
    assert store.has(good)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "/etc/secret.png",
        "link.png",
        "linked/secret.png",
        "http://h/x.png",
        "~/x.png",
        "shots/../../secret.png",
    ],
)
def test_nothing_outside_the_folder_of_a_log_is_opened(name, store, tmp_path):
    (tmp_path / "secret.png").write_bytes(drawn(9))
    folder = tmp_path / "logs"
    (folder / "shots").mkdir(parents=True)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "linked").symlink_to(tmp_path)
    (run,) = runs(
        lines(folder / "run.jsonl", atif({"type": "image", "source": {"media_type": "image/png", "path": name}})),
        store,
    )
    assert [media for media in run.steps[1].media if media.picture] == [] and list(store.names()) == []


def test_a_pipe_beside_a_log_does_not_hold_the_reader(store, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (run,) = runs(lines(tmp_path / "run.jsonl", atif({"type": "image", "path": "pipe.png"})), store)
    assert not any(media.picture for media in run.steps[1].media)


# A picture's address as clients, mail programs and browsers write it; of each its neighbour that is none.
WRITTEN = [
    f"data:application/octet-stream;base64,{B64}", f"data:image/x-png;base64,{B64}", f"DATA:IMAGE/PNG;BASE64,{B64}",
    f"data:image/png;charset=utf-8;base64,{B64}", f"data:;base64,{B64.rstrip('=')}",
    "data:image/png;base64," + "\n".join(B64[i : i + 76] for i in range(0, len(B64), 76)),
    "data:image/png;base64," + B64.replace("+", "%2B").replace("/", "%2f").replace("=", "%3D"),
]  # fmt: skip
NO_PICTURES = [
    "data:image/svg+xml;base64," + base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'></svg>" * 3).decode(),
    "data:image/heic;base64," + base64.b64encode(b"\0\0\0\x18ftypheic" * 9).decode(),
    "data:text/html;base64," + base64.b64encode(b"<p>not found</p>" * 9).decode(),
    "https://example.org/a.png",
]


@pytest.mark.parametrize("url", [*WRITTEN, *NO_PICTURES], ids=lambda url: url[:34])
def test_an_address_is_a_picture_by_what_it_holds_however_it_is_written(url, store, tmp_path):
    part = {"type": "image_url", "image_url": {"url": url}}
    row = {"messages": [{"role": "user", "content": [part, ASKED]}, ANSWER]}
    (found,) = samples(lines(tmp_path / "chats.jsonl", row), store)
    name = store.put(drawn(5)).name
    assert shown(found) == [[name if url in WRITTEN else "text", "text"], ["text"]]
    if url in NO_PICTURES:
        assert Chat.from_json(found.chat).messages[0]["content"][0] == part


def test_words_behind_an_address_are_no_part_of_it(store, tmp_path):
    text = f"See data:image/png;base64,{B64}\nWhat does it show?"
    row = {"messages": [{"role": "user", "content": text}, ANSWER]}
    (found,) = samples(lines(tmp_path / "chats.jsonl", row), store)
    assert "What does it show?" in found.context


# Samples.

ANSWER = {"role": "assistant", "content": "A dial that shows 5."}
ASKED = {"type": "text", "text": "What is this?"}


@pytest.mark.parametrize("part", SPELLINGS[:8], ids=lambda part: json.dumps(part)[:40])
def test_a_picture_of_a_chat_is_a_part_in_its_place(part, store, tmp_path):
    (tmp_path / "shots").mkdir()
    (tmp_path / "shots" / "1.png").write_bytes(drawn(5))
    row = {"messages": [{"role": "user", "content": [part, ASKED]}, ANSWER]}
    (found,) = samples(lines(tmp_path / "chats.jsonl", row), store)
    name = store.put(drawn(5)).name
    assert shown(found) == [[name, "text"], ["text"]]
    assert found.context == "user: [picture 64x48]\nWhat is this?" or "[picture 64x48]\nWhat is this?" in found.context
    assert B64[:40] not in found.chat and "data:image" not in found.chat


BESIDE = [
    {"conversations": [{"from": "human", "value": "<image>\nWhat is this?"}, {"from": "gpt", "value": "A dial."}]},
    {"messages": [{"role": "user", "content": "<image>What is this?"}, ANSWER]},
    {"messages": [{"role": "user", "content": [{"type": "image"}, ASKED]}, ANSWER]},
    {"messages": [{"role": "user", "content": "What is this?"}, ANSWER]},
    {"prompt": [{"role": "user", "content": "What is this?"}], "completion": [ANSWER]},
    {"question": "What is this?", "answer": "A dial."},
]


@pytest.mark.parametrize("row", BESIDE, ids=lambda row: json.dumps(row)[:40])
@pytest.mark.parametrize("column", ["image", "images"])
def test_pictures_of_a_column_come_to_their_places(row, column, store, tmp_path):
    (tmp_path / "1.png").write_bytes(drawn(5))
    row = row | {column: "1.png" if column == "image" else ["1.png"]}
    (found,) = samples(lines(tmp_path / "rows.jsonl", row), store)
    assert shown(found) == [[store.put(drawn(5)).name, "text"], ["text"]]


def test_the_image_column_of_a_parquet_file_is_read(store, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [[{"bytes": drawn(i), "path": None}, {"bytes": drawn(i + 1), "path": "x.png"}] for i in (1, 2)]
    chat = [
        [{"role": "user", "content": "<image> or <image>?"}, {"role": "assistant", "content": f"{i}"}] for i in (1, 2)
    ]
    pq.write_table(pa.table({"images": images, "messages": chat}), tmp_path / "train.parquet")
    reading = Reading()
    found = samples(tmp_path / "train.parquet", store, reading)
    names = [store.put(drawn(i)).name for i in (1, 2, 3)]
    assert [shown(row)[0] for row in found] == [
        [names[0], "text", names[1], "text"],
        [names[1], "text", names[2], "text"],
    ]
    assert reading.pictures == 4 and "pictures kept: 4" in reading.lines()


def test_a_chat_whose_picture_cannot_be_used_is_quarantined(store, tmp_path):
    bad = {"type": "image_url", "image_url": {"url": data_url(bomb())}}
    rows = [{"messages": [{"role": "user", "content": [part, ASKED]}, ANSWER]} for part in (bad, SPELLINGS[0])]
    refused, good = samples(lines(tmp_path / "chats.jsonl", *rows), store)
    assert isinstance(refused, QuarantinedRow) and (refused.line, refused.stage) == (1, "picture")
    assert "far more pixels" in refused.reason and isinstance(good, Candidate)


def test_more_places_than_pictures_are_refused(store, tmp_path):
    (tmp_path / "1.png").write_bytes(drawn(5))
    row = {"messages": [{"role": "user", "content": "<image> and <image>"}, ANSWER], "images": ["1.png"]}
    good = {"messages": [{"role": "user", "content": "<image>"}, ANSWER], "images": ["1.png"]}
    refused, _ = samples(lines(tmp_path / "chats.jsonl", row, good), store)
    assert isinstance(refused, QuarantinedRow) and "2 places for pictures in the chat, but 1" in refused.reason


def test_a_picture_that_is_not_here_leaves_its_row_as_it_came(store, tmp_path):
    turns = [{"from": "human", "value": "<image>\nWhat is this?"}, {"from": "gpt", "value": "A dial."}]
    reading = Reading()
    (found,) = samples(lines(tmp_path / "r.jsonl", {"image": "coco/1.jpg", "conversations": turns}), store, reading)
    assert isinstance(found, Candidate) and "<image>" in found.context and reading.absent_pictures == 1


def test_a_row_cannot_name_a_picture_that_is_not_kept(store, tmp_path):
    foreign = Picture("ab" * 32 + ".png", 640, 480).part()
    row = {"messages": [{"role": "user", "content": [foreign, ASKED]}, ANSWER]}
    (found,) = samples(lines(tmp_path / "r.jsonl", row), store)
    assert isinstance(found, Candidate)
    assert not any(list(pictures_in(message["content"])) for message in Chat.from_json(found.chat).messages)
    own = row["messages"][0] | {"content": [store.put(drawn(5)).part(), ASKED]}
    (kept,) = samples(lines(tmp_path / "r.jsonl", {"messages": [own, ANSWER]}), store)
    assert shown(kept)[0] == [store.put(drawn(5)).name, "text"]


def test_a_text_with_a_picture_in_it_becomes_a_chat_and_other_fields_say_what_they_showed(store, tmp_path):
    row = {
        "prompt": f"What? ![x]({data_url(drawn(5))})",
        "completion": "A dial.",
        "payload": {"raw": data_url(drawn(5))},
    }
    (found,) = samples(lines(tmp_path / "r.jsonl", row), store)
    assert shown(found)[0] == ["text", store.put(drawn(5)).name, "text"]
    assert json.loads(found.payload) == {"raw": "[picture 64x48]"}


def test_words_for_a_picture_are_one_line_without_brackets():
    assert alt_of(" a\n[b]  c ") == "a (b) c" and alt_of(3) == "" and len(alt_of("x" * 900)) == 300


@pytest.mark.parametrize("kept", [True, False])
def test_a_replayed_world_is_compared_by_what_stood_beside_the_picture(kept, store, tmp_path):
    from synthdata.worlds.replay import _PICTURE

    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(drawn(5))
    part = {"type": "image", "source": {"media_type": "image/png", "path": "pictures/a.png"}}
    path = lines(tmp_path / "run.jsonl", atif({"type": "text", "text": "button 'Go'"}, part))
    (run,) = read_trajectories(path, origin=Origin.REAL, pictures=store if kept else None)
    assert isinstance(run, Trajectory) and bool(run.steps[1].media) is kept
    assert _PICTURE.sub("", run.steps[1].observation) == "button 'Go'"
