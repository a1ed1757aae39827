"""The corpus whose verbs are methods; see the head of this room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from synthdata.api import Corpus as Engine
from synthdata.corpus.store import picture_store_of
from synthdata.gate.heldout import HeldOutRow
from synthdata.gate.reference import ReferenceRow
from synthdata.notebook.results import Result, RoundResult
from synthdata.protocols import Encoder, Progress, no_progress
from synthdata.records import Candidate, Decision, Origin, QuarantinedRow, Reason, Verdict
from synthdata.records.report import RoundReport
from synthdata.rounds.budget import BudgetLedger
from synthdata.rounds.steps import ViewChoice, read_reference, read_rows
from synthdata.settings import Settings
from synthdata.sources import ColumnMap, Reading, parse_map
from synthdata.text.names import metric_name, reason_name, reason_says, seen_name, verdict_name, view_name

# A path, rows of any kind that the data set reader knows, or a map of columns as `--map` takes it.
Rows = Any
Columns = Mapping[str, str] | str | None

_KEPT = (
    "id", "verdict", "stage", "reason", "score", "threshold", "neighbour_id", "neighbour_text", "detail", "cell",
    "numbers", "judged", "round",
)  # fmt: skip


class Corpus(Engine):
    """An open corpus. `settings` are those it was made with unless others are given."""

    @classmethod
    def init(  # noqa: PLR0913 - each is a choice of its own
        cls,
        path: Path | str,
        reference: Rows,
        *,
        columns: Columns = None,
        settings: Settings | None = None,
        encoder: Encoder | None = None,
        views: ViewChoice = "auto",
        heldout: Iterable[HeldOutRow | str] = (),
        read: Mapping[str, object] | None = None,
        progress: Progress = no_progress,
    ) -> Self:
        """Make a corpus and freeze anchor 0 from real reference data.

        `reference` is a path, `ReferenceRow`s, or rows of any kind: texts, dicts, a frame of polars or pandas, an Arrow
        table, a set of `datasets`; `columns` says which of them hold what where their names do not, such as
        `{"content": "output", "context": "instruction+input"}`. `heldout` are texts that must never be admitted.

        Raises:
            InputError: the rows or the folder cannot be used.
            AnchorError: too few distinct reference rows.
        """
        settings, reading = settings or Settings(), Reading()
        never: list[HeldOutRow] = [{"text": row} if isinstance(row, str) else row for row in heldout]
        given = isinstance(reference, Sequence) and all(isinstance(row, ReferenceRow) for row in reference)
        rows = list(reference) if given else []
        if not given:
            picture_store = picture_store_of(path, settings.runtime)
            rows = read_reference(_path(reference), settings, _map(columns), reading, picture_store)[0]
            read = {"source": _name(reference), **reading.facts(), **(read or {})}
        made = super().init(
            path, rows, settings=settings, encoder=encoder, views=views, heldout=never, read=read, progress=progress
        )
        assert isinstance(made, cls)
        return made

    def admit(  # noqa: PLR0913 - as above
        self,
        candidates: Rows,
        *,
        columns: Columns = None,
        origin: Origin | str = Origin.SYNTHETIC,
        predecided: Sequence[Decision] = (),
        quarantined: Sequence[QuarantinedRow] = (),
        max_admitted: int | None = None,
        ledger: BudgetLedger | None = None,
        progress: Progress = no_progress,
    ) -> RoundResult:
        """Decide rows as one round and commit it; a row that was decided before keeps its decision.

        `candidates` are `Candidate`s, a path object, or rows of any kind as `init` takes them.

        Raises:
            InputError: rows that cannot be read, or columns that are not clear.
            LockedError: another process is writing.
            AnchorError: the encoder differs from the anchor's, or an open anchor cannot be filled from so few rows.
            BudgetExceededError: the budget does not pay for the judges; nothing is decided, their answers are kept.
        """
        reading = Reading()
        if isinstance(candidates, Candidate):
            candidates = [candidates]
        given = isinstance(candidates, Sequence) and all(isinstance(row, Candidate) for row in candidates)
        if not given:
            named, picture_store = _map(columns), self.store.pictures
            read, broken = read_rows(_path(candidates), Origin(origin), self.settings, named, reading, picture_store)
            quarantined = [*quarantined, *broken]
        rows = list(candidates) if given else read
        report = super().admit(
            rows,
            predecided=predecided,
            quarantined=quarantined,
            max_admitted=max_admitted,
            ledger=ledger,
            progress=progress,
        )
        if not given:
            self.note_reading(reading, _name(candidates))
        known = {f.name: getattr(report, f.name) for f in fields(RoundReport)}
        return RoundResult(**known, earlier=self._earlier(rows, report), order=[row.id for row in rows])

    def _earlier(self, rows: Sequence[Candidate], report: RoundReport) -> list[Decision]:
        """The stored decisions on rows that this round did not decide, the latest on each."""
        import polars as pl

        new = {decision.candidate.id for decision in report.decisions}
        wanted = {row.id: row for row in rows if row.id not in new}
        if not wanted or not report.already_decided:
            return []
        frame = self.store.decisions(list(_KEPT), where=pl.col("id").is_in(list(wanted)))
        latest = {row["id"]: row for row in frame.sort("round").iter_rows(named=True)}
        return [_decision(wanted[name], row) for name, row in latest.items()]

    def status(self, as_of: int | None = None) -> Result:
        """How the corpus stands: counts, diversity of every view, what starved the last round."""
        from synthdata.monitor.headline import headline
        from synthdata.monitor.status import status

        facts = status(self.store, as_of)
        views = list(facts["metrics"])
        names = list(dict.fromkeys(name for view in views for name in facts["metrics"][view]))
        rows = [(metric_name(name), *(facts["metrics"][view].get(name) for view in views)) for name in names]
        refused = {reason_name(reason): n for reason, n in facts["rejected"].items()}
        counts = {"admitted": facts["admitted"], **refused, "unreadable": facts["quarantined"]}
        return Result(facts, str(headline(facts)), ["metric", *map(view_name, views)], rows, counts)

    def explain(self, row: str | Candidate | Decision) -> Result:
        """Why a row was decided so; it is named by itself, its id, the start of one, its external id or its text.

        Raises:
            InputError: no row, or several, of that name.
        """
        from synthdata.monitor.status import explain

        if isinstance(row, Decision):
            row = row.candidate
        name = row.id if isinstance(row, Candidate) else row
        if isinstance(row, str) and self.store.decision(Candidate(row).id) is not None:
            name = Candidate(row).id
        facts = explain(self.store, name)
        reason = f": {reason_name(facts['reason'])}. {reason_says(facts['reason'])}" if facts["reason"] else ""
        title = f"{verdict_name(facts['verdict'])}{reason} (candidate {facts['id']}, round {facts['round']})"
        shown = ("score", "threshold", "detail", "content", "context")
        rows = [(key, facts[key]) for key in shown if facts[key] not in (None, "")]
        rows += [("neighbour", facts["neighbour"]["content"])] if facts["neighbour"] else []
        seen = {seen_name(name): value for name, value in facts["numbers"].items()}
        rows += list(seen.items())
        return Result(facts, title, ["what", "value"], rows, _numbers(seen))

    def inspect(self, rows: Rows = None, *, columns: Columns = None) -> Result:
        """A diversity report of any rows or file, or of what is in the corpus, beside the corpus' reference."""
        texts = [{"content": row.text} for row in self.reference.rows]
        if rows is None:
            rows = self.store.admitted(columns=["content"])
        return _inspected(rows, texts, _map(columns), self.settings, self.encoder)

    def lessons(self, query: str, limit: int = 5, **scope: Any) -> Result:  # noqa: ANN401 - fields of `Scope`
        """The admitted lessons nearest to any text; `scope` as `task`, `source`, `licence`, `since`, `standing`.

        Raises:
            TypeError: an unknown field of the scope.
        """
        from synthdata.memory import Memory, Scope

        recalled = Memory.open(self.store, encoder=self.encoder).recall(query, limit, Scope(**scope))
        rows = [(item.id, item.score, item.lesson, item.when, item.round, item.source) for item in recalled]
        columns = ["id", "score", "lesson", "when", "round", "source"]
        return Result(recalled, f"{len(recalled)} lessons", columns, rows, {row[2][:40]: row[1] for row in rows})

    def replay(self, changes: Mapping[str, Any] | None = None, *, round: int | None = None) -> Result:
        """What other settings would have decided, such as `{"recipe.gate.tau": 0.9}`; nothing is written.

        Raises:
            SettingsError: a setting that cannot be replayed.
            InputError: no such round.
        """
        from synthdata.rounds.replay import replay

        settings = self.settings
        for name, value in (changes or {}).items():
            settings = settings.with_value(name, value)
        report = replay(self.store, settings, round)
        rows = [(name, before, after, after - before) for name, (before, after) in report.verdicts.items()]
        title = f"{report.candidates} candidates, {len(report.changes)} would be decided otherwise"
        return Result(
            report, title, ["verdict", "before", "after", "change"], rows, {name: b for name, _, b, _ in rows}
        )

    def retract(
        self,
        ids: Iterable[str] | str = (),
        *,
        reason: str,
        source: str = "",
        task: str = "",
        query: str = "",
        dry_run: bool = False,
    ) -> Result:
        """Take rows out of the corpus and of all later exports; what is given must hold together.

        Raises:
            InputError: nothing is named or answers to it, or no reason was given.
            LockedError: another process is writing.
        """
        from synthdata.operations.retract import Selector, retract

        names = (ids,) if isinstance(ids, str) else tuple(ids)
        done = retract(self, Selector(source, task, query, names), reason, dry_run=dry_run)
        gone = len(done.named.candidates)
        title = f"{gone} rows {'would be ' if dry_run else ''}retracted, {done.left} left"
        rows = [("collision before", done.before), ("collision after", done.after), ("limit", done.limit)]
        return Result(done, title, ["what", "value"], rows, {"retracted": gone, "left": done.left})

    def export(self, out: Path | str, **request: Any) -> Result:  # noqa: ANN401 - fields of `ExportRequest`
        """Write a training set and record it as a release; `request` as `kinds`, `licences`, `as_of`, `reference`.

        Raises:
            RefusedError: the corpus is frozen, or too few rows are left to train on.
            InputError: `out` holds something that is not an earlier export.
            TypeError: an unknown field of the request.
        """
        from synthdata.export.build import ExportRequest, export

        report = export(self, Path(out), ExportRequest(**request))
        rows = [(kind, split, n) for kind, splits in report.kinds.items() for split, n in splits.items()]
        title = f"release {report.release['number']}: {report.rows} rows in {report.out}"
        return Result(report, title, ["kind", "split", "rows"], rows, {f"{kind} {split}": n for kind, split, n in rows})

    def __repr__(self) -> str:
        rows = self.store.admitted(columns=["id"]).height
        return f"<corpus {self.store.path}: round {self.store.latest_round()}, {rows} rows, {self.store.views} view(s)>"

    def _repr_html_(self) -> str:
        return self.status()._repr_html_()


