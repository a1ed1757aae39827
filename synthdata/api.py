"""The corpus as a Python object: make one, admit to it, ask it. The command line and the flows are thin over this.

`Corpus` joins store, anchor, encoder and gate for one process; it holds no rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from synthdata.corpus import CorpusStore
from synthdata.corpus.store import picture_store_of
from synthdata.errors import InputError
from synthdata.gate.anchor import Anchor, AnchorHeader, load_anchor, save_content, save_context
from synthdata.gate.calibrate import calibrate
from synthdata.gate.epochs import current_anchor, epoch_events
from synthdata.gate.fluency import Likelihood
from synthdata.gate.heldout import HeldOut, HeldOutRow, write_heldout
from synthdata.gate.reference import Reference, clean, load_reference, save_reference
from synthdata.monitor.alarms import freeze_on_red
from synthdata.monitor.running import noting
from synthdata.monitor.screen_vectors import measure_screens
from synthdata.monitor.snapshot import before_and_after, ensure_snapshot
from synthdata.monitor.status import alarms_of, describe, note_last_call
from synthdata.protocols import Advance, Encoder, ImageEncoder, Judge, Progress, Vectors, no_advance, no_progress
from synthdata.records import Candidate, Decision, QuarantinedRow, Trajectory, canonical_json, content_hash
from synthdata.records.report import RoundReport
from synthdata.rounds.ahead import encode_ahead
from synthdata.rounds.budget import BudgetLedger
from synthdata.rounds.coerce import ReferenceLike, TextLike, as_candidates
from synthdata.rounds.decide import Batch, RoundOptions, RoundOutcome, RowVectors, decide_round
from synthdata.rounds.fluency import make_likelihood
from synthdata.rounds.judges import JudgePanel, RoundJudges, build_panel, use_judge
from synthdata.rounds.living import begin_epoch, next_epoch
from synthdata.rounds.predecided import number_duplicates, quarantine
from synthdata.rounds.restore import CorpusGate
from synthdata.rounds.steps import ViewChoice, encode_reference, reference_preamble, reference_rows, views_of
from synthdata.rounds.unreadable import check_readable, readable_rows
from synthdata.rounds.workers import workers_for
from synthdata.settings import Settings
from synthdata.similarity.encoder import make_encoder
from synthdata.similarity.images import make_image_encoder
from synthdata.similarity.preamble import CuttingEncoder
from synthdata.similarity.vectors import CachedImageEncoder, encode_with_progress
from synthdata.sources import Reading


@dataclass(frozen=True)
class RoundLimits:
    """Where a round ends, None for nowhere, and what pays its judges, None for a run of its own."""

    max_admitted: int | None = None
    ledger: BudgetLedger | None = None


class Corpus:
    """An open corpus. `settings` are those it was made with unless others are given."""

    def __init__(
        self,
        store: CorpusStore,
        settings: Settings,
        encoder: Encoder | None = None,
        judge: Judge | None = None,
        image_encoder: ImageEncoder | None = None,
    ) -> None:
        self.store = store
        self._encoder = encoder
        self._image_encoder = image_encoder
        self._panel: JudgePanel | None = None
        self._anchor: Anchor | None = None
        self._reference: tuple[int, Reference] | None = None
        self._likelihood: Likelihood | None = None
        self.settings = settings
        if judge is not None:
            self._panel, self.settings = use_judge(judge, settings)

    @classmethod
    def init(  # noqa: PLR0913 - each is a choice of its own
        cls,
        path: Path | str,
        reference: Path | str | Sequence[ReferenceLike],
        *,
        settings: Settings | None = None,
        encoder: Encoder | None = None,
        views: ViewChoice = "auto",
        heldout: Iterable[HeldOutRow] = (),
        read: Mapping[str, object] | None = None,
        progress: Progress = no_progress,
    ) -> Corpus:
        """Make a corpus and freeze anchor 0 from real reference data: a path, or rows.

        A row is a string, a dict with `content`, `context` or both, or a `ReferenceRow`. `read` is kept beside the
        corpus' beginning: how the reference was read.

        Raises:
            InputError: the path or the folder cannot be used.
            AnchorError: too few distinct reference rows.
        """
        settings = settings or Settings()
        likelihood = make_likelihood(settings)
        rows = reference_rows(reference, settings, picture_store_of(path, settings.runtime))
        chosen = views_of(rows, views)
        base = encoder or make_encoder(settings.recipe.encoder, settings.runtime)
        if chosen == "one":
            rows = [replace(row, context="") for row in rows]
        recipe = settings.recipe
        preamble = reference_preamble(rows, recipe.anchor)
        encoder = base if preamble is None else CuttingEncoder(base, preamble)
        rows = readable_rows(rows, encoder, recipe.encoder)
        with progress("embedding", 2 * len(rows)) as advance:
            vectors = encode_reference(rows, encoder, advance)
        with progress("calibrating", 2) as advance:
            cut = str if preamble is None else preamble.cut
            cleaned = clean(rows, *vectors, recipe.anchor, recipe.gate, cut)
            advance(1)
            header = AnchorHeader(0, chosen, encoder.fingerprint, preamble)
            anchor = calibrate(cleaned, header, recipe.anchor, likelihood, advance)
            advance(1)
        values = {"recipe": recipe.model_dump(), "runtime": settings.runtime.model_dump()}
        with CorpusStore.making(path, views=chosen, **values) as store:
            with store.adding(store.heldout_dir) as folder:
                write_heldout(folder, list(heldout))
            if read:
                # Before the anchor, which ends the making: whoever runs a killed `init` again must find all or nothing.
                store.append_event("read", content_hash(canonical_json(read), "0"), dict(read), 0)
            with store.new_anchor(0) as folder:
                save_reference(folder, cleaned)
                if anchor.content is not None:
                    save_content(folder, anchor.content)
                save_context(folder, anchor)
        return cls(store, settings, base)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        settings: Settings | None = None,
        encoder: Encoder | None = None,
        judge: Judge | None = None,
        image_encoder: ImageEncoder | None = None,
    ) -> Corpus:
        """Open a corpus with the settings it was made with, or others.

        `judge` takes the place of recipe.judge.models, `image_encoder` of runtime.image_encoder.

        Raises:
            InputError: not a corpus.
        """
        store = CorpusStore.open(path)
        settings = settings or Settings.from_dict(store.settings, where=str(path))
        return cls(store, settings, encoder, judge, image_encoder)

    @property
    def anchor(self) -> Anchor:
        """The current anchor in its current epoch, read anew where that changes or its first round completes it."""
        held, number = self._anchor, self.store.anchor
        known = None if held is None or held.content is None else (held.number, held.context.epoch)
        if held is None or known != (number, len(epoch_events(self.store, number))):
            held = current_anchor(self.store)
        self._anchor = held
        return held

    def _first_epoch(self) -> Anchor:
        """The current anchor as it was frozen: tiles and alarms compare rounds in its cells, which never move."""
        anchor = self.anchor
        return load_anchor(self.store.anchor_dir()) if anchor.context.epoch else anchor

    @property
    def reference(self) -> Reference:
        """The rows of the current anchor, read once for each number."""
        if self._reference is None or self._reference[0] != self.store.anchor:
            self._reference = self.store.anchor, load_reference(self.store.anchor_dir())
        return self._reference[1]

    @property
    def gate(self) -> CorpusGate:
        """What decisions stand on now."""
        return CorpusGate(self.store, self.anchor, self.reference, self.settings.recipe, self.likelihood)

    def describe_anchor(self) -> dict[str, object]:
        """The current anchor as plain facts."""
        return describe(self.anchor, self.settings.recipe.gate)

    @property
    def encoder(self) -> Encoder:
        """The encoder of the settings, behind the corpus' vector cache; it does not look at the anchor's preamble.

        Raises:
            AnchorError: the anchor was made with another.
        """
        if self._encoder is None:
            cache = self.store.cache_dir / "vectors"
            self._encoder = make_encoder(self.settings.recipe.encoder, self.settings.runtime, cache)
        # Each look at the anchor asks the table of events whether a new epoch has begun.
        anchor = self.anchor
        encoder = anchor.encoder_of(self._encoder)
        anchor.check_encoder(encoder.fingerprint)
        return encoder

    @property
    def image_encoder(self) -> ImageEncoder | None:
        """What measures pictures, behind the corpus' vector cache; None where neither caller nor settings name one.

        Raises:
            SettingsError: an endpoint without a model.
        """
        cache = self.store.cache_dir / "vectors"
        given = self._image_encoder
        return CachedImageEncoder(given, cache) if given else make_image_encoder(self.settings.runtime, cache)

    @property
    def likelihood(self) -> Likelihood | None:
        """The language model of the fluency band, behind the corpus' cache; None where the recipe names none."""
        if self._likelihood is None:
            self._likelihood = make_likelihood(self.settings, self.store.cache_dir / "fluency")
        return self._likelihood

    def encode(self, texts: Sequence[str], advance: Advance = no_advance) -> Vectors:
        """Vectors (n, d) of texts, by the corpus' encoder and from its cache."""
        return encode_with_progress(self.encoder, texts, advance)

    def admit(
        self,
        candidates: Sequence[TextLike],
        *,
        predecided: Sequence[Decision] = (),
        quarantined: Sequence[QuarantinedRow] = (),
        max_admitted: int | None = None,
        ledger: BudgetLedger | None = None,
        progress: Progress = no_progress,
    ) -> RoundReport:
        """Decide texts (strings, dicts with `content`, or candidates) as one round and commit it.

        The same input again changes nothing.
        The round ends at `max_admitted` admissions; candidates that were not reached by then get no decision.
        `predecided` are decisions that needed no gate (abstentions, unusable answers), `quarantined` rows that could
        not be read; both become part of the round, so that its counts add up to the input. `ledger` pays the judges;
        without one each call is a run of its own by the budget.

        Raises:
            LockedError: another process is writing.
            AnchorError: the encoder differs from the anchor's, or an open anchor cannot be filled from so few rows.
            BudgetExceededError: the budget does not pay for the judges; nothing is decided, their answers are kept.
        """
        progress = noting(self.store, progress)
        # Made before anything is decided: settings that cannot be used must not be found out behind a round.
        image_encoder = self.image_encoder
        predecided = number_duplicates([*predecided, *(quarantine(row) for row in quarantined)])
        with self.store.writing():
            latest = self.store.latest_round()
            if latest:
                self._watch(latest)
            report = self._admit(as_candidates(candidates), predecided, RoundLimits(max_admitted, ledger), progress)
            if not report.repeated:
                self._measure_screens(image_encoder, progress)
            note_last_call(self.store, report.already_decided)
            return report

    def decide(
        self,
        candidates: Sequence[TextLike],
        *,
        max_admitted: int | None = None,
        ledger: BudgetLedger | None = None,
        progress: Progress = no_progress,
    ) -> RoundOutcome:
        """What `admit` would decide about these candidates now; nothing is written but caches.

        Raises:
            AnchorError: the encoder differs from the anchor's, or the anchor is open still.
            BudgetExceededError: the budget does not pay for the judges.
        """
        self.anchor.require_content()
        return self._decide(as_candidates(candidates), RoundLimits(max_admitted, ledger), progress)

    def note_reading(self, reading: Reading, source: str) -> None:
        """Keep beside the last round how its input was read: by which columns, and what was left out.

        Raises:
            LockedError: another process is writing.
        """
        facts = {"source": source, **reading.facts()}
        with self.store.writing():
            latest = self.store.latest_round()
            self.store.append_event("read", content_hash(canonical_json(facts), str(latest)), facts, latest)

    def hold_out(self, rows: Sequence[HeldOutRow]) -> list[tuple[str, str]]:
        """Add texts or hashes that must never be admitted from now on; ids and overlaps of rows admitted already.

        What was decided before stays decided: retract the rows that this names.

        Raises:
            LockedError: another process is writing.
        """
        settings = self.settings.recipe.gate
        with self.store.writing():
            with self.store.adding(self.store.heldout_dir) as folder:
                write_heldout(folder, rows)
            new = HeldOut.of_rows(rows, settings)
            frame = self.store.admitted(columns=["id", "content", "context"])
            overlaps = [(i, new.overlap(content) or new.overlap(context)) for i, content, context in frame.iter_rows()]
        return [(i, f"{overlap.kind}: {overlap.span}") for i, overlap in overlaps if overlap is not None]

    def _admit(
        self, candidates: Sequence[Candidate], predecided: list[Decision], limits: RoundLimits, progress: Progress
    ) -> RoundReport:
        everyone = [*candidates, *(decision.candidate for decision in predecided)]
        fingerprint = self.settings.recipe.decision_fingerprint()
        ids = sorted(candidate.id for candidate in everyone)
        if len(set(ids)) < len(ids):
            raise InputError("two candidates of one input have the same id; number equal rows by `occurrence`")
        end = [] if limits.max_admitted is None else [f"at {limits.max_admitted} admissions"]
        key = content_hash(canonical_json(ids), fingerprint, str(self.store.anchor), *end, length=64)
        earlier = self.store.find_round(key)
        if earlier is not None:
            return RoundReport(earlier, (), already_decided=len(everyone), repeated=True)
        known = self.store.known_ids(ids, fingerprint, self.store.anchor)
        fresh = [candidate for candidate in candidates if candidate.id not in known]
        decisions = [decision for decision in predecided if decision.candidate.id not in known]
        done = len(everyone) - len(fresh) - len(decisions)
        vectors: RowVectors = {}
        if fresh:
            self._live()
            outcome = self._decide(fresh, limits, progress)
            decisions, vectors = outcome.decisions + decisions, outcome.vectors
        if not decisions:
            return RoundReport(self.store.latest_round(), (), already_decided=done, repeated=True)
        stamp = {"round_key": key, "recipe": fingerprint}
        number = self.store.commit_round(decisions, vectors, anchor=self.store.anchor, **stamp)
        with progress("measuring", 1) as advance:
            narrows = self._watch(number, vectors)
            advance(1)
        before, after = before_and_after(self.store, number)
        return RoundReport(number, decisions, done, False, before, after, self._alarm(number) or narrows)

    def _decide(self, candidates: Sequence[Candidate], limits: RoundLimits, progress: Progress) -> RoundOutcome:
        runs = self.runs(candidates)
        workers = workers_for(len(candidates), self.settings.runtime)
        if self.settings.runtime.ray_address:
            self.anchor.check_encoder(self.encoder.fingerprint)
            views = [candidate.content for candidate in candidates], [candidate.context for candidate in candidates]
            cut = [self.anchor.cut(text) for view in views for text in view]
            encode_ahead(self._encoder, cut, self.settings.recipe.encoder, workers.mapper)
        with progress("embedding", len(candidates)) as advance:
            content = self.encode([candidate.content for candidate in candidates], advance)
        two = self.store.views == "two"
        context = self.encode([candidate.context for candidate in candidates]) if two else content
        unreadable = check_readable(candidates, self.encoder, self.settings.recipe.encoder, two)
        options = RoundOptions(
            self._judges(runs, limits.ledger), limits.max_admitted, mapper=workers.mapper, deal=workers.deal
        )
        with progress("deciding", len(candidates)) as advance:
            batch = Batch(candidates, context, content, runs, unreadable)
            return decide_round(self.gate, batch, options, advance)

    def _live(self) -> None:
        """Begin the epoch of a living anchor that the real rows so far ask for, if they do."""
        recipe = self.settings.recipe
        due = next_epoch(self.store, self.anchor, self.reference, self.encode, recipe.anchor, recipe.gate.alpha_outside)
        if due is not None:
            begin_epoch(self.store, due)

    def _judges(self, runs: Mapping[str, Trajectory], ledger: BudgetLedger | None) -> RoundJudges | None:
        ledger = ledger or BudgetLedger(self.store, self.settings)
        responses = self.store.cache_dir / "responses"
        panel = self._panel or build_panel(self.settings, self.store.secret, responses, ledger.pay)
        return None if panel is None else RoundJudges(panel, self.settings, runs, self.store.trajectories)

    def runs(self, candidates: Sequence[Candidate]) -> dict[str, Trajectory]:
        """The trajectories that candidates speak of and the corpus holds, by id."""
        known = set(self.store.experience_table.read(["id"])["id"])
        wanted = sorted({candidate.trajectory_id for candidate in candidates} & known)
        return {run.id: run for run in self.store.trajectories(wanted)} if wanted else {}

    def watch(self) -> None:
        """Measure the last round and freeze exports where it is red, as far as a kill has kept that from happening.

        Raises:
            LockedError: another process is writing.
        """
        with self.store.writing():
            latest = self.store.latest_round()
            if latest:
                self._watch(latest)
                self._measure_screens(self.image_encoder, no_progress)

    def _measure_screens(self, encoder: ImageEncoder | None, progress: Progress) -> None:
        """Measure by vectors the pictures of this round, and of those before that an endpoint's failure left out."""
        if encoder is not None:
            measure_screens(self.store, self.reference, encoder, self.settings.recipe.anchor.seed, progress)

    def _watch(self, number: int, vectors: RowVectors | None = None) -> str:
        """Measure a round, once, and freeze exports where the trend up to it is red; why, or nothing.

        `vectors` are those of its rows by id, where they are at hand.
        """
        anchor = self._first_epoch()
        ensure_snapshot(self.store, anchor, self.reference, self.encoder, self.settings, number, vectors)
        alarms = alarms_of(self.store, self.store.snapshots(number), self.anchor)
        reason = freeze_on_red(self.store, alarms, number)
        return f"{reason}; exports are frozen until `unfreeze CORPUS --reason ...`" if reason else ""

    def _alarm(self, number: int) -> str:
        content = self.anchor.content
        if number == 1 and content is not None and content.calibrated_from == "generator":
            n2, least = 1 / content.collision, self.settings.recipe.anchor.first_round_min_effective_number
            if n2 < least:
                return (
                    f"the first round calibrates this corpus, and its effective number is {n2:.1f}, under {least:g}: "
                    "the generator teaches few things. Use a better one or other trajectories, in a new corpus"
                )
        return ""
