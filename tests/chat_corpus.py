"""A corpus that admits given conversations, whatever a gate would say of them: for what exports do with rows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate, Chat, Decision, Verdict
from synthdata.settings import Settings

ASKED = "What is there to know of case {}?"


def chat_corpus(path: Path, chats: Sequence[Chat]) -> Corpus:
    """One round that admits the chats; the reference is 120 plain texts."""
    settings = Settings.from_dict(
        {"recipe": {"encoder": {"backend": "hashing", "dim": 64}, "export": {"real_share": 0}}}
    )
    rows = [ReferenceRow(text, ASKED.format(i), f"t{i}") for i, text in enumerate(lessons(120, 1))]
    corpus = Corpus.init(path, rows, settings=settings)
    candidates = [Candidate.of_chat(chat, occurrence=i) for i, chat in enumerate(chats)]
    context, content = (corpus.encode([getattr(c, view) for c in candidates]) for view in ("context", "content"))
    vectors = {c.id: (context[i], content[i]) for i, c in enumerate(candidates)}
    decisions = [Decision(candidate, Verdict.ADMIT, cell=0) for candidate in candidates]
    recipe = settings.recipe.decision_fingerprint()
    with corpus.store.writing():
        corpus.store.commit_round(decisions, vectors, round_key="given", recipe=recipe, anchor=0)
    return corpus


def ordinary_runs(shared_data: Path, folder: Path) -> list[dict[str, Any]]:
    """The 160 invented runs with tool calls that a script beside the shared data writes."""
    script = shared_data.parent / "cases" / "logs" / "make_ordinary_runs.py"
    if not script.is_file():
        pytest.skip(f"needs {script.name} of the shared cases beside the shared data")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, str(script)], cwd=folder, check=True)
    return [json.loads(line) for line in (folder / "logs" / "base.jsonl").read_text(encoding="utf-8").splitlines()]


def pairs_and_labels() -> list[Chat]:
    """Preference rows and rows with a label, as chats."""
    texts = lessons(48, 2)
    made = []
    for i, text in enumerate(texts):
        asked = {"role": "user", "content": ASKED.format(1000 + i)}
        turns = [asked, {"role": "assistant", "content": text}]
        worse = [{"role": "assistant", "content": f"Number {i} is unknown; ask somebody else."}]
        if i < 24:
            made.append(Chat(turns, prompt_length=1, rejected=worse))
        else:
            made.append(Chat(turns, prompt_length=1, label=i % 2 == 0))
    return made
