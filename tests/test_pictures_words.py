"""Words read off pictures: where they stand, which pictures are read at all, and which do not leave with an export."""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from chat_corpus import chat_corpus
from drawn import data_url, drawn, written
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.errors import InputError
from synthdata.export.build import ExportRequest, export
from synthdata.export.kinds import PICTURES
from synthdata.export.pictures import without_pictures
from synthdata.export.withheld import PictureScan
from synthdata.pictures.store import PassingPictures, PictureStore
from synthdata.pictures.words import Line, PictureWords, _noted, words_of
from synthdata.records import Candidate, Chat, Origin, Picture, Trajectory
from synthdata.records.picture import cut_at_marks, without_codes
from synthdata.reflection import render_context
from synthdata.rounds.steps import read_heldout, read_reference, read_rows, read_runs
from synthdata.settings import PictureSettings, Settings
from synthdata.sources import read_candidates, read_trajectories
from synthdata.text.redaction import redacted

reads = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("rapidocr") is None or importlib.util.find_spec("onnxruntime") is None,
        reason="rapidocr is not installed: synthdata-gate[ocr]",
    ),
]
ON = Settings.from_dict({"recipe": {"pictures": {"ocr": True}}})
SAYS = "The parcel waits at the desk"


def told(name: str) -> str:
    """What stands for reading in tests of where words go."""
    return SAYS


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "corpus" / "blobs", tmp_path / "corpus" / "cache" / "pictures")


def run_file(path: Path, *parts: object, said: str = "Find the parcel.") -> Path:
    call = {"tool_call_id": "c1", "function_name": "look", "arguments": {}}
    answer = {"results": [{"source_call_id": "c1", "content": list(parts)}]}
    steps = [
        {"step_id": 1, "source": "user", "message": said},
        {"step_id": 2, "source": "agent", "message": "", "tool_calls": [call], "observation": answer},
    ]
    row = {"schema_version": "ATIF-v1.7", "session_id": "s", "agent": {"name": "a", "version": "1"}, "steps": steps}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return path


def image(data: bytes, **more: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_url(data)}, **more}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def seen(path: Path, store: PictureStore) -> str:
    (run,) = read_trajectories(path, origin=Origin.REAL, pictures=store, words=told)
    assert isinstance(run, Trajectory)
    return without_codes(run.steps[1].observation)


# Where words go.


@pytest.mark.parametrize(
    "beside",
    [
        "",
        "Screenshot taken.",
        "- see the picture",
        "The button is there",
        "Click on the link [3] below: text",
        "word " * 19,
    ],
)
def test_a_picture_that_a_log_says_nothing_of_has_its_words_in_its_mark(beside, store, tmp_path):
    path = run_file(tmp_path / "run.jsonl", *([text(beside)] if beside else []), image(drawn(1)))
    assert f"[picture 64x48: {SAYS}]" in seen(path, store)


@pytest.mark.parametrize(
    "beside",
    [
        '- button "Send"',
        "- textbox: 2019-09-11",
        "- tablist:\n  - 'tab \"Section #14\"'",
        "RootWebArea 'Shop'\n\t[12] link 'Home', clickable",
        "word " * 20,
    ],
)
def test_beside_a_snapshot_or_many_words_it_is_not_read(beside, store, tmp_path):
    shown = seen(run_file(tmp_path / "run.jsonl", text(beside), image(drawn(1))), store)
    assert "[picture 64x48]" in shown and SAYS not in shown


def test_words_of_its_own_stay(store, tmp_path):
    shown = seen(run_file(tmp_path / "run.jsonl", image(drawn(1), alt="A dial"), image(drawn(2))), store)
    assert shown == f"[picture 64x48: A dial]\n[picture 64x48: {SAYS}]"


def test_the_same_log_is_the_same_run_with_and_without_reading_where_there_is_nothing_to_read(store, tmp_path):
    path = run_file(tmp_path / "run.jsonl", text('- button "Send"'), image(drawn(1)))
    plain, read = (
        [run.id for run in read_trajectories(path, origin=Origin.REAL, pictures=store, words=w)] for w in (None, told)
    )
    assert plain == read


def chat_row(*parts: object) -> dict[str, Any]:
    answer = {"role": "assistant", "content": "Somebody has to come for it before six."}
    return {"messages": [{"role": "user", "content": list(parts)}, answer]}


def test_in_a_chat_the_part_of_a_picture_has_them(store):
    rows = [
        chat_row(image(drawn(1)), text("What now?")),
        chat_row(image(drawn(2), alt="A dial"), text("What now?")),
        chat_row(image(drawn(3)), text("word " * 20)),
    ]
    first, second, third = read_candidates(rows, origin=Origin.REAL, pictures=store, words=told)
    assert isinstance(first, Candidate) and isinstance(second, Candidate) and isinstance(third, Candidate)
    assert f"[picture 64x48: {SAYS}]" in first.context and f'"alt": "{SAYS}"' in first.chat
    assert "[picture 64x48: A dial]" in second.context and SAYS not in second.context + third.context


