"""The shape of the project: what a wheel holds, what an import costs, what may be imported, which rooms there are."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

import flows
import metrics
import synthdata

ROOT = Path(__file__).parent.parent
PACKAGES = ("flows", "metrics", "synthdata")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
HEAVY = {
    "datasets", "datasketch", "deltalake", "faiss", "polars", "prefect",
    "sentence_transformers", "textworld", "torch", "transformers", "xllamacpp",
}  # fmt: skip


def modules_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after the statement."""
    program = f"import json, sys; {statement}; print(json.dumps(sorted({{n.partition('.')[0] for n in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=True)
    return set(json.loads(done.stdout))


def imported_roots(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, also inside functions."""
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add((node.module or "").partition(".")[0])
    return roots


def test_the_three_packages_load_from_one_folder():
    # `metrics` and `flows` are common names: another distribution's would be taken silently.
    parents = {Path(package.__file__ or "").parent.parent for package in (flows, metrics, synthdata)}
    assert parents == {ROOT}


def test_metrics_imports_numpy_scipy_and_the_standard_library_alone():
    allowed = {"numpy", "scipy", "metrics"} | sys.stdlib_module_names
    foreign = {str(path): imported_roots(path) - allowed for path in SOURCES if path.is_relative_to(ROOT / "metrics")}
    assert {path: roots for path, roots in foreign.items() if roots} == {}


def test_nothing_unpickles_or_evaluates():
    forbidden = {"pickle", "shelve", "dill", "cloudpickle", "marshal", "joblib"}
    found = {path for path in SOURCES if imported_roots(path) & forbidden}
    # Own objects on their way between own processes; its `load` and `dump`, which read and write files, stay out.
    assert {path.name for path in found} == {"workers.py"}
    (workers,) = found
    lines = [
        line.strip()
        for line in workers.read_text(encoding="utf-8").splitlines()
        if "import" in line and "joblib" in line
    ]
    assert [line for line in lines if line.startswith(("from", "import"))] == [
        "from joblib import Parallel, delayed, parallel_config"
    ]
    calls = {
        f"{path}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"eval", "exec", "hash"}
        # Nothing to run: it clears Python's mark of an interrupted `exec`, see `main` of the command line.
        and ast.unparse(node) != "exec('')"
    }
    assert calls == set()


@pytest.mark.parametrize(
    "statement", ["import synthdata", "from synthdata import settings, records, protocols, errors"]
)
def test_importing_the_library_is_light(statement):
    assert modules_after(statement) & HEAVY == set()


def test_importing_the_command_line_is_light():
    assert modules_after("import synthdata.cli") & HEAVY == set()


def test_importing_the_server_does_not_import_prefect():
    assert "prefect" not in modules_after("import flows.server")


def test_the_root_of_the_library_holds_rooms_and_what_all_of_them_share():
    files = {path.name for path in (ROOT / "synthdata").iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "api.py", "errors.py", "protocols.py", "py.typed"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_lives_in_it(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def tracked_files() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout, to know which files are the project's")
def test_no_tracked_file_names_a_machine_or_is_huge():
    machine_path = re.compile(rb"(?<![\w.])/(work|root)/")
    offenders = []
    for path in tracked_files():
        content = path.read_bytes()
        if len(content) > 1_500_000 or (path != Path(__file__) and machine_path.search(content)):
            offenders.append(str(path.relative_to(ROOT)))
    assert offenders == []


def test_the_distribution_cannot_be_uploaded_by_mistake():
    assert "Private :: Do Not Upload" in distribution("synthdata-gate").metadata.get_all("Classifier", [])


@pytest.mark.slow
def test_the_wheel_holds_exactly_the_three_packages(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    roots = {name.partition("/")[0] for name in names}
    assert {root for root in roots if not root.endswith(".dist-info")} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    expected = {str(path.relative_to(ROOT)) for path in SOURCES}
    assert {name for name in names if name.endswith(".py")} == expected
    pages = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "synthdata" / "dashboard").rglob("*.*")
        if path.suffix in {".html", ".css", ".js"}
    }
    assert pages and pages <= set(names)
    shipped = {f"synthdata/shipped/configs/{path.name}" for path in (ROOT / "configs").iterdir()}
    assert shipped | {"synthdata/shipped/docs/formats.md", "synthdata/shipped/sample/textworld.jsonl.gz"} <= set(names)
    assert {"synthdata/shipped/sample-worlds/browser.jsonl.gz", "synthdata/worlds/browser/policy.toml"} <= set(names)
