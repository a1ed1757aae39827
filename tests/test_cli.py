"""The command line as a user meets it: bad input with its message and exit code, and one whole walk."""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from command import SETTINGS, refused, synthdata, write_rows
from sample_texts import lessons

from synthdata.cli import app


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "settings.toml").write_text(SETTINGS)
    write_rows(folder / "real.jsonl", lessons(200, 1))
    done = synthdata("init", folder / "c", "--reference", folder / "real.jsonl", "--config", folder / "settings.toml")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_walk_from_init_to_export(made: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", lessons(60, 2) + lessons(20, 2))
    done = synthdata("admit", made / "c", rows, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert sum(report["counts"].values()) == 80
    facts = json.loads(synthdata("status", made / "c", "--json").stdout)
    assert facts["candidates"] == facts["admitted"] + sum(facts["rejected"].values()) + facts["quarantined"]
    before = synthdata("verify", made / "c", "--digest", "--rebuild")
    assert before.returncode == 0, before.stdout
    again = synthdata("admit", made / "c", rows)
    assert "already round" in again.stdout
    assert synthdata("verify", made / "c", "--digest").stdout == before.stdout
    exported = synthdata("export", made / "c", tmp_path / "out")
    assert exported.returncode == 0, exported.stderr
    assert (tmp_path / "out" / "manifest.json").is_file()
    name = facts["rounds"] and json.loads((tmp_path / "out" / "manifest.json").read_text())["corpus"]["digest"]
    assert name in before.stdout


def test_an_empty_file_and_a_missing_one(made: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    refused(synthdata("admit", made / "c", tmp_path / "empty.jsonl"), "empty")
    refused(synthdata("admit", made / "c", tmp_path / "nowhere.jsonl"), "nowhere.jsonl")


def test_a_truncated_gzip(made: Path, tmp_path: Path) -> None:
    whole = gzip.compress(write_rows(tmp_path / "a.jsonl", lessons(50, 3)).read_bytes())
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    refused(synthdata("admit", made / "c", tmp_path / "a.jsonl.gz"), "a.jsonl.gz")


def test_a_line_of_50_megabytes(made: Path, tmp_path: Path) -> None:
    (tmp_path / "big.jsonl").write_text('{"content": "' + "x" * 50_000_000 + '"}\n')
    refused(synthdata("admit", made / "c", tmp_path / "big.jsonl"), "big.jsonl")


def test_invalid_utf8_is_quarantined_and_alone_refused(made: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b'{"content": "\xff\xfe"}\n')
    refused(synthdata("admit", made / "c", tmp_path / "bad.jsonl"), "bad.jsonl", "UTF-8")
    good = write_rows(tmp_path / "good.jsonl", lessons(10, 4)).read_bytes()
    (tmp_path / "mixed.jsonl").write_bytes(good + b'{"content": "\xff\xfe"}\n')
    report = json.loads(synthdata("admit", made / "c", tmp_path / "mixed.jsonl", "--json").stdout)
    assert report["counts"]["quarantine"] == 1
    assert sum(report["counts"].values()) == 11


def test_unknown_settings_name_the_nearest(made: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[recipe.gate]\nquota_slak = 2.0\n")
    rows = write_rows(tmp_path / "rows.jsonl", lessons(5, 5))
    refused(synthdata("admit", made / "c", rows, "--config", tmp_path / "bad.toml"), "quota_slak", "`quota_slack`")
    refused(synthdata("admit", made / "c", rows, "--set", "recipe.gate.taus=1"), "recipe.gate.taus", "`tau`")


def test_a_line_that_calls_itself_real(made: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", lessons(5, 6), origin="real")
    refused(synthdata("admit", made / "c", rows), "--origin real", "line 1")
    assert synthdata("admit", made / "c", rows, "--origin", "real").returncode == 0


def test_a_reference_of_forty_rows(tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", lessons(40, 1))
    (tmp_path / "settings.toml").write_text(SETTINGS)
    done = synthdata("init", tmp_path / "c", "--reference", rows, "--config", tmp_path / "settings.toml")
    refused(done, "40 distinct rows", "add 60 more")
    assert not (tmp_path / "c").exists()


def test_an_anchor_of_another_encoder(made: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", lessons(5, 7))
    refused(synthdata("admit", made / "c", rows, "--set", "recipe.encoder.dim=64"), "encoder", "reanchor")


def test_a_corpus_that_another_process_holds(made: Path, tmp_path: Path) -> None:
    from synthdata.corpus import CorpusStore

    rows = write_rows(tmp_path / "rows.jsonl", lessons(5, 8))
    with CorpusStore.open(made / "c").writing():
        refused(synthdata("admit", made / "c", rows), str(os.getpid()), code=75)
        assert synthdata("status", made / "c").returncode == 0


def test_not_a_corpus(tmp_path: Path) -> None:
    refused(synthdata("status", tmp_path), "not a corpus", "synthdata init")


def test_terminal_never_sees_control_characters(made: Path, tmp_path: Path) -> None:
    text = lessons(1, 55)[0] + " \x1b[31mred\x07 \u202etxet"
    rows = write_rows(tmp_path / "rows.jsonl", [text], id="ctl-1")
    assert synthdata("admit", made / "c", rows).returncode == 0
    shown = synthdata("explain", made / "c", "ctl-1")
    assert shown.returncode == 0, shown.stderr
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.stdout)


@pytest.mark.parametrize("verb", ["settings", "status"])
def test_a_pipe_whose_reader_went_away_is_no_alarm(made: Path, verb: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [verb, made / "c"] if verb == "status" else [verb]
    done = subprocess.run(
        [sys.executable, "-m", "synthdata", *words], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_process_that_may_open_no_more_files_says_so(made: Path) -> None:
    words = [sys.executable, "-m", "synthdata", "status", made / "c"]
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))  # noqa: E731 - what `ulimit -n` does
    done = subprocess.run(words, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert re.search(r"synthdata: .*too many open files", done.stderr, re.IGNORECASE)


def test_every_verb_has_help() -> None:
    overview = synthdata("--help").stdout
    for name, verb in typer.main.get_command(app).commands.items():
        assert name in overview
        assert len(verb.get_help(typer.Context(verb, info_name=name))) > 200, name
