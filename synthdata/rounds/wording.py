"""How candidates are worded, held against real contents: too short or long, unlike them, broken stretches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain

from synthdata.gate.anchor import ContentCalibration
from synthdata.gate.perplexity import PerplexityRange
from synthdata.gate.ready import AT_ONCE
from synthdata.gate.stretches import stretch_at
from synthdata.gate.wording import TextScores, WordingCalibration
from synthdata.judging.floor import check_letters, letter_measures
from synthdata.judging.grammar import loose_words
from synthdata.judging.neighbours import disorder
from synthdata.protocols import Mapper, in_line
from synthdata.records import Candidate, Origin, Reason, Reject
from synthdata.settings import Recipe

Numbers = Mapping[str, Mapping[str, float]]
NO_NUMBERS: Numbers = {}


def check_wording(
    candidates: Sequence[Candidate],
    contents: Sequence[str],
    content: ContentCalibration,
    recipe: Recipe,
    mapper: Mapper = in_line,
) -> tuple[dict[str, Reject], Numbers]:
    """What the calibrated tests of wording refuse, and what they saw of each candidate, by candidate id.

    `contents` are the candidates' texts without a shared preamble.
    Real rows are looked at and never refused. Anchors of older versions have a range of predictability alone.
    """
    if content.wording is None:
        return _outside_range(candidates, contents, content.language, recipe), {}
    parts = [contents[start : start + AT_ONCE] for start in range(0, len(contents), AT_ONCE)]
    work = partial(_worded_part, wording=content.wording, language=content.language, recipe=recipe)
    refused, numbers = {}, {}
    for candidate, (seen, reject) in zip(candidates, chain.from_iterable(mapper(work, parts)), strict=True):
        numbers[candidate.id] = {
            "words": seen.words, "short_p": seen.short_p, "long_p": seen.long_p, "nats": seen.nats,
            "predictable_p": seen.likely_p, "unlike_p": seen.unlikely_p, "broken_p": seen.broken_p,
            "disorder": seen.disorder, "loose_words": seen.loose_words,
        }  # fmt: skip
        if reject is not None and candidate.origin is not Origin.REAL:
            refused[candidate.id] = reject
    return refused, numbers


def _worded_part(
    texts: Sequence[str], wording: WordingCalibration, language: PerplexityRange, recipe: Recipe
) -> list[tuple[TextScores, Reject | None]]:
    """What the tests saw of each text, and what it would fall for."""
    real = wording.letters.tolist()
    return [
        (seen, check_letters(letter_measures(text), recipe.floor, real) or _refusal(seen, text, wording, recipe))
        for text, seen in zip(texts, wording.scores(texts, language, recipe.anchor), strict=True)
    ]


def _refusal(seen: TextScores, content: str, wording: WordingCalibration, recipe: Recipe) -> Reject | None:
    """The first test that a content fails; each has the share of false refusals that the recipe gives it."""
    gate = recipe.gate
    per_side = (gate.alpha_length / 2, gate.alpha_unlike / 2)
    return (
        _below(Reason.TOO_SHORT, seen.short_p, per_side[0], f"{seen.words:g} words, real contents are longer{_LENGTH}")
        or _below(
            Reason.TOO_LONG, seen.long_p, per_side[0], f"{seen.words:g} words, real contents are shorter{_LENGTH}"
        )
        or _gibberish(seen, content, wording, recipe)
        or _below(
            Reason.UNLIKE_REFERENCE, seen.unlikely_p, per_side[1], f"{seen.nats:.2f} {_UNLIKE} is so far from them"
        )
        or _below(
            Reason.UNLIKE_REFERENCE, seen.likely_p, per_side[1], f"{seen.nats:.2f} {_UNLIKE} only repeats them so"
        )
    )


_LENGTH = " (recipe.gate.length_share)"
_UNLIKE = "nats a token to a model of real contents, hardly one of which"


def _below(reason: Reason, p: float, alpha: float, detail: str) -> Reject | None:
    return Reject(reason, p, alpha, detail=detail) if p <= alpha else None


def _gibberish(seen: TextScores, content: str, wording: WordingCalibration, recipe: Recipe) -> Reject | None:
    """Broken like no real content, or thrown together whatever the reference holds, further than real contents are.

    What a reference does not know looks broken to it. So that test counts only where the two scans, which know none,
    see something too: programs beside instructions are in order by them.
    """
    gate, floor = recipe.gate, recipe.floor
    suspect = seen.disorder >= floor.disorder_suspect or seen.loose_words >= floor.loose_words_suspect
    if seen.broken_p <= gate.alpha_gibberish and suspect:
        detail = f"broken like no real content: {stretch_at(content, seen.start)[:160]!r}"
        return Reject(Reason.GIBBERISH, seen.broken_p, gate.alpha_gibberish, detail=detail)
    scans = (
        (wording.disordered, seen.disorder, seen.disorder_p, floor.disorder, disorder,
         "nats of evidence that its tokens were thrown together"),
        (wording.loose, seen.loose_words, seen.loose_p, floor.loose_words, loose_words,
         "words in a row that no grammar or sign parts"),
    )  # fmt: skip
    for scale, value, p, least, scan, what in scans:
        # A small reference cannot promise the share; over all that it reaches is then what counts.
        if scale is not None and value >= least and p <= max(gate.alpha_disorder, 1 / (scale.tasks + 1)):
            stop = scan(content)[1]
            return Reject(Reason.GIBBERISH, value, least, detail=f"{value:.3g} {what}: {content[:stop][-100:]!r}")
    return None


def _outside_range(
    candidates: Sequence[Candidate], contents: Sequence[str], language: PerplexityRange, recipe: Recipe
) -> dict[str, Reject]:
    refused = {}
    scores = language.scores(contents, recipe.anchor.band_tokens)
    for candidate, text, low, high in zip(candidates, contents, *scores, strict=True):
        if low > language.high:
            detail = f"{low:.2f} nats a token to a model of real contents, which have at most {language.high:.2f}"
            refused[candidate.id] = Reject(Reason.UNLIKE_REFERENCE, float(low), language.high, detail=detail)
        elif high < language.low:
            detail = f"{high:.2f} nats a token to a model of real contents, which have at least {language.low:.2f}"
            refused[candidate.id] = Reject(Reason.UNLIKE_REFERENCE, float(high), language.low, detail=detail)
        elif (reject := check_letters(letter_measures(text), recipe.floor)) is not None:
            refused[candidate.id] = reject
    return refused
