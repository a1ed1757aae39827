"""Rounds against a stored corpus: counts, idempotence, order, kills, and the half-open anchor."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sample_texts import edit, lessons

from synthdata import Candidate, Corpus, Settings
from synthdata.corpus.digest import digest
from synthdata.errors import AnchorError, InputError
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.status import explain, status
from synthdata.records import QuarantinedRow

HASHING = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 96}}})


def reference(rows: int = 200) -> list[ReferenceRow]:
    return [ReferenceRow(text, "", f"t{i}") for i, text in enumerate(lessons(rows, 1))]


def numbered(texts: list[str]) -> list[Candidate]:
    seen: Counter[str] = Counter()
    made = []
    for text in texts:
        made.append(Candidate(text, occurrence=seen[text]))
        seen[text] += 1
    return made


def mixed(size: int, seed: int = 0) -> list[Candidate]:
    """Three copies and two light edits in ten, the rest fresh."""
    rng = random.Random(seed)
    fresh = lessons(size // 2, 100 + seed, topics=40)
    texts = fresh + [rng.choice(fresh) for _ in range(size * 3 // 10)]
    texts += [edit(rng.choice(fresh), rng) for _ in range(size - len(texts))]
    return numbered(texts)


def test_counts_add_up_and_the_same_input_changes_nothing(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", reference(), settings=HASHING)
    candidates = mixed(300)
    report = corpus.admit(candidates)
    assert sum(report.counts.values()) == 300
    assert report.counts["reject"] == sum(report.reasons.values())
    assert report.reasons["exact_duplicate"] >= 80
    before, version = digest(corpus.store), corpus.store.decisions_table.version()
    again = corpus.admit(list(reversed(candidates)))
    assert again.repeated and again.already_decided == 300 and not again.decisions
    part = corpus.admit(candidates[:50])
    assert part.already_decided == 50 and not part.decisions
    assert digest(corpus.store) == before
    assert corpus.store.decisions_table.version() == version


def test_a_larger_file_decides_only_what_is_new(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", reference(), settings=HASHING)
    corpus.admit(mixed(100))
    report = corpus.admit(mixed(100) + numbered(lessons(50, 777)))
    assert report.already_decided == 100
    assert sum(report.counts.values()) == 50
    facts = status(corpus.store)
    assert facts["candidates"] == 150 == facts["admitted"] + sum(facts["rejected"].values()) + facts["quarantined"]
    assert facts["already_decided"] == 100


def test_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    digests = set()
    for seed in range(3):
        corpus = Corpus.init(tmp_path / f"c{seed}", reference(), settings=HASHING)
        candidates = mixed(150)
        random.Random(seed).shuffle(candidates)
        corpus.admit(candidates)
        digests.add(digest(corpus.store))
    assert len(digests) == 1


def test_rows_that_cannot_be_read_are_part_of_the_round(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", reference(), settings=HASHING)
    broken = [QuarantinedRow("a.jsonl", 7, "not JSON", "{oops"), QuarantinedRow("a.jsonl", 9, "not JSON", "{oops")]
    report = corpus.admit(mixed(20), quarantined=broken)
    assert report.counts["quarantine"] == 2
    assert status(corpus.store)["quarantined"] == 2
    rows = [d for d in report.decisions if d.verdict == "quarantine"]
    assert "a.jsonl, line 7: not JSON" in {d.detail for d in rows}


def test_explain_shows_neighbour_and_numbers(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", reference(), settings=HASHING)
    report = corpus.admit(mixed(100))
    copy = next(d for d in report.rejected if d.reason == "exact_duplicate")
    facts = explain(corpus.store, copy.candidate.id[:12])
    assert facts["reason"] == "exact_duplicate"
    assert facts["neighbour"]["content"].lower() == copy.candidate.content.lower()
    admitted = explain(corpus.store, report.admitted[0].candidate.id)
    assert {"corpus_p", "corpus_p_after", "cell_limit", "cosine"} <= set(admitted["numbers"])
    with pytest.raises(InputError, match="no row with this id"):
        explain(corpus.store, "zzz")


def bare(rows: int = 200) -> list[ReferenceRow]:
    return [ReferenceRow("", text, f"t{i}") for i, text in enumerate(lessons(rows, 1))]


def reviewed(count: int, runs: int, seed: int = 5) -> list[Candidate]:
    contexts, contents = lessons(count, 1), lessons(count, seed)
    return [Candidate(contents[i], contexts[i], task_id=f"task {i % runs}") for i in range(count)]


def test_first_round_fills_an_open_anchor_and_says_so(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", bare(), settings=HASHING)
    assert corpus.store.views == "two"
    assert "first round will set it" in floor_of(corpus)
    with pytest.raises(AnchorError, match="30 trajectories past the floor and has 20"):
        corpus.admit(reviewed(60, runs=20))
    assert corpus.store.latest_round() == 0
    report = corpus.admit(reviewed(60, runs=60))
    assert report.counts["admit"] >= 20
    assert "relative to the first round" in floor_of(corpus)
    assert not report.alarm
    second = corpus.admit(reviewed(60, runs=60, seed=6))
    assert sum(second.counts.values()) == 60


def floor_of(corpus: Corpus) -> str:
    from synthdata.monitor.status import floor_note

    return floor_note(status(corpus.store)["anchor"])


def test_a_collapsed_first_round_raises_an_alarm(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", bare(), settings=HASHING)
    # Two lessons with ever new details, far enough apart that no duplicate test sees them.
    bases = [" ".join(text.split()[:12]) for text in lessons(2, 9)]
    extra = [text.split()[-5:] for text in lessons(120, 10)]
    candidates = []
    for i, row in enumerate(bare(120)):
        text = f"{bases[i % 2]} {' '.join(extra[i])}"
        candidates.append(Candidate(text, row.context, task_id=str(i)))
    report = corpus.admit(candidates)
    assert "effective number" in report.alarm


def test_two_view_row_without_context_is_malformed(tmp_path: Path) -> None:
    rows = [ReferenceRow(t, f"about {i}", f"t{i}") for i, t in enumerate(lessons(200, 1))]
    corpus = Corpus.init(tmp_path / "c", rows, settings=HASHING)
    report = corpus.admit(numbered(lessons(5, 3)))
    assert report.reasons == {"malformed": 5}


def test_encoder_of_another_model_is_refused(tmp_path: Path) -> None:
    Corpus.init(tmp_path / "c", reference(), settings=HASHING)
    other = HASHING.with_value("recipe.encoder.dim", 64)
    with pytest.raises(AnchorError, match="cannot be compared"):
        Corpus.open(tmp_path / "c", settings=other).admit(mixed(5))


CHILD = """
import json, sys
from synthdata import Candidate, Corpus
rows = [Candidate(**row) for row in json.load(open(sys.argv[2]))]
corpus = Corpus.open(sys.argv[1])
print("ready", flush=True)
corpus.admit(rows)
"""


def as_json(candidates: list[Candidate]) -> list[dict[str, Any]]:
    return [{"content": c.content, "occurrence": c.occurrence} for c in candidates]


def test_killed_rounds_end_like_the_undisturbed_one(tmp_path: Path) -> None:
    candidates = mixed(400)
    (tmp_path / "rows.json").write_text(json.dumps(as_json(candidates)))
    calm = Corpus.init(tmp_path / "calm", reference(), settings=HASHING)
    calm.admit(candidates)
    Corpus.init(tmp_path / "c", reference(), settings=HASHING)
    rng = random.Random(1)
    command = [sys.executable, "-c", CHILD, str(tmp_path / "c"), str(tmp_path / "rows.json")]
    killed = 0
    for _ in range(8):
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(rng.uniform(0.0, 1.2))
        killed += child.poll() is None
        child.kill()
        child.wait()
        child.stdout.close()
    assert killed
    subprocess.run(command, check=True, capture_output=True)
    again = Corpus.open(tmp_path / "c")
    assert digest(again.store) == digest(calm.store)
    assert status(again.store)["metrics"] == status(calm.store)["metrics"]
