"""How a content is worded against real ones: soup falls, what is merely rare, foreign, short or structured passes."""

from __future__ import annotations

import gzip
import json
import random
import re

import numpy as np
import pytest
from sample_texts import lessons

from synthdata.gate.gibberish import Tokens
from synthdata.gate.perplexity import calibrate_band
from synthdata.gate.soup import logistic_weights, soup
from synthdata.gate.stretches import stretch_at
from synthdata.gate.wording import WordingCalibration, calibrate_wording
from synthdata.settings import AnchorSettings, GateSettings
from synthdata.similarity.encoder import PACKAGED, model_folder

ANCHOR, GATE = AnchorSettings(), GateSettings()
TOPICS = (
    "The {a} train to {b} was late again because of a {c} on the line, so {d} took the bus.",
    "When {a} came home from {b}, {d} had already put the {c} back into the cupboard.",
    "Nobody in {b} believed that a {c} could be repaired in one day, but {a} and {d} did it.",
    "To find the {c}, look behind the shelf that {a} built for {d} in {b} last year.",
    "{a} asked for the price of a {c}; in {b} it would have cost {d} half as much.",
)
NAMES = "Anna Boris Clara David Elena Farid Greta Hugo Irene Jonas Klara Liam Maria Nils Olga Pedro".split()
TOWNS = "Lisbon Turin Ghent Tartu Cork Graz Porto Lille Basel Riga Split Odense Leeds Bergen".split()
THINGS = "kettle tree lamp bridge pump clock ladder saddle mirror basket hammer engine violin door".split()


def prose(count: int, seed: int) -> list[str]:
    """Sentences about many things, in a seeded order."""
    rng = random.Random(seed)
    return [
        " ".join(
            rng.choice(TOPICS).format(
                a=rng.choice(NAMES), b=rng.choice(TOWNS), c=rng.choice(THINGS), d=rng.choice(NAMES)
            )
            for _ in range(rng.randint(1, 4))
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def calibrated():
    texts = prose(300, 0)
    language = calibrate_band(texts, ANCHOR)
    made = calibrate_wording(texts, [""] * 300, [str(i) for i in range(300)], language, ANCHOR)
    assert made is not None
    return made, language


def p_values(calibrated, texts):
    made, language = calibrated
    return made.scores(texts, language, ANCHOR)


def test_new_rows_of_the_same_kind_fall_no_more_often_than_was_promised(calibrated):
    seen = p_values(calibrated, prose(400, 1))
    for name, alpha in (
        ("broken_p", 0.05),
        ("unlikely_p", 0.05),
        ("likely_p", 0.05),
        ("short_p", 0.05),
        ("long_p", 0.05),
    ):
        share = np.mean([getattr(row, name) <= alpha for row in seen])
        # Over references the share is at most alpha; of one reference it may be twice that.
        assert share <= 2 * alpha, name


def test_soup_falls_alone_before_and_behind_good_text(calibrated):
    rng = random.Random(3)
    # Soup of other words than any that the model saw, which it cannot know: in turn pieces with signs, and signs.
    # Whole words in any order are not told from prose of another domain by a reference as narrow as this.
    broken = [text for number, text in enumerate(soup(lessons(60, 9), rng, 120)) if number % 4 > 1]
    good = prose(60, 2)
    for texts in (
        broken,
        [f"{a} {b}." for a, b in zip(good, broken, strict=True)],
        [f"{b} {a}" for a, b in zip(good, broken, strict=True)],
    ):
        fallen = [row.broken_p <= GATE.alpha_gibberish for row in p_values(calibrated, texts)]
        assert np.mean(fallen) >= 0.9


@pytest.mark.parametrize(
    "text",
    [
        "🙌😅🎉",
        "他在3月份卖掉了祖父留下的老房子，然后去了另一个城市。",
        "ภาษาไทยไม่มีช่องว่างระหว่างคำ และมีวรรณยุกต์ห้าเสียง",
        "हिन्दी में किताब पढ़ना अच्छा है और सबको पढ़ना चाहिए।",
        "اللغة العربية جميلة ويتكلمها ملايين الناس في بلدان كثيرة.",
        "Yes.",
        "144",
        "When Greta came home from Cork, Nils had already put the saddle back.",
    ],
)
def test_what_is_foreign_short_or_plain_is_no_gibberish(calibrated, text):
    (seen,) = p_values(calibrated, [text])
    assert seen.broken_p > GATE.alpha_gibberish


def test_the_calibration_survives_as_arrays(calibrated):
    made, language = calibrated
    texts = [*prose(5, 4), "q1#;; zxqv }{ plonk"]
    again = WordingCalibration.of_arrays(made.arrays())
    assert again.scores(texts, language, ANCHOR) == made.scores(texts, language, ANCHOR)
    with pytest.raises(KeyError):
        WordingCalibration.of_arrays({})


def test_the_worst_stretch_is_named(calibrated):
    broken = "xqzv }{ plonkTherefore ;;= gr8 ~~ wuz[[ blorf**ONE kthx )( vrn"
    text = f"{' '.join(prose(3, 5))} {broken}"
    (seen,) = p_values(calibrated, [text])
    assert seen.broken_p <= GATE.alpha_gibberish
    assert sum(part in stretch_at(text, seen.start) for part in ("plonkTherefore", "blorf", "wuz", "gr8")) >= 2


def test_a_reference_of_few_tasks_refuses_nothing_by_length(calibrated):
    texts = prose(60, 6)
    made = calibrate_wording(texts, [""] * 60, [str(i) for i in range(60)], calibrate_band(texts, ANCHOR), ANCHOR)
    (seen,) = made.scores(["No"], calibrate_band(texts, ANCHOR), ANCHOR)
    assert seen.short_p == 1 / 61 > GATE.alpha_length / 2


def test_one_task_of_many_rows_counts_once():
    texts = prose(200, 7)
    tasks = ["one"] * 150 + [str(i) for i in range(50)]
    made = calibrate_wording(texts, [""] * 200, tasks, calibrate_band(texts, ANCHOR), ANCHOR)
    assert made.short.tasks == 51


def test_logistic_weights_tell_two_clouds_apart_and_meet_the_condition_of_the_optimum():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, (200, 3)), rng.normal(1, 1, (200, 3))])
    y = np.repeat([0.0, 1.0], 200)
    weights = logistic_weights(x, y, ridge=2.0)
    share = 1 / (1 + np.exp(-x @ weights))
    assert np.abs(x.T @ (y - share) - 2.0 * weights).max() < 1e-3
    assert ((share > 0.5) == y).mean() > 0.7


