"""Run what is missing of E3 and print its tables; what came out is in docs/narrow.md.

    python -m experiments.narrow main --seeds 100-104
    python -m experiments.narrow whole --seeds 100-102
    python -m experiments.narrow refusals
    python -m experiments.narrow report

Seeds under 100 tune, the others confirm. A line of JSON a run; the same command goes on with what is missing.
"""

from __future__ import annotations

import argparse
import os

# Two processes share the machine; a matrix of 64 columns gains nothing from threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from experiments.narrow.arms import PARTS
from experiments.narrow.jobs import run_missing


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb")
    for part in PARTS:
        verb = verbs.add_parser(part, help="runs of these arms that are missing")
        verb.add_argument("--seeds", default="100-102", help="a range such as 100-109, or one seed")
        verb.add_argument("--arms", help="only arms whose name contains this")
    verbs.add_parser("refusals", help="how often real rows of new documents are called outside (R14)")
    verbs.add_parser("report", help="write the tables of docs/narrow.md")
    given = parser.parse_args()
    if given.verb in PARTS:
        first, _, last = given.seeds.partition("-")
        run_missing(given.verb, range(int(first), int(last or first) + 1), given.arms or "")
        return
    if given.verb == "refusals":
        from experiments.narrow.refusals import write as write_refusals

        write_refusals()
        return
    from experiments.narrow.report import show, write

    if given.verb == "report":
        write()
    else:
        show()


if __name__ == "__main__":
    main()
