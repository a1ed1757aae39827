"""requirements.lock: a hash for every file, the versions that are tested, and no address of an index."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
BODY = "\n".join(line for line in LOCK.splitlines() if not line.startswith("#"))


def versions(text: str) -> dict[str, str]:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins}


def test_every_package_has_hashes():
    blocks = re.split(r"\n(?=[A-Za-z])", BODY.strip())
    assert len(blocks) == len(versions(LOCK)) > 100
    assert [block for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)] == []


def test_the_versions_are_those_that_are_tested():
    tested = versions((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    # What a fresh virtual environment has by itself is in no constraint.
    untested = {"setuptools", "async-timeout"}
    assert {
        name: version
        for name, version in versions(LOCK).items()
        if tested.get(name) != version and name not in untested
    } == {}


def test_no_address_stands_in_it():
    assert "://" not in LOCK and "--index" not in LOCK and "--find-links" not in LOCK
    assert "torch" not in versions(LOCK)


def test_what_the_package_needs_is_locked():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[0]
    needed = re.findall(r'^    "([A-Za-z0-9._-]+)', project.partition("dependencies = [")[2], re.MULTILINE)
    missing = {re.sub(r"[-_.]+", "-", name).lower() for name in needed} - set(versions(LOCK)) - {"torch"}
    assert len(needed) > 15 and missing == set()


def test_every_locked_package_stands_in_the_licences():
    text = (ROOT / "LICENCES.md").read_text(encoding="utf-8").lower()
    assert [name for name in versions(LOCK) if name not in re.sub(r"[_.]", "-", text)] == []
    assert "jericho` is under the gpl" in text
