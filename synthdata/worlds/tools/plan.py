"""The shortest way from a state of the desk to the goal, by comparing its rows with those of the goal.

What differs says which write mends it; what no tool can undo (a booking cancelled, money paid, a row too many) leaves
no way. Each argument of a write must have been seen, so a look-up that shows it stands before it.
tests/test_worlds_tools.py holds the lengths against a brute-force search.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from synthdata.worlds.environment import Action
from synthdata.worlds.tools import BY_NAME
from synthdata.worlds.tools.calls import ToolError, carry_out
from synthdata.worlds.tools.database import dump
from synthdata.worlds.tools.task import Task

Rows = Mapping[str, Mapping[tuple[object, ...], tuple[object, ...]]]
# No task needs as many; it bounds the search where writes undo each other.
MOST_WRITES = 12
_LOOKUPS = {"B": "list_bookings", "O": "list_orders", "T": "list_tickets"}
_TABLES = {"B": "booking", "O": "purchase", "T": "ticket"}


@dataclass(frozen=True)
class Planner:
    """Plans for one task whose goal state is `goal`."""

    task: Task
    goal: Rows

    def plan(self, db: sqlite3.Connection, known: str) -> tuple[Action, ...] | None:
        """Writes, the look-ups that they need, and the end; None where there is no way. The database stays as it is.

        `known` is all that the agent has read so far.
        """
        db.execute("SAVEPOINT planning")
        try:
            writes = self._writes(db)
            if writes is None:
                return None
            db.execute("ROLLBACK TO planning")
            return (*self._with_lookups(db, writes, known), self.ending)
        finally:
            db.execute("ROLLBACK TO planning")
            db.execute("RELEASE planning")

    @property
    def ending(self) -> Action:
        """How a proper run ends."""
        return Action.of("finish", outcome="declined" if self.task.rule else "done", rule=self.task.rule)

    def _writes(self, db: sqlite3.Connection) -> list[Action] | None:
        """Carries them out as it finds them."""
        writes: list[Action] = []
        while len(writes) <= MOST_WRITES:
            now = dump(db)
            if now == self.goal:
                return writes
            wanted = _mending(now, self.goal)
            if wanted is None:
                return None
            done = next((action for action in wanted if _works(db, action)), None)
            if done is None:
                return None
            writes.append(done)
        return None

    def _with_lookups(self, db: sqlite3.Connection, writes: list[Action], known: str) -> Iterator[Action]:
        for name in self.task.needs:
            for lookup in _lookups(db, name, known):
                known += carry_out(db, BY_NAME[lookup.name], lookup.values)
                yield lookup
        for write in writes:
            names = [str(value) for key, value in write.values.items() if key.endswith("_id")]
            if write.name == "place_order":
                # Its warehouse is chosen by what it holds.
                names.append(_stock_answer(write.values["product_id"]))
            for name in names:
                for lookup in _lookups(db, name, known):
                    known += carry_out(db, BY_NAME[lookup.name], lookup.values)
                    yield lookup
            known += carry_out(db, BY_NAME[write.name], write.values)
            yield write


def _stock_answer(product: object) -> str:
    """How the answer of `check_stock` begins: where this was read, the product's stock is known."""
    return f'{{"product_id":"{product}","stock":'


def _lookups(db: sqlite3.Connection, name: str, known: str) -> Iterator[Action]:
    """The calls, in order, after which the identifier has been seen."""
    if name in known:
        return
    if name[0] == "{":
        yield Action.of("check_stock", product_id=name.split('"')[3])
    elif name[0] == "C":
        (email,) = db.execute("SELECT email FROM customer WHERE id = ?", (name,)).fetchone()
        yield Action.of("find_customer", email=email)
    elif name[0] == "R":
        (place,) = db.execute("SELECT place FROM trip WHERE id = ?", (name,)).fetchone()
        yield Action.of("search_trips", place=place)
    elif name[0] == "P":
        (title,) = db.execute("SELECT name FROM product WHERE id = ?", (name,)).fetchone()
        yield Action.of("find_product", name=title)
    elif name[0] in _LOOKUPS:
        (owner,) = db.execute(f"SELECT customer FROM {_TABLES[name[0]]} WHERE id = ?", (name,)).fetchone()
        yield from _lookups(db, owner, known)
        yield Action.of(_LOOKUPS[name[0]], customer_id=owner)


