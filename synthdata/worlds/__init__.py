"""Worlds that an agent acts in, one protocol for all: text games, tools over a database.

An episode is played under a guard that refuses what its policy forbids, with a bounded recovery loop, and leaves the
room as an ATIF document. Replaying a recorded run gives its step labels. A world is made from a seed and nothing else.
"""
