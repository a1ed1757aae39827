"""Texts thrown together fall whatever the reference holds; order of any kind, in any language, passes both scans."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_wording import prose

from synthdata.gate.perplexity import calibrate_band
from synthdata.gate.wording import WordingCalibration, calibrate_wording
from synthdata.judging.floor import check_letters, letter_measures
from synthdata.judging.grammar import loose_words, most_loose_words
from synthdata.judging.neighbours import HIGHEST, LOWEST, SIGNS, disorder, nats_of_disorder, neighbours
from synthdata.records import Candidate
from synthdata.rounds.wording import _worded_part
from synthdata.settings import AnchorSettings, FloorSettings, GateSettings, Recipe

ANCHOR, FLOOR, GATE = AnchorSettings(), FloorSettings(), GateSettings()
PROGRAMS = (
    "def total(items):\n    return sum(item.price * item.count for item in items if item.count > 0)",
    "for (int i = 0; i < n; i++) { if (a[i] > max) { max = a[i]; } } return max;",
    "SELECT name, COUNT(*) FROM orders WHERE year = 2020 GROUP BY name ORDER BY 2 DESC;",
    'const area = (w, h) => w * h; console.log(area(3, 4)); let map = {"a": [1, 2], "b": []};',
    "public static void main(String[] args) { System.out.println(args[0] + (args.length - 1)); }",
)
WORDS = (
    "twisted ledger smells patrol retaining mabel lie shoving cartel pollution paler turin householder sector lattice "
    "canyon bowed quilt vortex neon thorns prairie umbrella gland mustard violin cradle tundra"
).split()
SOUND = {
    "names": "Present were Anna Boris Clara David Elena Farid Greta Hugo Irene Jonas Klara Liam Maria Nils and Olga.",
    "product": "Zeroll Zerolon Hardcoat Anodized Commercial Ice Cream Scoop Unique Liquid Filled Handle Easy Release",
    "list": "Apples, pears, plums, cherries, apricots, peaches, grapes, walnuts, lemons, limes, figs, dates, melons",
    "shopping": "milk\neggs\nbread\nbutter\ncheese\nham\ntea\ncoffee\nrice\npasta\nsalt\npepper\nonions",
    "finnish": "Agentin olisi pitänyt tarkistaa ensin varauksen hintaluokka ennen hyvityksen lupaamista asiakkaalle "
    "koska halvimpia lippuja yhtiö hyvittää vain harvoin tai lentojen peruuntuessa kokonaan",
    "turkish": "Önce rezervasyonun ücret sınıfına bakması gerekirdi çünkü bazı biletler iade edilmez sonuçta müşteri "
    "boşuna beklemiş ertesi gün tekrar aramış yine aynı cevabı almış",
    "romanised": "mujhe kal subah jaldi uthna hai aur bachon ko school bhejna hai phir main office jaungi",
    "greek": "Ο πράκτορας έπρεπε πρώτα να ελέγξει την κατηγορία του ναύλου πριν υποσχεθεί επιστροφή χρημάτων.",
    "sums": "She sells 16 - 3 - 4 = <<16-3-4=9>>9 eggs a day, so she makes 9 * 2 = $<<9*2=18>>18 at the market.",
    "json": '{"name": "Mira", "age": 34, "tags": ["new", "paid"], "address": {"city": "Porto", "zip": null}}',
    "latex": r"\frac{a}{b} + \sum_{i=1}^{n} x_i^2 = \left( \int_0^1 f(t)\,dt \right) \cdot \sqrt{\pi}",
    "regex": r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$",
    "table": "| name | score | rank |\n|---|---:|---|\n| Ada | 9.5 | 1 |\n| Bob | 8.0 | 2 |",
    "markup": '<ul class="nav"><li><a href="/docs/a.html">One</a></li><li>Two &amp; three</li></ul>',
    "password": r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[@$!%*?&])[A-Za-z\d@$!%*?&]{8,}$",
    "one-liner": r"while(<>){s/(\w+)\s+(\w+)/$2 $1/g;print if /^\S+@\S+$/&&!$h{$_}++}",
    "clinical": "58 y/o M c/o SOB x3d, hx HTN, DM2, CAD s/p CABG 2015. BP 152/94 HR 98 RR 22 SpO2 91% RA. A/P: "
    "CHF exac - IV "
    "lasix 40 mg, O2 2L NC, r/o MI, f/u trop q6h.",
    "transcript": "[00:01:12] MARIA: So, um, you were there when -- when it happened?\n[00:01:15] JOE: Yeah. I "
    "mean... (laughs) "
    "[crosstalk] sort of. [inaudible 00:01:19]",
    "dictation": "so yeah what i was trying to say is um the thing about gardens is that people think they need "
    "a lot of space "
    "but really you can grow tomatoes peppers basil mint lettuce in pots on a balcony",
    "chess": "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 5. O-O Be7 6. Re1 b5 7. Bb3 d6 8. c3 O-O {the Breyer} 1/2-1/2",
    "knitting": "Row 1 (RS): *K2, p1; rep from * to last 2 sts, k2. Row 2: P2, *k1, p2; rep from * to end. Dec "
    "1 st each end.",
    "contract": "WHEREAS, the Parties desire to amend Section 4.2(b)(iii); NOW, THEREFORE, the Parties agree: "
    "(a) the Licensee "
    "shall indemnify the Licensor; and (b) such indemnity shall survive termination.",
    "spaced program": "public static void f ( int [ ] a ) { for ( int i = 0 ; i < a . length ; i ++ ) { if ( a "
    "[ i ] > 0 ) { g ( a "
    "[ i ] ) ; } } }",
    "citation": "@article{smith2019, title={Deep {L}earning}, author={Smith, J. and Doe, A.}, pages={1--42}, "
    "year={2019}}",
    "diff": "--- a/x.py\n+++ b/x.py\n@@ -1,4 +1,4 @@ def f(a):\n-    return a[0] if a else None\n+    return "
    "next(iter(a), None)",
    "slang": "lol idk tbh u gotta see this smh bro said he aint comin cuz his mom grounded him fr fr no cap im dead",
    "swahili": "Watoto wanacheza mpira uwanjani wakati mama anapika chakula cha jioni jikoni na baba anasoma gazeti",
    "telegram": "ARRIVED SAFE STOP MONEY NEEDED STOP SEND HUNDRED POUNDS HOTEL BRISTOL STOP LOVE TOM",
    "smileys": "a) sure :) b) no idea ;-) c) later :( d) never 8) 1) ask her 2) call back 3) forget it",
    "trace": 'File "app/main.py", line 12, in <module>\n    run(sys.argv[1:])\nKeyError: \'user_id\'',
    "shell": "find . -name '*.log' -mtime +7 -print0 | xargs -0 rm -f && echo \"done: $(date +%F)\"",
    **{f"program {number}": text for number, text in enumerate(PROGRAMS)},
}  # fmt: skip


def shuffled_programs(seed: int, glue: str) -> str:
    """Tokens of programs in any order, with this between them."""
    rng = random.Random(seed)
    tokens = [token for text in PROGRAMS for token in re.findall(r"\w+|[^\w\s]", text)]
    return glue.join(rng.sample(tokens, 70))


@pytest.mark.parametrize("kind", SOUND)
def test_what_has_an_order_passes_both_scans(kind):
    assert disorder(SOUND[kind])[0] < FLOOR.disorder
    assert loose_words(SOUND[kind])[0] < FLOOR.loose_words


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("place", ["{bad}", "{good} {bad}", "{good} {bad}.", "{bad}. {good}", "{good}\n{bad}\n{good}"])
def test_what_was_thrown_together_falls_alone_before_and_behind(place, seed):
    good = prose(1, seed)[0]
    code = place.format(bad=shuffled_programs(seed, " "), good=good)
    words = place.format(bad=" ".join(random.Random(seed).sample(WORDS, 20)), good=good)
    assert disorder(code)[0] >= FLOOR.disorder
    assert loose_words(words)[0] >= FLOOR.loose_words


def test_symbols_in_order_are_no_gibberish_and_others_are():
    rng = random.Random(4)
    for kind in ("password", "one-liner"):
        assert check_letters(letter_measures(SOUND[kind]), FLOOR) is None
    for signs in (SIGNS, "\u2605\u2606\u266a\u266b\u25a0\u25cb"):
        found = check_letters(letter_measures("".join(rng.choices(signs, k=80))), FLOOR)
        assert found is not None and found.reason == "gibberish"


def test_the_stretch_is_named():
    value, stop = loose_words(f"It was late. {' '.join(WORDS)}. We went home.")
    assert value == len(WORDS) and f"It was late. {' '.join(WORDS)}. We went home."[:stop].endswith("tundra")
    code = shuffled_programs(1, " ")
    assert disorder(f"{code}\n{PROGRAMS[0]}")[1] <= len(code)
    assert disorder("") == (0.0, 0) and loose_words("") == (0.0, 0)
    assert nats_of_disorder(code) == disorder(code)[0] > 0 and most_loose_words(" ".join(WORDS)) == len(WORDS)


def test_known_answers_of_a_run():
    # A capital and an accent count half, a word of grammar takes four off, a sign or a line end begins anew.
    assert loose_words("ledger smells Turin naïve")[0] == 3.0
    assert loose_words("ledger smells patrol lattice canyon the bowed quilt")[0] == 5.0
    assert loose_words("ledger smells the patrol")[0] == 2.0
    assert loose_words("ledger smells, patrol\ncanyon bowed")[0] == 2.0
    assert loose_words("ledger ledger ledger")[0] == 1.0
    # One word of another script is passed over, two end the run.
    assert loose_words("ledger smells мир patrol")[0] == 3.0
    assert loose_words("ledger smells мир труд patrol")[0] == 2.0


def test_a_bracket_that_closes_nothing_is_evidence_and_a_pair_is_not():
    assert disorder("f(a[i])")[0] < disorder("f(a[i)]")[0]
    assert disorder("that is (sadly) so")[0] < disorder("that is )sadly( so")[0]


def test_the_shipped_table_is_whole():
    table = neighbours()
    width = len(table.kinds) + 1
    assert len(table.odds) == width and {len(row) for row in table.odds} == {width}
    assert {LOWEST <= value <= HIGHEST for row in table.odds for value in row} == {True}
    assert table.odds[0][0] <= 0 and all(sign in table.kinds for sign in SIGNS)
    assert table.kind("THE") == table.kind("the") > 0 == table.kind("xylograph")
    assert table.kind("12") == table.kinds["0"] and table.kind("\n") == table.kind("\u201c") == -1


@given(st.text(max_size=300), st.text(max_size=60))
def test_a_stretch_weighs_no_less_for_what_stands_before_it(before, text):
    # A line end keeps the two apart; brackets that stay open before may fit what comes after.
    before = re.sub(r"[()\[\]{}]", "", before)
    text = re.sub(r"[()\[\]{}]", "", text)
    value, stop = disorder(text)
    assert value >= 0 and 0 <= stop <= len(text)
    # A pair that was met before is a habit and counts once, so only what is new adds up.
    assert disorder(f"{text}\n{before}")[0] >= value - 1e-9
    assert loose_words(f"{before}\n{text}")[0] >= loose_words(text)[0]


@pytest.fixture(scope="module")
def calibrated():
    texts = prose(300, 0)
    language = calibrate_band(texts, ANCHOR)
    made = calibrate_wording(texts, [""] * 300, [str(i) for i in range(300)], language, ANCHOR)
    assert made is not None
    return made, language


def reasons(calibrated, texts, recipe=None):
    made, language = calibrated
    found = _worded_part(texts, made, language, recipe or Recipe(gate=GateSettings(length_share=0.0)))
    return [(str(reject.reason), reject.detail) if reject else None for _, reject in found]


def test_a_narrow_reference_refuses_soup_and_not_what_it_does_not_know(calibrated):
    soup = [shuffled_programs(7, " "), shuffled_programs(8, ""), " ".join(WORDS)]
    assert {found and found[0] for found in reasons(calibrated, soup)} == {"gibberish"}
    unknown = {kind: text for kind, text in SOUND.items() if kind not in ("latex", "password", "one-liner")}
    assert [k for k, found in zip(unknown, reasons(calibrated, list(unknown.values())), strict=True) if found] == []


def test_where_real_texts_are_rows_of_words_so_may_others_be():
    rng = random.Random(2)
    texts = [" ".join(rng.sample(WORDS, 16)) for _ in range(200)]
    language = calibrate_band(texts, ANCHOR)
    made = calibrate_wording(texts, [""] * 200, [str(i) for i in range(200)], language, ANCHOR)
    assert made is not None and made.loose is not None
    new = [" ".join(rng.sample(WORDS, 16)) for _ in range(50)]
    assert sum(found is not None for found in reasons((made, language), new)) <= 1


def test_anchors_without_the_scales_are_silent_and_the_share_turns_them_off(calibrated):
    made, language = calibrated
    old = {n: a for n, a in made.arrays().items() if not n.startswith(("loose", "disordered"))}
    again = WordingCalibration.of_arrays(old)
    assert again.loose is None and again.disordered is None
    text = " ".join(WORDS)
    seen = again.scores([text], language, ANCHOR)[0]
    assert seen.loose_p == 1 and seen.loose_words == len(WORDS)
    assert WordingCalibration.of_arrays(made.arrays()).scores([text], language, ANCHOR)[0].loose_p < 0.01
    far = Recipe(
        floor=FloorSettings(loose_words=1000.0, disorder=1000.0, disorder_suspect=999.0, loose_words_suspect=999)
    )
    assert reasons(calibrated, [text], far) == [None]


def test_the_share_of_exchangeable_rows_that_the_scans_refuse_is_kept(calibrated):
    made, language = calibrated
    seen = made.scores(prose(400, 1), language, ANCHOR)
    for name in ("loose_p", "disorder_p"):
        assert np.mean([getattr(row, name) <= 0.05 for row in seen]) <= 0.1


def test_a_candidate_says_what_was_seen(calibrated):
    assert Candidate(" ".join(WORDS)).content
    ((reason, detail),) = reasons(calibrated, [" ".join(WORDS)])
    assert reason == "gibberish" and "words in a row" in detail and "tundra" in detail
