"""The memory: the right lesson first, scopes, diversity, what later evidence does to a lesson, and a cache to lose."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from export_corpus import RECIPE, SAMPLE, game_runs
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import lessons as made_texts
from typer.testing import CliRunner

from synthdata import Candidate, Corpus, Settings
from synthdata.cli import app
from synthdata.cli.dashboard import server
from synthdata.corpus import to_decision
from synthdata.corpus.verify import verify
from synthdata.errors import InputError
from synthdata.gate.reference import ReferenceRow
from synthdata.labelling.opinions import take_labels
from synthdata.memory import Memory, Scope, recall, supersede
from synthdata.memory.api import lessons_router
from synthdata.memory.index import build_index, open_index, present
from synthdata.memory.words import WordIndex, words_of
from synthdata.operations.reflect import Work, remember
from synthdata.operations.retract import Selector, retract
from synthdata.records import Decision, GeneratorStamp, LabelSource, Lesson, Reflection, StepReview, Trajectory, Verdict
from synthdata.reflection import restatements, to_candidate
from synthdata.settings import FloorSettings, MemorySettings

# Lessons about text games, and what an agent could ask in another game.
LABELLED = (
    (
        "Take the key from the floor before you try the safe, since it stays locked without.",
        "safe stays locked, no key taken",
    ),
    (
        "A latchkey fits only the chest of the same type; look at the label of both.",
        "which label must a latchkey have to fit",
    ),
    ("Open the wooden door first; walking through a closed one fails.", "walking through a closed wooden door fails"),
    ("Looking at the room twice wastes a move, since nothing changes between two looks.", "is looking twice wasted"),
    ("Food is cooked with the stove; raw meat eaten loses the game.", "raw meat must be cooked on a stove first"),
    (
        "Drop nothing that the recipe names before the meal is prepared.",
        "recipe names it, meal is not prepared, drop it?",
    ),
)


RUNS = game_runs(80)


def review(run: Trajectory, text: str, label: str = "bad", sample: int = 0) -> Candidate:
    """The candidate of a review of the run's first move."""
    step = run.agent_steps[0].idx
    made = Reflection(
        run.id, run.task_id, step, "model", "other", "", Lesson(text, "in such a room"),
        GeneratorStamp("scripted", "0" * 64, sample),
        steps=(StepReview(step, label, 0.5, (LabelSource("judge", label),)),),
    )  # fmt: skip
    return to_candidate(made, run)


def enter(corpus: Corpus, candidates: list[Candidate], key: str) -> None:
    """Commit rows as admitted without asking the gate, which is not what is tested here."""
    content = corpus.encode([candidate.content for candidate in candidates])
    context = corpus.encode([candidate.context for candidate in candidates])
    vectors = {candidate.id: pair for candidate, *pair in zip(candidates, context, content, strict=True)}
    decisions = [Decision(candidate, Verdict.ADMIT, "admit", cell=0) for candidate in candidates]
    with corpus.store.writing() as store:
        store.commit_round(decisions, vectors, round_key=key, recipe="r", anchor=0)


def two_view(path: Path) -> None:
    """Made-up lessons about real runs in round 1, the labelled ones in round 2."""
    corpus = Corpus.init(path, SAMPLE, settings=Settings.from_dict({"recipe": RECIPE}))
    runs = RUNS
    remember(corpus, Work(tuple(runs), (), 0))
    enter(corpus, [review(run, text) for run, text in zip(runs[:60], made_texts(60, 3), strict=True)], "one")
    enter(corpus, [review(run, text) for run, (text, _) in zip(runs[60:], LABELLED, strict=False)], "two")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "c"
    two_view(path)
    return path


@pytest.fixture
def corpus(made: Path, tmp_path: Path) -> Corpus:
    shutil.copytree(made, tmp_path / "c")
    return Corpus.open(tmp_path / "c")


def test_the_right_lesson_comes_first(made):
    memory = Memory.open(made)
    first = {query: memory.recall(query, 1)[0].content for _, query in LABELLED}
    assert {query: text in first[query] for text, query in LABELLED} == {query: True for _, query in LABELLED}


def test_a_task_without_its_first_sentence_finds_a_lesson_of_that_task(tmp_path):
    by_task = {run.task_id: run for run in RUNS}
    made = [(run, next(iter(restatements(run, FloorSettings())), None)) for run in by_task.values()]
    found = [(run, to_candidate(first, run)) for run, first in made if first is not None]
    corpus = Corpus.init(tmp_path / "c", SAMPLE, settings=Settings.from_dict({"recipe": RECIPE}))
    remember(corpus, Work(tuple(RUNS), (), 0))
    enter(corpus, [candidate for _, candidate in found], "one")
    memory = Memory.open(corpus.store)
    assert len(memory) >= 15
    queries = [re.split(r"(?<=[.!]) ", run.task, maxsplit=1)[1] for run, _ in found]
    first = [memory.recall(query, 1)[0].task_id for query in queries]
    assert first == [run.task_id for run, _ in found]


