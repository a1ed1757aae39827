"""Rounds on Ray decide what rounds in one process decide, also while its processes are killed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sample_texts import lessons
from test_docs_commands import DOCS, Desk, to_run

from synthdata.api import Corpus
from synthdata.corpus.digest import digest
from synthdata.gate.reference import ReferenceRow
from synthdata.settings import Settings

pytestmark = [
    pytest.mark.slow,
    # Ray's processes take long to begin where others use the cores.
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed: synthdata-gate[ray]"),
]

# One cluster for all rounds: starting it is most of the time. A killer ends the first process of each kind.
SCRIPT = """
import json, os, sys, threading, time
from dataclasses import replace
from pathlib import Path
from synthdata.api import Corpus
from synthdata.corpus.digest import digest
from synthdata.errors import InputError
from synthdata.rounds.workers import workers_for

def processes():
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            yield int(folder.name), parent, (folder / "cmdline").read_text().rstrip("\\0")
        except (FileNotFoundError, ProcessLookupError):
            continue

def descendants():
    every, own = list(processes()), {os.getpid()}
    while more := {pid for pid, parent, _ in every if parent in own} - own:
        own |= more
    return {pid: name for pid, _, name in every if pid in own}

def kill_each_kind(kinds, killed, done):
    while kinds - killed.keys() and not done.is_set():
        for pid, name in descendants().items():
            kind = next((kind for kind in kinds - killed.keys() if name.startswith(kind)), None)
            if kind is not None:
                os.kill(pid, 9)
                killed[kind] = pid
        time.sleep(0.002)

def ports():
    sockets = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                sockets[fields[9]] = fields[1].rpartition(":")[0]
    for pid in descendants():
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            try:
                name = os.readlink(handle)
            except FileNotFoundError:
                continue
            if name.startswith("socket:[") and name[8:-1] in sockets:
                yield sockets[name[8:-1]]

def round_of(name, texts, parts):
    corpus = Corpus.open(name)
    runtime = replace_runtime(corpus.settings, parts)
    Corpus.open(name, settings=runtime).admit(texts)
    return digest(Corpus.open(name).store)

def replace_runtime(settings, parts):
    runtime = settings.runtime.model_copy(update={"ray_address": "local", "ray_parts": parts})
    return settings.model_copy(update={"runtime": runtime})

def main():
    texts = json.loads(Path("texts.json").read_text())
    result = {"digests": [round_of(str(parts), texts, parts) for parts in (1, 3)]}
    killed, done = {}, threading.Event()
    killer = threading.Thread(target=kill_each_kind, args=({"ray::_Holder.answer", "ray::_done"}, killed, done))
    killer.start()
    result["digests"].append(round_of("killed", texts, 2))
    done.set()
    killer.join()
    result["killed"] = sorted(killed)
    result["open"] = sorted(set(ports()))
    settings = Corpus.open("killed").settings
    mapper = workers_for(1, replace_runtime(settings, 0).runtime).mapper
    result["order"] = list(mapper(abs, list(range(-40, 0))))
    try:
        list(mapper(int, ["1", "no number"]))
    except ValueError as error:
        result["raised"] = str(error)
    Path("result.json").write_text(json.dumps(result))

main()
"""
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    settings = Settings.from_dict(
        {"recipe": {"encoder": {"backend": "hashing"}, "gate": {"collision_max": 1.0, "quota_slack": 99.0}}},
        where="test",
    )
    reference = [ReferenceRow(text, "", str(i)) for i, text in enumerate(lessons(160, 1))]
    corpus = Corpus.init(folder / "base", reference, settings=settings, views="one")
    corpus.admit(lessons(80, 2))
    for name in ("1", "3", "killed", "here"):
        shutil.copytree(folder / "base", folder / name)
    new = [*lessons(60, 3), *lessons(80, 2)[:20]]
    (folder / "texts.json").write_text(json.dumps(new), encoding="utf-8")
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    home = folder / "home"
    home.mkdir()
    environment = os.environ | {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=550
    )
    assert done.returncode == 0, done.stdout + done.stderr
    Corpus.open(folder / "here").admit(new)
    told = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return told | {"here": digest(Corpus.open(folder / "here").store), "home": sorted(home.rglob("*"))}


def test_the_digest_is_that_of_one_process_with_one_part_or_three_and_with_killed_processes(result):
    assert len(result["digests"]) == 3
    assert set(result["digests"]) == {result["here"]}
    assert result["killed"] == ["ray::_Holder.answer", "ray::_done"]


def test_a_local_cluster_listens_to_this_machine_alone_and_writes_nothing_at_home(result):
    assert result["open"] and set(result["open"]) <= LOOPBACK
    assert result["home"] == []


def test_parts_come_back_in_order_and_a_failure_is_the_callers(result):
    assert result["order"] == [abs(n) for n in range(-40, 0)]
    assert "no number" in result["raised"]


@pytest.mark.long
def test_the_page_does_what_it_says_on_one_machine(tmp_path):
    desk = Desk(tmp_path / "desk")
    desk.rows("real.jsonl", lessons(150, 1))
    desk.rows("texts.jsonl", lessons(60, 2))
    calls = [call for call in to_run(DOCS / "scale.md") if "10.0.0.1" not in call]
    assert len(calls) == 2
    for call in calls:
        desk(call)
    desk("synthdata init here --reference real.jsonl --set recipe.encoder.backend=hashing")
    desk("synthdata admit here texts.jsonl")
    assert desk("synthdata verify corpus --digest").split()[-1] == desk("synthdata verify here --digest").split()[-1]
