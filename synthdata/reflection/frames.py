"""The beginnings of framed lessons, many for each kind of finding; each ends in "because", which the model continues.

Placeholders: {g} and {c} as in facts.py, {i} the good deed as an order, capitalised forms {G}, {C}, {CG}, {I}.
"""

from __future__ import annotations

FRAMES: dict[str, tuple[str, ...]] = {
    "idle": (
        "Do not waste a move on {g}; {c}, because",
        "{C} instead of {g}, because",
        "The right time to {c} is before {g}, because",
        "Stop {g} and {c}, because",
        "Rather than {g}, {c}, because",
        "Leave out {g} and {c}, because",
        "{C} without {g} first, because",
        "There is no call for {g} here; {c}, because",
        "Choose to {c} over {g}, because",
        "A turn is better spent on {cg} than on {g}, because",
        "{CG} beats {g}, because",
        "Whoever wants to {c} should not lose a turn to {g}, because",
        "Let {g} be and {c}, because",
        "At such a point {c} and skip {g}, because",
    ),
    "failed": (
        "{C} in place of {g}, because",
        "Instead of {g}, {c}, because",
        "Expect {g} to fail and {c}, because",
        "Change {g} into {cg}, because",
        "{G} needs a correction: {c}, because",
        "The thing to do is {cg} and not {g}, because",
        "Do not count on {g}; {c}, because",
        "Where {g} comes to mind, {c}, because",
    ),
    "again": (
        "Do not fall for {g} again; {c}, because",
        "Before {g} once more, {c}, because",
        "{C} rather than {g} a second time, because",
        "Once is enough for {g}; {c}, because",
        "Move on from {g} and {c}, because",
    ),
    "claimed_over_failure": (
        "Do not report success here, because",
        "Hold back the good news, because",
        "It is too early to call this done, because",
        "Check the log before telling anyone that it worked, because",
    ),
    "stopped_on_failure": (
        "Try another way before giving up, because",
        "Do not end the run here, because",
        "Stay with the problem for one more try, because",
        "Closing now leaves work undone, because",
    ),
    "corrected": (
        "Ask what the user wants before {g}, because",
        "Hear the user out before {g}, because",
        "Weigh the wishes of the user before {g}, because",
        "{G} is premature, because",
        "Hold back with {g}, because",
        "There is more to find out before {g}, because",
    ),
    "handed_over": (
        "Do not fall back on {g} so soon, because",
        "Look for another way before {g}, because",
        "{G} should be the last resort, because",
        "Settle what can be settled before {g}, because",
        "Think again before {g}, because",
    ),
    "good": (
        "{G} is the right move here, because",
        "Keep {g} in the plan, because",
        "It pays to {i}, because",
        "Do not skip {g}, because",
        "{G} earns its turn, because",
        "A good plan has {g} in it, because",
        "Choose {g} in a place like this, because",
        "Trust {g} here, because",
        "Remember {g}, because",
        "{I} at such a point, because",
    ),
    "back": (
        "Return to the plan by {g}, because",
        "{I} without further delay, because",
        "Make up for a lost turn and {i}, because",
        "After a slip {i}, because",
        "{G} mends the run, because",
    ),
    "answered": (
        "Answer a refusal by {g}, because",
        "After a failure {i}, because",
        "Learn from the refusal and {i}, because",
        "{G} is how to go on after a failure, because",
    ),
}

KIND = {
    "mended_later": "failed",
    "failed_then_left": "failed",
    "ignored_failure": "again",
    "same_call_again": "again",
    "claimed_over_failure": "claimed_over_failure",
    "stopped_on_failure": "stopped_on_failure",
    "corrected": "corrected",
    "handed_over": "handed_over",
    "resumed": "back",
    "mended": "answered",
}


def frames_for(rule: str, label: str) -> tuple[str, ...]:
    """The beginnings that fit what a rule found."""
    return FRAMES[KIND.get(rule, "good" if label == "good" else "idle")]
