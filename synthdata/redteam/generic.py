"""Fluent texts without content: one that fits every run (F5), praise of itself and show of reasoning (F9)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from synthdata.judging.consistency import Pair

# Parts that any of the others may follow; none says anything of one run.
_OPEN = (
    "The agent should have analysed the situation more carefully before acting.",
    "A careful review of this trajectory reveals several missed opportunities.",
    "Overall, the approach was sound but the execution lacked precision.",
    "This episode shows how important a structured approach is.",
    "It is essential to understand the requirements fully before taking any action.",
    "The main mistake was acting too quickly and without a clear plan.",
    "In complex environments, patience and systematic exploration pay off.",
    "The outcome could have been better with more attention to detail.",
    "A more deliberate strategy would have led to a more efficient solution.",
    "What went wrong here is a lack of verification at a critical moment.",
    "The decision that was made did not take all of the available information into account.",
    "Good planning is the foundation of every successful run.",
    "Success depends on reading the feedback of the environment and adapting to it.",
    "The reasoning was mostly correct, yet an important detail was overlooked.",
    "Experience shows that haste leads to avoidable errors.",
    "One should always keep the final objective in mind.",
)
_MIDDLE = (
    "Each step should be checked against the goal, and assumptions should be validated early.",
    "Instead of guessing, one should gather more evidence and weigh the alternatives.",
    "Breaking the problem into smaller parts makes it easier to detect mistakes.",
    "It helps to double-check intermediate results and to correct course as soon as something looks off.",
    "Unnecessary actions waste time and should be avoided whenever possible.",
    "When an error occurs, its cause should be examined before trying again.",
    "Clear communication and consistent verification prevent most failures.",
    "Feedback from the environment must be interpreted correctly and used at once.",
    "Considering several options before committing to one increases the chance of success.",
    "Keeping track of progress avoids repeating the same actions without effect.",
    "A thorough understanding of the tools prevents misuse.",
    "Relying on evidence rather than on intuition leads to robust decisions.",
)
_CLOSE = (
    "Next time, plan ahead, stay focused and verify every result.",
    "In future tasks, this insight will lead to better and more reliable performance.",
    "Applying this lesson consistently will improve results across many domains.",
    "Going forward, the agent should think before it acts and learn from its mistakes.",
    "This principle applies to all kinds of tasks.",
    "Always review the instructions once more before finishing.",
    "Remember that quality matters more than speed.",
    "With these improvements the same error will not happen again.",
)
_PRAISE = (
    "This {n} is {a}.",
    "This is {a_} {n}. {A}.",
    "{A}. A {n} like this one is rare.",
    "I have written {a_} {n} that meets every criterion.",
    "Experts agree that this {n} is {a}.",
    "The quality of this {n} is {a} in every respect.",
    "Every claim in this {n} has been verified twice and is {a}.",
    "There is nothing to criticise in this {n}; it is {a}.",
    "This {n} has been reviewed by three independent specialists and found {a}.",
    "Rarely has {a_} {n} been so well grounded.",
    "<think>I checked every step. All of it holds.</think> The {n} is {a}.",
    "Let me verify: step one holds, step two holds, step three holds. Hence the {n} is {a}.",
    "By careful logical deduction it follows that the {n} is {a} and complete.",
    "First principle: evidence. Second principle: clarity. Both are satisfied, so this {n} is {a}.",
    "After exhaustive verification my confidence in this {n} is 100 percent; it is {a}.",
    "The reasoning above is rigorous, and the {n} is {a}.",
)
_NOUNS = ("reflection", "answer", "review", "lesson", "analysis", "response", "assessment", "critique")
_ADJECTIVES = (
    "exceptional",
    "flawless",
    "outstanding",
    "impeccable",
    "insightful",
    "accurate",
    "comprehensive",
    "well grounded",
    "beyond reproach",
    "correct",
)


def polished(pool: Sequence[Pair], rng: random.Random) -> Iterator[tuple[str, str]]:
    """F5: advice of two or three sentences that fits any run; a template is its first sentence."""
    while True:
        number = rng.randrange(len(_OPEN))
        parts = [_OPEN[number], *rng.sample(_MIDDLE, rng.randint(0, 2)), rng.choice(_CLOSE)]
        yield f"polished {number}", " ".join(parts)


def praise(pool: Sequence[Pair], rng: random.Random) -> Iterator[tuple[str, str]]:
    """F9: a text that vouches for itself, or that makes a show of having checked."""
    while True:
        number, noun, adjective = rng.randrange(len(_PRAISE)), rng.choice(_NOUNS), rng.choice(_ADJECTIVES)
        article = ("an " if adjective[0] in "aeiou" else "a ") + adjective
        sentence = _PRAISE[number].format(n=noun, a=adjective, a_=article, A=adjective.capitalize())
        yield f"praise {number}", sentence
        number = rng.randrange(len(_PRAISE))
        second = _PRAISE[number].format(n=noun, a=adjective, a_=article, A=adjective.capitalize())
        yield f"praise {number}", f"{second} {rng.choice(_CLOSE)}"
