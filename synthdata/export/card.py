"""The dataset card: a README that datasets reads for its configs and people read for what the set is worth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthdata.drawing import Drawing, Point, pair_of_histograms, trend
from synthdata.settings import ExportSettings
from synthdata.text.names import metric_name, reason_name
from synthdata.text.redaction import redacted
from synthdata.text.unicode import replace_unprintable

# What each kind is for, and who reads it (docs/export.md).
_USES = {
    "sft": ("`prompt`, `completion`: a good step of a real run, a verified better one, or a plain text", "SFTTrainer"),
    "messages": ("`messages`, assistant turns with `weight` 1 or 0: whole real runs too", "Axolotl, OpenAI-style"),
    "preference": ("`prompt`, `chosen`, `rejected`: a verified better step against the bad one taken", "DPOTrainer"),
    "kto": ("`prompt`, `completion`, `label`: steps that two kinds of source agree on", "KTOTrainer"),
    "stepwise": ("`prompt`, `completions`, `labels`, `scores`: a run cut after each agreed label", "Axolotl"),
    "self_distillation": ("`prompt`, `privileged_context`: what the teacher is told", "TRL's experimental SDFT, SDPO"),
    "lesson": ("`prompt`, `completion`: what the lesson is about, and the lesson", "SFTTrainer"),
}
_TREND, _CELLS = "n2.svg", "cells.svg"
# As many regions as a picture shows, the largest first.
_MOST_CELLS = 60
Splits = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Card:
    """What the card tells: facts of `status`, numbers of the rows written, rows by kind and split, sources, figures."""

    facts: Mapping[str, Any]
    written: Mapping[str, Any]
    rows: Splits
    sources: Sequence[tuple[str, str, str, int]]
    floor: str
    notes: Sequence[str]
    redacted: Mapping[str, int]
    settings: ExportSettings
    figures: Mapping[str, str]


def figures(folder: Path, facts: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, str]:
    """Write the figures that there are numbers for: titles by file name."""
    drawings: list[tuple[str, Drawing | None, str]] = []
    course = [Point(at["round"], **at["n2"]) for at in facts["trend"] if _number(at.get("n2", {}).get("value"))]
    course_note = "The band is where real text of that size lies."
    drawings.append((_TREND, trend("Distinct contents (N2) of what the generator wrote", course), course_note))
    if written["rows"]:
        ours, real = written["cell_shares"], written["real_cell_shares"]
        order = sorted(range(len(real)), key=lambda i: (-real[i], i))[:_MOST_CELLS]
        sides = [ours[i] for i in order], [real[i] for i in order]
        names = [f"cell {i}" for i in order]
        shares = pair_of_histograms("Shares of the regions of experience", range(len(order) + 1), *sides, names)
        drawings.append((_CELLS, shares, "Bars: rows written. Line: real data. Largest region first."))
    for name, drawing, note in drawings:
        if drawing is not None:
            (folder / name).write_text(drawing.alone(note), encoding="utf-8")
    return {name: drawing.title for name, drawing, _ in drawings if drawing is not None}


def write_card(path: Path, card: Card) -> None:
    """Write the card of an export."""
    lines = [*_front_matter(card), "", "# Curated experience of an agent", "", *_made(card)]
    lines += ["", "## Kinds of row", "", "| config | rows | columns | read by |", "|---|---|---|---|"]
    for kind, splits in card.rows.items():
        counts = ", ".join(f"{split} {n}" for split, n in splits.items())
        lines.append(f"| `{kind}` | {counts} | {_USES[kind][0]} | {_USES[kind][1]} |")
    lines += [
        "",
        "Splits are by task, never by row; tasks that calibration set aside are in `test`. A bad step is never a "
        "completion: in `messages` it has weight 0. `provenance.parquet` says of every row where it comes from; "
        "`manifest.json` holds hashes, versions and the numbers below. The same rows are in `jsonl/` as lines, for "
        "LLaMA-Factory in `llamafactory/`, nanochat in `nanochat/`; `trl/` and `axolotl/` hold configs.",
        "",
        *_diversity(card),
        "",
        "## Sources and licences",
        "",
        "| source | licence | origin | rows, runs or texts |",
        "|---|---|---|---|",
    ]
    lines += [f"| {_cell(s)} | {_cell(lic) or 'unknown'} | {origin} | {n} |" for s, lic, origin, n in card.sources]
    lines += ["", "## Limits", "", *_LIMITS, ""]
    path.write_text("\n".join(lines), encoding="utf-8")


_LIMITS = (
    "The gate guarantees a diversity floor in the space of one encoder. It does not guarantee that the encoder sees "
    "the diversity that matters, that a lesson is true, or that training on this lowers any loss.",
    "",
    "Personal data is found by recognisers, not by a model: a name that no field or phrase introduces stays. Licences "
    "are what the operator said of the sources; nothing checked them.",
)


def _front_matter(card: Card) -> list[str]:
    licences = sorted({licence for _, licence, _, _ in card.sources if licence}) or ["unknown"]
    lines = ["---", "configs:"]
    for number, (kind, splits) in enumerate(card.rows.items()):
        lines += [f"- config_name: {kind}", *(["  default: true"] if number == 0 else []), "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {kind}/{split}-*"]
    lines += ["license: other", f"license_name: {json.dumps(', '.join(licences))}", "task_categories:"]
    return [*lines, "- text-generation", "tags:", "- synthetic", "- agent", "---"]


def _made(card: Card) -> list[str]:
    facts = card.facts
    replaced = ", ".join(f"{kind} {n}" for kind, n in sorted(card.redacted.items())) or "none found"
    privacy = (
        f"Personal data was kept on request; credentials replaced: {replaced}."
        if card.settings.keep_personal_data
        else f"Personal data replaced: {replaced}."
    )
    refused = ", ".join(f"{reason_name(reason)} {n}" for reason, n in facts["rejected"].items()) or "none"
    judged = "No judge has looked at them." if facts["judged"] == "none" else f"Judged by {facts['judged']}."
    lines = [
        f"Texts that a language model wrote about the runs of an agent, or that came as files, {facts['in_corpus']} of "
        f"them admitted by a diversity gate over {facts['round']} rounds from {facts['candidates']} candidates "
        f"(refused: {refused}; unreadable: {facts['quarantined']}), together with real rows: steps of runs that "
        "succeeded, and the reference.",
        "",
        f"{judged} {card.floor} {privacy}",
    ]
    return [*lines, *(f"\n{note[:1].upper()}{note[1:]}." for note in card.notes)]


def _diversity(card: Card) -> list[str]:
    lines = ["## Diversity", "", "| metric | everything admitted | rows written |", "|---|---|---|"]
    admitted, written = card.facts["metrics"].get("admitted", {}), card.written
    own = {name: written[name] for name in ("collision", "n2", "outside", "kl_to_real")} | {"rows": written["rows"]}
    for name in sorted({*admitted, *own}):
        values = [admitted.get(name), own.get(name)]
        if any(_number(value) for value in values):
            lines.append(f"| {metric_name(name)} | {' | '.join(f'{v:.4g}' if _number(v) else '' for v in values)} |")
    for name, title in card.figures.items():
        lines += ["", f"![{title}]({name})"]
    return lines


def _number(value: Any) -> bool:  # noqa: ANN401 - anything that JSON holds
    return isinstance(value, int | float) and math.isfinite(value)


def _cell(text: str) -> str:
    """Untrusted text in a Markdown table: no pipes, line breaks or tags."""
    safe = redacted(text).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return replace_unprintable(safe, " ")[:200]
