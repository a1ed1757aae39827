"""Copies of texts that are admitted already (F15): synonyms, other order, small edits, padding, and all of it at once.

The synonyms are a table of this project's own, of the verbs, nouns and connectives that reviews of runs are written in.
Names and quotes stay: a copy that loses them falls as generic before anything compares it with its original.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from synthdata.judging.consistency import Pair
from synthdata.records import Lesson
from synthdata.redteam.attack import Attack, carried

# Each line: a word of reviews, then what may stand for it in nearly every sentence, inflected alike.
_TABLE = """
because|since
instead of|in place of
rather than|in place of
however|nevertheless
therefore|hence|thus
also|likewise
should|ought to
must|has to
cannot|is unable to
only|merely
already|by then
again|once more
first|at the start
finally|in the end
correct|right|accurate
incorrect|wrong|mistaken
correctly|rightly|accurately
incorrectly|wrongly
error|mistake|fault
mistake|error|slip
errors|mistakes|faults
mistakes|errors|slips
answer|reply|response
reply|answer|response
result|outcome
results|outcomes
approach|method
step|stage
steps|stages
problem|exercise|task
question|query
information|facts|details
number|count|quantity
total|overall
final|last
good|sound
bad|poor
nothing|not a thing
necessary|needed|required
useful|helpful
assistant|agent|model
student|pupil
calculated|computed|worked out
calculates|computes|works out
calculate|compute|work out
calculating|computing|working out
calculation|computation
assumed|supposed|presumed
assumes|supposes|presumes
assumption|supposition
consider|take into account
find|discover|locate
found|discovered|located
finding|discovering|locating
searched|looked up
searching|looking up
led|brought
tried|attempted
try|attempt
trying|attempting
using|employing|applying
uses|employs|applies
need|require
needs|requires
needed|required
given|stated
states|says
stated|said
identified|recognised
identifies|recognises
determine|establish|find out
determined|established
misunderstood|misread
understands|grasps
contains|holds
contain|hold
shows|reveals
started|began
ended|finished
remaining|left over
same|identical
different|other
many|numerous
each|every
solution|working
solve|work through
solved|worked through
explanation|account
checking|verifying
check|verify
ensure|make sure
provide|supply|offer
provided|supplied
simply|just
successfully|with success
multiple|several
similar|alike
examining|inspecting|studying
examine|inspect|study
taking|picking up|grabbing
take|pick up|grab
going|heading|walking
go|head|walk
inserting|slotting
insert|slot
dropping|putting down
drop|put down
closing|shutting
unlock|unbolt
unlocking|unbolting
eating|consuming
looking|glancing
turn|move
move|turn
deed|act
plan|scheme
goal|aim
instructions|directions
choose|prefer|pick
skip|omit
leave out|omit
trust|rely on
remember|bear in mind
never|at no time
brought|yielded
earns|merits
spent|used up
waste|squander
stop|quit
keep|retain
wants|asks
served|helped
mentions|names
looks|appearance
description|account
""".strip().splitlines()
_SYNONYMS = {key: tuple(others) for key, *others in (line.split("|") for line in _TABLE)}
_WORD = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, _SYNONYMS), key=lambda word: (-len(word), word))) + r")\b", re.IGNORECASE
)
_QUOTE = re.compile(r"(“[^”]*”|\"[^\"]*\"|`[^`]*`|'[^'\n]*')")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"])")
_FILLERS = ("indeed", "clearly", "in short", "of course", "after all", "as it were", "here", "really")
_LEADS = (
    "What can be taken from this is the following.",
    "To say it plainly:",
    "The lesson of this run in one line:",
    "As was seen above,",
    "It bears repeating:",
    "In other words:",
)
_ENDS = (
    "That is all there is to it.",
    "This holds the next time as well.",
    "So much for this run.",
    "Keep it in mind.",
)


def copies(pool: Sequence[Pair], rng: random.Random) -> Iterator[Attack]:
    """One copy in each manner of each record of the pool, manner by manner; records that it cannot change are left."""
    for manner in MANNERS:
        for run, review in pool:
            lesson, cause = manner(review.lesson.text, rng), manner(review.cause, rng)
            if lesson == review.lesson.text:
                continue
            copy = replace(carried(review, lesson), cause=cause, lesson=Lesson(lesson))
            name = manner.__name__.strip("_").replace("_", " ")
            yield Attack("carried", name, f"{cause} {lesson}", run, copy, review)


def _few_synonyms(text: str, rng: random.Random) -> str:
    return _exchanged(text, rng, 0.3)


def _synonyms(text: str, rng: random.Random) -> str:
    return _exchanged(text, rng, 1.0)


def _word_order(text: str, rng: random.Random) -> str:
    """Sentences in another order, and in each the reason or condition before what follows from it."""
    turned = [_clauses_turned(sentence) for sentence in _SENTENCE.split(text.strip())]
    return " ".join([*turned[len(turned) // 2 :], *turned[: len(turned) // 2]])


def _small_edits(text: str, rng: random.Random) -> str:
    """A word put in or an article left out in each sentence, a mark of punctuation changed."""
    return " ".join(_edited(sentence, rng) for sentence in _SENTENCE.split(text)) if text else text


def _padded(text: str, rng: random.Random) -> str:
    return f"{rng.choice(_LEADS)} {text} {rng.choice(_ENDS)}" if text else text


def _all_at_once(text: str, rng: random.Random) -> str:
    return _padded(_small_edits(_word_order(_synonyms(text, rng), rng), rng), rng)


MANNERS: tuple[Callable[[str, random.Random], str], ...] = (
    _few_synonyms, _synonyms, _word_order, _small_edits, _padded, _all_at_once,
)  # fmt: skip


def _exchanged(text: str, rng: random.Random, share: float) -> str:
    """About this share of the words that the table knows, exchanged outside quotation marks."""

    def other(match: re.Match[str]) -> str:
        word = match.group(0)
        if rng.random() >= share:
            return word
        put = rng.choice(_SYNONYMS[word.lower()])
        return put[:1].upper() + put[1:] if word[:1].isupper() else put

    return "".join(part if i % 2 else _WORD.sub(other, part) for i, part in enumerate(_QUOTE.split(text)))


def _clauses_turned(sentence: str) -> str:
    left, word, right = _halves(sentence)
    if not word:
        return sentence
    end = right[-1] if right[-1:] in ".!?" else "."
    right = right.rstrip(".!?")
    return f"{word[:1].upper()}{word[1:]} {right}, {left[:1].lower()}{left[1:].rstrip(' ,')}{end}"


def _halves(sentence: str) -> tuple[str, str, str]:
    for word in ("because", "since", "so that", "when", "while", "if", "but", "instead of"):
        left, separator, right = sentence.partition(f" {word} ")
        if separator and left and right and left.count("“") == left.count("”"):
            return left, word, right
    return sentence, "", ""


def _edited(sentence: str, rng: random.Random) -> str:
    # Quotes stay, whatever is done around them.
    words = re.findall(r"“[^”]*”\S*|\S+", sentence)
    articles = [i for i, word in enumerate(words) if word in {"the", "a", "an"}]
    if articles and rng.random() < 0.5:
        words.pop(rng.choice(articles))
    words.insert(rng.randrange(1, len(words)) if len(words) > 1 else 0, rng.choice(_FILLERS))
    commas = [i for i, word in enumerate(words) if word.endswith(",") and "“" not in word]
    if commas and rng.random() < 0.5:
        words[commas[0]] = words[commas[0]][:-1] + ";"
    return " ".join(words)
