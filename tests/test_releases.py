"""Releases and retraction: what differs from release to release, and rows that are taken out stay out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from export_corpus import game_corpus
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import lessons
from typer.testing import CliRunner

from synthdata.api import Corpus
from synthdata.cli import app
from synthdata.corpus.releases import Release, difference, holding, members, releases
from synthdata.corpus.verify import verify
from synthdata.errors import InputError, RefusedError
from synthdata.export.build import ExportRequest, export
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.status import status
from synthdata.operations.retract import Selector, named, retract
from synthdata.records import Candidate
from synthdata.rounds.restore import recheck
from synthdata.settings import Settings

HASHING = {"encoder": {"backend": "hashing", "dim": 64}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One corpus to copy: 90 candidates of three sources and seven tasks."""
    path = tmp_path_factory.mktemp("made") / "c"
    rows = [ReferenceRow(text, f"about {i}", f"t{i}", "books") for i, text in enumerate(lessons(200, 1))]
    corpus = Corpus.init(path, rows, settings=Settings.from_dict({"recipe": HASHING}))
    texts = lessons(90, 2)
    corpus.admit(
        [
            Candidate(t, f"about {i}", external_id=f"e{i}", source=f"s{i % 3}", task_id=f"task {i % 7}")
            for i, t in enumerate(texts)
        ]
    )
    return path


@pytest.fixture
def corpus(made: Path, tmp_path: Path) -> Corpus:
    shutil.copytree(made, tmp_path / "c")
    return Corpus.open(tmp_path / "c")


@given(st.lists(st.frozensets(st.sampled_from("abcdefg"), min_size=1), min_size=1, max_size=8))
def test_members_follow_from_the_differences(sets: list[frozenset[str]]) -> None:
    known: list[Release] = []
    for i, keys in enumerate(sets):
        number, added, removed, new = difference(known, f"k{i}", keys)
        assert new and number == i + 1
        known.append(Release(number, f"k{i}", "out", 1, len(keys), tuple(added), tuple(removed)))
    assert [keys for _, keys in members(known)] == sets
    held = holding(known, frozenset("ab"))
    assert [(release.number, n) for release, n in held] == [
        (i + 1, len(keys & set("ab"))) for i, keys in enumerate(sets) if keys & set("ab")
    ]
    assert difference(known, "k0", sets[0]) == (1, sorted(sets[0]), [], False)


def test_each_export_is_a_release_with_its_difference(corpus: Corpus, tmp_path: Path) -> None:
    first = export(corpus, tmp_path / "a")
    assert (first.release["number"], first.release["removed"]) == (1, 0)
    corpus.admit([Candidate(t, f"later {i}") for i, t in enumerate(lessons(60, 3))])
    new = corpus.store.admitted().filter(pl.col("round") == 2).height
    second = export(corpus, tmp_path / "b")
    assert (second.release["number"], second.release["added"], second.release["removed"]) == (2, new, 0)
    known = releases(corpus.store)
    assert [release.out for release in known] == [str(tmp_path / "a"), str(tmp_path / "b")]
    held = dict(enumerate(keys for _, keys in members(known)))
    assert held[0] < held[1] and held[1] - held[0] == set(corpus.store.admitted().filter(pl.col("round") == 2)["id"])
    with pytest.raises(RefusedError, match="no admitted row to export since the last release"):
        export(corpus, tmp_path / "c2", ExportRequest(since_release=True))


@pytest.mark.parametrize(
    "how", ["source", *(pytest.param(how, marks=pytest.mark.slow) for how in ("task", "id", "external id", "query"))]
)
def test_what_is_retracted_is_gone_everywhere_and_every_release_that_held_it_is_named(
    corpus: Corpus, tmp_path: Path, how: str
) -> None:
    export(corpus, tmp_path / "a")
    admitted = corpus.store.admitted()
    row = admitted.row(5, named=True)
    naming, expected = {
        "source": (Selector(source="s1"), admitted.filter(pl.col("source") == "s1")),
        "task": (Selector(task="task 3"), admitted.filter(pl.col("task_id") == "task 3")),
        "id": (Selector(ids=(row["id"][:12],)), admitted[5]),
        "external id": (Selector(ids=(row["external_id"],)), admitted[5]),
        "query": (Selector(query=f"  {row['content'].upper()} "), admitted[5]),
    }[how]
    gone = set(expected["id"])
    foreseen = retract(corpus, naming, "a test", dry_run=True)
    assert corpus.store.events("retract").is_empty()
    done = retract(corpus, naming, "a test")
    assert done == foreseen and set(done.named.candidates) == gone
    assert [(release.number, n) for release, n in done.releases] == [(1, len(done.named.keys))]
    assert done.left == admitted.height - len(gone) == corpus.store.admitted().height
    assert verify(corpus.store) == []
    facts = status(corpus.store)
    assert facts["in_corpus"] == facts["metrics"]["admitted"]["rows"] == done.left
    assert status(corpus.store)["metrics"]["admitted"]["real_share"] == pytest.approx(facts["real_share"])
    report = export(corpus, tmp_path / "b")
    assert (report.release["added"], report.release["removed"]) == (0, len(done.named.keys))
    told = pl.read_parquet(tmp_path / "b" / "provenance.parquet")
    assert not set(told["id"]) & done.named.keys
    # The same candidates again keep their verdict and do not come back.
    again = corpus.admit([Candidate(**fields(r)) for r in expected.iter_rows(named=True)])
    assert again.already_decided == len(gone) and corpus.store.admitted().height == done.left
    events = corpus.store.events().height
    told = retract(corpus, naming, "a test")
    assert told.repeated and told.named == done.named and told.releases == done.releases
    assert corpus.store.events().height == events
    with pytest.raises(InputError, match=r"nothing is retracted|names 0 rows"):
        retract(corpus, naming, "another reason")


