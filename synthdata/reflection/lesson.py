"""Rules on the wording of a lesson that need no model and no trajectory: the record alone decides.

What a lesson may speak of is what its own record holds: fact, cause, quotes, the better move. Nothing is repaired here.
"""

from __future__ import annotations

import re

from synthdata.records import Reason, Reflection, Reject
from synthdata.reflection.reading import content_words, words
from synthdata.reflection.shots import all_shots
from synthdata.settings import ReflectionSettings

Refusal = tuple[Reason, str]

# States that a small model likes to assert of things; each must stand in the record.
_STATES = frozenset(
    "empty gone closed shut locked unlocked broken missing full dead alive hidden eaten known unknown dirty clean lost "
    "dark safe burning frozen asleep awake blocked impassable finished completed done won solved expired cancelled "
    "refunded confirmed available unavailable".split()
)
_TASK_OVER = re.compile(
    r"\b(?:task|goal|quest|job|game|mission)\s+(?:is|was|has been|are)\s+(?:already |now |all )?"
    r"(?:done|finished|complete[d]?|over|accomplished|won)\b"
)
_NO_USE = re.compile(
    r"\b(?:no (?:use|need|place|part)|not? (?:needed?|useful|wanted|required|asked)|useless|nothing to do with|"
    r"never (?:names?|asks?|mentions?|wants?|needs?)|(?:does|did|do) not (?:need|name|ask|want|mention|use|have to be)|"
    r"there (?:is|was|are|were) no)\b"
)
_TASK_WANTS = re.compile(
    r"\b(?:task|goal|quest|job|game|mission|objective)\s+"
    r"(?:is to|was to|is|asks?(?: you)?(?: to| for)?|wants?|requires?|needs?|says?(?: to)?)\b"
)
_LATER = re.compile(r"\b(?:before|first|once more|again|second time|right time|premature)\b")
_DANGLING = frozenset(
    "a an the of to in into on onto from with at by for and or but because that which is are was were as than its his "
    "her their your my not no if when while may can must will should need needs".split()
)
# Words that end no English sentence at all, however free its style.
_NEVER_LAST = frozenset("a an the and or because than my your their if while".split())
_ENDED = re.compile(r"[.!?\u3002\uff01\uff1f\u0964\u061f][\"'”’)\]}`*]*$")
_TAG = re.compile(r"</?\w+>")
_PROSE_WORDS = 4
_RUN_WORDS = 5
# Words of frames that advise against a move, which are no words of the move.
_FRAME_ONLY = frozenset(
    "do don't stop rather instead let lose whoever wants expect fail change correction needs thing count comes mind "
    "where point such over against than without call beats better be call".split()
)
# Words that the frames use of their own accord; a reason that repeats a run with one of them says nothing new.
_FRAME_WORDS = frozenset(
    "right time better spent turn move plan pays waste skip leave choose beats call instead".split()
)


def check_lesson(reflection: Reflection, settings: ReflectionSettings) -> Reject | None:
    """Why a lesson must not pass; None where the rules have nothing against it.

    A framed lesson is judged by its own part, after the frame's last "because"; a lesson of the `full` reflector as a
    whole, without the likelihood rule, because there the likelihood is that of a JSON document.
    """
    if reflection.abstains:
        return None
    checks = [_sentence, _task_over]
    if reflection.found_by == "rule":
        # Three words that come twice are a stutter in one framed sentence and nothing in a review of a page.
        checks = [_likelihood, _sentence, _repeats, _task_over, _states, _numbers]
        checks += [_echoes_frame, _own_entities, _contradicts_better, _wants_the_avoided, _copies_shot]
    refusal = next((fault for check in checks if (fault := check(reflection, settings))), None)
    return None if refusal is None else Reject(refusal[0], detail=refusal[1])


def reason_of(reflection: Reflection) -> str:
    """The part of a lesson that the model wrote: after the frame's "because" for a framed one, else all of it."""
    text = reflection.lesson.text
    if reflection.found_by != "rule":
        return text
    return text.partition(" because ")[2] or text


