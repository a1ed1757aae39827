"""The dataset card: a README that datasets reads for its configs and people read for what the set is worth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl


def write_card(path: Path, frame: pl.DataFrame, facts: Mapping[str, Any], note: str) -> None:
    """Write the card of an export."""
    licences = sorted({licence for licence in frame["licence"] if licence}) or ["unknown"]
    lines = ["---", "configs:", "- config_name: sft", "  default: true", "  data_files:", "  - split: train"]
    lines += ["    path: sft/train-*", "license: other", f"license_name: {json.dumps(', '.join(licences))}"]
    lines += ["tags:", "- synthetic", "- agent", "---", "", "# Curated reflections", ""]
    lines += [
        f"{frame.height} rows admitted over {facts['round']} rounds from {facts['candidates']} candidates "
        f"({_listed(facts['rejected'])}). {note} Judged: {facts['judged']}.",
        "",
        "A row is a chat of two turns: what the lesson is about, and the lesson. `provenance.parquet` holds, row by "
        "row, the run, the generator and the round; `manifest.json` the hashes and versions.",
        "",
        "## Diversity of the admitted rows",
        "",
        "| metric | value |",
        "|---|---|",
    ]
    metrics = facts["metrics"].get("admitted", {})
    lines += [
        f"| {name} | {value:.4g} |"
        for name, value in sorted(metrics.items())
        if value is not None and math.isfinite(value)
    ]
    lines += ["", "## Sources and licences", "", "| source | licence | rows |", "|---|---|---|"]
    counted = frame.group_by("source", "licence").len().sort("source", "licence")
    lines += [
        f"| {_cell(source)} | {_cell(licence) or 'unknown'} | {n} |" for source, licence, n in counted.iter_rows()
    ]
    lines += [
        "",
        "## Limits",
        "",
        "The gate guarantees a diversity floor in the space of one encoder. It does not guarantee that the encoder "
        "sees the diversity that matters, that a lesson is true, or that training on this lowers any loss.",
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def _listed(reasons: Mapping[str, int]) -> str:
    rejected = ", ".join(f"{reason} {n}" for reason, n in reasons.items())
    return f"rejected: {rejected}" if rejected else "none rejected"


def _cell(text: str) -> str:
    """Untrusted text in a Markdown table: no pipes, line breaks or tags."""
    safe = text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return "".join(c if c.isprintable() else " " for c in safe)[:200]
