"""The small texts that once fell for what they are not, each against human instructions as reference."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from synthdata.api import Corpus
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate
from synthdata.settings import Settings

ROOT = Path(__file__).parents[1]
HASHING = Settings().with_value("recipe.encoder.backend", "hashing")
# File, and the reasons that its rows may have: diversity (collision, frames, the lesson quota) and p-values of hashed
# vectors of another domain; never that they are broken, short, worded wrongly or copies.
FAIR = {"collision_budget", "lesson_quota", "outside_reference"}
CASES = {
    "case_arith": FAIR, "case_ennum": FAIR, "case_fm": FAIR | {"lexical_saturation"}, "case_quoted": FAIR,
    "case_sameanswer": {"lesson_quota"}, "case_short": FAIR, "case_think": FAIR, "case_unquoted": FAIR,
    "case_zhnonum": FAIR, "case_zhnum": FAIR,
}  # fmt: skip


@pytest.fixture(scope="module")
def corpora(shared_data, tmp_path_factory):
    """One reference of instructions, one of prompts with completions."""
    sys.path.insert(0, str(ROOT))
    from bench.genuine_sets import distinct, instructions, prompts_and_completions

    made = {}
    for name, reader in (("one", instructions), ("two", prompts_and_completions)):
        rows = [ReferenceRow(s.content, s.context, s.task) for s in distinct(reader(shared_data))]
        made[name] = Corpus.init(tmp_path_factory.mktemp(name) / "c", rows, settings=HASHING)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_case_falls_for_nothing_that_it_is_not(corpora, shared_data, name):
    file = shared_data.parent / "cases" / "texts" / f"{name}.jsonl"
    if not file.exists():
        pytest.skip(f"needs {file}")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    corpus = corpora["two" if "prompt" in rows[0] else "one"]
    asked = [Candidate(row.get("content", row.get("completion")), row.get("prompt", "")) for row in rows]
    decisions = corpus.decide(asked).decisions
    refused = Counter(str(d.reason) for d in decisions if d.verdict != "admit")
    assert set(refused) <= CASES[name], refused
    admitted = len(rows) - sum(refused.values())
    assert admitted >= (3 if name in ("case_sameanswer", "case_fm") else len(rows) // 2)


def test_chinese_with_and_without_digits_fares_alike(corpora, shared_data):
    shares = []
    for name in ("case_zhnum", "case_zhnonum"):
        file = shared_data.parent / "cases" / "texts" / f"{name}.jsonl"
        lines = file.read_text(encoding="utf-8").split("\n")
        decisions = corpora["one"].decide([Candidate(json.loads(line)["content"]) for line in lines if line]).decisions
        shares.append(sum(d.verdict == "admit" for d in decisions) / len(decisions))
    assert min(shares) >= 0.8 and abs(shares[0] - shares[1]) <= 0.2
