"""Run what is missing of the collapse experiment and print its tables; what came out is in docs/collapse.md.

    python -m experiments.collapse e1 --seeds 100-109
    python -m experiments.collapse e1 --seeds 100-102 --part temperatures
    python -m experiments.collapse report

Without a verb it prints the tables of the results that are there. Tune on seeds 0 to 9, confirm on 100 and more.
"""

from __future__ import annotations

import argparse
import os

# Two processes share the machine; a matrix of 64 columns gains nothing from threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from experiments.collapse.jobs import PARTS, run_missing


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb")
    for experiment, parts in PARTS.items():
        verb = verbs.add_parser(experiment, help=f"parts: {', '.join(parts)}")
        verb.add_argument("--seeds", default="100-102", help="a range such as 100-109, or one seed")
        verb.add_argument("--part", choices=list(parts), default=next(iter(parts)))
        verb.add_argument("--arms", help="only arms whose name contains this")
        verb.add_argument("--temperature", type=float, help="only this temperature")
    verbs.add_parser("report", help="write the tables and plots of docs/collapse.md")
    given = parser.parse_args()
    if given.verb in PARTS:
        first, _, last = given.seeds.partition("-")
        seeds = range(int(first), int(last or first) + 1)
        run_missing(given.verb, given.part, seeds, given.arms or "", given.temperature)
        return
    from experiments.collapse.report import show, write

    if given.verb == "report":
        write()
    else:
        show()


if __name__ == "__main__":
    main()
