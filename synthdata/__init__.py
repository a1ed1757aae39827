"""Turns agent trajectories into training data that does not collapse."""
