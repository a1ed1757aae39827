"""Personal data in a text: what is found, and of which kind. Recognisers, not a model.

Values of named fields (JSON, Python dicts, `key: value`, also where a clip cut them), mails, telephone numbers
(libphonenumber), addresses on the internet, card, account and social security numbers (checksums of python-stdnum),
names that people state, and what follows from these: parts of a user id, other spellings of a birth date. A name or a
street that no field and no phrase introduces is not found. The only importer of phonenumbers and stdnum.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from datetime import date

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
# What stands between a name and its value, and the most that stands before it of what `_FIELD` matches.
_ASSIGNED = re.compile(r"""[:=]\s{0,2}\\?["']""")
_BEFORE = 31
_NAMED = re.compile(r"""\\?["']?(?<![\w-])[A-Za-z][\w -]{1,24}?\\?["']?\s{0,2}[:=]\s{0,2}\\?["']""")
# Letters of any script on both sides (RFC 6531); `git@host:path` is no mail.
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.)+(?:xn--[a-z0-9-]{2,58}|[^\W\d_]{2,24})(?![\w-]|:\w)"
)
_PAYMENT = re.compile(r"\b(?:credit_card|debit_card|gift_card|certificate|paypal|bank_account)_\d{4,}\b")
_DIGITS = re.compile(r"(?<![\w.-])\+?\(?\d[\d ().-]{7,22}\d(?![\w-])")
# National numbers as they are written in Germany and the United Kingdom, and bare ones beside a word that says so.
_NATIONAL = re.compile(
    r"(?<![\w.,:/+-])\(?00?[1-9]\d{1,4}\)?(?:[ /-]{1,3}\d{2,8}){1,4}(?![\w-])|(?<![\w.,:/+-])0[1-9]\d{8,10}(?![\w.-])"
)
_BARE = re.compile(r"(?<![\w.,:/+-])[2-9]\d{9}(?![\w.-])")
_CALLED = re.compile(
    r"(?i:phone|call|tel|mobile|mobil|cell|fax|sms|text(?: me)?|whatsapp|ring|dial|reach|contact|telefon|handy|nummer|"
    r"number)\W{0,3}(?:\w+\W{1,3}){0,3}\Z"
)
_IP4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IP6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,6}(?![\w:])|(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){1,7}:(?![\w:])"
)
_VERSION = re.compile(r"(?i:v|version|release|build|[=<>~^]=?|[a-z]/|[a-z]-|rev)\s?\Z")
# Of these an address tells nothing of a person: this machine, private and shared networks, multicast.
_NOBODY = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip
# Bare digits are ids and counts more often than telephones: a national number must be written like one.
_WRITTEN = re.compile(r"\d[ ).-]{1,2}\d{3}[ .-]\d{4}$")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_STATED = re.compile(
    r"\b(?:[Mm]y (?:full )?name is|[Nn]ame:|I'm|I am|[Tt]his is|[Yy]ou are|[Yy]our name is|[Dd]ear|Mrs?\.|Ms\.)\s"
    r"([A-Z][a-z]+(?:[-' ][A-Z][a-z]+){1,2})\b"
)
_STATED_ID = re.compile(r"\b(?:[Uu]ser|[Cc]ustomer) ?(?:id|ID|Id)(?: is)?:?\s[`\"']?([A-Za-z][\w.]*\d)\b")
# What is quickly looked for and stands in every match of an expression above: most texts hold none of it.
_DOTTED = re.compile(r"\d\.\d{1,3}\.\d")
_TWO_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
_PAYMENT_TAIL = re.compile(r"_\d{4}")
_ID = re.compile(r"[rR] ?[iI][dD]")
_TWO_CAPITALS = re.compile(r"\s[A-Z][a-z]+[-' ][A-Z][a-z]")
_LONG_NUMBER = re.compile(r"\d[\d ().-]{7}")
_IBAN_HEAD = re.compile(r"[A-Z]{2}\d\d")
# Whom letters address that are to nobody by name.
_ROLES = frozenset(
    "Manager Team Committee Customer Customers Sir Madam Members Attendees Colleagues Editor Santa Diary".split()
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})$")
_PLACEHOLDER = re.compile(r"\[[A-Z_]+_\d+\]|<[^<>]*>|\*+|x+|null|none|n/?a|unknown", re.IGNORECASE)


