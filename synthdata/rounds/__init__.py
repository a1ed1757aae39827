"""One round: its steps in order, deciding against the store, budget, judges, steering, replay."""
