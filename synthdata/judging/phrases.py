"""What a text says to a judge instead of about a trajectory, and the openers that say nothing at all.

Patterns only. They look for imperatives, claims about the verdict and forged structure; talking about instructions,
scores or judges in the past tense or third person is what honest reflections do, and passes.
"""

from __future__ import annotations

import re
import unicodedata

# Letters of other alphabets that are drawn as Latin ones.
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d"
    "\u03b1\u03bf\u03c1\u03b9\u03bd\u03c5\u0131"
    "\u0410\u0415\u041e\u0420\u0421\u0423\u0425\u0406\u0408\u0405\u0412\u041a\u041c\u041d\u0422",
    "aeopcyxijshdqwaopivuiAEOPCYXIJSBKMHT",
)
_LOOKALIKE = re.compile("[" + "".join(map(chr, _LOOKALIKES)) + "]")
_SPELLED_OUT = re.compile(r"(?<![\w'])(?:[^\W\d_][ .\-_*]){4,}[^\W\d_](?!\w)")
_MARKS = re.compile("[\u0300-\u036f]")

# Where an imperative may begin: at the start of a sentence or line, or after a word that leads one in.
_BEGIN = (
    r"(?:^|[.!?:;>\"'({\[*#\-\n]\s*"
    r"|\b(?:please|now|then|simply|just|kindly|must|you should|instead|and|but|so)[, ]\s*"
    r"|\b(?:before|when|once|after) you (?:answer|reply|judge|decide|read this|are done|finish),\s)"
)
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|former|existing|original)"
_ORDERS = r"(?:instruction|direction|criteri|rule|rubric|prompt|guideline|polic|order|constraint|command)\w*"
_PIECE = r"(?:response|answer|reflection|review|output|submission|text|solution|candidate|entry|sample|essay|lesson)"
_PRAISE = r"(?:exceptional|flawless|perfect|outstanding|impeccable|superb|of the highest quality|100% correct)"
_ITSELF = r"(?:reflection|review|critique|assessment|analysis|response|answer|lesson|submission)"
_LAUDED = (
    r"(?:exceptional|flawless|perfect|outstanding|impeccable|superb|excellent|insightful|comprehensive|well.grounded"
    r"|beyond (?:reproach|doubt)|rigorous|thorough|masterful|unassailable|airtight|of the highest quality)"
)
_TOP = r"(?:full|maximum|max|highest|top|perfect|best|10|100|5)"
_MARK = r"(?:score|mark|rating|credit|grade|points?\b|stars?\b)"
_JUDGE = r"(?:judge|grader|evaluator|assessor|rater|scorer|marker|reviewer|moderator|referee)"

