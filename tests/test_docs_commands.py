"""Every command on every page: that its verb and options exist, and on pages for people that it does what is said."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main
from command import executable
from sample_texts import lessons

from synthdata.cli import app

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
# Commands that are not run here, and who runs them.
NOT_RUN = {
    "schedule": "runs until Ctrl-C: tests/test_schedule.py",
    "dashboard": "serves until Ctrl-C: tests/test_dashboard.py; with --static it is run here",
    "run": "needs a model behind the address: tests/test_run.py; with --dry-run it is run here",
}


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def commands(page: Path) -> list[str]:
    """The lines of a page's shell blocks that call the command; continued lines are joined, comments left out."""
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    calls = (re.search(r"(?:^|(?<!-u)[\s/;(])synthdata (.*)", line.split("  #")[0]) for line in lines)
    return [f"synthdata {call[1].strip()}" for call in calls if call and not call[1].startswith("&&")]


def asked(page: Path) -> list[str]:
    """The commands in the cells of a page's tables."""
    return re.findall(r"\| `(synthdata [^`]+)` \|", page.read_text(encoding="utf-8"))


def verbs():
    """Name to command, groups opened."""
    found = dict(typer.main.get_command(app).commands)
    return found | {
        f"{name} {below}": part
        for name, group in found.items()
        for below, part in getattr(group, "commands", {}).items()
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_verb_and_option_on_a_page_exists(page):
    known = verbs()
    for call in [*commands(page), *asked(page)]:
        words = shlex.split(call, comments=True)[1:]
        if words[0].startswith("-"):
            continue
        name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        assert name in known, call
        options = {option for part in known[name].params for option in (*part.opts, *part.secondary_opts)}
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)} - {"--help", "--debug"}
        assert used <= options, call


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z][a-z-]+)", (DOCS / "install.md").read_text()))))
def test_make_targets_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_no_page_links_out_of_the_site():
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).resolve().is_relative_to(DOCS), f"{page.name}: {target}"


def test_the_site_lists_every_page_and_llms_txt_too():
    def leaves(nav):
        for item in nav:
            for value in item.values():
                yield from leaves(value) if isinstance(value, list) else [value]

    nav = list(leaves(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]))
    assert sorted(nav) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
    told = re.findall(r"\]\(([^)]+)\)", (DOCS / "llms.txt").read_text(encoding="utf-8"))
    assert sorted(told) == sorted(nav)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 160


