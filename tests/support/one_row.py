"""A file of one row, read as a chat or as a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from synthdata.records import Candidate, Chat, Origin, Trajectory
from synthdata.sources import read_trajectories
from synthdata.sources.dataset import read_candidates


def chat_of(path: Path, row: dict[str, Any]) -> Chat:
    """The chat of a row that must be a sample."""
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (found,) = read_candidates(path, origin=Origin.SYNTHETIC)
    assert isinstance(found, Candidate), found
    return Chat.from_json(found.chat)


def run_of(path: Path, row: dict[str, Any]) -> Trajectory:
    """The one run of a row."""
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (found,) = read_trajectories(path, origin=Origin.REAL)
    assert isinstance(found, Trajectory), found
    return found
