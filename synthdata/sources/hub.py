"""Data sets of the Hugging Face hub, fetched into its cache and then read as a folder; only where asked by --online."""

from __future__ import annotations

import os
import re
from pathlib import Path

from synthdata.errors import InputError
from synthdata.sources.fields import shortened
from synthdata.sources.files import DATA_ENDINGS
from synthdata.sources.packing import PACKED
from synthdata.sources.tables import ENDINGS

_NAME = re.compile(
    r"(?:hf://(?:datasets/)?)?(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[\w.-]+))?(?:/(?P<file>[^?#]+))?"
)


def local_path(name: Path | str, online: bool) -> Path:
    """The path that a name stands for: itself where it exists or nothing is fetched, else a folder in the hub's cache.

    Raises:
        InputError: the hub does not answer, or has no such data set.
    """
    text = str(name)
    # A path object folds the slashes of an address.
    text = re.sub(r"^hf:/(?!/)", "hf://", text)
    if Path(name).exists() or not online:
        return Path(name)
    parts = _NAME.fullmatch(text)
    if parts is None:
        raise InputError(
            f"{name}: no such file, and no name of a data set on the hub; write OWNER/NAME or hf://datasets/OWNER/NAME"
        )
    return _fetched(parts["repo"], parts["revision"], parts["file"])


def _fetched(repo: str, revision: str | None, file: str | None) -> Path:
    # Read when the library is imported, which nothing has done before.
    os.environ["HF_HUB_OFFLINE"] = "0"
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    wanted = [file] if file else [f"*{end}{packed}" for end in (*DATA_ENDINGS, *ENDINGS) for packed in ("", *PACKED)]
    try:
        folder = snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=wanted)
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise InputError(f"{repo}: cannot be fetched from the hub: {shortened(str(error), 300)}") from error
    path = Path(folder) / file if file else Path(folder)
    if not path.exists():
        raise InputError(f"{repo}: has no file {file}")
    return path
