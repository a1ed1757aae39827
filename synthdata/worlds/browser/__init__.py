"""Web pages of MiniWoB++ in Debian's Chromium: the agent sees an accessibility snapshot and acts by role and name.

Pages come from the package `miniwob`, by the loopback; nothing else can be reached from the browser. A page's clock
stands still between actions and its dice are seeded, so a prefix of actions brings the same page every time.
"""
