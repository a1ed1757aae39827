"""One secret of each family in its own place of a corpus' logs: none is in an export, a page, an answer or an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from export_corpus import RECIPE, SAMPLE, game_runs, reviews_of
from fastapi import FastAPI
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from synthdata import Corpus, Settings
from synthdata.cli import app, main
from synthdata.doctor.planted_secrets import PlantedSecret, planted_secrets
from synthdata.errors import InputError
from synthdata.memory import recall
from synthdata.memory.api import lessons_router
from synthdata.operations.reflect import Work, decide_reviews, remember
from synthdata.records import Candidate, Observation, Origin, QuarantinedRow, Trajectory
from synthdata.sources import read_candidates, read_trajectories
from synthdata.text.display import printable_message
from synthdata.text.redaction import run_texts

PLANTED = planted_secrets(11)


def marked(run: Trajectory, one: PlantedSecret, number: int) -> Trajectory:
    """The run with the line in one of four places of its second step, or in its task."""
    steps = list(run.steps)
    step = steps[1]
    match number % 4:
        case 0:
            step = replace(step, observations=(*step.observations, Observation(one.line)))
        case 1:
            step = replace(step, thought=f"{step.thought or ''} {one.line}".strip())
        case 2:
            step = replace(step, action=f"{step.action} # {one.line}")
        case _:
            step = replace(step, observations=(Observation(json.dumps({"stdout": f"ok\n{one.line}"})),))
    steps[1] = step
    return replace(run, steps=tuple(steps))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    settings = Settings.from_dict({"recipe": RECIPE})
    made = Corpus.init(tmp_path_factory.mktemp("leaks") / "c", SAMPLE, settings=settings)
    plain = game_runs(len(PLANTED))
    runs = [marked(run, one, i) for i, (run, one) in enumerate(zip(plain, PLANTED, strict=True))]
    remember(made, Work(tuple(runs), (), 0))
    decide_reviews(made, Work(tuple(runs), (), 0), [review for run in runs for review in reviews_of(run, settings)])
    made.admit(
        [
            Candidate(f"Lesson {i}: read the settings once and keep {one.line} out of the answer.", one.line)
            for i, one in enumerate(PLANTED)
        ]
    )
    return made


def left_in(texts: Iterator[str] | list[str]) -> set[str]:
    """Families of which a line stands in a text."""
    whole = "\n".join(texts)
    return {one.family for one in PLANTED if any(part in whole for part in one.secret.splitlines())}


def texts_of(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            yield json.dumps(pl.read_parquet(path).to_dicts(), ensure_ascii=False, default=str)
        elif path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace")


def said(corpus: Corpus, *arguments: str) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_they_are_in_the_corpus(corpus: Corpus):
    whole = [text for run in corpus.store.trajectories() for text in run_texts(run)]
    assert {one.family for one in PLANTED if one.family != "Private key"} <= left_in(whole)


def test_none_leaves_in_an_export(corpus: Corpus, tmp_path: Path):
    for name, more in (("a", []), ("b", ["--keep-personal-data"])):
        said(corpus, "export", str(corpus.store.path), str(tmp_path / name), *more)
        texts = list(texts_of(tmp_path / name))
        assert sum(map(len, texts)) > 100_000
        assert any("[SECRET" in text for text in texts)
        assert left_in(texts) == set()


def test_none_stands_on_a_page(corpus: Corpus, tmp_path: Path):
    said(corpus, "dashboard", str(corpus.store.path), "--static", str(tmp_path / "pages"))
    texts = list(texts_of(tmp_path / "pages"))
    assert any("[SECRET" in text for text in texts)
    assert left_in(texts) == set()


def test_none_is_shown_by_explain(corpus: Corpus):
    ids = corpus.store.decisions()["id"].to_list()
    shown = []
    for name in ids[:: max(1, len(ids) // 25)] + ids[-len(PLANTED) :: 5]:
        shown += [said(corpus, "explain", str(corpus.store.path), name, *more) for more in ([], ["--json"])]
    assert left_in(shown) == set()
    assert any("[SECRET" in text for text in shown)


def test_none_is_told_to_an_agent(corpus: Corpus):
    api = FastAPI()
    api.include_router(lessons_router(corpus.store.path))
    client = TestClient(api)
    told = []
    for one in PLANTED[::8]:
        query = f"keep {one.line} out of the answer"
        told.append(said(corpus, "lessons", str(corpus.store.path), query, "--limit", "20"))
        told.append(said(corpus, "lessons", str(corpus.store.path), query, "--limit", "20", "--json"))
        told.append(client.get("/lessons", params={"query": query, "limit": 20}).text)
        told.append(str(recall(corpus.store.path, query, 20)))
    assert left_in(told) == set()


def test_none_is_in_an_error():
    assert left_in([printable_message(f"endpoint: status 401: {one.line}") for one in PLANTED]) == set()


def halves_left(text: str, one: PlantedSecret) -> bool:
    """Whether twelve signs from the middle of the secret stand in a text, as where a message was cut through it."""
    parts = [part for part in one.secret.splitlines() if len(part) > 11 and not part.startswith("---")]
    return any(part[i : i + 12] in text for part in parts for i in range(len(part) // 2 - 3, len(part) - 11))


def broken_rows(line: str) -> list[str]:
    """Lines of a file that no reader takes, each with the secret in another place."""
    called = {"role": "assistant", "tool_calls": [{"function": {"name": "f", line: "x"}}]}
    rows = [
        {"alpha": f"one two three {line}", "beta": f"{line} and some more words"}, {line: 3, "zeta": [1]},
        {"messages": [{"role": line, "content": "x"}]}, {"messages": [{"role": "user", "content": "x"}, called]},
        {"messages": [{"role": "user", "content": [{"type": line}]}, {"role": "assistant", "content": "x"}]},
        {"messages": f"[{{'role': '{line}'}}]", "x": 1}, {"prompt": 3, "completion": [line]},
    ]  # fmt: skip
    return [f"{line}\n", *(json.dumps(row) + "\n" for row in rows)]


@pytest.mark.parametrize("one", PLANTED, ids=[one.family for one in PLANTED])
def test_none_is_in_what_a_reader_raises_or_quarantines(one: PlantedSecret, tmp_path: Path):
    # As Prefect would log it: the error itself, before anything prints it.
    path, told = tmp_path / "x.jsonl", []
    for text in broken_rows(one.line):
        path.write_text(text, encoding="utf-8")
        for read in (read_trajectories, read_candidates):
            try:
                told += [str(row) for row in read(path, origin=Origin.REAL) if isinstance(row, QuarantinedRow)]
            except InputError as error:
                told.append(str(error))
    assert len(told) == 14 and not any(halves_left(text, one) for text in told)


@pytest.mark.parametrize("one", PLANTED[::8], ids=[one.family for one in PLANTED[::8]])
def test_none_is_in_what_is_wrong_with_a_command_line(one: PlantedSecret):
    for words in ([one.line], ["inspect", "x", f"--nothing={one.line}"], ["export", "c", "o", "--tokens", one.line]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 2 and not halves_left(done.output, one)


def test_none_is_in_a_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError(PLANTED[1].line)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("synthdata.cli.app", fails)
    monkeypatch.setattr("sys.argv", ["synthdata", "--debug", "inspect", PLANTED[2].line])
    with pytest.raises(SystemExit):
        main()
    told = capsys.readouterr().err + "".join(texts_of(tmp_path))
    assert "ZeroDivisionError" in told and not any(halves_left(told, one) for one in PLANTED[1:3])
