"""A gate's state from its saved form decides as one restored from the table, and no damage to the file is trusted."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_gate import candidates, stream, unit, world

from synthdata.corpus import CorpusStore
from synthdata.corpus.verify import verify
from synthdata.errors import CorruptStoreError
from synthdata.gate.anchor import save_content, save_context
from synthdata.gate.reference import save_reference
from synthdata.gate.round import decide
from synthdata.gate.saved import open_memory, save_memory
from synthdata.gate.state import RESTORED_AT_ONCE, GateState
from synthdata.records import Candidate, Decision, Origin, Verdict
from synthdata.rounds.restore import CorpusGate, restore
from synthdata.settings import Recipe

HELD = 4 * RESTORED_AT_ONCE + 300


def held_rows(n: int, seed: int) -> tuple[list[Candidate], Any]:
    """Rows like those of an admitted set, some real, some copies; short texts, so that many can be signed in a test."""
    rng = np.random.default_rng(seed)
    words = np.array([a + b for a in "bdgklmnprst" for b in "aeiou"])
    texts = [" ".join(row) for row in words[rng.integers(len(words), size=(n, 9))]]
    texts[5], texts[7] = texts[4], 'It\'s \udcff "quoted" 5'
    rows = [
        Candidate(text, "", str(i), Origin.REAL if i % 9 == 0 else Origin.SYNTHETIC) for i, text in enumerate(texts)
    ]
    return rows, unit(rng, n)


def told(decisions: list[Decision]) -> list[Any]:
    return [
        (d.candidate.id, d.stage, d.reason, d.score, d.neighbour_id, d.neighbour_text, d.numbers) for d in decisions
    ]


@pytest.mark.parametrize("kind", ["random", "clustered", "clones"])
def test_a_saved_state_decides_as_a_restored_one(tmp_path: Path, kind: str) -> None:
    rows, x = held_rows(HELD, 3)
    whole, reference = world(3)
    whole.restore(rows, x, x)
    part = GateState(whole.anchor, reference, whole.settings)
    part.restore(rows[:RESTORED_AT_ONCE], x[:RESTORED_AT_ONCE], x[:RESTORED_AT_ONCE])
    save_memory(part.memory(), tmp_path)
    opened = GateState.from_parts(whole.anchor, whole.settings, open_memory(tmp_path, whole.settings))
    opened.restore(rows[RESTORED_AT_ONCE:], x[RESTORED_AT_ONCE:], x[RESTORED_AT_ONCE:])
    made = [*candidates(150, 3), *(Candidate(row.content, "", "again") for row in rows[4:40:6])]
    y = np.concatenate([stream(kind, 100, np.random.default_rng(1)), x[::30][: len(made) - 100]])
    assert told(decide(made, y, y, opened)) == told(decide(made, y, y, whole))
    assert opened.corpus_scope.collision() == whole.corpus_scope.collision()


def test_a_round_under_way_is_not_saved(tmp_path: Path) -> None:
    state, _ = world(1)
    made = candidates(5, 1)
    decide(made, unit(np.random.default_rng(0), 5), unit(np.random.default_rng(0), 5), state)
    with pytest.raises(ValueError, match="rows of a round"):
        state.memory()


def test_every_changed_cut_or_missing_file_is_found(tmp_path: Path) -> None:
    state, _ = world(2)
    rows, x = held_rows(60, 2)
    state.restore(rows, x, x)
    sound = tmp_path / "sound"
    sound.mkdir()
    save_memory(state.memory(), sound)
    for path in sorted(sound.iterdir()):
        for harm in ("flip", "cut", "gone", "blocks swapped"):
            if harm == "blocks swapped" and not (path.stat().st_size >= 3 * 4096 and path.suffix == ".npy"):
                continue
            folder = tmp_path / f"{path.name}-{harm}"
            shutil.copytree(sound, folder)
            data = bytearray(path.read_bytes())
            if harm == "blocks swapped":
                data[4096:12288] = data[8192:12288] + data[4096:8192]
                assert data != path.read_bytes()
            data[len(data) // 2] ^= harm == "flip"
            if harm == "gone":
                (folder / path.name).unlink()
            else:
                (folder / path.name).write_bytes(data[: len(data) // 2] if harm == "cut" else data)
            with pytest.raises(CorruptStoreError):
                open_memory(folder, state.settings)
            shutil.rmtree(folder)
    assert list(open_memory(sound, state.settings).history.ids) == list(state.history.ids)


def corpus(path: Path, rows: int) -> tuple[CorpusStore, GateState, Any]:
    """A corpus on disk with its admitted rows in two rounds, and a state that holds none of them."""
    state, reference = world(4)
    held, x = held_rows(rows, 4)
    held[7] = Candidate("plain text", "", "7")
    with CorpusStore.making(path, views="one", recipe={"encoder": {"dim": 24}}) as store:
        with store.new_anchor(0) as folder:
            save_reference(folder, reference)
            save_context(folder, state.anchor)
            save_content(folder, state.content)
        for number, part in ((1, slice(0, 1000)), (2, slice(1000, rows))):
            decisions = [Decision(row, Verdict.ADMIT) for row in held[part]]
            vectors = {row.id: (None, vector) for row, vector in zip(held[part], x[part], strict=True)}
            store.commit_round(decisions, vectors, round_key=f"key {number}", recipe="recipe", anchor=0)
    return store, state, reference


def saved_folders(store: CorpusStore) -> list[Path]:
    return sorted(store.derived_dir.glob("gate/*/gate-*"))


@pytest.mark.slow
def test_a_corpus_keeps_its_state_and_trusts_it_no_further_than_the_table(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO, logger="synthdata.rounds.restore")
    store, state, reference = corpus(tmp_path / "corpus", HELD)
    recipe = Recipe()
    first = restore(CorpusGate(store, state.anchor, reference, recipe))
    assert len(saved_folders(store)) == 1
    y = unit(np.random.default_rng(8), 60)

    def decided(given: GateState) -> list[Any]:
        return told(decide(candidates(60, 8), y, y, given))

    expected = decided(first)
    assert decided(restore(CorpusGate(store, state.anchor, reference, recipe))) == expected
    assert decided(restore(CorpusGate(store, state.anchor, reference, recipe), store.admitted())) == expected
    assert not caplog.records
    store.derived_path("other").touch()
    store.sweep_derived()
    assert len(saved_folders(store)) == 1
    vectors = saved_folders(store)[0] / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-4000])
    assert decided(restore(CorpusGate(store, state.anchor, reference, recipe))) == expected
    assert "made again" in caplog.records[0].message
    gone = store.admitted(columns=["id"])["id"][3]
    with store.writing():
        store.append_event("retract", "k", {"ids": [gone]}, 2)
    assert gone not in restore(CorpusGate(store, state.anchor, reference, recipe)).history.ids
    assert verify(store) == []


SAVING = """
import sys, shutil
from synthdata.corpus import CorpusStore
from synthdata.gate.anchor import load_anchor
from synthdata.gate.reference import load_reference
from synthdata.rounds.restore import CorpusGate, restore
from synthdata.settings import Recipe
store = CorpusStore.open(sys.argv[1])
anchor, reference = load_anchor(store.anchor_dir()), load_reference(store.anchor_dir())
print("ready", flush=True)
while True:
    restore(CorpusGate(store, anchor, reference, Recipe()))
    print("saved", flush=True)
    for path in store.derived_dir.iterdir():
        shutil.rmtree(path)
"""


@pytest.mark.slow
def test_a_kill_while_saving_leaves_a_sound_corpus(tmp_path: Path) -> None:
    store, state, reference = corpus(tmp_path / "corpus", HELD)
    expected = restore(CorpusGate(store, state.anchor, reference, Recipe()), store.admitted()).corpus_scope.collision()
    for wait in range(2):
        child = subprocess.Popen([sys.executable, "-c", SAVING, str(store.path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        # Killed when the first hidden folder of a write shows, at once or after some of its files.
        while not any(
            len(list(folder.iterdir())) > 7 * wait for folder in store.derived_dir.glob("gate/*/.gate-*.part")
        ):
            assert child.poll() is None
        os.kill(child.pid, 9)
        child.wait()
        child.stdout.close()
        assert restore(CorpusGate(store, state.anchor, reference, Recipe())).corpus_scope.collision() == expected
        assert verify(store) == []
        assert len(saved_folders(store)) == 1
        shutil.rmtree(saved_folders(store)[0])
