"""What the system refuses is no damage: exit code 2 with the file and what to do; what is damaged stays exit code 3."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.corpus import CorpusStore
from synthdata.corpus.beginning import refuse_misread
from synthdata.corpus.verify import verify
from synthdata.errors import CorruptStoreError, InputError
from synthdata.export.folder import building, take_place
from synthdata.io.refusals import refusal, sentence, unless_refused
from synthdata.monitor.ticks import note_tick, ticks
from synthdata.settings import Settings
from synthdata.sources.files import list_files
from synthdata.sources.listing import list_data

TRUTH = (
    "corpus.json",
    "seals/ahead.jsonl",
    "seals/done.jsonl",
    "decisions/_delta_log/*1.json",
    "decisions/*.parquet",
    "anchors/0/content.json",
    "anchors/0/reference.parquet",
    "heldout/*.jsonl",
)
FOLDERS = ("seals", "anchors", "anchors/0", "heldout", "decisions", "decisions/_delta_log")
# Root may read everything: so it gives that up.
PLAIN = ("setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search")
CODE = """
import json, os, sys
from pathlib import Path
from synthdata.corpus import CorpusStore
from synthdata.corpus.beginning import refuse_misread
from synthdata.corpus.repair import repair
from synthdata.corpus.sealed_files import _sha256
from synthdata.corpus.verify import verify
from synthdata.errors import SynthdataError
from synthdata.io import refusals

corpus, told = Path(sys.argv[1]), []
for name, mode, verb in json.loads(sys.argv[2]):
    path = next(iter(corpus.glob(name)))
    was = path.stat().st_mode
    path.chmod(mode)
    _sha256.cache_clear()
    try:
        found = repair(corpus) if verb == "repair" else verify(CorpusStore.open(corpus))
        told.append([0, [str(one) for one in found]])
    except SynthdataError as error:
        told.append([error.exit_code, str(error)])
    except OSError as error:
        # As the command line says it.
        told.append([2, refusals.sentence(error)])
    path.chmod(was)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 32}}}, "test")
    corpus = Corpus.init(tmp_path_factory.mktemp("made") / "c", lessons(150, 1), settings=settings)
    corpus.admit(lessons(12, 2))
    corpus.hold_out([{"text": text} for text in lessons(2, 3)])
    return corpus.store.path


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a"), "Permission denied; change the permissions"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; make room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "make room"),
        (OSError(errno.EIO, "Input/output error"), "see to the disk"),
        (OSError(errno.ESTALE, "Stale file handle"), "network disk"),
        # As polars and the table library say it.
        (PermissionError("Permission denied (os error 13): ...part-0.parquet"), "change the permissions"),
        (RuntimeError("Generic LocalFileSystem error\n \u21b3 Input/output error (os error 5)"), "see to the disk"),
        (OSError("Failed to open 'a.parquet'. Detail: [errno 28] No space left on device"), "make room"),
        (RuntimeError('Io(Custom { kind: StorageFull, error: "x" })'), "make room"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a"), ""),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "a"), ""),
        (FileNotFoundError("No such file or directory (os error 2): a.parquet"), ""),
        (OSError("Failed to interpret file"), ""),
        (ValueError("bad magic number"), ""),
    ],
)
def test_a_refusal_is_told_from_damage(error: BaseException, says: str) -> None:
    assert says in refusal(error) and bool(says) == bool(refusal(error))
    kept = CorruptStoreError("damaged")
    found = unless_refused(error, "a/place", kept)
    assert isinstance(found, InputError) and str(found).startswith("a/place: ") if says else found is kept


def test_the_name_that_was_to_come_there_is_said() -> None:
    assert sentence(OSError(errno.EXDEV, "Invalid cross-device link", ".a.part", None, "a")).startswith("a: Invalid")
    assert sentence(OSError(errno.EACCES, "Permission denied")).startswith("the disk: Permission denied; change")


