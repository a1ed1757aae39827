"""A model that trains on its own output for some rounds, with and without the gate: the collapse experiment.

E1 uses word trigrams on docstrings (minutes), E2 a small transformer on children's stories (hours).
`python -m experiments.collapse` runs what is missing; docs/collapse.md tells what came out.
"""
