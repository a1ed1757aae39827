"""The pages for people: no word of the glossary stands on one before it is explained or linked there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^### (.+)$", GLOSSARY, re.MULTILINE)
# The pages that somebody reads who does not know the project yet.
PAGES = [
    ROOT / "README.md",
    *(DOCS / f"{name}.md" for name in ("index", "ideas", "tutorial-texts", "tutorial-logs", "faq")),
    *sorted((DOCS / "howto").glob("*.md")),
]


def prose(text: str) -> str:
    """A page without code, pictures, addresses and headings."""
    text = re.sub(r"```.*?```|`[^`]*`|<!--.*?-->|^#.*?$|!\[[^]]*\]\([^)]*\)", " ", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\]\([^)]*\)", "]", text)


def unexplained(text: str, terms: list[str]) -> list[str]:
    """Terms whose first use is neither bold, in italics nor the text of a link."""
    found = []
    shown = prose(text)
    marked = [match.span() for match in re.finditer(r"\*\*[^*]+\*\*|\*[^*\n]+\*|\[[^]]+\]", shown)]
    for term in terms:
        words = "|".join(re.escape(part) for part in term.split(" and "))
        first = re.search(rf"(?<![\w-])(?:{words})(?:s|es)?(?![\w-])", shown, re.IGNORECASE)
        if first and not any(start <= first.start() < end for start, end in marked):
            found.append(term)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_words_are_explained_before_they_are_used(page: Path) -> None:
    assert unexplained(page.read_text(encoding="utf-8"), TERMS) == [], f"link to docs/glossary.md from {page.name}"


def test_the_rule_sees_a_word_that_nobody_explains() -> None:
    assert unexplained("A cell is full.", ["Cell"]) == ["Cell"]
    assert unexplained("Each region is a **cell**. A cell is full.", ["Cell"]) == []
    assert unexplained("Two [cells](glossary.md#cell) are full.", ["Cell"]) == []
    assert unexplained("`cell` and cellar\n# Cell\n", ["Cell"]) == []


def test_the_glossary_is_in_order_and_every_link_to_it_lands() -> None:
    assert sorted(TERMS, key=str.lower) == TERMS
    anchors = {re.sub(r"[^a-z0-9-]", "", term.lower().replace(" ", "-")) for term in TERMS}
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        used = re.findall(r"glossary\.md#([a-z0-9-]+)", page.read_text(encoding="utf-8"))
        assert set(used) <= anchors, page.name
