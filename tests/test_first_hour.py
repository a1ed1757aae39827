"""What somebody meets in the first hour: version, help, completion, the schema, pages, Ctrl-C, narrow terminals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import jsonschema
import pytest
import typer.main
from command import synthdata
from sample_texts import lessons

from synthdata.cli import INTERRUPTED, STOPPED, WRITES, app, stopped
from synthdata.records import Reason
from synthdata.settings import Settings
from synthdata.settings.schema import meanings, settings_schema
from synthdata.text.names import METRICS, REASONS, alarm_name, metric_name, reason_name

ROOT = Path(__file__).parent.parent
HASHING = ("--set", "recipe.encoder.backend=hashing", "--set", "recipe.encoder.dim=64")


def from_nothing(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "synthdata", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def rows(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"content": text}) + "\n" for text in texts))
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hour")
    real = rows(folder / "real.jsonl", lessons(150, 1))
    assert synthdata("init", folder / "corpus", "--reference", real, *HASHING).returncode == 0
    new = rows(folder / "new.jsonl", lessons(40, 2) + lessons(10, 2))
    assert synthdata("admit", folder / "corpus", new).returncode == 0
    return folder / "corpus"


def test_the_version_is_said_without_a_verb() -> None:
    done = from_nothing("--version")
    assert done.returncode == 0 and done.stdout.startswith("synthdata ") and done.stdout.count("\n") == 1


def test_no_verb_is_cut_short_in_the_list_of_verbs() -> None:
    listed = from_nothing("--help", COLUMNS="80").stdout.partition("Commands:")[2]
    assert len(listed.splitlines()) > 25 and "..." not in listed


def test_the_shell_completes_verbs() -> None:
    asked = {"_SYNTHDATA_COMPLETE": "complete_bash", "COMP_WORDS": "synthdata insp", "COMP_CWORD": "1"}
    assert from_nothing(**asked).stdout.split() == ["inspect"]


def test_the_schema_accepts_what_is_shipped_and_refuses_a_typo() -> None:
    schema = json.loads(synthdata("settings", "--schema").stdout)
    assert schema == settings_schema()
    check = jsonschema.Draft202012Validator(schema)
    check.check_schema(schema)
    for name in ("default", "demo", "night"):
        values = tomllib.loads((ROOT / "configs" / f"{name}.toml").read_text(encoding="utf-8"))
        assert list(check.iter_errors(values)) == []
    assert list(check.iter_errors({"recipe": {"gate": {"tua": 0.9}}}))
    assert list(check.iter_errors({"recipe": {"gate": {"quota_slack": -1}}}))


def test_every_setting_has_a_meaning_in_the_schema() -> None:
    schema = settings_schema()

    def fields(node, at=""):
        for name, field in node["properties"].items():
            if "$ref" in field:
                yield from fields(schema["$defs"][field["$ref"].rsplit("/", 1)[1]], f"{at}{name}.")
            else:
                yield f"{at}{name}", field

    found = dict(fields(schema))
    assert set(found) == set(meanings())
    assert [name for name, field in found.items() if not field.get("description")] == []


def test_settings_says_what_is_not_at_its_default(corpus: Path) -> None:
    assert "All " in synthdata("settings").stdout
    said = synthdata("settings", corpus).stdout
    assert "hashing" in said and "recipe.encoder.backend" in said and "recipe.gate.tau" not in said
    assert Settings.from_dict(json.loads(synthdata("settings", corpus, "--json").stdout)).recipe.encoder.dim == 64


def test_pages_are_read_from_the_package() -> None:
    assert "formats" in synthdata("docs").stdout
    assert synthdata("docs", "formats").stdout == (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    missing = synthdata("docs", "nowhere")
    assert missing.returncode == 2 and "no such page" in missing.stderr and "formats" in missing.stderr


def test_every_verb_says_what_is_safe_after_ctrl_c() -> None:
    verbs = set(typer.main.get_command(app).commands)
    assert set(STOPPED) | WRITES <= verbs
    assert all(stopped([verb, "x"]).endswith(".") for verb in verbs)
    assert stopped(["--debug", "admit"]) == stopped(["admit"]) != stopped(["status"])


def test_ctrl_c_leaves_the_corpus_as_it_was_and_says_so(corpus: Path, tmp_path: Path) -> None:
    before = synthdata("verify", corpus, "--digest").stdout
    new = rows(tmp_path / "many.jsonl", lessons(3000, 5))
    command = [sys.executable, "-m", "synthdata", "admit", str(corpus), str(new)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    time.sleep(1.5)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == INTERRUPTED, said
    # A slow machine may still be loading the code.
    safe = "synthdata: stopped. The corpus holds all of this step or nothing of it"
    assert (safe in said or "stopped before it began" in said) and "Traceback" not in said
    assert synthdata("verify", corpus, "--digest").stdout == before


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
@pytest.mark.parametrize("ignored", [False, True])
def test_signals_that_end_a_process_end_it_with_the_sentence(name: str, code: int, ignored: bool) -> None:
    """A queue that takes its machine back sends SIGTERM; `nohup` has SIGHUP ignored, and then it stays ignored."""
    made = (
        "import sys, time\nfrom synthdata import cli\n"
        "@cli.app.command()\ndef wait() -> None:\n"
        "    print('ready', flush=True)\n    sys.stdin.read()\n    print('whole')\n"
        "sys.argv = ['synthdata', 'wait']\ncli.main()\n"
    )
    number = signal.Signals[name]
    kept = signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running = subprocess.Popen([sys.executable, "-c", made], text=True, **pipes)
    finally:
        signal.signal(number, kept)
    assert running.stdout.readline() == "ready\n"
    running.send_signal(number)
    told, said = running.communicate("", timeout=60)
    if ignored:
        assert (running.returncode, told, said) == (0, "whole\n", "")
    else:
        assert running.returncode == code and said.startswith("synthdata: stopped.") and "Traceback" not in said


@pytest.mark.parametrize("where", ["synthdata.cli.app", "synthdata.cli"])
def test_ctrl_c_within_an_exec_has_its_exit_code_too(tmp_path: Path, where: str) -> None:
    """Dataclasses are made by `exec`, and lazily loaded modules make many while a command runs."""
    (tmp_path / "hit.py").write_text(
        "import sys, synthdata.__main__ as entry\n"
        "def hit(*_, **__): exec('raise KeyboardInterrupt')\n"
        "class Hit:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'synthdata.cli': hit()\n"
        + (
            "import synthdata.cli\nsynthdata.cli.app = hit\n"
            if where.endswith("app")
            else "sys.meta_path.insert(0, Hit())\n"
        )
        + "entry.start()\n",
        encoding="utf-8",
    )
    ran = subprocess.run([sys.executable, "-m", "hit"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ran.returncode == INTERRUPTED, ran.stderr
    assert "stopped" in ran.stderr and "Traceback" not in ran.stderr


def test_help_names_values_in_words() -> None:
    helped = synthdata("export", "--help", COLUMNS="80").stdout + synthdata("anchor", "share", "--help").stdout
    assert "{CORPUS} {OUT}" in helped and "--tokens NUMBER" in helped and "--pool PATH" in helped
    assert "<list" not in helped and "range>" not in helped


@pytest.mark.parametrize("width", [80, 100, 120])
def test_tables_keep_to_the_width(corpus: Path, width: int) -> None:
    said = synthdata("status", corpus, COLUMNS=str(width)).stdout
    drawn = [line for line in said.splitlines() if line[:1] in "┏┃┡│└"]
    assert drawn and max(map(len, drawn)) <= width
    # Cut lines would end in the middle of a cell.
    assert all(line[-1] in "┓┃┩│┘" for line in drawn)
    assert "Self-repetition" in said


def test_a_pipe_gets_whole_sentences(corpus: Path) -> None:
    first = synthdata("status", corpus).stdout.splitlines()[0]
    assert first.startswith("Healthy so far. No alarm in 1 round") and "Next: `synthdata export" in first


def test_identifiers_stay_in_json(corpus: Path) -> None:
    said = synthdata("status", corpus).stdout + synthdata("monitor", corpus).stdout
    identifiers = {*(name for name in METRICS if "_" in name), *(name for name in REASONS if "_" in name)}
    assert [name for name in identifiers if name in said] == []
    assert metric_name("mmd2") in said and "mmd2" in synthdata("status", corpus, "--json").stdout


def test_every_reason_has_a_name_and_no_two_things_share_one() -> None:
    assert set(REASONS) == set(map(str, Reason))
    names = [known.name for known in METRICS.values()]
    assert len(set(names)) == len(names)
    assert len({known.name for known in REASONS.values()}) == len(REASONS)
    assert reason_name(None) == "" and reason_name("new_reason") == "new reason"
    assert alarm_name("mmd2") == metric_name("mmd2")
