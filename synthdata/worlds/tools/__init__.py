"""A small company's desk as JSON-schema tools over SQLite: trips, orders, stock and tickets, and a written policy."""

from synthdata.worlds.tools.shop import SHOP
from synthdata.worlds.tools.tickets import PEOPLE
from synthdata.worlds.tools.travel import TRAVEL

TOOLS = (*PEOPLE, *TRAVEL, *SHOP)
BY_NAME = {tool.name: tool for tool in TOOLS}
