"""What pictures show as text, read off their pixels (OCR) on this machine alone.

The only importer of rapidocr (the extra `ocr`). Its weights lie in its package and are opened by their path there, for
by name it would look for them, and fetch them, elsewhere. What was read once is noted by the content of the picture.
"""

from __future__ import annotations

import io
import json
import logging
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from synthdata.errors import InputError
from synthdata.io.files import atomic_write
from synthdata.pictures.encode import on_white
from synthdata.pictures.store import PassingPictures, PictureStore, UnkeptPictures
from synthdata.protocols import Pictures, Words
from synthdata.records.picture import LONGEST_READ, alt_of
from synthdata.settings import PictureSettings
from synthdata.text.broken_keys import with_whole_keys

_LOG = logging.getLogger(__name__)
# A line that is read less surely than this says nothing to anybody: letters beside icons, bits of drawings.
_SURE = 0.7
# Small screens are enlarged until their shorter side has `_SHORT` pixels, and no side gets over `_LONG`.
_SHORT, _LONG = 736, 2000
_MOST_LINES = 1000
_DETECTOR, _RECOGNISER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text in a picture, and how surely it was read, in [0, 1]."""

    text: str
    sure: float


class PictureWords:
    """The words that the pictures of a store show, from the top to the bottom and from the left to the right.

    Raises:
        InputError: the extra is not installed.
    """

    def __init__(self, picture_store: PictureStore) -> None:
        if find_spec("rapidocr") is None or find_spec("onnxruntime") is None:
            raise InputError("recipe.pictures.ocr needs the ocr extra: pip install 'synthdata-gate[ocr]'")
        self._store = picture_store

    def shown(self, name: str) -> str:
        """The words as a mark has them: one line of at most 1,000 characters, only what is read surely.

        Keys in it are whole, so that the scanners of texts know them and leave no piece.
        """
        read = " ".join(line.text for line in self.lines(name) if line.sure >= _SURE)
        line = alt_of(with_whole_keys(unicodedata.normalize("NFKC", read)), LONGEST_READ + 1)
        # Cut between two words: a piece of a key would pass the scanners.
        return line if len(line) <= LONGEST_READ else line.rpartition(" ")[0] or line[:LONGEST_READ]

    def lines(self, name: str) -> list[Line]:
        """All lines of a picture, also those that are read less surely; nothing unseen is in them.

        Raises:
            CorruptStoreError: the picture is missing, or not what its name says.
            InputError: what was read cannot be written down.
        """
        note = self._store.words_folder / name[:2] / f"{name[:64]}.json"
        lines = _noted(note)
        if lines is None:
            lines = self._reader.lines(self._store.read(name))
            try:
                note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                atomic_write(note, json.dumps([[line.text, line.sure] for line in lines]).encode(), mode=0o600)
            except OSError as error:
                raise InputError(f"{note}: cannot be written ({error.strerror or error})") from error
        return lines

    @cached_property
    def _reader(self) -> _Reader:
        _LOG.warning("reading the words off pictures, a second or more each; what is read is kept for the next time")
        return _Reader()


def passing_pictures(settings: PictureSettings) -> PassingPictures | UnkeptPictures:
    """Where pictures go that nobody keeps: for their words into a folder that is gone afterwards, else nowhere."""
    return PassingPictures() if settings.ocr else UnkeptPictures()


def words_of(pictures: Pictures | None, settings: PictureSettings) -> Words | None:
    """What reads the words of these pictures; None where the settings do not ask for it, or where none are kept.

    Raises:
        InputError: the extra is not installed.
    """
    return PictureWords(pictures).shown if settings.ocr and isinstance(pictures, PictureStore) else None


def _noted(note: Path) -> list[Line] | None:
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        # Lost or damaged: it is only a note, and the picture is read again.
        return None
    return [Line(*line) for line in noted] if isinstance(noted, list) and all(map(_is_line, noted)) else None


def _is_line(value: object) -> bool:
    if not (isinstance(value, list) and len(value) == 2):
        return False
    text, sure = value
    return isinstance(text, str) and bool(text) and text == _seen(text) and isinstance(sure, float) and 0 <= sure <= 1


class _Reader:
    """The models, loaded once: some 300 MB, and more while they work."""

    def __init__(self) -> None:
        try:
            import rapidocr
        except ImportError as error:
            # Such as a library of the system that OpenCV with windows wants, where no screen is.
            raise InputError(
                f"the ocr extra is installed and cannot be loaded ({error}): install 'synthdata-gate[ocr]' again, and "
                "opencv-python-headless in the place of opencv-python"
            ) from error
        models = Path(rapidocr.__file__).parent / "models"
        for name in (_DETECTOR, _RECOGNISER):
            if not (models / name).is_file():
                raise InputError(f"{models / name}: is missing; install rapidocr again")
        params: dict[str, Any] = {
            "Global.log_level": "critical",
            # Lines that lie on their head are rare on screens, and looking for them costs half as much again.
            "Global.use_cls": False,
            "Global.text_score": 0.0,
            "Global.max_side_len": _LONG,
            "Det.model_path": str(models / _DETECTOR),
            "Det.limit_type": "max",
            "Det.limit_side_len": _LONG,
            "Rec.model_path": str(models / _RECOGNISER),
            # One thread, so that no machine adds up in another order.
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        self._engine: Any = rapidocr.RapidOCR(params=params)

    def lines(self, data: bytes) -> list[Line]:
        found = self._engine(_pixels(data))
        read = zip(found.txts or (), found.scores or (), strict=True)
        made = [Line(_seen(text), round(float(sure), 4)) for text, sure in read]
        return [line for line in made if line.text][:_MOST_LINES]


def _pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The picture on white, in the order of colours that OpenCV has, and as large as small letters need."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
        image = on_white(opened).convert("RGB")
    short, long = sorted(image.size)
    factor = min(_LONG / long, max(1.0, _SHORT / short))
    if factor != 1:
        image = image.resize([max(1, round(side * factor)) for side in image.size], Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(image)[:, :, ::-1])


def _seen(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
