"""E3: a world of eight topics, a reference that sees four of them, and what selection does to the other four."""
