"""Does steering raise the yield in under-covered cells? The same logs, rounds and candidates with it and without.

All recorded games of data/sample are the reference. A corpus takes one round over runs of 30 of the 40 games; then the
logs hold the other games too, two runs of each among many. From there two copies go on, one steered and one not, at
equal numbers of runs and focuses. The under-covered cells are those after the common round. A replicate is another
choice of games and runs. With `--model embedded` the packaged model words the lessons; `--report` writes what is there.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from report import conditions, table, write_section
from scipy import stats

from synthdata.api import Corpus
from synthdata.errors import AnchorError
from synthdata.generation import make_generator
from synthdata.operations.reflect import RunSelection, decide_reviews, find_work, remember
from synthdata.records import Origin, Trajectory, to_json
from synthdata.rounds.steering import coverage_of
from synthdata.rounds.steps import read_runs, reflect_on
from synthdata.settings import Settings
from synthdata.similarity.encoder import make_encoder

ROOT = Path(__file__).parents[1]
SAMPLE, RESULTS = ROOT / "data" / "sample", ROOT / "docs" / "steering.jsonl"
COMMON, FIRST, MORE, RARE = 30, 45, 15, 2
# The games repeat themselves: with the usual 0.95 eleven cells would be left, too coarse to tell games apart.
CLEAN_COSINE = 0.99
# Of 45 runs with one focus each the embedded model left 28 usable lessons, under the usual 30.
FILL = 20
# Seeds, rounds after the common one, runs a round, focuses a run and tries a lesson, by model: the embedded one costs
# seconds an answer.
PLANS = {"scripted": (range(10), 2, 25, 2, 5), "embedded": (range(9), 2, 15, 1, 2)}
ARMS = (("unsteered", False), ("steered", True))


def run_round(corpus: Corpus, logs: Path, limit: int) -> None:
    """One round as `run --plain` does it."""
    work = find_work(corpus, logs, RunSelection(limit=limit))
    remember(corpus, work)
    recipe, secret = corpus.settings.recipe, corpus.store.secret
    model = make_generator(corpus.settings, corpus.store.cache_dir / "responses")
    decide_reviews(corpus, work, reflect_on(work.runs, model, recipe, secret, work.sample_start, work.guidance))


def measured(corpus: Corpus, under: set[int]) -> dict[str, Any]:
    """Candidates after the common round, how many were admitted, and how many of those into the cells `under`."""
    frame = corpus.store.decisions(["round", "verdict", "cell", "reason"]).filter(pl.col("round") > 1)
    admitted = frame.filter(pl.col("verdict") == "admit")
    aimed = frame.filter(pl.col("cell").is_in(sorted(under)))
    coverage = coverage_of(corpus.store, corpus.anchor, corpus.settings.recipe.gate.alpha_outside)
    return {
        "candidates": frame.filter(pl.col("reason").is_null() | (pl.col("reason") != "abstained")).height,
        "aimed": aimed.height,
        "admitted": admitted.height,
        "wanted": admitted.filter(pl.col("cell").is_in(sorted(under))).height,
        "still": len(coverage.under(corpus.settings.recipe.steering.under_share)),
    }


def begin(corpus: Corpus, folder: Path, usual: list[Trajectory]) -> int:
    """The common round over the first runs, and how many those were.

    Where too few lessons come of them to open the anchor it takes more runs, as the refusal advises; what was
    generated is cached and costs nothing twice.
    """
    for first in range(FIRST, len(usual), MORE):
        write(folder / "before.jsonl", usual[:first])
        try:
            run_round(corpus, folder / "before.jsonl", first)
        except AnchorError as error:
            sys.stderr.write(f"{first} runs: {error}\n")
        else:
            return first
    raise SystemExit(f"no anchor after {len(usual)} runs")


def write(path: Path, runs: list[Trajectory]) -> None:
    """Runs as lines of a log."""
    path.write_text("".join(to_json(run) + "\n" for run in runs), encoding="utf-8")


def split(runs: list[Trajectory], seed: int) -> tuple[list[Trajectory], list[Trajectory]]:
    """Runs of the common games in the order in which rounds see them, and the few of the rare games."""
    rng = random.Random(seed)
    games = sorted({run.task_id for run in runs})
    common = set(rng.sample(games, COMMON))
    usual = [run for run in runs if run.task_id in common]
    rng.shuffle(usual)
    rare = [run for game in games if game not in common for run in [r for r in runs if r.task_id == game][:RARE]]
    return usual, rare


def settings_of(model: str) -> Settings:
    """The settings of both arms of a model."""
    _, _, _, focuses, tries = PLANS[model]
    recipe: dict[str, dict[str, object]] = {
        "generation": {"generator": model},
        "anchor": {"clean_cosine": CLEAN_COSINE, "fill_trajectories": FILL},
        "reflection": {"focuses_per_trajectory": focuses, "tries": tries},
    }
    return Settings.from_dict({"recipe": recipe}, "bench")


def replicate(model: str, seed: int, kept: Path) -> dict[str, Any]:
    """Both arms of one choice of runs, begun with the empty corpus in `kept`, whose answers and vectors they share."""
    _, rounds, limit, _, _ = PLANS[model]
    settings = settings_of(model)
    encoder = make_encoder(settings.recipe.encoder, settings.runtime, kept / "cache" / "vectors")
    usual, rare = split(sorted(read_runs(SAMPLE, Origin.REAL, settings)[0], key=lambda run: run.id), seed)
    line: dict[str, Any] = {"model": model, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder) / "logs.jsonl"
        begun = Corpus.open(copied(kept, Path(folder) / "begun"), settings=settings, encoder=encoder)
        first = begin(begun, Path(folder), usual)
        write(logs, usual[first:] + rare)
        under = {
            int(cell)
            for cell in coverage_of(begun.store, begun.anchor, begun.settings.recipe.gate.alpha_outside).under(0.5)
        }
        line |= {"cells": len(begun.anchor.context.centroids), "under": len(under), "first": first}
        for arm, steered in ARMS:
            path = copied(begun.store.path, Path(folder) / arm)
            own = settings.with_value("recipe.steering.enabled", steered)
            corpus = Corpus.open(path, settings=own, encoder=encoder)
            for _ in range(rounds):
                run_round(corpus, logs, limit)
            line[arm] = measured(corpus, under)
    return line


def copied(corpus: Path, to: Path) -> Path:
    """A copy that shares the cache: the same question about the same step is asked once over arms and replicates."""
    shutil.copytree(corpus, to, symlinks=True, ignore=lambda folder, names: {"cache"} & set(names))
    (to / "cache").symlink_to((corpus / "cache").resolve())
    return to


def read() -> list[dict[str, Any]]:
    """The replicates that are done."""
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.is_file() else []


def run_missing(model: str, kept: Path) -> None:
    """Replicates of this model that the file does not hold, each appended as it ends."""
    done = {(line["model"], line["seed"]) for line in read()}
    missing = [seed for seed in PLANS[model][0] if (model, seed) not in done]
    if missing and not (kept / "corpus.json").exists():
        Corpus.init(kept, SAMPLE, settings=settings_of(model))
    for seed in missing:
        line = replicate(model, seed, kept)
        with RESULTS.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
        sys.stderr.write(f"{json.dumps(line)}\n")


def paired(lines: list[dict[str, Any]], over: str, under: str) -> tuple[float, float, str]:
    """Means of a quotient in both arms, and the 95 % t-interval of the difference over replicates."""
    arms = [np.array([line[arm][over] / line[arm][under] for line in lines]) for arm, _ in ARMS]
    difference = arms[1] - arms[0]
    half = stats.t.ppf(0.975, len(lines) - 1) * difference.std(ddof=1) / np.sqrt(len(lines))
    return float(arms[0].mean()), float(arms[1].mean()), f"{difference.mean():+.3f} ± {half:.3f}"


def report() -> str:
    """The section's text from the file."""
    rows: list[tuple[object, ...]] = []
    told = []
    for model in PLANS:
        lines = [line for line in read() if line["model"] == model]
        if len(lines) < 2:
            continue
        names = {"wanted": "admitted into under-covered cells", "admitted": "admitted", "aimed": "aimed at these cells"}
        for name, words in names.items():
            rows.append((model, len(lines), f"{words}, a candidate", *paired(lines, name, "candidates")))
        left = [np.mean([line[arm]["still"] for line in lines]) for arm, _ in ARMS]
        told.append(
            f"{model}: of {np.mean([line['cells'] for line in lines]):.0f} cells "
            f"{np.mean([line['under'] for line in lines]):.1f} were under-covered after the common round, "
            f"{left[0]:.1f} at the end without steering and {left[1]:.1f} with it; "
            f"{np.mean([line['steered']['candidates'] for line in lines]):.0f} candidates an arm; "
            f"{sum(line.get('first', FIRST) > FIRST for line in lines)} of {len(lines)} replicates needed more than "
            f"{FIRST} runs for an anchor ({MORE} more at a time)."
        )
    columns = ["model", "replicates", "what", "unsteered", "steered", "difference, 95 %"]
    return f"{table(columns, rows)}\n\n{' '.join(told)}"


def main() -> None:
    """Run what is missing of one model, or of the scripted one, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=list(PLANS), default="scripted")
    parser.add_argument("--report", action="store_true", help="only write what the file holds")
    parser.add_argument("--keep", type=Path, help="folder for answers and vectors, so that a stopped run goes on")
    given = parser.parse_args()
    told = conditions()
    with tempfile.TemporaryDirectory() as folder:
        if not given.report:
            run_missing(given.model, (given.keep or Path(folder)) / given.model)
    intro = (
        "Recorded games of data/sample, framed reflector, packaged encoder. The first round, common to both, sees "
        "30 of 40 games; in the later logs two runs of each other game stand among the rest. Both arms get as many "
        "runs and focuses; under-covered are cells with less than half of their real share after the first round. "
        "Intervals are Student's t over replicates, each another choice of games: runs overlap and the same question "
        "is answered once for all of them, so intervals are somewhat too narrow."
    )
    write_section("steering", "Steering", f"{told} {intro}\n\n{report()}")
    print(report())


if __name__ == "__main__":
    main()
