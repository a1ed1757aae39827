"""A task at the desk: the rules it stands under, and what a seed draws its request from."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from synthdata.worlds.environment import Action
from synthdata.worlds.tools.database import TODAY, pick

RULES = f"""You work at the desk of a small company. Today is {TODAY}.
Do what the customer asks, no more, if the rules allow it.
saver-fare: bookings of fare saver are never cancelled or moved.
group-size: a booking has at most 4 seats.
refund-window: orders are refunded in full, within 30 days of their delivery.
order-limit: an order of a standard customer has at most 5 pieces.
shipped: an order that was shipped is not cancelled.
teams: double charge goes to billing, late parcel to shipping, wrong date to travel, login fails to website.
stock: an order is taken from a warehouse that holds enough, north before south.
End with finish: outcome done, or outcome declined and the name of the rule that forbids the request."""


@dataclass(frozen=True, slots=True)
class Task:
    """A request. Either `writes` fulfil it, in this order, or `rule` names what forbids it."""

    kind: str
    request: str
    needs: tuple[str, ...]
    writes: tuple[Action, ...] = ()
    rule: str = ""


@dataclass(frozen=True)
class Case:
    """Who asks, in which database, with which seed."""

    db: sqlite3.Connection
    seed: int
    customer: Mapping[str, object]

    def one(self, query: str, *values: object) -> dict[str, object]:
        """The first row of a query as it is drawn by the seed; there is always one."""
        cursor = self.db.execute(query, values)
        rows = cursor.fetchall()
        names = [column[0] for column in cursor.description]
        return dict(zip(names, pick(rows, self.seed, query), strict=True))

    def words(self, *variants: str) -> str:
        """One of the wordings, with the customer's address before or after it."""
        text = pick(variants, self.seed, "words")
        mail = self.customer["email"]
        frames = ("I am {mail}. {text}", "{text} My address is {mail}.", "Hello, {mail} here. {text} Thank you.")
        return pick(frames, self.seed, "frame").format(mail=mail, text=text)

    def number(self, options: tuple[int, ...], what: str) -> int:
        """A number drawn by the seed."""
        return pick(options, self.seed, what)

    def booking(self, fare: str) -> dict[str, object]:
        """A booking of the customer with its place and day."""
        query = (
            "SELECT b.id, b.trip, b.seats, place, day FROM booking b JOIN trip t ON t.id = b.trip "
            "WHERE customer = ? AND fare = ? ORDER BY b.id"
        )
        return self.one(query, self.customer["id"], fare)

    def order(self, condition: str) -> dict[str, object]:
        """An order of the customer with its product's name."""
        query = (
            "SELECT o.id, o.paid, p.name, o.quantity FROM purchase o JOIN product p ON p.id = o.product "
            f"WHERE customer = ? AND {condition} ORDER BY o.id"
        )
        return self.one(query, self.customer["id"])

    def ticket(self, condition: str) -> dict[str, object]:
        """A ticket of the customer."""
        return self.one(f"SELECT * FROM ticket WHERE customer = ? AND {condition} ORDER BY id", self.customer["id"])