def personal_values(text: str) -> dict[str, str]:
    """The personal values of a text and the kind of each, such as NAME, EMAIL, PHONE or BIRTH_DATE."""
    kinds: dict[str, str] = {}
    for key, value in _fields(text):
        kind = _KIND.get(re.sub(r"[\s_-]", "", key).lower())
        value = value.strip()
        if kind and len(value) > 1 and not _PLACEHOLDER.fullmatch(value):
            kinds.setdefault(value, kind)
    if "@" in text:
        kinds |= dict.fromkeys(_EMAIL.findall(text), "EMAIL")
    kinds |= _internet(text)
    if _PAYMENT_TAIL.search(text):
        kinds |= dict.fromkeys(_PAYMENT.findall(text), "ID_NUMBER")
    if _ID.search(text):
        kinds |= dict.fromkeys(_STATED_ID.findall(text), "USER_ID")
    if _TWO_CAPITALS.search(text):
        kinds |= {name: "NAME" for name in _STATED.findall(text) if not _ROLES & set(name.split())}
    if _LONG_NUMBER.search(text) or _IBAN_HEAD.search(text):
        kinds |= _numbers(text)
    for value, kind in list(kinds.items()):
        if kind == "BIRTH_DATE":
            kinds |= dict.fromkeys((other for other in _spellings(value) if other in text), kind)
    return _names(text, kinds)


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Name and value of every field, as `_FIELD` finds them one after the other.

    Looked for before each sign between a name and a value alone: the expression tries a name at every word.
    """
    end = 0
    for assigned in _ASSIGNED.finditer(text):
        start = max(end, assigned.start() - _BEFORE)
        while start <= assigned.start() and (named := _NAMED.search(text, start, assigned.end())):
            field = _FIELD.match(text, named.start())
            if field is not None:
                yield field[1], field[3]
                end = field.end()
                break
            start = named.start() + 1


def _numbers(text: str) -> dict[str, str]:
    """Telephone, card, account and social security numbers, each by the check that its standard defines."""
    from stdnum import iban, luhn
    from stdnum.us import ssn

    spans = dict.fromkeys((v for v in _SSN.findall(text) if ssn.is_valid(v)), "ID_NUMBER")
    spans |= dict.fromkeys((v for v in _IBAN.findall(text) if iban.is_valid(v)), "ID_NUMBER")
    cards = (v for v in _CARD.findall(text) if v[0] in "3456" and luhn.is_valid(re.sub("[ -]", "", v)))
    spans |= dict.fromkeys(cards, "ID_NUMBER")
    for number in _telephones(text):
        spans.setdefault(number, "PHONE")
    return spans


def _telephones(text: str) -> Iterator[str]:
    if not _DIGITS.search(text):
        return
    candidates = [(one[0], "US") for one in _DIGITS.finditer(text) if one[0].startswith("+") or _WRITTEN.search(one[0])]
    candidates += [(one[0], region) for one in _NATIONAL.finditer(text) for region in ("DE", "GB")]
    candidates += [
        (one[0], "US") for one in _BARE.finditer(text) if _CALLED.search(text, max(0, one.start() - 40), one.start())
    ]
    if candidates:
        # Not above: every line that a command prints is looked at here, and hardly any holds what may be a telephone.
        import phonenumbers

        for candidate, region in candidates:
            for match in phonenumbers.PhoneNumberMatcher(candidate, region, leniency=phonenumbers.Leniency.VALID):
                yield match.raw_string


def _internet(text: str) -> dict[str, str]:
    """Addresses on the internet that are somebody's; numbers of versions look alike."""
    spans = {}
    matches = [
        *(_IP4.finditer(text) if _DOTTED.search(text) else ()),
        *(_IP6.finditer(text) if _TWO_COLONS.search(text) else ()),
    ]
    for match in matches:
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            continue
        version = address.version == 4 and (
            _VERSION.search(text, max(0, match.start() - 12), match.start()) or max(address.packed) < 32
        )
        if not version and not any(address in net for net in _NOBODY):
            spans[match[0]] = "IP"
    return spans


def _names(text: str, kinds: dict[str, str]) -> dict[str, str]:
    """Add the parts of full names and of user ids that stand alone; drop what is an ordinary word of the text too."""
    if not {"NAME", "USER_ID"} & set(kinds.values()):
        return kinds
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
