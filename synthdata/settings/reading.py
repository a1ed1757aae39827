"""Settings from TOML: unknown keys are refused with the nearest known name."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from synthdata.errors import SettingsError
from synthdata.settings.recipe import Recipe
from synthdata.settings.renamed import RENAMED, refuse_retired, with_new_names, without_retired
from synthdata.settings.runtime import RuntimeSettings
from synthdata.settings.section import Section
from synthdata.settings.shipped import shipped_folder

_MOST = 1_000_000


class Settings(Section):
    """The whole of it; `Settings()` is the default that configs/default.toml spells out."""

    recipe: Recipe = Recipe()
    runtime: RuntimeSettings = RuntimeSettings()

    @classmethod
    def from_toml(cls, path: Path | str) -> Settings:
        """Read a TOML file, or by its bare name one that comes with the package: `default`, `demo`, `night`.

        Raises:
            SettingsError: no such file, not TOML, an unknown key (with the nearest known one) or an impossible value.
        """
        path = shipped(path)
        try:
            # A device goes on for ever.
            with Path(path).open(encoding="utf-8") as file:
                text = file.read(_MOST + 1)
            if len(text) > _MOST:
                raise SettingsError(f"{path}: goes on past a million characters, so these are no settings")
            data = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise SettingsError(f"{path}: cannot be read as TOML: {error}") from error
        refuse_retired(data, str(path))
        return cls.from_dict(data, where=str(path))

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str = "settings") -> Settings:
        """Build from nested dicts, with the same errors as `from_toml`.

        Old names of settings are understood, and what nothing reads any more is left out.
        """
        try:
            return cls.model_validate(with_new_names(without_retired(data)))
        except ValidationError as error:
            raise SettingsError(_explain(error, where)) from error

    def with_value(self, dotted: str, value: object) -> Settings:
        """A copy with one field set, named by its dotted path such as `recipe.gate.tau`."""
        data: dict[str, Any] = self.model_dump()
        *parents, last = RENAMED.get(dotted, dotted).split(".")
        node = data
        for name in parents:
            child = node.get(name)
            node[name] = child if isinstance(child, dict) else {}
            node = node[name]
        node[last] = value
        refuse_retired(data, f"--set {dotted}")
        return Settings.from_dict(data, where=f"--set {dotted}")


def shipped(path: Path | str) -> Path:
    """The path itself, or for a bare name that is no file the settings of that name in the package."""
    asked = Path(path)
    if asked.exists() or asked.suffix or len(asked.parts) != 1:
        return asked
    inside = shipped_folder("configs") / f"{asked.name}.toml"
    if inside.is_file():
        return inside
    return asked


def _explain(error: ValidationError, where: str) -> str:
    lines = []
    for item in error.errors():
        path = [str(part) for part in item["loc"]]
        if item["type"] == "extra_forbidden":
            known = _fields_at(path[:-1])
            near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.0)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            lines.append(f"{where}: unknown setting `{'.'.join(path)}`{hint}")
        elif item["type"] == "value_error":
            # Two fields that do not fit each other: the message names both with their values.
            lines.append(f"{where}: `{'.'.join(path)}`: {item['ctx']['error']}")
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
