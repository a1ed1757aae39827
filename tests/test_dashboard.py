"""The dashboard over HTTP and as a folder: the numbers of `status`, text stays text, no reader without the token."""

from __future__ import annotations

import base64
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from export_corpus import game_corpus
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus
from sample_texts import lessons
from typer.testing import CliRunner

from synthdata import Candidate, Corpus, Settings
from synthdata.cli import app
from synthdata.dashboard.app import link, make_app
from synthdata.dashboard.coverage import make_map, principal_axes, spread, typical_terms
from synthdata.dashboard.distributions import distributions
from synthdata.dashboard.folder import file_name
from synthdata.dashboard.reading import Reader
from synthdata.dashboard.rounds import spent
from synthdata.dashboard.site import PAGES
from synthdata.dashboard.told import event_sentence
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.status import status
from synthdata.text.display import LONG, printable
from synthdata.text.names import reason_name

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import dashboard_corpus

HOSTILE = (
    "<script>alert(1)</script> \"quoted' <svg onload=alert(2)><desc>{{ 7 * 7 }}</svg> "
    "שלום \u202egnp.exe\u202c and </textarea><img src=//evil.example/x onerror=alert(3)> "
)


def client(path: Path, **given: object) -> TestClient:
    return TestClient(make_app(path, **given), base_url="http://127.0.0.1", raise_server_exceptions=False)


class Seen(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """Three rounds of every fate, with releases."""
    path = tmp_path_factory.mktemp("drawn") / "corpus"
    dashboard_corpus.corpus_of(path, 120, rounds=3, dim=16)
    return path


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> Corpus:
    """A round over real runs, so that decisions have a step."""
    return game_corpus(tmp_path_factory.mktemp("played") / "corpus", 60)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Corpus:
    """Candidates that want to be markup, one of a megabyte."""
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 32}}})
    rows = [ReferenceRow(text, "", f"task {i}") for i, text in enumerate(lessons(140))]
    corpus = Corpus.init(tmp_path_factory.mktemp("hostile") / "corpus", rows, settings=settings)
    texts = [HOSTILE + text for text in lessons(4, seed=5)]
    large = HOSTILE + "<script>" * 125_000
    corpus.admit([Candidate(text, external_id=HOSTILE, source=HOSTILE, task_id=HOSTILE) for text in [*texts, large]])
    return corpus


def addresses(pages: TestClient) -> list[str]:
    """Every address that the pages of the navigation lead to, themselves included."""
    found = dict.fromkeys(link(name) for name in PAGES)
    for address in list(found):
        for tag, attributes in Seen(pages.get(address).text).tags:
            if tag == "a" and re.match("/(?!download)", attributes["href"] or ""):
                found[attributes["href"] or ""] = None
    return list(found)


def test_every_address_answers_with_one_heading_and_no_code_of_its_own(drawn):
    pages = client(drawn)
    visited = addresses(pages)
    assert len(visited) > 30
    for address in visited:
        answer = pages.get(address)
        assert answer.status_code == 200, (address, answer.text)
        tags = Seen(answer.text).tags
        names = [tag for tag, _ in tags]
        assert (names.count("h1"), names.count("main"), names.count("title") >= 1) == (1, 1, True)
        assert all("style" not in given and not any(key.startswith("on") for key in given) for _, given in tags)
        assert "style" not in names and all(given.get("src") for tag, given in tags if tag == "script")
        ids = [given["id"] for _, given in tags if "id" in given]
        assert len(ids) == len(set(ids))


def test_plots_have_title_description_and_a_table_beside_them(drawn):
    pages = client(drawn)
    for address in ("/", "/rounds", "/compare", "/coverage", "/judges", "/releases"):
        text = pages.get(address).text
        plots = re.findall(r'<svg class="chart(?: wide)?" viewBox.*?</svg>', text, re.DOTALL)
        assert plots
        for plot in plots:
            assert re.search(r"<title id=[^>]+>[^<]+</title><desc id=[^>]+>[^<]+</desc>", plot)
        # A release is told in sentences, which hold the numbers of its column.
        tables = text.count("<table") >= 1 and 'scope="row"' in text and 'scope="col"' in text
        assert tables or (address == "/releases" and text.count("<li value=") == 3)
    assert pages.get("/").text.count("<table>") == len(
        re.findall(r'<svg class="chart" viewBox="0 0 340', pages.get("/").text)
    )


