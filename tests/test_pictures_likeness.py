"""Near copies of a picture are found by their hash, and different pictures of one style are not taken for copies."""

from __future__ import annotations

import io

import numpy as np
import pytest
from drawn import drawn
from PIL import Image, ImageDraw, ImageFont
from sample_texts import lessons

from synthdata.pictures.encode import PictureBounds, encode
from synthdata.pictures.likeness import CODE_BYTES, NEAR_BITS, code, distances, groups

BOUNDS = PictureBounds()


def page(text: str, typed: str = "") -> Image.Image:
    """A form whose words alone differ from page to page."""
    image = Image.new("RGB", (640, 400), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=16)
    draw.rectangle((0, 0, 640, 36), fill="navy")
    for i in range(0, len(text), 60):
        draw.text((20, 60 + i // 60 * 26), text[i : i + 60], fill="black", font=font)
    draw.rectangle((20, 330, 300, 360), outline="grey")
    draw.text((26, 335), typed, fill="black", font=font)
    return image


def stored(image: Image.Image, form: str = "PNG", **save: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **save)
    return encode(out.getvalue(), BOUNDS).data


TEXTS = [" ".join(lessons(400, 7)[i : i + 4]) for i in range(0, 48, 4)]
EDITS = {
    "equal": lambda text: stored(page(text)),
    "typed": lambda text: stored(page(text, "two words")),
    "jpeg": lambda text: stored(page(text), "JPEG", quality=80),
    "gif": lambda text: stored(page(text), "GIF"),
    "shrunk": lambda text: stored(page(text).resize((576, 360), Image.Resampling.LANCZOS)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_light_edit_is_near_and_another_page_is_not(edit):
    codes = np.stack([code(stored(page(text))) for text in TEXTS])
    for number, text in enumerate(TEXTS):
        apart = distances(code(EDITS[edit](text)), codes)
        assert apart[number] <= NEAR_BITS and (apart <= NEAR_BITS).sum() == 1


def test_groups_join_copies_to_their_first_and_keep_others_apart():
    codes = [code(EDITS[edit](text)) for text in TEXTS[:3] for edit in ("equal", "typed", "gif")]
    assert groups(codes) == [0, 0, 0, 3, 3, 3, 6, 6, 6]
    assert groups([]) == [] and codes[0].shape == (CODE_BYTES,)


def test_a_chain_of_small_changes_is_no_single_group():
    base = np.zeros(CODE_BYTES * 8, dtype=np.uint8)
    chain = []
    for step in range(4):
        bits = base.copy()
        bits[: step * 20] = 1
        chain.append(np.packbits(bits))
    assert groups(chain) == [0, 0, 2, 2]


def test_pictures_of_any_size_and_mode_have_a_hash():
    for size in ((1, 1), (3, 400), (400, 3)):
        assert code(encode(drawn(1, (16, 16)), BOUNDS).data).shape == (CODE_BYTES,)
        assert code(stored(Image.new("RGBA", size, (0, 0, 0, 90)))).shape == (CODE_BYTES,)