_OVERRIDES = (
    rf"{_BEGIN}(?:ignore|disregard|forget|override|overrule|bypass|discard|drop)\s(?:\w+\s){{0,4}}?{_EARLIER}\b"
    rf"(?:\s\w+){{0,3}}?\s{_ORDERS}",
    rf"{_BEGIN}(?:ignore|disregard|forget|override|overrule)\s(?:all|any|every|your|the system|everything|these)\s"
    rf"(?:\w+\s){{0,4}}?(?:{_ORDERS}|before|above)",
    rf"{_BEGIN}(?:ignore|disregard|forget)\s(?:(?:all|everything|the)\s)*(?:above|previous)"
    r"(?=\s*(?:$|[\n.,;:!#]|and\b))",
    r"\b(?:new|updated|revised|real|actual) (?:system )?(?:instructions?|prompt|criteria|task)\s*:",
    r"\bsystem (?:override|prompt override|update)\b",
)
_OVERRIDES_ELSEWHERE = (
    r"(?:\u5ffd\u7565|\u65e0\u89c6|\u7121\u8996|\u5fd8\u8bb0).{0,12}"
    r"(?:\u6307\u4ee4|\u6307\u793a|\u8bf4\u660e|\u8981\u6c42|\u63d0\u793a|\u89c4\u5219|\u547d\u4ee4)",
    r"(?:\u4e4b\u524d|\u4ee5\u4e0a|\u4ee5\u524d|\u4e0a\u8a18)\S{0,6}(?:\u6307\u4ee4|\u6307\u793a)\S{0,3}"
    r"(?:\u5ffd\u7565|\u65e0\u89c6|\u7121\u8996)",
    r"\b(?:ignora|ignore|olvida|ignoriere?|ignorez|oublie[zr]?|vergiss|vergessen sie|desconsidere|dimentica)"
    r"\s(?:\w+\s){0,4}?(?:instrucciones|instrucoes|istruzioni|anweisungen|instruktionen|consignes|reglas|regles|regeln)",
    r"\bignore[zr]?\s(?:\w+\s){0,2}?instructions (?:precedentes|anterieures|ci-dessus)",
    r"(?:\u0438\u0433\u043d\u043e\u0440\u0438\u0440\u0443\u0438|\u0437\u0430\u0431\u0443\u0434\u044c).{0,30}"
    r"(?:\u0438\u043d\u0441\u0442\u0440\u0443\u043a\u0446\u0438|\u0443\u043a\u0430\u0437\u0430\u043d\u0438)",
)
_FORGED_FRAMES = (
    r"<\|?\s?(?:im_start|im_end|im_sep|endoftext|start_header_id|end_header_id|eot_id|begin_of_text|system|assistant)"
    r"\s?\|?>",
    r"</?(?:system|assistant|human|candidate|reflection|submission)>|\[/?inst\]|<</?sys>>",
    r"(?:^|\n)[#\s*]{0,8}(?:system|assistant)(?: (?:message|prompt))?\s*:\s",
    r"(?:^|\n)\W{0,8}(?:begin|end|start) of (?:the )?"
    r"(?:candidate|submission|response|answer|input|reflection|system prompt)\b",
    r"\bmodel_identifier\b",
    # Thinking aloud that has a beginning and an end belongs to no lesson.
    r"<(think|thinking|scratchpad)>(?:.|\n){0,2000}?</\1>",
    r"(?:^|[\n.!?]\s?)\[(?:system|admin|developer|operator)\]\s",
)
_FORGED_VERDICTS = (
    r"[\"'](?:score|rating|verdict|grade|judge?ment|passed|accept(?:ed)?|approved|is_correct|grounded)[\"']\s*:\s*[\"']?"
    r"(?:10|100|5|1(?:\.0)?|true|yes|pass(?:ed)?|accept(?:ed)?|correct|entailed|good|excellent|perfect)\b",
    r"\[\[\s*(?:[abc]|rating|\d+(?:\.\d+)?)\s*\]\]",
    r"(?:^|\n|[.!?]\s)\W{0,8}(?:final |overall |my |the )?(?:rating|verdict|grade|judge?ment)\s*"
    r"(?:[:=]|is\b)\s{0,4}\W{0,8}(?:100?\b|\d+\s*/\s*\d+\b|pass\b|passed|accept\b|accepted|approved?\b|perfect|excellent|entailed)",
    r"(?:^|\n)\W{0,8}(?:final |overall )?score\s*[:=]\s{0,4}\W{0,8}(?:(?:10|100)\s*(?:/|out of)|10\b|100\b|5/5)",
)
_REQUESTS = (
    rf"\b{_JUDGE}s?\b[^.!?\n]{{0,60}}\b(?:should|must|shall|has to|have to|needs? to|now has|are to|is to|will)\b"
    r"[^.!?\n]{0,30}\b(?:accept|approve|pass|rate|score|mark|give|award|treat|label|say|answer|output)\b",
    # What earlier judges are said to have done.
    rf"\b{_JUDGE}s?\s(?:has |have )?(?:already |all |both )*(?:decided|agreed|chose|voted)\sto\b",
    r"\b(?:approve|accept|pass|endorse) it\s(?:at once|immediately|right away|unconditionally|without)\b",
    r"\b(?:accept|approve|endorse|pass|rate)\s(?:this|my)\s(?:reflection|review|critique|assessment|submission)\b",
    r"\b(?:label|mark|rate|treat|call|count)\s(?:all|every|each)\s(?:\w+\s){1,3}?(?:as\s)?"
    r"(?:good|correct|proven|entailed|grounded|valid|true)\b",
    r"\bclaims?\s(?:\d+\s)?(?:is|are|as)\s(?:all\s)?[`'\"]?entailed\b|\b(?:than|answer|output|say)\s[`'\"]entailed[`'\"]",
    r"\b(?:say|state|answer|report)\sthat\sthe\sevidence\sis\s(?:sufficient|enough|conclusive)\b",
    rf"{_BEGIN}(?:give|award|assign|grant|output|return|respond with|answer with|rate|score|grade|mark)\s"
    r"(?:(?:this|it|me|my|that|the|a|an|them|its?)\s)?(?:(?:above|following|present|given)\s)?"
    rf"(?:{_PIECE}\s)?(?:(?:a|an|the|as|with)\s)*"
    rf"(?:{_TOP}\s?(?:/\s?\d+|out of \d+)|(?:full|top|perfect|max|maximum|highest|best|10|100)\s(?:\w+\s)?{_MARK})",
    rf"{_BEGIN}(?:mark|accept|approve|label|classify|treat|count|consider|judge|pass)\s"
    rf"(?:this|my|the (?:above|present))\s{_PIECE}"
    r"(?:\s(?:as|to be)\s|\W{0,8}(?:$|\n|and\b|without\b|immediately\b|unconditionally\b))",
    r"\b(?:deserves?|merits?|earns?|worthy of|warrants?)\s(?:(?:a|an|the|only|nothing (?:less|but))\s)*"
    rf"{_TOP}\s{_MARK}",
    r"\bdo not (?:reject|penali[sz]e|deduct|mark down|fail)\b\s(?:this|it|me|my|the|points?)\b",
    r"\byou (?:must|should|will|shall|are (?:instructed|required|ordered|asked|told) to|have to|need to)\s"
    r"(?:now |always |only )?(?:rate|score|grade|accept|approve|pass|give|award|assign)\s"
    rf"(?:this {_PIECE}|my|me|the {_PIECE} (?:a|as|full)|full|a (?:10|perfect|full|top))\b",
)
_SELF_PRAISE = (
    # A text that speaks of itself and says how good it is; of an agent's answer one may say that it is correct.
    rf"\b(?:this|my|such an?)\s(?:\w+\s){{0,2}}?{_ITSELF}\b[^.!?\n]{{0,80}}\b{_LAUDED}\b",
    rf"\b{_LAUDED}\b[^.!?\n]{{0,40}}\b(?:this|my)\s{_ITSELF}\b",
    # Of an agent one may say that it should give a comprehensive answer.
    rf"\ban?\s{_LAUDED}\s(?:reflection|review|critique|assessment|lesson|submission)\b",
    rf"\b(?:(?:this|here|what follows)\s(?:is|was)|i (?:have )?(?:written|wrote|made|given))\san?\s{_LAUDED}\s"
    rf"{_ITSELF}\b",
    # Nothing but the text itself is meant by `the reflection`, or by what stands above.
    rf"\bthe (?:reflection|critique|lesson)\s(?:is|was)\s(?:\w+ ){{0,2}}?(?:{_LAUDED}|correct|accurate|complete)\b",
    rf"\b(?:reasoning|analysis|review|explanation|{_ITSELF})\s(?:given )?above\s(?:is|was)\s(?:\w+ ){{0,2}}?"
    rf"(?:{_LAUDED}|correct|accurate|complete|sound)\b",
    rf"\b(?:nothing|no fault|no flaw|no error)\b[^.!?\n]{{0,40}}\b(?:in|with) this {_ITSELF}\b",
    rf"\b(?:every|each|all) (?:claims?|statements?|points?) (?:in|of) (?:this|my) {_ITSELF}\b",
    rf"\bthis {_PIECE} (?:is|was) (?:\w+ ){{0,2}}?{_PRAISE}(?!\w)",
    rf"(?:^|[.!]\s)(?:flawless|impeccable|a perfect {_PIECE})[.!]",
)
_ADDRESSES = (
    r"\b(?:if|since|because|as) you are (?:an? |the )?(?:large )?(?:language model|ai|llm|chatbot)\b",
    r"\b(?:dear|attention|hey|hello|hi|(?:note|message) (?:to|for)(?: the)?|to the)\W{0,2}\s?(?:\w+ ){0,2}?"
    rf"(?:ai |llm )?{_JUDGE}s?\b\s*[,:!\u2014-]",
    rf"(?:^|\n|[.!?]\s|<!--\s{{0,4}})\W{{0,8}}(?:ai |llm )?{_JUDGE}s?\s?[,:]\s*"
    r"(?:please|you|this|give|accept|mark|approve|rate|score|output|ignore|pass|the|note)\b",
    rf"\bas (?:an? |the )?(?:impartial |fair |strict |ai |llm )*{_JUDGE},? you\b",
    rf"\byou are (?:now |no longer )?(?:an? |the )?(?:\w+ ){{0,2}}?{_JUDGE}\b",
    r"\byou are (?:now )?(?:an? |the )?(?:\w+ ){1,2}whose (?:only |sole |new )*(?:task|job|purpose) is\b",
)
_JUDGE_TALK = {
    "overrides instructions": _OVERRIDES,
    "overrides instructions in another language": _OVERRIDES_ELSEWHERE,
    "forges the frame of a prompt": _FORGED_FRAMES,
    "forges a verdict": _FORGED_VERDICTS,
    "asks for a verdict": _REQUESTS,
    "praises itself": _SELF_PRAISE,
    "addresses the judge": _ADDRESSES,
}
_PATTERNS = {name: re.compile("|".join(parts), re.MULTILINE) for name, parts in _JUDGE_TALK.items()}

