"""Files of data sets: CSV, TSV, TXT, Parquet, Arrow, compressed ones, folders, LLaMA-Factory's table, the hub.

Each is read by the same reader and gives the same samples; what cannot be read is named with its place.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import pickle
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthdata.errors import InputError
from synthdata.records import QuarantinedRow
from synthdata.sources.dataset import Reading, read_samples
from synthdata.sources.listing import list_data
from synthdata.sources.samples import Sample

ASK, TOLD = "Which way does the weir drain, and why?", "To the east, since the west bank was raised in 1911."
ROWS = [{"prompt": f"{ASK} ({i})", "response": f"{TOLD} ({i})"} for i in range(5)]
PAIRS = [Sample(row["response"], row["prompt"]) for row in ROWS]
CHAT = [{"role": "user", "content": ASK}, {"role": "assistant", "content": TOLD}]


def read(path, bound: int = 1 << 20) -> tuple[list[Sample], list[QuarantinedRow], Reading]:
    reading = Reading()
    found = list(read_samples(path, max_row_bytes=bound, mapping=None, reading=reading))
    broken = [item for item in found if isinstance(item, QuarantinedRow)]
    return [item.sample for item in found if not isinstance(item, QuarantinedRow)], broken, reading


def lines(rows=ROWS) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def table(rows=ROWS, delimiter=",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


# Compression


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


PACKS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd, "": bytes}


@pytest.mark.parametrize("ending", PACKS)
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "json"])
def test_every_form_is_read_compressed_as_well(form, ending, tmp_path):
    pl.DataFrame(ROWS).write_parquet(tmp_path / "raw")
    data = {"jsonl": lines(), "csv": table().encode(), "json": json.dumps(ROWS).encode()}
    path = tmp_path / f"rows.{form}{ending}"
    path.write_bytes(PACKS[ending](data.get(form, (tmp_path / "raw").read_bytes())))
    assert read(path)[0] == PAIRS
    if ending:
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(InputError, match=r"truncated or corrupt (gzip|bz2|xz|zst) .*none of it was used"):
            read(path)
        path.write_bytes(b"plain text\n" * 9)
        with pytest.raises(InputError, match="does not begin as"):
            read(path)


# CSV, TSV, TXT


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_with_line_breaks_quotes_and_a_byte_order_mark(delimiter, tmp_path):
    rows = [{"prompt": 'a "b"\nc', "response": "d, e; f|g\th"}, *ROWS]
    path = tmp_path / ("a.tsv" if delimiter == "\t" else "a.csv")
    path.write_text("\N{ZERO WIDTH NO-BREAK SPACE}" + table(rows, delimiter), encoding="utf-8", newline="")
    assert read(path)[0] == [Sample("d, e; f|g\th", 'a "b"\nc'), *PAIRS]


def test_a_csv_of_pandas_with_its_running_number_and_chats_as_json(tmp_path):
    pd = pytest.importorskip("pandas")
    pd.DataFrame(ROWS).to_csv(tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[0] == PAIRS
    pd.DataFrame({"messages": [json.dumps(CHAT)] * 2, "n": [1, 2]}).to_csv(tmp_path / "b.csv", index=False)
    assert list(read(tmp_path / "b.csv")[0][0].chat.messages) == CHAT
    pd.DataFrame({"messages": [CHAT] * 2}).to_csv(tmp_path / "c.csv", index=False)
    assert "write the column with json.dumps" in read(tmp_path / "c.csv")[1][0].reason


def test_bad_rows_of_a_csv_are_named_by_their_line(tmp_path):
    text = table()
    spoilt = text.encode() + b"only one cell\r\n" + b"caf\xe9,latin\r\n" + b'"left open,x\r\n' + b"y,z\r\n" * 3
    (tmp_path / "a.csv").write_bytes(spoilt)
    found, broken, _ = read(tmp_path / "a.csv")
    assert found == PAIRS
    assert [row.line for row in broken] == [7, 8, 9]
    assert [word in row.reason for word, row in zip(("1 cells", "UTF-8", "cells"), broken, strict=True)] == [True] * 3
    (tmp_path / "b.csv").write_text(text + '"left open\n' + "x\n" * 3000)
    found, broken, _ = read(tmp_path / "b.csv", bound=1000)
    assert found == PAIRS
    assert "quotation mark left open" in broken[0].reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "This is a file of long sentences that has no line at its head to name columns, only words\nMore\n",
            "no header",
        ),
        ("a,a\n1,2\n", "same name"),
        ("t\x00e\x00x\x00t\x00\n", "UTF-16"),
        ("", "is empty"),
    ],
)
def test_a_csv_without_usable_columns_is_refused(text, reason, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=reason):
        read(tmp_path / "a.csv")


def test_the_lines_of_a_text_file_are_texts(tmp_path):
    (tmp_path / "a.txt").write_text(f"{ASK}\r\n\n  \n{TOLD}\n" + "x" * 3000 + f"\n{ASK}")
    found, broken, _ = read(tmp_path / "a.txt", bound=1000)
    assert [sample.content for sample in found] == [ASK, TOLD, ASK]
    assert [(row.line, "larger than max_row_bytes" in row.reason) for row in broken] == [(5, True)]
    (tmp_path / "b.txt").write_text(table(delimiter="\t"))
    assert read(tmp_path / "b.txt")[0] == PAIRS


# Parquet and Arrow


def test_nested_parquet_gives_chats_without_the_keys_that_only_other_rows_have(tmp_path):
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": "weir"}}}
    other = {"type": "function", "function": {"name": "dig", "arguments": {"deep": 2}}}
    chats = [[CHAT[0], {"role": "assistant", "content": None, "tool_calls": [made]}, CHAT[1]] for made in (call, other)]
    pq.write_table(pa.Table.from_pylist([{"messages": chat, "score": 0.5} for chat in chats]), tmp_path / "a.parquet")
    found, broken, reading = read(tmp_path / "a.parquet")
    assert ([list(sample.chat.messages) for sample in found], broken) == (chats, [])
    assert reading.lines()[1] == "columns not read: score"


def test_columns_of_bytes_vectors_and_dates_are_not_read(tmp_path):
    columns = {
        "image": [{"bytes": b"\x89PNG" * 4, "path": "a.png"}] * 5,
        "embedding": [[0.1] * 8] * 5,
        "when": pa.array([1] * 5, pa.timestamp("us")),
        **{name: [row[name] for row in ROWS] for name in ("prompt", "response")},
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    found, broken, reading = read(tmp_path / "a.parquet")
    assert (found, broken) == (PAIRS, [])
    assert reading.lines()[1] == "columns not read: image, embedding, when"


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path(TRAPPED),))


TRAPPED = "/tmp/synthdata-unpickled"


def test_pickles_in_parquet_and_arrow_stay_bytes(tmp_path, monkeypatch):
    trapped = tmp_path / "unpickled"
    monkeypatch.setattr(sys.modules[__name__], "TRAPPED", str(trapped))
    bomb = pickle.dumps(Trap())
    meta = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": bomb}
    schema = pa.schema([pa.field("text", pa.binary(), metadata=meta), pa.field("answer", pa.string())])
    made = pa.Table.from_arrays([pa.array([bomb] * 2), pa.array([TOLD, ASK])], schema=schema)
    pq.write_table(made.replace_schema_metadata({b"pandas": bomb}), tmp_path / "a.parquet")
    with pa.OSFile(str(tmp_path / "b.arrow"), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(made)
    for name in ("a.parquet", "b.arrow"):
        found, broken, _ = read(tmp_path / name)
        assert ([sample.content for sample in found], broken) == ([TOLD, ASK], [])
    assert not trapped.exists()
    pickle.loads(bomb)
    assert trapped.exists(), "the trap itself must work, or this test shows nothing"


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_damaged_table_is_refused_whole_and_in_a_folder_named(name, tmp_path):
    (tmp_path / name).write_bytes(b"PAR1 no table at all PAR1")
    with pytest.raises(InputError, match=r"cannot be read as (Parquet|Arrow)"):
        read(tmp_path / name)
    (tmp_path / "b.jsonl").write_bytes(lines())
    found, broken, _ = read(tmp_path)
    assert (found, [(row.file, row.line) for row in broken]) == (PAIRS, [(name, 0)])


def test_a_data_set_saved_to_disk_is_read_with_its_splits_and_without_its_books(tmp_path):
    datasets = pytest.importorskip("datasets")
    made = datasets.Dataset.from_list(ROWS)
    made.save_to_disk(tmp_path / "one")
    assert read(tmp_path / "one")[0] == PAIRS
    # A file that an earlier save left behind does not belong to the set.
    (tmp_path / "one" / "data-00000-of-00009.arrow").write_bytes(b"stale")
    assert read(tmp_path / "one")[0] == PAIRS
    both = datasets.DatasetDict({"test": made.select(range(2)), "train": made})
    both.save_to_disk(tmp_path / "both")
    found, broken, reading = read(tmp_path / "both")
    assert (found, broken, reading.skipped) == ([*PAIRS[:2], *PAIRS], [], {})
    chats = datasets.Dataset.from_list([{"messages": CHAT, "tools": json.dumps([{"name": "look"}])}] * 2)
    chats.save_to_disk(tmp_path / "chats")
    assert list(read(tmp_path / "chats")[0][0].chat.messages) == CHAT


# Folders


def test_files_that_are_not_read_are_counted_by_their_ending(tmp_path):
    for name in ("a.eval", "b.eval", "c.tar.gz", "notes.docx", "LICENSE", ".hidden.eval", "README.md"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "rows.jsonl").write_bytes(lines())
    _, _, reading = read(tmp_path)
    assert reading.lines()[-1] == "not read: 2 files .eval, 1 file .tar.gz, 1 file .docx, 1 file without an ending" or (
        set(reading.skipped.items()) == {(".eval", 2), (".tar.gz", 1), (".docx", 1), ("without an ending", 1)}
    )
    (tmp_path / "rows.jsonl").unlink()
    with pytest.raises(InputError, match=r"no file to read in this folder.*not read: .*2 files \.eval"):
        list_data(tmp_path)


def test_a_file_that_is_not_clear_does_not_stop_a_folder(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines())
    (tmp_path / "meta.json").write_text('{"version": 2, "made": "2024-01-02"}')
    found, broken, _ = read(tmp_path)
    assert found == PAIRS
    assert [(row.file, row.line) for row in broken] == [("meta.json", 0)]


FACTORY = {
    "plain": {"file_name": "plain.json", "columns": {"prompt": "frage", "response": "antwort"}},
    "talk": {
        "file_name": "talk.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "gespraech", "system": "regel"},
        "tags": {"role_tag": "wer", "content_tag": "was", "user_tag": "gast", "assistant_tag": "wirt"},
    },
    "pairs": {"file_name": "pairs.jsonl", "ranking": True, "columns": {"chosen": "gut", "rejected": "schlecht"}},
    "far": {"hf_hub_url": "someone/far"},
    "out": {"file_name": "../outside.jsonl"},
}


def test_the_table_of_llama_factory_says_what_its_files_hold(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "outside.jsonl").write_bytes(lines())
    (folder / "dataset_info.json").write_text(json.dumps(FACTORY))
    (folder / "plain.json").write_text(json.dumps([{"frage": ASK, "antwort": TOLD, "output": "not this one"}]))
    turns = [{"wer": "gast", "was": ASK}, {"wer": "wirt", "was": TOLD}]
    (folder / "talk.jsonl").write_bytes(lines([{"gespraech": turns, "regel": "Be brief."}]))
    (folder / "pairs.jsonl").write_bytes(lines([{"instruction": ASK, "gut": TOLD, "schlecht": "No."}]))
    (folder / "other.jsonl").write_bytes(lines())
    for path, others in ((folder, PAIRS), (folder / "dataset_info.json", [])):
        found, broken, reading = read(path)
        assert broken == []
        assert [sample for sample in found if sample in PAIRS] == others
        own = [sample for sample in found if sample not in PAIRS]
        assert [sample.content for sample in own] == [TOLD] * 3
        assert [len(sample.chat.messages) if sample.chat else 0 for sample in own] == [2, 0, 3]
        assert own[0].chat.rejected[0]["content"] == "No."
        assert sum(reading.skipped.values()) == 2, (
            "what lies elsewhere is named, and nothing outside the folder is read"
        )


def test_books_of_datasets_are_not_the_table_of_llama_factory(tmp_path):
    (tmp_path / "dataset_info.json").write_text('{"builder_name": "json", "features": {}, "splits": {}}')
    (tmp_path / "rows.jsonl").write_bytes(lines())
    found, _, _ = read(tmp_path)
    assert found == PAIRS


# Size


def test_a_list_beyond_the_bound_of_a_document_is_read_item_by_item(tmp_path):
    bound = 1000
    rows = [{"prompt": f"{ASK} ✓ {i}", "response": TOLD, "n": i} for i in range(200)]
    (tmp_path / "a.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    found, broken, _ = read(tmp_path / "a.json", bound)
    assert ([sample.context for sample in found], broken) == ([row["prompt"] for row in rows], [])
    rows[7]["response"] = "x" * 2000
    (tmp_path / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    found, broken, _ = read(tmp_path / "a.json", bound)
    assert (len(found), [row.line for row in broken]) == (199, [8])
    (tmp_path / "a.json").write_text(json.dumps(rows)[:-400], encoding="utf-8")
    found, broken, _ = read(tmp_path / "a.json", bound)
    assert broken[-1].reason.endswith("from this item on nothing was read")
    assert len(found) == broken[-1].line - 2


MEASURED = """
import sys
from synthdata.sources.dataset import Reading, read_samples
rows = sum(1 for _ in read_samples(sys.argv[1], max_row_bytes=1 << 24, mapping=None, reading=Reading()))
# Not ru_maxrss: it starts from what the process was forked from.
peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))
print(rows, int(peak.split()[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "csv", "parquet", "txt"])
def test_memory_stays_bounded_on_large_files(form, tmp_path):
    path = tmp_path / f"a.{form}"
    row = {"prompt": ASK * 10, "response": TOLD * 10}
    count = 150_000
    if form == "parquet":
        pl.DataFrame({name: [text] * count for name, text in row.items()}).write_parquet(path, row_group_size=20_000)
    else:
        with path.open("w", encoding="utf-8") as file:
            if form == "csv":
                file.write("prompt,response\n")
            piece = {
                "json": json.dumps(row),
                "csv": ",".join(f'"{cell}"' for cell in row.values()),
                "txt": row["prompt"],
            }
            file.write("[" if form == "json" else "")
            for i in range(count):
                file.write((",\n" if i and form == "json" else "") + piece[form] + ("" if form == "json" else "\n"))
            file.write("]" if form == "json" else "")
    done = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
    rows, megabytes = map(int, done.stdout.split())
    assert rows == count
    assert megabytes < 600


# The hub


class Hub(BaseHTTPRequestHandler):
    files: ClassVar = {"data/rows.jsonl": lines(), "model.bin": b"not data"}

    def do_GET(self):
        self.answer(body=True)

    def do_HEAD(self):
        self.answer(body=False)

    def answer(self, body):
        name = self.path.partition("/resolve/main/")[2] or self.path.partition(f"/resolve/{'a' * 40}/")[2]
        if self.path.startswith("/api/datasets/someone/mill/tree"):
            files = self.files.items()
            listed = [{"type": "file", "path": name, "size": len(data), "oid": "e1"} for name, data in files]
            data = json.dumps(listed).encode()
        elif self.path.startswith("/api/datasets/someone/mill"):
            sha = "a" * 40
            siblings = [{"rfilename": file} for file in self.files]
            data = json.dumps({"id": "someone/mill", "sha": sha, "siblings": siblings}).encode()
        elif name in self.files:
            data = self.files[name]
        else:
            self.send_response(404)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", '"e1"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_):
        pass


FETCH = """
import sys
from synthdata.sources.hub import local_path
print(local_path(sys.argv[1], online=sys.argv[2] == "online"))
"""


def test_a_data_set_of_the_hub_is_fetched_only_where_it_is_asked_for(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path), "PATH": ""}
    here |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(Path(__file__).parent.parent)}

    def fetched(name, how):
        return subprocess.run([sys.executable, "-c", FETCH, name, how], capture_output=True, text=True, env=here)

    try:
        for name in ("someone/mill", "hf://datasets/someone/mill", "hf://datasets/someone/mill/data/rows.jsonl"):
            done = fetched(name, "online")
            assert done.returncode == 0, done.stderr
            assert read(Path(done.stdout.strip()))[0] == PAIRS
        assert not list(tmp_path.rglob("model.bin"))
        assert fetched("someone/mill", "offline").stdout.strip() == "someone/mill"
        assert "cannot be fetched from the hub" in fetched("someone/none", "online").stderr
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(InputError, match="say --online"):
        list_data("someone/mill")
