"""What the floor asks of a reflection: evidence, labels, counterfactual, and the wording of a framed lesson."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.records import (
    Counterfactual,
    Evidence,
    GeneratorStamp,
    Lesson,
    Observation,
    Reason,
    Reflection,
    Step,
    StepReview,
    Trajectory,
)
from synthdata.reflection import check_lesson, to_candidate, verify_evidence
from synthdata.reflection.lesson import _contradicts_better, _wants_the_avoided
from synthdata.reflection.shots import all_shots, draw_shots
from synthdata.rounds.steps import check
from synthdata.settings import FloorSettings, Recipe, ReflectionSettings

FLOOR, RULES = FloorSettings(), ReflectionSettings()
REPLY = "The keycard is cold to the touch. A draught comes from the west."
RUN = Trajectory(
    task="take the insect from the chest",
    steps=(
        Step(0, "user", "take the insect from the chest"),
        Step(1, "agent", "examine keycard", observations=(Observation(REPLY),)),
        Step(2, "agent", "take insect from chest", observations=(Observation("You take the insect from the chest."),)),
    ),
    task_id="t",
    success=False,
)
QUOTE = Evidence(1, "observation", "The keycard is cold to the touch.", 0, 33)
GOOD = Reflection(
    trajectory_id=RUN.id,
    task_id="t",
    focus=1,
    found_by="rule",
    cause_code="inefficient",
    cause="Examining keycard brought only “The keycard is cold to the touch.”",
    lesson=Lesson(
        "Take insect from chest instead of examining keycard, because the keycard plays no part in the task."
    ),
    generator=GeneratorStamp("m", "p", 0, 0.3, 0.4),
    evidence=(QUOTE,),
    steps=(StepReview(1, "bad", 0.9),),
    counterfactual=Counterfactual("take insect from chest"),
    first_error_idx=1,
    fact="the keycard plays no part in what was asked",
)


def lesson(text, **changes):
    return check_lesson(replace(GOOD, lesson=Lesson(text), **changes), RULES)


def test_a_sound_reflection_passes_both_checks():
    assert verify_evidence(GOOD, RUN, FLOOR) is None
    assert check_lesson(GOOD, RULES) is None


def test_an_abstention_claims_nothing():
    silent = replace(GOOD, abstain_reason="nothing to say", lesson=Lesson(""), evidence=())
    assert verify_evidence(silent, RUN, FLOOR) is None
    assert check_lesson(silent, RULES) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"evidence": ()}, "no quote"),
        ({"evidence": (replace(QUOTE, start=1, end=34),)}, "is not at 1:34"),
        ({"evidence": (replace(QUOTE, quote="The keycard is warm to the touch."),)}, "is not at"),
        ({"evidence": (replace(QUOTE, start=-33, end=0),)}, "is not at"),
        ({"evidence": (replace(QUOTE, step_idx=7),)}, "step 7"),
        ({"evidence": (Evidence(1, "observation", "to the touch", 20, 32),)}, "no quote"),
        ({"evidence": (Evidence(0, "action", "take the insect from the chest", 0, 30),)}, "no quote"),
        ({"steps": (StepReview(1, "bad"), StepReview(2, "good"))}, "step 2 is called good"),
        ({"steps": (StepReview(1, "bad"), StepReview(1, "good"))}, "two labels"),
        ({"steps": (StepReview(0, "bad"),)}, "step 0 is not a step of the agent"),
        ({"focus": 9, "counterfactual": None}, "step 9"),
        ({"counterfactual": Counterfactual(" Examine  keycard")}, "action that was taken"),
        ({"counterfactual": Counterfactual(" ")}, "names no action"),
        ({"steps": (StepReview(1, "good"),), "first_error_idx": None}, "every label is good"),
        ({"trajectory_id": "other"}, "speaks of trajectory other"),
    ],
)
def test_what_the_run_does_not_support_is_refused(changes, why):
    assert why in verify_evidence(replace(GOOD, **changes), RUN, FLOOR).detail


def test_a_success_with_its_first_error_at_the_last_step_is_refused():
    won = replace(RUN, success=True)
    review = replace(GOOD, trajectory_id=won.id)
    assert verify_evidence(review, won, FLOOR) is None
    assert "last step" in verify_evidence(replace(review, first_error_idx=2), won, FLOOR).detail


def test_a_quote_that_fits_many_steps_proves_nothing_and_the_limit_grows_with_the_run():
    def run(times, length):
        seen = ["the same old line again"] * times + [f"line number {i}" for i in range(length - times)]
        made = tuple(Step(i, "agent", "look", observations=(Observation(text),)) for i, text in enumerate(seen))
        return Trajectory(task="t", steps=made, success=None)

    def verdict(made):
        quote = Evidence(0, "observation", "the same old line again", 0, 23)
        review = replace(GOOD, trajectory_id=made.id, focus=0, evidence=(quote,), steps=(), first_error_idx=None)
        return verify_evidence(review, made, FLOOR)

    assert verdict(run(2, 10)) is None  # floor(0.2 * 10) = 2
    assert verdict(run(2, 9)) is not None  # max(1, floor(1.8)) = 1
    assert verdict(run(1, 3)) is None
    assert verdict(run(3, 10)) is not None


@given(st.integers(-5, 90), st.integers(-5, 90), st.sampled_from(["action", "observation", "thought", "tool_call"]))
def test_only_what_stands_at_its_offsets_is_a_quote(start, end, field):
    quote = Evidence(1, field, REPLY[max(start, 0) : max(end, 0)], start, end)
    accepted = verify_evidence(replace(GOOD, evidence=(quote,)), RUN, FLOOR) is None
    stands = field == "observation" and 0 <= start < end and REPLY[start:end] == quote.quote
    assert accepted <= stands


# The verbatim outputs of the measured probe (LOG), with the records that they had.
def test_the_measured_lessons_are_told_apart():
    useful = lesson(
        "Go west before examining Canadian locker, because the Canadian locker is not named in the task.",
        fact="the Canadian locker is not what the task asks for",
        counterfactual=Counterfactual("go west"),
    )
    assert useful is None
    wrong = lesson("Stop examining keycard and take insect from chest, because the insect was already eaten.")
    assert wrong.reason is Reason.UNGROUNDED and "eaten" in wrong.detail
    contradiction = lesson(
        "Do not waste a move on examining keycard; take keycard from chest, because there is no use for the keycard.",
        counterfactual=Counterfactual("take keycard from chest"),
        fact="its description adds nothing",
    )
    assert contradiction.reason is Reason.UNGROUNDED
    nonsense = lesson(
        "Stop examining keycard, because you are in a nice environment, the normal environment, the normal environment."
    )
    assert nonsense.reason in (Reason.LOOP, Reason.UNGROUNDED)


@pytest.mark.parametrize(
    ("text", "better", "refused"),
    [
        (
            "Do not waste a move on putting passkey on platter; take key from box, because the task is to put passkey "
            "on platter.",
            "take key from box",
            True,
        ),
        ("Stop taking insect and go east, because the task asks for the insect.", "go east", True),
        # Neighbours: another place, the better move, no word of the task, a move that only comes later.
        (
            "Do not waste a move on putting passkey on platter; put passkey on shelf, because the task is to put "
            "passkey on shelf.",
            "put passkey on shelf",
            False,
        ),
        ("Stop taking insect and go east, because the task is to go east.", "go east", False),
        ("Stop taking insect and go east, because the insect is not in the task.", "go east", False),
        (
            "The right time to unlock locker is before opening locker, because the task is to open locker.",
            "unlock locker",
            False,
        ),
    ],
)
def test_a_lesson_against_what_its_own_reason_says_the_task_asks_for_is_refused(text, better, refused):
    record = replace(GOOD, lesson=replace(GOOD.lesson, text=text), counterfactual=Counterfactual(better))
    found = _wants_the_avoided(record, ReflectionSettings())
    assert (found is not None) == refused
    if found is not None:
        assert found[0] is Reason.UNGROUNDED and "because the task asks for it" in found[1]


@pytest.mark.parametrize(
    ("text", "better", "refused"),
    [
        (
            "Choose to open maplewood cabinet over examining binder, because the cabinet did not have to be opened.",
            "open maplewood cabinet",
            True,
        ),
        ("Stop examining binder and take key from box, because there is no key.", "take key from box", True),
        # Neighbours: it is the move advised against that was not needed, or something else that is not there.
        (
            "Choose to open maplewood cabinet over examining binder, because the binder did not have to be examined.",
            "open maplewood cabinet",
            False,
        ),
        (
            "Stop examining binder and take key from box, because there is no gain in the binder.",
            "take key from box",
            False,
        ),
        ("Stop examining box and go east, because there is no key in the box.", "go east", False),
    ],
)
def test_a_reason_that_denies_what_its_own_advice_is_about_is_refused(text, better, refused):
    record = replace(
        GOOD,
        fact="its look adds nothing",
        lesson=replace(GOOD.lesson, text=text),
        counterfactual=Counterfactual(better),
    )
    found = _contradicts_better(record, ReflectionSettings())
    assert (found is not None) == refused


@pytest.mark.parametrize(
    ("text", "changes", "reason"),
    [
        (GOOD.lesson.text, {"generator": GeneratorStamp("m", "p", 0, 0.3, 0.81)}, Reason.GIBBERISH),
        ("Take insect, because the keycard matters.", {}, Reason.TOO_SHORT),
        ("Take insect from chest instead of examining keycard, because no.", {}, Reason.TOO_SHORT),
        ("Take insect from chest, because the keycard " + "never really " * 40 + "matters.", {}, Reason.TOO_LONG),
        ("Take insect from chest first, because the keycard is not in the", {}, Reason.UNFINISHED),
        ("Take insect from chest first, because the keycard is part of the.", {}, Reason.UNFINISHED),
        ("Take insect from chest first, because the keycard and the task is done.", {}, Reason.UNGROUNDED),
        ("Take insect from chest first, because the keycard is locked away.", {}, Reason.UNGROUNDED),
        ("Take insect from chest first, because the keycard has 17 edges.", {}, Reason.UNGROUNDED),
        ("Take insect from chest first, because bananas grow quickly under sunlight.", {}, Reason.UNGROUNDED),
        (
            "Take insect from chest first, because cold keycard is so cold keycard is so cold keycard is so.",
            {},
            Reason.LOOP,
        ),
    ],
)
def test_each_rule_on_lessons_gives_its_reason(text, changes, reason):
    assert lesson(text, **changes).reason is reason


@pytest.mark.parametrize(
    "text",
    [
        "It pays to take keycard, because it earns its turn, because it needs the insect.",
        "The right time to take insect is before examining keycard, because the right time to examine keycard is now.",
    ],
)
def test_a_reason_that_starts_the_frame_again_falls(text):
    assert lesson(text).reason is Reason.LOOP


def test_the_likelihood_limit_is_inclusive_and_unknown_likelihood_passes():
    for nll in (0.8, None):
        assert lesson(GOOD.lesson.text, generator=GeneratorStamp("m", "p", 0, 0.3, nll)) is None


def test_a_copy_of_an_example_falls_by_its_things_and_by_five_words_in_a_row():
    for shot in all_shots().values():
        reason = shot.lesson.partition("because ")[2]
        made = lesson(
            f"Take insect from chest before examining keycard, because the keycard: {reason}", shots=(shot.id,)
        )
        assert made is not None, shot


def test_an_example_that_the_prompt_did_not_show_is_no_copy():
    text = "Take insect from chest first, because the keycard came right after the birdcage."
    shot = next(s for s in all_shots().values() if "birdcage" in s.nouns)
    assert lesson(text) is None
    assert lesson(text, shots=(shot.id,)).reason is Reason.GENERIC


def test_examples_suffice_and_rotate_by_block():
    pool = list(all_shots().values())
    assert len(pool) >= 24 and len({s.lesson for s in pool}) == len(pool)
    for group in ("play-bad", "play-good", "tool-bad", "tool-good"):
        draws = {tuple(s.id for s in draw_shots(group, block, 5)) for block in range(8)}
        assert all(len(set(draw)) == 5 for draw in draws)
        assert len(draws) >= 6
    shown = {s.id for block in range(8) for s in draw_shots("play-bad", block, 5)}
    assert len(shown) >= 18


def test_a_model_that_found_the_fault_itself_is_not_judged_by_its_json():
    own = replace(GOOD, found_by="model", generator=GeneratorStamp("m", "p", 0, 0.7, 2.5), fact="")
    assert check_lesson(own, RULES) is None
    # How long it must be at least the floor says, which counts words in scripts without spaces too.
    short = replace(own, trajectory_id=RUN.id, lesson=Lesson("Be careful."))
    candidate = to_candidate(short, RUN)
    assert check([candidate], {RUN.id: RUN}, Recipe())[candidate.id].reason is Reason.TOO_SHORT
    assert (
        check_lesson(replace(own, lesson=Lesson("\u8ba1\u7b97\u9519\u8bef\uff0c\u4e0d\u662f83\u3002")), RULES) is None
    )
    assert check_lesson(replace(own, lesson=Lesson("The count was not 83")), RULES).reason is Reason.UNFINISHED
