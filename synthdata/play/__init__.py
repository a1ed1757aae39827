"""Making and playing text games, so that there are real trajectories to learn from, offline.

Games come from TextWorld (the `textworld` extra), which is imported only when a game is made or played. What is
recorded leaves this room as ATIF documents; reading them back is the business of `sources`.
"""
