"""Loops fall, alone and behind good text, in scripts with and without spaces; rows of marks and moves are none."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.judging.floor import check_text
from synthdata.judging.loops import MOST_ROUNDS, find_loop, longest_cycle, may_go_round
from synthdata.records import Reason
from synthdata.settings import FloorSettings

FLOOR = FloorSettings()
GOOD = "The agent walked past the open fridge twice; it should have looked inside before searching the drawers."


def reason(text):
    failure = check_text(text, FLOOR)
    return failure and failure.reason


def generated(make, count):
    rng = random.Random(17)
    return [make(rng) for _ in range(count)]


LOOPS = {
    "a sentence again and again": lambda rng: " ".join([GOOD] * rng.randint(3, 50)),
    "a token again and again": lambda rng: " ".join([rng.choice(GOOD.split())] * rng.randint(12, 200)),
    "a phrase again and again": lambda rng: " ".join([" ".join(rng.sample(GOOD.split(), 3))] * rng.randint(6, 60)),
    "dhdhdhdh": lambda rng: " ".join("dh" * rng.randint(2, 6) for _ in range(rng.randint(12, 60))),
    "a good start, then a loop": lambda rng: GOOD + " and go to the drawer" * rng.randint(15, 60),
    "a long good start, then a short loop": lambda rng: (
        f"{GOOD} {GOOD[::-1]} west," + " that west," * rng.randint(15, 20)
    ),
    "numbers": lambda rng: " ".join(["12 34"] * rng.randint(8, 40)),
    "a Chinese sentence": lambda rng: "\u4ed6\u5148\u770b\u51b0\u7bb1\u3002" * rng.randint(4, 40),
    "a Thai phrase behind another": lambda rng: (
        "\u0e40\u0e02\u0e32\u0e44\u0e1b\u0e15\u0e25\u0e32\u0e14"
        + "\u0e14\u0e39\u0e15\u0e39\u0e49" * rng.randint(14, 40)
    ),
}


@pytest.mark.parametrize("kind", LOOPS)
def test_loops_fall(kind):
    assert {reason(text) for text in generated(LOOPS[kind], 100)} <= {Reason.LOOP, Reason.GIBBERISH}


@pytest.mark.parametrize(
    "text",
    [
        "La la la, they sang, la la la la la la la la, and the whole street sang la la la with them until it was dark.",
        f"{GOOD}\n| station | January | February |\n| Harbour | 3.1 | 4.0 |\n| Hill | 2.2 | 2.9 |\n| Mill "
        + "| no data " * 8,
        "0 0 1 0 0 0\n0 1 0 0 0 0\n1 0 0 0 0 0\n0 0 0 0 1 0\n0 0 0 1 0 0\n0 0 0 0 0 1",
        "A C B D A A C B D D A B C C A D B A C D B B A C D A C C B A",
        "ATG GCA - TTC X O . / . X . / O . X / fd 20 lt 90 fd 20 rt 90 fd 40 lt 90 bk 20 lt 45 fd 20",
        "\u6625\u7720\u4e0d\u89c9\u6653\uff0c\u5904\u5904\u95fb\u557c\u9e1f\u3002\u591c\u6765\u98ce\u96e8\u58f0\uff0c\u82b1\u843d\u77e5\u591a\u5c11\u3002",
        f"{GOOD} The board is\n" + "0 0 0 0 0 0\n" * 6 + "after the move, and the knight stands where it stood before.",
    ],
    ids=["refrain", "empty cells", "matrix", "answers", "moves", "poem", "noughts"],
)
def test_what_repeats_a_little_is_no_loop(text):
    assert find_loop(text, FLOOR) is None


@given(st.lists(st.sampled_from(["go", "west", "that", "east,"]), min_size=1, max_size=60))
def test_the_longest_cycle_is_what_a_search_by_slices_finds(words):
    def rounds(start, period):
        phrase, n = words[start : start + period], 1
        while words[start + n * period : start + (n + 1) * period] == phrase:
            n += 1
        return n if sum(map(str.isalpha, " ".join(phrase))) >= 3 else 1

    expected = max(rounds(start, period) for start in range(len(words)) for period in range(1, 9))
    assert longest_cycle(words)[0] == expected


_PHRASES = st.lists(st.sampled_from(["go", "west", "that", "east,", "0", "-"]), min_size=1, max_size=8)


@given(before=_PHRASES, phrase=_PHRASES, rounds=st.integers(1, 20), after=_PHRASES)
def test_texts_whose_words_are_not_compared_hold_no_such_cycle(before, phrase, rounds, after):
    """Whether the cycle is looked for or skipped, the rule says the same."""
    words = before + rounds * phrase + after
    grams = list(zip(*(words[k:] for k in range(4)), strict=False))
    found = longest_cycle(words)[0]
    assert may_go_round(words, grams) or found <= MOST_ROUNDS
    if rounds > MOST_ROUNDS and sum(map(str.isalpha, "".join(phrase))) >= 3:
        assert may_go_round(words, grams) and found > MOST_ROUNDS
