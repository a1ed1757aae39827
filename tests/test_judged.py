"""Judges in a round: they veto and never rescue, fail closed, leave their numbers behind, and status rings alarms."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from judge_oracle import gullible, honest, stern
from judged_games import decided, made, reviews, runs, settings

from synthdata import Settings
from synthdata.errors import SettingsError
from synthdata.export.build import ExportRequest, export
from synthdata.generation.scripted import ScriptedGenerator
from synthdata.judging.credulous import CredulousJudge
from synthdata.judging.llm import LlmJudge
from synthdata.monitor.status import status
from synthdata.protocols import Judgement
from synthdata.records import LabelSource, Reflection, StepReview, from_json
from synthdata.rounds.judges import build_panel

# Fixtures, which pytest finds by name.
__all__ = ["made", "reviews", "runs"]


def oracle(reply, name):
    return LlmJudge(ScriptedGenerator(reply, name), settings().recipe, bytes(32))


def test_a_judge_vetoes_what_is_not_in_the_evidence(tmp_path, made, runs, reviews):
    corpus, report = decided(
        tmp_path, made, runs, reviews, oracle(honest, "oracle-1"), scan_reflections=10, scan_runs=5
    )
    assert report.reasons["judge_rejected"] > 10
    assert all("green cheese" not in d.candidate.content for d in report.admitted)
    assert {d.judged for d in report.admitted} == {"oracle-1"}
    seen = [d for d in report.decisions if d.stage == "judge"]
    assert all(d.threshold == 1.0 and d.score < 1.0 and d.detail for d in seen)
    row = report.admitted[0].numbers
    assert row["judge"] == 1.0 and row["canary_bad"] == 100 == row["canary_good"] and row["judge_void"] == 0
    facts = status(corpus.store)
    assert facts["judged"] == "oracle-1" and facts["alarms"] == []
    assert facts["metrics"]["judge"]["canary_fpr"] <= 0.03 and facts["metrics"]["judge"]["canary_tpr"] >= 0.95
    exact = corpus.store.snapshots().filter(metric="canary_fpr").row(0, named=True)
    assert 0 <= exact["low"] <= exact["value"] < exact["high"] < 0.1
    # All runs failed, so there is nothing real to imitate; teaching oneself needs none.
    export(corpus, tmp_path / "out", ExportRequest(kinds=("self_distillation",)))
    assert "Judged by oracle-1." in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_a_judge_that_believes_everything_has_judged_nothing(tmp_path, made, runs, reviews):
    corpus, report = decided(
        tmp_path, made, runs, reviews, oracle(gullible, "gullible-1"), consistency=False, scan_reflections=10
    )
    assert not report.admitted
    assert report.reasons["judge_abstained"] == sum(d.stage == "judge" for d in report.decisions) > 20
    assert "known-bad items passed" in next(d.detail for d in report.decisions if d.stage == "judge")
    alarms = status(corpus.store)["alarms"]
    assert {(a["tile"], a["level"], a["round"]) for a in alarms} == {
        ("judge_canaries", "red", 1),
        ("judge_scan", "red", 1),
    }


def test_a_judge_never_rescues_what_the_floor_refused(tmp_path, made, runs, reviews):
    _, free = decided(tmp_path / "a", made, runs, reviews)
    _, judged = decided(
        tmp_path / "b", made, runs, reviews, CredulousJudge(), canaries=0, consistency=False, scan_reflections=0
    )

    def early(report):
        return {
            (d.candidate.id, d.stage, d.reason) for d in report.decisions if d.stage in ("floor", "near", "semantic")
        }

    assert early(free) == early(judged)
    assert {d.candidate.id for d in free.admitted} == {d.candidate.id for d in judged.admitted}
    assert {d.judged for d in free.admitted} == {"none"} and {d.judged for d in judged.admitted} == {"credulous"}


class Moody:
    """Errs on its first round of questions and is honest from the second on."""

    def __init__(self):
        self.model, self.rounds = "moody-1", 0

    def judge(self, items):
        self.rounds += 1
        reply = gullible if self.rounds == 1 else honest
        return oracle(reply, "moody-1").judge(items)


def test_void_canaries_are_judged_once_more(tmp_path, made, runs, reviews):
    moody = Moody()
    _, report = decided(tmp_path, made, runs, reviews, moody, consistency=False, scan_reflections=0)
    assert moody.rounds == 2
    assert report.admitted and "judge_abstained" not in report.reasons


def test_labels_of_the_judge_reach_the_record(tmp_path, made, runs, reviews):
    def bad(review):
        return replace(review, steps=(StepReview(review.focus, "bad", 0.5, (LabelSource("rule", "bad"),)),))

    _, report = decided(tmp_path, made, runs, [bad(r) for r in reviews[-90:]], oracle(stern, "oracle-1"), canaries=0)
    found = [from_json(Reflection, d.candidate.payload) for d in report.decisions if d.judged != "none"]
    both = [step for review in found for step in review.steps if {s.kind for s in step.sources} == {"rule", "judge"}]
    assert len(both) > 20
    assert all(step.label == "bad" and step.confidence == pytest.approx(2 / 3) for step in both)


def test_too_few_canaries_fail_closed(tmp_path, made, runs, reviews):
    few = {r.trajectory_id for r in reviews[:60]}
    own = [run for run in runs if run.id in few]
    _, report = decided(tmp_path, made, own, reviews[:60], oracle(honest, "oracle-1"), canaries=5000)
    assert not report.admitted and "bring more runs" in report.rejected[-1].detail + report.rejected[0].detail


def test_a_growing_gap_to_the_audit_judge_rings():
    import polars as pl

    from synthdata.judging.record import judge_alarms

    def rows(number, refused, passes):
        return [(number, "judge", "audit_refused", float(refused)), (number, "judge", "audit_passes", float(passes))]

    frame = pl.DataFrame(
        [*rows(1, 2, 100), *rows(2, 3, 100), *rows(3, 20, 100)], ["round", "view", "metric", "value"], orient="row"
    )
    assert judge_alarms(frame, settings().recipe.judge) == [{"tile": "judge_audit", "level": "amber", "round": 3}]


def test_settings_name_the_judges(tmp_path):
    assert build_panel(settings(), b"", tmp_path) is None
    bench = build_panel(settings(models=["embedded", "credulous"]), b"", tmp_path)
    assert bench is not None and bench.judge_for(0).model.startswith("SmolLM2-135M-Instruct.Q4_1")
    with pytest.raises(SettingsError, match="family 'qwen'"):
        build_panel(Settings.from_dict({"recipe": {"judge": {"models": ["qwen3-8b", "Qwen/Qwen2.5-72B"]}},
                                     "runtime": {"endpoint": "http://127.0.0.1:9/v1"}}), b"", tmp_path)  # fmt: skip
    urls = ["http://a/v1", "http://b/v1"]
    with pytest.raises(SettingsError, match="2 addresses for 1 models"):
        build_panel(Settings.from_dict({"recipe": {"judge": {"models": ["qwen3-8b"]}},
                                     "runtime": {"judge_endpoints": urls}}), b"", tmp_path)  # fmt: skip


def test_the_judges_are_part_of_what_a_verdict_depends_on():
    assert settings().recipe.decision_fingerprint() != settings(models=["credulous"]).recipe.decision_fingerprint()
    json.dumps(settings(models=["credulous"]).model_dump())
    assert Judgement("pass", 1.0).labels == ()
