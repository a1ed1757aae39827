"""Messages in their order as turns and answers, and these folded into steps.

Pieces and later states of one message, and what the model gave in one go, are one turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synthdata.records import Step
from synthdata.sources.fields import as_list, as_object
from synthdata.sources.items import ItemFold
from synthdata.sources.message_calls import is_spelled
from synthdata.sources.messages import is_item, plain_turn, turns_of, unwrapped
from synthdata.sources.parts import Answer
from synthdata.sources.steps import Draft, Fold, close, heard_back


def steps_from(messages: object) -> tuple[Step, ...]:
    """Fold messages into steps, losing none.

    Raises:
        RowError: a message of unknown role, a call without a name, a field of the wrong type.
    """
    return close(heard_back(drafts_from(messages)))


def drafts_from(messages: object) -> list[Draft]:
    """As `steps_from`, before user turns are taken for what came back and the steps are numbered."""
    reader = TurnReader()
    turns: list[Draft | Answer] = []
    for number, value in enumerate(as_list(messages, "messages")):
        turns += reader.add(value, f"messages[{number}]")
    return folded(turns)


class TurnReader:
    """Messages and items one by one, as turns and answers; items that the model gave in one go join."""

    def __init__(self) -> None:
        self._items = ItemFold()
        #: What the agent said or called last, while nothing came between, and the id of that message.
        self._said: Draft | None = None
        self._said_id: object = None

    def add(self, value: object, where: str) -> list[Draft | Answer]:
        """The turns and answers that one message or item brings; none where it joins an earlier one.

        Raises:
            RowError: it does not say who speaks, a call has no name, a field has the wrong type.
        """
        plain = plain_turn(value, where)
        if plain is not None:
            self._items.end()
            self._said = plain if isinstance(plain, Draft) and plain.role == "agent" else None
            self._said_id = None
            return [plain]
        item = unwrapped(as_object(value, where))
        if is_item(item):
            return self._items.add(item, where)
        turns = turns_of(item, where)
        first = turns[0] if turns else None
        before, self._said = self._said, first if isinstance(first, Draft) and first.role == "agent" else None
        identity, self._said_id = self._said_id, item.get("id")
        again = isinstance(identity, str) and identity == self._said_id and len(turns) == 1
        if before and self._said and again and _goes_on(before, self._said, item):
            self._said = before
            return []
        if before is not None and isinstance(first, Draft) and is_spelled(item) and not (before.unfit or first.unfit):
            # Calls in turns of their own, one after the other, were made at once.
            before.calls += first.calls
            self._said = before
            return []
        if item.get("type") == "message" and isinstance(first, Draft) and first.role == "agent" and len(turns) == 1:
            return self._items.message(first)
        self._items.end()
        return turns


def _goes_on(before: Draft, now: Draft, item: dict[str, Any]) -> bool:
    """Whether a message with the id of the one before is that message in a later state, or its next piece.

    Then the one before becomes what is known of the message now.
    """
    piece = str(item.get("type")).lower() == "aimessagechunk" and not (before.calls or now.calls)
    grew = now.action.startswith(before.action) and now.calls[: len(before.calls)] == before.calls
    if not (piece or grew):
        return False
    if grew:
        before.action, before.thought, before.calls = now.action, now.thought or before.thought, now.calls
        before.media, before.unfit, before.repaired = now.media, now.unfit, now.repaired
    else:
        before.action += now.action
        before.thought += now.thought
        before.media += now.media
    return True


def folded(turns: Iterable[Draft | Answer]) -> list[Draft]:
    """Every answer put to the step that made its call."""
    turns = list(turns)
    named = frozenset([call.call_id for turn in turns if type(turn) is Draft for call in turn.calls if call.call_id])
    fold = Fold(named)
    for turn in turns:
        if isinstance(turn, Draft):
            fold.add(turn)
        else:
            fold.answer(turn)
    return fold.drafts
