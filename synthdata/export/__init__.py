"""What a training set looks like: rows of every kind, the files that hold them, the card, the manifest, releases.

Pure but for writing files: which rows there are is gathered in `handoff`.
"""
