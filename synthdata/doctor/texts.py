"""Copies at three levels, noise of two kinds, a leak, a secret: each must fall for its own reason."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from synthdata.doctor.finding import ControlCheck
from synthdata.doctor.material import LESSON, REFERENCE_ROWS, ROUND_ROWS, SEED, text_corpus, texts
from synthdata.records import Candidate, Decision
from synthdata.settings import Settings
from synthdata.similarity.encoder import PACKAGED

PARAPHRASE = (
    "The agent should look up the booking's fare class before promising a refund, since basic economy tickets cannot "
    "be refunded at all."
)
LEAK = (
    "Which of the four lighthouse keepers signed the log on the night of the storm, and what did he write about the "
    "broken lamp and the missing boat?"
)
# "The committee approved the proposal after a long discussion."
THAI = "คณะกรรมการอนุมัติข้อเสนอหลังจากการอภิปรายเป็นเวลานาน"
# What the detail says where the test of stretches refused, and not a rule about letters.
_BY_STRETCH = "broken"
# And where the scan of words did.
_BY_WORDS = "words in a row"


def copies_and_noise(folder: Path, settings: Settings) -> list[ControlCheck]:
    """A round of sound text, then one faulty text of each kind."""
    material = texts(REFERENCE_ROWS + ROUND_ROWS)
    # The lesson is real, so that its paraphrase has something to be a copy of whatever the quotas say.
    corpus = text_corpus(folder / "texts", [*material[:REFERENCE_ROWS], LESSON], settings)
    corpus.hold_out([{"text": LEAK}])
    sound = material[REFERENCE_ROWS:]
    first = corpus.admit([Candidate(text, external_id="sound") for text in sound])
    admitted = [d.candidate.content for d in first.admitted]
    share = first.counts["admit"] / len(first.decisions)
    findings = [ControlCheck("sound text", "passes", share >= 0.5, f"{share:.0%} of {len(first.decisions)} admitted")]
    if len(admitted) < 2:
        return findings
    # In a long text one word more changes neither its words nor its cell much.
    longest = max(admitted[1:], key=len)
    planted = {
        "an exact copy": (admitted[0].upper(), "exact_duplicate"),
        "a light edit": (f"{longest} indeed", "near_duplicate"),
        "a paraphrase": (PARAPHRASE, "semantic_duplicate"),
        "letters at random": (_letters(), "gibberish"),
        "pieces of words": (_soup(sound), "broken stretches"),
        "words in no order": (_words(), "words in no order"),
        "a held-out leak": (f"Remember this question: {LEAK}", "contaminated"),
        "a secret": (f"To call the service again the agent set the key AK{'IA'}Q3EGRXSCZ4LTKWN7 once more.", "secret"),
    }
    if settings.recipe.encoder.backend in ("torch", "openvino") and settings.recipe.encoder.model == PACKAGED:
        planted["a script that the encoder does not know"] = (THAI, "unreadable")
    report = corpus.admit([Candidate(text, external_id=name) for name, (text, _) in planted.items()])
    by_name = {d.candidate.external_id: d for d in report.decisions}
    return findings + [_verdict(name, by_name[name], control) for name, (_, control) in planted.items()]


def _verdict(name: str, decision: Decision, control: str) -> ControlCheck:
    """Fired where the decision has the control's own reason: noise that the other kind of check stops is a miss."""
    seen = str(decision.reason or decision.verdict)
    detail = decision.detail or (f"score {decision.score:.3f}" if decision.score is not None else "")
    by_stretch, by_words = detail.startswith(_BY_STRETCH), _BY_WORDS in detail
    # Words in no order may be the one or the other to a reference.
    fired = {"broken stretches": by_stretch, "words in no order": by_stretch or by_words}.get(
        control, seen == control and not by_stretch and not by_words
    )
    return ControlCheck(name, control, fired, f"{seen}{f': {detail}' if detail else ''}")


def _letters() -> str:
    rng = random.Random(SEED)
    return " ".join("".join(rng.choices("bcdfghjklmnpqrstvwxz", k=7)) for _ in range(20))


def _words() -> str:
    """Real words that no grammar holds together, as a vocabulary has them."""
    words = "ledger smells patrol lattice canyon quilt vortex neon thorns prairie umbrella gland mustard violin cradle"
    return " ".join(random.Random(SEED).sample(f"{words} tundra wrench hazel bishop syrup".split(), 20))


def _soup(material: Sequence[str]) -> str:
    """Pieces of real words in no order, with signs between them, as a damaged tokenizer leaves them.

    Whole words with spaces between them would not do: to a test that lets other languages through they may be one.
    """
    rng = random.Random(SEED)
    words = sorted({word for text in material for word in text.split() if word.isalpha() and len(word) > 3})
    pieces = []
    for word in rng.choices(words, k=40):
        cut = rng.randrange(1, len(word) - 1)
        signs = "".join(rng.choices("}{#_(%)=;$&*", k=rng.randint(1, 3)))
        pieces += [word[cut:].title(), rng.choice(["", " ", signs, f"{signs} "])]
    return "".join(pieces)