def test_pages_show_the_numbers_of_status(played):
    facts = status(played.store)
    pages = client(played.store.path)
    assert pages.get("/api/status").json()["rejected"] == facts["rejected"]
    home, listed = pages.get("/").text, pages.get("/rounds").text
    assert f"<dd>{facts['admitted']}</dd>" in home and f"{100 * facts['real_share']:.0f} %" in home
    for reason, rows in facts["rejected"].items():
        assert re.search(rf"{reason_name(reason)}</a></th><td class=\"n\">{rows}</td>", listed)
        assert pages.get("/api/decisions", params={"reason": reason}).json()["total"] == rows
    # Every candidate is somewhere on the way down, and what is left at its end was admitted.
    steps = [
        int(n) for n in re.findall(r'scope="row">[^<]+</th><td class="n">(\d+)</td>', listed.split("Why the others")[0])
    ]
    assert steps[1] == facts["candidates"] and steps[-1] == facts["admitted"] and steps[1:] == sorted(steps[1:])[::-1]


def test_the_explorer_filters_searches_and_turns_pages(drawn):
    pages = client(drawn)
    every = [pages.get("/api/decisions", params={"page": page}).json() for page in range(1, 6)]
    rows = [row for answer in every for row in answer["rows"]]
    assert len({row["id"] for row in rows}) == every[0]["total"] == 120
    assert [row["round"] for row in rows] == sorted((row["round"] for row in rows), reverse=True)
    chosen = pages.get("/api/decisions", params={"verdict": "reject", "round": 2, "page": 99}).json()
    assert chosen["at"] == chosen["last"] and all((r["verdict"], r["round"]) == ("reject", 2) for r in chosen["rows"])
    word = rows[7]["content"].split()[2]
    found = pages.get("/api/decisions", params={"words": word.upper()}).json()
    assert 0 < found["total"] < 120 and all(word in row["content"].lower() for row in found["rows"])
    assert pages.get("/api/decisions", params={"words": "100%_.*"}).json()["total"] == 0


def test_a_decision_stands_beside_its_neighbour_and_the_step_of_its_run(played):
    rows = played.store.decisions(["id", "neighbour_id", "neighbour_text", "trajectory_id", "payload"])
    row = rows.filter(rows["neighbour_id"] != "").row(0, named=True)
    text = client(played.store.path).get(f"/decision/{row['id']}").text
    (run,) = played.store.trajectories([row["trajectory_id"]])
    focus = int(re.search(r'"focus":(\d+)', row["payload"])[1])
    assert "in focus" in text and f"/decision/{row['neighbour_id']}" in text
    for said in (row["neighbour_text"], run.steps[focus].action):
        assert said.split("'")[0].split("“")[0].split("\n")[0].strip() in text


def test_text_of_a_log_stays_text_and_is_cut(hostile, tmp_path):
    pages = client(hostile.store.path)
    ids = [row["id"] for row in pages.get("/api/decisions").json()["rows"]]
    # A search shows itself again.
    visited = [*map(link, PAGES), *(f"/decision/{name}" for name in ids)]
    answers = [pages.get(address) for address in visited] + [pages.get("/explorer", params={"words": HOSTILE[:150]})]
    runner = CliRunner()
    assert runner.invoke(app, ["dashboard", str(hostile.store.path), "--static", str(tmp_path / "out")]).exit_code == 0
    texts = [answer.text for answer in answers] + [
        path.read_text("utf-8") for path in (tmp_path / "out").glob("*.html")
    ]
    for text in texts:
        tags = Seen(text).tags
        assert all(given.get("src") == "/assets/refresh.js" for tag, given in tags if tag == "script")
        assert not any("onload" in given or "onerror" in given for _, given in tags)
        assert "img" not in {tag for tag, _ in tags} and "\u202e" not in text and " 49 " not in text
        assert len(text) < 200_000
    assert any("more characters]" in text for text in texts) and any("שלום" in text for text in texts)


