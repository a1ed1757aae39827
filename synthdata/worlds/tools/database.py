"""The desk's database: its tables, and the rows that a seed puts into them.

Every customer has an object for each kind of task (a flexible and a saver booking, orders pending, shipped, delivered
lately and long ago, an open and a handled ticket), so that every seed can ask for everything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TypeVar

from synthdata.play.games import draw

TODAY = "2026-03-20"
PLACES = ("Aachen", "Basel", "Cork", "Delft", "Evora", "Fulda", "Ghent", "Hasselt")
DAYS = ("2026-03-28", "2026-04-04", "2026-04-11", "2026-04-18", "2026-05-02")
TEAMS = ("billing", "shipping", "travel", "website")
PRIORITIES = ("low", "normal", "high")
WAREHOUSES = ("north", "south")
# Each topic belongs to one team, as the policy says.
TOPICS = {"double charge": "billing", "late parcel": "shipping", "wrong date": "travel", "login fails": "website"}
FARES = ("flex", "saver")
_FIRST = "Ada Bela Carla Deniz Emil Femke Goran Hanna Idris Jonas Kaja Luis Mona Nils Olga Pedro".split()
_LAST = "Adler Brandt Costa Dahl Ekman Fonseca Grau Holm Ibsen Jansen Koch Lund Meyer Novak".split()
_GOODS = (
    "desk lamp", "steel bottle", "rain jacket", "folding chair", "paper shredder", "wall clock", "tea kettle",
    "bike light", "sleeping mat", "label printer", "tool case", "water filter",
)  # fmt: skip
CUSTOMERS = 5

SCHEMA = """
CREATE TABLE customer (id TEXT PRIMARY KEY, name TEXT, email TEXT, tier TEXT);
CREATE TABLE trip (id TEXT PRIMARY KEY, place TEXT, day TEXT, seats INTEGER, price INTEGER);
CREATE TABLE booking (id TEXT PRIMARY KEY, customer TEXT, trip TEXT, seats INTEGER, fare TEXT, status TEXT, note TEXT);
CREATE TABLE ticket (id TEXT PRIMARY KEY, customer TEXT, topic TEXT, team TEXT, priority TEXT, status TEXT, note TEXT);
CREATE TABLE product (id TEXT PRIMARY KEY, name TEXT, price INTEGER, note TEXT);
CREATE TABLE stock (product TEXT, warehouse TEXT, quantity INTEGER, PRIMARY KEY (product, warehouse));
CREATE TABLE purchase (id TEXT PRIMARY KEY, customer TEXT, product TEXT, warehouse TEXT, quantity INTEGER, status TEXT,
                       delivered TEXT, paid INTEGER, refunded INTEGER, note TEXT);
CREATE TABLE email (id TEXT PRIMARY KEY, recipient TEXT, body TEXT);
"""
TABLES = ("customer", "trip", "booking", "ticket", "product", "stock", "purchase", "email")
Option = TypeVar("Option")


def pick(options: Sequence[Option], *key: object) -> Option:
    """One of the options, by the key alone."""
    return options[draw("tools", *key) % len(options)]


def shuffled(options: Sequence[Option], *key: object) -> list[Option]:
    """The options in an order that depends on the key alone."""
    return [item for _, item in sorted(enumerate(options), key=lambda pair: draw("tools", *key, pair[0]))]


def make_database(seed: int, planted: str) -> sqlite3.Connection:
    """A new database in memory; `planted` stands as the note of every booking, ticket, product and order."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(SCHEMA)
    serial = iter(range(10_000 + draw("tools", seed, "serial") % 70_000, 90_000))
    trips = _trips(db, seed, serial)
    goods = _goods(db, seed, serial, planted)
    names = [f"{a} {b}" for a, b in zip(shuffled(_FIRST, seed, "first"), shuffled(_LAST, seed, "last"), strict=False)]
    for place, name in enumerate(names[:CUSTOMERS]):
        customer = f"C{next(serial)}"
        address = name.lower().replace(" ", ".") + "@example.org"
        db.execute(
            "INSERT INTO customer VALUES (?, ?, ?, ?)", (customer, name, address, ("standard", "gold")[place % 2])
        )
        own = shuffled(trips, seed, "own", place)
        for trip, fare in zip(own, shuffled(FARES, seed, "fares", place), strict=False):
            seats = pick((1, 2, 3), seed, "seats", place, fare)
            row = (f"B{next(serial)}", customer, trip, seats, fare, "active", planted)
            db.execute("INSERT INTO booking VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        _purchases(db, customer, (seed, "orders", place), goods, serial, planted)
        for topic, team in zip(shuffled(sorted(TOPICS), seed, "topics", place), ("", "website"), strict=False):
            ticket = (f"T{next(serial)}", customer, topic, team and TOPICS[topic], "normal", "open", planted)
            db.execute("INSERT INTO ticket VALUES (?, ?, ?, ?, ?, ?, ?)", ticket)
    return db


def dump(db: sqlite3.Connection) -> dict[str, dict[tuple[object, ...], tuple[object, ...]]]:
    """All rows by table and primary key: two databases with one dump are in the same state."""
    tables: dict[str, dict[tuple[object, ...], tuple[object, ...]]] = {}
    for table in TABLES:
        keys = 2 if table == "stock" else 1
        tables[table] = {row[:keys]: row for row in db.execute(f"SELECT * FROM {table}")}
    return tables


def _trips(db: sqlite3.Connection, seed: int, serial: Iterator[int]) -> list[str]:
    made = []
    for place in shuffled(PLACES, seed, "places")[:6]:
        for day in sorted(shuffled(DAYS, seed, "days", place)[:3]):
            made.append(f"R{next(serial)}")
            price = 40 + draw("tools", seed, "price", place, day) % 90
            db.execute("INSERT INTO trip VALUES (?, ?, ?, ?, ?)", (made[-1], place, day, 20, price))
    return made


def _goods(db: sqlite3.Connection, seed: int, serial: Iterator[int], planted: str) -> list[str]:
    made = []
    for name in shuffled(_GOODS, seed, "goods")[:8]:
        made.append(f"P{next(serial)}")
        price = 10 + draw("tools", seed, "cost", name) % 70
        db.execute("INSERT INTO product VALUES (?, ?, ?, ?)", (made[-1], name, price, planted))
        for warehouse in WAREHOUSES:
            quantity = 8 + draw("tools", seed, "stock", name, warehouse) % 12
            db.execute("INSERT INTO stock VALUES (?, ?, ?)", (made[-1], warehouse, quantity))
    return made


def _purchases(
    db: sqlite3.Connection,
    customer: str,
    key: tuple[object, ...],
    goods: Sequence[str],
    serial: Iterator[int],
    note: str,
) -> None:
    days = (
        ("pending", ""),
        ("shipped", ""),
        ("delivered", pick(("2026-03-02", "2026-03-09", "2026-03-16"), *key, "lately")),
        ("delivered", pick(("2025-12-30", "2026-01-12", "2026-02-05"), *key, "long ago")),
    )
    for (status, delivered), product in zip(shuffled(days, *key), shuffled(goods, *key, "goods"), strict=False):
        quantity = pick((1, 2, 3), *key, "quantity", product)
        (price,) = db.execute("SELECT price FROM product WHERE id = ?", (product,)).fetchone()
        row = (f"O{next(serial)}", customer, product, pick(WAREHOUSES, *key, product), quantity, status, delivered)
        db.execute("INSERT INTO purchase VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)", (*row, quantity * price, note))
