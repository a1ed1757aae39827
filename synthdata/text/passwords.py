"""Secrets known by where they stand: the value of a field with such a name, and the places of secret_places.py.

Nothing in the value itself shows that it is one, so it is asked whether it is only code, a placeholder or prose. A
password of one plain word after a colon in prose stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import itemgetter

from synthdata.text.secret_places import PASSWORD, RANDOM, SECRET_PLACES, SecretPlace

Found = tuple[int, int, str]
_KEY = "Key"

# Names end in one of these words; a bare `key` is anybody's, so it counts after one of the words of _KEY_BEFORE only.
_PASSWORDS = frozenset("password passwd passwort passphrase passcode pwd pass pw".split())
_TOKENS = frozenset("secret token apikey credential credentials".split())
_KEY_BEFORE = frozenset(
    "api access secret private auth account signing encryption master service storage shared admin subscription hmac "
    "license webhook deploy consumer".split()
)
# In the text in small letters; `after` is what parts the name from the value.
_NAME = re.compile(
    r"(?P<word>pass(?:w(?:or)?d|wort|phrase|code)?|pwd|pw|secret|token|key|credentials?)"
    r"(?:[_-]?(?:value|base|text|plain|string|\d{1,2}))?"
    r"(?P<after>\\{0,3}[\"'`]?\]?[ \t]{0,3}(?:=>|:=|={1,3}|:)[ \t]{0,3})"
)
_LEFT = re.compile(r"[A-Za-z0-9_.-]{0,40}\Z")
_QUOTED = re.compile(r"""[bfru]{0,2}\\{0,3}(["'`])(?P<value>(?:(?!\1|\\{1,3}["'`]).){1,400})(?=\\{0,3}\1)""")
_BARE = re.compile(r"[^\s\"'`,;&)}\]<>|\\]{3,400}")
_PARTS = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|\d+")

_PLACEHOLDER = re.compile(
    r"[<\[{].*|\(.*|%[\w(].*|@\w+@?|\$(?:[a-z_]+|[A-Z_][A-Z0-9_]*|\d|[{(].*)|[*x•.\-_X#?0]+|.*(?:\*\*\*|\.\.\.|…|xxxx|XXXX).*|"
    r"(?i:none|null|nil|true|false|undefined|empty|unset|string|str|text|bytes|int|integer|bool|boolean|number|object|"
    r"any|optional|required|hidden|input|value|default|secret|token|key|passw(?:or)?d|pass|pw|pwd|password123|username|"
    r"api[_-]?key|todo|tbd|n/?a|change[_-]?(?:me|this)|redacted|masked|placeholder|dummy|example|sample|test|"
    r"(?:your|my|the|some|an?|insert|enter|replace|put)[_ -].*|.*(?:placeholder|example|redacted|changeme).*|.*_here|"
    r"(?:os|process|import\.meta)\.?env.*|getenv.*|env[:.].*|(?:self|this|args|config|settings|request|req)\..*)"
)
_WORDS = re.compile(r"[A-Za-z]+(?:[._-][A-Za-z]+)*[_.-]?\d{0,2}[.!?:]?")
_PROSE = re.compile(r"[A-Za-z]+['.!?]?|[\d.,:/-]+|\d+(?:st|nd|rd|th|ms|s|k|K|m|M|kb|KB|MB|GB|px|%)")
_CODE = re.compile(r"[._]?(?:pass|pwd|get|input|self|user|hash|new|old)[._A-Z]|(?:pass|word|pwd)$", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# The command of Redis, which prose in small letters would resemble.
_REDIS = re.compile(r"(?:^|\\n|\s)AUTH\s+(?:\w+\s+)?(?P<secret>(?=\S*\d)[^\s\"'\\]{6,})")


# Places in their order, by what each of their matches holds: most texts hold the need of few.
_BY_NEED = {
    need: [(number, place) for number, place in enumerate(SECRET_PLACES) if place.need == need]
    for need in dict.fromkeys(place.need for place in SECRET_PLACES)
}


def context_secrets(text: str, low: str, long: bool) -> Iterator[Found]:
    """Start, end and kind of every value that stands where a secret stands; spans may overlap.

    `low` is the text in small letters, `long` whether it holds a run of characters as keys stand in.
    """
    if "key" in low or "pass" in low or "token" in low or "secret" in low or "pw" in low or "credential" in low:
        yield from _fields(text, low)
    for _, place in sorted(_possible(low, long), key=itemgetter(0)):
        yield from _values(text, low, place.pattern, place.kind)
    if "AUTH" in text:
        yield from _values(text, text, _REDIS, PASSWORD)


def _possible(low: str, long: bool) -> Iterator[tuple[int, SecretPlace]]:
    """The places whose expressions the text may match, with their numbers."""
    for need, places in _BY_NEED.items():
        if need in low:
            for one in places:
                place = one[1]
                if long or not place.long:
                    for hint in place.hints:
                        if hint in low:
                            yield one
                            break


def lowered(text: str) -> str:
    """The text in small letters, every character at its old place."""
    low = text.lower()
    return low if len(low) == len(text) else re.sub("[A-Z]+", lambda run: run[0].lower(), text)


def _fields(text: str, low: str) -> Iterator[Found]:
    for match in _NAME.finditer(low):
        left = _LEFT.search(text, max(0, match.start() - 40), match.start())
        start = left.start() if left else match.start()
        if start and text[start - 1] == "\\" and text[start] in "nrt":
            start += 1
        name, word = text[start : match.end("word")], match["word"]
        kind = _kind_of_name(name, word)
        if kind is None:
            continue
        quoted = _QUOTED.match(text, match.end())
        # In `"Password: "` the quote after the name ends the text that the name stands in; one that is escaped once
        # more than the quote before the name begins a value.
        ends = start and text[start - 1] == quoted[1] and quoted[1] not in match["after"] if quoted else False
        if quoted and not (ends and _escapes(text, start - 1) == _escapes(text, quoted.start("value") - 1)):
            if _is_value(quoted["value"], kind, True, word):
                yield quoted.start("value"), quoted.end("value"), kind
            continue
        bare = _BARE.match(text, match.end())
        if bare and not quoted and _is_bare(text, start, match["after"], bare, kind, word):
            yield bare.start(), bare.end(), kind


def _escapes(text: str, at: int) -> int:
    """How many backslashes stand before a place."""
    return at - len(text[max(0, at - 8) : at].rstrip("\\")) - max(0, at - 8)


def _kind_of_name(name: str, word: str) -> str | None:
    parts = [part.lower() for part in _PARTS.findall(name)]
    if not parts:
        return None
    last, before = parts[-1], parts[-2] if len(parts) > 1 else ""
    if last in _PASSWORDS or (last.endswith(("password", "passwd", "passphrase")) and word != "pass"):
        return PASSWORD
    if word == "pass" and last in {"dbpass", "userpass", "smtppass", "ftppass", "rootpass", "adminpass"}:
        return PASSWORD
    if last in _TOKENS or last.endswith(("secret", "token", "apikey", "accesskey", "secretkey", "privatekey")):
        return RANDOM
    # OPENAI_KEY and its like are names of the environment; elsewhere a word must say which key is meant.
    if last == "key" and (before in _KEY_BEFORE or ("_" in name and name.isupper())):
        return RANDOM
    return _KEY if last.endswith("key") and before else None


def _is_value(value: str, kind: str, quoted: bool, word: str) -> bool:
    if _PLACEHOLDER.fullmatch(value) or "://" in value or value.startswith(("/", "./", "~/")):
        return False
    if kind == PASSWORD:
        return (not re.search(r"\s", value) or word == "passphrase") and len(value) >= (3 if quoted else 4)
    if kind == _KEY:
        return len(value) >= 20 and sum(c.isdigit() for c in value) >= 3 and _is_random(value) and value.isalnum()
    return _is_random(value) or (_UUID.fullmatch(value) is not None and word != "token")


def _is_random(value: str) -> bool:
    """Whether a value mixes letters with digits or signs as keys do, and is no word, name, number, date or UUID."""
    if len(value) < 8 or re.search(r"\s", value) or _WORDS.fullmatch(value) or _PROSE.fullmatch(value):
        return bool(re.fullmatch(r"(?=.*[a-z])(?=.*[A-Z])[A-Za-z]{24,}", value))
    return bool(re.search(r"[A-Za-z]", value) and re.search(r"\d", value)) and not _UUID.fullmatch(value)


def _is_bare(text: str, start: int, after: str, bare: re.Match[str], kind: str, word: str) -> bool:
    value, following = bare[0], text[bare.end() : bare.end() + 1]
    if re.search(r"\w[(\[]", value) or not _is_value(value, kind, False, word):
        return False
    if kind != PASSWORD:
        return True
    code = following in {",", ")", "]", "}"} and re.fullmatch(r"[A-Za-z_][\w.]*", value) is not None
    if after.strip() == "=" and after == after.strip():
        return not (code and not re.search(r"\d", value))
    mixed = re.search(r"[A-Za-z]", value) and re.search(r"[\d!@#$%^&*+~]", value[:-1] + value[-1:].strip(".!?:"))
    if mixed and len(value) >= 6 and not code and not _PROSE.fullmatch(value):
        return True
    # A line of its own, as in YAML: nothing before the name, nothing after the value.
    line = text[max(0, start - 20) : start].rpartition("\n")[2]
    return not line.strip(" -\t") and following in {"", "\n", "\r", "\\"} and not _CODE.search(value)


def _values(text: str, searched: str, pattern: re.Pattern[str], kind: str) -> Iterator[Found]:
    for match in pattern.finditer(searched):
        start, end = match.span("secret")
        value = text[start:end]
        if not _PLACEHOLDER.fullmatch(value) and (kind != RANDOM or _is_random(value)):
            yield start, end, kind