def test_nothing_may_be_loaded_from_elsewhere_or_written(drawn):
    pages = client(drawn)
    for address in ("/", "/assets/style.css", "/version", "/nothing", "/decision/none", "/explorer?page=0"):
        answer = pages.get(address)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert pages.request(method, "/").status_code == 405
    assert [pages.get(path).status_code for path in ("/docs", "/openapi.json", "/assets/../app.py")] == [404] * 3


def test_a_name_of_a_foreign_page_does_not_reach_the_loopback(drawn):
    assert client(drawn).get("/", headers={"host": "evil.example"}).status_code == 400
    assert client(drawn).get("/", headers={"host": "localhost:8765"}).status_code == 200


def test_no_page_without_the_token_where_one_is_set(drawn):
    pages = client(drawn, token="correct horse battery", hosts=("*",))
    right = base64.b64encode(b"anybody:correct horse battery").decode()
    wrong = base64.b64encode(b"correct horse battery:guess").decode()
    expected = {
        "": 401, "Bearer correct horse battery": 200, "bearer guess": 401, f"Basic {right}": 200,
        f"Basic {wrong}": 401, "Basic %%%": 401, "Basic /w==": 401, "Digest correct horse battery": 401,
    }  # fmt: skip
    for header, code in expected.items():
        for address in ("/", "/version", "/api/status", "/assets/style.css"):
            answer = pages.get(address, headers={"authorization": header} if header else {})
            assert (address, header, answer.status_code) == (address, header, code)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--host", "0.0.0.0"], "--token-env"),
        (["--host", "0.0.0.0", "--token-env", "DASH_TOKEN"], "at least 16"),
        (["--static", "corpus.json"], "is a file; name a folder"),
    ],
)
def test_the_verb_refuses_what_would_expose_or_overwrite(drawn, monkeypatch, given, said):
    monkeypatch.setenv("DASH_TOKEN", "short")
    monkeypatch.chdir(drawn)
    done = CliRunner().invoke(app, ["dashboard", str(drawn), *given])
    assert done.exit_code and said in str(done.exception)


def test_what_cannot_be_shown_says_what_to_do(drawn, tmp_path):
    pages = client(drawn)
    for address in ("/decision/zzz", "/rounds?round=77", "/explorer?reason=nonsense", "/explorer?verdict=nonsense"):
        answer = pages.get(address)
        assert answer.status_code == 404 and "This cannot be shown" in answer.text
    assert pages.get("/explorer?page=x").status_code == pages.get(f"/explorer?words={'a' * 201}").status_code == 422
    missing = client(tmp_path / "none").get("/")
    assert missing.status_code == 404 and "not a corpus" in missing.text


def test_a_reading_is_kept_until_the_corpus_changes(tmp_path):
    corpus = dashboard_corpus.corpus_of(tmp_path / "corpus", 40, rounds=2, dim=16)
    reader = Reader(corpus.store.path)
    first = reader.current()
    assert reader.current() is first and first.facts["frozen"] is False
    with corpus.store.writing() as store:
        store.append_event("freeze", "by hand", {"reason": "a test"}, 2)
    second = reader.current()
    assert second.version != first.version and second.facts["frozen"] is True
    assert "Frozen" in client(corpus.store.path).get("/").text


def test_an_earlier_round_is_shown_as_it_was(drawn):
    pages = client(drawn, as_of=2)
    assert "<h1>Round 2</h1>" in pages.get("/").text
    assert {row["round"] for row in pages.get("/api/decisions").json()["rows"]} <= {1, 2}


def test_a_corpus_without_a_round_has_all_pages(tmp_path):
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 16}}})
    rows = [ReferenceRow(text, "", f"task {i}") for i, text in enumerate(lessons(140))]
    corpus = Corpus.init(tmp_path / "corpus", rows, settings=settings)
    pages = client(corpus.store.path)
    assert [pages.get(link(name)).status_code for name in PAGES] == [200] * len(PAGES)
    assert "No round yet" in pages.get("/").text


