"""The sentences that say what happened at a step, each around a verbatim quote, by where the proof stands.

Placeholders: {g} what was done, {G} the same at the start of a sentence, {q} the quote.
"""

from __future__ import annotations

# What holds of any idle move, with any quote of its answer.
_IDLE = (
    "What came of {g} was “{q}”.",
    "“{q}”, said the game to {g}.",
    "There was no gain in {g}, where the text read “{q}”.",
    "After {g} the screen held “{q}”.",
    "The run chose {g} and read “{q}”.",
    "The reply to {g} was “{q}”.",
    "{G} drew the answer “{q}”.",
    "On {g} the game had “{q}” to say.",
    "It read “{q}” once {g} was done.",
    "The move was {g}, the answer “{q}”.",
)
# Of a move that only reads the game.
_READ = (
    "The turn spent on {g} was answered by “{q}”, and the goal stayed as far away as before.",
    "{G}: the game said “{q}” and nothing moved.",
)
# Where the quote is the whole answer.
_WHOLE = (
    "{G} brought only “{q}”.",
    "“{q}” was all that {g} gave.",
    "A turn went into {g}; “{q}” was the whole harvest.",
)

CAUSES: dict[str, tuple[str, ...]] = {
    "idle": _IDLE,
    "idle_read": _IDLE + _READ,
    "idle_whole": _IDLE + _READ + _WHOLE,
    # Where no part of the answer singles the step out, so that the command itself is quoted.
    "deed": (
        "The run did “{q}” here.",
        "A turn was given to “{q}”.",
        "“{q}” is what the run chose.",
        "At this point came “{q}”.",
        "The command was “{q}”.",
    ),
    "elsewhere": (
        "{G} did not help; the run went on only with “{q}”.",
        "It was “{q}” that counted, not {g}.",
        "Progress reads “{q}”, and {g} came before it for nothing.",
        "{G} stood in the way of “{q}”.",
        "The line that matters is “{q}”; {g} only put it off.",
        "“{q}” could have come a turn earlier without {g}.",
        "Not {g} but the later “{q}” moved the run.",
        "The run waited with “{q}” for the sake of {g}.",
    ),
    "failed": (
        "{G} failed: “{q}”.",
        "“{q}” was the answer to {g}.",
        "{G} ran into “{q}”.",
        "The attempt at {g} came back with “{q}”.",
        "What {g} met was “{q}”.",
        "“{q}”: so ended {g}.",
        "Trouble began with {g}, which returned “{q}”.",
        "The log answers {g} with “{q}”.",
    ),
    "told": (
        "{G} came after “{q}” had been read.",
        "“{q}” stood in the log before {g}.",
        "The run had “{q}” before it and chose {g} all the same.",
        "{G} took no notice of “{q}”.",
        "Before {g} the answer had been “{q}”.",
        "With “{q}” on the screen the run turned to {g}.",
        "{G} passes over “{q}”.",
        "“{q}” was no news when it came to {g}.",
    ),
    "good": (
        "{G} paid off: “{q}”.",
        "“{q}” shows what {g} was good for.",
        "With {g} came “{q}”.",
        "The run earned “{q}” by {g}.",
        "{G} was right, as “{q}” confirms.",
        "That {g} was sound can be read in “{q}”.",
        "“{q}” is the fruit of {g}.",
        "The proof for {g} reads “{q}”.",
    ),
    "good_earlier": (
        "{G} builds on “{q}”.",
        "“{q}” had been read before {g}.",
        "Before {g} came “{q}”, and the run made use of it.",
        "{G} follows from “{q}”.",
        "The run had read “{q}” and went on by {g}.",
        "What {g} rests on is “{q}”.",
        "“{q}” came first, then {g}.",
        "With “{q}” at hand came {g}.",
    ),
    "good_later": (
        "{G} paid off later: “{q}”.",
        "“{q}” shows what {g} was good for.",
        "What {g} was good for reads “{q}”.",
        "{G} led up to “{q}”.",
        "That {g} was sound can be read in the later “{q}”.",
        "“{q}” is the fruit of {g}.",
        "The proof for {g} came later: “{q}”.",
    ),
}
