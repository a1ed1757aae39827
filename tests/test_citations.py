"""Every page and section that code, settings and pages cite is in the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [
    path
    for folder in ("synthdata", "flows", "metrics", "bench", "experiments", "configs")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".toml"}
]
# A page by its path, and the section that is named behind it.
PAGE = re.compile(r"(?<![\w/.-])((?:docs/)?[A-Za-z][\w-]*\.md)(?:, section (\d+))?")
DESIGN = re.compile(r"\(design (\d+)\)")
# Names that code writes or reads, or that belong to other projects.
OTHERS = {"README.md", "report.md", "CHANGELOG.md", "SKILL.md", "AGENTS.md", "MEMORY.md", "CLAUDE.md"}


def sections(page: Path) -> set[str]:
    return set(re.findall(r"^## (\d+)\.", page.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_cited_pages_and_sections_exist(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        # Comments and docstrings cite; other strings name files that are written or read.
        text = "\n".join(re.findall(r'#.*|"""(?:.|\n)*?"""', text))
    missing = []
    for page, section in PAGE.findall(text):
        if page in OTHERS:
            continue
        target = ROOT / page
        if not target.is_file() or (section and section not in sections(target)):
            missing.append(f"{page} {section}")
    missing += [
        f"design {number}" for number in DESIGN.findall(text) if number not in sections(ROOT / "docs/design.md")
    ]
    assert missing == []