def test_the_folder_is_whole_and_points_nowhere_else(drawn, tmp_path):
    out = tmp_path / "pages"
    done = CliRunner().invoke(app, ["dashboard", str(drawn), "--static", str(out)])
    assert done.exit_code == 0 and f"{sum(p.is_file() for p in out.rglob('*'))} files" in done.output
    written = list(out.glob("*.html"))
    assert len(written) > 20
    for path in written:
        for tag, has in Seen(path.read_text(encoding="utf-8")).tags:
            assert tag not in ("script", "form", "iframe", "base")
            for target in (has.get("href"), has.get("src"), has.get("action")):
                if target and not target.startswith("#"):
                    assert (out / target).is_file(), f"{path.name} points at {target}"


@given(st.text(max_size=60))
def test_no_parameter_leads_a_file_out_of_its_folder(text):
    name = file_name("decision", name=text)
    assert re.fullmatch(r"(decision(-[0-9a-z_]+)?\.html)?", name)


@given(st.text(max_size=80), st.integers(1, 50))
def test_shown_text_holds_nothing_unseen_and_says_what_was_cut(text, limit):
    out = printable(text, limit)
    assert not set(out) & set("\u202e\u2066\u200b\x00\x1b\x85\u2028\ud800")
    assert ("more characters]" in out) >= (len(text) > limit)
    assert printable("a\nb\tç語") == "a\nb\tç語" and len(printable("x" * 10**6)) < LONG + 40


values = st.one_of(st.none(), st.floats(-1e9, 1e9))


def test_the_map_counts_the_corpus_by_cell_and_names_what_is_missing(tmp_path):
    # Twelve topics in real text; every admitted row is about the commonest one.
    corpus = dashboard_corpus.corpus_of(tmp_path / "corpus", 1, rounds=1, dim=64)
    made, topics = dashboard_corpus.texts(900, 7)
    corpus.admit([Candidate(text) for text, topic in zip(made, topics, strict=True) if topic == 11])
    found = make_map(corpus.store)
    admitted = corpus.store.admitted(columns=["cell"])["cell"]
    assert found.rows + found.outside == len(admitted) > 30
    assert {cell.number: cell.rows for cell in found.cells} == {
        cell.number: int((admitted == cell.number).sum()) for cell in found.cells
    }
    assert sum(cell.share for cell in found.cells) == pytest.approx(1)
    assert sum(cell.real_share for cell in found.cells) == pytest.approx(1)
    assert [cell.ratio for cell in found.cells] == sorted(cell.ratio for cell in found.cells)
    assert any(cell.lacks and cell.rows == 0 for cell in found.cells) and not found.cells[-1].lacks
    # What marks a cell are words of its topic, not those that all texts share.
    common = set("when before after the step run look check again never first this that with".split())
    assert all(cell.terms and not set(cell.terms) & common for cell in found.cells)
    assert np.abs(found.real).max() <= 1 and np.abs(found.admitted).max() <= 1


@given(st.integers(0, 2**32 - 1))
def test_the_map_does_not_turn_over_and_keeps_the_widest_directions(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 5)) * np.array([9, 5, 1, 0.5, 0.1])
    axes, explained = principal_axes(x)
    assert np.allclose(axes.T @ axes, np.eye(2), atol=1e-9) and 0.8 < explained <= 1
    assert np.allclose(principal_axes(x[::-1])[0], axes, atol=1e-6)
    assert abs(axes[0, 0]) > 0.8 and abs(axes[1, 1]) > 0.8


def test_terms_are_frequent_in_their_group_and_rare_in_others():
    groups = [["the fare class of a booking", "booking without fare"], ["the stack trace", "read the trace first"], []]
    terms = typical_terms(groups)
    assert terms[0][:2] == ("booking", "fare") and terms[1][0] == "trace" and terms[2] == () and "the" not in terms[1]
    assert spread(5, 9).tolist() == [0, 1, 2, 3, 4] and len(spread(10**6, 600)) == 600 and spread(0, 3).tolist() == []


