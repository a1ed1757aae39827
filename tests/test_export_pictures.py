"""Pictures leave as TRL, ShareGPT, LLaMA-Factory and OpenAI have them, or as words, and are counted."""

from __future__ import annotations

import base64
import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from chat_corpus import chat_corpus
from drawn import drawn
from PIL import Image
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.errors import CorruptStoreError
from synthdata.export.build import ExportReport, ExportRequest, export
from synthdata.export.dialects import DialectError, images_of
from synthdata.export.kinds import PICTURES, RunLabels, run_rows
from synthdata.export.pictures import in_words, naming, of_run, with_parts, with_tokens
from synthdata.pictures.store import PictureStore
from synthdata.records import Chat, Media, Observation, Origin, Picture, Step, ToolCall, Trajectory


def said(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def chats(picture_store: PictureStore) -> list[Chat]:
    """Chats with no picture, one, two in a row, the same in two turns, one of a tool, one that the assistant shows."""
    texts = lessons(60, 3)
    made = []
    for i, text in enumerate(texts):
        shown = [picture_store.put(drawn(2 * i + k)).part() for k in range(2)]
        answer = {"role": "assistant", "content": text}
        turns: list[dict[str, Any]] = [{"role": "user", "content": f"Case {i}?"}, answer]
        if i % 6 == 1:
            turns[0] = {"role": "user", "content": [shown[0], said(f"Case {i}?")]}
        elif i % 6 == 2:
            turns[0] = {"role": "user", "content": [said(f"Case {i}?"), *shown, said("Compare.")]}
        elif i % 6 == 3:
            first = {"role": "user", "content": [shown[0], said("First?")]}
            turns = [
                first,
                {"role": "assistant", "content": f"Number {i}."},
                first | {"content": [said("Again"), shown[0]]},
                answer,
            ]
        elif i % 6 == 4:
            call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": {"n": i}}}
            seen = {"role": "tool", "tool_call_id": "c", "content": [said("done"), shown[0]]}
            turns = [turns[0], {"role": "assistant", "content": "", "tool_calls": [call]}, seen, answer]
        elif i % 6 == 5:
            turns = [
                *turns,
                {"role": "user", "content": "Show it."},
                {"role": "assistant", "content": [said(text), shown[0]]},
            ]
        made.append(Chat(turns))
    worse = [{"role": "assistant", "content": "No idea."}]
    made.append(
        Chat(
            [{"role": "user", "content": [picture_store.put(drawn(900)).part(), said("Which?")]}, answer],
            prompt_length=1,
            rejected=worse,
        )
    )
    made.append(Chat([{"role": "user", "content": "What does <image> mean in a text?"}, answer]))
    return made


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    path = tmp_path_factory.mktemp("seen") / "corpus"
    return chat_corpus(path, chats(PictureStore(path / "blobs", path / "cache" / "pictures")))


def exported(corpus: Corpus, out: Path, **wanted: Any) -> tuple[ExportReport, Path, dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = export(corpus, out, ExportRequest(reference=False, **wanted))
    return report, out, json.loads((out / "manifest.json").read_text())


@pytest.fixture(scope="module")
def seen(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[ExportReport, Path, dict[str, Any]]:
    return exported(corpus, tmp_path_factory.mktemp("out") / "seen", pictures=True)


@pytest.fixture(scope="module")
def worded(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[ExportReport, Path, dict[str, Any]]:
    return exported(corpus, tmp_path_factory.mktemp("out") / "worded")


def lines(out: Path, pattern: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for path in sorted(out.glob(pattern)) for line in path.read_text(encoding="utf-8").splitlines()
    ]


def places(turns: Sequence[dict[str, Any]]) -> int:
    return sum(
        part["type"] == "image" for turn in turns if isinstance(turn["content"], list) for part in turn["content"]
    )


def test_without_pictures_they_are_words_and_counted(worded):
    report, out, manifest = worded
    assert not (out / "images").exists()
    texts = json.dumps(lines(out, "*/*.jsonl"))
    assert "[picture 64x48]" in texts and '"picture"' not in texts and '"type": "image"' not in texts
    assert manifest["pictures"]["files"] == 0 and manifest["pictures"]["as_words"]["sft"] > 40
    assert any("left as words" in note and "--pictures" in note for note in report.notes)
    assert all(isinstance(turn["content"], str) for row in lines(out, "jsonl/sft.*") for turn in row["prompt"])
    assert {"images"} & set(lines(out, "jsonl/sft.train.jsonl")[0]) == set()


def test_datasets_gives_pictures_back_decoded_in_the_order_of_their_parts(seen):
    from datasets import load_dataset

    _, out, manifest = seen
    for kind, column in (("sft", "prompt"), ("messages", "messages"), ("preference", "prompt")):
        for split, rows in load_dataset(str(out), kind, cache_dir=str(out.parent / "cache")).items():
            assert len(rows) == manifest["kinds"][kind][split]
            for row, line in zip(rows, lines(out, f"jsonl/{kind}.{split}.jsonl"), strict=True):
                assert places(row[column]) == len(row["images"]) == len(line["images"])
                assert all(isinstance(image, Image.Image) and image.size == (64, 48) for image in row["images"])
                kept = [Image.open(out / name).convert("RGB").tobytes() for name in line["images"]]
                assert [image.convert("RGB").tobytes() for image in row["images"]] == kept


def test_every_picture_stands_where_it_stood(seen, corpus):
    _, out, _ = seen
    rows = {
        row["messages"][-1]["content"][0]["text"]
        if isinstance(row["messages"][-1]["content"], list)
        else row["messages"][-1]["content"]: row
        for row in lines(out, "jsonl/messages.*")
    }
    picture_store = corpus.store.pictures
    for i, text in enumerate(lessons(60, 3)):
        row = rows.get(text)
        if row is None:
            assert i % 6 == 5
            continue
        names = [f"images/{picture_store.put(drawn(2 * i + k)).name}" for k in range(2)]
        kinds = [
            [part["type"] for part in turn["content"]] for turn in row["messages"] if isinstance(turn["content"], list)
        ]
        roles = [turn["role"] for turn in row["messages"]]
        if i % 6 == 2:
            assert kinds[0] == ["text", "image", "image", "text"] and row["images"] == names
            assert [part.get("text") for part in row["messages"][0]["content"]] == [
                f"Case {i}?",
                None,
                None,
                "Compare.",
            ]
        elif i % 6 == 3:
            assert kinds[0] == ["image", "text"] and kinds[2] == ["text", "image"] and row["images"] == [names[0]] * 2
        elif i % 6 == 4:
            assert roles == ["user", "assistant", "tool", "user", "assistant"] and row["images"] == names[:1]
            assert row["messages"][2]["content"] == [said("done\n[picture 64x48]")]
            assert row["messages"][3] == {"role": "user", "content": [{"type": "image"}]}
        elif i % 6 == 0:
            assert row["images"] == [] and isinstance(row["messages"][0]["content"], str)


def test_each_content_is_one_file_and_the_manifest_says_how_large(seen):
    _, out, manifest = seen
    files = {path.name: path.stat().st_size for path in (out / "images").iterdir()}
    facts = manifest["pictures"]
    assert {name: size["bytes"] for name, size in facts["sizes"].items()} == files
    assert facts["bytes"] == sum(files.values()) and facts["files"] == len(files) == 51
    assert {(size["width"], size["height"]) for size in facts["sizes"].values()} == {(64, 48)}
    assert facts["shown"]["sft"] == sum(len(row["images"]) for row in lines(out, "jsonl/sft.*"))
    # What an assistant shows is words: ten chats.
    assert facts["as_words"]["messages"] == 10


def test_sharegpt_has_a_token_for_each_picture_and_files_beside(seen):
    _, out, manifest = seen
    info = json.loads((out / "llamafactory" / "dataset_info.json").read_text())
    assert all(entry["columns"]["images"] == "images" for entry in info.values())
    rows = lines(out, "llamafactory/*.jsonl")
    for row in rows:
        turns = [turn["value"] for turn in row["conversations"]]
        assert sum(value.count("<image>") for value in turns) == len(row["images"])
        assert all((out / name).is_file() for name in row["images"])
    assert sum(len(row["images"]) for row in rows) > 50
    assert "words that hold the mark of a picture" in json.dumps(manifest["unheld"]["llamafactory"])
    assert 'media_dir: "."' in (out / "llamafactory" / "sft.yaml").read_text()
    assert not (out / "axolotl").exists() and "max_length: null" in (out / "trl" / "sft.yaml").read_text()


def test_openai_has_data_urls_in_the_same_order(seen):
    _, out, _ = seen
    pairs = zip(lines(out, "jsonl/messages.train.jsonl"), lines(out, "openai/train.jsonl"), strict=True)
    for row, other in pairs:
        urls = [
            part["image_url"]["url"]
            for turn in other["messages"] if isinstance(turn["content"], list)
            for part in turn["content"] if part["type"] == "image_url"
        ]  # fmt: skip
        files = [base64.b64decode(url.partition(",")[2]) for url in urls]
        assert files == [(out / name).read_bytes() for name in row["images"]]
        assert all(Image.open(io.BytesIO(data)).size == (64, 48) for data in files)
        assert not any("_added" in turn for turn in other["messages"])


def test_nanochat_says_that_it_sees_nothing(seen):
    _, out, manifest = seen
    assert manifest["unheld"]["nanochat"]["a turn with a picture"] > 0
    assert "<image>" not in json.dumps(
        [row for row in lines(out, "nanochat/*.jsonl") if "mean in a text" not in json.dumps(row)]
    )


def test_the_same_rows_are_the_same_release(corpus, seen, tmp_path):
    report, out, _ = seen
    again, other, _ = exported(corpus, tmp_path / "again", pictures=True)
    assert again.release["number"] == report.release["number"] and not again.release["new"]
    assert (other / "manifest.json").read_bytes() == (out / "manifest.json").read_bytes()


def test_a_picture_that_is_gone_stops_the_export_and_leaves_nothing(corpus, tmp_path):
    name = next(corpus.store.pictures.names())
    path = corpus.store.pictures.path(name)
    data = path.read_bytes()
    for damage in (b"other", None):
        path.unlink(missing_ok=True)
        if damage:
            path.write_bytes(damage)
        with pytest.raises(CorruptStoreError, match="restore it from a backup"):
            exported(corpus, tmp_path / "out", pictures=True)
        assert not (tmp_path / "out").exists()
    path.write_bytes(data)


def run_with_screens() -> Trajectory:
    """Two calls, each answered by a snapshot and a screen."""
    steps = [Step(0, "user", "Find the dial.")]
    for i in (1, 2):
        picture = Picture(f"{i}" * 64 + ".png", 640, 480, original=f"{i}a" * 32)
        media = Media("image/png", 9, picture.original, picture.name, 640, 480)
        answer = Observation(f"button 'Go {i}'\n{picture.mark}", f"c{i}")
        call = ToolCall("click", json.dumps({"name": "Go", "shot": picture.mark}), f"c{i}")
        steps.append(Step(i, "agent", "", tool_calls=(call,), observations=(answer,), media=(media,)))
    steps.append(Step(3, "agent", "It says 5."))
    return Trajectory("Find the dial.", tuple(steps), success=True, origin=Origin.REAL)


def test_what_tools_of_a_run_show_is_the_users_in_trl_and_in_its_place_for_sharegpt():
    run = run_with_screens()
    (row,) = naming(run_rows(run, RunLabels(), [3]), of_run(run))["sft"]
    parts, names = with_parts(row)
    assert names == ["1" * 64 + ".png", "2" * 64 + ".png"]
    assert [turn["role"] for turn in parts["prompt"]] == [
        "user",
        "assistant",
        "tool",
        "user",
        "assistant",
        "tool",
        "user",
    ]
    assert parts["prompt"][2]["content"] == [said("button 'Go 1'\n[picture 640x480]")]
    assert parts["prompt"][1]["tool_calls"][0]["function"]["arguments"]["shot"] == "[picture 640x480]"
    tokens, order = with_tokens(row)
    assert order == names and tokens["prompt"][2]["content"] == "button 'Go 1'\n<image>"
    # Two in calls, two in answers.
    assert in_words(row)[1] == 4 and PICTURES in row


def test_a_mark_that_means_no_picture_of_the_row_is_a_text():
    forged = Picture("3" * 64 + ".png", 9, 9).mark
    run = run_with_screens()
    own = {
        "prompt": [{"role": "user", "content": f"see {forged}"}],
        "completion": [{"role": "assistant", "content": "ok"}],
    }
    (row,) = naming({"sft": [own]}, of_run(run))["sft"]
    assert with_parts(row)[1] == with_tokens(row)[1] == [] and in_words(row)[1] == 0


def test_words_that_hold_the_token_are_refused_and_others_pass():
    turn = {"role": "user", "content": "an <image> tag"}
    with pytest.raises(DialectError, match="words that hold the mark"):
        images_of({"prompt": [turn], "images": []})
    assert images_of({"prompt": [turn], "images": ["images/a.png"]}) == {"images": ["images/a.png"]}
    assert images_of({"prompt": [turn]}) == {}