def test_an_answer_carries_where_it_comes_from(made):
    (found,) = recall(made, LABELLED[0][1], 1)
    run = RUNS[60]
    assert (found.lesson, found.when) == (LABELLED[0][0], "in such a room")
    assert (found.trajectory_id, found.step, found.round) == (run.id, run.agent_steps[0].idx, 2)
    assert (found.task_id, found.source, found.licence) == (run.task_id, run.source, run.licence)
    assert (found.judged, found.standing.status) == ("none", "standing")
    assert 0 < found.score <= 1 and found.bm25 > 0


def test_scopes_leave_out_all_else(made):
    memory = Memory.open(made)
    run = RUNS[61]
    assert {item.task_id for item in memory.recall("chest", 50, Scope(task=run.task_id))} == {run.task_id}
    assert {item.round for item in memory.recall("chest", 50, Scope(since=2))} == {2}
    assert memory.recall("chest", 5, Scope(source="nobody")) == []
    assert memory.recall("chest", 5, Scope(licence="none of these")) == []
    assert memory.recall(" \n", 5) == []
    assert len(memory.recall("chest", 1000)) <= 2 * MemorySettings().pool
    assert {item.round for item in Memory.open(made, as_of=1).recall("unlock the safe", 50)} == {1}
    with pytest.raises(InputError, match="limit"):
        memory.recall("chest", 0)
    with pytest.raises(InputError, match="numbers"):
        memory.nearest("chest", np.zeros(3, dtype=np.float32))


def test_reading_takes_no_lock_and_changes_no_table(corpus):
    before = corpus.store.decisions_table.version(), corpus.store.events_table.version()
    with corpus.store.writing():
        assert Memory.open(corpus.store.path).recall("unlock the safe", 1)
    assert (corpus.store.decisions_table.version(), corpus.store.events_table.version()) == before


def test_the_saved_index_answers_as_the_made_one_and_may_be_lost(corpus):
    store = corpus.store
    fresh = build_index(store)
    saved = open_index(store)
    assert saved is not None and isinstance(saved.vectors, np.memmap)
    assert saved.rows.equals(fresh.rows)
    np.testing.assert_array_equal(saved.vectors, fresh.vectors)
    expected = Memory.open(store).recall("unlock the safe", 10)
    folder = store.derived_path("lessons")
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        assert open_index(store) is None
        path.write_bytes(content)
    shutil.rmtree(folder)
    assert Memory.open(store).recall("unlock the safe", 10) == expected


def test_retracted_rows_answer_no_more(corpus):
    before = Memory.open(corpus.store)
    (gone,) = before.recall(LABELLED[0][1], 1)
    retract(corpus, Selector(ids=(gone.id,)), "wrong")
    after = Memory.open(corpus.store)
    assert len(after) == len(before) - 1
    assert gone.id not in {item.id for item in after.recall(LABELLED[0][1], 50)}


def test_a_superseded_lesson_is_marked_and_kept(corpus):
    old, new = (recall(corpus.store.path, query, 1)[0] for _, query in LABELLED[:2])
    assert supersede(corpus.store, old.id, "the other one says more", new.id)
    assert not supersede(corpus.store, old.id, "the other one says more", new.id)
    (found,) = recall(corpus.store.path, LABELLED[0][1], 1)
    assert (found.id, found.standing.status, found.standing.by) == (old.id, "superseded", new.id)
    assert old.id not in {item.id for item in recall(corpus.store.path, LABELLED[0][1], 50, Scope(standing=True))}
    assert verify(corpus.store) == []
    for name, because, by in (("nobody", "why", ""), (old.id, " ", ""), (old.id, "why", old.id)):
        with pytest.raises(InputError):
            supersede(corpus.store, name, because, by)


