"""Personal data out of what is exported: found per run, replaced by the same placeholder wherever it stands in it.

Recognisers, not a model: values of named fields (JSON, Python dicts, `key: value`, also where a clip cut them), mails,
telephone numbers (libphonenumber), card, account and social security numbers (checksums of python-stdnum), names that
people state, and what follows from these: parts of a user id, other spellings of a birth date. A name that no field
and no phrase introduces is not found. Pure functions over texts: no file, no corpus, no setting.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from synthdata.records import Trajectory

FindSecrets = Callable[[str], Iterable[str]]
SECRET = "SECRET"

# Field names, without case and separators, and what stands in them. A bare `name` may be anybody's or anything's.
_FIELDS = {
    "NAME": "firstname lastname middlename fullname surname givenname familyname maidenname customername "
    "passengername cardholder cardholdername contactname",
    "EMAIL": "email emailaddress mail useremail",
    "PHONE": "phone phonenumber telephone mobile mobilenumber cell cellphone fax",
    "ADDRESS": "address1 address2 addressline1 addressline2 street streetaddress addressline zip zipcode postcode "
    "postalcode homeaddress",
    "BIRTH_DATE": "dob dateofbirth birthdate birthday",
    "ID_NUMBER": "ssn socialsecuritynumber passport passportnumber nationalid taxid driverslicense driverlicense iban "
    "accountnumber cardnumber creditcardnumber lastfour paymentid paymentmethodid",
    "USER_ID": "userid username customerid login",
}
_KIND = {name: kind for kind, names in _FIELDS.items() for name in names.split()}
_FIELD = re.compile(
    r"""\\?["']?(?<![\w-])([A-Za-z][\w -]{1,24}?)\\?["']?\s{0,2}[:=]\s{0,2}\\?(["'])((?:(?!\2|\\["'n]).){1,120}?)"""
    r"""(?=\\?\2|\s?(?:\.\.\.|\u2026)|$)""",
    re.MULTILINE,
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}(?![\w-]|:\w)")
_PAYMENT = re.compile(r"\b(?:credit_card|debit_card|gift_card|certificate|paypal|bank_account)_\d{4,}\b")
_DIGITS = re.compile(r"(?<![\w.-])\+?\(?\d[\d ().-]{7,22}\d(?![\w-])")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_STATED = re.compile(
    r"\b(?:[Mm]y (?:full )?name is|[Nn]ame:|I'm|I am|[Tt]his is|[Yy]ou are|[Yy]our name is|[Dd]ear|Mrs?\.|Ms\.)\s"
    r"([A-Z][a-z]+(?:[-' ][A-Z][a-z]+){1,2})\b"
)
_STATED_ID = re.compile(r"\b(?:[Uu]ser|[Cc]ustomer) ?(?:id|ID|Id)(?: is)?:?\s[`\"']?([A-Za-z][\w.]*\d)\b")
_WORD = re.compile(r"[^\W\d_]{2,}")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})$")
_PLACEHOLDER = re.compile(r"\[[A-Z_]+_\d+\]|<[^<>]*>|\*+|x+|null|none|n/?a|unknown", re.IGNORECASE)


@dataclass(frozen=True)
class Pseudonyms:
    """The personal values of one run and the placeholder of each; equal texts give equal placeholders."""

    placeholders: dict[str, str]

    @classmethod
    def of(cls, texts: Sequence[str], secrets: FindSecrets = lambda text: ()) -> Pseudonyms:
        """Find everything personal in the texts of a run, numbered by kind in the order of first appearance."""
        whole = "\n".join(texts)
        kinds = _found(whole)
        hidden = {value for text in texts for value in secrets(text) if value.strip()}
        # `password@host` of an address with credentials reads like a mail; the credential goes, the host stays.
        kinds = {value: kind for value, kind in kinds.items() if not any(secret in value for secret in hidden)}
        kinds |= dict.fromkeys(sorted(hidden), SECRET)
        order = sorted(kinds, key=lambda value: (whole.find(value), value))
        counts: Counter[str] = Counter()
        placeholders = {}
        for value in order:
            counts[kinds[value]] += 1
            placeholders[value] = f"[{kinds[value]}_{counts[kinds[value]]}]"
        return cls(placeholders)

    def only(self, kind: str) -> Pseudonyms:
        """These values of one kind alone."""
        return Pseudonyms({value: mark for value, mark in self.placeholders.items() if mark.startswith(f"[{kind}_")})

    def redact(self, text: str) -> tuple[str, Counter[str]]:
        """The text with every value replaced, longest first, and how many were by kind."""
        counts: Counter[str] = Counter()
        if not self.placeholders or not text:
            return text, counts

        def mark(found: re.Match[str]) -> str:
            placeholder = self.placeholders[found[0]]
            counts[placeholder[1:-1].rpartition("_")[0]] += 1
            return placeholder

        values = sorted(self.placeholders, key=lambda value: (-len(value), value))
        pattern = "|".join(rf"(?<!\w){re.escape(v)}(?!\w)" if _word_edges(v) else re.escape(v) for v in values)
        return re.sub(pattern, mark, text), counts


def run_texts(run: Trajectory) -> list[str]:
    """Every text of a run, in order: what its pseudonyms are made from."""
    steps = [(s.action, s.thought, s.call_text, s.observation) for s in run.steps]
    return [run.task, *(text for step in steps for text in step if text)]


def redact_row(row: Any, pseudonyms: Pseudonyms) -> tuple[Any, Counter[str]]:  # noqa: ANN401 - JSON in, JSON out
    """A row of any shape with every text in it redacted, and how many values were replaced by kind; keys stay."""
    counts: Counter[str] = Counter()

    def walk(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        if isinstance(value, str):
            text, found = pseudonyms.redact(value)
            counts.update(found)
            return text
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    return walk(row), counts


def _found(text: str) -> dict[str, str]:
    """Personal values of a text and their kinds."""
    kinds: dict[str, str] = {}
    for key, _, value in _FIELD.findall(text):
        kind = _KIND.get(re.sub(r"[\s_-]", "", key).lower())
        value = value.strip()
        if kind and len(value) > 1 and not _PLACEHOLDER.fullmatch(value):
            kinds.setdefault(value, kind)
    kinds |= dict.fromkeys(_EMAIL.findall(text), "EMAIL")
    kinds |= dict.fromkeys(_PAYMENT.findall(text), "ID_NUMBER")
    kinds |= dict.fromkeys(_STATED_ID.findall(text), "USER_ID")
    kinds |= dict.fromkeys(_STATED.findall(text), "NAME") | _numbers(text)
    for value, kind in list(kinds.items()):
        if kind == "BIRTH_DATE":
            kinds |= dict.fromkeys((other for other in _spellings(value) if other in text), kind)
    return _names(text, kinds)


def _numbers(text: str) -> dict[str, str]:
    """Telephone, card, account and social security numbers, each by the check that its standard defines."""
    import phonenumbers
    from stdnum import iban, luhn
    from stdnum.us import ssn

    found = dict.fromkeys((v for v in _SSN.findall(text) if ssn.is_valid(v)), "ID_NUMBER")
    found |= dict.fromkeys((v for v in _IBAN.findall(text) if iban.is_valid(v)), "ID_NUMBER")
    cards = (v for v in _CARD.findall(text) if v[0] in "3456" and luhn.is_valid(re.sub("[ -]", "", v)))
    found |= dict.fromkeys(cards, "ID_NUMBER")
    for candidate in _DIGITS.findall(text):
        # Bare digits are ids and counts more often than telephones: a national number must be written like one.
        if candidate.startswith("+") or re.search(r"\d[ ).-]{1,2}\d{3}[ .-]\d{4}$", candidate):
            for match in phonenumbers.PhoneNumberMatcher(candidate, "US", leniency=phonenumbers.Leniency.VALID):
                found.setdefault(match.raw_string, "PHONE")
    return found


def _names(text: str, kinds: dict[str, str]) -> dict[str, str]:
    """Add the parts of full names and of user ids that stand alone; drop what is an ordinary word of the text too."""
    plain = text
    for value in sorted(kinds, key=len, reverse=True):
        plain = plain.replace(value, " ")
    ordinary = {word for word in _WORD.findall(plain) if word.islower()}
    names = {value for value, kind in kinds.items() if kind == "NAME"}
    parts = {part for name in names for part in _WORD.findall(name) if part[0].isupper()}
    for value, kind in kinds.items():
        if kind == "USER_ID":
            parts |= {part.capitalize() for part in re.split(r"[\W\d_]+", value) if len(part) > 1}
    seen = set(_WORD.findall(text))
    single = {part for part in parts if part in seen and part.lower() not in ordinary}
    # A name such as Will or Rose counts beside another name only, or every sentence that begins with it would suffer.
    kept = {v: k for v, k in kinds.items() if k != "NAME" or not set(_WORD.findall(v)) <= single}
    kept = {v: k for v, k in kept.items() if k != "NAME" or " " in v or v.lower() not in ordinary}
    for first in sorted(parts):
        for last in re.findall(rf"\b{re.escape(first)} ([A-Z]\w+)", text):
            if last in parts and not {first, last} <= single:
                kept.setdefault(f"{first} {last}", "NAME")
    return kept | {part: "NAME" for part in sorted(single) if part not in kept}


def _spellings(value: str) -> Iterable[str]:
    match = _DATE.match(value)
    try:
        day = date(*map(int, match.groups())) if match else None
    except ValueError:
        day = None
    if day is None:
        return []
    month = day.strftime("%B")
    ending = "th" if day.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    days = (f"{day.day}", f"{day.day}{ending}", f"{day.day:02}")
    made = [f"{name} {d}, {day.year}" for name in (month, month[:3]) for d in days]
    made += [f"{d} {name} {day.year}" for name in (month, month[:3]) for d in days]
    return [*made, f"{day.month}/{day.day}/{day.year}", f"{day.month:02}/{day.day:02}/{day.year}"]


def _word_edges(value: str) -> bool:
    return value[0].isalnum() and value[-1].isalnum()
