"""Text on its way out: what untrusted text may contain, how it is shown, tables for a terminal."""