def test_a_mark_that_is_cut_off_leaves_no_letters_in_a_context(store, tmp_path):
    path = run_file(tmp_path / "run.jsonl", image(drawn(1)))
    long = " ".join(["parcel"] * 140)
    (run,) = read_trajectories(path, origin=Origin.REAL, pictures=store, words=lambda name: long)
    assert isinstance(run, Trajectory)
    assert "[picture 64x48: parcel parcel" in render_context(run, run.steps[1].idx)


def test_placeholders_within_the_words_of_a_mark_are_part_of_it():
    mark = Picture("0" * 64 + ".png", 64, 48, "write to [EMAIL_1], not [SECRET]").mark
    codes = {mark.split()[2].rstrip(":")}
    assert cut_at_marks(f"a {mark} b", codes) == [("a ", *codes), (" b", "")]
    assert without_codes(mark) == "[picture 64x48: write to [EMAIL_1], not [SECRET]]"


def test_a_withheld_picture_is_words_and_its_neighbour_stays():
    one, two = Picture("0" * 64 + ".png", 64, 48, "a"), Picture("1" * 64 + ".png", 64, 48)
    row = {"prompt": f"{one.mark} {two.mark}", PICTURES: {one.code: one.name, two.code: two.name}}
    made, count = without_pictures(row, {one.name})
    assert (made["prompt"], count) == (f"[picture 64x48: a] {two.mark}", 1)
    assert without_pictures(row, set()) == (row, 0)


def test_the_setting_without_the_extra_says_what_to_install(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    path = run_file(tmp_path / "run.jsonl", image(drawn(1)))
    with pytest.raises(InputError, match=r"recipe.pictures.ocr needs the ocr extra: pip install"):
        read_runs(path, Origin.REAL, ON, pictures=store)
    assert read_runs(path, Origin.REAL, Settings(), pictures=store)[0]
    assert words_of(store, PictureSettings()) is None


def test_an_extra_that_cannot_be_loaded_says_so(store, tmp_path, monkeypatch):
    (tmp_path / "rapidocr.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "rapidocr", raising=False)
    monkeypatch.setattr("synthdata.pictures.words.find_spec", lambda name: name)
    name = store.put(drawn(1)).name
    with pytest.raises(InputError, match=r"cannot be loaded \(libGL.so.1: cannot open.*opencv-python-headless"):
        PictureWords(store).shown(name)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["Access key", "AKI AWBF 2MNTPMAX6 7VLL", "Save changes"], "secrets"),
        (["Maps", "AlzaSyB3kT9mQx7Lw2Zp5Rn8Vc4Hd6Jf1Gs0aEoK"], "secrets"),
        (["password: plover-Quartz-77"], "secrets"),
        (["Password:", "plover-Quartz-77"], "secrets"),
        (["Password:", "Sign in"], None),
        (["Write to", "marta.keller@posteo.de"], "personal data"),
        (["Alza airport", "An AKI album by West 2", "Sort by name"], None),
        (["Order 48213", "Forgot password?", "Remember me"], None),
    ],
)
def test_what_lines_show_withholds_their_picture(lines, why, store, monkeypatch):
    monkeypatch.setattr("synthdata.pictures.words.find_spec", lambda name: name)
    name = store.put(drawn(1)).name
    note = store.words_folder / name[:2] / f"{name[:64]}.json"
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps([[line, 0.9] for line in lines]))
    scan = PictureScan(PictureWords(store), keep=False, redactors=())
    scan.look(name)
    assert scan.withheld.get(name) == why


KEY = "ghp_" + "8hQz2LmN4pRs6TvWx9YbCdEfGhJk3MnPq7Ru"
GOOGLE = "AIza" + "SyB3kT9mQx7Lw2Zp5Rn8Vc4Hd6Jf1Gs0aEo"


@pytest.fixture
def noted(store, monkeypatch):
    """The reader of a picture of which it is noted that it shows these lines."""
    monkeypatch.setattr("synthdata.pictures.words.find_spec", lambda name: name)
    name = store.put(drawn(1)).name
    note = store.words_folder / name[:2] / f"{name[:64]}.json"
    note.parent.mkdir(parents=True)

    def reader(*lines: str) -> str:
        note.write_text(json.dumps([[line, 0.9] for line in lines]))
        return PictureWords(store).shown(name)

    return reader


