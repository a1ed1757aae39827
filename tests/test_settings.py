"""Settings: the documented defaults are the defaults, typos are named, and only the recipe is hashed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.errors import SettingsError
from synthdata.settings import Recipe, RuntimeSettings, Section, Settings

CONFIGS = Path(__file__).parent.parent / "configs"
DEFAULT_TOML = CONFIGS / "default.toml"
# A field whose default is None cannot be written in TOML; default.toml shows it as a commented assignment.
ASSIGNMENT = re.compile(r"^(#\s*)?([a-z][a-z0-9_]*) = ")


def fields_of(model: type[Section], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            names |= fields_of(kind, f"{prefix}{name}.")
        else:
            names.add(prefix + name)
    return names


def documented_fields(text: str) -> dict[str, str]:
    """Dotted name of every field that the file shows, with the comment that stands over it or behind it."""
    table, comment, found = "", "", {}
    for line in text.splitlines():
        assignment = ASSIGNMENT.match(line)
        if line.startswith("["):
            table, comment = line.strip("[]"), ""
        elif assignment:
            found[f"{table}.{assignment[2]}"] = comment
            comment = ""
        elif line.startswith("#"):
            comment += line.removeprefix("#")
        else:
            comment = ""
    return found


def test_default_toml_is_the_default():
    assert Settings.from_toml(DEFAULT_TOML) == Settings()


def test_default_toml_names_every_field_and_no_other():
    assert set(documented_fields(DEFAULT_TOML.read_text(encoding="utf-8"))) == fields_of(Settings)


def test_every_field_has_a_comment():
    comments = documented_fields(DEFAULT_TOML.read_text(encoding="utf-8"))
    assert [name for name, comment in comments.items() if len(comment.split()) < 3] == []


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_shipped_configs_are_valid(path):
    Settings.from_toml(path)


@pytest.mark.parametrize("name", ["default", "demo"])
def test_shipped_settings_are_read_by_their_name_unless_a_file_has_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.from_toml(name) == Settings.from_toml(CONFIGS / f"{name}.toml")
    (tmp_path / name).write_text("[recipe.gate]\nlesson_quota = 7\n")
    assert Settings.from_toml(name).recipe.gate.lesson_quota == 7
    with pytest.raises(SettingsError, match="no-such-name"):
        Settings.from_toml("no-such-name")


def test_unknown_key_names_file_path_and_nearest(tmp_path):
    path = tmp_path / "typo.toml"
    path.write_text("[recipe.gate]\nlesson_quotta = 3\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"typo\.toml.*recipe\.gate\.lesson_quotta.*did you mean `lesson_quota`"):
        Settings.from_toml(path)


def test_unknown_section_names_the_nearest():
    with pytest.raises(SettingsError, match="did you mean `runtime`"):
        Settings.from_dict({"runtme": {}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[recipe.gate]\nbands = 'many'\n", r"recipe\.gate\.bands.*'many'"),
        ("[runtime]\nchunk_size = 0\n", r"runtime\.chunk_size.*0"),
        ("[recipe.encoder]\nbackend = 'gpu'\n", r"recipe\.encoder\.backend.*'gpu'"),
        ("recipe = [", "cannot be read as TOML"),
    ],
)
def test_bad_values_say_which_and_what(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        Settings.from_toml(path)


def test_missing_and_undecodable_files_are_named(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        Settings.from_toml(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b'cache_dir = "\xff"')
    with pytest.raises(SettingsError, match=r"latin\.toml"):
        Settings.from_toml(tmp_path / "latin.toml")


@given(st.integers(min_value=1, max_value=64))
def test_the_fingerprint_follows_the_recipe_and_not_the_runtime(number):
    base = Settings()
    changed = base.with_value("recipe.gate.lesson_quota", number)
    same = number == base.recipe.gate.lesson_quota
    assert (changed.recipe.fingerprint() == base.recipe.fingerprint()) == same
    faster = base.with_value("runtime.concurrency", number)
    assert faster.runtime.concurrency == number
    assert faster.recipe.fingerprint() == base.recipe.fingerprint()


def test_every_recipe_section_enters_the_fingerprint():
    base = Recipe()
    for name, field in Recipe.model_fields.items():
        section = getattr(base, name)
        key, value = next(item for item in section.model_dump().items() if isinstance(item[1], int | float))
        other = not value if isinstance(value, bool) else value + 1
        changed = base.model_copy(update={name: section.model_copy(update={key: other})})
        assert changed.fingerprint() != base.fingerprint(), field


def test_with_value_sets_one_field_and_leaves_the_rest():
    changed = Settings().with_value("recipe.gate.tau", 0.93)
    assert changed.recipe.gate.tau == 0.93
    assert changed.with_value("recipe.gate.tau", None) == Settings()


@pytest.mark.parametrize("dotted", ["recipe.gate.tao", "recipe.gait.tau", "recipe.gate.tau.deep", "tau"])
def test_with_value_refuses_what_is_not_a_field(dotted):
    with pytest.raises(SettingsError, match=r"--set "):
        Settings().with_value(dotted, 0.5)


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        RuntimeSettings().threads = 4  # type: ignore[misc]


@pytest.mark.parametrize("said", ["goes on past a million", "cannot be read as TOML"])
def test_a_file_without_end_or_nested_without_end_is_refused(tmp_path: Path, said: str) -> None:
    path = tmp_path / "deep.toml"
    path.write_text(f"a = {'[' * 100_000}")
    with pytest.raises(SettingsError, match=said):
        Settings.from_toml("/dev/zero" if "million" in said else path)