def _own_text(reflection: Reflection) -> str:
    """Everything that the record lets a lesson speak of."""
    better = reflection.counterfactual
    parts = [reflection.fact, reflection.cause, *(e.quote for e in reflection.evidence)]
    if better is not None:
        parts += [better.action, better.expected_observation]
    if reflection.found_by == "rule":
        # The frame was made from the move and the better move, not by the model.
        parts.append(reflection.lesson.text.partition(" because ")[0])
    return " ".join(parts)


def _likelihood(reflection: Reflection, settings: ReflectionSettings) -> Refusal | None:
    nll = reflection.generator.mean_nll
    if nll is None or nll <= settings.max_nll:
        return None
    if reason_of(reflection).removesuffix(".") == reflection.fact:
        # A sentence of the record, not the model's words: how likely it finds it says nothing against that.
        return None
    return Reason.GIBBERISH, f"mean NLL {nll:.2f} nats a token is over {settings.max_nll:g}"


def _sentence(reflection: Reflection, settings: ReflectionSettings) -> Refusal | None:
    text = reflection.lesson.text.strip()
    sentence_words = words(text)
    # A model's own finding is counted by the floor, which knows scripts without spaces.
    if reflection.found_by == "rule" and len(sentence_words) < settings.lesson_min_words:
        return Reason.TOO_SHORT, f"{len(sentence_words)} words, at least {settings.lesson_min_words} wanted"
    if reflection.found_by == "rule" and len(sentence_words) > settings.lesson_max_words:
        return Reason.TOO_LONG, f"{len(sentence_words)} words, at most {settings.lesson_max_words} wanted"
    if reflection.found_by == "rule" and len(words(reason_of(reflection))) < 3:
        return Reason.TOO_SHORT, "the reason has fewer than 3 words"
    end = _last_line(text)
    if not _ENDED.search(end):
        return Reason.UNFINISHED, "the sentence does not end"
    last = words(end)[-1:] or sentence_words[-1:]
    # A framed lesson is one short sentence; in free prose many a sound one ends with `for` or `is`.
    if last[0] in (_DANGLING if reflection.found_by == "rule" else _NEVER_LAST):
        return Reason.UNFINISHED, f"the sentence ends with `{last[0]}`"
    return None


def _last_line(text: str) -> str:
    """The last line that is prose: scores, headings and closing tags may come behind it in a review of several."""
    lines = [stripped for line in text.splitlines() if (stripped := _TAG.sub("", line).strip())]
    prose = [line for line in lines if len(words(line)) >= _PROSE_WORDS]
    return (prose or lines or [text])[-1]


def _repeats(reflection: Reflection, _: ReflectionSettings) -> Refusal | None:
    """A run of three words twice, unless it is the name of something in the record."""
    reason_words = words(reason_of(reflection))
    own = f" {' '.join(words(_own_text(reflection)))} "
    seen: set[tuple[str, ...]] = set()
    for gram in zip(reason_words, reason_words[1:], reason_words[2:], strict=False):
        if gram in seen and f" {' '.join(gram)} " not in own:
            return Reason.LOOP, f"`{' '.join(gram)}` comes twice"
        if reason_words.count(gram[0]) > 4 and gram[0] not in _DANGLING:
            return Reason.LOOP, f"`{gram[0]}` comes {reason_words.count(gram[0])} times"
        seen.add(gram)
    return None


def _task_over(reflection: Reflection, _: ReflectionSettings) -> Refusal | None:
    match = _TASK_OVER.search(reason_of(reflection).lower())
    if match is None or match[0] in _own_text(reflection).lower():
        return None
    return Reason.UNGROUNDED, f"it says `{match[0]}`, the record does not"


def _states(reflection: Reflection, _: ReflectionSettings) -> Refusal | None:
    if reflection.found_by != "rule":
        return None
    loose = [w for w in words(reason_of(reflection)) if w in _STATES and w not in words(_own_text(reflection))]
    return (Reason.UNGROUNDED, f"the state `{loose[0]}` is not in evidence or fact") if loose else None


