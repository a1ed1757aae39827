"""The numbers of a corpus for Prometheus and OpenMetrics, and as a text file for runs that end; few labels, no ids."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from synthdata.dashboard.reading import Reading
from synthdata.dashboard.rounds import PAID, spent

PREFIX = "synthdata_"


class CorpusCollector(Collector):
    """What a scrape reads; counts are over all rounds, diversity is that of the last round."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        """Every family, from the facts of `status`."""
        facts = self._reading.facts
        anchor = facts["anchor"]
        labels = {"anchor": anchor["fingerprint"], "calibrated_from": anchor["calibrated_from"].partition(":")[0]}
        yield InfoMetricFamily(PREFIX + "corpus", "What the corpus is measured against", value=labels)
        single = {
            "round": ("Number of the last round", facts["round"]),
            "corpus_rows": ("Admitted rows that no event removed", facts["in_corpus"]),
            "experience_trajectories": ("Trajectories read, ever", facts["experience"]),
            "real_share_ratio": ("Real rows among reference and corpus, 0 to 1", facts["real_share"]),
            "frozen": ("1 where exports are held back", float(facts["frozen"])),
            "releases": ("Exports so far", len(self._reading.releases)),
            "n2_reference": ("Effective number of contents of the reference", anchor.get("n2_reference")),
            "n2_floor": ("Floor under the effective number of reference and corpus", anchor.get("n2_floor")),
        }
        for name, (says, value) in single.items():
            if value is not None:
                yield GaugeMetricFamily(PREFIX + name, says, value=value)
        yield from self._decided()
        yield from self._measured()
        yield from self._rung()
        yield from self._ticked()

    def _ticked(self) -> Iterator[Metric]:
        schedule = self._reading.facts["schedule"]
        ended = CounterMetricFamily(PREFIX + "ticks", "Ticks of the schedule that ended", labels=["outcome"])
        for outcome, number in schedule["counts"].items():
            ended.add_metric([outcome], number)
        yield ended
        since = "Ticks of the schedule in a row that made no round"
        yield GaugeMetricFamily(PREFIX + "ticks_without_round", since, value=schedule["since_good"])
        if schedule["last_good"]:
            age = (datetime.now(UTC) - datetime.fromisoformat(schedule["last_good"])).total_seconds()
            yield GaugeMetricFamily(
                PREFIX + "last_good_tick_age_seconds", "Age of the last good tick", value=max(0, age)
            )

    def _decided(self) -> Iterator[Metric]:
        candidates = CounterMetricFamily(PREFIX + "candidates", "Decided candidates", labels=["verdict", "reason"])
        groups = self._reading.tally.group_by("verdict", "reason").agg(pl.col("rows").sum()).sort("verdict", "reason")
        for verdict, reason, rows in groups.iter_rows():
            candidates.add_metric([verdict, reason or ""], rows)
        yield candidates
        paid = CounterMetricFamily(PREFIX + "spent", "Tokens and money paid to models", labels=["kind"])
        for name in PAID:
            paid.add_metric([name], sum(costs.get(name, 0.0) for costs in spent(self._reading.events).values()))
        yield paid

    def _measured(self) -> Iterator[Metric]:
        facts = self._reading.facts
        value = GaugeMetricFamily(PREFIX + "diversity", "A metric of the last round", labels=["view", "metric"])
        for view, metrics in facts["metrics"].items():
            for name, number in metrics.items():
                if number is not None:
                    value.add_metric([view, name], number)
        yield value
        for side, place in (("low", 0), ("high", 1)):
            says = f"Where real text of that size lies, {side} end"
            bound = GaugeMetricFamily(f"{PREFIX}diversity_real_{side}", says, labels=["view", "metric"])
            for view, intervals in facts["intervals"].items():
                for name, ends in intervals.items():
                    bound.add_metric([view, name], ends[place])
            yield bound

    def _rung(self) -> Iterator[Metric]:
        facts = self._reading.facts
        now = [alarm for alarm in facts["alarms"] if alarm["round"] == facts["round"]]
        alarms = GaugeMetricFamily(PREFIX + "alarm", "Alarms of the last round that ring", labels=["tile", "level"])
        for alarm in now:
            alarms.add_metric([alarm["tile"], alarm["level"]], 1)
        yield alarms
        total = GaugeMetricFamily(PREFIX + "alarms", "How many alarms of each level ring", labels=["level"])
        for level in ("red", "amber"):
            total.add_metric([level], sum(alarm["level"] == level for alarm in now))
        yield total


def registry(reading: Reading) -> CollectorRegistry:
    """A registry of this corpus alone."""
    own = CollectorRegistry()
    own.register(CorpusCollector(reading))
    return own


def exposition(reading: Reading, accept: str) -> tuple[bytes, str]:
    """The text of a scrape and its media type: OpenMetrics where `accept` asks for it, else Prometheus' own format."""
    encode, media = choose_encoder(accept)
    return encode(registry(reading)), media


def write_prom(reading: Reading, path: Path) -> None:
    """Write a `.prom` file for the textfile collector of node_exporter, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(path), registry(reading))