def _works(db: sqlite3.Connection, action: Action) -> bool:
    try:
        carry_out(db, BY_NAME[action.name], action.values)
    except ToolError:
        return False
    return True


def _mending(now: Rows, goal: Rows) -> list[Action] | None:
    """Writes that bring the rows nearer to the goal, None where a difference cannot be mended."""
    actions: list[Action] = []
    for table, mend in _MENDERS.items():
        if set(now[table]) - set(goal[table]):
            return None
        for key, row in goal[table].items():
            if now[table].get(key) != row:
                mending = mend(now[table].get(key), row)
                if mending is None:
                    return None
                actions.append(mending)
    # Orders move stock too, so stock is looked at when all else is right.
    return actions or _stock_moves(now, goal)


def _customer(now: tuple[object, ...] | None, row: tuple[object, ...]) -> Action | None:
    return None if now is None else Action.of("update_email", customer_id=row[0], email=row[2])


def _booking(now: tuple[object, ...] | None, row: tuple[object, ...]) -> Action | None:
    name, customer, trip, seats, fare, status, _ = row
    if now is None:
        return Action.of("book_trip", customer_id=customer, trip_id=trip, seats=seats, fare=fare)
    if now[5] != "active" or (now[1], now[4]) != (customer, fare):
        return None
    if now[2] != trip:
        return Action.of("move_booking", booking_id=name, trip_id=trip)
    if now[3] != seats:
        return Action.of("change_seats", booking_id=name, seats=seats)
    return Action.of("cancel_booking", booking_id=name) if status == "cancelled" else None


def _ticket(now: tuple[object, ...] | None, row: tuple[object, ...]) -> Action | None:
    name, customer, topic, team, priority, status, _ = row
    if now is None:
        return Action.of("create_ticket", customer_id=customer, topic=topic, priority=priority)
    if (now[1], now[2]) != (customer, topic) or (team == "" and now[3] != ""):
        return None
    if now[3:5] == (team, priority):
        return Action.of("reopen_ticket" if status == "open" else "close_ticket", ticket_id=name)
    if now[5] == "closed":
        return Action.of("reopen_ticket", ticket_id=name)
    if now[3] != team:
        return Action.of("assign_ticket", ticket_id=name, team=team)
    return Action.of("set_priority", ticket_id=name, priority=priority)


def _purchase(now: tuple[object, ...] | None, row: tuple[object, ...]) -> Action | None:
    name, customer, product, warehouse, quantity, status, _, _, refunded, _ = row
    if now is None:
        order = {"customer_id": customer, "product_id": product, "warehouse": warehouse, "quantity": quantity}
        return Action.of("place_order", **order)
    if now[1:5] != row[1:5]:
        return None
    if now[8] != refunded:
        missing = int(str(refunded)) - int(str(now[8]))
        return Action.of("refund", order_id=name, amount=missing) if missing > 0 else None
    return Action.of("cancel_order", order_id=name) if status == "cancelled" else None


def _never(now: tuple[object, ...] | None, row: tuple[object, ...]) -> Action | None:
    """Rows that no tool changes."""
    return None


_MENDERS = {
    "customer": _customer, "trip": _never, "booking": _booking, "ticket": _ticket, "product": _never,
    "purchase": _purchase, "email": _never,
}  # fmt: skip


def _stock_moves(now: Rows, goal: Rows) -> list[Action] | None:
    short: list[tuple[str, str, int]] = []
    for (product, warehouse), row in goal["stock"].items():
        missing = int(str(row[2])) - int(str(now["stock"][product, warehouse][2]))
        if missing > 0:
            short.append((str(product), str(warehouse), missing))
    other = {"north": "south", "south": "north"}
    return [
        Action.of("move_stock", product_id=product, source=other[warehouse], target=warehouse, quantity=missing)
        for product, warehouse, missing in short
    ] or None
