"""How many wrong lines the tests notice: a seeded sample of mutations over metrics/, gate/ and rounds/ (cosmic-ray).

Each mutation changes one operator, comparison, number or condition in a copy of the tracked files; the default tests
that import the changed module are run there. What no test notices is named: kill it with a test, or say why not.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator
from report import conditions, share, table, write_section

ROOT = Path(__file__).parent.parent
FOLDERS = ("metrics", "synthdata/gate", "synthdata/rounds")
# No operator of annotations (`X | None`) and none that only breaks the syntax of a call.
OPERATORS = (
    "core/NumberReplacer", "core/AddNot", "core/ReplaceAndWithOr", "core/ReplaceOrWithAnd", "core/ReplaceTrueWithFalse",
    "core/ReplaceFalseWithTrue", "core/ReplaceBinaryOperator_Add_Sub", "core/ReplaceBinaryOperator_Sub_Add",
    "core/ReplaceBinaryOperator_Mul_Div", "core/ReplaceBinaryOperator_Div_Mul", "core/ReplaceComparisonOperator_Lt_LtE",
    "core/ReplaceComparisonOperator_LtE_Lt", "core/ReplaceComparisonOperator_Gt_GtE",
    "core/ReplaceComparisonOperator_GtE_Gt", "core/ReplaceComparisonOperator_Eq_NotEq",
)  # fmt: skip
# Of processor, not of the clock: beside other work a healthy run would count as one that hangs.
SECONDS = 300
# Test files of a module; those that take it in passing come last and are left out.
FILES = 6
# What nearly every test imports: none of pytest's plugins, which it must import itself, and none of the project's own
# modules, which each fork reads from the copy.
LIBRARIES = "numpy scipy.linalg scipy.special polars deltalake pydantic typer".split()
# All passed, or all are slow ones and none ran.
PASSED = (0, 5)


@dataclass(frozen=True)
class Mutation:
    """One change: the file, the operator, and which of its places in the file."""

    file: str
    operator: str
    occurrence: int


def mutations(files: list[str]) -> list[Mutation]:
    """All changes that the operators can make."""
    found = []
    for file in files:
        tree = get_ast((ROOT / file).read_text(encoding="utf-8"))
        for name in OPERATORS:
            operator = get_operator(name)()
            places = sum(len(list(operator.mutation_positions(node))) for node in walk(tree))
            found += [Mutation(file, name, place) for place in range(places)]
    return found


def walk(node: object) -> list[object]:
    """The nodes of a parso tree, depth first, as cosmic-ray counts them."""
    found = [node]
    for child in getattr(node, "children", ()):
        found += walk(child)
    return found


def tests_of(file: str) -> list[str]:
    """The test files that import the module, first those that import the fewest others, and some of its package."""
    module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    named = {}
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if f"{module} " in text or f"{module}\n" in text:
            named[str(path.relative_to(ROOT))] = len(re.findall(r"(?:metrics|synthdata)\.[\w.]+ import", text))
    tests = sorted(named, key=named.__getitem__)[:FILES]
    if file.startswith("synthdata/gate"):
        tests += ["tests/test_gate.py", "tests/test_mutations.py"]
    if file.startswith("synthdata/rounds"):
        tests += ["tests/test_admit_texts.py", "tests/test_case_texts.py", "tests/test_mutations.py"]
    if file.startswith("metrics/"):
        tests += [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").glob("test_metrics_*.py"))]
    return list(dict.fromkeys(tests))


def outcome(copy: Path, mutation: Mutation) -> tuple[str, str]:
    """`killed`, `survived`, `untested`, `broken` (its tests fail as it is) or `invalid` (no Python), and the line."""
    target = copy / mutation.file
    before = target.read_text(encoding="utf-8")
    visitor = MutationVisitor(mutation.occurrence, get_operator(mutation.operator)())
    after = visitor.walk(get_ast(before)).get_code()
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    number, changed = next(((i, new) for i, (old, new) in enumerate(lines, 1) if old != new), (0, ""))
    named = f"{mutation.file}:{number} {changed.strip()}"
    tests = tests_of(mutation.file)
    if not tests:
        return "untested", named
    try:
        compile(after, mutation.file, "exec")
    except SyntaxError:
        return "invalid", named
    passing = 0
    for test in tests:
        write(target, after)
        noticed = run(copy, test) not in PASSED
        write(target, before)
        # A file that fails as it is proves nothing.
        if noticed and passes(copy, test):
            return "killed", f"{named} ({test})"
        passing += not noticed
    return "survived" if passing else "broken", named


def write(target: Path, text: str) -> None:
    """Write a module; its bytecode goes, which counts as fresh for a change of the same size within a second."""
    target.write_text(text, encoding="utf-8")
    Path(cache_from_source(str(target))).unlink(missing_ok=True)


@cache
def passes(copy: Path, test: str) -> bool:
    """Whether a test file passes without any mutation."""
    return run(copy, test) in PASSED


def run(copy: Path, test: str) -> int:
    """The exit code of a test file, in a fork of this process: libraries that it needs are imported already."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        os.environ |= {"PYTHONPATH": str(copy), "CI": "true"}
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = 1
        # Whatever happens: a fork that went on would end this run and remove the copy.
        try:
            code = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--timeout=0", test]))
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Run a sample and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=60, help="mutations to try")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    machine = conditions()
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    every = mutations([f for f in tracked if f.endswith(".py") and f.startswith(FOLDERS)])
    sample = random.Random(chosen.seed).sample(every, min(chosen.sample, len(every)))
    counts: dict[str, Counter[str]] = {folder: Counter() for folder in FOLDERS}
    survivors = []
    for library in LIBRARIES:
        importlib.import_module(library)
    # No `TemporaryDirectory`, whose finalizer a fork would run too.
    copy = Path(tempfile.mkdtemp())
    try:
        for file in tracked:
            if (ROOT / file).is_file():
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                (copy / file).write_bytes((ROOT / file).read_bytes())
        for mutation in sample:
            verdict, line = outcome(copy, mutation)
            counts[next(folder for folder in FOLDERS if mutation.file.startswith(folder))][verdict] += 1
            survivors += [(verdict, line)] if verdict in ("survived", "untested", "broken") else []
            print(verdict, mutation.operator, line, flush=True)
    finally:
        shutil.rmtree(copy)
    rows = [
        (
            folder,
            found["killed"] + found["survived"] + found["untested"],
            found["killed"],
            found["survived"],
            found["untested"],
        )
        for folder, found in counts.items()
    ]
    text = table(["package", "tried", "killed", "survived", "untested"], rows)
    listed = "\n".join(f"- {verdict}: `{line}`" for verdict, line in survivors)
    head = f"{machine} {len(every):,} changes are possible; {len(sample)} of them were drawn (seed {chosen.seed})."
    tried, killed = (sum(row[column] for row in rows) for column in (1, 2))
    head += f" Killed: {killed} of {tried}, {share(killed, tried)}: in brackets the exact 95 % interval."
    write_section("mutation", "Wrong lines that the tests notice", f"{head}\n\n{text}\n\n{listed}")


if __name__ == "__main__":
    main()
