"""Words that were read off pictures, in the marks and parts of those of which a log says nothing.

A picture with words of its own (`alt`, a caption) keeps these. Beside an accessibility snapshot, or twenty words or
more, in the same observation or turn it is not read: the log says already what there is to see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from synthdata.protocols import Words
from synthdata.records import Chat, Step, Trajectory
from synthdata.records.chat import part_text
from synthdata.records.picture import code_of, picture_of, with_words, without_marks

_ENOUGH = 20
# The lines of a snapshot: `- button "Send"` of Playwright, `[12] link 'Home'` of BrowserGym.
_SNAPSHOT = re.compile(
    r"^\s*(?:-\s+['\"]?|\[\w+\]\s*)(?:RootWebArea|StaticText|alert|article|banner|button|cell|checkbox|combobox|dialog|"
    r"document|figure|form|generic|grid|gridcell|group|heading|img|link|list|listbox|listitem|main|menu|menubar|menuitem|"
    r"navigation|option|paragraph|progressbar|radio|radiogroup|region|row|search|searchbox|separator|slider|spinbutton|"
    r"status|switch|tab|table|tablist|tabpanel|text|textbox|toolbar|tree|treeitem)\b(?: [\"'\[]|:|$)",
    re.MULTILINE,
)


def run_with_words(run: Trajectory, words: Words) -> Trajectory:
    """The run with words in the marks of its task, of what its environment showed and of what others said."""
    names = {code_of(media.sha256): media.picture for step in run.steps for media in step.media if media.picture}
    if not names:
        return run

    def read(text: str, beside: str) -> str:
        if _says_enough(without_marks(beside)):
            return text
        return with_words(text, lambda code: words(names[code]) if code in names else "")

    def of_step(step: Step) -> Step:
        seen = tuple(replace(one, content=read(one.content, step.observation)) for one in step.observations)
        return replace(step, action=read(step.action, step.action), observations=seen)

    return replace(run, task=read(run.task, run.task), steps=tuple(map(of_step, run.steps)))


def _says_enough(beside: str) -> bool:
    return len(beside.split()) >= _ENOUGH or _SNAPSHOT.search(beside) is not None


def chat_with_words(chat: Chat, words: Words) -> Chat:
    """The chat with words in the parts of its pictures."""
    messages, rejected = _messages(chat.messages, words), _messages(chat.rejected, words)
    changed = any(
        new is not old for new, old in zip((*messages, *rejected), (*chat.messages, *chat.rejected), strict=True)
    )
    return replace(chat, messages=messages, rejected=rejected) if changed else chat


def _messages(messages: Sequence[dict[str, Any]], words: Words) -> list[dict[str, Any]]:
    return [_message(message, words) for message in messages]


def _message(message: dict[str, Any], words: Words) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, list) or not any(map(picture_of, content)):
        return message
    if _says_enough("\n".join(part_text(part) or "" for part in content)):
        return message
    return message | {"content": [_part(part, words) for part in content]}


def _part(part: Any, words: Words) -> Any:  # noqa: ANN401 - JSON in, JSON out
    picture = picture_of(part)
    said = words(picture.name) if picture is not None and not picture.alt else ""
    return part | {"alt": said} if said else part