def _numbers(reflection: Reflection, _: ReflectionSettings) -> Refusal | None:
    if reflection.found_by != "rule":
        return None
    own = set(re.findall(r"\d+", _own_text(reflection)))
    loose = [n for n in re.findall(r"\d+", reason_of(reflection)) if n not in own]
    return (Reason.UNGROUNDED, f"the number {loose[0]} is not in evidence or fact") if loose else None


def _echoes_frame(reflection: Reflection, _: ReflectionSettings) -> Refusal | None:
    """A reason that only starts the frame again: a second "because", or four words of the frame that name no deed."""
    frame, _sep, reason = reflection.lesson.text.partition(" because ")
    if "because" in words(reason):
        return Reason.LOOP, "the reason gives itself a reason"
    facts = words(" ".join([reflection.fact, *(e.quote for e in reflection.evidence)]))
    echoed = (_runs(words(reason), 4) & _runs(words(frame), 4)) - _runs(facts, 4)
    loose = [run for run in sorted(echoed) if set(run) & _FRAME_WORDS]
    return (Reason.LOOP, f"`{' '.join(loose[0])}` only repeats the frame") if loose else None


def _own_entities(reflection: Reflection, _: ReflectionSettings) -> Refusal | None:
    """The reason names something of the fact, the move or the better move: at least one content word."""
    own = set(content_words(_own_text(reflection)))
    named = set(content_words(reason_of(reflection))) & own
    return None if named else (Reason.UNGROUNDED, "the reason names nothing that evidence or fact speak of")


def _contradicts_better(reflection: Reflection, _: ReflectionSettings) -> Refusal | None:
    """A "no use for X" or "there is no X" where the better move acts on X, unless the fact itself puts it so."""
    reason = reason_of(reflection).lower()
    match = _NO_USE.search(reason)
    if match is None or reflection.counterfactual is None:
        return None
    better = set(content_words(reflection.counterfactual.action)[1:])
    overlap = [w for w in content_words(reason[match.start() :]) if w in better]
    overlap += [w for w in content_words(reason[: match.start()])[-3:] if w in better]
    loose = [w for w in overlap if w not in content_words(reflection.fact)]
    return (Reason.UNGROUNDED, f"it has no use for `{loose[0]}`, which the better move needs") if loose else None


def _wants_the_avoided(reflection: Reflection, _: ReflectionSettings) -> Refusal | None:
    """A lesson against a move whose reason is that the task asks for that very move, and not for the better one.

    Frames that only put the move later ("before", "first", "once more") may say so, and so may a reason that names
    something else to do it with.
    """
    text = reflection.lesson.text.lower()
    frame, _because, reason = text.partition(" because ")
    wants = _TASK_WANTS.search(reason)
    if wants is None or reflection.counterfactual is None or _LATER.search(frame):
        return None
    better = set(content_words(reflection.counterfactual.action)[1:])
    # What is left of the frame without its own words and the better move's is what it advises against.
    own = set(words(reflection.counterfactual.action)) | _FRAME_WORDS | _FRAME_ONLY
    avoided = [w for w in content_words(frame) if w not in own and not w.endswith("ing")]
    asked = set(content_words(reason[wants.end() :]))
    if avoided and set(avoided) <= asked and not (better - set(avoided)) & asked:
        return Reason.UNGROUNDED, f"it advises against `{avoided[0]}` because the task asks for it"
    return None


def _copies_shot(reflection: Reflection, _: ReflectionSettings) -> Refusal | None:
    """A run of five words or a thing from one of the examples that its prompt showed and its own record lacks."""
    reason_words, own = words(reason_of(reflection)), words(_own_text(reflection))
    pool = all_shots()
    for key in reflection.shots:
        shot = pool.get(key)
        if shot is None:
            continue
        strange = sorted(set(reason_words) & shot.nouns - set(own))
        if strange:
            return Reason.GENERIC, f"`{strange[0]}` comes from an example of the prompt"
        copied = (_runs(reason_words, _RUN_WORDS) & _runs(words(f"{shot.lesson} {shot.fact}"), _RUN_WORDS)) - _runs(
            own, _RUN_WORDS
        )
        if copied:
            return Reason.GENERIC, f"`{' '.join(min(copied))}` is copied from an example of the prompt"
    return None


def _runs(tokens: list[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}
