"""Tools for products, stock and orders."""

from __future__ import annotations

import sqlite3

from synthdata.worlds.tools.calls import ID, NUMBER, TEXT, Tool, ToolError, Values, next_id, one_of, row, rows
from synthdata.worlds.tools.database import WAREHOUSES


def find_product(db: sqlite3.Connection, v: Values) -> object:
    """The product of this name."""
    products = rows(db, "SELECT id AS product_id, name, price, note FROM product WHERE name = ?", v["name"])
    if not products:
        raise ToolError(f"no product is called {v['name']}: not found")
    return products[0]


def check_stock(db: sqlite3.Connection, v: Values) -> object:
    """What each warehouse holds."""
    row(db, "product", v["product_id"])
    query = "SELECT warehouse, quantity FROM stock WHERE product = ? ORDER BY warehouse"
    return {"product_id": v["product_id"], "stock": rows(db, query, v["product_id"])}


def _take(db: sqlite3.Connection, product: str, warehouse: str, quantity: int) -> None:
    row(db, "product", product)
    query = "SELECT quantity FROM stock WHERE product = ? AND warehouse = ?"
    (held,) = db.execute(query, (product, warehouse)).fetchone()
    if held < quantity:
        raise ToolError(f"warehouse {warehouse} holds only {held} of {product}; could not take {quantity}")
    _put(db, product, warehouse, -quantity)


def _put(db: sqlite3.Connection, product: str, warehouse: str, quantity: int) -> None:
    query = "UPDATE stock SET quantity = quantity + ? WHERE product = ? AND warehouse = ?"
    db.execute(query, (quantity, product, warehouse))


def move_stock(db: sqlite3.Connection, v: Values) -> object:
    """Goods from one warehouse to the other."""
    if v["source"] == v["target"]:
        raise ToolError("source and target are the same warehouse; nothing happens")
    _take(db, v["product_id"], v["source"], v["quantity"])
    _put(db, v["product_id"], v["target"], v["quantity"])
    return {"product_id": v["product_id"], "moved": v["quantity"], "target": v["target"]}


def list_orders(db: sqlite3.Connection, v: Values) -> object:
    """The customer's orders."""
    row(db, "customer", v["customer_id"])
    query = (
        "SELECT o.id AS order_id, product AS product_id, name AS product, quantity, warehouse, status, delivered, "
        "paid, refunded, o.note FROM purchase o JOIN product p ON p.id = o.product WHERE customer = ? ORDER BY o.id"
    )
    return rows(db, query, v["customer_id"])


def place_order(db: sqlite3.Connection, v: Values) -> object:
    """A new order out of a warehouse."""
    row(db, "customer", v["customer_id"])
    _take(db, v["product_id"], v["warehouse"], v["quantity"])
    paid = v["quantity"] * row(db, "product", v["product_id"])["price"]
    name = next_id(db, "purchase", "O")
    values = (name, v["customer_id"], v["product_id"], v["warehouse"], v["quantity"], paid)
    db.execute("INSERT INTO purchase VALUES (?, ?, ?, ?, ?, 'pending', '', ?, 0, '')", values)
    return {"order_id": name, "paid": paid, "status": "pending"}


def cancel_order(db: sqlite3.Connection, v: Values) -> object:
    """The order ends and its goods go back; nothing brings it back."""
    order = row(db, "purchase", v["order_id"])
    if order["status"] not in ("pending", "shipped"):
        raise ToolError(f"order {v['order_id']} is {order['status']}; it could not be cancelled")
    db.execute("UPDATE purchase SET status = 'cancelled' WHERE id = ?", (v["order_id"],))
    _put(db, order["product"], order["warehouse"], order["quantity"])
    return {"order_id": v["order_id"], "status": "cancelled"}


def refund(db: sqlite3.Connection, v: Values) -> object:
    """Money back for an order; nothing brings it back."""
    order = row(db, "purchase", v["order_id"])
    if order["refunded"] + v["amount"] > order["paid"]:
        raise ToolError(f"order {v['order_id']} was paid with {order['paid']}; could not refund {v['amount']} more")
    db.execute("UPDATE purchase SET refunded = refunded + ? WHERE id = ?", (v["amount"], v["order_id"]))
    return {"order_id": v["order_id"], "refunded": order["refunded"] + v["amount"]}


_PRODUCT, _ORDER, _QUANTITY = {"product_id": ID}, {"order_id": ID}, {"quantity": NUMBER}
_WAREHOUSE = one_of(WAREHOUSES)
_MOVE = {**_PRODUCT, "source": _WAREHOUSE, "target": _WAREHOUSE, **_QUANTITY}
_PLACE = {"customer_id": ID, **_PRODUCT, "warehouse": _WAREHOUSE, **_QUANTITY}
SHOP = (
    Tool("find_product", "Find a product by its name.", {"name": TEXT}, find_product),
    Tool("check_stock", "How many pieces each warehouse holds.", _PRODUCT, check_stock),
    Tool("move_stock", "Move pieces from one warehouse to another.", _MOVE, move_stock),
    Tool("list_orders", "List a customer's orders.", {"customer_id": ID}, list_orders),
    Tool("place_order", "Order pieces of a product for a customer.", _PLACE, place_order),
    Tool("cancel_order", "Cancel an order for good.", _ORDER, cancel_order),
    Tool("refund", "Pay money back for an order, for good.", {**_ORDER, "amount": NUMBER}, refund),
)