def inspect(
    rows: Rows,
    reference: Rows = None,
    *,
    columns: Columns = None,
    settings: Settings | None = None,
    encoder: Encoder | None = None,
) -> Result:
    """A diversity report of any rows or file, without a corpus.

    Raises:
        InputError: nothing readable, or columns that are not clear.
    """
    from synthdata.similarity.encoder import make_encoder

    settings = settings or Settings()
    encoder = encoder or make_encoder(settings.recipe.encoder, settings.runtime)
    return _inspected(rows, reference, _map(columns), settings, encoder)


def _inspected(rows: Rows, reference: Rows, mapping: ColumnMap | None, settings: Settings, encoder: Encoder) -> Result:
    from synthdata.inspection import Question, inspect_file

    beside = None if reference is None else _path(reference)
    report = inspect_file(Question(_path(rows), beside, mapping), settings, encoder)
    table = [(metric_name(name), figure.value, figure.low, figure.high) for name, figure in report.figures.items()]
    edges = [f"cosine {low:.2f}" for low in report.nearest_edges[:-1]]
    numbers = {edge: float(n) for edge, n in zip(edges, report.nearest, strict=True)}
    return Result(report, " ".join(report.verdict), ["metric", "value", "low", "high"], table, numbers)


def _map(columns: Columns) -> ColumnMap | None:
    return None if columns is None else parse_map(columns)


def _path(rows: Rows) -> Rows:
    """The rows, or the path; a text that names a file is more likely meant as one than as a row."""
    if isinstance(rows, str) and len(rows) < 1024 and "\n" not in rows and Path(rows).exists():
        return Path(rows)
    return [rows] if isinstance(rows, str) else rows


def _name(rows: Rows) -> str:
    return str(rows) if isinstance(rows, Path | str) else type(rows).__name__


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float) and value == value}


def _decision(candidate: Candidate, row: Mapping[str, Any]) -> Decision:
    return Decision(
        candidate,
        Verdict(row["verdict"]),
        row["stage"],
        Reason(row["reason"]) if row["reason"] else None,
        row["score"],
        row["threshold"],
        row["neighbour_id"] or "",
        row["neighbour_text"] or "",
        row["detail"] or "",
        row["cell"],
        {item["name"]: item["value"] for item in row["numbers"] or []},
        row["judged"],
    )
