"""Tools for trips and their bookings."""

from __future__ import annotations

import sqlite3
from typing import Any

from synthdata.worlds.tools.calls import ID, NUMBER, Tool, ToolError, Values, next_id, one_of, row, rows
from synthdata.worlds.tools.database import FARES, PLACES


def seats_left(db: sqlite3.Connection, trip: str) -> int:
    """Seats of the trip that no active booking holds."""
    query = "SELECT coalesce(sum(seats), 0) FROM booking WHERE trip = ? AND status = 'active'"
    (taken,) = db.execute(query, (trip,)).fetchone()
    return int(row(db, "trip", trip)["seats"]) - int(taken)


def _room(db: sqlite3.Connection, trip: str, seats: int) -> None:
    if seats_left(db, trip) < seats:
        raise ToolError(f"trip {trip} has only {seats_left(db, trip)} seats left")


def _active(db: sqlite3.Connection, name: object) -> dict[str, Any]:
    booking = row(db, "booking", name)
    if booking["status"] != "active":
        raise ToolError(f"booking {name} is {booking['status']}")
    return booking


def list_bookings(db: sqlite3.Connection, v: Values) -> object:
    """The customer's bookings with place and day."""
    row(db, "customer", v["customer_id"])
    query = (
        "SELECT b.id AS booking_id, trip AS trip_id, place, day, b.seats, fare, status, note FROM booking b "
        "JOIN trip t ON t.id = b.trip WHERE customer = ? ORDER BY b.id"
    )
    return rows(db, query, v["customer_id"])


def search_trips(db: sqlite3.Connection, v: Values) -> object:
    """All trips to the place."""
    trips = rows(db, "SELECT id AS trip_id, place, day, price FROM trip WHERE place = ? ORDER BY day", v["place"])
    return [{**trip, "seats_left": seats_left(db, str(trip["trip_id"]))} for trip in trips]


def book_trip(db: sqlite3.Connection, v: Values) -> object:
    """A new booking."""
    row(db, "customer", v["customer_id"])
    _room(db, v["trip_id"], v["seats"])
    name = next_id(db, "booking", "B")
    values = (name, v["customer_id"], v["trip_id"], v["seats"], v["fare"])
    db.execute("INSERT INTO booking VALUES (?, ?, ?, ?, ?, 'active', '')", values)
    return {"booking_id": name, "status": "active"}


def move_booking(db: sqlite3.Connection, v: Values) -> object:
    """The booking on another trip."""
    booking = _active(db, v["booking_id"])
    if booking["trip"] == v["trip_id"]:
        raise ToolError(f"booking {v['booking_id']} is on trip {v['trip_id']} already; nothing happens")
    _room(db, v["trip_id"], booking["seats"])
    db.execute("UPDATE booking SET trip = ? WHERE id = ?", (v["trip_id"], v["booking_id"]))
    return {"booking_id": v["booking_id"], "trip_id": v["trip_id"]}


def change_seats(db: sqlite3.Connection, v: Values) -> object:
    """The booking with another number of seats."""
    booking = _active(db, v["booking_id"])
    _room(db, booking["trip"], v["seats"] - booking["seats"])
    db.execute("UPDATE booking SET seats = ? WHERE id = ?", (v["seats"], v["booking_id"]))
    return {"booking_id": v["booking_id"], "seats": v["seats"]}


def cancel_booking(db: sqlite3.Connection, v: Values) -> object:
    """The booking ends; nothing brings it back."""
    _active(db, v["booking_id"])
    db.execute("UPDATE booking SET status = 'cancelled' WHERE id = ?", (v["booking_id"],))
    return {"booking_id": v["booking_id"], "status": "cancelled"}


_BOOKING, _SEATS = {"booking_id": ID}, {"seats": NUMBER}
_BOOK = {"customer_id": ID, "trip_id": ID, **_SEATS, "fare": one_of(FARES)}
TRAVEL = (
    Tool("list_bookings", "List a customer's trip bookings.", {"customer_id": ID}, list_bookings),
    Tool("search_trips", "List the trips to a place.", {"place": one_of(PLACES)}, search_trips),
    Tool("book_trip", "Book a trip.", _BOOK, book_trip),
    Tool("move_booking", "Move a booking to another trip.", {**_BOOKING, "trip_id": ID}, move_booking),
    Tool("change_seats", "Set the number of seats of a booking.", {**_BOOKING, **_SEATS}, change_seats),
    Tool("cancel_booking", "Cancel a booking for good.", _BOOKING, cancel_booking),
)
