"""How good the learning signals are: faults found, people agreed with, attacks refused.

`python -m experiments.signals` runs it.
"""
