"""Diversity metrics: pure functions, arrays in, floats out; no I/O, no polars."""