def fields(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("content", "context", "external_id", "source", "task_id")}


@pytest.mark.slow
def test_real_rows_of_a_retracted_source_leave_later_exports(corpus: Corpus, tmp_path: Path) -> None:
    export(corpus, tmp_path / "a")
    done = retract(corpus, Selector(source="books"), "the publisher said no")
    assert not done.named.candidates and len(done.named.reference) == len(corpus.reference.rows)
    with pytest.raises(RefusedError, match="0 rows can be trained on"):
        export(corpus, tmp_path / "b")
    games = game_corpus(tmp_path / "g", 40)
    export(games, tmp_path / "c1")
    run = next(run for run in games.store.trajectories() if run.success)
    gone = retract(games, Selector(task=run.task_id), "the task leaked")
    assert run.id in gone.named.runs
    export(games, tmp_path / "d")
    told = pl.read_parquet(tmp_path / "d" / "provenance.parquet")
    assert run.task_id not in set(told["task_id"]) and not gone.named.keys & set(told["trajectory_id"])


def test_the_gate_forgets_what_was_retracted(corpus: Corpus, tmp_path: Path) -> None:
    row = corpus.store.admitted().row(5, named=True)
    copy = Candidate(row["content"], row["context"], external_id="copy")
    assert corpus.admit([copy]).reasons == {"exact_duplicate": 1}
    retract(corpus, Selector(ids=(row["id"],)), "a test")
    assert corpus.admit([Candidate(row["content"], row["context"], external_id="second copy")]).counts["admit"] == 1
    assert recheck(corpus.store) == []


def test_a_removal_that_loses_the_floor_freezes(made: Path, corpus: Corpus, tmp_path: Path) -> None:
    half = corpus.anchor.content
    assert half is not None
    rows = corpus.store.admitted()
    # Hold the corpus to where it stands: taking its most different rows out must then go over.
    from synthdata.gate.cells import centre
    from synthdata.gate.collision import CollisionBudget

    scope, x = CollisionBudget(half), centre(corpus.store.vectors(rows, "content"), half.mean)[0]
    scope.add(x)
    gate = {"collision_max": scope.collision()}
    strict = Corpus.open(tmp_path / "c", settings=Settings.from_dict({"recipe": HASHING | {"gate": gate}}))
    scope.look_ahead(x.astype(np.float64), np.zeros((len(x), len(x))))
    redundancy = np.array([scope.with_row(place)[1] for place in range(len(x))])
    rare = [rows["id"].item(int(i)) for i in redundancy.argsort()[:40]]
    done = retract(strict, Selector(ids=tuple(rare)), "a test")
    assert done.after > done.limit and "lost the diversity floor" in done.frozen
    # The floor's loss is known, so it is no damage to the store; before the freeze it would be.
    with strict.store.writing():
        strict.store.update_settings(recipe=strict.settings.recipe.model_dump())
    assert status(strict.store)["frozen"] and recheck(strict.store) == []
    with strict.store.writing():
        strict.store.append_event("unfreeze", "u", {"because": "a test"}, 1)
    assert not status(strict.store)["frozen"] and "over its budget" in recheck(strict.store)[0].detail
    with strict.store.writing():
        strict.store.append_event("freeze", "again", {"reason": "a retraction of 40 rows lost the floor"}, 1)
    with pytest.raises(RefusedError, match=r"the corpus is frozen \(a retraction of 40 rows lost"):
        export(strict, tmp_path / "out")
    # Taking out what says the most common things lowers collision instead.
    shutil.copytree(made, tmp_path / "c2")
    other = Corpus.open(tmp_path / "c2")
    common = [rows["id"].item(int(i)) for i in redundancy.argsort()[-20:]]
    kept = retract(other, Selector(ids=tuple(common)), "a test")
    assert kept.after < kept.before and not kept.frozen


def test_bad_namings_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    for naming in (Selector(), Selector(source="nobody"), Selector(query="no row says this"), Selector(ids=("zz",))):
        with pytest.raises(InputError):
            retract(corpus, naming, "a test")
    with pytest.raises(InputError, match="say why"):
        retract(corpus, Selector(source="s1"), " ")
    both = named(corpus.store, Selector(source="s1", task="task 3"))
    only = corpus.store.admitted().filter((pl.col("source") == "s1") & (pl.col("task_id") == "task 3"))
    assert set(both.candidates) == set(only["id"])


def test_the_verb_says_what_it_did(corpus: Corpus, tmp_path: Path) -> None:
    export(corpus, tmp_path / "a")
    run = CliRunner().invoke
    dry = run(app, ["retract", str(tmp_path / "c"), "--source", "s1", "--because", "a licence", "--dry-run", "--json"])
    done = run(app, ["retract", str(tmp_path / "c"), "--source", "s1", "--because", "a licence", "--json"])
    assert dry.exit_code == done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts == json.loads(dry.stdout)
    assert facts["releases"][0]["out"] == str(tmp_path / "a") and facts["releases"][0]["held"] == facts["rows"] > 10
    payload = json.loads(corpus.store.events("retract")["payload"].item())
    assert payload["because"] == "a licence" and payload["named"]["source"] == "s1"
    shown = run(app, ["retract", str(tmp_path / "c"), "--source", "s2", "--because", "a licence"])
    assert "releases that held them" in shown.stdout and "left in the corpus" in shown.stdout
    missing = run(app, ["retract", str(tmp_path / "c"), "--source", "s2"])
    assert missing.exit_code == 2