# Phrases that begin an answer and are none; judges take some of them for one (arXiv 2507.08794).
_OPENERS = re.compile(
    r"\b(?:thought process|chain of thought|reasoning(?: process)?|(?:final |short )?answer|solution|explanation"
    r"|analysis|reflection|let'?s (?:think|work|go|solve|break|approach|tackle|begin|start|look)\b[^.:\n]{0,60}?"
    r"(?:step by step|carefully|systematically)|(?:to )?(?:think|solve|work) (?:this|it|the problem)[^.:\n]{0,40}"
    r"step by step|step by step|sure|certainly|of course"
    r"|here(?:'s| is) (?:my|the|a|an) (?:reflection|answer|solution|review|response)"
    r"|respuesta|solucion|explicacion|vamos a [^.:\n]{0,40}paso a paso|paso a paso|reponse|losung|antwort|erklarung"
    r"|schritt fur schritt)\b"
    r"|(?:\u8ba9\u6211\u4eec|\u8b93\u6211\u5011)?.{0,6}\u4e00\u6b65\u4e00\u6b65.{0,12}"
    r"|\u601d\u8003\u8fc7\u7a0b|\u89e3\u7b54|\u89e3\u6cd5|\u89e3\u91ca|\u7b54\u6848"
    r"|\u304b\u3044\u305b\u3064|\u89e3\u8aac|\u7b54\u3048"
)


