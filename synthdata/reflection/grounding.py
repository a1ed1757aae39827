"""Whether a lesson speaks of its own run: rules on words alone that need no model (docs/design.md, section 9).

Evidence checks prove that a quote is real and say nothing of the lesson beside it. A lesson that fits every run, that
only says again what the record holds, or that puts words into the log's mouth falls here; whether it is true is not
asked.
"""

from __future__ import annotations

import re
import unicodedata

from synthdata.records import Reason, Reflection, Reject, Step, Trajectory
from synthdata.reflection.quotes import FIELDS, field_text, quote_tokens
from synthdata.reflection.reading import content_words, words
from synthdata.settings import FloorSettings

# What any review of any work is written in, and so names nothing of one run.
_ABOUT_REVIEWING = frozenset(
    "agent assistant model user student system task goal objective problem question answer solution result output "
    "outcome step action move run episode trajectory attempt process approach strategy plan reasoning thought "
    "decision mistake error fault failure success feedback evidence information detail instruction requirement "
    "environment tool lesson reflection review analysis time way thing part case point situation progress "
    "performance quality example good bad better best wrong right correct incorrect careful important clear new "
    "next first last other every all any each more most many much less only also very too well still again always "
    "never often instead before after when where while because since until without would should could can must "
    "may might will need have has had do does did done be been being am get got make made take took use used "
    "using try tried think thought know known see seen find found give given go going come keep start stop finish "
    "check verify review avoid improve understand consider ensure learn one two three some such same than these "
    "those they them their there which who what how why he she we us our "
    # The rest of what every English text is written in.
    "about above according across actually after against ago ahead almost alone along already alright although "
    "among another anyone anything anyway apart appear around aside away back become began begin behind below "
    "besides between beyond both bring brought call came cause certain change close complete concern consist "
    "course create deal decide deep describe different direct down due during early easy either else end enough "
    "entire even ever every exact examine expect explain fact far few final fine follow former forward full "
    "further general great ha hand happen hard hello help hence here hey hold however idea if imagine immediate "
    "include indeed inside interest involve itself just kind large late later lead least leave less let like "
    "likely little long lot main matter mean mention merely middle mind mostly moment nearly necessary need "
    "neither nevertheless nice none nothing now number obvious off offer okay old once only open-minded order "
    "otherwise out outside over own perhaps place plain please possible present pretty prove put quick quite "
    "rather ready real reach read reason reveal round seem send separate set several shall short show side "
    "similar simple since sit small soon something somewhere sort specific stand state study sudden suggest "
    "suppose sure talk tell thank thing third though through throughout thus together told toward turn type under "
    "unless unlike up upon usual various view want whatever whenever wherever whether whole whose wish within "
    "word work world worth write year yes yet".split()
)
_SENTENCE = re.compile(r"(?<=[.!?:])\s+(?=[A-Z\u201c\"])|\n+")
_SUFFIX = re.compile(r"(?:ies|es|s|ing|ed|ly)$")
_SAID = re.compile(
    r"\b(?:reads?|says?|said|states?|stated|answer(?:s|ed)?|repl(?:y|ies|ied)|shows?|showed|was|were|report(?:s|ed)?|wrote"
    r"|returned|log|observation|output)\b\W{0,3}(?:that |was |is |with )?\W{0,2}"
    r"[\u201c\"]([^\u201c\u201d\"\n]{8,400})[\u201d\"]",
    re.IGNORECASE,
)


def check_grounding(reflection: Reflection, run: Trajectory, floor: FloorSettings) -> Reject | None:
    """Why a lesson does not speak of its run, with what is missing; None where it does."""
    if reflection.abstains:
        return None
    checks = (_names_own, _says_more, _quotes_truly)
    return next((refusal for check in checks if (refusal := check(reflection, run, floor))), None)


def own_words(reflection: Reflection, run: Trajectory) -> tuple[float, int]:
    """Of a lesson's words, those of reviewing left out, the share that stands in its run, and how many different ones.

    Looked at are task, focus step, the steps that its evidence names, and the better move.
    """
    lesson_things, own = _things(reflection.lesson.text), _own(reflection, run)
    hits = [word for word in lesson_things if word in own]
    return len(hits) / len(lesson_things) if lesson_things else 0.0, len(set(hits))


