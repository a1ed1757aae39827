"""What is done to an open corpus: reflect on logs, to a target, within a budget, reanchor, retract, evict."""
