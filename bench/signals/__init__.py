"""How good the learning signals are: faults found, people agreed with, attacks refused; `bench/signals.py` runs it."""
