"""From files to records: agent logs to `Trajectory`, files of candidates to `Candidate`.

Logs: one file a format, each with `sniff` and `read`; `reading` asks them in order. Data sets: `dataset`, every shape.
docs/formats.md says what can be read.
"""

from __future__ import annotations

from synthdata.sources.dataset import Reading, read_candidates
from synthdata.sources.kinds import sniff_kind
from synthdata.sources.labels import read_labels
from synthdata.sources.listing import list_runs
from synthdata.sources.mapping import ColumnMap, parse_map
from synthdata.sources.reading import read_trajectories

__all__ = [
    "ColumnMap",
    "Reading",
    "list_runs",
    "parse_map",
    "read_candidates",
    "read_labels",
    "read_trajectories",
    "sniff_kind",
]
