"""Licences of what is installed, as the packages state them: writes LICENCES.md from requirements.lock."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from report import table

ROOT = Path(__file__).parent.parent
# Stated on the project's page, where the package's own metadata say nothing.
ELSEWHERE = {"textworld": "MIT (its repository)"}
COPYLEFT = re.compile(r"\bA?L?GPL|GNU|MPL|Mozilla", re.IGNORECASE)


def locked() -> list[str]:
    """Names of the packages in requirements.lock, torch too."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return sorted({*re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE), "torch"}, key=str.lower)


def licence_of(found: Distribution) -> str:
    """The licence expression, else the classifiers, else the first line of the licence field."""
    stated = found.metadata
    every = stated.get_all("Classifier") or []
    classes = [value.rpartition(" :: ")[2] for value in every if value.startswith("License")]
    named = (stated.get("License") or "").strip().split("\n")[0][:60]
    name = str(stated["Name"]).lower()
    return stated.get("License-Expression") or "; ".join(classes) or named or ELSEWHERE.get(name, "not stated")


def main() -> None:
    """Write the page."""
    rows, copyleft, absent = [], [], []
    for name in locked():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            absent.append(name)
            continue
        licence = licence_of(found)
        rows.append((name, found.version, licence))
        if COPYLEFT.search(licence):
            copyleft.append(f"{name} ({licence})")
    held = "\n".join(f"- {line}" for line in copyleft)
    text = f"""# Licences of what is installed

As each package states it, of `requirements.lock`: the package with the extras train, textworld, traces and secrets.
Written by `python bench/licences.py`.

## With conditions of copyleft

{held}

`jericho` is under the GPL and comes with the extra `textworld` alone: text games are played with it. Without that
extra nothing under the GPL alone is installed; `text-unidecode` may be taken under the Artistic License.

## All

{table(["package", "version", "licence"], rows)}
"""
    if absent:
        text += f"\nNot installed on the machine that wrote this: {', '.join(absent)}.\n"
    (ROOT / "LICENCES.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
