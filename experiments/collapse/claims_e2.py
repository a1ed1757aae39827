"""The registered claims of E2, R7 to R10, paired by seed at each temperature; missed ones are said as missed."""

from __future__ import annotations

import numpy as np
from scipy import stats

from experiments.collapse.contrasts import Results, value

RULES = ("replace", "floor", "accumulate")
MARGIN, AT_LEAST, AT_LEAST_UNSEEN = 0.02, 1.5, 1.2
LOSS = "loss_calibrated"
Row = list[str]


def claims(results: Results, temperature: float) -> list[Row]:
    """Rows of (claim, what it says, value with a 95 % interval, verdict); a claim whose arms are missing has no row."""
    rows: list[Row] = []
    for rule in RULES:
        ours = f"{rule} gate+dsir"
        rows += _loss(results, temperature, ours, rule)
        for measure, least in (("n2", AT_LEAST), ("n2_unseen", AT_LEAST_UNSEEN)):
            rows += _ratio("R8", results, temperature, (ours, rule), measure, least)
        rows += _ratio("R9", results, temperature, (ours, f"{rule} dsir"), "n2", 1.0)
    if temperature == 1.0:
        rows += _lowest(results)
    return rows


def paired(results: Results, temperature: float, arms: tuple[str, str], measure: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of both arms on the seeds that both have, in order of seed."""
    ours, theirs = (results.get((name, temperature), {}) for name in arms)
    seeds = sorted(ours.keys() & theirs.keys())
    left, right = (np.array([value(lines[seed], measure) for seed in seeds]) for lines in (ours, theirs))
    return left, right


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean with Student's 95 % interval; no interval (nan) of one value."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = float(stats.sem(values) * stats.t.ppf(0.975, len(values) - 1))
    return mean, mean - half, mean + half


def _loss(results: Results, temperature: float, ours: str, rule: str) -> list[Row]:
    a, b = paired(results, temperature, (ours, rule), LOSS)
    if not len(a):
        return []
    mean, low, high = interval(a - b)
    text = f"*{ours}* at most {MARGIN} nats above *{rule}*, calibrated"
    return [["R7", text, told(mean, low, high, "+.3f"), _verdict(mean <= MARGIN, high <= MARGIN)]]


def _ratio(
    claim: str, results: Results, temperature: float, arms: tuple[str, str], measure: str, least: float
) -> list[Row]:
    a, b = paired(results, temperature, arms, measure)
    if not len(a):
        return []
    # Ratios are averaged as logarithms: 2 and 1/2 are as far from no change.
    mean, low, high = (float(np.exp(x)) for x in interval(np.log(a / b)))
    text = f"{measure} of *{arms[0]}* at least {least:g} times that of *{arms[1]}*"
    return [[claim, text, told(mean, low, high, ".2f"), _verdict(mean >= least, low >= least)]]


def _lowest(results: Results) -> list[Row]:
    ours = "accumulate gate+dsir"
    arms = sorted({arm for arm, t in results if t == 1.0} - {ours, "baseline", "oracle"})
    gaps = {arm: paired(results, 1.0, (ours, arm), LOSS) for arm in arms}
    means = {arm: float((a - b).mean()) for arm, (a, b) in gaps.items() if len(a)}
    if not means:
        return []
    worst = max(means, key=lambda arm: (means[arm], arm))
    mean, low, high = interval(np.subtract(*gaps[worst]))
    text = f"*{ours}* has no higher calibrated loss than any other arm; the nearest is *{worst}*"
    return [["R10", text, told(mean, low, high, "+.3f"), _verdict(mean <= 0, high <= 0)]]


def told(mean: float, low: float, high: float, form: str) -> str:
    """A value with its interval, or with a word that there is none."""
    return f"{mean:{form}} " + ("(one seed)" if np.isnan(low) else f"[{low:{form}}, {high:{form}}]")


def _verdict(holds: bool, surely: bool) -> str:
    return "met" if surely else "met in the mean, not beyond the interval" if holds else "**missed**"
