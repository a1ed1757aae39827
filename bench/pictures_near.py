"""1,000 screenshots of 50 pages: what a picture costs, which copies are found, and what is taken for one wrongly.

    python bench/pictures_near.py [--library FOLDER_OF_IMAGEHASH]

The pages are HTML of our own in Debian's Chromium: forms, tables, articles, lists and dialogs in one style. Of each, 20
screenshots: the page, three more of it as it is (equal), and near ones: a focused field, a typed word, a caret, a mouse
over a button, JPEG, smaller sizes, one or two pixels of scroll, GIF. Pages of a layout differ in their words alone, so
that a loose bound would join them.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from report import conditions, table, write_section

from synthdata.pictures.likeness import NEAR_BITS, Codes, code, distances
from synthdata.pictures.store import PictureStore

FIRST, PAGES, SHOTS = 100, 50, 20
# What a person does to a page; what encoders do to a picture; moves of the whole.
KINDS = (("focus", "caret", "typed", "hover", "mouse"), ("jpeg", "gif", "smaller"), ("shifted",))
COLUMNS = ("used", "encoded or shrunk", "scrolled by 1 or 2 pixels")
STYLE = (
    "body{font:15px sans-serif;margin:24px;color:#222;background:#fff}h1{font-size:22px}input,button{font-size:15px;"
    "padding:4px}td,th{border:1px solid #bbb;padding:4px 10px}.bar{background:#246;color:#fff;padding:8px}"
    "button:hover{background:#9cf}"
)
WORDS = (
    "booking fare seat train ticket refund window customer invoice address stock order parcel depot return label price "
    "city garden harbour museum bridge station platform delay notice letter form report budget meeting project review"
).split()


def page_html(number: int) -> str:
    """A page of one of five layouts; pages of a layout differ in their words alone."""
    rng = random.Random(number)
    words = lambda n: " ".join(rng.choice(WORDS) for _ in range(n))  # noqa: E731
    go = f"<button type=button>{words(1)}</button>"
    items = "".join(f"<li>{words(5)}</li>" for _ in range(14))
    head = f"<style>{STYLE}</style><div class=bar>Desk &middot; {words(3)}</div><h1>{words(3).title()}</h1>"
    form = "".join(f"<p><label>{words(2)} <input name=f{i}></label></p>" for i in range(6))
    rows = "".join(
        f"<tr>{''.join(f'<td>{words(2)}</td>' for _ in range(4))}<td>{rng.randrange(999)}</td></tr>" for _ in range(12)
    )
    bodies = [
        f"<form>{form}{go}</form>",
        f"<input name=f0>{go}<table>{rows}</table>",
        f"<input name=f0>{go}" + "".join(f"<p>{words(60)}.</p>" for _ in range(4)),
        f"<input name=f0><ul>{items}</ul>{go}",
        f"<dialog open><p>{words(8)}?</p><input name=f0>{go}</dialog><p>{words(90)}</p>",
    ]  # fmt: skip
    return head + bodies[number % len(bodies)]


def shots(page: Page, number: int) -> Iterator[tuple[str, bytes]]:
    """20 screenshots of a page, each with what was done to it."""
    page.set_content(page_html(number))
    plain = page.screenshot()
    for _ in range(4):
        yield "equal", page.screenshot()
    field, button = page.locator("input").first, page.locator("button").first
    field.focus()
    yield "focus", page.screenshot(caret="initial")
    yield "caret", page.screenshot(caret="hide")
    for word in ("a", "harbour", "two words"):
        field.fill(word)
        yield "typed", page.screenshot()
    field.fill("")
    button.hover()
    yield "hover", page.screenshot()
    page.mouse.move(700, 500)
    yield "mouse", page.screenshot()
    for quality in (90, 70, 50):
        yield "jpeg", page.screenshot(type="jpeg", quality=quality)
    image = Image.open(io.BytesIO(plain))
    for share in (0.9, 0.75, 0.5):
        yield "smaller", saved(image.resize((int(image.width * share), int(image.height * share))))
    for down in (1, 2):
        moved = Image.new("RGB", image.size, "white")
        moved.paste(image, (0, down))
        yield "shifted", saved(moved)
    yield "gif", saved(image, "GIF")


def saved(image: Image.Image, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, form)
    return out.getvalue()


def taken() -> list[tuple[int, str, bytes]]:
    """All screenshots with the number of their page."""
    made = []
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 640})
        for number in range(FIRST, FIRST + PAGES):
            made += [(number, what, data) for what, data in shots(page, number)]
        browser.close()
    return made


Screens = list[tuple[int, str, bytes]]


def counts(name: str, codes: Codes, screens: Screens, bits: tuple[int, ...]) -> list[list[object]]:
    """A line of the table for each bound, over all pairs: of one page those found, of two those joined wrongly."""
    pages = np.array([number for number, _, _ in screens])
    apart = np.stack([distances(one, codes) for one in codes])
    upper = np.triu(np.ones_like(apart, dtype=bool), 1)
    same, other = (pages[:, None] == pages) & upper, (pages[:, None] != pages) & upper
    lines = []
    for bound in bits:
        hit = apart <= bound
        line: list[object] = [name, bound, float((hit & same).sum() / same.sum())]
        for kinds in KINDS:
            line.append(float(np.mean([hit[i, i - i % SHOTS] for i, shot in enumerate(screens) if shot[1] in kinds])))
        lines.append([*line, int((hit & other).sum())])
    return lines


def kept(screens: Screens) -> tuple[list[bytes], dict[str, float]]:
    """The files that a corpus keeps of the screenshots, and what they cost."""
    with tempfile.TemporaryDirectory() as folder:
        picture_store = PictureStore(Path(folder) / "blobs", Path(folder) / "known")
        began = time.process_time()
        names = [picture_store.put(data).name for _, _, data in screens]
        seconds = time.process_time() - began
        size = {name: len(picture_store.read(name)) for name in names}
        whole = sum(len(set(names[n : n + 4])) == 1 for n in range(0, len(names), SHOTS))
        facts = {"files": len(size), "bytes": sum(size.values()) / len(size), "shot": sum(size.values()) / len(names)}
        facts |= {"given": sum(len(data) for _, _, data in screens) / len(names), "whole": whole}
        return [picture_store.read(name) for name in names], facts | {"ms": 1000 * seconds / len(names)}


def others(folder: str, screens: Screens, files: list[bytes], own: Codes) -> list[list[object]]:
    """The same lines for the library's hashes; its dHash of that size must be ours."""
    sys.path.append(folder)
    import imagehash

    images = [Image.open(io.BytesIO(data)) for data in files]
    if not (np.stack([np.packbits(imagehash.dhash(image, 32).hash) for image in images]) == own).all():
        raise SystemExit("own dHash is not the library's")
    lines = []
    tried = [(imagehash.phash, 8, (0, 4)), (imagehash.phash, 16, (4, 16))]
    tried += [(imagehash.dhash, 8, (0, 4)), (imagehash.dhash, 16, (4, 8))]
    for make, side, bits in tried:
        codes = np.stack([np.packbits(make(image, side).hash) for image in images])
        lines += counts(f"{make.__name__}, {side * side} bits", codes, screens, bits)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", default="", help="a folder that holds imagehash and PyWavelets, to compare with")
    given, where = parser.parse_args(), conditions()
    screens = taken()
    files, facts = kept(screens)
    began = time.process_time()
    own = np.stack([code(data) for data in files])
    cost = 1000 * (time.process_time() - began) / len(files)
    lines = counts("own, 1,024 bits", own, screens, (0, 20, NEAR_BITS, 40, 51))
    lines += others(given.library, screens, files, own) if given.library else []
    columns = ["hash", "bits apart", "pairs of one page found", *COLUMNS, "pairs of two pages joined"]
    body = f"""{where}

{len(screens):,} screenshots of {PAGES} pages of our own, five layouts of one style, 1,000 x 640, {SHOTS} of each page:
4 equal, 16 near. The bound of {NEAR_BITS} bits was chosen on 50 other pages. Pairs: 9,500 of one page, 490,000 of two.

{table(columns, lines)}

Equal screenshots were one file for {facts["whole"]:.0f} of {PAGES} pages: {facts["files"]:,.0f} files in all of
{facts["bytes"]:,.0f} bytes, so {facts["shot"]:,.0f} bytes a screenshot; as they were given they had
{facts["given"]:,.0f}. Keeping one costs {facts["ms"]:.1f} processor milliseconds, its hash {cost:.1f}. The hash is the
dHash of `imagehash` of that size, bit by bit (`python bench/pictures_near.py --library FOLDER` compares)."""
    write_section("pictures-near", "Equal and near pictures", body)
    print(body)


if __name__ == "__main__":
    main()
