"""The verb `label`: human verdicts on steps in, and which labels of the corpus' steps two kinds of source agree on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from synthdata.cli.options import AsJson, CorpusPath
from synthdata.text.terminal import emit_json, left_out, say, table


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(label)


def label(
    corpus: CorpusPath,
    file: Annotated[
        Path | None,
        typer.Argument(help='Human verdicts, JSONL: {"trajectory_id", "step", "label": good, neutral or bad, "by"}.'),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take in people's verdicts on steps.

    Then counts the steps by label, and those that may be rewarded.

    A label may be rewarded only where two kinds of source (rules, judges, replay, people) agree and none objects.
    """
    from dataclasses import asdict

    from synthdata.corpus import CorpusStore
    from synthdata.labelling import agreed_label
    from synthdata.labelling.opinions import step_labels, take_labels
    from synthdata.settings import Settings

    store = CorpusStore.open(corpus)
    runtime = Settings.from_dict(store.settings, where=str(corpus)).runtime
    taken = take_labels(store, file, runtime) if file is not None else None
    labels: Counter[str] = Counter()
    agreed: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    runs = 0
    for _, reviews in step_labels(store):
        runs += 1
        labels.update(review.label for review in reviews)
        agreed.update(agreed_label(review) for review in reviews)
        kinds.update({source.kind for review in reviews for source in review.sources})
    quarantined = [asdict(row) for row in taken.quarantined] if taken else []
    counts = {"labels": len(taken.labels) if taken else 0, "new": bool(taken and taken.new), "quarantined": quarantined}
    if as_json:
        emit_json(counts | {"runs": runs, "steps": labels, "agreed": agreed, "kinds": kinds})
        return
    if taken is not None:
        again = "" if taken.new else "; the corpus had them already"
        say(f"{len(taken.labels)} labels taken, {len(quarantined)} rows quarantined{again}")
        left_out(taken.quarantined)
    # What nobody agreed on is no agreement about "unknown".
    rows = [(name, labels[name], agreed[name]) for name in ("good", "neutral", "bad")]
    rows.append(("unknown", labels["unknown"], 0))
    table(f"steps of {runs} runs that a review or a person speaks of", ["label", "steps", "agreed by two kinds"], rows)
    say("Runs by kind of source: " + (", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items())) or "none"))
