"""Shared by all tests: a scrubbed environment, repeatable Hypothesis runs and the way to the shared data.

No test data, no fakes (those ship with the library) and nothing that patches code.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SHARED_DATA = Path(__file__).parent.parent.parent / "shared" / "data"

# Set before any test module is imported, since libraries read these once; the fixture below keeps them so.
QUIET = {"DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ.update(QUIET)

# No deadline: a shared machine stalls at random. In CI the examples are the same every time, so a red run is about the
# change; elsewhere each run searches on.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: two workers take a file at a time, and none should wait while the other ends one."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch):
    """No key, endpoint or Prefect setting of whoever runs the tests reaches them, and nothing asks an outside host."""
    foreign = ("PREFECT_", "OPENAI_", "ANTHROPIC_", "SYNTHDATA_")
    # The cache stays: it holds the weights that `make setup` fetched.
    for name in [n for n in os.environ if n.startswith(foreign) and n != "SYNTHDATA_CACHE"]:
        monkeypatch.delenv(name)
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository; tests that need it are skipped elsewhere, and say so."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the shared data folder at ../shared/data beside the repository ({SHARED_DATA} is absent)")
    return SHARED_DATA
