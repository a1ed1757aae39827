"""A real sleep of the embedded model, and two poisoned ones: does the rule keep what helps and roll back what harms?

Takes a corpus with a release (that of `make demo`) and works on a copy. Poison is written into a copy of the release
after the gate, on purpose: one whose every answer is one of two texts, and one whose answers are shuffled among the
prompts. Each is slept on after the sound one, so that it has something to spoil. Run again it goes on where it stopped.

    python bench/consolidate.py [CORPUS RELEASE WORK_FOLDER]    # demo-corpus, demo-export, bench/results/consolidate
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from report import conditions, table, write_section

from synthdata.api import Corpus
from synthdata.consolidation.sleep import SleepReport, consolidate
from synthdata.export.manifest import file_hashes
from synthdata.settings import TrainingSettings
from synthdata.text.terminal import progress

SETTINGS = TrainingSettings(
    max_steps=12, learning_rate=1e-3, max_tokens=400, heldout_rows=20, games=2, sample_tokens=32
)
FILES = ("sft", "lesson")
Rows = list[dict[str, Any]]
DOCS = Path(__file__).parent.parent / "docs" / "consolidate"


def collapsed(rows: Rows, seed: random.Random) -> Rows:
    """Every answer is one of two that the release holds."""
    two = [row["completion"] for row in seed.sample(rows, 2)]
    return [row | {"completion": seed.choice(two)} for row in rows]


def shuffled(rows: Rows, seed: random.Random) -> Rows:
    """The answers in another order: each is a sound one, to another prompt."""
    answers = [row["completion"] for row in rows]
    seed.shuffle(answers)
    return [row | {"completion": answer} for row, answer in zip(rows, answers, strict=True)]


def poison(corpus: Corpus, release: Path, out: Path, change: Callable[[Rows, random.Random], Rows]) -> str:
    """A changed copy of a release, recorded as one, with hashes that fit and sources of its own; its key."""
    if not out.exists():
        shutil.copytree(release, out)
    for kind in FILES:
        path = out / "jsonl" / f"{kind}.train.jsonl"
        clean = release / "jsonl" / path.name
        rows = [json.loads(line) for line in clean.read_text(encoding="utf-8").splitlines()]
        changed = change(rows, random.Random(0))
        path.write_text("".join(json.dumps(row) + "\n" for row in changed), encoding="utf-8")
    sources = pl.read_parquet(release / "provenance.parquet").with_columns(
        pl.lit(f"{out.name} ").add(pl.col("id")).alias("id")
    )
    sources.write_parquet(out / "provenance.parquet")
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    manifest["release"]["key"] = out.name
    hashes = {name: sha for name, sha in file_hashes(out).items() if name != "manifest.json"}
    manifest["files"] = {name: {"sha256": sha} for name, sha in hashes.items()}
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    payload: dict[str, object] = {"out": str(out), "added": [], "removed": [], "rows": 0, "manifest_sha256": ""}
    with corpus.store.writing():
        corpus.store.append_event("release", out.name, payload, corpus.store.latest_round())
    return out.name


def open_material(name: str) -> tuple[Corpus, Path, Path] | None:
    """A copy of the corpus, its release and the folder to work in, as given or of `make demo`; None if not there."""
    given = sys.argv[1:4] if len(sys.argv) > 3 else ("demo-corpus", "demo-export", f"bench/results/{name}")
    source, release, work = (Path(argument).absolute() for argument in given)
    if not source.is_dir() or not release.is_dir():
        print(f"{source} and {release} are not there: `make demo` makes them; nothing was measured")
        return None
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "corpus").exists():
        shutil.copytree(source, work / "corpus")
    return Corpus.open(work / "corpus"), release, work


def main() -> None:
    """Sleep three times and write the section."""
    opened = open_material("consolidate")
    if opened is None:
        return
    corpus, release, work = opened
    where = conditions()
    runs = {"sound": str(release)}
    for change in (collapsed, shuffled):
        runs[change.__name__] = poison(corpus, release, work / change.__name__, change)
    reports: dict[str, tuple[SleepReport, float]] = {}
    for name, asked in runs.items():
        start = time.monotonic()
        report = consolidate(corpus, asked, settings=SETTINGS, bar=progress)
        reports[name] = report, time.monotonic() - start
        print(name, report.kept, report.reasons, f"{reports[name][1]:.0f} s", flush=True)
    DOCS.mkdir(exist_ok=True)
    for name, (report, _) in reports.items():
        for ending in ("svg", "jsonl"):
            shutil.copy(Path(report.folder) / f"loss.{ending}", DOCS / f"{name}-loss.{ending}")
        (DOCS / f"{name}.json").write_text(
            json.dumps(
                {"kept": report.kept, "reasons": report.reasons, "rows": report.rows, "measured": report.measured},
                indent=1,
            )
            + "\n",
            encoding="utf-8",
        )
    write_section("consolidate", "A sleep on a sound release, and on two poisoned ones", body(reports, where))


def body(reports: dict[str, tuple[SleepReport, float]], where: str) -> str:
    """A row a measure, a column pair a release."""
    names = [one["name"] for one in next(iter(reports.values()))[0].measured]
    rows = []
    for name in names:
        row: list[object] = [name]
        for report, _ in reports.values():
            one = next((m for m in report.measured if m["name"] == name), None)
            row.append(
                "-"
                if one is None
                else f"{one['before']:.3f} to {one['after']:.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"
            )
        rows.append(row)
    decisions = [
        (name, "kept" if r.kept else "rolled back", "; ".join(r.reasons), f"{s:.0f} s")
        for name, (r, s) in reports.items()
    ]
    return "\n\n".join(
        [
            where,
            f"Other than the defaults: {SETTINGS.model_dump(exclude_defaults=True)}. Before to after, and "
            "the 95 % interval of the difference; the two poisoned releases come after the sound one.",
            table(["measure", *reports], rows),
            table(["release", "decision", "reasons", "time (short where it was done before)"], decisions),
        ]
    )


if __name__ == "__main__":
    main()