def _own(reflection: Reflection, run: Trajectory) -> set[str]:
    return set(_things(" ".join(_shown(reflection, run))))


def _one_sentence_names(reflection: Reflection, run: Trajectory, floor: FloorSettings) -> bool:
    """Whether one whole sentence by itself names enough of the run: padding around it neither helps nor harms."""
    own = _own(reflection, run)
    sentences = _SENTENCE.split(reflection.lesson.text)
    named = [_things(sentence) for sentence in sentences if len(words(sentence)) >= floor.review_min_words]
    hits = [(sentence_words, [word for word in sentence_words if word in own]) for sentence_words in named]
    return any(
        len(set(hit)) >= floor.grounding_min_words and len(hit) >= floor.grounding_min_share * len(sentence_words)
        for sentence_words, hit in hits
    )


def _names_own(reflection: Reflection, run: Trajectory, floor: FloorSettings) -> Reject | None:
    share, count = own_words(reflection, run)
    if count >= floor.grounding_min_words and share >= floor.grounding_min_share:
        return None
    # Long reviews and padded ones: much of what they say is not about things.
    if share >= floor.grounding_long_text_share and (
        count >= floor.grounding_sufficient_words or _one_sentence_names(reflection, run, floor)
    ):
        return None
    detail = f"of what its lesson names, {share:.0%} ({count} words) is of its run"
    return Reject(Reason.GENERIC, share, floor.grounding_min_share, detail=detail)


def _says_more(reflection: Reflection, run: Trajectory, floor: FloorSettings) -> Reject | None:
    """A lesson that is stretches of the cause, the task or a step, word for word, teaches nothing beside them."""
    lesson_words = words(reflection.lesson.text)
    shown = [field_text(step, name) for step in _steps(reflection, run) for name in FIELDS]
    size, held = floor.copied_run, [words(text) for text in (reflection.cause, run.task, *shown)]
    there = {tuple(source[i : i + size]) for source in held for i in range(len(source) - size + 1)}
    copied = {
        i + k
        for i in range(len(lesson_words) - size + 1)
        if tuple(lesson_words[i : i + size]) in there
        for k in range(size)
    }
    added = set(_things(" ".join(word for i, word in enumerate(lesson_words) if i not in copied)))
    if len(added) >= floor.added_words:
        return None
    detail = f"its lesson adds {len(added)} words to its cause, task and step"
    return Reject(Reason.GENERIC, len(added), floor.added_words, detail=detail)


def _quotes_truly(reflection: Reflection, run: Trajectory, floor: FloorSettings) -> Reject | None:
    """Words that a lesson says were said must stand in the run or in its own record."""
    claimed = [
        tokens
        for text in _SAID.findall(reflection.lesson.text)
        if len(tokens := quote_tokens(text)) >= floor.evidence_tokens
    ]
    if not claimed:
        return None
    texts = [run.task, *_record(reflection), *(field_text(step, name) for step in run.steps for name in FIELDS)]
    there = f" {' '.join(quote_tokens(' '.join(texts)))} "
    for tokens in claimed:
        if f" {' '.join(tokens)} " not in there:
            detail = f"its lesson quotes words that the run does not hold: {' '.join(tokens)[:80]!r}"
            return Reject(Reason.UNGROUNDED, 0.0, 1.0, detail=detail)
    return None


def _things(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    stems = [_stem(word) for word in content_words(plain.replace("_", " "))]
    return [word for word in stems if word not in _REVIEWING]


def _stem(word: str) -> str:
    cut = _SUFFIX.sub("", word)
    return cut.rstrip("e") if len(cut) >= 3 else word


_REVIEWING = _ABOUT_REVIEWING | {_stem(word) for word in _ABOUT_REVIEWING}


def _record(reflection: Reflection) -> list[str]:
    better = reflection.counterfactual
    moves = [better.action, better.expected_observation] if better is not None else []
    return [reflection.fact, *(e.quote for e in reflection.evidence), *moves]


def _steps(reflection: Reflection, run: Trajectory) -> list[Step]:
    named = {reflection.focus, *(e.step_idx for e in reflection.evidence)}
    return [step for step in run.steps if step.idx in named]


def _shown(reflection: Reflection, run: Trajectory) -> list[str]:
    return [run.task, *_record(reflection), *(field_text(s, f) for s in _steps(reflection, run) for f in FIELDS)]
