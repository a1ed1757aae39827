"""What once ended in a traceback, in silence or in the wrong exit code; each by its kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sample_texts import lessons

from synthdata import Corpus, Settings, cli
from synthdata.corpus.beginning import refuse_no_place
from synthdata.corpus.verify import Violation
from synthdata.errors import CacheError, InputError
from synthdata.protocols import Vectors
from synthdata.rounds.replay import WHY_NOT
from synthdata.similarity.hashing import HashingEncoder
from synthdata.similarity.vectors import CachedEncoder
from synthdata.sources.files import list_files

HASHING = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 32}}})

BROKEN = """
import sys
from synthdata import cli
from synthdata.cli import ask

@cli.app.command()
def broken(full: bool = False) -> None:
    if full:
        raise OSError(28, "No space left on device", "/some/where")
    raise KeyError("lost")

sys.argv = ["synthdata", *sys.argv[1:]]
cli.main()
"""


def broken(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", BROKEN, "broken", *words]
    return subprocess.run(command, text=True, capture_output=True, env=environment, check=False)


def test_a_bug_has_an_exit_code_of_its_own_one_line_and_a_file(tmp_path):
    done = broken(tmp_path)
    assert done.returncode == 70
    (line,) = done.stderr.splitlines()
    assert line.startswith("synthdata: this is a bug: KeyError: 'lost'")
    (kept,) = tmp_path.glob("synthdata-bug-*.txt")
    assert str(kept) in line
    text = kept.read_text()
    assert "Traceback" in text and "KeyError" in text and "synthdata broken" in text


def test_debug_prints_the_traceback_too_wherever_it_stands(tmp_path):
    done = broken(tmp_path, "--debug")
    assert done.returncode == 70 and "Traceback (most recent call last)" in done.stderr


def test_a_bug_is_told_where_no_file_can_be_written_too(tmp_path):
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n{BROKEN}"
    for words, traceback in ((), False), (("--debug",), True):
        command = [sys.executable, "-c", limited, "broken", *words]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        assert done.returncode == 70 and ("Traceback" in done.stderr) == traceback
        said = done.stderr.splitlines()[0]
        assert said.startswith("synthdata: this is a bug: KeyError") and "no file can be written" in said


def test_streams_that_a_shell_has_closed_are_no_bug(tmp_path):
    """A daemon's shell closes them (`2>&-`): a file of ours would take the number, and be written to."""
    made = "import os, sys\nfrom synthdata import cli\n@cli.app.command()\ndef put(error: bool = False) -> None:\n"
    made += f"    name = {str(tmp_path / 'file')!r}\n    file = open(name, 'w')\n    print('told')\n"
    made += "    os.write(file.fileno(), b'x')\n    if error:\n        raise cli.InputError('refused')\n"
    for closed, words, code, out in (
        ("2>&-", "put", 0, "told\n"),
        (">&- 2>&- <&-", "put", 0, ""),
        ("2>&-", "put --error", 2, "told\n"),
        ("2>&-", "nonsense", 2, ""),
    ):
        shell = f'exec "$0" -c "$1" {words} {closed}'
        run = f"{made}sys.argv[0] = 'synthdata'\ncli.main()\n"
        done = subprocess.run(["sh", "-c", shell, sys.executable, run], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (code, out, ""), (closed, words, done)
        assert words == "nonsense" or (tmp_path / "file").read_bytes() == b"x"


def test_a_limit_of_memory_is_told_before_a_library_ends_the_process(tmp_path):
    code = "import sys\nfrom synthdata.cli import main\nsys.argv = ['synthdata', '--version']\nmain()\n"
    for limit, said in (2, "synthdata: `ulimit -v` allows 2.0 GB, and 3 are wanted"), (8, ""):
        limited = f"import resource\nresource.setrlimit(resource.RLIMIT_AS, ({limit} * 2**30,) * 2)\n{code}"
        done = subprocess.run([sys.executable, "-c", limited], text=True, capture_output=True, check=False)
        assert done.returncode == 0 and done.stdout.startswith("synthdata ")
        assert done.stderr.startswith(said) and len(done.stderr.splitlines()) == bool(said)


def test_a_clock_before_1970_is_refused(monkeypatch):
    monkeypatch.setattr(cli.time, "time", lambda: -1.0)
    with pytest.raises(InputError, match="before 1970"):
        cli._look_at_machine()
    monkeypatch.setattr(cli.time, "time", lambda: 1.0)
    cli._look_at_machine()


def test_what_the_disk_refuses_is_no_bug(tmp_path):
    done = broken(tmp_path, "--full")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("synthdata: /some/where: No space left on device; make room")
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_is_no_input(tmp_path):
    corpus = Corpus.init(tmp_path / "c", lessons(150, 1), settings=HASHING)
    with pytest.raises(InputError, match="is a corpus, not input"):
        list_files(corpus.store.path)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.jsonl").write_text('{"content": "x"}\n')
    assert len(list_files(tmp_path / "rows")) == 1


@pytest.mark.parametrize("below", ["file", "file/corpus", "file/a/b"])
def test_a_place_under_a_file_is_refused_before_any_work(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        refuse_no_place(tmp_path / below)

    class Unasked:
        fingerprint, dim = "none", 4

        def encode(self, texts: list[str]) -> Vectors:
            raise AssertionError("nothing is encoded for a place that cannot be used")

    from typer.testing import CliRunner

    from synthdata.cli import app

    (tmp_path / "real.jsonl").write_text("".join(json.dumps({"content": text}) + "\n" for text in lessons(150, 1)))
    done = CliRunner().invoke(app, ["init", str(tmp_path / below), "--reference", str(tmp_path / "real.jsonl")])
    assert isinstance(done.exception, InputError)


def test_new_folders_may_lie_deep(tmp_path):
    refuse_no_place(tmp_path / "a" / "b" / "c")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="may not be written"):
        refuse_no_place(tmp_path / "corpus")


def test_a_violation_reads_as_a_sentence_and_as_fields(tmp_path):
    assert str(Violation("anchor", "anchors/3", "is not there")) == "anchor, anchors/3: is not there"
    corpus = Corpus.init(tmp_path / "c", lessons(150, 1), settings=HASHING)
    corpus.admit(lessons(10, 2))
    (tmp_path / "c" / "anchors" / "0").rename(tmp_path / "c" / "anchors" / "7")
    program = "from synthdata.cli import main; main()"
    command = [sys.executable, "-c", program, "verify", str(tmp_path / "c"), "--json"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 3
    findings = json.loads(done.stdout)["findings"]
    assert all(set(finding) == {"check", "where", "detail"} for finding in findings)
    assert ("anchor", "anchors/0") in [(finding["check"], finding["where"]) for finding in findings]


def test_every_reason_why_a_setting_is_not_replayed_names_settings():
    fields = Settings().model_dump()

    def paths(values: dict[str, object], prefix: str = "") -> list[str]:
        found = []
        for name, value in values.items():
            found.append(prefix + name)
            if isinstance(value, dict):
                found += paths(value, f"{prefix}{name}.")
        return found

    assert [key for key in WHY_NOT if key not in paths(fields)] == []


def test_a_locked_cache_is_named(tmp_path):
    import sqlite3

    cached = CachedEncoder(HashingEncoder(8), tmp_path)
    cached.encode(["a"])
    with sqlite3.connect(cached.path) as other:
        other.execute("DROP TABLE vectors")
        other.execute("CREATE VIEW vectors AS SELECT 1 AS key, 2 AS crc, 3 AS vector")
    with pytest.raises(CacheError, match=str(cached.path)):
        cached.encode(["b"])


def test_shipped_settings_are_named_on_the_command_line(tmp_path, monkeypatch):
    from synthdata.cli.decide import load_settings

    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("demo"), None).recipe.anchor.fill_trajectories == 20
