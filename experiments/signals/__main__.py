"""Measure the learning signals and write their section of docs/benchmarks.md.

    python -m experiments.signals                                   rules, and the embedded model on a sample
    python -m experiments.signals --endpoint http://127.0.0.1:8000/v1 --model qwen3-8b

First errors in reasoning, multi-agent logs and text games; agreement with people on written reviews; attacks on judges.
What a model said is kept in bench/results, so that the same command goes on after a kill.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.report import conditions, table, write_section
from experiments.signals import agreement, items, score, voices
from synthdata.generation import make_generator
from synthdata.settings import Settings

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "bench" / "results"
# How many items of each set a model is asked about at most: the embedded one takes a second or two for each claim.
SAMPLES = {"reasoning": 40, "multi-agent": 8, "games": 40, "reviews": 200, "pairs": 100, "attacks": 120}
# Sets that a model is asked about in turn, so that each gets its share of the time.
SETS = 13
LONGEST = {"reasoning": 8, "multi-agent": 20, "games": 10}
SCORES = ["precision", "recall", "F1", "silent"]
Blamer = Callable[[items.Trace], score.Blame]


def main() -> None:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", help="an OpenAI-style address whose model judges too")
    parser.add_argument("--model", help="the model at the endpoint")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=4.0, help="for new questions to the embedded model, in all")
    parser.add_argument("--rules-only", action="store_true", help="ask no model")
    given = parser.parse_args()
    asked: list[voices.Voice] = []
    if not given.rules_only:
        asked.append(voices.LogOdds(given.threads, RESULTS / "signals.jsonl", 60 * given.minutes / SETS))
    if given.endpoint:
        asked.append(_endpoint(given.endpoint, given.model or ""))
    machine = conditions()
    parts = [locate(asked), consensus(asked), agree(asked), attack(asked)]
    body = "\n\n".join([f"{machine} {_how()}", *parts])
    write_section("signals", "Learning signals", body)
    sys.stdout.write(body + "\n")


def _how() -> str:
    asked = ", ".join(f"{count} {name}" for name, count in SAMPLES.items())
    longest = ", ".join(f"{steps} ({name})" for name, steps in LONGEST.items())
    return (
        "Shares stand with their counts and exact 95 % (Clopper-Pearson) intervals; `silent` is the share of items of "
        "which nothing was said. A threshold is the one of highest F1 on the half of the items that a hash picks, and "
        "the figures beside it are of the other half. The embedded model is asked for the odds of ` True` against "
        f"` False` after a step and a claim, on seeded samples and as far as its time goes: at most {asked} (of each "
        f"set), among runs of at most so many steps: {longest}. What it was asked is the `of` in its figures."
    )


def _endpoint(url: str, model: str) -> voices.Asked:
    values = {"recipe.generation.generator": "openai_http", "recipe.generation.model": model, "runtime.endpoint": url}
    settings = Settings()
    for name, value in values.items():
        settings = settings.with_value(name, value)
    return voices.Asked(make_generator(settings, RESULTS / "responses"))


def locate(asked: Sequence[voices.Voice]) -> str:
    """First errors, by rules on all runs of a set and by models on a sample of it."""
    rows: list[list[str]] = []
    sets = {"reasoning": items.reasoning(DATA), "multi-agent": items.multi_agent(DATA), "games": items.games()}
    names = {"reasoning": "step-big-bench-mistake", "multi-agent": "traj-who-when-handcrafted", "games": "data/sample"}
    for kind, traces in sets.items():
        blamed = [voices.blame_by_rules(trace) for trace in traces]
        rows.append([names[kind], "rules", "-", *score.located(traces, blamed, 1.0).cells()])
        usual, counts = score.always_the_usual(traces)
        rows.append([names[kind], f"always step {usual}", "its index", *counts.cells()])
        short = [trace for trace in traces if len(trace.run.agent_steps) <= LONGEST[kind]]
        for voice in asked:
            some = voice.in_time(items.sampled(short, SAMPLES[kind]), voices.wrong_steps)
            counts, threshold = score.located_on_the_other_half(some, _blamer(voice))
            rows.append([names[kind], voice.name, f"{threshold:.2f}", *counts.cells()])
    columns = ["set", "by", "threshold", *SCORES]
    return f"**The first wrong step.** Right is the very step.\n\n{table(columns, rows)}"


def _blamer(voice: voices.Voice) -> Blamer:
    return lambda trace: voices.blame_by(voice, trace)


def consensus(asked: Sequence[voices.Voice]) -> str:
    """Labels of steps of text games: by rules, by each model, by both."""
    traces = items.games()
    same, steps = agreement.replay_agrees(traces, 8)
    rows = [_kept("rules", "all runs", traces, [agreement.by_rule(trace) for trace in traces])]
    for voice in asked:
        short = [trace for trace in traces if len(trace.run.agent_steps) <= LONGEST["games"]]
        some = voice.in_time(items.sampled(short, SAMPLES["games"]), voices.wrong_steps)
        blames = [voices.blame_by(voice, trace) for trace in some]
        threshold = agreement.judge_threshold(some, blames)
        judged = [agreement.by_judge(b, threshold) for t, b in zip(some, blames, strict=True) if _reported(t)]
        runs = [trace for trace in some if _reported(trace)]
        ruled = [agreement.by_rule(trace) for trace in runs]
        both = [agreement.together(a, b) for a, b in zip(ruled, judged, strict=True)]
        where = f"other half of {len(some)} runs"
        rows += [_kept("rules", where, runs, ruled), _kept(voice.name, where, runs, judged)]
        rows.append(_kept(f"rules and {voice.name}", where, runs, both))
    text = (
        "**Labels of steps, with replay kept out as the truth.** Right is good or bad as a shortest path says; replay "
        f"of 8 runs says what was recorded on {same} of {steps} steps."
    )
    columns = ["by", "runs", "labels right", "bad labels right", "steps with a label"]
    return f"{text}\n\n{table(columns, rows)}"


def _kept(name: str, where: str, traces: Sequence[items.Trace], labels: Sequence[agreement.Labels]) -> list[str]:
    found = agreement.kept(traces, labels)
    shares = ((found.right, found.kept), (found.truly, found.bad), (found.kept, found.steps))
    return [name, where, *(score.share(*pair) for pair in shares)]


def agree(asked: Sequence[voices.Voice]) -> str:
    """Written reviews against the people who read them."""
    everything = items.reviews(DATA)
    rows = []
    for rule in (voices.Rules(), voices.Grounded()):
        rows.append([rule.name, "-", *score.believed(everything, rule(everything), 1.0).cells()])
    for voice in asked:
        some = voice.in_time(items.sampled(everything, SAMPLES["reviews"]), _itself)
        counts, threshold = score.believed_on_the_other_half(some, voice)
        rows.append([voice.name, f"{threshold:.2f}", *counts.cells()])
    base = score.share(sum(item.holds for item in everything), len(everything))
    text = f"**Reviews of step-mr-gsm8k-reviews.** Believed is right where people found the reason right: {base} are."
    return f"{text}\n\n{table(['by', 'threshold', *SCORES], rows)}"


def attack(asked: Sequence[voices.Voice]) -> str:
    """Attacks accepted as lessons of a real run, and pairs whose worse answer looks better."""
    sets = items.attacks(DATA, items.games()[0].run)
    ruled: list[voices.Rule] = [voices.Rules(), voices.Grounded()]
    rows = [_accepted(name, rule, texts, 1.0) for name, texts in sets.items() for rule in ruled]
    for voice in asked:
        some = {name: voice.in_time(items.sampled(found, SAMPLES["attacks"]), _itself) for name, found in sets.items()}
        level = _accepting(voice, some)
        rows += [
            _accepted(name, voice, [item for item in found if _reported(item)], level) for name, found in some.items()
        ]
    text = (
        "**Attacks.** Each text alone, as the lesson of a real run: an accepted attack is a failure, an accepted "
        "look-alike is right. Texts of a bare kind quote nothing, so evidence alone stops all of them."
    )
    fell = voices.reasons(sets["look-alikes of attack-bastioncorpus"])
    shown = table(["texts", "by", "accepted", "silent"], rows)
    return f"{text}\n\n{shown}\n\nLook-alikes that rules refuse: {fell}.\n\n{_pairs(asked)}"


def _accepted(name: str, voice: voices.Rule, texts: Sequence[items.Saying], level: float) -> list[str]:
    said = voice(texts)
    passed = sum(value is not None and value >= level for value in said)
    silent = sum(value is None for value in said)
    return [name, voice.name, score.share(passed, len(texts)), f"{silent} of {len(texts)}"]


def _accepting(voice: voices.Voice, some: dict[str, list[items.Saying]]) -> float:
    """From which score on a text passes: best F1 between attacks and look-alikes of the first half."""
    known = [item for texts in some.values() for item in texts if not _reported(item)]
    said = voice(known)
    return score.best_threshold(said, lambda threshold: score.believed(known, said, threshold))


def _itself(item: items.Saying) -> list[items.Saying]:
    return [item]


def _pairs(asked: Sequence[voices.Voice]) -> str:
    pairs = items.answers(DATA)
    sides: dict[str, list[items.Saying]] = {}
    for item in pairs:
        sides.setdefault(item.pair, []).append(item)
    names = [items.Saying(name, pairs[0].run, 0, "", True) for name in sides]
    rows = [["rules", "all", *score.preferred(pairs, voices.Rules()(pairs)).cells()]]
    for voice in asked:
        found = voice.in_time(items.sampled(names, SAMPLES["pairs"]), lambda name: sides[name.key])
        some = [item for name in found for item in sides[name.key]]
        rows.append([voice.name, str(len(found)), *score.preferred(some, voice(some)).cells()])
    text = "Pairs of attack-llmbar: right is the answer that people prefer; no threshold is needed, and chance is 0.5."
    return f"{text}\n\n{table(['by', 'pairs', *SCORES], rows)}"


def _reported(item: items.Trace | items.Saying) -> bool:
    return not items.in_first_half(item.key)


if __name__ == "__main__":
    main()
