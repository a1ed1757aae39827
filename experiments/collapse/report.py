"""Tables and plots of whatever results are there, printed or written into docs/collapse.md between its markers."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from scipy import stats

from experiments.collapse import claims_e2, store, tail
from experiments.collapse.contrasts import Results, compare, loss_round, per_seed, red_round, value

PAGE = Path(__file__).parents[2] / "docs" / "collapse.md"
PLOTS = store.RESULTS
BEGIN, END = "<!-- results -->", "<!-- end: results -->"
E2_COLUMNS = {
    "loss_calibrated": "calibrated loss",
    "loss": "loss",
    "loss_rare": "rarest 15 %",
    "loss_common": "commonest 30 %",
    "n2": "N2",
    "n2_unseen": "N2, unseen view",
    "precision": "precision",
    "distinct3": "distinct-3",
}
E2_HEAD = ["claim", "is", "value, 95 %", "verdict"]
COLUMNS = {"loss": "loss, nats", "n2": "N2", "n2_unseen": "N2, unseen view", "precision": "precision", "tail": "tail"}
DRAWN_MEASURES = (("loss", "held-out loss, nats a word"), ("n2", "N2 of raw samples"))
E2_MEASURES = (("loss_calibrated", "held-out loss at its best temperature, nats a token"), ("n2", "N2 of raw samples"))
DRAWN = ("replace", "floor", "floor dsir", "floor gate+dsir", "accumulate", "accumulate gate+dsir")


def load(experiment: str, kind: str = "confirm") -> Results:
    """Lines by arm and temperature, then by seed."""
    results: Results = {}
    for line in store.read(store.RESULTS / f"{experiment}-{kind}.jsonl"):
        results.setdefault((line["arm"], float(line["temperature"])), {})[int(line["seed"])] = line
    return results


def show() -> None:
    """Print the tables."""
    print(body())


def write() -> None:
    """Put the tables into the page and draw the plots."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2] if rest else ""
    results = load("e1")
    plots = [draw("E1", results, name, label) for name, label in DRAWN_MEASURES]
    plots += [draw("E2", load("e2"), name, label, t) for t in (0.9, 1.0) for name, label in E2_MEASURES]
    pictures = "\n\n".join(f"![{label}]({path.relative_to(PAGE.parent).as_posix()})" for label, path in plots)
    page = f"{head.rstrip()}\n\n{BEGIN}\n{body()}\n\n{pictures}\n{END}\n{after.lstrip()}"
    PAGE.write_text(page, encoding="utf-8")


def body() -> str:
    """Everything that the confirming seeds say."""
    results = load("e1")
    if not results:
        return "No confirming run has been made yet: `python -m experiments.collapse e1 --seeds 100-109`."
    parts = ["## 3. E1, confirmed", _counts(results), arms_table(results), "### Registered claims", claims(results)]
    others = sorted({t for _, t in results} - {0.9})
    parts += [f"### T = {t:g}\n\n{arms_table(results, t)}" for t in others]
    return "\n\n".join([*parts, *_transformer(load("e2")), *_rerun()])


def _transformer(results: Results) -> list[str]:
    """E2: a table and the verdicts for each temperature that was run."""
    if not results:
        return []
    parts = ["## 4. E2, confirmed", _counts(results)]
    for t in sorted({t for _, t in results}, reverse=True):
        rows = [E2_HEAD, *claims_e2.claims(results, t)]
        parts += [f"### E2 at T = {t:g}", arms_table(results, t, E2_COLUMNS), _table(rows)]
    return parts + _rare_tokens(load("e2", "tune"))


def _rare_tokens(results: Results) -> list[str]:
    """The candidates for rare tokens, which tuning seeds chose among: not confirmed."""
    if not results:
        return []
    parts = [f"### E2's rare tokens, tuning seeds, T = {tail.TEMPERATURE:g}", _counts(results)]
    return [*parts, arms_table(results, tail.TEMPERATURE, E2_COLUMNS), _table(tail.differences(results))]


def _rerun() -> list[str]:
    """Arms with a gate run again with a later one, on the same seeds, beside the first figures; arms without stand."""
    parts: list[str] = []
    for experiment, loss in (("e1", "loss"), ("e2", "loss_calibrated")):
        before, now = load(experiment), load(experiment, "rerun")
        if not now:
            continue
        columns = {loss: E2_COLUMNS[loss], "n2": "N2", "n2_unseen": "N2, unseen view"}
        lines = [["arm", "seeds", *(f"{name}, before / now" for name in columns.values())]]
        for (arm, t), runs in now.items():
            if arm != "baseline":
                both = before[arm, t], runs
                cells = [
                    " / ".join(f"{np.mean([value(lines[seed], name) for seed in runs]):.3f}" for lines in both)
                    for name in columns
                ]
                lines.append([arm, str(len(runs)), *cells])
        merged = before | now
        said = claims(merged) if experiment == "e1" else _table([E2_HEAD, *claims_e2.claims(merged, 0.9)])
        parts += [f"### {experiment.upper()} with the later gate, T = 0.9", _counts(now), _table(lines), said]
    return parts


def _counts(results: Results) -> str:
    seeds = {seed for lines in results.values() for seed in lines}
    seconds = sum(line.get("cpu_seconds", 0.0) for lines in results.values() for line in lines.values())
    return (
        f"Seeds {min(seeds)} to {max(seeds)}, {seconds / 60:.0f} minutes of one core in all. Means over seeds after "
        "the last round, with the half width of a 95 % interval; all on raw samples of the model."
    )


