"""The corpus as a notebook sees it: any rows in, earlier decisions back, verbs as methods with results that show."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from sample_texts import lessons

import synthdata
from synthdata import Candidate, Corpus, ReferenceRow, RoundReport, Settings
from synthdata.errors import InputError
from synthdata.notebook import html

HASHING = Settings.from_dict(
    {"recipe": {"encoder": {"backend": "hashing", "dim": 96}}, "runtime": {"inspect": {"subsamples": 10}}}
)
REAL = lessons(200, 1)
NEW = lessons(12, 5)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    made = Corpus.init(tmp_path_factory.mktemp("notebook") / "c", REAL, settings=HASHING)
    assert isinstance(made, Corpus)
    made.admit(NEW)
    return made


def forms(texts: list[str]):
    """The same texts in each kind of rows that a notebook has."""
    dicts = [{"prompt": f"What is lesson {i}?", "response": text, "n": i} for i, text in enumerate(texts)]
    yield "dicts", dicts
    yield "a generator", (row for row in dicts)
    yield "polars", pl.DataFrame(dicts)
    yield "a lazy frame", pl.LazyFrame(dicts)
    yield "arrow", pa.Table.from_pylist(dicts)
    pandas = pytest.importorskip("pandas")
    yield "pandas", pandas.DataFrame(dicts)
    datasets = pytest.importorskip("datasets")
    yield "datasets", datasets.Dataset.from_list(dicts)
    yield "splits", datasets.DatasetDict({"train": datasets.Dataset.from_list(dicts)})


def test_every_kind_of_rows_is_the_same_to_a_corpus(corpus):
    texts = lessons(6, 77)
    ids, first = [], None
    for name, rows in forms(texts):
        report = corpus.admit(rows)
        first = first or report
        assert [d.candidate.content for d in report] == texts, name
        assert [d.candidate.context for d in report][:1] == ["What is lesson 0?"], name
        ids.append([d.candidate.id for d in report])
        assert report.already_decided == (0 if report is first else 6), name
    assert all(found == ids[0] for found in ids)


def test_a_text_that_was_decided_before_keeps_its_decision(corpus):
    again = corpus.admit([*NEW[:3], "A sentence that nobody has written before, on the drains of the lower weir."])
    assert (again.already_decided, len(again.earlier), len(again)) == (3, 3, 4)
    before = {d.candidate.content: d for d in corpus.admit(NEW)}
    for decision in again.earlier:
        assert decision.verdict == before[decision.candidate.content].verdict
    assert [d.candidate.content for d in again][:3] == NEW[:3]
    assert corpus.admit(Candidate.of(NEW[0])).earlier[0].candidate.id == Candidate(NEW[0]).id


def test_a_single_text_is_a_row_and_a_path_a_file(corpus, tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"text": "A remark on the state of the sluice, written down for the next shift."}\n'
    )
    from_text = corpus.admit("A remark on the state of the sluice, written down for the next shift.")
    assert len(from_text) == 1
    assert corpus.admit(tmp_path / "a.jsonl").already_decided == 1
    assert corpus.admit(str(tmp_path / "a.jsonl")).already_decided == 1
    read = corpus.store.events("read")
    assert any("a.jsonl" in payload and '"content":"text"' in payload for payload in read["payload"])


def test_columns_that_are_not_clear_are_asked_for_and_can_be_said(corpus):
    rows = [{"left": f"{text} left", "right": f"{text} right"} for text in lessons(5, 9)]
    with pytest.raises(InputError, match=r"the rows given: which column is the text\?(.|\n)*--map content=right"):
        corpus.admit(rows)
    report = corpus.admit(rows, columns={"content": "left"})
    assert len(report) == 5 and all(d.candidate.content.endswith("left") for d in report)


def test_objects_of_any_other_type_are_not_called_and_spoil_their_row_alone(corpus):
    class Loud:
        def __getattr__(self, name):
            raise AssertionError(f"asked for {name}")

    report = corpus.admit([{"content": NEW[1]}, {"content": Loud()}, 7, {"content": "x", "payload": {1, 2}}])
    assert report.counts["quarantine"] == 3
    with pytest.raises(InputError, match="give texts, dicts"):
        corpus.admit(7)


def test_pandas_cells_that_hold_nothing_count_as_absent(corpus):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"content": [NEW[0], None, float("nan")], "score": [1.0, float("nan"), 2.0]})
    report = corpus.admit(frame)
    assert report.counts["quarantine"] == 2


def test_every_verb_is_a_method_whose_result_shows_itself(corpus, tmp_path):
    report = corpus.admit(NEW)
    shown = [
        report,
        corpus.status(),
        corpus.explain(NEW[0]),
        corpus.inspect(NEW),
        corpus.lessons("what to do at the door"),
        corpus.replay({"recipe.gate.tau": 0.9}),
        corpus.retract([Candidate(NEW[0]).id], reason="a test", dry_run=True),
        synthdata.inspect(NEW, settings=HASHING),
    ]
    for result in shown:
        assert len(repr(result)) < 400 and repr(result).startswith("<"), repr(result)
        assert result._repr_html_().startswith("<div>")
        assert isinstance(result.to_polars(), pl.DataFrame)
        assert result.plot()._repr_svg_().startswith("<svg")
    assert corpus.status()["admitted"] >= 1
    assert corpus.explain(report.all[0])["content"] == report.all[0].candidate.content
    assert shown[3].rows and shown[3].value.rows == len(NEW)
    assert report.to_polars().height == len(NEW)
    assert isinstance(report, RoundReport)
    assert repr(corpus).startswith("<corpus ") and corpus._repr_html_()


def test_what_a_notebook_shows_is_escaped():
    made = html.table("<script>x</script>", ["<b>"], [["</td><img src=x>\x1b[31m\u202e"]])
    assert "<script>" not in made and "<img" not in made and "\x1b" not in made and "\u202e" not in made
    assert "<script>" not in html.picture("<script>", {"<script>": 1.0})


def test_the_names_are_listed_and_the_reference_may_be_rows(tmp_path):
    assert {"Corpus", "Candidate", "ReferenceRow", "Decision", "Reason", "RoundReport", "admit_texts"} <= set(
        dir(synthdata)
    )
    for name in synthdata.__all__:
        assert getattr(synthdata, name) is not None
    rows = [ReferenceRow(text, "", f"t{i}") for i, text in enumerate(REAL)]
    a = Corpus.init(tmp_path / "a", rows, settings=HASHING)
    frame = pl.DataFrame({"content": REAL, "task_id": [f"t{i}" for i in range(len(REAL))]})
    b = Corpus.init(tmp_path / "b", frame, settings=HASHING)
    assert a.anchor.fingerprint == b.anchor.fingerprint
    assert Path(b.store.path) == tmp_path / "b"


def test_candidates_of_texts_and_chats():
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert Candidate.of("a", task_id="t") == Candidate("a", task_id="t")
    assert Candidate.of({"prompt": "q", "completion": "a"}) == Candidate("a", "q")
    assert Candidate.of({"content": "a", "context": "q"}) == Candidate("a", "q")
    assert Candidate.of(chat) == Candidate.of({"messages": chat})
    assert (Candidate.of(chat).content, Candidate.of(chat).context) == ("a", "user: q")
    with pytest.raises(ValueError, match="no message of role assistant"):
        Candidate.of({"left": "a"})
