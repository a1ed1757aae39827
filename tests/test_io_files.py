"""Files and folders appear whole or not at all, whatever happens in between."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest

from synthdata.io.files import atomic_file, atomic_folder, atomic_write, is_temporary


def test_a_file_is_replaced_whole_with_its_mode(tmp_path):
    path = tmp_path / "a.json"
    atomic_write(path, "old")
    atomic_write(path, "ne\u00fc", mode=0o600)
    assert path.read_text(encoding="utf-8") == "ne\u00fc"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    atomic_write(path, b"old")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as part:
        part.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


def test_many_threads_writing_one_file_never_mix(tmp_path):
    path = tmp_path / "a"
    texts = [letter * 20_000 for letter in "abcdefgh"]
    threads = [threading.Thread(target=atomic_write, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts


WRITER = """
import sys
from pathlib import Path
from synthdata.io.files import atomic_file, atomic_folder
if sys.argv[2] == "file":
    with atomic_file(Path(sys.argv[1])) as part:
        part.write_bytes(b"half")
        print("ready", flush=True)
        sys.stdin.read()
else:
    with atomic_folder(Path(sys.argv[1])) as part:
        (part / "x").write_bytes(b"half")
        print("ready", flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_killed_writer_changes_nothing_and_the_next_one_is_not_in_its_way(tmp_path, kind):
    place = tmp_path / "place"
    if kind == "file":
        atomic_write(place, b"old")
    else:
        with atomic_folder(place) as part:
            (part / "x").write_bytes(b"old")
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == "ready\n"
    os.kill(child.pid, 9)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    held = place if kind == "file" else place / "x"
    assert held.read_bytes() == b"old"
    assert all(is_temporary(item.name) for item in tmp_path.iterdir() if item != place)
    if kind == "folder":
        with atomic_folder(place) as part:
            assert list(part.iterdir()) == []
            (part / "y").write_bytes(b"new")
        assert [item.name for item in place.iterdir()] == ["y"]
        assert [item.name for item in tmp_path.iterdir()] == ["place"]


def test_a_folder_that_was_on_its_way_out_comes_back(tmp_path):
    (tmp_path / ".place.old").mkdir()
    (tmp_path / ".place.old" / "x").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "place"):
        raise ZeroDivisionError
    assert (tmp_path / "place" / "x").read_text() == "old"


def test_names_of_unfinished_things():
    assert is_temporary(".a.json.12-34.part") and is_temporary(".0.part")
    assert not is_temporary("a.part") and not is_temporary(".a.json")
