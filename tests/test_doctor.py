"""`doctor` finds all controls in place by default, and names the one that a setting has switched off."""

from __future__ import annotations

import json
from functools import cache

import pytest
from command import synthdata

from synthdata import Settings
from synthdata.doctor.bursts import one_control_at_a_time
from synthdata.doctor.material import cheap, run_of
from synthdata.doctor.rounds import narrowing_rounds
from synthdata.doctor.signals import gamed_judges
from synthdata.doctor.texts import copies_and_noise

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# The stage, what switches a control of it off, and the control. Exact copies, secrets and the place of a quote have no
# setting that would; what switches off likeness of meaning in `copies_and_noise` needs the encoder with a model.
OFF = [
    (copies_and_noise, {"recipe.gate.near_jaccard": 1.0}, "near_duplicate"),
    (copies_and_noise, {"recipe.floor.rare_bigram_share": 1.0, "recipe.floor.min_vowels": 0.0}, "gibberish"),
    (copies_and_noise, {"recipe.gate.gibberish_share": 0.0}, "broken stretches"),
    (
        copies_and_noise,
        {"recipe.gate.contaminated_ngram": 100, "recipe.gate.contaminated_words": 10**6},
        "contaminated",
    ),
    (one_control_at_a_time, {"recipe.gate.tau": 2.0}, "likeness of meaning"),
    (one_control_at_a_time, {"recipe.gate.lexical_share": 1.0}, "repeated phrases"),
    (one_control_at_a_time, {"recipe.gate.skeleton_share": 1.0}, "skeletons"),
    (
        one_control_at_a_time,
        {"recipe.gate.quota_slack": 1e9, "recipe.gate.out_of_distribution_share": 1.0},
        "cell quota",
    ),
    (one_control_at_a_time, {"recipe.gate.collision_max": 1.0}, "collision budget"),
    (narrowing_rounds, {"runtime.alarms.threshold": 1e9}, "the alarm"),
    (gamed_judges, {"recipe.judge.canaries": 0}, "canaries"),
    (gamed_judges, {"recipe.judge.consistency": False}, "twins"),
    (gamed_judges, {"recipe.judge.scan_reflections": 0}, "the scan"),
]


@pytest.fixture(scope="module")
def fired(tmp_path_factory):
    """Which controls of a stage fire where all are on; hashed vectors, to be quick."""

    @cache
    def of(stage):
        findings = stage(tmp_path_factory.mktemp("on"), cheap(Settings()))
        return {finding.control for finding in findings if finding.fired}

    return of


@pytest.mark.parametrize(
    ("stage", "values", "control"),
    [pytest.param(*off, id=off[2], marks=[pytest.mark.long] * (off[0] is narrowing_rounds)) for off in OFF],
)
def test_a_control_that_is_off_is_missed_and_no_other(stage, values, control, fired, tmp_path):
    settings = cheap(Settings())
    for name, value in values.items():
        settings = settings.with_value(name, value)
    findings = stage(tmp_path, settings)
    assert control in fired(stage)
    assert fired(stage) - {f.control for f in findings if f.fired} == {control}


@pytest.mark.long
def test_a_paraphrase_is_missed_where_no_cosine_is_too_high(tmp_path) -> None:
    # With the encoder that has a model, as in `test_every_control_fires`, where it is found.
    findings = copies_and_noise(tmp_path, Settings().with_value("recipe.gate.tau", 2.0))
    assert {finding.control for finding in findings if not finding.fired} == {"semantic_duplicate"}


def test_every_control_fires() -> None:
    done = synthdata("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, [f for f in report["findings"] if not f["fired"]]
    controls = [finding["control"] for finding in report["findings"]]
    assert report["healthy"] and {control for *_, control in OFF} <= set(controls)
    assert {"exact_duplicate", "semantic_duplicate", "contaminated", "secret"} <= set(controls)
    assert controls.count("evidence") == 2


@pytest.mark.long
def test_the_verb_says_which_control_is_missing_and_exits_1() -> None:
    # Nothing counts as a paraphrase; hashed vectors are only there to be quick.
    off = ("recipe.encoder.backend=hashing", "recipe.encoder.dim=96", "recipe.gate.tau=1.5")
    blind = synthdata("doctor", *(part for setting in off for part in ("--set", setting)))
    assert blind.returncode == 1
    said = " ".join(blind.stdout.split())
    assert "semantic_duplicate did not fire on a paraphrase" in said
    assert "likeness of meaning did not fire on 600 edits of a lesson" in said


def test_trials_of_a_task_differ_in_the_failing_step_alone() -> None:
    for number in range(40):
        one, other = run_of(number), run_of(number, 1)
        assert (one.task, one.task_id, one.steps[1]) == (other.task, other.task_id, other.steps[1])
        assert one.steps[0] != other.steps[0]