@pytest.mark.parametrize(
    ("lines", "shown", "leaves"),
    [
        (["Your token", KEY[:20], KEY[20:]], f"Your token {KEY}", "Your token [SECRET_1]"),
        (["Your token", *(KEY[at : at + 8] for at in range(0, 40, 8)), "Copy 1"], f"Your token {KEY} Copy 1", None),
        (["Maps", GOOGLE.replace("AI", "Al")], f"Maps {GOOGLE}", "Maps [SECRET_1]"),
        (["Id AKI AWBF 2MNTPMAX6 7VLL Save"], "Id AKIAWBF2MNTPMAX67VLL Save", "Id [SECRET_1] Save"),
        (["password：plover-Quartz-77"], "password:plover-Quartz-77", "password:[SECRET_1]"),
        (["Alza airport", "An AKI album", "by West 2"], "Alza airport An AKI album by West 2", None),
        (["Order 48213", "Invoice INV-2291-0047", "12.40 EUR"], "Order 48213 Invoice INV-2291-0047 12.40 EUR", None),
    ],
)
def test_no_piece_of_a_key_is_left_in_words(lines, shown, leaves, noted):
    assert noted(*lines) == shown
    if leaves:
        assert redacted(f"[picture 64x48: {shown}]") == f"[picture 64x48: {leaves}]"


def test_words_that_are_too_many_end_between_two_of_them(noted):
    assert noted("word " * 196 + "token", KEY) == ("word " * 196 + "token").strip()
    assert noted(" ".join(["four"] * 200), "more") == " ".join(["four"] * 200)
    assert noted("w" * 1200) == "w" * 1000


@pytest.mark.parametrize(
    "damage",
    ["[[" * 60_000, '{"a1": 0.9}', "{}", '[["a", NaN]]', '[["a", 7.5]]', "[[1, 0.9]]", '[["two\nlines", 0.9]]', "null"],
    ids=["deep", "object", "empty object", "no number", "over one", "number", "lines", "null"],
)
def test_a_damaged_note_is_a_lost_one(damage, tmp_path):
    note = tmp_path / "note.json"
    note.write_text(damage)
    assert _noted(note) is None
    note.write_text(json.dumps([["Delivery to Lyon", 1.0], ["x", 0.0]]))
    assert _noted(note) == [Line("Delivery to Lyon", 1.0), Line("x", 0.0)]


@pytest.mark.parametrize("damage", ["[[" * 60_000, "null", '{"name": "%s", "width": 1e999, "height": 1}'])
def test_a_damaged_note_of_a_kept_picture_is_a_lost_one(damage, store, tmp_path):
    kept = store.put(drawn(1))
    (note,) = (tmp_path / "corpus" / "cache" / "pictures").rglob("*.json")
    note.write_text(damage.replace("%s", kept.name))
    assert store.put(drawn(1)) == kept


# What is read.


class TestReading:
    pytestmark = reads

    def test_words_are_read_in_their_order_and_noted(self, store):
        name = store.put(written("Delivery to Lyon", "arrives on Friday")).name
        assert PictureWords(store).shown(name) == "Delivery to Lyon arrives on Friday"
        (note,) = store.words_folder.rglob("*.json")
        before = note.read_bytes()
        note.write_text(json.dumps([["noted", 0.9], ["unsure", 0.2]]))
        assert PictureWords(store).shown(name) == "noted"
        note.write_text("{broken")
        assert PictureWords(store).shown(name) == "Delivery to Lyon arrives on Friday"
        assert note.read_bytes() == before

    @pytest.mark.parametrize(
        "data",
        [drawn(3), written(""), written("", size=(2, 1500)), written("", size=(3000, 3)), written("", size=(1, 1))],
        ids=["shapes", "white", "narrow", "flat", "point"],
    )
    def test_a_picture_without_a_text_has_no_words(self, data, store):
        assert PictureWords(store).shown(store.put(data).name) == ""

    def test_letters_on_nothing_stand_on_white_and_small_ones_are_enlarged(self, store):
        reader = PictureWords(store)
        assert reader.shown(store.put(written("Delivery to Lyon", mode="RGBA")).name) == "Delivery to Lyon"
        small = store.put(written("Delivery to Lyon", size=(150, 60), letters=10)).name
        assert reader.shown(small) == "Delivery to Lyon"

    def test_words_are_one_line_without_brackets_and_without_end(self, store):
        reader, lines = PictureWords(store), [f"line [{i}] of a long page of words" for i in range(40)]
        shown = reader.shown(store.put(written(*lines, size=(500, 1400), letters=18)).name)
        assert 900 < len(shown) <= 1000 and "[" not in shown and shown.startswith("line (0) of a long page")

    def test_verbs_read_what_a_log_says_nothing_of(self, store, tmp_path):
        path = run_file(tmp_path / "run.jsonl", image(written("Delivery to Lyon")))
        (run,), _ = read_runs(path, Origin.REAL, ON, pictures=store)
        (again,), _ = read_runs(path, Origin.REAL, ON, pictures=store)
        (unread,), _ = read_runs(path, Origin.REAL, Settings(), pictures=store)
        assert "[picture 560x140: Delivery to Lyon]" in render_context(run, run.steps[1].idx)
        assert run.id == again.id != unread.id and "Lyon" not in unread.steps[1].observation
        assert "Delivery to Lyon" in read_reference(path, ON)[0][0].context
        assert list(store.names()) == [run.steps[1].media[0].picture]
        rows = tmp_path / "rows.jsonl"
        rows.write_text(json.dumps(chat_row(image(written("Delivery to Lyon")), text("What now?"))) + "\n")
        (row,), _ = read_rows(rows, Origin.REAL, ON, pictures=store)
        assert "Delivery to Lyon" in row.context
        assert any("Delivery to Lyon" in held["text"] for held in read_heldout(rows, ON))

    def test_pictures_that_nobody_keeps_are_gone_with_whoever_read_them(self):
        passing = PassingPictures()
        folder = passing.folder.parent
        assert PictureWords(passing).shown(passing.put(written("Lyon")).name) == "Lyon"
        del passing
        assert not folder.exists()


