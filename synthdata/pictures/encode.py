"""A picture of a stranger as a picture of ours: decoded within bounds, encoded anew from its pixels alone.

What rides along in a file (camera data, comments, colour profiles, further frames, bytes after its end) is gone; what
is too large, cut off or no picture is refused with the reason.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from synthdata.errors import PictureError

# Formats that are decoded at all; the encoders of the lossy ones give JPEG, of the others PNG.
_LOSSY = ("JPEG", "MPO", "WEBP")
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_QUALITY = 90
# What decoders raise at a file that is damaged or hostile.
_UNREADABLE = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PictureBounds:
    """How large a picture may be: bytes of its file and pixels, counted before anything is unpacked."""

    max_bytes: int = 8_000_000
    max_pixels: int = 20_000_000


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture encoded by us: its bytes, the ending of its type (`png` or `jpg`), width and height in pixels."""

    data: bytes
    ending: str
    width: int
    height: int


def decode(data: bytes, bounds: PictureBounds) -> tuple[Image.Image, bool]:
    """The first frame of the picture in some bytes, upright, and whether its format loses some of what it is given.

    Raises:
        PictureError: no picture, a damaged one, or one over the bounds; it says which.
    """
    if len(data) > bounds.max_bytes:
        raise PictureError(f"a picture of over {bounds.max_bytes} bytes; raise runtime.max_picture_bytes or shrink it")
    try:
        with warnings.catch_warnings():
            # Odd metadata is no matter: it is not kept.
            warnings.simplefilter("ignore")
            return _decoded(data, bounds)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(_too_many(bounds, "far more")) from error
    except _UNREADABLE as error:
        what = str(error).replace("\n", " ") or type(error).__name__
        # The address of an object in memory tells nobody anything, and differs each time.
        what = "no picture of a known format" if isinstance(error, UnidentifiedImageError) else what[:120]
        raise PictureError(f"a picture that cannot be read: {what}; save it again as PNG or JPEG") from error


def _decoded(data: bytes, bounds: PictureBounds) -> tuple[Image.Image, bool]:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        width, height = opened.size
        if not 0 < width * height <= bounds.max_pixels:
            raise PictureError(_too_many(bounds, f"{width} x {height}"))
        opened.load()
        return ImageOps.exif_transpose(opened), opened.format in _LOSSY


def _too_many(bounds: PictureBounds, pixels: str) -> str:
    return f"a picture of {pixels} pixels, over {bounds.max_pixels}; raise runtime.max_picture_pixels or shrink it"


def encode(data: bytes, bounds: PictureBounds) -> Encoded:
    """The picture in some bytes, encoded anew: upright, of its first frame, in 8 bits a channel.

    JPEG and opaque WebP become JPEG of quality 90, all else PNG without loss.

    Raises:
        PictureError: no picture, a damaged one, or one over the bounds; it says which.
    """
    image, lossy = decode(data, bounds)
    pixels = _plain(image)
    out = io.BytesIO()
    if lossy and pixels.mode in ("L", "RGB"):
        pixels.save(out, "JPEG", quality=_QUALITY, optimize=True)
        return Encoded(out.getvalue(), "jpg", *pixels.size)
    pixels.save(out, "PNG")
    return Encoded(out.getvalue(), "png", *pixels.size)


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of a picture that was encoded here."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        return image.size


def _plain(image: Image.Image) -> Image.Image:
    """The pixels alone, in a mode that every reader knows."""
    if image.mode.startswith("I"):
        # Of 16 bits: Pillow would cut what is over 255 off, which leaves white.
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "RGB", "RGBA"):
        clear = "transparency" in image.info or image.mode in ("LA", "PA", "La", "RGBa")
        image = image.convert("RGBA" if clear else "RGB")
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        # Screens come with a channel that says nothing.
        image = image.convert("RGB")
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    return _of_few_colours(bare) if bare.mode == "RGB" else bare


def _of_few_colours(image: Image.Image) -> Image.Image:
    """The same pixels in a third of the bytes, where a palette holds their colours; else the picture as it is."""
    colours = image.getcolors(256)
    if not colours:
        return image
    small = image.quantize(len(colours), dither=Image.Dither.NONE)
    return small if small.convert("RGB").tobytes() == image.tobytes() else image


def on_white(image: Image.Image) -> Image.Image:
    """The picture as a page shows it: what it leaves clear is white, and not the colour that is stored there."""
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def thumbnail(data: bytes, side: int = 320) -> bytes:
    """A PNG of a picture that was encoded here, shrunk so that neither side is longer than `side` pixels."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        small = image.convert("RGBA" if image.mode in ("RGBA", "LA") else "RGB")
        small.thumbnail((side, side))
    out = io.BytesIO()
    small.save(out, "PNG")
    return out.getvalue()