def test_what_may_not_be_read_is_no_damage(made: Path, tmp_path: Path) -> None:
    corpus = Path(shutil.copytree(made, tmp_path / "c"))
    wanted = [(name, 0, verb) for name in TRUTH for verb in ("verify", "repair")]
    # Not to be listed, and to be listed with nothing in it to be had.
    wanted += [(name, mode, "verify") for name in FOLDERS for mode in (0, 0o400)]
    wanted += [("corpus.json", 0o600, "verify"), ("corpus.json", 0o600, "repair"), ("derived/*", 0, "verify")]
    command = [sys.executable, "-c", CODE, str(corpus), json.dumps(wanted)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may read everything, and there is no setpriv to give that up")
        command = [*PLAIN, *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    for (name, mode, verb), (code, said) in zip(wanted, json.loads(done.stdout), strict=True):
        readable = mode == 0o600 or name == "derived/*"
        # A repair reads no anchor and no list: nothing there could be proven.
        if readable or (verb == "repair" and name.startswith(("anchors", "heldout"))):
            assert (code, said) == (0, []), (name, mode, verb, said)
            continue
        assert code == 2 and "Permission denied; change the permissions" in said, (name, mode, verb, code, said)
        assert said.startswith(str(corpus / name.split("*")[0].rstrip("/"))), (name, said)


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_what_is_cut_or_gone_is_damage_as_before(made: Path, tmp_path: Path, name: str, how: str) -> None:
    corpus = Path(shutil.copytree(made, tmp_path / "c"))
    path = next(iter(corpus.glob(name)))
    if how == "cut":
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.unlink()
    try:
        assert verify(CorpusStore.open(corpus))
    except CorruptStoreError as error:
        assert "Permission" not in str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such name")
def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Rows and events say what file they are from, and no table holds such a name."""
    for name in (b"a\nb.jsonl", "Caf\u00e9.jsonl".encode(), b"Cafe\xcc\x81.jsonl", b"\x1b[31m.jsonl"):
        (tmp_path / os.fsdecode(name)).write_text('{"content": "a text"}\n')
    assert len(list_files(tmp_path)) == len(list_data(tmp_path).files) == 4
    bad = tmp_path / os.fsdecode(b"bad\xff.jsonl")
    bad.write_text('{"content": "a text"}\n')
    for ask in (list_files, list_data):
        for path in (bad, tmp_path):
            with pytest.raises(InputError, match="not UTF-8"):
                ask(path)
    with pytest.raises(InputError, match="not UTF-8"):
        refuse_misread(tmp_path / os.fsdecode(b"c\xff"))
    with pytest.raises(InputError, match="not UTF-8"), building(tmp_path / os.fsdecode(b"out\xff")):
        pass


def test_an_export_through_a_link_replaces_the_folder_and_leaves_the_link(tmp_path: Path) -> None:
    real, out = tmp_path / "disk" / "release", tmp_path / "out"
    real.mkdir(parents=True)
    out.symlink_to(real)
    with building(out) as part:
        (part / "first").write_text("x")
        take_place(part, out)
    assert out.is_symlink() and [path.name for path in real.iterdir()] == ["first"]
    assert {path.name for path in (*tmp_path.iterdir(), *real.parent.iterdir())} == {"disk", "out", "release"}
    # As earlier versions left it: the folder in the link's place, and the link beside it.
    plain = tmp_path / "plain"
    plain.mkdir()
    (tmp_path / ".plain.old").symlink_to(real)
    with building(plain) as part:
        (part / "second").write_text("x")
        take_place(part, plain)
    assert [path.name for path in plain.iterdir()] == ["second"] and (real / "first").exists()
    assert not (tmp_path / ".plain.old").is_symlink()


def test_a_corpus_that_is_moved_while_it_is_written_is_not_damaged(made: Path, tmp_path: Path) -> None:
    corpus, moved = Path(shutil.copytree(made, tmp_path / "c")), tmp_path / "moved"
    with pytest.raises(InputError, match="moved or removed meanwhile"), CorpusStore.open(corpus).writing() as store:
        corpus.rename(moved)
        store.decisions(["id"])
    assert not corpus.exists() and not verify(CorpusStore.open(moved))
    with pytest.raises(CorruptStoreError), CorpusStore.open(moved).writing() as store:
        next((moved / "decisions").glob("*.parquet")).unlink()
        store.decisions(["id"])


def test_a_copy_by_hard_links_stays_as_it_was(made: Path, tmp_path: Path) -> None:
    """`cp -al` and backup programs share files between copies, so what is written in place would change in all."""
    corpus = Path(shutil.copytree(made, tmp_path / "c"))
    backup = Path(shutil.copytree(corpus, tmp_path / "backup", copy_function=os.link))
    was = {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()}
    Corpus.open(corpus).admit(lessons(12, 4))
    note_tick(corpus, "round", "round 2")
    note_tick(backup, "failed", "another round 2")
    (backup / "derived" / "ticks.jsonl").unlink()
    assert {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()} == was
    # From here on both go their own way.
    Corpus.open(backup).admit(lessons(12, 5))
    for path in (corpus, backup):
        assert not verify(CorpusStore.open(path)) and Corpus.open(path).store.latest_round() == 2
        assert stat.S_IMODE((path / "seals" / "done.jsonl").stat().st_mode) == 0o600
    assert len(ticks(corpus)) == 1
