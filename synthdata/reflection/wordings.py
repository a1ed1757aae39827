"""How verified reasons are put: several sentences for each kind, of which a hash picks one: none marks a corpus.

Each continues "because ...", so it starts small and ends without a point. Placeholders are the slots of `verified`.
Nothing may be said here that the kind's own check does not hold: no "only", "never" or "needs" beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthdata.records import picked_by_hash
from synthdata.reflection.verified import Reason

WORDINGS: dict[str, tuple[str, ...]] = {
    "answer": (
        "the whole answer was “{q}”",
        "all that came back was “{q}”",
        "the game said “{q}” to it and no more",
        "“{q}” was everything that the game had to say",
        "it was answered by “{q}” alone",
        "nothing but “{q}” came of it",
        "the reply, “{q}”, was all there was to read",
        "it got “{q}” for an answer and nothing else",
    ),
    "same_text": (
        "the same text had been on the screen {ago}",
        "word for word that answer had come {ago}",
        "what came back had been read {ago}",
        "its answer repeats what was printed {ago}",
        "the run had those lines already, {ago}",
    ),
    "same_move": (
        "it had been tried {n} before with the same answer",
        "{n} before, the same move had brought the same words",
        "it repeats a move made {n} before, and so does the answer",
        "the game had given that answer to it {n} before",
        "the run had done just that {n} before and read the same",
    ),
    "room_known": (
        "the {room} had been described {ago}",
        "a description of the {room} had come {ago}",
        "the game had shown the {room} {ago}",
        "the {room} was known from the text that came {ago}",
        "{ago} the run had read what the {room} looks like",
        "what stands in the {room} had been told {ago}",
    ),
    "unnamed": (
        "the task has no word about the {x}",
        "the words of the task do not name the {x}",
        "no line of the task speaks of the {x}",
        "the {x} is not among the things that the task names",
        "the task leaves the {x} out",
        "one reads the task in vain for the {x}",
        "the {x} does not stand in the task",
        "the task talks of other things than the {x}",
    ),
    "unused": (
        "no other move of the run touched the {x}",
        "the run did nothing else with the {x}",
        "in the whole run no further move used the {x}",
        "the {x} had no part in the other moves of the run",
        "all other moves left the {x} alone",
    ),
    "won_without": (
        "the run was won with no other move on the {x}",
        "the goal was reached by moves that left the {x} alone",
        "the moves that won the run leave the {x} out",
        "victory came with no use made of the {x}",
    ),
    "taken_back": (
        "{later} the run took it back by {jg}",
        "{jg} undid it {later}",
        "it was undone {later} by {jg}",
        "{later} came {jg}, and things were as before",
        "it did not last: {later} came {jg}",
    ),
    "takes_back": (
        "it undoes {jg} of {n} before",
        "{n} before, the run had done the opposite, {jg}",
        "it takes back what {jg} had brought {n} before",
        "{jg} was done {n} before and is reversed by it",
    ),
    "came_back": (
        "{later} the run was back in the {room} by {jg}",
        "{jg} brought the run back to the {room} {later}",
        "the run returned to the {room} {later}",
        "it ended in the {room} again {later}, after {jg}",
    ),
    "fetched_again": (
        "{later} the run had the {x} to take up again",
        "the {x} was taken up again {later}",
        "the run picked the {x} up once more {later}",
    ),
    "no_call": (
        "the task has no word for {v}",
        "no word of the task asks for {v}",
        "{v} is nowhere in what the task asks",
        "the task says nothing of {v}",
    ),
    "nothing_handled": (
        "no move before it had taken or laid down a thing",
        "nothing had been taken or laid down before it",
        "the run had not taken or given away anything by then",
        "up to there no thing had changed hands",
    ),
    "better_led": (
        "{cg}, {later}, led to the {room}",
        "the {room} was reached {later} by {cg}",
        "{later} the run came into the {room} by {cg}",
        "it was {cg} that led to the {room} {later}",
        "the way to the {room} was {cg}, as the run found {later}",
    ),
    "better_answer": (
        "{cg}, {later}, was answered by “{q}”",
        "“{q}” is what {cg} brought {later}",
        "the run read “{q}” {later}, when it came to {cg}",
        "{later} came {cg}, and the game said “{q}”",
        "{cg} got “{q}” for an answer {later}",
    ),
    "better_score": (
        "{cg} raised the score {later}",
        "the score went up {later} with {cg}",
        "{later} it was {cg} that brought the point",
        "a point was waiting for {cg}, as the run saw {later}",
    ),
    "better_asked": (
        "“{q}” is what the task says, and {cg} is just that",
        "the task asks for {cg} with “{q}”",
        "{cg} answers the words “{q}” of the task",
        "what the task wants is {cg}: “{q}”",
        "the instructions read “{q}”, so {cg} counts",
    ),
    "better_named": (
        "the task speaks of the {x}: “{q}”",
        "it is the {x} that the task names, with “{q}”",
        "“{q}”, says the task of the {x}",
        "the {x} stands in the task, where it reads “{q}”",
    ),
    "in_view": (
        "the {x} had been named {ago}: “{q}”",
        "“{q}” had been read {ago}",
        "{ago} the game had said “{q}”, so the {x} was known",
        "the run knew of the {x} from “{q}”, which came {ago}",
        "the text that came {ago} holds “{q}”",
    ),
    "led": (
        "it led to the {room}",
        "it brought the run into the {room}",
        "the {room} was reached by it",
        "that way lies the {room}",
        "the answer showed the {room}",
    ),
    "brought": (
        "the game answered “{q}”",
        "“{q}” came back",
        "the answer to it was “{q}”",
        "it was met with “{q}”",
        "the run read “{q}” for it",
        "it brought “{q}”",
    ),
    "score": (
        "the score went up by one point with it",
        "it brought a point at once",
        "one point more was the answer to it",
        "the game paid for it with a point",
    ),
    "asked": (
        "the task asks for it with “{q}”",
        "“{q}”, says the task",
        "the instructions read “{q}”",
        "it does what the task says: “{q}”",
        "the words of the task are “{q}”",
        "it follows the line “{q}” of the task",
    ),
    "named": (
        "the task speaks of the {x}: “{q}”",
        "“{q}” stands in the task",
        "the {x} is named in the task, with “{q}”",
        "the task brings up the {x} where it says “{q}”",
    ),
    "used": (
        "the {x} served for {lg} {later}",
        "{later} the {x} had its use in {lg}",
        "{later} the run went on with {lg}",
        "{lg} followed {later}",
    ),
    "used_answer": (
        "{later} came {lg}, and the game said “{q}”",
        "{lg} followed {later} with the answer “{q}”",
        "“{q}” could be read {later}, after {lg}",
    ),
    "showed": (
        "the {x} came into view there: “{q}”",
        "“{q}” was to be read there",
        "its answer names the {x} with “{q}”",
        "it showed the {x}, in the words “{q}”",
    ),
}

# Of calls and commands, see verified_calls.
WORDINGS |= {
    "refused": (
        "the rule “{x}” of this place forbids it",
        "what may be done here is told by rules, and the rule “{x}” refuses it",
        "it is refused by the rule “{x}” and not carried out",
        "the rule “{x}” stands against it",
    ),
    "no_tool": (
        "no tool of the run is called {v}",
        "the run has no tool named {v}",
        "{v} is not among the tools that the run was given",
        "the list of tools has no {v} in it",
    ),
    "left_out": (
        "{v} asks for {k} and the call gave none",
        "the call left out {k}, which {v} requires",
        "without {k} the tool {v} takes no call",
        "{k} is required by {v} and was not given",
        "the arguments of {v} must hold {k}",
    ),
    "no_option": (
        "{x} is none of the values that {k} may have",
        "{k} takes one of a few values and {x} is not among them",
        "the list of values for {k} has no {x}",
        "the tool knows no {k} called {x}",
    ),
    "unread": (
        "{x} stood nowhere in what the run had read",
        "nothing read before had shown {x}",
        "neither the request nor any answer before had {x}",
        "no text up to there names {x}",
        "{x} was in no answer and not in the request",
    ),
    "same_call": (
        "it had been made {n} before with the same answer",
        "{n} before, the same call had brought the same answer",
        "the run had done just that {n} before and read the same",
        "it repeats what was done {n} before, and so does the answer",
        "its answer was known word for word from {n} before",
    ),
    "nothing_moved": (
        "the step just before was the same and was answered alike",
        "two equal calls in a row were answered in equal words",
        "the answer did not change from one call to the next",
        "right after the same call it showed nothing new",
    ),
    "also_gives": (
        "the call that went through {later} also gives {k} {y}",
        "{later} the run gave {k} {y} too, and it went through",
        "it took {k} {y}, as the call that went through {later} shows",
        "what went through {later} had {k} {y} as well",
    ),
    "in_place": (
        "the call that went through {later} has {k} {y} in place of {x}",
        "{later} the run put {y} where {x} stood, and it went through",
        "it was {k} {y} that went through {later}, not {x}",
        "with {y} instead of {x} the same tool went through {later}",
        "{k} had to be {y}, as the run found {later}, and not {x}",
    ),
    "went_through": (
        "{cg} went through {later}",
        "{later} came {cg}, and it did not fail",
        "the run got on by {cg} {later}",
        "what did not fail was {cg}, {later}",
    ),
    "request_names": (
        "the request says “{q}”, so {y} was known",
        "{y} stands in the request: “{q}”",
        "“{q}” is how the request names {y}",
        "the request had named {y} with “{q}”",
    ),
    "had_come": (
        "{y} had come with the answer to {lg}, {n} before",
        "the answer to {lg} had held {y} {n} before",
        "{n} before, {lg} had brought {y}",
        "{y} could be read in the answer to {lg}, {n} before",
    ),
    "got_past": (
        "{jg} had failed {n} before and this went through",
        "it went through where {jg} had failed {n} before",
        "{n} before, {jg} was refused, and this was not",
        "after the failure of {jg} it was the call that worked",
    ),
    "also_gives_now": (
        "it gives {k} {y}, which the failed call had left out",
        "the call that failed had no {k} and this one gives {y}",
        "what was missing from the failed call was {k}, here {y}",
        "{k} {y} is what it adds to the call that failed",
    ),
    "in_place_now": (
        "it has {k} {y} where the failed call had {x}",
        "{y} stands in it in place of {x}, with which the call had failed",
        "{x} had failed as {k} and {y} did not",
        "the failed call said {x} and this one says {y}",
    ),
    "had_come_now": (
        "{y} had been read in the answer to {lg} before the call failed",
        "the answer to {lg} held {y} all along",
        "{y} is what {lg} had brought before",
        "it takes {y} from the answer to {lg}",
    ),
    "was_read": (
        "{x} had come with the answer to {lg}, {n} before",
        "the answer to {lg} had held {x} {n} before",
        "{x} could be read in the answer to {lg}, {n} before",
        "it passes on {x}, which {lg} had brought {n} before",
        "{n} before, {lg} had been answered with {x} in it",
    ),
    "not_asked": (
        "the request itself does not name {x}",
        "{x} is nowhere in the words of the request",
        "the request gives no {x}, so it had to be looked up",
        "nobody had named {x} in the request",
    ),
    "asked_with": (
        "the request says “{q}”",
        "it takes {x} from the request, which says “{q}”",
        "“{q}” is what was asked, and {x} comes from there",
        "the words of the request are “{q}”",
        "{x} is the request's own word: “{q}”",
    ),
    "before_change": (
        "{jg}, the first change of the run, came {later}",
        "{later} came {jg}, and nothing had been changed before",
        "the run looked here and went on to {jg} {later}",
        "nothing was changed until {jg} came {later}",
    ),
    "gave": (
        "its answer brought {y}, which {jg} used {later}",
        "{jg} took {y} from its answer {later}",
        "{y} was first read in its answer, and {later} came {jg}",
        "without its answer the run had not read {y}, which {jg} used {later}",
    ),
}


def sentences(reasons: Sequence[Reason], seed: tuple[str, ...]) -> list[str]:
    """A sentence for each reason, in their order: the seed's hash picks it among those of the reason's kind."""
    return [picked_by_hash(WORDINGS[one.kind], *seed, one.kind).format(**dict(one.slots)) for one in reasons]
