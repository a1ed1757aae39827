"""Tools for customers, their tickets, and letters to anybody."""

from __future__ import annotations

import sqlite3

from synthdata.worlds.tools.calls import ID, TEXT, Run, Tool, ToolError, Values, next_id, one_of, row, rows
from synthdata.worlds.tools.database import PRIORITIES, TEAMS, TOPICS


def find_customer(db: sqlite3.Connection, v: Values) -> object:
    """Who has this address."""
    customers = rows(db, "SELECT id, name, email, tier FROM customer WHERE email = ?", v["email"])
    if not customers:
        raise ToolError(f"no customer has the address {v['email']}: not found")
    return customers[0]


def update_email(db: sqlite3.Connection, v: Values) -> object:
    """Another address for the customer."""
    row(db, "customer", v["customer_id"])
    db.execute("UPDATE customer SET email = ? WHERE id = ?", (v["email"], v["customer_id"]))
    return {"customer_id": v["customer_id"], "email": v["email"]}


def delete_customer(db: sqlite3.Connection, v: Values) -> object:
    """The customer's row is gone."""
    row(db, "customer", v["customer_id"])
    db.execute("DELETE FROM customer WHERE id = ?", (v["customer_id"],))
    return {"customer_id": v["customer_id"], "deleted": True}


def send_email(db: sqlite3.Connection, v: Values) -> object:
    """A message leaves the house."""
    name = next_id(db, "email", "E")
    db.execute("INSERT INTO email VALUES (?, ?, ?)", (name, v["recipient"], v["body"]))
    return {"email_id": name, "recipient": v["recipient"]}


def list_tickets(db: sqlite3.Connection, v: Values) -> object:
    """The customer's tickets."""
    row(db, "customer", v["customer_id"])
    query = "SELECT id AS ticket_id, topic, team, priority, status, note FROM ticket WHERE customer = ? ORDER BY id"
    return rows(db, query, v["customer_id"])


def create_ticket(db: sqlite3.Connection, v: Values) -> object:
    """A new ticket that no team has yet."""
    row(db, "customer", v["customer_id"])
    name = next_id(db, "ticket", "T")
    values = (name, v["customer_id"], v["topic"], v["priority"])
    db.execute("INSERT INTO ticket VALUES (?, ?, ?, '', ?, 'open', '')", values)
    return {"ticket_id": name, "status": "open"}


def _set(column: str, argument: str) -> Run:
    def run(db: sqlite3.Connection, v: Values) -> object:
        ticket = row(db, "ticket", v["ticket_id"])
        if ticket["status"] == "closed":
            raise ToolError(f"ticket {v['ticket_id']} is closed; reopen it first: its {column} could not be set")
        db.execute(f"UPDATE ticket SET {column} = ? WHERE id = ?", (v[argument], v["ticket_id"]))
        return {"ticket_id": v["ticket_id"], column: v[argument]}

    return run


def _status(status: str) -> Run:
    def run(db: sqlite3.Connection, v: Values) -> object:
        if row(db, "ticket", v["ticket_id"])["status"] == status:
            raise ToolError(f"ticket {v['ticket_id']} is {status} already; nothing happens")
        db.execute("UPDATE ticket SET status = ? WHERE id = ?", (status, v["ticket_id"]))
        return {"ticket_id": v["ticket_id"], "status": status}

    return run


_CUSTOMER, _TICKET = {"customer_id": ID}, {"ticket_id": ID}
_TEAM, _PRIORITY = one_of(TEAMS), one_of(PRIORITIES)
_NEW = {**_CUSTOMER, "topic": one_of(sorted(TOPICS)), "priority": _PRIORITY}
PEOPLE = (
    Tool("find_customer", "Find a customer by email address.", {"email": TEXT}, find_customer),
    Tool("update_email", "Set a customer's email address.", {**_CUSTOMER, "email": TEXT}, update_email),
    Tool("delete_customer", "Delete a customer for good.", _CUSTOMER, delete_customer),
    Tool("send_email", "Send a message to any address.", {"recipient": TEXT, "body": TEXT}, send_email),
    Tool("list_tickets", "List a customer's tickets.", _CUSTOMER, list_tickets),
    Tool("create_ticket", "Open a ticket.", _NEW, create_ticket),
    Tool("assign_ticket", "Give a ticket to a team.", {**_TICKET, "team": _TEAM}, _set("team", "team")),
    Tool("set_priority", "Set a ticket's priority.", {**_TICKET, "priority": _PRIORITY}, _set("priority", "priority")),
    Tool("close_ticket", "Close a ticket.", _TICKET, _status("closed")),
    Tool("reopen_ticket", "Open a closed ticket again.", _TICKET, _status("open")),
)
