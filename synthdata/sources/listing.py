"""Which files of a path are data, how those of them are mapped that say so, and what is left unread, by ending.

Knows the folders that `datasets` saves (`state.json`) and the tables of LLaMA-Factory (`dataset_info.json`).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthdata.errors import InputError
from synthdata.sources.files import DATA_ENDINGS, SourceFile, list_files
from synthdata.sources.mapping import ColumnMap
from synthdata.sources.packing import ending_of
from synthdata.sources.tables import ENDINGS
from synthdata.sources.transcripts import is_transcript
from synthdata.sources.turns import Tags

_BOOKS = ("state.json", "dataset_info.json", "dataset_dict.json", "dataset_infos.json")
_MOST_INFO = 4 << 20
_TAGS = {
    "user_tag": "user", "assistant_tag": "assistant", "system_tag": "system", "observation_tag": "tool",
    "function_tag": "call",
}  # fmt: skip


@dataclass(frozen=True)
class Listing:
    """Files to read, sorted by name; `maps` by file name where a table says how; `skipped` counts endings unread."""

    files: list[SourceFile]
    maps: dict[str, ColumnMap] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)


def list_data(path: Path | str) -> Listing:
    """The data files of a path: a file whatever its name, or those of a folder, at any depth, by their endings.

    Hidden files, READMEs and the book-keeping of saved data sets are no data. Links to folders are not followed.

    Raises:
        InputError: no such path, or nothing to read in it.
    """
    path = Path(path)
    if path.is_file():
        entries = _entries(path) if path.name == "dataset_info.json" else None
        if entries is None:
            return Listing([SourceFile(path, path.name, alone=True)])
        return _described(path.parent, entries, others=False)
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder; give the path of a file or of a folder of them{_hub(path)}")
    info = path / "dataset_info.json"
    entries = _entries(info) if info.is_file() else None
    if entries is not None:
        return _described(path, entries, others=True)
    return _folder(path)


def _hub(path: Path) -> str:
    name = str(path)
    if name.startswith("hf:") or (len(path.parts) == 2 and not path.is_absolute() and not path.suffix):
        return "; to fetch it as a data set from the Hugging Face hub, say --online"
    return ""


def _folder(path: Path) -> Listing:
    files = sorted((file.relative_to(path), file) for file in path.rglob("*") if file.is_file())
    seen = [(name, file) for name, file in files if not _hidden(name)]
    stale = _stale(path)
    taken = [(name.as_posix(), file) for name, file in seen if _wanted(file) and file not in stale]
    skipped = Counter(_shown(name.name) for name, file in seen if not _wanted(file) and not _book(file))
    if not taken:
        endings = ", ".join((*DATA_ENDINGS, *ENDINGS))
        there = "; " + unread(skipped) if skipped else ""
        raise InputError(f"{path}: no file to read in this folder; files ending in {endings} are read{there}")
    return Listing([SourceFile(file, name, alone=False) for name, file in taken], skipped=dict(sorted(skipped.items())))


def list_any(path: Path | str) -> Listing:
    """The data files of a path, or where it has none its logs.

    Raises:
        InputError: no such path, or nothing to read in it.
    """
    try:
        return list_data(path)
    except InputError:
        if not Path(path).is_dir():
            raise
        return list_runs(path)


def list_runs(path: Path | str) -> Listing:
    """The files of a path that logs are read from, and what else is there.

    Raises:
        InputError: no such path, or nothing to read in it.
    """
    files = list_files(path, is_transcript)
    taken = {file.path for file in files}
    seen = [] if Path(path).is_file() else [file for file in Path(path).rglob("*") if file.is_file()]
    left = [file for file in seen if file not in taken and not _hidden(file.relative_to(path))]
    return Listing(files, skipped=dict(sorted(Counter(_shown(file.name) for file in left).items())))


def unread(skipped: dict[str, int]) -> str:
    """`not read: 2 files .eval, 1 file .tar.gz`; empty where there are none."""
    parts = [f"{n} {'file' if n == 1 else 'files'} {ending}" for ending, n in sorted(skipped.items())]
    return f"not read: {', '.join(parts)}" if parts else ""


def _shown(name: str) -> str:
    return "".join(ending_of(name)) or "without an ending"


def _hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts) or name.name.lower().startswith("readme")


def _book(file: Path) -> bool:
    return file.name in _BOOKS and (file.parent / file.name).is_file() and _saved(file.parent)


def _saved(folder: Path) -> bool:
    """A folder of `save_to_disk`: with `state.json`, or with `dataset_dict.json` over folders that have one."""
    return (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file() or any(folder.glob("*.arrow"))


def _wanted(file: Path) -> bool:
    return ending_of(file.name)[0] in (*DATA_ENDINGS, *ENDINGS) and not _book(file)


def _stale(path: Path) -> set[Path]:
    """Arrow files that lie in a saved data set and do not belong to it, as `state.json` says."""
    stale: set[Path] = set()
    for state in path.rglob("state.json"):
        value = _json(state)
        if isinstance(value, dict) and isinstance(value.get("_data_files"), list):
            names = {item.get("filename") for item in value["_data_files"] if isinstance(item, dict)}
            stale |= {file for file in state.parent.glob("*.arrow") if file.name not in names}
    return stale


def _json(path: Path) -> Any:  # noqa: ANN401 - JSON that anybody may have written
    if path.stat().st_size > _MOST_INFO:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError):
        return None


def _entries(info: Path) -> dict[str, dict[str, Any]] | None:
    """The entries of LLaMA-Factory's table; None where the file is another of that name."""
    value = _json(info)
    if not isinstance(value, dict) or not value:
        return None
    names = ("file_name", "hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
    good = all(isinstance(entry, dict) and set(names) & entry.keys() for entry in value.values())
    return value if good else None


def _described(folder: Path, entries: dict[str, dict[str, Any]], others: bool) -> Listing:
    """The files that the table names, each with its column map; with `others`, all other data of the folder as well."""
    maps: dict[str, ColumnMap] = {}
    skipped: Counter[str] = Counter()
    files: dict[str, SourceFile] = {}
    for name, entry in entries.items():
        target = _inside(folder, entry.get("file_name"))
        if target is None:
            skipped["of other places (data set " + name + ")"] += 1
            continue
        listed = _folder(target).files if target.is_dir() else [SourceFile(target, target.name, alone=False)]
        for file in listed:
            place = file.path.relative_to(folder).as_posix()
            files[place] = SourceFile(file.path, place, alone=False)
            maps[place] = _column_map(name, entry)
    if others:
        rest = _folder(folder)
        skipped.update(rest.skipped)
        for file in rest.files:
            if file.name != "dataset_info.json":
                files.setdefault(file.name, file)
    if not files:
        raise InputError(f"{folder / 'dataset_info.json'}: none of the files that it names is here")
    return Listing([files[place] for place in sorted(files)], maps, dict(skipped))


def _inside(folder: Path, name: object) -> Path | None:
    """The file of that name in the folder; None where there is none, or where the name leads out of the folder."""
    if not isinstance(name, str) or not name:
        return None
    target = (folder / name).resolve()
    return target if target.is_relative_to(folder.resolve()) and target.exists() else None


def _column_map(name: str, entry: dict[str, Any]) -> ColumnMap:
    columns = {key: item for key, item in dict(entry.get("columns") or {}).items() if isinstance(item, str)}
    shape = f"LLaMA-Factory {name}"
    ranked = {role: columns.get(role, role) for role in ("chosen", "rejected")} if entry.get("ranking") else {}
    around: dict[str, Any] = {
        "system": columns.get("system", ""), "tools": columns.get("tools", ""), "label": columns.get("kto_tag", ""),
        **ranked,
    }  # fmt: skip
    if entry.get("formatting", "alpaca") == "sharegpt":
        return ColumnMap(shape, messages=columns.get("messages", "conversations"), tags=_tags(entry), **around)
    context = (columns.get("prompt", "instruction"), columns.get("query", "input"))
    answer = () if ranked else (columns.get("response", "output"),)
    return ColumnMap(shape, content=answer, context=context, history=columns.get("history", "history"), **around)


def _tags(entry: dict[str, Any]) -> Tags:
    given = {key: item for key, item in dict(entry.get("tags") or {}).items() if isinstance(item, str)}
    roles = tuple((given[tag], role) for tag, role in _TAGS.items() if tag in given)
    return Tags(given.get("role_tag", "from"), given.get("content_tag", "value"), roles)
