"""Trajectory to Reflection to Candidate: prompts, rules that find faults, parsing, rendering."""
