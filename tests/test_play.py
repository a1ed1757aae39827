"""Playing text games: the same game and run everywhere, and labels that a search of the game itself confirms."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import warnings
from contextlib import closing
from pathlib import Path

import pytest
from game_search import progress
from hypothesis import given
from hypothesis import strategies as st

from synthdata.play.collect import Order, collect_games
from synthdata.play.games import draw, load_textworld, make_game, open_game, spec_for
from synthdata.play.players import Expert, LikelihoodPlayer, View, explore, prompt
from synthdata.play.record import Run, allowed_moves, cap_moves, clean, play
from synthdata.protocols import Scorer
from synthdata.records import canonical_json
from synthdata.sources import atif

REPOSITORY = Path(__file__).parent.parent
SAMPLE = REPOSITORY / "data" / "sample" / "textworld.jsonl.gz"


class WordOverlap:
    """A scorer in one line: words that the prompt does not hold cost a nat each, averaged."""

    def nll(self, prompt, continuations):
        known = set(prompt.lower().split())
        return [sum(w not in known for w in text.lower().split()) / len(text.split()) for text in continuations]


class Eater:
    """Eats what it can, else follows the plan: the one way to make a goal of these games unreachable."""

    name, model, version = "eater", "rule", "1"

    def choose(self, view):
        return next((c for c in view.admissible if c.startswith("eat ")), view.policy[0])


@pytest.fixture(scope="module")
def lines() -> list[str]:
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


@pytest.fixture(scope="module")
def documents(lines) -> list[dict]:
    return [json.loads(line) for line in lines]


def moves_of(document: dict) -> list[dict]:
    return [step for step in document["steps"] if step["source"] == "agent"]


def lines_of(lines: list[str], index: int) -> list[str]:
    task_id = spec_for(0, index).task_id
    return [line for line in lines if json.loads(line)["extra"]["task_id"] == task_id]


def test_two_games_made_again_are_the_committed_lines(lines):
    for index in (1, 26):
        again = [canonical_json(document) for document in collect_games(Order(), Expert(), [index])]
        assert again == lines_of(lines, index) != []


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_all_games_made_again_are_the_committed_lines(lines):
    assert [canonical_json(document) for document in collect_games(Order(), Expert())] == lines


def test_sample_is_as_large_and_balanced_as_its_readme_says(documents):
    successes = sum(document["extra"]["success"] for document in documents)
    assert len(documents) == 234 and successes == 114
    assert len({document["extra"]["task_id"] for document in documents}) == 40
    assert len({document["steps"][0]["message"] for document in documents}) == 40
    assert len({document["session_id"] for document in documents}) == 234
    assert SAMPLE.stat().st_size < 100_000


def test_success_is_winning_within_one_and_a_half_plans(documents):
    for document in documents:
        extra, moves = document["extra"], moves_of(document)
        assert extra["moves"] == len(moves) <= max(2 * extra["plan_length"], extra["plan_length"] + 4)
        won = "*** The End ***" in moves[-1]["observation"]["results"][0]["content"]
        assert won == (extra["ended"] == "won") == (extra["score"] == extra["max_score"])
        assert extra["success"] == (won and len(moves) <= 1.5 * extra["plan_length"])


def test_undisturbed_expert_takes_the_plan_and_nothing_else(documents):
    undisturbed = [document for document in documents if document["extra"]["epsilon"] == 0]
    assert len(undisturbed) == 40
    for document in undisturbed:
        assert document["extra"]["success"] and document["extra"]["moves"] == document["extra"]["plan_length"]
        assert all(step["extra"]["optimal"] for step in moves_of(document))


def test_a_win_takes_as_many_optimal_moves_more_as_others_lost(documents):
    """Every move shortens the plan by one, leaves it, or lengthens it; a win has paid for all of them."""
    for document in documents:
        flags = [step["extra"]["optimal"] for step in moves_of(document)]
        if document["extra"]["ended"] == "won":
            assert sum(flags) >= document["extra"]["plan_length"] and flags[-1]


def test_moves_are_admissible_and_text_is_clean(documents):
    for document in documents:
        for step in moves_of(document):
            assert step["message"] in step["extra"]["admissible"]
        for text in [s["observation"]["results"][0]["content"] for s in document["steps"] if "observation" in s]:
            assert text == text.strip() != ""
            assert not any(mark in text for mark in ("$$", "\n>", "RESTART", "\n\n\n", "[", "<"))


def test_atif_reader_reads_every_field(documents):
    for document in documents:
        assert document["schema_version"] == "ATIF-v1.7" and atif.sniff(document) is None
        (run,) = atif.read(document)
        extra = document["extra"]
        assert run.task == document["steps"][0]["message"] and run.task_id == extra["task_id"]
        assert (run.success, run.reward, run.licence) == (extra["success"], extra["score"], "Apache-2.0")
        assert run.agent_model == "textworld-policy"
        assert [step.role for step in run.steps[:2]] == ["user", "system"] and run.steps[1].observation
        assert [(s.action, s.optimal) for s in run.agent_steps] == [
            (step["message"], step["extra"]["optimal"]) for step in moves_of(document)
        ]
        assert all(step.observation for step in run.agent_steps)


def test_no_two_runs_are_the_same_trajectory(documents):
    assert len({atif.read(document)[0].id for document in documents}) == len(documents)


def test_processes_with_other_hash_seeds_play_the_same(lines):
    code = (
        "from synthdata.play.collect import *\nfrom synthdata.play.players import Expert\n"
        "for d in collect_games(Order(), Expert(), [37]): print(canonical_json(d))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1"}
        command = [sys.executable, "-W", "error", "-c", code]
        child = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert child.stdout.splitlines() == lines_of(lines, 37)


def test_draws_are_pinned():
    assert (draw("game", 0, 0), draw("explore", "x")) == (122405923127199, 97047360184003)
    assert draw("a", 1) != draw("a", "1") != draw("a1")


@given(st.integers(0, 2**20), st.floats(0, 1))
def test_explore_follows_its_key(number, epsilon):
    admissible = ["examine key", "go east", "look"]
    drawn = explore("go east", admissible, epsilon, ("key", number))
    assert drawn in admissible and drawn == explore("go east", admissible, epsilon, ("key", number))
    assert explore("go east", admissible, 0.0, ("key", number)) == "go east"


def test_explore_replaces_as_often_as_epsilon_says():
    drawn = [explore("stay", list("abcd"), 0.3, ("rate", n)) for n in range(10_000)]
    assert abs(sum(move != "stay" for move in drawn) / 10_000 - 0.3) < 0.02
    assert all(abs(drawn.count(letter) / 10_000 - 0.075) < 0.012 for letter in "abcd")


def test_specs_vary_and_ids_tell_games_apart():
    specs = [spec_for(seed, index) for seed in (0, 1) for index in range(50)]
    assert len({spec.task_id for spec in specs}) == 100
    assert {spec.quest_length for spec in specs} == set(range(3, 9)) and {spec.rooms for spec in specs} == set(
        range(2, 7)
    )


def check_against_search(index: int, documents: list[dict], folder: Path) -> int:
    """Compare every flag of the game's wildest runs; how many were compared."""
    spec = spec_for(0, index)
    runs = [d for d in documents if d["extra"]["task_id"] == spec.task_id and d["extra"]["epsilon"] == 0.6]
    checked = 0
    with closing(open_game(make_game(spec, folder))) as env:
        for document in runs:
            state = env.reset()
            for step in moves_of(document):
                before = progress(state, len(state.policy_commands))
                assert before == len(state.policy_commands)
                state, _, _ = env.step(step["message"])
                after = 0 if state.won else progress(state, before)
                assert step["extra"]["optimal"] == (after is not None and after < before)
                checked += 1
    return checked


