"""Views at matched size and words, with the place of real text beside each number; what is undefined says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import lessons

from metrics.coverage import prdc, tail_coverage
from metrics.drift import mmd2
from metrics.lexical import compression_ratio, distinct_n, self_repetition
from metrics.spectrum import effective_number, vendi_score
from synthdata import Candidate, Corpus, Settings
from synthdata.gate.lexical import skeleton
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.blocks import Blocks, numbers_against, own_numbers
from synthdata.monitor.measure import AGAINST, OWN, View, measure, stepped
from synthdata.monitor.status import status
from synthdata.monitor.wording import Vocabulary, Wording, own_wording, tail

HASHING = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 96}}})
SHARES = np.full(6, 1 / 6)
Found = dict[tuple[str, str], dict[str, object]]


def view(name: str, texts: list[str], seed: int, kinds: int = 0) -> View:
    """Texts with random directions as vectors, or copies of a few directions; cells by turns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(kinds or len(texts), 16))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    content = x[np.arange(len(texts)) % len(x)].astype(np.float32)
    return View(name, content, np.arange(len(texts)) % 6, [t.split() for t in texts], [skeleton(t, "") for t in texts])


def measured(views: list[View], heldout: View | None) -> Found:
    rows = measure(views, heldout, SHARES, 0)
    found = {(str(row["view"]), str(row["metric"])): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_real_text_lies_within_its_own_interval_and_collapsed_text_under_it() -> None:
    texts = lessons(300, 3)
    heldout = view("reference_heldout", texts[:120], 1)
    healthy, narrow = view("raw", texts[120:240], 2), view("round", texts[240:244] * 30, 3, kinds=4)
    found = measured([healthy, narrow], heldout)
    for name in (*OWN, *AGAINST):
        assert found["raw", name]["low"] is not None, name
    for name in ("n2", "vendi_1", "coverage", "distinct_3", "tail_coverage", "skeleton_hill_1"):
        low, high = found["raw", name]["low"], found["raw", name]["high"]
        assert low <= found["reference_heldout", name]["value"] <= high  # type: ignore[operator]
        assert found["raw", name]["value"] >= low, name  # type: ignore[operator]
        assert found["round", name]["value"] < found["round", name]["low"], name  # type: ignore[operator]
    for name in ("mmd2", "compression_ratio", "self_repetition"):
        assert found["round", name]["value"] > found["round", name]["high"], name  # type: ignore[operator]


def test_sizes_and_words_match_whatever_the_views_hold() -> None:
    texts = lessons(400, 5)
    heldout = view("reference_heldout", texts[:80], 1)
    long_rows = [f"{a} {b}" for a, b in zip(texts[80:180], texts[180:280], strict=True)]
    found = measured([view("raw", long_rows, 2), view("admitted", texts[280:380], 3)], heldout)
    for metric in ("size", "words"):
        assert len({found[name, metric]["value"] for name in ("raw", "admitted", "reference_heldout")}) == 1
    assert found["raw", "size"]["value"] == 40
    assert found["raw", "rows"]["value"] == 100


def test_a_view_smaller_than_half_the_reference_is_measured_at_its_own_size() -> None:
    texts = lessons(140, 6)
    small, heldout = view("round", texts[:15], 1), view("reference_heldout", texts[20:], 2)
    found = measured([small], heldout)
    assert found["round", "size"]["value"] == 15
    words = int(found["round", "words"]["value"])  # type: ignore[call-overload]
    # All rows are in every draw, so the mean over draws is the metric itself.
    assert found["round", "n2"]["value"] == pytest.approx(effective_number(small.content))
    assert found["round", "distinct_3"]["value"] == pytest.approx(distinct_n(first_words(small.words, words), 3))
    assert found["reference_heldout", "size"]["value"] == 60


def test_a_view_that_grows_asks_for_few_sets_of_subsamples() -> None:
    """The reference's subsamples are kept by size and words: a row more must not ask for new ones."""
    texts = lessons(520, 6)
    heldout = view("reference_heldout", texts[:200], 2)
    asked: Counter[str] = Counter()

    def keep(name: str, make: Callable[[], list[dict[str, float]]]) -> list[dict[str, float]]:
        asked[name] += 1
        return kept.setdefault(name, [{"n2": 1.0}, {"n2": 2.0}])

    kept: dict[str, list[dict[str, float]]] = {}
    for count in range(40, 140):
        measure([view("admitted", texts[200 : 200 + count], 1)], heldout, SHARES, 0, keep)
    bare = [name for name in asked if not name.endswith("-words")]
    # From 40 rows to 100, half of the reference, the steps of a twelfth are eleven.
    assert len(bare) == 12
    assert len(asked) - len(bare) <= 30


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_a_step_is_less_than_a_tenth_below_and_keeps_the_order(count: int, other: int) -> None:
    assert count * 10 / 11 - 1 < stepped(count) <= count
    assert stepped(stepped(count)) == stepped(count)
    assert (stepped(count) <= stepped(other)) or count > other


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.integers(20, 60), st.integers(30, 400))
def test_shared_work_gives_what_the_metrics_give(seed: int, rows: int, words: int) -> None:
    texts = lessons(2 * rows, seed % 7, topics=3)
    left, right = view("raw", texts[:rows], seed), view("real", texts[rows:], seed + 1)
    x, y = left.content.astype(np.float64), right.content.astype(np.float64)
    blocks = Blocks(x @ x.T, y @ y.T, y @ x.T)
    fit = prdc(right.content, left.content, k=5)
    expected = {"n2": effective_number(x), "vendi_1": vendi_score(x), "mmd2": mmd2(right.content, left.content)}
    expected |= {"coverage": fit["coverage"], "precision": fit["precision"]}
    assert own_numbers(blocks) | numbers_against(blocks, 5) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    vocabulary = Vocabulary()
    mine, real = (Wording(v.words, v.frames, vocabulary) for v in (left, right))
    order = np.random.default_rng(seed).permutation(rows)
    cut = first_words([left.words[i] for i in order], words)
    found = own_wording(mine, order, words) | {"tail": tail(real, order, mine, order, words)}
    found.pop("skeleton_hill_1")
    assert found == pytest.approx(
        {
            "distinct_3": distinct_n(cut, 3),
            "compression_ratio": compression_ratio([" ".join(document) for document in cut]),
            "self_repetition": self_repetition(cut),
            "tail": tail_coverage(first_words([right.words[i] for i in order], words), cut),
        }
    )