def test_a_person_contradicts_a_review_and_another_person_annuls_that(corpus, tmp_path):
    (found,) = recall(corpus.store.path, LABELLED[0][1], 1)
    said = {
        "trajectory_id": found.trajectory_id,
        "step": found.step,
        "label": "good",
        "by": "ana",
        "note": "it was fine",
    }
    (tmp_path / "labels.jsonl").write_text(json.dumps(said) + "\n", encoding="utf-8")
    take_labels(corpus.store, tmp_path / "labels.jsonl", corpus.settings.runtime)
    standing = recall(corpus.store.path, LABELLED[0][1], 1)[0].standing
    assert (standing.status, standing.by, standing.because) == ("contradicted", "ana", "it was fine")
    (tmp_path / "more.jsonl").write_text(json.dumps(said | {"by": "bo", "label": "bad"}) + "\n", encoding="utf-8")
    take_labels(corpus.store, tmp_path / "more.jsonl", corpus.settings.runtime)
    assert recall(corpus.store.path, LABELLED[0][1], 1)[0].standing.status == "standing"


def test_a_later_review_of_the_same_step_contradicts_an_earlier_one(corpus):
    run = RUNS[60]
    later = review(run, "That first move was sound: it brings you nearer to what the note asks.", "good", 7)
    enter(corpus, [later], "three")
    memory = Memory.open(corpus.store)
    found = {item.id: item for item in memory.recall(LABELLED[0][1], 100)}
    (old,) = (item for item in found.values() if item.lesson == LABELLED[0][0])
    assert (old.standing.status, old.standing.by) == ("contradicted", later.id)
    assert found[later.id].standing.status == "standing"


def test_an_answer_does_not_say_one_thing_five_times(tmp_path):
    texts = made_texts(140, 1)
    rows = [ReferenceRow(text, "", str(i)) for i, text in enumerate(texts)]
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 96}}})
    corpus = Corpus.init(tmp_path / "c", rows, settings=settings)
    corpus.admit([Candidate(text) for text in made_texts(60, 5)])
    memory = Memory.open(corpus.store)
    for query in made_texts(5, 5):
        varied = memory.recall(query, 5)
        memory.settings = memory.settings.model_copy(update={"mmr_relevance": 1.0})
        plain = memory.recall(query, 5)
        memory.settings = MemorySettings()
        assert varied[0] == plain[0] and varied[0].content == query
        assert spread(memory, varied) <= spread(memory, plain) + 1e-6


def spread(memory: Memory, found) -> float:
    """Mean cosine between the answers."""
    x = memory._encoder.encode([item.content for item in found])
    return float((x @ x.T)[np.triu_indices(len(x), 1)].mean())


def test_the_best_are_those_of_brute_force(made):
    memory = Memory.open(made)
    memory.settings = memory.settings.model_copy(update={"mmr_relevance": 1.0, "pool": 12})
    # The pool is smaller than the corpus, and the row with the best cosine need not be in it.
    for query in [*made_texts(20, 3), *(query for _, query in LABELLED), "the", "zzz qqq"]:
        vector = memory._encoder.encode([query])[0]
        cosines = np.maximum(memory.vectors.astype(np.float64) @ vector.astype(np.float64), 0.0)
        bm25 = memory.words.scores(query, memory.settings)
        best = 0.5 * cosines / cosines.max() + 0.5 * bm25 / (bm25.max() or 1.0)
        expected = np.sort(best)[::-1][:10]
        found = [item.score for item in memory.nearest(query, vector, 10)]
        np.testing.assert_allclose(found, expected[: len(found)], atol=1e-12)
        assert len(found) == min(10, int((best > 0).sum()))


TEXT = st.lists(st.sampled_from("key safe door stove chest west a the".split()), max_size=12).map(" ".join)


@given(st.lists(TEXT, min_size=1, max_size=12), TEXT)
def test_word_scores_are_bm25_to_the_letter(texts, query):
    settings = MemorySettings()
    n, lengths = len(texts), [len(words_of(text)) for text in texts]
    mean = max(1.0, sum(lengths) / n)
    expected = np.zeros(n)
    for word in set(words_of(query)):
        holding = [words_of(text).count(word) for text in texts]
        df = sum(count > 0 for count in holding)
        idf = np.log1p((n - df + 0.5) / (df + 0.5))
        for i, count in enumerate(holding):
            norm = settings.bm25_k1 * (1 - settings.bm25_b + settings.bm25_b * lengths[i] / mean)
            expected[i] += idf * count * (settings.bm25_k1 + 1) / (count + norm) if count else 0.0
    np.testing.assert_allclose(WordIndex.of(texts).scores(query, settings), expected, atol=1e-12)