@pytest.mark.parametrize(
    ("accept", "media", "read"),
    [
        ("", "text/plain", read_prometheus),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text", read_openmetrics),
    ],
)
def test_metrics_are_what_status_says_in_both_formats(drawn, accept, media, read):
    pages = client(drawn)
    answer = pages.get("/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].startswith(media)
    samples = {(s.name, *sorted(s.labels.items())): s.value for family in read(answer.text) for s in family.samples}
    facts = pages.get("/api/status").json()
    assert samples["synthdata_round",] == facts["round"] and samples["synthdata_corpus_rows",] == facts["in_corpus"]
    assert samples["synthdata_real_share_ratio",] == pytest.approx(facts["real_share"])
    decided = {key: value for key, value in samples.items() if key[0] == "synthdata_candidates_total"}
    assert sum(decided.values()) == facts["candidates"]
    for reason, rows in facts["rejected"].items():
        assert decided["synthdata_candidates_total", ("reason", reason), ("verdict", "reject")] == rows
    n2 = samples["synthdata_diversity", ("metric", "n2"), ("view", "raw")]
    assert n2 == pytest.approx(facts["metrics"]["raw"]["n2"])
    assert samples["synthdata_alarms", ("level", "red")] == 0


def test_status_writes_the_same_numbers_as_a_text_file(drawn, tmp_path):
    file = tmp_path / "node" / "corpus.prom"
    done = CliRunner().invoke(app, ["status", str(drawn), "--prom", str(file), "--json"])
    assert done.exit_code == 0 and json.loads(done.output)["round"] == 3
    assert file.read_text(encoding="utf-8") == client(drawn).get("/metrics").text
    assert [path.name for path in file.parent.iterdir()] == ["corpus.prom"]


def test_the_grafana_dashboard_asks_for_metrics_that_exist(drawn):
    board = json.loads((Path(__file__).parent.parent / "configs" / "grafana.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    families = list(read_prometheus(client(drawn).get("/metrics").text))
    known = {sample.name for family in families for sample in family.samples} | {family.name for family in families}
    labels = {value for family in families for sample in family.samples for value in sample.labels.values()}
    for expression in asked:
        assert set(re.findall(r"synthdata_\w+", expression)) <= known, expression
        assert set(re.findall(r'(?:view|metric)="(\w+)"', expression)) <= labels, expression
    assert len(asked) > 20 and "http" not in json.dumps(board)


def test_what_was_spent_counts_a_portion_once_and_on_the_round_that_it_paid_for():
    said = [
        {"run": "a", "portion": 1, "state": "reserved", "tokens": 900, "cost": 9.0},
        {"run": "a", "portion": 1, "state": "paid", "tokens": 100, "cost": 1.0},
        {"run": "a", "portion": 2, "state": "reserved", "tokens": 50, "cost": 0.5},
        {"run": "b", "portion": 1, "state": "paid", "tokens": 7, "cost": "much"},
    ]
    rows = [("spend", at, json.dumps(item)) for at, item in zip((0, 0, 0, 4), said, strict=True)]
    events = pl.DataFrame([*rows, ("freeze", 4, "{}")], schema=["kind", "round", "payload"], orient="row")
    assert spent(events) == {1: {"tokens": 150.0, "cost": 1.5}, 5: {"tokens": 7.0, "cost": 0.0}}


def test_the_judges_page_shows_shares_beside_their_intervals(drawn, played):
    text = client(drawn).get("/judges").text
    assert "Wrong ones that passed" in text and "0.8 %" in text and "0.0 % to 4.6 %" in text
    assert "No judge has looked at these rows" in client(played.store.path).get("/judges").text


def test_a_page_that_is_not_there_is_a_page(drawn):
    answer = client(drawn).get("/nowhere<b>")
    assert answer.status_code == 404 and "This page is not here" in answer.text and 'href="/"' in answer.text
    assert "<b>" not in answer.text


def test_the_explorer_sorts_and_filters_by_cell_and_source(drawn):
    pages = client(drawn)
    index = Reader(drawn).current().index
    cell = index["cell"].drop_nulls()[0]
    found = pages.get("/api/decisions", params={"cell": cell}).json()
    assert found["total"] == index.filter(pl.col("cell") == cell).height > 0
    assert pages.get("/api/decisions", params={"source": "bench", "cell": ""}).json()["total"] == len(index)
    assert pages.get("/api/decisions", params={"source": "nowhere"}).json()["total"] == 0
    scores = [row["score"] for row in pages.get("/api/decisions", params={"order": "score"}).json()["rows"]]
    assert scores == sorted(scores, reverse=True) and None not in scores
    low = [row["score"] for row in pages.get("/api/decisions", params={"order": "low"}).json()["rows"]]
    assert low == sorted(low) and low[0] == index["score"].min()
    assert pages.get("/explorer", params={"order": "sideways"}).status_code == 422


def test_a_list_of_sources_begins_with_any_though_some_rows_name_none(tmp_path):
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 32}}})
    rows = [ReferenceRow(text, "", f"task {i}") for i, text in enumerate(lessons(140))]
    corpus = Corpus.init(tmp_path / "c", rows, settings=settings)
    corpus.admit([Candidate(f"a text of its own, number {i}, about {'sea' if i % 2 else 'land'}") for i in range(4)])
    corpus.admit([Candidate("another text that says whence it comes", source="here")])
    shown = client(tmp_path / "c").get("/explorer").text
    assert '<option value="here">' in shown and shown.count('<option value="">') >= 5
    assert not re.search(r'<option value="" selected>', shown)
    overview = client(tmp_path / "c").get("/").text
    assert "real data " in overview and "first round " not in overview


