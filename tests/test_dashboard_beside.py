"""Two rounds and two corpora side by side, the round under way, and verdicts of people that are written back."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from export_corpus import game_corpus
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from synthdata.cli import app
from synthdata.dashboard.app import make_app
from synthdata.dashboard.compare import compare
from synthdata.dashboard.reading import Reader
from synthdata.dashboard.verdicts import verdicts_on
from synthdata.errors import InputError
from synthdata.labelling.opinions import human_labels
from synthdata.monitor.running import noting, running
from synthdata.protocols import no_progress

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import dashboard_corpus

TOKEN = "a token of some length"
OWN = "http://127.0.0.1"


def client(path: Path, **given: object) -> TestClient:
    return TestClient(make_app(path, **given), base_url=OWN, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "corpus"
    dashboard_corpus.corpus_of(path, 120, rounds=3, dim=16)
    return path


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return game_corpus(tmp_path_factory.mktemp("played") / "corpus", 60)


def test_two_rounds_stand_beside_each_other_with_their_own_numbers(drawn):
    reading = Reader(drawn).current()
    shown = compare(reading, 1, 3)
    first, second = shown["sides"]
    n2 = {row["round"]: row["n2"]["value"] for row in reading.facts["trend"]}
    pair = next(pair for pair in shown["pairs"] if (pair.tile.view, pair.tile.metric) == ("raw", "n2"))
    assert (pair.left.value, pair.right.value) == (n2[1], n2[3]) and pair.change == pytest.approx(n2[3] - n2[1])
    counts = {row["round"]: row for row in reading.facts["rounds"]}
    assert [(side.candidates, side.admitted) for side in (first, second)] == [
        (counts[number]["candidates"], counts[number]["admit"]) for number in (1, 3)
    ]
    for place in (1, 2):
        refused = sum(row[place] for row in shown["reasons"])
        side = shown["sides"][place - 1]
        assert refused == pytest.approx(1 - side.admitted / side.candidates)
        assert sum(row[place] for row in shown["cells"]) == pytest.approx(1)
    differences = [abs(row[2] - row[1]) for row in shown["reasons"]]
    assert differences == sorted(differences, reverse=True)
    # By default the last two.
    assert [side.round for side in compare(reading)["sides"]] == [2, 3]
    with pytest.raises(InputError, match="has no round 9; its last one is 3"):
        compare(reading, 1, 9)
    assert client(drawn).get("/compare?left=1&right=9").status_code == 404


def test_another_corpus_stands_beside_this_one(drawn, played):
    pages = client(drawn, beside=played.store.path)
    text = pages.get("/compare").text
    assert "corpus, round 1" in text and "corpus, round 3" in text and "Cells of two corpora" in text
    assert 'name="left"' in text and "Cells of the admitted rows" not in text


def test_one_round_says_what_a_comparison_takes(played):
    assert "it takes two rounds" in client(played.store.path).get("/compare").text


def test_work_under_way_is_told_and_gone_when_it_ends(drawn):
    store = Reader(drawn).current().store
    pages = client(drawn)
    assert running(store) is None and pages.get("/version").json()["under_way"] == ""
    with noting(store, no_progress)("deciding", 300) as advance:
        advance(12)
        now = running(store)
        assert now is not None and (now.work, now.total, now.pid) == ("deciding", 300, os.getpid())
        sentence = pages.get("/version").json()["under_way"]
        assert sentence.startswith("A round is under way since ") and "Deciding: 0 of 300" in sentence
        assert sentence in pages.get("/").text
        output = CliRunner().invoke(app, ["status", str(drawn)]).output
        assert "A round is under way" in output
        assert json.loads(CliRunner().invoke(app, ["status", str(drawn), "--json"]).output)["running"]["total"] == 300
    assert running(store) is None


def test_a_killed_round_is_not_under_way(drawn):
    store = Reader(drawn).current().store
    with ExitStack() as work:
        work.enter_context(noting(store, no_progress)("deciding", 300))
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        path = store.derived_dir / "running.json"
        word = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(word | {"pid": ended.pid}), encoding="utf-8")
        assert running(store) is None
        # Of another machine the file's age speaks, and one of next year is not fresh.
        path.write_text(json.dumps(word | {"host": "elsewhere"}), encoding="utf-8")
        assert running(store) is not None
        os.utime(path, (time.time() + 31e6,) * 2)
        assert running(store) is None
        path.write_text("{half", encoding="utf-8")
        assert running(store) is None


@pytest.fixture(scope="module")
def signed_in(played) -> TestClient:
    pages = TestClient(make_app(played.store.path, TOKEN), base_url=OWN, follow_redirects=False)
    pages.auth = ("Ann", TOKEN)
    return pages


@pytest.fixture(scope="module")
def form(played, signed_in) -> dict[str, str]:
    """The hidden fields of the form on a decision's page that shows a step of the agent."""
    for name in played.store.decisions(["id"])["id"]:
        text = signed_in.get(f"/decision/{name}").text
        if 'action="/label"' in text:
            assert 'name="by" required maxlength="80" autocomplete="username" value="Ann"' in text
            return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
    raise AssertionError("no decision with a step")


