"""`inspect`: streamed figures equal those of the metrics, copies those of a brute force; bad files say what is bad."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from command import synthdata
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import lessons

from metrics.entropy import shannon_entropy
from metrics.lexical import compression_ratio, distinct_n, ngram_entropy
from synthdata.errors import InputError
from synthdata.inspection import Inspection, Question, inspect_file
from synthdata.inspection.beside import Beside, Term
from synthdata.inspection.copies import NearCopies, exact_copies, exact_keys, originals
from synthdata.inspection.lexical import Wording
from synthdata.inspection.page import page
from synthdata.inspection.reading import Text, read_texts
from synthdata.inspection.repeats import Level
from synthdata.inspection.semantic import Figure, spread
from synthdata.inspection.spool import Spool
from synthdata.inspection.tally import Tally
from synthdata.inspection.verdict import verdict
from synthdata.protocols import no_advance
from synthdata.settings import GateSettings, InspectSettings, Settings
from synthdata.similarity.encoder import make_encoder
from synthdata.similarity.preamble import find_preamble
from synthdata.similarity.shingles import jaccard, shingles
from synthdata.sources import Reading, parse_map

HASHING = Settings.from_dict(
    {"recipe": {"encoder": {"backend": "hashing", "dim": 96}}, "runtime": {"inspect": {"subsamples": 40}}}
)
OURS = InspectSettings()
words = st.lists(st.sampled_from("the a cat dog runs sat on mat Éa ß 12".split()), max_size=12)


def report_of(path: Path, *fields: str, reference: Path | None = None, cut: bool = True) -> Inspection:
    encoder = make_encoder(HASHING.recipe.encoder, HASHING.runtime)
    return inspect_file(Question(path, reference, parse_map((), fields), cut), HASHING, encoder)


def written(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def spooled(texts: Sequence[str]) -> Spool:
    spool = Spool()
    spool.fill(Text("f", i, "text", text) for i, text in enumerate(texts, 1))
    return spool


@given(st.lists(words, min_size=1, max_size=12), st.integers(1, 5))
@settings(max_examples=40)
def test_streamed_numbers_are_those_of_the_metrics(documents, batch):
    texts = [" ".join(document) for document in documents]
    wording = Wording()
    for start in range(0, len(texts), batch):
        wording.add(texts[start : start + batch])
    found = wording.numbers()
    tokens = [text.lower().split() for text in texts]
    _, counts = np.unique([word for row in tokens for word in row], return_counts=True)
    assert found["words"] == sum(map(len, tokens))
    assert found["word_entropy"] == pytest.approx(shannon_entropy(counts) if len(counts) else 0.0, abs=1e-12)
    for n in (1, 2, 3):
        assert found[f"distinct_{n}"] == pytest.approx(distinct_n(tokens, n), abs=1e-12)
    assert found["trigram_entropy"] == pytest.approx(ngram_entropy(tokens, 3), abs=1e-12)
    if any(texts):
        assert found["compression_ratio"] == pytest.approx(compression_ratio(texts))
    assert wording.lengths().most == max(map(len, tokens))
    wording.close()


def test_a_tally_that_went_to_disk_counts_like_one_that_did_not():
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 2**64, size=1 << 20, dtype=np.uint64)
    tally = Tally()
    for _ in range(3):
        tally.add(numbers)
    tally.add(numbers[:7])
    assert len(tally._parts) == 64
    assert tally.total == 3 * len(numbers) + 7
    assert tally.spread() == {3: len(numbers) - 7, 4: 7}
    tally.close()


def edited(text: str, rng: np.random.Generator) -> str:
    parts = text.split()
    parts[int(rng.integers(len(parts)))] = "otherwise"
    return " ".join(parts)


def test_near_copies_are_those_of_a_brute_force():
    rng = np.random.default_rng(1)
    base = [" ".join(lessons(3, seed)) for seed in range(40)]
    texts = [*base, *(edited(base[int(i)], rng) for i in rng.integers(len(base), size=80))]
    sets = [shingles(text, 5) for text in texts]
    near = {(i, j) for i, j in itertools.combinations(range(len(texts)), 2) if jaccard(sets[i], sets[j]) >= 0.8}
    with spooled(texts) as spool:
        copies = NearCopies(spool, np.arange(len(texts)), GateSettings(), OURS)
        copies.sign(2, no_advance)
        earlier, scores = copies.find(no_advance)
        copies.close()
    found = {(int(before), later) for later, before in enumerate(earlier) if before >= 0}
    assert found <= near
    assert len({j for _, j in near}) > 50
    assert {j for _, j in found} == {j for _, j in near}
    assert all(score == jaccard(sets[i], sets[earlier[i]]) for i, score in scores.items())


@given(st.lists(st.sampled_from(["One.", " one", "ONE!", "two", "three", "Two"]), max_size=20))
def test_exact_copies_lead_to_the_first_of_their_kind(texts):
    earlier = exact_copies(exact_keys(list(texts)))
    plain = [text.strip(" .!").lower() for text in texts]
    assert originals(earlier).tolist() == [plain.index(text) for text in plain]


def test_interval_of_n2_holds_the_number_of_kinds_and_narrows_with_rows():
    rng = np.random.default_rng(2)
    widths = []
    for rows in (200, 3200):
        x = np.eye(12, dtype=np.float32)[rng.integers(12, size=rows)]
        figure = spread(x, OURS)["n2"]
        assert figure.low < 11 < figure.high, "m groups give m - 1 where they are centred"
        widths.append(figure.high - figure.low)
    assert widths[1] < widths[0] / 2


PREAMBLE = "You have tools at your command.\nUse them well and sparingly: {}\nsearch(query)\n"


def test_a_shared_preamble_in_variants_is_cut_and_said(tmp_path):
    texts = [PREAMBLE.format("web" if i % 3 else "files") + text for i, text in enumerate(lessons(120, 3))]
    found = find_preamble(texts, OURS)
    assert found is not None
    assert found.share == 1
    assert [found.cut(text) for text in texts] == lessons(120, 3)
    path = written(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    cut, kept = report_of(path), report_of(path, cut=False)
    assert cut.preamble == PREAMBLE.format("web")
    assert kept.preamble == ""
    assert kept.lengths.median > cut.lengths.median + 10


@pytest.mark.parametrize(
    "texts",
    [
        lessons(120, 4),
        ["Sure: " + text for text in lessons(120, 4)],
        ["The same text in three lines.\nIt is copied often in here.\nNothing else is."] * 120,
        [PREAMBLE.format("web") + text if i < 40 else text for i, text in enumerate(lessons(120, 4))],
    ],
    ids=["none", "too short", "copies", "not most"],
)
def test_no_preamble_where_there_is_none(texts):
    assert find_preamble(texts, OURS) is None


def texts_of(path: Path, *fields: str) -> list[tuple[str, str]]:
    found = read_texts(path, HASHING, parse_map((), fields), Reading())
    return [(item.field, item.text) for item in found if isinstance(item, Text)]


@pytest.mark.parametrize(
    ("row", "fields", "name", "texts"),
    [
        ({"content": "a b", "text": "b c"}, (), "content", ["a b"]),
        ({"prompt": "q r", "completion": "a b"}, (), "completion", ["a b"]),
        ({"prompt": "q r", "response": "a b", "timestamp": "2024-01-02"}, (), "response", ["a b"]),
        ({"prompt": "q r"}, (), "prompt", ["q r"]),
        ({"instruction": "i j", "input": "", "output": "o p"}, (), "output", ["o p"]),
        ({"text": "t u", "blurb": "much longer text"}, (), "text", ["t u"]),
        ({"id": "x", "blurb": "much longer"}, (), "blurb", ["much longer"]),
        ({"prompt": "q r", "generations": ["a b", "b c"]}, (), "generations", ["a b", "b c"]),
        ({"conversations": [{"from": "human", "value": "q r"}, {"from": "gpt", "value": "a b"}]}, (),
         "conversations (the last of the assistant)", ["a b"]),
        ({"prompt": "q r", "chosen": "a b", "rejected": "c d"}, (), "chosen", ["a b"]),
        ({"instances": [{"output": "a"}, {"output": "b"}]}, ("instances.output",), "instances.output", ["a", "b"]),
        ({"a.b": "dotted", "a": {"b": "nested"}}, ("a.b",), "a.b", ["dotted"]),
        ({"q": "x", "a": "y"}, ("q", "a"), "q + a", ["x\ny"]),
    ],
)  # fmt: skip
def test_the_column_that_is_looked_at(row, fields, name, texts, tmp_path):
    assert texts_of(written(tmp_path / "a.jsonl", [row]), *fields) == [(name, text) for text in texts]


def test_a_table_of_no_texts_and_a_log_that_no_reader_knows_are_not_measured(tmp_path):
    with pytest.raises(InputError, match=r"no column holds texts: `n` \(numbers\), `when` \(dates\)"):
        report_of(written(tmp_path / "a.jsonl", [{"n": i, "when": f"2024-01-0{i}"} for i in range(1, 9)]))
    spans = [{"trace_id": "a1", "span_id": f"{i}", "name": "a step of it", "start_time": i} for i in range(9)]
    with pytest.raises(InputError, match="agent runs"):
        report_of(written(tmp_path / "b.jsonl", spans))


def test_parquet_gzip_and_folders_give_the_same_report(tmp_path):
    rows = [{"text": text, "number": i} for i, text in enumerate(lessons(60, 5))]
    plain = written(tmp_path / "a.jsonl", rows)
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "p.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    reports = [report_of(path) for path in (plain, packed, tmp_path / "a.parquet", folder)]
    assert reports[0].fields == {"text": 60}
    for other in reports[1:]:
        assert (other.figures, other.lengths, other.verdict) == (
            reports[0].figures,
            reports[0].lengths,
            reports[0].verdict,
        )


def test_levels_are_told_apart_and_rows_that_cannot_be_used_are_counted(tmp_path):
    texts = lessons(60, 6)
    near = [" ".join(lessons(3, seed)) for seed in (71, 72)]
    rows: list[object] = [{"text": text} for text in [*texts, *texts[:5], *near, *(text + " Really" for text in near)]]
    path = written(tmp_path / "a.jsonl", [*rows, {"text": "  "}, {"number": 3}, [1]])
    with path.open("a") as file:
        file.write("{broken\n")
    report = report_of(path)
    assert report.rows == 69
    assert {level: report.levels[level].rows for level in ("exact", "near")} == {"exact": 5, "near": 2}
    assert sum(fault.rows for fault in report.unreadable) == 4
    assert report.levels["near"].examples[0].row == "a.jsonl, row 68"
    assert report.levels["exact"].clusters[0].rows == 2
    assert report.verdict[0].startswith("Partly repetitive: 10 % of 69 rows")


def finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    return all(map(finite, value)) if isinstance(value, list | tuple) else True


@pytest.mark.parametrize("texts", [["one"], ["one", "two"], ["same text here"] * 50, ["."] * 3, lessons(15, 7)])
def test_small_and_identical_files_give_values_without_nan(tmp_path, texts):
    path = written(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    report = report_of(path, reference=path)
    assert finite(asdict(report))
    assert report.rows == len(texts)
    if len(set(texts)) == 1 and len(texts) > 3:
        assert report.figures["n2"].value == 1
        assert report.levels["exact"].rows == len(texts) - 1


def test_beside_itself_nothing_is_missing_and_beside_other_texts_terms_are(tmp_path):
    reference = written(tmp_path / "r.jsonl", [{"text": f"{text} Mind the gazebo."} for text in lessons(200, 8)])
    narrow = written(tmp_path / "n.jsonl", [{"text": text} for text in lessons(4, 9) * 25])
    same, less = report_of(reference, reference=reference, cut=False), report_of(narrow, reference=reference)
    assert same.beside is not None and less.beside is not None
    assert same.beside.terms == []
    figures = less.beside.figures
    assert figures["coverage"].value < figures["coverage"].low
    assert figures["recall"].value < figures["recall"].low
    assert {"gazebo"} <= {term.term for term in less.beside.terms}
    assert less.verdict[1].startswith("Narrower than the reference: fewer kinds")


def test_the_page_escapes_the_file_asks_nobody_and_tells_each_picture(tmp_path):
    hostile = "</script><script>alert(1)</script> <img src=http://example.org/x> \u202etxet \x1b[31m & so on"
    texts = [f"{hostile} {text}" for text in lessons(60, 10)]
    path = written(tmp_path / "<b>a&b.jsonl", [{"<i>field": text} for text in [*texts, texts[0], texts[1] + " Ah"]])
    other = written(tmp_path / "r.jsonl", [{"text": f"{text} <u>gazebo</u>"} for text in lessons(100, 11)])
    made = page(report_of(path, reference=other, cut=False))
    assert not {"\u202e", "\x1b"} & set(made)
    seen = Elements()
    seen.feed(made)
    assert seen.names <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "div", "table", "caption", "thead",
        "tbody", "tr", "th", "td", "svg", "desc", "rect", "line", "circle", "text", "details", "summary", "pre",
    }  # fmt: skip
    assert not {"src", "href", "onload", "onerror", "action"} & seen.attributes
    assert "url(" not in made and "@import" not in made
    pictures = re.findall(r"<svg.*?</svg>", made, re.DOTALL)
    assert len(pictures) >= 5
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert root[0].tag == "title" and root[0].text
        assert root[1].tag == "desc" and root[1].text
    assert made.count("<table") >= len(pictures)


class Elements(HTMLParser):
    """Which elements and attributes a browser would see."""

    def __init__(self):
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.slow
def test_the_verb_writes_json_and_a_page_and_says_what_is_wrong(tmp_path):
    path = written(tmp_path / "a.jsonl", [{"text": text} for text in ["only one kind of text"] * 3])
    bare = ("--set", "recipe.encoder.backend=hashing")
    done = synthdata("inspect", path, "--json", "--html", tmp_path / "a.html", *bare)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout, parse_constant=pytest.fail)
    assert (facts["rows"], facts["levels"]["exact"]["rows"], facts["figures"]["n2"]["low"]) == (3, 2, None)
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    wrong = synthdata("inspect", path, "--field", "txet", *bare)
    assert (wrong.returncode, "the first rows have `text`" in wrong.stderr) == (2, True)
    nowhere = synthdata("inspect", path, "--html", tmp_path / "no" / "a.html", *bare)
    assert (nowhere.returncode, "there is no folder" in nowhere.stderr) == (2, True)


@pytest.mark.slow
def test_thinning_a_real_set_raises_distinct_2_and_lowers_near_copies(shared_data, tmp_path):
    reports = []
    for level in ("dedupe-only", "similarity-0.9", "similarity-0.8", "similarity-0.7", "similarity-0.6"):
        source = shared_data / "dup-gpteacher-toolformer" / f"toolformer-{level}.json.gz"
        rows = json.loads(gzip.decompress(source.read_bytes()))
        chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:2000])
        path = written(tmp_path / f"{level}.jsonl", [rows[i] for i in chosen])
        reports.append(report_of(path, "instruction", "input", "response"))
    assert all(report.preamble.startswith("toolformer: enabled") and report.preamble_share == 1 for report in reports)
    distinct = [report.figures["distinct_2"].value for report in reports]
    near = [report.levels["near"].share for report in reports]
    assert distinct == sorted(distinct)
    assert near == sorted(near, reverse=True)
    assert near[0] > 2 * near[-1]


def test_the_verdict_names_what_is_under_and_not_what_is_inside():
    level = Level(0, 100, 0.0, None, None, [], [])
    levels = {"exact": level, "near": level, "semantic": replace(level, rows=7, share=0.07)}
    inside, under = Figure(5.0, 4.0, 6.0), Figure(3.0, 4.0, 6.0)

    def said(**figures: Figure) -> list[str]:
        return verdict(levels, {"n2": inside}, Beside(100, 50, figures, [Term("owl", 9, 0.09)], []), OURS)

    assert said(n2=inside)[0].startswith("Partly repetitive: 7 % of 100 rows")
    assert said(n2=inside)[1] == (
        "Beside real text of that size nothing is narrower. Typical terms that it never uses: owl."
    )
    assert said(n2=inside, distinct_3=under)[1].startswith("It covers what real text of that size covers, but there is")
    assert said(n2=under)[1].startswith("Narrower than the reference: fewer kinds. N2 3, real text 4 to 6.")
    assert said(n2=Figure(None, note="2 rows"))[1] == "Nothing can be said beside the reference: 2 rows."


@pytest.mark.parametrize("content", ["", "\n\n", "{broken", '{"number": 3}\n'])
def test_a_file_without_texts_says_why(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=r"a\.jsonl"):
        report_of(path)


def test_a_field_that_no_row_has_names_those_there_are(tmp_path):
    path = written(tmp_path / "a.jsonl", [{"text": "x", "label": "y"}])
    with pytest.raises(InputError, match="`words` that --map names; the first rows have `text`, `label`"):
        report_of(path, "words")
