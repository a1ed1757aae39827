"""Without the `train` extra: an environment in which its packages really are not there, not one that pretends."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path

import pytest
from export_corpus import game_corpus

from synthdata.consolidation.lora import PACKAGES
from synthdata.export.build import export

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables under which `python -S` finds every installed package but those of the extra."""
    folder = tmp_path_factory.mktemp("site")
    for path in (Path(name) for name in site.getsitepackages()):
        for entry in path.iterdir() if path.is_dir() else ():
            link = folder / entry.name
            if entry.name.split("-")[0].split(".")[0] not in PACKAGES and not link.exists():
                link.symlink_to(entry)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), str(folder)])}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extra")
    export(game_corpus(folder / "corpus", 40), folder / "out")
    return folder


def run(without: dict[str, str], code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-S", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=without)


MAIN = "from synthdata.cli import main; main()"


@pytest.mark.parametrize("verb", [("consolidate", "--release", "1", "--plain"), ("night",)])
def test_training_says_what_to_install_before_anything_is_done(without, made, verb):
    name, *options = verb
    done = run(without, MAIN, name, made / "corpus", *options)
    said = " ".join(done.stderr.split())
    assert done.returncode == 2, said
    assert "pip install 'synthdata-gate[train]'" in said and all(package in said for package in PACKAGES)
    assert "Traceback" not in said and not (made / "corpus" / "nights").exists()


@pytest.mark.long
def test_serving_an_adapter_says_it_too_and_the_rest_works(without, made):
    code = "from synthdata.generation.local import load; load('embedded')"
    done = run(without, code)
    assert "InputError" in done.stderr and "synthdata-gate[train]" in done.stderr
    # What needs no trainer is there: an export is written by the core packages alone.
    done = run(without, MAIN, "export", made / "corpus", made / "again", "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (made / "again" / "manifest.json").read_bytes() and (made / "again" / "sft").is_dir()
