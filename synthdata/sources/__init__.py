"""Readers of agent logs and candidate files; nothing here decides, everything unreadable is quarantined."""
