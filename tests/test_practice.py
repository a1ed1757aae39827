"""Practice: which moves are learnt, when what was learnt is kept, and a night that learns from its own games alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from export_corpus import RECIPE, SAMPLE
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import tiny_model

from synthdata import Corpus, Settings
from synthdata.consolidation.baselines import CHANCE, MEAN, PMI, SUM, VERBS
from synthdata.consolidation.choice_exam import read_questions
from synthdata.consolidation.exam_games import FILE
from synthdata.consolidation.keep_rule import FORGETTING, Paired
from synthdata.consolidation.night import begin, collect, finish, sleep, write_report
from synthdata.consolidation.night_curve import draw
from synthdata.consolidation.practice import practise, read_moves
from synthdata.consolidation.practice_rule import BEST_MOVES, BEST_MOVES_BESIDE, SECOND, WON, decide_practice
from synthdata.consolidation.sleep import no_bar
from synthdata.errors import RefusedError
from synthdata.play.collect import Order, collect_to
from synthdata.play.players import Expert
from synthdata.records import Origin
from synthdata.settings.shipped import shipped_folder


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four games, half of the moves at random."""
    out = tmp_path_factory.mktemp("log") / "played-1.jsonl.gz"
    collect_to(out, Order(games=4, episodes=2, epsilons=(0.5,), seed=777_123), Expert())
    return out


def documents(path: Path) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_good_moves_are_the_environments_whatever_became_of_the_run(log: Path) -> None:
    recipe = Settings().with_value("recipe.labels.replay", True).with_value("recipe.practice.task_slack", 1e6).recipe
    moves = read_moves([log], recipe)
    steps = [(doc, place, step) for doc in documents(log) for place, step in enumerate(doc["steps"]) if place > 1]
    assert [row.good for row in moves.every] == [step["extra"]["optimal"] for _, _, step in steps]
    assert [row.commands[row.chosen] for row in moves.every] == [step["message"] for _, _, step in steps]
    assert len(moves.good) + moves.left_out == sum(row.good for row in moves.every)
    lost = {doc["session_id"] for doc in documents(log) if not doc["extra"]["success"]}
    assert lost and any(row.key.partition("/")[0] in lost for row in moves.good)
    # What a player saw and what it had done stand in the question, what came of the move does not.
    doc, place, step = steps[1]
    prompt = moves.every[1].prompt
    assert doc["steps"][0]["message"] in prompt and doc["steps"][place - 1]["message"] in prompt
    assert step["observation"]["results"][0]["content"][:60].split("\n")[0] not in prompt


def test_without_an_oracle_the_rules_choose_and_the_environment_is_not_asked(log: Path, tmp_path: Path) -> None:
    blind = tmp_path / "blind.jsonl.gz"
    told = documents(log)
    for doc in told:
        for step in doc["steps"][2:]:
            step["extra"]["optimal"] = not step["extra"]["optimal"]
    blind.write_bytes(gzip.compress("".join(json.dumps(doc) + "\n" for doc in told).encode()))
    recipe = Settings().with_value("recipe.labels.replay", False).recipe
    ruled = read_moves([log], recipe)
    assert ruled == read_moves([blind], recipe) and 0 < len(ruled.good) < len(ruled.every)


def measure(name: str, low: float, high: float, good: int) -> Paired:
    middle = (low + high) / 2
    return Paired(name, 60, 0.5, 0.5 + middle, middle, low, high, good)  # type: ignore[arg-type]


def decided(gain: tuple[float, float], beside: tuple[float, float], old=(-0.01, 0.01), won=(-0.1, 0.1)) -> str:
    found = [
        measure(BEST_MOVES, *gain, 1), measure(BEST_MOVES_BESIDE, *beside, 1), measure(FORGETTING, *old, -1),
        measure(WON, *won, 1),
    ]  # fmt: skip
    return decide_practice({one.name: one for one in found}, 0.05, 0.1).grade


def test_the_rule_keeps_a_gain_and_what_does_no_harm_and_beats_chance_moves() -> None:
    assert decided((0.02, 0.1), (-0.01, 0.1)) == "helps"
    assert decided((-0.03, 0.08), (0.01, 0.2)) == "no harm"
    # Neither a gain nor better than moves at random: nothing was learnt from the labels.
    assert decided((-0.03, 0.08), (-0.02, 0.2)) == "rolled back"
    assert decided((-0.06, 0.2), (0.01, 0.2)) == "rolled back"
    assert decided((0.02, 0.1), (-0.2, -0.01)) == "rolled back"
    assert decided((0.02, 0.1), (0.01, 0.2), old=(0.0, 0.11)) == "rolled back"
    assert decided((0.02, 0.1), (0.01, 0.2), won=(-0.4, -0.1)) == "rolled back"


