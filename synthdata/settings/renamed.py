"""Settings that were called something else: old names are read for one version, and the command line says so."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from synthdata.errors import SettingsError

# Old dotted name -> new dotted name. Stored corpora may hold old names for ever; a file or `--set` only until 0.3.
RENAMED = {
    "recipe.anchor.fill_n2": "recipe.anchor.first_round_min_effective_number",
    "recipe.floor.odd_pairs": "recipe.floor.rare_bigram_share",
    "recipe.floor.blob_share": "recipe.floor.encoded_share",
    "recipe.floor.own_words": "recipe.floor.grounding_min_words",
    "recipe.floor.own_share": "recipe.floor.grounding_min_share",
    "recipe.floor.own_many": "recipe.floor.grounding_sufficient_words",
    "recipe.floor.own_least": "recipe.floor.grounding_long_text_share",
    "recipe.gate.dream_share": "recipe.gate.out_of_distribution_share",
}

# Settings of older versions that nothing reads any more: a corpus that was made with them opens all the same.
RETIRED = {
    "recipe.training.resamples": "intervals are Student's t over tasks, which draws nothing",
    "recipe.training.control_share": "the control has the sleep's real rows: recipe.training.control, harm_margin",
    "recipe.anchor.generic_percentile": "what is generic is a p-value now: recipe.gate.false_refusal, generic_share",
    "recipe.anchor.outside_percentile": "what is outside is a p-value now: recipe.gate.false_refusal, outside_share",
}


def old_names(data: dict[str, Any]) -> list[str]:
    """The old dotted names that nested settings use."""
    return [old for old in RENAMED if _parent(data, old).get(old.rpartition(".")[2]) is not None]


def with_new_names(data: dict[str, Any]) -> dict[str, Any]:
    """The same nested settings under today's names; the input is not changed. A new name beside its old one wins."""
    renamed = deepcopy(data)
    for old, new in RENAMED.items():
        section = _parent(renamed, old)
        if old.rpartition(".")[2] in section:
            value = section.pop(old.rpartition(".")[2])
            _parent(renamed, new).setdefault(new.rpartition(".")[2], value)
    return renamed


def _parent(data: dict[str, Any], dotted: str) -> dict[str, Any]:
    node: Any = data
    for name in dotted.split(".")[:-1]:
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def refuse_retired(data: dict[str, Any], where: str) -> None:
    """Refuse settings that nothing reads any more, where a user gives them.

    Raises:
        SettingsError: names the setting and what took its place.
    """
    for name, why in RETIRED.items():
        if name.rpartition(".")[2] in _parent(data, name):
            raise SettingsError(f"{where}: there is no setting `{name}` any more: {why}")


def without_retired(data: dict[str, Any]) -> dict[str, Any]:
    """The same nested settings without those that nothing reads any more; the input is not changed."""
    kept = deepcopy(data)
    for name in RETIRED:
        _parent(kept, name).pop(name.rpartition(".")[2], None)
    return kept