def test_a_download_is_what_is_shown_and_redacted(tmp_path):
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 32}}})
    rows = [ReferenceRow(text, "", f"task {i}") for i, text in enumerate(lessons(140))]
    corpus = Corpus.init(tmp_path / "corpus", rows, settings=settings)
    corpus.admit([Candidate(f"{text} Write to jane.doe@example.com.") for text in lessons(30, seed=5)])
    pages = client(corpus.store.path)
    for asked in ({}, {"verdict": "reject"}, {"words": "before"}):
        total = pages.get("/api/decisions", params=asked).json()["total"]
        answer = pages.get("/download", params=asked)
        assert answer.headers["Content-Disposition"].endswith('"decisions.jsonl"')
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert len(lines) == total and "jane.doe" not in answer.text
        assert all(line["verdict"] == "reject" for line in lines) or asked.get("verdict") != "reject"
    assert pages.get("/download", params={"verdict": "admit"}).text.count("[EMAIL_1]") >= 1


def test_admitted_rows_stand_beside_real_ones(tmp_path):
    corpus = dashboard_corpus.corpus_of(tmp_path / "corpus", 200, rounds=2, dim=16)
    shapes = {shape.key: shape for shape in distributions(Reader(corpus.store.path).current())}
    assert set(shapes) == {"shares", "lengths", "nearest", "novelty"}
    for shape in shapes.values():
        assert len(shape.edges) == len(shape.ours) + 1 == len(shape.real) + 1
        assert shape.names or (abs(sum(shape.ours) - 1) < 1e-9 and abs(sum(shape.real) - 1) < 1e-9)
    # All texts of this corpus have 20 or 21 words, real ones and admitted ones alike.
    assert shapes["lengths"].edges[0] >= 19


@pytest.mark.parametrize(
    ("kind", "payload", "says"),
    [
        ("freeze", {"reason": "round 3 is red", "round": 3}, "Exports were frozen: round 3 is red."),
        (
            "unfreeze",
            {"because": "looked", "was": "red"},
            "Exports may leave again: looked. It was frozen",
        ),
        (
            "retract",
            {"ids": ["a", "b"], "runs": [], "reference": [], "because": "licence"},
            "2 rows and runs were taken",
        ),
        ("spend", {"state": "paid", "tokens": 1200, "cost": 0.5}, "1,200 tokens were paid for, 0.5 in money."),
        ("read", {"runs": 3, "source": "logs"}, "3 runs read from logs."),
        ("freeze", {"why": "an older version"}, "why: an older version"),
        ("of tomorrow", {"ids": list("abcdefgh")}, "ids: 8 of them"),
    ],
)
def test_an_event_is_a_sentence_and_never_lost(kind, payload, says):
    assert event_sentence(kind, payload).startswith(says)
