"""What is quickly looked for before an expression changes nothing: with and without it the same is found."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthdata.doctor.planted_secrets import planted_secrets
from synthdata.text import disguised, passwords, personal, secrets
from synthdata.text.key_formats import BLOCKS, KEY_FORMATS, KeyFormat
from synthdata.text.passwords import context_secrets, lowered
from synthdata.text.secret_places import SECRET_PLACES, SecretPlace
from synthdata.text.secrets import secret_spans, secret_values

RUN = re.compile(r"[A-Za-z0-9_.+/=~:$%!@?&#,-]{16,}")
PIECES = [one.line for one in planted_secrets(11)] + [
    "the author's keyboard, aside from a-b", "anna.schmidt@example.org", "call me at +49 30 1234567 or 030 1234567",
    '{"name": "Anna Schmidt", "first_name": "Anna", "phone": \'0171\'}', "my name is Anna Schmidt.",
    "Dear Mr. Rowe Ann", "user id: anna_99", "81.12.33.4", "fe80::1:2", "2001:db8::ff00:42:8329", "12:30:45",
    "4111 1111 1111 1111", "DE89370400440532013000", "credit_card_4421", "123-45-6789", 'a == "b"', "email='", 'x: "',
    "C:\\x64\\", '"a"\n"b"', "ghp\\u005f", "%2D%5f", "\x1b[1m", "\u200b", "K\u212aey",
    "x-signature: a1b2c3d4e5f6", ";code=a1b2c3d4",
]  # fmt: skip
SEPARATORS = ["", " ", "\n", ", ", '"', "=", ": ", "\\n", "é"]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Secrets, personal data, what resembles them, and noise, cut anywhere and put together."""
    made = ""
    for piece in draw(st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=6)):
        start, end = draw(st.just((0, len(piece))) | st.tuples(st.integers(0, 20), st.integers(5, 200)))
        made += piece[start:end] + draw(st.sampled_from(SEPARATORS))
    return made


def matched(place: SecretPlace | KeyFormat) -> st.SearchStrategy[str]:
    # A lookahead or a border is not drawn, so what is drawn may be no match.
    pattern = place.pattern
    return st.from_regex(re.compile(pattern.pattern, re.ASCII)).filter(lambda text: pattern.search(text) is not None)


@pytest.mark.parametrize("place", SECRET_PLACES, ids=lambda place: place.hints[0])
@settings(max_examples=8)
@given(data=st.data())
def test_every_match_of_a_place_holds_its_need_a_hint_and_a_long_run(place, data):
    text = lowered(data.draw(matched(place)))
    for found in place.pattern.finditer(text):
        # The sign behind a secret is looked at and no part of the match.
        around = text[found.start() : found.end() + 1]
        assert place.need in around and any(hint in around for hint in place.hints)
        assert not place.long or RUN.search(around)


@given(texts())
def test_secrets_by_their_place_are_those_of_the_expressions_alone(text):
    low = lowered(text)
    plain = list(passwords._fields(text, low))
    for place in SECRET_PLACES:
        plain += passwords._values(text, low, place.pattern, place.kind)
    plain += passwords._values(text, text, passwords._REDIS, passwords.PASSWORD)
    assert list(context_secrets(text, low, RUN.search(low) is not None)) == plain


def plain_keys(text: str, forms: Sequence[KeyFormat] = KEY_FORMATS) -> list[tuple[int, int, str]]:
    """The keys of a text by all expressions, each in every run that holds a hint of it."""
    low = lowered(text)
    found = [(form, 0, len(text)) for form in BLOCKS if any(hint in low for hint in form.hints)]
    for run in RUN.finditer(low):
        found += [(form, *run.span()) for form in forms for hint in form.hints if hint in run[0]]
    made = []
    for form, start, end in found:
        group = "secret" if "secret" in form.pattern.groupindex else 0
        made += [(*match.span(group), form.name) for match in form.pattern.finditer(text, start, end)]
    return made


@given(texts())
def test_keys_are_those_of_all_forms_in_their_order(text):
    low = lowered(text)
    found = [(span.start, span.end, span.kind) for span in secrets._plain_keys(text, low, secrets._runs(low))]
    assert found == plain_keys(text)


@given(texts())
def test_seams_are_those_of_the_expression_alone(text):
    places = [match.span() for match in disguised._PLACE.finditer(text)]
    seamless = disguised.joined(text)
    assert (seamless is None) == (not places)
    if seamless is not None:
        at = seamless[1]
        coded = {match.start() for match in disguised._PLACE.finditer(text) if match["u"] or match["x"] or match["p"]}
        inside = {i for start, end in places for i in range(start, end)} - coded
        assert at == [i for i in range(len(text) + 1) if i not in inside]


@given(texts())
def test_a_text_asked_for_again_has_the_same_spans(text):
    spans = secret_spans(text)
    assert spans == secret_spans(text) and {text[span.start : span.end] for span in spans} <= secret_values(text)


@given(texts())
def test_fields_are_those_of_the_expression_alone(text):
    assert list(personal._fields(text)) == [(name, value) for name, _, value in personal._FIELD.findall(text)]


LOOKS = [
    (personal._DOTTED, personal._IP4), (personal._TWO_COLONS, personal._IP6),
    (personal._PAYMENT_TAIL, personal._PAYMENT), (personal._ID, personal._STATED_ID),
    (personal._TWO_CAPITALS, personal._STATED), (personal._LONG_NUMBER, personal._SSN),
    (personal._LONG_NUMBER, personal._CARD), (personal._LONG_NUMBER, personal._DIGITS),
    (personal._IBAN_HEAD, personal._IBAN),
]  # fmt: skip


@pytest.mark.parametrize(("look", "expression"), LOOKS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_quick_look_passes_every_text_that_the_expression_matches(look, expression, data):
    text = data.draw(texts() | st.from_regex(expression))
    assert look.search(text) or not expression.search(text)
