"""The alarms over judges at their stated sizes: the 50 x 20 scan, the audit judge, and intervals in the snapshot."""

from __future__ import annotations

import polars as pl
import pytest
from judged_games import BASE, decided, made, reviews, runs
from scipy.stats import binomtest

from synthdata import Corpus, Settings
from synthdata.judging.record import judge_alarms, judge_rows
from synthdata.judging.scan import scan
from synthdata.monitor.status import status
from synthdata.operations.reflect import Work, decide_reviews
from synthdata.protocols import Judgement
from synthdata.settings import JudgeSettings

# Fixtures, which pytest finds by name.
__all__ = ["made", "reviews", "runs"]
LOOSE = {"models": ["credulous"], "canaries": 0, "consistency": False, "scan_reflections": 0}


class Partial:
    """Passes the first so many runs that it sees of each reflection, and counts what it was asked."""

    model = "partial"

    def __init__(self, passes):
        self.passes, self.asked = passes, []

    def judge(self, items):
        seen = {}
        said = []
        for run, review in items:
            told = seen.setdefault(review.lesson.text, [])
            said.append(Judgement("pass" if len(told) < self.passes else "fail", 0.0))
            told.append(run.id)
        self.asked += [len(told) for told in seen.values()]
        return said


@pytest.fixture(scope="module")
def items(runs, reviews):
    by_id = {run.id: run for run in runs}
    texts = {review.lesson.text: (by_id[review.trajectory_id], review) for review in reviews}
    return list(texts.values())


def test_the_scan_asks_for_fifty_reflections_on_twenty_runs(items, runs):
    judge = Partial(0)
    found = scan(judge, items, runs, JudgeSettings())
    assert len(items) > 50 and judge.asked == [20] * 50
    assert (found.reflections, found.accepted, found.tried, found.keys) == (50, 0, 20, ())


@pytest.mark.parametrize(("passes", "keys"), [(4, 0), (5, 50)], ids=["a fifth", "more than a fifth"])
def test_more_than_a_fifth_of_wrong_runs_makes_a_key(items, runs, passes, keys):
    found = scan(Partial(passes), items, runs, JudgeSettings())
    assert (found.accepted, found.tried, len(found.keys)) == (passes, 20, keys)


def test_the_snapshot_holds_each_share_with_its_exact_interval():
    counts = {"canary_bad": 100, "canary_bad_passed": 2, "canary_good": 100, "canary_good_passed": 93, "judge_void": 0}
    counts |= {"scan_tried": 20, "scan_accepted": 5, "scan_keys": 1}
    each = [counts | {"judge_passed": 1, "audit_passed": int(i > 2)} for i in range(40)]
    numbers = [[{"name": name, "value": float(value)} for name, value in row.items()] for row in each]
    rows = {row["metric"]: row for row in judge_rows(pl.DataFrame({"judged": ["j"] * 40, "numbers": numbers}), 0.95)}
    for name, hits, trials in (
        ("canary_fpr", 2, 100), ("canary_tpr", 93, 100), ("scan_share", 5, 20), ("audit_gap", 3, 40),
    ):  # fmt: skip
        exact = binomtest(hits, trials).proportion_ci(0.95, "exact")
        assert rows[name]["value"] == pytest.approx(hits / trials)
        assert (rows[name]["low"], rows[name]["high"]) == pytest.approx((exact.low, exact.high))
    frame = pl.DataFrame([{"round": 1, **row} for row in rows.values()])
    assert judge_alarms(frame, JudgeSettings()) == [{"tile": "judge_scan", "level": "red", "round": 1}]


def test_a_judge_that_the_audit_leaves_behind_rings_in_a_real_corpus(tmp_path, made, runs, reviews):
    def told(audit):
        return Settings.from_dict({"recipe": BASE | {"judge": LOOSE | {"audit": audit}}})

    corpus, _ = decided(tmp_path, made, runs, reviews[::3], **LOOSE, audit="credulous")
    gaps = []
    # The scripted model answers nothing that a judge could read, so as an audit it passes nothing.
    for part, audit in ((reviews[1::3], "credulous"), (reviews[2::3], "scripted")):
        corpus = Corpus.open(corpus.store.path, settings=told(audit))
        decide_reviews(corpus, Work(tuple(runs), (), 0), part)
        gaps.append(corpus.store.snapshots().filter(metric="audit_gap").sort("round").row(-1, named=True))
    assert (gaps[0]["value"], gaps[1]["value"]) == (0.0, 1.0) and gaps[1]["low"] > 0.5
    assert status(corpus.store)["alarms"] == [{"tile": "judge_audit", "level": "amber", "round": 3}]
    # The audit never decides: what it did not pass was admitted all the same.
    last = corpus.store.admitted().filter(pl.col("round") == 3)
    assert last.height > 0 and set(last["judged"]) == {"credulous"}
