"""Small pictures that tests draw themselves."""

from __future__ import annotations

import base64
import io

from PIL import Image, ImageDraw, ImageFont


def drawn(number: int, size: tuple[int, int] = (64, 48), form: str = "PNG", **save: object) -> bytes:
    """The file of a picture that differs from that of any other number."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for i in range(8):
        shade = (37 * number + 91 * i) % 256
        left, top = (13 * number + 29 * i) % (size[0] - 8), (7 * number + 11 * i) % (size[1] - 8)
        draw.rectangle((left, top, left + 7, top + 7), fill=(shade, 255 - shade, (5 * number) % 256))
    out = io.BytesIO()
    image.save(out, form, **save)
    return out.getvalue()


def data_url(data: bytes, kind: str = "image/png") -> str:
    """The bytes as a `data:` URL."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def written(*lines: str, size: tuple[int, int] = (560, 140), letters: int = 20, mode: str = "RGB") -> bytes:
    """The file of a picture that shows these lines, black on white; in mode RGBA on nothing."""
    image = Image.new(mode, size, "white" if mode == "RGB" else (0, 0, 0, 0))
    text = "\n".join(lines)
    ImageDraw.Draw(image).text((16, 16), text, fill="black", font=ImageFont.load_default(letters), spacing=12)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
