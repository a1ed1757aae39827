"""Which column is the text where names alone do not tell: by the values of a file's first rows, or asked of the user.

Numbers, dates, ids, hashes, names and labels are never taken. Of several texts the answer is; where that is not clear
the file is refused with the choices.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from synthdata.errors import InputError
from synthdata.sources.columns import kind_of, length, plain_name
from synthdata.sources.fields import RowError, shortened
from synthdata.sources.mapping import ColumnMap, values_at
from synthdata.sources.shapes import ANSWERS, BESIDE, QUESTIONS, refusal, shape_of

# Columns that are the whole of a plain text corpus, the first that is there.
_ALONE = (
    "text", "document", "article", "passage", "story", "essay", "body", "abstract", "poem", "code", "paragraph",
    "sentence", "utterance", "review", "transcript", "lyrics", "source_code", "raw_content", "html", "markdown",
)  # fmt: skip
_NEVER = {"number", "date", "id"}
# Texts beside which any other text is a note.
_SURE = ("text",)
_EXAMPLE = 40


def choose(file: str, rows: Sequence[object]) -> ColumnMap | None:
    """The column map of a file by its first rows, as most of them have it; None where no row is an object or a text.

    Raises:
        InputError: it is not clear which column is the text, or the rows are no samples; it says what to write.
    """
    objects = [row for row in rows if isinstance(row, dict)]
    if not objects:
        _refuse_log(file, [row for row in rows if isinstance(row, str)])
        return None
    votes: Counter[ColumnMap] = Counter()
    for row in objects:
        try:
            shape = shape_of(row)
        except RowError:
            continue
        if shape is not None:
            votes[shape] += 1
    if 2 * votes.total() >= len(objects):
        winner = votes.most_common(1)[0][0]
        # An answer that is a number, a date or an id is no text, whatever its name.
        if winner.chosen or winner.messages or _kinds(objects, winner.content) - _NEVER:
            return winner
    if all(refusal(row) for row in objects):
        raise InputError(f"{file}: {refusal(objects[0])}")
    return _by_values(file, objects)


# How a line of a log begins: with the time, or with the turn that an agent's transcript counts.
_LOG_LINE = re.compile(
    r"\W{0,2}(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d[ ,.\]]|(?:Thought|Action|Observation)(?: \d{1,4})?: )"
)


def _refuse_log(file: str, lines: list[str]) -> None:
    """Refuse plain lines of which more than a third begin as those of a log do.

    Raises:
        InputError: they do; it says what to write.
    """
    logged = sum(bool(_LOG_LINE.match(line)) for line in lines)
    if 3 * logged > len(lines):
        raise InputError(
            f"{file}: {logged} of the first {len(lines)} lines begin as those of a log do: a line of it is no sample. "
            "Write each run as `messages` (docs/formats.md shows how, in ten lines)"
        )


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _kinds(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> set[str]:
    """What the columns hold; `other` where there is nothing to see."""
    values = {name: [value for row in rows for value in values_at(row, name)] for name in columns}
    return {kind_of(name, sample) for name, sample in values.items()}


def _by_values(file: str, rows: list[dict[str, Any]]) -> ColumnMap:
    names = list(dict.fromkeys(str(key) for row in rows for key in row))
    values = {name: [row[name] for row in rows if row.get(name) is not None] for name in names}
    kinds = {name: kind_of(name, values[name]) for name in names}
    plain = {plain_name(name): name for name in reversed(names)}
    texts = [name for name in names if kinds[name] == "prose"]
    # A short answer is one all the same; a number, a date or an id is none.
    answers = [plain[name] for name in ANSWERS if name in plain and kinds[plain[name]] in ("prose", "words", "name")]
    asked = [plain[name] for name in QUESTIONS if name in plain and kinds[plain[name]] in ("prose", "words")][:1]
    asked += [plain[name] for name in BESIDE if name in plain and plain[name] in texts and plain[name] not in asked]
    answers = [name for name in answers if name not in asked]
    alone = [plain[name] for name in _ALONE if name in plain and plain[name] in texts]
    alone = alone or [plain[name] for name in _SURE if name in plain and kinds[plain[name]] == "words"]
    if len(answers) > 1:
        longest = max(length(values[name]) for name in answers)
        answers = [name for name in answers if length(values[name]) > 3 or longest <= 3]
    if len(answers) == 1 and not (asked or alone):
        return ColumnMap("answers", content=(answers[0],))
    if len(answers) == 1:
        return ColumnMap("question and answer", content=(answers[0],), context=tuple(asked or alone[:1]))
    if not answers and asked and alone and alone[0] not in asked:
        return ColumnMap("prompt and text", content=(alone[0],), context=tuple(asked))
    if not answers and len(alone) == 1 and (plain_name(alone[0]) in _SURE or len(texts) == 1):
        return ColumnMap("texts", content=(alone[0],))
    # A question whose answer is a number is not the text.
    unanswered = texts[:1] == asked[:1] and any(name in plain for name in ANSWERS)
    # Beside a list of objects (steps, actions, events) the one prose is what is asked, or a note.
    beside = any(isinstance(one, dict) for column in values.values() for value in column for one in _listed(value))
    if len(texts) == 1 and len(answers) <= 1 and not (unanswered or beside) and not set(answers) - set(texts):
        return ColumnMap("texts", content=(texts[0],))
    raise InputError(_question(file, names, values, kinds, texts))


def _question(
    file: str, names: list[str], values: dict[str, list[Any]], kinds: Mapping[str, str], texts: list[str]
) -> str:
    if not texts:
        held = (
            ", ".join(f"`{shortened(name, 60)}` ({_WHAT.get(kinds[name], kinds[name])})" for name in names[:12])
            or "no column at all"
        )
        return f"{file}: no column holds texts: {held}. If one does, say --map content=COLUMN"
    why = (
        "There are several, and none has a name that says so" if len(texts) > 1 else "No column of answers holds texts"
    )
    lines = [f"{file}: which column is the text? {why}:"]
    lines += [f"  {name}: {length(values[name]):g} words, such as {_example(values[name])}" for name in texts[:8]]
    other = [name for name in texts if name != texts[-1]][:1]
    lines.append(
        f"say --map content={texts[-1]}" + (f", or --map content={texts[-1]},context={other[0]}" if other else "")
    )
    return "\n".join(lines)


_WHAT = {
    "number": "numbers", "date": "dates", "id": "ids", "name": "names or labels", "words": "single words",
    "other": "lists, objects, flags", "empty": "empty",
}  # fmt: skip


def _example(values: list[Any]) -> str:
    text = next((value for value in values if isinstance(value, str) and value.strip()), "")
    return repr(shortened(text, _EXAMPLE) + ("..." if len(text) > _EXAMPLE else ""))