def test_the_verbs_show_and_mark(corpus):
    run = CliRunner()
    path = str(corpus.store.path)
    shown = run.invoke(app, ["lessons", path, LABELLED[0][1], "--limit", "2"])
    assert shown.exit_code == 0, shown.output
    assert "standing" in shown.stdout and "round 2" in shown.stdout
    answer = json.loads(run.invoke(app, ["lessons", path, LABELLED[0][1], "--json"]).stdout)
    name = answer["lessons"][0]["id"]
    assert len(answer["lessons"]) == 5 and answer["searched"] == len(Memory.open(path))
    assert run.invoke(app, ["supersede", path, name, "--because", "no longer so", "--contradicted"]).exit_code == 0
    answer = json.loads(run.invoke(app, ["lessons", path, LABELLED[0][1], "--json"]).stdout)
    assert answer["lessons"][0]["standing"] == {"status": "contradicted", "by": "", "because": "no longer so"}


def test_the_endpoint_answers_as_the_verb_and_follows_the_corpus(corpus):
    server = FastAPI()
    server.include_router(lessons_router(corpus.store.path))
    client = TestClient(server)
    first = client.get("/lessons", params={"query": LABELLED[0][1], "limit": 3}).json()
    assert first["lessons"][0]["lesson"] == LABELLED[0][0] and len(first["lessons"]) == 3
    supersede(corpus.store, first["lessons"][0]["id"], "overtaken")
    again = client.get("/lessons", params={"query": LABELLED[0][1], "standing": True}).json()
    assert first["lessons"][0]["id"] not in {item["id"] for item in again["lessons"]}
    for wrong in (
        {},
        {"query": ""},
        {"query": "x", "limit": 0},
        {"query": "x", "limit": 1000},
        {"query": "x" * 30_000},
    ):
        assert client.get("/lessons", params=wrong).status_code == 422


def test_the_dashboard_serves_lessons_behind_its_guard(made):
    app = server(made, "s" * 20, None, loopback=True)
    client = TestClient(app, base_url="http://127.0.0.1")
    asked = {"query": LABELLED[0][1], "limit": 1}
    assert client.get("/lessons", params=asked).status_code == 401
    shown = client.get("/lessons", params=asked, headers={"Authorization": f"Bearer {'s' * 20}"})
    assert shown.json()["lessons"][0]["lesson"] == LABELLED[0][0]
    assert shown.headers["Cache-Control"] == "no-store"
    foreign = TestClient(app, base_url="http://elsewhere.example")
    assert foreign.get("/lessons", params=asked).status_code == 400


def test_what_is_present_is_what_the_store_says(corpus):
    store = corpus.store
    (gone, back) = (item.id for item in Memory.open(store).recall("unlock the safe", 2))
    retract(corpus, Selector(ids=(gone, back)), "wrong")
    row = store.decision(back)
    assert row is not None
    with store.writing():
        store.commit_round(
            [replace(to_decision(row), verdict=Verdict.ADMIT)],
            {back: (np.array(row["context_vector"], np.float32), np.array(row["content_vector"], np.float32))},
            round_key="again", recipe="r", anchor=0, kind="reconsider",
        )  # fmt: skip
    for as_of in (None, 0, 1, 2, 3):
        index = build_index(store)
        kept = set(index.rows["id"].to_numpy()[present(index, store, as_of)])
        assert kept == store.admitted_ids(as_of)
    assert back in store.admitted_ids() and gone not in store.admitted_ids()


KILLED_WHILE_INDEXING = """
import os, sys, threading, time
from synthdata.corpus import CorpusStore
from synthdata.memory.index import build_index
store = CorpusStore.open(sys.argv[1])
build_index(store)
threading.Thread(target=lambda: (time.sleep(float(sys.argv[2])), os.kill(os.getpid(), 9)), daemon=True).start()
import shutil
while True:
    shutil.rmtree(store.derived_path("lessons"))
    build_index(store)
"""


def test_a_kill_while_the_index_is_made_leaves_a_whole_one_or_none(corpus):
    store = corpus.store
    expected = Memory.open(store).recall("unlock the safe", 5)
    for delay in (0.02, 0.05, 0.11):
        child = subprocess.run([sys.executable, "-c", KILLED_WHILE_INDEXING, str(store.path), str(delay)], check=False)
        assert child.returncode == -9
        # The index is whole, or absent, or its folder was being removed: an answer is right in every case.
        assert Memory.open(store).recall("unlock the safe", 5) == expected
    assert verify(store) == []


def test_rebuilding_makes_the_index_again_and_older_ones_go(corpus):
    store = corpus.store
    Memory.open(store)
    old = store.derived_path("lessons")
    enter(corpus, [review(RUNS[70], "A later lesson about the lamp in the attic.")], "three")
    assert CliRunner().invoke(app, ["lessons", str(store.path), "lamp in the attic"]).exit_code == 0
    assert store.derived_path("lessons") != old and not old.exists()
    assert open_index(store) is not None
