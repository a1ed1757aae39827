"""A round as a Prefect flow, for real: the same decisions as without the engine, on logs of any size."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command import SETTINGS, synthdata

SAMPLE = Path(__file__).parent.parent / "data" / "sample"


def after_a_run(corpus: Path, *options: str) -> tuple[dict[str, object], str]:
    done = synthdata("run", corpus, "--trajectories", SAMPLE, "--generator", "scripted", "--json", *options)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    return json.loads(done.stdout), synthdata("verify", corpus, "--digest").stdout.split()[-1]


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(900)
def test_a_flow_decides_like_the_plain_round(tmp_path: Path) -> None:
    # All 234 runs: as parameters of a flow they would be over the 512 KiB that Prefect takes.
    (tmp_path / "settings.toml").write_text(SETTINGS + "\n[runtime]\nchunk_size = 50\n")
    made = synthdata("init", tmp_path / "flow", "--reference", SAMPLE, "--config", tmp_path / "settings.toml")
    assert made.returncode == 0, made.stderr
    shutil.copytree(tmp_path / "flow", tmp_path / "plain")
    report, digest = after_a_run(tmp_path / "flow")
    plain, other = after_a_run(tmp_path / "plain", "--plain")
    assert sum(report["counts"].values()) >= 234  # type: ignore[attr-defined]
    assert report == plain
    assert digest == other


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(900)
def test_what_ends_a_flow_is_said_once_and_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    made = synthdata("init", tmp_path / "c", "--reference", SAMPLE, "--config", tmp_path / "settings.toml")
    assert made.returncode == 0, made.stderr
    # Twenty-nine runs cannot fill an anchor that wants thirty.
    done = synthdata("run", tmp_path / "c", "--trajectories", SAMPLE, "--generator", "scripted", "--limit", "29")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    assert (done.stderr + done.stdout).count("needs distinct candidates of 30 trajectories") == 1
