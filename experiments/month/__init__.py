"""A simulated month of rounds: a generator that stays healthy or collapses slowly, its tiles, alarms and loss."""
