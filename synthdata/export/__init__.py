"""Admitted rows to files that trainers read, with a manifest."""