def test_tokens_of_nothing_are_none():
    assert Tokens.of(" \n\t") is None
    assert Tokens.of("a,b").glued.tolist() == [0, 1, 1]


def bare_soup(rng, code):
    """Vocabulary pieces of the packaged tokenizer, signs, and the tokens of programs, each in any order."""
    vocabulary = json.loads((model_folder(PACKAGED) / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    pieces = [piece for piece in vocabulary if not piece.startswith("[")]
    made = []
    for number in range(90):
        size = rng.randint(15, 35)
        if number % 3 == 0:
            made.append("".join(p[2:] if p.startswith("##") else f" {p}" for p in rng.choices(pieces, k=size)).strip())
        elif number % 3 == 1:
            made.append(
                " ".join("".join(rng.choices("!@#$%^&*()[]{}<>|~`+=_-:;,.?", k=rng.randint(1, 4))) for _ in range(size))
            )
        else:
            tokens = [token for text in rng.sample(code, 4) for token in re.findall(r"\s+|\w+|[^\w\s]", text)]
            rng.shuffle(tokens)
            made.append(re.sub(r"\s+", " ", "".join(tokens[: 3 * size])).strip())
    return made


@pytest.mark.slow
def test_bare_soup_falls_against_answers_with_code_in_them_and_their_other_half_passes(shared_data):
    folder = shared_data / "div-alpaca-eval" / "gpt4_1106_preview.json.gz"
    answers = [row["output"] for row in json.loads(gzip.decompress(folder.read_bytes()))]
    code = json.loads(
        gzip.decompress((shared_data / "div-self-instruct-seeds" / "code_alpaca_2k.json.gz").read_bytes())
    )
    random.Random(0).shuffle(answers)
    known, new = answers[:280], answers[280:480]
    language = calibrate_band(known, ANCHOR)
    made = calibrate_wording(known, [""] * 280, [str(i) for i in range(280)], language, ANCHOR)
    broken = bare_soup(random.Random(5), [row["output"] for row in code if len(row["output"]) > 80])
    seen = made.scores(broken, language, ANCHOR)
    fallen = [min(row.broken_p / GATE.alpha_gibberish, 2 * row.unlikely_p / GATE.alpha_unlike) <= 1 for row in seen]
    refused = [row.broken_p <= GATE.alpha_gibberish for row in made.scores(new, language, ANCHOR)]
    assert np.mean(fallen) >= 0.9 and np.mean(refused) <= 0.03