@given(st.floats(-0.5, 0.5), st.floats(0, 0.3), st.floats(-0.5, 0.5), st.floats(0, 0.3))
def test_nothing_is_kept_that_may_have_fallen_by_the_margin(low, width, beside, spread) -> None:
    if decided((low, low + width), (beside, beside + spread)) != "rolled back":
        assert low > -0.05 and beside + spread >= 0 and (low > 0 or beside > 0)


def test_the_exams_states_name_their_best_commands() -> None:
    questions = read_questions(shipped_folder("exam") / FILE, 3)
    assert len({question.task for question in questions}) == 3
    assert all(question.best and max(question.best) < len(question.commands) for question in questions)


def test_the_curve_tells_its_numbers_and_marks_what_was_rolled_back() -> None:
    one = {"before": 0.4, "after": 0.6, "low": 0.1, "high": 0.3}
    two = {"before": 0.6, "after": 0.5, "low": -0.2, "high": 0.0}
    picture = draw([(1, one, True), (2, two, False)])
    assert "0.40 before, 0.50 after night 2" in picture
    assert picture.count('class="hollow"') == 1 and picture.count("<circle") == 3
    # The line follows what was kept alone.
    assert len(picture.partition('<polyline class="line" points="')[2].partition('"')[0].split()) == 2


def test_a_run_of_the_exams_games_is_refused(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", SAMPLE, settings=Settings.from_dict({"recipe": RECIPE}))
    out = tmp_path / "played-1.jsonl.gz"
    collect_to(out, Order(games=1, epsilons=(0.0,), seed=3_000_001), Expert())
    with pytest.raises(RefusedError, match="1 games of the exam"):
        practise(corpus, [out], no_bar)
    # Nor where somebody else recorded it, under another id.
    out.write_bytes(gzip.compress(gzip.decompress(out.read_bytes()).replace(b'"textworld-', b'"theirs-')))
    with pytest.raises(RefusedError, match="objectives of 1 games of the exam"):
        practise(corpus, [out], no_bar)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_night_learns_from_its_own_games_is_examined_and_is_not_done_twice(tmp_path: Path, log: Path) -> None:
    """With a tiny model whose words are those of the games: what is kept is the rule's business, not this test's."""
    texts = [step["message"] for doc in documents(log) for step in doc["steps"]]
    base = tiny_model(tmp_path / "base", texts)
    recipe = RECIPE | {
        "labels": {"replay": True},
        "night": {"shown": 0, "played": 3, "trains_on": "own_moves"},
        "training": {"base": str(base)},
        "practice": {
            "frozen_layers": 1, "rank": 4, "alpha": 8, "max_steps": 4, "batch_size": 2, "exam_games": 4, "games": 2,
        },
    }  # fmt: skip
    corpus = Corpus.init(tmp_path / "c", SAMPLE, settings=Settings.from_dict({"recipe": recipe}))
    tonight = begin(corpus)
    logs = collect(corpus, tonight)
    assert [(path.name, origin) for path, origin in logs] == [
        ("played-1.jsonl.gz", Origin.ON_POLICY), ("played-2.jsonl.gz", Origin.ON_POLICY),
    ]  # fmt: skip
    first, second = (documents(path) for path, _ in logs)
    assert [doc["steps"] for doc in first] != [doc["steps"] for doc in second]
    slept = sleep(corpus, tonight, no_bar)
    assert slept.number == 1 and slept.rows["fitted"] >= 2
    measured = {one["name"]: one for one in slept.measured}
    assert {BEST_MOVES, BEST_MOVES_BESIDE, FORGETTING, WON} < set(measured)
    # Other games than those that the rule reads.
    assert measured[SECOND]["n"] == 4 and measured[SECOND]["before"] != measured[BEST_MOVES]["before"]
    assert set(slept.baselines) == {CHANCE, MEAN, SUM, PMI, VERBS}
    assert slept.baselines[MEAN] == pytest.approx(measured[BEST_MOVES]["before"])
    assert 0 < measured[BEST_MOVES]["before"] < 1 and measured[WON]["n"] == 2
    assert slept.kept == (corpus.store.path / "adapters" / "1" / "weights").is_dir()
    again = sleep(corpus, tonight, no_bar)
    assert again.repeated and (again.measured, again.baselines) == (slept.measured, slept.baselines)
    assert corpus.store.events("adapter").height == 1
    finish(corpus, tonight, slept)
    report = write_report(corpus).read_text(encoding="utf-8")
    assert "![Best moves" in report and f"base by PMI {slept.baselines[PMI]:.3f}" in report
    assert "<svg" in (corpus.store.path / "nights" / "exam.svg").read_text(encoding="utf-8")
