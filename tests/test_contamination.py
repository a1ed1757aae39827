"""The held-out list: what is quoted, contained whole or lightly edited is found; unrelated real texts are not."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import edit, lessons
from typer.testing import CliRunner

from synthdata import Candidate, Corpus, Settings
from synthdata.cli import app
from synthdata.errors import InputError
from synthdata.gate.heldout import HeldOut, hash_row, read_heldout_list
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Reason
from synthdata.settings import GateSettings

GATE = GateSettings()
HASHING = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 96}}})
HELD = lessons(40, 77)
SHORT = "Which band did Jonny Craig leave in 2012?"


@given(st.integers(0, 39), st.integers(0, 12), st.sampled_from(lessons(9, 5)), st.booleans())
@settings(max_examples=40)
def test_a_held_out_text_inside_another_is_found_with_its_span(which, skip, around, shout):
    words = " ".join(f"{HELD[which]} {HELD[(which + 1) % 40]}".split()[skip:])
    inside = words.upper() if shout else words.replace(" ", "  \u200b")
    found = HeldOut([words], settings=GATE).overlap(f"{around}\n{inside}\n{around}")
    assert found is not None and found.score >= found.threshold == GATE.contaminated_ngram
    assert set(found.span.removesuffix(" ...").split()[:-1]) <= set(re.findall(r"\w+", words.lower()))


def test_a_light_edit_that_breaks_every_long_sequence_is_found_by_minhash():
    rng, held = random.Random(3), HeldOut(HELD, settings=GATE)
    edited = [edit(text, rng) for text in HELD]
    kinds = {found.kind for text in edited if (found := held.overlap(text)) is not None}
    assert all(held.overlap(text) for text in edited)
    assert "edit of a held-out text" in kinds


@pytest.mark.parametrize(
    "text", [SHORT, SHORT.lower(), f"I read: {SHORT} The answer was hidden.", "先打开冰箱再去查看柜子里面"]
)
def test_short_texts_are_found_whole(text):
    held = HeldOut([SHORT, "打开冰箱再去查看柜子"], settings=GATE)
    assert held.overlap(text) is not None
    assert held.overlap("Which band did Jonny Craig join in 2012?") is None


@pytest.mark.parametrize("trivial", ["yes", "The answer is 4.", "It is not in the", "You can not do it for me.", ""])
def test_trivial_texts_count_only_when_equal(trivial):
    held = HeldOut([trivial], settings=GATE)
    assert held.overlap(f"The agent said: {trivial} And then it went on to the next room.") is None
    assert held.overlap(trivial) is not None


def test_boilerplate_of_many_held_out_texts_proves_nothing():
    form = "Give the solution in the form of one integer number and of nothing else than that at all."
    forms = [f"{text} {form}" for text in HELD]
    assert HeldOut(forms[:3], settings=GATE).overlap(form) is not None
    held = HeldOut(forms, settings=GATE)
    assert held.overlap(form) is None
    assert held.overlap(f"So it says: {forms[3]}") is not None


def test_hashes_find_copies_and_long_quotes_without_the_text(tmp_path: Path):
    rows = [hash_row(text, GATE) for text in [*HELD, SHORT]]
    assert not any(word in json.dumps(rows) for text in HELD for word in text.split() if len(word) > 5)
    held = HeldOut.of_rows(rows, GATE)
    assert held.overlap(HELD[0].upper()) is not None
    assert held.overlap(f"He asked: {SHORT} Nobody knew.") is not None
    assert HeldOut.of_rows([{"key": rows[0]["key"]}], GATE).overlap(HELD[0]) is not None
    file = tmp_path / "list.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_heldout_list(file) == rows
    # Hashes have 64 bits and no sign.
    for bad in ({"text": 3}, {"key": rows[0]["key"], "grams": [-1]}, {"key": rows[0]["key"], "grams": [1 << 64]}):
        file.write_text(f"{json.dumps(rows[0])}\n{json.dumps(bad)}\n")
        with pytest.raises(InputError, match="line 2"):
            read_heldout_list(file)
    file.write_text(json.dumps({"key": rows[0]["key"], "grams": [0, (1 << 64) - 1]}))
    assert read_heldout_list(file)


def corpus_at(path: Path, heldout: list[str]) -> Corpus:
    reference = [ReferenceRow(text, "", f"t{i}") for i, text in enumerate(lessons(200, 1))]
    return Corpus.init(path, reference, settings=HASHING, heldout=[{"text": text} for text in heldout])


def test_the_gate_refuses_content_and_context_and_says_what_they_share(tmp_path: Path):
    corpus = corpus_at(tmp_path / "c", HELD)
    fresh = lessons(12, 9)
    asked = [Candidate(HELD[0].lower()), Candidate(fresh[0], context=f"Task: {HELD[1]} {HELD[2]}"), Candidate(fresh[1])]
    report = corpus.admit(asked)
    reasons = {d.candidate.content: d.reason for d in report.decisions}
    assert [reasons[c.content] for c in asked] == [Reason.CONTAMINATED, Reason.CONTAMINATED, None]
    spans = {d.detail for d in report.rejected}
    assert any(HELD[1].split()[4] in span for span in spans)


def test_added_later_it_holds_from_then_on_and_names_what_is_in_already(tmp_path: Path):
    corpus = corpus_at(tmp_path / "c", [])
    first, second = lessons(2, 31)
    assert corpus.admit([Candidate(first)]).counts["admit"] == 1
    (tmp_path / "later.jsonl").write_text(json.dumps({"text": first}) + "\n" + json.dumps({"text": second}) + "\n")
    done = CliRunner().invoke(app, ["heldout", str(tmp_path / "c"), str(tmp_path / "later.jsonl"), "--json"])
    said = json.loads(done.stdout)
    assert (done.exit_code, said["added"], list(said["overlapping"])) == (1, 2, [Candidate(first).id])
    assert Corpus.open(tmp_path / "c").admit([Candidate(second)]).reasons == {"contaminated": 1}
    done = CliRunner().invoke(app, ["heldout", str(tmp_path / "c"), str(tmp_path / "later.jsonl"), "--hashed"])
    assert done.exit_code == 1
    assert len(list((tmp_path / "c" / "heldout").glob("*.jsonl"))) == 2


def feedback(folder: Path) -> list[str]:
    found = set()
    for path in sorted(folder.glob("*.jsonl.gz")):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            for message in json.loads(line)["state"]["history"][1:]:
                if message["role"] == "user" and "Expert feedback:" in message["content"]:
                    found.add(message["content"].split("Expert feedback:")[1].strip())
    return sorted(found)


def test_false_alarms_on_unrelated_real_texts(shared_data: Path):
    with gzip.open(shared_data / "attack-null-model" / "baseline_outputs.json.gz", "rt", encoding="utf-8") as file:
        rows = json.load(file)
    held = HeldOut(sorted({row["instruction"] for row in rows}), settings=GATE)
    unrelated = feedback(shared_data / "traj-mint-feedback")
    assert len(unrelated) > 2000
    assert [text for text in unrelated if held.overlap(text)] == []
    # AlpacaEval holds these instructions of Self-Instruct: the other list must be found in it.
    seeds = (shared_data / "div-self-instruct-seeds" / "user_oriented_instructions.jsonl").read_text(encoding="utf-8")
    asked = [json.loads(line)["instruction"] for line in seeds.splitlines()]
    assert sum(held.overlap(text) is not None for text in asked) > 150
