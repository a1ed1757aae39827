"""What verbs give a notebook: the report itself, with a short `repr`, a table, a frame and a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthdata.notebook import html
from synthdata.records import Decision
from synthdata.records.report import RoundReport
from synthdata.text.names import reason_name

if TYPE_CHECKING:
    import polars as pl

_COLUMNS = ("id", "verdict", "reason", "score", "threshold", "content", "neighbour")


@dataclass(frozen=True)
class Picture:
    """An SVG that a notebook shows."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<picture of {len(self.svg)} characters of SVG>"


@dataclass(frozen=True, repr=False)
class Result:
    """The report of a verb as `value`, whose fields are reached through this as well, with how it is shown.

    `columns` and `rows` are its table, `numbers` what `plot` draws.
    """

    value: Any
    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the fields of any report
        if name.startswith("__") or name == "value":
            raise AttributeError(name)
        return getattr(self.value, name)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - a key of facts, or a place in a list
        return self.value[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value if isinstance(self.value, Mapping | Sequence) else self.rows)

    def __len__(self) -> int:
        return len(self.value if isinstance(self.value, Mapping | Sequence) else self.rows)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def _repr_html_(self) -> str:
        return html.table(self.title, self.columns, self.rows)

    def to_polars(self) -> pl.DataFrame:
        """The table as a frame."""
        return frame(self.columns, self.rows)

    def plot(self) -> Picture:
        """The numbers as bars."""
        return Picture(html.picture(self.title, self.numbers))


@dataclass(frozen=True, repr=False)
class RoundResult(RoundReport):
    """A round's report that also knows the decisions made `earlier` on rows of this input.

    `decisions` are the new ones. Iterating gives one decision for each row that was given and decided, new or earlier,
    in the order of the input; rows that could not be read come last.
    """

    earlier: Sequence[Decision] = ()
    order: Sequence[str] = ()

    @property
    def all(self) -> list[Decision]:
        """New and earlier decisions in the order of the input."""
        place = {name: i for i, name in enumerate(self.order)}
        return sorted([*self.decisions, *self.earlier], key=lambda d: place.get(d.candidate.id, len(place)))

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.decisions) + len(self.earlier)

    def __bool__(self) -> bool:
        return True

    @property
    def title(self) -> str:
        """What became of the input, in one line."""
        counts = self.counts
        reasons = ", ".join(f"{reason_name(reason)} {n}" for reason, n in self.reasons.items())
        parts = [f"{counts['admit']} admitted", f"{counts['reject']} refused" + (f" ({reasons})" if reasons else "")]
        parts += [f"{counts['quarantine']} unreadable"] if counts["quarantine"] else []
        parts += [f"{self.already_decided} decided before"] if self.already_decided else []
        return f"round {self.round}: {', '.join(parts)}" + (f"; alarm: {self.alarm}" if self.alarm else "")

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def _repr_html_(self) -> str:
        return html.table(self.title, _COLUMNS, list(map(_row, self.all)))

    def to_polars(self) -> pl.DataFrame:
        """One row a decision."""
        return frame(_COLUMNS, list(map(_row, self.all)))

    def plot(self) -> Picture:
        """Admitted rows and those refused by each reason, as bars."""
        reasons = {reason_name(reason): n for reason, n in self.reasons.items()}
        return Picture(html.picture(self.title, {"admitted": self.counts["admit"], **reasons}))


def _row(decision: Decision) -> tuple[Any, ...]:
    reason = None if decision.reason is None else str(decision.reason)
    texts = (decision.candidate.content, decision.neighbour_text or None)
    return (decision.candidate.id, str(decision.verdict), reason, decision.score, decision.threshold, *texts)


def frame(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Rows as a frame; a column of mixed values becomes text."""
    import polars as pl

    columns_of = [[row[i] for row in rows] for i in range(len(columns))]
    return pl.DataFrame([_series(name, values) for name, values in zip(columns, columns_of, strict=True)])


def _series(name: str, values: list[Any]) -> pl.Series:
    import polars as pl

    plain = {type(value) for value in values if value is not None}
    if plain <= {int, float} and float in plain:
        values = [None if value is None else float(value) for value in values]
    elif len(plain) > 1 or plain - {str, int, float, bool}:
        values = [None if value is None else str(value) for value in values]
    return pl.Series(name, values, dtype=None if plain else pl.String)
