"""From files to records: agent logs to `Trajectory`, files of candidates to `Candidate`.

One file a format, each with `sniff` and `read`; `reading` asks them in order. docs/formats.md says what can be read.
"""

from __future__ import annotations

from synthdata.sources.labels import read_labels
from synthdata.sources.reading import read_candidates, read_trajectories, sniff_kind

__all__ = ["read_candidates", "read_labels", "read_trajectories", "sniff_kind"]