def first_words(documents: Sequence[Sequence[str]], words: int) -> list[Sequence[str]]:
    """The documents up to that many words in all, the last one cut."""
    kept: list[Sequence[str]] = []
    for document in documents:
        left = words - sum(map(len, kept))
        kept += [document[:left]] if left > 0 else []
    return kept


def test_intervals_are_those_of_subsamples_corrected_for_a_finite_reference() -> None:
    heldout = view("reference_heldout", lessons(200, 8), 4)
    row = measured([], heldout)["reference_heldout", "n2"]
    rng = np.random.default_rng(0)
    draws = [effective_number(heldout.content[rng.permutation(200)[:100]]) for _ in range(400)]
    width = 4 * float(np.std(draws)) / np.sqrt(0.5)
    assert row["high"] - row["low"] == pytest.approx(width, rel=0.2)  # type: ignore[operator]


def test_what_is_undefined_is_none_with_its_reason() -> None:
    texts = lessons(60, 9)
    found = measured([view("raw", texts[:40], 1), view("round", texts[:3], 2)], None)
    assert found["round", "n2"]["value"] is None
    assert "3 rows, fewer than the 10" in str(found["round", "n2"]["note"])
    assert found["raw", "coverage"]["value"] is None
    assert "no real content was set aside" in str(found["raw", "coverage"]["note"])
    assert found["raw", "n2"]["low"] is None
    few = measured([view("raw", texts[:40], 1)], view("reference_heldout", texts[40:55], 2))
    assert "only 15 real rows" in str(few["raw", "mmd2"]["note"])
    orthogonal = View("raw", np.eye(16, dtype=np.float32), np.full(16, -1), [t.split() for t in texts[:16]], texts[:16])
    alone = measured([orthogonal], None)
    assert alone["raw", "n2"]["value"] is None and "infinite" in str(alone["raw", "n2"]["note"])
    assert alone["raw", "cell_hill_1"]["value"] is None and alone["raw", "outside_share"]["value"] == 1
    for row in (*found.values(), *few.values(), *alone.values()):
        assert (row["value"] is None) == bool(row["note"])
        assert row["value"] is None or np.isfinite(float(row["value"]))  # type: ignore[arg-type]


def test_status_says_the_same_of_a_stored_round(tmp_path: Path) -> None:
    rows = [ReferenceRow(text, "", f"t{i}") for i, text in enumerate(lessons(240, 1))]
    corpus = Corpus.init(tmp_path / "c", rows, settings=HASHING)
    corpus.admit([Candidate(text) for text in lessons(80, 2)])
    corpus.admit([Candidate(text) for text in lessons(4, 3)])
    facts = status(corpus.store, as_of=1)
    for name in ("n2", "coverage", "tail_coverage", "skeleton_hill_1"):
        low, high = facts["intervals"]["raw"][name]
        assert low < high
    assert facts["metrics"]["raw"]["lineage_depth"] == 1
    assert facts["metrics"]["admitted"]["real_share"] == pytest.approx(facts["real_share"])
    assert facts["metrics"]["raw"]["judge_pass_rate"] is None
    assert "judged" in facts["absent"]["raw"]["judge_pass_rate"]
    later = status(corpus.store)
    assert "4 rows" in later["absent"]["raw"]["n2"]
    assert [point["round"] for point in later["trend"]] == [1, 2]
    assert later["trend"][0]["n2"] == {
        "value": facts["metrics"]["raw"]["n2"],
        "low": facts["intervals"]["raw"]["n2"][0],
        "high": facts["intervals"]["raw"]["n2"][1],
    }