def arms_table(results: Results, temperature: float = 0.9, columns: Mapping[str, str] = COLUMNS) -> str:
    """One row an arm."""
    lines = [["arm", "seeds", *columns.values()]]
    for (arm, t), runs in results.items():
        if t == temperature and arm != "baseline":
            cells = [_mean([value(line, name) for line in runs.values()]) for name in columns]
            lines.append([arm, str(len(runs)), *cells])
    return _table(lines)


def _mean(values: Sequence[float]) -> str:
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3g}"
    half = float(stats.sem(values) * stats.t.ppf(0.975, len(values) - 1))
    return f"{mean:.3f} ± {half:.3f}" if mean < 10 else f"{mean:.1f} ± {half:.1f}"


def claims(results: Results) -> str:
    """The verdicts on what was registered."""
    rows = [["claim", "is", "difference, 95 %", "p, Holm", "verdict"]]
    for one in compare(results):
        c = one.contrast
        side = "not above" if c.no_worse else "below" if c.below else "above"
        text = f"*{c.of}* {side} *{c.against}* in {COLUMNS.get(c.measure, c.measure)}"
        gap = f"{one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
        rows.append([c.claim, text, gap, f"{one.corrected:.2g}", "met" if one.met else "**missed**"])
    return "\n\n".join([_table(rows), *(f"- {line}" for line in _other_claims(results))])


def _other_claims(results: Results) -> list[str]:
    said = []
    held = [
        line["floor_held"]
        for lines in results.values()
        for line in lines.values()
        if line.get("floor_held") is not None
    ]
    if held:
        low = min(held)
        said.append(f"R3, the floor: at least {low:.4f} of the promise in {len(held)} runs: {_met(low >= 1 - 1e-6)}.")
    kept = per_seed(results, "floor gate+dsir", lambda line: line["trace"]["n2"][-1] / line["trace"]["n2"][0])
    if kept:
        share = float(np.mean(kept))
        said.append(f"R3, N2 of raw samples after the last round over the first: {share:.2f}: {_met(share >= 0.8)}.")
    healthy = results.get(("baseline", 0.9), {})
    floors = results.get(("floor", 0.9), {})
    pairs = [(red_round(floors[s], healthy[s]["tiles"]), loss_round(floors[s])) for s in floors if s in healthy]
    if pairs:
        early = [loss is None or (red is not None and red + 2 <= loss) for red, loss in pairs]
        reds = [red for red, _ in pairs if red is not None]
        losses = [loss for _, loss in pairs if loss is not None]
        said.append(
            f"R5, *floor*: red in {len(reds)} of {len(pairs)} seeds, in round {_median(reds)} (median); loss 15 % up "
            f"in {len(losses)}, in round {_median(losses)}; two rounds ahead or never needed in {sum(early)}: "
            f"{_met(all(early) and bool(losses))}."
        )
    said += _judged(results)
    return said


def _judged(results: Results) -> list[str]:
    """R6: what a judge that ranks does to its own score and to the loss, between the first model and the last."""
    lines = results.get(("replace judge", 0.9), {}).values()
    if not lines:
        return []
    gaps = {name: [line["trace"][name][-1] - line["trace"][name][0] for line in lines] for name in ("loss", "judge")}
    rises = [np.diff(line["trace"]["judge"]) > 0 for line in lines]
    both = [loss > 0 and score > 0 for loss, score in zip(gaps["loss"], gaps["judge"], strict=True)]
    plain = per_seed(results, "replace", lambda line: value(line, "judge"))
    return [
        f"R6, *replace judge*: loss {np.mean(gaps['loss']):+.1f} nats while the judge's score of raw samples goes "
        f"{np.mean(gaps['judge']):+.2f} nats a token, up in {np.sum(rises)} of {np.size(rises)} rounds, and ends at "
        f"{np.mean([value(line, 'judge') for line in lines]):.2f} beside {np.mean(plain):.2f} without a judge; both "
        f"rise in {sum(both)} of {len(both)} seeds: {_met(all(both))}."
    ]


def _median(rounds: Sequence[int]) -> str:
    return f"{np.median(rounds):g}" if rounds else "-"


def _met(yes: bool) -> str:
    return "met" if yes else "**missed**"


def _table(rows: list[list[str]]) -> str:
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *rest])


def draw(experiment: str, results: Results, measure: str, label: str, temperature: float = 0.9) -> tuple[str, Path]:
    """A plot of means by round, one line an arm, as an SVG with title and description."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    name = f"{experiment}, T = {temperature:g}: {label}"
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "collapse", "font.size": 9}):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for arm in DRAWN:
            traces = per_seed(results, arm, lambda line: line["trace"][measure], temperature)
            if traces:
                axes.plot(np.mean(traces, axis=0), marker="o", markersize=3, label=arm)
        axes.set_xlabel("round")
        axes.set_ylabel(label)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    described = f"<title>{escape(name)}</title><desc>Mean over seeds by round for {escape(', '.join(DRAWN))}.</desc>"
    PLOTS.mkdir(parents=True, exist_ok=True)
    where = experiment.lower() if temperature == 0.9 else f"{experiment.lower()}-t{temperature:g}"
    path = PLOTS / f"{where}-{measure.removesuffix('_calibrated')}.svg"
    path.write_text(re.sub(r"(<svg [^>]*>)", rf"\1{described}", out.getvalue(), count=1), encoding="utf-8")
    return name, path
