"""A judge's answers by string search: what an honest and capable model would say of claims that quote the log."""

from __future__ import annotations

import json
import re

from synthdata.protocols import Request

_CLAIM = re.compile(r"^(\d+)\. about step (\d+); offered as proof: “(.*?)”; claim: (.*)$", re.MULTILINE)
_STEP = re.compile(r"^step (\d+) \(\w+\)\n(.*?)(?=^step \d+ \(|^claims:$)", re.MULTILINE | re.DOTALL)
_FAILED = re.compile(r"\b(?:error|can't|cannot|invalid|not found|unknown)\b", re.IGNORECASE)


def read_prompt(request: Request) -> tuple[dict[int, str], list[tuple[int, str, str]]]:
    """The shown steps by index, and (step, proof, claim) of every claim."""
    shown = request.messages[-1].content
    steps = {int(idx): " ".join(text.split()) for idx, text in _STEP.findall(shown)}
    return steps, [(int(step), proof, claim) for _, step, proof, claim in _CLAIM.findall(shown)]


def answer(verdicts: list[tuple[str, str]]) -> str:
    """The JSON of (verdict, quote) pairs."""
    return json.dumps(
        {"answers": [{"claim": n, "verdict": v, "quote": q} for n, (v, q) in enumerate(verdicts, 1)]},
        ensure_ascii=False,
    )


def honest(request: Request) -> str:
    """Entailed where the words that a claim puts in quotation marks stand in its step and prove it."""
    steps, claims = read_prompt(request)
    return answer([_checked(steps.get(step, ""), proof, claim) for step, proof, claim in claims])


def stern(request: Request) -> str:
    """Honest, and of the opinion that every step whose proof it finds was a mistake."""
    steps, claims = read_prompt(request)
    said = []
    for step, proof, claim in claims:
        shown = steps.get(step, "")
        if claim.startswith("The agent ") and proof in shown:
            said.append(("entailed" if "mistake" in claim else "contradicted", proof))
        else:
            said.append(_checked(shown, proof, claim))
    return answer(said)


def gullible(request: Request) -> str:
    """Entailed, whatever the claim, with the first words of the step as the quote."""
    steps, claims = read_prompt(request)
    return answer([("entailed", " ".join(steps.get(step, "").split()[:8])) for step, _, _ in claims])


def _checked(shown: str, proof: str, claim: str) -> tuple[str, str]:
    if claim.startswith("The agent "):
        failed = _FAILED.search(shown) is not None
        if proof not in shown:
            return "not_in_evidence", ""
        return ("entailed" if failed == ("mistake" in claim) else "contradicted"), proof
    quoted = re.findall(r"“(.*?)”", claim)
    if quoted and all(words in shown for words in quoted):
        return "entailed", proof
    return "not_in_evidence", ""
