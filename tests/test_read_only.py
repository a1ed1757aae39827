"""A corpus on a disk that may only be read: what looks works, what writes ends in one sentence with exit code 2."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.settings import Settings

READS, WRITES = (0, 1), (2,)
MOUNTED = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3" "$1" "$4"'
# All verbs in one process: starting one costs more than the verb.
CODE = """
import contextlib, io, json, sys
from synthdata.cli import main
told = []
for words in json.loads(sys.argv[2]):
    sys.argv, out, err, code = ["synthdata", *words], io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    told.append([words[0], code, err.getvalue()])
print(json.dumps(told))
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="mounts in a name space of its own")
def test_verbs_on_a_read_only_disk(tmp_path: Path) -> None:
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 32}}}, "test")
    corpus = Corpus.init(tmp_path / "c", lessons(150, 1), settings=settings)
    corpus.admit(lessons(12, 2))
    new = tmp_path / "new.jsonl"
    new.write_text("".join(json.dumps({"content": text}) + "\n" for text in lessons(12, 3)))
    c, row = str(corpus.store.path), sorted(corpus.store.admitted_ids())[0]
    verbs = [
        (READS, ["status", c]),
        (READS, ["verify", c]),
        (READS, ["explain", c, row]),
        (READS, ["monitor", c]),
        (WRITES, ["admit", c, str(new)]),
        (WRITES, ["retract", c, "--id", row, "--reason", "a test"]),
        (WRITES, ["maintain", c]),
        (WRITES, ["export", c, str(tmp_path / "out")]),
    ]
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNTED, "sh", c, sys.executable, CODE]
    done = subprocess.run(
        [*command, json.dumps([words for _, words in verbs])], capture_output=True, text=True, check=False, timeout=300
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(done.stderr)
    told = json.loads(done.stdout.splitlines()[-1])
    for (codes, words), (verb, code, said) in zip(verbs, told, strict=True):
        assert verb == words[0] and code in codes, (verb, code, said)
        assert "Traceback" not in said and "bug" not in said, (verb, said)
        if codes == WRITES:
            assert "ead-only file system" in said, (verb, said)
