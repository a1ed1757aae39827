"""README, configs and the command line say the same: commands exist, verbs have help, the tree lists real paths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from synthdata.cli import app
from synthdata.cli.reference import pages

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def section(page: str, title: str) -> str:
    """The text under one second-level heading of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def verbs():
    """Name of each verb to its command object, as the parser itself knows them."""
    return dict(typer.main.get_command(app).commands)


def test_every_verb_has_help_and_every_option_too():
    silent = [name for name, command in verbs().items() if not (command.help or "").strip()]
    assert silent == []
    for name, command in verbs().items():
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, f"{name} {parameter.opts}"


def test_the_verbs_table_is_the_command_line():
    table = set(re.findall(r"^\| `([a-z]+)", section("docs/cli.md", "The verbs"), flags=re.MULTILINE))
    assert table == set(verbs())


COMMANDS = sorted(
    set(
        re.findall(
            r"\bsynthdata ([a-z]+)((?: [^\s`|&]+)*)", "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
        )
    )
)


@pytest.mark.parametrize(("verb", "rest"), COMMANDS, ids=lambda part: part.strip() or "-")
def test_commands_of_the_readme_exist_with_their_options(verb, rest):
    command = verbs()[verb]
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"(--[a-z][a-z-]*)", rest)) <= known


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z][a-z-]+)", README))))
def test_make_targets_of_the_readme_exist(target):
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE)


def tree_paths() -> list[str]:
    """Paths of the README's tree; indentation of two spaces a level, the first word of a line is the name."""
    block = re.search(r"```text\n(.*?)```", section("CONTRIBUTING.md", "The tree"), re.DOTALL)
    assert block
    folders: list[str] = []
    paths: list[str] = []
    for line in block[1].splitlines():
        name = line.split()[0]
        level = (len(line) - len(line.lstrip())) // 2
        folders[level:] = [name]
        paths.append("".join(folders))
    return paths


@pytest.mark.parametrize("path", tree_paths())
def test_the_tree_lists_real_paths(path):
    target = ROOT / path
    assert target.is_dir() if path.endswith("/") else target.is_file()


def test_the_tree_lists_every_room():
    listed = set(tree_paths())
    for path in (ROOT / "synthdata").iterdir():
        if path.name in {"__init__.py", "__main__.py", "__pycache__", "py.typed"}:
            continue
        assert (f"synthdata/{path.name}/" if path.is_dir() else f"synthdata/{path.name}") in listed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("name", ["verbs.md", "settings.md", "reasons.md", "metrics.md"])
def test_the_reference_says_what_the_code_says(name):
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run `python -m synthdata.cli.reference docs/reference`"
