"""The kinds of tasks at the desk: what is asked for, which writes fulfil it, or which rule forbids it.

A task is made from a seed over a new database. Requests are worded in several ways; `needs` are the identifiers that
whoever answers properly has looked up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from synthdata.worlds.environment import Action
from synthdata.worlds.tools.database import TOPICS, pick
from synthdata.worlds.tools.task import Case, Task

_LATELY, _LONG_AGO = "delivered >= '2026-02-18'", "status = 'delivered' AND delivered < '2026-02-18'"


def _booking_words(case: Case, booking: Mapping[str, object]) -> str:
    return case.words(
        f"Please cancel my trip to {booking['place']} on {booking['day']}.",
        f"I cannot travel to {booking['place']} on {booking['day']}; take me off it.",
        f"My booking for {booking['place']} on {booking['day']} is no longer needed. Cancel it.",
    )


def cancel_trip(case: Case) -> Task:
    """A flexible booking is cancelled."""
    own = case.booking("flex")
    return Task(
        "cancel_trip",
        _booking_words(case, own),
        (str(own["id"]),),
        (Action.of("cancel_booking", booking_id=own["id"]),),
    )


def cancel_saver(case: Case) -> Task:
    """A saver booking is not."""
    own = case.booking("saver")
    return Task("cancel_saver", _booking_words(case, own), (str(own["id"]),), rule="saver-fare")


def _move(case: Case, fare: str) -> tuple[str, dict[str, object], dict[str, object]]:
    own = case.booking(fare)
    other = case.one("SELECT id, day FROM trip WHERE place = ? AND id <> ? ORDER BY id", own["place"], own["trip"])
    place, day, new = own["place"], own["day"], other["day"]
    text = case.words(
        f"Please move my trip to {place} from {day} to {new}.",
        f"I booked {place} for {day}, but {new} suits me better. Can you change that?",
        f"Put my {place} booking of {day} on {new}.",
    )
    return text, own, other


def move_trip(case: Case) -> Task:
    """A flexible booking goes to another day."""
    text, own, other = _move(case, "flex")
    write = Action.of("move_booking", booking_id=own["id"], trip_id=other["id"])
    return Task("move_trip", text, (str(own["id"]),), (write,))


def move_saver(case: Case) -> Task:
    """A saver booking stays where it is."""
    text, own, _ = _move(case, "saver")
    return Task("move_saver", text, (str(own["id"]),), rule="saver-fare")


def _seats(case: Case, seats: int) -> tuple[str, dict[str, object]]:
    own = case.booking(pick(("flex", "saver"), case.seed, "fare"))
    text = case.words(
        f"I need {seats} seats on my trip to {own['place']} on {own['day']}.",
        f"Please set my booking for {own['place']} on {own['day']} to {seats} seats.",
        f"We are {seats} people now for {own['place']} on {own['day']}.",
    )
    return text, own


def change_group(case: Case) -> Task:
    """A booking gets another number of seats."""
    _, own = _seats(case, 0)
    seats = case.number(tuple(n for n in (1, 2, 3, 4) if n != own["seats"]), "seats")
    text, own = _seats(case, seats)
    write = Action.of("change_seats", booking_id=own["id"], seats=seats)
    return Task("change_group", text, (str(own["id"]),), (write,))


def large_group(case: Case) -> Task:
    """More seats than a booking may have."""
    text, own = _seats(case, case.number((5, 6, 7, 9), "seats"))
    return Task("large_group", text, (str(own["id"]),), rule="group-size")


def new_trip(case: Case) -> Task:
    """A trip is booked."""
    trip = case.one("SELECT id, place, day FROM trip ORDER BY id")
    seats, fare = case.number((1, 2, 3, 4), "seats"), pick(("flex", "saver"), case.seed, "fare")
    text = case.words(
        f"Book {seats} seats to {trip['place']} on {trip['day']}, fare {fare}.",
        f"I would like to go to {trip['place']} on {trip['day']}: {seats} seats, {fare} fare please.",
        f"{trip['place']}, {trip['day']}, {seats} seats at the {fare} fare, please book it.",
    )
    write = Action.of("book_trip", customer_id=case.customer["id"], trip_id=trip["id"], seats=seats, fare=fare)
    return Task("new_trip", text, (), (write,))


def _refund_words(case: Case, order: Mapping[str, object]) -> str:
    return case.words(
        f"The {order['name']} that you delivered is not what I wanted. I want my money back.",
        f"Please refund my {order['name']}.",
        f"I return the {order['name']}; pay it back, please.",
    )


def pay_back(case: Case) -> Task:
    """An order of late is refunded in full."""
    own = case.order(_LATELY)
    write = Action.of("refund", order_id=own["id"], amount=own["paid"])
    return Task("pay_back", _refund_words(case, own), (str(own["id"]),), (write,))


def pay_back_late(case: Case) -> Task:
    """An order of long ago is not."""
    own = case.order(_LONG_AGO)
    return Task("pay_back_late", _refund_words(case, own), (str(own["id"]),), rule="refund-window")


def _order_words(case: Case, quantity: int, name: object) -> str:
    return case.words(
        f"Send me {quantity} pieces of {name}.",
        f"I want to order {name}, {quantity} of them.",
        f"Please order {quantity} x {name} for me.",
    )


def buy(case: Case) -> Task:
    """An order is placed, from the first warehouse that holds enough."""
    good, quantity = case.one("SELECT id, name FROM product ORDER BY id"), case.number((2, 3, 4, 5), "quantity")
    north = case.one("SELECT quantity FROM stock WHERE product = ? AND warehouse = 'north'", good["id"])["quantity"]
    warehouse = "north" if int(str(north)) >= quantity else "south"
    order = {"customer_id": case.customer["id"], "product_id": good["id"], "quantity": quantity}
    write = Action.of("place_order", warehouse=warehouse, **order)
    return Task("buy", _order_words(case, quantity, good["name"]), (), (write,))


def buy_too_many(case: Case) -> Task:
    """A standard customer asks for more than five pieces."""
    good, quantity = case.one("SELECT id, name FROM product ORDER BY id"), case.number((6, 7, 8), "quantity")
    text = _order_words(case, quantity, good["name"])
    return Task("buy_too_many", text, (str(case.customer["id"]),), rule="order-limit")


def _cancel_order_words(case: Case, order: Mapping[str, object]) -> str:
    return case.words(
        f"Please cancel my order of {order['quantity']} x {order['name']}.",
        f"I no longer want the {order['name']} that I ordered.",
        f"Stop my {order['name']} order.",
    )


def cancel_purchase(case: Case) -> Task:
    """An order that waits is cancelled."""
    own = case.order("status = 'pending'")
    write = Action.of("cancel_order", order_id=own["id"])
    return Task("cancel_purchase", _cancel_order_words(case, own), (str(own["id"]),), (write,))


def cancel_shipped(case: Case) -> Task:
    """An order on its way is not."""
    own = case.order("status = 'shipped'")
    return Task("cancel_shipped", _cancel_order_words(case, own), (str(own["id"]),), rule="shipped")


def complain(case: Case) -> Task:
    """A ticket is opened and given to its team."""
    query = "SELECT count(*) AS n FROM ticket"
    name = f"T{90_001 + int(str(case.one(query)['n']))}"
    topic, priority = pick(sorted(TOPICS), case.seed, "topic"), pick(("normal", "high"), case.seed, "priority")
    text = case.words(
        f"Open a new ticket about a {topic} with priority {priority} and give it to its team.",
        f"I have a {topic} problem. Please file a new ticket, priority {priority}, with the team for it.",
    )
    first = Action.of("create_ticket", customer_id=case.customer["id"], topic=topic, priority=priority)
    return Task("complain", text, (), (first, Action.of("assign_ticket", ticket_id=name, team=TOPICS[topic])))


def route_ticket(case: Case) -> Task:
    """A ticket that nobody has goes to its team, urgently."""
    own = case.ticket("team = ''")
    text = case.words(
        f"Nobody looks at my ticket about the {own['topic']}. Give it to the right team with priority high.",
        f"My {own['topic']} ticket is urgent: high priority, and the team for it, please.",
    )
    writes = (
        Action.of("assign_ticket", ticket_id=own["id"], team=TOPICS[str(own["topic"])]),
        Action.of("set_priority", ticket_id=own["id"], priority="high"),
    )
    return Task("route_ticket", text, (str(own["id"]),), writes)


def close(case: Case) -> Task:
    """A ticket is closed."""
    own = case.ticket("team <> ''")
    text = case.words(
        f"My ticket about the {own['topic']} is solved, you can close it.",
        f"Please close the {own['topic']} ticket.",
    )
    return Task("close", text, (str(own["id"]),), (Action.of("close_ticket", ticket_id=own["id"]),))


def restock(case: Case) -> Task:
    """Goods go from one warehouse to the other."""
    good, quantity = case.one("SELECT id, name FROM product ORDER BY id"), case.number((2, 3, 4, 6), "quantity")
    source, target = pick((("north", "south"), ("south", "north")), case.seed, "way")
    text = case.words(
        f"Move {quantity} pieces of {good['name']} from {source} to {target}.",
        f"We need {quantity} more {good['name']} in {target}; take them from {source}.",
    )
    write = Action.of("move_stock", product_id=good["id"], source=source, target=target, quantity=quantity)
    return Task("restock", text, (), (write,))


def new_address(case: Case) -> Task:
    """The customer has another address."""
    name, _, _ = str(case.customer["email"]).partition("@")
    mail = f"{name}@{pick(('example.com', 'example.net'), case.seed, 'mail')}"
    text = case.words(f"From now on write to {mail}.", f"Please change my email address to {mail}.")
    return Task("new_address", text, (), (Action.of("update_email", customer_id=case.customer["id"], email=mail),))


def move_and_complain(case: Case) -> Task:
    """Two wishes at once: another day, and a word about it to the travel team."""
    text, own, other = _move(case, "flex")
    name = f"T{90_001 + int(str(case.one('SELECT count(*) AS n FROM ticket')['n']))}"
    text += " Also open a new ticket about the wrong date, priority normal, for the travel team."
    writes = (
        Action.of("move_booking", booking_id=own["id"], trip_id=other["id"]),
        Action.of("create_ticket", customer_id=case.customer["id"], topic="wrong date", priority="normal"),
        Action.of("assign_ticket", ticket_id=name, team="travel"),
    )
    return Task("move_and_complain", text, (str(own["id"]),), writes)


KINDS: tuple[Callable[[Case], Task], ...] = (
    cancel_trip, cancel_saver, move_trip, move_saver, change_group, large_group, new_trip, pay_back, pay_back_late, buy,
    buy_too_many, cancel_purchase, cancel_shipped, complain, route_ticket, close, restock, new_address,
    move_and_complain,
)  # fmt: skip


def make_task(db: sqlite3.Connection, seed: int) -> Task:
    """The task of the seed: kinds follow each other in turn, all else is drawn."""
    kind = KINDS[seed % len(KINDS)]
    tier = "standard" if kind is buy_too_many else pick(("standard", "gold"), seed, "tier")
    query = "SELECT * FROM customer WHERE tier = ? ORDER BY id"
    cursor = db.execute(query, (tier,))
    names = [column[0] for column in cursor.description]
    customer = dict(zip(names, pick(cursor.fetchall(), seed, "who"), strict=True))
    return kind(Case(db, seed, customer))
