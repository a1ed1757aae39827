"""How many wrong lines the tests notice: a seeded sample of mutations over metrics/, gate/ and rounds/ (cosmic-ray).

Each mutation changes one operator, comparison, number or condition in a copy of the tracked files; the default tests
that import the changed module are run there. What no test notices is named: kill it with a test, or say why not.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator
from report import conditions, table, write_section

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
SECONDS = 120
FILES = 12
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
    """The test files that import the module, those of the gate's guarantees for all of the gate."""
    module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    named = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").glob("test_*.py"))
        if f"{module} " in (text := path.read_text(encoding="utf-8")) or f"{module}\n" in text
    ]
    if file.startswith("synthdata/gate"):
        named += ["tests/test_gate.py", "tests/test_mutations.py"]
    if file.startswith("synthdata/rounds"):
        named += ["tests/test_admit_texts.py", "tests/test_case_texts.py", "tests/test_mutations.py"]
    if file.startswith("metrics/"):
        named += [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").glob("test_metrics_*.py"))]
    return list(dict.fromkeys(named))


def outcome(copy: Path, mutation: Mutation) -> tuple[str, str]:
    """`killed`, `survived`, `untested`, `broken` (its tests fail without it) or `invalid` (no Python), and the line."""
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
    times = {test: seconds(copy, test) for test in tests}
    if None in times.values():
        return "broken", named
    # The quickest first, and of those that take a module in passing only a few: one that notices ends the run.
    quickest = sorted(tests, key=lambda test: times[test] or 0.0)[:FILES]
    target.write_text(after, encoding="utf-8")
    try:
        return ("survived" if run(copy, quickest) in PASSED else "killed"), named
    finally:
        target.write_text(before, encoding="utf-8")


@cache
def seconds(copy: Path, test: str) -> float | None:
    """What this test file takes as the files are; None where it fails, since a failure then proves nothing."""
    start = time.perf_counter()
    return time.perf_counter() - start if run(copy, [test]) in PASSED else None


def run(copy: Path, tests: list[str]) -> int:
    """The exit code of the tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout=0", *tests]
    limited = ["sh", "-c", f'ulimit -t {SECONDS}; exec "$@"', "sh", *command]
    environment = os.environ | {"PYTHONPATH": str(copy), "CI": "true"}
    return subprocess.run(limited, cwd=copy, env=environment, capture_output=True, check=False).returncode


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
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made)
        for file in tracked:
            if (ROOT / file).is_file():
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                (copy / file).write_bytes((ROOT / file).read_bytes())
        for mutation in sample:
            verdict, line = outcome(copy, mutation)
            counts[next(folder for folder in FOLDERS if mutation.file.startswith(folder))][verdict] += 1
            survivors += [(verdict, line)] if verdict in ("survived", "untested", "broken") else []
            print(verdict, mutation.operator, line, flush=True)
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
    head = f"{machine} {len(every):,} changes are possible; {len(sample)} of them were tried (seed {chosen.seed})."
    write_section("mutation", "Wrong lines that the tests notice", f"{head}\n\n{text}\n\n{listed}")


if __name__ == "__main__":
    main()