class Desk:
    """A folder with a command `synthdata` on its path, and what the pages take for granted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = os.environ | {"PATH": f"{executable().parent}:{os.environ['PATH']}"}

    def __call__(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def rows(self, name: str, texts: list[str], **fields: str) -> None:
        lines = [json.dumps({"content": text, **fields}) + "\n" for text in texts]
        (self.folder / name).write_text("".join(lines), encoding="utf-8")


def to_run(page: Path) -> list[str]:
    """The commands of a page that end by themselves."""
    kept = []
    for call in commands(page):
        verb = call.split()[1]
        if verb not in NOT_RUN or "--dry-run" in call or "--static" in call:
            kept.append(call)
    return kept


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tutorial_for_texts_does_what_it_says(tmp_path):
    page = DOCS / "tutorial-texts.md"
    desk = Desk(tmp_path / "desk")
    (block,) = blocks(page, "python")
    (desk.folder / "make.py").write_text(block, encoding="utf-8")
    desk(f"{sys.executable} make.py")
    said = {call.split()[1]: desk(call) for call in to_run(page)}
    assert said["inspect"].splitlines()[0].startswith("synthdata") is False
    assert "Exact copy" in said["explain"] or "Near copy" in said["explain"] or "Paraphrase" in said["explain"]
    assert said["status"].startswith("Healthy so far")
    assert (desk.folder / "training-set" / "manifest.json").is_file() and (desk.folder / "report.html").is_file()
    assert "nothing is new" in desk("synthdata admit corpus generated.jsonl")


# The steps of `synthdata demo walk`, without the minutes of the models inside: `make demo` takes those.
DEMO = (
    "synthdata init walk/corpus --reference logs --config demo --set recipe.encoder.backend=hashing",
    "synthdata run walk/corpus --trajectories logs --limit 150 --plain --generator scripted "
    "--set recipe.reflection.reflector=full",
    "synthdata export walk/corpus walk/training-set",
)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_tutorial_for_logs_does_what_it_says(tmp_path):
    desk = Desk(tmp_path / "desk")
    shutil.copytree(ROOT / "data" / "sample", desk.folder / "logs")
    calls = to_run(DOCS / "tutorial-logs.md")
    assert calls[0] == "synthdata demo walk"
    for call in (*DEMO, *(call for call in calls[1:] if not call.startswith("synthdata export"))):
        desk(call)
    assert (desk.folder / "walk" / "training-set" / "manifest.json").is_file()
    assert (desk.folder / "pages" / "index.html").is_file()
    assert len(calls) >= 6


# What stands on the pages for a model that this machine does not have.
INSTEAD = {
    r"recipe\.encoder\.model=models/\S+ --set recipe\.encoder\.dim=\d+": "recipe.encoder.backend=hashing",
    r"recipe\.encoder\.backend=http .*recipe\.encoder\.dim=\d+": "recipe.encoder.backend=hashing",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the how-tos take for granted: logs, texts, and a corpus that holds them."""
    desk = Desk(tmp_path_factory.mktemp("filled"))
    shutil.copytree(ROOT / "data" / "sample", desk.folder / "logs")
    desk.rows("real.jsonl", lessons(150, 1))
    desk.rows("texts.jsonl", lessons(60, 2))
    desk.rows("bought.jsonl", lessons(30, 3), source="bad-vendor")
    desk("synthdata init corpus --reference real.jsonl --set recipe.encoder.backend=hashing")
    desk("synthdata admit corpus texts.jsonl && synthdata admit corpus bought.jsonl")
    return desk.folder


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", sorted((DOCS / "howto").glob("*.md")), ids=lambda page: page.stem)
def test_a_how_to_does_what_it_says(page, filled, tmp_path):
    desk = Desk(shutil.copytree(filled, tmp_path / "desk"))
    making = [call for call in to_run(page) if call.startswith("synthdata init corpus")]
    if making:
        shutil.rmtree(desk.folder / "corpus")
    for call in to_run(page):
        for pattern, instead in INSTEAD.items():
            call = re.sub(pattern, instead, call)
        if call in map(str, making) or call.startswith("synthdata init"):
            shutil.rmtree(desk.folder / "corpus", ignore_errors=True)
        desk(call)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_question_has_a_command_that_answers_it(tmp_path):
    page = DOCS / "faq.md"
    desk = Desk(tmp_path / "desk")
    desk.rows("real.jsonl", lessons(150, 1))
    desk.rows("texts.jsonl", [*lessons(60, 2), *lessons(5, 1)], source="good")
    desk.rows("bought.jsonl", lessons(5, 3) + [f"{text} Ah." for text in lessons(45, 2)], source="bad-vendor")
    desk("synthdata init corpus --reference real.jsonl --set recipe.encoder.backend=hashing")
    desk("synthdata admit corpus texts.jsonl && synthdata admit corpus bought.jsonl")
    name = json.loads(desk("synthdata explain corpus --json"))[0]["id"]
    calls = asked(page)
    text = page.read_text(encoding="utf-8")
    questions = re.findall(r"^\| \[(.+?)\]\(#", text, re.MULTILINE)
    assert len(calls) == len(questions) == 10 and all(f"\n### {question}\n" in text for question in questions)
    answers = dict(zip(questions, (desk(call.replace(" ID", f" {name}")) for call in calls), strict=True))
    assert "Exact copy" in answers["Why was this refused?"]
    assert "neighbour" in answers["Which copy stayed?"]
    assert "Next:" in answers["Can I train on it now?"]
    sources = answers["Which source is worst?"].partition("sources, the worst first")[2]
    assert sources.index("bad-vendor") < sources.index("good")
    assert "beside" in answers["Is my set diverse?"] and "no real row is about" in answers["What does outside mean?"]
    assert "distinct contents" in answers["What is N2?"] and "--cron" in answers["How do I schedule?"]
    assert (desk.folder / "pages" / "compare.html").is_file()