# What leaves.

PASSWORD = "plover-Quartz-77"
SHOTS = {
    "ordinary": written("Delivery to Lyon", "arrives on Friday"),
    "numbers": written("Order 48213", "3 parcels, 12.40 EUR"),
    "key": written("Your token", KEY),
    "wrapped": written("Your token", KEY[:20], KEY[20:]),
    "look alike": written("Maps", GOOGLE, size=(640, 140)),
    "mail": written("Signed in as", "marta.keller@posteo.de"),
    "known": written("Welcome back", PASSWORD),
}


def chats(store: PictureStore) -> list[Chat]:
    made = []
    for (name, data), answer in zip(SHOTS.items(), lessons(len(SHOTS), 5), strict=True):
        before = f"Log in. password: {PASSWORD}" if name == "known" else f"What does {name} show?"
        asked = {"role": "user", "content": [text(before), store.put(data).part()]}
        made.append(Chat([asked, {"role": "assistant", "content": answer}]))
    # What one chat's texts show to be a secret is one in every other.
    asked = {"role": "user", "content": [text("Where am I?"), store.put(SHOTS["known"]).part()]}
    return [Chat([asked, {"role": "assistant", "content": "On the page after the login."}]), *made]


def left(corpus: Corpus, out: Path, settings: Settings, **more: bool) -> tuple[set[str], dict[str, Any], list[str]]:
    """The pictures that left, by what they show; the manifest's facts of pictures; the notes."""
    corpus.settings = settings
    own = settings.recipe.export.model_copy(update={"real_share": 0.0, **more})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = export(corpus, out, ExportRequest(reference=False, pictures=True), settings=own)
    names = {corpus.store.pictures.put(data).name: name for name, data in SHOTS.items()}
    files = {names[path.name] for path in (out / "images").glob("*")}
    rows = "".join(path.read_text(encoding="utf-8") for path in sorted(out.rglob("*.jsonl")))
    assert KEY not in rows and PASSWORD not in rows
    return files, json.loads((out / "manifest.json").read_text(encoding="utf-8"))["pictures"], list(report.notes)


class TestLeaving:
    pytestmark = reads

    def test_a_picture_that_shows_a_secret_stays_and_an_ordinary_one_leaves(self, tmp_path):
        path = tmp_path / "corpus"
        corpus = chat_corpus(path, chats(PictureStore(path / "blobs", path / "cache" / "pictures")))
        on = corpus.settings.with_value("recipe.pictures.ocr", True)
        files, facts, notes = left(corpus, tmp_path / "read", on)
        assert files == {"ordinary", "numbers"} and facts["files"] == 2
        assert facts["withheld"]["because_of"] == {"personal data": 1, "secrets": 4}
        assert facts["withheld"]["places"] == {"messages": 6, "sft": 6}
        assert "pictures that left as words alone, since they show secrets: 4" in notes
        kept, facts, _ = left(corpus, tmp_path / "kept", on, keep_personal_data=True)
        assert kept == {"ordinary", "numbers", "mail"} and facts["withheld"]["because_of"] == {"secrets": 4}
        unread, facts, notes = left(
            corpus, tmp_path / "unread", corpus.settings.with_value("recipe.pictures.ocr", False)
        )
        assert unread == set(SHOTS) and facts["withheld"] is None
        assert any("pictures that left unread, and what they show with them: 7" in note for note in notes)