def test_a_verdict_of_a_person_is_written_back_and_can_be_changed(played, signed_in, form):
    run, step = form["run"], int(form["step"])

    def say(label: str) -> None:
        answer = signed_in.post("/label", data=form | {"by": "Ann", "label": label}, headers={"Origin": OWN})
        assert answer.status_code == 303 and answer.headers["location"] == f"/decision/{form['decision']}#steps"

    for label in ("good", "bad", "bad", "good"):
        say(label)
        (source,) = human_labels(played.store)[run][step]
        assert (source.kind, source.verdict, source.model) == ("human", label, "Ann")
    # The same word twice is one event.
    assert played.store.events("label").height == 3
    assert verdicts_on(played.store, run) == {step: [{"by": "Ann", "label": "good"}]}
    assert "good (Ann)" in signed_in.get(f"/decision/{form['decision']}").text


@pytest.mark.parametrize(
    ("headers", "change", "code"),
    [
        ({}, {}, 403),
        ({"Origin": "http://evil.example"}, {}, 403),
        ({"Origin": "null"}, {}, 403),
        ({"Origin": "http://127.0.0.1:9"}, {}, 403),
        ({"Origin": OWN, "Sec-Fetch-Site": "same-site"}, {}, 403),
        ({"Origin": OWN}, {"key": "guessed"}, 403),
        ({"Origin": OWN}, {"key": ""}, 403),
        ({"Origin": OWN}, {"label": "best"}, 400),
        ({"Origin": OWN}, {"by": " "}, 400),
        ({"Origin": OWN}, {"step": "-1"}, 400),
        ({"Origin": OWN}, {"step": "9999"}, 400),
        ({"Origin": OWN}, {"run": "nobody"}, 400),
        ({"Origin": OWN}, {"note": "x" * 9000}, 400),
    ],
)
def test_no_other_page_and_no_broken_form_writes(played, signed_in, form, headers, change, code):
    before = played.store.events("label").height
    answer = signed_in.post("/label", data=form | {"by": "Eve", "label": "good"} | change, headers=headers)
    assert answer.status_code == code and "This was not taken" in answer.text
    assert played.store.events("label").height == before


def test_verdicts_are_taken_behind_a_token_on_this_machine_alone(played, form):
    post = {"data": form | {"by": "Eve", "label": "good"}, "headers": {"Origin": OWN}}
    assert client(played.store.path, token=TOKEN).post("/label", **post).status_code == 401
    open_to_all = client(played.store.path)
    assert open_to_all.post("/label", **post).status_code == 404
    assert 'action="/label"' not in open_to_all.get(f"/decision/{form['decision']}").text
    for given in ({"hosts": ("*",)}, {"as_of": 1}):
        served = client(played.store.path, token=TOKEN, **given)
        served.auth = ("Ann", TOKEN)
        assert served.post("/label", **post).status_code in (404, 405)
        assert 'action="/label"' not in served.get(f"/decision/{form['decision']}").text


def test_a_held_lock_is_said_and_nothing_is_lost(played, signed_in, form):
    with played.store.writing():
        answer = signed_in.post("/label", data=form | {"by": "Bo", "label": "neutral"}, headers={"Origin": OWN})
    assert answer.status_code == 409 and "is writing to it" in answer.text


def test_a_circle_of_the_map_leads_to_the_rows_of_its_cell(drawn):
    text = client(drawn).get("/coverage").text
    cells = re.findall(r'<a href="/explorer\?cell=(\d+)" aria-label="Rows of cell (\d+)[^"]*"><circle', text)
    assert cells and all(first == second for first, second in cells)
    assert 'role="group"' in text and "How near the nearest real text is" in text and "Share of each cell" in text
