"""A month of rounds: amber, then red, before the loss has risen; health stays silent; a corpus on disk freezes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command import synthdata

from experiments.month.rounds import ONSET, PER_ROUND, RISE, ROUNDS, gated_month, watched_month
from experiments.month.world import TEMPERATURE, World
from synthdata.api import Corpus
from synthdata.corpus.releases import frozen_because
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.status import status
from synthdata.records import Candidate
from synthdata.settings import Settings

SMALL = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 64}}}, "test")


def test_a_slow_collapse_is_amber_then_red_before_the_loss_has_risen() -> None:
    month = watched_month(3, 0.1)
    facts = month.facts()
    assert ONSET <= facts["late_amber"] <= facts["red"] < facts["risen"] <= ROUNDS
    assert facts["loss"][facts["risen"] - 1] >= RISE > max(facts["loss"][: ONSET - 1])
    assert facts["n2"][-1] < facts["n2"][0] / 3


def test_a_healthy_month_is_never_red() -> None:
    facts = watched_month(4, 0.0).facts()
    assert facts["red"] is None and facts["risen"] is None


@pytest.mark.slow
def test_the_gated_month_without_steering_meets_the_same_generator() -> None:
    facts, alone = gated_month(3, steered=False, rate=0.1).facts(), watched_month(3, 0.1).facts()
    assert facts["red"] is not None and abs(facts["red"] - alone["red"]) <= 4
    assert max(facts["admitted"]) <= PER_ROUND
    assert sum(facts["admitted"][25:]) < sum(facts["admitted"][:5]) / 3  # the gate starves rather than admit it


@pytest.mark.slow
def test_a_corpus_on_disk_turns_red_and_exports_nothing(tmp_path: Path) -> None:
    world, rng = World(5), np.random.default_rng(5)

    def texts(count: int, depth: float) -> list[tuple[str, str]]:
        topics = world.topics(count, depth, rng)
        contexts, contents = world.contexts(topics, rng), world.contents(topics, depth, TEMPERATURE, rng)
        return list(zip(contents.spoken(), contexts.spoken(), strict=True))

    reference = [ReferenceRow(content, context, str(i)) for i, (content, context) in enumerate(texts(300, 0))]
    corpus = Corpus.init(tmp_path / "c", reference, settings=SMALL)
    red = 0
    for number in range(1, 19):
        rows = texts(60, 0.35 * max(0, number - 7))
        report = corpus.admit([Candidate(content, context) for content, context in rows])
        if report.alarm:
            red = number
            break
        assert is_frozen(corpus) is False
    assert red > 7
    corpus.watch()  # looking again freezes nothing anew
    assert corpus.store.events("freeze").height == 1
    assert {alarm["level"] for alarm in status(corpus.store)["alarms"] if alarm["round"] == red} == {"amber", "red"}
    refused = synthdata("export", corpus.store.path, tmp_path / "out")
    assert refused.returncode == 1 and f"round {red} is red" in refused.stderr
    assert not (tmp_path / "out").exists()


def is_frozen(corpus: Corpus) -> bool:
    return frozen_because(corpus.store) is not None