def test_optimal_moves_are_those_that_a_search_finds(documents, tmp_path):
    assert sum(check_against_search(index, documents, tmp_path) for index in (3, 9)) > 20


@pytest.mark.slow
def test_optimal_moves_of_long_plans_are_those_that_a_search_finds(documents, tmp_path):
    assert sum(check_against_search(index, documents, tmp_path) for index in (7, 13, 14, 36)) > 80


@given(st.integers(1, 100))
def test_cap_leaves_room_for_failing(plan):
    assert plan <= allowed_moves(plan) <= 1.5 * plan < allowed_moves(plan) + 1
    assert cap_moves(plan) > allowed_moves(plan)


def test_known_bounds():
    assert [(allowed_moves(n), cap_moves(n)) for n in (3, 4, 5, 8)] == [(4, 7), (6, 8), (7, 10), (12, 16)]


def test_clean_removes_what_the_terminal_adds_and_nothing_else():
    status = ">" + " " * 60 + "-= Attic =-0/1"
    opening = f"\n\n   $$$ |__ \n\nTake the key.\n\n-= Attic =-\nAn attic.\n\n\n\nA key is here.\n\n{status}"
    assert clean(opening, "Take the key.") == "-= Attic =-\nAn attic.\n\nA key is here."
    question = "Would you like to RESTART, RESTORE a saved game, QUIT or UNDO the last command?"
    end = f"\nYou eat it.\n\n\n       *** The End ***\n\n{question}\n> x"
    assert clean(end) == "You eat it.\n\n*** The End ***"