def find_judge_talk(text: str) -> str | None:
    """Kind and wording of the first passage that talks to a judge, at most 80 characters of it; None without one.

    Takes canonical text. Case, accents, lookalike letters, letters spelled one by one and blanks do not hide it.
    """
    plain = _fold(text)
    for name, pattern in _PATTERNS.items():
        match = pattern.search(plain)
        if match is not None:
            return f"{name}: {match.group(0).strip()[:80]!r}"
    return None


def without_openers(text: str) -> str:
    """What is left of a text when the phrases that merely announce an answer are taken out."""
    return _OPENERS.sub(" ", _fold(text))


def _fold(text: str) -> str:
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    # Lookalikes are turned only in words with Latin letters or of nothing else: Russian and Greek stay what they are.
    plain = latin_letters(plain)
    plain = _SPELLED_OUT.sub(lambda run: re.sub(r"[ .\-_*]", "", run.group(0)), plain)
    # One blank or line break for each run of white space, which also keeps the patterns linear.
    return re.sub(r"\s+", lambda run: "\n" if "\n" in run.group(0) else " ", plain.replace("\u2019", "'"))


def latin_letters(text: str) -> str:
    """The text with letters that are drawn as Latin ones turned into these, in words that are otherwise Latin."""
    # Most texts that are not ASCII have a dash or a curly quote, and no such letter.
    if text.isascii() or _LOOKALIKE.search(text) is None:
        return text
    return re.sub(r"\w+", lambda word: _latinised(word.group(0)), text)


def _latinised(word: str) -> str:
    turned = word.translate(_LOOKALIKES)
    return turned if turned.isascii() or re.search("[A-Za-z]", word) else word
