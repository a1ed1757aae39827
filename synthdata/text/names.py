"""One name a thing: what terminal, pages, cards and documentation call what the store knows by an identifier.

Identifiers stay in `--json`, in tables of the store and in settings. docs/reference/ is written from this file.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """The name of a thing, what it says in one sentence, and what a collapse does to it (empty: nothing)."""

    name: str
    says: str
    in_collapse: str = ""


# Metrics of the snapshots, in the order in which they are shown.
METRICS: dict[str, Meaning] = {
    "rows": Meaning("Rows", "How many rows were measured."),
    "n2": Meaning("Distinct contents (N2)", "The texts are as diverse as this many different contents.", "falls"),
    "vendi_1": Meaning("Vendi score", "The same by entropy: rare contents weigh more.", "falls"),
    "cell_hill_1": Meaning("Cells in use", "Over how many regions of experience the rows spread.", "falls"),
    "cell_max_ratio": Meaning("Fullest cell", "The most crowded region against its real share.", "rises"),
    "outside_share": Meaning("Outside the reference", "The share of rows about something that no real row is about."),
    "coverage": Meaning("Coverage", "The share of real texts that have a generated text near them.", "falls"),
    "precision": Meaning("Precision", "The share of generated texts that lie among real texts."),
    "recall": Meaning("Recall", "The share of real texts that lie among generated texts.", "falls"),
    "density": Meaning("Density", "How many real neighbourhoods a generated text lies in."),
    "mmd2": Meaning("Drift", "The distance between generated and real texts (MMD²); 0 is none.", "rises"),
    "tail_coverage": Meaning("Rare words kept", "The share of the rare words of real text that still occur.", "falls"),
    "distinct_1": Meaning("Distinct words", "The share of words that differ.", "falls"),
    "distinct_2": Meaning("Distinct word pairs", "The share of sequences of two words that differ.", "falls"),
    "distinct_3": Meaning("Distinct trigrams", "The share of sequences of three words that differ.", "falls"),
    "compression_ratio": Meaning("Compression", "How well the texts pack: repetition packs well.", "rises"),
    "self_repetition": Meaning("Self-repetition", "How much of a text occurs in other texts as well.", "rises"),
    "skeleton_hill_1": Meaning("Sentence frames", "How many frames of sentences there are, names masked.", "falls"),
    "word_entropy": Meaning("Word entropy", "How unpredictable a word is, in nats.", "falls"),
    "trigram_entropy": Meaning("Trigram entropy", "How unpredictable three words are, in nats.", "falls"),
    "judge_pass_rate": Meaning("Judge pass rate", "Of what a judge saw, the share that passed."),
    "real_share": Meaning("Real share", "Real rows among the reference and the corpus.", "falls"),
    "lineage_depth": Meaning("Lineage depth", "How many generations lie between a row and real data, on average."),
    "lineage_depth_max": Meaning("Deepest lineage", "The most generations between any row and real data."),
    "pictures": Meaning("Pictures", "How often the rows of the round, and the runs they speak of, show a picture."),
    "pictures_distinct": Meaning("Distinct pictures", "How many different pictures these are."),
    "pictures_near": Meaning("Pictures that look different", "The same when near copies count as one."),
    "picture_repeats": Meaning("Picture repeats", "The share of showings that show what the round showed before."),
    "picture_n2": Meaning(
        "Unlike pictures (N2)", "The pictures are as diverse as this many different ones, to an image encoder.", "falls"
    ),
    "picture_coverage": Meaning(
        "Picture coverage", "The share of the reference's pictures that have one of the round near them.", "falls"
    ),
}
ALARMS = {
    "collapse": "Collapse (several tiles at once)",
    "n2_level": "Distinct contents far under the reference",
    "judge_canaries": "A judge that does not tell right from wrong",
    "judge_audit": "An audit that disagrees with the judges more than before",
    "judge_scan": "A reflection that a judge passes on any run",
}
VIEWS = {
    "raw": "what came in",
    "round": "admitted this round",
    "admitted": "whole corpus",
    "reference_heldout": "real text set aside",
    "judge": "judge",
    "screen": "pictures of the round",
}
VERDICTS = {"admit": "admitted", "reject": "refused", "quarantine": "unreadable"}
# Why a row was not admitted.
REASONS: dict[str, Meaning] = {
    "malformed": Meaning("Unreadable row", "The line or the answer cannot be read."),
    "too_short": Meaning("Too short", "It has fewer words than nearly all real texts."),
    "too_long": Meaning("Too long", "It has more words than nearly all real texts."),
    "generic": Meaning("Says nothing of its own", "Its vector is that of the average text."),
    "ungrounded": Meaning("Without evidence", "No verbatim quote of the run supports the lesson."),
    "gibberish": Meaning("Broken text", "A stretch of it reads like pieces of texts or programs in a random order."),
    "unfinished": Meaning("Unfinished", "The lesson breaks off."),
    "unlike_reference": Meaning("Worded unlike real text", "Its words are far less or far more predictable."),
    "unreadable": Meaning("Script unknown to the encoder", "The encoder has no vectors for this script."),
    "loop": Meaning("Goes in circles", "It repeats itself within the text."),
    "addresses_judge": Meaning("Speaks to the judge", "It asks whoever judges it for a verdict."),
    "secret": Meaning("Holds a secret", "It contains a key or a password."),
    "contaminated": Meaning("On the held-out list", "It shares text with what must never be trained on."),
    "lineage_depth": Meaning("Too many generations from real data", "It was made from texts that were made."),
    "exact_duplicate": Meaning("Exact copy", "The same text about the same is there already."),
    "near_duplicate": Meaning("Near copy", "A light edit of a text that is there already."),
    "semantic_duplicate": Meaning("Paraphrase", "It says what an admitted or a real text says in other words."),
    "lesson_quota": Meaning("Lesson taught often enough", "The same lesson stands about several other contexts."),
    "judge_rejected": Meaning("Refused by a judge", "A judge found the lesson or its evidence wrong."),
    "judge_abstained": Meaning("Not judged", "The judges gave no usable verdict."),
    "lexical_saturation": Meaning("Worn wording", "Its phrases or its sentence frame stand in many rows already."),
    "cell_quota": Meaning("Cell is full", "Its region of experience has its real share already."),
    "outside_reference": Meaning("Outside the reference", "It is about something that no real row is about."),
    "collision_budget": Meaning("Would cost diversity", "With it the whole set would fall under its floor."),
    "abstained": Meaning("Nothing to say", "The reflector found nothing to learn in this run."),
}
# The numbers that the stages of the gate saw. A small share of real texts means unusual: under its threshold it
# refuses.
SEEN = {
    "words": "Words",
    "short_p": "Share of real texts as short",
    "long_p": "Share of real texts as long",
    "nats": "Surprise of a word to real text, nats",
    "predictable_p": "Share of real texts as predictable",
    "unlike_p": "Share of real texts as unpredictable",
    "broken_p": "Share of real texts with a stretch as broken",
    "generic_p": "Share of real texts as near to the average text",
    "novelty_p": "Share of real texts as far from others",
    "content_norm": "Distance from the average text",
    "cell_cosine": "Cosine to the centre of its cell",
    "cosine": "Cosine to the nearest text",
    "jaccard": "Shared letter sequences with the nearest text",
    "kept_apart": "Near texts with other numbers or meaning",
    "lesson_neighbours": "Texts that teach the same elsewhere",
    "phrase_share": "Share of worn phrases",
    "skeleton_rows": "Rows with this sentence frame",
    "skeleton_limit": "Most rows with one sentence frame",
    "cell_rows": "Rows in its cell",
    "cell_limit": "Most rows in its cell",
    "cell_real_share": "Real share of its cell",
    "disorder": "Disorder of its most broken stretch",
    "corpus_p": "Likeness within all rows, before",
    "corpus_redundancy": "Its own likeness to all rows",
    "corpus_p_after": "Likeness within all rows, with it",
    "round_p": "Likeness within this round, before",
    "round_redundancy": "Its own likeness to this round",
    "round_p_after": "Likeness within this round, with it",
    "outside_in_round": "Rows outside the reference in this round",
    "fluency_loss": "Surprise of a token to the language model, nats",
}
# What an anchor says of itself, as `init` shows it; what is not named here is for --json.
ANCHOR = {
    "number": "Anchor",
    "views": "Views of a row",
    "encoder": "Encoder",
    "cells": "Cells (regions of experience)",
    "rows": "Real rows to calibrate from",
    "heldout_rows": "Real rows set aside for honest intervals",
    "copies_dropped": "Copies among them, dropped",
    "reference_rows": "Rows read",
    "unreadable": "Rows that could not be read",
    "inherited": "Rows inherited",
    "calibrated_from": "Floor calibrated from",
    "n2_reference": "Distinct contents (N2) of real data",
    "n2_floor": "Floor under them",
    "tau": "Cosine from which two rows say the same",
}


def plain(identifier: str | None) -> str:
    """An identifier as words (`cell_quota`: `cell quota`), for what has no name here."""
    return (identifier or "").replace("_", " ")


def metric_name(identifier: str) -> str:
    """What a metric is called."""
    return METRICS[identifier].name if identifier in METRICS else plain(identifier).capitalize()


def reason_name(identifier: str | None) -> str:
    """What a reason is called; nothing for an admitted row."""
    return REASONS[identifier].name if identifier in REASONS else plain(identifier)


def level_name(identifier: str) -> str:
    """What a level of repetition is called in the report of a file: as the reason that such a row is refused for."""
    return reason_name(f"{identifier}_duplicate")


def reason_says(identifier: str) -> str:
    """What a reason means, in one sentence."""
    return REASONS[identifier].says if identifier in REASONS else ""


def alarm_name(identifier: str) -> str:
    """What the tile of an alarm is called."""
    return ALARMS.get(identifier) or metric_name(identifier)


def view_name(identifier: str) -> str:
    """What a view of the metrics is called."""
    return VIEWS.get(identifier, plain(identifier))


def seen_name(identifier: str) -> str:
    """What a number is called that a stage of the gate saw."""
    return SEEN.get(identifier) or plain(identifier).capitalize()


def sentence(text: str) -> str:
    """A remark as a sentence: it begins with a capital and ends with a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def verdict_name(identifier: str) -> str:
    """What a verdict is called."""
    return VERDICTS.get(identifier, identifier)