@given(st.lists(st.text(alphabet="abc .,'!-=", min_size=1).map(str.strip).filter(bool), min_size=1))
def test_clean_keeps_every_line_of_text(said):
    assert clean("\n\n" + "\n\n".join(said) + "\n\n>   -= Room =-0/3").split("\n\n") == said


def test_run_ends_where_the_goal_cannot_be_reached_any_more(tmp_path):
    """A hand-made game: bring the apple to the table; it can be eaten first."""
    maker = load_textworld().GameMaker()
    room = maker.new_room("kitchen")
    table = maker.new(type="s", name="table")
    apple = maker.new(type="f", name="apple")
    room.add(table)
    maker.set_player(room)
    maker.add_fact("edible", apple)
    maker.inventory.add(apple)
    with warnings.catch_warnings():
        # Jericho says of every game that is not a commercial one that it does not know it.
        warnings.filterwarnings("ignore", message="Game .* is not fully supported")
        maker.set_quest_from_commands(["put apple on table"])
    path = Path(maker.compile(str(tmp_path / "apple.z8")))
    with closing(open_game(path)) as env:
        good = play(env, spec_for(0, 0), Expert(), Run(0.0, 0, 0))
        bad = play(env, spec_for(0, 0), Eater(), Run(0.0, 0, 0))
    assert (good["extra"]["ended"], good["extra"]["success"]) == ("won", True)
    assert (bad["extra"]["ended"], bad["extra"]["success"], bad["extra"]["moves"]) == ("unwinnable", False, 1)
    assert not moves_of(bad)[0]["extra"]["optimal"]


def test_likelihood_player_plays_by_its_scores():
    assert isinstance(WordOverlap(), Scorer)
    player = LikelihoodPlayer(WordOverlap(), "word-overlap")
    documents = list(collect_games(Order(episodes=1, epsilons=(0.0, 0.5)), player, [5]))
    assert [d["agent"] for d in documents] == [
        {"model_name": "word-overlap", "name": "likelihood-player", "version": "1"} for _ in documents
    ]
    first = moves_of(documents[0])[0]
    view = View(
        documents[0]["steps"][0]["message"],
        (("", documents[0]["steps"][1]["observation"]["results"][0]["content"]),),
        tuple(first["extra"]["admissible"]),
        (),
    )
    scores = dict(zip(view.admissible, WordOverlap().nll(prompt(view), view.admissible), strict=True))
    assert first["message"] == min(scores, key=lambda command: (scores[command], command))
    assert documents == list(collect_games(Order(episodes=1, epsilons=(0.0, 0.5)), player, [5]))


exchanges = st.lists(st.tuples(st.text(min_size=1, max_size=40), st.text(max_size=400)), max_size=20)


@given(st.text(max_size=500), st.text(max_size=400), exchanges, st.integers(100, 2000))
def test_prompt_is_bounded_and_keeps_the_end(objective, opening, later, limit):
    view = View(objective, (("", opening), *later), ("look",), ())
    text = prompt(view, limit)
    assert len(text) <= limit and text.startswith("Task: ") and text.endswith("\n>")
    last = later[-1][1] if later else opening
    assert last[-20:] in text


def test_prompt_shows_the_whole_of_a_short_run():
    view = View("Take the key.", (("", "An attic."), ("take key", "Taken.")), ("look",), ())
    assert prompt(view) == "Task: Take the key.\n\nAn attic.\n\n> take key\nTaken.\n\n>"


def test_textworld_is_not_imported_before_a_game_is_made():
    code = "import sys, synthdata.play.collect\nsys.exit('textworld' in sys.modules or 'jericho' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
